package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/sqldb"
)

var _ org.CustomStore = (*Store)(nil)

// customizations remembers what was read of orgs' customizations, by the count of their changes.
type customizations struct {
	mu    sync.Mutex
	known map[org.ID]customization
}

type customization struct {
	version int64
	value   *org.Customization
}

// maxCustomizations bounds how many are remembered.
const maxCustomizations = 1 << 12

func (c *customizations) get(id org.ID, version int64) (*org.Customization, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, ok := c.known[id]
	return k.value, ok && k.version == version
}

func (c *customizations) put(id org.ID, version int64, v *org.Customization) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || len(c.known) >= maxCustomizations {
		c.known = map[org.ID]customization{}
	}
	if have := c.known[id]; have.value == nil || have.version < version {
		c.known[id] = customization{version, v}
	}
}

// Customization implements org.CustomStore.
func (s *Store) Customization(ctx context.Context, orgID org.ID) (*org.Customization, error) {
	var version int64
	if err := s.db.QueryRow(ctx, `SELECT customization FROM organization WHERE id = $1`, string(orgID)).Scan(&version); err != nil {
		return nil, notFound(err, "org")
	}
	return s.customization(ctx, orgID, version)
}

// customization reads what an org has after so many changes.
func (s *Store) customization(ctx context.Context, orgID org.ID, version int64) (*org.Customization, error) {
	if version == 0 {
		return nil, nil
	}
	if c, ok := s.customs.get(orgID, version); ok {
		return c, nil
	}
	c, err := readCustomization(pool{ctx, s.db}, orgID)
	if err == nil {
		s.customs.put(orgID, version, c) // perhaps newer than its number, which does no harm
	}
	return c, err
}

func readCustomization(q rowQuerier, orgID org.ID) (*org.Customization, error) {
	out := &org.Customization{}
	err := each(q, func(scan func(...any) error) error {
		var id, definition string
		var o org.CustomObject
		if err := scan(&id, &definition); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(definition), &o); err != nil {
			return fmt.Errorf("custom object %s: %w", id, err)
		}
		o.ID = org.ID(id)
		out.Objects = append(out.Objects, o)
		return nil
	}, `SELECT id, definition FROM custom_object WHERE org_id = $1 ORDER BY created_date, name_key`, string(orgID))
	if err != nil {
		return nil, fmt.Errorf("reading custom objects: %w", err)
	}
	err = each(q, func(scan func(...any) error) error {
		var id, object, flex, definition string
		var f org.CustomField
		if err := scan(&id, &object, &flex, &definition); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(definition), &f); err != nil {
			return fmt.Errorf("custom field %s: %w", id, err)
		}
		f.ID, f.Object, f.Flex = org.ID(id), object, flex
		out.Fields = append(out.Fields, f)
		return nil
	}, `SELECT id, object, flex, definition FROM custom_field WHERE org_id = $1 AND is_deleted = 0 ORDER BY created_date, object_key, name_key`, string(orgID))
	if err != nil {
		return nil, fmt.Errorf("reading custom fields: %w", err)
	}
	err = each(q, func(scan func(...any) error) error {
		var object, model string
		if err := scan(&object, &model); err != nil {
			return err
		}
		if out.Sharing == nil {
			out.Sharing = map[string]string{}
		}
		out.Sharing[object] = model
		return nil
	}, `SELECT object, model FROM sharing_default WHERE org_id = $1`, string(orgID))
	if err != nil {
		return nil, fmt.Errorf("reading sharing models: %w", err)
	}
	return out, nil
}

// each hands every row of an answer to fn.
func each(q rowQuerier, fn func(scan func(...any) error) error, query string, args ...any) error {
	rows, err := q.Query(query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	for rows.Next() {
		if err := fn(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// ChangeCustomization implements org.CustomStore. Counting the change first makes two of one org come one after the other.
func (s *Store) ChangeCustomization(ctx context.Context, orgID org.ID, fn func(org.CustomTx) error) error {
	return taken(s.db.Write(ctx, func(tx *sqldb.Tx) error {
		custom, err := s.recordTx(tx).Customizing(orgID)
		if err != nil {
			return err
		}
		return fn(custom)
	}))
}

// Customizing implements org.RecordTx.
func (t recordTx) Customizing(orgID org.ID) (org.CustomTx, error) {
	res, err := t.tx.Exec(`UPDATE organization SET customization = customization + 1 WHERE id = $1`, string(orgID))
	if err != nil {
		return nil, fmt.Errorf("changing the customization: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return nil, noSuchOrg(orgID)
	}
	return customTx{t, orgID}, nil
}

// customTx implements org.CustomTx.
type customTx struct {
	recordTx
	org org.ID
}

// Records implements org.CustomTx.
func (t customTx) Records() org.RecordTx { return t.recordTx }

// Customization implements org.CustomTx.
func (t customTx) Customization() (*org.Customization, error) {
	return readCustomization(t.tx, t.org)
}

// PutObject implements org.CustomTx.
func (t customTx) PutObject(o org.CustomObject, by org.ID, at time.Time) error {
	definition, err := json.Marshal(o)
	if err != nil {
		return err
	}
	_, err = t.tx.Exec(`INSERT INTO custom_object (org_id, id, name, name_key, developer_name, key_prefix, definition, created_date, created_by_id, last_modified_date,
 last_modified_by_id, system_modstamp) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $8, $9, $8) ON CONFLICT (org_id, id) DO UPDATE SET
 definition = excluded.definition, last_modified_date = excluded.last_modified_date, last_modified_by_id = excluded.last_modified_by_id,
 system_modstamp = excluded.system_modstamp`,
		string(t.org), string(o.ID), o.Name, org.Fold(o.Name), strings.TrimSuffix(o.Name, "__c"), o.KeyPrefix, string(definition), millis(at), string(by))
	if err != nil {
		return fmt.Errorf("keeping a custom object: %w", err)
	}
	return nil
}

// PutField implements org.CustomTx.
func (t customTx) PutField(f org.CustomField, by org.ID, at time.Time) error {
	definition, err := json.Marshal(f)
	if err != nil {
		return err
	}
	_, err = t.tx.Exec(`INSERT INTO custom_field (org_id, id, object, object_key, key_prefix, name, name_key, developer_name, flex, definition, created_date, created_by_id,
 last_modified_date, last_modified_by_id, system_modstamp) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $11, $12, $11)
 ON CONFLICT (org_id, id) DO UPDATE SET definition = excluded.definition, last_modified_date = excluded.last_modified_date,
 last_modified_by_id = excluded.last_modified_by_id, system_modstamp = excluded.system_modstamp`,
		string(t.org), string(f.ID), f.Object, org.Fold(f.Object), f.KeyPrefix, f.Name, org.Fold(f.Name), strings.TrimSuffix(f.Name, "__c"), f.Flex, string(definition),
		millis(at), string(by))
	if err != nil {
		return fmt.Errorf("keeping a custom field: %w", err)
	}
	return nil
}

// PutSharing implements org.CustomTx.
func (t customTx) PutSharing(object, model string) error {
	_, err := t.tx.Exec(`INSERT INTO sharing_default (org_id, object, model) VALUES ($1, $2, $3) ON CONFLICT (org_id, object) DO UPDATE SET model = excluded.model`,
		string(t.org), object, model)
	if err != nil {
		return fmt.Errorf("keeping a sharing model: %w", err)
	}
	return nil
}

// RemoveObject implements org.CustomTx.
func (t customTx) RemoveObject(o org.CustomObject) error {
	for query, arg := range map[string]string{
		`DELETE FROM custom_object WHERE org_id = $1 AND id = $2`:     string(o.ID),
		`DELETE FROM custom_record WHERE org_id = $1 AND object = $2`: o.KeyPrefix,
		`DELETE FROM record_number WHERE org_id = $1 AND object = $2`: o.Name,
	} {
		if _, err := t.tx.Exec(query, string(t.org), arg); err != nil {
			return fmt.Errorf("removing a custom object: %w", err)
		}
	}
	return nil
}

// RemoveField implements org.CustomTx. The values are cleared bit by bit, by [Store.Purge].
func (t customTx) RemoveField(f org.CustomField) error {
	if _, err := t.tx.Exec(`UPDATE custom_field SET is_deleted = 1 WHERE org_id = $1 AND id = $2`, string(t.org), string(f.ID)); err != nil {
		return fmt.Errorf("removing a custom field: %w", err)
	}
	return nil
}

// UsedPrefixes implements org.CustomTx.
func (t customTx) UsedPrefixes() ([]string, error) {
	var used []string
	err := each(t.tx, func(scan func(...any) error) error {
		var prefix string
		err := scan(&prefix)
		used = append(used, prefix)
		return err
	}, `SELECT DISTINCT key_prefix FROM custom_field WHERE org_id = $1 AND is_deleted = 1`, string(t.org))
	return used, err
}

// UsedFlex implements org.CustomTx.
func (t customTx) UsedFlex(object string) (map[string]bool, error) {
	used := map[string]bool{}
	err := each(t.tx, func(scan func(...any) error) error {
		var column string
		if err := scan(&column); err != nil {
			return err
		}
		used[column] = true
		return nil
	}, `SELECT flex FROM custom_field WHERE org_id = $1 AND object_key = $2`, string(t.org), org.Fold(object))
	if err != nil {
		return nil, fmt.Errorf("reading custom fields: %w", err)
	}
	return used, nil
}

// HasValues implements org.CustomTx.
func (t customTx) HasValues(prefix, flex string) (bool, error) {
	if !isFlex(flex) {
		return false, fmt.Errorf("no flex column is called %q", flex)
	}
	var found bool
	err := t.tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM custom_value WHERE org_id = $1 AND SUBSTR(id, 1, 3) = $2 AND `+flex+` IS NOT NULL)`, string(t.org), prefix).Scan(&found)
	if err != nil {
		return false, fmt.Errorf("looking for values: %w", err)
	}
	return found, nil
}

// isFlex reports whether a name, which comes from the database, is a flex column's.
func isFlex(column string) bool {
	if len(column) != 4 || !strings.Contains("sni", column[:1]) {
		return false
	}
	n, err := strconv.Atoi(column[1:])
	return err == nil && n > 0
}

// purgeFields clears the values of at most n records of fields that are deleted, and forgets the fields that have none.
// Where one led to a master, its details get owners.
func (s *Store) purgeFields(ctx context.Context, n int) (int, error) {
	var orgID, id, prefix, flex string
	found := false
	err := each(pool{ctx, s.db}, func(scan func(...any) error) error {
		found = true
		return scan(&orgID, &id, &prefix, &flex)
	}, `SELECT org_id, id, key_prefix, flex FROM custom_field WHERE is_deleted = 1 LIMIT 1`)
	if err != nil || !found {
		return 0, err
	}
	if !isFlex(flex) {
		return 0, fmt.Errorf("custom field %s has the column %q", id, flex)
	}
	cleared := 0
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		cleared = 0
		for _, step := range []struct {
			query string
			args  []any
		}{
			{`DELETE FROM custom_index WHERE org_id = $1 AND field_id = $2 AND record_id IN (
 SELECT record_id FROM custom_index WHERE org_id = $1 AND field_id = $2 LIMIT ` + strconv.Itoa(n) + `)`, []any{orgID, id}},
			{`UPDATE custom_value SET ` + flex + ` = NULL WHERE org_id = $1 AND id IN (
 SELECT id FROM custom_value WHERE org_id = $1 AND SUBSTR(id, 1, 3) = $2 AND ` + flex + ` IS NOT NULL LIMIT ` + strconv.Itoa(n) + `)`, []any{orgID, prefix}},
			// Records that lost their master have lost its owner: they are their makers' then.
			{`UPDATE custom_record SET owner_id = created_by_id WHERE org_id = $1 AND object = $2 AND id IN (
 SELECT id FROM custom_record WHERE org_id = $1 AND object = $2 AND owner_id IS NULL LIMIT ` + strconv.Itoa(n) + `)
 AND NOT EXISTS (SELECT 1 FROM custom_field WHERE org_id = $1 AND key_prefix = $2 AND is_deleted = 0 AND definition LIKE '%"type":"` + string(org.CustomMasterDetail) + `"%')`, []any{orgID, prefix}},
		} {
			res, err := tx.Exec(step.query, step.args...)
			if err != nil {
				return err
			}
			k, err := res.RowsAffected()
			if err != nil {
				return err
			}
			cleared += int(k)
		}
		if cleared > 0 {
			return nil
		}
		_, err := tx.Exec(`DELETE FROM custom_field WHERE org_id = $1 AND id = $2 AND is_deleted = 1`, orgID, id)
		cleared = 1
		return err
	})
	return cleared, err
}
