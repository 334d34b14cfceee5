package engagement

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/vault"
)

const grantJWTBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer" // RFC 7523 section 2.1

// ClientCredentialsGrant signs a server-to-server package in.
type ClientCredentialsGrant struct {
	ClientID string
	Secret   vault.Secret
	MID      int64    // business unit; 0 means the one that created the integration
	Scopes   []string // nil means all of the package's
}

// ClientCredentials returns a token of the package's own app user.
func (c *Client) ClientCredentials(ctx context.Context, g ClientCredentialsGrant) (Token, error) {
	w := tokenRequest{GrantType: "client_credentials", ClientID: g.ClientID, ClientSecret: g.Secret.Reveal(), AccountID: g.MID}
	w.scope(g.Scopes)
	return c.token(ctx, w)
}

// AuthorizeRequest is what the browser is sent to the tenant with (engagement-wire 2.2). Empty values are left out.
type AuthorizeRequest struct {
	ClientID    string
	RedirectURI string
	Scopes      []string
	State       string
	Challenge   string // PKCE, S256 of the verifier
	Prompt      string // "login" asks not to take over a live session; a tenant that does not know it ignores it
	LoginHint   string // user name that is asked for; likewise
}

// AuthorizeURL is where to send the browser to sign in and come back to RedirectURI with a code.
func (c *Client) AuthorizeURL(r AuthorizeRequest) string {
	q := url.Values{"response_type": {"code"}}
	set := func(name, value string) {
		if value != "" {
			q.Set(name, value)
		}
	}
	set("client_id", r.ClientID)
	set("redirect_uri", r.RedirectURI)
	set("scope", strings.Join(r.Scopes, " "))
	set("state", r.State)
	if r.Challenge != "" {
		set("code_challenge", r.Challenge)
		set("code_challenge_method", "S256")
	}
	set("prompt", r.Prompt)
	set("login_hint", r.LoginHint)
	return c.base + "/v2/authorize?" + q.Encode()
}

// CodeGrant exchanges the code that the browser came back with.
type CodeGrant struct {
	ClientID    string
	Secret      vault.Secret // "" for public and connect packages
	Code        vault.Secret
	RedirectURI string
	Verifier    vault.Secret
	MID         int64 // 0 means the default business unit
}

// ExchangeCode completes the authorization code flow.
func (c *Client) ExchangeCode(ctx context.Context, g CodeGrant) (Token, error) {
	return c.token(ctx, tokenRequest{
		GrantType: "authorization_code", ClientID: g.ClientID, ClientSecret: g.Secret.Reveal(),
		Code: g.Code.Reveal(), RedirectURI: g.RedirectURI, CodeVerifier: g.Verifier.Reveal(), AccountID: g.MID,
	})
}

// RefreshGrant exchanges a refresh token, which works once (engagement-wire 2.1).
type RefreshGrant struct {
	ClientID     string
	Secret       vault.Secret
	RefreshToken vault.Secret
	MID          int64
	Scopes       []string // nil means those of the refresh token
}

// Refresh returns a new pair of tokens; the refresh token given is spent.
func (c *Client) Refresh(ctx context.Context, g RefreshGrant) (Token, error) {
	w := tokenRequest{GrantType: "refresh_token", ClientID: g.ClientID, ClientSecret: g.Secret.Reveal(), RefreshToken: g.RefreshToken.Reveal(), AccountID: g.MID}
	w.scope(g.Scopes)
	return c.token(ctx, w)
}

// JWTGrant signs in a user who has a grant for the package, by the key that belongs to the package's certificate
// (DESIGN 5.2: iss = client_id, sub = user name, aud = auth_url, exp at most five minutes ahead, jti once).
type JWTGrant struct {
	ClientID string
	Username string
	Key      *rsa.PrivateKey
	MID      int64     // business unit; 0 means the user's default
	Now      time.Time // domain time of the tenant
}

// JWTBearer exchanges an assertion for an access token. A user without a grant is refused with invalid_grant.
func (c *Client) JWTBearer(ctx context.Context, g JWTGrant) (Token, error) {
	assertion, err := oauth.SignAssertion(g.Key, "", oauth.Claims{
		Issuer: g.ClientID, Subject: g.Username, Audience: c.base + "/",
		IssuedAt: g.Now, Expires: g.Now.Add(3 * time.Minute), ID: oauth.NewToken(16),
	})
	if err != nil {
		return Token{}, err
	}
	return c.token(ctx, tokenRequest{GrantType: grantJWTBearer, ClientID: g.ClientID, Assertion: assertion, AccountID: g.MID})
}

type tokenRequest struct {
	GrantType    string  `json:"grant_type"`
	ClientID     string  `json:"client_id,omitempty"`
	ClientSecret string  `json:"client_secret,omitempty"`
	Code         string  `json:"code,omitempty"`
	RedirectURI  string  `json:"redirect_uri,omitempty"`
	CodeVerifier string  `json:"code_verifier,omitempty"`
	RefreshToken string  `json:"refresh_token,omitempty"`
	Assertion    string  `json:"assertion,omitempty"`
	AccountID    int64   `json:"account_id,omitempty"`
	Scope        *string `json:"scope,omitempty"` // present and empty means a token with no scopes (engagement-wire 2.1)
}

func (r *tokenRequest) scope(scopes []string) {
	if scopes != nil {
		s := strings.Join(scopes, " ")
		r.Scope = &s
	}
}

type tokenAnswer struct {
	AccessToken  string      `json:"access_token"`
	RefreshToken string      `json:"refresh_token"`
	TokenType    string      `json:"token_type"`
	ExpiresIn    json.Number `json:"expires_in"`
	Scope        string      `json:"scope"`
	REST         string      `json:"rest_instance_url"`
	SOAP         string      `json:"soap_instance_url"`
}

func (c *Client) token(ctx context.Context, r tokenRequest) (Token, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return Token{}, err
	}
	a, err := c.call.Do(ctx, client.Request{
		Method: http.MethodPost, URL: c.base + "/v2/token", ContentType: "application/json", Body: body,
		Header: http.Header{"Accept": {"application/json"}}, Secrets: []string{r.ClientSecret, r.Code, r.CodeVerifier, r.RefreshToken, r.Assertion},
	})
	if err != nil {
		return Token{}, err
	}
	if a.Status != http.StatusOK {
		return Token{}, c.authError(a)
	}
	var w tokenAnswer
	if err := c.call.JSON(a, &w); err != nil {
		return Token{}, err
	}
	seconds, err := w.ExpiresIn.Int64()
	t := Token{
		AccessToken: vault.Secret(w.AccessToken), RefreshToken: vault.Secret(w.RefreshToken), Scope: w.Scope,
		ExpiresIn: time.Duration(seconds) * time.Second, RESTURL: strings.TrimRight(w.REST, "/"), SOAPURL: strings.TrimRight(w.SOAP, "/"),
	}
	switch {
	case t.AccessToken == "" || !strings.EqualFold(w.TokenType, "Bearer"):
		return Token{}, c.call.Protocol(a.Status, "it has no bearer token")
	case err != nil || seconds <= 0 || seconds > 86400:
		return Token{}, c.call.Protocol(a.Status, "its expires_in is no lifetime of up to a day")
	case !client.SameSite(c.base, t.RESTURL):
		return Token{}, c.call.Protocol(a.Status, "its rest_instance_url %q is of another site than %s", client.Clip(t.RESTURL, 100), c.base)
	case !client.SameSite(c.base, t.SOAPURL):
		return Token{}, c.call.Protocol(a.Status, "its soap_instance_url %q is of another site than %s", client.Clip(t.SOAPURL, 100), c.base)
	}
	return t, nil
}

// authError reads the auth host's {"error","error_description"} and, for rate limits, the REST shape (engagement-wire
// 2.1). A refusal of a token request says nothing about an access token, so a 401 there is a plain refusal.
func (c *Client) authError(a *client.Answer) error {
	var w struct {
		Error       string      `json:"error"`
		Description string      `json:"error_description"`
		Message     string      `json:"message"`
		Code        json.Number `json:"errorcode"`
	}
	if a.Type == "application/json" && json.Unmarshal(a.Body, &w) == nil {
		if w.Error != "" {
			return c.call.Refused(a, plain(a.Status), w.Error, w.Description)
		}
		return c.call.Refused(a, plain(a.Status), w.Code.String(), w.Message)
	}
	return c.call.Refused(a, plain(a.Status), "", "")
}

// plain makes 401 of the token endpoint a 400: there is no access token that a fresh one could replace.
func plain(status int) int {
	if status == http.StatusUnauthorized {
		return http.StatusBadRequest
	}
	return status
}
