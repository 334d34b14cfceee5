package soql

import "strings"

// conditionList reads conditions joined all by AND or all by OR; mixing them needs parentheses. NOT may stand before
// the first one alone; before a later one it needs parentheses too.
func (p *parser) conditionList(having bool) (*node, error) {
	pos := p.peek().pos
	negated := p.accept("NOT")
	first, err := p.condition(having)
	if err != nil {
		return nil, err
	}
	if negated {
		first = &node{op: "NOT", pos: pos, kids: []*node{first}}
	}
	for _, op := range []string{"AND", "OR"} {
		if !p.peek().is(op) {
			continue
		}
		list := &node{op: op, pos: first.pos, kids: []*node{first}}
		for p.accept(op) {
			kid, err := p.condition(having)
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

func (p *parser) condition(having bool) (*node, error) {
	if !p.accept("(") {
		return p.comparison(having)
	}
	var out *node
	err := p.deeper(func() (err error) {
		if out, err = p.conditionList(having); err != nil {
			return err
		}
		return p.expect(")")
	})
	return out, err
}

var operators = []string{"=", "!=", "<>", "<=", ">=", "<", ">", "LIKE"}

func (p *parser) comparison(having bool) (*node, error) {
	if p.conditions++; p.conditions > maxConditions {
		return nil, tooComplicated()
	}
	t, err := p.term(having)
	if err != nil {
		return nil, err
	}
	n := &node{term: t, pos: t.pos}
	for _, op := range operators {
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
	case p.accept("INCLUDES"):
		n.op = "INCLUDES"
	case p.accept("EXCLUDES"):
		n.op = "EXCLUDES"
	default:
		return nil, p.unexpected()
	}
	return n, p.list(n)
}

// list reads what stands in parentheses after IN and its like: literals, or a query.
func (p *parser) list(n *node) error {
	if err := p.expect("("); err != nil {
		return err
	}
	if p.peek().is("SELECT") && strings.HasSuffix(n.op, "IN") {
		return p.deeper(func() (err error) {
			if n.sub, err = p.query(inSemiJoin); err != nil {
				return err
			}
			return p.expect(")")
		})
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
	case t.kind == tName && isPeriod(t.text):
		l.kind = litPeriod
	default:
		return l, p.unexpected()
	}
	p.at++
	return l, nil
}
