package tenant

import (
	"crypto/sha256"
	"crypto/subtle"
	"slices"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
)

// Codes of the faults about packages and what they ask for.
const (
	// CodeUnknownClient: no package has the client id.
	CodeUnknownClient fault.Code = "unknown_client"
	// CodeClientRefused: the package exists; its secret is wrong or out of date, or the package is disabled.
	CodeClientRefused fault.Code = "client_refused"
	// CodeSecretExpired: the secret was right once, and its time is over.
	CodeSecretExpired fault.Code = "secret_expired"
	// CodeGrantNotAllowed: the package's integration type does not have this grant.
	CodeGrantNotAllowed fault.Code = "grant_not_allowed"
	// CodeInvalidScope: a scope that the package, or what went before, does not have.
	CodeInvalidScope fault.Code = "invalid_scope"
	// CodeInvalidAccount: an account_id that is no business unit of the tenant, or none that this caller may use.
	CodeInvalidAccount fault.Code = "invalid_account"
	// CodeInvalidPackage: a package that cannot be stored as asked.
	CodeInvalidPackage fault.Code = "invalid_package"
)

// Integration is the integration type of a package's API component (engagement-wire 2.7).
type Integration string

// The integration types. "connect" is ours by decision (DESIGN 5.2): what the vendor's own Connect package is.
const (
	ServerIntegration  Integration = "server"  // client credentials
	WebIntegration     Integration = "web"     // authorization code with a secret
	PublicIntegration  Integration = "public"  // authorization code with PKCE, no secret
	ConnectIntegration Integration = "connect" // authorization code with PKCE, no secret; JWT bearer
	LegacyIntegration  Integration = "legacy"  // /v1/requestToken alone; the real ones were made before August 2019
)

// Package is an installed package with its API integration.
type Package struct {
	Tenant        EID
	ClientID      string // unique on the server
	PackageID     string // GUID
	ApplicationID string // GUID; userinfo's application.id
	Name          string
	Type          Integration
	SecretHash    []byte // SHA-256; nil where the package has no secret
	SecretExpires time.Time
	// StagedHash is that of a second secret, good beside the first until it is activated; nil where there is none.
	StagedHash    []byte
	StagedExpires time.Time
	Scopes        []string
	RedirectURIs  []string
	Certificate   string // PEM; "" where none is set
	// LoginEndpoint is where the component "Marketing Cloud App" of the package is: what the tenant's menu leads to. "" where
	// the package has none. The page there learns who comes by signing him in through the package (DESIGN 5.10).
	LoginEndpoint string
	MID           MID   // the business unit that made the integration
	MIDs          []MID // business units it may reach; empty is all
	AppUser       int64 // on whose behalf client credentials run; 0 where there is none
	Active        bool
	// TokensSince is the lowest number (see [Serials]) of an access token that is good: of the last time that the package was
	// disabled or enabled; 0 where it never was.
	TokensSince int64
	Created     time.Time
	Modified    time.Time
}

// NeedsSecret reports whether the client must prove itself with a secret at the token endpoint.
func (p Package) NeedsSecret() bool {
	return p.Type == ServerIntegration || p.Type == WebIntegration || p.Type == LegacyIntegration
}

// NeedsPKCE reports whether an authorization request must carry a code challenge.
func (p Package) NeedsPKCE() bool { return !p.NeedsSecret() }

// UsesCode reports whether users sign in through the package.
func (p Package) UsesCode() bool { return p.Type != ServerIntegration && p.Type != LegacyIntegration }

// Reaches reports whether the package may work in the business unit.
func (p Package) Reaches(mid MID) bool { return len(p.MIDs) == 0 || slices.Contains(p.MIDs, mid) }

// honours reports whether what was issued in the business unit under the scopes is still within what the package may do.
func (p Package) honours(mid MID, scopes []string) bool {
	return p.Active && p.Reaches(mid) && p.has(scopes)
}

// has reports whether the package has all the scopes.
func (p Package) has(scopes []string) bool {
	return slices.Equal(scopes, p.Scopes) || !slices.ContainsFunc(scopes, func(s string) bool { return !slices.Contains(p.Scopes, s) })
}

// CheckSecret proves the client: the package is enabled and, where it needs one, the secret is right and in date. A
// public client's secret is not looked at.
func (p Package) CheckSecret(secret string, now time.Time) error {
	refused := fault.New(fault.Unauthenticated, CodeClientRefused, "The client is not known by this secret, or its package is disabled.")
	if p.NeedsSecret() {
		sum := sha256.Sum256([]byte(secret))
		good, old := goodSecret(sum, p.SecretHash, p.SecretExpires, now)
		staged, stagedOld := goodSecret(sum, p.StagedHash, p.StagedExpires, now)
		switch {
		case good || staged:
		case old || stagedOld:
			// Only who holds the secret hears of it.
			return fault.New(fault.Unauthenticated, CodeSecretExpired, "The client secret has expired.")
		default:
			return refused
		}
	}
	if !p.Active {
		return refused
	}
	return nil
}

// goodSecret reports whether the sum is that of a secret in date, or of one whose time is over.
func goodSecret(sum [32]byte, hash []byte, expires, now time.Time) (good, expired bool) {
	if len(hash) != len(sum) || subtle.ConstantTimeCompare(sum[:], hash) != 1 {
		return false, false
	}
	good = expires.IsZero() || now.Before(expires)
	return good, !good
}

// Allow refuses a grant that the package's integration type does not have.
func (p Package) Allow(types ...Integration) error {
	if slices.Contains(types, p.Type) {
		return nil
	}
	return fault.New(fault.Unauthenticated, CodeGrantNotAllowed, "A package of type %s does not have this grant.", p.Type)
}

// NarrowScopes applies the scope parameter of a request to what may be had at most: absent (nil) is all of it, present
// but empty is none, and a scope outside it is refused (engagement-wire 2.1).
func NarrowScopes(requested *string, atMost []string) ([]string, error) {
	if requested == nil {
		return atMost, nil
	}
	if len(*requested) > 8192 {
		return nil, fault.New(fault.Invalid, CodeInvalidScope, "The scope is too long.").In("scope")
	}
	out := []string{}
	for s := range strings.FieldsSeq(*requested) {
		if !slices.Contains(atMost, s) {
			return nil, fault.New(fault.Invalid, CodeInvalidScope, "The requested scope is invalid, unknown, or exceeds the scope granted to the package.").In("scope")
		}
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out, nil
}
