package web_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/web"
)

// tell answers with the pattern and the path values that were asked for.
func tell(names ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		out := []string{r.Pattern}
		for _, n := range names {
			out = append(out, n+"="+r.PathValue(n))
		}
		io.WriteString(w, strings.Join(out, " "))
	}
}

func house(ignoreCase bool) *web.Mux {
	m := web.NewMux()
	m.IgnoreCase = ignoreCase
	m.NotFound = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "house 404", 404) })
	m.MethodNotAllowed = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "house 405 "+w.Header().Get("Allow"), 405)
	})
	m.Handle("GET /", tell())
	m.Handle("GET /services/data/{version}/limits", tell("version"))
	m.Handle("POST /services/Soap/u/{version}", tell("version"))
	m.Handle("POST /services/Soap/u/{version}/{org}", tell("version", "org"))
	// http.ServeMux panics on each of these pairs.
	m.Handle("GET /sobjects/{object}/describe", tell("object"))
	m.Handle("GET /sobjects/Account/{id}", tell("id"))
	m.Handle("GET /mixed/{x}", tell("x"))
	m.Handle("/mixed/fixed", tell())
	m.Handle("POST /mixed/both", tell())
	m.Handle("GET /files/{path...}", tell("path"))
	m.Handle("POST /messageDefinitionSends/{key}/send", tell("key"))
	return m
}

func serve(h http.Handler, method, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, "http://house.test/", nil)
	u, err := url.ParseRequestURI(target)
	if err != nil {
		panic(err)
	}
	r.URL, r.RequestURI = u, target
	h.ServeHTTP(w, r)
	return w
}

func TestMuxRoutes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, method, target string
		status               int
		body                 string
	}{
		{"root", "GET", "/", 200, "GET /"},
		{"value", "GET", "/services/data/v60.0/limits", 200, "GET /services/data/{version}/limits version=v60.0"},
		{"double slash", "GET", "//services//data/v60.0/limits", 200, "GET /services/data/{version}/limits version=v60.0"},
		{"trailing slash", "GET", "/services/data/v60.0/limits/", 200, "GET /services/data/{version}/limits version=v60.0"},
		{"dots", "GET", "/services/x/../data/./v60.0/limits", 200, "GET /services/data/{version}/limits version=v60.0"},
		{"above the root", "GET", "/../../mixed/a", 200, "GET /mixed/{x} x=a"},
		{"escaped slash is data", "GET", "/mixed/a%2Fb", 200, "GET /mixed/{x} x=a/b"},
		{"escaped dots are data", "GET", "/mixed/%2e%2e", 200, "GET /mixed/{x} x=.."},
		{"escaped literal", "GET", "/%6dixed/a", 200, "GET /mixed/{x} x=a"},
		{"POST with slashes", "POST", "//services/Soap//u/59.0/", 200, "POST /services/Soap/u/{version} version=59.0"},
		{"longer", "POST", "/services/Soap/u/59.0/00D000000000001", 200, "POST /services/Soap/u/{version}/{org} version=59.0 org=00D000000000001"},
		{"overlap left", "GET", "/sobjects/Account/describe", 200, "GET /sobjects/Account/{id} id=describe"},
		{"overlap right", "GET", "/sobjects/Contact/describe", 200, "GET /sobjects/{object}/describe object=Contact"},
		{"literal first", "GET", "/mixed/fixed", 200, "/mixed/fixed"},
		{"any method", "DELETE", "/mixed/fixed", 200, "/mixed/fixed"},
		{"method decides between overlaps", "GET", "/mixed/both", 200, "GET /mixed/{x} x=both"},
		{"rest", "GET", "/files/a/b%20c/d/", 200, "GET /files/{path...} path=a/b c/d"},
		{"empty rest", "GET", "/files", 200, "GET /files/{path...} path="},
		{"HEAD follows GET", "HEAD", "/mixed/a", 200, "GET /mixed/{x} x=a"},
		{"unknown", "GET", "/nothing", 404, "house 404\n"},
		{"prefix alone", "GET", "/services/data", 404, "house 404\n"},
		{"wrong case", "GET", "/SERVICES/data/v60.0/limits", 404, "house 404\n"},
		{"wrong method", "PUT", "/mixed/both", 405, "house 405 GET, HEAD, POST\n"},
		{"wrong method elsewhere", "TRACE", "/files/x", 405, "house 405 GET, HEAD\n"},
		{"lower-case method", "get", "/mixed/a", 405, "house 405 GET, HEAD\n"},
		{"too many segments", "GET", strings.Repeat("/a", 70), 404, "house 404\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := serve(house(false), c.method, c.target)
			if w.Code != c.status || w.Body.String() != c.body {
				t.Errorf("%s %s: %d %q, want %d %q", c.method, c.target, w.Code, w.Body, c.status, c.body)
			}
			if l := w.Header().Get("Location"); l != "" {
				t.Errorf("redirected to %q", l)
			}
		})
	}
}

func TestMuxIgnoresCaseAndKeepsValues(t *testing.T) {
	t.Parallel()
	w := serve(house(true), "POST", "//MESSAGEdefinitionsends/Key:My_Key/SEND")
	if want := "POST /messageDefinitionSends/{key}/send key=Key:My_Key"; w.Body.String() != want {
		t.Errorf("got %q, want %q", w.Body, want)
	}
}

func TestMuxPatterns(t *testing.T) {
	t.Parallel()
	m := web.NewMux()
	want := []string{"/b", "GET /", "GET /a/{id}/x", "GET /a/{rest...}", "POST /a/{id}/x"}
	for _, p := range want {
		m.HandleFunc(p, func(http.ResponseWriter, *http.Request) {})
	}
	if got := m.Patterns(); !slices.Equal(got, want) {
		t.Errorf("the patterns are %q, want %q", got, want)
	}
}

func TestMuxDefaults(t *testing.T) {
	t.Parallel()
	m := web.NewMux()
	m.HandleFunc("GET /a", func(http.ResponseWriter, *http.Request) {})
	if w := serve(m, "GET", "/b"); w.Code != 404 {
		t.Errorf("unknown path: %d", w.Code)
	}
	if w := serve(m, "POST", "/a"); w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("wrong method: %d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
}

func TestMuxRefusesBadPatterns(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{"GET a", "", "GET /{", "GET /{}", "GET /{a}/{a}", "GET /{a...}/b", "GET /a?b", "GET  /a", "GET /taken", "GET /x/{other}"} {
		m := web.NewMux()
		m.Handle("GET /taken", tell())
		m.Handle("GET /x/{id}", tell())
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("pattern %q was taken", pattern)
				}
			}()
			m.Handle(pattern, tell())
		}()
	}
}

func TestCleanPath(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"/":              "/",
		"//":             "/",
		"//hub/v1//x?a=": "/hub/v1/x?a=",
		"/a/b/":          "/a/b/",
		"/a//":           "/a/",
		"/a/../b/./c":    "/b/c",
		"/../a":          "/a",
		"/a%2F%2Fb//c":   "/a%2F%2Fb/c",
		"/.hidden":       "/.hidden",
		"/a?u=http://x/": "/a?u=http://x/",
	} {
		var got string
		h := web.CleanPath(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.URL.String() }))
		w := serve(h, "GET", in)
		if got != want || w.Code != 200 {
			t.Errorf("%q: %q (%d), want %q", in, got, w.Code, want)
		}
	}
}

func BenchmarkMux(b *testing.B) {
	m := house(false)
	r := httptest.NewRequest("POST", "/services/Soap/u/59.0/00D000000000001", nil)
	w := httptest.NewRecorder()
	b.ReportAllocs()
	for b.Loop() {
		w.Body.Reset()
		m.ServeHTTP(w, r)
	}
}
