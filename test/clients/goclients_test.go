package clients_test

import (
	"context"
	"encoding/json"
	"errors"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
	"golang.org/x/oauth2/jwt"

	"github.com/twinspan/twinspan"
	"github.com/twinspan/twinspan/test/spawn"
)

// TestGoClients drives golang.org/x/oauth2 and go-oidc, unmodified (clients 3.6).
func TestGoClients(t *testing.T) {
	t.Parallel()
	for _, kind := range spawn.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			args := []string{"--data", t.TempDir()}
			if dsn := spawn.DSN(t, kind); dsn != "" {
				args = append(args, "--db", dsn)
			}
			text, err := os.ReadFile(spawn.Up(t, args...).ReadyFile)
			if err != nil {
				t.Fatal(err)
			}
			var ready twinspan.Ready
			if err := json.Unmarshal(text, &ready); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			g := &goClient{ctx: ctx, ready: ready, app: ready.CRM.ConnectedApps["Integration Test"], user: ready.CRM.Users[0]}
			if g.provider, err = oidc.NewProvider(ctx, ready.CRM.URL); err != nil {
				t.Fatal(err)
			}
			t.Run("sign-in", g.signIn)
			t.Run("refresh and revoke", g.refreshAndRevoke)
			t.Run("client credentials", g.clientCredentials)
			t.Run("JWT bearer", g.jwtBearer)
			t.Run("password", g.password)
			t.Run("refusals", g.refusals)
		})
	}
}

type goClient struct {
	ctx      context.Context
	ready    twinspan.Ready
	app      twinspan.ReadyApp
	user     twinspan.Login
	provider *oidc.Provider
}

func (g *goClient) config(style oauth2.AuthStyle, scopes ...string) *oauth2.Config {
	e := g.provider.Endpoint()
	e.AuthStyle = style
	return &oauth2.Config{ClientID: g.app.ClientID, ClientSecret: g.app.ClientSecret, Endpoint: e, RedirectURL: g.app.RedirectURIs[1], Scopes: scopes}
}

// styles are the three ways in which the library shows the secret; the first tries the header and then the body.
var styles = map[string]oauth2.AuthStyle{"detected": oauth2.AuthStyleAutoDetect, "header": oauth2.AuthStyleInHeader, "body": oauth2.AuthStyleInParams}

// token runs the code flow with PKCE.
func (g *goClient) token(t *testing.T, c *oauth2.Config, nonce string) *oauth2.Token {
	t.Helper()
	verifier := oauth2.GenerateVerifier()
	back := g.land(t, c.AuthCodeURL("a state", oauth2.S256ChallengeOption(verifier), oidc.Nonce(nonce)))
	if back.Get("state") != "a state" {
		t.Fatalf("state %q came back", back.Get("state"))
	}
	token, err := c.Exchange(g.ctx, back.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func (g *goClient) signIn(t *testing.T) {
	for name, style := range styles {
		t.Run(name, func(t *testing.T) {
			token := g.token(t, g.config(style, oidc.ScopeOpenID, "id", "api", "refresh_token"), "a nonce")
			raw, _ := token.Extra("id_token").(string)
			id, err := g.provider.Verifier(&oidc.Config{ClientID: g.app.ClientID}).Verify(g.ctx, raw)
			if err != nil {
				t.Fatal(err)
			}
			if id.Nonce != "a nonce" {
				t.Errorf("nonce %q came back", id.Nonce)
			}
			if err := id.VerifyAccessToken(token.AccessToken); err != nil {
				t.Error(err)
			}
			info, err := g.provider.UserInfo(g.ctx, oauth2.StaticTokenSource(token))
			if err != nil {
				t.Fatal(err)
			}
			if info.Subject != id.Subject || info.Email != g.user.Username {
				t.Errorf("userinfo tells of %s, %s; the id_token of %s", info.Subject, info.Email, id.Subject)
			}
			if token.Extra("instance_url") != g.ready.CRM.URL {
				t.Errorf("instance_url = %v", token.Extra("instance_url"))
			}
			if !token.Expiry.IsZero() {
				t.Error("an expiry that the org does not send")
			}
		})
	}
}

func (g *goClient) refreshAndRevoke(t *testing.T) {
	c := g.config(oauth2.AuthStyleInParams, "api", "refresh_token")
	first := g.token(t, c, "")
	old := &oauth2.Token{RefreshToken: first.RefreshToken, Expiry: time.Now().Add(-time.Hour)}
	next, err := c.TokenSource(g.ctx, old).Token()
	if err != nil {
		t.Fatal(err)
	}
	if next.AccessToken == first.AccessToken || next.RefreshToken != first.RefreshToken {
		t.Error("a refresh gives a new access token and keeps the refresh token")
	}
	res := g.post(t, "/services/oauth2/revoke", url.Values{"token": {first.RefreshToken}})
	if res != http.StatusOK {
		t.Fatalf("revoke: %d", res)
	}
	_, err = c.TokenSource(g.ctx, old).Token()
	wantRefused(t, err, "invalid_grant", "expired access/refresh token")
}

func (g *goClient) clientCredentials(t *testing.T) {
	for name, style := range styles {
		t.Run(name, func(t *testing.T) {
			c := clientcredentials.Config{ClientID: g.app.ClientID, ClientSecret: g.app.ClientSecret, TokenURL: g.provider.Endpoint().TokenURL, AuthStyle: style}
			token, err := c.Token(g.ctx)
			if err != nil {
				t.Fatal(err)
			}
			g.wantUser(t, token, g.ready.CRM.Admin.Username)
		})
	}
}

func (g *goClient) jwtBearer(t *testing.T) {
	key, err := os.ReadFile(g.app.PrivateKeyFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, aud := range []string{"", g.ready.CRM.URL, "https://login.salesforce.com"} { // "" is the token endpoint
		t.Run(strings.ReplaceAll("for "+aud, "/", "_"), func(t *testing.T) {
			c := jwt.Config{Email: g.app.ClientID, PrivateKey: key, Subject: g.user.Username, TokenURL: g.provider.Endpoint().TokenURL, Audience: aud, Expires: 3 * time.Minute}
			token, err := c.TokenSource(g.ctx).Token()
			if err != nil {
				t.Fatal(err)
			}
			g.wantUser(t, token, g.user.Username)
		})
	}
}

func (g *goClient) password(t *testing.T) {
	c := g.config(oauth2.AuthStyleInParams)
	token, err := c.PasswordCredentialsToken(g.ctx, g.user.Username, g.user.Password+g.user.SecurityToken)
	if err != nil {
		t.Fatal(err)
	}
	g.wantUser(t, token, g.user.Username)
	_, err = c.PasswordCredentialsToken(g.ctx, g.user.Username, "wrong")
	wantRefused(t, err, "invalid_grant", "authentication failure")
}

func (g *goClient) refusals(t *testing.T) {
	c := g.config(oauth2.AuthStyleInParams, "api")
	back := g.land(t, c.AuthCodeURL("s", oauth2.S256ChallengeOption(oauth2.GenerateVerifier())))
	_, err := c.Exchange(g.ctx, back.Get("code"), oauth2.VerifierOption(oauth2.GenerateVerifier()))
	wantRefused(t, err, "invalid_grant", "invalid code verifier")
	c.ClientSecret = "wrong"
	_, err = c.Exchange(g.ctx, back.Get("code"))
	wantRefused(t, err, "invalid_client", "invalid client credentials")
	c.ClientID = "nobody"
	_, err = c.Exchange(g.ctx, back.Get("code"))
	wantRefused(t, err, "invalid_client_id", "client identifier invalid")
}

func wantRefused(t *testing.T, err error, code, text string) {
	t.Helper()
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) {
		t.Fatalf("not refused: %v", err)
	}
	if refused.ErrorCode != code || refused.ErrorDescription != text {
		t.Errorf("refused with %s, %q; want %s, %q", refused.ErrorCode, refused.ErrorDescription, code, text)
	}
}

func (g *goClient) wantUser(t *testing.T, token *oauth2.Token, username string) {
	t.Helper()
	info, err := g.provider.UserInfo(g.ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Username string `json:"preferred_username"`
	}
	if err := info.Claims(&claims); err != nil {
		t.Fatal(err)
	}
	if claims.Username != username {
		t.Errorf("the token is %s's, not %s's", claims.Username, username)
	}
}

func (g *goClient) post(t *testing.T, path string, form url.Values) int {
	t.Helper()
	req, err := http.NewRequestWithContext(g.ctx, http.MethodPost, g.ready.CRM.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode
}

var (
	formTag  = regexp.MustCompile(`(?s)<form[^>]*action="([^"]*)"[^>]*>(.*?)</form>`)
	inputTag = regexp.MustCompile(`<input[^>]*>`)
	nameAttr = regexp.MustCompile(`name="([^"]*)"`)
	valAttr  = regexp.MustCompile(`value="([^"]*)"`)
)

// land fills the sign-in form of an authorize URL and returns the parameters that the browser brings to the client.
func (g *goClient) land(t *testing.T, at string) url.Values {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	own, err := url.Parse(g.ready.CRM.URL)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if r.URL.Host != own.Host {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	res, err := browser.Get(at)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		page, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if to, err := res.Location(); err == nil {
			return to.Query()
		}
		form := formTag.FindStringSubmatch(string(page))
		if form == nil {
			t.Fatalf("no form: %d\n%s", res.StatusCode, page)
		}
		fields := url.Values{}
		for _, input := range inputTag.FindAllString(form[2], -1) {
			name, value := attr(nameAttr, input), attr(valAttr, input)
			switch {
			case strings.Contains(input, `type="password"`):
				value = g.user.Password
			case name == "username":
				value = g.user.Username
			}
			fields.Set(name, value)
		}
		if strings.Contains(form[2], `value="allow"`) {
			fields.Set("decision", "allow")
		}
		action, err := res.Request.URL.Parse(html.UnescapeString(form[1]))
		if err != nil {
			t.Fatal(err)
		}
		if res, err = browser.PostForm(action.String(), fields); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("the browser never left the org")
	return nil
}

func attr(which *regexp.Regexp, tag string) string {
	if m := which.FindStringSubmatch(tag); m != nil {
		return html.UnescapeString(m[1])
	}
	return ""
}
