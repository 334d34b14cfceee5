package link

import (
	"context"

	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/client/engagement"
)

// Check signs the users of both spans in anew and asks each cloud who they are, so that the state of a span is what its cloud
// says now and not what it said last. What a cloud refuses is the state of its span and no error; a cloud that does not answer is
// an error, and says nothing of its span. A span that was never connected is left alone.
func (s *Service) Check(ctx context.Context, pair string) (Link, error) {
	l, err := s.store.Link(ctx, pair)
	if err != nil {
		return Link{}, err
	}
	if l.Org.Username != "" {
		s.org.drop(orgKey(l, l.Org.Username), func(crm.Token) bool { return true })
		err := s.CallOrg(ctx, l, func(org *crm.Session) error {
			_, err := org.UserInfo(ctx)
			return err
		})
		if err == nil {
			_, err = s.Package(ctx, l, true)
		}
		if _, refused := refusal(err); err != nil && !refused {
			return Link{}, err
		}
	}
	if l.Tenant.Username != "" {
		s.tenant.drop(tenantKey(l, l.Tenant.Username, l.Tenant.MID), func(engagement.Token) bool { return true })
		err := s.CallTenant(ctx, l, func(tenant *engagement.Session) error {
			_, err := tenant.UserInfo(ctx)
			return err
		})
		if _, refused := refusal(err); err != nil && !refused {
			return Link{}, err
		}
	}
	return s.store.Link(ctx, pair)
}
