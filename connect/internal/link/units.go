package link

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/fault"
)

// Codes of the faults of the rules for several orgs on one enterprise (connect-facts 3.6).
const (
	// CodeOtherEnterprise: the org is connected to another enterprise already.
	CodeOtherEnterprise fault.Code = "org_of_other_enterprise"
	// CodeUnitTaken: the business unit is connected to another org already.
	CodeUnitTaken fault.Code = "business_unit_taken"
)

// MultiOrgSince is the release from which on an enterprise may have several orgs (connect-facts 1.2).
var MultiOrgSince = Package{Major: 5, Minor: 494}

// EnabledUnits gives the MIDs of the business units in which the org's users may work, at most a minute old where fresh
// is false; none where the org has no such records.
func (s *Service) EnabledUnits(ctx context.Context, l Link, fresh bool) ([]int64, error) {
	if fresh {
		s.UnitsChanged(l)
	}
	now := s.machine()
	return s.units.get(ctx, unitsKey(l), now, func(ctx context.Context) ([]int64, time.Time, error) {
		mids, err := s.readUnits(ctx, l)
		return mids, now.Add(packageLife), err
	})
}

// UnitsChanged has the next question for enabled business units ask the org.
func (s *Service) UnitsChanged(l Link) { s.units.drop(unitsKey(l), func([]int64) bool { return true }) }

func unitsKey(l Link) string { return l.Pair + "|" + l.Org.OrgID + "|" + l.Called.Namespace }

func (s *Service) readUnits(ctx context.Context, l Link) ([]int64, error) {
	var mids []int64
	n := l.Names()
	asked := false // a refusal before that is one of the sign-in
	err := s.CallOrg(ctx, l, func(org *crm.Session) error {
		mids, asked = nil, true
		records, err := org.Query(ctx, "SELECT "+n.UnitMID()+" FROM "+n.UnitObject()+" WHERE "+n.UnitEnabled()+" = true")
		for _, r := range records {
			if mid, numberErr := strconv.ParseInt(r.String(n.UnitMID()), 10, 64); numberErr == nil { // else somebody typed something else there
				mids = append(mids, mid)
			}
		}
		return err
	})
	if code := fault.CodeOf(err); asked && (code == client.CodeRefused || code == client.CodeNotFound) {
		return nil, nil // there is no package, or its objects are not shown
	}
	return mids, err
}

// siblings are the connections of other orgs to the same enterprise.
func (s *Service) siblings(ctx context.Context, l Link, orgID string) ([]Link, error) {
	all, err := s.store.Neighbours(ctx, l.Pair, l.EID, orgID)
	return slices.DeleteFunc(all, func(o Link) bool { return o.EID != l.EID || o.Org.OrgID == "" || o.Org.OrgID == orgID }), err
}

// Siblings are the connections of other orgs to the link's enterprise.
func (s *Service) Siblings(ctx context.Context, l Link) ([]Link, error) {
	return s.siblings(ctx, l, l.Org.OrgID)
}

// MultiOrg reports whether other orgs are connected to the link's enterprise.
func (s *Service) MultiOrg(ctx context.Context, l Link) (bool, error) {
	others, err := s.Siblings(ctx, l)
	return len(others) > 0, err
}

// mayJoin refuses an org that may not be connected beside those that are: business units of different enterprises do not
// go to one org, and several orgs on one enterprise need a release that knows them.
func (s *Service) mayJoin(ctx context.Context, l Link, orgID string, session *crm.Session) error {
	all, err := s.store.Neighbours(ctx, l.Pair, l.EID, orgID)
	if err != nil {
		return err
	}
	for _, o := range all {
		if o.Org.OrgID == orgID && o.EID != l.EID {
			return fault.New(fault.Conflict, CodeOtherEnterprise, "Org %s is connected to enterprise %d. Business units of different enterprises cannot go to one org.", orgID, o.EID)
		}
	}
	others, err := s.siblings(ctx, l, orgID)
	if err != nil || len(others) == 0 {
		return err
	}
	installed, err := session.InstalledPackages(ctx)
	if code := fault.CodeOf(err); err != nil && code != client.CodeRefused && code != client.CodeNotFound {
		return err
	}
	for _, p := range installed {
		if found := (Package{p.Version.Major, p.Version.Minor}); strings.EqualFold(p.Namespace, l.Names().Namespace) && found.Before(MultiOrgSince) {
			return fault.New(fault.Conflict, CodePackageTooOld, "Enterprise %d has other orgs connected. That needs version %s of the managed package or newer; the org has %s.", l.EID, MultiOrgSince, found)
		}
	}
	return nil
}

// FreeUnits refuses business units that another org of the enterprise has enabled: one business unit goes to one org.
func (s *Service) FreeUnits(ctx context.Context, l Link, mids []int64) error {
	others, err := s.Siblings(ctx, l)
	if err != nil {
		return err
	}
	for _, o := range others {
		theirs, err := s.EnabledUnits(ctx, o, true)
		if err != nil {
			return fmt.Errorf("asking org %s for its business units: %w", o.Org.OrgID, err)
		}
		var taken []string
		for _, mid := range mids {
			if slices.Contains(theirs, mid) {
				taken = append(taken, strconv.FormatInt(mid, 10))
			}
		}
		if len(taken) > 0 {
			return fault.New(fault.Conflict, CodeUnitTaken, "Business unit %s is connected to org %s. A business unit goes to one org.", strings.Join(taken, ", "), o.Org.OrgID).In("account_ids")
		}
	}
	return nil
}
