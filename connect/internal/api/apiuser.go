package api

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/connect/internal/apiuser"
	"github.com/twinspan/twinspan/connect/internal/link"
)

type apiUserPlanBody struct {
	APIUser string         `json:"api_user"`
	Change  *apiUserChange `json:"change,omitempty"` // the last one; absent where there never was one
	Active  []apiuser.Item `json:"active"`
	Proof   []findingBody  `json:"proof"`
	Before  []string       `json:"clicks_before"`
	After   []string       `json:"clicks_after"`
	Effects []string       `json:"effects"`
}

type apiUserChange struct {
	Step      apiuser.Step   `json:"step"`
	APIUser   string         `json:"api_user"`
	Actor     string         `json:"actor"`
	StartedAt *time.Time     `json:"started_at"`
	EndedAt   *time.Time     `json:"ended_at,omitempty"`
	Items     []apiuser.Item `json:"items"`
}

func changeOf(c apiuser.Change) *apiUserChange {
	if c.Revision == 0 {
		return nil
	}
	items := c.Items
	if items == nil {
		items = []apiuser.Item{}
	}
	return &apiUserChange{c.Step, c.APIUser, c.Actor, when(c.StartedAt), when(c.EndedAt), items}
}

func findingsOf(all []apiuser.Finding) []findingBody {
	body := make([]findingBody, 0, len(all))
	for _, f := range all {
		body = append(body, findingBody{f.Name, f.Want, f.Got, f.OK})
	}
	return body
}

func (s *Server) apiUserPlan(ctx context.Context, c call) (any, error) {
	p, err := s.APIUser.Plan(ctx, c.link)
	if err != nil {
		return nil, err
	}
	before, after := apiuser.Clicks()
	body := apiUserPlanBody{APIUser: c.link.Tenant.Username, Change: changeOf(p.Change), Active: p.Active, Proof: findingsOf(p.Proof), Before: before, After: after, Effects: apiuser.Effects()}
	if body.Active == nil {
		body.Active = []apiuser.Item{}
	}
	return body, nil
}

func (s *Server) apiUserPause(ctx context.Context, c call) (any, error) {
	var in struct {
		By string `json:"by"`
	}
	if err := c.decodeChange(&in, &in.By); err != nil {
		return nil, err
	}
	done, err := s.APIUser.Pause(ctx, c.link, in.By)
	return changeOf(done), err
}

func (s *Server) apiUserCancel(ctx context.Context, c call) (any, error) {
	var in struct {
		By string `json:"by"`
	}
	if err := c.decodeChange(&in, &in.By); err != nil {
		return nil, err
	}
	done, err := s.APIUser.Cancel(ctx, c.link, in.By)
	return changeOf(done), err
}

type apiUserResumedBody struct {
	Resumed      bool           `json:"resumed"`
	AuthorizeURL string         `json:"authorize_url,omitempty"`
	Warning      string         `json:"warning,omitempty"`
	Proof        []findingBody  `json:"proof,omitempty"`
	Change       *apiUserChange `json:"change"`
}

func (s *Server) apiUserResume(ctx context.Context, c call) (any, error) {
	var in struct {
		APIUser   string `json:"api_user"`
		AccountID int64  `json:"account_id"`
		By        string `json:"by"`
	}
	if err := c.decodeChange(&in, &in.By); err != nil {
		return nil, err
	}
	if err := s.Upgrades.KeepsAPIUser(ctx, c.link, in.APIUser, in.AccountID); err != nil {
		return nil, err
	}
	done, proof, err := s.APIUser.Resume(ctx, c.link, in.APIUser, in.AccountID, in.By)
	if link.NeedsGrant(err) {
		name := in.APIUser
		if name == "" {
			name = c.link.Tenant.Username
		}
		url, err := s.Signins.OfferAPIUser(ctx, c.link, name, in.AccountID)
		return apiUserResumedBody{AuthorizeURL: url, Warning: sessionWarning, Change: changeOf(done)}, err
	}
	if err != nil {
		return nil, err
	}
	return apiUserResumedBody{Resumed: done.Step == apiuser.Resumed, Proof: findingsOf(proof), Change: changeOf(done)}, nil
}
