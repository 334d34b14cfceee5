package linktest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/mailing"
	"github.com/twinspan/twinspan/connect/internal/upgrade"
	"github.com/twinspan/twinspan/internal/jobs"
)

// Mailings is all that mailings need of a store.
type Mailings interface {
	mailing.Store
	mailing.Work
	upgrade.Mailings
}

// RunMailings holds a store of mailings to its contract: recipients once each, in the order in which they came, and
// outcomes only from the run that holds the job. open returns a new store, the mailings on it and their queue, which is
// not started.
func RunMailings(t *testing.T, open func(*testing.T) (Store, Mailings, *jobs.Queue)) {
	ctx := t.Context()
	s, mailings, queue := open(t)
	Put(t, s, "a", 1)
	Put(t, s, "b", 2)
	m := mailing.Mailing{
		Pair: "a", ID: "one", Audience: mailing.Audience{Kind: mailing.Campaign, IDs: []string{"701000000000001AAA"}}, DefinitionKey: "welcome", CRMUserID: "005000000000001AAA",
		CRMUsername: "u@x.example", Actor: "admin", CreatedAt: At(0), DueAt: At(60), State: mailing.Scheduled,
	}
	first, added, err := mailings.AddMailing(ctx, m, Why)
	ok(t, err)
	m.Position = 1
	same(t, first, m)
	again, twice, err := mailings.AddMailing(ctx, m, Why)
	ok(t, err)
	if !added || twice {
		t.Fatalf("added %v, then %v", added, twice)
	}
	same(t, again, first)
	second := m
	second.ID, second.DueAt = "two", At(30)
	_, _, err = mailings.AddMailing(ctx, second, Why)
	ok(t, err)
	second.Pair, second.ID = "b", "one" // another pair is another world
	_, _, err = mailings.AddMailing(ctx, second, Why)
	ok(t, err)

	pairs, err := mailings.Open(ctx)
	ok(t, err)
	if len(pairs) != 2 {
		t.Fatalf("open: %v", pairs)
	}
	ids := func(list []mailing.Mailing, err error) (ids []string) {
		t.Helper()
		ok(t, err)
		for _, m := range list {
			ids = append(ids, m.ID)
		}
		return ids
	}
	same(t, ids(mailings.Mailings(ctx, "a", "", 10)), []string{"two", "one"})
	same(t, ids(mailings.Mailings(ctx, "a", mailing.Held, 10)), []string(nil))
	same(t, ids(mailings.Waiting(ctx, "a", mailing.Scheduled, At(59), 10)), []string{"two"})
	same(t, ids(mailings.Waiting(ctx, "a", mailing.Scheduled, At(60), 10)), []string{"two", "one"})
	same(t, ids(mailings.Due(ctx, "a", At(0), At(60), 10)), []string{"two"}) // the end is outside
	same(t, ids(mailings.Due(ctx, "a", At(60), At(61), 10)), []string{"one"})
	same(t, ids(mailings.Due(ctx, "a", At(0), At(61), 1)), []string{"two"})

	// Nothing is worked on that is not queued; of two who move one, one wins.
	_, err = mailings.Next(ctx, "a", mailing.LaneMany)
	wantCode(t, err, mailing.CodeNotFound)
	for i, want := range []bool{true, false} {
		moved, err := mailings.MoveMailing(ctx, m, mailing.Queued, "", "", audit.Change{}, mailing.Scheduled)
		ok(t, err)
		if moved != want {
			t.Fatalf("move %d: %v", i, moved)
		}
	}
	next, err := mailings.Next(ctx, "a", mailing.LaneMany)
	ok(t, err)
	if next.ID != "one" || next.State != mailing.Queued {
		t.Fatalf("next: %+v", next)
	}
	next.Scoped = true
	begun, err := mailings.Begin(ctx, next)
	ok(t, err)
	if next, err = mailings.Next(ctx, "a", mailing.LaneMany); err != nil || !begun || !next.Scoped || next.State != mailing.Running {
		t.Fatalf("begun: %+v %v", next, err)
	}

	// The audience comes in pages, which may come twice; whoever holds another run's job stores nothing.
	const n = 400 // more than one transaction takes
	people := make([]mailing.Recipient, n)
	for i := range people {
		people[i] = mailing.Recipient{Position: i + 1, RecordID: fmt.Sprintf("003%015d", i), Address: "a@x.example", Status: mailing.Planned}
	}
	people[3].Status, people[3].Code, people[3].Reason = mailing.Refused, "opted_out", "why"
	run, finish := held(t, queue)
	ok(t, mailings.Collect(ctx, run, next, people[:300], "300", false))
	ok(t, mailings.Collect(ctx, run, next, people[200:], "end", true))
	got, err := mailings.Recipients(ctx, "a", "one", false, 0, n+1)
	ok(t, err)
	same(t, got, people)
	ok(t, mailings.Intend(ctx, run, next, people[:5]))
	people[0].Status, people[1].Status, people[1].Code, people[2].Status = mailing.Accepted, mailing.NotSent, "24", mailing.Planned
	ok(t, mailings.Settle(ctx, run, next, people[:3]))
	waiting, err := mailings.Recipients(ctx, "a", "one", true, 0, 3)
	ok(t, err)
	if len(waiting) != 3 || waiting[0].RecordID != people[2].RecordID || waiting[0].Attempts != 1 || waiting[1].RecordID != people[4].RecordID || waiting[1].Status != mailing.Intended {
		t.Fatalf("waiting: %+v", waiting)
	}
	ok(t, mailings.Failing(ctx, next, 3, "cloud_failed", "why"))
	ok(t, mailings.GiveUp(ctx, next))
	finish()
	if err := mailings.Settle(ctx, run, next, people[4:5]); err == nil {
		t.Fatal("a run that is over settled a recipient")
	}
	moved, err := mailings.MoveMailing(ctx, next, mailing.Failed, "cloud_failed", "why", Why, mailing.Running)
	ok(t, err)
	end, err := mailings.Mailing(ctx, "a", "one")
	ok(t, err)
	counts := mailing.Counts{Total: n, Waiting: n - 4, Accepted: 1, NotSent: 1, InDoubt: 1, Refused: 1}
	if !moved || end.Counts != counts || end.State != mailing.Failed || end.ReasonCode != "cloud_failed" || !end.EndedAt.Equal(Why.At) || end.Cursor != "end" || !end.Collected {
		t.Fatalf("in the end: %+v", end)
	}
	entries, err := s.Entries(ctx, "a", 0, 10)
	ok(t, err)
	if len(entries) != 4 {
		t.Fatalf("%d entries in the audit chain", len(entries))
	}

	ok(t, mailings.SetSettings(ctx, "a", mailing.Settings{ScopeByUser: true}, Why))
	for pair, want := range map[string]bool{"a": true, "b": false} {
		settings, err := mailings.Settings(ctx, pair)
		ok(t, err)
		if settings.ScopeByUser != want {
			t.Errorf("settings of %s: %+v", pair, settings)
		}
	}
}

// held is a run of a job of no consequence, which finish ends.
func held(t *testing.T, queue *jobs.Queue) (*jobs.Run, func()) {
	t.Helper()
	runs, end := make(chan *jobs.Run, 1), make(chan struct{})
	queue.Handle(mailing.Job, func(_ context.Context, r *jobs.Run) error {
		select {
		case runs <- r:
			<-end
		default: // a second one: it has nothing to do
		}
		return nil
	})
	queue.Start(t.Context())
	select {
	case r := <-runs:
		return r, func() {
			close(end)
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			if err := queue.Stop(ctx); err != nil {
				t.Fatal(err)
			}
		}
	case <-time.After(30 * time.Second):
		t.Fatal("no job was queued")
		return nil, nil
	}
}
