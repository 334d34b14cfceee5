package login_test

import (
	"testing"

	"github.com/twinspan/twinspan/crm/internal/org"
)

// TestANewAddressIsNotVerified: whoever changes a user's address, the user has not shown that it is his (TN-07 of the security
// reference); nor has one who never followed a link or was given a password with the org.
func TestANewAddressIsNotVerified(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		self, err := h.store.UserByUsername(t.Context(), h.org.user)
		if err != nil {
			t.Fatal(err)
		}
		own := org.Session{Org: self.Org, User: self.ID, Permissions: self.Permissions}
		token := h.bearerToken()
		want := func(what, email string, verified bool) {
			t.Helper()
			for _, path := range []string{"/services/oauth2/userinfo", "/id/" + string(self.Org) + "/" + string(self.ID)} {
				if a := h.get(path, "Authorization", "Bearer "+token); a.get("email") != email || a.json["email_verified"] != verified {
					t.Errorf("%s: %s says %v", what, path, a)
				}
			}
		}
		want("as made", self.Email, true)
		if err := h.records.Update(t.Context(), own, "User", string(self.ID), map[string]any{"Title": "CEO", "Email": self.Email}); err != nil {
			t.Fatal(err)
		}
		want("the same address", self.Email, true)
		if _, err := h.exec(`UPDATE user_login SET link_hash = $2, link_expires_ms = 1 WHERE user_id = $1`, string(self.ID), []byte("to the old address")); err != nil {
			t.Fatal(err)
		}
		if err := h.records.Update(t.Context(), own, "User", string(self.ID), map[string]any{"Email": "ceo@victim.example"}); err != nil {
			t.Fatal(err)
		}
		want("another's address", "ceo@victim.example", false)
		c, err := h.store.Credential(t.Context(), self.Org, self.ID)
		if err != nil || c.LinkHash != nil || c.PasswordHash == "" {
			t.Errorf("the link to the old address stands, or the password is gone: %v %v", c.LinkHash, err)
		}
		none, err := h.store.UserByUsername(t.Context(), h.org.outsider)
		if err != nil || none.EmailVerified {
			t.Errorf("a user who never showed anything is verified: %v", err)
		}
	})
}

// TestIdentityURLKeepsToTheScopes: the identity URL tells what the token's scopes open and no more (UI-04 of the security
// reference; crm-wire 1.14).
func TestIdentityURLKeepsToTheScopes(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(t *testing.T, h *house) {
		h.changeUser(h.org.user, map[string]any{"Street": "1 Main St", "MobilePhone": "555"})
		h.changeApp(h.org.open, func(a *org.ConnectedApp) { a.Scopes = append(a.Scopes, "profile", "email", "address") })
		path := "/id/" + string(h.org.id) + "/" + string(h.userID(h.org.user))
		for _, test := range []struct {
			scope string
			opens []string
		}{
			{"openid", nil},
			{"openid email", []string{"email"}},
			{"openid profile", []string{"username", "display_name", "urls"}},
			{"openid address", []string{"addr_street"}},
			{"id", []string{"email", "username", "display_name", "urls", "addr_street"}},
			{"api", []string{"email", "username", "display_name", "urls", "addr_street"}},
		} {
			a := h.get(path, "Authorization", "Bearer "+h.exchange(h.code("scope", test.scope)).get("access_token"))
			if a.status != 200 || a.get("user_id") == "" || a.get("organization_id") == "" || a.json["asserted_user"] != true {
				t.Errorf("%s: %v", test.scope, a)
			}
			opened := map[string]bool{}
			for _, name := range test.opens {
				opened[name] = true
			}
			for _, name := range []string{"email", "username", "display_name", "urls", "addr_street"} {
				if got := a.json[name] != nil; got != opened[name] {
					t.Errorf("%s: %s is there: %v", test.scope, name, got)
				}
			}
		}
	})
}

// TestIntegrationUsersAreCalledSo: users of the licence Salesforce Integration (crm-wire 1.7).
func TestIntegrationUsersAreCalledSo(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(t *testing.T, h *house) {
		ask := func() any {
			return h.get("/services/oauth2/userinfo", "Authorization", "Bearer "+h.bearerToken()).json["is_salesforce_integration_user"]
		}
		if got := ask(); got != false {
			t.Errorf("a standard user: %v", got)
		}
		var profile string
		if err := h.store.DB().QueryRow(t.Context(), `SELECT id FROM profile WHERE org_id = $1 AND name = $2`, string(h.org.id), org.IntegrationProfile).Scan(&profile); err != nil {
			t.Fatal(err)
		}
		h.changeUser(h.org.user, map[string]any{"ProfileId": profile})
		if got := ask(); got != true {
			t.Errorf("an integration user: %v", got)
		}
	})
}
