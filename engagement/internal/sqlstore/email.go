package sqlstore

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
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
	known, err := affected(tx.Exec(`UPDATE email SET name = $4, subject = $5, pre_header = $6, html_body = $7, text_body = $8, modified_at = $9
		WHERE eid = $1 AND mid = $2 AND key_fold = $3`,
		int64(e.Tenant), int64(e.MID), fold(e.CustomerKey), e.Name, e.Subject, e.PreHeader, e.HTML, e.Text, millis(e.Modified)))
	if known || err != nil {
		return err
	}
	return withNumber(e.ID, func(id int64) (bool, error) {
		return affected(tx.Exec(`
			INSERT INTO email (eid, mid, id, object_id, customer_key, key_fold, name, subject, pre_header, html_body, text_body, created_at, modified_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT (eid, id) DO NOTHING`,
			int64(e.Tenant), int64(e.MID), id, e.ObjectID, e.CustomerKey, fold(e.CustomerKey), e.Name, e.Subject, e.PreHeader,
			e.HTML, e.Text, millis(e.Created), millis(e.Modified)))
	})
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
