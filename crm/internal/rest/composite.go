package rest

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/soql"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/strictjson"
	"github.com/twinspan/twinspan/internal/web"
)

// Transactions makes several requests one transaction.
type Transactions interface {
	// InTransaction runs fn, perhaps twice, with a store that is bound to one transaction; an error undoes all.
	InTransaction(ctx context.Context, fn func(Transaction) error) error
}

// Transaction is the store inside a transaction.
type Transaction interface {
	org.RecordStore
	soql.Source
	soql.LocatorStore
	Holder
}

// Bounds of requests inside others (crm-wire 3.6).
const (
	maxSubrequests = 25
	maxQueries     = 5 // queries and collections among those of a composite
	// maxAnswers is how many bytes the answers of all have together: queries end early for it (soql.MaxBytes), and what is
	// still too long is not answered.
	maxAnswers = 2 * soql.MaxBytes
	// manyTimeout bounds all of them together, and oneTransaction those that are one transaction, for whose end others
	// wait.
	manyTimeout    = 50 * time.Second
	oneTransaction = 10 * time.Second
)

// subrequest is one request of a composite.
type subrequest struct {
	Method      string            `json:"method"`
	URL         string            `json:"url"`
	ReferenceID string            `json:"referenceId"`
	Body        any               `json:"body"`
	Header      map[string]string `json:"httpHeaders"`
}

// subresponse is its answer.
type subresponse struct {
	Body        any // nil, []wireError or json.RawMessage
	HTTPHeaders map[string]string
	Status      int
	ReferenceID string
}

func (r subresponse) object() object {
	return object{{"body", r.Body}, {"httpHeaders", r.HTTPHeaders}, {"httpStatusCode", r.Status}, {"referenceId", r.ReferenceID}}
}

func (s *Server) compositeResources(_ context.Context, c *call) (answer, error) {
	here := c.base + "/composite"
	return answer{http.StatusOK, map[string]string{"batch": here + "/batch", "sobjects": here + "/sobjects", "composite": here}}, nil
}

var referenceID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_]*$`)

// composite runs up to 25 requests in order; each may refer to the answers of those before it. It is one call on the
// meter, and each request has the caller's rights.
func (s *Server) composite(ctx context.Context, c *call) (answer, error) {
	var in struct {
		AllOrNone bool         `json:"allOrNone"`
		Collate   bool         `json:"collateSubrequests"`
		Requests  []subrequest `json:"compositeRequest"`
	}
	if err := decode(c.raw, &in); err != nil {
		return answer{}, err
	}
	if err := checkComposite(in.Requests); err != nil {
		return answer{}, err
	}
	run := &compositeRun{server: s, requests: in.Requests, out: make([]subresponse, len(in.Requests)), refs: newReferences(), allOrNone: in.AllOrNone}
	c = c.sharing()
	var err error
	if in.AllOrNone {
		err = s.compositeAll(ctx, c, run)
	} else {
		err = s.compositeAny(ctx, c, run)
	}
	if err != nil {
		return answer{}, err
	}
	answers := make([]object, len(run.out))
	for i, r := range run.out {
		answers[i] = r.object()
	}
	return answer{http.StatusOK, object{{"compositeResponse", answers}}}, nil
}

// compositeAny runs a composite of which each request stands for itself.
func (s *Server) compositeAny(ctx context.Context, c *call, run *compositeRun) error {
	ctx, cancel := context.WithTimeout(ctx, manyTimeout)
	defer cancel()
	return run.do(ctx, c, 0, len(run.requests))
}

// compositeAll runs a composite of all or none, in one transaction that begins with the first change: what is read before
// keeps nobody from writing.
func (s *Server) compositeAll(ctx context.Context, c *call, run *compositeRun) error {
	if s.Transactions == nil {
		return notFound()
	}
	first := 0
	for first < len(run.requests) && strings.EqualFold(run.requests[first].Method, http.MethodGet) {
		first++
	}
	if err := s.readAhead(ctx, c, run, first); err != nil || run.halted || first == len(run.requests) {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, oneTransaction)
	defer cancel()
	var bound *org.BoundRecords
	before := *run
	err := s.Transactions.InTransaction(ctx, func(tx Transaction) error {
		*run = before.again()
		bound = c.records.Within(tx)
		within := c.sharingOn()
		within.records, within.queries.Source, within.queries.Locators = &bound.Records, tx, tx
		err := run.do(ctx, within, first, len(run.requests))
		if run.halted {
			return errHalted
		}
		return err
	})
	if run.halted {
		return nil // and undone, whichever of its requests the transaction says failed
	}
	if err == nil {
		bound.Tell()
	}
	return err
}

// readAhead runs the first requests of a composite outside of its transaction.
func (s *Server) readAhead(ctx context.Context, c *call, run *compositeRun, first int) error {
	ctx, cancel := context.WithTimeout(ctx, manyTimeout)
	defer cancel()
	return run.do(ctx, c, 0, first)
}

func checkComposite(requests []subrequest) error {
	if len(requests) == 0 {
		return fault.New(fault.Invalid, org.CodeRequiredFieldMissing, "Required fields are missing: [compositeRequest]").In("compositeRequest")
	}
	if len(requests) > maxSubrequests {
		return fault.New(fault.Invalid, codeOverLimit, "A composite has at most %d subrequests.", maxSubrequests)
	}
	seen, queries := map[string]bool{}, 0
	for _, r := range requests {
		if !referenceID.MatchString(r.ReferenceID) {
			return fault.New(fault.Invalid, codeBadParameter, "Provided referenceId ('%s') must start with a letter or a number, and it can contain only letters, numbers and underscores ('_').", clip(r.ReferenceID))
		}
		if seen[r.ReferenceID] {
			return fault.New(fault.Invalid, codeBadParameter, "The referenceId '%s' comes more than once.", clip(r.ReferenceID))
		}
		seen[r.ReferenceID] = true
		path, _, _ := strings.Cut(r.URL, "?")
		if strings.Contains(path, "/query") || strings.Contains(path, "/composite/sobjects") {
			queries++
		}
	}
	if queries > maxQueries {
		return fault.New(fault.Invalid, codeOverLimit, "At most %d subrequests of a composite are queries or sObject collections.", maxQueries)
	}
	return nil
}

// halted is the answer of a request that was undone, or never made, because of another.
func halted(text string) []wireError {
	return []wireError{{Message: text, ErrorCode: "PROCESSING_HALTED"}}
}

// rolledBack is what the others of an all-or-none composite are told.
const rolledBack = "The transaction was rolled back since another operation in the same transaction failed."

// compositeRun is a composite under way.
type compositeRun struct {
	server    *Server
	requests  []subrequest
	out       []subresponse
	refs      *references
	allOrNone bool
	halted    bool // one failed, so all did
}

// errHalted undoes the transaction of a composite that halted.
var errHalted = errors.New("a subrequest failed")

// again is the run as it stands, to be gone on with more than once.
func (r *compositeRun) again() compositeRun {
	next := *r
	next.out = slices.Clone(r.out)
	next.refs = &references{answers: maps.Clone(r.refs.answers), left: r.refs.left}
	return next
}

// do runs the requests from one number on up to another. With allOrNone the first that fails halts all; an error is a
// failure of ours that ends them too.
func (r *compositeRun) do(ctx context.Context, c *call, from, to int) error {
	for i := from; i < to; i++ {
		request := r.requests[i]
		r.out[i] = r.server.runOne(ctx, c, request, r.refs)
		r.refs.answers[request.ReferenceID] = &reference{body: r.out[i].Body, failed: r.out[i].Status >= 400}
		if !r.allOrNone || r.out[i].Status < 400 {
			continue
		}
		if r.out[i].Status >= 500 {
			return fault.New(fault.Unavailable, "composite_failed", "A subrequest failed. Please try again.")
		}
		for j, other := range r.requests {
			if j != i {
				r.out[j] = subresponse{halted(rolledBack), map[string]string{}, http.StatusBadRequest, other.ReferenceID}
			}
		}
		r.halted = true
		return nil
	}
	return nil
}

func (s *Server) runOne(ctx context.Context, c *call, r subrequest, refs *references) subresponse {
	answered := subresponse{HTTPHeaders: map[string]string{}, ReferenceID: r.ReferenceID}
	target, missing := refs.inText(r.URL)
	body := r.Body
	if missing == "" {
		body, missing = refs.inValue(body)
	}
	if refs.spent() {
		answered.Status, answered.Body = http.StatusBadRequest, []wireError{{
			Message: "The references of the composite request put more than " + strconv.Itoa(maxReferred) + " characters into it", ErrorCode: wireOverLimit,
		}}
		return answered
	}
	if missing != "" {
		name, _, _ := strings.Cut(missing, ".")
		name, _, _ = strings.Cut(name, "[")
		answered.Status, answered.Body = http.StatusBadRequest, halted("Invalid reference specified. No value for "+missing+" found in "+name)
		return answered
	}
	header := http.Header{}
	for name, value := range r.Header {
		header.Set(name, value)
	}
	a, set := s.answerInside(ctx, c, inComposite, r.Method, target, header, body)
	for name := range set {
		answered.HTTPHeaders[name] = set.Get(name)
	}
	answered.Status, answered.Body = a.status, a.body
	return answered
}

// runInside runs a request that came inside the call, as the caller and in its scope, and answers as HTTP would. It is
// no call of its own on the meter (crm-wire 3.6).
func (s *Server) runInside(ctx context.Context, outer *call, in inside, method, target string, header http.Header, body any) (answer, http.Header) {
	a, set, err := s.callInside(ctx, outer, in, method, target, header, body)
	if err != nil {
		status, list := translate(err)
		if status >= http.StatusInternalServerError && ctx.Err() == nil {
			s.Log.ErrorContext(ctx, "a REST request inside another failed", "method", clip(method), "error", err)
		}
		return answer{status, list}, http.Header{}
	}
	return a, set
}

// sharing is the call with one budget for the answers of the requests inside it.
func (c *call) sharing() *call {
	queries := *c.queries
	queries.Budget = soql.NewBudget(soql.MaxBytes)
	within := *c
	within.scope = scope{records: c.records, queries: &queries, answers: soql.NewBudget(maxAnswers)}
	return &within
}

// sharingOn is the call with as much as is left of its budget, for requests that may run twice.
func (c *call) sharingOn() *call {
	queries := *c.queries
	queries.Budget = soql.NewBudget(queries.Budget.Left())
	within := *c
	within.scope = scope{records: c.records, queries: &queries, answers: soql.NewBudget(c.answers.Left())}
	return &within
}

// answerInside is runInside with the body as it is sent, so that what is kept until all requests are answered has the size
// that is counted. The answer of a change is kept in any case: it is short, and the change was made.
func (s *Server) answerInside(ctx context.Context, outer *call, in inside, method, target string, header http.Header, body any) (answer, http.Header) {
	tooLong := answer{http.StatusBadRequest, []wireError{{Message: textTooLong, ErrorCode: wireOverLimit}}}
	if outer.answers.Left() == 0 {
		return tooLong, http.Header{}
	}
	a, set := s.runInside(ctx, outer, in, method, target, header, body)
	if a.body == nil {
		return a, set
	}
	text, err := appendValue(nil, a.body)
	if err != nil {
		status, list := translate(err)
		s.Log.ErrorContext(ctx, "an answer could not be written as JSON", "method", clip(method), "error", err)
		return answer{status, list}, http.Header{}
	}
	if !outer.answers.Take(len(text)) && strings.EqualFold(method, http.MethodGet) {
		return tooLong, http.Header{}
	}
	a.body = json.RawMessage(text)
	return a, set
}

func (s *Server) callInside(ctx context.Context, outer *call, in inside, method, target string, header http.Header, body any) (answer, http.Header, error) {
	if err := ctx.Err(); err != nil {
		return answer{}, nil, fault.Wrap(err, fault.Unavailable, "composite_timeout", "The requests before this one took too long.")
	}
	u, err := url.Parse(target)
	if err != nil || u.Host != "" || u.Scheme != "" || len(target) > web.MaxURL {
		return answer{}, nil, notFound()
	}
	method = strings.ToUpper(method)
	found := s.mux.Find(method, u.EscapedPath())
	e, ok := found.Handler.(*endpoint)
	if !ok && found.Allow != "" {
		return answer{}, nil, methodNotAllowed(method, strings.ReplaceAll(found.Allow, ", ", ","))
	}
	if !ok || e.server != s || e.inside&in == 0 {
		return answer{}, nil, notFound()
	}
	c, err := s.parse(outer.session, request{method, found.Pattern, func(name string) string { return found.Values[name] }, u, header})
	if err != nil {
		return answer{}, nil, err
	}
	c.scope, c.inside = outer.scope, in
	if method == http.MethodPost || method == http.MethodPatch {
		if err := c.takeBody(e, body); err != nil {
			return answer{}, nil, err
		}
	}
	a, err := e.run(ctx, c)
	return a, c.header, err
}

func (c *call) takeBody(e *endpoint, body any) error {
	members, ok := body.(map[string]any)
	if !ok {
		return fault.New(fault.Invalid, strictjson.CodeMalformed, "The HTTP entity body is required, but this request has no entity body.")
	}
	if !e.raw {
		c.body = members
		return nil
	}
	raw, err := appendValue(nil, members)
	c.raw = raw
	return err
}

// batch runs up to 25 requests that know nothing of each other. It is one call on the meter.
func (s *Server) batch(ctx context.Context, c *call) (answer, error) {
	var in struct {
		HaltOnError bool `json:"haltOnError"`
		Requests    []struct {
			Method string         `json:"method"`
			URL    string         `json:"url"`
			Input  map[string]any `json:"richInput"`
		} `json:"batchRequests"`
	}
	if err := decode(c.raw, &in); err != nil {
		return answer{}, err
	}
	if len(in.Requests) == 0 {
		return answer{}, fault.New(fault.Invalid, org.CodeRequiredFieldMissing, "Required fields are missing: [batchRequests]").In("batchRequests")
	}
	if len(in.Requests) > maxSubrequests {
		return answer{}, fault.New(fault.Invalid, codeOverLimit, "A batch has at most %d subrequests.", maxSubrequests)
	}
	ctx, cancel := context.WithTimeout(ctx, manyTimeout)
	defer cancel()
	c = c.sharing()
	results, failed, stop := make([]object, len(in.Requests)), false, false
	for i, r := range in.Requests {
		if stop {
			results[i] = object{{"statusCode", http.StatusPreconditionFailed}, {"result", []wireError{{
				Message: "Batch processing halted by request", ErrorCode: "BATCH_PROCESSING_HALTED",
			}}}}
			continue
		}
		target := r.URL
		if !strings.HasPrefix(target, "/") { // "v65.0/sobjects/…" is the documented spelling
			target = "/services/data/" + target
		}
		var body any
		if r.Input != nil {
			body = r.Input
		}
		a, _ := s.answerInside(ctx, c, inBatch, r.Method, target, http.Header{}, body)
		results[i] = object{{"statusCode", a.status}, {"result", a.body}}
		failed = failed || a.status >= 400
		stop = failed && in.HaltOnError
	}
	return answer{http.StatusOK, object{{"hasErrors", failed}, {"results", results}}}, nil
}
