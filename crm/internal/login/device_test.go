package login_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// TestDeviceFlow: the device asks, a person types the code, the device gets its tokens (crm-wire 1.3, RFC 8628).
func TestDeviceFlow(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		begin := func() answer {
			return h.token("response_type", "device_code", "client_id", h.org.open, "scope", "api refresh_token")
		}
		poll := func(code string) answer {
			return h.token("grant_type", "device", "client_id", h.org.open, "code", code)
		}
		wantError(t, begin(), 400, "invalid_request", "the device flow is not enabled for this app")
		h.changeApp(h.org.open, func(a *org.ConnectedApp) { a.Flows.Device = true })
		// connect types the code and answers the question.
		connect := func(code, decision string) answer {
			b := h.browser()
			page := b.signIn(b.get("/setup/connect?user_code="+code), h.org.user, userPassword)
			if !strings.Contains(page.body, "Connect a device") || !strings.Contains(page.body, code) {
				t.Fatalf("after the sign-in: %v", page)
			}
			page = b.post("/setup/connect", form("tx", page.hidden("tx"), "user_code", strings.ToLower(code)))
			if !strings.Contains(page.body, "on the device whose code you typed") {
				return page
			}
			return b.post("/setup/connect", form("tx", page.hidden("tx"), "decision", decision))
		}

		a := begin()
		code, user := a.get("device_code"), a.get("user_code")
		if a.status != 200 || a.get("verification_uri") != h.url+"/setup/connect" || a.json["interval"] != 5.0 || a.json["expires_in"] != 600.0 || len(user) != 9 {
			t.Fatalf("the beginning: %v", a)
		}
		wantError(t, poll(code), 400, "authorization_pending", "the user has not answered yet")
		wantError(t, poll(code), 400, "slow_down", "the device asks too often")
		h.advance(5 * time.Second) // the interval has grown
		wantError(t, poll(code), 400, "slow_down", "the device asks too often")
		wantError(t, h.token("grant_type", "device", "client_id", h.org.closed, "code", code), 400, "invalid_request", "the device flow is not enabled for this app")
		if page := connect(user, "allow"); !strings.Contains(page.body, "Open App is connected") {
			t.Fatalf("the answer: %v", page)
		}
		if page := connect(user, "allow"); !strings.Contains(page.body, "no such code") {
			t.Errorf("a second answer: %v", page)
		}
		h.advance(time.Minute)
		got := poll(code)
		if got.status != 200 || !h.live(got.get("access_token")) || got.get("scope") != "api refresh_token" {
			t.Fatalf("the tokens: %v", got)
		}
		if next := h.refresh(got.get("refresh_token")); next.status != 200 {
			t.Errorf("the refresh token: %v", next)
		}
		h.advance(time.Minute)
		wantError(t, poll(code), 400, "expired_token", "the device code has expired")

		a = begin()
		if page := connect(a.get("user_code"), "deny"); !strings.Contains(page.body, "has no access") {
			t.Errorf("denied: %v", page)
		}
		wantError(t, poll(a.get("device_code")), 400, "access_denied", "end-user denied authorization")

		a = begin()
		h.advance(10 * time.Minute)
		wantError(t, poll(a.get("device_code")), 400, "expired_token", "the device code has expired")
		if page := connect(a.get("user_code"), "allow"); !strings.Contains(page.body, "no such code") {
			t.Errorf("too late: %v", page)
		}
		wantError(t, poll("Dv"+strings.Repeat("A", 54)), 400, "expired_token", "the device code has expired")
	})
}

// TestDeviceOfAnotherOrg: a code is of the app's org alone, and a strict app has none.
func TestDeviceOfAnotherOrg(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(t *testing.T, h *house) {
		other := h.newOrg("other")
		h.changeApp(h.org.open, func(a *org.ConnectedApp) { a.Flows.Device = true })
		a := h.token("response_type", "device_code", "client_id", h.org.open)
		b := h.browser()
		page := b.signIn(b.get("/setup/connect"), other.user, userPassword)
		if page = b.post("/setup/connect", form("tx", page.hidden("tx"), "user_code", a.get("user_code"))); !strings.Contains(page.body, "no such code") {
			t.Errorf("a user of another org: %v", page)
		}
		// Without the page there is no answer: neither the request's number nor another browser's form is enough.
		if page := h.browser().post("/setup/connect", form("tx", page.hidden("tx"), "user_code", a.get("user_code"))); page.status != 403 {
			t.Errorf("another browser: %v", page)
		}
		h.changeApp(h.org.open, func(a *org.ConnectedApp) { a.Flows.Strict = true })
		wantError(t, h.token("response_type", "device_code", "client_id", h.org.open), 400, "invalid_request", "the device flow is not enabled for this app")
	})
}

// TestLoginThrottle: too many logins are refused at every door before a password is hashed, with the time to wait and
// without telling whether there is such a user (LG-04, LG-07).
func TestLoginThrottle(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(t *testing.T, h *house) {
		whole := h
		h = h.limited(org.LoginLimits{UserPerHour: 3, FailuresPerMinute: 1})
		door := map[string]func(user string) answer{
			"password grant": func(user string) answer {
				return h.token("grant_type", "password", "client_id", h.org.open, "client_secret", appSecret, "username", user, "password", "wrong")
			},
			"SOAP": func(user string) answer { return h.soapLogin("50.0", user, "wrong") },
			"page": func(user string) answer {
				b := h.browser()
				return b.signIn(b.get("/login"), user, "wrong")
			},
		}
		refused := func(name, user, oauthCode string, status int) answer {
			t.Helper()
			a := door[name](user)
			want := map[string]int{"password grant": status, "SOAP": 500, "page": status}[name]
			if a.status != want || a.header.Get("Retry-After") == "" || !strings.Contains(a.body, map[bool]string{true: "REQUEST_LIMIT_EXCEEDED", false: oauthCode}[name == "SOAP"]) {
				t.Errorf("%s, %s: Retry-After %q, %v", name, user, a.header.Get("Retry-After"), a)
			}
			return a
		}
		// One user's logins, counted over all doors; one that does not exist gets the same answers.
		for _, user := range []string{h.org.user, "nobody@nowhere.example"} {
			for name := range door {
				if a := door[name](user); a.header.Get("Retry-After") != "" {
					t.Errorf("%s: an early refusal: %v", name, a)
				}
			}
			for name := range door {
				refused(name, strings.ToUpper(user), "rate_limit_exceeded", 400)
			}
		}
		wantError(t, door["password grant"](h.org.user), 400, "rate_limit_exceeded", "number of logins exceeded")
		// One password for many users: the network is stopped, and nobody is locked out.
		for i := range 4 {
			door["password grant"](fmt.Sprintf("spray%d@nowhere.example", i))
		}
		for name := range door {
			refused(name, h.org.admin, "rate_limit_exceeded", 429)
		}
		whole.advance(time.Minute)
		if a := h.token("grant_type", "password", "client_id", h.org.open, "client_secret", appSecret, "username", h.org.admin, "password", adminPassword+securityToken); a.status != 200 {
			t.Errorf("a minute later: %v", a)
		}
	})
}

// TestUnknownUsersTakeAsLong: what a login takes does not tell whether there is such a user. A look-up without a hash would be
// some fifty times quicker; the bound leaves room for a busy machine (LG-08).
func TestUnknownUsersTakeAsLong(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(t *testing.T, h *house) {
		// The fixture's hashes cost next to nothing: this user gets a real one.
		c, err := org.HashCredential(t.Context(), h.org.id, h.userID(h.org.user), userPassword, securityToken, start)
		if err == nil {
			err = h.store.DB().Write(t.Context(), func(tx *sqldb.Tx) error { return sqlstore.PutCredential(tx, c) })
		}
		if err != nil {
			t.Fatal(err)
		}
		took := map[string][]time.Duration{}
		bodies := map[string]string{}
		for range 9 {
			for _, user := range []string{h.org.user, "nobody@nowhere.example", h.org.outsider} { // who has no password
				from := time.Now()
				a := h.token("grant_type", "password", "client_id", h.org.open, "client_secret", appSecret, "username", user, "password", "wrong")
				took[user] = append(took[user], time.Since(from))
				if a.status == 400 { // not 503, which a busy machine answers
					bodies[a.body] = user
				}
			}
		}
		if len(bodies) != 1 {
			t.Errorf("the answers differ: %v", bodies)
		}
		median := func(user string) time.Duration {
			slices.Sort(took[user])
			return took[user][len(took[user])/2]
		}
		known := median(h.org.user)
		for _, user := range []string{"nobody@nowhere.example", h.org.outsider} {
			if m := median(user); m < known/4 || m > known*4 {
				t.Errorf("%s takes %v, a known user %v", user, m, known)
			}
		}
	})
}
