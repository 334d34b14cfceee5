package pages

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/twinspan/twinspan/connect/internal/doctor"
	"github.com/twinspan/twinspan/internal/explain"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/web"
)

// TroubleshootPath is the page "Troubleshoot Connected App", which document 002 links and refusals lead to.
const TroubleshootPath = explain.Path

// refusalsPath is what refusals mean, all of them, on a page of their own: together with the checks it would be too long.
const refusalsPath = TroubleshootPath + "/refusals"

// maxMet is how many bytes of a message are looked for.
const maxMet = 1000

// troubleshoot is what the doctor looks at and what refusals mean: the same for everybody, and so without a session. With ?met=
// it begins with what that message means.
func (s *Server) troubleshoot(w http.ResponseWriter, r *http.Request) {
	q, err := web.Query(r)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	typed, status := strings.TrimSpace(strings.ToValidUTF8(q.Get("met"), "?")), http.StatusOK
	met := typed
	if len(met) > maxMet {
		met = strings.ToValidUTF8(met[:maxMet], "")
	}
	p := ui.Page{Title: "Troubleshoot Connected App", Brand: brand, Crumbs: []ui.Link{{Text: "Marketing Cloud", Href: TabPath}}}
	all := explain.Find(met)
	var unknown error
	if q.Has("met") && len(all) == 0 {
		unknown, status = fault.New(fault.NotFound, doctor.CodeInvalid, "Nobody knows this code or text; give it as the cloud wrote it."), http.StatusNotFound
	}
	if len(all) > 0 {
		p.Blocks = append(p.Blocks, ui.Heading{Text: "What it means"})
	}
	for _, e := range all {
		p.Blocks = append(p.Blocks, explainedBlock(e))
	}
	if unknown != nil {
		p.Blocks = append(p.Blocks, nearTo(met, TroubleshootPath, "met")...)
	}
	p.Blocks = append(p.Blocks, asked(TroubleshootPath, "What does this message mean?", "Explain", unknown, ui.Field{
		Name: "met", Label: "Code or whole message, as it was met", Value: typed, Required: true, MaxLength: maxMet, Autocomplete: "off",
	}), ui.Links{
		{Text: "Doctor: what is wrong now, for one user or before a change", Href: DoctorPath}, {Text: "What refusals mean", Href: refusalsPath},
	})
	p.Blocks = append(p.Blocks, everything()...)
	s.write(w, r, status, p)
}

// nearTo are links to what is like a message that nobody knows.
func nearTo(met, path, parameter string) []ui.Block {
	near := explain.Near(met)
	if len(near) == 0 {
		return nil
	}
	links := make(ui.Links, len(near))
	for i, e := range near {
		links[i] = ui.Link{Text: e.Head(), Href: path + "?" + url.Values{parameter: {e.Head()}}.Encode()}
	}
	return []ui.Block{ui.Heading{Text: "Near to it"}, links}
}

// everything is every check.
func everything() []ui.Block {
	blocks := []ui.Block{ui.Text("An administrator runs the command twinspan doctor, which makes all these checks and says which fail; with --user it says why one user cannot sign in or send. " +
		"\"Salesforce Marketing Cloud\" stands for the connected app, whatever it is called; USERNAME, NAME, VALUE, SYSTEM-USER and PERMISSION-SET stand for names of yours.")}
	for _, chapter := range doctor.Chapters() {
		blocks = append(blocks, ui.Heading{Text: chapter.Title})
		for _, c := range chapter.Checks {
			all := ui.Definitions{{Name: c.ID, Value: c.Name}, {Name: "Wanted", Value: c.Wants}, {Name: "Why", Value: c.Why}}
			for _, d := range []ui.Definition{{Name: "Click", Value: c.Click}, {Name: "Command", Value: c.Command}, {Name: "See", Value: c.See}, {Name: "Document", Value: c.Document}} {
				if d.Value != "" {
					all = append(all, d)
				}
			}
			blocks = append(blocks, all)
		}
	}
	return blocks
}

// refusals are all that the clouds and Connect say no with, the same for everybody.
func (s *Server) refusals(w http.ResponseWriter, r *http.Request) {
	t := ui.Table{Caption: "What refusals mean", Columns: []string{"Code", "Text", "Who says it", "Cause", "What mends it"}}
	for _, e := range explain.All() {
		code := e.Code
		if code == "" {
			code = "(none)"
		}
		t.Rows = append(t.Rows, ui.Row(code, strings.ReplaceAll(e.Text, "{}", "…"), e.Where, e.Cause, e.Mend))
	}
	s.write(w, r, http.StatusOK, ui.Page{
		Title: "What refusals mean", Brand: brand, Crumbs: []ui.Link{{Text: "Marketing Cloud", Href: TabPath}, {Text: "Troubleshoot Connected App", Href: TroubleshootPath}}, Blocks: []ui.Block{t},
	})
}
