package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/sqldb"
)

var _ org.SettingsStore = (*Store)(nil)

// ChangeSettings implements org.SettingsStore.
func (s *Store) ChangeSettings(ctx context.Context, orgID, by org.ID, at time.Time, fn func(org.RecordTx, *org.Settings) error) error {
	return s.WriteTx(ctx, func(tx *sqldb.Tx, records org.RecordTx) error {
		suffix := ""
		if s.db.Postgres() {
			suffix = " FOR UPDATE"
		}
		var text string
		if err := tx.QueryRow(`SELECT settings FROM organization WHERE id = $1`+suffix, string(orgID)).Scan(&text); err != nil {
			return notFound(err, "org")
		}
		var settings org.Settings
		if err := json.Unmarshal([]byte(text), &settings); err != nil {
			return fmt.Errorf("settings of org %s: %w", orgID, err)
		}
		if err := fn(records, &settings); err != nil {
			return err
		}
		out, err := json.Marshal(settings)
		if err != nil {
			return err
		}
		_, err = tx.Exec(`UPDATE organization SET settings = $2, last_modified_date = $3, last_modified_by_id = $4, system_modstamp = $3 WHERE id = $1`,
			string(orgID), string(out), millis(at), string(by))
		return err
	})
}

// maxUserList is how many users a list on a page has.
const maxUserList = 2000

// UserList lists the org's users by name.
func (s *Store) UserList(ctx context.Context, orgID org.ID) ([]org.UserEntry, error) {
	rows, err := s.db.Query(ctx, `SELECT u.id, u.name, u.alias, u.username, u.is_active, p.name FROM user_account u
 JOIN profile p ON p.org_id = u.org_id AND p.id = u.profile_id WHERE u.org_id = $1 ORDER BY u.last_name, u.id LIMIT $2`, string(orgID), maxUserList)
	if err != nil {
		return nil, fmt.Errorf("listing users: %w", err)
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	var out []org.UserEntry
	for rows.Next() {
		var e org.UserEntry
		if err := rows.Scan(&e.ID, &e.Name, &e.Alias, &e.Username, &e.Active, &e.Profile); err != nil {
			return nil, fmt.Errorf("listing users: %w", err)
		}
		out = append(out, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("listing users: %w", err)
	}
	return out, nil
}

var _ org.ProfileStore = (*Store)(nil)

// ProfileByName implements org.ProfileStore.
func (s *Store) ProfileByName(ctx context.Context, orgID org.ID, name string) (org.ProfileRules, error) {
	var p org.ProfileRules
	var ranges, hours string
	err := s.db.QueryRow(ctx, `SELECT id, name, login_ip_ranges, login_hours FROM profile WHERE org_id = $1 AND LOWER(name) = LOWER($2)`,
		string(orgID), name).Scan(&p.ID, &p.FullName, &ranges, &hours)
	if err != nil {
		return p, notFound(err, "profile")
	}
	return p, parseLoginRules(ranges, hours, &p.Ranges, &p.Hours)
}

// ChangeProfile implements org.ProfileStore.
func (s *Store) ChangeProfile(ctx context.Context, orgID, by org.ID, at time.Time, p org.ProfileRules, fn func(org.RecordTx) error) error {
	ranges, err := json.Marshal(append([]org.IPRange{}, p.Ranges...))
	if err != nil {
		return err
	}
	hours := []byte("{}")
	if len(p.Hours) > 0 {
		if hours, err = json.Marshal(p.Hours); err != nil {
			return err
		}
	}
	return s.WriteTx(ctx, func(tx *sqldb.Tx, records org.RecordTx) error {
		_, err := tx.Exec(`UPDATE profile SET login_ip_ranges = $3, login_hours = $4, last_modified_date = $5, last_modified_by_id = $6, system_modstamp = $5
 WHERE org_id = $1 AND id = $2`, string(orgID), string(p.ID), string(ranges), string(hours), millis(at), string(by))
		if err != nil {
			return err
		}
		return fn(records)
	})
}
