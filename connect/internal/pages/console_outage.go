package pages

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
)

// Paths of the connection's outage.
const (
	outagePath    = ConsolePath + "/outage"
	outageEndPath = outagePath + "/end"
)

// outageForm asks for an outage that begins now.
func outageForm(typed url.Values) ui.Form {
	minutes := typed.Get("minutes")
	if minutes == "" {
		minutes = "120" // document 003 asks for two hours
	}
	return ui.Form{Action: outagePath, Legend: "Open an outage now", Fields: []ui.Field{
		{Type: ui.SelectField, Name: "mode", Label: "Sends that come due", Value: typed.Get("mode"), Required: true, Options: []ui.Option{
			{Value: string(link.Hold), Label: "are held until it is over"}, {Value: string(link.Fail), Label: "fail"},
		}},
		{Type: ui.NumberField, Name: "minutes", Label: "Minutes", Value: minutes, Required: true, Hint: "At most " + strconv.Itoa(int(link.MaxOutage/time.Minute)) + "."},
		{Name: "reason", Label: "Why", Value: typed.Get("reason"), Required: true, MaxLength: 200, Hint: "Everybody who needs the connection reads it."},
	}, Submits: []ui.Submit{{Label: "Open the outage"}}}
}

// outage shows the outage that is open or booked, with the time left.
func (s *Server) outage(w http.ResponseWriter, r *http.Request, v stay) {
	p := s.outagePage(v)
	if v.Role.May() {
		f := outageForm(nil)
		if v.link.Outage.Mode != "" && (v.link.Outage.Stays || s.Links.Now(v.link).Before(v.link.Outage.Until)) {
			f = ui.Form{Action: outageEndPath, Submits: []ui.Submit{{Label: "End the outage"}}}
		}
		p.Blocks = append(p.Blocks, v.form(f))
	}
	s.show(w, r, http.StatusOK, v, p)
}

func (s *Server) outagePage(v stay) ui.Page {
	now, o := s.Links.Now(v.link), v.link.Outage
	p := ui.Page{Title: "Outage"}
	switch {
	case o.Mode == "" || !o.Stays && !now.Before(o.Until):
		p.Blocks = append(p.Blocks, ui.Text("No outage is booked: the connection is available."))
		return p
	case !o.Open(now):
		p.Blocks = append(p.Blocks, ui.Countdown{Label: "The outage opens", Now: now, Until: o.From, After: "open"})
	default:
		p.Alerts = append(p.Alerts, ui.Alert{Kind: ui.Warning, Title: "The connection is unavailable", Text: o.Reason})
		p.Blocks = append(p.Blocks, ui.Countdown{Label: "The outage ends", Now: now, Until: o.Until, After: "It takes longer than was booked"})
	}
	p.Blocks = append(p.Blocks, ui.Definitions{
		{Name: "Why", Value: o.Reason},
		{Name: "From", Value: stamp(o.From)},
		{Name: "Until", Value: stamp(o.Until)},
		{Name: "By", Value: o.Actor},
		{Name: "Sends that come due", Value: map[link.OutageMode]string{link.Hold: "are held until it is over", link.Fail: "fail"}[o.Mode]},
	})
	return p
}

// endOutage ends the outage that there is; an upgrade under way has its own.
func (s *Server) endOutage(w http.ResponseWriter, r *http.Request, v stay, _ url.Values) {
	err := s.Upgrades.Undisturbed(r.Context(), v.link)
	if err == nil {
		_, err = s.Links.Resume(r.Context(), v.link, v.actor())
	}
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	redirect(w, r, outagePath)
}

// saveOutage opens an outage; an upgrade under way has its own.
func (s *Server) saveOutage(w http.ResponseWriter, r *http.Request, v stay, form url.Values) {
	err := s.Upgrades.Undisturbed(r.Context(), v.link)
	minutes, parseErr := strconv.Atoi(form.Get("minutes"))
	switch {
	case err != nil:
	case parseErr != nil || minutes < 1 || minutes > int(link.MaxOutage/time.Minute):
		err = fault.New(fault.Invalid, link.CodeInvalidOutage, "An outage lasts from 1 to %d minutes.", link.MaxOutage/time.Minute).In("minutes")
	default:
		_, err = s.Links.Interrupt(r.Context(), v.link, link.Outage{
			Mode: link.OutageMode(form.Get("mode")), Until: s.Links.Now(v.link).Add(time.Duration(minutes) * time.Minute), Reason: strings.TrimSpace(form.Get("reason")), Actor: v.actor(),
		})
	}
	if err != nil {
		f := outageForm(form)
		s.badForm(w, r, v, s.outagePage(v), &f, err)
		return
	}
	redirect(w, r, outagePath)
}
