package api

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/mailing"
	"github.com/twinspan/twinspan/connect/internal/upgrade"
	"github.com/twinspan/twinspan/internal/fault"
)

type scheduleBody struct {
	Upgrade          *upgradeBody `json:"upgrade"`
	AfterSends       bool         `json:"after_sends"`
	BookedAt         time.Time    `json:"booked_at"`
	EngagementAdmins []string     `json:"engagement_admins"`
	CRMAdmins        []string     `json:"crm_admins"`
}

type proposalBody struct {
	At     time.Time      `json:"at"`
	Until  time.Time      `json:"until"`
	Sends  int64          `json:"sends"`
	Calls  int64          `json:"calls"`
	Inside int            `json:"scheduled_inside"`
	Hours  []busyHourBody `json:"hours"`
}

type busyHourBody struct {
	Hour  int   `json:"hour"`
	Sends int64 `json:"sends"`
	Calls int64 `json:"calls"`
}

type scheduleAnswer struct {
	Schedule *scheduleBody `json:"schedule"`           // null where nothing is booked
	Proposal *proposalBody `json:"proposal,omitempty"` // where it was asked what is
	Inside   []upgradeSend `json:"scheduled_inside,omitempty"`
}

func (s *Server) scheduleOf(ctx context.Context, l link.Link, b upgrade.Schedule) (*scheduleBody, error) {
	u, err := s.upgradeOf(ctx, l, b.Upgrade)
	body := &scheduleBody{Upgrade: u, AfterSends: b.AfterSends, BookedAt: b.BookedAt, EngagementAdmins: b.EngagementAdmins, CRMAdmins: b.CRMAdmins}
	if body.EngagementAdmins == nil {
		body.EngagementAdmins = []string{}
	}
	if body.CRMAdmins == nil {
		body.CRMAdmins = []string{}
	}
	return body, err
}

func upgradeSendsOf(all []mailing.Mailing) []upgradeSend {
	sends := make([]upgradeSend, 0, len(all))
	for _, m := range all {
		sends = append(sends, upgradeSend{m.ID, m.Audience.Kind, m.DueAt, m.CRMUsername})
	}
	return sends
}

func (s *Server) upgradeSchedule(ctx context.Context, c call) (any, error) {
	r, err := c.planRequest() // of whose parameters minutes alone counts
	if err != nil {
		return nil, err
	}
	p, err := s.Schedule.Propose(ctx, c.link, r.Window)
	if err != nil {
		return nil, err
	}
	answer := scheduleAnswer{Proposal: &proposalBody{At: p.At, Until: p.Until, Sends: p.Sends, Calls: p.Calls, Inside: p.Inside}}
	for i, h := range p.Hours {
		answer.Proposal.Hours = append(answer.Proposal.Hours, busyHourBody{i, h.Sends, h.Calls})
	}
	b, err := s.Schedule.Current(ctx, c.link)
	if fault.CodeOf(err) == upgrade.CodeNotBooked {
		return answer, nil
	}
	if err == nil {
		answer.Schedule, err = s.scheduleOf(ctx, c.link, b)
	}
	return answer, err
}

func (s *Server) scheduleUpgrade(ctx context.Context, c call) (any, error) {
	var in struct {
		Kind             upgrade.Kind    `json:"kind"`
		Order            upgrade.Order   `json:"order"`
		Mode             link.OutageMode `json:"mode"`
		At               *time.Time      `json:"at"`
		WindowMinutes    int             `json:"window_minutes"`
		AfterSends       *bool           `json:"after_sends"` // absent leaves it as it is booked
		Anyway           bool            `json:"anyway"`
		EngagementAdmins []string        `json:"engagement_admins"`
		CRMAdmins        []string        `json:"crm_admins"`
		By               string          `json:"by"`
	}
	if err := c.decodeChange(&in, &in.By); err != nil {
		return nil, err
	}
	window, err := windowOf(in.WindowMinutes)
	if err != nil {
		return nil, err
	}
	r := upgrade.ScheduleRequest{
		StartRequest: upgrade.StartRequest{Kind: in.Kind, Order: in.Order, By: in.By}, AfterSends: in.AfterSends, Anyway: in.Anyway,
		EngagementAdmins: in.EngagementAdmins, CRMAdmins: in.CRMAdmins,
	}
	r.Mode, r.Window = in.Mode, window
	switch now := s.Links.Now(c.link); {
	case in.At != nil && in.At.Before(now):
		return nil, fault.New(fault.Invalid, upgrade.CodeInvalid, "That time is past; it is %s.", now.Format(time.RFC3339)).In("at")
	case in.At != nil:
		r.At = *in.At
	case in.AfterSends == nil || !*in.AfterSends:
		return nil, fault.New(fault.Invalid, upgrade.CodeInvalid, "Say when the outage is to open.").In("at")
	}
	b, inside, err := s.Schedule.Book(ctx, c.link, r)
	if err != nil {
		return nil, err
	}
	body, err := s.scheduleOf(ctx, c.link, b)
	return scheduleAnswer{Schedule: body, Inside: upgradeSendsOf(inside)}, err
}

func (s *Server) withdrawUpgrade(ctx context.Context, c call) (any, error) {
	var in struct {
		Reason string `json:"reason"`
		By     string `json:"by"`
	}
	if err := c.decodeChange(&in, &in.By); err != nil {
		return nil, err
	}
	u, err := s.Schedule.Withdraw(ctx, c.link, in.By, in.Reason)
	return s.upgradeAnswer(ctx, c.link, u, err)
}

// windowOf is how long an outage is to last; zero is the upgrade's own length.
func windowOf(minutes int) (time.Duration, error) {
	if minutes < 0 || minutes > int(link.MaxOutage/time.Minute) {
		return 0, fault.New(fault.Invalid, upgrade.CodeInvalid, "The outage lasts from one minute to %d hours.", link.MaxOutage/time.Hour).In("window_minutes")
	}
	return time.Duration(minutes) * time.Minute, nil
}
