package tenant

import (
	"context"
	"errors"
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
	// CodeMailedLately: an address that was mailed a link a short while ago, or a tenant that had many mailed.
	CodeMailedLately fault.Code = "mailed_lately"
)

// MaxSenderChanges bounds the entries of one call that changes or removes verified senders.
const MaxSenderChanges = 100

// maxPending bounds the addresses that wait for their proof: each has had a mail.
const maxPending = 100

// Limits of the mails with links, which go to whoever's address somebody writes down.
const (
	// mailPause is how long an address is left alone after one.
	mailPause = time.Hour
	// maxMails is how many a tenant may have sent in that time.
	maxMails = 50
	// proofLife is how long a link works.
	proofLife = 7 * 24 * time.Hour
)

// lookupTime bounds one question to the DNS.
const lookupTime = 10 * time.Second

// VerificationStore keeps senders and their proofs.
type VerificationStore interface {
	SenderList
	// SendersFor reads what could cover the address or domain, and the default sender.
	SendersFor(ctx context.Context, eid EID, address string) ([]VerifiedSender, error)
	// AddSender keeps a sender without proof; one that is registered is returned as it is.
	AddSender(ctx context.Context, s VerifiedSender) (VerifiedSender, error)
	// ReserveMail notes that the address is mailed a link at this moment with the proof, which takes the place of an
	// earlier one and is good until the time given. Where the address was mailed since the time given, or the tenant
	// has had limit mails since, it is a Limited fault with CodeMailedLately.
	ReserveMail(ctx context.Context, eid EID, address, proof string, now, until, since time.Time, limit int) error
	// ReturnMail takes back what was noted at that moment, where the mail was not sent.
	ReturnMail(ctx context.Context, eid EID, address string, at time.Time) error
	// ProveSender notes the proof of a registered sender, which may then be used. With proof not "" that must be the one
	// last mailed, and not too old. What does not hold is a NotFound fault.
	ProveSender(ctx context.Context, eid EID, domain, proof string, now time.Time) error
	// ChangeSenders sets whether senders are used, or removes them, and tells how many there were; of the business units
	// alone where there are any. Without proof none is used; the default sender stays, and stays in use.
	ChangeSenders(ctx context.Context, eid EID, units []MID, domains []string, sendable, remove bool) (int, error)
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
// that waits for its proof mails it a new link, after a while; the earlier one is none then.
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
	return s, v.mail(ctx, s)
}

// mail sends the link to an address. The link names a proof of its own, so that it is good for this registration alone.
func (v *Verification) mail(ctx context.Context, s VerifiedSender) error {
	t, err := v.Registry.Tenant(ctx, s.Tenant)
	if err != nil {
		return err
	}
	now, proof := v.Now(s.Tenant), NewGUID()
	if err := v.Store.ReserveMail(ctx, s.Tenant, s.Domain, proof, now, now.Add(proofLife), now.Add(-mailPause), maxMails); err != nil {
		return err
	}
	err = v.Mail(ctx, s.Domain, t.Name, v.Links.URL(LinkVerify, MessageRef{s.Tenant, proof}, strings.ToLower(s.Domain)))
	if err != nil {
		err = errors.Join(err, v.Store.ReturnMail(context.WithoutCancel(ctx), s.Tenant, s.Domain, now))
	}
	return err
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
			return v.Store.ProveSender(ctx, s.Tenant, s.Domain, "", v.Now(s.Tenant))
		}
	}
	return fault.Wrap(err, fault.Conflict, CodeNoProof, "The DNS of %s has no TXT record with %s yet.", clip(s.Domain), want)
}

// Proving checks a mailed link for the page that asks. Whether it is still good shows when it is used.
func (v *Verification) Proving(token, address string) error {
	_, err := v.Links.Read(LinkVerify, token, strings.ToLower(address))
	return err
}

// Prove notes that the mailed link arrived. One that has proven its address does no harm when it comes again.
func (v *Verification) Prove(ctx context.Context, token, address string) error {
	m, err := v.Links.Read(LinkVerify, token, strings.ToLower(address))
	if err != nil {
		return err
	}
	return v.Store.ProveSender(ctx, m.Tenant, address, m.ID, v.Now(m.Tenant))
}

// Change sets whether verified senders are used, those of the business units that the caller reaches, and returns how many there were.
func (v *Verification) Change(ctx context.Context, p Principal, domains []string, sendable bool) (int, error) {
	if err := v.mayChange(p, domains); err != nil {
		return 0, err
	}
	return v.Store.ChangeSenders(ctx, p.Tenant, sendersOf(p), domains, sendable, false)
}

// Remove takes senders of the same away, and returns how many there were.
func (v *Verification) Remove(ctx context.Context, p Principal, domains []string) (int, error) {
	if err := v.mayChange(p, domains); err != nil {
		return 0, err
	}
	return v.Store.ChangeSenders(ctx, p.Tenant, sendersOf(p), domains, false, true)
}

// sendersOf are the business units whose senders the caller may change: from the top all, which is nil.
func sendersOf(p Principal) []MID {
	if p.AtTop() {
		return p.Units
	}
	return []MID{p.MID}
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
