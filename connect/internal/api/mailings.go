package api

import (
	"context"
	"strconv"
	"time"

	"github.com/twinspan/twinspan/connect/internal/mailing"
	"github.com/twinspan/twinspan/internal/fault"
)

type mailingBody struct {
	ID            string        `json:"id"`
	State         mailing.State `json:"state"`
	Kind          mailing.Kind  `json:"kind"`
	IDs           []string      `json:"ids"`
	DefinitionKey string        `json:"definition_key"`
	As            string        `json:"as"`
	// OwnRecordsOnly: the user's own records alone are reached.
	OwnRecordsOnly bool           `json:"own_records_only"`
	AskedBy        string         `json:"asked_by"`
	CreatedAt      time.Time      `json:"created_at"`
	DueAt          time.Time      `json:"due_at"`
	EndedAt        *time.Time     `json:"ended_at,omitempty"`
	Collected      bool           `json:"collected"`
	Counts         mailing.Counts `json:"counts"`
	Reason         *causeBody     `json:"reason,omitempty"`
}

func mailingOf(m mailing.Mailing) mailingBody {
	b := mailingBody{
		ID: m.ID, State: m.State, Kind: m.Audience.Kind, IDs: m.Audience.IDs, DefinitionKey: m.DefinitionKey, As: m.CRMUsername, OwnRecordsOnly: m.Scoped,
		AskedBy: m.Actor, CreatedAt: m.CreatedAt, DueAt: m.DueAt, EndedAt: when(m.EndedAt), Collected: m.Collected, Counts: m.Counts,
	}
	if m.ReasonCode != "" {
		b.Reason = &causeBody{m.ReasonCode, m.Reason}
	}
	return b
}

func (s *Server) startMailing(ctx context.Context, c call) (any, error) {
	var in struct {
		Kind          mailing.Kind `json:"kind"`
		IDs           []string     `json:"ids"`
		DefinitionKey string       `json:"definition_key"`
		As            string       `json:"as"`
		At            *time.Time   `json:"at"`
		By            string       `json:"by"`
	}
	if err := c.decodeChange(&in, &in.By); err != nil {
		return nil, err
	}
	r := mailing.Request{Audience: mailing.Audience{Kind: in.Kind, IDs: in.IDs}, DefinitionKey: in.DefinitionKey, CRMUsername: in.As, IdempotencyKey: c.key, Actor: in.By}
	if in.At != nil {
		r.At = *in.At
	}
	m, err := s.Mailings.Start(ctx, c.link, r)
	if err != nil {
		return nil, err
	}
	return mailingOf(m), nil
}

func (s *Server) mailing(ctx context.Context, c call) (any, error) {
	m, err := s.Mailings.Mailing(ctx, c.link, c.value)
	if err != nil {
		return nil, err
	}
	return mailingOf(m), nil
}

func (s *Server) cancelMailing(ctx context.Context, c call) (any, error) {
	var in struct {
		By string `json:"by"`
	}
	if err := c.decodeChange(&in, &in.By); err != nil {
		return nil, err
	}
	m, err := s.Mailings.Cancel(ctx, c.link, c.value, in.By)
	if err != nil {
		return nil, err
	}
	return mailingOf(m), nil
}

type mailingsBody struct {
	Mailings []mailingBody `json:"mailings"`
}

func (s *Server) mailings(ctx context.Context, c call) (any, error) {
	found, err := s.Mailings.List(ctx, c.link, mailing.State(c.state), c.limit)
	if err != nil {
		return nil, err
	}
	body := mailingsBody{Mailings: make([]mailingBody, 0, len(found))}
	for _, m := range found {
		body.Mailings = append(body.Mailings, mailingOf(m))
	}
	return body, nil
}

type recipientsBody struct {
	Recipients []recipientBody `json:"recipients"`
	// Next is the value of "after" for the next page; absent on the last.
	Next string `json:"next,omitempty"`
}

type recipientBody struct {
	Position   int            `json:"position"`
	RecordID   string         `json:"record_id"`
	Recipient  string         `json:"recipient"`
	Status     mailing.Status `json:"status"`
	MessageKey string         `json:"message_key"`
	Reason     *causeBody     `json:"reason,omitempty"`
}

func (s *Server) mailingRecipients(ctx context.Context, c call) (any, error) {
	after, err := position(c.after)
	if err != nil {
		return nil, err
	}
	m, err := s.Mailings.Mailing(ctx, c.link, c.value)
	if err != nil {
		return nil, err
	}
	found, err := s.Mailings.Recipients(ctx, c.link, c.value, after, c.limit)
	if err != nil {
		return nil, err
	}
	body := recipientsBody{Recipients: make([]recipientBody, 0, len(found))}
	for _, r := range found {
		one := recipientBody{Position: r.Position, RecordID: r.RecordID, Recipient: r.Address, Status: r.Status, MessageKey: mailing.MessageKey(m, r.RecordID)}
		if r.Code != "" {
			one.Reason = &causeBody{r.Code, r.Reason}
		}
		body.Recipients = append(body.Recipients, one)
	}
	if len(found) == c.limit {
		body.Next = strconv.Itoa(found[len(found)-1].Position)
	}
	return body, nil
}

// position reads the "after" of a list that is in order of positions.
func position(after string) (int, error) {
	if after == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(after)
	if err != nil || n < 0 {
		return 0, fault.New(fault.Invalid, CodeInvalidLimit, "after is the next of the page before.").In("after")
	}
	return n, nil
}

type sendSettingsBody struct {
	ScopeByUser bool `json:"scope_by_user"`
}

func (s *Server) sendSettings(ctx context.Context, c call) (any, error) {
	v, err := s.Mailings.Settings(ctx, c.link)
	return sendSettingsBody{v.ScopeByUser}, err
}

func (s *Server) setSendSettings(ctx context.Context, c call) (any, error) {
	var in struct {
		ScopeByUser bool   `json:"scope_by_user"`
		By          string `json:"by"`
	}
	if err := c.decodeChange(&in, &in.By); err != nil {
		return nil, err
	}
	v, err := s.Mailings.SetSettings(ctx, c.link, mailing.Settings{ScopeByUser: in.ScopeByUser}, in.By)
	return sendSettingsBody{v.ScopeByUser}, err
}
