package connect

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/twinspan/twinspan/internal/vault"
)

// Watch says how a connection is looked at again and again, and who is told.
type Watch struct {
	EveryMinutes float64  `json:"every_minutes"` // 0 for never
	Severity     string   `json:"severity"`      // from which on something counts
	Webhook      string   `json:"webhook"`       // scheme, host and port; "" where there is none
	Recipients   []string `json:"recipients"`
}

// WatchChange changes it; what is nil or "" stays.
type WatchChange struct {
	EveryMinutes *int
	Severity     string
	Webhook      *string // an address; "" for none any more
	Secret       vault.Secret
}

// Round is a look that was kept.
type Round struct {
	Seq             int64             `json:"seq"`
	At              time.Time         `json:"at"`
	State           string            `json:"state"` // "healthy", "partly_checked", "notice", "warning", "error", "not_looked_at"
	Findings        []RoundFinding    `json:"findings"`
	More            int               `json:"more,omitempty"`
	Counts          map[string]int    `json:"counts"`
	Unchecked       map[string]string `json:"unchecked,omitempty"`
	Passed          int               `json:"passed"`
	OrgCalls        int               `json:"org_calls"`
	EngagementCalls int               `json:"engagement_calls"`
	TookMS          int64             `json:"took_ms"`
	Trouble         string            `json:"trouble,omitempty"`
	Open            []string          `json:"open,omitempty"`
	Began           []string          `json:"began,omitempty"`
	Ended           []string          `json:"ended,omitempty"`
}

// RoundFinding is what is kept of a finding.
type RoundFinding struct {
	Check    string `json:"check"`
	Severity string `json:"severity"`
	Subject  string `json:"subject,omitempty"`
	Seen     string `json:"seen"`
	Expected string `json:"expected,omitempty"`
	Click    string `json:"click,omitempty"`
	Command  string `json:"command,omitempty"`
	See      string `json:"see,omitempty"`
	Mend     bool   `json:"mend,omitempty"` // the command does it and is safe
}

// Watch tells how the connection is looked at.
func (c *Client) Watch(ctx context.Context) (Watch, error) {
	var out Watch
	err := c.do(ctx, http.MethodGet, "/api/v1/doctor/watch", "", nil, &out)
	return out, err
}

// SetWatch changes it. by is who asks.
func (c *Client) SetWatch(ctx context.Context, w WatchChange, by, key string) (Watch, error) {
	in := map[string]any{"by": by}
	if w.EveryMinutes != nil {
		in["every_minutes"] = *w.EveryMinutes
	}
	if w.Severity != "" {
		in["severity"] = w.Severity
	}
	if w.Webhook != nil {
		in["webhook"] = *w.Webhook
	}
	if w.Secret != "" {
		in["webhook_secret"] = w.Secret.Reveal()
	}
	var out Watch
	err := c.do(ctx, http.MethodPost, "/api/v1/doctor/watch", key, in, &out)
	return out, err
}

// Rounds lists the newest rounds, the newest first.
func (c *Client) Rounds(ctx context.Context, limit int) ([]Round, error) {
	var out struct {
		Rounds []Round `json:"rounds"`
	}
	err := c.do(ctx, http.MethodGet, "/api/v1/doctor/rounds?limit="+strconv.Itoa(limit), "", nil, &out)
	return out.Rounds, err
}

// MakeRound makes a round now.
func (c *Client) MakeRound(ctx context.Context, key string) (Round, error) {
	var out Round
	err := c.do(ctx, http.MethodPost, "/api/v1/doctor/rounds", key, map[string]any{}, &out)
	return out, err
}
