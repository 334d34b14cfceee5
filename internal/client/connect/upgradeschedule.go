package connect

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// Schedule is the outage of an upgrade that was booked.
type Schedule struct {
	Upgrade          *Upgrade  `json:"upgrade"`
	AfterSends       bool      `json:"after_sends"` // it opens only once the sends have completed that are due before its end
	BookedAt         time.Time `json:"booked_at"`
	EngagementAdmins []string  `json:"engagement_admins"` // addresses that are told
	CRMAdmins        []string  `json:"crm_admins"`
}

// Proposal is an hour at which an outage disturbs least.
type Proposal struct {
	At     time.Time  `json:"at"`
	Until  time.Time  `json:"until"`
	Sends  int64      `json:"sends"` // of the last seven days, in the proposal's hours
	Calls  int64      `json:"calls"`
	Inside int        `json:"scheduled_inside"` // sends that are scheduled inside it
	Hours  []BusyHour `json:"hours"`
}

// BusyHour is what happened in an hour of the day in the last seven days.
type BusyHour struct {
	Hour  int   `json:"hour"` // 0 to 23, UTC
	Sends int64 `json:"sends"`
	Calls int64 `json:"calls"`
}

// ScheduleAnswer is what is booked, or was just now.
type ScheduleAnswer struct {
	Schedule *Schedule     `json:"schedule"`           // nil where nothing is booked
	Proposal *Proposal     `json:"proposal,omitempty"` // where it was asked what is
	Inside   []UpgradeSend `json:"scheduled_inside,omitempty"`
}

// ScheduleRequest asks for an outage.
type ScheduleRequest struct {
	Kind             string     `json:"kind,omitempty"`  // "" for the one that the connection needs
	Order            string     `json:"order,omitempty"` // "" is "safe"
	Mode             string     `json:"mode,omitempty"`  // "" is "hold"
	At               *time.Time `json:"at,omitempty"`    // by the connection's clock; nil with AfterSends alone
	WindowMinutes    int        `json:"window_minutes,omitempty"`
	AfterSends       *bool      `json:"after_sends,omitempty"` // nil leaves it as it is booked
	Anyway           bool       `json:"anyway,omitempty"`      // also where scheduled sends would fail
	EngagementAdmins []string   `json:"engagement_admins,omitempty"`
	CRMAdmins        []string   `json:"crm_admins,omitempty"`
	By               string     `json:"by"`
}

// UpgradeSchedule reads what is booked, and proposes an hour for an outage of a length; 0 is two hours.
func (c *Client) UpgradeSchedule(ctx context.Context, window time.Duration) (ScheduleAnswer, error) {
	path := "/api/v1/upgrade/schedule"
	if window > 0 {
		path += "?minutes=" + strconv.Itoa(int((window+time.Minute-1)/time.Minute))
	}
	var out ScheduleAnswer
	err := c.do(ctx, http.MethodGet, path, "", nil, &out)
	return out, err
}

// ScheduleUpgrade books an outage, or moves the one that is booked.
func (c *Client) ScheduleUpgrade(ctx context.Context, r ScheduleRequest, key string) (ScheduleAnswer, error) {
	var out ScheduleAnswer
	err := c.do(ctx, http.MethodPost, "/api/v1/upgrade/schedule", key, r, &out)
	return out, err
}

// WithdrawUpgrade takes the booking back, as long as nothing was begun.
func (c *Client) WithdrawUpgrade(ctx context.Context, by, reason, key string) (*Upgrade, error) {
	var out upgradeAnswer
	err := c.do(ctx, http.MethodPost, "/api/v1/upgrade/schedule/withdraw", key, map[string]string{"by": by, "reason": reason}, &out)
	return out.Upgrade, err
}
