package tenant

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/vault"
)

// Codes of the faults about making a tenant.
const (
	CodeInvalidSpec fault.Code = "invalid_spec"
	// CodeTaken: something of the new tenant that is unique on the server belongs to another one.
	CodeTaken fault.Code = "taken"
)

// MinSecret is the shortest client secret, in bytes. Secrets are kept under a fast hash, so they must be generated ones.
const MinSecret = 16

// Spec describes a tenant to be made.
type Spec struct {
	EID           int64       // 7 to 9 digits
	Subdomain     string      // 28 characters from "mc"; "" makes one up
	Name          string      // of the top account
	AccountType   AccountType // "" is ENTERPRISE_2
	Settings      Settings
	BusinessUnits []BusinessUnitSpec // children of the top unit, whose MID is the EID
	Users         []UserSpec
	Packages      []PackageSpec
	Emails        []EmailSpec
	Definitions   []DefinitionSpec
}

// BusinessUnitSpec describes a child unit.
type BusinessUnitSpec struct {
	MID  int64
	Name string
	// Roles are names or customer keys, given to everybody in the unit.
	Roles []string
}

// UserSpec describes a user.
type UserSpec struct {
	Username string
	Name     string // "" is the user name
	Email    string
	Password vault.Secret
	// PasswordHash stands for the password where it is not "": its hash as vault.HashPassword makes it. Who makes many
	// tenants with one password hashes it once.
	PasswordHash string
	APIUser      bool
	// MustChangePassword makes the password a temporary one.
	MustChangePassword bool
	// Roles are names ("Content Creator") or customer keys ("SYS_DEF_ADMIN"), given in the whole enterprise.
	Roles []string
	// UnitRoles are those given in single business units, by MID.
	UnitRoles map[int64][]string
	// DefaultMID is where the user's calls run; 0 is the top unit.
	DefaultMID int64
	// MIDs are the units that the user may work in; empty is all of them where the default is the top unit, and the
	// default alone otherwise (engagement-wire 5).
	MIDs []int64
	// SalesforceStatus is the CRM user name of an integrated user; "" is not integrated.
	SalesforceStatus string
}

// PackageSpec describes an installed package.
type PackageSpec struct {
	Name         string
	Type         Integration
	ClientID     string
	Secret       vault.Secret // for types server, web and legacy
	Scopes       []string
	RedirectURIs []string // for types web, public and connect
	Certificate  string   // PEM, for type connect; "" allows the code flow alone
	MID          int64    // the unit that makes the integration; 0 is the top one
	MIDs         []int64  // units that it may reach; empty is all
	// LoginEndpoint is an http or https URL; see [Package].
	LoginEndpoint string
}

// EmailSpec describes an email with personalisation strings such as %%First Name%%.
type EmailSpec struct {
	CustomerKey, Name, Subject, HTML, Text string
}

// DefinitionSpec describes an active triggered send definition.
type DefinitionSpec struct {
	Key, Name, EmailKey, FromName, FromAddress string
}

// Blueprint is a whole new tenant, checked and hashed, ready to be stored in one transaction.
type Blueprint struct {
	Tenant      Tenant
	Units       []BusinessUnit
	Roles       []Role
	Users       []User
	Assignments []Assignment
	Packages    []Package
	Emails      []EmailSpec
	Definitions []DefinitionSpec
}

// NewEID returns a random EID or MID of nine digits.
func NewEID() EID { return EID(100_000_000 + randomBelow(900_000_000)) }

// NewSubdomain returns a random subdomain (engagement-wire 1).
func NewSubdomain() string { return "mc" + strings.ToLower(oauth.NewToken(32))[:26] }

func randomBelow(n uint64) int64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return int64(binary.LittleEndian.Uint64(b[:]) % n)
}

// Plan checks a spec and makes the tenant's parts of it, at the moment now. Passwords are hashed here, outside any
// transaction. What is wrong is an Invalid fault with CodeInvalidSpec; all of it is reported together.
func Plan(ctx context.Context, spec Spec, now time.Time) (Blueprint, error) {
	p := planner{spec: spec, now: now, eid: EID(spec.EID), ids: map[int64]bool{}, mids: map[MID]bool{}}
	p.account()
	p.roles()
	for _, u := range spec.Users {
		p.user(ctx, u)
	}
	for _, k := range spec.Packages {
		p.pkg(k)
	}
	p.out.Emails, p.out.Definitions = spec.Emails, spec.Definitions
	if err := errors.Join(p.wrong...); err != nil {
		return Blueprint{}, fault.Wrap(err, fault.Invalid, CodeInvalidSpec, "The tenant cannot be made: %s.", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return p.out, nil
}

type planner struct {
	spec  Spec
	now   time.Time
	eid   EID
	out   Blueprint
	ids   map[int64]bool
	mids  map[MID]bool
	wrong []error
	about string // the field of a package that the first refusal is about; "" for none
}

func (p *planner) refuse(format string, args ...any) {
	p.wrong = append(p.wrong, fmt.Errorf(format, args...))
}

// refuseIn is refuse for a field of a package.
func (p *planner) refuseIn(field, format string, args ...any) {
	if len(p.wrong) == 0 {
		p.about = field
	}
	p.refuse(format, args...)
}

func (p *planner) account() {
	s := p.spec
	if !validAccountNumber(s.EID) {
		p.refuse("the EID %d does not have 7 to 9 digits", s.EID)
	}
	if s.Subdomain == "" {
		s.Subdomain = NewSubdomain()
	}
	if !ValidSubdomain(s.Subdomain) {
		p.refuse("the subdomain %q is not 28 characters of a-z, 0-9 and - that begin with mc", clip(s.Subdomain))
	}
	if s.AccountType == "" {
		s.AccountType = Enterprise2
	}
	if !slices.Contains([]AccountType{Enterprise2, Core, LockPublish}, s.AccountType) {
		p.refuse("there is no account type %q", clip(string(s.AccountType)))
	}
	if s.AccountType != Enterprise2 && len(s.BusinessUnits) > 0 {
		p.refuse("only %s has business units below the top", Enterprise2)
	}
	if s.Name == "" || len(s.Name) > 200 {
		p.refuse("the tenant needs a name of at most 200 bytes")
	}
	if err := s.Settings.Validate(); err != nil {
		p.refuse("settings: %s", reason(err))
	}
	p.out.Tenant = Tenant{EID: p.eid, Subdomain: s.Subdomain, Name: s.Name, Type: s.AccountType, Settings: s.Settings, Created: p.now}
	p.unit(MID(p.eid), 0, s.Name)
	for _, u := range s.BusinessUnits {
		if !validAccountNumber(u.MID) || p.mids[MID(u.MID)] {
			p.refuse("the MID %d does not have 7 to 9 digits, or is there twice", u.MID)
		}
		if u.Name == "" || len(u.Name) > 200 {
			p.refuse("business unit %d needs a name of at most 200 bytes", u.MID)
		}
		p.unit(MID(u.MID), MID(p.eid), u.Name)
	}
}

func (p *planner) unit(mid, parent MID, name string) {
	p.mids[mid] = true
	p.out.Units = append(p.out.Units, BusinessUnit{Tenant: p.eid, MID: mid, Parent: parent, Name: name, Active: true, Created: p.now, Modified: p.now})
}

func (p *planner) roles() {
	for _, r := range systemRoles(p.out.Tenant.Type) {
		r.Tenant, r.ID, r.System, r.Created, r.Modified = p.eid, NewGUID(), true, p.now, p.now
		p.out.Roles = append(p.out.Roles, r)
	}
	for _, u := range p.spec.BusinessUnits {
		p.assign(fmt.Sprintf("business unit %d", u.MID), Assignment{MID: MID(u.MID)}, u.Roles)
	}
}

// userID makes an AccountUserID of eight digits that no other user of the tenant has.
func (p *planner) userID() int64 {
	for {
		id := 10_000_000 + randomBelow(90_000_000)
		if !p.ids[id] {
			p.ids[id] = true
			return id
		}
	}
}

// units checks a list of MIDs against the tenant's.
func (p *planner) units(owner string, mids []int64) []MID {
	var out []MID
	for _, m := range mids {
		if !p.mids[MID(m)] {
			p.refuse("%s names business unit %d, which the tenant does not have", owner, m)
		}
		out = append(out, MID(m))
	}
	return out
}

func (p *planner) user(ctx context.Context, s UserSpec) {
	if !ValidUsername(s.Username) {
		p.refuse("%q cannot be a user name", clip(s.Username))
		return
	}
	u := User{
		Tenant: p.eid, ID: p.userID(), CustomerKey: s.Username, Username: s.Username, Name: s.Name, Email: s.Email, Active: true,
		APIUser: s.APIUser, MustChange: s.MustChangePassword, DefaultMID: MID(s.DefaultMID), SalesforceUsername: s.SalesforceStatus,
		Locale: "en-US", TimeZone: "America/Chicago", PasswordChanged: p.now, Created: p.now, Modified: p.now,
	}
	if u.Name == "" {
		u.Name = s.Username
	}
	if u.Email != "" && !ValidAddress(u.Email) {
		p.refuse("user %s has an email that is none", s.Username)
	}
	if u.DefaultMID == 0 {
		u.DefaultMID = MID(p.eid)
	}
	switch {
	case len(s.MIDs) > 0:
		u.MIDs = p.units("user "+s.Username, s.MIDs)
	case u.DefaultMID == MID(p.eid):
		for _, unit := range p.out.Units {
			u.MIDs = append(u.MIDs, unit.MID)
		}
	default:
		u.MIDs = p.units("user "+s.Username, []int64{s.DefaultMID})
	}
	if !u.MayUse(u.DefaultMID) {
		p.refuse("user %s may not work in its default business unit %d", s.Username, s.DefaultMID)
	}
	if u.PasswordHash = s.PasswordHash; u.PasswordHash == "" {
		if err := CheckNewPassword(s.Username, "", s.Password.Reveal()); err != nil {
			p.refuse("user %s: %s", s.Username, reason(err))
			return
		}
		hash, err := vault.HashPassword(ctx, s.Password)
		if err != nil {
			p.wrong = append(p.wrong, err)
			return
		}
		u.PasswordHash = hash
	}
	p.out.Users = append(p.out.Users, u)
	p.assign("user "+s.Username, Assignment{UserID: u.ID}, s.Roles)
	for _, mid := range slices.Sorted(maps.Keys(s.UnitRoles)) {
		p.units("user "+s.Username, []int64{mid})
		p.assign("user "+s.Username, Assignment{UserID: u.ID, MID: MID(mid)}, s.UnitRoles[mid])
	}
}

// assign gives the roles to whom, and where, the assignment says.
func (p *planner) assign(owner string, a Assignment, roles []string) {
	for _, name := range roles {
		i := slices.IndexFunc(p.out.Roles, func(r Role) bool { return r.Name == name || r.CustomerKey == name })
		if i < 0 {
			p.refuse("%s has the role %q, which there is not", owner, clip(name))
			continue
		}
		a.Tenant, a.RoleID = p.eid, p.out.Roles[i].ID
		p.out.Assignments = append(p.out.Assignments, a)
	}
}

func (p *planner) pkg(s PackageSpec) {
	owner := fmt.Sprintf("package %q", clip(s.Name))
	if len(s.ClientID) < 8 || len(s.ClientID) > 64 || strings.Trim(s.ClientID, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._-") != "" {
		p.refuse("%s needs a client id of 8 to 64 letters, digits, dots, hyphens and underscores", owner)
	}
	k := Package{
		Tenant: p.eid, ClientID: s.ClientID, PackageID: NewGUID(), ApplicationID: NewGUID(), Name: s.Name, Type: s.Type, Scopes: s.Scopes,
		RedirectURIs: s.RedirectURIs, Certificate: s.Certificate, LoginEndpoint: s.LoginEndpoint, MID: MID(s.MID), Active: true, Created: p.now, Modified: p.now,
	}
	if k.MID == 0 {
		k.MID = MID(p.eid)
	}
	p.units(owner, []int64{int64(k.MID)})
	k.MIDs = p.described(owner, s)
	if s.Type == ServerIntegration || s.Type == LegacyIntegration {
		k.AppUser = p.appUser(s.Name, k.MID)
	}
	switch {
	case k.NeedsSecret() && len(s.Secret) < MinSecret:
		p.refuse("%s needs a secret of at least %d characters", owner, MinSecret)
	case !k.NeedsSecret() && s.Secret != "":
		p.refuse("%s is of a type that has no secret", owner)
	case k.NeedsSecret():
		sum := sha256.Sum256([]byte(s.Secret.Reveal()))
		k.SecretHash = sum[:]
		k.SecretExpires = p.spec.Settings.SecretExpires(p.now)
	}
	if s.Certificate != "" {
		if s.Type != ConnectIntegration {
			p.refuse("%s is of a type that has no certificate", owner)
		} else if _, err := oauth.ParseCertificate(s.Certificate); err != nil {
			p.refuse("%s: %s", owner, reason(err))
		}
	}
	p.out.Packages = append(p.out.Packages, k)
}

// described judges what of a package can be changed later, with its type, and gives the units that it may reach.
func (p *planner) described(owner string, s PackageSpec) []MID {
	if s.Name == "" || len(s.Name) > 200 {
		p.refuseIn("name", "a package needs a name of at most 200 bytes")
	}
	mids := p.units(owner, s.MIDs)
	for _, scope := range s.Scopes {
		if !KnownScope(scope) {
			p.refuseIn("scopes", "%s has the scope %q, which there is not", owner, clip(scope))
		}
	}
	for _, uri := range s.RedirectURIs {
		if err := oauth.CheckRedirect(uri); err != nil {
			p.refuseIn("redirect_uris", "%s: %s", owner, reason(err))
		}
	}
	if s.LoginEndpoint != "" && !validEndpoint(s.LoginEndpoint) {
		p.refuseIn("login_endpoint", "%s has a login endpoint that is no http or https URL of at most 500 bytes", owner)
	}
	switch s.Type {
	case ServerIntegration, LegacyIntegration:
		if len(s.RedirectURIs) > 0 {
			p.refuseIn("redirect_uris", "%s is of a type that has no redirect URIs", owner)
		}
	case WebIntegration, PublicIntegration, ConnectIntegration:
		if len(s.RedirectURIs) == 0 {
			p.refuseIn("redirect_uris", "%s needs a redirect URI", owner)
		}
	default:
		p.refuse("%s has the type %q, which is none of server, web, public, connect, legacy", owner, clip(string(s.Type)))
	}
	return mids
}

// validEndpoint reports whether a browser can be led to text: an absolute http or https URL without user and fragment.
func validEndpoint(text string) bool {
	u, err := url.Parse(text)
	return err == nil && len(text) <= 500 && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil && u.Fragment == "" && oneLine(text) == text
}

// reason is the message of a fault as a part of a longer sentence, which has a full stop of its own.
func reason(err error) string { return strings.TrimSuffix(fault.Of(err).Message, ".") }

// appUser makes the user on whose behalf a server-to-server package acts: no email, no password, named as the real ones
// are (engagement-wire 2.7).
func (p *planner) appUser(name string, mid MID) int64 {
	id := p.userID()
	u := User{
		Tenant: p.eid, ID: id, CustomerKey: NewGUID(), Username: "app-user-" + NewGUID(), Name: name + " app user", Active: true, APIUser: true,
		DefaultMID: mid, Locale: "en-US", TimeZone: "America/Chicago", Created: p.now, Modified: p.now,
	}
	for _, unit := range p.out.Units {
		u.MIDs = append(u.MIDs, unit.MID)
	}
	p.out.Users = append(p.out.Users, u)
	return id
}
