package soql

import (
	"slices"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
)

// Parse turns a query into a plan over what holders of the permissions may see of the schema.
func Parse(text string, schema *org.Schema, p org.Permissions) (*Plan, error) {
	q, err := parse(text)
	if err != nil {
		return nil, err
	}
	r := &resolver{text: text, schema: schema, permissions: p}
	return r.plan(q, false)
}

type resolver struct {
	text        string
	schema      *org.Schema
	permissions org.Permissions
}

// scope is one SELECT's names.
type scope struct {
	*resolver
	plan  *Plan
	alias string
}

func (r *resolver) plan(q *query, nested bool) (*Plan, error) {
	o := r.schema.Object(q.from.text, r.permissions)
	if o == nil {
		return nil, badType(r.text, q.from)
	}
	s := &scope{resolver: r, plan: &Plan{Object: o, Count: q.count, Limit: q.limit, Offset: q.offset, Deleted: q.allRows}, alias: q.alias}
	seen := map[string]bool{}
	for _, c := range q.columns {
		ref, full, err := s.resolve(c)
		if err != nil {
			return nil, err
		}
		if key := strings.Join(full, "."); seen[key] {
			return nil, problem(r.text, c[0].pos, org.CodeInvalidField, "duplicate field selected: %s", key)
		} else {
			seen[key] = true
		}
		s.plan.Columns = append(s.plan.Columns, Column{Ref: ref, Path: full})
	}
	if q.where != nil {
		cond, err := s.condition(q.where, false, nested)
		if err != nil {
			return nil, err
		}
		s.plan.Where = cond
	}
	for _, t := range q.order {
		ref, _, err := s.resolve(t.path)
		if err != nil {
			return nil, err
		}
		if !ref.Field.Sortable {
			return nil, problem(r.text, t.path[0].pos, org.CodeInvalidField, "field '%s' can not be sorted in a query call", t.path)
		}
		s.plan.Order = append(s.plan.Order, Order{Ref: ref, Desc: t.desc, NullsLast: t.nullsLast})
	}
	return s.plan, nil
}

// resolve finds the field that a path names, joining the parents on the way, and spells the path as the schema does.
func (s *scope) resolve(p path) (Ref, []string, error) {
	if len(p) > 1 && (strings.EqualFold(p[0].text, s.alias) || strings.EqualFold(p[0].text, s.plan.Object.Name) && s.plan.Object.Parent(p[0].text) == nil) {
		p = p[1:]
	}
	at, o := 0, s.plan.Object
	var full []string
	for _, n := range p[:len(p)-1] {
		via := o.Parent(n.text)
		var to *org.Object
		if via != nil {
			to = s.schema.Object(via.ReferenceTo[0], s.permissions)
		}
		if to == nil {
			return Ref{}, nil, problem(s.text, n.pos, org.CodeInvalidField, noSuchRelationship, n.text)
		}
		full = append(full, via.Relationship)
		at, o = s.join(at, via, to, slices.Clone(full)), to
	}
	last := p[len(p)-1]
	f := o.Field(last.text)
	if f == nil {
		return Ref{}, nil, problem(s.text, last.pos, org.CodeInvalidField, noSuchColumn, last.text, o.Name)
	}
	return Ref{Join: at, Object: o, Field: f}, append(full, f.Name), nil
}

func (s *scope) join(from int, via *org.Field, to *org.Object, full []string) int {
	for i, j := range s.plan.Joins {
		if j.From == from && j.Via == via {
			return i + 1
		}
	}
	s.plan.Joins = append(s.plan.Joins, Join{From: from, Via: via, To: to, Path: full})
	return len(s.plan.Joins)
}

// condition turns a condition into the plan's form; not says that an odd number of NOTs stands above it.
func (s *scope) condition(n *node, not, nested bool) (Cond, error) {
	switch n.op {
	case "NOT":
		return s.condition(n.kids[0], !not, nested)
	case "AND", "OR":
		kids := make([]Cond, len(n.kids))
		for i, k := range n.kids {
			c, err := s.condition(k, not, nested)
			if err != nil {
				return nil, err
			}
			kids[i] = c
		}
		if (n.op == "AND") != not { // De Morgan
			return All(kids), nil
		}
		return Some(kids), nil
	}
	ref, _, err := s.resolve(n.path)
	if err != nil {
		return nil, err
	}
	if !ref.Field.Filterable {
		return nil, problem(s.text, n.pos, org.CodeInvalidField, "field '%s' can not be filtered in a query call", n.path)
	}
	switch n.op {
	case "IN", "NOT IN":
		not = not != (n.op == "NOT IN")
		if n.sub != nil {
			return s.semiJoin(n, ref, not, nested)
		}
		return s.in(n, ref, not)
	}
	return s.compare(n, ref, not)
}

func (s *scope) compare(n *node, ref Ref, not bool) (Cond, error) {
	op := n.op
	if op == "!=" {
		op, not = "=", !not
	}
	if err := s.checkOperator(n, ref.Field, Op(op)); err != nil {
		return nil, err
	}
	v, err := s.value(n.values[0], n.path, ref.Field)
	if err != nil {
		return nil, err
	}
	if v == nil {
		if op != "=" {
			return nil, s.filterProblem(n.pos, "invalid operator on null value for field '%s'", n.path)
		}
		return IsNull{Ref: ref, Not: not}, nil
	}
	if op == "LIKE" {
		v = n.values[0].like
	}
	return Compare{Ref: ref, Op: Op(op), Value: v, Not: not}, nil
}

func (s *scope) checkOperator(n *node, f *org.Field, op Op) error {
	switch f.Type {
	case org.TypeID, org.TypeReference, org.TypeBoolean:
		if op != Equal {
			kind := "id"
			if f.Type == org.TypeBoolean {
				kind = "boolean"
			}
			return s.filterProblem(n.pos, "invalid operator on %s field", kind)
		}
	case org.TypeInt, org.TypeDate, org.TypeDateTime:
		if op == Like {
			return s.filterProblem(n.pos, "invalid operator on %s field", f.Type)
		}
	}
	return nil
}

func (s *scope) filterProblem(pos int, format string, args ...any) error {
	return problem(s.text, pos, CodeFilterOperator, format, args...)
}

func (s *scope) in(n *node, ref Ref, not bool) (Cond, error) {
	in := In{Ref: ref, Not: not}
	for _, l := range n.values {
		v, err := s.value(l, n.path, ref.Field)
		if err != nil {
			return nil, err
		}
		if v == nil {
			in.Null = true
		} else if !slices.Contains(in.Values, v) || len(in.Values) > 100 { // looking for repeats is for short lists
			in.Values = append(in.Values, v)
		}
	}
	if len(in.Values) == 0 {
		return IsNull{Ref: ref, Not: not}, nil
	}
	return in, nil
}

func (s *scope) semiJoin(n *node, ref Ref, not, nested bool) (Cond, error) {
	if nested {
		return nil, problem(s.text, n.sub.pos, CodeMalformedQuery, "Nesting of semi join sub-selects is not supported")
	}
	if ref.Field.Type != org.TypeID && ref.Field.Type != org.TypeReference {
		return nil, problem(s.text, n.pos, CodeMalformedQuery, "Semi join sub-selects are only supported on Id and reference fields; '%s' is neither", n.path)
	}
	if n.sub.count || len(n.sub.columns) != 1 {
		return nil, problem(s.text, n.sub.pos, CodeMalformedQuery, "The inner query of a semi join must select exactly one field")
	}
	sub, err := s.resolver.plan(n.sub, true)
	if err != nil {
		return nil, err
	}
	if t := sub.Columns[0].Field.Type; t != org.TypeID && t != org.TypeReference {
		return nil, problem(s.text, n.sub.columns[0][0].pos, CodeMalformedQuery, "The selected field '%s' in the inner query of a semi join must be an Id or reference field", n.sub.columns[0])
	}
	return InQuery{Ref: ref, Plan: sub, Not: not}, nil
}

// value checks a literal against the field and returns what the store compares; nil for null and the empty text.
func (s *scope) value(l literal, p path, f *org.Field) (any, error) {
	if l.kind == litNull {
		return nil, nil
	}
	mismatch := func(kind, quotes string) error {
		return problem(s.text, p[0].pos, org.CodeInvalidField, "value of filter criterion for field '%s' must be of type %s and %s be enclosed in quotes", p, kind, quotes)
	}
	switch {
	case f.Type.IsText():
		if l.kind != litString {
			return nil, mismatch("string", "should")
		}
		if l.text == "" {
			return nil, nil
		}
		return l.text, nil
	case f.Type == org.TypeID || f.Type == org.TypeReference:
		if l.kind != litString {
			return nil, mismatch("ID", "should")
		}
		if l.text == "" {
			return nil, nil
		}
		id, err := org.ParseID(l.text)
		if err != nil {
			return nil, s.filterProblem(l.pos, "invalid ID field: %s", clip(l.text))
		}
		return string(id), nil
	case f.Type == org.TypeBoolean:
		if l.kind != litBoolean {
			return nil, mismatch("boolean", "should not")
		}
		return strings.EqualFold(l.text, "true"), nil
	}
	kind := map[org.FieldType]string{org.TypeInt: "int", org.TypeDate: "date", org.TypeDateTime: "dateTime"}[f.Type]
	if l.kind != litNumber {
		return nil, mismatch(kind, "should not")
	}
	if f.Type == org.TypeDate && len(l.text) != len("2006-01-02") || f.Type == org.TypeDateTime && !strings.Contains(l.text, "T") {
		return nil, mismatch(kind, "should not")
	}
	v, err := f.Accept(l.text)
	if err != nil {
		if fault.KindOf(err) == fault.Invalid {
			return nil, mismatch(kind, "should not")
		}
		return nil, err
	}
	return v, nil
}

func clip(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "…"
	}
	return s
}
