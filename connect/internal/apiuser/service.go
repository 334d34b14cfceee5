package apiuser

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/units"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/fault"
)

// maxItems bounds what one change pauses.
const maxItems = 5000

// Service leads through changes of the API user's credentials. It is safe for concurrent use.
type Service struct {
	store Store
	links *link.Service
	units *units.Service
}

// NewService wires the service.
func NewService(store Store, links *link.Service, u *units.Service) *Service {
	return &Service{store: store, links: links, units: u}
}

// Plan is what a change would stop, and how far the last one has come.
type Plan struct {
	Change Change
	Active []Item    // what would stop now
	Proof  []Finding // of the API user as he is now
}

// Plan looks and changes nothing. Where the API user does not sign in, Active is empty and Proof says why.
func (s *Service) Plan(ctx context.Context, l link.Link) (Plan, error) {
	if err := l.Ready(); err != nil {
		return Plan{}, err
	}
	c, err := s.store.APIUserChange(ctx, l.Pair)
	if err != nil {
		return Plan{}, err
	}
	p := Plan{Change: c}
	p.Proof, err = s.prove(ctx, l, l.Tenant.Username, l.Tenant.MID)
	if code, text := refused(err); code {
		p.Proof, err = []Finding{found("signs in", "yes", text, false, CodeRefused)}, nil
	}
	if err == nil && proven(p.Proof) {
		p.Active, err = s.active(ctx, l)
	}
	return p, err
}

// refused reports whether the tenant said no, and in which words.
func refused(err error) (bool, string) {
	r := client.Remote(err)
	if r == nil || fault.CodeOf(err) != client.CodeRefused {
		return false, ""
	}
	return true, cmp.Or(r.Description, r.Code)
}

// proven reports whether the first finding, that he signs in, is as it should be.
func proven(f []Finding) bool { return len(f) > 0 && f[0].OK }

// Pause begins a change, or goes on with one that broke off while pausing: everything that sends and is active is put on
// record, then paused, then read back.
func (s *Service) Pause(ctx context.Context, l link.Link, actor string) (Change, error) {
	p, err := s.Plan(ctx, l)
	if err != nil {
		return Change{}, err
	}
	c := p.Change
	switch {
	case c.UnderWay() && c.Step != Pausing:
		return c, fault.New(fault.Conflict, CodePaused, "A change of the API user's credentials is under way since %s: resume it first.", c.StartedAt.Format("2 January 2006, 15:04 MST"))
	case !proven(p.Proof):
		return c, fault.New(fault.Conflict, CodeNotProven, "The API user %s does not sign in now, so nothing of his can be paused, and after a change nobody could tell what it broke: %s. Connect him again first.",
			l.Tenant.Username, p.Proof[0].Got)
	case len(p.Active)+len(c.Items) > maxItems:
		return c, fault.New(fault.Conflict, CodeTooMany, "More than %d definitions are active; pause some by hand.", maxItems)
	}
	if !c.UnderWay() {
		c = Change{Pair: l.Pair, APIUser: l.Tenant.Username, Actor: actor, StartedAt: s.links.Now(l), Revision: c.Revision}
	}
	c.Step = Pausing
	for _, i := range p.Active {
		if !slices.ContainsFunc(c.Items, i.same) {
			c.Items = append(c.Items, i)
		}
	}
	if c, err = s.store.PutAPIUserChange(ctx, c, audit.Change{}); err != nil {
		return c, err
	}
	for _, i := range p.Active {
		if err := s.set(ctx, l, i, false); err != nil {
			return c, fmt.Errorf("pausing %s: %w", i.Name, err)
		}
	}
	left, err := s.active(ctx, l)
	if err != nil {
		return c, err
	}
	for n, i := range c.Items {
		c.Items[n].Paused = !slices.ContainsFunc(left, i.same)
	}
	if len(left) > 0 {
		if c, err = s.store.PutAPIUserChange(ctx, c, audit.Change{}); err != nil {
			return c, err
		}
		return c, fault.New(fault.Conflict, CodeNotPaused, "%s is active again or still, so nothing may be changed yet: pause again.", left[0].Name)
	}
	c.Step = Paused
	return s.store.PutAPIUserChange(ctx, c, audit.Change{At: s.links.Now(l), Actor: actor, Action: ActionPaused, Subject: c.APIUser})
}

func (i Item) same(o Item) bool { return i.Kind == o.Kind && i.MID == o.MID && i.Key == o.Key }

// Resume verifies the API user, who may be another one than before, by a new sign-in, and sets going what was paused. A
// user whose grant went with his password comes back as an error of which link.NeedsGrant tells: he signs in once, and
// Resume is called again. Where the user is not as he should be nothing is set going.
func (s *Service) Resume(ctx context.Context, l link.Link, username string, mid int64, actor string) (Change, []Finding, error) {
	c, err := s.store.APIUserChange(ctx, l.Pair)
	if err != nil {
		return c, nil, err
	}
	if !c.UnderWay() {
		return c, nil, fault.New(fault.NotFound, CodeNotPaused, "No change of the API user's credentials is under way.")
	}
	username = cmp.Or(username, l.Tenant.Username)
	if mid == 0 && link.SameUsername(username, l.Tenant.Username) {
		mid = l.Tenant.MID
	}
	proof, err := s.prove(ctx, l, username, mid)
	if err != nil || slices.ContainsFunc(proof, func(f Finding) bool { return !f.OK }) {
		return c, proof, err // whoever it is, nothing is bound to him
	}
	if l, err = s.links.ConnectTenant(ctx, l.Pair, username, mid, actor); err != nil {
		return c, proof, err
	}
	if c, err = s.store.PutAPIUserChange(ctx, c.Resume(), audit.Change{}); err != nil {
		return c, proof, err
	}
	for _, i := range c.Items {
		if !i.Paused {
			continue // it never was
		}
		if err := s.set(ctx, l, i, true); err != nil && fault.CodeOf(err) != client.CodeNotFound { // deleted meanwhile
			return c, proof, fmt.Errorf("resuming %s: %w", i.Name, err)
		}
	}
	c.Step, c.EndedAt = Resumed, s.links.Now(l)
	c, err = s.store.PutAPIUserChange(ctx, c, audit.Change{At: c.EndedAt, Actor: actor, Action: ActionResumed, Subject: l.Tenant.Username})
	return c, proof, err
}

// Cancel gives a change up: what was paused is set going as the connection is now, and nobody is verified. It is possible in every
// standing, also where a change may not be begun. What the tenant does not let Connect set going stays paused in Items, for a person to
// start; a tenant that does not answer is an error, and Cancel is called again.
func (s *Service) Cancel(ctx context.Context, l link.Link, actor string) (Change, error) {
	c, err := s.store.APIUserChange(ctx, l.Pair)
	if err != nil {
		return c, err
	}
	if !c.UnderWay() {
		return c, fault.New(fault.NotFound, CodeNotPaused, "No change of the API user's credentials is under way.")
	}
	if c, err = s.store.PutAPIUserChange(ctx, c.Resume(), audit.Change{}); err != nil {
		return c, err
	}
	for n, i := range c.Items {
		if !i.Paused {
			continue
		}
		switch err := s.set(ctx, l, i, true); {
		case err == nil || fault.CodeOf(err) == client.CodeNotFound: // deleted meanwhile
			c.Items[n].Paused = false
		case !no(err):
			return c, fmt.Errorf("resuming %s: %w", i.Name, err)
		}
	}
	c.Step, c.EndedAt = Cancelled, s.links.Now(l)
	return s.store.PutAPIUserChange(ctx, c, audit.Change{At: c.EndedAt, Actor: actor, Action: ActionCancelled, Subject: c.APIUser})
}

// no reports whether asking again cannot help: the tenant, or the connection as it stands, said no.
func no(err error) bool {
	switch fault.KindOf(err) {
	case fault.Internal, fault.Limited, fault.Unavailable:
		return false
	}
	return true
}

// Enterprise2 is the tenant's word for Enterprise 2.0, the edition with business units; what does not tell is taken for it.
const Enterprise2 = "enterprise"

// wantedRoles are the roles of the API user in an edition (connect-facts 1.5).
func wantedRoles(accountType string) []string {
	if accountType != Enterprise2 && accountType != "" {
		return []string{link.ConnectorRole}
	}
	return []string{link.AdministratorRole, link.ConnectorRole}
}

// Prove looks whether the connected API user is as document and guide want him, in the edition of the tenant as it names it. A
// refusal to let him in is the first finding, and the only one.
func (s *Service) Prove(ctx context.Context, l link.Link) (proof []Finding, accountType string, err error) {
	id, err := s.links.ProveTenant(ctx, l)
	if err == nil {
		proof, err = s.prove(ctx, l, l.Tenant.Username, l.Tenant.MID)
	}
	if cause, no := link.Refused(err); no {
		return []Finding{refusal(cause)}, id.AccountType, nil
	}
	return proof, id.AccountType, err
}

// fit names the finding about a user whom the tenant would let in.
const fit = "active, not locked, no temporary password"

// refusal is the finding that the tenant does not let him in, and why where that is known.
func refusal(cause link.Cause) Finding {
	switch fault.Code(cause.Code) {
	case link.CodeNoRole:
		return found("roles", link.ConnectorRole, cause.Text, false, CodeRole)
	case link.CodeNotAPIUser:
		return found("API User", "yes", cause.Text, false, CodeNoAPIUser)
	case link.CodeLocked, link.CodeInactive, link.CodePasswordExpired:
		return found(fit, "yes", cause.Text, false, CodeNotFit)
	}
	return found("signs in", "yes", cause.Text, false, CodeRefused)
}

// prove looks whether a user is as document and guide want the API user. The first finding is that he signs in; a refusal
// to let him is the error.
func (s *Service) prove(ctx context.Context, l link.Link, username string, mid int64) ([]Finding, error) {
	var d engagement.UserDetails
	reached := map[int64]bool{}
	accountType := ""
	err := s.links.CallTenantAs(ctx, l, username, mid, func(tenant *engagement.Session) error {
		var err error
		if d, err = tenant.UserDetails(ctx, username); err != nil {
			return err
		}
		who, err := tenant.UserInfo(ctx)
		if accountType = who.AccountType; err != nil {
			return err
		}
		found, err := tenant.BusinessUnits(ctx)
		for _, u := range found {
			reached[u.MID] = u.Active
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	enabled, err := s.units.Enabled(ctx, l)
	if err != nil {
		return nil, err
	}
	var missing []string
	for _, mid := range enabled {
		if !reached[mid] {
			missing = append(missing, strconv.FormatInt(mid, 10))
		}
	}
	units := "yes"
	if len(missing) > 0 {
		units = "not " + strings.Join(missing, ", ")
	}
	yes := map[bool]string{true: "yes", false: "no"}
	wanted, has := wantedRoles(accountType), 0
	for _, role := range wanted {
		if slices.Contains(d.Roles, role) {
			has++
		}
	}
	well := d.Active && !d.Locked && !d.MustChange
	return []Finding{
		found("signs in", "yes", "yes", true, ""),
		found("API User", "yes", yes[d.APIUser], d.APIUser, CodeNoAPIUser),
		found(fit, "yes", yes[well], well, CodeNotFit),
		found("roles", strings.Join(wanted, ", "), cmp.Or(strings.Join(d.Roles, ", "), "none"), has == len(wanted), CodeRole),
		found("reaches every enabled business unit", "yes", units, len(missing) == 0, CodeUnits),
	}, nil
}

// active lists what sends, in the API user's own business unit and in those that the org's users may work in.
func (s *Service) active(ctx context.Context, l link.Link) ([]Item, error) {
	mids := []int64{l.Tenant.MID}
	enabled, err := s.units.Enabled(ctx, l)
	if err != nil {
		return nil, err
	}
	for _, mid := range enabled {
		if mid != l.Tenant.MID {
			mids = append(mids, mid)
		}
	}
	var all []Item
	for _, mid := range mids {
		err := s.links.CallTenantAs(ctx, l, l.Tenant.Username, mid, func(tenant *engagement.Session) error {
			found, err := activeIn(ctx, tenant, mid)
			all = append(all, found...)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// activeIn lists what sends in one business unit: by REST, and by SOAP what REST does not know.
func activeIn(ctx context.Context, tenant *engagement.Session, mid int64) ([]Item, error) {
	var all []Item
	transactional, err := tenant.Definitions(ctx)
	if err != nil {
		return nil, err
	}
	for _, d := range transactional {
		if d.Status == "Active" {
			all = append(all, Item{Kind: Transactional, MID: mid, Key: d.Key, Name: d.Name})
		}
	}
	triggered, err := tenant.TriggeredSends(ctx)
	if err != nil {
		return nil, err
	}
	for _, d := range triggered {
		if d.Status == "Active" && !slices.ContainsFunc(all, func(i Item) bool { return i.Key == d.Key }) {
			all = append(all, Item{Kind: TriggeredSend, MID: mid, Key: d.Key, Name: d.Name})
		}
	}
	return all, nil
}

// set starts or pauses something that sends.
func (s *Service) set(ctx context.Context, l link.Link, i Item, active bool) error {
	status := map[bool]string{true: "Active", false: "Inactive"}[active]
	return s.links.CallTenantAs(ctx, l, l.Tenant.Username, i.MID, func(tenant *engagement.Session) error {
		if i.Kind == TriggeredSend {
			return tenant.SetTriggeredSend(ctx, i.Key, status)
		}
		return tenant.SetDefinition(ctx, i.Key, status)
	})
}
