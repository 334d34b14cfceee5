// Package workbench are the pages of the control surface: what an operator or a tester does to a running program and no vendor
// has. They stand on the control API's own address, beside it, and call what it calls:
//
//	GET  /workbench                    what there is
//	GET  /workbench/inbox              letters as they came; /workbench/inbox/{id} is one
//	GET  /workbench/requests           recorded requests as they come; /workbench/requests/{id} is one
//	GET  /workbench/faults             what is set to go wrong; forms below it
//	GET  /workbench/clock              a pair's domain time; forms below it
//	GET  /workbench/pairs              the pairs; forms below it
//
// Whoever has a token of the control API signs in with it, once for a browser ([Server.Link] is the other way in), and reaches
// what the token reaches: the program's own everything, a pair's that pair's clock.
package workbench

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/mail"
	"github.com/twinspan/twinspan/internal/once"
	"github.com/twinspan/twinspan/internal/probe"
	"github.com/twinspan/twinspan/internal/quickfind"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/web"
)

// Path is the first page, and begins the paths of all others.
const Path = "/workbench"

// brand is what stands on top of every page.
const brand = "Twinspan Workbench"

// maxForm is the largest form in bytes.
const maxForm = 16 << 10

// Codes of the faults that are the pages' own.
const (
	codeWrongToken fault.Code = "wrong_control_token"
	codeUsedLink   fault.Code = "used_link"
	codeSignedOut  fault.Code = "signed_out"
	codeForged     fault.Code = "foreign_form"
	codeAllPairs   fault.Code = "needs_the_programs_token"
	codeNotFound   fault.Code = "not_found"
	codeNoInbox    fault.Code = "no_inbox"
)

// Options wire a [Server].
type Options struct {
	// Holder tells whose token of the control API it is.
	Holder func(token string) (Holder, bool)
	Inbox  *mail.Inbox // nil where the mail goes elsewhere
	// Recorder has the requests; nil where they are not recorded.
	Recorder *probe.Recorder
	Faults   *probe.Faults
	Pairs    Pairs
	// Live ends when the program stops; what a page is told of as it comes ends with it.
	Live context.Context
	// BaseURL is the control surface's, without trailing slash; https makes the cookie a secure one.
	BaseURL string
	Log     *slog.Logger
	Machine func() time.Time // time.Now where nil
}

// Holder is whoever has a token of the control API.
type Holder struct {
	Pair string // id of the pair whose token it is
	All  bool   // it is the program's own, which reaches every pair and what is for all of them
}

// Server answers the pages. It is safe for concurrent use.
type Server struct {
	Options
	sessions sessions
	forms    once.Forms // as long as the sessions
}

// New returns a server.
func New(o Options) *Server {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Machine == nil {
		o.Machine = time.Now
	}
	if o.Live == nil {
		o.Live = context.Background()
	}
	return &Server{Options: o, sessions: newSessions(o.BaseURL), forms: once.NewHeld(o.Machine)}
}

// Mount registers the pages, and what they load.
func (s *Server) Mount(mux *web.Mux) {
	ui.Mount(mux)
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) { redirect(w, r, Path) })
	mux.HandleFunc("GET "+signInPath, s.signInPage)
	mux.Handle("POST "+signInPath, s.guarded(s.signIn))
	mux.HandleFunc("GET "+linkPath, s.linkPage)
	mux.Handle("POST "+linkPath, s.guarded(s.enterByLink))
	mux.Handle("POST "+signOutPath, s.act(anybody, s.signOut))
	mux.HandleFunc("GET "+Path, s.inside(anybody, s.home))
	mux.HandleFunc("GET "+findPath, s.inside(anybody, s.find))
	mux.HandleFunc("GET "+inboxPath, s.inside(operator, s.inbox))
	mux.HandleFunc("GET "+inboxPath+"/{id}", s.inside(operator, s.letter))
	mux.HandleFunc("GET "+inboxPath+"/{id}/html", s.inside(operator, s.letterHTML))
	mux.HandleFunc("GET "+inboxPath+"/{id}/download", s.inside(operator, s.letterFile))
	mux.HandleFunc("GET "+requestsPath, s.inside(operator, s.requests))
	mux.HandleFunc("GET "+eventsPath, s.inside(operator, s.events))
	mux.HandleFunc("GET "+requestsPath+"/{id}", s.inside(operator, s.request))
	mux.HandleFunc("GET "+faultsPath, s.inside(operator, s.faults))
	mux.Handle("POST "+faultsPath, s.act(operator, s.setFault))
	mux.Handle("POST "+faultsPath+"/end", s.act(operator, s.endFaults))
	mux.Handle("POST "+faultsPath+"/{id}/end", s.act(operator, s.endFault))
	mux.HandleFunc("GET "+clockPath, s.inside(anybody, s.clock))
	mux.Handle("POST "+advancePath, s.act(anybody, s.advanceClock))
	mux.Handle("POST "+setPath, s.act(anybody, s.setClock))
	mux.Handle("POST "+backPath, s.act(anybody, s.clockBack))
	mux.HandleFunc("GET "+pairsPath, s.inside(operator, s.pairs))
	mux.Handle("POST "+pairsPath, s.act(operator, s.makePair))
	mux.HandleFunc("GET "+pairPath, s.inside(operator, s.pair))
	mux.Handle("POST "+pairPath+"/delete", s.act(operator, s.deletePair))
	mux.HandleFunc("GET "+Path+"/{rest...}", s.inside(anybody, func(*visit) (ui.Page, error) {
		return ui.Page{}, fault.New(fault.NotFound, codeNotFound, "There is no such page.")
	}))
}

// place is one page of the workbench in the tree beside all of them.
type place struct {
	path, text, hint string
	who              reach
}

// places are in the order of the tree.
var places = []place{
	{inboxPath, "Inbox", "Letters that the clouds and Connect sent, as they came: links to reset a password, codes, emails to contacts.", operator},
	{requestsPath, "Requests", "What was asked of the org, of Engagement and of Connect, and what they answered, secrets removed.", operator},
	{faultsPath, "Faults", "Let requests fail, wait or break off, by house, path and grant.", operator},
	{clockPath, "Clock", "Domain time: what expires and what is due. Move it forward, set it, bring it back.", anybody},
	{pairsPath, "Pairs", "Orgs and tenants beside the first pair: make one, delete one.", operator},
}

// visit is one request of somebody who is signed in. Handlers answer with a page, or with an errDone where they have answered.
type visit struct {
	w      http.ResponseWriter
	r      *http.Request
	query  url.Values
	form   url.Values // nil for a page that is only looked at
	holder Holder
	cookie string
}

// errDone says that the handler has answered by itself.
var errDone = errors.New("answered")

type handler func(*visit) (ui.Page, error)

// reach is whom a page is for.
type reach int

const (
	operator reach = iota // who has the program's own token
	anybody               // and who has a pair's
)

// inside serves a page to whoever is signed in and may see it.
func (s *Server) inside(who reach, h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v := &visit{w: w, r: r}
		if s.admit(v, who) {
			s.serve(v, h)
		}
	}
}

// act serves a form likewise; it carries the session's token and comes from no other site's page.
func (s *Server) act(who reach, h handler) http.Handler {
	return s.guarded(func(w http.ResponseWriter, r *http.Request) {
		form, err := web.ReadForm(w, r, maxForm)
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		v := &visit{w: w, r: r, form: form}
		if !s.admit(v, who) {
			return
		}
		if !v.owns(form.Get(formToken)) {
			err := fault.New(fault.Denied, codeForged, "This form is of another session, or older than yours. Open the page again.")
			if p := ui.Former(v.form, v.r.URL.RequestURI(), "Nothing was done", v.hidden()); p != nil {
				s.show(v, fault.KindOf(err).HTTPStatus(), *p)
			} else {
				s.sorry(v, err)
			}
			return
		}
		s.serve(v, h)
	})
}

// guarded is a form's handler behind the cross-site check.
func (s *Server) guarded(h http.HandlerFunc) http.Handler {
	return web.ProtectForms(h, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.refuse(w, r, fault.New(fault.Denied, "cross_site", "This form was sent by a page of another site. Open %s and try again.", s.BaseURL+Path))
	}))
}

// admit finds the session, sends whoever has none to sign in and from there back, and reports whether the visit goes on.
func (s *Server) admit(v *visit, who reach) bool {
	v.cookie = s.sessions.cookie(v.r)
	holder, ok := s.sessions.holder(v.cookie, s.Machine())
	if !ok {
		back := Path
		if v.r.Method == http.MethodGet {
			back = v.r.URL.RequestURI()
		}
		signIn := signInPath + "?" + url.Values{"return": {back}}.Encode()
		if p := ui.Lapsed(v.form, v.r.URL.RequestURI(), ui.Link{Text: "Sign in", Href: signIn}); p != nil {
			s.write(v.w, v.r, http.StatusUnauthorized, *p)
			return false
		}
		redirect(v.w, v.r, signIn)
		return false
	}
	v.holder = holder
	var err error
	if v.query, err = web.Query(v.r); err == nil && who == operator && !holder.All {
		err = fault.New(fault.Denied, codeAllPairs, "This page is about all pairs. You are signed in with the token of pair %s, which reaches that pair's clock alone: sign in with control.token of the ready file.", holder.Pair)
	}
	if err != nil {
		s.sorry(v, err)
		return false
	}
	return true
}

func (s *Server) serve(v *visit, h handler) {
	page, err := h(v)
	switch {
	case errors.Is(err, errDone):
	case err != nil:
		s.sorry(v, err)
	default:
		s.show(v, http.StatusOK, page)
	}
}

// refused is a page that is shown with the status of a refusal: what was typed stays, with the reason beside the field.
func (s *Server) refused(v *visit, err error, p ui.Page) (ui.Page, error) {
	s.show(v, fault.KindOf(err).HTTPStatus(), p)
	return ui.Page{}, errDone
}

// goTo answers a form that did what it was sent for: the page at path says so in the words of notices.
func (v *visit) goTo(path, done string) (ui.Page, error) {
	if done != "" {
		path += "?" + url.Values{"done": {done}}.Encode()
	}
	redirect(v.w, v.r, path)
	return ui.Page{}, errDone
}

func redirect(w http.ResponseWriter, r *http.Request, to string) {
	web.NoStore(w)
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// notices are the words about what was done, by the key that the address carries.
var notices = map[string]string{
	"fault":    "The fault is set.",
	"ended":    "The fault is ended.",
	"allended": "All faults are ended.",
	"moved":    "The clock is moved, in the org, in Engagement and in Connect.",
	"deleted":  "The pair is deleted, with everything in it.",
}

// show renders a page: whose session it is stands on top, the other pages beside it.
func (s *Server) show(v *visit, status int, p ui.Page) {
	p.User, p.Where = "the operator", "all pairs"
	if !v.holder.All {
		p.User, p.Where = "somebody with a pair's token", "pair "+v.holder.Pair
	}
	p.SignOut = v.owned(ui.Form{Action: signOutPath, Submits: []ui.Submit{{Label: "Sign out", Secondary: true}}})
	p.Tree = ui.Tree{Label: "Workbench", Nodes: []ui.Node{{Text: "Overview", Href: Path}}}
	for _, one := range v.places() {
		p.Tree.Nodes = append(p.Tree.Nodes, ui.Node{Text: one.text, Href: one.path})
	}
	p.Find.Action, p.Find.Name = findPath, quickfind.Name
	if v.r.URL.Path != Path {
		p.Crumbs = append([]ui.Link{{Text: "Workbench", Href: Path}}, p.Crumbs...)
	}
	if p.Current == "" {
		p.Current = v.r.URL.Path
	}
	if text, ok := notices[v.query.Get("done")]; ok && v.form == nil {
		p.Alerts = append([]ui.Alert{{Kind: ui.Success, Text: text}}, p.Alerts...)
	}
	s.write(v.w, v.r, status, p)
}

func (s *Server) write(w http.ResponseWriter, r *http.Request, status int, p ui.Page) {
	p.Brand = brand
	if err := ui.Render(w, status, p); err != nil && r.Context().Err() == nil {
		s.Log.Error("workbench: a page could not be rendered", "error", err, "request_id", web.RequestIDFrom(r.Context()))
	}
}

// sorry shows why something was refused, inside the workbench.
func (s *Server) sorry(v *visit, err error) {
	status, p := s.refusal(v.r, err)
	s.show(v, status, p)
}

// refuse is sorry for somebody who is not signed in.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status, p := s.refusal(r, err)
	p.Narrow = true
	s.write(w, r, status, p)
}

// refusal is the edge's one translation: kinds are statuses; an internal error shows nothing and is logged.
func (s *Server) refusal(r *http.Request, err error) (int, ui.Page) {
	f := fault.Of(err)
	p := ui.Page{Title: "That did not work", Alerts: []ui.Alert{{Kind: ui.Error, Title: "That did not work", Text: f.Message}}}
	if f.Kind == fault.Internal {
		s.Log.Error("workbench", "error", err, "request_id", web.RequestIDFrom(r.Context()))
		p.Alerts[0].Text = "Something went wrong on our side; the log has it."
		p.Footer = "Request " + web.RequestIDFrom(r.Context())
	}
	if f.Code == codeNotFound {
		p.Title, p.Alerts[0].Title = "There is no such page", ""
	}
	return f.Kind.HTTPStatus(), p
}

// home says what there is.
func (s *Server) home(v *visit) (ui.Page, error) {
	t := ui.Table{Caption: "Pages", Columns: []string{"Page", "What it is for"}}
	for _, one := range places {
		if one.who == anybody || v.holder.All {
			t.Rows = append(t.Rows, []ui.Cell{{Text: one.text, Href: one.path}, {Text: one.hint}})
		}
	}
	return ui.Page{Title: "Workbench", Blocks: []ui.Block{
		ui.Text("What a tester does to the org, the tenant and Connect from outside, and no vendor has. Commands do the same: twinspan mail, requests, faults and clock; the control API makes pairs."), t,
	}}, nil
}
