package api

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/connect/internal/trigger"
)

// triggerSpec is what a triggered send is asked for with, and tells again.
type triggerSpec struct {
	Name          string              `json:"name"`
	Object        string              `json:"object"`
	On            trigger.On          `json:"on"`
	Criteria      []trigger.Criterion `json:"criteria"`
	PersonField   string              `json:"person_field,omitempty"`
	DelayHours    int                 `json:"delay_hours"`
	DefinitionKey string              `json:"definition_key"`
}

type triggerBody struct {
	ID string `json:"id"`
	triggerSpec
	Active    bool      `json:"active"`
	By        string    `json:"by"`
	CreatedAt time.Time `json:"created_at"`
	// ReadUntil is up to when the object was read.
	ReadUntil time.Time `json:"read_until"`
	// Cause is why reading failed last.
	Cause *causeBody `json:"cause,omitempty"`
}

func triggerOf(t trigger.Trigger) triggerBody {
	b := triggerBody{
		ID: t.ID, triggerSpec: triggerSpec{t.Name, t.Object, t.On, t.Criteria, t.PersonField, t.DelayHours, t.DefinitionKey}, Active: t.Active, By: t.Actor,
		CreatedAt: t.CreatedAt, ReadUntil: t.Watermark,
	}
	if t.ErrorCode != "" {
		b.Cause = &causeBody{t.ErrorCode, t.Error}
	}
	return b
}

func (s *Server) addTrigger(ctx context.Context, c call) (any, error) {
	var in struct {
		triggerSpec
		By string `json:"by"`
	}
	if err := c.decodeChange(&in, &in.By); err != nil {
		return nil, err
	}
	t, err := s.Triggers.Add(ctx, c.link, trigger.Trigger{
		Name: in.Name, Object: in.Object, On: in.On, Criteria: in.Criteria, PersonField: in.PersonField, DelayHours: in.DelayHours, DefinitionKey: in.DefinitionKey, Actor: in.By,
	}, c.key)
	if err != nil {
		return nil, err
	}
	return triggerOf(t), nil
}

type triggersBody struct {
	Triggers []triggerBody `json:"triggers"`
}

func (s *Server) triggers(ctx context.Context, c call) (any, error) {
	found, err := s.Triggers.List(ctx, c.link)
	body := triggersBody{Triggers: make([]triggerBody, 0, len(found))}
	for _, t := range found {
		body.Triggers = append(body.Triggers, triggerOf(t))
	}
	return body, err
}

func (s *Server) changeTrigger(ctx context.Context, c call) (any, error) {
	var in struct {
		Active bool   `json:"active"`
		By     string `json:"by"`
	}
	if err := c.decodeChange(&in, &in.By); err != nil {
		return nil, err
	}
	t, err := s.Triggers.SetActive(ctx, c.link, c.value, in.Active, in.By)
	if err != nil {
		return nil, err
	}
	return triggerOf(t), nil
}

type removedBody struct {
	Removed bool `json:"removed"`
}

func (s *Server) removeTrigger(ctx context.Context, c call) (any, error) {
	var in struct {
		By string `json:"by"`
	}
	if err := c.decodeChange(&in, &in.By); err != nil {
		return nil, err
	}
	err := s.Triggers.Remove(ctx, c.link, c.value, in.By)
	return removedBody{err == nil}, err
}

type firingBody struct {
	RecordID   string         `json:"record_id"`
	ModifiedAt time.Time      `json:"modified_at"`
	PersonID   string         `json:"person_id,omitempty"`
	DueAt      time.Time      `json:"due_at"`
	Status     trigger.Status `json:"status"`
	Attempts   int            `json:"attempts"`
	MessageKey string         `json:"message_key,omitempty"`
	Reason     *causeBody     `json:"reason,omitempty"`
}

type firingsBody struct {
	Firings []firingBody `json:"firings"`
}

func (s *Server) firings(ctx context.Context, c call) (any, error) {
	found, err := s.Triggers.Firings(ctx, c.link, c.value, c.limit)
	if err != nil {
		return nil, err
	}
	body := firingsBody{Firings: make([]firingBody, 0, len(found))}
	for _, f := range found {
		one := firingBody{RecordID: f.RecordID, ModifiedAt: f.Modstamp, PersonID: f.PersonID, DueAt: f.DueAt, Status: f.Status, Attempts: f.Attempts, MessageKey: f.MessageKey}
		if f.Code != "" {
			one.Reason = &causeBody{f.Code, f.Reason}
		}
		body.Firings = append(body.Firings, one)
	}
	return body, nil
}
