package login

import (
	"log/slog"
	"net/http"
	"strconv"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/throttle"
	"github.com/twinspan/twinspan/internal/web"
)

// Codes of the faults of this edge.
const (
	codeMissing          fault.Code = "missing_parameter"
	codeUnsupportedGrant fault.Code = "unsupported_grant_type"
	// codeNotThisGrant: the package's integration type does not have the grant, which is not one about codes.
	codeNotThisGrant fault.Code = "not_this_grant"
)

// Texts that the documents or real clients quote (engagement-wire 2.1).
const (
	textUnknownClient    = "Invalid client ID. Use the client ID in Marketing Cloud Installed Packages."
	textClientRefused    = "Client authentication failed. Make sure that the client ID and client secret are valid and that the package is installed and enabled."
	textSecretExpired    = "The client secret has expired. Rotate it in Marketing Cloud Installed Packages." // ours
	textNotForCode       = "The client is not authorized to request an authorization code using this method."
	textUnsupportedGrant = `Use "authorization_code" or "refresh_token" or "client_credentials" or "urn:ietf:params:oauth:grant-type:jwt-bearer" as the grant_type.`
	textBlocked          = "Your requests are temporarily blocked."
	errorURI             = "https://developer.salesforce.com/docs"
)

// oauthError is how a fault looks at the token endpoint and, without its status, on a redirect.
type oauthError struct {
	status int
	code   string
	text   string // "" takes the fault's own message
}

// oauthErrors translates every code that the services of this house return to the token and authorize endpoints. The
// texts of invalid_grant, invalid_scope and invalid_request are ours: the real ones are not public.
var oauthErrors = map[fault.Code]oauthError{
	tenant.CodeUnknownClient:   {http.StatusUnauthorized, oauth.ErrInvalidClient, textUnknownClient},
	tenant.CodeClientRefused:   {http.StatusUnauthorized, oauth.ErrInvalidClient, textClientRefused},
	tenant.CodeSecretExpired:   {http.StatusUnauthorized, oauth.ErrInvalidClient, textSecretExpired},
	tenant.CodeAddressDenied:   {http.StatusUnauthorized, oauth.ErrInvalidClient, textClientRefused},
	tenant.CodeGrantNotAllowed: {http.StatusUnauthorized, oauth.ErrUnauthorizedClient, textNotForCode},
	codeNotThisGrant:           {http.StatusUnauthorized, oauth.ErrUnauthorizedClient, ""},
	codeUnsupportedGrant:       {http.StatusBadRequest, oauth.ErrUnsupportedGrantType, textUnsupportedGrant},

	tenant.CodeInvalidCode:      {http.StatusBadRequest, oauth.ErrInvalidGrant, ""},
	tenant.CodeRedirectMismatch: {http.StatusBadRequest, oauth.ErrInvalidGrant, ""},
	tenant.CodeInvalidVerifier:  {http.StatusBadRequest, oauth.ErrInvalidGrant, "The code_verifier is invalid."},
	tenant.CodeInvalidRefresh:   {http.StatusBadRequest, oauth.ErrInvalidGrant, ""},
	tenant.CodeNoGrant:          {http.StatusBadRequest, oauth.ErrInvalidGrant, ""},
	// Why an assertion is refused is for the log: its maker can find out by reading it.
	tenant.CodeInvalidAssertion: {http.StatusBadRequest, oauth.ErrInvalidGrant, "The assertion is invalid."},
	codeAudience:                {http.StatusBadRequest, oauth.ErrInvalidGrant, ""},
	codeOutOfDate:               {http.StatusBadRequest, oauth.ErrInvalidGrant, ""},
	tenant.CodeReplayed:         {http.StatusBadRequest, oauth.ErrInvalidGrant, ""},

	tenant.CodeUnexpectedVerifier: {http.StatusBadRequest, oauth.ErrInvalidRequest, "A code_verifier was sent for a code without code_challenge."},
	tenant.CodeInvalidScope:       {http.StatusBadRequest, oauth.ErrInvalidScope, ""},
	tenant.CodeInvalidAccount:     {http.StatusBadRequest, oauth.ErrInvalidRequest, ""},
}

// translate gives the OAuth error of a fault.
func translate(err error) oauthError {
	f := fault.Of(err)
	e, ok := oauthErrors[f.Code]
	switch {
	case ok:
	case f.Kind == fault.Internal:
		e = oauthError{http.StatusInternalServerError, oauth.ErrServerError, "An unexpected error occurred."}
	case f.Kind == fault.Unavailable:
		e = oauthError{http.StatusServiceUnavailable, oauth.ErrTemporarilyUnavailable, ""}
	default:
		e = oauthError{f.Kind.HTTPStatus(), oauth.ErrInvalidRequest, ""}
	}
	if e.text == "" {
		e.text = f.Message
	}
	return e
}

// oauthFault answers a token request with an error.
func (s *Server) oauthFault(w http.ResponseWriter, r *http.Request, err error) {
	e := translate(err)
	s.note(r, err, e.status)
	switch fault.CodeOf(err) { // REST's shapes, from the token call too (engagement-wire 2.1, 4)
	case tenant.CodeRateLimited:
		s.restFault(w, r, err)
		return
	case tenant.CodeAddressRate:
		w.Header().Set("Retry-After", strconv.Itoa(throttle.RetryAfter(err)))
		fallthrough
	case tenant.CodeBlocked: // without Retry-After
		s.writeJSON(w, r, http.StatusTooManyRequests, map[string]any{"message": textBlocked, "errorcode": 50200, "documentation": restDocumentation})
		return
	}
	if e.status == http.StatusUnauthorized {
		s.challenge(w)
	}
	if e.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	s.writeJSON(w, r, e.status, map[string]string{"error": e.code, "error_description": e.text, "error_uri": errorURI})
}

// challenge says how a client authenticates itself, as every 401 must say it (RFC 9110 section 15.5.2, RFC 6749 section 5.2).
func (s *Server) challenge(w http.ResponseWriter) {
	w.Header().Set("WWW-Authenticate", `Basic realm="`+s.o.BaseURL+`"`)
}

// restErrors gives the number that the REST error body has for a code (engagement-wire 4); other faults go by kind.
var restErrors = map[fault.Code]struct{ status, number int }{
	tenant.CodeInvalidToken:           {http.StatusUnauthorized, 0},
	tenant.CodeAddressDenied:          {http.StatusUnauthorized, 0},
	tenant.CodeMayNotVouch:            {http.StatusForbidden, 20002},
	tenant.CodeInsufficientPrivileges: {http.StatusForbidden, 20002},
	tenant.CodeRateLimited:            {http.StatusTooManyRequests, 50100},
	tenant.CodeInvalidSettings:        {http.StatusBadRequest, 10005},
	tenant.CodeNotIntegrated:          {http.StatusConflict, 30001},
	tenant.CodeUserUnfit:              {http.StatusConflict, 30001},
	tenant.CodeNotFound:               {http.StatusNotFound, 30003},
	tenant.CodeNoRole:                 {http.StatusNotFound, 30003},
}

const restDocumentation = "https://developer.salesforce.com/docs/atlas.en-us.mc-apis.meta/mc-apis/error-handling.htm"

// restFault answers a request with a bearer token with an error in REST's shape. The header of a 401 is what makes
// fuel-rest renew its token (engagement-wire 0.7).
func (s *Server) restFault(w http.ResponseWriter, r *http.Request, err error) {
	f := fault.Of(err)
	e, ok := restErrors[f.Code]
	if !ok {
		e.status = f.Kind.HTTPStatus()
		switch f.Kind {
		case fault.Internal, fault.Unavailable:
			e.number = 30000
		case fault.Conflict:
			e.number = 30001
		default:
			e.number = 10000
		}
	}
	s.note(r, err, e.status)
	message := f.Message
	if e.status == http.StatusUnauthorized {
		message = "Not Authorized"
		w.Header().Set("WWW-Authenticate", `Bearer realm="`+s.o.BaseURL+`", error="invalid_token", error_description="The access token is invalid or has expired"`)
	}
	body := map[string]any{"message": message, "errorcode": e.number, "documentation": restDocumentation}
	if f.Code == tenant.CodeRateLimited {
		w.Header().Set("Retry-After", strconv.Itoa(tenant.RateRetrySeconds))
		body["retryAfter"] = tenant.RateRetrySeconds
	}
	s.writeJSON(w, r, e.status, body)
}

// note logs what the caller is not told: the cause of an error of ours, and the reason of a refusal. That a caller went
// before he was answered is no error.
func (s *Server) note(r *http.Request, err error, status int) {
	level := slog.LevelDebug
	if status >= 500 && r.Context().Err() == nil {
		level = slog.LevelError
	}
	s.o.Log.LogAttrs(r.Context(), level, "auth request refused", slog.String("pattern", r.Pattern), slog.Int("status", status),
		slog.String("cause", err.Error()), slog.String("request_id", web.RequestIDFrom(r.Context())))
}

func (s *Server) writeJSON(w http.ResponseWriter, r *http.Request, status int, v any) {
	web.NoStore(w)
	if err := web.WriteJSON(w, status, v); err != nil {
		s.o.Log.LogAttrs(r.Context(), slog.LevelWarn, "answer not written", slog.String("pattern", r.Pattern), slog.String("cause", err.Error()))
	}
}
