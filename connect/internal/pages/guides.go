package pages

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/twinspan/twinspan/connect/internal/access"
	"github.com/twinspan/twinspan/connect/internal/doctor"
	"github.com/twinspan/twinspan/connect/internal/guide"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/web"
)

// GuidesPath lists the five founding documents as guides; each is a page below it.
const GuidesPath = "/guides"

// guideTimeout bounds what a page of a guide reads.
const guideTimeout = 30 * time.Second

// guideRoles are who may read the guides, besides administrators: those who take steps in Engagement and, while the org is not
// connected, whoever is signed in, because nobody's role can be read there yet. Who lent his session then goes on reading in it.
func guideRoles(v stay) []access.Role {
	if v.link.Org.Username == "" || len(v.Eyes) > 0 {
		return everybody
	}
	return []access.Role{access.Engagement}
}

// readers lets through who may read the guides.
func (s *Server) readers(h func(http.ResponseWriter, *http.Request, stay)) func(http.ResponseWriter, *http.Request, stay) {
	return func(w http.ResponseWriter, r *http.Request, v stay) {
		if err := v.Role.Require(v.link, guideRoles(v)...); err != nil {
			s.sorry(w, r, v, err)
			return
		}
		h(w, r, v)
	}
}

// eyes are what a guide is looked at with, besides Connect's own users: who lent his session looks in it, and with no other eyes
// where no role lets him.
func (s *Server) eyes(v stay) (doctor.Eyes, bool, error) {
	lent, err := s.Access.Eyes(v.Session)
	return doctor.Eyes{OrgToken: lent}, lent != "" && !v.Role.May(access.Engagement), err
}

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
	s.showGuide(w, r, v, query, ui.Field{Value: cmp.Or(query.Get(systemUserField), s.plannedUser(r, v))}, http.StatusOK)
}

// showGuide is the page of a guide. system has who is to be the system user, as far as somebody said so, and what was wrong with that.
func (s *Server) showGuide(w http.ResponseWriter, r *http.Request, v stay, query url.Values, system ui.Field, status int) {
	ctx, cancel := context.WithTimeout(r.Context(), guideTimeout)
	defer cancel()
	eyes, alone, err := s.eyes(v)
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	ask := guide.Question{Eyes: eyes, Alone: alone, User: query.Get("user")}
	if system.Error == "" {
		ask.SystemUser = system.Value
	}
	g, err := s.Guides.Read(ctx, v.link, r.PathValue("guide"), ask)
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	p := ui.Page{Title: g.Title, Crumbs: []ui.Link{{Text: "Guides", Href: GuidesPath}}, Frame: ui.Frame{Current: GuidesPath}}
	if query.Get("print") != "" {
		p.Brand, p.User, p.Crumbs, p.Blocks = brand, v.Person.Shown(), nil, guideBlocks(g, ask)
		p.Footer = "Standing: " + v.link.Standing.String()
		s.write(w, r, http.StatusOK, p)
		return
	}
	here := GuidesPath + "/" + g.Name
	again := strings.TrimSuffix(here+"?"+query.Encode(), "?")
	query.Set("print", "1")
	p.Blocks = []ui.Block{ui.Links{{Text: "Look again", Href: again}, {Text: "Print this page", Href: here + "?" + query.Encode()}}}
	if v.Role == access.Nobody {
		p.Alerts = append(p.Alerts, ui.Alert{Kind: ui.Notice, Title: noRoleTitle(v), Text: noRoleHere(v) + roleAdvice(v)})
	}
	if v.link.Org.Username == "" && eyes.OrgToken == "" && v.link.Standing == link.Embedded {
		p.Alerts = append(p.Alerts, ui.Alert{
			Kind: ui.Notice, Title: "The org was not looked at", Text: "Connect has no user in it yet. Sign in with Salesforce, as an administrator of the org: the guide then looks in your session, and sees which steps are done.",
			Links: []ui.Link{{Text: "Sign in with Salesforce", Href: signInOrgPath + "?" + url.Values{"return": {here}, "pair": {v.link.Pair}}.Encode()}},
		})
	}
	p.Blocks = append(p.Blocks, guideBlocks(g, ask, guideForm(g, v, query, system)...)...)
	s.show(w, r, status, v, p)
}

// noRoleHere says what having no role means for who reads a guide.
func noRoleHere(v stay) string {
	if v.link.State() == link.Connected {
		return "A guide is read without one. "
	}
	return "That is as it should be before the clouds are connected. "
}

// guideForm asks whom the guide is about, where that matters.
func guideForm(g guide.Guide, v stay, given url.Values, system ui.Field) []ui.Block {
	var f ui.Field
	switch {
	case g.Name == "000":
		f = ui.Field{Name: "user", Label: "Salesforce user whose mapping is to be cleared", Value: given.Get("user")}
	case g.Name == "004":
		f = ui.Field{Name: "user", Label: "User name of the integration user", Value: given.Get("user")}
	case v.link.Org.Username == "":
		return []ui.Block{systemUserForm(g, v, system)}
	default:
		return nil
	}
	f.MaxLength, f.Autocomplete = 255, "off"
	return []ui.Block{ui.Form{Get: true, Action: GuidesPath + "/" + g.Name, Fields: []ui.Field{f}, Submits: []ui.Submit{{Label: "Look", Secondary: true}}}}
}

// guideBlocks are a guide's content: what is next on top, then what the guide asks, then all of it.
func guideBlocks(g guide.Guide, asked guide.Question, asks ...ui.Block) []ui.Block {
	progress := g.Progress()
	facts := ui.Definitions{{Name: "Steps", Value: fmt.Sprintf("%d done, %d open, %d not visible", progress.Done, progress.Open, progress.NotVisible)}, {Name: "Looked at", Value: stamp(g.At)}}
	if g.Article != "" {
		facts = append(ui.Definitions{{Name: "Knowledge Article Number", Value: g.Article}}, facts...)
	}
	if asked.SystemUser != "" {
		facts = append(facts, ui.Definition{Name: "Salesforce system user", Value: asked.SystemUser})
	}
	blocks := append([]ui.Block{facts, ui.Heading{Text: "Next step", ID: "next"}}, nextBlocks(g, progress)...)
	blocks = append(blocks, asks...)
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

// numbersOf names steps, each by its number or, where it has none, by its text.
func numbersOf(steps []guide.Step) string {
	var all []string
	for _, one := range steps {
		all = append(all, cmp.Or(one.Number, one.Text))
	}
	return strings.Join(all, ", ")
}

// afterwards says what is left once a guide is done: setting up ends with users who connect.
func afterwards(g guide.Guide, end ui.Block) []ui.Block {
	if g.Name != setUpGuide {
		return []ui.Block{end}
	}
	return []ui.Block{end, ui.Text("Every user now opens the Marketing Cloud tab once and connects with his own Engagement user."), ui.Links{{Text: "Marketing Cloud tab", Href: TabPath}}}
}

// nextBlocks say what comes next: the step, what has to be sure before it, and what follows it in its part of the document.
func nextBlocks(g guide.Guide, progress guide.Progress) []ui.Block {
	next := progress.Next
	switch {
	case next == nil && progress.NotVisible > 0:
		return afterwards(g, ui.Text("No step is open: the guide is followed to its end, as far as it can be seen. Steps that are not visible stand below with the reason."))
	case next == nil:
		return afterwards(g, ui.Text("Every step is done."))
	}
	var blocks []ui.Block
	if n := len(progress.Passed); n > 0 {
		blocks = append(blocks, ui.Text(fmt.Sprintf("Whether %s further up %s done is not visible: %s Look below whether %s yours: %s.",
			stepsWord(n), map[bool]string{true: "was", false: "were"}[n == 1], progress.Passed[n-1].Why, map[bool]string{true: "it is", false: "they are"}[n == 1], numbersOf(progress.Passed))))
	}
	if n := len(progress.Before); n > 0 {
		blocks = append(blocks, ui.Text(fmt.Sprintf("Whether %s before this one %s done is not visible: %s Do first what you have not done.", stepsWord(n), map[bool]string{true: "was", false: "were"}[n == 1], progress.Before[n-1].Why)))
		var before ui.Steps
		for _, one := range progress.Before {
			step := stepOf(one, false)
			step.ID = ""
			before = append(before, step)
		}
		blocks = append(blocks, before, ui.Text("Then:"))
	}
	step := stepOf(*next, true)
	step.ID = ""
	blocks = append(blocks, ui.Steps{step})
	var after ui.List
	title := ""
	for _, section := range g.Sections {
		i := slices.IndexFunc(section.Steps, func(one guide.Step) bool { return one.ID() == next.ID() })
		if i < 0 {
			continue
		}
		title = section.Title
		for _, one := range section.Steps[i+1:] {
			if one.State != guide.Done {
				after = append(after, strings.TrimPrefix(one.Number+". ", ". ")+one.Text)
			}
		}
	}
	if len(after) > 0 {
		blocks = append(blocks, ui.Text("After it, in the part “"+title+"”:"), after)
	}
	return append(blocks, ui.Text("Then come back to this guide. Whenever it is opened it reads anew how far you are, and says what comes next."))
}

func stepsWord(n int) string {
	if n == 1 {
		return "the step"
	}
	return fmt.Sprintf("the %d steps", n)
}

// stepOf is a step of a guide as pages show it.
func stepOf(one guide.Step, current bool) ui.Step {
	step := ui.Step{
		ID: one.ID(), Number: one.Number, Text: one.Text, Word: one.State.String(), Who: one.Whose.String(), Warning: one.Warning, Href: one.Page, Link: cmp.Or(guide.PageName(one.Page), one.Click), Command: one.Command, Current: current,
		State: map[guide.State]ui.StepState{guide.Done: ui.StepDone, guide.Open: ui.StepOpen, guide.NotVisible: ui.StepUnknown}[one.State],
	}
	for _, d := range []ui.Definition{{Name: "Read", Value: one.Seen}, {Name: "Because", Value: one.Why}} {
		if d.Value != "" {
			step.Details = append(step.Details, d)
		}
	}
	if one.Click != "" && step.Link != one.Click { // the way to the page, which the link goes at once
		step.Details = append(step.Details, ui.Definition{Name: "Click", Value: one.Click})
	}
	return step
}
