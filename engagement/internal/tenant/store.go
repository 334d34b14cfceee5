package tenant

import (
	"context"
	"time"
)

// Directory answers who and what a request concerns. Every look-up reports a missing thing as a NotFound fault with
// CodeNotFound.
type Directory interface {
	// Tenant reads one tenant.
	Tenant(ctx context.Context, eid EID) (Tenant, error)
	// Offsets gives the domain clock's offset of every tenant that has one.
	Offsets(ctx context.Context) (map[EID]time.Duration, error)
	// BusinessUnits lists the tenant's units, the top one first, then by MID.
	BusinessUnits(ctx context.Context, eid EID) ([]BusinessUnit, error)
	// UserByID reads one user of the tenant.
	UserByID(ctx context.Context, eid EID, id int64) (User, error)
	// UserByUsername finds a user of any tenant by folded user name.
	UserByUsername(ctx context.Context, folded string) (User, error)
	// Roles lists the tenant's roles by customer key.
	Roles(ctx context.Context, eid EID) ([]Role, error)
	// Assignments lists what is given to the user, and to everybody in a unit.
	Assignments(ctx context.Context, eid EID, userID int64) ([]Assignment, error)
	// Holders reads users of the tenant by id, at most 1,000, each with what Assignments lists for him. Who is not there is
	// left out.
	Holders(ctx context.Context, eid EID, ids []int64) (map[int64]Holder, error)
	// PackageByClientID finds a package of any tenant by client id, compared exactly.
	PackageByClientID(ctx context.Context, clientID string) (Package, error)
	// Shared reports whether other processes may write to the same database.
	Shared() bool
}

// Holder is a user with what is given to him, and to everybody in a unit.
type Holder struct {
	User
	Given []Assignment
}

// UserStore writes what signing in changes about a user.
type UserStore interface {
	// CountFailure notes an attempt with a wrong password, counts it, and locks the user when lockAfter is reached. It
	// reports whether the user is locked now.
	CountFailure(ctx context.Context, e LoginEvent, lockAfter int) (locked bool, err error)
	// Refused notes an attempt that no password could have made good. It costs what CountNobody costs.
	Refused(ctx context.Context, e LoginEvent) error
	// CountNobody costs what CountFailure costs, for a name that nobody has: whoever measures learns nothing.
	CountNobody(ctx context.Context, name string) error
	// ClearFailures makes the count of wrong passwords zero again. A locked user stays locked.
	ClearFailures(ctx context.Context, eid EID, id int64) error
	// SignedIn notes an attempt with the right password: the count of wrong ones is zero again. A locked user stays locked.
	SignedIn(ctx context.Context, e LoginEvent) error
	// SetPassword stores a new hash, if the old one is still as given, and ends what rests on the old password: the
	// must-change flag, browser sessions with the token families that do not outlive them and, where endGrants says so,
	// the user's grants and all his token families. It reports whether it did.
	SetPassword(ctx context.Context, eid EID, id int64, oldHash, newHash string, endGrants bool, now time.Time) (bool, error)
	// Unlock lets a locked user try again.
	Unlock(ctx context.Context, eid EID, id int64, now time.Time) error
}

// GrantStore keeps standing grants.
type GrantStore interface {
	// PutGrant stores a grant. Where the package has a live one for the user, that is cleared if replace says so and
	// kept otherwise. It returns the one that is live now.
	PutGrant(ctx context.Context, g Grant, replace bool) (Grant, error)
	// LiveGrant finds the live grant of a user for a package.
	LiveGrant(ctx context.Context, clientID string, userID int64) (Grant, error)
	// GrantByID reads one grant, cleared or not.
	GrantByID(ctx context.Context, id int64) (Grant, error)
	// Grants lists a package's live grants by number: at most limit after the number given; of one user where userID
	// is not 0.
	Grants(ctx context.Context, clientID string, userID, after int64, limit int) ([]Grant, error)
	// ClearGrant ends the live grant of the user, and with it every token that came of it. It reports the grant, or a
	// NotFound fault.
	ClearGrant(ctx context.Context, clientID string, userID, by int64, now time.Time) (Grant, error)
}

// TokenStore keeps what was issued.
type TokenStore interface {
	// AddToken appends an access token.
	AddToken(ctx context.Context, t AccessToken) error
	// SpendAssertion appends an access token and remembers the assertion that was spent on it. An assertion that was
	// spent before is a fault with CodeReplayed, in whichever process that happened.
	SpendAssertion(ctx context.Context, t AccessToken, assertion [32]byte) error
	// TokenByID reads one access token.
	TokenByID(ctx context.Context, id int64) (AccessToken, error)
	// AddFamily stores a sign-in with its authorization code. One in a browser session that has ended meanwhile is an
	// Unauthenticated fault with CodeNoSession.
	AddFamily(ctx context.Context, f Family) error
	// FamilyByID reads one.
	FamilyByID(ctx context.Context, id int64) (Family, error)
	// UseCode spends the family's code and stores the tokens issued for it; false where the code was used before, the
	// family has ended, or both happen at once elsewhere.
	UseCode(ctx context.Context, familyID int64, now time.Time, t AccessToken, r RefreshToken) (bool, error)
	// EndFamily ends every token of a sign-in. Ending one that has ended is no error.
	EndFamily(ctx context.Context, id int64, now time.Time) error
	// RefreshByID reads one refresh token.
	RefreshByID(ctx context.Context, id int64) (RefreshToken, error)
	// Rotate spends a refresh token and stores its successor and the access token; false where it was used before.
	Rotate(ctx context.Context, old RefreshToken, next RefreshToken, seed []byte, t AccessToken, now time.Time) (bool, error)
	// Purge deletes what nobody can use any more and has been there for long: access tokens, sign-ins, refresh tokens
	// and sessions. now is machine time; at most limit rows of each go, and it reports how many went.
	Purge(ctx context.Context, now time.Time, limit int) (int, error)
}

// SessionStore keeps browser sessions.
type SessionStore interface {
	// AddSession stores a new session.
	AddSession(ctx context.Context, s Session) error
	// SessionByID reads one.
	SessionByID(ctx context.Context, id int64) (Session, error)
	// TouchSession records use.
	TouchSession(ctx context.Context, id int64, now time.Time) error
	// EnterUnit records in which business unit the session goes on.
	EnterUnit(ctx context.Context, id int64, mid MID) error
	// EndSession ends a session and the token families that do not outlive it.
	EndSession(ctx context.Context, id int64, now time.Time) error
	// EndSessions ends all of a user's, and his token families that do not outlive one.
	EndSessions(ctx context.Context, eid EID, userID int64, now time.Time) error
	// Sessions lists a user's sessions that have not ended, newest first, at most limit.
	Sessions(ctx context.Context, eid EID, userID int64, limit int) ([]Session, error)
}
