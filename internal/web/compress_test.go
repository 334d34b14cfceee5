package web_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/web"
)

func TestWhoTakesGzip(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]bool{
		"": false, "gzip": true, "deflate, GZIP;q=0.5, *;q=0": true, "gzip;q=0": false, "gzip;q=0.000, *": false, "*": true, "*;q=0": false, "br": false, "gzip;q=x": false,
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept-Encoding", header)
		if got := web.AcceptsGzip(r); got != want {
			t.Errorf("%q: %v", header, got)
		}
	}
}

func TestAnswersArePacked(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("Twinspan ", 1000)
	for name, c := range map[string]struct {
		body, accept string
		packed       bool
	}{
		"long":      {long, "gzip", true},
		"short":     {"short", "gzip", false},
		"unwilling": {long, "", false},
	} {
		for _, stream := range []bool{false, true} {
			if stream && name == "short" {
				continue // a stream's length is not known
			}
			r := httptest.NewRequest("GET", "/", nil)
			r.Header.Set("Accept-Encoding", c.accept)
			w := httptest.NewRecorder()
			if stream {
				p := web.Packing(w, r)
				for _, part := range strings.SplitAfter(c.body, " ") {
					if _, err := io.WriteString(p, part); err != nil {
						t.Fatal(err)
					}
				}
				if err := p.Close(); err != nil {
					t.Fatal(err)
				}
			} else {
				web.WriteBody(w, r, 201, []byte(c.body))
			}
			got := w.Body.Bytes()
			if (w.Header().Get("Content-Encoding") == "gzip") != c.packed || w.Header().Get("Vary") != "Accept-Encoding" {
				t.Errorf("%s: %v", name, w.Header())
			}
			if c.packed {
				z, err := gzip.NewReader(bytes.NewReader(got))
				if err != nil {
					t.Fatal(err)
				}
				if got, err = io.ReadAll(z); err != nil {
					t.Fatal(err)
				}
			}
			if string(got) != c.body {
				t.Errorf("%s, streamed %v: %d bytes", name, stream, len(got))
			}
		}
	}
}

func pack(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A packed body counts by what comes out of it; what comes out of little may be much.
func TestPackedBodies(t *testing.T) {
	t.Parallel()
	const limit = 10_000
	bomb := pack(t, strings.Repeat("0", 100*limit))
	empty := bytes.Repeat(pack(t, ""), limit) // members without content, for ever
	for name, c := range map[string]struct {
		body     []byte
		encoding string
		want     string
		kind     fault.Kind
	}{
		"packed":       {pack(t, "hello"), "GZIP", "hello", 0},
		"plain":        {[]byte("hello"), "", "hello", 0},
		"a bomb":       {bomb, "gzip", "", fault.TooLarge},
		"nothing much": {empty, "gzip", "", fault.TooLarge},
		"no gzip":      {[]byte("hello"), "gzip", "", fault.Invalid},
		"cut off":      {pack(t, "hello")[:15], "gzip", "", fault.Invalid},
		"another":      {[]byte("hello"), "br", "", fault.Unsupported},
	} {
		r := httptest.NewRequest("POST", "/", bytes.NewReader(c.body))
		if c.encoding != "" {
			r.Header.Set("Content-Encoding", c.encoding)
		}
		w := httptest.NewRecorder()
		err := web.Gunzip(w, r, limit)
		var got []byte
		if err == nil {
			got, err = web.ReadBody(w, r, limit)
		}
		if string(got) != c.want || c.kind != 0 && fault.KindOf(err) != c.kind || c.kind == 0 && err != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestFindingWithoutServing(t *testing.T) {
	t.Parallel()
	m := web.NewMux()
	h := http.NotFoundHandler()
	m.Handle("GET /a/{x}/b", h)
	m.Handle("POST /a/{x}/b", h)
	if f := m.Find("GET", "/a/%2Fy//b/"); f.Handler == nil || f.Pattern != "GET /a/{x}/b" || f.Values["x"] != "/y" {
		t.Errorf("%+v", f)
	}
	if f := m.Find("PUT", "/a/y/b"); f.Handler != nil || f.Allow != "GET, HEAD, POST" {
		t.Errorf("%+v", f)
	}
	if f := m.Find("GET", "/a/y"); f.Handler != nil || f.Allow != "" {
		t.Errorf("%+v", f)
	}
}
