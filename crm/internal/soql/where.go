package soql

import (
	"slices"
	"strings"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
)

// where reads WHERE, and USING SCOPE mine.
func (s *scope) where() error {
	var all All
	if s.query.where != nil {
		c, err := s.condition(s.query.where, false, topLevel)
		if err != nil {
			return err
		}
		all = append(all, c)
	}
	if s.query.mine {
		owner := s.plan.Object.Field("OwnerId")
		if owner == nil {
			return s.malformed(s.query.from.path[0].pos, "the scope 'mine' is not supported for the entity '%s'", s.plan.Object.Name)
		}
		all = append(all, Compare{Expr: Expr{Ref: Ref{Object: s.plan.Object, Field: owner}}, Op: Equal, Value: string(s.User)})
	}
	switch len(all) {
	case 0:
	case 1:
		s.plan.Where = all[0]
	default:
		s.plan.Where = all
	}
	return nil
}

// share leaves the records of others out where the object is private to its owners, or shows people what is about them.
func (s *scope) share() {
	o := s.plan.Object
	if !s.ownAlone(o) {
		return
	}
	mine := s.own(o, 0)
	if s.plan.Where == nil {
		s.plan.Where = mine
	} else {
		s.plan.Where = All{s.plan.Where, mine}
	}
}

// ownAlone reports whether the one who asks sees of the object his own records alone, or those about himself.
func (s *scope) ownAlone(o *org.Object) bool { return o.OwnOnly || o.HidesOthers(s.Permissions) }

// own holds for records of a join that the one who asks owns, or whose parent he owns.
func (s *scope) own(o *org.Object, join int) Cond {
	field := func(o *org.Object, join int, name string) Expr {
		return Expr{Ref: Ref{Join: join, Object: o, Field: o.Stored(name)}}
	}
	if o.HidesOthers(s.Permissions) {
		return Compare{Expr: field(o, join, o.Person), Op: Equal, Value: string(s.User)}
	}
	if o.Master == "" {
		return Compare{Expr: field(o, join, "OwnerId"), Op: Equal, Value: string(s.User)}
	}
	parent := s.Schema.Object(o.Stored(o.Master).ReferenceTo[0], s.Permissions)
	return InQuery{Expr: field(o, join, o.Master), Plan: &Plan{
		Object: parent, Limit: -1, Viewer: s.User, Columns: []Column{{Expr: field(parent, 0, "Id"), Path: []string{"Id"}}}, Where: s.own(parent, 0),
	}}
}

func (s *scope) having() (err error) {
	if s.query.having != nil {
		s.plan.Having, err = s.condition(s.query.having, false, inHaving)
	}
	return err
}

// level is where a condition stands, which decides whether it may be a semi-join.
type level uint8

const (
	topLevel level = iota // nothing but ANDs above it
	underOr
	nestedOr // an OR that is not the outermost list
	inHaving
)

// condition turns a condition into the plan's form; not says that an odd number of NOTs stands above it.
func (s *scope) condition(n *node, not bool, at level) (Cond, error) {
	switch n.op {
	case "NOT":
		return s.condition(n.kids[0], !not, at)
	case "AND", "OR":
		if n.op == "OR" && at == topLevel {
			at = underOr
			if n != s.query.where {
				at = nestedOr
			}
		}
		kids := make([]Cond, len(n.kids))
		for i, k := range n.kids {
			c, err := s.condition(k, not, at)
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
	e, _, err := s.expr(n.term)
	if err != nil {
		return nil, err
	}
	if at == inHaving && !s.grouped(e) {
		return nil, s.malformed(n.pos, "Field must be grouped or aggregated: %s", n.term.path)
	}
	if !e.Field.Filterable {
		return nil, problem(s.text, n.pos, org.CodeInvalidField, "field '%s' can not be filtered in a query call", n.term.path)
	}
	switch n.op {
	case "IN", "NOT IN":
		not := not != (n.op == "NOT IN")
		if n.sub != nil {
			return s.semiJoin(n, e, not, at)
		}
		return s.in(n, e, not)
	case "INCLUDES", "EXCLUDES":
		return s.includes(n, e, not != (n.op == "EXCLUDES"))
	}
	return s.compare(n, e, not)
}

func (s *scope) filterProblem(pos int, format string, args ...any) error {
	return problem(s.text, pos, CodeFilterOperator, format, args...)
}

func (s *scope) compare(n *node, e Expr, not bool) (Cond, error) {
	op, l := n.op, n.values[0]
	if op == "!=" {
		op, not = "=", !not
	}
	if err := s.checkOperator(n, e.Type(), Op(op)); err != nil {
		return nil, err
	}
	if l.kind == litPeriod {
		return s.within(n, l, e, Op(op), not)
	}
	v, err := s.value(l, n.term, e)
	if err != nil {
		return nil, err
	}
	if v == nil {
		switch {
		case op == "LIKE":
			return IsNull{Expr: e, Not: not}, nil
		case op != "=" && l.kind == litString && IsText(e.Type()): // every text comes after the empty one
			return Compare{Expr: e, Op: Op(op), Value: "", Not: not}, nil
		case op != "=":
			return nil, s.filterProblem(n.pos, "invalid operator on null value for field '%s'", n.term.path)
		}
		return IsNull{Expr: e, Not: not}, nil
	}
	if op == "LIKE" {
		v = l.like
	}
	return Compare{Expr: e, Op: Op(op), Value: v, Not: not}, nil
}

func (s *scope) checkOperator(n *node, t org.FieldType, op Op) error {
	kind := ""
	switch {
	case isID(t) && op == Like:
		kind = "id"
	case t == org.TypeBoolean && op != Equal:
		kind = "boolean"
	case t == org.TypeMultipicklist && op != Equal:
		kind = "multipicklist"
	case !IsText(t) && op == Like:
		kind = wireName(t)
	}
	if kind != "" {
		return s.filterProblem(n.pos, "invalid operator on %s field", kind)
	}
	return nil
}

// wireName is a type as errors name it.
func wireName(t org.FieldType) string {
	switch {
	case isID(t):
		return "ID"
	case IsText(t):
		return "string"
	case t == org.TypeDateTime:
		return "dateTime"
	}
	return string(t)
}

// within compares with a date literal, which is a span of time.
func (s *scope) within(n *node, l literal, e Expr, op Op, not bool) (Cond, error) {
	if t := e.Type(); t != org.TypeDate && t != org.TypeDateTime {
		return nil, s.mismatch(n.term, t)
	}
	c, err := s.today()
	if err != nil {
		return nil, err
	}
	span := c.spanOf(l.text)
	compare := func(op Op, t time.Time) Cond {
		var v any = t.UTC()
		if e.Type() == org.TypeDate {
			v = t.Format(time.DateOnly)
		}
		return Compare{Expr: e, Op: op, Value: v, Not: not}
	}
	switch op {
	case Less:
		return compare(Less, span.begin), nil
	case LessEq:
		return compare(Less, span.end), nil
	case Greater:
		return compare(GreaterEq, span.after), nil
	case GreaterEq:
		return compare(GreaterEq, span.begin), nil
	}
	both := []Cond{compare(GreaterEq, span.begin), compare(Less, span.end)}
	if not {
		return Some(both), nil
	}
	return All(both), nil
}

func (s *scope) in(n *node, e Expr, not bool) (Cond, error) {
	if e.Type() == org.TypeMultipicklist {
		if err := s.checkOperator(n, e.Type(), Op(n.op)); err != nil {
			return nil, err
		}
	}
	in := In{Expr: e, Not: not}
	var spans []Cond
	seen := make(map[any]bool, len(n.values))
	for _, l := range n.values {
		if l.kind == litPeriod {
			c, err := s.within(n, l, e, Equal, not)
			if err != nil {
				return nil, err
			}
			spans = append(spans, c)
			continue
		}
		v, err := s.value(l, n.term, e)
		if err != nil {
			return nil, err
		}
		if v == nil {
			in.Null = true
		} else if !seen[v] {
			seen[v] = true
			in.Values = append(in.Values, v)
		}
	}
	switch {
	case len(in.Values) > 0:
		spans = append(spans, in)
	case in.Null:
		spans = append(spans, IsNull{Expr: e, Not: not})
	}
	switch {
	case len(spans) == 1:
		return spans[0], nil
	case not:
		return All(spans), nil
	}
	return Some(spans), nil
}

func (s *scope) includes(n *node, e Expr, not bool) (Cond, error) {
	if e.Type() != org.TypeMultipicklist {
		return nil, s.filterProblem(n.pos, "%s operator only valid on multipicklist field", strings.ToLower(n.op))
	}
	out := Includes{Expr: e, Not: not}
	for _, l := range n.values {
		if l.kind != litString {
			return nil, s.mismatch(n.term, org.TypeString)
		}
		set := slices.DeleteFunc(strings.Split(l.text, ";"), func(v string) bool { return v == "" })
		if len(set) == 0 {
			return nil, s.filterProblem(l.pos, "%s needs values", strings.ToLower(n.op))
		}
		out.Sets = append(out.Sets, set)
	}
	return out, nil
}

// maxSemiJoins is how many sub-selects a query may have in its conditions.
const maxSemiJoins = 2

func (s *scope) semiJoin(n *node, e Expr, not bool, at level) (Cond, error) {
	sub := n.sub
	switch {
	case s.at == inSemiJoin:
		return nil, s.malformed(sub.pos, "Nesting of semi join sub-selects is not supported")
	case at == underOr:
		return nil, s.malformed(n.pos, "Semi join sub-selects are not allowed with the 'OR' operator")
	case at == nestedOr:
		return nil, s.malformed(n.pos, "Semi join sub-selects are only allowed at the top level WHERE expressions and not in nested WHERE expressions.")
	case at == inHaving:
		return nil, s.malformed(n.pos, "Semi join sub-selects are not allowed in HAVING")
	case sub.count || len(sub.columns) != 1 || sub.columns[0].sub != nil || sub.columns[0].fields != "":
		return nil, s.malformed(sub.pos, "Semi join sub-selects can only query one field")
	case !isID(e.Type()):
		return nil, s.malformed(n.pos, "semi join sub selects can only query id fields, cannot use: '%s'", n.term.path)
	}
	if s.semiJoins++; s.semiJoins > maxSemiJoins {
		return nil, s.malformed(sub.pos, "Maximum %d semi join sub-selects are allowed", maxSemiJoins)
	}
	o := s.object(sub.from)
	if o == nil {
		return nil, s.badType(sub.from)
	}
	if o == s.plan.Object {
		return nil, s.malformed(sub.pos, "The inner and outer selects should not be on the same object type")
	}
	plan, err := s.resolver.plan(sub, o, inSemiJoin, nil)
	if err != nil {
		return nil, err
	}
	inner := plan.Columns[0]
	if !isID(inner.Type()) {
		return nil, s.malformed(sub.columns[0].pos, "semi join sub selects can only query id fields, cannot use: '%s'", sub.columns[0].path)
	}
	if !overlap(targets(e), targets(inner.Expr)) {
		return nil, s.malformed(n.pos, "The selected field '%s' in the subquery and the left operand field in the where expression in the outer query '%s' "+
			"should point to the same object type", sub.columns[0].path, n.term.path)
	}
	return InQuery{Expr: e, Plan: plan, Not: not}, nil
}

// targets are the objects whose ids a field holds.
func targets(e Expr) []string {
	if e.Field.Type == org.TypeReference {
		return e.Field.ReferenceTo
	}
	out := []string{e.Object.Name}
	for _, o := range e.Or {
		out = append(out, o.Object.Name)
	}
	return out
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(name string) bool { return slices.Contains(b, name) })
}

func (s *scope) mismatch(t term, want org.FieldType) error {
	quotes := "should not"
	if IsText(want) || isID(want) {
		quotes = "should"
	}
	return problem(s.text, t.pos, org.CodeInvalidField, "value of filter criterion for field '%s' must be of type %s and %s be enclosed in quotes",
		t.path, wireName(want), quotes)
}

// value checks a literal against the expression and returns what the store compares; nil for null and the empty text.
func (s *scope) value(l literal, t term, e Expr) (any, error) {
	kind := e.Type()
	mismatch := func() error { return s.mismatch(t, kind) }
	switch {
	case l.kind == litNull:
		return nil, nil
	case IsText(kind), isID(kind):
		if l.kind != litString {
			return nil, mismatch()
		}
		if l.text == "" {
			return nil, nil
		}
		if !isID(kind) {
			return l.text, nil
		}
		id, err := org.ParseID(l.text)
		if err != nil {
			return nil, s.filterProblem(l.pos, "invalid ID field: %s", clip(l.text))
		}
		return string(id), nil
	case kind == org.TypeBoolean:
		if l.kind != litBoolean {
			return nil, mismatch()
		}
		return strings.EqualFold(l.text, "true"), nil
	case l.kind != litNumber:
		return nil, mismatch()
	}
	return s.number(l, kind, mismatch)
}

// number reads what stands without quotes: a number, a date, or a date and time.
func (s *scope) number(l literal, kind org.FieldType, mismatch func() error) (any, error) {
	switch kind {
	case org.TypeDate:
		if len(l.text) != len(time.DateOnly) {
			return nil, mismatch()
		}
	case org.TypeDateTime:
		if !strings.Contains(l.text, "T") {
			return nil, mismatch()
		}
	default:
		return numeral(l.text, kind, mismatch)
	}
	v, err := (&org.Field{Type: kind}).Accept(l.text)
	if fault.KindOf(err) == fault.Invalid {
		return nil, mismatch()
	}
	return v, err
}

func clip(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "…"
	}
	return s
}
