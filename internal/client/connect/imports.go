package connect

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Import is a list of users who are mapped in the background.
type Import struct {
	ID        string    `json:"id"`
	State     string    `json:"state"` // "queued", "running", "done", "cancelled" or "stopped"
	Total     int       `json:"total"`
	Mapped    int       `json:"mapped"`
	Failed    int       `json:"failed"`
	StartedBy string    `json:"started_by"`
	CreatedAt time.Time `json:"created_at"`
	Error     string    `json:"error,omitempty"` // why the connection itself broke the work off
}

// Over reports whether nothing happens any more.
func (i Import) Over() bool { return i.State != "queued" && i.State != "running" }

// ImportLine is one user of an import.
type ImportLine struct {
	Position           int    `json:"position"`
	CRMUsername        string `json:"crm_username"`
	EngagementUsername string `json:"engagement_username"`
	AccountID          int64  `json:"account_id,omitempty"`
	Status             string `json:"status"` // "planned", "intended", "done" or "failed"
	Attempts           int    `json:"attempts"`
	Code               string `json:"code,omitempty"`
	Reason             string `json:"reason,omitempty"`
}

// StartImport has the users of a CSV list mapped: crm_username,engagement_username,mid. by is who asks.
func (c *Client) StartImport(ctx context.Context, csv, by, key string) (Import, error) {
	var out Import
	err := c.do(ctx, http.MethodPost, "/api/v1/imports", key, map[string]string{"csv": csv, "by": by}, &out)
	return out, err
}

// Import asks how far an import has come.
func (c *Client) Import(ctx context.Context, id string) (Import, error) {
	var out Import
	err := c.do(ctx, http.MethodGet, "/api/v1/imports/"+url.PathEscape(id), "", nil, &out)
	return out, err
}

// Imports lists the newest imports.
func (c *Client) Imports(ctx context.Context) ([]Import, error) {
	var out struct {
		Imports []Import `json:"imports"`
	}
	err := c.do(ctx, http.MethodGet, "/api/v1/imports", "", nil, &out)
	return out.Imports, err
}

// CancelImport ends an import; by is who asks, kept on record.
func (c *Client) CancelImport(ctx context.Context, id, by, key string) (Import, error) {
	var out Import
	err := c.do(ctx, http.MethodPost, "/api/v1/imports/"+url.PathEscape(id)+"/cancel", key, struct {
		By string `json:"by"`
	}{by}, &out)
	return out, err
}

// ImportLines gives what became of an import's lines to each, page by page, in the order of the list.
func (c *Client) ImportLines(ctx context.Context, id string, each func([]ImportLine) error) error {
	after := ""
	for range maxPages {
		var page struct {
			Lines []ImportLine `json:"lines"`
			Next  string       `json:"next"`
		}
		query := url.Values{"after": {after}, "limit": {"1000"}}
		if err := c.do(ctx, http.MethodGet, "/api/v1/imports/"+url.PathEscape(id)+"/lines?"+query.Encode(), "", nil, &page); err != nil {
			return err
		}
		if err := each(page.Lines); err != nil {
			return err
		}
		if page.Next == "" {
			return nil
		}
		after = page.Next
	}
	return c.call.Protocol(http.StatusOK, "the list has more than %d pages", maxPages)
}
