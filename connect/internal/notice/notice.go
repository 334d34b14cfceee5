// Package notice mails people when a connection breaks: who, what, and once for each cause. A cause that went and comes
// again is told again. So is use of the org's API that reaches a threshold.
package notice

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/integration"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/usage"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/explain"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/mail"
)

// CodeInvalid: recipients that cannot be meant.
const CodeInvalid fault.Code = "invalid_recipients"

// ActionSet is the audit chain's word for a change of the recipients.
const ActionSet = "notifications.set"

// maxRecipients bounds who is told.
const maxRecipients = 20

// Exception is something that is broken now.
type Exception struct {
	Subject string // "org", "engagement" or "integration_user"
	Who     string // user name
	Cause   link.Cause

	reached *usage.Crossing // of a threshold, nothing is broken then
	silent  bool            // a higher threshold of the same tells of it
}

// Mail is one that is to be written, or was.
type Mail struct {
	Subject, CauseCode string
	Recipient          string
	SeenAt             time.Time // domain time
	Mailed             bool
}

// Store keeps who is told, and of what he was.
type Store interface {
	// Recipients reads whom a pair's exceptions are mailed to.
	Recipients(ctx context.Context, pair string) ([]string, error)
	// SetRecipients stores them, with an entry in the audit chain.
	SetRecipients(ctx context.Context, pair string, addresses []string, why audit.Change) error
	// Mails reads what was written about the pair, or is to be.
	Mails(ctx context.Context, pair string) ([]Mail, error)
	// PutMail stores one, in place of the one there is.
	PutMail(ctx context.Context, pair string, m Mail) error
	// ForgetMail forgets one, because its cause is gone.
	ForgetMail(ctx context.Context, pair string, m Mail) error
}

// Service tells people. It is safe for concurrent use, but looks at a pair from one process at a time.
type Service struct {
	store    Store
	links    *link.Service
	accounts *integration.Service
	spent    Spent
	machine  clock.Machine
	sender   mail.Sender
	from     mail.Address
	domain   string
	base     string

	mu   sync.Mutex
	next map[string]time.Time // by pair: when its use is looked at again, machine time
}

// Options wire a [Service].
type Options struct {
	Store    Store
	Links    *link.Service
	Accounts *integration.Service
	Spent    Spent
	Sender   mail.Sender // nil tells nobody
	BaseURL  string      // where this Connect answers
	Machine  clock.Machine
}

// NewService wires the service.
func NewService(o Options) *Service {
	base := o.BaseURL
	domain := "connect.invalid"
	if u, err := url.Parse(base); err == nil && u.Hostname() != "" && net.ParseIP(u.Hostname()) == nil {
		domain = u.Hostname()
	}
	return &Service{
		store: o.Store, links: o.Links, accounts: o.Accounts, spent: o.Spent, machine: o.Machine, sender: o.Sender, next: map[string]time.Time{}, from: mail.Address{Name: "Twinspan Connect", Email: "noreply@" + domain}, domain: domain, base: base,
	}
}

// Recipients reads whom exceptions are mailed to.
func (s *Service) Recipients(ctx context.Context, l link.Link) ([]string, error) {
	return s.store.Recipients(ctx, l.Pair)
}

// SetRecipients says whom exceptions are mailed to; none tells nobody.
func (s *Service) SetRecipients(ctx context.Context, l link.Link, addresses []string, actor string) error {
	if len(addresses) > maxRecipients {
		return fault.New(fault.Invalid, CodeInvalid, "Name at most %d addresses.", maxRecipients).In("recipients")
	}
	for i, raw := range addresses {
		a, err := netmail.ParseAddress(raw)
		if err != nil || a.Address != raw || len(raw) > 254 || slices.Contains(addresses[:i], raw) {
			return fault.New(fault.Invalid, CodeInvalid, "An address is missing, written twice, or none.").In("recipients")
		}
	}
	return s.store.SetRecipients(ctx, l.Pair, addresses, audit.Change{At: s.links.Now(l), Actor: actor, Action: ActionSet})
}

// Exceptions are what is broken now.
func (s *Service) Exceptions(ctx context.Context, l link.Link) ([]Exception, error) {
	var all []Exception
	if l.Org.State == link.SpanBroken {
		all = append(all, Exception{Subject: "org", Who: l.Org.Username, Cause: l.Org.Cause})
	}
	if l.Tenant.State == link.SpanBroken {
		all = append(all, Exception{Subject: "engagement", Who: l.Tenant.Username, Cause: l.Tenant.Cause})
	}
	a, err := s.accounts.Account(ctx, l)
	if err == nil && a.State == link.SpanBroken {
		all = append(all, Exception{Subject: "integration_user", Who: a.Username, Cause: a.Cause})
	}
	if fault.CodeOf(err) == integration.CodeNotFound {
		err = nil
	}
	return all, err
}

// Look tells everybody of what is broken and was not told yet. What cannot be mailed now is the next look's.
func (s *Service) Look(ctx context.Context, l link.Link) error {
	if s.sender == nil {
		return nil
	}
	recipients, err := s.store.Recipients(ctx, l.Pair)
	if err != nil {
		return err
	}
	if len(recipients) > 0 {
		s.probe(ctx, l)
	}
	if l, err = s.links.Link(ctx, l.Pair); err != nil { // as it was found just now
		return err
	}
	found, err := s.Exceptions(ctx, l)
	if err != nil {
		return err
	}
	var watched map[string]bool
	var watching error
	if len(recipients) > 0 {
		var reached []Exception
		reached, watched, watching = s.reached(ctx, l)
		found = append(found, reached...)
	}
	written, err := s.store.Mails(ctx, l.Pair)
	if err != nil {
		return err
	}
	failed := []error{watching}
	for _, m := range written {
		if seen, uses := watched[m.Subject]; uses && !seen {
			continue // nobody knows whether it is gone
		}
		if !slices.ContainsFunc(found, m.about) {
			failed = append(failed, s.store.ForgetMail(ctx, l.Pair, m))
		}
	}
	for _, e := range found {
		for _, to := range recipients {
			m := Mail{Subject: e.Subject, CauseCode: e.Cause.Code, Recipient: to, SeenAt: s.links.Now(l)}
			if i := slices.IndexFunc(written, func(w Mail) bool { return w.Recipient == to && w.about(e) }); i >= 0 {
				m = written[i]
			} else if err := s.store.PutMail(ctx, l.Pair, m); err != nil {
				return errors.Join(append(failed, err)...)
			}
			if e.silent && !m.Mailed {
				m.Mailed = true
				failed = append(failed, s.store.PutMail(ctx, l.Pair, m))
			}
			if !m.Mailed {
				failed = append(failed, s.mail(ctx, l, e, m))
			}
		}
	}
	return errors.Join(failed...)
}

// Mail mails something that another part of Connect has to say; id is the same at each attempt. Its faults are those of
// package mail.
func (s *Service) Mail(ctx context.Context, to, subject, text, id string) error {
	if s.sender == nil {
		return fault.New(fault.Invalid, mail.CodeRefused, "No mail server is configured.")
	}
	hash := sha256.Sum256([]byte(id))
	return s.sender.Send(ctx, mail.Message{
		From: s.from, To: mail.Address{Email: to}, Subject: oneLine(subject), Text: text, MessageID: hex.EncodeToString(hash[:16]) + "@" + s.domain, Headers: map[string]string{"Auto-Submitted": "auto-generated"},
	})
}

// probe uses both spans, so that one that broke while nobody used it is found so. What it finds stands in the link.
func (s *Service) probe(ctx context.Context, l link.Link) {
	_ = s.links.CallOrg(ctx, l, func(org *crm.Session) error { _, err := org.UserInfo(ctx); return err })
	_ = s.links.CallTenant(ctx, l, func(tenant *engagement.Session) error { _, err := tenant.UserInfo(ctx); return err })
}

func (m Mail) about(e Exception) bool { return m.Subject == e.Subject && m.CauseCode == e.Cause.Code }

// mail sends one. A message that the server will never take, or may have taken, is not sent again.
func (s *Service) mail(ctx context.Context, l link.Link, e Exception, m Mail) error {
	err := s.sender.Send(ctx, s.letter(l, e, m))
	if fault.CodeOf(err) == mail.CodeDeferred || ctx.Err() != nil {
		return err
	}
	m.Mailed = true
	return errors.Join(err, s.store.PutMail(ctx, l.Pair, m))
}

// What a subject is for people.
var subjects = map[string]string{
	"org": "The way into the org", "engagement": "The way into Engagement", "integration_user": "The integration user",
}

func (s *Service) letter(l link.Link, e Exception, m Mail) mail.Message {
	id := sha256.Sum256([]byte(strings.Join([]string{l.Pair, m.Subject, m.CauseCode, m.Recipient, fmt.Sprint(m.SeenAt.UnixMilli())}, "\x00")))
	if e.reached != nil {
		return s.useLetter(l, e, m, hex.EncodeToString(id[:16])+"@"+s.domain)
	}
	text := fmt.Sprintf("%s is broken.\n\nWho:   %s\nWhat:  %s: %s\nSince: %s at the latest\nWhere: %s, connection %s (org %s, Engagement %d)\n\n`twinspan doctor` says why and where to mend it; what the refusal means: %s%s. You are told once of each cause.\n",
		subjects[e.Subject], oneLine(e.Who), oneLine(e.Cause.Code), oneLine(e.Cause.Text), m.SeenAt.Format("2 January 2006, 15:04 MST"), s.base, l.Pair, cmp.Or(l.Org.OrgID, "none"), l.EID, s.base, explain.Way(e.Cause.Code, e.Cause.Text))
	return mail.Message{
		From: s.from, To: mail.Address{Email: m.Recipient}, Subject: subjects[e.Subject] + " is broken: " + oneLine(e.Cause.Code), Text: text,
		MessageID: hex.EncodeToString(id[:16]) + "@" + s.domain, Headers: map[string]string{"Auto-Submitted": "auto-generated"},
	}
}

// oneLine keeps a cloud's words from looking like lines of ours.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
