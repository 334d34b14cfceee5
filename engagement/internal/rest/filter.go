package rest

import (
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
)

func itoa(n int) string { return strconv.Itoa(n) }

// urlParameter writes name=value; the $ of a name stays, as the real service's links have it.
func urlParameter(name, value string) string {
	return strings.ReplaceAll(url.QueryEscape(name), "%24", "$") + "=" + url.QueryEscape(value)
}

// Bounds of a $filter.
const (
	maxFilterText  = 8000
	maxFilterDepth = 15
)

// filterOperators are the words of a $filter.
var filterOperators = map[string]tenant.Operator{
	"eq": tenant.OpEquals, "neq": tenant.OpNotEquals, "ne": tenant.OpNotEquals, "gt": tenant.OpGreater, "lt": tenant.OpLess,
	"gte": tenant.OpGreaterOrEqual, "ge": tenant.OpGreaterOrEqual, "lte": tenant.OpLessOrEqual, "le": tenant.OpLessOrEqual,
	"like": tenant.OpLike, "in": tenant.OpIn,
}

// parseFilter reads a $filter: comparisons such as name eq 'x', joined by and and or, with parentheses; and binds
// tighter. Values are in quotes, a quote in them twice, or bare words up to the next and, or or parenthesis, as some
// clients write them. An empty text is no filter.
func parseFilter(text string) (*tenant.Filter, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	if len(text) > maxFilterText || !utf8.ValidString(text) {
		return nil, badFilter("The filter is too long.")
	}
	p := &filterParser{}
	if err := p.split(text); err != nil {
		return nil, err
	}
	f, err := p.either(1)
	if err != nil {
		return nil, err
	}
	if p.at < len(p.words) {
		return nil, badFilter("The filter goes on where it should end.")
	}
	return f, nil
}

func badFilter(text string) error {
	return fault.New(fault.Invalid, codeValue, "%s", text).In("$filter")
}

// filterWord is one word, quoted text, parenthesis or comma.
type filterWord struct {
	text   string
	quoted bool
}

func (w filterWord) is(word string) bool { return !w.quoted && strings.EqualFold(w.text, word) }

type filterParser struct {
	words []filterWord
	at    int
}

// split cuts the text into words.
func (p *filterParser) split(text string) error {
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
		case c == '(' || c == ')' || c == ',':
			p.words = append(p.words, filterWord{text: string(c)})
			i++
		case c == '\'' || c == '"':
			var b strings.Builder
			i++
			for {
				if i >= len(text) {
					return badFilter("A quote of the filter is not closed.")
				}
				if text[i] == c {
					if i+1 < len(text) && text[i+1] == c {
						b.WriteByte(c)
						i += 2
						continue
					}
					break
				}
				b.WriteByte(text[i])
				i++
			}
			i++
			p.words = append(p.words, filterWord{b.String(), true})
		default:
			end := i
			for end < len(text) && !strings.ContainsRune(" \t\r\n(),", rune(text[end])) {
				end++
			}
			p.words = append(p.words, filterWord{text: text[i:end]})
			i = end
		}
	}
	return nil
}

func (p *filterParser) next() (filterWord, bool) {
	if p.at >= len(p.words) {
		return filterWord{}, false
	}
	p.at++
	return p.words[p.at-1], true
}

func (p *filterParser) take(word string) bool {
	if p.at < len(p.words) && p.words[p.at].is(word) {
		p.at++
		return true
	}
	return false
}

// either is a list of parts joined by or.
func (p *filterParser) either(depth int) (*tenant.Filter, error) {
	f, err := p.both(depth)
	for err == nil && p.take("or") {
		var right *tenant.Filter
		if right, err = p.both(depth); err == nil {
			f = &tenant.Filter{Or: true, Left: f, Right: right}
		}
	}
	return f, err
}

// both is a list of parts joined by and.
func (p *filterParser) both(depth int) (*tenant.Filter, error) {
	f, err := p.part(depth)
	for err == nil && p.take("and") {
		var right *tenant.Filter
		if right, err = p.part(depth); err == nil {
			f = &tenant.Filter{Left: f, Right: right}
		}
	}
	return f, err
}

// part is a comparison, or a filter in parentheses.
func (p *filterParser) part(depth int) (*tenant.Filter, error) {
	if depth > maxFilterDepth {
		return nil, badFilter("The filter is nested too deep.")
	}
	if p.take("(") {
		f, err := p.either(depth + 1)
		if err == nil && !p.take(")") {
			return nil, badFilter("A parenthesis of the filter is not closed.")
		}
		return f, err
	}
	name, ok := p.next()
	word, more := p.next()
	operator, known := filterOperators[strings.ToLower(word.text)]
	if !ok || !more || name.text == "" || !known || word.quoted {
		return nil, badFilter("A comparison of the filter is written: name eq 'value'.")
	}
	f := &tenant.Filter{Property: name.text, Operator: operator}
	var err error
	if f.Values, err = p.values(operator == tenant.OpIn); err != nil {
		return nil, err
	}
	if operator == tenant.OpIn && len(f.Values) == 1 {
		f.Operator = tenant.OpEquals
	}
	return f, nil
}

// values reads what a comparison compares with.
func (p *filterParser) values(list bool) ([]string, error) {
	parenthesis := list && p.take("(")
	var values []string
	for {
		one, err := p.value()
		if err != nil {
			return nil, err
		}
		values = append(values, one)
		if !list || !p.take(",") {
			break
		}
	}
	if parenthesis && !p.take(")") {
		return nil, badFilter("A parenthesis of the filter is not closed.")
	}
	return values, nil
}

// value is a quoted text, or bare words.
func (p *filterParser) value() (string, error) {
	w, ok := p.next()
	if !ok || !w.quoted && (w.text == "(" || w.text == ")" || w.text == ",") {
		return "", badFilter("A value of the filter is missing.")
	}
	if w.quoted {
		return w.text, nil
	}
	text := w.text
	for p.at < len(p.words) {
		w := p.words[p.at]
		if w.quoted || w.is("and") || w.is("or") || w.is("(") || w.is(")") || w.is(",") {
			break
		}
		text += " " + w.text
		p.at++
	}
	return text, nil
}
