package org

import (
	"strings"

	"github.com/twinspan/twinspan/internal/fault"
)

// bin puts a record into the recycle bin, and with it the children whose relationship cascades. The others lose their
// reference: nothing in ordinary queries points at what is gone.
func (c *change) bin(o *Object, id ID) error {
	gone := Values{"IsDeleted": true}
	for _, f := range o.Fields {
		switch f.Name {
		case "LastModifiedDate", "SystemModstamp":
			gone[f.Name] = c.at
		case "LastModifiedById":
			gone[f.Name] = string(c.session.User)
		}
	}
	if _, err := c.tx.Update(o, c.session.Org, Values{"Id": string(id), "IsDeleted": false}, gone); err != nil {
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

// orphan looks after the records that point at one that is gone. Those that are gone too keep what they pointed at.
func (c *change) orphan(child Child, parent ID) error {
	match := Values{child.Field.Name: string(parent), "IsDeleted": false}
	if child.Field.Restrict {
		n, err := c.tx.Count(child.Object, c.session.Org, match)
		if err == nil && n > 0 {
			err = fault.New(fault.Invalid, CodeInUse, "Your attempt to delete %s could not be completed because it is associated with the following %s: %d",
				parent, strings.ToLower(child.Object.Plural), n)
		}
		return err
	}
	if !child.Field.Cascade {
		_, err := c.tx.Update(child.Object, c.session.Org, match, Values{child.Field.Name: nil})
		return err
	}
	for {
		found, err := c.tx.Find(child.Object, c.session.Org, match, orphansAtATime)
		if err != nil {
			return err
		}
		for _, v := range found {
			if err := c.bin(child.Object, v.ID("Id")); err != nil {
				return err
			}
		}
		if len(found) < orphansAtATime {
			return nil
		}
	}
}

// orphansAtATime is how many children of a deleted record are read at once.
const orphansAtATime = 200

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
