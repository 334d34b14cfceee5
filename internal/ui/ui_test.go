package ui_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/twinspan/twinspan/internal/ui"
)

const payload = `"><script>alert(1)</script>`

// full is a page with every part, each holding a text that breaks out where it is not escaped.
func full() ui.Page {
	return ui.Page{
		Title: "Sign in" + payload, Brand: "Org" + payload, User: "ann" + payload, Footer: "embedded" + payload,
		Crumbs: []ui.Link{{Text: "Setup" + payload, Href: "/setup?x=" + payload}},
		Alerts: []ui.Alert{{Kind: ui.Warning, Title: "W" + payload, Text: "t" + payload}, {Text: "plain"}},
		Blocks: []ui.Block{
			ui.Heading{Text: "H" + payload, ID: "h"},
			ui.Text("T" + payload),
			ui.Links{{Text: "L" + payload, Href: "javascript:alert(1)"}},
			ui.List{"I" + payload},
			ui.Definitions{{Name: "N" + payload, Value: "V" + payload}, {Name: "n", Value: "v", Href: "/x"}},
			ui.Table{Caption: "C" + payload, Columns: []string{"a", "b"}, Rows: [][]ui.Cell{ui.Row("1"+payload, "2"), {{Text: "x", Href: "/y"}, {Text: "z"}}}},
			ui.Table{Caption: "None", Empty: "no rows"},
			ui.Form{Action: "/login", Legend: "Legend", Fields: []ui.Field{
				{Name: "username", Label: "Username" + payload, Value: "ann" + payload, Hint: "hint", Error: "Enter a user name.", Required: true, Autocomplete: "username", Autofocus: true, MaxLength: 80},
				{Type: ui.PasswordField, Name: "password", Label: "Password", Value: "never-shown", Required: true},
				{Type: ui.HiddenField, Name: "state", Value: "s" + payload},
				{Type: ui.CheckboxField, Name: "remember", Label: "Remember", Checked: true},
				{Type: ui.SelectField, Name: "bu", Label: "Unit", Value: "2", Options: []ui.Option{{Value: "1", Label: "One"}, {Value: "2", Label: "Two"}}},
			}, Submits: []ui.Submit{{Label: "Go"}, {Label: "Deny", Name: "deny", Value: "1", Secondary: true}}},
			ui.Form{Get: true, Fields: []ui.Field{{Name: "username", Label: "Find"}}, Submits: []ui.Submit{{Label: "Search"}}},
		},
	}
}

func render(t *testing.T, p ui.Page) (*httptest.ResponseRecorder, *html.Node) {
	t.Helper()
	w := httptest.NewRecorder()
	if err := ui.Render(w, 200, p); err != nil {
		t.Fatal(err)
	}
	doc, err := html.Parse(strings.NewReader(w.Body.String()))
	if err != nil {
		t.Fatal(err)
	}
	return w, doc
}

func walk(n *html.Node, f func(*html.Node)) {
	f(n)
	for c := range n.ChildNodes() {
		walk(c, f)
	}
}

func attr(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

func TestNothingOnThePageBreaksOut(t *testing.T) {
	t.Parallel()
	w, doc := render(t, full())
	walk(doc, func(n *html.Node) {
		if n.Type != html.ElementNode {
			return
		}
		if n.Data == "script" {
			t.Error("a script element got onto the page")
		}
		if href, ok := attr(n, "href"); ok && strings.HasPrefix(strings.ToLower(href), "javascript:") {
			t.Error("a script address got onto the page")
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" {
				t.Errorf("<%s> has the attribute %s, which the policy forbids", n.Data, a.Key)
			}
		}
	})
	if strings.Contains(w.Body.String(), "never-shown") {
		t.Error("a password was sent back")
	}
}

func TestLabelsErrorsAndIDs(t *testing.T) {
	t.Parallel()
	_, doc := render(t, full())
	ids := map[string]*html.Node{}
	var inputs, labels, links []*html.Node
	alerts := 0
	walk(doc, func(n *html.Node) {
		if n.Type != html.ElementNode {
			return
		}
		if id, ok := attr(n, "id"); ok {
			if ids[id] != nil {
				t.Errorf("id %q is on the page twice", id)
			}
			ids[id] = n
		}
		if role, _ := attr(n, "role"); role == "alert" {
			alerts++
		}
		switch n.Data {
		case "input", "select":
			if typ, _ := attr(n, "type"); typ != "hidden" {
				inputs = append(inputs, n)
			}
		case "label":
			labels = append(labels, n)
		case "a":
			links = append(links, n)
		case "html":
			if lang, _ := attr(n, "lang"); lang != "en" {
				t.Errorf("lang is %q", lang)
			}
		}
	})
	labelled := map[string]bool{}
	for _, l := range labels {
		to, _ := attr(l, "for")
		labelled[to] = true
	}
	for _, in := range inputs {
		id, _ := attr(in, "id")
		if !labelled[id] {
			t.Errorf("input %q has no label", id)
		}
		if by, ok := attr(in, "aria-describedby"); ok {
			for part := range strings.FieldsSeq(by) {
				if ids[part] == nil {
					t.Errorf("input %q is described by %q, which is not there", id, part)
				}
			}
		}
	}
	if alerts != 1 {
		t.Errorf("%d error summaries, want 1", alerts)
	}
	for _, l := range links {
		if href, _ := attr(l, "href"); strings.HasPrefix(href, "#") && href != "#ZgotmplZ" && ids[href[1:]] == nil {
			t.Errorf("link %q leads nowhere", href)
		}
	}
	user := ids["f1-username"]
	if v, _ := attr(user, "aria-invalid"); v != "true" {
		t.Error("the wrong field is not marked invalid")
	}
	if v, _ := attr(user, "aria-describedby"); v != "f1-username-hint f1-username-error" {
		t.Errorf("aria-describedby = %q", v)
	}
}

func TestPolicyAllowsTheStyleSheetAndNoMore(t *testing.T) {
	t.Parallel()
	p := full()
	p.FormAction = []string{"http://localhost:1717"}
	w, _ := render(t, p)
	policy := w.Header().Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "base-uri 'none'", "style-src 'self'", "form-action 'self' http://localhost:1717", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("policy %q lacks %q", policy, want)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "script-src") {
		t.Errorf("policy %q allows script", policy)
	}
	for header, want := range map[string]string{
		"X-Frame-Options": "DENY", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
		"Referrer-Policy": "no-referrer", "Content-Type": "text/html; charset=utf-8",
	} {
		if got := w.Header().Get(header); got != want {
			t.Errorf("%s: %q, want %q", header, got, want)
		}
	}
	if strings.Contains(w.Body.String(), "http://") || strings.Contains(w.Body.String(), "https://") {
		t.Error("the page names another host")
	}
}

func TestFramedPagesNameTheirAncestors(t *testing.T) {
	t.Parallel()
	w, _ := render(t, ui.Page{Title: "Tab", FrameAncestors: []string{"http://127.0.0.1:8080"}})
	if got := w.Header().Get("Content-Security-Policy"); !strings.Contains(got, "frame-ancestors http://127.0.0.1:8080") {
		t.Errorf("policy %q", got)
	}
	if w.Header().Get("X-Frame-Options") != "" {
		t.Error("X-Frame-Options contradicts frame-ancestors")
	}
}

func TestTitleTellsOfErrors(t *testing.T) {
	t.Parallel()
	w, _ := render(t, ui.Page{Title: "Login", Brand: "Org", Alerts: []ui.Alert{{Kind: ui.Error, Text: "No."}}})
	if body := w.Body.String(); strings.Index(body, "<h1") > strings.Index(body, `role="alert"`) {
		t.Error("a notice stands before what the page is called")
	}
	if !strings.Contains(w.Body.String(), "<title>Error: Login | Org</title>") {
		t.Errorf("title: %s", w.Body.String()[:300])
	}
	w, _ = render(t, ui.Page{Title: "Login"})
	if !strings.Contains(w.Body.String(), "<title>Login</title>") {
		t.Error("a page without errors says there is one")
	}
}

func TestContrast(t *testing.T) {
	t.Parallel()
	// Pairs of text and background in the style sheet; WCAG 2.2 AA asks for 4.5, for borders and focus rings 3.
	css := style(t)
	for _, c := range []struct {
		name     string
		fg, bg   string
		atLeast  float64
		fromFile bool
	}{
		{"text", "#181818", "#f3f3f3", 4.5, true},
		{"link", "#0b5cab", "#f3f3f3", 4.5, true},
		{"link under the pointer", "#083f77", "#e8f0fa", 4.5, true},
		{"hint", "#54606e", "#ffffff", 4.5, true},
		{"hint outside a box", "#54606e", "#f3f3f3", 4.5, true},
		{"error", "#b3121d", "#ffffff", 4.5, true},
		{"button", "#ffffff", "#0b5cab", 4.5, false},
		{"good badge", "#1c4a26", "#cdefc4", 4.5, true},
		{"badge of a warning", "#6f3400", "#fedfd0", 4.5, true},
		{"plain badge", "#181818", "#e5e5e5", 4.5, true},
		{"bad badge", "#ffffff", "#b3121d", 4.5, false},
		{"input border", "#6b7785", "#ffffff", 3, true},
		{"focus", "#b35900", "#f3f3f3", 3, true},
		{"bar", "#0b5cab", "#e5e5e5", 3, true},
	} {
		if got := contrast(t, c.fg, c.bg); got < c.atLeast {
			t.Errorf("%s: contrast %.2f, want %.1f", c.name, got, c.atLeast)
		}
		if c.fromFile && !strings.Contains(css, c.fg) {
			t.Errorf("%s: the style sheet no longer has %s", c.name, c.fg)
		}
	}
}

// TestButtonsOfRowsSayWhichRow: links and buttons that are called the same in every row of a table have names of their own, which
// begin with what stands to be read; nothing changes where they stand alone.
func TestButtonsOfRowsSayWhichRow(t *testing.T) {
	t.Parallel()
	row := []ui.Cell{
		{Text: "Ada <Admin>", Href: "/ada"},
		{Links: []ui.Link{{Text: "Edit", Href: "/ada/edit"}}, Form: &ui.Form{Action: "/login-as", Submits: []ui.Submit{{Label: "Login"}}}},
	}
	table := ui.Table{Caption: "All Users", Columns: []string{"Full Name", "Action"}, Rows: [][]ui.Cell{row, {{}, {Links: []ui.Link{{Text: "Edit", Href: "/nobody/edit"}}}}}}
	answer, _ := render(t, ui.Page{Title: "Users", Blocks: []ui.Block{table, ui.Form{Submits: []ui.Submit{{Label: "Save"}}}}})
	body := answer.Body.String()
	for _, want := range []string{
		`<a href="/ada">Ada &lt;Admin&gt;</a>`, `<a href="/ada/edit" aria-label="Edit: Ada &lt;Admin&gt;">Edit</a>`, `aria-label="Login: Ada &lt;Admin&gt;" class="slds-button slds-button_brand">Login<`,
		`<a href="/nobody/edit">Edit</a>`, `<button type="submit" class="slds-button slds-button_brand">Save<`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not have %s:\n%s", want, body)
		}
	}
	if row[1].Form.Submits[0].Of() != "" || row[1].Of() != "" {
		t.Error("rendering changed the caller's row")
	}
}
