// Package login is the org's door for people and programs: the OAuth 2.0 and OpenID Connect endpoints, one file for
// each grant, the SOAP API's login and session calls, and the pages a browser signs in on. It translates between the
// wire (crm-wire 1 and 2) and the rules in package org.
//
//	/services/oauth2/authorize   login page -> consent page -> code        authorize.go
//	/services/oauth2/token       token.go runs the shared steps, grant_*.go fill in their own
//	/services/oauth2/revoke, introspect, userinfo, singleaccess; /id/…     revoke.go, introspect.go, identity.go
//	/services/Soap/u, /c         login, logout, getUserInfo                soap.go
//	/login, /secur/…             the login form, logout, frontdoor         browser.go
package login

import (
	"context"
	"log/slog"
	"net/url"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/web"
)

// Sealer encrypts what the server hands to a browser and takes back, and the key it signs id_tokens with;
// *vault.Vault is one. What is sealed with aad opens only with the same aad.
type Sealer interface {
	Seal(plain, aad []byte) ([]byte, error)
	Open(sealed, aad []byte) ([]byte, error)
}

// Options are the parts of a Server. All are needed but Audiences, IPPolicy and Log.
type Options struct {
	BaseURL   string // where clients reach the server, without a trailing slash; also the issuer
	Directory org.Directory
	Store     org.LoginStore
	Clock     *clock.Domain // keyed by the org's 18-character id
	Vault     Sealer
	// Audiences are further values of an assertion's aud that mean this server, compared exactly.
	Audiences []string
	// IPPolicy decides whether a login from an address is allowed; nil allows all.
	IPPolicy IPPolicy
	Log      *slog.Logger // nil discards
}

// IPPolicy decides whether a user may log in with an app ("" for none) from an address. It returns nil or a fault with
// org.CodeIPRestricted.
type IPPolicy interface {
	AllowLogin(ctx context.Context, u org.User, app org.ConnectedApp, ip, subtype string) error
}

// Server serves the login endpoints of all orgs. It is an org.Authenticator and an org.Changes.
type Server struct {
	base   string
	host   string
	secure bool
	opts   Options
	log    *slog.Logger
}

var (
	_ org.Authenticator = (*Server)(nil)
	_ org.Changes       = (*Server)(nil)
)

// New makes a Server.
func New(o Options) (*Server, error) {
	u, err := url.Parse(o.BaseURL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || strings.HasSuffix(o.BaseURL, "/") {
		return nil, fault.New(fault.Invalid, "base_url", "The base URL must be http(s)://host[:port] without a trailing slash.")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{base: o.BaseURL, host: u.Host, secure: u.Scheme == "https", opts: o, log: o.Log}, nil
}

// Mount routes the server's endpoints.
func (s *Server) Mount(m *web.Mux) {
}

// Authenticate implements org.Authenticator.
func (s *Server) Authenticate(ctx context.Context, token string) (org.Session, error) {
	return org.Session{}, fault.New(fault.Unauthenticated, org.CodeInvalidSession, "Session expired or invalid")
}

// End implements org.Authenticator.
func (s *Server) End(ctx context.Context, token string) error { return nil }

// SetupChanged implements org.Changes.
func (s *Server) SetupChanged(id org.ID) {}
