package rest

import (
	"context"
	"net/http"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
)

// objectInfo is an sObject as the global list and the basic information show it (crm-wire 3.5).
type objectInfo struct {
	Activateable        bool              `json:"activateable"`
	Createable          bool              `json:"createable"`
	Custom              bool              `json:"custom"`
	CustomSetting       bool              `json:"customSetting"`
	Deletable           bool              `json:"deletable"`
	DeprecatedAndHidden bool              `json:"deprecatedAndHidden"`
	FeedEnabled         bool              `json:"feedEnabled"`
	HasSubtypes         bool              `json:"hasSubtypes"`
	IsSubtype           bool              `json:"isSubtype"`
	KeyPrefix           string            `json:"keyPrefix"`
	Label               string            `json:"label"`
	LabelPlural         string            `json:"labelPlural"`
	Layoutable          bool              `json:"layoutable"`
	Mergeable           bool              `json:"mergeable"`
	MruEnabled          bool              `json:"mruEnabled"`
	Name                string            `json:"name"`
	Queryable           bool              `json:"queryable"`
	Replicateable       bool              `json:"replicateable"`
	Retrieveable        bool              `json:"retrieveable"`
	Searchable          bool              `json:"searchable"`
	Triggerable         bool              `json:"triggerable"`
	Undeletable         bool              `json:"undeletable"`
	Updateable          bool              `json:"updateable"`
	URLs                map[string]string `json:"urls"`
}

func infoOf(base string, o *org.Object, p org.Permissions) objectInfo {
	self := base + "/sobjects/" + o.Name
	return objectInfo{
		Createable: o.Createable && o.Create.MetBy(p), Custom: o.Custom, Deletable: o.Deletable && o.Delete.MetBy(p), KeyPrefix: o.KeyPrefix,
		Label: o.Label, LabelPlural: o.Plural, Name: o.Name, Queryable: true, Retrieveable: true,
		Updateable: o.Updateable && o.Update.MetBy(p),
		URLs:       map[string]string{"sobject": self, "describe": self + "/describe", "rowTemplate": self + "/{ID}"},
	}
}

func (s *Server) describeGlobal(_ context.Context, c *call) (answer, error) {
	list := []objectInfo{}
	for _, o := range s.Records.Schema(c.session).Visible(c.session.Permissions) {
		list = append(list, infoOf(c.base, o, c.session.Permissions))
	}
	return answer{http.StatusOK, object{{"encoding", "UTF-8"}, {"maxBatchSize", 200}, {"sobjects", list}}}, nil
}

func (s *Server) object(c *call) (*org.Object, error) {
	return s.Records.Object(c.session, c.object)
}

// basicInfo has no recent items: nobody's views are recorded.
func (s *Server) basicInfo(_ context.Context, c *call) (answer, error) {
	o, err := s.object(c)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, object{{"objectDescribe", infoOf(c.base, o, c.session.Permissions)}, {"recentItems", []object{}}}}, nil
}

// fieldInfo is a field as describe shows it.
type fieldInfo struct {
	Aggregatable        bool           `json:"aggregatable"`
	AutoNumber          bool           `json:"autoNumber"`
	ByteLength          int            `json:"byteLength"`
	Calculated          bool           `json:"calculated"`
	CascadeDelete       bool           `json:"cascadeDelete"`
	CaseSensitive       bool           `json:"caseSensitive"`
	Createable          bool           `json:"createable"`
	Custom              bool           `json:"custom"`
	DefaultValue        any            `json:"defaultValue"`
	DefaultedOnCreate   bool           `json:"defaultedOnCreate"`
	DeprecatedAndHidden bool           `json:"deprecatedAndHidden"`
	Digits              int            `json:"digits"`
	ExternalID          bool           `json:"externalId"`
	Filterable          bool           `json:"filterable"`
	Groupable           bool           `json:"groupable"`
	HTMLFormatted       bool           `json:"htmlFormatted"`
	IDLookup            bool           `json:"idLookup"`
	InlineHelpText      *string        `json:"inlineHelpText"`
	Label               string         `json:"label"`
	Length              int            `json:"length"`
	Mask                *string        `json:"mask"`
	MaskType            *string        `json:"maskType"`
	Name                string         `json:"name"`
	NameField           bool           `json:"nameField"`
	NamePointing        bool           `json:"namePointing"`
	Nillable            bool           `json:"nillable"`
	Permissionable      bool           `json:"permissionable"`
	PicklistValues      []picklistInfo `json:"picklistValues"`
	Precision           int            `json:"precision"`
	ReferenceTo         []string       `json:"referenceTo"`
	RelationshipName    *string        `json:"relationshipName"`
	RestrictedPicklist  bool           `json:"restrictedPicklist"`
	Scale               int            `json:"scale"`
	SoapType            string         `json:"soapType"`
	Sortable            bool           `json:"sortable"`
	Type                org.FieldType  `json:"type"`
	Unique              bool           `json:"unique"`
	Updateable          bool           `json:"updateable"`
}

type picklistInfo struct {
	Active       bool   `json:"active"`
	DefaultValue bool   `json:"defaultValue"`
	Label        string `json:"label"`
	Value        string `json:"value"`
}

var soapTypes = map[org.FieldType]string{
	org.TypeID: "tns:ID", org.TypeReference: "tns:ID", org.TypeBoolean: "xsd:boolean", org.TypeInt: "xsd:int", org.TypeDate: "xsd:date",
	org.TypeDateTime: "xsd:dateTime", org.TypeDouble: "xsd:double", org.TypeCurrency: "xsd:double", org.TypePercent: "xsd:double",
}

func fieldOf(f *org.Field) fieldInfo {
	i := fieldInfo{
		Aggregatable: f.Filterable && f.Type != org.TypeBoolean, ByteLength: f.Length * 3, Calculated: f.Place == org.PlaceComputed,
		Createable: f.Createable, Custom: f.Custom, DefaultValue: f.Default, DefaultedOnCreate: f.DefaultedOnCreate, Digits: f.Digits,
		Filterable: f.Filterable, Groupable: f.Groupable, IDLookup: f.IDLookup, Label: f.Label, Length: f.Length, Name: f.Name,
		NameField: f.NameField, Nillable: f.Nillable, PicklistValues: []picklistInfo{}, ReferenceTo: []string{}, RestrictedPicklist: f.Restricted,
		Precision: f.Precision, Scale: f.Scale, SoapType: "xsd:string", Sortable: f.Sortable, Type: f.Type, Unique: f.Unique, Updateable: f.Updateable,
	}
	if t, ok := soapTypes[f.Type]; ok {
		i.SoapType = t
	}
	for _, v := range f.Picklist {
		i.PicklistValues = append(i.PicklistValues, picklistInfo{Active: true, DefaultValue: v.Default, Label: v.Label, Value: v.Value})
	}
	if len(f.ReferenceTo) > 0 {
		i.ReferenceTo = f.ReferenceTo
	}
	if f.Relationship != "" {
		i.RelationshipName = &f.Relationship
	}
	if f.Type == org.TypeEncrypted {
		char, kind := f.Mask("x"), "all"
		i.Mask, i.MaskType = &char, &kind
	}
	i.CascadeDelete, i.NamePointing = f.Cascade, len(f.ReferenceTo) > 1
	return i
}

type childInfo struct {
	CascadeDelete       bool    `json:"cascadeDelete"`
	ChildSObject        string  `json:"childSObject"`
	DeprecatedAndHidden bool    `json:"deprecatedAndHidden"`
	Field               string  `json:"field"`
	RelationshipName    *string `json:"relationshipName"`
	RestrictedDelete    bool    `json:"restrictedDelete"`
}

// describeResult is the whole description of an sObject.
type describeResult struct {
	objectInfo
	ChildRelationships []childInfo `json:"childRelationships"`
	Fields             []fieldInfo `json:"fields"`
	NamedLayoutInfos   []object    `json:"namedLayoutInfos"`
	RecordTypeInfos    []object    `json:"recordTypeInfos"`
	SupportedScopes    []object    `json:"supportedScopes"`
}

func (s *Server) describe(_ context.Context, c *call) (answer, error) {
	o, err := s.object(c)
	if err != nil {
		return answer{}, err
	}
	d := describeResult{
		objectInfo: infoOf(c.base, o, c.session.Permissions), ChildRelationships: []childInfo{}, Fields: []fieldInfo{},
		NamedLayoutInfos: []object{}, RecordTypeInfos: []object{}, SupportedScopes: []object{},
	}
	for _, f := range o.Fields {
		if !f.Hidden {
			d.Fields = append(d.Fields, fieldOf(f))
		}
	}
	for _, child := range s.Records.Schema(c.session).Children(o, c.session.Permissions) {
		i := childInfo{ChildSObject: child.Object.Name, Field: child.Field.Name, CascadeDelete: child.Field.Cascade}
		if child.Field.ChildName != "" {
			i.RelationshipName = &child.Field.ChildName
		}
		d.ChildRelationships = append(d.ChildRelationships, i)
	}
	return answer{http.StatusOK, d}, nil
}

func methodNotAllowed(method, allowed string) error {
	return fault.New(fault.Invalid, codeMethodNotAllowed, "HTTP Method '%s' not allowed. Allowed are %s", clip(method), allowed)
}
