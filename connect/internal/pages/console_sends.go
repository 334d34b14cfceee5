package pages

import (
	"cmp"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/connect/internal/mailing"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/web"
)

// Paths of the sends.
const (
	sendsPath    = ConsolePath + "/sends"
	newSendPath  = sendsPath + "/new"
	sendPath     = sendsPath + "/{mailing_id}"
	triggersPath = ConsolePath + "/triggers"
)

// sendsPage is how many sends and recipients stand on a page.
const sendsPage = 50

// momentForm is how a date and time is typed into a form, in UTC.
const momentForm = "2006-01-02T15:04"

// sends lists sends to audiences of the org, the newest first.
func (s *Server) sends(w http.ResponseWriter, r *http.Request, v stay) {
	all, err := s.Mailings.List(r.Context(), v.link, "", sendsPage)
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	p := ui.Page{Title: "Sends"}
	t := ui.Table{Caption: "Sends, the newest first", Columns: []string{"Asked", "Due", "Audience", "Send definition", "As", "State", "Recipients", "Sent"}, Empty: "nothing was sent yet"}
	for _, m := range all {
		row := ui.Row(stamp(m.CreatedAt), stamp(m.DueAt), string(m.Audience.Kind), m.DefinitionKey, m.CRMUsername, string(m.State), strconv.Itoa(m.Counts.Total), strconv.Itoa(m.Counts.Sent))
		row[0].Href = sendsPath + "/" + url.PathEscape(m.ID)
		t.Rows = append(t.Rows, row)
	}
	p.Blocks = append(p.Blocks, ui.Actions{{Text: "New send", Href: newSendPath}}, t)
	s.show(w, r, http.StatusOK, v, p)
}

// sendForm asks what to send to whom. Its key lets a form that is sent twice send once.
func sendForm(typed url.Values) ui.Form {
	return ui.Form{Action: newSendPath, Fields: []ui.Field{
		{Type: ui.HiddenField, Name: "key", Value: cmp.Or(typed.Get("key"), oauth.NewToken(24))},
		{Type: ui.SelectField, Name: "kind", Label: "Audience", Value: typed.Get("kind"), Required: true, Options: []ui.Option{
			{Value: string(mailing.Contact), Label: "Contacts"},
			{Value: string(mailing.Lead), Label: "Leads"},
			{Value: string(mailing.Campaign), Label: "Campaign"},
			{Value: string(mailing.Report), Label: "Report"},
			{Value: string(mailing.DataExtension), Label: "Salesforce data extension"},
		}},
		{Name: "ids", Label: "Their IDs", Value: typed.Get("ids"), Required: true, MaxLength: 20_000, Hint: "Record IDs, the name of a report or data extension; several with spaces between them."},
		{Name: "definition_key", Label: "Send definition", Value: typed.Get("definition_key"), Required: true, MaxLength: 100, Hint: "External key of the triggered send definition."},
		{Name: "as", Label: "As the user", Value: typed.Get("as"), Required: true, MaxLength: 255, Hint: "Salesforce user name of a mapped user: he reaches whom he sees there."},
		{Type: ui.DateTimeField, Name: "at", Label: "Not before", Value: typed.Get("at"), Hint: "In UTC, by the connection's clock; empty for at once."},
	}, Submits: []ui.Submit{{Label: "Send"}}}
}

func (s *Server) newSend(w http.ResponseWriter, r *http.Request, v stay) {
	p := ui.Page{Title: "New send", Crumbs: []ui.Link{{Text: "Sends", Href: sendsPath}}, Blocks: []ui.Block{v.form(sendForm(nil))}}
	p.Current = sendsPath
	s.show(w, r, http.StatusOK, v, p)
}

func (s *Server) startSend(w http.ResponseWriter, r *http.Request, v stay, form url.Values) {
	req := mailing.Request{
		Audience: mailing.Audience{Kind: mailing.Kind(form.Get("kind")), IDs: strings.Fields(form.Get("ids"))}, DefinitionKey: strings.TrimSpace(form.Get("definition_key")),
		CRMUsername: strings.TrimSpace(form.Get("as")), IdempotencyKey: form.Get("key"), Actor: v.actor(),
	}
	var err error
	if at := form.Get("at"); at != "" {
		if req.At, err = time.Parse(momentForm, at); err != nil {
			err = fault.Wrap(err, fault.Invalid, "invalid_time", "Give a date and a time.").In("at")
		}
	}
	var m mailing.Mailing
	if err == nil {
		m, err = s.Mailings.Start(r.Context(), v.link, req)
	}
	if err != nil {
		f, p := sendForm(form), ui.Page{Title: "New send", Crumbs: []ui.Link{{Text: "Sends", Href: sendsPath}}}
		p.Current = sendsPath
		s.badForm(w, r, v, p, &f, err)
		return
	}
	redirect(w, r, sendsPath+"/"+url.PathEscape(m.ID))
}

// send shows how far one send is, and what became of its recipients.
func (s *Server) send(w http.ResponseWriter, r *http.Request, v stay) {
	q, err := web.Query(r)
	after := 0
	if err == nil && q.Get("after") != "" {
		if after, err = strconv.Atoi(q.Get("after")); err != nil {
			err = fault.Wrap(err, fault.Invalid, "invalid_page", "There is no such page.")
		}
	}
	var m mailing.Mailing
	if err == nil {
		m, err = s.Mailings.Mailing(r.Context(), v.link, r.PathValue("mailing_id"))
	}
	var to []mailing.Recipient
	if err == nil {
		to, err = s.Mailings.Recipients(r.Context(), v.link, m.ID, after, sendsPage)
	}
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	at := sendsPath + "/" + url.PathEscape(m.ID)
	p := ui.Page{Title: "Send of " + m.DefinitionKey, Crumbs: []ui.Link{{Text: "Sends", Href: sendsPath}}}
	p.Current = sendsPath
	if m.ReasonCode != "" {
		p.Alerts = append(p.Alerts, ui.Alert{Kind: ui.Warning, Title: m.ReasonCode, Text: m.Reason})
	}
	n := m.Counts
	p.Blocks = append(p.Blocks, ui.Definitions{
		{Name: "State", Value: string(m.State)},
		{Name: "Audience", Value: string(m.Audience.Kind) + ": " + strings.Join(m.Audience.IDs, ", ")},
		{Name: "As", Value: m.CRMUsername},
		{Name: "Asked by", Value: m.Actor},
		{Name: "Asked", Value: stamp(m.CreatedAt)},
		{Name: "Due", Value: stamp(m.DueAt)},
		{Name: "Recipients", Value: strconv.Itoa(n.Total)},
		{Name: "Sent", Value: strconv.Itoa(n.Sent)},
		{Name: "Accepted", Value: strconv.Itoa(n.Accepted)},
		{Name: "Waiting", Value: strconv.Itoa(n.Waiting)},
		{Name: "Not sent", Value: strconv.Itoa(n.NotSent)},
		{Name: "In doubt", Value: strconv.Itoa(n.InDoubt)},
		{Name: "Refused", Value: strconv.Itoa(n.Refused)},
	})
	if m.EndedAt.IsZero() {
		p.Blocks = append(p.Blocks, ui.Links{{Text: "Look again", Href: at}}, v.form(ui.Form{Action: at, Submits: []ui.Submit{{Label: "Cancel the send", Secondary: true}}}))
	}
	t := ui.Table{Caption: "Recipients", Columns: []string{"Record", "Name", "Address", "State", "Why"}}
	for _, one := range to {
		t.Rows = append(t.Rows, ui.Row(one.RecordID, one.Name, one.Address, string(one.Status), one.Reason))
	}
	p.Blocks = append(p.Blocks, t)
	last := 0
	if len(to) == sendsPage {
		last = to[len(to)-1].Position
	}
	p.Blocks = append(p.Blocks, positions("recipients", at, after, last)...)
	s.show(w, r, http.StatusOK, v, p)
}

func (s *Server) cancelSend(w http.ResponseWriter, r *http.Request, v stay, _ url.Values) {
	m, err := s.Mailings.Cancel(r.Context(), v.link, r.PathValue("mailing_id"), v.actor())
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	redirect(w, r, sendsPath+"/"+url.PathEscape(m.ID))
}

// triggers lists the triggered sends of the connection; each is paused and resumed by its button.
func (s *Server) triggered(w http.ResponseWriter, r *http.Request, v stay) {
	all, err := s.Triggers.List(r.Context(), v.link)
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	p := ui.Page{Title: "Triggered sends"}
	t := ui.Table{Caption: "Triggered sends", Columns: []string{"Name", "Object", "On", "Send definition", "State", "Last trouble", "Action"}, Empty: "there is none"}
	for _, one := range all {
		label, state, to := "Pause ", "active", "0"
		if !one.Active {
			label, state, to = "Resume ", "paused", "1"
		}
		change := v.signed(ui.Form{
			Action: triggersPath, Fields: []ui.Field{{Type: ui.HiddenField, Name: "id", Value: one.ID}, {Type: ui.HiddenField, Name: "active", Value: to}},
			Submits: []ui.Submit{{Label: label + one.Name, Secondary: true}},
		})
		t.Rows = append(t.Rows, append(ui.Row(one.Name, one.Object, string(one.On), one.DefinitionKey, state, one.Error), ui.Cell{Form: &change}))
	}
	p.Blocks = append(p.Blocks, ui.Actions{{Text: "New triggered send", Href: newTriggerPath}}, t)
	s.show(w, r, http.StatusOK, v, p)
}

func (s *Server) changeTrigger(w http.ResponseWriter, r *http.Request, v stay, form url.Values) {
	if _, err := s.Triggers.SetActive(r.Context(), v.link, form.Get("id"), form.Get("active") == "1", v.actor()); err != nil {
		s.sorry(w, r, v, err)
		return
	}
	redirect(w, r, triggersPath)
}
