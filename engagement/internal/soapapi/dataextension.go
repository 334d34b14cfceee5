package soapapi

import (
	"context"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/soap"
)

// What the real service says of changes of data extensions and their rows (recordings of sfmc-devtools and FuelSDK).
const (
	extensionCreated = "Data Extension created."
	extensionUpdated = "Data Extension updated."
	extensionDeleted = "Data Extension deleted."
	fieldsDeleted    = "Data Extension Fields deleted"
	rowCreated       = "Created DataExtensionObject"
	rowUpdated       = "Updated DataExtensionObject"
	rowDeleted       = "Deleted DataExtensionObject"
)

// triggeredTemplate is the template of data extensions for triggered sends, and the only one there is.
const triggeredTemplate = "TriggeredSendDataExtension"

// createDataExtension makes a data extension with its fields.
func (s *Server) createDataExtension(ctx context.Context, c objectCall) (result, error) {
	d := tenant.DataExtension{Key: strings.TrimSpace(c.el.Value("CustomerKey"))}
	readExtension(c.el, &d)
	fields, err := readFields(c.el)
	if err != nil {
		return result{}, err
	}
	switch key := c.el.Value("Template", "CustomerKey"); {
	case strings.EqualFold(key, triggeredTemplate):
		d.Sendable, d.SendField, d.SubscriberField = true, "SubscriberKey", tenant.NormalSubscriberField("Subscriber Key")
		d.Fields = []tenant.DataField{
			{Name: "SubscriberKey", Type: tenant.FieldText, MaxLength: 254, Required: true},
			{Name: "EmailAddress", Type: tenant.FieldEmailAddress, MaxLength: 254, Required: true},
		}
	case key != "":
		return result{}, fault.New(fault.Invalid, tenant.CodeInvalidDataExtension, "There is no data extension template %q.", clip(key)).In("Template")
	}
	template := d
	for _, f := range fields {
		if _, there := template.Field(f.Name); !there {
			d.Fields = append(d.Fields, f.DataField)
		}
	}
	made, err := s.o.Data.Create(ctx, c.p, d)
	return result{message: extensionCreated, newObject: made.ID}, err
}

// readExtension takes over what the object says of the data extension itself; what it leaves out stays.
func readExtension(el *soap.Element, d *tenant.DataExtension) {
	for name, to := range map[string]*string{"Name": &d.Name, "Description": &d.Description} {
		if text := optional(el, name); text != nil {
			*to = *text
		}
	}
	if text := optional(el, "IsSendable"); text != nil {
		d.Sendable = strings.EqualFold(strings.TrimSpace(*text), "true") || strings.TrimSpace(*text) == "1"
	}
	if text := optional(el, "SendableDataExtensionField", "Name"); text != nil {
		d.SendField = *text
	}
	if text := optional(el, "SendableSubscriberField", "Name"); text != nil {
		d.SubscriberField = tenant.NormalSubscriberField(*text)
	}
}

// readFields reads what is said of fields. A field that is named by ObjectID may be given another name.
func readFields(el *soap.Element) ([]tenant.DataFieldChange, error) {
	var list []tenant.DataFieldChange
	for _, fields := range el.All("Fields") {
		for _, f := range fields.All("Field") {
			c := tenant.DataFieldChange{DataField: tenant.DataField{ID: strings.TrimSpace(f.Value("ObjectID")), Name: strings.TrimSpace(f.Value("Name")), Type: tenant.FieldType(strings.TrimSpace(f.Value("FieldType")))}}
			if c.ID != "" {
				c.Rename = c.Name
			}
			var err error
			if c.MaxLength, c.HasLength, err = optionalInt(f, "MaxLength"); err != nil {
				return nil, err
			}
			if c.Scale, c.HasScale, err = optionalInt(f, "Scale"); err != nil {
				return nil, err
			}
			for name, to := range map[string]struct{ value, given *bool }{
				"IsPrimaryKey": {&c.PrimaryKey, &c.HasKey}, "IsRequired": {&c.Required, &c.HasRequired},
			} {
				v, err := optionalBool(f, name)
				if err != nil {
					return nil, err
				}
				if v != nil {
					*to.value, *to.given = *v, true
				}
			}
			if text := optional(f, "DefaultValue"); text != nil {
				c.Default, c.HasDefault = *text, true
			}
			if c.Type != "" && c.Type != tenant.FieldDecimal && c.Scale == 0 {
				c.HasScale = false
			}
			list = append(list, c)
		}
	}
	return list, nil
}

// optionalInt is the number of a member; false where it is missing or empty.
func optionalInt(el *soap.Element, name string) (int, bool, error) {
	text := optional(el, name)
	if text == nil || strings.TrimSpace(*text) == "" {
		return 0, false, nil
	}
	n, err := strconv.Atoi(strings.TrimSpace(*text))
	if err != nil {
		return 0, false, fault.New(fault.Invalid, tenant.CodeInvalidDataExtension, "%s is not a number.", name).In(name)
	}
	return n, true, nil
}

// extensionRef names the data extension of an object.
func extensionRef(el *soap.Element) tenant.ExtensionRef {
	return tenant.ExtensionRef{ID: strings.TrimSpace(el.Value("ObjectID")), Key: strings.TrimSpace(el.Value("CustomerKey"))}
}

// updateDataExtension changes a data extension; fields that it does not have are added.
func (s *Server) updateDataExtension(ctx context.Context, c objectCall) (result, error) {
	fields, err := readFields(c.el)
	if err != nil {
		return result{}, err
	}
	d, err := s.o.Data.Update(ctx, c.p, extensionRef(c.el), func(d *tenant.DataExtension) { readExtension(c.el, d) }, fields)
	return result{message: extensionUpdated, newObject: d.ID}, err
}

// deleteDataExtension takes away a data extension, or, where the object names fields, those alone.
func (s *Server) deleteDataExtension(ctx context.Context, c objectCall) (result, error) {
	fields, err := readFields(c.el)
	if err != nil {
		return result{}, err
	}
	if c.el.Find("Fields") == nil {
		d, err := s.o.Data.Delete(ctx, c.p, extensionRef(c.el))
		return result{message: extensionDeleted, newObject: d.ID}, err
	}
	named := make([]tenant.DataField, len(fields))
	for i, f := range fields {
		named[i] = f.DataField
	}
	if len(named) == 0 {
		return result{}, fault.New(fault.Invalid, tenant.CodeInvalidDataExtension, "No field is named.").In("Fields")
	}
	d, err := s.o.Data.RemoveFields(ctx, c.p, extensionRef(c.el), named)
	return result{message: fieldsDeleted, newObject: d.ID}, err
}

// createRow inserts a row; with SaveAction UpdateAdd one that is there is updated.
func (s *Server) createRow(ctx context.Context, c objectCall) (result, error) {
	mode := tenant.RowInsert
	if c.upsert {
		mode = tenant.RowUpsert
	}
	return s.writeRow(ctx, c, mode, "DataExtensionCreateResult", rowCreated)
}

// updateRow changes a row; with SaveAction UpdateAdd one that is not there is inserted.
func (s *Server) updateRow(ctx context.Context, c objectCall) (result, error) {
	mode := tenant.RowUpdate
	if c.upsert {
		mode = tenant.RowUpsert
	}
	return s.writeRow(ctx, c, mode, "DataExtensionUpdateResult", rowUpdated)
}

// deleteRow removes a row.
func (s *Server) deleteRow(ctx context.Context, c objectCall) (result, error) {
	return s.writeRow(ctx, c, tenant.RowDelete, "DataExtensionDeleteResult", rowDeleted)
}

func (s *Server) writeRow(ctx context.Context, c objectCall, mode tenant.RowMode, kind, message string) (result, error) {
	row, err := readRow(c.el, mode)
	if err != nil {
		return result{}, err
	}
	_, refusals, err := s.o.Data.WriteRows(ctx, c.p, extensionRef(c.el), mode, []tenant.RowInput{row}, false)
	if err == nil {
		err = refusals[0]
	}
	if err == nil {
		return result{kind: kind, message: message}, nil
	}
	refusal, known := resultError(err)
	if !known || refusal.errorCode != errorData {
		return result{}, err
	}
	refusal.kind, refusal.problems = kind, tenant.Problems(err)
	return refusal, nil
}

// readRow reads Properties and Keys; a delete needs no more than the keys.
func readRow(el *soap.Element, mode tenant.RowMode) (tenant.RowInput, error) {
	row := tenant.RowInput{}
	named := map[string]string{}
	take := func(p *soap.Element, key bool) error {
		name := strings.TrimSpace(p.Value("Name"))
		value := optional(p, "Value")
		if mode == tenant.RowDelete && !key && len(el.Find("Keys").All("Key")) > 0 {
			return nil
		}
		if before, twice := named[strings.ToLower(name)]; twice {
			if old := row[before]; key && old != nil && value != nil && *old == *value {
				return nil // named among the values as well
			}
			return fault.New(fault.Invalid, tenant.CodeInvalidRow, "The column [%s] is there twice.", clip(name)).In("Properties")
		}
		named[strings.ToLower(name)] = name
		row[name] = value
		return nil
	}
	for _, properties := range el.All("Properties") {
		for _, p := range properties.All("Property") {
			if err := take(p, false); err != nil {
				return nil, err
			}
		}
	}
	for _, keys := range el.All("Keys") {
		for _, k := range keys.All("Key") {
			if err := take(k, true); err != nil {
				return nil, err
			}
		}
	}
	return row, nil
}

// writeRowProblems writes what is wrong with a row, after the object (WSDL, DataExtensionCreateResult).
func writeRowProblems(x *soap.Writer, res result) {
	if len(res.problems) == 0 {
		return
	}
	x.Text("ErrorMessage", res.message)
	for _, group := range []struct {
		list, item string
		key        bool
	}{{"KeyErrors", "KeyError", true}, {"ValueErrors", "ValueError", false}} {
		if !group.key && res.kind == "DataExtensionDeleteResult" {
			continue // the WSDL has none there
		}
		x.Open(group.list)
		for _, p := range res.problems {
			if p.Key != group.key {
				continue
			}
			x.Open(group.item)
			x.Text("Name", p.Field)
			x.Text("ErrorCode", strconv.Itoa(errorData))
			x.Text("ErrorMessage", p.Message)
			x.Close()
		}
		x.Close()
	}
}

// clip shortens what a caller wrote before it is repeated in a message.
func clip(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "…"
	}
	return s
}
