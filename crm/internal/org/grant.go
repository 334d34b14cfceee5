package org

import (
	"context"
	"time"
)

// MaxGrants is how many grants a user can have for one app; one more drops the oldest (crm-wire 1.13).
const MaxGrants = 5

// Grant is a user's approval of an app, and where the scopes allow it a refresh token (an OauthToken row,
// crm-wire 5.2). Revoking it ends the sessions that were minted from it.
type Grant struct {
	ID          int64 // time-ordered number
	Org         ID
	User        ID
	App         ID
	Scopes      []string
	RefreshHash []byte // SHA-256 of the refresh token; nil where none was given out
	Created     time.Time
	LastUsed    time.Time
	Revoked     bool
	DeleteToken string // revokes the grant; "" for one made before there were any
}

// GrantStore keeps grants.
type GrantStore interface {
	// Grant reads one grant, revoked or not; a missing one is a NotFound fault.
	Grant(ctx context.Context, id int64) (Grant, error)
	// ApprovedScopes is the union of the scopes of the user's live grants for the app, nil where he has none.
	ApprovedScopes(ctx context.Context, org, user, app ID) ([]string, error)
	// UseGrant keeps a session minted by the grant's refresh token and marks the grant as used. A grant that was
	// revoked meanwhile is a Conflict fault with CodeGrantRevoked, and nothing is kept.
	UseGrant(ctx context.Context, grant int64, s StoredSession, e LoginEvent) error
	// RotateGrant is UseGrant that also gives the grant another refresh token: next is the hash of the new one. Of many
	// callers with the same hash was exactly one succeeds; the others get a Conflict fault with CodeAlreadyUsed.
	RotateGrant(ctx context.Context, grant int64, was, next []byte, s StoredSession, e LoginEvent) error
	// SpentRefresh reports whether the hash is of a refresh token that the grant had before it rotated.
	SpentRefresh(ctx context.Context, grant int64, hash [32]byte) (bool, error)
	// RevokeGrant revokes a grant for good.
	RevokeGrant(ctx context.Context, id int64, at time.Time) error
}

// AuthCode is an authorization code as the store keeps it: an answer of the authorize endpoint that one client may
// turn into tokens once.
type AuthCode struct {
	ID          int64 // time-ordered number; the transaction that asks for the code has it before the code exists
	Hash        [32]byte
	Org         ID
	User        ID
	App         ID
	ConsumerKey string
	RedirectURI string
	Challenge   string // S256 PKCE challenge; "" where the client sent none
	Nonce       string // of OpenID Connect; "" where the client sent none
	Scopes      []string
	Grant       int64     // the grant that the user's approval made, or the redemption; 0 before
	Parent      int64     // of a link that signs a browser in (crm-wire 1.11), the session that asked for it; else 0
	AuthTime    time.Time // when the user showed his password
	Created     time.Time
	Expires     time.Time
	Used        bool
}

// Redemption is what redeeming a code makes, all or nothing.
type Redemption struct {
	Code    int64
	Grant   Grant // ID is the code's grant, or a new number where the code has none
	Session StoredSession
	Event   LoginEvent
	At      time.Time
}

// CodeStore keeps authorization codes.
type CodeStore interface {
	// AddCode keeps a code, and with it the grant of an approval where one was given now; the oldest grant over
	// MaxGrants is revoked. A number that is taken means that this transaction was answered before: a Conflict fault
	// with CodeNumberTaken. dropped reports whether a grant was revoked.
	AddCode(ctx context.Context, c AuthCode, approval *Grant) (dropped bool, err error)
	// Code reads one code, used or not; a missing one is a NotFound fault.
	Code(ctx context.Context, id int64) (AuthCode, error)
	// RedeemCode marks the code as used and keeps what it makes. Of many callers exactly one succeeds; the others get a
	// Conflict fault with CodeAlreadyUsed. dropped reports whether a grant over MaxGrants was revoked.
	RedeemCode(ctx context.Context, r Redemption) (dropped bool, err error)
	// OpenLink marks the code of a link as used and keeps the browser's session. Of many callers exactly one succeeds; the
	// others get a Conflict fault with CodeAlreadyUsed.
	OpenLink(ctx context.Context, code int64, at time.Time, s StoredSession, e LoginEvent) error
	// RevokeCode revokes the grant of a code that was used again.
	RevokeCode(ctx context.Context, id int64, at time.Time) error
}

// AssertionStore remembers assertions that may be used once.
type AssertionStore interface {
	// UseAssertion keeps a session minted by an assertion that has a jti. Of many callers with the same hash exactly one
	// succeeds; the others get a Conflict fault with CodeAlreadyUsed. The hash is forgotten after the machine time forget;
	// now is machine time too.
	UseAssertion(ctx context.Context, hash [32]byte, now, forget time.Time, s StoredSession, e LoginEvent) error
	// SpendAssertion remembers an assertion by which a client showed who it is. Of many callers with the same hash exactly
	// one hears that it is fresh. The times are UseAssertion's.
	SpendAssertion(ctx context.Context, hash [32]byte, now, forget time.Time) (fresh bool, err error)
}
