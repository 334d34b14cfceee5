package sqlstore_test

import (
	"fmt"
	"strings"
	"testing"

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
