package tenant

import (
	"context"
	"time"
)

// RequestResultsKept is how long what became of an asynchronous request can be asked for, in domain time (the vendor's
// documentation of AsyncResponse: 30 days).
const RequestResultsKept = 30 * 24 * time.Hour

// RequestResult is what became of one object of an asynchronous request: SOAP's ResultItem.
type RequestResult struct {
	Ordinal       int
	ObjectType    string
	StatusCode    string // OK or Error
	StatusMessage string
	ErrorCode     int // 0 where it did not fail
}

// RequestResultStore keeps results of requests.
type RequestResultStore interface {
	// PutRequestResults keeps the results of one request, and forgets some that are older than the time given.
	PutRequestResults(ctx context.Context, tenant EID, mid MID, request, conversation string, list []RequestResult, now, forget time.Time) error
}

// RequestResults keeps what became of asynchronous requests, for the callers who ask later.
type RequestResults struct {
	Store RequestResultStore
	// Now tells the tenant's domain time.
	Now func(EID) time.Time
}

// Put keeps the results of a request. The request and conversation are the caller's own names of it.
func (s *RequestResults) Put(ctx context.Context, p Principal, request, conversation string, list []RequestResult) error {
	now := s.Now(p.Tenant)
	return s.Store.PutRequestResults(ctx, p.Tenant, p.MID, request, conversation, list, now, now.Add(-RequestResultsKept))
}
