package connect

import (
	"context"
	"net/http"
	"time"
)

// Usage is what Connect's calls cost in the last seven days.
type Usage struct {
	Hours   []UsageHour `json:"hours"`   // oldest first
	Calls   int64       `json:"calls"`   // to both clouds in the last 24 hours
	Counted int64       `json:"counted"` // of these, against the org's limit
	// OrgMax is the org's limit in a rolling 24 hours, 0 where it does not tell; OrgUsedPercent is of whoever called.
	OrgMax         int64   `json:"org_max,omitempty"`
	OrgRemaining   int64   `json:"org_remaining,omitempty"`
	OrgUsedPercent float64 `json:"org_used_percent,omitempty"`
	OrgCause       *Cause  `json:"org_cause,omitempty"`

	Alerts UsageAlerts `json:"alerts"`
}

// UsageAlerts are the thresholds at which the recipients of notifications are mailed.
type UsageAlerts struct {
	Percents []int           `json:"percents"` // of the org's limit
	Counted  int64           `json:"counted"`  // of Connect's calls that count; 0 for none
	Reached  []UsageCrossing `json:"reached"`
}

// UsageCrossing is a threshold that use has reached.
type UsageCrossing struct {
	Of        string `json:"of"` // "org_limit" or "connect_calls"
	Threshold int64  `json:"threshold"`
	Used      int64  `json:"used"`
}

// SetUsageAlerts sets the thresholds; none tells nobody.
func (c *Client) SetUsageAlerts(ctx context.Context, percents []int, counted int64, by, key string) (Usage, error) {
	var out Usage
	if percents == nil {
		percents = []int{}
	}
	err := c.do(ctx, http.MethodPost, "/api/v1/usage/alerts", key, map[string]any{"percents": percents, "counted": counted, "by": by}, &out)
	return out, err
}

// UsageHour is the calls of one hour to one API of one cloud.
type UsageHour struct {
	Hour    time.Time `json:"hour"`  // its begin
	Cloud   string    `json:"cloud"` // "org" or "engagement"
	API     string    `json:"api"`   // "rest", "soap", "bulk", "oauth" or "other"
	Calls   int64     `json:"calls"`
	Counted bool      `json:"counted"` // they count against the org's limit
}

// Usage asks for it.
func (c *Client) Usage(ctx context.Context) (Usage, error) {
	var out Usage
	err := c.do(ctx, http.MethodGet, "/api/v1/usage", "", nil, &out)
	return out, err
}
