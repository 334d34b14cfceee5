// Package rest is the tenant's REST API (engagement-wire 4): where the endpoints are, who the token is, and sending by
// transactional and triggered send definitions. Each handler reads a request into values, lets a service of package
// tenant decide, and writes the shapes that the SDKs read. Paths and keys have no case, and bodies are always JSON:
// clients refuse answers that are not (engagement-wire 0.1, 0.5).
package rest

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/probe"
	"github.com/twinspan/twinspan/internal/web"
)

// maxBody bounds a request body: 2,000 recipients with some attributes each.
const maxBody = 1 << 20

// Options are what the API stands on.
type Options struct {
	Auth        tenant.Authenticator
	Sends       *tenant.Sends
	Definitions *tenant.Definitions
	Queues      *tenant.DefinitionQueues
	Registry    *tenant.Registry
	Senders     tenant.SenderList
	Data        *tenant.DataExtensions
	Emails      *tenant.Emails
	Subscribers *tenant.Subscribers
	// Decisions are about messages in doubt.
	Decisions *tenant.Decisions
	// Verification proves addresses and domains.
	Verification *tenant.Verification
	// BaseURL is the house's public URL without trailing slash.
	BaseURL string
	Log     *slog.Logger
}

// Server answers REST calls.
type Server struct{ o Options }

// New returns the API over the services of o, of which none may be nil.
func New(o Options) (*Server, error) {
	if o.Auth == nil || o.Sends == nil || o.Definitions == nil || o.Queues == nil || o.Registry == nil || o.Senders == nil || o.Verification == nil || o.Decisions == nil || o.Data == nil || o.Emails == nil || o.Subscribers == nil || o.BaseURL == "" {
		return nil, errors.New("rest: a service or the base URL is missing")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{o: o}, nil
}

// Mount registers the API on a router that matches paths without regard to case. The router's NotFound and
// MethodNotAllowed handlers should be this server's for paths below the API.
func (s *Server) Mount(mux *web.Mux) {
	handle := func(pattern string, h handler) { mux.HandleFunc(pattern, s.authenticated(h)) }
	handle("GET /platform/v1/endpoints", s.endpoints)
	handle("GET /platform/v1/endpoints/{type}", s.endpoint)
	handle("GET /platform/v1/tokenContext", s.tokenContext)
	handle("GET /platform/v1/setup/quickflow/data", s.quickflow)
	handle("GET /messaging/v1/domainverification", s.domains)
	mux.HandleFunc("POST /messaging/v1/domainverification", s.plain(http.StatusCreated, s.addDomain))
	mux.HandleFunc("POST /messaging/v1/domainverification/update", s.plain(http.StatusOK, s.updateDomains))
	mux.HandleFunc("POST /messaging/v1/domainverification/delete", s.plain(http.StatusOK, s.deleteDomains))
	mux.HandleFunc("POST /messaging/v1/domainverification/verify", s.plain(http.StatusOK, s.checkDomain))
	handle("GET /v2/sends", s.listSends)
	handle("POST /v2/sends/{messageKey}", s.decideSend)
	handle("GET /legacy/v1/beta/messaging/deliverypolicy", s.deliveryProfiles)
	handle("POST /messaging/v1/email/messages", s.sendMany)
	handle("POST /messaging/v1/email/messages/{messageKey}", s.sendOne)
	handle("GET /messaging/v1/email/messages", s.listMessages)
	handle("GET /messaging/v1/email/messages/{messageKey}", s.message)
	handle("GET /messaging/v1/email/definitions", s.listDefinitions)
	handle("POST /messaging/v1/email/definitions", s.createDefinition)
	handle("GET /messaging/v1/email/definitions/{definitionKey}", s.definition)
	handle("PATCH /messaging/v1/email/definitions/{definitionKey}", s.updateDefinition)
	handle("DELETE /messaging/v1/email/definitions/{definitionKey}", s.deleteDefinition)
	handle("GET /messaging/v1/email/definitions/{definitionKey}/queue", s.queue)
	handle("DELETE /messaging/v1/email/definitions/{definitionKey}/queue", s.emptyQueue)
	handle("POST /messaging/v1/messageDefinitionSends/{definition}/send", s.definitionSend)
	handle("GET /asset/v1/content/assets", s.listAssets)
	handle("POST /asset/v1/content/assets/query", s.queryAssets)
	handle("GET /asset/v1/content/assets/{id}", s.oneAsset)
	handle("POST /contacts/v1/contacts", s.createContact)
	handle("PATCH /contacts/v1/contacts", s.updateContact)
	handle("POST /hub/v1/dataevents/{extension}/rowset", s.upsertRows)
	handle("PUT /hub/v1/dataevents/{extension}/rows/{keys}", s.upsertRow)
	handle("POST /hub/v1/dataeventsasync/{extension}/rowset", s.upsertRowsLater)
	handle("PUT /hub/v1/dataeventsasync/{extension}/rows/{keys}", s.upsertRowLater)
	handle("POST /data/v1/async/dataextensions/{extension}/rows", s.insertLater)
	handle("PUT /data/v1/async/dataextensions/{extension}/rows", s.upsertLater)
	handle("GET /data/v1/async/{request}/status", s.loadStatus)
	handle("GET /data/v1/async/{request}/results", s.loadResults)
	handle("GET /data/v1/customobjectdata/{id}/rowset", s.rowsByID)
	handle("GET /data/v1/customobjectdata/key/{key}/rowset", s.rowsByKey)
}

// request is a call with its caller.
type request struct {
	*http.Request
	w http.ResponseWriter
	p tenant.Principal
}

// handler answers a call: a status and a JSON body, or an error for the edge's table.
type handler func(ctx context.Context, r request) (int, any, error)

// authenticated finds the caller behind the bearer token and runs the handler.
func (s *Server) authenticated(h handler) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		web.NoStore(w)
		p, err := s.principal(r)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		status, body, err := h(r.Context(), request{Request: r, w: w, p: p})
		if err != nil {
			s.fail(w, r, err)
			return
		}
		s.write(w, r, status, body)
	}
}

// codeTokenInURL is the fault of a token where logs and histories would keep it (errorcode 40004).
const codeTokenInURL fault.Code = "token_in_url"

// principal takes the token from the Authorization header and from nowhere else (RFC 6750 section 2).
func (s *Server) principal(r *http.Request) (tenant.Principal, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" || len(r.Header.Values("Authorization")) > 1 {
		if q, err := parameters(r); err == nil && q["access_token"] != "" {
			return tenant.Principal{}, fault.New(fault.Unauthenticated, codeTokenInURL, "Send the access token in the Authorization header.")
		}
		return tenant.Principal{}, fault.New(fault.Unauthenticated, tenant.CodeInvalidToken, "Not Authorized")
	}
	p, err := s.o.Auth.Token(r.Context(), token)
	probe.CalledBy(r.Context(), p.Username, p.ClientID)
	return p, err
}

// parameters are the URL's parameters under their names in lower case and without a leading $: clients write $pageSize,
// $pagesize and pagesize.
func parameters(r *http.Request) (map[string]string, error) {
	values, err := web.Query(r)
	if err != nil {
		return nil, err
	}
	return foldNames(values)
}

func foldNames(values url.Values) (map[string]string, error) {
	q := make(map[string]string, len(values))
	for name, v := range values {
		folded := strings.TrimPrefix(strings.ToLower(name), "$")
		if _, twice := q[folded]; twice {
			return nil, fault.New(fault.Invalid, web.CodeRepeatedParameter, "A parameter comes more than once.").In(folded)
		}
		q[folded] = v[0]
	}
	return q, nil
}

func (s *Server) write(w http.ResponseWriter, r *http.Request, status int, body any) {
	if err := web.WriteJSON(w, status, body); err != nil {
		s.o.Log.DebugContext(r.Context(), "rest: the answer was not taken", slog.Any("error", err))
	}
}

// timestamp is how this API writes times: RFC 3339 in UTC with milliseconds.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
