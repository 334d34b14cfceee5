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

// JobSpread makes the messages of a send to an audience; its payload is a [SpreadPayload]. Package sender has its handler.
const JobSpread = "engagement.spread"

// SpreadPayload names the send of a JobSpread.
type SpreadPayload struct {
	Tenant tenant.EID `json:"tenant"`
	Send   int64      `json:"send"`
}

const emailSendColumns = `eid, id, mid, object_id, definition_id, email_id, email_key, email_name, subject, pre_header, html_body, text_body,
	is_commercial, from_name, from_address, track_links, is_deduplicated, audience, state, status_text, source_at, read_to, excluded, errored, created_at, modified_at`

// EmailSend reads a send.
func (s *Sending) EmailSend(ctx context.Context, eid tenant.EID, id int64) (tenant.EmailSend, error) {
	var v tenant.EmailSend
	var audience string
	var created, modified int64
	e := &v.Email
	err := s.db.QueryRow(ctx, `SELECT `+emailSendColumns+` FROM email_send WHERE eid = $1 AND id = $2`, int64(eid), id).Scan(
		&v.Tenant, &v.ID, &v.MID, &v.ObjectID, &v.DefinitionID, &e.ID, &e.CustomerKey, &e.Name, &e.Subject, &e.PreHeader, &e.HTML, &e.Text,
		&v.Commercial, &v.FromName, &v.FromAddress, &v.TrackLinks, &v.Deduplicate, &audience, &v.State, &v.Text, &v.SourceAt, &v.ReadTo,
		&v.Excluded, &v.Errored, &created, &modified)
	if errors.Is(err, sql.ErrNoRows) {
		return v, fault.New(fault.NotFound, tenant.CodeNoEmailSend, "There is no such send.")
	}
	if err != nil {
		return v, err
	}
	e.Tenant, e.MID = v.Tenant, v.MID
	v.Created, v.Modified = timeOf(created), timeOf(modified)
	return v, fromJSON(audience, &v.Audience)
}

// CreateEmailSend stores a new send with the job that spreads it.
func (s *Sending) CreateEmailSend(ctx context.Context, v tenant.EmailSend) (tenant.EmailSend, error) {
	audience, err := toJSON(v.Audience)
	if err != nil {
		return v, err
	}
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		err := withNumber(0, func(id int64) (bool, error) {
			v.ID = id
			return affected(tx.Exec(`INSERT INTO email_send (`+emailSendColumns+`)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, '', 0, '', 0, 0, $20, $21) ON CONFLICT DO NOTHING`,
				int64(v.Tenant), v.ID, int64(v.MID), v.ObjectID, v.DefinitionID, v.Email.ID, v.Email.CustomerKey, v.Email.Name, v.Email.Subject,
				v.Email.PreHeader, v.Email.HTML, v.Email.Text, bit(v.Commercial), v.FromName, v.FromAddress, bit(v.TrackLinks), bit(v.Deduplicate),
				audience, string(v.State), millis(v.Created), millis(v.Modified)))
		})
		if err != nil {
			return err
		}
		payload, err := json.Marshal(SpreadPayload{Tenant: v.Tenant, Send: v.ID})
		if err != nil {
			return err
		}
		_, err = s.queue.Enqueue(tx, jobs.Job{Kind: JobSpread, Payload: payload, MaxAttempts: deliverAttempts})
		return err
	})
	return v, err
}

// SpreadEmailSend stores the messages of a page and moves the send on.
func (s *Sending) SpreadEmailSend(ctx context.Context, v tenant.EmailSend, p tenant.SpreadPage) error {
	stored := make([]string, len(p.Messages))
	for i, m := range p.Messages {
		attributes, err := toJSON(nonNil(m.Attributes))
		if err != nil {
			return err
		}
		stored[i] = attributes
	}
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		moved, err := affected(tx.Exec(`UPDATE email_send SET source_at = $3, read_to = $4, excluded = excluded + $5, errored = errored + $6, state = $7, status_text = $8, modified_at = $9
			WHERE eid = $1 AND id = $2 AND modified_at = $10 AND state = 'Spreading'`,
			int64(v.Tenant), v.ID, p.SourceAt, p.ReadTo, p.Excluded, p.Errored, string(p.State), p.Text, millis(p.Now), millis(v.Modified)))
		if err != nil {
			return err
		}
		if !moved {
			return changedMeanwhile("send")
		}
		for i, m := range p.Messages {
			fresh, err := insertMessage(tx, m, stored[i])
			if err != nil {
				return err
			}
			if !fresh {
				continue // he is on two of the lists, or the address has its message
			}
			if p.Enrol {
				if err := enrol(tx, v.Definition(), m); err != nil {
					return err
				}
			}
			if err := s.enqueueDelivery(tx, m.Tenant, m.ID); err != nil {
				return err
			}
		}
		return nil
	})
}

// reachable is the condition on who gets mail as far as his standing says.
const reachable = ` IN ('Active', 'Bounced')`

// ListMembers reads who can be sent to on a list.
func (s *Sending) ListMembers(ctx context.Context, eid tenant.EID, list, after int64, limit int) ([]tenant.Subscriber, error) {
	if list == int64(eid) {
		return scanSubscribers(s.db.Query(ctx, `SELECT `+subscriberColumns+` FROM subscriber WHERE eid = $1 AND id > $2 AND status`+reachable+` ORDER BY id LIMIT $3`,
			int64(eid), after, limit))
	}
	return scanSubscribers(s.db.Query(ctx, `SELECT s.eid, s.id, s.subscriber_key, s.email_address, s.status, s.attributes, s.created_at, s.modified_at, s.unsubscribed_at
		FROM list_subscriber m JOIN subscriber s ON s.eid = m.eid AND s.id = m.subscriber_id
		WHERE m.eid = $1 AND m.list_id = $2 AND m.subscriber_id > $3 AND m.status`+reachable+` ORDER BY m.subscriber_id LIMIT $4`, int64(eid), list, after, limit))
}

// CountMembers counts who can be sent to on a list.
func (s *Sending) CountMembers(ctx context.Context, eid tenant.EID, list int64) (n int64, err error) {
	if list == int64(eid) {
		err = s.db.QueryRow(ctx, `SELECT COUNT(*) FROM subscriber WHERE eid = $1 AND status`+reachable, int64(eid)).Scan(&n)
		return n, err
	}
	err = s.db.QueryRow(ctx, `SELECT COUNT(*) FROM list_subscriber m JOIN subscriber s ON s.eid = m.eid AND s.id = m.subscriber_id
		WHERE m.eid = $1 AND m.list_id = $2 AND m.status`+reachable+` AND s.status`+reachable, int64(eid), list).Scan(&n)
	return n, err
}

// OnLists tells who of some subscribers is on one of some lists.
func (s *Sending) OnLists(ctx context.Context, eid tenant.EID, lists, subscribers []int64) (_ map[int64]bool, err error) {
	on := map[int64]bool{}
	if len(lists) == 0 || len(subscribers) == 0 {
		return on, nil
	}
	q := query{args: []any{int64(eid)}}
	rows, err := s.db.Query(ctx, `SELECT DISTINCT subscriber_id FROM list_subscriber WHERE eid = $1 AND list_id IN (`+marks(&q, lists)+`) AND subscriber_id IN (`+marks(&q, subscribers)+`)`, q.args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		on[id] = true
	}
	return on, rows.Err()
}

// marks adds the values as arguments and lists their marks.
func marks[T any](q *query, values []T) string {
	list := make([]string, len(values))
	for i, v := range values {
		list[i] = q.arg(v)
	}
	return strings.Join(list, ", ")
}

// SubscribersByKeys reads subscribers by key.
func (s *Sending) SubscribersByKeys(ctx context.Context, eid tenant.EID, keys []string) (map[string]tenant.Subscriber, error) {
	return s.subscribersBy(ctx, eid, "subscriber_key", keys, func(sub tenant.Subscriber) string { return sub.Key })
}

// SubscribersByAddresses reads the first subscriber of each address.
func (s *Sending) SubscribersByAddresses(ctx context.Context, eid tenant.EID, addresses []string) (map[string]tenant.Subscriber, error) {
	return s.subscribersBy(ctx, eid, "lower(email_address)", addresses, func(sub tenant.Subscriber) string { return strings.ToLower(sub.Address) })
}

func (s *Sending) subscribersBy(ctx context.Context, eid tenant.EID, by string, values []string, name func(tenant.Subscriber) string) (map[string]tenant.Subscriber, error) {
	found := map[string]tenant.Subscriber{}
	if len(values) == 0 {
		return found, nil
	}
	q := query{args: []any{int64(eid)}}
	list, err := scanSubscribers(s.db.Query(ctx, `SELECT `+subscriberColumns+` FROM subscriber WHERE eid = $1 AND `+by+` IN (`+marks(&q, values)+`) ORDER BY id`, q.args...))
	for _, sub := range list {
		if _, there := found[name(sub)]; !there {
			found[name(sub)] = sub
		}
	}
	return found, err
}

// scanSubscribers reads a result to its end.
func scanSubscribers(rows *sql.Rows, err error) (_ []tenant.Subscriber, failed error) {
	if err != nil {
		return nil, err
	}
	defer func() { failed = errors.Join(failed, rows.Close()) }()
	var list []tenant.Subscriber
	for rows.Next() {
		sub, err := scanSubscriber(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, sub)
	}
	return list, rows.Err()
}
