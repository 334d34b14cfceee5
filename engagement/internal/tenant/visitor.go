package tenant

import (
	"context"
	"slices"

	"github.com/twinspan/twinspan/internal/fault"
)

// CodeNoUnitToEnter: a business unit that the person may not work in, or that there is not.
const CodeNoUnitToEnter fault.Code = "no_unit_to_enter"

// Visitor is a person at the tenant's pages: what he may do now, with no scopes to narrow it, in the business unit that
// he works in. His permissions are those of the moment, not a snapshot of earlier: a page has no token.
type Visitor struct {
	Principal
	Session Session
	User    User
	Account Tenant
	Unit    BusinessUnit   // where he works: the one that he chose in this session, else his default one
	Units   []BusinessUnit // where he may work, the top one first
}

// Visitor gives the person whose session the cookie's text is. Whatever [Sessions.Find] refuses is refused alike; so is
// somebody who may work in no business unit at all.
func (s *Sessions) Visitor(ctx context.Context, text string) (Visitor, error) {
	session, user, err := s.Find(ctx, text)
	if err != nil {
		return Visitor{}, err
	}
	account, err := s.Registry.Tenant(ctx, user.Tenant)
	if err != nil {
		return Visitor{}, absent(err, errNoSession)
	}
	v := Visitor{Session: session, User: user, Account: account}
	if v.Units, err = s.open(ctx, user); err != nil {
		return Visitor{}, err
	}
	if len(v.Units) == 0 {
		return Visitor{}, errNoSession
	}
	v.Unit = v.Units[0]
	for _, wanted := range []MID{user.DefaultMID, session.MID} { // the latter, where he may still work there
		if i := slices.IndexFunc(v.Units, func(u BusinessUnit) bool { return u.MID == wanted }); i >= 0 {
			v.Unit = v.Units[i]
		}
	}
	snapshot, err := s.Registry.Snapshot(ctx, user.Tenant, user.ID)
	if err != nil {
		return Visitor{}, err
	}
	v.Principal = Principal{
		Tenant: user.Tenant, MID: v.Unit.MID, UserID: user.ID, Username: user.Username, Permissions: snapshot.At(v.Unit.MID), Snapshot: snapshot,
	}
	return v, nil
}

// open lists the active business units that the user may work in.
func (s *Sessions) open(ctx context.Context, user User) ([]BusinessUnit, error) {
	all, err := s.Registry.Units(ctx, user.Tenant)
	if err != nil {
		return nil, err
	}
	var out []BusinessUnit
	for _, u := range all {
		if u.Active && user.MayUse(u.MID) {
			out = append(out, u)
		}
	}
	return out, nil
}

// Enter lets the person go on in another business unit, in this session alone.
func (s *Sessions) Enter(ctx context.Context, v Visitor, mid MID) error {
	if !slices.ContainsFunc(v.Units, func(u BusinessUnit) bool { return u.MID == mid }) {
		return fault.New(fault.Invalid, CodeNoUnitToEnter, "You may not work in business unit %d.", mid).In("unit")
	}
	return s.Store.EnterUnit(ctx, v.Session.ID, mid)
}
