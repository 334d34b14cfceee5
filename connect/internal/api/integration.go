package api

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/connect/internal/integration"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/vault"
)

// advice is with every report of an integration user.
const advice = "JWT bearer needs no password and no security token, and no change of either breaks it: assign the connected app to a system user and connect him instead."

type integrationBody struct {
	State       link.SpanState `json:"state"`
	Username    string         `json:"username"`
	UserID      string         `json:"user_id"`
	OrgID       string         `json:"org_id"`
	ClientID    string         `json:"client_id"`
	ConnectedAt *time.Time     `json:"connected_at"`
	CheckedAt   *time.Time     `json:"checked_at"`
	Cause       *causeBody     `json:"cause,omitempty"`
	Findings    []findingBody  `json:"findings,omitempty"`
	Advice      string         `json:"advice"`
}

type findingBody struct {
	Name string `json:"name"`
	Want string `json:"want"`
	Got  string `json:"got"`
	OK   bool   `json:"ok"`
}

func integrationOf(a integration.Account) integrationBody {
	return integrationBody{
		State: a.State, Username: a.Username, UserID: a.UserID, OrgID: a.OrgID, ClientID: a.ClientID, ConnectedAt: when(a.ConnectedAt), CheckedAt: when(a.CheckedAt),
		Cause: cause(a.Cause), Advice: advice,
	}
}

// integrationUser is the link's integration user for the status; nil where it has none.
func (s *Server) integrationUser(ctx context.Context, l link.Link) (*integrationBody, error) {
	a, err := s.Integration.Account(ctx, l)
	if fault.CodeOf(err) == integration.CodeNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	b := integrationOf(a)
	return &b, nil
}

func (s *Server) connectIntegration(ctx context.Context, c call) (any, error) {
	var in struct {
		Username      string `json:"username"`
		Password      string `json:"password"`
		SecurityToken string `json:"security_token"`
		ClientID      string `json:"client_id"`
		ClientSecret  string `json:"client_secret"`
		By            string `json:"by"`
	}
	if err := c.decodeChange(&in, &in.By); err != nil {
		return nil, err
	}
	a, err := s.Integration.Connect(ctx, c.link, integration.Credentials{
		Username: in.Username, Password: vault.Secret(in.Password), SecurityToken: vault.Secret(in.SecurityToken), ClientID: in.ClientID, ClientSecret: vault.Secret(in.ClientSecret),
	}, in.By)
	return integrationOf(a), err
}

func (s *Server) renewIntegration(ctx context.Context, c call) (any, error) {
	var in struct {
		Password      string `json:"password"`
		SecurityToken string `json:"security_token"`
		By            string `json:"by"`
	}
	if err := c.decodeChange(&in, &in.By); err != nil {
		return nil, err
	}
	a, err := s.Integration.Renew(ctx, c.link, vault.Secret(in.Password), vault.Secret(in.SecurityToken), in.By)
	return integrationOf(a), err
}

func (s *Server) checkIntegration(ctx context.Context, c call) (any, error) {
	var in struct {
		Again bool `json:"again"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	r, err := s.Integration.Check(ctx, c.link, in.Again)
	if err != nil {
		return nil, err
	}
	b := integrationOf(r.Account)
	for _, f := range r.Findings {
		b.Findings = append(b.Findings, findingBody{f.Name, f.Want, f.Got, f.OK})
	}
	return b, nil
}

func (s *Server) removeIntegration(ctx context.Context, c call) (any, error) {
	var in struct {
		By string `json:"by"`
	}
	if err := c.decodeChange(&in, &in.By); err != nil {
		return nil, err
	}
	return removedBody{true}, s.Integration.Remove(ctx, c.link, in.By)
}
