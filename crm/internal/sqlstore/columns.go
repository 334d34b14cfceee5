package sqlstore

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
)

// tableOf is the table that keeps an object's records: its name in snake case, but for two that SQL reserves; a
// package's object's in lower case. Two are views.
func tableOf(o *org.Object) string {
	switch {
	case o.Name == org.ObjectUser:
		return "user_account"
	case o.Own:
		return "custom_record"
	case o.Custom:
		return strings.ToLower(o.Name)
	case o.Name == org.ObjectCustomObject, o.Name == org.ObjectCustomField:
		return org.ColumnName(o.Name) + "_record"
	case o.Name == org.ObjectCase:
		return "case_record"
	case o.Name == org.ObjectUserLogin:
		return "user_login_record"
	case o.Name == org.ObjectAuthSession:
		return "auth_session_record"
	}
	var b strings.Builder
	for i, r := range o.Name {
		if r >= 'A' && r <= 'Z' {
			if i > 0 {
				b.WriteByte('_')
			}
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// isView reports whether the object's records are a view, whose rules lock what lies under it.
func isView(o *org.Object) bool {
	switch o.Name {
	case org.ObjectUserLogin, org.ObjectAuthSession, org.ObjectCustomObject, org.ObjectCustomField:
		return true
	}
	return false
}

// orgColumn is the column that names the org a row belongs to.
func orgColumn(o *org.Object) string {
	if o.Name == org.ObjectOrganization {
		return "id"
	}
	return "org_id"
}

// expression is the SQL of a field's value: booleans are 0 or 1, times milliseconds. Names come from the schema, never
// from a caller.
func expression(o *org.Object, f *org.Field, alias string) string {
	switch f.Place {
	case org.PlaceCustom:
		raw := alias + ".custom ->> '" + f.Column + "'"
		switch f.Type {
		case org.TypeBoolean:
			return "CASE WHEN " + raw + " = '1' THEN 1 ELSE 0 END"
		case org.TypeInt, org.TypeDateTime:
			return "CAST(" + raw + " AS BIGINT)"
		}
		return "(" + raw + ")"
	case org.PlaceFlex:
		value := flexAlias(alias) + "." + f.Column
		if f.Type == org.TypeBoolean {
			return "COALESCE(" + value + ", 0)"
		}
		return value
	case org.PlacePermission:
		return "CASE WHEN " + alias + `.permissions LIKE '%"` + f.Column + `"%' THEN 1 ELSE 0 END`
	case org.PlaceComputed:
		if f.Absent {
			return absent(f, alias)
		}
		text, ok := computed[o.Name+"."+f.Name]
		if !ok {
			panic("sqlstore: nothing computes " + o.Name + "." + f.Name)
		}
		return fmt.Sprintf(text, alias)
	}
	return alias + "." + f.Column
}

// absent is the value of a field that no record has one in. It names a column, as neither database sorts or groups by a constant.
func absent(f *org.Field, alias string) string {
	none := "NULLIF(" + alias + ".id, " + alias + ".id)"
	switch f.Type {
	case org.TypeBoolean:
		return fmt.Sprintf(noFlag, alias)
	case org.TypeInt, org.TypeDateTime:
		return "CAST(" + none + " AS BIGINT)"
	}
	return none
}

// cell receives one value of a row.
type cell struct {
	field *org.Field
	text  sql.NullString
	num   sql.NullInt64
	float sql.NullFloat64
}

func (c *cell) isNumber() bool {
	switch c.field.Type {
	case org.TypeBoolean, org.TypeInt, org.TypeDateTime:
		return true
	}
	return false
}

func (c *cell) dest() any {
	switch {
	case c.isNumber():
		return &c.num
	case c.field.Type.IsDouble():
		return &c.float
	}
	return &c.text
}

func (c *cell) value() any {
	if c.field.Type.IsDouble() {
		if !c.float.Valid {
			return nil
		}
		return c.float.Float64
	}
	if !c.isNumber() {
		if !c.text.Valid {
			return nil
		}
		if c.field.Type == org.TypeComplex {
			return org.JSON(c.text.String)
		}
		if c.field.Masked {
			return c.field.Mask(c.text.String)
		}
		return c.text.String
	}
	switch {
	case c.field.Type == org.TypeBoolean:
		return c.num.Valid && c.num.Int64 != 0
	case !c.num.Valid:
		return nil
	case c.field.Type == org.TypeDateTime:
		return fromMillis(c.num.Int64)
	}
	return c.num.Int64
}

func cellsFor(fields []*org.Field) ([]cell, []any) {
	cells, dests := make([]cell, len(fields)), make([]any, len(fields))
	for i, f := range fields {
		cells[i].field = f
		dests[i] = cells[i].dest()
	}
	return cells, dests
}

// encode is a value as a column holds it.
func encode(v any) (any, error) {
	switch v := v.(type) {
	case nil, string, int64, float64:
		return v, nil
	case org.JSON:
		return string(v), nil
	case bool:
		return flag(v), nil
	case time.Time:
		return millis(v), nil
	}
	return nil, fmt.Errorf("no column holds a %T", v)
}

// encodeText is a value as a key of custom holds it; "" where the key is to go.
func encodeText(v any) (string, error) {
	e, err := encode(v)
	if err != nil {
		return "", err
	}
	switch e := e.(type) {
	case string:
		return e, nil
	case int64:
		return strconv.FormatInt(e, 10), nil
	case int:
		return strconv.Itoa(e), nil
	case float64:
		return strconv.FormatFloat(e, 'f', -1, 64), nil
	}
	return "", nil
}

// bags are the two JSON columns that hold many fields each. Nil where the object's table has no such column.
type bags struct {
	custom      map[string]string
	permissions map[string]bool
}

// parseBags reads the columns as they are stored; "" where there is no column.
func parseBags(custom, permissions string) (bags, error) {
	b := bags{custom: map[string]string{}, permissions: map[string]bool{}}
	if custom != "" {
		if err := json.Unmarshal([]byte(custom), &b.custom); err != nil {
			return b, fmt.Errorf("column custom: %w", err)
		}
	}
	if permissions != "" {
		var names []string
		if err := json.Unmarshal([]byte(permissions), &names); err != nil {
			return b, fmt.Errorf("column permissions: %w", err)
		}
		for _, n := range names {
			b.permissions[n] = true
		}
	}
	return b, nil
}

func (b bags) set(f *org.Field, v any) error {
	if f.Place == org.PlacePermission {
		if on, _ := v.(bool); on {
			b.permissions[f.Column] = true
		} else {
			delete(b.permissions, f.Column)
		}
		return nil
	}
	s, err := encodeText(v)
	if err != nil {
		return err
	}
	if s == "" {
		delete(b.custom, f.Column)
	} else {
		b.custom[f.Column] = s
	}
	return nil
}

func (b bags) customJSON() (string, error) {
	out, err := json.Marshal(b.custom)
	return string(out), err
}

func (b bags) permissionsJSON() (string, error) {
	names := make([]string, 0, len(b.permissions))
	for n := range b.permissions {
		names = append(names, n)
	}
	slices.Sort(names)
	out, err := json.Marshal(names)
	return string(out), err
}

// hasPlace reports whether any field of the object is kept there.
func hasPlace(o *org.Object, p org.Place) bool {
	return slices.ContainsFunc(o.Fields, func(f *org.Field) bool { return f.Place == p })
}
