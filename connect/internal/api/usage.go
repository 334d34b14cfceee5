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
}

func (s *Server) usage(ctx context.Context, c call) (any, error) {
	r, err := s.Usage.Report(ctx, c.link)
	if err != nil {
		return nil, err
	}
	body := usageBody{Hours: make([]usageHour, 0, len(r.Rows)), OrgMax: r.Org.DailyAPIRequests.Max, OrgRemaining: r.Org.DailyAPIRequests.Remaining, OrgUsedPercent: r.Used}
	day := s.Links.Now(c.link).Add(-24 * time.Hour)
	for _, row := range r.Rows {
		h := usageHour{row.Hour, row.Cloud, row.API, row.Calls, usage.Counted(c.link.Standing, row.Cloud, row.API)}
		body.Hours = append(body.Hours, h)
		if row.Hour.After(day) {
			body.Calls += row.Calls
			if h.Counted {
				body.Counted += row.Calls
			}
		}
	}
	if r.OrgError != nil {
		body.OrgCause = &causeBody{string(fault.CodeOf(r.OrgError)), fault.Of(r.OrgError).Message}
	}
	return body, nil
}
