package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
)

const (
	// maxGroup bounds how many writes share one COMMIT, and with it how long the first of them waits.
	maxGroup = 512
	// maxQueue bounds the writes that wait; more are refused with ErrBusy.
	maxQueue = 16384
)

// writer owns the writing connection of an SQLite file (DESIGN 5.5).
type writer struct {
	conn *sqliteConn
	path string
	log  *slog.Logger

	mu      sync.Mutex
	queue   []*request
	closed  bool
	idle    bool
	wake    chan struct{}
	stopped chan struct{} // closed when the owner has ended

	broken atomic.Pointer[error] // why writing has stopped for good
	groups atomic.Int64          // taken so far, for tests and benchmarks

	// The owner's alone:
	group   []*request // what the open transaction is about; nil where answered
	current *request   // whose function is running
	rows    gathering  // of the group's appends
	flat    []any      // arguments of one INSERT
}

// request is one queued write: fn, or else rows for append-only tables.
type request struct {
	ctx   context.Context
	fn    func(*Tx) error
	parts []Part

	state    atomic.Int32 // waiting, then taken or abandoned
	err      error
	panicked *panicValue
	after    []func()      // to call once it is stored
	done     chan struct{} // receives once; the request can then be reused
}

const (
	waiting int32 = iota
	taken
	abandoned
)

// panicValue carries a panic from the owner to the caller.
type panicValue struct{ value any }

var requests = sync.Pool{New: func() any { return &request{done: make(chan struct{}, 1)} }}

func startWriter(ctx context.Context, pool *sql.DB, path string, log *slog.Logger) (*writer, error) {
	conn, err := newSQLiteConn(ctx, pool)
	if err != nil {
		return nil, err
	}
	w := &writer{conn: conn, path: path, log: log, wake: make(chan struct{}, 1), stopped: make(chan struct{})}
	go w.own()
	return w, nil
}

func (w *writer) write(ctx context.Context, fn func(*Tx) error) error {
	r := requests.Get().(*request)
	r.ctx, r.fn = ctx, fn
	return w.submit(r)
}

func (w *writer) append(ctx context.Context, parts []Part) error {
	r := requests.Get().(*request)
	r.ctx, r.parts = ctx, parts
	return w.submit(r)
}

// submit queues the request and waits for its answer.
func (w *writer) submit(r *request) error {
	if err := w.enqueue(r); err != nil {
		return err
	}
	select {
	case <-r.done:
	case <-r.ctx.Done():
		if r.state.CompareAndSwap(waiting, abandoned) {
			return r.ctx.Err() // the owner drops the request when it comes upon it
		}
		<-r.done // it has started, so its outcome is known within a commit
	}
	err, p, after := r.err, r.panicked, r.after
	*r = request{done: r.done}
	requests.Put(r)
	if p != nil {
		panic(p.value)
	}
	if err == nil {
		for _, fn := range after {
			fn()
		}
	}
	return err
}

func (w *writer) enqueue(r *request) error {
	if why := w.broken.Load(); why != nil {
		return *why
	}
	w.mu.Lock()
	switch {
	case w.closed:
		w.mu.Unlock()
		return ErrClosed
	case len(w.queue) >= maxQueue:
		w.mu.Unlock()
		return ErrBusy
	}
	w.queue = append(w.queue, r)
	wake := w.idle
	w.idle = false
	w.mu.Unlock()
	if wake {
		w.wake <- struct{}{}
	}
	return nil
}

// next waits for requests and takes at most a group of them; nil means that the writer is closed and has nothing left.
func (w *writer) next(into []*request) []*request {
	for {
		w.mu.Lock()
		// While others are about to run, let them: the callers that the last group answered come back with more, and a
		// group twice the size costs half the fsyncs. With nobody else about this takes no time.
		for n := 0; len(w.queue) > n && n < maxGroup; {
			n = len(w.queue)
			w.mu.Unlock()
			runtime.Gosched()
			w.mu.Lock()
		}
		if n := min(len(w.queue), maxGroup); n > 0 {
			w.groups.Add(1)
			into = append(into, w.queue[:n]...)
			rest := copy(w.queue, w.queue[n:])
			clear(w.queue[rest:])
			w.queue = w.queue[:rest]
			w.mu.Unlock()
			return into
		}
		if w.closed {
			w.mu.Unlock()
			return nil
		}
		w.idle = true
		w.mu.Unlock()
		<-w.wake
	}
}

// own runs groups until the writer is closed. A function that ends its goroutine (testing.T.FailNow does) ends the
// owner with it; then another takes over.
func (w *writer) own() {
	finished := false
	defer func() {
		if finished {
			close(w.stopped)
			return
		}
		w.abort(errors.New("sqldb: the function ended its goroutine"))
		go w.own()
	}()
	for {
		taken := w.next(w.group[:0])
		if taken == nil {
			finished = true
			return
		}
		w.group = w.takeable(taken)
		w.runGroup()
	}
}

// takeable keeps the requests whose callers still wait for them to start.
func (w *writer) takeable(group []*request) []*request {
	kept := group[:0]
	for _, r := range group {
		if !r.state.CompareAndSwap(waiting, taken) {
			continue
		}
		if err := r.ctx.Err(); err != nil {
			r.answer(err)
			continue
		}
		kept = append(kept, r)
	}
	return kept
}

func (r *request) answer(err error) {
	r.err = err
	r.done <- struct{}{}
}
