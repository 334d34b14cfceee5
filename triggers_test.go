package twinspan_test

import (
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/client/control"
	"github.com/twinspan/twinspan/test/spawn"
)

// TestTriggeredSends: records that are made or changed mail their contact or lead, once for each state, now or after a
// delay, and not while the triggered send is stopped.
func TestTriggeredSends(t *testing.T) {
	t.Parallel()
	for _, kind := range spawn.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			c := freePorts("")
			c.Ephemeral, c.DB = true, spawn.DSN(t, kind)
			triggered(t, openHouse(t, c))
		})
	}
}

func triggered(t *testing.T, h *house) {
	ctx := bounded(t)
	add := func(v connect.Trigger) connect.Trigger {
		t.Helper()
		v.DefinitionKey = "welcome"
		return must[connect.Trigger](t)(h.connect.AddTrigger(ctx, v, "test", ""))
	}
	leads := add(connect.Trigger{Name: "New leads", Object: "lead", On: "insert"})
	open := []connect.Criterion{{Field: "status", Operator: "equals", Value: "Working"}}
	cases := add(connect.Trigger{Name: "Working cases", Object: "Case", On: "either_subsequently", Criteria: open, PersonField: "ContactId"})
	later := add(connect.Trigger{Name: "Later", Object: "Contact", On: "insert", DelayHours: 48})
	if cases.Criteria[0].Field != "Status" || !leads.Active {
		t.Errorf("made: %+v %+v", leads, cases)
	}
	for _, bad := range []connect.Trigger{
		{Name: "x", Object: "Nothing__c", On: "insert", PersonField: "A"},
		{Name: "x", Object: "Case", On: "insert", PersonField: "Subject"},
		{Name: "x", Object: "Contact", On: "insert", Criteria: []connect.Criterion{{Field: "Nothing", Operator: "equals"}}},
	} {
		bad.DefinitionKey = "welcome"
		if _, err := h.connect.AddTrigger(ctx, bad, "test", ""); err == nil || !strings.Contains(err.Error(), "invalid_trigger") {
			t.Errorf("%+v: %v", bad, err)
		}
	}

	// A lead is made: one message, whatever becomes of the lead.
	lea := h.person(t, "Lead", "Lea", nil)
	if got := h.fired(t, leads.ID, 1); got[0].RecordID != lea || got[0].PersonID != lea || got[0].Status != "done" || got[0].MessageKey == "" {
		t.Fatalf("a new lead: %+v", got)
	}
	h.mails(t, "lea@customer.example", 1)
	if err := h.org.UpdateRecord(ctx, "Lead", lea, map[string]any{"Title": "Dr."}); err != nil {
		t.Fatal(err)
	}

	// A case mails its contact when its criteria begin to hold.
	ann := h.person(t, "Contact", "Ann", nil)
	one := h.create(t, "Case", map[string]any{"Subject": "It broke", "ContactId": ann, "Status": "New"})
	nobody := h.create(t, "Case", map[string]any{"Subject": "Nobody's", "Status": "Working"})
	got := h.fired(t, cases.ID, 1)
	if got[0].RecordID != nobody || got[0].Status != "failed" || got[0].Reason == nil || got[0].Reason.Code != "no_contact_or_lead" {
		t.Fatalf("a case of nobody: %+v", got)
	}
	for _, status := range []string{"Working", "Working"} {
		if err := h.org.UpdateRecord(ctx, "Case", one, map[string]any{"Status": status, "Subject": "It broke again"}); err != nil {
			t.Fatal(err)
		}
	}
	if got = h.fired(t, cases.ID, 2); got[0].RecordID != one || got[0].Status != "done" {
		t.Fatalf("a working case: %+v", got)
	}
	h.mails(t, "ann@customer.example", 1)
	if all := must[[]connect.Firing](t)(h.connect.Firings(ctx, leads.ID)); len(all) != 1 {
		t.Errorf("a lead that was changed: %+v", all)
	}

	// After its delay, and only then; what is stopped fires nothing.
	waiting := must[[]connect.Firing](t)(h.connect.Firings(ctx, later.ID))
	if len(waiting) != 1 || waiting[0].Status != "waiting" || waiting[0].DueAt.Sub(waiting[0].ModifiedAt) != 48*time.Hour {
		t.Fatalf("later: %+v", waiting)
	}
	must[connect.Trigger](t)(h.connect.SetTriggerActive(ctx, later.ID, false, "test", ""))
	h.person(t, "Contact", "Stopped", nil)
	must[control.Clock](t)(h.control.Advance(ctx, 49*time.Hour))
	if got = h.fired(t, later.ID, 1); got[0].RecordID != ann || got[0].Status != "done" {
		t.Fatalf("after the delay: %+v", got)
	}
	if err := h.connect.RemoveTrigger(ctx, later.ID, "test", ""); err != nil {
		t.Fatal(err)
	}
	if all := must[[]connect.Trigger](t)(h.connect.Triggers(ctx)); len(all) != 2 {
		t.Errorf("in the end: %+v", all)
	}
}

// fired waits until so many firings of a trigger are over.
func (h *house) fired(t *testing.T, id string, want int) []connect.Firing {
	t.Helper()
	ctx := bounded(t)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		all := must[[]connect.Firing](t)(h.connect.Firings(ctx, id))
		over := 0
		for _, f := range all {
			if f.Status != "waiting" {
				over++
			}
		}
		if over >= want {
			return all
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited for %d firings: %+v", want, all)
		}
	}
}
