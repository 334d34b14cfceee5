package sqlstore

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
)

var _ org.SettingsStore = (*Store)(nil)

// ChangeSettings implements org.SettingsStore.
func (s *Store) ChangeSettings(ctx context.Context, orgID, by org.ID, at time.Time, fn func(org.RecordTx, *org.Settings) error) error {
	return s.WriteSetup(ctx, func(tx org.SetupTx) error {
		return tx.ChangeSettings(orgID, by, at, func(now *org.Settings) error { return fn(tx, now) })
	})
}

var _ org.ProfileStore = (*Store)(nil)

// ProfileByName implements org.ProfileStore.
func (s *Store) ProfileByName(ctx context.Context, orgID org.ID, name string) (org.ProfileRules, error) {
	return profileByName(pool{ctx, s.db}, orgID, name)
}

func profileByName(q rowQuerier, orgID org.ID, name string) (org.ProfileRules, error) {
	return scanProfile(q.QueryRow(selectProfile+` AND LOWER(name) = LOWER($2)`, string(orgID), name).Scan)
}

const selectProfile = `SELECT id, name, login_ip_ranges, login_hours, password_policies, session_timeout FROM profile WHERE org_id = $1`

func scanProfile(scan func(...any) error) (org.ProfileRules, error) {
	var p org.ProfileRules
	var ranges, hours, policies string
	if err := scan(&p.ID, &p.FullName, &ranges, &hours, &policies, &p.SessionTimeoutMinutes); err != nil {
		return p, notFound(err, "profile")
	}
	var err error
	if p.Passwords, err = parsePolicies(policies); err != nil {
		return p, err
	}
	return p, parseLoginRules(ranges, hours, &p.Ranges, &p.Hours)
}

// Profiles implements org.ProfileStore.
func (s *Store) Profiles(ctx context.Context, orgID org.ID) ([]org.ProfileRules, error) {
	var out []org.ProfileRules
	err := each(pool{ctx, s.db}, func(scan func(...any) error) error {
		p, err := scanProfile(scan)
		out = append(out, p)
		return err
	}, selectProfile+` ORDER BY name, id`, string(orgID))
	return out, err
}
