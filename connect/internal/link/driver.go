package link

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/vault"
)

// Codes of the faults about how a span signs its users in.
const (
	// CodeInvalidDriver: a driver that the span does not have.
	CodeInvalidDriver fault.Code = "invalid_auth"
	// CodeNeedsConnectedApp: the call is another user's than the system user's, and over a password connection nobody can be
	// impersonated.
	CodeNeedsConnectedApp fault.Code = "connected_app_required"
	// CodeNeedsTenantOAuth: what is asked for rests on tenant-specific OAuth, which this span does not have.
	CodeNeedsTenantOAuth fault.Code = "tenant_oauth_required"
	// CodeNeedsSignIn: Connect keeps no token of the user: he signs in once.
	CodeNeedsSignIn fault.Code = "sign_in_required"
	// CodeCredentialsRequired: a span of stored credentials was asked for and none were given.
	CodeCredentialsRequired fault.Code = "credentials_required"
	// CodeTokenBusy: somebody else uses the user's refresh token at this moment.
	CodeTokenBusy fault.Code = "token_busy"
	// CodeNotAPIUser and CodeWebServicesOff: Engagement no longer takes the API user's name and password for web services.
	CodeNotAPIUser     fault.Code = "not_an_api_user"
	CodeWebServicesOff fault.Code = "web_services_password_off"
	// CodeNoRole: the API user lacks the role that gives him web services.
	CodeNoRole fault.Code = "api_user_role_missing"
)

// Driver is how a span signs its users in.
type Driver string

// The drivers. The org span has JWT and Password, the tenant span all three.
const (
	// JWT signs users in by a key that Connect holds: Connected App authentication into the org, tenant-specific OAuth into
	// Engagement (document 002). Any user who approved, or was approved, is signed in.
	JWT Driver = "jwt"
	// Password is what both spans were before: the system user's name, password and security token by SOAP login, the API
	// user's name and password by username-password for web services. It signs in those two alone.
	Password Driver = "password"
	// WebApp is the customer's own installed package in a real tenant (DESIGN 5.2): client credentials for the API user's
	// work, the code flow for each mapped user.
	WebApp Driver = "web_app"
)

// String is the driver for people.
func (d Driver) String() string {
	switch d {
	case JWT:
		return "JWT bearer"
	case Password:
		return "stored user name and password"
	case WebApp:
		return "the customer's installed package"
	}
	return string(d)
}

// KeepsSecrets reports whether the driver signs in with credentials that Connect stores.
func (d Driver) KeepsSecrets() bool { return d == Password || d == WebApp }

// chooseDriver is the driver that a request for a span means: the one asked for, else the one that the span has where the
// same user stands on it, else JWT. A driver that is none of known is refused; into names the span's cloud there.
func chooseDriver(asked, has Driver, same bool, into string, known ...Driver) (Driver, error) {
	if asked == "" && same {
		asked = has
	}
	if asked == "" {
		return JWT, nil
	}
	if slices.Contains(known, asked) {
		return asked, nil
	}
	names := make([]string, len(known))
	for i, d := range known {
		names[i] = string(d)
	}
	return asked, fault.New(fault.Invalid, CodeInvalidDriver, "Into %s, auth is %s.", into, strings.Join(names, " or ")).In("auth")
}

// orgDriver gives sessions of users in the org. What the org refuses is a fault whose cause refusal finds.
type orgDriver interface {
	session(ctx context.Context, l Link, username string) (crm.Token, error)
}

// tenantDriver gives sessions of users in the tenant; mid 0 is the user's default business unit.
type tenantDriver interface {
	session(ctx context.Context, l Link, username string, mid int64) (engagement.Token, error)
}

// orgDriver is the driver of the link's org span; JWT before it has one.
func (s *Service) orgDriver(d Driver) orgDriver {
	if d == Password {
		return s.orgPassword
	}
	return jwtOrg{s}
}

func (s *Service) tenantDriver(d Driver) tenantDriver {
	switch d {
	case Password:
		return s.tenantPassword
	case WebApp:
		return webAppTenant{s}
	}
	return jwtTenant{s}
}

// mintOrg gets a new token of the user from the org.
func (s *Service) mintOrg(ctx context.Context, l Link, username string) (crm.Token, error) {
	l, err := s.current(ctx, l, l.Org.Driver)
	if err != nil {
		return crm.Token{}, err
	}
	if err := l.Org.shut(); err != nil {
		return crm.Token{}, err
	}
	return s.orgDriver(l.Org.Driver).session(ctx, l, username)
}

// mintTenant gets a new token of the user from the tenant.
func (s *Service) mintTenant(ctx context.Context, l Link, username string, mid int64) (engagement.Token, error) {
	l, err := s.current(ctx, l, l.Tenant.Driver)
	if err != nil {
		return engagement.Token{}, err
	}
	if SameUsername(username, l.Tenant.Username) {
		if err := l.Tenant.shut(); err != nil {
			return engagement.Token{}, err
		}
	}
	return s.tenantDriver(l.Tenant.Driver).session(ctx, l, username, mid)
}

// current is the link as it is stored now, where its credentials may have been renewed or refused since it was read: work
// that goes on for long with an old one must not lock the user out.
func (s *Service) current(ctx context.Context, l Link, d Driver) (Link, error) {
	if !d.KeepsSecrets() {
		return l, nil
	}
	return s.store.Link(ctx, l.Pair)
}

// lasting are causes that only new credentials mend. To try the old ones again would lock the user out.
var lasting = map[fault.Code]bool{CodePasswordChanged: true, CodeTokenReset: true, CodeTokenRequired: true, CodeCredentialsRefused: true}

// causes are all for which stored credentials are refused.
var causes = map[fault.Code]bool{
	CodePasswordChanged: true, CodeTokenReset: true, CodeTokenRequired: true, CodeCredentialsRefused: true, CodePasswordExpired: true, CodeLocked: true,
	CodeAddressChanged: true, CodeInactive: true, CodeIPRefused: true, CodeHoursRefused: true, CodeNotAPIUser: true, CodeWebServicesOff: true, CodeNoRole: true, CodeClientRefused: true,
}

func shut(d Driver, state SpanState, c Cause) error {
	if d == Password && state == SpanBroken && lasting[fault.Code(c.Code)] {
		return c.fault()
	}
	return nil
}

// shut is why the span's stored credentials are not even tried; nil where they are.
func (o OrgSpan) shut() error { return shut(o.Driver, o.State, o.Cause) }

func (t TenantSpan) shut() error { return shut(t.Driver, t.State, t.Cause) }

// fault is the refusal of a call whose span is broken for the cause.
func (c Cause) fault() error { return fault.New(fault.Denied, fault.Code(c.Code), "%s", c.Text) }

// Choice is the driver that a span has, or would be connected by, and why.
type Choice struct {
	Driver Driver
	Why    string
}

// OrgChoice says by what Connect signs in to the org.
func (l Link) OrgChoice() Choice {
	if l.Org.Driver == Password {
		return Choice{Password, "SOAP login with the system user's name, password and security token, as before Connected App authentication; a change of any of them breaks it"}
	}
	switch l.Standing {
	case OwnLink:
		return Choice{JWT, "JWT bearer under your own app: Connect holds the key of the app's certificate, and no password"}
	case BesidePackage:
		return Choice{JWT, "JWT bearer under an app of your own, for reading alone; the vendor's app, whose key Connect does not hold, does the joining"}
	}
	return Choice{JWT, "Connected App authentication, which every version of the managed package has: Connect holds the key of the connected app's certificate, and no password"}
}

// TenantOAuthSince is the release from which on the org has tenant-specific OAuth (document 002).
var TenantOAuthSince = Package{Major: 220}

// TenantChoice says by what Connect signs in to Engagement, or will once it is connected.
func (l Link) TenantChoice() Choice {
	switch {
	case l.TenantAuth != "" && l.TenantAuth != l.Tenant.Driver:
		c := Choice{l.TenantAuth, l.TenantAuth.String() + ", as the connection's settings have it from the next `connect` on"}
		if l.Tenant.Driver != "" {
			c.Driver, c.Why = l.Tenant.Driver, l.Tenant.Driver.String()+" until then; "+c.Why
		}
		return c
	case l.Tenant.Driver == Password && l.Package.Before(TenantOAuthSince):
		return Choice{Password, "the API user's stored name and password, as managed packages before " + TenantOAuthSince.String() + " have it; users keep a token of their own sign-in"}
	case l.Tenant.Driver == Password:
		return Choice{Password, "the API user's stored name and password, kept from an older managed package: enable tenant-specific OAuth and connect the API user again"}
	case l.Tenant.Driver == WebApp:
		return Choice{WebApp, "the customer's own installed package: client credentials for the API user's work, a sealed refresh token for each mapped user"}
	}
	switch l.Standing { // no real tenant takes a key of ours
	case OwnLink:
		return Choice{WebApp, "your own installed package: client credentials for its work, a sealed refresh token for each mapped user"}
	case BesidePackage:
		return Choice{WebApp, "an installed package of your own, for reading alone; the vendor's package, whose key Connect does not hold, does the joining"}
	}
	why := "tenant-specific OAuth: Connect holds the key of the installed package's certificate, and no password; users give grants by signing in once"
	if l.Package != (Package{}) && l.Package.Before(TenantOAuthSince) {
		why += "; the vendor's own needs managed package " + TenantOAuthSince.String() + ", Connect's key does not"
	}
	return Choice{JWT, why}
}

// stored are a span's credentials in the clear.
type stored struct {
	Password      string `json:"password,omitempty"`
	SecurityToken string `json:"security_token,omitempty"`
	// ClientSecret and UserClientSecret are of the customer's package.
	ClientSecret     string `json:"client_secret,omitempty"`
	UserClientSecret string `json:"user_client_secret,omitempty"`
}

// SealedCredential are what a span signs in with as they are stored.
type SealedCredential struct {
	Pair      string
	Direction Direction
	Name      string // user name, or the client ids of the customer's package
	Origin    string // the cloud's address that they were given for
	Sealed    []byte // JSON, sealed by the vault under [CredentialAAD]
}

// UserToken is the refresh token of an Engagement user as it is stored.
type UserToken struct {
	Pair     string
	Username string // in lower case
	Origin   string // the tenant's address that he signed in at
	Sealed   []byte // sealed by the vault under [UserTokenAAD]
	Revision int64  // grows with every change; the store compares and swaps on it
	// RenewedAt is when it was used last, domain time.
	RenewedAt time.Time
}

// Credentials keeps what spans and users sign in with where no key does. A missing one is a NotFound fault with
// CodeNotFound.
type Credentials interface {
	// Credential reads the credentials of a span.
	Credential(ctx context.Context, pair string, d Direction) (SealedCredential, error)
	// UpdateLinkWith is Store.UpdateLink that stores credentials in the same transaction, in place of those there are. A span
	// whose driver keeps none loses its own with whatever change takes that driver.
	UpdateLinkWith(ctx context.Context, c SealedCredential, why audit.Change, change func(Link) (Link, error)) (Link, error)
	// PutUserToken stores a token in place of the one there is.
	PutUserToken(ctx context.Context, t UserToken) error
	// LeaseUserToken reads a token for its only use: nobody else gets it before until, machine time. One that somebody has
	// leased at now is a Limited fault.
	LeaseUserToken(ctx context.Context, pair, username string, now, until time.Time) (UserToken, error)
	// SwapUserToken stores the successor of a leased token, or the token itself unused, and ends the lease; false where it
	// has changed since t.Revision.
	SwapUserToken(ctx context.Context, t UserToken) (bool, error)
	// IdleUserTokens names users of the pair whose tokens were not used since before, the longest idle first.
	IdleUserTokens(ctx context.Context, pair string, before time.Time, limit int) ([]string, error)
	// DeleteUserToken forgets a token; one that is not there already is none.
	DeleteUserToken(ctx context.Context, pair, username string) error
	// DeleteStrangers forgets tokens that were not used since before, of users who are neither mapped nor the span's own, and
	// names those.
	DeleteStrangers(ctx context.Context, pair string, before time.Time) ([]string, error)
}

// sealCredential seals a span's credentials for the place where they are sent.
func (s *Service) sealCredential(l Link, d Direction, name string, c stored) (SealedCredential, error) {
	plain, err := json.Marshal(c)
	if err != nil {
		return SealedCredential{}, err
	}
	defer clear(plain)
	out := SealedCredential{Pair: l.Pair, Direction: d, Name: name, Origin: l.origin(d)}
	out.Sealed, err = s.keys.vault.Seal(plain, CredentialAAD(out))
	return out, err
}

// CredentialAAD binds sealed credentials to the pair, the span, whose they are and the address that they are sent to:
// elsewhere they do not open.
func CredentialAAD(c SealedCredential) []byte {
	return fmt.Appendf(nil, "connect/credential/v1|%s|%s|%s|%s", c.Pair, c.Direction, c.Name, c.Origin)
}

// UserTokenAAD binds a sealed token to the pair, its user and the address that it is sent to.
func UserTokenAAD(t UserToken) []byte {
	return fmt.Appendf(nil, "connect/usertoken/v1|%s|%s|%s", t.Pair, t.Username, t.Origin)
}

// AddressChanged is why credentials that were given for one address of a cloud are not sent to another: whoever answers
// there would have them.
func AddressChanged(cloud, from, to string) error {
	return fault.New(fault.Denied, CodeAddressChanged, "%s is at %s now, and the credentials were given for %s: they are sent nowhere else.", cloud, to, from)
}

// elsewhere refuses what was sealed for another address than the span's cloud has.
func (l Link) elsewhere(d Direction, origin, mend string) error {
	now, cloud := l.origin(d), "The org"
	if d == IntoTenant {
		cloud = "Engagement"
	}
	if origin == now {
		return nil
	}
	f := fault.Of(AddressChanged(cloud, origin, now))
	return fault.New(f.Kind, f.Code, "%s %s", f.Message, mend)
}

// origin is where the span's credentials are sent.
func (l Link) origin(d Direction) string {
	if d == IntoOrg {
		return l.CRMURL
	}
	return l.AuthURL
}

// credential opens a span's credentials, which are those of name; "" takes whoever's they are.
func (s *Service) credential(ctx context.Context, l Link, d Direction, name string) (stored, error) {
	c, err := s.store.Credential(ctx, l.Pair, d)
	if err != nil {
		return stored{}, err
	}
	if name != "" {
		c.Name = name
	}
	if err := l.elsewhere(d, c.Origin, "Give them again to `connect renew --kind "+string(d)+"`."); err != nil {
		return stored{}, err
	}
	plain, err := s.keys.vault.Open(c.Sealed, CredentialAAD(c))
	if err != nil {
		return stored{}, fault.Wrap(err, fault.Internal, CodeCredentialCorrupt, "The stored credentials cannot be opened: the key file is another one, or the database was changed. Give them again.")
	}
	defer clear(plain)
	var out stored
	return out, json.Unmarshal(plain, &out)
}

// checkSecrets refuses credentials that cannot be meant.
func checkSecrets(password vault.Secret, others ...vault.Secret) error {
	if password == "" {
		return fault.New(fault.Invalid, CodeCredentialsRequired, "The password is missing.").In("password")
	}
	for _, v := range append(others, password) {
		if len(v) > 1000 {
			return fault.New(fault.Invalid, CodeCredentialsRequired, "A secret is longer than any.").In("password")
		}
	}
	return nil
}
