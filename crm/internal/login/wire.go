package login

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/web"
)

// Codes of refusals that only this edge knows.
const (
	codeUnsupportedGrant  fault.Code = "unsupported_grant_type"
	codeMissingParameter  fault.Code = "missing_parameter"
	codeClientUnknown     fault.Code = "client_unknown"
	codeClientSecret      fault.Code = "client_secret"
	codeAudience          fault.Code = "assertion_audience"
	codeAssertionExpired  fault.Code = "assertion_expired"
	codeUnknownCode       fault.Code = "code_unknown"
	codeExpiredCode       fault.Code = "code_expired"
	codeRedirectMismatch  fault.Code = "redirect_mismatch"
	codeRedirectMissing   fault.Code = "redirect_missing"
	codePasswordFlowOff   fault.Code = "password_flow_off"
	codeNoClientUser      fault.Code = "no_client_credentials_user"
	codeTransactionClosed fault.Code = "transaction_closed"
)

func errUnsupportedGrant() error {
	return fault.New(fault.Invalid, codeUnsupportedGrant, "grant type not supported")
}

func errMissing(parameter string) error {
	return fault.New(fault.Invalid, codeMissingParameter, "missing required parameter: %s", parameter).In(parameter)
}

func errClientUnknown() error {
	return fault.New(fault.Unauthenticated, codeClientUnknown, "client identifier invalid")
}

func errClientSecret() error {
	return fault.New(fault.Unauthenticated, codeClientSecret, "invalid client credentials")
}

// oauthError is an error of the token endpoint. The texts are literals that clients match (crm-wire 1.6); "" takes the
// fault's own message.
type oauthError struct {
	status      int
	code        string
	description string
}

// tokenErrors is the token endpoint's one table. All is 400, also where RFC 6749 says 401.
var tokenErrors = map[fault.Code]oauthError{
	codeUnsupportedGrant:         {400, "unsupported_grant_type", "grant type not supported"},
	codeMissingParameter:         {400, "invalid_request", ""},
	web.CodeRepeatedParameter:    {400, "invalid_request", ""},
	web.CodeMalformedForm:        {400, "invalid_request", ""},
	web.CodeBodyUnreadable:       {400, "invalid_request", ""},
	web.CodeContentType:          {415, "invalid_request", ""},
	web.CodeBodyTooLarge:         {413, "invalid_request", ""},
	codeClientUnknown:            {400, "invalid_client_id", "client identifier invalid"},
	codeClientSecret:             {400, "invalid_client", "invalid client credentials"},
	oauth.CodeInvalidAssertion:   {400, "invalid_grant", "invalid assertion"},
	codeAudience:                 {400, "invalid_grant", "audience is invalid"},
	codeAssertionExpired:         {400, "invalid_grant", "expired authorization code"},
	codeUnknownCode:              {400, "invalid_grant", "invalid authorization code"},
	codeExpiredCode:              {400, "invalid_grant", "expired authorization code"},
	org.CodeAlreadyUsed:          {400, "invalid_grant", "expired authorization code"},
	oauth.CodeInvalidVerifier:    {400, "invalid_grant", "invalid code verifier"},
	oauth.CodeUnexpectedVerifier: {400, "invalid_request", "unexpected code verifier"},
	codeRedirectMismatch:         {400, "redirect_uri_mismatch", "redirect_uri must match configuration"},
	codeRedirectMissing:          {400, "redirect_uri_missing", "redirect_uri must be provided"},
	org.CodeExpiredGrant:         {400, "invalid_grant", "expired access/refresh token"},
	org.CodeGrantRevoked:         {400, "invalid_grant", "expired access/refresh token"},
	org.CodeBadCredentials:       {400, "invalid_grant", "authentication failure"},
	codePasswordFlowOff:          {400, "invalid_grant", "authentication failure"},
	codeNoClientUser:             {400, "invalid_grant", "no client credentials user enabled"},
	org.CodeNotAdminApproved:     {400, "invalid_app_access", "user is not admin approved to access this app"},
	org.CodeAppBlocked:           {400, "invalid_app_access", "this app is blocked by admin"},
	org.CodeNotInstalled:         {400, "app_not_found", "this app is not installed in this org"},
	org.CodeAssurance:            {400, "invalid_app_access", "this app requires a high assurance session"},
	org.CodeNotUserApproved:      {400, "invalid_grant", "user hasn't approved this consumer"},
	org.CodeUserInactive:         {400, "inactive_user", "user is inactive"},
	org.CodeUserFrozen:           {400, "inactive_user", "user is inactive"},
	org.CodeLoginHours:           {400, "invalid_grant", "ip restricted or invalid login hours"},
	org.CodeIPRestricted:         {400, "invalid_grant", "ip restricted or invalid login hours"},
	org.CodeLinkEnded:            {410, "", ""},
	org.CodeNoSecurityToken:      {404, "", ""},
	org.CodeInsufficientAccess:   {403, "", ""},
	org.CodeInvalidSetting:       {400, "", ""},
	org.CodeLoginAsOff:           {403, "", ""},
	codeNoMail:                   {503, "", ""},
	org.CodeUserRate:             {400, "rate_limit_exceeded", "number of logins exceeded"},
	org.CodeAddressRate:          {429, "rate_limit_exceeded", ""},
	org.CodeMailRate:             {429, "rate_limit_exceeded", ""},
	codeDeviceOff:                {400, "invalid_request", ""},
	codeDevicePending:            {400, "authorization_pending", ""},
	codeDeviceSoon:               {400, "slow_down", ""},
	codeDeviceDenied:             {400, "access_denied", ""},
	codeDeviceExpired:            {400, "expired_token", ""},
	org.CodeInvalidScope:         {400, "invalid_scope", "the requested scope is invalid, unknown, or malformed"},
}

// wireError finds the words for an error. What the table does not name is the server's own trouble.
func wireError(err error) (oauthError, bool) {
	f := fault.Of(err)
	e, ok := tokenErrors[f.Code]
	if !ok {
		if f.Kind == fault.Unavailable {
			return oauthError{503, "temporarily_unavailable", f.Message}, true
		}
		return oauthError{500, "server_error", "An unexpected error has occurred. Please try again."}, false
	}
	if e.description == "" {
		e.description = f.Message
	}
	return e, true
}

// errorBody is an OAuth error as an object (crm-wire 0.8).
type errorBody struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

func (s *Server) tokenError(w http.ResponseWriter, r *http.Request, err error) {
	e, expected := wireError(err)
	if !expected {
		s.unexpected(r, err)
	}
	if e.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "2")
	}
	retryAfter(w, err)
	if f, ok := w.(formatted); ok {
		f.write(e.status, []pair{{"error", e.code}, {"error_description", e.description}})
		return
	}
	writeJSON(w, e.status, errorBody{e.code, e.description})
}

// unexpected logs an error that the caller is told nothing about. It names the route, never the URL, which may hold a
// token.
func (s *Server) unexpected(r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // the caller has left; what failed is its request
	}
	s.log.ErrorContext(r.Context(), "login request failed", "route", r.Pattern, "error", err)
}

// tokenAnswer is a token response. All values are texts, and there is no expires_in (crm-wire 1.4).
type tokenAnswer struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token,omitempty"`
	Signature    string `json:"signature"`
	Scope        string `json:"scope"`
	IDToken      string `json:"id_token,omitempty"`
	InstanceURL  string `json:"instance_url"`
	ID           string `json:"id"`
	TokenType    string `json:"token_type"`
	IssuedAt     string `json:"issued_at"`
}

// Header values of every JSON answer of this edge; nobody writes into them.
var (
	jsonType = []string{"application/json;charset=UTF-8"}
	noStore  = []string{"no-cache, no-store"}
	noCache  = []string{"no-cache"}
	nosniff  = []string{"nosniff"}
)

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil { // only texts, booleans and numbers are given
		http.Error(w, "Internal Server Error", http.StatusInternalServerError)
		return
	}
	writeBody(w, status, jsonType, body)
}

func writeBody(w http.ResponseWriter, status int, contentType []string, body []byte) {
	h := w.Header()
	h["Content-Type"], h["Cache-Control"], h["Pragma"], h["X-Content-Type-Options"] = contentType, noStore, noCache, nosniff
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that has left needs no answer
}
