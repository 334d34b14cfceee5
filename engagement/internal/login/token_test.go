package login_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenanttest"
)

func TestClientCredentials(t *testing.T) {
	each(t, func(h *house) {
		a := h.token(h.server(nil))
		token := h.granted(a)
		if a.str("token_type") != "Bearer" || a.body["expires_in"] != float64(1079) || a.body["refresh_token"] != nil {
			h.Fatalf("answer: %s", a.text)
		}
		if a.str("scope") != "email_read email_send email_write list_and_subscribers_read data_extensions_read" {
			h.Fatalf("scope: %q", a.str("scope"))
		}
		for _, name := range []string{"rest_instance_url", "soap_instance_url"} {
			if a.str(name) != h.url+"/" {
				h.Fatalf("%s: %q", name, a.str(name))
			}
		}
		if len(token) > 512 || !strings.Contains(a.header.Get("Cache-Control"), "no-store") {
			h.Fatalf("token of %d characters, %v", len(token), a.header)
		}
		p, err := h.auth.Token(h.Context(), token)
		if err != nil || p.Tenant != h.EID || int64(p.MID) != int64(h.EID) || p.ClientID != h.Server || !p.Can("Email.Send") || !p.HasScope("email_send") || p.UserID == 0 {
			h.Fatalf("principal: %+v %v", p, err)
		}
		if p.HasScope("users_write") || p.Can("Users.Write") {
			h.Fatal("more than the package has")
		}
		// Tokens of one client are valid in parallel (engagement-wire 9.1).
		second := h.granted(h.token(h.server(nil)))
		if second == token || !h.alive(token) || !h.alive(second) {
			h.Fatal("a new token ended the old one")
		}
	})
}

func TestTokenLife(t *testing.T) {
	each(t, func(h *house) {
		token := h.granted(h.token(h.server(nil)))
		h.advance(1199 * time.Second)
		if !h.alive(token) {
			h.Fatal("dead before 1200 s")
		}
		h.advance(2 * time.Second)
		if h.alive(token) {
			h.Fatal("alive after 1200 s")
		}
		a := h.get("/v2/userinfo", token)
		if a.status != 401 || a.body["errorcode"] != float64(0) || a.str("message") != "Not Authorized" {
			h.Fatalf("401: %s", a.text)
		}
		if v := a.header.Get("WWW-Authenticate"); !strings.HasPrefix(v, "Bearer ") || !strings.Contains(v, "invalid_token") {
			h.Fatalf("WWW-Authenticate: %q", v)
		}
	})
}

// TestTokenRequestsOfClients sends the bodies of engagement-wire 9.1.
func TestTokenRequestsOfClients(t *testing.T) {
	each(t, func(h *house) {
		north := int64(h.North)
		for name, a := range map[string]answer{
			"number":         h.token(h.server(m{"account_id": north})),
			"text":           h.token(h.server(m{"account_id": h.text(north)})),
			"null":           h.do(h.request("POST", "/v2/token", "application/json; charset=utf-8", `{"grant_type":"client_credentials","client_id":"`+h.Server+`","client_secret":"`+tenanttest.ServerSecret+`","account_id":null,"more":[1]}`)),
			"form":           h.form(url.Values{"grant_type": {"client_credentials"}, "client_id": {h.Server}, "client_secret": {tenanttest.ServerSecret}, "account_id": {h.text(north)}}),
			"upper path":     h.do(h.request("POST", "/V2/Token/", "application/json", h.json(h.server(nil)))),
			"double slash":   h.do(h.request("POST", "//v2//token", "application/json", h.json(h.server(nil)))),
			"path prefix":    h.do(h.request("POST", "/https://mc563885gzs27c5t9-63k636ttgm.auth.marketingcloudapis.com/v2/token", "application/json", h.json(h.server(nil)))),
			"query appended": h.do(h.request("POST", "/v2/token?x=https://mc.auth.marketingcloudapis.com/v2/token", "application/json", h.json(h.server(nil)))),
		} {
			h.granted(a)
			want := int64(h.EID)
			if name == "number" || name == "text" || name == "form" {
				want = north
			}
			if p, err := h.auth.Token(h.Context(), a.str("access_token")); err != nil || int64(p.MID) != want {
				h.Errorf("%s: MID %d, want %d, %v", name, p.MID, want, err)
			}
		}
		r := h.request("POST", "/v2/token", "application/x-www-form-urlencoded", "grant_type=client_credentials")
		r.SetBasicAuth(h.Server, tenanttest.ServerSecret)
		h.granted(h.do(r))
	})
}

func TestTokenErrors(t *testing.T) {
	each(t, func(h *house) {
		other := tenanttest.Spec()
		h.make(other)
		const unknown = "Invalid client ID. Use the client ID in Marketing Cloud Installed Packages."
		const refused = "Client authentication failed. Make sure that the client ID and client secret are valid and that the package is installed and enabled."
		const account = "The account_id is not a business unit that this integration can use."
		for name, c := range map[string]struct {
			change m
			status int
			code   string
			text   string
		}{
			"no grant type":        {m{"grant_type": nil}, 400, "invalid_request", ""},
			"unknown grant type":   {m{"grant_type": "password"}, 400, "unsupported_grant_type", `Use "authorization_code" or "refresh_token" or "client_credentials" or "urn:ietf:params:oauth:grant-type:jwt-bearer" as the grant_type.`},
			"grant type in case":   {m{"grant_type": "Client_Credentials"}, 400, "unsupported_grant_type", ""},
			"grant type and blank": {m{"grant_type": "client_credentials "}, 400, "unsupported_grant_type", ""},
			"no client":            {m{"client_id": nil}, 400, "invalid_request", ""},
			"unknown client":       {m{"client_id": "nobodynobodynobodynobody"}, 401, "invalid_client", unknown},
			"client in case":       {m{"client_id": strings.ToUpper(h.Server)}, 401, "invalid_client", unknown},
			"client of 10 KB":      {m{"client_id": strings.Repeat("x", 10240)}, 401, "invalid_client", unknown},
			"client of SQL":        {m{"client_id": "' OR 1=1 --"}, 401, "invalid_client", unknown},
			"wrong secret":         {m{"client_secret": "wrong"}, 401, "invalid_client", refused},
			"no secret":            {m{"client_secret": nil}, 401, "invalid_client", refused},
			"empty secret":         {m{"client_secret": ""}, 401, "invalid_client", refused},
			"another's secret":     {m{"client_id": h.Web}, 401, "invalid_client", refused},
			"web package":          {m{"client_id": h.Web, "client_secret": tenanttest.WebSecret}, 401, "unauthorized_client", ""},
			"connect package":      {m{"client_id": h.Connect}, 401, "unauthorized_client", ""},
			"public package":       {m{"client_id": h.Public, "client_secret": "whatever"}, 401, "unauthorized_client", ""},
			"unknown scope":        {m{"scope": "email_read nonsense"}, 400, "invalid_scope", ""},
			"extra scope":          {m{"scope": "users_read"}, 400, "invalid_scope", ""},
			"offline":              {m{"scope": "offline"}, 400, "invalid_scope", ""},
			"unknown account":      {m{"account_id": 999999998}, 400, "invalid_request", account},
			"foreign account":      {m{"account_id": int64(other.North)}, 400, "invalid_request", account},
			"negative account":     {m{"account_id": -1}, 400, "invalid_request", account},
			"exponent account":     {m{"account_id": 1e9}, 400, "invalid_request", account},
			"fraction account":     {m{"account_id": float64(h.North) + 0.5}, 400, "invalid_request", account},
			"over int64":           {m{"account_id": "9223372036854775808"}, 400, "invalid_request", account},
			"SQL account":          {m{"account_id": "1 OR 1=1"}, 400, "invalid_request", account},
			"array account":        {m{"account_id": []int64{int64(h.North)}}, 400, "invalid_request", account},
			"empty account":        {m{"account_id": ""}, 400, "invalid_request", account},
			"zero-padded account":  {m{"account_id": "0" + h.text(int64(h.North))}, 400, "invalid_request", account},
			"no assertion":         {m{"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer"}, 400, "invalid_request", ""},
			"secret as number":     {m{"client_secret": 17}, 400, "invalid_request", ""},
		} {
			a := h.token(h.server(c.change))
			if a.status != c.status || a.str("error") != c.code || c.text != "" && a.str("error_description") != c.text || a.body["access_token"] != nil {
				h.Errorf("%s: got %d %s", name, a.status, a.text)
			}
		}
	})
}

func TestTokenBodies(t *testing.T) {
	each(t, func(h *house) {
		good := h.json(h.server(nil))
		form := url.Values{"grant_type": {"client_credentials"}, "client_id": {h.Server}, "client_secret": {tenanttest.ServerSecret}}.Encode()
		const isForm = "application/x-www-form-urlencoded"
		for name, c := range map[string]struct {
			contentType, body string
			status            int
		}{
			"text":            {"text/plain", good, 415},
			"multipart":       {"multipart/form-data; boundary=x", good, 415},
			"no type":         {"", good, 415},
			"other charset":   {"application/json; charset=latin1", good, 415},
			"too large":       {"application/json", strings.Repeat(" ", 33<<10) + good, 413},
			"trailing junk":   {"application/json", good + "{}", 400},
			"no object":       {"application/json", `["client_credentials"]`, 400},
			"empty":           {"application/json", "", 400},
			"key twice":       {"application/json", `{"grant_type":"client_credentials","grant_type":"client_credentials"}`, 400},
			"key in capitals": {"application/json", strings.Replace(good, "grant_type", "Grant_Type", 1), 400},
			"form as JSON":    {"application/json", form, 400},
			"JSON as form":    {isForm, good, 400},
			"field twice":     {isForm, form + "&client_id=x", 400},
			"bad escape":      {isForm, form + "&x=%zz", 400},
			"NUL":             {isForm, strings.Replace(form, h.Server, h.Server+"%00", 1), 400},
		} {
			a := h.do(h.request("POST", "/v2/token", c.contentType, c.body))
			if a.status != c.status || a.str("error") != "invalid_request" {
				h.Errorf("%s: got %d %s", name, a.status, a.text)
			}
		}
		// Parameters in the URL are not looked at.
		if a := h.do(h.request("POST", "/v2/token?"+form, isForm, "")); a.status != 400 {
			h.Errorf("parameters in the URL: %d %s", a.status, a.text)
		}
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			if a := h.do(h.request(method, "/v2/token?"+form, "", "")); a.status != 405 || a.body["access_token"] != nil {
				h.Errorf("%s: %d %s", method, a.status, a.text)
			}
		}
	})
}

func TestBasic(t *testing.T) {
	each(t, func(h *house) {
		for name, c := range map[string]struct {
			user, password, header string
			body                   url.Values
			want                   int
		}{
			"right":            {h.Server, tenanttest.ServerSecret, "", nil, 200},
			"same in the body": {h.Server, tenanttest.ServerSecret, "", url.Values{"client_id": {h.Server}, "client_secret": {tenanttest.ServerSecret}}, 200},
			"another in body":  {h.Server, tenanttest.ServerSecret, "", url.Values{"client_id": {h.Web}}, 401},
			"other secret":     {h.Server, tenanttest.ServerSecret, "", url.Values{"client_secret": {"x"}}, 401},
			"wrong":            {h.Server, "wrong", "", nil, 401},
			"no base64":        {"", "", "Basic !!!", nil, 401},
			"another scheme":   {"", "", "Bearer abc", nil, 401},
		} {
			form := url.Values{"grant_type": {"client_credentials"}}
			for k, v := range c.body {
				form[k] = v
			}
			r := h.request("POST", "/v2/token", "application/x-www-form-urlencoded", form.Encode())
			if c.header != "" {
				r.Header.Set("Authorization", c.header)
			} else {
				r.SetBasicAuth(c.user, c.password)
			}
			a := h.do(r)
			if a.status != c.want || c.want == 401 && (a.str("error") != "invalid_client" || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Basic")) {
				h.Errorf("%s: got %d %s %v", name, a.status, a.text, a.header)
			}
		}
	})
}

func TestScopes(t *testing.T) {
	each(t, func(h *house) {
		for name, c := range map[string]struct {
			scope any
			want  string
		}{
			"narrow": {"email_send  email_read", "email_send email_read"},
			"twice":  {"email_send email_send", "email_send"},
			"none":   {"", ""},
			"blank":  {" ", ""},
			"null":   {nil, "email_read email_send email_write list_and_subscribers_read data_extensions_read"},
		} {
			a := h.token(h.server(m{"scope": c.scope}))
			token := h.granted(a)
			if got, there := a.body["scope"].(string); got != c.want || !there {
				h.Errorf("%s: scope %v", name, a.body["scope"])
			}
			p, err := h.auth.Token(h.Context(), token)
			if err != nil || strings.Join(p.Scopes, " ") != c.want || p.HasScope("email_write") != (name == "null") {
				h.Errorf("%s: principal %+v %v", name, p, err)
			}
			// mcdev sends back the whole list that was issued.
			h.granted(h.token(h.server(m{"scope": a.str("scope")})))
		}
	})
}

func TestDisabledPackageAndUser(t *testing.T) {
	each(t, func(h *house) {
		token := h.granted(h.token(h.server(nil)))
		h.activate(h.Server, false)
		h.refused(h.token(h.server(nil)), 401, "invalid_client")
		if h.alive(token) {
			h.Fatal("the token of a disabled package is honoured")
		}
		h.activate(h.Server, true)
		if h.alive(token) {
			h.Fatal("enabling brought the token back")
		}
		token = h.granted(h.token(h.server(nil)))
		h.sql(`UPDATE account_user SET is_active = 0 WHERE eid = $1 AND password_hash IS NULL`, int64(h.EID))
		h.refused(h.token(h.server(nil)), 401, "invalid_client")
		if h.alive(token) {
			h.Fatal("the token of a disabled app user is honoured")
		}
	})
}

func TestDisabledBusinessUnit(t *testing.T) {
	each(t, func(h *house) {
		h.granted(h.token(h.server(m{"account_id": int64(h.South)})))
		h.sql(`UPDATE business_unit SET is_active = 0 WHERE mid = $1`, int64(h.South))
		h.refused(h.token(h.server(m{"account_id": int64(h.South)})), 400, "invalid_request")
		h.sql(`UPDATE installed_package SET mids = $2 WHERE client_id = $1`, h.Server, "["+h.text(int64(h.North))+"]")
		h.granted(h.token(h.server(m{"account_id": int64(h.North)})))
		h.refused(h.token(h.server(m{"account_id": int64(h.EID)})), 400, "invalid_request")
		h.refused(h.token(h.server(nil)), 400, "invalid_request")
	})
}

func TestSecretExpires(t *testing.T) {
	each(t, func(h *house) {
		h.sql(`UPDATE installed_package SET secret_expires_at = $2 WHERE client_id = $1`, h.Server, time.Now().Add(180*24*time.Hour).UnixMilli())
		h.granted(h.token(h.server(nil)))
		h.advance(180*24*time.Hour + time.Minute)
		h.refused(h.token(h.server(nil)), 401, "invalid_client")
	})
}

func TestForeignTokens(t *testing.T) {
	each(t, func(h *house) {
		token := h.granted(h.token(h.server(nil)))
		for name, text := range map[string]string{
			"none": "", "cut": token[:len(token)-1], "longer": token + "x", "last changed": token[:len(token)-1] + string(token[len(token)-1]^1),
			"as refresh": "r" + token[1:], "as code": "c" + token[1:], "another number": token[:11] + string(token[11]^1) + token[12:],
			"random": "a" + strings.Repeat("z", len(token)-1), "zeros": "a" + strings.Repeat("0", len(token)-1), "long": strings.Repeat("a", 4096),
		} {
			if a := h.get("/v2/userinfo", text); a.status != 401 {
				h.Errorf("%s: %d", name, a.status)
			}
		}
		if a := h.token(m{"grant_type": "refresh_token", "client_id": h.Web, "client_secret": tenanttest.WebSecret, "refresh_token": token}); a.status != 400 {
			h.Errorf("access token as refresh token: %d", a.status)
		}
	})
}

func TestLegacyToken(t *testing.T) {
	each(t, func(h *house) {
		post := func(id, secret string) answer {
			return h.do(h.request("POST", "/v1/requestToken?legacy=1", "application/json", h.json(m{"clientId": id, "clientSecret": secret, "accessType": "offline"})))
		}
		if a := post(h.Server, tenanttest.ServerSecret); a.status != 400 || a.body["errorcode"] != float64(10007) {
			h.Errorf("right: %d %s", a.status, a.text)
		}
		for _, a := range []answer{post(h.Server, "wrong"), post("nobody", "x"), post("", "")} {
			if a.status != 401 || a.body["errorcode"] != float64(1) || a.str("message") != "Unauthorized" {
				h.Errorf("wrong: %d %s", a.status, a.text)
			}
		}
	})
}
