package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strings"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// The kinds of job that a send makes. Package sender has their handlers.
const (
	// JobDeliver delivers one message; its payload is a [DeliverPayload].
	JobDeliver = "engagement.deliver"
	// JobRelease lets the messages go that wait for a definition; its payload is a [ReleasePayload].
	JobRelease = "engagement.release"
	// JobDiscard refuses the messages that are queued for a definition; its payload is a [DiscardPayload].
	JobDiscard = "engagement.discard"
)

// deliverAttempts is how often a delivery is started before the message counts as not sent. With the queue's back-off,
// which ends at ten minutes less a random part, that is about half a day.
const deliverAttempts = 100

// DeliverPayload names the message of a JobDeliver.
type DeliverPayload struct {
	Tenant  tenant.EID `json:"tenant"`
	Message string     `json:"message"`
}

// ReleasePayload names the definition of a JobRelease.
type ReleasePayload struct {
	Tenant     tenant.EID `json:"tenant"`
	Definition string     `json:"definition"`
}

const messageColumns = `eid, mid, id, message_key, request_id, definition_id, definition_key, subscriber_key, recipient, from_name,
	from_address, attributes, list_id, send_id, state, code, status_text, event_id, attempt, holds, accepted_at, changed_at`

func scanMessage(row interface{ Scan(...any) error }) (tenant.Message, error) {
	var m tenant.Message
	var attributes string
	var accepted, changed int64
	err := row.Scan(&m.Tenant, &m.MID, &m.ID, &m.Key, &m.RequestID, &m.DefinitionID, &m.DefinitionKey, &m.SubscriberKey, &m.To, &m.FromName,
		&m.FromAddress, &attributes, &m.ListID, &m.SendID, &m.State, &m.Code, &m.Text, &m.EventID, &m.Attempt, &m.Holds, &accepted, &changed)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return m, fault.New(fault.NotFound, tenant.CodeNoMessage, "There is no message with this key.")
	case err != nil:
		return m, err
	}
	m.Accepted, m.Changed = timeOf(accepted), timeOf(changed)
	return m, fromJSON(attributes, &m.Attributes)
}

// AcceptMessages stores the messages whose keys are free, their subscribers and their jobs, in one transaction.
func (s *Sending) AcceptMessages(ctx context.Context, d tenant.Definition, messages []tenant.Message) ([]tenant.Accepted, error) {
	stored := make([]string, len(messages))
	for i, m := range messages {
		attributes, err := toJSON(nonNil(m.Attributes))
		if err != nil {
			return nil, err
		}
		stored[i] = attributes
	}
	accepted := make([]tenant.Accepted, len(messages))
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		list, err := definitionList(tx, d)
		if err != nil {
			return err
		}
		for i, m := range messages {
			m.ListID = list
			fresh, err := insertMessage(tx, m, stored[i])
			if err != nil {
				return err
			}
			accepted[i] = tenant.Accepted{Message: m, Fresh: fresh}
			if !fresh {
				if accepted[i].Message, err = scanMessage(tx.QueryRow(`SELECT `+messageColumns+` FROM message
					WHERE eid = $1 AND mid = $2 AND key_fold = $3`, int64(m.Tenant), int64(m.MID), fold(m.Key))); err != nil {
					return err
				}
				continue
			}
			if err := enrol(tx, d, m); err != nil {
				return err
			}
			if err := s.enqueueDelivery(tx, m.Tenant, m.ID); err != nil {
				return err
			}
		}
		return nil
	})
	return accepted, err
}

// insertMessage stores a message; false where its key is taken.
func insertMessage(tx *sqldb.Tx, m tenant.Message, attributes string) (bool, error) {
	return affected(tx.Exec(`
		INSERT INTO message (eid, mid, id, message_key, key_fold, request_id, definition_id, definition_key, subscriber_key, recipient,
			from_name, from_address, attributes, list_id, send_id, state, accepted_at, changed_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) ON CONFLICT (eid, mid, key_fold) DO NOTHING`,
		int64(m.Tenant), int64(m.MID), m.ID, m.Key, fold(m.Key), m.RequestID, m.DefinitionID, m.DefinitionKey, m.SubscriberKey, m.To,
		m.FromName, m.FromAddress, attributes, m.ListID, m.SendID, string(m.State), millis(m.Accepted), millis(m.Changed)))
}

func (s *Sending) enqueueDelivery(tx *sqldb.Tx, eid tenant.EID, id string) error {
	payload, err := json.Marshal(DeliverPayload{Tenant: eid, Message: id})
	if err != nil {
		return err
	}
	// No unique key: the message's own state keeps a second delivery out, and a message that was held may get its next
	// job while the last one is still winding up.
	_, err = s.queue.Enqueue(tx, jobs.Job{Kind: JobDeliver, Payload: payload, MaxAttempts: deliverAttempts})
	return err
}

// enqueueRelease asks for the release of the messages that wait for the definition.
func (s *Sending) enqueueRelease(tx *sqldb.Tx, d tenant.Definition) error {
	payload, err := json.Marshal(ReleasePayload{Tenant: d.Tenant, Definition: d.ID})
	if err != nil {
		return err
	}
	_, err = s.queue.Enqueue(tx, jobs.Job{Kind: JobRelease, Payload: payload, MaxAttempts: deliverAttempts})
	return err
}

// Standing reads a subscriber with his status on the definition's list.
func (s *Sending) Standing(ctx context.Context, d tenant.Definition, key string) (tenant.Subscriber, tenant.SubscriberStatus, error) {
	sub, err := s.SubscriberByKey(ctx, d.Tenant, key)
	if err != nil || strings.EqualFold(d.ListKey, tenant.AllSubscribers) {
		return sub, "", err
	}
	var status tenant.SubscriberStatus
	err = s.db.QueryRow(ctx, `SELECT m.status FROM list_subscriber m JOIN subscriber_list l ON l.eid = m.eid AND l.id = m.list_id
		WHERE l.eid = $1 AND l.mid = $2 AND l.key_fold = $3 AND m.subscriber_id = $4`, int64(d.Tenant), int64(d.MID), fold(d.ListKey), sub.ID).Scan(&status)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return sub, status, err
}

// MessageByKey reads one message by its key in any case.
func (s *Sending) MessageByKey(ctx context.Context, eid tenant.EID, mid tenant.MID, key string) (tenant.Message, error) {
	return scanMessage(s.db.QueryRow(ctx, `SELECT `+messageColumns+` FROM message WHERE eid = $1 AND mid = $2 AND key_fold = $3`,
		int64(eid), int64(mid), fold(key)))
}

// NotSent reads the messages of not-sent events after the one given, in their order.
func (s *Sending) NotSent(ctx context.Context, eid tenant.EID, mid tenant.MID, after int64, limit int) ([]tenant.Message, error) {
	return s.messages(ctx, `WHERE eid = $1 AND mid = $2 AND event_id > $3 AND event_id > 0 AND send_id = 0 ORDER BY event_id LIMIT $4`, int64(eid), int64(mid), after, limit)
}

// messages reads the messages that the end of a query names.
func (s *Sending) messages(ctx context.Context, where string, args ...any) (_ []tenant.Message, err error) {
	rows, err := s.db.Query(ctx, `SELECT `+messageColumns+` FROM message `+where, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var list []tenant.Message
	for rows.Next() {
		m, err := scanMessage(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	return list, rows.Err()
}
