package org

import "github.com/twinspan/twinspan/internal/fault"

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
	found, err := tx.Find(o, s.Org, live(o, f, v), maxMatches)
	switch {
	case err != nil:
		return "", err
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
