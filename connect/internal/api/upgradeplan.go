package api

import (
	"context"
	"strconv"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/mailing"
	"github.com/twinspan/twinspan/connect/internal/upgrade"
	"github.com/twinspan/twinspan/internal/fault"
)

type upgradePlanBody struct {
	Kind        upgrade.Kind         `json:"kind"`
	Order       upgrade.Order        `json:"order"`
	Mode        link.OutageMode      `json:"mode"`
	ModeSays    string               `json:"mode_says"`
	From        time.Time            `json:"from"`
	Until       time.Time            `json:"until"`
	Blocked     bool                 `json:"blocked"`
	Users       upgradeUsersBody     `json:"users"`
	Changes     []upgradeChange      `json:"changes"`
	Credentials []upgradeProof       `json:"credentials"`
	Sends       []upgradeSend        `json:"sends"`
	Sessions    []upgradeSession     `json:"sessions"`
	Live        int                  `json:"sessions_live"`
	Estimate    upgradeEstimate      `json:"estimate"`
	Findings    []upgradeFindingBody `json:"findings"`
}

type upgradeUsersBody struct {
	Mapped   int            `json:"mapped"`
	Looked   int            `json:"looked_at"`
	Approved int            `json:"approved"`
	Failing  int            `json:"failing"`
	By       map[string]int `json:"by_reason"`
	Told     []upgradeUser  `json:"told"`
}

type upgradeUser struct {
	CRMUsername    string `json:"crm_username"`
	EngagementUser string `json:"engagement_username"`
	Code           string `json:"code"`
	Reason         string `json:"reason"`
	Fails          bool   `json:"fails"`
}

type upgradeChange struct {
	Area string `json:"area"`
	Name string `json:"name"`
	Now  string `json:"now"`
	Then string `json:"then"`
	Who  string `json:"who"`
}

type upgradeProof struct {
	Span link.Direction `json:"span"`
	User string         `json:"username"`
	By   link.Driver    `json:"auth"`
	OK   bool           `json:"ok"`
	Text string         `json:"text"`
}

type upgradeSend struct {
	ID    string       `json:"mailing_id"`
	Kind  mailing.Kind `json:"kind"`
	DueAt time.Time    `json:"due_at"`
	User  string       `json:"crm_username"`
}

type upgradeSession struct {
	Username string    `json:"username"`
	Type     string    `json:"type"`
	Since    time.Time `json:"since"`
	SourceIP string    `json:"source_ip,omitempty"`
}

type upgradeEstimate struct {
	Users   int     `json:"users"`
	Seconds float64 `json:"seconds"`
	Rate    float64 `json:"per_second"`
	Within  bool    `json:"within"`
	How     string  `json:"how"`
}

type upgradeFindingBody struct {
	Level upgrade.Level `json:"level"`
	Code  string        `json:"code"`
	Text  string        `json:"text"`
}

// planRequest reads the parameters of a plan.
func (c call) planRequest() (upgrade.Request, error) {
	r := upgrade.Request{Mode: link.OutageMode(c.query.Get("mode")), LeaveOut: c.query["leave_out"]}
	var err error
	if r.Kind, err = upgrade.ParseKind(c.query.Get("kind")); err != nil {
		return r, err
	}
	if order := c.query.Get("order"); order != "" { // else what is booked
		if r.Order, err = upgrade.ParseOrder(order); err != nil {
			return r, err
		}
	}
	if at := c.query.Get("at"); at != "" {
		if r.At, err = time.Parse(time.RFC3339, at); err != nil {
			return r, fault.New(fault.Invalid, upgrade.CodeInvalid, "at is a time such as 2026-12-24T18:00:00Z.").In("at")
		}
	}
	if minutes := c.query.Get("minutes"); minutes != "" {
		n, err := strconv.Atoi(minutes)
		if err != nil || n < 1 || n > int(link.MaxOutage/time.Minute) {
			return r, fault.New(fault.Invalid, upgrade.CodeInvalid, "minutes is a number from 1 to %d.", link.MaxOutage/time.Minute).In("minutes")
		}
		r.Window = time.Duration(n) * time.Minute
	}
	return r, nil
}

func (s *Server) upgradePlan(ctx context.Context, c call) (any, error) {
	r, err := c.planRequest()
	if err != nil {
		return nil, err
	}
	p, err := s.UpgradePlan.Plan(ctx, c.link, r)
	if err != nil {
		return nil, err
	}
	return planOf(p), nil
}

func planOf(p upgrade.Plan) upgradePlanBody {
	b := upgradePlanBody{
		Kind: p.Kind, Order: p.Order, Mode: p.Mode, ModeSays: upgrade.ModeText(p.Mode), From: p.At, Until: p.Until, Blocked: p.Blocked(), Live: p.Live,
		Users:   upgradeUsersBody{Mapped: p.Users.Mapped, Looked: p.Users.Looked, Approved: p.Users.Approved, Failing: p.Users.Fails, By: p.Users.By, Told: []upgradeUser{}},
		Changes: []upgradeChange{}, Credentials: []upgradeProof{}, Sessions: []upgradeSession{}, Findings: []upgradeFindingBody{},
		Estimate: upgradeEstimate{p.Estimate.Users, p.Estimate.Takes.Seconds(), p.Estimate.Rate, p.Estimate.Within, p.Estimate.How},
	}
	if b.Users.By == nil {
		b.Users.By = map[string]int{}
	}
	for _, u := range p.Users.Told {
		b.Users.Told = append(b.Users.Told, upgradeUser(u))
	}
	for _, c := range p.Changes {
		b.Changes = append(b.Changes, upgradeChange(c))
	}
	for _, f := range p.Proofs {
		b.Credentials = append(b.Credentials, upgradeProof(f))
	}
	b.Sends = upgradeSendsOf(p.Sends)
	for _, v := range p.Sessions {
		b.Sessions = append(b.Sessions, upgradeSession(v))
	}
	for _, f := range p.Findings {
		b.Findings = append(b.Findings, upgradeFindingBody(f))
	}
	return b
}
