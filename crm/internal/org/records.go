package org

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
)

// Records creates, reads, changes and deletes records as the schema says and the caller's permissions allow. Every
// data API of the org goes through it.
type Records struct {
	Store   RecordStore
	Clock   *clock.Domain
	Changes Changes
	// CheckQuery refuses a report whose query the caller could not ask; nil refuses none.
	CheckQuery func(s Session, query string) error
	// Invite queues, in the transaction that creates it, what a new user or the owner of a new organization-wide address is
	// mailed: the link to his first password, or to verify it. row is the record as it was written. nil mails nothing.
	Invite func(tx RecordTx, s Session, object string, row Values) error
}

// Schema is as much of the schema of the caller's org as he may see, as the API that he uses shows it.
func (r *Records) Schema(s Session) *Schema { return s.Seen() }

// Record is one record that was read.
type Record struct {
	Object *Object
	ID     ID
	Fields []*Field // what was read, in the caller's order
	Values Values
}

// Create adds a record with the caller's values by field name and returns its id.
func (r *Records) Create(ctx context.Context, s Session, object string, in map[string]any) (ID, error) {
	st, err := r.creating(s, object, in)
	if err != nil {
		return "", err
	}
	out, err := r.make(ctx, s, st)
	return out.ID, err
}

// step is a change of one record that the caller may make.
type step struct {
	object *Object
	run    func(RecordTx) (Outcome, error)
}

func (r *Records) creating(s Session, object string, in map[string]any) (step, error) {
	o, err := r.Object(s, object)
	if err != nil {
		return step{}, err
	}
	if !o.Createable {
		return step{}, fault.New(fault.Invalid, CodeNotForOperation, "entity type cannot be inserted: %s", o.Label)
	}
	if !o.Create.MetBy(s.Permissions) {
		return step{}, lacking(o, o.Create, s.Permissions, "")
	}
	in, parents, err := r.nestedParents(s, o, in)
	switch {
	case err != nil:
		return step{}, err
	case len(parents) > 0:
		return r.withParents(s, Op{Action: ActionCreate, Object: object, Values: in, Parents: parents})
	}
	values, err := accept(o, in, true)
	if err != nil {
		return step{}, err
	}
	id := NewID(o.KeyPrefix)
	return step{o, func(tx RecordTx) (Outcome, error) {
		return Outcome{ID: id, Created: true}, r.change(tx, s, o, id, values).create()
	}}, nil
}

// make makes one change in a transaction of its own. Where it fails the outcome still names the record meant.
func (r *Records) make(ctx context.Context, s Session, st step) (out Outcome, err error) {
	err = r.write(ctx, s, st.object, func(tx RecordTx) (err error) {
		out, err = st.run(tx)
		return err
	})
	return out, err
}

// CreateIn is Create inside a transaction of the caller's, under an id of the caller's. It checks values and rules, not
// permissions nor whether a licence has a seat for a user, and tells nobody: the caller does, after the commit.
func (r *Records) CreateIn(tx RecordTx, s Session, object string, id ID, in map[string]any) error {
	o := s.Schema().must(object)
	values, err := accept(o, in, true)
	if err != nil {
		return err
	}
	c := r.change(tx, s, o, id, values)
	c.unaudited = true
	return c.create()
}

// change begins a change; the values are copied, because a transaction may run twice.
func (r *Records) change(tx RecordTx, s Session, o *Object, id ID, values Values) *change {
	c := &change{
		tx: tx, session: s, schema: s.Schema(), id: id, values: Values{}, checkQuery: r.CheckQuery, invite: r.Invite,
		at: r.Clock.Now(string(s.Org)), machine: r.Clock.Machine(),
	}
	c.object = c.schema.must(o.Name) // all of it, whatever the caller sees
	for k, v := range values {
		c.values[k] = v
	}
	return c
}

// Read reads one record. No field names mean all fields.
func (r *Records) Read(ctx context.Context, s Session, object, id string, names []string) (Record, error) {
	o, key, err := r.record(s, object, id)
	if err != nil {
		return Record{}, err
	}
	rec := Record{Object: o, ID: key}
	if len(names) == 0 {
		for _, f := range o.Fields {
			if !f.Hidden {
				rec.Fields = append(rec.Fields, f)
			}
		}
	}
	for _, n := range names {
		f := o.Field(n)
		if f == nil {
			return Record{}, noSuchColumn(o, n)
		}
		if !slices.Contains(rec.Fields, f) {
			rec.Fields = append(rec.Fields, f)
		}
	}
	read := slices.Clone(rec.Fields)
	need := func(name string) {
		if f := o.Stored(name); !slices.Contains(read, f) {
			read = append(read, f)
		}
	}
	if o.SoftDelete {
		need("IsDeleted")
	}
	if o.OwnOnly {
		need(o.ownerPath())
	}
	if o.Person != "" {
		need(o.Person)
	}
	if rec.Values, err = r.Store.Read(ctx, o, s.Org, key, read); err != nil {
		return Record{}, err
	}
	if rec.Values.Flag("IsDeleted") {
		return Record{}, entityDeleted()
	}
	if o.HidesOthers(s.Permissions) && rec.Values.ID(o.Person) != s.User {
		return Record{}, noSuchRecord()
	}
	if _, ok := rec.Values[FieldIsCurrent]; ok {
		rec.Values[FieldIsCurrent] = s.IsCurrent(key)
	}
	if o.OwnOnly {
		owner, err := r.ownerOf(ctx, s, o, rec.Values)
		if err != nil {
			return Record{}, err
		}
		if owner != s.User {
			return Record{}, noSuchRecord()
		}
	}
	return rec, nil
}

// Update changes the given values of a record.
func (r *Records) Update(ctx context.Context, s Session, object, id string, in map[string]any) error {
	st, err := r.updating(s, object, id, in)
	if err == nil {
		_, err = r.make(ctx, s, st)
	}
	return err
}

func (r *Records) updating(s Session, object, id string, in map[string]any) (step, error) {
	o, key, err := r.record(s, object, id)
	if err != nil {
		return step{}, err
	}
	if !o.Updateable {
		return step{}, fault.New(fault.Invalid, CodeNotForOperation, "entity type cannot be updated: %s", o.Label)
	}
	if !o.Update.MetBy(s.Permissions) {
		return step{}, lacking(o, o.Update, s.Permissions, key)
	}
	in, parents, err := r.nestedParents(s, o, in)
	switch {
	case err != nil:
		return step{}, err
	case len(parents) > 0:
		return r.withParents(s, Op{Action: ActionUpdate, Object: object, ID: id, Values: in, Parents: parents})
	}
	values, err := accept(o, in, false)
	if err != nil {
		return step{}, err
	}
	return step{o, func(tx RecordTx) (Outcome, error) {
		return Outcome{ID: key}, r.change(tx, s, o, key, values).update()
	}}, nil
}

// Delete deletes a record: for good, or into the recycle bin where the object has one.
func (r *Records) Delete(ctx context.Context, s Session, object, id string) error {
	st, err := r.deleting(s, object, id)
	if err == nil {
		_, err = r.make(ctx, s, st)
	}
	return err
}

func (r *Records) deleting(s Session, object, id string) (step, error) {
	o, key, err := r.record(s, object, id)
	if err != nil {
		return step{}, err
	}
	if !o.Deletable {
		return step{}, fault.New(fault.Invalid, CodeNotForOperation, "entity type cannot be deleted: %s", o.Label)
	}
	if !o.Delete.MetBy(s.Permissions) {
		return step{}, lacking(o, o.Delete, s.Permissions, key)
	}
	return step{o, func(tx RecordTx) (Outcome, error) {
		return Outcome{ID: key}, r.change(tx, s, o, key, nil).delete()
	}}, nil
}

// Object finds an object that the session's user may see. One that he may not see is not there, but for a package's,
// whose refusal says what he lacks.
func (r *Records) Object(s Session, name string) (*Object, error) {
	if o := s.Seen().Object(name, s.Permissions); o != nil {
		return o, nil
	}
	if o := s.Schema().byName[Fold(name)]; o != nil && o.Custom && !o.Own { // no secret: the package's objects are public knowledge
		return nil, lacking(o, o.View, s.Permissions, "")
	}
	return nil, fault.New(fault.NotFound, CodeInvalidType, "The requested resource does not exist")
}

func (r *Records) record(s Session, object, id string) (*Object, ID, error) {
	o, err := r.Object(s, object)
	if err != nil {
		return nil, "", err
	}
	key, err := ParseID(id)
	if err != nil {
		return nil, "", err
	}
	if key.Prefix() != o.KeyPrefix {
		return nil, "", noSuchRecord()
	}
	return o, key, nil
}

// write runs fn in a transaction and tells caches of setup that changed. Where another transaction took a unique value
// between fn's check and its write, fn runs once more, to say in words who holds the value.
func (r *Records) write(ctx context.Context, s Session, o *Object, fn func(RecordTx) error) error {
	err := r.Store.Write(ctx, fn)
	if errors.Is(err, ErrTaken) {
		err = r.Store.Write(ctx, fn)
	}
	if err != nil {
		return err
	}
	if o.Setup && r.Changes != nil {
		r.Changes.SetupChanged(s.Org)
	}
	return nil
}

// accept checks the caller's values against the schema.
func accept(o *Object, in map[string]any, creating bool) (Values, error) {
	names := make([]string, 0, len(in))
	for n := range in {
		names = append(names, n)
	}
	slices.Sort(names) // so that the same request is refused with the same words
	var unknown string
	var fixed []string
	out := Values{}
	for _, n := range names {
		f := o.Field(n)
		switch {
		case f == nil:
			if unknown == "" {
				unknown = n
			}
		case creating && !f.Createable, !creating && !f.Updateable:
			fixed = append(fixed, f.Name)
		}
	}
	if unknown != "" {
		return nil, noSuchColumn(o, unknown)
	}
	if len(fixed) > 0 {
		return nil, notWriteable(fixed)
	}
	for _, n := range names {
		f := o.Field(n)
		if _, twice := out[f.Name]; twice {
			return nil, fault.New(fault.Invalid, CodeInvalidField, "Duplicate field specified: %s", f.Name).In(f.Name)
		}
		v, err := f.Accept(in[n])
		if err != nil {
			return nil, err
		}
		if v == nil && f.Type == TypeBoolean {
			v = false
		}
		out[f.Name] = v
	}
	return out, nil
}

func noSuchColumn(o *Object, name string) error {
	return fault.New(fault.Invalid, CodeInvalidField, "No such column '%s' on sobject of type %s", clip(name), o.Name)
}

func notWriteable(names []string) error {
	return fault.New(fault.Invalid, CodeFieldNotWriteable,
		"Unable to create/update fields: %s. Please check the security settings of this field and verify that it is read/write for your profile or permission set.",
		strings.Join(names, ", ")).In(strings.Join(names, ","))
}

func noSuchRecord() error {
	return fault.New(fault.NotFound, CodeNotFound, "The requested resource does not exist")
}

func entityDeleted() error {
	return fault.New(fault.NotFound, CodeEntityDeleted, "entity is deleted")
}

func insufficientAccess(id ID) error {
	if id == "" {
		return fault.New(fault.Denied, CodeInsufficientAccess, "insufficient access rights on object id")
	}
	return fault.New(fault.Denied, CodeInsufficientAccess, "insufficient access rights on object id: %s", id)
}
