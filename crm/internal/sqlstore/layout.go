package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
)

var _ org.LayoutStore = (*Store)(nil)

// LayoutByName implements org.LayoutStore.
func (s *Store) LayoutByName(ctx context.Context, orgID org.ID, name string) (org.Layout, bool, error) {
	return readLayout(pool{ctx, s.db}, orgID, name, "")
}

func readLayout(q rowQuerier, orgID org.ID, name, suffix string) (org.Layout, bool, error) {
	var l org.Layout
	var sections string
	var created, modified int64
	err := q.QueryRow(`SELECT id, sections, created_date, created_by_id, COALESCE((SELECT u.name FROM user_account u WHERE u.org_id = l.org_id AND u.id = l.created_by_id), ''),
 last_modified_date, last_modified_by_id, COALESCE((SELECT u.name FROM user_account u WHERE u.org_id = l.org_id AND u.id = l.last_modified_by_id), '')
 FROM layout l WHERE org_id = $1 AND name = $2`+suffix, string(orgID), name).Scan(
		&l.ID, &sections, &created, &l.CreatedBy, &l.CreatedByName, &modified, &l.LastModifiedBy, &l.LastModifiedByName)
	if errors.Is(err, sql.ErrNoRows) {
		return l, false, nil
	}
	if err != nil {
		return l, false, fmt.Errorf("reading a layout: %w", err)
	}
	l.Created, l.Modified = fromMillis(created), fromMillis(modified)
	if err := json.Unmarshal([]byte(sections), &l); err != nil {
		return l, false, fmt.Errorf("layout %s of org %s: %w", name, orgID, err)
	}
	return l, true, nil
}

// Layout implements org.SetupTx.
func (t setupTx) Layout(orgID org.ID, name string) (org.Layout, bool, error) {
	return readLayout(t.tx, orgID, name, t.forUpdate())
}

// PutLayout implements org.SetupTx.
func (t setupTx) PutLayout(orgID, by org.ID, at time.Time, name string, l org.Layout) (org.ID, error) {
	text, err := json.Marshal(l)
	if err != nil {
		return "", err
	}
	var id org.ID
	err = t.tx.QueryRow(`INSERT INTO layout (org_id, name, id, sections, created_date, created_by_id, last_modified_date, last_modified_by_id)
 VALUES ($1, $2, $3, $4, $5, $6, $5, $6) ON CONFLICT (org_id, name) DO UPDATE SET sections = EXCLUDED.sections,
 last_modified_date = EXCLUDED.last_modified_date, last_modified_by_id = EXCLUDED.last_modified_by_id RETURNING id`,
		string(orgID), name, string(org.NewID(org.PrefixLayout)), string(text), millis(at), string(by)).Scan(&id)
	if err != nil {
		return "", fmt.Errorf("keeping a layout: %w", err)
	}
	return id, nil
}
