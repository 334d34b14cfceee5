package login_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/engagement/internal/tenanttest"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// activate enables or disables a package as an administrator of everything.
func (h *house) activate(client string, active bool) {
	h.Helper()
	setup := &tenant.Setup{Registry: h.registry, Directory: h.store, Store: h.store, Serials: h.serials, Clock: h.clock}
	all := tenant.Snapshot{Base: []string{tenant.PermAccountsWrite, tenant.PermMarketingCloudAdmin}}
	p := tenant.Principal{Tenant: h.EID, MID: tenant.MID(h.EID), Scopes: []string{tenant.ScopeAccountsWrite}, Permissions: all.Base, Snapshot: all}
	if k, err := setup.ChangePackage(h.Context(), p, client, tenant.PackageChange{Active: &active}); err != nil || k.Active != active {
		h.Fatalf("%v: %+v", err, k)
	}
}

// eachAdministered runs the test on both databases in a tenant whose server package may administer accounts; token is its own.
func eachAdministered(t *testing.T, test func(h *house, token string)) {
	t.Helper()
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			spec := tenanttest.Spec()
			spec.Spec.Packages[0].Scopes = append(spec.Spec.Packages[0].Scopes, "accounts_read", "accounts_write")
			h := newHouse(t, sqldbtest.DSN(t, kind), spec)
			h.make(h.House)
			test(h, h.granted(h.token(h.server(nil))))
		})
	}
}

// patch changes a package, and fails the test unless that is answered with the status.
func (h *house) patch(token, client, change string, status int) answer {
	h.Helper()
	a := h.call("PATCH", "/v2/packages/"+client, token, change)
	if a.status != status {
		h.Fatalf("%s: %d %s", change, a.status, a.text)
	}
	return a
}

// refresh is the request for new tokens by the refresh token of an answer.
func (h *house) refresh(client string, of answer) answer {
	q := m{"grant_type": "refresh_token", "client_id": client, "refresh_token": of.str("refresh_token")}
	if client == h.Web {
		q["client_secret"] = tenanttest.WebSecret
	}
	return h.token(q)
}

// TestPackageDisabledAndEnabled: what a package was given ends for good when it is disabled: "make sure … that the package is
// installed and enabled" (engagement-wire 2.1). Enabling lets everybody begin anew.
func TestPackageDisabledAndEnabled(t *testing.T) {
	eachAdministered(t, func(h *house, admin string) {
		user := h.sign(h.Web, h.Sender)
		if a := h.patch(admin, h.Web, `{"active":false}`, 200); a.body["active"] != false || a.body["ended_sign_ins"] != 1.0 || !strings.Contains(a.str("notice"), "brings no sign-in back") {
			h.Errorf("disabled: %s", a.text)
		}
		if h.alive(user.str("access_token")) {
			h.Error("a token of a disabled package is honoured")
		}
		h.refused(h.refresh(h.Web, user), 401, "invalid_client")
		if list := h.get("/v2/packages", admin); !strings.Contains(strings.ReplaceAll(list.text, " ", ""), `"active":false`) {
			h.Errorf("the list: %s", list.text)
		}
		h.patch(admin, h.Web, `{"active":true}`, 200)
		if h.alive(user.str("access_token")) {
			h.Error("enabling brought an access token back")
		}
		h.refused(h.refresh(h.Web, user), 400, "invalid_grant")
		h.granted(h.refresh(h.Web, h.sign(h.Web, h.Sender)))

		// Connect's own: its grants end with it, and nobody is mapped any more.
		h.sign(h.Connect, h.Sender)
		token := h.granted(h.token(h.assert(h.Sender, nil)))
		if a := h.patch(admin, h.Connect, `{"active":false}`, 200); a.body["ended_grants"] != 1.0 || !strings.HasPrefix(a.str("notice"), "Connect stops") {
			h.Errorf("disabled: %s", a.text)
		}
		h.refused(h.token(h.assert(h.Sender, nil)), 401, "invalid_client")
		if a := h.patch(admin, h.Connect, `{"active":true}`, 200); !strings.Contains(a.str("notice"), "mapped anew") {
			h.Errorf("enabled: %s", a.text)
		}
		h.refused(h.token(h.assert(h.Sender, nil)), 400, "invalid_grant")
		if h.alive(token) {
			h.Error("enabling brought a token by assertion back")
		}
	})
}

// TestPackageChanged: a changed package is in force at once, and in nobody's hands more than before.
func TestPackageChanged(t *testing.T) {
	eachAdministered(t, func(h *house, admin string) {
		// A scope taken away ends the sign-ins that had it, and no other.
		with := h.sign(h.Public, h.Sender)
		f := h.flow(h.Public)
		f.extra = url.Values{"scope": {"email_read offline"}}
		without := h.token(h.exchange(f, h.browser().signIn(f, h.Sender, tenanttest.Password).Get("code")))
		h.granted(without)
		if a := h.patch(admin, h.Public, `{"scopes":["email_read","offline"],"name":"Narrow"}`, 200); a.body["ended_sign_ins"] != 1.0 || a.str("name") != "Narrow" || a.body["notice"] != nil {
			h.Errorf("narrowed: %s", a.text)
		}
		if h.alive(with.str("access_token")) || !h.alive(without.str("access_token")) {
			h.Error("the wrong sign-in goes on")
		}
		h.refused(h.refresh(h.Public, with), 400, "invalid_grant")
		h.patch(admin, h.Public, `{"scopes":["email_read","email_write","email_send","list_and_subscribers_read","data_extensions_read","offline"]}`, 200)
		h.refused(h.refresh(h.Public, with), 400, "invalid_grant")
		h.granted(h.refresh(h.Public, without))

		// So do the tokens of a program in a business unit, and redirect URIs.
		made := h.call("POST", "/v2/packages", admin, `{"name":"Job","type":"server","scopes":["email_read","email_send"]}`)
		job, secret := made.str("client_id"), made.str("client_secret")
		sign := func(mid tenant.MID) answer {
			return h.token(m{"grant_type": "client_credentials", "client_id": job, "client_secret": secret, "account_id": int64(mid)})
		}
		south := h.granted(sign(h.South))
		h.patch(admin, job, `{"mids":[`+h.text(int64(h.EID))+`,`+h.text(int64(h.North))+`]}`, 200)
		h.refused(sign(h.South), 400, "invalid_request")
		north := h.granted(sign(h.North))
		if h.alive(south) || !h.alive(north) {
			h.Error("the wrong unit's token is honoured")
		}
		h.patch(admin, job, `{"scopes":["email_read"]}`, 200)
		if h.alive(north) || h.token(m{"grant_type": "client_credentials", "client_id": job, "client_secret": secret}).str("scope") != "email_read" {
			h.Error("the scopes are not in force")
		}
		h.patch(admin, h.Web, `{"redirect_uris":["https://new.example/cb"]}`, 200)
		if got := h.get(h.flow(h.Web).path(), ""); got.status != 400 {
			h.Errorf("an address that was taken away: %d", got.status)
		}
		if a := h.patch(admin, h.Web, `{}`, 200); a.body["ended_sign_ins"] != 0.0 {
			h.Errorf("nothing changed: %s", a.text)
		}

		// Uninstalled, it is as if it had never been.
		token := h.granted(sign(tenant.MID(h.EID)))
		was, err := h.store.PackageByClientID(h.Context(), job)
		if err != nil {
			h.Fatal(err)
		}
		stale := was
		stale.Name = "before"
		if _, err := h.store.ChangePackage(h.Context(), stale, was, tenant.PackageEnd{}); fault.CodeOf(err) != tenant.CodeChangedMeanwhile {
			h.Errorf("a change of what somebody else has changed: %v", err)
		}
		if got := h.call("DELETE", "/v2/packages/"+job, admin, ""); got.status != 204 || h.alive(token) {
			h.Errorf("uninstalling: %d %s", got.status, got.text)
		}
		h.refused(sign(tenant.MID(h.EID)), 401, "invalid_client")
		h.patch(admin, job, `{"active":true}`, 404)
		if app, err := h.store.UserByID(h.Context(), h.EID, was.AppUser); err != nil || app.Active {
			h.Errorf("the user that it was: %+v %v", app, err)
		}
		if list := h.get("/v2/packages", admin); strings.Contains(list.text, job) {
			h.Errorf("the list: %s", list.text)
		}
	})
}

// TestPackageChangesRefused: whoever changes or takes away a package could have made it, before and after.
func TestPackageChangesRefused(t *testing.T) {
	eachAdministered(t, func(h *house, admin string) {
		north := h.granted(h.token(h.server(m{"account_id": int64(h.North)})))
		h.sql(`UPDATE installed_package SET scopes = $2 WHERE client_id = $1`, h.Public, `["users_write","offline"]`)
		for name, c := range map[string]struct {
			token, method, client, body string
			status                      int
			text                        string
		}{
			"more than he":             {admin, "PATCH", h.Web, `{"scopes":["users_write"]}`, 403, ""},
			"one that is more than he": {admin, "PATCH", h.Public, `{"scopes":["email_read"]}`, 403, ""},
			"away with it":             {admin, "DELETE", h.Public, "", 403, ""},
			"from a child unit":        {north, "PATCH", h.Web, `{"active":false}`, 403, ""},
			"into a child unit":        {north, "PATCH", h.Web, `{"mids":[` + h.text(int64(h.North)) + `]}`, 403, ""},
			"by none":                  {h.sign(h.Web, h.Sender).str("access_token"), "PATCH", h.Web, `{"active":false}`, 403, ""},
			"an unknown scope":         {admin, "PATCH", h.Web, `{"scopes":["no_such"]}`, 400, `has the scope \"no_such\", which there is not.`},
			"a wildcard":               {admin, "PATCH", h.Web, `{"redirect_uris":["https://x.example/*"]}`, 400, `holds a character that a URI cannot, or a wildcard."`},
			"no address":               {admin, "PATCH", h.Web, `{"redirect_uris":[]}`, 400, "needs a redirect URI"},
			"no name":                  {admin, "PATCH", h.Web, `{"name":""}`, 400, ""},
			"a unit that is not there": {admin, "PATCH", h.Web, `{"mids":[1]}`, 400, ""},
			"an unknown key":           {admin, "PATCH", h.Web, `{"type":"server"}`, 400, ""},
			"an unknown package":       {admin, "PATCH", "nobody-has-this", `{"active":false}`, 404, ""},
			"Connect's address":        {admin, "PATCH", h.Connect, `{"redirect_uris":["https://x.example/cb"]}`, 400, "stand for people"},
			"Connect's own":            {admin, "DELETE", h.Connect, "", 400, "cannot be uninstalled"},
			"itself":                   {admin, "DELETE", h.Server, "", 400, "the package itself"},
			"itself, disabled":         {admin, "PATCH", h.Server, `{"active":false}`, 400, "the package itself"},
			"its own right to do so":   {admin, "PATCH", h.Server, `{"scopes":["email_read"]}`, 400, "the package itself"},
		} {
			if a := h.call(c.method, "/v2/packages/"+c.client, c.token, c.body); a.status != c.status || !strings.Contains(a.text, c.text) {
				h.Errorf("%s: %d %s", name, a.status, a.text)
			}
		}
		if a := h.call("POST", "/v2/packages", admin, `{"name":"W","type":"web","redirect_uris":["https://x.example/*"]}`); a.status != 400 || strings.Contains(a.text, "..") {
			h.Errorf("two full stops: %d %s", a.status, a.text)
		}
	})
}
