package sqlstore_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/apiuser"
	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/connect/internal/mailing"
	"github.com/twinspan/twinspan/connect/internal/signin"
	"github.com/twinspan/twinspan/connect/internal/sqlstore"
	"github.com/twinspan/twinspan/connect/internal/trigger"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
	"github.com/twinspan/twinspan/internal/vault"
)

func entriesOf(t *testing.T, s *sqlstore.Store, pair string) []audit.Entry {
	t.Helper()
	all, err := s.Entries(t.Context(), pair, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestIntents: whoever comes to the end of a change, and also where its process died, there is one entry for it; a change
// that was never made has none.
func TestIntents(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, []sqldb.Migrations{sqlstore.Migrations()}, func(t *testing.T, db *sqldb.DB) {
		ctx := t.Context()
		s := sqlstore.New(db)
		linktest.Put(t, s, "a", 1)
		begin := func(i audit.Intent) audit.Intent {
			t.Helper()
			i, err := s.Begin(ctx, i)
			if err != nil {
				t.Fatal(err)
			}
			return i
		}
		settle := func(i audit.Intent, done bool) {
			t.Helper()
			if err := s.Settle(ctx, i, done); err != nil {
				t.Fatal(err)
			}
		}
		wantEntries := func(want int) {
			t.Helper()
			if got := len(entriesOf(t, s, "a")) - 1; got != want { // the first is of the connection itself
				t.Fatalf("%d entries, want %d", got, want)
			}
		}
		intent := audit.Intent{Pair: "a", Why: audit.Change{At: linktest.At(0), Actor: "olga", Action: audit.UnitChanged, Subject: "7", Reason: "r"}, Before: `{"enabled":false}`, After: `{"enabled":true}`}
		first := begin(intent)
		if _, err := s.Begin(ctx, intent); fault.CodeOf(err) != audit.CodeMoved { // who read before the first began
			t.Fatalf("begun twice: %v", err)
		}
		second := begin(first) // who saw it under way takes it over
		settle(first, true)
		wantEntries(0)
		settle(second, true)
		settle(second, true)
		wantEntries(1)
		last := entriesOf(t, s, "a")[1]
		if last.Actor != "olga" || last.Subject != "7" || last.Reason != "r" || last.Before != intent.Before || last.After != intent.After || !last.At.Equal(linktest.At(0)) {
			t.Errorf("entry: %+v", last)
		}
		if _, err := s.Begin(ctx, second); fault.CodeOf(err) != audit.CodeMoved {
			t.Fatalf("begun after it was settled: %v", err)
		}
		left, err := s.IntentsOf(ctx, "a", audit.UnitChanged)
		if err != nil || len(left) != 1 || left["7"].Pending || left["7"].Revision != second.Revision+1 {
			t.Fatalf("left: %+v %v", left, err)
		}
		// Left by processes that died: one after its change, one before it, one that may be at it still.
		for n, subject := range []string{"8", "9", "10"} {
			i := intent
			i.Why.Subject, i.Why.At = subject, linktest.At(n/2*600)
			begin(i)
		}
		if left, err = s.IntentsOf(ctx, "a", audit.UnitChanged); err != nil {
			t.Fatal(err)
		}
		err = audit.Reconcile(ctx, s, left, linktest.At(601), func(i audit.Intent) bool { return i.Why.Subject == "8" })
		if err != nil {
			t.Fatal(err)
		}
		wantEntries(2)
		if left, err = s.IntentsOf(ctx, "a", audit.UnitChanged); err != nil || left["8"].Pending || left["9"].Pending || !left["10"].Pending {
			t.Errorf("left: %+v %v", left, err)
		}
		// What was settled is forgotten a day later.
		later := intent
		later.Why.Subject, later.Why.At = "11", linktest.At(0).Add(48*time.Hour)
		begin(later)
		if left, err = s.IntentsOf(ctx, "a", audit.UnitChanged); err != nil || len(left) != 2 {
			t.Errorf("left: %+v %v", left, err)
		}
	})
}

// TestOneEntryForAChange: several who change the same thing to the same at once, each with a connection of his own to the
// database, leave one entry.
func TestOneEntryForAChange(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, []sqldb.Migrations{sqlstore.Migrations(), jobs.Migrations}, func(t *testing.T, db *sqldb.DB) {
		ctx := t.Context()
		s := sqlstore.New(db)
		linktest.Put(t, s, "a", 1)
		fired, mailings := sqlstore.NewTriggers(s), sqlstore.NewMailings(s, s.Queue(jobs.Options{}))
		added, err := fired.AddTrigger(ctx, trigger.Trigger{Pair: "a", ID: "one", Name: "N", Object: "Lead", On: "insert", DefinitionKey: "k", Actor: "olga", CreatedAt: linktest.At(0), Active: true}, linktest.Why)
		if err != nil {
			t.Fatal(err)
		}
		begun, err := s.PutAPIUserChange(ctx, apiuser.Change{Pair: "a", Step: apiuser.Pausing, APIUser: "api"}, audit.Change{})
		if err != nil {
			t.Fatal(err)
		}
		outage := link.Outage{Mode: link.Hold, From: linktest.At(0), Until: linktest.At(60), Reason: "r", Actor: "olga"}
		for _, c := range []struct {
			action string
			do     func(context.Context, audit.Change) error
		}{
			{"settings", func(ctx context.Context, w audit.Change) error {
				return mailings.SetSettings(ctx, "a", mailing.Settings{ScopeByUser: true}, w)
			}},
			{"recipients", func(ctx context.Context, w audit.Change) error {
				return s.SetRecipients(ctx, "a", []string{"a@x.example", "b@x.example"}, w)
			}},
			{"outage", func(ctx context.Context, w audit.Change) error {
				_, err := s.SetOutage(ctx, "a", w, outage)
				return err
			}},
			{"outage ended", func(ctx context.Context, w audit.Change) error {
				_, err := s.SetOutage(ctx, "a", w, link.Outage{})
				return err
			}},
			{"stopped", func(ctx context.Context, w audit.Change) error {
				_, err := fired.SetActive(ctx, added, false, linktest.At(1), w)
				return err
			}},
			{"removed", func(ctx context.Context, w audit.Change) error { return fired.RemoveTrigger(ctx, added, w) }},
			{"paused", func(ctx context.Context, w audit.Change) error {
				paused := begun
				paused.Step = apiuser.Paused
				_, err := s.PutAPIUserChange(ctx, paused, w)
				if fault.CodeOf(err) == apiuser.CodeChanged {
					err = nil
				}
				return err
			}},
			{"token", func(ctx context.Context, w audit.Change) error {
				return s.PutLink(ctx, "a", vault.HashToken("another"), w, func(l link.Link) link.Link { return l })
			}},
		} {
			before := len(entriesOf(t, s, "a"))
			var wg sync.WaitGroup
			start := make(chan struct{})
			for range 6 {
				wg.Go(func() {
					<-start
					if err := c.do(ctx, audit.Change{At: linktest.At(2), Actor: "olga", Action: c.action}); err != nil {
						t.Errorf("%s: %v", c.action, err)
					}
				})
			}
			close(start)
			wg.Wait()
			all := entriesOf(t, s, "a")
			if len(all) != before+1 || all[before].Actor != "olga" || all[before].Before == all[before].After {
				t.Errorf("%s: %+v", c.action, all[before:])
			}
		}
		if last := entriesOf(t, s, "a"); last[len(last)-1].Action != audit.TokenReplaced {
			t.Errorf("the token: %+v", last[len(last)-1])
		}
	})
}

// TestVisitsAreBounded: of more visits than a pair may have under way the oldest go; other sign-ins stay.
func TestVisitsAreBounded(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, []sqldb.Migrations{sqlstore.Migrations()}, func(t *testing.T, db *sqldb.DB) {
		s := sqlstore.New(db)
		sqlstore.LimitVisits(s, 3)
		linktest.Put(t, s, "a", 1)
		linktest.Put(t, s, "b", 2)
		add := func(pair, name string, p signin.Purpose, at int) {
			t.Helper()
			if err := s.AddFlow(t.Context(), signin.Flow{Key: vault.HashToken(name), Pair: pair, Purpose: p, Expires: linktest.At(at)}); err != nil {
				t.Fatal(err)
			}
		}
		add("a", "known", signin.MapUser, 0)
		add("b", "other", signin.Visit, 0)
		for n := range 5 {
			add("a", fmt.Sprint(n), signin.Visit, n+1)
		}
		for name, there := range map[string]bool{"known": true, "other": true, "0": false, "1": false, "2": true, "3": true, "4": true} {
			if _, err := s.Flow(t.Context(), vault.HashToken(name)); (err == nil) != there {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
