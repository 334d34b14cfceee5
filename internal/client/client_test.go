package client_test

import (
	"compress/gzip"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/fault"
)

func get(t *testing.T, hc *http.Client, url string) (*client.Answer, error) {
	t.Helper()
	return client.NewCaller("org", hc).Do(t.Context(), client.Request{Method: http.MethodGet, URL: url, Header: http.Header{"Authorization": {"Bearer canary-token"}}})
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestHostileRemote(t *testing.T) {
	t.Parallel()
	elsewhere := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") })
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	for _, c := range []struct {
		name string
		h    http.HandlerFunc
		code fault.Code
	}{
		{"redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere, http.StatusFound) }, client.CodeProtocol},
		{"redirect 307", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere, http.StatusTemporaryRedirect)
		}, client.CodeProtocol},
		{"endless body", func(w http.ResponseWriter, _ *http.Request) {
			chunk := []byte(strings.Repeat("x", 1<<20))
			for {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}, client.CodeProtocol},
		{"gzip bomb", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			zeros := make([]byte, 1<<20)
			for range 64 {
				if _, err := z.Write(zeros); err != nil {
					return
				}
			}
			_ = z.Close() // the client may have gone
		}, client.CodeProtocol},
		{"endless headers", func(w http.ResponseWriter, _ *http.Request) {
			for i := range 200 {
				w.Header().Set("X-"+strings.Repeat("h", i+1), strings.Repeat("v", 1000))
			}
		}, client.CodeNoAnswer},
		{"drops the connection", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, client.CodeNoAnswer},
		{"short body", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("short"))
		}, client.CodeNoAnswer},
		{"never answers", func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-release:
			case <-r.Context().Done():
			}
		}, client.CodeNoAnswer},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			timeout := 20 * time.Second
			if c.name == "never answers" {
				timeout = 100 * time.Millisecond
			}
			_, err := get(t, &http.Client{Transport: client.NewTransport(), Timeout: timeout}, serve(t, c.h))
			if fault.CodeOf(err) != c.code {
				t.Fatalf("got %v, want %s", err, c.code)
			}
			if !client.Unknown(err) {
				t.Error("the remote may have acted, and the error says it did not")
			}
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("the error tells the token: %v", err)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = get(t, nil, "http://"+address+"/?secret=canary-query")
	if fault.CodeOf(err) != client.CodeUnreachable || client.Unknown(err) {
		t.Fatalf("got %v", err)
	}
	if strings.Contains(err.Error(), "canary") {
		t.Errorf("the error tells the query: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = client.NewCaller("org", nil).Do(ctx, client.Request{Method: http.MethodGet, URL: "http://" + address})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("a cancelled call gave %v", err)
	}
	_, err = client.NewCaller("org", nil).Do(t.Context(), client.Request{Method: http.MethodGet, URL: "http://" + address, Header: http.Header{"Authorization": {"Bearer canary\n"}}})
	if fault.CodeOf(err) != client.CodeUnsendable || !strings.Contains(err.Error(), "Authorization holds a line break") || strings.Contains(err.Error(), "canary") {
		t.Errorf("a token with a line break: %v", err)
	}
	if _, err := get(t, nil, "http://bad host/"); fault.KindOf(err) != fault.Invalid {
		t.Fatalf("no URL gave %v", err)
	}
}

func TestCookiesAndProxiesAreNotUsed(t *testing.T) {
	t.Parallel()
	tr := client.NewTransport()
	if tr.Proxy != nil {
		t.Error("the transport reads proxy settings")
	}
}

func TestRefusalKinds(t *testing.T) {
	t.Parallel()
	c := client.NewCaller("tenant", nil)
	for status, want := range map[int]struct {
		kind fault.Kind
		code fault.Code
	}{
		400: {fault.Denied, client.CodeRefused}, 401: {fault.Unauthenticated, client.CodeUnauthorized}, 403: {fault.Denied, client.CodeRefused}, 404: {fault.NotFound, client.CodeNotFound},
		409: {fault.Denied, client.CodeRefused}, 429: {fault.Limited, client.CodeLimited}, 500: {fault.Unavailable, client.CodeFailed}, 503: {fault.Unavailable, client.CodeFailed},
	} {
		err := c.Refusal(status, "code", "text\r\nmore")
		f, r := fault.Of(err), client.Remote(err)
		if f.Kind != want.kind || f.Code != want.code || r.Status != status || r.Description != "text  more" || f.Message != "The tenant refused: code: text  more." {
			t.Errorf("%d: %+v %+v", status, f, r)
		}
	}
	if got := fault.Of(c.Refusal(418, "", "")).Message; got != "The tenant refused: HTTP status 418." {
		t.Error(got)
	}
	if client.Remote(errors.New("x")) != nil {
		t.Error("a remote spoke in another error")
	}
}

// TestEcho: a remote that echoes the request's secrets does not get them into the error.
func TestEcho(t *testing.T) {
	t.Parallel()
	c := client.NewCaller("org", nil)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(r.Header.Get("Authorization"))) // read below
	})
	a, err := c.Do(t.Context(), client.Request{Method: http.MethodPost, URL: url, Header: http.Header{"Authorization": {"Bearer canary-token"}}, Secrets: []string{"canary-code", "", "x"}})
	if err != nil {
		t.Fatal(err)
	}
	err = c.Refused(a, a.Status, "canary-code", string(a.Body)+" canary-code x")
	if r := client.Remote(err); strings.Contains(err.Error(), "canary") || r.Code != "***" || r.Description != "Bearer *** *** x" {
		t.Fatalf("%v %+v", err, r)
	}
}

func TestParseBase(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"https://login.salesforce.com": "https://login.salesforce.com", "http://127.0.0.1:8080/": "http://127.0.0.1:8080", "http://[::1]:1/x/": "http://[::1]:1/x",
		"": "", "ftp://x": "", "http://": "", "http://u:p@x": "", "http://x?y": "", "http://x#y": "", "x": "", "http:x": "", "javascript:alert(1)": "", "http://:80": "",
	} {
		got, err := client.ParseBase(raw)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("ParseBase(%q) = %q, %v", raw, got, err)
		}
	}
}

func TestSameSite(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		base, other string
		want        bool
	}{
		{"http://127.0.0.1:8080", "http://127.0.0.1:8080", true},
		{"http://127.0.0.1:8080", "http://acme.my.localhost:8080/", true},
		{"http://127.0.0.1:8080", "http://localhost:8080", true},
		{"http://127.0.0.1:8080", "http://127.0.0.1:8081", false},
		{"http://127.0.0.1:8080", "http://169.254.169.254:8080", false},
		{"https://login.salesforce.com", "https://acme.my.salesforce.com", true},
		{"https://mc1.auth.marketingcloudapis.com", "https://mc1.rest.marketingcloudapis.com", true},
		{"https://login.salesforce.com", "https://evil.example", false},
		{"https://login.salesforce.com", "https://salesforce.com.evil.example", false},
		{"https://login.salesforce.com", "https://evilsalesforce.com", false},
		{"https://login.salesforce.com", "http://acme.my.salesforce.com", false},
		{"https://login.salesforce.com", "https://acme.my.salesforce.com:8443", false},
		{"https://login.salesforce.com", "https://x@acme.my.salesforce.com", false},
		{"https://login.salesforce.com", "https://mc1.rest.marketingcloudapis.com", false},
		{"https://crm.corp.example", "https://crm.corp.example", true},
		{"https://crm.corp.example", "https://other.corp.example", false},
		{"https://x.example", "", false},
		{"https://x.example", "://", false},
	} {
		if got := client.SameSite(c.base, c.other); got != c.want {
			t.Errorf("SameSite(%q, %q) = %v", c.base, c.other, got)
		}
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	c := client.NewCaller("org", nil)
	for _, a := range []client.Answer{
		{Status: 200, Type: "text/html", Body: []byte(`{}`)},
		{Status: 200, Type: "", Body: []byte(`{}`)},
		{Status: 200, Type: "application/json", Body: []byte(`{}{}`)},
		{Status: 200, Type: "application/json", Body: []byte(`{`)},
		{Status: 200, Type: "application/json", Body: []byte(`[]`)},
		{Status: 200, Type: "application/json"},
	} {
		var v struct{ A int }
		if err := c.JSON(&a, &v); fault.CodeOf(err) != client.CodeProtocol {
			t.Errorf("%s %q gave %v", a.Type, a.Body, err)
		}
	}
	var v struct{ A any }
	if err := c.JSON(&client.Answer{Type: "application/json", Body: []byte(" {\"A\":12345678901234567890} \n")}, &v); err != nil {
		t.Error(err)
	}
}

func FuzzSites(f *testing.F) {
	f.Add("https://login.salesforce.com", "https://acme.my.salesforce.com")
	f.Add("http://127.0.0.1:1", "http://localhost:1/../x")
	f.Add("http://[::1]:1", "http://[::1%25eth0]:1")
	f.Fuzz(func(t *testing.T, base, other string) {
		b, err := client.ParseBase(base)
		if err != nil {
			return
		}
		if strings.HasSuffix(b, "/") {
			t.Fatalf("ParseBase(%q) = %q", base, b)
		}
		if again, err := client.ParseBase(b); err != nil || again != b {
			t.Fatalf("ParseBase(%q) = %q, %v", b, again, err)
		}
		if client.SameSite(b, other) && strings.Contains(other, "@") && strings.Index(other, "@") < strings.Index(other+"/", "/") {
			t.Fatalf("SameSite(%q, %q) with user information", b, other)
		}
	})
}

func FuzzClip(f *testing.F) {
	f.Add("a\u2028b\r\n\x00é", 4)
	f.Add("\xff\xfe", 1)
	f.Fuzz(func(t *testing.T, s string, n int) {
		if n < 0 || n > 1000 {
			return
		}
		got := client.Clip(s, n)
		if len(got) > n || !utf8.ValidString(got) || strings.ContainsAny(got, "\r\n\x00\x1b\u2028\u2029") {
			t.Fatalf("Clip(%q, %d) = %q", s, n, got)
		}
	})
}
