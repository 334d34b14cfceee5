// Package clients_test drives client libraries that other people wrote, unmodified and at locked versions, against the
// built binary on both databases. The tests themselves are the .test.mjs files, which read as examples of use.
package clients_test

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/twinspan/twinspan/test/spawn"
)

var (
	passLine = regexp.MustCompile(`(?m)^# pass (\d+)$`)
	skipLine = regexp.MustCompile(`(?m)^# skipped (\d+)$`)
)

// scripts are the test files, with how many tests each passes at least: one that finds nothing to run passes none.
var scripts = map[string]int{
	"jsforce.test.mjs": 13, "sfmc_sdk.test.mjs": 13, "openid_client.test.mjs": 13, "oauth4webapi.test.mjs": 13, "passport.test.mjs": 7,
	"fuel.test.mjs": 13, "jsforce_data.test.mjs": 9,
}

func TestUnmodifiedClients(t *testing.T) {
	t.Parallel()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal("node is not on the PATH: the client tests need Node 20 or newer")
	}
	if _, err := os.Stat("node_modules/jsforce"); err != nil {
		t.Fatal("the client libraries are not installed: run make clients")
	}
	for _, kind := range spawn.Kinds {
		for script, least := range scripts {
			t.Run(kind+"/"+script, func(t *testing.T) {
				t.Parallel()
				args := []string{"--data", t.TempDir()}
				if dsn := spawn.DSN(t, kind); dsn != "" {
					args = append(args, "--db", dsn)
				}
				server := spawn.Up(t, args...)
				cmd := exec.Command(node, "--test", "--test-reporter=tap", "--test-concurrency=1", script)
				cmd.Env = append(os.Environ(), "TWINSPAN_READY_FILE="+server.ReadyFile, "http_proxy=", "https_proxy=", "HTTP_PROXY=", "HTTPS_PROXY=")
				cmd.WaitDelay = 5 * time.Second
				timer := time.AfterFunc(3*time.Minute, func() { _ = cmd.Process.Kill() })
				defer timer.Stop()
				out, err := cmd.CombinedOutput()
				if err != nil {
					t.Fatalf("%s: %v\n%s\nserver:\n%s", script, err, out, server.Log())
				}
				if n := count(passLine, out); n < least {
					t.Errorf("%s passed %d tests only:\n%s", script, n, out)
				}
				if n := count(skipLine, out); n != 0 {
					t.Errorf("%s skipped %d tests:\n%s", script, n, out)
				}
			})
		}
	}
}

func count(line *regexp.Regexp, out []byte) int {
	m := line.FindSubmatch(out)
	if m == nil {
		return 0
	}
	n, err := strconv.Atoi(string(m[1]))
	if err != nil {
		return 0
	}
	return n
}
