// Package oauth holds the mechanics that the RFCs fix and both clouds share: names of grants and errors, JWT bearer
// assertions (RFC 7523), PKCE (RFC 7636), redirect URIs (RFC 8252), client and bearer credentials in headers (RFC 6749,
// 6750), keys, certificates and id tokens (RFC 7517, OpenID Connect Core). It knows no vendor: texts, policies and
// answers belong to the edges. Errors are *fault.Error of kind Invalid or Unauthenticated that never quote a secret.
package oauth

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/url"
	"strings"

	"github.com/twinspan/twinspan/internal/fault"
)

// Values of grant_type.
const (
	GrantAuthorizationCode = "authorization_code"                          // RFC 6749 section 4.1.3
	GrantRefreshToken      = "refresh_token"                               // RFC 6749 section 6
	GrantPassword          = "password"                                    // RFC 6749 section 4.3
	GrantClientCredentials = "client_credentials"                          // RFC 6749 section 4.4
	GrantJWTBearer         = "urn:ietf:params:oauth:grant-type:jwt-bearer" // RFC 7523 section 2.1
	// ClientAssertionJWT is the client_assertion_type of private_key_jwt (RFC 7523 section 2.2).
	ClientAssertionJWT = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

// Values of response_type.
const (
	ResponseCode  = "code"  // RFC 6749 section 4.1.1
	ResponseToken = "token" // RFC 6749 section 4.2.1
)

// Values of error, at the token endpoint (RFC 6749 section 5.2), the authorization endpoint (section 4.1.2.1; OpenID
// Connect Core section 3.1.2.6), a protected resource (RFC 6750 section 3.1) and revocation (RFC 7009 section 2.2.1).
const (
	ErrInvalidRequest          = "invalid_request"
	ErrInvalidClient           = "invalid_client"
	ErrInvalidGrant            = "invalid_grant"
	ErrUnauthorizedClient      = "unauthorized_client"
	ErrUnsupportedGrantType    = "unsupported_grant_type"
	ErrInvalidScope            = "invalid_scope"
	ErrAccessDenied            = "access_denied"
	ErrUnsupportedResponseType = "unsupported_response_type"
	ErrServerError             = "server_error"
	ErrTemporarilyUnavailable  = "temporarily_unavailable"
	ErrLoginRequired           = "login_required"
	ErrConsentRequired         = "consent_required"
	ErrInteractionRequired     = "interaction_required"
	ErrRequestNotSupported     = "request_not_supported"
	ErrRequestURINotSupported  = "request_uri_not_supported"
	ErrInvalidToken            = "invalid_token"
	ErrInsufficientScope       = "insufficient_scope"
	ErrUnsupportedTokenType    = "unsupported_token_type"
)

// Codes of the faults that this package returns.
const (
	// CodeInvalidAssertion: a JWT assertion that is malformed, signed otherwise than RS256, or not by the key.
	CodeInvalidAssertion fault.Code = "invalid_assertion"
	// CodeInvalidChallenge: a code_challenge or its method that RFC 7636 or our profile of it does not allow.
	CodeInvalidChallenge fault.Code = "invalid_code_challenge"
	// CodeInvalidVerifier: a code_verifier that is missing, malformed, or does not belong to the challenge.
	CodeInvalidVerifier fault.Code = "invalid_code_verifier"
	// CodeUnexpectedVerifier: a code_verifier where the authorization request had no challenge (RFC 9700 section 2.1.1).
	CodeUnexpectedVerifier fault.Code = "unexpected_code_verifier"
	// CodeInvalidCertificate: a PEM text that is no certificate, or holds a key that is too weak or of another kind.
	CodeInvalidCertificate fault.Code = "invalid_certificate"
	// CodeInvalidRedirect: a URI that must not be registered as a redirect URI.
	CodeInvalidRedirect fault.Code = "invalid_redirect_uri"
)

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// NewToken returns a random text of [0-9A-Za-z] that holds at least n bytes of entropy from the system's generator; 32
// bytes give 43 characters. It panics where n is not positive.
func NewToken(n int) string {
	if n <= 0 {
		panic("oauth: a token of no entropy")
	}
	length := (n*8*1000 + 5953) / 5954 // log2(62) = 5.9541…
	out := make([]byte, 0, length)
	var room [64]byte
	for {
		rand.Read(room[:]) // never fails: crypto/rand ends the process instead
		for _, b := range room {
			if b >= 248 { // 4 × 62: the rest would favour some characters
				continue
			}
			if out = append(out, base62[b%62]); len(out) == length {
				return string(out)
			}
		}
	}
}

// EqualSecret compares two secrets in a time that depends on neither their contents nor whether their lengths are equal.
// Two empty ones are not equal: absence never matches.
func EqualSecret(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1 && a != ""
}

// maxCredential bounds a credential in a header, in bytes.
const maxCredential = 8 << 10

// BasicAuth reads client credentials from an Authorization header of scheme Basic and form-decodes both parts, as RFC
// 6749 section 2.3.1 wants and net/http does not. ok is false where there is no such header or it is malformed.
func BasicAuth(r *http.Request) (clientID, secret string, ok bool) {
	header := r.Header.Values("Authorization")
	if len(header) != 1 || len(header[0]) > maxCredential {
		return "", "", false
	}
	rawID, rawSecret, ok := r.BasicAuth()
	if !ok {
		return "", "", false
	}
	clientID, err1 := url.QueryUnescape(rawID)
	secret, err2 := url.QueryUnescape(rawSecret)
	if err1 != nil || err2 != nil || clientID == "" {
		return "", "", false
	}
	return clientID, secret, true
}

// Bearer reads a token from the Authorization header. The scheme is Bearer (RFC 6750 section 2.1) or one of also, in
// any letter case. ok is false where there is none, more than one, or an empty one.
func Bearer(r *http.Request, also ...string) (token string, ok bool) {
	header := r.Header.Values("Authorization")
	if len(header) != 1 || len(header[0]) > maxCredential {
		return "", false
	}
	scheme, token, found := strings.Cut(header[0], " ")
	token = strings.TrimSpace(token)
	if !found || token == "" {
		return "", false
	}
	if strings.EqualFold(scheme, "Bearer") {
		return token, true
	}
	for _, a := range also {
		if strings.EqualFold(scheme, a) {
			return token, true
		}
	}
	return "", false
}
