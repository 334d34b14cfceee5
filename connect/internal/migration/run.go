package migration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/client"
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
	// calls is how many users call the clouds at the same time.
	calls = 16
	// flying is how many batches are under way: while the outcomes of one are stored, the other has calls to make.
	flying = 2
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
	fail    func(ctx context.Context, point string) error // nil for none
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

// Failing has a function asked at "migration planned", "intended", "tried", "settled", "named" and "uploaded", each between what
// is written down and what is done; its error breaks the run off as a crash would. For tests; nil, the default, asks nobody.
func (w *Worker) Failing(fail func(ctx context.Context, point string) error) { w.fail = fail }

func (w *Worker) fails(ctx context.Context, point string) error {
	if w.fail == nil {
		return nil
	}
	return w.fail(ctx, "migration "+point)
}

// attempt is one go of the job at its run.
type attempt struct {
	*jobs.Run
	failures int  // of the connection, one after the other, before this go
	moved    bool // somebody got an outcome in this go
}

// Failures is the checkpoint of a job that the connection itself broke off.
type Failures struct {
	Failures int    `json:"failures"`
	Error    string `json:"error"` // the last one
}

// errInterrupted: the connection is in an outage that the run is no part of.
var errInterrupted = errors.New("migration: the connection is in an outage")

// run brings a run to its end. How often the process was killed meanwhile does not matter; the connection may break it off maxAttempts
// times without anybody getting an outcome in between, each time for longer.
func (w *Worker) run(ctx context.Context, job *jobs.Run) error {
	at := &attempt{Run: job}
	var before Failures
	if json.Unmarshal(job.Checkpoint(), &before) == nil {
		at.failures = before.Failures
	}
	err := w.goOn(ctx, at)
	switch {
	case err == nil || ctx.Err() != nil:
		return err
	case errors.Is(err, errInterrupted):
		return jobs.Later(lookAgain)
	case fault.CodeOf(err) == CodeUndone:
		return jobs.Permanent(err)
	}
	if at.moved {
		at.failures = 0
	}
	if at.failures++; at.failures >= maxAttempts {
		return jobs.Permanent(err)
	}
	checkpoint, saveErr := json.Marshal(Failures{at.failures, client.Clip(err.Error(), 1000)})
	if saveErr == nil {
		saveErr = job.Save(ctx, checkpoint)
	}
	if saveErr != nil {
		return saveErr
	}
	return jobs.Later(min(longest, time.Second<<(at.failures-1)))
}

// goOn goes from phase to phase.
func (w *Worker) goOn(ctx context.Context, at *attempt) error {
	var p Payload
	if err := json.Unmarshal(at.Payload, &p); err != nil {
		return jobs.Permanent(fmt.Errorf("migration: reading a job: %w", err))
	}
	for {
		r, err := w.store.Run(ctx, p.Pair, p.ID)
		if err != nil || r.Phase == Over {
			return err
		}
		switch r.Phase {
		case Planning:
			err = w.plan(ctx, at, r)
		case Migrating, Proving, Expiring:
			err = w.migrate(ctx, at, r)
		case Writing:
			err = w.files(ctx, at, r)
		default:
			return jobs.Permanent(fmt.Errorf("migration: a run is in phase %q", r.Phase))
		}
		if err != nil && fault.CodeOf(err) != CodePhase { // somebody cancelled it, or undid it
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

// plan makes a row for each user. An upgrade that comes to it after the 14 days has an outcome for each all the same.
func (w *Worker) plan(ctx context.Context, at *attempt, r Run) error {
	for more := true; more; {
		var err error
		if more, err = w.work.Plan(ctx, at.Run, r); err != nil {
			return err
		}
	}
	if err := w.fails(ctx, "planned"); err != nil {
		return err
	}
	l, err := w.links.Link(ctx, r.Pair)
	if err != nil {
		return err
	}
	next := Migrating
	if r.current(l) && Decide(l, 1, w.links.Now(l)).Code == CodeOver {
		next = Expiring
	}
	return w.work.Advance(ctx, at.Run, r, next, w.machine())
}

// migrate tries everybody who has no outcome; those whose clouds failed in rounds, each later than the one before.
func (w *Worker) migrate(ctx context.Context, at *attempt, r Run) error {
	if err := w.work.Advance(ctx, at.Run, r, r.Phase, w.machine()); err != nil { // from here on the pace is measured
		return err
	}
	g := &progress{worker: w, attempt: at, run: r, slots: make(chan struct{}, calls), room: make(chan struct{}, flying)}
	err := g.all(ctx)
	g.batches.Wait()
	if err == nil {
		err = g.failed()
	}
	if err != nil {
		return err
	}
	return w.work.Advance(ctx, at.Run, r, Writing, w.machine())
}

// all begins batches until everybody has an outcome; it returns with those under way that were begun last.
func (g *progress) all(ctx context.Context) error {
	w, r := g.worker, g.run
	for r.Phase == Proving || r.Phase == Expiring {
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
	g.batches.Wait() // from here on who is intended and has no outcome was left so by a process that is gone
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
		g.batches.Wait() // they leave those behind whose clouds failed
		if err := g.failed(); err != nil || !any {
			return err
		}
	}
}

// progress is one go at a run. While the outcomes of one batch are stored, the calls of the next are made.
type progress struct {
	worker  *Worker
	attempt *attempt
	run     Run
	turn    sync.Mutex    // held by the batch that begins calls
	slots   chan struct{} // held by whoever calls the clouds
	room    chan struct{} // held by batches under way
	batches sync.WaitGroup

	mu   sync.Mutex
	dead int   // batches in a row in which no cloud answered anybody
	err  error // the first of a batch
}

// failed is why a batch failed, nil where none did.
func (g *progress) failed() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
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
		return l, errInterrupted
	}
	return l, l.Ready()
}

// batch writes down who is about to be tried, and begins to try them, once there is room for one more.
func (g *progress) batch(ctx context.Context, users []User) error {
	select {
	case g.room <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	err := g.failed()
	var l link.Link
	if err == nil {
		l, err = g.link(ctx)
	}
	if err == nil {
		now := g.worker.machine()
		for n, u := range users {
			if u.Since.IsZero() || u.Result == UserWaiting {
				users[n].Since = now
			}
		}
		err = g.worker.work.Intend(ctx, g.attempt.Run, g.run, users, now)
	}
	if err == nil {
		err = g.worker.fails(ctx, "intended")
	}
	if err != nil {
		<-g.room
		return err
	}
	g.batches.Go(func() {
		defer func() { <-g.room }()
		if err := g.finish(ctx, l, users); err != nil {
			g.mu.Lock()
			defer g.mu.Unlock()
			if g.err == nil {
				g.err = err
			}
		}
	})
	return nil
}

// finish tries the users of a batch and writes down what came of it. It goes on to its end although the program stops.
func (g *progress) finish(ctx context.Context, l link.Link, users []User) error {
	w := g.worker
	ending := ctx
	ctx, cancel := jobs.Linger(ctx, batchTimeout, grace)
	defer cancel()
	errs := g.outcomes(ctx, l, users)
	if err := ctx.Err(); err != nil {
		return err // calls were cut off: what came of them is not known, and they are made again
	}
	if err := w.fails(ctx, "tried"); err != nil {
		return err
	}
	dead, now := true, w.machine()
	for n, err := range errs {
		if fault.CodeOf(err) == link.CodeCopied {
			return err // of the connection, not of the user
		}
		dead = dead && err != nil && down(err) && !g.run.old(users[n], now)
		if users[n].Attempts++; users[n].Result == UserWaiting {
			users[n].Attempts = 1
		}
	}
	for n, err := range errs {
		if dead {
			users[n].Result = UserPlanned
			continue
		}
		users[n] = users[n].after(err, g.run.Final, g.run.old(users[n], now))
	}
	why := audit.Change{At: w.links.Now(l), Actor: g.run.Actor, Action: audit.UsersReconnected, Subject: g.run.ID}
	if err := w.work.Settle(ctx, g.attempt.Run, g.run, why, users, now, dead); err != nil {
		return err
	}
	if err := w.fails(ctx, "settled"); err != nil {
		return err
	}
	g.mu.Lock()
	if g.dead++; !dead {
		g.dead, g.attempt.moved = 0, true
	}
	inARow := g.dead
	g.mu.Unlock()
	switch {
	case !dead:
		return nil
	case inARow >= deadBatches:
		return fmt.Errorf("migration: no cloud answers: %w", errs[0])
	}
	return jobs.Pause(ending, min(longest, round<<min(inARow, 10)))
}

// outcomes tries users; after the 14 days no cloud is asked.
func (g *progress) outcomes(ctx context.Context, l link.Link, users []User) []error {
	if g.run.Phase != Expiring {
		return g.tryAll(ctx, l, users)
	}
	return slices.Repeat([]error{Decide(l, len(users), l.UpgradedAt.Add(Window+time.Minute)).Refusal()}, len(users))
}

// tryAll tries users, some of them at the same time. Those whom the org may know by another name than the run does are
// asked about, in few queries, and tried again.
func (g *progress) tryAll(ctx context.Context, l link.Link, users []User) []error {
	errs := make([]error, len(users))
	w := g.worker
	g.each(len(users), func(n int) { errs[n] = w.try(ctx, l, users[n]) })
	var unknown []int
	for n, err := range errs {
		if mistaken(err) {
			unknown = append(unknown, n)
		}
	}
	for len(unknown) > 0 {
		part := unknown[:min(len(unknown), idsAtOnce)]
		unknown = unknown[len(part):]
		g.again(ctx, l, users, errs, part)
	}
	return errs
}

// each calls fn for 0 to n-1, some at the same time. What another batch has to call comes after all of it has begun.
func (g *progress) each(n int, fn func(int)) {
	var wg sync.WaitGroup
	g.turn.Lock()
	for i := range n {
		g.slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-g.slots }()
			fn(i)
		})
	}
	g.turn.Unlock()
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
func (g *progress) again(ctx context.Context, l link.Link, users []User, errs []error, part []int) {
	ids := make([]string, len(part))
	for i, n := range part {
		ids[i] = crm.Literal(users[n].CRMUserID)
	}
	w, known := g.worker, map[string]crm.Record{}
	err := w.links.CallOrg(ctx, l, func(org *crm.Session) error {
		found, err := org.Query(ctx, "SELECT Id, Username, Name FROM User WHERE IsActive = TRUE AND Id IN ("+strings.Join(ids, ", ")+")")
		for _, r := range found {
			known[r.String("Id")] = r
		}
		return err
	})
	g.each(len(part), func(i int) {
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
