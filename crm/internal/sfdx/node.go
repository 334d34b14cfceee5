// Package sfdx reads the files of an sfdx project that describe objects and fields (*.object-meta.xml,
// *.field-meta.xml) as changes of an org's customization. What it knows of the elements is the Metadata API's, so the
// same reading serves messages of that API, once they are nodes.
package sfdx

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Node is an element of metadata.
type Node struct {
	Name string // without namespace
	Text string // of an element without children, white space around it removed
	Line int    // where it begins in its file; 0 of what came in no file
	Kids []*Node
}

// Bounds of a file.
const (
	MaxFile  = 1 << 20 // bytes
	maxDepth = 16
	maxNodes = 50_000
)

// Error is a mistake in a file.
type Error struct {
	Path string // as its reader was told
	Line int    // 0: none in particular
	Text string
}

// Error names file and line.
func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Path + ": " + e.Text
	}
	return e.Path + ":" + strconv.Itoa(e.Line) + ": " + e.Text
}

// Parse reads one file. DTDs are refused.
func Parse(path string, text []byte) (*Node, error) {
	if len(text) > MaxFile {
		return nil, &Error{Path: path, Text: fmt.Sprintf("larger than %d bytes", MaxFile)}
	}
	d := xml.NewDecoder(bytes.NewReader(text))
	p := parser{path: path, d: d}
	for {
		line, _ := d.InputPos()
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			var syntax *xml.SyntaxError
			if errors.As(err, &syntax) {
				return nil, &Error{path, syntax.Line, syntax.Msg}
			}
			return nil, &Error{path, line, err.Error()}
		}
		if err := p.take(token); err != nil {
			return nil, err
		}
	}
	if p.root == nil {
		return nil, &Error{Path: path, Line: 1, Text: "no XML"}
	}
	return p.root, nil
}

type parser struct {
	path  string
	d     *xml.Decoder
	root  *Node
	open  []*Node
	count int
}

func (p *parser) bad(text string) error {
	line, _ := p.d.InputPos()
	return &Error{p.path, line, text}
}

func (p *parser) take(token xml.Token) error {
	switch t := token.(type) {
	case xml.Directive:
		return p.bad("document types are not read")
	case xml.StartElement:
		line, _ := p.d.InputPos()
		n := &Node{Name: t.Name.Local, Line: line}
		if p.count++; p.count > maxNodes || len(p.open) >= maxDepth {
			return p.bad("too many elements, or too deep")
		}
		switch {
		case len(p.open) > 0:
			up := p.open[len(p.open)-1]
			up.Kids = append(up.Kids, n)
		case p.root != nil:
			return p.bad("a second root element")
		default:
			p.root = n
		}
		p.open = append(p.open, n)
	case xml.EndElement:
		n := p.open[len(p.open)-1]
		if n.Text = strings.TrimSpace(n.Text); len(n.Kids) > 0 && n.Text != "" {
			return p.bad("text beside elements in <" + n.Name + ">")
		}
		p.open = p.open[:len(p.open)-1]
	case xml.CharData:
		if len(p.open) > 0 {
			p.open[len(p.open)-1].Text += string(t)
		}
	}
	return nil
}

// kid finds the first child of the name; nil where there is none.
func (n *Node) kid(name string) *Node {
	if n != nil {
		for _, k := range n.Kids {
			if k.Name == name {
				return k
			}
		}
	}
	return nil
}

// value is the text at the end of a path of children; "" where there is none.
func (n *Node) value(path ...string) string {
	for _, name := range path {
		n = n.kid(name)
	}
	if n == nil {
		return ""
	}
	return n.Text
}
