package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// open is the condition of messages without an end, as the index message_open has it.
const open = `state IN ('queued', 'sending')`

// QueueOf counts what of the definition is queued.
func (s *Sending) QueueOf(ctx context.Context, eid tenant.EID, definitionID string) (int, time.Time, error) {
	var n int
	var oldest sql.NullInt64
	err := s.db.QueryRow(ctx, `SELECT COUNT(*), MIN(accepted_at) FROM message WHERE eid = $1 AND definition_id = $2 AND `+open+` AND state = 'queued'`,
		int64(eid), definitionID).Scan(&n, &oldest)
	if err != nil || !oldest.Valid {
		return 0, time.Time{}, err
	}
	return n, timeOf(oldest.Int64), nil
}

// DiscardPayload names the definition of a JobDiscard, and until when its messages were accepted.
type DiscardPayload struct {
	Tenant     tenant.EID `json:"tenant"`
	Definition string     `json:"definition"`
	Until      time.Time  `json:"until"`
}

// DiscardQueue asks for the end of what is queued.
func (s *Sending) DiscardQueue(ctx context.Context, eid tenant.EID, definitionID string, until time.Time) (bool, error) {
	payload, err := json.Marshal(DiscardPayload{Tenant: eid, Definition: definitionID, Until: until})
	if err != nil {
		return false, err
	}
	var inactive bool
	err = s.db.Write(ctx, func(tx *sqldb.Tx) (err error) {
		inactive, err = lockInactive(tx, eid, definitionID)
		if err != nil || !inactive {
			return err
		}
		_, err = s.queue.Enqueue(tx, jobs.Job{Kind: JobDiscard, Payload: payload, MaxAttempts: deliverAttempts})
		return err
	})
	return inactive, err
}

// lockInactive reports whether the definition is inactive, and keeps it so until the transaction ends: the update, which
// changes nothing, locks its row.
func lockInactive(tx *sqldb.Tx, eid tenant.EID, definitionID string) (bool, error) {
	return affected(tx.Exec(`UPDATE send_definition SET status = status WHERE eid = $1 AND id = $2 AND status = 'Inactive'`, int64(eid), definitionID))
}

// Discard refuses queued messages of a definition.
func (s *Sending) Discard(ctx context.Context, eid tenant.EID, definitionID string, until time.Time, r tenant.Refusal, limit int, now time.Time) (int, error) {
	var n int
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		ids, err := texts(tx.Query(`UPDATE message SET state = 'not_sent', is_held = 0, code = $4, status_text = $5, changed_at = $6
			WHERE eid = $1 AND state = 'queued' AND id IN (SELECT id FROM message
				WHERE eid = $1 AND definition_id = $2 AND accepted_at <= $3 AND `+open+` AND state = 'queued' ORDER BY accepted_at LIMIT $7) RETURNING id`,
			int64(eid), definitionID, millis(until), int(r.Code), r.Text, millis(now), limit))
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := numberEvent(tx, eid, id); err != nil {
				return err
			}
		}
		n = len(ids)
		return nil
	})
	return n, err
}

// HeldSince tells of each tenant with messages that wait for a definition when the oldest of them was accepted.
func (s *Sending) HeldSince(ctx context.Context) (_ map[tenant.EID]time.Time, err error) {
	rows, err := s.db.Query(ctx, `SELECT eid, MIN(accepted_at) FROM message WHERE is_held = 1 GROUP BY eid`)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	since := map[tenant.EID]time.Time{}
	for rows.Next() {
		var eid tenant.EID
		var accepted int64
		if err := rows.Scan(&eid, &accepted); err != nil {
			return nil, err
		}
		since[eid] = timeOf(accepted)
	}
	return since, rows.Err()
}

// ReleaseOlder gives jobs to messages that have waited for long.
func (s *Sending) ReleaseOlder(ctx context.Context, eid tenant.EID, before time.Time, limit int) (int, error) {
	return s.releaseHeld(ctx, eid, `accepted_at < $2`, millis(before), limit)
}

// Stranded reads the definitions that are not inactive and for which messages wait all the same.
func (s *Sending) Stranded(ctx context.Context) (_ []tenant.DefinitionRef, err error) {
	rows, err := s.db.Query(ctx, `SELECT DISTINCT m.eid, m.definition_id FROM message m JOIN send_definition d ON d.eid = m.eid AND d.id = m.definition_id
		WHERE m.is_held = 1 AND d.status <> 'Inactive'`)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var list []tenant.DefinitionRef
	for rows.Next() {
		var d tenant.DefinitionRef
		if err := rows.Scan(&d.Tenant, &d.ID); err != nil {
			return nil, err
		}
		list = append(list, d)
	}
	return list, rows.Err()
}

// Revive gives jobs to messages without an end that have none. Acceptance and everything after it stores a message with
// its job, so one statement, which sees one moment, cannot take a message for forsaken that is not. The jobs' keys keep
// a second process from doing the same.
func (s *Sending) Revive(ctx context.Context, limit int) (int, error) {
	forsaken, err := s.forsaken(ctx, limit)
	if err != nil || len(forsaken) == 0 {
		return 0, err
	}
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		for _, ref := range forsaken {
			payload, err := json.Marshal(DeliverPayload{Tenant: ref.Tenant, Message: ref.ID})
			if err != nil {
				return err
			}
			key := fmt.Sprintf("%s.%d.%s", JobDeliver, ref.Tenant, ref.ID)
			_, err = s.queue.Enqueue(tx, jobs.Job{Kind: JobDeliver, UniqueKey: key, Payload: payload, MaxAttempts: deliverAttempts})
			if err != nil && !errors.Is(err, jobs.ErrDuplicate) {
				return err
			}
		}
		return nil
	})
	return len(forsaken), err
}

// forsaken reads messages without an end and without a job. The payload of a job is what [DeliverPayload] makes.
func (s *Sending) forsaken(ctx context.Context, limit int) (_ []tenant.MessageRef, err error) {
	rows, err := s.db.Query(ctx, `WITH live AS MATERIALIZED (SELECT payload FROM job WHERE state = 'queued' AND kind = $1
			UNION ALL SELECT payload FROM job WHERE state = 'running' AND kind = $1)
		SELECT m.eid, m.id FROM message m LEFT JOIN live ON live.payload = '{"tenant":' || CAST(m.eid AS TEXT) || ',"message":"' || m.id || '"}'
		WHERE m.`+open+` AND m.is_held = 0 AND live.payload IS NULL LIMIT $2`, JobDeliver, limit)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var list []tenant.MessageRef
	for rows.Next() {
		var ref tenant.MessageRef
		if err := rows.Scan(&ref.Tenant, &ref.ID); err != nil {
			return nil, err
		}
		list = append(list, ref)
	}
	return list, rows.Err()
}
