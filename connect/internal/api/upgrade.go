package api

import (
	"context"
	"encoding/json"
	"time"

	"github.com/twinspan/twinspan/connect/internal/access"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/upgrade"
)

type upgradeBody struct {
	ID    string        `json:"id"`
	Kind  upgrade.Kind  `json:"kind"`
	Order upgrade.Order `json:"order"`
	State upgrade.State `json:"state"`
	// Step is the one that it is at; absent before the first and after the last.
	Step          upgrade.Name     `json:"step,omitempty"`
	Mode          link.OutageMode  `json:"mode"`
	At            time.Time        `json:"at,omitzero"` // for which the outage is booked; absent for as soon as may be
	WindowMinutes int              `json:"window_minutes"`
	By            string           `json:"by"`
	CreatedAt     time.Time        `json:"created_at"`
	OpenedAt      time.Time        `json:"opened_at,omitzero"`
	EndedAt       time.Time        `json:"ended_at,omitzero"`
	Waiting       *upgrade.Waiting `json:"waiting,omitempty"`
	// Failure is why the last attempt at the step failed; it is tried again.
	Failure     string        `json:"failure,omitempty"`
	Findings    []causeBody   `json:"findings,omitempty"`
	CancelledBy string        `json:"cancelled_by,omitempty"`
	Reason      string        `json:"reason,omitempty"`
	Progress    progressBody  `json:"progress"`
	Steps       []upgradeStep `json:"steps"`
}

type upgradeStep struct {
	Step    upgrade.Name    `json:"step"`
	Title   string          `json:"title"`
	Owner   upgrade.Owner   `json:"owner"`
	Status  upgrade.Status  `json:"status"`
	ToldBy  string          `json:"told_by,omitempty"`
	BeganAt time.Time       `json:"began_at,omitzero"`
	EndedAt time.Time       `json:"ended_at,omitzero"`
	Have    string          `json:"have,omitempty"`
	Want    string          `json:"want,omitempty"`
	Stood   json.RawMessage `json:"stood,omitempty"` // what stood before it, for the way back
}

func (s *Server) upgradeOf(ctx context.Context, l link.Link, u upgrade.Upgrade) (*upgradeBody, error) {
	body := &upgradeBody{
		ID: u.ID, Kind: u.Kind, Order: u.Order, State: u.State, Step: u.Step, Mode: u.Mode, At: u.At, WindowMinutes: int(u.Window / time.Minute), By: u.Actor,
		CreatedAt: u.CreatedAt, OpenedAt: u.OpenedAt, EndedAt: u.EndedAt, Waiting: u.Waiting, Failure: u.Failure, CancelledBy: u.CancelledBy, Reason: u.Reason,
		Steps: make([]upgradeStep, 0, len(u.Steps)),
	}
	for _, f := range u.Findings {
		body.Findings = append(body.Findings, causeBody{f.Code, f.Text})
	}
	for _, r := range u.Steps {
		body.Steps = append(body.Steps, upgradeStep{
			Step: r.Step, Title: s.Upgrades.Title(u, r.Step), Owner: r.Owner, Status: r.Status, ToldBy: r.ToldBy, BeganAt: r.BeganAt, EndedAt: r.EndedAt, Have: r.Have, Want: r.Want, Stood: r.Stood,
		})
	}
	var err error
	body.Progress, err = s.progressOf(ctx, l, u)
	return body, err
}

type upgradeAnswer struct {
	Upgrade *upgradeBody `json:"upgrade"` // null where there never was one
}

func (s *Server) upgradeAnswer(ctx context.Context, l link.Link, u upgrade.Upgrade, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	body, err := s.upgradeOf(ctx, l, u)
	return upgradeAnswer{body}, err
}

func (s *Server) upgrade(ctx context.Context, c call) (any, error) {
	u, err := s.Upgrades.Last(ctx, c.link)
	if noUpgrade(err) {
		return upgradeAnswer{}, nil
	}
	return s.upgradeAnswer(ctx, c.link, u, err)
}

func (s *Server) startUpgrade(ctx context.Context, c call) (any, error) {
	var in struct {
		Kind          upgrade.Kind    `json:"kind"`
		Order         upgrade.Order   `json:"order"`
		Mode          link.OutageMode `json:"mode"`
		At            *time.Time      `json:"at"`
		WindowMinutes int             `json:"window_minutes"`
		// Acknowledged: the Engagement admin asks, and has read what will change.
		Acknowledged bool                 `json:"acknowledged"`
		Verify       upgrade.Verification `json:"verify"`
		By           string               `json:"by"`
	}
	if err := c.decodeChange(&in, &in.By); err != nil {
		return nil, err
	}
	window, err := windowOf(in.WindowMinutes)
	if err != nil {
		return nil, err
	}
	r := upgrade.StartRequest{Kind: in.Kind, Order: in.Order, By: in.By, Acknowledged: in.Acknowledged, Verify: in.Verify}
	r.Mode, r.Window = in.Mode, window
	if in.At != nil {
		r.At = *in.At
	}
	u, err := s.Upgrades.Start(ctx, c.link, r)
	return s.upgradeAnswer(ctx, c.link, u, err)
}

func (s *Server) tellUpgrade(ctx context.Context, c call) (any, error) {
	var in struct {
		// Anyway goes on without what is missing, where the step allows that.
		Anyway bool `json:"anyway"`
		// Verify is of the step verify.
		Verify upgrade.Verification `json:"verify"`
		By     string               `json:"by"`
	}
	if err := c.decodeChange(&in, &in.By); err != nil {
		return nil, err
	}
	told := upgrade.Telling{By: in.By, Anyway: in.Anyway, Verify: in.Verify}
	if c.role == access.Engagement {
		told.As = upgrade.EngagementAdmin
	}
	u, err := s.Upgrades.Tell(ctx, c.link, upgrade.Name(c.value), told)
	return s.upgradeAnswer(ctx, c.link, u, err)
}

func (s *Server) cancelUpgrade(ctx context.Context, c call) (any, error) {
	var in struct {
		Reason string `json:"reason"`
		By     string `json:"by"`
	}
	if err := c.decodeChange(&in, &in.By); err != nil {
		return nil, err
	}
	u, err := s.Upgrades.Cancel(ctx, c.link, in.By, in.Reason)
	return s.upgradeAnswer(ctx, c.link, u, err)
}

type connectAccountBody struct {
	AuthorizeURL string `json:"authorize_url"`
}

// connectAccount makes the link under which the system user logs in to the org and allows the connected app.
func (s *Server) connectAccount(ctx context.Context, c call) (any, error) {
	var in struct {
		By string `json:"by"`
	}
	if err := c.decodeChange(&in, &in.By); err != nil {
		return nil, err
	}
	if err := s.Upgrades.MayAllow(ctx, c.link); err != nil {
		return nil, err
	}
	url, err := s.Signins.OfferAccount(ctx, c.link)
	return connectAccountBody{url}, err
}
