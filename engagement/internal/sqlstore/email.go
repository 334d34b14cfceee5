package sqlstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// PutEmail stores the email in the caller's transaction, over the one of the same business unit and customer key where
// there is one; an ID or ObjectID left empty is made here.
func PutEmail(tx *sqldb.Tx, e tenant.Email) error {
	if err := e.Validate(); err != nil {
		return err
	}
	if e.ObjectID == "" {
		e.ObjectID = tenant.NewGUID()
	}
	known, err := affected(tx.Exec(`UPDATE email SET name = $4, subject = $5, pre_header = $6, html_body = $7, text_body = $8, modified_at = $9,
		html_bytes = $10, text_bytes = $11 WHERE eid = $1 AND mid = $2 AND key_fold = $3`,
		int64(e.Tenant), int64(e.MID), fold(e.CustomerKey), e.Name, e.Subject, e.PreHeader, e.HTML, e.Text, millis(e.Modified), len(e.HTML), len(e.Text)))
	if known || err != nil {
		return err
	}
	return withNumber(e.ID, func(id int64) (bool, error) {
		e.ID = id
		return insertEmail(tx, e)
	})
}

// insertEmail stores a new email; false where its number is taken.
func insertEmail(tx *sqldb.Tx, e tenant.Email) (bool, error) {
	return affected(tx.Exec(`
		INSERT INTO email (eid, mid, id, object_id, customer_key, key_fold, name, subject, pre_header, html_body, text_body, created_at, modified_at,
			html_bytes, text_bytes)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) ON CONFLICT (eid, id) DO NOTHING`,
		int64(e.Tenant), int64(e.MID), e.ID, e.ObjectID, e.CustomerKey, fold(e.CustomerKey), e.Name, e.Subject, e.PreHeader,
		e.HTML, e.Text, millis(e.Created), millis(e.Modified), len(e.HTML), len(e.Text)))
}

const emailColumns = `eid, mid, id, object_id, customer_key, name, subject, pre_header, html_body, text_body, created_at, modified_at`

func scanEmail(row interface{ Scan(...any) error }) (tenant.Email, error) {
	var e tenant.Email
	var created, modified int64
	err := row.Scan(&e.Tenant, &e.MID, &e.ID, &e.ObjectID, &e.CustomerKey, &e.Name, &e.Subject, &e.PreHeader, &e.HTML, &e.Text,
		&created, &modified)
	e.Created, e.Modified = timeOf(created), timeOf(modified)
	return e, err
}

// fold is the form in which keys are compared. Go folds, not the database, so that both engines agree.
func fold(key string) string { return strings.ToLower(key) }

// affected reports whether a statement changed a row.
func affected(res interface{ RowsAffected() (int64, error) }, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// withNumber runs insert with the id, or, for 0, with random ids of nine digits until one is free: insert reports false
// when the id was taken. The numbers are what SOAP calls ID, an int of 32 bits in every SDK.
func withNumber(id int64, insert func(id int64) (bool, error)) error {
	for range 20 {
		try := id
		if try == 0 {
			try = randomNumber()
		}
		done, err := insert(try)
		if done || err != nil {
			return err
		}
	}
	return fmt.Errorf("no free id was found in 20 tries")
}

// randomNumber is an evenly spread number of nine digits.
func randomNumber() int64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand since Go 1.24)
	return 100_000_000 + int64(binary.BigEndian.Uint64(b[:])%900_000_000)
}

// EmailBy reads an email of the business unit.
func (s *Sending) EmailBy(ctx context.Context, eid tenant.EID, mid tenant.MID, ref tenant.EmailRef) (tenant.Email, error) {
	by, value := "key_fold", any(fold(ref.Key))
	switch {
	case ref.ID != 0:
		by, value = "id", ref.ID
	case ref.ObjectID != "":
		by, value = "object_id", fold(ref.ObjectID)
	}
	e, err := scanEmail(s.db.QueryRow(ctx, `SELECT `+emailColumns+` FROM email WHERE eid = $1 AND mid = $2 AND `+by+` = $3`, int64(eid), int64(mid), value))
	if errors.Is(err, sql.ErrNoRows) {
		return e, fault.New(fault.NotFound, tenant.CodeNoEmail, "There is no such email.")
	}
	return e, err
}

// EmailHeads reads a page of emails without their content. The statement names what the index email_head holds and
// nothing else, so that no body is read.
func (s *Sending) EmailHeads(ctx context.Context, eid tenant.EID, mid tenant.MID, after int64, limit int) (_ []tenant.EmailHead, err error) {
	rows, err := s.db.Query(ctx, `SELECT eid, mid, id, object_id, customer_key, name, html_bytes, text_bytes, created_at, modified_at
		FROM email WHERE eid = $1 AND mid = $2 AND id > $3 ORDER BY id LIMIT $4`, int64(eid), int64(mid), after, limit)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var list []tenant.EmailHead
	for rows.Next() {
		var e tenant.EmailHead
		var created, modified int64
		if err := rows.Scan(&e.Tenant, &e.MID, &e.ID, &e.ObjectID, &e.CustomerKey, &e.Name, &e.HTMLBytes, &e.TextBytes, &created, &modified); err != nil {
			return nil, err
		}
		e.Created, e.Modified = timeOf(created), timeOf(modified)
		list = append(list, e)
	}
	return list, rows.Err()
}

// EmailsByID reads emails of the business unit by their numbers, in the order of these.
func (s *Sending) EmailsByID(ctx context.Context, eid tenant.EID, mid tenant.MID, ids []int64) (_ []tenant.Email, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	q := query{args: []any{int64(eid), int64(mid)}}
	marks := make([]string, len(ids))
	for i, id := range ids {
		marks[i] = q.arg(id)
	}
	rows, err := s.db.Query(ctx, `SELECT `+emailColumns+` FROM email WHERE eid = $1 AND mid = $2 AND id IN (`+strings.Join(marks, ", ")+`) ORDER BY id`, q.args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var list []tenant.Email
	for rows.Next() {
		e, err := scanEmail(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, rows.Err()
}

// CreateEmail stores a new email and gives it a number.
func (s *Sending) CreateEmail(ctx context.Context, e tenant.Email) (tenant.Email, error) {
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := room(tx, "email", e.Tenant, tenant.MaxEmails, tenant.CodeInvalidEmail, "emails"); err != nil {
			return err
		}
		var one int
		err := tx.QueryRow(`SELECT 1 FROM email WHERE eid = $1 AND mid = $2 AND key_fold = $3`, int64(e.Tenant), int64(e.MID), fold(e.CustomerKey)).Scan(&one)
		if err == nil {
			return fault.New(fault.Conflict, tenant.CodeEmailExists, "An email with this customer key exists already.").In("CustomerKey")
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		return withNumber(0, func(id int64) (bool, error) {
			e.ID = id
			return insertEmail(tx, e)
		})
	})
	if sqldb.IsUnique(err) { // somebody else took the key at this moment
		err = fault.Wrap(err, fault.Conflict, tenant.CodeEmailExists, "An email with this customer key exists already.").In("CustomerKey")
	}
	return e, err
}

// room refuses what would be one more of a thing than a tenant can have.
func room(tx *sqldb.Tx, table string, eid tenant.EID, most int, code fault.Code, what string) error {
	var n int
	if err := tx.QueryRow(`SELECT COUNT(*) FROM `+table+` WHERE eid = $1`, int64(eid)).Scan(&n); err != nil {
		return err
	}
	if n >= most {
		return fault.New(fault.Conflict, code, "The account has %d %s, which is the most there can be.", n, what)
	}
	return nil
}

// UpdateEmail stores an email over the one with its number. Definitions that send it under its old key keep it.
func (s *Sending) UpdateEmail(ctx context.Context, e tenant.Email, unmodifiedSince time.Time) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		done, err := affected(tx.Exec(`UPDATE email SET name = $3, subject = $4, pre_header = $5, html_body = $6, text_body = $7, modified_at = $8,
			html_bytes = $10, text_bytes = $11 WHERE eid = $1 AND id = $2 AND modified_at = $9`,
			int64(e.Tenant), e.ID, e.Name, e.Subject, e.PreHeader, e.HTML, e.Text, millis(e.Modified), millis(unmodifiedSince), len(e.HTML), len(e.Text)))
		if err == nil && !done {
			return changedMeanwhile("email")
		}
		return err
	})
}

// DeleteEmail takes an email away that nothing sends.
func (s *Sending) DeleteEmail(ctx context.Context, e tenant.Email) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		done, err := affected(tx.Exec(`DELETE FROM email WHERE eid = $1 AND id = $2 AND NOT EXISTS
			(SELECT 1 FROM send_definition d WHERE d.eid = email.eid AND d.mid = email.mid AND d.email_key_fold = email.key_fold AND d.status <> 'Deleted')
			AND NOT EXISTS (SELECT 1 FROM email_send_definition s WHERE s.eid = email.eid AND s.email_id = email.id)`,
			int64(e.Tenant), e.ID))
		if err == nil && !done {
			return fault.New(fault.Conflict, tenant.CodeEmailUsed, "The email is the content of a triggered send definition or an email send definition.")
		}
		return err
	})
}
