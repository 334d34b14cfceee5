// Package engagement is a client of a Marketing Cloud Engagement tenant's public APIs: the tenant's OAuth endpoints,
// the transactional messaging REST API and SOAP Retrieve. It knows the tenant's authentication base URL and an
// http.Client, not a deployment; the REST and SOAP addresses come from the token's answer and must belong to the same
// site. Its wire structs are its own, held to the wire reference ("engagement-wire N" in comments).
//
// A refusal is a *fault.Error whose cause is a *client.RemoteError with the tenant's own code and text.
package engagement

import (
	"net/http"
	"time"

	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/vault"
)

// Options make a [Client].
type Options struct {
	// AuthURL is the tenant's authentication base: "https://mc….auth.marketingcloudapis.com/", "http://127.0.0.1:8081".
	AuthURL string
	// HTTP gives the transport and, where its Timeout is set, the limit of one call; nil takes the defaults of client.
	HTTP *http.Client
}

// Client calls one tenant's authentication host. API calls go through a [Session]. It is safe for concurrent use.
type Client struct {
	base string
	call *client.Caller
}

// New checks the options. A base URL that is none is an Invalid fault.
func New(o Options) (*Client, error) {
	base, err := client.ParseBase(o.AuthURL)
	if err != nil {
		return nil, err
	}
	return &Client{base: base, call: client.NewCaller("tenant", o.HTTP)}, nil
}

// AuthURL is the configured authentication base without trailing slash.
func (c *Client) AuthURL() string { return c.base }

// Token is the tenant's answer to a sign-in (engagement-wire 2.1).
type Token struct {
	AccessToken  vault.Secret
	RefreshToken vault.Secret  // "" where the grant gives none
	ExpiresIn    time.Duration // from the moment of the answer; the token lives about two minutes longer
	Scope        string        // space separated
	RESTURL      string        // no trailing slash; checked to be of the auth host's site
	SOAPURL      string        // no trailing slash; checked likewise
	// SOAPUser and SOAPPassword stand in SOAP envelopes in the token's place, as username-password for web services has it;
	// "" for the token. The caller fills them in: no answer has them.
	SOAPUser     string
	SOAPPassword vault.Secret
}

// Session returns the API calls on behalf of the token.
func (c *Client) Session(t Token) *Session {
	return &Session{c: c, token: t.AccessToken, rest: t.RESTURL, soap: t.SOAPURL, username: t.SOAPUser, password: t.SOAPPassword}
}

// ByPassword returns SOAP calls in the name of an API user, by name and password (engagement-wire 9.2); there are no REST
// calls that way. A wrong password is a plain refusal, and counts towards the user's lockout. Base is the SOAP URL.
func (c *Client) ByPassword(base, username string, password vault.Secret) (*Session, error) {
	base, err := client.ParseBase(base)
	if err != nil {
		return nil, err
	}
	return &Session{c: c, username: username, password: password, soap: base}, nil
}

// Session makes API calls with one access token. A token that is no longer taken is an Unauthenticated fault with
// client.CodeUnauthorized.
type Session struct {
	c     *Client
	token vault.Secret
	rest  string
	soap  string

	// username and password stand in SOAP envelopes; "" where the token stands there.
	username string
	password vault.Secret
}

// Endpoints are the tenant's REST and SOAP addresses, without trailing slash, as the token named them.
func (s *Session) Endpoints() (rest, soap string) { return s.rest, s.soap }

func (s *Session) header() http.Header {
	return http.Header{"Authorization": {"Bearer " + s.token.Reveal()}, "Accept": {"application/json"}}
}
