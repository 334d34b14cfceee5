package pages

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/connect/internal/usage"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
)

// Paths of whom Connect tells, and when.
const (
	noticesPath = ConsolePath + "/notifications"
	alertsPath  = usagePath + "/alerts"
)

// noticesForm asks who is mailed when something breaks.
func noticesForm(recipients string) ui.Form {
	return ui.Form{Action: noticesPath, Submits: []ui.Submit{{Label: "Save"}}, Fields: []ui.Field{{
		Type: ui.TextareaField, Name: "recipients", Label: "Exception notifications go to", Value: recipients, MaxLength: 8000, Hint: "Email addresses, one in a line. Each is told once of each cause; none: nobody is told.",
	}}}
}

// notices says who is told when something breaks, and what is broken now.
func (s *Server) notices(w http.ResponseWriter, r *http.Request, v stay) {
	recipients, err := s.Notices.Recipients(r.Context(), v.link)
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	s.showNotices(w, r, v, strings.Join(recipients, "\n"), nil)
}

func (s *Server) showNotices(w http.ResponseWriter, r *http.Request, v stay, recipients string, wrong error) {
	found, err := s.Notices.Exceptions(r.Context(), v.link)
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	p := ui.Page{Title: "Notifications"}
	if r.URL.Query().Has("saved") {
		p.Alerts = append(p.Alerts, ui.Alert{Kind: ui.Success, Title: "The notifications are saved"})
	}
	t := ui.Table{Caption: "What is broken now", Columns: []string{"What", "Who", "Cause", "Action"}, Empty: "nothing"}
	for _, e := range found {
		t.Rows = append(t.Rows, ui.Row(e.Subject, e.Who, e.Cause.Code, e.Cause.Text))
	}
	p.Blocks = append(p.Blocks, ui.Text("Connect mails people when the way into a cloud or the integration user is refused, and when use reaches a threshold."), t, ui.Links{{Text: "Thresholds of use", Href: alertsPath}})
	f := noticesForm(recipients)
	if wrong != nil {
		s.badForm(w, r, v, p, &f, wrong)
		return
	}
	p.Blocks = append(p.Blocks, v.form(f))
	s.show(w, r, http.StatusOK, v, p)
}

func (s *Server) saveNotices(w http.ResponseWriter, r *http.Request, v stay, form url.Values) {
	if err := s.Notices.SetRecipients(r.Context(), v.link, strings.Fields(form.Get("recipients")), v.actor()); err != nil {
		s.showNotices(w, r, v, form.Get("recipients"), err)
		return
	}
	redirect(w, r, noticesPath+"?saved=1")
}

// alertsForm asks at which use people are told.
func alertsForm(percents, counted string) ui.Form {
	return ui.Form{Action: alertsPath, Submits: []ui.Submit{{Label: "Save"}}, Fields: []ui.Field{
		{Name: "percents", Label: "Percent of the org’s rolling 24-hour limit", Value: percents, MaxLength: 40, Hint: "Whole numbers with spaces between them, at most five: 80 95. Empty for none. All callers of the org count."},
		{Type: ui.NumberField, Name: "counted", Label: "Calls of Connect that count, in 24 hours", Value: counted, Hint: "0 for none."},
	}}
}

// alerts shows the thresholds of use.
func (s *Server) alerts(w http.ResponseWriter, r *http.Request, v stay) {
	report, err := s.Usage.Report(r.Context(), v.link)
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	percents := make([]string, len(report.Alerts.Percents))
	for i, n := range report.Alerts.Percents {
		percents[i] = strconv.Itoa(n)
	}
	p := alertsPage()
	if r.URL.Query().Has("saved") {
		p.Alerts = append(p.Alerts, ui.Alert{Kind: ui.Success, Title: "The thresholds are saved"})
	}
	p.Blocks = append(p.Blocks, v.form(alertsForm(strings.Join(percents, " "), strconv.FormatInt(report.Alerts.Counted, 10))))
	s.show(w, r, http.StatusOK, v, p)
}

func alertsPage() ui.Page {
	p := ui.Page{Title: "Usage alerts", Crumbs: []ui.Link{{Text: "API usage", Href: usagePath}}, Blocks: []ui.Block{
		ui.Text("Who is told is on the page Notifications. A threshold is told of again only after use was below it."), ui.Links{{Text: "Notifications", Href: noticesPath}},
	}}
	p.Current = usagePath
	return p
}

// parseAlerts reads the form.
func parseAlerts(form url.Values) (usage.Alerts, error) {
	var a usage.Alerts
	for _, word := range strings.Fields(strings.NewReplacer("%", " ", ",", " ").Replace(form.Get("percents"))) {
		n, err := strconv.Atoi(word)
		if err != nil {
			return a, fault.New(fault.Invalid, usage.CodeInvalidAlerts, "A percentage is a whole number from 1 to 100.").In("percents")
		}
		a.Percents = append(a.Percents, n)
	}
	if text := strings.TrimSpace(form.Get("counted")); text != "" {
		var err error
		if a.Counted, err = strconv.ParseInt(text, 10, 64); err != nil {
			return a, fault.New(fault.Invalid, usage.CodeInvalidAlerts, "The number of calls is 0 or more.").In("counted")
		}
	}
	return a, nil
}

func (s *Server) saveAlerts(w http.ResponseWriter, r *http.Request, v stay, form url.Values) {
	a, err := parseAlerts(form)
	if err == nil {
		err = s.Usage.SetAlerts(r.Context(), v.link, a, v.actor())
	}
	if err != nil {
		f := alertsForm(form.Get("percents"), form.Get("counted"))
		s.badForm(w, r, v, alertsPage(), &f, err)
		return
	}
	redirect(w, r, alertsPath+"?saved=1")
}
