package sqlstore

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/soql"
)

var _ soql.Source = (*Store)(nil)

// rendering collects the SQL of a plan and its parameters. Names in the text come from the schema; all that a caller
// wrote is a parameter.
type rendering struct {
	org      org.ID
	args     []any
	collate  string // of ordered comparisons of text
	queries  int    // how many SELECTs were begun; each has aliases of its own
	orgParam string
}

func (s *Store) render(orgID org.ID) *rendering {
	r := &rendering{org: orgID}
	if s.db.Postgres() {
		r.collate = ` COLLATE "C"` // as SQLite orders: by bytes, whatever the server's locale
	}
	r.orgParam = r.param(string(orgID))
	return r
}

func (r *rendering) param(v any) string {
	r.args = append(r.args, v)
	return "$" + strconv.Itoa(len(r.args))
}

// selection is one SELECT under way: a0 is its root, a1… its parents.
type selection struct {
	*rendering
	prefix string
	plan   *soql.Plan
}

func (r *rendering) selection(p *soql.Plan) *selection {
	r.queries++
	return &selection{rendering: r, prefix: "q" + strconv.Itoa(r.queries) + "_", plan: p}
}

func (s *selection) alias(join int) string { return s.prefix + strconv.Itoa(join) }

func (s *selection) expr(ref soql.Ref) string {
	return expression(ref.Object, ref.Field, s.alias(ref.Join))
}

// from is FROM with its joins, and WHERE.
func (s *selection) from() (string, error) {
	p := s.plan
	root := s.alias(0)
	var b strings.Builder
	fmt.Fprintf(&b, " FROM %s %s", tableOf(p.Object), root)
	for i, j := range p.Joins {
		parent := p.Object
		if j.From > 0 {
			parent = p.Joins[j.From-1].To
		}
		a := s.alias(i + 1)
		fmt.Fprintf(&b, " LEFT JOIN %s %s ON %s.%s = %s AND %s.id = %s", tableOf(j.To), a, a, orgColumn(j.To), s.orgParam, a,
			expression(parent, j.Via, s.alias(j.From)))
	}
	fmt.Fprintf(&b, " WHERE %s.%s = %s", root, orgColumn(p.Object), s.orgParam)
	if p.Object.SoftDelete && !p.Deleted {
		fmt.Fprintf(&b, " AND %s.is_deleted = 0", root)
	}
	if p.Where != nil {
		cond, err := s.cond(p.Where)
		if err != nil {
			return "", err
		}
		b.WriteString(" AND " + cond)
	}
	return b.String(), nil
}

func (s *selection) cond(c soql.Cond) (string, error) {
	switch c := c.(type) {
	case soql.All:
		return s.list(c, " AND ")
	case soql.Some:
		return s.list(c, " OR ")
	case soql.IsNull:
		if c.Not {
			return s.expr(c.Ref) + " IS NOT NULL", nil
		}
		return s.expr(c.Ref) + " IS NULL", nil
	case soql.Compare:
		return s.compare(c)
	case soql.In:
		return s.in(c)
	case soql.InQuery:
		return s.inQuery(c)
	}
	return "", fmt.Errorf("no SQL for a condition of type %T", c)
}

func (s *selection) list(kids []soql.Cond, op string) (string, error) {
	parts := make([]string, len(kids))
	for i, k := range kids {
		text, err := s.cond(k)
		if err != nil {
			return "", err
		}
		parts[i] = text
	}
	return "(" + strings.Join(parts, op) + ")", nil
}

// comparable gives the two sides of a comparison: text without case, folded names by their key.
func (s *selection) comparable(ref soql.Ref, v any) (expr, param string, err error) {
	if text, ok := v.(string); ok && ref.Field.Type.IsText() {
		if ref.Field.Folded {
			return s.alias(ref.Join) + "." + ref.Field.Column + "_key", s.param(org.Fold(text)), nil
		}
		return "LOWER(" + s.expr(ref) + ")", "LOWER(" + s.param(text) + ")", nil
	}
	e, err := encode(v)
	if err != nil {
		return "", "", err
	}
	return s.expr(ref), s.param(e), nil
}

// compare renders a comparison that is never unknown: null compares as false, and its negation is true.
func (s *selection) compare(c soql.Compare) (string, error) {
	expr, param, err := s.comparable(c.Ref, c.Value)
	if err != nil {
		return "", err
	}
	op, tail := string(c.Op), ""
	switch {
	case c.Op == soql.Like:
		tail = ` ESCAPE '\'`
	case c.Op != soql.Equal && c.Field.Type.IsText():
		expr += s.collate
	}
	if !c.Not {
		return expr + " " + op + " " + param + tail, nil
	}
	return "(NOT (" + expr + " " + op + " " + param + tail + ") OR " + s.expr(c.Ref) + " IS NULL)", nil
}

func (s *selection) in(c soql.In) (string, error) {
	var expr string
	params := make([]string, len(c.Values))
	for i, v := range c.Values {
		var err error
		if expr, params[i], err = s.comparable(c.Ref, v); err != nil {
			return "", err
		}
	}
	text := expr + " IN (" + strings.Join(params, ", ") + ")"
	null := s.expr(c.Ref) + " IS NULL"
	switch {
	case !c.Not && !c.Null:
		return text, nil
	case !c.Not:
		return "(" + text + " OR " + null + ")", nil
	case c.Null:
		return "(NOT (" + text + ") AND " + s.expr(c.Ref) + " IS NOT NULL)", nil
	}
	return "(NOT (" + text + ") OR " + null + ")", nil
}

func (s *selection) inQuery(c soql.InQuery) (string, error) {
	sub := s.selection(c.Plan)
	from, err := sub.from()
	if err != nil {
		return "", err
	}
	value := sub.expr(c.Plan.Columns[0].Ref)
	text := s.expr(c.Ref) + " IN (SELECT " + value + from + " AND " + value + " IS NOT NULL)"
	if c.Not {
		return "(NOT (" + text + ") OR " + s.expr(c.Ref) + " IS NULL)", nil
	}
	return text, nil
}

func (s *selection) order() string {
	var terms []string
	for _, o := range s.plan.Order {
		expr := s.expr(o.Ref)
		if o.Field.Type.IsText() {
			expr = "LOWER(" + expr + ")" + s.collate
		}
		if o.Desc {
			expr += " DESC"
		}
		if o.NullsLast {
			expr += " NULLS LAST"
		} else {
			expr += " NULLS FIRST"
		}
		terms = append(terms, expr)
	}
	return " ORDER BY " + strings.Join(append(terms, s.alias(0)+".id"+s.collate), ", ")
}

// Select implements soql.Source.
func (s *Store) Select(ctx context.Context, orgID org.ID, p *soql.Plan, offset, limit int) ([]soql.Row, error) {
	sel := s.render(orgID).selection(p)
	var exprs []string
	fields := make([]*org.Field, 0, len(p.Columns)+len(p.Joins)+1)
	for i := range len(p.Joins) + 1 {
		exprs, fields = append(exprs, sel.alias(i)+".id"), append(fields, p.Object.Stored("Id"))
	}
	ids := len(fields)
	for _, c := range p.Columns {
		exprs, fields = append(exprs, sel.expr(c.Ref)), append(fields, c.Field)
	}
	from, err := sel.from()
	if err != nil {
		return nil, err
	}
	query := "SELECT " + strings.Join(exprs, ", ") + from + sel.order() + " LIMIT " + sel.param(limit) + " OFFSET " + sel.param(offset)
	rows, err := s.db.Query(ctx, query, sel.args...)
	if err != nil {
		return nil, fmt.Errorf("querying %s: %w", p.Object.Name, err)
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	var out []soql.Row
	for rows.Next() {
		cells, dests := cellsFor(fields)
		if err := rows.Scan(dests...); err != nil {
			return nil, fmt.Errorf("querying %s: %w", p.Object.Name, err)
		}
		row := soql.Row{IDs: make([]org.ID, ids), Values: make([]any, len(p.Columns))}
		for i := range cells {
			if i < ids {
				row.IDs[i] = org.ID(cells[i].text.String)
				continue
			}
			// What is computed over a parent that is missing may still have a value of its own; the parent has none.
			if c := p.Columns[i-ids]; c.Join == 0 || cells[c.Join].text.Valid {
				row.Values[i-ids] = cells[i].value()
			}
		}
		out = append(out, row)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("querying %s: %w", p.Object.Name, err)
	}
	return out, nil
}

// CountRows implements soql.Source.
func (s *Store) CountRows(ctx context.Context, orgID org.ID, p *soql.Plan) (int, error) {
	sel := s.render(orgID).selection(p)
	from, err := sel.from()
	if err != nil {
		return 0, err
	}
	var n int
	if err := s.db.QueryRow(ctx, "SELECT COUNT(*)"+from, sel.args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("counting %s: %w", p.Object.Name, err)
	}
	return n, nil
}
