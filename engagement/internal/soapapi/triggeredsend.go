package soapapi

import (
	"context"
	"strings"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/soap"
)

// createTriggeredSend queues one email for each Subscribers element of a TriggeredSend (engagement-wire 3). Attributes
// of the send go to all of them, a subscriber's own to that one. Who cannot get mail is told at once, unless the request is
// asynchronous.
func (s *Server) createTriggeredSend(ctx context.Context, c objectCall) (result, error) {
	request, err := readTriggeredSend(c.el)
	if err != nil {
		return result{}, err
	}
	request.Screen = !c.later
	receipt, err := s.o.Sends.Accept(ctx, c.p, request)
	if err != nil {
		return result{kind: "TriggeredSendCreateResult"}, err
	}
	res := result{kind: "TriggeredSendCreateResult", message: "Created TriggeredSend", newObject: receipt.RequestID}
	subscribers := c.el.All("Subscribers")
	for i, r := range receipt.Results {
		if r.Err == nil {
			continue
		}
		refusal, ok := resultError(r.Err)
		if !ok {
			s.o.Log.ErrorContext(ctx, "soap: a subscriber of a triggered send failed", "error", r.Err)
		}
		res.failures = append(res.failures, subscriberFailure{subscriber: subscribers[i], code: refusal.errorCode, description: refusal.message, ordinal: i})
	}
	if len(res.failures) == len(receipt.Results) {
		res.failed, res.errorCode, res.newObject = true, errorSendSubscriber, ""
		res.message = "Unable to queue Triggered Send request. There are no valid subscribers."
	}
	return res, nil
}

// readTriggeredSend reads a TriggeredSend object. Without a subscriber key the address is the key, as in accounts that
// have none.
func readTriggeredSend(el *soap.Element) (tenant.SendRequest, error) {
	r := tenant.SendRequest{
		DefinitionKey: el.Value("TriggeredSendDefinition", "CustomerKey"),
		DefinitionID:  el.Value("TriggeredSendDefinition", "ObjectID"),
	}
	if r.DefinitionKey != "" {
		r.DefinitionID = ""
	}
	shared, err := readAttributes(el)
	if err != nil {
		return r, err
	}
	for _, sub := range el.All("Subscribers") {
		own, err := readAttributes(sub)
		if err != nil {
			return r, err
		}
		rcpt := tenant.Recipient{
			To: sub.Value("EmailAddress"), ContactKey: sub.Value("SubscriberKey"),
			FromName: sub.Value("Owner", "FromName"), FromAddress: sub.Value("Owner", "FromAddress"),
			Attributes: tenant.MergeAttributes(shared, own),
		}
		if rcpt.ContactKey == "" {
			rcpt.ContactKey = rcpt.To
		}
		r.Recipients = append(r.Recipients, rcpt)
	}
	return r, nil
}

// readAttributes reads the Attributes elements of an object: a Name and a Value each. A name twice is refused.
func readAttributes(el *soap.Element) (map[string]string, error) {
	attributes := map[string]string{}
	seen := map[string]bool{}
	for _, a := range el.All("Attributes") {
		name := a.Value("Name")
		if name == "" || seen[strings.ToLower(name)] {
			return nil, fault.New(fault.Invalid, tenant.CodeInvalidSubscriber, "An attribute has no name, or the name of another.").In("Attributes")
		}
		seen[strings.ToLower(name)] = true
		value := ""
		if v := a.Find("Value"); v != nil {
			value = v.Text
		}
		attributes[name] = value
	}
	return attributes, nil
}
