package mapping

import (
	"context"
	"strconv"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/signin"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/fault"
)

// Codes of refusals of mappings that an administrator asks for.
const (
	// CodeNotIntegrated: the Engagement user's Salesforce.com Status does not name the CRM user.
	CodeNotIntegrated fault.Code = "not_integrated"
	// CodeNoCRMUser: the org has no such active user.
	CodeNoCRMUser fault.Code = "crm_user_not_found"
	// CodeNoEngagementUser: the tenant has no such active user.
	CodeNoEngagementUser fault.Code = "engagement_user_not_found"
)

// Request asks for the mapping of a user by user names.
type Request struct {
	CRMUsername        string
	EngagementUsername string
	MID                int64 // business unit to work in; 0 is the Engagement user's default
	Meant              bool  // whatever is unusual about it, it is meant
	Actor              string
}

// Check refuses a request that cannot be meant.
func (r Request) Check() error {
	if err := link.CheckUsername(r.CRMUsername); err != nil {
		return fault.Of(err).In("crm_username")
	}
	if err := link.CheckUsername(r.EngagementUsername); err != nil {
		return fault.Of(err).In("engagement_username")
	}
	if r.MID < 0 {
		return fault.New(fault.Invalid, "invalid_account_id", "The MID of a business unit is a positive number.").In("account_id")
	}
	return nil
}

// Map maps a user without his password. Proof that the two belong together is the Engagement user's Salesforce.com
// Status, which an administrator there set to the CRM user; the API user then makes the grant (DESIGN 5.2). A mapping
// that works already is left as it is.
func (s *Service) Map(ctx context.Context, l link.Link, r Request) (Mapping, error) {
	if err := r.Check(); err != nil {
		return Mapping{}, err
	}
	if err := s.links.Interrupted(l); err != nil {
		return Mapping{}, err
	}
	found, err := s.orgUsers(ctx, l, "Username = "+crm.Literal(r.CRMUsername)+" AND IsActive = TRUE LIMIT 2")
	if err != nil {
		return Mapping{}, err
	}
	if len(found) != 1 {
		return Mapping{}, noCRMUser(r.CRMUsername)
	}
	var users []engagement.AccountUser
	err = s.links.CallTenant(ctx, l, func(tenant *engagement.Session) (err error) {
		users, err = tenant.IntegratedUsers(ctx, engagement.Equals("UserID", r.EngagementUsername))
		return err
	})
	if err != nil {
		return Mapping{}, err
	}
	if len(users) != 1 || !users[0].Active {
		return Mapping{}, noEngagementUser(r.EngagementUsername)
	}
	return s.mapUser(ctx, l, r, found[0], users[0])
}

func noCRMUser(name string) error {
	return fault.New(fault.NotFound, CodeNoCRMUser, "The org has no active user %s that the system user may see.", name).In("crm_username")
}

func noEngagementUser(name string) error {
	return fault.New(fault.NotFound, CodeNoEngagementUser, "Engagement has no active user %s.", name).In("engagement_username")
}

// mapUser maps a CRM user to an Engagement user, both read already.
func (s *Service) mapUser(ctx context.Context, l link.Link, r Request, crmUser Mapping, user engagement.AccountUser) (Mapping, error) {
	m, kept, err := s.prepare(ctx, l, r, crmUser, user, proof{try: true})
	if err != nil || kept {
		return m, err
	}
	return s.put(ctx, l, m, r.Actor)
}

// proof says how a mapping is shown to work.
type proof struct {
	// try has Connect sign the user in. Else the tenant's word that the grant is there is enough, where the user works in
	// his default business unit: the API user's token, of the same key and package, has just shown that the rest works.
	try bool
	// granted: the tenant has just listed a live grant of the user.
	granted bool
}

// prepare makes all of a mapping but its record: it is decided on, granted and tried, and its handle is left. kept says
// that the user has this mapping already, and that it works. Where it is refused the grant is given back; where a cloud does
// not answer the grant stays: asked again, it goes on from there.
func (s *Service) prepare(ctx context.Context, l link.Link, r Request, crmUser Mapping, user engagement.AccountUser, by proof) (m Mapping, kept bool, err error) {
	switch {
	case user.SalesforceUsername == "":
		return Mapping{}, false, fault.New(fault.Conflict, CodeNotIntegrated, "Salesforce.com Status of %s is not set: an Engagement administrator sets it to %s.", user.Username, crmUser.CRMUsername)
	case !link.SameUsername(user.SalesforceUsername, crmUser.CRMUsername):
		return Mapping{}, false, fault.New(fault.Conflict, CodeNotIntegrated, "Salesforce.com Status of %s names %s, not %s.", user.Username, user.SalesforceUsername, crmUser.CRMUsername)
	}
	v := signin.Visitor{Pair: l.Pair, OrgID: l.Org.OrgID, UserID: crmUser.CRMUserID, Username: crmUser.CRMUsername, Name: crmUser.CRMName}
	// What is wrong in itself is refused before anybody's grant is made.
	named := link.TenantUser{EID: l.EID, UserID: strconv.FormatInt(user.ID, 10), Username: user.Username, Name: user.Name}
	if _, err := Decide(l, v, named, r.Meant, s.links.Now(l)); err != nil {
		return Mapping{}, false, err
	}
	old, err := s.current(ctx, l, v.UserID, named.UserID, by.granted)
	if err != nil {
		return Mapping{}, false, err
	}
	if old.EngagementUserID == named.UserID && (r.MID == 0 || r.MID == old.MID) {
		return old, true, nil
	}
	if err := s.free(ctx, l, v.UserID, named.UserID, user.Username); err != nil {
		return Mapping{}, false, err
	}
	if err := l.MayVouch(); err != nil {
		return Mapping{}, false, err
	}
	err = s.links.CallTenant(ctx, l, func(tenant *engagement.Session) error {
		_, err := tenant.MakeGrant(ctx, user.Username)
		return err
	})
	if err != nil {
		return Mapping{}, false, err
	}
	if named.MID = user.DefaultMID; by.try || r.MID != 0 && r.MID != named.MID || named.MID == 0 {
		m, err = s.readyAs(ctx, l, v, user.Username, r.MID, r.Meant)
		return m, false, err
	}
	if m, err = Decide(l, v, named, r.Meant, s.links.Now(l)); err != nil {
		return Mapping{}, false, err
	}
	m, err = s.settle(ctx, l, m)
	return m, false, s.giveBackUnlessPassing(ctx, l, m, err)
}

// current is the CRM user's mapping, the zero Mapping where he has none. It is tried, unless it is to this Engagement user,
// whose grant was seen a moment ago: where Engagement refuses it, that is CodeLoginDenied.
func (s *Service) current(ctx context.Context, l link.Link, crmUserID, engagementUserID string, granted bool) (Mapping, error) {
	m, err := s.store.Mapping(ctx, l.Pair, crmUserID)
	if err == nil && (!granted || m.EngagementUserID != engagementUserID || !m.BrokenAt.IsZero() || m.Handle != Handle{} || m.Earlier(l)) {
		m, err = s.check(ctx, l, m)
	}
	if code := fault.CodeOf(err); code == CodeNotFound || code == CodeNotReconnected { // made anew
		return Mapping{}, nil
	}
	return m, err
}

// readyAs signs the Engagement user in by key, where he has a grant, and makes all of the mapping to whoever that is but
// its record.
func (s *Service) readyAs(ctx context.Context, l link.Link, v signin.Visitor, username string, mid int64, meant bool) (Mapping, error) {
	var found link.TenantUser
	err := s.links.CallTenantAs(ctx, l, username, mid, func(tenant *engagement.Session) error {
		id, err := tenant.UserInfo(ctx)
		found = link.TenantUser{EID: id.EID, MID: id.MID, UserID: id.UserID, Username: id.Username, Name: id.Name}
		return err
	})
	var m Mapping
	if err == nil {
		m, err = Decide(l, v, found, meant, s.links.Now(l))
	}
	if err == nil {
		m, err = s.settle(ctx, l, m)
	}
	if err != nil {
		m = Mapping{EngagementUser: username}
	}
	return m, s.giveBackUnlessPassing(ctx, l, m, err)
}

// giveBackUnlessPassing ends the grant of a mapping that was refused, and returns why it was; err where nothing was.
func (s *Service) giveBackUnlessPassing(ctx context.Context, l link.Link, m Mapping, err error) error {
	if err == nil || passing(err) || ctx.Err() != nil {
		return err
	}
	if backErr := s.GiveBack(ctx, l, m.EngagementUser); backErr != nil {
		return backErr
	}
	return err
}

// Confirm maps a visitor to the Engagement user as whom he came back and who is meant, as f, which asked him, says. His sign-in
// made the grant; where Connect acts by his refresh token instead, it is kept from now on.
func (s *Service) Confirm(ctx context.Context, l link.Link, f signin.Flow) (Mapping, error) {
	if err := s.links.Interrupted(l); err != nil { // it passes: the grant is not given back
		return Mapping{}, err
	}
	if err := s.keep(ctx, l, f); err != nil {
		return Mapping{}, err
	}
	m, err := s.readyAs(ctx, l, f.Visitor, f.Username, f.MID, true)
	if err != nil {
		return Mapping{}, err
	}
	return s.put(ctx, l, m, f.Visitor.Username)
}

// Decline ends the grant of an Engagement user who was asked about and is not meant.
func (s *Service) Decline(ctx context.Context, l link.Link, f signin.Flow) error {
	if l.HasGrants() { // which he alone ends for certain
		if err := s.keep(ctx, l, f); err != nil {
			return err
		}
	}
	return s.GiveBack(ctx, l, f.Username)
}

// keep keeps the refresh token that waited for an answer. Where the connection works with the user meanwhile, by an answer in
// another window, it has one that is as good.
func (s *Service) keep(ctx context.Context, l link.Link, f signin.Flow) error {
	if f.Refresh == "" {
		return nil
	}
	needed, err := s.Needs(ctx, l, link.TenantUser{UserID: f.UserID, Username: f.Username})
	if err != nil || needed {
		return err
	}
	return s.links.KeepUser(ctx, l, f.Username, f.Refresh)
}

// GiveBack ends the grant of an Engagement user that nothing of the connection works with, as himself: there may be no API
// user yet.
func (s *Service) GiveBack(ctx context.Context, l link.Link, username string) error {
	var id string
	err := s.links.CallTenantAs(ctx, l, username, 0, func(tenant *engagement.Session) error {
		who, err := tenant.UserInfo(ctx)
		id = who.UserID
		return err
	})
	if link.NeedsGrant(err) {
		return nil // it has ended
	}
	if err != nil {
		return err
	}
	needed, err := s.Needs(ctx, l, link.TenantUser{UserID: id, Username: username})
	if err != nil || needed {
		return err
	}
	if l.HasGrants() {
		err = s.links.CallTenantAs(ctx, l, username, 0, func(tenant *engagement.Session) error { return tenant.ClearGrant(ctx, username) })
		if err != nil && fault.CodeOf(err) != client.CodeNotFound {
			return err
		}
	}
	return s.links.ForgetUser(ctx, l, username)
}
