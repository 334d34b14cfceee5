package sqlstore

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
)

// memberChunk is how many owners of member objects one query asks about.
const memberChunk = 500

// expand reads the member objects of a page's rows.
func (s *Sending) expand(ctx context.Context, eid tenant.EID, columns []column, rows [][]tenant.Value) error {
	for i, c := range columns {
		if c.expand == nil || len(rows) == 0 {
			continue
		}
		keys := make([]string, len(rows))
		for j, row := range rows {
			keys[j], _ = row[i].(string)
		}
		objects, err := c.expand(ctx, s, eid, keys)
		if err != nil {
			return err
		}
		for j := range rows {
			rows[j][i] = objects[j]
		}
	}
	return nil
}

// expandUserPermissions shows a user's numbered permissions (engagement-wire 3, AccountUser).
func expandUserPermissions(_ context.Context, _ *Sending, _ tenant.EID, keys []string) ([]tenant.Objects, error) {
	out := make([]tenant.Objects, len(keys))
	for i, key := range keys {
		var ids []int
		if err := fromJSON(key, &ids); err != nil {
			return nil, err
		}
		out[i] = tenant.Objects{Name: "UserPermissions", Bare: true}
		for _, id := range ids {
			out[i].Items = append(out[i].Items, tenant.Object{
				Properties: []string{"ID", "Name", "Delete"}, Values: []tenant.Value{int64(id), tenant.UserPermissionName(id), int64(0)},
			})
		}
	}
	return out, nil
}

// heldRole is a role with the unit in which somebody has it; the enterprise's number stands for everywhere.
type heldRole struct {
	tenant.Role
	unit int64
}

// expandUserRoles shows the roles that users have everywhere, those that they have in a business unit, by themselves or with
// everybody in it, and each one's individual role. The Client of a role is where it is given.
func expandUserRoles(ctx context.Context, s *Sending, eid tenant.EID, keys []string) ([]tenant.Objects, error) {
	given := map[int64][]heldRole{}
	for chunk := range slices.Chunk(keys, memberChunk) {
		if err := s.rolesOf(ctx, eid, chunk, given); err != nil {
			return nil, err
		}
	}
	out := make([]tenant.Objects, len(keys))
	for i, key := range keys {
		id, err := strconv.ParseInt(key, 10, 64)
		if err != nil {
			return nil, err
		}
		out[i] = tenant.Objects{Name: "Role"}
		for _, r := range append(given[id], heldRole{tenant.User{Tenant: eid, ID: id}.IndividualRole(), int64(eid)}) {
			out[i].Items = append(out[i].Items, tenant.Object{
				Properties: []string{"Client.ID", "Client.EnterpriseID", "ObjectID", "CustomerKey", "Name", "IsPrivate", "IsSystemDefined"},
				Values:     []tenant.Value{r.unit, int64(eid), r.ID, r.CustomerKey, r.Name, r.Private, r.System},
			})
		}
	}
	return out, nil
}

// rolesOf reads the roles of some users.
func (s *Sending) rolesOf(ctx context.Context, eid tenant.EID, users []string, into map[int64][]heldRole) (err error) {
	q := query{args: []any{int64(eid)}}
	marks := make([]string, len(users))
	for i, u := range users {
		id, err := strconv.ParseInt(u, 10, 64)
		if err != nil {
			return err
		}
		marks[i] = q.arg(id)
	}
	list := strings.Join(marks, ", ")
	rows, err := s.db.Query(ctx, `SELECT h.user_id, h.mid, r.id, r.customer_key, r.name, r.is_system FROM (
			SELECT eid, user_id, mid, role_id FROM role_assignment WHERE eid = $1 AND user_id IN (`+list+`)
			UNION SELECT b.eid, b.user_id, b.mid, a.role_id FROM account_user_business_unit b JOIN role_assignment a ON a.eid = b.eid AND a.mid = b.mid AND a.user_id = 0
				WHERE b.eid = $1 AND b.user_id IN (`+list+`)) h
		JOIN role r ON r.eid = h.eid AND r.id = h.role_id ORDER BY h.user_id, h.mid, r.customer_key`, q.args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var user int64
		var r heldRole
		if err := rows.Scan(&user, &r.unit, &r.ID, &r.CustomerKey, &r.Name, &r.System); err != nil {
			return err
		}
		if r.unit == 0 {
			r.unit = int64(eid)
		}
		into[user] = append(into[user], r)
	}
	return rows.Err()
}

// expandRolePermissions shows what roles allow and deny, by object type.
func expandRolePermissions(ctx context.Context, s *Sending, eid tenant.EID, keys []string) ([]tenant.Objects, error) {
	roles, err := (&Store{db: s.db}).Roles(ctx, eid)
	if err != nil {
		return nil, err
	}
	out := make([]tenant.Objects, len(keys))
	for i, key := range keys {
		out[i] = tenant.Objects{Name: "PermissionSet"}
		at := slices.IndexFunc(roles, func(r tenant.Role) bool { return r.ID == key })
		if at < 0 {
			continue
		}
		r := roles[at]
		for _, set := range tenant.PermissionSets() {
			allowed, denied := r.Tells(set.Name)
			if len(allowed)+len(denied) == 0 {
				continue
			}
			out[i].Items = append(out[i].Items, tenant.Object{
				Properties: []string{"CustomerKey", "Name", "IsAllowed", "IsDenied", "Permissions"},
				Values: []tenant.Value{
					set.Name, set.Name, len(allowed) == len(set.Operations), len(denied) == len(set.Operations),
					permissionObjects(set, allowed, denied),
				},
			})
		}
	}
	return out, nil
}

// expandPermissionSet shows the permissions of a set.
func expandPermissionSet(_ context.Context, _ *Sending, _ tenant.EID, keys []string) ([]tenant.Objects, error) {
	out := make([]tenant.Objects, len(keys))
	for i, key := range keys {
		for _, set := range tenant.PermissionSets() {
			if set.Name == key {
				out[i] = permissionObjects(set, nil, nil)
			}
		}
	}
	return out, nil
}

func permissionObjects(set tenant.PermissionSet, allowed, denied []string) tenant.Objects {
	o := tenant.Objects{Name: "Permission"}
	for _, operation := range set.Operations {
		p := tenant.PermissionByName(set.Name + "." + operation)
		o.Items = append(o.Items, tenant.Object{
			Properties: []string{"ID", "Name", "ObjectType", "Operation", "IsAllowed", "IsDenied"},
			Values: []tenant.Value{
				int64(p.ID), p.Name(), p.Object, p.Operation, slices.Contains(allowed, operation), slices.Contains(denied, operation),
			},
		})
	}
	return o
}

// permissionSets is SQL that lists the permission sets, which are part of the program.
func permissionSets() string {
	var b strings.Builder
	for i, set := range tenant.PermissionSets() {
		if i > 0 {
			b.WriteString(" UNION ALL ")
		}
		b.WriteString("SELECT '" + set.Name + "' AS name") // names are letters alone
	}
	return b.String()
}

// timeZoneIDs is SQL that gives the number of a user's time zone; NULL for one that the list does not have.
func timeZoneIDs() string {
	var b strings.Builder
	b.WriteString("CASE u.time_zone")
	for _, z := range tenant.TimeZones() {
		b.WriteString(" WHEN '" + z.Name + "' THEN '" + z.ID + "'")
	}
	return b.String() + " END"
}
