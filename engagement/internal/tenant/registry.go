package tenant

import (
	"context"
	"slices"
	"time"

	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
)

// Registry is the directory with a memory: packages, users, live grants and tokens are looked up by SQL once and then
// in memory. Where other processes write to the same database nothing is remembered for longer than a second; whoever
// changes something in this process says so here, after the change is committed.
type Registry struct {
	dir    Directory
	grants GrantStore
	tokens TokenStore

	tenants    *memo[EID, Tenant]
	units      *memo[EID, []BusinessUnit]
	users      *memo[userKey, User]
	names      *memo[string, userKey]
	packages   *memo[string, Package]
	live       *memo[grantKey, Grant]
	grantsByID *memo[int64, Grant]
	families   *memo[int64, Family]
	access     *memo[int64, knownToken]
}

type userKey struct {
	eid EID
	id  int64
}

type grantKey struct {
	client string
	user   int64
}

// knownToken is an access token with what it may do where that does not rest on a user's roles.
type knownToken struct {
	AccessToken
	own []string
}

// Bounds of what is remembered, in entries.
const (
	maxKnownSetup  = 20_000
	maxKnownTokens = 100_000
)

// NewRegistry makes a registry on the store. Machine tells machine time, time.Now where it is nil.
func NewRegistry(dir Directory, grants GrantStore, tokens TokenStore, machine clock.Machine) *Registry {
	if machine == nil {
		machine = time.Now
	}
	ttl := 5 * time.Minute
	if dir.Shared() {
		ttl = time.Second
	}
	return &Registry{
		dir: dir, grants: grants, tokens: tokens,
		tenants:    newMemo[EID, Tenant](ttl, maxKnownSetup, machine),
		units:      newMemo[EID, []BusinessUnit](ttl, maxKnownSetup, machine),
		users:      newMemo[userKey, User](ttl, maxKnownSetup, machine),
		names:      newMemo[string, userKey](ttl, maxKnownSetup, machine),
		packages:   newMemo[string, Package](ttl, maxKnownSetup, machine),
		live:       newMemo[grantKey, Grant](ttl, maxKnownSetup, machine),
		grantsByID: newMemo[int64, Grant](ttl, maxKnownSetup, machine),
		families:   newMemo[int64, Family](ttl, maxKnownSetup, machine),
		// A token's row never changes, so it may be remembered for as long as it lives.
		access: newMemo[int64, knownToken](AccessTokenLife, maxKnownTokens, machine),
	}
}

// Tenant reads one tenant.
func (r *Registry) Tenant(ctx context.Context, eid EID) (Tenant, error) {
	return r.tenants.get(eid, func() (Tenant, error) { return r.dir.Tenant(ctx, eid) })
}

// Units lists the tenant's business units, the top one first.
func (r *Registry) Units(ctx context.Context, eid EID) ([]BusinessUnit, error) {
	return r.units.get(eid, func() ([]BusinessUnit, error) { return r.dir.BusinessUnits(ctx, eid) })
}

// Unit finds one business unit of the tenant; a NotFound fault where it has none of that MID.
func (r *Registry) Unit(ctx context.Context, eid EID, mid MID) (BusinessUnit, error) {
	units, err := r.Units(ctx, eid)
	if err != nil {
		return BusinessUnit{}, err
	}
	for _, u := range units {
		if u.MID == mid {
			return u, nil
		}
	}
	return BusinessUnit{}, fault.New(fault.NotFound, CodeNotFound, "There is no such business unit.")
}

// User reads one user.
func (r *Registry) User(ctx context.Context, eid EID, id int64) (User, error) {
	return r.users.get(userKey{eid, id}, func() (User, error) { return r.dir.UserByID(ctx, eid, id) })
}

// UserByName finds a user of any tenant by user name, without regard to case.
func (r *Registry) UserByName(ctx context.Context, username string) (User, error) {
	folded := FoldUsername(username)
	if folded == "" {
		return User{}, fault.New(fault.NotFound, CodeNotFound, "There is no such user.")
	}
	key, err := r.names.get(folded, func() (userKey, error) {
		u, err := r.dir.UserByUsername(ctx, folded)
		return userKey{u.Tenant, u.ID}, err
	})
	if err != nil {
		return User{}, err
	}
	return r.User(ctx, key.eid, key.id)
}

// Package finds a package of any tenant by client id.
func (r *Registry) Package(ctx context.Context, clientID string) (Package, error) {
	if clientID == "" || len(clientID) > 64 {
		return Package{}, fault.New(fault.NotFound, CodeNotFound, "There is no such package.")
	}
	return r.packages.get(clientID, func() (Package, error) { return r.dir.PackageByClientID(ctx, clientID) })
}

// Snapshot takes what the user may do now, from the store itself.
func (r *Registry) Snapshot(ctx context.Context, eid EID, userID int64) (Snapshot, error) {
	roles, err := r.dir.Roles(ctx, eid)
	if err != nil {
		return Snapshot{}, err
	}
	user, err := r.dir.UserByID(ctx, eid, userID)
	if err != nil {
		return Snapshot{}, err
	}
	given, err := r.dir.Assignments(ctx, eid, userID)
	if err != nil {
		return Snapshot{}, err
	}
	return Holder{user, given}.Snapshot(roles), nil
}

// Snapshot computes what the user may do now, with the tenant's roles at hand: whoever asks for many users reads those once.
func (h Holder) Snapshot(roles []Role) Snapshot {
	given := h.Given
	if len(h.Permissions) > 0 {
		own := h.IndividualRole()
		roles, given = append(slices.Clip(roles), own), append(slices.Clip(given), Assignment{Tenant: h.Tenant, UserID: h.ID, RoleID: own.ID})
	}
	return TakeSnapshot(h.ID, roles, given)
}

func (r *Registry) liveGrant(ctx context.Context, clientID string, userID int64) (Grant, error) {
	return r.live.get(grantKey{clientID, userID}, func() (Grant, error) { return r.grants.LiveGrant(ctx, clientID, userID) })
}

func (r *Registry) grant(ctx context.Context, id int64) (Grant, error) {
	return r.grantsByID.get(id, func() (Grant, error) { return r.grants.GrantByID(ctx, id) })
}

func (r *Registry) family(ctx context.Context, id int64) (Family, error) {
	return r.families.get(id, func() (Family, error) { return r.tokens.FamilyByID(ctx, id) })
}

func (r *Registry) token(ctx context.Context, id int64) (knownToken, error) {
	return r.access.get(id, func() (knownToken, error) {
		t, err := r.tokens.TokenByID(ctx, id)
		known := knownToken{AccessToken: t}
		if t.GrantID == 0 && t.FamilyID == 0 {
			known.own = permissionsForScopes(t.Scopes)
		}
		return known, err
	})
}

// SetupChanged forgets everything about tenants, units, users and packages: something of it was changed.
func (r *Registry) SetupChanged() {
	r.tenants.reset()
	r.units.reset()
	r.users.reset()
	r.names.reset()
	r.packages.reset()
}

// TenantDeleted forgets everything: a tenant was taken away.
func (r *Registry) TenantDeleted() {
	r.SetupChanged()
	r.issuedChanged()
	r.access.reset()
}

// UserChanged forgets one user.
func (r *Registry) UserChanged(eid EID, id int64) { r.users.drop(userKey{eid, id}) }

// userRenamed forgets which name is whose.
func (r *Registry) userRenamed() { r.names.reset() }

// grantChanged forgets a user's grant for a package, whichever it is.
func (r *Registry) grantChanged(clientID string, userID int64) {
	r.live.drop(grantKey{clientID, userID})
	r.grantsByID.reset()
}

// issuedChanged forgets which grants and families are live: some of them ended.
func (r *Registry) issuedChanged() {
	r.live.reset()
	r.grantsByID.reset()
	r.families.reset()
}
