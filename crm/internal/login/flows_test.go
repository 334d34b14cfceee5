package login_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/oauth"
)

// fragment is what the client finds behind the # of its redirect URI.
func (a answer) fragment(t testing.TB) url.Values {
	t.Helper()
	_, text, ok := strings.Cut(a.header.Get("Location"), "#")
	if !ok {
		t.Fatalf("no fragment: %d %q %s", a.status, a.header.Get("Location"), a.body)
	}
	v, err := url.ParseQuery(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// refreshOf is refresh by another app of the fixture.
func (h *house) refreshOf(app, token string) answer {
	h.t.Helper()
	return h.token("grant_type", "refresh_token", "refresh_token", token, "client_id", app, "client_secret", appSecret)
}

// TestRefreshRotation: each refresh gives a new token, and a used one takes everything back (crm-wire 1.13, RF-02, RF-06).
func TestRefreshRotation(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.changeApp(h.org.open, func(a *org.ConnectedApp) { a.Flows.RotateRefresh = true })
		first := h.exchange(h.code())
		second := h.refresh(first.get("refresh_token"))
		if second.status != 200 || second.get("refresh_token") == "" || second.get("refresh_token") == first.get("refresh_token") {
			t.Fatalf("a refresh did not rotate: %v", second)
		}
		third := h.refresh(second.get("refresh_token"))
		if third.status != 200 || !h.live(third.get("access_token")) {
			t.Fatalf("the successor does not work: %v", third)
		}
		// Whoever has the number of a grant and no token of it takes nothing away.
		token := third.get("refresh_token")
		forged := token[:len(token)-4] + "AAAA"
		wantError(t, h.refresh(forged), 400, "invalid_grant", "expired access/refresh token")
		// Nor does another client with a used token.
		h.changeApp(h.org.closed, func(a *org.ConnectedApp) { a.Flows.RotateRefresh = true })
		wantError(t, h.refreshOf(h.org.closed, first.get("refresh_token")), 400, "invalid_grant", "expired access/refresh token")
		if !h.live(third.get("access_token")) {
			t.Fatal("a forged token or another client's ended the grant")
		}
		wantError(t, h.refresh(first.get("refresh_token")), 400, "invalid_grant", "expired access/refresh token")
		wantError(t, h.refresh(token), 400, "invalid_grant", "expired access/refresh token")
		for name, a := range map[string]answer{"first": first, "second": second, "third": third} {
			if h.live(a.get("access_token")) {
				t.Errorf("the %s access token outlived the replay", name)
			}
		}
		if strings.Contains(h.log.String(), token) || !strings.Contains(h.log.String(), "used twice") {
			t.Error("the log says nothing of the replay, or says the token")
		}
	})
}

// TestRefreshRotationAtOnce: of many refreshes with one token one has a successor at most, and nobody gets a 5xx (RF-04).
func TestRefreshRotationAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.changeApp(h.org.open, func(a *org.ConnectedApp) { a.Flows.RotateRefresh = true })
		token := h.exchange(h.code()).get("refresh_token")
		answers := make([]answer, 20)
		var wg sync.WaitGroup
		for i := range answers {
			wg.Go(func() { answers[i] = h.refresh(token) })
		}
		wg.Wait()
		won := 0
		for _, a := range answers {
			if a.status == 200 {
				won++
				continue
			}
			wantError(t, a, 400, "invalid_grant", "expired access/refresh token")
		}
		if won > 1 {
			t.Errorf("%d successors of one token", won)
		}
	})
}

// TestUserAgentFlow: off, on, with and without an id_token (crm-wire 1.2, RFC 6749 section 4.2).
func TestUserAgentFlow(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		ask := func(pairs ...string) answer {
			b := h.browser()
			a := b.get(h.authorize(append([]string{"response_type", "token"}, pairs...)...))
			if a.header.Get("Location") == "" {
				a = b.signIn(a, h.org.user, userPassword)
			}
			if a = b.follow(a); a.header.Get("Location") == "" {
				a = b.allow(a)
			}
			return a
		}
		if got := h.browser().get(h.authorize("response_type", "token")).returned(t); got.Get("error") != "unsupported_response_type" || got.Get("state") != "st-1" {
			t.Errorf("while it is off: %v", got)
		}
		h.changeApp(h.org.open, func(a *org.ConnectedApp) { a.Flows.UserAgent = true })
		v := ask().fragment(t)
		if !h.live(v.Get("access_token")) || v.Get("refresh_token") == "" || v.Get("instance_url") != h.url || v.Get("state") != "st-1" || v.Get("id_token") != "" || v.Get("token_type") != "Bearer" {
			t.Errorf("the fragment: %v", v)
		}
		if h.lastStatus(h.org.user) != org.StatusSuccess {
			t.Error("no row in login history")
		}
		if a := h.refresh(v.Get("refresh_token")); a.status != 200 {
			t.Errorf("its refresh token: %v", a)
		}
		if v = ask("redirect_uri", remote).fragment(t); v.Get("refresh_token") != "" || v.Get("access_token") == "" {
			t.Errorf("at a web site: %v", v)
		}
		if got := ask("response_type", "id_token token").returned(t); got.Get("error") != "invalid_request" || got.Get("error_description") != "nonce is required" {
			t.Errorf("an id_token without a nonce: %v", got)
		}
		if v = ask("response_type", "token id_token", "nonce", "n-1").fragment(t); strings.Count(v.Get("id_token"), ".") != 2 {
			t.Errorf("with an id_token: %v", v)
		}
		if got := ask("code_challenge", oauth.Challenge(oauth.NewVerifier())).returned(t); got.Get("error") != "invalid_request" {
			t.Errorf("with a challenge: %v", got)
		}
		if got := h.browser().get(h.authorize("response_type", "code token")).returned(t); got.Get("error") != "unsupported_response_type" {
			t.Errorf("hybrid: %v", got)
		}
		h.changeUser(h.org.user, map[string]any{"IsActive": false})
		if a := h.refresh(v.Get("refresh_token")); a.status == 200 {
			t.Error("an inactive user refreshes")
		}
	})
}

// TestTokenFormats: the parameter format and the header Accept (crm-wire 1.3).
func TestTokenFormats(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(t *testing.T, h *house) {
		ask := func(format, accept string, good bool) answer {
			v := form("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion", "none")
			if good {
				v.Set("assertion", h.assertion(nil))
			}
			if format != "" {
				v.Set("format", format)
			}
			return h.do(h.request(http.MethodPost, "/services/oauth2/token", v.Encode(), formContent, "Accept", accept))
		}
		for _, c := range []struct{ format, accept, kind, starts, refused string }{
			{"", "", "application/json;charset=UTF-8", `{"access_token":"00D`, `{"error":"invalid_grant","error_description":"invalid assertion"}`},
			{"", "text/html, */*;q=0.5", "application/json;charset=UTF-8", `{"access_token"`, `{"error"`},
			{"xml", "application/json", "application/xml;charset=UTF-8", `<?xml version="1.0" encoding="UTF-8"?>` + "\n<OAuth><access_token>00D", "<error>invalid_grant</error><error_description>invalid assertion</error_description>"},
			{"", "application/xml;q=0.9", "application/xml;charset=UTF-8", `<?xml`, "<OAuth><error>"},
			{"urlencoded", "", "application/x-www-form-urlencoded;charset=UTF-8", "access_token=00D", "error=invalid_grant&error_description=invalid+assertion"},
			{"", "application/x-www-form-urlencoded", "application/x-www-form-urlencoded;charset=UTF-8", "access_token=00D", "error=invalid_grant"},
			{"json", "application/xml", "application/json;charset=UTF-8", `{"access_token"`, `{"error"`},
		} {
			name := c.format + " " + c.accept
			if a := ask(c.format, c.accept, true); a.status != 200 || a.header.Get("Content-Type") != c.kind || !strings.HasPrefix(a.body, c.starts) {
				t.Errorf("%s: %v %v", name, a.header.Get("Content-Type"), a)
			}
			if a := ask(c.format, c.accept, false); a.status != 400 || a.header.Get("Content-Type") != c.kind || !strings.Contains(a.body, c.refused) {
				t.Errorf("%s refused: %v", name, a)
			}
		}
		if a := ask("yaml", "", true); a.status != 400 || a.get("error") != "invalid_request" {
			t.Errorf("an unknown format: %v", a)
		}
	})
}

// TestIntrospectAll: an app is told about its own tokens alone, unless its policy opens those of its org (crm-wire 1.10).
func TestIntrospectAll(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(t *testing.T, h *house) {
		tokens := h.exchange(h.code())
		other := h.newOrg("other")
		ask := func(key, token string) answer {
			return h.post("/services/oauth2/introspect", "client_id", key, "client_secret", appSecret, "token", token)
		}
		check := func(name, key string, want bool) {
			t.Helper()
			for kind, token := range map[string]string{"access": tokens.get("access_token"), "refresh": tokens.get("refresh_token")} {
				a := ask(key, token)
				if a.json["active"] != want || want && a.get("client_id") != h.org.open {
					t.Errorf("%s, %s token: %v", name, kind, a)
				}
			}
		}
		check("its own app", h.org.open, true)
		check("another app", h.org.closed, false)
		h.changeApp(h.org.closed, func(a *org.ConnectedApp) { a.Flows.IntrospectAll = true })
		check("another app that may", h.org.closed, true)
		h.changeApp(other.closed, func(a *org.ConnectedApp) { a.Flows.IntrospectAll = true })
		check("an app of another org that may", other.closed, false)
	})
}

// TestStrict: one switch holds an app to RFC 9700. Each case works without it and is refused with it.
func TestStrict(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		bearer := func(change func(*oauth.Claims)) answer {
			return h.token("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion", h.assertion(change))
		}
		verifier := oauth.NewVerifier()
		cases := map[string]struct {
			try  func() answer
			code string
		}{
			"password": {func() answer {
				return h.token("grant_type", "password", "client_id", h.org.closed, "client_secret", appSecret, "username", h.org.user, "password", userPassword+securityToken)
			}, "invalid_grant"},
			"audience of the real login host": {func() answer {
				return bearer(func(c *oauth.Claims) { c.Audience = "https://login.salesforce.com" })
			}, "invalid_grant"},
			"assertion that lives for an hour": {func() answer {
				return bearer(func(c *oauth.Claims) { c.Expires = h.clock.Machine().Add(time.Hour) })
			}, "invalid_grant"},
			"code without PKCE": {func() answer {
				b := h.browser()
				a := b.get(h.authorize("client_id", h.org.closed))
				if a.header.Get("Location") == "" {
					a = b.follow(b.signIn(a, h.org.user, userPassword))
				}
				if e := a.returned(t).Get("error"); e != "" {
					return answer{status: 400, json: map[string]any{"error": e}}
				}
				return answer{status: 200}
			}, "invalid_request"},
			"user-agent flow": {func() answer {
				b := h.browser()
				a := b.get(h.authorize("client_id", h.org.closed, "response_type", "token"))
				if a.header.Get("Location") == "" {
					a = b.follow(b.signIn(a, h.org.user, userPassword))
				}
				if e := a.returned(t).Get("error"); e != "" {
					return answer{status: 400, json: map[string]any{"error": e}}
				}
				return answer{status: 200}
			}, "unsupported_response_type"},
		}
		inOrg := func(strict bool) {
			err := h.login.Settings().Change(t.Context(), h.adminSession(), org.SettingsChange{Values: map[string]string{"OauthOidcSettings.isStrict": fmt.Sprint(strict)}})
			if err != nil {
				t.Fatal(err)
			}
		}
		set := map[string]func(strict bool){
			"app": func(strict bool) {
				h.changeApp(h.org.closed, func(a *org.ConnectedApp) { a.Flows = org.Flows{UserAgent: true, Device: true, Strict: strict} })
			},
			"org": inOrg,
		}
		set["app"](false)
		for of, to := range set {
			for name, c := range cases {
				if a := c.try(); a.status != 200 {
					t.Errorf("%s, not strict: %v", name, a)
				}
			}
			to(true)
			for name, c := range cases {
				if a := c.try(); a.status != 400 || a.get("error") != c.code {
					t.Errorf("%s, strict %s: %v", name, of, a)
				}
			}
			to(false)
		}
		inOrg(true)
		if a := bearer(nil); a.status != 200 {
			t.Errorf("a good assertion, strict: %v", a)
		}
		b := h.browser()
		a := b.follow(b.signIn(b.get(h.authorize("client_id", h.org.closed, "code_challenge", oauth.Challenge(verifier))), h.org.user, userPassword))
		got := h.exchange(a.returned(t).Get("code"), "client_id", h.org.closed, "code_verifier", verifier)
		if got.status != 200 {
			t.Fatalf("a code with PKCE, strict: %v", got)
		}
		if next := h.refreshOf(h.org.closed, got.get("refresh_token")); next.get("refresh_token") == "" || next.get("refresh_token") == got.get("refresh_token") {
			t.Errorf("a strict app's refresh token does not rotate: %v", next)
		}
	})
}

// TestStrictRefreshTokensEnd: 90 days after the sign-in, however often they were used and rotated (RF-10), and at once for
// a client that could not keep a token that rotates.
func TestStrictRefreshTokensEnd(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		strict := func(on bool) {
			h.changeApp(h.org.open, func(a *org.ConnectedApp) { a.Flows.Strict, a.RefreshTokenPolicy = on, "specific_inactivity:60:DAYS" })
		}
		strict(false)
		token := h.exchange(h.code()).get("refresh_token")
		lax := h.exchange(h.code()).get("refresh_token")
		strict(true)
		for range 2 {
			h.advance(44 * 24 * time.Hour)
			if a := h.refresh(token); a.status != 200 {
				t.Fatalf("on the way: %v", a)
			} else if token = a.get("refresh_token"); token == "" {
				t.Fatal("no successor")
			}
			if a := h.refresh(lax); a.status == 200 {
				lax = a.get("refresh_token")
			}
		}
		h.advance(2*24*time.Hour - time.Second)
		if a := h.refresh(token); a.status != 200 {
			t.Errorf("a second before: %v", a)
		} else {
			token = a.get("refresh_token")
		}
		h.advance(time.Second)
		wantError(t, h.refresh(token), 400, "invalid_grant", "expired access/refresh token")
		if a := h.post("/services/oauth2/introspect", "token", token, "client_id", h.org.open, "client_secret", appSecret); a.json["active"] != false {
			t.Errorf("introspected: %v", a)
		}
		strict(false)
		if a := h.refresh(lax); a.status != 200 {
			t.Errorf("where it is not strict: %v", a)
		}
	})
	each(t, func(t *testing.T, h *house) {
		cli := func() answer {
			verifier := oauth.NewVerifier()
			code := h.code("client_id", "PlatformCLI", "scope", "api refresh_token", "code_challenge", oauth.Challenge(verifier))
			return h.exchange(code, "client_id", "PlatformCLI", "client_secret", "", "code_verifier", verifier)
		}
		before := cli()
		if before.get("refresh_token") == "" {
			t.Fatalf("PlatformCLI: %v", before)
		}
		err := h.login.Settings().Change(t.Context(), h.adminSession(), org.SettingsChange{Values: map[string]string{"OauthOidcSettings.isStrict": "true"}})
		if err != nil {
			t.Fatal(err)
		}
		if a := cli(); a.status != 200 || a.get("refresh_token") != "" || a.get("scope") != "api" {
			t.Errorf("PlatformCLI in a strict org: %v", a)
		}
		wantError(t, h.token("grant_type", "refresh_token", "refresh_token", before.get("refresh_token"), "client_id", "PlatformCLI"), 400, "invalid_grant", "expired access/refresh token")
	})
}
