package web_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/web"
)

func TestParseProxies(t *testing.T) {
	t.Parallel()
	got, err := web.ParseProxies([]string{"10.1.2.3/8", " 192.0.2.7", "2001:db8::/32", "::1", "::ffff:198.51.100.1"})
	if err != nil || fmt.Sprint(got) != "[10.0.0.0/8 192.0.2.7/32 2001:db8::/32 ::1/128 198.51.100.1/32]" {
		t.Errorf("%v %v", got, err)
	}
	for _, wrong := range []string{"", "proxy.example", "10.0.0.0/33", "0.0.0.0/0", "::/0", "::ffff:10.0.0.0/104", "fe80::1%eth0", "10.0.0.1:80"} {
		if got, err := web.ParseProxies([]string{wrong}); err == nil {
			t.Errorf("%q is taken for %v", wrong, got)
		}
	}
}

// Forwarded addresses count when, and only when, the peer is a trusted proxy, and no further than proxies are trusted
// (security AZ-24).
func TestTrustedProxies(t *testing.T) {
	t.Parallel()
	serve := func(proxies ...string) string {
		trusted, err := web.ParseProxies(proxies)
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := netip.ParseAddrPort(r.RemoteAddr); err != nil {
				t.Errorf("RemoteAddr: %v", err)
			}
			_, _ = io.WriteString(w, web.RemoteIP(r)+" "+r.Host)
		})
		go func() {
			done <- web.Serve(ctx, []net.Listener{l}, h, web.ServeOptions{House: "crm", Log: slog.New(slog.DiscardHandler), TrustedProxies: trusted})
		}()
		t.Cleanup(func() { stop(); <-done })
		return l.Addr().String()
	}
	near, chain, far := serve("127.0.0.1"), serve("127.0.0.0/8", "10.0.0.0/8", "2001:db8::/32"), serve("192.0.2.0/24")
	for _, c := range []struct {
		addr  string
		hops  []string // X-Forwarded-For, a value a header
		wants string
	}{
		{far, []string{"203.0.113.9"}, "127.0.0.1"}, // the peer is nobody's proxy
		{near, nil, "127.0.0.1"},
		{near, []string{""}, "127.0.0.1"},
		{near, []string{"203.0.113.9"}, "203.0.113.9"},
		{near, []string{"1.2.3.4, 203.0.113.9"}, "203.0.113.9"}, // the left one is the caller's own invention
		{near, []string{"1.2.3.4", "203.0.113.9"}, "203.0.113.9"},
		{near, []string{"203.0.113.9, 10.0.0.7"}, "10.0.0.7"},
		{chain, []string{"1.2.3.4, 203.0.113.9, 10.0.0.7"}, "203.0.113.9"},
		{chain, []string{"203.0.113.9, 2001:db8::7, 10.0.0.7 "}, "203.0.113.9"},
		{chain, []string{"10.0.0.8, 10.0.0.7"}, "10.0.0.8"},
		{chain, []string{"203.0.113.9, unknown, 10.0.0.7"}, "10.0.0.7"},
		{chain, []string{"203.0.113.9, , 10.0.0.7,"}, "203.0.113.9"},
		{near, []string{"203.0.113.9:4711"}, "203.0.113.9"},
		{near, []string{"[2001:db8::9]:4711"}, "2001:db8::9"},
		{near, []string{"[2001:db8::9]"}, "2001:db8::9"},
		{near, []string{"::ffff:203.0.113.9"}, "203.0.113.9"},
		{near, []string{strings.Repeat("1.2.3.4,", 1000) + "203.0.113.9"}, "203.0.113.9"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+c.addr+"/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range c.hops {
			r.Header.Add("X-Forwarded-For", v)
		}
		for name, v := range map[string]string{"Forwarded": "for=198.51.100.1;host=evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "X-Real-IP": "198.51.100.1"} {
			r.Header.Set(name, v)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || string(body) != c.wants+" "+c.addr {
			t.Errorf("%.60q: %s %v, want %s", c.hops, body, err, c.wants)
		}
	}
}

func FuzzForwarded(f *testing.F) {
	f.Add("127.0.0.1:1", "1.2.3.4, 10.0.0.1")
	f.Add("[::1%lo]:1", "[::1]:5")
	trusted, err := web.ParseProxies([]string{"127.0.0.0/8", "10.0.0.0/8"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, peer, forwarded string) {
		r := &http.Request{RemoteAddr: peer, Header: http.Header{"X-Forwarded-For": {forwarded}}}
		web.BehindProxies(trusted, http.HandlerFunc(func(_ http.ResponseWriter, got *http.Request) {
			if got.RemoteAddr != peer {
				if _, err := netip.ParseAddrPort(got.RemoteAddr); err != nil {
					t.Error(err)
				}
			}
		})).ServeHTTP(nil, r)
		if r.RemoteAddr != peer {
			t.Error("the server's own request was changed")
		}
	})
}
