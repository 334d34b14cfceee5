package connect

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// User is a user of the org as the connection finds him.
type User struct {
	State              string     `json:"state"`   // "not_integrated", "integrated", "not_mapped", "mapped", "stale", "broken", "not_reconnected" or "cleared"
	Checked            bool       `json:"checked"` // whether Engagement was asked
	CRMUserID          string     `json:"crm_user_id"`
	CRMUsername        string     `json:"crm_username"`
	EngagementUserID   string     `json:"engagement_user_id,omitempty"`
	EngagementUsername string     `json:"engagement_username,omitempty"`
	AccountID          int64      `json:"account_id,omitempty"`
	TokenStore         string     `json:"token_store,omitempty"` // where it is mapped: "user_field", "protected_setting" or "vault"
	MappedAt           *time.Time `json:"mapped_at,omitempty"`
	GrantedAt          *time.Time `json:"granted_at,omitempty"` // when the permissions that the token carries were taken
	GrantedBy          string     `json:"granted_by,omitempty"`
	ClearedAt          *time.Time `json:"cleared_at,omitempty"`
	ClearedBy          string     `json:"cleared_by,omitempty"`
	Reason             string     `json:"reason,omitempty"` // why he was cleared
	// Notice is what is unusual in the mapping: "api_user_named" or "system_user_named".
	Notice string `json:"notice,omitempty"`
	Cause  *Cause `json:"cause,omitempty"`
}

// maxPages bounds a list: 1,000 pages.
const maxPages = 1000

// Users lists the users whom the connection knows, or those in one state.
func (c *Client) Users(ctx context.Context, state string) ([]User, error) {
	var users []User
	after := ""
	for range maxPages {
		var page struct {
			Users []User `json:"users"`
			Next  string `json:"next"`
		}
		query := url.Values{"after": {after}, "limit": {"1000"}}
		if state != "" {
			query.Set("state", state)
		}
		if err := c.do(ctx, http.MethodGet, "/api/v1/users?"+query.Encode(), "", nil, &page); err != nil {
			return nil, err
		}
		users = append(users, page.Users...)
		if page.Next == "" {
			return users, nil
		}
		after = page.Next
	}
	return nil, c.call.Protocol(http.StatusOK, "the list has more than %d pages", maxPages)
}

// User tells how one user of the org stands, by user name.
func (c *Client) User(ctx context.Context, crmUsername string) (User, error) {
	var u User
	err := c.do(ctx, http.MethodGet, "/api/v1/users/"+url.PathEscape(crmUsername), "", nil, &u)
	return u, err
}

// MapRequest asks for the mapping of a user.
type MapRequest struct {
	CRMUsername        string `json:"crm_username"`
	EngagementUsername string `json:"engagement_username"`
	AccountID          int64  `json:"account_id,omitempty"` // MID of the business unit; 0 is the user's default
	Meant              bool   `json:"meant,omitempty"`      // also where it is unusual
	By                 string `json:"by,omitempty"`         // who asks
}

// Codes with which Connect refuses a mapping until it is told that it is meant.
const (
	CodeAPIUserNamed    = "api_user_named"
	CodeSystemUserNamed = "system_user_named"
)

// MapUser maps a user whose Salesforce.com Status is set.
func (c *Client) MapUser(ctx context.Context, r MapRequest, key string) (User, error) {
	var u User
	err := c.do(ctx, http.MethodPost, "/api/v1/users/map", key, r, &u)
	return u, err
}

// ClearRequest says whose mappings to clear and why.
type ClearRequest struct {
	Users  []string `json:"users,omitempty"` // CRM user names, at most 100; or
	All    bool     `json:"all,omitempty"`   // all mapped users, of State where it is given
	State  string   `json:"state,omitempty"` // "mapped", "stale", "broken", "not_reconnected"
	After  string   `json:"after,omitempty"`
	By     string   `json:"by,omitempty"` // who asks
	Reason string   `json:"reason"`
}

// Cleared is what one call cleared.
type Cleared struct {
	Cleared []User         `json:"cleared"`
	Failed  []ClearFailure `json:"failed"`
	Next    string         `json:"next,omitempty"` // After of the next call; "" where all were seen
}

// ClearFailure is a user whose mapping was not cleared.
type ClearFailure struct {
	CRMUsername string `json:"crm_username"`
	Error       Cause  `json:"error"`
}

// ClearUsers clears mappings and the grants that they work with. With All, call it again with Next as After.
func (c *Client) ClearUsers(ctx context.Context, r ClearRequest, key string) (Cleared, error) {
	var out Cleared
	err := c.do(ctx, http.MethodPost, "/api/v1/users/clear", key, r, &out)
	return out, err
}

// Checked is what a look through all mappings found.
type Checked struct {
	PackageVersion string `json:"package_version,omitempty"` // "" where the org has none
	Looked         int    `json:"looked"`
	Given          int    `json:"given"` // got a handle in the User field, having had none
	Moved          int    `json:"moved"` // hang on the User field no longer
	Cleared        []User `json:"cleared"`
}

// CheckUsers looks for mappings that were cleared in the org.
func (c *Client) CheckUsers(ctx context.Context, key string) (Checked, error) {
	var out Checked
	err := c.do(ctx, http.MethodPost, "/api/v1/users/check", key, struct{}{}, &out)
	return out, err
}

// TabURL is where users open the Marketing Cloud tab.
func (c *Client) TabURL() string { return c.base + "/marketing-cloud" }
