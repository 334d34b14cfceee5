package tenant

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
)

// CodeQueueInUse: the queue of a definition that is not inactive is not emptied.
const CodeQueueInUse fault.Code = "queue_in_use"

// DefinitionQueue is what of a definition's messages was accepted and is not yet processed.
type DefinitionQueue struct {
	Count int           // messages
	Age   time.Duration // how long the oldest has waited; 0 where there is none
}

// QueueStore reads and empties the queues of definitions.
type QueueStore interface {
	// QueueOf counts the definition's messages that are queued and tells when the oldest was accepted; the zero time
	// where there is none.
	QueueOf(ctx context.Context, tenant EID, definitionID string) (count int, oldest time.Time, err error)
	// DiscardQueue stores a job that refuses those of the definition's queued messages that were accepted by the time
	// given; false where the definition is not inactive.
	DiscardQueue(ctx context.Context, tenant EID, definitionID string, until time.Time) (bool, error)
}

// DefinitionQueues is the service over the queues of definitions (engagement-wire 4).
type DefinitionQueues struct {
	Definitions *Definitions
	Store       QueueStore
}

// Get tells how many messages of the definition wait, and for how long.
func (s *DefinitionQueues) Get(ctx context.Context, p Principal, key string) (DefinitionQueue, error) {
	d, err := s.Definitions.Get(ctx, p, key)
	if err != nil {
		return DefinitionQueue{}, err
	}
	count, oldest, err := s.Store.QueueOf(ctx, p.Tenant, d.ID)
	if err != nil || count == 0 {
		return DefinitionQueue{}, err
	}
	return DefinitionQueue{Count: count, Age: max(0, s.Definitions.Now(p.Tenant).Sub(oldest))}, nil
}

// Discard asks that what waits now is not sent. Each of these messages ends with its event.
func (s *DefinitionQueues) Discard(ctx context.Context, p Principal, key string) error {
	if err := mayWrite(p, ScopeEmailWrite); err != nil {
		return err
	}
	d, err := s.Definitions.Store.DefinitionByKey(ctx, p.Tenant, p.MID, key)
	if err != nil {
		return err
	}
	asked, err := s.Store.DiscardQueue(ctx, p.Tenant, d.ID, s.Definitions.Now(p.Tenant))
	if err == nil && !asked {
		return fault.New(fault.Conflict, CodeQueueInUse, "The definition is not inactive.")
	}
	return err
}
