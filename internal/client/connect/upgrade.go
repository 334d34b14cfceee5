package connect

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// Upgrade brings the connection from stored passwords to keys.
type Upgrade struct {
	ID            string    `json:"id"`
	Kind          string    `json:"kind"`  // "connected_app" or "tenant_oauth"
	Order         string    `json:"order"` // "safe" or "documented"
	State         string    `json:"state"` // "booked", "running", "waiting", "cancelling", "cancelled", "watching" or "done"
	Step          string    `json:"step,omitempty"`
	Mode          string    `json:"mode"`        // "hold" or "fail"
	At            time.Time `json:"at,omitzero"` // for which the outage is booked, by the connection's clock as all times here
	WindowMinutes int       `json:"window_minutes"`
	By            string    `json:"by"`
	CreatedAt     time.Time `json:"created_at"`
	OpenedAt      time.Time `json:"opened_at,omitzero"`
	EndedAt       time.Time `json:"ended_at,omitzero"`
	// Waiting is nil where it waits for nobody.
	Waiting     *UpgradeWaiting `json:"waiting,omitempty"`
	Failure     string          `json:"failure,omitempty"` // of the last attempt at the step, which is tried again
	Findings    []Cause         `json:"findings,omitempty"`
	CancelledBy string          `json:"cancelled_by,omitempty"`
	Reason      string          `json:"reason,omitempty"` // of the cancelling
	Progress    UpgradeProgress `json:"progress"`
	Steps       []UpgradeStep   `json:"steps"`
}

// UpgradeProgress is how far an upgrade has come.
type UpgradeProgress struct {
	Percent       float64 `json:"percent"`
	Done          int     `json:"done"` // steps
	Steps         int     `json:"steps"`
	Users         int     `json:"users"` // who were mapped before
	Reconnected   int     `json:"reconnected"`
	Waiting       int     `json:"waiting"` // for approval
	Failed        int     `json:"failed"`
	Rate          float64 `json:"rate,omitempty"`                // users a second; 0 while not known
	SecondsLeft   float64 `json:"seconds_left,omitempty"`        // until all users have an outcome; 0 while not known
	WindowSeconds float64 `json:"window_seconds_left,omitempty"` // below 0 by how much the window does not suffice
	UntilSeconds  float64 `json:"until_seconds,omitempty"`       // to the hour that it waits for, by the pair's clock; 0 where that has come
}

// Closed reports whether the upgrade is over, or waits for nobody but the day after.
func (u Upgrade) Closed() bool {
	return u.State == "cancelled" || u.State == "watching" || u.State == "done"
}

// ToldBy is who said that a step may be done, or was; "" for nobody, or nobody since it was refused.
func (u Upgrade) ToldBy(step string) string {
	for _, s := range u.Steps {
		if s.Step == step {
			return s.ToldBy
		}
	}
	return ""
}

// UpgradeWaiting is for whom an upgrade waits, and for what.
type UpgradeWaiting struct {
	For     string    `json:"for"` // "engagement_admin", "crm_admin", "connect" or "time"
	Step    string    `json:"step,omitempty"`
	Undoing bool      `json:"undoing,omitempty"` // the step is to be put back
	Code    string    `json:"code,omitempty"`    // what is wrong, where it has a name: "api_user_refused"
	Have    string    `json:"have,omitempty"`
	Want    string    `json:"want,omitempty"`
	Click   string    `json:"click,omitempty"`
	Command string    `json:"command,omitempty"`
	Until   time.Time `json:"until,omitzero"`
	Since   time.Time `json:"since,omitzero"`
}

// UpgradeStep is one step of an upgrade.
type UpgradeStep struct {
	Step    string          `json:"step"`
	Title   string          `json:"title"`
	Owner   string          `json:"owner"`  // "engagement_admin", "crm_admin" or "connect"
	Status  string          `json:"status"` // "planned", "intended", "done" or "undone"
	ToldBy  string          `json:"told_by,omitempty"`
	BeganAt time.Time       `json:"began_at,omitzero"`
	EndedAt time.Time       `json:"ended_at,omitzero"`
	Have    string          `json:"have,omitempty"`
	Want    string          `json:"want,omitempty"`
	Stood   json.RawMessage `json:"stood,omitempty"` // what stood before it
}

// UpgradeStart asks for an upgrade.
type UpgradeStart struct {
	Kind          string     `json:"kind,omitempty"`  // "" is "connected_app"
	Order         string     `json:"order,omitempty"` // "" is "safe"
	Mode          string     `json:"mode,omitempty"`  // "" is "hold"
	At            *time.Time `json:"at,omitempty"`    // nil is as soon as may be
	WindowMinutes int        `json:"window_minutes,omitempty"`
	// Acknowledged: who asks is the Engagement admin, and has read what will change.
	Acknowledged bool                `json:"acknowledged,omitempty"`
	Verify       UpgradeVerification `json:"verify"`
	By           string              `json:"by"`
}

// UpgradeVerification says what an upgrade is verified by.
type UpgradeVerification struct {
	Definition string `json:"definition,omitempty"` // external key of a triggered send definition; "" sends nothing
	As         string `json:"as,omitempty"`         // mapped user who sends the test email; "" is the first one
	To         string `json:"to,omitempty"`         // "" is that user's own address
	Contact    string `json:"contact,omitempty"`    // contact or lead for a triggered send; "" makes none
}

// UpgradeTelling is what an admin says of a step of his.
type UpgradeTelling struct {
	Anyway bool                `json:"anyway,omitempty"` // goes on without what is missing, where the step allows it
	Verify UpgradeVerification `json:"verify"`           // of the step "verify"
	By     string              `json:"by"`
}

type upgradeAnswer struct {
	Upgrade *Upgrade `json:"upgrade"`
}

// Upgrade is the one that was started last; nil where there never was one.
func (c *Client) Upgrade(ctx context.Context) (*Upgrade, error) {
	var out upgradeAnswer
	err := c.do(ctx, http.MethodGet, "/api/v1/upgrade", "", nil, &out)
	return out.Upgrade, err
}

// StartUpgrade begins one, or the one that is booked.
func (c *Client) StartUpgrade(ctx context.Context, r UpgradeStart, key string) (*Upgrade, error) {
	var out upgradeAnswer
	err := c.do(ctx, http.MethodPost, "/api/v1/upgrade", key, r, &out)
	return out.Upgrade, err
}

// TellUpgrade says that an admin's step may be done, or was.
func (c *Client) TellUpgrade(ctx context.Context, step string, t UpgradeTelling, key string) (*Upgrade, error) {
	var out upgradeAnswer
	err := c.do(ctx, http.MethodPost, "/api/v1/upgrade/steps/"+url.PathEscape(step), key, t, &out)
	return out.Upgrade, err
}

// UpgradeAccount is the address under which the system user logs in to the org and allows the connected app.
func (c *Client) UpgradeAccount(ctx context.Context, by, key string) (authorizeURL string, err error) {
	var out struct {
		AuthorizeURL string `json:"authorize_url"`
	}
	err = c.do(ctx, http.MethodPost, "/api/v1/upgrade/connect-account", key, map[string]string{"by": by}, &out)
	return out.AuthorizeURL, err
}

// CancelUpgrade has everything that was begun undone.
func (c *Client) CancelUpgrade(ctx context.Context, reason, by, key string) (*Upgrade, error) {
	var out upgradeAnswer
	err := c.do(ctx, http.MethodPost, "/api/v1/upgrade/cancel", key, map[string]string{"reason": reason, "by": by}, &out)
	return out.Upgrade, err
}
