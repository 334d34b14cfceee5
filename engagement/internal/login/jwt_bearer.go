package login

import (
	"context"
	"slices"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
)

// Codes of refused assertions that tell their maker what to mend.
const (
	codeAudience  fault.Code = "assertion_audience"
	codeOutOfDate fault.Code = "assertion_out_of_date"
)

// Times of assertions (DESIGN 5.2). They are judged in the tenant's domain time.
const (
	assertionLife = 5 * time.Minute
	assertionSkew = 30 * time.Second
	maxJTI        = 255 // bytes
)

// jwtBearer lets a connect package act for a user who has a live grant (RFC 7523 section 2.1; what the claims hold is
// ours by decision, DESIGN 5.2). The signature proves the client, so a client_id need not be sent; one that is must be
// the issuer.
func (s *Server) jwtBearer(ctx context.Context, q tokenRequest) (tenant.Issued, error) {
	if q.Assertion == "" {
		return tenant.Issued{}, missing("assertion")
	}
	a, err := oauth.ParseAssertion(q.Assertion)
	if err != nil {
		return tenant.Issued{}, invalidAssertion(err, "it cannot be read")
	}
	if q.ClientID != "" && q.ClientID != a.Issuer {
		return tenant.Issued{}, invalidAssertion(nil, "its iss is not the client_id")
	}
	pkg, err := s.pkg(ctx, a.Issuer)
	if err != nil {
		return tenant.Issued{}, err
	}
	if err := s.o.Requests.Admit(ctx, pkg); err != nil {
		return tenant.Issued{}, err
	}
	if err := allow(pkg, tenant.ConnectIntegration); err != nil {
		return tenant.Issued{}, err
	}
	if pkg.Certificate == "" {
		return tenant.Issued{}, invalidAssertion(nil, "the package has no certificate")
	}
	key, err := s.keys.of(pkg.Certificate)
	if err != nil {
		return tenant.Issued{}, err
	}
	if err := a.Verify(key); err != nil {
		return tenant.Issued{}, invalidAssertion(err, "its signature is wrong")
	}
	if !pkg.Active {
		return tenant.Issued{}, fault.New(fault.Unauthenticated, tenant.CodeClientRefused, "The package is disabled.")
	}
	if err := s.checkAssertion(a, s.o.Clock.Now(pkg.Tenant)); err != nil {
		return tenant.Issued{}, err
	}
	// An assertion of the past that somebody replays uses nothing up of what its package may ask for.
	if err := s.o.Requests.Take(ctx, pkg, true); err != nil {
		return tenant.Issued{}, err
	}
	return s.o.Issuer.FromAssertion(ctx, pkg, tenant.Assertion{Subject: a.Subject, ID: a.ID}, q.want())
}

// checkAssertion judges the claims of an assertion whose signature is right.
func (s *Server) checkAssertion(a *oauth.Assertion, now time.Time) error {
	late := fault.New(fault.Invalid, codeOutOfDate, "The assertion has expired, is not valid yet, or lives longer than five minutes.")
	switch {
	case len(a.Audience) != 1 || !slices.Contains([]string{s.o.BaseURL + "/", s.o.BaseURL, s.o.BaseURL + TokenPath}, a.Audience[0]):
		return fault.New(fault.Invalid, codeAudience, "The assertion's audience is not %s/.", s.o.BaseURL)
	case !now.Before(a.Expires.Add(assertionSkew)), a.Expires.After(now.Add(assertionLife + assertionSkew)):
		return late
	case a.NotBefore.After(now.Add(assertionSkew)), a.IssuedAt.After(now.Add(assertionSkew)):
		return late
	case !a.IssuedAt.IsZero() && now.Sub(a.IssuedAt) > assertionLife+assertionSkew:
		return late
	case a.ID == "" || len(a.ID) > maxJTI:
		return invalidAssertion(nil, "it has no jti of 1 to 255 bytes")
	case a.Subject == "":
		return invalidAssertion(nil, "it has no sub")
	}
	return nil
}

func invalidAssertion(cause error, why string) error {
	return fault.Wrap(cause, fault.Invalid, tenant.CodeInvalidAssertion, "The assertion is refused: %s.", why)
}
