// Package browser_test performs the founding documents on the pages, in Debian's Chromium, as a person does who knows
// only what is written there. The tests themselves are the .test.mjs files beside it; browser.mjs says what is asked of
// every page that they come to.
//
// Each script has a server of its own, with the fixture that its first comment names ("fixture: new-org"; demo where
// it names none) on SQLite, or on the databases that it names one after the other ("databases: sqlite postgres"). All of
// them share one browser.
package browser_test

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinspan/twinspan/test/spawn"
)

var (
	fixtureLine = regexp.MustCompile(`\bfixture: ([a-z-]+)`)
	kindsLine   = regexp.MustCompile(`(?m)^// databases: (.+)$`)
	argsLine    = regexp.MustCompile(`(?m)^// up: (.+)$`)
	minutesLine = regexp.MustCompile(`(?m)^// minutes: (\d+)$`)
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
	judged := "TWINSPAN_JUDGED=" + t.TempDir() // which pages were, by whichever script came first
	if err := empty(pictures); err != nil {
		t.Fatal(err)
	}
	t.Logf("the pictures of the pages are in %s", pictures)
	browser := startBrowser(t, node)
	var walks []walk
	for _, script := range scripts {
		all, err := read(script)
		if err != nil {
			t.Fatal(err)
		}
		walks = append(walks, all...)
	}
	// The long ones begin first, or one of them would be left when all others are done. Parallel subtests begin in any order.
	slices.SortStableFunc(walks, func(a, b walk) int { return b.minutes - a.minutes })
	next := make(chan walk, len(walks))
	for _, w := range walks {
		next <- w
	}
	close(next)
	var hands sync.WaitGroup
	for range max(2, runtime.GOMAXPROCS(0)) {
		hands.Go(func() {
			for w := range next {
				t.Run(w.script+"/"+w.kind, func(t *testing.T) {
					args := w.args
					if dsn := spawn.DSN(t, w.kind); dsn != "" {
						args = append(args, "--db", dsn)
					}
					perform(t, node, w.script, args, "TWINSPAN_BROWSER="+browser, "TWINSPAN_SCREENSHOTS="+pictures, judged)
				})
			}
		})
	}
	hands.Wait()
}

// walk is a script on one database.
type walk struct {
	script, kind string
	args         []string // of twinspan up
	minutes      int      // how long it takes, about, on a machine with much else to do; 0 for less than one
}

// read reads from a script's first comments on what it is to run.
func read(script string) ([]walk, error) {
	text, err := os.ReadFile(script)
	if err != nil {
		return nil, err
	}
	args, kinds, minutes := []string{"--ephemeral"}, []string{"sqlite"}, 0
	if m := fixtureLine.FindSubmatch(text); m != nil {
		args = append(args, "--fixture", string(m[1]))
	}
	if m := argsLine.FindSubmatch(text); m != nil {
		args = append(args, strings.Fields(string(m[1]))...)
	}
	if m := kindsLine.FindSubmatch(text); m != nil {
		kinds = strings.Fields(string(m[1]))
	}
	if m := minutesLine.FindSubmatch(text); m != nil {
		if minutes, err = strconv.Atoi(string(m[1])); err != nil {
			return nil, err
		}
	}
	var walks []walk
	for _, kind := range kinds {
		walks = append(walks, walk{script, kind, slices.Clip(args), minutes})
	}
	return walks, nil
}

// perform runs a script against a server of its own.
func perform(t *testing.T, node, script string, args []string, env ...string) {
	t.Helper()
	server := spawn.Up(t, args...)
	defer server.Stop(t)
	ctx, cancel := context.WithTimeout(t.Context(), 12*time.Minute) // for a browser that hangs; a walk on a busy machine takes its minutes
	defer cancel()
	cmd := exec.CommandContext(ctx, node, "--test", "--test-reporter=tap", script)
	cmd.Env = append(append(os.Environ(), "TWINSPAN_READY_FILE="+server.ReadyFile, "http_proxy=", "https_proxy=", "HTTP_PROXY=", "HTTPS_PROXY="), env...)
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	switch {
	case err != nil:
		t.Fatalf("%v\n%s\nserver:\n%s", err, out, server.Log())
	case failLine.Match(out) || !passLine.Match(out):
		t.Errorf("not every test of it ran:\n%s", out)
	}
}

// empty makes the folder of the pictures, without those of an earlier run.
func empty(dir string) error {
	old, err := filepath.Glob(filepath.Join(dir, "*.jpg"))
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
