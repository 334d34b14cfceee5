package pages

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/web"
)

func (s *Server) mountSecurity(mux *web.Mux) {
	s.get(mux, securityPath, s.security)
	s.post(mux, securityPath, s.saveSecurity)
	s.get(mux, sessionsPath, s.sessions)
	s.post(mux, sessionsPath, s.endSession)
	s.get(mux, loginsPath, s.logins)
}

func count(n int) string { return strconv.Itoa(n) }

// settingFields tells beside which field stands what is wrong with a setting: the services have the names of the API.
var settingFields = map[string]string{
	"session_minutes": "session", "lockout_after": "lockout", "inactive_days": "inactive", "password_days": "passwords", "secret_days": "secrets",
	"refresh_days": "refresh", "ui_addresses": "ui", "api_addresses": "api", "calls_per_minute": "calls", "tokens_per_minute": "tokens",
}

func (s *Server) security(v *visit) (answer, error) {
	t, err := s.o.Setup.Settings(v.r.Context(), v.Principal)
	if err != nil {
		return answer{}, err
	}
	n := strconv.Itoa
	is := map[string]string{
		"session": n(int(t.SessionTimeout().Minutes())), "lockout": n(t.Lockout()), "inactive": n(t.InactiveDays), "passwords": n(t.PasswordDays), "secrets": n(t.SecretDays),
		"refresh": n(t.RefreshDays), "ui": strings.Join(t.UIAddresses, ", "), "api": strings.Join(t.APIAddresses, ", "), "calls": n(t.CallsPerMinute), "tokens": n(t.TokensPerMinute),
	}
	ticked := map[string]bool{"exclude": !t.APIPasswordsExpire, "soap": !t.NoSOAPPasswords, "documents": t.MyDocuments, "anysender": t.AnySender}
	return s.securityPage(v, func(name string) string { return is[name] }, func(name string) bool { return ticked[name] }, nil), nil
}

// securityPage has the labels of the real page where its sources quote them (engagement-wire 5).
func (s *Server) securityPage(v *visit, value func(string) string, ticked func(string) bool, refused error) answer {
	choice := func(name, label, hint string, options ...string) ui.Field {
		f := ui.Field{Type: ui.SelectField, Name: name, Label: label, Value: value(name), Required: true, Hint: hint}
		for i := 0; i+1 < len(options); i += 2 {
			f.Options = append(f.Options, ui.Option{Value: options[i], Label: options[i+1]})
		}
		return f
	}
	numeric := func(name, label, hint string) ui.Field {
		return ui.Field{Type: ui.NumberField, Name: name, Label: label, Value: value(name), Required: true, Hint: hint}
	}
	box := func(name, label, hint string) ui.Field {
		return ui.Field{Type: ui.CheckboxField, Name: name, Label: label, Checked: ticked(name), Hint: hint}
	}
	list := func(name, label, hint string) ui.Field {
		return ui.Field{Name: name, Label: label, Value: value(name), Hint: hint, Autocomplete: "off"}
	}
	fields := []ui.Field{
		v.token,
		choice("session", "Session Timeout", "How long a session lives without use.", "20", "20 minutes", "60", "1 hour", "120", "2 hours", "240", "4 hours", "480", "8 hours"),
		choice("lockout", "Invalid Logins Before Lockout", "", "3", "3", "5", "5", "10", "10"),
		choice("inactive", "Login Expires After Inactivity", "Not advised where there are API users: their calls are no activity, and they must sign in on this page.", "0", "Never", "30", "30 days", "60", "60 days", "90", "90 days", "365", "1 year"),
		numeric("passwords", "User passwords expire in", "Days; 0 is never."),
		box("exclude", "Exclude API Users From Password Expiration", ""),
		box("soap", "Enable Username and Password for Web Services", "The legacy way of API users; others use a token."),
		list("ui", "Login IP Allowlist: UI", "Addresses and ranges such as 203.0.113.0/24, with commas between them. Blank lets everybody in. You come from "+web.RemoteIP(v.r)+"."),
		list("api", "Login IP Allowlist: API", "The addresses of Sales or Service Cloud and of Connect belong on it, where it is not blank."),
		numeric("secrets", "Client secrets expire in", "Days; 0 is 180."),
		numeric("refresh", "Refresh tokens expire in", "Days; 0 is 30."),
		numeric("calls", "API calls a minute", "Of each package or user; 0 is no bound."),
		numeric("tokens", "Token requests a minute", "Of each package; 0 is the bound of real tenants."),
		box("documents", "My Documents in Content", "Reports of an upgrade are kept there as files."),
		box("anysender", "Send from addresses that are not verified", ""),
	}
	a := answer{page: ui.Page{Title: "Security Settings"}}
	if refused != nil {
		refuse(&a.page, fields, settingFields, refused)
		a.status = fault.KindOf(refused).HTTPStatus()
	}
	a.page.Blocks = []ui.Block{ui.Form{Fields: fields, Submits: []ui.Submit{{Label: "Save"}}}}
	return a
}

func (s *Server) saveSecurity(v *visit) (answer, error) {
	var wrong error
	n := func(name, setting string) int {
		value, err := strconv.Atoi(strings.TrimSpace(v.form.Get(name)))
		if err != nil && wrong == nil {
			wrong = fault.New(fault.Invalid, tenant.CodeInvalidSettings, "This is no number.").In(setting)
		}
		return value
	}
	addresses := func(name string) []string {
		return strings.FieldsFunc(v.form.Get(name), func(r rune) bool { return r == ',' || r == ' ' || r == ';' || r == '\n' || r == '\r' || r == '\t' })
	}
	change := func(t *tenant.Settings) {
		// Those that stand for a default stay as they are.
		if minutes := n("session", "session_minutes"); minutes != int(t.SessionTimeout().Minutes()) {
			t.SessionMinutes = minutes
		}
		if after := n("lockout", "lockout_after"); after != t.Lockout() {
			t.LockoutAfter = after
		}
		t.InactiveDays, t.PasswordDays, t.SecretDays, t.RefreshDays = n("inactive", "inactive_days"), n("passwords", "password_days"), n("secrets", "secret_days"), n("refresh", "refresh_days")
		t.CallsPerMinute, t.TokensPerMinute = n("calls", "calls_per_minute"), n("tokens", "tokens_per_minute")
		t.UIAddresses, t.APIAddresses = addresses("ui"), addresses("api")
		t.APIPasswordsExpire, t.NoSOAPPasswords = !v.checked("exclude"), !v.checked("soap")
		t.MyDocuments, t.AnySender = v.checked("documents"), v.checked("anysender")
	}
	if change(&tenant.Settings{}); wrong == nil {
		_, wrong = s.o.Setup.ChangeSettings(v.r.Context(), v.Principal, change)
	}
	if told(wrong) {
		return s.securityPage(v, v.form.Get, v.checked, wrong), nil
	}
	if wrong != nil {
		return answer{}, wrong
	}
	return goTo(securityPath, "saved"), nil
}

// sessions lists who is signed in to the tenant's pages.
func (s *Server) sessions(v *visit) (answer, error) {
	before := number(v.query.Get("before"))
	list, more, err := s.o.Setup.ActiveSessions(v.r.Context(), v.Principal, before)
	if err != nil {
		return answer{}, err
	}
	table := ui.Table{Caption: "Active Sessions", Columns: []string{"User", "Since", "Last used", "Browser", "Action", "All his sessions"}, Empty: "none"}
	for _, one := range list {
		name := one.Name + " (" + one.Username + ")"
		if one.ID == v.Session.ID {
			name += ", this session"
		}
		button := func(label, field string, id int64) ui.Cell {
			return ui.Cell{Form: &ui.Form{Action: sessionsPath, Fields: []ui.Field{v.token, {Type: ui.HiddenField, Name: field, Value: strconv.FormatInt(id, 10)}}, Submits: []ui.Submit{{Label: label, Secondary: true}}}}
		}
		table.Rows = append(table.Rows, []ui.Cell{
			{Text: name}, {Text: when(one.Created)}, {Text: when(one.Seen)}, {Text: one.UserAgent}, button("End", "session", one.ID), button("End All", "user", one.UserID),
		})
	}
	first, next := "", ""
	if before != 0 {
		first = sessionsPath
	}
	if more {
		next = sessionsPath + "?before=" + strconv.FormatInt(list[len(list)-1].ID, 10)
	}
	blocks := []ui.Block{ui.Text("Connecting takes whatever session the browser has: log out of others first. Closing the tab ends none."), table}
	return answer{page: ui.Page{Title: "Active Sessions", Blocks: append(blocks, turns("Active Sessions", first, next)...)}}, nil
}

func (s *Server) endSession(v *visit) (answer, error) {
	ctx := v.r.Context()
	if v.form.Has("user") {
		if err := s.o.Setup.EndUserSessions(ctx, v.Principal, number(v.form.Get("user"))); err != nil {
			return answer{}, err
		}
		return goTo(sessionsPath, "allended"), nil
	}
	if err := s.o.Setup.EndSession(ctx, v.Principal, number(v.form.Get("session"))); err != nil {
		return answer{}, err
	}
	return goTo(sessionsPath, "ended"), nil
}

// logins is the login history.
func (s *Server) logins(v *visit) (answer, error) {
	before, username := number(v.query.Get("before")), strings.TrimSpace(v.query.Get("username"))
	list, more, err := s.o.Logins.List(v.r.Context(), v.Principal, username, before)
	if err != nil {
		return answer{}, err
	}
	table := ui.Table{Caption: "Login History", Columns: []string{"Time", "Username", "Address", "Status"}, Empty: "no attempt in the last 90 days"}
	for _, e := range list {
		table.Rows = append(table.Rows, ui.Row(when(e.At), e.Username, e.Address, string(e.Outcome)))
	}
	q := url.Values{"username": {username}}
	first, next := "", ""
	if before != 0 {
		first = loginsPath + "?" + q.Encode()
	}
	if more {
		q.Set("before", strconv.FormatInt(list[len(list)-1].ID, 10))
		next = loginsPath + "?" + q.Encode()
	}
	blocks := []ui.Block{
		ui.Form{Get: true, Fields: []ui.Field{{Name: "username", Label: "Username", Value: username, MaxLength: tenant.MaxUsername, Autocomplete: "off"}}, Submits: []ui.Submit{{Label: "Search"}}},
		table,
	}
	return answer{page: ui.Page{Title: "Login History", Blocks: append(blocks, turns("Login History", first, next)...)}}, nil
}
