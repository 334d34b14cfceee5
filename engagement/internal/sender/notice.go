package sender

import (
	"context"
	"fmt"
	"html"
	"net/url"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/mail"
)

// VerificationMail returns what mails the link that proves an address. The tenant at base cannot be answered, so the
// sender is an address of its host that takes no mail.
func VerificationMail(m mail.Sender, base string) func(ctx context.Context, to, tenantName, link string) error {
	host := "localhost.localdomain"
	if u, err := url.Parse(base); err == nil && tenant.ValidAddress("noreply@"+u.Hostname()) {
		host = u.Hostname()
	}
	return func(ctx context.Context, to, tenantName, link string) error {
		text := fmt.Sprintf("%s wants to send mail from %s.\n\nIf that is right, open this address and confirm it:\n%s\n\nIt works for seven days. If it is not right, do nothing.\n", tenantName, to, link)
		page := fmt.Sprintf(`<p>%s wants to send mail from %s.</p><p>If that is right, <a href="%s">confirm it</a> within seven days. If it is not, do nothing.</p>`,
			html.EscapeString(tenantName), html.EscapeString(to), html.EscapeString(link))
		return m.Send(ctx, mail.Message{
			From: mail.Address{Name: "Marketing Cloud Engagement", Email: "noreply@" + host}, To: mail.Address{Email: to},
			Subject: "Confirm that mail may be sent from " + to, Text: text, HTML: page, MessageID: tenant.NewGUID() + "@" + host,
		})
	}
}
