package sqlstore

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// Tenant implements tenant.Directory.
func (s *Store) Tenant(ctx context.Context, eid tenant.EID) (tenant.Tenant, error) {
	t := tenant.Tenant{EID: eid}
	var settings string
	var created int64
	err := s.db.QueryRow(ctx, `SELECT subdomain, name, account_type, settings, created_at FROM tenant WHERE eid = $1`, int64(eid)).
		Scan(&t.Subdomain, &t.Name, &t.Type, &settings, &created)
	if err != nil {
		return tenant.Tenant{}, notFound(err, "tenant")
	}
	t.Created = timeOf(created)
	return t, fromJSON(settings, &t.Settings)
}

// Offsets implements tenant.Directory.
func (s *Store) Offsets(ctx context.Context) (map[tenant.EID]time.Duration, error) {
	rows, err := s.db.Query(ctx, `SELECT eid, clock_offset_ms FROM tenant WHERE clock_offset_ms <> 0`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[tenant.EID]time.Duration{}
	for rows.Next() {
		var eid, ms int64
		if err := rows.Scan(&eid, &ms); err != nil {
			return nil, err
		}
		out[tenant.EID(eid)] = time.Duration(ms) * time.Millisecond
	}
	return out, rows.Err()
}

// SetOffset stores the offset of the tenant's domain clock; an unknown tenant is a NotFound fault.
func (s *Store) SetOffset(ctx context.Context, eid tenant.EID, offset time.Duration) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		return changeOne(tx, "tenant", `UPDATE tenant SET clock_offset_ms = $2 WHERE eid = $1`, int64(eid), offset.Milliseconds())
	})
}

// BusinessUnits implements tenant.Directory.
func (s *Store) BusinessUnits(ctx context.Context, eid tenant.EID) ([]tenant.BusinessUnit, error) {
	rows, err := s.db.Query(ctx, `SELECT mid, parent_mid, name, is_active, created_at, modified_at FROM business_unit
		WHERE eid = $1 ORDER BY parent_mid <> 0, mid`, int64(eid))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []tenant.BusinessUnit
	for rows.Next() {
		u := tenant.BusinessUnit{Tenant: eid}
		var created, modified int64
		if err := rows.Scan(&u.MID, &u.Parent, &u.Name, &u.Active, &created, &modified); err != nil {
			return nil, err
		}
		u.Created, u.Modified = timeOf(created), timeOf(modified)
		out = append(out, u)
	}
	return out, rows.Err()
}

// HasTenant reports, inside a transaction, whether the tenant is there.
func (s *Store) HasTenant(tx *sqldb.Tx, eid tenant.EID) (bool, error) {
	var n int
	err := tx.QueryRow(`SELECT COUNT(*) FROM tenant WHERE eid = $1`, int64(eid)).Scan(&n)
	return n > 0, err
}

// InsertTenant stores a whole new tenant. A subdomain, MID, user name or client id that is taken on this server is a
// unique key's refusal, which [Taken] names.
func (s *Store) InsertTenant(tx *sqldb.Tx, b tenant.Blueprint) error {
	t := b.Tenant
	settings, err := toJSON(t.Settings)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(`INSERT INTO tenant (eid, subdomain, name, account_type, settings, created_at) VALUES ($1, $2, $3, $4, $5, $6)`,
		int64(t.EID), t.Subdomain, t.Name, string(t.Type), settings, millis(t.Created)); err != nil {
		return err
	}
	for _, u := range b.Units {
		if _, err := tx.Exec(`INSERT INTO business_unit (mid, eid, parent_mid, name, is_active, created_at, modified_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			int64(u.MID), int64(t.EID), int64(u.Parent), u.Name, bit(u.Active), millis(u.Created), millis(u.Modified)); err != nil {
			return err
		}
	}
	for _, r := range b.Roles {
		if err := insertRole(tx, r); err != nil {
			return err
		}
	}
	for _, u := range b.Users {
		if err := insertUser(tx, u); err != nil {
			return err
		}
	}
	for _, a := range b.Assignments {
		if err := insertAssignment(tx, a); err != nil {
			return err
		}
	}
	for _, p := range b.Packages {
		if err := insertPackage(tx, p); err != nil {
			return err
		}
	}
	return nil
}

// Taken turns a unique key's refusal into a Conflict fault; other errors pass.
func Taken(err error) error {
	if sqldb.IsUnique(err) {
		return fault.Wrap(err, fault.Conflict, tenant.CodeTaken, "A subdomain, MID, user name or client id of the tenant is taken on this server.")
	}
	return err
}

// changeOne runs a statement that must change one row; none is a NotFound fault.
func changeOne(tx *sqldb.Tx, what, query string, args ...any) error {
	n, err := change(tx, query, args...)
	if err == nil && n == 0 {
		return fault.New(fault.NotFound, tenant.CodeNotFound, "There is no such %s.", what)
	}
	return err
}

// change runs a statement and reports how many rows it changed.
func change(tx *sqldb.Tx, query string, args ...any) (int64, error) {
	res, err := tx.Exec(query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}
