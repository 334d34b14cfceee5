package rest

import (
	"context"
	"net/http"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/strictjson"
	"github.com/twinspan/twinspan/internal/web"
)

// Messages by state, and decisions about those in doubt, are an addition of ours: the real API has no word for doubt.

// wireSend is a message as these calls show it.
type wireSend struct {
	MessageKey    string `json:"messageKey"`
	DefinitionKey string `json:"definitionKey"`
	ContactKey    string `json:"contactKey"`
	To            string `json:"to"`
	State         string `json:"state"`
	Text          string `json:"statusMessage,omitempty"`
	Attempts      int    `json:"attempts"`
	Accepted      string `json:"accepted"`
	Changed       string `json:"changed"`
}

// listSends answers GET /v2/sends?state=in_doubt&after=&pageSize= with one page, and what to go on after.
func (s *Server) listSends(ctx context.Context, r request) (int, any, error) {
	q, err := parameters(r.Request)
	if err != nil {
		return 0, nil, err
	}
	size, err := positive(q, "pagesize", 50, 500)
	if err != nil {
		return 0, nil, err
	}
	list, err := s.o.Decisions.List(ctx, r.p, tenant.MessageState(q["state"]), q["after"], size)
	if err != nil {
		return 0, nil, err
	}
	answer := struct {
		Items []wireSend `json:"items"`
		Next  string     `json:"next,omitempty"`
	}{Items: []wireSend{}}
	for _, m := range list {
		answer.Items = append(answer.Items, wireSend{
			m.Key, m.DefinitionKey, m.SubscriberKey, m.To, string(m.State), m.Text, m.Attempt, timestamp(m.Accepted), timestamp(m.Changed),
		})
	}
	if len(list) == size {
		answer.Next = list[size-1].ID
	}
	return http.StatusOK, answer, nil
}

// decideSend answers POST /v2/sends/{messageKey} {"decision":"sent"} or {"decision":"send_again"}.
func (s *Server) decideSend(ctx context.Context, r request) (int, any, error) {
	var b struct {
		Decision string `json:"decision"`
	}
	if err := web.ReadJSON(r.w, r.Request, maxBody, &b, strictjson.KnownKeysOnly()); err != nil {
		return 0, nil, err
	}
	if b.Decision != "sent" && b.Decision != "send_again" {
		return 0, nil, fault.New(fault.Invalid, codeValue, "The decision is sent or send_again.").In("decision")
	}
	key := r.PathValue("messageKey")
	if err := s.o.Decisions.Decide(ctx, r.p, key, b.Decision == "send_again"); err != nil {
		return 0, nil, err
	}
	return http.StatusOK, map[string]string{"messageKey": key, "decision": b.Decision}, nil
}
