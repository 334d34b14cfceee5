package sfdx

import (
	"slices"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
)

// reading collects the mistakes of one element, and what of it is not kept.
type reading struct {
	path    string
	errs    []*Error
	ignored []*Error
}

func (r *reading) bad(n *Node, text string) {
	line := 0
	if n != nil {
		line = n.Line
	}
	r.errs = append(r.errs, &Error{r.path, line, text})
}

func (r *reading) number(n *Node, name string) int {
	k := n.kid(name)
	if k == nil {
		return 0
	}
	v, err := strconv.Atoi(k.Text)
	if err != nil || v < 0 {
		r.bad(k, "<"+name+">: "+strconv.Quote(clip(k.Text))+" is no number")
	}
	return v
}

func (r *reading) flag(n *Node, name string) bool {
	k := n.kid(name)
	if k == nil {
		return false
	}
	if k.Text != "true" && k.Text != "false" {
		r.bad(k, "<"+name+"> is true or false")
	}
	return k.Text == "true"
}

// skip notes the children that are not among the known ones.
func (r *reading) skip(n *Node, known ...string) {
	for _, k := range n.Kids {
		if !slices.Contains(known, k.Name) {
			r.ignored = append(r.ignored, &Error{r.path, k.Line, "<" + k.Name + "> is not kept"})
		}
	}
}

// Field reads a CustomField element of an object. The third result are its elements that this org does not keep.
func Field(path, object string, n *Node) (org.CustomField, []*Error, []*Error) {
	r := &reading{path: path}
	f := org.CustomField{
		Object: object, Name: n.value("fullName"), Label: n.value("label"), Type: org.CustomType(n.value("type")), Length: r.number(n, "length"),
		Precision: r.number(n, "precision"), Scale: r.number(n, "scale"), VisibleLines: r.number(n, "visibleLines"), Required: r.flag(n, "required"),
		Unique: r.flag(n, "unique"), CaseSensitive: r.flag(n, "caseSensitive"), ExternalID: r.flag(n, "externalId"), Default: n.value("defaultValue"),
		ReferenceTo: n.value("referenceTo"), RelationshipName: n.value("relationshipName"), DeleteConstraint: n.value("deleteConstraint"),
		Description: n.value("description"), Help: n.value("inlineHelpText"),
	}
	known := []string{
		"fullName", "label", "type", "length", "precision", "scale", "visibleLines", "required", "unique", "caseSensitive", "externalId", "defaultValue",
		"referenceTo", "relationshipName", "relationshipLabel", "deleteConstraint", "description", "inlineHelpText", "valueSet",
	}
	for _, name := range []string{"formula", "summarizedField", "summaryOperation"} {
		if k := n.kid(name); k != nil {
			r.bad(k, "formula and roll-up summary fields are not supported here")
		}
		known = append(known, name)
	}
	if set := n.kid("valueSet"); set != nil {
		r.values(&f, set)
	}
	r.skip(n, known...)
	return f, r.errs, r.ignored
}

func (r *reading) values(f *org.CustomField, set *Node) {
	f.Restricted = r.flag(set, "restricted")
	if k := set.kid("valueSetName"); k != nil {
		r.bad(k, "global value sets are not supported here")
	}
	if k := set.kid("controllingField"); k != nil {
		r.ignored = append(r.ignored, &Error{r.path, k.Line, "dependent picklists are not kept"})
	}
	definition := set.kid("valueSetDefinition")
	if definition == nil {
		return
	}
	for _, v := range definition.Kids {
		if v.Name != "value" || v.value("isActive") == "false" {
			continue
		}
		f.Values = append(f.Values, org.PicklistValue{Value: v.value("fullName"), Label: v.value("label"), Default: r.flag(v, "default")})
	}
	if r.flag(definition, "sorted") {
		slices.SortStableFunc(f.Values, func(a, b org.PicklistValue) int { return strings.Compare(a.Label, b.Label) })
	}
}

// Object reads a CustomObject element, with the fields that stand in it. The last two results are as Field's.
func Object(path, name string, n *Node) (org.CustomObject, []org.CustomField, []*Error, []*Error) {
	r := &reading{path: path}
	if full := n.value("fullName"); full != "" {
		name = full
	}
	o := org.CustomObject{
		Name: name, Label: n.value("label"), Plural: n.value("pluralLabel"), NameLabel: n.value("nameField", "label"), Sharing: n.value("sharingModel"),
		Description: n.value("description"),
	}
	switch k := n.kid("nameField"); k.value("type") {
	case "", "Text":
	case "AutoNumber":
		if o.AutoNumber = k.value("displayFormat"); o.AutoNumber == "" {
			o.AutoNumber = "{0}"
		}
	default:
		r.bad(k, "a name field is of type Text or AutoNumber")
	}
	var fields []org.CustomField
	for _, k := range n.Kids {
		if k.Name != "fields" {
			continue
		}
		f, errs, ignored := Field(path, name, k)
		r.errs, r.ignored, fields = append(r.errs, errs...), append(r.ignored, ignored...), append(fields, f)
	}
	r.skip(n, "fullName", "label", "pluralLabel", "nameField", "sharingModel", "description", "fields", "deploymentStatus")
	return o, fields, r.errs, r.ignored
}

func clip(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "…"
	}
	return s
}
