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
	if ours(l.Outage) {
		p.Left = l.Outage.Until.Sub(s.links.Now(l))
	}
	return p, nil
}
