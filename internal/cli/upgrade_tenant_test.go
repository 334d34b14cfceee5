package cli_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/cli"
)

// A triggered send test that does not complete is told as soon as that is known, and the same command sends another: an upgrade to
// tenant-specific OAuth is not held up by a message of which nobody knows whether it arrived.
func TestTheTestSendIsInDoubt(t *testing.T) {
	t.Parallel()
	var (
		mu   sync.Mutex
		keys = map[string]bool{}
	)
	outcome := func(n int) string { return []string{"in_doubt", "not_sent", "sent"}[min(n, 3)-1] }
	connect := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		n := len(keys)
		send := func(status string) string {
			return `{"message_key":"key` + strconv.Itoa(n) + `","recipient":"ann@acme.example","status":"` + status + `","reason":{"code":"unreachable","message":"The tenant may have the message."}}`
		}
		w.Header().Set("Content-Type", "application/json")
		switch path := strings.TrimPrefix(r.URL.Path, "/api/v1/"); {
		case path == "upgrade" && len(keys) == 3:
			_, _ = io.WriteString(w, `{"upgrade":{"id":"u","kind":"tenant_oauth","state":"done"}}`)
		case path == "upgrade", path == "upgrade/steps/verify":
			_, _ = io.WriteString(w, `{"upgrade":{"id":"u","kind":"tenant_oauth","state":"waiting","waiting":{"for":"engagement_admin","step":"verify","have":"none since"}}}`)
		case path == "upgrade/tenant-oauth":
			_, _ = io.WriteString(w, `{"account_type":"core"}`)
		case path == "upgrade/tenant-oauth/test":
			keys[r.Header.Get("Idempotency-Key")] = true
			n = len(keys)
			_, _ = io.WriteString(w, send("accepted"))
		case strings.HasPrefix(path, "sends/key"):
			_, _ = io.WriteString(w, send(outcome(n)))
		default:
			t.Errorf("%s %s", r.Method, r.URL.Path)
			http.NotFound(w, r)
		}
	}))
	defer connect.Close()
	again := func() (int, string) {
		code, _, stderr := run(t, nil, "upgrade", "start", "--ready-file", readyFile(t, "", connect.URL), "--as", "both", "--yes", "--kind", "tenant-oauth", "--verify-contact", "003000000000001", "--verify-definition", "welcome")
		return code, stderr
	}
	began := time.Now()
	for _, status := range []string{"in doubt", "not sent"} {
		if code, said := again(); code != cli.ExitNo || !strings.Contains(said, "the triggered send test to ann@acme.example is "+status+": The tenant may have the message; the same command sends another") {
			t.Errorf("exit %d: %s", code, said)
		}
	}
	if code, said := again(); code != cli.ExitDone {
		t.Errorf("exit %d: %s", code, said)
	}
	if len(keys) != 3 {
		t.Errorf("%d tests were asked for: %v", len(keys), keys)
	}
	if took := time.Since(began); took > 40*time.Second { // a minute for each was the time that Connect has to look
		t.Errorf("it took %v", took)
	}
}

// An upgrade that is under way goes on as it was begun: flags that say otherwise are refused, and nothing is told; what is being put
// back is not done again. The warnings are those of what is booked.
func TestStartOfAnUpgradeUnderWay(t *testing.T) {
	t.Parallel()
	var body string
	connect := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != "/api/v1/upgrade" {
			t.Errorf("%s %s", r.Method, r.URL.Path)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"upgrade":{"id":"u","order":"safe","mode":"hold","window_minutes":120,"by":"olga",`+body+`}}`)
	}))
	defer connect.Close()
	ready := readyFile(t, "", connect.URL)
	start := func(args ...string) (int, string, string) {
		return run(t, nil, append([]string{"upgrade", "start", "--ready-file", ready}, args...)...)
	}
	const waits = `"kind":"connected_app","state":"waiting","waiting":{"for":"crm_admin","step":"attach","have":"carried by none"}`
	body = waits
	for flag, value := range map[string]string{"kind": "tenant-oauth", "order": "documented", "mode": "fail", "window": "90m", "at": "2016-05-01T03:00:00Z"} {
		if code, _, stderr := start("--yes", "--"+flag, value); code != cli.ExitUsage || !strings.Contains(stderr, "an upgrade is under way, begun by olga, with --"+flag) {
			t.Errorf("--%s %s: exit %d, %s", flag, value, code, stderr)
		}
	}
	if code, _, stderr := start("--yes", "--kind", "connected-app", "--order", "safe", "--mode", "hold", "--window", "2h"); code != cli.ExitNo {
		t.Errorf("as it was begun: exit %d, %s", code, stderr)
	}
	body = `"kind":"tenant_oauth","state":"cancelling","waiting":{"for":"crm_admin","step":"tenant_oauth_setting","undoing":true,"have":"enabled","command":"twinspan upgrade cancel --as crm-admin"}`
	if code, stdout, stderr := start("--as", "crm-admin", "--anyway"); code != cli.ExitNo || !strings.Contains(stdout, "twinspan upgrade cancel --as crm-admin") {
		t.Errorf("while it is cancelled: exit %d, %s%s", code, stdout, stderr)
	}
	body = `"kind":"connected_app","state":"waiting","waiting":{"for":"crm_admin","step":"permission_set","code":"not_readable","have":"not to be seen","click":"Setup > Users"}`
	if code, stdout, stderr := start("--as", "both", "--yes"); code != cli.ExitNo || !strings.Contains(stdout, "not to be seen") || !strings.Contains(stdout, "Setup > Users") {
		t.Errorf("while the org shows nothing: exit %d, %s%s", code, stdout, stderr)
	}
	body = `"kind":"tenant_oauth","state":"booked"`
	if code, stdout, _ := start(); code != cli.ExitUsage || !strings.Contains(stdout, "Log out of all active Engagement sessions") {
		t.Errorf("booked: exit %d, %s", code, stdout)
	}
}
