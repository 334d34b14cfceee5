package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
)

// FaultHeader names the fault in the answers that it gives or delays.
const FaultHeader = "Twinspan-Fault"

// Bounds of faults.
const (
	maxFaults  = 100
	maxDelay   = 50 * time.Second // less than a server lets an answer take
	maxPattern = 500              // bytes
	maxTimes   = 1_000_000
	grantBody  = 64 << 10 // bytes of a request in which the grant is looked for
)

// Codes of the refusals about faults.
const (
	CodeBadFault      fault.Code = "invalid_fault"   // Invalid, in the field
	CodeNoFault       fault.Code = "no_such_fault"   // NotFound
	CodeTooManyFaults fault.Code = "too_many_faults" // Limited
)

// Drop says when a fault breaks the connection off instead of answering.
type Drop string

// The times at which connections break.
const (
	DropNever  Drop = ""
	DropBefore Drop = "before" // nothing was done
	DropAfter  Drop = "after"  // it was done, and nobody is told
)

// Fault is what is to go wrong with requests of a kind. It has a status, a delay or a drop; a delay may go with either.
type Fault struct {
	ID      string // set by [Faults.Set]
	House   string // "" for every house
	Path    string // exact, or with * for anything; case does not matter; "" for every path
	Grant   string // only token requests of this grant_type; "" for every request
	Status  int    // 400 to 599: answered in the house's place, which sees nothing; 0 for none
	Delay   time.Duration
	Drop    Drop
	Rate    float64 // of the requests that match, this share is struck, evenly: 0.25 is every fourth; 0 is all
	Times   int     // ends after this many were struck; 0 for no end
	Matched int64   // requests that were of the kind
	Struck  int64   // of these, those that it was put in the way of
}

// check refuses a fault that says nothing, too much, or something that is not there.
func (f Fault) check(houses []string) error {
	bad := func(field, text string, args ...any) error {
		return fault.New(fault.Invalid, CodeBadFault, text, args...).In(field)
	}
	switch {
	case f.House != "" && !slices.Contains(houses, f.House):
		return bad("house", "The houses are %s.", strings.Join(houses, ", "))
	case f.Path != "" && !strings.HasPrefix(f.Path, "/") && !strings.HasPrefix(f.Path, "*") || len(f.Path) > maxPattern:
		return bad("path", "A path begins with / or *, and has %d bytes at most.", maxPattern)
	case len(f.Grant) > maxPattern:
		return bad("grant", "A grant_type has %d bytes at most.", maxPattern)
	case f.Status != 0 && (f.Status < 400 || f.Status > 599):
		return bad("status", "The status of a failure is from 400 to 599.")
	case f.Delay < 0 || f.Delay > maxDelay:
		return bad("latency", "A delay is at most %d seconds.", maxDelay/time.Second)
	case f.Drop != DropNever && f.Drop != DropBefore && f.Drop != DropAfter:
		return bad("drop", "A connection breaks before or after the request is done.")
	case f.Drop != DropNever && f.Status != 0:
		return bad("drop", "A connection that breaks answers no status: choose one of the two.")
	case f.Status == 0 && f.Delay == 0 && f.Drop == DropNever:
		return bad("status", "Say what goes wrong: a status, a delay, or a connection that breaks.")
	case !(f.Rate >= 0 && f.Rate <= 1):
		return bad("rate", "A rate is from 0 to 1; 0.25 is every fourth request.")
	case f.Times < 0 || f.Times > maxTimes:
		return bad("times", "It happens %d times at most, or 0 for no end.", maxTimes)
	}
	return nil
}

// Faults are the faults that are set, and put them in the way of requests. It is safe for concurrent use; a nil one has none. They are kept in
// memory alone.
type Faults struct {
	houses []string
	mu     sync.Mutex
	last   int64
	list   []Fault // in the order in which they were set
}

// NewFaults returns a Faults without any, for houses of these names.
func NewFaults(houses []string) *Faults { return &Faults{houses: houses} }

// Set puts a fault in the way of requests from now on, and returns it with its id.
func (f *Faults) Set(one Fault) (Fault, error) {
	if err := one.check(f.houses); err != nil {
		return Fault{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.list) >= maxFaults {
		return Fault{}, fault.New(fault.Limited, CodeTooManyFaults, "There are %d faults already: end some.", maxFaults)
	}
	f.last++
	one.ID, one.Matched, one.Struck = strconv.FormatInt(f.last, 10), 0, 0
	f.list = append(f.list, one)
	return one, nil
}

// List returns the faults that are set, the oldest first.
func (f *Faults) List() []Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.list)
}

// End takes a fault away. Requests that it delays go on at once or are delayed to their end, as they stand.
func (f *Faults) End(id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := len(f.list)
	f.list = slices.DeleteFunc(f.list, func(one Fault) bool { return one.ID == id })
	if len(f.list) == before {
		return fault.New(fault.NotFound, CodeNoFault, "There is no fault of that id; it may have happened as often as it was to.")
	}
	return nil
}

// EndAll takes all faults away and returns how many there were.
func (f *Faults) EndAll() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := len(f.list)
	f.list = nil
	return n
}

// strike chooses the fault for a request: the oldest that matches and whose turn it is.
func (f *Faults) strike(house, path, grant string) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.list {
		one := &f.list[i]
		if one.House != "" && one.House != house || !matches(one.Path, path) || one.Grant != "" && one.Grant != grant {
			continue
		}
		one.Matched++
		if one.Rate > 0 && int64(float64(one.Matched)*one.Rate) == int64(float64(one.Matched-1)*one.Rate) {
			continue // evenly: struck where the share of those that matched reaches the next whole number
		}
		one.Struck++
		chosen := *one
		if one.Times > 0 && one.Struck >= int64(one.Times) {
			f.list = slices.Delete(f.list, i, i+1)
		}
		return chosen, true
	}
	return Fault{}, false
}

// wants reports whether there is a fault at all, and whether one asks for the grant.
func (f *Faults) wants(house string) (some, grant bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, one := range f.list {
		if one.House == "" || one.House == house {
			some, grant = true, grant || one.Grant != ""
		}
	}
	return some, grant
}

// matches compares a path with a pattern in which * stands for anything.
func matches(pattern, path string) bool {
	if pattern == "" {
		return true
	}
	parts := strings.Split(strings.ToLower(pattern), "*")
	path = strings.ToLower(path)
	rest, ok := strings.CutPrefix(path, parts[0])
	if !ok || len(parts) == 1 {
		return ok && rest == ""
	}
	for _, part := range parts[1 : len(parts)-1] {
		_, after, found := strings.Cut(rest, part)
		if !found {
			return false
		}
		rest = after
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}

// Wrap returns h with faults put in the way of its requests. A nil Faults returns h.
func (f *Faults) Wrap(house string, h http.Handler) http.Handler {
	if f == nil {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		some, byGrant := f.wants(house)
		if !some {
			h.ServeHTTP(w, r)
			return
		}
		grant := ""
		if byGrant {
			r, grant = grantOf(r)
		}
		one, ok := f.strike(house, r.URL.Path, grant)
		if !ok {
			h.ServeHTTP(w, r)
			return
		}
		one.serve(w, r, h)
	})
}

// serve answers a request that the fault was put in the way of.
func (f Fault) serve(w http.ResponseWriter, r *http.Request, h http.Handler) {
	struck(r.Context(), f.ID, f.Drop != DropNever)
	w.Header().Set(FaultHeader, f.ID)
	if f.Delay > 0 && !wait(r.Context(), f.Delay) {
		panic(http.ErrAbortHandler) // the caller left
	}
	if f.Drop == DropBefore || f.Status != 0 {
		// Nobody else reads it, and whoever looks at the recording wants to see what was asked. What cannot be read is not shown.
		_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, grantBody))
	}
	switch {
	case f.Drop == DropBefore:
		panic(http.ErrAbortHandler)
	case f.Drop == DropAfter:
		h.ServeHTTP(&nobody{header: http.Header{}}, r)
		panic(http.ErrAbortHandler)
	case f.Status != 0:
		http.Error(w, fmt.Sprintf("%d %s: fault %s was set by the control API.", f.Status, http.StatusText(f.Status), f.ID), f.Status)
	default:
		h.ServeHTTP(w, r)
	}
}

// wait lets machine time go by, and reports whether the caller still waits.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// nobody gets an answer that nobody is to have.
type nobody struct{ header http.Header }

func (n *nobody) Header() http.Header         { return n.header }
func (n *nobody) Write(p []byte) (int, error) { return len(p), nil }
func (n *nobody) WriteHeader(int)             {}

// grantOf reads the grant_type of a token request, and returns a request whose body is whole again; "" for any other.
func grantOf(r *http.Request) (*http.Request, string) {
	if r.Method != http.MethodPost || r.Body == nil || r.Body == http.NoBody {
		return r, ""
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" && media != "application/json" {
		return r, ""
	}
	head, err := io.ReadAll(io.LimitReader(r.Body, grantBody))
	again := new(http.Request)
	*again = *r
	again.Body = rejoined{io.MultiReader(bytes.NewReader(head), broken{err}, r.Body), r.Body}
	if err != nil || len(head) == grantBody {
		return again, ""
	}
	if media == "application/json" {
		var in struct {
			GrantType string `json:"grant_type"`
		}
		if json.Unmarshal(head, &in) != nil {
			return again, "" // no token request, or one that the house refuses
		}
		return again, in.GrantType
	}
	form, err := url.ParseQuery(string(head))
	if err != nil {
		return again, ""
	}
	return again, form.Get("grant_type")
}

// rejoined is a body of which the beginning was read.
type rejoined struct {
	io.Reader
	io.Closer
}

// broken gives the error that reading the beginning ended in; nothing where it did not.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	return 0, io.EOF
}
