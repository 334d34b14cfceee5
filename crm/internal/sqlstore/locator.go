package sqlstore

import (
	"context"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/soql"
	"github.com/twinspan/twinspan/internal/sqldb"
)

var _ soql.LocatorStore = (*Store)(nil)

// keptLocators is how many locators of a user are kept, as the vendor keeps ten.
const keptLocators = 10

// AddLocator implements soql.LocatorStore.
func (s *Store) AddLocator(ctx context.Context, l soql.Locator) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error { return addLocator(tx, l) })
}

func addLocator(tx *sqldb.Tx, l soql.Locator) error {
	if _, err := tx.Exec(`INSERT INTO query_locator (org_id, id, user_id, query, deleted, created_ms, total) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		string(l.Org), string(l.ID), string(l.User), l.Query, flag(l.Deleted), millis(l.Created), int64(l.Total)); err != nil {
		return err
	}
	_, err := tx.Exec(`DELETE FROM query_locator WHERE org_id = $1 AND user_id = $2 AND id NOT IN (
 SELECT id FROM query_locator WHERE org_id = $1 AND user_id = $2 ORDER BY created_ms DESC, id LIMIT $3) AND id <> $4`,
		string(l.Org), string(l.User), keptLocators, string(l.ID))
	return err
}

// Locator implements soql.LocatorStore.
func (s *Store) Locator(ctx context.Context, orgID, id org.ID) (soql.Locator, error) {
	return readLocator(pool{ctx, s.db}, orgID, id)
}

func readLocator(q rowQuerier, orgID, id org.ID) (soql.Locator, error) {
	l := soql.Locator{Org: orgID, ID: id}
	var created int64
	err := q.QueryRow(`SELECT user_id, query, deleted, created_ms, total FROM query_locator WHERE org_id = $1 AND id = $2`,
		string(orgID), string(id)).Scan(&l.User, &l.Query, &l.Deleted, &created, &l.Total)
	if err != nil {
		return soql.Locator{}, notFound(err, "query locator")
	}
	l.Created = fromMillis(created)
	return l, nil
}
