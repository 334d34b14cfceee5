package api

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/send"
	"github.com/twinspan/twinspan/connect/internal/tenantoauth"
	"github.com/twinspan/twinspan/connect/internal/upgrade"
	"github.com/twinspan/twinspan/internal/fault"
)

// tenantOAuthBody says how the upgrade of document 002 stands.
type tenantOAuthBody struct {
	AccountType   string         `json:"account_type,omitempty"`
	Auth          link.Driver    `json:"auth"`
	UpgradedAt    *time.Time     `json:"upgraded_at,omitempty"`
	Ready         bool           `json:"ready"`
	Done          bool           `json:"done"`
	Before        []checkBody    `json:"before"`
	After         []checkBody    `json:"after"`
	BusinessUnits []unitBody     `json:"business_units,omitempty"`
	Users         tokenMovesBody `json:"users"`
}

type checkBody struct {
	Name    string            `json:"name"`
	Text    string            `json:"text"`
	Got     string            `json:"got"`
	OK      bool              `json:"ok"`
	Advice  bool              `json:"advice,omitempty"` // the upgrade may go on without it
	Code    fault.Code        `json:"code,omitempty"`
	Owner   tenantoauth.Owner `json:"owner"`
	Click   string            `json:"click,omitempty"`
	Command string            `json:"command,omitempty"`
}

type tokenMovesBody struct {
	Waiting int `json:"waiting"`
	Moved   int `json:"moved"`
	Refused int `json:"refused"`
}

func checksOf(all []tenantoauth.Check) []checkBody {
	out := make([]checkBody, 0, len(all))
	for _, c := range all {
		b := checkBody{Name: c.Name, Text: c.Text, Got: c.Got, OK: c.OK, Advice: c.Advice, Code: c.Code, Owner: c.Owner}
		if !c.OK { // else there is nothing to do
			b.Click, b.Command = c.Click, c.Command
		}
		out = append(out, b)
	}
	return out
}

func (s *Server) tenantOAuth(ctx context.Context, c call) (any, error) {
	state, err := s.TenantOAuth.Look(ctx, c.link)
	if err != nil {
		return nil, err
	}
	l, err := s.Links.Link(ctx, c.link.Pair)
	body := tenantOAuthBody{
		AccountType: state.AccountType, Auth: l.Tenant.Driver, Ready: state.Ready(), Done: state.Done(), Before: checksOf(state.Before), After: checksOf(state.After),
		BusinessUnits: unitsOf(state.Units).BusinessUnits, Users: tokenMovesBody(state.Users),
	}
	body.UpgradedAt = when(l.Tenant.UpgradedAt)
	return body, err
}

func (s *Server) moveUsers(ctx context.Context, c call) (any, error) {
	var in struct{}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	done, _, err := s.Links.MoveUsers(ctx, c.link)
	if err != nil {
		return nil, err
	}
	left, err := s.Links.TokenMoves(ctx, c.link)
	return tokenMovesBody{Waiting: left.Waiting, Moved: done.Moved, Refused: done.Refused}, err
}

// testTenantOAuth is the triggered send test by which an upgrade is confirmed outside Enterprise 2.0, in its outage.
func (s *Server) testTenantOAuth(ctx context.Context, c call) (any, error) {
	var in struct {
		ContactID     string `json:"contact_id"`
		DefinitionKey string `json:"definition_key"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	u, err := s.Upgrades.Last(ctx, c.link)
	if err != nil {
		return nil, err
	}
	if !u.Verifies(upgrade.TenantOAuth) {
		return nil, fault.New(fault.Conflict, upgrade.CodeNotNow, "The upgrade is not at its verification.")
	}
	v, err := s.TenantOAuth.Test(ctx, c.link, send.Request{ContactID: in.ContactID, DefinitionKey: in.DefinitionKey, IdempotencyKey: c.key})
	if err != nil {
		return nil, err
	}
	return sendOf(v), nil
}
