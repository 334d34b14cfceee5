package pages

import (
	"cmp"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/connect/internal/trigger"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/ui"
)

// newTriggerPath is the page on which a triggered send is made.
const newTriggerPath = triggersPath + "/new"

// maxCriteria is how many criteria the form asks for; the API takes more.
const maxCriteria = 3

// triggerForm asks for a triggered send (connect-facts 8.1). Its key lets a form that is sent twice make one.
func triggerForm(typed url.Values) ui.Form {
	f := ui.Form{Action: newTriggerPath, Submits: []ui.Submit{{Label: "Save"}}, Fields: []ui.Field{
		{Type: ui.HiddenField, Name: "key", Value: cmp.Or(typed.Get("key"), oauth.NewToken(24))},
		{Name: "name", Label: "Name", Value: typed.Get("name"), Required: true, MaxLength: 80},
		{Name: "object", Label: "Object", Value: typed.Get("object"), Required: true, MaxLength: 80, Hint: "API name: Contact, Lead, Case, Order__c."},
		{Name: "person_field", Label: "Field with the contact or lead", Value: typed.Get("person_field"), MaxLength: 80, Hint: "API name; empty where the object is Contact or Lead."},
		{Type: ui.SelectField, Name: "on", Label: "When", Value: typed.Get("on"), Required: true, Options: []ui.Option{
			{Value: string(trigger.Insert), Label: "a record is inserted"},
			{Value: string(trigger.Update), Label: "a record is updated"},
			{Value: string(trigger.Either), Label: "either"},
			{Value: string(trigger.Subsequently), Label: "either, and each time that the criteria come to hold again"},
		}},
		{Type: ui.NumberField, Name: "delay_hours", Label: "Hours Delayed", Value: cmp.Or(typed.Get("delay_hours"), "0"), Required: true, Hint: "0 to 720."},
		{Name: "definition_key", Label: "Send definition", Value: typed.Get("definition_key"), Required: true, MaxLength: 100, Hint: "External key of the triggered send definition."},
	}}
	operators := []ui.Option{
		{Value: "equals", Label: "equals"},
		{Value: "not_equal", Label: "not equal to"},
		{Value: "contains", Label: "contains"},
		{Value: "starts_with", Label: "starts with"},
		{Value: "greater_than", Label: "greater than"},
		{Value: "less_than", Label: "less than"},
	}
	for i := 1; i <= maxCriteria; i++ {
		n := strconv.Itoa(i)
		f.Sections = append(f.Sections, ui.Section{Legend: "Criterion " + n, Fields: []ui.Field{
			{Name: "field" + n, Label: "Field of criterion " + n, Value: typed.Get("field" + n), MaxLength: 80, Hint: "API name; empty for no criterion."},
			{Type: ui.SelectField, Name: "operator" + n, Label: "Operator of criterion " + n, Value: typed.Get("operator" + n), Options: operators},
			{Name: "value" + n, Label: "Value of criterion " + n, Value: typed.Get("value" + n), MaxLength: 255},
		}})
	}
	return f
}

func newTriggerPage() ui.Page {
	p := ui.Page{Title: "New triggered send", Crumbs: []ui.Link{{Text: "Triggered sends", Href: triggersPath}}, Blocks: []ui.Block{
		ui.Text("Connect looks at the org’s records as the system user, and sends to the contact or lead of each record for which all criteria hold. Changes from now on count."),
	}}
	p.Current = triggersPath
	return p
}

func (s *Server) newTrigger(w http.ResponseWriter, r *http.Request, v stay) {
	p := newTriggerPage()
	p.Blocks = append(p.Blocks, v.form(triggerForm(nil)))
	s.show(w, r, http.StatusOK, v, p)
}

// parseTrigger reads the form.
func parseTrigger(form url.Values) (trigger.Trigger, error) {
	text := func(name string) string { return strings.TrimSpace(form.Get(name)) }
	t := trigger.Trigger{Name: text("name"), Object: text("object"), PersonField: text("person_field"), On: trigger.On(form.Get("on")), DefinitionKey: text("definition_key")}
	for i := 1; i <= maxCriteria; i++ {
		n := strconv.Itoa(i)
		if field := text("field" + n); field != "" {
			t.Criteria = append(t.Criteria, trigger.Criterion{Field: field, Operator: form.Get("operator" + n), Value: form.Get("value" + n)})
		}
	}
	var err error
	if t.DelayHours, err = strconv.Atoi(cmp.Or(text("delay_hours"), "0")); err != nil {
		err = fault.New(fault.Invalid, trigger.CodeInvalid, "The delay is a number of hours.").In("delay_hours")
	}
	return t, err
}

func (s *Server) addTrigger(w http.ResponseWriter, r *http.Request, v stay, form url.Values) {
	t, err := parseTrigger(form)
	t.Actor = v.actor()
	if err == nil {
		_, err = s.Triggers.Add(r.Context(), v.link, t, form.Get("key"))
	}
	if err != nil {
		f := triggerForm(form)
		if fault.Of(err).Field == "criteria" {
			f.Sections[0].Fields[0].Error = fault.Of(err).Message
		}
		s.badForm(w, r, v, newTriggerPage(), &f, err)
		return
	}
	redirect(w, r, triggersPath)
}
