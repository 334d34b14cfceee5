package login

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/web"
)

// signIn checks what the sign-in form says and starts a session of the browser. Where that cannot be, it has answered with
// a page, and ok is false. Only users of the tenant eid get in, any tenant's where it is 0.
func (s *Server) signIn(w http.ResponseWriter, r *http.Request, to target, eid tenant.EID) (user tenant.User, session int64, ok bool) {
	form, err := s.browsers.ReadForm(w, r)
	if err != nil {
		s.errorPage(w, r, err)
		return user, 0, false
	}
	in := signInForm{
		username: form.Get("username"), password: form.Get("password"), changing: form.Has("new_password"),
		fresh: form.Get("new_password"), again: form.Get("new_password_again"),
	}
	if in.username == "" || in.password == "" {
		in.failed = "Enter your user name and your password."
		s.signInPage(w, r, http.StatusBadRequest, to, in)
		return user, 0, false
	}
	who, err := s.o.SignIns.Within(r.Context(), eid, in.username)
	if err != nil {
		s.errorPage(w, r, err)
		return user, 0, false
	}
	if in.changing && !s.changePassword(w, r, to, who, &in) {
		return user, 0, false
	}
	user, err = s.o.SignIns.Check(r.Context(), who, in.password)
	switch fault.CodeOf(err) {
	case "":
	case tenant.CodeLoginFailed, tenant.CodeAddressDenied:
		s.note(r, err, http.StatusUnauthorized)
		in.failed = textLoginFailed
		s.signInPage(w, r, http.StatusUnauthorized, to, in)
		return user, 0, false
	case tenant.CodeMustChangePassword:
		in.changing, in.failed = true, ""
		s.signInPage(w, r, http.StatusOK, to, in)
		return user, 0, false
	default:
		s.errorPage(w, r, err)
		return user, 0, false
	}
	// The session that the browser had, of whomever, and used or not of late, ends here: closing the way back to it.
	old, err := s.browsers.Known(r)
	if err == nil {
		err = s.o.Sessions.End(r.Context(), old)
	}
	if err != nil && fault.CodeOf(err) != tenant.CodeNoSession {
		s.errorPage(w, r, err)
		return user, 0, false
	}
	text, started, err := s.o.Sessions.Start(r.Context(), user, r.UserAgent())
	if err != nil {
		s.errorPage(w, r, err)
		return user, 0, false
	}
	s.browsers.SetSession(w, text)
	return user, started.ID, true
}

// signInPath is where people sign in to the tenant's own pages, without an application that sent them.
const signInPath = "/v2/signin"

// Pages that need that: all under homePath, of package pages.
const (
	homePath      = "/cloud"
	documentsPath = homePath + "/email/my-documents"
)

// next is the page of ours to go to after signing in: whatever the URL says, it is one that needs it.
func next(r *http.Request) string {
	to := r.URL.Query().Get("next")
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || strings.ContainsAny(to, "\\\r\n") || !within(u.Path, homePath) {
		return homePath
	}
	return u.RequestURI()
}

// within reports whether path is root or below it.
func within(path, root string) bool { return path == root || strings.HasPrefix(path, root+"/") }

func alone(r *http.Request) target {
	to := next(r)
	a := target{action: signInPath + "?next=" + url.QueryEscape(to), intro: "Log in to go on to " + brand + ".", name: brand}
	if strings.HasPrefix(to, documentsPath) {
		a.intro, a.name = "Log in to see your documents.", "your documents"
	}
	return a
}

// front answers GET /, for whoever opens the tenant's address in a browser.
func (s *Server) front(w http.ResponseWriter, r *http.Request) {
	web.NoStore(w)
	http.Redirect(w, r, signInPath, http.StatusSeeOther)
}

// signInAlone answers GET /v2/signin: the form, or the page after it where somebody is signed in.
func (s *Server) signInAlone(w http.ResponseWriter, r *http.Request) {
	if _, _, err := s.browsers.Session(r); err == nil {
		web.NoStore(w)
		http.Redirect(w, r, next(r), http.StatusSeeOther)
		return
	}
	s.signInPage(w, r, http.StatusOK, alone(r), signInForm{})
}

// signInAloneForm answers POST /v2/signin. The page to go on to may lead to Connect's origin: Salesforce Integration.
func (s *Server) signInAloneForm(w http.ResponseWriter, r *http.Request) {
	if _, _, ok := s.signIn(w, r, alone(r), 0); ok {
		s.redirect(w, r, next(r))
	}
}
