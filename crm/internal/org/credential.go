package org

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/internal/vault"
)

// Credential is what lets a user in by password, and what counts his failures. Neither password nor security token is
// in it.
type Credential struct {
	Org  ID
	User ID
	// PasswordHash is a PHC string of argon2id; "" for a user who has no password yet.
	PasswordHash string
	// SecurityTokenHash is the SHA-256 of the security token, which has 24 random characters when we make it; nil for
	// none. Its length tells where a password ends and the token begins.
	SecurityTokenHash   []byte
	SecurityTokenLength int
	PasswordChanged     time.Time
	Failures            int       // wrong passwords since the last right one or the last unlock
	LockedUntil         time.Time // zero: not locked
	// MustChange: somebody else chose the password, so it is good for one sign-in, at which the user chooses his own.
	MustChange bool
	// History are the hashes of earlier passwords, newest first.
	History []string
	// LinkHash is the SHA-256 of the code in the link that was mailed last to set a password by; nil for none.
	LinkHash    []byte
	LinkExpires time.Time
	// Unverified: the user has not yet followed the link that was mailed to his address.
	Unverified bool
	Frozen     bool
}

// fingerprint tells the password from all others that the user ever had, the same one set again too: it is the SHA-256 of its
// salted hash.
func (c Credential) fingerprint() []byte { return vault.HashToken(c.PasswordHash) }

// AccountStore changes credentials together with records.
type AccountStore interface {
	// ChangeCredential runs fn on a user's credential, which nobody else changes meanwhile, and keeps what fn made of it;
	// one who has none is a credential without password. fn may run twice. The letters are queued with it, all or nothing.
	ChangeCredential(ctx context.Context, org, user ID, fn func(tx RecordTx, c *Credential) error, letters ...Letter) error
}

// CredentialStore keeps credentials.
type CredentialStore interface {
	// Credential reads a user's; one who has none is a NotFound fault.
	Credential(ctx context.Context, org, user ID) (Credential, error)
	// CountFailure adds one failure, and when limit is reached locks the user until the given time and starts the count
	// anew. A user who is locked at now is left as he is.
	CountFailure(ctx context.Context, org, user ID, limit int, now, until time.Time) error
	// CountNobody costs what CountFailure costs, for a name that nobody has: whoever measures learns nothing. The row that it
	// writes is deleted soon.
	CountNobody(ctx context.Context, at time.Time) error
	// ClearFailures forgets failures and a lock that is over, after a right password.
	ClearFailures(ctx context.Context, org, user ID) error
}
