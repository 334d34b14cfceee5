package web_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/web"
)

// patience bounds every wait of these tests; none waits that long when all is well.
const patience = 20 * time.Second

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// running serves h until the returned stop, which gives what Serve returned.
func running(t *testing.T, h http.Handler, o web.ServeOptions, listeners ...net.Listener) (stop func() error) {
	t.Helper()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- web.Serve(ctx, listeners, h, o) }()
	stopped := false
	stop = func() error {
		stopped = true
		cancel()
		select {
		case err := <-done:
			return err
		case <-time.After(patience):
			return errors.New("Serve did not return")
		}
	}
	t.Cleanup(func() {
		if !stopped {
			if err := stop(); err != nil {
				t.Error(err)
			}
		}
	})
	return stop
}

// raw sends text over a fresh connection and returns the status line, and the rest until the connection ends.
func raw(t *testing.T, address, text string) (status, rest string) {
	t.Helper()
	status, rest, err := converse(address, text)
	if err != nil {
		t.Fatal(err)
	}
	return status, rest
}

// converse is raw for other goroutines than the test's. A connection that ends without an answer is no error.
func converse(address, text string) (status, rest string, err error) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return "", "", err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return "", "", err
	}
	if _, err := io.WriteString(c, text); err != nil {
		return "", "", err
	}
	answer, err := io.ReadAll(c)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return "", "", err
	}
	status, rest, _ = strings.Cut(string(answer), "\r\n")
	return status, rest, nil
}

func TestServeLimitsTheHead(t *testing.T) {
	t.Parallel()
	l := listen(t)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.URL.Path) })
	running(t, h, web.ServeOptions{}, l)
	for _, c := range []struct{ name, request, want string }{
		{"plain", "GET //a//b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 "},
		{"long URL", "GET /" + strings.Repeat("a", 16<<10) + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HTTP/1.1 414 "},
		{"20 KB of query", "GET /?state=" + strings.Repeat("a", 20<<10) + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HTTP/1.1 414 "},
		{"long headers", "GET / HTTP/1.1\r\nHost: x\r\nX-A: " + strings.Repeat("a", 17<<10) + "\r\nConnection: close\r\n\r\n", "HTTP/1.1 431 "},
		{"many headers", "GET / HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X-A: a\r\n", 3000) + "Connection: close\r\n\r\n", "HTTP/1.1 431 "},
		{"1 MB of headers", "GET / HTTP/1.1\r\nHost: x\r\nX-A: " + strings.Repeat("a", 40<<10), "HTTP/1.1 431 "},
		{"both lengths", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "HTTP/1.1 400 "},
		{"space before colon", "GET / HTTP/1.1\r\nHost : x\r\n\r\n", "HTTP/1.1 400 "},
		{"unknown coding", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n", "HTTP/1.1 501 "},
		{"no host", "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			status, rest := raw(t, l.Addr().String(), c.request)
			if !strings.HasPrefix(status, c.want) {
				t.Errorf("%q (%.80q), want %q", status, rest, c.want)
			}
			if strings.Contains(rest, "Server:") {
				t.Error("the answer names the server's software")
			}
		})
	}
}

func TestServeEndsSlowClients(t *testing.T) {
	t.Parallel()
	l := listen(t)
	var readErr error
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, readErr = web.ReadBody(w, r, 100)
		http.Error(w, "no", 400)
	})
	running(t, h, web.ServeOptions{ReadHeader: 50 * time.Millisecond, Read: 100 * time.Millisecond, Idle: 50 * time.Millisecond}, l)
	// raw returns only when the server ends the connection: none of these requests ever ends by itself.
	if status, _ := raw(t, l.Addr().String(), "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "); strings.Contains(status, "200") {
		t.Errorf("slow headers: %q", status)
	}
	if status, _ := raw(t, l.Addr().String(), "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nhalf"); status != "HTTP/1.1 400 Bad Request" || readErr == nil {
		t.Errorf("slow body: %q, %v", status, readErr)
	}
	raw(t, l.Addr().String(), "GET / HTTP/1.1\r\nHost: x\r\n\r\n") // an idle connection is ended
}

func TestServeFinishesWhatIsInFlight(t *testing.T) {
	t.Parallel()
	l, second := listen(t), listen(t)
	entered, leave := make(chan struct{}), make(chan struct{})
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		<-leave
		if r.Context().Err() != nil {
			t.Error("the request's context ended while there was time to drain")
		}
		fmt.Fprint(w, "done")
	})
	stop := running(t, h, web.ServeOptions{}, l, second)
	answered := make(chan string, 1)
	go func() {
		_, rest, err := converse(second.Addr().String(), "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		if err != nil {
			t.Error(err)
		}
		answered <- rest
	}()
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	// The listener closes at once while the request runs on.
	for {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			break
		}
		c.Close()
	}
	close(leave)
	if rest := <-answered; !strings.HasSuffix(rest, "done") {
		t.Errorf("the answer in flight: %q", rest)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

func TestServeCutsOffWhatDoesNotEnd(t *testing.T) {
	t.Parallel()
	l := listen(t)
	entered := make(chan struct{})
	h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
	})
	stop := running(t, h, web.ServeOptions{Drain: 20 * time.Millisecond}, l)
	cut := make(chan error, 1)
	go func() {
		_, _, err := converse(l.Addr().String(), "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		cut <- err
	}()
	<-entered
	if err := stop(); !errors.Is(err, web.ErrDrain) {
		t.Errorf("Serve: %v, want %v", err, web.ErrDrain)
	}
	if err := <-cut; err != nil {
		t.Errorf("the client waits for ever: %v", err)
	}
}

func TestServeReportsAFailingListener(t *testing.T) {
	t.Parallel()
	l, good := listen(t), listen(t)
	l.Close()
	err := web.Serve(t.Context(), []net.Listener{good, l}, http.NotFoundHandler(), web.ServeOptions{House: "crm", Log: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "crm") || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("error %v names neither house nor address", err)
	}
	if _, err := net.Dial("tcp", good.Addr().String()); err == nil {
		t.Error("the other listener is still open")
	}
}

func TestListenTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	key, err := oauth.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	keyPEM, err := oauth.EncodeKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certPEM, err := oauth.NewCertificate("localhost", key, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	if err := errors.Join(os.WriteFile(certFile, []byte(certPEM), 0o600), os.WriteFile(keyFile, keyPEM, 0o600)); err != nil {
		t.Fatal(err)
	}
	plain := listen(t)
	l, err := web.ListenTLS(plain, certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	running(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "%v %s", r.TLS != nil, r.Proto) }), web.ServeOptions{}, l)
	// The certificate has no host name: what counts is that the server holds the key.
	check := func(s tls.ConnectionState) error {
		if !key.PublicKey.Equal(s.PeerCertificates[0].PublicKey) {
			return errors.New("the server has another key")
		}
		return nil
	}
	client := &http.Client{Timeout: patience, Transport: &http.Transport{
		ForceAttemptHTTP2: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true, VerifyConnection: check},
	}}
	defer client.CloseIdleConnections()
	res, err := client.Get("https://" + plain.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err != nil || string(body) != "true HTTP/1.1" {
		t.Errorf("%q, %v", body, err)
	}
	if _, err := tls.Dial("tcp", plain.Addr().String(), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 was taken")
	}
	if _, err := web.ListenTLS(plain, keyFile, certFile); err == nil || !strings.Contains(err.Error(), keyFile) {
		t.Errorf("certificate and key exchanged: %v", err)
	}
}

// logged is one Front'ed request's log.
func logged(h http.HandlerFunc, r *http.Request, level slog.Level) string {
	var out bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: level}))
	web.Front(h, log, "crm").ServeHTTP(newQuietRecorder(), r)
	return out.String()
}
