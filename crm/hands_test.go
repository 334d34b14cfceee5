package crm_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// hands is somebody at a page: he follows links, fills in fields and presses buttons by what they are called, and knows no
// address but the first.
type hands struct {
	*person
	t      *testing.T
	status int
	at     *url.URL
	doc    *html.Node
}

// handsOf signs a user in and shows him his first page.
func (h *house) handsOf(t *testing.T, username, password string) *hands {
	t.Helper()
	p := &hands{person: h.person(t), t: t}
	p.open("/")
	p.fill("Username", username)
	p.fill("Password", password)
	p.press("Log In")
	return p
}

func (p *hands) open(path string) {
	p.t.Helper()
	res, err := p.client.Get(p.h.url + path)
	p.show(res, err)
}

func (p *hands) show(res *http.Response, err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	p.status, p.at = res.StatusCode, res.Request.URL
	if p.doc, err = html.Parse(res.Body); err != nil {
		p.t.Fatal(err)
	}
	if policy := res.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe-inline") {
		p.t.Errorf("%s: policy %q", p.at.Path, policy)
	}
}

// all are the elements below n for which ok says yes.
func all(n *html.Node, ok func(*html.Node) bool) []*html.Node {
	var out []*html.Node
	for d := range n.Descendants() {
		if d.Type == html.ElementNode && ok(d) {
			out = append(out, d)
		}
	}
	return out
}

// said is the text of an element, its blanks made one each.
func said(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode && d.Parent.Data != "style" {
			b.WriteString(d.Data)
			b.WriteByte(' ')
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, key string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == key })
}

func put(n *html.Node, key, value string) {
	drop(n, key)
	n.Attr = append(n.Attr, html.Attribute{Key: key, Val: value})
}

func drop(n *html.Node, key string) {
	n.Attr = slices.DeleteFunc(n.Attr, func(a html.Attribute) bool { return a.Key == key })
}

// text is all that the page says.
func (p *hands) text() string { return said(p.doc) }

// wants looks for texts on the page.
func (p *hands) wants(texts ...string) {
	p.t.Helper()
	for _, w := range texts {
		if !strings.Contains(p.text(), w) {
			p.t.Errorf("%s lacks %q:\n%s", p.at.Path, w, p.text())
		}
	}
}

// lacks looks for texts that must not be there.
func (p *hands) lacks(texts ...string) {
	p.t.Helper()
	for _, w := range texts {
		if strings.Contains(p.text(), w) {
			p.t.Errorf("%s has %q:\n%s", p.at.Path, w, p.text())
		}
	}
}

// row is the row of a table that has a cell of the text.
func (p *hands) row(text string) *html.Node {
	p.t.Helper()
	for _, tr := range all(p.doc, func(n *html.Node) bool { return n.Data == "tr" }) {
		for _, cell := range all(tr, func(n *html.Node) bool { return n.Data == "td" || n.Data == "th" }) {
			if said(cell) == text {
				return tr
			}
		}
	}
	p.t.Fatalf("%s has no row of %q:\n%s", p.at.Path, text, p.text())
	return nil
}

// click follows the links of the texts, one after the other.
func (p *hands) click(texts ...string) {
	p.t.Helper()
	for _, text := range texts {
		p.clickIn(p.doc, text)
	}
}

func (p *hands) clickIn(n *html.Node, text string) {
	p.t.Helper()
	for _, a := range all(n, func(n *html.Node) bool { return n.Data == "a" }) {
		if said(a) == text {
			to, err := p.at.Parse(attr(a, "href"))
			if err != nil {
				p.t.Fatal(err)
			}
			res, err := p.client.Get(to.String())
			p.show(res, err)
			return
		}
	}
	p.t.Fatalf("%s has no link %q:\n%s", p.at.Path, text, p.text())
}

// quickFind searches Setup and clicks what is found.
func (p *hands) quickFind(query, click string) {
	p.t.Helper()
	p.fill("Quick Find", query)
	p.press("Find")
	p.click(click)
}

// field is the input that a label is for.
func (p *hands) field(label string) *html.Node {
	p.t.Helper()
	for _, l := range all(p.doc, func(n *html.Node) bool { return n.Data == "label" }) {
		if strings.TrimSuffix(said(l), " (optional)") != label {
			continue
		}
		id := attr(l, "for")
		for _, in := range all(p.doc, func(n *html.Node) bool { return n.Data == "input" || n.Data == "select" || n.Data == "textarea" }) {
			if id != "" && attr(in, "id") == id || id == "" && slices.Contains(all(l, func(*html.Node) bool { return true }), in) {
				return in
			}
		}
	}
	p.t.Fatalf("%s has no field %q:\n%s", p.at.Path, label, p.text())
	return nil
}

func (p *hands) fill(label, value string) { p.t.Helper(); put(p.field(label), "value", value) }

// value is what a field holds.
func (p *hands) value(label string) string {
	p.t.Helper()
	f := p.field(label)
	if f.Data == "select" {
		for _, o := range all(f, func(n *html.Node) bool { return n.Data == "option" && has(n, "selected") }) {
			return said(o)
		}
	}
	return attr(f, "value")
}

// tick checks or clears a box.
func (p *hands) tick(label string, on bool) {
	p.t.Helper()
	f := p.field(label)
	drop(f, "checked")
	if on {
		put(f, "checked", "")
	}
}

// choose takes an option of a select.
func (p *hands) choose(label, option string) {
	p.t.Helper()
	found := false
	for _, o := range all(p.field(label), func(n *html.Node) bool { return n.Data == "option" }) {
		drop(o, "selected")
		if said(o) == option {
			put(o, "selected", "")
			found = true
		}
	}
	if !found {
		p.t.Fatalf("%s: %q has no option %q", p.at.Path, label, option)
	}
}

// press presses the button of the text, and sends its form as a browser would.
func (p *hands) press(button string) { p.t.Helper(); p.pressIn(p.doc, button) }

func (p *hands) pressIn(n *html.Node, button string) {
	p.t.Helper()
	for _, b := range all(n, func(n *html.Node) bool { return n.Data == "button" }) {
		if said(b) != button {
			continue
		}
		form := b.Parent
		for form.Data != "form" {
			form = form.Parent
		}
		p.send(form, b)
		return
	}
	p.t.Fatalf("%s has no button %q:\n%s", p.at.Path, button, p.text())
}

func (p *hands) send(form, button *html.Node) {
	p.t.Helper()
	v := url.Values{}
	for _, in := range all(form, func(n *html.Node) bool { return n.Data == "input" || n.Data == "select" || n.Data == "textarea" }) {
		switch {
		case in.Data == "select":
			value := ""
			options := all(in, func(n *html.Node) bool { return n.Data == "option" })
			for i, o := range options {
				if i == 0 || has(o, "selected") {
					value = attr(o, "value")
				}
			}
			v.Add(attr(in, "name"), value)
		case attr(in, "type") == "checkbox" && !has(in, "checked"):
		default:
			v.Add(attr(in, "name"), attr(in, "value"))
		}
	}
	if name := attr(button, "name"); name != "" {
		v.Add(name, attr(button, "value"))
	}
	to, err := p.at.Parse(attr(form, "action"))
	if err != nil {
		p.t.Fatal(err)
	}
	if attr(form, "method") == "get" {
		to.RawQuery = v.Encode()
		res, err := p.client.Get(to.String())
		p.show(res, err)
		return
	}
	res, err := p.client.PostForm(to.String(), v)
	p.show(res, err)
}
