package login

import (
	"context"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
)

// authorizationCode exchanges the code of a sign-in (RFC 6749 section 4.1.3, RFC 7636 section 4.5).
func (s *Server) authorizationCode(ctx context.Context, q tokenRequest) (tenant.Issued, error) {
	pkg, err := s.client(ctx, q)
	if err != nil {
		return tenant.Issued{}, err
	}
	switch "" {
	case q.Code:
		return tenant.Issued{}, missing("code")
	case q.RedirectURI:
		return tenant.Issued{}, missing("redirect_uri")
	}
	return s.o.Issuer.FromCode(ctx, pkg, tenant.CodeProof{Code: q.Code, RedirectURI: q.RedirectURI, Verifier: q.CodeVerifier}, q.want())
}
