package engagement_test

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenanttest"
)

// settings changes the tenant's settings and fails the test where that is refused.
func (s site) settings(t *testing.T, token string, change map[string]any) {
	t.Helper()
	if status, a := call(t, http.MethodPatch, s.url+"/v2/settings", token, change); status != http.StatusOK {
		t.Fatalf("settings %v: %d %v", change, status, a)
	}
}

func (s site) secret(t *testing.T, h tenanttest.House, secret string) int {
	t.Helper()
	status, _ := call(t, "POST", s.url+"/v2/token", "", map[string]any{"grant_type": "client_credentials", "client_id": h.Server, "client_secret": secret})
	return status
}

func TestSettings(t *testing.T) {
	each(t, func(t *testing.T, s site, h tenanttest.House) {
		token := s.token(t, h)
		s.settings(t, token, map[string]any{"lockout_after": 3, "my_documents": true, "ui_addresses": []string{"192.0.2.0/24"}})
		status, a := call(t, "GET", s.url+"/v2/settings", token, nil)
		if status != 200 || a["lockout_after"] != 3.0 || a["my_documents"] != true || len(a["ui_addresses"].([]any)) != 1 || a["password_days"] != 0.0 {
			t.Errorf("settings: %d %v", status, a)
		}
		for name, change := range map[string]map[string]any{
			"no such choice": {"lockout_after": 4}, "no address": {"ui_addresses": []string{"nowhere"}}, "mapped and more": {"ui_addresses": []string{"::ffff:0.0.0.0/90"}}, "negative": {"password_days": -1},
			"unknown": {"colour": "red"}, "shutting oneself out": {"api_addresses": []string{"192.0.2.1"}},
		} {
			if status, a := call(t, http.MethodPatch, s.url+"/v2/settings", token, change); status != 400 || a["errorcode"] == nil {
				t.Errorf("%s: %d %v", name, status, a)
			}
		}
		other := spec()
		if err := s.CreateTenant(t.Context(), other.Spec); err != nil {
			t.Fatal(err)
		}
		poor := s.token(t, other)
		for _, path := range []string{"/v2/settings", "/v2/packages", "/v2/sessions?username=" + h.API} {
			if status, a := call(t, "GET", s.url+path, poor, nil); status != 403 || a["errorcode"] != 20002.0 {
				t.Errorf("%s without the scope: %d %v", path, status, a)
			}
		}
	})
}

// TestSecretExpires: where nothing is set a secret lives 180 days; then who holds it is told, and who guesses is not.
func TestSecretExpires(t *testing.T) {
	each(t, func(t *testing.T, s site, h tenanttest.House) {
		describe := func(days time.Duration, secret string) string {
			if err := s.SetClock(t.Context(), int64(h.EID), days*24*time.Hour); err != nil {
				t.Fatal(err)
			}
			_, a := call(t, "POST", s.url+"/v2/token", "", map[string]any{"grant_type": "client_credentials", "client_id": h.Server, "client_secret": secret})
			text, _ := a["error_description"].(string)
			return text
		}
		if text := describe(179, tenanttest.ServerSecret); text != "" {
			t.Errorf("in time: %s", text)
		}
		if text := describe(181, tenanttest.ServerSecret); text != "The client secret has expired. Rotate it in Marketing Cloud Installed Packages." {
			t.Errorf("too late: %s", text)
		}
		if text := describe(181, "guessed-secret-0123456789"); !strings.HasPrefix(text, "Client authentication failed.") {
			t.Errorf("a guess: %s", text)
		}
	})
}

// TestSecretRotation: a client secret lives 180 days, and two are good while one is staged.
func TestSecretRotation(t *testing.T) {
	each(t, func(t *testing.T, s site, h tenanttest.House) {
		token := s.token(t, h)
		s.settings(t, token, map[string]any{"secret_days": 180})
		path := s.url + "/v2/packages/" + h.Server + "/secret"
		if status, a := call(t, "POST", path+"/activate", token, nil); status != 409 {
			t.Errorf("nothing staged: %d %v", status, a)
		}
		status, a := call(t, "POST", path, token, nil)
		fresh, _ := a["client_secret"].(string)
		if status != 200 || len(fresh) < 32 || a["expires"] == nil {
			t.Fatalf("staging: %d %v", status, a)
		}
		if s.secret(t, h, fresh) != 200 || s.secret(t, h, tenanttest.ServerSecret) != 200 {
			t.Error("while one is staged both secrets are good")
		}
		if status, a := call(t, "POST", path, token, nil); status != 409 || a["client_secret"] != nil || s.secret(t, h, fresh) != 200 {
			t.Errorf("staging beside a staged one: %d %v", status, a)
		}
		lost := fresh
		status, a = call(t, "POST", path, token, map[string]any{"replace": true})
		if fresh, _ = a["client_secret"].(string); status != 200 || s.secret(t, h, fresh) != 200 || s.secret(t, h, lost) != 401 || s.secret(t, h, tenanttest.ServerSecret) != 200 {
			t.Errorf("replacing the staged one: %d %v", status, a)
		}
		status, a = call(t, "GET", s.url+"/v2/packages", token, nil)
		if text, _ := json.Marshal(a); status != 200 || !strings.Contains(string(text), `"staged_secret":true`) || strings.Contains(string(text), fresh) {
			t.Errorf("packages: %d %s", status, text)
		}
		s.empty(t, "POST", path+"/activate", token)
		if s.secret(t, h, fresh) != 200 || s.secret(t, h, tenanttest.ServerSecret) != 401 {
			t.Error("after activation only the new secret is good")
		}
		for at, want := range map[time.Duration]int{179 * 24 * time.Hour: 200, 181 * 24 * time.Hour: 401} {
			if err := s.SetClock(t.Context(), int64(h.EID), at); err != nil {
				t.Fatal(err)
			}
			if got := s.secret(t, h, fresh); got != want {
				t.Errorf("after %v: %d, want %d", at, got, want)
			}
		}
		if status, _ := call(t, "POST", s.url+"/v2/packages/"+h.Public+"/secret", s.token2(t, h, fresh), nil); status != 400 {
			t.Errorf("a public package got a secret: %d", status)
		}
	})
}

// token2 is a token at the tenant's first moment, with another secret than the fixture's.
func (s site) token2(t *testing.T, h tenanttest.House, secret string) string {
	t.Helper()
	if err := s.SetClock(t.Context(), int64(h.EID), 0); err != nil {
		t.Fatal(err)
	}
	_, a := call(t, "POST", s.url+"/v2/token", "", map[string]any{"grant_type": "client_credentials", "client_id": h.Server, "client_secret": secret})
	token, _ := a["access_token"].(string)
	return token
}

// empty calls what answers 204.
func (s site) empty(t *testing.T, method, url, token string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if text, err := io.ReadAll(res.Body); err != nil || res.StatusCode != 204 {
		t.Fatalf("%s %s: %d %s %v", method, url, res.StatusCode, text, err)
	}
}

// TestIPAllowlist: calls from an address off the list are refused at the token endpoint, REST and SOAP.
func TestIPAllowlist(t *testing.T) {
	each(t, func(t *testing.T, s site, h tenanttest.House) {
		token := s.token(t, h)
		elsewhere := &http.Client{Transport: &http.Transport{DialContext: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}).DialContext, DisableKeepAlives: true}}
		try := func(method, path, media, body string) (int, string) {
			r, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", media)
			r.Header.Set("Authorization", "Bearer "+token)
			r.Header.Set("SOAPAction", "Retrieve")
			if path == "/v2/token" {
				r.Header.Del("Authorization")
			}
			res, err := elsewhere.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			text, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			return res.StatusCode, string(text)
		}
		credentials := `{"grant_type":"client_credentials","client_id":"` + h.Server + `","client_secret":"` + tenanttest.ServerSecret + `"}`
		envelope := `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Header>` + named(h.API, tenanttest.Password) + `</Header><Body>` + retrieveOf("Role", "", "Name") + `</Body></Envelope>`
		for _, c := range []struct {
			list []string
			in   bool
		}{{nil, true}, {[]string{"127.0.0.1"}, false}, {[]string{"127.0.0.1/32", "127.0.0.0/30"}, true}, {[]string{"127.0.0.1", "::ffff:127.0.0.0/126"}, true}} {
			if c.list == nil {
				c.list = []string{}
			}
			s.settings(t, token, map[string]any{"api_addresses": c.list})
			got, a := try("POST", "/v2/token", "application/json", credentials)
			if (got == 200) != c.in || !c.in && (got != 401 || !strings.Contains(a, "invalid_client")) {
				t.Errorf("%v: token: %d %s", c.list, got, a)
			}
			if got, a := try("GET", "/platform/v1/endpoints", "", ""); (got == 200) != c.in || !c.in && got != 401 {
				t.Errorf("%v: REST: %d %s", c.list, got, a)
			}
			if got, a := try("POST", "/Service.asmx", "text/xml", envelope); (got == 200) != c.in || !c.in && !strings.Contains(a, "Login Failed") {
				t.Errorf("%v: SOAP: %d %s", c.list, got, a)
			}
		}
	})
}

// TestRateLimits: the two shapes of 429, and SOAP's fault (engagement-wire 4).
func TestRateLimits(t *testing.T) {
	each(t, func(t *testing.T, s site, h tenanttest.House) {
		token := s.token(t, h)
		s.settings(t, token, map[string]any{"calls_per_minute": 1})
		status, a, header := 0, map[string]any{}, http.Header{}
		for range 4 { // at most one of them in each of two minutes
			if status, a, header = get(t, s.url+"/platform/v1/endpoints", token); status == 429 {
				break
			}
		}
		if status != 429 || a["message"] != "Rate limit exceeded" || a["errorcode"] != 50100.0 || a["retryAfter"] != 5.0 || header.Get("Retry-After") != "5" {
			t.Errorf("REST: %d %v %v", status, a, header)
		}
		var fault string
		for range 4 {
			fault = s.soap(t, fuel(token), "Retrieve", retrieveOf("Role", "", "Name")).value("faultstring")
			if fault != "" {
				break
			}
		}
		if fault != "Rate limit exceeded" {
			t.Errorf("SOAP: %q", fault)
		}
	})
}

func TestTokenRateLimit(t *testing.T) {
	each(t, func(t *testing.T, s site, h tenanttest.House) {
		s.settings(t, s.token(t, h), map[string]any{"tokens_per_minute": 1})
		for range 4 {
			status, a := call(t, "POST", s.url+"/v2/token", "", map[string]any{"grant_type": "client_credentials", "client_id": h.Server, "client_secret": tenanttest.ServerSecret})
			if status == 200 {
				continue
			}
			if status != 429 || a["message"] != "Your requests are temporarily blocked." || a["errorcode"] != 50200.0 || a["documentation"] == "" || a["error"] != nil {
				t.Errorf("token: %d %v", status, a)
			}
			return
		}
		t.Error("never limited")
	})
}

func get(t *testing.T, url, token string) (int, map[string]any, http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var a map[string]any
	if err := json.NewDecoder(res.Body).Decode(&a); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, a, res.Header
}

// TestPasswordRulesOfAPIUsers: name and password for web services follow expiry, inactivity and their own switch.
func TestPasswordRulesOfAPIUsers(t *testing.T) {
	each(t, func(t *testing.T, s site, h tenanttest.House) {
		api := func() bool {
			return s.soap(t, named(h.API, tenanttest.Password), "Retrieve", retrieveOf("Role", "", "Name")).value("OverallStatus") == "OK"
		}
		at := func(days int) string {
			t.Helper()
			if err := s.SetClock(t.Context(), int64(h.EID), time.Duration(days)*24*time.Hour); err != nil {
				t.Fatal(err)
			}
			return s.token(t, h)
		}
		for _, c := range []struct {
			name   string
			change map[string]any
			after  int
			open   bool
		}{
			{"as it is", map[string]any{}, 170, true},
			{"switched off", map[string]any{"no_soap_passwords": true}, 0, false},
			{"expiry excludes API users", map[string]any{"no_soap_passwords": false, "password_days": 90}, 91, true},
			{"expiry of API users, in time", map[string]any{"api_passwords_expire": true}, 89, true},
			{"expiry of API users", map[string]any{}, 91, false},
			{"inactive, in time", map[string]any{"password_days": 0, "inactive_days": 30}, 29, true},
			{"inactive", map[string]any{}, 31, false}, // calls by SOAP were no activity
		} {
			s.settings(t, at(c.after), c.change)
			if api() != c.open {
				t.Errorf("%s: open is %v", c.name, !c.open)
			}
		}
		// A right password that opens no web services is no wrong one: AuthorizationFailure, 11 (engagement-wire 3).
		off := at(0)
		s.settings(t, off, map[string]any{"inactive_days": 0, "api_passwords_expire": false})
		for _, c := range []struct {
			change             map[string]any
			name, password, is string
		}{
			{nil, h.Sender, tenanttest.Password, "no API user"},
			{nil, h.Sender, "wrong password", "Login Failed"},
			{nil, h.API, tenanttest.Password, ""},
			{map[string]any{"no_soap_passwords": true}, h.API, tenanttest.Password, "off in this account"},
			{nil, h.API, "wrong password", "Login Failed"},
		} {
			if c.change != nil {
				s.settings(t, off, c.change)
			}
			answer := s.soap(t, named(c.name, c.password), "Retrieve", retrieveOf("Role", "", "Name"))
			code := ""
			if strings.Contains(c.is, " API user") || strings.Contains(c.is, "account") {
				code = "11"
			}
			if !strings.Contains(answer.value("faultstring"), c.is) || c.is == "" && answer.value("OverallStatus") != "OK" || answer.value("detail", "apifault", "Code") != code {
				t.Errorf("%s, %q: %+v", c.name, c.is, answer)
			}
		}
	})
}
