package login_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/oauth"
)

var accessToken = regexp.MustCompile(`^00D[0-9A-Za-z]{12}![0-9A-Za-z._]{40,}$`)

func TestJWTBearerAnswersLikeTheOrg(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		a := h.token("grant_type", jwtBearer, "assertion", h.assertion(nil))
		if a.status != 200 {
			t.Fatalf("refused: %v", a)
		}
		for name, value := range a.json {
			if _, ok := value.(string); !ok {
				t.Errorf("%s is no text: %v", name, value)
			}
		}
		want := []string{"access_token", "id", "instance_url", "issued_at", "scope", "signature", "token_type"}
		var got []string
		for name := range a.json {
			got = append(got, name)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("fields %v, want %v: no refresh token, no expires_in", got, want)
		}
		id := h.url + "/id/" + string(h.org.id) + "/" + string(h.userID(h.org.user))
		if a.get("id") != id || a.get("instance_url") != h.url || a.get("token_type") != "Bearer" || a.get("scope") != "id api web openid" {
			t.Errorf("answer %v", a)
		}
		if !accessToken.MatchString(a.get("access_token")) || !strings.HasPrefix(a.get("access_token"), h.org.id.Short()+"!") {
			t.Errorf("access token %q has another shape", a.get("access_token"))
		}
		if a.header.Get("Content-Type") != "application/json;charset=UTF-8" || a.header.Get("Cache-Control") != "no-cache, no-store" || a.header.Get("Pragma") != "no-cache" {
			t.Errorf("headers %v", a.header)
		}
		s, err := h.login.Authenticate(t.Context(), a.get("access_token"), here)
		if err != nil || s.Org != h.org.id || s.User != h.userID(h.org.user) || s.Type != org.SessionOAuth2 || !s.MayUseREST() || !s.Permissions[org.PermAPIEnabled] {
			t.Errorf("session %+v, %v", s, err)
		}
		if got := h.history(h.org.user); !slices.Equal(got, []string{"Success"}) {
			t.Errorf("login history %v", got)
		}
	})
}

func TestAssertions(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(t *testing.T, h *house) {
		other := h.newOrg("other")
		at := func(d time.Duration) time.Time { return h.clock.Machine().Add(d) }
		good := func(c *oauth.Claims) {}
		cases := []struct {
			name        string
			change      func(*oauth.Claims)
			code, descr string // "" for accepted
		}{
			{"as it should be", good, "", ""},
			{"user id", func(c *oauth.Claims) { c.Subject = string(h.userID(h.org.user)) }, "", ""},
			{"user name in other case", func(c *oauth.Claims) { c.Subject = strings.ToUpper(c.Subject) }, "", ""},
			{"slash form of aud", func(c *oauth.Claims) { c.Audience = h.url + "/" }, "", ""},
			{"aud is the token endpoint", func(c *oauth.Claims) { c.Audience = h.url + "/services/oauth2/token" }, "", ""},
			{"aud is login.salesforce.com", func(c *oauth.Claims) { c.Audience = "https://login.salesforce.com" }, "", ""},
			{"aud is test.salesforce.com", func(c *oauth.Claims) { c.Audience = "https://test.salesforce.com/" }, "", ""},
			{"aud spells loopback otherwise", func(c *oauth.Claims) { c.Audience = strings.Replace(h.url, "127.0.0.1", "localhost", 1) }, "", ""},
			{"aud is My Domain", func(c *oauth.Claims) { c.Audience = strings.Replace(h.url, "127.0.0.1", "acme.my.localhost", 1) }, "", ""},
			{"exp in milliseconds", func(c *oauth.Claims) {
				c.Expires = time.Time{}
				c.Extra = map[string]any{"exp": at(300 * time.Millisecond).UnixMilli()}
			}, "", ""},
			{"exp as text", func(c *oauth.Claims) { c.Expires = time.Time{}; c.Extra = map[string]any{"exp": "1780315380"} }, "", ""},
			{"fresh iat", func(c *oauth.Claims) { c.IssuedAt = at(8 * time.Second) }, "", ""},
			{"aud as array of one", func(c *oauth.Claims) { c.Audience = ""; c.Extra = map[string]any{"aud": []string{h.url}} }, "", ""},

			{"no iss", func(c *oauth.Claims) { c.Issuer = "" }, "invalid_client_id", "client identifier invalid"},
			{"unknown iss", func(c *oauth.Claims) { c.Issuer = "3MVG9.nobody" }, "invalid_client_id", "client identifier invalid"},
			{"iss in other case", func(c *oauth.Claims) { c.Issuer = strings.ToUpper(c.Issuer) }, "invalid_client_id", "client identifier invalid"},
			{"an app without certificate", func(c *oauth.Claims) { c.Issuer = h.org.public }, "invalid_grant", "invalid assertion"},
			{"a client without certificate", func(c *oauth.Claims) { c.Issuer = "PlatformCLI" }, "invalid_grant", "invalid assertion"},
			{"no aud", func(c *oauth.Claims) { c.Audience = "" }, "invalid_grant", "audience is invalid"},
			{"empty aud", func(c *oauth.Claims) { c.Audience = ""; c.Extra = map[string]any{"aud": []string{}} }, "invalid_grant", "audience is invalid"},
			{"two auds", func(c *oauth.Claims) {
				c.Audience = ""
				c.Extra = map[string]any{"aud": []string{h.url, "https://evil"}}
			}, "invalid_grant", "audience is invalid"},
			{"aud of another host", func(c *oauth.Claims) { c.Audience = "https://login.salesforce.com.evil" }, "invalid_grant", "audience is invalid"},
			{"aud of another org", func(c *oauth.Claims) { c.Audience = strings.Replace(h.url, "127.0.0.1", "other.my.localhost", 1) }, "invalid_grant", "audience is invalid"},
			{"aud in capitals", func(c *oauth.Claims) { c.Audience = strings.ToUpper(h.url) }, "invalid_grant", "audience is invalid"},
			{"no exp", func(c *oauth.Claims) { c.Expires = time.Time{} }, "invalid_grant", "invalid assertion"},
			{"exp past by a second", func(c *oauth.Claims) { c.Expires = at(-time.Second) }, "", ""},
			{"exp past by a minute", func(c *oauth.Claims) { c.Expires = at(-61 * time.Second) }, "invalid_grant", "expired authorization code"},
			{"iat a minute ahead", func(c *oauth.Claims) { c.IssuedAt = at(62 * time.Second) }, "invalid_grant", "invalid assertion"},
			{"iat ten minutes old", func(c *oauth.Claims) { c.IssuedAt = at(-10 * time.Minute) }, "invalid_grant", "expired authorization code"},
			{"nbf a minute ahead", func(c *oauth.Claims) { c.NotBefore = at(time.Minute) }, "invalid_grant", "invalid assertion"},
			{"no sub", func(c *oauth.Claims) { c.Subject = "" }, "invalid_grant", "user hasn't approved this consumer"},
			{"unknown user", func(c *oauth.Claims) { c.Subject = "nobody@acme.example" }, "invalid_grant", "user hasn't approved this consumer"},
			{"user of another org", func(c *oauth.Claims) { c.Subject = other.user }, "invalid_grant", "user hasn't approved this consumer"},
			{"not assigned", func(c *oauth.Claims) { c.Subject = h.org.outsider }, "invalid_app_access", "user is not admin approved to access this app"},
			{"never approved", func(c *oauth.Claims) { c.Issuer = h.org.open }, "invalid_grant", "user hasn't approved this consumer"},
		}
		for _, tc := range cases {
			a := h.token("grant_type", jwtBearer, "assertion", h.assertion(tc.change))
			if tc.code == "" {
				if a.status != 200 {
					t.Errorf("%s: %v, want accepted", tc.name, a)
				}
				continue
			}
			t.Run(tc.name, func(t *testing.T) { wantError(t, a, 400, tc.code, tc.descr) })
		}
		if got := h.lastStatus(h.org.outsider); got != "Failed: Not approved for access" {
			t.Errorf("login history of the refused user says %q", got)
		}
		if got := h.lastStatus(h.org.user); got != "Failed: Not approved for access" {
			t.Errorf("login history of the user who never approved says %q", got)
		}
	})
}

func TestForgedAssertions(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(t *testing.T, h *house) {
		good := h.assertion(nil)
		parts := strings.Split(good, ".")
		b64 := base64.RawURLEncoding.EncodeToString
		mac := hmac.New(sha256.New, []byte(appSecret))
		hs := b64([]byte(`{"alg":"HS256"}`)) + "." + parts[1]
		mac.Write([]byte(hs))
		stranger, err := oauth.NewKey()
		if err != nil {
			t.Fatal(err)
		}
		foreign, err := oauth.SignAssertion(stranger, "", oauth.Claims{Issuer: h.org.closed, Subject: h.org.user, Audience: h.url, Expires: start.Add(time.Minute)})
		if err != nil {
			t.Fatal(err)
		}
		for name, forged := range map[string]string{
			"empty": "", "one part": "x", "alg none": b64([]byte(`{"alg":"none"}`)) + "." + parts[1] + ".",
			"HS256 with the secret": hs + "." + b64(mac.Sum(nil)), "another key": foreign,
			"other claims":   parts[0] + "." + b64([]byte(`{"iss":"`+h.org.closed+`","sub":"`+h.org.admin+`","aud":"`+h.url+`","exp":1880315380}`)) + "." + parts[2],
			"signature cut":  good[:len(good)-4],
			"four parts":     good + ".x",
			"a long nothing": strings.Repeat("a.", 20000),
		} {
			a := h.token("grant_type", jwtBearer, "assertion", forged)
			switch {
			case name == "empty":
				wantError(t, a, 400, "invalid_request", "missing required parameter: assertion")
			case name == "a long nothing" && a.status == 413:
			default:
				t.Run(name, func(t *testing.T) { wantError(t, a, 400, "invalid_grant", "invalid assertion") })
			}
		}
	})
}

// TestRefusedAssertionsAreInLoginHistory: whose login an assertion was to be finds every refusal in his Login History, in the
// words that the Object Reference has for it; nobody else's refusals are there, and they cost the same.
func TestRefusedAssertionsAreInLoginHistory(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		at := func(d time.Duration) time.Time { return h.clock.Machine().Add(d) }
		once := h.assertion(func(c *oauth.Claims) { c.ID = "once" })
		if a := h.token("grant_type", jwtBearer, "assertion", once); a.status != 200 {
			t.Fatal(a)
		}
		far := h.assertion(func(c *oauth.Claims) { c.Expires = start.AddDate(5, 0, 0) })
		if a := h.token("grant_type", jwtBearer, "assertion", far); a.status != 200 {
			t.Fatal(a)
		}
		h.advance(6 * time.Minute)
		wantRow := func(name, assertion, want string) {
			t.Helper()
			before := len(h.history(h.org.user))
			if a := h.token("grant_type", jwtBearer, "assertion", assertion); a.status != 400 {
				t.Errorf("%s: %v", name, a)
			}
			if rows := h.history(h.org.user)[before:]; len(rows) != 1 || rows[0] != want {
				t.Errorf("%s leaves %q, want %q", name, rows, want)
			}
		}
		wantRow("an old one that lives for ever", far, "Failed: Assertion Expired")
		for want, change := range map[string]func(*oauth.Claims){
			"Failed: Assertion Expired":       func(c *oauth.Claims) { c.Expires = at(-time.Minute) },
			"Failed: Invalid Timestamp":       func(c *oauth.Claims) { c.NotBefore = at(time.Minute) },
			"Failed: Audience Invalid":        func(c *oauth.Claims) { c.Audience = "https://elsewhere.example" },
			"Failed: Signature Invalid":       func(c *oauth.Claims) { c.Issuer = h.org.public }, // the app has no certificate
			"Failed: Not approved for access": func(c *oauth.Claims) { c.Issuer = h.org.open },
		} {
			wantRow(want, h.assertion(change), want)
		}
		again := h.assertion(func(c *oauth.Claims) { c.ID = "again" })
		h.token("grant_type", jwtBearer, "assertion", again)
		wantRow("a second use", again, "Failed: Replay Detected")

		// Whoever has no key names whom he likes, but not without end; a name that nobody has costs a row of nobody's.
		nobody := func() (n int) {
			if err := h.store.DB().QueryRow(t.Context(), `SELECT COUNT(*) FROM login_history WHERE org_id = ''`).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		for name, change := range map[string]func(*oauth.Claims){
			"nobody":                   func(c *oauth.Claims) { c.Subject = "nobody@acme.example" },
			"nobody, for another host": func(c *oauth.Claims) { c.Subject, c.Audience = "nobody@acme.example", "https://elsewhere.example" },
		} {
			if before := nobody(); h.token("grant_type", jwtBearer, "assertion", h.assertion(change)).status != 400 || nobody() != before+1 {
				t.Errorf("%s costs %d rows", name, nobody()-before)
			}
		}
		few := h.limited(org.LoginLimits{FailuresPerMinute: 1})
		before, forged := len(h.history(h.org.user)), h.assertion(func(c *oauth.Claims) { c.Issuer = h.org.public })
		for range 12 {
			wantError(t, few.token("grant_type", jwtBearer, "assertion", forged), 400, "invalid_grant", "invalid assertion")
		}
		if n := len(h.history(h.org.user)) - before; n != 10 {
			t.Errorf("forged assertions leave %d rows in a minute, want 10", n)
		}
	})
}

func TestAssertionsAreNotReplayed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		withID := h.assertion(func(c *oauth.Claims) { c.ID = "once" })
		if a := h.token("grant_type", jwtBearer, "assertion", withID); a.status != 200 {
			t.Fatalf("first use: %v", a)
		}
		wantError(t, h.token("grant_type", jwtBearer, "assertion", withID), 400, "invalid_grant", "expired authorization code")
		// Without jti, and with an exp that is years away, it is good for five minutes from when it was first shown.
		far := h.assertion(func(c *oauth.Claims) { c.Expires = start.AddDate(5, 0, 0) })
		for range 2 {
			if a := h.token("grant_type", jwtBearer, "assertion", far); a.status != 200 {
				t.Errorf("within five minutes: %v", a)
			}
			h.advance(4 * time.Minute)
		}
		wantError(t, h.token("grant_type", jwtBearer, "assertion", far), 400, "invalid_grant", "expired authorization code")

		// A jti stays used, however far away exp is, when others come and sweep out what is forgotten.
		for name, exp := range map[string]any{"year 5138": 99_999_999_999, "year 33658": 1_000_000_000_000_000} {
			claims := func(id string) string {
				return h.assertion(func(c *oauth.Claims) { c.ID, c.Expires, c.Extra = id+name, time.Time{}, map[string]any{"exp": exp} })
			}
			once := claims("far")
			if a := h.token("grant_type", jwtBearer, "assertion", once); a.status != 200 {
				t.Errorf("exp in the %s: %v", name, a)
			}
			h.advance(time.Second)
			if a := h.token("grant_type", jwtBearer, "assertion", claims("sweeper")); a.status != 200 {
				t.Errorf("exp in the %s, another jti: %v", name, a)
			}
			wantError(t, h.token("grant_type", jwtBearer, "assertion", once), 400, "invalid_grant", "expired authorization code")
		}

		same := h.assertion(func(c *oauth.Claims) { c.ID = "race" })
		won := race(20, func() bool { return h.token("grant_type", jwtBearer, "assertion", same).status == 200 })
		if won != 1 {
			t.Errorf("%d of 20 used one jti, want exactly 1", won)
		}
	})
}

// race runs fn n times at once and counts who succeeded.
func race(n int, fn func() bool) int {
	results := make(chan bool, n)
	begin := make(chan struct{})
	for range n {
		go func() { <-begin; results <- fn() }()
	}
	close(begin)
	won := 0
	for range n {
		if <-results {
			won++
		}
	}
	return won
}

func TestAssertionsOutliveAMovedClock(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(t *testing.T, h *house) {
		h.setClock(14 * 24 * time.Hour)
		if a := h.token("grant_type", jwtBearer, "assertion", h.assertion(nil)); a.status != 200 {
			t.Errorf("an assertion by machine time is refused after the org's clock was moved: %v", a)
		}
		ahead := h.assertion(func(c *oauth.Claims) {
			c.IssuedAt, c.Expires = h.clock.Now(string(h.org.id)), h.clock.Now(string(h.org.id)).Add(3*time.Minute)
		})
		if a := h.token("grant_type", jwtBearer, "assertion", ahead); a.status != 200 {
			t.Errorf("an assertion by the org's time is refused: %v", a)
		}
	})
}

// What a user approved for a self-authorize app is what the app gets while he is away: no more, and at once.
func TestUnaskedAppsGetWhatWasApproved(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		use := func() answer {
			return h.token("grant_type", jwtBearer, "assertion", h.assertion(func(c *oauth.Claims) { c.Issuer = h.org.open }))
		}
		refused := func() {
			t.Helper()
			wantError(t, use(), 400, "invalid_grant", "user hasn't approved this consumer")
		}
		h.code("scope", "id")
		refused() // nothing for offline use
		h.changeApp(h.org.open, func(a *org.ConnectedApp) { a.Scopes = []string{"api", "id"} })
		h.code("scope", "id")
		refused() // nor by an app that has no offline use at all
		h.changeApp(h.org.open, func(a *org.ConnectedApp) { a.Scopes = []string{"id", "api", "web", "openid", "refresh_token"} })
		h.code("scope", "id refresh_token")
		if a := use(); a.status != 200 || a.get("scope") != "id" {
			t.Errorf("id is approved: %v", a)
		}
		h.code("scope", "api refresh_token")
		if a := use(); a.status != 200 || a.get("scope") != "id api" {
			t.Errorf("id, then api is approved: %v", a)
		}
		h.changeApp(h.org.open, func(a *org.ConnectedApp) { a.Scopes = []string{"id", "web", "refresh_token"} })
		if a := use(); a.status != 200 || a.get("scope") != "id" {
			t.Errorf("the app has lost api: %v", a)
		}
	})
}

func TestPolicyChangesCountAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		use := func() answer { return h.token("grant_type", jwtBearer, "assertion", h.assertion(nil)) }
		if a := use(); a.status != 200 {
			t.Fatalf("assigned: %v", a)
		}
		token := h.bearerToken()
		// The assignment is taken away.
		s := h.adminSession()
		var assignment string
		err := h.store.DB().QueryRow(t.Context(), `SELECT a.id FROM permission_set_assignment a JOIN permission_set p ON p.org_id = a.org_id AND p.id = a.permission_set_id
 WHERE a.assignee_id = $1 AND p.name = $2`, string(h.userID(h.org.user)), h.org.set).Scan(&assignment)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.records.Delete(t.Context(), s, "PermissionSetAssignment", assignment); err != nil {
			t.Fatal(err)
		}
		wantError(t, use(), 400, "invalid_app_access", "user is not admin approved to access this app")
		if !h.live(token) {
			t.Error("a session ended with the assignment")
		}
		// Everybody may use the app, and nobody has approved it.
		h.changeApp(h.org.closed, func(a *org.ConnectedApp) { a.AdminApproved = false })
		wantError(t, use(), 400, "invalid_grant", "user hasn't approved this consumer")
	})
}

func TestTokenRequestsThatAreWrongAsWritten(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(t *testing.T, h *house) {
		const path = "/services/oauth2/token"
		good := form("grant_type", jwtBearer, "assertion", h.assertion(nil)).Encode()
		send := func(method, path, body, contentType string) answer {
			return h.do(h.request(method, path, body, contentType))
		}
		unsupported := func(a answer) { wantError(t, a, 400, "unsupported_grant_type", "grant type not supported") }
		unsupported(send("GET", path, "", ""))
		unsupported(send("GET", path+"?"+good, "", ""))
		unsupported(send("POST", path, "", ""))
		unsupported(send("POST", path+"?"+good, "x=1", formContent)) // parameters in the URL are none
		for _, g := range []string{"", "PASSWORD", "password ", "token", "urn:ietf:params:oauth:grant-type:saml2-bearer"} {
			unsupported(h.token("grant_type", g))
		}
		for name, body := range map[string]string{"grant_type twice": good + "&grant_type=x", "assertion twice": good + "&assertion=y"} {
			if a := send("POST", path, body, formContent); a.status != 400 || a.get("error") != "invalid_request" {
				t.Errorf("%s: %v", name, a)
			}
		}
		for contentType, status := range map[string]int{"application/json": 415, "multipart/form-data; boundary=x": 415, "": 415, formContent + "; charset=utf-16": 415} {
			if a := send("POST", path, good, contentType); a.status != status || a.get("error") != "invalid_request" {
				t.Errorf("content type %q: %v", contentType, a)
			}
		}
		if a := send("POST", path, "grant_type="+strings.Repeat("x", 40<<10), formContent); a.status != 413 {
			t.Errorf("a body over the limit: %d", a.status)
		}
		if a := send("PUT", path, good, formContent); a.status != 405 {
			t.Errorf("PUT: %d", a.status)
		}
		if a := send("POST", "//services//oauth2/token/", good, formContent); a.status != 200 {
			t.Errorf("double slashes: %v", a)
		}
	})
}

func TestClientAuthentication(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(t *testing.T, h *house) {
		request := func(user, password string, pairs ...string) answer {
			r := h.request("POST", "/services/oauth2/token", form(append([]string{"grant_type", "client_credentials"}, pairs...)...).Encode(), formContent)
			if user != "" {
				r.SetBasicAuth(url.QueryEscape(user), url.QueryEscape(password))
			}
			return h.do(r)
		}
		key := h.org.closed
		for name, a := range map[string]answer{
			"body":                  request("", "", "client_id", key, "client_secret", appSecret),
			"Basic":                 request(key, appSecret),
			"Basic and body, equal": request(key, appSecret, "client_id", key, "client_secret", appSecret),
		} {
			if a.status != 200 || a.get("scope") != "id api web openid" || a.get("refresh_token") != "" {
				t.Errorf("%s: %v", name, a)
			}
		}
		for name, a := range map[string]answer{
			"wrong":                  request("", "", "client_id", key, "client_secret", appSecret+"x"),
			"missing":                request("", "", "client_id", key),
			"empty":                  request("", "", "client_id", key, "client_secret", ""),
			"Basic wrong":            request(key, "x"),
			"Basic and body differ":  request(key, appSecret, "client_secret", "other"),
			"Basic of another":       request(h.org.open, appSecret, "client_id", key),
			"public without secret":  request("", "", "client_id", h.org.public),
			"public with any secret": request("", "", "client_id", h.org.public, "client_secret", "x"),
		} {
			t.Run(name, func(t *testing.T) { wantError(t, a, 400, "invalid_client", "invalid client credentials") })
		}
		malformed := h.do(h.request("POST", "/services/oauth2/token", "grant_type=client_credentials", formContent, "Authorization", "Basic ###"))
		wantError(t, malformed, 400, "invalid_client", "invalid client credentials")
		wantError(t, request("", "", "client_id", "nobody", "client_secret", "x"), 400, "invalid_client_id", "client identifier invalid")
		wantError(t, request("", ""), 400, "invalid_client_id", "client identifier invalid")
		wantError(t, request("", "", "client_id", h.org.open, "client_secret", appSecret), 400, "invalid_grant", "no client credentials user enabled")
		wantError(t, request(key, appSecret, "scope", "full"), 400, "invalid_scope", "the requested scope is invalid, unknown, or malformed")
		if a := request(key, appSecret, "scope", "api"); a.get("scope") != "api" {
			t.Errorf("narrower scope: %v", a)
		}
		// The signature is the HMAC of id and issued_at under the secret that the client showed.
		a := request(key, appSecret)
		mac := hmac.New(sha256.New, []byte(appSecret))
		mac.Write([]byte(a.get("id") + a.get("issued_at")))
		if a.get("signature") != base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
			t.Error("the signature is not under the consumer secret")
		}
	})
}

func TestPasswordGrant(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		request := func(username, password string) answer {
			return h.token("grant_type", "password", "client_id", h.org.open, "client_secret", appSecret, "username", username, "password", password)
		}
		if a := request(h.org.user, userPassword+securityToken); a.status != 200 || a.get("refresh_token") != "" {
			t.Fatalf("right password and token: %v", a)
		}
		for name, tc := range map[string]struct{ username, password, status string }{
			"wrong password":   {h.org.user, "x" + securityToken, "Invalid Password"},
			"missing token":    {h.org.user, userPassword, "Failed: API security token required"},
			"wrong token":      {h.org.user, userPassword + strings.ToUpper(securityToken), "Invalid Password"},
			"token alone":      {h.org.user, securityToken, "Invalid Password"},
			"two tokens":       {h.org.user, userPassword + securityToken + securityToken, "Invalid Password"},
			"token first":      {h.org.user, securityToken + userPassword, "Invalid Password"},
			"trailing space":   {h.org.user, userPassword + " " + securityToken, "Invalid Password"},
			"too long":         {h.org.user, strings.Repeat("x", 2000), "Invalid Password"},
			"no password set":  {h.org.outsider, "x" + securityToken, "Invalid Password"},
			"unknown username": {"nobody@acme.example", "x", ""},
		} {
			wantError(t, request(tc.username, tc.password), 400, "invalid_grant", "authentication failure")
			if tc.status != "" && h.lastStatus(tc.username) != tc.status {
				t.Errorf("%s: login history says %q, want %q", name, h.lastStatus(tc.username), tc.status)
			}
			if a := request(h.org.user, userPassword+securityToken); a.status != 200 { // and the count begins anew
				t.Fatalf("after %s: %v", name, a)
			}
		}
		h.changeUser(h.org.user, map[string]any{"IsActive": false})
		wantError(t, request(h.org.user, userPassword+securityToken), 400, "inactive_user", "user is inactive")
		wantError(t, request(h.org.user, "wrong"), 400, "invalid_grant", "authentication failure")
		h.setPasswordFlow(false)
		wantError(t, request(h.org.admin, adminPassword+securityToken), 400, "invalid_grant", "authentication failure")
		if got := h.lastStatus(h.org.admin); got != "Username-Password Flow Disabled" {
			t.Errorf("login history says %q", got)
		}
		for _, secret := range []string{userPassword, adminPassword, securityToken, appSecret} {
			if strings.Contains(h.log.String(), secret) {
				t.Error("a secret is in the log")
			}
		}
	})
}

// setPasswordFlow sets the org's switch as Setup does.
func (h *house) setPasswordFlow(on bool) {
	h.t.Helper()
	settings := `{}`
	if on {
		settings = `{"allow_username_password_flow":true}`
	}
	_, err := h.exec(`UPDATE organization SET settings = $1 WHERE id = $2`, settings, string(h.org.id))
	if err != nil {
		h.t.Fatal(err)
	}
	h.login.SetupChanged(h.org.id)
}

func TestPasswordGrantNeedsApproval(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(t *testing.T, h *house) {
		a := h.token("grant_type", "password", "client_id", h.org.closed, "client_secret", appSecret, "username", h.org.admin, "password", adminPassword+securityToken)
		wantError(t, a, 400, "invalid_app_access", "user is not admin approved to access this app")
		other := h.newOrg("else")
		a = h.token("grant_type", "password", "client_id", h.org.open, "client_secret", appSecret, "username", other.user, "password", userPassword+securityToken)
		wantError(t, a, 400, "invalid_grant", "authentication failure")
	})
}

func TestInactiveUsersGetNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		token := h.bearerToken()
		a := h.exchange(h.code())
		if a.status != 200 || !h.live(token) {
			t.Fatalf("before: %v", a)
		}
		waiting := h.code()
		h.changeUser(h.org.user, map[string]any{"IsActive": false})
		if h.live(token) || h.live(a.get("access_token")) {
			t.Error("sessions of an inactive user live on")
		}
		wantError(t, h.token("grant_type", jwtBearer, "assertion", h.assertion(nil)), 400, "inactive_user", "user is inactive")
		wantError(t, h.exchange(waiting), 400, "inactive_user", "user is inactive")
		if b := h.refresh(a.get("refresh_token")); b.status != 400 {
			t.Errorf("refresh: %v", b)
		}
		if got := h.lastStatus(h.org.user); got != "User is Inactive" {
			t.Errorf("login history says %q", got)
		}
		h.changeUser(h.org.user, map[string]any{"IsActive": true})
		if h.live(token) || h.live(a.get("access_token")) {
			t.Error("sessions came back with the user")
		}
		h.bearerToken()
	})
}

func TestMethodsOfTheTokenEndpoint(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(t *testing.T, h *house) {
		for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodTrace, http.MethodPatch} {
			if a := h.do(h.request(method, "/services/oauth2/token", "", "")); a.status != 405 {
				t.Errorf("%s: %d", method, a.status)
			}
		}
	})
}
