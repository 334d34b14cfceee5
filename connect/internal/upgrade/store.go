package upgrade

import (
	"context"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/internal/jobs"
)

// Store keeps upgrades. A missing one is a NotFound fault with CodeNotFound.
type Store interface {
	// AddUpgrade stores a new upgrade with its steps and the effect, and queues its job, which is due at once. A pair that has a live one is a
	// Conflict fault with CodeRunning.
	AddUpgrade(ctx context.Context, u Upgrade, e Effect, why audit.Change) (Upgrade, error)
	// Upgrade reads one.
	Upgrade(ctx context.Context, pair, id string) (Upgrade, error)
	// LastUpgrade reads the one of the pair that was started last.
	LastUpgrade(ctx context.Context, pair string) (Upgrade, error)
	// SaveUpgrade stores an upgrade that was read with u.Revision, its steps and the effect, in one transaction, and has its
	// job looked at now where hurry is set. r is the run under whose lease it is changed; nil for a caller who is none. One
	// that was changed meanwhile is a Conflict fault with CodeChanged; a lost lease jobs.ErrLeaseLost. why goes into the audit
	// chain where it has an action. One that is not live any more takes along the stored credentials that neither span signs in
	// with: until then they were the way back.
	SaveUpgrade(ctx context.Context, r *jobs.Run, u Upgrade, e Effect, why audit.Change, hurry bool) (Upgrade, error)
}
