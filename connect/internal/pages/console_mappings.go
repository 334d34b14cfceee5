package pages

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/connect/internal/mapping"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/web"
)

// Paths of the users' mappings.
const (
	mappingsPath = ConsolePath + "/mappings"
	mappingPath  = mappingsPath + "/user"
	clearPath    = mappingsPath + "/clear"
)

// mappingsPage is how many users stand on a page. Each costs a look at the tenant's grants, so that a full page of them takes
// longer than the page of a small connection; a test bounds how much.
const mappingsPage = 25

// states are the filters in their order, with their words.
var states = []struct {
	state mapping.State
	label string
}{
	{"", "All who are known"},
	{mapping.Mapped, "Mapped"},
	{mapping.Stale, "Stale: permissions changed since"},
	{mapping.Broken, "Login denied"},
	{mapping.NotReconnected, "Not reconnected since the upgrade"},
	{mapping.Cleared, "Cleared"},
	{mapping.Integrated, "Integrated, not mapped yet"},
	{mapping.NotIntegrated, "Not integrated"},
	{mapping.NotMapped, "Not mapped yet (own link)"},
}

func stateLabel(state mapping.State) string {
	for _, one := range states {
		if one.state == state {
			return one.label
		}
	}
	return string(state)
}

// finder is what a person asked the list for.
type finder struct {
	state mapping.State
	begin string // of the CRM user name, in small letters
	after string
}

func (f finder) query(after string) string {
	q := url.Values{}
	for name, value := range map[string]string{"state": string(f.state), "q": f.begin, "after": after} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if len(q) == 0 {
		return mappingsPath
	}
	return mappingsPath + "?" + q.Encode()
}

func (s *Server) mappings(w http.ResponseWriter, r *http.Request, v stay) {
	q, err := web.Query(r)
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	s.listMappings(w, r, v, q, nil)
}

// listMappings shows a page of users. A search finds those whose user name begins with it, whatever the page.
func (s *Server) listMappings(w http.ResponseWriter, r *http.Request, v stay, q url.Values, alerts []ui.Alert) {
	f := finder{begin: strings.ToLower(strings.TrimSpace(q.Get("q"))), after: q.Get("after")}
	var err error
	if f.state, err = mapping.ParseState(q.Get("state")); err != nil {
		s.sorry(w, r, v, err)
		return
	}
	users, next, err := s.found(r, v, f)
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	options := make([]ui.Option, len(states))
	for i, one := range states {
		options[i] = ui.Option{Value: string(one.state), Label: one.label}
	}
	p := ui.Page{Title: "Mappings", Alerts: alerts}
	p.Current = mappingsPath
	p.Blocks = append(p.Blocks, ui.Form{Get: true, Action: mappingsPath, Fields: []ui.Field{
		{Type: ui.SelectField, Name: "state", Label: "State", Value: string(f.state), Options: options, Required: true},
		{Name: "q", Label: "Salesforce user name begins with", Value: f.begin, MaxLength: 255},
	}, Submits: []ui.Submit{{Label: "Show", Secondary: true}}})
	list := ui.Selection{
		Action: clearPath, Name: fieldChosen, Caption: "Users", Columns: []string{"Salesforce user", "Engagement user", "Business unit", "State", "Since"},
		Hidden: []ui.Field{v.token()}, Submits: []ui.Submit{{Label: "Clear the mappings chosen"}}, Empty: "no user is like that",
	}
	for _, u := range users {
		list.Rows = append(list.Rows, ui.Choice{Value: u.CRMUsername, Label: u.CRMUsername, Cells: []ui.Cell{
			{Text: orNone(u.EngagementUser)}, {Text: unit(u.MID)}, {Text: stateLabel(u.State), Href: mappingPath + "?" + url.Values{"name": {u.CRMUsername}}.Encode()}, {Text: since(u)},
		}})
	}
	p.Blocks = append(p.Blocks, list)
	if f.after != "" || next != "" {
		pages := ui.Pagination{Label: "users", Text: strconv.Itoa(len(users)) + " users"}
		if f.after != "" {
			pages.Previous = f.query("")
		}
		if next != "" {
			pages.Next = f.query(next)
		}
		p.Blocks = append(p.Blocks, pages)
	}
	if clearable(f.state) && f.begin == "" && len(users) > 0 {
		p.Blocks = append(p.Blocks, v.form(ui.Form{
			Action: clearPath, Fields: []ui.Field{{Type: ui.HiddenField, Name: "all", Value: "1"}, {Type: ui.HiddenField, Name: "state", Value: string(f.state)}},
			Submits: []ui.Submit{{Label: "Clear all that match", Secondary: true}},
		}))
	}
	p.Blocks = append(p.Blocks, ui.Links{{Text: "Import mappings", Href: importsPath}})
	s.show(w, r, http.StatusOK, v, p)
}

// found gives a page of users and where the next one begins. The search goes to the begin of the name in the list, so that
// it costs what a page costs, however many users there are.
func (s *Server) found(r *http.Request, v stay, f finder) (users []mapping.User, next string, err error) {
	if f.begin == "" {
		return s.Mappings.List(r.Context(), v.link, mapping.Filter{State: f.state, After: f.after, Limit: mappingsPage})
	}
	from := f.after
	if from == "" {
		from = f.begin
		exact, err := s.Mappings.Show(r.Context(), v.link, f.begin)
		switch {
		case err == nil && (f.state == "" || f.state == exact.State):
			users = append(users, exact)
		case err != nil && fault.KindOf(err) != fault.NotFound && fault.KindOf(err) != fault.Invalid:
			return nil, "", err
		}
	}
	page, next, err := s.Mappings.List(r.Context(), v.link, mapping.Filter{State: f.state, After: from, Limit: mappingsPage})
	for _, u := range page {
		if !strings.HasPrefix(strings.ToLower(u.CRMUsername), f.begin) {
			return users, "", err
		}
		users = append(users, u)
	}
	return users, next, err
}

func clearable(state mapping.State) bool {
	return state == "" || state == mapping.Mapped || state == mapping.Stale || state == mapping.Broken || state == mapping.NotReconnected
}

func unit(mid int64) string {
	if mid == 0 {
		return "none"
	}
	return strconv.FormatInt(mid, 10)
}

func since(u mapping.User) string {
	switch {
	case !u.Clear.At.IsZero():
		return stamp(u.Clear.At)
	case u.CreatedAt.IsZero():
		return ""
	}
	return stamp(u.CreatedAt)
}

// mapping shows one user, mapped or not.
func (s *Server) mapping(w http.ResponseWriter, r *http.Request, v stay) {
	q, err := web.Query(r)
	var u mapping.User
	if err == nil {
		u, err = s.Mappings.Show(r.Context(), v.link, q.Get("name"))
	}
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	p := ui.Page{Title: u.CRMUsername, Crumbs: []ui.Link{{Text: "Mappings", Href: mappingsPath}}}
	p.Current = mappingsPath
	d := ui.Definitions{
		{Name: "Name", Value: orNone(u.CRMName)},
		{Name: "State", Value: stateLabel(u.State)},
		{Name: "Engagement user", Value: orNone(u.EngagementUser)},
		{Name: "Business unit", Value: unit(u.MID)},
	}
	if !u.CreatedAt.IsZero() {
		d = append(d, ui.Definition{Name: "Mapped", Value: stamp(u.CreatedAt)})
	}
	if !u.GrantedAt.IsZero() {
		d = append(d, ui.Definition{Name: "Permissions are of", Value: stamp(u.GrantedAt) + ", given by " + u.GrantedBy})
	}
	if !u.Clear.At.IsZero() {
		d = append(d, ui.Definition{Name: "Cleared", Value: stamp(u.Clear.At) + " by " + u.Clear.Actor + ": " + u.Clear.Reason})
	}
	if u.Cause.Code != "" {
		d = append(d, ui.Definition{Name: "Refused with", Value: u.Cause.Code + ": " + u.Cause.Text})
	}
	p.Blocks = append(p.Blocks, d)
	if !u.CreatedAt.IsZero() && u.Clear.At.IsZero() {
		p.Blocks = append(p.Blocks, v.form(ui.Form{
			Action: clearPath, Fields: []ui.Field{{Type: ui.HiddenField, Name: fieldChosen, Value: u.CRMUsername}}, Submits: []ui.Submit{{Label: "Clear this mapping"}},
		}))
	}
	s.show(w, r, http.StatusOK, v, p)
}

// clearMappings asks for a reason first, and then clears whom it was given, or a hundred at a time all of a state.
func (s *Server) clearMappings(w http.ResponseWriter, r *http.Request, v stay, form url.Values) {
	req := mapping.ClearRequest{Users: form[fieldChosen], All: form.Get("all") == "1", After: form.Get("after"), Actor: v.actor(), Reason: strings.TrimSpace(form.Get("reason"))}
	var err error
	if req.State, err = mapping.ParseState(form.Get("state")); err != nil {
		s.sorry(w, r, v, err)
		return
	}
	if len(req.Users) == 0 && !req.All {
		s.listMappings(w, r, v, url.Values{}, []ui.Alert{{Kind: ui.Error, Title: "Nothing was cleared", Text: "Choose at least one user."}})
		return
	}
	p := ui.Page{Title: "Clear mappings", Crumbs: []ui.Link{{Text: "Mappings", Href: mappingsPath}}}
	p.Current = mappingsPath
	question := clearQuestion(req)
	if form.Get("confirmed") != "1" {
		s.askClear(w, r, v, p, req, question, nil)
		return
	}
	done, err := s.Mappings.Clear(r.Context(), v.link, req)
	if err != nil {
		s.askClear(w, r, v, p, req, question, err)
		return
	}
	p.Title = "Mappings cleared"
	p.Alerts = append(p.Alerts, ui.Alert{Kind: ui.Success, Title: strconv.Itoa(len(done.Cleared)) + " mappings were cleared", Text: "At their next visit these users are asked to integrate again."})
	cleared := ui.Table{Caption: "Cleared", Columns: []string{"Salesforce user", "Engagement user"}, Empty: "nobody"}
	for _, c := range done.Cleared {
		cleared.Rows = append(cleared.Rows, ui.Row(c.Mapping.CRMUsername, c.Mapping.EngagementUser))
	}
	p.Blocks = append(p.Blocks, cleared)
	if len(done.Failed) > 0 {
		p.Alerts = append(p.Alerts, ui.Alert{Kind: ui.Warning, Title: strconv.Itoa(len(done.Failed)) + " could not be cleared"})
		failed := ui.Table{Caption: "Not cleared", Columns: []string{"Salesforce user", "Why"}}
		for _, one := range done.Failed {
			failed.Rows = append(failed.Rows, ui.Row(one.CRMUsername, fault.Of(one.Err).Message))
		}
		p.Blocks = append(p.Blocks, failed)
	}
	if done.Next != "" {
		req.After = done.Next
		more := question
		more.Fields = append(clearFields(req), ui.Field{Type: ui.HiddenField, Name: "reason", Value: req.Reason})
		more.Submits = []ui.Submit{{Label: "Go on with the rest"}}
		p.Blocks = append(p.Blocks, v.form(more))
	}
	p.Blocks = append(p.Blocks, ui.Links{{Text: "Back to the mappings", Href: mappingsPath}})
	s.show(w, r, http.StatusOK, v, p)
}

// clearFields are whom a form clears, hidden in it.
func clearFields(req mapping.ClearRequest) []ui.Field {
	fields := []ui.Field{{Type: ui.HiddenField, Name: "confirmed", Value: "1"}}
	for _, u := range req.Users {
		fields = append(fields, ui.Field{Type: ui.HiddenField, Name: fieldChosen, Value: u})
	}
	if req.All {
		fields = append(fields, ui.Field{Type: ui.HiddenField, Name: "all", Value: "1"}, ui.Field{Type: ui.HiddenField, Name: "state", Value: string(req.State)})
	}
	if req.After != "" {
		fields = append(fields, ui.Field{Type: ui.HiddenField, Name: "after", Value: req.After})
	}
	return fields
}

func clearQuestion(req mapping.ClearRequest) ui.Form {
	return ui.Form{
		Action:  clearPath,
		Fields:  append(clearFields(req), ui.Field{Name: "reason", Label: "Why", Value: req.Reason, Required: true, MaxLength: 500, Hint: "It is kept on record, with your name."}),
		Submits: []ui.Submit{{Label: "Clear"}},
	}
}

// askClear says what clearing does and to whom, and asks why; err is why it was refused before.
func (s *Server) askClear(w http.ResponseWriter, r *http.Request, v stay, p ui.Page, req mapping.ClearRequest, question ui.Form, err error) {
	who := "all users who are known"
	if req.State != "" {
		who = "all users of the state “" + stateLabel(req.State) + "”"
	}
	if !req.All {
		who = strings.Join(req.Users, ", ")
	}
	p.Alerts = append(p.Alerts, ui.Alert{
		Kind: ui.Warning, Title: "Clear the mappings of " + who + "?",
		Text: "Their Engagement credentials are asked for again at their next visit to the Marketing Cloud tab. Until then they cannot send.",
	})
	p.Blocks = append(p.Blocks, ui.Links{{Text: "Cancel", Href: mappingsPath}})
	if err != nil {
		s.badForm(w, r, v, p, &question, err)
		return
	}
	p.Blocks = append(p.Blocks, v.form(question))
	s.show(w, r, http.StatusOK, v, p)
}
