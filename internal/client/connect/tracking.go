package connect

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Result is what one message reported back.
type Result struct {
	MessageKey     string     `json:"message_key"`
	RecordID       string     `json:"record_id"` // of the contact or lead
	SentAt         *time.Time `json:"sent_at,omitempty"`
	OpenedAt       *time.Time `json:"opened_at,omitempty"` // the first time
	Clicks         int        `json:"clicks"`
	UniqueClicks   int        `json:"unique_clicks"` // different links
	HardBounce     bool       `json:"hard_bounce"`
	SoftBounce     bool       `json:"soft_bounce"`
	BouncedAt      *time.Time `json:"bounced_at,omitempty"`
	UnsubscribedAt *time.Time `json:"unsubscribed_at,omitempty"`
	ResultID       string     `json:"result_id,omitempty"` // of the Individual Email Result in the org
}

// MailingResults gives what the messages of a mailing reported back to each, page by page.
func (c *Client) MailingResults(ctx context.Context, id string, each func([]Result) error) error {
	after := ""
	for range maxPages {
		var page struct {
			Results []Result `json:"results"`
			Next    string   `json:"next"`
		}
		query := url.Values{"after": {after}, "limit": {"1000"}}
		if err := c.do(ctx, http.MethodGet, "/api/v1/mailings/"+url.PathEscape(id)+"/results?"+query.Encode(), "", nil, &page); err != nil {
			return err
		}
		if err := each(page.Results); err != nil {
			return err
		}
		if page.Next == "" {
			return nil
		}
		after = page.Next
	}
	return c.call.Protocol(http.StatusOK, "the list has more than %d pages", maxPages)
}

// Pulled is what bringing back brought.
type Pulled struct {
	Events       int `json:"events"`       // put to a message
	Written      int `json:"written"`      // Individual Email Results made or changed
	OptedOut     int `json:"opted_out"`    // people in the org
	Unsubscribed int `json:"unsubscribed"` // people told to the tenant
	Refused      int `json:"refused"`      // people and results that a cloud refused
}

// Pull brings results and opt-outs back now.
func (c *Client) Pull(ctx context.Context, key string) (Pulled, error) {
	return c.pull(ctx, key, struct{}{})
}

// PullRefused does so and tries everything again that was refused, also what was given up.
func (c *Client) PullRefused(ctx context.Context, key string) (Pulled, error) {
	return c.pull(ctx, key, map[string]bool{"retry_refused": true})
}

func (c *Client) pull(ctx context.Context, key string, body any) (Pulled, error) {
	var out Pulled
	err := c.do(ctx, http.MethodPost, "/api/v1/tracking/pull", key, body, &out)
	return out, err
}

// Refusal is what a cloud refused of one person or result.
type Refusal struct {
	Want     string    `json:"want"`    // "result", "opt_out", "unsubscribe"
	Subject  string    `json:"subject"` // message key of a result, else id of a contact or lead
	Attempts int       `json:"attempts"`
	At       time.Time `json:"at"` // of the last one
	GivenUp  bool      `json:"given_up"`
	Reason   Cause     `json:"reason"`
}

// Refusals gives what was refused to each, page by page.
func (c *Client) Refusals(ctx context.Context, each func([]Refusal) error) error {
	after := ""
	for range maxPages {
		var page struct {
			Refusals []Refusal `json:"refusals"`
			Next     string    `json:"next"`
		}
		if err := c.do(ctx, http.MethodGet, "/api/v1/tracking/refusals?"+url.Values{"after": {after}, "limit": {"1000"}}.Encode(), "", nil, &page); err != nil {
			return err
		}
		if err := each(page.Refusals); err != nil {
			return err
		}
		if page.Next == "" {
			return nil
		}
		after = page.Next
	}
	return c.call.Protocol(http.StatusOK, "the list has more than %d pages", maxPages)
}

// Tracking is how far both clouds were read, by the connection's clock; nil before the first time.
type Tracking struct {
	EventsUntil       *time.Time `json:"events_until,omitempty"`
	UnsubscribedUntil *time.Time `json:"unsubscribed_until,omitempty"`
	OptedOutUntil     *time.Time `json:"opted_out_until,omitempty"`
	Refused           int        `json:"refused"`         // people and results that a cloud refused and that will be tried again
	GivenUp           int        `json:"given_up"`        // those that will not
	Cause             *Cause     `json:"cause,omitempty"` // why reading failed last
}

// Tracking asks how far.
func (c *Client) Tracking(ctx context.Context) (Tracking, error) {
	var out Tracking
	err := c.do(ctx, http.MethodGet, "/api/v1/tracking", "", nil, &out)
	return out, err
}
