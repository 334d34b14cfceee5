package tenant

import (
	"time"

	"github.com/twinspan/twinspan/internal/fault"
)

// Codes of the faults about grants, codes and refresh tokens.
const (
	// CodeNoGrant: the user never let the package act for him, or that was cleared, or there is no such active user.
	CodeNoGrant fault.Code = "no_grant"
	// CodeInvalidAssertion: an assertion that proves nothing: malformed, wrongly signed, out of date.
	CodeInvalidAssertion fault.Code = "invalid_assertion"
	// CodeReplayed: an assertion that was spent before.
	CodeReplayed fault.Code = "assertion_replayed"
	// CodeInvalidCode: an authorization code that is unknown, used, expired, or another client's.
	CodeInvalidCode fault.Code = "invalid_code"
	// CodeRedirectMismatch: the redirect_uri is not the one that the code went to.
	CodeRedirectMismatch fault.Code = "redirect_mismatch"
	// CodeInvalidVerifier: the PKCE verifier is missing or does not fit the challenge.
	CodeInvalidVerifier fault.Code = "invalid_verifier"
	// CodeUnexpectedVerifier: a verifier came for a code that was asked for without a challenge.
	CodeUnexpectedVerifier fault.Code = "unexpected_verifier"
	// CodeInvalidRefresh: a refresh token that is unknown, used, expired, revoked, or another client's.
	CodeInvalidRefresh fault.Code = "invalid_refresh"
	// CodeMayNotVouch: the caller may not make a grant for the user it names.
	CodeMayNotVouch fault.Code = "may_not_vouch"
)

// Grant is a user's standing permission for a "connect" package to act for him, with what he could do when it was
// made. Every token minted from it carries that snapshot until the grant is cleared: document 000's "cached"
// permissions (DESIGN 5.2).
type Grant struct {
	ID        int64 // time-ordered number
	Tenant    EID
	ClientID  string
	UserID    int64
	Snapshot  Snapshot
	Made      time.Time
	MadeBy    int64 // the user himself, or the API user who vouched for him
	Cleared   time.Time
	ClearedBy int64
}

// Live reports whether the grant still lets tokens be minted and used.
func (g Grant) Live() bool { return g.Cleared.IsZero() }

// Vouched reports whether somebody else made the grant for the user.
func (g Grant) Vouched() bool { return g.MadeBy != g.UserID }
