package login_test

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/twinspan/twinspan/crm/internal/login"
	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/web"
)

func TestRevoke(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		const path = "/services/oauth2/revoke"
		tokens := func() (access, refresh string) {
			a := h.exchange(h.code())
			if a.status != 200 {
				t.Fatalf("tokens: %v", a)
			}
			return a.get("access_token"), a.get("refresh_token")
		}
		access, refresh := tokens()
		if a := h.post(path, "token", access); a.status != 200 || a.body != "" {
			t.Errorf("access token: %v", a)
		}
		if h.live(access) {
			t.Error("a revoked access token lives")
		}
		second := h.refresh(refresh).get("access_token")
		if second == "" {
			t.Fatal("revoking the access token took the refresh token with it")
		}
		if a := h.post(path, "token", access); a.status != 200 {
			t.Errorf("again: %v", a)
		}
		if a := h.get(path + "?token=" + url.QueryEscape(refresh)); a.status != 200 {
			t.Errorf("refresh token by GET: %v", a)
		}
		if h.live(second) {
			t.Error("an access token outlives its refresh token")
		}
		wantError(t, h.refresh(refresh), 400, "invalid_grant", "expired access/refresh token")
		if a := h.post(path, "token", refresh, "token_type_hint", "access_token"); a.status != 200 {
			t.Errorf("refresh token again: %v", a)
		}

		access, refresh = tokens()
		for name, token := range map[string]string{"nonsense": "x", "cut": access[:len(access)-1], "other secret": access[:30] + strings.Repeat("a", len(access)-30), "cut refresh": refresh[:len(refresh)-1]} {
			a := h.post(path, "token", token)
			q, err := url.ParseQuery(a.body)
			if a.status != 400 || err != nil || q.Get("error") != "invalid_token" || !strings.HasPrefix(a.header.Get("Content-Type"), formContent) {
				t.Errorf("%s: %v", name, a)
			}
		}
		if a := h.post(path); a.status != 400 {
			t.Errorf("no token: %v", a)
		}
		for _, token := range []string{access, refresh} {
			if a := h.post(path, "token", token, "client_id", h.org.closed); a.status != 400 || !h.live(access) {
				t.Errorf("another client: %v, live %v", a, h.live(access))
			}
		}
		if won := race(20, func() bool { return h.post(path, "token", refresh).status == 200 }); won != 20 || h.live(access) {
			t.Errorf("%d of 20 at once, live %v", won, h.live(access))
		}
		if strings.Contains(h.log.String(), refresh) || strings.Contains(h.log.String(), access) {
			t.Error("a token is in the log")
		}
	})
}

// deaf is a Directory whose storage has failed under one question.
type deaf struct{ org.Directory }

func (deaf) AppByConsumerKey(context.Context, string) (org.ConnectedApp, error) {
	return org.ConnectedApp{}, errors.New("the disk is gone")
}

// Whether the token was revoked is not known then, so the client is told to ask again and not that the token is none.
func TestRevokeDuringAnOutage(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(t *testing.T, h *house) {
		a := h.exchange(h.code())
		s, err := login.New(login.Options{BaseURL: h.url, Directory: deaf{h.store}, Store: h.store, Clock: h.clock, Vault: h.vault})
		if err != nil {
			t.Fatal(err)
		}
		mux := web.NewMux()
		s.Mount(mux)
		for _, name := range []string{"access_token", "refresh_token"} {
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, h.request(http.MethodPost, "/services/oauth2/revoke", form("token", a.get(name), "client_id", h.org.open).Encode(), formContent))
			if w.Code != 503 || strings.Contains(w.Body.String(), "disk") {
				t.Errorf("%s: %d %s", name, w.Code, w.Body)
			}
		}
	})
}

func TestIntrospect(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(t *testing.T, h *house) {
		ask := func(token string, client ...string) answer {
			if client == nil {
				client = []string{h.org.open, appSecret}
			}
			return h.post("/services/oauth2/introspect", "token", token, "client_id", client[0], "client_secret", client[1])
		}
		a := h.exchange(h.code())
		access, refresh := a.get("access_token"), a.get("refresh_token")
		got := ask(access)
		if got.json["active"] != true || got.get("username") != h.org.user || got.get("client_id") != h.org.open || got.get("sub") != a.get("id") ||
			got.get("token_type") != "access_token" || got.get("scope") != "api refresh_token openid" {
			t.Errorf("access token: %v", got)
		}
		if exp, ok := got.json["exp"].(float64); !ok || int64(exp) != start.Add(2*time.Hour).Unix() {
			t.Errorf("exp %v", got.json["exp"])
		}
		if got := ask(refresh); got.json["active"] != true || got.get("token_type") != "refresh_token" {
			t.Errorf("refresh token: %v", got)
		}
		dead := func(name string, a answer) {
			if a.status != 200 || a.body != `{"active":false}` {
				t.Errorf("%s: %v", name, a)
			}
		}
		dead("another's access token", ask(access, h.org.closed, appSecret))
		dead("another's refresh token", ask(refresh, h.org.closed, appSecret))
		dead("code", ask(h.code()))
		dead("id_token", ask(a.get("id_token")))
		dead("nonsense", ask("x"))
		for name, client := range map[string][]string{"wrong secret": {h.org.open, "x"}, "no secret": {h.org.open, ""}, "nobody": {"nobody", "x"}, "none": {"", ""}} {
			if a := ask(access, client...); a.status != 401 || a.header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s: %v", name, a)
			}
		}
		h.setClock(3 * time.Hour)
		dead("expired", ask(access))
		h.setClock(0)
		h.changeApp(h.org.open, func(a *org.ConnectedApp) { a.RefreshTokenPolicy = org.RefreshZero })
		dead("refresh token under policy zero", ask(refresh))
		h.post("/services/oauth2/revoke", "token", access)
		dead("revoked", ask(access))
	})
}

// TestIntrospectByToken: an app may show an access token of its own instead of a secret, and one without a secret must; its
// consumer key, which everybody knows, shows nothing (crm-wire 1.10, RFC 7662 section 2.1).
func TestIntrospectByToken(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(t *testing.T, h *house) {
		ask := func(bearer string, pairs ...string) answer {
			r := h.request(http.MethodPost, "/services/oauth2/introspect", form(pairs...).Encode(), formContent)
			if bearer != "" {
				r.Header.Set("Authorization", "Bearer "+bearer)
			}
			return h.do(r)
		}
		mine, other := h.exchange(h.code()).get("access_token"), h.bearerToken()
		soap := h.soapLogin("50.0", h.org.user, userPassword+securityToken).tag("sessionId")
		for name, c := range map[string]struct {
			a      answer
			status int
			active bool
		}{
			"its own":                {ask(mine, "token", mine), 200, true},
			"with its key":           {ask(mine, "token", mine, "client_id", h.org.open), 200, true},
			"another app's":          {ask(mine, "token", other), 200, false},
			"with another's key":     {ask(mine, "token", mine, "client_id", h.org.closed), 401, false},
			"with a secret too":      {ask(mine, "token", mine, "client_id", h.org.open, "client_secret", appSecret), 401, false},
			"a dead one":             {ask(mine+"x", "token", mine), 401, false},
			"a session of no app":    {ask(soap, "token", soap), 401, false},
			"a key without a secret": {ask("", "token", mine, "client_id", h.org.public), 401, false},
			"and one made up":        {ask("", "token", mine, "client_id", h.org.public, "client_secret", "x"), 401, false},
			"everybody's key":        {ask("", "token", mine, "client_id", "PlatformCLI"), 401, false},
		} {
			if c.a.status != c.status || (c.a.json["active"] == true) != c.active || c.status == 401 && !strings.Contains(c.a.header.Get("WWW-Authenticate"), "Bearer") {
				t.Errorf("%s: %v", name, c.a)
			}
		}
		h.changeApp(h.org.open, func(a *org.ConnectedApp) { a.Flows.IntrospectAll = true })
		if a := ask(mine, "token", other); a.json["active"] != true || a.get("client_id") != h.org.closed {
			t.Errorf("an app that may: %v", a)
		}
	})
}

func TestUserinfoAndIdentity(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(t *testing.T, h *house) {
		token := h.bearerToken()
		id := h.userID(h.org.user)
		idPath := "/id/" + string(h.org.id) + "/" + string(id)
		for _, path := range []string{"/services/oauth2/userinfo", idPath} {
			for name, a := range map[string]answer{
				"none":    h.get(path),
				"bad":     h.get(path, "Authorization", "Bearer "+token[:len(token)-1]+"_"),
				"refresh": h.get(path, "Authorization", "Bearer 5Aep861xyz"),
			} {
				want := "Bad_OAuth_Token"
				if name == "none" {
					want = "Missing_OAuth_Token"
				}
				if a.status != 403 || a.body != want || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html;") {
					t.Errorf("%s, %s: %v", path, name, a)
				}
			}
			if a := h.get(path+"?oauth_token=x", "Authorization", "Bearer "+token); a.status != 400 {
				t.Errorf("two tokens: %v", a)
			}
		}
		u := h.get("/services/oauth2/userinfo", "Authorization", "Bearer "+token)
		if u.get("sub") != h.url+idPath || u.get("user_id") != string(id) || u.get("organization_id") != string(h.org.id) || u.get("preferred_username") != h.org.user ||
			u.get("name") != "Uwe User" || u.get("email") == "" || u.get("user_type") != "STANDARD" || u.json["active"] != true || u.json["urls"] == nil {
			t.Errorf("userinfo: %v", u)
		}
		i := h.get(idPath + "?format=json&oauth_token=" + url.QueryEscape(token))
		if i.get("username") != h.org.user || i.get("user_id") != string(id) || i.get("organization_id") != string(h.org.id) || i.get("display_name") != "Uwe User" || i.get("id") != h.url+idPath {
			t.Errorf("identity: %v", i)
		}
		urls, _ := i.json["urls"].(map[string]any)
		if urls["partner"] != h.url+"/services/Soap/u/{version}/"+h.org.id.Short() || urls["users"] == nil {
			t.Errorf("urls %v", urls)
		}
		i = h.get(idPath+"?version=50.0", "Authorization", "OAuth "+token)
		if urls, _ := i.json["urls"].(map[string]any); urls["rest"] != h.url+"/services/data/v50.0/" {
			t.Errorf("urls of version 50.0: %v", urls)
		}
		other := h.newOrg("other")
		for path, want := range map[string]string{
			"/id/" + string(other.id) + "/" + string(h.userID(other.user)): "Wrong_Org",
			"/id/nonsense/" + string(id):                                   "Bad_Id",
			"/id/" + string(h.org.id) + "/nonsense":                        "Bad_Id",
			"/id/" + string(h.org.id) + "/" + string(h.userID(other.user)): "Bad_Id",
		} {
			if a := h.get(path, "Authorization", "Bearer "+token); a.status != 403 || a.body != want {
				t.Errorf("%s: %v", path, a)
			}
		}
		if a := h.get("/id/"+string(h.org.id)+"/"+string(h.userID(h.org.admin)), "Authorization", "Bearer "+token); a.get("username") != h.org.admin {
			t.Errorf("a colleague: %v", a)
		}
		// What the scopes do not open is not there.
		narrow := h.exchange(h.code("scope", "openid")).get("access_token")
		u = h.get("/services/oauth2/userinfo", "Authorization", "Bearer "+narrow)
		if u.get("sub") == "" || u.get("email") != "" || u.get("name") != "" || u.json["urls"] != nil {
			t.Errorf("openid alone: %v", u)
		}
		if a := h.get("/id/"+string(h.org.id)+"/"+string(h.userID(h.org.admin)), "Authorization", "Bearer "+narrow); a.status != 403 {
			t.Errorf("a colleague without api: %v", a)
		}
	})
}

// seed:api S004-07
func TestOpenIDConnect(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		d := h.get("/.well-known/openid-configuration")
		if d.get("issuer") != h.url || d.get("jwks_uri") != h.url+"/id/keys" || d.get("token_endpoint") != h.url+"/services/oauth2/token" {
			t.Errorf("discovery: %v", d)
		}
		if d.get("service_documentation") != "https://help.salesforce.com/" {
			t.Errorf("discovery leads whoever has more questions to %s", d.get("service_documentation"))
		}
		h.advance(time.Minute) // auth_time is when the user signed in
		a := h.exchange(h.code("nonce", "n-1", "scope", "openid id"))
		var set jose.JSONWebKeySet
		if err := json.Unmarshal([]byte(h.get("/id/keys").body), &set); err != nil || len(set.Keys) != 1 {
			t.Fatalf("keys: %v %v", err, set)
		}
		if _, ok := set.Keys[0].Key.(*rsa.PublicKey); !ok || set.Keys[0].Algorithm != "RS256" || set.Keys[0].Use != "sig" {
			t.Errorf("key %+v", set.Keys[0])
		}
		tok, err := jwt.ParseSigned(a.get("id_token"), []jose.SignatureAlgorithm{jose.RS256})
		if err != nil {
			t.Fatal(err)
		}
		if tok.Headers[0].KeyID != set.Keys[0].KeyID {
			t.Errorf("kid %q is not in the set", tok.Headers[0].KeyID)
		}
		var claims map[string]any
		if err := tok.Claims(set.Keys[0].Key, &claims); err != nil {
			t.Fatal(err)
		}
		now := float64(start.Add(time.Minute).Unix())
		for name, want := range map[string]any{
			"iss": h.url, "sub": a.get("id"), "aud": h.org.open, "nonce": "n-1", "iat": now, "exp": now + 120, "auth_time": now,
			"at_hash": oauth.AccessTokenHash(a.get("access_token")),
		} {
			if claims[name] != want {
				t.Errorf("%s = %v, want %v", name, claims[name], want)
			}
		}
		if u := h.get("/services/oauth2/userinfo", "Authorization", "Bearer "+a.get("access_token")); u.get("sub") != claims["sub"] {
			t.Error("userinfo and id_token name different subjects")
		}
		// An id_token opens nothing.
		if h.live(a.get("id_token")) {
			t.Error("an id_token is accepted as an access token")
		}
		wantError(t, h.token("grant_type", jwtBearer, "assertion", a.get("id_token")), 400, "invalid_client_id", "client identifier invalid")
		// Another process finds the same key.
		if h.anotherProcess().get("/id/keys").body != h.get("/id/keys").body {
			t.Error("two processes on one database have different keys")
		}
	})
}

// TestRenewalIsWrittenOnceAMinute: a session slides with every use, and that is written down once a minute, however short or
// long it lives.
func TestRenewalIsWrittenOnceAMinute(t *testing.T) {
	t.Parallel()
	onSQLite(t, func(t *testing.T, h *house) {
		for _, minutes := range []int{1, 24 * 60} {
			h.setClock(0)
			h.changeApp(h.org.closed, func(a *org.ConnectedApp) { a.SessionTimeoutMinutes = minutes })
			token := h.bearerToken()
			expires := func() (at int64) {
				t.Helper()
				if err := h.store.DB().QueryRow(t.Context(), `SELECT expires_ms FROM auth_session ORDER BY id DESC LIMIT 1`).Scan(&at); err != nil {
					t.Fatal(err)
				}
				return at
			}
			writes, last := 0, expires()
			for second := 10; second <= 300; second += 10 {
				h.setClock(time.Duration(second) * time.Second)
				if !h.live(token) {
					t.Fatalf("%d minutes: dead after %d s, used all the time", minutes, second)
				}
				if second%50 == 0 {
					h.login.SetupChanged(h.org.id) // which has it read again
				}
				if now := expires(); now != last {
					writes, last = writes+1, now
				}
			}
			if writes != 5 {
				t.Errorf("%d minutes: %d writes in five", minutes, writes)
			}
			h.setClock(300*time.Second + time.Duration(minutes)*time.Minute)
			if h.live(token) {
				t.Errorf("%d minutes: alive so long after the last use", minutes)
			}
		}
	})
}

func TestSessionsEndAndExpire(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		h.changeApp(h.org.closed, func(a *org.ConnectedApp) { a.SessionTimeoutMinutes = 15 })
		token := h.bearerToken()
		at := func(d time.Duration) { h.setClock(d) }
		at(10 * time.Minute)
		if !h.live(token) {
			t.Fatal("dead after ten of fifteen minutes")
		}
		at(24 * time.Minute) // used at 10: good to 25
		if !h.live(token) {
			t.Error("use does not extend a session")
		}
		// Another process knows of the extension.
		p := h.anotherProcess()
		at(38 * time.Minute)
		if !p.live(token) {
			t.Error("the extension is not in the database")
		}
		at(39*time.Minute + 15*time.Minute)
		if h.live(token) {
			t.Error("alive fifteen minutes after the last use")
		}
		at(0)
		h.changeApp(h.org.closed, func(a *org.ConnectedApp) { a.SessionTimeoutMinutes = 0 })
		token = h.bearerToken() // the org's two hours
		at(119 * time.Minute)
		if !h.live(token) {
			t.Error("the org's timeout does not count where the app has none")
		}
		at(119*time.Minute + 2*time.Hour)
		if h.live(token) {
			t.Error("alive two hours after the last use")
		}
		at(0)
		if err := h.login.End(t.Context(), token); err != nil {
			t.Fatal(err)
		}
		if h.live(token) || h.anotherProcess().live(token) {
			t.Error("an ended session is alive")
		}
		if err := h.login.End(t.Context(), token); err != nil {
			t.Errorf("ending it again: %v", err)
		}
		if err := h.login.End(t.Context(), "nonsense"); err != nil {
			t.Errorf("ending nothing: %v", err)
		}
		token = h.bearerToken()
		for i := range token {
			cut, flipped := token[:i], token[:i]+string(token[i]^1)+token[i+1:]
			if h.live(cut) || h.live(flipped) {
				t.Fatalf("a token that is cut or changed at byte %d is accepted", i)
			}
		}
	})
}
