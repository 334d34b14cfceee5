package org

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/internal/fault"
)

// SetGrants are what a permission set gives beside system permissions.
type SetGrants struct {
	// Objects and Fields are rows of ObjectPermissions and FieldPermissions: by object name, and by "Object.Field".
	Objects map[string]ObjectAccess
	Fields  map[string]FieldAccess
	Shown
}

// Shown is what a permission set says of tabs and applications. It is kept and read back, and there are no tabs and no
// applications here that would heed it.
type Shown struct {
	Tabs         map[string]string        `json:"tabs,omitempty"` // by tab name: "Available", "Visible" or "None"
	Applications map[string]AppVisibility `json:"applications,omitempty"`
}

// AppVisibility says whether an application is shown, and whether it is the one that its users begin with.
type AppVisibility struct {
	Default bool `json:"default,omitempty"`
	Visible bool `json:"visible,omitempty"`
}

func (s Shown) empty() bool { return len(s.Tabs) == 0 && len(s.Applications) == 0 }

// fieldShown is the column of a set's record that holds its Shown.
const fieldShown = "Shown"

func shownOf(row Values) (Shown, error) {
	var s Shown
	text := row.Text(fieldShown)
	if text == "" {
		return s, nil
	}
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return s, fmt.Errorf("tabs of permission set %s: %w", row.ID("Id"), err)
	}
	return s, nil
}

// maxGrants bounds the rows of one set that are read at a time: all fields of all objects are fewer.
const maxGrants = 50_000

// The flags of a row of ObjectPermissions, as fields of the record name them.
var objectFlags = []struct {
	field string
	of    func(*ObjectAccess) *bool
}{
	{"PermissionsCreate", func(a *ObjectAccess) *bool { return &a.Create }},
	{"PermissionsRead", func(a *ObjectAccess) *bool { return &a.Read }},
	{"PermissionsEdit", func(a *ObjectAccess) *bool { return &a.Edit }},
	{"PermissionsDelete", func(a *ObjectAccess) *bool { return &a.Delete }},
	{"PermissionsViewAllRecords", func(a *ObjectAccess) *bool { return &a.ViewAll }},
	{"PermissionsModifyAllRecords", func(a *ObjectAccess) *bool { return &a.ModifyAll }},
}

// grants reads what a set gives.
func (p *PermissionSets) grants(ctx context.Context, s Session, set Values) (g SetGrants, err error) {
	schema, match := s.Schema(), Values{"ParentId": set.Text("Id")}
	if g.Shown, err = shownOf(set); err != nil {
		return g, err
	}
	rows, err := p.Store.FindRecords(ctx, schema.must(ObjectObjectPermissions), s.Org, match, maxGrants)
	if err != nil {
		return g, err
	}
	g.Objects, g.Fields = map[string]ObjectAccess{}, map[string]FieldAccess{}
	for _, row := range rows {
		var a ObjectAccess
		for _, f := range objectFlags {
			*f.of(&a) = row.Flag(f.field)
		}
		g.Objects[row.Text("SobjectType")] = a
	}
	rows, err = p.Store.FindRecords(ctx, schema.must(ObjectFieldPermissions), s.Org, match, maxGrants)
	for _, row := range rows {
		g.Fields[row.Text("Field")] = FieldAccess{Read: row.Flag("PermissionsRead"), Edit: row.Flag("PermissionsEdit")}
	}
	return g, err
}

// saveGrants gives a set what the change names; the rest stays, or goes where it replaces. It tells whether anything
// changed.
func (p *PermissionSets) saveGrants(tx SetupTx, s Session, set Values, c PermissionSetChange) (bool, error) {
	shown, err := p.saveShown(tx, s, set, c)
	if err != nil || len(c.Objects) == 0 && len(c.Fields) == 0 && !c.Replace {
		return shown, err
	}
	// Objects and fields that the same deployment made are in the org's customization and not in the session's yet.
	z, err := tx.Customizing(s.Org)
	if err != nil {
		return false, err
	}
	if s.Custom, err = z.Customization(); err != nil {
		return false, err
	}
	rows := grantRows{p: p, tx: tx, session: s, schema: s.Schema(), set: set.Text("Id"), replace: c.Replace, changed: shown}
	objects, fields := map[string]Values{}, map[string]Values{}
	for name, a := range c.Objects {
		o := rows.schema.byName[Fold(name)]
		if o == nil {
			return false, noGrantee("object", "CustomObject", name)
		}
		v := Values{"SobjectType": o.Name}
		for _, f := range objectFlags {
			v[f.field] = *f.of(&a)
		}
		objects[o.Name] = v
	}
	for name, a := range c.Fields {
		object, field, _ := strings.Cut(name, ".")
		o := rows.schema.byName[Fold(object)]
		if o == nil || o.Field(field) == nil {
			return false, noGrantee("field", "CustomField", name)
		}
		full := o.Name + "." + o.Field(field).Name
		fields[full] = Values{"SobjectType": o.Name, "Field": full, "PermissionsRead": a.Read, "PermissionsEdit": a.Edit}
	}
	if err := rows.save(ObjectObjectPermissions, "SobjectType", objects); err != nil {
		return false, err
	}
	err = rows.save(ObjectFieldPermissions, "Field", fields)
	return rows.changed, err
}

func noGrantee(element, kind, name string) error {
	return fault.New(fault.Invalid, CodeInvalidReference, "In field: %s - no %s named %s found", element, kind, clip(name)).In(element)
}

// grantRows saves the rows of one set.
type grantRows struct {
	p       *PermissionSets
	tx      SetupTx
	session Session
	schema  *Schema
	set     string
	replace bool
	changed bool
}

// save makes the rows of an object what is wanted, by what they name in the field. A row that gives nothing is none.
func (g *grantRows) save(object, by string, wanted map[string]Values) error {
	have, err := g.tx.Find(g.schema.must(object), g.session.Org, Values{"ParentId": g.set}, maxGrants)
	if err != nil {
		return err
	}
	rows := map[string]Values{}
	for _, row := range have {
		rows[row.Text(by)] = row
		if wanted[row.Text(by)] == nil && g.replace {
			wanted[row.Text(by)] = Values{}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if err := g.one(object, rows[name], wanted[name]); err != nil {
			return err
		}
	}
	return nil
}

func (g *grantRows) one(object string, have, want Values) error {
	gives := false
	differs := have == nil
	for name, v := range want {
		on, isFlag := v.(bool)
		gives = gives || on
		differs = differs || isFlag && have.Flag(name) != on
	}
	var st step
	var err error
	switch {
	case !gives && have == nil || gives && !differs:
		return nil
	case !gives:
		st, err = g.p.Records.deleting(g.session, object, have.Text("Id"))
	case have == nil:
		in := map[string]any{"ParentId": g.set}
		maps.Copy(in, want)
		st, err = g.p.Records.creating(g.session, object, in)
	default:
		in := map[string]any{}
		for name, v := range want {
			if _, isFlag := v.(bool); isFlag {
				in[name] = v
			}
		}
		st, err = g.p.Records.updating(g.session, object, have.Text("Id"), in)
	}
	if err != nil {
		return err
	}
	g.changed = true
	_, err = st.run(g.tx)
	return err
}

// saveShown keeps what the change says of tabs and applications.
func (p *PermissionSets) saveShown(tx SetupTx, s Session, set Values, c PermissionSetChange) (bool, error) {
	if c.Shown.empty() && !c.Replace {
		return false, nil
	}
	old, err := shownOf(set)
	if err != nil {
		return false, err
	}
	now := c.Shown
	if !c.Replace {
		now = Shown{Tabs: map[string]string{}, Applications: map[string]AppVisibility{}}
		for _, from := range []Shown{old, c.Shown} {
			maps.Copy(now.Tabs, from.Tabs)
			maps.Copy(now.Applications, from.Applications)
		}
	}
	if maps.Equal(now.Tabs, old.Tabs) && maps.Equal(now.Applications, old.Applications) {
		return false, nil
	}
	var value any
	if !now.empty() {
		text, err := json.Marshal(now)
		if err != nil {
			return false, err
		}
		value = string(text)
	}
	_, err = tx.Update(s.Schema().must(ObjectPermissionSet), s.Org, Values{"Id": set.Text("Id")}, Values{fieldShown: value})
	return true, err
}
