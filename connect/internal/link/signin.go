package link

import (
	"context"

	"github.com/twinspan/twinspan/internal/fault"
)

// Sign-ins for nothing but to see that a cloud takes a user. Their tokens are kept nowhere: who goes through very many
// users must not push out those that work is done with.

// TryOrg signs a user in to the org by key and reads back who that is: the token's answer names org and user.
func (s *Service) TryOrg(ctx context.Context, l Link, username, userID string) error {
	t, err := jwtOrg{s}.session(ctx, l, username)
	switch {
	case err != nil:
		return err
	case t.OrgID != l.Org.OrgID:
		return l.copied(t.OrgID)
	case t.UserID != userID:
		return fault.New(fault.Denied, CodeWrongUser, "The org signed in user %s as %s, where %s was meant.", t.UserID, username, userID)
	}
	return nil
}

// TryTenant signs a user in to the tenant by the span's driver, in a business unit; mid 0 is his default.
func (s *Service) TryTenant(ctx context.Context, l Link, username string, mid int64) error {
	if SameUsername(username, l.Tenant.Username) { // whose stored credentials must not be tried too often
		_, err := s.mintTenant(ctx, l, username, mid)
		return err
	}
	_, err := s.tenantDriver(l.Tenant.Driver).session(ctx, l, username, mid)
	return err
}
