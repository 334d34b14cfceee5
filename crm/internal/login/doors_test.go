package login_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
)

// cookie is the value of a cookie of the browser; "" where it has none.
func (b *browser) cookie(name string) string {
	b.h.t.Helper()
	u, err := url.Parse(b.h.url)
	if err != nil {
		b.h.t.Fatal(err)
	}
	for _, c := range b.jar.Cookies(u) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// setting changes a setting of the org, "Type.path".
func (h *house) setting(path, value string) {
	h.t.Helper()
	if err := h.login.Settings().Change(h.t.Context(), h.adminSession(), org.SettingsChange{Values: map[string]string{path: value}}); err != nil {
		h.t.Fatal(err)
	}
}

// loginAs is a browser in which the administrator is logged in as the user.
func (h *house) loginAs(username string) *browser {
	h.t.Helper()
	h.setting("SecuritySettings.enableAdminLoginAsAnyUser", "true")
	b := h.browser()
	b.follow(b.signIn(b.get("/login"), h.org.admin, adminPassword))
	if a := b.post("/servlet/servlet.su", form("suorgadminid", string(h.userID(username)))); a.status >= 400 || b.cookie("crm-admin") == "" {
		h.t.Fatalf("logging in as %s: %v", username, a)
	}
	return b
}

// singleAccess asks for a link that signs a browser in; "" where there is none.
func (h *house) singleAccess(token string) (path string, a answer) {
	h.t.Helper()
	a = h.get("/services/oauth2/singleaccess", "Authorization", "Bearer "+token)
	return strings.TrimPrefix(a.get("frontdoor_uri"), h.url), a
}

// TestLoginAsLeavesByNoLink: a link would make the administrator a user whom no row and no policy tells from the real one.
func TestLoginAsLeavesByNoLink(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(t *testing.T, h *house) {
		as := h.loginAs(h.org.user).cookie("crm-sid")
		if !h.live(as) {
			t.Fatal("the login as is not under way")
		}
		if link, a := h.singleAccess(as); link != "" || a.status != http.StatusForbidden || a.body != "Bad_OAuth_Token" {
			t.Errorf("a link out of a login as: %v", a)
		}
		if link, a := h.singleAccess(h.bearerToken()); link == "" {
			t.Errorf("a link for the user himself: %v", a)
		}
	})
}

// rangesElsewhere lets the org's users in from addresses alone that no test has.
func (h *house) rangesElsewhere(on bool) {
	h.t.Helper()
	ranges := "[]"
	if on {
		ranges = `[{"start":"10.0.0.0","end":"10.0.0.9"}]`
	}
	if _, err := h.exec(`UPDATE profile SET login_ip_ranges = $2 WHERE org_id = $1`, string(h.org.id), ranges); err != nil {
		h.t.Fatal(err)
	}
	h.login.SetupChanged(h.org.id)
}

func (h *house) freeze(username string, on bool) {
	h.t.Helper()
	frozen := 0
	if on {
		frozen = 1
	}
	if _, err := h.exec(`UPDATE user_login SET frozen = $2 WHERE user_id = $1`, string(h.userID(username)), frozen); err != nil {
		h.t.Fatal(err)
	}
	h.login.SetupChanged(h.org.id)
}

// TestTheFrontdoorAsksAsALoginDoes: profile, state, host, and whether the token that asked for the link still works (crm-wire
// 1.11, 6 Profile.loginIpRanges).
func TestTheFrontdoorAsksAsALoginDoes(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		end := func(token string) {
			if a := h.get("/services/oauth2/revoke?token=" + url.QueryEscape(token)); a.status != 200 {
				t.Fatalf("revoking: %v", a)
			}
		}
		for _, c := range []struct {
			name, row  string
			host       string // "" for the server's own
			close, put func(token string)
		}{
			{name: "from outside the ranges", row: "Restricted IP", close: func(string) { h.rangesElsewhere(true) }, put: func(string) { h.rangesElsewhere(false) }},
			{name: "a frozen user", row: "User Is Frozen", close: func(string) { h.freeze(h.org.user, true) }, put: func(string) { h.freeze(h.org.user, false) }},
			{name: "at another org's My Domain", row: "No Salesforce.com Access", host: "another.my.localhost"},
			{name: "a token that was revoked", row: "Success", close: end}, // the token's own row is the last
		} {
			token := h.bearerToken()
			link, a := h.singleAccess(token)
			if link == "" {
				t.Fatalf("%s: no link: %v", c.name, a)
			}
			if c.host != "" {
				h.newOrg("another")
			}
			if c.close != nil {
				c.close(token)
			}
			before := len(h.history(h.org.user))
			r := h.request(http.MethodGet, link, "", "")
			if c.host != "" {
				r.Host = c.host + r.URL.Host[strings.LastIndexByte(r.URL.Host, ':'):]
			}
			a = h.do(r)
			if a.status != http.StatusForbidden || len(a.header.Values("Set-Cookie")) != 0 || h.lastStatus(h.org.user) != c.row {
				t.Errorf("%s: %d, history %s", c.name, a.status, h.lastStatus(h.org.user))
			}
			if rows := len(h.history(h.org.user)) - before; (rows == 1) != (c.row != "Success") {
				t.Errorf("%s: %d rows", c.name, rows)
			}
			if c.put != nil {
				c.put(token)
			}
		}
	})
}

// TestALinksBrowserEndsWithItsToken: whatever ends the token, ends the browser that its link opened, and the browser is listed
// no more.
func TestALinksBrowserEndsWithItsToken(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		admin := h.adminSession()
		apps := &org.Apps{Store: h.store, Uses: h.store, Users: h.store, Clock: h.clock, Changes: h.login}
		for name, end := range map[string]func(token string){
			"the token is revoked": func(token string) { h.get("/services/oauth2/revoke?token=" + url.QueryEscape(token)) },
			"its app's use is revoked": func(string) {
				if err := apps.Revoke(t.Context(), admin, "Open_App", ""); err != nil {
					t.Error(err)
				}
			},
			"its session is deleted": func(token string) {
				s, err := h.login.Authenticate(t.Context(), token, here)
				if err == nil {
					err = h.records.Delete(t.Context(), admin, "AuthSession", string(org.NumberID(org.PrefixAuthSession, s.ID)))
				}
				if err != nil {
					t.Error(err)
				}
			},
		} {
			token := h.exchange(h.code("scope", "api web refresh_token")).get("access_token")
			link, a := h.singleAccess(token)
			if link == "" {
				t.Fatalf("%s: no link: %v", name, a)
			}
			b := h.browser()
			b.get(link)
			sid := b.cookie("crm-sid")
			if !h.live(sid) {
				t.Fatalf("%s: the link opened nothing", name)
			}
			if again, a := h.singleAccess(sid); again != "" {
				t.Errorf("a browser of a link opens another: %v", a)
			}
			end(token)
			if h.live(token) || h.live(sid) {
				t.Errorf("%s: token %t, browser %t", name, h.live(token), h.live(sid))
			}
			if n := h.count(`SELECT COUNT(*) FROM auth_session_record WHERE users_id = $1`, string(h.userID(h.org.user))) -
				h.count(`SELECT COUNT(*) FROM auth_session WHERE user_id = $1 AND session_type = 'UI' AND parent_id = 0`, string(h.userID(h.org.user))); n != 0 {
				t.Errorf("%s: %d sessions are listed that ended", name, n)
			}
			if a := b.get("/"); strings.Contains(a.body, "Uwe User") {
				t.Errorf("%s: the browser goes on: %v", name, a)
			}
		}
	})
}

// count reads one number.
func (h *house) count(query string, args ...any) (n int) {
	h.t.Helper()
	if err := h.store.DB().QueryRow(h.t.Context(), query, args...).Scan(&n); err != nil {
		h.t.Fatal(err)
	}
	return n
}

// TestAnExpiredPasswordIsChangedWhereOneMayLogIn: the page lies up to a quarter of an hour behind the sign-in.
func TestAnExpiredPasswordIsChangedWhereOneMayLogIn(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(t *testing.T, h *house) {
		h.setClock(100 * 24 * time.Hour)
		b := h.browser()
		page := b.signIn(b.get("/login"), h.org.user, userPassword)
		set := func() answer {
			return b.post("/secur/expiredpassword.jsp", form("tx", page.hidden("tx"), "new_password", "another-pass-1", "confirm_password", "another-pass-1"))
		}
		h.rangesElsewhere(true)
		if a := set(); a.status != http.StatusForbidden || b.cookie("crm-sid") != "" || h.lastStatus(h.org.user) != "Restricted IP" {
			t.Errorf("from outside the ranges: %v, history %s", a, h.lastStatus(h.org.user))
		}
		h.rangesElsewhere(false)
		if a := set(); !strings.Contains(a.body, "Uwe User") || !h.live(b.cookie("crm-sid")) {
			t.Errorf("from inside, with the password as it was: %v", a)
		}
	})
}

// TestLoginAsEnds with the administrator's own session, by a new sign-in in the same browser, and, for what runs on without a
// browser, with the policy and the administrator.
func TestLoginAsEnds(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		left := func() int {
			return h.count(`SELECT COUNT(*) FROM setup_audit_trail WHERE action = 'suOrgAdminLogout' AND delegate_user = $1`, h.org.admin)
		}
		b := h.loginAs(h.org.user)
		as, own := b.cookie("crm-sid"), b.cookie("crm-admin")
		s, err := h.login.Authenticate(t.Context(), own, here)
		if err == nil {
			err = h.records.Delete(t.Context(), h.adminSession(), "AuthSession", string(org.NumberID(org.PrefixAuthSession, s.ID)))
		}
		if err != nil || h.live(own) || h.live(as) {
			t.Errorf("his own session was ended: %v, own %t, as the user %t", err, h.live(own), h.live(as))
		}
		b = h.loginAs(h.org.user)
		as, own = b.cookie("crm-sid"), b.cookie("crm-admin")
		before := left()
		b.signIn(b.get("/login"), h.org.user, userPassword)
		if b.cookie("crm-admin") != "" || !h.live(b.cookie("crm-sid")) || h.live(own) || h.live(as) || left() != before+1 {
			t.Errorf("a new sign-in: own %t, as the user %t, %d rows", h.live(own), h.live(as), left()-before)
		}
		job := func() error {
			_, err := org.JobSession(t.Context(), h.store, org.Session{Org: h.org.id, User: h.userID(h.org.user), Delegate: h.userID(h.org.admin)})
			return err
		}
		if err := job(); err != nil {
			t.Fatalf("a job while all is well: %v", err)
		}
		h.freeze(h.org.admin, true)
		if err := job(); fault.KindOf(err) != fault.NotFound {
			t.Errorf("a job of a frozen administrator: %v", err)
		}
		h.freeze(h.org.admin, false)
		// What the user may do to passwords, the administrator does not do to his.
		inside := h.adminSession()
		inside.User, inside.Delegate = h.userID(h.org.user), inside.User
		if err := h.login.Accounts().SetFor(t.Context(), inside, inside.User, "stolen-pass-1"); fault.KindOf(err) != fault.Denied {
			t.Errorf("the password of the user whom he is logged in as: %v", err)
		}
		b = h.loginAs(h.org.user)
		own = b.cookie("crm-admin")
		h.setting("SecuritySettings.enableAdminLoginAsAnyUser", "false")
		if b.get("/secur/logout.jsp"); b.cookie("crm-admin") != "" || b.cookie("crm-sid") != "" || h.live(own) {
			t.Errorf("logging out after it ended leaves his own session: %t", h.live(own))
		}
		if err := job(); fault.KindOf(err) != fault.NotFound {
			t.Errorf("a job without the policy: %v", err)
		}
	})
}
