package org

import (
	"strings"
	"unicode"
)

// FieldType is a field's type as describe names it.
type FieldType string

// The types in use.
const (
	TypeID        FieldType = "id"
	TypeString    FieldType = "string"
	TypeTextArea  FieldType = "textarea"
	TypeBoolean   FieldType = "boolean"
	TypeInt       FieldType = "int"
	TypeDate      FieldType = "date"
	TypeDateTime  FieldType = "datetime"
	TypeReference FieldType = "reference"
	TypePicklist  FieldType = "picklist"
	TypeEmail     FieldType = "email"
	TypePhone     FieldType = "phone"
	TypeURL       FieldType = "url"
	TypeComplex   FieldType = "complexvalue" // kept as JSON text
	TypeDouble    FieldType = "double"
	TypeCurrency  FieldType = "currency"
	TypePercent   FieldType = "percent"
	TypeCombobox  FieldType = "combobox"
	// TypeMultipicklist is kept as its values in the picklist's order, with ";" between.
	TypeMultipicklist FieldType = "multipicklist"
	// TypeEncrypted is text that only holders of PermViewEncryptedData read (connect-facts 1.7).
	TypeEncrypted FieldType = "encryptedstring"
)

// IsText reports whether values of the type are text that is compared without case.
func (t FieldType) IsText() bool {
	switch t {
	case TypeString, TypeTextArea, TypePicklist, TypeMultipicklist, TypeCombobox, TypeEmail, TypePhone, TypeURL, TypeEncrypted:
		return true
	}
	return false
}

// IsDouble reports whether values of the type are float64.
func (t FieldType) IsDouble() bool {
	return t == TypeDouble || t == TypeCurrency || t == TypePercent
}

// Place says where a field's value is kept.
type Place uint8

// The places.
const (
	PlaceColumn     Place = iota // a column of the object's table
	PlaceCustom                  // a key of the JSON object in the column custom
	PlacePermission              // set where the JSON array in the column permissions holds Column
	PlaceComputed                // worked out by the store when read; see its table of computed fields
	PlaceFlex                    // a flex column, which the org's administrators gave to the field (DESIGN 5.8)
)

// PicklistValue is one choice of a picklist.
type PicklistValue struct {
	Value, Label string
	Default      bool
}

// Field declares one field of an sObject. Describe, validation, SOQL and the store all read this.
type Field struct {
	Name   string // API name
	Label  string
	Type   FieldType
	Length int // characters of a text; 18 of an id; 0 otherwise
	Digits int // of an int
	// Precision is how many digits a double has, Scale how many of them stand after the point.
	Precision, Scale int

	Nillable   bool
	Createable bool
	Updateable bool
	Filterable bool
	Sortable   bool
	Groupable  bool
	// DefaultedOnCreate: the org fills it in where the caller gives none.
	DefaultedOnCreate bool
	NameField         bool
	IDLookup          bool
	Unique            bool
	CaseSensitive     bool // of a unique text: compared as it is written
	ExternalID        bool
	Custom            bool
	// ID and Help are a custom field's; Indexed says that it can be looked for quickly.
	ID      ID
	Help    string
	Indexed bool
	// Hidden fields are kept for the rules; no API shows them.
	Hidden bool
	// Masked: whoever looks at this schema sees no more of the values than how long they are.
	Masked bool
	// Absent: no record has a value in the field, which is computed.
	Absent bool

	ReferenceTo  []string // objects that a reference may name
	Relationship string   // what a SOQL path calls the parent: "Profile"
	ChildName    string   // what the parent calls these children: "Assignments"
	Cascade      bool     // these children are deleted with the parent; the others lose their reference
	Restrict     bool     // a parent that has such children cannot be deleted

	Picklist   []PicklistValue
	Restricted bool // values outside Picklist are refused

	Default any // value where the caller gives none; nil for none

	Place  Place
	Column string // column, JSON key or permission name, as Place says
	Folded bool   // a column COLUMN_key holds the value folded by Fold
}

// Required reports whether creating a record needs a value from the caller.
func (f *Field) Required() bool {
	return f.Createable && !f.Nillable && !f.DefaultedOnCreate && f.Default == nil && f.Type != TypeBoolean
}

// Need is what a permission check asks for: of every group one permission. The zero value asks for nothing.
type Need [][]string

// MetBy reports whether the permissions satisfy the need.
func (n Need) MetBy(p Permissions) bool {
	for _, group := range n {
		if !p.Any(group...) {
			return false
		}
	}
	return true
}

// UniqueKey is a combination of fields that no two records of an org share, or of the whole server.
type UniqueKey struct {
	Fields []string
	Server bool
}

// Object declares an sObject.
type Object struct {
	Name, Label, Plural string
	KeyPrefix           string
	Custom              bool
	// AutoNumber is the format of names that the org gives, "CFG-{0000}"; "" where people name records.
	AutoNumber string
	// PageRows and MaxRows bound one batch and one query of the object; 0 for the usual bounds.
	PageRows, MaxRows int
	// Own: an administrator made the object (CustomObject). Extensible: it takes custom fields.
	Own, Extensible bool
	// Common: its records are the same in every org, and nobody changes them.
	Common bool
	// Setup: its records decide who may do what, so caches are told of every change.
	Setup bool

	// Sharing is who sees and changes records of others: SharingPrivate, SharingRead, or "" for everybody. Master names the
	// reference of records that belong to their parent's owner.
	Sharing, Master string
	// OwnOnly and WriteOwnOnly say, of what a user sees of the schema, that he sees or changes his own records alone.
	OwnOnly, WriteOwnOnly bool
	// Person names the reference to the user whom a record is about; who lacks AllRows sees those about himself alone. "" where
	// everybody who sees the object sees all of it.
	Person  string
	AllRows Need

	Createable, Updateable, Deletable bool
	// SoftDelete: deleted records stay, marked IsDeleted, out of ordinary queries.
	SoftDelete bool

	View, Create, Update, Delete Need // a caller who lacks View does not learn that the object exists

	Fields []*Field
	Unique []UniqueKey

	byName map[string]*Field
	byPath map[string]*Field
}

// HidesOthers reports whether holders of the permissions see only the records about themselves, which Person tells.
func (o *Object) HidesOthers(p Permissions) bool { return o.Person != "" && !o.AllRows.MetBy(p) }

// Field finds a field that the API shows, by name without regard to case; nil where there is none.
func (o *Object) Field(name string) *Field {
	f := o.byName[Fold(name)]
	if f == nil || f.Hidden {
		return nil
	}
	return f
}

// Stored finds a field by name, hidden ones too. A name that the schema lacks is a mistake in this program and panics.
func (o *Object) Stored(name string) *Field {
	f := o.byName[Fold(name)]
	if f == nil {
		panic("org: object " + o.Name + " has no field " + name)
	}
	return f
}

// Parent finds the reference field that a relationship name stands for; nil where there is none.
func (o *Object) Parent(relationship string) *Field { return o.byPath[Fold(relationship)] }

// NameField is the field that names a record to people; nil where the object has none.
func (o *Object) NameField() *Field {
	for _, f := range o.Fields {
		if f.NameField {
			return f
		}
	}
	return nil
}

// Child is one way in which other records point at an object.
type Child struct {
	Object *Object
	Field  *Field
}

// Schema is the set of sObjects of an org. It is never changed once made.
type Schema struct {
	Objects []*Object // by name
	byName  map[string]*Object
	byID    map[string]*Object
	views   views
	// encrypted: some field is of TypeEncrypted.
	encrypted bool
}

// NewSchema makes a schema. It fills in the columns that follow from the names.
func NewSchema(objects ...*Object) *Schema {
	s := &Schema{Objects: objects, byName: map[string]*Object{}, byID: map[string]*Object{}}
	for _, o := range objects {
		o.byName, o.byPath = map[string]*Field{}, map[string]*Field{}
		for _, f := range o.Fields {
			if f.Column == "" {
				f.Column = ColumnName(f.Name)
			}
			o.byName[Fold(f.Name)] = f
			s.encrypted = s.encrypted || f.Type == TypeEncrypted
			if f.Relationship != "" {
				o.byPath[Fold(f.Relationship)] = f
			}
		}
		s.byName[Fold(o.Name)] = o
		s.byID[o.KeyPrefix] = o
	}
	return s
}

// Object finds an object by API name, without regard to case, that holders of the permissions may see; nil where there
// is none.
func (s *Schema) Object(name string, p Permissions) *Object {
	o := s.byName[Fold(name)]
	if o == nil || !o.View.MetBy(p) {
		return nil
	}
	return o
}

// Named finds an object by API name, without regard to case; nil where there is none.
func (s *Schema) Named(name string) *Object { return s.byName[Fold(name)] }

// ByID finds the object that an id's prefix names; nil where there is none.
func (s *Schema) ByID(id ID) *Object { return s.byID[id.Prefix()] }

// Visible lists the objects that holders of the permissions may see.
func (s *Schema) Visible(p Permissions) []*Object {
	var out []*Object
	for _, o := range s.Objects {
		if o.View.MetBy(p) {
			out = append(out, o)
		}
	}
	return out
}

// Children lists the fields, of objects that holders of the permissions may see, that point at o.
func (s *Schema) Children(o *Object, p Permissions) []Child {
	var out []Child
	for _, c := range s.Visible(p) {
		for _, f := range c.Fields {
			if f.Hidden || f.Type != TypeReference {
				continue
			}
			for _, to := range f.ReferenceTo {
				if to == o.Name {
					out = append(out, Child{Object: c, Field: f})
				}
			}
		}
	}
	return out
}

// must finds an object of the schema's own; its absence is a mistake in this program and panics.
func (s *Schema) must(name string) *Object {
	o := s.byName[Fold(name)]
	if o == nil {
		panic("org: no object " + name)
	}
	return o
}

// ColumnName is the column of a standard field: "SystemModstamp" is kept in system_modstamp.
func ColumnName(name string) string {
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
