package api

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
)

type outageBody struct {
	// Open: the connection is unavailable now.
	Open   bool            `json:"open"`
	Mode   link.OutageMode `json:"mode"`
	From   time.Time       `json:"from"`
	Until  time.Time       `json:"until"`
	Reason string          `json:"reason"`
	By     string          `json:"by"`
}

func (s *Server) outageOf(l link.Link) *outageBody {
	o := l.Outage
	now := s.Links.Now(l)
	if o.Mode == "" || !o.Stays && !now.Before(o.Until) {
		return nil
	}
	return &outageBody{Open: o.Open(now), Mode: o.Mode, From: o.From, Until: o.Until, Reason: o.Reason, By: o.Actor}
}

type outageAnswer struct {
	Outage *outageBody `json:"outage"` // null where none is booked
}

func (s *Server) outage(_ context.Context, c call) (any, error) {
	return outageAnswer{s.outageOf(c.link)}, nil
}

func (s *Server) setOutage(ctx context.Context, c call) (any, error) {
	var in struct {
		Mode  link.OutageMode `json:"mode"`
		From  *time.Time      `json:"from"`
		Until time.Time       `json:"until"`
		// Minutes from its begin to its end, in the place of until.
		Minutes int    `json:"minutes"`
		Reason  string `json:"reason"`
		By      string `json:"by"`
	}
	if err := c.decodeChange(&in, &in.By); err != nil {
		return nil, err
	}
	o := link.Outage{Mode: in.Mode, Until: in.Until, Reason: in.Reason, Actor: in.By}
	if in.From != nil {
		o.From = *in.From
	}
	if o.Until.IsZero() && in.Minutes > 0 && in.Minutes <= int(link.MaxOutage/time.Minute) {
		begin := o.From
		if begin.IsZero() {
			begin = s.Links.Now(c.link)
		}
		o.Until = begin.Add(time.Duration(in.Minutes) * time.Minute)
	}
	if err := s.Upgrades.Undisturbed(ctx, c.link); err != nil {
		return nil, err
	}
	l, err := s.Links.Interrupt(ctx, c.link, o)
	if err != nil {
		return nil, err
	}
	return outageAnswer{s.outageOf(l)}, nil
}

func (s *Server) endOutage(ctx context.Context, c call) (any, error) {
	var in struct {
		By string `json:"by"`
	}
	if err := c.decodeChange(&in, &in.By); err != nil {
		return nil, err
	}
	if err := s.Upgrades.Undisturbed(ctx, c.link); err != nil {
		return nil, err
	}
	l, err := s.Links.Resume(ctx, c.link, in.By)
	if err != nil {
		return nil, err
	}
	return outageAnswer{s.outageOf(l)}, nil
}
