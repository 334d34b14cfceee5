package send

import (
	"context"
	"net/mail"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
)

// CodeBadAddress: what was given as an address is none.
const CodeBadAddress fault.Code = "invalid_address"

// TestRequest asks for one message that a mapped user sends under his own grant, with the permissions that it carries.
type TestRequest struct {
	CRMUserID      string // 18 characters; the subscriber key of the recipient, who is the user himself
	CRMName        string
	EngagementUser string
	MID            int64
	To             string // e-mail address
	DefinitionKey  string
	IdempotencyKey string // "" makes a new send of every call
}

// CheckAddress refuses what is no single email address, or has a name beside it.
func CheckAddress(to string) error {
	if a, err := mail.ParseAddress(to); err != nil || a.Address != to || len(to) > 254 {
		return fault.New(fault.Invalid, CodeBadAddress, "Give one email address, without a name.").In("to")
	}
	return nil
}

// Test sends one definition as the mapped user. A refusal by the tenant is a send with status NotSent, whose reason is
// the tenant's own.
func (s *Service) Test(ctx context.Context, l link.Link, r TestRequest) (Send, error) {
	if err := CheckDefinition(r.DefinitionKey); err != nil {
		return Send{}, err
	}
	if err := CheckAddress(r.To); err != nil {
		return Send{}, err
	}
	if err := s.links.Available(l); err != nil {
		return Send{}, err
	}
	occasion := "test:" + r.To + ":" + r.IdempotencyKey
	if r.IdempotencyKey == "" {
		occasion = "test:" + oauth.NewToken(32)
	}
	as := func(ctx context.Context, l link.Link, fn func(*engagement.Session) error) error {
		return s.links.CallTenantAs(ctx, l, r.EngagementUser, r.MID, fn)
	}
	now := s.links.Now(l)
	stored, added, err := s.store.AddSend(ctx, Send{
		Pair: l.Pair, MessageKey: MessageKey(l.Pair, r.DefinitionKey, r.CRMUserID, occasion), DefinitionKey: r.DefinitionKey, ContactID: r.CRMUserID,
		Recipient: r.To, Status: Queueing, CreatedAt: now, UpdatedAt: now, Lease: s.machine().Add(leaseTime),
	})
	if err != nil {
		return Send{}, err
	}
	person := Contact{ID: r.CRMUserID, FirstName: r.CRMName, Name: r.CRMName, Email: r.To, Modstamp: now.Format(time.RFC3339)}
	if !added {
		return s.resume(ctx, l, stored, &person, as)
	}
	return s.queue(ctx, l, stored, person, attempt{}, as)
}
