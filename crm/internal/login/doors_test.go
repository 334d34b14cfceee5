package login_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/crm/internal/org"
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
