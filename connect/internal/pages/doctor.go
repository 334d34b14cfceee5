package pages

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/connect/internal/access"
	"github.com/twinspan/twinspan/connect/internal/doctor"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/web"
)

// Paths of the doctor. What is mailed and posted about a change of state leads to the first.
const (
	DoctorPath        = "/doctor"
	doctorRoundsPath  = DoctorPath + "/rounds"
	doctorUserPath    = DoctorPath + "/user"
	doctorBeforePath  = DoctorPath + "/before"
	doctorExplainPath = DoctorPath + "/explain"
	doctorWatchPath   = DoctorPath + "/watch"
	doctorFixPath     = DoctorPath + "/fix"
	doctorFixEndPath  = doctorFixPath + "/end"
)

// roundsPage is how many rounds stand on a page of the history, lookTimeout bounds a look that a page waits for.
const (
	roundsPage  = 20
	lookTimeout = time.Minute
)

// mountDoctor registers the doctor's pages.
func (s *Server) mountDoctor(mux *web.Mux) {
	mux.HandleFunc("GET "+DoctorPath, s.inside(s.doctor, access.Engagement))
	mux.Handle("POST "+DoctorPath, s.act(s.lookNow, access.Engagement))
	mux.HandleFunc("GET "+doctorRoundsPath, s.inside(s.rounds, access.Engagement))
	mux.HandleFunc("GET "+doctorRoundsPath+"/{round}", s.inside(s.round, access.Engagement))
	mux.HandleFunc("GET "+doctorUserPath, s.inside(s.doctorUser, access.Engagement))
	mux.HandleFunc("GET "+doctorBeforePath, s.inside(s.doctorBefore, access.Engagement))
	mux.HandleFunc("GET "+doctorExplainPath, s.inside(s.doctorExplain, everybody...))
	mux.HandleFunc("GET "+doctorFixPath, s.inside(s.doctorFix, access.Engagement))
	mux.Handle("POST "+doctorFixPath, s.act(s.beginFix, access.Engagement))
	mux.HandleFunc("GET "+doctorFixPath+"/{fix}", s.inside(s.fixUnderWay, access.Engagement))
	mux.Handle("POST "+doctorFixEndPath, s.act(s.endFix, access.Engagement))
	mux.HandleFunc("GET "+doctorWatchPath, s.inside(s.doctorWatch))
	mux.Handle("POST "+doctorWatchPath, s.act(s.saveDoctorWatch))
}

// doctorPage is a page of the doctor's.
func doctorPage(title string) ui.Page {
	p := ui.Page{Title: title, Crumbs: []ui.Link{{Text: "Doctor", Href: DoctorPath}}}
	p.Current = DoctorPath
	return p
}

// doctor shows what the last round found, and leads to all else that the doctor does.
func (s *Server) doctor(w http.ResponseWriter, r *http.Request, v stay) {
	last, err := s.Rounds.List(r.Context(), v.link, 0, 2)
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	p := doctorPage("Doctor")
	p.Crumbs = nil
	p.Blocks = append(
		p.Blocks, ui.Text("The doctor looks at both clouds and at Connect through their public APIs and names the cause of what does not work. Looking changes nothing."),
		v.form(ui.Form{Action: DoctorPath, Submits: []ui.Submit{{Label: "Look now"}}}),
		// A button and no link: it looks at both clouds, which takes seconds where there are many users.
		ui.Form{Get: true, Action: doctorFixPath, Submits: []ui.Submit{{Label: "Mend what is safe", Secondary: true}}},
	)
	if len(last) == 0 {
		p.Blocks = append(p.Blocks, ui.Text("The connection was not looked at yet."))
	} else {
		p.Blocks = append(p.Blocks, s.roundBlocks(v, last[0])...)
	}
	ways := ui.Links{{Text: "History of rounds", Href: doctorRoundsPath}, {Text: "Troubleshoot Connected App", Href: TroubleshootPath}}
	if v.Role.May() {
		ways = append(ways, ui.Link{Text: "How often it looks by itself, and whom it tells", Href: doctorWatchPath})
	}
	p.Blocks = append(p.Blocks, ui.Heading{Text: "Ask the doctor"}, userQuestion("", nil), beforeQuestion("", nil), explainQuestion("", nil), ways)
	s.show(w, r, http.StatusOK, v, p)
}

// lookNow makes a round, which is kept, and shows it.
func (s *Server) lookNow(w http.ResponseWriter, r *http.Request, v stay, _ url.Values) {
	ctx, cancel := context.WithTimeout(r.Context(), lookTimeout)
	defer cancel()
	made, err := s.Rounds.Make(ctx, v.link)
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	redirect(w, r, roundPath(made.Seq))
}

func roundPath(seq int64) string { return doctorRoundsPath + "/" + strconv.FormatInt(seq, 10) }

// round shows one that is kept.
func (s *Server) round(w http.ResponseWriter, r *http.Request, v stay) {
	seq, err := strconv.ParseInt(r.PathValue("round"), 10, 64)
	if err != nil {
		seq = 0
	}
	found, err := s.Rounds.Round(r.Context(), v.link, seq)
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	p := doctorPage("Round " + strconv.FormatInt(found.Seq, 10))
	p.Crumbs = append(p.Crumbs, ui.Link{Text: "History of rounds", Href: doctorRoundsPath})
	p.Blocks = append(s.roundBlocks(v, found), v.form(ui.Form{Action: DoctorPath, Submits: []ui.Submit{{Label: "Look now"}}}))
	s.show(w, r, http.StatusOK, v, p)
}

// conditions are how a connection is after a round, in words.
var conditions = map[doctor.Condition]string{
	doctor.Healthy: "healthy", doctor.PartlySeen: "nothing found, not everything could be checked", doctor.Unseen: "the look came to no end",
	doctor.Condition(doctor.Error): "error", doctor.Condition(doctor.Warning): "warning", doctor.Condition(doctor.Notice): "notice",
}

func conditionBadge(c doctor.Condition) ui.BadgeKind {
	switch c {
	case doctor.Healthy:
		return ui.BadgeGood
	case doctor.Condition(doctor.Error), doctor.Unseen:
		return ui.BadgeBad
	case doctor.Condition(doctor.Notice):
		return ui.BadgePlain
	}
	return ui.BadgeWarning
}

// counted says findings by severity.
func counted(counts map[doctor.Severity]int) string {
	out := make([]string, 0, 3)
	for _, severity := range doctor.Severities() {
		word := string(severity)
		if counts[severity] != 1 {
			word += "s"
		}
		out = append(out, strconv.Itoa(counts[severity])+" "+word)
	}
	return strings.Join(out, ", ")
}

// roundBlocks tell of a round: what it found, what could not be checked, what it cost.
func (s *Server) roundBlocks(v stay, r doctor.Round) []ui.Block {
	facts := ui.Definitions{
		{Name: "Looked at", Value: stamp(r.At)},
		{Name: "Found", Value: counted(r.Counts)},
		{Name: "Passed", Value: strconv.Itoa(r.Passed) + " checks"},
		{Name: "Not checkable", Value: strconv.Itoa(len(r.Unchecked)) + " checks"},
		{Name: "Calls", Value: fmt.Sprintf("%d to the org, %d to Engagement, in %.1f s", r.OrgCalls, r.TenantCalls, float64(r.TookMS)/1000)},
	}
	for _, d := range []ui.Definition{{Name: "New in it", Value: strings.Join(r.Began, ", ")}, {Name: "Gone since the one before", Value: strings.Join(r.Ended, ", ")}, {Name: "Trouble", Value: r.Trouble}} {
		if d.Value != "" {
			facts = append(facts, d)
		}
	}
	blocks := []ui.Block{ui.Badges{{Kind: conditionBadge(r.State), Text: conditions[r.State]}}, facts}
	findings := make([]doctor.Finding, len(r.Findings))
	for i, f := range r.Findings {
		findings[i] = f.Finding(v.link)
	}
	blocks = append(blocks, findingBlocks(findings)...)
	if r.More > 0 {
		blocks = append(blocks, ui.Text(strconv.Itoa(r.More)+" more were found and are not kept."))
	}
	unchecked := make([]doctor.Unchecked, 0, len(r.Unchecked))
	for _, id := range slices.Sorted(maps.Keys(r.Unchecked)) {
		unchecked = append(unchecked, doctor.Unchecked{Check: id, Name: doctor.CheckName(id), Because: r.Unchecked[id]})
	}
	return append(blocks, uncheckedBlocks(unchecked)...)
}

// findingBlocks are findings, the worst first.
func findingBlocks(all []doctor.Finding) []ui.Block {
	if len(all) == 0 {
		return []ui.Block{ui.Text("Nothing was found.")}
	}
	steps := make(ui.Steps, len(all))
	for i, f := range all {
		steps[i] = ui.Step{Text: f.Check + " " + f.Name, State: ui.StepOpen, Word: string(f.Severity), Command: f.Command}
		if f.Subject != "" {
			steps[i].Text += ": " + f.Subject
		}
		for _, d := range []ui.Definition{{Name: "Seen", Value: f.Seen}, {Name: "Expected", Value: f.Expected}, {Name: "Why it matters", Value: f.Why}, {Name: "Click", Value: f.Click}, {Name: "See", Value: f.See}, {Name: "Document", Value: f.Document}} {
			if d.Value != "" {
				steps[i].Details = append(steps[i].Details, d)
			}
		}
	}
	return []ui.Block{ui.Heading{Text: "Findings", ID: "findings"}, steps}
}

// uncheckedBlocks say what could not be checked, and why; it is never healthy.
func uncheckedBlocks(all []doctor.Unchecked) []ui.Block {
	if len(all) == 0 {
		return nil
	}
	t := ui.Table{Caption: "Not checkable", Columns: []string{"Check", "Name", "Because"}}
	for _, u := range all {
		t.Rows = append(t.Rows, ui.Row(u.Check, u.Name, u.Because))
	}
	return []ui.Block{ui.Heading{Text: "What could not be checked"}, t}
}

// rounds is the history, the newest first.
func (s *Server) rounds(w http.ResponseWriter, r *http.Request, v stay) {
	q, err := web.Query(r)
	var before int64
	if err == nil && q.Get("before") != "" {
		if before, err = strconv.ParseInt(q.Get("before"), 10, 64); err != nil || before < 1 {
			err = fault.New(fault.Invalid, "invalid_page", "There is no such page.")
		}
	}
	var all []doctor.Round
	if err == nil {
		all, err = s.Rounds.List(r.Context(), v.link, before, roundsPage+1)
	}
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	ways := ui.Pagination{Label: "rounds"}
	if len(all) > roundsPage {
		all = all[:roundsPage]
		ways.Next = doctorRoundsPath + "?before=" + strconv.FormatInt(all[roundsPage-1].Seq, 10)
	}
	if before > 0 {
		ways.Previous = doctorRoundsPath
	}
	p := doctorPage("History of rounds")
	t := ui.Table{Caption: "Rounds, the newest first", Columns: []string{"Round", "At", "State", "Found", "Not checkable", "New", "Gone"}, Empty: "the connection was not looked at yet"}
	for _, one := range all {
		t.Rows = append(t.Rows, []ui.Cell{
			{Text: strconv.FormatInt(one.Seq, 10), Href: roundPath(one.Seq)},
			{Text: stamp(one.At)},
			{Text: conditions[one.State], Badge: conditionBadge(one.State)},
			{Text: counted(one.Counts)},
			{Text: strconv.Itoa(len(one.Unchecked))},
			{Text: strings.Join(one.Began, " ")},
			{Text: strings.Join(one.Ended, " ")},
		})
	}
	p.Blocks = append(append(p.Blocks, t), turns(ways)...)
	s.show(w, r, http.StatusOK, v, p)
}
