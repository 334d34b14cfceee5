package connect

import (
	"context"
	"net/http"
)

// Standing says whose clouds a connection stands between, where they are, and what can be done there.
type Standing struct {
	Standing          string `json:"standing"` // "unset", "embedded", "own_link" or "beside_the_package"
	Said              string `json:"said"`
	OrgURL            string `json:"org_url"`
	EngagementAuthURL string `json:"engagement_auth_url"`
	App               string `json:"app"` // label of the app in the org
	ConsumerKey       string `json:"consumer_key"`
	ConsoleClientID   string `json:"console_client_id"`
	EID               int64  `json:"eid"` // 0 before the tenant told it
	// OrgCertificate is PEM: what the app in the org holds.
	OrgCertificate string        `json:"org_certificate"`
	Rows           []StandingRow `json:"rows"`
}

// StandingRow is how one thing of the founding documents is done in the standing.
type StandingRow struct {
	Document   string   `json:"document"` // "000"
	What       string   `json:"what"`
	How        string   `json:"how"`               // "command", "click", "package" or "no"
	Text       string   `json:"text"`              // what does it; where it is not done, why not
	Instead    string   `json:"instead,omitempty"` // where it is not done
	Operations []string `json:"operations,omitempty"`
}

// StandingChange says a standing; what is empty stays as it is.
type StandingChange struct {
	Standing          string `json:"standing"`
	OrgURL            string `json:"org_url,omitempty"`
	EngagementAuthURL string `json:"engagement_auth_url,omitempty"`
	App               string `json:"app,omitempty"`
	ConsumerKey       string `json:"consumer_key,omitempty"`
	ConsoleClientID   string `json:"console_client_id,omitempty"`
	EID               int64  `json:"eid,omitempty"`
	By                string `json:"by,omitempty"`
}

// Standing reads the standing.
func (c *Client) Standing(ctx context.Context) (Standing, error) {
	var out Standing
	err := c.do(ctx, http.MethodGet, "/api/v1/connection/standing", "", nil, &out)
	return out, err
}

// SetStanding says it.
func (c *Client) SetStanding(ctx context.Context, s StandingChange, key string) (Standing, error) {
	var out Standing
	err := c.do(ctx, http.MethodPost, "/api/v1/connection/standing", key, s, &out)
	return out, err
}
