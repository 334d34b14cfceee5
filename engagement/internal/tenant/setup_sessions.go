package tenant

import (
	"context"
	"slices"

	"github.com/twinspan/twinspan/internal/fault"
)

// SessionPage is how many browser sessions a page of the tenant's list holds.
const SessionPage = 50

// UserSession is a browser session with its user.
type UserSession struct {
	Session
	Username string
	Name     string
}

// ActiveSessions gives a page of the tenant's browser sessions that could still be used, newest first: before the one
// numbered, from the newest where it is 0.
func (s *Setup) ActiveSessions(ctx context.Context, p Principal, before int64) (list []UserSession, more bool, err error) {
	if err := mayRead(p, ScopeUsersRead, ScopeUsersWrite); err != nil {
		return nil, false, err
	}
	if err := mayTenantWide(p); err != nil {
		return nil, false, err
	}
	t, err := s.Registry.Tenant(ctx, p.Tenant)
	if err != nil {
		return nil, false, err
	}
	list, err = s.Store.LiveSessions(ctx, p.Tenant, s.Clock.Now(p.Tenant).Add(-t.Settings.SessionTimeout()), before, SessionPage+1)
	if len(list) > SessionPage {
		return list[:SessionPage], true, err
	}
	return list, false, err
}

// EndUserSessions ends all browser sessions of a user, used of late or not, with the tokens that do not outlive them.
func (s *Setup) EndUserSessions(ctx context.Context, p Principal, userID int64) error {
	if err := mayWrite(p, ScopeUsersWrite); err != nil {
		return err
	}
	none := fault.New(fault.NotFound, CodeNotFound, "There is no such user.")
	user, err := s.Registry.User(ctx, p.Tenant, userID)
	if err != nil {
		return absent(err, none)
	}
	if !p.sees(user) {
		return none
	}
	if p.UserID != user.ID && !p.encloses(user) {
		return insufficient("access to all business units in which the user works")
	}
	return s.Sessions.EndAll(ctx, Session{Tenant: user.Tenant, UserID: user.ID})
}

// Unit is what a business unit is made of, for the page that shows it.
type Unit struct {
	BusinessUnit
	Packages []Package // installed packages that work there
}

// Units lists the business units that the caller reaches, the top one first, with the packages that work in each.
func (s *Setup) Units(ctx context.Context, p Principal) ([]Unit, error) {
	if err := mayRead(p, ScopeAccountsRead, ScopeAccountsWrite); err != nil {
		return nil, err
	}
	units, err := s.Registry.Units(ctx, p.Tenant)
	if err != nil {
		return nil, err
	}
	packages, err := s.Store.Packages(ctx, p.Tenant)
	if err != nil {
		return nil, err
	}
	var out []Unit
	for _, u := range units {
		if !p.Reaches(u.MID) {
			continue
		}
		one := Unit{BusinessUnit: u, Packages: slices.DeleteFunc(slices.Clone(packages), func(k Package) bool { return !k.Reaches(u.MID) })}
		out = append(out, one)
	}
	return out, nil
}

// Package reads one installed package of the caller's tenant, fresh.
func (s *Setup) Package(ctx context.Context, p Principal, clientID string) (Package, error) {
	all, err := s.Packages(ctx, p)
	if err != nil {
		return Package{}, err
	}
	if i := slices.IndexFunc(all, func(k Package) bool { return k.ClientID == clientID }); i >= 0 {
		return all[i], nil
	}
	return Package{}, fault.New(fault.NotFound, CodeNotFound, "There is no such package.")
}
