package link

import (
	"context"

	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/client/engagement"
)

// jwtOrg signs users of the org in by key (crm-wire 1.5).
type jwtOrg struct{ s *Service }

func (d jwtOrg) session(ctx context.Context, l Link, username string) (crm.Token, error) {
	org, err := d.s.OrgClient(l)
	if err != nil {
		return crm.Token{}, err
	}
	key, err := d.s.keys.Private(ctx, l.Pair, IntoOrg, d.s.machine())
	if err != nil {
		return crm.Token{}, err
	}
	return org.JWTBearer(ctx, crm.JWTGrant{ConsumerKey: l.ConsumerKey, Username: username, Key: key, Now: d.s.Now(l)})
}

// jwtTenant signs users of the tenant in by key (DESIGN 5.2).
type jwtTenant struct{ s *Service }

func (d jwtTenant) session(ctx context.Context, l Link, username string, mid int64) (engagement.Token, error) {
	tenant, err := d.s.TenantClient(l)
	if err != nil {
		return engagement.Token{}, err
	}
	key, err := d.s.keys.Private(ctx, l.Pair, IntoTenant, d.s.machine())
	if err != nil {
		return engagement.Token{}, err
	}
	return tenant.JWTBearer(ctx, engagement.JWTGrant{ClientID: l.PackageClientID, Username: username, Key: key, MID: mid, Now: d.s.Now(l)})
}
