package pages_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/crm/internal/pages"
)

func TestPagesEscapeAndForbid(t *testing.T) {
	t.Parallel()
	const evil = `"><script>alert(1)</script>`
	for name, p := range map[string]interface {
		Render(w http.ResponseWriter) error
	}{
		"sign-in":    pages.SignIn{Action: "/login", Transaction: evil, Username: evil, Error: evil, App: evil, RedirectURI: "https://client.example/cb"},
		"consent":    pages.Consent{Action: "/x", Transaction: evil, App: evil, User: evil, Scopes: []string{"api", evil}, RedirectURI: "https://client.example/cb"},
		"refused":    pages.Refused{Status: 400, Title: evil, Code: evil, Description: evil},
		"home":       pages.Home{User: evil, Org: evil, Username: evil, Profile: evil, Logout: "/out"},
		"signed out": pages.SignedOut{Login: "/login"},
	} {
		w := httptest.NewRecorder()
		if err := p.Render(w); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		body, policy := w.Body.String(), w.Header().Get("Content-Security-Policy")
		if strings.Contains(body, "<script") {
			t.Errorf("%s: a text became markup", name)
		}
		if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: policy %q, headers %v", name, policy, w.Header())
		}
		if leads := strings.Contains(policy, "https://client.example"); leads != (name == "sign-in" || name == "consent") {
			t.Errorf("%s: form-action in %q", name, policy)
		}
	}
}

func TestPagesKeepNoPassword(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	if err := (pages.SignIn{Action: "/login", Username: "ann", Error: "no"}).Render(w); err != nil {
		t.Fatal(err)
	}
	body := w.Body.String()
	for _, want := range []string{`autocomplete="username"`, `autocomplete="current-password"`, `value="ann"`, `action="/login"`, `role="alert"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the sign-in page lacks %s", want)
		}
	}
}

func TestConsentNamesScopesInWords(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	if err := (pages.Consent{Scopes: []string{"api", "refresh_token", "odd_api"}, RedirectURI: "not a URI"}).Render(w); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"manage your data (api)", "at any time (refresh_token)", "use the scope odd_api", ">Allow<", ">Deny<"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the consent page lacks %q", want)
		}
	}
}
