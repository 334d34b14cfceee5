package tenant

import (
	"context"

	"github.com/twinspan/twinspan/internal/throttle"
)

// TokenRequests decides whether a package may ask for tokens at all: from this address, and this often.
type TokenRequests struct {
	Registry *Registry
	Meter    *Meter // of minutes
	// Budget counts the requests of server-to-server packages, in windows of TokenBudgetWindow; nil counts none.
	Budget *Meter
	// Failures counts requests with wrong credentials; nil counts none.
	Failures *Failures
}

// Admit refuses a token request of the package from an address off the API allowlist. It is asked before the client has
// proved anything.
func (s TokenRequests) Admit(ctx context.Context, pkg Package) error {
	t, err := s.Registry.Tenant(ctx, pkg.Tenant)
	if err != nil {
		return err
	}
	if !t.Settings.AllowsAPI(AddressOf(ctx)) {
		return errAddressDenied
	}
	return nil
}

// Take counts a token request of the package and refuses it beyond the rate. It is asked once the client has shown what it
// can, since client ids are no secret and nobody else may use up what a package has. proved says that it was a secret or
// a signature; where there is none to show, each network has a rate of its own.
func (s TokenRequests) Take(ctx context.Context, pkg Package, proved bool) error {
	t, err := s.Registry.Tenant(ctx, pkg.Tenant)
	if err != nil {
		return err
	}
	caller := "token " + pkg.ClientID
	if !proved {
		network, _ := throttle.Network(AddressOf(ctx).String())
		caller += " " + network
	}
	switch limit := t.Settings.TokensPerMinute; {
	case limit > 0:
		if !s.Meter.Take(caller, limit) {
			return errBlocked
		}
	case pkg.Type == ServerIntegration || pkg.Type == LegacyIntegration:
		if !s.Budget.Take(pkg.ClientID, TokenBudget) {
			return errRateLimited
		}
	}
	return nil
}
