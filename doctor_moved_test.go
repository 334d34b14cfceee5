package twinspan_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/twinspan/twinspan"
	"github.com/twinspan/twinspan/internal/client/browser"
	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/vault"
)

// quietAddress is a free address on this machine that nobody is given who asks for any port, so that it stays free.
func quietAddress(t *testing.T) string {
	t.Helper()
	for range 50 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(10000)))
		if err == nil {
			noError(t, l.Close())
			return l.Addr().String()
		}
	}
	t.Fatal("no port is free")
	return ""
}

// Where Connect was started at another address than both clouds send browsers back to, what the doctor prints mends the app, and
// the start that it names is good for Connect's own package, whose redirect URIs nobody changes: a user comes through both again.
func TestTheDoctorOfAConnectThatMoved(t *testing.T) {
	t.Parallel()
	c := freePorts(t.TempDir())
	c.Connect.Addr = quietAddress(t)
	c.ReadyFile = filepath.Join(t.TempDir(), "ready.json")
	begun := start(t, c)
	home := begun.Ready().Connect.URL
	noError(t, begun.Close())

	c.Connect.Addr = "127.0.0.1:0"
	looks := func(p *twinspan.Program) (*ward, connect.Diagnosis) {
		t.Helper()
		w := &ward{t: t, r: p.Ready(), ready: c.ReadyFile}
		var err error
		w.cl, err = connect.New(w.r.Connect.URL, vault.Secret(w.r.Connect.APIToken), nil)
		noError(t, err)
		return w, w.alone()
	}
	moved := start(t, c)
	w, d := looks(moved)
	i := slices.IndexFunc(d.Findings, func(f connect.Ailment) bool { return f.Check == "T10" && f.Command != "" })
	if i < 0 || len(d.Findings) != 2 || !slices.Equal(found(d), []string{"T10"}) {
		t.Fatalf("at another address: %+v", d.Findings)
	}
	w.types(d.Findings[i : i+1])
	_, d = looks(moved)
	if len(d.Findings) != 1 || d.Findings[0].Check != "T10" || d.Findings[0].Command != "" {
		t.Fatalf("the app is mended: %+v", d.Findings)
	}
	named := regexp.MustCompile("`--connect-addr ([0-9.:]+)`").FindStringSubmatch(d.Findings[0].Click)
	if named == nil || "http://"+named[1] != home {
		t.Fatalf("what mends the package: %s", d.Findings[0].Click)
	}
	noError(t, moved.Close())

	c.Connect.Addr = named[1]
	w, d = looks(start(t, c))
	if !d.Healthy {
		t.Errorf("started as it says: %+v %+v", d.Findings, d.Unchecked)
	}
	person := houseConsole{t, w.r, browser.New(nil)}
	sees(t, person.visit(w.r.Connect.URL+"/marketing-cloud", w.r.CRM.Users[0], w.r.Engagement.Users[0], "Allow"), 200, w.r.Engagement.Users[0].Username)
}
