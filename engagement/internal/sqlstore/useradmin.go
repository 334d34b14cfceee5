package sqlstore

import (
	"context"
	"strings"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// UserByKey implements tenant.UserAdminStore.
func (s *Store) UserByKey(ctx context.Context, eid tenant.EID, key string) (tenant.User, error) {
	return s.user(ctx, s.db.QueryRow(ctx, `SELECT `+userColumns+` FROM account_user
		WHERE eid = $1 AND lower(customer_key) = lower($2) ORDER BY id LIMIT 1`, int64(eid), strings.TrimSpace(key)))
}

// CreateUser implements tenant.UserAdminStore.
func (s *Store) CreateUser(ctx context.Context, u tenant.User, given []tenant.Assignment) error {
	return takenName(s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := insertUser(tx, u); err != nil {
			return err
		}
		for _, a := range given {
			if err := insertAssignment(tx, a); err != nil {
				return err
			}
		}
		return nil
	}))
}

// EditUser implements tenant.UserAdminStore.
func (s *Store) EditUser(ctx context.Context, e tenant.UserEdit, now time.Time) error {
	u := e.New
	permissions, err := listJSON(u.Permissions)
	if err != nil {
		return err
	}
	return takenName(s.db.Write(ctx, func(tx *sqldb.Tx) error {
		n, err := change(tx, `UPDATE account_user SET customer_key = $4, username = $5, username_key = $6, name = $7, email = $8, is_active = $9,
			is_api_user = $10, must_change_password = $11, default_mid = $12, salesforce_username = $13, locale = $14, time_zone = $15,
			notification_email = $16, user_permissions = $17, modified_at = $18, modified_by = $19, found_by = $20
			WHERE eid = $1 AND id = $2 AND modified_at = $3`,
			int64(u.Tenant), u.ID, millis(e.Old.Modified), u.CustomerKey, u.Username, tenant.FoldUsername(u.Username), u.Name, nullText(u.Email), bit(u.Active),
			bit(u.APIUser), bit(u.MustChange), int64(u.DefaultMID), nullText(u.SalesforceUsername), u.Locale, u.TimeZone,
			u.NotificationEmail, permissions, millis(u.Modified), u.ModifiedBy, foundBy(u))
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.New(fault.Conflict, tenant.CodeChangedMeanwhile, "The user was changed by somebody else at this moment.")
		}
		if u.Locked.IsZero() && !e.Old.Locked.IsZero() || u.FailedLogins < e.Old.FailedLogins {
			if _, err := tx.Exec(`UPDATE account_user SET failed_logins = 0, locked_at = NULL WHERE eid = $1 AND id = $2`, int64(u.Tenant), u.ID); err != nil {
				return err
			}
		}
		return editParts(tx, e, now)
	}))
}

// editParts writes what of a change lies in other tables.
func editParts(tx *sqldb.Tx, e tenant.UserEdit, now time.Time) error {
	eid, id := int64(e.New.Tenant), e.New.ID
	for _, mid := range e.AddMIDs {
		if _, err := tx.Exec(`INSERT INTO account_user_business_unit (eid, user_id, mid) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, eid, id, int64(mid)); err != nil {
			return err
		}
	}
	for _, mid := range e.RemoveMIDs {
		if _, err := tx.Exec(`DELETE FROM account_user_business_unit WHERE eid = $1 AND user_id = $2 AND mid = $3`, eid, id, int64(mid)); err != nil {
			return err
		}
	}
	for _, a := range e.Give {
		if err := insertAssignment(tx, a); err != nil {
			return err
		}
	}
	for _, a := range e.Take {
		if _, err := tx.Exec(`DELETE FROM role_assignment WHERE eid = $1 AND user_id = $2 AND mid = $3 AND role_id = $4`, eid, id, int64(a.MID), a.RoleID); err != nil {
			return err
		}
	}
	if e.PasswordIsNew {
		if _, err := tx.Exec(`UPDATE account_user SET password_hash = $3, password_changed_at = $4, failed_logins = 0 WHERE eid = $1 AND id = $2`,
			eid, id, e.New.PasswordHash, millis(e.New.PasswordChanged)); err != nil {
			return err
		}
	}
	if err := endAccess(tx, e.New.Tenant, id, e.EndSessions, e.EndGrants, e.AsAdmin, now); err != nil || !e.EndTokens {
		return err
	}
	_, err := tx.Exec(`UPDATE token_family SET ended_at = $3 WHERE eid = $1 AND user_id = $2 AND ended_at IS NULL`, eid, id, millis(now))
	return err
}

// endAccess ends a user's browser sessions with the token families that do not outlive them, and his grants and all his
// token families where asked. Sessions come first: see AddFamily.
func endAccess(tx *sqldb.Tx, eid tenant.EID, id int64, sessions, grants bool, by int64, now time.Time) error {
	if sessions {
		if _, err := tx.Exec(`UPDATE web_session SET ended_at = $3 WHERE eid = $1 AND user_id = $2 AND ended_at IS NULL`, int64(eid), id, millis(now)); err != nil {
			return err
		}
		if _, err := tx.Exec(`UPDATE token_family SET ended_at = $3 WHERE eid = $1 AND user_id = $2 AND is_offline = 0 AND ended_at IS NULL`, int64(eid), id, millis(now)); err != nil {
			return err
		}
	}
	if !grants {
		return nil
	}
	if _, err := tx.Exec(`UPDATE package_grant SET cleared_at = $3, cleared_by = $4 WHERE eid = $1 AND user_id = $2 AND cleared_at IS NULL`,
		int64(eid), id, millis(now), by); err != nil {
		return err
	}
	_, err := tx.Exec(`UPDATE token_family SET ended_at = $3 WHERE eid = $1 AND user_id = $2 AND ended_at IS NULL`, int64(eid), id, millis(now))
	return err
}

// takenName turns the refusal of a user name that is there already into a Conflict; other errors pass.
func takenName(err error) error {
	if sqldb.IsUnique(err) {
		return fault.Wrap(err, fault.Conflict, tenant.CodeTaken, "The user name is taken.").In("UserID")
	}
	return err
}
