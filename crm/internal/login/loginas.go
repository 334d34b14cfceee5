package login

import (
	"context"
	"net/http"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/pages"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/web"
)

// LoginAsPath is where the Login link of the users list leads (crm-wire 6).
const LoginAsPath = "/servlet/servlet.su"

// serveLoginAs logs the administrator in as a user. His own session stays, and logging out leads back to it.
func (s *Server) serveLoginAs(w http.ResponseWriter, r *http.Request, v Visit) {
	form, err := web.ReadForm(w, r, maxForm)
	var id org.ID
	if err == nil {
		id, err = org.ParseID(form.Get(pages.FieldUser))
	}
	var u org.User
	if err == nil {
		u, err = s.known.UserByID(r.Context(), v.Org.ID, id)
	}
	if err == nil {
		err = org.CheckLoginAs(v.Org, v.Session, u)
	}
	if err == nil {
		err = s.loginAs(w, r, v, u)
	}
	if err != nil {
		s.pageError(w, r, err)
		return
	}
	Redirect(w, http.StatusSeeOther, "/")
}

func (s *Server) loginAs(w http.ResponseWriter, r *http.Request, v Visit, u org.User) error {
	ctx := r.Context()
	e := s.event(u, callerOf(r), org.LoginTypeApplication, org.SubtypeSubstitute, "Login-As by "+v.User.Username)
	token, session, err := s.sessions.Make(ctx, org.NewSession{
		User: u, Type: org.SessionSubstitute, Host: r.Host, Delegate: v.User.ID, Parent: v.Session.ID, Timeout: org.SessionTimeout(v.Org, u, nil), Event: e,
	})
	if err != nil {
		return err
	}
	err = s.accounts.Note(ctx, session, "suOrgAdminLogin", "Manage Users", v.User.Username+" logged in as "+u.Username)
	if err != nil {
		return err
	}
	s.setCookie(w, adminCookie, s.cookie(r, sessionCookie))
	s.setCookie(w, sessionCookie, token)
	return nil
}

// adminCookie is the session that the administrator has while he is logged in as another user.
const adminCookie = "crm-admin"

// leaveLoginAs ends a login as another user: the trail says so. The administrator logs in anew (crm-wire 6, forceRelogin), or is
// himself again where the org asks for no such thing and his own session still lives.
func (s *Server) leaveLoginAs(w http.ResponseWriter, r *http.Request, sess org.Session, u org.User) error {
	ctx := r.Context()
	if err := s.sessions.End(ctx, s.cookie(r, sessionCookie)); err != nil {
		return err
	}
	if err := s.noteLeft(ctx, sess, u); err != nil {
		return err
	}
	own := s.cookie(r, adminCookie)
	s.setCookie(w, adminCookie, "")
	o, err := s.known.OrgByID(ctx, sess.Org)
	if err != nil {
		return err
	}
	if !o.Settings.Sessions.KeepAdmin {
		if err := s.sessions.End(ctx, own); err != nil {
			return err
		}
		s.setCookie(w, sessionCookie, "")
		Redirect(w, http.StatusSeeOther, loginPath)
		return nil
	}
	admin, _, err := s.sessions.Use(ctx, own, originOf(r))
	if err != nil && fault.CodeOf(err) != org.CodeInvalidSession {
		return err
	}
	if err == nil && admin.User == sess.Delegate && admin.Org == sess.Org && admin.Type == org.SessionUI {
		s.setCookie(w, sessionCookie, own)
		Redirect(w, http.StatusSeeOther, UsersPath)
		return nil
	}
	s.setCookie(w, sessionCookie, "")
	Redirect(w, http.StatusSeeOther, loginPath)
	return nil
}

// noteLeft puts the end of a login as another user on the trail.
func (s *Server) noteLeft(ctx context.Context, sess org.Session, u org.User) error {
	return s.accounts.Note(ctx, sess, "suOrgAdminLogout", "Manage Users", "Logged out from being "+u.Username)
}

// asText tells who is behind a session in which an administrator is logged in as the user.
func (s *Server) asText(ctx context.Context, sess org.Session) (string, error) {
	if sess.Delegate == "" {
		return "", nil
	}
	admin, err := s.known.UserByID(ctx, sess.Org, sess.Delegate)
	if err != nil {
		return "", err
	}
	return "You are " + admin.Name + ", logged in as this user. Log out to be yourself again.", nil
}
