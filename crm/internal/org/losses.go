package org

import (
	"context"
	"errors"
	"fmt"
)

// Loss is what a change takes away: who may use an app before it and not after it.
type Loss struct {
	App  ID
	Name string // the app's label
	Access
}

// Warning words the loss for whoever saves the change.
func (l Loss) Warning() string { return l.warning("the app " + l.Name) }

// count says for the trail how many users lose access.
func (l Loss) count() string {
	return fmt.Sprintf("%d users lose access to %s, %d of whom use it now; ", len(l.Losing), l.Name, l.LosingUsing)
}

// Losses tells who would lose access to which apps if the changes of a batch were made, all of them, and makes none. What
// one change takes and another of the batch gives is no loss. A change that would be refused is answered with its refusal.
func (r *Records) Losses(ctx context.Context, s Session, ops []Op) ([]Loss, error) {
	var stakes []stake
	s.staked = func(one stake) { stakes = append(stakes, one) }
	steps := make([]step, len(ops))
	for i, op := range ops {
		err := op.Err
		if err == nil {
			steps[i], err = r.step(s, op)
		}
		if err != nil {
			return nil, err
		}
	}
	var losses []Loss
	err := r.Store.Write(ctx, func(tx RecordTx) error {
		stakes, losses = nil, nil
		for _, st := range steps {
			if _, err := tryStep(tx, st); err != nil {
				return err
			}
		}
		var err error
		if losses, err = lossesOf(tx, s.Org, stakes); err != nil {
			return err
		}
		return errUndone
	})
	if errors.Is(err, errUndone) {
		return losses, nil
	}
	return nil, err
}

// lossesOf compares what was at stake before the changes of a batch with what is so after them, in the order of the apps
// that they touch.
func lossesOf(tx RecordTx, org ID, stakes []stake) ([]Loss, error) {
	type who struct {
		app ID
		id  ID
	}
	var apps []ID
	could, name := map[who]bool{}, map[ID]string{}
	for _, s := range stakes {
		if _, ok := name[s.app]; !ok {
			name[s.app] = s.name
			apps = append(apps, s.app)
		}
		for _, u := range s.before {
			if _, ok := could[who{s.app, u.ID}]; !ok { // a later change of the batch finds what an earlier one left
				could[who{s.app, u.ID}] = u.Approved
			}
		}
	}
	var out []Loss
	for _, app := range apps {
		after, err := tx.AppUsers(org, app, "")
		if err != nil {
			return nil, err
		}
		before := make([]AppUser, len(after))
		for i, u := range after {
			before[i] = AppUser{ID: u.ID, Approved: could[who{app, u.ID}]}
		}
		if l := (Loss{app, name[app], accessChange(before, after, true, true)}); len(l.Losing) > 0 {
			out = append(out, l)
		}
	}
	return out, nil
}
