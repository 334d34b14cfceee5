package crm_test

import (
	"compress/gzip"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
	"github.com/twinspan/twinspan/internal/vault"
)

// conversation performs the files of testdata/wire/crm against a house that is reached by https.
type conversation struct {
	server *httptest.Server
	cloud  *crm.Cloud
	values map[string]string // what {get:NAME} stands for
}

// openSecure opens a house behind https, as a client demands that knows no other scheme.
func openSecure(t *testing.T, kind string) *conversation {
	t.Helper()
	v, err := vault.Open(filepath.Join(t.TempDir(), "key.json"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := oauth.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := oauth.NewCertificate("simple", key, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	s := spec()
	s.UsernamePasswordFlow = true
	app := &s.ConnectedApps[0]
	app.Namespace, app.Certificate, app.AdminApproved, app.ClientCredentialsUser = "", certificate, true, s.Users[0].Username
	s.PermissionSets = []crm.PermissionSetSpec{{Label: "Python", Assignees: []string{s.Users[0].Username}, Apps: []string{"Salesforce_Marketing_Cloud"}}}

	c := &conversation{}
	c.server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { c.cloud.Handler().ServeHTTP(w, r) }))
	t.Cleanup(c.server.Close)
	dsn := sqldbtest.DSN(t, kind)
	c.cloud, err = crm.New(t.Context(), crm.Options{
		DSN: dsn, Schema: schemaOf(t, dsn), Relaxed: true, BaseURL: c.server.URL, Vault: v, Mail: &outbox{}, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.cloud.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	if err := c.cloud.CreateOrg(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	// The claims of simple-salesforce: a login host that it always names, and the end as a text (crm-wire 1.5).
	claims := func(user string) map[string]string {
		return map[string]string{
			"iss": app.ConsumerKey, "sub": user, "aud": "https://login.salesforce.com", "exp": strconv.FormatInt(time.Now().Add(3*time.Minute).Unix(), 10),
		}
	}
	day := func(d int) string { // date_to_iso8601
		return strings.NewReplacer(":", "%3A", "+", "%2B").Replace(time.Now().AddDate(0, 0, d).UTC().Format("2006-01-02T15:04:05") + "+00:00")
	}
	c.values = map[string]string{
		"org": s.ID, "username": s.Users[0].Username, "password": "admin-pw-1", "security_token": s.Users[0].SecurityToken.Reveal(),
		"key": app.ConsumerKey, "secret": strings.ReplaceAll(app.Secret.Reveal(), " ", "+"),
		"basic":     base64.StdEncoding.EncodeToString([]byte(app.ConsumerKey + ":" + app.Secret.Reveal())),
		"assertion": signRS256(t, key, claims(s.Users[0].Username)), "stranger": signRS256(t, key, claims(s.Users[1].Username)),
		"from": day(-1), "to": day(1), "expired": s.ID[:15] + "!AQ" + strings.Repeat("x", 90),
	}
	return c
}

// signRS256 signs claims as they are.
func signRS256(t *testing.T, key *rsa.PrivateKey, claims map[string]string) string {
	t.Helper()
	body, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + base64.RawURLEncoding.EncodeToString(body)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// ask makes a request in a session, for what a conversation needs to be there.
func (c *conversation) ask(t *testing.T, method, path, body string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, c.server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+c.values["session"])
	r.Header.Set("Content-Type", "application/json")
	res, err := c.server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	status, answer := finish(t, res)
	if status >= 300 {
		t.Fatalf("%s %s: %d %s", method, path, status, answer)
	}
	return answer
}

var given = regexp.MustCompile(`\{get:(\w+)\}`)

func (c *conversation) fill(t *testing.T, text string) string {
	return given.ReplaceAllStringFunc(text, func(name string) string {
		v, ok := c.values[given.FindStringSubmatch(name)[1]]
		if !ok {
			t.Errorf("nothing gave %s", name)
		}
		return v
	})
}

// perform makes the requests of a file in order and compares the answers (testdata/wire/README.md).
func (c *conversation) perform(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Split(string(text), "=== request\n")[1:] {
		ask, want, ok := strings.Cut(part, "=== response\n")
		if !ok {
			t.Fatal("a request without an answer")
		}
		head, body, _ := strings.Cut(ask, "\n\n")
		lines := strings.Split(strings.TrimSpace(c.fill(t, head)), "\n")
		method, path, _ := strings.Cut(lines[0], " ")
		r, err := http.NewRequestWithContext(t.Context(), method, c.server.URL+path, strings.NewReader(c.fill(t, strings.TrimSuffix(body, "\n"))))
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range lines[1:] {
			name, value, _ := strings.Cut(l, ": ")
			r.Header[name] = []string{value}
		}
		if body == "" {
			r.Body, r.ContentLength = nil, 0
		}
		res, err := c.server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		c.compare(t, lines[0], want, res)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		err = c.cloud.Idle(ctx)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (c *conversation) compare(t *testing.T, what, want string, res *http.Response) {
	t.Helper()
	defer func() { _ = res.Body.Close() }()
	in := io.Reader(res.Body)
	if res.Header.Get("Content-Encoding") == "gzip" {
		zip, err := gzip.NewReader(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		in = zip
	}
	got, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	head, body, _ := strings.Cut(want, "\n\n")
	lines := strings.Split(strings.TrimSpace(head), "\n")
	if strconv.Itoa(res.StatusCode) != lines[0] {
		t.Errorf("%s: status %d, want %s\n%s", what, res.StatusCode, lines[0], got)
	}
	for _, l := range lines[1:] {
		name, value, _ := strings.Cut(l, ": ")
		if !c.matches(t, value, res.Header.Get(name)) {
			t.Errorf("%s: %s is %q, want %q", what, name, res.Header.Get(name), value)
		}
	}
	if !c.matches(t, strings.TrimRight(body, "\n"), strings.TrimRight(string(got), "\n")) {
		t.Errorf("%s: the answer is\n%s\nwant\n%s", what, got, body)
	}
}

var (
	stands = regexp.MustCompile(`\\\{(number|base|any|set:\w+)\\\}`)
	breaks = regexp.MustCompile(`\n *`)
)

// matches compares, and keeps what {set:NAME} stands for.
func (c *conversation) matches(t *testing.T, want, got string) bool {
	t.Helper()
	if !strings.HasPrefix(want, `"`) { // line breaks are CSV's own, and for the reader's sake elsewhere
		want = breaks.ReplaceAllString(want, "")
	}
	var names []string
	pattern := stands.ReplaceAllStringFunc(regexp.QuoteMeta(c.fill(t, want)), func(p string) string {
		switch name := strings.Trim(p, `\{}`); name {
		case "number":
			return `\d+`
		case "base":
			return regexp.QuoteMeta(c.server.URL)
		case "any":
			return `.*?`
		default:
			names = append(names, strings.TrimPrefix(name, "set:"))
			return `([^"<]+)`
		}
	})
	found := regexp.MustCompile(`(?s)^` + pattern + `$`).FindStringSubmatch(got)
	if found == nil {
		return false
	}
	for i, name := range names {
		c.values[name] = found[i+1]
	}
	return true
}

// Recorded conversations of clients that no test can run here, request for request (crm-wire 7.3).
func TestWire(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			c := openSecure(t, kind)
			perform := func(name string) {
				t.Helper()
				t.Run(name, func(t *testing.T) { c.perform(t, filepath.Join("..", "testdata", "wire", "crm", name+".txt")) })
			}
			perform("simple-salesforce-login")
			perform("simple-salesforce-bulk2")

			var user struct{ Records []struct{ Id string } }
			if err := json.Unmarshal([]byte(c.ask(t, "GET", data+"/query?q=SELECT+Id+FROM+User+WHERE+Username+LIKE+'user@%25'", "")), &user); err != nil || len(user.Records) != 1 {
				t.Fatalf("%v %v", user, err)
			}
			c.values["user"] = user.Records[0].Id
			for first := 0; first < 250; first += 125 {
				var leads []string
				for i := range 125 {
					leads = append(leads, fmt.Sprintf(`{"attributes":{"type":"Lead"},"LastName":"L%d","Company":"C"}`, first+i))
				}
				c.ask(t, "POST", data+"/composite/sobjects", `{"records":[`+strings.Join(leads, ",")+`]}`)
			}
			perform("simple-salesforce-rest")
		})
	}
}
