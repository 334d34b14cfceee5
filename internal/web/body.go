package web

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/twinspan/twinspan/internal/fault"
)

// maxParameters bounds a form or query.
const maxParameters = 100

// LimitBody returns h with request bodies cut at limit bytes: a longer one makes the handler's Read fail and closes the
// connection. The readers of this package have limits of their own; this is the net below them.
func LimitBody(limit int64, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r2 := new(http.Request)
		*r2 = *r
		r2.Body = http.MaxBytesReader(w, r.Body, limit)
		h.ServeHTTP(w, r2)
	})
}

// ReadBody reads the whole body of at most limit bytes. A longer one is a TooLarge fault, announced or not, and
// closes the connection; a compressed one is Unsupported, because an inflated body has no limit that the sender would
// know. The body of a GET or HEAD means nothing and reads as empty.
func ReadBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return nil, nil
	}
	if enc := r.Header.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		return nil, fault.New(fault.Unsupported, CodeContentType, "Send the body without a content encoding.")
	}
	if r.ContentLength > limit {
		w.Header().Set("Connection", "close")
		return nil, tooLarge(limit)
	}
	// The announced length is believed only so far: it costs the sender nothing.
	var buf bytes.Buffer
	buf.Grow(int(min(max(r.ContentLength, 0), 64<<10)) + bytes.MinRead)
	_, err := buf.ReadFrom(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		return nil, BodyError(err)
	}
	return buf.Bytes(), nil
}

// Gunzip lets the readers of this package read a body that came with "Content-Encoding: gzip". The body's limit is
// theirs and holds for what comes out; what goes in may be as long again, so that a stream of nothing ends too. Other
// encodings stay refused.
func Gunzip(w http.ResponseWriter, r *http.Request, limit int64) error {
	if !strings.EqualFold(r.Header.Get("Content-Encoding"), "gzip") || r.Body == nil {
		return nil
	}
	packed := http.MaxBytesReader(w, r.Body, limit)
	z, err := gzip.NewReader(packed)
	if err != nil {
		return fault.Wrap(err, fault.Invalid, CodeBodyUnreadable, "The request body is not in gzip format.")
	}
	r.Header.Del("Content-Encoding")
	r.ContentLength = -1
	r.Body = gunzipped{z, packed}
	return nil
}

// gunzipped reads the inflated bytes and closes the packed ones.
type gunzipped struct {
	*gzip.Reader
	packed io.Closer
}

func (g gunzipped) Close() error { return g.packed.Close() }

// BodyError turns the error of reading a request body into a fault: TooLarge where a limit was hit, else Invalid with
// the cause inside.
func BodyError(err error) error {
	if over, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge(over.Limit)
	}
	return fault.Wrap(err, fault.Invalid, CodeBodyUnreadable, "The request body could not be read to its end.")
}

func tooLarge(limit int64) error {
	return fault.New(fault.TooLarge, CodeBodyTooLarge, "The request body is over %d bytes.", limit)
}

// CheckContentType returns an Unsupported fault unless the request's media type is one of allowed ("application/json",
// lower case) and its charset, where given, is UTF-8.
func CheckContentType(r *http.Request, allowed ...string) error {
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || !slices.Contains(allowed, media) {
		return fault.New(fault.Unsupported, CodeContentType, "Send the body as %s.", strings.Join(allowed, " or "))
	}
	if cs := params["charset"]; cs != "" && !strings.EqualFold(cs, "utf-8") && !strings.EqualFold(cs, "us-ascii") {
		return fault.New(fault.Unsupported, CodeContentType, "Send the body in UTF-8.")
	}
	return nil
}

// ReadForm reads an application/x-www-form-urlencoded body of at most limit bytes. Parameters in the URL are never
// looked at, so that no secret is taken from there (RFC 6749 section 2.3.1). A parameter that comes twice, one that is
// not UTF-8 or holds NUL, and more than 100 of them are refused. No body at all is an empty form.
func ReadForm(w http.ResponseWriter, r *http.Request, limit int64) (url.Values, error) {
	if r.ContentLength == 0 && r.Header.Get("Content-Type") == "" {
		return url.Values{}, nil
	}
	if err := CheckContentType(r, "application/x-www-form-urlencoded"); err != nil {
		return nil, err
	}
	body, err := ReadBody(w, r, limit)
	if err != nil {
		return nil, err
	}
	return parseParameters(string(body))
}

// maxChosen bounds how often the parameter of a selection may come.
const maxChosen = 2000

// ReadSelection is ReadForm for a form with check boxes: the parameter name may come up to 2,000 times, once for each box that
// is checked.
func ReadSelection(w http.ResponseWriter, r *http.Request, limit int64, name string) (url.Values, error) {
	if err := CheckContentType(r, "application/x-www-form-urlencoded"); err != nil {
		return nil, err
	}
	body, err := ReadBody(w, r, limit)
	if err != nil {
		return nil, err
	}
	return parseSelection(string(body), name, maxChosen)
}

// ReadFields is ReadForm for a form of many check boxes that have a name each: up to most parameters. Ask who sends it first.
func ReadFields(w http.ResponseWriter, r *http.Request, limit int64, most int) (url.Values, error) {
	if err := CheckContentType(r, "application/x-www-form-urlencoded"); err != nil {
		return nil, err
	}
	body, err := ReadBody(w, r, limit)
	if err != nil {
		return nil, err
	}
	return parseBounded(string(body), "", most)
}

// Query returns the parameters of the URL, as strictly as ReadForm reads a body (RFC 6749 section 3.1: none twice).
func Query(r *http.Request) (url.Values, error) { return parseParameters(r.URL.RawQuery) }

// ParseQuery is Query for the query of a URL that came inside a request.
func ParseQuery(raw string) (url.Values, error) { return parseParameters(raw) }

func parseParameters(s string) (url.Values, error) { return parseSelection(s, "", 0) }

// parseSelection reads parameters of which one may come up to most times; "" for none.
func parseSelection(s, chosen string, most int) (url.Values, error) {
	return parseBounded(s, chosen, maxParameters+most)
}

// parseBounded reads up to most parameters, of which one may come more than once; "" for none.
func parseBounded(s, chosen string, most int) (url.Values, error) {
	if strings.Count(s, "&") >= most {
		return nil, fault.New(fault.Invalid, CodeMalformedForm, "There are more than %d parameters.", most)
	}
	values, err := url.ParseQuery(s)
	if err != nil {
		// The cause quotes the input, which may be a secret: it is left out on purpose.
		return nil, fault.New(fault.Invalid, CodeMalformedForm, "The parameters are not properly percent-encoded.")
	}
	for name, vs := range values {
		if len(vs) > 1 && (name != chosen || chosen == "") {
			return nil, fault.New(fault.Invalid, CodeRepeatedParameter, "A parameter comes more than once.").In(name)
		}
		for _, v := range vs {
			if !utf8.ValidString(name) || !utf8.ValidString(v) || strings.IndexByte(v, 0) >= 0 {
				return nil, fault.New(fault.Invalid, CodeMalformedForm, "A parameter is not text in UTF-8.").In(name)
			}
		}
	}
	return values, nil
}
