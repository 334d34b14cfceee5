package tenant

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
)

// Limits of one send request.
const (
	// MaxRecipients is how many recipients one request may name (code 109101 above it).
	MaxRecipients = 2000
	// acceptBatch is how many recipients one transaction takes: each costs about four rows, and a transaction stays
	// below 200 of them (DESIGN 5.5).
	acceptBatch = 50
	// HoldLimit is how long a message waits for its inactive definition to become active (engagement-wire 4).
	HoldLimit = 72 * time.Hour
)

// Codes of the faults that sends raise.
const (
	CodeNoRecipients      fault.Code = "no_recipients"
	CodeTooManyRecipients fault.Code = "too_many_recipients"
	// CodeMissingTo and CodeMissingContactKey: a recipient without an address or key.
	CodeMissingTo         fault.Code = "missing_to"
	CodeMissingContactKey fault.Code = "missing_contact_key"
	// CodeInvalidMessageKey: a message key that is too long or holds control characters.
	CodeInvalidMessageKey fault.Code = "invalid_message_key"
	// CodeMessageKeyTaken: the key names an earlier message of the business unit.
	CodeMessageKeyTaken fault.Code = "message_key_taken"
	// CodeNoMessage: no message has the key.
	CodeNoMessage fault.Code = "no_message"
	// CodeMayNotGet: a recipient who is unsubscribed or held, or not on the list of the send.
	CodeMayNotGet fault.Code = "may_not_get"
)

// MessageState is where a message is on its way.
//
//	queued --> sending --> sent
//	  ^  \        | \----> in_doubt --(the same attempt learns the end)--> sent | not_sent
//	  |   \       v
//	  |    \   not_sent
//	  \-----\-----/ (temporary failure: back to queued, then tried again)
type MessageState string

// The states. Sent, not sent and in doubt are final for the queue: nothing sends the message again.
const (
	MessageQueued  MessageState = "queued"
	MessageSending MessageState = "sending"
	MessageSent    MessageState = "sent"
	MessageNotSent MessageState = "not_sent"
	MessageInDoubt MessageState = "in_doubt"
)

// Message is one email to one recipient, from acceptance on.
type Message struct {
	Tenant        EID
	MID           MID
	ID            string // GUID: REST's recipientSendId, local part of the Message-ID
	RequestID     string // GUID of the request that was accepted first
	Key           string // REST's messageKey, unique in the business unit without regard to case
	DefinitionID  string
	DefinitionKey string
	SubscriberKey string // REST's contactKey
	To            string
	FromName      string // overrides the definition's where not ""
	FromAddress   string // overrides the definition's where not ""
	Attributes    map[string]string
	ListID        int64 // the list that the recipient is a member of; 0 for All Subscribers
	SendID        int64 // the EmailSend that the message is of; 0 for a triggered one
	State         MessageState
	Code          SendCode // why not sent; 0 else
	Text          string   // for people; names no secret
	EventID       int64    // place among the tenant's not-sent events; 0 for others
	Attempt       int      // how often handing over to the mail server was begun
	Holds         int      // how often it had to wait for its inactive definition
	Accepted      time.Time
	Changed       time.Time
}

// SendRequest asks for one email to each recipient.
type SendRequest struct {
	DefinitionKey string // or
	DefinitionID  string // GUID
	RequestID     string // GUID; "" for a fresh one
	// QueueInactive accepts messages of an inactive definition and holds them, as the transactional API does; the older
	// APIs refuse them.
	QueueInactive bool
	// Screen refuses recipients at once to whom, as things are now, nothing would be sent; else each gets a message that
	// tells so later.
	Screen     bool
	Recipients []Recipient
}

// Recipient is one recipient of a request.
type Recipient struct {
	MessageKey  string // "" for a fresh GUID
	ContactKey  string
	To          string
	FromName    string // overrides the definition's
	FromAddress string // overrides the definition's; must be a verified sender too
	Attributes  map[string]string
}

// Receipt tells what became of a request. Results stand in the order of its recipients.
type Receipt struct {
	RequestID string
	Results   []RecipientResult
}

// Failed counts the recipients that were refused.
func (r Receipt) Failed() int {
	n := 0
	for _, res := range r.Results {
		if res.Err != nil {
			n++
		}
	}
	return n
}

// RecipientResult is what became of one recipient: a message that is now queued, or a refusal.
type RecipientResult struct {
	Message Message
	Err     *fault.Error
}

// Accepted is a message as the store holds it after acceptance; Fresh is false when an earlier request stored it under
// the same key.
type Accepted struct {
	Message Message
	Fresh   bool
}

// SendStore keeps messages.
type SendStore interface {
	DefinitionByKey(ctx context.Context, tenant EID, mid MID, key string) (Definition, error)
	DefinitionByID(ctx context.Context, tenant EID, mid MID, id string) (Definition, error)
	// SendersFor reads the verified senders of the tenant that could cover the address: that address, its domain, and
	// the default sender.
	SendersFor(ctx context.Context, tenant EID, address string) ([]VerifiedSender, error)
	// AcceptMessages stores each message whose key is free in its business unit, with the subscriber it makes or updates
	// by the definition's rules and with the job that delivers it, all in one transaction; where the key is taken it
	// returns the message that has it.
	AcceptMessages(ctx context.Context, d Definition, messages []Message) ([]Accepted, error)
	// Standing reads the subscriber and, on a list that is not All Subscribers, his status there, "" where he is not on it.
	// A missing subscriber is a NotFound fault with CodeNoSubscriber.
	Standing(ctx context.Context, d Definition, key string) (Subscriber, SubscriberStatus, error)
	// MessageByKey reads one message; none is a NotFound fault with CodeNoMessage.
	MessageByKey(ctx context.Context, tenant EID, mid MID, key string) (Message, error)
	// NotSent reads messages that were not sent, in the order of their events, those after the event given.
	NotSent(ctx context.Context, tenant EID, mid MID, after int64, limit int) ([]Message, error)
}

// Sends is the service that accepts sends and tells what became of them.
type Sends struct {
	Store SendStore
	// Policy says which tenants may send from any address; nil is none.
	Policy SenderPolicy
	// Now tells the tenant's domain time.
	Now func(EID) time.Time
}

// Accept takes the request: when it returns, every recipient without an error in the receipt has a durable message that
// will be tried. The whole request is refused with an error when the caller, the definition or the sender is wrong; a
// recipient alone is refused in the receipt, as one whose message key was used before.
func (s *Sends) Accept(ctx context.Context, p Principal, r SendRequest) (Receipt, error) {
	if err := mayWrite(p, ScopeEmailSend); err != nil {
		return Receipt{}, err
	}
	switch {
	case len(r.Recipients) == 0:
		return Receipt{}, fault.New(fault.Invalid, CodeNoRecipients, "The request names no recipient.")
	case len(r.Recipients) > MaxRecipients:
		return Receipt{}, fault.New(fault.Invalid, CodeTooManyRecipients, "A request may name at most %d recipients.", MaxRecipients)
	}
	d, err := s.usable(ctx, p, r)
	if err != nil {
		return Receipt{}, err
	}
	receipt := Receipt{RequestID: r.RequestID, Results: make([]RecipientResult, len(r.Recipients))}
	if receipt.RequestID == "" {
		receipt.RequestID = NewGUID()
	}
	now := s.Now(p.Tenant)
	var batch []Message
	var places []int
	flush := func() {
		accepted, err := s.Store.AcceptMessages(ctx, d, batch)
		for i, place := range places {
			if err != nil {
				receipt.Results[place].Err = fault.Of(err)
				continue
			}
			receipt.Results[place] = answer(batch[i], accepted[i])
		}
		batch, places = batch[:0], places[:0]
	}
	for i, rcpt := range r.Recipients {
		m, err := s.message(ctx, d, rcpt)
		if err == nil && r.Screen {
			err = s.screen(ctx, d, m)
		}
		if err != nil {
			receipt.Results[i] = RecipientResult{Message: m, Err: fault.Of(err)}
			continue
		}
		m.RequestID, m.Accepted, m.Changed = receipt.RequestID, now, now
		receipt.Results[i].Message = m
		batch, places = append(batch, m), append(places, i)
		if len(batch) == acceptBatch {
			flush()
		}
	}
	if len(batch) > 0 {
		flush()
	}
	// A failure of the store that hit everybody is the request's own.
	if first := receipt.Results[0].Err; receipt.Failed() == len(receipt.Results) && first.Kind == fault.Internal {
		return Receipt{}, first
	}
	return receipt, nil
}

// answer turns what the store holds into a result. A used key is refused, whatever it was used for: who does not know
// whether an earlier request arrived asks for the message by its key.
func answer(asked Message, got Accepted) RecipientResult {
	if !got.Fresh {
		return RecipientResult{Message: asked, Err: fault.New(fault.Conflict, CodeMessageKeyTaken, "The message key has been used already.")}
	}
	return RecipientResult{Message: got.Message}
}

// usable finds the definition that the request names and checks that it may be fired now.
func (s *Sends) usable(ctx context.Context, p Principal, r SendRequest) (Definition, error) {
	d, err := s.definition(ctx, p, r)
	if err != nil {
		return d, err
	}
	if d.Status != DefinitionActive && (!r.QueueInactive || d.Status != DefinitionInactive) {
		return d, fault.New(fault.Conflict, CodeDefinitionInactive, "The triggered send definition %s is not active.", d.Key)
	}
	return d, s.checkSender(ctx, d, d.FromAddress)
}

// definition finds the definition that the request names.
func (s *Sends) definition(ctx context.Context, p Principal, r SendRequest) (Definition, error) {
	if r.DefinitionID != "" {
		return s.Store.DefinitionByID(ctx, p.Tenant, p.MID, r.DefinitionID)
	}
	return s.Store.DefinitionByKey(ctx, p.Tenant, p.MID, r.DefinitionKey)
}

// checkSender refuses a From address that no verified sender covers; "" stands for the default sender.
func (s *Sends) checkSender(ctx context.Context, d Definition, address string) error {
	senders, err := s.Store.SendersFor(ctx, d.Tenant, address)
	if err != nil {
		return err
	}
	anySender, err := s.Policy.anySender(ctx, d.Tenant)
	if err != nil {
		return err
	}
	if _, ok := fromFor(senders, anySender, d.FromName, address); !ok {
		return fault.New(fault.Conflict, CodeUnverifiedSender, "The From address of the send does not belong to a verified sender.")
	}
	return nil
}

// message makes the message for one recipient; its error is the recipient's own. It always returns the keys, so that a
// refusal can be matched to its recipient.
func (s *Sends) message(ctx context.Context, d Definition, r Recipient) (Message, error) {
	m := Message{
		Tenant: d.Tenant, MID: d.MID, ID: NewGUID(), Key: r.MessageKey, DefinitionID: d.ID, DefinitionKey: d.Key,
		SubscriberKey: r.ContactKey, To: r.To, FromName: r.FromName, FromAddress: r.FromAddress,
		Attributes: r.Attributes, State: MessageQueued,
	}
	if m.Key == "" {
		m.Key = m.ID
	}
	switch {
	case len(m.Key) > MaxKey || oneLine(m.Key) != m.Key:
		return m, fault.New(fault.Invalid, CodeInvalidMessageKey, "A message key is one line of at most %d bytes.", MaxKey).In("messageKey")
	case r.To == "":
		return m, fault.New(fault.Invalid, CodeMissingTo, "The recipient has no address.").In("to")
	case r.ContactKey == "":
		return m, fault.New(fault.Invalid, CodeMissingContactKey, "The recipient has no contact key.").In("contactKey")
	case len(r.ContactKey) > MaxSubscriberKey || oneLine(r.ContactKey) != r.ContactKey:
		return m, fault.New(fault.Invalid, CodeInvalidSubscriber, "A contact key is one line of at most %d bytes.", MaxSubscriberKey).In("contactKey")
	case len(r.To) > 254 || hasNUL(r.To):
		return m, fault.New(fault.Invalid, CodeInvalidSubscriber, "An address has at most 254 bytes.").In("to")
	case oneLine(r.FromName) != r.FromName || len(r.FromName) > 130:
		return m, fault.New(fault.Invalid, CodeInvalidSubscriber, "A From name is one line of at most 130 bytes.").In("From")
	}
	if err := ValidAttributes(r.Attributes); err != nil {
		return m, err
	}
	if r.FromAddress != "" {
		return m, s.checkSender(ctx, d, r.FromAddress)
	}
	return m, nil
}

// screen refuses a recipient as [Delivery.Decide] would do it now.
func (s *Sends) screen(ctx context.Context, d Definition, m Message) error {
	if !ValidAddress(m.To) {
		return fault.New(fault.Invalid, CodeInvalidSubscriber, "The recipient's address is not valid.").In("EmailAddress")
	}
	sub, onList, err := s.Store.Standing(ctx, d, m.SubscriberKey)
	if fault.CodeOf(err) == CodeNoSubscriber {
		if d.AutoAdd {
			return nil // he is added as Active
		}
		return fault.Wrap(err, fault.Conflict, CodeMayNotGet, "The recipient is not on the All Subscribers list.")
	}
	if err != nil {
		return err
	}
	all := strings.EqualFold(d.ListKey, AllSubscribers)
	for _, status := range []SubscriberStatus{sub.Status, onList} {
		switch status {
		case SubscriberUnsubscribed:
			return fault.New(fault.Conflict, CodeMayNotGet, "The subscriber is unsubscribed.")
		case SubscriberHeld:
			return fault.New(fault.Conflict, CodeMayNotGet, "The subscriber is held.")
		}
	}
	if !all && onList == "" && !d.AutoAdd {
		return fault.New(fault.Conflict, CodeMayNotGet, "The recipient is not on the list of the send.")
	}
	if !d.AutoUpdate && !strings.EqualFold(sub.Address, m.To) {
		return fault.New(fault.Conflict, CodeMayNotGet, "The subscriber has another address.")
	}
	return nil
}

// Message tells what became of the message with the key.
func (s *Sends) Message(ctx context.Context, p Principal, key string) (Message, error) {
	if err := mayRead(p, ScopeEmailRead, ScopeEmailSend); err != nil {
		return Message{}, err
	}
	return s.Store.MessageByKey(ctx, p.Tenant, p.MID, key)
}

// NotSent lists messages that were not sent, after the event given, at most limit.
func (s *Sends) NotSent(ctx context.Context, p Principal, after int64, limit int) ([]Message, error) {
	if err := mayRead(p, ScopeEmailRead, ScopeEmailSend); err != nil {
		return nil, err
	}
	return s.Store.NotSent(ctx, p.Tenant, p.MID, after, limit)
}

// NewGUID returns a random GUID (RFC 9562 section 5.4) in lower case with hyphens.
func NewGUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand since Go 1.24)
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}
