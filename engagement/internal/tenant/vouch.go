package tenant

import (
	"context"

	"github.com/twinspan/twinspan/internal/fault"
)

// Codes of the faults about users whom nobody may vouch for.
const (
	// CodeNotIntegrated: the user's Salesforce.com Status is not set.
	CodeNotIntegrated fault.Code = "not_integrated"
	// CodeUserUnfit: the user is disabled, locked, or a package's app user.
	CodeUserUnfit fault.Code = "user_unfit"
)

// Vouching lets the API user of a connection manage the grants of its package: make one for an integrated user, list
// them, clear one (DESIGN 5.2). A user sees and clears his own.
type Vouching struct {
	Registry *Registry
	Grants   GrantStore
	Serials  *Serials
	Clock    Clock
}

// NamedGrant is a grant with the users it is about.
type NamedGrant struct {
	Grant
	Username string
	MadeBy   string
	// Stale: the user's permissions are no longer those of the snapshot.
	Stale bool
}

// Make makes a grant for the user, vouched for by the caller. A live grant is kept as it is; made says which it was.
func (s *Vouching) Make(ctx context.Context, caller Principal, username string) (grant NamedGrant, made bool, err error) {
	pkg, err := s.vouching(ctx, caller, "")
	if err != nil {
		return NamedGrant{}, false, err
	}
	user, err := s.user(ctx, caller, username)
	if err != nil {
		return NamedGrant{}, false, err
	}
	switch {
	case !user.May() || user.IsApp():
		return NamedGrant{}, false, fault.New(fault.Conflict, CodeUserUnfit, "The user is disabled, locked, or no person.").In("username")
	case user.SalesforceUsername == "":
		return NamedGrant{}, false, fault.New(fault.Conflict, CodeNotIntegrated, "The user's Salesforce.com Status is not set.").In("username")
	}
	snapshot, err := s.Registry.Snapshot(ctx, user.Tenant, user.ID)
	if err != nil {
		return NamedGrant{}, false, err
	}
	mine := Grant{
		ID: s.Serials.Next(), Tenant: user.Tenant, ClientID: pkg.ClientID, UserID: user.ID, Snapshot: snapshot,
		Made: s.Clock.Now(user.Tenant), MadeBy: caller.UserID,
	}
	live, err := s.Grants.PutGrant(ctx, mine, false)
	s.Registry.grantChanged(pkg.ClientID, user.ID)
	if err != nil {
		return NamedGrant{}, false, err
	}
	grant, err = s.name(ctx, live)
	return grant, live.ID == mine.ID, err
}

// Clear ends the user's grant for the caller's package, or for the one of the client id, and every token that came of it.
func (s *Vouching) Clear(ctx context.Context, caller Principal, clientID, username string) error {
	pkg, err := s.managed(ctx, caller, clientID, username)
	if err != nil {
		return err
	}
	user, err := s.user(ctx, caller, username)
	if err != nil {
		return err
	}
	if clientID != "" && clientID != caller.ClientID && !caller.encloses(user) {
		return insufficient("access to the business units of " + user.Username)
	}
	_, err = s.Grants.ClearGrant(ctx, pkg.ClientID, user.ID, caller.UserID, s.Clock.Now(user.Tenant))
	s.Registry.grantChanged(pkg.ClientID, user.ID)
	return err
}

// List gives live grants of the caller's package after the one numbered, at most limit: all of them to the API user, to
// others their own. An administrator of users names another package by its client id.
func (s *Vouching) List(ctx context.Context, caller Principal, clientID string, after int64, limit int) ([]NamedGrant, error) {
	pkg, only, err := s.seeing(ctx, caller, clientID)
	if err != nil {
		return nil, err
	}
	roles, err := s.Registry.dir.Roles(ctx, pkg.Tenant)
	if err != nil {
		return nil, err
	}
	out := make([]NamedGrant, 0, limit)
	for {
		grants, err := s.Grants.Grants(ctx, pkg.ClientID, only, after, limit)
		if err != nil {
			return nil, err
		}
		ids := make([]int64, len(grants))
		for i, g := range grants {
			ids[i] = g.UserID
		}
		holders, err := s.Registry.dir.Holders(ctx, pkg.Tenant, ids)
		if err != nil {
			return nil, err
		}
		for _, g := range grants {
			after = g.ID
			holder, there := holders[g.UserID]
			if !there || !caller.sees(holder.User) {
				continue
			}
			named, err := s.nameOf(ctx, g, holder, roles)
			if err != nil {
				return nil, err
			}
			if out = append(out, named); len(out) == limit {
				return out, nil
			}
		}
		if len(grants) < limit {
			return out, nil
		}
	}
}

// Of gives the live grants of the users named, for the caller's package. A user who is not there, has none, or whose grant
// the caller may not see is left out.
func (s *Vouching) Of(ctx context.Context, caller Principal, clientID string, usernames []string) ([]NamedGrant, error) {
	pkg, only, err := s.seeing(ctx, caller, clientID)
	if err != nil {
		return nil, err
	}
	var out []NamedGrant
	for _, name := range usernames {
		user, err := s.user(ctx, caller, name)
		if fault.KindOf(err) == fault.NotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		if only != 0 && only != user.ID {
			continue
		}
		g, err := s.Grants.LiveGrant(ctx, pkg.ClientID, user.ID)
		if fault.KindOf(err) == fault.NotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		named, err := s.name(ctx, g)
		if err != nil {
			return nil, err
		}
		out = append(out, named)
	}
	return out, nil
}

// seeing gives the package whose grants the caller sees, and the one user whose he sees where those are not all, 0 else.
func (s *Vouching) seeing(ctx context.Context, caller Principal, clientID string) (pkg Package, only int64, err error) {
	pkg, err = s.managed(ctx, caller, clientID, "")
	if clientID == "" && fault.CodeOf(err) == CodeMayNotVouch {
		only = caller.UserID
		pkg, err = s.vouching(ctx, caller, caller.Username)
	}
	return pkg, only, err
}

// managed finds the package whose grants the caller may see and clear: his own, or for who may write users the connect
// package that he names. Making grants is not in it: only the connection's own API user speaks for people.
func (s *Vouching) managed(ctx context.Context, caller Principal, clientID, own string) (Package, error) {
	if clientID == "" || clientID == caller.ClientID {
		return s.vouching(ctx, caller, own)
	}
	if err := mayWrite(caller, ScopeUsersWrite); err != nil {
		return Package{}, err
	}
	if err := mayTenantWide(caller); err != nil { // a package's grants are those of all units
		return Package{}, err
	}
	none := fault.New(fault.NotFound, CodeNotFound, "There is no such package.").In("client_id")
	pkg, err := s.Registry.Package(ctx, clientID)
	if err != nil {
		return Package{}, absent(err, none)
	}
	if pkg.Tenant != caller.Tenant || pkg.Type != ConnectIntegration {
		return Package{}, none
	}
	return pkg, nil
}

// vouching checks that the caller acts through a "connect" package and is an API user who had the administrators' roles when
// his own grant was made, or is himself the user named.
func (s *Vouching) vouching(ctx context.Context, caller Principal, own string) (Package, error) {
	refused := fault.New(fault.Denied, CodeMayNotVouch, "Only an API user with the roles Administrator and Marketing Cloud Administrator, signed in through a connect package, manages grants of others.")
	if caller.ClientID == "" {
		return Package{}, refused
	}
	pkg, err := s.Registry.Package(ctx, caller.ClientID)
	if err != nil {
		return Package{}, err
	}
	if pkg.Type != ConnectIntegration {
		return Package{}, refused
	}
	if own != "" && FoldUsername(own) == FoldUsername(caller.Username) {
		return pkg, nil
	}
	t, err := s.Registry.Tenant(ctx, caller.Tenant)
	if err != nil {
		return Package{}, err
	}
	user, err := s.Registry.User(ctx, caller.Tenant, caller.UserID)
	if err != nil {
		return Package{}, err
	}
	needed := []string{RoleMarketingCloudAdministrator}
	if t.Type == Enterprise2 { // other editions need no Administrator (connect-facts 1.5)
		needed = append(needed, RoleAdministrator)
	}
	// Of a snapshot that does not tell roles their permission must do. What is denied is denied, whatever the roles.
	held := caller.Snapshot.Roles == nil || caller.Snapshot.Holds(needed...)
	if !user.APIUser || !user.May() || !held || !caller.Can(PermMarketingCloudAdmin) {
		return Package{}, refused
	}
	return pkg, nil
}

// user finds a user of the caller's tenant by name; one of another tenant, or of another business unit, is as unknown as none.
func (s *Vouching) user(ctx context.Context, caller Principal, username string) (User, error) {
	none := fault.New(fault.NotFound, CodeNotFound, "There is no such user.").In("username")
	user, err := s.Registry.UserByName(ctx, username)
	if err != nil {
		return User{}, absent(err, none)
	}
	if user.Tenant != caller.Tenant || !caller.sees(user) {
		return User{}, none
	}
	return user, nil
}

func (s *Vouching) name(ctx context.Context, g Grant) (NamedGrant, error) {
	user, err := s.Registry.User(ctx, g.Tenant, g.UserID)
	if err != nil {
		return NamedGrant{}, err
	}
	given, err := s.Registry.dir.Assignments(ctx, g.Tenant, g.UserID)
	if err != nil {
		return NamedGrant{}, err
	}
	roles, err := s.Registry.dir.Roles(ctx, g.Tenant)
	if err != nil {
		return NamedGrant{}, err
	}
	return s.nameOf(ctx, g, Holder{user, given}, roles)
}

// nameOf is name with the grant's user and the tenant's roles at hand.
func (s *Vouching) nameOf(ctx context.Context, g Grant, holder Holder, roles []Role) (NamedGrant, error) {
	by, err := holder.User, error(nil)
	if g.Vouched() {
		if by, err = s.Registry.User(ctx, g.Tenant, g.MadeBy); err != nil {
			return NamedGrant{}, err
		}
	}
	return NamedGrant{Grant: g, Username: holder.Username, MadeBy: by.Username, Stale: !g.Snapshot.Equal(holder.Snapshot(roles))}, nil
}
