package soql

import (
	"slices"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
)

// groups reads GROUP BY, and sees whether the query has groups.
func (s *scope) groups() error {
	s.plan.Aggregate = len(s.query.group) > 0
	for _, c := range s.query.columns {
		if !c.fn.IsAggregate() {
			continue
		}
		if s.at != atRoot {
			return s.malformed(c.pos, "only root queries support aggregate expressions")
		}
		s.plan.Aggregate = true
	}
	for _, t := range s.query.group {
		e, _, err := s.expr(t)
		if err != nil {
			return err
		}
		if t.fn == "" && !e.Field.Groupable {
			return s.malformed(t.pos, "field '%s' can not be grouped in a query call", t.path)
		}
		s.plan.Group = append(s.plan.Group, e)
	}
	s.plan.Sets = groupingSets(s.query.sets, s.plan.Group)
	if s.plan.Aggregate && len(s.plan.Group) == 0 {
		const refusal = "Non-grouped query that uses overall aggregate functions cannot also use %s"
		switch {
		case s.query.limit >= 0:
			return s.malformed(s.query.pos, refusal, "LIMIT")
		case s.query.offset > 0:
			return s.malformed(s.query.pos, refusal, "OFFSET")
		}
	}
	return nil
}

// groupingSets are the parts of a group that ROLLUP or CUBE makes rows of, in the order of the vendor's samples.
func groupingSets(kind string, group []Expr) [][]Expr {
	var sets [][]Expr
	switch kind {
	case "ROLLUP":
		for n := len(group); n >= 0; n-- {
			sets = append(sets, group[:n:n])
		}
	case "CUBE":
		for without := range 1 << len(group) { // bit i: without the field i from the end
			set := []Expr{}
			for i, e := range group {
				if without>>(len(group)-1-i)&1 == 0 {
					set = append(set, e)
				}
			}
			sets = append(sets, set)
		}
	}
	return sets
}

func (s *scope) grouped(e Expr) bool {
	if e.Func == FuncGrouping {
		e.Func = ""
		return s.plan.Sets != nil && slices.ContainsFunc(s.plan.Group, e.Same)
	}
	return e.Func.IsAggregate() || slices.ContainsFunc(s.plan.Group, e.Same)
}

// columns reads the SELECT list.
func (s *scope) columns() error {
	seen := map[string]bool{}
	number := 0 // of expr0, expr1…
	for _, c := range s.query.columns {
		var more []Column
		var err error
		switch {
		case c.sub != nil:
			more, err = s.child(c)
		case c.fields != "":
			more, err = s.fields(c)
		default:
			more, err = s.column(c)
		}
		if err != nil {
			return err
		}
		for _, column := range more {
			if s.plan.Aggregate {
				if !s.grouped(column.Expr) {
					return s.malformed(c.pos, "Field must be grouped or aggregated: %s", column.Name())
				}
				column.Path = []string{s.alias(c, column, &number)}
			}
			key := strings.ToLower(strings.Join(column.Path, "."))
			if seen[key] {
				if s.plan.Aggregate {
					return s.malformed(c.pos, "duplicate alias: %s", column.Name())
				}
				return problem(s.text, c.pos, org.CodeInvalidField, "duplicate field selected: %s", strings.Join(column.Path, "."))
			}
			seen[key] = true
			if s.plan.Columns = append(s.plan.Columns, column); len(s.plan.Columns) > maxAll {
				return tooComplicated()
			}
		}
	}
	return nil
}

// maxAll bounds the columns that FIELDS() may make of one word. An object has 900 fields at most.
const maxAll = 1000

// alias is the name of a value in an AggregateResult.
func (s *scope) alias(c selected, column Column, number *int) string {
	switch {
	case c.alias.text != "":
		return c.alias.text
	case column.Func == "":
		return column.Name()
	}
	*number++
	return "expr" + strconv.Itoa(*number-1)
}

func (s *scope) column(c selected) ([]Column, error) {
	e, full, err := s.expr(c.term)
	if err != nil {
		return nil, err
	}
	if !s.plan.Aggregate {
		if c.alias.text != "" {
			return nil, s.malformed(c.alias.pos, "only aggregate expressions use field aliasing")
		}
		if c.fn != "" {
			return nil, s.malformed(c.pos, "Field must be grouped or aggregated: %s", c.path)
		}
	}
	return []Column{{Expr: e, Path: full}}, nil
}

// fields reads FIELDS(ALL) and its kind.
func (s *scope) fields(c selected) ([]Column, error) {
	if s.at == inSemiJoin {
		return nil, s.malformed(c.pos, "The SOQL FIELDS function is not supported in a semi join sub-select")
	}
	if c.fields != "STANDARD" && (s.query.limit < 0 || s.query.limit > maxFields) {
		return nil, s.malformed(c.pos, "The SOQL FIELDS function must have a LIMIT of at most %d", maxFields)
	}
	var out []Column
	for _, f := range s.plan.Object.Fields {
		if f.Hidden || c.fields == "STANDARD" && f.Custom || c.fields == "CUSTOM" && !f.Custom {
			continue
		}
		out = append(out, Column{Expr: Expr{Ref: Ref{Object: s.plan.Object, Field: f}}, Path: []string{f.Name}})
	}
	return out, nil
}

// child reads a child query.
func (s *scope) child(c selected) ([]Column, error) {
	if s.plan.Aggregate {
		return nil, s.malformed(c.pos, "Grouped query cannot use child relationships in the SELECT list")
	}
	path := c.sub.from.path
	if to, ok := s.aliases[strings.ToLower(path[0].text)]; len(path) == 2 && (ok && len(to) == 0 || strings.EqualFold(path[0].text, s.plan.Object.Name)) {
		path = path[1:] // Account.Contacts
	}
	if len(path) == 1 {
		for _, kid := range s.Schema.Children(s.plan.Object, s.Permissions) {
			if kid.Field.ChildName == "" || !strings.EqualFold(kid.Field.ChildName, path[0].text) {
				continue
			}
			plan, err := s.resolver.plan(c.sub, kid.Object, inSelect, kid.Field)
			return []Column{{Path: []string{kid.Field.ChildName}, Child: plan}}, err
		}
	}
	return nil, problem(s.text, path[0].pos, org.CodeInvalidType, noSuchChild, path)
}

// order reads ORDER BY.
func (s *scope) order() error {
	for _, t := range s.query.order {
		e, _, err := s.expr(t.term)
		if err != nil {
			return err
		}
		switch {
		case (t.fn.IsAggregate() || t.fn == FuncGrouping) && !s.plan.Aggregate:
			return s.malformed(t.pos, "Ordered field must be grouped or aggregated: %s", t.path)
		case s.plan.Aggregate && !s.grouped(e):
			return s.malformed(t.pos, "Ordered field must be grouped or aggregated: %s", t.path)
		case t.fn == "" && !e.Field.Sortable:
			return problem(s.text, t.pos, org.CodeInvalidField, "field '%s' can not be sorted in a query call", t.path)
		}
		s.plan.Order = append(s.plan.Order, Order{Expr: e, Desc: t.desc, NullsLast: t.nullsLast})
	}
	return nil
}
