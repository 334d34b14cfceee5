package login

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/mail"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/vault"
)

// codeNoMail: nobody said how mail leaves this server.
const codeNoMail fault.Code = "no_mail_server"

// mailer writes the letters of the org to its users, and hands them to the mail server. Links in them begin with the
// server's own configured address, never with one that a request named.
type mailer struct {
	base    string
	from    mail.Address // the service itself
	sender  mail.Sender
	vault   Sealer
	machine func() time.Time
	// senders tells what an org mails from; nil where nothing but the service is known.
	senders func(ctx context.Context, o org.ID) (org.Sender, error)
}

func newMailer(base, host string, o Options) mailer {
	domain := strings.ToLower(host)
	if _, err := netip.ParseAddr(domain); err == nil || !strings.Contains(domain, ".") {
		domain = "twinspan.localhost"
	}
	return mailer{base: base, from: mail.Address{Name: "Twinspan Org", Email: "noreply@" + domain}, sender: o.Mail, vault: o.Vault, machine: o.Clock.Machine}
}

func (m mailer) domain() string { return m.from.Email[strings.Index(m.from.Email, "@")+1:] }

// substitute is the address that an org mails from whose own is not verified. The real one is
// email@UNIQUEID.sfcustomeremail.com (connect-facts 8.5); this one is of this server, so that no mail claims a name that is not ours.
func (m mailer) substitute(o org.ID) string {
	return "email@" + strings.ToLower(string(o)) + "." + m.domain()
}

// fromFor is what an org mails from at this moment.
func (m mailer) fromFor(ctx context.Context, o org.ID) (mail.Address, error) {
	if m.senders == nil || o == "" {
		return m.from, nil
	}
	s, err := m.senders(ctx, o)
	switch {
	case err != nil || s.Default == "":
		return m.from, err
	case s.Verified():
		return mail.Address{Name: mail.OneLine(s.DisplayName), Email: s.Default}, nil
	}
	return mail.Address{Name: mail.OneLine(s.DisplayName), Email: m.substitute(o)}, nil
}

// letter is what is sealed. What it comes from is decided when it leaves.
type letter struct {
	Org     org.ID // whose letter it is; "" for one of the service itself
	Message mail.Message
}

// letterLife is for how long a letter without a link is worth sending.
const letterLife = 24 * time.Hour

// write seals a letter. What lies in the queue is as good as the passwords in it, so the queue sees none of it.
func (m mailer) write(u org.User, life time.Duration, subject, text string) (org.Letter, error) {
	return m.writeTo(u.Org, mail.Address{Name: u.Name, Email: u.Email}, life, subject, text)
}

func (m mailer) writeTo(o org.ID, to mail.Address, life time.Duration, subject, text string) (org.Letter, error) {
	if m.sender == nil {
		return org.Letter{}, fault.New(fault.Unavailable, codeNoMail, "There is no mail server, so nothing could be mailed.")
	}
	now := m.machine()
	l := org.Letter{ID: oauth.NewToken(24) + "@" + m.domain(), Until: now.Add(life)}
	to.Name = mail.OneLine(to.Name) // people and orgs are called what somebody typed
	plain, err := json.Marshal(letter{o, mail.Message{From: m.from, To: to, Subject: mail.OneLine(subject), Text: text, MessageID: l.ID, Date: now}})
	if err == nil {
		l.Sealed, err = m.vault.Seal(plain, letterPlace(l.ID))
	}
	if err != nil {
		return org.Letter{}, fmt.Errorf("sealing a letter: %w", err)
	}
	return l, nil
}

func letterPlace(id string) []byte { return []byte("letter:sealed:" + id) }

// What a letter's job keeps: that the letter is being handed over. Who finds it so after a crash cannot know whether the
// server has it, and does not send it again.
var (
	letterWaits  = []byte(`{"sending":false}`)
	letterLeaves = []byte(`{"sending":true}`)
)

// keepTimeout bounds the keeping of what became of an attempt, which the end of the attempt must not prevent.
const keepTimeout = 5 * time.Second

// deliver is the queue's handler of letters.
func (m mailer) deliver(ctx context.Context, r *jobs.Run) error {
	var l org.Letter
	if err := json.Unmarshal(r.Payload, &l); err != nil {
		return jobs.Permanent(fmt.Errorf("reading a letter: %w", err))
	}
	switch {
	case bytes.Equal(r.Checkpoint(), letterLeaves):
		return jobs.Permanent(fault.New(fault.Unavailable, mail.CodeInDoubt, "the process ended while the letter was being sent"))
	case m.sender == nil:
		return jobs.Permanent(errors.New("there is no mail server"))
	case m.machine().After(l.Until):
		return jobs.Permanent(errors.New("the letter is too old to be of use"))
	}
	plain, err := m.vault.Open(l.Sealed, letterPlace(l.ID))
	if err != nil {
		return jobs.Permanent(fmt.Errorf("opening a letter: %w", err))
	}
	var out letter
	if err := json.Unmarshal(plain, &out); err != nil {
		return jobs.Permanent(errors.New("what was sealed is no letter")) // no cause: it could quote the letter
	}
	if out.Message.From, err = m.fromFor(ctx, out.Org); err != nil {
		return err
	}
	if err := r.Save(ctx, letterLeaves); err != nil {
		return err
	}
	err = m.sender.Send(ctx, out.Message)
	if err == nil {
		return nil
	}
	if fault.CodeOf(err) != mail.CodeDeferred { // refused for good, or perhaps taken
		return jobs.Permanent(err)
	}
	keep, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepTimeout)
	defer cancel()
	return errors.Join(err, r.Save(keep, letterWaits))
}

func (m mailer) link(code vault.Secret) string {
	return m.base + setPasswordPath + "?" + url.Values{fieldCode: {code.Reveal()}}.Encode()
}

// Welcome implements org.Mailer.
func (m mailer) Welcome(o org.Org, u org.User, code vault.Secret, life time.Duration) (org.Letter, error) {
	return m.write(u, life, "Welcome to "+o.Name+": verify your account", fmt.Sprintf(
		"Hello %s,\n\nan account was made for you in %s.\n\nUsername: %s\n\nVerify your address and set your password here:\n\n%s\n\n"+
			"The link works once and for seven days.\n", u.Name, o.Name, u.Username, m.link(code)))
}

// PasswordLink implements org.Mailer.
func (m mailer) PasswordLink(o org.Org, u org.User, code vault.Secret, life time.Duration) (org.Letter, error) {
	return m.write(u, life, "Set a new password for "+o.Name, fmt.Sprintf(
		"Hello %s,\n\nsomebody asked for a new password for your account in %s.\n\nUsername: %s\n\nSet it here:\n\n%s\n\n"+
			"The link works once and for 24 hours. If you do not want a new password, do nothing: the present one stays.\n",
		u.Name, o.Name, u.Username, m.link(code)))
}

// TemporaryPassword implements org.Mailer.
func (m mailer) TemporaryPassword(o org.Org, u org.User, password vault.Secret) (org.Letter, error) {
	return m.write(u, letterLife, "Your new temporary password for "+o.Name, fmt.Sprintf(
		"Hello %s,\n\nyour password in %s was reset.\n\nUsername: %s\nTemporary password: %s\n\nLog in at %s/login; you choose a password of your own then.\n",
		u.Name, o.Name, u.Username, password.Reveal(), m.base))
}

// SecurityToken implements org.Mailer.
func (m mailer) SecurityToken(o org.Org, u org.User, token vault.Secret) (org.Letter, error) {
	return m.write(u, letterLife, "Your new security token for "+o.Name, fmt.Sprintf(
		"Hello %s,\n\nyour security token in %s was changed because your password was changed or you asked for it.\n\n"+
			"Username: %s\nSecurity token (case-sensitive): %s\n\nProgrammes that log in with your password from outside the org's trusted addresses "+
			"append it to the password. The token that you had before no longer works.\n", u.Name, o.Name, u.Username, token.Reveal()))
}

// UsageReached implements org.NoticeMailer.
func (m mailer) UsageReached(o org.Org, u org.User, threshold int64, r org.Reading) (org.Letter, error) {
	return m.write(u, letterLife, fmt.Sprintf("API usage notification: %s has reached %d%% of its API requests", o.Name, threshold), fmt.Sprintf(
		"Hello %s,\n\n%s has made %d of its %d API requests of the last 24 hours: at least the %d%% at which you asked to be told.\n\n"+
			"%d are left. Who called, hour by hour, is at %s/services/data/v%d.0/limits/apiUsage. Requests of Marketing Cloud Connect do not count.\n",
		u.Name, o.Name, r.Used, r.Max, threshold, r.Remaining(), m.base, org.LastAPIVersion))
}

// AddressLink implements org.AddressMailer. It comes from the service: the address that it is about cannot vouch for itself.
func (m mailer) AddressLink(o org.Org, to, name string, code vault.Secret, life time.Duration) (org.Letter, error) {
	return m.writeTo("", mail.Address{Name: name, Email: to}, life, "Verify your address for "+o.Name, fmt.Sprintf(
		"Hello,\n\nan administrator of %s wants to send mail from this address as %q.\n\nIf that is right, say so here:\n\n%s\n\n"+
			"The link works once and for seven days. If it is not right, do nothing.\n", o.Name, name, m.base+verifyEmailPath+"?"+url.Values{fieldCode: {code.Reveal()}}.Encode()))
}
