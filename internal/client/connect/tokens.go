package connect

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/twinspan/twinspan/internal/vault"
)

// Token is an API token without its value.
type Token struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Role      string     `json:"role"`           // "admin", "engagement", "user", "reader"
	User      string     `json:"user,omitempty"` // CRM user name, of the role user
	CreatedBy string     `json:"created_by"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt time.Time  `json:"expires_at"`
	RevokedAt *time.Time `json:"revoked_at,omitempty"` // nil while it works
	UsedAt    *time.Time `json:"used_at,omitempty"`    // to the hour; nil for never
}

// TokenSpec is what an API token is made from.
type TokenSpec struct {
	Name string `json:"name"`
	Role string `json:"role"`
	User string `json:"user,omitempty"`
	Days int    `json:"days,omitempty"` // 0 for 90
	By   string `json:"by,omitempty"`
}

// Tokens lists the API tokens of the connection.
func (c *Client) Tokens(ctx context.Context) ([]Token, error) {
	var out struct {
		Tokens []Token `json:"tokens"`
	}
	err := c.do(ctx, http.MethodGet, "/api/v1/tokens", "", nil, &out)
	return out.Tokens, err
}

// CreateToken makes an API token; its value is told here alone.
func (c *Client) CreateToken(ctx context.Context, spec TokenSpec) (Token, vault.Secret, error) {
	var out struct {
		Token Token  `json:"token"`
		Value string `json:"value"`
	}
	err := c.do(ctx, http.MethodPost, "/api/v1/tokens", "", spec, &out)
	return out.Token, vault.Secret(out.Value), err
}

// RevokeToken ends an API token at once.
func (c *Client) RevokeToken(ctx context.Context, id, by, key string) (Token, error) {
	var out Token
	err := c.do(ctx, http.MethodPost, "/api/v1/tokens/"+url.PathEscape(id)+"/revoke", key, map[string]string{"by": by}, &out)
	return out, err
}

// ConsoleLink makes the one-time link that opens the console as an administrator.
func (c *Client) ConsoleLink(ctx context.Context, by string) (string, error) {
	var out struct {
		URL string `json:"url"`
	}
	err := c.do(ctx, http.MethodPost, "/api/v1/console-link", "", map[string]string{"by": by}, &out)
	return out.URL, err
}
