package login_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/oauth"
)

func TestWebServerFlow(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		b := h.browser()
		page := b.get(h.authorize("login_hint", h.org.user))
		if page.status != 200 || !strings.Contains(page.body, "Open App") || !strings.Contains(page.body, `value="`+h.org.user+`"`) || !strings.Contains(page.body, "<dt>Asks for</dt><dd>"+h.org.user) || !strings.Contains(page.body, "<dt>Org</dt>") {
			t.Fatalf("sign-in page: %v", page)
		}
		csp := page.header.Get("Content-Security-Policy")
		if !strings.Contains(csp, "form-action 'self' http://localhost:1717") || !strings.Contains(csp, "frame-ancestors 'none'") {
			t.Errorf("policy %q", csp)
		}
		wrong := b.signIn(page, h.org.user, "nope")
		if wrong.hidden("tx") == "" || !strings.Contains(wrong.body, "Check your username and password") || strings.Contains(wrong.body, "nope") {
			t.Errorf("after a wrong password: %v", wrong)
		}
		consent := b.signIn(wrong, h.org.user, userPassword)
		if !strings.Contains(consent.body, "Allow") || !strings.Contains(consent.body, "Open App") {
			t.Fatalf("consent page: %v", consent)
		}
		done := b.allow(consent)
		q := done.returned(t)
		if done.status != 302 || !strings.HasPrefix(done.header.Get("Location"), callback+"?") || q.Get("state") != "st-1" || !strings.HasPrefix(q.Get("code"), "aPrx") || !strings.HasSuffix(q.Get("code"), "==") {
			t.Errorf("back at the client: %d %v", done.status, done.header.Get("Location"))
		}
		if got := done.header.Get("Referrer-Policy"); got != "no-referrer" {
			t.Errorf("Referrer-Policy %q", got)
		}
		a := h.exchange(q.Get("code"))
		if a.status != 200 || a.get("scope") != "api refresh_token openid" || !strings.HasPrefix(a.get("refresh_token"), "5Aep861") || a.get("id_token") == "" {
			t.Fatalf("tokens: %v", a)
		}
		if !h.live(a.get("access_token")) {
			t.Error("the access token is not accepted")
		}
		// Who has approved and is signed in is asked nothing.
		again := b.get(h.authorize()).returned(t)
		if again.Get("code") == "" {
			t.Errorf("second time: %v", again)
		}
		// Nor does the approved app need him there any more.
		jwt := h.assertion(func(c *oauth.Claims) { c.Issuer = h.org.open })
		if a := h.token("grant_type", jwtBearer, "assertion", jwt); a.status != 200 {
			t.Errorf("JWT bearer after the approval: %v", a)
		}
		if got := h.history(h.org.user); !slices.Equal(got, []string{"Invalid Password", "Success", "Success", "Success"}) {
			t.Errorf("login history %v", got)
		}
	})
}

func TestAuthorizeRefusals(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(t *testing.T, h *house) {
		for name, tc := range map[string]struct{ path, text string }{
			"unknown client":      {h.authorize("client_id", "nobody"), "error=invalid_client_id&amp;error_description=client identifier invalid"},
			"no client":           {h.authorize("client_id", ""), "invalid_client_id"},
			"no redirect":         {h.authorize("redirect_uri", ""), "redirect_uri_missing"},
			"state twice":         {h.authorize() + "&state=2", "invalid_request"},
			"client twice":        {h.authorize() + "&client_id=x", "invalid_request"},
			"other path":          {h.authorize("redirect_uri", callback+"/x"), "error=redirect_uri_mismatch&amp;error_description=redirect_uri must match configuration"},
			"other host":          {h.authorize("redirect_uri", "http://localhost.evil:1717/OauthRedirect"), "redirect_uri_mismatch"},
			"user info":           {h.authorize("redirect_uri", "http://localhost@evil/OauthRedirect"), "redirect_uri_mismatch"},
			"fragment":            {h.authorize("redirect_uri", callback+"#x"), "redirect_uri_mismatch"},
			"other query":         {h.authorize("redirect_uri", remote+"&more=1"), "redirect_uri_mismatch"},
			"other port":          {h.authorize("redirect_uri", strings.Replace(remote, ".example", ".example:444", 1)), "redirect_uri_mismatch"},
			"a sealed nothing":    {"/services/oauth2/authorize?tx=AAAA", "opened in another browser"},
			"another app's URI":   {h.authorize("client_id", h.org.closed, "redirect_uri", remote), "redirect_uri_mismatch"},
			"script in client_id": {h.authorize("client_id", `"><script>x</script>`), "invalid_client_id"},
		} {
			a := h.get(tc.path)
			if a.status < 400 || a.status > 403 || a.header.Get("Location") != "" || !strings.Contains(a.body, tc.text) || strings.Contains(a.body, "<script") {
				t.Errorf("%s: %d Location %q, page lacks %q", name, a.status, a.header.Get("Location"), tc.text)
			}
		}
		challenge := oauth.Challenge(oauth.NewVerifier())
		for name, tc := range map[string]struct{ path, code, descr string }{
			"no response type":   {h.authorize("response_type", ""), "invalid_request", "response_type is required"},
			"token":              {h.authorize("response_type", "token"), "unsupported_response_type", "response type is not supported"},
			"hybrid":             {h.authorize("response_type", "code token"), "unsupported_response_type", "response type is not supported"},
			"PKCE required":      {h.authorize("client_id", h.org.public, "scope", ""), "invalid_request", "missing required code challenge"},
			"plain":              {h.authorize("code_challenge", challenge, "code_challenge_method", "plain"), "invalid_request", "invalid code challenge"},
			"s256":               {h.authorize("code_challenge", challenge, "code_challenge_method", "s256"), "invalid_request", "invalid code challenge"},
			"short challenge":    {h.authorize("code_challenge", challenge[:42]), "invalid_request", "invalid code challenge"},
			"padded challenge":   {h.authorize("code_challenge", challenge+"="), "invalid_request", "invalid code challenge"},
			"method alone":       {h.authorize("code_challenge_method", "S256"), "invalid_request", "invalid code challenge"},
			"unknown scope":      {h.authorize("scope", "api everything"), "invalid_scope", "the requested scope is invalid, unknown, or malformed"},
			"wider than the app": {h.authorize("scope", "full"), "invalid_scope", "the requested scope is invalid, unknown, or malformed"},
			"request":            {h.authorize("request", "x"), "request_not_supported", "request is not supported"},
			"request_uri":        {h.authorize("request_uri", "https://x"), "request_uri_not_supported", "request_uri is not supported"},
			"unknown prompt":     {h.authorize("prompt", "dance"), "invalid_request", "prompt is not supported"},
			"none and login":     {h.authorize("prompt", "none login"), "invalid_request", "prompt none stands alone"},
			"none, signed out":   {h.authorize("prompt", "none"), "login_required", "the user has to be asked"},
			"immediate":          {h.authorize("immediate", "true", "scope", "api"), "immediate_unsuccessful", "the user has to be asked"},
			"odd max_age":        {h.authorize("max_age", "soon"), "invalid_request", "max_age is no number of seconds"},
		} {
			a := h.get(tc.path)
			if a.status != 302 {
				t.Errorf("%s: %v", name, a)
				continue
			}
			if q := a.returned(t); q.Get("error") != tc.code || q.Get("error_description") != tc.descr || q.Get("state") != "st-1" {
				t.Errorf("%s: %v", name, q)
			}
		}
		evil := "a\r\nSet-Cookie: x=1\"><script>"
		a := h.get(h.authorize("state", evil, "response_type", "token"))
		if q := a.returned(t); q.Get("state") != evil || len(a.header.Values("Set-Cookie")) > 0 {
			t.Errorf("state %q came back as %q, headers %v", evil, q.Get("state"), a.header)
		}
		if a := h.get(h.authorize("login_hint", `"><script>`)); strings.Contains(a.body, "<script>") {
			t.Error("login_hint is not escaped")
		}
		if q := h.get(h.authorize("redirect_uri", remote, "response_type", "token")).returned(t); q.Get("keep") != "1" {
			t.Error("the redirect URI lost its own query")
		}
		if a := h.get(h.authorize("redirect_uri", "http://localhost:40123/OauthRedirect")); a.status != 200 {
			t.Errorf("another port on loopback: %v", a.status)
		}
	})
}

func TestCodes(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		code := h.code()
		refuse := func(name string, a answer, kind, descr string) {
			t.Run(name, func(t *testing.T) { wantError(t, a, 400, kind, descr) })
		}
		mismatch := "redirect_uri must match configuration"
		refuse("other redirect", h.exchange(code, "redirect_uri", "http://localhost:1718/OauthRedirect"), "redirect_uri_mismatch", mismatch)
		refuse("no redirect", h.exchange(code, "redirect_uri", ""), "redirect_uri_mismatch", mismatch)
		refuse("other client", h.exchange(code, "client_id", h.org.closed), "invalid_grant", "invalid authorization code")
		refuse("wrong secret", h.exchange(code, "client_secret", "x"), "invalid_client", "invalid client credentials")
		refuse("no secret", h.exchange(code, "client_secret", ""), "invalid_client", "invalid client credentials")
		refuse("unexpected verifier", h.exchange(code, "code_verifier", oauth.NewVerifier()), "invalid_request", "unexpected code verifier")
		refuse("no code", h.exchange(""), "invalid_request", "missing required parameter: code")
		for name, bad := range map[string]string{
			"cut": code[:len(code)-1], "longer": code + "x", "space": code + " ", "case": strings.ToUpper(code), "escaped": url.QueryEscape(code),
			"other secret": code[:20] + strings.Repeat("a", len(code)-22) + "==", "random": "aPrx" + oauth.NewToken(40),
		} {
			refuse(name, h.exchange(bad), "invalid_grant", "invalid authorization code")
		}
		first := h.exchange(code)
		if first.status != 200 {
			t.Fatalf("none of that used the code up, yet: %v", first)
		}
		refuse("second use", h.exchange(code), "invalid_grant", "expired authorization code")
		if h.live(first.get("access_token")) {
			t.Error("a code was used twice and its access token lives")
		}
		refuse("refresh after second use", h.refresh(first.get("refresh_token")), "invalid_grant", "expired access/refresh token")

		code = h.code()
		h.setClock(15*time.Minute - time.Second)
		if a := h.exchange(code); a.status != 200 {
			t.Errorf("a second before it expires: %v", a)
		}
		h.setClock(0)
		code = h.code()
		h.setClock(15 * time.Minute)
		refuse("too late", h.exchange(code), "invalid_grant", "expired authorization code")
		h.setClock(0)
		if a := h.exchange(code); a.status != 200 {
			t.Errorf("the clock is back: %v", a)
		}
		refuse("used, clock back", h.exchange(code), "invalid_grant", "expired authorization code")
	})
}

func TestOneOfManyRedeemsACode(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		code := h.code()
		tokens := make(chan string, 20)
		won := race(20, func() bool {
			a := h.exchange(code)
			if a.status == 200 {
				tokens <- a.get("access_token")
				return true
			}
			if a.get("error_description") != "expired authorization code" {
				t.Errorf("a loser got %v", a)
			}
			return false
		})
		if won != 1 {
			t.Fatalf("%d of 20 redeemed one code, want exactly 1", won)
		}
		if h.live(<-tokens) {
			t.Error("a code was used twice and what it made lives")
		}
	})
}

func TestPKCE(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(t *testing.T, h *house) {
		verifier := oauth.NewToken(128) // 172 characters, as jsforce's
		challenge := oauth.Challenge(verifier)
		for _, method := range []string{"", "S256"} {
			if a := h.exchange(h.code("code_challenge", challenge, "code_challenge_method", method), "code_verifier", verifier); a.status != 200 {
				t.Errorf("method %q: %v", method, a)
			}
		}
		code := h.code("code_challenge", challenge)
		for name, bad := range map[string]string{
			"absent": "", "challenge itself": challenge, "one character": verifier[:len(verifier)-1] + "_", "short": verifier[:42], "huge": strings.Repeat("a", 300),
			"white space": strings.Repeat(" ", 50),
		} {
			t.Run(name, func(t *testing.T) {
				wantError(t, h.exchange(code, "code_verifier", bad), 400, "invalid_grant", "invalid code verifier")
			})
		}
		if a := h.exchange(code, "code_verifier", verifier); a.status != 200 {
			t.Errorf("the right one in the end: %v", a)
		}
	})
}

func TestPublicClients(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(t *testing.T, h *house) {
		for _, client := range []string{h.org.public, "PlatformCLI"} {
			verifier := oauth.NewVerifier()
			address := h.authorize("client_id", client, "scope", "", "code_challenge", oauth.Challenge(verifier), "prompt", "login", "redirect_uri", "http://localhost:1717/OauthRedirect")
			b := h.browser()
			code := b.allow(b.signIn(b.get(address), h.org.user, userPassword)).returned(t).Get("code")
			a := h.exchange(code, "client_id", client, "client_secret", "", "code_verifier", verifier)
			if a.status != 200 {
				t.Fatalf("%s: %v", client, a)
			}
			s, err := h.login.Authenticate(t.Context(), a.get("access_token"), here)
			if err != nil || s.Org != h.org.id {
				t.Errorf("%s: session %+v %v", client, s, err)
			}
			if client != "PlatformCLI" {
				continue
			}
			if a.get("scope") != "refresh_token api web" || a.get("signature") == "" {
				t.Errorf("PlatformCLI: %v", a)
			}
			again := h.token("grant_type", "refresh_token", "refresh_token", a.get("refresh_token"), "client_id", client)
			if again.status != 200 || again.get("refresh_token") != "" || again.get("id") != a.get("id") {
				t.Errorf("refresh without a secret: %v", again)
			}
			page := b.get(strings.Replace(address, "prompt=login", "x=1", 1))
			if !strings.Contains(page.body, "Allow") {
				t.Errorf("a well-known client is let in unasked: %v", page)
			}
			// Anybody's org will do: the client belongs to none.
			other := h.newOrg("second")
			b2 := h.browser()
			code = b2.allow(b2.signIn(b2.get(address), other.user, userPassword)).returned(t).Get("code")
			if a := h.exchange(code, "client_id", client, "client_secret", "", "code_verifier", verifier); !strings.HasPrefix(a.get("access_token"), other.id.Short()) {
				t.Errorf("a user of another org: %v", a)
			}
		}
	})
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		a := h.exchange(h.code())
		token := a.get("refresh_token")
		expired := func(name string, a answer) {
			t.Run(name, func(t *testing.T) { wantError(t, a, 400, "invalid_grant", "expired access/refresh token") })
		}
		b := h.refresh(token, "code_verifier", "stray")
		if b.status != 200 || b.get("refresh_token") != "" || b.get("scope") != a.get("scope") || b.get("id") != a.get("id") || b.get("access_token") == a.get("access_token") {
			t.Fatalf("refresh: %v", b)
		}
		if b.get("id_token") == "" {
			t.Error("openid was granted, and refresh gives no id_token")
		}
		if c := h.refresh(token, "scope", "api"); c.get("scope") != "api" {
			t.Errorf("narrower: %v", c)
		}
		wantError(t, h.refresh(token, "scope", "api web"), 400, "invalid_scope", "the requested scope is invalid, unknown, or malformed")
		for name, bad := range map[string]string{"cut": token[:len(token)-1], "longer": token + "x", "case": strings.ToLower(token), "random": "5Aep861x", "access token": a.get("access_token")} {
			expired(name, h.refresh(bad))
		}
		expired("another client", h.token("grant_type", "refresh_token", "refresh_token", token, "client_id", h.org.closed, "client_secret", appSecret))
		wantError(t, h.token("grant_type", "refresh_token", "refresh_token", token, "client_id", h.org.open), 400, "invalid_client", "invalid client credentials")
		wantError(t, h.refresh(""), 400, "invalid_request", "missing required parameter: refresh_token")
		if h.live(token) {
			t.Error("a refresh token is accepted as an access token")
		}
		if won := race(20, func() bool { return h.refresh(token).status == 200 }); won != 20 {
			t.Errorf("%d of 20 parallel refreshes", won)
		}
		policy := func(p org.RefreshTokenPolicy) {
			h.changeApp(h.org.open, func(a *org.ConnectedApp) { a.RefreshTokenPolicy = p })
		}
		policy(org.RefreshZero)
		expired("zero", h.refresh(token))
		policy("specific_lifetime:24:HOURS")
		h.setClock(24*time.Hour - time.Second)
		if a := h.refresh(token); a.status != 200 {
			t.Errorf("a second before the lifetime ends: %v", a)
		}
		h.setClock(24 * time.Hour)
		expired("lifetime", h.refresh(token))
		policy("specific_inactivity:30:DAYS")
		for day := 20; day <= 60; day += 20 {
			h.setClock(time.Duration(day) * 24 * time.Hour)
			if a := h.refresh(token); a.status != 200 {
				t.Errorf("used every 20 days, day %d: %v", day, a)
			}
		}
		h.setClock(90*24*time.Hour + time.Second)
		expired("idle for 30 days", h.refresh(token))
		policy(org.RefreshInfinite)
		h.setClock(5 * 365 * 24 * time.Hour)
		if a := h.refresh(token); a.status != 200 {
			t.Errorf("infinite: %v", a)
		}
	})
}

func TestRefreshObeysTheAdmin(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(t *testing.T, h *house) {
		a := h.exchange(h.code())
		h.changeApp(h.org.open, func(a *org.ConnectedApp) { a.AdminApproved = true })
		wantError(t, h.refresh(a.get("refresh_token")), 400, "invalid_app_access", "user is not admin approved to access this app")
		b := h.browser()
		q := b.signIn(b.get(h.authorize()), h.org.user, userPassword).returned(t)
		if q.Get("error") != "OAUTH_APP_ACCESS_DENIED" || q.Get("error_description") != "user is not admin approved to access this app" {
			t.Errorf("authorize: %v", q)
		}
		if h.lastStatus(h.org.user) != "Failed: Not approved for access" {
			t.Errorf("login history: %v", h.history(h.org.user))
		}
	})
}

func TestAdminApprovedAppsAskNobody(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(t *testing.T, h *house) {
		b := h.browser()
		q := b.signIn(b.get(h.authorize("client_id", h.org.closed, "prompt", "consent")), h.org.user, userPassword).returned(t)
		if q.Get("code") == "" {
			t.Errorf("pre-authorized: %v", q)
		}
		if a := h.exchange(q.Get("code"), "client_id", h.org.closed); a.status != 200 || a.get("refresh_token") == "" {
			t.Errorf("exchange: %v", a)
		}
	})
}

func TestSixthGrantDropsTheOldest(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		b := h.browser()
		page := b.signIn(b.get(h.authorize()), h.org.user, userPassword)
		var refresh, access []string
		for i := range 6 {
			if i > 0 {
				page = b.get(h.authorize("prompt", "consent"))
			}
			a := h.exchange(b.allow(page).returned(t).Get("code"))
			if a.status != 200 {
				t.Fatalf("grant %d: %v", i, a)
			}
			refresh, access = append(refresh, a.get("refresh_token")), append(access, a.get("access_token"))
		}
		for i := range 6 {
			if status := h.refresh(refresh[i]).status; (status == 200) != (i > 0) {
				t.Errorf("refresh token %d: %d", i, status)
			}
			if h.live(access[i]) != (i > 0) {
				t.Errorf("access token %d: live %v", i, h.live(access[i]))
			}
		}
	})
}

func TestConsentIsBoundToBrowserSessionAndOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		const path = "/setup/secur/RemoteAccessAuthorizationPage.apexp"
		alice := h.browser()
		consent := alice.signIn(alice.get(h.authorize()), h.org.user, userPassword)
		values := form("tx", consent.hidden("tx"), "decision", "allow")
		// Another browser, signed in or not, cannot answer for her.
		bob := h.browser()
		if a := bob.post(path, values); a.status != 403 {
			t.Errorf("fresh browser: %d", a.status)
		}
		bob.signIn(bob.get("/login"), h.org.admin, adminPassword)
		if a := bob.post(path, values); a.status != 403 {
			t.Errorf("another's browser: %d", a.status)
		}
		// Nor another site's page.
		for name, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"} {
			if a := alice.post(path, values, name, value); a.status != 403 || a.header.Get("Location") != "" {
				t.Errorf("%s: %d", name, a.status)
			}
			if a := alice.post("/login", values, name, value); a.status != 403 {
				t.Errorf("login, %s: %d", name, a.status)
			}
		}
		if a := alice.post(path, form("tx", consent.hidden("tx"))); a.status != 400 {
			t.Errorf("no decision: %d", a.status)
		}
		if a := alice.post(path, form("tx", consent.hidden("tx")+"A", "decision", "allow")); a.status != 403 {
			t.Errorf("changed transaction: %d", a.status)
		}
		codes := race(20, func() bool { return alice.do(h.request("POST", path, values.Encode(), formContent)).status == 302 })
		if codes != 1 {
			t.Errorf("one page was answered with %d codes", codes)
		}
		// Denying tells the client.
		again := alice.get(h.authorize("prompt", "consent"))
		q := alice.post(path, form("tx", again.hidden("tx"), "decision", "deny")).returned(t)
		if q.Get("error") != "access_denied" || q.Get("error_description") != "end-user denied authorization" || q.Get("state") != "st-1" {
			t.Errorf("denied: %v", q)
		}
		// After a new sign-in the old page is void.
		again = alice.get(h.authorize("prompt", "consent"))
		alice.signIn(alice.get("/login"), h.org.user, userPassword)
		if a := alice.post(path, form("tx", again.hidden("tx"), "decision", "allow")); a.status != 403 {
			t.Errorf("page of an ended session: %d", a.status)
		}
		// And after an hour any page is.
		again = alice.get(h.authorize("prompt", "consent"))
		h.advance(61 * time.Minute)
		if a := alice.post(path, form("tx", again.hidden("tx"), "decision", "allow")); a.status != 403 {
			t.Errorf("old page: %d", a.status)
		}
	})
}

func TestBrowserSessions(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(t *testing.T, h *house) {
		b := h.browser()
		b.get("/")
		u, err := url.Parse(h.url)
		if err != nil {
			t.Fatal(err)
		}
		b.jar.SetCookies(u, []*http.Cookie{{Name: "crm-sid", Value: "planted", Path: "/"}})
		sid := func() string {
			for _, c := range b.jar.Cookies(u) {
				if c.Name == "crm-sid" {
					return c.Value
				}
			}
			return ""
		}
		page := b.get("/login?startURL=%2Fsecur%2Fnowhere")
		first := b.do(h.request("POST", "/login", form("tx", page.hidden("tx"), "username", h.org.user, "pw", userPassword).Encode(), formContent))
		if first.status != 303 || first.header.Get("Location") != "/secur/nowhere" {
			t.Fatalf("signed in: %v to %q", first.status, first.header.Get("Location"))
		}
		cookie := first.header.Get("Set-Cookie")
		if !strings.Contains(cookie, "HttpOnly") || !strings.Contains(cookie, "SameSite=Lax") || !strings.Contains(cookie, "Path=/") {
			t.Errorf("cookie %q", cookie)
		}
		one := sid()
		if one == "planted" || !h.live(one) {
			t.Errorf("session %q", one)
		}
		if a := b.get("/"); !strings.Contains(a.body, "Uwe User") || !strings.Contains(a.body, "Org acme") {
			t.Errorf("home: %v", a)
		}
		b.signIn(b.get("/login"), h.org.user, userPassword)
		if two := sid(); two == one || h.live(one) || !h.live(two) {
			t.Error("signing in again kept the old session")
		}
		// prompt=login asks all the same, once.
		page = b.get(h.authorize("prompt", "login"))
		if page.hidden("tx") == "" || !strings.Contains(page.body, "password") {
			t.Fatalf("prompt=login: %v", page)
		}
		if a := b.signIn(page, h.org.user, userPassword); !strings.Contains(a.body, "Allow") {
			t.Errorf("after prompt=login: %v", a)
		}
		if page = b.get(h.authorize("max_age", "0")); !strings.Contains(page.body, "Password") {
			t.Errorf("max_age=0: %v", page)
		}
		last := sid()
		if a := b.get("/secur/logout.jsp"); a.status != 200 || h.live(last) || sid() != "" {
			t.Errorf("logout: %d live %v cookie %q", a.status, h.live(last), sid())
		}
		if a := b.get("/"); !strings.Contains(a.body, "Log In") {
			t.Errorf("after logout: %v", a)
		}
		// The session's token of an API login is no browser session.
		token := h.bearerToken()
		b.jar.SetCookies(u, []*http.Cookie{{Name: "crm-sid", Value: token, Path: "/"}})
		if a := b.get("/"); !strings.Contains(a.body, "Log In") {
			t.Error("an access token works as the browser's cookie")
		}
		for _, evil := range []string{"https://evil.example", "//evil.example", `/\evil.example`, "/%2f%2fevil", "javascript:alert(1)", "/\tx", ""} {
			page := b.get("/login?retURL=" + url.QueryEscape(evil))
			a := b.do(h.request("POST", "/login", form("tx", page.hidden("tx"), "username", h.org.user, "pw", userPassword).Encode(), formContent))
			if to := a.header.Get("Location"); to != "/" && to != "/%2f%2fevil" {
				t.Errorf("retURL %q leads to %q", evil, to)
			}
		}
	})
}

func TestLockout(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		soapLogin := func(password string) answer { return h.soapLogin("50.0", h.org.user, password) }
		form := func(password string) bool {
			b := h.browser()
			return b.signIn(b.get("/"), h.org.user, password).hidden("tx") == ""
		}
		// One count over all doors.
		for i := range 9 {
			switch i % 3 {
			case 0:
				soapLogin("wrong")
			case 1:
				form("wrong")
			case 2:
				h.token("grant_type", "password", "client_id", h.org.open, "client_secret", appSecret, "username", h.org.user, "password", "wrong")
			}
		}
		if !form(userPassword) {
			t.Fatal("locked after nine failures")
		}
		for range 10 {
			soapLogin("wrong")
		}
		if form(userPassword) {
			t.Error("not locked after ten failures")
		}
		if a := soapLogin(userPassword + securityToken); a.status != 500 || !strings.Contains(a.body, "INVALID_LOGIN: Invalid username, password, security token; or user locked out.") {
			t.Errorf("locked, SOAP: %v", a)
		}
		if got := h.lastStatus(h.org.user); got != "Password Lockout" {
			t.Errorf("login history says %q", got)
		}
		h.setClock(15*time.Minute - time.Second)
		if form(userPassword) {
			t.Error("unlocked too early")
		}
		h.setClock(15 * time.Minute)
		if !form(userPassword) {
			t.Error("still locked after fifteen minutes")
		}
		// Concurrent guesses are all counted, but for those that a slow machine had no time for: they come again.
		race(12, func() bool {
			for {
				if a := soapLogin("wrong"); a.tag("faultcode") != "sf:SERVER_UNAVAILABLE" {
					return a.status == 200
				}
			}
		})
		if form(userPassword) {
			t.Error("not locked after twelve failures at once")
		}
	})
}
