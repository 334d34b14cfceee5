package control

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
)

// Pair is an org with a tenant and the connection between them.
type Pair struct {
	ID          string `json:"id"`
	Fixture     string `json:"fixture"`      // what it was made from: "demo"
	AccountType string `json:"account_type"` // edition of the tenant: "enterprise-2"
	OrgID       string `json:"org_id"`
	EID         int64  `json:"eid"` // enterprise id of the tenant
}

// Pairs lists the program's pairs, the first one first.
func (c *Client) Pairs(ctx context.Context) ([]Pair, error) {
	var out struct {
		Pairs []Pair `json:"pairs"`
	}
	err := c.do(ctx, http.MethodGet, "/pairs", nil, &out)
	return out.Pairs, err
}

// NewPair says what a pair is made from; what is empty is the program's default.
type NewPair struct {
	Fixture      string `json:"fixture,omitempty"`
	FixtureUsers int    `json:"fixture_users,omitempty"` // more users than the fixture has
	AccountType  string `json:"account_type,omitempty"`
	Package      string `json:"package,omitempty"` // version of the managed package: "220"
	Sandbox      bool   `json:"sandbox,omitempty"` // the org is one
}

// MadePair is a pair that was made.
type MadePair struct {
	ID string
	// Ready is the whole answer: the pair's id and its ready file, with passwords, keys and tokens that reach it alone.
	Ready json.RawMessage
}

// CreatePair makes a pair.
func (c *Client) CreatePair(ctx context.Context, p NewPair) (MadePair, error) {
	var out MadePair
	if err := c.do(ctx, http.MethodPost, "/pairs", p, &out.Ready); err != nil {
		return out, err
	}
	var named struct {
		ID string `json:"id"`
	}
	err := json.Unmarshal(out.Ready, &named)
	out.ID = named.ID
	return out, err
}

// DeletePair deletes a pair with everything in it. The first one stays as long as the program's data.
func (c *Client) DeletePair(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodDelete, "/pairs/"+url.PathEscape(id), nil, nil)
}
