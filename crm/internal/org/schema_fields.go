package org

// The constructors below make fields that callers may read, filter, create and update; the methods take from that.

func text(name, label string, length int) *Field { return typed(name, label, TypeString, length) }

func typed(name, label string, t FieldType, length int) *Field {
	f := &Field{
		Name: name, Label: label, Type: t, Length: length,
		Nillable: true, Createable: true, Updateable: true, Filterable: true, Sortable: true, Groupable: true,
	}
	switch t {
	case TypeBoolean:
		f.Nillable, f.Default, f.DefaultedOnCreate = false, false, true
	case TypeDateTime:
		f.Groupable = false
	case TypeTextArea:
		f.Filterable, f.Sortable, f.Groupable = length <= 255, length <= 255, length <= 255
	case TypeEncrypted:
		f.Filterable, f.Sortable, f.Groupable = false, false, false
	case TypeInt:
		f.Digits = 9
	}
	return f
}

func currency(name, label string, scale int) *Field {
	return decimal(name, label, TypeCurrency, 18, scale)
}

// decimal is a double of precision digits, scale of them after the point.
func decimal(name, label string, t FieldType, precision, scale int) *Field {
	f := typed(name, label, t, 0)
	f.Precision, f.Scale, f.Groupable = precision, scale, false
	return f
}

func boolean(name, label string) *Field { return typed(name, label, TypeBoolean, 0) }

func reference(name, label, relationship, child string, to ...string) *Field {
	f := typed(name, label, TypeReference, 18)
	f.Relationship, f.ChildName, f.ReferenceTo = relationship, child, to
	return f
}

func picklist(name, label string, restricted bool, values ...PicklistValue) *Field {
	f := typed(name, label, TypePicklist, 40)
	f.Picklist, f.Restricted = values, restricted
	return f
}

// permission is the boolean of one system permission on a permission set.
func permission(name string) *Field {
	f := boolean("Permissions"+name, name)
	f.Place, f.Column = PlacePermission, name
	return f
}

func (f *Field) required() *Field { f.Nillable = false; return f }

// filled: not nillable, and given a value by the org where the caller gives none.
func (f *Field) filled() *Field { f.Nillable, f.DefaultedOnCreate = false, true; return f }

func (f *Field) defaults(v any) *Field { f.Default, f.DefaultedOnCreate = v, true; return f }

func (f *Field) readOnly() *Field { f.Createable, f.Updateable = false, false; return f }

func (f *Field) createOnly() *Field { f.Updateable = false; return f }

func (f *Field) updateOnly() *Field { f.Createable = false; return f }

func (f *Field) name() *Field { f.NameField, f.IDLookup = true, true; return f }

// title: names a record to people, and is not what an upsert finds it by.
func (f *Field) title() *Field { f.NameField = true; return f }

func (f *Field) lookup() *Field { f.IDLookup = true; return f }

func (f *Field) cascade() *Field { f.Cascade = true; return f }

// chosen: the picklist's value that a record has where the caller gives none.
func (f *Field) chosen(value string) *Field {
	for i := range f.Picklist {
		f.Picklist[i].Default = f.Picklist[i].Value == value
	}
	return f.defaults(value)
}

func (f *Field) folded() *Field { f.Folded = true; return f }

func (f *Field) unique() *Field { f.Unique, f.IDLookup = true, true; return f }

func (f *Field) computed() *Field {
	f.Place = PlaceComputed
	return f.readOnly()
}

func (f *Field) hidden() *Field {
	f.Hidden, f.Filterable, f.Sortable, f.Groupable = true, false, false, false
	return f.readOnly()
}

func (f *Field) in(column string) *Field { f.Column = column; return f }

// custom: a package's field, kept in the JSON of the row.
func (f *Field) custom() *Field {
	f.Custom, f.Place, f.Column = true, PlaceCustom, f.Name
	return f
}

func idField() *Field {
	f := typed("Id", "ID", TypeID, 18).readOnly()
	f.Nillable, f.DefaultedOnCreate, f.IDLookup = false, true, true
	return f
}

// auditFields are who and when of records that keep all four.
func auditFields() []*Field {
	who := func(name, label, relationship string) *Field {
		return reference(name, label, relationship, "", "User").filled().readOnly()
	}
	return []*Field{
		typed("CreatedDate", "Created Date", TypeDateTime, 0).filled().readOnly(),
		who("CreatedById", "Created By ID", "CreatedBy"),
		typed("LastModifiedDate", "Last Modified Date", TypeDateTime, 0).filled().readOnly(),
		who("LastModifiedById", "Last Modified By ID", "LastModifiedBy"),
		modstamp(),
	}
}

func modstamp() *Field {
	return typed("SystemModstamp", "System Modstamp", TypeDateTime, 0).filled().readOnly()
}

func values(list ...string) []PicklistValue {
	out := make([]PicklistValue, len(list))
	for i, v := range list {
		out[i] = PicklistValue{Value: v, Label: v}
	}
	return out
}

func fields(groups ...any) []*Field {
	var out []*Field
	for _, g := range groups {
		switch g := g.(type) {
		case *Field:
			out = append(out, g)
		case []*Field:
			out = append(out, g...)
		default:
			panic("org: a schema is made of fields")
		}
	}
	return out
}
