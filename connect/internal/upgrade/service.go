package upgrade

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/oauth"
)

// Course is how a kind of upgrade goes.
type Course struct {
	// Span is the one that is upgraded.
	Span link.Direction
	// Ready refuses a connection that cannot be upgraded so.
	Ready func(l link.Link) error
	// Steps are in the order in which they are done.
	Steps map[Order][]Step
	// Watch looks once more when the upgrade is closed; it waits for its hour by a Reading with Until. nil for no need.
	Watch func(ctx context.Context, w Work) (Outcome, error)
}

// Options wire a [Service].
type Options struct {
	Store   Store
	Links   *link.Service
	Queue   *jobs.Queue
	Courses map[Kind]Course
	// Users are those whom an upgrade takes along; nil where nobody is.
	Users Migration
	// Tallies count the sends of outages, for reports.
	Tallies Tallies
	Log     *slog.Logger
	// Look is the shortest pause between two looks at what is waited for, machine time; 0 is two seconds.
	Look time.Duration
	// Fail is asked at "STEP intended", "STEP did", "STEP undoing" and "STEP undid", between what is written down and what is
	// done; its error breaks the work off as a crash would. nil for none. For tests.
	Fail func(ctx context.Context, point string) error
}

// codeStop marks the error of Options.Fail.
const codeStop fault.Code = "upgrade_stopped"

// Service starts upgrades, tells of them, and works on them in the background. It is safe for concurrent use.
type Service struct {
	store   Store
	links   *link.Service
	courses map[Kind]Course
	users   Migration
	tallies Tallies
	log     *slog.Logger
	look    time.Duration
	fail    func(ctx context.Context, point string) error
}

// NewService wires the service and gives the queue its handler.
func NewService(o Options) *Service {
	s := &Service{store: o.Store, links: o.Links, courses: o.Courses, users: o.Users, tallies: o.Tallies, log: o.Log, look: cmp.Or(o.Look, lookSoon), fail: o.Fail}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	o.Queue.Handle(Job, s.run)
	return s
}

// poll is a pause at the pace of this service.
func (s *Service) poll(d time.Duration) time.Duration {
	return time.Duration(float64(d) / float64(lookSoon) * float64(s.look))
}

func (s *Service) fails(ctx context.Context, n Name, where string) error {
	if s.fail == nil {
		return nil
	}
	if err := s.fail(ctx, string(n)+" "+where); err != nil {
		return fault.Wrap(err, fault.Internal, codeStop, "The upgrade was broken off.")
	}
	return nil
}

// step finds a step of an upgrade.
func (s *Service) step(u Upgrade, n Name) (Step, error) {
	for _, step := range s.courses[u.Kind].Steps[u.Order] {
		if step.Name == n {
			return step, nil
		}
	}
	return Step{}, fault.New(fault.Internal, CodeInvalid, "No step %s in an upgrade of kind %s in the order %s.", n, u.Kind, u.Order)
}

// Title is a step's name for people; the step's own where it is not known any more.
func (s *Service) Title(u Upgrade, n Name) string {
	step, err := s.step(u, n)
	if err != nil {
		return string(n)
	}
	return step.Title
}

// StartRequest asks for an upgrade.
type StartRequest struct {
	Kind  Kind  // "" is that of what is booked, or the one that the connection needs
	Order Order // "" is that of what is booked, or Safe
	Booking
	By string // who asks, for the audit chain
	// Acknowledged: whoever asks is the Engagement admin, and has read what will change.
	Acknowledged bool
	// Verify says what the upgrade is verified by; its zero value waits for somebody to say so.
	Verify Verification
	// schedule is stored together with the upgrade that it is about; nil for a start that nobody booked.
	schedule func(Upgrade) Schedule
}

// effect is what is stored together with the upgrade that was asked for.
func (r StartRequest) effect(u Upgrade) Effect {
	if r.schedule == nil {
		return Effect{}
	}
	b := r.schedule(u)
	return Effect{Booking: &b}
}

// needed is the kind that a connection needs.
func needed(l link.Link) Kind {
	if l.Org.Driver != link.Password && l.Tenant.Driver == link.Password {
		return TenantOAuth
	}
	return ConnectedApp
}

// records are the steps of a course in an order of it, none of them begun.
func (c Course) records(o Order) []Record {
	var all []Record
	for _, step := range c.Steps[o] {
		all = append(all, Record{Step: step.Name, Owner: step.Owner, Status: Planned})
	}
	return all
}

func (s *Service) resolve(l link.Link, r StartRequest) (StartRequest, Course, error) {
	bad := func(field, format string, args ...any) (StartRequest, Course, error) {
		return r, Course{}, fault.New(fault.Invalid, CodeInvalid, format, args...).In(field)
	}
	r.Kind, r.Order, r.Mode, r.Window = cmp.Or(r.Kind, needed(l)), cmp.Or(r.Order, Safe), cmp.Or(r.Mode, link.Hold), cmp.Or(r.Window, DefaultWindow)
	course, known := s.courses[r.Kind]
	if !known {
		return bad("kind", "There is no upgrade of the kind %q.", r.Kind)
	}
	if err := course.has(r.Kind, r.Order); err != nil {
		return r, Course{}, err
	}
	r.At = r.At.UTC().Truncate(time.Millisecond)
	if err := r.Verify.Check(); err != nil {
		return r, course, err
	}
	if err := r.Check(s.links.Now(l)); err != nil {
		return r, course, err
	}
	if course.Ready == nil {
		return r, course, nil
	}
	return r, course, course.Ready(l)
}

// has refuses an order that there is not.
func (c Course) has(k Kind, o Order) error {
	if _, known := c.Steps[o]; !known {
		return fault.New(fault.Invalid, CodeInvalid, "An upgrade of the kind %s has no order %q.", k, o).In("order")
	}
	return nil
}

// Start begins an upgrade: the one that is booked, or a new one.
func (s *Service) Start(ctx context.Context, l link.Link, r StartRequest) (Upgrade, error) {
	return s.add(ctx, l, r, Running)
}

// Book makes an upgrade that nobody has begun, or moves the hour of the one there is, as long as its outage is not open.
func (s *Service) Book(ctx context.Context, l link.Link, r StartRequest) (Upgrade, error) {
	return s.add(ctx, l, r, Booked)
}

func (s *Service) add(ctx context.Context, l link.Link, r StartRequest, state State) (Upgrade, error) {
	now := s.links.Now(l)
	if u, err := s.store.LastUpgrade(ctx, l.Pair); err == nil && u.Live() && (u.State == Booked || state == Booked) {
		return s.changeWith(ctx, l, u.ID, audit.UpgradeStarted, r.By, func(u *Upgrade) (Effect, error) {
			if err := s.rebook(u, r, state, now); err != nil {
				return Effect{}, err
			}
			return r.effect(*u), nil
		})
	} else if err != nil && fault.CodeOf(err) != CodeNotFound {
		return Upgrade{}, err
	}
	r, course, err := s.resolve(l, r)
	if err != nil {
		return Upgrade{}, err
	}
	u := Upgrade{
		Pair: l.Pair, ID: oauth.NewToken(16), Kind: r.Kind, Order: r.Order, State: state, Booking: r.Booking, Actor: r.By, CreatedAt: now,
	}
	u.Steps = course.records(r.Order)
	if r.Acknowledged && state == Running {
		u.tell(Acknowledge, r.By, now)
	}
	if err := u.verifyBy(r.Verify, r.By, now); err != nil {
		return u, err
	}
	return s.store.AddUpgrade(ctx, u, r.effect(u), audit.Change{At: now, Actor: r.By, Action: audit.UpgradeStarted, Subject: u.ID, Reason: string(r.Kind)})
}

// rebook begins a booked upgrade, or moves it.
func (s *Service) rebook(u *Upgrade, r StartRequest, state State, now time.Time) error {
	switch {
	case r.Kind != "" && r.Kind != u.Kind:
		return fault.New(fault.Conflict, CodeRunning, "An upgrade of another kind is booked or under way: %s.", u.Kind)
	case state == Booked && (!u.OpenedAt.IsZero() || u.State == Cancelling):
		return fault.New(fault.Conflict, CodeOver, "The outage of the upgrade is open, or was: it cannot be moved any more.")
	case r.Order != "" && r.Order != u.Order:
		if err := s.reorder(u, r.Order); err != nil {
			return err
		}
	}
	if state == Booked || !r.At.IsZero() {
		u.At = r.At.UTC().Truncate(time.Millisecond)
	}
	u.Window, u.Mode = cmp.Or(r.Window, u.Window), cmp.Or(r.Mode, u.Mode)
	if err := u.Check(now); err != nil {
		return err
	}
	u.Findings = slices.DeleteFunc(u.Findings, func(f link.Finding) bool { return f.Code == codeHourPassed })
	if state == Booked {
		return nil
	}
	u.Actor = r.By
	if err := u.verifyBy(r.Verify, r.By, now); err != nil {
		return err
	}
	if r.Acknowledged {
		u.tell(Acknowledge, r.By, now)
	}
	return u.do(Begin)
}

// reorder has an upgrade that nobody has begun go another way.
func (s *Service) reorder(u *Upgrade, o Order) error {
	course := s.courses[u.Kind]
	if err := course.has(u.Kind, o); err != nil {
		return err
	}
	if u.State != Booked {
		return fault.New(fault.Conflict, CodeRunning, "The upgrade is under way in the order %s: another one begins anew, once this one is cancelled.", u.Order).In("order")
	}
	u.Order, u.Steps = o, course.records(o)
	return nil
}

func (u *Upgrade) tell(n Name, by string, now time.Time) {
	if rec := u.Record(n); rec != nil {
		rec.ToldBy, rec.ToldAt = by, now
	}
}

// verifyBy keeps what the upgrade is verified by, where that is said.
func (u *Upgrade) verifyBy(v Verification, by string, now time.Time) error {
	rec := u.Record(Verify)
	if v == (Verification{}) || rec == nil {
		return nil
	}
	if err := v.Check(); err != nil {
		return err
	}
	kept, err := encoded(verified{Verification: v})
	rec.Kept, rec.ToldBy, rec.ToldAt = kept, by, now
	return err
}

// change reads an upgrade, changes it and stores it, however often somebody else does meanwhile, and has its job go on.
func (s *Service) change(ctx context.Context, l link.Link, id, action, by string, change func(*Upgrade) error) (Upgrade, error) {
	return s.changeWith(ctx, l, id, action, by, func(u *Upgrade) (Effect, error) { return Effect{}, change(u) })
}

// changeWith likewise stores what else changes.
func (s *Service) changeWith(ctx context.Context, l link.Link, id, action, by string, change func(*Upgrade) (Effect, error)) (Upgrade, error) {
	for try := 0; ; try++ {
		u, err := s.store.Upgrade(ctx, l.Pair, id)
		if err != nil {
			return Upgrade{}, err
		}
		effect, err := change(&u)
		if err != nil {
			return u, err
		}
		stored, err := s.store.SaveUpgrade(ctx, nil, u, effect, audit.Change{At: s.links.Now(l), Actor: by, Action: action, Subject: u.ID, Reason: string(u.Step)}, true)
		if fault.CodeOf(err) != CodeChanged || try == 20 {
			return stored, err
		}
	}
}

// Last reads the upgrade of the link that was started last.
func (s *Service) Last(ctx context.Context, l link.Link) (Upgrade, error) {
	return s.store.LastUpgrade(ctx, l.Pair)
}

// Telling is what an admin says of a step of his.
type Telling struct {
	By string // who says so
	// As is whose steps alone he may speak of; "" for both admins'.
	As Owner
	// Anyway goes on without what is missing, where the step allows that.
	Anyway bool
	Verify Verification // of the step Verify: what by
	// allowed: the system user allowed the connected app, in the org's own page.
	allowed bool
}

// Undisturbed refuses what would take the ground from under an upgrade that is under way: until it is closed or cancelled, its
// outage, its spans and what they signed in with before are its own.
func (s *Service) Undisturbed(ctx context.Context, l link.Link) error {
	u, err := s.store.LastUpgrade(ctx, l.Pair)
	switch {
	case fault.CodeOf(err) == CodeNotFound:
		return nil
	case err == nil && u.UnderWay():
		return fault.New(fault.Conflict, CodeRunning, "An upgrade of the connection is under way: go on with it (`twinspan upgrade watch` says who is next), or cancel it.")
	}
	return err
}

// KeepsRun refuses that somebody ends or proves a migration of users while the upgrade that it is a step of is under way: each of
// its users is to have an outcome when that is closed. upgradeID is the migration's upgrade, "" for none.
func (s *Service) KeepsRun(ctx context.Context, l link.Link, upgradeID string) error {
	u, err := s.store.LastUpgrade(ctx, l.Pair)
	switch {
	case upgradeID == "" || fault.CodeOf(err) == CodeNotFound:
		return nil
	case err == nil && u.ID == upgradeID && u.UnderWay():
		return fault.New(fault.Conflict, CodeRunning, "The migration is a step of the upgrade that is under way, which proves who waits after the last step of the CRM admin: go on with the upgrade, or cancel it (`twinspan upgrade cancel`), and every mapping is as it was.")
	}
	return err
}

// CodeOthersStep: the step is the other admin's.
const CodeOthersStep fault.Code = "step_of_the_other_admin"

// whose a step is: the owner's, or of whom it waits for.
func (u Upgrade) whose(r Record) Owner {
	if u.Waiting != nil && u.Waiting.Step == r.Step {
		return u.Waiting.For
	}
	return r.Owner
}

// Tell says that an admin's step may be done, or that he did it: Connect looks at once.
func (s *Service) Tell(ctx context.Context, l link.Link, n Name, t Telling) (Upgrade, error) {
	u, err := s.store.LastUpgrade(ctx, l.Pair)
	if err != nil {
		return u, err
	}
	now := s.links.Now(l)
	return s.change(ctx, l, u.ID, audit.UpgradeTold, t.By, func(u *Upgrade) error {
		rec := u.Record(n)
		switch {
		case rec == nil:
			return fault.New(fault.NotFound, CodeNotFound, "The upgrade has no step %s.", n)
		case !u.UnderWay():
			return fault.New(fault.Conflict, CodeOver, "The upgrade is %s: no step can be done.", u.State)
		case t.As != "" && u.whose(*rec) != t.As:
			return fault.New(fault.Denied, CodeOthersStep, "The step %s is not the %s's: the other admin does it in a session of his own.", n, strings.ReplaceAll(string(t.As), "_", " "))
		case rec.Owner == Connect:
			return fault.New(fault.Conflict, CodeNotNow, "%s is Connect's own step.", n)
		case rec.Status == Finished && u.State != Cancelling, rec.Status == Undone:
			return nil // told twice
		}
		rec.ToldBy, rec.ToldAt, rec.Anyway = t.By, now, rec.Anyway || t.Anyway
		if t.allowed {
			rec.Kept = json.RawMessage(keptAllowed)
		}
		if n == Verify {
			if err := u.verifyBy(t.Verify, t.By, now); err != nil {
				return err
			}
		}
		if u.Waiting != nil {
			u.Waiting.Since = now // he is there: looks come often again
		}
		return nil
	})
}

// Account says that the system user allowed the connected app, where an upgrade under way waits for that. It reports whether one
// does.
func (s *Service) Account(ctx context.Context, l link.Link, by string) (bool, error) {
	u, err := s.store.LastUpgrade(ctx, l.Pair)
	if fault.CodeOf(err) == CodeNotFound {
		return false, nil
	}
	if err != nil || !u.UnderWay() || u.State == Cancelling || u.Step != ConnectAccount {
		return false, err
	}
	_, err = s.Tell(ctx, l, ConnectAccount, Telling{By: by, allowed: true})
	return err == nil, err
}

// MayAllow refuses where no upgrade is under way in which the system user could allow the connected app.
func (s *Service) MayAllow(ctx context.Context, l link.Link) error {
	u, err := s.store.LastUpgrade(ctx, l.Pair)
	if err != nil {
		return err
	}
	if !u.Live() || u.Step != ConnectAccount {
		return fault.New(fault.Conflict, CodeNotNow, "The upgrade is not at Connect Account.")
	}
	return nil
}

// Cancel has everything that was begun undone. Cancelling twice is no error.
func (s *Service) Cancel(ctx context.Context, l link.Link, by, reason string) (Upgrade, error) {
	if len(reason) > 500 || strings.ContainsFunc(reason, unicode.IsControl) {
		return Upgrade{}, fault.New(fault.Invalid, CodeInvalid, "Say why in one line of at most 500 bytes.").In("reason")
	}
	u, err := s.store.LastUpgrade(ctx, l.Pair)
	if err != nil {
		return u, err
	}
	if u.State == Cancelling || u.State == Cancelled {
		return u, nil
	}
	return s.change(ctx, l, u.ID, audit.UpgradeCancelled, by, func(u *Upgrade) error {
		if u.State == Cancelling {
			return nil
		}
		if err := u.do(Cancel); err != nil {
			return err
		}
		u.CancelledBy, u.Reason, u.Waiting, u.Failure = by, reason, nil, ""
		for i := range u.Steps { // what was told was told of the way forward
			u.Steps[i].Anyway = false
		}
		return nil
	})
}
