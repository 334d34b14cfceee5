package engagement

import (
	"context"
	"net/http"
	"net/url"

	"github.com/twinspan/twinspan/internal/soap"
)

// NewDefinition is a transactional send definition to be made, active from the start.
type NewDefinition struct {
	Key      string // external key
	Name     string
	EmailKey string // customer key of the email that it sends
}

// CreateDefinition makes a definition in the token's business unit (engagement-wire 4). A key that is taken is a refusal.
func (s *Session) CreateDefinition(ctx context.Context, d NewDefinition) (Definition, error) {
	body := map[string]any{
		"definitionKey": d.Key, "name": d.Name, "status": "Active", "content": map[string]string{"customerKey": d.EmailKey},
		"subscriptions": map[string]any{"autoAddSubscriber": true, "updateSubscriber": true},
	}
	var made Definition
	err := s.do(ctx, http.MethodPost, s.rest+"/messaging/v1/email/definitions", body, &made)
	return made, err
}

// SetDefinition sets the status of a definition: "Active" or "Inactive", with which it takes no messages. The rest stays.
func (s *Session) SetDefinition(ctx context.Context, key, status string) error {
	var changed Definition
	return s.do(ctx, http.MethodPatch, s.rest+"/messaging/v1/email/definitions/"+url.PathEscape(key), map[string]string{"status": status}, &changed)
}

// TriggeredSend is a triggered send definition (engagement-wire 3).
type TriggeredSend struct {
	Key    string // CustomerKey
	Name   string
	Status string // "New", "Active", "Inactive", "Canceled", "Deleted"
}

// TriggeredSends lists the triggered send definitions of the token's business unit.
func (s *Session) TriggeredSends(ctx context.Context) ([]TriggeredSend, error) {
	found, err := s.Retrieve(ctx, RetrieveRequest{ObjectType: "TriggeredSendDefinition", Properties: []string{"CustomerKey", "Name", "TriggeredSendStatus"}})
	if err != nil {
		return nil, err
	}
	all := make([]TriggeredSend, len(found))
	for i, e := range found {
		all[i] = TriggeredSend{Key: e.Value("CustomerKey"), Name: e.Value("Name"), Status: e.Value("TriggeredSendStatus")}
	}
	return all, nil
}

// SetTriggeredSend starts ("Active") or pauses ("Inactive") a triggered send definition.
func (s *Session) SetTriggeredSend(ctx context.Context, key, status string) error {
	return s.writeObject(ctx, "Update", "TriggeredSendDefinition", func(w *soap.Writer) {
		w.Text("CustomerKey", key)
		w.Text("TriggeredSendStatus", status)
	})
}
