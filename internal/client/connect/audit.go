package connect

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// AuditEntry is one change of the connection.
type AuditEntry struct {
	Seq       int64           `json:"seq"`
	At        time.Time       `json:"at"`
	Actor     string          `json:"actor"`
	Action    string          `json:"action"` // "user.mapped"
	Subject   string          `json:"subject,omitempty"`
	Reason    string          `json:"reason,omitempty"`
	Before    json.RawMessage `json:"before"`
	After     json.RawMessage `json:"after"`
	Signature string          `json:"signature"` // hexadecimal
}

// Audit gives the entries after a number to each, page by page, in order.
func (c *Client) Audit(ctx context.Context, after int64, each func([]AuditEntry) error) error {
	next := strconv.FormatInt(after, 10)
	for {
		var page struct {
			Entries []AuditEntry `json:"entries"`
			Next    string       `json:"next"`
		}
		if err := c.do(ctx, http.MethodGet, "/api/v1/audit?limit=1000&after="+url.QueryEscape(next), "", nil, &page); err != nil {
			return err
		}
		if err := each(page.Entries); err != nil {
			return err
		}
		if page.Next == "" {
			return nil
		}
		if page.Next == next {
			return c.call.Protocol(http.StatusOK, "its next page is the same page")
		}
		next = page.Next
	}
}

// AuditVerdict is whether the record is as it was written.
type AuditVerdict struct {
	OK      bool   `json:"ok"`
	Entries int64  `json:"entries"`           // that are, from the first on
	Head    string `json:"head"`              // the end of those
	Seq     int64  `json:"seq,omitempty"`     // the first entry that is not
	Problem string `json:"problem,omitempty"` // what is wrong with it
}

// VerifyAudit verifies the record; head is one that an earlier verification gave, or "".
func (c *Client) VerifyAudit(ctx context.Context, head string) (AuditVerdict, error) {
	var v AuditVerdict
	err := c.do(ctx, http.MethodGet, "/api/v1/audit/verify?head="+url.QueryEscape(head), "", nil, &v)
	return v, err
}
