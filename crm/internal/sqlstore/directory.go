package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

var _ org.Directory = (*Store)(nil)

// rowQuerier is what reading a few rows needs: a transaction that is open (*sqldb.Tx), or the reader pool.
type rowQuerier interface {
	QueryRow(query string, args ...any) *sql.Row
	Query(query string, args ...any) (*sql.Rows, error)
}

// pool reads outside a transaction.
type pool struct {
	ctx context.Context
	db  *sqldb.DB
}

func (p pool) QueryRow(query string, args ...any) *sql.Row {
	return p.db.QueryRow(p.ctx, query, args...)
}

func (p pool) Query(query string, args ...any) (*sql.Rows, error) {
	return p.db.Query(p.ctx, query, args...)
}

// notFound turns the absence of a row into the fault that org.Directory promises.
func notFound(err error, what string) error {
	if errors.Is(err, sql.ErrNoRows) {
		return fault.New(fault.NotFound, org.CodeNotFound, "no such %s", what)
	}
	return fmt.Errorf("reading %s: %w", what, err)
}

// OrgByID implements org.Directory.
func (s *Store) OrgByID(ctx context.Context, id org.ID) (org.Org, error) {
	o := org.Org{ID: id}
	var settings string
	var customized int64
	err := s.db.QueryRow(ctx, `SELECT o.name, o.my_domain, o.is_sandbox, o.time_zone_sid_key, o.settings, COALESCE(p.version, ''), o.customization
 FROM organization o LEFT JOIN installed_subscriber_package p ON p.org_id = o.id WHERE o.id = $1`, string(id)).
		Scan(&o.Name, &o.MyDomain, &o.Sandbox, &o.TimeZone, &settings, &o.Package, &customized)
	if err != nil {
		return org.Org{}, notFound(err, "org")
	}
	if err := json.Unmarshal([]byte(settings), &o.Settings); err != nil {
		return org.Org{}, fmt.Errorf("settings of org %s: %w", id, err)
	}
	o.Settings.MyDomain = o.MyDomain
	o.Custom, err = s.customization(ctx, id, customized)
	return o, err
}

// MovedMyDomain implements org.SettingsStore.
func (s *Store) MovedMyDomain(ctx context.Context, name string) (org.ID, error) {
	var id string
	err := s.db.QueryRow(ctx, `SELECT o.id FROM organization o WHERE o.previous_my_domain = $1
 AND NOT EXISTS (SELECT 1 FROM organization n WHERE n.my_domain = $1) ORDER BY o.last_modified_date DESC, o.id LIMIT 1`, name).Scan(&id)
	if err != nil {
		return "", notFound(err, "org")
	}
	return org.ID(id), nil
}

const selectUser = `SELECT u.org_id, u.id, u.username, u.email, COALESCE(u.first_name, ''), u.last_name, u.name, u.community_nickname,
 u.alias, u.is_active, u.profile_id, p.name, u.user_type, u.time_zone_sid_key, u.locale_sid_key, u.language_locale_key,
 COALESCE(u.phone, ''), COALESCE(u.street, ''), COALESCE(u.city, ''), COALESCE(u.state, ''), COALESCE(u.postal_code, ''),
 COALESCE(u.country, ''), u.created_date, u.last_modified_date, COALESCE(l.frozen, 0), COALESCE(l.unverified, 1), p.login_ip_ranges, p.login_hours, p.password_policies, p.session_timeout,
 COALESCE((SELECT n.name FROM user_license n WHERE n.org_id = p.org_id AND n.id = p.user_license_id), '')
 FROM user_account u JOIN profile p ON p.org_id = u.org_id AND p.id = u.profile_id
 LEFT JOIN user_login l ON l.org_id = u.org_id AND l.user_id = u.id WHERE `

// UserByUsername implements org.Directory.
func (s *Store) UserByUsername(ctx context.Context, username string) (org.User, error) {
	return s.user(ctx, selectUser+`u.username_key = $1`, org.Fold(username))
}

// UserByID implements org.Directory.
func (s *Store) UserByID(ctx context.Context, orgID, user org.ID) (org.User, error) {
	return s.user(ctx, selectUser+`u.org_id = $1 AND u.id = $2`, string(orgID), string(user))
}

func (s *Store) user(ctx context.Context, query string, args ...any) (org.User, error) {
	var u org.User
	var created, modified int64
	var unverified bool
	var ranges, hours, policies string
	err := s.db.QueryRow(ctx, query, args...).Scan(&u.Org, &u.ID, &u.Username, &u.Email, &u.FirstName, &u.LastName, &u.Name,
		&u.Nickname, &u.Alias, &u.Active, &u.Profile, &u.ProfileName, &u.UserType, &u.TimeZone, &u.Locale, &u.Language,
		&u.Phone, &u.Street, &u.City, &u.State, &u.PostalCode, &u.Country, &created, &modified, &u.Frozen, &unverified, &ranges, &hours, &policies, &u.SessionTimeoutMinutes, &u.License)
	if err != nil {
		return org.User{}, notFound(err, "user")
	}
	u.EmailVerified = !unverified
	if err := parseLoginRules(ranges, hours, &u.LoginIPRanges, &u.LoginHours); err != nil {
		return org.User{}, fmt.Errorf("login rules of profile %s: %w", u.Profile, err)
	}
	if u.Passwords, err = parsePolicies(policies); err != nil {
		return org.User{}, fmt.Errorf("password policies of profile %s: %w", u.Profile, err)
	}
	u.CreatedDate, u.LastModifiedDate = fromMillis(created), fromMillis(modified)
	if u.Permissions, err = permissionsOf(pool{ctx, s.db}, u.Org, u.ID, u.Profile); err != nil {
		return org.User{}, err
	}
	u.Access, err = accessOf(pool{ctx, s.db}, u)
	return u, err
}

// accessOf reads what a user's permission sets allow of objects and fields.
func accessOf(q rowQuerier, u org.User) (*org.DataAccess, error) {
	if u.ProfileName == org.AdministratorProfile {
		return org.NewDataAccess(u.ProfileName, u.Permissions, nil), nil // whatever the rows say
	}
	var rows []org.AccessRow
	err := each(q, func(scan func(...any) error) error {
		var r org.AccessRow
		a := &r.Allows
		if err := scan(&r.Profile, &r.Object, &a.Create, &a.Read, &a.Edit, &a.Delete, &a.ViewAll, &a.ModifyAll, &r.Field); err != nil {
			return err
		}
		rows = append(rows, r)
		return nil
	}, `SELECT ps.is_owned_by_profile, o.sobject_type, o.permissions_create, o.permissions_read, o.permissions_edit, o.permissions_delete,
 o.permissions_view_all_records, o.permissions_modify_all_records, '' FROM object_permissions o JOIN permission_set ps ON ps.org_id = o.org_id AND ps.id = o.parent_id
 WHERE o.org_id = $1 AND `+grantedSets+` UNION ALL SELECT ps.is_owned_by_profile, f.sobject_type, 0, f.permissions_read, f.permissions_edit, 0, 0, 0, f.field
 FROM field_permissions f JOIN permission_set ps ON ps.org_id = f.org_id AND ps.id = f.parent_id WHERE f.org_id = $1 AND `+grantedSets,
		string(u.Org), string(u.Profile), string(u.ID))
	if err != nil {
		return nil, fmt.Errorf("reading access to objects: %w", err)
	}
	return org.NewDataAccess(u.ProfileName, u.Permissions, rows), nil
}

// parsePolicies reads a profile's password policies; nil for "".
func parsePolicies(text string) (*org.PasswordPolicies, error) {
	if text == "" {
		return nil, nil
	}
	p := &org.PasswordPolicies{}
	return p, json.Unmarshal([]byte(text), p)
}

// parseLoginRules reads a profile's two JSON columns; empty ones are nil.
func parseLoginRules(ranges, hours string, r *[]org.IPRange, h *org.LoginHours) error {
	if ranges != "[]" {
		if err := json.Unmarshal([]byte(ranges), r); err != nil {
			return err
		}
	}
	if hours != "{}" {
		return json.Unmarshal([]byte(hours), h)
	}
	return nil
}

// grantedSets holds for permission sets ps that work for a user all the time: the one his profile owns and those
// assigned to him. A set that wants session activation gives nothing until activated, so it is left out.
const grantedSets = `ps.has_activation_required = 0 AND (ps.profile_id = $2 OR ps.id IN (
 SELECT a.permission_set_id FROM permission_set_assignment a WHERE a.org_id = $1 AND a.assignee_id = $3 AND a.is_active = 1))`

func permissionsOf(q rowQuerier, orgID, user, profile org.ID) (org.Permissions, error) {
	rows, err := q.Query(`SELECT ps.permissions FROM permission_set ps WHERE ps.org_id = $1 AND `+grantedSets,
		string(orgID), string(profile), string(user))
	if err != nil {
		return nil, fmt.Errorf("reading permissions: %w", err)
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	all := org.Permissions{}
	for rows.Next() {
		var list string
		if err := rows.Scan(&list); err != nil {
			return nil, fmt.Errorf("reading permissions: %w", err)
		}
		var names []string
		if err := json.Unmarshal([]byte(list), &names); err != nil {
			return nil, fmt.Errorf("permissions of a set in org %s: %w", orgID, err)
		}
		for _, n := range names {
			all[n] = true
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading permissions: %w", err)
	}
	return all, nil
}

// AppByConsumerKey implements org.Directory.
func (s *Store) AppByConsumerKey(ctx context.Context, key string) (org.ConnectedApp, error) {
	return readApp(pool{ctx, s.db}, `consumer_key = $1`, key)
}

// AppByID implements org.Directory.
func (s *Store) AppByID(ctx context.Context, orgID, app org.ID) (org.ConnectedApp, error) {
	return readApp(pool{ctx, s.db}, `org_id = $1 AND id = $2`, string(orgID), string(app))
}

// AppsToStart implements org.Directory.
func (s *Store) AppsToStart(ctx context.Context, orgID org.ID, limit int) ([]org.ConnectedApp, error) {
	rows, err := s.db.Query(ctx, `SELECT `+appColumns+` FROM connected_application a
 WHERE a.org_id = $1 AND a.start_url IS NOT NULL AND a.is_blocked = 0 ORDER BY a.name, a.id LIMIT $2`, string(orgID), limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var apps []org.ConnectedApp
	for rows.Next() {
		a, err := scanApp(rows)
		if err != nil {
			return nil, err
		}
		apps = append(apps, a)
	}
	return apps, rows.Err()
}

// AdminApproved implements org.Directory.
func (s *Store) AdminApproved(ctx context.Context, orgID, user, app org.ID) (bool, error) {
	var profile string
	err := s.db.QueryRow(ctx, `SELECT profile_id FROM user_account WHERE org_id = $1 AND id = $2`, string(orgID), string(user)).Scan(&profile)
	if err != nil {
		return false, notFound(err, "user")
	}
	var n int
	err = s.db.QueryRow(ctx, `SELECT COUNT(*) FROM setup_entity_access e JOIN permission_set ps ON ps.org_id = e.org_id AND ps.id = e.parent_id
 WHERE e.org_id = $1 AND e.setup_entity_id = $4 AND `+grantedSets, string(orgID), profile, string(user), string(app)).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("reading access to the app: %w", err)
	}
	return n > 0, nil
}
