package sqlstore_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/orgtest"
	"github.com/twinspan/twinspan/crm/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// flaky is a store whose leases fail when told to, after they were written or before.
type flaky struct {
	org.MeterStore
	before, after bool
}

var errFlaky = errors.New("the connection broke")

func (f *flaky) Lease(ctx context.Context, r org.LeaseRequest) (org.Lease, error) {
	if f.before {
		return org.Lease{}, errFlaky
	}
	l, err := f.MeterStore.Lease(ctx, r)
	if f.after {
		return org.Lease{}, errFlaky
	}
	return l, err
}

func newMeter(t *testing.T, h *orgtest.House, s org.MeterStore) *org.Meter {
	t.Helper()
	m := org.NewMeter(s, h.Clock, slog.New(slog.NewTextHandler(t.Output(), nil)))
	t.Cleanup(func() {
		if err := m.Stop(); err != nil { // also waits for a lease under way
			t.Error(err)
		}
	})
	return m
}

func count(t *testing.T, m *org.Meter, s org.Session, calls int) org.Reading {
	t.Helper()
	var r org.Reading
	for range calls {
		var err error
		if r, err = m.Count(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func metered(t *testing.T, h *orgtest.House, name string, limit int) orgtest.Org {
	t.Helper()
	spec := orgtest.Spec(name)
	spec.DailyAPIRequests = limit
	if err := h.Control.CreateOrg(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	return orgtest.Org{ID: org.ID(spec.ID), Admin: h.SessionOf(t, spec.Users[0].Username), Spec: spec}
}

// A process that ends without a word leaves a count that is high by one block at most, and never low, until what it held
// leaves the window with its minute.
func TestAProcessThatDiesIsNotForgotten(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		o := metered(t, h, "metered", 10_000)
		const calls = 237
		if r := count(t, newMeter(t, h, h.Store), o.Admin, calls); r.Used != calls {
			t.Errorf("the first process counts %d", r.Used)
		}
		second := newMeter(t, h, h.Store)
		r := count(t, second, o.Admin, 1)
		if r.Used < calls+1 || r.Used > calls+1+100 {
			t.Errorf("the next one counts %d after %d", r.Used, calls)
		}
		h.Clock.Set(string(o.ID), 23*time.Hour+59*time.Minute)
		if later := count(t, second, o.Admin, 1); later.Used < calls+2 || later.Used > calls+2+100 {
			t.Errorf("a minute before the end: %d after %d", later.Used, calls)
		}
		h.Clock.Set(string(o.ID), 24*time.Hour)
		if later := count(t, second, o.Admin, 1); later.Used != 2 {
			t.Errorf("a day later: %d", later.Used)
		}
	})
}

// What a process holds unused it gives back when it is asked how the org stands, and when it stops.
func TestWhatIsUnusedIsGivenBack(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		o := metered(t, h, "metered", 1000)
		a, b := newMeter(t, h, h.Store), newMeter(t, h, h.Store)
		a.Start(t.Context())
		count(t, a, o.Admin, 3)
		if r, err := a.Read(t.Context(), o.ID, org.AllowanceRequests); err != nil || r.Used != 3 || r.Max != 1000 {
			t.Errorf("%+v %v", r, err)
		}
		if r, err := b.Read(t.Context(), o.ID, org.AllowanceRequests); err != nil || r.Used != 3 {
			t.Errorf("the other process: %+v %v", r, err)
		}
		count(t, a, o.Admin, 2)
		if err := a.Stop(); err != nil {
			t.Fatal(err)
		}
		if r, err := b.Read(t.Context(), o.ID, org.AllowanceRequests); err != nil || r.Used != 5 {
			t.Errorf("after a clean stop: %+v %v", r, err)
		}
		hours, err := b.Usage(t.Context(), o.ID)
		if err != nil || len(hours) != 1 || hours[0].Counted != 5 || hours[0].User != o.Admin.User || hours[0].Hour != orgtest.Start.Unix()/3600 {
			t.Errorf("%+v %v", hours, err)
		}
	})
}

// A lease of which nobody knows whether it was written may make the count high for a while, never low.
func TestALeaseThatBreaks(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		for name, f := range map[string]*flaky{"before": {before: true}, "after": {after: true}} {
			o := metered(t, h, name, 10_000)
			f.MeterStore = h.Store
			broken := *f
			f.before, f.after = false, false
			m := newMeter(t, h, f)
			count(t, m, o.Admin, 30)
			f.before, f.after = broken.before, broken.after
			served := 30
			for range 200 { // what is held is served; then the store is needed
				if _, err := m.Count(t.Context(), o.Admin); err != nil {
					if !errors.Is(err, errFlaky) {
						t.Fatal(err)
					}
					break
				}
				served++
			}
			if served > 100 {
				t.Errorf("%d calls were served of one block", served)
			}
			f.before, f.after = false, false
			count(t, m, o.Admin, 100)
			served += 100
			r, err := m.Read(t.Context(), o.ID, org.AllowanceRequests)
			if err != nil || r.Used != int64(served) {
				t.Errorf("%+v: %d calls are counted as %d, %v", broken, served, r.Used, err)
			}
		}
	})
}

// A clock that is set back finds what the minute had, and its own calls beside it.
func TestAClockThatIsSetBack(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		o := metered(t, h, "metered", 10_000)
		m := newMeter(t, h, h.Store)
		count(t, m, o.Admin, 3)
		h.Clock.Set(string(o.ID), time.Hour)
		if r := count(t, m, o.Admin, 4); r.Used != 7 {
			t.Errorf("an hour later: %d", r.Used)
		}
		h.Clock.Set(string(o.ID), 0)
		if r := count(t, m, o.Admin, 2); r.Used != 5 { // what comes later is not in the last 24 hours
			t.Errorf("back again: %d", r.Used)
		}
		h.Clock.Set(string(o.ID), time.Hour)
		if r := count(t, m, o.Admin, 1); r.Used != 10 {
			t.Errorf("and forth: %d", r.Used)
		}
	})
}

// Bulk requests of an exempt app count like all others, and the Bulk APIs' own allowances are counted apart.
func TestBulkIsNeverExempt(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		o := h.MakeOrg(t, "bulk")
		m := newMeter(t, h, h.Store)
		connector := o.Admin
		connector.App = o.App
		if r := count(t, m, connector, 5); r.Used != 0 {
			t.Errorf("the connector's calls count as %d", r.Used)
		}
		if r, err := m.CountBulk(t.Context(), connector); err != nil || r.Used != 1 {
			t.Errorf("its Bulk call: %+v %v", r, err)
		}
		if r, err := m.Spend(t.Context(), connector, org.AllowanceBulkBatches, 14_990); err != nil || r.Used != 14_990 || r.Max != 15_000 {
			t.Errorf("batches: %+v %v", r, err)
		}
		if r, err := m.Spend(t.Context(), connector, org.AllowanceBulkBatches, 11); fault.CodeOf(err) != org.CodeRequestLimit {
			t.Errorf("one batch too many: %+v %v", r, err)
		}
		if r, err := m.Spend(t.Context(), connector, org.AllowanceBulkQueries, 1); err != nil || r.Used != 1 || r.Max != 10_000 {
			t.Errorf("query jobs: %+v %v", r, err)
		}
		hours, err := m.Usage(t.Context(), o.ID)
		if err != nil || len(hours) != 1 || hours[0].Exempt != 5 || hours[0].Counted != 1 || hours[0].AppName != "Salesforce Marketing Cloud" ||
			hours[0].Username != o.Spec.Users[0].Username {
			t.Errorf("%+v %v", hours, err)
		}
	})
}

// Old minutes and hours go, two days and eight days after.
func TestTheMeterIsPurged(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		o := metered(t, h, "metered", 0)
		m := newMeter(t, h, h.Store)
		count(t, m, o.Admin, 2)
		if r, err := m.Read(t.Context(), o.ID, org.AllowanceRequests); err != nil || r.Max != 1_100_000 {
			t.Errorf("%+v %v", r, err)
		}
		if _, err := m.Usage(t.Context(), o.ID); err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			after time.Duration
			gone  int
		}{{47 * time.Hour, 0}, {49 * time.Hour, 1}, {8 * 24 * time.Hour, 0}, {8*24*time.Hour + time.Hour, 1}} {
			if n, err := h.Store.Purge(t.Context(), orgtest.Start.Add(step.after), 10); err != nil || n != step.gone {
				t.Errorf("after %v: %d rows, %v", step.after, n, err)
			}
		}
	})
}

// The allowance of an org goes by its edition and licences.
func TestDailyRequests(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		edition  string
		licences int64
		want     int64
	}{
		{"Developer Edition", 2, 15_000}, {"Enterprise Edition", 30, 130_000}, {"Professional Edition", 0, 100_000}, {"Unlimited Edition", 10, 150_000},
	} {
		if got := org.DailyRequests(c.edition, c.licences); got != c.want {
			t.Errorf("%s with %d licences: %d, want %d", c.edition, c.licences, got, c.want)
		}
	}
}

// BenchmarkCount is what the meter adds to a call, its leases included.
func BenchmarkCount(b *testing.B) {
	for _, kind := range sqldbtest.Kinds {
		b.Run(kind, func(b *testing.B) {
			h := orgtest.NewHouse(b, sqldbtest.Open(b, sqldbtest.DSN(b, kind), []sqldb.Migrations{sqlstore.Migrations()}))
			spec := orgtest.Spec("bench")
			spec.DailyAPIRequests = 1 << 40
			if err := h.Control.CreateOrg(b.Context(), spec); err != nil {
				b.Fatal(err)
			}
			m := org.NewMeter(h.Store, h.Clock, slog.New(slog.DiscardHandler))
			s := h.SessionOf(b, spec.Users[0].Username)
			b.Cleanup(func() {
				if err := m.Stop(); err != nil {
					b.Error(err)
				}
			})
			b.ReportAllocs()
			for b.Loop() {
				if _, err := m.Count(b.Context(), s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
