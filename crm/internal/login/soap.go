package login

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/soap"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/internal/web"
)

// soapAPI serves the partner ("u") or enterprise ("c") SOAP API: login, logout, getUserInfo, getServerTimestamp. The
// operation is the Body's first element, whatever SOAPAction says (crm-wire 2.1).
type soapAPI struct {
	s   *Server
	api string
	// reading is what LimitInfoHeader tells in the answer to this call; nil for none.
	reading *org.Reading
}

// Limits of the SOAP API.
const (
	maxEnvelope = 256 << 10 // bytes
	maxText     = 16 << 10  // bytes of one text in it
	// Versions that SOAP login has been seen in; it was retired below and is announced to end above (crm-wire 0).
	minLoginVersion = 31
	maxLoginVersion = 65
)

// toolingSOAP is the Tooling API by SOAP, which identity answers name (crm-wire 1.7) and this org answers with where it is instead.
const toolingSOAP = "T"

func (h soapAPI) namespace() string {
	switch h.api {
	case "c":
		return "urn:enterprise.soap.sforce.com"
	case toolingSOAP:
		return "urn:tooling.soap.sforce.com"
	}
	return "urn:partner.soap.sforce.com"
}

func (h soapAPI) faultNamespace() string {
	switch h.api {
	case "c":
		return "urn:fault.enterprise.soap.sforce.com"
	case toolingSOAP:
		return "urn:fault.tooling.soap.sforce.com"
	}
	return "urn:fault.partner.soap.sforce.com"
}

func (h soapAPI) apiType() string {
	if h.api == "c" {
		return "SOAP Enterprise"
	}
	return "SOAP Partner"
}

// headerDryRun asks that nothing be changed. No operation here can be tried, so those that change something are refused.
const headerDryRun = "Twinspan-Dry-Run"

// soapRequest is a call, parsed once.
type soapRequest struct {
	version   int    // 0 for a path that names none
	text      string // "50.0", as in the path
	pathOrg   string // org id in the path; "" where it names none
	operation *soap.Element
	session   vault.Secret // of SessionHeader
	client    string       // of CallOptions
	loginOrg  string       // of LoginScopeHeader
	dryRun    bool         // the HTTP header Twinspan-Dry-Run
	caller    caller
}

// soapFault is a refusal in the shape of crm-wire 2.4.
type soapFault struct {
	element string // LoginFault, UnexpectedErrorFault, ApiFault
	code    string // exceptionCode
	message string
	prefix  bool // sf: before the faultcode
	// client faults have no exceptionCode of the vendor's in faultcode but soapenv:Client.
	client bool
}

func (f *soapFault) Error() string { return f.code + ": " + f.message }

// Texts of SOAP faults that clients match.
const (
	textInvalidLogin   = "Invalid username, password, security token; or user locked out."
	textInvalidSession = "Invalid Session ID found in SessionHeader: Illegal Session. Session not found, missing session hash"
)

func loginFault(code, message string) *soapFault {
	return &soapFault{element: "LoginFault", code: code, message: message}
}

func unexpectedFault(code, message string) *soapFault {
	return &soapFault{element: "UnexpectedErrorFault", code: code, message: message, prefix: true}
}

// soapFaultOf is the SOAP API's one table.
func soapFaultOf(err error) (*soapFault, bool) {
	if f, ok := err.(*soapFault); ok {
		return f, true
	}
	f := fault.Of(err)
	switch f.Code {
	case org.CodeBadCredentials, org.CodeUserInactive:
		return loginFault("INVALID_LOGIN", textInvalidLogin), true
	case org.CodeIPRestricted:
		return loginFault("LOGIN_DURING_RESTRICTED_DOMAIN", "User has attempted to login from a restricted domain"), true
	case org.CodeRequestLimit:
		return unexpectedFault("REQUEST_LIMIT_EXCEEDED", "REQUEST_LIMIT_EXCEEDED: "+f.Message), true
	case org.CodeLoginHours:
		return loginFault("LOGIN_DURING_RESTRICTED_TIME", "User has attempted to login during a restricted time"), true
	case org.CodeInvalidNewPassword:
		return &soapFault{element: "InvalidNewPasswordFault", code: "INVALID_NEW_PASSWORD", message: "INVALID_NEW_PASSWORD: " + f.Message, prefix: true}, true
	case org.CodeInvalidOldPassword:
		return unexpectedFault("INVALID_OLD_PASSWORD", "INVALID_OLD_PASSWORD: "+f.Message), true
	case org.CodePasswordAccess, org.CodeInsufficientAccess:
		return unexpectedFault("INSUFFICIENT_ACCESS", "INSUFFICIENT_ACCESS: "+f.Message), true
	case org.CodeMalformedID, org.CodeNotFound:
		return &soapFault{element: "InvalidIdFault", code: "INVALID_ID_FIELD", message: "INVALID_ID_FIELD: " + f.Message, prefix: true}, true
	case org.CodeUserRate, org.CodeAddressRate, org.CodeMailRate:
		return loginFault("REQUEST_LIMIT_EXCEEDED", f.Message), true
	case org.CodeInvalidSession:
		return unexpectedFault("INVALID_SESSION_ID", "INVALID_SESSION_ID: "+textInvalidSession), true
	case soap.CodeMalformed, soap.CodeForbidden, soap.CodeTooLarge, soap.CodeRepeated, web.CodeBodyTooLarge, web.CodeBodyUnreadable, web.CodeContentType:
		return &soapFault{element: "UnexpectedErrorFault", code: "UNKNOWN_EXCEPTION", message: f.Message, client: true}, true
	}
	if f.Kind == fault.Unavailable {
		return unexpectedFault("SERVER_UNAVAILABLE", f.Message), true
	}
	return unexpectedFault("UNKNOWN_EXCEPTION", "An unexpected error occurred. Please try again."), false
}

// ServeHTTP answers one call.
func (h soapAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var out []byte
	req, err := h.read(w, r)
	if err == nil {
		out, err = h.call(r.Context(), req)
	}
	status := http.StatusOK
	if err != nil {
		f, expected := soapFaultOf(err)
		if !expected {
			h.s.unexpected(r, err)
		}
		status = http.StatusInternalServerError
		retryAfter(w, err)
		switch fault.KindOf(err) {
		case fault.TooLarge:
			status = http.StatusRequestEntityTooLarge
		case fault.Unsupported:
			status = http.StatusUnsupportedMediaType
		}
		if out, err = h.writeFault(f); err != nil {
			http.Error(w, "Internal Server Error", http.StatusInternalServerError)
			return
		}
	}
	writeBody(w, status, xmlType, out)
}

var xmlType = []string{"text/xml;charset=UTF-8"}

func (h soapAPI) read(w http.ResponseWriter, r *http.Request) (*soapRequest, error) {
	body, err := web.ReadBody(w, r, maxEnvelope)
	if err != nil {
		return nil, err
	}
	if err := web.CheckContentType(r, "text/xml", "application/xml", "application/soap+xml"); err != nil {
		return nil, err
	}
	env, err := soap.Parse(strings.NewReader(string(body)), soap.Limits{Bytes: maxEnvelope, Text: maxText})
	if err != nil {
		return nil, err
	}
	req := &soapRequest{text: r.PathValue("version"), pathOrg: r.PathValue("org"), operation: env.Operation(), caller: callerOf(r)}
	req.version = parseVersion(req.text)
	req.dryRun = strings.EqualFold(r.Header.Get(headerDryRun), "true")
	if req.operation == nil {
		return nil, &soapFault{element: "UnexpectedErrorFault", code: "UNKNOWN_EXCEPTION", message: "The Body holds no operation.", client: true}
	}
	header, err := env.Header.One("SessionHeader")
	if err != nil {
		return nil, err
	}
	id, err := header.One("sessionId")
	if err != nil {
		return nil, err
	}
	if id != nil {
		req.session = vault.Secret(strings.TrimSpace(id.Text))
	}
	req.client = printable(env.Header.Value("CallOptions", "client"))
	req.loginOrg = env.Header.Value("LoginScopeHeader", "organizationId")
	return req, nil
}

// call runs the operation.
func (h *soapAPI) call(ctx context.Context, req *soapRequest) ([]byte, error) {
	op := req.operation
	if op.Space != h.namespace() {
		return nil, noOperation(op)
	}
	if h.api == toolingSOAP {
		return nil, unexpectedFault("FUNCTIONALITY_NOT_ENABLED", "FUNCTIONALITY_NOT_ENABLED: the Tooling API is available by REST, at /services/data/vNN.0/tooling, and not by SOAP")
	}
	if op.Local == "login" {
		return h.login(ctx, req)
	}
	if req.version < org.FirstAPIVersion || req.version > org.LastAPIVersion {
		return nil, unexpectedFault("UNSUPPORTED_API_VERSION", "UNSUPPORTED_API_VERSION: Invalid Api version specified on URL")
	}
	switch op.Local {
	case "logout", "getUserInfo", "getServerTimestamp", "setPassword", "changeOwnPassword", "resetPassword", "invalidateSessions":
	default:
		if !notHere[op.Local] {
			return nil, noOperation(op)
		}
	}
	session, u, err := h.s.sessions.Use(ctx, req.session.Reveal(), org.Origin{IP: req.caller.ip, Host: req.caller.host})
	if err != nil {
		return nil, err
	}
	if req.pathOrg != "" {
		if id, err := org.ParseID(req.pathOrg); err != nil || id != session.Org {
			return nil, unexpectedFault("INVALID_SESSION_ID", "INVALID_SESSION_ID: "+textInvalidSession)
		}
	}
	if session.Scopes != nil && session.HasScope(org.ScopePasswordChange) {
		switch op.Local {
		case "logout", "getUserInfo", "setPassword", "changeOwnPassword":
		default:
			return nil, errExpiredPassword()
		}
	} else if !session.HasScope(org.ScopeAPI, org.ScopeFull) {
		return nil, unexpectedFault("INVALID_SESSION_ID", "INVALID_SESSION_ID: This session is not valid for use with the API")
	}
	if op.Local != "logout" && !session.Permissions[org.PermAPIEnabled] {
		return nil, unexpectedFault("API_CURRENTLY_DISABLED", "API_CURRENTLY_DISABLED: API is disabled for this User")
	}
	if h.s.meter != nil {
		reading, err := h.s.meter.Count(ctx, session)
		h.reading = &reading                                                                    // faults tell it too
		if err != nil && !(op.Local == "logout" && fault.CodeOf(err) == org.CodeRequestLimit) { // leaving is always possible
			return nil, err
		}
	}
	switch op.Local {
	case "logout":
		if err := h.s.sessions.End(ctx, req.session.Reveal()); err != nil {
			return nil, err
		}
		return h.respond(op.Local, nil)
	case "setPassword", "changeOwnPassword", "resetPassword", "invalidateSessions":
		if req.dryRun {
			return nil, unexpectedFault("INVALID_OPERATION", "INVALID_OPERATION: "+op.Local+"() cannot be tried; nothing was changed")
		}
		return h.account(ctx, req, session)
	case "getServerTimestamp":
		return h.respond(op.Local, func(x *soap.Writer) {
			x.Text("timestamp", h.s.clock.Now(string(u.Org)).Format("2006-01-02T15:04:05.000Z"))
		})
	case "getUserInfo":
		o, err := h.s.known.OrgByID(ctx, u.Org)
		if err != nil {
			return nil, err
		}
		return h.respond(op.Local, func(x *soap.Writer) { writeUserInfo(x, o, u, int(session.Timeout.Seconds())) })
	}
	return nil, unexpectedFault("FUNCTIONALITY_NOT_ENABLED", "FUNCTIONALITY_NOT_ENABLED: "+op.Local+"() is not available in this SOAP API; use the REST API")
}

func errExpiredPassword() error {
	return unexpectedFault("INVALID_OPERATION_WITH_EXPIRED_PASSWORD", "INVALID_OPERATION_WITH_EXPIRED_PASSWORD: "+
		"The users password has expired, you must call SetPassword before attempting any other API operations")
}

// notHere are operations of the API that exist and that this server has in its REST API alone.
var notHere = map[string]bool{
	"query": true, "queryAll": true, "queryMore": true, "search": true, "create": true, "update": true, "upsert": true, "delete": true, "undelete": true,
	"retrieve": true, "describeGlobal": true, "describeSObject": true, "describeSObjects": true, "describeLayout": true, "getUpdated": true, "getDeleted": true,
	"sendEmail": true, "merge": true, "convertLead": true,
	"emptyRecycleBin": true, "process": true, "describeTabs": true, "findDuplicates": true,
}

func noOperation(op *soap.Element) error {
	return &soapFault{
		element: "UnexpectedErrorFault", code: "UNKNOWN_EXCEPTION", client: true,
		message: "No operation available for request {" + clipText(op.Space) + "}" + clipText(op.Local) + ", please check the WSDL for the service.",
	}
}

func clipText(s string) string {
	if len(s) > 100 {
		return strings.ToValidUTF8(s[:100], "")
	}
	return s
}

// loginVersion reports whether SOAP login exists in the version.
func (req *soapRequest) loginVersion() bool {
	return req.version >= minLoginVersion && req.version <= maxLoginVersion
}

// noteVersion keeps a login in a version that has no login. Nothing was proved by it, so one network leaves a bounded number of
// such rows; and a name that nobody has costs what a user's costs.
func (h soapAPI) noteVersion(ctx context.Context, req *soapRequest, username string) error {
	if req.version == 0 || !h.s.throttle.AllowRow(req.caller.ip) {
		return nil
	}
	u, err := h.s.known.UserByUsername(ctx, strings.TrimSpace(username))
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return err
	}
	h.s.noteRefused(ctx, h.event(u, req), org.StatusVersionRemoved)
	return nil
}

// event begins a row of Login History.
func (h soapAPI) event(u org.User, req *soapRequest) org.LoginEvent {
	e := h.s.event(u, req.caller, org.LoginTypeSOAP, "", req.client)
	e.APIType, e.APIVersion = h.apiType(), req.text
	return e
}

// login is the login call (crm-wire 2.2): password with the security token appended.
func (h soapAPI) login(ctx context.Context, req *soapRequest) ([]byte, error) {
	s := h.s
	username, err := req.operation.One("username")
	if err != nil {
		return nil, err
	}
	password, err := req.operation.One("password")
	if err != nil {
		return nil, err
	}
	if !req.loginVersion() {
		if username != nil {
			if err := h.noteVersion(ctx, req, username.Text); err != nil {
				return nil, err
			}
		}
		return nil, loginFault("UNSUPPORTED_API_VERSION", "Invalid Api version specified on URL")
	}
	if username == nil || password == nil {
		return nil, loginFault("INVALID_LOGIN", textInvalidLogin)
	}
	row := func(u org.User) org.LoginEvent { return h.event(u, req) }
	checked, err := s.checkPassword(ctx, org.Attempt{
		Username: strings.TrimSpace(username.Text), Given: vault.Secret(password.Text), API: true, IP: req.caller.ip, Host: req.caller.host,
	}, row)
	u, status := checked.User, checked.Status
	e := row(u)
	if err == nil && req.loginOrg != "" {
		if id, idErr := org.ParseID(req.loginOrg); idErr != nil || id != u.Org {
			status, err = org.StatusInvalidPassword, loginFault("INVALID_LOGIN", textInvalidLogin)
		}
	}
	if err == nil && !u.Permissions[org.PermAPIEnabled] {
		status, err = org.StatusNoAPIAccess, loginFault("API_CURRENTLY_DISABLED", "API is disabled for this User")
	}
	if err == nil {
		if err = s.ip.AllowLogin(ctx, u, nil, req.caller.ip, ""); err != nil {
			status = refusalStatus[fault.CodeOf(err)]
		}
	}
	if err != nil {
		switch {
		case u.ID == "" && fault.CodeOf(err) == org.CodeBadCredentials:
			s.noteNobody(ctx, e)
		case u.ID != "" && status != "":
			s.noteRefused(ctx, e, status)
		}
		return nil, err
	}
	o, err := s.known.OrgByID(ctx, u.Org)
	if err != nil {
		return nil, err
	}
	timeout := org.SessionTimeout(o, u, nil)
	var scopes []string // all
	if checked.Expired {
		scopes = []string{org.ScopePasswordChange}
	}
	token, _, err := s.sessions.Make(ctx, org.NewSession{User: u, Type: org.SessionAPI, Scopes: scopes, Timeout: timeout, Event: e})
	if err != nil {
		return nil, err
	}
	return h.respond("login", func(x *soap.Writer) {
		x.Text("metadataServerUrl", s.base+"/services/Soap/m/"+req.text+"/"+u.Org.Short())
		x.Text("passwordExpired", strconv.FormatBool(checked.Expired))
		x.Text("sandbox", strconv.FormatBool(o.Sandbox))
		x.Text("serverUrl", s.base+"/services/Soap/"+h.api+"/"+req.text+"/"+u.Org.Short())
		x.Text("sessionId", token)
		x.Text("userId", string(u.ID))
		x.Open("userInfo")
		writeUserInfo(x, o, u, int(timeout.Seconds()))
		x.Close()
	})
}
