package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// maxPageBytes ends a page before its number of rows does: email bodies are long.
const maxPageBytes = 8 << 20

// Properties lists what can be asked of an object type.
func (s *Sending) Properties(object string) ([]tenant.Property, bool) {
	o, ok := retrievable[object]
	if !ok {
		return nil, false
	}
	list := make([]tenant.Property, len(o.columns))
	for i, c := range o.columns {
		list[i] = c.Property
	}
	return list, true
}

// Retrieve reads one page in the order of the object's sort key.
func (s *Sending) Retrieve(ctx context.Context, eid tenant.EID, r tenant.Retrieval) (tenant.Rows, error) {
	o, ok := retrievable[r.Object]
	if !ok {
		return tenant.Rows{}, fault.New(fault.Invalid, tenant.CodeInvalidRetrieve, "Unable to find a handler for object type: %s.", r.Object)
	}
	columns, err := o.choose(r.Properties)
	if err != nil {
		return tenant.Rows{}, err
	}
	q := query{args: []any{int64(eid)}}
	text, err := q.render(o, columns, r)
	if err != nil {
		return tenant.Rows{}, err
	}
	out, err := s.readPage(ctx, columns, r.Limit, text, q.args)
	if err != nil {
		return tenant.Rows{}, err
	}
	return out, s.expand(ctx, eid, columns, out.Values)
}

// readPage reads rows until the page is full.
func (s *Sending) readPage(ctx context.Context, columns []column, limit int, text string, args []any) (_ tenant.Rows, err error) {
	rows, err := s.db.Query(ctx, text, args...)
	if err != nil {
		return tenant.Rows{}, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	out := tenant.Rows{}
	for _, c := range columns {
		out.Properties = append(out.Properties, c.Name)
	}
	size := 0
	for rows.Next() {
		if len(out.Values) == limit || size > maxPageBytes {
			out.More = true
			break
		}
		values, key, err := scanRow(rows, columns)
		if err != nil {
			return tenant.Rows{}, err
		}
		for _, v := range values {
			if text, ok := v.(string); ok {
				size += len(text)
			}
		}
		out.Values, out.Last = append(out.Values, values), key
	}
	return out, rows.Err()
}

// scanRow reads one row: the columns, then the sort key as text.
func scanRow(rows *sql.Rows, columns []column) ([]tenant.Value, string, error) {
	targets := make([]any, len(columns)+1)
	for i, c := range columns {
		if c.Kind == tenant.KindString || c.Kind == tenant.KindObjects {
			targets[i] = &sql.NullString{}
		} else {
			targets[i] = &sql.NullInt64{}
		}
	}
	var key string
	targets[len(columns)] = &key
	if err := rows.Scan(targets...); err != nil {
		return nil, "", err
	}
	values := make([]tenant.Value, len(columns))
	for i, c := range columns {
		switch v := targets[i].(type) {
		case *sql.NullString:
			if v.Valid {
				values[i] = v.String
			}
		case *sql.NullInt64:
			switch {
			case !v.Valid:
			case c.Kind == tenant.KindBoolean:
				values[i] = v.Int64 != 0
			case c.Kind == tenant.KindTime:
				values[i] = timeOf(v.Int64)
			default:
				values[i] = v.Int64
			}
		}
	}
	return values, key, nil
}

// query collects the arguments of a retrieval's SQL.
type query struct{ args []any }

func (q *query) arg(v any) string {
	q.args = append(q.args, v)
	return "$" + strconv.Itoa(len(q.args))
}

// render makes the SQL of one page. Every name in it comes from the object's table of columns; every value is an argument.
func (q *query) render(o object, columns []column, r tenant.Retrieval) (string, error) {
	var b strings.Builder
	b.WriteString("SELECT ")
	for _, c := range columns {
		b.WriteString(cmp.Or(c.show, c.expr) + ", ")
	}
	b.WriteString("CAST(" + o.key + " AS TEXT) FROM " + o.from)
	if o.account != "" {
		marks := make([]string, len(r.Accounts))
		for i, mid := range r.Accounts {
			marks[i] = q.arg(int64(mid))
		}
		b.WriteString(" AND " + fmt.Sprintf(o.account, strings.Join(marks, ", ")))
	}
	if r.Filter != nil {
		condition, err := q.filter(o, r.Filter)
		if err != nil {
			return "", err
		}
		b.WriteString(" AND (" + condition + ")")
	}
	if r.After != "" {
		var after any = r.After
		if o.numeric {
			n, err := strconv.ParseInt(r.After, 10, 64)
			if err != nil {
				return "", err
			}
			after = n
		}
		b.WriteString(" AND " + o.key + " > " + q.arg(after))
	}
	order := o.key
	if o.sought != "" && names(r.Filter, o.sought) {
		order = "+" + order // few rows are sorted, where SQLite, which knows no statistics, would walk through all of them in order
	}
	b.WriteString(" ORDER BY " + order + " LIMIT " + q.arg(r.Limit+1))
	return b.String(), nil
}

// names reports whether every row that a filter lets through has one of the values that it lists for a property.
func names(f *tenant.Filter, property string) bool {
	switch {
	case f == nil || f.Or:
		return false
	case f.Joined():
		return names(f.Left, property) || names(f.Right, property)
	}
	return f.Property == property && (f.Operator == tenant.OpEquals || f.Operator == tenant.OpIn)
}

func (q *query) filter(o object, f *tenant.Filter) (string, error) {
	if f.Joined() {
		left, err := q.filter(o, f.Left)
		if err != nil {
			return "", err
		}
		right, err := q.filter(o, f.Right)
		if err != nil {
			return "", err
		}
		joint := " AND "
		if f.Or {
			joint = " OR "
		}
		return "(" + left + joint + right + ")", nil
	}
	c, ok := o.column(f.Property)
	if !ok || c.Kind == tenant.KindObjects {
		return "", fault.New(fault.Invalid, tenant.CodeInvalidRetrieve, "The filter property '%s' does not exist on %s.", clip(f.Property), o.name)
	}
	return q.compare(c, f)
}

// compare renders one comparison. Texts are compared without regard to case, as Engagement's database does; both engines
// fold with lower(), which on SQLite folds ASCII alone and on PostgreSQL what the database's locale folds.
func (q *query) compare(c column, f *tenant.Filter) (string, error) {
	switch f.Operator {
	case tenant.OpIsNull:
		return c.expr + " IS NULL", nil
	case tenant.OpIsNotNull:
		return c.expr + " IS NOT NULL", nil
	}
	if pattern, negated, ok := likePattern(f); ok {
		if c.Kind != tenant.KindString {
			return "", fault.New(fault.Invalid, tenant.CodeInvalidRetrieve, "The operator %s needs a property of type string; %s is %s.", f.Operator, c.Name, c.Kind)
		}
		not := ""
		if negated {
			not = " NOT"
		}
		return "lower(" + c.expr + ")" + not + " LIKE lower(" + q.arg(pattern) + `) ESCAPE '\'`, nil
	}
	left := c.expr
	if c.Kind == tenant.KindString {
		left = "lower(" + c.expr + ")"
	}
	marks := make([]string, len(f.Values))
	for i, text := range f.Values {
		v, err := c.parse(text)
		if err != nil {
			return "", err
		}
		marks[i] = q.arg(v)
		if c.Kind == tenant.KindString {
			marks[i] = "lower(" + marks[i] + ")"
		}
	}
	switch f.Operator {
	case tenant.OpIn:
		return left + " IN (" + strings.Join(marks, ", ") + ")", nil
	case tenant.OpBetween:
		return left + " BETWEEN " + marks[0] + " AND " + marks[1], nil
	}
	sign, ok := map[tenant.Operator]string{
		tenant.OpEquals: "=", tenant.OpNotEquals: "<>", tenant.OpGreater: ">", tenant.OpLess: "<",
		tenant.OpGreaterOrEqual: ">=", tenant.OpLessOrEqual: "<=",
	}[f.Operator]
	if !ok {
		return "", fault.New(fault.Invalid, tenant.CodeInvalidRetrieve, "The operator %q is not supported.", string(f.Operator))
	}
	return left + " " + sign + " " + marks[0], nil
}

// likePattern turns the operators on parts of a text into a LIKE pattern. A like without a percent sign finds the value
// anywhere, blanks at its ends included (engagement-wire 7, mcdev).
func likePattern(f *tenant.Filter) (pattern string, negated, ok bool) {
	escape := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)
	switch f.Operator {
	case tenant.OpContains, tenant.OpExists:
		return "%" + escape.Replace(f.Values[0]) + "%", false, true
	case tenant.OpNotContains, tenant.OpNotExists:
		return "%" + escape.Replace(f.Values[0]) + "%", true, true
	case tenant.OpBegins:
		return escape.Replace(f.Values[0]) + "%", false, true
	case tenant.OpEnds:
		return "%" + escape.Replace(f.Values[0]), false, true
	case tenant.OpLike:
		if !strings.Contains(f.Values[0], "%") {
			return "%" + escape.Replace(f.Values[0]) + "%", false, true
		}
		return strings.NewReplacer(`\`, `\\`, `_`, `\_`).Replace(f.Values[0]), false, true
	}
	return "", false, false
}

// filterTimes are the forms in which clients write a dateTime; one without zone is UTC here.
var filterTimes = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02", "1/2/2006 3:04:05 PM", "1/2/2006"}

// parse reads a filter value of the column's kind as the database holds it.
func (c column) parse(text string) (any, error) {
	wrong := fault.New(fault.Invalid, tenant.CodeInvalidRetrieve, "The value '%s' is no %s, which %s is.", clip(text), c.Kind, c.Name)
	trimmed := strings.TrimSpace(text)
	switch c.Kind {
	case tenant.KindNumber:
		n, err := strconv.ParseInt(trimmed, 10, 64)
		if err != nil {
			return nil, wrong
		}
		return n, nil
	case tenant.KindBoolean:
		switch strings.ToLower(trimmed) {
		case "true", "1":
			return 1, nil
		case "false", "0":
			return 0, nil
		}
		return nil, wrong
	case tenant.KindTime:
		for _, layout := range filterTimes {
			if t, err := time.Parse(layout, trimmed); err == nil {
				return t.UnixMilli(), nil
			}
		}
		return nil, wrong
	}
	return text, nil
}

// clip shortens what a caller wrote before it is repeated in a message.
func clip(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "…"
	}
	return s
}

// BusinessUnits lists the MIDs of the tenant.
func (s *Sending) BusinessUnits(ctx context.Context, eid tenant.EID) (_ []tenant.MID, err error) {
	rows, err := s.db.Query(ctx, `SELECT mid FROM business_unit WHERE eid = $1 ORDER BY mid`, int64(eid))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var list []tenant.MID
	for rows.Next() {
		var mid tenant.MID
		if err := rows.Scan(&mid); err != nil {
			return nil, err
		}
		list = append(list, mid)
	}
	return list, rows.Err()
}

// PutCursor keeps a retrieval that has more pages, and forgets some that have expired.
func (s *Sending) PutCursor(ctx context.Context, c tenant.Cursor, now time.Time) error {
	next, err := json.Marshal(c.Next)
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if _, err := tx.Exec(`DELETE FROM retrieve_cursor WHERE id IN
			(SELECT id FROM retrieve_cursor WHERE eid = $1 AND expires_at <= $2 ORDER BY expires_at LIMIT 50)`, int64(c.Tenant), millis(now)); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO retrieve_cursor (id, eid, mid, user_id, client_id, next, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			c.ID, int64(c.Tenant), int64(c.MID), c.UserID, c.ClientID, string(next), millis(c.Expires))
		return err
	})
}

// Cursor reads a retrieval that has more pages.
func (s *Sending) Cursor(ctx context.Context, eid tenant.EID, id string, now time.Time) (tenant.Cursor, error) {
	c := tenant.Cursor{}
	var next string
	var expires int64
	err := s.db.QueryRow(ctx, `SELECT id, eid, mid, user_id, client_id, next, expires_at FROM retrieve_cursor
		WHERE id = $1 AND eid = $2 AND expires_at > $3`, fold(id), int64(eid), millis(now)).
		Scan(&c.ID, &c.Tenant, &c.MID, &c.UserID, &c.ClientID, &next, &expires)
	if errors.Is(err, sql.ErrNoRows) {
		return c, fault.New(fault.NotFound, tenant.CodeNoCursor, "The ContinueRequest names no retrieve that can be continued.")
	}
	if err != nil {
		return c, err
	}
	c.Expires = timeOf(expires)
	return c, fromJSON(next, &c.Next)
}
