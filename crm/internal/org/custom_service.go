package org

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
)

// CustomChange is one change of an org's customization: of an object, or of a field.
type CustomChange struct {
	// Action: ActionUpsert makes what is not there and changes what is.
	Action Action
	Object *CustomObject // this one or Field; to delete, its Name is enough
	Field  *CustomField  // to delete, its Object and Name are enough
}

// CustomStore keeps customizations.
type CustomStore interface {
	// Customization reads an org's; nil where it has none.
	Customization(ctx context.Context, org ID) (*Customization, error)
	// ChangeCustomization runs fn in one transaction, in which nobody else changes the org's customization; fn may run
	// twice.
	ChangeCustomization(ctx context.Context, org ID, fn func(CustomTx) error) error
}

// CustomTx is a CustomStore inside one transaction.
type CustomTx interface {
	// Try is RecordTx's.
	Try(fn func() error) error
	// Records is the same transaction.
	Records() RecordTx
	// Customization is the org's as the transaction has left it; it is never nil.
	Customization() (*Customization, error)
	// PutObject and PutField keep a definition, new or changed, by its id.
	PutObject(o CustomObject, by ID, at time.Time) error
	PutField(f CustomField, by ID, at time.Time) error
	// RemoveObject and RemoveField remove a definition with all values of it.
	RemoveObject(o CustomObject) error
	RemoveField(f CustomField) error
	// PutSharing keeps the sharing model of a standard object.
	PutSharing(object, model string) error
	// UsedFlex are the columns that fields of the object have, or had while their values are not cleared yet.
	UsedFlex(object string) (map[string]bool, error)
	// UsedPrefixes are the key prefixes of objects that are gone while the values of their fields are not cleared yet.
	UsedPrefixes() ([]string, error)
	// HasValues reports whether any record of the object, whose ids have the prefix, has a value in the column.
	HasValues(prefix, flex string) (bool, error)
}

// Customizer adds objects and fields to orgs, changes and removes them. The Tooling and Metadata APIs and fixtures use it
// alike.
type Customizer struct {
	Store   CustomStore
	Clock   *clock.Domain
	Changes Changes
}

// Read is the org's customization; it is never nil.
func (z *Customizer) Read(ctx context.Context, s Session) (*Customization, error) {
	c, err := z.Store.Customization(ctx, s.Org)
	if err == nil && c == nil {
		c = &Customization{}
	}
	return c, err
}

// Apply makes changes in one transaction and in their order, so that a field may follow its object, and tells each one's
// refusal, nil where it is made. With allOrNone none is made unless all are; those that were good are CodeRolledBack. The
// error is of the whole.
func (z *Customizer) Apply(ctx context.Context, s Session, changes []CustomChange, allOrNone bool) ([]error, error) {
	if !(Need{{PermCustomizeApplication}}).MetBy(s.Permissions) {
		return nil, insufficientAccess("")
	}
	if len(changes) > maxCustomChanges {
		return nil, fault.New(fault.TooLarge, CodeCustomLimit, "at most %d objects and fields can be changed at once", maxCustomChanges)
	}
	var refused []error
	at := z.Clock.Now(string(s.Org))
	write := func(tx CustomTx) error {
		refused = make([]error, len(changes))
		failed := false
		for i, c := range changes {
			err := tx.Try(func() error { return (&customizing{tx: tx, session: s, at: at}).apply(c) })
			if unexpected(err) || errors.Is(err, ErrTaken) {
				return err
			}
			refused[i], failed = err, failed || err != nil
		}
		if failed && allOrNone {
			return ErrRolledBack
		}
		return s.undone()
	}
	err := z.Store.ChangeCustomization(ctx, s.Org, write)
	if errors.Is(err, ErrTaken) { // a column or a prefix that another change took at the same moment
		err = z.Store.ChangeCustomization(ctx, s.Org, write)
	}
	switch {
	case errors.Is(err, ErrRolledBack):
		for i := range refused {
			if refused[i] == nil {
				refused[i] = ErrRolledBack
			}
		}
		return refused, nil
	case errors.Is(err, ErrDryRun):
		return refused, nil
	case err != nil:
		return nil, err
	}
	z.Changes.SetupChanged(s.Org)
	return refused, nil
}

// maxCustomChanges bounds one Apply: a project's objects come in one piece.
const maxCustomChanges = 5000

// customizing is one change under way.
type customizing struct {
	tx      CustomTx
	session Session
	at      time.Time
	now     *Customization
}

func (z *customizing) apply(c CustomChange) (err error) {
	if z.now, err = z.tx.Customization(); err != nil {
		return err
	}
	switch {
	case c.Object != nil && c.Action == ActionDelete:
		return z.removeObject(c.Object.Name)
	case c.Object != nil:
		return z.putObject(*c.Object, c.Action)
	case c.Field != nil && c.Action == ActionDelete:
		return z.removeField(*c.Field)
	case c.Field != nil:
		return z.putField(*c.Field, c.Action)
	}
	return errors.New("a custom change of nothing")
}

func (z *customizing) audit(verb, what, name string) error {
	return Audit(z.tx.Records(), z.session, z.at, strings.ToLower(verb)+strings.ReplaceAll(what, " ", ""), "Custom Objects", verb+" "+what+" "+name)
}

// schema is the org's schema as it is now.
func (z *customizing) schema() *Schema { return z.now.Schema(z.session.Package, false) }

// putSharing sets the sharing model of a standard object, all that can be changed of one.
func (z *customizing) putSharing(o *Object, given CustomObject, action Action) error {
	if action == ActionCreate {
		return customTaken("The object name %s is already in use", o.Name)
	}
	switch given.Sharing {
	case SharingPrivate, SharingRead, SharingReadWrite:
	default:
		return badCustom("CustomObject %s: its sharing model is Private, Read or ReadWrite here", o.Name)
	}
	if err := z.tx.PutSharing(o.Name, given.Sharing); err != nil {
		return err
	}
	return z.audit("Changed", "sharing model of", o.Name+" to "+given.Sharing)
}

func (z *customizing) putObject(o CustomObject, action Action) error {
	if standard := z.schema().byName[Fold(o.Name)]; standard != nil && !standard.Own && standard.Permissionable() {
		return z.putSharing(standard, o, action)
	}
	old, exists := z.now.Object(o.Name)
	if err := allowed(action, exists, "CustomObject", o.Name, ""); err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return err
	}
	if exists {
		if (old.AutoNumber == "") != (o.AutoNumber == "") {
			return badCustom("CustomObject %s: the type of the name field cannot be changed", o.Name)
		}
		o.ID, o.Name, o.KeyPrefix = old.ID, old.Name, old.KeyPrefix
		if err := z.tx.PutObject(o, z.session.User, z.at); err != nil {
			return err
		}
		return z.audit("Changed", "custom object", o.Name)
	}
	if z.schema().byName[Fold(o.Name)] != nil {
		return customTaken("The object name %s is already in use", o.Name)
	}
	if len(z.now.Objects) >= MaxCustomObjects {
		return fault.New(fault.Invalid, CodeCustomLimit, "This org has %d custom objects, which is as many as it may have", MaxCustomObjects)
	}
	prefix, err := z.freePrefix()
	if err != nil {
		return err
	}
	o.ID, o.KeyPrefix = NewID(PrefixCustomObject), prefix
	if err := z.tx.PutObject(o, z.session.User, z.at); err != nil {
		return err
	}
	return z.audit("Created", "custom object", o.Name)
}

// freePrefix is the next key prefix of those that begin with "a", the first few of which are the package's. That of a
// removed object stays its until nothing is left to clear: what clears its values finds them by the prefix.
func (z *customizing) freePrefix() (string, error) {
	used := map[string]bool{}
	gone, err := z.tx.UsedPrefixes()
	if err != nil {
		return "", err
	}
	for _, p := range gone {
		used[p] = true
	}
	for _, o := range WholeSchema().Objects {
		used[o.KeyPrefix] = true
	}
	for _, o := range z.now.Objects {
		used[o.KeyPrefix] = true
	}
	for n := 0; ; n++ {
		if p := "a" + string(base62[n/62%62]) + string(base62[n%62]); !used[p] {
			return p, nil
		}
	}
}

func (z *customizing) removeObject(name string) error {
	o, exists := z.now.Object(name)
	if !exists {
		return noSuchCustom("CustomObject", name)
	}
	for _, f := range z.now.Fields {
		if strings.EqualFold(f.ReferenceTo, o.Name) && !strings.EqualFold(f.Object, o.Name) {
			return fault.New(fault.Invalid, CodeInUse, "This custom object is referenced by the field %s.%s. Remove the usage and try again.", f.Object, f.Name)
		}
	}
	for _, f := range z.now.FieldsOf(o.Name) {
		if err := z.tx.RemoveField(f); err != nil {
			return err
		}
	}
	if err := z.tx.RemoveObject(o); err != nil {
		return err
	}
	for _, rows := range []string{ObjectObjectPermissions, ObjectFieldPermissions} {
		if _, err := z.tx.Records().Remove(z.schema().must(rows), z.session.Org, Values{"SobjectType": o.Name}); err != nil {
			return err
		}
	}
	return z.audit("Deleted", "custom object", o.Name)
}

func (z *customizing) putField(f CustomField, action Action) error {
	full := f.Object + "." + f.Name
	old, exists := z.now.Field(f.Object, f.Name)
	if err := allowed(action, exists, "CustomField", full, f.Object); err != nil {
		return err
	}
	schema := z.schema()
	o := schema.byName[Fold(f.Object)]
	if o == nil || !o.Extensible {
		return fault.New(fault.NotFound, CodeInvalidType, "Entity Enumeration Or ID: bad value for restricted picklist field: %s", clip(f.Object)).In("TableEnumOrId")
	}
	f.Object = o.Name
	if err := f.check(schema); err != nil {
		return err
	}
	if exists {
		f.ID, f.Name, f.Flex, f.KeyPrefix = old.ID, old.Name, old.Flex, o.KeyPrefix
		if err := z.mayBecome(o, old, f); err != nil {
			return err
		}
		if err := z.tx.PutField(f, z.session.User, z.at); err != nil {
			return err
		}
		return z.audit("Changed", "custom field", full)
	}
	if o.byName[Fold(f.Name)] != nil {
		return customTaken("There is already a field named %s on %s.", strings.TrimSuffix(f.Name, "__c"), o.Label)
	}
	if err := z.checkRelationship(schema, f); err != nil {
		return err
	}
	var err error
	if f.KeyPrefix = o.KeyPrefix; f.ID == "" {
		f.ID = NewID(PrefixCustomField)
	}
	if f.Flex, err = z.freeFlex(o, f.Type); err != nil {
		return err
	}
	if err := z.tx.PutField(f, z.session.User, z.at); err != nil {
		return err
	}
	return z.audit("Created", "custom field", full)
}

// checkRelationship: children of one object go by different names, and a new master needs an object without records.
func (z *customizing) checkRelationship(schema *Schema, f CustomField) error {
	if f.ReferenceTo == "" {
		return nil
	}
	if f.RelationshipName != "" {
		for _, c := range schema.Objects {
			for _, other := range c.Fields {
				if strings.EqualFold(other.ChildName, f.RelationshipName+"__r") && len(other.ReferenceTo) > 0 && strings.EqualFold(other.ReferenceTo[0], f.ReferenceTo) {
					return customTaken("There is already a Child Relationship named %s on %s.", f.RelationshipName, f.ReferenceTo)
				}
			}
		}
	}
	if f.Type != CustomMasterDetail {
		return nil
	}
	o := schema.byName[Fold(f.Object)]
	n, err := z.tx.Records().Find(o, z.session.Org, Values{}, 1)
	if err == nil && len(n) > 0 {
		err = badCustom("CustomField %s.%s: a master-detail relationship needs an object without records. Create a lookup relationship instead", f.Object, f.Name)
	}
	return err
}

// mayBecome refuses changes of a definition that would need every value to be looked at.
func (z *customizing) mayBecome(o *Object, old, f CustomField) error {
	switch {
	case f.Type != old.Type:
		return badCustom("CustomField %s.%s: its type %s cannot be changed to %s", f.Object, f.Name, old.Type, f.Type)
	case f.Length < old.Length, f.Precision-f.Scale < old.Precision-old.Scale, f.Scale < old.Scale:
		return badCustom("CustomField %s.%s: it cannot become shorter", f.Object, f.Name)
	case !strings.EqualFold(f.ReferenceTo, old.ReferenceTo):
		return badCustom("CustomField %s.%s: it cannot be made to point at %s", f.Object, f.Name, f.ReferenceTo)
	case f.Unique == old.Unique && f.ExternalID == old.ExternalID && f.CaseSensitive == old.CaseSensitive:
		return nil
	}
	has, err := z.tx.HasValues(o.KeyPrefix, old.Flex)
	if err == nil && has {
		err = badCustom("CustomField %s.%s: unique and external id can be changed only while no record has a value", f.Object, f.Name)
	}
	return err
}

// freeFlex finds a flex column for a new field.
func (z *customizing) freeFlex(o *Object, t CustomType) (string, error) {
	kind, n := t.flex()
	used, err := z.tx.UsedFlex(o.Name)
	if err != nil {
		return "", err
	}
	for i := 1; i <= n; i++ {
		if column := flexColumn(kind, i); !used[column] {
			return column, nil
		}
	}
	return "", fault.New(fault.Invalid, CodeCustomLimit, "%s has no room for another field of type %s: it may have %d fields of this kind", o.Name, t, n)
}

func (z *customizing) removeField(given CustomField) error {
	f, exists := z.now.Field(given.Object, given.Name)
	if !exists {
		return noSuchCustom("CustomField", given.Object+"."+given.Name)
	}
	if err := z.tx.RemoveField(f); err != nil {
		return err
	}
	if _, err := z.tx.Records().Remove(z.schema().must(ObjectFieldPermissions), z.session.Org, Values{"Field": f.Object + "." + f.Name}); err != nil {
		return err
	}
	return z.audit("Deleted", "custom field", f.Object+"."+f.Name)
}
