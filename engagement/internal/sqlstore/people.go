package sqlstore

import (
	"context"
	"errors"
	"strings"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// likeEscaper makes a text one that LIKE takes literally, with "!" as its escape.
var likeEscaper = strings.NewReplacer("!", "!!", "%", "!%", "_", "!_")

// People implements tenant.PeopleStore. The index on (eid, username_key) gives the order, and where to go on.
func (s *Store) People(ctx context.Context, eid tenant.EID, q tenant.PeopleQuery) (list []tenant.User, err error) {
	var args query
	text := `SELECT eid, id, username, name, COALESCE(email, ''), is_active, is_api_user, COALESCE(locked_at, 0), COALESCE(last_login_at, 0), COALESCE(salesforce_username, '') FROM account_user WHERE eid = ` + args.arg(int64(eid)) + ` AND username_key > ` + args.arg(q.After) + ` AND password_hash IS NOT NULL`
	if q.Text != "" {
		text += ` AND found_by LIKE ` + args.arg("%"+likeEscaper.Replace(sqldb.FoldCase(q.Text))+"%") + ` ESCAPE '!'`
	}
	if q.In != 0 {
		mid := args.arg(int64(q.In))
		text += ` AND (default_mid = ` + mid + ` OR id IN (SELECT user_id FROM account_user_business_unit WHERE eid = $1 AND mid = ` + mid + `))`
	}
	rows, err := s.db.Query(ctx, text+` ORDER BY username_key LIMIT `+args.arg(q.Limit), args.args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var u tenant.User
		var locked, login int64
		if err := rows.Scan(&u.Tenant, &u.ID, &u.Username, &u.Name, &u.Email, &u.Active, &u.APIUser, &locked, &login, &u.SalesforceUsername); err != nil {
			return nil, err
		}
		if locked != 0 {
			u.Locked = timeOf(locked)
		}
		if login != 0 {
			u.LastLogin = timeOf(login)
		}
		list = append(list, u)
	}
	return list, rows.Err()
}
