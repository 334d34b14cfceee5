package ui_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/ui"
)

func TestLeave(t *testing.T) {
	t.Parallel()
	const callback = "http://localhost:1717/back?code=a%2Bb&state=%22%3E"
	for _, c := range []struct {
		name, method, mode, to string
		status                 int
	}{
		{"a browser's form goes on by a page", "POST", "navigate", callback, http.StatusOK},
		{"to an own path too", "POST", "navigate", "/authorize?tx=1", http.StatusOK},
		{"a link is redirected", "GET", "navigate", callback, http.StatusSeeOther},
		{"a program's form is redirected", "POST", "", callback, http.StatusSeeOther},
		{"so is a script's", "POST", "cors", callback, http.StatusSeeOther},
		{"an application's own scheme is no page's", "POST", "navigate", "com.example.app:/back?code=1", http.StatusSeeOther},
		{"nor is what is no address of a server", "POST", "navigate", "https:back", http.StatusSeeOther},
		{"nor another host without a scheme", "POST", "navigate", "//elsewhere.example/x", http.StatusSeeOther},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(c.method, "/login", nil)
			if c.mode != "" {
				r.Header.Set("Sec-Fetch-Mode", c.mode)
			}
			w := httptest.NewRecorder()
			if err := ui.Leave(w, r, http.StatusSeeOther, ui.Page{Brand: "Org", Footer: "Here"}, c.to); err != nil {
				t.Fatal(err)
			}
			h, text := w.Result().Header, w.Body.String()
			if w.Code != c.status || !strings.Contains(h.Get("Cache-Control"), "no-store") || h.Get("Referrer-Policy") != "no-referrer" {
				t.Errorf("%d %v", w.Code, h)
			}
			if c.status != http.StatusOK {
				if h.Get("Location") != c.to || h.Get("Refresh") != "" {
					t.Errorf("%v", h)
				}
				return
			}
			if h.Get("Refresh") != "0; url="+c.to || h.Get("Location") != "" {
				t.Errorf("%v", h)
			}
			if link := `href="` + strings.NewReplacer("&", "&amp;").Replace(c.to) + `"`; !strings.Contains(text, link) || !strings.Contains(text, "Go on") {
				t.Errorf("%s is not in %s", link, text)
			}
		})
	}
}
