package tenant

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/twinspan/twinspan/internal/fault"
)

// Scopes of data extension calls (engagement-wire 2.7).
const (
	ScopeDataExtensionsRead  = "data_extensions_read"
	ScopeDataExtensionsWrite = "data_extensions_write"
)

// Limits of data extensions. The real service publishes none but the length of a text; ours keep one table within what a
// page can be read from and a transaction can hold.
const (
	MaxDataExtensions  = 1000    // in a tenant
	MaxDataFields      = 250     // in one data extension
	MaxDataRows        = 100_000 // in one data extension
	MaxDataText        = 4000    // characters of a text
	MaxDataRowBytes    = 16 << 10
	maxDataFieldName   = 128
	maxDataKeyText     = 900 // characters of all texts of a primary key together
	maxDataDescription = 400
	maxDecimal         = 38
)

// Codes of the faults that data extensions raise.
const (
	// CodeNoDataExtension: no data extension of the business unit has the key or id.
	CodeNoDataExtension fault.Code = "no_data_extension"
	// CodeDataExtensionExists: the customer key belongs to another one.
	CodeDataExtensionExists fault.Code = "data_extension_exists"
	// CodeInvalidDataExtension: a data extension that cannot be stored as asked.
	CodeInvalidDataExtension fault.Code = "invalid_data_extension"
)

// FieldType is the type of a data extension's field, in the words of the WSDL's DataExtensionFieldType.
type FieldType string

// The types.
const (
	FieldText         FieldType = "Text"
	FieldNumber       FieldType = "Number" // whole, of 32 bits
	FieldDecimal      FieldType = "Decimal"
	FieldDate         FieldType = "Date" // with a time, to the second
	FieldBoolean      FieldType = "Boolean"
	FieldEmailAddress FieldType = "EmailAddress"
	FieldPhone        FieldType = "Phone"
	FieldLocale       FieldType = "Locale"
)

// fieldLengths are the lengths that fields of a type have where nothing is said, in characters, and the longest they may
// have; types that are not here have no length.
var fieldLengths = map[FieldType][2]int{
	FieldText: {MaxDataText, MaxDataText}, FieldEmailAddress: {254, 254}, FieldPhone: {50, 50}, FieldLocale: {5, 5}, FieldDecimal: {18, maxDecimal},
}

// DataField is one field of a data extension.
type DataField struct {
	ID      string // GUID; "" before it is stored
	Slot    int64  // where rows hold its value: a number that no other field ever had; 0 before it is stored
	Name    string // unique in the data extension without regard to case
	Ordinal int    // its place, from 1
	Type    FieldType
	// MaxLength is the length in characters, or of a decimal the number of its digits; 0 where the type has none.
	MaxLength  int
	Scale      int // digits after the point; of decimals alone
	PrimaryKey bool
	Required   bool
	Default    string // "" for none; GETDATE() is the moment of the row
}

// DataExtension is a table that users of the tenant define.
type DataExtension struct {
	Tenant      EID
	MID         MID
	ID          string // GUID
	Key         string // customer key, unique in the business unit without regard to case
	Name        string
	Description string
	Sendable    bool
	// SendField is the field that sends read the subscriber from, and SubscriberField what it is compared with.
	SendField, SubscriberField string
	Fields                     []DataField // by place
	NextSlot                   int64
	Rows                       int64 // how many there are
	RowVersion                 int64 // grows whenever rows are written
	Created, Modified          time.Time
}

// Field finds a field by name, without regard to case.
func (d DataExtension) Field(name string) (DataField, bool) {
	for _, f := range d.Fields {
		if strings.EqualFold(f.Name, name) {
			return f, true
		}
	}
	return DataField{}, false
}

// PrimaryKey are the fields of the primary key, by place; none where rows cannot be told apart.
func (d DataExtension) PrimaryKey() []DataField {
	var key []DataField
	for _, f := range d.Fields {
		if f.PrimaryKey {
			key = append(key, f)
		}
	}
	return key
}

func badExtension(field, format string, args ...any) error {
	return fault.New(fault.Invalid, CodeInvalidDataExtension, format, args...).In(field)
}

// Validate reports what keeps the data extension from being stored.
func (d DataExtension) Validate() error {
	switch {
	case d.Key == "" || utf8.RuneCountInString(d.Key) > MaxKey || oneLine(d.Key) != d.Key || !utf8.ValidString(d.Key):
		return badExtension("CustomerKey", "A data extension needs a customer key of one line and at most %d characters.", MaxKey)
	case strings.ContainsAny(d.Key, "/?#%\\[]"):
		return badExtension("CustomerKey", "A customer key may not hold / ? # %% \\ [ or ].")
	case strings.TrimSpace(d.Name) == "" || utf8.RuneCountInString(d.Name) > 200 || oneLine(d.Name) != d.Name || !utf8.ValidString(d.Name):
		return badExtension("Name", "A data extension needs a name of one line and at most 200 characters.")
	case len(d.Description) > maxDataDescription || !utf8.ValidString(d.Description) || hasNUL(d.Description):
		return badExtension("Description", "A description may have at most %d bytes.", maxDataDescription)
	case len(d.Fields) == 0 || len(d.Fields) > MaxDataFields:
		return badExtension("Fields", "A data extension has 1 to %d fields.", MaxDataFields)
	}
	seen, keyText := map[string]bool{}, 0
	for _, f := range d.Fields {
		if seen[strings.ToLower(f.Name)] {
			return badExtension("Fields", "The field %q is there twice.", clip(f.Name))
		}
		seen[strings.ToLower(f.Name)] = true
		if err := f.validate(); err != nil {
			return err
		}
		if f.PrimaryKey && f.Type != FieldDecimal {
			keyText += f.MaxLength
		}
	}
	if keyText > maxDataKeyText {
		return badExtension("Fields", "The fields of the primary key have more than %d characters together.", maxDataKeyText)
	}
	return d.validateSendable()
}

func (d DataExtension) validateSendable() error {
	if !d.Sendable {
		return nil
	}
	if _, ok := d.Field(d.SendField); !ok {
		return badExtension("SendableDataExtensionField", "A sendable data extension needs one of its fields as SendableDataExtensionField.")
	}
	if d.SubscriberField != subscriberKeyField && d.SubscriberField != emailAddressField {
		return badExtension("SendableSubscriberField", "The SendableSubscriberField is %s or %s.", subscriberKeyField, emailAddressField)
	}
	return nil
}

// What a sendable data extension's field can be compared with.
const (
	subscriberKeyField = "Subscriber Key"
	emailAddressField  = "Email Address"
)

// NormalSubscriberField is a SendableSubscriberField in the spelling of results, whichever of the spellings in use it has.
func NormalSubscriberField(name string) string {
	switch strings.ToLower(strings.NewReplacer(" ", "", "_", "").Replace(name)) {
	case "subscriberkey", "subscriberid":
		return subscriberKeyField
	case "emailaddress":
		return emailAddressField
	}
	return name
}

func (f DataField) validate() error {
	switch {
	case strings.TrimSpace(f.Name) == "" || f.Name != strings.TrimSpace(f.Name) || utf8.RuneCountInString(f.Name) > maxDataFieldName || oneLine(f.Name) != f.Name || !utf8.ValidString(f.Name):
		return badExtension("Fields", "A field needs a name of one line and at most %d characters.", maxDataFieldName)
	case strings.HasPrefix(f.Name, "_") || strings.ContainsAny(f.Name, "[]:,\"'"):
		// Names that begin with an underscore are the system's, and the others could not be written in paths and filters.
		return badExtension("Fields", "The field name %q begins with _ or holds one of [ ] : , \" '.", clip(f.Name))
	}
	limit, sized := fieldLengths[f.Type]
	switch f.Type {
	case FieldText, FieldEmailAddress, FieldPhone, FieldLocale, FieldDecimal, FieldNumber, FieldDate, FieldBoolean:
	default:
		return badExtension("Fields", "There is no field type %q.", clip(string(f.Type)))
	}
	switch {
	case sized && (f.MaxLength < 1 || f.MaxLength > limit[1]):
		return badExtension("Fields", "The field %q of type %s has a length of 1 to %d.", f.Name, f.Type, limit[1])
	case !sized && f.MaxLength != 0:
		return badExtension("Fields", "The field %q of type %s has no length.", f.Name, f.Type)
	case f.Scale < 0 || f.Type != FieldDecimal && f.Scale != 0 || f.Scale > f.MaxLength:
		return badExtension("Fields", "The field %q has a scale that does not fit.", f.Name)
	case f.PrimaryKey && !f.Required:
		return badExtension("Fields", "The field %q is part of the primary key and must be required.", f.Name)
	}
	if f.Default == "" || f.Type == FieldDate && isNow(f.Default) {
		return nil
	}
	if _, err := f.normal(f.Default); err != nil {
		return badExtension("Fields", "The default value of %q does not fit its type.", f.Name)
	}
	return nil
}

// isNow reports whether a default value of a date is the moment of the row.
func isNow(text string) bool {
	return strings.EqualFold(text, "GETDATE()") || strings.EqualFold(text, "Current date")
}

// WithLengths gives a field about whose length nothing is said the longest one of its type, and makes a field of the
// primary key required.
func (f DataField) WithLengths() DataField {
	if f.MaxLength == 0 {
		f.MaxLength = fieldLengths[f.Type][0]
		if f.PrimaryKey && f.Type == FieldText {
			f.MaxLength = 254
		}
	}
	f.Required = f.Required || f.PrimaryKey
	return f
}

// ExtensionRef names a data extension of the caller's business unit: by ID, a GUID, where that is given, else by Key.
type ExtensionRef struct{ ID, Key string }

// DataExtensionStore keeps data extensions. A missing one is a NotFound fault with CodeNoDataExtension.
type DataExtensionStore interface {
	// Extension reads one with its fields.
	Extension(ctx context.Context, tenant EID, mid MID, ref ExtensionRef) (DataExtension, error)
	// CreateExtension stores a new one. A taken key is a Conflict with CodeDataExtensionExists.
	CreateExtension(ctx context.Context, d DataExtension) error
	// UpdateExtension stores d and its fields over the one with its ID, if that was last modified at the time given, and
	// else reports a Conflict with CodeChangedMeanwhile. Rows are left alone.
	UpdateExtension(ctx context.Context, d DataExtension, unmodifiedSince time.Time) error
	// DeleteExtension takes it away at once and its rows soon.
	DeleteExtension(ctx context.Context, d DataExtension, now time.Time) error
	// WriteRows does the operations in order, in one transaction, if the data extension is still as it was loaded, and
	// else reports a Conflict with CodeChangedMeanwhile. Each operation has a place in the list of refusals, nil where it
	// was done. A load that is not nil moves on in the same transaction.
	WriteRows(ctx context.Context, d DataExtension, ops []RowOp, load *LoadProgress, now time.Time) ([]error, error)
	// Row reads the row with the key; false where there is none.
	Row(ctx context.Context, d DataExtension, key string) (DataRow, bool, error)
	// Rows reads at most limit rows in the order of their keys: those after a key, leaving out the first skip of them.
	Rows(ctx context.Context, d DataExtension, after string, skip, limit int) ([]DataRow, error)
	// RowsByKey reads rows by their keys, in the order of these; those that are gone are left out.
	RowsByKey(ctx context.Context, d DataExtension, keys []string) ([]DataRow, error)
	// PutLoad stores a new load with the job that does it, and forgets some old ones.
	PutLoad(ctx context.Context, l Load) error
	// LoadByID reads a load of the business unit; none is a NotFound fault with CodeNoLoad.
	LoadByID(ctx context.Context, tenant EID, mid MID, id string) (Load, error)
}

// DataExtensions is the service over data extensions and their rows.
type DataExtensions struct {
	Store DataExtensionStore
	// Now tells the tenant's domain time.
	Now func(EID) time.Time
	// Serials numbers the rows of data extensions without a primary key.
	Serials *Serials

	finds rowFinds
}

// Get reads a data extension.
func (s *DataExtensions) Get(ctx context.Context, p Principal, ref ExtensionRef) (DataExtension, error) {
	if err := mayRead(p, ScopeDataExtensionsRead); err != nil {
		return DataExtension{}, err
	}
	return s.Store.Extension(ctx, p.Tenant, p.MID, ref)
}

// Create stores a new data extension in the caller's business unit. Without a key it gets a GUID as one.
func (s *DataExtensions) Create(ctx context.Context, p Principal, d DataExtension) (DataExtension, error) {
	if err := mayWrite(p, ScopeDataExtensionsWrite); err != nil {
		return DataExtension{}, err
	}
	now := s.Now(p.Tenant)
	d.Tenant, d.MID, d.ID, d.NextSlot, d.Rows, d.Created, d.Modified = p.Tenant, p.MID, NewGUID(), 1, 0, now, now
	if d.Key == "" {
		d.Key = strings.ToUpper(NewGUID())
	}
	d.Fields = append([]DataField(nil), d.Fields...)
	for i := range d.Fields {
		d.number(i)
	}
	if err := d.Validate(); err != nil {
		return DataExtension{}, err
	}
	return d, s.Store.CreateExtension(ctx, d)
}

// number gives a new field its id, slot and place.
func (d *DataExtension) number(i int) {
	f := d.Fields[i].WithLengths()
	f.ID, f.Slot, f.Ordinal = NewGUID(), d.NextSlot, i+1
	d.NextSlot++
	d.Fields[i] = f
}

// DataFieldChange is what a caller says of one field. It is found by ID, else by name; one that is not found is new.
type DataFieldChange struct {
	DataField
	// Rename is the field's new name; "" leaves it.
	Rename string
	// HasLength, HasScale, HasKey, HasRequired and HasDefault say which of the values were given.
	HasLength, HasScale, HasKey, HasRequired, HasDefault bool
}

// Update changes what the function changes, then the fields. Types cannot be changed, lengths can only grow, and what is
// added to a table with rows must allow rows without it.
func (s *DataExtensions) Update(ctx context.Context, p Principal, ref ExtensionRef, change func(*DataExtension), fields []DataFieldChange) (DataExtension, error) {
	if err := mayWrite(p, ScopeDataExtensionsWrite); err != nil {
		return DataExtension{}, err
	}
	return s.edit(ctx, p, ref, func(d *DataExtension) error {
		change(d)
		for _, c := range fields {
			if err := d.change(c); err != nil {
				return err
			}
		}
		return nil
	})
}

// RemoveFields takes fields away, each named by ID or name.
func (s *DataExtensions) RemoveFields(ctx context.Context, p Principal, ref ExtensionRef, fields []DataField) (DataExtension, error) {
	if err := mayWrite(p, ScopeDataExtensionsWrite); err != nil {
		return DataExtension{}, err
	}
	return s.edit(ctx, p, ref, func(d *DataExtension) error {
		for _, f := range fields {
			i := d.find(f)
			switch {
			case i < 0:
				return badExtension("Fields", "There is no field %q.", clip(f.Name+f.ID))
			case d.Fields[i].PrimaryKey:
				return badExtension("Fields", "The field %q is part of the primary key.", d.Fields[i].Name)
			case d.Sendable && strings.EqualFold(d.SendField, d.Fields[i].Name):
				return badExtension("Fields", "Sends read the subscriber from the field %q.", d.Fields[i].Name)
			}
			d.Fields = append(d.Fields[:i:i], d.Fields[i+1:]...)
		}
		return nil
	})
}

// edit loads, changes and stores a data extension; what others changed meanwhile is not lost.
func (s *DataExtensions) edit(ctx context.Context, p Principal, ref ExtensionRef, change func(*DataExtension) error) (DataExtension, error) {
	d, err := s.Store.Extension(ctx, p.Tenant, p.MID, ref)
	if err != nil {
		return DataExtension{}, err
	}
	was := d.Modified
	d.Fields = append([]DataField(nil), d.Fields...)
	if err := change(&d); err != nil {
		return DataExtension{}, err
	}
	for i := range d.Fields {
		d.Fields[i].Ordinal = i + 1
	}
	d.Modified = later(s.Now(p.Tenant), was)
	if err := d.Validate(); err != nil {
		return DataExtension{}, err
	}
	return d, s.Store.UpdateExtension(ctx, d, was)
}

func (d *DataExtension) find(f DataField) int {
	for i, have := range d.Fields {
		if f.ID != "" && strings.EqualFold(have.ID, f.ID) || f.ID == "" && strings.EqualFold(have.Name, f.Name) {
			return i
		}
	}
	return -1
}

// change applies what is said of one field.
func (d *DataExtension) change(c DataFieldChange) error {
	i := d.find(c.DataField)
	if i < 0 {
		switch {
		case c.ID != "":
			return badExtension("Fields", "There is no field %q.", clip(c.ID))
		case d.Rows > 0 && (c.PrimaryKey || c.Required && c.Default == ""):
			return badExtension("Fields", "The data extension has rows: the new field %q can be neither part of the primary key nor required without a default value.", clip(c.Name))
		}
		d.Fields = append(d.Fields, c.DataField)
		d.number(len(d.Fields) - 1)
		return nil
	}
	f := d.Fields[i]
	switch {
	case c.Type != "" && c.Type != f.Type:
		return badExtension("Fields", "The type of the field %q cannot be changed.", f.Name)
	case c.HasKey && c.PrimaryKey != f.PrimaryKey && d.Rows > 0:
		return badExtension("Fields", "The data extension has rows: its primary key cannot be changed.")
	case c.HasLength && c.MaxLength != 0 && c.MaxLength < f.MaxLength:
		return badExtension("Fields", "The field %q cannot become shorter.", f.Name)
	case c.HasScale && c.Scale != f.Scale && d.Rows > 0:
		return badExtension("Fields", "The data extension has rows: the scale of the field %q cannot be changed.", f.Name)
	case c.HasRequired && c.Required && !f.Required && d.Rows > 0:
		return badExtension("Fields", "The data extension has rows: the field %q cannot become required.", f.Name)
	}
	if c.Rename != "" {
		if strings.EqualFold(d.SendField, f.Name) {
			d.SendField = c.Rename
		}
		f.Name = c.Rename
	}
	if c.HasLength && c.MaxLength != 0 {
		f.MaxLength = c.MaxLength
	}
	if c.HasScale {
		f.Scale = c.Scale
	}
	if c.HasKey {
		f.PrimaryKey = c.PrimaryKey
	}
	if c.HasRequired {
		f.Required = c.Required
	}
	if c.HasDefault {
		f.Default = c.Default
	}
	d.Fields[i] = f
	return nil
}

// Delete takes a data extension away with its rows.
func (s *DataExtensions) Delete(ctx context.Context, p Principal, ref ExtensionRef) (DataExtension, error) {
	if err := mayWrite(p, ScopeDataExtensionsWrite); err != nil {
		return DataExtension{}, err
	}
	d, err := s.Store.Extension(ctx, p.Tenant, p.MID, ref)
	if err != nil {
		return d, err
	}
	return d, s.Store.DeleteExtension(ctx, d, s.Now(p.Tenant))
}
