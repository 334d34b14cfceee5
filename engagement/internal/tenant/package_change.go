package tenant

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
)

// PackageChange is what to change of an installed package; nil leaves a thing as it is, a list replaces the one there was.
type PackageChange struct {
	Name         *string
	Active       *bool
	Scopes       *[]string
	RedirectURIs *[]string
	MIDs         *[]int64 // business units that it may work in; empty is all
	// LoginEndpoint is where its component "Marketing Cloud App" is; "" takes it away.
	LoginEndpoint *string
}

// PackageEnd says what of a package's access ends when it is changed or taken away.
type PackageEnd struct {
	All    bool     // every sign-in and grant
	Scopes []string // else the sign-ins that were given one of these
	By     int64    // the user who did it
	At     time.Time
}

// PackageEnded counts what ended with a change of a package.
type PackageEnded struct {
	SignIns int // token families
	Grants  int
}

// ChangedPackage is a package after a change.
type ChangedPackage struct {
	Package
	Ended  PackageEnded
	Notice string // what stops, or does not come back, in words; "" where there is nothing to say
}

// ChangePackage changes an installed package, for whoever might have made it as it was and may make it as it will be. It is
// in force at once. Disabling ends every sign-in, grant and access token of the package for good: enabling brings none of
// them back. A scope that is taken away ends the sign-ins that had it. Of the package of type connect, whose grants stand for
// people, the name changes, its login endpoint, and whether it is enabled.
func (s *Setup) ChangePackage(ctx context.Context, p Principal, clientID string, c PackageChange) (ChangedPackage, error) {
	old, err := s.held(ctx, p, clientID)
	if err != nil {
		return ChangedPackage{}, err
	}
	fresh, err := s.changed(ctx, p, old, c)
	if err != nil {
		return ChangedPackage{}, err
	}
	if samePackage(old, fresh) {
		return ChangedPackage{Package: old}, nil
	}
	end := PackageEnd{All: fresh.Active != old.Active, Scopes: without(old.Scopes, fresh.Scopes), By: p.UserID, At: s.Clock.Now(p.Tenant)}
	if fresh.Modified = end.At; end.All {
		fresh.TokensSince = s.Serials.Next()
	}
	ended, err := s.Store.ChangePackage(ctx, old, fresh, end)
	s.Registry.SetupChanged()
	s.Registry.issuedChanged()
	return ChangedPackage{Package: fresh, Ended: ended, Notice: notice(old, fresh)}, err
}

// RemovePackage uninstalls a package, for whoever might have made it, with all that was issued to it. The one of type connect
// stays: it cannot be made again.
func (s *Setup) RemovePackage(ctx context.Context, p Principal, clientID string) error {
	pkg, err := s.held(ctx, p, clientID)
	if err != nil {
		return err
	}
	if pkg.Type == ConnectIntegration {
		return fault.New(fault.Invalid, CodeInvalidPackage, "The package of type connect cannot be uninstalled: Connect works through it alone, and it cannot be made again. It can be disabled.")
	}
	if pkg.ClientID == p.ClientID {
		return errOwnPackage
	}
	err = s.Store.RemovePackage(ctx, pkg, PackageEnd{All: true, By: p.UserID, At: s.Clock.Now(p.Tenant)})
	s.Registry.SetupChanged()
	s.Registry.issuedChanged()
	return err
}

// errOwnPackage is the refusal of a call that would shut out whoever makes it, as [Setup.ChangeSettings] refuses one.
var errOwnPackage = fault.New(fault.Invalid, CodeInvalidPackage, "This call comes through the package itself, which would be shut out. Make it through another package.")

// held finds a package that the caller may change, and might have made.
func (s *Setup) held(ctx context.Context, p Principal, clientID string) (Package, error) {
	pkg, err := s.mine(ctx, p, clientID)
	if err != nil {
		return Package{}, err
	}
	return pkg, mayHandOut(p, pkg.Scopes)
}

// changed is the package with the change in it, as the caller may make it.
func (s *Setup) changed(ctx context.Context, p Principal, old Package, c PackageChange) (Package, error) {
	fresh := old
	assign(&fresh.Name, c.Name)
	assign(&fresh.Active, c.Active)
	assign(&fresh.Scopes, c.Scopes)
	assign(&fresh.RedirectURIs, c.RedirectURIs)
	assign(&fresh.LoginEndpoint, c.LoginEndpoint)
	if c.MIDs != nil {
		fresh.MIDs = midsOf(*c.MIDs)
	}
	reach := !slices.Equal(fresh.Scopes, old.Scopes) || !slices.Equal(fresh.RedirectURIs, old.RedirectURIs) || !slices.Equal(fresh.MIDs, old.MIDs)
	if old.Type == ConnectIntegration && reach {
		return Package{}, fault.New(fault.Invalid, CodeInvalidPackage, "Of the package of type connect only the name can be changed, its login endpoint, and whether it is enabled: its grants stand for people.")
	}
	if p.ClientID == old.ClientID && (!fresh.Active || !slices.Contains(fresh.Scopes, ScopeAccountsWrite) || !fresh.Reaches(p.MID)) {
		return Package{}, errOwnPackage
	}
	plan, err := s.planner(ctx, p)
	if err != nil {
		return Package{}, err
	}
	spec := PackageSpec{Name: fresh.Name, Type: fresh.Type, Scopes: fresh.Scopes, RedirectURIs: fresh.RedirectURIs, LoginEndpoint: fresh.LoginEndpoint}
	for _, mid := range fresh.MIDs {
		spec.MIDs = append(spec.MIDs, int64(mid))
	}
	plan.described(fmt.Sprintf("package %q", clip(fresh.Name)), spec)
	if err := errors.Join(plan.wrong...); err != nil {
		return Package{}, fault.Wrap(err, fault.Invalid, CodeInvalidPackage, "The package cannot be changed: %s.", strings.ReplaceAll(err.Error(), "\n", "; ")).In(plan.about)
	}
	if !p.holds(fresh) {
		return Package{}, insufficient("access to the package's business units")
	}
	return fresh, mayHandOut(p, fresh.Scopes)
}

func assign[T any](to, value *T) {
	if value != nil {
		*to = *value
	}
}

// samePackage reports whether nothing that can be changed differs.
func samePackage(a, b Package) bool {
	return a.Name == b.Name && a.LoginEndpoint == b.LoginEndpoint && a.Active == b.Active && slices.Equal(a.Scopes, b.Scopes) && slices.Equal(a.RedirectURIs, b.RedirectURIs) && slices.Equal(a.MIDs, b.MIDs)
}

// without lists what of one list another lacks.
func without(list, kept []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(one string) bool { return slices.Contains(kept, one) })
}

// notice says in words what a package that was disabled stops, or does not bring back.
func notice(old, fresh Package) string {
	switch {
	case old.Active == fresh.Active:
		return ""
	case fresh.Active && fresh.Type == ConnectIntegration:
		return "Sign-ins and grants that ended when it was disabled stay ended: the API user connects anew, and every user is mapped anew."
	case fresh.Active && fresh.UsesCode():
		return "Sign-ins that ended when it was disabled stay ended: everybody signs in through it anew."
	case fresh.Active:
		return ""
	case fresh.Type == ConnectIntegration:
		return "Connect stops: nobody sends, tracks or is mapped through it, the API user included. All its sign-ins and grants have ended, and enabling it brings none back."
	case fresh.UsesCode():
		return "Nobody signs in through it, and whoever had is signed out of it; enabling it brings no sign-in back."
	}
	return "Programs that use it get no token, and those that they have are good no longer."
}
