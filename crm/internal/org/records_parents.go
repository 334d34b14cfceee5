package org

import (
	"slices"
	"strings"

	"github.com/twinspan/twinspan/internal/fault"
)

// ParentBy is how the parent that the reference f points at is found by another of its fields; its Value is left to the
// caller. object names the parent's object where f may point at several, and may be "" where it points at one. false: no
// such object, the field finds nothing there, or the caller may not set f.
func (s *Schema) ParentBy(f *Field, object, field string) (Parent, bool) {
	if f.Hidden || !f.Createable && !f.Updateable {
		return Parent{}, false
	}
	for _, name := range f.ReferenceTo {
		if object != "" && !strings.EqualFold(name, object) || object == "" && len(f.ReferenceTo) > 1 {
			continue
		}
		to := s.Named(name)
		if to == nil {
			continue
		}
		if by := to.Field(field); by != nil && by.IDLookup {
			return Parent{Reference: f.Name, Object: to.Name, Field: by.Name}, true
		}
	}
	return Parent{}, false
}

// nestedParents takes apart values in which an object stands where a relationship does: {"Account":{"Ext__c":"one"}} names
// the account whose field has the value. The caller's map stays as it is.
func (r *Records) nestedParents(s Session, o *Object, in map[string]any) (map[string]any, []Parent, error) {
	var names []string
	for name, v := range in {
		if _, is := v.(map[string]any); is && o.Field(name) == nil && o.Parent(name) != nil {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return in, nil, nil
	}
	slices.Sort(names) // so that the same request is refused with the same words
	rest := make(map[string]any, len(in))
	for name, v := range in {
		if !slices.Contains(names, name) {
			rest[name] = v
		}
	}
	parents := make([]Parent, len(names))
	for i, name := range names {
		f := o.Parent(name)
		for other := range rest {
			if strings.EqualFold(other, f.Name) {
				return nil, nil, fault.New(fault.Invalid, CodeInvalidField, "cannot specify both an external ID reference %s and a salesforce id, %s", clip(name), f.Name).In(f.Name)
			}
		}
		p, err := nestedParent(r.Schema(s), f, in[name].(map[string]any))
		if err != nil {
			return nil, nil, err
		}
		parents[i] = p
	}
	return rest, parents, nil
}

// nestedParent reads the object that stands for one parent: the field that finds it, and its attributes, whose type says
// which object is meant where the reference may point at several.
func nestedParent(schema *Schema, f *Field, given map[string]any) (Parent, error) {
	object, field := "", ""
	for name, v := range given {
		switch {
		case name == "attributes":
			attributes, _ := v.(map[string]any)
			object, _ = attributes["type"].(string)
		case field != "":
			return Parent{}, fault.New(fault.Invalid, CodeInvalidField, "More than 1 field provided in an external foreign key reference in entity: %s", clip(strings.Join(f.ReferenceTo, ", "))).In(f.Name)
		default:
			field = name
		}
	}
	p, ok := schema.ParentBy(f, object, field)
	if !ok {
		return Parent{}, fault.New(fault.Invalid, CodeInvalidField, "Field name provided, %s does not match an External ID, Salesforce Id, or indexed field for %s",
			clip(field), clip(strings.Join(f.ReferenceTo, ", "))).In(f.Name)
	}
	if p.Value = ValueText(given[field]); p.Value == "" {
		return Parent{}, fault.New(fault.Invalid, CodeMissingArgument, "%s not specified", p.Field).In(f.Name)
	}
	return p, nil
}

// withParents is a change whose parents are looked for when it is made.
func (r *Records) withParents(s Session, op Op) (step, error) {
	o, err := r.Object(s, op.Object)
	if err != nil {
		return step{}, err
	}
	return step{o, func(tx RecordTx) (Outcome, error) {
		found := op
		found.Parents, found.Values = nil, make(map[string]any, len(op.Values)+len(op.Parents))
		for name, v := range op.Values {
			found.Values[name] = v
		}
		for _, p := range op.Parents {
			id, err := r.parent(tx, s, p)
			if err != nil {
				return Outcome{}, err
			}
			found.Values[p.Reference] = string(id)
		}
		st, err := r.step(s, found)
		if err != nil {
			return Outcome{}, err
		}
		return st.run(tx)
	}}, nil
}

// parent finds the one record that a row calls its parent.
func (r *Records) parent(tx RecordTx, s Session, p Parent) (ID, error) {
	o, err := r.Object(s, p.Object)
	if err != nil {
		return "", err
	}
	f, v, err := lookup(o, p.Field, p.Value)
	if err != nil {
		return "", err
	}
	matches, err := tx.Find(o, s.Org, live(o, f, v), maxMatches)
	if err != nil {
		return "", err
	}
	var found []Values // that the caller sees
	c := r.change(tx, s, o, "", nil)
	for _, m := range matches {
		hidden, err := c.hidden(c.object, m)
		if err != nil {
			return "", err
		}
		if !hidden {
			found = append(found, m)
		}
	}
	switch {
	case len(found) == 0:
		return "", fault.New(fault.Invalid, CodeInvalidField, "Foreign key external ID: %s not found for field %s in entity %s", clip(p.Value), f.Name, o.Name)
	case len(found) > 1:
		ids := make([]ID, len(found))
		for i, v := range found {
			ids[i] = v.ID("Id")
		}
		return "", severalMatch(f, ids)
	}
	return found[0].ID("Id"), nil
}

// hardDeleting deletes a record for good, and what hangs on it.
func (r *Records) hardDeleting(s Session, object, id string) (step, error) {
	st, err := r.deleting(s, object, id)
	if err != nil {
		return step{}, err
	}
	o, key := st.object, ID("")
	if key, err = ParseID(id); err != nil {
		return step{}, err
	}
	return step{o, func(tx RecordTx) (Outcome, error) {
		c := r.change(tx, s, o, key, nil)
		c.hard = true
		return Outcome{ID: key}, c.delete()
	}}, nil
}
