package cli_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twinspan/twinspan"
	"github.com/twinspan/twinspan/internal/cli"
)

// readyFile writes a ready file of an org and a Connect that a test serves.
func readyFile(t *testing.T, orgURL, connectURL string) string {
	t.Helper()
	r := twinspan.Ready{Version: 1}
	r.CRM.URL, r.CRM.Admin = orgURL, twinspan.Login{Username: "admin@org.example", Password: "old-pw", SecurityToken: "OLDTOKEN"}
	r.Connect.URL, r.Connect.APIToken = connectURL, "connect-token"
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "ready.json")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// An org that lets nobody in: the command names the cure, and takes what was changed from variables and flags.
func TestAStaleReadyFileHasACure(t *testing.T) {
	t.Parallel()
	var asked, host string
	org := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		asked, host = string(body), r.Host
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, `<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body><soapenv:Fault><faultcode>INVALID_LOGIN</faultcode>`+
			`<faultstring>INVALID_LOGIN: Invalid username, password, security token; or user locked out.</faultstring></soapenv:Fault></soapenv:Body></soapenv:Envelope>`)
	}))
	defer org.Close()
	ready := readyFile(t, org.URL, "")
	_, port, _ := strings.Cut(strings.TrimPrefix(org.URL, "http://"), ":")
	myDomain := "http://acme.my.localhost:" + port
	for name, c := range map[string]struct {
		vars     map[string]string
		args     []string
		user, pw string
		host     string
	}{
		"ready file": {nil, nil, "admin@org.example", "old-pwOLDTOKEN", "127.0.0.1:" + port},
		"token":      {map[string]string{"TWINSPAN_ORG_SECURITY_TOKEN": "NEWTOKEN"}, nil, "admin@org.example", "old-pwNEWTOKEN", "127.0.0.1:" + port},
		"all":        {map[string]string{"TWINSPAN_ORG_PASSWORD": "new-pw"}, []string{"--org-user", "new@org.example"}, "new@org.example", "new-pw", "127.0.0.1:" + port},
		"My Domain":  {nil, []string{"--org-url", myDomain}, "admin@org.example", "old-pwOLDTOKEN", "acme.my.localhost:" + port},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, stderr := run(t, c.vars, append([]string{"org", "user", "list", "--ready-file", ready}, c.args...)...)
			if code != cli.ExitFailed || !strings.Contains(stderr, "TWINSPAN_ORG_SECURITY_TOKEN") || !strings.Contains(stderr, "lock the user out") {
				t.Errorf("exit %d, no cure in:\n%s", code, stderr)
			}
			if !strings.Contains(asked, ">"+c.user+"<") || !strings.Contains(asked, ">"+c.pw+"<") || host != c.host {
				t.Errorf("at %s it asked:\n%s", host, asked)
			}
		})
	}
	asked = ""
	code, _, stderr := run(t, nil, "org", "user", "list", "--ready-file", ready, "--org-url", "http://127.0.0.1:1")
	if code != cli.ExitUsage || !strings.Contains(stderr, "TWINSPAN_ORG_TOKEN") || asked != "" {
		t.Errorf("the ready file's password goes to another site: exit %d, %s", code, stderr)
	}
}

// Without a name it is the integration user's token that is reset, never the administrator's who calls.
func TestResetTokenNeedsAnIntegrationUser(t *testing.T) {
	t.Parallel()
	connect := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"pair":"p","standing":"embedded","state":"connected","org":{"state":"connected"},"engagement":{"state":"connected"}}`)
	}))
	defer connect.Close()
	org := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the org was called") }))
	defer org.Close()
	code, _, stderr := run(t, nil, "integration-user", "reset-token", "--ready-file", readyFile(t, org.URL, connect.URL))
	if code != cli.ExitUsage || !strings.Contains(stderr, "no integration user is connected; name the user") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

// TestResetTokenInEachStanding: where the org is a real one nobody's token is reset and the clicks are told, with exit code 3;
// in the embedded one the org is asked.
// seed:command S004-24 S004-26 S004-27
func TestResetTokenInEachStanding(t *testing.T) {
	t.Parallel()
	for standing, embedded := range map[string]bool{"embedded": true, "own_link": false, "beside_the_package": false} {
		t.Run(standing, func(t *testing.T) {
			t.Parallel()
			connect := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, `{"pair":"p","standing":"`+standing+`","state":"connected","org":{"state":"connected"},"engagement":{"state":"connected"},"integration_user":{"username":"robot@org.example"}}`)
			}))
			defer connect.Close()
			asked := make(chan struct{}, 10)
			org := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				asked <- struct{}{}
				w.WriteHeader(http.StatusInternalServerError)
			}))
			defer org.Close()
			ready := readyFile(t, org.URL, connect.URL)
			code, stdout, stderr := run(t, nil, "integration-user", "reset-token", "--ready-file", ready)
			if embedded {
				if code != cli.ExitFailed || len(asked) == 0 {
					t.Errorf("exit %d, the org was asked %d times: %s", code, len(asked), stderr)
				}
				return
			}
			if code != cli.ExitNo || len(asked) > 0 {
				t.Errorf("exit %d, the org was asked %d times: %s", code, len(asked), stderr)
			}
			for _, want := range []string{
				"Login Access Policies: Administrators Can Log in as Any User", "Setup > Users > Users: Login under the Action column, in the row of robot@org.example",
				"Profile > Settings > Reset My Security Token", "Quick Find: Reset Security Token", "twinspan connect renew",
			} {
				if !strings.Contains(stdout, want) {
					t.Errorf("%q is missing in\n%s", want, stdout)
				}
			}
			code, stdout, _ = run(t, nil, "integration-user", "reset-token", "--ready-file", ready, "--json")
			if code != cli.ExitNo || !strings.Contains(stdout, `"reset": false`) {
				t.Errorf("exit %d: %s", code, stdout)
			}
		})
	}
}

// What is wrong with an address is said without the password in it.
func TestAPasswordInAnAddressIsNotRepeated(t *testing.T) {
	t.Parallel()
	code, _, stderr := run(t, map[string]string{"TWINSPAN_ORG_TOKEN": "t"}, "org", "user", "list", "--org-url", "http://olga:geheim@127.0.0.1:1")
	if code != cli.ExitUsage || strings.Contains(stderr, "geheim") || !strings.Contains(stderr, "http://***@127.0.0.1:1") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}
