package workbench

import (
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/mail"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/web"
)

const inboxPath = Path + "/inbox"

// lettersPerPage is how many letters stand on one page.
const lettersPerPage = 50

// maxQuery bounds what is searched for, in bytes.
const maxQuery = 200

// inbox lists letters, the newest first. Parameters: q, words that all stand in the subject or an address; before and after,
// the id of a letter next to which the page begins.
func (s *Server) inbox(v *visit) (ui.Page, error) {
	if s.Inbox == nil {
		return ui.Page{Title: "Inbox", Alerts: []ui.Alert{{Title: "There is no inbox here", Text: "Mail goes to the server of --smtp. Start without it, and letters are kept here."}}}, nil
	}
	query := v.query.Get("q")
	find := func(wrong error) ui.Form {
		return marked(ui.Form{Get: true, Inline: true, Action: inboxPath, Fields: []ui.Field{
			{Type: ui.SearchField, Name: "q", Label: "Search letters", Value: query, MaxLength: maxQuery, Hint: "Words of the subject or an address."},
		}, Submits: []ui.Submit{{Label: "Search"}}}, wrong)
	}
	if len(query) > maxQuery {
		err := fault.New(fault.Invalid, "invalid_search", "A search has %d bytes at most.", maxQuery).In("q")
		return s.refused(v, err, ui.Page{Title: "Inbox", Blocks: []ui.Block{find(err)}})
	}
	all := search(s.Inbox.List(mail.Filter{}), query)
	from, to := span(all, v.query.Get("before"), v.query.Get("after"))
	t := ui.Table{Caption: "Letters", Columns: []string{"Subject", "To", "From", "Received"}, Empty: "no letters yet"}
	if query != "" {
		t.Empty = "no letter has these words in its subject or an address"
	}
	for _, m := range all[from:to] {
		t.Rows = append(t.Rows, []ui.Cell{{Text: subject(m), Href: inboxPath + "/" + m.ID}, {Text: strings.Join(m.EnvelopeTo, ", ")}, {Text: m.From}, {Text: timeText(m.Received)}})
	}
	p := ui.Page{Title: "Inbox", Blocks: []ui.Block{find(nil), t}}
	if len(all) > lettersPerPage {
		pages := ui.Pagination{Label: "Letters", Text: fmt.Sprintf("%d to %d of %d", from+1, to, len(all))}
		if from > 0 {
			pages.Previous = inboxPath + "?" + url.Values{"q": {query}, "after": {all[from].ID}}.Encode()
		}
		if to < len(all) {
			pages.Next = inboxPath + "?" + url.Values{"q": {query}, "before": {all[to-1].ID}}.Encode()
		}
		p.Blocks = append(p.Blocks, pages)
	}
	return p, nil
}

// search gives the letters in which all words stand, the newest first, without regard to letter case.
func search(list []mail.Mail, query string) []mail.Mail {
	words := strings.Fields(strings.ToLower(query))
	out := make([]mail.Mail, 0, len(list))
	for _, m := range slices.Backward(list) {
		text := strings.ToLower(strings.Join(append([]string{m.Subject, m.From, m.To}, m.EnvelopeTo...), "\n"))
		if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(text, word) }) {
			out = append(out, m)
		}
	}
	return out
}

// span is the page of the list, the newest first: the letters that came before one, or the ones nearest after one.
func span(all []mail.Mail, before, after string) (from, to int) {
	switch {
	case before != "":
		for from < len(all) && all[from].ID >= before {
			from++
		}
	case after != "":
		for from < len(all) && all[from].ID > after {
			from++
		}
		from = max(from-lettersPerPage, 0)
	}
	return from, min(from+lettersPerPage, len(all))
}

func subject(m mail.Mail) string {
	if m.Subject == "" {
		return "(no subject)"
	}
	return m.Subject
}

func timeText(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04:05 MST") }

// get reads the letter that the path names.
func (s *Server) get(v *visit) (mail.Mail, error) {
	if s.Inbox == nil {
		return mail.Mail{}, fault.New(fault.NotFound, codeNoInbox, "The mail goes to the server of --smtp; there is no built-in inbox.")
	}
	return s.Inbox.Get(v.r.PathValue("id"))
}

// letter shows one letter: what a person in a test needs of it first, then all of it.
func (s *Server) letter(v *visit) (ui.Page, error) {
	m, err := s.get(v)
	if err != nil {
		return ui.Page{}, err
	}
	p := ui.Page{Title: subject(m), Crumbs: []ui.Link{{Text: "Inbox", Href: inboxPath}}}
	p.Current = inboxPath
	facts := ui.Definitions{
		{Name: "From", Value: m.From},
		{Name: "To", Value: m.To},
		{Name: "Delivered to", Value: strings.Join(m.EnvelopeTo, ", ")},
		{Name: "Received", Value: timeText(m.Received)},
		{Name: "Size", Value: strconv.FormatInt(m.Size, 10) + " bytes"},
	}
	for _, code := range codes(m.Text) {
		facts = append(facts, ui.Definition{Name: "Code", Value: code})
	}
	p.Blocks = append(p.Blocks, facts)
	if found := links(m); len(found) > 0 {
		p.Blocks = append(p.Blocks, ui.Heading{Text: "Links in the letter"}, found)
	}
	p.Blocks = append(p.Blocks, ui.Source{Label: "Text", Text: m.Text, Empty: "the letter has no plain text"})
	ways := ui.Links{}
	if m.HTML != "" {
		ways = append(ways, ui.Link{Text: "Look at its HTML as a reader would", Href: inboxPath + "/" + m.ID + "/html"})
		p.Blocks = append(p.Blocks, ui.Source{Label: "HTML", Text: m.HTML, Folded: true})
	}
	var head strings.Builder
	for _, h := range m.Headers {
		fmt.Fprintf(&head, "%s: %s\n", h.Name, h.Value)
	}
	p.Blocks = append(p.Blocks, ui.Source{Label: "Headers", Text: head.String(), Folded: true, Empty: "the letter has no headers that can be read"})
	p.Blocks = append(p.Blocks, append(ways, ui.Link{Text: "Save the letter as it came (.eml)", Href: inboxPath + "/" + m.ID + "/download"}))
	return p, nil
}

// letterPolicy shows a letter's HTML and nothing else: no script, no forms, nothing that is loaded, an origin of its own, so
// that it reaches no page of ours. Its links open, in a window of their own. Styles are the letter's.
const letterPolicy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox allow-popups allow-popups-to-escape-sandbox"

// letterHTML answers with the HTML of a letter as it came, in a sandbox.
func (s *Server) letterHTML(v *visit) (ui.Page, error) {
	m, err := s.get(v)
	if err == nil && m.HTML == "" {
		err = fault.New(fault.NotFound, codeNotFound, "The letter has no HTML.")
	}
	if err != nil {
		return ui.Page{}, err
	}
	h := v.w.Header()
	h.Set("Content-Security-Policy", letterPolicy)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	return s.raw(v, []byte(m.HTML))
}

// letterFile answers with the letter as a file.
func (s *Server) letterFile(v *visit) (ui.Page, error) {
	m, err := s.get(v)
	if err != nil {
		return ui.Page{}, err
	}
	data, err := s.Inbox.Raw(m.ID)
	if err != nil {
		return ui.Page{}, err
	}
	h := v.w.Header()
	h.Set("Content-Type", "message/rfc822")
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": m.ID + ".eml"}))
	return s.raw(v, data)
}

// raw answers with what is no page of ours.
func (s *Server) raw(v *visit, data []byte) (ui.Page, error) {
	web.NoStore(v.w)
	v.w.Header().Set("X-Content-Type-Options", "nosniff")
	v.w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	if v.r.Method != http.MethodHead {
		_, _ = v.w.Write(data) // a browser that went away is no error
	}
	return ui.Page{}, errDone
}
