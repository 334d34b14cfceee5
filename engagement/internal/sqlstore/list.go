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

const listColumns = `eid, mid, id, object_id, customer_key, name, description, list_type, created_at, modified_at`

// ListBy reads a list of the business unit.
func (s *Sending) ListBy(ctx context.Context, eid tenant.EID, mid tenant.MID, ref tenant.ListRef) (tenant.List, error) {
	by, value := "key_fold", any(fold(ref.Key))
	switch {
	case ref.ID != 0:
		by, value = "id", ref.ID
	case ref.ObjectID != "":
		by, value = "object_id", fold(ref.ObjectID)
	}
	var l tenant.List
	var created, modified int64
	err := s.db.QueryRow(ctx, `SELECT `+listColumns+` FROM subscriber_list WHERE eid = $1 AND mid = $2 AND `+by+` = $3`, int64(eid), int64(mid), value).
		Scan(&l.Tenant, &l.MID, &l.ID, &l.ObjectID, &l.Key, &l.Name, &l.Description, &l.Type, &created, &modified)
	if errors.Is(err, sql.ErrNoRows) {
		return l, fault.New(fault.NotFound, tenant.CodeNoList, "The list does not exist.").In("Lists")
	}
	l.Created, l.Modified = timeOf(created), timeOf(modified)
	return l, err
}

// definitionList is the number of the definition's list; 0 for All Subscribers.
func definitionList(tx *sqldb.Tx, d tenant.Definition) (int64, error) {
	if strings.EqualFold(d.ListKey, tenant.AllSubscribers) {
		return 0, nil
	}
	var id int64
	err := tx.QueryRow(`SELECT id FROM subscriber_list WHERE eid = $1 AND mid = $2 AND key_fold = $3`, int64(d.Tenant), int64(d.MID), fold(d.ListKey)).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, fault.New(fault.Invalid, tenant.CodeInvalidDefinition, "There is no list %q.", clip(d.ListKey)).In("subscriptions.list")
	}
	return id, err
}

// join puts a subscriber on a list as Active, unless he is on it: a standing there is never changed by a send.
func join(tx *sqldb.Tx, eid tenant.EID, list, subscriber int64, now time.Time) error {
	_, err := tx.Exec(`INSERT INTO list_subscriber (eid, list_id, subscriber_id, status, created_at, modified_at) VALUES ($1, $2, $3, $4, $5, $5)
		ON CONFLICT (eid, list_id, subscriber_id) DO NOTHING`, int64(eid), list, subscriber, string(tenant.SubscriberActive), millis(now))
	return err
}

func listExists(cause error) error {
	return fault.Wrap(cause, fault.Conflict, tenant.CodeListExists, "A list with this customer key exists already.").In("CustomerKey")
}

// CreateList stores a new list and gives it a number.
func (s *Sending) CreateList(ctx context.Context, l tenant.List) (tenant.List, error) {
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := room(tx, "subscriber_list", l.Tenant, tenant.MaxLists, tenant.CodeInvalidList, "lists"); err != nil {
			return err
		}
		return withNumber(0, func(id int64) (bool, error) {
			l.ID = id
			return affected(tx.Exec(`INSERT INTO subscriber_list (`+listColumns+`, key_fold) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (eid, id) DO NOTHING`,
				int64(l.Tenant), int64(l.MID), l.ID, l.ObjectID, l.Key, l.Name, l.Description, l.Type, millis(l.Created), millis(l.Modified), fold(l.Key)))
		})
	})
	if sqldb.IsUnique(err) {
		err = listExists(err)
	}
	return l, err
}

// UpdateList stores a list over the one with its number.
func (s *Sending) UpdateList(ctx context.Context, l tenant.List, unmodifiedSince time.Time) error {
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		done, err := affected(tx.Exec(`UPDATE subscriber_list SET customer_key = $3, key_fold = $4, name = $5, description = $6, list_type = $7, modified_at = $8
			WHERE eid = $1 AND id = $2 AND modified_at = $9`,
			int64(l.Tenant), l.ID, l.Key, fold(l.Key), l.Name, l.Description, l.Type, millis(l.Modified), millis(unmodifiedSince)))
		if err == nil && !done {
			return changedMeanwhile("list")
		}
		return err
	})
	if sqldb.IsUnique(err) {
		err = listExists(err)
	}
	return err
}

// DeleteList takes away a list that no definition sends to.
func (s *Sending) DeleteList(ctx context.Context, l tenant.List) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		done, err := affected(tx.Exec(`DELETE FROM subscriber_list WHERE eid = $1 AND id = $2 AND NOT EXISTS
			(SELECT 1 FROM send_definition d WHERE d.eid = subscriber_list.eid AND d.mid = subscriber_list.mid AND d.status <> 'Deleted'
			 AND lower(d.list_key) = subscriber_list.key_fold)`, int64(l.Tenant), l.ID))
		if err == nil && !done {
			return fault.New(fault.Conflict, tenant.CodeListUsed, "A triggered send definition sends to the list.")
		}
		return err
	})
}

// SetMember puts a subscriber on a list, or takes it off.
func (s *Sending) SetMember(ctx context.Context, eid tenant.EID, subscriber int64, c tenant.MemberChange, now time.Time) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if c.Remove {
			_, err := tx.Exec(`DELETE FROM list_subscriber WHERE eid = $1 AND list_id = $2 AND subscriber_id = $3`, int64(eid), c.List, subscriber)
			return err
		}
		status := c.Status
		if status == "" {
			status = tenant.SubscriberActive
		}
		fresh, err := affected(tx.Exec(`INSERT INTO list_subscriber (eid, list_id, subscriber_id, status, created_at, modified_at) VALUES ($1, $2, $3, $4, $5, $5)
			ON CONFLICT (eid, list_id, subscriber_id) DO NOTHING`, int64(eid), c.List, subscriber, string(status), millis(now)))
		switch {
		case err != nil || fresh:
			return err
		case c.Fresh:
			return fault.New(fault.Conflict, tenant.CodeSubscriberExists, "The subscriber is already on the list")
		case c.Status == "":
			return nil
		}
		_, err = tx.Exec(`UPDATE list_subscriber SET status = $4, modified_at = $5 WHERE eid = $1 AND list_id = $2 AND subscriber_id = $3`,
			int64(eid), c.List, subscriber, string(c.Status), millis(now))
		return err
	})
}
