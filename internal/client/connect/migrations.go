package connect

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/twinspan/twinspan/internal/client"
)

// MigrationOffer says whether existing users can be migrated.
type MigrationOffer struct {
	Available  bool       `json:"available"`
	Code       string     `json:"code,omitempty"` // why not: "not_upgraded", "nobody_to_migrate", "migration_over"
	Message    string     `json:"message,omitempty"`
	Users      int        `json:"users"` // mapped before the upgrade, and not reconnected
	UpgradedAt *time.Time `json:"upgraded_at,omitempty"`
	Until      *time.Time `json:"until,omitempty"` // the last second in which it is available
}

// Migration is how far a migration of users has come.
type Migration struct {
	ID          string           `json:"id"`
	Upgrade     string           `json:"upgrade,omitempty"`
	State       string           `json:"state"` // "queued", "running", "waiting", "done", "cancelled", "stopped", "undone"
	Phase       string           `json:"phase"` // "planning", "migrating", "proving", "expiring", "writing", "over"
	Retry       bool             `json:"retry,omitempty"`
	StartedBy   string           `json:"started_by"`
	CreatedAt   time.Time        `json:"created_at"`
	Error       string           `json:"error,omitempty"` // why the connection itself broke the work off
	Total       int              `json:"total"`
	Reconnected int              `json:"reconnected"`
	Waiting     int              `json:"waiting"` // for approval
	Failed      int              `json:"failed"`
	Percent     float64          `json:"percent"`
	Rate        float64          `json:"rate,omitempty"`         // users a second
	SecondsLeft float64          `json:"seconds_left,omitempty"` // at this rate
	Files       []MigrationFiles `json:"files,omitempty"`
}

// Working reports whether something happens still.
func (m Migration) Working() bool { return m.State == "queued" || m.State == "running" }

// MigrationFiles are two files in My Documents.
type MigrationFiles struct {
	Success  string `json:"success,omitempty"`
	Failures string `json:"failures,omitempty"`
	State    string `json:"state"` // "named", "written", "off", "failed"
	Error    string `json:"error,omitempty"`
}

// MigratedUser is what became of a user.
type MigratedUser struct {
	Position           int        `json:"position"`
	CRMUserID          string     `json:"crm_user_id"`
	CRMUsername        string     `json:"crm_username"`
	CRMName            string     `json:"crm_name,omitempty"`
	EngagementUsername string     `json:"engagement_username"`
	AccountID          int64      `json:"account_id"`
	Result             string     `json:"result"` // "planned", "intended", "reconnected", "waiting", "failed"
	Attempts           int        `json:"attempts"`
	Code               string     `json:"code,omitempty"`
	Reason             string     `json:"reason,omitempty"`
	At                 *time.Time `json:"at,omitempty"`
}

const migrationsPath = "/api/v1/upgrade/migrations"

// Migrations asks whether existing users can be migrated, and for the newest migrations.
func (c *Client) Migrations(ctx context.Context) (MigrationOffer, []Migration, error) {
	var out struct {
		Offer      MigrationOffer `json:"offer"`
		Migrations []Migration    `json:"migrations"`
	}
	err := c.do(ctx, http.MethodGet, migrationsPath, "", nil, &out)
	return out.Offer, out.Migrations, err
}

func (c *Client) changeMigration(ctx context.Context, path, by, key string) (Migration, error) {
	var out Migration
	err := c.do(ctx, http.MethodPost, migrationsPath+path, key, map[string]string{"by": by}, &out)
	return out, err
}

// StartMigration migrates existing users. by is who asks.
func (c *Client) StartMigration(ctx context.Context, by, key string) (Migration, error) {
	return c.changeMigration(ctx, "", by, key)
}

// RetryMigration migrates those again who failed.
func (c *Client) RetryMigration(ctx context.Context, by, key string) (Migration, error) {
	return c.changeMigration(ctx, "/retry", by, key)
}

// ProveMigration tries those again who wait for approval; who is still refused has failed.
func (c *Client) ProveMigration(ctx context.Context, id, by, key string) (Migration, error) {
	return c.changeMigration(ctx, "/"+url.PathEscape(id)+"/prove", by, key)
}

// CancelMigration ends a migration; who has an outcome keeps it.
func (c *Client) CancelMigration(ctx context.Context, id, by, key string) (Migration, error) {
	return c.changeMigration(ctx, "/"+url.PathEscape(id)+"/cancel", by, key)
}

// Migration asks how far a migration has come.
func (c *Client) Migration(ctx context.Context, id string) (Migration, error) {
	var out Migration
	err := c.do(ctx, http.MethodGet, migrationsPath+"/"+url.PathEscape(id), "", nil, &out)
	return out, err
}

// MigratedUsers gives what became of each user, or of those with a result, to each, page by page.
func (c *Client) MigratedUsers(ctx context.Context, id, result string, each func([]MigratedUser) error) error {
	after := ""
	for range maxPages {
		var page struct {
			Users []MigratedUser `json:"users"`
			Next  string         `json:"next"`
		}
		query := url.Values{"after": {after}, "result": {result}, "limit": {"1000"}}
		if err := c.do(ctx, http.MethodGet, migrationsPath+"/"+url.PathEscape(id)+"/users?"+query.Encode(), "", nil, &page); err != nil {
			return err
		}
		if err := each(page.Users); err != nil {
			return err
		}
		if page.Next == "" {
			return nil
		}
		after = page.Next
	}
	return c.call.Protocol(http.StatusOK, "the list has more than %d pages", maxPages)
}

// MigrationReport writes a report as CSV: "success" or "failures".
func (c *Client) MigrationReport(ctx context.Context, id, report string, to io.Writer) error {
	a, err := c.call.Do(ctx, client.Request{
		Method: http.MethodGet, URL: c.base + migrationsPath + "/" + url.PathEscape(id) + "/report?report=" + url.QueryEscape(report),
		Header: http.Header{"Authorization": {"Bearer " + c.token.Reveal()}}, To: to,
	})
	if err != nil {
		return err
	}
	if a.Status/100 != 2 {
		return c.refusal(a)
	}
	return nil
}
