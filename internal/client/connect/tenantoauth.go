package connect

import (
	"context"
	"net/http"
	"time"
)

// TenantOAuth says how the upgrade to tenant-specific OAuth stands (document 002).
type TenantOAuth struct {
	AccountType string     `json:"account_type"` // the tenant's word for its edition: "enterprise" is Enterprise 2.0
	Auth        string     `json:"auth"`         // by what Connect signs in to Engagement
	UpgradedAt  *time.Time `json:"upgraded_at,omitempty"`
	Ready       bool       `json:"ready"` // nothing that the upgrade needs is missing
	Done        bool       `json:"done"`  // it is verified
	Before      []Check    `json:"before"`
	After       []Check    `json:"after"`
	// BusinessUnits are those that are or were active, of an Enterprise 2.0 account.
	BusinessUnits []BusinessUnit `json:"business_units,omitempty"`
	Users         TokenMoves     `json:"users"`
}

// Check is one thing that an upgrade wants, as it was found.
type Check struct {
	Name    string `json:"name"`
	Text    string `json:"text"`
	Got     string `json:"got"`
	OK      bool   `json:"ok"`
	Advice  bool   `json:"advice,omitempty"`
	Code    string `json:"code,omitempty"` // what is wrong with the API user: "api_user_refused"
	Owner   string `json:"owner"`
	Click   string `json:"click,omitempty"`
	Command string `json:"command,omitempty"`
}

// TokenMoves are how many users' refresh tokens stand where on the way to grants.
type TokenMoves struct {
	Waiting int `json:"waiting"`
	Moved   int `json:"moved"`
	Refused int `json:"refused"`
}

// TenantOAuth looks how the upgrade stands; both clouds are asked.
func (c *Client) TenantOAuth(ctx context.Context) (TenantOAuth, error) {
	var out TenantOAuth
	err := c.do(ctx, http.MethodGet, "/api/v1/upgrade/tenant-oauth", "", nil, &out)
	return out, err
}

// MoveUsers brings some users' refresh tokens to grants, and says how many were moved now and how many wait.
func (c *Client) MoveUsers(ctx context.Context, key string) (TokenMoves, error) {
	var out TokenMoves
	err := c.do(ctx, http.MethodPost, "/api/v1/upgrade/tenant-oauth/users", key, struct{}{}, &out)
	return out, err
}

// OfferEngagementSignIn answers with where the API user gives his credentials, whatever was granted before ("Connect to
// Marketing Cloud", documents 001 and 002).
func (c *Client) OfferEngagementSignIn(ctx context.Context, apiUser string, mid int64, by, key string) (EngagementAnswer, error) {
	var out EngagementAnswer
	err := c.do(ctx, http.MethodPost, "/api/v1/connection/engagement", key, map[string]any{"api_user": apiUser, "account_id": mid, "sign_in": true, "by": by}, &out)
	return out, err
}

// TestTenantOAuth sends the triggered send test that confirms an upgrade outside Enterprise 2.0, in its outage.
func (c *Client) TestTenantOAuth(ctx context.Context, contactID, definitionKey, key string) (Send, error) {
	var out Send
	err := c.do(ctx, http.MethodPost, "/api/v1/upgrade/tenant-oauth/test", key, map[string]string{"contact_id": contactID, "definition_key": definitionKey}, &out)
	return out, err
}
