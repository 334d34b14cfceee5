package rest

import (
	"context"
	"net/http"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
)

// queue is GET /messaging/v1/email/definitions/{definitionKey}/queue: what was accepted and is not yet processed
// (engagement-wire 4; the members are those of the vendor's page getQueueMetricsForDefinition).
func (s *Server) queue(ctx context.Context, r request) (int, any, error) {
	q, err := s.o.Queues.Get(ctx, r.p, r.PathValue("definitionKey"))
	return http.StatusOK, struct {
		RequestID  string `json:"requestId"`
		AgeSeconds int64  `json:"ageSeconds"` // of the oldest
		Count      int    `json:"count"`
	}{tenant.NewGUID(), int64(q.Age.Seconds()), q.Count}, err
}

// emptyQueue is DELETE of the same. The work is queued (deleteQueuedMessagesForDefinition).
func (s *Server) emptyQueue(ctx context.Context, r request) (int, any, error) {
	return http.StatusOK, struct {
		RequestID string `json:"requestId"`
		Message   string `json:"message"`
	}{tenant.NewGUID(), "Queued"}, s.o.Queues.Discard(ctx, r.p, r.PathValue("definitionKey"))
}
