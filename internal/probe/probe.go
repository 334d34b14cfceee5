// Package probe keeps the last requests that a server answered, with every secret taken out, for people who look for
// what a client really sent.
package probe

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/web"
)

// maxBody is how many bytes of a body are kept.
const maxBody = 16 << 10

// Exchange is a request with its answer. What was a secret reads "***".
type Exchange struct {
	ID        int64     `json:"id"` // increasing in the order in which answers ended
	House     string    `json:"house"`
	RequestID string    `json:"request_id,omitempty"` // as in the log
	Time      time.Time `json:"time"`                 // machine time at which the request came
	Millis    float64   `json:"ms"`
	Method    string    `json:"method"`
	Path      string    `json:"path"`            // with the query
	Status    int       `json:"status"`          // 0 where a fault let the connection end without an answer
	User      string    `json:"user,omitempty"`  // who made it, where the house came to know him
	App       string    `json:"app,omitempty"`   // through which app or token, likewise
	Fault     string    `json:"fault,omitempty"` // id of the fault that was put in its way

	RequestHeader  http.Header `json:"request_header"`
	RequestBody    string      `json:"request_body,omitempty"`
	ResponseHeader http.Header `json:"response_header"`
	ResponseBody   string      `json:"response_body,omitempty"`
}

// Recorder is a bounded memory of exchanges. It is safe for concurrent use.
type Recorder struct {
	mu      sync.Mutex
	ring    []Exchange // the oldest is at next once it is full
	next    int
	last    int64
	changed chan struct{} // closed and replaced when an exchange arrives
}

// NewRecorder returns a Recorder of the last size exchanges, at least one.
func NewRecorder(size int) *Recorder {
	return &Recorder{ring: make([]Exchange, 0, max(size, 1)), changed: make(chan struct{})}
}

// Wrap returns h with its exchanges recorded under a house's name. A nil Recorder records nothing and returns h.
func (r *Recorder) Wrap(house string, h http.Handler) http.Handler {
	if r == nil {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		in := &tee{ReadCloser: req.Body}
		out := &answer{ResponseWriter: w}
		seen := *req // handlers further in may change what they got
		url := *req.URL
		seen.Header = req.Header.Clone()
		told := new(notes)
		req = req.WithContext(context.WithValue(req.Context(), notesKey{}, told))
		if req.Body != nil && req.Body != http.NoBody {
			req.Body = in
		}
		start := time.Now()
		defer func() {
			seen.URL = &url
			r.keep(house, &seen, in, out, start, told)
		}()
		h.ServeHTTP(out, req)
	})
}

// keep redacts and stores an exchange.
func (r *Recorder) keep(house string, req *http.Request, in *tee, out *answer, start time.Time, told *notes) {
	e := Exchange{
		House: house, RequestID: web.RequestIDFrom(req.Context()), Time: start.UTC(), Method: limit(req.Method, 16),
		Millis: float64(time.Since(start).Microseconds()) / 1000, Status: out.status,
	}
	if e.Status == 0 {
		e.Status = http.StatusOK
	}
	told.tell(&e)
	s := &scrubber{}
	path := req.URL.EscapedPath()
	query := s.form(req.URL.RawQuery)
	e.RequestHeader = s.header(req.Header)
	e.RequestBody = s.body(req.Header.Get("Content-Type"), in.kept, in.total, false)
	s.answer = true
	header := out.Header().Clone()
	e.ResponseHeader = s.header(header)
	e.ResponseBody = s.body(header.Get("Content-Type"), out.kept, out.total, e.Status >= 400)
	e.Path = path
	if req.URL.RawQuery != "" {
		e.Path += "?" + query
	}
	s.finish(&e)
	e.Path = limit(e.Path, 4096)

	r.mu.Lock()
	defer r.mu.Unlock()
	r.last++
	e.ID = r.last
	if len(r.ring) < cap(r.ring) {
		r.ring = append(r.ring, e)
	} else {
		r.ring[r.next] = e
		r.next = (r.next + 1) % len(r.ring)
	}
	close(r.changed)
	r.changed = make(chan struct{})
}

func limit(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}

// List returns the exchanges that pass the filter, oldest first.
func (r *Recorder) List(f Filter) []Exchange {
	out := []Exchange{}
	if r == nil {
		return out
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.ring {
		if e := &r.ring[(r.next+i)%len(r.ring)]; f.takes(e) {
			out = append(out, *e)
		}
	}
	return out
}

// CodeNotRecorded is the fault of an id that no exchange has, or no longer, of kind NotFound.
const CodeNotRecorded fault.Code = "no_such_request"

// Get returns the exchange of the id.
func (r *Recorder) Get(id int64) (Exchange, error) {
	for _, e := range r.List(Filter{Since: id - 1}) {
		if e.ID == id {
			return e, nil
		}
	}
	return Exchange{}, fault.New(fault.NotFound, CodeNotRecorded, "There is no request of that number, or none any more: the newest are kept (--record).")
}

// Follow calls yield for each exchange that passes the filter, those to come included, until yield returns false or ctx
// ends. One who is slower than the traffic misses those that the ring has pushed out; the ids tell.
func (r *Recorder) Follow(ctx context.Context, f Filter, yield func(Exchange) bool) {
	if r == nil {
		return
	}
	for {
		r.mu.Lock()
		changed := r.changed
		r.mu.Unlock()
		for _, e := range r.List(f) {
			f.Since = e.ID
			if ctx.Err() != nil || !yield(e) {
				return
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// tee keeps the beginning of a request body as the handler reads it.
type tee struct {
	io.ReadCloser
	kept  []byte
	total int64
}

func (t *tee) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	t.kept = keepSome(t.kept, p[:n])
	t.total += int64(n)
	return n, err
}

func keepSome(kept, more []byte) []byte {
	return append(kept, more[:min(len(more), maxBody-len(kept))]...)
}

// answer keeps the status and the beginning of the answer's body. Unwrap keeps http.ResponseController working.
type answer struct {
	http.ResponseWriter
	status int
	kept   []byte
	total  int64
}

func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= 200 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	n, err := a.ResponseWriter.Write(p)
	a.kept = keepSome(a.kept, p[:n])
	a.total += int64(n)
	return n, err
}

func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *answer) Flush() {
	// A writer that cannot flush has nothing buffered that it could.
	_ = http.NewResponseController(a.ResponseWriter).Flush()
}
