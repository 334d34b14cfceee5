package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

const subscriberColumns = `eid, id, subscriber_key, email_address, status, attributes, created_at, modified_at, unsubscribed_at`

func scanSubscriber(row interface{ Scan(...any) error }) (tenant.Subscriber, error) {
	var s tenant.Subscriber
	var attributes string
	var created, modified int64
	var unsubscribed sql.NullInt64
	err := row.Scan(&s.Tenant, &s.ID, &s.Key, &s.Address, &s.Status, &attributes, &created, &modified, &unsubscribed)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return s, fault.New(fault.NotFound, tenant.CodeNoSubscriber, "There is no such subscriber.")
	case err != nil:
		return s, err
	}
	s.Created, s.Modified, s.Unsubscribed = timeOf(created), timeOf(modified), timeOfNull(unsubscribed)
	return s, fromJSON(attributes, &s.Attributes)
}

// SubscriberByKey reads one subscriber.
func (s *Sending) SubscriberByKey(ctx context.Context, eid tenant.EID, key string) (tenant.Subscriber, error) {
	return scanSubscriber(s.db.QueryRow(ctx, `SELECT `+subscriberColumns+` FROM subscriber WHERE eid = $1 AND subscriber_key = $2`, int64(eid), key))
}

// CreateSubscriber stores a new subscriber and gives it an ID.
func (s *Sending) CreateSubscriber(ctx context.Context, sub tenant.Subscriber) (tenant.Subscriber, error) {
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		id, fresh, err := addSubscriber(tx, sub)
		if err == nil && !fresh {
			return fault.New(fault.Conflict, tenant.CodeSubscriberExists, "The subscriber is already on the list")
		}
		sub.ID = id
		return err
	})
	return sub, err
}

// addSubscriber inserts the subscriber unless its key is taken.
func addSubscriber(tx *sqldb.Tx, sub tenant.Subscriber) (id int64, fresh bool, err error) {
	attributes, err := toJSON(nonNil(sub.Attributes))
	if err != nil {
		return 0, false, err
	}
	err = withNumber(sub.ID, func(try int64) (bool, error) {
		fresh, err = affected(tx.Exec(`INSERT INTO subscriber (`+subscriberColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`,
			int64(sub.Tenant), try, sub.Key, sub.Address, string(sub.Status), attributes, millis(sub.Created), millis(sub.Modified),
			nullMillis(sub.Unsubscribed)))
		if fresh || err != nil {
			id = try
			return true, err
		}
		var one int
		err = tx.QueryRow(`SELECT 1 FROM subscriber WHERE eid = $1 AND subscriber_key = $2`, int64(sub.Tenant), sub.Key).Scan(&one)
		if errors.Is(err, sql.ErrNoRows) {
			return false, nil // it was the number that was taken
		}
		return true, err
	})
	return id, fresh, err
}

// UpdateSubscriber stores the subscriber over the row with its ID.
func (s *Sending) UpdateSubscriber(ctx context.Context, sub tenant.Subscriber, unmodifiedSince time.Time) error {
	attributes, err := toJSON(nonNil(sub.Attributes))
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		done, err := affected(tx.Exec(`UPDATE subscriber SET email_address = $3, status = $4, attributes = $5, modified_at = $6, unsubscribed_at = $7
			WHERE eid = $1 AND id = $2 AND modified_at = $8`,
			int64(sub.Tenant), sub.ID, sub.Address, string(sub.Status), attributes, millis(sub.Modified), nullMillis(sub.Unsubscribed), millis(unmodifiedSince)))
		if err == nil && !done {
			return fault.New(fault.Conflict, tenant.CodeSubscriberExists, "The subscriber was changed by somebody else in the meantime.")
		}
		return err
	})
}

// DeleteSubscriber takes a subscriber off the list.
func (s *Sending) DeleteSubscriber(ctx context.Context, eid tenant.EID, key string) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		done, err := affected(tx.Exec(`DELETE FROM subscriber WHERE eid = $1 AND subscriber_key = $2`, int64(eid), key))
		if err == nil && !done {
			return fault.New(fault.NotFound, tenant.CodeNoSubscriber, "There is no such subscriber.")
		}
		return err
	})
}

// enrol puts the recipient of a message on All Subscribers and on the message's list, or gives the subscriber the
// message's address, as far as the definition allows. Of the message's attributes only those that the subscriber has
// already are kept: what else a request carries (a reset code, an amount) belongs to that message alone. It never changes
// a status: who unsubscribed stays so.
func enrol(tx *sqldb.Tx, d tenant.Definition, m tenant.Message) error {
	if !tenant.ValidAddress(m.To) {
		return nil
	}
	old, err := scanSubscriber(tx.QueryRow(`SELECT `+subscriberColumns+` FROM subscriber WHERE eid = $1 AND subscriber_key = $2`,
		int64(m.Tenant), m.SubscriberKey))
	switch {
	case fault.CodeOf(err) == tenant.CodeNoSubscriber:
		if !d.AutoAdd {
			return nil
		}
		// Should somebody else add the same key at this moment, his row stands; the next send updates it.
		fresh := false
		old.ID, fresh, err = addSubscriber(tx, tenant.Subscriber{
			Tenant: m.Tenant, Key: m.SubscriberKey, Address: m.To, Status: tenant.SubscriberActive,
			Created: m.Accepted, Modified: m.Accepted,
		})
		if err == nil && !fresh {
			err = tx.QueryRow(`SELECT id FROM subscriber WHERE eid = $1 AND subscriber_key = $2`, int64(m.Tenant), m.SubscriberKey).Scan(&old.ID)
		}
	case err == nil && d.AutoUpdate:
		err = renew(tx, old, m)
	}
	if err != nil || m.ListID == 0 || !d.AutoAdd {
		return err
	}
	return join(tx, m.Tenant, m.ListID, old.ID, m.Accepted)
}

// renew gives a subscriber the address of a message and its values of the attributes that he has.
func renew(tx *sqldb.Tx, old tenant.Subscriber, m tenant.Message) error {
	merged := tenant.KnownAttributes(old.Attributes, m.Attributes)
	if old.Address == m.To && maps.Equal(old.Attributes, merged) {
		return nil
	}
	attributes, err := toJSON(nonNil(merged))
	if err != nil {
		return err
	}
	_, err = tx.Exec(`UPDATE subscriber SET email_address = $3, attributes = $4, modified_at = $5 WHERE eid = $1 AND id = $2`,
		int64(m.Tenant), old.ID, m.To, attributes, max(millis(m.Accepted), millis(old.Modified)+1))
	return err
}

// nonNil makes the stored form of no attributes an object.
func nonNil(attributes map[string]string) map[string]string {
	if attributes == nil {
		return map[string]string{}
	}
	return attributes
}
