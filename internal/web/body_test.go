package web_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/web"
)

const formType = "application/x-www-form-urlencoded"

func post(contentType, body string) *http.Request {
	r := httptest.NewRequest("POST", "/token?client_secret=fromtheurl", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	return r
}

func TestReadForm(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, contentType, body string
		want                    url.Values
		code                    fault.Code
		kind                    fault.Kind
	}{
		{"plain", formType, "a=1&b=x%20y+z", url.Values{"a": {"1"}, "b": {"x y z"}}, "", 0},
		{"charset", formType + ";charset=UTF-8", "a=1", url.Values{"a": {"1"}}, "", 0},
		{"empty", formType, "", url.Values{}, "", 0},
		{"twice", formType, "a=1&b=2&a=1", nil, web.CodeRepeatedParameter, fault.Invalid},
		{"twice, once escaped", formType, "a=1&%61=2", nil, web.CodeRepeatedParameter, fault.Invalid},
		{"bad escape", formType, "a=%zz", nil, web.CodeMalformedForm, fault.Invalid},
		{"semicolon", formType, "a=1;b=2", nil, web.CodeMalformedForm, fault.Invalid},
		{"not UTF-8", formType, "a=%ff", nil, web.CodeMalformedForm, fault.Invalid},
		{"NUL", formType, "code=abc%00", nil, web.CodeMalformedForm, fault.Invalid},
		{"too many", formType, strings.Repeat("a=1&", 101), nil, web.CodeMalformedForm, fault.Invalid},
		{"too long", formType, "a=" + strings.Repeat("x", 1024), nil, web.CodeBodyTooLarge, fault.TooLarge},
		{"JSON", "application/json", `{"a":"1"}`, nil, web.CodeContentType, fault.Unsupported},
		{"JSON named form", formType, `{"a":"1"}`, url.Values{`{"a":"1"}`: {""}}, "", 0},
		{"multipart", "multipart/form-data; boundary=x", "--x--", nil, web.CodeContentType, fault.Unsupported},
		{"text", "text/plain", "a=1", nil, web.CodeContentType, fault.Unsupported},
		{"no type", "", "a=1", nil, web.CodeContentType, fault.Unsupported},
		{"other charset", formType + "; charset=utf-16", "a=1", nil, web.CodeContentType, fault.Unsupported},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := httptest.NewRecorder()
			got, err := web.ReadForm(w, post(c.contentType, c.body), 1024)
			if fault.CodeOf(err) != c.code || err != nil && fault.KindOf(err) != c.kind {
				t.Fatalf("error %v, want %q of kind %v", err, c.code, c.kind)
			}
			if diff := cmp.Diff(c.want, got); err == nil && diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestReadFormWithoutAnyBody(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("POST", "/revoke?token=x", nil)
	got, err := web.ReadForm(httptest.NewRecorder(), r, 1024)
	if err != nil || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestQueryIsAsStrict(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("GET", "/authorize?state=1&state=2", nil)
	if _, err := web.Query(r); fault.CodeOf(err) != web.CodeRepeatedParameter || fault.Of(err).Field != "state" {
		t.Errorf("repeated state: %v", err)
	}
	r = httptest.NewRequest("GET", "/authorize?redirect_uri=http://localhost:1717/x&state=a%26b", nil)
	got, err := web.Query(r)
	if err != nil || got.Get("redirect_uri") != "http://localhost:1717/x" || got.Get("state") != "a&b" {
		t.Errorf("%v, %v", got, err)
	}
}

func TestFaultsDoNotQuoteValues(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"password=canary%zz", "password=canary&password=canary", "password=canary%00"} {
		_, err := web.ReadForm(httptest.NewRecorder(), post(formType, body), 1024)
		if err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %v", body, err)
		}
	}
	var v struct {
		Password int `json:"password"`
	}
	for _, body := range []string{`{"password":"canary"}`, `{"password":canary}`, `{"password":1234567890123456789012345}`} {
		err := web.ReadJSON(httptest.NewRecorder(), post("application/json", body), 1024, &v)
		if err == nil || strings.Contains(fault.Of(err).Message, "canary") || strings.Contains(fault.Of(err).Message, "12345") {
			t.Errorf("%q: %v", body, err)
		}
	}
}

// slowReader gives its text, then an error, without a known length.
type slowReader struct {
	io.Reader
	err error
}

func (s slowReader) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = s.err
	}
	return n, err
}

func TestReadBody(t *testing.T) {
	t.Parallel()
	read := func(r *http.Request) (string, error) {
		data, err := web.ReadBody(httptest.NewRecorder(), r, 10)
		return string(data), err
	}
	if got, err := read(httptest.NewRequest("POST", "/", strings.NewReader("0123456789"))); got != "0123456789" || err != nil {
		t.Errorf("at the limit: %q, %v", got, err)
	}
	if _, err := read(httptest.NewRequest("POST", "/", strings.NewReader("0123456789x"))); fault.KindOf(err) != fault.TooLarge {
		t.Errorf("announced over the limit: %v", err)
	}
	if _, err := read(httptest.NewRequest("POST", "/", slowReader{strings.NewReader("0123456789x"), io.EOF})); fault.KindOf(err) != fault.TooLarge {
		t.Errorf("over the limit without a length: %v", err)
	}
	if _, err := read(httptest.NewRequest("POST", "/", slowReader{strings.NewReader("01"), io.ErrUnexpectedEOF})); fault.CodeOf(err) != web.CodeBodyUnreadable || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut off: %v", err)
	}
	if got, err := read(httptest.NewRequest("GET", "/", strings.NewReader("ignored, and long too"))); got != "" || err != nil {
		t.Errorf("body of a GET: %q, %v", got, err)
	}
	r := httptest.NewRequest("POST", "/", strings.NewReader("x"))
	r.Header.Set("Content-Encoding", "gzip")
	if _, err := read(r); fault.KindOf(err) != fault.Unsupported {
		t.Errorf("gzip: %v", err)
	}
}

func TestLimitBody(t *testing.T) {
	t.Parallel()
	var err error
	h := web.LimitBody(4, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, err = io.ReadAll(r.Body)
	}))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/", strings.NewReader("12345")))
	if fault.KindOf(web.BodyError(err)) != fault.TooLarge {
		t.Errorf("error %v", err)
	}
}

func TestSelectionsMayRepeatOneParameter(t *testing.T) {
	t.Parallel()
	read := func(body string) (url.Values, error) {
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return web.ReadSelection(httptest.NewRecorder(), r, 1<<20, "user")
	}
	if f, err := read("do=add&user=1&user=2"); err != nil || len(f["user"]) != 2 || f.Get("do") != "add" {
		t.Errorf("%v %v", f, err)
	}
	for name, body := range map[string]string{
		"another twice": "user=1&do=add&do=drop", "too many": strings.Repeat("user=1&", 3000) + "user=1", "no text": "user=1&user=%FF", "NUL": "user=1&user=%00",
	} {
		if _, err := read(body); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFieldsAreManyAndNoneComesTwice(t *testing.T) {
	t.Parallel()
	read := func(body string) (url.Values, error) {
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return web.ReadFields(httptest.NewRecorder(), r, 1<<10, 200)
	}
	many := func(n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString("&" + strconv.Itoa(i))
		}
		return b.String()[1:]
	}
	if f, err := read(many(200)); err != nil || len(f) != 200 {
		t.Errorf("%d %v", len(f), err)
	}
	for name, body := range map[string]string{"too many": many(201), "twice": "a=1&a=2", "no name twice": "=1&=2", "no text": "a=%FF"} {
		if _, err := read(body); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
