package org

import (
	"context"
	"sync"
)

// tallyKey is one line of usage by hour.
type tallyKey struct {
	org  ID
	hour int64
	app  ID
	user ID
}

type tally struct{ counted, exempt int64 }

// tallies are calls that were made and not yet published.
type tallies struct {
	mu   sync.Mutex
	made map[tallyKey]tally
}

func newTallies() tallies { return tallies{made: map[tallyKey]tally{}} }

func (t *tallies) add(k tallyKey, exempt bool) {
	t.mu.Lock()
	v := t.made[k]
	if exempt {
		v.exempt++
	} else {
		v.counted++
	}
	t.made[k] = v
	t.mu.Unlock()
}

func (t *tallies) swap() map[tallyKey]tally {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.made) == 0 {
		return nil
	}
	made := t.made
	t.made = map[tallyKey]tally{}
	return made
}

func (t *tallies) putBack(made map[tallyKey]tally) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for k, v := range made {
		have := t.made[k]
		t.made[k] = tally{have.counted + v.counted, have.exempt + v.exempt}
	}
}

// usageBatch is how many lines go into one write.
const usageBatch = 200

// publish writes who called since the last time. What could not be written, or may not have been, is tried again, so
// that an hour may tell a call twice and never loses one but by a kill.
func (m *Meter) publish(ctx context.Context) error {
	made := m.tallies.swap()
	batch := make([]UsageHour, 0, min(len(made), usageBatch))
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		if err := m.store.AddUsage(ctx, batch); err != nil {
			return err
		}
		for _, u := range batch {
			delete(made, tallyKey{u.Org, u.Hour, u.App, u.User})
		}
		batch = batch[:0]
		return nil
	}
	for k, v := range made {
		batch = append(batch, UsageHour{Org: k.org, Hour: k.hour, App: k.app, User: k.user, Counted: v.counted, Exempt: v.exempt})
		if len(batch) == usageBatch {
			if err := flush(); err != nil {
				m.tallies.putBack(made)
				return err
			}
		}
	}
	if err := flush(); err != nil {
		m.tallies.putBack(made)
		return err
	}
	return nil
}
