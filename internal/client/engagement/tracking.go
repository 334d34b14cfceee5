package engagement

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/soap"
)

// The kinds of events, as their objects are called (engagement-wire 3).
const (
	EventSent        = "SentEvent"
	EventNotSent     = "NotSentEvent"
	EventOpen        = "OpenEvent"
	EventClick       = "ClickEvent"
	EventBounce      = "BounceEvent"
	EventUnsubscribe = "UnsubEvent"
)

// Event is one thing that happened to a message.
type Event struct {
	Kind          string
	ID            string // tells the tenant's events of a kind apart
	ObjectID      string // of the message, in Twinspan's tenant; other tenants may leave it out
	SubscriberKey string
	DefinitionID  string // ObjectID of the triggered send definition; "" where something else sent it
	MID           int64
	SendID        string
	At            time.Time
	URL           string // of a click
	Bounce        string // of a bounce: "Hard bounce", "Soft bounce", "Block bounce"
}

// soapTime is how SOAP writes a date and time.
const soapTime = "2006-01-02T15:04:05.000Z"

// between is the filter of what happened from a time on and before another.
func between(property string, from, to time.Time) *Filter {
	at := func(operator string, t time.Time) *Filter {
		return &Filter{Property: property, Operator: operator, Values: []string{t.UTC().Format(soapTime)}}
	}
	return &Filter{Logic: "AND", Left: at("greaterThanOrEqual", from), Right: at("lessThan", to)}
}

// moment reads a date and time of SOAP; one without a zone is taken as UTC.
func moment(s string) time.Time {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

// Events gives the events of a kind that happened in a time to each, page by page, in all business units that the user reaches.
func (s *Session) Events(ctx context.Context, kind string, from, to time.Time, each func([]Event) error) error {
	properties := []string{"Client.ID", "ID", "ObjectID", "SendID", "SubscriberKey", "EventDate", "TriggeredSendDefinitionObjectID"}
	switch kind {
	case EventClick:
		properties = append(properties, "URL")
	case EventBounce:
		properties = append(properties, "BounceCategory")
	}
	return s.retrieveEach(ctx, RetrieveRequest{ObjectType: kind, Properties: properties, Filter: between("EventDate", from, to), AllAccounts: true}, func(page []*soap.Element) error {
		events := make([]Event, len(page))
		for i, e := range page {
			events[i] = Event{
				Kind: kind, ID: e.Value("ID"), ObjectID: e.Value("ObjectID"), SubscriberKey: e.Value("SubscriberKey"), DefinitionID: e.Value("TriggeredSendDefinitionObjectID"),
				MID: number(e.Value("Client", "ID")), SendID: e.Value("SendID"), At: moment(e.Value("EventDate")), URL: e.Value("URL"), Bounce: e.Value("BounceCategory"),
			}
		}
		return each(events)
	})
}

// TriggeredDefinition is a triggered send definition as SOAP names it.
type TriggeredDefinition struct {
	ObjectID string
	Key      string
	MID      int64
}

// TriggeredDefinitions lists those of all business units that the user reaches.
func (s *Session) TriggeredDefinitions(ctx context.Context) ([]TriggeredDefinition, error) {
	found, err := s.Retrieve(ctx, RetrieveRequest{ObjectType: "TriggeredSendDefinition", Properties: []string{"ObjectID", "CustomerKey", "Client.ID"}, AllAccounts: true})
	if err != nil {
		return nil, err
	}
	all := make([]TriggeredDefinition, 0, len(found))
	for _, e := range found {
		all = append(all, TriggeredDefinition{e.Value("ObjectID"), e.Value("CustomerKey"), number(e.Value("Client", "ID"))})
	}
	return all, nil
}

// Subscriber is somebody on the All Subscribers list.
type Subscriber struct {
	Key     string
	Address string
}

// Unsubscribed gives those who unsubscribed in a time to each, page by page.
func (s *Session) Unsubscribed(ctx context.Context, from, to time.Time, each func([]Subscriber) error) error {
	return s.unsubscribed(ctx, between("UnsubscribedDate", from, to), each)
}

// UnsubscribedOf gives those of some subscribers who are unsubscribed.
func (s *Session) UnsubscribedOf(ctx context.Context, keys []string) ([]Subscriber, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	filter := &Filter{Property: "SubscriberKey", Operator: "IN", Values: keys}
	if len(keys) == 1 { // IN takes no single value (engagement-wire 3)
		filter = Equals("SubscriberKey", keys[0])
	}
	var all []Subscriber
	err := s.unsubscribed(ctx, filter, func(page []Subscriber) error {
		all = append(all, page...)
		return nil
	})
	return all, err
}

func (s *Session) unsubscribed(ctx context.Context, filter *Filter, each func([]Subscriber) error) error {
	r := RetrieveRequest{ObjectType: "Subscriber", Properties: []string{"SubscriberKey", "EmailAddress", "UnsubscribedDate"}}
	r.Filter = &Filter{Logic: "AND", Left: Equals("Status", "Unsubscribed"), Right: filter}
	return s.retrieveEach(ctx, r, func(page []*soap.Element) error {
		people := make([]Subscriber, len(page))
		for i, e := range page {
			people[i] = Subscriber{e.Value("SubscriberKey"), e.Value("EmailAddress")}
		}
		return each(people)
	})
}

// MaxObjects is how many objects one SOAP call changes (connect-facts 6: sync batch 50).
const MaxObjects = 50

// Unsubscribe sets subscribers to Unsubscribed and makes those who are not on the list yet, so that they are never mailed.
// The result has an error for each who was refused, in their order.
func (s *Session) Unsubscribe(ctx context.Context, people []Subscriber) ([]error, error) {
	w := s.operation("UpdateRequest")
	w.Open("Options")
	w.Open("SaveOptions")
	w.Open("SaveOption")
	w.Text("PropertyName", "*")
	w.Text("SaveAction", "UpdateAdd")
	w.Close()
	w.Close()
	w.Close()
	for _, p := range people {
		w.Open("Objects", "xsi:type", "Subscriber")
		w.Text("SubscriberKey", p.Key)
		if p.Address != "" {
			w.Text("EmailAddress", p.Address)
		}
		w.Text("Status", "Unsubscribed")
		w.Close()
	}
	envelope, err := w.Bytes()
	if err != nil {
		return nil, err
	}
	op, err := s.post(ctx, "Update", envelope)
	if err != nil {
		return nil, err
	}
	results := op.All("Results")
	if op.Local != "UpdateResponse" || len(results) != len(people) {
		return nil, s.c.call.Protocol(http.StatusOK, "it is no update response with %d results", len(people))
	}
	refused := make([]error, len(people))
	for i, r := range results {
		if !strings.EqualFold(r.Value("StatusCode"), "OK") {
			refused[i] = s.c.call.Refusal(http.StatusBadRequest, r.Value("ErrorCode"), r.Value("StatusMessage"))
		}
	}
	return refused, nil
}
