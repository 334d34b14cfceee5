package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/sqldb"
)

var _ org.UserLister = (*Store)(nil)

// UserList implements org.UserLister. The index of last names gives the order, so that a page is read and the rest is not.
func (s *Store) UserList(ctx context.Context, orgID org.ID, f org.UserFilter) ([]org.UserEntry, error) {
	args := []any{string(orgID)}
	param := func(v any) string {
		args = append(args, v)
		return "$" + strconv.Itoa(len(args))
	}
	const key = `fold_case(u.last_name)`
	where := ""
	if f.Active {
		where += ` AND u.is_active = 1`
	}
	if f.Letter != "" {
		letter := sqldb.FoldCase(f.Letter)
		where += ` AND ` + key + ` >= ` + param(letter) + ` AND ` + key + ` LIKE ` + param(likeEscaper.Replace(letter)+"%") + ` ESCAPE '\'`
		if letter >= "a" && letter < "z" {
			where += ` AND ` + key + ` < ` + param(string(rune(letter[0]+1)))
		}
	}
	if f.Text != "" {
		like := ` LIKE ` + param("%"+likeEscaper.Replace(sqldb.FoldCase(f.Text))+"%") + ` ESCAPE '\'`
		where += ` AND (fold_case(u.name)` + like + ` OR fold_case(u.username)` + like + ` OR fold_case(u.email)` + like + ` OR fold_case(u.alias)` + like + `)`
	}
	if f.Set != "" {
		not := ""
		if f.Without {
			not = "NOT "
		}
		where += ` AND ` + not + `EXISTS (SELECT 1 FROM permission_set_assignment a WHERE a.org_id = u.org_id AND a.assignee_id = u.id AND a.permission_set_id = ` + param(string(f.Set)) + `)`
	}
	if f.AfterID != "" {
		name := param(sqldb.FoldCase(f.AfterName))
		where += ` AND ` + key + ` >= ` + name + ` AND (` + key + ` > ` + name + ` OR u.id > ` + param(string(f.AfterID)) + `)`
	}
	rows, err := s.db.Query(ctx, `SELECT u.id, u.last_name, u.name, u.alias, u.username, u.email, u.is_active, u.last_login_date,
 (SELECT p.name FROM profile p WHERE p.org_id = u.org_id AND p.id = u.profile_id)
 FROM user_account u WHERE u.org_id = $1`+where+` ORDER BY `+key+`, u.id LIMIT `+param(f.Limit), args...)
	if err != nil {
		return nil, fmt.Errorf("listing users: %w", err)
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	var out []org.UserEntry
	for rows.Next() {
		var e org.UserEntry
		var last sql.NullInt64
		var profile sql.NullString
		if err := rows.Scan(&e.ID, &e.LastName, &e.Name, &e.Alias, &e.Username, &e.Email, &e.Active, &last, &profile); err != nil {
			return nil, fmt.Errorf("listing users: %w", err)
		}
		e.Profile = profile.String
		if last.Valid {
			e.LastLogin = fromMillis(last.Int64)
		}
		out = append(out, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("listing users: %w", err)
	}
	return out, nil
}
