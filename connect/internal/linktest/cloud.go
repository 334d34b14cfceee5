package linktest

import (
	"encoding/json"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/oauth"
)

// Person is a user of a test cloud who signs in by a form.
type Person struct {
	ID       string
	Username string
	Password string
	Name     string
	Org      string // id of the org whose user he is; "" for OrgID
}

// cloud is what the test org and the test tenant have in common: a server, people, sessions by cookie, codes and tokens.
type cloud struct {
	// URL is the base URL, without trailing slash.
	URL string
	// Now is domain time; time.Now where nil.
	Now func() time.Time

	mu      sync.Mutex
	people  map[string]Person // by user name
	cookies map[string]string // session cookie -> user name
	codes   map[string]grant
	tokens  map[string]grant
	before  func(w http.ResponseWriter, r *http.Request) bool
	lose    func(*http.Request) bool
	in      map[string]int // sign-ins by user name: the cloud's own record
	calls   map[string]int
	cookie  string
}

// grant is what a code or token stands for.
type grant struct {
	username, client, redirect, challenge, nonce, scope string
}

func (c *cloud) start(t testing.TB, cookie string, mux *http.ServeMux, people []Person) {
	t.Helper()
	c.people, c.cookies, c.codes, c.tokens, c.in, c.calls = map[string]Person{}, map[string]string{}, map[string]grant{}, map[string]grant{}, map[string]int{}, map[string]int{}
	c.cookie = cookie
	for _, p := range people {
		c.people[p.Username] = p
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		c.calls[r.Method+" "+r.URL.Path]++
		before, lose := c.before, c.lose
		c.mu.Unlock()
		if before != nil && before(w, r) {
			return
		}
		if lose != nil && lose(r) { // it is done, and nobody hears of it
			mux.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	c.URL = srv.URL
}

func (c *cloud) now() time.Time {
	if c.Now == nil {
		return time.Now()
	}
	return c.Now()
}

// Before sets a function that sees every request first; when it returns true, it has answered. nil takes it away.
func (c *cloud) Before(f func(w http.ResponseWriter, r *http.Request) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.before = f
}

// Lose sets a function that says which requests are done and never answered. nil takes it away.
func (c *cloud) Lose(f func(*http.Request) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lose = f
}

// SignedIn is how often a user was given a token.
func (c *cloud) SignedIn(username string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.in[username]
}

// Calls is how often "METHOD /path" was called.
func (c *cloud) Calls(call string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls[call]
}

// DropTokens makes every access token dead, as after a password change.
func (c *cloud) DropTokens() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.tokens)
}

// authorize shows a sign-in form, or sends a browser that is signed in on with a code.
func (c *cloud) authorize(w http.ResponseWriter, r *http.Request, signedIn func(username string)) {
	q := r.URL.Query()
	username := ""
	if ck, err := r.Cookie(c.cookie); err == nil {
		c.mu.Lock()
		username = c.cookies[ck.Value]
		c.mu.Unlock()
	}
	if r.Method == http.MethodPost {
		c.mu.Lock()
		p, known := c.people[r.PostFormValue("username")]
		c.mu.Unlock()
		if !known || r.PostFormValue("password") != p.Password {
			http.Error(w, "wrong password", http.StatusUnauthorized)
			return
		}
		username = p.Username
		value := oauth.NewToken(16)
		c.mu.Lock()
		c.cookies[value] = username
		c.mu.Unlock()
		http.SetCookie(w, &http.Cookie{Name: c.cookie, Value: value, Path: "/"})
	}
	if username == "" {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(`<!doctype html><title>Sign in</title><form method="post" action="` + html.EscapeString(r.URL.RequestURI()) +
			`"><input name="username"><input type="password" name="password"><button>Log In</button></form>`)) // a test's page
		return
	}
	if signedIn != nil {
		signedIn(username)
	}
	code := oauth.NewToken(16)
	c.mu.Lock()
	c.codes[code] = grant{username: username, client: q.Get("client_id"), redirect: q.Get("redirect_uri"), challenge: q.Get("code_challenge"), nonce: q.Get("nonce"), scope: q.Get("scope")}
	c.mu.Unlock()
	http.Redirect(w, r, oauth.AppendQuery(q.Get("redirect_uri"), url.Values{"code": {code}, "state": {q.Get("state")}}), http.StatusFound)
}

// spend takes a code and checks everything that belongs to it.
func (c *cloud) spend(code, client, redirect, verifier string) (grant, bool) {
	c.mu.Lock()
	g, known := c.codes[code]
	delete(c.codes, code)
	c.mu.Unlock()
	return g, known && g.client == client && g.redirect == redirect && oauth.VerifyPKCE(g.challenge, "S256", verifier) == nil
}

func (c *cloud) issue(g grant, prefix string) string {
	token := prefix + oauth.NewToken(24)
	c.mu.Lock()
	c.in[g.username]++
	c.tokens[token] = g
	c.mu.Unlock()
	return token
}

func (c *cloud) bearer(r *http.Request) (Person, bool) {
	token, _ := oauth.Bearer(r)
	c.mu.Lock()
	defer c.mu.Unlock()
	g, live := c.tokens[token]
	return c.people[g.username], live
}

// assertion checks a JWT bearer assertion by the certificate and returns its subject; why not, where it proves nothing.
func (c *cloud) assertion(compact, certificate, issuer string, audiences ...string) (subject, why string) {
	a, err := oauth.ParseAssertion(compact)
	if err != nil {
		return "", "malformed"
	}
	key, err := oauth.ParseCertificate(certificate)
	if err != nil || a.Verify(key) != nil {
		return "", "signature"
	}
	now := c.now()
	aud := false
	for _, want := range audiences {
		for _, have := range a.Audience {
			aud = aud || have == want
		}
	}
	switch {
	case a.Issuer != issuer:
		return "", "issuer"
	case !aud:
		return "", "audience"
	case now.After(a.Expires) || a.Expires.After(now.Add(5*time.Minute)):
		return "", "expired"
	case a.ID == "":
		return "", "jti"
	}
	return a.Subject, ""
}

// Answer writes v as JSON.
func Answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the test's client may have gone away
}
