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

// fewHolders is up to how many users of a permission set are read and then put in order; more are looked for in the order
// of names, where so many are soon found.
const fewHolders = 400

// userKey is what lists of users are in the order of, with the id behind it: as an index has it.
const userKey = `fold_case(u.last_name)`

// userQuery is a query of a list of users as it is written.
type userQuery struct {
	where string
	args  []any
}

func (q *userQuery) param(v any) string {
	q.args = append(q.args, v)
	return "$" + strconv.Itoa(len(q.args))
}

// after keeps to the users behind one in the list.
func (q *userQuery) after(name string, id org.ID) {
	n := q.param(sqldb.FoldCase(name))
	q.where += ` AND ` + userKey + ` >= ` + n + ` AND (` + userKey + ` > ` + n + ` OR u.id > ` + q.param(string(id)) + `)`
}

// plain keeps to what columns of the user say.
func (q *userQuery) plain(f org.UserFilter) {
	if f.Active {
		q.where += ` AND u.is_active = 1`
	}
	if f.Letter != "" {
		letter := sqldb.FoldCase(f.Letter)
		q.where += ` AND ` + userKey + ` >= ` + q.param(letter) + ` AND ` + userKey + ` LIKE ` + q.param(likeEscaper.Replace(letter)+"%") + ` ESCAPE '\'`
		if letter >= "a" && letter < "z" {
			q.where += ` AND ` + userKey + ` < ` + q.param(string(rune(letter[0]+1)))
		}
	}
	if f.Text != "" {
		q.where += ` AND u.found_by LIKE ` + q.param("%"+likeEscaper.Replace(org.SearchKey(f.Text))+"%") + ` ESCAPE '\'`
	}
	if f.AfterID != "" {
		q.after(f.AfterName, f.AfterID)
	}
}

// UserList implements org.UserLister. The index of last names gives the order, so that a page is read and the rest is not.
func (s *Store) UserList(ctx context.Context, orgID org.ID, f org.UserFilter) (org.UserPage, error) {
	page, err := s.userList(ctx, orgID, f)
	if err != nil {
		return org.UserPage{}, fmt.Errorf("listing users: %w", err)
	}
	return page, nil
}

func (s *Store) userList(ctx context.Context, orgID org.ID, f org.UserFilter) (page org.UserPage, err error) {
	q := userQuery{args: []any{string(orgID)}}
	q.plain(f)
	from := `user_account u`
	reached, name, id := false, "", org.ID("")
	switch {
	case f.Set == "":
	case f.Without:
		if f.Reach > 0 {
			if reached, name, id, err = s.reach(ctx, q, f.Reach); err != nil {
				return page, err
			}
			if reached {
				n := q.param(sqldb.FoldCase(name))
				q.where += ` AND ` + userKey + ` <= ` + n + ` AND (` + userKey + ` < ` + n + ` OR u.id <= ` + q.param(string(id)) + `)`
			}
		}
		q.where += ` AND NOT EXISTS (SELECT 1 FROM permission_set_assignment a WHERE a.org_id = u.org_id AND a.assignee_id = u.id AND a.permission_set_id = ` + q.param(string(f.Set)) + `)`
	default:
		few, err := s.fewHold(ctx, orgID, f.Set)
		if err != nil {
			return page, err
		}
		if few { // CROSS JOIN keeps SQLite to this order
			from = `permission_set_assignment a CROSS JOIN user_account u`
			q.where += ` AND a.org_id = $1 AND a.permission_set_id = ` + q.param(string(f.Set)) + ` AND u.id = a.assignee_id`
		} else {
			q.where += ` AND EXISTS (SELECT 1 FROM permission_set_assignment a WHERE a.org_id = u.org_id AND a.assignee_id = u.id AND a.permission_set_id = ` + q.param(string(f.Set)) + `)`
		}
	}
	limit := q.param(f.Limit + 1)
	rows, err := s.db.Query(ctx, `SELECT u.id, u.last_name, u.name, u.alias, u.username, u.email, u.is_active, u.last_login_date,
 (SELECT p.name FROM profile p WHERE p.org_id = u.org_id AND p.id = u.profile_id)
 FROM `+from+` WHERE u.org_id = $1`+q.where+` ORDER BY `+userKey+`, u.id LIMIT `+limit, q.args...)
	if err != nil {
		return page, err
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	for rows.Next() {
		var e org.UserEntry
		var last sql.NullInt64
		var profile sql.NullString
		if err := rows.Scan(&e.ID, &e.LastName, &e.Name, &e.Alias, &e.Username, &e.Email, &e.Active, &last, &profile); err != nil {
			return page, err
		}
		e.Profile = profile.String
		if last.Valid {
			e.LastLogin = fromMillis(last.Int64)
		}
		page.Users = append(page.Users, e)
	}
	if err := rows.Err(); err != nil {
		return page, err
	}
	if len(page.Users) > f.Limit {
		page.Users = page.Users[:f.Limit]
		end := page.Users[f.Limit-1]
		page.More, page.NextName, page.NextID = true, end.LastName, end.ID
	} else if reached {
		page.More, page.Short, page.NextName, page.NextID = true, true, name, id
	}
	return page, nil
}

// reach gives the last of so many users; false where there are not more.
func (s *Store) reach(ctx context.Context, q userQuery, n int) (more bool, name string, id org.ID, err error) {
	q.args = append([]any(nil), q.args...)
	at := q.param(n - 1)
	rows, err := s.db.Query(ctx, `SELECT u.last_name, u.id FROM user_account u WHERE u.org_id = $1`+q.where+` ORDER BY `+userKey+`, u.id LIMIT 2 OFFSET `+at, q.args...)
	if err != nil {
		return false, "", "", err
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	for found := 0; rows.Next(); found++ {
		if found > 0 {
			more = true
			break
		}
		if err := rows.Scan(&name, &id); err != nil {
			return false, "", "", err
		}
	}
	return more, name, id, rows.Err()
}

// fewHold reports whether at most fewHolders users have the set.
func (s *Store) fewHold(ctx context.Context, orgID, set org.ID) (bool, error) {
	var n int
	err := s.db.QueryRow(ctx, `SELECT COUNT(*) FROM (SELECT 1 FROM permission_set_assignment a WHERE a.org_id = $1 AND a.permission_set_id = $2 LIMIT $3) AS holders`,
		string(orgID), string(set), fewHolders+1).Scan(&n)
	return n <= fewHolders, err
}
