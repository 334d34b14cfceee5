package api

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/usage"
	"github.com/twinspan/twinspan/internal/fault"
)

type usageHour struct {
	Hour    time.Time      `json:"hour"`
	Cloud   link.Direction `json:"cloud"`
	API     string         `json:"api"`
	Calls   int64          `json:"calls"`
	Counted bool           `json:"counted"`
}

type usageBody struct {
	Hours []usageHour `json:"hours"`
	// Calls and Counted are of the last 24 hours.
	Calls          int64      `json:"calls"`
	Counted        int64      `json:"counted"`
	OrgMax         int64      `json:"org_max,omitempty"`
	OrgRemaining   int64      `json:"org_remaining,omitempty"`
	OrgUsedPercent float64    `json:"org_used_percent,omitempty"`
	OrgCause       *causeBody `json:"org_cause,omitempty"` // why the org does not tell
	Alerts         alertsBody `json:"alerts"`
}

type alertsBody struct {
	// Percents are of the org's limit; Counted is a number of Connect's calls that count, 0 for none.
	Percents []int          `json:"percents"`
	Counted  int64          `json:"counted"`
	Reached  []crossingBody `json:"reached"`
}

type crossingBody struct {
	Of        string `json:"of"` // org_limit, connect_calls
	Threshold int64  `json:"threshold"`
	Used      int64  `json:"used"`
}

func alertsOf(r usage.Report) alertsBody {
	b := alertsBody{Percents: append([]int{}, r.Alerts.Percents...), Counted: r.Alerts.Counted, Reached: make([]crossingBody, 0, len(r.Reached))}
	for _, c := range r.Reached {
		b.Reached = append(b.Reached, crossingBody{c.Of, c.Threshold, c.Used})
	}
	return b
}

// setUsageAlerts says at which thresholds the recipients of notifications are told.
func (s *Server) setUsageAlerts(ctx context.Context, c call) (any, error) {
	var in struct {
		Percents []int  `json:"percents"`
		Counted  int64  `json:"counted"`
		By       string `json:"by"`
	}
	if err := c.decodeChange(&in, &in.By); err != nil {
		return nil, err
	}
	if err := s.Usage.SetAlerts(ctx, c.link, usage.Alerts{Percents: in.Percents, Counted: in.Counted}, in.By); err != nil {
		return nil, err
	}
	return s.usage(ctx, c)
}

func (s *Server) usage(ctx context.Context, c call) (any, error) {
	r, err := s.Usage.Report(ctx, c.link)
	if err != nil {
		return nil, err
	}
	body := usageBody{Hours: make([]usageHour, 0, len(r.Rows)), OrgMax: r.Org.DailyAPIRequests.Max, OrgRemaining: r.Org.DailyAPIRequests.Remaining, OrgUsedPercent: r.Used, Calls: r.Calls, Counted: r.Counted, Alerts: alertsOf(r)}
	for _, row := range r.Rows {
		h := usageHour{row.Hour, row.Cloud, row.API, row.Calls, row.Counted(c.link.Standing)}
		body.Hours = append(body.Hours, h)
	}
	if r.OrgError != nil {
		body.OrgCause = &causeBody{string(fault.CodeOf(r.OrgError)), fault.Of(r.OrgError).Message}
	}
	return body, nil
}
