package org

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/internal/fault"
)

// Codes of look-ups by another field than the id.
const (
	// CodeMultipleMatches: a value that several records have, where one is asked for (300 in crm-wire 3.3).
	CodeMultipleMatches fault.Code = "multiple_matches"
	// CodeNoExternalID: a field that is no external id, or that the caller may not see.
	CodeNoExternalID fault.Code = "no_external_id"
)

// maxMatches is how many records are named where a value finds several.
const maxMatches = 10

// Upsert updates the record whose field has the value, or makes one that has it (crm-wire 3.5). The field is an external
// id, one that describe calls idLookup, or Id, by which nothing is ever made. Several records are a fault with
// CodeMultipleMatches, and the outcome names them.
func (r *Records) Upsert(ctx context.Context, s Session, object, field, value string, in map[string]any) (Outcome, error) {
	st, err := r.upserting(s, Op{Object: object, Field: field, Value: value, Values: in})
	if err != nil {
		return Outcome{}, err
	}
	return r.make(ctx, s, st)
}

// UpdateBy is Upsert that makes nothing: a value that no record has is a fault with CodeNotFound.
func (r *Records) UpdateBy(ctx context.Context, s Session, object, field, value string, in map[string]any) (Outcome, error) {
	st, err := r.upserting(s, Op{Object: object, Field: field, Value: value, Values: in, UpdateOnly: true})
	if err != nil {
		return Outcome{}, err
	}
	return r.make(ctx, s, st)
}

// ValueText is a JSON value as a path would have it; "" where it is none that a path can have.
func ValueText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// ReadBy reads the record whose field, as in Upsert, has the value. Several are a fault with CodeMultipleMatches, and the
// ids name them.
func (r *Records) ReadBy(ctx context.Context, s Session, object, field, value string, names []string) (Record, []ID, error) {
	o, err := r.Object(s, object)
	if err != nil {
		return Record{}, nil, err
	}
	f, v, err := lookup(o, field, value)
	if err != nil {
		return Record{}, nil, err
	}
	match := live(o, f, v)
	if o.OwnOnly && o.Master == "" { // others are as if they were not there
		match["OwnerId"] = string(s.User)
	}
	ids, err := r.Store.Lookup(ctx, o, s.Org, match, maxMatches)
	switch {
	case err != nil:
		return Record{}, nil, err
	case len(ids) == 0:
		return Record{}, nil, noSuchRecord()
	case len(ids) > 1:
		return Record{}, ids, severalMatch(f, ids)
	}
	rec, err := r.Read(ctx, s, object, string(ids[0]), names)
	return rec, nil, err
}

func (r *Records) upserting(s Session, op Op) (step, error) {
	o, err := r.Object(s, op.Object)
	if err != nil {
		return step{}, err
	}
	f, v, err := lookup(o, op.Field, op.Value)
	if err != nil {
		return step{}, err
	}
	if f.Type == TypeID {
		return r.updating(s, op.Object, op.Value, op.Values)
	}
	in := map[string]any{}
	for name, x := range op.Values {
		if !strings.EqualFold(name, f.Name) {
			in[name] = x
			continue
		}
		if same, err := f.Accept(x); err != nil || same != v {
			return step{}, fault.New(fault.Invalid, CodeInvalidField, "The value of %s in the request body differs from the one in the address", f.Name).In(f.Name)
		}
	}
	u := upsert{records: r, session: s, object: o, field: f, value: v, given: op.Value, in: in, updateOnly: op.UpdateOnly}
	return step{o, u.apply}, nil
}

// upsert is an upsert whose field and value are understood.
type upsert struct {
	records *Records
	session Session
	object  *Object
	field   *Field
	value   any
	given   string // the value as the caller wrote it
	in      map[string]any
	// updateOnly: see Op.
	updateOnly bool
}

func (u upsert) apply(tx RecordTx) (Outcome, error) {
	out, err := u.once(tx)
	switch fault.CodeOf(err) {
	case CodeDuplicateValue, CodeDuplicateUsername, CodeDuplicateNickname:
		// Perhaps another transaction made the record since this one looked for it.
		if again, err := u.find(tx); err != nil || len(again) > 0 {
			return u.once(tx)
		}
	}
	return out, err
}

func (u upsert) find(tx RecordTx) ([]Values, error) {
	return tx.Find(u.object, u.session.Org, live(u.object, u.field, u.value), maxMatches)
}

func (u upsert) once(tx RecordTx) (Outcome, error) {
	r, s, o := u.records, u.session, u.object
	found, err := u.find(tx)
	if err != nil {
		return Outcome{}, err
	}
	switch len(found) {
	case 0:
		if u.updateOnly {
			return Outcome{}, noSuchRecord()
		}
		in := u.in
		if u.field.Createable {
			in = withValue(in, u.field.Name, u.given)
		}
		st, err := r.creating(s, o.Name, in)
		if err != nil {
			return Outcome{}, err
		}
		return st.run(tx)
	case 1:
		st, err := r.updating(s, o.Name, found[0].Text("Id"), u.in)
		if err != nil {
			return Outcome{}, err
		}
		return st.run(tx)
	}
	ids := make([]ID, len(found))
	for i, v := range found {
		ids[i] = v.ID("Id")
	}
	return Outcome{Matches: ids}, severalMatch(u.field, ids)
}

// lookup finds the field by which a caller names a record, and the value that he means.
func lookup(o *Object, field, value string) (*Field, any, error) {
	f := o.Field(field)
	if f == nil || !f.IDLookup {
		return nil, nil, fault.New(fault.NotFound, CodeNoExternalID, "Provided external ID field does not exist or is not accessible: %s", clip(field))
	}
	v, err := f.Accept(value)
	if err == nil && v == nil {
		err = fault.New(fault.Invalid, CodeMissingArgument, "%s not specified", f.Name).In(f.Name)
	}
	return f, v, err
}

// live matches the records with the value that are not in the recycle bin.
func live(o *Object, f *Field, value any) Values {
	match := Values{f.Name: value}
	if o.SoftDelete {
		match["IsDeleted"] = false
	}
	return match
}

func severalMatch(f *Field, ids []ID) error {
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = string(id)
	}
	slices.Sort(list)
	return fault.New(fault.Conflict, CodeMultipleMatches, "%s: more than one record found for external id field: [%s]", f.Name, strings.Join(list, ", ")).In(f.Name)
}

func withValue(in map[string]any, name string, value any) map[string]any {
	out := make(map[string]any, len(in)+1)
	for k, v := range in {
		out[k] = v
	}
	out[name] = value
	return out
}
