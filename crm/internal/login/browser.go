package login

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/pages"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/internal/web"
)

// page is one of package pages.
type page interface {
	Render(w http.ResponseWriter) error
}

func (s *Server) render(w http.ResponseWriter, r *http.Request, p page) {
	if err := p.Render(w); err != nil {
		s.unexpected(r, err)
	}
}

// pageError shows an error to a person.
func (s *Server) pageError(w http.ResponseWriter, r *http.Request, err error) {
	e, expected := wireError(err)
	f := fault.Of(err)
	p := pages.Refused{Status: e.status, Title: "This did not work", Code: e.code, Description: e.description}
	switch {
	case f.Code == codeTransactionClosed:
		p = pages.Refused{Status: f.Kind.HTTPStatus(), Title: "Please start again", Description: f.Message}
	case !expected && f.Kind != fault.Internal: // a refusal of the rules, whose sentence is for people; OAuth has no word for it
		p = pages.Refused{Status: f.Kind.HTTPStatus(), Title: RefusalTitle(f.Kind), Description: f.Message}
	case !expected:
		s.unexpected(r, err)
	}
	retryAfter(w, err)
	s.render(w, r, p)
}

// RefusalTitle is what a page is called that says why there is no other.
func RefusalTitle(k fault.Kind) string {
	if k == fault.NotFound {
		return "There is nothing here"
	}
	return "This did not work"
}

// denyForm answers a form that another site's page sent.
func (s *Server) denyForm(w http.ResponseWriter, r *http.Request) {
	s.render(w, r, pages.Refused{Status: http.StatusForbidden, Title: "Please start again", Description: "The form was not sent from this server's own page."})
}

// visitor is who the browser's session is of; ok is false for nobody.
func (s *Server) visitor(r *http.Request) (sess org.Session, u org.User, ok bool, err error) {
	token := s.cookie(r, sessionCookie)
	if token == "" {
		return sess, u, false, nil
	}
	sess, u, err = s.sessions.Use(r.Context(), token, originOf(r))
	if fault.CodeOf(err) == org.CodeInvalidSession {
		return org.Session{}, org.User{}, false, nil
	}
	if err == nil {
		s.tellCaller(r.Context(), sess, u)
	}
	return sess, u, err == nil && sess.Browser(), err
}

// grantor is a visitor who is about to give an app access to what is his. An administrator who is logged in as somebody
// else cannot: what he gave would outlive that login.
func (s *Server) grantor(r *http.Request) (sess org.Session, u org.User, ok bool, err error) {
	sess, u, ok, err = s.visitor(r)
	if err == nil && ok && sess.Delegate != "" {
		err = fault.New(fault.Denied, org.CodeLoginAsOff, "While you are logged in as another user, you cannot give an app access. Log out to be yourself again.")
	}
	return sess, u, ok, err
}

func (s *Server) serveHome(w http.ResponseWriter, r *http.Request, v Visit) {
	as, err := s.asText(r.Context(), v.Session)
	if err != nil {
		s.pageError(w, r, err)
		return
	}
	s.render(w, r, pages.Home{
		As: as, User: v.User.Name, Org: v.Org.Name, Username: v.User.Username, Profile: v.User.ProfileName, Logout: LogoutPath, Links: append(s.menu(v.Session, v.User), v.Apps...),
	})
}

// serveLoginPage is the sign-in page for who comes by himself; startURL or retURL is where he wants to go.
func (s *Server) serveLoginPage(w http.ResponseWriter, r *http.Request) {
	q, err := web.Query(r)
	if err != nil {
		s.pageError(w, r, err)
		return
	}
	then := q.Get("startURL")
	if then == "" {
		then = q.Get("retURL")
	}
	s.showPlainLogin(w, r, localPath(then))
}

func (s *Server) showPlainLogin(w http.ResponseWriter, r *http.Request, then string) {
	t := s.newTransaction()
	t.Then = then
	s.showLogin(w, r, t, "", "")
}

// showLogin renders the sign-in form of a transaction.
func (s *Server) showLogin(w http.ResponseWriter, r *http.Request, t *transaction, username, refusal string) {
	p := pages.SignIn{Action: loginPath, Forgot: forgotPath, Username: username, Error: refusal, RedirectURI: t.Redirect}
	if p.Username == "" {
		p.Username = t.LoginHint
	}
	if t.Consumer != "" {
		app, err := s.known.AppByConsumerKey(r.Context(), t.Consumer)
		if err != nil {
			s.pageError(w, r, err)
			return
		}
		p.App, p.Asked = app.Name, t.LoginHint
		if app.Org != "" { // a well-known client is of every org
			o, err := s.known.OrgByID(r.Context(), app.Org)
			if err != nil {
				s.pageError(w, r, err)
				return
			}
			p.Org = o.Name
		}
	}
	var err error
	if p.Transaction, err = s.seal(t, s.browser(w, r)); err != nil {
		s.pageError(w, r, err)
		return
	}
	s.render(w, r, p)
}

// maxForm bounds a page's form, in bytes: a transaction can carry a long state.
const maxForm = 64 << 10

// Texts of the sign-in page.
const (
	textLoginRefused = "Check your username and password. If you still cannot log in, ask your administrator."
	textWrongOrgApp  = "This app belongs to another org. Log in as one of its users."
	textAPIOnly      = "This user may log in through the API only."
)

// serveLogin takes the sign-in form. Every refusal of name, password, lock and state reads the same.
func (s *Server) serveLogin(w http.ResponseWriter, r *http.Request) {
	form, err := web.ReadForm(w, r, maxForm)
	if err != nil {
		s.pageError(w, r, err)
		return
	}
	t, err := s.unseal(form.Get(pages.FieldTransaction), s.cookie(r, browserCookie))
	if err != nil {
		s.pageError(w, r, err)
		return
	}
	ctx := r.Context()
	username := strings.TrimSpace(form.Get(pages.FieldUsername))
	var app *org.App
	label := "Browser"
	if t.Consumer != "" {
		if app, err = s.known.AppByConsumerKey(ctx, t.Consumer); err != nil {
			s.pageError(w, r, err)
			return
		}
		label = app.Name
	}
	from := callerOf(r)
	row := func(u org.User) org.LoginEvent { return s.event(u, from, org.LoginTypeApplication, "", label) }
	checked, err := s.checkPassword(ctx, org.Attempt{Username: username, Given: vault.Secret(form.Get(pages.FieldPassword)), IP: from.ip, Host: from.host}, row)
	u, status := checked.User, checked.Status
	e := row(u)
	if err == nil {
		status, err = s.admitBrowser(ctx, u, app, from, t.subtype())
	}
	text := refusedAtDoor(err, textLoginRefused)
	if err != nil && text == "" {
		s.pageError(w, r, err)
		return
	}
	if text != "" {
		switch {
		case u.ID == "":
			s.noteNobody(ctx, e)
		case status != "":
			s.noteRefused(ctx, e, status)
		}
		s.showLogin(w, r, t, username, text)
		return
	}
	if checked.Expired {
		t.Expired = string(u.ID)
		t.ExpiredOrg = string(u.Org)
		t.Shown, t.ShownAt = checked.Shown, s.clock.Machine().UTC()
		s.showExpired(w, r, t, "")
		return
	}
	if err := s.signIn(w, r, t, org.NewSession{User: u, Event: e}); err != nil {
		s.pageError(w, r, err)
		return
	}
}

// signIn gives the browser a session of its own, never one that it had before, and sends it on. n says whose session, and what
// it came out of.
func (s *Server) signIn(w http.ResponseWriter, r *http.Request, t *transaction, n org.NewSession) error {
	ctx := r.Context()
	o, err := s.known.OrgByID(ctx, n.User.Org)
	if err != nil {
		return err
	}
	n.Type, n.Timeout, n.Host = org.SessionUI, org.SessionTimeout(o, n.User, nil), r.Host
	token, session, err := s.sessions.Make(ctx, n)
	if err != nil {
		return err
	}
	if err := s.leaveBrowser(w, r); err != nil {
		return err
	}
	s.setCookie(w, sessionCookie, token)
	if t.Consumer != "" {
		t.Session = session.ID
		sealed, err := s.seal(t, s.browser(w, r))
		if err != nil {
			return err
		}
		// Where nothing more is asked, the app's own address is next.
		s.leave(w, r, http.StatusSeeOther, authorizePath+"?"+url.Values{pages.FieldTransaction: {sealed}}.Encode())
		return nil
	}
	Redirect(w, http.StatusSeeOther, t.Then)
	return nil
}

// leaveBrowser ends what the browser was signed in as before. A login as another user ends with its row on the trail, and with
// the administrator's own session, which waits in the same browser.
func (s *Server) leaveBrowser(w http.ResponseWriter, r *http.Request) error {
	sess, u, ok, err := s.visitor(r)
	if err == nil && ok && sess.Delegate != "" {
		err = s.noteLeft(r.Context(), sess, u)
	}
	if err != nil {
		return err
	}
	return s.endBrowser(w, r)
}

// endBrowser ends the sessions that the browser has cookies of, an administrator's behind a login as too.
func (s *Server) endBrowser(w http.ResponseWriter, r *http.Request) error {
	for _, name := range []string{sessionCookie, adminCookie} {
		if old := s.cookie(r, name); old != "" {
			if err := s.sessions.End(r.Context(), old); err != nil {
				return err
			}
		}
	}
	if s.cookie(r, adminCookie) != "" {
		s.setCookie(w, adminCookie, "")
	}
	return nil
}

// leave leads a browser on to where another origin answers, now or next.
func (s *Server) leave(w http.ResponseWriter, r *http.Request, status int, to string) {
	s.render(w, r, pages.Leave{Request: r, Status: status, To: to})
}

// Redirect leads a browser on. Its Location is kept by no cache and sent to nobody as a Referer.
func Redirect(w http.ResponseWriter, status int, to string) {
	h := w.Header()
	h.Set("Location", to)
	h.Set("Referrer-Policy", "no-referrer")
	web.NoStore(w)
	w.WriteHeader(status)
}

// serveLogout ends the browser's session.
func (s *Server) serveLogout(w http.ResponseWriter, r *http.Request) {
	sess, u, ok, err := s.visitor(r)
	if err == nil && ok && sess.Delegate != "" {
		if err = s.leaveLoginAs(w, r, sess, u); err == nil {
			return
		}
	}
	if err == nil {
		err = s.endBrowser(w, r)
	}
	if err != nil {
		s.pageError(w, r, err)
		return
	}
	s.setCookie(w, sessionCookie, "")
	s.render(w, r, pages.SignedOut{Login: loginPath})
}

// localPath is a path of this server that a parameter names, "/" where it names anything else.
func localPath(to string) string {
	if len(to) > 2000 || !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n\t\x00") {
		return "/"
	}
	u, err := url.Parse(to)
	if err != nil || u.IsAbs() || u.Host != "" || strings.HasPrefix(u.Path, "//") {
		return "/"
	}
	return to
}
