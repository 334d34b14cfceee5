package tenant

import (
	"context"
	"errors"
	"strings"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/vault"
)

// CreatePackage installs a package in the caller's tenant. The client id, and where the type has one the secret, are made
// here; the secret is told this once. A package of type connect is made with its tenant alone: its grants stand for
// people. So is a legacy one, which nobody can make any more (engagement-wire 2.7).
func (s *Setup) CreatePackage(ctx context.Context, p Principal, spec PackageSpec) (pkg Package, secret string, err error) {
	if err := mayWrite(p, ScopeAccountsWrite); err != nil {
		return Package{}, "", err
	}
	if spec.Type == ConnectIntegration || spec.Type == LegacyIntegration {
		return Package{}, "", fault.New(fault.Invalid, CodeInvalidPackage, "A package of type %s cannot be made here.", spec.Type).In("type")
	}
	if err := mayHandOut(p, spec.Scopes); err != nil {
		return Package{}, "", err
	}
	plan, err := s.planner(ctx, p)
	if err != nil {
		return Package{}, "", err
	}
	spec.ClientID = strings.ToLower(oauth.NewToken(32))[:24]
	spec.ClientID = strings.NewReplacer("-", "x", "_", "y").Replace(spec.ClientID)
	if (Package{Type: spec.Type}).NeedsSecret() {
		secret = oauth.NewToken(32)
		spec.Secret = vault.Secret(secret)
	}
	if spec.MID == 0 {
		spec.MID = int64(p.MID)
	}
	if len(spec.MIDs) == 0 {
		spec.MIDs = confines(p)
	}
	if made := (Package{MIDs: midsOf(spec.MIDs)}); !p.Reaches(MID(spec.MID)) || !p.holds(made) {
		return Package{}, "", insufficient("access to the package's business units")
	}
	plan.pkg(spec)
	if err := errors.Join(plan.wrong...); err != nil {
		return Package{}, "", fault.Wrap(err, fault.Invalid, CodeInvalidPackage, "The package cannot be made: %s.", strings.ReplaceAll(err.Error(), "\n", "; ")).In(plan.about)
	}
	pkg = plan.out.Packages[0]
	err = s.Store.AddPackage(ctx, pkg, plan.out.Users)
	s.Registry.SetupChanged()
	return pkg, secret, err
}

// planner judges, and makes, packages of the caller's tenant.
func (s *Setup) planner(ctx context.Context, p Principal) (*planner, error) {
	t, err := s.Directory.Tenant(ctx, p.Tenant)
	if err != nil {
		return nil, err
	}
	units, err := s.Registry.Units(ctx, p.Tenant)
	if err != nil {
		return nil, err
	}
	plan := planner{spec: Spec{Settings: t.Settings}, now: s.Clock.Now(p.Tenant), eid: p.Tenant, ids: map[int64]bool{}, mids: map[MID]bool{}}
	for _, u := range units {
		plan.mids[u.MID] = true
	}
	plan.out.Units = units
	return &plan, nil
}

// confines lists the units that a caller's package is confined to, where it names none itself; empty is all.
func confines(p Principal) []int64 {
	units := p.Units
	if !p.AtTop() {
		units = []MID{p.MID}
	}
	out := make([]int64, 0, len(units))
	for _, mid := range units {
		out = append(out, int64(mid))
	}
	return out
}

func midsOf(list []int64) []MID {
	var out []MID
	for _, mid := range list {
		out = append(out, MID(mid))
	}
	return out
}

// mayHandOut refuses a package, or the secret of one, to a caller who may not assign a role of what it may do. Of a package
// that acts as itself he would have all of it. One that acts for a user has no more than that user's own permissions, but
// whoever is signed in gives it those by following a link, without being asked.
func mayHandOut(p Principal, scopes []string) error {
	return mayAssign(p, Role{Name: "of the package", Allow: permissionsForScopes(scopes)})
}
