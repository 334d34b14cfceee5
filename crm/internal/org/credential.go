package org

import (
	"context"
	"time"
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
}

// CredentialStore keeps credentials.
type CredentialStore interface {
	// Credential reads a user's; one who has none is a NotFound fault.
	Credential(ctx context.Context, org, user ID) (Credential, error)
	// CountFailure adds one failure, and when limit is reached locks the user until the given time and starts the count
	// anew. A user who is locked at now is left as he is.
	CountFailure(ctx context.Context, org, user ID, limit int, now, until time.Time) error
	// ClearFailures forgets failures and a lock that is over, after a right password.
	ClearFailures(ctx context.Context, org, user ID) error
}
