package jobs

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// Options tune a queue. The zero value is good.
type Options struct {
	// Log gets failed attempts and lost leases; nil discards.
	Log *slog.Logger
	// Machine tells the time of leases and back-off; nil is time.Now.
	Machine clock.Machine
	// Lease is how long a job stays with a worker that gives no sign of life; 0 is 30 s. A beat every third of it, in
	// real time, keeps it.
	Lease time.Duration
	// Poll is how often the table is asked for work that nobody announced, in real time; 0 is 1 s.
	Poll time.Duration
	// Workers is how many jobs run at the same time; 0 is 4.
	Workers int
	// Keep is how long finished jobs stay to be looked at; 0 is seven days.
	Keep time.Duration
	// OnChange, where it is not nil, is told of every change of state that this queue has stored, for tests that await
	// and for metrics. It must not block.
	OnChange func(Change)
}

// Change is one change of a job's state.
type Change struct {
	ID, Kind string
	State    State
	Attempt  int
	Err      error // of the attempt, where it failed
}

// Handler does the work of one kind of job. Its error means another attempt later, unless [Permanent] or the last. When
// ctx ends it returns soon; context.Cause says why: [ErrCancelled], [ErrLeaseLost] or [ErrStopping].
type Handler func(ctx context.Context, r *Run) error

// process tells the leases of this process from those of one that is gone.
var process = rand.Text()

// Queue runs the jobs of one database. Any number of queues, in any number of processes, share the work.
type Queue struct {
	db       *sqldb.DB
	o        Options
	machine  clock.Machine
	log      *slog.Logger
	owner    string
	wake     chan struct{}
	handlers map[string]Handler

	mu      sync.Mutex
	started bool
	runs    map[string]*Run // by job id
	cancel  context.CancelCauseFunc
	quit    chan struct{} // closed by Stop: claim no more
	loop    chan struct{} // closed when the claiming loop has ended
	running sync.WaitGroup
	stop    sync.Once
}

// New returns a queue on a database that has [Migrations].
func New(db *sqldb.DB, o Options) *Queue {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Machine == nil {
		o.Machine = time.Now
	}
	if o.Lease <= 0 {
		o.Lease = 30 * time.Second
	}
	if o.Poll <= 0 {
		o.Poll = time.Second
	}
	if o.Workers <= 0 {
		o.Workers = 4
	}
	if o.Keep <= 0 {
		o.Keep = 7 * 24 * time.Hour
	}
	return &Queue{
		db: db, o: o, machine: o.Machine, log: o.Log, owner: process + "/" + rand.Text(), wake: make(chan struct{}, 1),
		handlers: map[string]Handler{}, runs: map[string]*Run{}, quit: make(chan struct{}), loop: make(chan struct{}),
	}
}

// Handle names the handler of a kind. It panics after Start and for a kind that has one: both are mistakes in wiring.
func (q *Queue) Handle(kind string, h Handler) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.started {
		panic("jobs: Handle after Start")
	}
	if _, taken := q.handlers[kind]; taken {
		panic("jobs: two handlers for " + kind)
	}
	q.handlers[kind] = h
}

// Start begins to take jobs of the kinds that have handlers. When ctx ends the queue takes no more and its runs'
// contexts end too. A second Start does nothing.
func (q *Queue) Start(ctx context.Context) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.started {
		return
	}
	q.started = true
	ctx, q.cancel = context.WithCancelCause(ctx)
	go q.run(ctx)
}

// Stop takes no more jobs and waits for those that run. When ctx ends first, their contexts end with the cause
// [ErrStopping]; Stop then waits for the handlers to return and puts their jobs back, and returns ctx's error. Stop may
// be called again, and without Start.
func (q *Queue) Stop(ctx context.Context) error {
	q.mu.Lock()
	started := q.started
	q.started = true // a Start after Stop does nothing
	q.mu.Unlock()
	q.stop.Do(func() { close(q.quit) })
	if !started {
		return nil
	}
	drained := make(chan struct{})
	go func() {
		<-q.loop
		q.running.Wait()
		close(drained)
	}()
	select {
	case <-drained:
		q.cancel(ErrStopping)
		return nil
	case <-ctx.Done():
		q.cancel(ErrStopping)
		<-drained
		return ctx.Err()
	}
}

// Wake has the queue look for due jobs now. Enqueue does it.
func (q *Queue) Wake() {
	select {
	case q.wake <- struct{}{}:
	default: // a wake-up is waiting already
	}
}

// run claims jobs until the queue stops.
func (q *Queue) run(ctx context.Context) {
	defer close(q.loop)
	free := make(chan struct{}, q.o.Workers)
	for range q.o.Workers {
		free <- struct{}{}
	}
	poll := time.NewTicker(q.o.Poll)
	defer poll.Stop()
	prune := time.NewTicker(time.Minute)
	defer prune.Stop()
	if err := q.takeOver(ctx); err != nil && ctx.Err() == nil {
		q.log.Error("jobs: taking over from a process that is gone", "error", err)
	}
	for {
		n := q.claimAndRun(ctx, free)
		if n > 0 {
			continue // there may be more
		}
		select {
		case <-ctx.Done():
			return
		case <-q.quit:
			return
		case <-q.wake:
		case <-poll.C:
		case <-prune.C:
			if err := q.prune(ctx); err != nil && ctx.Err() == nil {
				q.log.Warn("jobs: removing old finished jobs", "error", err)
			}
		}
	}
}

// claimAndRun starts as many due jobs as there are free workers and returns how many it started.
func (q *Queue) claimAndRun(ctx context.Context, free chan struct{}) int {
	select {
	case <-q.quit:
		return 0
	default:
	}
	n := len(free)
	if n == 0 || ctx.Err() != nil {
		return 0
	}
	runs, err := q.claim(ctx, n)
	if err != nil {
		if ctx.Err() == nil {
			q.log.Error("jobs: looking for work", "error", err)
		}
		return 0
	}
	for _, r := range runs {
		<-free
		r.ctx, r.cancel = context.WithCancelCause(ctx)
		q.mu.Lock()
		q.runs[r.ID] = r
		q.mu.Unlock()
		q.running.Go(func() {
			defer func() {
				free <- struct{}{}
				q.Wake()
			}()
			q.work(r)
		})
	}
	return len(runs)
}

// work runs one job to the end of this attempt.
func (q *Queue) work(r *Run) {
	q.changed(r, Running, nil)
	beating := make(chan struct{})
	go func() {
		defer close(beating)
		r.beat()
	}()
	err := errors.New("the handler ended its goroutine") // unless it returns: testing.T.FailNow, runtime.Goexit
	defer func() {
		q.mu.Lock()
		if q.runs[r.ID] == r { // not if this queue has taken the job again after losing it
			delete(q.runs, r.ID)
		}
		q.mu.Unlock()
		cause := context.Cause(r.ctx)
		r.cancel(nil)
		<-beating
		q.finish(r, err, cause)
	}()
	err = q.handle(r)
}

// handle calls the handler; a panic is an error like others.
func (q *Queue) handle(r *Run) (err error) {
	defer func() {
		if p := recover(); p != nil {
			q.log.Error("jobs: a handler panicked", "kind", r.Kind, "job", r.ID, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = fmt.Errorf("the handler panicked: %v", p)
		}
	}()
	return q.handlers[r.Kind](r.ctx, r)
}

func (q *Queue) changed(r *Run, s State, err error) {
	if q.o.OnChange != nil {
		q.o.OnChange(Change{ID: r.ID, Kind: r.Kind, State: s, Attempt: r.Attempt, Err: err})
	}
}

// cancelLocal ends the context of a run of this queue.
func (q *Queue) cancelLocal(id string) {
	q.mu.Lock()
	r := q.runs[id]
	q.mu.Unlock()
	if r != nil {
		r.cancel(ErrCancelled)
	}
}

// kinds are the kinds with a handler, sorted.
func (q *Queue) kinds() []string { return slices.Sorted(maps.Keys(q.handlers)) }
