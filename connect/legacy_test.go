package connect_test

import (
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/internal/client/browser"
)

// lastDay is the last day on which a new password connection can be made (document 002), a few hours before its end.
var lastDay = time.Date(2016, time.May, 31, 20, 0, 0, 0, time.UTC)

const orgPassword, orgToken = "/api/v1/connection/org/password", "canary-token-Hd7"

// at moves the domain time of all three to a moment.
func (w *world) at(t *testing.T, when time.Time) {
	t.Helper()
	w.advance(t, when.Sub(w.now()))
}

// connectOrg connects into the org by the system user's password.
func (w *world) connectOrg(t *testing.T, status int, member, text string) map[string]any {
	t.Helper()
	return w.wantCall(t, orgPassword, "", map[string]any{"system_user": system.Username, "password": system.Password, "security_token": orgToken, "by": "olga"}, status, member, text)
}

// use uses a span, "org" or "engagement", and says how it stands then.
func (w *world) use(t *testing.T, span string) (state, cause string) {
	t.Helper()
	_, _ = w.call(t, "/api/v1/status/check", "", map[string]any{}) // the status below tells
	_, s := w.call(t, "/api/v1/status", "", nil)
	return linktest.Text(s, span+".state"), linktest.Text(s, span+".cause.code")
}

// The way into the org before Connected App authentication: SOAP login with credentials that lie sealed. What becomes of
// them breaks the span with its cause, which is not tried again before new ones are given.
func TestPasswordIntoOrg(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.at(t, lastDay)
		w.org.SetSecurityToken(system.Username, orgToken)
		w.advance(t, time.Minute)
		w.wantCall(t, orgPassword, "", map[string]any{"system_user": system.Username, "security_token": orgToken}, 400, "error.code", "credentials_required")
		w.wantCall(t, orgPassword, "", map[string]any{"system_user": system.Username, "password": "wrong"}, 403, "error.code", "INVALID_LOGIN")
		s := w.connectOrg(t, 200, "org.auth", "password")
		if linktest.Text(s, "org.credentials_given_at") == "" || linktest.Text(s, "org.org_id") != linktest.OrgID {
			t.Fatalf("connected: %v", s)
		}
		if w.org.Calls("POST /services/oauth2/token") != 0 {
			t.Error("a span of passwords asked for a token")
		}
		// Told to connect again without credentials, the stored ones are tried; and nothing changes.
		w.wantCall(t, "/api/v1/connection/org", "", map[string]any{"system_user": system.Username}, 200, "org.auth", "password")
		w.wantEntries(t, "API: olga connection.org")

		const login = "POST /services/Soap/u/65.0"
		for _, c := range []struct {
			cause string
			lasts bool // new credentials alone mend it
			do    func()
			mend  func()
		}{
			{"ip_refused", false, func() { w.org.RefuseLogins("LOGIN_DURING_RESTRICTED_DOMAIN") }, func() { w.org.RefuseLogins("") }},
			{"locked_out", false, func() { w.org.Lock(system.Username, true) }, func() { w.org.Lock(system.Username, false) }},
			{"security_token_reset", true, func() { w.org.SetSecurityToken(system.Username, "other") }, func() { w.org.SetSecurityToken(system.Username, orgToken) }},
			{"password_expired", false, func() { w.org.ExpirePassword(system.Username) }, func() { w.org.SetPassword(system.Username, system.Password) }},
			{"password_changed", true, func() { w.org.SetPassword(system.Username, "other") }, func() { w.org.SetPassword(system.Username, system.Password) }},
		} {
			w.advance(t, time.Hour)
			c.do()
			if state, cause := w.use(t, "org"); state != "broken" || cause != c.cause {
				t.Errorf("%s: the span is %s by %s", c.cause, state, cause)
			}
			tries := w.org.Calls(login)
			w.use(t, "org")
			if again := w.org.Calls(login) > tries; again == c.lasts {
				t.Errorf("%s: tried again is %v", c.cause, again)
			}
			w.advance(t, time.Minute)
			c.mend()
			w.advance(t, time.Minute)
			if c.lasts {
				if state, cause := w.use(t, "org"); state != "broken" || cause != c.cause {
					t.Errorf("%s, not renewed: the span is %s by %s", c.cause, state, cause)
				}
				w.wantCall(t, orgPassword, "", map[string]any{"password": system.Password, "security_token": orgToken}, 200, "org.state", "connected")
			}
			if state, _ := w.use(t, "org"); state != "connected" {
				t.Errorf("%s, mended: the span is %s", c.cause, state)
			}
		}

		w.noSecrets(t, orgToken, "session-")
	})
}

const tenantPassword = "/api/v1/connection/engagement/password"

// connectTenant connects into Engagement by the API user's password.
func (w *world) connectTenant(t *testing.T, status int, member, text string) map[string]any {
	t.Helper()
	return w.wantCall(t, tenantPassword, "", map[string]any{"api_user": apiUser.Username, "password": apiUser.Password, "by": "olga"}, status, member, text)
}

// The way into Engagement below package 220: SOAP by the API user's name and password, REST by a token of his sign-in on
// the login page. What becomes of the password, or of the setting, breaks the span with its cause.
func TestPasswordIntoEngagement(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.org.Install(219, 0)
		w.wantCall(t, "/api/v1/connection/org", "", map[string]any{"system_user": system.Username}, 200, "org.auth", "jwt")
		w.wantCall(t, tenantPassword, "", map[string]any{"api_user": apiUser.Username}, 400, "error.code", "credentials_required")
		w.wantCall(t, tenantPassword, "", map[string]any{"api_user": apiUser.Username, "password": "wrong"}, 403, "error.code", "credentials_refused")
		w.tenant.WebServicePasswords(false)
		w.connectTenant(t, 403, "error.code", "api_user_role_missing")
		w.tenant.GiveRoles(apiUser.Username, "Marketing Cloud Administrator")
		w.connectTenant(t, 403, "error.code", "web_services_password_off")
		w.tenant.WebServicePasswords(true)
		s := w.connectTenant(t, 200, "engagement.auth", "password")
		if linktest.Text(s, "engagement.credentials_given_at") == "" || linktest.Text(s, "engagement.api_user") != apiUser.Username {
			t.Fatalf("connected: %v", s)
		}
		w.wantCall(t, "/api/v1/connection/engagement", "", map[string]any{"api_user": apiUser.Username}, 200, "engagement.auth", "password")
		w.wantEntries(t, "API connection.org", "API: olga connection.engagement")
		w.wantCall(t, "/api/v1/status", "", nil, 200, "state", "connected")

		const page = "POST /v2/authorize"
		for _, c := range []struct {
			cause string
			lasts bool
			do    func()
			mend  func()
		}{
			{"web_services_password_off", false, func() { w.tenant.WebServicePasswords(false) }, func() { w.tenant.WebServicePasswords(true) }},
			{"not_an_api_user", false, func() { w.tenant.TickAPIUser(apiUser.Username, false) }, func() { w.tenant.TickAPIUser(apiUser.Username, true) }},
			{"locked_out", false, func() { w.tenant.Lock(apiUser.Username, true) }, func() { w.tenant.Lock(apiUser.Username, false) }},
			{"password_expired", false, func() { w.tenant.ExpirePassword(apiUser.Username) }, func() { w.tenant.SetPassword(apiUser.Username, apiUser.Password) }},
			{"password_changed", true, func() { w.tenant.SetPassword(apiUser.Username, "other") }, func() { w.tenant.SetPassword(apiUser.Username, apiUser.Password) }},
		} {
			w.advance(t, 5*time.Minute)
			c.do()
			if state, cause := w.use(t, "engagement"); state != "broken" || cause != c.cause {
				t.Errorf("%s: the span is %s by %s", c.cause, state, cause)
			}
			tries := w.tenant.Calls(page)
			w.use(t, "engagement")
			if again := w.tenant.Calls(page) > tries; again == c.lasts {
				t.Errorf("%s: tried again is %v", c.cause, again)
			}
			c.mend()
			if c.lasts {
				w.advance(t, time.Minute)
				w.wantCall(t, tenantPassword, "", map[string]any{"password": apiUser.Password}, 200, "engagement.state", "connected")
			}
			if state, _ := w.use(t, "engagement"); state != "connected" {
				t.Errorf("%s, mended: the span is %s", c.cause, state)
			}
		}

		// A user's mapping rests on the refresh token of his own sign-in, which is spent with each use.
		b := browser.New(nil)
		wantPage(t, w.visit(t, b, w.url+"/marketing-cloud", ann, annMC), 200, "Connected as ann.mc.")
		for range 3 {
			w.advance(t, time.Hour)
			w.wantCall(t, "/api/v1/users/"+ann.Username, "", nil, 200, "state", "mapped")
		}
		w.tenant.Integrate(bobMC.Username, bob.Username)
		w.wantCall(t, "/api/v1/users/map", "", map[string]any{"crm_username": bob.Username, "engagement_username": bobMC.Username}, 409, "error.code", "tenant_oauth_required")
		if w.tenant.Calls("POST /v2/grants") != 0 {
			t.Error("somebody was vouched for")
		}
		// The API user's password is not his: changing it breaks no mapping for good.
		w.advance(t, time.Minute)
		w.tenant.SetPassword(apiUser.Username, "other")
		w.tenant.Grant(annMC.Username, true)
		w.use(t, "engagement")
		w.wantCall(t, tenantPassword, "", map[string]any{"password": "other"}, 200, "engagement.state", "connected")
		w.wantCall(t, "/api/v1/users/"+ann.Username, "", nil, 200, "state", "mapped")
		// Cleared, he is asked again, and signs in anew.
		w.wantCall(t, "/api/v1/users/clear", "", map[string]any{"users": []string{ann.Username}, "reason": "why not"}, 200, "next", "")
		wantPage(t, w.visit(t, b, w.url+"/marketing-cloud", ann, annMC), 200, "Connected as ann.mc.")
		w.wantCall(t, "/api/v1/users/"+ann.Username, "", nil, 200, "state", "mapped")

		// From package 220 on none is made, and this one has a finding.
		w.org.Install(220, 0)
		w.wantCall(t, "/api/v1/users/check", "", map[string]any{}, 200, "package_version", "220")
		_, s = w.call(t, "/api/v1/status", "", nil)
		found, _ := s["findings"].([]any)
		if len(found) != 1 || found[0].(map[string]any)["code"] != "tenant_oauth_required" {
			t.Errorf("with package 220: %v", s["findings"])
		}
		w.noSecrets(t, "other-password")
	})
}

// Connected App authentication is required as of 1 June 2016: from that day by the pair's clock no new connection by
// password is made, and one from before has a standing finding.
//
// seed:api S002-16
func TestRequiredSinceJune2016(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.at(t, lastDay)
		w.org.SetSecurityToken(system.Username, orgToken)
		w.connectOrg(t, 200, "org.auth", "password")
		if _, s := w.call(t, "/api/v1/status", "", nil); s["findings"] != nil {
			t.Errorf("on 31 May: %v", s["findings"])
		}
		w.at(t, lastDay.Add(4*time.Hour)) // midnight: the day has begun
		_, s := w.call(t, "/api/v1/status", "", nil)
		found, _ := s["findings"].([]any)
		if len(found) != 1 || found[0].(map[string]any)["code"] != "connected_app_required_since" {
			t.Errorf("on 1 June: %v", s["findings"])
		}
		w.connectOrg(t, 200, "org.auth", "password") // one that is there is renewed
		w.wantCall(t, "/api/v1/connection/org", "", map[string]any{"system_user": system.Username, "auth": "jwt"}, 200, "org.auth", "jwt")
		if _, s := w.call(t, "/api/v1/status", "", nil); s["findings"] != nil {
			t.Errorf("by key: %v", s["findings"])
		}
		w.connectOrg(t, 409, "error.code", "connected_app_required_since")
		// Where it is allowed all the same, it is made, with its finding.
		w.wantCall(t, "/api/v1/connection/settings", "", map[string]any{"legacy": "perhaps"}, 400, "error.field", "legacy")
		w.wantCall(t, "/api/v1/connection/settings", "", nil, 200, "legacy", "refuse")
		w.wantCall(t, "/api/v1/connection/settings", "", map[string]any{"legacy": "warn", "by": "olga"}, 200, "legacy", "warn")
		w.connectOrg(t, 200, "org.auth", "password")
		if _, s := w.call(t, "/api/v1/status", "", nil); s["findings"] == nil {
			t.Error("made after its time, and nothing found")
		}
		w.wantCall(t, "/api/v1/connection/org", "", map[string]any{"system_user": system.Username, "auth": "jwt"}, 200, "org.auth", "jwt")
		if got := w.entries(t); got[len(got)-3] != "API: olga connection.settings" {
			t.Errorf("the chain has %v", got)
		}
		w.advance(t, time.Hour)
		w.org.SetPassword(system.Username, "another")
		if state, _ := w.use(t, "org"); state != "connected" {
			t.Errorf("by key, after a change of the password: the span is %s", state)
		}
	})
}
