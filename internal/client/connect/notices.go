package connect

import (
	"context"
	"net/http"
)

// Notices say whom exceptions are mailed to, and what is broken now.
type Notices struct {
	Recipients []string    `json:"recipients"`
	Exceptions []Exception `json:"exceptions"`
}

// Exception is something that is broken.
type Exception struct {
	Subject string `json:"subject"` // "org", "engagement" or "integration_user"
	Who     string `json:"who"`
	Cause   Cause  `json:"cause"`
}

// Notices reads them.
func (c *Client) Notices(ctx context.Context) (Notices, error) {
	var out Notices
	err := c.do(ctx, http.MethodGet, "/api/v1/notifications", "", nil, &out)
	return out, err
}

// SetNotices says whom exceptions are mailed to; none tells nobody.
func (c *Client) SetNotices(ctx context.Context, recipients []string, by, key string) (Notices, error) {
	if recipients == nil {
		recipients = []string{}
	}
	var out Notices
	err := c.do(ctx, http.MethodPost, "/api/v1/notifications", key, map[string]any{"recipients": recipients, "by": by}, &out)
	return out, err
}
