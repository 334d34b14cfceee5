// Package setup serves the org's Setup and its users' own settings: the pages that administrators follow the founding
// documents on. A page reads and changes what it shows through the same services as the APIs, under the session of whoever
// looks at it; package login is the door that it stands behind.
//
// Every page is found three ways: in the trees of Salesforce Classic and of Lightning Experience, and by Quick Find (tree.go,
// quickfind.go). Labels are those of the founding documents; where two of them call one thing by two names, both names are
// there.
package setup

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/login"
	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/pages"
	"github.com/twinspan/twinspan/crm/internal/soql"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/web"
)

// Options are the parts of a Server; all are needed.
type Options struct {
	Door     *login.Server
	Records  *org.Records
	Queries  *soql.Runner
	Accounts *org.Accounts
	Senders  *org.Deliverability
	Settings *org.OrgSettings
	Apps     *org.Apps
	Layouts  *org.Layouts
	Setup    *org.Setup
	Meter    *org.Meter
	Users    org.UserLister
}

// Server serves Setup for all orgs.
type Server struct{ Options }

// maxForm bounds a form of Setup, in bytes: a selection of a page of users is far below.
const maxForm = 64 << 10

// Fields that the forms of several pages have.
const (
	fieldDo     = "do" // which of a page's forms was sent
	fieldRecord = "id"
)

// visit is one request of somebody who is signed in.
type visit struct {
	login.Visit
	s *Server
	w http.ResponseWriter
	r *http.Request
	// node is where in the trees the page is.
	node node
	// asked is what Quick Find was asked for; "" elsewhere.
	asked string
}

func (v *visit) ctx() context.Context { return v.r.Context() }

// fail shows why the visitor cannot go on: what the rules refuse, with the ways that he has around it.
func (v *visit) fail(err error) {
	f := fault.Of(err)
	var above []ui.Link
	switch f.Kind {
	case fault.Denied:
	case fault.Invalid, fault.NotFound, fault.Conflict:
		above = v.node.crumbs()
		if v.node.Label != "" && v.r.URL.Path != v.node.Path {
			above = append(above, ui.Link{Text: v.node.Label, Href: v.node.Path})
		}
	default:
		v.s.Door.PageError(v.w, v.r, err)
		return
	}
	v.answer(f.Kind.HTTPStatus(), login.RefusalTitle(f.Kind), above, []ui.Alert{{Kind: ui.Error, Text: f.Message}})
}

// form reads the form that was sent. Where it may not be read the answer is given.
func (v *visit) form() (url.Values, bool) {
	f, err := web.ReadForm(v.w, v.r, maxForm)
	if err != nil {
		v.fail(err)
	}
	return f, err == nil
}

// selection reads a form whose check boxes have the name. Where it may not be read the answer is given.
func (v *visit) selection(name string) (url.Values, bool) {
	f, err := web.ReadSelection(v.w, v.r, maxForm, name)
	if err != nil {
		v.fail(err)
	}
	return f, err == nil
}

// query reads the parameters of the address. Where they may not be read the answer is given.
func (v *visit) query() (url.Values, bool) {
	q, err := web.Query(v.r)
	if err != nil {
		v.fail(err)
	}
	return q, err == nil
}

// record is the id in the page's path. Where there is none the answer is given.
func (v *visit) record() (org.ID, bool) {
	id, err := org.ParseID(v.r.PathValue("id"))
	if err != nil {
		v.fail(err)
	}
	return id, err == nil
}

// need refuses who lacks a permission, and tells which.
func (v *visit) need(n org.Need) error {
	missing := n.Missing(v.User.Permissions)
	if missing == "" {
		return nil
	}
	return fault.New(fault.Denied, org.CodeInsufficientAccess, "You do not have the permission that this page needs: %s. You are signed in as %s.", missing, v.User.Username)
}

// refused is the sentence of a refusal that the person at the page can mend; "" for others.
func refused(err error) string {
	switch fault.KindOf(err) {
	case fault.Invalid, fault.Conflict, fault.NotFound:
		return fault.Of(err).Message
	}
	return ""
}

// show answers with a page of the trees.
func (v *visit) show(title string, alerts []ui.Alert, blocks ...ui.Block) {
	v.showUnder(title, nil, alerts, blocks...)
}

// showUnder is show for a page below the node's own, to which above leads.
func (v *visit) showUnder(title string, above []ui.Link, alerts []ui.Alert, blocks ...ui.Block) {
	v.answer(http.StatusOK, title, append(v.node.crumbs(), above...), alerts, blocks...)
}

// answer writes a page with its status; crumbs lead to it.
func (v *visit) answer(status int, title string, crumbs []ui.Link, alerts []ui.Alert, blocks ...ui.Block) {
	behind, err := v.s.Door.Behind(v.ctx(), v.Session)
	if err != nil {
		v.s.Door.PageError(v.w, v.r, err)
		return
	}
	if behind != "" {
		alerts = append([]ui.Alert{{Kind: ui.Notice, Text: behind, Links: []ui.Link{{Text: "Log Out", Href: login.LogoutPath}}}}, alerts...)
	}
	p := pages.Page(title, v.User.Name)
	p.Crumbs, p.Alerts, p.Blocks = crumbs, alerts, blocks
	p.Frame = v.frame()
	v.s.Door.Rendered(v.r, ui.Render(v.w, status, p))
}

// frame is what stands around every page: where the visitor is, and the ways to the pages that he may see.
func (v *visit) frame() ui.Frame {
	f := v.s.Door.Frame(v.Visit)
	f.Current, f.Tree = v.node.Path, navigation(v.User.Permissions)
	if v.User.Permissions[org.PermViewSetup] {
		f.Find = ui.Find{Action: findPath, Name: fieldQuery, Value: v.asked}
	}
	return f
}

// to sends the browser on after a change, so that going back or reloading repeats nothing.
func (v *visit) to(path string) { login.Redirect(v.w, http.StatusSeeOther, path) }

// handler is a page's.
type handler func(v *visit)

// page guards a handler: its visitor is signed in, and has what the page needs.
func (s *Server) page(n node, need org.Need, h handler) http.HandlerFunc {
	return s.Door.SignedIn(func(w http.ResponseWriter, r *http.Request, who login.Visit) {
		v := &visit{Visit: who, s: s, w: w, r: r, node: n}
		if err := v.need(need); err != nil {
			v.fail(err)
			return
		}
		h(v)
	})
}

// routes registers a node's pages.
type routes struct {
	m    *web.Mux
	s    *Server
	node node
}

// get registers a page below the node's path.
func (g routes) get(tail string, need org.Need, h handler) {
	g.m.HandleFunc("GET "+g.node.Path+tail, g.s.page(g.node, need, h))
}

// post registers what a form is sent to.
func (g routes) post(tail string, need org.Need, h handler) {
	g.m.Handle("POST "+g.node.Path+tail, g.s.Door.Form(g.s.page(g.node, need, h)))
}

// Needs of several pages.
var (
	anybody = org.Need{}
	viewer  = org.Need{{org.PermViewSetup}}
)

// Mount routes the pages.
func (s *Server) Mount(m *web.Mux) {
	on := func(n node) routes { return routes{m, s, n} }
	s.mountHome(on)
	s.mountPersonal(on)
	s.mountUsers(on)
	s.mountSets(on)
	s.mountApps(on)
	s.mountUsage(on)
	s.mountHistory(on)
	s.mountSessions(on)
	s.mountTrail(on)
	s.mountCompany(on)
	s.mountLayouts(on)
	s.mountSettings(on)
	s.mountEmail(on)
	s.mountPackages(on)
	s.mountSites(on)
}

// text is a field of a form without the blanks around it.
func text(f url.Values, name string) string { return strings.TrimSpace(f.Get(name)) }

// hidden is a field that is sent and not shown.
func hidden(name, value string) ui.Field {
	return ui.Field{Type: ui.HiddenField, Name: name, Value: value}
}

// button is a form of one button, which says what is to be done with one record.
func button(action, label, do string, id org.ID) ui.Cell {
	return ui.Cell{Form: &ui.Form{
		Action: action, Fields: []ui.Field{hidden(fieldDo, do), hidden(fieldRecord, string(id))}, Submits: []ui.Submit{{Label: label, Secondary: true}},
	}}
}

// saved and notSaved are what a page says after a form was sent.
func saved(text string) []ui.Alert { return []ui.Alert{{Kind: ui.Success, Text: text}} }

func notSaved(text string) []ui.Alert {
	return []ui.Alert{{Kind: ui.Error, Title: "Nothing was saved", Text: text}}
}

// check is how Setup shows whether something is so.
func check(on bool) string {
	if on {
		return "Yes"
	}
	return "No"
}
