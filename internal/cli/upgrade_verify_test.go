package cli_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twinspan/twinspan/internal/cli"
)

// A step that is refused is told once by one command: each telling sends another test email, or leaves another row in the org's Login
// History, and the refusal changes what is read of the step.
func TestARefusedStepIsToldOnce(t *testing.T) {
	t.Parallel()
	for step, refusal := range map[string]string{
		"verify":          "contact_not_found: The org has no contact 003000000000000AAA that the system user may see.",
		"connect_account": "invalid_grant: audience is invalid",
	} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			var told atomic.Int32
			connect := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				have := "not yet"
				switch path := strings.TrimPrefix(r.URL.Path, "/api/v1/"); {
				case path == "upgrade/steps/"+step:
					told.Add(1)
				case path != "upgrade":
					t.Errorf("%s %s", r.Method, r.URL.Path)
				}
				if told.Load() > 0 {
					have = refusal
				}
				_, _ = io.WriteString(w, `{"upgrade":{"id":"u","kind":"connected_app","state":"waiting","waiting":{"for":"engagement_admin","step":"`+step+`","have":"`+have+`"},"steps":[{"step":"`+step+`","status":"planned"}]}}`)
			}))
			defer connect.Close()
			code, stdout, stderr := run(t, nil, "upgrade", "start", "--ready-file", readyFile(t, "", connect.URL), "--as", "both", "--yes", "--verify-contact", "003000000000000AAA", "--verify-definition", "welcome")
			if code != cli.ExitNo || told.Load() != 1 || !strings.Contains(stdout, refusal) {
				t.Errorf("exit %d, told %d times: %s %s", code, told.Load(), stdout, stderr)
			}
		})
	}
}
