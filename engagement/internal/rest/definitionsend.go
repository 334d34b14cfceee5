package rest

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/web"
)

// definitionSendBody is the body of the older sending call, whose members begin with capitals.
type definitionSendBody struct {
	From *struct {
		Address string `json:"Address"`
		Name    string `json:"Name"`
	} `json:"From"`
	To *struct {
		Address           string `json:"Address"`
		SubscriberKey     string `json:"SubscriberKey"`
		ContactAttributes struct {
			SubscriberAttributes map[string]json.RawMessage `json:"SubscriberAttributes"`
		} `json:"ContactAttributes"`
	} `json:"To"`
	Options *struct {
		RequestType string `json:"RequestType"`
	} `json:"Options"`
}

// definitionSendAnswer is its answer. A refused recipient is a 202 too (engagement-wire 4).
type definitionSendAnswer struct {
	RequestID string                 `json:"requestId"`
	Responses []definitionSendResult `json:"responses"`
}

type definitionSendResult struct {
	RecipientSendID string         `json:"recipientSendId"`
	HasErrors       bool           `json:"hasErrors"`
	Messages        []string       `json:"messages,omitempty"`
	MessageErrors   []messageError `json:"messageErrors,omitempty"`
}

type messageError struct {
	Code   int    `json:"messageErrorCode"`
	Status string `json:"messageErrorStatus"`
}

// Codes of refused recipients: those of SOAP's triggered sends with a digit more.
const (
	errorSendInactive     = 180001
	errorUnverifiedSender = 180006
	errorNoSubscribers    = 180008
)

// definitionSend is POST /messaging/v1/messageDefinitionSends/{guid|key:K}/send. It knows no message key, so every call
// sends.
func (s *Server) definitionSend(ctx context.Context, r request) (int, any, error) {
	var b definitionSendBody
	if err := web.ReadJSON(r.w, r.Request, maxBody, &b); err != nil {
		return 0, nil, err
	}
	ask := tenant.SendRequest{RequestID: tenant.NewGUID(), Screen: b.Options != nil && strings.EqualFold(b.Options.RequestType, "SYNC")}
	if name := r.PathValue("definition"); len(name) > 4 && strings.EqualFold(name[:4], "key:") {
		ask.DefinitionKey = name[4:]
	} else {
		ask.DefinitionID = name
	}
	var rcpt tenant.Recipient
	if b.To != nil {
		own, err := attributes(b.To.ContactAttributes.SubscriberAttributes)
		if err != nil {
			return 0, nil, err
		}
		rcpt = tenant.Recipient{To: b.To.Address, ContactKey: b.To.SubscriberKey, Attributes: own}
		if rcpt.ContactKey == "" {
			rcpt.ContactKey = rcpt.To
		}
	}
	if b.From != nil {
		rcpt.FromAddress, rcpt.FromName = b.From.Address, b.From.Name
	}
	ask.Recipients = []tenant.Recipient{rcpt}
	receipt, err := s.o.Sends.Accept(ctx, r.p, ask)
	var refused *fault.Error
	var id string
	switch fault.CodeOf(err) {
	case "":
		refused, id = receipt.Results[0].Err, receipt.Results[0].Message.ID
	case tenant.CodeDefinitionInactive, tenant.CodeUnverifiedSender:
		refused = fault.Of(err)
	default:
		return 0, nil, err
	}
	return http.StatusAccepted, definitionSendAnswer{ask.RequestID, []definitionSendResult{s.definitionSendResult(ctx, id, refused)}}, nil
}

func (s *Server) definitionSendResult(ctx context.Context, id string, refused *fault.Error) definitionSendResult {
	if refused == nil {
		return definitionSendResult{RecipientSendID: id, Messages: []string{"Queued"}}
	}
	fail := func(code int, text string) definitionSendResult {
		return definitionSendResult{HasErrors: true, MessageErrors: []messageError{{code, text}}}
	}
	switch refused.Code {
	case tenant.CodeMissingTo:
		return definitionSendResult{HasErrors: true, Messages: []string{"InvalidOrMissingToAddress"}}
	case tenant.CodeDefinitionInactive:
		return fail(errorSendInactive, "Unable to queue Triggered Send request. The triggered send definition is not active.")
	case tenant.CodeUnverifiedSender:
		return fail(errorUnverifiedSender, "Unable to queue Triggered Send request. The From address is not verified.")
	}
	if refused.Kind == fault.Internal {
		s.o.Log.ErrorContext(ctx, "rest: a triggered send failed", slog.Any("error", refused))
	}
	return fail(errorNoSubscribers, "Unable to queue Triggered Send request. There are no valid subscribers.")
}
