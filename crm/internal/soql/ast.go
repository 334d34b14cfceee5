package soql

import "strings"

// name is a name as written and where.
type name struct {
	text string
	pos  int
}

// path is a field, with the relationships that lead to it.
type path []name

func (p path) String() string {
	parts := make([]string, len(p))
	for i, n := range p {
		parts[i] = n.text
	}
	return strings.Join(parts, ".")
}

// term is a field, or a function of one: what is selected, grouped, compared and sorted by.
type term struct {
	pos  int
	fn   Func // "" for the field itself
	path path
}

// selected is one element of a SELECT list: a term with or without an alias, FIELDS(group), or a child query.
type selected struct {
	term
	alias  name
	fields string // "ALL", "STANDARD" or "CUSTOM" of FIELDS()
	sub    *query
}

type literalKind uint8

const (
	litString  literalKind = iota
	litNumber              // also dates and times; the field decides
	litBoolean             //
	litNull                //
	litPeriod              // TODAY, LAST_N_DAYS:7
)

type literal struct {
	kind literalKind
	pos  int
	text string
	like string
}

// node is a condition: "AND", "OR", "NOT" over kids, or a comparison.
type node struct {
	op     string // "AND" "OR" "NOT"; "=" "!=" "<" "<=" ">" ">=" "LIKE" "IN" "NOT IN" "INCLUDES" "EXCLUDES"
	pos    int
	kids   []*node
	term   term
	values []literal
	sub    *query
}

type orderTerm struct {
	term
	desc      bool
	nullsLast bool
}

// from is an object or relationship in FROM, with its alias.
type from struct {
	path  path
	alias name
}

// query is a parsed SELECT.
type query struct {
	count   bool // SELECT COUNT()
	columns []selected
	from    from
	more    []from // further aliases: FROM Contact c, c.Account a
	mine    bool   // USING SCOPE mine
	where   *node
	group   []term
	sets    string // "ROLLUP" or "CUBE" of the group; "" for the group itself
	having  *node
	order   []orderTerm
	limit   int // -1: none
	offset  int
	allRows bool
	pos     int
}
