package soql

import (
	"slices"
	"strings"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
)

// Context is what a query is understood by.
type Context struct {
	Schema      *org.Schema
	Permissions org.Permissions
	User        org.ID // who asks, for USING SCOPE mine
	// Calendar is asked once, where a query has a date literal; nil is the calendar of the year 1.
	Calendar func() (Calendar, error)
}

// Parse turns a query into a plan over what holders of the permissions may see of the schema. Date literals have no
// meaning in it: the plan is good for telling what the query selects.
func Parse(text string, schema *org.Schema, p org.Permissions) (*Plan, error) {
	return Context{Schema: schema, Permissions: p}.Parse(text)
}

// Parse turns a query into a plan.
func (c Context) Parse(text string) (*Plan, error) {
	q, err := parse(text)
	if err != nil {
		return nil, err
	}
	r := &resolver{Context: c, text: text}
	o := r.object(q.from)
	if o == nil {
		return nil, r.badType(q.from)
	}
	return r.plan(q, o, atRoot, nil)
}

type resolver struct {
	Context
	text      string
	calendar  *Calendar
	semiJoins int
}

// scope is one SELECT's names.
type scope struct {
	*resolver
	plan    *Plan
	query   *query
	at      place
	aliases map[string]path // of FROM, in lower case: the path each stands for, empty for the object itself
}

func (r *resolver) malformed(pos int, format string, args ...any) error {
	return problem(r.text, pos, CodeMalformedQuery, format, args...)
}

func (r *resolver) object(f from) *org.Object {
	if len(f.path) > 1 {
		return nil
	}
	return r.Schema.Object(f.path[0].text, r.Permissions)
}

// badType is the refusal of an object that is not there.
func (r *resolver) badType(f from) error {
	return problem(r.text, f.path[0].pos, org.CodeInvalidType, noSuchType, f.path)
}

// today is the calendar of the one who asks.
func (r *resolver) today() (Calendar, error) {
	if r.calendar == nil {
		c := Calendar{Now: time.Time{}}
		if r.Calendar != nil {
			var err error
			if c, err = r.Calendar(); err != nil {
				return c, err
			}
		}
		r.calendar = &c
	}
	return *r.calendar, nil
}

func (r *resolver) plan(q *query, o *org.Object, at place, via *org.Field) (*Plan, error) {
	s := &scope{
		resolver: r, query: q, at: at, aliases: map[string]path{},
		plan: &Plan{Object: o, Count: q.count, Limit: q.limit, Offset: q.offset, Deleted: q.allRows, Via: via, Viewer: r.User},
	}
	if q.from.alias.text != "" {
		s.aliases[strings.ToLower(q.from.alias.text)] = nil
	}
	for _, f := range q.more {
		full, err := s.expand(f.path)
		if err != nil {
			return nil, err
		}
		if _, _, err := s.follow(full, full); err != nil {
			return nil, err
		}
		s.aliases[strings.ToLower(f.alias.text)] = full
	}
	for _, step := range []func() error{s.groups, s.columns, s.where, s.having, s.order} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	s.share()
	return s.plan, nil
}

// expand replaces an alias at the beginning of a path, or the object's own name, by what it stands for.
func (s *scope) expand(p path) (path, error) {
	if len(p) > 1 {
		first := p[0].text
		if to, ok := s.aliases[strings.ToLower(first)]; ok {
			p = append(slices.Clone(to), p[1:]...)
		} else if strings.EqualFold(first, s.plan.Object.Name) && s.plan.Object.Parent(first) == nil {
			p = p[1:]
		}
	}
	if len(p) > maxPath {
		return nil, tooComplicated()
	}
	return p, nil
}

// step is one object that a path has come to; where a relationship may lead to several objects there are several.
type step struct {
	at int // as a Ref's Join
	o  *org.Object
}

// follow joins the parents that relationships lead to, and gives where they end and the relationships as the schema
// spells them. whole is for errors.
func (s *scope) follow(relationships, whole path) ([]step, []string, error) {
	here := []step{{0, s.plan.Object}}
	var full []string
	for _, n := range relationships {
		var next []step
		var spelled string
		for _, from := range here {
			via := from.o.Parent(n.text)
			if via == nil {
				continue
			}
			spelled = via.Relationship
			for _, name := range via.ReferenceTo {
				if to := s.Schema.Object(name, s.Permissions); to != nil {
					path := append(slices.Clone(full), spelled)
					next = append(next, step{s.join(Join{From: from.at, Via: via, To: to, Path: path, Several: len(via.ReferenceTo) > 1}), to})
				}
			}
		}
		if len(next) == 0 {
			return nil, nil, problem(s.text, n.pos, org.CodeInvalidField, noSuchRelationship, n.text)
		}
		if len(s.plan.Joins) > maxJoins {
			return nil, nil, tooComplicated()
		}
		here, full = next, append(full, spelled)
	}
	return here, full, nil
}

// maxJoins bounds the parents of a query, as the vendor's 55 child-to-parent relationships do.
const maxJoins = 55

func (s *scope) join(j Join) int {
	for i, have := range s.plan.Joins {
		if have.From == j.From && have.Via == j.Via && have.To == j.To {
			return i + 1
		}
	}
	if s.ownAlone(j.To) && (j.To.Master != "" || j.To.Person != "") {
		j.Own = s.own(j.To, len(s.plan.Joins)+1)
	}
	s.plan.Joins = append(s.plan.Joins, j)
	return len(s.plan.Joins)
}

// sharedFields are those that may be selected through a relationship to several objects (the Name object).
var sharedFields = map[string]bool{
	"id": true, "name": true, "firstname": true, "lastname": true, "email": true, "phone": true, "title": true, "type": true, "alias": true,
	"username": true, "isactive": true, "profileid": true, "userroleid": true,
}

// typeField stands for the name of the object that a relationship led to.
var typeField = &org.Field{Name: "Type", Label: "Type", Type: org.TypePicklist, Length: 40, Nillable: true, Filterable: true, Sortable: true, Groupable: true}

// resolve finds the field that a path names, joining the parents on the way, and spells the path as the schema does.
func (s *scope) resolve(p path) (Ref, []string, error) {
	whole := p
	p, err := s.expand(p)
	if err != nil {
		return Ref{}, nil, err
	}
	ends, full, err := s.follow(p[:len(p)-1], whole)
	if err != nil {
		return Ref{}, nil, err
	}
	last := p[len(p)-1]
	several := len(full) > 0 && s.plan.Joins[ends[0].at-1].Several
	var ref Ref
	for _, end := range ends {
		f := end.o.Field(last.text)
		if several && strings.EqualFold(last.text, typeField.Name) {
			f = typeField
		}
		if f == nil || several && !sharedFields[strings.ToLower(last.text)] {
			continue
		}
		one := Ref{Join: end.at, Object: end.o, Field: f, TypeName: f == typeField}
		if ref.Field == nil {
			ref = one
		} else if one.Field.Type == ref.Field.Type {
			ref.Or = append(ref.Or, one)
		}
	}
	if ref.Field == nil {
		on := ends[0].o.Name
		if several {
			on = "Name"
		}
		return Ref{}, nil, problem(s.text, last.pos, org.CodeInvalidField, noSuchColumn, last.text, on)
	}
	return ref, append(full, ref.Field.Name), nil
}

// expr finds the expression that a term names.
func (s *scope) expr(t term) (Expr, []string, error) {
	ref, full, err := s.resolve(t.path)
	if err != nil {
		return Expr{}, nil, err
	}
	e := Expr{Ref: ref, Func: t.fn}
	switch {
	case t.fn.IsDate() && !dateFuncFits(t.fn, ref.Field.Type):
		return e, nil, s.malformed(t.pos, "field %s does not support date function %s", t.path, t.fn)
	case t.fn.IsAggregate() && !aggregateFits(t.fn, ref.Field):
		return e, nil, s.malformed(t.pos, "field %s does not support aggregate operator %s", t.path, t.fn)
	}
	return e, full, nil
}

func dateFuncFits(fn Func, t org.FieldType) bool {
	if fn == FuncDayOnly || fn == FuncHourInDay {
		return t == org.TypeDateTime
	}
	return t == org.TypeDate || t == org.TypeDateTime
}

// aggregateFits tells which fields an aggregate function takes ("Support for Field Types in Aggregate Functions").
func aggregateFits(fn Func, f *org.Field) bool {
	switch {
	case f.Type == org.TypeBoolean, f.Type == org.TypeMultipicklist, !f.Filterable:
		return false
	case fn == FuncSum, fn == FuncAvg:
		return isNumber(f.Type)
	}
	return true
}
