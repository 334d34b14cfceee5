package sqlstore

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// MessagesIn reads messages in a state by id.
func (s *Sending) MessagesIn(ctx context.Context, eid tenant.EID, mid tenant.MID, state tenant.MessageState, after string, limit int) ([]tenant.Message, error) {
	condition := `state = $5`
	args := []any{int64(eid), int64(mid), after, limit, string(state)}
	if state == tenant.MessageInDoubt {
		condition, args = `state = 'in_doubt'`, args[:4] // as the index says it
	}
	return s.messages(ctx, `WHERE eid = $1 AND mid = $2 AND id > $3 AND `+condition+` ORDER BY id LIMIT $4`, args...)
}

// DecideDoubt takes a message out of doubt.
func (s *Sending) DecideDoubt(ctx context.Context, eid tenant.EID, mid tenant.MID, key string, again bool, text string, now time.Time) (bool, error) {
	var done bool
	state := tenant.MessageSent
	if again {
		state = tenant.MessageQueued
	}
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		done = false
		m, err := scanMessage(tx.QueryRow(`SELECT `+messageColumns+` FROM message WHERE eid = $1 AND mid = $2 AND key_fold = $3`, int64(eid), int64(mid), fold(key)))
		if err != nil {
			return err
		}
		// Two deciders at once, or one and the attempt that learns its end late: the first change counts.
		if done, err = affected(tx.Exec(`UPDATE message SET state = $3, status_text = $4, changed_at = $5 WHERE eid = $1 AND id = $2 AND state = 'in_doubt'`,
			int64(eid), m.ID, string(state), text, millis(now))); err != nil || !done {
			return err
		}
		if again {
			return s.enqueueDelivery(tx, eid, m.ID)
		}
		return s.putEvent(tx, m, tenant.Event{MessageRef: tenant.MessageRef{Tenant: eid, ID: m.ID}, Kind: tenant.EventSent, At: now})
	})
	return done, err
}
