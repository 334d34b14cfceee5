package webhook_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/egress/egresstest"
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

// TestCheck: what an address may be is package egress's to say.
func TestCheck(t *testing.T) {
	t.Parallel()
	s := sender(t, webhook.Options{Allowed: []string{"10.1.2.3:8443"}})
	for address, want := range map[string]fault.Code{
		"https://hooks.example.com/x": "", "http://10.1.2.3:8443/x": "", "http://hooks.example.com/": webhook.CodeAddress, "https://127.0.0.1/": webhook.CodeAddress, "https://localhost/": webhook.CodeAddress,
	} {
		if err := s.Check(address); fault.CodeOf(err) != want || err != nil && fault.Of(err).Field != "webhook" {
			t.Errorf("%s: %v", address, err)
		}
	}
	if _, err := webhook.New(webhook.Options{Allowed: []string{"10.1.2.3"}}); fault.CodeOf(err) != webhook.CodeAddress {
		t.Errorf("an address without a port may be listed: %v", err)
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
	s := sender(t, webhook.Options{Allowed: []string{"10.1.2.3:" + port}, Resolver: egresstest.Resolver(t, netip.MustParseAddr("127.0.0.1"))})
	err := s.Send(t.Context(), "https://hooks.example.com:"+port+"/", "secret", "p-1", nil)
	if fault.CodeOf(err) != webhook.CodeAddress || asked {
		t.Errorf("%v, asked %v", err, asked)
	}
}
