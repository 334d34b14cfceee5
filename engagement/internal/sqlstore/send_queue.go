package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"hash/maphash"
	"slices"
	"strings"
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

// lockInactive reports whether the definition is inactive, as new and cancelled ones (SOAP) are too, and keeps it so until the transaction ends: the update, which
// changes nothing, locks its row.
func lockInactive(tx *sqldb.Tx, eid tenant.EID, definitionID string) (bool, error) {
	return affected(tx.Exec(`UPDATE send_definition SET status = status WHERE eid = $1 AND id = $2 AND status NOT IN ('Active', 'Deleted')`, int64(eid), definitionID))
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

// Bounds of a look for forsaken messages.
const (
	reviveBatch = 100 // rows of one transaction
	reviveMost  = 5000
)

// Revive gives jobs to messages without an end that have none. Acceptance and everything after it stores a message with
// its job, so a message that is open before the jobs are read, and has none then, has none or has come to its end since,
// where one more job does nothing. The jobs' keys keep a second process from doing the same.
func (s *Sending) Revive(ctx context.Context) (int, error) {
	suspects, err := s.suspects(ctx)
	if err != nil {
		return 0, err
	}
	revived := 0
	for batch := range slices.Chunk(suspects, reviveBatch) {
		forsaken, err := s.forsaken(ctx, batch)
		if err != nil {
			return revived, err
		}
		if err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
			for _, payload := range forsaken {
				_, err := s.queue.Enqueue(tx, jobs.Job{Kind: JobDeliver, UniqueKey: JobDeliver + payload, Payload: []byte(payload), MaxAttempts: deliverAttempts})
				if err != nil && !errors.Is(err, jobs.ErrDuplicate) {
					return err
				}
			}
			return nil
		}); err != nil {
			return revived, err
		}
		revived += len(forsaken)
	}
	return revived, nil
}

// deliverPayload is SQL for what [DeliverPayload] becomes for a row of the message table.
const deliverPayload = `'{"tenant":' || CAST(eid AS TEXT) || ',"message":"' || id || '"}'`

// liveDeliveries reads the payloads of deliveries that are queued or running; more is a further condition on them.
func liveDeliveries(more string) string {
	return `SELECT payload FROM job WHERE state = 'queued' AND kind = $1` + more + ` UNION ALL SELECT payload FROM job WHERE state = 'running' AND kind = $1` + more
}

// suspects are the payloads of the deliveries that open messages should have and did not have a moment ago. It goes once
// through both tables and keeps hashes, because a database may choose to join them in a time that grows with the square.
func (s *Sending) suspects(ctx context.Context) ([]string, error) {
	seed := maphash.MakeSeed()
	live := map[uint64]struct{}{}
	if err := s.eachText(ctx, func(payload string) bool {
		live[maphash.String(seed, payload)] = struct{}{}
		return true
	}, liveDeliveries(""), JobDeliver); err != nil {
		return nil, err
	}
	var list []string
	err := s.eachText(ctx, func(payload string) bool {
		if _, ok := live[maphash.String(seed, payload)]; !ok {
			list = append(list, payload)
		}
		return len(list) < reviveMost
	}, `SELECT `+deliverPayload+` FROM message WHERE `+open+` AND is_held = 0`)
	return list, err
}

// forsaken are those of the deliveries whose messages are open and that are not there.
func (s *Sending) forsaken(ctx context.Context, suspects []string) ([]string, error) {
	var q query
	marks := make([]string, len(suspects))
	conditions := make([]string, len(suspects))
	for i, payload := range suspects {
		var p DeliverPayload
		if err := json.Unmarshal([]byte(payload), &p); err != nil {
			return nil, err
		}
		conditions[i] = `eid = ` + q.arg(int64(p.Tenant)) + ` AND id = ` + q.arg(p.Message)
	}
	var opened []string
	if err := s.eachText(ctx, func(payload string) bool { opened = append(opened, payload); return true },
		`SELECT `+deliverPayload+` FROM message WHERE `+open+` AND is_held = 0 AND (`+strings.Join(conditions, ` OR `)+`)`, q.args...); err != nil {
		return nil, err
	}
	if len(opened) == 0 {
		return nil, nil
	}
	q, marks = query{args: []any{JobDeliver}}, marks[:0]
	for _, payload := range opened {
		marks = append(marks, q.arg(payload))
	}
	err := s.eachText(ctx, func(payload string) bool {
		opened = slices.DeleteFunc(opened, func(o string) bool { return o == payload })
		return true
	}, liveDeliveries(` AND payload IN (`+strings.Join(marks, ", ")+`)`), q.args...)
	return opened, err
}

// eachText gives the rows of a query of one text column to the function, until it says false.
func (s *Sending) eachText(ctx context.Context, each func(string) bool, text string, args ...any) (err error) {
	rows, err := s.db.Query(ctx, text, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var value string
		if err := rows.Scan(&value); err != nil {
			return err
		}
		if !each(value) {
			return nil
		}
	}
	return rows.Err()
}
