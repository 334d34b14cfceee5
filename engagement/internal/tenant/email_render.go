package tenant

import (
	"html"
	"strings"
)

// maxAttributeName bounds how far apart the two %% of a personalisation string may stand, in bytes; farther apart
// they are ordinary text.
const maxAttributeName = 128

// Rendered is an email personalised for one recipient.
type Rendered struct {
	Subject string // one line
	HTML    string
	Text    string
}

// Render personalises the email. Each %%Name%% becomes what value returns for the name, which it gets trimmed and in
// lower case, since attribute names have no case; a name without a value becomes nothing, as Engagement does it.
// Values are HTML-escaped in the HTML body: whoever fills in an attribute does not write the page. A value is never
// searched for further personalisation strings.
func (e Email) Render(value func(name string) string) Rendered {
	return Rendered{
		Subject: oneLine(personalise(e.Subject, value)),
		HTML:    personalise(withPreHeader(e.HTML, e.PreHeader), func(name string) string { return html.EscapeString(value(name)) }),
		Text:    personalise(e.Text, value),
	}
}

// personalise replaces each %%Name%% of the text in one pass.
func personalise(text string, value func(name string) string) string {
	if !strings.Contains(text, "%%") {
		return text
	}
	var b strings.Builder
	b.Grow(len(text))
	for {
		start := strings.Index(text, "%%")
		if start < 0 {
			b.WriteString(text)
			return b.String()
		}
		b.WriteString(text[:start])
		rest := text[start+2:]
		end := strings.Index(rest, "%%")
		name := ""
		if end >= 0 {
			name = strings.TrimSpace(rest[:end])
		}
		if end < 0 || end > maxAttributeName || !attributeName(name) {
			b.WriteString("%%")
			text = rest
			continue
		}
		b.WriteString(value(strings.ToLower(name)))
		text = rest[end+2:]
	}
}

// attributeName reports whether the text between two %% names an attribute: letters, digits, blanks and a few signs.
// "100%% wool and 50%% cotton" must come out as written.
func attributeName(s string) bool {
	if s == "" || s[0] >= '0' && s[0] <= '9' {
		return false
	}
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r > 127:
		case r == ' ', r == '_', r == '-', r == '.', r == ':':
		default:
			return false
		}
	}
	return true
}

// oneLine turns line breaks and other control characters into blanks, so that an attribute cannot start a header.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0x2028 || r == 0x2029 {
			return ' '
		}
		return r
	}, s)
}

// withPreHeader puts the preview text, hidden, at the start of the body.
func withPreHeader(body, preHeader string) string {
	if preHeader == "" || body == "" {
		return body
	}
	hidden := `<div style="display:none;max-height:0;overflow:hidden">` + html.EscapeString(preHeader) + `</div>`
	lower := strings.ToLower(body)
	if i := strings.Index(lower, "<body"); i >= 0 && len(lower) == len(body) {
		if j := strings.IndexByte(body[i:], '>'); j >= 0 {
			return body[:i+j+1] + hidden + body[i+j+1:]
		}
	}
	return hidden + body
}
