package sqlstore

import (
	"context"
	"errors"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/soql"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// Transaction is the store bound to an open transaction: what it reads it has written, and what it writes is undone with
// the transaction. It is good until the function that got it returns. Its methods ignore their contexts; the
// transaction has one.
type Transaction struct {
	records recordTx
	source  source
	left    *time.Duration // of queriesInTransaction
}

// queriesInTransaction is how long all queries of a transaction may run together: on SQLite nobody else writes meanwhile.
const queriesInTransaction = time.Second

// timed runs a query with the time that is left for queries. Past it the transaction fails.
func (t Transaction) timed(fn func() error) error {
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.records.tx.Context(), *t.left)
	defer cancel()
	err := t.records.tx.Within(ctx, fn)
	*t.left -= time.Since(began)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fault.Wrap(err, fault.Invalid, soql.CodeTimeout, "Your query request was running for too long.")
	}
	return err
}

var (
	_ org.RecordStore   = Transaction{}
	_ soql.Source       = Transaction{}
	_ soql.LocatorStore = Transaction{}
)

// InTransaction runs fn in one transaction, as sqldb's Write does: fn may run twice.
func (s *Store) InTransaction(ctx context.Context, fn func(*sqldb.Tx, Transaction) error) error {
	return taken(s.db.Write(ctx, func(tx *sqldb.Tx) error {
		left := queriesInTransaction
		err := fn(tx, Transaction{s.recordTx(tx), source{s, tx}, &left})
		if lost := tx.Err(); lost != nil {
			return lost // whatever fn made of it: it may be one that sqldb tries again
		}
		return err
	}))
}

// Write implements org.RecordStore: an error undoes what fn did, and the transaction goes on.
func (t Transaction) Write(_ context.Context, fn func(org.RecordTx) error) error {
	return t.records.Try(func() error { return fn(t.records) })
}

// Read implements org.RecordStore.
func (t Transaction) Read(_ context.Context, o *org.Object, orgID, id org.ID, fields []*org.Field) (org.Values, error) {
	return read(t.records.tx, o, orgID, id, fields)
}

// Lookup implements org.RecordStore.
func (t Transaction) Lookup(_ context.Context, o *org.Object, orgID org.ID, match org.Values, limit int) ([]org.ID, error) {
	return lookup(t.records.tx, o, orgID, match, limit)
}

// Select implements soql.Source.
func (t Transaction) Select(_ context.Context, orgID org.ID, p *soql.Plan, offset, limit int, each func(soql.Row) error) error {
	return t.timed(func() error { return t.source.rows(orgID, p, offset, limit, each) })
}

// CountRows implements soql.Source.
func (t Transaction) CountRows(_ context.Context, orgID org.ID, p *soql.Plan) (n int, err error) {
	err = t.timed(func() error {
		n, err = t.source.count(orgID, p)
		return err
	})
	return n, err
}

// SelectChildren implements soql.Source.
func (t Transaction) SelectChildren(_ context.Context, orgID org.ID, p *soql.Plan, parents []org.ID, offset, limit int, each func(org.ID, int, soql.Row) error) error {
	return t.timed(func() error { return t.source.children(orgID, p, parents, offset, limit, each) })
}

// Home implements soql.Source.
func (t Transaction) Home(_ context.Context, orgID, user org.ID) (zone, locale string, err error) {
	return t.source.home(orgID, user)
}

// AddLocator implements soql.LocatorStore.
func (t Transaction) AddLocator(_ context.Context, l soql.Locator) error {
	return addLocator(t.records.tx, l)
}

// Locator implements soql.LocatorStore.
func (t Transaction) Locator(_ context.Context, orgID, id org.ID) (soql.Locator, error) {
	return readLocator(t.records.tx, orgID, id)
}

// Hold keeps a record from being changed by others until the transaction ends. A missing one is a NotFound fault.
func (t Transaction) Hold(o *org.Object, orgID, id org.ID) error {
	_, err := t.records.Lock(o, orgID, id)
	return err
}
