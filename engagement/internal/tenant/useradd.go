package tenant

import (
	"context"
	"slices"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/vault"
)

// Add makes a user as [Users.Create] does, and refuses one whose user name or customer key is somebody's: whoever fills in
// a form for a new user does not mean to change another one.
func (s *Users) Add(ctx context.Context, p Principal, c UserChange) (User, error) {
	if err := mayWrite(p, ScopeUsersWrite); err != nil {
		return User{}, err
	}
	if folded := FoldUsername(c.Username); folded != "" {
		_, err := s.Directory.UserByUsername(ctx, folded)
		if err == nil {
			return User{}, fault.New(fault.Conflict, CodeTaken, "The user name is taken.").In("UserID")
		}
		if fault.KindOf(err) != fault.NotFound {
			return User{}, err
		}
	}
	return s.create(ctx, p, c)
}

// ResetPassword gives a user a temporary password, which is told this once and which he replaces when he signs in. His
// browser sessions end; those of an API user's connections too (engagement-wire 5).
func (s *Users) ResetPassword(ctx context.Context, p Principal, id int64) (User, string, error) {
	password, temporary := oauth.NewToken(32)[:20], true
	u, err := s.Change(ctx, p, UserChange{ID: id, Password: vault.Secret(password), MustChange: &temporary})
	if err != nil {
		return User{}, "", err
	}
	return u, password, nil
}

// Change changes a user that is there, by his ID; without one it is a NotFound fault.
func (s *Users) Change(ctx context.Context, p Principal, c UserChange) (User, error) {
	if err := mayWrite(p, ScopeUsersWrite); err != nil {
		return User{}, err
	}
	old, err := s.find(ctx, p, UserChange{ID: c.ID})
	if err != nil {
		return User{}, absent(err, fault.New(fault.NotFound, CodeNotFound, "There is no such user."))
	}
	return s.edit(ctx, p, old, c)
}

// SetRoles makes the roles that a user has in the unit, 0 for all business units, exactly those of the customer keys given.
// Roles that everybody in a unit has are not his own, and stay.
func (s *Users) SetRoles(ctx context.Context, p Principal, id int64, unit MID, keys []string) (User, error) {
	if err := mayWrite(p, ScopeUsersWrite); err != nil {
		return User{}, err
	}
	roles, err := s.Directory.Roles(ctx, p.Tenant)
	if err != nil {
		return User{}, err
	}
	given, err := s.Directory.Assignments(ctx, p.Tenant, id)
	if err != nil {
		return User{}, err
	}
	c := UserChange{ID: id}
	for _, role := range roles {
		has := slices.Contains(given, Assignment{Tenant: p.Tenant, UserID: id, MID: unit, RoleID: role.ID})
		if wanted := slices.Contains(keys, role.CustomerKey); wanted != has {
			c.Roles = append(c.Roles, RoleChange{ID: role.ID, Unit: unit, Remove: has})
		}
	}
	if len(c.Roles) == 0 {
		return s.find(ctx, p, c)
	}
	return s.Change(ctx, p, c)
}
