// Package rest is the org's REST data API: versions, queries, sObjects and records (crm-wire 3).
package rest

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/soql"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/strictjson"
	"github.com/twinspan/twinspan/internal/web"
)

// Server serves the API. Fill in the fields, then Mount.
type Server struct {
	BaseURL string // of the org's server, without a trailing slash
	Auth    org.Authenticator
	Records *org.Records
	// Accounts looks after users' passwords.
	Accounts *org.Accounts
	// Senders proves whose the domains are that the org mails from.
	Senders *org.Deliverability
	Apps    *org.Apps
	// Meter counts every request of a session; nil counts none.
	Meter *org.Meter
	// Notices are the warnings about the use of the API.
	Notices *org.Notices
	Queries *soql.Runner
	// Transactions runs composites that are all or none; nil has none.
	Transactions Transactions
	Log          *slog.Logger

	mux *web.Mux // that the routes are in, for requests inside others
}

// Bounds of a request's JSON, in bytes (HT-04 of the security reference): of one record, and of the resources that take
// up to 200 of them.
const (
	maxBody  = 1 << 20
	maxBatch = 8 << 20
)

// headerDryRun asks what creating, changing or deleting a record would do; nothing is changed, and the answer has no
// body. Warnings come as they would otherwise.
const headerDryRun = "Twinspan-Dry-Run"

// call is a request, parsed: one of HTTP, or one inside another.
type call struct {
	scope
	session org.Session
	ip      string // where the request comes from; "" inside another
	version string // "65.0"
	base    string // path that the resource hangs on: "/services/data/v65.0", with "/tooling" below it
	object  string
	id      string
	locator string
	// field and value are what the path names of a record in place of its id.
	field, value string
	query        url.Values
	options      options
	conditions   conditions
	body         map[string]any // members of a JSON object; nil for methods without one
	raw          []byte         // JSON of the resources that read their body themselves
	inside       inside         // what the request came in
	header       http.Header    // of the answer
}

// scope is what records are read from and written to: the store, or a transaction.
type scope struct {
	records *org.Records
	queries *soql.Runner
	// answers are the bytes that the answers of requests inside one have together; nil outside of one.
	answers *soql.Budget
}

// answer is what a handler wants sent. A nil body sends none.
type answer struct {
	status int
	body   any
}

type handler func(context.Context, *call) (answer, error)

// inside is a set of resources that take requests inside themselves.
type inside uint8

const (
	inBatch inside = 1 << iota
	inComposite
)

// endpoint answers one route, for requests of HTTP and, where it says so, inside others.
type endpoint struct {
	server *Server
	run    handler
	inside inside // what it may come in
	raw    bool   // it reads its body itself, which may be long
}

// Mount routes the API under /services/data.
func (s *Server) Mount(m *web.Mux) {
	s.mux = m
	const root = "/services/data/{version}"
	m.Handle("GET /services/data", http.HandlerFunc(s.versions))
	m.Handle("GET "+root, s.handle(s.resources))
	for _, base := range []string{root, root + "/tooling"} {
		route := func(pattern string, h handler) {
			method, path, _ := strings.Cut(pattern, " ")
			m.Handle(method+" "+base+path, &endpoint{server: s, run: h, inside: inBatch | inComposite})
		}
		many := func(pattern string, h handler, in inside) {
			method, path, _ := strings.Cut(pattern, " ")
			m.Handle(method+" "+base+path, &endpoint{server: s, run: h, inside: in, raw: true})
		}
		route("GET /query", s.runQuery)
		route("GET /queryAll", s.runQueryAll)
		route("GET /query/{locator}", s.nextBatch)
		route("GET /queryAll/{locator}", s.nextBatch)
		route("GET /sobjects", s.describeGlobal)
		route("GET /sobjects/{object}", s.basicInfo)
		route("GET /sobjects/{object}/updated", s.updatedRecords)
		route("GET /sobjects/{object}/deleted", s.deletedRecords)
		route("POST /sobjects/{object}", s.createRecord)
		route("GET /sobjects/{object}/describe", s.describe)
		route("GET /sobjects/{object}/{id}", s.readRecord)
		route("PATCH /sobjects/{object}/{id}", s.updateRecord)
		route("POST /sobjects/{object}/{id}", s.overriddenMethod)
		route("DELETE /sobjects/{object}/{id}", s.deleteRecord)
		route("GET /sobjects/{object}/{field}/{value}", s.readBy)
		route("PATCH /sobjects/{object}/{field}/{value}", s.upsertRecord)
		route("DELETE /sobjects/{object}/{field}/{value}", s.deleteBy)
		route("POST /sobjects/{object}/{field}/{value}", s.postBy)
		many("POST /composite", s.composite, 0)
		many("POST /composite/batch", s.batch, 0)
		many("POST /composite/sobjects", s.createMany, inBatch|inComposite)
		many("PATCH /composite/sobjects", s.updateMany, inBatch|inComposite)
		many("DELETE /composite/sobjects", s.deleteMany, inBatch|inComposite)
		many("GET /composite/sobjects/{object}", s.readMany, inBatch|inComposite)
		many("POST /composite/sobjects/{object}", s.readMany, inBatch|inComposite)
		many("PATCH /composite/sobjects/{object}/{field}", s.upsertMany, inBatch|inComposite)
	}
	m.Handle("GET "+root+"/composite", s.handle(s.compositeResources))
	reports := root + "/analytics/reports"
	m.Handle("GET "+reports, s.handle(s.listReports))
	m.Handle("GET "+reports+"/{id}", s.handle(s.runReport))
	m.Handle("GET "+reports+"/{id}/describe", s.handle(s.describeReport))
	m.Handle("GET "+root+"/limits", &endpoint{server: s, run: s.limits, inside: inBatch})
	m.Handle("GET "+root+"/limits/apiUsage", s.handle(s.apiUsage))
	notices := root + "/limits/apiUsage/notifications"
	m.Handle("GET "+notices, s.handle(s.listNotices))
	m.Handle("POST "+notices, s.handle(s.putNotice))
	m.Handle("DELETE "+notices+"/{field}/{value}", s.handle(s.deleteNotice))
	apps := root + "/twinspan/apps"
	m.Handle("GET "+apps, s.handle(s.listApps))
	m.Handle("GET "+apps+"/{id}", s.handle(s.showApp))
	m.Handle("PATCH "+apps+"/{id}", s.handle(s.changeApp))
	m.Handle("GET "+apps+"/{id}/usage", s.handle(s.appUsage))
	m.Handle("POST "+apps+"/{id}/revoke", s.handle(s.revokeApp))
	m.Handle("GET "+root+"/tooling", s.handle(s.toolingResources))
}

// handle is an endpoint that stands alone.
func (s *Server) handle(h handler) http.Handler { return &endpoint{server: s, run: h} }

// ServeHTTP authenticates, counts, parses and answers.
func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s := e.server
	c, err := s.accept(w, r, e)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	var warnings []string
	c.session.Warn = func(text string) {
		if !slices.Contains(warnings, text) {
			warnings = append(warnings, text)
		}
	}
	a, err := e.run(r.Context(), c)
	for _, text := range warnings {
		w.Header().Add("Warning", web.Warning(text))
	}
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	for name, values := range c.header {
		w.Header()[name] = values
	}
	s.sendIf(w, r, a, c.conditions)
}

func (s *Server) accept(w http.ResponseWriter, r *http.Request, e *endpoint) (*call, error) {
	session, err := s.authenticate(r)
	if err != nil {
		return nil, err
	}
	if err := s.count(w, r, session, false); err != nil {
		return nil, err
	}
	c, err := s.parse(session, request{method: r.Method, pattern: r.Pattern, value: r.PathValue, url: r.URL, header: r.Header})
	if err != nil {
		return nil, err
	}
	c.scope, c.ip = scope{records: s.Records, queries: s.Queries}, web.RemoteIP(r)
	return c, c.read(w, r, e)
}

// request is what a call is made of.
type request struct {
	method, pattern string
	value           func(name string) string // of a wildcard in the pattern
	url             *url.URL
	header          http.Header
}

// parse makes the call of a request, all but its body and its scope.
func (s *Server) parse(session org.Session, r request) (*call, error) {
	c := &call{
		session: session, object: r.value("object"), id: r.value("id"), locator: r.value("locator"),
		field: r.value("field"), value: r.value("value"), header: http.Header{},
	}
	segment := r.value("version")
	var err error
	if c.version, err = parseVersion(segment); err != nil {
		return nil, err
	}
	c.base = "/services/data/" + segment
	if strings.Contains(r.pattern, "/{version}/tooling/") {
		c.base += "/tooling"
		c.session.Tooling = true
	}
	if c.query, err = web.ParseQuery(r.url.RawQuery); err != nil {
		return nil, err
	}
	if strings.EqualFold(r.header.Get(headerDryRun), "true") {
		if c.session.DryRun = mayDryRun(r.pattern); !c.session.DryRun && r.method != http.MethodGet {
			return nil, fault.New(fault.Invalid, codeNoDryRun, "A dry run is for creating, changing or deleting one record, and for changing an app.")
		}
	}
	c.conditions = parseConditions(r.header)
	c.options, err = parseOptions(r.header)
	return c, err
}

// read reads the body, where the method has one.
func (c *call) read(w http.ResponseWriter, r *http.Request, e *endpoint) error {
	if r.Method != http.MethodPost && r.Method != http.MethodPatch {
		return nil
	}
	limit := int64(maxBody)
	if e.raw {
		limit = maxBatch
	}
	if err := web.CheckContentType(r, "application/json"); err != nil {
		return err
	}
	if err := web.Gunzip(w, r, limit); err != nil {
		return err
	}
	body, err := web.ReadBody(w, r, limit)
	if err != nil {
		return err
	}
	if e.raw {
		c.raw = body
		return nil
	}
	c.body = map[string]any{}
	if err := decode(body, &c.body); err != nil {
		return err
	}
	if c.body == nil { // the JSON value null
		return fault.New(fault.Invalid, strictjson.CodeMalformed, "The HTTP entity body is required, but this request has no entity body.")
	}
	return nil
}

// mayDryRun reports whether a route knows dry runs; any other must not change anything for somebody who asked for one.
func mayDryRun(pattern string) bool {
	_, path, _ := strings.Cut(pattern, "{version}")
	switch strings.TrimPrefix(path, "/tooling") {
	case "/sobjects/{object}", "/sobjects/{object}/{id}", "/twinspan/apps/{id}":
		return true
	}
	return false
}

// authenticate finds the session of the Authorization header, "Bearer" or the older "OAuth" (crm-wire 3.2).
func (s *Server) authenticate(r *http.Request) (org.Session, error) {
	expired := fault.New(fault.Unauthenticated, org.CodeInvalidSession, "Session expired or invalid")
	header := r.Header.Get("Authorization")
	if header == "" {
		return org.Session{}, expired
	}
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") && !strings.EqualFold(scheme, "OAuth") {
		return org.Session{}, fault.New(fault.Unauthenticated, codeBadAuthHeader, "INVALID_HEADER_TYPE")
	}
	token = strings.TrimSpace(token)
	if token == "" {
		return org.Session{}, expired
	}
	session, err := s.Auth.Authenticate(r.Context(), token, org.Origin{IP: web.RemoteIP(r), Host: r.Host})
	if err != nil {
		return org.Session{}, err
	}
	if !session.MayUseREST() {
		return org.Session{}, fault.New(fault.Unauthenticated, codeNotForREST, "This session is not valid for use with the REST API")
	}
	if !session.Permissions[org.PermAPIEnabled] {
		return org.Session{}, fault.New(fault.Denied, codeAPIDisabled, "API is disabled for this User")
	}
	return session, nil
}

// NotFound answers paths under /services/data that are no resource.
func (s *Server) NotFound(w http.ResponseWriter, r *http.Request) { s.refuse(w, r, notFound()) }

// MethodNotAllowed answers resources that do not have the method. The Allow header is set.
func (s *Server) MethodNotAllowed(w http.ResponseWriter, r *http.Request) {
	s.refuse(w, r, fault.New(fault.Invalid, codeMethodNotAllowed, "HTTP Method '%s' not allowed. Allowed are %s",
		clip(r.Method), strings.ReplaceAll(w.Header().Get("Allow"), ", ", ",")))
}

func notFound() error {
	return fault.New(fault.NotFound, org.CodeNotFound, "The requested resource does not exist")
}

func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status, body := translate(err)
	switch n := org.RetryAfter(err); {
	case n > 0:
		w.Header().Set("Retry-After", strconv.Itoa(n))
	case status == http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "2")
	}
	if status >= http.StatusInternalServerError && r.Context().Err() == nil {
		s.Log.ErrorContext(r.Context(), "a REST request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	s.send(w, r, answer{status: status, body: body})
}

func (s *Server) send(w http.ResponseWriter, r *http.Request, a answer) {
	s.sendIf(w, r, a, conditions{})
}

// sendIf sends an answer; to a GET with its tag, or 304 where the caller has it.
func (s *Server) sendIf(w http.ResponseWriter, r *http.Request, a answer, c conditions) {
	if a.body == nil {
		w.WriteHeader(a.status)
		return
	}
	body, err := appendValue(nil, a.body)
	if err != nil {
		s.Log.ErrorContext(r.Context(), "an answer could not be written as JSON", "path", r.URL.Path, "error", err)
		http.Error(w, `[{"message":"An unexpected error occurred.","errorCode":"UNKNOWN_EXCEPTION"}]`, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.Header().Set("Cache-Control", "no-store")
	if a.status == http.StatusOK && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		tag := tagOf(body)
		w.Header().Set("ETag", tag)
		switch {
		case c.match != "" && !names(c.match, tag):
			s.refuse(w, r, errPrecondition())
			return
		case c.noneMatch != "" && names(c.noneMatch, tag):
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	web.WriteBody(w, r, a.status, body)
}

func clip(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "…"
	}
	return s
}
