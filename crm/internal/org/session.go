package org

import (
	"context"
	"time"
)

// Session is what a live access token stands for. A token is the org's 15-character id, "!" and random characters of
// [A-Za-z0-9._]; the store keeps its SHA-256 alone.
type Session struct {
	ID      int64 // time-ordered number of the session; its record id has prefix 0Ak
	Org     ID
	User    ID
	App     ID       // connected app that minted it; "" for a SOAP login or a browser session
	Scopes  []string // nil for a SOAP login or a browser session, which may do all
	Type    string   // AuthSession.SessionType: "API", "Oauth2", "UI" (crm-wire 5.2)
	Created time.Time
	Expires time.Time // moves on with use
	// Permissions are the user's as of now, not as of the login.
	Permissions Permissions
}

// MayUseREST reports whether the session's scopes reach the data APIs (crm-wire 1.14).
func (s Session) MayUseREST() bool {
	if s.Scopes == nil {
		return true
	}
	for _, sc := range s.Scopes {
		if sc == "api" || sc == "full" {
			return true
		}
	}
	return false
}

// Authenticator turns an access token into a session.
type Authenticator interface {
	// Authenticate finds the live session of a token. Unknown, expired and revoked tokens, and those of users who are
	// no longer active, are an Unauthenticated fault with code "invalid_session".
	Authenticate(ctx context.Context, token string) (Session, error)
	// End ends the session of the token; ending one that is not live is no error.
	End(ctx context.Context, token string) error
}
