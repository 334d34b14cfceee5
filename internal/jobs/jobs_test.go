package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// clock is machine time that only the test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// bench is a database with a clock and the changes that its queues store.
type bench struct {
	t       *testing.T
	db      *sqldb.DB
	clock   *clock
	changes chan jobs.Change
}

func each(t *testing.T, test func(*testing.T, *bench)) {
	t.Helper()
	effects := sqldb.Migrations{Name: "effects", FS: fstest.MapFS{"00001_effect.sql": {Data: []byte(
		"-- +goose Up\nCREATE TABLE effect (job TEXT NOT NULL, step INTEGER NOT NULL, PRIMARY KEY (job, step));\n")}}}
	sqldbtest.Each(t, []sqldb.Migrations{jobs.Migrations, effects}, func(t *testing.T, db *sqldb.DB) {
		test(t, &bench{t: t, db: db, clock: newClock(), changes: make(chan jobs.Change, 10000)})
	})
}

// queue returns a queue whose beats, in real time, never come: the test's clock alone decides about leases.
func (b *bench) queue(o jobs.Options) *jobs.Queue {
	o.Machine = b.clock.Now
	o.Log = slog.New(slog.NewTextHandler(b.t.Output(), nil))
	o.OnChange = func(c jobs.Change) { b.changes <- c }
	if o.Lease == 0 {
		o.Lease = time.Hour
	}
	if o.Poll == 0 {
		o.Poll = time.Hour
	}
	q := jobs.New(b.db, o)
	b.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := q.Stop(ctx); err != nil {
			b.t.Errorf("stopping: %v", err)
		}
	})
	return q
}

func (b *bench) enqueue(q *jobs.Queue, j jobs.Job) string {
	b.t.Helper()
	var id string
	err := b.db.Write(b.t.Context(), func(tx *sqldb.Tx) (err error) {
		id, err = q.Enqueue(tx, j)
		return err
	})
	if err != nil {
		b.t.Fatalf("enqueue: %v", err)
	}
	return id
}

// await takes changes until the job is in the state.
func (b *bench) await(id string, s jobs.State) jobs.Change {
	b.t.Helper()
	timeout := time.After(30 * time.Second)
	for {
		select {
		case c := <-b.changes:
			if c.ID == id && c.State == s {
				return c
			}
		case <-timeout:
			b.t.Fatalf("job %s has not become %s", id, s)
		}
	}
}

func (b *bench) info(q *jobs.Queue, id string) jobs.Info {
	b.t.Helper()
	i, err := q.Get(b.t.Context(), id)
	if err != nil {
		b.t.Fatalf("get: %v", err)
	}
	return i
}

func TestAJobRunsOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		q := b.queue(jobs.Options{})
		ran := make(chan string, 10)
		q.Handle("greet", func(_ context.Context, r *jobs.Run) error {
			ran <- fmt.Sprintf("%s %s %d/%d", r.Kind, r.Payload, r.Attempt, r.MaxAttempts)
			return nil
		})
		q.Handle("other", func(context.Context, *jobs.Run) error { return nil })
		q.Start(t.Context())
		q.Start(t.Context())
		id := b.enqueue(q, jobs.Job{Kind: "greet", Payload: []byte(`{"to":"ann"}`)})
		b.await(id, jobs.Done)
		if got := <-ran; got != `greet {"to":"ann"} 1/8` {
			t.Errorf("ran %q", got)
		}
		i := b.info(q, id)
		if i.State != jobs.Done || i.Attempt != 1 || !i.Finished.Equal(b.clock.Now()) || i.LastError != "" || string(i.Payload) != `{"to":"ann"}` {
			t.Errorf("afterwards: %+v", i)
		}
		q.Wake()
		if len(ran) != 0 {
			t.Error("it ran twice")
		}
		if _, err := q.Get(t.Context(), "nonsense"); !errors.Is(err, jobs.ErrNotFound) {
			t.Errorf("an unknown job: %v", err)
		}
	})
}

func TestAnUndoneTransactionQueuesNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		q := b.queue(jobs.Options{})
		var id string
		mine := errors.New("no")
		err := b.db.Write(t.Context(), func(tx *sqldb.Tx) (err error) {
			if id, err = q.Enqueue(tx, jobs.Job{Kind: "greet"}); err != nil {
				return err
			}
			return mine
		})
		if !errors.Is(err, mine) {
			t.Fatalf("the transaction: %v", err)
		}
		if _, err := q.Get(t.Context(), id); !errors.Is(err, jobs.ErrNotFound) {
			t.Errorf("the job is there: %v", err)
		}
	})
}

func TestBadJobsAreRefused(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		q := b.queue(jobs.Options{})
		for _, j := range []jobs.Job{{}, {Kind: "x", Payload: []byte("{")}} {
			err := b.db.Write(t.Context(), func(tx *sqldb.Tx) error {
				_, err := q.Enqueue(tx, j)
				return err
			})
			if err == nil {
				t.Errorf("%+v is accepted", j)
			}
		}
	})
}

func TestUniqueKey(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		q := b.queue(jobs.Options{})
		gate := make(chan struct{})
		q.Handle("slot", func(ctx context.Context, _ *jobs.Run) error {
			select {
			case <-gate:
			case <-ctx.Done():
			}
			return nil
		})
		first := b.enqueue(q, jobs.Job{Kind: "slot", UniqueKey: "slot@9"})
		again := func() error {
			return b.db.Write(t.Context(), func(tx *sqldb.Tx) error {
				_, err := q.Enqueue(tx, jobs.Job{Kind: "slot", UniqueKey: "slot@9"})
				if errors.Is(err, jobs.ErrDuplicate) {
					// The transaction is still good for other things.
					if _, err := tx.Exec("INSERT INTO effect (job, step) VALUES ($1, 1) ON CONFLICT DO NOTHING", "beside"); err != nil {
						return fmt.Errorf("after a duplicate: %w", err)
					}
				}
				return err
			})
		}
		if err := again(); !errors.Is(err, jobs.ErrDuplicate) {
			t.Fatalf("while it waits: %v", err)
		}
		q.Start(t.Context())
		b.await(first, jobs.Running)
		if err := again(); !errors.Is(err, jobs.ErrDuplicate) {
			t.Fatalf("while it runs: %v", err)
		}
		close(gate)
		b.await(first, jobs.Done)
		if err := again(); err != nil {
			t.Errorf("when it is done: %v", err)
		}
	})
}

func TestAttempts(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom\x00\xff")
	for _, test := range []struct {
		name     string
		max      int
		handler  func(attempt int) error
		attempts int
		state    jobs.State
		says     string
	}{
		{"success at the third", 5, func(n int) error {
			if n < 3 {
				return boom
			}
			return nil
		}, 3, jobs.Done, ""},
		{"no more attempts", 2, func(int) error { return boom }, 2, jobs.Failed, "boom"},
		{"permanent", 5, func(int) error { return fmt.Errorf("step 2: %w", jobs.Permanent(boom)) }, 1, jobs.Failed, "step 2: boom"},
		{"panic", 1, func(int) error { panic("ouch") }, 1, jobs.Failed, "the handler panicked: ouch"},
		{"goexit", 1, func(int) error { runtime.Goexit(); return nil }, 1, jobs.Failed, "ended its goroutine"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, b *bench) {
				q := b.queue(jobs.Options{Workers: 1})
				q.Handle("try", func(_ context.Context, r *jobs.Run) error { return test.handler(r.Attempt) })
				q.Handle("next", func(context.Context, *jobs.Run) error { return nil })
				q.Start(t.Context())
				id := b.enqueue(q, jobs.Job{Kind: "try", MaxAttempts: test.max})
				for n := 1; n < test.attempts; n++ {
					b.await(id, jobs.Queued)
					i := b.info(q, id)
					if wait := i.RunAt.Sub(b.clock.Now()); wait < 500*time.Millisecond<<(n-1) || wait > time.Second<<(n-1) {
						t.Errorf("after attempt %d it waits %v", n, wait)
					}
					b.clock.Advance(i.RunAt.Sub(b.clock.Now()))
					q.Wake()
				}
				b.await(id, test.state)
				i := b.info(q, id)
				if i.State != test.state || i.Attempt != test.attempts || !strings.Contains(i.LastError, test.says) || i.Finished.IsZero() {
					t.Errorf("at the end: %+v", i)
				}
				// The worker is still good.
				b.await(b.enqueue(q, jobs.Job{Kind: "next"}), jobs.Done)
			})
		})
	}
}

// TestLater: a job that has nothing to do yet waits without a worker and without using up attempts.
func TestLater(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		q := b.queue(jobs.Options{Workers: 1})
		times := 0
		q.Handle("wait", func(context.Context, *jobs.Run) error {
			if times++; times < 4 {
				return fmt.Errorf("not yet: %w", jobs.Later(time.Minute))
			}
			return nil
		})
		q.Handle("next", func(context.Context, *jobs.Run) error { return nil })
		q.Start(t.Context())
		id := b.enqueue(q, jobs.Job{Kind: "wait", MaxAttempts: 1})
		for range 3 {
			b.await(id, jobs.Queued)
			if i := b.info(q, id); i.RunAt.Sub(b.clock.Now()) != time.Minute || i.Attempt != 0 || i.LastError != "" {
				t.Errorf("while it waits: %+v", i)
			}
			b.await(b.enqueue(q, jobs.Job{Kind: "next"}), jobs.Done) // the only worker is free
			b.clock.Advance(time.Minute)
			q.Wake()
		}
		b.await(id, jobs.Done)
	})
}

func TestPermanentOfNothing(t *testing.T) {
	t.Parallel()
	if err := jobs.Permanent(nil); err != nil {
		t.Errorf("Permanent(nil) = %v", err)
	}
}

func TestRunAt(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		q := b.queue(jobs.Options{})
		order := make(chan string, 3)
		q.Handle("at", func(_ context.Context, r *jobs.Run) error { order <- string(r.Payload); return nil })
		late := b.enqueue(q, jobs.Job{Kind: "at", Payload: []byte(`"late"`), RunAt: b.clock.Now().Add(time.Hour)})
		q.Start(t.Context())
		now := b.enqueue(q, jobs.Job{Kind: "at", Payload: []byte(`"now"`)})
		b.await(now, jobs.Done)
		if i := b.info(q, late); i.State != jobs.Queued {
			t.Fatalf("before its time it is %s", i.State)
		}
		b.clock.Advance(time.Hour)
		q.Wake()
		b.await(late, jobs.Done)
		if a, z := <-order, <-order; a != `"now"` || z != `"late"` {
			t.Errorf("order %s, %s", a, z)
		}
	})
}

func TestPollFindsWorkThatNobodyAnnounced(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		worker := b.queue(jobs.Options{Poll: 5 * time.Millisecond})
		worker.Handle("far", func(context.Context, *jobs.Run) error { return nil })
		worker.Start(t.Context())
		client := b.queue(jobs.Options{}) // wakes itself, not the worker
		b.await(b.enqueue(client, jobs.Job{Kind: "far"}), jobs.Done)
	})
}

// TestHurry: a job that waits for a later time is looked at at once, in the transaction that gives it something to do.
func TestHurry(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		q := b.queue(jobs.Options{Workers: 1})
		times := 0
		q.Handle("wait", func(context.Context, *jobs.Run) error {
			if times++; times == 1 {
				return jobs.Later(time.Hour)
			}
			return nil
		})
		q.Start(t.Context())
		id := b.enqueue(q, jobs.Job{Kind: "wait"})
		b.await(id, jobs.Queued)
		hurry := func() {
			t.Helper()
			if err := b.db.Write(t.Context(), func(tx *sqldb.Tx) error { return q.Hurry(tx, id) }); err != nil {
				t.Fatal(err)
			}
		}
		hurry()
		b.await(id, jobs.Done)
		hurry() // one that is finished stays so
		if i := b.info(q, id); i.State != jobs.Done {
			t.Errorf("after its end: %+v", i)
		}
	})
}
