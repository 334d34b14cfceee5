package tenant

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// SendCode is a subscriber code of the transactional API (engagement-wire 4): why a message was not sent.
type SendCode int

// The codes that Twinspan gives.
const (
	SendUnsubscribed         SendCode = 1
	SendHeld                 SendCode = 2
	SendMissingAddress       SendCode = 4
	SendInvalidAddress       SendCode = 5
	SendNoListEntry          SendCode = 11
	SendAddressMismatch      SendCode = 14
	SendUnspecified          SendCode = 15
	SendMissingRequiredField SendCode = 19
	SendInvalidFieldValue    SendCode = 20
)

// String is the documented name of the code.
func (c SendCode) String() string {
	switch c {
	case SendUnsubscribed:
		return "Unsubscribed"
	case SendHeld:
		return "Held"
	case SendMissingAddress:
		return "MissingEmailAddress"
	case SendInvalidAddress:
		return "InvalidEmailAddress"
	case SendNoListEntry:
		return "NoAllSubscribersListEntry"
	case SendAddressMismatch:
		return "EmailAddressMismatch"
	case SendUnspecified:
		return "UnspecifiedError"
	case SendMissingRequiredField:
		return "MissingRequiredFields"
	case SendInvalidFieldValue:
		return "InvalidFieldValue"
	}
	return "Code" + strconv.Itoa(int(c))
}

// Delivery is all that decides whether and how one message goes out, as read at one moment.
type Delivery struct {
	Message    Message
	Definition Definition
	Email      Email
	HasEmail   bool
	Subscriber Subscriber
	HasEntry   bool // whether Subscriber is on All Subscribers
	// ListStatus is the subscriber's standing on the list of the message; "" where he is not on it, or where the message
	// goes to nobody's list but All Subscribers.
	ListStatus SubscriberStatus
	Commercial bool // whether the send classification is a commercial one
	Senders    []VerifiedSender
	AnySender  bool   // the tenant may send from addresses that nobody has verified
	TenantName string // name of the enterprise
	Links      Links  // how the message reports back; the zero value for not at all
}

// Outgoing is a message ready for the mail server.
type Outgoing struct {
	FromName    string
	FromAddress string
	To          string
	MessageID   string // without angle brackets; the same for every attempt (RFC 5322 section 3.6.4)
	ReturnPath  string // where bounces go; "" for the From address
	// Headers are further headers: List-Unsubscribe and its one-click form (RFC 2369, RFC 8058).
	Headers map[string]string
	Rendered
}

// Refusal is why a message is not sent.
type Refusal struct {
	Code SendCode
	Text string // one sentence
}

// Verdict is what to do with a message: hold it for its definition, refuse it, or hand Mail to the mail server.
type Verdict struct {
	Hold    bool
	Refusal *Refusal
	Mail    Outgoing
}

// Decide is the rule of sending: it looks at the definition, the sender, the subscriber and the address as they are now,
// which may be other than at acceptance. An unsubscribed or held subscriber gets nothing, whatever the classification.
func (d Delivery) Decide(now time.Time) Verdict {
	refuse := func(code SendCode, format string, args ...any) Verdict {
		return Verdict{Refusal: &Refusal{Code: code, Text: fmt.Sprintf(format, args...)}}
	}
	m := d.Message
	switch d.Definition.Status {
	case DefinitionActive:
	case DefinitionInactive:
		if now.Sub(m.Accepted) <= HoldLimit {
			return Verdict{Hold: true}
		}
		return refuse(SendUnspecified, "The definition was inactive for more than three days.")
	default:
		return refuse(SendUnspecified, "The definition is %s.", strings.ToLower(string(d.Definition.Status)))
	}
	if now.Sub(m.Accepted) > HoldLimit && m.Holds > 0 {
		return refuse(SendUnspecified, "The definition was inactive for more than three days.")
	}
	if !d.HasEmail {
		return refuse(SendUnspecified, "The email of the definition does not exist.")
	}
	name, address := d.Definition.FromName, d.Definition.FromAddress
	if m.FromAddress != "" {
		name, address = m.FromName, m.FromAddress
	} else if m.FromName != "" {
		name = m.FromName
	}
	from, ok := fromFor(d.Senders, d.AnySender, name, address)
	if !ok {
		return refuse(SendInvalidFieldValue, "The From address does not belong to a verified sender.")
	}
	switch {
	case m.To == "":
		return refuse(SendMissingAddress, "The recipient has no address.")
	case !ValidAddress(m.To):
		return refuse(SendInvalidAddress, "The recipient's address is not valid.")
	case !d.HasEntry:
		return refuse(SendNoListEntry, "The recipient is not on the All Subscribers list.")
	case d.Subscriber.Status == SubscriberUnsubscribed:
		return refuse(SendUnsubscribed, "The subscriber is unsubscribed.")
	case d.Subscriber.Status == SubscriberHeld:
		return refuse(SendHeld, "The subscriber is held.")
	case m.ListID != 0 && d.ListStatus == "":
		return refuse(SendNoListEntry, "The recipient is not on the list of the send.")
	case d.ListStatus == SubscriberUnsubscribed:
		return refuse(SendUnsubscribed, "The subscriber is unsubscribed from the list of the send.")
	case d.ListStatus == SubscriberHeld:
		return refuse(SendHeld, "The subscriber is held on the list of the send.")
	case !d.Definition.AutoUpdate && !strings.EqualFold(d.Subscriber.Address, m.To):
		return refuse(SendAddressMismatch, "The subscriber has another address.")
	}
	out := Outgoing{
		FromName: from.FromName, FromAddress: from.Domain, To: m.To,
		MessageID:  m.ID + "@" + Domain(from.Domain),
		ReturnPath: d.Links.ReturnPath(MessageRef{m.Tenant, m.ID}, Domain(from.Domain)),
		Rendered:   d.Email.Render(d.values(now)),
	}
	d.track(&out)
	if strings.TrimSpace(out.Subject) == "" {
		return refuse(SendMissingRequiredField, "The subject is empty after personalisation.")
	}
	return Verdict{Mail: out}
}

// track puts the links into a rendered message by which it reports back. Transactional mail names no one-click
// unsubscription: it is what the recipient asked for.
func (d Delivery) track(out *Outgoing) {
	ref := MessageRef{d.Message.Tenant, d.Message.ID}
	leave := d.Links.URL(LinkUnsubscribe, ref, "")
	if leave == "" {
		return
	}
	if d.Definition.TrackLinks {
		out.HTML = wrapLinks(out.HTML, func(target string) string {
			if strings.HasPrefix(target, d.Links.Base+"/") {
				return "" // ours already
			}
			return d.Links.URL(LinkClick, ref, target)
		})
	}
	out.HTML = withPixel(out.HTML, d.Links.URL(LinkOpen, ref, ""))
	if d.Commercial {
		out.Headers = map[string]string{"List-Unsubscribe": "<" + leave + ">", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
	}
}

// fromFor picks the name and address that the mail is from: the address given where a sender covers it or any may be used, else, for "", the
// default sender. In the result Domain holds the whole address.
func fromFor(senders []VerifiedSender, anySender bool, name, address string) (VerifiedSender, bool) {
	if address != "" {
		if !ValidAddress(address) || !anySender && !MaySend(senders, address) {
			return VerifiedSender{}, false
		}
		return VerifiedSender{FromName: name, Domain: address}, true
	}
	for _, s := range senders {
		if s.Default && s.Kind == SenderUser && s.Sendable {
			if name == "" {
				name = s.FromName
			}
			return VerifiedSender{FromName: name, Domain: s.Domain}, true
		}
	}
	return VerifiedSender{}, false
}

// values resolves personalisation strings: the attributes of the request, then the subscriber's profile attributes, then
// the system's strings. A name is looked up as written and then without blanks and underscores, so that an email with
// %%First Name%% takes a CRM's FirstName.
func (d Delivery) values(now time.Time) func(string) string {
	m := d.Message
	known := map[string]string{
		"emailaddr": m.To, "email address": m.To, "emailaddress": m.To,
		"subscriberkey": m.SubscriberKey, "_subscriberkey": m.SubscriberKey,
		"_messagekey":    m.Key,
		"member_busname": d.TenantName,
		"xtmonth":        now.Format("January"),
		"xtmonthnumeric": now.Format("1"),
		"xtday":          now.Format("2"),
		"xtdayofweek":    now.Format("Monday"),
		"xtyear":         now.Format("2006"),
		"xtshortdate":    now.Format("1/2/2006"),
		"xtlongdate":     now.Format("Monday, January 2, 2006"),
	}
	for _, attributes := range []map[string]string{d.Subscriber.Attributes, m.Attributes} {
		for _, name := range AttributeNames(attributes) {
			lower := strings.ToLower(name)
			known[bare(lower)] = attributes[name]
			known[lower] = attributes[name]
		}
	}
	// Nobody who fills in an attribute says where one unsubscribes. There is one list, so leaving it is all that a
	// subscription or profile centre could offer.
	leave := d.Links.URL(LinkUnsubscribe, MessageRef{m.Tenant, m.ID}, "")
	known["unsub_center_url"], known["subscription_center_url"], known["profile_center_url"] = leave, leave, leave
	return func(name string) string {
		if v, ok := known[name]; ok {
			return v
		}
		return known[bare(name)]
	}
}

// bare is an attribute name without blanks and underscores.
func bare(name string) string {
	return strings.NewReplacer(" ", "", "_", "").Replace(name)
}

// Outcome is how one attempt ended.
type Outcome struct {
	State  MessageState
	Code   SendCode
	Text   string
	Bounce *Bounce // of a message that the mail server did not want for its recipient; nil else
}

// DeliveryStore is what the sender needs of the store.
type DeliveryStore interface {
	// LoadDelivery reads the message with all that decides about it. A message that is gone is a NotFound fault with
	// CodeNoMessage.
	LoadDelivery(ctx context.Context, tenant EID, messageID string) (Delivery, error)
	// BeginAttempt marks a queued message as being handed over, durably and before the first byte, and returns the
	// number of the attempt; false when the message is no longer queued.
	BeginAttempt(ctx context.Context, tenant EID, messageID string) (int, bool, error)
	// Settle records how the attempt ended. It reports false when another attempt has begun since or the end is known
	// already.
	Settle(ctx context.Context, tenant EID, messageID string, attempt int, o Outcome, now time.Time) (bool, error)
	// Refuse records that a queued message is not sent; false when it is no longer queued.
	Refuse(ctx context.Context, tenant EID, messageID string, r Refusal, now time.Time) (bool, error)
	// Hold lets a queued message wait for its definition; false when the definition is no longer inactive or the message
	// no longer queued, so that the caller decides anew.
	Hold(ctx context.Context, tenant EID, messageID, definitionID string) (bool, error)
	// ReleaseHeld gives jobs to at most limit messages that wait for the definition and returns how many it found.
	ReleaseHeld(ctx context.Context, tenant EID, definitionID string, limit int) (int, error)
	// Discard refuses at most limit of the definition's queued messages, waiting or not, that were accepted by until,
	// and returns how many it found.
	Discard(ctx context.Context, tenant EID, definitionID string, until time.Time, r Refusal, limit int, now time.Time) (int, error)
}

// DefinitionRef names a definition.
type DefinitionRef struct {
	Tenant EID
	ID     string // GUID
}

// ForsakenStore finds messages that would never have an end because nothing works on them.
type ForsakenStore interface {
	// HeldSince tells of each tenant with messages that wait for a definition when the oldest of them was accepted.
	HeldSince(ctx context.Context) (map[EID]time.Time, error)
	// ReleaseOlder gives jobs to at most limit waiting messages that were accepted before the time given and returns
	// how many it found.
	ReleaseOlder(ctx context.Context, tenant EID, before time.Time, limit int) (int, error)
	// Stranded reads the definitions that are not inactive and for which messages wait all the same.
	Stranded(ctx context.Context) ([]DefinitionRef, error)
	// Revive gives jobs to messages, at most a few thousand, that are queued or being sent, do not wait for a definition
	// and have no job, and returns how many it found.
	Revive(ctx context.Context) (int, error)
}
