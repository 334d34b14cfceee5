package rest

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/strictjson"
	"github.com/twinspan/twinspan/internal/web"
)

// recipient is one recipient of the transactional API.
type recipient struct {
	ContactKey string                     `json:"contactKey"`
	To         string                     `json:"to"`
	MessageKey string                     `json:"messageKey"`
	Attributes map[string]json.RawMessage `json:"attributes"`
}

// sendBody is the body of both sending calls; which of the two lists counts depends on the path.
type sendBody struct {
	DefinitionKey string                     `json:"definitionKey"`
	Recipient     *recipient                 `json:"recipient"`
	Recipients    []recipient                `json:"recipients"`
	Attributes    map[string]json.RawMessage `json:"attributes"`
}

// sendAnswer is the answer to both.
type sendAnswer struct {
	RequestID string       `json:"requestId"`
	ErrorCode int          `json:"errorcode"`
	Message   string       `json:"message,omitempty"`
	Responses []sendResult `json:"responses"`
}

type sendResult struct {
	MessageKey string `json:"messageKey"`
	ErrorCode  int    `json:"errorcode,omitempty"`
	Message    string `json:"message,omitempty"`
}

// sendOne is POST /messaging/v1/email/messages/{messageKey}. The same key again is answered as the first time, and
// nothing is sent twice.
func (s *Server) sendOne(ctx context.Context, r request) (int, any, error) {
	var b sendBody
	if err := web.ReadJSON(r.w, r.Request, maxBody, &b); err != nil {
		return 0, nil, err
	}
	if b.Recipient == nil {
		return 0, nil, missing("recipient")
	}
	b.Recipient.MessageKey = r.PathValue("messageKey")
	return s.send(ctx, r, b, []recipient{*b.Recipient})
}

// sendMany is POST /messaging/v1/email/messages.
func (s *Server) sendMany(ctx context.Context, r request) (int, any, error) {
	var b sendBody
	if err := web.ReadJSON(r.w, r.Request, maxBody, &b); err != nil {
		return 0, nil, err
	}
	return s.send(ctx, r, b, b.Recipients)
}

func (s *Server) send(ctx context.Context, r request, b sendBody, recipients []recipient) (int, any, error) {
	if b.DefinitionKey == "" {
		return 0, nil, missing("definitionKey")
	}
	shared, err := attributes(b.Attributes)
	if err != nil {
		return 0, nil, err
	}
	ask := tenant.SendRequest{DefinitionKey: b.DefinitionKey, QueueInactive: true, Recipients: make([]tenant.Recipient, len(recipients))}
	for i, rcpt := range recipients {
		own, err := attributes(rcpt.Attributes)
		if err != nil {
			return 0, nil, err
		}
		ask.Recipients[i] = tenant.Recipient{
			MessageKey: rcpt.MessageKey, ContactKey: rcpt.ContactKey, To: rcpt.To, Attributes: tenant.MergeAttributes(shared, own),
		}
	}
	receipt, err := s.o.Sends.Accept(ctx, r.p, ask)
	if fault.CodeOf(err) == tenant.CodeNoDefinition {
		// Not the thing that the path names: the request refers to what is not there.
		return 0, nil, fault.Wrap(err, fault.Invalid, codeNoReference, "The definition does not exist.").In("definitionKey")
	}
	if err != nil {
		return 0, nil, err
	}
	return s.sendAnswer(ctx, receipt)
}

// codeNoReference is the fault of a body that names a thing that does not exist.
const codeNoReference fault.Code = "no_reference"

// sendAnswer tells what became of each recipient: 202 when at least one is queued, else 400, or 409 where the only
// recipient's key was used before.
func (s *Server) sendAnswer(ctx context.Context, receipt tenant.Receipt) (int, any, error) {
	answer := sendAnswer{RequestID: receipt.RequestID, Responses: make([]sendResult, len(receipt.Results))}
	for i, res := range receipt.Results {
		answer.Responses[i].MessageKey = res.Message.Key
		if res.Err == nil {
			continue
		}
		if res.Err.Kind == fault.Internal {
			s.o.Log.ErrorContext(ctx, "rest: a recipient failed", slog.Any("error", res.Err))
		}
		answer.Responses[i].ErrorCode = lookUp(res.Err).code
		answer.Responses[i].Message = recipientMessage(res.Err)
	}
	status := http.StatusAccepted
	switch failed := receipt.Failed(); {
	case failed == 0:
	case failed == len(receipt.Results):
		status, answer.ErrorCode = http.StatusBadRequest, 109103
		answer.Message = "MCMS_UTM_Validation_NoValidSubscribers: " + answer.Responses[0].Message
		if len(receipt.Results) == 1 {
			status = lookUp(receipt.Results[0].Err).status
		}
	default:
		answer.ErrorCode = 109001
		answer.Message = fmt.Sprintf("MCMS_UTM_ResponsesHasErrors: %d subscribers failed to queue out of %d", failed, len(receipt.Results))
	}
	return status, answer, nil
}

// recipientMessage is the text for a refused recipient, in the real service's form where that is known.
func recipientMessage(f *fault.Error) string {
	switch f.Code {
	case tenant.CodeMissingTo:
		return "MCMS_UTM_Validation_MissingRequiredField_to: Invalid subscriber"
	case tenant.CodeMissingContactKey:
		return "MCMS_UTM_Validation_MissingRequiredField_contactKey: Invalid subscriber"
	}
	return f.Message
}

// messageInfo is the part of a status that names the message.
type messageInfo struct {
	MessageKey    string `json:"messageKey"`
	ContactKey    string `json:"contactKey"`
	To            string `json:"to"`
	StatusCode    int    `json:"statusCode,omitempty"`
	StatusMessage string `json:"statusMessage,omitempty"`
}

// inDoubt is what the status of a message says whose delivery nobody can tell. The event stays EmailQueued: the known
// events are a closed list for clients, and NotSent would have them send it again.
const inDoubt = "InDoubt"

// event is the eventCategoryType of a message.
func event(m tenant.Message) string {
	switch m.State {
	case tenant.MessageSent:
		return "TransactionalSendEvents.EmailSent"
	case tenant.MessageNotSent:
		return "TransactionalSendEvents.EmailNotSent"
	}
	return "TransactionalSendEvents.EmailQueued"
}

// compositeID names the message across the tenant.
func compositeID(m tenant.Message) string { return strconv.FormatInt(int64(m.MID), 10) + "." + m.ID }

// message is GET /messaging/v1/email/messages/{messageKey}.
func (s *Server) message(ctx context.Context, r request) (int, any, error) {
	m, err := s.o.Sends.Message(ctx, r.p, r.PathValue("messageKey"))
	if err != nil {
		return 0, nil, err
	}
	info := messageInfo{MessageKey: m.Key, ContactKey: m.SubscriberKey, To: m.To}
	switch m.State {
	case tenant.MessageNotSent:
		info.StatusCode, info.StatusMessage = int(m.Code), m.Code.String()
	case tenant.MessageInDoubt:
		info.StatusMessage = inDoubt
	}
	return http.StatusOK, struct {
		RequestID string      `json:"requestId"`
		Event     string      `json:"eventCategoryType"`
		Timestamp string      `json:"timestamp"`
		Composite string      `json:"compositeId"`
		Info      messageInfo `json:"info"`
	}{m.RequestID, event(m), timestamp(m.Changed), compositeID(m), info}, nil
}

// Sizes of a page of messages that were not sent.
const (
	defaultEvents = 50
	maxEvents     = 500
)

// listMessages is GET /messaging/v1/email/messages?type=notSent&$pagesize=&lastEventId=.
func (s *Server) listMessages(ctx context.Context, r request) (int, any, error) {
	q, err := parameters(r.Request)
	if err != nil {
		return 0, nil, err
	}
	switch {
	case q["type"] == "":
		return 0, nil, missing("type")
	case q["type"] != "notSent" && q["type"] != "notsent":
		return 0, nil, fault.New(fault.Invalid, codeValue, "The type can be notSent.").In("type")
	}
	size, err := positive(q, "pagesize", defaultEvents, maxEvents)
	if err != nil {
		return 0, nil, err
	}
	after := int64(0)
	if text := q["lasteventid"]; text != "" {
		if after, err = strconv.ParseInt(text, 10, 64); err != nil || after < 0 {
			return 0, nil, fault.New(fault.Invalid, codeType, "lastEventId is a number.").In("lastEventId")
		}
	}
	list, err := s.o.Sends.NotSent(ctx, r.p, after, size)
	if err != nil {
		return 0, nil, err
	}
	type item struct {
		StatusCode    int         `json:"statusCode"`
		StatusMessage string      `json:"statusMessage"`
		Event         string      `json:"eventCategoryType"`
		Timestamp     string      `json:"timestamp"`
		DefinitionKey string      `json:"definitionKey"`
		EventID       int64       `json:"eventID"`
		Info          messageInfo `json:"info"`
	}
	items := make([]item, len(list))
	for i, m := range list {
		items[i] = item{
			int(m.Code), m.Code.String(), event(m), timestamp(m.Changed), m.DefinitionKey, m.EventID,
			messageInfo{MessageKey: m.Key, ContactKey: m.SubscriberKey, To: m.To},
		}
		after = m.EventID
	}
	return http.StatusOK, struct {
		Last     int64  `json:"lastEventID"`
		Messages []item `json:"messages"`
		Count    int    `json:"count"`
	}{after, items, len(items)}, nil
}

// attributes reads attribute values: strings, numbers and booleans as they are written; null is the empty text.
func attributes(raw map[string]json.RawMessage) (map[string]string, error) {
	out := make(map[string]string, len(raw))
	for name, value := range raw {
		switch value[0] {
		case '"':
			var text string
			if err := json.Unmarshal(value, &text); err != nil {
				return nil, fault.Wrap(err, fault.Invalid, strictjson.CodeMalformed, "An attribute's value cannot be read.")
			}
			out[name] = text
		case '{', '[':
			return nil, fault.New(fault.Invalid, codeType, "The value of an attribute is a text, a number or a boolean.").In("attributes")
		case 'n':
			out[name] = ""
		default:
			out[name] = string(value)
		}
	}
	return out, nil
}

func missing(field string) error {
	return fault.New(fault.Invalid, codeMissing, "The field %s is missing.", field).In(field)
}

// paged reads the parameters of a list, and of them which page is wanted and how many are on it. Tracking of messages has
// pages of its own.
func paged(r *http.Request) (q map[string]string, page, size int, err error) {
	if q, err = parameters(r); err != nil {
		return nil, 0, 0, err
	}
	if page, err = positive(q, "page", 1, 1_000_000); err != nil {
		return nil, 0, 0, err
	}
	size, err = positive(q, "pagesize", defaultPage, maxPage)
	return q, page, size, err
}

// positive reads a number from 1 to limit; absent it is standard.
func positive(q map[string]string, name string, standard, limit int) (int, error) {
	text := q[name]
	if text == "" {
		return standard, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > limit {
		return 0, fault.New(fault.Invalid, codeValue, "%s is a number from 1 to %d.", name, limit).In(name)
	}
	return n, nil
}
