// Package tenant holds the words and rules of a Marketing Cloud Engagement tenant: business units, users, roles,
// installed packages, grants and tokens, and what is sent. It knows no protocol and no SQL; it declares, in small
// roles, the store that it needs. Facts about the real service are cited as "engagement-wire N" (the wire reference),
// decisions as "DESIGN N".
package tenant

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
)

// EID is the enterprise id of a tenant, which is the MID of its top business unit: 7 to 9 digits.
type EID int64

// MID is the member id of a business unit: 7 to 9 digits.
type MID int64

// Codes of the faults that several rooms translate.
const (
	CodeNotFound fault.Code = "not_found"
	// CodeInvalidToken: an access token that is unknown, expired or revoked, or whose user or package is disabled.
	CodeInvalidToken fault.Code = "invalid_token"
	// CodeLoginFailed: a user name and password that do not open the tenant, for whatever reason.
	CodeLoginFailed fault.Code = "login_failed"
	// CodeInsufficientPrivileges: the caller is known and lacks the permission or scope.
	CodeInsufficientPrivileges fault.Code = "insufficient_privileges"
)

// Principal is on whose behalf a call runs: a package's own app user, or a person through a package.
type Principal struct {
	Tenant      EID
	MID         MID    // business unit in which the call runs
	ClientID    string // of the installed package's API integration; "" for a SOAP UsernameToken
	UserID      int64  // AccountUserID
	Username    string
	Scopes      []string  // as granted: "email_send"
	Permissions []string  // the snapshot the token carries (DESIGN 5.2): role permissions by name, denies removed
	Expires     time.Time // domain time
	// Units are the business units that the caller's package may work in; empty is all.
	Units []MID
	// Snapshot is what Permissions are taken of: what the caller may do in each business unit.
	Snapshot Snapshot
}

// HasScope reports whether the token may use the scope. A SOAP UsernameToken has no scopes and may use all.
func (p Principal) HasScope(scope string) bool {
	if p.ClientID == "" {
		return true
	}
	for _, s := range p.Scopes {
		if s == scope {
			return true
		}
	}
	return false
}

// Can reports whether the permission snapshot allows the operation, named as Role permissions are: "Email.Send".
func (p Principal) Can(permission string) bool {
	for _, have := range p.Permissions {
		if have == permission {
			return true
		}
	}
	return false
}

// Authenticator finds the principal behind what a request carries.
type Authenticator interface {
	// Token finds the principal of an access token. Unknown, expired and revoked tokens are an Unauthenticated fault
	// with CodeInvalidToken.
	Token(ctx context.Context, token string) (Principal, error)
	// Password finds the principal of an API user's name and password (WS-Security UsernameToken). Any failure is an
	// Unauthenticated fault with CodeLoginFailed.
	Password(ctx context.Context, username, password string) (Principal, error)
}
