package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// The kinds of job that data extensions make. Package dataload has their handlers.
const (
	// JobLoad does an asynchronous request to write rows; its payload is a [LoadPayload].
	JobLoad = "engagement.data.load"
	// JobPurge removes the rows of a data extension that was taken away; its payload is a [PurgePayload].
	JobPurge = "engagement.data.purge"
)

// LoadPayload names the request of a JobLoad.
type LoadPayload struct {
	Tenant tenant.EID `json:"tenant"`
	MID    tenant.MID `json:"mid"`
	Load   string     `json:"load"`
}

// PurgePayload names the data extension of a JobPurge.
type PurgePayload struct {
	Tenant    tenant.EID `json:"tenant"`
	Extension string     `json:"extension"`
}

// Data implements tenant.DataExtensionStore on the tables of a Store.
type Data struct {
	db    *sqldb.DB
	queue *jobs.Queue
}

// NewData makes it on the database of a Store, whose jobs the queue must keep in the same database.
func NewData(db *sqldb.DB, queue *jobs.Queue) *Data { return &Data{db: db, queue: queue} }

const extensionColumns = `eid, mid, id, customer_key, name, description, is_sendable, send_field, send_subscriber_field, next_slot, row_count, created_at, modified_at`

// Extension reads a data extension with its fields.
func (s *Data) Extension(ctx context.Context, eid tenant.EID, mid tenant.MID, ref tenant.ExtensionRef) (tenant.DataExtension, error) {
	by, value := "id", ref.ID
	if ref.ID == "" {
		by, value = "key_fold", ref.Key
	}
	var d tenant.DataExtension
	var created, modified int64
	err := s.db.QueryRow(ctx, `SELECT `+extensionColumns+`, row_version FROM data_extension WHERE eid = $1 AND mid = $2 AND deleted_at = 0 AND `+by+` = $3`,
		int64(eid), int64(mid), fold(value)).
		Scan(&d.Tenant, &d.MID, &d.ID, &d.Key, &d.Name, &d.Description, &d.Sendable, &d.SendField, &d.SubscriberField, &d.NextSlot, &d.Rows, &created, &modified, &d.RowVersion)
	if errors.Is(err, sql.ErrNoRows) {
		return d, fault.New(fault.NotFound, tenant.CodeNoDataExtension, "There is no such data extension.")
	}
	if err != nil {
		return d, err
	}
	d.Created, d.Modified = timeOf(created), timeOf(modified)
	d.Fields, err = s.fields(ctx, d)
	return d, err
}

func (s *Data) fields(ctx context.Context, d tenant.DataExtension) (_ []tenant.DataField, err error) {
	rows, err := s.db.Query(ctx, `SELECT id, slot, name, ordinal, field_type, max_length, scale, is_primary_key, is_required, default_value
		FROM data_extension_field WHERE eid = $1 AND extension_id = $2 ORDER BY ordinal`, int64(d.Tenant), d.ID)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var list []tenant.DataField
	for rows.Next() {
		var f tenant.DataField
		if err := rows.Scan(&f.ID, &f.Slot, &f.Name, &f.Ordinal, &f.Type, &f.MaxLength, &f.Scale, &f.PrimaryKey, &f.Required, &f.Default); err != nil {
			return nil, err
		}
		list = append(list, f)
	}
	return list, rows.Err()
}

// CreateExtension stores a new data extension.
func (s *Data) CreateExtension(ctx context.Context, d tenant.DataExtension) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		var n int
		if err := tx.QueryRow(`SELECT COUNT(*) FROM data_extension WHERE eid = $1 AND deleted_at = 0`, int64(d.Tenant)).Scan(&n); err != nil {
			return err
		}
		if n >= tenant.MaxDataExtensions {
			return fault.New(fault.Conflict, tenant.CodeInvalidDataExtension, "The account has %d data extensions, which is the most there can be.", n)
		}
		fresh, err := affected(tx.Exec(`INSERT INTO data_extension (`+extensionColumns+`, key_fold) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, $11, $12, $13) ON CONFLICT DO NOTHING`,
			int64(d.Tenant), int64(d.MID), d.ID, d.Key, d.Name, d.Description, bit(d.Sendable), d.SendField, d.SubscriberField, d.NextSlot,
			millis(d.Created), millis(d.Modified), fold(d.Key)))
		if err == nil && !fresh {
			return fault.New(fault.Conflict, tenant.CodeDataExtensionExists, "A data extension with this customer key exists already.").In("CustomerKey")
		}
		if err != nil {
			return err
		}
		return putFields(tx, d)
	})
}

// putFields stores the fields of a data extension that has none.
func putFields(tx *sqldb.Tx, d tenant.DataExtension) error {
	for _, f := range d.Fields {
		if _, err := tx.Exec(`INSERT INTO data_extension_field (eid, extension_id, ordinal, id, slot, name, name_fold, field_type, max_length, scale, is_primary_key, is_required, default_value)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
			int64(d.Tenant), d.ID, f.Ordinal, f.ID, f.Slot, f.Name, fold(f.Name), string(f.Type), f.MaxLength, f.Scale, bit(f.PrimaryKey), bit(f.Required), f.Default); err != nil {
			return err
		}
	}
	return nil
}

// changedMeanwhile is the refusal of a write that rests on what is no longer so.
func changedMeanwhile(what string) error {
	return fault.New(fault.Conflict, tenant.CodeChangedMeanwhile, "The %s was changed by somebody else in the meantime.", what)
}

// UpdateExtension stores d and its fields over the one with its ID.
func (s *Data) UpdateExtension(ctx context.Context, d tenant.DataExtension, unmodifiedSince time.Time) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		// The rules looked at whether there are rows, so their number must still be the same.
		done, err := affected(tx.Exec(`UPDATE data_extension SET name = $3, description = $4, is_sendable = $5, send_field = $6, send_subscriber_field = $7, next_slot = $8, modified_at = $9
			WHERE eid = $1 AND id = $2 AND modified_at = $10 AND deleted_at = 0 AND (row_count = 0 OR $11 > 0)`,
			int64(d.Tenant), d.ID, d.Name, d.Description, bit(d.Sendable), d.SendField, d.SubscriberField, d.NextSlot, millis(d.Modified), millis(unmodifiedSince), d.Rows))
		if err != nil {
			return err
		}
		if !done {
			return changedMeanwhile("data extension")
		}
		if _, err := tx.Exec(`DELETE FROM data_extension_field WHERE eid = $1 AND extension_id = $2`, int64(d.Tenant), d.ID); err != nil {
			return err
		}
		return putFields(tx, d)
	})
}

// DeleteExtension takes a data extension out of sight and queues the removal of its rows.
func (s *Data) DeleteExtension(ctx context.Context, d tenant.DataExtension, now time.Time) error {
	payload, err := json.Marshal(PurgePayload{Tenant: d.Tenant, Extension: d.ID})
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		// Keys hold no slash, so the key of what is gone is nobody's.
		done, err := affected(tx.Exec(`UPDATE data_extension SET deleted_at = $3, key_fold = $4 WHERE eid = $1 AND id = $2 AND deleted_at = 0`,
			int64(d.Tenant), d.ID, max(millis(now), 1), "/"+d.ID))
		if err != nil {
			return err
		}
		if !done {
			return fault.New(fault.NotFound, tenant.CodeNoDataExtension, "There is no such data extension.")
		}
		_, err = s.queue.Enqueue(tx, jobs.Job{Kind: JobPurge, UniqueKey: JobPurge + "/" + d.ID, Payload: payload})
		return err
	})
}

// purgeBatch is how many rows one transaction removes.
const purgeBatch = 200

// Purge removes what is left of a data extension that was taken away, a batch in each transaction; more says whether there
// is any left.
func (s *Data) Purge(ctx context.Context, p PurgePayload) (more bool, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		more, err = affected(tx.Exec(`DELETE FROM data_extension_row WHERE eid = $1 AND extension_id = $2 AND row_key IN
			(SELECT r.row_key FROM data_extension_row r JOIN data_extension d ON d.eid = r.eid AND d.id = r.extension_id
			 WHERE r.eid = $1 AND r.extension_id = $2 AND d.deleted_at > 0 LIMIT $3)`, int64(p.Tenant), p.Extension, purgeBatch))
		if err != nil || more {
			return err
		}
		_, err = tx.Exec(`DELETE FROM data_extension WHERE eid = $1 AND id = $2 AND deleted_at > 0`, int64(p.Tenant), p.Extension)
		return err
	})
	return more, err
}
