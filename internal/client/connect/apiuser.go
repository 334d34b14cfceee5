package connect

import (
	"context"
	"net/http"
	"time"
)

// APIUserItem is something that sends and stops with the API user's credentials.
type APIUserItem struct {
	Kind   string `json:"kind"` // "transactional" or "triggered_send"
	MID    int64  `json:"mid"`
	Key    string `json:"key"`
	Name   string `json:"name"`
	Paused bool   `json:"paused"`
}

// APIUserChange is a change of the API user's credentials.
type APIUserChange struct {
	Step      string        `json:"step"`     // "pausing", "paused", "resuming", "resumed" or "cancelled"
	APIUser   string        `json:"api_user"` // when it began
	Actor     string        `json:"actor"`
	StartedAt *time.Time    `json:"started_at"`
	EndedAt   *time.Time    `json:"ended_at,omitempty"`
	Items     []APIUserItem `json:"items"`
}

// UnderWay reports whether a change was begun and not ended.
func (c *APIUserChange) UnderWay() bool {
	return c != nil && c.Step != "resumed" && c.Step != "cancelled"
}

// APIUserPlan is what a change would stop, and how far the last one has come.
type APIUserPlan struct {
	APIUser string         `json:"api_user"`
	Change  *APIUserChange `json:"change,omitempty"` // nil where there never was one
	Active  []APIUserItem  `json:"active"`
	Proof   []Finding      `json:"proof"` // of the API user as he is now
	Before  []string       `json:"clicks_before"`
	After   []string       `json:"clicks_after"`
	Effects []string       `json:"effects"`
}

// APIUserResumed is how far verifying and resuming came.
type APIUserResumed struct {
	Resumed      bool           `json:"resumed"`
	AuthorizeURL string         `json:"authorize_url,omitempty"` // where the API user signs in once
	Warning      string         `json:"warning,omitempty"`       // to know before opening it
	Proof        []Finding      `json:"proof,omitempty"`
	Change       *APIUserChange `json:"change,omitempty"`
}

// APIUserPlan asks what a change of the API user's credentials would stop; it changes nothing.
func (c *Client) APIUserPlan(ctx context.Context) (APIUserPlan, error) {
	var out APIUserPlan
	err := c.do(ctx, http.MethodGet, "/api/v1/api-user/change", "", nil, &out)
	return out, err
}

// PauseForAPIUser pauses everything that sends, before the credentials are changed.
func (c *Client) PauseForAPIUser(ctx context.Context, by, key string) (APIUserChange, error) {
	var out APIUserChange
	err := c.do(ctx, http.MethodPost, "/api/v1/api-user/change/pause", key, map[string]string{"by": by}, &out)
	return out, err
}

// CancelAPIUserChange gives a change up: what was paused is set going, and nobody is verified. Items that are paused still, a person
// has to start.
func (c *Client) CancelAPIUserChange(ctx context.Context, by, key string) (APIUserChange, error) {
	var out APIUserChange
	err := c.do(ctx, http.MethodPost, "/api/v1/api-user/change/cancel", key, map[string]string{"by": by}, &out)
	return out, err
}

// ResumeAPIUser verifies the API user after the change, another one where apiUser is not "", and sets going what was
// paused.
func (c *Client) ResumeAPIUser(ctx context.Context, apiUser string, mid int64, by string) (APIUserResumed, error) {
	var out APIUserResumed
	err := c.do(ctx, http.MethodPost, "/api/v1/api-user/change/resume", "", map[string]any{"api_user": apiUser, "account_id": mid, "by": by}, &out)
	return out, err
}
