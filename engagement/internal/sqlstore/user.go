package sqlstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/sqldb"
)

const userColumns = `eid, id, customer_key, username, name, email, password_hash, password_changed_at, is_active, is_api_user,
	must_change_password, failed_logins, locked_at, last_login_at, default_mid, salesforce_username, locale, time_zone, created_at, modified_at,
	notification_email, user_permissions, modified_by`

// UserByID implements tenant.Directory.
func (s *Store) UserByID(ctx context.Context, eid tenant.EID, id int64) (tenant.User, error) {
	return s.user(ctx, s.db.QueryRow(ctx, `SELECT `+userColumns+` FROM account_user WHERE eid = $1 AND id = $2`, int64(eid), id))
}

// UserByUsername implements tenant.Directory.
func (s *Store) UserByUsername(ctx context.Context, folded string) (tenant.User, error) {
	return s.user(ctx, s.db.QueryRow(ctx, `SELECT `+userColumns+` FROM account_user WHERE username_key = $1`, folded))
}

// scanUser reads a row of userColumns; the units that the user may work in are elsewhere.
func scanUser(row scanner) (tenant.User, error) {
	var u tenant.User
	var email, hash, salesforce sql.NullString
	var changed, locked, login sql.NullInt64
	var created, modified int64
	var permissions string
	err := row.Scan(&u.Tenant, &u.ID, &u.CustomerKey, &u.Username, &u.Name, &email, &hash, &changed, &u.Active, &u.APIUser,
		&u.MustChange, &u.FailedLogins, &locked, &login, &u.DefaultMID, &salesforce, &u.Locale, &u.TimeZone, &created, &modified,
		&u.NotificationEmail, &permissions, &u.ModifiedBy)
	if err != nil {
		return tenant.User{}, notFound(err, "user")
	}
	if err := fromJSON(permissions, &u.Permissions); err != nil {
		return tenant.User{}, err
	}
	if len(u.Permissions) == 0 {
		u.Permissions = nil
	}
	u.Email, u.PasswordHash, u.SalesforceUsername = email.String, hash.String, salesforce.String
	u.PasswordChanged, u.Locked, u.LastLogin = timeOfNull(changed), timeOfNull(locked), timeOfNull(login)
	u.Created, u.Modified = timeOf(created), timeOf(modified)
	return u, nil
}

func (s *Store) user(ctx context.Context, row *sql.Row) (tenant.User, error) {
	u, err := scanUser(row)
	if err != nil {
		return tenant.User{}, err
	}
	rows, err := s.db.Query(ctx, `SELECT mid FROM account_user_business_unit WHERE eid = $1 AND user_id = $2 ORDER BY mid`, int64(u.Tenant), u.ID)
	if err != nil {
		return tenant.User{}, err
	}
	defer rows.Close()
	for rows.Next() {
		var mid tenant.MID
		if err := rows.Scan(&mid); err != nil {
			return tenant.User{}, err
		}
		u.MIDs = append(u.MIDs, mid)
	}
	return u, rows.Err()
}

// userRow is the row of a user, the folded name first.
func userRow(u tenant.User) ([]any, error) {
	permissions, err := listJSON(u.Permissions)
	return []any{
		foundBy(u), tenant.FoldUsername(u.Username), int64(u.Tenant), u.ID, u.CustomerKey, u.Username, u.Name, nullText(u.Email), nullText(u.PasswordHash),
		nullMillis(u.PasswordChanged), bit(u.Active), bit(u.APIUser), bit(u.MustChange), u.FailedLogins, nullMillis(u.Locked), nullMillis(u.LastLogin),
		int64(u.DefaultMID), nullText(u.SalesforceUsername), u.Locale, u.TimeZone, millis(u.Created), millis(u.Modified),
		u.NotificationEmail, permissions, u.ModifiedBy,
	}, err
}

// foundBy is what lists of users are searched in: a line each, whatever the case.
func foundBy(u tenant.User) string {
	return sqldb.FoldCase(u.Username + "\n" + u.Name + "\n" + u.Email)
}

func insertUser(tx *sqldb.Tx, u tenant.User) error {
	row, err := userRow(u)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(`INSERT INTO account_user (found_by, username_key, `+userColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)`, row...); err != nil {
		return err
	}
	for _, mid := range u.MIDs {
		if _, err := tx.Exec(`INSERT INTO account_user_business_unit (eid, user_id, mid) VALUES ($1, $2, $3)`, int64(u.Tenant), u.ID, int64(mid)); err != nil {
			return err
		}
	}
	return nil
}

// CountFailure implements tenant.UserStore.
func (s *Store) CountFailure(ctx context.Context, e tenant.LoginEvent, lockAfter int) (bool, error) {
	var locked bool
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if _, err := tx.Exec(`UPDATE account_user SET failed_logins = failed_logins + 1,
			locked_at = CASE WHEN locked_at IS NULL AND failed_logins + 1 >= $3 THEN $4 ELSE locked_at END
			WHERE eid = $1 AND id = $2`, int64(e.Tenant), e.UserID, lockAfter, millis(e.At)); err != nil {
			return err
		}
		if err := tx.QueryRow(`SELECT locked_at IS NOT NULL FROM account_user WHERE eid = $1 AND id = $2`, int64(e.Tenant), e.UserID).Scan(&locked); err != nil {
			return err
		}
		return noteLogin(tx, e)
	})
	return locked, notFound(err, "user")
}

// nobodyPlaces is how many rows share the counts of nobody's logins, so that few wait for the same.
const nobodyPlaces = 64

// CountNobody implements tenant.UserStore. The rows are read by nobody, and there are few of them. The second write is for
// what [noteLogin] costs.
func (s *Store) CountNobody(ctx context.Context, name string) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		place, err := countNobody(tx, name)
		if err != nil {
			return err
		}
		_, err = tx.Exec(`UPDATE login_nobody SET failed_logins = failed_logins WHERE place = $1`, place)
		return err
	})
}

// countNobody counts in the place of the name, which it returns.
func countNobody(tx *sqldb.Tx, name string) (int64, error) {
	sum := sha256.Sum256([]byte(name))
	place := int64(sum[0] % nobodyPlaces)
	_, err := tx.Exec(`INSERT INTO login_nobody (place, failed_logins) VALUES ($1, 1)
		ON CONFLICT (place) DO UPDATE SET failed_logins = login_nobody.failed_logins + 1`, place)
	return place, err
}

// ClearFailures implements tenant.UserStore.
func (s *Store) ClearFailures(ctx context.Context, eid tenant.EID, id int64) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`UPDATE account_user SET failed_logins = 0 WHERE eid = $1 AND id = $2 AND locked_at IS NULL`, int64(eid), id)
		return err
	})
}

// SignedIn implements tenant.UserStore.
func (s *Store) SignedIn(ctx context.Context, e tenant.LoginEvent) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if _, err := tx.Exec(`UPDATE account_user SET failed_logins = 0, last_login_at = $3 WHERE eid = $1 AND id = $2 AND locked_at IS NULL`,
			int64(e.Tenant), e.UserID, millis(e.At)); err != nil {
			return err
		}
		return noteLogin(tx, e)
	})
}

// SetPassword implements tenant.UserStore.
func (s *Store) SetPassword(ctx context.Context, eid tenant.EID, id int64, oldHash, newHash string, endGrants bool, now time.Time) (bool, error) {
	var done bool
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		n, err := change(tx, `UPDATE account_user SET password_hash = $4, password_changed_at = $5, must_change_password = 0, failed_logins = 0, modified_at = $5
			WHERE eid = $1 AND id = $2 AND password_hash = $3`, int64(eid), id, oldHash, newHash, millis(now))
		if done = n > 0; err != nil || !done {
			return err
		}
		return endAccess(tx, eid, id, true, endGrants, id, now)
	})
	return done, err
}

// Unlock implements tenant.UserStore.
func (s *Store) Unlock(ctx context.Context, eid tenant.EID, id int64, now time.Time) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		return changeOne(tx, "user", `UPDATE account_user SET failed_logins = 0, locked_at = NULL, modified_at = $3 WHERE eid = $1 AND id = $2`,
			int64(eid), id, millis(now))
	})
}
