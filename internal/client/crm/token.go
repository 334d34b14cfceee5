package crm

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/vault"
)

const grantJWTBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer" // RFC 7523 section 2.1

// JWTGrant signs a user in by the key that belongs to the connected app's certificate (crm-wire 1.5).
type JWTGrant struct {
	ConsumerKey string
	Username    string
	Key         *rsa.PrivateKey
	Audience    string    // "" means the base URL
	Now         time.Time // domain time of the org; the assertion expires three minutes later
}

// JWTBearer exchanges an assertion for an access token; there is no refresh token. Refusals keep the org's code:
// invalid_app_access where an admin-approved app is not assigned to the user (DESIGN 5.3).
func (c *Client) JWTBearer(ctx context.Context, g JWTGrant) (Token, error) {
	aud := g.Audience
	if aud == "" {
		aud = c.base
	}
	assertion, err := oauth.SignAssertion(g.Key, "", oauth.Claims{
		Issuer: g.ConsumerKey, Subject: g.Username, Audience: aud,
		IssuedAt: g.Now, Expires: g.Now.Add(3 * time.Minute), ID: oauth.NewToken(16),
	})
	if err != nil {
		return Token{}, err
	}
	return c.token(ctx, url.Values{"grant_type": {grantJWTBearer}, "assertion": {assertion}})
}

// AuthorizeRequest is what the browser is sent to the org with (crm-wire 1.2). Empty values are left out.
type AuthorizeRequest struct {
	ClientID    string
	RedirectURI string
	Scopes      []string
	State       string
	Nonce       string // returns in the id_token
	Challenge   string // PKCE, S256 of the verifier
	Prompt      string // "login", "consent"
	LoginHint   string // user name to fill in
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
	set("nonce", r.Nonce)
	if r.Challenge != "" {
		set("code_challenge", r.Challenge)
		set("code_challenge_method", "S256")
	}
	set("prompt", r.Prompt)
	set("login_hint", r.LoginHint)
	return c.base + "/services/oauth2/authorize?" + q.Encode()
}

// CodeGrant exchanges the code that the browser came back with.
type CodeGrant struct {
	ClientID    string
	Secret      vault.Secret // "" for a public client, and for one that proves itself by Assertion
	Code        vault.Secret
	RedirectURI string // as in the authorize request
	Verifier    vault.Secret
	Assertion   vault.Secret // of ClientAssertion; "" for none
}

// ClientAssertion proves a client by the key of its certificate in the place of a secret (RFC 7523 section 2.2). now is domain
// time of the org; it expires three minutes later.
func (c *Client) ClientAssertion(clientID string, key *rsa.PrivateKey, now time.Time) (vault.Secret, error) {
	a, err := oauth.SignAssertion(key, "", oauth.Claims{
		Issuer: clientID, Subject: clientID, Audience: c.base, IssuedAt: now, Expires: now.Add(3 * time.Minute), ID: oauth.NewToken(16),
	})
	return vault.Secret(a), err
}

// assertionJWT is the type of a client assertion.
const assertionJWT = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// ExchangeCode completes the web server flow (RFC 6749 section 4.1.3, RFC 7636).
func (c *Client) ExchangeCode(ctx context.Context, g CodeGrant) (Token, error) {
	q := url.Values{"grant_type": {"authorization_code"}, "client_id": {g.ClientID}, "code": {g.Code.Reveal()}, "redirect_uri": {g.RedirectURI}}
	if g.Secret != "" {
		q.Set("client_secret", g.Secret.Reveal())
	}
	if g.Verifier != "" {
		q.Set("code_verifier", g.Verifier.Reveal())
	}
	if g.Assertion != "" {
		q.Set("client_assertion_type", assertionJWT)
		q.Set("client_assertion", g.Assertion.Reveal())
	}
	return c.token(ctx, q)
}

// RefreshGrant asks for a new access token.
type RefreshGrant struct {
	ClientID     string
	Secret       vault.Secret // "" for a public client
	RefreshToken vault.Secret
}

// Refresh returns a new access token. Its RefreshToken is the new one where the app rotates, else the one given.
func (c *Client) Refresh(ctx context.Context, g RefreshGrant) (Token, error) {
	q := url.Values{"grant_type": {"refresh_token"}, "client_id": {g.ClientID}, "refresh_token": {g.RefreshToken.Reveal()}}
	if g.Secret != "" {
		q.Set("client_secret", g.Secret.Reveal())
	}
	t, err := c.token(ctx, q)
	if err == nil && t.RefreshToken == "" {
		t.RefreshToken = g.RefreshToken
	}
	return t, err
}

// PasswordGrant signs a user in by user name and password, where the org and the app allow it (crm-wire 1.8; document 004).
type PasswordGrant struct {
	ClientID string
	Secret   vault.Secret // "" for an app that needs none
	Username string
	Password vault.Secret // with the security token appended
}

// Password is the OAuth username-password flow. The org says one thing for all that is wrong: invalid_grant,
// "authentication failure".
func (c *Client) Password(ctx context.Context, g PasswordGrant) (Token, error) {
	q := url.Values{"grant_type": {"password"}, "client_id": {g.ClientID}, "username": {g.Username}, "password": {g.Password.Reveal()}}
	if g.Secret != "" {
		q.Set("client_secret", g.Secret.Reveal())
	}
	return c.token(ctx, q)
}

// Revoke ends an access token, or a refresh token with its access tokens (crm-wire 1.12).
func (c *Client) Revoke(ctx context.Context, token vault.Secret) error {
	a, err := c.call.Do(ctx, form(c.base+"/services/oauth2/revoke", url.Values{"token": {token.Reveal()}}))
	if err != nil {
		return err
	}
	if a.Status != http.StatusOK {
		return c.oauthError(a)
	}
	return nil
}

func form(target string, q url.Values) client.Request {
	return client.Request{
		Method: http.MethodPost, URL: target, ContentType: "application/x-www-form-urlencoded", Body: []byte(q.Encode()),
		Header:  http.Header{"Accept": {"application/json"}},
		Secrets: []string{q.Get("assertion"), q.Get("code"), q.Get("code_verifier"), q.Get("client_secret"), q.Get("refresh_token"), q.Get("token"), q.Get("password")},
	}
}

// tokenAnswer has strings only: all values of the org's token answer are (crm-wire 0.14).
type tokenAnswer struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	IDToken      string `json:"id_token"`
	InstanceURL  string `json:"instance_url"`
	ID           string `json:"id"`
	TokenType    string `json:"token_type"`
	IssuedAt     string `json:"issued_at"`
	Scope        string `json:"scope"`
}

func (c *Client) token(ctx context.Context, q url.Values) (Token, error) {
	a, err := c.call.Do(ctx, form(c.base+"/services/oauth2/token", q))
	if err != nil {
		return Token{}, err
	}
	if a.Status != http.StatusOK {
		return Token{}, c.oauthError(a)
	}
	var w tokenAnswer
	if err := c.call.JSON(a, &w); err != nil {
		return Token{}, err
	}
	t := Token{
		AccessToken: vault.Secret(w.AccessToken), RefreshToken: vault.Secret(w.RefreshToken), IDToken: vault.Secret(w.IDToken),
		InstanceURL: strings.TrimRight(w.InstanceURL, "/"), IdentityURL: w.ID, Scope: w.Scope,
	}
	if ms, err := strconv.ParseInt(w.IssuedAt, 10, 64); err == nil {
		t.IssuedAt = time.UnixMilli(ms).UTC()
	}
	switch {
	case t.AccessToken == "" || !strings.EqualFold(w.TokenType, "Bearer"):
		return Token{}, c.call.Protocol(a.Status, "it has no bearer token")
	case !client.SameSite(c.base, t.InstanceURL):
		return Token{}, c.call.Protocol(a.Status, "its instance_url %q is of another site than %s", client.Clip(t.InstanceURL, 100), c.base)
	}
	var ok bool
	if t.OrgID, t.UserID, ok = parseIdentity(w.ID); !ok {
		return Token{}, c.call.Protocol(a.Status, "its id names no org and user")
	}
	return t, nil
}

// parseIdentity reads the last two segments of …/id/<org>/<user>.
func parseIdentity(id string) (org, user string, ok bool) {
	_, path, found := strings.Cut(id, "/id/")
	org, user, two := strings.Cut(path, "/")
	return org, user, found && two && isID(org, "00D") && isID(user, "005")
}

func isID(s, prefix string) bool {
	if len(s) != 18 && len(s) != 15 || !strings.HasPrefix(s, prefix) {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// oauthError reads the OAuth endpoints' object {"error","error_description"} (crm-wire 0.8, 1.6); other shapes keep
// the status alone.
func (c *Client) oauthError(a *client.Answer) error {
	var w struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if a.Type == "application/json" && json.Unmarshal(a.Body, &w) == nil && w.Error != "" {
		return c.call.Refused(a, a.Status, w.Error, w.Description)
	}
	if q, err := url.ParseQuery(string(a.Body)); err == nil && len(a.Body) < 4096 && q.Get("error") != "" { // revoke, crm-wire 1.12
		return c.call.Refused(a, a.Status, q.Get("error"), q.Get("error_description"))
	}
	return c.call.Refused(a, a.Status, "", "")
}
