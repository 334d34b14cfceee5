package login_test

import (
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/engagement/internal/tenanttest"
)

// TestLegacyPackage is the life of a legacy package's tokens (engagement-wire 2.5): an hour, a chain of refresh tokens with
// five minutes of grace, and no other door.
func TestLegacyPackage(t *testing.T) {
	each(t, func(h *house) {
		second := tenanttest.Spec()
		id := "legacy" + second.Server
		second.Spec.Packages = append(second.Spec.Packages, tenant.PackageSpec{
			Name: "App Center", Type: tenant.LegacyIntegration, ClientID: id, Secret: tenanttest.ServerSecret, Scopes: []string{"email_read", "email_send"},
		})
		h.House = second
		h.make(second)
		ask := func(path string, more m) answer {
			body := m{"clientId": id, "clientSecret": tenanttest.ServerSecret}
			for name, v := range more {
				body[name] = v
			}
			return h.do(h.request("POST", path, "application/json", h.json(body)))
		}
		a := ask("/v1/requestToken", nil)
		if a.status != 200 || len(a.body) != 2 || a.body["expiresIn"] != 3599.0 || a.str("accessToken") == "" {
			t.Fatalf("token: %d %s", a.status, a.text)
		}
		alive := func(token string) bool { return h.get("/v2/userinfo", token).status == 200 }
		token := a.str("accessToken")
		if !alive(token) {
			t.Error("the token does not work")
		}
		a = ask("/v1/requestToken?legacy=1", m{"accessType": "offline", "scope": "email_read"})
		first := a.str("refreshToken")
		if a.status != 200 || first == "" || a.str("legacyToken") != a.str("accessToken") {
			t.Fatalf("offline: %d %s", a.status, a.text)
		}
		h.advance(59 * time.Minute)
		if !alive(token) {
			t.Error("the token ended before its hour")
		}
		h.advance(2 * time.Minute)
		if alive(token) {
			t.Error("the token outlives its hour")
		}
		a = ask("/v1/requestToken", m{"refreshToken": first})
		next := a.str("refreshToken")
		if a.status != 200 || next == "" || next == first || !alive(a.str("accessToken")) {
			t.Fatalf("refresh: %d %s", a.status, a.text)
		}
		h.advance(4 * time.Minute)
		if a := ask("/v1/requestToken", m{"refreshToken": first}); a.status != 200 || a.str("refreshToken") != next {
			t.Errorf("within the grace: %d %s", a.status, a.text)
		}
		h.advance(2 * time.Minute)
		unauthorized := func(name string, a answer) {
			t.Helper()
			if a.status != 401 || a.str("message") != "Unauthorized" || a.body["errorcode"] != 1.0 || a.body["documentation"] != "" || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Basic ") {
				t.Errorf("%s: %d %s", name, a.status, a.text)
			}
		}
		unauthorized("used again", ask("/v1/requestToken", m{"refreshToken": first}))
		unauthorized("and what came of it", ask("/v1/requestToken", m{"refreshToken": next}))
		unauthorized("a wrong secret", ask("/v1/requestToken", m{"clientSecret": "wrong"}))
		unauthorized("nobody", ask("/v1/requestToken", m{"clientId": "nobody"}))
		last := ask("/v1/requestToken", m{"accessType": "offline"}).str("refreshToken")
		h.sql(`UPDATE installed_package SET secret_expires_at = NULL WHERE client_id = $1`, id)
		h.advance(701 * 24 * time.Hour)
		unauthorized("after 700 days", ask("/v1/requestToken", m{"refreshToken": last}))
		// The package has no other door, and nobody else has this one.
		if a := h.token(m{"grant_type": "client_credentials", "client_id": id, "client_secret": tenanttest.ServerSecret}); a.status != 401 || a.str("error") != "unauthorized_client" {
			t.Errorf("at /v2/token: %d %s", a.status, a.text)
		}
		if a := ask("/v1/requestToken", m{"scope": "sms_send"}); a.status != 400 || strings.Contains(a.text, "accessToken") {
			t.Errorf("a scope that it does not have: %d %s", a.status, a.text)
		}
	})
}
