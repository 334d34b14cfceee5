package pages

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/twinspan/twinspan/connect/internal/guide"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/web"
)

// GuidesPath lists the five founding documents as guides; each is a page below it.
const GuidesPath = "/guides"

// guideTimeout bounds what a page of a guide reads.
const guideTimeout = 30 * time.Second

// guides lists them.
func (s *Server) guides(w http.ResponseWriter, r *http.Request, v stay) {
	t := ui.Table{Caption: "The documents", Columns: []string{"Guide", "Document", "Knowledge Article Number"}}
	for _, name := range guide.Names() {
		g, err := s.Guides.Text(v.link, name)
		if err != nil {
			s.sorry(w, r, v, err)
			return
		}
		t.Rows = append(t.Rows, []ui.Cell{{Text: g.Title, Href: GuidesPath + "/" + name}, {Text: name}, {Text: g.Article}})
	}
	s.show(w, r, http.StatusOK, v, ui.Page{Title: "Guides", Blocks: []ui.Block{
		ui.Text("Each guide follows its document step by step, and reads from both clouds how far you have come."), t,
		ui.Links{{Text: "Troubleshoot Connected App", Href: TroubleshootPath}},
	}})
}

// guide is one of them. Parameters: user and system_user as the API's; print=1 leaves out what is for the screen alone.
func (s *Server) guide(w http.ResponseWriter, r *http.Request, v stay) {
	query, err := web.Query(r)
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), guideTimeout)
	defer cancel()
	g, err := s.Guides.Read(ctx, v.link, r.PathValue("guide"), guide.Question{User: query.Get("user"), SystemUser: query.Get("system_user")})
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	p := ui.Page{Title: g.Title, Crumbs: []ui.Link{{Text: "Guides", Href: GuidesPath}}}
	if query.Get("print") != "" {
		p.Brand, p.User, p.Crumbs, p.Blocks = brand, v.Person.Shown(), nil, guideBlocks(g)
		p.Footer = "Standing: " + v.link.Standing.String()
		s.write(w, r, http.StatusOK, p)
		return
	}
	query.Set("print", "1")
	p.Blocks = append([]ui.Block{ui.Links{{Text: "Print this page", Href: r.URL.Path + "?" + query.Encode()}}}, guideForm(g, v.link, query)...)
	p.Blocks = append(p.Blocks, guideBlocks(g)...)
	s.show(w, r, http.StatusOK, v, p)
}

// guideForm asks whom the guide is about, where that matters.
func guideForm(g guide.Guide, l link.Link, given url.Values) []ui.Block {
	var f ui.Field
	switch {
	case g.Name == "000":
		f = ui.Field{Name: "user", Label: "Salesforce user whose mapping is to be cleared", Value: given.Get("user")}
	case g.Name == "004":
		f = ui.Field{Name: "user", Label: "User name of the integration user", Value: given.Get("user")}
	case l.Org.Username == "":
		f = ui.Field{Name: "system_user", Label: "User name of the Salesforce system user", Value: given.Get("system_user")}
	default:
		return nil
	}
	f.MaxLength, f.Autocomplete = 255, "off"
	return []ui.Block{ui.Form{Get: true, Action: GuidesPath + "/" + g.Name, Fields: []ui.Field{f}, Submits: []ui.Submit{{Label: "Look", Secondary: true}}}}
}

// guideBlocks are a guide's content: what is next on top, then all of it.
func guideBlocks(g guide.Guide) []ui.Block {
	progress := g.Progress()
	facts := ui.Definitions{{Name: "Steps", Value: fmt.Sprintf("%d done, %d open, %d not visible", progress.Done, progress.Open, progress.NotVisible)}, {Name: "Read", Value: stamp(g.At)}}
	if g.Article != "" {
		facts = append(ui.Definitions{{Name: "Knowledge Article Number", Value: g.Article}}, facts...)
	}
	blocks := []ui.Block{facts, ui.Heading{Text: "Next step", ID: "next"}}
	switch next := progress.Next; {
	case next == nil && progress.NotVisible > 0:
		blocks = append(blocks, ui.Text("No step is open. Those that are not visible stand below with the reason."))
	case next == nil:
		blocks = append(blocks, ui.Text("Every step is done."))
	default:
		if n := len(progress.Before); n > 0 {
			blocks = append(blocks, ui.Text(fmt.Sprintf("Whether the %s before it was done is not visible: %s Do first what you have not done.", stepsWord(n), progress.Before[n-1].Why)))
		}
		step := stepOf(*next, true)
		step.ID = ""
		blocks = append(blocks, ui.Steps{step})
	}
	var purpose ui.List
	for _, n := range g.Purpose {
		purpose = append(purpose, n.Text)
	}
	blocks = append(blocks, ui.Heading{Text: "What this is for"}, purpose)
	for _, section := range g.Sections {
		blocks = append(blocks, ui.Heading{Text: section.Title})
		var notes ui.List
		for _, n := range section.Notes {
			notes = append(notes, n.Text)
		}
		if notes != nil {
			blocks = append(blocks, notes)
		}
		var steps ui.Steps
		for _, one := range section.Steps {
			steps = append(steps, stepOf(one, progress.Next != nil && one.ID() == progress.Next.ID()))
		}
		if steps != nil {
			blocks = append(blocks, steps)
		}
	}
	return blocks
}

func stepsWord(n int) string {
	if n == 1 {
		return "step"
	}
	return fmt.Sprintf("%d steps", n)
}

// stepOf is a step of a guide as pages show it.
func stepOf(one guide.Step, current bool) ui.Step {
	step := ui.Step{
		ID: one.ID(), Number: one.Number, Text: one.Text, Word: one.State.String(), Who: one.Whose.String(), Warning: one.Warning, Href: one.Page, Link: one.Click, Command: one.Command, Current: current,
		State: map[guide.State]ui.StepState{guide.Done: ui.StepDone, guide.Open: ui.StepOpen, guide.NotVisible: ui.StepUnknown}[one.State],
	}
	for _, d := range []ui.Definition{{Name: "Read", Value: one.Seen}, {Name: "Because", Value: one.Why}} {
		if d.Value != "" {
			step.Details = append(step.Details, d)
		}
	}
	if one.Click != "" && one.Page == "" {
		step.Details = append(step.Details, ui.Definition{Name: "Click", Value: one.Click})
	}
	return step
}
