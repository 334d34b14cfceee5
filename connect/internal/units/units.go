// Package units is Manage Business Units: which business units of the tenant the org's users may work in. The org keeps
// them as records of the managed package (connect-facts 1.7), the tenant tells which there are and which the API user
// reaches; Connect changes the first and reads both (document 002, the checks after the upgrade).
package units

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/fault"
)

// Codes of the faults that this package returns.
const (
	// CodeInvalid: a list of business units that cannot be meant.
	CodeInvalid fault.Code = "invalid_business_units"
	// CodeUnknown: the tenant has no such business unit, or the API user does not reach it.
	CodeUnknown fault.Code = "business_unit_unknown"
)

// Unit is a business unit as the two clouds know it.
type Unit struct {
	MID       int64
	ParentMID int64  // 0 for the top one, or where the tenant does not have it
	Name      string // as the tenant calls it, else as the org does
	Enabled   bool   // for the org's users
	Saved     bool   // was enabled, and nobody has removed it since
	Reached   bool   // the tenant has it, active, and the API user reaches it
	record    string
}

// Service lists and changes business units. It is safe for concurrent use.
type Service struct {
	links *link.Service
	audit audit.Intents
}

// NewService wires the service.
func NewService(links *link.Service, chain audit.Intents) *Service {
	return &Service{links: links, audit: chain}
}

// List gives all business units that either cloud knows, by MID.
func (s *Service) List(ctx context.Context, l link.Link) ([]Unit, error) {
	if err := s.links.Available(l); err != nil {
		return nil, err
	}
	byMID := map[int64]*Unit{}
	err := s.links.CallTenant(ctx, l, func(tenant *engagement.Session) error {
		found, err := tenant.BusinessUnits(ctx)
		for _, u := range found {
			byMID[u.MID] = &Unit{MID: u.MID, ParentMID: u.ParentMID, Name: u.Name, Reached: u.Active}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	n := l.Names()
	err = s.links.CallOrg(ctx, l, func(org *crm.Session) error {
		records, err := org.Query(ctx, "SELECT Id, Name, "+n.UnitMID()+", "+n.UnitEnabled()+", "+n.UnitSaved()+" FROM "+n.UnitObject())
		for _, r := range records {
			mid, numberErr := strconv.ParseInt(r.String(n.UnitMID()), 10, 64)
			if numberErr != nil {
				continue // somebody typed something else there
			}
			u := byMID[mid]
			if u == nil {
				u = &Unit{MID: mid, Name: r.String("Name")}
				byMID[mid] = u
			}
			u.Enabled, u.Saved, u.record = r.Bool(n.UnitEnabled()), r.Bool(n.UnitSaved()), r.String("Id")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	all := make([]Unit, 0, len(byMID))
	for _, u := range byMID {
		all = append(all, *u)
	}
	slices.SortFunc(all, func(a, b Unit) int { return cmp.Compare(a.MID, b.MID) })
	return all, nil
}

// maxChange is how many business units one call changes.
const maxChange = 100

// maxTries bounds how often a change begins anew because somebody else was just making the same.
const maxTries = 5

// Set enables business units for the org's users, or disables them, and reads them back. Where one of them cannot be,
// none is changed. why says who asks; each change has its entry in the audit chain.
func (s *Service) Set(ctx context.Context, l link.Link, mids []int64, enabled bool, why audit.Change) (all []Unit, err error) {
	if len(mids) == 0 || len(mids) > maxChange {
		return nil, fault.New(fault.Invalid, CodeInvalid, "Name 1 to %d business units by their MID.", maxChange).In("account_ids")
	}
	for range maxTries {
		if all, err = s.set(ctx, l, mids, enabled, why); fault.CodeOf(err) != audit.CodeMoved {
			break
		}
	}
	return all, err
}

// Settle writes the entries of changes whose process died before it could.
func (s *Service) Settle(ctx context.Context, l link.Link) error {
	_, _, err := s.settled(ctx, l, false)
	return err
}

// settled reads the business units and what is on record of changes of them, of which it settles what somebody left. Unless
// always is said, nothing is read where nothing is left.
func (s *Service) settled(ctx context.Context, l link.Link, always bool) ([]Unit, map[string]audit.Intent, error) {
	intents, err := s.audit.IntentsOf(ctx, l.Pair, audit.UnitChanged) // before the org is: see audit.Intents
	if err != nil {
		return nil, nil, err
	}
	for _, i := range intents {
		always = always || i.Pending
	}
	if !always {
		return nil, nil, nil
	}
	all, err := s.List(ctx, l)
	if err != nil {
		return nil, nil, err
	}
	return all, intents, audit.Reconcile(ctx, s.audit, intents, s.links.Now(l), func(i audit.Intent) bool {
		return slices.ContainsFunc(all, func(u Unit) bool { return u.subject() == i.Why.Subject && audit.JSON(facts{u.Enabled}) == i.After })
	})
}

func (u Unit) subject() string { return strconv.FormatInt(u.MID, 10) }

func (s *Service) set(ctx context.Context, l link.Link, mids []int64, enabled bool, why audit.Change) ([]Unit, error) {
	all, intents, err := s.settled(ctx, l, true)
	if err != nil {
		return nil, err
	}
	var change []Unit
	for _, mid := range mids {
		i := slices.IndexFunc(all, func(u Unit) bool { return u.MID == mid })
		if i < 0 || enabled && !all[i].Reached {
			return nil, fault.New(fault.NotFound, CodeUnknown, "Engagement has no active business unit %d that the API user %s reaches.", mid, l.Tenant.Username).In("account_ids")
		}
		if all[i].Enabled != enabled && !slices.ContainsFunc(change, func(u Unit) bool { return u.MID == mid }) {
			change = append(change, all[i])
		}
	}
	if enabled {
		if err := s.links.FreeUnits(ctx, l, mids); err != nil {
			return nil, err
		}
	}
	defer s.links.UnitsChanged(l)
	for _, u := range change {
		why.At, why.Action, why.Subject = s.links.Now(l), audit.UnitChanged, u.subject()
		i, err := s.audit.Begin(ctx, audit.Intent{
			Pair: l.Pair, Why: why, Before: audit.JSON(facts{u.Enabled}), After: audit.JSON(facts{enabled}), Revision: intents[u.subject()].Revision,
		})
		if err != nil {
			return nil, err
		}
		if err := s.write(ctx, l, u, enabled); err != nil {
			return nil, err // whether it was done is looked at later
		}
		if err := s.audit.Settle(ctx, i, true); err != nil {
			return nil, err
		}
	}
	return s.List(ctx, l)
}

type facts struct {
	Enabled bool `json:"enabled"`
}

func (s *Service) write(ctx context.Context, l link.Link, u Unit, enabled bool) error {
	return s.links.CallOrg(ctx, l, func(org *crm.Session) error {
		n := l.Names()
		fields := map[string]any{n.UnitEnabled(): enabled, n.UnitSaved(): enabled} // what somebody removes is missed by nobody
		if u.record != "" {
			return org.UpdateRecord(ctx, n.UnitObject(), u.record, fields)
		}
		fields["Name"], fields[n.UnitMID()] = u.Name, strconv.FormatInt(u.MID, 10)
		_, err := org.CreateRecord(ctx, n.UnitObject(), fields)
		return err
	})
}

// Problem is what a check finds wrong with a business unit.
func (u Unit) Problem() string {
	switch {
	case u.Enabled && !u.Reached:
		return "enabled in the org, but Engagement has no such active business unit that the API user reaches"
	case u.Saved && !u.Enabled && u.Reached:
		return "was active before and is not now: add it again where its users need it"
	}
	return ""
}
