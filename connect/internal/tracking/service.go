package tracking

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/standing"
)

const (
	// overlap is read again each time: what happened then may have shown late (DESIGN 5.9).
	overlap = time.Minute
	// applyAtOnce is how many events one transaction takes over.
	applyAtOnce = 40
	// pullTime bounds one reading; leaseTime is how long after a crash nobody else reads.
	pullTime  = 5 * time.Minute
	leaseTime = 6 * time.Minute
)

// CodeReading: somebody reads the pair at the moment.
const CodeReading fault.Code = "tracking_in_progress"

// Service reads and writes back. It is safe for concurrent use.
type Service struct {
	store    Store
	refusals Refusals
	links    *link.Service
	machine  clock.Machine
}

// NewService wires the service.
func NewService(store Store, refusals Refusals, links *link.Service, machine clock.Machine) *Service {
	if machine == nil {
		machine = time.Now
	}
	return &Service{store: store, refusals: refusals, links: links, machine: machine}
}

// Claim gives the links that this process is to read now; each is read by one process within every.
func (s *Service) Claim(ctx context.Context, every time.Duration) ([]link.Link, error) {
	now := s.machine()
	pairs, err := s.store.Claim(ctx, now, now.Add(-every))
	var links []link.Link
	for _, pair := range pairs {
		l, linkErr := s.links.Link(ctx, pair)
		if err = errors.Join(err, linkErr); linkErr == nil && s.possible(l) == nil {
			links = append(links, l)
		}
	}
	return links, err
}

// possible refuses to read a pair whose standing does not have it, or that cannot be reached.
func (s *Service) possible(l link.Link) error {
	if err := l.May(standing.BringBack); err != nil {
		return err
	}
	return s.links.Available(l)
}

// State tells how far the pair was read.
func (s *Service) State(ctx context.Context, l link.Link) (State, error) {
	return s.store.State(ctx, l.Pair)
}

// Results lists the results of a mailing.
func (s *Service) Results(ctx context.Context, l link.Link, mailing, after string, limit int) ([]Result, error) {
	return s.store.Results(ctx, l.Pair, mailing, after, limit)
}

// Pull reads both clouds from where it was left and writes back what is new. Each part goes as far as it can; the error
// is of the first that could not. A cloud that refuses a single record is no error: see [Refusal].
func (s *Service) Pull(ctx context.Context, l link.Link) (Summary, error) {
	var sum Summary
	if err := s.possible(l); err != nil {
		return sum, err
	}
	had, err := s.store.Lease(ctx, l.Pair, s.machine(), s.machine().Add(leaseTime))
	if err != nil {
		return sum, err
	}
	if !had {
		return sum, fault.New(fault.Conflict, CodeReading, "Results and opt-outs are being brought back already.")
	}
	ctx, cancel := context.WithTimeout(ctx, pullTime)
	defer cancel()
	state, err := s.store.State(ctx, l.Pair)
	if err != nil {
		return sum, err
	}
	now := s.links.Now(l)
	var errs []error
	part := func(until *time.Time, do func(from, to time.Time) error) {
		from := *until
		if from.After(now) { // domain time was moved back
			from = now
		}
		if !from.IsZero() {
			from = from.Add(-overlap)
		}
		if err := do(from, now.Add(time.Second)); err != nil {
			errs = append(errs, err)
			return
		}
		*until = now
	}
	part(&state.EventsUntil, func(from, to time.Time) error { return s.events(ctx, l, from, to, &sum) })
	part(&state.UnsubscribedUntil, func(from, to time.Time) error { return s.unsubscriptions(ctx, l, from, to, &sum) })
	part(&state.OptedOutUntil, func(from, to time.Time) error { return s.optOuts(ctx, l, from, to, &sum) })
	for _, do := range []func(context.Context, link.Link, *Summary) error{s.retryOptOuts, s.retryUnsubscribe} {
		if err := do(ctx, l, &sum); err != nil {
			errs = append(errs, err)
		}
	}
	if err := s.write(ctx, l, now, &sum); err != nil {
		errs = append(errs, err)
	}
	state.ErrorCode, state.Error = "", ""
	if len(errs) > 0 {
		f := fault.Of(errs[0])
		state.ErrorCode, state.Error = string(f.Code), client.Clip(f.Message, 500)
		if f.Kind == fault.Internal {
			state.Error = "An unexpected error occurred."
		}
	}
	// However it ended, what was read is kept and others may read.
	ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return sum, errors.Join(append(errs, s.store.Advance(ctx, l.Pair, state))...)
}

// beginning is the from of a tenant's question that has none: before every event there is.
var beginning = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// events takes over what happened to messages.
func (s *Service) events(ctx context.Context, l link.Link, from, to time.Time, sum *Summary) error {
	if from.IsZero() {
		from = beginning
	}
	return s.links.CallTenant(ctx, l, func(tenant *engagement.Session) error {
		definitions, err := tenant.TriggeredDefinitions(ctx)
		if err != nil {
			return err
		}
		keys := make(map[string]string, len(definitions))
		for _, d := range definitions {
			keys[strings.ToLower(d.ObjectID)] = d.Key
		}
		for _, kind := range []string{
			engagement.EventSent, engagement.EventNotSent, engagement.EventBounce, engagement.EventOpen, engagement.EventClick, engagement.EventUnsubscribe,
		} {
			err := tenant.Events(ctx, kind, from, to, func(page []engagement.Event) error {
				var known []Event
				for _, e := range page {
					key, ours := keys[strings.ToLower(e.DefinitionID)]
					if !ours || len(e.SubscriberKey) != 18 || e.At.IsZero() {
						continue // of another send of Engagement's own
					}
					known = append(known, Event{Kind: e.Kind, ID: e.ID, TrackingID: e.ObjectID, RecordID: e.SubscriberKey, DefinitionKey: key, At: e.At, URL: e.URL, Bounce: e.Bounce})
				}
				for len(known) > 0 {
					part := known[:min(len(known), applyAtOnce)]
					known = known[len(part):]
					n, err := s.store.Apply(ctx, l.Pair, part)
					if err != nil {
						return err
					}
					sum.Events += n
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}
