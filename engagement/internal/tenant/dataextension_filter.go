package tenant

import (
	"math/big"
	"strings"
)

// Match makes a test of rows of a filter. Texts are compared without regard to case, as the real service's database
// does; a field without a value matches isNull and nothing else.
func (d DataExtension) Match(f *Filter) (func(DataRow) bool, error) {
	if err := f.Validate(); err != nil {
		return nil, err
	}
	return d.match(f)
}

func (d DataExtension) match(f *Filter) (func(DataRow) bool, error) {
	if f.Joined() {
		left, err := d.match(f.Left)
		if err != nil {
			return nil, err
		}
		right, err := d.match(f.Right)
		if err != nil {
			return nil, err
		}
		if f.Or {
			return func(r DataRow) bool { return left(r) || right(r) }, nil
		}
		return func(r DataRow) bool { return left(r) && right(r) }, nil
	}
	field, ok := d.Field(f.Property)
	if !ok {
		return nil, invalidRetrieve("The filter property '%s' does not exist on %s.", clip(f.Property), d.Key)
	}
	switch f.Operator {
	case OpIsNull:
		return func(r DataRow) bool { _, ok := r.Values[field.Slot]; return !ok }, nil
	case OpIsNotNull:
		return func(r DataRow) bool { _, ok := r.Values[field.Slot]; return ok }, nil
	}
	test, err := field.test(f)
	if err != nil {
		return nil, err
	}
	return func(r DataRow) bool { v, ok := r.Values[field.Slot]; return ok && test(v) }, nil
}

// test is a comparison with one value of the field.
func (f DataField) test(c *Filter) (func(string) bool, error) {
	if test, ok := textTest(c); ok {
		switch f.Type {
		case FieldNumber, FieldDecimal, FieldDate, FieldBoolean:
			return nil, invalidRetrieve("The operator %s needs a field that holds text; %s is of type %s.", c.Operator, f.Name, f.Type)
		}
		return test, nil
	}
	values := make([]string, len(c.Values))
	for i, text := range c.Values {
		normal := text
		if f.Type == FieldNumber || f.Type == FieldDecimal || f.Type == FieldDate || f.Type == FieldBoolean {
			// Compared with more digits than the field has, so that no number becomes another by rounding.
			wide := f
			if f.Type == FieldDecimal {
				wide.MaxLength, wide.Scale = maxDecimal+maxDecimal, maxDecimal
			}
			var err error
			if normal, err = wide.normal(text); err != nil {
				return nil, invalidRetrieve("The value '%s' does not fit %s, which is of type %s.", clip(text), f.Name, f.Type)
			}
		}
		values[i] = normal
	}
	compare := f.compare
	switch c.Operator {
	case OpEquals:
		return func(v string) bool { return compare(v, values[0]) == 0 }, nil
	case OpNotEquals:
		return func(v string) bool { return compare(v, values[0]) != 0 }, nil
	case OpGreater:
		return func(v string) bool { return compare(v, values[0]) > 0 }, nil
	case OpGreaterOrEqual:
		return func(v string) bool { return compare(v, values[0]) >= 0 }, nil
	case OpLess:
		return func(v string) bool { return compare(v, values[0]) < 0 }, nil
	case OpLessOrEqual:
		return func(v string) bool { return compare(v, values[0]) <= 0 }, nil
	case OpBetween:
		return func(v string) bool { return compare(v, values[0]) >= 0 && compare(v, values[1]) <= 0 }, nil
	case OpIn:
		return func(v string) bool {
			for _, one := range values {
				if compare(v, one) == 0 {
					return true
				}
			}
			return false
		}, nil
	}
	return nil, invalidRetrieve("The operator %q is not supported.", string(c.Operator))
}

// compare orders two values in normal form.
func (f DataField) compare(a, b string) int {
	switch f.Type {
	case FieldNumber, FieldDecimal:
		x, okX := new(big.Rat).SetString(a)
		y, okY := new(big.Rat).SetString(b)
		if okX && okY {
			return x.Cmp(y)
		}
	}
	return strings.Compare(strings.ToLower(a), strings.ToLower(b))
}

// textTest is the test of an operator on parts of a text; false for other operators. A like without a percent sign finds
// the value anywhere (engagement-wire 7, mcdev).
func textTest(c *Filter) (func(string) bool, bool) {
	if len(c.Values) != 1 {
		return nil, false
	}
	want := strings.ToLower(c.Values[0])
	switch c.Operator {
	case OpContains, OpExists:
		return func(v string) bool { return strings.Contains(strings.ToLower(v), want) }, true
	case OpNotContains, OpNotExists:
		return func(v string) bool { return !strings.Contains(strings.ToLower(v), want) }, true
	case OpBegins:
		return func(v string) bool { return strings.HasPrefix(strings.ToLower(v), want) }, true
	case OpEnds:
		return func(v string) bool { return strings.HasSuffix(strings.ToLower(v), want) }, true
	case OpLike:
		if !strings.Contains(want, "%") {
			return func(v string) bool { return strings.Contains(strings.ToLower(v), want) }, true
		}
		parts := strings.Split(want, "%")
		return func(v string) bool { return likeParts(strings.ToLower(v), parts) }, true
	}
	return nil, false
}

// likeParts reports whether the text begins with the first part, ends with the last and has the others between in order.
func likeParts(text string, parts []string) bool {
	first, last := parts[0], parts[len(parts)-1]
	if len(text) < len(first)+len(last) || !strings.HasPrefix(text, first) || !strings.HasSuffix(text, last) {
		return false
	}
	text = text[len(first) : len(text)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text = text[i+len(part):]
	}
	return true
}

// keyOf is the row key that a filter names: a conjunction that says equals of every field of the primary key.
func (d DataExtension) keyOf(f *Filter) (string, bool) {
	named := map[int64]string{}
	if !d.equalities(f, named) {
		return "", false
	}
	key := d.PrimaryKey()
	for _, k := range key {
		if _, ok := named[k.Slot]; !ok {
			return "", false
		}
	}
	return rowKey(key, named), len(key) > 0
}

// equalities collects what a conjunction says equals of; false where it holds anything that makes no use of it safe. Other
// comparisons are left to the test of the row.
func (d DataExtension) equalities(f *Filter, into map[int64]string) bool {
	if f.Joined() {
		return !f.Or && d.equalities(f.Left, into) && d.equalities(f.Right, into)
	}
	field, ok := d.Field(f.Property)
	if !ok || f.Operator != OpEquals || !field.PrimaryKey {
		return ok
	}
	normal, err := field.normal(f.Values[0])
	if err != nil {
		return false // such as more digits than the field has: the scan finds what it finds
	}
	into[field.Slot] = normal
	return true
}
