package connect

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// UpgradeRequest asks what an upgrade would do.
type UpgradeRequest struct {
	Kind     string        // "connected_app" or "tenant_oauth"; "" for the one that the connection needs
	Order    string        // "safe" or "documented"; "" is safe
	Mode     string        // "hold" or "fail"; "" is hold
	At       time.Time     // when the outage is to open, by the connection's clock; zero for what is booked, else now
	Window   time.Duration // whole minutes; 0 for what is booked, else two hours
	LeaveOut []string      // users who are not to be assigned to the connected app
}

// UpgradePlan is what an upgrade would do.
type UpgradePlan struct {
	Kind     string    `json:"kind"`
	Order    string    `json:"order"`
	Mode     string    `json:"mode"`
	ModeSays string    `json:"mode_says"` // what the mode does to sends, and what the document says of it
	From     time.Time `json:"from"`
	Until    time.Time `json:"until"`
	Blocked  bool      `json:"blocked"`
	Users    struct {
		Mapped   int            `json:"mapped"`
		Looked   int            `json:"looked_at"`
		Approved int            `json:"approved"` // of those looked at, assigned to the connected app already
		Failing  int            `json:"failing"`
		By       map[string]int `json:"by_reason"`
		Told     []UpgradeUser  `json:"told"` // at most 200
	} `json:"users"`
	Changes     []UpgradeChange     `json:"changes"`
	Credentials []UpgradeCredential `json:"credentials"`
	Sends       []UpgradeSend       `json:"sends"`         // due inside the window; at most 200
	Sessions    []UpgradeSession    `json:"sessions"`      // at most 200
	Live        int                 `json:"sessions_live"` // sessions of other people in the org
	Estimate    struct {
		Users   int     `json:"users"`
		Seconds float64 `json:"seconds"`
		Rate    float64 `json:"per_second"`
		Within  bool    `json:"within"` // the users fit the window
		How     string  `json:"how"`
	} `json:"estimate"`
	Findings []UpgradeFinding `json:"findings"`
}

// UpgradeUser is a user whose reconnection fails, or is not as it should be.
type UpgradeUser struct {
	CRMUsername    string `json:"crm_username"`
	EngagementUser string `json:"engagement_username"`
	Code           string `json:"code"`
	Reason         string `json:"reason"`
	Fails          bool   `json:"fails"`
}

// UpgradeChange is something that an upgrade changes.
type UpgradeChange struct {
	Area string `json:"area"`
	Name string `json:"name"`
	Now  string `json:"now"`
	Then string `json:"then"`
	Who  string `json:"who"` // "engagement_admin", "crm_admin" or "connect"
}

// UpgradeCredential says whether the user of a span signs in today.
type UpgradeCredential struct {
	Span string `json:"span"`
	User string `json:"username"`
	Auth string `json:"auth"`
	OK   bool   `json:"ok"`
	Text string `json:"text"`
}

// UpgradeSend is a send that is due inside the window.
type UpgradeSend struct {
	ID    string    `json:"mailing_id"`
	Kind  string    `json:"kind"`
	DueAt time.Time `json:"due_at"`
	User  string    `json:"crm_username"`
}

// UpgradeSession is a live session of somebody else in the org.
type UpgradeSession struct {
	Username string    `json:"username"`
	Type     string    `json:"type"` // "UI", "API" …
	Since    time.Time `json:"since"`
	SourceIP string    `json:"source_ip,omitempty"`
}

// UpgradeFinding is something to know before an upgrade.
type UpgradeFinding struct {
	Level string `json:"level"` // "blocks", "warns" or "notes"
	Code  string `json:"code"`
	Text  string `json:"text"`
}

// UpgradePlan asks for it; it changes nothing.
func (c *Client) UpgradePlan(ctx context.Context, r UpgradeRequest) (UpgradePlan, error) {
	q := url.Values{"leave_out": r.LeaveOut}
	for name, value := range map[string]string{"kind": r.Kind, "order": r.Order, "mode": r.Mode} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if !r.At.IsZero() {
		q.Set("at", r.At.UTC().Format(time.RFC3339))
	}
	if r.Window > 0 {
		q.Set("minutes", strconv.Itoa(int((r.Window+time.Minute-1)/time.Minute)))
	}
	var out UpgradePlan
	err := c.do(ctx, http.MethodGet, "/api/v1/upgrade/plan?"+q.Encode(), "", nil, &out)
	return out, err
}
