package oauth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"

	"github.com/twinspan/twinspan/internal/fault"
)

// MethodS256 is the one code_challenge_method taken.
const MethodS256 = "S256"

// Bounds of a code_verifier, in characters. RFC 7636 ends at 128; jsforce and the sf CLI send 171 (crm-wire 0.5).
const (
	minVerifier = 43
	maxVerifier = 256
)

// NewVerifier makes a code_verifier of 43 characters with 256 bits of entropy.
func NewVerifier() string { return NewToken(32) }

// Challenge is the S256 code_challenge of a verifier (RFC 7636 section 4.2).
func Challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// CheckChallenge judges the PKCE parameters of an authorization request: a challenge of 43 characters of base64url, and
// method S256 or none, which means S256 here (crm-wire 0.5). No challenge at all is fine here, since whether a client
// must send one is its policy; a method without a challenge is not.
func CheckChallenge(challenge, method string) error {
	if challenge == "" && method == "" {
		return nil
	}
	if method != "" && method != MethodS256 {
		return fault.New(fault.Invalid, CodeInvalidChallenge, "The code_challenge_method is not S256.")
	}
	if sum, err := base64URL.DecodeString(challenge); err != nil || len(sum) != sha256.Size || len(challenge) != 43 {
		return fault.New(fault.Invalid, CodeInvalidChallenge, "The code_challenge is not a SHA-256 in base64url.")
	}
	return nil
}

// VerifyPKCE compares the verifier of a token request with the challenge and method that came with the authorization
// request. Without a challenge a verifier is refused (code "unexpected_code_verifier") and none is right; with one the
// verifier must be there, have 43 to 256 unreserved characters, and hash to the challenge ("invalid_code_verifier").
func VerifyPKCE(challenge, method, verifier string) error {
	if challenge == "" {
		if verifier != "" {
			return fault.New(fault.Invalid, CodeUnexpectedVerifier, "A code_verifier came where no code_challenge was sent.")
		}
		return nil
	}
	bad := fault.New(fault.Invalid, CodeInvalidVerifier, "The code_verifier does not belong to the code_challenge.")
	if CheckChallenge(challenge, method) != nil || len(verifier) < minVerifier || len(verifier) > maxVerifier {
		return bad
	}
	for i := 0; i < len(verifier); i++ {
		c := verifier[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~') {
			return bad
		}
	}
	if subtle.ConstantTimeCompare([]byte(Challenge(verifier)), []byte(challenge)) != 1 {
		return bad
	}
	return nil
}
