package sqlstore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// AddSeeded stores users with what hangs on them in one transaction, and gives their numbers in order. Who is there already
// stays as he is, keeps his live grant, and gets his new sign-in on it. A number that is taken is a Conflict with CodeTaken:
// others are tried. So is the name of another tenant's user.
func (s *Store) AddSeeded(ctx context.Context, all []tenant.Seeded) (ids []int64, err error) {
	snapshots := make([]string, len(all))
	for i, u := range all {
		if u.Grant.ID == 0 {
			continue
		}
		if snapshots[i], err = toJSON(u.Grant.Snapshot); err != nil {
			return nil, err
		}
	}
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		ids = make([]int64, len(all)) // the function may run twice
		for i, u := range all {
			if err := addSeeded(tx, u, snapshots[i], &ids[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return ids, taken(err)
}

func addSeeded(tx *sqldb.Tx, u tenant.Seeded, snapshot string, id *int64) error {
	var eid tenant.EID
	grant := u.Grant.ID
	err := tx.QueryRow(`SELECT eid, id FROM account_user WHERE username_key = $1`, tenant.FoldUsername(u.User.Username)).Scan(&eid, id)
	switch {
	case err == nil && eid != u.User.Tenant:
		return fault.New(fault.Conflict, tenant.CodeTaken, "The user name %s is taken on this server.", u.User.Username)
	case err == nil && grant != 0:
		err = tx.QueryRow(`SELECT id FROM package_grant WHERE client_id = $1 AND user_id = $2 AND cleared_at IS NULL`, u.Grant.ClientID, *id).Scan(&grant)
	case errors.Is(err, sql.ErrNoRows):
		*id = u.User.ID
		if err := insertUser(tx, u.User); err != nil {
			return err
		}
		for _, a := range u.Assignments {
			if err := insertAssignment(tx, a); err != nil {
				return err
			}
		}
	}
	if err != nil && !errors.Is(err, sql.ErrNoRows) || u.Grant.ID == 0 {
		return err
	}
	if grant == u.Grant.ID {
		by := u.Grant.MadeBy
		if by == u.User.ID {
			by = *id
		}
		if _, err := tx.Exec(`INSERT INTO package_grant (id, eid, client_id, user_id, snapshot, made_at, made_by) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			grant, int64(u.Grant.Tenant), u.Grant.ClientID, *id, snapshot, millis(u.Grant.Made), by); err != nil {
			return err
		}
	}
	if u.Refresh.ID == 0 {
		return nil
	}
	f := u.Family
	f.UserID, f.GrantID = *id, grant
	if err := insertFamily(tx, f, snapshot); err != nil {
		return err
	}
	return insertRefresh(tx, u.Refresh)
}
