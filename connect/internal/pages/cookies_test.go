package pages

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestCookies(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		c := newCookies(secure)
		w := httptest.NewRecorder()
		value := c.browser(w, httptest.NewRequest(http.MethodGet, "/", nil))
		set := w.Result().Cookies()
		if len(set) != 1 || set[0].Value != value || !set[0].HttpOnly || set[0].Secure != secure || set[0].SameSite != http.SameSiteLaxMode || set[0].Path != "/" || set[0].Domain != "" {
			t.Fatalf("secure %v: %v", secure, set)
		}
		if strings.HasPrefix(set[0].Name, "__Host-") != secure {
			t.Errorf("secure %v: name %s", secure, set[0].Name)
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.AddCookie(set[0])
		w = httptest.NewRecorder()
		if c.browser(w, r) != value || len(w.Result().Cookies()) != 0 {
			t.Error("a browser that has a name gets another")
		}
		r = httptest.NewRequest(http.MethodGet, "/", nil)
		r.AddCookie(&http.Cookie{Name: c.session, Value: strings.Repeat("x", 201)})
		if c.get(r, c.session) != "" {
			t.Error("a cookie that is none of ours is read")
		}
		w = httptest.NewRecorder()
		c.drop(w, c.session)
		if got := w.Result().Cookies()[0]; got.MaxAge >= 0 || got.Value != "" {
			t.Errorf("dropped: %v", got)
		}
	}
}
