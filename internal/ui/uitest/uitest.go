// Package uitest is a person at the pages of a house, for tests: he opens an address, follows links, fills in fields and
// presses buttons, all by the words that stand on the page, as documents tell him to. It has no script and keeps cookies.
// Whatever he is told to use and does not find fails the test with the text of the page.
package uitest

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// Person is somebody with a browser of his own. He is not safe for concurrent use.
type Person struct {
	t      testing.TB
	client *http.Client
	house  *url.URL
	url    *url.URL // of the page
	root   *html.Node
	status int
	header http.Header
	size   int
	filled map[*html.Node]string // of inputs and selects: the value; of checkboxes "" or "on"
	sent   func() *Person        // sends what Press sent last
}

// New is a person who begins at base, the address of a house. He follows redirects within it; one that leads elsewhere is
// where he stops, see [Person.At].
func New(t testing.TB, base string) *Person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	p := &Person{t: t, house: at, url: at}
	p.client = &http.Client{Jar: jar, Timeout: time.Minute, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if r.URL.Host != at.Host || len(via) > 10 {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	return p
}

// Open goes to an address: a path of the house, a query of the page, or a whole URL.
func (p *Person) Open(address string) *Person {
	p.t.Helper()
	from := p.url
	if strings.HasPrefix(address, "/") {
		from = p.house
	}
	to, err := from.Parse(address)
	if err != nil {
		p.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, to.String(), nil)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.do(r)
}

func (p *Person) do(r *http.Request) *Person {
	p.t.Helper()
	res, err := p.client.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	p.url, p.status, p.header, p.size, p.filled = res.Request.URL, res.StatusCode, res.Header, len(text), map[*html.Node]string{}
	if to := res.Header.Get("Location"); to != "" {
		if p.url, err = p.url.Parse(to); err != nil {
			p.t.Fatal(err)
		}
	}
	if p.root, err = html.Parse(strings.NewReader(string(text))); err != nil {
		p.t.Fatal(err)
	}
	return p
}

// At is the address of the page, or the one outside of the house that he was sent to.
func (p *Person) At() string { return p.url.String() }

// Status is the HTTP status of the page.
func (p *Person) Status() int { return p.status }

// Header is the header of the page's answer.
func (p *Person) Header() http.Header { return p.header }

// Size is the length of the page in bytes.
func (p *Person) Size() int { return p.size }

// Text is what he reads on the page, runs of white space as one space.
func (p *Person) Text() string { return textOf(p.root) }

// Sees fails the test unless all the texts stand on the page.
func (p *Person) Sees(texts ...string) *Person {
	p.t.Helper()
	all := p.Text()
	for _, want := range texts {
		if !strings.Contains(all, want) {
			p.t.Fatalf("%s (%d) does not say %q:\n%s", p.url, p.status, want, all)
		}
	}
	return p
}

// SeesNot fails the test where one of the texts stands on the page.
func (p *Person) SeesNot(texts ...string) *Person {
	p.t.Helper()
	all := p.Text()
	for _, bad := range texts {
		if strings.Contains(all, bad) {
			p.t.Fatalf("%s (%d) says %q:\n%s", p.url, p.status, bad, all)
		}
	}
	return p
}

// Click follows the first link with the text.
func (p *Person) Click(text string) *Person {
	p.t.Helper()
	return p.clickIn(p.root, text)
}

// ClickIn follows the link with the text in the table row that has the words.
func (p *Person) ClickIn(row, text string) *Person {
	p.t.Helper()
	return p.clickIn(p.row(row), text)
}

func (p *Person) clickIn(within *html.Node, text string) *Person {
	p.t.Helper()
	for n := range within.Descendants() {
		if n.DataAtom == atom.A && textOf(n) == text {
			return p.Open(attr(n, "href"))
		}
	}
	p.t.Fatalf("%s (%d) has no link %q:\n%s", p.url, p.status, text, p.Text())
	return nil
}

// row is the innermost row of a table, or of a list, that has the words.
func (p *Person) row(words string) *html.Node {
	p.t.Helper()
	for n := range p.root.Descendants() {
		if (n.DataAtom == atom.Tr || n.DataAtom == atom.Li) && strings.Contains(textOf(n), words) {
			return n
		}
	}
	p.t.Fatalf("%s (%d) has no row with %q:\n%s", p.url, p.status, words, p.Text())
	return nil
}

// labelled finds the field with the label: the label's own words, without what is optional, a hint or an error.
func (p *Person) labelled(label string) *html.Node {
	p.t.Helper()
	for n := range p.root.Descendants() {
		if n.DataAtom != atom.Label || strings.TrimSuffix(strings.TrimSuffix(textOf(n), " (optional)"), " *") != label {
			continue
		}
		for f := range p.root.Descendants() {
			if attr(f, "id") != "" && attr(f, "id") == attr(n, "for") {
				return f
			}
		}
	}
	p.t.Fatalf("%s (%d) has no field %q:\n%s", p.url, p.status, label, p.Text())
	return nil
}

// Fill types a value into the field with the label, over what stood there.
func (p *Person) Fill(label, value string) *Person {
	p.t.Helper()
	p.filled[p.labelled(label)] = value
	return p
}

// Choose takes the option with the text, or that begins with it, of the list with the label.
func (p *Person) Choose(label, option string) *Person {
	p.t.Helper()
	list := p.labelled(label)
	for o := range list.Descendants() {
		if o.DataAtom == atom.Option && strings.HasPrefix(textOf(o), option) {
			p.filled[list] = optionValue(o)
			return p
		}
	}
	p.t.Fatalf("%s: the list %q has no %q:\n%s", p.url, label, option, textOf(list))
	return nil
}

// Tick ticks the checkbox with the label, or takes the tick away.
func (p *Person) Tick(label string, on bool) *Person {
	p.t.Helper()
	box := p.labelled(label)
	if attr(box, "type") != "checkbox" && attr(box, "type") != "radio" {
		p.t.Fatalf("%s: %q is no checkbox", p.url, label)
	}
	p.filled[box] = ""
	if on {
		p.filled[box] = "on"
	}
	return p
}

// Value is what stands in the field with the label; of a list the value of what is chosen, of a checkbox "on" or "".
func (p *Person) Value(label string) string {
	p.t.Helper()
	return p.value(p.labelled(label))
}

// Press presses the first button with the text: its form is sent with what was filled in.
func (p *Person) Press(text string) *Person {
	p.t.Helper()
	return p.pressIn(p.root, text)
}

// PressIn presses the button with the text in the table row that has the words.
func (p *Person) PressIn(row, text string) *Person {
	p.t.Helper()
	return p.pressIn(p.row(row), text)
}

func (p *Person) pressIn(within *html.Node, text string) *Person {
	p.t.Helper()
	for n := range within.Descendants() {
		if n.DataAtom == atom.Button && textOf(n) == text {
			return p.send(n)
		}
	}
	p.t.Fatalf("%s (%d) has no button %q:\n%s", p.url, p.status, text, p.Text())
	return nil
}

// send sends the form of a button as a browser does.
func (p *Person) send(button *html.Node) *Person {
	p.t.Helper()
	form := button
	for form != nil && form.DataAtom != atom.Form {
		form = form.Parent
	}
	if form == nil {
		p.t.Fatalf("%s: the button %q is in no form", p.url, textOf(button))
	}
	values := url.Values{}
	for n := range form.Descendants() {
		name := attr(n, "name")
		switch n.DataAtom {
		case atom.Input, atom.Select, atom.Textarea:
		default:
			continue
		}
		switch typ := attr(n, "type"); {
		case name == "" || has(n, "disabled"):
		case typ == "checkbox" || typ == "radio":
			if p.value(n) != "" {
				v := attr(n, "value")
				if v == "" {
					v = "on"
				}
				values.Add(name, v)
			}
		default:
			values.Add(name, p.value(n))
		}
	}
	if name := attr(button, "name"); name != "" {
		values.Add(name, attr(button, "value"))
	}
	to, err := p.url.Parse(attr(form, "action"))
	if err != nil {
		p.t.Fatal(err)
	}
	if !strings.EqualFold(attr(form, "method"), "post") {
		to.RawQuery = values.Encode()
		return p.Open(to.String())
	}
	p.sent = func() *Person {
		r, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, to.String(), strings.NewReader(values.Encode()))
		if err != nil {
			p.t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		return p.do(r)
	}
	return p.sent()
}

// PressAgain sends the form that he sent last once more, as it was: as a button does that is pressed twice.
func (p *Person) PressAgain() *Person {
	p.t.Helper()
	return p.sent()
}

// value is what a field would send.
func (p *Person) value(n *html.Node) string {
	if v, ok := p.filled[n]; ok {
		return v
	}
	switch {
	case n.DataAtom == atom.Textarea:
		return rawText(n)
	case n.DataAtom == atom.Select:
		value, first := "", true
		for o := range n.Descendants() {
			if o.DataAtom == atom.Option && (first || has(o, "selected")) {
				value, first = optionValue(o), false
			}
		}
		return value
	case attr(n, "type") == "checkbox" || attr(n, "type") == "radio":
		if has(n, "checked") {
			return "on"
		}
		return ""
	}
	return attr(n, "value")
}

func optionValue(o *html.Node) string {
	if has(o, "value") {
		return attr(o, "value")
	}
	return textOf(o)
}

// textOf is the text in an element, without what nobody sees.
func textOf(n *html.Node) string { return strings.Join(strings.Fields(rawText(n)), " ") }

func rawText(n *html.Node) string {
	var b strings.Builder
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		switch {
		case n.Type == html.TextNode:
			b.WriteString(n.Data)
		case n.DataAtom == atom.Script || n.DataAtom == atom.Style || n.DataAtom == atom.Template || n.DataAtom == atom.Head:
			return
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
		switch n.DataAtom {
		case atom.Span, atom.A, atom.B, atom.Strong, atom.Em, atom.Code, 0:
		default:
			b.WriteByte(' ')
		}
	}
	walk(n)
	return b.String()
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}
