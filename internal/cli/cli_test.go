package cli_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/cli"
)

// run runs a command line with variables and returns its exit code and what it printed.
func run(t *testing.T, vars map[string]string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = cli.Main(args, cli.Env{
		Stdout: &out, Stderr: &errs, Signals: make(chan os.Signal),
		Lookup: func(name string) (string, bool) { v, ok := vars[name]; return v, ok },
		Exit:   func(int) { t.Error("the process was ended") },
	})
	return code, out.String(), errs.String()
}

func TestUsageMistakes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"not UTF-8":            {[]string{"org", "user", "create", "bad\xff@acme.example"}, `"bad\xff@acme.example" is not UTF-8`},
		"a flag not UTF-8":     {[]string{"org", "user", "list", "--org-url=http://\xff"}, "is not UTF-8"},
		"unknown flag":         {[]string{"up", "--nosuch"}, `unknown flag --nosuch`},
		"hint":                 {[]string{"up", "--nosuch"}, `try "twinspan up --help"`},
		"hint of a subcommand": {[]string{"org", "user", "create", "x@y.example"}, `try "twinspan org user create --help"`},
		"hint without flags":   {[]string{"org", "app", "policies"}, `try "twinspan org app policies --help"`},
		"unknown command":      {[]string{"dance"}, "unexpected argument dance"},
		"nobody's proxy":       {[]string{"up", "--ephemeral", "--trusted-proxies", "10.0.0.1,proxy"}, "--trusted-proxies: \"proxy\" is no IP address"},
		"outside address":      {[]string{"up", "--ephemeral", "--crm-addr", "0.0.0.0:1"}, "--insecure-http"},
		"clouds none":          {[]string{"up", "--clouds", "none", "--fixture", "demo"}, "with --clouds none there is none"},
		"clouds other":         {[]string{"up", "--clouds", "real"}, "--clouds"},
		"fixture file":         {[]string{"up", "--ephemeral", "--fixture", write("f.yaml", "x: y\n")}, "not read by this version"},
		"unknown fixture":      {[]string{"up", "--ephemeral", "--fixture", "prod"}, "no built-in fixture"},
		"record":               {[]string{"up", "--record", "some"}, "--record"},
		"log level":            {[]string{"up", "--ephemeral", "--log-level", "loud"}, "--log-level"},
		"no settings":          {[]string{"--config", filepath.Join(dir, "none"), "up"}, "no such file"},
		"unknown setting":      {[]string{"--config", write("bad.yaml", "dtaa: x\n"), "up"}, `there is no setting "dtaa"`},
		"boolean setting":      {[]string{"--config", write("bool.yaml", "ephemeral: perhaps\n"), "up"}, "neither true nor false"},
		"no ready file":        {[]string{"clock", "--ready-file", filepath.Join(dir, "none")}, "is the program running"},
		"two clocks":           {[]string{"clock", "--advance", "1h", "--set", "now"}, "cannot go together"},
		"no token":             {[]string{"status", "--url", "http://127.0.0.1:1"}, "TWINSPAN_TOKEN"},
		"demo of the demo":     {[]string{"demo", "--fixture", "demo"}, "begins with new-org"},
		"demo without inbox":   {[]string{"demo", "--smtp", "smtp://127.0.0.1:1"}, "built-in inbox"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := run(t, nil, c.args...)
			if code != cli.ExitUsage || !strings.Contains(stderr, c.says) || !strings.HasPrefix(stderr, "twinspan: ") {
				t.Errorf("exit %d, want %d, and %q in:\n%s", code, cli.ExitUsage, c.says, stderr)
			}
			if stdout != "" {
				t.Errorf("a mistake printed a result:\n%s", stdout)
			}
		})
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	code, stdout, _ := run(t, nil, "version")
	if code != cli.ExitDone || !strings.HasPrefix(stdout, "twinspan ") {
		t.Errorf("exit %d: %s", code, stdout)
	}
	code, stdout, _ = run(t, nil, "version", "--json")
	var v map[string]string
	if err := json.Unmarshal([]byte(stdout), &v); code != cli.ExitDone || err != nil || v["version"] == "" || v["go"] == "" {
		t.Errorf("exit %d, %v: %s", code, err, stdout)
	}
}

func TestHelpNamesEveryFlagOfTheDesign(t *testing.T) {
	t.Parallel()
	_, top, _ := run(t, nil)
	if !strings.Contains(strings.Join(strings.Fields(top), " "), "Exit codes: 0 done; 1 failed") {
		t.Errorf("twinspan --help does not say what the exit codes mean:\n%s", top)
	}
	for _, command := range []string{"up", "demo", "status", "clock", "mail", "requests", "usage", "completion", "version"} {
		if !strings.Contains(top, "\n  "+command+" ") {
			t.Errorf("twinspan --help does not list %s:\n%s", command, top)
		}
	}
	code, help, _ := run(t, nil, "up", "--help")
	if code != cli.ExitDone {
		t.Fatalf("exit %d", code)
	}
	for _, flag := range strings.Fields(`--data --ephemeral --db --crm-addr --engagement-addr --connect-addr --control-addr --crm-url --engagement-url --connect-url
		--fixture --ready-file --clouds --key-file --smtp --record --tls-cert --tls-key --crm-tls-addr --engagement-tls-addr --connect-tls-addr --insecure-http
		--trusted-proxies`) {
		if !strings.Contains(help, flag) {
			t.Errorf("twinspan up --help lacks %s", flag)
		}
	}
}

func TestCompletionKnowsTheCommands(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"bash", "zsh", "fish"} {
		code, script, _ := run(t, nil, "completion", shell)
		for _, want := range []string{"demo", "ready-file", "insecure-http", "keep"} {
			if code != cli.ExitDone || !strings.Contains(script, want) {
				t.Errorf("%s: exit %d, lacks %s", shell, code, want)
			}
		}
	}
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Log("no bash on this machine to read the script")
		return
	}
	_, script, _ := run(t, nil, "completion", "bash")
	out, err := exec.Command(bash, "-c", script+"\nCOMP_WORDS=(twinspan up --eph); COMP_CWORD=2; _twinspan; echo \"${COMPREPLY[@]}\"").CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "--ephemeral" {
		t.Errorf("bash completes --eph to %s, %v", out, err)
	}
}
