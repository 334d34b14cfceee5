package tenant

import (
	"context"

	"github.com/twinspan/twinspan/internal/fault"
)

// Authentication is the tenant's own [Authenticator]: tokens by the registry's memory, passwords by SignIns.
type Authentication struct {
	Registry *Registry
	SignIns  *SignIns
	Clock    Clock
	// Meter counts the calls of each package and user; nil counts none.
	Meter *Meter
}

var _ Authenticator = (*Authentication)(nil)

var errInvalidToken = fault.New(fault.Unauthenticated, CodeInvalidToken, "The access token is invalid, expired, or revoked.")

// Token implements Authenticator.
func (a *Authentication) Token(ctx context.Context, text string) (Principal, error) {
	id, ok := parseCredential(kindAccess, text)
	if !ok {
		return Principal{}, errInvalidToken
	}
	t, err := a.Registry.token(ctx, id)
	if err != nil {
		return Principal{}, absent(err, errInvalidToken)
	}
	if !sameHash(text, t.Hash) || !a.Clock.Now(t.Tenant).Before(t.Expires) {
		return Principal{}, errInvalidToken
	}
	pkg, err := a.Registry.Package(ctx, t.ClientID)
	if err != nil {
		return Principal{}, absent(err, errInvalidToken)
	}
	user, err := a.Registry.User(ctx, t.Tenant, t.UserID)
	if err != nil {
		return Principal{}, absent(err, errInvalidToken)
	}
	if !user.Active || t.ID < pkg.TokensSince || !pkg.honours(t.MID, t.Scopes) {
		return Principal{}, errInvalidToken
	}
	account, err := a.Registry.Tenant(ctx, t.Tenant)
	if err != nil {
		return Principal{}, absent(err, errInvalidToken)
	}
	if !account.Settings.AllowsAPI(AddressOf(ctx)) {
		return Principal{}, errAddressDenied
	}
	if !a.Meter.Take(t.ClientID, account.Settings.CallsPerMinute) {
		return Principal{}, errRateLimited
	}
	may, err := a.permissions(ctx, t)
	if err != nil {
		return Principal{}, absent(err, errInvalidToken)
	}
	return Principal{
		Tenant: t.Tenant, MID: t.MID, ClientID: t.ClientID, UserID: user.ID, Username: user.Username,
		Scopes: t.Scopes, Permissions: may.At(t.MID), Snapshot: may, Expires: t.Expires, Units: pkg.MIDs,
	}, nil
}

// permissions is what a live token carries; a token whose sign-in or grant has ended carries nothing.
func (a *Authentication) permissions(ctx context.Context, t knownToken) (Snapshot, error) {
	may := Snapshot{Base: t.own}
	if t.FamilyID != 0 {
		f, err := a.Registry.family(ctx, t.FamilyID)
		if err != nil {
			return may, err
		}
		if !f.Ended.IsZero() {
			return may, errInvalidToken
		}
		may = f.Snapshot
	}
	if t.GrantID != 0 {
		g, err := a.Registry.grant(ctx, t.GrantID)
		if err != nil {
			return may, err
		}
		if !g.Live() {
			return may, errInvalidToken
		}
		may = g.Snapshot
	}
	return may, nil
}

// Password implements Authenticator.
func (a *Authentication) Password(ctx context.Context, username, password string) (Principal, error) {
	user, err := a.SignIns.CheckAPI(ctx, username, password)
	if err != nil {
		return Principal{}, err
	}
	account, err := a.Registry.Tenant(ctx, user.Tenant)
	if err != nil {
		return Principal{}, err
	}
	if !a.Meter.Take(user.Username, account.Settings.CallsPerMinute) {
		return Principal{}, errRateLimited
	}
	snapshot, err := a.Registry.Snapshot(ctx, user.Tenant, user.ID)
	if err != nil {
		return Principal{}, err
	}
	return Principal{
		Tenant: user.Tenant, MID: user.DefaultMID, UserID: user.ID, Username: user.Username,
		Permissions: snapshot.At(user.DefaultMID), Snapshot: snapshot, Expires: a.Clock.Now(user.Tenant).Add(AccessTokenLife),
	}, nil
}
