package browser

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// Page is what an address answered with, after redirects.
type Page struct {
	URL    *url.URL // where the redirects ended
	Status int
	Title  string
	// Text is the visible text, runs of white space as one space.
	Text  string
	Forms []*Form
}

// Form is one form of a page.
type Form struct {
	Action *url.URL
	Method string // http.MethodGet or http.MethodPost
	Fields []*Field
	page   *url.URL
}

// Field is a control of a form.
type Field struct {
	Name  string
	Type  string // "text", "password", "hidden", "checkbox", "submit", "textarea", "select" …
	Value string
	// Label is a button's text.
	Label        string
	Checked      bool
	Autocomplete string
	Disabled     bool
}

// maxDepth bounds how deeply elements may nest.
const maxDepth = 256

// parse reads a page. What is no HTML has no forms, and its text as it stands.
func parse(at *url.URL, status int, contentType string, r io.Reader) (*Page, error) {
	p := &Page{URL: at, Status: status}
	if t, _, err := mime.ParseMediaType(contentType); err != nil || t != "text/html" {
		data, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		p.Text = strings.Join(strings.Fields(string(data)), " ")
		return p, nil
	}
	root, err := html.Parse(r)
	if err != nil {
		return nil, fmt.Errorf("the page at %s%s: %w", Origin(at), at.Path, err)
	}
	w := walker{page: p, base: at}
	w.walk(root, nil, 0)
	p.Text = strings.Join(strings.Fields(w.text.String()), " ")
	return p, nil
}

type walker struct {
	page *Page
	base *url.URL
	text strings.Builder
}

func (w *walker) walk(n *html.Node, form *Form, depth int) {
	if depth > maxDepth {
		return
	}
	if n.Type == html.TextNode {
		w.text.WriteString(n.Data)
		return
	}
	if n.Type == html.ElementNode {
		switch n.DataAtom {
		case atom.Script, atom.Style, atom.Template, atom.Noscript:
			return
		case atom.Title:
			w.page.Title = strings.Join(strings.Fields(textOf(n)), " ")
			return
		case atom.Form:
			form = w.form(n)
		case atom.Input, atom.Button, atom.Textarea, atom.Select:
			if form != nil {
				form.Fields = append(form.Fields, field(n))
			}
		}
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		w.walk(c, form, depth+1)
	}
	if n.Type == html.ElementNode {
		w.text.WriteByte(' ')
	}
}

func (w *walker) form(n *html.Node) *Form {
	f := &Form{Method: http.MethodGet, Action: w.base, page: w.base}
	if strings.EqualFold(attr(n, "method"), "post") {
		f.Method = http.MethodPost
	}
	if a := attr(n, "action"); a != "" {
		if u, err := w.base.Parse(a); err == nil {
			f.Action = u
		}
	}
	w.page.Forms = append(w.page.Forms, f)
	return f
}

func field(n *html.Node) *Field {
	f := &Field{
		Name: attr(n, "name"), Value: attr(n, "value"), Type: strings.ToLower(attr(n, "type")),
		Checked: has(n, "checked"), Disabled: has(n, "disabled"), Autocomplete: strings.ToLower(attr(n, "autocomplete")),
	}
	switch n.DataAtom {
	case atom.Textarea:
		f.Type, f.Value = "textarea", textOf(n)
	case atom.Select:
		f.Type, f.Value = "select", selected(n)
	case atom.Button:
		if f.Type == "" {
			f.Type = "submit"
		}
		f.Label = strings.Join(strings.Fields(textOf(n)), " ")
	default:
		if f.Type == "" {
			f.Type = "text"
		}
		f.Label = f.Value
	}
	return f
}

func selected(n *html.Node) string {
	value, first := "", true
	for o := range n.Descendants() {
		if o.DataAtom != atom.Option {
			continue
		}
		v := attr(o, "value")
		if !has(o, "value") {
			v = strings.TrimSpace(textOf(o))
		}
		if first || has(o, "selected") {
			value, first = v, false
		}
	}
	return value
}

func textOf(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data)
		}
	}
	return b.String()
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Namespace == "" && a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Namespace == "" && a.Key == name {
			return true
		}
	}
	return false
}

// Field finds a field by name; nil where the form has none.
func (f *Form) Field(name string) *Field {
	for _, x := range f.Fields {
		if x.Name == name {
			return x
		}
	}
	return nil
}

// Password is the form's first password field; nil where it has none.
func (f *Form) Password() *Field {
	for _, x := range f.Fields {
		if x.Type == "password" && x.Name != "" {
			return x
		}
	}
	return nil
}

// asksNewPassword reports whether the form wants more passwords than the present one.
func (f *Form) asksNewPassword() bool {
	n := 0
	for _, x := range f.Fields {
		if x.Type == "password" && x.Name != "" {
			n++
		}
	}
	return n > 1
}

// Username is the field that a person would type a user name into: the one marked so, or else the last text field
// before the password.
func (f *Form) Username() *Field {
	var last *Field
	for _, x := range f.Fields {
		switch {
		case x.Autocomplete == "username" && x.Name != "":
			return x
		case x.Type == "password":
			return last
		case (x.Type == "text" || x.Type == "email") && x.Name != "":
			last = x
		}
	}
	return nil
}

// Button finds a submit button by its text, without regard to case; nil where the form has none.
func (f *Form) Button(label string) *Field {
	for _, x := range f.Fields {
		if (x.Type == "submit" || x.Type == "image") && strings.EqualFold(x.Label, label) {
			return x
		}
	}
	return nil
}

// encode is what a browser would send (HTML, "constructing the entry list"), with values put in.
func (f *Form) encode(values url.Values, button *Field) (url.Values, error) {
	out := url.Values{}
	given := map[string]bool{}
	for name := range values {
		given[name] = true
	}
	pressed := button
	for _, x := range f.Fields {
		if x.Name == "" && x.Type != "submit" || x.Disabled {
			continue
		}
		switch x.Type {
		case "submit", "image":
			if pressed == nil {
				pressed = x
			}
			if x == pressed && x.Name != "" {
				out.Add(x.Name, x.Value)
			}
			continue
		case "button", "reset", "file":
			continue
		case "checkbox", "radio":
			if !given[x.Name] {
				if x.Checked {
					out.Add(x.Name, orOn(x.Value))
				}
				continue
			}
		}
		if v, ok := values[x.Name]; ok {
			if !out.Has(x.Name) {
				out[x.Name] = v
			}
			delete(given, x.Name)
			continue
		}
		out.Add(x.Name, x.Value)
	}
	for name := range given {
		return nil, fmt.Errorf("the form at %s%s has no field %q", Origin(f.page), f.page.Path, name)
	}
	return out, nil
}

func orOn(v string) string {
	if v == "" {
		return "on"
	}
	return v
}
