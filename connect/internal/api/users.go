package api

import (
	"context"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/mapping"
	"github.com/twinspan/twinspan/connect/internal/send"
)

type clearedBody struct {
	Cleared []userBody    `json:"cleared"`
	Failed  []failureBody `json:"failed"`
	// Next is the value of "after" for the next call; absent where all were seen.
	Next string `json:"next,omitempty"`
}

type failureBody struct {
	CRMUsername string      `json:"crm_username"`
	Error       errorDetail `json:"error"`
}

func (s *Server) clearUsers(ctx context.Context, c call) (any, error) {
	var in struct {
		Users  []string `json:"users"`
		All    bool     `json:"all"`
		State  string   `json:"state"`
		After  string   `json:"after"`
		By     string   `json:"by"`
		Reason string   `json:"reason"`
	}
	if err := c.decodeChange(&in, &in.By); err != nil {
		return nil, err
	}
	state, err := mapping.ParseState(in.State)
	if err != nil {
		return nil, err
	}
	done, err := s.Mappings.Clear(ctx, c.link, mapping.ClearRequest{Users: in.Users, All: in.All, State: state, After: in.After, Actor: in.By, Reason: in.Reason})
	if err != nil {
		return nil, err
	}
	return clearedBody{Cleared: clearsOf(c.link, done.Cleared), Failed: failuresOf(done.Failed), Next: done.Next}, nil
}

func failuresOf(failed []mapping.Failure) []failureBody {
	all := make([]failureBody, 0, len(failed))
	for _, f := range failed {
		_, e := translate(f.Err)
		all = append(all, failureBody{f.CRMUsername, e.Error})
	}
	return all
}

func clearsOf(l link.Link, clears []mapping.Clear) []userBody {
	users := make([]userBody, 0, len(clears))
	for _, v := range clears {
		users = append(users, userOf(l, mapping.User{Mapping: v.Mapping, State: mapping.Cleared, Checked: true, Clear: v}))
	}
	return users
}

// mapUser maps one user whose Salesforce.com Status is set.
func (s *Server) mapUser(ctx context.Context, c call) (any, error) {
	var in struct {
		CRMUsername        string `json:"crm_username"`
		EngagementUsername string `json:"engagement_username"`
		AccountID          int64  `json:"account_id"`
		Meant              bool   `json:"meant"`
		By                 string `json:"by"`
	}
	if err := c.decodeChange(&in, &in.By); err != nil {
		return nil, err
	}
	_, err := s.Mappings.Map(ctx, c.link, mapping.Request{CRMUsername: in.CRMUsername, EngagementUsername: in.EngagementUsername, MID: in.AccountID, Meant: in.Meant, Actor: in.By})
	if err != nil {
		return nil, err
	}
	u, err := s.Mappings.Show(ctx, c.link, in.CRMUsername)
	return userOf(c.link, u), err
}

type sweptBody struct {
	PackageVersion string     `json:"package_version,omitempty"`
	Looked         int        `json:"looked"`
	Given          int        `json:"given"`
	Moved          int        `json:"moved"`
	Cleared        []userBody `json:"cleared"`
	// Failed are users of whom a cloud refused something.
	Failed []failureBody `json:"failed,omitempty"`
	// GrantsEnded are Engagement users whose grants nothing worked with.
	GrantsEnded []string `json:"grants_ended,omitempty"`
}

// sweepUsers looks now for what else is looked for once a minute.
func (s *Server) sweepUsers(ctx context.Context, c call) (any, error) {
	var in struct{}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	swept, err := s.Mappings.Sweep(ctx, c.link)
	if err != nil {
		return nil, err
	}
	ended, err := s.Leftovers.End(ctx, c.link)
	if err != nil {
		return nil, err
	}
	return sweptBody{Failed: failuresOf(swept.Failed), GrantsEnded: ended, PackageVersion: swept.Package.String(), Looked: swept.Looked, Given: swept.Given, Moved: swept.Moved, Cleared: clearsOf(c.link, swept.Cleared)}, nil
}

// sendTest sends one message as a mapped user, with what his grant permits.
func (s *Server) sendTest(ctx context.Context, c call) (any, error) {
	var in struct {
		As            string `json:"as"`
		To            string `json:"to"`
		DefinitionKey string `json:"definition_key"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	m, err := s.Mappings.Of(ctx, c.link, in.As)
	if err != nil {
		return nil, err
	}
	v, err := s.Sends.Test(ctx, c.link, send.TestRequest{
		CRMUserID: m.CRMUserID, CRMName: m.CRMName, EngagementUser: m.EngagementUser, MID: m.MID, To: in.To, DefinitionKey: in.DefinitionKey, IdempotencyKey: c.key,
	})
	if err != nil {
		return nil, err
	}
	return sendOf(v), nil
}
