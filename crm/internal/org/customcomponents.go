package org

import (
	"reflect"

	"github.com/twinspan/twinspan/internal/fault"
)

// SaveIn makes a change of the customization as one of the works of a transaction, whose owner tells the caches.
func (z *Customizer) SaveIn(tx SetupTx, s Session, c CustomChange) (Saved, error) {
	if err := MayUseMetadata(s); err != nil {
		return Saved{}, err
	}
	if !needSetup.MetBy(s.Permissions) {
		return Saved{}, insufficientAccess("")
	}
	custom, err := tx.Customizing(s.Org)
	if err != nil {
		return Saved{}, err
	}
	before, err := custom.Customization()
	if err != nil {
		return Saved{}, err
	}
	if err := (&customizing{tx: custom, session: s, at: z.Clock.Now(string(s.Org))}).apply(c); err != nil {
		if fault.CodeOf(err) == CodeNoSuchCustom {
			err = fault.New(fault.NotFound, CodeNotFound, "%s", fault.Of(err).Message)
		}
		return Saved{}, err
	}
	after, err := custom.Customization()
	if err != nil {
		return Saved{}, err
	}
	if c.Object != nil {
		was, had := before.Object(c.Object.Name)
		is, has := after.Object(c.Object.Name)
		return savedCustom(was.ID, is.ID, had, has, !reflect.DeepEqual(was, is)), nil
	}
	was, had := before.Field(c.Field.Object, c.Field.Name)
	is, has := after.Field(c.Field.Object, c.Field.Name)
	return savedCustom(was.ID, is.ID, had, has, !reflect.DeepEqual(was, is)), nil
}

func savedCustom(was, is ID, had, has, differ bool) Saved {
	if !has {
		return Saved{ID: was, Deleted: had}
	}
	return Saved{ID: is, Created: !had, Changed: differ}
}

// customized is the session with the customization as the transaction has left it: what is named may have been made by
// the work before.
func customized(tx SetupTx, s Session) (Session, error) {
	custom, err := tx.Customizing(s.Org)
	if err != nil {
		return s, err
	}
	s.Custom, err = custom.Customization()
	return s, err
}
