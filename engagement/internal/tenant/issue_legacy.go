package tenant

import (
	"context"
)

// Legacy issues a token to a legacy package, on which it acts as itself, and, where offline asks for it, a refresh token
// (engagement-wire 2.5).
func (s *Issuer) Legacy(ctx context.Context, pkg Package, w Want, offline bool) (Issued, error) {
	if err := pkg.Allow(LegacyIntegration); err != nil {
		return Issued{}, err
	}
	app, err := s.appUser(ctx, pkg)
	if err != nil {
		return Issued{}, err
	}
	scopes, err := NarrowScopes(w.Scope, pkg.Scopes)
	if err != nil {
		return Issued{}, err
	}
	mid, err := s.unit(ctx, pkg, nil, 0, pkg.MID)
	if err != nil {
		return Issued{}, err
	}
	out := Issued{Scopes: scopes, Tenant: pkg.Tenant, MID: mid}
	if !offline {
		err = s.again(func() error {
			token := newCredential(kindAccess, s.Serials.Next())
			out.AccessToken = token.text
			return s.Tokens.AddToken(ctx, s.access(token, pkg, app.ID, mid, scopes, 0, 0))
		})
		return out, err
	}
	// What a sign-in is to other packages: the chain of refresh tokens hangs on it. Its code is known to nobody.
	now := s.Clock.Now(pkg.Tenant)
	err = s.again(func() error {
		code := newCredential(kindCode, s.Serials.Next())
		if err := s.Tokens.AddFamily(ctx, Family{
			ID: code.id, CodeHash: code.hash(), Tenant: pkg.Tenant, ClientID: pkg.ClientID, UserID: app.ID, MID: mid, Scopes: scopes,
			Snapshot: Snapshot{Base: permissionsForScopes(scopes)}, Offline: true, Created: now, CodeExpires: now.Add(CodeLife),
		}); err != nil {
			return err
		}
		token, refresh := newCredential(kindAccess, s.Serials.Next()), newCredential(kindRefresh, s.Serials.Next())
		out.AccessToken, out.RefreshToken = token.text, refresh.text
		_, err := s.Tokens.UseCode(ctx, code.id, now, s.access(token, pkg, app.ID, mid, scopes, code.id, 0), RefreshToken{
			ID: refresh.id, Hash: refresh.hash(), FamilyID: code.id, Scopes: scopes, MID: mid, Created: now, Expires: now.Add(LegacyRefreshLife),
		})
		return err
	})
	return out, err
}
