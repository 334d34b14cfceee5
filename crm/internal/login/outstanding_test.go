package login_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/oauth"
)

// TestWhatIsOutEndsToo: a code, or a token without a grant, that was out when everything was taken back makes nothing afterwards
// (security RV-09, RV-10).
func TestWhatIsOutEndsToo(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		apps := &org.Apps{Store: h.store, Uses: h.store, Users: h.store, Clock: h.clock, Changes: h.login}
		revoke := func(username string) func() {
			return func() {
				if err := apps.Revoke(t.Context(), h.adminSession(), "Open_App", username); err != nil {
					t.Fatal(err)
				}
			}
		}
		block := func() {
			for _, on := range []bool{true, false} {
				if _, err := apps.Change(t.Context(), h.adminSession(), "Open_App", org.AppChange{Blocked: &on}, false); err != nil {
					t.Fatal(err)
				}
			}
		}
		again := func() {
			h.changeUser(h.org.user, map[string]any{"IsActive": false})
			h.advance(1e9) // so that what comes now is of another millisecond
			h.changeUser(h.org.user, map[string]any{"IsActive": true})
		}
		for name, end := range map[string]func(){
			"use of everybody revoked": revoke(""), "use of the user revoked": revoke(h.org.user), "app blocked and unblocked": block, "user deactivated and activated": again,
		} {
			h.exchange(h.code()) // an approval that stands, so that the next code has no grant yet
			code, bearer := h.code(), h.token("grant_type", jwtBearer, "assertion", h.assertion(func(c *oauth.Claims) { c.Issuer = h.org.open })).get("access_token")
			if !h.live(bearer) {
				t.Fatalf("%s: no token to begin with", name)
			}
			end()
			wantError(t, h.exchange(code), 400, "invalid_grant", "expired authorization code")
			if h.live(bearer) {
				t.Errorf("%s: a token without a grant lives", name)
			}
			if got := h.exchange(h.code()); got.status != 200 || !h.live(got.get("access_token")) {
				t.Errorf("%s: the user cannot come again: %v", name, got)
			}
		}
		other := h.code()
		revoke(h.org.admin)()
		if got := h.exchange(other); got.status != 200 {
			t.Errorf("another user's use was revoked: %v", got)
		}
	})
}

// TestStrictIsUsedOnceAndSoon: an assertion is good once where RFC 9700 is kept to, with a jti or without (security 2.5), and a
// code for a minute (CD-10).
func TestStrictIsUsedOnceAndSoon(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(t *testing.T, h *house) {
		for _, strict := range []bool{false, true} {
			h.changeApp(h.org.closed, func(a *org.ConnectedApp) { a.Flows.Strict = strict })
			assertion := h.assertion(func(c *oauth.Claims) { c.Expires = c.Expires.Add(time.Duration(len(fmt.Sprint(strict))) * time.Second) })
			first, second := h.token("grant_type", jwtBearer, "assertion", assertion), h.token("grant_type", jwtBearer, "assertion", assertion)
			if first.status != 200 || (second.status == 200) == strict {
				t.Errorf("strict %t: %v, then %v", strict, first, second)
			}
			if strict && h.lastStatus(h.org.user) != "Failed: Replay Detected" {
				t.Errorf("history: %s", h.lastStatus(h.org.user))
			}
			for _, after := range []time.Duration{59 * time.Second, 61 * time.Second} {
				verifier := oauth.NewVerifier()
				b := h.browser()
				a := b.follow(b.signIn(b.get(h.authorize("client_id", h.org.closed, "code_challenge", oauth.Challenge(verifier))), h.org.user, userPassword))
				h.setClock(after)
				got := h.exchange(a.returned(t).Get("code"), "client_id", h.org.closed, "code_verifier", verifier)
				h.setClock(0)
				if want := !strict || after < time.Minute; (got.status == 200) != want {
					t.Errorf("strict %t, a code after %v: %v", strict, after, got)
				}
			}
		}
	})
}
