// Package rest is the org's REST data API: versions, queries, sObjects and records (crm-wire 3).
package rest

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
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
	Apps     *org.Apps
	// Meter counts every request of a session; nil counts none.
	Meter   *org.Meter
	Queries *soql.Runner
	Log     *slog.Logger
}

// maxBody bounds a request's JSON, in bytes (HT-04 of the security reference).
const maxBody = 1 << 20

// headerDryRun asks what creating, changing or deleting a record would do; nothing is changed, and the answer has no
// body. Warnings come as they would otherwise.
const headerDryRun = "Twinspan-Dry-Run"

// call is a request, parsed.
type call struct {
	session org.Session
	version string // "65.0"
	base    string // path that the resource hangs on: "/services/data/v65.0", with "/tooling" below it
	object  string
	id      string
	locator string
	// resource is what the path names of a record: "password".
	resource string
	query    url.Values
	options  options
	body     map[string]any // members of a JSON object; nil for methods without one
}

// answer is what a handler wants sent. A nil body sends none.
type answer struct {
	status int
	body   any
}

type handler func(context.Context, *call) (answer, error)

// Mount routes the API under /services/data.
func (s *Server) Mount(m *web.Mux) {
	m.Handle("GET /services/data", http.HandlerFunc(s.versions))
	m.Handle("GET /services/data/{version}", s.handle(s.resources))
	for _, base := range []string{"/services/data/{version}", "/services/data/{version}/tooling"} {
		route := func(method, path string, h handler) { m.Handle(method+" "+base+path, s.handle(h)) }
		route("GET", "/query", s.runQuery)
		route("GET", "/queryAll", s.runQueryAll)
		route("GET", "/query/{locator}", s.nextBatch)
		route("GET", "/queryAll/{locator}", s.nextBatch)
		route("GET", "/sobjects", s.describeGlobal)
		route("GET", "/sobjects/{object}", s.basicInfo)
		route("POST", "/sobjects/{object}", s.createRecord)
		route("GET", "/sobjects/{object}/describe", s.describe)
		route("GET", "/sobjects/{object}/{id}", s.readRecord)
		route("GET", "/sobjects/{object}/{id}/{resource}", s.passwordState)
		route("POST", "/sobjects/{object}/{id}/{resource}", s.setPassword)
		route("DELETE", "/sobjects/{object}/{id}/{resource}", s.resetPassword)
		route("PATCH", "/sobjects/{object}/{id}", s.updateRecord)
		route("POST", "/sobjects/{object}/{id}", s.overriddenMethod)
		route("DELETE", "/sobjects/{object}/{id}", s.deleteRecord)
	}
	m.Handle("GET /services/data/{version}/limits", s.handle(s.limits))
	m.Handle("GET /services/data/{version}/limits/apiUsage", s.handle(s.apiUsage))
	apps := "/services/data/{version}/twinspan/apps"
	m.Handle("GET "+apps, s.handle(s.listApps))
	m.Handle("GET "+apps+"/{id}", s.handle(s.showApp))
	m.Handle("PATCH "+apps+"/{id}", s.handle(s.changeApp))
	m.Handle("GET "+apps+"/{id}/usage", s.handle(s.appUsage))
	m.Handle("POST "+apps+"/{id}/revoke", s.handle(s.revokeApp))
	m.Handle("GET /services/data/{version}/tooling", s.handle(s.toolingResources))
}

// handle authenticates, parses and answers.
func (s *Server) handle(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := s.parse(w, r)
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
		a, err := h(r.Context(), c)
		for _, text := range warnings {
			w.Header().Add("Warning", web.Warning(text))
		}
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		s.send(w, r, a)
	})
}

func (s *Server) parse(w http.ResponseWriter, r *http.Request) (*call, error) {
	c := &call{object: r.PathValue("object"), id: r.PathValue("id"), locator: r.PathValue("locator"), resource: r.PathValue("resource")}
	var err error
	if c.session, err = s.authenticate(r); err != nil {
		return nil, err
	}
	if err := s.count(w, r, c.session); err != nil {
		return nil, err
	}
	segment := r.PathValue("version")
	var ok bool
	if c.version, ok = parseVersion(segment); !ok {
		return nil, notFound()
	}
	c.base = "/services/data/" + segment
	if strings.Contains(r.Pattern, "/{version}/tooling/") {
		c.base += "/tooling"
		c.session.Tooling = true
	}
	if c.query, err = web.Query(r); err != nil {
		return nil, err
	}
	if c.options, err = parseOptions(r.Header); err != nil {
		return nil, err
	}
	if strings.EqualFold(r.Header.Get(headerDryRun), "true") {
		if c.session.DryRun = mayDryRun(r.Pattern); !c.session.DryRun && r.Method != http.MethodGet {
			return nil, fault.New(fault.Invalid, codeNoDryRun, "A dry run is for creating, changing or deleting one record, and for changing an app.")
		}
	}
	switch r.Method {
	case http.MethodPost, http.MethodPatch:
		c.body = map[string]any{}
		if err := web.ReadJSON(w, r, maxBody, &c.body); err != nil {
			return nil, err
		}
		if c.body == nil { // the JSON value null
			return nil, fault.New(fault.Invalid, strictjson.CodeMalformed, "The HTTP entity body is required, but this request has no entity body.")
		}
	}
	return c, nil
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
	session, err := s.Auth.Authenticate(r.Context(), token)
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
	if status >= http.StatusInternalServerError && r.Context().Err() == nil {
		s.Log.ErrorContext(r.Context(), "a REST request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	s.send(w, r, answer{status: status, body: body})
}

func (s *Server) send(w http.ResponseWriter, r *http.Request, a answer) {
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
	w.WriteHeader(a.status)
	_, _ = w.Write(body) // a client that went away
}

func clip(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "…"
	}
	return s
}
