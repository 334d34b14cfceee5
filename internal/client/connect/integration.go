package connect

import (
	"context"
	"net/http"
	"time"

	"github.com/twinspan/twinspan/internal/vault"
)

// IntegrationUser is the connection of document 004 and its user.
type IntegrationUser struct {
	State       string     `json:"state"` // "connected" or "broken"
	Username    string     `json:"username"`
	UserID      string     `json:"user_id"`
	OrgID       string     `json:"org_id"`
	ClientID    string     `json:"client_id"`
	ConnectedAt *time.Time `json:"connected_at"` // when the credentials were given
	CheckedAt   *time.Time `json:"checked_at"`
	Cause       *Cause     `json:"cause,omitempty"` // why it is broken
	Findings    []Finding  `json:"findings,omitempty"`
	Advice      string     `json:"advice"`
}

// Finding is one thing that a check looked at.
type Finding struct {
	Name string `json:"name"`
	Want string `json:"want"`
	Got  string `json:"got"`
	OK   bool   `json:"ok"`
}

// IntegrationCredentials are what the user signs in with.
type IntegrationCredentials struct {
	Username                              string
	Password, SecurityToken, ClientSecret vault.Secret
	ClientID                              string
	By                                    string // who asks
}

// ConnectIntegrationUser connects an integration user by the username-password flow.
func (c *Client) ConnectIntegrationUser(ctx context.Context, i IntegrationCredentials) (IntegrationUser, error) {
	var out IntegrationUser
	err := c.do(ctx, http.MethodPost, "/api/v1/integration-user", "", map[string]string{
		"username": i.Username, "password": i.Password.Reveal(), "security_token": i.SecurityToken.Reveal(), "client_id": i.ClientID, "client_secret": i.ClientSecret.Reveal(), "by": i.By,
	}, &out)
	return out, err
}

// RenewIntegrationUser gives his new password and security token.
func (c *Client) RenewIntegrationUser(ctx context.Context, password, securityToken vault.Secret, by string) (IntegrationUser, error) {
	var out IntegrationUser
	err := c.do(ctx, http.MethodPost, "/api/v1/integration-user/renew", "", map[string]string{"password": password.Reveal(), "security_token": securityToken.Reveal(), "by": by}, &out)
	return out, err
}

// CheckIntegrationUser signs him in and looks what he is; a broken one only where again is true.
func (c *Client) CheckIntegrationUser(ctx context.Context, again bool) (IntegrationUser, error) {
	var out IntegrationUser
	err := c.do(ctx, http.MethodPost, "/api/v1/integration-user/check", "", map[string]bool{"again": again}, &out)
	return out, err
}

// RemoveIntegrationUser has Connect forget him, with his password and security token.
func (c *Client) RemoveIntegrationUser(ctx context.Context, by, key string) error {
	var out struct {
		Removed bool `json:"removed"`
	}
	return c.do(ctx, http.MethodPost, "/api/v1/integration-user/remove", key, map[string]string{"by": by}, &out)
}
