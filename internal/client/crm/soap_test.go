package crm_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/vault"
)

func vaultSecret(s string) vault.Secret { return vault.Secret(s) }

const (
	head      = `<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns="urn:partner.soap.sforce.com" xmlns:sf="urn:fault.partner.soap.sforce.com" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>`
	tail      = `</soapenv:Body></soapenv:Envelope>`
	goodLogin = head + `<loginResponse><result><metadataServerUrl>BASE/services/Soap/m/65.0/00D</metadataServerUrl><passwordExpired>false</passwordExpired><serverUrl>BASE/services/Soap/u/65.0/00D</serverUrl><sessionId>00D!s</sessionId><userId>` + userID + `</userId><userInfo><organizationId>` + orgID + `</organizationId></userInfo></result></loginResponse>` + tail
)

func TestSOAPLogin(t *testing.T) {
	t.Parallel()
	fault1 := head + `<soapenv:Fault><faultcode>INVALID_LOGIN</faultcode><faultstring>INVALID_LOGIN: Invalid username</faultstring><detail><sf:LoginFault xsi:type="sf:LoginFault"><sf:exceptionCode>INVALID_LOGIN</sf:exceptionCode><sf:exceptionMessage>Invalid username, password, security token; or user locked out.</sf:exceptionMessage></sf:LoginFault></detail></soapenv:Fault>` + tail
	for name, c := range map[string]struct {
		status      int
		contentType string
		body        string
		code        fault.Code
		remote      string
	}{
		"good":             {200, "text/xml;charset=UTF-8", goodLogin, "", ""},
		"refused":          {500, "text/xml", fault1, client.CodeRefused, "INVALID_LOGIN"},
		"password expired": {200, "text/xml", strings.Replace(goodLogin, "Expired>false", "Expired>true", 1), client.CodeRefused, "passwordExpired"},
		"other site":       {200, "text/xml", strings.Replace(goodLogin, "<serverUrl>BASE", "<serverUrl>https://evil.example", 1), client.CodeProtocol, ""},
		"no session":       {200, "text/xml", strings.Replace(goodLogin, "00D!s", "", 1), client.CodeProtocol, ""},
		"no result":        {200, "text/xml", head + `<loginResponse/>` + tail, client.CodeProtocol, ""},
		"empty body":       {200, "text/xml", head + tail, client.CodeProtocol, ""},
		"html":             {200, "text/html", "<html></html>", client.CodeProtocol, ""},
		"down":             {503, "text/html", "<html></html>", client.CodeFailed, ""},
		"dtd":              {200, "text/xml", `<!DOCTYPE x [<!ENTITY e "x">]>` + goodLogin, client.CodeProtocol, ""},
		"cut off":          {200, "text/xml", goodLogin[:200], client.CodeProtocol, ""},
		"answer with 500":  {500, "text/xml", goodLogin, client.CodeFailed, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, cl := newFake(t)
			f.answer("POST /services/Soap/u/65.0", c.status, c.contentType, c.body)
			token, err := cl.Login(t.Context(), "u&<@x", "p<&canary")
			if fault.CodeOf(err) != c.code || c.remote != "" && client.Remote(err).Code != c.remote {
				t.Fatalf("got %v, want %q %q", err, c.code, c.remote)
			}
			if err == nil && (token.AccessToken != "00D!s" || token.OrgID != orgID || token.UserID != userID || token.InstanceURL != f.url) {
				t.Errorf("token: %+v", token)
			}
			if err != nil && strings.Contains(err.Error(), "canary") {
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
}

// TestConnectedAppKeepsWhatItDoesNotKnow: an update sends back every setting that was read.
func TestConnectedAppKeepsWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	const metaHead = `<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns="http://soap.sforce.com/2006/04/metadata" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>`
	read := metaHead + `<readMetadataResponse><result><records xsi:type="ConnectedApp"><fullName>A</fullName><canvasConfig><accessMethod>Get</accessMethod></canvasConfig><contactEmail>a@x.example</contactEmail><label>The App</label>` +
		`<oauthConfig><callbackUrl>http://a
http://b</callbackUrl><consumerKey>key</consumerKey><scopes>Api</scopes><scopes>Web</scopes></oauthConfig><permissionSetName>Old</permissionSetName></records><records xsi:nil="true"/></result></readMetadataResponse>` + tail
	var sent string
	update := metaHead + `<updateMetadataResponse><result><fullName>A</fullName><success>true</success></result></updateMetadataResponse>` + tail
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "text/xml")
		switch {
		case strings.Contains(string(body), "<readMetadata "):
			_, _ = io.WriteString(w, read)
		case strings.Contains(string(body), "<updateMetadata "):
			sent = string(body)
			_, _ = io.WriteString(w, update)
		default:
			_, _ = io.WriteString(w, strings.ReplaceAll(goodLogin, "BASE", "http://"+r.Host))
		}
	}))
	t.Cleanup(srv.Close)
	c, err := crm.New(crm.Options{BaseURL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	token, err := c.Login(t.Context(), "u", "p")
	if err != nil {
		t.Fatal(err)
	}
	s := c.Session(token)
	apps, err := s.ReadConnectedApps(t.Context(), "A", "B")
	if err != nil || len(apps) != 1 {
		t.Fatalf("%+v, %v", apps, err)
	}
	app := apps[0]
	if app.Label != "The App" || app.ConsumerKey != "key" || !slices.Equal(app.CallbackURLs, []string{"http://a", "http://b"}) || !slices.Equal(app.Scopes, []string{"Api", "Web"}) || app.AdminApproved || !slices.Equal(app.PermissionSets, []string{"Old"}) {
		t.Fatalf("read: %+v", app)
	}
	app.AdminApproved, app.IPRelaxation, app.RefreshTokenPolicy, app.PermissionSets = true, "BYPASS", "zero", []string{"New & More"}
	if err := s.UpdateConnectedApp(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	want := `<metadata xsi:type="ConnectedApp"><fullName>A</fullName><canvasConfig><accessMethod>Get</accessMethod></canvasConfig><contactEmail>a@x.example</contactEmail><label>The App</label>` +
		`<oauthConfig><callbackUrl>http://a&#xA;http://b</callbackUrl><consumerKey>key</consumerKey><isAdminApproved>true</isAdminApproved><scopes>Api</scopes><scopes>Web</scopes></oauthConfig>` +
		`<oauthPolicy><ipRelaxation>BYPASS</ipRelaxation><refreshTokenPolicy>zero</refreshTokenPolicy></oauthPolicy><permissionSetName>New &amp; More</permissionSetName></metadata>`
	if !strings.Contains(sent, want) {
		t.Errorf("sent %s\nwant %s", sent, want)
	}
	update = metaHead + `<updateMetadataResponse><result><errors><message>no</message><statusCode>INVALID_VALUE</statusCode></errors><success>false</success></result></updateMetadataResponse>` + tail
	if err := s.UpdateConnectedApp(t.Context(), app); client.Remote(err) == nil || client.Remote(err).Code != "INVALID_VALUE" {
		t.Errorf("a refused update gave %v", err)
	}
	update = metaHead + `<updateMetadataResponse/>` + tail
	if err := s.UpdateConnectedApp(t.Context(), app); fault.CodeOf(err) != client.CodeProtocol {
		t.Errorf("an empty answer gave %v", err)
	}
	update = metaHead + `<soapenv:Fault><faultcode>sf:INVALID_SESSION_ID</faultcode><faultstring>INVALID_SESSION_ID: gone</faultstring></soapenv:Fault>` + tail
	if err := s.UpdateConnectedApp(t.Context(), app); fault.CodeOf(err) != client.CodeUnauthorized {
		t.Errorf("a dead session gave %v", err)
	}
	if err := s.UpdateConnectedApp(t.Context(), crm.ConnectedApp{FullName: "A"}); fault.KindOf(err) != fault.Denied {
		t.Errorf("an app that was not read gave %v", err)
	}
	if _, err := s.ReadConnectedApps(t.Context(), make([]string, 11)...); fault.KindOf(err) != fault.Denied {
		t.Errorf("eleven components gave %v", err)
	}
}

// roundTrip answers without a network.
type roundTrip func(*http.Request) *http.Response

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }

// FuzzAnswers: whatever an org answers, the client returns a result or a fault, and never a token of another site.
func FuzzAnswers(f *testing.F) {
	base := "http://org.example"
	f.Add(200, "application/json", strings.ReplaceAll(goodToken, "BASE", base))
	f.Add(200, "text/xml", strings.ReplaceAll(goodLogin, "BASE", base))
	f.Add(400, "application/json", `{"error":"invalid_grant","error_description":"x"}`)
	f.Add(400, "application/json", `[{"errorCode":"X","message":"y"}]`)
	f.Add(200, "application/json", `{"totalSize":1,"done":true,"records":[{}]}`)
	f.Fuzz(func(t *testing.T, status int, contentType, body string) {
		if status < 100 || status > 599 {
			return
		}
		hc := &http.Client{Transport: roundTrip(func(r *http.Request) *http.Response {
			return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {contentType}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}
		})}
		c, err := crm.New(crm.Options{BaseURL: base, HTTP: hc})
		if err != nil {
			t.Fatal(err)
		}
		check := func(token crm.Token, err error) {
			if err == nil && (token.AccessToken == "" || !client.SameSite(base, token.InstanceURL) || token.OrgID == "") {
				t.Fatalf("token %+v", token)
			}
		}
		ctx := t.Context()
		check(c.Refresh(ctx, crm.RefreshGrant{ClientID: "c", RefreshToken: "r"}))
		check(c.Login(ctx, "u", "p"))
		s := c.Session(crm.Token{AccessToken: "t", InstanceURL: base})
		_, _ = s.Query(ctx, "SELECT Id FROM User") // whatever comes: no panic
		_, _ = s.UserInfo(ctx)
		_, _ = s.ReadConnectedApps(ctx, "A")
		_, _ = c.VerifyIDToken(ctx, vault.Secret(body), "c", "n", time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	})
}
