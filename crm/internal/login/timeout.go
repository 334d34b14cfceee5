package login

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/pages"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/web"
)

// timeoutPath is where a page goes by itself when its session has timed out.
const timeoutPath = "/secur/sessiontimeout.jsp"

// textTimedOut is on the login page that takes the place of a page whose session timed out.
const textTimedOut = "Your session timed out. Please log in again."

// leaveOnTimeout makes a page give way to the login page when its session times out, as far as the org wants it (crm-wire 6,
// forceLogoutOnSessionTimeout): what stood on it is not left on the screen of an empty desk. then is where a new login leads.
func (s *Server) leaveOnTimeout(w http.ResponseWriter, o org.Org, sess org.Session, then string) {
	if o.Settings.Sessions.LeavePages {
		return
	}
	left := sess.Expires.Sub(s.clock.Now(string(o.ID)))
	seconds := int64((left + time.Second - 1) / time.Second)
	w.Header().Set("Refresh", fmt.Sprintf("%d; url=%s?%s", max(seconds, 1), timeoutPath, url.Values{"startURL": {then}}.Encode()))
}

// pagePath is where a new login leads from a request's page: forms are not sent again.
func pagePath(r *http.Request) string {
	if r.Method != http.MethodGet {
		return "/"
	}
	return localPath(r.URL.RequestURI())
}

// serveTimeout ends a session that timed out. One that went on in another window is looked at and not used, or two open
// windows would keep it alive for ever.
func (s *Server) serveTimeout(w http.ResponseWriter, r *http.Request) {
	q, err := web.Query(r)
	if err != nil {
		s.pageError(w, r, err)
		return
	}
	then := localPath(q.Get("startURL"))
	token := s.cookie(r, sessionCookie)
	sess, u, err := s.sessions.Peek(r.Context(), token)
	if err == nil && sess.Browser() {
		var o org.Org
		if o, err = s.known.OrgByID(r.Context(), u.Org); err == nil {
			s.leaveOnTimeout(w, o, sess, then)
			s.render(w, r, pages.StillIn{Then: then})
			return
		}
	}
	if err != nil && fault.CodeOf(err) != org.CodeInvalidSession {
		s.pageError(w, r, err)
		return
	}
	if err = s.endBrowser(w, r); err != nil {
		s.pageError(w, r, err)
		return
	}
	t := s.newTransaction()
	t.Then = then
	s.showLogin(w, r, t, "", textTimedOut)
}
