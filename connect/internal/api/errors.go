package api

import (
	"net/http"

	"github.com/twinspan/twinspan/connect/internal/send"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/explain"
	"github.com/twinspan/twinspan/internal/fault"
)

// Codes of this edge's own refusals.
const (
	CodeUnauthorized     fault.Code = "unauthorized"
	CodeInvalidLimit     fault.Code = "invalid_limit"
	CodeInvalidKey       fault.Code = "invalid_idempotency_key"
	CodeKeyReused        fault.Code = "idempotency_key_reused"
	CodeCallInProgress   fault.Code = "call_in_progress"
	CodeInvalidAccountID fault.Code = "invalid_account_id"
	CodeMethod           fault.Code = "method_not_allowed"
)

// statuses are the codes whose HTTP status is another than their kind's.
var statuses = map[fault.Code]int{
	send.CodeOptedOut:       http.StatusUnprocessableEntity,
	send.CodeNoEmail:        http.StatusUnprocessableEntity,
	CodeMethod:              http.StatusMethodNotAllowed,
	CodeKeyReused:           http.StatusUnprocessableEntity,
	client.CodeUnauthorized: http.StatusBadGateway, // ours with the cloud, not the caller's with us
	client.CodeProtocol:     http.StatusBadGateway,
	client.CodeFailed:       http.StatusBadGateway,
	client.CodeUnreachable:  http.StatusBadGateway,
	client.CodeNoAnswer:     http.StatusGatewayTimeout,
	client.CodeLimited:      http.StatusTooManyRequests,
}

// errorBody is the answer of every refusal.
type errorBody struct {
	Error errorDetail `json:"error"`
}

type errorDetail struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Field   string `json:"field,omitempty"`
	// Cloud says whose words code and message are: "org" or "tenant"; absent where they are Connect's.
	Cloud string `json:"cloud,omitempty"`
	// Help leads to what the refusal means, in "Troubleshoot Connected App": a path with a query, at Connect's own address.
	Help string `json:"help"`
}

// translate is the one table from faults to answers. A refusal by a cloud keeps that cloud's code and text.
func translate(err error) (status int, body errorBody) {
	f := fault.Of(err)
	status, known := statuses[f.Code]
	if !known {
		status = f.Kind.HTTPStatus()
	}
	if f.Kind == fault.Internal {
		return http.StatusInternalServerError, errorBody{errorDetail{Code: "internal", Message: "An unexpected error occurred.", Help: explain.Way("internal", "")}}
	}
	if r := client.Remote(f); r != nil && r.Code != "" && (f.Code == client.CodeRefused || f.Code == client.CodeNotFound) {
		return status, errorBody{errorDetail{Code: r.Code, Message: r.Description, Cloud: r.Cloud, Help: explain.Way(r.Code, r.Description)}}
	}
	return status, errorBody{errorDetail{Code: string(f.Code), Message: f.Message, Field: f.Field, Help: explain.Way(string(f.Code), f.Message)}}
}
