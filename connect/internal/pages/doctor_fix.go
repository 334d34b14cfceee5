package pages

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/twinspan/twinspan/connect/internal/access"
	"github.com/twinspan/twinspan/connect/internal/doctor"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
)

// mender is whose session a mend is made in, and which role of the console may set about it.
type mender struct {
	who  string
	role []access.Role // besides an administrator of the connection
}

var menders = map[doctor.Person]mender{
	doctor.OrgAdmin:        {"an administrator of the org, in a session of his own there: Connect holds none", nil},
	doctor.EngagementAdmin: {"an administrator of Engagement, in a session of his own there: Connect holds none", []access.Role{access.Engagement}},
	doctor.ConnectAdmin:    {"an administrator of the connection, over Connect's API", nil},
}

// chosenMend names a mend in the form.
func chosenMend(f doctor.Finding) string { return f.Check + " " + f.Subject }

// doctorFix shows what is safe to mend: what, why and as whom. It looks anew, so that the plan is of now.
func (s *Server) doctorFix(w http.ResponseWriter, r *http.Request, v stay) {
	s.showPlan(w, r, v, http.StatusOK, nil, nil)
}

// showPlan shows the plan; chosen are the mends that stay checked where a form was refused, because of err.
func (s *Server) showPlan(w http.ResponseWriter, r *http.Request, v stay, status int, chosen []string, err error) {
	ctx, cancel := context.WithTimeout(r.Context(), lookTimeout)
	defer cancel()
	report, lookErr := s.Doctor.Look(ctx, v.link, doctor.Eyes{}, doctor.Checks())
	if lookErr != nil {
		s.sorry(w, r, v, lookErr)
		return
	}
	p := doctorPage("Mend what is safe")
	if err != nil {
		p.Alerts = append(p.Alerts, ui.Alert{Kind: ui.Error, Title: "That did not work", Text: fault.Of(err).Message})
		p.Blocks = append(p.Blocks, whatItMeans(err))
	}
	p.Blocks = append(p.Blocks, ui.Text("A mend that is safe gives what the documents ask for to whom they ask it for, takes nothing from anybody, sends nothing, and doing it twice is doing it once. "+
		"Choose, and confirm: the plan goes on record. Then each is made where the plan says, and Connect looks again and says what became of it."))
	plan := report.Plan()
	may := func(f doctor.Finding) error { return v.Role.Require(v.link, menders[f.Mend.By].role...) }
	list := ui.Selection{
		Action: doctorFixPath, Name: fieldChosen, Caption: "Plan", Columns: []string{"Mend", "Seen", "Why", "What it does", "As whom", "Click", "Command"},
		Hidden: []ui.Field{v.token()}, Submits: []ui.Submit{{Label: "Confirm the mends chosen"}}, Empty: "nothing of what is found can be mended by you here",
	}
	others := ui.Table{Caption: "Not yours, or not now", Columns: []string{"Mend", "Seen", "Because"}}
	for _, f := range plan.Mends {
		name := f.Check + " " + f.Name + about(f.Subject)
		if err := may(f); err != nil {
			others.Rows = append(others.Rows, ui.Row(name, f.Seen, fault.Of(err).Message))
			continue
		}
		list.Rows = append(list.Rows, ui.Choice{Value: chosenMend(f), Label: name, Checked: err == nil || slices.Contains(chosen, chosenMend(f)), Cells: ui.Row(f.Seen, f.Why, f.Mend.Effect, menders[f.Mend.By].who, f.Click, f.Command)})
	}
	for _, h := range plan.Held {
		others.Rows = append(others.Rows, ui.Row(h.Check+" "+h.Name+about(h.Subject), h.Seen, h.Why))
	}
	p.Blocks = append(p.Blocks, list)
	if plan.More > 0 {
		p.Blocks = append(p.Blocks, ui.Text(strconv.Itoa(plan.More)+" more can be mended after these."))
	}
	if len(others.Rows) > 0 {
		p.Blocks = append(p.Blocks, others)
	}
	if len(plan.ByHand) > 0 {
		p.Blocks = append(p.Blocks, ui.Heading{Text: "What a person has to decide"}, ui.Text("The findings below came out of somebody's decision, or can cut somebody off; they are mended one by one, with the clicks and commands that stand there."))
		p.Blocks = append(p.Blocks, findingBlocks(plan.ByHand)...)
	}
	p.Blocks = append(append(p.Blocks, uncheckedBlocks(report.Unchecked)...), ui.Links{{Text: "Troubleshoot Connected App", Href: TroubleshootPath}})
	s.show(w, r, status, v, p)
}

func about(subject string) string {
	if subject == "" {
		return ""
	}
	return ": " + subject
}

// beginFix puts on record what was chosen, as a new look finds it: what is gone meanwhile is left out.
func (s *Server) beginFix(w http.ResponseWriter, r *http.Request, v stay, form url.Values) {
	chosen := form[fieldChosen]
	if len(chosen) == 0 {
		s.showPlan(w, r, v, http.StatusBadRequest, nil, fault.New(fault.Invalid, doctor.CodeInvalid, "Choose at least one mend."))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), lookTimeout)
	defer cancel()
	report, err := s.Doctor.Look(ctx, v.link, doctor.Eyes{}, doctor.Checks())
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	var mends []doctor.Mending
	for _, f := range report.Plan().Mends {
		if !slices.Contains(chosen, chosenMend(f)) {
			continue
		}
		if err := v.Role.Require(v.link, menders[f.Mend.By].role...); err != nil {
			s.sorry(w, r, v, err)
			return
		}
		mends = append(mends, doctor.Mending{Check: f.Check, Subject: f.Subject, Seen: f.Seen, Command: f.Command, Click: f.Click})
	}
	if len(mends) == 0 {
		s.showPlan(w, r, v, http.StatusConflict, chosen, fault.New(fault.Conflict, doctor.CodeInvalid, "What was chosen is not found any more, or may not be mended now: look at the plan again."))
		return
	}
	fix, err := s.Doctor.BeginFix(ctx, v.link, v.actor(), mends)
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	redirect(w, r, fixPath(fix.ID))
}

func fixPath(id string) string { return doctorFixPath + "/" + url.PathEscape(id) }

// outcomes are what became of a mend, in words.
var outcomes = map[doctor.MendState]struct {
	word  string
	state ui.StepState
}{
	"":             {"to be made", ui.StepOpen},
	doctor.Mended:  {"mended", ui.StepDone},
	doctor.Left:    {"still found", ui.StepOpen},
	doctor.Failed:  {"failed", ui.StepOpen},
	doctor.Unknown: {"cannot be looked at now", ui.StepUnknown},
}

// fixUnderWay shows a fix: while it is under way where each mend is made, afterwards what became of each.
func (s *Server) fixUnderWay(w http.ResponseWriter, r *http.Request, v stay) {
	fix, err := s.Doctor.Fix(r.Context(), v.link, r.PathValue("fix"))
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	p := doctorPage("Mends under way")
	p.Crumbs = append(p.Crumbs, ui.Link{Text: "Mend what is safe", Href: doctorFixPath})
	facts := ui.Definitions{{Name: "Confirmed by", Value: fix.Actor}, {Name: "At", Value: stamp(fix.Begun)}}
	if !fix.Ended.IsZero() {
		p.Title = "What became of the mends"
		facts = append(facts, ui.Definition{Name: "Looked again", Value: stamp(fix.Ended)})
	}
	steps := make(ui.Steps, len(fix.Mends))
	for i, m := range fix.Mends {
		is := outcomes[m.State]
		steps[i] = ui.Step{Number: strconv.Itoa(i + 1), Text: m.Check + " " + doctor.CheckName(m.Check) + about(m.Subject), State: is.state, Word: is.word, Who: menders[m.By].who}
		for _, d := range []ui.Definition{{Name: "Seen before", Value: m.Seen}, {Name: "Why", Value: m.Why}} {
			if d.Value != "" {
				steps[i].Details = append(steps[i].Details, d)
			}
		}
		if m.State == doctor.Mended {
			continue
		}
		steps[i].Command = m.Command
		if m.Click != "" {
			steps[i].Details = append(steps[i].Details, ui.Definition{Name: "Click", Value: m.Click})
		}
	}
	p.Blocks = append(p.Blocks, facts, steps)
	if fix.Ended.IsZero() {
		p.Blocks = append(p.Blocks, ui.Text("Make each of them by its click or its command, in the order in which they stand here. Then let Connect look again: what counts is what it reads back."),
			v.form(ui.Form{Action: doctorFixEndPath, Fields: []ui.Field{{Type: ui.HiddenField, Name: "fix", Value: fix.ID}}, Submits: []ui.Submit{{Label: "They are made: look again"}}}))
	}
	p.Blocks = append(p.Blocks, ui.Links{{Text: "Mend more", Href: doctorFixPath}, {Text: "Doctor", Href: DoctorPath}, {Text: "Troubleshoot Connected App", Href: TroubleshootPath}})
	s.show(w, r, http.StatusOK, v, p)
}

// endFix looks again and keeps what became of each mend.
func (s *Server) endFix(w http.ResponseWriter, r *http.Request, v stay, form url.Values) {
	ctx, cancel := context.WithTimeout(r.Context(), lookTimeout)
	defer cancel()
	fix, err := s.Doctor.Fix(ctx, v.link, form.Get("fix"))
	for _, m := range fix.Mends {
		if err == nil {
			err = v.Role.Require(v.link, menders[m.By].role...)
		}
	}
	if err == nil {
		_, _, err = s.Doctor.EndFix(ctx, v.link, fix.ID, v.actor(), doctor.Eyes{}, nil)
	}
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	redirect(w, r, fixPath(fix.ID))
}
