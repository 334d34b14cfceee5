package send

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/standing"
)

const (
	// workTimeout bounds the talk with the tenant about one send.
	workTimeout = 60 * time.Second
	// leaseTime is how long after a crash nobody else takes a send over; longer than workTimeout.
	leaseTime = 90 * time.Second
	// heldDoubts is how often a held send is handed the tenant again that does not answer for it; heldPause is before the
	// first time, and doubles: four minutes in all, in which those behind it wait.
	heldDoubts = 7
	heldPause  = 2 * time.Second
	// heldTries is how often a held send is tried of which the org or the tenant cannot be asked: a second after the first
	// time, later each time and at most heldLongest after it, for about a day in all, in which those behind it wait.
	heldTries   = 150
	heldLongest = 10 * time.Minute
)

// Service fires sends and follows them. It is safe for concurrent use.
type Service struct {
	store   Store
	links   *link.Service
	machine clock.Machine
}

// NewService wires the service.
func NewService(store Store, links *link.Service, machine clock.Machine) *Service {
	if machine == nil {
		machine = time.Now
	}
	return &Service{store: store, links: links, machine: machine}
}

// caller runs a function with a session of some user of the tenant.
type caller func(context.Context, link.Link, func(*engagement.Session) error) error

// Trigger sends one definition to one contact, once for each [MessageKey]. It returns the send as recorded: Accepted,
// Sent, NotSent or InDoubt. A contact that cannot be mailed is recorded as Refused and comes back as a fault with its
// code; so does whatever kept the tenant from being asked, and then asking again continues.
func (s *Service) Trigger(ctx context.Context, l link.Link, r Request) (Send, error) {
	if err := r.Check(); err != nil {
		return Send{}, err
	}
	if err := l.Ready(); err != nil {
		return Send{}, err
	}
	interrupted := s.links.Interrupted(l)
	if r.IdempotencyKey != "" { // the same send may be recorded: then the contact's present state changes nothing
		known, err := s.store.Send(ctx, l.Pair, messageKey(l, r, Contact{}))
		switch {
		case err == nil:
			return s.resume(ctx, l, known, nil, s.links.CallTenant)
		case fault.CodeOf(err) != CodeNotFound:
			return Send{}, err
		}
	}
	switch {
	case interrupted != nil && l.Outage.Mode != link.Hold:
		return Send{}, interrupted
	case interrupted != nil:
		return s.hold(ctx, l, r, interrupted)
	}
	contact, err := s.contact(ctx, l, r.ContactID)
	refusal := contact.Mailable()
	if fault.CodeOf(err) == CodeContactNotFound {
		refusal = fault.Of(err)
		contact.ID = r.ContactID
	} else if err != nil {
		return Send{}, err
	}
	now := s.links.Now(l)
	fresh := Send{
		Pair: l.Pair, MessageKey: messageKey(l, r, contact), DefinitionKey: r.DefinitionKey, ContactID: contact.ID,
		Recipient: contact.Email, Status: Queueing, CreatedAt: now, UpdatedAt: now, Lease: s.machine().Add(leaseTime),
	}
	if refusal != nil {
		fresh.Status, fresh.ReasonCode, fresh.Reason, fresh.Lease = Refused, string(refusal.Code), refusal.Message, time.Time{}
	}
	stored, added, err := s.store.AddSend(ctx, fresh)
	if err != nil {
		return Send{}, err
	}
	if !added || stored.Status == Refused {
		return s.resume(ctx, l, stored, &contact, s.links.CallTenant)
	}
	return s.queue(ctx, l, stored, contact, attempt{}, s.links.CallTenant)
}

// Reaches refuses a triggered send that would be refused for its contact as it stands now: there is none, or it has no address or
// opted out. Nothing is sent, nor kept.
func (s *Service) Reaches(ctx context.Context, l link.Link, r Request) error {
	if err := r.Check(); err != nil {
		return err
	}
	contact, err := s.contact(ctx, l, r.ContactID)
	if err != nil {
		return err
	}
	if refusal := contact.Mailable(); refusal != nil {
		return refusal
	}
	return nil
}

// hold records a send for the end of an outage. The org cannot be asked now: a send without an idempotency key is one of
// its own, whatever state the contact is in.
func (s *Service) hold(ctx context.Context, l link.Link, r Request, why error) (Send, error) {
	if r.IdempotencyKey == "" {
		r.IdempotencyKey = "held:" + oauth.NewToken(32)
	}
	now := s.links.Now(l)
	stored, _, err := s.store.AddSend(ctx, Send{
		Pair: l.Pair, MessageKey: messageKey(l, r, Contact{}), DefinitionKey: r.DefinitionKey, ContactID: r.ContactID, Status: Held,
		ReasonCode: string(fault.CodeOf(why)), Reason: fault.Of(why).Message, CreatedAt: now, UpdatedAt: now,
	})
	return stored, err
}

// heldAtOnce is how many held sends of a pair one Release looks at.
const heldAtOnce = 200

// Release sends what was held and is held no more, the oldest first. Where one cannot be tried to the end, that is in the
// error, it is left alone for a while, and those of its pair after it are left for a later call, so that their order stays.
func (s *Service) Release(ctx context.Context) error {
	held, err := s.store.HeldSends(ctx, heldAtOnce)
	if err != nil {
		return err
	}
	waiting := map[string]bool{}
	var failed error
	for i, one := range held {
		if waiting[one.Pair] {
			continue
		}
		l, err := s.links.Link(ctx, one.Pair)
		if err != nil {
			waiting[one.Pair], failed = true, errors.Join(failed, err)
			continue
		}
		if s.links.Interrupted(l) != nil || l.May(standing.DeliverSends) != nil || s.machine().Before(one.NextTry) || s.machine().Before(one.Lease) {
			waiting[one.Pair] = true // the last: another process works on it, or one that died with it
			continue
		}
		now, err := s.resume(ctx, l, one, nil, s.links.CallTenant)
		if err == nil && now.Status == InDoubt && now.Tries >= heldTries {
			err = s.next(ctx, one.Pair, held[i+1:])
		}
		switch {
		case err == nil || now.Status == Refused:
		case fault.CodeOf(err) == CodeInProgress: // another process was first
			waiting[one.Pair] = true
		default:
			waiting[one.Pair], failed = true, errors.Join(failed, err)
		}
	}
	return failed
}

// next leaves the send behind one that was tried for long enough a single try: it has waited as long. behind begins with it, unless
// it is none of those that Release looks at.
func (s *Service) next(ctx context.Context, pair string, behind []Send) error {
	of := func(one Send) bool { return one.Pair == pair }
	i := slices.IndexFunc(behind, of)
	if i < 0 {
		var err error
		if behind, err = s.store.HeldSends(ctx, 1); err != nil {
			return err
		}
		if i = slices.IndexFunc(behind, of); i < 0 {
			return nil
		}
	}
	behind[i].Tries = max(behind[i].Tries, heldTries-1)
	stored, _, err := s.store.UpdateSend(ctx, behind[i]) // lost: somebody else has brought it on
	if err == nil {
		behind[i] = stored
	}
	return err
}

// messageKey is the request's key: the idempotency key makes the occasion, else the contact's state. With an
// idempotency key the record's id is taken as 15 characters, which both forms of the id share.
func messageKey(l link.Link, r Request, c Contact) string {
	occasion := "key:" + r.IdempotencyKey
	if r.IdempotencyKey == "" {
		occasion = "at:" + c.Modstamp
	}
	return MessageKey(l.Pair, r.DefinitionKey, r.ContactID[:15], occasion)
}

// contact reads what the send needs of the contact, as the system user.
func (s *Service) contact(ctx context.Context, l link.Link, id string) (Contact, error) {
	var c Contact
	err := s.links.CallOrg(ctx, l, func(org *crm.Session) error {
		r, err := org.GetRecord(ctx, object(id), id, "Id", "FirstName", "LastName", "Name", "Email", "HasOptedOutOfEmail", "SystemModstamp")
		if fault.CodeOf(err) == client.CodeNotFound {
			return fault.Wrap(err, fault.NotFound, CodeContactNotFound, "The org has no %s %s that the system user may see.", strings.ToLower(object(id)), id)
		}
		if err != nil {
			return err
		}
		c = Contact{
			ID: r.String("Id"), FirstName: r.String("FirstName"), LastName: r.String("LastName"), Name: r.String("Name"),
			Email: r.String("Email"), OptedOut: r.Bool("HasOptedOutOfEmail"), Modstamp: r.String("SystemModstamp"),
		}
		if len(c.ID) != 18 || c.ID[:15] != id[:15] || c.Modstamp == "" {
			return fault.New(fault.Unavailable, client.CodeProtocol, "The org answered with another record than contact %s.", id)
		}
		return nil
	})
	return c, err
}

// resume continues a send that is on record. contact is nil where it was not read yet.
func (s *Service) resume(ctx context.Context, l link.Link, stored Send, contact *Contact, call caller) (Send, error) {
	switch {
	case stored.Status == Refused:
		kind := fault.Conflict
		if stored.ReasonCode == string(CodeContactNotFound) {
			kind = fault.NotFound
		}
		return stored, fault.New(kind, fault.Code(stored.ReasonCode), "%s", stored.Reason)
	case stored.Status.Final() || stored.Status == Accepted:
		return stored, nil
	case stored.Status == Held && (s.links.Interrupted(l) != nil || s.machine().Before(stored.NextTry)): // Release sees to it
		return stored, nil
	case s.machine().Before(stored.Lease):
		return stored, fault.New(fault.Conflict, CodeInProgress, "This send is being queued by another request.")
	}
	if why := s.links.Interrupted(l); why != nil {
		return s.wait(ctx, l, stored, why)
	}
	stored.Lease, stored.NextTry = s.machine().Add(leaseTime), time.Time{}
	claimed, won, err := s.store.UpdateSend(ctx, stored)
	if err != nil {
		return Send{}, err
	}
	if !won {
		return claimed, fault.New(fault.Conflict, CodeInProgress, "This send is being queued by another request.")
	}
	var refusal *fault.Error
	if contact == nil {
		read, err := s.contact(ctx, l, stored.ContactID)
		refusal = read.Mailable()
		if fault.CodeOf(err) == CodeContactNotFound {
			refusal = fault.Of(err)
		} else if err != nil {
			return s.putOff(ctx, l, claimed, err)
		}
		if claimed.Recipient == "" { // held: nobody has looked at the contact yet
			if refusal != nil {
				claimed.Status, claimed.ReasonCode, claimed.Reason = Refused, string(refusal.Code), refusal.Message
				return s.release(ctx, l, claimed, refusal)
			}
			claimed.ContactID, claimed.Recipient = read.ID, read.Email
		}
		contact = &read
	}
	// What was held stays so until it has an end: nobody asks again for it, and should this process die, the next Release does.
	return s.queue(ctx, l, claimed, *contact, attempt{again: true, refusal: refusal}, call)
}

// wait is resume in an outage, of a send that was begun before it and not brought to its end: it is held, or refused, as the
// outage has it. The tenant may have it, and is asked before it is sent again.
func (s *Service) wait(ctx context.Context, l link.Link, stored Send, why error) (Send, error) {
	if l.Outage.Mode != link.Hold {
		return stored, why
	}
	stored.Status, stored.ReasonCode, stored.Reason = Held, string(fault.CodeOf(why)), fault.Of(why).Message
	stored.Lease, stored.UpdatedAt = time.Time{}, s.links.Now(l)
	stored, _, err := s.store.UpdateSend(ctx, stored) // lost: somebody else has brought it on
	return stored, err
}

// attempt says how a send is tried.
type attempt struct {
	again bool // an earlier attempt may have got there
	// refusal is why the contact may not be mailed any more; nil where he may.
	refusal *fault.Error
}

// queue hands a claimed send to the tenant. Where an earlier attempt may have got there, the tenant is asked first; what
// it does not have is not sent to somebody who has opted out since.
func (s *Service) queue(ctx context.Context, l link.Link, claimed Send, c Contact, try attempt, call caller) (Send, error) {
	// The caller may go away; the send is on record and its outcome must be too.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), workTimeout)
	defer cancel()
	posted := false
	err := call(ctx, l, func(tenant *engagement.Session) error {
		if try.again {
			status, err := tenant.MessageStatus(ctx, claimed.MessageKey)
			if err == nil {
				claimed = claimed.observe(status)
				return nil
			}
			if fault.CodeOf(err) != client.CodeNotFound {
				return err
			}
		}
		if try.refusal != nil {
			claimed.Status, claimed.ReasonCode, claimed.Reason = Refused, string(try.refusal.Code), try.refusal.Message
			return nil
		}
		posted = true
		receipt, err := tenant.SendMessage(ctx, claimed.MessageKey, engagement.Message{
			DefinitionKey: claimed.DefinitionKey, ContactKey: claimed.ContactID, To: claimed.Recipient,
			Attributes: map[string]string{"First Name": c.FirstName, "Last Name": c.LastName, "Full Name": c.Name},
		})
		if err == nil {
			claimed.Status, claimed.RequestID, claimed.ReasonCode, claimed.Reason = Accepted, receipt.RequestID, "", ""
			return nil
		}
		if fault.CodeOf(err) == client.CodeUnauthorized {
			posted = false // a dead token: the tenant took nothing, and what comes next is another sign-in
			return err
		}
		// Ask at once: most often the answer alone was lost, or the refusal is that of a key which is used already.
		if client.Unknown(err) || fault.CodeOf(err) == client.CodeRefused {
			status, statusErr := tenant.MessageStatus(ctx, claimed.MessageKey)
			switch {
			case statusErr == nil:
				claimed = claimed.observe(status)
				return nil
			case fault.CodeOf(err) == client.CodeRefused && fault.CodeOf(statusErr) != client.CodeNotFound && fault.CodeOf(statusErr) != client.CodeRefused:
				// Which of the two it is nobody knows. A user who may not even ask was refused for what he is.
				posted = false
				return statusErr
			}
		}
		return err
	})
	switch {
	case err == nil && claimed.Status == Refused:
		return s.release(ctx, l, claimed, try.refusal)
	case err == nil:
	case posted && client.Unknown(err) && claimed.Status == Held && claimed.Doubts < heldDoubts:
		claimed.Doubts++
		return s.leave(ctx, l, claimed, heldPause<<(claimed.Doubts-1), "The tenant may have the message, and is asked again: ", err)
	case posted && client.Unknown(err):
		claimed.Status, claimed.ReasonCode = InDoubt, string(fault.CodeOf(err))
		claimed.Reason = "The tenant may have the message: " + fault.Of(err).Message
	case posted && fault.CodeOf(err) == client.CodeRefused, posted && fault.CodeOf(err) == client.CodeNotFound:
		claimed.Status, claimed.ReasonCode, claimed.Reason = NotSent, "", ""
		if code, reason, ok := Words(err, claimed.DefinitionKey); ok {
			claimed.ReasonCode, claimed.Reason = code, reason
		}
	default: // the tenant surely does not have it, or is asked again first: the next request continues
		return s.putOff(ctx, l, claimed, err)
	}
	return s.finish(ctx, l, claimed)
}

// release gives a claimed send up for the next request and returns cause.
func (s *Service) release(ctx context.Context, l link.Link, claimed Send, cause error) (Send, error) {
	stored, err := s.finish(ctx, l, claimed)
	if err != nil {
		return stored, err
	}
	return stored, cause
}

// putOff gives a claimed send up whose org or tenant could not be asked to the end, and returns cause. The next request continues;
// a held one is left for a later Release, and in doubt once that has tried for long enough.
func (s *Service) putOff(ctx context.Context, l link.Link, claimed Send, cause error) (Send, error) {
	if claimed.Status != Held || errors.Is(context.Cause(ctx), context.Canceled) { // the program stops, which says nothing of the clouds
		return s.release(ctx, l, claimed, cause)
	}
	claimed.Tries++
	if claimed.Tries < heldTries {
		return s.leave(ctx, l, claimed, min(heldLongest, time.Second<<min(claimed.Tries-1, 10)), "It could not be handed over, and is tried again: ", cause)
	}
	claimed.Status = InDoubt
	claimed.ReasonCode, claimed.Reason = fault.Told(cause)
	claimed.Reason = "For a day nobody could ask the tenant whether it has the message, nor hand it over: " + claimed.Reason
	return s.finish(ctx, l, claimed)
}

// leave keeps a held send for a later Release, and returns cause: nobody asks again for it, and its message key makes a repeat
// harmless. The tenant is asked first then.
func (s *Service) leave(ctx context.Context, l link.Link, claimed Send, pause time.Duration, how string, cause error) (Send, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	claimed.Lease, claimed.NextTry, claimed.UpdatedAt = time.Time{}, s.machine().Add(pause), s.links.Now(l)
	claimed.ReasonCode, claimed.Reason = fault.Told(cause)
	claimed.Reason = how + claimed.Reason
	stored, _, err := s.store.UpdateSend(ctx, claimed)
	if err != nil {
		return stored, err
	}
	return stored, cause
}

// finish records the outcome, even where the caller has gone away.
func (s *Service) finish(ctx context.Context, l link.Link, claimed Send) (Send, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	claimed.Lease, claimed.UpdatedAt = time.Time{}, s.links.Now(l)
	stored, _, err := s.store.UpdateSend(ctx, claimed)
	return stored, err
}

// observe takes over what the tenant says about the message.
func (s Send) observe(m engagement.MessageStatus) Send {
	switch m.State {
	case engagement.MessageSent:
		s.Status, s.ReasonCode, s.Reason = Sent, "", ""
	case engagement.MessageNotSent:
		s.Status, s.ReasonCode, s.Reason = NotSent, m.StatusCode, m.StatusMessage
	case engagement.MessageQueued:
		s.Status, s.ReasonCode, s.Reason = Accepted, "", ""
	case engagement.MessageInDoubt:
		s.Status, s.ReasonCode, s.Reason = InDoubt, string(CodeDelivery), "The tenant's mail server may have the mail; the tenant cannot tell."
	}
	return s
}

// Status reads a send. One that may still change is asked for in the tenant first; where that cannot be asked now, as in an
// outage, the send as recorded is returned with the error.
func (s *Service) Status(ctx context.Context, l link.Link, key string) (Send, error) {
	if err := CheckMessageKey(key); err != nil {
		return Send{}, err
	}
	stored, err := s.store.Send(ctx, l.Pair, key)
	if err != nil || stored.Status.Final() || stored.Status == Queueing {
		return stored, err
	}
	if stored.Status == Held {
		return stored, nil // the tenant does not have it, or is asked when it is released
	}
	if err := s.links.Interrupted(l); err != nil {
		return stored, err
	}
	var seen engagement.MessageStatus
	err = s.links.CallTenant(ctx, l, func(tenant *engagement.Session) (err error) {
		seen, err = tenant.MessageStatus(ctx, key)
		return err
	})
	if err != nil {
		return stored, err
	}
	now := stored.observe(seen)
	if now == stored {
		return stored, nil
	}
	return s.finish(ctx, l, now)
}
