package org

import (
	"context"
	"errors"

	"github.com/twinspan/twinspan/internal/fault"
)

// Action is what an [Op] does.
type Action uint8

// The actions.
const (
	ActionCreate Action = iota
	ActionUpdate
	ActionDelete
	ActionUpsert     // see Records.Upsert
	ActionHardDelete // for good, past the recycle bin (crm-wire 4.1)
)

// Parent names, in place of its id, the parent that a reference field shall have: by another field that finds it.
type Parent struct {
	Reference string // field of the record: "AccountId"
	Object    string // of the parent
	Field     string // of the parent, as in Records.Upsert
	Value     string
}

// Op is one change of a batch.
type Op struct {
	Action     Action
	Object     string         // API name
	ID         string         // of the record to change or delete
	Field      string         // of ActionUpsert: the field that finds the record
	Value      string         // and its value
	Values     map[string]any // by field name; none where Err or ActionDelete
	UpdateOnly bool           // ActionUpsert makes no record
	// Parents are looked for in the transaction, so that a batch may make what its later changes point at.
	Parents []Parent
	// Err refuses the change before it is tried: its sender could not make sense of it.
	Err error
}

// Outcome is what became of an [Op].
type Outcome struct {
	ID      ID // of the record; "" where Err
	Created bool
	Matches []ID  // with CodeMultipleMatches, the records that an upsert found, at most ten
	Err     error // a fault for the caller to see; nil where the change is made
}

// CodeRolledBack: a change that was good and is undone because another of its batch was not.
const CodeRolledBack fault.Code = "rolled_back"

// ErrRolledBack is what a good change of a batch of all or none gets where another was refused.
var ErrRolledBack = fault.New(fault.Invalid, CodeRolledBack,
	"Record rolled back because not all records were valid and the request was using AllOrNone header")

// Batch makes changes, at most some 200, in one transaction and in their order, and tells what became of each. One that
// is refused leaves nothing behind; with allOrNone none of the others does either. An error means that nothing is made.
func (r *Records) Batch(ctx context.Context, s Session, ops []Op, allOrNone bool) ([]Outcome, error) {
	steps, refused := make([]step, len(ops)), make([]error, len(ops))
	for i, op := range ops {
		if refused[i] = op.Err; refused[i] == nil {
			steps[i], refused[i] = r.step(s, op)
		}
		if unexpected(refused[i]) {
			return nil, refused[i]
		}
	}
	var out []Outcome
	err := r.Store.Write(ctx, func(tx RecordTx) error {
		out = make([]Outcome, len(ops))
		failed := false
		for i, st := range steps {
			err := refused[i]
			if err == nil {
				out[i], err = tryStep(tx, st)
			}
			if unexpected(err) {
				return err
			}
			if err != nil {
				out[i], failed = Outcome{Matches: out[i].Matches, Err: err}, true
			}
		}
		if failed && allOrNone {
			return ErrRolledBack
		}
		return nil
	})
	if errors.Is(err, ErrRolledBack) {
		for i := range out {
			if out[i].Err == nil {
				out[i] = Outcome{Err: ErrRolledBack}
			}
		}
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	r.tell(s, steps, out)
	return out, nil
}

func (r *Records) step(s Session, op Op) (step, error) {
	if len(op.Parents) > 0 {
		return r.withParents(s, op)
	}
	switch op.Action {
	case ActionHardDelete:
		return r.hardDeleting(s, op.Object, op.ID)
	case ActionCreate:
		return r.creating(s, op.Object, op.Values)
	case ActionUpdate:
		return r.updating(s, op.Object, op.ID, op.Values)
	case ActionUpsert:
		return r.upserting(s, op)
	}
	return r.deleting(s, op.Object, op.ID)
}

// tryStep makes one change; where another transaction took a unique value between the check and the write, once more, to
// say in words who holds the value.
func tryStep(tx RecordTx, st step) (out Outcome, err error) {
	try := func() (err error) {
		out, err = st.run(tx)
		return err
	}
	err = tx.Try(try)
	if errors.Is(err, ErrTaken) {
		err = tx.Try(try)
	}
	return out, err
}

// tell tells others, once, what the changes that were made mean to them.
func (r *Records) tell(s Session, steps []step, out []Outcome) {
	setup := false
	for i, st := range steps {
		if out[i].Err != nil {
			continue
		}
		setup = setup || st.object.Setup
	}
	if setup && r.Changes != nil {
		r.Changes.SetupChanged(s.Org)
	}
}

// unexpected reports whether an error is ours and not the record's.
func unexpected(err error) bool {
	switch fault.KindOf(err) {
	case fault.Internal, fault.Unavailable:
		return true
	}
	return false
}

// Within returns Records that do the same through a store that is bound to an open transaction. What they have to tell
// others waits for Tell.
func (r *Records) Within(store RecordStore) *BoundRecords {
	b := &BoundRecords{Records: *r, outer: r}
	b.Store = store
	b.Changes = (*boundChanges)(b)
	return b
}

// BoundRecords are Records inside a transaction.
type BoundRecords struct {
	Records
	outer   *Records
	changed []ID // orgs
}

// boundChanges keeps what caches have to be told.
type boundChanges BoundRecords

// SetupChanged implements Changes.
func (b *boundChanges) SetupChanged(org ID) {
	if len(b.changed) == 0 || b.changed[len(b.changed)-1] != org {
		b.changed = append(b.changed, org)
	}
}

// Tell tells others what was done. Call it after the commit, and not at all where there was none.
func (b *BoundRecords) Tell() {
	for _, org := range b.changed {
		if b.outer.Changes != nil {
			b.outer.Changes.SetupChanged(org)
		}
	}
}
