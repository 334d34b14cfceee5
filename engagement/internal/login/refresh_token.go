package login

import (
	"context"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
)

// refreshToken exchanges a refresh token for a new pair (RFC 6749 section 6).
func (s *Server) refreshToken(ctx context.Context, q tokenRequest) (tenant.Issued, error) {
	pkg, err := s.client(ctx, q)
	if err != nil {
		return tenant.Issued{}, err
	}
	if q.RefreshToken == "" {
		return tenant.Issued{}, missing("refresh_token")
	}
	return s.o.Issuer.Refresh(ctx, pkg, q.RefreshToken, q.want())
}
