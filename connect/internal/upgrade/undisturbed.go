package upgrade

import (
	"context"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/fault"
)

// KeepsSystemUser refuses another system user than the connection's while an upgrade is under way: the way back is to the one whose
// credentials are kept. username "" names nobody else.
func (s *Service) KeepsSystemUser(ctx context.Context, l link.Link, username string) error {
	if username == "" || link.SameUsername(username, l.Org.Username) {
		return nil
	}
	return s.Undisturbed(ctx, l)
}

// KeepsAPIUser likewise refuses another API user, or another business unit for him; mid 0 is his own.
func (s *Service) KeepsAPIUser(ctx context.Context, l link.Link, username string, mid int64) error {
	if (username == "" || link.SameUsername(username, l.Tenant.Username)) && (mid == 0 || mid == l.Tenant.MID) {
		return nil
	}
	return s.Undisturbed(ctx, l)
}

// WhileVerifying is the link as what verifies an upgrade to tenant-specific OAuth needs it: without the outage that is for it.
func (s *Service) WhileVerifying(ctx context.Context, l link.Link) (link.Link, error) {
	if l.Outage == (link.Outage{}) {
		return l, nil
	}
	u, err := s.Last(ctx, l)
	if err != nil && fault.CodeOf(err) != CodeNotFound {
		return l, err
	}
	if err == nil && u.Verifies(TenantOAuth) {
		l.Outage = link.Outage{}
	}
	return l, nil
}
