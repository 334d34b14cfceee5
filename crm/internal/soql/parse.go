package soql

import (
	"slices"
	"strconv"
	"strings"
)

// Bounds of what is parsed (SQ-04 of the security reference).
const (
	maxDepth      = 50   // parentheses and queries inside one another
	maxConditions = 500  // comparisons in a query
	maxValues     = 5000 // literals in a query
	maxColumns    = 300  // selected fields
	maxPath       = 6    // parts of a path: five relationships and a field
	maxTerms      = 32   // of ORDER BY and GROUP BY
	maxSetFields  = 3    // of ROLLUP and CUBE
	maxChildren   = 20   // child queries in a query
	maxOffset     = 2000
	maxFields     = 200 // LIMIT of a query with FIELDS()
)

type parser struct {
	text       string
	tokens     []token
	at         int
	depth      int
	conditions int
	values     int
}

// kinds of SELECT, by where they stand.
type place uint8

const (
	atRoot     place = iota
	inSelect         // a child query
	inSemiJoin       // after IN
)

// parse reads a whole query.
func parse(text string) (*query, error) {
	tokens, err := lex(text)
	if err != nil {
		return nil, err
	}
	p := &parser{text: text, tokens: tokens}
	q, err := p.query(atRoot)
	if err != nil {
		return nil, err
	}
	if p.peek().kind != tEOF {
		return nil, p.unexpected()
	}
	return q, nil
}

func (p *parser) peek() token { return p.tokens[p.at] }

// after is the token n further on.
func (p *parser) after(n int) token { return p.tokens[min(p.at+n, len(p.tokens)-1)] }

// accept takes the keywords or symbols in a row, all or none.
func (p *parser) accept(words ...string) bool {
	for i, w := range words {
		if !p.after(i).is(w) {
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
	return p.malformed(t.pos, "unexpected token: '%s'", strings.ToValidUTF8(shown, ""))
}

func (p *parser) malformed(pos int, format string, args ...any) error {
	return problem(p.text, pos, CodeMalformedQuery, format, args...)
}

// deeper runs what stands inside parentheses; nothing is read deeper than maxDepth.
func (p *parser) deeper(fn func() error) error {
	if p.depth++; p.depth > maxDepth {
		return tooComplicated()
	}
	defer func() { p.depth-- }()
	return fn()
}

// reserved words end a list of names: they are no aliases.
var reserved = map[string]bool{
	"AND": true, "ASC": true, "DESC": true, "EXCLUDES": true, "FIRST": true, "FROM": true, "GROUP": true, "HAVING": true, "IN": true, "INCLUDES": true,
	"LAST": true, "LIKE": true, "LIMIT": true, "NOT": true, "NULL": true, "NULLS": true, "OFFSET": true, "OR": true, "ORDER": true, "SELECT": true,
	"USING": true, "WHERE": true, "WITH": true, "FOR": true, "ALL": true, "UPDATE": true,
}

func isReserved(t token) bool { return reserved[strings.ToUpper(t.text)] }

// alias takes a name that is not a keyword; the zero name where there is none.
func (p *parser) alias() name {
	t := p.peek()
	if t.kind != tName || isReserved(t) || strings.Contains(t.text, ":") {
		return name{}
	}
	p.at++
	return name{t.text, t.pos}
}

func (p *parser) query(at place) (*query, error) {
	q := &query{limit: -1, pos: p.peek().pos}
	if err := p.expect("SELECT"); err != nil {
		return nil, err
	}
	if p.accept("COUNT", "(", ")") {
		if q.count = true; at != atRoot {
			return nil, p.malformed(q.pos, "only root queries support aggregate expressions")
		}
	} else if err := p.columns(q, at); err != nil {
		return nil, err
	}
	if err := p.expect("FROM"); err != nil {
		return nil, err
	}
	if err := p.from(q); err != nil {
		return nil, err
	}
	if p.accept("WHERE") {
		where, err := p.conditionList(false)
		if err != nil {
			return nil, err
		}
		q.where = where
	}
	if err := p.with(); err != nil {
		return nil, err
	}
	if at == inSemiJoin { // which has neither groups nor order nor limits
		return q, nil
	}
	if at == atRoot {
		if err := p.groups(q); err != nil {
			return nil, err
		}
	}
	return q, p.tail(q)
}

func (p *parser) columns(q *query, at place) error {
	children := 0
	for {
		column, err := p.column(at)
		if err != nil {
			return err
		}
		if column.sub != nil {
			children++
		}
		if q.columns = append(q.columns, column); len(q.columns) > maxColumns || children > maxChildren {
			return tooComplicated()
		}
		if !p.accept(",") {
			return nil
		}
	}
}

func (p *parser) column(at place) (selected, error) {
	start := p.peek()
	switch {
	case start.is("(") && p.after(1).is("SELECT"):
		if at != atRoot {
			return selected{}, p.malformed(start.pos, "Nesting of child queries is not supported here")
		}
		p.at++
		out := selected{term: term{pos: start.pos}}
		err := p.deeper(func() (err error) {
			if out.sub, err = p.query(inSelect); err != nil {
				return err
			}
			return p.expect(")")
		})
		return out, err
	case start.is("TYPEOF") && p.after(1).kind == tName && !p.after(1).is("FROM"):
		return selected{}, p.malformed(start.pos, "TYPEOF is not supported here; select the fields of the relationship instead")
	case start.is("FIELDS") && p.after(1).is("("):
		p.at += 2
		which := p.peek()
		if !which.is("ALL") && !which.is("STANDARD") && !which.is("CUSTOM") {
			return selected{}, p.unexpected()
		}
		p.at++
		return selected{term: term{pos: start.pos}, fields: strings.ToUpper(which.text)}, p.expect(")")
	}
	t, err := p.term(true)
	if err != nil {
		return selected{}, err
	}
	return selected{term: t, alias: p.alias()}, nil
}

// term reads a field or a function of a field. Aggregate functions are for where groups can be spoken of.
func (p *parser) term(aggregates bool) (term, error) {
	start := p.peek()
	if start.kind == tName && p.after(1).is("(") && !isReserved(start) {
		fn := Func(strings.ToUpper(start.text))
		switch {
		case fn.IsDate(), (fn.IsAggregate() || fn == FuncGrouping) && aggregates:
		case slices.Contains([]Func{"FORMAT", "TOLABEL", "CONVERTCURRENCY", "CONVERTTIMEZONE", "DISTANCE", "GEOLOCATION"}, fn):
			return term{}, p.malformed(start.pos, "the function %s is not supported here", start.text)
		default:
			p.at++
			return term{}, p.unexpected()
		}
		p.at += 2
		f, err := p.path()
		if err != nil {
			if next := p.peek(); next.kind == tName && p.after(1).is("(") && strings.EqualFold(next.text, "convertTimezone") {
				return term{}, p.malformed(next.pos, "the function convertTimezone is not supported here")
			}
			return term{}, err
		}
		if p.peek().is("(") { // convertTimezone and its kind
			return term{}, p.malformed(f[0].pos, "the function %s is not supported here", f)
		}
		return term{pos: start.pos, fn: fn, path: f}, p.expect(")")
	}
	f, err := p.path()
	return term{pos: start.pos, path: f}, err
}

func (p *parser) path() (path, error) {
	var out path
	for {
		t := p.peek()
		if t.kind != tName || strings.Contains(t.text, ":") || len(out) == 0 && isReserved(t) {
			return nil, p.unexpected()
		}
		p.at++
		if out = append(out, name{t.text, t.pos}); len(out) > maxPath+1 { // one more for the alias
			return nil, tooComplicated()
		}
		if !p.accept(".") {
			return out, nil
		}
	}
}

func (p *parser) from(q *query) error {
	f, err := p.path()
	if err != nil {
		return err
	}
	q.from = from{path: f, alias: p.alias()}
	for p.accept(",") {
		f, err := p.path()
		if err != nil {
			return err
		}
		alias := p.alias()
		if alias.text == "" || len(f) < 2 || len(q.more) == maxPath {
			return p.unexpected()
		}
		q.more = append(q.more, from{path: f, alias: alias})
	}
	if p.accept("USING", "SCOPE") {
		switch {
		case p.accept("MINE"):
			q.mine = true
		case p.accept("EVERYTHING"):
		default:
			return p.malformed(p.peek().pos, "the scope '%s' is not supported here; use mine or everything", clip(p.peek().text))
		}
	}
	return nil
}

// with takes the clauses about whose rights count. A query here sees what its user may see in any case.
func (p *parser) with() error {
	if !p.accept("WITH") {
		return nil
	}
	for _, mode := range []string{"SECURITY_ENFORCED", "USER_MODE", "SYSTEM_MODE"} {
		if p.accept(mode) {
			return nil
		}
	}
	if p.peek().is("DATA") {
		return p.malformed(p.peek().pos, "WITH DATA CATEGORY is not supported here")
	}
	return p.unexpected()
}

func (p *parser) groups(q *query) error {
	if !p.accept("GROUP", "BY") {
		return nil
	}
	if q.count {
		p.at -= 2
		return p.unexpected()
	}
	start := p.peek()
	if (start.is("ROLLUP") || start.is("CUBE")) && p.after(1).is("(") {
		q.sets = strings.ToUpper(start.text)
		p.at += 2
	}
	for {
		t, err := p.term(false)
		if err != nil {
			return err
		}
		if q.group = append(q.group, t); len(q.group) > maxTerms {
			return tooComplicated()
		}
		if !p.accept(",") {
			break
		}
	}
	if q.sets != "" {
		if len(q.group) > maxSetFields {
			return p.malformed(start.pos, "GROUP BY %s takes at most %d fields", q.sets, maxSetFields)
		}
		if err := p.expect(")"); err != nil {
			return err
		}
	}
	if p.accept("HAVING") {
		having, err := p.conditionList(true)
		if err != nil {
			return err
		}
		q.having = having
	}
	return nil
}

func (p *parser) tail(q *query) error {
	if err := p.order(q); err != nil {
		return err
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
			return problem(p.text, pos, CodeNumberRange, "Maximum SOQL offset allowed is %d", maxOffset)
		}
		q.offset = n
	}
	if err := p.purpose(); err != nil {
		return err
	}
	q.allRows = p.accept("ALL", "ROWS")
	return nil
}

func (p *parser) order(q *query) error {
	if !p.accept("ORDER", "BY") {
		return nil
	}
	if q.count {
		p.at -= 2
		return p.unexpected()
	}
	for {
		t, err := p.term(true)
		if err != nil {
			return err
		}
		o := orderTerm{term: t}
		if p.accept("DESC") {
			o.desc = true
		} else {
			p.accept("ASC")
		}
		if p.accept("NULLS", "LAST") {
			o.nullsLast = true
		} else {
			p.accept("NULLS", "FIRST")
		}
		if q.order = append(q.order, o); len(q.order) > maxTerms {
			return tooComplicated()
		}
		if !p.accept(",") {
			return nil
		}
	}
}

// purpose takes FOR VIEW, FOR REFERENCE and FOR UPDATE, and UPDATE TRACKING and VIEWSTAT, which leave the answer as it
// is. A lock would end with the request that took it, so none is taken.
func (p *parser) purpose() error {
	for p.accept("FOR") {
		for {
			if !p.accept("VIEW") && !p.accept("REFERENCE") && !p.accept("UPDATE") {
				return p.unexpected()
			}
			if !p.accept(",") {
				break
			}
		}
	}
	if p.accept("UPDATE") {
		for {
			if !p.accept("TRACKING") && !p.accept("VIEWSTAT") {
				return p.unexpected()
			}
			if !p.accept(",") {
				break
			}
		}
	}
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
