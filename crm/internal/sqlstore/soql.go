package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/soql"
)

var _ soql.Source = (*Store)(nil)

// source answers plans from a transaction, or from the reader pool.
type source struct {
	*Store
	q rowQuerier
}

func (s *Store) source(ctx context.Context) source { return source{s, pool{ctx, s.db}} }

// Select implements soql.Source.
func (s *Store) Select(ctx context.Context, orgID org.ID, p *soql.Plan, offset, limit int, each func(soql.Row) error) error {
	return s.source(ctx).rows(orgID, p, offset, limit, each)
}

// CountRows implements soql.Source.
func (s *Store) CountRows(ctx context.Context, orgID org.ID, p *soql.Plan) (int, error) {
	return s.source(ctx).count(orgID, p)
}

// SelectChildren implements soql.Source.
func (s *Store) SelectChildren(ctx context.Context, orgID org.ID, p *soql.Plan, parents []org.ID, offset, limit int, each func(org.ID, int, soql.Row) error) error {
	return s.source(ctx).children(orgID, p, parents, offset, limit, each)
}

// Home implements soql.Source.
func (s *Store) Home(ctx context.Context, orgID, user org.ID) (zone, locale string, err error) {
	return s.source(ctx).home(orgID, user)
}

// slot receives one value of a row.
type slot struct {
	cell
	// halved: the text stands behind its folded self (see selection.extreme).
	halved bool
	// mayLack: the row's grouping set may lack it, a switch too.
	mayLack bool
}

func slotOf(e soql.Expr, aggregate bool) slot {
	t := e.Type()
	s := slot{cell: cell{field: e.Field}}
	if e.Field == nil || t != e.Field.Type {
		s.field = &org.Field{Type: t}
	}
	s.halved = aggregate && soql.IsText(t)
	return s
}

func (s *slot) value() any {
	if s.halved && s.text.Valid {
		s.text.String = secondHalf(s.text.String)
	}
	if s.mayLack && s.isNumber() && !s.num.Valid {
		return nil
	}
	return s.cell.value()
}

// secondHalf drops the first half of a text's characters, and the one in the middle.
func secondHalf(text string) string {
	for n := (utf8.RuneCountInString(text) + 1) / 2; n > 0; n-- {
		_, size := utf8.DecodeRuneInString(text)
		text = text[size:]
	}
	return text
}

// layout is what a SELECT of a plan reads: ids of the root and its parents, then the columns.
type layout struct {
	plan *soql.Plan
	ids  int
}

func layoutOf(p *soql.Plan) layout {
	if p.Aggregate {
		return layout{plan: p}
	}
	return layout{plan: p, ids: len(p.Joins) + 1}
}

func (l layout) exprs(s *selection) []string {
	out := make([]string, 0, l.ids+len(l.plan.Columns))
	for i := range l.ids {
		out = append(out, s.alias(i)+".id")
	}
	for _, c := range l.plan.Columns {
		if c.Child == nil {
			out = append(out, s.output(c.Expr))
		}
	}
	return out
}

// scan reads one row, and after it what more points to.
func (l layout) scan(rows *sql.Rows, more ...any) (soql.Row, error) {
	ids := make([]sql.NullString, l.ids)
	slots := make([]slot, len(l.plan.Columns))
	dests := make([]any, 0, l.ids+len(slots)+len(more))
	for i := range ids {
		dests = append(dests, &ids[i])
	}
	for i, c := range l.plan.Columns {
		if c.Child == nil {
			slots[i] = slotOf(c.Expr, l.plan.Aggregate)
			slots[i].mayLack = len(l.plan.Sets) > 0
			dests = append(dests, slots[i].dest())
		}
	}
	if err := rows.Scan(append(dests, more...)...); err != nil {
		return soql.Row{}, err
	}
	row := soql.Row{IDs: make([]org.ID, l.ids), Values: make([]any, len(slots))}
	for i, id := range ids {
		row.IDs[i] = org.ID(id.String)
	}
	for i, c := range l.plan.Columns {
		// What is computed over a parent that is missing may still have a value of its own; the parent has none.
		if c.Child == nil && (l.ids == 0 || len(c.Or) > 0 || ids[c.Join].Valid) {
			row.Values[i] = slots[i].value()
		}
	}
	return row, nil
}

// text is the SELECT of a plan, with its parameters.
func (s source) text(orgID org.ID, p *soql.Plan, l layout, offset, limit int) (string, []any, error) {
	if len(p.Sets) > 0 {
		return s.setsText(orgID, p, l, offset, limit)
	}
	sel := s.render(orgID).selection(p)
	exprs := l.exprs(sel)
	from, err := sel.from("")
	if err != nil {
		return "", nil, err
	}
	groups, err := sel.groups()
	if err != nil {
		return "", nil, err
	}
	query := "SELECT " + strings.Join(exprs, ", ") + from + groups
	if order := sel.order(); order != "" {
		query += " ORDER BY " + order
	}
	// A number, no parameter: SQLite plans by it, and would plan anew each time that one is bound.
	query += " LIMIT " + strconv.Itoa(limit)
	if offset > 0 {
		query += " OFFSET " + sel.param(int64(offset))
	}
	return query, sel.args, nil
}

func (s source) rows(orgID org.ID, p *soql.Plan, offset, limit int, each func(soql.Row) error) error {
	l := layoutOf(p)
	query, args, err := s.text(orgID, p, l, offset, limit)
	if err != nil {
		return err
	}
	rows, err := s.q.Query(query, args...)
	if err != nil {
		return querying(p, err)
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	for rows.Next() {
		row, err := l.scan(rows)
		if err != nil {
			return querying(p, err)
		}
		if err := each(row); err != nil {
			return err
		}
	}
	return querying(p, rows.Err())
}

func querying(p *soql.Plan, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("querying %s: %w", p.Object.Name, err)
}

func (s source) count(orgID org.ID, p *soql.Plan) (int, error) {
	sel := s.render(orgID).selection(p)
	from, err := sel.from("")
	if err != nil {
		return 0, err
	}
	var n int
	err = s.q.QueryRow("SELECT COUNT(*)"+from, sel.args...).Scan(&n)
	return n, querying(p, err)
}

// children asks one statement, which numbers the children of each parent.
func (s source) children(orgID org.ID, p *soql.Plan, parents []org.ID, offset, limit int, each func(org.ID, int, soql.Row) error) error {
	sel, l := s.render(orgID).selection(p), layoutOf(p)
	via := expression(p.Object, p.Via, sel.alias(0))
	exprs := l.exprs(sel)
	for i := range exprs {
		exprs[i] += " AS c" + strconv.Itoa(i)
	}
	theirs := "IN (" + sel.ids(parents) + ")"
	if p.Via.Place == org.PlaceFlex {
		theirs = indexed(sel.alias(0), sel.orgParam, p.Via, theirs, sel.param)
	} else {
		theirs = via + " " + theirs
	}
	from, err := sel.from(theirs)
	if err != nil {
		return err
	}
	last := offset + limit
	if p.Limit >= 0 {
		last = min(last, p.Limit)
	}
	query := "SELECT * FROM (SELECT " + strings.Join(exprs, ", ") + ", " + via + " AS parent, ROW_NUMBER() OVER (PARTITION BY " + via + " ORDER BY " + sel.order() +
		") AS number, COUNT(*) OVER (PARTITION BY " + via + ") AS total" + from + ") w WHERE number > " + sel.param(int64(p.Offset+offset)) +
		" AND number <= " + sel.param(int64(p.Offset+last)) + " ORDER BY parent, number"
	rows, err := s.q.Query(query, sel.args...)
	if err != nil {
		return querying(p, err)
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	for rows.Next() {
		var parent string
		var number, total int
		row, err := l.scan(rows, &parent, &number, &total)
		if err != nil {
			return querying(p, err)
		}
		if total = max(0, total-p.Offset); p.Limit >= 0 {
			total = min(total, p.Limit)
		}
		if err := each(org.ID(parent), total, row); err != nil {
			return err
		}
	}
	return querying(p, rows.Err())
}

func (s source) home(orgID, user org.ID) (zone, locale string, err error) {
	err = s.q.QueryRow(`SELECT time_zone_sid_key, locale_sid_key FROM user_account WHERE org_id = $1 AND id = $2`, string(orgID), string(user)).
		Scan(&zone, &locale)
	if err != nil {
		return "", "", notFound(err, "user")
	}
	return zone, locale, nil
}
