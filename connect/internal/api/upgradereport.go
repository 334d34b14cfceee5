package api

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/connect/internal/upgrade"
)

type upgradeReportBody struct {
	Upgrade *upgradeBody `json:"upgrade"` // null where there never was one
	// PlannedUntil is when the outage was to be over; absent where it was not opened. OutageEndedAt is absent while it is open.
	PlannedUntil  time.Time  `json:"planned_until,omitzero"`
	OutageEndedAt time.Time  `json:"outage_ended_at,omitzero"`
	Sends         *tallyBody `json:"sends,omitempty"`    // asked for in the outage
	Mailings      *tallyBody `json:"mailings,omitempty"` // asked for in it, or due
}

type tallyBody struct {
	Total   int `json:"total"`
	Held    int `json:"held"` // wait still, or are on their way
	Sent    int `json:"sent"`
	Failed  int `json:"failed"`
	InDoubt int `json:"in_doubt"`
}

func tallyOf(t upgrade.Tally) *tallyBody {
	return &tallyBody{t.Total(), t.Held, t.Sent, t.Failed, t.InDoubt}
}

// upgradeReport tells of the whole upgrade.
func (s *Server) upgradeReport(ctx context.Context, c call) (any, error) {
	r, err := s.Upgrades.Report(ctx, c.link)
	if noUpgrade(err) {
		return upgradeReportBody{}, nil
	}
	if err != nil {
		return nil, err
	}
	body := upgradeReportBody{PlannedUntil: r.PlannedUntil, OutageEndedAt: r.OutageEnded}
	if !r.OpenedAt.IsZero() {
		body.Sends, body.Mailings = tallyOf(r.Sends), tallyOf(r.Mailings)
	}
	body.Upgrade, err = s.upgradeOf(ctx, c.link, r.Upgrade)
	return body, err
}
