package org

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/twinspan/twinspan/internal/fault"
)

// ObjectAccess is what a user may do with the records of an object (ObjectPermissions, crm-wire 5.2).
type ObjectAccess struct {
	Create, Read, Edit, Delete bool
	ViewAll, ModifyAll         bool // records of others too, where sharing is private
}

func (a ObjectAccess) or(b ObjectAccess) ObjectAccess {
	return ObjectAccess{a.Create || b.Create, a.Read || b.Read, a.Edit || b.Edit, a.Delete || b.Delete, a.ViewAll || b.ViewAll, a.ModifyAll || b.ModifyAll}
}

// FieldAccess is what a user may do with a field (FieldPermissions).
type FieldAccess struct{ Read, Edit bool }

// DataAccess is what a user's profile and permission sets together allow him of objects and fields. It is never changed once
// made. A nil one is the org's own work, which is bound by nothing.
type DataAccess struct {
	full    bool
	objects map[string]ObjectAccess // by folded name
	fields  map[string]FieldAccess  // by folded "Object.Field": what rows say
	key     string                  // the same for two that are the same
}

// AccessRow is one row that gives a user something: of ObjectPermissions where Field is "", else of FieldPermissions.
type AccessRow struct {
	Profile bool   // the row is of the set that his profile owns
	Object  string // API name
	Field   string // "Contact.Title"
	Allows  ObjectAccess
}

// NewDataAccess puts together what a user may do. The profile System Administrator may do everything. Another profile's own
// set says what its users may do with objects; standard fields are theirs unless a row of it says otherwise, custom ones
// are not unless a row of any set says so. Modify All Data and View All Data reach all objects, and no further fields.
func NewDataAccess(profile string, p Permissions, rows []AccessRow) *DataAccess {
	if profile == AdministratorProfile {
		return &DataAccess{full: true}
	}
	a := &DataAccess{objects: map[string]ObjectAccess{}, fields: map[string]FieldAccess{}}
	for _, r := range rows {
		if r.Field == "" {
			a.objects[Fold(r.Object)] = a.objects[Fold(r.Object)].or(r.Allows)
		} else {
			f := a.fields[Fold(r.Field)]
			a.fields[Fold(r.Field)] = FieldAccess{f.Read || r.Allows.Read, f.Edit || r.Allows.Edit}
		}
	}
	switch {
	case p[PermModifyAllData]:
		a.objects["*"] = ObjectAccess{true, true, true, true, true, true}
	case p[PermViewAllData]:
		a.objects["*"] = ObjectAccess{Read: true, ViewAll: true}
	}
	var key strings.Builder
	for _, name := range slices.Sorted(maps.Keys(a.objects)) {
		fmt.Fprintf(&key, "%s%v", name, a.objects[name])
	}
	for _, name := range slices.Sorted(maps.Keys(a.fields)) {
		fmt.Fprintf(&key, "%s%v", name, a.fields[name])
	}
	a.key = key.String()
	return a
}

// NewProfileAccess are the rows that the set of a new org's profile comes with.
func NewProfileAccess(profile string) []AccessRow {
	all := ObjectAccess{Create: true, Read: true, Edit: true, Delete: true}
	campaigns := ObjectAccess{Read: true}
	if profile == AdministratorProfile {
		all = ObjectAccess{true, true, true, true, true, true}
		campaigns = all
	}
	var rows []AccessRow
	for _, o := range []string{ObjectAccount, ObjectCampaign, ObjectCase, ObjectContact, ObjectLead, ObjectOpportunity} {
		r := AccessRow{Profile: true, Object: o, Allows: all}
		if o == ObjectCampaign {
			r.Allows = campaigns
		}
		rows = append(rows, r)
	}
	return rows
}

// follows are objects whose access is another's.
var follows = map[string]string{ObjectCampaignMember: ObjectCampaign, ObjectCampaignMemberStatus: ObjectCampaign}

// Permissionable reports whether ObjectPermissions can name the object.
func (o *Object) Permissionable() bool {
	return o.Extensible && !o.Setup && follows[o.Name] == "" && o.Name != ObjectTask
}

// Shared reports whether a standard object of the name has an organization-wide default of its own, which a CustomObject of
// that name may change.
func Shared(name string) bool {
	o := StandardSchema().Named(name)
	return o != nil && o.Permissionable()
}

// Permissionable reports whether FieldPermissions can name the field of the object: required fields, those that name the
// record and those that the org fills in are everybody's.
func (f *Field) Permissionable(o *Object) bool {
	if !o.Extensible || f.Hidden || f.NameField || f.Place == PlaceCustom || !f.Createable && !f.Updateable || f.Name == "OwnerId" {
		return false
	}
	if o.Setup {
		return f.Place == PlaceFlex
	}
	return f.Nillable || f.Type == TypeBoolean
}

// object is what is allowed of an object.
func (a *DataAccess) object(o *Object) ObjectAccess {
	name := o.Name
	if to := follows[name]; to != "" {
		name = to
	} else if !o.Permissionable() {
		return ObjectAccess{true, true, true, true, true, true} // its needs say who may
	}
	return a.objects[Fold(name)].or(a.objects["*"])
}

// field is what is allowed of a field.
func (a *DataAccess) field(o *Object, f *Field) FieldAccess {
	if !f.Permissionable(o) {
		return FieldAccess{true, true}
	}
	if row, ok := a.fields[Fold(o.Name+"."+f.Name)]; ok {
		return row
	}
	return FieldAccess{!f.Custom, !f.Custom}
}

// views remembers what users see of a schema, by what they may do.
type views struct {
	mu     sync.Mutex
	all    map[string]*Schema
	masked *Schema // nil until it is asked for
}

// maxViews bounds how many are remembered of one schema.
const maxViews = 256

// seenBy is the schema as somebody with the access sees it: without the objects and fields that he may not read.
func (s *Schema) seenBy(a *DataAccess) *Schema {
	if a == nil || a.full {
		return s
	}
	s.views.mu.Lock()
	defer s.views.mu.Unlock()
	if v := s.views.all[a.key]; v != nil {
		return v
	}
	if s.views.all == nil || len(s.views.all) >= maxViews {
		s.views.all = map[string]*Schema{}
	}
	var objects []*Object
	for _, o := range s.Objects {
		if seen := o.seenBy(a); seen != nil {
			objects = append(objects, seen)
		}
	}
	v := NewSchema(objects...)
	for { // who may not read a master reads none of its details, nor theirs
		seen := slices.DeleteFunc(slices.Clone(objects), func(o *Object) bool { return o.Master != "" && v.master(o) == nil })
		if len(seen) == len(objects) {
			break
		}
		objects, v = seen, NewSchema(seen...)
	}
	for _, o := range objects {
		top := o
		for range maxMasters {
			if top.Master != "" {
				top = v.master(top)
			}
		}
		o.OwnOnly, o.WriteOwnOnly = top.OwnOnly, top.WriteOwnOnly
	}
	v.withoutSecrets()
	v = NewSchema(objects...)
	s.views.all[a.key] = v
	return v
}

// maxMasters is how many masters are climbed from a detail: more than anybody has above one another.
const maxMasters = 16

// master is the object that a detail's master is of; nil where the schema has it not.
func (s *Schema) master(o *Object) *Object { return s.byName[Fold(o.Stored(o.Master).ReferenceTo[0])] }

// nobody is a need that no permission meets.
var nobody = Need{{""}}

func (o *Object) seenBy(a *DataAccess) *Object {
	may := a.object(o)
	if !may.Read {
		return nil
	}
	out := *o
	out.Createable = o.Createable && may.Create
	if !may.Edit {
		out.Update = nobody
	}
	if !may.Delete {
		out.Delete = nobody
	}
	// Controlled by a parent that is not there (yet, or any more) is controlled by the owner.
	private := o.Sharing == SharingPrivate || o.Sharing == SharingByParent && o.Master == ""
	out.OwnOnly = private && !may.ViewAll && !may.ModifyAll
	out.WriteOwnOnly = (private || o.Sharing == SharingRead) && !may.ModifyAll
	out.Fields = make([]*Field, 0, len(o.Fields))
	for _, f := range o.Fields {
		switch allowed := a.field(o, f); {
		case !allowed.Read:
		case allowed.Edit:
			out.Fields = append(out.Fields, f)
		default:
			fixed := *f
			fixed.Createable, fixed.Updateable = false, false
			out.Fields = append(out.Fields, &fixed)
		}
	}
	return &out
}

// ownerPath is the field that tells whose a record is: the owner, or the parent whose owner has it.
func (o *Object) ownerPath() string {
	if o.Master != "" {
		return o.Master
	}
	return "OwnerId"
}

// checkShared: whether a caller may change a record that is another's.
func (c *change) checkShared() error {
	seen := c.session.Seen().byName[Fold(c.object.Name)]
	if seen == nil || !seen.WriteOwnOnly {
		return nil
	}
	owner, err := c.ownerOf(c.object, c.old)
	if err == nil && owner != c.session.User {
		err = insufficientAccess(c.id)
	}
	return err
}

// hidden reports whether the caller does not see a record of the object because it is another's: it is then as if it were
// not there.
func (c *change) hidden(o *Object, v Values) (bool, error) {
	seen := c.session.Seen().byName[Fold(o.Name)]
	if seen == nil || !seen.OwnOnly {
		return false, nil
	}
	owner, err := c.ownerOf(o, v)
	return owner != c.session.User, err
}

// checkMaster: whether a caller may put a record under its master, which may be another's.
func (c *change) checkMaster() error {
	master := c.object.Master
	if master == "" || !c.changes(master) {
		return nil
	}
	if seen := c.session.Seen().byName[Fold(c.object.Name)]; seen == nil || !seen.WriteOwnOnly {
		return nil
	}
	owner, err := c.ownerOf(c.object, c.values)
	if err == nil && owner != c.session.User {
		err = insufficientAccess(c.values.ID(master))
	}
	return err
}

// ownerOf is whose a record is: its own owner's, or that of the topmost of its masters.
func (c *change) ownerOf(o *Object, v Values) (ID, error) {
	for range maxMasters {
		if o.Master == "" {
			return v.ID("OwnerId"), nil
		}
		id := v.ID(o.Master)
		if o = c.schema.ByID(id); o == nil {
			return "", nil
		}
		var err error
		if v, err = c.related(o.Name, id); err != nil {
			return "", err
		}
	}
	return "", nil
}

// ownerOf is the owner of a record of which its ownerPath was read.
func (r *Records) ownerOf(ctx context.Context, s Session, o *Object, v Values) (ID, error) {
	for range maxMasters {
		if o.Master == "" {
			return v.ID("OwnerId"), nil
		}
		id := v.ID(o.Master)
		if o = s.Schema().ByID(id); o == nil {
			return "", nil
		}
		var err error
		if v, err = r.Store.Read(ctx, o, s.Org, id, []*Field{o.Stored(o.ownerPath())}); err != nil {
			return "", err
		}
	}
	return "", nil
}

// Objects of access, with key prefixes.
const (
	ObjectObjectPermissions = "ObjectPermissions"
	ObjectFieldPermissions  = "FieldPermissions"

	PrefixObjectPermissions = "110"
	PrefixFieldPermissions  = "01k"
)

func objectPermissionsObject() *Object {
	manage := Need{{PermManageProfiles}}
	return &Object{
		Name: ObjectObjectPermissions, Label: "Object Permissions", Plural: "Object Permissions", KeyPrefix: PrefixObjectPermissions, Setup: true,
		Createable: true, Updateable: true, Deletable: true, Create: manage, Update: manage, Delete: manage,
		Unique: []UniqueKey{{Fields: []string{"ParentId", "SobjectType"}}},
		Fields: fields(idField(),
			reference("ParentId", "Parent ID", "Parent", "ObjectPerms", ObjectPermissionSet).required().createOnly(),
			text("SobjectType", "SObject Type Name", 40).required().createOnly(),
			boolean("PermissionsCreate", "Create Records"), boolean("PermissionsRead", "Read Records"), boolean("PermissionsEdit", "Edit Records"),
			boolean("PermissionsDelete", "Delete Records"), boolean("PermissionsViewAllRecords", "Read All Records"),
			boolean("PermissionsModifyAllRecords", "Edit All Records"), auditFields()),
	}
}

func fieldPermissionsObject() *Object {
	manage := Need{{PermManageProfiles}}
	return &Object{
		Name: ObjectFieldPermissions, Label: "Field Permissions", Plural: "Field Permissions", KeyPrefix: PrefixFieldPermissions, Setup: true,
		Createable: true, Updateable: true, Deletable: true, Create: manage, Update: manage, Delete: manage,
		Unique: []UniqueKey{{Fields: []string{"ParentId", "Field"}}},
		Fields: fields(idField(),
			reference("ParentId", "Parent ID", "Parent", "FieldPerms", ObjectPermissionSet).required().createOnly(),
			text("SobjectType", "SObject Type Name", 40).required().createOnly(), text("Field", "Field Name", 83).required().createOnly(),
			boolean("PermissionsRead", "Read Field"), boolean("PermissionsEdit", "Edit Field"), modstamp()),
	}
}

// beforeObjectPermissions: what a row names is there, and nobody may change what he may not read.
func beforeObjectPermissions(c *change) error {
	o := c.schema.byName[Fold(c.text("SobjectType"))]
	if o == nil || !o.Permissionable() {
		return fault.New(fault.Invalid, CodeInvalidPicklistValue, "SObject Type Name: bad value for restricted picklist field: %s", clip(c.text("SobjectType"))).In("SobjectType")
	}
	if c.old == nil {
		c.values["SobjectType"] = o.Name
	}
	for _, need := range []struct{ has, wants string }{
		{"Create", "Read"},
		{"Edit", "Read"},
		{"Delete", "Read"},
		{"Delete", "Edit"},
		{"ViewAllRecords", "Read"},
		{"ModifyAllRecords", "Read"},
		{"ModifyAllRecords", "Edit"},
		{"ModifyAllRecords", "Delete"},
		{"ModifyAllRecords", "ViewAllRecords"},
	} {
		has, _ := c.get("Permissions" + need.has).(bool)
		wants, _ := c.get("Permissions" + need.wants).(bool)
		if has && !wants {
			return fault.New(fault.Invalid, CodeInvalidValue, "Permission %s %s depends on permission(s): %s %s", need.has, o.Name, need.wants, o.Name)
		}
	}
	return nil
}

func beforeFieldPermissions(c *change) error {
	object, name, _ := strings.Cut(c.text("Field"), ".")
	o := c.schema.byName[Fold(object)]
	if o == nil || !strings.EqualFold(o.Name, c.text("SobjectType")) || o.Field(name) == nil || !o.Field(name).Permissionable(o) {
		return fault.New(fault.Invalid, CodeInvalidPicklistValue, "Field Name: bad value for restricted picklist field: %s", clip(c.text("Field"))).In("Field")
	}
	if c.old == nil {
		c.values["SobjectType"], c.values["Field"] = o.Name, o.Name+"."+o.Field(name).Name
	}
	if edit, _ := c.get("PermissionsEdit").(bool); edit {
		if read, _ := c.get("PermissionsRead").(bool); !read {
			return fault.New(fault.Invalid, CodeInvalidValue, "Permission Edit %s depends on permission(s): Read %s", c.text("Field"), c.text("Field"))
		}
	}
	return nil
}

// setCarries are the objects whose rows belong to a permission set.
var setCarries = []string{ObjectSetupEntityAccess, ObjectObjectPermissions, ObjectFieldPermissions}
