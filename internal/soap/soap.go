// Package soap reads and writes SOAP 1.1 and 1.2 envelopes, as bytes fixed by the standards: it knows no operation of
// any vendor.
//
// Reading is lenient where clients differ and nothing hangs on it: any prefixes, Header after Body, either version,
// message elements found by local name (crm-wire 2.1, engagement-wire 0.4 and 9.2). It is strict where two readers could
// see different things: no DTD, UTF-8 alone, nothing before or after the envelope, one Body with one operation, no
// undeclared prefix, no text split by a comment, and bounds on bytes, depth, elements and attributes.
//
// Writing escapes every text and attribute, and uses the literal prefixes that clients look for.
package soap

import (
	"strings"

	"github.com/twinspan/twinspan/internal/fault"
)

// Namespaces of the standards.
const (
	NamespaceSOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
	NamespaceSOAP12 = "http://www.w3.org/2003/05/soap-envelope"
	NamespaceXSI    = "http://www.w3.org/2001/XMLSchema-instance"
	NamespaceXSD    = "http://www.w3.org/2001/XMLSchema"
	NamespaceXML    = "http://www.w3.org/XML/1998/namespace"
)

// Version is the version of SOAP that an envelope's namespace tells; the content type tells nothing (engagement-wire 3).
type Version int

// The two versions.
const (
	SOAP11 Version = iota
	SOAP12
)

// Namespace is the envelope namespace of the version.
func (v Version) Namespace() string {
	if v == SOAP12 {
		return NamespaceSOAP12
	}
	return NamespaceSOAP11
}

// Codes of the faults that this package returns.
const (
	// CodeMalformed: the text is not well-formed XML, or not a SOAP envelope as this package takes them (kind Invalid).
	CodeMalformed fault.Code = "malformed_envelope"
	// CodeForbidden: a construct that is refused on purpose: DTD, processing instruction, another encoding (kind Invalid).
	CodeForbidden fault.Code = "forbidden_xml"
	// CodeTooLarge: over a limit on bytes, depth, elements, attributes or text (kind TooLarge).
	CodeTooLarge fault.Code = "envelope_too_large"
	// CodeRepeated: an element that may be there once comes twice (kind Invalid, Field names it).
	CodeRepeated fault.Code = "repeated_element"
)

// Envelope is a SOAP message.
type Envelope struct {
	Version Version
	Header  *Element // nil where there is none
	Body    *Element // never nil; at most one child
}

// Operation is the element in the Body, by which a server dispatches; nil in an empty Body.
func (e *Envelope) Operation() *Element {
	if len(e.Body.Children) == 0 {
		return nil
	}
	return e.Body.Children[0]
}

// Element is an element of a message. Text is its own character data without that of its children; of an element with
// children it is kept only where it is more than white space.
type Element struct {
	Space    string // namespace URI, "" for none
	Local    string
	Attrs    []Attr // without namespace declarations
	Text     string
	Children []*Element
}

// Attr is an attribute. Space is "" for one without prefix.
type Attr struct {
	Space string
	Local string
	Value string
}

// Find walks down by local names, taking the first child of each name, and returns the last; nil where one is missing
// or e is nil.
func (e *Element) Find(path ...string) *Element {
	for _, local := range path {
		if e == nil {
			return nil
		}
		var next *Element
		for _, c := range e.Children {
			if c.Local == local {
				next = c
				break
			}
		}
		e = next
	}
	return e
}

// All returns the children of the local name, in order.
func (e *Element) All(local string) []*Element {
	if e == nil {
		return nil
	}
	var out []*Element
	for _, c := range e.Children {
		if c.Local == local {
			out = append(out, c)
		}
	}
	return out
}

// Value is the text at the end of Find(path...) without white space around it; "" where there is no such element.
// Secrets, whose white space counts, are read from Text.
func (e *Element) Value(path ...string) string {
	if e = e.Find(path...); e == nil {
		return ""
	}
	return strings.TrimSpace(e.Text)
}

// One returns the only child of the local name, nil where there is none, and a fault with code "repeated_element" where
// there are more. Use it for what decides identity: user names, passwords, tokens.
func (e *Element) One(local string) (*Element, error) {
	switch found := e.All(local); len(found) {
	case 0:
		return nil, nil
	case 1:
		return found[0], nil
	default:
		return nil, fault.New(fault.Invalid, CodeRepeated, "The element comes more than once.").In(local)
	}
}

// Attr is the value of the attribute of the local name in any namespace; "" where there is none.
func (e *Element) Attr(local string) string {
	if e == nil {
		return ""
	}
	for _, a := range e.Attrs {
		if a.Local == local {
			return a.Value
		}
	}
	return ""
}

// XSIType is the local part of xsi:type: "TriggeredSend" for "ns1:TriggeredSend". "" where there is none.
func (e *Element) XSIType() string {
	v := e.xsi("type")
	if i := strings.LastIndexByte(v, ':'); i >= 0 {
		v = v[i+1:]
	}
	return v
}

// Nil reports xsi:nil="true".
func (e *Element) Nil() bool {
	v := e.xsi("nil")
	return v == "true" || v == "1"
}

func (e *Element) xsi(local string) string {
	if e == nil {
		return ""
	}
	for _, a := range e.Attrs {
		if a.Local == local && a.Space == NamespaceXSI {
			return strings.TrimSpace(a.Value)
		}
	}
	return ""
}
