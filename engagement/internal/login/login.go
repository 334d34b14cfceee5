// Package login is the tenant's auth host: the token endpoint with one file for each grant, the authorization endpoint
// with its sign-in page, logout, userinfo, discovery, and the grants of connect packages. It reads a request into a
// value, lets the services of package tenant decide, and writes the answer in the documented shapes (engagement-wire 2).
package login

import (
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"

	"github.com/twinspan/twinspan/engagement/internal/browser"
	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/web"
)

// Options are what the auth host stands on; none of the services may be nil.
type Options struct {
	// BaseURL is the house's public URL without trailing slash: issuer, audience of assertions, and, with a slash, the
	// auth, REST and SOAP base URLs that clients are told.
	BaseURL   string
	Registry  *tenant.Registry
	Issuer    *tenant.Issuer
	SignIns   *tenant.SignIns
	Sessions  *tenant.Sessions
	Vouching  *tenant.Vouching
	Setup     *tenant.Setup
	UnitRoles *tenant.UnitRoles
	Documents *tenant.Documents
	Requests  tenant.TokenRequests
	Auth      tenant.Authenticator
	Clock     tenant.Clock
	Log       *slog.Logger // nil discards
}

// Server answers the auth host's requests.
type Server struct {
	o      Options
	grants map[string]grant
	keys   keys
	// browsers finds who is signed in, in the browser that asks.
	browsers browser.Browsers
}

// New checks the options and returns the server.
func New(o Options) (*Server, error) {
	if o.Registry == nil || o.Issuer == nil || o.SignIns == nil || o.Sessions == nil || o.Vouching == nil || o.Setup == nil || o.UnitRoles == nil || o.Documents == nil || o.Requests.Registry == nil || o.Auth == nil || o.Clock.Domain == nil {
		return nil, errors.New("login: a service is missing")
	}
	if o.BaseURL == "" || strings.HasSuffix(o.BaseURL, "/") {
		return nil, errors.New("login: the base URL is empty or ends in a slash")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{o: o, browsers: browser.Browsers{Sessions: o.Sessions, Secure: strings.HasPrefix(o.BaseURL, "https://")}, keys: keys{known: map[[32]byte]*rsa.PublicKey{}}}
	s.grants = map[string]grant{
		oauth.GrantClientCredentials: s.clientCredentials,
		oauth.GrantAuthorizationCode: s.authorizationCode,
		oauth.GrantRefreshToken:      s.refreshToken,
		oauth.GrantJWTBearer:         s.jwtBearer,
	}
	return s, nil
}

// TokenPath is the path of the token endpoint. Every path that ends in it means it too: see [TokenPaths].
const TokenPath = "/v2/token"

// Mount registers the endpoints. The mux ignores case.
func (s *Server) Mount(mux *web.Mux) {
	mux.HandleFunc("POST "+TokenPath, s.token)
	mux.HandleFunc("GET /v2/authorize", s.authorize)
	mux.HandleFunc("POST /v2/authorize", s.authorizeForm)
	mux.HandleFunc("GET /", s.front)
	mux.HandleFunc("GET "+signInPath, s.signInAlone)
	mux.HandleFunc("POST "+signInPath, s.signInAloneForm)
	mux.HandleFunc("GET /v2/logout", s.logoutPage)
	mux.HandleFunc("POST /v2/logout", s.logout)
	mux.HandleFunc("GET /v2/userinfo", s.userinfo)
	mux.HandleFunc("GET /v2/discovery", s.discovery)
	mux.HandleFunc("GET /v2/grants", s.listGrants)
	mux.HandleFunc("POST /v2/grants", s.makeGrant)
	mux.HandleFunc("DELETE /v2/grants/{username}", s.clearGrant)
	mux.HandleFunc("POST /v1/requestToken", s.legacyToken)
	s.mountSetup(mux)
	s.mountDocuments(mux)
}

// keys remembers the public keys of certificates, which take longer to parse than a signature to check.
type keys struct {
	mu    sync.RWMutex
	known map[[32]byte]*rsa.PublicKey
}

const maxKeys = 10_000

func (k *keys) of(certificate string) (*rsa.PublicKey, error) {
	sum := sha256.Sum256([]byte(certificate))
	k.mu.RLock()
	key := k.known[sum]
	k.mu.RUnlock()
	if key != nil {
		return key, nil
	}
	key, err := oauth.ParseCertificate(certificate)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.known) >= maxKeys {
		clear(k.known)
	}
	k.known[sum] = key
	return key, nil
}

// TokenPaths returns h with every POST to a path that ends in /v2/token sent to the token endpoint: some clients put a
// whole URL of the real service into the path (engagement-wire 1).
func TokenPaths(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := strings.TrimRight(r.URL.Path, "/")
		if n := len(path) - len(TokenPath); n > 0 && r.Method == http.MethodPost && strings.EqualFold(path[n:], TokenPath) {
			r2 := new(http.Request)
			*r2 = *r
			u := *r.URL
			u.Path, u.RawPath = TokenPath, ""
			r2.URL = &u
			r = r2
		}
		h.ServeHTTP(w, r)
	})
}
