package pages

import (
	"net/http"

	"github.com/twinspan/twinspan/connect/internal/doctor"
	"github.com/twinspan/twinspan/internal/explain"
	"github.com/twinspan/twinspan/internal/ui"
)

// TroubleshootPath is the page "Troubleshoot Connected App", which document 002 links and refusals lead to.
const TroubleshootPath = "/troubleshoot-connected-app"

// troubleshoot is what the doctor looks at and what refusals mean: the same for everybody.
func (s *Server) troubleshoot(w http.ResponseWriter, r *http.Request) {
	s.write(w, r, http.StatusOK, troubleshooting())
}

func troubleshooting() ui.Page {
	p := ui.Page{Title: "Troubleshoot Connected App", Brand: brand, Crumbs: []ui.Link{{Text: "Marketing Cloud", Href: TabPath}}}
	p.Blocks = append(p.Blocks, ui.Text("An administrator runs the command twinspan doctor, which makes all these checks and says which fail; with --user it says why one user cannot sign in or send. "+
		"Words in braces stand for names of yours: {app} for the connected app, {set} for the permission set that carries it, {system} for the system user."))
	for _, chapter := range doctor.Chapters() {
		p.Blocks = append(p.Blocks, ui.Heading{Text: chapter.Title})
		for _, c := range chapter.Checks {
			all := ui.Definitions{{Name: c.ID, Value: c.Name}, {Name: "Wanted", Value: c.Wants}, {Name: "Why", Value: c.Why}}
			for _, d := range []ui.Definition{{Name: "Click", Value: c.Click}, {Name: "Command", Value: c.Command}, {Name: "Document", Value: c.Document}} {
				if d.Value != "" {
					all = append(all, d)
				}
			}
			p.Blocks = append(p.Blocks, all)
		}
	}
	t := ui.Table{Caption: "What refusals mean", Columns: []string{"Code", "Text", "Who says it", "Cause", "What mends it"}}
	for _, e := range explain.All() {
		code := e.Code
		if code == "" {
			code = "(none)"
		}
		t.Rows = append(t.Rows, ui.Row(code, e.Text, e.Where, e.Cause, e.Mend))
	}
	p.Blocks = append(p.Blocks, t)
	return p
}
