package login

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/pages"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/internal/web"
)

// Paths of the pages about a user's own credentials.
const (
	setPasswordPath    = "/secur/setpassword.jsp"
	verifyEmailPath    = "/secur/verifyemail.jsp"
	forgotPath         = "/secur/forgotpassword.jsp"
	expiredPath        = "/secur/expiredpassword.jsp"
	ChangePasswordPath = "/_ui/system/security/ChangePassword"
	ResetTokenPath     = "/_ui/system/security/ResetApiTokenConfirm"

	fieldCode = pages.FieldCode
)

func (s *Server) mountAccounts(m *web.Mux, form func(http.HandlerFunc) http.Handler) {
	m.HandleFunc("GET "+setPasswordPath, s.serveLink)
	m.Handle("POST "+setPasswordPath, form(s.serveSetByLink))
	m.HandleFunc("GET "+forgotPath, s.serveForgotPage)
	m.Handle("POST "+forgotPath, form(s.serveForgot))
	m.Handle("POST "+expiredPath, form(s.serveExpired))
	m.HandleFunc("GET "+ChangePasswordPath, s.SignedIn(s.serveChangePage))
	m.Handle("POST "+ChangePasswordPath, form(s.SignedIn(s.serveChange)))
	m.HandleFunc("GET "+ResetTokenPath, s.SignedIn(s.serveResetTokenPage))
	m.Handle("POST "+ResetTokenPath, form(s.SignedIn(s.serveResetToken)))
	m.Handle("POST "+LoginAsPath, form(s.SignedIn(s.serveLoginAs)))
	if s.senders != nil {
		m.HandleFunc("GET "+verifyEmailPath, s.serveAddressLink)
		m.Handle("POST "+verifyEmailPath, form(s.serveVerifyAddress))
	}
}

// badPassword is the text of a refusal that the person at the page can mend; "" for others.
func badPassword(err error) string {
	switch fault.CodeOf(err) {
	case org.CodeInvalidNewPassword, org.CodeInvalidOldPassword:
		return fault.Of(err).Message
	}
	return ""
}

// newPassword reads the two fields of a new password.
func newPassword(form url.Values) (vault.Secret, error) {
	p := form.Get(pages.FieldNewPassword)
	if p != form.Get(pages.FieldConfirm) {
		return "", fault.New(fault.Invalid, org.CodeInvalidNewPassword, "The two passwords are not the same.")
	}
	return vault.Secret(p), nil
}

// serveLink shows the page that a mailed link leads to. Looking at it uses nothing up: mail scanners look too.
func (s *Server) serveLink(w http.ResponseWriter, r *http.Request) {
	q, err := web.Query(r)
	if err != nil {
		s.pageError(w, r, err)
		return
	}
	s.showLink(w, r, vault.Secret(q.Get(fieldCode)), "")
}

func (s *Server) showLink(w http.ResponseWriter, r *http.Request, code vault.Secret, refusal string) {
	var o org.Org
	var u org.User
	err := s.throttle.Guard(r.Context(), "", callerOf(r).ip, func() (err error) {
		o, u, err = s.accounts.Link(r.Context(), code)
		return err
	})
	if err != nil {
		s.linkError(w, r, err)
		return
	}
	lead := "Choose a new password for " + o.Name + "."
	if !u.EmailVerified {
		lead = "Choose a password for " + o.Name + ". Setting it verifies your address."
	}
	s.render(w, r, pages.SetPassword{
		Title: "Change Your Password", Lead: lead, Action: setPasswordPath, Username: u.Username,
		Hidden: map[string]string{fieldCode: code.Reveal()}, Error: refusal,
	})
}

func (s *Server) linkError(w http.ResponseWriter, r *http.Request, err error) {
	if fault.CodeOf(err) != org.CodeLinkEnded {
		s.pageError(w, r, err)
		return
	}
	s.render(w, r, pages.Refused{Status: http.StatusGone, Title: "This link no longer works", Description: fault.Of(err).Message})
}

func (s *Server) serveSetByLink(w http.ResponseWriter, r *http.Request) {
	form, err := web.ReadForm(w, r, maxForm)
	if err != nil {
		s.pageError(w, r, err)
		return
	}
	code := vault.Secret(form.Get(fieldCode))
	password, err := newPassword(form)
	if err == nil {
		err = s.throttle.Guard(r.Context(), "", callerOf(r).ip, func() error { return s.accounts.SetByLink(r.Context(), code, password) })
	}
	switch text := badPassword(err); {
	case text != "":
		s.showLink(w, r, code, text)
	case err != nil:
		s.linkError(w, r, err)
	default:
		s.render(w, r, pages.Done{Title: "Password set", Text: "Your password is set. Log in with it.", Links: []ui.Link{{Text: "Log In", Href: loginPath}}})
	}
}

func (s *Server) serveForgotPage(w http.ResponseWriter, r *http.Request) {
	s.render(w, r, pages.Forgot{Action: forgotPath, Login: loginPath})
}

// serveForgot answers the same whether there is such a user or not: the letter is queued, and leaves afterwards.
func (s *Server) serveForgot(w http.ResponseWriter, r *http.Request) {
	form, err := web.ReadForm(w, r, maxForm)
	if err != nil {
		s.pageError(w, r, err)
		return
	}
	username, from := strings.TrimSpace(form.Get(pages.FieldUsername)), callerOf(r).ip
	err = s.throttle.Spend(r.Context(), from) // each asks for a mail, so each counts
	if err == nil {
		err = s.throttle.AllowMail(username)
	}
	if err != nil {
		s.pageError(w, r, err)
		return
	}
	s.accounts.Forgot(r.Context(), username)
	s.render(w, r, pages.Done{
		Title: "Check Your Email", Text: "If there is an active user of that name, a link to set a new password is on its way to his address.",
		Links: []ui.Link{{Text: "Log In", Href: loginPath}},
	})
}

// showExpired asks who has just shown the right password for a new one.
func (s *Server) showExpired(w http.ResponseWriter, r *http.Request, t *transaction, refusal string) {
	u, err := s.known.UserByID(r.Context(), org.ID(t.ExpiredOrg), org.ID(t.Expired))
	if err != nil {
		s.pageError(w, r, err)
		return
	}
	sealed, err := s.seal(t, s.browser(w, r))
	if err != nil {
		s.pageError(w, r, err)
		return
	}
	s.render(w, r, pages.SetPassword{
		Title: "Change Your Password", Lead: "Your password has expired. Choose another to go on.", Action: expiredPath, Username: u.Username,
		Hidden: map[string]string{pages.FieldTransaction: sealed}, Error: refusal,
	})
}

func (s *Server) serveExpired(w http.ResponseWriter, r *http.Request) {
	form, err := web.ReadForm(w, r, maxForm)
	var t *transaction
	if err == nil {
		t, err = s.unseal(form.Get(pages.FieldTransaction), s.cookie(r, browserCookie))
	}
	if err == nil && t.Expired == "" {
		err = errors.New("a transaction without a user came to the page of expired passwords")
	}
	if err != nil {
		s.pageError(w, r, err)
		return
	}
	if err := s.chooseExpired(w, r, t, form); err != nil {
		s.pageError(w, r, err)
	}
}

// chooseExpired sets the password and signs the user in. He is let in as at the sign-in page, which he saw up to a quarter of
// an hour ago: who is refused now keeps his old password.
func (s *Server) chooseExpired(w http.ResponseWriter, r *http.Request, t *transaction, form url.Values) error {
	ctx, from := r.Context(), callerOf(r)
	who := org.Session{Org: org.ID(t.ExpiredOrg), User: org.ID(t.Expired)}
	u, err := s.known.UserByID(ctx, who.Org, who.User)
	if err != nil {
		return err
	}
	var app *org.App
	label := "Browser"
	if t.Consumer != "" {
		if app, err = s.known.AppByConsumerKey(ctx, t.Consumer); err != nil {
			return err
		}
		label = app.Name
	}
	e := s.event(u, from, org.LoginTypeApplication, "", label)
	if err := s.knockAgain(ctx, u, app, from, t.subtype(), e); err != nil {
		return err
	}
	password, err := newPassword(form)
	if err == nil {
		err = s.throttle.Guard(ctx, "expired:"+t.Expired, from.ip, func() error {
			return s.accounts.SetExpired(ctx, who, org.ShownPassword{Password: t.Shown, At: t.ShownAt}, password)
		})
	}
	if text := badPassword(err); text != "" {
		s.showExpired(w, r, t, text)
		return nil
	}
	if err != nil {
		return err
	}
	t.Expired, t.ExpiredOrg, t.Shown, t.ShownAt = "", "", nil, time.Time{}
	return s.signIn(w, r, t, org.NewSession{User: u, Event: e})
}

func (s *Server) serveChangePage(w http.ResponseWriter, r *http.Request, v Visit) {
	s.showChange(w, r, v, "")
}

func (s *Server) showChange(w http.ResponseWriter, r *http.Request, v Visit, refusal string) {
	s.render(w, r, pages.SetPassword{
		Title: "Change My Password", Lead: "Changing your password changes your security token too; the new one is mailed to you.",
		Action: ChangePasswordPath, Username: v.User.Username, Old: true, Error: refusal, User: v.User.Name, Frame: s.Frame(v),
	})
}

func (s *Server) serveChange(w http.ResponseWriter, r *http.Request, v Visit) {
	form, err := web.ReadForm(w, r, maxForm)
	if err != nil {
		s.pageError(w, r, err)
		return
	}
	password, err := newPassword(form)
	if err == nil {
		err = s.throttle.Guard(r.Context(), v.User.Username, callerOf(r).ip, func() error {
			return s.accounts.ChangeOwn(r.Context(), v.Session, vault.Secret(form.Get(pages.FieldOldPassword)), password)
		})
	}
	switch text := badPassword(err); {
	case text != "":
		s.showChange(w, r, v, text)
	case err != nil:
		s.pageError(w, r, err)
	default:
		s.render(w, r, pages.Done{
			Title: "Password changed", Text: "Your password is changed. Your new security token is on its way to " + v.User.Email + ".",
			Links: []ui.Link{{Text: "Home", Href: "/"}}, User: v.User.Name, Frame: s.Frame(v),
		})
	}
}

// tokenCrumbs are Profile > Settings, where document 004 finds the page.
var tokenCrumbs = []ui.Link{{Text: "Profile", Href: "/"}, {Text: "Settings", Href: SettingsPath}}

func (s *Server) serveResetTokenPage(w http.ResponseWriter, r *http.Request, v Visit) {
	if len(v.User.LoginIPRanges) > 0 {
		s.pageError(w, r, fault.New(fault.NotFound, org.CodeNoSecurityToken, "Users of a profile with login IP ranges have no security token."))
		return
	}
	alerts, err := s.Banner(r.Context(), v)
	if err != nil {
		s.pageError(w, r, err)
		return
	}
	s.render(w, r, pages.ResetToken{Alerts: alerts, Action: ResetTokenPath, User: v.User.Name, Crumbs: tokenCrumbs, Frame: s.Frame(v)})
}

func (s *Server) serveResetToken(w http.ResponseWriter, r *http.Request, v Visit) {
	u, err := v.User, s.throttle.AllowMail(v.User.Username)
	if err == nil {
		u, err = s.accounts.ResetToken(r.Context(), v.Session)
	}
	if err != nil {
		s.pageError(w, r, err)
		return
	}
	s.render(w, r, pages.Done{
		Title: "Security token reset", Text: "Your new security token is on its way to " + u.Email + ". The old one no longer works.",
		Links: []ui.Link{{Text: "Home", Href: "/"}}, User: v.User.Name, Frame: s.Frame(v),
	})
}
