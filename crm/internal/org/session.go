package org

import (
	"context"
	"errors"
	"time"
)

// Types of session, spelled as AuthSession.SessionType (crm-wire 5.2).
const (
	SessionAPI    = "API"    // SOAP login
	SessionOAuth2 = "Oauth2" // any OAuth grant
	SessionUI     = "UI"     // a browser that signed in
	// SessionSubstitute is a browser in which an administrator is logged in as the user.
	SessionSubstitute = "SubstituteUser"
)

// Session is what a live access token stands for. A token is the org's 15-character id, "!" and random characters of
// [A-Za-z0-9._]; the store keeps its SHA-256 alone.
type Session struct {
	ID     int64 // time-ordered number of the session; its record id has prefix 0Ak
	Org    ID
	User   ID
	App    ID       // connected app that minted it; "" for a SOAP login or a browser session
	Grant  int64    // number of the grant it was minted from; 0 where none: it ends with its grant
	Scopes []string // nil for a SOAP login or a browser session, which may do all
	Type   string   // SessionAPI, SessionOAuth2, SessionUI or SessionSubstitute
	// Delegate is the administrator who is logged in as User; "" for the user himself.
	Delegate ID
	// Parent is the number of the session that this one came out of and ends with: the one whose link opened the browser, or the
	// administrator's own of Delegate; 0 for none.
	Parent int64
	// From is where the login came from, Subtype its LoginHistory subtype; both empty where the history has no row any more. Host is
	// kept of browsers alone.
	From    Origin
	Subtype string
	Created time.Time
	Expires time.Time     // moves on with use
	Timeout time.Duration // how long it lives unused
	// Permissions are the user's as of now, not as of the login.
	Permissions Permissions
	// Package is the version of the managed package in the session's org as of now; "" where it is not installed.
	Package string
	// Custom is what the administrators of the session's org added to its schema, as of now; nil for nothing.
	Custom *Customization
	// Access is what the user may do with objects and fields, as of now; nil is the org's own work.
	Access *DataAccess
	// Tooling says that a call comes by the Tooling API, which has objects of its own.
	Tooling bool
	// DryRun says that a call wants to know what a change of a record would do: it is checked as if it were made, and
	// then is not made, with ErrDryRun.
	DryRun bool
	// proven is the authorized email domain whose ownership DNS has just shown (Deliverability.Prove).
	proven ID
	// staked hears what a change may take away, before it is made (Records.Losses); nil drops it.
	staked func(stake)
	// Warn hears what the caller should be told although his change is made; nil drops it. It may hear the same twice.
	Warn func(text string)
}

// ErrDryRun is what a change answers that could have been made and was only tried.
var ErrDryRun = errors.New("a dry run: nothing was changed")

// SessionFor is a session of a user of the org with all that he may do as of now.
func SessionFor(u User, o Org) Session { return Session{Org: u.Org, User: u.ID}.may(u, o) }

// may gives a session what its user may do, and what his org is made of, as of now.
func (s Session) may(u User, o Org) Session {
	s.Permissions, s.Access, s.Package, s.Custom = u.Permissions, u.Access, o.Package, o.Custom
	return s
}

// Schema is the schema of the session's org, as the API that is used shows it.
func (s Session) Schema() *Schema { return s.Custom.Schema(s.Package, s.Tooling) }

// Seen is as much of the schema as the session's user may see.
func (s Session) Seen() *Schema {
	seen := s.Schema().seenBy(s.Access)
	if s.Access == nil || s.Permissions[PermViewEncryptedData] {
		return seen
	}
	return seen.masked()
}

// undone is ErrDryRun in a dry run.
func (s Session) undone() error {
	if s.DryRun {
		return ErrDryRun
	}
	return nil
}

// warn tells the caller something.
func (s Session) warn(text string) {
	if s.Warn != nil && text != "" {
		s.Warn(text)
	}
}

// MayUseREST reports whether the session's scopes reach the data APIs (crm-wire 1.14).
func (s Session) MayUseREST() bool { return s.HasScope("api", "full") }

// HasScope reports whether the session carries one of the scopes. Sessions without scopes may do all.
func (s Session) HasScope(any ...string) bool {
	if s.Scopes == nil {
		return true
	}
	for _, have := range s.Scopes {
		for _, want := range any {
			if have == want {
				return true
			}
		}
	}
	return false
}

// ScopePasswordChange is the only scope of a session whose user's password has expired: it may change the password and
// do nothing else. No app can ask for it.
const ScopePasswordChange = "sfdc.password_change"

// Browser reports whether the session is of a browser.
func (s Session) Browser() bool { return s.Type == SessionUI || s.Type == SessionSubstitute }

// Authenticator turns an access token into a session.
type Authenticator interface {
	// Authenticate finds the live session of a token. Unknown, expired and revoked tokens, and those of users who are
	// no longer active, or whose use from there the org's IP rules and session settings forbid, are an Unauthenticated fault with
	// code "invalid_session".
	Authenticate(ctx context.Context, token string, from Origin) (Session, error)
	// End ends the session of the token; ending one that is not live is no error.
	End(ctx context.Context, token string) error
}

// StoredSession is a session as the store keeps it, without Permissions.
type StoredSession struct {
	Session
	Hash [32]byte // SHA-256 of the whole token
	// Ended: the session was ended, or its grant was revoked, or all sessions of its user were ended after it began.
	Ended bool
}

// SessionStore keeps sessions. Adding one appends rows and changes none, because that is the cheapest durable write.
type SessionStore interface {
	// AddSession keeps a new session together with the history row of the login; both are durable when it returns. A
	// number that is taken is a Conflict fault with CodeNumberTaken.
	AddSession(ctx context.Context, s StoredSession, e LoginEvent) error
	// SessionByID reads one session; a missing one is a NotFound fault.
	SessionByID(ctx context.Context, id int64) (StoredSession, error)
	// ExtendSession moves the expiry on; it never moves it back and never wakes a session that was ended.
	ExtendSession(ctx context.Context, id int64, expires time.Time) error
	// EndSession ends a session for good.
	EndSession(ctx context.Context, id int64, at time.Time) error
}
