package upgrade

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
)

// Progress is how far an upgrade has come.
type Progress struct {
	Percent     float64 // of the steps, the one about the users by its users
	Done, Steps int
	Users       MigrationStatus
	// Left is what is left of the booked window, less than 0 where the outage takes longer than that; 0 while it is not open.
	Left time.Duration
	// Until is how long it is to the hour that the upgrade waits for; 0 where that has come, or it waits for none.
	Until time.Duration
}

// Progress tells how far an upgrade of the link has come.
func (s *Service) Progress(ctx context.Context, l link.Link, u Upgrade) (Progress, error) {
	p := Progress{Steps: len(u.Steps)}
	part := 0.0
	if s.users != nil && u.Record(Migrate) != nil && u.State != Cancelled {
		var err error
		if p.Users, err = s.users.Status(ctx, l, u.ID); err != nil {
			return p, err
		}
	}
	for _, r := range u.Steps {
		switch {
		case r.Status == Finished:
			p.Done++
		case r.Step == Migrate && p.Users.Begun:
			part = p.Users.Percent / 100
		}
	}
	if p.Steps > 0 {
		p.Percent = 100 * (float64(p.Done) + part) / float64(p.Steps)
	}
	now := s.links.Now(l)
	if ours(l.Outage) {
		p.Left = l.Outage.Until.Sub(now)
	}
	if u.Waiting != nil && u.Waiting.For == Time {
		p.Until = max(0, u.Waiting.Until.Sub(now))
	}
	return p, nil
}
