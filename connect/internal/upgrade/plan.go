package upgrade

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/mailing"
	"github.com/twinspan/twinspan/connect/internal/mapping"
	"github.com/twinspan/twinspan/connect/internal/trigger"
	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
)

// DefaultWindow is how long an outage is booked for: "Schedule a 2-hour sending outage for the upgrade" (document 003).
const DefaultWindow = 2 * time.Hour

// Bounds of what a plan reads and tells.
const (
	maxLooked   = 10_000 // users, or sends, who are looked at one by one
	maxTold     = 200    // users, sessions and sends that are told by name
	planTimeout = 3 * time.Minute
	maxLeftOut  = 200
)

// Mailings are the sends to audiences of the org that are not over.
type Mailings interface {
	// Waiting lists a pair's mailings in a state by due time; those due later than due are left out.
	Waiting(ctx context.Context, pair string, state mailing.State, due time.Time, limit int) ([]mailing.Mailing, error)
	// Due lists those that are scheduled from one time until before another, by due time.
	Due(ctx context.Context, pair string, from, until time.Time, limit int) ([]mailing.Mailing, error)
}

// Users tells how the users stand whom Connect knows.
type Users interface {
	// List gives a page of them, and the name to go on after; "" where there are no more.
	List(ctx context.Context, l link.Link, f mapping.Filter) ([]mapping.User, string, error)
}

// Counts counts without listing.
type Counts interface {
	// CountMappings is how many users of a pair are mapped.
	CountMappings(ctx context.Context, pair string) (int, error)
}

// Triggers lists what sends of itself when a record changes.
type Triggers interface {
	// List lists a link's.
	List(ctx context.Context, l link.Link) ([]trigger.Trigger, error)
}

// Upgrades tells of the upgrade that is booked or under way.
type Upgrades interface {
	// Last reads the upgrade of a link that was started last; NotFound with CodeNotFound where there never was one.
	Last(ctx context.Context, l link.Link) (Upgrade, error)
}

// Sources are what a plan reads beside the clouds.
type Sources struct {
	Links    *link.Service
	Users    Users
	Counts   Counts
	Mailings Mailings
	Triggers Triggers
	Upgrades Upgrades
	Machine  clock.Machine // nil is time.Now; it times the clouds
}

// Planner tells what an upgrade would do, and does nothing. It is safe for concurrent use.
type Planner struct{ Sources }

// NewPlanner wires the planner.
func NewPlanner(s Sources) *Planner {
	if s.Machine == nil {
		s.Machine = time.Now
	}
	return &Planner{s}
}

// Request asks for a plan.
type Request struct {
	Kind  Kind            // "" is the one that the connection needs, or that is booked
	Order Order           // "" is Safe, or what is booked
	Mode  link.OutageMode // "" is link.Hold
	At    time.Time       // domain time at which the outage is to open; zero is now, or what is booked
	// Window is how long the outage is to be; 0 is DefaultWindow, or what is booked.
	Window time.Duration
	// LeaveOut names CRM users who are not to be assigned to the connected app.
	LeaveOut []string
}

// check refuses what cannot be meant, and fills in what was left to us.
func (r Request) check(l link.Link, now time.Time) (Request, error) {
	bad := func(field, format string, args ...any) (Request, error) {
		return r, fault.New(fault.Invalid, CodeInvalid, format, args...).In(field)
	}
	r.Mode, r.Order, r.Window = cmp.Or(r.Mode, link.Hold), cmp.Or(r.Order, Safe), cmp.Or(r.Window, DefaultWindow)
	if r.At.IsZero() || r.At.Before(now) {
		r.At = now
	}
	r.At = r.At.UTC().Truncate(time.Millisecond)
	switch {
	case r.Mode != link.Hold && r.Mode != link.Fail:
		return bad("mode", "The mode is hold or fail.")
	case r.Window < time.Minute || r.Window > link.MaxOutage:
		return bad("minutes", "An outage lasts from a minute to %d hours.", link.MaxOutage/time.Hour)
	case r.At.After(now.AddDate(1, 0, 0)):
		return bad("at", "The outage begins within a year.")
	case len(r.LeaveOut) > maxLeftOut:
		return bad("leave_out", "Leave out %d users at most.", maxLeftOut)
	}
	for _, name := range r.LeaveOut {
		if err := link.CheckUsername(name); err != nil {
			return r, fault.Of(err).In("leave_out")
		}
	}
	r.Kind = cmp.Or(r.Kind, needed(l))
	return r, nil
}

// booked fills in from the upgrade that is booked what was not asked for. open is whether its outage is open already.
func (s *Planner) booked(ctx context.Context, l link.Link, r Request) (_ Request, open bool, err error) {
	u, err := s.Upgrades.Last(ctx, l)
	if fault.CodeOf(err) == CodeNotFound || err == nil && !u.Live() {
		return r, false, nil
	}
	if err != nil || !u.OpenedAt.IsZero() {
		return r, err == nil, err
	}
	r.Kind, r.Order, r.Mode, r.Window = cmp.Or(r.Kind, u.Kind), cmp.Or(r.Order, u.Order), cmp.Or(r.Mode, u.Mode), cmp.Or(r.Window, u.Window)
	if r.At.IsZero() {
		r.At = u.At
	}
	return r, false, nil
}

// Level says how much a finding weighs.
type Level string

// The levels.
const (
	Blocks Level = "blocks" // the upgrade cannot begin, or would not work
	Warns  Level = "warns"
	Notes  Level = "notes"
)

// Finding is something to know before an upgrade.
type Finding struct {
	Level Level
	Code  string // stable: "system_user_refused"
	Text  string
}

// Change is something that an upgrade changes.
type Change struct {
	Area string // "policy", "permission_set", "assignments", "attachment", "span" or "credentials"
	Name string // "Permitted Users"
	Now  string
	Then string
	Who  string // whose step it is: "engagement_admin", "crm_admin" or "connect"
}

// Proof says whether the user of a span signs in today.
type Proof struct {
	Span link.Direction
	User string
	By   link.Driver
	OK   bool
	Text string // how he was proven, or in whose words he is refused
}

// Session is a live session of somebody else in the org.
type Session struct {
	Username string
	Type     string // AuthSession.SessionType: "UI"
	Since    time.Time
	SourceIP string
}

// Estimate is how long an upgrade's migration of users takes.
type Estimate struct {
	Users  int
	Rate   float64 // users a second
	Takes  time.Duration
	How    string // how it was estimated
	Within bool   // it fits the window
}

// Plan is what an upgrade would do.
type Plan struct {
	Request
	Until    time.Time
	Users    Reconnection
	Changes  []Change
	Proofs   []Proof
	Sends    []mailing.Mailing // due inside the window
	Sessions []Session         // of other people, the newest first; at most maxTold
	Live     int               // sessions of other people that there are
	Estimate Estimate
	Findings []Finding

	access              access
	orgTrip, tenantTrip time.Duration // machine time that one call took
	signIn              string        // where the org's users log in, where that is another address than the connection's
}

// Blocked reports whether the upgrade cannot begin.
func (p Plan) Blocked() bool {
	for _, f := range p.Findings {
		if f.Level == Blocks {
			return true
		}
	}
	return false
}

func (p *Plan) find(level Level, code, format string, args ...any) {
	p.Findings = append(p.Findings, Finding{level, code, fmt.Sprintf(format, args...)})
}

// ModeText is what a mode does, and what document 003 says of it.
func ModeText(m link.OutageMode) string {
	if m == link.Fail {
		return "fail: as document 003 has it: all sends to reports, campaigns, contacts, leads, and Salesforce data extensions fail during the outage, each with a named error; " +
			"Engagement sends that do not involve Marketing Cloud Connect aren't affected."
	}
	return "hold: sends to reports, campaigns, contacts, leads, and Salesforce data extensions are kept during the outage and released in order afterwards; document 003 says that all of them fail (mode fail). " +
		"Engagement sends that do not involve Marketing Cloud Connect aren't affected."
}

// Plan reads both clouds and tells. It changes nothing: what it finds out about a span is not kept, and no session of its own
// is used for anything but reading.
func (s *Planner) Plan(ctx context.Context, l link.Link, r Request) (Plan, error) {
	ctx, cancel := context.WithTimeout(ctx, planTimeout)
	defer cancel()
	now := s.Links.Now(l)
	r, open, err := s.booked(ctx, l, r)
	if err == nil {
		r, err = r.check(l, now)
	}
	if err != nil {
		return Plan{}, err
	}
	p := Plan{Request: r, Until: r.At.Add(r.Window)}
	if open {
		p.find(Blocks, string(CodeRunning), "An upgrade is under way: `twinspan upgrade watch` says how far it is.")
	}
	if s.needless(&p, l) {
		return p, nil
	}
	org, tenant, err := s.prove(ctx, &p, l)
	if err != nil {
		return Plan{}, err
	}
	p.spans(l)
	if org {
		if err := s.readOrg(ctx, &p, l); err != nil {
			return Plan{}, err
		}
	}
	if err := s.readUsers(ctx, &p, l, org && tenant); err != nil {
		return Plan{}, err
	}
	if err := s.readSends(ctx, &p, l); err != nil {
		return Plan{}, err
	}
	p.warn()
	return p, nil
}

// needless tells that there is nothing to upgrade, where that is so.
func (s *Planner) needless(p *Plan, l link.Link) bool {
	driver, name := l.Org.Driver, "into the org"
	if p.Kind == TenantOAuth {
		driver, name = l.Tenant.Driver, "into Engagement"
	}
	switch {
	case l.Ready() != nil:
		p.find(Blocks, string(link.CodeNotConnected), "%s", fault.Of(l.Ready()).Message)
	case driver != link.Password:
		p.find(Blocks, "nothing_to_upgrade", "The way %s signs in by %s and not by a stored password: there is nothing to upgrade.", name, cmp.Or(driver, link.JWT))
	default:
		return false
	}
	return true
}

// prove signs the users of both spans in anew.
func (s *Planner) prove(ctx context.Context, p *Plan, l link.Link) (org, tenant bool, err error) {
	try := func(d link.Direction, user string, by link.Driver, code, who string) (bool, error) {
		proof := Proof{Span: d, User: user, By: by, OK: true, Text: "signed in anew a moment ago"}
		err := s.Links.Prove(ctx, l, d)
		if err != nil {
			said, text := told(err)
			if !said {
				return false, err // a cloud that does not answer says nothing of its user
			}
			proof.OK, proof.Text = false, text
			p.find(Blocks, code, "%s %s does not sign in, and nothing can be upgraded before he does: %s", who, user, text)
		}
		p.Proofs = append(p.Proofs, proof)
		return err == nil, nil
	}
	if org, err = try(link.IntoOrg, l.Org.Username, cmp.Or(l.Org.Driver, link.JWT), "system_user_refused", "The system user"); err != nil {
		return org, tenant, err
	}
	tenant, err = try(link.IntoTenant, l.Tenant.Username, cmp.Or(l.Tenant.Driver, link.JWT), "api_user_refused", "The API user")
	return org, tenant, err
}

// spans tells what becomes of how the connection signs in.
func (p *Plan) spans(l link.Link) {
	since := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return " given on " + t.Format("2 January 2006")
	}
	if p.Kind == TenantOAuth {
		p.Changes = append(p.Changes,
			Change{"span", "Way into Engagement", "the API user's stored name and password", "tenant-specific OAuth: JWT bearer by Connect's key", "engagement_admin"},
			Change{"credentials", "Password of " + l.Tenant.Username, "stored, sealed" + since(l.Tenant.GivenAt), "removed when the upgrade is closed", "connect"})
		return
	}
	p.Changes = append(p.Changes,
		Change{"span", "Way into the org", "SOAP login with the system user's name, password and security token", "Connected App authentication: JWT bearer by Connect's key", "engagement_admin"},
		Change{"credentials", "Password and security token of " + l.Org.Username, "stored, sealed" + since(l.Org.GivenAt), "removed when the upgrade is closed", "connect"})
}

// readSends tells which sends fall into the window.
func (s *Planner) readSends(ctx context.Context, p *Plan, l link.Link) error {
	var err error
	if p.Sends, err = s.Mailings.Due(ctx, l.Pair, p.At, p.Until, maxTold+1); err != nil {
		return err
	}
	before := 0
	for state, until := range map[mailing.State]time.Time{mailing.Scheduled: p.At.Add(-time.Millisecond), mailing.Queued: p.Until, mailing.Running: p.Until} {
		open, err := s.Mailings.Waiting(ctx, l.Pair, state, until, maxTold)
		if err != nil {
			return err
		}
		before += len(open)
	}
	if len(p.Sends) > 0 {
		p.find(Warns, "sends_inside_window", "%s of the connection due between %s and %s: %s Let all scheduled sends complete before starting the upgrade, if possible (document 002).",
			count(len(p.Sends), len(p.Sends) > maxTold, "scheduled send is", "scheduled sends are"), clockTime(p.At), clockTime(p.Until), map[bool]string{true: "they fail.", false: "they are held and go out afterwards."}[p.Mode == link.Fail])
	}
	if before > 0 {
		p.find(Notes, "sends_before_window", "%s due before the window or under way: let them complete first.", count(before, before >= maxTold, "send is", "sends are"))
	}
	triggers, err := s.Triggers.List(ctx, l)
	if err != nil {
		return err
	}
	active := 0
	for _, t := range triggers {
		if t.Active {
			active++
		}
	}
	if active > 0 {
		p.find(Notes, "triggers_active", "%s active: %s", count(active, false, "triggered send on records of the org is", "triggered sends on records of the org are"),
			map[bool]string{true: "what changes during the outage sends nothing, also later.", false: "what changes during the outage is sent about afterwards."}[p.Mode == link.Fail])
	}
	return nil
}

func count(n int, more bool, one, many string) string {
	switch {
	case more:
		return fmt.Sprintf("%d or more %s", n, many)
	case n == 1:
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func clockTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
