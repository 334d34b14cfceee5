package org

import (
	"errors"
	"strings"

	"github.com/twinspan/twinspan/internal/fault"
)

// CascadeAtOnce is how many records one transaction deletes or changes because others are deleted. What is more follows
// in transactions of their own: there is one writer for all orgs (DESIGN 5.5).
const CascadeAtOnce = 200

// PendingBin is a record in the recycle bin whose children are still to follow.
type PendingBin struct {
	Org, ID ID
	User    ID // who deleted it
	Object  string
	Hard    bool // it goes for good, when its children have
}

// BinTx is what a RecordTx does about deleting records on which many hang.
type BinTx interface {
	// Spend takes so many records of the CascadeAtOnce that the transaction has, or none and answers false.
	Spend(records int) bool
	// DeferBin keeps a record whose children are to follow, and queues the work. Until EndBin those children are taken for
	// deleted by whoever reads them.
	DeferBin(p PendingBin) error
	// EndBin forgets a record whose children have followed.
	EndBin(org, id ID) error
}

// errNoRoom ends what needs more records than the transaction has.
var errNoRoom = errors.New("more records than one transaction takes")

// bin puts a record into the recycle bin, and with it the children whose relationship cascades. The others lose their
// reference: nothing in ordinary queries points at what is gone. Where they are too many, the record alone goes, and a
// job looks after them.
func (c *change) bin(o *Object, id ID) error {
	err := c.tx.Try(func() error { return c.binWhole(o, id) })
	if !errors.Is(err, errNoRoom) {
		return err
	}
	for _, child := range c.schema.dependents(o) {
		if child.Field.Restrict {
			if err := c.orphan(child, id); err != nil {
				return err
			}
		}
	}
	// Whoever deletes it hears what keeps it from going: later there is nobody to tell.
	if below := c.schema.restrictedBelow(o); below != nil {
		return fault.New(fault.Invalid, CodeInUse, "Your attempt to delete %s could not be completed because more than %d records hang on it, which %s may keep from being deleted. "+
			"Delete those records first.", id, CascadeAtOnce, strings.ToLower(below.Plural))
	}
	return c.binAlone(o, id)
}

// binWhole is bin in this transaction, or errNoRoom.
func (c *change) binWhole(o *Object, id ID) error {
	if err := c.mark(o, id); err != nil {
		return err
	}
	for _, child := range c.schema.dependents(o) {
		if err := c.orphan(child, id); err != nil {
			return err
		}
	}
	if c.hard {
		_, err := c.tx.Remove(o, c.session.Org, Values{"Id": string(id)})
		return err
	}
	return nil
}

// binAlone puts a record into the recycle bin whose children follow later.
func (c *change) binAlone(o *Object, id ID) error {
	if err := c.mark(o, id); err != nil {
		return err
	}
	return c.tx.DeferBin(PendingBin{Org: c.session.Org, ID: id, User: c.session.User, Object: o.Name, Hard: c.hard})
}

func (c *change) mark(o *Object, id ID) error {
	gone := Values{"IsDeleted": true}
	for _, f := range o.Fields {
		switch f.Name {
		case "LastModifiedDate", "SystemModstamp":
			gone[f.Name] = c.at
		case "LastModifiedById":
			gone[f.Name] = string(c.session.User)
		}
	}
	_, err := c.tx.Update(o, c.session.Org, Values{"Id": string(id), "IsDeleted": false}, gone)
	return err
}

// orphan looks after the records that point at one that is gone. Those that are gone too keep what they pointed at.
func (c *change) orphan(child Child, parent ID) error {
	match := Values{child.Field.Name: string(parent), "IsDeleted": false}
	if child.Field.Restrict {
		if c.late {
			return nil // too late to refuse: the record was deleted before there was such a field
		}
		n, err := c.tx.Count(child.Object, c.session.Org, match)
		if err == nil && n > 0 {
			err = fault.New(fault.Invalid, CodeInUse, "Your attempt to delete %s could not be completed because it is associated with the following %s: %d",
				parent, strings.ToLower(child.Object.Plural), n)
		}
		return err
	}
	found, err := c.tx.Find(child.Object, c.session.Org, match, CascadeAtOnce+1)
	if err != nil || len(found) == 0 {
		return err
	}
	if !c.tx.Spend(len(found)) {
		return errNoRoom
	}
	if !child.Field.Cascade {
		_, err := c.tx.Update(child.Object, c.session.Org, match, Values{child.Field.Name: nil})
		return err
	}
	for _, v := range found {
		if err := c.binWhole(child.Object, v.ID("Id")); err != nil {
			return err
		}
	}
	return nil
}

// follow is one step of what is left to do for a record that was put into the recycle bin alone: as much as one
// transaction takes. It reports whether that was all.
func (c *change) follow(o *Object, id ID) (done bool, err error) {
	c.late = true
	steps := 0
	for _, child := range c.schema.dependents(o) {
		if child.Field.Restrict {
			continue
		}
		for {
			found, err := c.tx.Find(child.Object, c.session.Org, Values{child.Field.Name: string(id), "IsDeleted": false}, CascadeAtOnce)
			if err != nil {
				return false, err
			}
			for _, v := range found {
				if !c.tx.Spend(1) {
					return false, nil
				}
				err := c.tx.Try(func() error { return c.release(child, v.ID("Id")) })
				if errors.Is(err, errNoRoom) {
					if steps > 0 {
						return false, nil // a transaction of its own may have room for it
					}
					err = c.binAlone(child.Object, v.ID("Id"))
				}
				if err != nil {
					return false, err
				}
				steps++
			}
			if len(found) < CascadeAtOnce {
				break
			}
		}
	}
	if !c.hard {
		return true, nil
	}
	_, err = c.tx.Remove(o, c.session.Org, Values{"Id": string(id)})
	return true, err
}

// release bins a child of a record that is gone, or empties its reference.
func (c *change) release(child Child, id ID) error {
	if child.Field.Cascade {
		return c.binWhole(child.Object, id)
	}
	_, err := c.tx.Update(child.Object, c.session.Org, Values{"Id": string(id)}, Values{child.Field.Name: nil})
	return err
}

// FollowBin does one step for a record that went into the recycle bin before what hangs on it, in the caller's
// transaction, and reports whether it was the last one. o is the record's org.
func (r *Records) FollowBin(tx RecordTx, o Org, p PendingBin) (done bool, err error) {
	s := Session{Org: p.Org, User: p.User, Package: o.Package, Custom: o.Custom}
	object := s.Schema().Named(p.Object)
	if object == nil { // it was deleted with all its records
		return true, tx.EndBin(p.Org, p.ID)
	}
	c := r.change(tx, s, object, p.ID, nil)
	c.hard = p.Hard
	if done, err = c.follow(c.object, p.ID); err != nil || !done {
		return false, err
	}
	return true, tx.EndBin(p.Org, p.ID)
}

// dependents are the fields of records with a recycle bin of their own that point at the object and can be looked for.
func (s *Schema) dependents(o *Object) []Child {
	var out []Child
	for _, child := range s.Objects {
		if !child.SoftDelete {
			continue
		}
		for _, f := range child.Fields {
			if f.Type != TypeReference || f.Place != PlaceColumn && f.Place != PlaceFlex || !f.Cascade && !f.Restrict && !f.Nillable {
				continue
			}
			for _, to := range f.ReferenceTo {
				if to == o.Name {
					out = append(out, Child{Object: child, Field: f})
				}
			}
		}
	}
	return out
}

// restrictedBelow is an object whose records may keep those from being deleted that are deleted with a record of o; nil
// where there is none. Who refers to the record itself does not count.
func (s *Schema) restrictedBelow(o *Object) *Object {
	seen := map[*Object]bool{o: true}
	for next := []*Object{o}; len(next) > 0; next = next[1:] {
		for _, child := range s.dependents(next[0]) {
			if child.Field.Restrict && next[0] != o {
				return child.Object
			}
			if child.Field.Cascade && !seen[child.Object] {
				seen[child.Object] = true
				next = append(next, child.Object)
			}
		}
	}
	return nil
}
