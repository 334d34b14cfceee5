package tenant

import (
	"slices"

	"github.com/twinspan/twinspan/internal/fault"
)

// Where a caller may go. Whose calls run in a business unit stays in it: "a child default limits it" (engagement-wire 5,
// connect-facts 1.5). So nobody there may change what would let him out: his own units, users who work elsewhere too, the
// tenant's settings and roles, or a package that reaches further than he.

// AtTop reports whether the call runs in the tenant's top business unit, below which all others are.
func (p Principal) AtTop() bool { return int64(p.MID) == int64(p.Tenant) }

// Reaches reports whether the caller may work in the unit from where he is: in his own, and from the top one in all that
// his package may work in. Whether the tenant has such a unit is not asked here.
func (p Principal) Reaches(mid MID) bool {
	return mid == p.MID || p.AtTop() && (len(p.Units) == 0 || slices.Contains(p.Units, mid))
}

// in is the caller at work in another business unit, with what he may do there.
func (p Principal) in(mid MID) Principal {
	if mid != p.MID {
		p.MID, p.Permissions = mid, p.Snapshot.At(mid)
	}
	return p
}

// everywhere is the caller with what he may do in the whole enterprise, whatever a single unit adds.
func (p Principal) everywhere() Principal {
	p.Permissions = p.Snapshot.Base
	return p
}

// mayGiveUnit reports whether the caller may let somebody else work in the unit. The top one opens all.
func (p Principal) mayGiveUnit(mid MID) bool {
	return p.Reaches(mid) && (int64(mid) != int64(p.Tenant) || len(p.Units) == 0)
}

// sees reports whether the caller has anything to do with the user: they share a business unit, or the caller is at the top.
func (p Principal) sees(u User) bool { return p.AtTop() || u.DefaultMID == p.MID || u.MayUse(p.MID) }

// encloses reports whether the user works nowhere that the caller does not reach.
func (p Principal) encloses(u User) bool {
	return p.mayGiveUnit(u.DefaultMID) && !slices.ContainsFunc(u.MIDs, func(mid MID) bool { return !p.mayGiveUnit(mid) })
}

// holds reports whether the package works nowhere that the caller does not reach.
func (p Principal) holds(k Package) bool {
	if len(k.MIDs) == 0 {
		return p.AtTop() && len(p.Units) == 0
	}
	return !slices.ContainsFunc(k.MIDs, func(mid MID) bool { return !p.Reaches(mid) })
}

// mayTenantWide refuses a caller in a child unit what concerns the whole tenant.
func mayTenantWide(p Principal) error {
	if p.AtTop() {
		return nil
	}
	return insufficient("access to the top business unit")
}

// errNoUnit is the refusal of a business unit that the caller does not reach, told like one that the tenant does not have.
func errNoUnit(field string, mid MID) error {
	return fault.New(fault.Invalid, CodeInvalidUser, "There is no business unit %d.", mid).In(field)
}
