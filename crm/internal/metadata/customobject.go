package metadata

import (
	"context"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/sfdx"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/soap"
)

const (
	typeCustomObject = "CustomObject"
	typeCustomField  = "CustomField"
	objectsFolder    = "objects"
	objectSuffix     = "object"
)

// customObjects is the type CustomObject: the org's own objects with their fields, and the fields that it added to standard
// ones.
func (s *Server) customObjects() componentType {
	return componentType{
		name: typeCustomObject, folder: objectsFolder, suffix: objectSuffix,
		list: func(ctx context.Context, session org.Session) ([]fileProperties, error) {
			custom, err := s.custom(ctx, session)
			if err != nil {
				return nil, err
			}
			stamps, err := org.StampsOf(ctx, s.PermissionSets.Store, session, org.ObjectCustomObject)
			if err != nil {
				return nil, err
			}
			var out []fileProperties
			for _, o := range custom.Objects {
				out = append(out, fileProperties{Stamp: stamps[o.ID], name: o.Name})
			}
			return out, nil
		},
		read: func(ctx context.Context, session org.Session, name string) (func(*soap.Writer), error) {
			custom, err := s.custom(ctx, session)
			if err != nil {
				return nil, err
			}
			o, own := custom.Object(name)
			fields := custom.FieldsOf(name)
			if !own && len(fields) == 0 {
				return nil, fault.New(fault.NotFound, org.CodeNotFound, "no CustomObject named %s found", clip(name))
			}
			return func(x *soap.Writer) { writeCustomObject(x, name, o, own, fields) }, nil
		},
		save: func(c *call, name string, verb org.Verb, e *soap.Element) (org.Work, error) {
			o, fields, ignored, err := readCustomObject(name, e)
			if err != nil {
				return nil, err
			}
			return func(tx org.SetupTx) (org.Saved, error) {
				saved, err := s.saveCustomObject(tx, c, verb, o, e)
				for i := range fields {
					if err != nil {
						break
					}
					_, err = s.Customizer.SaveIn(tx, c.session, org.CustomChange{Action: org.ActionUpsert, Field: &fields[i]})
				}
				saved.Warning = ignored
				return saved, err
			}, nil
		},
		remove: func(c *call, name string) org.Work {
			return func(tx org.SetupTx) (org.Saved, error) {
				return s.Customizer.SaveIn(tx, c.session, org.CustomChange{Action: org.ActionDelete, Object: &org.CustomObject{Name: name}})
			}
		},
	}
}

// saveCustomObject saves an object without its fields. Of a standard one only the sharing model is kept, where it is
// named.
func (s *Server) saveCustomObject(tx org.SetupTx, c *call, verb org.Verb, o org.CustomObject, e *soap.Element) (org.Saved, error) {
	if !strings.HasSuffix(o.Name, "__c") && e.Find("sharingModel") == nil {
		return org.Saved{}, nil
	}
	return s.Customizer.SaveIn(tx, c.session, org.CustomChange{Action: actions[verb], Object: &o})
}

var actions = map[org.Verb]org.Action{org.VerbCreate: org.ActionCreate, org.VerbUpdate: org.ActionUpdate, org.VerbUpsert: org.ActionUpsert}

// customFields is the type CustomField, whose full names are of the form Object.Field. In packages they stand in the files of
// their objects.
func (s *Server) customFields() componentType {
	return componentType{
		name: typeCustomField, folder: objectsFolder, suffix: objectSuffix, inside: true,
		list: func(ctx context.Context, session org.Session) ([]fileProperties, error) {
			custom, err := s.custom(ctx, session)
			if err != nil {
				return nil, err
			}
			stamps, err := org.StampsOf(ctx, s.PermissionSets.Store, session, org.ObjectCustomField)
			if err != nil {
				return nil, err
			}
			var out []fileProperties
			for _, f := range custom.Fields {
				out = append(out, fileProperties{Stamp: stamps[f.ID], name: f.Object + "." + f.Name, file: f.Object})
			}
			return out, nil
		},
		read: func(ctx context.Context, session org.Session, name string) (func(*soap.Writer), error) {
			custom, err := s.custom(ctx, session)
			if err != nil {
				return nil, err
			}
			object, field, _ := strings.Cut(name, ".")
			f, ok := custom.Field(object, field)
			if !ok {
				return nil, fault.New(fault.NotFound, org.CodeNotFound, "no CustomField named %s found", clip(name))
			}
			return func(x *soap.Writer) { writeCustomField(x, f.Object+"."+f.Name, f) }, nil
		},
		save: func(c *call, name string, verb org.Verb, e *soap.Element) (org.Work, error) {
			object, field, ok := strings.Cut(name, ".")
			if !ok {
				return nil, fault.New(fault.Invalid, org.CodeInvalidValue, "The full name of a CustomField is Object.Field, not %s", clip(name)).In("fullName")
			}
			f, ignored, err := readCustomField(object, field, e)
			return func(tx org.SetupTx) (org.Saved, error) {
				saved, err := s.Customizer.SaveIn(tx, c.session, org.CustomChange{Action: actions[verb], Field: &f})
				saved.Warning = ignored
				return saved, err
			}, err
		},
		remove: func(c *call, name string) org.Work {
			object, field, _ := strings.Cut(name, ".")
			return func(tx org.SetupTx) (org.Saved, error) {
				return s.Customizer.SaveIn(tx, c.session, org.CustomChange{Action: org.ActionDelete, Field: &org.CustomField{Object: object, Name: field}})
			}
		},
	}
}

func (s *Server) custom(ctx context.Context, session org.Session) (*org.Customization, error) {
	if err := org.MayUseMetadata(session); err != nil {
		return nil, err
	}
	return s.Customizer.Read(ctx, session)
}

// node is an element as the reader of project files has it.
func node(e *soap.Element) *sfdx.Node {
	n := &sfdx.Node{Name: e.Local, Text: strings.TrimSpace(e.Text)}
	for _, c := range e.Children {
		n.Kids = append(n.Kids, node(c))
	}
	return n
}

// told is the first mistake of a reading as a refusal, and what it does not keep as a warning.
func told(errs, ignored []*sfdx.Error) (string, error) {
	if len(errs) > 0 {
		return "", fault.New(fault.Invalid, org.CodeInvalidValue, "%s", errs[0].Text)
	}
	texts := make([]string, len(ignored))
	for i, e := range ignored {
		texts[i] = e.Text
	}
	return strings.Join(texts, "; "), nil
}

func readCustomObject(name string, e *soap.Element) (org.CustomObject, []org.CustomField, string, error) {
	o, fields, errs, ignored := sfdx.Object("", name, node(e))
	o.Name = name
	for i := range fields {
		fields[i].Object = name
	}
	warning, err := told(errs, ignored)
	return o, fields, warning, err
}

func readCustomField(object, field string, e *soap.Element) (org.CustomField, string, error) {
	f, errs, ignored := sfdx.Field("", object, node(e))
	f.Name = field
	warning, err := told(errs, ignored)
	return f, warning, err
}

func writeCustomObject(x *soap.Writer, name string, o org.CustomObject, own bool, fields []org.CustomField) {
	optional := func(name, v string) {
		if v != "" {
			x.Text(name, v)
		}
	}
	if own {
		name = o.Name
	}
	x.Text("fullName", name)
	if own {
		x.Text("deploymentStatus", "Deployed")
		optional("description", o.Description)
	}
	for _, f := range fields {
		x.Open("fields")
		writeCustomField(x, f.Name, f)
		x.Close()
	}
	if !own {
		return
	}
	x.Text("label", o.Label)
	x.Open("nameField")
	if o.AutoNumber != "" {
		x.Text("displayFormat", o.AutoNumber)
	}
	x.Text("label", o.NameLabel)
	if o.AutoNumber != "" {
		x.Text("type", "AutoNumber")
	} else {
		x.Text("type", "Text")
	}
	x.Close()
	x.Text("pluralLabel", o.Plural)
	optional("sharingModel", o.Sharing)
}

func writeCustomField(x *soap.Writer, name string, f org.CustomField) {
	optional := func(name, v string) {
		if v != "" {
			x.Text(name, v)
		}
	}
	number := func(name string, n int, always bool) {
		if n != 0 || always {
			x.Text(name, strconv.Itoa(n))
		}
	}
	flag := func(name string, v bool) { x.Text(name, strconv.FormatBool(v)) }
	x.Text("fullName", name)
	if f.Unique {
		flag("caseSensitive", f.CaseSensitive)
	}
	optional("defaultValue", f.Default)
	optional("deleteConstraint", f.DeleteConstraint)
	optional("description", f.Description)
	flag("externalId", f.ExternalID)
	optional("inlineHelpText", f.Help)
	x.Text("label", f.Label)
	number("length", f.Length, false)
	number("precision", f.Precision, false)
	optional("referenceTo", f.ReferenceTo)
	optional("relationshipName", f.RelationshipName)
	flag("required", f.Required)
	number("scale", f.Scale, f.Precision > 0)
	x.Text("type", string(f.Type))
	flag("unique", f.Unique)
	if len(f.Values) > 0 {
		x.Open("valueSet")
		flag("restricted", f.Restricted)
		x.Open("valueSetDefinition")
		flag("sorted", false)
		for _, v := range f.Values {
			x.Open("value")
			x.Text("fullName", v.Value)
			flag("default", v.Default)
			x.Text("label", v.Label)
			x.Close()
		}
		x.Close()
		x.Close()
	}
	number("visibleLines", f.VisibleLines, false)
}
