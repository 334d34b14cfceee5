// Package script_test runs the command line as its users do. The scripts in testdata read as a manual: each shows some
// commands, what they print, and with which exit code they end.
package script_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	_ "modernc.org/sqlite"

	"github.com/twinspan/twinspan/internal/cli"
	"github.com/twinspan/twinspan/internal/client/browser"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/test/spawn"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"twinspan": func() { os.Exit(cli.Main(os.Args[1:], cli.OS())) },
		"dialog":   func() { os.Exit(dialog(os.Args[1:])) },
	})
}

// patience is how long a script waits for anything.
const patience = 90 * time.Second

func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, params(func(*testscript.Env) error { return nil }))
}

// TestScriptsOnPostgres runs the scripts that administer the org once more, with the databases in PostgreSQL.
func TestScriptsOnPostgres(t *testing.T) {
	t.Parallel()
	p := params(func(env *testscript.Env) error {
		env.Setenv("TWINSPAN_DB", spawn.DSN(env.T().(testing.TB), "postgres"))
		return nil
	})
	p.Dir, p.Files = "", []string{"testdata/org_app.txtar", "testdata/org_package.txtar", "testdata/org_record.txtar", "testdata/org_users.txtar"}
	testscript.Run(t, p)
}

// TestOlderReleases walks documents 001, 000, 004 and 002 with each release of the package before the newest at which
// something changes; the other scripts have the newest. Document 002 as a job is tried at the newest too, where nothing is left
// of it.
func TestOlderReleases(t *testing.T) {
	t.Parallel()
	for _, release := range []string{"5.400", "5.493", "219", "220"} {
		t.Run(release, func(t *testing.T) {
			t.Parallel()
			p := params(func(env *testscript.Env) error {
				env.Setenv("PACKAGE", release)
				return nil
			})
			if p.Dir = "testdata/releases"; release == "220" {
				p.Dir, p.Files = "", []string{"testdata/releases/upgrade_job.txtar"}
			}
			p.Condition = func(cond string) (bool, error) {
				switch cond {
				case "field":
					return release == "5.400", nil
				case "newest":
					return release == "220", nil
				}
				return false, fmt.Errorf("no condition is called %q", cond)
			}
			testscript.Run(t, p)
		})
	}
}

func params(also func(*testscript.Env) error) testscript.Params {
	return testscript.Params{
		Dir: "testdata", RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			// Every listener on a free port: scripts run beside each other.
			for _, name := range []string{"CRM", "ENGAGEMENT", "CONNECT", "CONTROL"} {
				env.Setenv("TWINSPAN_"+name+"_ADDR", "127.0.0.1:0")
			}
			env.Setenv("TWINSPAN_LOG_LEVEL", "warn")
			// A program under the race detector sleeps a second before it ends, and scripts run hundreds of them, one after the
			// other. What the detector sees it has reported by then, and the exit code says so with or without that sleep.
			env.Setenv("GORACE", "atexit_sleep_ms=0")
			env.Setenv("HOME", env.WorkDir)
			return also(env)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"await": await, "json": jsonValue, "http": request, "mode": mode, "sqlite": sqlite, "token": accessToken, "signin": signIn,
		},
	}
}

// token VARIABLE READYFILE a.b.c puts an access token of the user at that place of a ready file into a variable.
func accessToken(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: token VARIABLE READYFILE PATH")
	}
	value := func(path string) string {
		jsonValue(ts, false, []string{"TOKEN_PART", args[1], path})
		return ts.Getenv("TOKEN_PART")
	}
	c, err := crm.New(crm.Options{BaseURL: value("crm.url")})
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	token, err := c.Login(ctx, value(args[2]+".username"), vault.Secret(value(args[2]+".password")+value(args[2]+".security_token")))
	ts.Check(err)
	ts.Setenv(args[0], token.AccessToken.Reveal())
}

// signin FILE READYFILE USERNAME PASSWORD [TEXT] opens the address in a file with a browser, and signs in to the cloud there;
// the page at its end has the text.
func signIn(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 || len(args) > 5 {
		ts.Fatalf("usage: signin FILE READYFILE USERNAME PASSWORD [TEXT]")
	}
	jsonValue(ts, false, []string{"AUTH_URL", args[1], "engagement.auth_url"})
	auth, err := url.Parse(ts.Getenv("AUTH_URL"))
	ts.Check(err)
	jsonValue(ts, false, []string{"ORG_URL", args[1], "crm.url"})
	org, err := url.Parse(ts.Getenv("ORG_URL"))
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	page, err := browser.New(nil).Visit(ctx, strings.TrimSpace(ts.ReadFile(args[0])), browser.Errand{
		Logins: map[string]browser.Credentials{browser.Origin(auth): {Username: args[2], Password: args[3]}, browser.Origin(org): {Username: args[2], Password: args[3]}}, Press: []string{"Allow", "Yes, connect"},
	})
	ts.Check(err)
	if page.Status != http.StatusOK {
		ts.Fatalf("signing in ended with %d: %s", page.Status, page.Text)
	}
	if len(args) == 5 && !strings.Contains(page.Text, args[4]) {
		ts.Fatalf("no %q at the end of the sign-in: %s", args[4], page.Text)
	}
}

// await FILE [TEXT] waits until a file exists and holds the text.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: await FILE [TEXT]")
	}
	path := ts.MkAbs(args[0])
	deadline := time.After(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		switch have, err := os.ReadFile(path); {
		case err == nil && (len(args) == 1 || bytes.Contains(have, []byte(args[1]))):
			return
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			ts.Fatalf("%v", err)
		}
		select {
		case <-tick.C:
		case <-deadline:
			ts.Fatalf("waited %v for %s", patience, args[0])
		}
	}
}

// json VARIABLE FILE a.b.c puts a value of a JSON file into a variable; a number in the path counts into a list. FILE
// may be stdout.
func jsonValue(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: json VARIABLE FILE PATH")
	}
	var v any
	d := json.NewDecoder(strings.NewReader(ts.ReadFile(args[1])))
	d.UseNumber()
	ts.Check(d.Decode(&v))
	for _, key := range strings.Split(args[2], ".") {
		switch at := v.(type) {
		case map[string]any:
			v = at[key]
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i >= len(at) {
				ts.Fatalf("%s: no element %s", args[1], key)
			}
			v = at[i]
		}
	}
	if v == nil {
		ts.Fatalf("%s has no %s", args[1], args[2])
	}
	ts.Setenv(args[0], fmt.Sprint(v))
}

// http STATUS [-token T] [-type TYPE] [-body FILE | -size BYTES] METHOD URL makes a request, checks the status and prints the answer's body.
func request(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: http STATUS [flags] METHOD URL")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	flags := flag.NewFlagSet("http", flag.ContinueOnError)
	token := flags.String("token", "", "bearer token")
	contentType := flags.String("type", "", "content type")
	bodyFile := flags.String("body", "", "file with the body")
	size := flags.Int("size", 0, "send a body of so many bytes")
	ts.Check(flags.Parse(args[1:]))
	var body io.Reader
	switch {
	case *bodyFile != "":
		body = strings.NewReader(ts.ReadFile(*bodyFile))
	case *size > 0:
		body = bytes.NewReader(bytes.Repeat([]byte("a"), *size))
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, flags.Arg(0), flags.Arg(1), body)
	ts.Check(err)
	if *token != "" {
		req.Header.Set("Authorization", "Bearer "+*token)
	}
	if *contentType != "" {
		req.Header.Set("Content-Type", *contentType)
	}
	resp, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	ts.Check(err)
	_, err = ts.Stdout().Write(answer)
	ts.Check(err)
	if resp.StatusCode != want {
		ts.Fatalf("%s %s: status %d, want %d\n%s", flags.Arg(0), flags.Arg(1), resp.StatusCode, want, answer)
	}
}

// mode FILE 600 checks a file's permission bits.
func mode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mode FILE OCTAL")
	}
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if got := strconv.FormatUint(uint64(info.Mode().Perm()), 8); got != args[1] {
		ts.Fatalf("%s has mode %s, want %s", args[0], got, args[1])
	}
}

// sqlite FILE STATEMENT changes a database behind the program's back.
func sqlite(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: sqlite FILE STATEMENT")
	}
	db, err := sql.Open("sqlite", ts.MkAbs(args[0]))
	ts.Check(err)
	_, err = db.Exec(args[1])
	ts.Check(errors.Join(err, db.Close()))
}
