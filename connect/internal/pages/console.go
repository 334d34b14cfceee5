package pages

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/connect/internal/access"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/web"
)

// ConsolePath is the console's first page, and begins the paths of all others.
const ConsolePath = "/console"

// maxConsoleForm is the largest form of the console in bytes.
const maxConsoleForm = 64 << 10

// formToken is the name of the hidden field with the session's token.
const formToken = "form_token"

// stay is who is in the console, on one request.
type stay struct {
	access.Session
	link   link.Link
	cookie string
}

// token is the hidden field that every form of the session carries.
func (v stay) token() ui.Field {
	return ui.Field{Type: ui.HiddenField, Name: formToken, Value: access.FormToken(v.cookie)}
}

// form adds the session's token to a form that changes something.
func (v stay) form(f ui.Form) ui.Form {
	if !f.Get {
		f.Fields = append([]ui.Field{v.token()}, f.Fields...)
	}
	return f
}

// guarded is a form's handler behind the cross-site check; back is the page that a refused one is told to open again.
func (s *Server) guarded(h http.HandlerFunc, back string) http.Handler {
	return web.ProtectForms(h, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.refuse(w, r, fault.New(fault.Denied, "cross_site", "This form was sent by a page of another site. Open %s and try again.", back))
	}))
}

// inside serves a page of the console to whoever is signed in with one of the roles, or as an administrator. Without roles
// it is for administrators alone.
func (s *Server) inside(h func(http.ResponseWriter, *http.Request, stay), roles ...access.Role) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if v, ok := s.admit(w, r, roles...); ok {
			h(w, r, v)
		}
	}
}

// act serves a form of the console like inside; it has the session's token and comes from no other site's page.
func (s *Server) act(h func(http.ResponseWriter, *http.Request, stay, url.Values), roles ...access.Role) http.Handler {
	return s.guarded(func(w http.ResponseWriter, r *http.Request) {
		form, err := web.ReadSelection(w, r, maxConsoleForm, fieldChosen)
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		if v, ok := s.admitForm(w, r, form.Get(formToken), roles...); ok {
			h(w, r, v, form)
		}
	}, "the console")
}

// fieldChosen is the name of check boxes of which several may be checked.
const fieldChosen = "chosen"

// admitForm is admit for a form, with the token that it came with.
func (s *Server) admitForm(w http.ResponseWriter, r *http.Request, token string, roles ...access.Role) (stay, bool) {
	v, ok := s.admit(w, r, roles...)
	if !ok {
		return v, false
	}
	if err := access.CheckForm(v.cookie, token); err != nil {
		s.sorry(w, r, v, err)
		return v, false
	}
	return v, true
}

// everybody are the roles of a page that is for whoever is signed in.
var everybody = []access.Role{access.Nobody, access.User, access.Engagement}

// admit finds the session, and sends whoever has none to sign in, and from there back here. It reports whether the person
// may go on.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, roles ...access.Role) (stay, bool) {
	cookie := s.cookies.get(r, s.cookies.console)
	session, l, err := s.Access.Session(r.Context(), cookie)
	v := stay{session, l, cookie}
	if fault.KindOf(err) == fault.Unauthenticated {
		back := r.URL.RequestURI()
		if r.Method != http.MethodGet {
			back = ConsolePath
		}
		redirect(w, r, SignInPath+"?"+url.Values{"return": {back}}.Encode())
		return v, false
	}
	if err != nil {
		s.refuse(w, r, err)
		return v, false
	}
	if err := session.Role.Require(l.Names(), roles...); err != nil {
		s.sorry(w, r, v, err)
		return v, false
	}
	return v, true
}

// show renders a page of the console: whose session it is stands on top, the tree of its pages beside it.
func (s *Server) show(w http.ResponseWriter, r *http.Request, status int, v stay, p ui.Page) {
	p.Brand, p.User = brand, v.Person.Shown()+" ("+v.Role.Label(v.link.Names())+")"
	if r.URL.Path != ConsolePath {
		p.Crumbs = append([]ui.Link{{Text: "The bridge", Href: ConsolePath}}, p.Crumbs...)
	}
	if p.Current == "" {
		p.Current = r.URL.Path
	}
	p.Tree = tree(v)
	p.SignOut = v.form(ui.Form{Action: consoleOutPath, Submits: []ui.Submit{{Label: "Sign out of Connect", Secondary: true}}})
	p.Footer = strings.TrimPrefix(p.Footer+" · Standing: "+v.link.Standing.String(), " · ")
	s.write(w, r, status, p)
}

// sorry shows why something was refused, inside the console.
func (s *Server) sorry(w http.ResponseWriter, r *http.Request, v stay, err error) {
	status, text := s.refusal(r, err)
	if status == 0 {
		return
	}
	p := ui.Page{Title: "That did not work", Alerts: []ui.Alert{{Kind: ui.Error, Title: "That did not work", Text: text}}}
	if fault.CodeOf(err) == access.CodeRoleRequired {
		p.Title, p.Alerts[0].Title = "Insufficient privileges", "A role is missing"
		p.Blocks = append(p.Blocks, ui.Text(roleAdvice(v)))
	}
	if id := web.RequestIDFrom(r.Context()); id != "" {
		p.Footer = "Request " + id
	}
	s.show(w, r, status, v, p)
}

// roleAdvice says where the roles of the console come from.
func roleAdvice(v stay) string {
	n := v.link.Names()
	switch {
	case v.Person.Cloud == access.ByEngagement:
		return "Roles come from Engagement: a user with the role Administrator or Marketing Cloud Administrator takes the steps that are done there. For all others, sign in with Salesforce."
	case v.link.Org.Username == "":
		return "Connect is not connected to the org yet, and so cannot read your User record. Open the one-time link that twinspan up prints, and connect the Salesforce system user."
	}
	return "Roles come from your User record in the org, under Additional Information: the box " + n.AdminBoxLabel + " makes you an administrator of the connection, the box " +
		n.UserBoxLabel + " lets you map yourself. They are read again every five minutes."
}

// mountConsole registers the console.
func (s *Server) mountConsole(mux *web.Mux) {
	mux.HandleFunc("GET "+SignInPath, s.signInPage)
	mux.HandleFunc("GET "+signInOrgPath, s.signInBy)
	mux.HandleFunc("GET "+signInTenantPath, s.signInBy)
	mux.HandleFunc("GET "+FirstPath, s.first)
	mux.Handle("POST "+FirstPath, s.guarded(s.enterFirst, "the one-time link"))
	mux.Handle("POST "+consoleOutPath, s.act(s.consoleOut, everybody...))
	mux.HandleFunc("GET "+ConsolePath, s.inside(s.bridge, everybody...))
	mux.Handle("POST "+ConsolePath, s.act(s.checkBridge, access.Engagement))
	mux.HandleFunc("GET "+settingsPath, s.inside(s.settings, access.Engagement))
	mux.Handle("POST "+settingsPath, s.act(s.saveSettings))
	mux.HandleFunc("GET "+unitsPath, s.inside(s.units, access.Engagement))
	mux.Handle("POST "+unitsPath, s.act(s.saveUnits))
	mux.HandleFunc("GET "+mappingsPath, s.inside(s.mappings))
	mux.HandleFunc("GET "+mappingPath, s.inside(s.mapping))
	mux.Handle("POST "+clearPath, s.act(s.clearMappings))
	mux.HandleFunc("GET "+importsPath, s.inside(s.imports))
	mux.Handle("POST "+importsPath, s.guarded(s.startImport, "Import mappings"))
	mux.HandleFunc("GET "+importPath, s.inside(s.importOne))
	mux.Handle("POST "+importPath, s.act(s.cancelImport))
	mux.HandleFunc("GET "+importPath+"/result.csv", s.inside(s.importResult))
	mux.HandleFunc("GET "+outagePath, s.inside(s.outage, access.Engagement))
	mux.Handle("POST "+outagePath, s.act(s.saveOutage))
	mux.HandleFunc("GET "+sendsPath, s.inside(s.sends))
	mux.HandleFunc("GET "+newSendPath, s.inside(s.newSend))
	mux.Handle("POST "+newSendPath, s.act(s.startSend))
	mux.HandleFunc("GET "+sendPath, s.inside(s.send))
	mux.Handle("POST "+sendPath, s.act(s.cancelSend))
	mux.HandleFunc("GET "+triggersPath, s.inside(s.triggered))
	mux.Handle("POST "+triggersPath, s.act(s.changeTrigger))
	mux.HandleFunc("GET "+usagePath, s.inside(s.usage))
	mux.HandleFunc("GET "+auditPath, s.inside(s.audit))
	mux.Handle("POST "+auditPath, s.act(s.verifyAudit))
	mux.HandleFunc("GET "+tokensPath, s.inside(s.tokens))
	mux.Handle("POST "+tokensPath, s.act(s.createToken))
	mux.Handle("POST "+tokensPath+"/revoke", s.act(s.revokeToken))
}

// way is a page of the console that others lead to.
type way struct {
	path, label string
	roles       []access.Role // besides administrators
}

// tree is the console's navigation: the pages that the person may open.
func tree(v stay) ui.Tree {
	t := ui.Tree{Label: "Connect"}
	nodes := func(ways []way) (out []ui.Node) {
		for _, one := range ways {
			if v.Role.May(one.roles...) {
				out = append(out, ui.Node{Text: one.label, Href: one.path})
			}
		}
		return out
	}
	for _, f := range folders() {
		within := nodes(f.ways)
		switch {
		case f.label == "":
			t.Nodes = append(t.Nodes, within...)
		case len(within) > 0:
			t.Nodes = append(t.Nodes, ui.Node{Text: f.label, Nodes: within, Open: true})
		}
	}
	return t
}

// folder is a group of pages; those of label "" stand by themselves.
type folder struct {
	label string
	ways  []way
}

// folders are the pages in the order of the tree.
func folders() []folder {
	steps := []access.Role{access.Engagement}
	return []folder{
		{"", []way{
			{ConsolePath, "The bridge", everybody},
			{GuidesPath, "Guides", steps},
			{IntegrationPath, "Salesforce Integration", steps},
			{UpgradePath, "Upgrade", steps},
			{TabPath, "Marketing Cloud", []access.Role{access.User, access.Nobody}},
		}},
		{"Connection", []way{{settingsPath, "Configuration Settings", steps}, {unitsPath, "Manage Business Units", steps}, {outagePath, "Outage", steps}}},
		{"Users", []way{{mappingsPath, "Mappings", nil}, {importsPath, "Import mappings", nil}}},
		{"Sends", []way{{sendsPath, "Sends", nil}, {triggersPath, "Triggered sends", nil}}},
		{"Record", []way{{usagePath, "API usage", nil}, {auditPath, "Audit", nil}, {tokensPath, "API tokens", nil}}},
	}
}

// fieldError marks the field of a form that a refusal is about, and reports whether there is one.
func fieldError(f *ui.Form, err error) bool {
	about := fault.Of(err).Field
	for i := range f.Fields {
		if about != "" && f.Fields[i].Name == about {
			f.Fields[i].Error = fault.Of(err).Message
			return true
		}
	}
	return false
}

// badForm shows a page again whose form was refused: what was typed stays, the reason stands beside its field where it is
// about one, else on top.
func (s *Server) badForm(w http.ResponseWriter, r *http.Request, v stay, p ui.Page, f *ui.Form, err error) {
	status, text := s.refusal(r, err)
	if status == 0 {
		return
	}
	if !fieldError(f, err) {
		p.Alerts = append(p.Alerts, ui.Alert{Kind: ui.Error, Title: "That did not work", Text: text})
	}
	p.Blocks = append(p.Blocks, v.form(*f))
	s.show(w, r, status, v, p)
}

// turns are the ways through a long list; none where one page holds it.
func turns(ways ui.Pagination) []ui.Block {
	if ways.Previous == "" && ways.Next == "" {
		return nil
	}
	return []ui.Block{ways}
}

// positions leads through a list whose pages begin after a position, and from any of them back to the first. last is the position
// that this page ends at, 0 where nothing follows it.
func positions(label, at string, after, last int) []ui.Block {
	ways := ui.Pagination{Label: label}
	if after > 0 {
		ways.Previous = at
	}
	if last > 0 {
		ways.Next = at + "?after=" + strconv.Itoa(last)
	}
	return turns(ways)
}
