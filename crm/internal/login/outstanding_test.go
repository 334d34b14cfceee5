package login_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/vault"
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

// TestPasswordsEndSessions: one's own change ends the other sessions, and a reset the refresh tokens too; an administrator's
// where the org says so (security WB-02, RF-12; crm-wire 6 terminateUserSessionsWhenAdminResetsPassword).
func TestPasswordsEndSessions(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		accounts, user := h.login.Accounts(), h.userID(h.org.user)
		password, n := userPassword, 0
		next := func() vault.Secret {
			n++
			password = fmt.Sprintf("another-pass-%d", n)
			return vault.Secret(password)
		}
		by := func() error { return accounts.SetFor(t.Context(), h.adminSession(), user, next()) }
		for _, c := range []struct {
			name                string
			set                 func(b *browser) error
			own, other, refresh bool // what lives afterwards
		}{
			{"his own change", func(b *browser) error {
				s, err := h.login.Authenticate(t.Context(), b.cookie("crm-sid"), here)
				if err != nil {
					return err
				}
				old := vault.Secret(password)
				return accounts.ChangeOwn(t.Context(), s, old, next())
			}, true, false, true},
			{"an administrator's", func(*browser) error { return by() }, true, true, true},
			{"an administrator's where that ends sessions", func(*browser) error {
				h.setting("SecuritySettings.sessionSettings.terminateUserSessionsWhenAdminResetsPassword", "true")
				return by()
			}, false, false, false},
			{"by a link", func(*browser) error {
				code := h.org.id.Short() + user.Short() + strings.Repeat("A", 43)
				_, err := h.exec(`UPDATE user_login SET link_hash = $2, link_expires_ms = $3 WHERE user_id = $1`, string(user), vault.HashToken(code), start.AddDate(1, 0, 0).UnixMilli())
				if err != nil {
					return err
				}
				return accounts.SetByLink(t.Context(), vault.Secret(code), next())
			}, false, false, false},
		} {
			was := password
			signIn := func() *browser {
				b := h.browser()
				if a := b.follow(b.signIn(b.get("/login"), h.org.user, was)); b.cookie("crm-sid") == "" {
					t.Fatalf("%s: signing in: %v", c.name, a)
				}
				return b
			}
			b, other := signIn(), signIn()
			page := b.get(h.authorize())
			if page.header.Get("Location") == "" {
				page = b.allow(page)
			}
			tokens := h.exchange(page.returned(t).Get("code"))
			if !h.live(tokens.get("access_token")) {
				t.Fatalf("%s: tokens: %v", c.name, tokens)
			}
			waiting := b.get(h.authorize()).returned(t).Get("code")
			if err := c.set(b); err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			for what, got := range map[string][2]bool{
				"the browser that asked": {h.live(b.cookie("crm-sid")), c.own}, "another browser": {h.live(other.cookie("crm-sid")), c.other},
				"an access token": {h.live(tokens.get("access_token")), c.other}, "the refresh token": {h.refresh(tokens.get("refresh_token")).status == 200, c.refresh},
				"a code that waits": {h.exchange(waiting).status == 200, c.refresh},
			} {
				if got[0] != got[1] {
					t.Errorf("%s: %s lives: %t", c.name, what, got[0])
				}
			}
		}
	})
}
