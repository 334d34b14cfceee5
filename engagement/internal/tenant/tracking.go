package tenant

import (
	"context"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
)

// ScopeTrackingRead lets a token read events (engagement-wire 2.7).
const ScopeTrackingRead = "tracking_events_read"

// EventKind is what happened to a message.
type EventKind string

// The kinds. Messages that were not sent have no event here: they are found by their state.
const (
	EventSent        EventKind = "Sent"
	EventOpen        EventKind = "Open"
	EventClick       EventKind = "Click"
	EventBounce      EventKind = "Bounce"
	EventUnsubscribe EventKind = "Unsubscribe"
)

// BounceKind says what a bounce tells about the address.
type BounceKind string

// The kinds. Only a hard one says that the address is bad; a soft one is passing (a full mailbox, a server that stayed
// away), a block is the other side's policy.
const (
	BounceHard  BounceKind = "Hard"
	BounceSoft  BounceKind = "Soft"
	BounceBlock BounceKind = "Block"
)

// Bounce is a message that came back.
type Bounce struct {
	Kind   BounceKind
	Code   string // enhanced status (RFC 3463) such as 5.1.1, or SMTP's three digits
	Reason string // the mail server's words, one line
}

// BounceOf tells the kind of a bounce from its code: RFC 3463 has policy at X.7 and mailboxes that are full or off at X.2.
func BounceOf(code, reason string) Bounce {
	b := Bounce{Kind: BounceHard, Code: code, Reason: clipReason(reason)}
	switch {
	case strings.HasPrefix(code, "4"):
		b.Kind = BounceSoft
	case strings.HasPrefix(code, "5.7"), strings.HasPrefix(code, "5.6"):
		b.Kind = BounceBlock
	case code == "5.2.2", code == "5.2.3", strings.HasPrefix(code, "5.3"), strings.HasPrefix(code, "5.4"):
		b.Kind = BounceSoft
	}
	return b
}

func clipReason(s string) string {
	s = oneLine(strings.ToValidUTF8(s, ""))
	if len(s) > 500 {
		s = strings.ToValidUTF8(s[:500], "")
	}
	return s
}

// Rules of held subscribers: the third hard bounce without a sign of life between, at least fifteen days after the first.
const (
	heldBounces = 3
	heldAfter   = 15 * 24 * time.Hour
)

// StatusAfterBounce is the standing of a subscriber whose mail has bounced hard now. Earlier are the times of the hard
// bounces since the last open or click, oldest first. Who has unsubscribed stays so.
func StatusAfterBounce(status SubscriberStatus, earlier []time.Time, now time.Time) SubscriberStatus {
	switch {
	case status == SubscriberUnsubscribed, status == SubscriberHeld:
		return status
	case len(earlier)+1 >= heldBounces && now.Sub(earlier[0]) >= heldAfter:
		return SubscriberHeld
	}
	return SubscriberBounced
}

// MaxEvents is how many opens, and how many clicks, are kept of one message: whoever has a link could ask for it for ever.
const MaxEvents = 100

// Event is one thing that happened to a message.
type Event struct {
	MessageRef
	Kind   EventKind
	URL    string // of a click
	Bounce Bounce // of a bounce
	At     time.Time
}

// TrackingStore keeps events. A message that is gone is a NotFound fault with CodeNoMessage.
type TrackingStore interface {
	// MessageByID reads one message.
	MessageByID(ctx context.Context, m MessageRef) (Message, error)
	// AddEvent keeps an open or a click, unless the message has MaxEvents of the kind, and makes a subscriber who was
	// Bounced Active again: somebody reads there.
	AddEvent(ctx context.Context, e Event) error
	// AddBounce keeps the message's first bounce and, where it is a hard one, the subscriber's new standing; false where
	// the message has bounced before.
	AddBounce(ctx context.Context, e Event) (bool, error)
	// Unsubscribe sets the message's subscriber to Unsubscribed and keeps the event; false where he was or is gone.
	Unsubscribe(ctx context.Context, e Event) (bool, error)
}

// Tracking takes what messages report back. Its callers are not signed in: the link says who they are.
type Tracking struct {
	Store TrackingStore
	Links Links
	// Now tells the tenant's domain time.
	Now func(EID) time.Time
}

// Opened notes that the message was shown.
func (t *Tracking) Opened(ctx context.Context, token string) error {
	m, err := t.Links.Read(LinkOpen, token, "")
	if err != nil {
		return err
	}
	return t.Store.AddEvent(ctx, Event{MessageRef: m, Kind: EventOpen, At: t.Now(m.Tenant)})
}

// Clicked notes that a link of the message was followed. It returns the target, which is to be gone to even where noting
// failed; "" where the link is not ours.
func (t *Tracking) Clicked(ctx context.Context, token, target string) (string, error) {
	m, err := t.Links.Read(LinkClick, token, target)
	if err != nil || !webAddress(target) {
		return "", fault.New(fault.NotFound, CodeBadLink, "This link is not one of ours.")
	}
	return target, t.Store.AddEvent(ctx, Event{MessageRef: m, Kind: EventClick, URL: target, At: t.Now(m.Tenant)})
}

// Leaving tells whom an unsubscribe link is about, for the page that asks.
func (t *Tracking) Leaving(ctx context.Context, token string) (Message, error) {
	m, err := t.Links.Read(LinkUnsubscribe, token, "")
	if err != nil {
		return Message{}, err
	}
	return t.Store.MessageByID(ctx, m)
}

// Unsubscribe takes the message's subscriber off; doing it again changes nothing.
func (t *Tracking) Unsubscribe(ctx context.Context, token string) (Message, error) {
	m, err := t.Leaving(ctx, token)
	if err != nil {
		return m, err
	}
	_, err = t.Store.Unsubscribe(ctx, Event{MessageRef: MessageRef{m.Tenant, m.ID}, Kind: EventUnsubscribe, At: t.Now(m.Tenant)})
	return m, err
}

// Returned notes a bounce that came back to the address by mail; false where the address names no message.
func (t *Tracking) Returned(ctx context.Context, address string, b Bounce) (bool, error) {
	m, ok := t.Links.ReadReturn(address)
	if !ok {
		return false, nil
	}
	_, err := t.Store.AddBounce(ctx, Event{MessageRef: m, Kind: EventBounce, Bounce: b, At: t.Now(m.Tenant)})
	if fault.CodeOf(err) == CodeNoMessage {
		return false, nil
	}
	return true, err
}
