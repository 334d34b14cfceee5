package sender

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/sqlstore"
	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/jobs"
)

const (
	// lookEvery is short because domain time can be moved by days at once.
	lookEvery = 5 * time.Second
	// reviewEvery is how often messages are looked for that nothing works on. The first time comes soon after the start.
	reviewEvery = time.Hour
)

// look goes on in the background: messages that have waited for their definition for too long are decided about, and so
// are those that the end of a job left without one of their own.
func (s *Sender) look(ctx context.Context) {
	s.looks.Every(ctx, s.o.LookEvery, s.o.Log, "sender: messages that have waited for too long cannot be looked for", s.expire)
	var turn int
	turns := max(1, int(reviewEvery/s.o.LookEvery))
	s.looks.Every(ctx, s.o.LookEvery, s.o.Log, "sender: messages that nothing works on cannot be looked for", func(ctx context.Context) error {
		if turn++; turn%turns != 1 && turns > 1 {
			return nil
		}
		err := s.review(ctx)
		if err != nil {
			turn = 0 // again at the next turn
		}
		return err
	})
}

// expire has the messages decided about that have waited for their definition longer than the tenant's domain time allows.
func (s *Sender) expire(ctx context.Context) error {
	since, err := s.o.Forsaken.HeldSince(ctx)
	if err != nil {
		return err
	}
	for eid, oldest := range since {
		limit := s.o.Now(eid).Add(-tenant.HoldLimit)
		if !oldest.Before(limit) {
			continue
		}
		if err := inBatches(func() (int, error) { return s.o.Forsaken.ReleaseOlder(ctx, eid, limit, releaseBatch) }); err != nil {
			return err
		}
	}
	return nil
}

// review gives messages a job that have none: those whose job failed for good, as that of a process that was killed in
// its last attempt, and those that were not released when their definition was switched on.
func (s *Sender) review(ctx context.Context) error {
	stranded, err := s.o.Forsaken.Stranded(ctx)
	if err != nil {
		return err
	}
	for _, d := range stranded {
		if err := inBatches(func() (int, error) { return s.o.Store.ReleaseHeld(ctx, d.Tenant, d.ID, releaseBatch) }); err != nil {
			return err
		}
	}
	revived, err := s.o.Forsaken.Revive(ctx)
	if revived > 0 {
		s.o.Log.Warn("sender: messages were found that nothing worked on", "messages", revived)
	}
	return err
}

// inBatches repeats a step until it finds less than a whole batch. Each batch is stored before the next.
func inBatches(step func() (int, error)) error {
	for {
		if n, err := step(); err != nil || n < releaseBatch {
			return err
		}
	}
}

// release lets the messages go that waited for a definition. A crash leaves the rest to the next run.
func (s *Sender) release(ctx context.Context, r *jobs.Run) error {
	var p sqlstore.ReleasePayload
	if err := json.Unmarshal(r.Payload, &p); err != nil {
		return jobs.Permanent(fmt.Errorf("sender: reading a job: %w", err))
	}
	return inBatches(func() (int, error) { return s.o.Store.ReleaseHeld(ctx, p.Tenant, p.Definition, releaseBatch) })
}

// discard refuses what was queued for a definition when somebody emptied its queue.
func (s *Sender) discard(ctx context.Context, r *jobs.Run) error {
	var p sqlstore.DiscardPayload
	if err := json.Unmarshal(r.Payload, &p); err != nil {
		return jobs.Permanent(fmt.Errorf("sender: reading a job: %w", err))
	}
	why := tenant.Refusal{Code: tenant.SendUnspecified, Text: "The queue of the definition was emptied."}
	return inBatches(func() (int, error) {
		return s.o.Store.Discard(ctx, p.Tenant, p.Definition, p.Until, why, releaseBatch, s.o.Now(p.Tenant))
	})
}
