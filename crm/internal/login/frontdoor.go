package login

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/web"
)

const frontdoorPath = "/secur/frontdoor.jsp"

// frontdoorLife is how long a frontdoor link waits to be opened, in domain time.
const frontdoorLife = time.Minute

// serveSingleAccess turns an access token with scope web into a link that signs a browser in once (crm-wire 1.11). The
// link is kept as an authorization code that belongs to no client.
func (s *Server) serveSingleAccess(w http.ResponseWriter, r *http.Request) {
	session, u, form, ok := s.identitySession(w, r)
	if !ok {
		return
	}
	// An administrator who is logged in as somebody else stays that: by a link he would be the user, with no trace of himself
	// and beyond the reach of the policy. And a browser that a link opened opens no other.
	if !session.HasScope(org.ScopeWeb, org.ScopeFull) || session.Delegate != "" || session.Parent != 0 {
		identityError(w, textBadToken)
		return
	}
	now := s.clock.Now(string(u.Org))
	number := s.numbers.Next()
	otp, hash := org.NewAuthCode(number)
	_, err := s.store.AddCode(r.Context(), org.AuthCode{
		ID: number, Hash: hash, Org: u.Org, User: u.ID, RedirectURI: localPath(strings.TrimPrefix(form.Get("redirect_uri"), s.base)),
		AuthTime: session.Created, Created: now, Expires: now.Add(frontdoorLife), Parent: session.ID,
	}, nil)
	if err != nil {
		s.tokenError(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, struct {
		URI string `json:"frontdoor_uri"`
	}{s.base + frontdoorPath + "?" + url.Values{"otp": {otp}}.Encode()})
}

// serveFrontdoor opens a link of serveSingleAccess. A session id in the link (sid) is refused: links end up in logs.
func (s *Server) serveFrontdoor(w http.ResponseWriter, r *http.Request) {
	q, err := web.Query(r)
	if err == nil {
		err = s.openFrontdoor(w, r, q.Get("otp"))
	}
	if err != nil {
		s.pageError(w, r, err)
	}
}

func (s *Server) openFrontdoor(w http.ResponseWriter, r *http.Request, otp string) error {
	closed := fault.New(fault.Denied, codeTransactionClosed, "This link was opened before, or it is too old. Please get a new one.")
	ctx := r.Context()
	number := org.AuthCodeNumber(otp)
	if number < 0 {
		return closed
	}
	c, err := s.store.Code(ctx, number)
	if err != nil {
		if fault.KindOf(err) == fault.NotFound {
			return closed
		}
		return err
	}
	now := s.clock.Now(string(c.Org))
	if !c.Matches(otp) || c.ConsumerKey != "" || c.Used || !now.Before(c.Expires) {
		return closed
	}
	u, err := s.known.UserByID(ctx, c.Org, c.User)
	if err != nil {
		return err
	}
	e := s.event(u, callerOf(r), org.LoginTypeApplication, "", "Frontdoor")
	if err := s.knockAgain(ctx, u, nil, callerOf(r), "", e); err != nil {
		return err
	}
	parent, err := s.sessions.Numbered(ctx, c.Parent)
	if fault.CodeOf(err) == org.CodeInvalidSession {
		return closed
	}
	if err != nil {
		return err
	}
	n := org.NewSession{User: u, Event: e, Parent: parent.ID, Grant: parent.Grant, Save: func(ctx context.Context, ss org.StoredSession, e org.LoginEvent) error {
		return s.store.OpenLink(ctx, c.ID, now, ss, e)
	}}
	if parent.App != "" { // the browser is the app's as its token is: blocked, revoked and listed with it
		if n.App, err = s.known.AppByID(ctx, u.Org, parent.App); err != nil {
			return err
		}
	}
	err = s.signIn(w, r, &transaction{Then: c.RedirectURI}, n)
	if fault.CodeOf(err) == org.CodeAlreadyUsed {
		return closed
	}
	return err
}
