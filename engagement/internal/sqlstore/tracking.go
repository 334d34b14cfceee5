package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/internal/vault/datakeys"
)

func houseKeyAAD(name string) []byte { return []byte("house_key:sealed:" + name) }

// Sealed are the columns whose values are sealed.
func Sealed() []datakeys.Place {
	return []datakeys.Place{{
		Table: "house_key", Column: "sealed", Key: []string{"name"},
		AAD: func(r []any) []byte {
			name, _ := r[0].(string)
			return houseKeyAAD(name)
		},
	}}
}

// HouseKey returns the key of the name, sealed by the vault; the first call keeps fresh, 32 random bytes, as that key. A
// key that the vault cannot open is an Internal fault with tenant.CodeKeyCorrupt.
func (s *Store) HouseKey(ctx context.Context, v *vault.Vault, name string, fresh []byte) ([]byte, error) {
	aad := houseKeyAAD(name)
	sealed, err := v.Seal(fresh, aad)
	if err != nil {
		return nil, fmt.Errorf("sealing the key %s: %w", name, err)
	}
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if _, err := tx.Exec(`INSERT INTO house_key (name, sealed) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`, name, sealed); err != nil {
			return err
		}
		return tx.QueryRow(`SELECT sealed FROM house_key WHERE name = $1`, name).Scan(&sealed)
	})
	if err != nil {
		return nil, err
	}
	key, err := v.Open(sealed, aad)
	if err != nil {
		return nil, fault.Wrap(err, fault.Internal, tenant.CodeKeyCorrupt,
			"The key of the %s, sealed under --key-file, cannot be opened: the key file is another one, or the database was changed.", name)
	}
	return key, nil
}

// MessageByID reads one message.
func (s *Sending) MessageByID(ctx context.Context, m tenant.MessageRef) (tenant.Message, error) {
	return scanMessage(s.db.QueryRow(ctx, `SELECT `+messageColumns+` FROM message WHERE eid = $1 AND id = $2`, int64(m.Tenant), m.ID))
}

// tracked locks a message for the transaction and reads it, so that two reports about it come one after the other.
func tracked(tx *sqldb.Tx, m tenant.MessageRef) (tenant.Message, error) {
	return scanMessage(tx.QueryRow(`UPDATE message SET state = state WHERE eid = $1 AND id = $2 RETURNING `+messageColumns, int64(m.Tenant), m.ID))
}

// putEvent keeps an event of the message.
func (s *Sending) putEvent(tx *sqldb.Tx, m tenant.Message, e tenant.Event) error {
	_, err := tx.Exec(`INSERT INTO tracking_event (eid, id, mid, kind, message_id, definition_id, subscriber_key, send_id, url, bounce, smtp_code, smtp_reason, happened_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		int64(m.Tenant), s.serials.Next(), int64(m.MID), string(e.Kind), m.ID, m.DefinitionID, m.SubscriberKey, m.SendID, e.URL,
		string(e.Bounce.Kind), e.Bounce.Code, e.Bounce.Reason, millis(e.At))
	return err
}

// countEvents tells how many events of the kind the message has.
func countEvents(tx *sqldb.Tx, m tenant.Message, kind tenant.EventKind) (n int, err error) {
	err = tx.QueryRow(`SELECT COUNT(*) FROM tracking_event WHERE eid = $1 AND message_id = $2 AND kind = $3`,
		int64(m.Tenant), m.ID, string(kind)).Scan(&n)
	return n, err
}

// AddEvent keeps an open or a click.
func (s *Sending) AddEvent(ctx context.Context, e tenant.Event) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		m, err := tracked(tx, e.MessageRef)
		if err != nil {
			return err
		}
		n, err := countEvents(tx, m, e.Kind)
		if err != nil || n >= tenant.MaxEvents {
			return err
		}
		if err := s.putEvent(tx, m, e); err != nil {
			return err
		}
		_, err = tx.Exec(`UPDATE subscriber SET status = $3, modified_at = CASE WHEN modified_at < $4 THEN $4 ELSE modified_at + 1 END
			WHERE eid = $1 AND subscriber_key = $2 AND status = $5`,
			int64(m.Tenant), m.SubscriberKey, string(tenant.SubscriberActive), millis(e.At), string(tenant.SubscriberBounced))
		return err
	})
}

// AddBounce keeps the first bounce of a message.
func (s *Sending) AddBounce(ctx context.Context, e tenant.Event) (bool, error) {
	var done bool
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		done = false
		m, err := tracked(tx, e.MessageRef)
		if err != nil {
			return err
		}
		n, err := countEvents(tx, m, tenant.EventBounce)
		if err != nil || n > 0 {
			return err
		}
		done = true
		return s.bounce(tx, m, e)
	})
	return done, err
}

// bounce keeps the event and what it makes of the subscriber.
func (s *Sending) bounce(tx *sqldb.Tx, m tenant.Message, e tenant.Event) error {
	if e.Bounce.Kind == tenant.BounceHard {
		sub, err := scanSubscriber(tx.QueryRow(`SELECT `+subscriberColumns+` FROM subscriber WHERE eid = $1 AND subscriber_key = $2`, int64(m.Tenant), m.SubscriberKey))
		if err != nil && fault.CodeOf(err) != tenant.CodeNoSubscriber {
			return err
		}
		if err == nil {
			earlier, err := hardBounces(tx, m)
			if err != nil {
				return err
			}
			if status := tenant.StatusAfterBounce(sub.Status, earlier, e.At); status != sub.Status {
				if err := setStatus(tx, sub, status, e.At); err != nil {
					return err
				}
			}
		}
	}
	return s.putEvent(tx, m, e)
}

// hardBounces are the times of the subscriber's hard bounces since his last open or click, oldest first.
func hardBounces(tx *sqldb.Tx, m tenant.Message) (_ []time.Time, err error) {
	rows, err := tx.Query(`SELECT happened_at FROM tracking_event WHERE eid = $1 AND subscriber_key = $2 AND kind = $3 AND bounce = $4
		AND id > COALESCE((SELECT MAX(id) FROM tracking_event WHERE eid = $1 AND subscriber_key = $2 AND kind IN ($5, $6)), 0)
		ORDER BY happened_at LIMIT 50`,
		int64(m.Tenant), m.SubscriberKey, string(tenant.EventBounce), string(tenant.BounceHard), string(tenant.EventOpen), string(tenant.EventClick))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var times []time.Time
	for rows.Next() {
		var at int64
		if err := rows.Scan(&at); err != nil {
			return nil, err
		}
		times = append(times, timeOf(at))
	}
	return times, rows.Err()
}

// setStatus gives a subscriber another standing; the time of modification moves with it, as every change of his does.
func setStatus(tx *sqldb.Tx, sub tenant.Subscriber, status tenant.SubscriberStatus, now time.Time) error {
	unsubscribed := nullMillis(sub.Unsubscribed)
	if status == tenant.SubscriberUnsubscribed {
		unsubscribed = sql.NullInt64{Int64: millis(now), Valid: true}
	}
	_, err := tx.Exec(`UPDATE subscriber SET status = $3, unsubscribed_at = $4, modified_at = $5 WHERE eid = $1 AND id = $2`,
		int64(sub.Tenant), sub.ID, string(status), unsubscribed, max(millis(now), millis(sub.Modified)+1))
	return err
}

// Unsubscribe takes the message's subscriber off.
func (s *Sending) Unsubscribe(ctx context.Context, e tenant.Event) (bool, error) {
	var done bool
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		done = false
		m, err := tracked(tx, e.MessageRef)
		if err != nil {
			return err
		}
		sub, err := scanSubscriber(tx.QueryRow(`SELECT `+subscriberColumns+` FROM subscriber WHERE eid = $1 AND subscriber_key = $2`, int64(m.Tenant), m.SubscriberKey))
		switch {
		case fault.CodeOf(err) == tenant.CodeNoSubscriber, err == nil && sub.Status == tenant.SubscriberUnsubscribed:
			return nil
		case err != nil:
			return err
		}
		if err := setStatus(tx, sub, tenant.SubscriberUnsubscribed, e.At); err != nil {
			return err
		}
		done = true
		return s.putEvent(tx, m, e)
	})
	return done, err
}
