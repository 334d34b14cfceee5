package login

import (
	"context"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
)

// clientCredentials lets a server-to-server package act as itself (RFC 6749 section 4.4).
func (s *Server) clientCredentials(ctx context.Context, q tokenRequest) (tenant.Issued, error) {
	pkg, err := s.client(ctx, q)
	if err != nil {
		return tenant.Issued{}, err
	}
	if err := allow(pkg, tenant.ServerIntegration); err != nil {
		return tenant.Issued{}, err
	}
	return s.o.Issuer.ClientCredentials(ctx, pkg, q.want())
}

// allow refuses a grant that has nothing to do with authorization codes in words that do not speak of them.
func allow(pkg tenant.Package, types ...tenant.Integration) error {
	if err := pkg.Allow(types...); err != nil {
		return fault.Wrap(err, fault.Unauthenticated, codeNotThisGrant, "The client is not authorized to use this grant type.")
	}
	return nil
}
