package workbench

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/once"
	"github.com/twinspan/twinspan/internal/probe"
	"github.com/twinspan/twinspan/internal/ui"
)

const faultsPath = Path + "/faults"

// Fields of the form, by the names that package probe refuses them by.
const (
	fieldGrant   = "grant"
	fieldLatency = "latency"
	fieldDrop    = "drop"
	fieldRate    = "rate"
	fieldTimes   = "times"
)

// faults lists what is set to go wrong, and asks for more. Parameters house and path fill the form in.
func (s *Server) faults(v *visit) (ui.Page, error) { return s.faultsPage(v, v.query, nil), nil }

func (s *Server) faultsPage(v *visit, typed url.Values, wrong error) ui.Page {
	t := ui.Table{
		Caption: "Faults that are set", Columns: []string{"What goes wrong", "Requests", "How often", "So far", "End"}, Empty: "none; every request is answered as it is",
	}
	list := s.Faults.List()
	for _, f := range list {
		t.Rows = append(t.Rows, []ui.Cell{
			{Text: happens(f), Badge: ui.BadgeWarning},
			{Text: where(f)},
			{Text: often(f)},
			{Text: strconv.FormatInt(f.Struck, 10) + " of " + strconv.FormatInt(f.Matched, 10)},
			{Form: v.button(faultsPath+"/"+f.ID+"/end", "End")},
		})
	}
	p := ui.Page{Title: "Faults", Blocks: []ui.Block{
		ui.Text("What is set here happens to every request of its kind, of people, of apps and between the houses, until it has happened as often as it was to, is ended, or the program stops."), t,
	}}
	if len(list) > 1 {
		p.Blocks = append(p.Blocks, *v.button(faultsPath+"/end", "End all faults"))
	}
	f := v.owned(ui.Form{Once: true, Action: faultsPath, Legend: "Set a fault", Fields: []ui.Field{
		houseField(typed.Get(paramHouse), "Every house"),
		{Name: paramPath, Label: "Path", Value: typed.Get(paramPath), Hint: "Exact, or with * for anything: /services/*/query*. Nothing is every path, our pages too."},
		{Name: fieldGrant, Label: "Grant", Value: typed.Get(fieldGrant), Hint: "Only token requests of this grant_type: password, refresh_token, urn:ietf:params:oauth:grant-type:jwt-bearer."},
		{Name: paramStatus, Label: "Status", Value: typed.Get(paramStatus), Hint: "Answered in the house's place, which does nothing: 503, 429, 401."},
		{Name: fieldLatency, Label: "Delay", Value: typed.Get(fieldLatency), Hint: "Before anything is done: 500ms, 2s; 50s at most."},
		{Type: ui.SelectField, Name: fieldDrop, Label: "Connection", Value: typed.Get(fieldDrop), Options: []ui.Option{
			{Value: "", Label: "Stays"}, {Value: string(probe.DropBefore), Label: "Breaks before anything is done"}, {Value: string(probe.DropAfter), Label: "Breaks when it is done, and nobody is told"},
		}},
		{Name: fieldRate, Label: "Share of the requests", Value: typed.Get(fieldRate), Hint: "From 0 to 1: 0.25 is every fourth. Nothing is every one."},
		{Name: fieldTimes, Label: "Times", Value: typed.Get(fieldTimes), Hint: "It ends by itself after as many. Nothing is until it is ended."},
	}, Submits: []ui.Submit{{Label: "Set the fault"}}})
	p.Blocks = append(p.Blocks, marked(f, wrong))
	return p
}

// marked is a form with the reason of a refusal beside the field that it is about.
func marked(f ui.Form, wrong error) ui.Form {
	for i := range f.Fields {
		if wrong != nil && f.Fields[i].Name == fault.Of(wrong).Field {
			f.Fields[i].Error = fault.Of(wrong).Message
		}
	}
	return f
}

// button is a form of one button.
func (v *visit) button(action, label string) *ui.Form {
	f := v.owned(ui.Form{Action: action, Submits: []ui.Submit{{Label: label, Secondary: true}}})
	return &f
}

func happens(f probe.Fault) string {
	var out []string
	if f.Delay > 0 {
		out = append(out, "a delay of "+f.Delay.String())
	}
	switch {
	case f.Status != 0:
		out = append(out, "status "+strconv.Itoa(f.Status))
	case f.Drop == probe.DropBefore:
		out = append(out, "the connection breaks before")
	case f.Drop == probe.DropAfter:
		out = append(out, "the connection breaks after")
	}
	return strings.Join(out, ", then ")
}

func where(f probe.Fault) string {
	out := "every house"
	if f.House != "" {
		out = houseLabel(f.House)
	}
	if f.Path != "" {
		out += " " + f.Path
	}
	if f.Grant != "" {
		out += ", grant " + f.Grant
	}
	return out
}

func often(f probe.Fault) string {
	out := "every one"
	if f.Rate > 0 && f.Rate < 1 {
		out = strconv.FormatFloat(f.Rate, 'g', -1, 64) + " of them"
	}
	if f.Times > 0 {
		out += ", " + strconv.Itoa(f.Times) + " times"
	}
	return out
}

// readFault reads the form.
func readFault(form url.Values) (probe.Fault, error) {
	get := func(name string) string { return strings.TrimSpace(form.Get(name)) }
	bad := func(field, text string) error {
		return fault.New(fault.Invalid, probe.CodeBadFault, "%s", text).In(field)
	}
	f := probe.Fault{House: get(paramHouse), Path: get(paramPath), Grant: get(fieldGrant), Drop: probe.Drop(get(fieldDrop))}
	var err error
	if text := get(paramStatus); text != "" {
		if f.Status, err = strconv.Atoi(text); err != nil {
			return f, bad(paramStatus, "A status is a number: 503.")
		}
	}
	if text := get(fieldLatency); text != "" {
		if f.Delay, err = time.ParseDuration(text); err != nil {
			return f, bad(fieldLatency, "A delay is written as 2s or 500ms.")
		}
	}
	if text := get(fieldRate); text != "" {
		if f.Rate, err = strconv.ParseFloat(text, 64); err != nil {
			return f, bad(fieldRate, "A share is a number from 0 to 1.")
		}
	}
	if text := get(fieldTimes); text != "" {
		if f.Times, err = strconv.Atoi(text); err != nil {
			return f, bad(fieldTimes, "That is no whole number.")
		}
	}
	return f, nil
}

func (s *Server) setFault(v *visit) (ui.Page, error) {
	f, err := readFault(v.form)
	if err == nil {
		err = once.Do(v.r.Context(), s.forms, faultsPath, v.form, nil, func() (bool, error) {
			_, err := s.Faults.Set(f)
			return false, err
		})
	}
	if fault.KindOf(err) == fault.Invalid {
		return s.refused(v, err, s.faultsPage(v, v.form, err))
	}
	if err != nil {
		return ui.Page{}, err
	}
	return v.goTo(faultsPath, "fault")
}

func (s *Server) endFault(v *visit) (ui.Page, error) {
	if err := s.Faults.End(v.r.PathValue("id")); err != nil {
		return ui.Page{}, err
	}
	return v.goTo(faultsPath, "ended")
}

func (s *Server) endFaults(v *visit) (ui.Page, error) {
	s.Faults.EndAll()
	return v.goTo(faultsPath, "allended")
}
