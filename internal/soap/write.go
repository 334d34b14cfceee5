package soap

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"strings"
)

// Style is how a writer's envelope looks. Clients match literal prefixes (crm-wire 0.9, engagement-wire 0.3), so they
// are part of each house's contract.
type Style struct {
	Prefix  string  // of Envelope, Header, Body and Fault: "soapenv", "soap", "" for a default namespace
	Version Version // whose namespace the prefix is bound to
	// Attrs are further attributes of the Envelope, names and values in turn: "xmlns:xsi", soap.NamespaceXSI.
	Attrs []string
}

// Writer builds an envelope element by element. Texts and attribute values are escaped; element and attribute names must
// be ASCII names with at most one colon. The first mistake makes Bytes return an error.
type Writer struct {
	style Style
	b     bytes.Buffer
	stack []string
	err   error
}

// NewWriter begins an envelope. Write a header with OpenHeader … Close where wanted, then OpenBody, then elements; Bytes
// closes what is open.
func NewWriter(style Style) *Writer {
	w := &Writer{style: style}
	w.b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>`)
	declare := "xmlns"
	if style.Prefix != "" {
		declare = "xmlns:" + style.Prefix
	}
	w.Open(w.soapName("Envelope"), append([]string{declare, style.Version.Namespace()}, style.Attrs...)...)
	return w
}

func (w *Writer) soapName(local string) string {
	if w.style.Prefix == "" {
		return local
	}
	return w.style.Prefix + ":" + local
}

// OpenHeader opens the Header; Close ends it.
func (w *Writer) OpenHeader(attrs ...string) { w.Open(w.soapName("Header"), attrs...) }

// OpenBody opens the Body.
func (w *Writer) OpenBody() { w.Open(w.soapName("Body")) }

// Open opens an element with attributes, names and values in turn.
func (w *Writer) Open(name string, attrs ...string) {
	w.tag(name, attrs)
	w.b.WriteByte('>')
	w.stack = append(w.stack, name)
}

// Close ends the element opened last.
func (w *Writer) Close() {
	if len(w.stack) == 0 {
		w.fail(errors.New("soap: Close without Open"))
		return
	}
	last := len(w.stack) - 1
	w.b.WriteString("</" + w.stack[last] + ">")
	w.stack = w.stack[:last]
}

// Text writes a whole element that holds a text.
func (w *Writer) Text(name, text string, attrs ...string) {
	if text == "" {
		w.Empty(name, attrs...)
		return
	}
	w.tag(name, attrs)
	w.b.WriteByte('>')
	w.escape(text)
	w.b.WriteString("</" + name + ">")
}

// Empty writes an element without contents.
func (w *Writer) Empty(name string, attrs ...string) {
	w.tag(name, attrs)
	w.b.WriteString("/>")
}

// Nil writes an element that is xsi:nil. The envelope must declare xsi.
func (w *Writer) Nil(name string) { w.Empty(name, "xsi:nil", "true") }

// Element writes an element as it was read, without prefixes: under its namespace where that differs from the one the
// caller says its surroundings have, with xsi:type by local name and xsi:nil, and no other attributes. Vendors echo the
// objects of a request this way.
func (w *Writer) Element(e *Element, surrounding string) {
	var attrs []string
	if e.Space != surrounding {
		attrs = append(attrs, "xmlns", e.Space)
	}
	if t := e.XSIType(); t != "" {
		attrs = append(attrs, "xsi:type", t)
	}
	if e.Nil() {
		attrs = append(attrs, "xsi:nil", "true")
	}
	if len(e.Children) == 0 {
		w.Text(e.Local, e.Text, attrs...)
		return
	}
	w.Open(e.Local, attrs...)
	w.escape(e.Text)
	for _, c := range e.Children {
		w.Element(c, e.Space)
	}
	w.Close()
}

// Fault writes a SOAP 1.1 fault, whose children have no prefix: faultcode with attributes (a declaration for its
// prefix), faultstring, faultactor where actor is not "", and a detail whose contents detail writes; none where nil.
// Both vendors use this shape under SOAP 1.2 too.
func (w *Writer) Fault(code string, codeAttrs []string, text, actor string, detail func()) {
	w.Open(w.soapName("Fault"))
	w.Text("faultcode", code, codeAttrs...)
	w.Text("faultstring", text)
	if actor != "" {
		w.Text("faultactor", actor)
	}
	if detail != nil {
		w.Open("detail")
		detail()
		w.Close()
	}
	w.Close()
}

// Bytes closes what is open and returns the text. The writer must not be used after it.
func (w *Writer) Bytes() ([]byte, error) {
	for len(w.stack) > 0 {
		w.Close()
	}
	if w.err != nil {
		return nil, w.err
	}
	return w.b.Bytes(), nil
}

func (w *Writer) tag(name string, attrs []string) {
	w.checkName(name)
	w.b.WriteString("<" + name)
	if len(attrs)%2 != 0 {
		w.fail(fmt.Errorf("soap: element %s has an attribute without a value", name))
		return
	}
	for i := 0; i < len(attrs); i += 2 {
		w.checkName(attrs[i])
		w.b.WriteString(" " + attrs[i] + `="`)
		w.escape(attrs[i+1])
		w.b.WriteByte('"')
	}
}

func (w *Writer) escape(text string) {
	if err := xml.EscapeText(&w.b, []byte(text)); err != nil { // a buffer takes everything
		w.fail(err)
	}
}

func (w *Writer) checkName(name string) {
	if !ValidName(name) {
		w.fail(fmt.Errorf("soap: %q is no element or attribute name", name))
	}
}

func (w *Writer) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// ValidName reports whether a writer takes name as the name of an element or attribute: ASCII letters, digits, "_", "-"
// and ".", beginning with a letter or "_", with at most one prefix.
func ValidName(name string) bool {
	prefix, local, found := strings.Cut(name, ":")
	if found {
		return validPart(prefix) && validPart(local)
	}
	return validPart(prefix)
}

func validPart(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_':
		case i > 0 && (c >= '0' && c <= '9' || c == '-' || c == '.'):
		default:
			return false
		}
	}
	return s != ""
}
