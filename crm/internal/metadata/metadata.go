// Package metadata is the org's Metadata API over SOAP (crm-wire 2.1, 5.4; clients 1.3): describeMetadata, listMetadata,
// readMetadata, create, update, upsert and delete of components, and deployments of zips of them. types.go has the one table
// of their types.
package metadata

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/crm/internal/metadata/bundle"
	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/soap"
	"github.com/twinspan/twinspan/internal/web"
)

// Server serves the API. Fill in the fields, then Mount.
type Server struct {
	Auth org.Authenticator
	Apps *org.Apps
	// Settings are the org's, as SecuritySettings and OauthOidcSettings.
	Settings *org.OrgSettings
	// Profiles are the login rules of profiles, as Profile.
	Profiles       *org.Profiles
	PermissionSets *org.PermissionSets
	// RemoteSites are the sites that the org's code may call, as RemoteSiteSetting.
	RemoteSites *org.RemoteSites
	// Customizer has the org's own objects and fields, as CustomObject and CustomField.
	Customizer *org.Customizer
	// Layouts are page layouts, as Layout.
	Layouts *org.Layouts
	// Setup runs what changes components.
	Setup *org.Setup
	// Deployments keeps the packages that come by deploy; Plan is to read them.
	Deployments *org.Deployments
	// Meter counts every call of a session; nil counts none.
	Meter *org.Meter
	Log   *slog.Logger

	large chan struct{} // one for each large envelope that may be read at the same time; Mount makes it
}

const (
	namespace = "http://soap.sforce.com/2006/04/metadata"
	maxBody   = 1 << 20 // bytes of an envelope, but for one with a zip

	// maxZipBody is the bytes of an envelope with a zip in base64, and maxLarge how many of them are read at the same time.
	maxZipBody = bundle.MaxZip/3*4 + 64<<10
	maxLarge   = 4
	// waitLarge is how long one of them waits for its turn.
	waitLarge = 5 * time.Second

	// maxComponents is how many components one call may read or update.
	maxComponents = 10

	typeConnectedApp = "ConnectedApp"
)

// Codes of this edge's own refusals.
const (
	codeVersion   fault.Code = "unsupported_api_version"
	codeOperation fault.Code = "no_such_operation"
	codeType      fault.Code = "unknown_metadata_type"
	codeArguments fault.Code = "metadata_arguments"
	codeNotForAPI fault.Code = "session_not_for_api"
	codeNoDryRun  fault.Code = "no_dry_run"
	codeBusy      fault.Code = "too_many_large_requests"
)

// headerDryRun asks a change to tell what it would do, in the header Warning, and to save nothing; a deployment is checked
// alone. What cannot be tried is refused.
const headerDryRun = "Twinspan-Dry-Run"

// Mount routes the API under /services/Soap/m.
func (s *Server) Mount(m *web.Mux) {
	s.large = make(chan struct{}, maxLarge)
	m.HandleFunc("POST /services/Soap/m/{version}", s.serve)
	m.HandleFunc("POST /services/Soap/m/{version}/{org}", s.serve)
}

// call is a request, parsed.
type call struct {
	session   org.Session
	version   string // "65.0"
	operation *soap.Element
	api       int      // 65
	allOrNone bool     // AllOrNoneHeader
	dryRun    bool     // the header Twinspan-Dry-Run: tell what an update would do, and save nothing
	warnings  []string // about what was done
}

type operation func(context.Context, *call, *soap.Writer) error

func (s *Server) operations() map[string]operation {
	return map[string]operation{
		"describeMetadata": s.describe, "listMetadata": s.list, "readMetadata": s.read, "createMetadata": s.save(org.VerbCreate),
		"updateMetadata": s.save(org.VerbUpdate), "upsertMetadata": s.save(org.VerbUpsert), "deleteMetadata": s.delete,
		"deploy": s.deploy, "checkDeployStatus": s.checkDeployStatus, "cancelDeploy": s.cancelDeploy,
		"deployRecentValidation": notOffered("deploy the same zip again without checkOnly"), "retrieve": notOffered("read components with readMetadata"),
		"checkRetrieveStatus": notOffered("read components with readMetadata"),
	}
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	body, err := s.answer(w, r)
	status := http.StatusOK
	if err != nil {
		if fault.KindOf(err) == fault.Internal && r.Context().Err() == nil {
			s.Log.ErrorContext(r.Context(), "a metadata call failed", "path", r.URL.Path, "error", err)
		}
		if status, body, err = writeFault(err); err != nil {
			s.Log.ErrorContext(r.Context(), "a SOAP fault could not be written", "error", err)
			http.Error(w, "Internal Server Error", http.StatusInternalServerError)
			return
		}
	}
	w.Header().Set("Content-Type", "text/xml;charset=UTF-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that went away
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	c, err := s.parse(w, r)
	if err != nil {
		return nil, err
	}
	op, ok := s.operations()[c.operation.Local]
	if !ok {
		return nil, fault.New(fault.Invalid, codeOperation, "No operation available for request {%s}%s", namespace, clip(c.operation.Local))
	}
	x := soap.NewWriter(soap.Style{Prefix: "soapenv", Attrs: []string{"xmlns", namespace, "xmlns:xsi", soap.NamespaceXSI}})
	x.OpenBody()
	x.Open(c.operation.Local + "Response")
	c.dryRun = strings.EqualFold(r.Header.Get(headerDryRun), "true")
	if err := op(r.Context(), c, x); err != nil {
		return nil, err
	}
	for _, text := range c.warnings {
		w.Header().Add("Warning", web.Warning(text))
	}
	return x.Bytes()
}

var versionPattern = regexp.MustCompile(`^([1-9][0-9])\.0$`)

func (s *Server) parse(w http.ResponseWriter, r *http.Request) (*call, error) {
	if err := web.CheckContentType(r, "text/xml", "application/soap+xml", "application/xml"); err != nil {
		return nil, err
	}
	env, err := s.envelope(w, r)
	if err != nil {
		return nil, err
	}
	c := &call{version: r.PathValue("version"), operation: env.Operation()}
	m := versionPattern.FindStringSubmatch(c.version)
	if m == nil {
		return nil, unsupportedVersion(c.version)
	}
	if c.api, err = strconv.Atoi(m[1]); err != nil || c.api < org.FirstAPIVersion || c.api > org.LastAPIVersion {
		return nil, unsupportedVersion(c.version)
	}
	if c.operation == nil {
		return nil, fault.New(fault.Invalid, codeOperation, "The Body holds no operation.")
	}
	c.allOrNone = env.Header.Value("AllOrNoneHeader", "allOrNone") == "true"
	if c.session, err = s.authenticate(r, env); err != nil {
		return nil, err
	}
	// A path that names an org must name the session's.
	if inPath := r.PathValue("org"); inPath != "" {
		id, err := org.ParseID(inPath)
		if err != nil || id != c.session.Org {
			return nil, invalidSession()
		}
	}
	if s.Meter != nil {
		if _, err := s.Meter.Count(r.Context(), c.session); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// envelope reads the request. A large one waits for its turn: who sends it is only known once it is read.
func (s *Server) envelope(w http.ResponseWriter, r *http.Request) (*soap.Envelope, error) {
	limit := int64(maxBody)
	large := r.ContentLength > maxBody
	if r.ContentLength < 0 { // of unknown length: small ones need no turn
		head, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
		if err != nil {
			return nil, web.BodyError(err)
		}
		large = len(head) > maxBody
		r.Body = readCloser{io.MultiReader(bytes.NewReader(head), r.Body), r.Body}
	}
	if large {
		limit = maxZipBody
		turn := time.NewTimer(waitLarge)
		defer turn.Stop()
		select {
		case s.large <- struct{}{}:
			defer func() { <-s.large }()
		case <-turn.C:
			return nil, fault.New(fault.Unavailable, codeBusy, "The server is busy with other large requests; try again.")
		case <-r.Context().Done():
			return nil, context.Cause(r.Context())
		}
	}
	text, err := web.ReadBody(w, r, limit)
	if err != nil {
		return nil, err
	}
	env, err := soap.Parse(bytes.NewReader(text), soap.Limits{Bytes: limit, Depth: 32, Elements: 20_000})
	if err != nil {
		return nil, err
	}
	if len(text) > maxBody && (env.Operation() == nil || env.Operation().Local != "deploy") {
		return nil, fault.New(fault.TooLarge, soap.CodeTooLarge, "The XML has more than %d bytes.", maxBody)
	}
	return env, nil
}

// readCloser reads from one and closes another.
type readCloser struct {
	io.Reader
	io.Closer
}

func unsupportedVersion(v string) error {
	return fault.New(fault.Invalid, codeVersion, "Invalid Api version specified on URL: %s", clip(v))
}

func invalidSession() error {
	return fault.New(fault.Unauthenticated, org.CodeInvalidSession,
		"Invalid Session ID found in SessionHeader: Illegal Session. Session not found, missing session hash")
}

func (s *Server) authenticate(r *http.Request, env *soap.Envelope) (org.Session, error) {
	if env.Header == nil {
		return org.Session{}, invalidSession()
	}
	header, err := env.Header.One("SessionHeader")
	if err != nil {
		return org.Session{}, err
	}
	if header == nil {
		return org.Session{}, invalidSession()
	}
	id, err := header.One("sessionId")
	if err != nil {
		return org.Session{}, err
	}
	if id == nil {
		return org.Session{}, invalidSession()
	}
	session, err := s.Auth.Authenticate(r.Context(), strings.TrimSpace(id.Text), org.Origin{IP: web.RemoteIP(r), Host: r.Host})
	if fault.CodeOf(err) == org.CodeInvalidSession {
		return org.Session{}, invalidSession()
	}
	if err != nil {
		return org.Session{}, err
	}
	if !session.MayUseREST() {
		return org.Session{}, fault.New(fault.Denied, codeNotForAPI, "This session is not valid for use with the API")
	}
	if !session.Permissions[org.PermAPIEnabled] {
		return org.Session{}, fault.New(fault.Denied, codeNotForAPI, "API is disabled for this User")
	}
	return session, nil
}

// exceptionCodes is the one table from the codes inside to the API's; kinds answers for the rest.
var exceptionCodes = map[fault.Code]string{
	org.CodeInvalidSession: "INVALID_SESSION_ID", codeNotForAPI: "API_CURRENTLY_DISABLED", codeVersion: "UNSUPPORTED_API_VERSION",
	codeType: "INVALID_TYPE", org.CodeInsufficientAccess: "INSUFFICIENT_ACCESS", codeArguments: "INVALID_TYPE",
	org.CodeNotFound: "INVALID_CROSS_REFERENCE_KEY", org.CodeInvalidReference: "INVALID_CROSS_REFERENCE_KEY",
	org.CodeInvalidSetting: "FIELD_INTEGRITY_EXCEPTION", org.CodeInvalidValue: "FIELD_INTEGRITY_EXCEPTION", org.CodeInvalidEmail: "INVALID_EMAIL_ADDRESS",
	org.CodeRequiredFieldMissing: "REQUIRED_FIELD_MISSING", org.CodeDuplicateValue: "DUPLICATE_VALUE", org.CodeStringTooLong: "STRING_TOO_LONG",
	org.CodeFieldNotWriteable: "INVALID_FIELD_FOR_INSERT_UPDATE", org.CodeInvalidField: "INVALID_FIELD", org.CodeInUse: "DELETE_FAILED",
	org.CodeNotForOperation: "INVALID_TYPE_FOR_OPERATION", org.CodeRolledBack: "ALL_OR_NONE_OPERATION_ROLLED_BACK",
	codeNotOffered: "FUNCTIONALITY_NOT_ENABLED", codeNoDryRun: "INVALID_OPERATION", org.CodeMalformedID: "MALFORMED_ID", org.CodeDeploymentDone: "INVALID_ID_FIELD",
	org.CodeTooManyDeployments: "LIMIT_EXCEEDED", org.CodeBadCustom: "FIELD_INTEGRITY_EXCEPTION", org.CodeCustomTaken: "DUPLICATE_DEVELOPER_NAME",
	org.CodeCustomLimit: "LIMIT_EXCEEDED", org.CodeInvalidType: "INVALID_TYPE", org.CodeInvalidPicklistValue: "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
}

var kindCodes = map[fault.Kind]string{fault.Unavailable: "SERVER_UNAVAILABLE", fault.Limited: "REQUEST_LIMIT_EXCEEDED"}

func exceptionCode(f *fault.Error) string {
	if c, ok := exceptionCodes[f.Code]; ok {
		return c
	}
	if c, ok := kindCodes[f.Kind]; ok {
		return c
	}
	return "UNKNOWN_EXCEPTION"
}

// writeFault writes a fault as clients read it: prefix sf, status 500 (crm-wire 2.4), but 413 and 415 where HTTP
// itself is at fault.
func writeFault(err error) (int, []byte, error) {
	f := fault.Of(err)
	status := http.StatusInternalServerError
	if f.Kind == fault.TooLarge || f.Kind == fault.Unsupported {
		status = f.Kind.HTTPStatus()
	}
	x := soap.NewWriter(soap.Style{Prefix: "soapenv", Attrs: []string{"xmlns:sf", namespace, "xmlns:xsi", soap.NamespaceXSI}})
	x.OpenBody()
	code := exceptionCode(f)
	faultCode := "sf:" + code
	text := code + ": " + f.Message
	switch f.Code {
	case codeOperation, soap.CodeMalformed, soap.CodeForbidden, soap.CodeTooLarge, soap.CodeRepeated:
		faultCode, text = "soapenv:Client", f.Message
	}
	x.Fault(faultCode, nil, text, "", func() {
		x.Open("sf:UnexpectedErrorFault", "xsi:type", "sf:UnexpectedErrorFault")
		x.Text("sf:exceptionCode", code)
		x.Text("sf:exceptionMessage", f.Message)
		x.Close()
	})
	body, err := x.Bytes()
	return status, body, err
}

func clip(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "…"
	}
	return s
}
