// Package ui renders the server-made HTML pages of every house: a frame with title, breadcrumb and messages, and blocks
// for forms, tables and definitions. Pages work without script, keyboard alone and on paper, meet WCAG 2.2 AA (labels
// tied to inputs, an error summary that links to the fields, visible focus, contrast, language), load nothing from
// elsewhere, and go out under a content security policy that allows only the style sheet of [Mount] and, where something
// on them moves, one script by its hash. The look is the Salesforce Lightning Design System's (slds/).
package ui

import (
	"bytes"
	"crypto/rand"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/internal/web"
)

// Page is one HTML page. Every text is plain text; escaping is done here.
type Page struct {
	Lang    string // BCP 47, "en" where empty
	Title   string // of the document and of the first heading
	Brand   string // what the visitor is in: "Twinspan Org"; in the header and the document title
	User    string // who is signed in, "" for nobody
	Crumbs  []Link // from the root down to, not including, this page
	Alerts  []Alert
	Actions Actions // beside the title
	Blocks  []Block
	Footer  string // where this is: the standing (DESIGN 2), "" for none
	Narrow  bool   // a single column for sign-in and consent

	Frame // what stands around the page

	// FormAction are CSP sources besides 'self' that a form's answer may redirect to; see [web.PagePolicy].
	FormAction []string
	// FrameAncestors are origins that may frame the page; none where empty.
	FrameAncestors []string
}

// Link is a text with an address. Addresses with a scheme other than http, https and mailto are not rendered as links
// that work.
type Link struct {
	Text string
	Href string
	// Window opens it in a window of its own, which Text then says; of Links alone.
	Window bool
}

// AlertKind says how an alert looks and how assistive software announces it.
type AlertKind string

// The kinds of alerts.
const (
	Notice  AlertKind = "notice"
	Success AlertKind = "success"
	Warning AlertKind = "warning"
	Error   AlertKind = "error"
)

// Alert is a message box below the title of a page. Errors are announced at once (role=alert), the others politely
// (role=status). Links stand below the text: for the errors of a form they lead to the fields.
type Alert struct {
	Kind  AlertKind // Notice where empty
	Title string
	Text  string
	Links []Link
}

// Block is a part of a page's main content: one of the types of this package.
type Block interface{ template() string }

// Heading is a heading within the page. Blocks that follow belong to it for readers, not in structure.
type Heading struct {
	Text string
	ID   string // to link to, "" for none
}

// Text is a paragraph.
type Text string

// Links is a list of links.
type Links []Link

// List is a list of texts: what a consent asks for, what comes next.
type List []string

// Definitions is a list of names with values.
type Definitions []Definition

// Definition is a name with its value.
type Definition struct {
	Name  string
	Value string
	Href  string // makes the value a link where not empty
}

// Table is a data table. The first cell of each row is its header.
type Table struct {
	Caption string
	Columns []string
	Rows    [][]Cell
	Empty   string // what stands in place of a table without rows
}

// Cell is one cell of a table.
type Cell struct {
	Text string
	Href string // makes the text a link where not empty
	Form *Form  // a button with what it sends, hidden, in place of the text; nil for none
	// Links stand before the button, or in place of the text.
	Links []Link
	Badge BadgeKind // shows the text as a badge; "" for plain text

	of string // header of the row that the cell's links and button are of; set by Render
}

// Of is what a link or button of the cell is about, where several of a table are called the same: the header of its row. Its
// accessible name is then "Edit: Integration User", and begins with what stands to be read.
func (c Cell) Of() string { return c.of }

// moment is a time as pages write it.
var moment = regexp.MustCompile(`^(\d{4}-\d\d-\d\d) (\d\d:\d\d(?::\d\d)?(?: UTC)?)$`)

// Moment is the date and the time of day of a cell that is a time, neither of which is broken over lines; nil for another.
func (c Cell) Moment() []string {
	if parts := moment.FindStringSubmatch(c.Text); parts != nil {
		return parts[1:]
	}
	return nil
}

// Row makes cells of plain texts.
func Row(texts ...string) []Cell {
	row := make([]Cell, len(texts))
	for i, t := range texts {
		row[i].Text = t
	}
	return row
}

// Form is an HTML form. Errors of its fields are listed in a box on top of the page too.
type Form struct {
	Action string // path on this server, "" for the page's own
	Get    bool   // GET for a search that changes nothing; POST otherwise
	Legend string // what the form is for, as a heading of its group; "" where the page's title says it
	Fields []Field
	// Sections are groups of fields below Fields.
	Sections []Section
	Submits  []Submit
	Inline   bool // fields and buttons in one row: filters of a list
	// Once says that the form makes something, and is done once however often it is sent: each rendering carries a key of its own
	// in KeyField, which package once looks at.
	Once bool

	id int
}

// KeyField is the hidden field of a form that is done once.
const KeyField = "form_key"

// Key is a key for a rendering of the form; "" where it may be sent as often as one likes.
func (f Form) Key() string {
	if !f.Once {
		return ""
	}
	return rand.Text()
}

// FieldType is the kind of an input.
type FieldType string

// The types of fields.
const (
	TextField     FieldType = "text"
	PasswordField FieldType = "password"
	EmailField    FieldType = "email"
	NumberField   FieldType = "number"
	HiddenField   FieldType = "hidden"
	CheckboxField FieldType = "checkbox"
	SelectField   FieldType = "select"
)

// Field is an input of a form with its label.
type Field struct {
	Type         FieldType // TextField where empty
	Name         string
	Label        string // needed unless hidden
	Value        string // never rendered for a password
	Hint         string
	Error        string // what is wrong with the value, as a sentence
	Required     bool
	Checked      bool   // of a checkbox
	Autocomplete string // token of the HTML standard: "username", "current-password", "new-password", "off"
	Autofocus    bool
	MaxLength    int
	Options      []Option // of a select; Value chooses among them
	Href         string   // of a StaticField's value
	Rows         int      // lines of a TextareaField; 4 where 0

	form int
}

// Option is a choice of a select or a group.
type Option struct {
	Value string
	Label string
	// Name and Checked are of a CheckboxesField.
	Name    string
	Checked bool
}

// Submit is a button that sends the form.
type Submit struct {
	Label     string
	Name      string // "" where the form has only one
	Value     string
	Secondary bool // for the way out: Deny, Cancel
	Danger    bool // takes something away that does not come back

	of string // of the row that the button is in; set by Render
}

// Of is [Cell.Of] for a button.
func (s Submit) Of() string { return s.of }

func (Heading) template() string     { return "heading" }
func (Text) template() string        { return "text" }
func (Links) template() string       { return "links" }
func (List) template() string        { return "list" }
func (Definitions) template() string { return "definitions" }
func (Table) template() string       { return "table" }
func (Form) template() string        { return "form" }

// ID is the element id of the field's input, unique on its page.
func (f Field) ID() string { return "f" + strconv.Itoa(f.form) + "-" + f.Name }

// DescribedBy lists the ids of the hint and the error.
func (f Field) DescribedBy() string {
	var ids []string
	if f.Hint != "" {
		ids = append(ids, f.ID()+"-hint")
	}
	if f.Error != "" {
		ids = append(ids, f.ID()+"-error")
	}
	return strings.Join(ids, " ")
}

//go:embed *.html
var files embed.FS

// pages is the parsed template.
var pages = mustLoad()

type sheet struct{ page *template.Template }

// mustLoad parses the embedded files; a fault in them is a fault in the program, found by the first test.
func mustLoad() sheet {
	s := sheet{page: template.New("page.html")}
	s.page.Funcs(template.FuncMap{"render": s.block})
	template.Must(s.page.ParseFS(files, "*.html"))
	return s
}

// block renders a block by the template of its name.
func (s *sheet) block(b Block) (template.HTML, error) {
	var out bytes.Buffer
	if err := s.page.ExecuteTemplate(&out, b.template(), b); err != nil {
		return "", err
	}
	return template.HTML(out.String()), nil
}

// Render answers with the page. Where it returns an error nothing has been written, except when the connection itself
// failed.
func Render(w http.ResponseWriter, status int, p Page) error {
	if p.Lang == "" {
		p.Lang = "en"
	}
	p.Blocks, p.Alerts = number(p.Blocks), append(summary(p.Blocks), p.Alerts...)
	p.Tree = p.Tree.at(p.Current)
	var out bytes.Buffer
	view := struct {
		Page
		Look   asset
		Script *asset // nil for none
		Failed bool
	}{p, look(), nil, false}
	policy := web.PagePolicy{StyleSources: []string{"'self'"}, FormAction: p.FormAction, FrameAncestors: p.FrameAncestors}
	if moves(p.Blocks) {
		live := live()
		view.Script, policy.Script = &live, "'"+live.Integrity+"'"
	}
	for i := range p.Alerts {
		if p.Alerts[i].Kind == "" {
			p.Alerts[i].Kind = Notice
		}
		view.Failed = view.Failed || p.Alerts[i].Kind == Error
	}
	if err := pages.page.ExecuteTemplate(&out, "page.html", view); err != nil {
		return fmt.Errorf("ui: rendering %q: %w", p.Title, err)
	}
	web.PageHeaders(w, policy)
	w.Header().Set("Content-Length", strconv.Itoa(out.Len()))
	w.WriteHeader(status)
	_, err := w.Write(out.Bytes())
	return err
}

// number gives the forms and their fields numbers of which ids are made, on copies.
func number(blocks []Block) []Block {
	out := make([]Block, len(blocks))
	n := 0
	for i, b := range blocks {
		if p, ok := b.(Progress); ok {
			p.id = i
			b = p
		}
		if t, ok := b.(Table); ok {
			t.Rows = about(t.Rows)
			b = t
		}
		if f, ok := b.(Form); ok {
			n++
			f.id = n
			f.Fields = numbered(f.Fields, n)
			f.Sections = append([]Section(nil), f.Sections...)
			for j := range f.Sections {
				f.Sections[j].Fields = numbered(f.Sections[j].Fields, n)
			}
			b = f
		}
		out[i] = b
	}
	return out
}

// about says of which row the links and buttons in the cells of a table are, on a copy. Rows without a header, or with a link or
// button in its place, say nothing.
func about(rows [][]Cell) [][]Cell {
	out := make([][]Cell, len(rows))
	for i, row := range rows {
		out[i] = row
		if len(row) == 0 || row[0].Text == "" {
			continue
		}
		out[i] = append([]Cell(nil), row...)
		for j := 1; j < len(row); j++ {
			c := &out[i][j]
			c.of = row[0].Text
			if c.Form == nil {
				continue
			}
			f := *c.Form
			f.Submits = append([]Submit(nil), f.Submits...)
			for k := range f.Submits {
				f.Submits[k].of = row[0].Text
			}
			c.Form = &f
		}
	}
	return out
}

// numbered gives fields the number of their form, on a copy.
func numbered(fields []Field, form int) []Field {
	out := append([]Field(nil), fields...)
	for i := range out {
		out[i].form = form
		if out[i].Type == "" {
			out[i].Type = TextField
		}
	}
	return out
}

// summary collects the errors of all fields into one alert that leads to them.
func summary(blocks []Block) []Alert {
	var links []Link
	for _, b := range number(blocks) {
		f, ok := b.(Form)
		if !ok {
			continue
		}
		fields := f.Fields
		for _, s := range f.Sections {
			fields = append(fields, s.Fields...)
		}
		for _, field := range fields {
			if field.Error != "" {
				links = append(links, Link{Text: field.Error, Href: "#" + field.ID()})
			}
		}
	}
	if links == nil {
		return nil
	}
	return []Alert{{Kind: Error, Title: "There is a problem", Links: links}}
}
