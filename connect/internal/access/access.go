// Package access says who may do what in Connect: the people of its console, whom a cloud signed in or who had the
// one-time link of the first use, and the bearers of API tokens (DESIGN 5.11). A role comes from where people already
// have it: the two boxes on the User record of the org (connect-facts 1.4), the roles of an Engagement user.
//
// Sessions end by two times: their expiry is domain time, as every expiry; the time without use is machine time, as every
// timeout.
package access

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/fault"
)

// Codes of the faults that this package returns.
const (
	CodeNotFound fault.Code = "not_found"
	// CodeSignedOut: there is no session, or it has ended.
	CodeSignedOut fault.Code = "signed_out"
	// CodeRoleRequired: the role does not reach this far.
	CodeRoleRequired fault.Code = "role_required"
	// CodeForged: a form or call of the console without the token of its session.
	CodeForged fault.Code = "form_token"
	// CodeLinkUsed: the one-time link was used, is too old, or a newer one was made.
	CodeLinkUsed fault.Code = "link_used"
	// CodeInvalidToken: an API token that cannot be made so.
	CodeInvalidToken fault.Code = "invalid_token_spec"
	// CodeTokenName: another API token that works has the name.
	CodeTokenName fault.Code = "token_name_taken"
	// CodeTokenExpired: the API token has come to its end or was revoked.
	CodeTokenExpired fault.Code = "token_expired"
)

// Lifetimes. Those that end by expiry are domain time, IdleLife, RoleLife and ActLife machine time.
const (
	SessionLife = 12 * time.Hour   // from the sign-in on
	IdleLife    = 30 * time.Minute // without use
	RoleLife    = 5 * time.Minute  // until a session's role is read again
	ActLife     = 10 * time.Second // until it is for what changes something
	LinkLife    = time.Hour        // of the one-time link
	// DefaultTokenLife and MaxTokenLife are of API tokens.
	DefaultTokenLife = 90 * 24 * time.Hour
	MaxTokenLife     = 366 * 24 * time.Hour
)

// Role is what somebody may do.
type Role string

// The roles.
const (
	// Nobody is signed in and has no role: a user of the org with neither box, an Engagement user who administers nothing.
	Nobody Role = ""
	// Admin may do everything: a Marketing Cloud for AppExchange Admin, and whoever had the one-time link.
	Admin Role = "admin"
	// User reaches his own mapping: a Marketing Cloud for AppExchange User.
	User Role = "user"
	// Engagement takes the steps that are done in Engagement: an administrator there.
	Engagement Role = "engagement"
	// Reader reads everything and changes nothing; API tokens alone have it.
	Reader Role = "reader"
)

// May reports whether the role is one of those allowed; an Admin may always.
func (r Role) May(allowed ...Role) bool { return r == Admin || slices.Contains(allowed, r) }

// Label says the role in the words of the connection's org and of Engagement.
func (r Role) Label(l link.Link) string {
	admin, user := l.RoleNames()
	switch r {
	case Admin:
		return admin
	case User:
		return user
	case Engagement:
		return "Marketing Cloud Administrator"
	case Reader:
		return "Reader"
	}
	return "no role"
}

// Require refuses a role that is not one of those allowed, and says which is missing.
func (r Role) Require(l link.Link, allowed ...Role) error {
	if r.May(allowed...) {
		return nil
	}
	wanted := []string{Admin.Label(l)}
	for _, a := range allowed {
		wanted = append(wanted, a.Label(l))
	}
	return fault.New(fault.Denied, CodeRoleRequired, "This needs the role %s; you have %s.", strings.Join(wanted, " or "), r.Label(l))
}

// Cloud says who vouched for a person.
type Cloud string

// The clouds.
const (
	ByOrg        Cloud = "org"
	ByEngagement Cloud = "engagement"
	ByLink       Cloud = "link" // nobody: he had the one-time link
)

// Person is who uses the console.
type Person struct {
	Cloud    Cloud
	OrgID    string // of the org that vouched, 18 characters; "" where none did
	UserID   string // 18 characters of the org, AccountUserID in decimal of Engagement
	Username string
	Name     string
}

// Actor names the person in the audit chain.
func (p Person) Actor() string {
	switch p.Cloud {
	case ByEngagement:
		return "console: " + p.Username + " (Engagement)"
	case ByLink:
		return "console: one-time link"
	}
	return "console: " + p.Username
}

// Shown names the person and his cloud on the pages.
func (p Person) Shown() string {
	switch p.Cloud {
	case ByEngagement:
		return p.Username + " of Engagement"
	case ByLink:
		return "operator, by the one-time link"
	}
	return p.Username + " of Salesforce"
}

// Session is a person's stay in the console, in one browser.
type Session struct {
	Token   []byte // SHA-256 of the cookie
	Pair    string
	Person  Person
	Role    Role
	Expires time.Time // domain time
	Seen    time.Time // last use, machine time
	RoleAt  time.Time // when the role was read, machine time
	// Eyes is the person's own session in the org, sealed under EyesAAD, where Connect could not read the org when he came; nil
	// for none.
	Eyes []byte
}

// EyesAAD binds what was lent to the session that it was lent for.
func EyesAAD(token []byte) []byte { return fmt.Appendf(nil, "connect/console-eyes/v1|%x", token) }

// Accept refuses a session that has ended. now is domain time, machine machine time; orgID is the connection's org, "" for
// none: an org that was taken in another's place vouches for nobody who is here.
func (s Session) Accept(now, machine time.Time, orgID string) error {
	switch {
	case !now.Before(s.Expires):
		return fault.New(fault.Unauthenticated, CodeSignedOut, "Your session has come to its end. Sign in again.")
	case machine.Sub(s.Seen) >= IdleLife:
		return fault.New(fault.Unauthenticated, CodeSignedOut, "Your session ended after %d minutes without use. Sign in again.", IdleLife/time.Minute)
	case s.Person.Cloud == ByOrg && orgID != "" && s.Person.OrgID != orgID:
		return SignedOut()
	}
	return nil
}

// SignedOut is the refusal of somebody who has no session.
func SignedOut() error { return fault.New(fault.Unauthenticated, CodeSignedOut, "Not signed in.") }

// FormToken is what forms and calls of the session with this cookie carry, so that no other site's page can make them.
func FormToken(cookie string) string {
	mac := hmac.New(sha256.New, []byte(cookie))
	mac.Write([]byte("twinspan/connect/form/v1"))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// CheckForm refuses a form whose token is not the session's.
func CheckForm(cookie, token string) error {
	if subtle.ConstantTimeCompare([]byte(FormToken(cookie)), []byte(token)) == 1 {
		return nil
	}
	return fault.New(fault.Denied, CodeForged, "This form is of another session, or older than yours. Open the page again.")
}

// CookieName names the session's cookie. Loopback ports share their cookies, so the name says whose it is; over https it has
// the prefix that ties it to this host and path.
func CookieName(secure bool) string {
	if secure {
		return "__Host-twinspan_connect_console"
	}
	return "twinspan_connect_console"
}

// Token is an API token; its value is shown when it is made and never again.
type Token struct {
	Pair     string
	ID       string
	Hash     []byte // SHA-256 of its value
	Name     string // what it is for
	Role     Role
	Username string // CRM user name of role User
	By       string // who made it
	Created  time.Time
	Expires  time.Time
	Revoked  time.Time // zero while it works
	Used     time.Time // machine time, to the hour; zero for never
}

// Accept refuses a token that has come to its end.
func (t Token) Accept(now time.Time) error {
	if t.Revoked.IsZero() && now.Before(t.Expires) {
		return nil
	}
	return fault.New(fault.Unauthenticated, CodeTokenExpired, "The API token has expired or was revoked.")
}

// TokenFacts are what the audit chain keeps of a token.
type TokenFacts struct {
	Name     string `json:"name"`
	Role     Role   `json:"role"`
	Username string `json:"user,omitempty"`
	Expires  int64  `json:"expires_at"` // milliseconds since 1970
	Revoked  bool   `json:"revoked,omitempty"`
}

// Facts gives them.
func (t Token) Facts() TokenFacts {
	return TokenFacts{t.Name, t.Role, t.Username, t.Expires.UnixMilli(), !t.Revoked.IsZero()}
}

// Spec is what an API token is made from.
type Spec struct {
	Name     string
	Role     Role
	Username string
	Life     time.Duration // 0 for DefaultTokenLife
}

func (s Spec) check() error {
	switch {
	case s.Name == "" || len(s.Name) > 100 || strings.ContainsFunc(s.Name, unicode.IsControl) || strings.TrimSpace(s.Name) != s.Name:
		return fault.New(fault.Invalid, CodeInvalidToken, "Give the token a name of one line and at most 100 bytes: what it is for.").In("name")
	case !slices.Contains([]Role{Admin, User, Engagement, Reader}, s.Role):
		return fault.New(fault.Invalid, CodeInvalidToken, "The roles are admin, user, engagement and reader.").In("role")
	case s.Role != User && s.Username != "":
		return fault.New(fault.Invalid, CodeInvalidToken, "A token of the role user alone is somebody's own.").In("user")
	case s.Life < 0 || s.Life > MaxTokenLife:
		return fault.New(fault.Invalid, CodeInvalidToken, "A token works for at most %d days.", MaxTokenLife/(24*time.Hour)).In("days")
	}
	if s.Role == User {
		if err := link.CheckUsername(s.Username); err != nil {
			return fault.Of(err).In("user")
		}
	}
	return nil
}

// Store keeps sessions, tokens and one-time links. What is missing is a NotFound fault with CodeNotFound.
type Store interface {
	// AddConsoleSession stores a session, with an entry in the audit chain where why is one, and removes those of its pair
	// that have expired long ago.
	AddConsoleSession(ctx context.Context, why audit.Change, s Session) error
	ConsoleSession(ctx context.Context, token []byte) (Session, error)
	// KeepConsoleSession stores role, use and time of reading the role of a session that is still there.
	KeepConsoleSession(ctx context.Context, s Session) error
	// EndConsoleSession removes a session; removing one that is not there is no error.
	EndConsoleSession(ctx context.Context, token []byte) error

	// AddToken stores a token with its entry in the audit chain; a Conflict fault with CodeTokenName where one that works has
	// the name. Those that expired before now and were not revoked count as none.
	AddToken(ctx context.Context, why audit.Change, t Token) error
	// Tokens lists a pair's by name; the revoked ones too, after the others.
	Tokens(ctx context.Context, pair string) ([]Token, error)
	TokenByHash(ctx context.Context, hash []byte) (Token, error)
	// RevokeToken marks one as revoked at why.At, with its entry; one that is revoked stays as it is.
	RevokeToken(ctx context.Context, why audit.Change, pair, id string) (Token, error)
	// UseToken notes when a token was used.
	UseToken(ctx context.Context, pair, id string, at time.Time) error

	// PutConsoleLink stores the one-time link of a pair in place of any other.
	PutConsoleLink(ctx context.Context, pair string, hash []byte, expires time.Time) error
	// TakeConsoleLink removes the link with the hash and says whose it was; all callers but one get the fault.
	TakeConsoleLink(ctx context.Context, hash []byte) (pair string, expires time.Time, err error)
}
