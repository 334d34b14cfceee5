package oauth_test

import (
	"encoding/base64"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
)

func TestNewToken(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	counts := map[rune]int{}
	for range 2000 {
		tok := oauth.NewToken(32)
		if !regexp.MustCompile(`^[0-9A-Za-z]{43}$`).MatchString(tok) || seen[tok] {
			t.Fatalf("token %q", tok)
		}
		seen[tok] = true
		for _, c := range tok {
			counts[c]++
		}
	}
	// 86,000 characters over 62: each about 1,387 times, standard deviation 37.
	for c, n := range counts {
		if n < 1387-7*37 || n > 1387+7*37 {
			t.Errorf("%c comes %d times", c, n)
		}
	}
	for n, length := range map[int]int{1: 2, 16: 22, 64: 86} {
		if got := len(oauth.NewToken(n)); got != length {
			t.Errorf("%d bytes give %d characters, want %d", n, got, length)
		}
	}
}

func TestEqualSecret(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want bool
	}{{"secret", "secret", true}, {"secret", "Secret", false}, {"secret", "secre", false}, {"", "", false}, {"", "x", false}} {
		if got := oauth.EqualSecret(c.a, c.b); got != c.want {
			t.Errorf("%q, %q: %v", c.a, c.b, got)
		}
	}
}

func TestBasicAuth(t *testing.T) {
	t.Parallel()
	basic := func(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }
	for _, c := range []struct {
		name       string
		header     []string
		id, secret string
		ok         bool
	}{
		{"plain", []string{basic("id:secret")}, "id", "secret", true},
		{"encoded", []string{basic("a%3Ab:s%25+t")}, "a:b", "s% t", true},
		{"colon in the secret", []string{basic("id:a:b")}, "id", "a:b", true},
		{"no secret", []string{basic("id:")}, "id", "", true},
		{"lower-case scheme", []string{strings.Replace(basic("id:s"), "Basic", "basic", 1)}, "id", "s", true},
		{"bad escape", []string{basic("id:%zz")}, "", "", false},
		{"no id", []string{basic(":s")}, "", "", false},
		{"no colon", []string{basic("id")}, "", "", false},
		{"not base64", []string{"Basic !!!"}, "", "", false},
		{"bearer", []string{"Bearer abc"}, "", "", false},
		{"twice", []string{basic("a:b"), basic("c:d")}, "", "", false},
		{"none", nil, "", "", false},
		{"long", []string{basic("id:" + strings.Repeat("s", 9000))}, "", "", false},
	} {
		r := httptest.NewRequest("POST", "/", nil)
		r.Header["Authorization"] = c.header
		id, secret, ok := oauth.BasicAuth(r)
		if id != c.id || secret != c.secret || ok != c.ok {
			t.Errorf("%s: %q %q %v", c.name, id, secret, ok)
		}
	}
}

func TestBearer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		header []string
		also   []string
		want   string
	}{
		{[]string{"Bearer abc"}, nil, "abc"},
		{[]string{"bearer  abc "}, nil, "abc"},
		{[]string{"OAuth abc"}, []string{"OAuth"}, "abc"},
		{[]string{"OAuth abc"}, nil, ""},
		{[]string{"Bearer"}, nil, ""},
		{[]string{"Bearer "}, nil, ""},
		{[]string{"abc"}, nil, ""},
		{[]string{"Bearer a", "Bearer b"}, nil, ""},
		{nil, nil, ""},
	} {
		r := httptest.NewRequest("GET", "/?access_token=fromtheurl", nil)
		r.Header["Authorization"] = c.header
		if got, ok := oauth.Bearer(r, c.also...); got != c.want || ok != (c.want != "") {
			t.Errorf("%q: %q, %v, want %q", c.header, got, ok, c.want)
		}
	}
}

func TestPKCE(t *testing.T) {
	t.Parallel()
	// The example of RFC 7636 appendix B.
	const verifier, challenge = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
	if got := oauth.Challenge(verifier); got != challenge {
		t.Fatalf("challenge %q, want %q", got, challenge)
	}
	long := strings.Repeat("a", 171) // jsforce, sf CLI
	for _, c := range []struct {
		name, challenge, method, verifier string
		want                              fault.Code
	}{
		{"S256", challenge, "S256", verifier, ""},
		{"no method means S256", challenge, "", verifier, ""},
		{"171 characters", oauth.Challenge(long), "", long, ""},
		{"256 characters", oauth.Challenge(strings.Repeat("a", 256)), "S256", strings.Repeat("a", 256), ""},
		{"no PKCE", "", "", "", ""},
		{"257 characters", oauth.Challenge(strings.Repeat("a", 257)), "S256", strings.Repeat("a", 257), oauth.CodeInvalidVerifier},
		{"42 characters", oauth.Challenge(strings.Repeat("a", 42)), "S256", strings.Repeat("a", 42), oauth.CodeInvalidVerifier},
		{"missing verifier", challenge, "S256", "", oauth.CodeInvalidVerifier},
		{"another verifier", challenge, "S256", verifier[:42] + "l", oauth.CodeInvalidVerifier},
		{"other case", challenge, "S256", strings.ToUpper(verifier), oauth.CodeInvalidVerifier},
		{"challenge as verifier", challenge, "S256", challenge, oauth.CodeInvalidVerifier},
		{"plain", verifier, "plain", verifier, oauth.CodeInvalidVerifier},
		{"white space", oauth.Challenge(strings.Repeat(" ", 43)), "S256", strings.Repeat(" ", 43), oauth.CodeInvalidVerifier},
		{"not ASCII", oauth.Challenge(strings.Repeat("é", 43)), "S256", strings.Repeat("é", 43), oauth.CodeInvalidVerifier},
		{"downgrade", "", "", verifier, oauth.CodeUnexpectedVerifier},
	} {
		if err := oauth.VerifyPKCE(c.challenge, c.method, c.verifier); fault.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	for _, c := range []struct {
		challenge, method string
		ok                bool
	}{
		{challenge, "S256", true},
		{challenge, "", true},
		{"", "", true},
		{"", "S256", false},
		{challenge, "plain", false},
		{challenge, "s256", false},
		{challenge, "S512", false},
		{challenge[:42], "S256", false},
		{challenge + "A", "S256", false},
		{challenge + "=", "S256", false},
		{challenge[:42] + "/", "S256", false},
		{challenge[:42] + "N", "S256", false},
	} {
		if err := oauth.CheckChallenge(c.challenge, c.method); (err == nil) != c.ok {
			t.Errorf("challenge %q, method %q: %v", c.challenge, c.method, err)
		}
	}
	if v := oauth.NewVerifier(); oauth.VerifyPKCE(oauth.Challenge(v), "S256", v) != nil || v == oauth.NewVerifier() {
		t.Errorf("verifier %q", v)
	}
}

func TestMatchRedirect(t *testing.T) {
	t.Parallel()
	registered := []string{"https://app.example/cb", "http://localhost:1717/OauthRedirect", "http://127.0.0.1/callback?x=1", "http://[::1]:5/cb", "http://intern.example:80/cb", "com.example.app:/cb"}
	for got, want := range map[string]bool{
		"https://app.example/cb": true, "http://localhost:1717/OauthRedirect": true, "http://localhost:9999/OauthRedirect": true, "http://localhost/OauthRedirect": true,
		"http://127.0.0.1:5000/callback?x=1": true, "http://[::1]:1/cb": true, "com.example.app:/cb": true, "http://intern.example:80/cb": true,
		"":                                            false,
		"https://app.example/cb/":                     false,
		"https://app.example/CB":                      false,
		"https://App.example/cb":                      false,
		"https://app.example/cb?a=1":                  false,
		"https://app.example/cb#f":                    false,
		"https://app.example:443/cb":                  false,
		"http://app.example/cb":                       false,
		"https://app.example.evil/cb":                 false,
		"https://app.example@evil/cb":                 false,
		"https://evil\\@app.example/":                 false,
		"https://app.example/%63b":                    false,
		"https://app.example/%2563b":                  false,
		"https://app.example/x/../cb":                 false,
		"https://app.example//cb":                     false,
		"https://app.example/cb;x":                    false,
		"https://app.example/cb\x00":                  false,
		"https://app.example/cb\n":                    false,
		" https://app.example/cb":                     false,
		"https://app.example\t/cb":                    false,
		"https://ａpp.example/cb":                      false,
		"http://intern.example:81/cb":                 false, // the port is free on loopback alone
		"http://localhost:1717/other":                 false,
		"http://localhost:1717/":                      false,
		"http://localhost:0/OauthRedirect":            false,
		"http://localhost:01717/OauthRedirect":        false,
		"http://localhost:65536/OauthRedirect":        false,
		"http://localhost:/OauthRedirect":             false,
		"http://localhost:1717x/OauthRedirect":        false,
		"http://localhost:99999999/OauthRedirect":     false,
		"http://localhost.evil:1717/OauthRedirect":    false,
		"http://localhost:1717@evil/OauthRedirect":    false,
		"http://x@localhost:1717/OauthRedirect":       false,
		"http://LOCALHOST:1717/OauthRedirect":         false,
		"https://localhost:1717/OauthRedirect":        false,
		"http://127.0.0.1:1717/OauthRedirect":         false, // another host than registered
		"http://127.0.0.2:1717/callback?x=1":          false,
		"http://[::ffff:127.0.0.1]:1/cb":              false,
		"http://127.0.0.1:1/callback?x=2":             false,
		"http://127.0.0.1:1/callback?x=1#f":           false,
		"http://localhost:1717/OauthRedirect%00.evil": false,
	} {
		if ok := oauth.MatchRedirect(registered, got); ok != want {
			t.Errorf("%q: %v, want %v", got, ok, want)
		}
	}
	if oauth.MatchRedirect([]string{"https://a@b/cb", "https://b/cb#f", ""}, "https://a@b/cb") || oauth.MatchRedirect(nil, "https://b/cb") {
		t.Error("a URI with user info matches")
	}
}

func TestCheckRedirect(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string]bool{
		"https://app.example/cb?x=1": true, "http://localhost:1717/OauthRedirect": true, "http://127.0.0.1:1/cb": true, "http://[::1]/cb": true, "com.example.app:/cb": true, "com.example.app://cb": true,
		"": false, "/cb": false, "app.example/cb": false, "http://app.example/cb": false, "http://localhost.evil/": false, "javascript:alert(1)": false, "data:text/html,x": false,
		"sfdc://success": false, "https://a@b/cb": false, "https://b/cb#f": false, "https://*.example/cb": false, "https://app.example/ cb": false, "https://app.example/\n": false,
		"https://é.example/": false, "https:///cb": false, "https://a\\b/": false, "https://app.example/" + strings.Repeat("a", 2000): false, "https://%zz/": false,
	} {
		if err := oauth.CheckRedirect(uri); (err == nil) != want || err != nil && fault.CodeOf(err) != oauth.CodeInvalidRedirect {
			t.Errorf("%q: %v, want %v", uri, err, want)
		}
	}
}

func TestAppend(t *testing.T) {
	t.Parallel()
	values := url.Values{"code": {"a=b&c"}, "state": {"x\r\ny"}}
	for in, want := range map[string]string{
		"https://x/cb": "https://x/cb?code=a%3Db%26c&state=x%0D%0Ay", "https://x/cb?a=1": "https://x/cb?a=1&code=a%3Db%26c&state=x%0D%0Ay", "https://x/cb?": "https://x/cb?code=a%3Db%26c&state=x%0D%0Ay",
	} {
		if got := oauth.AppendQuery(in, values); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := oauth.AppendQuery("https://x/cb", nil); got != "https://x/cb" {
		t.Errorf("nothing to add: %q", got)
	}
	if got := oauth.AppendFragment("https://x/cb?a=1", url.Values{"access_token": {"t"}}); got != "https://x/cb?a=1#access_token=t" {
		t.Errorf("fragment: %q", got)
	}
}

func FuzzMatchRedirect(f *testing.F) {
	for _, s := range []string{"http://localhost:1717/OauthRedirect", "http://localhost:1/cb?x#y", "http://[::1]:5/", "https://a@b", "http://127.0.0.1:65535"} {
		f.Add("http://localhost:1717/OauthRedirect", s)
		f.Add(s, "http://127.0.0.1:80/")
	}
	f.Fuzz(func(t *testing.T, registered, got string) {
		if !oauth.MatchRedirect([]string{registered}, got) || registered == got {
			return
		}
		// They differ, so all but the port must be equal to a URL parser too, and the host must be loopback.
		r, err1 := url.Parse(registered)
		g, err2 := url.Parse(got)
		if err1 != nil || err2 != nil {
			return // both texts hold the same bytes that no parser takes
		}
		r.Host, g.Host = r.Hostname(), g.Hostname()
		if g.Scheme != "http" || g.User != nil || g.Fragment != "" || r.String() != g.String() ||
			g.Host != "localhost" && g.Host != "127.0.0.1" && g.Host != "::1" {
			t.Fatalf("%q matches %q", got, registered)
		}
	})
}
