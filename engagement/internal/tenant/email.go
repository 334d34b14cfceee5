package tenant

import (
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/net/html"

	"github.com/twinspan/twinspan/internal/fault"
)

// Limits of an email's parts, in bytes. Engagement documents 200 characters for names and subjects and 100 KB as the
// size beyond which mail clients cut an email; the last is a refusal here so that a job's memory stays bounded.
const (
	MaxEmailName    = 200
	MaxEmailSubject = 1000
	MaxEmailBody    = 1 << 20
)

// Codes of the faults that emails raise.
const (
	// CodeInvalidEmail: an email that cannot be stored or rendered.
	CodeInvalidEmail fault.Code = "invalid_email"
	// CodeUnsupportedContent: an email with AMPscript or another server language, which is not run here.
	CodeUnsupportedContent fault.Code = "unsupported_content"
)

// Email is the content of a message: a subject and one or two bodies with personalisation strings such as
// %%First Name%% (engagement-wire 3, object Email). A business unit owns it.
type Email struct {
	Tenant      EID
	MID         MID
	ID          int64  // nine digits, unique in the tenant; 0 before it is stored
	ObjectID    string // GUID; "" before it is stored
	CustomerKey string // external key, unique in the business unit without regard to case; at most 100 characters
	Name        string
	Subject     string
	PreHeader   string
	HTML        string // "" when the email is text only
	Text        string // "" when the email is HTML only
	Created     time.Time
	Modified    time.Time
}

// Head is what is known of the email without its content.
func (e Email) Head() EmailHead {
	return EmailHead{
		Tenant: e.Tenant, MID: e.MID, ID: e.ID, ObjectID: e.ObjectID, CustomerKey: e.CustomerKey, Name: e.Name,
		HTMLBytes: len(e.HTML), TextBytes: len(e.Text), Created: e.Created, Modified: e.Modified,
	}
}

// Validate reports what keeps the email from being stored.
func (e Email) Validate() error {
	switch {
	case e.CustomerKey == "" || len(e.CustomerKey) > MaxKey:
		return fault.New(fault.Invalid, CodeInvalidEmail, "An email needs a customer key of at most %d bytes.", MaxKey).In("CustomerKey")
	case e.Name == "" || len(e.Name) > MaxEmailName:
		return fault.New(fault.Invalid, CodeInvalidEmail, "An email needs a name of at most %d bytes.", MaxEmailName).In("Name")
	case e.Subject == "" || len(e.Subject) > MaxEmailSubject || strings.ContainsAny(e.Subject, "\r\n"):
		return fault.New(fault.Invalid, CodeInvalidEmail, "An email needs a subject of one line and at most %d bytes.", MaxEmailSubject).In("Subject")
	case e.HTML == "" && e.Text == "":
		return fault.New(fault.Invalid, CodeInvalidEmail, "An email needs an HTML body, a text body or both.").In("HTMLBody")
	case len(e.HTML) > MaxEmailBody || len(e.Text) > MaxEmailBody:
		return fault.New(fault.TooLarge, CodeInvalidEmail, "A body may have at most %d bytes.", MaxEmailBody).In("HTMLBody")
	}
	for field, part := range map[string]string{"Subject": e.Subject, "PreHeader": e.PreHeader, "HTMLBody": e.HTML, "TextBody": e.Text} {
		if !utf8.ValidString(part) {
			return fault.New(fault.Invalid, CodeInvalidEmail, "The text is not valid UTF-8.").In(field)
		}
		if usesScript(part) {
			return fault.New(fault.Invalid, CodeUnsupportedContent, "AMPscript and server-side script are not run here; use %%%%Attribute Name%%%% personalisation strings.").In(field)
		}
	}
	return nil
}

// usesScript reports whether the text holds AMPscript (%%[ or %%=) or a script that servers run. Delivering such a text
// as it stands would show the recipient program code.
func usesScript(text string) bool {
	return strings.Contains(text, "%%[") || strings.Contains(text, "%%=") || runsOnServer(text)
}

// scriptBudget bounds the bytes that are read as script tags in a text that speaks of runat, in bytes: many times what
// a page's own tags take. A text on which it is used up is taken for a program.
const scriptBudget = 8 << 20

// runsOnServer reports a script tag whose attribute runat is server. Servers look for it before anybody reads the text as
// HTML, so it counts in comments and wherever else browsers would see no tag.
func runsOnServer(text string) bool {
	folded := strings.Map(func(r rune) rune { // keeps the length, which lower case of other letters might not
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, text)
	if !strings.Contains(folded, "runat") { // attribute names have no entities
		return false
	}
	budget := scriptBudget
	for at := 0; ; at += len("<script") {
		i := strings.Index(folded[at:], "<script")
		if i < 0 {
			return false
		}
		at += i
		z := html.NewTokenizer(strings.NewReader(text[at:]))
		if z.Next() == html.ErrorToken {
			budget -= len(text) - at // the tag has no end, unless it begins later
		} else {
			budget -= len(z.Raw())
			if t := z.Token(); t.Data == "script" && serverAttribute(t.Attr) {
				return true
			}
		}
		if budget <= 0 {
			return true
		}
	}
}

func serverAttribute(attributes []html.Attribute) bool {
	for _, a := range attributes {
		if a.Key == "runat" && strings.EqualFold(strings.TrimSpace(a.Val), "server") {
			return true
		}
	}
	return false
}
