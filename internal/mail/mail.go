// Package mail sends one message to one recipient over SMTP, and holds an inbox that receives over SMTP: the other end
// in a demo, a test or a rehearsal.
package mail

import (
	"context"
	netmail "net/mail"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/twinspan/twinspan/internal/fault"
)

// Codes of the faults that Send returns. The kind says what to do: Invalid never goes through, Unavailable may later.
const (
	// CodeMalformed: an address, header or body that must not be sent as it is (kind Invalid). Nothing was sent.
	CodeMalformed fault.Code = "malformed_mail"
	// CodeRefused: the server refused the message for good, SMTP 5xx (kind Invalid).
	CodeRefused fault.Code = "mail_refused"
	// CodeDeferred: the server cannot be reached or said 4xx (kind Unavailable). The message was not taken; the same one
	// with the same Message-ID may be sent again.
	CodeDeferred fault.Code = "mail_deferred"
	// CodeInDoubt: the connection broke between the end of the message and the server's answer (kind Unavailable). The
	// message may have been taken; sending it again may deliver it twice.
	CodeInDoubt fault.Code = "mail_in_doubt"
)

// Sender sends mail. It is safe for concurrent use.
type Sender interface {
	// Send returns nil when the server has taken responsibility for the message, else a fault with one of the codes above.
	Send(ctx context.Context, m Message) error
}

// Address is a mailbox with the name shown for it.
type Address struct {
	Name  string // any text without control characters, "" for none
	Email string // one address, local@domain
}

// Message is a mail to one recipient. No text of it can add a header or a second recipient: such a one is refused.
type Message struct {
	From    Address
	To      Address
	ReplyTo Address // zero for none
	// ReturnPath is the envelope's sender, to which bounces go; From.Email where "".
	ReturnPath string
	Subject    string
	Text       string // plain text; Text or HTML or both
	HTML       string
	// MessageID, "local@domain" without angle brackets, stays the same on every attempt, so that a receiver can tell a
	// repetition. It is needed.
	MessageID string
	// Headers are further headers by name. Those that this package or a relay sets cannot be given.
	Headers map[string]string
	// Date is when the message was written; the time of sending where zero.
	Date time.Time
}

// Bounds of a message, in bytes.
const (
	maxEmail     = 254 // RFC 5321 section 4.5.3.1.3, without brackets
	maxHeader    = 998 // RFC 5322 section 2.1.1
	maxHeaders   = 50
	maxBody      = 10 << 20
	maxMessageID = 200
)

// ownHeaders cannot be given in Message.Headers, nor can any that begins with "content-" or "resent-".
var ownHeaders = map[string]bool{
	"from": true, "to": true, "cc": true, "bcc": true, "sender": true, "reply-to": true, "subject": true, "date": true, "message-id": true,
	"mime-version": true, "received": true, "return-path": true, "delivered-to": true, "dkim-signature": true, "user-agent": true, "x-mailer": true,
}

// check refuses what could be read as something else on its way.
func (m Message) check() error {
	bad := func(field, why string) error {
		return fault.New(fault.Invalid, CodeMalformed, "The mail is not sent: its %s %s.", field, why).In(field)
	}
	for field, a := range map[string]Address{"from": m.From, "to": m.To, "reply_to": m.ReplyTo} {
		if field == "reply_to" && a == (Address{}) {
			continue
		}
		if err := a.check(); err != "" {
			return bad(field, err)
		}
	}
	if m.ReturnPath != "" {
		if err := (Address{Email: m.ReturnPath}).check(); err != "" {
			return bad("return_path", err)
		}
	}
	switch {
	case !oneLine(m.Subject):
		return bad("subject", "is not one line of at most 998 bytes")
	case !validMessageID(m.MessageID):
		return bad("message_id", "is not local@domain")
	case m.Text == "" && m.HTML == "":
		return bad("text", "is empty")
	case len(m.Text)+len(m.HTML) > maxBody:
		return bad("text", "is too long")
	case !utf8.ValidString(m.Text) || !utf8.ValidString(m.HTML):
		return bad("text", "is not UTF-8")
	case len(m.Headers) > maxHeaders:
		return bad("headers", "are too many")
	}
	for name, value := range m.Headers {
		lower := strings.ToLower(name)
		switch {
		case !token(name):
			return bad("headers", "have a name that is no header name")
		case ownHeaders[lower] || strings.HasPrefix(lower, "content-") || strings.HasPrefix(lower, "resent-"):
			return bad("headers", "set one that cannot be set here")
		case !oneLine(value):
			return bad("headers", "have a value that is not one line of at most 998 bytes")
		}
	}
	return nil
}

func (a Address) check() string {
	if len(a.Email) > maxEmail || !oneLine(a.Email) || strings.ContainsAny(a.Email, " \t\"(),:;<>[\\]") {
		return "is not one plain mail address"
	}
	local, domain, found := strings.Cut(a.Email, "@")
	if !found || local == "" || domain == "" || strings.Contains(domain, "@") {
		return "is not one plain mail address"
	}
	if parsed, err := netmail.ParseAddress(a.Email); err != nil || parsed.Address != a.Email {
		return "is not one plain mail address"
	}
	if !oneLine(a.Name) {
		return "has a name that is not one line"
	}
	return ""
}

// oneLine reports a text that fits one header line: UTF-8 without control characters and without the line and paragraph
// separators that some readers break at.
func oneLine(s string) bool {
	return len(s) <= maxHeader && utf8.ValidString(s) && !strings.ContainsFunc(s, func(c rune) bool {
		return unicode.IsControl(c) || c == '\u2028' || c == '\u2029'
	})
}

// OneLine is what a subject or a name shown for an address holds of a text of somebody's: control characters are blanks, what is
// no UTF-8 is gone, and the rest is cut to what a header line takes. A mail is better shown oddly than lost.
func OneLine(s string) string {
	s = strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || c == '\u2028' || c == '\u2029' {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(s, ""))
	if len(s) > maxHeader {
		s = strings.ToValidUTF8(s[:maxHeader], "")
	}
	return strings.TrimSpace(s)
}

func token(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return s != "" && len(s) <= 76
}

func validMessageID(id string) bool {
	local, domain, found := strings.Cut(id, "@")
	if !found || len(id) > maxMessageID {
		return false
	}
	for _, part := range []string{local, domain} {
		for i := 0; i < len(part); i++ {
			c := part[i]
			if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(".!#$%&'*+-/=?^_`{|}~", c) >= 0) {
				return false
			}
		}
		if part == "" || part[0] == '.' || part[len(part)-1] == '.' {
			return false
		}
	}
	return true
}
