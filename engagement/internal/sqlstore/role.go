package sqlstore

import (
	"context"
	"math"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// Roles implements tenant.Directory.
func (s *Store) Roles(ctx context.Context, eid tenant.EID) ([]tenant.Role, error) {
	rows, err := s.db.Query(ctx, `SELECT id, customer_key, name, description, is_system, allowed, denied, created_at, modified_at
		FROM role WHERE eid = $1 ORDER BY customer_key`, int64(eid))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []tenant.Role
	for rows.Next() {
		r := tenant.Role{Tenant: eid}
		var allowed, denied string
		var created, modified int64
		if err := rows.Scan(&r.ID, &r.CustomerKey, &r.Name, &r.Description, &r.System, &allowed, &denied, &created, &modified); err != nil {
			return nil, err
		}
		if err := fromJSON(allowed, &r.Allow); err != nil {
			return nil, err
		}
		if err := fromJSON(denied, &r.Deny); err != nil {
			return nil, err
		}
		r.Created, r.Modified = timeOf(created), timeOf(modified)
		out = append(out, r)
	}
	return out, rows.Err()
}

// Assignments implements tenant.Directory.
func (s *Store) Assignments(ctx context.Context, eid tenant.EID, userID int64) ([]tenant.Assignment, error) {
	return s.assignments(ctx, eid, `user_id IN (0, $2) ORDER BY user_id, mid, role_id`, userID)
}

// AssignmentsIn implements tenant.UnitRoleStore.
func (s *Store) AssignmentsIn(ctx context.Context, eid tenant.EID, mid tenant.MID, after tenant.Assignment, limit int) ([]tenant.Assignment, error) {
	if limit == 0 {
		limit = math.MaxInt32
	}
	return s.assignments(ctx, eid, `mid = $2 AND user_id >= $3 AND (user_id > $3 OR role_id > $4) ORDER BY user_id, role_id LIMIT $5`, int64(mid), after.UserID, after.RoleID, limit)
}

func (s *Store) assignments(ctx context.Context, eid tenant.EID, where string, args ...any) ([]tenant.Assignment, error) {
	rows, err := s.db.Query(ctx, `SELECT user_id, mid, role_id FROM role_assignment WHERE eid = $1 AND `+where, append([]any{int64(eid)}, args...)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []tenant.Assignment
	for rows.Next() {
		a := tenant.Assignment{Tenant: eid}
		if err := rows.Scan(&a.UserID, &a.MID, &a.RoleID); err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, rows.Err()
}

// Assign implements tenant.UnitRoleStore.
func (s *Store) Assign(ctx context.Context, a tenant.Assignment) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error { return insertAssignment(tx, a) })
}

// Unassign implements tenant.UnitRoleStore.
func (s *Store) Unassign(ctx context.Context, a tenant.Assignment) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`DELETE FROM role_assignment WHERE eid = $1 AND user_id = $2 AND mid = $3 AND role_id = $4`, int64(a.Tenant), a.UserID, int64(a.MID), a.RoleID)
		return err
	})
}

func insertRole(tx *sqldb.Tx, r tenant.Role) error {
	allowed, err := listJSON(r.Allow)
	if err != nil {
		return err
	}
	denied, err := listJSON(r.Deny)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO role (eid, id, customer_key, name, description, is_system, allowed, denied, created_at, modified_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		int64(r.Tenant), r.ID, r.CustomerKey, r.Name, r.Description, bit(r.System), allowed, denied, millis(r.Created), millis(r.Modified))
	return err
}

func insertAssignment(tx *sqldb.Tx, a tenant.Assignment) error {
	_, err := tx.Exec(`INSERT INTO role_assignment (eid, user_id, mid, role_id) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
		int64(a.Tenant), a.UserID, int64(a.MID), a.RoleID)
	return err
}

// listJSON stores a list; nil is the empty one.
func listJSON[T any](list []T) (string, error) {
	if list == nil {
		list = []T{}
	}
	return toJSON(list)
}
