package engagement_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
)

// fake answers every path with the handler given for it and keeps the last body.
type fake struct {
	url  string
	mux  *http.ServeMux
	body string
}

func newFake(t *testing.T) (*fake, *engagement.Client) {
	t.Helper()
	f := &fake{mux: http.NewServeMux()}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		f.body = string(body)
		f.mux.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	f.url = srv.URL
	c, err := engagement.New(engagement.Options{AuthURL: srv.URL + "/"})
	if err != nil {
		t.Fatal(err)
	}
	return f, c
}

func (f *fake) answer(pattern string, status int, contentType, body string) {
	f.mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, strings.ReplaceAll(body, "BASE", f.url)) // the client reads it
	})
}

const goodToken = `{"access_token":"tok","token_type":"Bearer","expires_in":1079,"scope":"email_send","rest_instance_url":"BASE/","soap_instance_url":"BASE/"}`

func session(t *testing.T, f *fake, c *engagement.Client) *engagement.Session {
	t.Helper()
	f.answer("POST /v2/token", 200, "application/json", goodToken)
	token, err := c.ClientCredentials(t.Context(), engagement.ClientCredentialsGrant{ClientID: "c", Secret: "s"})
	if err != nil {
		t.Fatal(err)
	}
	return c.Session(token)
}

func TestTokenRequests(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	f, c := newFake(t)
	f.answer("POST /v2/token", 200, "application/json;charset=UTF-8", goodToken)
	token, err := c.ClientCredentials(ctx, engagement.ClientCredentialsGrant{ClientID: "c", Secret: "s", MID: 7, Scopes: []string{}})
	if err != nil {
		t.Fatal(err)
	}
	if token.ExpiresIn != 1079*time.Second || token.RESTURL != f.url || token.SOAPURL != f.url || token.Scope != "email_send" {
		t.Errorf("token: %+v", token)
	}
	if want := `{"grant_type":"client_credentials","client_id":"c","client_secret":"s","account_id":7,"scope":""}`; f.body != want {
		t.Errorf("sent %s", f.body)
	}
	if s := fmt.Sprintf("%v %+v %#v", token, token, token); strings.Contains(s, `"tok"`) || strings.Contains(s, "{tok") {
		t.Errorf("a printed token shows itself: %s", s)
	}
	if _, err := c.Refresh(ctx, engagement.RefreshGrant{ClientID: "c", RefreshToken: "r", Scopes: []string{"a", "b"}}); err != nil || f.body != `{"grant_type":"refresh_token","client_id":"c","refresh_token":"r","scope":"a b"}` {
		t.Errorf("sent %s, %v", f.body, err)
	}
	if _, err := c.ExchangeCode(ctx, engagement.CodeGrant{ClientID: "c", Code: "x", RedirectURI: "http://r", Verifier: "v"}); err != nil || f.body != `{"grant_type":"authorization_code","client_id":"c","code":"x","redirect_uri":"http://r","code_verifier":"v"}` {
		t.Errorf("sent %s, %v", f.body, err)
	}
	key, err := oauth.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	if _, err := c.JWTBearer(ctx, engagement.JWTGrant{ClientID: "c", Username: "u", Key: key, MID: 9, Now: now}); err != nil {
		t.Fatal(err)
	}
	var sent struct {
		Assertion string `json:"assertion"`
		AccountID int64  `json:"account_id"`
	}
	if err := json.Unmarshal([]byte(f.body), &sent); err != nil {
		t.Fatal(err)
	}
	a, err := oauth.ParseAssertion(sent.Assertion)
	if err != nil {
		t.Fatal(err)
	}
	if a.Verify(&key.PublicKey) != nil || a.Issuer != "c" || a.Subject != "u" || a.Audience[0] != f.url+"/" || a.Expires.Sub(now) > 5*time.Minute || a.ID == "" || sent.AccountID != 9 {
		t.Errorf("assertion: %+v %+v", a, sent)
	}
	u, err := url.Parse(c.AuthorizeURL(engagement.AuthorizeRequest{ClientID: "c", RedirectURI: "http://r?x=1", State: "s", Challenge: "ch", Prompt: "login"}))
	if err != nil || u.Path != "/v2/authorize" || u.Query().Get("redirect_uri") != "http://r?x=1" || u.Query().Get("code_challenge_method") != "S256" || u.Query().Has("scope") {
		t.Errorf("authorize: %v, %v", u, err)
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
		"html":           {200, "text/html", goodToken, client.CodeProtocol},
		"no token":       {200, "application/json", strings.Replace(goodToken, `"tok"`, `""`, 1), client.CodeProtocol},
		"no lifetime":    {200, "application/json", strings.Replace(goodToken, `1079`, `0`, 1), client.CodeProtocol},
		"for ever":       {200, "application/json", strings.Replace(goodToken, `1079`, `99999999999`, 1), client.CodeProtocol},
		"lifetime 1e3":   {200, "application/json", strings.Replace(goodToken, `1079`, `1e3`, 1), client.CodeProtocol},
		"rest elsewhere": {200, "application/json", strings.Replace(goodToken, `rest_instance_url":"BASE`, `rest_instance_url":"http://evil.example`, 1), client.CodeProtocol},
		"soap elsewhere": {200, "application/json", strings.Replace(goodToken, `soap_instance_url":"BASE`, `soap_instance_url":"http://evil.example`, 1), client.CodeProtocol},
		"bad secret":     {401, "application/json", `{"error":"invalid_client","error_description":"Client authentication failed."}`, client.CodeRefused},
		"no grant":       {400, "application/json", `{"error":"invalid_grant","error_description":"no"}`, client.CodeRefused},
		"blocked":        {429, "application/json", `{"message":"Your requests are temporarily blocked.","errorcode":50200}`, client.CodeLimited},
		"down":           {500, "text/html", "x", client.CodeFailed},
		"redirects":      {302, "text/html", "", client.CodeProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, cl := newFake(t)
			f.answer("POST /v2/token", c.status, c.contentType, c.body)
			_, err := cl.ClientCredentials(t.Context(), engagement.ClientCredentialsGrant{ClientID: "c", Secret: "canary-secret"})
			if fault.CodeOf(err) != c.code {
				t.Fatalf("got %v, want %s", err, c.code)
			}
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("the error tells the secret: %v", err)
			}
		})
	}
}

func TestMessages(t *testing.T) {
	t.Parallel()
	const path = "POST /messaging/v1/email/messages/k%2F1"
	for name, c := range map[string]struct {
		status int
		body   string
		code   fault.Code
		remote string
	}{
		"accepted":            {202, `{"requestId":"r","errorcode":0,"responses":[{"messageKey":"K/1"}]}`, "", ""},
		"recipient refused":   {202, `{"requestId":"r","errorcode":109001,"responses":[{"messageKey":"k/1","errorcode":109106,"message":"Invalid subscriber"}]}`, client.CodeRefused, "109106"},
		"refused in all":      {202, `{"requestId":"r","errorcode":109103,"message":"No valid subscribers","responses":[]}`, client.CodeRefused, "109103"},
		"another message":     {202, `{"requestId":"r","errorcode":0,"responses":[{"messageKey":"other"}]}`, client.CodeProtocol, ""},
		"nothing":             {202, `{}`, client.CodeProtocol, ""},
		"no such definition":  {404, `{"message":"not there","errorcode":30003}`, client.CodeNotFound, "30003"},
		"token over":          {401, `{"message":"Not Authorized","errorcode":0}`, client.CodeUnauthorized, "0"},
		"insufficient rights": {403, `{"message":"Insufficient Privileges","errorcode":20002}`, client.CodeRefused, "20002"},
		"down":                {500, `{"message":"x","errorcode":30000}`, client.CodeFailed, "30000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, cl := newFake(t)
			s := session(t, f, cl)
			f.mux.HandleFunc("POST /messaging/v1/email/messages/{key}", func(w http.ResponseWriter, r *http.Request) {
				if r.PathValue("key") != "k/1" || r.Header.Get("Authorization") != "Bearer tok" {
					t.Errorf("%s with %q", r.URL, r.Header.Get("Authorization"))
				}
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			_, err := s.SendMessage(t.Context(), "k/1", engagement.Message{DefinitionKey: "d", ContactKey: "c", To: "a@b.example"})
			if fault.CodeOf(err) != c.code || c.remote != "" && client.Remote(err).Code != c.remote {
				t.Fatalf("%s gave %v, want %q %q", path, err, c.code, c.remote)
			}
		})
	}
	f, c := newFake(t)
	s := session(t, f, c)
	for key, body := range map[string]string{
		"q": `{"eventCategoryType":"TransactionalSendEvents.EmailQueued","timestamp":"2026-01-02T03:04:05Z","info":{"to":"a@b.example"}}`,
		"s": `{"eventCategoryType":"TransactionalSendEvents.EmailSent","timestamp":"2026-01-02T03:04:05.5","info":{}}`,
		"d": `{"eventCategoryType":"TransactionalSendEvents.EmailQueued","info":{"statusMessage":"InDoubt"}}`,
		"n": `{"eventCategoryType":"TransactionalSendEvents.EmailNotSent","info":{"statusCode":24,"statusMessage":"ListDetectiveExclusion"}}`,
		"x": `{"eventCategoryType":"TransactionalSendEvents.EmailEaten","info":{}}`,
		"e": `{}`,
	} {
		f.answer("GET /messaging/v1/email/messages/"+key, 200, "application/json", body)
	}
	for key, want := range map[string]engagement.MessageState{"q": engagement.MessageQueued, "s": engagement.MessageSent, "d": engagement.MessageInDoubt, "n": engagement.MessageNotSent, "x": "", "e": ""} {
		m, err := s.MessageStatus(t.Context(), key)
		if m.State != want || (want == "") != (fault.CodeOf(err) == client.CodeProtocol) {
			t.Errorf("%s: %+v, %v", key, m, err)
		}
		if key == "n" && (m.StatusCode != "24" || m.StatusMessage != "ListDetectiveExclusion") || key == "s" && m.At.IsZero() {
			t.Errorf("%s: %+v", key, m)
		}
	}
}

func TestUserInfo(t *testing.T) {
	t.Parallel()
	f, c := newFake(t)
	s := session(t, f, c)
	body := `{"user":{"sub":"10","name":"N","preferred_username":"u","email":"e"},"organization":{"member_id":7,"enterprise_id":8},"permissions":[{"objectTypeName":"Email","operationName":"Send","id":9}]}`
	f.mux.HandleFunc("GET /v2/userinfo", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body)
	})
	id, err := s.UserInfo(t.Context())
	if err != nil || id.UserID != "10" || id.Username != "u" || id.MID != 7 || id.EID != 8 || len(id.Permissions) != 1 || id.Permissions[0] != "Email.Send" {
		t.Errorf("%+v, %v", id, err)
	}
	for _, body = range []string{`{}`, `{"user":{"sub":"10"},"organization":{"member_id":7,"enterprise_id":8}}`, `{"user":{"sub":"10","preferred_username":"u"},"organization":{"member_id":"x","enterprise_id":8}}`} {
		if _, err := s.UserInfo(t.Context()); fault.CodeOf(err) != client.CodeProtocol {
			t.Errorf("%s gave %v", body, err)
		}
	}
}

const (
	head = `<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soap:Header/><soap:Body>`
	tail = `</soap:Body></soap:Envelope>`
)

func TestRetrieve(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	f, c := newFake(t)
	s := session(t, f, c)
	var answers []string
	f.mux.HandleFunc("POST /Service.asmx", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Soapaction") != `"Retrieve"` {
			t.Errorf("action %q", r.Header.Get("Soapaction"))
		}
		w.Header().Set("Content-Type", "text/xml; charset=utf-8")
		if strings.Contains(answers[0], "Fault") {
			w.WriteHeader(http.StatusInternalServerError)
		}
		_, _ = io.WriteString(w, head+answers[0]+tail)
		answers = answers[1:]
	})
	const ns = ` xmlns="http://exacttarget.com/wsdl/partnerAPI"`
	answers = []string{
		`<RetrieveResponseMsg` + ns + `><OverallStatus>MoreDataAvailable</OverallStatus><RequestID>page-1</RequestID><Results xsi:type="AccountUser"><AccountUserID>5</AccountUserID><UserID>u</UserID><ActiveFlag>true</ActiveFlag><IsAPIUser>true</IsAPIUser><DefaultBusinessUnit>7</DefaultBusinessUnit></Results></RetrieveResponseMsg>`,
		`<RetrieveResponseMsg` + ns + `><OverallStatus>OK</OverallStatus><RequestID>x</RequestID><Results><ID>6</ID><UserID>v</UserID></Results></RetrieveResponseMsg>`,
	}
	users, err := s.AccountUsers(ctx, &engagement.Filter{Logic: "AND", Left: engagement.Equals("UserID", "<&>"), Right: engagement.Equals("ActiveFlag", "true")})
	if err != nil || len(users) != 2 || users[0] != (engagement.AccountUser{ID: 5, Username: "u", Active: true, APIUser: true, DefaultMID: 7}) || users[1].ID != 6 {
		t.Errorf("%+v, %v", users, err)
	}
	for _, want := range []string{"<fueloauth xmlns=\"http://exacttarget.com\">tok</fueloauth>", "<ContinueRequest>page-1</ContinueRequest>", `xsi:type="ComplexFilterPart"`, "<Value>&lt;&amp;&gt;</Value>", "<QueryAllAccounts>true</QueryAllAccounts>"} {
		if !strings.Contains(f.body, want) {
			t.Errorf("the request lacks %s: %s", want, f.body)
		}
	}
	for answer, code := range map[string]fault.Code{
		`<RetrieveResponseMsg` + ns + `><OverallStatus>Error: API Permission Failed.</OverallStatus></RetrieveResponseMsg>`:                                      client.CodeRefused,
		`<RetrieveResponseMsg` + ns + `><OverallStatus>Perhaps</OverallStatus></RetrieveResponseMsg>`:                                                            client.CodeProtocol,
		`<RetrieveResponseMsg` + ns + `><OverallStatus>MoreDataAvailable</OverallStatus></RetrieveResponseMsg>`:                                                  client.CodeProtocol,
		`<CreateResponse` + ns + `><OverallStatus>OK</OverallStatus></CreateResponse>`:                                                                           client.CodeProtocol,
		`<soap:Fault><faultcode xmlns:q0="urn:x">q0:Security</faultcode><faultstring>Token Expired</faultstring></soap:Fault>`:                                   client.CodeUnauthorized,
		`<soap:Fault><faultcode xmlns:q0="urn:x">q0:Security</faultcode><faultstring>Login Failed</faultstring></soap:Fault>`:                                    client.CodeUnauthorized,
		`<soap:Fault><faultcode>soap:Client</faultcode><faultstring>no API user</faultstring><detail><apifault><Code>11</Code></apifault></detail></soap:Fault>`: client.CodeUnauthorized,
		`<soap:Fault><faultcode>soap:Server</faultcode><faultstring>Unplanned Outage</faultstring></soap:Fault>`:                                                 client.CodeFailed,
		`<soap:Fault><faultcode>soap:Client</faultcode><faultstring>no</faultstring></soap:Fault>`:                                                               client.CodeRefused,
	} {
		answers = []string{answer}
		if _, err := s.BusinessUnits(ctx); fault.CodeOf(err) != code {
			t.Errorf("%s gave %v, want %s", answer, err, code)
		}
	}
	answers = []string{`<RetrieveResponseMsg` + ns + `><OverallStatus>OK</OverallStatus><Results><ID>7</ID><ParentID>0</ParentID><Name>Top</Name><IsActive>true</IsActive></Results></RetrieveResponseMsg>`}
	units, err := s.BusinessUnits(ctx)
	if err != nil || len(units) != 1 || units[0] != (engagement.BusinessUnit{MID: 7, Name: "Top", Active: true}) {
		t.Errorf("%+v, %v", units, err)
	}
}

func TestGrantsAndDefinitions(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	f, c := newFake(t)
	s := session(t, f, c)
	f.mux.HandleFunc("GET /v2/grants", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Query().Get("after") == "" {
			_, _ = io.WriteString(w, `{"items":[{"id":"1","username":"a","made_at":"2026-01-02T03:04:05Z","stale":true}],"next":"1"}`)
			return
		}
		_, _ = io.WriteString(w, `{"items":[{"id":"2","username":"b"}]}`)
	})
	grants, err := s.PackageGrants(ctx, "")
	if err != nil || len(grants) != 2 || !grants[0].Stale || grants[1].Username != "b" {
		t.Errorf("%+v, %v", grants, err)
	}
	f.answer("POST /v2/grants", 201, "application/json", `{"id":"3","username":"c"}`)
	if g, err := s.MakeGrant(ctx, "c"); err != nil || g.ID != "3" || f.body != `{"username":"c"}` {
		t.Errorf("%+v, %v, %s", g, err, f.body)
	}
	f.mux.HandleFunc("DELETE /v2/grants/{name}", func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("name") == "a/b" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"message":"no","errorcode":30003}`)
	})
	if err := s.ClearGrant(ctx, "a/b"); err != nil {
		t.Error(err)
	}
	if err := s.ClearGrant(ctx, "z"); fault.KindOf(err) != fault.NotFound {
		t.Error(err)
	}
	pages := 0
	f.mux.HandleFunc("GET /messaging/v1/email/definitions", func(w http.ResponseWriter, _ *http.Request) {
		pages++
		w.Header().Set("Content-Type", "application/json")
		n := 50
		if pages == 2 {
			n = 1
		}
		_, _ = io.WriteString(w, `{"definitions":[`+strings.TrimSuffix(strings.Repeat(`{"definitionKey":"k","status":"Active"},`, n), ",")+`]}`)
	})
	if d, err := s.Definitions(ctx); err != nil || len(d) != 51 || d[0].Key != "k" {
		t.Errorf("%d, %v", len(d), err)
	}
}

// roundTrip answers without a network.
type roundTrip func(*http.Request) *http.Response

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }

// FuzzAnswers: whatever a tenant answers, the client returns a result or a fault, and never a token for another site.
func FuzzAnswers(f *testing.F) {
	base := "http://tenant.example"
	f.Add(200, "application/json", strings.ReplaceAll(goodToken, "BASE", base))
	f.Add(202, "application/json", `{"requestId":"r","errorcode":0,"responses":[{"messageKey":"k"}]}`)
	f.Add(200, "application/json", `{"eventCategoryType":"EmailSent","info":{}}`)
	f.Add(200, "text/xml", head+`<RetrieveResponseMsg><OverallStatus>OK</OverallStatus></RetrieveResponseMsg>`+tail)
	f.Fuzz(func(t *testing.T, status int, contentType, body string) {
		if status < 100 || status > 599 {
			return
		}
		hc := &http.Client{Transport: roundTrip(func(r *http.Request) *http.Response {
			return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {contentType}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}
		})}
		c, err := engagement.New(engagement.Options{AuthURL: base, HTTP: hc})
		if err != nil {
			t.Fatal(err)
		}
		ctx := t.Context()
		token, err := c.Refresh(ctx, engagement.RefreshGrant{ClientID: "c", RefreshToken: "r"})
		if err == nil && (token.AccessToken == "" || !client.SameSite(base, token.RESTURL) || !client.SameSite(base, token.SOAPURL) || token.ExpiresIn <= 0) {
			t.Fatalf("token %+v", token)
		}
		s := c.Session(engagement.Token{AccessToken: "t", RESTURL: base, SOAPURL: base})
		_, _ = s.UserInfo(ctx) // whatever comes: no panic
		_, _ = s.SendMessage(ctx, "k", engagement.Message{})
		_, _ = s.MessageStatus(ctx, "k")
		_, _ = s.BusinessUnits(ctx)
	})
}
