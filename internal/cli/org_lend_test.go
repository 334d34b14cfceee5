package cli_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twinspan/twinspan/internal/cli"
)

// ownAddress is an address of this machine that is not loopback; "" where it has none.
func ownAddress(t *testing.T) string {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		if n, ok := one.(*net.IPNet); ok && n.IP.To4() != nil && n.IP.IsGlobalUnicast() {
			return n.IP.String()
		}
	}
	return ""
}

// connectOf serves a Connect that stands as said.
func connectOf(t *testing.T, standing string) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"pair":"p","standing":"`+standing+`","org_url":"https://acme.my.salesforce.com","engagement_auth_url":"https://acme.auth.marketingcloudapis.com",`+
			`"state":"not_connected","org":{"state":"not_connected"},"engagement":{"state":"not_connected"},"names":{"approval_set":"Marketing Cloud Connected App"},"unchecked":[{"check":"D15","name":"x","because":"The session that was lent is not taken: INVALID_SESSION_ID."}]}`)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// An administrator's token goes to no address that could not be a real org's, whichever command is to lend it: nothing is sent.
func TestATokenIsLentToNoOtherAddress(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	l, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	org := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) })}
	go func() { _ = org.Serve(l) }()
	defer org.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())

	bad := []string{"http://192.0.2.2:8080", "http://169.254.169.254", "https://169.254.169.254", "http://acme.my.salesforce.com", "https://10.1.2.4:8443", "https://[fe80::1]", "https://intranet"}
	vars := map[string]string{"TWINSPAN_ORG_TOKEN": "lent-token", "TWINSPAN_CONNECT_TOKEN": "connect-token"}
	if own := ownAddress(t); own != "" {
		bad = append(bad, "http://"+net.JoinHostPort(own, port))
	}
	unset, own := readyFile(t, "", connectOf(t, "unset")), readyFile(t, "", connectOf(t, "own_link"))
	file := filepath.Join(t.TempDir(), "secrets")
	if err := os.WriteFile(file, []byte("org_token=lent-token\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	standing := []string{"connect", "--ready-file", unset, "--standing", "own-link", "--engagement-auth-url", "https://acme.auth.marketingcloudapis.com", "--consumer-key", "k", "--system-user", "s@acme.example"}
	for name, args := range map[string][]string{
		"connect --plan":      append(standing[:len(standing):len(standing)], "--plan"),
		"connect --apply":     append(standing[:len(standing):len(standing)], "--apply"),
		"plan of what stands": {"connect", "--ready-file", own, "--system-user", "s@acme.example", "--plan"},
		"by a file":           {"connect", "--ready-file", own, "--system-user", "s@acme.example", "--plan", "--secrets-file", file},
		"doctor":              {"doctor", "--ready-file", own},
		"guide":               {"guide", "001", "--ready-file", own},
		"org user list":       {"org", "user", "list"},
		"package status":      {"package", "status"},
	} {
		for _, at := range bad {
			code, stdout, stderr := run(t, vars, append(args[:len(args):len(args)], "--org-url", at)...)
			for _, want := range []string{"--org-url: ", " " + at + " ", "https address of the open internet at port 443", "on this machine", "TWINSPAN_CLOUDS_AT"} {
				if !strings.Contains(stderr, want) {
					t.Errorf("%s at %s: %q is missing in %s", name, at, want, stderr)
				}
			}
			if code != cli.ExitUsage || strings.Contains(stdout+stderr, "lent-token") {
				t.Errorf("%s at %s: exit %d: %s%s", name, at, code, stdout, stderr)
			}
		}
	}
	if asked.Load() != 0 {
		t.Errorf("the address was asked %d times", asked.Load())
	}
}

// The ready file's password is held to the same rule where somebody says the address.
func TestAPasswordGoesInClearToNoOtherAddress(t *testing.T) {
	t.Parallel()
	ready := readyFile(t, "http://192.0.2.2:8080", connectOf(t, "embedded"))
	for _, args := range [][]string{{"org", "user", "list"}, {"doctor"}, {"connect", "--plan", "--system-user", "s@acme.example", "--api-user", "a"}} {
		code, _, stderr := run(t, nil, append(args, "--ready-file", ready, "--org-url", "http://192.0.2.2:8080")...)
		if code != cli.ExitUsage || !strings.Contains(stderr, "--org-url: http://192.0.2.2:8080 is no address to which a token or password is sent") {
			t.Errorf("%v: exit %d: %s", args, code, stderr)
		}
	}
}

// An org in a network of one's own is listed as `up` has it listed, for https alone; what is link-local is not, whoever lists it.
func TestAnOrgInANetworkOfOnesOwnIsListed(t *testing.T) {
	t.Parallel()
	list := func(at, listed string) (int, string) {
		code, _, stderr := run(t, map[string]string{"TWINSPAN_ORG_TOKEN": "lent-token", "TWINSPAN_CLOUDS_AT": listed}, "org", "user", "list", "--org-url", at)
		return code, stderr
	}
	for at, listed := range map[string]string{"http://10.1.2.3:8443": "10.1.2.3:8443", "https://169.254.169.254": "169.254.169.254:443", "https://10.1.2.3:8443": "10.1.2.3:8444, 10.1.2.4:8443"} {
		if code, stderr := list(at, listed); code != cli.ExitUsage || !strings.Contains(stderr, at+" is no address to which a token or password is sent") {
			t.Errorf("%s by %s: exit %d: %s", at, listed, code, stderr)
		}
	}
	if code, stderr := list("https://10.1.2.3:8443", "10.1.2.3"); code != cli.ExitUsage || !strings.Contains(stderr, `TWINSPAN_CLOUDS_AT: "10.1.2.3" is no address with a port`) {
		t.Errorf("exit %d: %s", code, stderr)
	}
	own := ownAddress(t)
	if own == "" {
		t.Skip("this machine has its loopback alone")
	}
	l, err := net.Listen("tcp4", net.JoinHostPort(own, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	reached := make(chan struct{})
	go func() {
		if c, err := l.Accept(); err == nil {
			close(reached)
			_ = c.Close()
		}
	}()
	code, stderr := list("https://"+l.Addr().String(), "10.1.2.3:8443, "+l.Addr().String())
	if code != cli.ExitFailed || strings.Contains(stderr, "is no address") {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	<-reached
}

// A token that the org does not take is told by where it was given.
func TestATokenThatIsNotTakenIsNamed(t *testing.T) {
	t.Parallel()
	org := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `[{"errorCode":"INVALID_SESSION_ID","message":"Session expired or invalid"}]`)
	}))
	defer org.Close()
	vars := map[string]string{"TWINSPAN_ORG_TOKEN": "lent-token"}
	own := readyFile(t, "", connectOf(t, "own_link"))
	file := filepath.Join(t.TempDir(), "secrets")
	if err := os.WriteFile(file, []byte("org_token=lent-token\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		from string
	}{
		"org":     {[]string{"org", "user", "list"}, "TWINSPAN_ORG_TOKEN"},
		"connect": {[]string{"connect", "--ready-file", own, "--system-user", "s@acme.example", "--plan"}, "TWINSPAN_ORG_TOKEN"},
		"file":    {[]string{"connect", "--ready-file", own, "--system-user", "s@acme.example", "--plan", "--secrets-file", file}, "org_token of --secrets-file"},
		"doctor":  {[]string{"doctor", "--ready-file", own}, "TWINSPAN_ORG_TOKEN"}, // says it beside what it found
	} {
		code, stdout, stderr := run(t, vars, append(c.args, "--org-url", org.URL)...)
		if c.args[0] == "doctor" != (code == cli.ExitDone) || !strings.Contains(stdout+stderr, "INVALID_SESSION_ID") || !strings.Contains(stderr, "does not take the access token in "+c.from) || strings.Contains(stdout+stderr, "lent-token") {
			t.Errorf("%s: exit %d: %s%s", name, code, stdout, stderr)
		}
	}
}

// The program's own clouds stand as they stand: a plan for real ones is refused as --apply is, before a token is lent.
func TestNoOtherStandingIsPlannedForEmbeddedClouds(t *testing.T) {
	t.Parallel()
	ready := readyFile(t, "", connectOf(t, "embedded"))
	for _, how := range []string{"--plan", "--apply"} {
		code, stdout, stderr := run(t, nil, "connect", "--ready-file", ready, "--standing", "own-link", "--org-url", "https://acme.my.salesforce.com",
			"--engagement-auth-url", "https://acme.auth.marketingcloudapis.com", "--consumer-key", "k", "--system-user", "s@acme.example", how)
		if code != cli.ExitFailed || stdout != "" || !strings.Contains(stderr, "are the program's own. Start one with --clouds none") {
			t.Errorf("%s: exit %d: %s%s", how, code, stdout, stderr)
		}
	}
}
