package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"

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
		there, err := usersNamed(tx, all)
		if err != nil {
			return err
		}
		var rows seededRows
		for i, u := range all {
			if ids[i], err = rows.add(tx, u, snapshots[i], there[tenant.FoldUsername(u.User.Username)]); err != nil {
				return err
			}
		}
		return tx.Insert(insertUsers.Of(rows.users...), insertUserUnits.Of(rows.units...), insertAssignments.Of(rows.assignments...), insertGrants.Of(rows.grants...),
			insertFamilies.Of(rows.families...), insertRefreshes.Of(rows.refreshes...))
	})
	return ids, taken(err)
}

var (
	insertUsers       = sqldb.NewAppend("account_user", columnsOf("found_by, username_key, "+userColumns)...)
	insertUserUnits   = sqldb.NewAppend("account_user_business_unit", "eid", "user_id", "mid")
	insertAssignments = sqldb.NewAppend("role_assignment", "eid", "user_id", "mid", "role_id")
	insertGrants      = sqldb.NewAppend("package_grant", "id", "eid", "client_id", "user_id", "snapshot", "made_at", "made_by")
	insertFamilies    = sqldb.NewAppend("token_family", columnsOf(familyColumns)...)
	insertRefreshes   = sqldb.NewAppend("refresh_token", columnsOf(newRefreshColumns)...)
)

// columnsOf are the names of a list of columns.
func columnsOf(list string) []string {
	return strings.Split(strings.Join(strings.Fields(list), ""), ",")
}

// named is a user who is there.
type named struct {
	eid tenant.EID
	id  int64 // 0 for nobody
}

// usersNamed finds those who are there already, by folded user name.
func usersNamed(tx *sqldb.Tx, all []tenant.Seeded) (map[string]named, error) {
	if len(all) == 0 {
		return nil, nil
	}
	args, marks := make([]any, len(all)), make([]string, len(all))
	for i, u := range all {
		args[i], marks[i] = tenant.FoldUsername(u.User.Username), "$"+strconv.Itoa(i+1)
	}
	rows, err := tx.Query(`SELECT username_key, eid, id FROM account_user WHERE username_key IN (`+strings.Join(marks, ", ")+`)`, args...)
	if err != nil {
		return nil, err
	}
	out := map[string]named{}
	for rows.Next() {
		var key string
		var n named
		if err := rows.Scan(&key, &n.eid, &n.id); err != nil {
			return nil, err
		}
		out[key] = n
	}
	return out, rows.Err()
}

// seededRows are rows to be inserted.
type seededRows struct {
	users, units, assignments, grants, families, refreshes [][]any
}

// add collects the rows of a user and gives his number.
func (r *seededRows) add(tx *sqldb.Tx, u tenant.Seeded, snapshot string, there named) (id int64, err error) {
	grant := u.Grant.ID
	switch {
	case there.id == 0:
		if err := r.addUser(u); err != nil {
			return 0, err
		}
	case there.eid != u.User.Tenant:
		return 0, fault.New(fault.Conflict, tenant.CodeTaken, "The user name %s is taken on this server.", u.User.Username)
	case grant != 0:
		err := tx.QueryRow(`SELECT id FROM package_grant WHERE client_id = $1 AND user_id = $2 AND cleared_at IS NULL`, u.Grant.ClientID, there.id).Scan(&grant)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return 0, err
		}
	}
	id = cmp.Or(there.id, u.User.ID)
	if grant != 0 && grant == u.Grant.ID {
		r.grants = append(r.grants, []any{grant, int64(u.Grant.Tenant), u.Grant.ClientID, id, snapshot, millis(u.Grant.Made), id})
	}
	if u.Refresh.ID != 0 {
		f := u.Family
		f.UserID, f.GrantID = id, grant
		r.families, r.refreshes = append(r.families, familyRow(f, snapshot)), append(r.refreshes, refreshRow(u.Refresh))
	}
	return id, nil
}

func (r *seededRows) addUser(u tenant.Seeded) error {
	row, err := userRow(u.User)
	if err != nil {
		return err
	}
	r.users = append(r.users, row)
	for _, mid := range u.User.MIDs {
		r.units = append(r.units, []any{int64(u.User.Tenant), u.User.ID, int64(mid)})
	}
	for _, a := range u.Assignments {
		r.assignments = append(r.assignments, []any{int64(a.Tenant), a.UserID, int64(a.MID), a.RoleID})
	}
	return nil
}
