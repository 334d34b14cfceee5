package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// LoadDelivery reads a message and what decides about it. The reads are not one transaction: a rule that changes between
// them is a rule that changed a moment earlier or later.
func (s *Sending) LoadDelivery(ctx context.Context, eid tenant.EID, messageID string) (tenant.Delivery, error) {
	var d tenant.Delivery
	var err error
	if d.Message, err = scanMessage(s.db.QueryRow(ctx, `SELECT `+messageColumns+` FROM message WHERE eid = $1 AND id = $2`, int64(eid), messageID)); err != nil {
		return d, err
	}
	if d.Message.SendID != 0 {
		err = s.loadSend(ctx, &d)
	} else {
		err = s.loadDefinition(ctx, &d)
	}
	if err != nil {
		return d, err
	}
	d.Subscriber, err = s.SubscriberByKey(ctx, eid, d.Message.SubscriberKey)
	switch {
	case err == nil:
		d.HasEntry = true
	case fault.CodeOf(err) != tenant.CodeNoSubscriber:
		return d, err
	}
	if d.Message.ListID != 0 {
		err := s.db.QueryRow(ctx, `SELECT status FROM list_subscriber WHERE eid = $1 AND list_id = $2 AND subscriber_id = $3`,
			int64(eid), d.Message.ListID, d.Subscriber.ID).Scan(&d.ListStatus)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return d, err
		}
	}
	if strings.Contains(strings.ToLower(d.Email.HTML+d.Email.Text+d.Email.Subject), "member_busname") {
		if err := s.db.QueryRow(ctx, `SELECT name FROM tenant WHERE eid = $1`, int64(eid)).Scan(&d.TenantName); err != nil {
			return d, err
		}
	}
	from := d.Message.FromAddress
	if from == "" {
		from = d.Definition.FromAddress
	}
	d.Senders, err = s.SendersFor(ctx, eid, from)
	return d, err
}

// loadDefinition reads the definition of a triggered message, its email and what its classification says.
func (s *Sending) loadDefinition(ctx context.Context, d *tenant.Delivery) (err error) {
	eid := int64(d.Message.Tenant)
	d.Definition, err = scanDefinition(s.db.QueryRow(ctx, `SELECT `+definitionColumns+` FROM send_definition WHERE eid = $1 AND id = $2`, eid, d.Message.DefinitionID))
	if err != nil {
		return err
	}
	if d.Commercial, err = s.Commercial(ctx, d.Definition); err != nil {
		return err
	}
	d.Email, err = scanEmail(s.db.QueryRow(ctx, `SELECT `+emailColumns+` FROM email WHERE eid = $1 AND mid = $2 AND key_fold = $3`,
		eid, int64(d.Definition.MID), fold(d.Definition.EmailKey)))
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	d.HasEmail = err == nil
	return err
}

// Commercial tells whether the classification of a definition is one of commercial mail; one that is not there is none.
func (s *Sending) Commercial(ctx context.Context, d tenant.Definition) (commercial bool, err error) {
	switch {
	case strings.EqualFold(d.Classification, tenant.ClassificationTransactional):
		return false, nil
	case strings.EqualFold(d.Classification, tenant.ClassificationCommercial):
		return true, nil
	}
	err = s.db.QueryRow(ctx, `SELECT CASE WHEN kind = 'Marketing' THEN 1 ELSE 0 END FROM send_classification WHERE eid = $1 AND mid = $2 AND key_fold = $3`,
		int64(d.Tenant), int64(d.MID), fold(d.Classification)).Scan(&commercial)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return commercial, err
}

// loadSend reads the send that a message is of, with its email as it was when it began.
func (s *Sending) loadSend(ctx context.Context, d *tenant.Delivery) error {
	send, err := s.EmailSend(ctx, d.Message.Tenant, d.Message.SendID)
	d.Definition, d.Email, d.HasEmail, d.Commercial = send.Definition(), send.Email, true, send.Commercial
	return err
}

// BeginAttempt moves a queued message to sending.
func (s *Sending) BeginAttempt(ctx context.Context, eid tenant.EID, messageID string) (attempt int, begun bool, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		begun = false
		err := tx.QueryRow(`UPDATE message SET state = 'sending', attempt = attempt + 1, is_held = 0 WHERE eid = $1 AND id = $2 AND state = 'queued'
			RETURNING attempt`, int64(eid), messageID).Scan(&attempt)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		begun = err == nil
		return err
	})
	return attempt, begun, err
}

// Settle records the end of an attempt. Only the attempt that put the message in doubt may still settle it.
func (s *Sending) Settle(ctx context.Context, eid tenant.EID, messageID string, attempt int, o tenant.Outcome, now time.Time) (bool, error) {
	var done bool
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		var err error
		done, err = affected(tx.Exec(`UPDATE message SET state = $4, code = $5, status_text = $6, changed_at = $7
			WHERE eid = $1 AND id = $2 AND attempt = $3 AND state IN ('sending', 'in_doubt') AND NOT (state = 'in_doubt' AND $4 IN ('in_doubt', 'queued'))`,
			int64(eid), messageID, attempt, string(o.State), int(o.Code), o.Text, millis(now)))
		if err != nil || !done {
			return err
		}
		return s.noteEnd(tx, tenant.MessageRef{Tenant: eid, ID: messageID}, o, now)
	})
	return done, err
}

// noteEnd keeps the events of an attempt's end.
func (s *Sending) noteEnd(tx *sqldb.Tx, ref tenant.MessageRef, o tenant.Outcome, now time.Time) error {
	switch o.State {
	case tenant.MessageSent:
		m, err := tracked(tx, ref)
		if err != nil {
			return err
		}
		return s.putEvent(tx, m, tenant.Event{MessageRef: ref, Kind: tenant.EventSent, At: now})
	case tenant.MessageNotSent:
		if err := numberEvent(tx, ref.Tenant, ref.ID); err != nil || o.Bounce == nil {
			return err
		}
		m, err := tracked(tx, ref)
		if err != nil {
			return err
		}
		return s.bounce(tx, m, tenant.Event{MessageRef: ref, Kind: tenant.EventBounce, Bounce: *o.Bounce, At: now})
	}
	return nil
}

// Refuse records that a queued message is not sent.
func (s *Sending) Refuse(ctx context.Context, eid tenant.EID, messageID string, r tenant.Refusal, now time.Time) (bool, error) {
	var done bool
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		var err error
		done, err = affected(tx.Exec(`UPDATE message SET state = 'not_sent', code = $3, status_text = $4, changed_at = $5, is_held = 0
			WHERE eid = $1 AND id = $2 AND state = 'queued'`, int64(eid), messageID, int(r.Code), r.Text, millis(now)))
		if err != nil || !done {
			return err
		}
		return numberEvent(tx, eid, messageID)
	})
	return done, err
}

// numberEvent gives the message the tenant's next event number. The counter's row stays locked until the commit.
func numberEvent(tx *sqldb.Tx, eid tenant.EID, messageID string) error {
	var next int64
	err := tx.QueryRow(`INSERT INTO send_event (eid, last_id) VALUES ($1, 1)
		ON CONFLICT (eid) DO UPDATE SET last_id = send_event.last_id + 1 RETURNING last_id`, int64(eid)).Scan(&next)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`UPDATE message SET event_id = $3 WHERE eid = $1 AND id = $2`, int64(eid), messageID, next)
	return err
}

// Hold marks a queued message as waiting while its definition is inactive; one that waits already goes on waiting. The
// definition is kept as it is meanwhile: whoever activates it either comes after this transaction and finds the message
// waiting, or came before and this finds the definition active.
func (s *Sending) Hold(ctx context.Context, eid tenant.EID, messageID, definitionID string) (bool, error) {
	var held bool
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		held = false
		inactive, err := lockInactive(tx, eid, definitionID)
		if err != nil || !inactive {
			return err
		}
		held, err = affected(tx.Exec(`UPDATE message SET holds = holds + 1 - is_held, is_held = 1 WHERE eid = $1 AND id = $2 AND state = 'queued'`,
			int64(eid), messageID))
		return err
	})
	return held, err
}

// ReleaseHeld gives jobs to messages that wait for the definition.
func (s *Sending) ReleaseHeld(ctx context.Context, eid tenant.EID, definitionID string, limit int) (int, error) {
	return s.releaseHeld(ctx, eid, `definition_id = $2`, definitionID, limit)
}

// releaseHeld gives jobs to waiting messages of which the condition on $2 holds.
func (s *Sending) releaseHeld(ctx context.Context, eid tenant.EID, condition string, value any, limit int) (int, error) {
	var n int
	err := s.db.Write(ctx, func(tx *sqldb.Tx) (err error) {
		n = 0
		ids, err := texts(tx.Query(`UPDATE message SET is_held = 0 WHERE eid = $1 AND is_held = 1 AND id IN
			(SELECT id FROM message WHERE eid = $1 AND `+condition+` AND is_held = 1 ORDER BY id LIMIT $3) RETURNING id`,
			int64(eid), value, limit))
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := s.enqueueDelivery(tx, eid, id); err != nil {
				return err
			}
		}
		n = len(ids)
		return nil
	})
	return n, err
}

// texts reads a result of one text column to its end.
func texts(rows *sql.Rows, err error) (_ []string, failed error) {
	if err != nil {
		return nil, err
	}
	defer func() { failed = errors.Join(failed, rows.Close()) }()
	var list []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, rows.Err()
}
