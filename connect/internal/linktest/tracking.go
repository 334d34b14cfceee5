package linktest

import (
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/send"
	"github.com/twinspan/twinspan/connect/internal/tracking"
	"github.com/twinspan/twinspan/internal/client/engagement"
)

// RunTracking holds a store of results to its contract: an event counts once, for its message; one reader at a time; and
// what changed while it was written stays to be written.
func RunTracking(t *testing.T, open func(*testing.T) (Store, tracking.Store)) {
	ctx := t.Context()
	s, results := open(t)
	Put(t, s, "a", 1)
	Put(t, s, "b", 2)
	claim := func(now, before time.Time) []string {
		t.Helper()
		pairs, err := results.Claim(ctx, now, before)
		ok(t, err)
		return pairs
	}
	same(t, claim(At(10), At(0)), []string(nil)) // nothing went out
	person, key := "003000000000001AAA", "one"
	for i, k := range []string{key, "two"} {
		_, _, err := s.AddSend(ctx, send.Send{Pair: "a", MessageKey: k, DefinitionKey: "Welcome", ContactID: person, Recipient: "a@x.example", Status: send.Accepted, CreatedAt: At(i), UpdatedAt: At(i)})
		ok(t, err)
	}
	same(t, claim(At(10), At(0)), []string{"a"})
	same(t, claim(At(11), At(10)), []string(nil))
	for i, want := range []bool{true, false} {
		had, err := results.Lease(ctx, "a", At(10), At(20))
		ok(t, err)
		if had != want {
			t.Fatalf("lease %d: %v", i, had)
		}
	}
	had, err := results.Lease(ctx, "a", At(21), At(30)) // the reader died
	ok(t, err)
	if !had {
		t.Fatal("the lease of who died is for ever")
	}

	events := []tracking.Event{
		{Kind: engagement.EventSent, ID: "1", TrackingID: "t1", RecordID: person, DefinitionKey: "welcome", At: At(2)},
		{Kind: engagement.EventClick, ID: "2", TrackingID: "t1", RecordID: person, DefinitionKey: "welcome", At: At(3), URL: "http://x.example/a"},
		{Kind: engagement.EventClick, ID: "3", TrackingID: "t1", RecordID: person, DefinitionKey: "welcome", At: At(4), URL: "http://x.example/a"},
		{Kind: engagement.EventSent, ID: "4", TrackingID: "t2", RecordID: person, DefinitionKey: "other", At: At(4)},
		{Kind: engagement.EventNotSent, ID: "5", TrackingID: "t3", RecordID: person, DefinitionKey: "welcome", At: At(5)},
	}
	for i, want := range []int{4, 0} {
		n, err := results.Apply(ctx, "a", events)
		ok(t, err)
		if n != want {
			t.Fatalf("applied %d events the time %d, want %d", n, i, want)
		}
	}
	n, err := results.Apply(ctx, "b", events)
	ok(t, err)
	if n != 0 {
		t.Fatal("another pair's event was taken")
	}
	for k, want := range map[string]send.Status{key: send.Sent, "two": send.NotSent} {
		v, err := s.Send(ctx, "a", k)
		ok(t, err)
		if v.Status != want {
			t.Errorf("%s is %s", k, v.Status)
		}
	}
	dirty, err := results.Dirty(ctx, "a", "", At(30), 10)
	ok(t, err)
	want := tracking.Result{Pair: "a", MessageKey: key, DefinitionKey: "Welcome", RecordID: person, TrackingID: "t1", SentAt: At(2), Clicks: 2, UniqueClicks: 1, Revision: 3}
	same(t, dirty, []tracking.Result{want})

	// While it is written, something more happens: it is written again, over the same record.
	ok(t, results.Intend(ctx, dirty))
	again, err := results.Dirty(ctx, "a", "", At(30), 10)
	ok(t, err)
	if !again[0].Intended {
		t.Fatal("the intent is lost")
	}
	_, err = results.Apply(ctx, "a", []tracking.Event{{Kind: engagement.EventOpen, ID: "6", TrackingID: "t1", RecordID: person, DefinitionKey: "welcome", At: At(6)}})
	ok(t, err)
	dirty[0].ResultID = "a03000000000001AAA"
	ok(t, results.Written(ctx, dirty))
	dirty, err = results.Dirty(ctx, "a", "", At(30), 10)
	ok(t, err)
	want.OpenedAt, want.ResultID, want.Revision = At(6), "a03000000000001AAA", 4
	same(t, dirty, []tracking.Result{want})
	ok(t, results.Written(ctx, dirty))
	dirty, err = results.Dirty(ctx, "a", "", At(30), 10)
	ok(t, err)
	same(t, dirty, []tracking.Result(nil))

	state := tracking.State{EventsUntil: At(9), UnsubscribedUntil: At(8), OptedOutUntil: At(7), ErrorCode: "cloud_failed", Error: "why"}
	ok(t, results.Advance(ctx, "a", state))
	kept, err := results.State(ctx, "a")
	ok(t, err)
	same(t, kept, state)
	had, err = results.Lease(ctx, "a", At(22), At(30)) // Advance ended it
	ok(t, err)
	if !had {
		t.Fatal("the lease outlives the reading")
	}
	ok(t, results.SetParent(ctx, "a", "triggered:welcome", "a06"))
	for pair, want := range map[string]string{"a": "a06", "b": ""} {
		id, err := results.Parent(ctx, pair, "triggered:welcome")
		ok(t, err)
		same(t, id, want)
	}
}
