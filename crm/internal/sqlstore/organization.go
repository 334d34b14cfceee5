package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// InsertOrg adds an org, made by its first user at that time.
func InsertOrg(tx *sqldb.Tx, o org.Org, by org.ID, at time.Time) error {
	settings, err := json.Marshal(o.Settings)
	if err != nil {
		return fmt.Errorf("settings of org %s: %w", o.ID, err)
	}
	_, err = tx.Exec(`INSERT INTO organization (id, name, organization_type, instance_name, is_sandbox, my_domain, default_locale_sid_key,
 time_zone_sid_key, language_locale_key, settings, created_date, created_by_id, last_modified_date, last_modified_by_id, system_modstamp)
 VALUES ($1, $2, 'Enterprise Edition', 'TWN1', $3, $4, 'en_US', 'America/Los_Angeles', 'en_US', $5, $6, $7, $6, $7, $6)`,
		string(o.ID), o.Name, flag(o.Sandbox), o.MyDomain, string(settings), millis(at), string(by))
	return err
}

// OrgExists reports whether the org is there.
func (s *Store) OrgExists(ctx context.Context, id org.ID) (bool, error) {
	var n int
	if err := s.db.QueryRow(ctx, `SELECT COUNT(*) FROM organization WHERE id = $1`, string(id)).Scan(&n); err != nil {
		return false, fmt.Errorf("looking for org %s: %w", id, err)
	}
	return n > 0, nil
}

// deleteBatch is how many rows of a log one transaction deletes (DESIGN 5.5).
const deleteBatch = 200

// DeleteOrg takes an org away with everything in it; one that is not there already is none. Its sessions end, because
// nobody finds their org any more, and their rows are deleted when they expire.
func (s *Store) DeleteOrg(ctx context.Context, id org.ID) error {
	for {
		var more bool
		err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
			res, err := tx.Exec(`DELETE FROM login_history WHERE org_id = $1 AND id IN (SELECT id FROM login_history WHERE org_id = $1 LIMIT $2)`, string(id), deleteBatch)
			if err != nil {
				return err
			}
			n, err := res.RowsAffected()
			more = n == deleteBatch
			return err
		})
		if err != nil {
			return fmt.Errorf("deleting the login history of org %s: %w", id, err)
		}
		if !more {
			break
		}
	}
	// One statement, so that nobody ever sees half an org; the rows that hang on it go with it.
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`DELETE FROM organization WHERE id = $1`, string(id))
		return err
	})
	if err != nil {
		return fmt.Errorf("deleting org %s: %w", id, err)
	}
	return nil
}

// SetClockOffset keeps how far the org's domain time is ahead of machine time.
func (s *Store) SetClockOffset(ctx context.Context, id org.ID, offset time.Duration) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		res, err := tx.Exec(`UPDATE organization SET clock_offset_ms = $2 WHERE id = $1`, string(id), offset.Milliseconds())
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 1 {
			return err
		}
		return noSuchOrg(id)
	})
}

// ClockOffsets reads the offsets of all orgs whose domain time was moved, by org id.
func (s *Store) ClockOffsets(ctx context.Context) (map[string]time.Duration, error) {
	rows, err := s.db.Query(ctx, `SELECT id, clock_offset_ms FROM organization WHERE clock_offset_ms <> 0`)
	if err != nil {
		return nil, fmt.Errorf("reading clocks: %w", err)
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	out := map[string]time.Duration{}
	for rows.Next() {
		var id string
		var ms int64
		if err := rows.Scan(&id, &ms); err != nil {
			return nil, fmt.Errorf("reading clocks: %w", err)
		}
		out[id] = time.Duration(ms) * time.Millisecond
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading clocks: %w", err)
	}
	return out, nil
}
