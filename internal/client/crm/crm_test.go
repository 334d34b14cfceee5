package crm_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
)

const (
	orgID  = "00D000000000001EAA"
	userID = "005000000000001AAA"
)

// fake answers every path with the handler given for it.
type fake struct {
	url  string
	mux  *http.ServeMux
	last *http.Request
	form url.Values
}

func newFake(t *testing.T) (*fake, *crm.Client) {
	t.Helper()
	f := &fake{mux: http.NewServeMux()}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.last = r
		f.mux.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	f.url = srv.URL
	c, err := crm.New(crm.Options{BaseURL: srv.URL + "/"})
	if err != nil {
		t.Fatal(err)
	}
	return f, c
}

func (f *fake) answer(pattern string, status int, contentType, body string) {
	f.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err == nil {
			f.form = r.PostForm
		}
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(strings.ReplaceAll(body, "BASE", f.url))) // the client reads it
	})
}

const goodToken = `{"access_token":"00D000000000001!abc","instance_url":"BASE","id":"BASE/id/` + orgID + `/` + userID + `","token_type":"Bearer","issued_at":"1767323045006","scope":"api"}`

func TestNewRefusesWhatIsNoOrg(t *testing.T) {
	t.Parallel()
	for _, o := range []crm.Options{{}, {BaseURL: "x"}, {BaseURL: "http://x", Version: "65"}, {BaseURL: "http://x", Version: "6x.0"}, {BaseURL: "http://x", Version: "165.0"}} {
		if _, err := crm.New(o); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

func TestJWTBearerSendsWhatTheOrgWants(t *testing.T) {
	t.Parallel()
	f, c := newFake(t)
	f.answer("POST /services/oauth2/token", 200, "application/json;charset=UTF-8", goodToken)
	key, err := oauth.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	token, err := c.JWTBearer(t.Context(), crm.JWTGrant{ConsumerKey: "key", Username: "u@x.example", Key: key, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	if token.OrgID != orgID || token.UserID != userID || token.InstanceURL != f.url || token.IssuedAt.UnixMilli() != 1767323045006 || token.AccessToken.Reveal() != "00D000000000001!abc" {
		t.Errorf("token: %+v", token)
	}
	if s := fmt.Sprintf("%v %+v %#v", token, token, token); strings.Contains(s, "!abc") {
		t.Errorf("a printed token shows itself: %s", s)
	}
	a, err := oauth.ParseAssertion(f.form.Get("assertion"))
	if err != nil {
		t.Fatal(err)
	}
	if a.Verify(&key.PublicKey) != nil || a.Issuer != "key" || a.Subject != "u@x.example" || a.Audience[0] != f.url || !a.Expires.Equal(now.Add(3*time.Minute)) || a.ID == "" {
		t.Errorf("assertion: %+v", a)
	}
	if f.form.Has("client_id") || f.form.Has("client_secret") || f.form.Get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
		t.Errorf("form: %v", f.form)
	}
}

func TestLyingTokenEndpoint(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status      int
		contentType string
		body        string
		code        fault.Code
	}{
		"html login page":   {200, "text/html", "<html>login</html>", client.CodeProtocol},
		"json as html":      {200, "text/html", goodToken, client.CodeProtocol},
		"empty":             {200, "application/json", "", client.CodeProtocol},
		"no token":          {200, "application/json", strings.Replace(goodToken, "00D000000000001!abc", "", 1), client.CodeProtocol},
		"other type":        {200, "application/json", strings.Replace(goodToken, "Bearer", "mac", 1), client.CodeProtocol},
		"other site":        {200, "application/json", strings.Replace(goodToken, `"instance_url":"BASE"`, `"instance_url":"http://169.254.169.254"`, 1), client.CodeProtocol},
		"no site":           {200, "application/json", strings.Replace(goodToken, `"instance_url":"BASE"`, `"instance_url":""`, 1), client.CodeProtocol},
		"no user":           {200, "application/json", strings.Replace(goodToken, userID, "x", 1), client.CodeProtocol},
		"user for org":      {200, "application/json", strings.Replace(goodToken, orgID, userID, 1), client.CodeProtocol},
		"200 with an error": {200, "application/json", `{"error":"invalid_grant"}`, client.CodeProtocol},
		"numbers":           {200, "application/json", `{"access_token":7}`, client.CodeProtocol},
		"refusal":           {400, "application/json", `{"error":"invalid_app_access","error_description":"user is not admin approved to access this app"}`, client.CodeRefused},
		"refusal as html":   {400, "text/html", "<h1>no</h1>", client.CodeRefused},
		"down":              {503, "text/html", "down", client.CodeFailed},
		"limited":           {429, "application/json", `{"error":"rate_limit_exceeded","error_description":"number of logins exceeded"}`, client.CodeLimited},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, cl := newFake(t)
			f.answer("POST /services/oauth2/token", c.status, c.contentType, c.body)
			_, err := cl.Refresh(t.Context(), crm.RefreshGrant{ClientID: "c", RefreshToken: "canary-refresh"})
			if fault.CodeOf(err) != c.code {
				t.Fatalf("got %v, want %s", err, c.code)
			}
			if strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "!abc") {
				t.Errorf("the error tells a token: %v", err)
			}
			if r := client.Remote(err); name == "refusal" && (r.Code != "invalid_app_access" || r.Description != "user is not admin approved to access this app" || r.Status != 400) {
				t.Errorf("remote: %+v", r)
			}
		})
	}
}

func TestAuthorizeURL(t *testing.T) {
	t.Parallel()
	_, c := newFake(t)
	u, err := url.Parse(c.AuthorizeURL(crm.AuthorizeRequest{ClientID: "a b", RedirectURI: "http://x/cb?y=1", Scopes: []string{"openid", "id"}, State: "s&t", Nonce: "n", Challenge: "c", Prompt: "login", LoginHint: "u@x"}))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"response_type": "code", "client_id": "a b", "redirect_uri": "http://x/cb?y=1", "scope": "openid id", "state": "s&t", "nonce": "n",
		"code_challenge": "c", "code_challenge_method": "S256", "prompt": "login", "login_hint": "u@x",
	} {
		if got := u.Query().Get(name); got != want {
			t.Errorf("%s = %q", name, got)
		}
	}
	if bare := c.AuthorizeURL(crm.AuthorizeRequest{ClientID: "a"}); strings.Contains(bare, "code_challenge") || strings.Contains(bare, "state") {
		t.Errorf("empty values are sent: %s", bare)
	}
}

func session(t *testing.T, f *fake, c *crm.Client) *crm.Session {
	t.Helper()
	f.answer("POST /services/oauth2/token", 200, "application/json", goodToken)
	token, err := c.Refresh(t.Context(), crm.RefreshGrant{ClientID: "c", RefreshToken: "r"})
	if err != nil {
		t.Fatal(err)
	}
	if token.RefreshToken != "r" {
		t.Error("the refresh token was not kept")
	}
	return c.Session(token)
}

func TestDataCalls(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	f, c := newFake(t)
	s := session(t, f, c)
	f.answer("GET /services/data/v65.0/query", 200, "application/json", `{"totalSize":2,"done":false,"records":[{"Id":"1","Profile":{"Name":"P"}}],"nextRecordsUrl":"/services/data/v65.0/query/01g-1"}`)
	f.answer("GET /services/data/v65.0/query/01g-1", 200, "application/json", `{"totalSize":2,"done":true,"records":[{"Id":"2","N":12345678901234567890,"B":true,"At":"2026-01-02T03:04:05.006+0000"}]}`)
	records, err := s.Query(ctx, "SELECT Id FROM User")
	if err != nil || len(records) != 2 {
		t.Fatalf("%v, %v", records, err)
	}
	if records[0].Related("Profile").String("Name") != "P" || records[1].Related("Profile").String("Name") != "" || !records[1].Bool("B") || records[1].String("N") != "" ||
		!records[1].Time("At").Equal(time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC)) || !records[1].Time("B").IsZero() {
		t.Errorf("records: %v", records)
	}
	f.answer("POST /services/data/v65.0/sobjects/Contact", 201, "application/json", `{"id":"003000000000001AAA","success":true,"errors":[]}`)
	if id, err := s.CreateRecord(ctx, "Contact", map[string]any{"LastName": "L"}); err != nil || id != "003000000000001AAA" {
		t.Errorf("%q, %v", id, err)
	}
	f.answer("PATCH /services/data/v65.0/sobjects/Contact/003", 204, "", "")
	if err := s.UpdateRecord(ctx, "Contact", "003", map[string]any{"LastName": nil}); err != nil {
		t.Error(err)
	}
	f.answer("DELETE /services/data/v65.0/sobjects/Contact/003", 204, "", "")
	if err := s.DeleteRecord(ctx, "Contact", "003"); err != nil {
		t.Error(err)
	}
	f.answer("GET /services/oauth2/userinfo", 403, "text/html", "Bad_OAuth_Token")
	if _, err := s.UserInfo(ctx); fault.CodeOf(err) != client.CodeUnauthorized {
		t.Errorf("a dead token at userinfo gave %v", err)
	}
	if f.last.Header.Get("Authorization") != "Bearer 00D000000000001!abc" {
		t.Errorf("authorization: %q", f.last.Header.Get("Authorization"))
	}
}

func TestLyingDataAPI(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status      int
		contentType string
		body        string
		code        fault.Code
	}{
		"session over":           {401, "application/json", `[{"errorCode":"INVALID_SESSION_ID","message":"Session expired or invalid"}]`, client.CodeUnauthorized},
		"no field":               {400, "application/json", `[{"errorCode":"INVALID_FIELD","message":"No such column"}]`, client.CodeRefused},
		"object for array":       {400, "application/json", `{"error":"x","error_description":"y"}`, client.CodeRefused},
		"not there":              {404, "application/json", `[{"errorCode":"NOT_FOUND","message":"The requested resource does not exist"}]`, client.CodeNotFound},
		"html":                   {200, "text/html", "<html>", client.CodeProtocol},
		"no result":              {200, "application/json", `{"records":[]}`, client.CodeProtocol},
		"null":                   {200, "application/json", `null`, client.CodeProtocol},
		"next page elsewhere":    {200, "application/json", `{"totalSize":1,"done":false,"records":[],"nextRecordsUrl":"http://evil.example/services/data/v65.0/"}`, client.CodeProtocol},
		"next page outside":      {200, "application/json", `{"totalSize":1,"done":false,"records":[],"nextRecordsUrl":"@evil.example/"}`, client.CodeProtocol},
		"pages that lead around": {200, "application/json", `{"totalSize":1,"done":false,"records":[],"nextRecordsUrl":"/services/data/v65.0/query"}`, client.CodeProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, cl := newFake(t)
			s := session(t, f, cl)
			f.answer("GET /services/data/v65.0/query", c.status, c.contentType, c.body)
			if _, err := s.Query(t.Context(), "SELECT Id FROM User"); fault.CodeOf(err) != c.code {
				t.Fatalf("got %v, want %s", err, c.code)
			}
		})
	}
}

func TestVerifyIDToken(t *testing.T) {
	t.Parallel()
	f, c := newFake(t)
	key, err := oauth.NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	other, err := oauth.NewSigningKey()
	if err != nil {
		t.Fatal(err)
	}
	set, err := oauth.JWKS(key)
	if err != nil {
		t.Fatal(err)
	}
	f.answer("GET /id/keys", 200, "application/json", string(set))
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	good := oauth.IDToken{Issuer: f.url, Subject: f.url + "/id/" + orgID + "/" + userID, Audience: "client", Nonce: "nonce", IssuedAt: now, Expires: now.Add(2 * time.Minute)}
	for name, test := range map[string]struct {
		key    oauth.SigningKey
		change func(*oauth.IDToken)
		nonce  string
		ok     bool
	}{
		"good":             {key, func(*oauth.IDToken) {}, "nonce", true},
		"another key":      {other, func(*oauth.IDToken) {}, "nonce", false},
		"known kid forged": {oauth.SigningKey{ID: key.ID, Private: other.Private}, func(*oauth.IDToken) {}, "nonce", false},
		"another client":   {key, func(i *oauth.IDToken) { i.Audience = "other" }, "nonce", false},
		"another issuer":   {key, func(i *oauth.IDToken) { i.Issuer = "https://evil.example" }, "nonce", false},
		"no issuer":        {key, func(i *oauth.IDToken) { i.Issuer = "" }, "nonce", false},
		"expired":          {key, func(i *oauth.IDToken) { i.Expires = now.Add(-3 * time.Minute) }, "nonce", false},
		"no expiry":        {key, func(i *oauth.IDToken) { i.Expires = time.Time{} }, "nonce", false},
		"another nonce":    {key, func(*oauth.IDToken) {}, "other", false},
		"no nonce":         {key, func(i *oauth.IDToken) { i.Nonce = "" }, "", false},
		"no user":          {key, func(i *oauth.IDToken) { i.Subject = "someone" }, "nonce", false},
	} {
		id := good
		test.change(&id)
		raw, err := oauth.SignIDToken(test.key, id)
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.VerifyIDToken(t.Context(), vaultSecret(raw), "client", test.nonce, now)
		if (err == nil) != test.ok || test.ok && (got.OrgID != orgID || got.UserID != userID) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for _, raw := range []string{"", "x.y.z", "eyJhbGciOiJub25lIn0.e30.", strings.Repeat("a", 20<<10)} {
		if _, err := c.VerifyIDToken(t.Context(), vaultSecret(raw), "client", "nonce", now); fault.CodeOf(err) != client.CodeProtocol {
			t.Errorf("%.20q: %v", raw, err)
		}
	}
}
