package login_test

import (
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm/internal/control"
	"github.com/twinspan/twinspan/crm/internal/login"
	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/internal/vault/vaulttest"
	"github.com/twinspan/twinspan/internal/web"
)

// start is where the machine time of a house begins; it stands still until a test moves it.
var start = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// house is a login server over a real store, with the org of newOrg in it.
type house struct {
	t       testing.TB
	login   *login.Server
	handler http.Handler
	store   *sqlstore.Store
	records *org.Records
	clock   *clock.Domain
	url     string
	machine atomic.Int64 // nanoseconds after start
	log     *logBuffer
	vault   *vault.Vault
	org     orgFixture
	via     http.RoundTripper // carries requests; nil is a socket
}

// each runs test on each kind of database.
func each(t *testing.T, test func(*testing.T, *house)) {
	t.Helper()
	sqldbtest.Each(t, []sqldb.Migrations{sqlstore.Migrations()}, func(t *testing.T, db *sqldb.DB) { test(t, newHouse(t, db)) })
}

// logBuffer keeps the log, so that tests can look for secrets in it.
type logBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

type changes struct{ s *login.Server }

func (c *changes) SetupChanged(id org.ID) {
	if c.s != nil {
		c.s.SetupChanged(id)
	}
}

func newHouse(t testing.TB, db *sqldb.DB) *house {
	t.Helper()
	h := &house{t: t, store: sqlstore.New(db), log: &logBuffer{}}
	h.clock = clock.NewDomain(func() time.Time { return start.Add(time.Duration(h.machine.Load())) })
	v, err := vault.Open(filepath.Join(t.TempDir(), "key"))
	if err != nil {
		t.Fatal(err)
	}
	h.vault = v
	mux := web.NewMux()
	h.handler = web.CleanPath(mux)
	srv := httptest.NewUnstartedServer(h.handler)
	h.url = "http://" + srv.Listener.Addr().String()
	log := slog.New(slog.NewTextHandler(io.MultiWriter(h.log, t.Output()), nil))
	h.login, err = login.New(login.Options{BaseURL: h.url, Directory: h.store, Store: h.store, Clock: h.clock, Vault: v, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	h.login.Mount(mux)
	srv.Start()
	t.Cleanup(srv.Close)
	h.records = &org.Records{Store: h.store, Clock: h.clock, Changes: &changes{h.login}}
	h.org = h.newOrg("acme")
	return h
}

// advance moves machine time, and with it the domain time of every org.
func (h *house) advance(d time.Duration) { h.machine.Add(int64(d)) }

// setClock moves an org's domain time alone.
func (h *house) setClock(offset time.Duration) { h.clock.Set(string(h.org.id), offset) }

// Credentials of the fixture.
const (
	adminPassword = "correct horse 1"
	userPassword  = "pass wörd <&> 2"
	securityToken = "Tok3nTok3nTok3nTok3nTok3"
	appSecret     = "5C0C3B5B1A2D3E4F60718293A4B5C6D7E8F90A1B2C3D4E5F60718293A4B5C6D7"
)

var adminHash, userHash = vaulttest.Hash(adminPassword), vaulttest.Hash(userPassword)

// orgFixture is the org of a house: an admin, a user who is assigned the permission set "Connected", one who is not.
type orgFixture struct {
	id                    org.ID
	name                  string
	admin, user, outsider string
	// open is a self-authorize app; closed is admin-approved and carried by the permission set; public has no secret and
	// requires PKCE. All know key.
	open, closed, public string
	set                  string
	key                  *rsa.PrivateKey
}

var testKeys = sync.OnceValues(func() (*rsa.PrivateKey, string) {
	key, err := oauth.NewKey()
	if err != nil {
		panic(err)
	}
	cert, err := oauth.NewCertificate("test", key, start.Add(-time.Hour), start.Add(time.Hour))
	if err != nil {
		panic(err)
	}
	return key, cert
})

const (
	callback = "http://localhost:1717/OauthRedirect"
	remote   = "https://client.example/cb?keep=1"
)

func (h *house) newOrg(name string) orgFixture {
	h.t.Helper()
	key, cert := testKeys()
	f := orgFixture{
		id: org.NewID(org.PrefixOrganization), name: name, key: key, set: "Connected",
		admin: "admin@" + name + ".example", user: "User@" + name + ".example", outsider: "outsider@" + name + ".example",
		open: "3MVG9.open." + name, closed: "3MVG9.closed." + name, public: "3MVG9.public." + name,
	}
	all := []string{"id", "api", "web", "openid", "refresh_token"}
	spec := org.Spec{
		ID: string(f.id), Name: "Org " + name, MyDomain: name, UsernamePasswordFlow: true,
		Users: []org.UserSpec{
			{Username: f.admin, FirstName: "Ada", LastName: "Admin", Profile: org.AdministratorProfile, PasswordHash: adminHash, SecurityToken: securityToken},
			{Username: f.user, FirstName: "Uwe", LastName: "User", Profile: org.StandardUserProfile, PasswordHash: userHash, SecurityToken: securityToken},
			{Username: f.outsider, LastName: "Outsider", Profile: org.StandardUserProfile},
		},
		ConnectedApps: []org.ConnectedAppSpec{
			{Name: "Open App", ConsumerKey: f.open, Secret: appSecret, Certificate: cert, CallbackURLs: []string{callback, remote}, Scopes: all},
			{
				Name: "Closed App", DeveloperName: "Closed", ConsumerKey: f.closed, Secret: appSecret, Certificate: cert, CallbackURLs: []string{callback},
				Scopes: all, AdminApproved: true, ClientCredentialsUser: f.user,
			},
			{Name: "Public App", ConsumerKey: f.public, CallbackURLs: []string{callback}, Scopes: []string{"openid", "id"}, PKCERequired: true, SecretOptional: true},
		},
		PermissionSets: []org.PermissionSetSpec{{Name: f.set, Label: "Connected", Assignees: []string{f.user}, Apps: []string{"Closed"}}},
	}
	c := control.Control{Store: h.store, Records: h.records, Clock: h.clock, Changes: &changes{h.login}, Log: slog.New(slog.DiscardHandler)}
	if err := c.CreateOrg(h.t.Context(), spec); err != nil {
		h.t.Fatalf("making an org: %v", err)
	}
	return f
}

// changeApp changes an app's policies as an admin does.
func (h *house) changeApp(key string, change func(*org.ConnectedApp)) {
	h.t.Helper()
	app, err := h.store.AppByConsumerKey(h.t.Context(), key)
	if err != nil {
		h.t.Fatal(err)
	}
	change(&app)
	err = h.store.DB().Write(h.t.Context(), func(tx *sqldb.Tx) error { return sqlstore.UpdateApp(tx, app, "", start) })
	if err != nil {
		h.t.Fatal(err)
	}
	h.login.SetupChanged(app.Org)
}

// changeUser changes a user's record as an admin does.
func (h *house) changeUser(username string, values map[string]any) {
	h.t.Helper()
	u, err := h.store.UserByUsername(h.t.Context(), username)
	if err != nil {
		h.t.Fatal(err)
	}
	if err := h.records.Update(h.t.Context(), h.adminSession(), "User", string(u.ID), values); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) adminSession() org.Session {
	h.t.Helper()
	u, err := h.store.UserByUsername(h.t.Context(), h.org.admin)
	if err != nil {
		h.t.Fatal(err)
	}
	return org.Session{Org: u.Org, User: u.ID, Permissions: u.Permissions}
}

func (h *house) userID(username string) org.ID {
	h.t.Helper()
	u, err := h.store.UserByUsername(h.t.Context(), username)
	if err != nil {
		h.t.Fatal(err)
	}
	return u.ID
}

// history lists the statuses of a user's logins, oldest first.
func (h *house) history(username string) []string {
	h.t.Helper()
	rows, err := h.store.DB().Query(h.t.Context(), `SELECT status FROM login_history WHERE user_id = $1 ORDER BY id`, string(h.userID(username)))
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var all []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			h.t.Fatal(err)
		}
		all = append(all, s)
	}
	if err := rows.Err(); err != nil {
		h.t.Fatal(err)
	}
	return all
}

func (h *house) lastStatus(username string) string {
	h.t.Helper()
	all := h.history(username)
	if len(all) == 0 {
		return ""
	}
	return all[len(all)-1]
}

// assertion signs one with good claims; change makes it another.
func (h *house) assertion(change func(*oauth.Claims)) string {
	h.t.Helper()
	c := oauth.Claims{Issuer: h.org.closed, Subject: h.org.user, Audience: h.url, Expires: h.clock.Machine().Add(3 * time.Minute)}
	if change != nil {
		change(&c)
	}
	a, err := oauth.SignAssertion(h.org.key, "", c)
	if err != nil {
		h.t.Fatal(err)
	}
	return a
}

// answer is a response that was read.
type answer struct {
	status int
	header http.Header
	body   string
	json   map[string]any // where the body is an object
}

func (a answer) get(name string) string {
	s, _ := a.json[name].(string)
	return s
}

func (a answer) String() string { return fmt.Sprintf("%d %s", a.status, a.body) }

func (h *house) do(r *http.Request) answer {
	h.t.Helper()
	if h.via != nil {
		return h.doBy(h.via, r)
	}
	return h.doBy(http.DefaultTransport, r)
}

// quiet is a log that nobody reads.
func (h *house) quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func (h *house) doBy(rt http.RoundTripper, r *http.Request) answer {
	h.t.Helper()
	resp, err := rt.RoundTrip(r)
	if err != nil {
		h.t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
		return answer{}
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Error(err)
	}
	a := answer{status: resp.StatusCode, header: resp.Header, body: string(body)}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(body, &a.json); err != nil {
			h.t.Errorf("body is no JSON object: %s", body)
		}
	}
	return a
}

func (h *house) request(method, path, body, contentType string, headers ...string) *http.Request {
	h.t.Helper()
	if strings.HasPrefix(path, "/") {
		path = h.url + path
	}
	r, err := http.NewRequestWithContext(h.t.Context(), method, path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

const formContent = "application/x-www-form-urlencoded"

// post sends a form made of names and values in turn.
func (h *house) post(path string, pairs ...string) answer {
	h.t.Helper()
	return h.do(h.request(http.MethodPost, path, form(pairs...).Encode(), formContent))
}

func (h *house) get(path string, headers ...string) answer {
	h.t.Helper()
	return h.do(h.request(http.MethodGet, path, "", "", headers...))
}

func form(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return v
}

const jwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer"

func (h *house) token(pairs ...string) answer {
	h.t.Helper()
	return h.post("/services/oauth2/token", pairs...)
}

// bearerToken gets an access token by the JWT bearer grant.
func (h *house) bearerToken() string {
	h.t.Helper()
	a := h.token("grant_type", jwtBearer, "assertion", h.assertion(nil))
	if a.status != 200 {
		h.t.Fatalf("JWT bearer: %v", a)
	}
	return a.get("access_token")
}

// here is where the requests of tests come from.
var here = org.Origin{IP: "127.0.0.1", Host: "127.0.0.1"}

// live reports whether a token is accepted.
func (h *house) live(token string) bool {
	h.t.Helper()
	_, err := h.login.Authenticate(h.t.Context(), token, here)
	return err == nil
}

// browser is a person's browser: cookies, and redirects that are looked at before they are followed.
type browser struct {
	h   *house
	jar http.CookieJar
}

func (h *house) browser() *browser {
	h.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	return &browser{h: h, jar: jar}
}

func (b *browser) do(r *http.Request) answer {
	b.h.t.Helper()
	for _, c := range b.jar.Cookies(r.URL) {
		r.AddCookie(c)
	}
	a := b.h.do(r)
	b.jar.SetCookies(r.URL, (&http.Response{Header: a.header}).Cookies())
	return a
}

// get opens an address, following redirects while they stay on this server.
func (b *browser) get(path string) answer {
	b.h.t.Helper()
	return b.follow(b.do(b.h.request(http.MethodGet, path, "", "")))
}

func (b *browser) post(path string, values url.Values, headers ...string) answer {
	b.h.t.Helper()
	return b.follow(b.do(b.h.request(http.MethodPost, path, values.Encode(), formContent, headers...)))
}

func (b *browser) follow(a answer) answer {
	b.h.t.Helper()
	for range 5 {
		to := a.header.Get("Location")
		if to == "" || !strings.HasPrefix(to, "/") && !strings.HasPrefix(to, b.h.url) {
			return a
		}
		a = b.do(b.h.request(http.MethodGet, to, "", ""))
	}
	b.h.t.Error("redirects do not end")
	return a
}

// hidden is the value of a hidden field of a page.
func (a answer) hidden(name string) string {
	_, after, _ := strings.Cut(a.body, `<input type="hidden" name="`+name+`" value="`)
	value, _, _ := strings.Cut(after, `"`)
	return value
}

// signIn answers the sign-in form of a page.
func (b *browser) signIn(page answer, username, password string) answer {
	b.h.t.Helper()
	return b.post("/login", form("tx", page.hidden("tx"), "username", username, "pw", password))
}

// allow answers the consent form of a page.
func (b *browser) allow(page answer) answer {
	b.h.t.Helper()
	return b.post("/setup/secur/RemoteAccessAuthorizationPage.apexp", form("tx", page.hidden("tx"), "decision", "allow"))
}

// returned is what the client hears on its redirect URI.
func (a answer) returned(t testing.TB) url.Values {
	t.Helper()
	u, err := url.Parse(a.header.Get("Location"))
	if err != nil || u.Host == "" {
		t.Fatalf("no redirect to the client: %d %q %s", a.status, a.header.Get("Location"), a.body)
	}
	return u.Query()
}

// authorize is the address of an authorization request for the open app; pairs change or add parameters, "" removes.
func (h *house) authorize(pairs ...string) string {
	v := form("response_type", "code", "client_id", h.org.open, "redirect_uri", callback, "state", "st-1", "scope", "api refresh_token openid")
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			v.Del(pairs[i])
		} else {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	return "/services/oauth2/authorize?" + v.Encode()
}

// code walks the whole way to a code of the open app.
func (h *house) code(pairs ...string) string {
	h.t.Helper()
	b := h.browser()
	a := b.signIn(b.get(h.authorize(pairs...)), h.org.user, userPassword)
	if a.header.Get("Location") == "" {
		a = b.allow(a)
	}
	code := a.returned(h.t).Get("code")
	if code == "" {
		h.t.Fatalf("no code: %v %v", a.returned(h.t), a)
	}
	return code
}

// exchange turns a code of the open app into tokens.
func (h *house) exchange(code string, pairs ...string) answer {
	h.t.Helper()
	v := form("grant_type", "authorization_code", "code", code, "client_id", h.org.open, "client_secret", appSecret, "redirect_uri", callback)
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			v.Del(pairs[i])
		} else {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	return h.do(h.request(http.MethodPost, "/services/oauth2/token", v.Encode(), formContent))
}

func (h *house) refresh(token string, pairs ...string) answer {
	h.t.Helper()
	return h.token(append([]string{"grant_type", "refresh_token", "refresh_token", token, "client_id", h.org.open, "client_secret", appSecret}, pairs...)...)
}

// wantError compares an OAuth error, texts and all.
func wantError(t testing.TB, a answer, status int, code, description string) {
	t.Helper()
	if a.status != status || a.get("error") != code || a.get("error_description") != description {
		t.Errorf("got %v, want %d %s / %s", a, status, code, description)
	}
	if a.header.Get("Cache-Control") != "no-cache, no-store" || a.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("an error may be cached or sniffed: %v", a.header)
	}
}

// onSQLite runs test on one kind of database, where SQL does not matter. The test has called Parallel.
func onSQLite(t *testing.T, test func(*testing.T, *house)) {
	t.Helper()
	test(t, newHouse(t, sqldbtest.Open(t, sqldbtest.DSN(t, "sqlite"), []sqldb.Migrations{sqlstore.Migrations()})))
}

// exec changes the database behind the server's back.
func (h *house) exec(query string, args ...any) (n int64, err error) {
	err = h.store.DB().Write(h.t.Context(), func(tx *sqldb.Tx) error {
		res, err := tx.Exec(query, args...)
		if err == nil {
			n, err = res.RowsAffected()
		}
		return err
	})
	return n, err
}

// anotherProcess is a second server on the same database, as a restart or a replica is.
func (h *house) anotherProcess() *house {
	h.t.Helper()
	return h.with(func(*loginOptions) {})
}

// limited is a second server with other limits.
func (h *house) limited(limits org.LoginLimits) *house {
	h.t.Helper()
	return h.with(func(o *loginOptions) { o.Limits = limits })
}

// loginOptions are what a server is made of.
type loginOptions = login.Options

// with is a second server with other options, on the same store.
func (h *house) with(change func(*loginOptions)) *house {
	h.t.Helper()
	p := &house{t: h.t, store: sqlstore.New(h.store.DB()), log: h.log, clock: h.clock, org: h.org}
	mux := web.NewMux()
	p.handler = web.CleanPath(mux)
	srv := httptest.NewServer(p.handler)
	h.t.Cleanup(srv.Close)
	p.url = srv.URL
	o := login.Options{BaseURL: h.url, Directory: p.store, Store: p.store, Clock: h.clock, Vault: h.vault}
	change(&o)
	var err error
	if p.login, err = login.New(o); err != nil {
		h.t.Fatal(err)
	}
	p.login.Mount(mux)
	return p
}
