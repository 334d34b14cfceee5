// Package browser_test performs the founding documents on the pages, in Debian's Chromium, as a person does who knows
// only what is written there. The tests themselves are the .test.mjs files beside it; browser.mjs says what is asked of
// every page that they come to.
//
// Each script has a server of its own, with the fixture that its first comment names ("fixture: new-org"; demo where
// it names none), and all of them share one browser.
package browser_test

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/test/spawn"
)

var (
	fixtureLine = regexp.MustCompile(`\bfixture: ([a-z-]+)`)
	argsLine    = regexp.MustCompile(`(?m)^// up: (.+)$`)
	failLine    = regexp.MustCompile(`(?m)^# (fail|cancelled|skipped|todo) [1-9]`)
	passLine    = regexp.MustCompile(`(?m)^# pass [1-9]`)
)

func TestPages(t *testing.T) {
	t.Parallel()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal("node is not on the PATH: the browser tests need Node 20 or newer")
	}
	if _, err := os.Stat("node_modules/playwright-core"); err != nil {
		t.Fatal("the browser's driver is not installed: run make clients")
	}
	scripts, err := filepath.Glob("*.test.mjs")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	pictures := os.Getenv("TWINSPAN_SCREENSHOTS")
	if pictures == "" {
		if pictures, err = filepath.Abs("screenshots"); err != nil {
			t.Fatal(err)
		}
	}
	if err := empty(pictures); err != nil {
		t.Fatal(err)
	}
	t.Logf("the pictures of the pages are in %s", pictures)
	browser := startBrowser(t, node)
	for _, script := range scripts {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(script)
			if err != nil {
				t.Fatal(err)
			}
			args := []string{"--ephemeral"}
			if m := fixtureLine.FindSubmatch(text); m != nil {
				args = append(args, "--fixture", string(m[1]))
			}
			if m := argsLine.FindSubmatch(text); m != nil {
				args = append(args, strings.Fields(string(m[1]))...)
			}
			server := spawn.Up(t, args...)
			cmd := exec.Command(node, "--test", "--test-reporter=tap", script)
			cmd.Env = append(os.Environ(), "TWINSPAN_READY_FILE="+server.ReadyFile, "TWINSPAN_BROWSER="+browser, "TWINSPAN_SCREENSHOTS="+pictures,
				"http_proxy=", "https_proxy=", "HTTP_PROXY=", "HTTPS_PROXY=")
			cmd.WaitDelay = 5 * time.Second
			timer := time.AfterFunc(5*time.Minute, func() { _ = cmd.Process.Kill() })
			defer timer.Stop()
			out, err := cmd.CombinedOutput()
			switch {
			case err != nil:
				t.Fatalf("%v\n%s\nserver:\n%s", err, out, server.Log())
			case failLine.Match(out) || !passLine.Match(out):
				t.Errorf("not every test of it ran:\n%s", out)
			}
		})
	}
}

// empty makes the folder of the pictures, without those of an earlier run.
func empty(dir string) error {
	old, err := filepath.Glob(filepath.Join(dir, "*.png"))
	if err != nil {
		return err
	}
	for _, path := range old {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return os.MkdirAll(dir, 0o755)
}

// startBrowser starts the one browser and returns the address by which scripts reach it. It ends with the test.
func startBrowser(t *testing.T, node string) string {
	t.Helper()
	cmd := exec.Command(node, "server.mjs")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	said := &strings.Builder{}
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close() // which tells it to end
		timer := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
		defer timer.Stop()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the browser ended with %v\n%s", err, said)
		}
	})
	timer := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	lines := bufio.NewReader(out)
	address, err := lines.ReadString('\n')
	if err != nil {
		t.Fatalf("the browser did not start; is Chromium installed (Debian: apt-get install chromium)? %v", err)
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	return strings.TrimSpace(address)
}
