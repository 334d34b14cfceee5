package login_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/login"
	"github.com/twinspan/twinspan/engagement/internal/sqlstore"
	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/engagement/internal/tenanttest"
	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
	"github.com/twinspan/twinspan/internal/web"
)

// house is an auth host with one tenant in it, reached over HTTP, whose domain clock the test moves.
type house struct {
	testing.TB
	tenanttest.House
	store    *sqlstore.Store
	registry *tenant.Registry
	budget   *tenant.Meter // on time that stands still
	signIns  *tenant.SignIns
	auth     tenant.Authenticator
	clock    tenant.Clock
	offset   atomic.Int64
	url      string
	handler  http.Handler
	serials  *tenant.Serials
}

// each runs the test in a house of its own on each kind of database.
func each(t *testing.T, test func(*house)) {
	t.Helper()
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, sqldbtest.DSN(t, kind), tenanttest.Spec())
			h.make(h.House)
			test(h)
		})
	}
}

// newHouse is an auth host on the database, whose tenant is made, or has been, with the spec.
func newHouse(t testing.TB, dsn string, spec tenanttest.House) *house {
	t.Helper()
	store, err := sqlstore.Open(t.Context(), sqlstore.Options{DSN: dsn, Relaxed: true, More: []sqldb.Migrations{jobs.Migrations}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	h := &house{TB: t, House: spec, store: store, serials: tenant.NewSerials(nil), clock: tenant.Clock{Domain: clock.NewDomain(nil)}}
	h.registry = tenant.NewRegistry(store, store, store, nil)
	h.budget = tenant.NewMeter(func() time.Time { return time.Unix(1_800_000_000, 0) }, tenant.TokenBudgetWindow)
	h.signIns = tenant.NewSignIns(h.registry, store, store, h.clock)
	h.auth = &tenant.Authentication{Registry: h.registry, SignIns: h.signIns, Clock: h.clock}
	mux := web.NewMux()
	mux.IgnoreCase = true
	h.handler = web.Front(login.TokenPaths(mux), slog.New(slog.DiscardHandler), "engagement")
	srv := httptest.NewServer(h.handler)
	t.Cleanup(srv.Close)
	h.url = srv.URL
	sessions := &tenant.Sessions{Store: store, Registry: h.registry, Serials: h.serials, Clock: h.clock}
	s, err := login.New(login.Options{
		BaseURL: srv.URL, Registry: h.registry, SignIns: h.signIns, Auth: h.auth, Clock: h.clock, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Issuer:    &tenant.Issuer{Registry: h.registry, Tokens: store, Grants: store, Serials: h.serials, Clock: h.clock},
		Sessions:  sessions,
		Setup:     &tenant.Setup{Registry: h.registry, Directory: store, Store: store, Sessions: sessions, Serials: h.serials, Clock: h.clock},
		UnitRoles: &tenant.UnitRoles{Registry: h.registry, Directory: store, Store: store},
		Documents: &tenant.Documents{Registry: h.registry, Store: store, Clock: h.clock},
		Requests: tenant.TokenRequests{
			Registry: h.registry, Budget: h.budget, Failures: tenant.NewFailures(nil),
			Meter: tenant.NewMeter(func() time.Time { return time.Unix(1_800_000_000, 0) }, time.Minute),
		},
		Vouching: &tenant.Vouching{Registry: h.registry, Grants: store, Serials: h.serials, Clock: h.clock},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Mount(mux)
	return h
}

// make stores a tenant.
func (h *house) make(spec tenanttest.House) {
	h.Helper()
	plan, err := tenant.Plan(h.Context(), spec.Spec, time.Now())
	if err == nil {
		err = h.store.DB().Write(h.Context(), func(tx *sqldb.Tx) error { return h.store.InsertTenant(tx, plan) })
	}
	if err != nil {
		h.Fatal(err)
	}
}

// advance moves the tenant's domain clock on.
func (h *house) advance(d time.Duration) {
	h.clock.SetOffset(h.EID, time.Duration(h.offset.Add(int64(d))))
}

// answer is what came back: the status and the JSON object.
type answer struct {
	status int
	header http.Header
	body   map[string]any
	text   string
}

func (a answer) str(name string) string { s, _ := a.body[name].(string); return s }

// do sends a request and reads a JSON answer, if it is one.
func (h *house) do(r *http.Request) answer {
	h.Helper()
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		h.Fatal(err)
	}
	return h.read(res)
}

func (h *house) read(res *http.Response) answer {
	h.Helper()
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		h.Fatal(err)
	}
	a := answer{status: res.StatusCode, header: res.Header, text: string(text)}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(text, &a.body); err != nil {
			h.Fatalf("%v in %s", err, text)
		}
	}
	return a
}

func (h *house) request(method, path, contentType, body string) *http.Request {
	h.Helper()
	r, err := http.NewRequestWithContext(h.Context(), method, h.url+path, strings.NewReader(body))
	if err != nil {
		h.Fatal(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return r
}

// m is a JSON object.
type m = map[string]any

// token posts a token request as JSON.
func (h *house) token(q m) answer {
	h.Helper()
	body, err := json.Marshal(q)
	if err != nil {
		h.Fatal(err)
	}
	return h.do(h.request("POST", "/v2/token", "application/json", string(body)))
}

// form posts a token request as a form.
func (h *house) form(q url.Values) answer {
	h.Helper()
	return h.do(h.request("POST", "/v2/token", "application/x-www-form-urlencoded", q.Encode()))
}

// server is a client credentials request of the server package with changes.
func (h *house) server(change m) m {
	q := m{"grant_type": "client_credentials", "client_id": h.Server, "client_secret": tenanttest.ServerSecret}
	for k, v := range change {
		q[k] = v
	}
	for k, v := range q {
		if v == nil {
			delete(q, k)
		}
	}
	return q
}

// granted fails the test unless the answer is a token, and gives it.
func (h *house) granted(a answer) string {
	h.Helper()
	if a.status != 200 || a.str("access_token") == "" {
		h.Fatalf("no token: %d %s", a.status, a.text)
	}
	return a.str("access_token")
}

// refused fails the test unless the answer is the OAuth error.
func (h *house) refused(a answer, status int, code string) {
	h.Helper()
	if a.status != status || a.str("error") != code || a.str("error_description") == "" || a.str("error_uri") == "" || a.body["access_token"] != nil {
		h.Fatalf("got %d %s, want %d %s", a.status, a.text, status, code)
	}
	if challenge := a.header.Get("WWW-Authenticate"); strings.HasPrefix(challenge, "Basic realm=") != (status == 401) {
		h.Fatalf("%d with the challenge %q", status, challenge)
	}
}

// get sends a GET with a bearer token.
func (h *house) get(path, token string) answer { return h.call("GET", path, token, "") }

func (h *house) call(method, path, token, body string) answer {
	h.Helper()
	r := h.request(method, path, "", body)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return h.do(r)
}

// alive reports whether the token is honoured.
func (h *house) alive(token string) bool {
	h.Helper()
	a := h.get("/v2/userinfo", token)
	if a.status != 200 && a.status != 401 {
		h.Fatalf("userinfo: %d %s", a.status, a.text)
	}
	return a.status == 200
}

// permissions are the names that userinfo shows.
func (h *house) permissions(token string) map[string]bool {
	h.Helper()
	a := h.get("/v2/userinfo", token)
	if a.status != 200 {
		h.Fatalf("userinfo: %d %s", a.status, a.text)
	}
	out := map[string]bool{}
	for _, p := range a.body["permissions"].([]any) {
		out[p.(m)["objectTypeName"].(string)+"."+p.(m)["operationName"].(string)] = true
	}
	return out
}

// browser keeps cookies and does not follow redirects.
type browser struct {
	h *house
	c *http.Client
}

func (h *house) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.Fatal(err)
	}
	return &browser{h, &http.Client{Jar: jar, Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func (b *browser) get(path string) answer {
	b.h.Helper()
	res, err := b.c.Get(b.h.url + path)
	if err != nil {
		b.h.Fatal(err)
	}
	return b.h.read(res)
}

func (b *browser) post(path string, form url.Values) answer {
	b.h.Helper()
	res, err := b.c.PostForm(b.h.url+path, form)
	if err != nil {
		b.h.Fatal(err)
	}
	return b.h.read(res)
}

var hiddenToken = regexp.MustCompile(`name="form_token" value="([^"]+)"`)

// formToken finds the hidden token on a page.
func (b *browser) formToken(page answer) string {
	b.h.Helper()
	found := hiddenToken.FindStringSubmatch(page.text)
	if found == nil {
		b.h.Fatalf("no form on the page: %d %s", page.status, page.text)
	}
	return found[1]
}

// flow is an authorization request.
type flow struct {
	client   string
	redirect string
	verifier string
	extra    url.Values
}

func (h *house) flow(client string) flow {
	return flow{client: client, redirect: tenanttest.RedirectURI, verifier: oauth.NewVerifier()}
}

func (f flow) path() string {
	q := url.Values{"response_type": {"code"}, "client_id": {f.client}, "redirect_uri": {f.redirect}, "state": {"st ate&1"}}
	if f.verifier != "" {
		q.Set("code_challenge", oauth.Challenge(f.verifier))
		q.Set("code_challenge_method", "S256")
	}
	for k, v := range f.extra {
		q[k] = v
		if v == nil {
			q.Del(k)
		}
	}
	return "/v2/authorize?" + q.Encode()
}

// signIn goes through the sign-in page and returns the query that the client gets.
func (b *browser) signIn(f flow, username, password string) url.Values {
	b.h.Helper()
	page := b.get(f.path())
	if page.status != 200 {
		b.h.Fatalf("sign-in page: %d %s %s", page.status, page.header.Get("Location"), page.text)
	}
	a := b.post(f.path(), url.Values{"form_token": {b.formToken(page)}, "username": {username}, "password": {password}})
	if a.status != 303 {
		b.h.Fatalf("after the form: %d %s", a.status, a.text)
	}
	return b.back(f, a)
}

// back reads the query of a redirect to the client.
func (b *browser) back(f flow, a answer) url.Values {
	b.h.Helper()
	to := a.header.Get("Location")
	if !strings.HasPrefix(to, f.redirect+"?") {
		b.h.Fatalf("status %d leads to %q, not to the client", a.status, to)
	}
	u, err := url.Parse(to)
	if err != nil {
		b.h.Fatal(err)
	}
	q := u.Query()
	if q.Get("state") != "st ate&1" {
		b.h.Fatalf("state came back as %q", q.Get("state"))
	}
	return q
}

// exchange is the token request for a code.
func (h *house) exchange(f flow, code string) m {
	q := m{"grant_type": "authorization_code", "client_id": f.client, "code": code, "redirect_uri": f.redirect}
	if f.verifier != "" {
		q["code_verifier"] = f.verifier
	}
	if f.client == h.Web {
		q["client_secret"] = tenanttest.WebSecret
	}
	return q
}

// sign signs the user in through the package in a fresh browser and gives the token answer.
func (h *house) sign(client, username string) answer {
	h.Helper()
	f := h.flow(client)
	a := h.token(h.exchange(f, h.browser().signIn(f, username, tenanttest.Password).Get("code")))
	h.granted(a)
	return a
}

// assert is a JWT bearer request for the user, with the claims changed.
func (h *house) assert(username string, change func(*oauth.Claims)) m {
	h.Helper()
	c := oauth.Claims{Issuer: h.Connect, Subject: username, Audience: h.url + "/", ID: oauth.NewToken(16), Expires: h.clock.Now(h.EID).Add(3 * time.Minute)}
	if change != nil {
		change(&c)
	}
	signed, err := oauth.SignAssertion(tenanttest.Key(), "", c)
	if err != nil {
		h.Fatal(err)
	}
	return m{"grant_type": oauth.GrantJWTBearer, "assertion": signed}
}

func (h *house) user(name string) tenant.User {
	h.Helper()
	u, err := h.store.UserByUsername(h.Context(), tenant.FoldUsername(name))
	if err != nil {
		h.Fatal(err)
	}
	return u
}

// role gives a role to a user or takes it back.
func (h *house) role(user, roleName string, give bool) {
	h.Helper()
	roles, err := h.store.Roles(h.Context(), h.EID)
	if err != nil {
		h.Fatal(err)
	}
	for _, r := range roles {
		if r.Name != roleName {
			continue
		}
		a := tenant.Assignment{Tenant: h.EID, UserID: h.user(user).ID, RoleID: r.ID}
		do := h.store.Assign
		if !give {
			do = h.store.Unassign
		}
		if err := do(h.Context(), a); err != nil {
			h.Fatal(err)
		}
		h.registry.SetupChanged()
		return
	}
	h.Fatalf("no role %q", roleName)
}

// sql runs a statement that stands for what an administrator does, and tells the caches.
func (h *house) sql(query string, args ...any) {
	h.Helper()
	err := h.store.DB().Write(context.WithoutCancel(h.Context()), func(tx *sqldb.Tx) error { _, err := tx.Exec(query, args...); return err })
	if err != nil {
		h.Fatal(err)
	}
	h.registry.SetupChanged()
}

func (h *house) text(n int64) string { return strconv.FormatInt(n, 10) }

func (h *house) json(v any) string {
	h.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		h.Fatal(err)
	}
	return string(b)
}
