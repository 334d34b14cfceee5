package tenant

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
)

// CodeNotInDoubt: the message is not in doubt, so there is nothing to decide.
const CodeNotInDoubt fault.Code = "not_in_doubt"

// CodeInvalidState: there is no message state of the name.
const CodeInvalidState fault.Code = "invalid_state"

// SendList reads messages by their state, and takes decisions about those in doubt.
type SendList interface {
	// MessagesIn reads the business unit's messages in a state by id, those after the one given, at most limit.
	MessagesIn(ctx context.Context, tenant EID, mid MID, state MessageState, after string, limit int) ([]Message, error)
	// DecideDoubt makes a message in doubt sent, with its event, or queued, with its job; false where it is not in doubt.
	// A message that is gone is a NotFound fault with CodeNoMessage.
	DecideDoubt(ctx context.Context, tenant EID, mid MID, key string, again bool, text string, now time.Time) (bool, error)
}

// Decisions are the service by which people look through messages and decide about those in doubt: nobody else can know
// whether the mail server took them.
type Decisions struct {
	Store SendList
	// Now tells the tenant's domain time.
	Now func(EID) time.Time
}

// List reads messages in a state, "" for those in doubt.
func (s *Decisions) List(ctx context.Context, p Principal, state MessageState, after string, limit int) ([]Message, error) {
	if err := mayRead(p, ScopeEmailRead, ScopeEmailSend); err != nil {
		return nil, err
	}
	switch state {
	case "":
		state = MessageInDoubt
	case MessageQueued, MessageSending, MessageSent, MessageNotSent, MessageInDoubt:
	default:
		return nil, fault.New(fault.Invalid, CodeInvalidState, "There is no message state %q.", clip(string(state))).In("state")
	}
	return s.Store.MessagesIn(ctx, p.Tenant, p.MID, state, after, limit)
}

// Decide takes a message out of doubt: it counts as sent, or is sent again with the same Message-ID, whereupon the
// recipient may have it twice.
func (s *Decisions) Decide(ctx context.Context, p Principal, key string, again bool) error {
	if err := mayWrite(p, ScopeEmailSend); err != nil {
		return err
	}
	text := "Said to have been sent by " + p.Username + "."
	if again {
		text = "Sent again by " + p.Username + "."
	}
	done, err := s.Store.DecideDoubt(ctx, p.Tenant, p.MID, key, again, text, s.Now(p.Tenant))
	if err == nil && !done {
		return fault.New(fault.Conflict, CodeNotInDoubt, "The message is not in doubt.")
	}
	return err
}
