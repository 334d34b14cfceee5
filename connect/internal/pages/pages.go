// Package pages are what a visitor's browser sees of Connect: the Marketing Cloud tab, on which a CRM user maps himself,
// and the redirects of the trips to both clouds. Every trip ends at the tab, and the tab alone decides what is next:
//
//	GET  /                            before the clouds are connected what has to be done for that; then the tab
//	GET  /marketing-cloud             who is the visitor? unknown: to the org; unmapped: the button; mapped: connected as …
//	POST /marketing-cloud/connect     the button: to the tenant
//	POST /marketing-cloud/confirm     the answer to whom a cloud signed in: nothing is bound before it
//	POST /marketing-cloud/api-user    the button of an administrator who is asked for the API user's credentials
//	POST /marketing-cloud/other-user  the button of a visitor who wants to be somebody else: to the org, which asks
//	POST /marketing-cloud/reset       clears the visitor's own mapping and asks him to integrate again
//	POST /marketing-cloud/sign-out    ends the visitor's session in Connect
//	GET  /oauth/crm/start             the link for the system user ("Connect Account"): to the org
//	GET  /oauth/crm/callback          back from the org
//	GET  /oauth/engagement/start      the link for the API user: to the tenant
//	GET  /oauth/engagement/callback   back from the tenant
//	GET  /guides                      the five founding documents as guides; /guides/{guide} is one, with the state of each step
//	GET  /salesforce-integration      what Engagement's Email Studio > Admin > Salesforce Integration leads to; forms below it
//	GET  /doctor                      what the doctor found; its other pages and forms below it
//	GET  /upgrade                     the upgrade wizard of two admins; forms below it
//
// and the console under /console, in which the connection is run by whoever has a role in it (package access): every page
// and form there goes through inside and act, which know the person and refuse whoever may not.
package pages

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/connect/internal/access"
	"github.com/twinspan/twinspan/connect/internal/apiuser"
	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/doctor"
	"github.com/twinspan/twinspan/connect/internal/guide"
	"github.com/twinspan/twinspan/connect/internal/integration"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/mailing"
	"github.com/twinspan/twinspan/connect/internal/mapping"
	"github.com/twinspan/twinspan/connect/internal/migration"
	"github.com/twinspan/twinspan/connect/internal/notice"
	"github.com/twinspan/twinspan/connect/internal/send"
	"github.com/twinspan/twinspan/connect/internal/signin"
	"github.com/twinspan/twinspan/connect/internal/tenantoauth"
	"github.com/twinspan/twinspan/connect/internal/trigger"
	"github.com/twinspan/twinspan/connect/internal/units"
	"github.com/twinspan/twinspan/connect/internal/upgrade"
	"github.com/twinspan/twinspan/connect/internal/usage"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/explain"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/once"
	"github.com/twinspan/twinspan/internal/standing"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/internal/web"
)

// TabPath is where the Marketing Cloud tab of the org leads.
const TabPath = "/marketing-cloud"

// maxForm is the largest form in bytes.
const maxForm = 4 << 10

const (
	connectPath = TabPath + "/connect"
	confirmPath = TabPath + "/confirm"
	resetPath   = TabPath + "/reset"
	signOutPath = TabPath + "/sign-out"
)

// Options wire a [Server].
type Options struct {
	Links    *link.Service
	Signins  *signin.Service
	Access   *access.Service
	Mappings *mapping.Service
	Imports  *mapping.Importer
	Mailings *mailing.Service
	Sends    *send.Service
	Notices  *notice.Service
	APIUser  *apiuser.Service
	// Integration is the integration user of document 004.
	Integration *integration.Service
	Triggers    *trigger.Service
	Units       *units.Service
	Usage       *usage.Service
	Audit       *audit.Service
	Upgrades    *upgrade.Service // nil where there are none
	// Guides are the founding documents as guides; the others are the upgrade wizard's and the Salesforce Integration page's.
	Guides   *guide.Service
	Planner  *upgrade.Planner
	Schedule *upgrade.Scheduler
	// Configurer changes the org's Marketing Cloud Configuration Settings, TenantOAuth verifies what document 002 has verified.
	Configurer  *tenantoauth.Configurer
	TenantOAuth *tenantoauth.Service
	Migrations  *migration.Service
	// Doctor looks when it is asked, Rounds by themselves.
	Doctor *doctor.Service
	Rounds *doctor.Rounds
	// Forms are those that were sent and are done once.
	Forms once.Forms
	// WorkbenchURL leads to the pages of the control surface, for administrators; "" for none.
	WorkbenchURL string
	BaseURL      string // without trailing slash; https makes the cookies secure ones
	Log          *slog.Logger
	// SignInsPerMinute bounds the sign-ins that one network begins, ten times as many for loopback; 0 is SignInsPerMinute.
	SignInsPerMinute int
	Machine          clock.Machine // nil is time.Now
}

// Server answers the pages. It is safe for concurrent use.
type Server struct {
	Options
	cookies cookies
	pace    pace
}

// New returns a server.
func New(o Options) *Server {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{o, newCookies(strings.HasPrefix(o.BaseURL, "https://")), newPace(o.SignInsPerMinute, o.Machine)}
}

// Mount registers the pages.
func (s *Server) Mount(mux *web.Mux) {
	guard := func(h http.HandlerFunc) http.Handler { return s.guarded(h, "the Marketing Cloud tab") }
	s.mountConsole(mux)
	s.mountIntegration(mux.Handle)
	s.mountWizard(mux.Handle)
	s.mountOAuth(mux.Handle)
	s.mountDoctor(mux)
	mux.HandleFunc("GET "+GuidesPath, s.inside(s.readers(s.guides), everybody...))
	mux.HandleFunc("GET "+GuidesPath+"/{guide}", s.inside(s.readers(s.guide), everybody...))
	mux.Handle("POST "+guideSystemPath, s.act(s.planSystemUser, everybody...))
	mux.HandleFunc("GET "+TabPath, s.tab)
	mux.HandleFunc("GET "+TroubleshootPath, s.troubleshoot)
	mux.HandleFunc("GET "+refusalsPath, s.refusals)
	mux.Handle("POST "+connectPath, guard(s.paced(s.connect)))
	mux.Handle("POST "+confirmPath, guard(s.confirm))
	mux.Handle("POST "+resetPath, guard(s.reset))
	mux.Handle("POST "+apiUserPath, guard(s.paced(s.apiUser)))
	mux.Handle("POST "+otherUserPath, guard(s.paced(s.otherUser)))
	mux.Handle("POST "+signOutPath, guard(s.signOut))
	mux.HandleFunc("GET "+signin.OrgCallbackPath, s.orgCallback)
	mux.HandleFunc("GET "+signin.OrgStartPath, s.paced(s.start))
	mux.HandleFunc("GET "+signin.TenantStartPath, s.paced(s.start))
	mux.HandleFunc("GET "+signin.TenantCallbackPath, s.tenantCallback)
	mux.HandleFunc("GET /", s.landing)
}

// NotFound answers addresses that no page has.
func (s *Server) NotFound(w http.ResponseWriter, r *http.Request) {
	s.refuse(w, r, fault.New(fault.NotFound, link.CodeNotFound, "There is no such page."))
}

// MethodNotAllowed answers pages that are not there for the method.
func (s *Server) MethodNotAllowed(w http.ResponseWriter, r *http.Request) {
	s.render(w, r, http.StatusMethodNotAllowed, failed("The page is not there for this method.", TroubleshootPath, web.RequestIDFrom(r.Context())))
}

// tab is the one place that decides what a visitor needs next.
func (s *Server) tab(w http.ResponseWriter, r *http.Request) {
	query, err := web.Query(r)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	session, l, err := s.session(r)
	pair := query.Get("pair")
	if fault.KindOf(err) == fault.Unauthenticated || err == nil && pair != "" && pair != l.Pair {
		s.paced(func(w http.ResponseWriter, r *http.Request) { s.visit(w, r, pair) })(w, r)
		return
	}
	if err == nil {
		err = s.admits(r.Context(), l)
		if interrupted := s.Links.Interrupted(l); err == nil && interrupted != nil {
			if s.interruptedFor(w, r, l, session.Visitor) {
				return
			}
			err = interrupted
		}
	}
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	if toBeSetUp(l) {
		s.render(w, r, http.StatusOK, setUp(session.Visitor, l, ui.Alert{}))
		return
	}
	m, err := s.Mappings.Check(r.Context(), l, session.Visitor.UserID)
	show := func(p ui.Page) { s.render(w, r, http.StatusOK, s.withAPIUser(r, l, session.Visitor, p)) }
	switch {
	case err == nil:
		show(connected(session.Visitor, m, l, nil))
	case fault.CodeOf(err) == mapping.CodeNotFound, fault.CodeOf(err) == link.CodeNeedsSignIn:
		show(unmapped(session.Visitor, l))
	case fault.CodeOf(err) == mapping.CodeNotReconnected:
		s.log(r, http.StatusOK, err)
		show(notReconnected(session.Visitor, m, l))
	case fault.CodeOf(err) == mapping.CodeLoginDenied:
		s.log(r, http.StatusOK, err)
		show(broken(session.Visitor, m, l))
	case m.CRMUserID != "":
		s.log(r, http.StatusOK, err)
		show(connected(session.Visitor, m, l, err))
	default:
		s.refuse(w, r, err)
	}
}

// visit sends a visitor whom Connect does not know to the org of the pair; "" is the pair that was made first.
func (s *Server) visit(w http.ResponseWriter, r *http.Request, pair string) {
	var l link.Link
	var err error
	if pair != "" {
		l, err = s.Links.Link(r.Context(), pair)
	} else {
		l, err = s.Links.First(r.Context())
	}
	if err == nil {
		err = s.admits(r.Context(), l)
	}
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	location, err := s.Signins.BeginVisit(r.Context(), l, s.cookies.browser(w, r))
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	redirect(w, r, location)
}

// admits refuses whoever comes to the tab, with a session or without: where the standing has no tab of Connect's, where people cannot sign in
// by the org, and in an outage.
func (s *Server) admits(ctx context.Context, l link.Link) error {
	if err := l.May(standing.SignInUsers); err != nil {
		return err
	}
	if err := l.MaySignIn(); err != nil {
		return err
	}
	return s.unavailable(ctx, l)
}

// connect is the button of an unmapped visitor.
func (s *Server) connect(w http.ResponseWriter, r *http.Request) {
	session, l, err := s.session(r)
	if fault.KindOf(err) == fault.Unauthenticated {
		redirect(w, r, TabPath)
		return
	}
	if err == nil {
		err = s.admits(r.Context(), l)
	}
	if err == nil {
		err = s.Links.Interrupted(l) // also where an administrator may look
	}
	if err == nil && toBeSetUp(l) {
		s.beginSetUp(w, r, l, session.Visitor)
		return
	}
	if err == nil {
		var location string
		if location, err = s.Signins.BeginMapping(r.Context(), l, session.Visitor, s.cookies.browser(w, r)); err == nil {
			s.leave(w, r, location)
			return
		}
	}
	s.refuse(w, r, err)
}

// reset clears the visitor's mapping; the tab then asks for his Engagement credentials (document 000, from 5.493 on).
func (s *Server) reset(w http.ResponseWriter, r *http.Request) {
	session, l, err := s.session(r)
	if err == nil {
		err = s.Links.Interrupted(l)
	}
	if err == nil {
		err = s.Mappings.ClearOwn(r.Context(), l, session.Visitor.UserID)
	}
	if err != nil && fault.KindOf(err) != fault.Unauthenticated {
		s.refuse(w, r, err)
		return
	}
	redirect(w, r, TabPath)
}

// signOut ends what this browser has in Connect, wherever its button stands: the session of the tab and that of the console.
func (s *Server) signOut(w http.ResponseWriter, r *http.Request) {
	_, l, err := s.session(r)
	if fault.KindOf(err) == fault.Unauthenticated {
		l, err = link.Link{}, nil
	}
	if err == nil {
		err = s.endSessions(w, r)
	}
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.render(w, r, http.StatusOK, signedOut(l))
}

// endSessions ends the sessions of this browser.
func (s *Server) endSessions(w http.ResponseWriter, r *http.Request) error {
	for cookie, end := range map[string]func(context.Context, string) error{s.cookies.session: s.Signins.EndSession, s.cookies.console: s.Access.Leave} {
		if value := s.cookies.get(r, cookie); value != "" {
			if err := end(r.Context(), value); err != nil {
				return err
			}
		}
		s.cookies.drop(w, cookie)
	}
	return nil
}

func (s *Server) orgCallback(w http.ResponseWriter, r *http.Request) {
	back, err := parseReturn(r)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	visitor, flow, l, err := s.Signins.EndOrg(r.Context(), back, s.cookies.get(r, s.cookies.visitor))
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	if flow.Purpose == signin.SystemUser || flow.Purpose == signin.Account {
		if err := link.CheckSystemUser(flow.Username, visitor.Username); err != nil {
			s.refuse(w, r, err)
			return
		}
		s.ask(w, r, l, signin.Flow{Purpose: signin.ConfirmSystemUser, Username: visitor.Username}, systemUserQuestion(visitor))
		return
	}
	if flow.Purpose == signin.Console {
		s.enter(w, r, l, access.Person{Cloud: access.ByOrg, OrgID: visitor.OrgID, UserID: visitor.UserID, Username: visitor.Username, Name: visitor.Name}, nil, flow.Lent, flow.Return)
		return
	}
	cookie, err := s.Signins.Stay(r.Context(), l, visitor)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.cookies.set(w, s.cookies.session, cookie, int(signin.SessionLife.Seconds()))
	redirect(w, r, TabPath)
}

// start takes up the link of the API user or the system user.
func (s *Server) start(w http.ResponseWriter, r *http.Request) {
	query, err := web.Query(r)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	location, err := s.Signins.Start(r.Context(), query.Get("flow"), s.cookies.browser(w, r))
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	redirect(w, r, location)
}

func (s *Server) tenantCallback(w http.ResponseWriter, r *http.Request) {
	back, err := parseReturn(r)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	arrival, err := s.Signins.EndTenant(r.Context(), back, s.cookies.get(r, s.cookies.visitor))
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	if arrival.Purpose == signin.ConsoleTenant {
		s.enterTenant(w, r, arrival)
		return
	}
	if arrival.Purpose == signin.SetUp {
		s.askSetUp(w, r, arrival)
		return
	}
	if arrival.Purpose == signin.MapUser {
		flow, err := s.hold(r, arrival)
		if err != nil {
			s.giveBack(r, arrival)
			s.refuse(w, r, err)
			return
		}
		err = s.Mappings.Consider(r.Context(), arrival.Link, arrival.Flow.Visitor, arrival.User, arrival.Own())
		if err != nil && !mapping.Unusual(err) {
			s.giveBack(r, arrival)
			s.refuse(w, r, err)
			return
		}
		if !s.ask(w, r, arrival.Link, flow, question(arrival, err)) {
			s.giveBack(r, arrival)
		}
		return
	}
	if arrival.Flow.Username == "" { // nobody was named where the mistake of the documents is rehearsed
		s.bindWhoever(w, r, arrival)
		return
	}
	if err := arrival.Link.CheckAPIUser(arrival.Flow.Username, arrival.User); err != nil {
		s.giveBack(r, arrival)
		s.refuse(w, r, err)
		return
	}
	flow := signin.Flow{Purpose: signin.ConfirmAPIUser, Username: arrival.User.Username, MID: arrival.Flow.MID}
	if !s.ask(w, r, arrival.Link, flow, apiUserQuestion(arrival)) {
		s.giveBack(r, arrival)
	}
}

// bindWhoever is the mistake of documents 001 and 003, to be rehearsed: whoever has a session is bound, unasked.
func (s *Server) bindWhoever(w http.ResponseWriter, r *http.Request, a signin.Arrival) {
	err := a.Link.CheckAPIUser(a.User.Username, a.User)
	var l link.Link
	if err == nil {
		l, err = s.Links.ConnectTenant(r.Context(), a.Link.Pair, a.User.Username, a.Flow.MID, a.User.Username)
	}
	if err != nil {
		s.giveBack(r, a)
		s.refuse(w, r, err)
		return
	}
	s.render(w, r, http.StatusOK, apiUserConnected(l))
}

// ask shows who was found, and binds nothing before somebody has said that he is meant. page makes the question with its
// handle. It reports whether the question stands.
func (s *Server) ask(w http.ResponseWriter, r *http.Request, l link.Link, f signin.Flow, page func(handle string) ui.Page) bool {
	handle, err := s.Signins.Ask(r.Context(), l, f, s.cookies.get(r, s.cookies.visitor))
	if err != nil {
		s.refuse(w, r, err)
		return false
	}
	s.render(w, r, http.StatusOK, page(handle))
	return true
}

// confirm is the answer: yes binds, no gives the grant back and begins again.
func (s *Server) confirm(w http.ResponseWriter, r *http.Request) {
	form, err := web.ReadForm(w, r, maxForm)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	flow, l, err := s.Signins.Answered(r.Context(), form.Get("flow"), s.cookies.get(r, s.cookies.visitor))
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	yes := form.Get("answer") == "yes"
	switch {
	case flow.Purpose == signin.ConfirmSystemUser && !yes:
		s.render(w, r, http.StatusOK, nothingConnected("Salesforce"))
		return
	case flow.Purpose == signin.ConfirmSystemUser:
		var told bool
		if s.Upgrades != nil {
			told, err = s.Upgrades.Account(r.Context(), l, flow.Username)
		}
		if told {
			s.render(w, r, http.StatusOK, accountAllowed(l))
			return
		}
		if err != nil {
			break
		}
		if s.Upgrades != nil { // one may have begun since he was sent here
			if err = s.Upgrades.KeepsSystemUser(r.Context(), l, flow.Username); err != nil {
				break
			}
		}
		if l, err = s.Links.ConnectOrg(r.Context(), l.Pair, flow.Username, flow.Username); err == nil {
			s.render(w, r, http.StatusOK, systemUserConnected(l))
			return
		}
	case flow.Purpose == signin.ConfirmSetUp && yes:
		pair := l
		if l, err = s.connectBoth(r, l, flow); err == nil {
			s.render(w, r, http.StatusOK, setUpDone(l, flow.Visitor.Username))
			return
		}
		if backErr := s.Mappings.GiveBack(r.Context(), pair, flow.Username); backErr != nil {
			s.log(r, http.StatusOK, backErr)
		}
	case flow.Purpose == signin.ConfirmAPIUser && yes:
		pair := l
		if s.Upgrades != nil {
			err = s.Upgrades.KeepsAPIUser(r.Context(), l, flow.Username, flow.MID)
		}
		if err == nil {
			if l, err = s.Links.ConnectTenantSignedIn(r.Context(), l.Pair, flow.Username, flow.MID, flow.Username); err == nil {
				s.render(w, r, http.StatusOK, apiUserConnected(l))
				return
			}
		}
		if backErr := s.Mappings.GiveBack(r.Context(), pair, flow.Username); backErr != nil {
			s.log(r, http.StatusOK, backErr)
		}
	case yes:
		_, err = s.Mappings.Confirm(r.Context(), l, flow)
	default:
		err = s.Mappings.Decline(r.Context(), l, flow)
		if err == nil && flow.Purpose == signin.ConfirmSetUp {
			s.render(w, r, http.StatusOK, notSetUp())
			return
		}
		if err == nil && flow.Purpose == signin.ConfirmAPIUser {
			s.render(w, r, http.StatusOK, nothingConnected("Engagement"))
			return
		}
	}
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	redirect(w, r, TabPath)
}

// hold is the flow that asks whether who came back is to be mapped. It holds his refresh token until he has said so; but where
// the connection works with him already, his sign-in may have ended the token that there is, and the new one takes its place.
func (s *Server) hold(r *http.Request, a signin.Arrival) (signin.Flow, error) {
	flow := a.Question()
	needed, err := s.Mappings.Needs(r.Context(), a.Link, a.User)
	if err != nil || !needed {
		return flow, err
	}
	flow.Refresh = "" // it works once
	return flow, a.Keep(r.Context())
}

// giveBack gives up the grant of somebody who was not meant, unless the connection works with it already. A tenant
// that knows no grants refuses, which the log is told: the visitor's page is about the refusal of his sign-in.
func (s *Server) giveBack(r *http.Request, a signin.Arrival) {
	needed, err := s.Mappings.Needs(r.Context(), a.Link, a.User)
	if err == nil && !needed {
		err = a.GiveBack(r.Context())
	}
	if err != nil {
		s.Log.LogAttrs(r.Context(), slog.LevelWarn, "grant of a refused sign-in not cleared",
			slog.String("error", err.Error()), slog.String("request_id", web.RequestIDFrom(r.Context())))
	}
}

func (s *Server) session(r *http.Request) (signin.Session, link.Link, error) {
	return s.Signins.Session(r.Context(), s.cookies.get(r, s.cookies.session))
}

// parseReturn reads what a cloud sent the browser back with.
func parseReturn(r *http.Request) (signin.Return, error) {
	query, err := web.Query(r)
	if err != nil {
		return signin.Return{}, err
	}
	return signin.Return{State: query.Get("state"), Code: vault.Secret(query.Get("code")), Error: query.Get("error"), ErrorDescription: query.Get("error_description")}, nil
}

// redirect sends the browser on with GET.
func redirect(w http.ResponseWriter, r *http.Request, location string) {
	web.NoStore(w)
	http.Redirect(w, r, location, http.StatusSeeOther)
}

// leave sends it to a cloud, whose address for signing in may lead to others of its own: a real org's does.
func (s *Server) leave(w http.ResponseWriter, r *http.Request, location string) {
	if err := ui.Leave(w, r, http.StatusSeeOther, ui.Page{Brand: brand}, location); err != nil {
		s.notWritten(r, err)
	}
}

// standing says under every page in which standing the visitor's connection is, or that of the pair that was made
// first; "" where there is none or it cannot be read, about which the page itself says more.
func (s *Server) standing(r *http.Request) string {
	_, l, err := s.session(r)
	if err != nil {
		l, err = s.Links.First(r.Context())
	}
	if err != nil {
		return ""
	}
	return "Standing: " + l.Standing.String()
}

func (s *Server) render(w http.ResponseWriter, r *http.Request, status int, p ui.Page) {
	if where := s.standing(r); where != "" {
		p.Footer = strings.TrimPrefix(p.Footer+" · "+where, " · ")
	}
	s.write(w, r, status, p)
}

// write is render for a page that is the same for every connection.
func (s *Server) write(w http.ResponseWriter, r *http.Request, status int, p ui.Page) {
	if err := ui.Render(w, status, p); err != nil {
		s.notWritten(r, err)
	}
}

func (s *Server) notWritten(r *http.Request, err error) {
	s.Log.LogAttrs(r.Context(), slog.LevelError, "page not written", slog.String("error", err.Error()), slog.String("request_id", web.RequestIDFrom(r.Context())))
}

// refuse shows an error page with a way on, and logs what the visitor may not see.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if status, text := s.refusal(r, err); status != 0 {
		s.render(w, r, status, failed(text, meaningOf(err), web.RequestIDFrom(r.Context())))
	}
}

// meaningOf leads to what a refusal means.
func meaningOf(err error) string { return explain.Way(client.Said(err)) }

// refusal is the one table from faults to what pages say, and logs the rest. Status 0 is for a visitor who is gone.
func (s *Server) refusal(r *http.Request, err error) (status int, text string) {
	if r.Context().Err() != nil && errors.Is(err, r.Context().Err()) {
		return 0, ""
	}
	f := fault.Of(err)
	status, text = f.Kind.HTTPStatus(), f.Message
	if f.Kind == fault.Internal {
		text = "Something went wrong on our side. The log has the details."
	}
	if remote := client.Remote(err); remote != nil && remote.Status != 0 && f.Kind != fault.Unavailable {
		status = http.StatusForbidden // the cloud's status is about Connect's call, not about this page
	}
	s.log(r, status, err)
	return status, text
}

func (s *Server) log(r *http.Request, status int, err error) {
	level := slog.LevelInfo
	if status >= 500 {
		level = slog.LevelError
	}
	s.Log.LogAttrs(r.Context(), level, "refused", slog.String("path", r.Pattern), slog.Int("status", status), slog.String("error", err.Error()),
		slog.String("request_id", web.RequestIDFrom(r.Context())))
}

// tenantSource lets a form's answer lead to the tenant's sign-in.
func tenantSource(l link.Link) []string { return formSource(l.AuthURL) }

// orgSource lets it lead to where the org's users sign in.
func (s *Server) orgSource(ctx context.Context, l link.Link) []string {
	return formSource(l.CRMURL, s.Links.SignInURL(ctx, l))
}

func formSource(bases ...string) []string {
	var all []string
	for _, base := range bases {
		if source, err := web.CSPSource(base); err == nil && !slices.Contains(all, source) {
			all = append(all, source)
		}
	}
	return all
}
