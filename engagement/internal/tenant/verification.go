package tenant

import (
	"context"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
)

// Codes of the faults that domain verification raises.
const (
	// CodeInvalidSender: what is to be verified is neither an address nor a domain.
	CodeInvalidSender fault.Code = "invalid_sender"
	// CodeNoSender: the tenant has not registered it.
	CodeNoSender fault.Code = "no_sender"
	// CodeNoProof: the domain's DNS does not hold the record yet.
	CodeNoProof fault.Code = "no_proof"
)

// MaxSenderChanges bounds the entries of one call that changes or removes verified senders.
const MaxSenderChanges = 100

// maxPending bounds the addresses that wait for their proof: each has had a mail.
const maxPending = 100

// lookupTime bounds one question to the DNS.
const lookupTime = 10 * time.Second

// VerificationStore keeps senders and their proofs.
type VerificationStore interface {
	SenderList
	// SendersFor reads what could cover the address or domain, and the default sender.
	SendersFor(ctx context.Context, eid EID, address string) ([]VerifiedSender, error)
	// AddSender keeps a sender without proof; one that is registered is returned as it is.
	AddSender(ctx context.Context, s VerifiedSender) (VerifiedSender, error)
	// ProveSender notes the proof of a registered sender, which may then be used; a missing one is a NotFound fault.
	ProveSender(ctx context.Context, eid EID, domain string, now time.Time) error
	// ChangeSenders sets whether senders are used, or removes them, and tells how many there were. Without proof none
	// is used; the default sender stays.
	ChangeSenders(ctx context.Context, eid EID, domains []string, sendable, remove bool) (int, error)
	// CountPending tells how many wait for their proof.
	CountPending(ctx context.Context, eid EID) (int, error)
}

// Resolver answers questions about the DNS; *net.Resolver is one.
type Resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
}

// Verification proves that a tenant may send as an address, by a link mailed to it, or as a domain, by a TXT record.
type Verification struct {
	Store    VerificationStore
	Registry *Registry
	Links    Links
	DNS      Resolver
	// Mail sends the link to an address. An error means that it was not sent.
	Mail func(ctx context.Context, to, tenantName, link string) error
	// Now tells the tenant's domain time.
	Now func(EID) time.Time
}

// zeroMessage stands in a token for no message.
const zeroMessage = "00000000-0000-0000-0000-000000000000"

// recordPrefix begins the TXT record that proves a domain.
const recordPrefix = "twinspan-verification="

// Record is the TXT record that the domain has to hold.
func (v *Verification) Record(eid EID, domain string) string {
	return recordPrefix + v.Links.token(linkDomain, MessageRef{eid, zeroMessage}, strings.ToLower(domain), linkSignature)
}

// Add registers an address, and mails it the link that proves it, or a domain, which its record proves. Registering one
// that waits for its proof mails again.
func (v *Verification) Add(ctx context.Context, p Principal, name string) (VerifiedSender, error) {
	if err := mayWrite(p, ScopeEmailWrite); err != nil {
		return VerifiedSender{}, err
	}
	s := VerifiedSender{Tenant: p.Tenant, MID: p.MID, Kind: SenderRegistered, Domain: name, Created: v.Now(p.Tenant)}
	switch {
	case ValidAddress(name):
		s.Kind = SenderUser
	case !strings.Contains(name, "@") && strings.Contains(name, ".") && ValidAddress("postmaster@"+name):
	default:
		return s, fault.New(fault.Invalid, CodeInvalidSender, "What is to be verified is an email address or a domain.").In("domain")
	}
	waiting, err := v.Store.CountPending(ctx, p.Tenant)
	if err != nil {
		return s, err
	}
	if waiting >= maxPending {
		return s, fault.New(fault.Limited, CodeInvalidSender, "%d addresses and domains wait for their proof already.", waiting)
	}
	if s, err = v.Store.AddSender(ctx, s); err != nil || s.Proven() || s.Kind != SenderUser {
		return s, err
	}
	t, err := v.Registry.Tenant(ctx, p.Tenant)
	if err != nil {
		return s, err
	}
	return s, v.Mail(ctx, s.Domain, t.Name, v.Links.URL(LinkVerify, MessageRef{p.Tenant, zeroMessage}, strings.ToLower(s.Domain)))
}

// Check looks for the domain's record and notes the proof.
func (v *Verification) Check(ctx context.Context, p Principal, domain string) error {
	if err := mayWrite(p, ScopeEmailWrite); err != nil {
		return err
	}
	known, err := v.Store.SendersFor(ctx, p.Tenant, "postmaster@"+domain)
	if err != nil {
		return err
	}
	for _, s := range known {
		if !strings.EqualFold(s.Domain, domain) || s.Kind == SenderUser {
			continue
		}
		if s.Proven() {
			return nil
		}
		return v.look(ctx, s)
	}
	return fault.New(fault.NotFound, CodeNoSender, "The domain %s is not registered.", clip(domain))
}

func (v *Verification) look(ctx context.Context, s VerifiedSender) error {
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	// With its final dot the name is the domain itself, wherever this runs.
	records, err := v.DNS.LookupTXT(ctx, strings.ToLower(s.Domain)+".")
	want := v.Record(s.Tenant, s.Domain)
	for _, r := range records {
		if strings.TrimSpace(r) == want {
			return v.Store.ProveSender(ctx, s.Tenant, s.Domain, v.Now(s.Tenant))
		}
	}
	return fault.Wrap(err, fault.Conflict, CodeNoProof, "The DNS of %s has no TXT record with %s yet.", clip(s.Domain), want)
}

// Proving tells which address a mailed link is about, for the page that asks.
func (v *Verification) Proving(token, address string) (EID, error) {
	m, err := v.Links.Read(LinkVerify, token, strings.ToLower(address))
	return m.Tenant, err
}

// Prove notes that the mailed link arrived.
func (v *Verification) Prove(ctx context.Context, token, address string) error {
	eid, err := v.Proving(token, address)
	if err != nil {
		return err
	}
	return v.Store.ProveSender(ctx, eid, address, v.Now(eid))
}

// Change sets whether verified senders are used, and returns how many there were.
func (v *Verification) Change(ctx context.Context, p Principal, domains []string, sendable bool) (int, error) {
	if err := v.mayChange(p, domains); err != nil {
		return 0, err
	}
	return v.Store.ChangeSenders(ctx, p.Tenant, domains, sendable, false)
}

// Remove takes senders away, and returns how many there were.
func (v *Verification) Remove(ctx context.Context, p Principal, domains []string) (int, error) {
	if err := v.mayChange(p, domains); err != nil {
		return 0, err
	}
	return v.Store.ChangeSenders(ctx, p.Tenant, domains, false, true)
}

func (v *Verification) mayChange(p Principal, domains []string) error {
	if len(domains) == 0 || len(domains) > MaxSenderChanges {
		return fault.New(fault.Invalid, CodeInvalidSender, "A call names 1 to %d addresses and domains.", MaxSenderChanges)
	}
	return mayWrite(p, ScopeEmailWrite)
}

// SenderPolicy tells whether the tenant lets mail leave from addresses that nobody has verified.
type SenderPolicy func(ctx context.Context, eid EID) (anySender bool, err error)

// SenderPolicy is the tenants' own switch.
func (r *Registry) SenderPolicy(ctx context.Context, eid EID) (bool, error) {
	t, err := r.Tenant(ctx, eid)
	return t.Settings.AnySender, err
}

// anySender asks the policy; without one every address needs its proof.
func (p SenderPolicy) anySender(ctx context.Context, eid EID) (bool, error) {
	if p == nil {
		return false, nil
	}
	return p(ctx, eid)
}
