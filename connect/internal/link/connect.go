package link

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/fault"
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
	if r.Driver == "" {
		if r.Driver = JWT; l.Org.Driver != "" && SameUsername(r.Username, l.Org.Username) {
			r.Driver = l.Org.Driver
		}
	}
	switch r.Driver {
	case JWT:
		return r, nil
	case Password:
	default:
		return r, fault.New(fault.Invalid, CodeInvalidDriver, "Into the org, auth is jwt or password.").In("auth")
	}
	if err := l.mayBeLegacy(now); err != nil {
		return r, err
	}
	if r.Password == "" && l.Org.Driver == Password && SameUsername(r.Username, l.Org.Username) {
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
	if r, err = r.resolve(l, s.Now(l)); err != nil {
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
