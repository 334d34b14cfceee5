package pages

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"

	"github.com/twinspan/twinspan/connect/internal/access"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/send"
	"github.com/twinspan/twinspan/connect/internal/upgrade"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/ui"
)

// tryPath is the page of test sends: one email to oneself (document 003's last advice), or a triggered send to a contact or lead
// (document 002's check of accounts that are not Enterprise 2.0). What became of one is below it, by its message key.
const tryPath = ConsolePath + "/test-sends"

// Kinds of test sends.
const (
	tryMyself    = "myself"
	tryTriggered = "triggered"
)

// tryForms ask for a test send. Their keys let a form that is sent twice send once.
func tryForms(v stay, typed url.Values) (myself, triggered ui.Form) {
	as, to, kind := "", "", typed.Get("kind")
	if v.Person.Cloud == access.ByOrg {
		as = v.Person.Username
	}
	value := func(of, name, standard string) string {
		if kind == of && typed.Has(name) {
			return typed.Get(name)
		}
		return standard
	}
	hidden := func(of string) []ui.Field {
		return []ui.Field{{Type: ui.HiddenField, Name: "kind", Value: of}, {Type: ui.HiddenField, Name: "key", Value: cmp.Or(value(of, "key", ""), oauth.NewToken(24))}}
	}
	definition := func(of string) ui.Field {
		return ui.Field{Name: "definition_key", Label: "Send definition", Value: value(of, "definition_key", ""), Required: true, MaxLength: 100, Hint: "External key of the triggered send definition."}
	}
	myself = ui.Form{Action: tryPath, Legend: "Send a test email to yourself", Submits: []ui.Submit{{Label: "Send the test email"}}, Fields: append(
		hidden(tryMyself), definition(tryMyself),
		ui.Field{Name: "as", Label: "As the user", Value: value(tryMyself, "as", as), Required: true, MaxLength: 255, Hint: "Salesforce user name of a mapped user: the email goes out with his permissions."},
		ui.Field{Type: ui.EmailField, Name: "to", Label: "Address that it goes to", Value: value(tryMyself, "to", to), Required: true, MaxLength: 254},
	)}
	triggered = ui.Form{Action: tryPath, Legend: "Triggered send test", Submits: []ui.Submit{{Label: "Send the triggered send"}}, Fields: append(
		hidden(tryTriggered), definition(tryTriggered),
		ui.Field{Name: "contact_id", Label: "Id of a contact or lead", Value: value(tryTriggered, "contact_id", ""), Required: true, MaxLength: 18, Hint: "Whom it goes to, with his own address: 15 or 18 characters."},
	)}
	return myself, triggered
}

func tryPage() ui.Page {
	return ui.Page{Title: "Test sends", Blocks: []ui.Block{ui.Text("A completed send shows that the connection works. After the upgrade to tenant-specific OAuth a triggered send test confirms the migration of the API user in accounts that are not Enterprise 2.0; " +
		"after the upgrade to Connected App Authentication it is a test email to yourself.")}}
}

func (s *Server) trySends(w http.ResponseWriter, r *http.Request, v stay) {
	p := tryPage()
	myself, triggered := tryForms(v, nil)
	p.Blocks = append(p.Blocks, v.form(myself), v.form(triggered))
	s.show(w, r, http.StatusOK, v, p)
}

// trySend sends one message. In the outage of an upgrade that is at its verification a triggered send goes out all the same.
func (s *Server) trySend(w http.ResponseWriter, r *http.Request, v stay, form url.Values) {
	var sent send.Send
	var err error
	definition := strings.TrimSpace(form.Get("definition_key"))
	switch form.Get("kind") {
	case tryMyself:
		sent, err = s.tryMyself(r, v, definition, form)
	case tryTriggered:
		ask := send.Request{ContactID: strings.TrimSpace(form.Get("contact_id")), DefinitionKey: definition, IdempotencyKey: form.Get("key")}
		var verifying bool
		if verifying, err = s.verifying(r, v.link); verifying {
			sent, err = s.TenantOAuth.Test(r.Context(), v.link, ask)
		} else if err == nil {
			sent, err = s.Sends.Trigger(r.Context(), v.link, ask)
		}
	default:
		err = fault.New(fault.Invalid, send.CodeBadAddress, "There is no such test send.")
	}
	if err == nil {
		redirect(w, r, tryPath+"/"+url.PathEscape(sent.MessageKey))
		return
	}
	status, text := s.refusal(r, err)
	if status == 0 {
		return
	}
	p := tryPage()
	myself, triggered := tryForms(v, form)
	f := &myself
	if form.Get("kind") == tryTriggered {
		f = &triggered
	}
	if !fieldError(f, err) {
		p.Alerts = append(p.Alerts, ui.Alert{Kind: ui.Error, Title: "Nothing was sent", Text: text})
	}
	p.Blocks = append(p.Blocks, v.form(myself), v.form(triggered))
	s.show(w, r, status, v, p)
}

func (s *Server) tryMyself(r *http.Request, v stay, definition string, form url.Values) (send.Send, error) {
	m, err := s.Mappings.Of(r.Context(), v.link, strings.TrimSpace(form.Get("as")))
	if err != nil {
		if f := fault.Of(err); f.Kind == fault.NotFound || f.Kind == fault.Invalid || f.Kind == fault.Conflict {
			err = f.In("as")
		}
		return send.Send{}, err
	}
	return s.Sends.Test(r.Context(), v.link, send.TestRequest{
		CRMUserID: m.CRMUserID, CRMName: m.CRMName, EngagementUser: m.EngagementUser, MID: m.MID, To: strings.TrimSpace(form.Get("to")), DefinitionKey: definition, IdempotencyKey: form.Get("key"),
	})
}

// verifying reports whether an upgrade to tenant-specific OAuth waits for its triggered send test.
func (s *Server) verifying(r *http.Request, l link.Link) (bool, error) {
	u, err := s.Upgrades.Last(r.Context(), l)
	if fault.CodeOf(err) == upgrade.CodeNotFound {
		return false, nil
	}
	return err == nil && u.Verifies(upgrade.TenantOAuth), err
}

// tried shows what became of a test send.
func (s *Server) tried(w http.ResponseWriter, r *http.Request, v stay) {
	sent, err := s.Sends.Status(r.Context(), v.link, r.PathValue("message_key"))
	if err != nil && sent.MessageKey == "" {
		s.sorry(w, r, v, err)
		return
	}
	p := ui.Page{Title: "Test send", Crumbs: []ui.Link{{Text: "Test sends", Href: tryPath}}}
	p.Current = tryPath
	if err != nil {
		p.Alerts = append(p.Alerts, ui.Alert{Kind: ui.Warning, Title: "Engagement could not be asked", Text: fault.Of(err).Message})
	}
	state := strings.ReplaceAll(string(sent.Status), "_", " ")
	switch {
	case sent.Status == send.Sent:
		p.Alerts = append(p.Alerts, ui.Alert{Kind: ui.Success, Title: "The message was sent", Text: "The connection works from the org through Engagement to " + sent.Recipient + "."})
	case sent.Status.Final():
		p.Alerts = append(p.Alerts, ui.Alert{Kind: ui.Error, Title: "The message was not sent", Text: sent.Reason})
	}
	facts := ui.Definitions{
		{Name: "State", Value: state}, {Name: "Send definition", Value: sent.DefinitionKey}, {Name: "To", Value: sent.Recipient}, {Name: "Asked", Value: stamp(sent.CreatedAt)}, {Name: "Message key", Value: sent.MessageKey},
	}
	if sent.Reason != "" {
		facts = append(facts, ui.Definition{Name: "Why", Value: sent.Reason})
	}
	if !sent.NextTry.IsZero() {
		facts = append(facts, ui.Definition{Name: "Tried again", Value: stamp(sent.NextTry)})
	}
	p.Blocks = append(p.Blocks, facts, ui.Links{{Text: "Look again", Href: tryPath + "/" + url.PathEscape(sent.MessageKey)}, {Text: "Another test send", Href: tryPath}})
	s.show(w, r, http.StatusOK, v, p)
}
