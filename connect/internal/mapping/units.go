package mapping

import (
	"context"
	"slices"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
)

// CodeOtherUnit: the Engagement user works in no business unit that is connected to the org.
const CodeOtherUnit fault.Code = "business_unit_not_connected"

// inUnit refuses an Engagement user whom the business units of the org do not let in (connect-facts 3.6): he reaches none
// of them, or, where the enterprise has several orgs, he is not signed in to one of this org's. An org in which no
// business unit is enabled yet takes all, and so does one whose business units are the vendor's.
func (s *Service) inUnit(ctx context.Context, l link.Link, m Mapping, as asUser) error {
	if l.VendorsOwn() {
		return nil
	}
	enabled, err := s.links.EnabledUnits(ctx, l, false)
	if err != nil || len(enabled) == 0 || slices.Contains(enabled, m.MID) {
		return err
	}
	several, err := s.links.MultiOrg(ctx, l)
	if err != nil {
		return err
	}
	if several {
		return fault.New(fault.Denied, CodeOtherUnit, "%s is signed in to business unit %d, which belongs to no business unit of this org. The enterprise has several orgs: switch to a business unit of this one and connect again.", m.EngagementUser, m.MID)
	}
	reaches := false
	err = as(ctx, func(tenant *engagement.Session) error {
		found, err := tenant.BusinessUnits(ctx)
		for _, u := range found {
			reaches = reaches || slices.Contains(enabled, u.MID)
		}
		return err
	})
	switch code := fault.CodeOf(err); {
	case err != nil && code == client.CodeRefused && !link.NeedsGrant(err):
		return nil // a user who may not ask where he may work; the tenant keeps him to it
	case err != nil || reaches:
		return err
	}
	return fault.New(fault.Denied, CodeOtherUnit, "%s reaches none of the business units that are connected to this org.", m.EngagementUser)
}

// ClearUnits ends the mappings of users who work in one of the business units, because they are no longer the org's: those in
// other business units stay (connect-facts 3.6). It clears as many as one request can, from the CRM user name after on,
// and says where to go on. Who could not be cleared is named, and can be by `users clear`.
func (s *Service) ClearUnits(ctx context.Context, l link.Link, mids []int64, after, actor string) (ClearResult, error) {
	out := ClearResult{Next: after}
	for {
		known, err := s.store.Known(ctx, l.Pair, out.Next, batch)
		if err != nil {
			return out, err
		}
		if len(known) == 0 {
			out.Next = ""
			return out, nil
		}
		for _, k := range known {
			if len(out.Cleared)+len(out.Failed) >= maxClear && k.Mapping.CRMUsername != out.Next {
				return out, nil
			}
			out.Next = k.Mapping.CRMUsername
			if !k.Clear.At.IsZero() || !slices.Contains(mids, k.Mapping.MID) {
				continue
			}
			c := Clear{ID: oauth.NewToken(16), Mapping: k.Mapping, Actor: actor, Reason: "The business unit was removed from the org.", At: s.links.Now(l)}
			if err := s.clear(ctx, l, c); err != nil {
				if ctx.Err() != nil {
					return out, err
				}
				out.Failed = append(out.Failed, Failure{k.Mapping.CRMUsername, err})
				continue
			}
			out.Cleared = append(out.Cleared, c)
		}
	}
}
