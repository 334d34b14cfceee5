package engagement

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/client"
)

// Identity is what userinfo says of the token's user and business unit (engagement-wire 2.3).
type Identity struct {
	UserID   string // AccountUserID in decimal
	Username string
	Name     string
	Email    string
	MID      int64 // business unit in which the token works
	EID      int64
	// AccountType is the edition, as the tenant writes it: "enterprise" for Enterprise 2.0; "" where it does not tell.
	AccountType string
	Zone        string // IANA name of the enterprise's time zone; "" where it is not told
	// Permissions are "ObjectType.Operation" names, as the token carries them.
	Permissions []string
}

// UserInfo asks who the token's user is.
func (s *Session) UserInfo(ctx context.Context) (Identity, error) {
	var w struct {
		User struct {
			Sub               string `json:"sub"`
			Name              string `json:"name"`
			PreferredUsername string `json:"preferred_username"`
			Email             string `json:"email"`
		} `json:"user"`
		Organization struct {
			MemberID     json.Number `json:"member_id"`
			EnterpriseID json.Number `json:"enterprise_id"`
			AccountType  string      `json:"account_type"`
			Zone         string      `json:"zoneinfo"`
		} `json:"organization"`
		Permissions []struct {
			Object    string `json:"objectTypeName"`
			Operation string `json:"operationName"`
		} `json:"permissions"`
	}
	if err := s.do(ctx, http.MethodGet, s.c.base+"/v2/userinfo", nil, &w); err != nil {
		return Identity{}, err
	}
	mid, err1 := w.Organization.MemberID.Int64()
	eid, err2 := w.Organization.EnterpriseID.Int64()
	if err1 != nil || err2 != nil || w.User.Sub == "" || w.User.PreferredUsername == "" {
		return Identity{}, s.c.call.Protocol(http.StatusOK, "userinfo names no user, business unit and enterprise")
	}
	id := Identity{UserID: w.User.Sub, Username: w.User.PreferredUsername, Name: w.User.Name, Email: w.User.Email, MID: mid, EID: eid, AccountType: w.Organization.AccountType, Zone: client.Clip(w.Organization.Zone, 100)}
	for _, p := range w.Permissions {
		id.Permissions = append(id.Permissions, p.Object+"."+p.Operation)
	}
	return id, nil
}

// Message is one transactional e-mail to one person.
type Message struct {
	DefinitionKey string
	ContactKey    string            // subscriber key; MC Connect uses the CRM record id
	To            string            // e-mail address
	Attributes    map[string]string // personalisation by attribute name
}

// Accepted is the tenant's receipt for a message: it is queued, not sent.
type Accepted struct {
	RequestID  string
	MessageKey string
}

// SendMessage queues a message under a key of the caller's choice (POST /messaging/v1/email/messages/{messageKey},
// engagement-wire 4). Where client.Unknown says that the outcome is open, ask [Session.MessageStatus]: trying again with
// the same key is refused where the first try arrived.
func (s *Session) SendMessage(ctx context.Context, messageKey string, m Message) (Accepted, error) {
	type recipient struct {
		ContactKey string            `json:"contactKey"`
		To         string            `json:"to"`
		Attributes map[string]string `json:"attributes,omitempty"`
	}
	body := struct {
		DefinitionKey string    `json:"definitionKey"`
		Recipient     recipient `json:"recipient"`
	}{m.DefinitionKey, recipient{m.ContactKey, m.To, m.Attributes}}
	var w struct {
		RequestID string      `json:"requestId"`
		ErrorCode json.Number `json:"errorcode"`
		Message   string      `json:"message"`
		Responses []struct {
			MessageKey string      `json:"messageKey"`
			ErrorCode  json.Number `json:"errorcode"`
			Message    string      `json:"message"`
		} `json:"responses"`
	}
	if err := s.do(ctx, http.MethodPost, s.rest+"/messaging/v1/email/messages/"+url.PathEscape(messageKey), body, &w); err != nil {
		return Accepted{}, err
	}
	for _, r := range w.Responses { // an accepted request may hold refused recipients (engagement-wire 4)
		if code := r.ErrorCode.String(); code != "" && code != "0" {
			return Accepted{}, s.c.call.Refusal(http.StatusBadRequest, code, r.Message)
		}
	}
	if code := w.ErrorCode.String(); code != "" && code != "0" {
		return Accepted{}, s.c.call.Refusal(http.StatusBadRequest, code, w.Message)
	}
	if len(w.Responses) != 1 || !strings.EqualFold(w.Responses[0].MessageKey, messageKey) {
		return Accepted{}, s.c.call.Protocol(http.StatusAccepted, "it does not name the message")
	}
	return Accepted{RequestID: w.RequestID, MessageKey: w.Responses[0].MessageKey}, nil
}

// MessageState is how far the tenant has come with a message.
type MessageState string

// The states, from the event names of engagement-wire 4.
const (
	MessageQueued  MessageState = "queued"
	MessageSent    MessageState = "sent"
	MessageNotSent MessageState = "not_sent"
	// MessageInDoubt: the mail server may have the mail and nobody can tell. A tenant of Twinspan says so by the
	// statusMessage "InDoubt" of a queued message.
	MessageInDoubt MessageState = "in_doubt"
)

// MessageStatus is the tenant's answer about one message.
type MessageStatus struct {
	State         MessageState
	To            string
	ContactKey    string
	StatusCode    string // of a message not sent: "24"
	StatusMessage string // of a message not sent: "ListDetectiveExclusion"; of one in doubt: "InDoubt"
	At            time.Time
}

// MessageStatus asks for a message by its key. One that the tenant never got is a NotFound fault.
func (s *Session) MessageStatus(ctx context.Context, messageKey string) (MessageStatus, error) {
	var w struct {
		Event     string `json:"eventCategoryType"`
		Timestamp string `json:"timestamp"`
		Info      struct {
			ContactKey    string      `json:"contactKey"`
			To            string      `json:"to"`
			StatusCode    json.Number `json:"statusCode"`
			StatusMessage string      `json:"statusMessage"`
		} `json:"info"`
	}
	if err := s.do(ctx, http.MethodGet, s.rest+"/messaging/v1/email/messages/"+url.PathEscape(messageKey), nil, &w); err != nil {
		return MessageStatus{}, err
	}
	m := MessageStatus{To: w.Info.To, ContactKey: w.Info.ContactKey, StatusCode: w.Info.StatusCode.String(), StatusMessage: client.Clip(w.Info.StatusMessage, 500)}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999"} {
		if at, err := time.Parse(layout, w.Timestamp); err == nil {
			m.At = at.UTC()
			break
		}
	}
	switch w.Event[strings.LastIndexByte(w.Event, '.')+1:] {
	case "EmailSent":
		m.State = MessageSent
	case "EmailQueued":
		m.State = MessageQueued
		if m.StatusMessage == "InDoubt" {
			m.State = MessageInDoubt
		}
	case "EmailNotSent":
		m.State = MessageNotSent
	default:
		return MessageStatus{}, s.c.call.Protocol(http.StatusOK, "its event %q is unknown", client.Clip(w.Event, 80))
	}
	return m, nil
}

// Definition is a transactional send definition.
type Definition struct {
	Key    string `json:"definitionKey"`
	ID     string `json:"definitionId"`
	Name   string `json:"name"`
	Status string `json:"status"` // "Active", "Inactive", "Deleted"
	// Content says what it sends.
	Content struct {
		EmailKey string `json:"customerKey"` // customer key of the email
	} `json:"content"`
}

// Definitions lists the transactional e-mail definitions of the token's business unit.
func (s *Session) Definitions(ctx context.Context) ([]Definition, error) {
	const size = 50
	var all []Definition
	for page := 1; page <= 100; page++ {
		var w struct {
			Definitions []Definition `json:"definitions"`
		}
		target := s.rest + "/messaging/v1/email/definitions?$page=" + strconv.Itoa(page) + "&$pageSize=" + strconv.Itoa(size)
		if err := s.do(ctx, http.MethodGet, target, nil, &w); err != nil {
			return nil, err
		}
		all = append(all, w.Definitions...)
		if len(w.Definitions) < size {
			return all, nil
		}
	}
	return nil, s.c.call.Protocol(http.StatusOK, "the list has more than 100 pages")
}

func (s *Session) do(ctx context.Context, method, target string, in, out any) error {
	r := client.Request{Method: method, URL: target, Header: s.header(), ContentType: "application/json"}
	if in != nil {
		body, err := json.Marshal(in)
		if err != nil {
			return err
		}
		r.Body = body
	}
	a, err := s.c.call.Do(ctx, r)
	if err != nil {
		return err
	}
	if a.Status/100 != 2 {
		return s.refusal(a)
	}
	return s.c.call.JSON(a, out)
}

// refusal reads the REST error {"message","errorcode"} (engagement-wire 4).
func (s *Session) refusal(a *client.Answer) error {
	var w struct {
		Message string      `json:"message"`
		Code    json.Number `json:"errorcode"`
	}
	if a.Type == "application/json" && json.Unmarshal(a.Body, &w) == nil {
		return s.c.call.Refused(a, a.Status, w.Code.String(), w.Message)
	}
	return s.c.call.Refused(a, a.Status, "", "")
}
