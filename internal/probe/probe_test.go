package probe_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/probe"
)

// record sends one request through a recorder and returns what it kept.
func record(t *testing.T, r *http.Request, h http.HandlerFunc) probe.Exchange {
	t.Helper()
	rec := probe.NewRecorder(1)
	rec.Wrap("crm", h).ServeHTTP(httptest.NewRecorder(), r)
	list := rec.List(probe.Filter{})
	if len(list) != 1 {
		t.Fatalf("%d exchanges", len(list))
	}
	return list[0]
}

// answering reads the request's body and answers.
func answering(status int, contentType, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", contentType)
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

func request(method, target, contentType, body string, header ...string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

// text is all that can be seen of an exchange.
func text(t *testing.T, e probe.Exchange) string {
	t.Helper()
	out, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

const canary = `cAnArY+7/x&"<'%=?pw9`

// leaks names the encoding in which a canary is seen.
func leaks(seen string) string {
	quoted, _ := json.Marshal(canary) // a string always encodes
	for name, spelling := range map[string]string{
		"raw": canary, "query": url.QueryEscape(canary), "path": url.PathEscape(canary), "JSON": strings.Trim(string(quoted), `"`),
		"base64": strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(canary)), "="), "base64url": base64.RawURLEncoding.EncodeToString([]byte(canary)),
		"core": "cAnArY",
	} {
		again, _ := json.Marshal(spelling)
		if strings.Contains(seen, spelling) || strings.Contains(seen, strings.Trim(string(again), `"`)) {
			return name
		}
	}
	return ""
}

func TestNoSecretIsKept(t *testing.T) {
	t.Parallel()
	form, jsonType, xmlType := "application/x-www-form-urlencoded", "application/json;charset=UTF-8", "text/xml; charset=utf-8"
	q := url.QueryEscape(canary)
	j, err := json.Marshal(canary)
	if err != nil {
		t.Fatal(err)
	}
	x := strings.NewReplacer("&", "&amp;", "<", "&lt;", `"`, "&quot;").Replace(canary)
	ok := answering(200, jsonType, `{"ok":true}`)
	cases := map[string]struct {
		r *http.Request
		h http.HandlerFunc
	}{
		"Basic":                {request("POST", "/", "", "", "Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("id:"+q))), ok},
		"Bearer":               {request("GET", "/", "", "", "Authorization", "Bearer "+canary), ok},
		"OAuth scheme":         {request("GET", "/", "", "", "Authorization", "OAuth "+canary), ok},
		"cookie":               {request("GET", "/", "", "", "Cookie", "sid="+canary), ok},
		"Set-Cookie":           {request("GET", "/", "", ""), answering(200, "text/html", "x", "Set-Cookie", "sid="+canary)},
		"Location query":       {request("GET", "/", "", ""), answering(302, "text/html", "", "Location", "http://localhost:1717/cb?code="+q+"&state=s")},
		"Location fragment":    {request("GET", "/", "", ""), answering(302, "text/html", "", "Location", "http://localhost:1717/cb#access_token="+q)},
		"Referer":              {request("GET", "/", "", "", "Referer", "http://x/cb?code="+q), ok},
		"query":                {request("GET", "/revoke?token="+q, "", ""), ok},
		"frontdoor link":       {request("GET", "/secur/frontdoor.jsp?otp="+q, "", ""), ok},
		"frontdoor answer":     {request("GET", "/", "", ""), answering(200, jsonType, `{"frontdoor_uri":"http://x/secur/frontdoor.jsp?otp=`+q+`"}`)},
		"query, escaped name":  {request("GET", "/revoke?t%6fken="+q, "", ""), ok},
		"path that echoes":     {request("GET", "/x/"+url.PathEscape(canary)+"?oauth_token="+q, "", ""), ok},
		"JSON error's code":    {request("POST", "/", form, "code="+q), answering(400, jsonType, `{"code":"invalid","message":`+string(j)+`}`)},
		"form cut off":         {request("POST", "/", form, strings.Repeat("a", 16<<10-20)+"&password="+q+q), ok},
		"JSON in an object":    {request("POST", "/", jsonType, `{"list":[{"client_secret":`+string(j)+`}]}`), ok},
		"JSON, object as pass": {request("POST", "/", jsonType, `{"password":{"a":[`+string(j)+`,1]},"b":2}`), ok},
		"JSON, escaped key":    {request("POST", "/", jsonType, `{"p\u0061ssword":`+string(j)+`}`), ok},
		"JSON cut off":         {request("POST", "/", jsonType, `{"x":"`+strings.Repeat("a", 16<<10-30)+`","password":`+string(j)+`}`), ok},
		"JSON malformed":       {request("POST", "/", jsonType, `{"password" : `+string(j)), ok},
		"JSON answer":          {request("POST", "/", "", ""), answering(200, jsonType, `{"access_token":`+string(j)+`,"token_type":"Bearer"}`)},
		"JSON echo":            {request("POST", "/", form, "password="+q), answering(400, jsonType, `{"message":"no such password: `+strings.Trim(string(j), `"`)+`"}`)},
		"header echo":          {request("POST", "/", form, "password="+q), answering(400, jsonType, `{}`, "X-Debug", "p="+canary)},
		"base64 echo":          {request("POST", "/", form, "password="+q), answering(400, jsonType, `{"m":"`+base64.StdEncoding.EncodeToString([]byte(canary))+`"}`)},
		"HTML":                 {request("POST", "/", form, "username=a"), answering(200, "text/html", `<input value="`+canary+`">`)},
		"long plain text":      {request("POST", "/", "text/plain", canary), answering(200, "text/plain", canary)},
		"multipart":            {request("POST", "/", "multipart/form-data; boundary=x", canary), ok},
		"no type":              {request("POST", "/", "", canary), answering(200, "", canary)},
		"XML password":         {request("POST", "/", xmlType, `<e:Envelope><n1:password>`+x+`</n1:password></e:Envelope>`), ok},
		"XML session":          {request("POST", "/", xmlType, `<h><sessionId>`+x+`</sessionId></h>`), ok},
		"XML fueloauth":        {request("POST", "/", xmlType, `<h><fueloauth xmlns="http://exacttarget.com">`+x+`</fueloauth></h>`), ok},
		"XML legacy token":     {request("POST", "/", xmlType, `<o:oAuth><oAuthToken>`+x+`</oAuthToken></o:oAuth>`), ok},
		"XML wsse":             {request("POST", "/", xmlType, `<wsse:UsernameToken><wsse:Username>u</wsse:Username><wsse:Password Type="x>y">`+x+`</wsse:Password></wsse:UsernameToken>`), ok},
		"XML CDATA":            {request("POST", "/", xmlType, `<a><password><![CDATA[`+canary+`]]></password></a>`), ok},
		"XML cut off":          {request("POST", "/", xmlType, `<a>`+strings.Repeat(" ", 16<<10-20)+`<password>`+x+`</password></a>`), ok},
		"XML attribute":        {request("POST", "/", xmlType, `<a password="`+x+`" b="c"/>`), ok},
		"XML answer":           {request("POST", "/", xmlType, `<login/>`), answering(200, xmlType, `<result><sessionId>`+x+`</sessionId></result>`)},
	}
	for _, name := range []string{
		"password", "client_secret", "access_token", "refresh_token", "code", "assertion", "token", "security_token", "sessionId",
		"fueloauth", "consumerSecret", "clientSecret", "newPassword", "id_token", "code_verifier", "client_assertion", "oauth_token", "sid", "et4ae5__ExactTarget_OAuth_Token__c",
	} {
		cases["form "+name] = struct {
			r *http.Request
			h http.HandlerFunc
		}{request("POST", "/", form, "a=1&"+name+"="+q+"&b=2"), ok}
		cases["JSON "+name] = struct {
			r *http.Request
			h http.HandlerFunc
		}{request("POST", "/", jsonType, `{"a":1,"`+name+`" : `+string(j)+`,"b":2}`), ok}
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := text(t, record(t, c.r, c.h))
			if how := leaks(seen); how != "" {
				t.Errorf("the canary is seen (%s) in %.2000s", how, seen)
			}
		})
	}
}

func TestWhatIsNoSecretStays(t *testing.T) {
	t.Parallel()
	e := record(t,
		request("POST", "/services/oauth2/token?a=1&b=x%20y", "application/x-www-form-urlencoded", "grant_type=password&username=ann%40example.test&password=longenough", "User-Agent", "jsforce"),
		answering(400, "application/json", `{"error":"invalid_grant","error_description":"authentication failure","n":[1,true,null,{"x":"\"y"}],"code":"E1","token_type":"Bearer"}`))
	if e.Path != "/services/oauth2/token?a=1&b=x%20y" || e.Method != "POST" || e.Status != 400 || e.House != "crm" || e.ID != 1 || e.Time.IsZero() {
		t.Errorf("%+v", e)
	}
	if e.RequestBody != "grant_type=password&username=ann%40example.test&password=***" {
		t.Errorf("request %q", e.RequestBody)
	}
	if e.ResponseBody != `{"error":"invalid_grant","error_description":"authentication failure","n":[1,true,null,{"x":"\"y"}],"code":"E1","token_type":"Bearer"}` {
		t.Errorf("response %q", e.ResponseBody)
	}
	if e.RequestHeader.Get("User-Agent") != "jsforce" {
		t.Errorf("header %v", e.RequestHeader)
	}
	e = record(t, request("POST", "/", "text/xml", `<?xml version="1.0"?><!-- c --><a x="1"><wsse:UsernameToken><b>t</b></wsse:UsernameToken><password/></a>`),
		answering(403, "text/plain", "Bad_OAuth_Token"))
	if e.RequestBody != `<?xml version="1.0"?><!-- c --><a x="1"><wsse:UsernameToken><b>t</b></wsse:UsernameToken><password/></a>` || e.ResponseBody != "Bad_OAuth_Token" {
		t.Errorf("%q, %q", e.RequestBody, e.ResponseBody)
	}
	e = record(t, request("POST", "/", "application/json", `{"password":"x","a":[{"token":12,"b":"c"}],"code":"A"}`), answering(200, "image/png", "\xff\xfe"))
	if e.RequestBody != `{"password":"***","a":[{"token":"***","b":"c"}],"code":"***"}` || e.ResponseBody != "[2 bytes of image/png, not text]" {
		t.Errorf("%q, %q", e.RequestBody, e.ResponseBody)
	}
	e = record(t, request("POST", "/", "application/json", `"`+strings.Repeat("é", 16<<10)+`"`), func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) })
	if !strings.HasSuffix(e.RequestBody, fmt.Sprintf("… [%d bytes in all]", 32<<10+2)) || len(e.RequestBody) > 17<<10 || e.Status != 200 {
		t.Errorf("%d, %d bytes, ends %q", e.Status, len(e.RequestBody), e.RequestBody[len(e.RequestBody)-40:])
	}
}

func TestHandlerSeesTheRequestAsItCame(t *testing.T) {
	t.Parallel()
	rec := probe.NewRecorder(2)
	w := httptest.NewRecorder()
	rec.Wrap("crm", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || string(body) != "password=secretsecret" || r.Header.Get("Authorization") != "Bearer x" {
			t.Errorf("%q, %v, %v", body, err, r.Header)
		}
		r.Header.Set("Authorization", "changed")
		r.URL.Path = "/changed"
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(201)
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		w.(http.Flusher).Flush()
		io.WriteString(w, "secretsecret is answered as it is")
	})).ServeHTTP(w, request("POST", "/token", "application/x-www-form-urlencoded", "password=secretsecret", "Authorization", "Bearer x"))
	if w.Body.String() != "secretsecret is answered as it is" {
		t.Errorf("the answer was changed: %q", w.Body)
	}
	if e := rec.List(probe.Filter{})[0]; e.Path != "/token" || e.Status != 201 {
		t.Errorf("%s %d", e.Path, e.Status)
	}
}

func TestPanicsAreRecordedAndGoOn(t *testing.T) {
	t.Parallel()
	rec := probe.NewRecorder(2)
	defer func() {
		if recover() == nil || len(rec.List(probe.Filter{})) != 1 {
			t.Error("the panic was swallowed or not recorded")
		}
	}()
	rec.Wrap("crm", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("x") })).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
}

func TestRing(t *testing.T) {
	t.Parallel()
	rec := probe.NewRecorder(3)
	crm, eng := rec.Wrap("crm", http.NotFoundHandler()), rec.Wrap("engagement", http.NotFoundHandler())
	for i := range 5 {
		h := crm
		if i%2 == 1 {
			h = eng
		}
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", fmt.Sprintf("/%d", i), nil))
	}
	paths := func(list []probe.Exchange) string {
		var out []string
		for _, e := range list {
			out = append(out, fmt.Sprint(e.ID, e.Path))
		}
		return strings.Join(out, " ")
	}
	for got, want := range map[string]string{
		paths(rec.List(probe.Filter{})):                    "3/2 4/3 5/4",
		paths(rec.List(probe.Filter{Since: 4})):            "5/4",
		paths(rec.List(probe.Filter{House: "engagement"})): "4/3",
		paths(rec.List(probe.Filter{Since: 9})):            "",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestFollow(t *testing.T) {
	t.Parallel()
	rec := probe.NewRecorder(10)
	h := rec.Wrap("crm", http.NotFoundHandler())
	get := func(path string) { h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil)) }
	get("/before")
	seen := make(chan string)
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() {
		rec.Follow(ctx, probe.Filter{House: "crm"}, func(e probe.Exchange) bool { seen <- e.Path; return true })
	})
	if got := <-seen; got != "/before" {
		t.Errorf("first %q", got)
	}
	get("/after")
	if got := <-seen; got != "/after" {
		t.Errorf("then %q", got)
	}
	cancel()
	done.Wait()
	n := 0
	rec.Follow(t.Context(), probe.Filter{}, func(probe.Exchange) bool { n++; return false })
	if n != 1 {
		t.Errorf("yield was called %d times after it had said no", n)
	}
}

func TestNilRecordsNothing(t *testing.T) {
	t.Parallel()
	var rec *probe.Recorder
	w := httptest.NewRecorder()
	rec.Wrap("crm", http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	rec.Follow(t.Context(), probe.Filter{}, func(probe.Exchange) bool { return true })
	if w.Code != 404 || len(rec.List(probe.Filter{})) != 0 {
		t.Error("a nil recorder is in the way")
	}
}

// FuzzNoSecretIsKept puts a canary behind a secret's name into a body that is otherwise anything.
func FuzzNoSecretIsKept(f *testing.F) {
	f.Add("a=1&", "&b", uint8(0))
	f.Add(`{"x":"\"`, `"}`, uint8(1))
	f.Add(`<a b="`, `</a>`, uint8(2))
	f.Fuzz(func(t *testing.T, before, after string, kind uint8) {
		const secret = "cAnArYsEcReT"
		var contentType, body string
		switch kind % 3 {
		case 0:
			contentType, body = "application/x-www-form-urlencoded", strings.NewReplacer("&", "", "=", "").Replace(before)+"&password="+secret+"&"+after
		case 1:
			// A JSON text before the member, whatever it holds.
			quoted, err := json.Marshal(before)
			if err != nil {
				t.Skip()
			}
			contentType, body = "application/json", `{"x":`+string(quoted)+`,"password":"`+secret+`",`+after
		case 2:
			contentType, body = "text/xml", "<a>"+strings.NewReplacer("<", "", ">", "").Replace(before)+"<password>"+secret+"</password>"+after
		}
		if len(body) > 16<<10 {
			t.Skip()
		}
		if strings.Contains(before+after, secret[:6]) {
			t.Skip()
		}
		e := record(t, request("POST", "/", contentType, body), answering(200, contentType, body))
		if strings.Contains(e.RequestBody+e.ResponseBody, secret) {
			t.Fatalf("%q is kept as %q", body, e.RequestBody)
		}
	})
}

func BenchmarkRecord(b *testing.B) {
	body := "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=" + oauth.NewToken(480)
	handler := answering(200, "application/json", `{"access_token":"00D000000000001!`+oauth.NewToken(64)+`","scope":"api","instance_url":"http://127.0.0.1:8080","id":"http://127.0.0.1:8080/id/00D000000000001EAA/005000000000001AAA","token_type":"Bearer"}`)
	for name, h := range map[string]http.Handler{"recorded": probe.NewRecorder(1000).Wrap("crm", handler), "plain": handler} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(httptest.NewRecorder(), request("POST", "/services/oauth2/token", "application/x-www-form-urlencoded", body))
			}
		})
	}
}
