package migration

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/oauth"
)

// Service migrates users. It is safe for concurrent use.
type Service struct {
	store   Store
	links   *link.Service
	machine clock.Machine
}

// NewService wires the service. A nil machine is time.Now.
func NewService(store Store, links *link.Service, machine clock.Machine) *Service {
	if machine == nil {
		machine = time.Now
	}
	return &Service{store: store, links: links, machine: machine}
}

// Offer says whether the users of a link can be migrated now.
func (s *Service) Offer(ctx context.Context, l link.Link) (Offer, error) {
	users := 0
	if l.Org.Driver == link.JWT {
		var err error
		if users, err = s.store.Earlier(ctx, l.Pair); err != nil {
			return Offer{}, err
		}
	}
	return Decide(l, users, s.links.Now(l)), nil
}

// Start begins to migrate all users who are not reconnected. Of an upgrade, "" for none, there is one run, which goes on
// where it stopped; so does the last run of a pair that did not come to its end. Outside an upgrade nothing starts while the
// connection is in an outage.
func (s *Service) Start(ctx context.Context, l link.Link, upgrade, actor string) (Run, error) {
	return s.start(ctx, l, Run{Upgrade: upgrade, Actor: actor})
}

// Retry begins a run of those who failed, as a part of what the last run was a part of. If those who waited were proven
// before, who is still not approved fails.
func (s *Service) Retry(ctx context.Context, l link.Link, actor string) (Run, error) {
	last, err := s.last(ctx, l)
	if err != nil {
		return Run{}, err
	}
	if last.ID == "" {
		return Run{}, fault.New(fault.NotFound, CodeNotFound, "No users were migrated yet.")
	}
	return s.start(ctx, l, Run{Upgrade: last.Upgrade, Actor: actor, Retry: true, Final: last.Final})
}

// last is the newest run about the link's last upgrade; the zero Run where there is none.
func (s *Service) last(ctx context.Context, l link.Link) (Run, error) {
	runs, err := s.store.Runs(ctx, l.Pair, 1)
	if err != nil || len(runs) == 0 || !runs[0].current(l) {
		return Run{}, err
	}
	return runs[0], nil
}

func (s *Service) start(ctx context.Context, l link.Link, r Run) (Run, error) {
	last, err := s.last(ctx, l)
	if err != nil {
		return Run{}, err
	}
	switch {
	case r.Upgrade != "" && !r.Retry && last.Upgrade == r.Upgrade && last.State != Stopped:
		return last, nil
	case last.State == Stopped:
		if err := s.store.ResumeRun(ctx, l.Pair, last.ID, s.machine()); err != nil {
			return Run{}, err
		}
		return s.store.Run(ctx, l.Pair, last.ID)
	case last.State == Queued || last.State == Running:
		return Run{}, fault.New(fault.Conflict, CodeRunning, "The connection migrates users already: %s. Wait for its end, or cancel it.", last.ID)
	}
	o, err := s.Offer(ctx, l)
	if err == nil && (o.Code != CodeOver || r.Upgrade == "" || r.Retry) { // an upgrade takes everybody to an outcome, be it that
		err = o.Refusal()
	}
	if err == nil {
		err = l.Ready()
	}
	if err == nil && r.Upgrade == "" {
		err = s.links.Interrupted(l)
	}
	if err != nil {
		return Run{}, err
	}
	r.Pair, r.ID, r.UpgradedAt, r.CreatedAt = l.Pair, oauth.NewToken(16), l.UpgradedAt, s.links.Now(l)
	err = idle(ctx, func() (err error) {
		r, err = s.store.AddRun(ctx, r)
		return err
	})
	return r, err
}

// idle calls again for a moment while a job of the pair works: one that has come to its end may not have let go yet.
func idle(ctx context.Context, call func() error) error {
	const most, wait = 40, 50 * time.Millisecond
	for try := 0; ; try++ {
		err := call()
		if fault.CodeOf(err) != CodeRunning || try == most {
			return err
		}
		if err := jobs.Pause(ctx, wait); err != nil {
			return err
		}
	}
}

// Status reads a run; "" is the newest one.
func (s *Service) Status(ctx context.Context, l link.Link, id string) (Run, error) {
	if id != "" {
		return s.store.Run(ctx, l.Pair, id)
	}
	runs, err := s.store.Runs(ctx, l.Pair, 1)
	if err == nil && len(runs) == 0 {
		err = fault.New(fault.NotFound, CodeNotFound, "No users were migrated yet.")
	}
	if err != nil {
		return Run{}, err
	}
	return runs[0], nil
}

// List lists the newest runs of a link.
func (s *Service) List(ctx context.Context, l link.Link, limit int) ([]Run, error) {
	return s.store.Runs(ctx, l.Pair, limit)
}

// Results lists users of a run by position.
func (s *Service) Results(ctx context.Context, l link.Link, id string, f Filter) ([]User, error) {
	if _, err := s.store.Run(ctx, l.Pair, id); err != nil {
		return nil, err
	}
	return s.store.Users(ctx, l.Pair, id, f)
}

// Prove tries those again who wait for approval; who is still refused then has failed. After the 14 days nobody is tried, and all
// of them have failed for that. A run that is being proven already is returned as it is; one that stopped in the middle goes on.
func (s *Service) Prove(ctx context.Context, l link.Link, id, actor string) (Run, error) {
	r, err := s.Status(ctx, l, id)
	switch {
	case err != nil:
		return Run{}, err
	case r.Phase == Proving || r.Phase == Expiring:
		if r.State != Stopped {
			return r, nil
		}
		if err := s.store.ResumeRun(ctx, l.Pair, r.ID, s.machine()); err != nil {
			return Run{}, err
		}
		return s.store.Run(ctx, l.Pair, r.ID)
	case r.State != Waiting:
		return Run{}, fault.New(fault.Conflict, CodeNothingWaits, "Nobody of migration %s waits for approval.", r.ID)
	case !r.current(l):
		return Run{}, fault.New(fault.Conflict, CodeNotUpgraded, "The connection was changed since migration %s.", r.ID)
	}
	phase := Proving
	switch o := Decide(l, r.Waiting, s.links.Now(l)); {
	case o.Code == CodeOver:
		phase = Expiring
	case !o.Available():
		return Run{}, o.Refusal()
	}
	why := audit.Change{At: s.links.Now(l), Actor: actor, Action: audit.MigrationProven, Subject: r.ID}
	if err := idle(ctx, func() error { return s.store.ProveRun(ctx, l.Pair, r.ID, phase, why) }); err != nil {
		return Run{}, err
	}
	return s.store.Run(ctx, l.Pair, r.ID)
}

// Cancel ends a run. Users whose calls are under way get their outcome still, and who has one keeps it.
func (s *Service) Cancel(ctx context.Context, l link.Link, id, actor string) (Run, error) {
	why := audit.Change{At: s.links.Now(l), Actor: actor, Action: audit.MigrationCancelled, Subject: id}
	if err := s.store.CancelRun(ctx, l.Pair, id, why); err != nil {
		return Run{}, err
	}
	return s.store.Run(ctx, l.Pair, id)
}

// Undo gives the runs of an upgrade up: the mappings that they reconnected are as before. What was written into My
// Documents stays there. It may be called again; without a run nothing happens.
func (s *Service) Undo(ctx context.Context, l link.Link, upgrade, actor string) error {
	const page = 1000
	runs, err := s.store.Runs(ctx, l.Pair, page)
	if err != nil {
		return err
	}
	for _, r := range runs {
		if upgrade == "" || r.Upgrade != upgrade {
			continue
		}
		why := audit.Change{At: s.links.Now(l), Actor: actor, Action: audit.MigrationUndone, Subject: r.ID}
		if err := s.store.UndoRun(ctx, l.Pair, r.ID, why); err != nil {
			return err
		}
	}
	return nil
}
