package egress_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twinspan/twinspan/internal/egress"
	"github.com/twinspan/twinspan/internal/egress/egresstest"
	"github.com/twinspan/twinspan/internal/fault"
)

const code fault.Code = "guarded"

func guard(t *testing.T, o egress.Options) *egress.Guard {
	t.Helper()
	o.What, o.Code = "A cloud's address", code
	g, err := egress.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestCheck: what leads nowhere but into a network of one's own is refused when it is saved (security SF-01, SF-04).
func TestCheck(t *testing.T) {
	t.Parallel()
	strict, local := guard(t, egress.Options{Allowed: []string{"10.1.2.3:8443"}}), guard(t, egress.Options{Local: true})
	for _, good := range []string{"https://hooks.example.com/x?y=1", "https://hooks.example.com:443/", "https://8.8.8.8/", "https://[2606:4700::1111]/", "https://10.1.2.3:8443/x", "http://10.1.2.3:8443/x", "https://hooks.example.com:8443/"} {
		if err := strict.Check(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	// Refused also where this machine may be named.
	never := []string{
		"", "http://hooks.example.com/", "ftp://hooks.example.com/", "ftp://8.8.8.8:443/", "unix:/x", "javascript:1", "https://", "https:///x", "https://u:p@hooks.example.com/", "https://hooks.example.com/#x", "https://hooks.example.com:25/",
		"https://hooks.example.com:99999/", "https://0.0.0.0/", "https://10.0.0.1/", "https://172.16.0.1/", "https://192.168.1.1/", "http://169.254.169.254/", "https://169.254.169.254/", "https://[fe80::1]/", "https://[fe80::1%25eth0]/",
		"https://[fd00::1]/", "https://100.64.0.1/", "https://224.0.0.1/", "https://0177.0.0.1/", "https://2130706433/", "https://127.1/", "http://127.1:8080", "https://0x7f.1/", "https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/",
		"https://intranet/", "https://db.internal/", "http://8.8.8.8/", "https://10.1.2.4:8443/", "https://hooks..example.com/", "https://hooks.exämple.com/", "https://hooks.example.com:6379/", "https://hooks.example.com/" + strings.Repeat("x", 2000),
		"ftp://localhost/", "https://u@localhost/",
	}
	here := []string{"https://127.0.0.1/", "https://[::1]/", "https://localhost/", "https://localhost./", "https://a.localhost/", "https://[::ffff:127.0.0.1]/", "http://127.0.0.1:8080", "http://acme.my.localhost:8080/"}
	for _, bad := range append(never, here...) {
		if err := strict.Check(bad); fault.CodeOf(err) != code || fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", bad, err)
		}
	}
	for _, bad := range never {
		if err := local.Check(bad); fault.CodeOf(err) != code {
			t.Errorf("%s, on this machine: %v", bad, err)
		}
	}
	for _, good := range append(here, "https://acme.my.salesforce.com") {
		if err := local.Check(good); err != nil {
			t.Errorf("%s, on this machine: %v", good, err)
		}
	}
	for _, bad := range []string{"10.1.2.3", "host:443", "10.0.0.0/8"} {
		if _, err := egress.New(egress.Options{Code: code, Allowed: []string{bad}}); fault.CodeOf(err) != code {
			t.Errorf("%s may be listed: %v", bad, err)
		}
	}
	if egress.Public(netip.Addr{}) {
		t.Error("no address is public")
	}
}

// TestNamesThatLeadInside: a name is judged by what it resolves to when it is connected to, each time (security SF-01, SF-02, SF-06):
// not one byte is sent.
func TestNamesThatLeadInside(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer srv.Close()
	_, port, _ := net.SplitHostPort(srv.Listener.Addr().String())
	get := func(g *egress.Guard, url string) error {
		hc := &http.Client{Transport: &http.Transport{DialContext: g.DialContext, DisableKeepAlives: true}}
		resp, err := hc.Get(url)
		if err == nil {
			err = resp.Body.Close()
		}
		return err
	}
	loopback := netip.MustParseAddr("127.0.0.1")
	// The port is listed for another address, so that the check at saving passes.
	for name, o := range map[string]egress.Options{
		"a name that leads inside":                 {Allowed: []string{"10.1.2.3:" + port}, Resolver: egresstest.Resolver(t, loopback)},
		"the same where this machine may be named": {Local: true, Resolver: egresstest.Resolver(t, loopback)},
	} {
		if err := get(guard(t, o), "http://hooks.example.com:"+port); fault.CodeOf(err) != code || asked.Load() != 0 {
			t.Errorf("%s: %v, asked %d", name, err, asked.Load())
		}
	}
	// First to an address that is listed, where nobody answers here, then to this machine: judged anew, and refused.
	g := guard(t, egress.Options{Allowed: []string{"127.0.0.2:" + port}, Resolver: egresstest.Resolver(t, netip.MustParseAddr("127.0.0.2"), loopback)})
	if err := get(g, "http://hooks.example.com:"+port); fault.CodeOf(err) == code {
		t.Errorf("the first address is listed: %v", err)
	}
	if err := get(g, "http://hooks.example.com:"+port); fault.CodeOf(err) != code || asked.Load() != 0 {
		t.Errorf("the second is not: %v, asked %d", err, asked.Load())
	}
	// What is listed, and this machine by its own names, is reached.
	for url, o := range map[string]egress.Options{
		srv.URL:                        {Allowed: []string{srv.Listener.Addr().String()}},
		"http://localhost:" + port:     {Local: true},
		"http://a.b.localhost:" + port: {Local: true},
		"http://127.0.0.1:" + port:     {Local: true},
	} {
		before := asked.Load()
		if err := get(guard(t, o), url); err != nil || asked.Load() != before+1 {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// TestRefusalNamesTheAddress: which address it is and how others are listed is said; what may be a secret in it is not.
func TestRefusalNamesTheAddress(t *testing.T) {
	t.Parallel()
	g := guard(t, egress.Options{Lists: "`up --clouds-at ADDRESS:PORT`"})
	for address, want := range map[string]string{
		"https://10.0.0.1:8443/hook?key=s3cret": "A cloud's address is an https address of the open internet at port 443, or one that the operator lists with `up --clouds-at ADDRESS:PORT`; https://10.0.0.1:8443 is none.",
		"http://hooks.example.com/s3cret":       "A cloud's address is an https address; http://hooks.example.com is none.",
		"https://user:s3cret@hooks.example.com": "A cloud's address is an https address of plain ASCII without a user and a fragment; https://hooks.example.com is none.",
		"s3cret":                                "A cloud's address is an https address.",
	} {
		if err := g.Check(address); fault.Of(err).Message != want {
			t.Errorf("%s: %v", address, err)
		}
	}
}
