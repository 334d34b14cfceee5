package connect

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Mailing is a send to an audience of the org.
type Mailing struct {
	ID             string        `json:"id"`
	State          string        `json:"state"` // "scheduled", "held", "queued", "running", "completed", "failed" or "cancelled"
	Kind           string        `json:"kind"`  // "contact", "lead", "campaign", "report" or "data_extension"
	IDs            []string      `json:"ids"`
	DefinitionKey  string        `json:"definition_key"`
	As             string        `json:"as"`               // CRM user name of who sends
	OwnRecordsOnly bool          `json:"own_records_only"` // his own records alone are reached
	AskedBy        string        `json:"asked_by"`
	CreatedAt      time.Time     `json:"created_at"`
	DueAt          time.Time     `json:"due_at"`
	EndedAt        *time.Time    `json:"ended_at,omitempty"`
	Collected      bool          `json:"collected"` // the audience is read
	Counts         MailingCounts `json:"counts"`
	Reason         *Cause        `json:"reason,omitempty"`
}

// Over reports whether nothing happens any more.
func (m Mailing) Over() bool {
	return m.State == "completed" || m.State == "failed" || m.State == "cancelled"
}

// MailingCounts are how many recipients stand where.
type MailingCounts struct {
	Recipients int `json:"recipients"`
	Waiting    int `json:"waiting"`
	Accepted   int `json:"accepted"`
	Sent       int `json:"sent"`
	NotSent    int `json:"not_sent"`
	InDoubt    int `json:"in_doubt"`
	Refused    int `json:"refused"`
}

// MailingRequest asks for a mailing.
type MailingRequest struct {
	Kind          string     `json:"kind"`
	IDs           []string   `json:"ids"`
	DefinitionKey string     `json:"definition_key"`
	As            string     `json:"as"`
	At            *time.Time `json:"at,omitempty"` // the pair's domain time; nil is now
	By            string     `json:"by,omitempty"`
}

// Recipient is one person of a mailing.
type Recipient struct {
	Position   int    `json:"position"`
	RecordID   string `json:"record_id"`
	Recipient  string `json:"recipient"`
	Status     string `json:"status"`
	MessageKey string `json:"message_key"`
	Reason     *Cause `json:"reason,omitempty"`
}

// StartMailing takes a mailing, once for each key.
func (c *Client) StartMailing(ctx context.Context, r MailingRequest, key string) (Mailing, error) {
	var out Mailing
	err := c.do(ctx, http.MethodPost, "/api/v1/mailings", key, r, &out)
	return out, err
}

// Mailing asks how far a mailing has come.
func (c *Client) Mailing(ctx context.Context, id string) (Mailing, error) {
	var out Mailing
	err := c.do(ctx, http.MethodGet, "/api/v1/mailings/"+url.PathEscape(id), "", nil, &out)
	return out, err
}

// Mailings lists the newest, those in state where it is not "".
func (c *Client) Mailings(ctx context.Context, state string) ([]Mailing, error) {
	var out struct {
		Mailings []Mailing `json:"mailings"`
	}
	err := c.do(ctx, http.MethodGet, "/api/v1/mailings?"+url.Values{"state": {state}}.Encode(), "", nil, &out)
	return out.Mailings, err
}

// CancelMailing ends a mailing.
func (c *Client) CancelMailing(ctx context.Context, id, by, key string) (Mailing, error) {
	var out Mailing
	err := c.do(ctx, http.MethodPost, "/api/v1/mailings/"+url.PathEscape(id)+"/cancel", key, map[string]string{"by": by}, &out)
	return out, err
}

// MailingRecipients gives a mailing's recipients to each, page by page.
func (c *Client) MailingRecipients(ctx context.Context, id string, each func([]Recipient) error) error {
	after := ""
	for range maxPages {
		var page struct {
			Recipients []Recipient `json:"recipients"`
			Next       string      `json:"next"`
		}
		query := url.Values{"after": {after}, "limit": {"1000"}}
		if err := c.do(ctx, http.MethodGet, "/api/v1/mailings/"+url.PathEscape(id)+"/recipients?"+query.Encode(), "", nil, &page); err != nil {
			return err
		}
		if err := each(page.Recipients); err != nil {
			return err
		}
		if page.Next == "" {
			return nil
		}
		after = page.Next
	}
	return c.call.Protocol(http.StatusOK, "the list has more than %d pages", maxPages)
}

// SendSettings are how the pair sends.
type SendSettings struct {
	ScopeByUser bool `json:"scope_by_user"` // users reach the records that they own alone
}

// SendSettings reads them.
func (c *Client) SendSettings(ctx context.Context) (SendSettings, error) {
	var out SendSettings
	err := c.do(ctx, http.MethodGet, "/api/v1/send-settings", "", nil, &out)
	return out, err
}

// SetSendSettings changes them.
func (c *Client) SetSendSettings(ctx context.Context, s SendSettings, by, key string) (SendSettings, error) {
	in := struct {
		SendSettings
		By string `json:"by"`
	}{s, by}
	var out SendSettings
	err := c.do(ctx, http.MethodPost, "/api/v1/send-settings", key, in, &out)
	return out, err
}

// Outage is a window in which the connection is unavailable.
type Outage struct {
	Open   bool      `json:"open"` // now
	Mode   string    `json:"mode"` // "hold" or "fail"
	From   time.Time `json:"from"`
	Until  time.Time `json:"until"`
	Reason string    `json:"reason"`
	By     string    `json:"by"`
}

type outageAnswer struct {
	Outage *Outage `json:"outage"`
}

// Outage reads the one that is booked; nil where none is.
func (c *Client) Outage(ctx context.Context) (*Outage, error) {
	var out outageAnswer
	err := c.do(ctx, http.MethodGet, "/api/v1/outage", "", nil, &out)
	return out.Outage, err
}

// SetOutage books one of the length given, in minutes, in the place of the one there is. From zero is now; times are the
// pair's domain time.
func (c *Client) SetOutage(ctx context.Context, o Outage, minutes int, by, key string) (*Outage, error) {
	in := map[string]any{"mode": o.Mode, "minutes": minutes, "reason": o.Reason, "by": by}
	if !o.From.IsZero() {
		in["from"] = o.From
	}
	var out outageAnswer
	err := c.do(ctx, http.MethodPost, "/api/v1/outage", key, in, &out)
	return out.Outage, err
}

// EndOutage ends it.
func (c *Client) EndOutage(ctx context.Context, by, key string) error {
	var out outageAnswer
	return c.do(ctx, http.MethodPost, "/api/v1/outage/end", key, map[string]string{"by": by}, &out)
}
