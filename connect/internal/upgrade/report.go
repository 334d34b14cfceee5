package upgrade

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
)

// Report is what became of an upgrade as a whole; what became of users is package migration's.
type Report struct {
	Upgrade
	// PlannedUntil is when the outage was to be over, OutageEnded when it was; zero before. Domain time.
	PlannedUntil, OutageEnded time.Time
	// Sends are those asked for while the outage was open, with those of the verification; in mode fail they were refused, and
	// there are none. Mailings are those asked for, or due, meanwhile.
	Sends, Mailings Tally
}

// Tally counts sends by where they stand now.
type Tally struct {
	Held    int // wait for the outage's end, or are on their way
	Sent    int // the tenant has them, or has sent them
	Failed  int // refused, not sent, failed or cancelled
	InDoubt int
}

// Total is how many there are.
func (t Tally) Total() int { return t.Held + t.Sent + t.Failed + t.InDoubt }

// Tallies count sends of a time.
type Tallies interface {
	// TallyOutage counts a pair's sends and mailings from one domain time to another.
	TallyOutage(ctx context.Context, pair string, from, to time.Time) (sends, mailings Tally, err error)
}

// Report tells of the upgrade of the link that was started last.
func (s *Service) Report(ctx context.Context, l link.Link) (Report, error) {
	u, err := s.Last(ctx, l)
	r := Report{Upgrade: u}
	if err != nil || u.OpenedAt.IsZero() {
		return r, err
	}
	r.PlannedUntil = u.OpenedAt.Add(u.Window)
	r.OutageEnded = u.outageEnded()
	to := r.OutageEnded
	if to.IsZero() {
		to = s.links.Now(l)
	}
	r.Sends, r.Mailings, err = s.tallies.TallyOutage(ctx, l.Pair, u.OpenedAt, to)
	return r, err
}

// outageEnded is when the outage of an upgrade was over, domain time; zero before. A cancelled one's is over once Connect has put
// back what it did, which may be long before the admins have put back theirs.
func (u Upgrade) outageEnded() time.Time {
	switch closed, open := u.Record(CloseDown), u.Record(OpenOutage); {
	case u.OpenedAt.IsZero():
	case closed != nil && closed.Status == Finished:
		return closed.EndedAt
	case open != nil && open.Status == Undone && open.EndedAt.After(u.OpenedAt):
		return open.EndedAt
	case u.State == Cancelled:
		return u.EndedAt
	}
	return time.Time{}
}
