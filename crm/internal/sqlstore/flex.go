package sqlstore

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/soql"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// flexAlias is the alias of the row of custom_value that belongs to the record under an alias.
func flexAlias(alias string) string { return alias + "_v" }

// joinFlex joins the values of the records under an alias.
func joinFlex(alias string) string {
	v := flexAlias(alias)
	return " LEFT JOIN custom_value " + v + " ON " + v + ".org_id = " + alias + ".org_id AND " + v + ".id = " + alias + ".id"
}

// indexValue is a field's value as custom_index keeps it; false where there is none to keep.
func indexValue(f *org.Field, v any) (string, bool) {
	switch v := v.(type) {
	case string:
		if f.Type.IsText() && !f.CaseSensitive {
			v = sqldb.FoldCase(v)
		}
		return v, v != ""
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), true
	case int64:
		return strconv.FormatInt(v, 10), true
	}
	return "", false
}

// flexFields are the custom fields among those with the names.
func flexFields(o *org.Object, values org.Values) []*org.Field {
	var out []*org.Field
	for _, name := range sortedNames(values) {
		if f := o.Stored(name); f.Place == org.PlaceFlex {
			out = append(out, f)
		}
	}
	return out
}

func hasFlex(fields []*org.Field) bool {
	return slices.ContainsFunc(fields, func(f *org.Field) bool { return f.Place == org.PlaceFlex })
}

// putFlex keeps custom values of a record, and what it is found by. Of a record in the recycle bin nothing is unique.
func (t recordTx) putFlex(o *org.Object, orgID org.ID, id string, fields []*org.Field, values org.Values, deleted bool) error {
	if len(fields) == 0 {
		return nil
	}
	columns, marks, sets := []string{"org_id", "id"}, []string{"$1", "$2"}, []string{}
	args := []any{string(orgID), id}
	for _, f := range fields {
		e, err := encode(values[f.Name])
		if err != nil {
			return fmt.Errorf("%s.%s: %w", o.Name, f.Name, err)
		}
		args = append(args, e)
		columns, marks = append(columns, f.Column), append(marks, "$"+strconv.Itoa(len(args)))
		sets = append(sets, f.Column+" = excluded."+f.Column)
	}
	_, err := t.tx.Exec(`INSERT INTO custom_value (`+strings.Join(columns, ", ")+`) VALUES (`+strings.Join(marks, ", ")+`) ON CONFLICT (org_id, id) DO UPDATE SET `+
		strings.Join(sets, ", "), args...)
	if err != nil {
		return fmt.Errorf("keeping custom values of %s: %w", o.Name, err)
	}
	for _, f := range fields {
		if !f.Indexed {
			continue
		}
		if err := t.index(f, orgID, id, values[f.Name], deleted); err != nil {
			return fmt.Errorf("indexing %s.%s: %w", o.Name, f.Name, err)
		}
	}
	return nil
}

func (t recordTx) index(f *org.Field, orgID org.ID, id string, v any, deleted bool) error {
	value, ok := indexValue(f, v)
	if !ok {
		_, err := t.tx.Exec(`DELETE FROM custom_index WHERE org_id = $1 AND field_id = $2 AND record_id = $3`, string(orgID), string(f.ID), id)
		return err
	}
	var unique any
	if f.Unique && !deleted {
		unique = value
	}
	_, err := t.tx.Exec(`INSERT INTO custom_index (org_id, field_id, record_id, value, unique_value) VALUES ($1, $2, $3, $4, $5)
 ON CONFLICT (org_id, field_id, record_id) DO UPDATE SET value = excluded.value, unique_value = excluded.unique_value`,
		string(orgID), string(f.ID), id, value, unique)
	return err
}

// updateFlex keeps custom values of all records that match, and frees the unique ones of records that go into the
// recycle bin.
func (t recordTx) updateFlex(o *org.Object, orgID org.ID, match, values org.Values) error {
	fields := flexFields(o, values)
	gone := values.Flag("IsDeleted") && slices.ContainsFunc(o.Fields, func(f *org.Field) bool { return f.Place == org.PlaceFlex && f.Unique })
	if len(fields) == 0 && !gone {
		return nil
	}
	ids := []string{match.Text("Id")}
	if len(match) != 1 || ids[0] == "" {
		where, args, err := matching(o, orgID, match, nil)
		if err != nil {
			return err
		}
		ids = nil
		err = each(t.tx, func(scan func(...any) error) error {
			var id string
			err := scan(&id)
			ids = append(ids, id)
			return err
		}, `SELECT t.id FROM `+tableOf(o)+` t WHERE `+where, args...)
		if err != nil {
			return fmt.Errorf("reading %s: %w", o.Name, err)
		}
	}
	for _, id := range ids {
		if err := t.putFlex(o, orgID, id, fields, values, gone); err != nil {
			return err
		}
		if gone {
			if _, err := t.tx.Exec(`UPDATE custom_index SET unique_value = NULL WHERE org_id = $1 AND record_id = $2`, string(orgID), id); err != nil {
				return fmt.Errorf("freeing unique values of %s: %w", o.Name, err)
			}
		}
	}
	return nil
}

// flexMatch is the condition that records under alias t have a value in a custom field, its parameters appended by param.
func flexMatch(orgID org.ID, f *org.Field, v any, param func(any) string) (string, error) {
	const row = "FROM custom_value v WHERE v.org_id = t.org_id AND v.id = t.id AND "
	if f.Type == org.TypeBoolean && v != true {
		return "NOT EXISTS (SELECT 1 " + row + "v." + f.Column + " = 1)", nil
	}
	if v == nil {
		return "NOT EXISTS (SELECT 1 " + row + "v." + f.Column + " IS NOT NULL)", nil
	}
	if f.Indexed {
		value, _ := indexValue(f, v)
		return indexed("t", param(string(orgID)), f, "= "+param(value), param), nil
	}
	expr := "v." + f.Column
	if text, ok := v.(string); ok && f.Type.IsText() {
		expr, v = folded(expr), sqldb.FoldCase(text)
	}
	e, err := encode(v)
	if err != nil {
		return "", err
	}
	return "EXISTS (SELECT 1 " + row + expr + " = " + param(e) + ")", nil
}

// indexed is the condition that records under an alias are among those that custom_index has for a field and values. The
// org is a parameter, so that the list is made once and not for each record.
func indexed(alias, orgParam string, f *org.Field, values string, param func(any) string) string {
	return alias + ".id IN (SELECT x.record_id FROM custom_index x WHERE x.org_id = " + orgParam + " AND x.field_id = " + param(string(f.ID)) + " AND x.value " + values + ")"
}

// flexUses tells for which records of a plan custom values are needed: the root's, 0, and its joins'.
func flexUses(p *soql.Plan) map[int]bool {
	used := map[int]bool{}
	ref := func(r soql.Ref) {
		for _, one := range append([]soql.Ref{r}, r.Or...) {
			if one.Field != nil && one.Field.Place == org.PlaceFlex {
				used[one.Join] = true
			}
		}
	}
	for _, j := range p.Joins {
		if j.Via.Place == org.PlaceFlex {
			used[j.From] = true
		}
	}
	if p.Via != nil && p.Via.Place == org.PlaceFlex {
		used[0] = true
	}
	for _, c := range p.Columns {
		ref(c.Ref)
	}
	for _, g := range p.Group {
		ref(g.Ref)
	}
	for _, o := range p.Order {
		ref(o.Ref)
	}
	var cond func(soql.Cond)
	cond = func(c soql.Cond) {
		switch c := c.(type) {
		case soql.All:
			for _, k := range c {
				cond(k)
			}
		case soql.Some:
			for _, k := range c {
				cond(k)
			}
		case soql.IsNull:
			ref(c.Ref)
		case soql.Compare:
			ref(c.Ref)
		case soql.In:
			ref(c.Ref)
		case soql.InQuery:
			ref(c.Ref)
		case soql.Includes:
			ref(c.Ref)
		}
	}
	cond(p.Where)
	cond(p.Having)
	return used
}
