package connect

import (
	"context"
	"net/http"
)

// BusinessUnit is a business unit as the two clouds know it.
type BusinessUnit struct {
	AccountID int64  `json:"account_id"` // MID
	ParentID  int64  `json:"parent_id,omitempty"`
	Name      string `json:"name"`
	Enabled   bool   `json:"enabled"` // for the org's users
	Reached   bool   `json:"reached"` // by the API user
	Problem   string `json:"problem,omitempty"`
}

// BusinessUnits lists them.
func (c *Client) BusinessUnits(ctx context.Context) ([]BusinessUnit, error) {
	var out struct {
		BusinessUnits []BusinessUnit `json:"business_units"`
	}
	err := c.do(ctx, http.MethodGet, "/api/v1/business-units", "", nil, &out)
	return out.BusinessUnits, err
}

// BusinessUnits are all business units after a change.
type BusinessUnits struct {
	BusinessUnits []BusinessUnit `json:"business_units"`
	Cleared       int            `json:"cleared"` // mappings of users in business units that were removed
	Failed        []ClearFailure `json:"failed"`
	Next          string         `json:"next"` // where to go on after; "" where all mappings were seen
}

// SetBusinessUnits enables or disables business units for the org's users, and gives all as they are then. Those that are
// disabled lose the mappings in them, some at each call: go on with Next as after until it is "".
func (c *Client) SetBusinessUnits(ctx context.Context, mids []int64, enabled bool, after, by, key string) (BusinessUnits, error) {
	var out BusinessUnits
	body := map[string]any{"account_ids": mids, "enabled": enabled, "by": by}
	if after != "" {
		body["after"] = after
	}
	err := c.do(ctx, http.MethodPost, "/api/v1/business-units", key, body, &out)
	return out, err
}
