package sqlstore_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/twinspan/twinspan/connect/internal/doctor"
	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/connect/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// TestFixes: a fix is kept with its entries, ends once, and old ones go.
func TestFixes(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, []sqldb.Migrations{sqlstore.Migrations()}, func(t *testing.T, db *sqldb.DB) {
		ctx := t.Context()
		s := sqlstore.New(db)
		linktest.Put(t, s, "p", 1)
		why := linktest.Why
		why.Action = doctor.ActionFix
		one := func(n int) doctor.Fix {
			return doctor.Fix{ID: fmt.Sprint("fix", n), Actor: "olga", Begun: linktest.At(n), Mends: []doctor.Mending{{Check: "D07", Subject: "maya@org", Command: "twinspan org", By: doctor.OrgAdmin}}}
		}
		for n := range 4 {
			if err := s.AddFix(ctx, "p", one(n), why, 3); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Fix(ctx, "p", "fix0"); fault.CodeOf(err) != doctor.CodeNoFix {
			t.Errorf("the oldest is there: %v", err)
		}
		if _, err := s.Fix(ctx, "other", "fix3"); fault.CodeOf(err) != doctor.CodeNoFix {
			t.Errorf("another pair's: %v", err)
		}
		f, err := s.Fix(ctx, "p", "fix3")
		if diff := cmp.Diff(one(3), f); err != nil || diff != "" {
			t.Error(err, diff)
		}
		f.Ended, f.Mends[0].State = linktest.At(9), doctor.Mended
		why.Action = doctor.ActionFixed
		if err := s.EndFix(ctx, "p", f, why); err != nil {
			t.Fatal(err)
		}
		if err := s.EndFix(ctx, "p", f, why); fault.CodeOf(err) != doctor.CodeFixEnded {
			t.Errorf("ended twice: %v", err)
		}
		if g, err := s.Fix(ctx, "p", "fix3"); err != nil || !cmp.Equal(f, g) {
			t.Error(err, cmp.Diff(f, g))
		}
		entries, err := s.Entries(ctx, "p", 0, 100)
		if last := entries[len(entries)-1]; err != nil || last.Action != doctor.ActionFixed || !strings.Contains(last.After, `"state":"mended"`) {
			t.Errorf("%v %+v", err, last)
		}
		fixes := 0
		for _, e := range entries {
			if e.Action == doctor.ActionFix || e.Action == doctor.ActionFixed {
				fixes++
			}
		}
		if fixes != 5 {
			t.Errorf("%d entries of 4 fixes and one end", fixes)
		}
	})
}

// TestRounds: a round is due once for all processes, rounds count from the one before, old ones go with what was to be told.
func TestRounds(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, []sqldb.Migrations{sqlstore.Migrations()}, func(t *testing.T, db *sqldb.DB) {
		ctx := t.Context()
		s := sqlstore.New(db)
		linktest.Put(t, s, "p", 1)
		linktest.Put(t, s, "q", 2)
		claim := func(seconds int, want ...string) {
			t.Helper()
			got, err := s.ClaimRounds(ctx, linktest.At(seconds), time.Hour)
			slices.Sort(got)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("after %d s: %v %v, want %v", seconds, got, err, want)
			}
		}
		claim(0) // new ones wait
		claim(3599)
		claim(3600, "p", "q")
		claim(3600)
		why := linktest.Why
		why.Action = doctor.ActionWatch
		w := doctor.Watch{Every: time.Minute, Severity: doctor.Error, Origin: "https://hooks.example.com", Sealed: []byte("sealed")}
		if err := s.SetWatch(ctx, "p", w, why); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Watch(ctx, "p"); err != nil || !cmp.Equal(got, w) {
			t.Error(got, err)
		}
		if got, err := s.Watch(ctx, "q"); err != nil || !cmp.Equal(got, doctor.DefaultWatch()) {
			t.Error(got, err)
		}
		claim(3600, "p") // at once
		claim(3659)
		claim(3660, "p")
		w.Every, w.Origin, w.Sealed = 0, "", nil
		if err := s.SetWatch(ctx, "p", w, why); err != nil {
			t.Fatal(err)
		}
		claim(7200, "q")

		for n := 1; n <= 4; n++ {
			r, err := s.AddRound(ctx, "p", linktest.At(n), 2, func(before doctor.Round) (doctor.Round, []doctor.Delivery) {
				if n > 1 && (before.Seq != int64(n-1) || !slices.Equal(before.Open, []string{fmt.Sprint(n - 1)})) {
					t.Errorf("the round before %d: %+v", n, before)
				}
				return doctor.Round{At: linktest.At(n), State: doctor.Healthy, Detail: doctor.Detail{Findings: []doctor.RoundFinding{}, Open: []string{fmt.Sprint(n)}}, Traces: doctor.Traces{Keys: []doctor.Key{{Check: "D08", Severity: doctor.Error, Subject: "ab"}}, Used: 7}},
					[]doctor.Delivery{{Channel: "mail", Target: "olga@admin.example", Subject: "s", Body: "b"}, {Channel: "webhook", Body: "{}"}}
			})
			if err != nil || r.Seq != int64(n) {
				t.Fatal(r, err)
			}
		}
		all, err := s.Rounds(ctx, "p", 0, 10)
		if err != nil || len(all) != 2 || all[0].Seq != 4 || all[1].Seq != 3 || !all[0].At.Equal(linktest.At(4)) {
			t.Errorf("%+v %v", all, err)
		}
		if all, err = s.Rounds(ctx, "p", 4, 10); err != nil || len(all) != 1 {
			t.Errorf("%+v %v", all, err)
		}
		last, err := s.LastRounds(ctx, 10)
		if err != nil || len(last) != 1 || last["p"].Seq != 4 {
			t.Errorf("%+v %v", last, err)
		}

		due := func(seconds int, want int) []doctor.Delivery {
			t.Helper()
			got, err := s.ClaimDeliveries(ctx, linktest.At(seconds), linktest.At(seconds+100), 10)
			if err != nil || len(got) != want {
				t.Fatalf("after %d s: %+v %v, want %d", seconds, got, err, want)
			}
			return got
		}
		first := due(10, 4)
		due(10, 0)
		if d := first[0]; d.Tries != 1 || d.Pair != "p" || d.Body == "" {
			t.Errorf("%+v", d)
		}
		for i, settle := range []struct {
			next time.Time
			why  string
		}{{}, {why: "never"}, {next: linktest.At(50), why: "later"}} {
			if err := s.SettleDelivery(ctx, first[i], settle.next, settle.why); err != nil {
				t.Fatal(err)
			}
		}
		if left, err := s.Undelivered(ctx); err != nil || left["due"] != 2 || left["failed"] != 1 {
			t.Error(left, err)
		}
		if again := due(50, 1); again[0].Tries != 2 || again[0].Target != first[2].Target || again[0].Seq != first[2].Seq {
			t.Errorf("%+v", again)
		}
		lost := due(110, 1) // whoever had it is gone
		if err := s.SettleDelivery(ctx, first[3], time.Time{}, ""); err != nil {
			t.Fatal(err)
		}
		if left, err := s.Undelivered(ctx); err != nil || left["due"] != 2 || lost[0].Tries != 2 {
			t.Error("one who comes too late has settled another's try", left, err)
		}
	})
}
