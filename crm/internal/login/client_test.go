package login_test

import (
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/oauth"
)

const clientAssertion = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// clientJWT signs an assertion by which an app shows who it is; change makes it another.
func (h *house) clientJWT(key string, change func(*oauth.Claims)) string {
	h.t.Helper()
	return h.assertion(func(c *oauth.Claims) {
		c.Issuer, c.Subject, c.Audience, c.ID = key, key, h.url+"/services/oauth2/token", oauth.NewToken(16)
		if change != nil {
			change(c)
		}
	})
}

// TestClientAssertions: private_key_jwt in place of the secret wherever a client shows who it is (crm-wire 1.3, 1.10; RFC
// 7523 section 2.2).
func TestClientAssertions(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		by := func(key string) []string {
			return []string{"client_assertion_type", clientAssertion, "client_assertion", h.clientJWT(key, nil)}
		}
		a := h.token(append(by(h.org.closed), "grant_type", "client_credentials")...)
		if a.status != 200 || !h.live(a.get("access_token")) {
			t.Fatalf("client credentials: %v", a)
		}
		tokens := h.exchange(h.code(), "client_secret", "", "client_assertion_type", clientAssertion, "client_assertion", h.clientJWT(h.org.open, nil))
		if tokens.status != 200 || tokens.get("refresh_token") == "" {
			t.Fatalf("a code: %v", tokens)
		}
		if a := h.token(append(by(h.org.open), "grant_type", "refresh_token", "refresh_token", tokens.get("refresh_token"))...); a.status != 200 {
			t.Errorf("a refresh without client_id: %v", a)
		}
		if a := h.token(append(by(h.org.closed), "grant_type", "refresh_token", "refresh_token", tokens.get("refresh_token"))...); a.status != 400 || a.get("error") != "invalid_grant" {
			t.Errorf("another app's refresh token: %v", a)
		}
		const introspect, revoke = "/services/oauth2/introspect", "/services/oauth2/revoke"
		if a := h.post(introspect, append(by(h.org.open), "token", tokens.get("access_token"))...); a.json["active"] != true {
			t.Errorf("introspect: %v", a)
		}
		bad := []string{"client_assertion_type", clientAssertion, "client_assertion", h.clientJWT(h.org.open, func(c *oauth.Claims) { c.Subject = "somebody" }), "token", tokens.get("access_token")}
		if a := h.post(introspect, bad...); a.status != 401 || a.get("error") != "invalid_client" {
			t.Errorf("introspect with a bad assertion: %v", a)
		}
		if a := h.post(revoke, bad...); a.status != 400 || !strings.Contains(a.body, "error=invalid_client&") || !h.live(tokens.get("access_token")) {
			t.Errorf("revoke with a bad assertion: %v", a)
		}
		if a := h.post(revoke, "client_id", h.org.open, "client_secret", "wrong", "token", tokens.get("access_token")); a.status != 400 || !h.live(tokens.get("access_token")) {
			t.Errorf("revoke with a wrong secret: %v", a)
		}
		if a := h.post(revoke, append(by(h.org.closed), "token", tokens.get("access_token"))...); a.status != 400 || !h.live(tokens.get("access_token")) {
			t.Errorf("revoke by another app: %v", a)
		}
		if a := h.post(revoke, append(by(h.org.open), "token", tokens.get("access_token"))...); a.status != 200 || h.live(tokens.get("access_token")) {
			t.Errorf("revoke: %v", a)
		}
		h.changeApp(h.org.open, func(a *org.ConnectedApp) { a.Flows.Device = true })
		if a := h.token(append(by(h.org.open), "response_type", "device_code")...); a.status != 200 || a.get("device_code") == "" {
			t.Errorf("the device flow: %v", a)
		}
		if a := h.get("/.well-known/openid-configuration"); !strings.Contains(a.body, "private_key_jwt") {
			t.Error("discovery does not say so")
		}
	})
}

// TestForgedClientAssertions: each differs in one thing from one that is taken (CL-03, CL-14).
func TestForgedClientAssertions(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(t *testing.T, h *house) {
		other, err := oauth.NewKey()
		if err != nil {
			t.Fatal(err)
		}
		key := h.org.closed
		sign := func(change func(*oauth.Claims)) string { return h.clientJWT(key, change) }
		foreign, err := oauth.SignAssertion(other, "", oauth.Claims{Issuer: key, Subject: key, Audience: h.url, Expires: h.clock.Machine().Add(time.Minute)})
		if err != nil {
			t.Fatal(err)
		}
		for name, c := range map[string]struct {
			assertion string
			more      []string
		}{
			"another key":    {foreign, nil},
			"not one":        {"x.y.z", nil},
			"of a user":      {sign(func(c *oauth.Claims) { c.Subject = h.org.user }), nil},
			"no subject":     {sign(func(c *oauth.Claims) { c.Subject = "" }), nil},
			"other audience": {sign(func(c *oauth.Claims) { c.Audience = "https://evil.example" }), nil},
			"no audience":    {sign(func(c *oauth.Claims) { c.Audience = "" }), nil},
			"two audiences": {sign(func(c *oauth.Claims) {
				c.Audience, c.Extra = "", map[string]any{"aud": []string{h.url, "https://evil.example"}}
			}), nil},
			"expired":           {sign(func(c *oauth.Claims) { c.Expires = h.clock.Machine().Add(-time.Minute) }), nil},
			"not yet":           {sign(func(c *oauth.Claims) { c.NotBefore = h.clock.Machine().Add(10 * time.Minute) }), nil},
			"living too long":   {sign(func(c *oauth.Claims) { c.Expires = h.clock.Machine().Add(61 * time.Minute) }), nil},
			"for another":       {sign(nil), []string{"client_id", h.org.open}},
			"with a secret too": {sign(nil), []string{"client_id", key, "client_secret", appSecret}},
			"of another app":    {h.clientJWT(h.org.open, nil), []string{"client_id", key}},
		} {
			a := h.token(append(c.more, "grant_type", "client_credentials", "client_assertion_type", clientAssertion, "client_assertion", c.assertion)...)
			if a.status != 400 || a.get("error") != "invalid_client" || a.get("error_description") != "invalid client credentials" {
				t.Errorf("%s: %v", name, a)
			}
		}
		for name, pairs := range map[string][]string{
			"no type":      {"client_id", key, "client_assertion", sign(nil)},
			"another type": {"client_id", key, "client_assertion", sign(nil), "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"},
			"type alone":   {"client_id", key, "client_assertion_type", clientAssertion},
		} {
			wantError(t, h.token(append(pairs, "grant_type", "client_credentials")...), 400, "invalid_client", "invalid client credentials")
			t.Log(name)
		}
		unknown := h.assertion(func(c *oauth.Claims) { c.Issuer, c.Subject = "nobody", "nobody" })
		wantError(t, h.token("grant_type", "client_credentials", "client_assertion_type", clientAssertion, "client_assertion", unknown), 400, "invalid_client_id", "client identifier invalid")
		// What shows who a client is lets no user in, and what lets a user in does not show who a client is.
		wantError(t, h.token("grant_type", jwtBearer, "assertion", sign(nil)), 400, "invalid_grant", "user hasn't approved this consumer")
		if n := len(h.history(h.org.user)); n != 0 {
			t.Errorf("%d rows in login history", n)
		}
		h.changeApp(key, func(a *org.ConnectedApp) { a.Flows.Strict = true })
		for name, change := range map[string]func(*oauth.Claims){
			"no jti":     func(c *oauth.Claims) { c.ID = "" },
			"ten":        func(c *oauth.Claims) { c.Expires = h.clock.Machine().Add(10 * time.Minute) },
			"login host": func(c *oauth.Claims) { c.Audience = "https://login.salesforce.com" },
		} {
			a := h.token("grant_type", "client_credentials", "client_assertion_type", clientAssertion, "client_assertion", sign(change))
			if a.get("error") != "invalid_client" {
				t.Errorf("strict, %s: %v", name, a)
			}
		}
	})
}

// TestClientAssertionsAreGoodOnce, whether they have a jti or not, and at whatever endpoint and process they come again.
func TestClientAssertionsAreGoodOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		replica := h.anotherProcess()
		for name, change := range map[string]func(*oauth.Claims){"jti": nil, "no jti": func(c *oauth.Claims) { c.ID = "" }} {
			signed := h.clientJWT(h.org.closed, change)
			var mu sync.Mutex
			var wg sync.WaitGroup
			taken := 0
			for i := range 10 {
				wg.Go(func() {
					on := []*house{h, replica}[i%2]
					a := on.do(on.request("POST", on.url+"/services/oauth2/token", url.Values{
						"grant_type": {"client_credentials"}, "client_assertion_type": {clientAssertion}, "client_assertion": {signed},
					}.Encode(), formContent))
					mu.Lock()
					defer mu.Unlock()
					if a.status == 200 {
						taken++
					} else if a.get("error") != "invalid_client" {
						t.Errorf("%s: %v", name, a)
					}
				})
			}
			wg.Wait()
			if taken != 1 {
				t.Errorf("%s: taken %d times", name, taken)
			}
			if a := h.post("/services/oauth2/introspect", "token", "x", "client_assertion_type", clientAssertion, "client_assertion", signed); a.status != 401 {
				t.Errorf("%s: at another endpoint: %v", name, a)
			}
			// A clock that stands behind keeps an assertion alive for longer: it is remembered for as long.
			h.setClock(-2 * time.Hour)
			late := h.clientJWT(h.org.closed, func(c *oauth.Claims) {
				if change != nil {
					change(c)
				}
				c.Expires = c.Expires.Add(time.Second) // another one
			})
			ask := func() answer {
				return h.token("grant_type", "client_credentials", "client_assertion_type", clientAssertion, "client_assertion", late)
			}
			if a := ask(); a.status != 200 {
				t.Errorf("%s: behind: %v", name, a)
			}
			h.advance(90 * time.Minute)
			for i := range 6 { // each sweeps out what is over
				if a := h.token("grant_type", "client_credentials", "client_assertion_type", clientAssertion, "client_assertion",
					h.clientJWT(h.org.closed, func(c *oauth.Claims) { c.ID = fmt.Sprint(name, i) })); a.status != 200 {
					t.Fatalf("%s: %v", name, a)
				}
			}
			if a := ask(); a.status != 400 {
				t.Errorf("%s: replayed behind: %v", name, a)
			}
			h.setClock(0)
		}
	})
}
