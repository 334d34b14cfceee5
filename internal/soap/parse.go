package soap

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"strings"

	"github.com/twinspan/twinspan/internal/fault"
)

// Limits bound what Parse reads. Zero fields mean the defaults given.
type Limits struct {
	Bytes      int64 // of the whole text, default 10 MB
	Depth      int   // of nested elements, the Envelope being 1; default 64
	Elements   int   // in all, default 200,000
	Attributes int   // of one element, declarations included, and namespaces in scope of one; default 256
	Text       int   // bytes of one element's text or one attribute, default Bytes
}

// Default limits.
const (
	defaultBytes      = 10 << 20
	defaultDepth      = 64
	defaultElements   = 200_000
	defaultAttributes = 256
)

func (l Limits) orDefaults() Limits {
	if l.Bytes <= 0 {
		l.Bytes = defaultBytes
	}
	if l.Depth <= 0 {
		l.Depth = defaultDepth
	}
	if l.Elements <= 0 {
		l.Elements = defaultElements
	}
	if l.Attributes <= 0 {
		l.Attributes = defaultAttributes
	}
	if l.Text <= 0 {
		l.Text = int(l.Bytes)
	}
	return l
}

// Parse reads one envelope and everything up to the end of r. Errors are faults: TooLarge over a limit, Invalid
// otherwise; an error of r itself comes back as it is.
func Parse(r io.Reader, limits Limits) (*Envelope, error) {
	root, err := ParseDocument(r, limits)
	if err != nil {
		return nil, err
	}
	return envelope(root)
}

// ParseDocument reads one XML document that is no envelope, as Parse does, and returns its root.
func ParseDocument(r io.Reader, limits Limits) (*Element, error) {
	limits = limits.orDefaults()
	src := &source{r: r, left: limits.Bytes}
	root, err := parseTree(src, limits)
	switch {
	case src.over: // whatever the parser made of the cut
		return nil, tooLarge("bytes", limits.Bytes)
	case src.err != nil:
		return nil, src.err
	case err != nil:
		return nil, err
	}
	return root, nil
}

// source counts the bytes read and keeps what went wrong, since the XML decoder mixes both into its own errors.
type source struct {
	r    io.Reader
	left int64
	over bool
	err  error
}

func (s *source) Read(p []byte) (int, error) {
	if s.left < 0 {
		s.over = true
		return 0, io.EOF
	}
	if int64(len(p)) > s.left+1 {
		p = p[:s.left+1]
	}
	n, err := s.r.Read(p)
	if s.left -= int64(n); s.left < 0 {
		s.over = true
		return 0, io.EOF
	}
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

func envelope(root *Element) (*Envelope, error) {
	e := &Envelope{}
	switch {
	case root.Local != "Envelope":
		return nil, malformed("The root element is not Envelope.")
	case root.Space == NamespaceSOAP11:
	case root.Space == NamespaceSOAP12:
		e.Version = SOAP12
	default:
		return nil, malformed("The Envelope is of no SOAP namespace.")
	}
	for _, c := range root.Children {
		if c.Space != root.Space {
			return nil, malformed("The Envelope holds an element that is not of its namespace.")
		}
		part := &e.Header
		switch c.Local {
		case "Header":
		case "Body":
			part = &e.Body
		default:
			return nil, malformed("The Envelope holds an element that is neither Header nor Body.")
		}
		if *part != nil {
			return nil, fault.New(fault.Invalid, CodeRepeated, "The Envelope holds the element twice.").In(c.Local)
		}
		*part = c
	}
	if e.Body == nil {
		return nil, malformed("The Envelope has no Body.")
	}
	if len(e.Body.Children) > 1 {
		return nil, fault.New(fault.Invalid, CodeRepeated, "The Body holds more than one operation.").In("Body")
	}
	return e, nil
}

func malformed(format string, args ...any) *fault.Error {
	return fault.New(fault.Invalid, CodeMalformed, format, args...)
}

func forbidden(what string) *fault.Error {
	return fault.New(fault.Invalid, CodeForbidden, "The XML holds %s, which is not taken.", what)
}

func tooLarge(what string, limit int64) *fault.Error {
	return fault.New(fault.TooLarge, CodeTooLarge, "The XML has more than %d %s.", limit, what)
}

// open is an element whose end has not been read.
type open struct {
	element  *Element
	prefix   string
	text     []byte
	comment  bool              // a comment was seen among its text
	bindings map[string]string // prefix to namespace, "" the default; shared with the parent where nothing is declared
}

var (
	utf8BOM       = []byte("\xef\xbb\xbf")
	errEncoding   = errors.New("encoding")
	rootNamespace = map[string]string{"xml": NamespaceXML}
)

// parseTree reads one element and its contents. It resolves namespaces itself on raw tokens: the decoder's own
// resolution takes an undeclared prefix for a namespace URI.
func parseTree(r io.Reader, limits Limits) (*Element, error) {
	in := bufio.NewReader(r)
	if head, _ := in.Peek(len(utf8BOM)); bytes.Equal(head, utf8BOM) { // a short text fails below
		if _, err := in.Discard(len(utf8BOM)); err != nil {
			return nil, err
		}
	}
	dec := xml.NewDecoder(in)
	dec.CharsetReader = func(string, io.Reader) (io.Reader, error) { return nil, errEncoding }
	var root *Element
	var stack []*open
	elements := 0
	first := true
	for {
		token, err := dec.RawToken()
		switch {
		case errors.Is(err, io.EOF) && root != nil && len(stack) == 0:
			return root, nil
		case errors.Is(err, io.EOF):
			return nil, malformed("The XML ends too early.")
		case errors.Is(err, errEncoding):
			return nil, forbidden("an encoding other than UTF-8")
		case err != nil:
			// The decoder's text can quote the input; only its place is of use.
			line, column := dec.InputPos()
			return nil, malformed("The XML is not well-formed at line %d, column %d.", line, column)
		}
		declarationAllowed := first
		first = false
		switch t := token.(type) {
		case xml.Directive:
			return nil, forbidden("a document type declaration")
		case xml.ProcInst:
			if t.Target != "xml" || !declarationAllowed {
				return nil, forbidden("a processing instruction")
			}
		case xml.Comment:
			if len(stack) > 0 {
				stack[len(stack)-1].comment = true
			}
		case xml.CharData:
			if len(stack) == 0 {
				if len(bytes.TrimSpace(t)) > 0 {
					return nil, malformed("There is text outside the root element.")
				}
				continue
			}
			top := stack[len(stack)-1]
			if len(top.text)+len(t) > limits.Text {
				return nil, tooLarge("bytes in one text", int64(limits.Text))
			}
			top.text = append(top.text, t...)
		case xml.StartElement:
			if root != nil && len(stack) == 0 {
				return nil, malformed("There is an element after the root element.")
			}
			if len(stack) == limits.Depth {
				return nil, tooLarge("levels", int64(limits.Depth))
			}
			if elements++; elements > limits.Elements {
				return nil, tooLarge("elements", int64(limits.Elements))
			}
			bindings := rootNamespace
			if len(stack) > 0 {
				bindings = stack[len(stack)-1].bindings
			}
			o, err := start(t, bindings, limits)
			if err != nil {
				return nil, err
			}
			if len(stack) == 0 {
				root = o.element
			} else {
				parent := stack[len(stack)-1].element
				parent.Children = append(parent.Children, o.element)
			}
			stack = append(stack, o)
		case xml.EndElement:
			if len(stack) == 0 {
				return nil, malformed("An element ends that has not begun.")
			}
			top := stack[len(stack)-1]
			if top.element.Local != t.Name.Local || top.prefix != t.Name.Space {
				return nil, malformed("An element's end does not fit its beginning.")
			}
			if err := top.finish(); err != nil {
				return nil, err
			}
			stack = stack[:len(stack)-1]
		}
	}
}

// start makes an element of a raw start tag.
func start(t xml.StartElement, bindings map[string]string, limits Limits) (*open, error) {
	if len(t.Attr) > limits.Attributes {
		return nil, tooLarge("attributes on one element", int64(limits.Attributes))
	}
	declared := 0
	copied := false
	for _, a := range t.Attr {
		if len(a.Value) > limits.Text {
			return nil, tooLarge("bytes in one attribute", int64(limits.Text))
		}
		prefix := ""
		switch {
		case a.Name.Space == "" && a.Name.Local == "xmlns":
		case a.Name.Space == "xmlns":
			if prefix = a.Name.Local; prefix == "xmlns" || prefix == "xml" || a.Value == "" {
				return nil, malformed("A namespace declaration is not allowed.")
			}
		default:
			continue
		}
		if !copied {
			bindings = maps.Clone(bindings)
			copied = true
		}
		bindings[prefix] = a.Value
		declared++
	}
	if len(bindings) > limits.Attributes { // what one element copies stays bounded, however deep it is
		return nil, tooLarge("namespaces in scope", int64(limits.Attributes))
	}
	o := &open{element: &Element{Local: t.Name.Local}, prefix: t.Name.Space, bindings: bindings}
	if o.element.Space = bindings[o.prefix]; o.element.Space == "" && o.prefix != "" {
		return nil, malformed("A prefix is not declared.")
	}
	if declared == len(t.Attr) {
		return o, distinct(t.Attr, nil)
	}
	o.element.Attrs = make([]Attr, 0, len(t.Attr)-declared)
	for _, a := range t.Attr {
		if a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns" {
			continue
		}
		attr := Attr{Local: a.Name.Local, Value: a.Value}
		if a.Name.Space != "" {
			if attr.Space = bindings[a.Name.Space]; attr.Space == "" {
				return nil, malformed("A prefix is not declared.")
			}
		}
		o.element.Attrs = append(o.element.Attrs, attr)
	}
	return o, distinct(t.Attr, o.element.Attrs)
}

// distinct refuses an attribute that comes twice, by its written or by its resolved name.
func distinct(raw []xml.Attr, resolved []Attr) error {
	if len(raw) < 2 {
		return nil
	}
	type name struct{ space, local string }
	seen := make(map[name]bool, len(raw))
	for _, a := range raw {
		n := name{a.Name.Space, a.Name.Local}
		if seen[n] {
			return malformed("An attribute comes twice.")
		}
		seen[n] = true
	}
	clear(seen)
	for _, a := range resolved {
		n := name{a.Space, a.Local}
		if seen[n] {
			return malformed("An attribute comes twice.")
		}
		seen[n] = true
	}
	return nil
}

// finish sets an element's text. A comment inside a text is refused: readers that stop at it and readers that join
// around it would see two different user names.
func (o *open) finish() error {
	text := string(o.text)
	if strings.TrimSpace(text) == "" {
		if len(o.element.Children) == 0 {
			o.element.Text = text
		}
		return nil
	}
	if o.comment {
		return forbidden("a comment inside a text")
	}
	o.element.Text = text
	return nil
}
