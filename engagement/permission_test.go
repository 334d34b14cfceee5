package engagement_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenanttest"
	"github.com/twinspan/twinspan/internal/oauth"
)

var formToken = regexp.MustCompile(`name="form_token" value="([^"]+)"`)

// signIn goes through the sign-in page of the connect package, which makes the user's grant anew, and gives his token.
func (s site) signIn(t *testing.T, h tenanttest.House, username string) string {
	t.Helper()
	return s.signInTo(t, h.Connect, "", username)
}

// signInTo goes through the sign-in page of a package, and gives the user's token for it.
func (s site) signInTo(t *testing.T, client, secret, username string) string {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	verifier := oauth.NewVerifier()
	page := s.url + "/v2/authorize?" + url.Values{
		"response_type": {"code"}, "client_id": {client}, "redirect_uri": {tenanttest.RedirectURI}, "code_challenge": {oauth.Challenge(verifier)}, "code_challenge_method": {"S256"},
	}.Encode()
	text := body(t, browser.Get, page)
	found := formToken.FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("no form: %s", text)
	}
	res, err := browser.PostForm(page, url.Values{"form_token": {found[1]}, "username": {username}, "password": {tenanttest.Password}})
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		t.Fatal(err)
	}
	to, err := res.Location()
	if err != nil || to.Query().Get("code") == "" {
		t.Fatalf("signed in: %d %v", res.StatusCode, err)
	}
	exchange := map[string]any{
		"grant_type": "authorization_code", "client_id": client, "code": to.Query().Get("code"), "redirect_uri": tenanttest.RedirectURI, "code_verifier": verifier,
	}
	if secret != "" {
		exchange["client_secret"] = secret
	}
	status, a := call(t, "POST", s.url+"/v2/token", "", exchange)
	token, _ := a["access_token"].(string)
	if status != 200 || token == "" {
		t.Fatalf("code: %d %v", status, a)
	}
	return token
}

func body(t *testing.T, get func(string) (*http.Response, error), url string) string {
	t.Helper()
	res, err := get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var b strings.Builder
	if err := res.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// byAssertion is the token that the connect package gets for the user by its key; "" where he has no grant.
func (s site) byAssertion(t *testing.T, h tenanttest.House, username string) string {
	t.Helper()
	signed, err := oauth.SignAssertion(tenanttest.Key(), "", oauth.Claims{
		Issuer: h.Connect, Subject: username, Audience: s.url + "/", ID: oauth.NewToken(16), Expires: time.Now().Add(3 * time.Minute),
	})
	if err != nil {
		t.Fatal(err)
	}
	status, a := call(t, "POST", s.url+"/v2/token", "", map[string]any{"grant_type": oauth.GrantJWTBearer, "assertion": signed})
	token, _ := a["access_token"].(string)
	if status != 200 && a["error"] != "invalid_grant" {
		t.Fatalf("assertion: %d %v", status, a)
	}
	return token
}

// TestGrantsKeepTheirPermissions: a grant made before a change of roles goes on as its snapshot says, allowed or refused,
// also for tokens that come of it later; cleared and made anew, it does not (document 000's "cached" permissions).
func TestGrantsKeepTheirPermissions(t *testing.T) {
	each(t, func(t *testing.T, s site, h tenanttest.House) {
		n := 0
		send := func(token string) int {
			t.Helper()
			n++
			status, _ := call(t, "POST", s.url+"/messaging/v1/email/messages/m"+strings.Repeat("x", n), token, map[string]any{
				"definitionKey": "welcome", "recipient": map[string]any{"contactKey": "c", "to": "ann@example.com"},
			})
			return status
		}
		roles := func(remove string) {
			t.Helper()
			var b strings.Builder
			for _, key := range []string{"SYS_DEF_IMHPUBLISHER"} {
				b.WriteString(`<Role><CustomerKey>` + key + `</CustomerKey><AssignmentConfigurations><AssignmentConfiguration><AssignmentConfigureType>RoleUser</AssignmentConfigureType><IsDelete>` + remove + `</IsDelete></AssignmentConfiguration></AssignmentConfigurations></Role>`)
			}
			written(t, s.soap(t, named(h.API, tenanttest.Password), "Update", updateUser(`<UserID>`+h.Sender+`</UserID><Roles>`+b.String()+`</Roles>`)), "OK", "")
		}
		clearGrant := func(token string) {
			t.Helper()
			if status := s.status(t, "DELETE", "/v2/grants/"+url.PathEscape(h.Sender), token); status != 204 {
				t.Fatalf("clearing: %d", status)
			}
			if s.byAssertion(t, h, h.Sender) != "" {
				t.Error("a cleared grant gives tokens")
			}
		}
		for _, c := range []struct {
			name        string
			remove      string
			before, now int
		}{
			{"the role taken away", "true", 202, 403},
			{"and given back", "false", 403, 202},
		} {
			token := s.signIn(t, h, h.Sender)
			if got := send(token); got != c.before {
				t.Fatalf("%s, before: %d", c.name, got)
			}
			roles(c.remove)
			for _, old := range []string{token, s.byAssertion(t, h, h.Sender)} {
				if got := send(old); got != c.before {
					t.Errorf("%s: the grant of before answers %d, want %d", c.name, got, c.before)
				}
			}
			clearGrant(token)
			if got := send(token); got != 401 {
				t.Errorf("%s: a token of the cleared grant answers %d", c.name, got)
			}
			if got := send(s.signIn(t, h, h.Sender)); got != c.now {
				t.Errorf("%s: the new grant answers %d, want %d", c.name, got, c.now)
			}
		}
	})
}

// status is the status of a call without a body.
func (s site) status(t *testing.T, method, path, token string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode
}

// TestReadsNeedThePermission: through a web package a user has what the package's scopes and his own permissions have in
// common, for reading too, and a denial wins (engagement-wire 2.7); SOAP's Retrieve alone looks at scopes only (3).
func TestReadsNeedThePermission(t *testing.T) {
	each(t, func(t *testing.T, s site, h tenanttest.House) {
		admin, nobody := named(h.API, tenanttest.Password), "nobody@"+h.Server
		_, a := call(t, "POST", s.url+"/v2/packages", s.token(t, h), map[string]any{
			"name": "Reader", "type": "web", "redirect_uris": []string{tenanttest.RedirectURI},
			"scopes": []string{"email_read", "data_extensions_read", "list_and_subscribers_read", "accounts_read", "users_read", "documents_and_images_read"},
		})
		client, _ := a["client_id"].(string)
		secret, _ := a["client_secret"].(string)
		written(t, s.soap(t, admin, "Create", createUser(`<UserID>`+nobody+`</UserID><Name>N</Name><Email>n@example.com</Email><Password>`+tenanttest.Password+`</Password><MustChangePassword>false</MustChangePassword>`)), "OK", "")
		written(t, s.soap(t, admin, "Create", `<CreateRequest`+api+`><Objects xsi:type="Role"><CustomerKey>no-data</CustomerKey><Name>No data</Name><PermissionSets><PermissionSet><Name>DataExtensions</Name><IsDenied>true</IsDenied></PermissionSet></PermissionSets></Objects></CreateRequest>`), "OK", "")
		written(t, s.soap(t, admin, "Update", updateUser(`<UserID>`+h.Sender+`</UserID><Roles><Role><CustomerKey>no-data</CustomerKey></Role></Roles>`)), "OK", "")
		tokens := map[string]string{}
		for _, user := range []string{nobody, h.Analyst, h.Sender, h.Admin} {
			tokens[user] = s.signInTo(t, client, secret, user)
		}
		// In Enterprise 2.0 a Marketing Cloud Administrator reads nothing, through whichever package: what he may is what his
		// roles say.
		api := "mca@" + h.Server
		written(t, s.soap(t, admin, "Create", createUser(`<UserID>`+api+`</UserID><Name>N</Name><Email>n@example.com</Email><Password>`+tenanttest.Password+`</Password><IsAPIUser>true</IsAPIUser><Roles><Role><CustomerKey>SYS_DEF_IMHADMIN</CustomerKey></Role></Roles>`)), "OK", "")
		tokens[api], tokens["connected "+api], tokens["connected "+nobody] = s.signInTo(t, client, secret, api), s.signIn(t, h, api), s.signIn(t, h, nobody)
		const rows, emails = "/data/v1/customobjectdata/key/none/rowset", "/messaging/v1/email/definitions"
		for _, c := range []struct {
			user, path string
			want       int
		}{
			{nobody, rows, 403},
			{nobody, emails, 403},
			{nobody, "/asset/v1/content/assets", 403},
			{nobody, "/messaging/v1/domainverification", 403},
			{nobody, "/platform/v1/setup/quickflow/data", 403},
			{nobody, "/v2/sends?state=sent", 403},
			{nobody, "/v2/settings", 403},
			{nobody, "/v2/packages", 403},
			{nobody, "/v2/sessions?username=" + nobody, 403},
			{nobody, "/v2/business-units/" + number(h.North) + "/roles", 403},
			{nobody, "/platform/v1/endpoints", 200}, // needs no permission
			{api, emails, 403},
			{"connected " + api, emails, 403},
			{"connected " + nobody, emails, 403},
			{h.Analyst, emails, 200},
			{h.Analyst, rows, 403},
			{h.Sender, emails, 200},
			{h.Sender, rows, 403}, // a Data Manager, to whom it is denied
			{h.Admin, rows, 404},
			{h.Admin, "/v2/settings", 200},
			{h.Admin, "/v2/sessions?username=" + nobody, 200},
		} {
			if got := s.status(t, "GET", c.path, tokens[c.user]); got != c.want {
				t.Errorf("%s, %s: %d, want %d", c.user, c.path, got, c.want)
			}
		}
		for _, object := range []string{"DataExtension", "Subscriber"} {
			if got := s.soap(t, fuel(tokens[nobody]), "Retrieve", retrieveOf(object, "", "CustomerKey")).value("OverallStatus"); got == "Error: API Permission Failed." {
				t.Errorf("Retrieve of %s: %s", object, got)
			}
		}
		if got := s.soap(t, fuel(tokens[nobody]), "Retrieve", retrieveOf("DataExtensionObject[none]", "", "A")).value("OverallStatus"); got == "Error: API Permission Failed." {
			t.Errorf("Retrieve of rows: %s", got)
		}
	})
}
