package org

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
)

// PermissionSetInfo is a permission set as its administrators see it.
type PermissionSetInfo struct {
	Stamp
	Name, Namespace    string // the full name is of both
	Label, Description string
	License            string // name of the user licence that it is for; "" for any
	ActivationRequired bool
	Permissions        []string // that it gives, by API name without prefix, in alphabetical order
	SetGrants                   // as [PermissionSets.Find] reads them; a list has none
}

// FullName is the set's name in the Metadata API, with the namespace of the package that brought it.
func (p PermissionSetInfo) FullName() string { return fullName(p.Namespace, p.Name) }

// Stamp is the id of a component and who made and changed it, when.
type Stamp struct {
	ID                 ID
	Created, Modified  time.Time
	CreatedBy          ID
	CreatedByName      string
	LastModifiedBy     ID
	LastModifiedByName string
}

// PermissionSetChange is what an administrator changes of a set; nil fields stay as they are.
type PermissionSetChange struct {
	Label, Description, License *string
	ActivationRequired          *bool
	// Permissions are switched on or off, by API name without prefix.
	Permissions map[string]bool
	// SetGrants are given; where they name what is there already, they take its place.
	SetGrants
	// Replace takes away what neither Permissions nor SetGrants name.
	Replace bool
}

// PermissionSets reads and changes permission sets by full name as the Metadata API does. Their rules are those of the
// records.
type PermissionSets struct {
	Store   RecordFinder
	Records *Records
}

// maxPermissionSets bounds a list of permission sets.
const maxPermissionSets = 2000

const typePermissionSet = "PermissionSet"

// List lists the sets of the caller's org by full name, without those that profiles own.
func (p *PermissionSets) List(ctx context.Context, s Session) ([]PermissionSetInfo, error) {
	out, _, err := p.find(ctx, s, Values{"IsOwnedByProfile": false})
	slices.SortFunc(out, func(a, b PermissionSetInfo) int { return strings.Compare(Fold(a.FullName()), Fold(b.FullName())) })
	return out, err
}

// Find finds a set by full name.
func (p *PermissionSets) Find(ctx context.Context, s Session, name string) (PermissionSetInfo, error) {
	found, rows, err := p.find(ctx, s, matchSet(name))
	if err == nil && len(found) == 0 {
		err = noSuchComponent(typePermissionSet, name)
	}
	if err != nil {
		return PermissionSetInfo{}, err
	}
	found[0].SetGrants, err = p.grants(ctx, s, rows[0])
	return found[0], err
}

// matchSet matches the set of a full name.
func matchSet(name string) Values {
	if namespace, local, ok := strings.Cut(name, "__"); ok {
		return Values{"Name": local, "NamespacePrefix": namespace, "IsOwnedByProfile": false}
	}
	return Values{"Name": name, "NamespacePrefix": nil, "IsOwnedByProfile": false}
}

func (p *PermissionSets) find(ctx context.Context, s Session, match Values) ([]PermissionSetInfo, []Values, error) {
	if err := MayUseMetadata(s); err != nil {
		return nil, nil, err
	}
	schema := p.Records.Schema(s)
	o := schema.must(ObjectPermissionSet)
	rows, err := p.Store.FindRecords(ctx, o, s.Org, match, maxPermissionSets)
	if err != nil {
		return nil, nil, err
	}
	names := nameFinder{ctx: ctx, store: p.Store, schema: schema, org: s.Org, names: map[ID]string{}}
	out := make([]PermissionSetInfo, len(rows))
	for i, row := range rows {
		out[i] = PermissionSetInfo{
			Stamp: names.stamp(row), Name: row.Text("Name"), Namespace: row.Text("NamespacePrefix"), Label: row.Text("Label"),
			Description: row.Text("Description"), License: names.of(ObjectUserLicense, row.ID("LicenseId")), ActivationRequired: row.Flag("HasActivationRequired"),
		}
		for _, f := range o.Fields {
			if f.Place == PlacePermission && !f.Hidden && row.Flag(f.Name) {
				out[i].Permissions = append(out[i].Permissions, f.Column)
			}
		}
	}
	return out, rows, names.err
}

// nameFinder finds the names of the records that others point at, each once. The first failure stays.
type nameFinder struct {
	ctx    context.Context
	store  RecordFinder
	schema *Schema
	org    ID
	names  map[ID]string
	err    error
}

// maxStamps bounds what StampsOf reads: more than an org may have.
const maxStamps = 50_000

// StampsOf tells of the records of a Tooling API's object (CustomObject, CustomField) who made and changed them, by id.
func StampsOf(ctx context.Context, store RecordFinder, s Session, object string) (map[ID]Stamp, error) {
	rows, err := store.FindRecords(ctx, tooling(s).Schema().must(object), s.Org, Values{}, maxStamps)
	if err != nil {
		return nil, err
	}
	names := nameFinder{ctx: ctx, store: store, schema: s.Schema(), org: s.Org, names: map[ID]string{}}
	out := make(map[ID]Stamp, len(rows))
	for _, row := range rows {
		out[row.ID("Id")] = names.stamp(row)
	}
	return out, names.err
}

func (n *nameFinder) of(object string, id ID) string {
	if id == "" || n.err != nil {
		return ""
	}
	name, ok := n.names[id]
	if ok {
		return name
	}
	found, err := n.store.FindRecords(n.ctx, n.schema.must(object), n.org, Values{"Id": string(id)}, 1)
	if n.err = err; len(found) > 0 {
		name = found[0].Text("Name")
	}
	n.names[id] = name
	return name
}

func (n *nameFinder) stamp(row Values) Stamp {
	s := Stamp{ID: row.ID("Id"), CreatedBy: row.ID("CreatedById"), LastModifiedBy: row.ID("LastModifiedById")}
	s.Created, _ = row["CreatedDate"].(time.Time)
	s.Modified, _ = row["LastModifiedDate"].(time.Time)
	s.CreatedByName, s.LastModifiedByName = n.of(ObjectUser, s.CreatedBy), n.of(ObjectUser, s.LastModifiedBy)
	return s
}

// SaveIn makes or changes a set by full name, as one of the works of a transaction whose owner tells the caches.
func (p *PermissionSets) SaveIn(tx SetupTx, s Session, name string, verb Verb, c PermissionSetChange) (Saved, error) {
	if err := MayUseMetadata(s); err != nil {
		return Saved{}, err
	}
	o := p.Records.Schema(s).must(ObjectPermissionSet)
	found, err := tx.Find(o, s.Org, matchSet(name), 1)
	if err != nil {
		return Saved{}, err
	}
	values, err := c.values(tx, s, o)
	if err != nil {
		return Saved{}, err
	}
	switch namespace, _, packaged := strings.Cut(name, "__"); {
	case len(found) > 0 && verb == VerbCreate:
		return Saved{}, takenComponent(name, found[0].ID("Id"))
	case len(found) == 0 && verb == VerbUpdate:
		return Saved{}, noSuchComponent(typePermissionSet, name)
	case len(found) == 0 && packaged:
		return Saved{}, foreignNamespace(namespace)
	case len(found) == 0:
		if c.Label == nil {
			return Saved{}, requiredMissing([]string{"label"})
		}
		values["Name"] = name
		st, err := p.Records.creating(s, ObjectPermissionSet, values)
		if err != nil {
			return Saved{}, err
		}
		out, err := st.run(tx)
		if err == nil {
			_, err = p.saveGrants(tx, s, Values{"Id": string(out.ID)}, c)
		}
		return Saved{ID: out.ID, Created: true, Changed: true}, err
	}
	row := found[0]
	for n, v := range values {
		if same(row[n], v) {
			delete(values, n) // among them the licence, which nobody may change
		}
	}
	id := row.ID("Id")
	if len(values) > 0 {
		st, err := p.Records.updating(s, ObjectPermissionSet, string(id), values)
		if err != nil {
			return Saved{}, err
		}
		if _, err := st.run(tx); err != nil {
			return Saved{}, err
		}
	}
	granted, err := p.saveGrants(tx, s, row, c)
	return Saved{ID: id, Changed: granted || len(values) > 0}, err
}

// same reports whether a stored value is the one given; an empty text is none.
func same(stored, given any) bool { return stored == given || stored == nil && given == "" }

// values are the fields of a set's record that the change names.
func (c PermissionSetChange) values(tx RecordTx, s Session, o *Object) (map[string]any, error) {
	out := map[string]any{}
	if c.Label != nil {
		out["Label"] = *c.Label
	}
	if c.Description != nil {
		out["Description"] = *c.Description
	}
	if c.ActivationRequired != nil {
		out["HasActivationRequired"] = *c.ActivationRequired
	}
	if c.License != nil && *c.License != "" {
		found, err := tx.Find(StandardSchema().must(ObjectUserLicense), s.Org, Values{"Name": *c.License}, 1)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, fault.New(fault.Invalid, CodeInvalidReference, "In field: license - no UserLicense named %s found", clip(*c.License)).In("license")
		}
		out["LicenseId"] = found[0].Text("Id")
	}
	if c.Replace {
		for _, f := range o.Fields {
			if f.Place == PlacePermission && !f.Hidden {
				out[f.Name] = false
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Permissions)) {
		f := o.Field("Permissions" + name)
		if f == nil || f.Place != PlacePermission {
			return nil, fault.New(fault.Invalid, CodeInvalidReference, "Unknown user permission: %s", clip(name)).In("userPermissions")
		}
		out[f.Name] = c.Permissions[name]
	}
	return out, nil
}

// DeleteIn deletes a set by full name, as one of the works of a transaction whose owner tells the caches.
func (p *PermissionSets) DeleteIn(tx SetupTx, s Session, name string) (Saved, error) {
	if err := MayUseMetadata(s); err != nil {
		return Saved{}, err
	}
	found, err := tx.Find(p.Records.Schema(s).must(ObjectPermissionSet), s.Org, matchSet(name), 1)
	if err != nil {
		return Saved{}, err
	}
	if len(found) == 0 {
		return Saved{}, noSuchComponent(typePermissionSet, name)
	}
	st, err := p.Records.deleting(s, ObjectPermissionSet, found[0].Text("Id"))
	if err != nil {
		return Saved{}, err
	}
	out, err := st.run(tx)
	return Saved{ID: out.ID, Deleted: true}, err
}
