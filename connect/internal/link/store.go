package link

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
)

// Store keeps connections. A missing one is a NotFound fault with CodeNotFound.
type Store interface {
	Outages
	// Link reads the connection of a pair.
	Link(ctx context.Context, pair string) (Link, error)
	// FirstLink reads the connection that was made first; pages use it where nothing names a pair.
	FirstLink(ctx context.Context) (Link, error)
	// Neighbours reads the connections of other pairs to the same enterprise, or of the same org; orgID "" is none.
	Neighbours(ctx context.Context, pair string, eid int64, orgID string) ([]Link, error)
	// LinkByToken finds the connection whose API token has this SHA-256.
	LinkByToken(ctx context.Context, hash []byte) (Link, error)
	// PutLink makes the connection of a pair, or applies change to the one there is. tokenHash is the SHA-256 of its
	// API token. Where anything but the addresses' spelling changes, why goes into the audit chain.
	PutLink(ctx context.Context, pair string, tokenHash []byte, why audit.Change, change func(Link) Link) error
	// UpdateLink applies change to a connection, comparing and swapping on its Revision; change may run several times.
	// An error of change leaves the connection as it is and is returned. Where something changes and why has an action,
	// it goes into the audit chain in the same transaction, and so does what work in the background ends with it (Link.Ends).
	UpdateLink(ctx context.Context, pair string, why audit.Change, change func(Link) (Link, error)) (Link, error)
	// DeleteLink takes a connection away with its keys and everything that hangs on it; one that is not there already is
	// none.
	DeleteLink(ctx context.Context, pair string) error
	// SetClock moves the pair's domain time.
	SetClock(ctx context.Context, pair string, offset time.Duration) error
	// ClaimSweep gives the pairs whose mappings nobody has begun to look through since before, and keeps now as the time
	// when that began: of many processes one gets a pair. Both are machine time.
	ClaimSweep(ctx context.Context, now, before time.Time) (pairs []string, err error)
}

// TokenMove says how far a user's refresh token has come on the way to a grant.
type TokenMove string

// The moves. "" is one that nobody has looked at yet.
const (
	TokenMoved   TokenMove = "moved"   // the user's grant works by key
	TokenRefused TokenMove = "refused" // Engagement has no grant of the user
)

// TokenMoves are how many tokens of a pair's users stand where.
type TokenMoves struct{ Waiting, Moved, Refused int }

// UserTokens keeps how far users' refresh tokens have come on the way to grants.
type UserTokens interface {
	// WaitingTokens names users, in lower case and by name, whose tokens nobody has looked at; at most limit after the one given.
	WaitingTokens(ctx context.Context, pair, after string, limit int) ([]string, error)
	// MoveToken marks a user's token, if it is there.
	MoveToken(ctx context.Context, pair, username string, to TokenMove) error
	// ResetTokens has nobody looked at: the span went back.
	ResetTokens(ctx context.Context, pair string) error
	// DeleteMovedTokens forgets at most limit tokens that were looked at, and says how many; none while an upgrade of the span
	// into Engagement is under way, whose way back they are.
	DeleteMovedTokens(ctx context.Context, pair string, limit int) (int, error)
	// CountTokens counts a pair's.
	CountTokens(ctx context.Context, pair string) (TokenMoves, error)
}

// SealedKey is the key of one span as it is stored: the private half sealed, the certificate public.
type SealedKey struct {
	Pair        string
	Direction   Direction
	Sealed      []byte // PKCS #8 in DER, sealed by the vault under [KeyAAD]
	Certificate string // PEM
	CreatedAt   time.Time
}

// Keys keeps the spans' keys.
type Keys interface {
	// Key reads the key of a span; a missing one is a NotFound fault with CodeNotFound.
	Key(ctx context.Context, pair string, d Direction) (SealedKey, error)
	// AddKey stores the key unless the span has one already, and returns the one that is stored.
	AddKey(ctx context.Context, k SealedKey) (SealedKey, error)
}
