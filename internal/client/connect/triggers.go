package connect

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Trigger is a triggered send on records of the org.
type Trigger struct {
	ID            string      `json:"id"`
	Name          string      `json:"name"`
	Object        string      `json:"object"` // API name
	On            string      `json:"on"`     // "insert", "update", "either" or "either_subsequently"
	Criteria      []Criterion `json:"criteria"`
	PersonField   string      `json:"person_field,omitempty"` // with the contact or lead, where the object is none
	DelayHours    int         `json:"delay_hours"`
	DefinitionKey string      `json:"definition_key"`
	Active        bool        `json:"active"`
	By            string      `json:"by"`
	CreatedAt     time.Time   `json:"created_at"`
	ReadUntil     time.Time   `json:"read_until"`
	Cause         *Cause      `json:"cause,omitempty"` // why reading failed last
}

// Criterion is a condition on a field.
type Criterion struct {
	Field    string `json:"field"`
	Operator string `json:"operator"` // "equals", "not_equal", "contains", "starts_with", "greater_than" or "less_than"
	Value    string `json:"value"`
}

// Firing is one firing of a trigger.
type Firing struct {
	RecordID   string    `json:"record_id"`
	ModifiedAt time.Time `json:"modified_at"` // the state of the record that fired
	PersonID   string    `json:"person_id,omitempty"`
	DueAt      time.Time `json:"due_at"`
	Status     string    `json:"status"` // "waiting", "done" or "failed"
	Attempts   int       `json:"attempts"`
	MessageKey string    `json:"message_key,omitempty"`
	Reason     *Cause    `json:"reason,omitempty"`
}

// AddTrigger makes a trigger, active from now on, once for each key.
func (c *Client) AddTrigger(ctx context.Context, t Trigger, by, key string) (Trigger, error) {
	if t.Criteria == nil {
		t.Criteria = []Criterion{}
	}
	in := map[string]any{
		"name": t.Name, "object": t.Object, "on": t.On, "criteria": t.Criteria, "person_field": t.PersonField, "delay_hours": t.DelayHours, "definition_key": t.DefinitionKey, "by": by,
	}
	var out Trigger
	err := c.do(ctx, http.MethodPost, "/api/v1/triggers", key, in, &out)
	return out, err
}

// Triggers lists them by name.
func (c *Client) Triggers(ctx context.Context) ([]Trigger, error) {
	var out struct {
		Triggers []Trigger `json:"triggers"`
	}
	err := c.do(ctx, http.MethodGet, "/api/v1/triggers", "", nil, &out)
	return out.Triggers, err
}

// SetTriggerActive starts or stops a trigger.
func (c *Client) SetTriggerActive(ctx context.Context, id string, active bool, by, key string) (Trigger, error) {
	var out Trigger
	err := c.do(ctx, http.MethodPost, "/api/v1/triggers/"+url.PathEscape(id)+"/active", key, map[string]any{"active": active, "by": by}, &out)
	return out, err
}

// RemoveTrigger removes a trigger with its firings.
func (c *Client) RemoveTrigger(ctx context.Context, id, by, key string) error {
	var out struct{ Removed bool }
	return c.do(ctx, http.MethodPost, "/api/v1/triggers/"+url.PathEscape(id)+"/remove", key, map[string]string{"by": by}, &out)
}

// Firings lists a trigger's, the newest first.
func (c *Client) Firings(ctx context.Context, id string) ([]Firing, error) {
	var out struct {
		Firings []Firing `json:"firings"`
	}
	err := c.do(ctx, http.MethodGet, "/api/v1/triggers/"+url.PathEscape(id)+"/firings", "", nil, &out)
	return out.Firings, err
}
