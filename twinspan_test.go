package twinspan_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan"
	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/test/spawn"
)

// freePorts is a configuration on a folder, every listener on a free port.
func freePorts(dir string) twinspan.Config {
	free := twinspan.HouseConfig{Addr: "127.0.0.1:0"}
	return twinspan.Config{DataDir: dir, CRM: free, Engagement: free, Connect: free, ControlAddr: "127.0.0.1:0"}
}

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func start(t *testing.T, c twinspan.Config) *twinspan.Program {
	t.Helper()
	p, err := twinspan.New(bounded(t), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func status(t *testing.T, r twinspan.Ready) (connect.Status, []connect.User) {
	t.Helper()
	c, err := connect.New(r.Connect.URL, vault.Secret(r.Connect.APIToken), nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.Status(bounded(t))
	if err != nil {
		t.Fatal(err)
	}
	users, err := c.Users(bounded(t), "")
	if err != nil {
		t.Fatal(err)
	}
	return s, users
}

// The demo fixture is a connected, healthy pair on both databases, and the next start finds it as it was left.
func TestTheDemoFixture(t *testing.T) {
	t.Parallel()
	for _, kind := range spawn.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			c := freePorts(t.TempDir())
			c.DB = spawn.DSN(t, kind)
			p := start(t, c)
			first := p.Ready()
			s, users := status(t, first)
			if s.State != connect.StateConnected || s.Org.SystemUser != first.CRM.SystemUser.Username || s.Engagement.APIUser != first.Engagement.APIUser.Username {
				t.Errorf("the pair is %+v", s)
			}
			if len(users) != 3 {
				t.Errorf("mapped: %+v, want three users", users)
			}
			org := signIn(t, first, first.CRM.Admin)
			contacts, err := org.Query(bounded(t), "SELECT Id, Email FROM Contact")
			if err != nil || len(contacts) < 3 {
				t.Errorf("%d contacts, %v", len(contacts), err)
			}
			if err := errors.Join(p.Close(), p.Close()); err != nil {
				t.Fatal(err)
			}

			again := start(t, c).Ready()
			if again.CRM.OrgID != first.CRM.OrgID || again.CRM.Admin != first.CRM.Admin || again.Engagement.EID != first.Engagement.EID || again.Control.Token != first.Control.Token {
				t.Error("the second start has another pair")
			}
			if s, users := status(t, again); s.State != connect.StateConnected || len(users) != 3 {
				t.Errorf("after a restart on other ports: %s with %d users", s.State, len(users))
			}
		})
	}
}

func signIn(t *testing.T, r twinspan.Ready, l twinspan.Login) *crm.Session {
	t.Helper()
	c, err := crm.New(crm.Options{BaseURL: r.CRM.URL})
	if err != nil {
		t.Fatal(err)
	}
	token, err := c.Login(bounded(t), l.Username, vault.Secret(l.Password+l.SecurityToken))
	if err != nil {
		t.Fatal(err)
	}
	return c.Session(token)
}

// A start that breaks off at any moment is completed by the next one, with the secrets of the first.
func TestABrokenStartIsCompleted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	begun := time.Now()
	for delay := time.Millisecond; ; delay = delay * 3 / 2 {
		ctx, cancel := context.WithTimeout(t.Context(), delay)
		p, err := twinspan.New(ctx, freePorts(dir))
		cancel()
		if err == nil {
			r := p.Ready()
			s, users := status(t, r)
			if s.State != connect.StateConnected || len(users) != 3 {
				t.Errorf("after starts that broke off: %s with %d users", s.State, len(users))
			}
			if err := p.Close(); err != nil {
				t.Error(err)
			}
			return
		}
		if !errors.Is(err, context.DeadlineExceeded) && !strings.Contains(err.Error(), "deadline") && !strings.Contains(err.Error(), "cannot be reached") && !strings.Contains(err.Error(), "no whole answer") {
			t.Errorf("broken off after %v: %v", delay, err)
		}
		if time.Since(begun) > time.Minute {
			t.Fatalf("no start came through: %v", err)
		}
	}
}

func TestANewOrgIsNotConnected(t *testing.T) {
	t.Parallel()
	c := freePorts("")
	c.Ephemeral, c.Fixture = true, twinspan.FixtureNewOrg
	s, users := status(t, start(t, c).Ready())
	if s.State != "not_connected" || len(users) != 0 {
		t.Errorf("a new pair is %+v with %v", s, users)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	c := freePorts("")
	c.Ephemeral, c.Fixture = true, twinspan.FixtureNewOrg
	c.ReadyFile = filepath.Join(t.TempDir(), "ready.json")
	p := start(t, c)
	if got, err := twinspan.ReadReady(c.ReadyFile); err != nil || got.CRM.URL != p.Ready().CRM.URL {
		t.Errorf("the ready file: %+v, %v", got, err)
	}
	ctx, cancel := context.WithCancel(bounded(t))
	cancel()
	if err := p.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(c.ReadyFile); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the ready file is still there: %v", err)
	}
	if _, err := net.DialTimeout("tcp", strings.TrimPrefix(p.Ready().CRM.URL, "http://"), time.Second); err == nil {
		t.Error("the org still listens")
	}
}

func TestAPortInUseIsNamed(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dir := filepath.Join(t.TempDir(), "data")
	for flag, set := range map[string]func(*twinspan.Config, string){
		"--crm-addr":        func(c *twinspan.Config, a string) { c.CRM.Addr = a },
		"--engagement-addr": func(c *twinspan.Config, a string) { c.Engagement.Addr = a },
		"--connect-addr":    func(c *twinspan.Config, a string) { c.Connect.Addr = a },
		"--control-addr":    func(c *twinspan.Config, a string) { c.ControlAddr = a },
	} {
		c := freePorts(dir)
		set(&c, l.Addr().String())
		_, err := twinspan.New(bounded(t), c)
		if err == nil || !strings.Contains(err.Error(), flag) || !strings.Contains(err.Error(), l.Addr().String()) {
			t.Errorf("%s: %v", flag, err)
		}
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a refused start made the folder: %v", err)
	}
}

// With TLS addresses the same handlers also answer https. All houses see who a trusted proxy calls for.
func TestTLSAddresses(t *testing.T) {
	t.Parallel()
	c := freePorts("")
	c.Ephemeral, c.Fixture = true, twinspan.FixtureNewOrg
	var roots *x509.CertPool
	c.TLSCert, c.TLSKey, roots = certificate(t)
	c.CRM.TLSAddr, c.Engagement.TLSAddr, c.Connect.TLSAddr = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	var log strings.Builder // which is read once the program has ended
	c.TrustedProxies, c.Log = []string{"127.0.0.1"}, slog.New(slog.NewTextHandler(&log, nil))
	p := start(t, c)
	r := p.Ready()
	hc := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	defer hc.CloseIdleConnections()
	for _, url := range []string{r.CRM.TLSURL + "/services/data", r.Engagement.TLSURL + "/v2/discovery", r.Connect.TLSURL + "/marketing-cloud"} {
		req, err := http.NewRequestWithContext(bounded(t), http.MethodHead, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Forwarded-For", "203.0.113.9")
		resp, err := hc.Transport.RoundTrip(req)
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		_ = resp.Body.Close()
		if resp.TLS == nil || resp.StatusCode >= 500 {
			t.Errorf("%s: status %d, TLS %v", url, resp.StatusCode, resp.TLS != nil)
		}
	}
	if err := p.Close(); err != nil || strings.Count(log.String(), "remote=203.0.113.9") != 3 {
		t.Errorf("%v; the houses took others for the callers:\n%s", err, log.String())
	}
}

// certificate makes a certificate for 127.0.0.1 in two PEM files.
func certificate(t *testing.T) (certFile, keyFile string, roots *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	spec := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "twinspan test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, spec, spec, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots = x509.NewCertPool()
	roots.AddCert(parsed)
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", keyDER), roots
}

// A start without the key file, or with another installation's, is refused and touches nothing: the next one with the
// right file finds all as it was.
func TestTheKeyFileMustBeTheFoldersOwn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := freePorts(dir)
	if err := start(t, c).Close(); err != nil {
		t.Fatal(err)
	}
	path, kept := filepath.Join(dir, "keys.json"), filepath.Join(dir, "kept.json")
	if err := os.Rename(path, kept); err != nil {
		t.Fatal(err)
	}
	refused := func(why string, says ...string) {
		t.Helper()
		p, err := twinspan.New(bounded(t), c)
		if err == nil {
			t.Fatalf("%s it starts; closed: %v", why, p.Close())
		}
		for _, s := range says {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("%s: %v does not say %q", why, err, s)
			}
		}
	}
	refused("without the key file", path+" is missing")
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a new key file stands in the old one's place: %v", err)
	}
	if _, err := vault.Open(path); err != nil { // another one
		t.Fatal(err)
	}
	refused("with another key file", "--key-file", "credential_corrupt")
	if err := os.Rename(kept, path); err != nil {
		t.Fatal(err)
	}
	if s, users := status(t, start(t, c).Ready()); s.State != connect.StateConnected || len(users) != 3 {
		t.Errorf("with its own again: %s with %d users", s.State, len(users))
	}
}
