package tenant

import (
	"context"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
)

// CodeNoSession: a browser session that is unknown, ended, or has not been used for too long.
const CodeNoSession fault.Code = "no_session"

// touchEvery is how far a session's last use may lie behind before it is written again.
const touchEvery = time.Minute

// maxSessionsShown bounds the list of a user's sessions.
const maxSessionsShown = 50

// Sessions keeps browser sessions of the sign-in page. They live as long as they are used (Setup's session timeout) and
// end at logout, with the tokens that do not outlive them.
type Sessions struct {
	Store    SessionStore
	Registry *Registry
	Serials  *Serials
	Clock    Clock
}

// Start begins a session of a user who has just signed in. The text goes into the cookie.
func (s *Sessions) Start(ctx context.Context, user User, userAgent string) (text string, session Session, err error) {
	c := newCredential(kindSession, s.Serials.Next())
	now := s.Clock.Now(user.Tenant)
	userAgent = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(userAgent, ""))
	if len(userAgent) > 200 {
		userAgent = strings.ToValidUTF8(userAgent[:200], "")
	}
	session = Session{ID: c.id, Hash: c.hash(), Tenant: user.Tenant, UserID: user.ID, UserAgent: userAgent, Created: now, Seen: now}
	return c.text, session, s.Store.AddSession(ctx, session)
}

var errNoSession = fault.New(fault.Unauthenticated, CodeNoSession, "There is no such session.")

// Known gives the session of a cookie that nobody has ended, whether or not it can still be used: what rests on it may be
// ended by whoever has it. Anything else is an Unauthenticated fault with CodeNoSession.
func (s *Sessions) Known(ctx context.Context, text string) (Session, error) {
	id, ok := parseCredential(kindSession, text)
	if !ok {
		return Session{}, errNoSession
	}
	session, err := s.Store.SessionByID(ctx, id)
	if err != nil {
		return Session{}, absent(err, errNoSession)
	}
	if !sameHash(text, session.Hash) || !session.Ended.IsZero() {
		return Session{}, errNoSession
	}
	return session, nil
}

// Find gives the live session of a cookie and its user. Anything else is an Unauthenticated fault with CodeNoSession.
func (s *Sessions) Find(ctx context.Context, text string) (Session, User, error) {
	none := errNoSession
	session, err := s.Known(ctx, text)
	if err != nil {
		return Session{}, User{}, err
	}
	t, err := s.Registry.Tenant(ctx, session.Tenant)
	if err != nil {
		return Session{}, User{}, absent(err, none)
	}
	now := s.Clock.Now(session.Tenant)
	if !now.Before(session.Seen.Add(t.Settings.SessionTimeout())) || !t.Settings.AllowsUI(AddressOf(ctx)) {
		return Session{}, User{}, none
	}
	user, err := s.Registry.User(ctx, session.Tenant, session.UserID)
	if err != nil {
		return Session{}, User{}, absent(err, none)
	}
	if !user.May() || user.MustChange {
		return Session{}, User{}, none
	}
	if now.Sub(session.Seen) >= touchEvery {
		if err := s.Store.TouchSession(ctx, session.ID, now); err != nil {
			return Session{}, User{}, err
		}
	}
	return session, user, nil
}

// End ends a session and the tokens that do not outlive it (engagement-wire 2.1: without scope offline).
func (s *Sessions) End(ctx context.Context, session Session) error {
	err := s.Store.EndSession(ctx, session.ID, s.Clock.Now(session.Tenant))
	s.Registry.families.reset()
	return err
}

// EndAll ends all sessions of the session's user, those that have not been used for long too.
func (s *Sessions) EndAll(ctx context.Context, of Session) error {
	err := s.Store.EndSessions(ctx, of.Tenant, of.UserID, s.Clock.Now(of.Tenant))
	s.Registry.families.reset()
	return err
}

// List gives the user's sessions that could still be used, newest first.
func (s *Sessions) List(ctx context.Context, user User) ([]Session, error) {
	t, err := s.Registry.Tenant(ctx, user.Tenant)
	if err != nil {
		return nil, err
	}
	all, err := s.Store.Sessions(ctx, user.Tenant, user.ID, maxSessionsShown)
	if err != nil {
		return nil, err
	}
	oldest := s.Clock.Now(user.Tenant).Add(-t.Settings.SessionTimeout())
	live := all[:0]
	for _, one := range all {
		if one.Seen.After(oldest) {
			live = append(live, one)
		}
	}
	return live, nil
}
