package webhook_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/webhook"
)

var noon = time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC)

func sender(t *testing.T, o webhook.Options) *webhook.Sender {
	t.Helper()
	o.Machine = func() time.Time { return noon }
	s, err := webhook.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestCheck: what leads nowhere but into a network of one's own is refused when it is saved (security SF-01, SF-04).
func TestCheck(t *testing.T) {
	t.Parallel()
	s := sender(t, webhook.Options{Allowed: []string{"10.1.2.3:8443"}})
	for _, good := range []string{"https://hooks.example.com/x?y=1", "https://hooks.example.com:443/", "https://8.8.8.8/", "https://[2606:4700::1111]/", "https://10.1.2.3:8443/x", "http://10.1.2.3:8443/x", "https://hooks.example.com:8443/"} {
		if err := s.Check(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "http://hooks.example.com/", "ftp://hooks.example.com/", "unix:/x", "javascript:1", "https://", "https:///x", "https://u:p@hooks.example.com/", "https://hooks.example.com/#x", "https://hooks.example.com:25/", "https://hooks.example.com:99999/",
		"https://127.0.0.1/", "https://[::1]/", "https://0.0.0.0/", "https://10.0.0.1/", "https://172.16.0.1/", "https://192.168.1.1/", "https://169.254.169.254/", "https://[fe80::1]/", "https://[fe80::1%25eth0]/", "https://[fd00::1]/",
		"https://100.64.0.1/", "https://224.0.0.1/", "https://localhost/", "https://localhost./", "https://a.localhost/", "https://0177.0.0.1/", "https://2130706433/", "https://127.1/", "https://0x7f.1/", "https://[::ffff:127.0.0.1]/",
		"https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/", "https://intranet/", "https://db.internal/", "https://10.1.2.3/", "http://8.8.8.8/", "https://10.1.2.4:8443/", "https://hooks..example.com/", "https://hooks.exämple.com/",
		"https://hooks.example.com/" + strings.Repeat("x", 2000),
	} {
		if err := s.Check(bad); fault.CodeOf(err) != webhook.CodeAddress {
			t.Errorf("%s: %v", bad, err)
		}
	}
	for _, bad := range []string{"10.1.2.3", "host:443", "10.0.0.0/8"} {
		if _, err := webhook.New(webhook.Options{Allowed: []string{bad}}); err == nil {
			t.Errorf("%s may be listed", bad)
		}
	}
	if webhook.Public(netip.Addr{}) {
		t.Error("no address is public")
	}
}

// TestSend: an event comes signed, once; what the receiver says decides whether it may come again. Redirects lead nowhere.
func TestSend(t *testing.T) {
	t.Parallel()
	status := make(chan int, 1)
	var got http.Header
	var body []byte
	asked := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		got = r.Header
		body, _ = io.ReadAll(r.Body)
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(<-status)
	}))
	defer srv.Close()
	s := sender(t, webhook.Options{Allowed: []string{srv.Listener.Addr().String()}})
	for code, want := range map[int]fault.Code{200: "", 204: "", 302: webhook.CodeRefused, 400: webhook.CodeRefused, 410: webhook.CodeRefused, 429: webhook.CodeDeferred, 500: webhook.CodeDeferred, 503: webhook.CodeDeferred} {
		asked = 0
		status <- code
		if err := s.Send(t.Context(), srv.URL+"/hook", "secret", "p-1", []byte(`{"a":1}`)); fault.CodeOf(err) != want || asked != 1 {
			t.Errorf("%d: %v, asked %d times", code, err, asked)
		}
	}
	mac := hmac.New(sha256.New, []byte("secret"))
	mac.Write([]byte(`1795348800.{"a":1}`))
	if want := "t=1795348800,v1=" + hex.EncodeToString(mac.Sum(nil)); got.Get(webhook.SignatureHeader) != want || got.Get(webhook.IDHeader) != "p-1" || string(body) != `{"a":1}` {
		t.Errorf("%v %s, want %s", got, body, want)
	}
	srv.Close()
	if err := s.Send(t.Context(), srv.URL, "secret", "p-1", nil); fault.CodeOf(err) != webhook.CodeDeferred {
		t.Errorf("nobody listens: %v", err)
	}
}

// TestNamesThatLeadInside: a name is judged by what it resolves to when it is connected to (security SF-02): nothing is sent.
func TestNamesThatLeadInside(t *testing.T) {
	t.Parallel()
	asked := false
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer srv.Close()
	_, port, _ := net.SplitHostPort(srv.Listener.Addr().String())
	// The port is listed for another address, so that the check at saving passes.
	s := sender(t, webhook.Options{Allowed: []string{"10.1.2.3:" + port}, Resolver: loopbackResolver(t)})
	err := s.Send(t.Context(), "https://hooks.example.com:"+port+"/", "secret", "p-1", nil)
	if fault.CodeOf(err) != webhook.CodeAddress || asked {
		t.Errorf("%v, asked %v", err, asked)
	}
}

// loopbackResolver answers 127.0.0.1 for every name, over UDP on this machine.
func loopbackResolver(t *testing.T) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo(answerTo(buf[:n]), from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// answerTo is a DNS answer with the address 127.0.0.1 where an A record is asked for, else with none.
func answerTo(q []byte) []byte {
	end := 12
	for q[end] != 0 {
		end += int(q[end]) + 1
	}
	question := q[12 : end+5]
	out := append([]byte{q[0], q[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, question...)
	if question[len(question)-3] == 1 {
		out[7] = 1
		out = append(out, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1)
	}
	return out
}
