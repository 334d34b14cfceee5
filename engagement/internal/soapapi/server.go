// Package soapapi is the tenant's SOAP API: POST /Service.asmx in SOAP 1.1 and 1.2 (engagement-wire 3 and 9). It reads a
// request into values, lets a service of package tenant decide, and writes what came of it in the shapes that the SDKs
// index. Requests are dispatched by the element in the Body; the SOAPAction says only what the answer's action is called.
package soapapi

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/probe"
	"github.com/twinspan/twinspan/internal/soap"
	"github.com/twinspan/twinspan/internal/web"
)

// Path is where the API is mounted; routers match it in any letter case.
const Path = "/Service.asmx"

// Namespace of the message elements.
const Namespace = "http://exacttarget.com/wsdl/partnerAPI"

// limits bound a request. Emails of 100 KB and batches of some hundred objects fit in it.
var limits = soap.Limits{Bytes: 512 << 10, Depth: 64, Elements: 50_000, Attributes: 256}

// Options are what the API stands on.
type Options struct {
	Auth        tenant.Authenticator
	Retrieves   *tenant.Retrieves
	Sends       *tenant.Sends
	Subscribers *tenant.Subscribers
	Users       *tenant.Users
	Roles       *tenant.Roles
	Data        *tenant.DataExtensions
	Lists       *tenant.Lists
	Emails      *tenant.Emails
	SendSetup   *tenant.SendSetup
	Definitions *tenant.Definitions
	EmailSends  *tenant.EmailSends
	// EmailSendDefinitions rest on EmailSends.
	EmailSendDefinitions *tenant.EmailSendDefinitions
	Results              *tenant.RequestResults
	// BaseURL is the house's public URL without trailing slash; faults name it as their actor.
	BaseURL string
	// Machine tells the time of message headers; time.Now where it is nil.
	Machine clock.Machine
	Log     *slog.Logger
}

// Server answers SOAP calls.
type Server struct {
	o          Options
	operations map[string]operation // by the local name of the body element
}

// operation is one body element: the name of its action, and what it does for the caller.
type operation struct {
	action string
	// run returns what writes the message element of the answer. An error is a fault of the whole call.
	run func(ctx context.Context, p tenant.Principal, op *soap.Element) (func(*soap.Writer), error)
}

// New returns the API over the services of o, of which none may be nil.
func New(o Options) (*Server, error) {
	if o.Auth == nil || o.Retrieves == nil || o.Sends == nil || o.Subscribers == nil || o.Users == nil || o.Data == nil ||
		o.Lists == nil || o.Emails == nil || o.SendSetup == nil || o.Definitions == nil ||
		o.Roles == nil || o.EmailSends == nil || o.EmailSendDefinitions == nil || o.Results == nil {
		return nil, errors.New("soapapi: a service is missing")
	}
	if o.Machine == nil {
		o.Machine = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{o: o}
	s.operations = map[string]operation{
		"RetrieveRequestMsg":     {"Retrieve", s.retrieve},
		"DefinitionRequestMsg":   {"Describe", s.describe},
		"CreateRequest":          {"Create", s.create},
		"UpdateRequest":          {"Update", s.update},
		"DeleteRequest":          {"Delete", s.remove},
		"ConfigureRequestMsg":    {"Configure", s.configure},
		"PerformRequestMsg":      {"Perform", s.perform},
		"SystemStatusRequestMsg": {"GetSystemStatus", s.systemStatus},
		"VersionInfoRequestMsg":  {"VersionInfo", s.versionInfo},
	}
	return s, nil
}

// actions are the operations of the port (engagement-wire 3): what a SOAPAction may say.
var actions = map[string]bool{
	"Create": true, "Retrieve": true, "Update": true, "Delete": true, "Query": true, "Describe": true, "Execute": true, "Perform": true,
	"Configure": true, "Schedule": true, "VersionInfo": true, "Extract": true, "GetSystemStatus": true,
}

// Mount registers the API and its WSDL.
func (s *Server) Mount(mux *web.Mux) {
	mux.HandleFunc("POST "+Path, s.serve)
	s.mountDocuments(mux)
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	web.NoStore(w)
	env, ok := s.read(w, r)
	if !ok {
		return
	}
	c := call{version: env.Version, media: "text/xml", relatesTo: messageID(env), action: action(r, env)}
	if env.Version == soap.SOAP12 && web.CheckContentType(r, "application/soap+xml") == nil {
		c.media = "application/soap+xml"
	}
	write, err := s.answer(r.Context(), &c, env)
	if err != nil {
		s.fault(w, r, c, err)
		return
	}
	s.reply(w, r, http.StatusOK, c, c.action+"Response", write)
}

// read takes the request in. What is no SOAP at all is answered with plain text, as the real service does it.
func (s *Server) read(w http.ResponseWriter, r *http.Request) (*soap.Envelope, bool) {
	refuse := func(status int, text string) (*soap.Envelope, bool) {
		http.Error(w, text, status)
		return nil, false
	}
	if err := web.CheckContentType(r, "text/xml", "application/soap+xml", "application/xml"); err != nil {
		return refuse(http.StatusUnsupportedMediaType, "Unsupported Media Type")
	}
	body, err := web.ReadBody(w, r, limits.Bytes)
	if err == nil {
		var env *soap.Envelope
		if env, err = soap.Parse(bytes.NewReader(body), limits); err == nil {
			return env, true
		}
	}
	switch status := statusOfUnreadable(err); status {
	case http.StatusRequestEntityTooLarge:
		return refuse(status, "Request Entity Too Large")
	case http.StatusUnsupportedMediaType:
		return refuse(status, "Unsupported Media Type")
	default:
		return refuse(http.StatusBadRequest, "Bad Request")
	}
}

// answer finds the operation, then the caller, and runs it.
func (s *Server) answer(ctx context.Context, c *call, env *soap.Envelope) (func(*soap.Writer), error) {
	if !actions[c.action] {
		return nil, unknownAction(c.action)
	}
	el := env.Operation()
	if el == nil || el.Space != Namespace && el.Space != "" {
		return nil, unknownAction(c.action)
	}
	op, ok := s.operations[el.Local]
	if !ok {
		return nil, unknownAction(c.action)
	}
	p, err := s.authenticate(ctx, env)
	probe.CalledBy(ctx, p.Username, p.ClientID)
	if err != nil {
		return nil, err
	}
	return op.run(ctx, p, el)
}

// action is what the request says it wants done: its SOAPAction header, else the action parameter of a SOAP 1.2 content
// type, else WS-Addressing's Action. It names the answer and decides nothing else.
func action(r *http.Request, env *soap.Envelope) string {
	for _, a := range []string{r.Header.Get("SOAPAction"), contentTypeAction(r.Header.Get("Content-Type")), env.Header.Value("Action")} {
		if a = strings.Trim(strings.TrimSpace(a), `"`); a != "" {
			return a[strings.LastIndexAny(a, "/#")+1:]
		}
	}
	return ""
}

// messageID is the request's WS-Addressing MessageID, which the answer relates to; a fresh one where there is none.
func messageID(env *soap.Envelope) string {
	if id := env.Header.Value("MessageID"); id != "" && len(id) <= 200 {
		return id
	}
	return "urn:uuid:" + tenant.NewGUID()
}
