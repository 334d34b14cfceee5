package fake

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// query is a SOQL query of the kind that programs ask: one object, conditions joined by AND, an order, a limit
// (crm-wire 3.4).
type query struct {
	object     string
	fields     []string
	conditions []condition
	order      string
	limit      int
}

type condition struct {
	field, operator string
	values          []string
}

var (
	queryShape = regexp.MustCompile(`(?is)^\s*SELECT\s+(.+?)\s+FROM\s+(\w+)(?:\s+WHERE\s+(.+?))?(?:\s+ORDER\s+BY\s+([\w.]+)(?:\s+(?:ASC|NULLS\s+\w+))*)?(?:\s+LIMIT\s+(\d+))?\s*$`)
	oneTerm    = regexp.MustCompile(`(?is)^\s*([\w.]+)\s*(=|!=|<=|>=|<|>|\bIN\b)\s*(.+?)\s*$`)
	aText      = regexp.MustCompile(`'((?:[^'\\]|\\.)*)'`)
	joint      = regexp.MustCompile(`(?i)\s+AND\s+`)
)

// parseQuery reads a query; false where it is none that this org understands.
func parseQuery(text string) (query, bool) {
	m := queryShape.FindStringSubmatch(text)
	if m == nil {
		return query{}, false
	}
	q := query{object: m[2], order: m[4], limit: 1 << 30}
	for f := range strings.SplitSeq(m[1], ",") {
		q.fields = append(q.fields, strings.TrimSpace(f))
	}
	if m[5] != "" {
		n, err := strconv.Atoi(m[5])
		if err != nil {
			return query{}, false
		}
		q.limit = n
	}
	if m[3] == "" {
		return q, true
	}
	for _, term := range joint.Split(m[3], -1) {
		t := oneTerm.FindStringSubmatch(term)
		if t == nil {
			return query{}, false
		}
		c := condition{field: t[1], operator: strings.ToUpper(t[2])}
		for _, v := range aText.FindAllStringSubmatch(t[3], -1) {
			c.values = append(c.values, regexp.MustCompile(`\\(.)`).ReplaceAllString(v[1], "$1"))
		}
		if len(c.values) == 0 {
			c.values = []string{t[3]}
		}
		q.conditions = append(q.conditions, c)
	}
	return q, true
}

// text is how values of records compare: without regard to case.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return strings.ToLower(v)
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

func (c condition) holds(r record) bool {
	have := text(r.at(c.field))
	is := func(v string) bool { return have == strings.ToLower(v) || strings.EqualFold(v, "null") && have == "" }
	switch order := cmp.Compare(have, strings.ToLower(c.values[0])); c.operator {
	case "=", "IN":
		return slices.ContainsFunc(c.values, is)
	case "!=":
		return !slices.ContainsFunc(c.values, is)
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	default:
		return order >= 0
	}
}

// record is one record; related ones are records in it.
type record map[string]any

// at is the value at a path; the name of a field is written in any case.
func (r record) at(path string) any {
	name, rest, deeper := strings.Cut(path, ".")
	for field, v := range r {
		if strings.EqualFold(field, name) {
			if related, ok := v.(record); ok && deeper {
				return related.at(rest)
			}
			return v
		}
	}
	return nil
}

// has reports whether the object has a field: every record of an object has all of them.
func (r record) has(path string) bool {
	name, rest, deeper := strings.Cut(path, ".")
	for field, v := range r {
		if strings.EqualFold(field, name) {
			related, ok := v.(record)
			return !deeper || ok && related.has(rest)
		}
	}
	return false
}

// pick is a record with the fields that were asked for, as the API shows it.
func (r record) pick(object string, fields []string) map[string]any {
	out := map[string]any{"attributes": map[string]any{"type": object, "url": "/services/data/v62.0/sobjects/" + object + "/" + r["Id"].(string)}}
	for _, f := range fields {
		name, rest, deeper := strings.Cut(f, ".")
		if !deeper {
			out[name] = r.at(name)
			continue
		}
		inner, ok := out[name].(map[string]any)
		if !ok {
			inner = map[string]any{"attributes": map[string]any{"type": name}}
			out[name] = inner
		}
		if related, ok := r.at(name).(record); ok {
			inner[rest] = related.at(rest)
		}
	}
	return out
}

// run finds the records of a query in their order.
func (q query) run(all []record) []record {
	var found []record
	for _, r := range all {
		if !slices.ContainsFunc(q.conditions, func(c condition) bool { return !c.holds(r) }) {
			found = append(found, r)
		}
	}
	order := cmp.Or(q.order, "Id")
	slices.SortStableFunc(found, func(a, b record) int { return strings.Compare(text(a.at(order)), text(b.at(order))) })
	return found[:min(len(found), q.limit)]
}
