package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

var (
	_ org.SetupStore = (*Store)(nil)
	_ org.SetupTx    = setupTx{}
)

// WriteSetup implements org.SetupStore.
func (s *Store) WriteSetup(ctx context.Context, fn func(org.SetupTx) error) error {
	return s.writeSetup(ctx, func(tx setupTx) error { return fn(tx) })
}

func (s *Store) writeSetup(ctx context.Context, fn func(setupTx) error) error {
	return s.WriteTx(ctx, func(tx *sqldb.Tx, _ org.RecordTx) error {
		return fn(setupTx{s.recordTx(tx)})
	})
}

// setupTx is the store inside a transaction that changes Setup.
type setupTx struct{ recordTx }

// forUpdate locks the rows of a SELECT. SQLite has one writer at a time, so only PostgreSQL needs to be told.
func (t setupTx) forUpdate() string {
	if t.postgres {
		return " FOR UPDATE"
	}
	return ""
}

// ChangeApp implements org.SetupTx.
func (t setupTx) ChangeApp(orgID, app, by org.ID, at time.Time, fn func(*org.ConnectedApp) error) error {
	a, err := readApp(t.tx, `org_id = $1 AND id = $2`+t.forUpdate(), string(orgID), string(app))
	if err != nil {
		return err
	}
	if err := fn(&a); err != nil {
		return err
	}
	return UpdateApp(t.tx, a, by, at)
}

// EndAppSessions implements org.SetupTx.
func (t setupTx) EndAppSessions(orgID, app, user org.ID, at time.Time) error {
	query, args := `UPDATE auth_session SET ended_ms = $3 WHERE org_id = $1 AND app_id = $2 AND ended_ms IS NULL`, []any{string(orgID), string(app), millis(at)}
	if user != "" {
		query, args = query+` AND user_id = $4`, append(args, string(user))
	}
	_, err := t.tx.Exec(query, args...)
	return err
}

// ChangeSettings implements org.SetupTx.
func (t setupTx) ChangeSettings(orgID, by org.ID, at time.Time, fn func(*org.Settings) error) error {
	var text, domain string
	if err := t.tx.QueryRow(`SELECT settings, my_domain FROM organization WHERE id = $1`+t.forUpdate(), string(orgID)).Scan(&text, &domain); err != nil {
		return notFound(err, "org")
	}
	settings := org.Settings{MyDomain: domain}
	if err := json.Unmarshal([]byte(text), &settings); err != nil {
		return fmt.Errorf("settings of org %s: %w", orgID, err)
	}
	if err := fn(&settings); err != nil {
		return err
	}
	out, err := json.Marshal(settings)
	if err != nil {
		return err
	}
	_, err = t.tx.Exec(`UPDATE organization SET settings = $2, last_modified_date = $3, last_modified_by_id = $4, system_modstamp = $3 WHERE id = $1`,
		string(orgID), string(out), millis(at), string(by))
	if err != nil || settings.MyDomain == domain {
		return err
	}
	_, err = t.tx.Exec(`UPDATE organization SET my_domain = $2, previous_my_domain = $3 WHERE id = $1`, string(orgID), settings.MyDomain, domain)
	if sqldb.IsUnique(err) {
		return fault.New(fault.Conflict, org.CodeMyDomainTaken, "The My Domain name %s is taken by another org.", settings.MyDomain)
	}
	return err
}

// ProfileByName implements org.SetupTx.
func (t setupTx) ProfileByName(orgID org.ID, name string) (org.ProfileRules, error) {
	return profileByName(t.tx, orgID, name)
}

// PutProfile implements org.SetupTx.
func (t setupTx) PutProfile(orgID, by org.ID, at time.Time, p org.ProfileRules) error {
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
	policies := []byte{}
	if p.Passwords != nil {
		if policies, err = json.Marshal(p.Passwords); err != nil {
			return err
		}
	}
	_, err = t.tx.Exec(`UPDATE profile SET login_ip_ranges = $3, login_hours = $4, last_modified_date = $5, last_modified_by_id = $6, system_modstamp = $5,
 password_policies = $7, session_timeout = $8 WHERE org_id = $1 AND id = $2`,
		string(orgID), string(p.ID), string(ranges), string(hours), millis(at), string(by), string(policies), p.SessionTimeoutMinutes)
	return err
}
