package pages

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/connect/internal/doctor"
	"github.com/twinspan/twinspan/internal/explain"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/internal/web"
)

// asked is a form that changes nothing.
func asked(path, legend, submit string, err error, field ui.Field) ui.Form {
	f := ui.Form{Get: true, Action: path, Legend: legend, Fields: []ui.Field{field}, Submits: []ui.Submit{{Label: submit, Secondary: true}}}
	if err != nil {
		f.Fields[0].Error = fault.Of(err).Message
	}
	return f
}

func userQuestion(name string, err error) ui.Form {
	return asked(doctorUserPath, "Why can this user not sign in or send?", "Look at the user", err, ui.Field{Name: "user", Label: "Salesforce user name", Value: name, Required: true, MaxLength: 255, Autocomplete: "off"})
}

// changes are what can stand before, in words.
var changes = []ui.Option{
	{Value: string(doctor.BeforeConnect), Label: "connecting the org and Engagement"},
	{Value: string(doctor.BeforeUpgrade), Label: "the upgrade to connected app authentication"},
	{Value: string(doctor.BeforeAPIUser), Label: "resetting the API user's credentials"},
	{Value: string(doctor.BeforeDisconnect), Label: "disconnecting"},
	{Value: string(doctor.BeforeSandbox), Label: "a sandbox refresh"},
}

func beforeQuestion(change string, err error) ui.Form {
	return asked(doctorBeforePath, "What stands against a change?", "Look before the change", err, ui.Field{Type: ui.SelectField, Name: "change", Label: "Before", Value: change, Required: true, Options: changes})
}

func explainQuestion(text string, err error) ui.Form {
	return asked(doctorExplainPath, "What does this refusal mean?", "Explain", err, ui.Field{Name: "text", Label: "Code or text, as it was met", Value: text, Required: true, MaxLength: 1000, Autocomplete: "off"})
}

// ask answers a question of the doctor's that is a form: again is the form with what was typed, look the answer to it, nil where
// nothing was asked yet.
func (s *Server) askDoctor(w http.ResponseWriter, r *http.Request, v stay, title string, again func(error) ui.Form, look func(context.Context) (doctor.Report, error)) {
	p := doctorPage(title)
	if look == nil {
		p.Blocks = append(p.Blocks, again(nil))
		s.show(w, r, http.StatusOK, v, p)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), lookTimeout)
	defer cancel()
	report, err := look(ctx)
	if fault.KindOf(err) == fault.Invalid {
		p.Blocks = append(p.Blocks, again(err))
		s.show(w, r, http.StatusBadRequest, v, p)
		return
	}
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	p.Blocks = append(append(p.Blocks, reportBlocks(report)...), again(nil))
	s.show(w, r, http.StatusOK, v, p)
}

// reportBlocks tell of a look that is not kept.
func reportBlocks(r doctor.Report) []ui.Block {
	counts := map[doctor.Severity]int{}
	for _, f := range r.Findings {
		counts[f.Severity]++
	}
	badge := ui.Badge{Kind: ui.BadgeGood, Text: conditions[doctor.Healthy]}
	switch {
	case len(r.Findings) > 0:
		state := doctor.Condition(r.Findings[0].Severity) // the worst comes first
		badge = ui.Badge{Kind: conditionBadge(state), Text: conditions[state]}
	case !r.Healthy():
		badge = ui.Badge{Kind: conditionBadge(doctor.PartlySeen), Text: conditions[doctor.PartlySeen]}
	}
	blocks := []ui.Block{ui.Badges{badge}, ui.Definitions{
		{Name: "Looked at", Value: stamp(r.At)},
		{Name: "Found", Value: counted(counts)},
		{Name: "Passed", Value: strconv.Itoa(len(r.Passed)) + " checks"},
		{Name: "Not checkable", Value: strconv.Itoa(len(r.Unchecked)) + " checks"},
	}}
	return append(append(blocks, findingBlocks(r.Findings)...), uncheckedBlocks(r.Unchecked)...)
}

// doctorUser says why one user cannot sign in or send.
func (s *Server) doctorUser(w http.ResponseWriter, r *http.Request, v stay) {
	q, err := web.Query(r)
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	name := strings.TrimSpace(q.Get("user"))
	title, look := "One user", func(ctx context.Context) (doctor.Report, error) {
		return s.Doctor.User(ctx, v.link, doctor.Eyes{}, name)
	}
	if name != "" {
		title = "Why " + name + " cannot sign in or send"
	} else if !q.Has("user") {
		look = nil
	}
	s.askDoctor(w, r, v, title, func(err error) ui.Form { return userQuestion(name, err) }, look)
}

// doctorBefore says what stands against a change.
func (s *Server) doctorBefore(w http.ResponseWriter, r *http.Request, v stay) {
	q, err := web.Query(r)
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	text, title := q.Get("change"), "Before a change"
	for _, one := range changes {
		if one.Value == text {
			title = "Before " + one.Label
		}
	}
	look := func(ctx context.Context) (doctor.Report, error) {
		change, err := doctor.ParseChange(text)
		if err != nil {
			return doctor.Report{}, err
		}
		return s.Doctor.Before(ctx, v.link, doctor.Eyes{}, change)
	}
	if !q.Has("change") {
		look = nil
	}
	s.askDoctor(w, r, v, title, func(err error) ui.Form { return beforeQuestion(text, err) }, look)
}

// doctorExplain says what a code or a text means.
func (s *Server) doctorExplain(w http.ResponseWriter, r *http.Request, v stay) {
	q, err := web.Query(r)
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	p := doctorPage("What a refusal means")
	text, status := strings.TrimSpace(q.Get("text")), http.StatusOK
	all := explain.Find(text)
	var unknown error
	if q.Has("text") && len(all) == 0 {
		unknown, status = fault.New(fault.NotFound, doctor.CodeInvalid, "Nobody knows this code or text; give it as the cloud wrote it."), http.StatusNotFound
	}
	for _, e := range all {
		p.Blocks = append(p.Blocks, explainedBlock(e))
	}
	if unknown != nil {
		p.Blocks = append(p.Blocks, nearTo(text, doctorExplainPath, "text")...)
	}
	p.Blocks = append(p.Blocks, explainQuestion(text, unknown), ui.Links{{Text: "Troubleshoot Connected App", Href: TroubleshootPath}})
	s.show(w, r, status, v, p)
}

// explainedBlock says what a refusal means, its likely causes in order, and where to click.
func explainedBlock(e explain.Explanation) ui.Block {
	d := ui.Definitions{{Name: "Code", Value: orNone(e.Code)}, {Name: "Text", Value: orNone(strings.ReplaceAll(e.Text, "{}", "…"))}, {Name: "Where", Value: e.Where}, {Name: "Cause", Value: e.Cause}}
	for i, cause := range e.Causes {
		d = append(d, ui.Definition{Name: "Likely cause " + strconv.Itoa(i+1), Value: cause})
	}
	d = append(d, ui.Definition{Name: "What mends it", Value: e.Mend})
	for _, one := range []ui.Definition{{Name: "Click", Value: e.Click}, {Name: "Command", Value: e.Command}} {
		if one.Value != "" {
			d = append(d, one)
		}
	}
	for _, look := range e.Looks {
		ways := []string{look.Name + ": " + look.Wants}
		if look.Click != "" {
			ways = append(ways, "Click: "+look.Click)
		}
		if look.Command != "" {
			ways = append(ways, "Command: "+look.Command)
		}
		if look.See != "" {
			ways = append(ways, "See: "+look.See)
		}
		d = append(d, ui.Definition{Name: "Check " + look.Check, Value: strings.Join(ways, ". ")})
	}
	return append(d, ui.Definition{Name: "Source", Value: e.Source})
}

// watchForm asks how the connection is to be watched. A secret that was typed is never shown again.
func watchForm(typed url.Values) ui.Form {
	f := ui.Form{Action: doctorWatchPath, Legend: "How the connection is watched", Fields: []ui.Field{
		{Type: ui.NumberField, Name: "every_minutes", Label: "Minutes between two rounds", Value: typed.Get("every_minutes"), Required: true, Hint: "0 for none, at most 7 days."},
		{Type: ui.SelectField, Name: "severity", Label: "What counts", Value: typed.Get("severity"), Required: true, Options: []ui.Option{
			{Value: string(doctor.Error), Label: "errors alone"}, {Value: string(doctor.Warning), Label: "warnings and errors"}, {Value: string(doctor.Notice), Label: "whatever is found"},
		}},
		{Name: "webhook", Label: "New webhook", Value: typed.Get("webhook"), MaxLength: 2000, Autocomplete: "off", Hint: "An https address, to which changes of state are posted, signed. Empty: as it is."},
		{Type: ui.PasswordField, Name: "webhook_secret", Label: "Its secret", MaxLength: 500, Autocomplete: "new-password", Hint: "At least 16 bytes; the receiver checks signatures with it."},
		{Type: ui.CheckboxField, Name: "no_webhook", Label: "Post to no webhook any more", Value: "1", Checked: typed.Get("no_webhook") == "1"},
	}, Submits: []ui.Submit{{Label: "Save"}}}
	return f
}

// doctorWatch shows how the connection is watched.
func (s *Server) doctorWatch(w http.ResponseWriter, r *http.Request, v stay) {
	p, watch, err := s.watchPage(r, v)
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	p.Blocks = append(p.Blocks, v.form(watchForm(url.Values{"every_minutes": {strconv.Itoa(int(watch.Every / time.Minute))}, "severity": {string(watch.Severity)}})))
	s.show(w, r, http.StatusOK, v, p)
}

func (s *Server) watchPage(r *http.Request, v stay) (ui.Page, doctor.Watch, error) {
	p := doctorPage("How the doctor watches")
	watch, err := s.Rounds.Watch(r.Context(), v.link)
	if err != nil {
		return p, watch, err
	}
	mailed, err := s.Rounds.Recipients(r.Context(), v.link)
	every := "never"
	if watch.Every > 0 {
		every = "every " + strconv.Itoa(int(watch.Every/time.Minute)) + " minutes"
	}
	p.Blocks = append(p.Blocks, ui.Text("Something that is found newly, or is not found any more, is a change of state: it is mailed and posted. What could not be checked is as it was."), ui.Definitions{
		{Name: "Looked at", Value: every}, {Name: "Counts from", Value: string(watch.Severity)}, {Name: "Webhook", Value: orNone(watch.Origin)}, {Name: "Mailed", Value: orNone(strings.Join(mailed, ", "))},
	})
	return p, watch, err
}

// saveDoctorWatch changes it.
func (s *Server) saveDoctorWatch(w http.ResponseWriter, r *http.Request, v stay, form url.Values) {
	minutes, err := strconv.Atoi(form.Get("every_minutes"))
	if err != nil || minutes < 0 || minutes > 1<<20 {
		err = fault.New(fault.Invalid, doctor.CodeInvalidWatch, "Say whole minutes, or 0 for none.").In("every_minutes")
	}
	hook := strings.TrimSpace(form.Get("webhook"))
	if err == nil && hook != "" && form.Get("no_webhook") == "1" {
		err = fault.New(fault.Invalid, doctor.CodeInvalidWatch, "Name a webhook, or ask for none.").In("no_webhook")
	}
	if err == nil {
		every, severity := time.Duration(minutes)*time.Minute, doctor.Severity(form.Get("severity"))
		change := doctor.WatchChange{Every: &every, Severity: &severity, Secret: vault.Secret(form.Get("webhook_secret"))}
		if hook != "" || form.Get("no_webhook") == "1" {
			change.Webhook = &hook
		}
		_, err = s.Rounds.SetWatch(r.Context(), v.link, change, v.actor())
	}
	if err == nil {
		redirect(w, r, doctorWatchPath)
		return
	}
	p, _, readErr := s.watchPage(r, v)
	if readErr != nil {
		s.sorry(w, r, v, readErr)
		return
	}
	f := watchForm(form)
	s.badForm(w, r, v, p, &f, err)
}
