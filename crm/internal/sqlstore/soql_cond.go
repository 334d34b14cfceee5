package sqlstore

import (
	"fmt"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/soql"
	"github.com/twinspan/twinspan/internal/sqldb"
)

func (s *selection) cond(c soql.Cond) (string, error) {
	switch c := c.(type) {
	case soql.All:
		return s.list(c, " AND ")
	case soql.Some:
		return s.list(c, " OR ")
	case soql.IsNull:
		if c.Not {
			return "NOT (" + s.null(c.Expr) + ")", nil
		}
		return s.null(c.Expr), nil
	case soql.Compare:
		return s.compare(c)
	case soql.In:
		return s.in(c)
	case soql.InQuery:
		return s.inQuery(c)
	case soql.Includes:
		return s.includes(c), nil
	}
	return "", fmt.Errorf("no SQL for a condition of type %T", c)
}

func (s *selection) list(kids []soql.Cond, op string) (string, error) {
	parts := make([]string, len(kids))
	for i, k := range kids {
		text, err := s.cond(k)
		if err != nil {
			return "", err
		}
		parts[i] = text
	}
	return balanced(parts, op), nil
}

// balanced puts an operator between conditions, halves against halves: SQLite takes no tree deeper than a thousand.
func balanced(parts []string, op string) string {
	const few = 16
	if len(parts) > few {
		half := len(parts) / 2
		return "(" + balanced(parts[:half], op) + op + balanced(parts[half:], op) + ")"
	}
	return "(" + strings.Join(parts, op) + ")"
}

// operand is the parameter that an expression's key is compared with.
func (s *selection) operand(e soql.Expr, v any) (string, error) {
	if text, ok := v.(string); ok && soql.IsText(e.Type()) {
		if e.Field.CaseSensitive && e.Func == "" && len(e.Or) == 0 {
			return s.param(text), nil
		}
		if e.Field.Folded && e.Func == "" && len(e.Or) == 0 {
			return s.param(org.Fold(text)), nil
		}
		return s.param(sqldb.FoldCase(text)), nil
	}
	if x, ok := v.(float64); ok {
		return "CAST(" + s.param(x) + " AS DOUBLE PRECISION)", nil
	}
	v, err := encode(v)
	if err != nil {
		return "", err
	}
	if e.Type() == org.TypeInt {
		return "CAST(" + s.param(v) + " AS BIGINT)", nil // PostgreSQL would take the column's 32 bits
	}
	return s.param(v), nil
}

// unless turns a condition round: null is not what it says, so null is among the rest.
func (s *selection) unless(e soql.Expr, cond string) string {
	return "(NOT (" + cond + ") OR " + s.null(e) + ")"
}

// compare renders a comparison that is never unknown: null compares as false, and its negation is true.
func (s *selection) compare(c soql.Compare) (string, error) {
	if c.Op == soql.Equal && !c.Not && isIndexed(c.Expr) {
		value, _ := indexValue(c.Field, c.Value)
		return indexed(s.alias(c.Join), s.orgParam, c.Field, "= "+s.param(value), s.param), nil
	}
	if text, ok := c.Value.(string); ok && c.Op == soql.Like && c.Func == "" && c.Field.CaseSensitive {
		// LIKE regards no case, also of a field whose values do; the databases' own differ.
		cond := folded(s.ref(c.Ref)) + " LIKE " + s.param(sqldb.FoldCase(text)) + ` ESCAPE '\'`
		if c.Not {
			return s.unless(c.Expr, cond), nil
		}
		return cond, nil
	}
	expr := s.key(c.Expr)
	operand, err := s.operand(c.Expr, c.Value)
	if err != nil {
		return "", err
	}
	t, tail := c.Type(), ""
	switch {
	case c.Op == soql.Like:
		tail = ` ESCAPE '\'`
	case c.Op != soql.Equal && (soql.IsText(t) || isWord(t)):
		expr += s.collate
	}
	cond := expr + " " + string(c.Op) + " " + operand + tail
	if c.Not {
		return s.unless(c.Expr, cond), nil
	}
	return cond, nil
}

// isIndexed reports whether an expression is a custom field's value that custom_index has.
func isIndexed(e soql.Expr) bool {
	return e.Func == "" && len(e.Or) == 0 && !e.TypeName && e.Field.Place == org.PlaceFlex && e.Field.Indexed
}

func (s *selection) in(c soql.In) (string, error) {
	if !c.Not && !c.Null && isIndexed(c.Expr) {
		params := make([]string, len(c.Values))
		for i, v := range c.Values {
			value, _ := indexValue(c.Field, v)
			params[i] = s.param(value)
		}
		return indexed(s.alias(c.Join), s.orgParam, c.Field, "IN ("+strings.Join(params, ", ")+")", s.param), nil
	}
	params := make([]string, len(c.Values))
	for i, v := range c.Values {
		var err error
		if params[i], err = s.operand(c.Expr, v); err != nil {
			return "", err
		}
	}
	cond := s.key(c.Expr) + " IN (" + strings.Join(params, ", ") + ")"
	switch {
	case !c.Not && !c.Null:
		return cond, nil
	case !c.Not:
		return "(" + cond + " OR " + s.null(c.Expr) + ")", nil
	case c.Null:
		return "(NOT (" + cond + ") AND NOT (" + s.null(c.Expr) + "))", nil
	}
	return s.unless(c.Expr, cond), nil
}

func (s *selection) inQuery(c soql.InQuery) (string, error) {
	sub := s.selection(c.Plan)
	value := sub.value(c.Plan.Columns[0].Expr)
	from, err := sub.from(value + " IS NOT NULL")
	if err != nil {
		return "", err
	}
	if !c.Not && isIndexed(c.Expr) {
		return indexed(s.alias(c.Join), s.orgParam, c.Field, "IN (SELECT "+value+from+")", s.param), nil
	}
	cond := s.value(c.Expr) + " IN (SELECT " + value + from + ")"
	if c.Not {
		return s.unless(c.Expr, cond), nil
	}
	return cond, nil
}

var likeEscaper = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// includes looks for values in "A;B;C".
func (s *selection) includes(c soql.Includes) string {
	list := "(';' || " + s.key(c.Expr) + " || ';')"
	sets := make([]string, len(c.Sets))
	for i, set := range c.Sets {
		all := make([]string, len(set))
		for j, v := range set {
			all[j] = list + " LIKE " + s.param("%;"+likeEscaper.Replace(sqldb.FoldCase(v))+";%") + ` ESCAPE '\'`
		}
		sets[i] = balanced(all, " AND ")
	}
	cond := balanced(sets, " OR ")
	if c.Not {
		return s.unless(c.Expr, cond)
	}
	return cond
}
