package upgrade

import (
	"cmp"
	"context"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
)

// lookBack is how far back sends and calls are counted for a proposal.
const lookBack = 7 * 24 * time.Hour

// Hour is what happened in an hour of the day, on all the days that were looked at.
type Hour struct {
	Sends int64 // messages of sends and triggered sends
	Calls int64 // of Connect, to both clouds
}

// Proposal is an hour at which an outage disturbs least.
type Proposal struct {
	At     time.Time // domain time
	Until  time.Time
	Hours  [24]Hour // of the last seven days, by hour of the day, UTC
	Sends  int64    // of these, in the hours of the proposal
	Calls  int64
	Inside int // sends that are scheduled inside it
}

// Propose looks for the quietest hour of the next seven days for an outage of a length: with the fewest sends scheduled
// inside, then with the fewest sends, then with the fewest calls in those hours of the last seven days, then the soonest.
func (s *Scheduler) Propose(ctx context.Context, l link.Link, window time.Duration) (Proposal, error) {
	window = cmp.Or(window, DefaultWindow)
	now := s.Links.Now(l)
	if err := (Booking{Window: window, Mode: link.Hold}).Check(now); err != nil {
		return Proposal{}, err
	}
	if s.Flush != nil {
		if err := s.Flush(ctx); err != nil {
			return Proposal{}, err
		}
	}
	hours, err := s.Store.Busy(ctx, l.Pair, now.Add(-lookBack), now)
	if err != nil {
		return Proposal{}, err
	}
	first := now.Truncate(time.Hour).Add(2 * time.Hour)
	scheduled, err := s.Mailings.Due(ctx, l.Pair, first, first.Add(lookBack+window), maxLooked)
	if err != nil {
		return Proposal{}, err
	}
	due := make([]time.Time, len(scheduled))
	for i, m := range scheduled {
		due[i] = m.DueAt
	}
	return Quietest(first, window, hours, due), nil
}

// Quietest is the proposal from an hour on, for what happened in each hour of the day and what is due.
func Quietest(first time.Time, window time.Duration, hours [24]Hour, due []time.Time) Proposal {
	var best Proposal
	for i := range int(lookBack / time.Hour) {
		p := Proposal{At: first.Add(time.Duration(i) * time.Hour), Hours: hours}
		p.Until = p.At.Add(window)
		for at := p.At; at.Before(p.Until); at = at.Add(time.Hour) {
			h := hours[at.UTC().Hour()]
			p.Sends, p.Calls = p.Sends+h.Sends, p.Calls+h.Calls
		}
		for _, at := range due {
			if !at.Before(p.At) && at.Before(p.Until) {
				p.Inside++
			}
		}
		if i == 0 || cmp.Or(cmp.Compare(p.Inside, best.Inside), cmp.Compare(p.Sends, best.Sends), cmp.Compare(p.Calls, best.Calls)) < 0 {
			best = p
		}
	}
	return best
}
