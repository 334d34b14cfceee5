package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// Sending implements the store roles of what a tenant sends (DefinitionStore, SendStore, DeliveryStore, SubscriberStore,
// RetrieveStore, TrackingStore, QueueStore, ForsakenStore) on the tables of a Store, and gives accepted messages to the queue in the transaction that stores them.
type Sending struct {
	db    *sqldb.DB
	queue *jobs.Queue
	// serials number events.
	serials *tenant.Serials
}

// NewSending makes it on the database of a Store, whose jobs the queue must keep in the same database.
func NewSending(db *sqldb.DB, queue *jobs.Queue) *Sending {
	return &Sending{db: db, queue: queue, serials: tenant.NewSerials(nil)}
}

const senderColumns = `eid, mid, kind, domain, from_name, is_default, is_sendable, created_at, verified_at`

// PutSender stores a verified sender in the caller's transaction, over the one of the same address or domain.
func PutSender(tx *sqldb.Tx, s tenant.VerifiedSender) error {
	verified := s.Verified
	if verified.IsZero() && s.Sendable {
		verified = s.Created // who may be used has been proven when it was made
	}
	_, err := tx.Exec(`
		INSERT INTO verified_sender (eid, domain_fold, mid, kind, domain, from_name, is_default, is_sendable, created_at, verified_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (eid, domain_fold) DO UPDATE SET kind = excluded.kind, domain = excluded.domain,
			from_name = excluded.from_name, is_default = excluded.is_default, is_sendable = excluded.is_sendable,
			verified_at = excluded.verified_at`,
		int64(s.Tenant), fold(s.Domain), int64(s.MID), string(s.Kind), s.Domain, s.FromName, bit(s.Default), bit(s.Sendable), millis(s.Created), millis(verified))
	return err
}

// PutDefinition stores a definition in the caller's transaction, over the one of the same business unit and key; an ID
// left empty is made here. The email that it names must be stored before.
func PutDefinition(tx *sqldb.Tx, d tenant.Definition) error {
	if err := d.Validate(); err != nil {
		return err
	}
	if err := partsExist(tx, d); err != nil {
		return err
	}
	if d.ID == "" {
		d.ID = tenant.NewGUID()
	}
	_, err := tx.Exec(insertDefinition+`
		ON CONFLICT (eid, mid, key_fold) WHERE status <> 'Deleted' DO UPDATE SET name = excluded.name,
			description = excluded.description, classification = excluded.classification, status = excluded.status,
			email_key = excluded.email_key, email_key_fold = excluded.email_key_fold, list_key = excluded.list_key, from_name = excluded.from_name,
			from_address = excluded.from_address, auto_add = excluded.auto_add, auto_update = excluded.auto_update,
			track_links = excluded.track_links, modified_at = excluded.modified_at`, definitionArgs(d)...)
	return err
}

const definitionColumns = `eid, mid, id, definition_key, name, description, classification, status, email_key, list_key,
	from_name, from_address, auto_add, auto_update, track_links, created_at, modified_at`

const insertDefinition = `
	INSERT INTO send_definition (eid, mid, id, definition_key, key_fold, name, description, classification, status, email_key,
		email_key_fold, list_key, from_name, from_address, auto_add, auto_update, track_links, created_at, modified_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)`

func definitionArgs(d tenant.Definition) []any {
	return []any{
		int64(d.Tenant), int64(d.MID), d.ID, d.Key, fold(d.Key), d.Name, d.Description, d.Classification, string(d.Status),
		d.EmailKey, fold(d.EmailKey), d.ListKey, d.FromName, d.FromAddress, bit(d.AutoAdd), bit(d.AutoUpdate), bit(d.TrackLinks),
		millis(d.Created), millis(d.Modified),
	}
}

func scanDefinition(row interface{ Scan(...any) error }) (tenant.Definition, error) {
	var d tenant.Definition
	var created, modified int64
	err := row.Scan(&d.Tenant, &d.MID, &d.ID, &d.Key, &d.Name, &d.Description, &d.Classification, &d.Status, &d.EmailKey, &d.ListKey,
		&d.FromName, &d.FromAddress, &d.AutoAdd, &d.AutoUpdate, &d.TrackLinks, &created, &modified)
	if errors.Is(err, sql.ErrNoRows) {
		return d, fault.New(fault.NotFound, tenant.CodeNoDefinition, "There is no such send definition.")
	}
	d.Created, d.Modified = timeOf(created), timeOf(modified)
	return d, err
}

// DefinitionByKey reads the business unit's definition with the key, in any case, that is not deleted.
func (s *Sending) DefinitionByKey(ctx context.Context, eid tenant.EID, mid tenant.MID, key string) (tenant.Definition, error) {
	return scanDefinition(s.db.QueryRow(ctx, `SELECT `+definitionColumns+` FROM send_definition
		WHERE eid = $1 AND mid = $2 AND key_fold = $3 AND status <> 'Deleted'`, int64(eid), int64(mid), fold(key)))
}

// DefinitionByID reads the business unit's definition with the GUID that is not deleted.
func (s *Sending) DefinitionByID(ctx context.Context, eid tenant.EID, mid tenant.MID, id string) (tenant.Definition, error) {
	return scanDefinition(s.db.QueryRow(ctx, `SELECT `+definitionColumns+` FROM send_definition
		WHERE eid = $1 AND id = $2 AND mid = $3 AND status <> 'Deleted'`, int64(eid), fold(id), int64(mid)))
}

// Definitions reads one page, newest first, and the number of all.
func (s *Sending) Definitions(ctx context.Context, q tenant.DefinitionQuery) (_ []tenant.Definition, _ int, err error) {
	where := ` FROM send_definition WHERE eid = $1 AND mid = $2`
	args := []any{int64(q.Tenant), int64(q.MID)}
	if len(q.Status) == 0 {
		where += ` AND status <> 'Deleted'`
	} else {
		marks := make([]string, len(q.Status))
		for i, st := range q.Status {
			args = append(args, string(st))
			marks[i] = fmt.Sprintf("$%d", len(args))
		}
		where += ` AND status IN (` + strings.Join(marks, ", ") + `)`
	}
	var total int
	if err := s.db.QueryRow(ctx, `SELECT COUNT(*)`+where, args...).Scan(&total); err != nil {
		return nil, 0, err
	}
	n := len(args)
	rows, err := s.db.Query(ctx, fmt.Sprintf(`SELECT %s%s ORDER BY created_at DESC, id LIMIT $%d OFFSET $%d`, definitionColumns, where, n+1, n+2),
		append(args, q.Limit, q.Offset)...)
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var list []tenant.Definition
	for rows.Next() {
		d, err := scanDefinition(rows)
		if err != nil {
			return nil, 0, err
		}
		list = append(list, d)
	}
	return list, total, rows.Err()
}

// CreateDefinition stores a new definition.
func (s *Sending) CreateDefinition(ctx context.Context, d tenant.Definition) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := partsExist(tx, d); err != nil {
			return err
		}
		fresh, err := affected(tx.Exec(insertDefinition+` ON CONFLICT DO NOTHING`, definitionArgs(d)...))
		if err == nil && !fresh {
			return fault.New(fault.Conflict, tenant.CodeDefinitionExists, "A definition with this key exists already.").In("definitionKey")
		}
		return err
	})
}

// UpdateDefinition stores d over the row with its ID if that was last modified at the given time, and asks for the release
// of messages that wait when d is active.
func (s *Sending) UpdateDefinition(ctx context.Context, d tenant.Definition, unmodifiedSince time.Time) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if d.Status != tenant.DefinitionDeleted {
			if err := partsExist(tx, d); err != nil {
				return err
			}
		}
		done, err := affected(tx.Exec(`
			UPDATE send_definition SET name = $3, description = $4, classification = $5, status = $6, email_key = $7, email_key_fold = $8,
				list_key = $9, from_name = $10, from_address = $11, auto_add = $12, auto_update = $13, track_links = $14, modified_at = $15
			WHERE eid = $1 AND id = $2 AND modified_at = $16 AND status <> 'Deleted'`,
			int64(d.Tenant), d.ID, d.Name, d.Description, d.Classification, string(d.Status), d.EmailKey, fold(d.EmailKey), d.ListKey,
			d.FromName, d.FromAddress, bit(d.AutoAdd), bit(d.AutoUpdate), bit(d.TrackLinks), millis(d.Modified), millis(unmodifiedSince)))
		switch {
		case err != nil:
			return err
		case !done:
			return fault.New(fault.Conflict, tenant.CodeDefinitionExists, "The definition was changed by somebody else in the meantime.")
		case d.Status == tenant.DefinitionInactive:
			return nil
		}
		// Active: they go out. Deleted or canceled: they are refused. Either way they stop waiting.
		return s.enqueueRelease(tx, d)
	})
}

// partsExist refuses a definition whose email, list or send classification is not there.
func partsExist(tx *sqldb.Tx, d tenant.Definition) error {
	var one int
	err := tx.QueryRow(`SELECT 1 FROM email WHERE eid = $1 AND mid = $2 AND key_fold = $3`, int64(d.Tenant), int64(d.MID), fold(d.EmailKey)).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return fault.New(fault.Invalid, tenant.CodeInvalidDefinition, "No email has the customer key of the definition's content.").In("content.customerKey")
	}
	if err != nil {
		return err
	}
	if _, err := definitionList(tx, d); err != nil {
		return err
	}
	return classificationExists(tx, d)
}

// SendersFor reads the verified senders that could cover the address, and the default one.
func (s *Sending) SendersFor(ctx context.Context, eid tenant.EID, address string) ([]tenant.VerifiedSender, error) {
	return readSenders(s.db.Query(ctx, sendersQuery, int64(eid), fold(address), tenant.Domain(address)))
}

const sendersQuery = `SELECT ` + senderColumns + ` FROM verified_sender
	WHERE eid = $1 AND (domain_fold = $2 OR domain_fold = $3 OR is_default = 1)`

// Senders lists the tenant's verified senders by name: at most limit, leaving out the first skip of them. count is how
// many there are.
func (s *Sending) Senders(ctx context.Context, eid tenant.EID, skip, limit int) (list []tenant.VerifiedSender, count int, err error) {
	if err := s.db.QueryRow(ctx, `SELECT COUNT(*) FROM verified_sender WHERE eid = $1`, int64(eid)).Scan(&count); err != nil {
		return nil, 0, err
	}
	list, err = readSenders(s.db.Query(ctx, `SELECT `+senderColumns+` FROM verified_sender
		WHERE eid = $1 ORDER BY domain_fold LIMIT $2 OFFSET $3`, int64(eid), limit, skip))
	return list, count, err
}

func readSenders(rows *sql.Rows, err error) (_ []tenant.VerifiedSender, failed error) {
	if err != nil {
		return nil, err
	}
	defer func() { failed = errors.Join(failed, rows.Close()) }()
	var list []tenant.VerifiedSender
	for rows.Next() {
		var v tenant.VerifiedSender
		var created, verified int64
		if err := rows.Scan(&v.Tenant, &v.MID, &v.Kind, &v.Domain, &v.FromName, &v.Default, &v.Sendable, &created, &verified); err != nil {
			return nil, err
		}
		v.Created, v.Verified = timeOf(created), timeOf(verified)
		list = append(list, v)
	}
	return list, rows.Err()
}
