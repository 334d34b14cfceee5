package sqlstore

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// CreateRole implements tenant.RoleStore.
func (s *Store) CreateRole(ctx context.Context, r tenant.Role) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := room(tx, "role", r.Tenant, tenant.MaxRoles, tenant.CodeInvalidRole, "roles"); err != nil {
			return err
		}
		// The table compares keys exactly, and so do people not.
		var same int
		if err := tx.QueryRow(`SELECT COUNT(*) FROM role WHERE eid = $1 AND lower(customer_key) = lower($2)`, int64(r.Tenant), r.CustomerKey).Scan(&same); err != nil {
			return err
		}
		if same > 0 {
			return fault.New(fault.Conflict, tenant.CodeRoleExists, "A role with this customer key exists already.").In("CustomerKey")
		}
		return insertRole(tx, r)
	})
}

// UpdateRole implements tenant.RoleStore.
func (s *Store) UpdateRole(ctx context.Context, r tenant.Role, unmodifiedSince time.Time) error {
	allowed, err := listJSON(r.Allow)
	if err != nil {
		return err
	}
	denied, err := listJSON(r.Deny)
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		done, err := affected(tx.Exec(`UPDATE role SET name = $3, description = $4, allowed = $5, denied = $6, modified_at = $7
			WHERE eid = $1 AND id = $2 AND modified_at = $8 AND is_system = 0`,
			int64(r.Tenant), r.ID, r.Name, r.Description, allowed, denied, millis(r.Modified), millis(unmodifiedSince)))
		if err == nil && !done {
			return changedMeanwhile("role")
		}
		return err
	})
}

// DeleteRole implements tenant.RoleStore.
func (s *Store) DeleteRole(ctx context.Context, r tenant.Role) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		done, err := affected(tx.Exec(`DELETE FROM role WHERE eid = $1 AND id = $2 AND is_system = 0
			AND NOT EXISTS (SELECT 1 FROM role_assignment a WHERE a.eid = role.eid AND a.role_id = role.id)`, int64(r.Tenant), r.ID))
		if err == nil && !done {
			return fault.New(fault.Conflict, tenant.CodeRoleUsed, "Somebody has the role; take it back first.")
		}
		return err
	})
}
