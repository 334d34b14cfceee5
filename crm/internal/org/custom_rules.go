package org

import (
	"fmt"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/internal/fault"
)

// Codes of customizations that are refused.
const (
	CodeBadCustom    fault.Code = "bad_custom_definition"
	CodeCustomTaken  fault.Code = "duplicate_developer_name"
	CodeCustomLimit  fault.Code = "custom_limit"
	CodeNoSuchCustom fault.Code = "no_such_custom"
)

// MaxCustomObjects is how many objects an org's administrators may make, as in Enterprise Edition.
const MaxCustomObjects = 200

// How many fields of a kind one object may have: as many as the table of flex columns has for it (DESIGN 5.8).
const (
	FlexTexts   = 160 // texts, picklists, dates, references
	FlexNumbers = 80  // numbers
	FlexInts    = 80  // checkboxes, dates with time
)

// Kinds of flex columns, the first letter of their names.
const (
	flexText   = 's'
	flexNumber = 'n'
	flexInt    = 'i'
)

// Delete constraints of a Lookup.
const (
	DeleteSetNull  = "SetNull"
	DeleteCascade  = "Cascade"
	DeleteRestrict = "Restrict"
)

// flex is the kind of column that values of the type need, and how many an object may have; 0 for no type at all.
func (t CustomType) flex() (kind rune, n int) {
	switch t {
	case CustomNumber, CustomCurrency, CustomPercent:
		return flexNumber, FlexNumbers
	case CustomCheckbox, CustomDateTime:
		return flexInt, FlexInts
	case CustomText, CustomLongText, CustomTextArea, CustomDate, CustomEmail, CustomPhone, CustomURL, CustomPicklist, CustomMultipicklist, CustomLookup,
		CustomMasterDetail:
		return flexText, FlexTexts
	}
	return 0, 0
}

func flexColumn(kind rune, i int) string { return fmt.Sprintf("%c%03d", kind, i) }

func badCustom(format string, args ...any) error {
	return fault.New(fault.Invalid, CodeBadCustom, format, args...)
}

func customTaken(format string, args ...any) error {
	return fault.New(fault.Invalid, CodeCustomTaken, format, args...)
}

func noSuchCustom(kind, name string) error {
	return fault.New(fault.NotFound, CodeNoSuchCustom, "In field: fullName - no %s named %s found", kind, clip(name))
}

// allowed decides whether an action may meet what there is.
func allowed(action Action, exists bool, kind, name, object string) error {
	switch {
	case action == ActionCreate && exists && object != "":
		return customTaken("There is already a field named %s on %s.", strings.TrimSuffix(name[len(object)+1:], "__c"), object)
	case action == ActionCreate && exists:
		return customTaken("The object name %s is already in use", name)
	case action == ActionUpdate && !exists:
		return noSuchCustom(kind, name)
	}
	return nil
}

// maxCustomName is how many characters the name of an object or field may have before "__c".
const maxCustomName = 40

// checkCustomName: an API name and "__c".
func checkCustomName(kind, name string) error {
	base, ok := strings.CutSuffix(name, "__c")
	if !ok {
		return badCustom("%s %s: a custom name ends in __c", kind, clip(name))
	}
	if len(base) > maxCustomName || !ValidAPIName(base) {
		return badCustom("%s %s: the name can only contain underscores and alphanumeric characters. It must be unique, begin with a letter, not include spaces, not end with "+
			"an underscore, and not contain two consecutive underscores, and have at most %d characters", kind, clip(name), maxCustomName)
	}
	return nil
}

func checkLabel(kind, what, label string) error {
	if strings.TrimSpace(label) == "" {
		return badCustom("Must specify a non-empty %s for the %s", what, kind)
	}
	if len([]rune(label)) > maxLabel {
		return badCustom("%s: the %s has more than %d characters", kind, what, maxLabel)
	}
	return nil
}

const maxLabel = 40

func (d *CustomObject) check() error {
	const kind = "CustomObject"
	if err := checkCustomName(kind, d.Name); err != nil {
		return err
	}
	if d.Plural == "" {
		d.Plural = d.Label
	}
	if d.NameLabel == "" {
		d.NameLabel = d.Label + " Name"
	}
	if err := checkLabel(kind, "label", d.Label); err != nil {
		return err
	}
	switch d.Sharing {
	case "":
		d.Sharing = SharingReadWrite
	case SharingReadWrite, SharingRead, SharingPrivate, SharingByParent:
	default:
		return badCustom("CustomObject %s: sharing model %s is not one of Private, Read, ReadWrite, ControlledByParent", d.Name, clip(d.Sharing))
	}
	if d.AutoNumber != "" {
		_, rest, _ := strings.Cut(d.AutoNumber, "{")
		zeros, _, closed := strings.Cut(rest, "}")
		if !closed || zeros == "" || strings.Trim(zeros, "0") != "" || len(d.AutoNumber) > 30 {
			return badCustom("CustomObject %s: display format %s must hold the number once, as {0} or {0000}", d.Name, clip(d.AutoNumber))
		}
	}
	return nil
}

func (d *CustomField) bad(format string, args ...any) error {
	return badCustom("CustomField %s.%s: %s", d.Object, d.Name, fmt.Sprintf(format, args...))
}

// check checks a definition against the schema that it joins, and fills in what follows.
func (d *CustomField) check(schema *Schema) error {
	const kind = "CustomField"
	if err := checkCustomName(kind, d.Name); err != nil {
		return err
	}
	if err := checkLabel(kind, "label", d.Label); err != nil {
		return err
	}
	if _, n := d.Type.flex(); n == 0 {
		return d.bad("fields of type %s are not supported here", clip(string(d.Type)))
	}
	for _, step := range []func() error{d.checkSize, d.checkIdentity, d.checkPicklist, func() error { return d.checkReference(schema) }} {
		if err := step(); err != nil {
			return err
		}
	}
	if given := strings.Trim(d.Default, `"'`); given != "" && d.Type != CustomPicklist && d.Type != CustomMultipicklist {
		if _, err := d.field().Accept(given); err != nil {
			return d.bad("default value %s: formulas are not worked out here, and it is no value of the field", clip(d.Default))
		}
	}
	return nil
}

func (d *CustomField) checkSize() error {
	switch d.Type {
	case CustomText:
		if d.Length == 0 {
			return badCustom("Must specify 'length' for a CustomField of type Text")
		}
		if d.Length < 1 || d.Length > 255 {
			return d.bad("the length of a text is between 1 and 255")
		}
	case CustomLongText:
		if d.Length == 0 {
			return badCustom("Must specify 'length' for a CustomField of type LongTextArea")
		}
		if d.Length < 256 || d.Length > 131072 {
			return d.bad("the length of a long text is between 256 and 131072")
		}
	case CustomNumber, CustomCurrency, CustomPercent:
		if d.Precision == 0 {
			d.Precision = 18
		}
		if d.Precision < 1 || d.Precision > 18 || d.Scale < 0 || d.Scale > 17 || d.Scale > d.Precision {
			return d.bad("precision %d and scale %d: at most 18 digits, some of them before the point", d.Precision, d.Scale)
		}
		d.Length = 0
		return nil
	default:
		d.Length = 0
	}
	d.Precision, d.Scale = 0, 0
	return nil
}

// checkIdentity: which types may be unique or external ids.
func (d *CustomField) checkIdentity() error {
	switch d.Type {
	case CustomText, CustomNumber, CustomEmail:
	default:
		if d.ExternalID {
			return d.bad("a field of type %s cannot be an external id", d.Type)
		}
		if d.Unique {
			return d.bad("a field of type %s cannot be unique", d.Type)
		}
	}
	if d.Type == CustomNumber {
		d.CaseSensitive = false
	}
	if d.Required && (d.Type == CustomCheckbox || d.Type == CustomLongText || d.Type == CustomMultipicklist) {
		return d.bad("a field of type %s cannot be required", d.Type)
	}
	return nil
}

// maxPicklist is how many values a picklist may have.
const maxPicklist = 1000

func (d *CustomField) checkPicklist() error {
	if d.Type != CustomPicklist && d.Type != CustomMultipicklist {
		d.Values, d.Restricted = nil, false
		return nil
	}
	if len(d.Values) == 0 || len(d.Values) > maxPicklist {
		return d.bad("a picklist has 1 to %d values", maxPicklist)
	}
	d.Values = slices.Clone(d.Values)
	seen := map[string]bool{}
	for i, v := range d.Values {
		if v.Value == "" || len([]rune(v.Value)) > 255 || d.Type == CustomMultipicklist && strings.Contains(v.Value, ";") {
			return d.bad("%q is no value of a picklist", clip(v.Value))
		}
		if seen[Fold(v.Value)] {
			return d.bad("duplicate value %s", clip(v.Value))
		}
		seen[Fold(v.Value)] = true
		if v.Label == "" {
			d.Values[i].Label = v.Value
		}
	}
	return nil
}

func (d *CustomField) checkReference(schema *Schema) error {
	if d.Type != CustomLookup && d.Type != CustomMasterDetail {
		d.ReferenceTo, d.RelationshipName, d.DeleteConstraint = "", "", ""
		return nil
	}
	to := schema.byName[Fold(d.ReferenceTo)]
	if to == nil || to.KeyPrefix == "" || !to.SoftDelete && to.Name != ObjectUser {
		return d.bad("referenceTo %s: no such object, or none that a field may point at", clip(d.ReferenceTo))
	}
	d.ReferenceTo = to.Name
	if d.RelationshipName != "" && !ValidAPIName(d.RelationshipName) {
		return d.bad("relationship name %s", clip(d.RelationshipName))
	}
	if d.Type == CustomMasterDetail {
		own := schema.byName[Fold(d.Object)]
		if !own.Own || to == own || to.Name == ObjectUser {
			return d.bad("a master-detail relationship leads from a custom object to another object that is not User")
		}
		d.Required, d.DeleteConstraint = true, DeleteCascade
	}
	switch d.DeleteConstraint {
	case "":
		d.DeleteConstraint = DeleteSetNull
	case DeleteSetNull, DeleteCascade, DeleteRestrict:
	default:
		return d.bad("delete constraint %s", clip(d.DeleteConstraint))
	}
	if d.Required && d.DeleteConstraint == DeleteSetNull {
		d.DeleteConstraint = DeleteRestrict // what is required cannot be emptied
	}
	return nil
}
