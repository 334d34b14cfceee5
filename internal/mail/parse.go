package mail

import (
	"bytes"
	"io"
	"strings"
	"time"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset" // decoders for mails that are not UTF-8
)

// Bounds of what parse looks at.
const (
	maxPartDepth = 8
	maxParts     = 64
	maxPartText  = 1 << 20
	maxShown     = 200     // lines of the header
	maxValue     = 4 << 10 // bytes of one of them
)

// receivedFormat is the date of a Received line, to the millisecond where RFC 5322 ends at the second: it is ours.
const receivedFormat = "Mon, 02 Jan 2006 15:04:05.000 -0700"

// parse reads a stored mail: the envelope from the lines that the inbox wrote on top, the rest from the message. A
// message that is not well-formed gives what can be read of it: the inbox keeps everything it accepted.
func parse(data []byte) Mail {
	m := Mail{Size: int64(len(data)), EnvelopeTo: []string{}}
	rest := m.envelope(data)
	e, err := message.Read(bytes.NewReader(rest))
	if e == nil || err != nil && !message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err) {
		return m
	}
	m.From = headerText(e, "From")
	m.To = headerText(e, "To")
	m.Subject = headerText(e, "Subject")
	m.MessageID = strings.Trim(e.Header.Get("Message-Id"), "<> ")
	m.Headers = headers(e)
	parts := 0
	m.bodies(e, 0, &parts)
	return m
}

// headers are the lines of the message's header in their order.
func headers(e *message.Entity) []Header {
	var out []Header
	for fields := e.Header.Fields(); fields.Next() && len(out) < maxShown; {
		value, err := fields.Text()
		if err != nil { // an unknown charset: as it came
			value = fields.Value()
		}
		if len(value) > maxValue {
			value = value[:maxValue] + "…"
		}
		out = append(out, Header{strings.ToValidUTF8(fields.Key(), "\uFFFD"), strings.ToValidUTF8(value, "\uFFFD")})
	}
	return out
}

// envelope reads the inbox's own lines and returns what follows them. They end with the Received line, so lines of the
// same names in the message mean nothing.
func (m *Mail) envelope(data []byte) []byte {
	rest := data
	for {
		line, after, found := bytes.Cut(rest, []byte("\r\n"))
		name, value, colon := strings.Cut(string(line), ": ")
		if !found || !colon {
			return data
		}
		rest = after
		switch name {
		case "Return-Path":
			m.EnvelopeFrom = strings.TrimSuffix(strings.TrimPrefix(value, "<"), ">")
		case "Delivered-To":
			m.EnvelopeTo = append(m.EnvelopeTo, value)
		case "Received":
			_, date, _ := strings.Cut(value, "; ")
			if t, err := time.Parse(receivedFormat, date); err == nil {
				m.Received = t.UTC()
			}
			return rest
		default:
			return data
		}
	}
}

func headerText(e *message.Entity, name string) string {
	text, err := e.Header.Text(name)
	if err != nil { // an unknown charset: as it came
		text = e.Header.Get(name)
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// bodies walks over the parts and keeps the first plain and the first HTML text that is no attachment.
func (m *Mail) bodies(e *message.Entity, depth int, parts *int) {
	if depth > maxPartDepth || *parts > maxParts {
		return
	}
	*parts++
	if mr := e.MultipartReader(); mr != nil {
		for {
			part, err := mr.NextPart()
			if part == nil || err != nil && !message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err) {
				return
			}
			m.bodies(part, depth+1, parts)
			if *parts > maxParts {
				return
			}
		}
	}
	kind, _, err := e.Header.ContentType()
	if err != nil {
		kind = "text/plain" // RFC 2045 section 5.2: what cannot be understood is plain text
	}
	if disposition, _, err := e.Header.ContentDisposition(); err == nil && disposition == "attachment" {
		return
	}
	into := &m.Text
	switch {
	case kind == "text/html":
		into = &m.HTML
	case kind != "text/plain" && kind != "":
		return
	}
	if *into != "" {
		return
	}
	text, err := io.ReadAll(io.LimitReader(e.Body, maxPartText))
	if err != nil && len(text) == 0 {
		return
	}
	*into = strings.ReplaceAll(strings.ToValidUTF8(string(text), "\uFFFD"), "\r\n", "\n")
}
