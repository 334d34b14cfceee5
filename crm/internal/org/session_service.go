package org

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
)

// renewal is how often a session's expiry is written down while it is used (issue 02: at most once a minute). In memory it
// moves with every use; another process, and this one after a restart, may see up to that much less.
const renewal = time.Minute

// knownSessions is how many sessions one generation of the cache keeps, about 400 bytes each.
const knownSessions = 1 << 16

// Sessions makes, finds and ends sessions.
type Sessions struct {
	store   SessionStore
	known   *Known
	clock   *clock.Domain
	numbers *Numbers
	logins  *LastLogins
	log     *slog.Logger
	live    *cache[int64, *sessionEntry]
}

var _ Authenticator = (*Sessions)(nil)

// sessionEntry is a session in memory. A new reading replaces the entry; these fields change in place.
type sessionEntry struct {
	StoredSession
	mark      mark
	expires   atomic.Int64 // Unix milliseconds
	written   atomic.Int64 // what the store has of expires
	ended     atomic.Bool
	extending atomic.Bool
}

// NewSessions returns the service. logins takes down who logs in; log gets what went wrong beside an answer that was right.
func NewSessions(store SessionStore, known *Known, domain *clock.Domain, numbers *Numbers, logins *LastLogins, log *slog.Logger) *Sessions {
	return &Sessions{store: store, known: known, clock: domain, numbers: numbers, logins: logins, log: log, live: newCache[int64, *sessionEntry](knownSessions)}
}

func newSessionEntry(ss StoredSession, m mark) *sessionEntry {
	e := &sessionEntry{StoredSession: ss, mark: m}
	e.expires.Store(ss.Expires.UnixMilli())
	e.written.Store(ss.Expires.UnixMilli())
	return e
}

// NewSession says what session to make.
type NewSession struct {
	User User
	App  *App // nil for a SOAP login or a browser session
	Type string
	// Delegate is the administrator who logs in as the user; "" for the user himself.
	Delegate ID
	Parent   int64    // number of the session that it ends with; 0 for none
	Host     string   // that a browser called; "" for a program's session
	Scopes   []string // nil: may do all
	Grant    int64
	Timeout  time.Duration
	Event    LoginEvent // its ID is filled in
	// Save keeps the session and the event, with what else belongs to the same act; nil keeps only them.
	Save func(ctx context.Context, s StoredSession, e LoginEvent) error
}

// Make makes a session and returns it with its token, when both are durable.
func (s *Sessions) Make(ctx context.Context, n NewSession) (token string, made Session, err error) {
	m := s.known.epochs.mark() // before anything that the session stands on could have been read again
	now := s.clock.Now(string(n.User.Org))
	ss := StoredSession{Session: Session{
		Org: n.User.Org, User: n.User.ID, Grant: n.Grant, Scopes: n.Scopes, Type: n.Type, Delegate: n.Delegate, Parent: n.Parent, From: Origin{n.Event.SourceIP, hostName(n.Host)}, Subtype: n.Event.Subtype, Created: now, Expires: now.Add(n.Timeout), Timeout: n.Timeout,
	}}
	if n.User.LoginHours != nil && n.Delegate == "" {
		o, err := s.known.OrgByID(ctx, n.User.Org)
		if err != nil {
			return "", Session{}, err
		}
		ss.Expires, _ = withinHours(o, n.User, now, ss.Expires)
	}
	if n.App != nil {
		ss.App = n.App.ID
	}
	if n.Save == nil {
		n.Save = s.store.AddSession
	}
	for try := 0; ; try++ {
		ss.ID = s.numbers.Next()
		token = newAccessToken(ss.Org, ss.ID)
		ss.Hash = tokenHash(token)
		n.Event.ID = NumberID(PrefixLoginHistory, ss.ID)
		err = n.Save(ctx, ss, n.Event)
		if err == nil {
			break
		}
		if fault.CodeOf(err) != CodeNumberTaken || try == 2 {
			return "", Session{}, err
		}
		s.numbers.Redraw()
	}
	e := newSessionEntry(ss, m)
	s.live.put(ss.ID, e)
	if n.Delegate == "" {
		s.logins.note(ss.Org, ss.User, now)
	}
	made = ss.Session
	made.Permissions = n.User.Permissions
	return token, made, nil
}

func invalidSession() error {
	return fault.New(fault.Unauthenticated, CodeInvalidSession, "Session expired or invalid")
}

// entry finds the session of a token, live or not.
func (s *Sessions) entry(ctx context.Context, token string) (*sessionEntry, error) {
	org15, id := accessNumber(token)
	if id < 0 {
		return nil, invalidSession()
	}
	e, err := s.numbered(ctx, id)
	if err != nil {
		return nil, err
	}
	if h := tokenHash(token); !sameHash(h, e.Hash[:]) || e.Org.Short() != org15 {
		return nil, invalidSession()
	}
	return e, s.endWithParent(ctx, e)
}

// numbered finds the session of a number, live or not.
func (s *Sessions) numbered(ctx context.Context, id int64) (*sessionEntry, error) {
	e, ok := s.live.get(id)
	if !ok || !s.known.epochs.fresh(e.Org, e.mark) && !e.ended.Load() {
		return s.read(ctx, id)
	}
	return e, nil
}

// endWithParent ends a session whose parent has ended, or is not there any more. Parents have parents of their own: a token,
// the browser that its link opened, the user whom an administrator logs in as there.
func (s *Sessions) endWithParent(ctx context.Context, e *sessionEntry) error {
	if e.Parent == 0 || e.ended.Load() {
		return nil
	}
	p, err := s.numbered(ctx, e.Parent)
	if err == nil {
		err = s.endWithParent(ctx, p)
	}
	if fault.CodeOf(err) == CodeInvalidSession || err == nil && p.ended.Load() {
		e.ended.Store(true)
		return nil
	}
	return err
}

// Numbered is Peek for the session of a number, wherever it is used.
func (s *Sessions) Numbered(ctx context.Context, id int64) (Session, error) {
	e, err := s.numbered(ctx, id)
	if err == nil {
		err = s.endWithParent(ctx, e)
	}
	if err != nil {
		return Session{}, err
	}
	out, _, err := s.judge(ctx, e, false, nil)
	return out, err
}

func (s *Sessions) read(ctx context.Context, id int64) (*sessionEntry, error) {
	m := s.known.epochs.mark()
	ss, err := s.store.SessionByID(ctx, id)
	if err != nil && fault.KindOf(err) == fault.NotFound {
		return nil, invalidSession()
	}
	if err != nil {
		return nil, err
	}
	e := newSessionEntry(ss, m)
	e.ended.Store(ss.Ended)
	if have, ok := s.live.get(id); ok { // use may have moved it on since it was written
		e.expires.Store(max(e.expires.Load(), have.expires.Load()))
	}
	// A session that was ended while we read stays ended.
	return s.live.putUnless(id, e, func(have *sessionEntry) bool { return have.ended.Load() }), nil
}

// Find returns the session of a token, whether it is live or Ended; expiry is the caller's to judge. A token that is
// none of ours is an Unauthenticated fault with CodeInvalidSession.
func (s *Sessions) Find(ctx context.Context, token string) (StoredSession, error) {
	e, err := s.entry(ctx, token)
	if err != nil {
		return StoredSession{}, err
	}
	ss := e.StoredSession
	ss.Expires, ss.Ended = time.UnixMilli(e.expires.Load()).UTC(), e.ended.Load()
	return ss, nil
}

// Authenticate implements Authenticator. Using a session moves its expiry on.
func (s *Sessions) Authenticate(ctx context.Context, token string, from Origin) (Session, error) {
	out, _, err := s.authenticate(ctx, token, true, &from)
	return out, err
}

// Peek is Authenticate without using the session: its expiry stays, and it does not matter who asks from where.
func (s *Sessions) Peek(ctx context.Context, token string) (Session, User, error) {
	return s.authenticate(ctx, token, false, nil)
}

// Use is Authenticate with the user as well.
func (s *Sessions) Use(ctx context.Context, token string, from Origin) (Session, User, error) {
	return s.authenticate(ctx, token, true, &from)
}

func (s *Sessions) authenticate(ctx context.Context, token string, use bool, from *Origin) (Session, User, error) {
	e, err := s.entry(ctx, token)
	if err != nil {
		return Session{}, User{}, err
	}
	return s.judge(ctx, e, use, from)
}

// judge decides whether a session that was found works now, and with what permissions. from is where it is used; nil where it is
// only looked at.
func (s *Sessions) judge(ctx context.Context, e *sessionEntry, use bool, from *Origin) (Session, User, error) {
	now := s.clock.Now(string(e.Org))
	expires := e.expires.Load()
	if e.ended.Load() || now.UnixMilli() >= expires {
		return Session{}, User{}, invalidSession()
	}
	u, err := s.known.UserByID(ctx, e.Org, e.User)
	if err != nil && fault.KindOf(err) == fault.NotFound || err == nil && (!u.Active || u.Frozen) {
		return Session{}, User{}, invalidSession()
	}
	if err != nil {
		return Session{}, User{}, err
	}
	o, err := s.known.OrgByID(ctx, e.Org)
	if err != nil {
		return Session{}, User{}, err
	}
	var app *App
	if e.App != "" {
		if app, err = s.known.mayGoOn(ctx, u, e.App); err != nil {
			return Session{}, User{}, err
		}
	}
	if e.Delegate != "" {
		if ok, err := stillDelegated(ctx, s.known, e.Org, e.Delegate); err != nil {
			return Session{}, User{}, err
		} else if !ok {
			return Session{}, User{}, invalidSession()
		}
	}
	if from != nil {
		if ok, err := s.mayComeFrom(ctx, &e.Session, o.Settings.Sessions, u, app, *from); err != nil {
			return Session{}, User{}, err
		} else if !ok {
			return Session{}, User{}, invalidSession()
		}
	}
	until, open := now.Add(e.Timeout), true
	if e.Delegate == "" { // an administrator is not bound by the hours of the user whom he is logged in as
		until, open = withinHours(o, u, now, until)
	}
	if !open {
		return Session{}, User{}, invalidSession()
	}
	if next := until.UnixMilli(); use && next > expires {
		s.extend(ctx, e, next)
		expires = next
	}
	out := e.Session
	out.Expires = time.UnixMilli(expires).UTC()
	return out.may(u, o), u, nil
}

// withinHours is the given end of a session, or the end of the login hours that its user is in now where that comes
// first: a session does not reach past them. open says that he is in any now.
func withinHours(o Org, u User, now, end time.Time) (until time.Time, open bool) {
	if u.LoginHours == nil {
		return end, true
	}
	now = now.In(o.zone())
	if over := u.LoginHours.end(now); !over.IsZero() && over.Before(end) {
		end = over.UTC()
	}
	return end, u.LoginHours.allow(now)
}

// extend moves the expiry on, and writes it down where the last time is a minute ago. One caller writes, the others go on; a
// write that fails is tried again by the next use, and does not refuse a session that is live.
func (s *Sessions) extend(ctx context.Context, e *sessionEntry, to int64) {
	for have := e.expires.Load(); have < to && !e.expires.CompareAndSwap(have, to); have = e.expires.Load() {
	}
	if to-e.written.Load() < renewal.Milliseconds() || !e.extending.CompareAndSwap(false, true) {
		return
	}
	defer e.extending.Store(false)
	if err := s.store.ExtendSession(ctx, e.ID, time.UnixMilli(to).UTC()); err != nil {
		s.log.WarnContext(ctx, "a session was used and not extended", "org", e.Org, "session", e.ID, "error", err)
		return
	}
	e.written.Store(to)
}

// End implements Authenticator.
func (s *Sessions) End(ctx context.Context, token string) error {
	e, err := s.entry(ctx, token)
	if fault.CodeOf(err) == CodeInvalidSession {
		return nil
	}
	if err != nil || e.ended.Load() {
		return err
	}
	if err := s.store.EndSession(ctx, e.ID, s.clock.Now(string(e.Org))); err != nil {
		return err
	}
	e.ended.Store(true)
	s.live.put(e.ID, e)
	return nil
}

// GrantRevoked tells the cache that a grant of the org was revoked: its sessions are read again before they are
// believed.
func (s *Sessions) GrantRevoked(org ID) { s.known.SetupChanged(org) }
