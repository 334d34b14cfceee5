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
