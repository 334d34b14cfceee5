package sqlstore_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/orgtest"
	"github.com/twinspan/twinspan/crm/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/fault"
)

// What can still be used, or tells a second use from a first, stays; the rest goes when it is old.
func TestPurge(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		o, later := h.MakeOrg(t, "acme"), h.MakeOrg(t, "back")
		s, ctx := h.Store, t.Context()
		// The clock of one org is set back by ten days: for it everything is that much younger.
		if err := s.SetClockOffset(ctx, later.ID, -10*day); err != nil {
			t.Fatal(err)
		}
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		session := func(o orgtest.Org, n int64, expires time.Duration) int64 {
			ss := stored(o, number(n))
			ss.Expires = orgtest.Start.Add(expires)
			must(s.AddSession(ctx, ss, event(o, ss.ID)))
			return ss.ID
		}
		short, used, back := session(o, 1, time.Hour), session(o, 2, 20*day), session(later, 3, time.Hour)

		redeemed := func(n int64, app org.ID) org.Redemption {
			c := code(o, number(n))
			c.App = app
			_, err := s.AddCode(ctx, c, nil)
			must(err)
			r := redemption(o, c, number(n+1), number(n+2))
			r.Grant.App = app
			_, err = s.RedeemCode(ctx, r)
			must(err)
			return r
		}
		live, revoked, frontdoor := redeemed(10, o.App), redeemed(20, o.App), redeemed(30, "")
		must(s.RevokeGrant(ctx, revoked.Grant.ID, orgtest.Start.Add(5*day)))
		unused := code(o, number(40))
		_, err := s.AddCode(ctx, unused, nil)
		must(err)

		there := func(after time.Duration, what string, err error, want bool) {
			t.Helper()
			if err != nil && fault.KindOf(err) != fault.NotFound || (err == nil) != want {
				t.Errorf("after %v: %s: %v, want it there: %v", after, what, err, want)
			}
		}
		for _, after := range []time.Duration{23 * time.Hour, 26 * time.Hour, 12 * day, 30 * day, 32 * day, 37 * day, 1000 * day} {
			for gone := 1; gone > 0; {
				if gone, err = s.Purge(ctx, orgtest.Start.Add(after), 2); err != nil {
					t.Fatal(err)
				}
			}
			for name, x := range map[string]struct {
				id    int64
				until time.Duration
			}{"a session": {short, 25 * time.Hour}, "one in use": {used, 21 * day}, "one of a slow clock": {back, 11*day + time.Hour}} {
				_, err := s.SessionByID(ctx, x.id)
				there(after, name, err, after <= x.until)
			}
			for name, x := range map[string]struct {
				r     org.Redemption
				code  time.Duration
				grant time.Duration
			}{"live": {live, 2000 * day, 2000 * day}, "revoked": {revoked, 31 * day, 36 * day}, "frontdoor": {frontdoor, 31 * day, 31 * day}} {
				_, err := s.Code(ctx, x.r.Code)
				there(after, "the code of the grant "+name, err, after <= x.code)
				_, err = s.Grant(ctx, x.r.Grant.ID)
				there(after, "the grant "+name, err, after <= x.grant)
			}
			_, err = s.Code(ctx, unused.ID)
			there(after, "the code that nobody used", err, after <= 31*day)
		}
	})
}

// The Setup Audit Trail goes after 180 days of its org's own time (crm-wire 5.1).
func TestPurgeAudit(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		ctx, s := t.Context(), h.Store
		there := map[org.ID]int{}
		count := func(o orgtest.Org) (n int) {
			t.Helper()
			if err := s.DB().QueryRow(ctx, `SELECT COUNT(*) FROM setup_audit_trail WHERE org_id = $1`, string(o.ID)).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		orgs := []orgtest.Org{h.MakeOrg(t, "acme"), h.MakeOrg(t, "back")}
		for i, o := range orgs {
			for n := range 3 {
				u := newUser(fmt.Sprintf("u%d@purge%d.example", n, i), profileOf(t, h, o, "Standard User"))
				if _, err := h.Records.Create(ctx, o.Admin, "User", u); err != nil {
					t.Fatal(err)
				}
			}
			if there[o.ID] = count(o); there[o.ID] < 3 {
				t.Fatalf("%d rows", there[o.ID])
			}
		}
		if err := s.SetClockOffset(ctx, orgs[1].ID, -10*day); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			after time.Duration
			left  [2]bool
		}{{180*day - time.Hour, [2]bool{true, true}}, {180*day + time.Hour, [2]bool{false, true}}, {190*day + time.Hour, [2]bool{false, false}}} {
			for gone := 1; gone > 0; {
				var err error
				if gone, err = s.Purge(ctx, orgtest.Start.Add(c.after), 2); err != nil {
					t.Fatal(err)
				}
			}
			for i, o := range orgs {
				want := 0
				if c.left[i] {
					want = there[o.ID]
				}
				if n := count(o); n != want {
					t.Errorf("after %s: %d rows, want %d", c.after, n, want)
				}
			}
		}
	})
}

// Login History goes after six months of its org's own time, in small steps that end, and takes nothing else with it.
func TestPurgeHistory(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		ctx, s := t.Context(), h.Store
		s.UseClock(h.Clock)
		old, young := h.MakeOrg(t, "acme"), h.MakeOrg(t, "back")
		for i, o := range []orgtest.Org{old, young} {
			for n := range int64(7) {
				ss := stored(o, number(int64(i)*100+n))
				ss.Expires = orgtest.Start.AddDate(1, 0, 0)
				if err := s.AddSession(ctx, ss, event(o, ss.ID)); err != nil {
					t.Fatal(err)
				}
			}
		}
		count := func(table string, o orgtest.Org) (n int) {
			t.Helper()
			if err := s.DB().QueryRow(ctx, `SELECT COUNT(*) FROM `+table+` WHERE org_id = $1`, string(o.ID)).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		sweep := func() (gone, steps int) {
			t.Helper()
			var at sqlstore.HistoryPlace
			for {
				next, n, err := s.PurgeHistory(ctx, at, 3)
				if err != nil || n > 3 {
					t.Fatal(n, err)
				}
				if gone, steps, at = gone+n, steps+1, next; at == (sqlstore.HistoryPlace{}) {
					return gone, steps
				}
			}
		}
		for _, c := range []struct {
			ahead time.Time
			gone  int
		}{
			{orgtest.Start, 0},
			{orgtest.Start.AddDate(0, 6, 0), 0},
			{orgtest.Start.AddDate(0, 6, 0).Add(time.Second), 7},
			{orgtest.Start.AddDate(0, 6, 0).Add(time.Second), 0},
		} {
			h.Clock.Set(string(old.ID), c.ahead.Sub(orgtest.Start))
			if gone, steps := sweep(); gone != c.gone || steps > 6 {
				t.Errorf("at %v: %d rows went in %d steps, want %d", c.ahead, gone, steps, c.gone)
			}
		}
		if count("login_history", old) != 0 || count("login_history", young) != 7 {
			t.Errorf("%d and %d rows are left", count("login_history", old), count("login_history", young))
		}
		if n := count("auth_session_record", old); n != 7 {
			t.Errorf("%d sessions are listed whose logins are too old", n)
		}
	})
}
