// Package crm is a client of a Sales or Service Cloud org's public APIs: OAuth 2.0 and OpenID Connect, SOAP login, the
// REST data API and the Metadata API's ConnectedApp. It knows a base URL and an http.Client, not a deployment. Its
// wire structs are its own: the org that Twinspan serves has others, and both are held to the wire reference
// ("crm-wire N" in comments).
//
// A refusal is a *fault.Error whose cause is a *client.RemoteError with the org's own code and text.
package crm

import (
	"net/http"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/vault"
)

// DefaultVersion is the API version that calls name unless Options says another: Winter '26, the last with SOAP
// login() (crm-wire, release table).
const DefaultVersion = "65.0"

// Options make a [Client].
type Options struct {
	// BaseURL is where people and programs sign in: "https://login.salesforce.com", a My Domain, "http://127.0.0.1:8080".
	BaseURL string
	// HTTP gives the transport and, where its Timeout is set, the limit of one call; nil takes the defaults of client.
	// Share one among clients that should share connections.
	HTTP *http.Client
	// Version is the API version, "65.0"; "" means DefaultVersion.
	Version string
}

// Client calls one org's sign-in host. Data calls go through a [Session]. It is safe for concurrent use.
type Client struct {
	base    string
	version string
	call    *client.Caller
}

// New checks the options. A base URL that is none is an Invalid fault.
func New(o Options) (*Client, error) {
	base, err := client.ParseBase(o.BaseURL)
	if err != nil {
		return nil, err
	}
	if o.Version == "" {
		o.Version = DefaultVersion
	}
	if !validVersion(o.Version) {
		return nil, fault.New(fault.Invalid, "invalid_version", "%q is no API version such as 65.0.", client.Clip(o.Version, 20))
	}
	return &Client{base: base, version: o.Version, call: client.NewCaller("org", o.HTTP)}, nil
}

func validVersion(v string) bool {
	digits, ok := strings.CutSuffix(v, ".0")
	return ok && len(digits) == 2 && strings.Trim(digits, "0123456789") == ""
}

// BaseURL is the configured sign-in host without trailing slash.
func (c *Client) BaseURL() string { return c.base }

// Token is the org's answer to a sign-in (crm-wire 1.4). Standard answers carry no lifetime: a token lives as long as
// the org's session settings say and use keeps it alive.
type Token struct {
	AccessToken  vault.Secret
	RefreshToken vault.Secret // "" where the grant gives none (JWT bearer never does)
	IDToken      vault.Secret // compact JWS; "" without scope openid
	InstanceURL  string       // data calls go here; checked to be of the same site as the base URL; no trailing slash
	IdentityURL  string       // …/id/<org18>/<user18>; "" after a SOAP login
	OrgID        string       // 18 characters
	UserID       string       // 18 characters
	Scope        string       // space separated
	IssuedAt     time.Time    // as the org says; zero where it does not
}

// Session returns the data calls on behalf of the token.
func (c *Client) Session(t Token) *Session {
	return &Session{c: c, token: t.AccessToken, instance: t.InstanceURL}
}

// Session makes data calls with one access token. A token that is no longer taken is an Unauthenticated fault with
// client.CodeUnauthorized: get a fresh one and call again.
type Session struct {
	c        *Client
	token    vault.Secret
	instance string
	dryRun   bool
	warned   func(string)
}

// Warned returns the same session, whose changes of records tell fn what the org warns of.
func (s *Session) Warned(fn func(text string)) *Session {
	out := *s
	out.warned = fn
	return &out
}

// DryRun returns the same session, whose changes and deletions of records only say what they would do. An embedded org alone
// knows this.
func (s *Session) DryRun() *Session {
	out := *s
	out.dryRun = true
	return &out
}

func (s *Session) header() http.Header {
	return http.Header{"Authorization": {"Bearer " + s.token.Reveal()}, "Accept": {"application/json"}}
}

func (s *Session) data(path string) string {
	return s.instance + "/services/data/v" + s.c.version + path
}
