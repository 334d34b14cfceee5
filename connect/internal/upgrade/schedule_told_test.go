package upgrade_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/connect/internal/mailing"
	"github.com/twinspan/twinspan/connect/internal/upgrade"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/mail"
	"github.com/twinspan/twinspan/internal/vault"
)

// outageCourse has an outage of Connect's, and what a CRM admin does in it. In the documented order he begins.
func (w *world) outageCourse() upgrade.Course {
	course := w.course()
	steps := slices.Clone(course.Steps[upgrade.Safe])
	undoTimed := steps[1].Undo
	steps[1].Name = upgrade.OpenOutage
	steps[1].Do = func(_ context.Context, work upgrade.Work) (upgrade.Outcome, error) {
		o := link.Outage{Mode: work.Upgrade.Mode, From: work.Now, Until: work.Now.Add(work.Upgrade.Window), Stays: true, Reason: "upgrade in progress", Actor: "olga"}
		return upgrade.Outcome{Reading: upgrade.Reading{Done: true}, Effect: upgrade.Effect{Outage: &o}}, nil
	}
	steps[1].Undo = func(ctx context.Context, work upgrade.Work) (upgrade.Outcome, error) {
		out, err := undoTimed(ctx, work)
		out.Effect = upgrade.Effect{Outage: &link.Outage{}}
		return out, err
	}
	other := slices.Clone(steps)
	other[1], other[2] = other[2], other[1]
	return upgrade.Course{Span: link.IntoTenant, Steps: map[upgrade.Order][]upgrade.Step{upgrade.Safe: steps, upgrade.Documented: other}, Watch: course.Watch}
}

// box keeps what was mailed: "to: subject".
type box struct {
	mu  sync.Mutex
	got []mail.Message
}

func (b *box) Send(_ context.Context, m mail.Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.got = append(b.got, m)
	return nil
}

// taken is what came since it was asked last.
func (b *box) taken() []mail.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	got := b.got
	b.got = nil
	return got
}

// calendar are the times of the sends that are scheduled, in their order.
type calendar []time.Time

// Waiting implements upgrade.Mailings.
func (c calendar) Waiting(ctx context.Context, pair string, state mailing.State, due time.Time, limit int) ([]mailing.Mailing, error) {
	if state != mailing.Scheduled {
		return nil, nil
	}
	return c.Due(ctx, pair, time.Time{}, due.Add(time.Millisecond), limit)
}

// Due implements upgrade.Mailings.
func (c calendar) Due(_ context.Context, _ string, from, until time.Time, limit int) (all []mailing.Mailing, _ error) {
	for _, at := range c {
		if !at.Before(from) && at.Before(until) && len(all) < limit {
			all = append(all, mailing.Mailing{State: mailing.Scheduled, DueAt: at})
		}
	}
	return all, nil
}

// A send that is scheduled inside the outage is seen, and refuses one in which it would fail, however many are due before it.
func TestASendBehindManyIsInsideTheOutage(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		b := w.booking(t)
		at := b.w.links.Now(b.w.link).Add(24 * time.Hour)
		b.Mailings = append(slices.Repeat(calendar{at.Add(-time.Hour)}, 5000), at.Add(time.Hour))
		fails := func(r *upgrade.ScheduleRequest) { r.Kind, r.At, r.Mode = upgrade.TenantOAuth, at, link.Fail }
		b.book(t, upgrade.CodeSendsInside, fails)
		b.Mailings = calendar{at.Add(-time.Hour), at.Add(3 * time.Hour)}
		b.book(t, "", fails)
	})
}

// booked asks for bookings and takes the letters about them.
type booked struct {
	upgrade.ScheduleRequest
	*upgrade.Scheduler
	w    *world
	mail *box
}

func (w *world) booking(t *testing.T) *booked {
	t.Helper()
	noError(t, w.store.PutLink(t.Context(), w.link.Pair, vault.HashToken("token-a"), linktest.Why, func(l link.Link) link.Link {
		l.Standing = link.Embedded
		return l
	}))
	var err error
	w.link, err = w.links.Link(t.Context(), w.link.Pair)
	noError(t, err)
	b := &booked{w: w, mail: &box{}}
	b.Scheduler = upgrade.NewScheduler(upgrade.SchedulerOptions{Store: w.upgrades, Upgrades: w.service, Links: w.links, Mailings: calendar{}, Sender: b.mail, Base: "http://connect.example"})
	b.ScheduleRequest = upgrade.ScheduleRequest{EngagementAdmins: []string{"eve@admin.example"}, CRMAdmins: []string{"carl@admin.example"}}
	return b
}

// book asks for what change makes of a request for the kind with two orders, and fails the test unless the answer has the code.
func (b *booked) book(t *testing.T, code fault.Code, change func(*upgrade.ScheduleRequest)) upgrade.Schedule {
	t.Helper()
	r := b.ScheduleRequest
	r.By = "olga"
	change(&r)
	s, _, err := b.Book(t.Context(), b.w.link, r)
	wantCode(t, err, code)
	return s
}

// told has the letters sent that are due, and fails the test unless each admin gets that many, with the text.
func (b *booked) told(t *testing.T, n int, text string) {
	t.Helper()
	noError(t, b.Tell(t.Context()))
	got := b.mail.taken()
	if len(got) != 2*n {
		t.Fatalf("%d letters, want %d of %q: %+v", len(got), 2*n, text, got)
	}
	for _, m := range got {
		if !strings.Contains(m.Subject+"\n"+m.Text, text) {
			t.Errorf("the letter to %s lacks %q: %s\n%s", m.To.Email, text, m.Subject, m.Text)
		}
	}
}

// What is booked is changed as it is asked for, or not at all: whatever was not named stays, and each change is told to both admins,
// also one back to what was there before; the same asked for twice is told once.
func TestBookingIsChanged(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		b := w.booking(t)
		first := w.now().Add(72 * time.Hour).UTC().Truncate(time.Minute)
		yes := true
		at := func(at time.Time) func(*upgrade.ScheduleRequest) {
			return func(r *upgrade.ScheduleRequest) { r.At = at }
		}
		s := b.book(t, "", func(r *upgrade.ScheduleRequest) { r.Kind, r.At, r.AfterSends = upgrade.TenantOAuth, first, &yes })
		b.told(t, 1, "once the sends have completed")
		// Another kind, an order that there is not: nothing of it is kept.
		b.book(t, upgrade.CodeRunning, func(r *upgrade.ScheduleRequest) {
			r.Kind, r.At, r.CRMAdmins = upgrade.ConnectedApp, first.Add(time.Hour), []string{"mallory@admin.example"}
		})
		b.book(t, upgrade.CodeInvalid, func(r *upgrade.ScheduleRequest) { r.Order, r.At = "backwards", first.Add(time.Hour) })
		now, err := b.Current(t.Context(), w.link)
		noError(t, err)
		if !now.AfterSends || !now.At.Equal(first) || !now.BookedAt.Equal(s.BookedAt) || !slices.Equal(now.CRMAdmins, b.CRMAdmins) {
			t.Errorf("after refusals: %+v", now)
		}
		w.advance(time.Second)
		s = b.book(t, "", at(first.Add(time.Hour))) // without the kind, and what else was said
		if s.Kind != upgrade.TenantOAuth || s.Order != upgrade.Safe || !s.AfterSends || s.ID != now.ID {
			t.Errorf("moved: %+v", s)
		}
		b.told(t, 1, "from "+s.At.Format("2006-01-02 15:04 UTC"))
		w.advance(time.Second)
		b.book(t, "", at(first))
		b.told(t, 1, "from "+first.Format("2006-01-02 15:04 UTC"))
		w.advance(time.Second)
		b.book(t, "", func(r *upgrade.ScheduleRequest) { r.At, r.Window, r.Mode = first, 4*time.Hour, link.Fail })
		b.told(t, 1, "to "+first.Add(4*time.Hour).Format("2006-01-02 15:04 UTC"))
		w.advance(time.Second)
		b.book(t, "", at(first))
		b.told(t, 0, "")
		s = b.book(t, "", func(r *upgrade.ScheduleRequest) { r.At, r.Order = first, upgrade.Documented })
		if s.Order != upgrade.Documented || s.Steps[1].Step != "person" || len(s.Steps) != len(now.Steps) {
			t.Errorf("in the documented order: %+v", s.Upgrade)
		}
		b.told(t, 1, "Booked")
		// Begun in another hour than it was booked for, that is told too; the order stays from then on.
		u := w.start(t, upgrade.StartRequest{By: "eve", Order: upgrade.Documented, Booking: upgrade.Booking{At: first.Add(-time.Hour)}})
		if u.ID != s.ID || u.Order != upgrade.Documented || u.Kind != upgrade.TenantOAuth {
			t.Errorf("begun: %+v", u)
		}
		b.told(t, 1, "from "+first.Add(-time.Hour).Format("2006-01-02 15:04 UTC"))
		b.book(t, upgrade.CodeRunning, func(r *upgrade.ScheduleRequest) { r.At, r.Order = first, upgrade.Safe })
	})
}

// torn gives an upgrade as it was before it was moved, with the booking as it is since: what two reads find that a move comes between.
type torn struct {
	upgrade.Bookings
	old upgrade.Upgrade
}

func (s torn) OpenBookings(ctx context.Context) ([]upgrade.Schedule, error) {
	b, err := s.Booking(ctx, s.old)
	return []upgrade.Schedule{b}, err
}

// A schedule that is moved while it is looked at is told as it is then: no hour that it had before.
func TestBookingIsMovedMeanwhile(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		b := w.booking(t)
		at := w.now().Add(72 * time.Hour).UTC().Truncate(time.Minute)
		old := b.book(t, "", func(r *upgrade.ScheduleRequest) { r.Kind, r.At = upgrade.TenantOAuth, at })
		b.told(t, 1, "Booked: outage")
		w.advance(time.Second)
		b.book(t, "", func(r *upgrade.ScheduleRequest) { r.At = at.Add(24 * time.Hour) })
		b.Store = torn{b.Store, old.Upgrade}
		b.told(t, 1, "from "+at.Add(24*time.Hour).Format("2006-01-02 15:04 UTC"))
	})
}

// A cancelled upgrade's outage is over when Connect has put back what it did: both admins are told then, with what is left for whom;
// once he has put that back, they are told so. The report has the outage's own end.
func TestOutageOfACancelledUpgradeEnds(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		b := w.booking(t)
		b.book(t, "", func(r *upgrade.ScheduleRequest) { r.Kind, r.At = upgrade.TenantOAuth, w.now().Add(time.Minute) })
		b.told(t, 1, "Booked: outage")
		w.advance(time.Minute)
		w.start(t, upgrade.StartRequest{By: "olga"})
		_, err := w.service.Tell(t.Context(), w.link, "told", upgrade.Telling{By: "olga"})
		noError(t, err)
		w.awaitState(t, upgrade.Waits, "person")
		b.told(t, 1, "Open: outage")
		w.set(func() {
			w.ready["person"], w.refuse["last"] = true, fault.New(fault.Unavailable, "down", "The org does not answer.")
		})
		w.await(t, "the last step", func(u upgrade.Upgrade) bool { return u.Step == "last" })
		w.advance(30 * time.Minute)
		_, err = w.service.Cancel(t.Context(), w.link, "olga", "not today")
		noError(t, err)
		w.set(func() { w.refuse = map[string]error{} })
		u := w.await(t, "the CRM admin's turn", func(u upgrade.Upgrade) bool { return u.State == upgrade.Cancelling && u.Waiting != nil })
		ended := u.Record(upgrade.OpenOutage).EndedAt
		w.advance(5 * time.Hour)
		b.told(t, 1, "Something is left for the Sales or Service Cloud administrator to put back.\nIt is: true\nIt was: false\nIn the browser: Setup\nBy command: `twinspan`")
		r, err := w.service.Report(t.Context(), w.link)
		noError(t, err)
		if !r.OutageEnded.Equal(ended) || ended.Before(u.OpenedAt.Add(30*time.Minute)) || ended.After(u.OpenedAt.Add(time.Hour)) {
			t.Errorf("the outage ended at %v, want %v, opened %v", r.OutageEnded, ended, u.OpenedAt)
		}
		w.set(func() { w.ready["person"] = false })
		w.awaitState(t, upgrade.Cancelled, "")
		b.told(t, 1, "Everything is as it was before.")
		b.told(t, 0, "")
		if r, err = w.service.Report(t.Context(), w.link); err != nil || !r.OutageEnded.Equal(ended) {
			t.Errorf("at the end it ended at %v, want %v: %v", r.OutageEnded, ended, err)
		}
	})
}

// stopping is a mail server that takes nothing now, and a program that stops while it says so.
type stopping struct{ stop context.CancelFunc }

func (s stopping) Send(context.Context, mail.Message) error {
	s.stop()
	return fault.New(fault.Unavailable, mail.CodeDeferred, "later")
}

// A program that stops keeps no letter from the next one: neither the one that was refused as it stopped, nor those not begun.
func TestLettersAreGivenBack(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		b := w.booking(t)
		b.book(t, "", func(r *upgrade.ScheduleRequest) { r.At = w.now().Add(72 * time.Hour) })
		ctx, stop := context.WithCancel(t.Context())
		b.Sender = stopping{stop}
		if err := b.Tell(ctx); err == nil {
			t.Error("a letter that was not taken is no trouble")
		}
		b.Sender = b.mail
		b.Machine = func() time.Time { return time.Now().Add(b.Retry) }
		b.told(t, 1, "Booked")
	})
}
