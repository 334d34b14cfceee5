package engagement

import (
	"context"
	"net/http"
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
