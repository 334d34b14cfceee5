package link

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/standing"
	"github.com/twinspan/twinspan/internal/vault"
)

// OrgRequest asks for the span into the org.
type OrgRequest struct {
	Username string // of the system user; "" is the one who is connected
	// Driver is JWT or Password; "" keeps the one that the span has, JWT where it has none.
	Driver Driver
	// Password and SecurityToken are for the driver Password; without a password those that are stored are tried.
	Password, SecurityToken vault.Secret
	Actor                   string // who asks, for the audit chain
}

// resolve fills in what the link says, and refuses what cannot be meant.
func (r OrgRequest) resolve(l Link, now time.Time) (OrgRequest, error) {
	if r.Username == "" && r.Driver == Password {
		r.Username = l.Org.Username
	}
	if err := CheckUsername(r.Username); err != nil {
		return r, fault.Of(err).In("system_user")
	}
	same := SameUsername(r.Username, l.Org.Username)
	var err error
	if r.Driver, err = chooseDriver(r.Driver, l.Org.Driver, same, "the org", JWT, Password); err != nil || r.Driver == JWT {
		return r, err
	}
	if err := l.mayBeLegacy(now); err != nil {
		return r, err
	}
	if r.Password == "" && l.Org.Driver == Password && same {
		return r, nil
	}
	return r, checkSecrets(r.Password, r.SecurityToken)
}

// ConnectOrg signs the named system user in to the org, by key or by the driver that the span has, reads back who that is,
// and puts the org span up. The org's refusal comes back in its own words and leaves the span as it was. actor is who
// asks, for the audit chain.
func (s *Service) ConnectOrg(ctx context.Context, pair, username, actor string) (Link, error) {
	return s.ConnectOrgBy(ctx, pair, OrgRequest{Username: username, Actor: actor})
}

// ConnectOrgBy is ConnectOrg by a driver. New credentials take the place of the stored ones once they have worked; a span
// that comes to be connected by key forgets its own.
func (s *Service) ConnectOrgBy(ctx context.Context, pair string, r OrgRequest) (Link, error) {
	l, err := s.store.Link(ctx, pair)
	if err != nil {
		return Link{}, err
	}
	if err := l.May(standing.ReadOrg); err != nil {
		return Link{}, err
	}
	if r, err = r.resolve(l, s.Now(l)); err != nil {
		return Link{}, err
	}
	if err := l.mayConnectOrg(r.Driver); err != nil {
		return Link{}, err
	}
	org, err := s.OrgClient(l)
	if err != nil {
		return Link{}, err
	}
	token, err := s.proveOrg(ctx, l, r) // a fresh one: a connection is not proven by an old token
	if err != nil {
		return Link{}, err
	}
	id, err := org.Session(token).UserInfo(ctx)
	if err != nil {
		return Link{}, err
	}
	if l.Org.OrgID != "" && id.OrgID != l.Org.OrgID {
		return Link{}, l.copied(id.OrgID)
	}
	if err := s.mayJoin(ctx, l, id.OrgID, org.Session(token)); err != nil {
		return Link{}, err
	}
	found := OrgUser{OrgID: id.OrgID, UserID: id.UserID, Username: id.Username, Name: id.Name, At: id.URLs.CustomDomain}
	why := audit.Change{At: s.Now(l), Actor: r.Actor, Action: audit.OrgConnected}
	change := func(l Link) (Link, error) {
		given := time.Time{}
		switch {
		case r.Password != "":
			given = s.Now(l)
		case r.Driver == Password:
			given = l.Org.GivenAt
		}
		return l.ConnectOrg(r.Username, found, r.Driver, given, s.Now(l))
	}
	if r.Password == "" {
		l, err = s.store.UpdateLink(ctx, pair, why, change)
	} else {
		var sealed SealedCredential
		if sealed, err = s.sealCredential(l, IntoOrg, found.Username, stored{Password: r.Password.Reveal(), SecurityToken: r.SecurityToken.Reveal()}); err == nil {
			l, err = s.store.UpdateLinkWith(ctx, sealed, why, change)
		}
	}
	if err != nil {
		return Link{}, err
	}
	if r.Driver == Password {
		s.orgPassword.keep(l, token)
	}
	s.org.put(orgKey(l, l.Org.Username), item[crm.Token]{token, s.Now(l).Add(orgTokenLife)}, s.Now(l))
	if p, err := s.Package(ctx, l, true); err == nil { // else the next sweep asks again: the span is up anyhow
		l.Package = p
	}
	return l, nil
}

// proveOrg signs the named user in by what the request gives, else by what is stored.
func (s *Service) proveOrg(ctx context.Context, l Link, r OrgRequest) (crm.Token, error) {
	switch {
	case r.Driver == Password && r.Password != "":
		return s.orgPassword.login(ctx, l, r.Username, r.Password, r.SecurityToken)
	case r.Driver == Password:
		return s.mintOrg(ctx, l, r.Username)
	}
	return jwtOrg{s}.session(ctx, l, r.Username)
}

// ProveKey signs the link's system user in to the org by key, whatever driver the span has, and reads back who that is. It
// changes nothing: an upgrade puts the span up by what it finds.
func (s *Service) ProveKey(ctx context.Context, l Link) (OrgUser, error) {
	org, err := s.OrgClient(l)
	if err != nil {
		return OrgUser{}, err
	}
	token, err := jwtOrg{s}.session(ctx, l, l.Org.Username)
	if err != nil {
		return OrgUser{}, err
	}
	id, err := org.Session(token).UserInfo(ctx)
	if err != nil {
		return OrgUser{}, err
	}
	if l.Org.OrgID != "" && id.OrgID != l.Org.OrgID {
		return OrgUser{}, l.copied(id.OrgID)
	}
	return OrgUser{OrgID: id.OrgID, UserID: id.UserID, Username: id.Username, Name: id.Name, At: id.URLs.CustomDomain}, nil
}

// CodeNotSystemUser: the user does not have the permission set that document 001 gives the system user.
const CodeNotSystemUser fault.Code = "not_system_user"

// ProveSystemUser refuses a user who cannot be the system user of an org that is not connected: by key the org lets in only
// who is approved for the connected app, and of those the one is meant to whom document 001 gave the package's permission set
// for it. It changes nothing.
func (s *Service) ProveSystemUser(ctx context.Context, l Link, username string) error {
	org, err := s.OrgClient(l)
	if err != nil {
		return err
	}
	token, err := jwtOrg{s}.session(ctx, l, username)
	if err != nil {
		return err
	}
	set := l.Names().SystemUserSet
	rows, err := org.Session(token).Query(ctx, "SELECT Id FROM PermissionSetAssignment WHERE Assignee.Username = "+crm.Literal(username)+" AND PermissionSet.Label = "+crm.Literal(set)+" LIMIT 1")
	if err == nil && len(rows) == 0 {
		err = fault.New(fault.Denied, CodeNotSystemUser, "%s does not have the permission set %s, so %s is not the Salesforce system user.", username, set, username)
	}
	return err
}

// AllowedApp completes the system user's visit to the org in which he allowed the connected app: who came back, by the code that
// the org gave. The org keeps his approval as long as the token lives that comes with it; Connect needs none of it. Whoever else
// came back is refused, and what he allowed is taken back.
func (s *Service) AllowedApp(ctx context.Context, l Link, named string, g crm.CodeGrant) (OrgUser, error) {
	org, err := s.OrgClient(l)
	if err != nil {
		return OrgUser{}, err
	}
	key, err := s.keys.Private(ctx, l.Pair, IntoOrg, s.machine())
	if err != nil {
		return OrgUser{}, err
	}
	g.ClientID = l.ConsumerKey
	if g.Assertion, err = org.ClientAssertion(l.ConsumerKey, key, s.Now(l)); err != nil {
		return OrgUser{}, err
	}
	token, err := org.ExchangeCode(ctx, g)
	if err != nil {
		return OrgUser{}, err
	}
	id, err := org.Session(token).UserInfo(ctx)
	if err == nil && l.Org.OrgID != "" && id.OrgID != l.Org.OrgID {
		err = WrongOrg(OrgName(id.OrgID, id.URLs.CustomDomain), OrgName(l.Org.OrgID, s.SignInURL(ctx, l)))
	}
	if err == nil {
		err = CheckSystemUser(named, id.Username)
	}
	if err != nil {
		return OrgUser{}, errors.Join(err, org.Revoke(ctx, cmp.Or(token.RefreshToken, token.AccessToken)))
	}
	return OrgUser{OrgID: id.OrgID, UserID: id.UserID, Username: id.Username, Name: id.Name, At: id.URLs.CustomDomain}, nil
}

// TenantRequest asks for the span into Engagement.
type TenantRequest struct {
	Username string // of the API user; "" is the one who is connected, and by WebApp whoever the package is
	MID      int64  // business unit to work in; 0 is the user's default
	// Driver is JWT, Password or WebApp; "" is what the settings say, else what the span has, JWT where it has none.
	Driver   Driver
	Password vault.Secret  // for the driver Password; without it the stored one is tried
	Package  PackageClient // for the driver WebApp; what is not given is as stored
	Actor    string        // who asks, for the audit chain
}

func (r TenantRequest) resolve(l Link) (TenantRequest, error) {
	if r.Username == "" && r.Driver == Password {
		r.Username = l.Tenant.Username
		if r.MID == 0 {
			r.MID = l.Tenant.MID
		}
	}
	same := SameUsername(r.Username, l.Tenant.Username)
	has := l.Tenant.Driver
	switch {
	case l.TenantAuth != "":
		same, has = true, l.TenantAuth
	case r.Username == "" && has == WebApp:
		same = true
	case has == "" && l.real():
		same, has = true, WebApp
	}
	var err error
	if r.Driver, err = chooseDriver(r.Driver, has, same, "Engagement", JWT, Password, WebApp); err != nil {
		return r, err
	}
	if r.Username != "" || r.Driver != WebApp {
		if err := CheckUsername(r.Username); err != nil {
			return r, fault.Of(err).In("api_user")
		}
	}
	switch r.Driver {
	case JWT:
		return r, nil
	case WebApp:
		return r.resolvePackage(l)
	}
	same = SameUsername(r.Username, l.Tenant.Username)
	if l.Tenant.Driver != Password && !l.Package.Before(TenantOAuthSince) {
		return r, fault.New(fault.Conflict, CodeNeedsTenantOAuth, "Managed package %s has tenant-specific OAuth: no new connection into Engagement by password is made.", l.Package).In("auth")
	}
	if r.Password == "" && l.Tenant.Driver == Password && same {
		return r, nil
	}
	return r, checkSecrets(r.Password)
}

// ConnectTenant signs the named API user in to the tenant, by key or by the driver that the span has, reads back who that
// is, and puts the tenant span up. mid 0 means the user's default business unit. By key, a user without a grant is
// refused with the tenant's invalid_grant: [NeedsGrant] tells; he signs in once in a browser, and this is called again.
func (s *Service) ConnectTenant(ctx context.Context, pair, username string, mid int64, actor string) (Link, error) {
	return s.ConnectTenantBy(ctx, pair, TenantRequest{Username: username, MID: mid, Actor: actor})
}

// ConnectTenantSignedIn is ConnectTenant for an API user who has just signed in for Connect's package: whatever the span had
// before, his grant is there, and it is by key from now on. What stands on the customer's own package stays there.
func (s *Service) ConnectTenantSignedIn(ctx context.Context, pair, username string, mid int64, actor string) (Link, error) {
	l, err := s.store.Link(ctx, pair)
	if err != nil {
		return Link{}, err
	}
	if l.Tenant.Driver == WebApp || l.TenantAuth == WebApp {
		return s.ConnectTenant(ctx, pair, username, mid, actor)
	}
	return s.ConnectTenantBy(ctx, pair, TenantRequest{Username: username, MID: mid, Driver: JWT, Actor: actor})
}

// ConnectTenantBy is ConnectTenant by a driver. New secrets take the place of the stored ones once they have worked; a span
// that comes to be connected by key forgets its own.
func (s *Service) ConnectTenantBy(ctx context.Context, pair string, r TenantRequest) (Link, error) {
	l, err := s.store.Link(ctx, pair)
	if err != nil {
		return Link{}, err
	}
	if cmp.Or(r.Driver, l.TenantAuth) == Password { // by what the org has now, not when it told last
		if l.Package, err = s.Package(ctx, l, false); err != nil {
			return Link{}, err
		}
	}
	if err := l.May(standing.PackageIntoEngagement); err != nil { // possible by one driver at least
		return Link{}, err
	}
	if r, err = r.resolve(l); err != nil {
		return Link{}, err
	}
	if err := l.mayConnectTenant(r.Driver); err != nil {
		return Link{}, err
	}
	if r.Driver == JWT && l.Tenant.Driver == Password {
		if err := s.mayLeavePassword(ctx, l); err != nil {
			return Link{}, err
		}
	}
	fresh := r.Password != "" || r.Package.given()
	if r.Driver == WebApp && fresh {
		if r.Package, err = s.complete(ctx, l, r.Package); err != nil {
			return Link{}, err
		}
	}
	tenant, err := s.TenantClient(l)
	if err != nil {
		return Link{}, err
	}
	token, err := s.proveTenant(ctx, l, r)
	if err != nil {
		return Link{}, err
	}
	id, err := tenant.Session(token).UserInfo(ctx)
	if err != nil {
		return Link{}, err
	}
	found := TenantUser{EID: id.EID, MID: id.MID, UserID: id.UserID, Username: id.Username, Name: id.Name}
	over := PackageClient{ID: r.Package.ID, UserID: r.Package.UserID}
	why := audit.Change{At: s.Now(l), Actor: r.Actor, Action: audit.TenantConnected}
	change := func(l Link) (Link, error) {
		given := time.Time{}
		switch {
		case fresh:
			given = s.Now(l)
		case r.Driver.KeepsSecrets():
			given = l.Tenant.GivenAt
		}
		return l.ConnectTenant(r.Username, r.MID, found, r.Driver, over, given, s.Now(l))
	}
	if !fresh {
		return s.store.UpdateLink(ctx, pair, why, change)
	}
	name, secrets := found.Username, stored{Password: r.Password.Reveal()}
	if r.Driver == WebApp {
		name, secrets = over.name(), stored{ClientSecret: r.Package.Secret.Reveal(), UserClientSecret: r.Package.UserSecret.Reveal()}
	}
	sealed, err := s.sealCredential(l, IntoTenant, name, secrets)
	if err != nil {
		return Link{}, err
	}
	return s.store.UpdateLinkWith(ctx, sealed, why, change)
}

func (s *Service) proveTenant(ctx context.Context, l Link, r TenantRequest) (engagement.Token, error) {
	switch {
	case r.Driver == Password && r.Password != "":
		return s.tenantPassword.prove(ctx, l, r.Username, r.Password, r.MID)
	case r.Driver == Password:
		return s.mintTenant(ctx, l, r.Username, r.MID)
	case r.Driver == WebApp && r.Package.given():
		return webAppTenant{s}.prove(ctx, l, r.Package, r.MID)
	case r.Driver == WebApp:
		return s.mintTenant(ctx, l, l.Tenant.Username, r.MID)
	}
	return jwtTenant{s}.session(ctx, l, r.Username, r.MID)
}
