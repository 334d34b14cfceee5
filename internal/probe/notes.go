package probe

import (
	"context"
	"sync"
)

// notes are what a house and the faults tell of a request while it is answered.
type notes struct {
	mu        sync.Mutex
	user, app string
	fault     string
	dropped   bool
}

type notesKey struct{}

func notesOf(ctx context.Context) *notes {
	n, _ := ctx.Value(notesKey{}).(*notes)
	return n
}

// maxName bounds the names that are kept of a caller, in bytes.
const maxName = 200

// CalledBy tells the recording of a request, where there is one, who made it: a user by the name that he signs in with, and
// the app that he did it through. "" is nobody, or none. The last telling counts.
func CalledBy(ctx context.Context, user, app string) {
	n := notesOf(ctx)
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.user, n.app = limit(user, maxName), limit(app, maxName)
}

// Recording reports whether the request of ctx is recorded, so that whoever has to look names up for [CalledBy] need not.
func Recording(ctx context.Context) bool { return notesOf(ctx) != nil }

// struck notes the fault that was put in the request's way.
func struck(ctx context.Context, id string, dropped bool) {
	n := notesOf(ctx)
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.fault, n.dropped = id, dropped
}

// tell writes the notes into the exchange.
func (n *notes) tell(e *Exchange) {
	n.mu.Lock()
	defer n.mu.Unlock()
	e.User, e.App, e.Fault = n.user, n.app, n.fault
	if n.dropped {
		e.Status = 0
	}
}
