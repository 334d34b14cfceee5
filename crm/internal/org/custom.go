package org

import (
	"slices"
	"strings"
	"sync"
)

// CustomObject is an object that an administrator made, as the Metadata API's CustomObject describes it.
type CustomObject struct {
	ID        ID     `json:"-"`    // prefix 01I
	Name      string `json:"name"` // API name, "Invoice__c"
	KeyPrefix string `json:"keyPrefix"`
	Label     string `json:"label"`
	Plural    string `json:"plural"`
	// NameLabel is the label of the field Name; AutoNumber its display format, "INV-{0000}", or "" where people name records.
	NameLabel   string `json:"nameLabel"`
	AutoNumber  string `json:"autoNumber,omitempty"`
	Sharing     string `json:"sharing,omitempty"` // sharingModel: SharingReadWrite and its kind
	Description string `json:"description,omitempty"`
}

// CustomField is a field that an administrator added to an object, as the Metadata API's CustomField describes it.
type CustomField struct {
	ID     ID     // prefix 00N
	Object string // API name of the object: "Contact", "Invoice__c"
	Name   string // API name, "Region__c"
	Label  string
	Type   CustomType

	Length        int // characters of a Text or LongTextArea
	Precision     int // digits of a number
	Scale         int // of them after the point
	VisibleLines  int
	Required      bool
	Unique        bool
	CaseSensitive bool // of Unique: texts that differ in case alone are two
	ExternalID    bool
	Default       string // of a Checkbox "true" or "false"; of a text or number its value, of a picklist one of Values
	Values        []PicklistValue
	Restricted    bool
	ReferenceTo   string // of a Lookup or MasterDetail: API name of the object
	// RelationshipName is what the parent calls these children, without __r.
	RelationshipName string
	// DeleteConstraint is what becomes of the record when the one that it names is deleted: "SetNull", "Cascade" or
	// "Restrict"; a MasterDetail always cascades.
	DeleteConstraint string
	Description      string
	Help             string

	// Flex is the column that holds the values (DESIGN 5.8), KeyPrefix that of the ids of Object's records.
	Flex      string
	KeyPrefix string
}

// CustomType is a custom field's type, spelled as in the Metadata API.
type CustomType string

// The types.
const (
	CustomText          CustomType = "Text"
	CustomLongText      CustomType = "LongTextArea"
	CustomTextArea      CustomType = "TextArea"
	CustomNumber        CustomType = "Number"
	CustomCurrency      CustomType = "Currency"
	CustomPercent       CustomType = "Percent"
	CustomCheckbox      CustomType = "Checkbox"
	CustomDate          CustomType = "Date"
	CustomDateTime      CustomType = "DateTime"
	CustomEmail         CustomType = "Email"
	CustomPhone         CustomType = "Phone"
	CustomURL           CustomType = "Url"
	CustomPicklist      CustomType = "Picklist"
	CustomMultipicklist CustomType = "MultiselectPicklist"
	CustomLookup        CustomType = "Lookup"
	CustomMasterDetail  CustomType = "MasterDetail"
)

// Sharing models, the defaults of who sees and changes records of others (sharingModel in the Metadata API).
const (
	SharingReadWrite = "ReadWrite"
	SharingRead      = "Read"
	SharingPrivate   = "Private"
	SharingByParent  = "ControlledByParent"
)

// Key prefixes of the definitions.
const (
	PrefixCustomObject = "01I"
	PrefixCustomField  = "00N"
)

// Customization is all that an org's administrators added to its schema. It is never changed once made; nil is none.
type Customization struct {
	Objects []CustomObject // oldest first
	Fields  []CustomField  // of these and of standard objects, oldest first
	// Sharing has the models of standard objects that are not open to everybody, by API name.
	Sharing map[string]string

	schemas sync.Map // schemaKey -> *Schema
}

// Schema is the schema of an org that has the customization, as SchemaWith makes it.
func (c *Customization) Schema(version string, tooling bool) *Schema {
	if c == nil {
		return SchemaWith(version, tooling)
	}
	key := schemaKey{version, tooling}
	if s, ok := c.schemas.Load(key); ok {
		return s.(*Schema)
	}
	s, _ := c.schemas.LoadOrStore(key, c.build(version, tooling))
	return s.(*Schema)
}

// Object finds an object of the customization by API name, without regard to case.
func (c *Customization) Object(name string) (CustomObject, bool) {
	if c != nil {
		for _, o := range c.Objects {
			if strings.EqualFold(o.Name, name) {
				return o, true
			}
		}
	}
	return CustomObject{}, false
}

// Field finds a field of the customization, without regard to case.
func (c *Customization) Field(object, name string) (CustomField, bool) {
	if c != nil {
		for _, f := range c.Fields {
			if strings.EqualFold(f.Object, object) && strings.EqualFold(f.Name, name) {
				return f, true
			}
		}
	}
	return CustomField{}, false
}

// FieldsOf lists the custom fields of an object.
func (c *Customization) FieldsOf(object string) []CustomField {
	var out []CustomField
	if c != nil {
		for _, f := range c.Fields {
			if strings.EqualFold(f.Object, object) {
				out = append(out, f)
			}
		}
	}
	return out
}

func (c *Customization) build(version string, tooling bool) *Schema {
	objects := objectsWith(version, tooling)
	for _, def := range c.Objects {
		objects = append(objects, def.object(c.master(def.Name)))
	}
	byName := map[string]*Object{}
	for _, o := range objects {
		byName[Fold(o.Name)] = o
		if model, ok := c.Sharing[o.Name]; ok {
			o.Sharing = model
		}
	}
	for _, def := range c.Fields {
		o := byName[Fold(def.Object)]
		if o == nil {
			continue
		}
		f := def.field()
		o.Fields = append(o.Fields, f)
		if f.Unique {
			o.Unique = append(o.Unique, UniqueKey{Fields: []string{f.Name}})
		}
	}
	slices.SortStableFunc(objects, func(a, b *Object) int { return strings.Compare(Fold(a.Name), Fold(b.Name)) })
	return NewSchema(objects...)
}

// master is the first master-detail field of an object; nil where it has none.
func (c *Customization) master(object string) *CustomField {
	for i, f := range c.Fields {
		if f.Type == CustomMasterDetail && strings.EqualFold(f.Object, object) {
			return &c.Fields[i]
		}
	}
	return nil
}

// object declares the sObject. Details of a master have no owner of their own.
func (d CustomObject) object(master *CustomField) *Object {
	name := text("Name", d.NameLabel, 80).filled().title()
	name.DefaultedOnCreate = true // the record's id, where nobody names it
	if d.AutoNumber != "" {
		name = text("Name", d.NameLabel, 80).filled().readOnly().title()
	}
	groups := []any{name}
	if master == nil {
		groups = append(groups, ownerField(""))
	}
	o := dataObject(d.Name, d.Label, d.Plural, d.KeyPrefix, groups...)
	o.Custom, o.Own, o.AutoNumber, o.Extensible, o.Sharing = true, true, d.AutoNumber, true, d.Sharing
	if master != nil {
		o.Master, o.Sharing = master.Name, SharingByParent
	}
	return o
}

// field declares the field.
func (d CustomField) field() *Field {
	var f *Field
	switch d.Type {
	case CustomLongText:
		f = typed(d.Name, d.Label, TypeTextArea, d.Length)
		f.Filterable, f.Sortable, f.Groupable = false, false, false
	case CustomTextArea:
		f = typed(d.Name, d.Label, TypeTextArea, 255)
	case CustomNumber:
		f = decimal(d.Name, d.Label, TypeDouble, d.Precision, d.Scale)
	case CustomCurrency:
		f = decimal(d.Name, d.Label, TypeCurrency, d.Precision, d.Scale)
	case CustomPercent:
		f = decimal(d.Name, d.Label, TypePercent, d.Precision, d.Scale)
	case CustomCheckbox:
		f = boolean(d.Name, d.Label)
	case CustomDate:
		f = typed(d.Name, d.Label, TypeDate, 0)
	case CustomDateTime:
		f = typed(d.Name, d.Label, TypeDateTime, 0)
	case CustomEmail:
		f = typed(d.Name, d.Label, TypeEmail, 80)
	case CustomPhone:
		f = typed(d.Name, d.Label, TypePhone, 40)
	case CustomURL:
		f = typed(d.Name, d.Label, TypeURL, 255)
	case CustomPicklist:
		f = picklist(d.Name, d.Label, d.Restricted, d.Values...)
		f.Length = 255
	case CustomMultipicklist:
		f = typed(d.Name, d.Label, TypeMultipicklist, 4099)
		f.Picklist, f.Restricted, f.Sortable, f.Groupable = d.Values, d.Restricted, false, false
	case CustomLookup, CustomMasterDetail:
		child := d.RelationshipName
		if child != "" {
			child += "__r"
		}
		f = reference(d.Name, d.Label, strings.TrimSuffix(d.Name, "__c")+"__r", child, d.ReferenceTo)
		f.Cascade, f.Restrict = d.DeleteConstraint == DeleteCascade, d.DeleteConstraint == DeleteRestrict
		if d.Type == CustomMasterDetail {
			f.required().createOnly().cascade()
		}
	default:
		f = text(d.Name, d.Label, d.Length)
	}
	f.Custom, f.Place, f.Column, f.ID = true, PlaceFlex, d.Flex, d.ID
	f.Unique, f.ExternalID, f.CaseSensitive, f.Help = d.Unique, d.ExternalID, d.Unique && d.CaseSensitive, d.Help
	f.IDLookup = d.Unique || d.ExternalID
	f.Indexed = f.IDLookup || f.Type == TypeReference
	if v := d.defaultValue(f); v != nil {
		f.defaults(v)
	}
	if d.Required && f.Type != TypeBoolean {
		f.Nillable = false
	}
	return f
}

// defaultValue is what the field's default means; nil where there is none.
func (d CustomField) defaultValue(f *Field) any {
	given := d.Default
	if f.Type == TypePicklist || f.Type == TypeMultipicklist {
		for _, v := range d.Values {
			if v.Default {
				given = v.Value
			}
		}
	}
	v, err := f.Accept(strings.Trim(given, `"'`))
	if err != nil { // checked when the field was made; a formula that this org does not work out is none
		return nil
	}
	return v
}
