package mail

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/textproto"
	"strconv"
	"strings"

	"github.com/emersion/go-message"
	gomail "github.com/wneessen/go-mail"
)

// Rejection is a mail server's word on one recipient.
type Rejection struct {
	Code   string // enhanced status (RFC 3463) such as "5.1.1", or SMTP's three digits where the server gave no other
	Reason string // the server's words; any text
}

// RejectionOf tells whether an error of Send is the server's word on the recipient or the message, and not on us or the
// sender's address: an answer to RCPT or to the message's text.
func RejectionOf(err error) (Rejection, bool) {
	sent, ok := errors.AsType[*gomail.SendError](err)
	if !ok || sent.ErrorCode() < 400 || sent.Reason != gomail.ErrSMTPRcptTo && sent.Reason != gomail.ErrSMTPDataClose {
		return Rejection{}, false
	}
	r := Rejection{Code: sent.EnhancedStatusCode(), Reason: sent.Error()}
	if r.Code == "" {
		r.Code = strconv.Itoa(sent.ErrorCode())
	}
	if text := reply(sent); text != "" {
		r.Reason = text
		// Servers write the enhanced status before the text, also where they do not announce it.
		if word, _, _ := strings.Cut(text, " "); enhanced(word) {
			r.Code = word
		}
	}
	if sent.Reason == gomail.ErrSMTPDataClose && sent.ErrorCode() >= 500 && !strings.Contains(r.Code, ".") {
		r.Code = "5.6.0" // refused for its content (RFC 3463 section 3.7), though the server did not say so in digits
	}
	return r, true
}

// enhanced reports a status of RFC 3463 that tells of a failure: class 4 or 5, then subject and detail.
func enhanced(s string) bool {
	class, rest, _ := strings.Cut(s, ".")
	subject, detail, ok := strings.Cut(rest, ".")
	return ok && (class == "4" || class == "5") && digits(subject) && digits(detail)
}

func digits(s string) bool {
	return s != "" && len(s) <= 3 && strings.Trim(s, "0123456789") == ""
}

// reply is the server's own text, which the library keeps inside the text of its error: 550 "no such user", affected ….
func reply(sent *gomail.SendError) string {
	_, text, ok := strings.Cut(sent.Error(), strconv.Itoa(sent.ErrorCode())+" ")
	if !ok {
		return ""
	}
	if quoted, err := strconv.QuotedPrefix(text); err == nil {
		if plain, err := strconv.Unquote(quoted); err == nil {
			return plain
		}
	}
	text, _, _ = strings.Cut(text, ", affected ")
	return text
}

// Bounds of a delivery status notification.
const (
	maxReport      = 64 << 10
	maxReportParts = 16
)

// ParseReport reads a delivery status notification (RFC 3464) and returns what it says of the first recipient whose
// delivery failed; false for any other mail: delays, successes and people's answers.
func ParseReport(data []byte) (Rejection, bool) {
	e, err := message.Read(bytes.NewReader(data))
	if e == nil || err != nil && !message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err) {
		return Rejection{}, false
	}
	kind, parameters, err := e.Header.ContentType()
	if err != nil || kind != "multipart/report" || !strings.EqualFold(parameters["report-type"], "delivery-status") {
		return Rejection{}, false
	}
	parts := e.MultipartReader()
	if parts == nil {
		return Rejection{}, false
	}
	for range maxReportParts {
		part, err := parts.NextPart()
		if err != nil {
			return Rejection{}, false
		}
		kind, _, err := part.Header.ContentType()
		if err != nil || kind != "message/delivery-status" && kind != "message/global-delivery-status" {
			continue
		}
		body, err := io.ReadAll(io.LimitReader(part.Body, maxReport))
		if err != nil {
			return Rejection{}, false
		}
		return failedRecipient(body)
	}
	return Rejection{}, false
}

// failedRecipient reads the groups of fields: one of the message, then one of each recipient.
func failedRecipient(body []byte) (Rejection, bool) {
	r := textproto.NewReader(bufio.NewReader(bytes.NewReader(append(body, "\r\n\r\n"...))))
	for range maxReportParts {
		fields, err := r.ReadMIMEHeader()
		if strings.EqualFold(strings.TrimSpace(fields.Get("Action")), "failed") {
			status, _, _ := strings.Cut(strings.TrimSpace(fields.Get("Status")), " ")
			if !enhanced(status) {
				status = "5.0.0"
			}
			_, reason, found := strings.Cut(fields.Get("Diagnostic-Code"), ";")
			if !found {
				reason = fields.Get("Diagnostic-Code")
			}
			return Rejection{Code: status, Reason: strings.TrimSpace(reason)}, true
		}
		if err != nil {
			return Rejection{}, false
		}
	}
	return Rejection{}, false
}
