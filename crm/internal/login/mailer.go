package login

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/mail"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/vault"
)

// codeNoMail: nobody said how mail leaves this server.
const codeNoMail fault.Code = "no_mail_server"

// mailer writes the mails of the org to its users. Links in them begin with the server's own configured address, never
// with one that a request named.
type mailer struct {
	base   string
	from   mail.Address
	sender mail.Sender
}

func newMailer(base, host string, sender mail.Sender) mailer {
	domain := strings.ToLower(host)
	if _, err := netip.ParseAddr(domain); err == nil || !strings.Contains(domain, ".") {
		domain = "twinspan.localhost"
	}
	return mailer{base: base, from: mail.Address{Name: "Twinspan Org", Email: "noreply@" + domain}, sender: sender}
}

func (m mailer) send(ctx context.Context, u org.User, subject, text string) error {
	if m.sender == nil {
		return fault.New(fault.Unavailable, codeNoMail, "There is no mail server, so nothing could be mailed.")
	}
	return m.sender.Send(ctx, mail.Message{
		From: m.from, To: mail.Address{Name: u.Name, Email: u.Email}, Subject: subject, Text: text,
		MessageID: oauth.NewToken(24) + "@" + m.from.Email[strings.Index(m.from.Email, "@")+1:],
	})
}

func (m mailer) link(code vault.Secret) string {
	return m.base + setPasswordPath + "?" + url.Values{fieldCode: {code.Reveal()}}.Encode()
}

// Welcome implements org.Mailer.
func (m mailer) Welcome(ctx context.Context, o org.Org, u org.User, code vault.Secret) error {
	return m.send(ctx, u, "Welcome to "+o.Name+": verify your account", fmt.Sprintf(
		"Hello %s,\n\nan account was made for you in %s.\n\nUsername: %s\n\nVerify your address and set your password here:\n\n%s\n\n"+
			"The link works once and for seven days.\n", u.Name, o.Name, u.Username, m.link(code)))
}

// PasswordLink implements org.Mailer.
func (m mailer) PasswordLink(ctx context.Context, o org.Org, u org.User, code vault.Secret) error {
	return m.send(ctx, u, "Set a new password for "+o.Name, fmt.Sprintf(
		"Hello %s,\n\nsomebody asked for a new password for your account in %s.\n\nUsername: %s\n\nSet it here:\n\n%s\n\n"+
			"The link works once and for 24 hours. If you do not want a new password, do nothing: the present one stays.\n",
		u.Name, o.Name, u.Username, m.link(code)))
}

// TemporaryPassword implements org.Mailer.
func (m mailer) TemporaryPassword(ctx context.Context, o org.Org, u org.User, password vault.Secret) error {
	return m.send(ctx, u, "Your new temporary password for "+o.Name, fmt.Sprintf(
		"Hello %s,\n\nyour password in %s was reset.\n\nUsername: %s\nTemporary password: %s\n\nLog in at %s/login; you choose a password of your own then.\n",
		u.Name, o.Name, u.Username, password.Reveal(), m.base))
}

// SecurityToken implements org.Mailer.
func (m mailer) SecurityToken(ctx context.Context, o org.Org, u org.User, token vault.Secret) error {
	return m.send(ctx, u, "Your new security token for "+o.Name, fmt.Sprintf(
		"Hello %s,\n\nyour security token in %s was changed because your password was changed or you asked for it.\n\n"+
			"Username: %s\nSecurity token (case-sensitive): %s\n\nProgrammes that log in with your password from outside the org's trusted addresses "+
			"append it to the password. The token that you had before no longer works.\n", u.Name, o.Name, u.Username, token.Reveal()))
}
