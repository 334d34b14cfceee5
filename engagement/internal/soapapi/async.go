package soapapi

import (
	"context"
	"log/slog"
	"strings"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/soap"
)

// conclude names the request, and keeps its results for ResultItem where its Options ask for asynchronous handling. The
// work is done by then: a client that polls finds its results at once.
func (s *Server) conclude(ctx context.Context, p tenant.Principal, op *soap.Element, objects []*soap.Element, results []result) string {
	request := tenant.NewGUID()
	if !asynchronous(op) {
		return request
	}
	list := make([]tenant.RequestResult, len(results))
	for i, r := range results {
		list[i] = tenant.RequestResult{Ordinal: i, ObjectType: clip(objects[i].XSIType()), StatusCode: r.status(), StatusMessage: r.message, ErrorCode: r.errorCode}
	}
	if err := s.o.Results.Put(ctx, p, request, cut(strings.TrimSpace(op.Value("Options", "ConversationID"))), list); err != nil {
		// What was done must not be hidden behind a fault; the answer has the results too.
		s.o.Log.ErrorContext(ctx, "soap: keeping the results of an asynchronous request", slog.Any("error", err))
	}
	return request
}

// asynchronous reports whether the Options ask for asynchronous handling.
func asynchronous(op *soap.Element) bool {
	return strings.EqualFold(strings.TrimSpace(op.Value("Options", "RequestType")), "Asynchronous")
}

// status is the StatusCode of a result.
func (r result) status() string {
	if r.failed {
		return "Error"
	}
	return "OK"
}

// cut shortens a client's own name of something to what is kept.
func cut(s string) string { return strings.ToValidUTF8(s[:min(len(s), 200)], "") }
