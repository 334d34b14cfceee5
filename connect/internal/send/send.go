// Package send fires triggered sends to CRM contacts: it reads the contact from the org, queues one message in the
// tenant under a key that is the same however often the same send is asked for, and keeps every send with its outcome.
//
//	held -> accepted        asked for in an outage of the connection that holds sends; released in order afterwards. Where a
//	                        cloud cannot be asked, later each time
//	     -> in_doubt        for a day nobody could
//	refused                 the contact cannot be mailed; nothing left Connect
//	queueing -> accepted    the tenant queued it -> sent, or not_sent
//	         -> not_sent    the tenant refused it
//	         -> in_doubt    the tenant may have it -> accepted, sent, not_sent, once the tenant answers;
//	                        or its mail server may have the mail, which nobody can tell: then it stays
//	         -> queueing    the tenant surely does not have it; asking again continues
package send

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
)

// Codes of the faults that this package returns; the first group are also the reasons of refused sends.
const (
	CodeContactNotFound fault.Code = "contact_not_found"
	CodeNoEmail         fault.Code = "no_email"
	CodeOptedOut        fault.Code = "opted_out"

	CodeNotFound      fault.Code = "not_found"
	CodeBadContact    fault.Code = "invalid_contact_id"
	CodeBadDefinition fault.Code = "invalid_definition_key"
	CodeInProgress    fault.Code = "send_in_progress"

	// CodeDelivery is the reason of a send whose mail the tenant handed over without learning what became of it.
	CodeDelivery fault.Code = "delivery_in_doubt"
)

// Status is how far a send has come, or how it ended.
type Status string

// The statuses.
const (
	Held     Status = "held"
	Queueing Status = "queueing"
	Accepted Status = "accepted"
	Sent     Status = "sent"
	NotSent  Status = "not_sent"
	InDoubt  Status = "in_doubt"
	Refused  Status = "refused"
)

// Final reports whether the status never changes again.
func (s Status) Final() bool { return s == Sent || s == NotSent || s == Refused }

// Send is one send to one contact.
type Send struct {
	Pair          string
	MessageKey    string
	DefinitionKey string
	ContactID     string // 18 characters
	Recipient     string // e-mail address; "" where refused for having none
	Status        Status
	ReasonCode    string // why refused, not sent or in doubt: Connect's code or the tenant's
	Reason        string
	RequestID     string // the tenant's receipt
	CreatedAt     time.Time
	UpdatedAt     time.Time
	Lease         time.Time // machine time until which somebody works on it; zero where nobody does
	NextTry       time.Time // machine time until which a held one is left alone that could not be handed over; zero for none
	Doubts        int       // how often the tenant was handed it while it was held, and nobody could tell whether it has it
	Tries         int       // how often the org or the tenant could not be asked about it while it was held
	Revision      int64     // grows with every change; the store compares and swaps on it
}

// Request asks for one send.
type Request struct {
	ContactID     string // of a contact or lead, 15 or 18 characters
	DefinitionKey string
	// IdempotencyKey makes the send the same send when it is asked for again; "" takes the contact's SystemModstamp, so
	// that the same state of the same contact is mailed once (DESIGN 5.9).
	IdempotencyKey string
}

// Check refuses a request that cannot be meant.
func (r Request) Check() error {
	if object(r.ContactID) == "" || len(r.ContactID) != 15 && len(r.ContactID) != 18 || strings.Trim(r.ContactID, base62) != "" {
		return fault.New(fault.Invalid, CodeBadContact, "Give the contact's id: 15 or 18 characters beginning with 003; or a lead's, which begins with 00Q.").In("contact_id")
	}
	return CheckDefinition(r.DefinitionKey)
}

// object is the object of a contact's or lead's id; "" of another.
func object(id string) string {
	switch {
	case strings.HasPrefix(id, "003"):
		return "Contact"
	case strings.HasPrefix(id, "00Q"):
		return "Lead"
	}
	return ""
}

// CheckDefinition refuses what cannot be the external key of a send definition.
func CheckDefinition(d string) error {
	control := func(c rune) bool { return c < ' ' || c == 0x7f }
	if d == "" || len(d) > 100 || strings.TrimSpace(d) != d || strings.ContainsFunc(d, control) {
		return fault.New(fault.Invalid, CodeBadDefinition, "Give the external key of the send definition, at most 100 characters.").In("definition_key")
	}
	return nil
}

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// MessageKey is the key of a send: 40 hexadecimal digits that depend on the pair, the definition, the record and what
// makes the send this one (idempotency key or modstamp). Each part is hashed with its length, so no two lists of parts
// run together. Definition keys differ only in letter case where the tenant's do not (engagement-wire 0.1).
func MessageKey(pair, definition, record, occasion string) string {
	h := sha256.New()
	for _, part := range []string{"twinspan/send/v1", pair, strings.ToLower(definition), record, occasion} {
		h.Write([]byte(strconv.Itoa(len(part)) + ":" + part))
	}
	return hex.EncodeToString(h.Sum(nil)[:20])
}

// CheckMessageKey refuses what cannot be a message key of this package.
func CheckMessageKey(key string) error {
	if len(key) != 40 || strings.Trim(key, "0123456789abcdef") != "" {
		return fault.New(fault.NotFound, CodeNotFound, "No such send.")
	}
	return nil
}

// Contact is what a send needs to know of a Contact record.
type Contact struct {
	ID        string // 18 characters
	FirstName string
	LastName  string
	Name      string
	Email     string
	OptedOut  bool
	Modstamp  string // SystemModstamp as the org writes it
}

// Mailable refuses a contact that must not or cannot be mailed.
func (c Contact) Mailable() *fault.Error {
	switch {
	case c.OptedOut:
		return fault.New(fault.Conflict, CodeOptedOut, "The contact has opted out of email.")
	case strings.TrimSpace(c.Email) == "":
		return fault.New(fault.Conflict, CodeNoEmail, "The contact has no email address.")
	}
	return nil
}

// Store keeps sends.
type Store interface {
	// Send reads a send; a missing one is a NotFound fault with CodeNotFound.
	Send(ctx context.Context, pair, messageKey string) (Send, error)
	// AddSend stores a send unless there is one under its key, and returns the one that is stored and whether it is new.
	AddSend(ctx context.Context, s Send) (stored Send, added bool, err error)
	// HeldSends lists the sends of all pairs that are held, at most limit of each pair, the oldest first.
	HeldSends(ctx context.Context, limit int) ([]Send, error)
	// UpdateSend stores the contact, recipient, status, reason, request id, time, lease, next try and counts of s if the stored send still has s.Revision. It
	// returns the stored send either way, and whether it is s.
	UpdateSend(ctx context.Context, s Send) (stored Send, won bool, err error)
}
