package audit

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
)

// CodeMoved: somebody else has begun or settled the same change meanwhile: look again at what there is.
const CodeMoved fault.Code = "change_moved_on"

// IntentLife is how long an intent whose change is not to be seen may still be under way, in domain time. An older one was
// never carried out.
const IntentLife = 5 * time.Minute

// Intent is a change of something that a cloud keeps, on record before it is made. The zero Revision is one that was never
// begun.
type Intent struct {
	Pair          string
	Why           Change // with Action and Subject, which name what is changed
	Before, After string // JSON
	Revision      int64
	Pending       bool // begun and not settled
}

// Intents keeps intents, one for each action and subject of a pair. Read them before the cloud is read, begin one before
// the cloud is changed, and settle it afterwards: of several who do so at the same time one writes the entry.
type Intents interface {
	// IntentsOf reads all of an action, by subject.
	IntentsOf(ctx context.Context, pair, action string) (map[string]Intent, error)
	// Begin puts an intent in the place of the one with its Revision, and gives it with the next; a Conflict fault with
	// CodeMoved where another is there.
	Begin(ctx context.Context, i Intent) (Intent, error)
	// Settle ends a pending intent, with its entry in the chain where the change was done. Where somebody else has settled it
	// or taken it over, nothing happens.
	Settle(ctx context.Context, i Intent, done bool) error
}

// Reconcile settles pending intents that somebody left: those whose change is to be seen with their entry, and those that
// were never carried out without one. What may still be under way stays. seen reports whether the change is to be seen.
func Reconcile(ctx context.Context, store Intents, left map[string]Intent, now time.Time, seen func(Intent) bool) error {
	for _, i := range left {
		done := i.Pending && seen(i)
		if !i.Pending || !done && now.Sub(i.Why.At).Abs() < IntentLife {
			continue
		}
		if err := store.Settle(ctx, i, done); err != nil {
			return err
		}
	}
	return nil
}
