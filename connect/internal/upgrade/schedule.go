package upgrade

import (
	"cmp"
	"context"
	"fmt"
	netmail "net/mail"
	"slices"
	"sync"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/mailing"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/mail"
)

// Codes of the faults about bookings.
const (
	// CodeSendsInside: the outage would have sends fail that are scheduled inside it.
	CodeSendsInside fault.Code = "sends_inside_window"
	// CodeNotBooked: nothing is booked.
	CodeNotBooked fault.Code = "not_booked"
)

// maxAdmins bounds who is told, on each side.
const maxAdmins = 10

// Schedule is the outage of an upgrade that was booked, and who is told of it.
type Schedule struct {
	Upgrade
	// AfterSends: the outage opens only once the sends have completed that are due before it would end (document 002).
	AfterSends bool
	BookedAt   time.Time // domain time at which it was booked, or moved last; zero for one that was begun without a booking
	// EngagementAdmins and CRMAdmins are the addresses of those who are told.
	EngagementAdmins, CRMAdmins []string
}

// Letter is a mail about a schedule. Its Upgrade, Event and Recipient are its key.
type Letter struct {
	Pair, Upgrade string
	Event         string // "booked@", "soon@" or "missed@" with what was booked; "opened", "ended", "closed" or "withdrawn"
	Recipient     string
	MadeAt        time.Time // domain time
	Subject, Text string
}

// Bookings keeps schedules and what is told of them.
type Bookings interface {
	// PutBooking stores a schedule in place of the one that its upgrade has.
	PutBooking(ctx context.Context, s Schedule) error
	// Booking reads the schedule of an upgrade; a missing one is a NotFound fault with CodeNotBooked.
	Booking(ctx context.Context, u Upgrade) (Schedule, error)
	// Unbooked lists upgrades of all pairs that are under way and have no schedule, by pair and id.
	Unbooked(ctx context.Context) ([]Upgrade, error)
	// OpenBookings lists those of all pairs of which somebody is told more, by pair and id of the upgrade.
	OpenBookings(ctx context.Context) ([]Schedule, error)
	// AddLetters stores letters, of which those that were stored before stay as they are; last says that no more will come. Where the
	// upgrade was changed since it was read it stores none: a Conflict fault with CodeChanged.
	AddLetters(ctx context.Context, s Schedule, letters []Letter, last bool) error
	// TakeLetters gives letters that are not sent to this process until a machine time, in the order of their making.
	TakeLetters(ctx context.Context, now, until time.Time, limit int) ([]Letter, error)
	// SentLetter says that one was sent, or never will be; RetryLetter that it can be taken again at a machine time.
	SentLetter(ctx context.Context, l Letter) error
	RetryLetter(ctx context.Context, l Letter, at time.Time) error
	// Busy tells what happened in each hour of the day, UTC, of those from one domain time to another.
	Busy(ctx context.Context, pair string, from, to time.Time) ([24]Hour, error)
}

// SchedulerOptions wire a [Scheduler].
type SchedulerOptions struct {
	Store    Bookings
	Upgrades *Service
	Links    *link.Service
	Mailings Mailings
	Flush    func(context.Context) error // stores what was counted of calls; nil for nothing
	Sender   mail.Sender                 // nil tells nobody
	Machine  clock.Machine               // of leases; nil is time.Now
	Base     string                      // where this Connect answers
	Retry    time.Duration               // after which a letter is tried again that the mail server could not take; 0 is half a minute
}

// Scheduler books outages, proposes hours for them, and tells both admins. It is safe for concurrent use, also by several
// processes.
type Scheduler struct {
	SchedulerOptions

	mu    sync.Mutex
	later time.Time // machine time before which nobody is looked for who is to be told
}

// NewScheduler wires the scheduler.
func NewScheduler(o SchedulerOptions) *Scheduler {
	if o.Machine == nil {
		o.Machine = time.Now
	}
	o.Retry = cmp.Or(o.Retry, 30*time.Second)
	return &Scheduler{SchedulerOptions: o}
}

// ScheduleRequest asks for an outage.
type ScheduleRequest struct {
	StartRequest
	// AfterSends is that of the schedule; nil leaves it as it is booked.
	AfterSends *bool
	// EngagementAdmins and CRMAdmins are told; empty is whom the clouds name, or who was told before.
	EngagementAdmins, CRMAdmins []string
	// Anyway books an outage of mode fail in which scheduled sends fail.
	Anyway bool
}

// Book books the outage of an upgrade, or moves it. It gives the sends that are scheduled inside it.
func (s *Scheduler) Book(ctx context.Context, l link.Link, r ScheduleRequest) (Schedule, []mailing.Mailing, error) {
	for field, all := range map[string][]string{"engagement_admins": r.EngagementAdmins, "crm_admins": r.CRMAdmins} {
		if err := checkAddresses(field, all); err != nil {
			return Schedule{}, nil, err
		}
	}
	now := s.Links.Now(l)
	known, err := s.current(ctx, l)
	if err != nil && fault.CodeOf(err) != CodeNotBooked {
		return Schedule{}, nil, err
	}
	from := r.At
	if from.Before(now) {
		from = now
	}
	until := from.Add(cmp.Or(r.Window, known.Window, DefaultWindow))
	after := known.AfterSends
	if r.AfterSends != nil {
		after = *r.AfterSends
	}
	inside, err := s.Mailings.Due(ctx, l.Pair, from, until, maxTold+1)
	if err != nil {
		return Schedule{}, nil, err
	}
	if len(inside) > 0 && cmp.Or(r.Mode, known.Mode) == link.Fail && !after && !r.Anyway {
		return Schedule{}, inside, fault.New(fault.Conflict, CodeSendsInside, "%s between %s and %s, and would fail: take another hour, let the outage wait for them, or have it all the same.",
			count(len(inside), len(inside) > maxTold, "send is scheduled", "sends are scheduled"), clockTime(from), clockTime(until))
	}
	if err := s.admins(ctx, l, &r, known); err != nil {
		return Schedule{}, inside, err
	}
	booked := Schedule{AfterSends: after, EngagementAdmins: r.EngagementAdmins, CRMAdmins: r.CRMAdmins}
	r.schedule = func(u Upgrade) Schedule {
		b := booked
		b.Upgrade, b.BookedAt = u, now
		if b.plan() == known.plan() && !known.BookedAt.IsZero() { // asked for twice, it is told once
			b.BookedAt = known.BookedAt
		}
		return b
	}
	u, err := s.Upgrades.Book(ctx, l, r.StartRequest)
	if err != nil {
		return Schedule{}, inside, err
	}
	booked = r.schedule(u)
	return booked, inside, s.tell(ctx, booked)
}

// plan is what was booked, but for when that was done and who is told of it.
func (b Schedule) plan() string {
	return fmt.Sprint(b.ID, b.Order, b.At.UnixMilli(), b.Window, b.Mode, b.AfterSends)
}

// Current reads what is booked, or under way since it was. NotFound with CodeNotBooked where nothing is.
func (s *Scheduler) Current(ctx context.Context, l link.Link) (Schedule, error) {
	return s.current(ctx, l)
}

// current likewise; with CodeNotBooked the upgrade that was begun without a booking, where one was.
func (s *Scheduler) current(ctx context.Context, l link.Link) (Schedule, error) {
	u, err := s.Upgrades.Last(ctx, l)
	if fault.CodeOf(err) == CodeNotFound || err == nil && !u.Live() {
		return Schedule{}, fault.New(fault.NotFound, CodeNotBooked, "No outage is booked.")
	}
	if err != nil {
		return Schedule{}, err
	}
	b, err := s.Store.Booking(ctx, u)
	if err == nil && b.BookedAt.IsZero() {
		return b, fault.New(fault.NotFound, CodeNotBooked, "No outage is booked: the upgrade was begun without.")
	}
	return b, err
}

// Withdraw takes a booking back, as long as nothing was begun.
func (s *Scheduler) Withdraw(ctx context.Context, l link.Link, by, reason string) (Upgrade, error) {
	b, err := s.current(ctx, l)
	if err != nil {
		return Upgrade{}, err
	}
	if b.State != Booked {
		return b.Upgrade, fault.New(fault.Conflict, CodeOver, "The upgrade is under way: cancel it, and what was begun is undone.")
	}
	return s.Upgrades.Cancel(ctx, l, by, reason)
}

func checkAddresses(field string, all []string) error {
	if len(all) > maxAdmins {
		return fault.New(fault.Invalid, CodeInvalid, "Name %d addresses at most.", maxAdmins).In(field)
	}
	for i, raw := range all {
		if a, err := netmail.ParseAddress(raw); err != nil || a.Address != raw || len(raw) > 254 || slices.Contains(all[:i], raw) {
			return fault.New(fault.Invalid, CodeInvalid, "An address is missing, written twice, or none.").In(field)
		}
	}
	return nil
}

// admins fills in who is told: who was named, else who was told before, else whom the clouds name as administrators, else
// the users of the spans.
func (s *Scheduler) admins(ctx context.Context, l link.Link, r *ScheduleRequest, known Schedule) error {
	if len(r.CRMAdmins) == 0 {
		r.CRMAdmins = known.CRMAdmins
	}
	if len(r.EngagementAdmins) == 0 {
		r.EngagementAdmins = known.EngagementAdmins
	}
	if len(r.CRMAdmins) == 0 {
		err := s.Links.CallOrg(ctx, l, func(org *crm.Session) error {
			for _, where := range []string{
				"et4ae5__ExactTargetForAppExchangeAdmin__c = TRUE AND Id != " + crm.Literal(l.Org.UserID), // connect-facts 1.4
				"Profile.Name = 'System Administrator' AND Id != " + crm.Literal(l.Org.UserID),
				"Id = " + crm.Literal(l.Org.UserID),
			} {
				found, err := org.Query(ctx, "SELECT Email FROM User WHERE IsActive = TRUE AND "+where+" ORDER BY Username LIMIT 5")
				if said, _ := told(err); err != nil && !said { // an org without the package has no such field
					return err
				}
				for _, f := range found {
					r.CRMAdmins = address(r.CRMAdmins, f.String("Email"))
				}
				if len(r.CRMAdmins) > 0 {
					return nil
				}
			}
			return nil
		})
		if said, _ := told(err); err != nil && !said {
			return err
		}
	}
	if len(r.EngagementAdmins) > 0 {
		return nil
	}
	err := s.Links.CallTenant(ctx, l, func(tenant *engagement.Session) error {
		found, err := tenant.Administrators(ctx, 5)
		for _, u := range found {
			r.EngagementAdmins = address(r.EngagementAdmins, u.Email)
		}
		if err != nil || len(r.EngagementAdmins) > 0 {
			return err
		}
		own, err := tenant.UserInfo(ctx)
		r.EngagementAdmins = address(nil, own.Email)
		return err
	})
	if said, _ := told(err); err != nil && !said {
		return err
	}
	return nil
}

// address adds one that can be mailed to.
func address(all []string, raw string) []string {
	if checkAddresses("", append(slices.Clone(all), raw)) != nil {
		return all
	}
	return append(all, raw)
}

// Wait makes the outage of a course's upgrades wait for sends, where it was booked so.
func (s *Scheduler) Wait(c Course) Course {
	steps := map[Order][]Step{}
	for o, all := range c.Steps {
		all = slices.Clone(all)
		for i, step := range all {
			if step.Name == OpenOutage {
				all[i].Look = s.waiting(step.Look)
			}
		}
		steps[o] = all
	}
	c.Steps = steps
	return c
}

func (s *Scheduler) waiting(look func(context.Context, Work) (Reading, error)) func(context.Context, Work) (Reading, error) {
	return func(ctx context.Context, w Work) (Reading, error) {
		f, err := look(ctx, w)
		if err != nil || f.Done || f.For == Time {
			return f, err
		}
		b, err := s.Store.Booking(ctx, w.Upgrade)
		if fault.CodeOf(err) == CodeNotBooked || err == nil && !b.AfterSends {
			return f, nil
		}
		if err != nil {
			return f, err
		}
		open, until, err := s.under(ctx, w.Link, w.Now, w.Now.Add(w.Upgrade.Window))
		if err == nil && open > 0 {
			f.For, f.Have, f.Until = Time, count(open, open >= maxTold, "send has not completed", "sends have not completed"), until
		}
		return f, err
	}
}

// under counts the sends that are under way, or due before a time, and tells when the last of those is due.
func (s *Scheduler) under(ctx context.Context, l link.Link, now, until time.Time) (int, time.Time, error) {
	n, last := 0, now
	for _, state := range []mailing.State{mailing.Scheduled, mailing.Queued, mailing.Running} {
		open, err := s.Mailings.Waiting(ctx, l.Pair, state, until, maxTold)
		if err != nil {
			return 0, last, err
		}
		n += len(open)
		if len(open) > 0 && open[len(open)-1].DueAt.After(last) {
			last = open[len(open)-1].DueAt
		}
	}
	return n, last, nil
}
