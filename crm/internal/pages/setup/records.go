package setup

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/ui"
)

// read reads fields of a record that the visitor may see.
func (v *visit) read(object string, id org.ID, names []string) (org.Values, error) {
	rec, err := v.s.Records.Read(v.ctx(), v.Session, object, string(id), names)
	return rec.Values, err
}

// row is one row of a query's answer, in the order of its columns.
type row []any

func (r row) text(i int) string { t, _ := r[i].(string); return t }
func (r row) id(i int) org.ID   { return org.ID(r.text(i)) }
func (r row) flag(i int) bool   { b, _ := r[i].(bool); return b }
func (r row) number(i int) int64 {
	n, _ := r[i].(int64)
	return n
}

func (r row) time(i int) time.Time {
	t, _ := r[i].(time.Time)
	return t
}

// maxRows bounds what a page reads by one query.
const maxRows = 2000

// rows answers a query of at most maxRows rows as the visitor may see them.
func (v *visit) rows(query string) ([]row, error) {
	res, err := v.s.Queries.Run(v.ctx(), v.Session, query, false, maxRows)
	if err != nil {
		return nil, err
	}
	out := make([]row, len(res.Rows))
	for i, r := range res.Rows {
		out[i] = r.Values
	}
	return out, nil
}

// tooling is the visitor as the Tooling API sees him, which has objects of its own.
func (v *visit) tooling() org.Session {
	s := v.Session
	s.Tooling = true
	return s
}

// literal is a text in a query.
func literal(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`, "\r", `\r`).Replace(text) + "'"
}

// list is ids in a query.
func list(ids []org.ID) string {
	quoted := make([]string, len(ids))
	for i, id := range ids {
		quoted[i] = literal(string(id))
	}
	return "(" + strings.Join(quoted, ", ") + ")"
}

// display is a value as a page shows it.
func display(value any) string {
	switch x := value.(type) {
	case nil:
		return ""
	case string:
		return x
	case bool:
		return check(x)
	case int64:
		return strconv.FormatInt(x, 10)
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64)
	case time.Time:
		return moment(x)
	case org.JSON:
		return string(x)
	}
	return ""
}

// moment is a time as pages show it; "" for none.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// fieldOf is the input of a record's field: with what was typed where a form was refused, else with the value that it has.
func fieldOf(f *org.Field, value any, typed, errors map[string]string) ui.Field {
	in := ui.Field{Name: f.Name, Label: f.Label, Value: display(value), Required: f.Required(), MaxLength: f.Length, Error: errors[f.Name], Autocomplete: "off"}
	if b, ok := value.(bool); ok || f.Type == org.TypeBoolean {
		in.Type, in.Value, in.Checked, in.MaxLength = ui.CheckboxField, "true", b, 0
		if typed != nil {
			in.Checked = typed[f.Name] != ""
		}
		return in
	}
	if t, ok := typed[f.Name]; ok {
		in.Value = t
	}
	switch f.Type {
	case org.TypeEmail:
		in.Type = ui.EmailField
	case org.TypePicklist:
		in.Type = ui.SelectField
		if !in.Required {
			in.Options = []ui.Option{{Value: "", Label: "--None--"}}
		}
		for _, p := range f.Picklist {
			in.Options = append(in.Options, ui.Option{Value: p.Value, Label: p.Label})
		}
		if in.Value != "" && !slices.ContainsFunc(in.Options, func(o ui.Option) bool { return o.Value == in.Value }) {
			in.Options = append(in.Options, ui.Option{Value: in.Value, Label: in.Value})
		}
	}
	return in
}

// splitFields are the fields that a refusal names.
func splitFields(names string) []string {
	return strings.FieldsFunc(names, func(r rune) bool { return r == ',' || r == ' ' })
}

// changed are the values of a form that differ from the record's, as the record layer takes them; typed are all that the form
// has, to be shown again where it is refused. What nobody changed is not sent: a masked value would else be saved as it is
// shown.
func changed(o *org.Object, names []string, f map[string][]string, now org.Values) (in map[string]any, typed map[string]string) {
	in, typed = map[string]any{}, map[string]string{}
	for _, name := range names {
		field := o.Field(name)
		if field == nil {
			continue
		}
		value := ""
		if vs := f[name]; len(vs) > 0 {
			value = strings.TrimSpace(vs[0])
		}
		if field.Type == org.TypeBoolean {
			typed[name] = value
			if on := value != ""; on != now.Flag(name) {
				in[name] = on
			}
			continue
		}
		if _, sent := f[name]; !sent {
			continue
		}
		typed[name] = value
		switch {
		case value == display(now[name]):
		case value == "":
			in[name] = nil
		default:
			in[name] = value
		}
	}
	return in, typed
}
