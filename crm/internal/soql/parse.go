package soql

import (
	"strconv"
	"strings"
)

// Bounds of what is parsed (SQ-04 of the security reference).
const (
	maxDepth      = 50   // parentheses and NOTs inside one another
	maxConditions = 500  // comparisons in a query
	maxValues     = 5000 // literals in a query
	maxColumns    = 300  // selected fields
	maxPath       = 6    // parts of a path: five relationships and a field
	maxOffset     = 2000
)

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

type literalKind uint8

const (
	litString literalKind = iota
	litNumber             // also dates and times; the field decides
	litBoolean
	litNull
)

type literal struct {
	kind literalKind
	pos  int
	text string
	like string
}

// node is a condition: "AND", "OR", "NOT" over kids, or a comparison.
type node struct {
	op     string // "AND" "OR" "NOT"; "=" "!=" "<" "<=" ">" ">=" "LIKE" "IN" "NOT IN"
	pos    int
	kids   []*node
	path   path
	values []literal
	sub    *query
}

type orderTerm struct {
	path      path
	desc      bool
	nullsLast bool
}

// query is a parsed SELECT.
type query struct {
	count   bool
	columns []path
	from    name
	alias   string
	where   *node
	order   []orderTerm
	limit   int // -1: none
	offset  int
	allRows bool
	pos     int
}

type parser struct {
	text       string
	tokens     []token
	at         int
	depth      int
	conditions int
	values     int
}

// parse reads a whole query.
func parse(text string) (*query, error) {
	tokens, err := lex(text)
	if err != nil {
		return nil, err
	}
	p := &parser{text: text, tokens: tokens}
	q, err := p.query(false)
	if err != nil {
		return nil, err
	}
	if p.peek().kind != tEOF {
		return nil, p.unexpected()
	}
	return q, nil
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) next() token {
	t := p.tokens[p.at]
	if t.kind != tEOF {
		p.at++
	}
	return t
}

// accept takes the keywords or symbols in a row, all or none.
func (p *parser) accept(words ...string) bool {
	for i, w := range words {
		if p.at+i >= len(p.tokens) || !p.tokens[p.at+i].is(w) {
			return false
		}
	}
	p.at += len(words)
	return true
}

func (p *parser) expect(word string) error {
	if !p.accept(word) {
		return p.unexpected()
	}
	return nil
}

func (p *parser) unexpected() error {
	t := p.peek()
	shown := t.text
	if len(shown) > 60 {
		shown = shown[:60]
	}
	return problem(p.text, t.pos, CodeMalformedQuery, "unexpected token: '%s'", strings.ToValidUTF8(shown, ""))
}

// reserved words end a list of names: they are no aliases.
var reserved = map[string]bool{
	"AND": true, "ASC": true, "DESC": true, "EXCLUDES": true, "FIRST": true, "FROM": true, "GROUP": true, "HAVING": true, "IN": true, "INCLUDES": true,
	"LAST": true, "LIKE": true, "LIMIT": true, "NOT": true, "NULL": true, "NULLS": true, "OFFSET": true, "OR": true, "ORDER": true, "SELECT": true,
	"USING": true, "WHERE": true, "WITH": true, "FOR": true, "ALL": true,
}

func (p *parser) query(nested bool) (*query, error) {
	q := &query{limit: -1, pos: p.peek().pos}
	if err := p.expect("SELECT"); err != nil {
		return nil, err
	}
	if p.accept("COUNT", "(", ")") {
		q.count = true
	} else if err := p.columns(q); err != nil {
		return nil, err
	}
	if err := p.expect("FROM"); err != nil {
		return nil, err
	}
	from := p.peek()
	if from.kind != tName || reserved[strings.ToUpper(from.text)] {
		return nil, p.unexpected()
	}
	p.at++
	q.from = name{from.text, from.pos}
	if t := p.peek(); t.kind == tName && !reserved[strings.ToUpper(t.text)] {
		p.at++
		q.alias = t.text
	}
	if p.accept("WHERE") {
		where, err := p.conditionList()
		if err != nil {
			return nil, err
		}
		q.where = where
	}
	if nested { // a semi-join has neither order nor limits
		return q, nil
	}
	return q, p.tail(q)
}

func (p *parser) columns(q *query) error {
	for {
		column, err := p.path()
		if err != nil {
			return err
		}
		if q.columns = append(q.columns, column); len(q.columns) > maxColumns {
			return tooComplicated()
		}
		if !p.accept(",") {
			return nil
		}
	}
}

func (p *parser) path() (path, error) {
	var out path
	for {
		t := p.peek()
		if t.kind != tName || len(out) == 0 && reserved[strings.ToUpper(t.text)] {
			return nil, p.unexpected()
		}
		p.at++
		if out = append(out, name{t.text, t.pos}); len(out) > maxPath {
			return nil, tooComplicated()
		}
		if !p.accept(".") {
			return out, nil
		}
	}
}

func (p *parser) tail(q *query) error {
	if p.accept("ORDER", "BY") {
		if q.count {
			p.at -= 2
			return p.unexpected()
		}
		for {
			f, err := p.path()
			if err != nil {
				return err
			}
			term := orderTerm{path: f}
			if p.accept("DESC") {
				term.desc = true
			} else {
				p.accept("ASC")
			}
			if p.accept("NULLS", "LAST") {
				term.nullsLast = true
			} else {
				p.accept("NULLS", "FIRST")
			}
			if q.order = append(q.order, term); len(q.order) > 32 {
				return tooComplicated()
			}
			if !p.accept(",") {
				break
			}
		}
	}
	if p.accept("LIMIT") {
		n, err := p.count()
		if err != nil {
			return err
		}
		q.limit = n
	}
	if p.accept("OFFSET") {
		pos := p.peek().pos
		n, err := p.count()
		if err != nil {
			return err
		}
		if n > maxOffset {
			return problem(p.text, pos, CodeNumberRange, "SOQL offset exceeds maximum allowed value of %d", maxOffset)
		}
		q.offset = n
	}
	if p.accept("FOR", "VIEW") || p.accept("FOR", "REFERENCE") {
		p.accept(",")
	}
	q.allRows = p.accept("ALL", "ROWS")
	return nil
}

// count reads a number without sign that fits a row count.
func (p *parser) count() (int, error) {
	t := p.peek()
	n, err := strconv.ParseInt(t.text, 10, 32)
	if t.kind != tNumber || !isDigit(t.text[0]) || err != nil {
		return 0, p.unexpected()
	}
	p.at++
	return int(n), nil
}

// conditionList reads conditions joined all by AND or all by OR; mixing them needs parentheses.
func (p *parser) conditionList() (*node, error) {
	first, err := p.condition()
	if err != nil {
		return nil, err
	}
	for _, op := range []string{"AND", "OR"} {
		if !p.peek().is(op) {
			continue
		}
		list := &node{op: op, pos: first.pos, kids: []*node{first}}
		for p.accept(op) {
			kid, err := p.condition()
			if err != nil {
				return nil, err
			}
			list.kids = append(list.kids, kid)
		}
		if p.peek().is("AND") || p.peek().is("OR") {
			return nil, p.unexpected()
		}
		return list, nil
	}
	return first, nil
}

func (p *parser) condition() (*node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, tooComplicated()
	}
	defer func() { p.depth-- }()
	pos := p.peek().pos
	if p.accept("(") {
		n, err := p.conditionList()
		if err != nil {
			return nil, err
		}
		return n, p.expect(")")
	}
	if p.accept("NOT") {
		n, err := p.condition()
		if err != nil {
			return nil, err
		}
		return &node{op: "NOT", pos: pos, kids: []*node{n}}, nil
	}
	return p.comparison()
}

func (p *parser) comparison() (*node, error) {
	if p.conditions++; p.conditions > maxConditions {
		return nil, tooComplicated()
	}
	field, err := p.path()
	if err != nil {
		return nil, err
	}
	n := &node{path: field, pos: field[0].pos}
	for _, op := range []string{"=", "!=", "<>", "<=", ">=", "<", ">", "LIKE"} {
		if !p.accept(op) {
			continue
		}
		if n.op = op; op == "<>" {
			n.op = "!="
		}
		v, err := p.literal()
		n.values = []literal{v}
		return n, err
	}
	switch {
	case p.accept("IN"):
		n.op = "IN"
	case p.accept("NOT", "IN"):
		n.op = "NOT IN"
	default:
		return nil, p.unexpected()
	}
	return n, p.list(n)
}

// list reads what stands in parentheses after IN: literals, or a query.
func (p *parser) list(n *node) error {
	if err := p.expect("("); err != nil {
		return err
	}
	if p.peek().is("SELECT") {
		if p.depth++; p.depth > maxDepth {
			return tooComplicated()
		}
		defer func() { p.depth-- }()
		sub, err := p.query(true)
		if err != nil {
			return err
		}
		n.sub = sub
		return p.expect(")")
	}
	for {
		v, err := p.literal()
		if err != nil {
			return err
		}
		n.values = append(n.values, v)
		if !p.accept(",") {
			return p.expect(")")
		}
	}
}

func (p *parser) literal() (literal, error) {
	if p.values++; p.values > maxValues {
		return literal{}, tooComplicated()
	}
	t := p.peek()
	l := literal{pos: t.pos, text: t.text, like: t.like}
	switch {
	case t.kind == tString:
	case t.kind == tNumber:
		l.kind = litNumber
	case t.is("TRUE"), t.is("FALSE"):
		l.kind = litBoolean
	case t.is("NULL"):
		l.kind = litNull
	default:
		return l, p.unexpected()
	}
	p.at++
	return l, nil
}
