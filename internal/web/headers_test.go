package web_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/web"
)

func TestFrontSecuresEveryAnswer(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	web.Front(http.NotFoundHandler(), slog.New(slog.DiscardHandler), "crm").ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestSharedHeaderValuesStayAsTheyAre(t *testing.T) {
	t.Parallel()
	h := web.SecurityHeaders(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Add("X-Content-Type-Options", "changed")
		w.Header().Set("Referrer-Policy", "origin")
	}))
	for range 2 {
		w := httptest.NewRecorder()
		web.SecurityHeaders(http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		if got := fmt.Sprint(w.Header()["X-Content-Type-Options"], w.Header()["Referrer-Policy"]); got != "[nosniff] [no-referrer]" {
			t.Fatal(got)
		}
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	}
}

func TestNoStore(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	web.NoStore(w)
	if w.Header().Get("Cache-Control") != "no-cache, no-store" || w.Header().Get("Pragma") != "no-cache" {
		t.Error(w.Header())
	}
}

func TestCSPSource(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string]string{
		"http://localhost:1717/OauthRedirect":   "http://localhost:1717",
		"https://app.example/cb?x=1#f":          "https://app.example",
		"http://[::1]:9876/callback":            "http://[::1]:9876",
		"HTTPS://App.example":                   "https://App.example",
		"com.example.app:/cb":                   "com.example.app:",
		"https://x; script-src *":               "",
		"https://x y/":                          "",
		"https://user@x/":                       "",
		"https://x,y/":                          "",
		"https:///":                             "",
		"https:x":                               "",
		"no scheme":                             "",
		"java script:x":                         "",
		"http://x\r\nSet-Cookie: a":             "",
		"http://x'unsafe-inline'/":              "",
		"http://x" + "\u2028" + ".example/path": "",
	} {
		got, err := web.CSPSource(uri)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%q: %q, %v, want %q", uri, got, err, want)
		}
	}
}

func TestProtectForms(t *testing.T) {
	t.Parallel()
	h := web.ProtectForms(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "in") }),
		http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "from elsewhere", 403) }))
	for _, c := range []struct {
		name, method string
		header       map[string]string
		want         int
	}{
		{"own page", "POST", map[string]string{"Sec-Fetch-Site": "same-origin"}, 200},
		{"typed in", "POST", map[string]string{"Sec-Fetch-Site": "none"}, 200},
		{"other site", "POST", map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		{"same site, other origin", "POST", map[string]string{"Sec-Fetch-Site": "same-site"}, 403},
		{"own origin, old browser", "POST", map[string]string{"Origin": "http://example.com"}, 200},
		{"other origin, old browser", "POST", map[string]string{"Origin": "http://evil.test"}, 403},
		{"null origin", "POST", map[string]string{"Origin": "null"}, 403},
		{"no browser", "POST", nil, 200},
		{"GET from elsewhere", "GET", map[string]string{"Sec-Fetch-Site": "cross-site"}, 200},
	} {
		r := httptest.NewRequest(c.method, "/login", strings.NewReader("a=1"))
		for k, v := range c.header {
			r.Header.Set(k, v)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%s: %d %q, want %d", c.name, w.Code, w.Body, c.want)
		}
	}
}

func TestWarning(t *testing.T) {
	t.Parallel()
	if got, want := web.Warning("all \"lose\"\r\nSet-Cookie: a\\b ü"), `299 - "all 'lose'??Set-Cookie: a'b ?"`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
