package linktest

import (
	"testing"

	"github.com/twinspan/twinspan/connect/internal/trigger"
)

// Triggers is all that triggered sends need of a store.
type Triggers interface {
	trigger.Store
	trigger.Work
}

// RunTriggers holds a store of triggered sends to its contract: a state of a record fires once, whoever reads it how often.
func RunTriggers(t *testing.T, open func(*testing.T) (Store, Triggers)) {
	ctx := t.Context()
	s, triggers := open(t)
	Put(t, s, "a", 1)
	Put(t, s, "b", 2)
	v := trigger.Trigger{
		Pair: "a", ID: "one", Name: "Cases", Object: "Case", On: trigger.Either, Criteria: []trigger.Criterion{{Field: "Status", Operator: "equals", Value: "Open"}}, PersonField: "ContactId",
		DelayHours: 1, DefinitionKey: "welcome", Active: true, Actor: "admin", CreatedAt: At(0), ActiveSince: At(0), Watermark: At(0),
	}
	for range 2 {
		stored, err := triggers.AddTrigger(ctx, v, Why)
		ok(t, err)
		same(t, stored, v)
	}
	_, err := triggers.Trigger(ctx, "b", "one")
	wantCode(t, err, trigger.CodeNotFound)
	pairs, err := triggers.Pairs(ctx)
	ok(t, err)
	same(t, pairs, []string{"a"})
	for i, want := range []bool{true, false} {
		had, err := triggers.Lease(ctx, "a", []string{"me", "other"}[i], At(10), At(20))
		ok(t, err)
		if had != want {
			t.Fatalf("lease %d: %v", i, had)
		}
	}
	ok(t, triggers.Release(ctx, "a", "other")) // whose it is not
	had, err := triggers.Lease(ctx, "a", "other", At(10), At(20))
	ok(t, err)
	if had {
		t.Fatal("somebody ended another's lease")
	}
	ok(t, triggers.Release(ctx, "a", "me"))

	change := trigger.Change{RecordID: "500000000000001AAA", Created: At(1), Seen: trigger.Seen{Modstamp: At(2), Met: true}, PersonID: "003000000000001AAA"}
	other := trigger.Change{RecordID: "500000000000002AAA", Created: At(1), Seen: trigger.Seen{Modstamp: At(3)}}
	for i, want := range []int{1, 0} {
		fired, err := triggers.Take(ctx, v, []trigger.Change{change, other})
		ok(t, err)
		if fired != want {
			t.Fatalf("taken the time %d, %d fired", i, fired)
		}
	}
	change.Seen.Modstamp = At(5)
	fired, err := triggers.Take(ctx, v, []trigger.Change{change})
	ok(t, err)
	if fired != 1 {
		t.Fatal("a change did not fire")
	}
	due, err := triggers.Due(ctx, "a", At(3602), 10)
	ok(t, err)
	want := trigger.Firing{
		Pair: "a", TriggerID: "one", DefinitionKey: "welcome", RecordID: change.RecordID, Modstamp: At(2), PersonID: change.PersonID, DueAt: At(3602), Status: trigger.Waiting,
	}
	same(t, due, []trigger.Firing{want})
	want.Status, want.Attempts, want.MessageKey, want.Code, want.Reason = trigger.Failed, 1, "key", "code", "why"
	ok(t, triggers.Settle(ctx, want))
	slow := want // somebody who made the same attempt and is later
	slow.Status, slow.Code = trigger.Waiting, "cloud_failed"
	ok(t, triggers.Settle(ctx, slow))
	all, err := triggers.Firings(ctx, "a", "one", 10)
	ok(t, err)
	if len(all) != 2 || !all[0].Modstamp.Equal(At(5)) {
		t.Fatalf("firings: %+v", all)
	}
	same(t, all[1], want)

	// What was stopped meanwhile keeps the watermark that starting gave it.
	v.Watermark, v.ErrorCode, v.Error, v.Reading = At(9), "cloud_failed", "why", trigger.Reading{From: At(9), To: At(12), After: "500000000000002AAA"}
	ok(t, triggers.Advance(ctx, v))
	stored, err := triggers.Trigger(ctx, "a", "one")
	ok(t, err)
	same(t, stored, v)
	stopped, err := triggers.SetActive(ctx, v, false, At(20), Why)
	ok(t, err)
	if stopped.Active || !stopped.Watermark.Equal(At(20)) || stopped.Reading != (trigger.Reading{}) || stopped.ErrorCode != "" {
		t.Fatalf("stopped: %+v", stopped)
	}
	v.Watermark = At(21)
	ok(t, triggers.Advance(ctx, v))
	list, err := triggers.Triggers(ctx, "a")
	ok(t, err)
	same(t, list, []trigger.Trigger{stopped})
	ok(t, triggers.RemoveTrigger(ctx, stopped, Why))
	pairs, err = triggers.Pairs(ctx)
	ok(t, err)
	same(t, pairs, []string(nil)) // firings that waited are gone with it
}
