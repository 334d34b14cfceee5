package pages

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/connect/internal/access"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/probe"
	"github.com/twinspan/twinspan/internal/quickfind"
	"github.com/twinspan/twinspan/internal/standing"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/web"
)

// ConsolePath is the console's first page, and begins the paths of all others.
const ConsolePath = "/console"

// maxConsoleForm is the largest form of the console in bytes.
const maxConsoleForm = 64 << 10

// formToken is the name of the hidden field with the session's token.
const formToken = ui.TokenField

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

// signed adds the session's token to a form that changes something.
func (v stay) signed(f ui.Form) ui.Form {
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

// arriving serves a page to whoever comes from a cloud's own pages: who he is that cloud says, without asking by which of the two
// he wants to be known. way is where he signs in by it; always says that nobody else comes here. Parameters: pair, whose connection it is.
func (s *Server) arriving(way, path string, always bool, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		query, err := web.Query(r)
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		pair := query.Get("pair")
		session, _, err := s.Access.Session(r.Context(), s.cookies.get(r, s.cookies.console))
		if fault.KindOf(err) == fault.Unauthenticated && (pair != "" || always) || err == nil && pair != "" && pair != session.Pair {
			redirect(w, r, way+"?"+url.Values{"return": {path}, "pair": {pair}}.Encode())
			return
		}
		h(w, r)
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
		if v, ok := s.admitForm(w, r, form, roles...); ok {
			h(w, r, v, form)
		}
	}, "the console")
}

// fieldChosen is the name of check boxes of which several may be checked.
const fieldChosen = "chosen"

// admitForm is admit for a form. Whoever is not signed in any more is shown what he typed into it.
func (s *Server) admitForm(w http.ResponseWriter, r *http.Request, form url.Values, roles ...access.Role) (stay, bool) {
	v, ok := s.admitted(w, r, form, roles...)
	if !ok {
		return v, false
	}
	if err := access.CheckForm(v.cookie, form.Get(formToken)); err != nil {
		p := ui.Former(form, r.URL.RequestURI(), "Nothing was saved", v.token())
		if p == nil {
			s.sorry(w, r, v, err)
			return v, false
		}
		status, _ := s.refusal(r, err)
		s.show(w, r, status, v, *p)
		return v, false
	}
	return v, true
}

// everybody are the roles of a page that is for whoever is signed in.
var everybody = []access.Role{access.Nobody, access.User, access.Engagement}

// admit finds the session, and sends whoever has none to sign in, and from there back here. It reports whether the person
// may go on: he has the role, and the connection stands where the page is possible.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, roles ...access.Role) (stay, bool) {
	return s.admitted(w, r, nil, roles...)
}

func (s *Server) admitted(w http.ResponseWriter, r *http.Request, form url.Values, roles ...access.Role) (stay, bool) {
	cookie := s.cookies.get(r, s.cookies.console)
	find := s.Access.Session
	if r.Method == http.MethodPost && !slices.Contains(roles, access.Nobody) {
		find = s.Access.Acting
	}
	session, l, err := find(r.Context(), cookie)
	v := stay{session, l, cookie}
	probe.CalledBy(r.Context(), session.Person.Username, "")
	if fault.KindOf(err) == fault.Unauthenticated {
		back := r.URL.RequestURI()
		if r.Method != http.MethodGet {
			back = ConsolePath
		}
		signIn := SignInPath + "?" + url.Values{"return": {back}}.Encode()
		if p := ui.Lapsed(form, r.URL.RequestURI(), ui.Link{Text: "Sign in", Href: signIn}); p != nil {
			p.Brand = brand
			s.render(w, r, http.StatusUnauthorized, *p)
			return v, false
		}
		redirect(w, r, signIn)
		return v, false
	}
	if err != nil {
		s.refuse(w, r, err)
		return v, false
	}
	err = session.Role.Require(l, roles...)
	if err == nil {
		err = may(l, r.Pattern)
	}
	if err != nil {
		s.sorry(w, r, v, err)
		return v, false
	}
	return v, true
}

// show renders a page of the console: whose session it is stands on top, the tree of its pages beside it.
func (s *Server) show(w http.ResponseWriter, r *http.Request, status int, v stay, p ui.Page) {
	p.Brand, p.User = brand, v.Person.Shown()+" ("+v.Role.Label(v.link)+")"
	if r.URL.Path != ConsolePath {
		p.Crumbs = append([]ui.Link{{Text: "Connect", Href: ConsolePath}}, p.Crumbs...)
	}
	if p.Current == "" {
		p.Current = r.URL.Path
	}
	p.Tree = tree(v)
	if s.WorkbenchURL != "" && v.Role.May() {
		p.Tree.Nodes = append(p.Tree.Nodes, ui.Node{Text: "For developers", Open: true, Nodes: []ui.Node{{Text: "Workbench: inbox, requests, faults, clock, pairs", Href: s.WorkbenchURL}}})
	}
	p.Find = ui.Find{Action: consoleFindPath, Name: quickfind.Name, Value: p.Find.Value}
	p.SignOut = v.signed(ui.Form{Action: consoleOutPath, Submits: []ui.Submit{{Label: "Sign out of Connect", Secondary: true}}})
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
	if code := fault.CodeOf(err); code == standing.CodeNotPossible || code == standing.CodeUnset {
		p.Title, p.Alerts[0].Title = "Not possible here", "The connection does not stand where this is possible"
	}
	p.Blocks = append(p.Blocks, whatItMeans(err))
	if id := web.RequestIDFrom(r.Context()); id != "" {
		p.Footer = "Request " + id
	}
	s.show(w, r, status, v, p)
}

// whatItMeans is the link under a refusal.
func whatItMeans(err error) ui.Links {
	return ui.Links{{Text: "What this means, in Troubleshoot Connected App", Href: meaningOf(err)}}
}

// noRoleTitle says by what somebody is known who runs nothing here.
func noRoleTitle(v stay) string {
	if v.Role == access.Nobody {
		return "You are signed in, and have no role here"
	}
	return "You are signed in with the role " + v.Role.Label(v.link)
}

// roleAdvice says where the roles of the console come from.
func roleAdvice(v stay) string {
	admin, user := v.link.RoleNames()
	switch {
	case v.Person.Cloud == access.ByEngagement:
		return "Roles come from Engagement: a user with the role Administrator or Marketing Cloud Administrator takes the steps that are done there. For all others, sign in with Salesforce."
	case v.link.Org.Username == "":
		return "Connect is not connected to the org yet, and so nobody has a role by his User record. The guide Set Up Connected App Authentication says what comes next, and anybody who is signed in reads it; or open the one-time link that twinspan up prints."
	case v.link.RolesBySet():
		return "Roles come from your permission sets in the org (Setup > Permission Sets > Manage Assignments): " + admin + " makes you an administrator of the connection, " + user +
			" lets you map yourself. They are read again every five minutes."
	}
	return "Roles come from your User record in the org, under Additional Information: the box " + admin + " makes you an administrator of the connection, the box " + user +
		" lets you map yourself. They are read again every five minutes."
}

// mountConsole registers the console.
func (s *Server) mountConsole(mux *web.Mux) {
	mux.HandleFunc("GET "+SignInPath, s.signInPage)
	mux.HandleFunc("GET "+signInOrgPath, s.paced(s.signInBy))
	mux.HandleFunc("GET "+signInTenantPath, s.paced(s.signInBy))
	mux.HandleFunc("GET "+FirstPath, s.first)
	mux.Handle("POST "+FirstPath, s.guarded(s.paced(s.enterFirst), "the one-time link"))
	mux.Handle("POST "+consoleOutPath, s.act(s.consoleOut, everybody...))
	mux.HandleFunc("GET "+ConsolePath, s.arriving(signInOrgPath, ConsolePath, false, s.inside(s.bridge, everybody...)))
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
	mux.Handle("POST "+outageEndPath, s.act(s.endOutage))
	mux.HandleFunc("GET "+sendsPath, s.inside(s.sends))
	mux.HandleFunc("GET "+newSendPath, s.inside(s.newSend))
	mux.Handle("POST "+newSendPath, s.act(s.startSend))
	mux.HandleFunc("GET "+sendPath, s.inside(s.send))
	mux.Handle("POST "+sendPath, s.act(s.cancelSend))
	mux.HandleFunc("GET "+triggersPath, s.inside(s.triggered))
	mux.Handle("POST "+triggersPath, s.act(s.changeTrigger))
	mux.HandleFunc("GET "+consoleFindPath, s.inside(s.find, everybody...))
	mux.HandleFunc("GET "+newTriggerPath, s.inside(s.newTrigger))
	mux.Handle("POST "+newTriggerPath, s.act(s.addTrigger))
	mux.HandleFunc("GET "+noticesPath, s.inside(s.notices))
	mux.Handle("POST "+noticesPath, s.act(s.saveNotices))
	mux.HandleFunc("GET "+alertsPath, s.inside(s.alerts))
	mux.Handle("POST "+alertsPath, s.act(s.saveAlerts))
	mux.HandleFunc("GET "+apiChangePath, s.inside(s.apiChange))
	mux.Handle("POST "+apiPausePath, s.act(s.apiPause))
	mux.Handle("POST "+apiResumePath, s.act(s.apiResume))
	mux.Handle("POST "+apiCancelPath, s.act(s.apiCancel))
	mux.HandleFunc("GET "+robotPath, s.inside(s.robot))
	mux.Handle("POST "+robotPath, s.act(s.connectRobot))
	mux.Handle("POST "+robotRenewPath, s.act(s.renewRobot))
	mux.Handle("POST "+robotCheckPath, s.act(s.checkRobot))
	mux.Handle("POST "+robotRemovePath, s.act(s.removeRobot))
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
	for _, f := range folders(v) {
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
func folders(v stay) []folder {
	steps := []access.Role{access.Engagement}
	var tab []way
	if v.link.May(standing.SignInUsers) == nil { // else the mappings are the package's
		tab = []way{{TabPath, "Marketing Cloud", []access.Role{access.User, access.Nobody}}}
	}
	return []folder{
		{"", append([]way{
			{ConsolePath, bridgeTitle, everybody},
			{DoctorPath, "Doctor", steps},
			{GuidesPath, "Guides", guideRoles(v)},
			{IntegrationPath, "Salesforce Integration", steps},
			{UpgradePath, "Upgrade", steps},
		}, tab...)},
		{"Connection", []way{{settingsPath, "Configuration Settings", steps}, {unitsPath, "Manage Business Units", steps}, {outagePath, "Outage", steps}, {apiChangePath, "Change the API user", nil}, {robotPath, "Integration user", nil}}},
		{"Users", []way{{mappingsPath, "Mappings", nil}, {importsPath, "Import mappings", nil}}},
		{"Sends", []way{{sendsPath, "Sends", nil}, {tryPath, "Test sends", steps}, {triggersPath, "Triggered sends", nil}}},
		{"Record", []way{{usagePath, "API usage", nil}, {noticesPath, "Notifications", nil}, {auditPath, "Audit", nil}, {tokensPath, "API tokens", nil}}},
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
		p.Blocks = append(p.Blocks, whatItMeans(err))
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
