package link

import (
	"context"

	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/fault"
)

// Check signs the users of both spans in anew and asks each cloud who they are, so that the state of a span is what its cloud
// says now and not what it said last. What a cloud refuses is the state of its span and no error; a cloud that does not answer is
// an error, and says nothing of its span. A span that was never connected is left alone.
func (s *Service) Check(ctx context.Context, pair string) (Link, error) {
	l, err := s.store.Link(ctx, pair)
	if err != nil {
		return Link{}, err
	}
	for _, d := range []Direction{IntoOrg, IntoTenant} {
		if err := s.CheckSpan(ctx, l, d); err != nil {
			return Link{}, err
		}
	}
	return s.store.Link(ctx, pair)
}

// CheckSpan is Check for one span. What it found stands in the stored link.
func (s *Service) CheckSpan(ctx context.Context, l Link, d Direction) error {
	var err error
	switch {
	case d == IntoOrg && l.Org.Username != "":
		if err := s.unshare(ctx, l, d, nil); err != nil {
			return err
		}
		s.org.drop(orgKey(l, l.Org.Username), func(crm.Token) bool { return true })
		err = s.CallOrg(ctx, l, func(org *crm.Session) error {
			_, err := org.UserInfo(ctx)
			return err
		})
		if err == nil {
			_, err = s.Package(ctx, l, true)
		}
	case d == IntoTenant && l.Tenant.Username != "":
		if err := s.unshare(ctx, l, d, nil); err != nil {
			return err
		}
		s.tenant.drop(tenantKey(l, l.Tenant.Username, l.Tenant.MID), func(engagement.Token) bool { return true })
		err = s.CallTenant(ctx, l, func(tenant *engagement.Session) error {
			_, err := tenant.UserInfo(ctx)
			return err
		})
	}
	if _, refused := refusal(err); err != nil && refused {
		return nil
	}
	return err
}

// Prove signs the user of a span in anew, by the driver that the span has, and asks the cloud who he is. Nothing is kept of
// it, neither in memory nor in the state of the span: it is for those who look and change nothing. Credentials that were
// refused for good are not tried again. A span that was never connected is a Conflict with CodeNotConnected.
func (s *Service) Prove(ctx context.Context, l Link, d Direction) error {
	if d == IntoOrg {
		if l.Org.Username == "" {
			return l.Ready()
		}
		org, err := s.OrgClient(l)
		if err != nil {
			return err
		}
		token, err := s.mintOrg(ctx, l, l.Org.Username)
		if err != nil {
			return err
		}
		id, err := org.Session(token).UserInfo(ctx)
		switch {
		case err != nil:
			return err
		case id.OrgID != l.Org.OrgID:
			return l.copied(id.OrgID)
		case id.UserID != l.Org.UserID:
			return fault.New(fault.Denied, CodeWrongAccount, "The org now signs in another user than the one connected.")
		}
		return nil
	}
	if l.Tenant.Username == "" {
		return fault.New(fault.Conflict, CodeNotConnected, "The org is not connected to Engagement yet: connect the Marketing Cloud Connect API user first.")
	}
	tenant, err := s.TenantClient(l)
	if err != nil {
		return err
	}
	token, err := s.mintTenant(ctx, l, l.Tenant.Username, l.Tenant.MID)
	if err != nil {
		return err
	}
	id, err := tenant.Session(token).UserInfo(ctx)
	if err != nil {
		return err
	}
	return l.CheckAPIUser(l.Tenant.Username, TenantUser{EID: id.EID, MID: id.MID, UserID: id.UserID, Username: id.Username, Name: id.Name})
}
