package tenant

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
)

// Seeding describes users to add to a tenant that is there, with what it would have of their having signed in.
type Seeding struct {
	EID   EID
	Users []UserSpec
	// ClientID is the connect package that every one of them has let act for him: each has a live grant; "" for none.
	ClientID string
	// SignedIn gives each a new sign-in through the package, with a refresh token.
	SignedIn bool
}

// Seeded is a user to be stored, with what hangs on him. The numbers of a user who is there already take the place of those
// planned: the store sets them.
type Seeded struct {
	User        User
	Assignments []Assignment
	Grant       Grant // ID 0 for none
	Family      Family
	Refresh     RefreshToken // ID 0 for none
	// Token is the refresh token in clear; "" for none. It is handed out and not stored.
	Token string
}

// SeedSource is what planning reads of the tenant.
type SeedSource struct {
	Registry *Registry
	Dir      Directory
	Serials  *Serials
}

// Plan checks what is to be added and makes its parts, at the moment now. What is wrong is an Invalid fault with
// CodeInvalidSpec. Passwords must come hashed: hashing many takes too long.
func (s SeedSource) Plan(ctx context.Context, in Seeding, now time.Time) ([]Seeded, error) {
	for _, u := range in.Users {
		if u.PasswordHash == "" {
			return nil, fault.New(fault.Invalid, CodeInvalidSpec, "The user %s comes without the hash of a password.", clip(u.Username))
		}
	}
	units, err := s.Dir.BusinessUnits(ctx, in.EID)
	if err != nil {
		return nil, err
	}
	roles, err := s.Dir.Roles(ctx, in.EID)
	if err != nil {
		return nil, err
	}
	everybody, err := s.Dir.Assignments(ctx, in.EID, 0)
	if err != nil {
		return nil, err
	}
	p := planner{now: now, eid: in.EID, ids: map[int64]bool{}, mids: map[MID]bool{}, out: Blueprint{Units: units, Roles: roles}}
	for _, u := range units {
		p.mids[u.MID] = true
	}
	for _, u := range in.Users {
		p.user(ctx, u)
	}
	if err := errors.Join(p.wrong...); err != nil {
		return nil, fault.Wrap(err, fault.Invalid, CodeInvalidSpec, "The users cannot be made: %s.", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	out := make([]Seeded, len(p.out.Users))
	given := map[int64][]Assignment{}
	for _, a := range p.out.Assignments {
		given[a.UserID] = append(given[a.UserID], a)
	}
	for i, u := range p.out.Users {
		out[i] = Seeded{User: u, Assignments: given[u.ID]}
	}
	if in.ClientID == "" {
		return out, nil
	}
	pkg, err := s.Registry.Package(ctx, in.ClientID)
	if err != nil {
		return nil, err
	}
	if pkg.Tenant != in.EID {
		return nil, fault.New(fault.Invalid, CodeInvalidSpec, "The package is another tenant's.")
	}
	life, err := s.Registry.Tenant(ctx, in.EID)
	if err != nil {
		return nil, err
	}
	for i := range out {
		s.signIn(&out[i], pkg, roles, everybody, now, now.Add(life.Settings.RefreshLife()), in.SignedIn)
	}
	return out, nil
}

// signIn adds what a user's sign-in through the package leaves.
func (s SeedSource) signIn(u *Seeded, pkg Package, roles []Role, everybody []Assignment, now, expires time.Time, family bool) {
	snapshot := TakeSnapshot(u.User.ID, roles, append(slices.Clone(everybody), u.Assignments...))
	u.Grant = Grant{ID: s.Serials.Next(), Tenant: pkg.Tenant, ClientID: pkg.ClientID, UserID: u.User.ID, Snapshot: snapshot, Made: now, MadeBy: u.User.ID}
	if !family {
		return
	}
	code, refresh := newCredential(kindCode, s.Serials.Next()), newCredential(kindRefresh, s.Serials.Next())
	u.Family = Family{
		ID: code.id, CodeHash: code.hash(), Tenant: pkg.Tenant, ClientID: pkg.ClientID, UserID: u.User.ID, MID: u.User.DefaultMID, Scopes: pkg.Scopes, Snapshot: snapshot,
		GrantID: u.Grant.ID, Offline: slices.Contains(pkg.Scopes, ScopeOffline), Created: now, CodeExpires: now.Add(CodeLife), CodeUsed: now,
	}
	if len(pkg.RedirectURIs) > 0 {
		u.Family.RedirectURI = pkg.RedirectURIs[0]
	}
	u.Refresh = RefreshToken{ID: refresh.id, Hash: refresh.hash(), FamilyID: code.id, Scopes: pkg.Scopes, MID: u.User.DefaultMID, Created: now, Expires: expires}
	u.Token = refresh.text
}
