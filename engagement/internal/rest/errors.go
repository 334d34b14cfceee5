package rest

import (
	"log/slog"
	"net/http"
	"strconv"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/strictjson"
	"github.com/twinspan/twinspan/internal/web"
)

// documentation is the page that every error names.
const documentation = "https://developer.salesforce.com/docs/atlas.en-us.mc-apis.meta/mc-apis/error-handling.htm"

// errorBody is the error of engagement-wire 4.
type errorBody struct {
	Message          string            `json:"message"`
	ErrorCode        int               `json:"errorcode"`
	Documentation    string            `json:"documentation"`
	RetryAfter       int               `json:"retryAfter,omitempty"` // seconds
	ValidationErrors []validationError `json:"validationErrors,omitempty"`
	AdditionalErrors []additionalError `json:"additionalErrors,omitempty"`
}

// additionalError is one of several things that were wrong with a request.
type additionalError struct {
	Message       string `json:"message"`
	ErrorCode     int    `json:"errorcode"`
	Documentation string `json:"documentation"`
}

type validationError struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// wire is a status and error code.
type wire struct{ status, code int }

// table is this edge's translation of codes (engagement-wire 4); kinds below stand in for codes that it does not name.
var table = map[fault.Code]wire{
	tenant.CodeInvalidToken:           {401, 0},
	codeTokenInURL:                    {401, 40004},
	tenant.CodeInsufficientPrivileges: {403, 20002},
	strictjson.CodeMalformed:          {400, 10004},
	web.CodeMalformedForm:             {400, 10003},
	web.CodeRepeatedParameter:         {400, 10005},
	tenant.CodeInvalidDefinition:      {400, 10005},
	tenant.CodeInvalidMessageKey:      {400, 10005},
	tenant.CodeInvalidSubscriber:      {400, 10005},
	tenant.CodeUnverifiedSender:       {400, 10005},
	tenant.CodeInvalidSender:          {400, 10005},
	tenant.CodeInvalidState:           {400, 10005},
	tenant.CodeNotInDoubt:             {409, 30004},
	tenant.CodeNoProof:                {409, 30004},
	tenant.CodeNoSender:               {404, 30003},
	tenant.CodeDefinitionInactive:     {400, 30001},
	tenant.CodeQueueInUse:             {400, 30001},
	tenant.CodeDefinitionExists:       {409, 30004},
	tenant.CodeMessageKeyTaken:        {409, 30004},
	tenant.CodeNoDefinition:           {404, 30003},
	tenant.CodeNoMessage:              {404, 30003},
	tenant.CodeNotFound:               {404, 30003},
	tenant.CodeTooManyRecipients:      {400, 109101},
	tenant.CodeNoRecipients:           {400, 109102},
	tenant.CodeMissingTo:              {400, 109106},
	tenant.CodeMissingContactKey:      {400, 109106},
	tenant.CodeRateLimited:            {429, 50100},
	codeMissing:                       {400, 10002},
	codeType:                          {400, 10001},
	codeValue:                         {400, 10005},
	codeNoEndpoint:                    {404, 30003},
	codeNoReference:                   {400, 30003},
	codeRows:                          {400, 10006},
	tenant.CodeNoDataExtension:        {404, 30003},
	tenant.CodeNoLoad:                 {404, 30003},
	tenant.CodeNoEmail:                {404, 30003},
	tenant.CodeNoSubscriber:           {404, 30003},
	tenant.CodeTooManyRows:            {400, 10005},
	tenant.CodeInvalidRetrieve:        {400, 10005},
}

var kinds = map[fault.Kind]wire{
	fault.Internal: {500, 500}, fault.Invalid: {400, 10000}, fault.Unauthenticated: {401, 0}, fault.Denied: {403, 20002},
	fault.NotFound: {404, 404}, fault.Conflict: {409, 30004}, fault.TooLarge: {413, 10000}, fault.Unsupported: {415, 10000},
	fault.Limited: {429, 50200}, fault.Unavailable: {503, 500},
}

// Codes of requests that this edge refuses by itself.
const (
	codeMissing    fault.Code = "missing_field"
	codeType       fault.Code = "wrong_type"
	codeValue      fault.Code = "wrong_value"
	codeNoEndpoint fault.Code = "no_endpoint"
)

// lookUp translates an error.
func lookUp(f *fault.Error) wire {
	if w, ok := table[f.Code]; ok {
		return w
	}
	return kinds[f.Kind]
}

// fail answers with an error. What is our own fault is logged and shown as nothing.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	f := fault.Of(err)
	t := lookUp(f)
	body := errorBody{Message: f.Message, ErrorCode: t.code, Documentation: documentation}
	switch t.status {
	case http.StatusUnauthorized:
		// One client renews its token on this header alone (engagement-wire 0.7).
		w.Header().Set("WWW-Authenticate", `Bearer realm=`+strconv.Quote(s.o.BaseURL)+`, error="invalid_token", error_description="The access token is missing, invalid or expired"`)
		if t.code == 0 {
			body.Message = "Not Authorized"
		}
	case http.StatusInternalServerError, http.StatusServiceUnavailable:
		s.o.Log.ErrorContext(r.Context(), "rest: a call failed", slog.String("pattern", r.Pattern),
			slog.String("request", web.RequestIDFrom(r.Context())), slog.Any("error", err))
		if f.Kind == fault.Unavailable {
			w.Header().Set("Retry-After", "5")
		}
	case http.StatusTooManyRequests:
		if f.Code == tenant.CodeMailedLately {
			break // nothing that a client should try again by itself
		}
		w.Header().Set("Retry-After", strconv.Itoa(tenant.RateRetrySeconds))
		body.RetryAfter = tenant.RateRetrySeconds
	}
	switch f.Code {
	case codeNoEndpoint:
		body.Documentation = ""
	case tenant.CodeQueueInUse:
		body.Message, body.Documentation = "MCMS_UTM_Runtime_InvalidOperation: Definition status must be inactive to delete queue", ""
	case codeRows:
		body.Documentation, body.AdditionalErrors = "", rowErrors(f)
	}
	if f.Field != "" && f.Kind == fault.Invalid {
		body.ValidationErrors = []validationError{{Field: f.Field, Message: f.Message}}
	}
	s.write(w, r, t.status, body)
}

// NotFound answers paths of the API that do not exist.
func (s *Server) NotFound(w http.ResponseWriter, r *http.Request) {
	s.write(w, r, http.StatusNotFound, errorBody{Message: "Not Found", ErrorCode: http.StatusNotFound, Documentation: documentation})
}

// MethodNotAllowed answers paths of the API that exist for other methods.
func (s *Server) MethodNotAllowed(w http.ResponseWriter, r *http.Request) {
	s.write(w, r, http.StatusMethodNotAllowed, errorBody{Message: "Method Not Allowed", ErrorCode: http.StatusMethodNotAllowed, Documentation: documentation})
}
