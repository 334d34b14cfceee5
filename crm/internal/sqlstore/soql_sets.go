package sqlstore

import (
	"slices"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/soql"
)

// setsText is the SELECT of a plan with grouping sets: SQLite has none, so one statement groups by each set in turn and
// puts the rows together. Columns c0, c1… are the answer's, k0, k1… what it is sorted by.
func (s source) setsText(orgID org.ID, p *soql.Plan, l layout, offset, limit int) (string, []any, error) {
	r := s.render(orgID)
	var parts, columns, order []string
	for i, set := range p.Sets {
		sel := r.selection(p)
		from, err := sel.from("") // conditions on records, which lack nothing
		if err != nil {
			return "", nil, err
		}
		sel.lacking = func(e soql.Expr) bool {
			return slices.ContainsFunc(p.Group, e.Same) && !slices.ContainsFunc(set, e.Same)
		}
		var exprs []string
		for _, e := range l.exprs(sel) {
			name := "c" + strconv.Itoa(len(exprs))
			exprs = append(exprs, e+" AS "+name)
			if i == 0 {
				columns = append(columns, name)
			}
		}
		for j, t := range sel.orderTerms() {
			name := "k" + strconv.Itoa(j)
			exprs = append(exprs, t.expr+" AS "+name)
			if i == 0 {
				order = append(order, name+t.tail)
			}
		}
		groups, err := sel.groupsBy(set)
		if err != nil {
			return "", nil, err
		}
		parts = append(parts, "SELECT "+strings.Join(exprs, ", ")+from+groups)
	}
	query := "SELECT " + strings.Join(columns, ", ") + " FROM (" + strings.Join(parts, " UNION ALL ") + ") s ORDER BY " + strings.Join(order, ", ") +
		" LIMIT " + strconv.Itoa(limit) + " OFFSET " + strconv.Itoa(offset)
	return query, r.args, nil
}

// nothing is NULL, of the type that the expression's values have in the database.
func nothing(e soql.Expr) string {
	switch t := e.Type(); {
	case soql.IsText(t) || isWord(t):
		return "CAST(NULL AS TEXT)"
	case soql.IsDouble(t):
		return "CAST(NULL AS DOUBLE PRECISION)"
	}
	return "CAST(NULL AS BIGINT)"
}
