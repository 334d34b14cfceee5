package tenant

import "context"

// TokenRequests decides whether a package may ask for tokens at all: from its address, and this often.
type TokenRequests struct {
	Registry *Registry
	Meter    *Meter // of minutes
	// Budget counts the requests of server-to-server packages, in windows of TokenBudgetWindow; nil counts none.
	Budget *Meter
	// Failures counts requests with wrong credentials; nil counts none.
	Failures *Failures
}

// Admit refuses a token request of the package from an address off the API allowlist, or beyond the rate.
func (s TokenRequests) Admit(ctx context.Context, pkg Package) error {
	t, err := s.Registry.Tenant(ctx, pkg.Tenant)
	if err != nil {
		return err
	}
	if !t.Settings.AllowsAPI(AddressOf(ctx)) {
		return errAddressDenied
	}
	switch limit := t.Settings.TokensPerMinute; {
	case limit > 0:
		if !s.Meter.Take("token "+pkg.ClientID, limit) {
			return errBlocked
		}
	case pkg.Type == ServerIntegration || pkg.Type == LegacyIntegration:
		if !s.Budget.Take(pkg.ClientID, TokenBudget) {
			return errRateLimited
		}
	}
	return nil
}
