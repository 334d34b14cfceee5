package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// effect stores a step of a job together with the checkpoint.
func effect(ctx context.Context, b *bench, r *jobs.Run, step int) error {
	return b.db.Write(ctx, func(tx *sqldb.Tx) error {
		if _, err := tx.Exec("INSERT INTO effect (job, step) VALUES ($1, $2)", r.ID, step); err != nil {
			return err
		}
		return r.SaveTx(tx, fmt.Appendf(nil, `{"step":%d}`, step))
	})
}

func (b *bench) steps(id string) []int {
	b.t.Helper()
	rows, err := b.db.Query(b.t.Context(), "SELECT step FROM effect WHERE job = $1 ORDER BY step", id)
	if err != nil {
		b.t.Fatal(err)
	}
	defer rows.Close()
	var steps []int
	for rows.Next() {
		var n int
		if err := rows.Scan(&n); err != nil {
			b.t.Fatal(err)
		}
		steps = append(steps, n)
	}
	if err := rows.Err(); err != nil {
		b.t.Fatal(err)
	}
	return steps
}

// A worker stops giving signs of life in the middle of a job, as one does that is killed or frozen. When its lease has
// run out another goes on from the checkpoint; the first, should it wake up, can do no more harm.
func TestASecondWorkerGoesOnFromTheCheckpoint(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		frozen, thaw, zombie := make(chan struct{}), make(chan struct{}), make(chan error, 2)
		first := b.queue(jobs.Options{Workers: 1}) // busy, so it takes nothing more itself
		first.Handle("walk", func(ctx context.Context, r *jobs.Run) error {
			for step := 1; step <= 2; step++ {
				if err := effect(ctx, b, r, step); err != nil {
					return err
				}
			}
			close(frozen)
			<-thaw
			zombie <- effect(context.WithoutCancel(ctx), b, r, 3)
			zombie <- context.Cause(ctx)
			return nil
		})
		first.Start(t.Context())
		id := b.enqueue(first, jobs.Job{Kind: "walk"})
		<-frozen

		second := b.queue(jobs.Options{})
		second.Handle("walk", func(ctx context.Context, r *jobs.Run) error {
			if string(r.Checkpoint()) != `{"step":2}` || r.Attempt != 2 {
				return jobs.Permanent(fmt.Errorf("attempt %d starts from %s", r.Attempt, r.Checkpoint()))
			}
			for step := 3; step <= 4; step++ {
				if err := effect(ctx, b, r, step); err != nil {
					return err
				}
			}
			return nil
		})
		second.Start(t.Context())
		second.Wake()
		if i := b.info(second, id); i.State != jobs.Running || i.Attempt != 1 {
			t.Fatalf("while the lease lasts: %+v", i)
		}
		b.clock.Advance(time.Hour + time.Second)
		second.Wake()
		b.await(id, jobs.Done)

		close(thaw)
		if err := <-zombie; err == nil {
			t.Error("the zombie stored a step")
		}
		<-zombie
		if got := b.steps(id); !slices.Equal(got, []int{1, 2, 3, 4}) {
			t.Errorf("steps %v", got)
		}
		if i := b.info(second, id); i.State != jobs.Done || i.Attempt != 2 || string(i.Checkpoint) != `{"step":4}` {
			t.Errorf("at the end: %+v", i)
		}
	})
}

func TestAFencedSaveSaysSo(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		frozen, thaw, got := make(chan struct{}), make(chan struct{}), make(chan error, 3)
		first := b.queue(jobs.Options{Workers: 1}) // busy, so it takes nothing more itself
		first.Handle("walk", func(ctx context.Context, r *jobs.Run) error {
			close(frozen)
			<-thaw
			got <- r.Save(context.WithoutCancel(ctx), []byte("1"))
			<-ctx.Done()
			got <- context.Cause(ctx)
			return errors.New("whatever")
		})
		first.Start(t.Context())
		id := b.enqueue(first, jobs.Job{Kind: "walk"})
		<-frozen
		b.clock.Advance(2 * time.Hour)
		second := b.queue(jobs.Options{})
		second.Handle("walk", func(context.Context, *jobs.Run) error { return nil })
		second.Start(t.Context())
		b.await(id, jobs.Done)
		close(thaw)
		for _, what := range []string{"save", "cause"} {
			if err := <-got; !errors.Is(err, jobs.ErrLeaseLost) {
				t.Errorf("%s: %v", what, err)
			}
		}
		// What the zombie returns changes nothing.
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := first.Stop(ctx); err != nil {
			t.Fatal(err)
		}
		if i := b.info(second, id); i.State != jobs.Done || i.LastError != "the worker gave no sign of life" && i.LastError != "" {
			t.Errorf("at the end: %+v", i)
		}
	})
}

// Beats keep the lease of a job that takes longer than it: they come in real time, the lease runs on the test's clock.
func TestBeatsKeepTheLease(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		const lease = 150 * time.Millisecond
		renewed := func(ctx context.Context, id string) error {
			look := time.NewTicker(5 * time.Millisecond)
			defer look.Stop()
			for {
				var until int64
				if err := b.db.QueryRow(ctx, "SELECT lease_until FROM job WHERE id = $1", id).Scan(&until); err != nil {
					return err
				}
				if until == b.clock.Now().Add(lease).UnixMilli() {
					return nil
				}
				select {
				case <-look.C:
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			}
		}
		other := b.queue(jobs.Options{Lease: lease, Poll: 5 * time.Millisecond})
		other.Handle("long", func(context.Context, *jobs.Run) error { return jobs.Permanent(errors.New("it was taken over")) })
		q := b.queue(jobs.Options{Lease: lease})
		q.Handle("long", func(ctx context.Context, r *jobs.Run) error {
			other.Start(t.Context()) // it looks for leases that have run out all the time
			for range 4 {
				b.clock.Advance(lease * 2 / 3)
				if err := renewed(ctx, r.ID); err != nil {
					return jobs.Permanent(err)
				}
			}
			return nil
		})
		q.Start(t.Context())
		id := b.enqueue(q, jobs.Job{Kind: "long"})
		b.await(id, jobs.Done)
		if i := b.info(q, id); i.Attempt != 1 {
			t.Errorf("%+v", i)
		}
	})
}

func TestALostWorkerUsesUpAttempts(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		stuck := make(chan struct{}, 3)
		for n := 1; n <= 2; n++ {
			q := b.queue(jobs.Options{Workers: 1})
			q.Handle("crash", func(ctx context.Context, _ *jobs.Run) error {
				stuck <- struct{}{}
				<-ctx.Done()
				return ctx.Err()
			})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			q.Start(ctx)
			if n == 1 {
				b.enqueue(q, jobs.Job{Kind: "crash", MaxAttempts: 2, UniqueKey: "crash"})
			} else {
				q.Wake()
			}
			<-stuck
			b.clock.Advance(2 * time.Hour)
		}
		last := b.queue(jobs.Options{})
		last.Handle("crash", func(context.Context, *jobs.Run) error { return nil })
		last.Start(t.Context())
		for {
			c := <-b.changes
			if c.State == jobs.Failed {
				if c.Attempt != 2 {
					t.Errorf("failed after %d attempts", c.Attempt)
				}
				break
			}
		}
	})
}

func TestCancel(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		q := b.queue(jobs.Options{})
		causes := make(chan error, 1)
		q.Handle("wait", func(ctx context.Context, _ *jobs.Run) error {
			<-ctx.Done()
			causes <- context.Cause(ctx)
			return ctx.Err()
		})
		waiting := b.enqueue(q, jobs.Job{Kind: "wait", UniqueKey: "w", RunAt: b.clock.Now().Add(time.Hour)})
		if err := q.Cancel(t.Context(), waiting); err != nil {
			t.Fatal(err)
		}
		if i := b.info(q, waiting); i.State != jobs.Cancelled || i.Finished.IsZero() {
			t.Errorf("a waiting one: %+v", i)
		}
		if err := q.Cancel(t.Context(), waiting); err != nil {
			t.Errorf("again: %v", err)
		}
		if err := q.Cancel(t.Context(), "nonsense"); !errors.Is(err, jobs.ErrNotFound) {
			t.Errorf("an unknown one: %v", err)
		}

		q.Start(t.Context())
		running := b.enqueue(q, jobs.Job{Kind: "wait", UniqueKey: "w"})
		b.await(running, jobs.Running)
		if err := q.Cancel(t.Context(), running); err != nil {
			t.Fatal(err)
		}
		if err := <-causes; !errors.Is(err, jobs.ErrCancelled) {
			t.Errorf("cause: %v", err)
		}
		b.await(running, jobs.Cancelled)
		if i := b.info(q, running); i.State != jobs.Cancelled || i.Attempt != 1 {
			t.Errorf("a running one: %+v", i)
		}
	})
}

// A worker elsewhere learns of the cancellation when it saves; what it has done by then is stored.
func TestCancelFromElsewhere(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		ready, cancelled := make(chan struct{}), make(chan struct{})
		worker := b.queue(jobs.Options{})
		worker.Handle("walk", func(ctx context.Context, r *jobs.Run) error {
			close(ready)
			<-cancelled
			if err := effect(ctx, b, r, 1); err != nil {
				return err
			}
			if err := context.Cause(ctx); !errors.Is(err, jobs.ErrCancelled) {
				return jobs.Permanent(fmt.Errorf("after the save: %w", err))
			}
			return errors.New("stopped half way") // would be tried again, but for the cancellation
		})
		worker.Start(t.Context())
		elsewhere := b.queue(jobs.Options{})
		id := b.enqueue(worker, jobs.Job{Kind: "walk"})
		<-ready
		if err := elsewhere.Cancel(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		close(cancelled)
		b.await(id, jobs.Cancelled)
		if got := b.steps(id); !slices.Equal(got, []int{1}) {
			t.Errorf("steps %v", got)
		}
	})
}

// Cancelled between its failure and the storing of it, a job does not come back for another attempt.
func TestCancelOfAFailingJob(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		elsewhere := b.queue(jobs.Options{})
		worker := b.queue(jobs.Options{})
		worker.Handle("fail", func(ctx context.Context, r *jobs.Run) error {
			if err := elsewhere.Cancel(ctx, r.ID); err != nil {
				return err
			}
			return errors.New("failed")
		})
		worker.Start(t.Context())
		id := b.enqueue(worker, jobs.Job{Kind: "fail"})
		b.await(id, jobs.Cancelled)
	})
}

func TestStopWaitsForTheRunning(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		q := b.queue(jobs.Options{})
		gate := make(chan struct{})
		q.Handle("finish", func(ctx context.Context, _ *jobs.Run) error {
			<-gate
			return ctx.Err()
		})
		q.Start(t.Context())
		id := b.enqueue(q, jobs.Job{Kind: "finish"})
		b.await(id, jobs.Running)
		stopped := make(chan error)
		go func() { stopped <- q.Stop(t.Context()) }()
		close(gate)
		if err := <-stopped; err != nil {
			t.Errorf("Stop: %v", err)
		}
		if i := b.info(q, id); i.State != jobs.Done {
			t.Errorf("after Stop: %+v", i)
		}
	})
}

func TestStopPutsBackWhatDoesNotEnd(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		q := b.queue(jobs.Options{Workers: 1})
		causes := make(chan error, 1)
		q.Handle("linger", func(ctx context.Context, _ *jobs.Run) error {
			<-ctx.Done()
			causes <- context.Cause(ctx)
			return ctx.Err()
		})
		q.Start(t.Context())
		linger := b.enqueue(q, jobs.Job{Kind: "linger"})
		b.await(linger, jobs.Running)
		later := b.enqueue(q, jobs.Job{Kind: "linger"})

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := q.Stop(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Stop: %v", err)
		}
		if err := <-causes; !errors.Is(err, jobs.ErrStopping) {
			t.Errorf("cause: %v", err)
		}
		for name, id := range map[string]string{"lingered": linger, "waited": later} {
			if i := b.info(q, id); i.State != jobs.Queued || i.Attempt != 0 {
				t.Errorf("the one that %s: %+v", name, i)
			}
		}
		if err := q.Stop(t.Context()); err != nil {
			t.Errorf("again: %v", err)
		}
		q.Start(t.Context()) // does nothing

		next := b.queue(jobs.Options{})
		next.Handle("linger", func(context.Context, *jobs.Run) error { return nil })
		next.Start(t.Context())
		left := map[string]bool{linger: true, later: true}
		for len(left) > 0 {
			if c := <-b.changes; c.State == jobs.Done {
				delete(left, c.ID)
			}
		}
	})
}

func TestHandleAfterStartPanics(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		q := b.queue(jobs.Options{})
		h := func(context.Context, *jobs.Run) error { return nil }
		q.Handle("a", h)
		for name, kind := range map[string]string{"twice": "a", "late": "b"} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s: no panic", name)
					}
				}()
				if name == "late" {
					q.Start(t.Context())
				}
				q.Handle(kind, h)
			}()
		}
	})
}

// Several queues with several workers each: every step of every job is done once.
func TestManyWorkersDoEverythingOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		const n = 60
		for range 3 {
			q := b.queue(jobs.Options{Workers: 4, Poll: 10 * time.Millisecond})
			q.Handle("walk", func(ctx context.Context, r *jobs.Run) error { return effect(ctx, b, r, 1) })
			q.Start(t.Context())
		}
		client := b.queue(jobs.Options{})
		left := map[string]bool{}
		for range n {
			left[b.enqueue(client, jobs.Job{Kind: "walk"})] = true
		}
		for len(left) > 0 {
			select {
			case c := <-b.changes:
				switch {
				case c.State == jobs.Done && !left[c.ID]:
					t.Errorf("job %s is done twice", c.ID)
				case c.State == jobs.Done:
					delete(left, c.ID)
				case c.State != jobs.Running:
					t.Errorf("job %s is %s: %v", c.ID, c.State, c.Err)
				}
			case <-time.After(30 * time.Second):
				t.Fatalf("%d jobs are not done", len(left))
			}
		}
		var steps int
		if err := b.db.QueryRow(t.Context(), "SELECT COUNT(*) FROM effect").Scan(&steps); err != nil || steps != n {
			t.Errorf("%d effects of %d jobs (%v)", steps, n, err)
		}
	})
}

func TestPruneForgetsOldFinishedJobs(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		q := b.queue(jobs.Options{Keep: 24 * time.Hour})
		q.Handle("walk", func(context.Context, *jobs.Run) error { return nil })
		waits := b.enqueue(q, jobs.Job{Kind: "walk", RunAt: b.clock.Now().Add(1000 * time.Hour)})
		q.Start(t.Context())
		old := b.enqueue(q, jobs.Job{Kind: "walk"})
		b.await(old, jobs.Done)
		b.clock.Advance(25 * time.Hour)
		fresh := b.enqueue(q, jobs.Job{Kind: "walk"})
		b.await(fresh, jobs.Done)
		if err := jobs.Prune(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		if _, err := q.Get(t.Context(), old); !errors.Is(err, jobs.ErrNotFound) {
			t.Errorf("the old one: %v", err)
		}
		b.info(q, fresh)
		b.info(q, waits)
	})
}

// On SQLite nobody else can have the database open, so the leases of an earlier process are void at once.
func TestTakeOverAtStart(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		q := b.queue(jobs.Options{})
		q.Handle("walk", func(context.Context, *jobs.Run) error { return nil })
		id := b.enqueue(q, jobs.Job{Kind: "walk"})
		err := b.db.Write(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.Exec(`UPDATE job SET state = 'running', attempt = 1, fence = 1, lease_owner = $1, lease_until = $2`,
				"GONEGONEGONEGONEGONEGONEGO/x", b.clock.Now().Add(time.Hour).UnixMilli())
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		q.Start(t.Context())
		if b.db.Shared() {
			b.clock.Advance(2 * time.Hour)
			q.Wake()
		}
		b.await(id, jobs.Done)
		if i := b.info(q, id); i.Attempt != 2 {
			t.Errorf("%+v", i)
		}
	})
}
