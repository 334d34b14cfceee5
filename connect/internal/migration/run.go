package migration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/jobs"
)

// Job is the kind of the job that works on a run; its payload is a Payload.
const Job = "user_migration"

// Payload names the run of a job.
type Payload struct {
	Pair string `json:"pair"`
	ID   string `json:"id"`
}

const (
	// batch users are intended together and settled together, in one transaction each.
	batch = 200
	// calls is how many users of a batch call the clouds at the same time.
	calls = 16
	// userTimeout bounds the calls for one user. A refresh token that a dead process had leased is free again within it.
	userTimeout = 45 * time.Second
	// batchTimeout bounds a batch, each of whose users takes all his time.
	batchTimeout = (batch/calls + 2) * userTimeout
	// grace is how long a batch that has begun goes on when the program stops.
	grace = 5 * time.Second
	// round is the pause before users are tried again whose clouds failed, doubled each time up to longest.
	round   = 250 * time.Millisecond
	longest = 30 * time.Second
	// deadBatches is how many batches in a row, in which no cloud answered anybody, count as nobody's attempt: it is the
	// cloud that is down. After them the job comes back later.
	deadBatches = 12
	// lookAgain is how long a run that an outage interrupts waits before it looks whether it is over.
	lookAgain = 10 * time.Second
	// idsAtOnce is how many users one query of the org names.
	idsAtOnce = 100
)

// Worker is the job of runs.
type Worker struct {
	store   Store
	work    Work
	links   *link.Service
	machine clock.Machine
}

// NewWorker wires the worker and gives the queue its handler.
func NewWorker(store Store, work Work, links *link.Service, queue *jobs.Queue, machine clock.Machine) *Worker {
	if machine == nil {
		machine = time.Now
	}
	w := &Worker{store: store, work: work, links: links, machine: machine}
	queue.Handle(Job, w.run)
	return w
}

// run brings a run to its end. Its error is one of the connection, not of a user: the job comes back later.
func (w *Worker) run(ctx context.Context, job *jobs.Run) error {
	var p Payload
	if err := json.Unmarshal(job.Payload, &p); err != nil {
		return jobs.Permanent(fmt.Errorf("migration: reading a job: %w", err))
	}
	for {
		r, err := w.store.Run(ctx, p.Pair, p.ID)
		if err != nil || r.Phase == Over {
			return err
		}
		switch r.Phase {
		case Planning:
			err = w.plan(ctx, job, r)
		case Migrating, Proving:
			err = w.migrate(ctx, job, r)
		case Writing:
			err = w.files(ctx, job, r)
		default:
			err = jobs.Permanent(fmt.Errorf("migration: a run is in phase %q", r.Phase))
		}
		switch fault.CodeOf(err) {
		case CodePhase: // somebody cancelled it, or undid it
		case CodeUndone:
			return jobs.Permanent(err)
		default:
			if err != nil {
				return err
			}
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

// plan makes a row for each user.
func (w *Worker) plan(ctx context.Context, job *jobs.Run, r Run) error {
	for more := true; more; {
		var err error
		if more, err = w.work.Plan(ctx, job, r); err != nil {
			return err
		}
	}
	return w.work.Advance(ctx, job, r, Migrating, w.machine())
}

// migrate tries everybody who has no outcome; those whose clouds failed in rounds, each later than the one before.
func (w *Worker) migrate(ctx context.Context, job *jobs.Run, r Run) error {
	if err := w.work.Advance(ctx, job, r, r.Phase, w.machine()); err != nil { // from here on the pace is measured
		return err
	}
	g := &progress{worker: w, job: job, run: r}
	if r.Phase == Proving {
		for {
			users, err := w.work.Take(ctx, r, true, 0, batch)
			if err != nil {
				return err
			}
			if len(users) == 0 {
				break
			}
			if err := g.batch(ctx, users); err != nil {
				return err
			}
		}
	}
	for n, after := 0, 0; ; n, after = n+1, 0 {
		if n > 0 {
			if err := jobs.Pause(ctx, min(longest, round<<min(n-1, 10))); err != nil {
				return err
			}
		}
		any := false
		for {
			users, err := w.work.Take(ctx, r, false, after, batch)
			if err != nil {
				return err
			}
			if len(users) == 0 {
				break
			}
			any, after = true, users[len(users)-1].Position
			if err := g.batch(ctx, users); err != nil {
				return err
			}
		}
		if !any {
			return w.work.Advance(ctx, job, r, Writing, w.machine())
		}
	}
}

// progress is one go at a run.
type progress struct {
	worker *Worker
	job    *jobs.Run
	run    Run
	dead   int // batches in a row in which no cloud answered anybody
}

// link reads the link of the run, again for each batch: it may have been connected otherwise meanwhile.
func (g *progress) link(ctx context.Context) (link.Link, error) {
	l, err := g.worker.links.Link(ctx, g.run.Pair)
	switch {
	case err != nil:
		return l, err
	case !g.run.current(l):
		return l, fault.New(fault.Conflict, CodeUndone, "The connection into the org was changed since the migration began.")
	case g.run.Upgrade == "" && g.worker.links.Interrupted(l) != nil:
		return l, jobs.Later(lookAgain)
	}
	return l, l.Ready()
}

// batch writes down who is about to be tried, tries them, and writes down what came of it. Once it has begun it goes on to
// its end although the program stops.
func (g *progress) batch(ctx context.Context, users []User) error {
	w := g.worker
	l, err := g.link(ctx)
	if err != nil {
		return err
	}
	if err := w.work.Intend(ctx, g.job, g.run, users); err != nil {
		return err
	}
	ending := ctx
	ctx, cancel := jobs.Linger(ctx, batchTimeout, grace)
	defer cancel()
	errs := w.tryAll(ctx, l, users)
	if err := ctx.Err(); err != nil {
		return err // calls were cut off: what came of them is not known, and they are made again
	}
	dead := true
	for n, err := range errs {
		if fault.CodeOf(err) == link.CodeCopied {
			return err // of the connection, not of the user
		}
		dead = dead && err != nil && passing(err)
		if users[n].Attempts++; users[n].Result == UserWaiting {
			users[n].Attempts = 1
		}
	}
	if g.dead++; !dead {
		g.dead = 0
	}
	for n, err := range errs {
		if dead {
			users[n].Result = UserPlanned
			continue
		}
		users[n] = users[n].after(err, g.run.Final)
	}
	why := audit.Change{At: w.links.Now(l), Actor: g.run.Actor, Action: audit.UsersReconnected, Subject: g.run.ID}
	if err := w.work.Settle(ctx, g.job, g.run, why, users, w.machine(), dead); err != nil || !dead {
		return err
	}
	if g.dead >= deadBatches {
		return fmt.Errorf("migration: no cloud answers: %w", errors.Join(errs[0]))
	}
	return jobs.Pause(ending, min(longest, round<<min(g.dead, 10)))
}

// tryAll tries users, some of them at the same time. Those whom the org may know by another name than the run does are
// asked about, in few queries, and tried again.
func (w *Worker) tryAll(ctx context.Context, l link.Link, users []User) []error {
	errs := make([]error, len(users))
	w.each(len(users), func(n int) { errs[n] = w.try(ctx, l, users[n]) })
	var unknown []int
	for n, err := range errs {
		if mistaken(err) {
			unknown = append(unknown, n)
		}
	}
	for len(unknown) > 0 {
		part := unknown[:min(len(unknown), idsAtOnce)]
		unknown = unknown[len(part):]
		w.again(ctx, l, users, errs, part)
	}
	return errs
}

// each calls fn for 0 to n-1, some at the same time.
func (w *Worker) each(n int, fn func(int)) {
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(n, calls) {
		wg.Go(func() {
			for i := range next {
				fn(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

// try signs a user in to both clouds, the org first: whom it does not let in is not asked about in the tenant.
func (w *Worker) try(ctx context.Context, l link.Link, u User) error {
	ctx, cancel := context.WithTimeout(ctx, userTimeout)
	defer cancel()
	if err := w.links.TryOrg(ctx, l, u.CRMUsername, u.CRMUserID); err != nil {
		return err
	}
	return w.links.TryTenant(ctx, l, u.EngagementUsername, u.MID)
}

// mistaken reports whether the org may have been asked for somebody by a name that is not his any more: it answers for such
// a one as for one who never approved the app.
func mistaken(err error) bool {
	return fault.CodeOf(err) == link.CodeWrongUser || Approval(err) && !adminApproval(err)
}

// again asks the org who the users of refusals are, and tries those again whom it calls otherwise.
func (w *Worker) again(ctx context.Context, l link.Link, users []User, errs []error, part []int) {
	ids := make([]string, len(part))
	for i, n := range part {
		ids[i] = crm.Literal(users[n].CRMUserID)
	}
	known := map[string]crm.Record{}
	err := w.links.CallOrg(ctx, l, func(org *crm.Session) error {
		found, err := org.Query(ctx, "SELECT Id, Username, Name FROM User WHERE IsActive = TRUE AND Id IN ("+strings.Join(ids, ", ")+")")
		for _, r := range found {
			known[r.String("Id")] = r
		}
		return err
	})
	w.each(len(part), func(i int) {
		n := part[i]
		u := &users[n]
		r, there := known[u.CRMUserID]
		switch {
		case err != nil:
			errs[n] = err
		case !there:
			errs[n] = fault.New(fault.NotFound, CodeNoCRMUser, "The org has no active user %s that the system user may see.", u.CRMUsername)
		case r.String("Username") != u.CRMUsername && r.String("Username") != "":
			u.CRMUsername, u.CRMName, u.Renamed = r.String("Username"), r.String("Name"), true
			errs[n] = w.try(ctx, l, *u)
		}
	})
}
