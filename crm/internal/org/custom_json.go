package org

import "encoding/json"

// customFieldJSON is a CustomField as JSON has it: the Metadata API's names, as the Tooling API writes them.
type customFieldJSON struct {
	FullName         string        `json:"fullName,omitempty"`
	Label            string        `json:"label"`
	Type             CustomType    `json:"type"`
	Length           int           `json:"length,omitempty"`
	Precision        int           `json:"precision,omitempty"`
	Scale            int           `json:"scale,omitempty"`
	VisibleLines     int           `json:"visibleLines,omitempty"`
	Required         bool          `json:"required,omitempty"`
	Unique           bool          `json:"unique,omitempty"`
	CaseSensitive    bool          `json:"caseSensitive,omitempty"`
	ExternalID       bool          `json:"externalId,omitempty"`
	Default          any           `json:"defaultValue,omitempty"` // a text; clients write true and 1 too
	ValueSet         *valueSetJSON `json:"valueSet,omitempty"`
	ReferenceTo      string        `json:"referenceTo,omitempty"`
	RelationshipName string        `json:"relationshipName,omitempty"`
	DeleteConstraint string        `json:"deleteConstraint,omitempty"`
	Description      string        `json:"description,omitempty"`
	Help             string        `json:"inlineHelpText,omitempty"`
}

type valueSetJSON struct {
	Restricted bool `json:"restricted"`
	Definition struct {
		Sorted bool        `json:"sorted"`
		Value  []valueJSON `json:"value"`
	} `json:"valueSetDefinition"`
}

type valueJSON struct {
	FullName string `json:"fullName"`
	Name     string `json:"valueName,omitempty"` // as newer versions of the API call it
	Label    string `json:"label"`
	Default  bool   `json:"default"`
}

// MarshalJSON implements json.Marshaler; the object is not part of it.
func (d CustomField) MarshalJSON() ([]byte, error) {
	j := customFieldJSON{
		FullName: d.Name, Label: d.Label, Type: d.Type, Length: d.Length, Precision: d.Precision, Scale: d.Scale, VisibleLines: d.VisibleLines,
		Required: d.Required, Unique: d.Unique, CaseSensitive: d.CaseSensitive, ExternalID: d.ExternalID, ReferenceTo: d.ReferenceTo,
		RelationshipName: d.RelationshipName, DeleteConstraint: d.DeleteConstraint, Description: d.Description, Help: d.Help,
	}
	if d.Default != "" {
		j.Default = d.Default
	}
	if len(d.Values) > 0 {
		j.ValueSet = &valueSetJSON{Restricted: d.Restricted}
		for _, v := range d.Values {
			j.ValueSet.Definition.Value = append(j.ValueSet.Definition.Value, valueJSON{FullName: v.Value, Label: v.Label, Default: v.Default})
		}
	}
	return json.Marshal(j)
}

// UnmarshalJSON implements json.Unmarshaler.
func (d *CustomField) UnmarshalJSON(text []byte) error {
	var j customFieldJSON
	if err := json.Unmarshal(text, &j); err != nil {
		return err
	}
	*d = CustomField{
		Name: j.FullName, Label: j.Label, Type: j.Type, Length: j.Length, Precision: j.Precision, Scale: j.Scale, VisibleLines: j.VisibleLines,
		Required: j.Required, Unique: j.Unique, CaseSensitive: j.CaseSensitive, ExternalID: j.ExternalID, ReferenceTo: j.ReferenceTo,
		RelationshipName: j.RelationshipName, DeleteConstraint: j.DeleteConstraint, Description: j.Description, Help: j.Help,
	}
	switch v := j.Default.(type) {
	case nil:
	case string:
		d.Default = v
	default:
		text, err := json.Marshal(v)
		if err != nil {
			return err
		}
		d.Default = string(text)
	}
	if j.ValueSet != nil {
		d.Restricted = j.ValueSet.Restricted
		for _, v := range j.ValueSet.Definition.Value {
			if v.FullName == "" {
				v.FullName = v.Name
			}
			d.Values = append(d.Values, PicklistValue{Value: v.FullName, Label: v.Label, Default: v.Default})
		}
	}
	return nil
}
