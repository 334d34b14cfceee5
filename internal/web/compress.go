package web

import (
	"compress/gzip"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// packLeast is the length in bytes from which packing an answer saves more than it costs.
const packLeast = 1 << 10

var packers = sync.Pool{New: func() any {
	z, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		panic(err) // the level is a constant that gzip has
	}
	return z
}}

// AcceptsGzip reports whether the client takes gzip (RFC 9110 section 12.5.3): named, or by "*", and not with weight 0.
func AcceptsGzip(r *http.Request) bool {
	any := false
	for _, line := range r.Header.Values("Accept-Encoding") {
		for part := range strings.SplitSeq(line, ",") {
			name, params, _ := strings.Cut(part, ";")
			name = strings.ToLower(strings.TrimSpace(name))
			if name != "gzip" && name != "*" {
				continue
			}
			takes := true
			if q, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
				weight, err := strconv.ParseFloat(q, 64)
				takes = err == nil && weight > 0
			}
			if name == "gzip" {
				return takes
			}
			any = takes
		}
	}
	return any
}

// WriteBody answers with a status and a body whose headers are set, packed with gzip where the client takes that and
// the body is long enough to gain by it. A client that went away is no error.
func WriteBody(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	h := w.Header()
	h.Add("Vary", "Accept-Encoding")
	if len(body) < packLeast || !AcceptsGzip(r) {
		h.Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(status)
		_, _ = w.Write(body)
		return
	}
	h.Set("Content-Encoding", "gzip")
	w.WriteHeader(status)
	z := packers.Get().(*gzip.Writer)
	defer packers.Put(z)
	z.Reset(w)
	_, _ = z.Write(body)
	_ = z.Close() // writes the rest to a client that may have gone
}

// PackingWriter packs what a handler streams. Close it before the handler returns.
type PackingWriter struct {
	http.ResponseWriter
	z *gzip.Writer
}

// Packing returns a writer that packs with gzip where the client takes that. Set the other headers first.
func Packing(w http.ResponseWriter, r *http.Request) *PackingWriter {
	w.Header().Add("Vary", "Accept-Encoding")
	if !AcceptsGzip(r) {
		return &PackingWriter{ResponseWriter: w}
	}
	w.Header().Set("Content-Encoding", "gzip")
	z := packers.Get().(*gzip.Writer)
	z.Reset(w)
	return &PackingWriter{ResponseWriter: w, z: z}
}

// Write implements io.Writer.
func (p *PackingWriter) Write(b []byte) (int, error) {
	if p.z == nil {
		return p.ResponseWriter.Write(b)
	}
	return p.z.Write(b)
}

// Close ends the stream; the error is the client's.
func (p *PackingWriter) Close() error {
	if p.z == nil {
		return nil
	}
	err := p.z.Close()
	packers.Put(p.z)
	p.z = nil
	return err
}
