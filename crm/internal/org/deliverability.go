package org

import (
	"context"
	"encoding/hex"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/vault"
)

// CodeDomainNotProven: DNS does not have the TXT record that proves whose the domain is.
const CodeDomainNotProven fault.Code = "domain_not_proven"

// Resolver reads TXT records; *net.Resolver is one.
type Resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
}

// AddressMailer mails the link by which the owner of an address verifies it.
type AddressMailer interface {
	AddressLink(o Org, to, name string, code vault.Secret, life time.Duration) (Letter, error)
}

// Deliverability decides what the org mails from (document 002: "only from verified domains"; connect-facts 8.5): its
// default no-reply address once both are proven, the address by a link that is mailed to it and its domain by DNS, and
// until then a substitute address of this server.
type Deliverability struct {
	Store   RecordStore
	Known   *Known
	Clock   *clock.Domain
	DNS     Resolver
	Mail    AddressMailer
	Changes Changes
	Log     *slog.Logger
}

// Sender is what an org mails from.
type Sender struct {
	// Default is the org's default no-reply address; "" where it has none, and mails come from the service itself.
	Default, DisplayName            string
	AddressVerified, DomainVerified bool
}

// Verified reports whether mails come from the default address, or there is none that would have to be verified.
func (s Sender) Verified() bool { return s.Default == "" || s.AddressVerified && s.DomainVerified }

// EmailAddress is an address that an org may mail from.
type EmailAddress struct {
	ID                            ID
	Address, DisplayName, Purpose string
	Verified                      bool
}

// EmailDomain is a domain that an org may mail from.
type EmailDomain struct {
	ID       ID
	Name     string
	Verified bool
	Record   string // text of the TXT record that proves it
}

// Senders is all that an org has said about where it mails from.
type Senders struct {
	Sender
	Addresses []EmailAddress
	Domains   []EmailDomain
}

// setupSchema has the objects of the Tooling API too.
func setupSchema() *Schema { return SchemaWith("", true) }

// Senders reads what an org mails from. A domain covers its own addresses and not those of its subdomains.
func (d *Deliverability) Senders(ctx context.Context, org ID) (Senders, error) {
	var out Senders
	schema := setupSchema()
	err := d.Store.Write(ctx, func(tx RecordTx) error {
		out = Senders{}
		domains, err := tx.Find(schema.must(ObjectAuthorizedDomain), org, Values{}, maxAddresses)
		if err != nil {
			return err
		}
		for _, v := range domains {
			out.Domains = append(out.Domains, EmailDomain{
				ID: v.ID("Id"), Name: v.Text("DomainName"), Verified: v.Flag("IsDomainOwnershipVerified"), Record: domainRecord(org, v.ID("Id")),
			})
		}
		addresses, err := tx.Find(schema.must(ObjectOrgWideAddress), org, Values{}, maxAddresses)
		if err != nil {
			return err
		}
		for _, v := range addresses {
			a := EmailAddress{v.ID("Id"), v.Text("Address"), v.Text("DisplayName"), v.Text("Purpose"), v.Flag("IsVerified")}
			out.Addresses = append(out.Addresses, a)
			if a.Purpose == purposeSelection {
				continue
			}
			_, domain, _ := strings.Cut(a.Address, "@")
			out.Sender = Sender{Default: a.Address, DisplayName: a.DisplayName, AddressVerified: a.Verified, DomainVerified: slices.ContainsFunc(out.Domains, func(d EmailDomain) bool {
				return d.Verified && strings.EqualFold(d.Name, domain)
			})}
		}
		return nil
	})
	slices.SortFunc(out.Addresses, func(a, b EmailAddress) int { return strings.Compare(a.Address, b.Address) })
	slices.SortFunc(out.Domains, func(a, b EmailDomain) int { return strings.Compare(a.Name, b.Name) })
	return out, err
}

// domainRecord is the TXT record of a domain: the org's id and the domain's, in 15 characters each (Tooling API,
// AuthorizedEmailDomain).
func domainRecord(org, domain ID) string { return org.Short() + "=" + domain.Short() }

// Prove looks for the TXT record of a domain whose ownership a change is about to verify, and lets the session make that
// change. Any other change needs no proof.
func (d *Deliverability) Prove(ctx context.Context, s *Session, object, id string, in map[string]any) error {
	if !s.Tooling || !strings.EqualFold(object, ObjectAuthorizedDomain) || !claimsOwnership(in) {
		return nil
	}
	key, err := ParseID(id)
	if err != nil {
		return err
	}
	senders, err := d.Senders(ctx, s.Org)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(senders.Domains, func(e EmailDomain) bool { return e.ID == key })
	if i < 0 {
		return noSuchRecord()
	}
	domain := senders.Domains[i]
	ctx, stop := context.WithTimeout(ctx, lookupTime)
	defer stop()
	for _, name := range []string{domain.Name, "_sfdv." + domain.Name} {
		texts, err := d.DNS.LookupTXT(ctx, name)
		if err != nil {
			continue // no such name, or no answer: the other name may have it
		}
		for _, text := range texts {
			for part := range strings.SplitSeq(text, ";") {
				if strings.TrimSpace(part) == domain.Record {
					s.proven = key
					return nil
				}
			}
		}
	}
	return fault.New(fault.Invalid, CodeDomainNotProven, "DNS has no TXT record %s for %s or _sfdv.%s.", domain.Record, domain.Name, domain.Name).
		In("IsDomainOwnershipVerified")
}

// lookupTime bounds the look-ups of a domain, in machine time.
const lookupTime = 10 * time.Second

func claimsOwnership(in map[string]any) bool {
	for name, v := range in {
		if strings.EqualFold(name, "IsDomainOwnershipVerified") && v == true {
			return true
		}
	}
	return false
}

// addressLife is how long the link to verify an address works, in domain time.
const addressLife = 7 * 24 * time.Hour

// Invite queues for the owner of a new address, in the transaction that makes it, the letter with the link by which he verifies
// it. The address is made whether there is a way to mail or not.
func (d *Deliverability) Invite(tx RecordTx, o Org, row Values) error {
	id := row.ID("Id")
	code := vault.Secret(o.ID.Short() + id.Short() + string(appendSecret(nil)))
	letter, err := d.Mail.AddressLink(o, row.Text("Address"), row.Text("DisplayName"), code, addressLife)
	if err != nil {
		d.Log.Error("the owner of an address is not mailed the link to verify it", "org", o.ID, "address", id, "error", err)
		return nil
	}
	_, err = tx.Update(setupSchema().must(ObjectOrgWideAddress), o.ID, Values{"Id": string(id)}, Values{
		"VerificationHash": hex.EncodeToString(vault.HashToken(code.Reveal())), "VerificationExpires": d.Clock.Now(string(o.ID)).Add(addressLife),
	})
	if err != nil {
		return err
	}
	return tx.Post(letter)
}

// Verify uses up a link's code: its address is verified, and the trail says so. The code tells which one it is.
func (d *Deliverability) Verify(ctx context.Context, code vault.Secret) (address string, err error) {
	text := code.Reveal()
	if len(text) != 2*orgShort+secretLength {
		return "", linkEnded()
	}
	org, err := ParseID(text[:orgShort])
	if err != nil {
		return "", linkEnded()
	}
	id, err := ParseID(text[orgShort : 2*orgShort])
	if err != nil || id.Prefix() != PrefixOrgWideAddress || org.Prefix() != PrefixOrganization {
		return "", linkEnded()
	}
	at := d.Clock.Now(string(org))
	object := setupSchema().must(ObjectOrgWideAddress)
	err = d.Store.Write(ctx, func(tx RecordTx) error {
		row, err := tx.Lock(object, org, id)
		if fault.KindOf(err) == fault.NotFound {
			return linkEnded()
		}
		if err != nil {
			return err
		}
		want, err := hex.DecodeString(row.Text("VerificationHash"))
		expires, _ := row["VerificationExpires"].(time.Time)
		if err != nil || len(want) == 0 || !sameHash([32]byte(vault.HashToken(text)), want) || !at.Before(expires) {
			return linkEnded()
		}
		address = row.Text("Address")
		_, err = tx.Update(object, org, Values{"Id": string(id)}, Values{
			"IsVerified": true, "VerificationHash": nil, "VerificationExpires": nil, "LastModifiedDate": at, "SystemModstamp": at,
		})
		if err != nil {
			return err
		}
		by := Session{Org: org, User: row.ID("CreatedById")}
		return Audit(tx, by, at, "verifiedOrgWideAddress", "Organization-Wide Addresses", "The owner of "+address+" verified it")
	})
	if err == nil {
		d.Changes.SetupChanged(org)
	}
	return address, err
}
