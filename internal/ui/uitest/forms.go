package uitest

import (
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// Form is a form of a page as it stands there.
type Form struct {
	// Action is the whole address that it is sent to, Get whether by GET.
	Action string
	Get    bool
	// Uploads: a file is sent with it.
	Uploads bool
	// Button is the text of the first button.
	Button string
	// Values are what is sent where nobody touches a field, by name, with the first button's own.
	Values url.Values
	// Texts are the names of the fields in which somebody types, but for passwords; Passwords are those, Lists those of the
	// lists from which one chooses.
	Texts, Passwords, Lists []string
}

// Links are the addresses to which the page's links lead.
func (p *Person) Links() []*url.URL {
	var out []*url.URL
	for n := range p.root.Descendants() {
		if n.DataAtom != atom.A || !has(n, "href") {
			continue
		}
		if to, err := p.url.Parse(attr(n, "href")); err == nil {
			to.Fragment = ""
			out = append(out, to)
		}
	}
	return out
}

// Forms are the forms of the page.
func (p *Person) Forms() []Form {
	var out []Form
	for n := range p.root.Descendants() {
		if n.DataAtom == atom.Form {
			out = append(out, p.form(n))
		}
	}
	return out
}

func (p *Person) form(n *html.Node) Form {
	p.t.Helper()
	to, err := p.url.Parse(attr(n, "action"))
	if err != nil {
		p.t.Fatal(err)
	}
	f := Form{Action: to.String(), Get: !strings.EqualFold(attr(n, "method"), "post"), Values: url.Values{}, Uploads: attr(n, "enctype") != ""}
	for e := range n.Descendants() {
		name := attr(e, "name")
		if e.DataAtom == atom.Button && f.Button == "" {
			f.Button = textOf(e)
			if name != "" {
				f.Values.Add(name, attr(e, "value"))
			}
		}
		if name == "" || has(e, "disabled") {
			continue
		}
		switch e.DataAtom {
		case atom.Select:
			f.Lists = append(f.Lists, name)
		case atom.Textarea:
			f.Texts = append(f.Texts, name)
		case atom.Input:
			switch attr(e, "type") {
			case "hidden":
			case "checkbox", "radio":
				if has(e, "checked") {
					f.Values.Add(name, attr(e, "value"))
				}
				continue
			case "password":
				f.Passwords = append(f.Passwords, name)
			case "file":
				f.Uploads = true
				continue
			default:
				f.Texts = append(f.Texts, name)
			}
		default:
			continue
		}
		f.Values.Add(name, p.value(e))
	}
	return f
}

// Sends sends a form with these values, and stays where a redirect would lead him on.
func (p *Person) Sends(f Form, values url.Values) *Person {
	p.t.Helper()
	method, to, body := http.MethodPost, f.Action, values.Encode()
	if f.Get {
		at, _, _ := strings.Cut(to, "?")
		method, to, body = http.MethodGet, at+"?"+body, ""
	}
	r, err := http.NewRequestWithContext(p.t.Context(), method, to, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if !f.Get {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	follow := p.client.CheckRedirect
	p.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	defer func() { p.client.CheckRedirect = follow }()
	return p.do(r)
}

// Keeps reports whether the page still has the value in the field of the name, or hidden under it.
func (p *Person) Keeps(name, value string) bool {
	for n := range p.root.Descendants() {
		if attr(n, "name") != name {
			continue
		}
		switch n.DataAtom {
		case atom.Input, atom.Select, atom.Textarea:
			if strings.TrimSpace(p.value(n)) == strings.TrimSpace(value) {
				return true
			}
		}
	}
	return false
}

// Refusal is what the page says against what was sent: the texts of its announced errors, and of the reasons beside fields.
// It is "" where the page refuses nothing.
func (p *Person) Refusal() string {
	var out []string
	for n := range p.root.Descendants() {
		if attr(n, "role") == "alert" || n.DataAtom == atom.P && attr(n, "class") == "error" {
			out = append(out, textOf(n))
		}
	}
	return strings.Join(out, " ")
}

// Blames reports whether the field of the name is marked as wrong and described by a reason.
func (p *Person) Blames(name string) bool {
	for n := range p.root.Descendants() {
		if attr(n, "name") != name || attr(n, "aria-invalid") != "true" {
			continue
		}
		for _, id := range strings.Fields(attr(n, "aria-describedby")) {
			for d := range p.root.Descendants() {
				if attr(d, "id") == id && textOf(d) != "" {
					return true
				}
			}
		}
	}
	return false
}

// Forgets takes away his session, as time does: the cookies of the house but for those that guard its forms.
func (p *Person) Forgets() {
	for _, c := range p.client.Jar.Cookies(p.house) {
		if !strings.Contains(c.Name, "form") {
			p.client.Jar.SetCookies(p.house, []*http.Cookie{{Name: c.Name, Path: "/", MaxAge: -1}})
		}
	}
}
