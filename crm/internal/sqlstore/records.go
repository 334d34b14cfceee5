package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/sqldb"
)

var (
	_ org.RecordStore = (*Store)(nil)
	_ org.RecordTx    = recordTx{}
)

// Write implements org.RecordStore.
func (s *Store) Write(ctx context.Context, fn func(org.RecordTx) error) error {
	return s.WriteTx(ctx, func(_ *sqldb.Tx, r org.RecordTx) error { return fn(r) })
}

// WriteTx is Write for functions that also write what is not a record; both handles are the same transaction.
func (s *Store) WriteTx(ctx context.Context, fn func(*sqldb.Tx, org.RecordTx) error) error {
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error { return fn(tx, s.recordTx(tx)) })
	return taken(err)
}

// taken says of a unique key that is taken what org.RecordStore promises.
func taken(err error) error {
	if sqldb.IsUnique(err) {
		return fmt.Errorf("%w: %w", org.ErrTaken, err)
	}
	return err
}

// Read implements org.RecordStore.
func (s *Store) Read(ctx context.Context, o *org.Object, orgID, id org.ID, fields []*org.Field) (org.Values, error) {
	return read(pool{ctx, s.db}, o, orgID, id, fields)
}

func read(q rowQuerier, o *org.Object, orgID, id org.ID, fields []*org.Field) (org.Values, error) {
	found, err := find(q, o, orgID, org.Values{"Id": string(id)}, fields, 1, "")
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, noSuchRecord()
	}
	return found[0], nil
}

// FindRecords implements org.RecordFinder.
func (s *Store) FindRecords(ctx context.Context, o *org.Object, orgID org.ID, match org.Values, limit int) ([]org.Values, error) {
	return find(pool{ctx, s.db}, o, orgID, match, storedFields(o), limit, "")
}

// Lookup implements org.RecordStore.
func (s *Store) Lookup(ctx context.Context, o *org.Object, orgID org.ID, match org.Values, limit int) ([]org.ID, error) {
	return lookup(pool{ctx, s.db}, o, orgID, match, limit)
}

func lookup(q rowQuerier, o *org.Object, orgID org.ID, match org.Values, limit int) ([]org.ID, error) {
	found, err := find(q, o, orgID, match, []*org.Field{o.Stored("Id")}, limit, "")
	if err != nil {
		return nil, err
	}
	ids := make([]org.ID, len(found))
	for i, v := range found {
		ids[i] = v.ID("Id")
	}
	return ids, nil
}

func noSuchRecord() error {
	return fault.New(fault.NotFound, org.CodeNotFound, "The requested resource does not exist")
}

func noSuchOrg(id org.ID) error {
	return fault.New(fault.NotFound, org.CodeNotFound, "no org %s", id)
}

type recordTx struct {
	tx       *sqldb.Tx
	postgres bool
	queue    *jobs.Queue // takes letters, and deletions that take long; nil takes none
	room     *int        // what is left of org.CascadeAtOnce
}

func (s *Store) recordTx(tx *sqldb.Tx) recordTx {
	room := org.CascadeAtOnce
	return recordTx{tx: tx, postgres: s.db.Postgres(), queue: s.queue, room: &room}
}

// Try implements org.RecordTx.
func (t recordTx) Try(fn func() error) error { return taken(t.tx.Try(fn)) }

// Lock implements org.RecordTx. SQLite has one writer at a time, so only PostgreSQL needs to be told.
func (t recordTx) Lock(o *org.Object, orgID, id org.ID) (org.Values, error) {
	suffix := ""
	if t.postgres && !isView(o) {
		suffix = " FOR UPDATE OF t"
	}
	found, err := find(t.tx, o, orgID, org.Values{"Id": string(id)}, storedFields(o), 1, suffix)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, noSuchRecord()
	}
	return found[0], nil
}

// Find implements org.RecordTx.
func (t recordTx) Find(o *org.Object, orgID org.ID, match org.Values, limit int) ([]org.Values, error) {
	return find(t.tx, o, orgID, match, storedFields(o), limit, "")
}

// Count implements org.RecordTx.
func (t recordTx) Count(o *org.Object, orgID org.ID, match org.Values) (int, error) {
	where, args, err := matching(o, orgID, match, nil)
	if err != nil {
		return 0, err
	}
	var n int
	err = t.tx.QueryRow(`SELECT COUNT(*) FROM `+tableOf(o)+` t WHERE `+where, args...).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("counting %s: %w", o.Name, err)
	}
	return n, nil
}

func storedFields(o *org.Object) []*org.Field {
	return slices.DeleteFunc(slices.Clone(o.Fields), func(f *org.Field) bool { return f.Place == org.PlaceComputed })
}

func find(q rowQuerier, o *org.Object, orgID org.ID, match org.Values, fields []*org.Field, limit int, suffix string) ([]org.Values, error) {
	where, args, err := matching(o, orgID, match, nil)
	if err != nil {
		return nil, err
	}
	exprs := make([]string, len(fields))
	for i, f := range fields {
		exprs[i] = expression(o, f, "t")
		if f.Name == "IsDeleted" {
			if gone := binned(o, "t"); gone != "" {
				exprs[i] = "CASE WHEN " + exprs[i] + " = 1 OR " + gone + " THEN 1 ELSE 0 END"
			}
		}
	}
	from := tableOf(o) + " t"
	if hasFlex(fields) {
		from += joinFlex("t")
	}
	rows, err := q.Query(`SELECT `+strings.Join(exprs, ", ")+` FROM `+from+` WHERE `+where+` LIMIT `+strconv.Itoa(limit)+suffix, args...)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", o.Name, err)
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	var out []org.Values
	for rows.Next() {
		cells, dests := cellsFor(fields)
		if err := rows.Scan(dests...); err != nil {
			return nil, fmt.Errorf("reading %s: %w", o.Name, err)
		}
		v := make(org.Values, len(fields))
		for i := range cells {
			v[cells[i].field.Name] = cells[i].value()
		}
		out = append(out, v)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading %s: %w", o.Name, err)
	}
	return out, nil
}

// matching is the WHERE of a match over alias t, its parameters appended to args. An empty org means the whole server.
func matching(o *org.Object, orgID org.ID, match org.Values, args []any) (string, []any, error) {
	terms := make([]string, 0, len(match)+1)
	param := func(v any) string {
		args = append(args, v)
		return "$" + strconv.Itoa(len(args))
	}
	add := func(expr string, v any) { terms = append(terms, expr+" = "+param(v)) }
	if orgID != "" {
		add("t."+orgColumn(o), string(orgID))
	}
	if o.Own {
		add("t.object", o.KeyPrefix)
	}
	for _, name := range sortedNames(match) {
		f, v := o.Stored(name), match[name]
		if f.Place == org.PlaceFlex {
			term, err := flexMatch(orgID, f, v, param)
			if err != nil {
				return "", nil, err
			}
			terms = append(terms, term)
			continue
		}
		expr := expression(o, f, "t")
		if v == nil {
			terms = append(terms, expr+" IS NULL")
			continue
		}
		if text, ok := v.(string); ok && f.Folded {
			expr, v = "t."+f.Column+"_key", org.Fold(text)
		} else if ok && f.Type.IsText() {
			expr, v = folded(expr), sqldb.FoldCase(text)
		}
		e, err := encode(v)
		if err != nil {
			return "", nil, err
		}
		add(expr, e)
	}
	if len(terms) == 0 {
		return "", nil, errors.New("a match that names nothing")
	}
	return strings.Join(terms, " AND "), args, nil
}

// assignments collects the columns of values and what goes into the two JSON columns.
type assignments struct {
	columns []string
	args    []any
	bagged  []*org.Field
}

func assign(o *org.Object, values org.Values) (assignments, error) {
	var a assignments
	for _, name := range sortedNames(values) {
		f := o.Stored(name)
		switch f.Place {
		case org.PlaceComputed:
			return a, fmt.Errorf("%s.%s is computed", o.Name, f.Name)
		case org.PlaceCustom, org.PlacePermission:
			a.bagged = append(a.bagged, f)
			continue
		case org.PlaceFlex:
			continue // in a table of their own
		}
		e, err := encode(values[name])
		if err != nil {
			return a, fmt.Errorf("%s.%s: %w", o.Name, f.Name, err)
		}
		a.columns, a.args = append(a.columns, f.Column), append(a.args, e)
		if f.Folded {
			a.columns, a.args = append(a.columns, f.Column+"_key"), append(a.args, org.Fold(values.Text(name)))
		}
	}
	return a, nil
}

// addBags adds the JSON columns that the object has, as b holds them after values.
func (a *assignments) addBags(o *org.Object, b bags, values org.Values) error {
	for _, f := range a.bagged {
		if err := b.set(f, values[f.Name]); err != nil {
			return fmt.Errorf("%s.%s: %w", o.Name, f.Name, err)
		}
	}
	if hasPlace(o, org.PlaceCustom) {
		text, err := b.customJSON()
		if err != nil {
			return err
		}
		a.columns, a.args = append(a.columns, "custom"), append(a.args, text)
	}
	if hasPlace(o, org.PlacePermission) {
		text, err := b.permissionsJSON()
		if err != nil {
			return err
		}
		a.columns, a.args = append(a.columns, "permissions"), append(a.args, text)
	}
	return nil
}

// NextNumber implements org.RecordTx.
func (t recordTx) NextNumber(o *org.Object, orgID org.ID) (int64, error) {
	var n int64
	err := t.tx.QueryRow(`INSERT INTO record_number (org_id, object, last) VALUES ($1, $2, 1)
 ON CONFLICT (org_id, object) DO UPDATE SET last = record_number.last + 1 RETURNING last`, string(orgID), o.Name).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("numbering %s: %w", o.Name, err)
	}
	return n, nil
}

// Insert implements org.RecordTx.
func (t recordTx) Insert(o *org.Object, orgID org.ID, values org.Values) error {
	a, err := newRow(o, orgID, values)
	if err != nil {
		return err
	}
	marks := make([]string, len(a.columns))
	for i := range marks {
		marks[i] = "$" + strconv.Itoa(i+1)
	}
	_, err = t.tx.Exec(`INSERT INTO `+tableOf(o)+` (`+strings.Join(a.columns, ", ")+`) VALUES (`+strings.Join(marks, ", ")+`)`, a.args...)
	if err != nil {
		return fmt.Errorf("adding %s: %w", o.Name, err)
	}
	return t.putFlex(o, orgID, values.Text("Id"), flexFields(o, values), values, values.Flag("IsDeleted"))
}

// newRow is the row of a new record.
func newRow(o *org.Object, orgID org.ID, values org.Values) (assignments, error) {
	a, err := assign(o, values)
	if err != nil {
		return a, err
	}
	empty, err := parseBags("", "")
	if err != nil {
		return a, err
	}
	if err := a.addBags(o, empty, values); err != nil {
		return a, err
	}
	if col := orgColumn(o); col != "id" {
		a.columns, a.args = append(a.columns, col), append(a.args, string(orgID))
	}
	if o.Own {
		a.columns, a.args = append(a.columns, "object"), append(a.args, o.KeyPrefix)
	}
	return a, nil
}

// Update implements org.RecordTx. Values in the JSON columns need those columns first, so such an update goes record by
// record; whoever changes them has locked the record.
func (t recordTx) Update(o *org.Object, orgID org.ID, match, values org.Values) (int, error) {
	a, err := assign(o, values)
	if err != nil {
		return 0, err
	}
	if err := t.updateFlex(o, orgID, match, values); err != nil {
		return 0, err
	}
	if len(a.columns)+len(a.bagged) == 0 && len(values) > 0 {
		return t.Count(o, orgID, match) // custom values alone
	}
	if len(a.bagged) == 0 {
		return t.set(o, orgID, match, a)
	}
	found, err := t.bagsOf(o, orgID, match)
	if err != nil {
		return 0, err
	}
	for id, b := range found {
		one := assignments{columns: slices.Clone(a.columns), args: slices.Clone(a.args), bagged: a.bagged}
		if err := one.addBags(o, b, values); err != nil {
			return 0, err
		}
		if _, err := t.set(o, orgID, org.Values{"Id": id}, one); err != nil {
			return 0, err
		}
	}
	return len(found), nil
}

func (t recordTx) set(o *org.Object, orgID org.ID, match org.Values, a assignments) (int, error) {
	if len(a.columns) == 0 {
		return 0, nil
	}
	sets := make([]string, len(a.columns))
	for i, c := range a.columns {
		sets[i] = c + " = $" + strconv.Itoa(i+1)
	}
	where, args, err := matching(o, orgID, match, slices.Clone(a.args))
	if err != nil {
		return 0, err
	}
	return t.exec(o, "changing", `UPDATE `+tableOf(o)+` AS t SET `+strings.Join(sets, ", ")+` WHERE `+where, args)
}

// bagsOf reads the JSON columns of the records that match, by id.
func (t recordTx) bagsOf(o *org.Object, orgID org.ID, match org.Values) (map[string]bags, error) {
	where, args, err := matching(o, orgID, match, nil)
	if err != nil {
		return nil, err
	}
	custom, permissions := "''", "''"
	if hasPlace(o, org.PlaceCustom) {
		custom = "t.custom"
	}
	if hasPlace(o, org.PlacePermission) {
		permissions = "t.permissions"
	}
	rows, err := t.tx.Query(`SELECT t.id, `+custom+`, `+permissions+` FROM `+tableOf(o)+` t WHERE `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", o.Name, err)
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	out := map[string]bags{}
	for rows.Next() {
		var id, c, p string
		if err := rows.Scan(&id, &c, &p); err != nil {
			return nil, fmt.Errorf("reading %s: %w", o.Name, err)
		}
		if out[id], err = parseBags(c, p); err != nil {
			return nil, fmt.Errorf("%s %s: %w", o.Name, id, err)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading %s: %w", o.Name, err)
	}
	return out, nil
}

// Remove implements org.RecordTx.
func (t recordTx) Remove(o *org.Object, orgID org.ID, match org.Values) (int, error) {
	where, args, err := matching(o, orgID, match, nil)
	if err != nil {
		return 0, err
	}
	if id := match.Text("Id"); id != "" && o.Extensible {
		for _, query := range []string{`DELETE FROM custom_value WHERE org_id = $1 AND id = $2`, `DELETE FROM custom_index WHERE org_id = $1 AND record_id = $2`} {
			if _, err := t.tx.Exec(query, string(orgID), id); err != nil {
				return 0, fmt.Errorf("removing values of %s: %w", o.Name, err)
			}
		}
	}
	return t.exec(o, "removing", `DELETE FROM `+tableOf(o)+` AS t WHERE `+where, args)
}

// AddApp implements org.RecordTx.
func (t recordTx) AddApp(a org.ConnectedApp, by org.ID, at time.Time) error {
	return InsertApp(t.tx, a, by, at)
}

// RevokeGrants implements org.RecordTx. Codes that wait for their client would make grants of their own, so they are spent.
func (t recordTx) RevokeGrants(orgID, app, user org.ID, at time.Time) (int, error) {
	who, args := ``, []any{string(orgID), string(app), millis(at)}
	if user != "" {
		who, args = ` AND user_id = $4`, append(args, string(user))
	}
	if _, err := t.tx.Exec(`UPDATE oauth_code SET used_ms = $3 WHERE org_id = $1 AND app_id = $2 AND used_ms IS NULL`+who, args...); err != nil {
		return 0, fmt.Errorf("spending codes: %w", err)
	}
	res, err := t.tx.Exec(`UPDATE oauth_grant SET revoked_ms = $3 WHERE org_id = $1 AND app_id = $2 AND revoked_ms IS NULL`+who, args...)
	if err != nil {
		return 0, fmt.Errorf("revoking grants: %w", err)
	}
	n, err := res.RowsAffected()
	return int(n), err
}

// AppUsers implements org.RecordTx.
func (t recordTx) AppUsers(orgID, app, user org.ID) ([]org.AppUser, error) {
	who, args := "", []any{string(orgID), string(app)}
	if user != "" {
		who, args = ` AND u.id = $3`, append(args, string(user))
	}
	rows, err := t.tx.Query(`SELECT u.id, u.username, CASE WHEN EXISTS (SELECT 1 FROM setup_entity_access e
 JOIN permission_set ps ON ps.org_id = e.org_id AND ps.id = e.parent_id WHERE e.org_id = u.org_id AND e.setup_entity_id = $2
 AND ps.has_activation_required = 0 AND (ps.profile_id = u.profile_id OR ps.id IN (SELECT a.permission_set_id FROM permission_set_assignment a
 WHERE a.org_id = u.org_id AND a.assignee_id = u.id AND a.is_active = 1))) THEN 1 ELSE 0 END,
 CASE WHEN EXISTS (SELECT 1 FROM oauth_grant g LEFT JOIN user_login l ON l.org_id = g.org_id AND l.user_id = g.user_id
 WHERE g.org_id = u.org_id AND g.user_id = u.id AND g.app_id = $2 AND g.revoked_ms IS NULL AND g.id > COALESCE(l.ended_up_to, 0)) THEN 1 ELSE 0 END
 FROM user_account u WHERE u.org_id = $1 AND u.is_active = 1`+who+` ORDER BY u.username_key`, args...)
	if err != nil {
		return nil, fmt.Errorf("reading the users of an app: %w", err)
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	var out []org.AppUser
	for rows.Next() {
		var u org.AppUser
		if err := rows.Scan(&u.ID, &u.Username, &u.Approved, &u.Using); err != nil {
			return nil, fmt.Errorf("reading the users of an app: %w", err)
		}
		out = append(out, u)
	}
	return out, rows.Err()
}

// EndSessions implements org.RecordTx.
func (t recordTx) EndSessions(orgID, user org.ID, machine time.Time) error {
	return EndUserSessions(t.tx, orgID, user, machine)
}

func (t recordTx) exec(o *org.Object, doing, query string, args []any) (int, error) {
	res, err := t.tx.Exec(query, args...)
	if err != nil {
		return 0, fmt.Errorf("%s %s: %w", doing, o.Name, err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return 0, fmt.Errorf("%s %s: %w", doing, o.Name, err)
	}
	return int(n), nil
}

func sortedNames(v org.Values) []string {
	names := make([]string, 0, len(v))
	for n := range v {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}
