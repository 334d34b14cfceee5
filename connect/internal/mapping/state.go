package mapping

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/fault"
)

// State says how a CRM user stands in the connection.
type State string

// The states. A user passes them in this order; cleared, he begins again.
const (
	NotIntegrated State = "not_integrated" // no Engagement user's Salesforce.com Status names him
	Integrated    State = "integrated"     // one does; he has not signed in for the mapping yet
	NotMapped     State = "not_mapped"     // under an own link, whose tenant tells no Salesforce.com Status: he has not signed in for the mapping yet
	Mapped        State = "mapped"
	Stale         State = "stale"  // mapped; the Engagement user's permissions have changed since, and the token does not know
	Broken        State = "broken" // mapped; Engagement refuses the sign-in: "login denied"
	// NotReconnected: mapped before the upgrade of the connection, and not reconnected since; the mapping is not used.
	NotReconnected State = "not_reconnected"
	Cleared        State = "cleared" // was mapped; at the next visit he is asked to integrate again
)

// CodeInvalidState: a state that there is not.
const CodeInvalidState fault.Code = "invalid_state"

// ParseState reads a filter; "" is every user whom Connect knows: mapped, stale, broken or cleared.
func ParseState(text string) (State, error) {
	switch s := State(text); s {
	case "", NotIntegrated, Integrated, NotMapped, Mapped, Stale, Broken, NotReconnected, Cleared:
		return s, nil
	}
	return "", fault.New(fault.Invalid, CodeInvalidState, "state is not_integrated, integrated, not_mapped, mapped, stale, broken, not_reconnected or cleared.").In("state")
}

// CodeNotMapped: the work needs a mapping that the user does not have.
const CodeNotMapped fault.Code = "not_mapped"

// Clear is the record of one clearing: the mapping that was, who ended it, when and why.
type Clear struct {
	ID      string // random
	Mapping Mapping
	Actor   string
	Reason  string
	At      time.Time
}

// Known is a user who is mapped, or whose mapping was cleared last.
type Known struct {
	Mapping Mapping
	Clear   Clear // where At is set, the mapping is the one that was
}

// User is a CRM user as Connect finds him.
type User struct {
	Mapping       // without an Engagement user where he has none; the former one where cleared
	State   State // as stored, where Checked is false
	// Checked: the tenant was asked. Without that a mapping may be stale or broken without Connect knowing.
	Checked   bool
	GrantedAt time.Time // when the grant was made whose permissions the token carries; zero where not known
	GrantedBy string    // Engagement user who made it: the user himself, or the API user who vouched for him
	Clear     Clear     // of a cleared one
	// Cause is why a broken one is, where Connect alone knows; the zero value is the tenant's "login denied".
	Cause link.Cause
}

// Filter asks for a page of users.
type Filter struct {
	State State // "" is every user whom Connect knows
	After string
	Limit int
}

// maxScan bounds how many users one page looks at: where few match, it ends early and names where to go on.
const maxScan = 5000

// List gives a page of users by CRM user name, and the name to go on after: "" where there are no more.
func (s *Service) List(ctx context.Context, l link.Link, f Filter) ([]User, string, error) {
	if f.State == NotIntegrated || f.State == Integrated || f.State == NotMapped {
		return s.unmapped(ctx, l, f)
	}
	var users []User
	after := f.After
	for scanned := 0; scanned < maxScan; {
		known, err := s.store.Known(ctx, l.Pair, after, f.Limit+1)
		if err != nil {
			return nil, "", err
		}
		grants, asked, err := s.grants(ctx, l, known)
		if err != nil && (f.State == Mapped || f.State == Stale || f.State == Broken) {
			return nil, "", err // without the tenant these cannot be told apart
		}
		for i, k := range known {
			namesake := k.Mapping.CRMUsername == after // nobody could go on behind the one and before the other
			if len(users) >= f.Limit && !namesake {
				return users, after, nil
			}
			if i >= f.Limit && !namesake {
				break // it only tells that there are more
			}
			after = k.Mapping.CRMUsername
			if u := tell(l, k, grants, asked); f.State == "" || f.State == u.State {
				users = append(users, u)
			}
		}
		if len(known) <= f.Limit {
			return users, "", nil
		}
		scanned += f.Limit
	}
	return users, after, nil
}

// tell decides a known user's state by the live grants, where the tenant told them.
func tell(l link.Link, k Known, grants map[string]engagement.Grant, asked bool) User {
	u := User{Mapping: k.Mapping, State: Mapped, Checked: asked, Clear: k.Clear}
	if !k.Clear.At.IsZero() {
		u.State, u.Checked = Cleared, true
		return u
	}
	if k.Mapping.Earlier(l) {
		u.State, u.Checked = NotReconnected, true
		return u
	}
	g, granted := grants[fold(k.Mapping.EngagementUser)]
	switch {
	case asked && !granted, !asked && !k.Mapping.BrokenAt.IsZero():
		u.State = Broken
	case asked && g.Stale:
		u.State = Stale
	}
	if granted {
		u.GrantedAt, u.GrantedBy = g.MadeAt, g.MadeBy
	}
	return u
}

func fold(username string) string { return strings.ToLower(username) }

// grants are the tenant's live grants of users for Connect, by user name. Where they cannot be had, err says why and asked
// is false: the span is not up, the tenant does not answer, or it has no such list.
func (s *Service) grants(ctx context.Context, l link.Link, known []Known) (byName map[string]engagement.Grant, asked bool, err error) {
	var names []string
	for _, k := range known {
		if k.Clear.At.IsZero() {
			names = append(names, k.Mapping.EngagementUser)
		}
	}
	if len(names) == 0 {
		return nil, true, nil
	}
	if !l.HasGrants() {
		return nil, false, nil
	}
	byName = make(map[string]engagement.Grant, len(names))
	err = s.links.CallTenant(ctx, l, func(tenant *engagement.Session) error {
		all, err := tenant.GrantsOf(ctx, names)
		for _, g := range all {
			byName[fold(g.Username)] = g
		}
		return err
	})
	return byName, err == nil, err
}

// unmapped lists active users of the org whom Connect does not know, integrated or not.
func (s *Service) unmapped(ctx context.Context, l link.Link, f Filter) ([]User, string, error) {
	if l.TellsStatus() == (f.State == NotMapped) {
		return nil, "", nil // the other states are those of such links
	}
	integrated, err := s.integrated(ctx, l, nil)
	if err != nil {
		return nil, "", err
	}
	var users []User
	after := f.After
	for scanned := 0; scanned < maxScan; {
		page, err := s.orgUsers(ctx, l, fmt.Sprintf("IsActive = TRUE AND Username > %s ORDER BY Username LIMIT %d", crm.Literal(after), f.Limit+1))
		if err != nil {
			return nil, "", err
		}
		for i, m := range page {
			if len(users) == f.Limit {
				return users, after, nil
			}
			if i == f.Limit {
				break
			}
			after = m.CRMUsername
			u := named(l, m, integrated)
			if u.State != f.State {
				continue
			}
			switch _, err := s.byUser(ctx, l, m); {
			case fault.CodeOf(err) == CodeNotFound:
				users = append(users, u)
			case err != nil:
				return nil, "", err
			}
		}
		if len(page) <= f.Limit {
			return users, "", nil
		}
		scanned += f.Limit
	}
	return users, after, nil
}

// named says whether an Engagement user's Salesforce.com Status names the CRM user.
func named(l link.Link, m Mapping, integrated map[string]engagement.AccountUser) User {
	u := User{Mapping: m, State: NotIntegrated, Checked: true}
	if !l.TellsStatus() {
		u.State = NotMapped
	}
	if e, ok := integrated[fold(m.CRMUsername)]; ok {
		u.State, u.EngagementUser, u.EngagementName, u.MID = Integrated, e.Username, e.Name, e.DefaultMID
		u.EngagementUserID = fmt.Sprint(e.ID)
	}
	return u
}

// integrated are the Engagement users whose Salesforce.com Status is set, by the CRM user whom it names.
func (s *Service) integrated(ctx context.Context, l link.Link, only *engagement.Filter) (map[string]engagement.AccountUser, error) {
	if !l.TellsStatus() {
		return nil, nil
	}
	if only == nil {
		only = &engagement.Filter{Property: "SalesforceUsername", Operator: "isNotNull"}
	}
	byName := map[string]engagement.AccountUser{}
	err := s.links.CallTenant(ctx, l, func(tenant *engagement.Session) error {
		users, err := tenant.IntegratedUsers(ctx, only)
		for _, u := range users {
			if u.SalesforceUsername != "" && u.Active {
				byName[fold(u.SalesforceUsername)] = u
			}
		}
		return err
	})
	return byName, err
}

// orgUsers reads users of the org as the system user sees them.
func (s *Service) orgUsers(ctx context.Context, l link.Link, where string) ([]Mapping, error) {
	var found []Mapping
	err := s.links.CallOrg(ctx, l, func(org *crm.Session) error {
		records, err := org.Query(ctx, "SELECT Id, Username, Name FROM User WHERE "+where)
		found = make([]Mapping, 0, len(records))
		for _, r := range records {
			found = append(found, Mapping{Pair: l.Pair, CRMUserID: r.String("Id"), CRMUsername: r.String("Username"), CRMName: r.String("Name")})
		}
		return err
	})
	return found, err
}

// Show tells one CRM user's state. A mapping is tried: Connect signs the Engagement user in by key; not in an outage.
func (s *Service) Show(ctx context.Context, l link.Link, crmUsername string) (User, error) {
	if err := link.CheckUsername(crmUsername); err != nil {
		return User{}, err
	}
	if why := s.links.Interrupted(l); why != nil { // nothing is tried: he stands as he is on record
		k, err := s.store.KnownUser(ctx, l.Pair, crmUsername)
		if fault.CodeOf(err) == CodeNotFound {
			return User{}, why
		}
		return tell(l, k, nil, false), err
	}
	k, err := s.known(ctx, l, crmUsername)
	if fault.CodeOf(err) == CodeNotFound {
		return s.show(ctx, l, crmUsername)
	}
	if err != nil || !k.Clear.At.IsZero() || k.Mapping.Earlier(l) {
		return tell(l, k, nil, false), err
	}
	m, err := s.check(ctx, l, k.Mapping)
	refused := fault.CodeOf(err) == CodeLoginDenied
	if fault.CodeOf(err) == link.CodeNeedsSignIn {
		f := fault.Of(err)
		return User{Mapping: m, State: Broken, Checked: true, Cause: link.Cause{Code: string(f.Code), Text: f.Message}}, nil
	}
	if fault.CodeOf(err) == CodeNotFound { // cleared in the org, as it turned out
		if k, err = s.store.KnownUser(ctx, l.Pair, k.Mapping.CRMUsername); err != nil {
			return User{}, err
		}
		return tell(l, k, nil, false), nil
	}
	if err != nil && !refused {
		return User{}, err
	}
	grants, asked, err := s.grants(ctx, l, []Known{{Mapping: m}})
	if err != nil && !refused {
		return User{}, err
	}
	u := tell(l, Known{Mapping: m}, grants, asked)
	u.Checked = u.Checked || !l.HasGrants() // it was tried
	if refused {
		u.State, u.Checked = Broken, true
	}
	return u, nil
}

// Of reads a CRM user's mapping by the user name that he has in the org now. One who has none is a Conflict with
// CodeNotMapped, or CodeNotReconnected. Where the org does not answer, and in an outage, he is
// looked for by the name that it told last; whether he is reconnected is asked after the outage.
func (s *Service) Of(ctx context.Context, l link.Link, crmUsername string) (Mapping, error) {
	if err := link.CheckUsername(crmUsername); err != nil {
		return Mapping{}, err
	}
	if s.links.Interrupted(l) != nil { // the org may refuse everybody for a while, and users be reconnected before the end
		k, err := s.store.KnownUser(ctx, l.Pair, crmUsername)
		if fault.CodeOf(err) == CodeNotFound || err == nil && !k.Clear.At.IsZero() {
			return Mapping{}, notMapped(crmUsername)
		}
		return k.Mapping, err
	}
	found, err := s.orgUsers(ctx, l, "Username = "+crm.Literal(crmUsername)+" LIMIT 2")
	var k Known
	switch {
	case err != nil && passing(err):
		k, err = s.store.KnownUser(ctx, l.Pair, crmUsername)
	case err == nil && len(found) == 1:
		k, err = s.byUser(ctx, l, found[0])
	case err == nil:
		err = fault.New(fault.NotFound, CodeNotFound, "The org has no such user.")
	}
	if fault.CodeOf(err) == CodeNotFound || err == nil && !k.Clear.At.IsZero() {
		return Mapping{}, notMapped(crmUsername)
	}
	return usable(l, k.Mapping, err)
}

func notMapped(name string) error {
	return fault.New(fault.Conflict, CodeNotMapped, "%s is not mapped to an Engagement user.", name)
}

// OfUser reads the mapping of a CRM user by his id, as Of does by name.
func (s *Service) OfUser(ctx context.Context, l link.Link, crmUserID, crmUsername string) (Mapping, error) {
	m, err := s.store.Mapping(ctx, l.Pair, crmUserID)
	if fault.CodeOf(err) == CodeNotFound {
		return Mapping{}, notMapped(crmUsername)
	}
	return usable(l, m, err)
}

// usable is a mapping that was read, unless its user is to be reconnected first.
func usable(l link.Link, m Mapping, err error) (Mapping, error) {
	if err == nil && m.Earlier(l) {
		return Mapping{}, notReconnected(m)
	}
	return m, err
}

// byUser is what Connect knows of a user as the org has him now: who he is says his id, and a name that was somebody
// else's before says nothing. One who is mapped and was renamed gets his name of today.
func (s *Service) byUser(ctx context.Context, l link.Link, user Mapping) (Known, error) {
	m, err := s.store.Mapping(ctx, l.Pair, user.CRMUserID)
	if err == nil {
		m, err = s.rename(ctx, m, user)
		return Known{Mapping: m}, err
	}
	if fault.CodeOf(err) != CodeNotFound {
		return Known{}, err
	}
	k, err := s.store.KnownUser(ctx, l.Pair, user.CRMUsername)
	if err == nil && k.Mapping.CRMUserID != user.CRMUserID {
		err = fault.New(fault.NotFound, CodeNotFound, "%s is another user now.", user.CRMUsername)
	}
	return k, err
}

// known is what Connect knows of whoever has a user name in the org now; of one whom the org does not show, or where it
// cannot be asked, by the name that it told last.
func (s *Service) known(ctx context.Context, l link.Link, crmUsername string) (Known, error) {
	found, err := s.orgUsers(ctx, l, "Username = "+crm.Literal(crmUsername)+" LIMIT 2")
	if err == nil && len(found) == 1 {
		return s.byUser(ctx, l, found[0])
	}
	if ctx.Err() != nil {
		return Known{}, ctx.Err()
	}
	return s.store.KnownUser(ctx, l.Pair, crmUsername)
}

// rename keeps what the org calls a mapping's user now.
func (s *Service) rename(ctx context.Context, m, user Mapping) (Mapping, error) {
	if m.CRMUsername == user.CRMUsername && m.CRMName == user.CRMName {
		return m, nil
	}
	m.CRMUsername, m.CRMName = user.CRMUsername, user.CRMName
	return m, s.store.RenameUser(ctx, m)
}

// names asks the org what it calls users now.
func (s *Service) names(ctx context.Context, l link.Link, page []Mapping) error {
	if len(page) == 0 {
		return nil
	}
	ids := make([]string, len(page))
	for i, m := range page {
		ids[i] = crm.Literal(m.CRMUserID)
	}
	found, err := s.orgUsers(ctx, l, "Id IN ("+strings.Join(ids, ", ")+")")
	if err != nil {
		return err
	}
	byID := map[string]Mapping{}
	for _, user := range found {
		byID[user.CRMUserID] = user
	}
	for _, m := range page {
		if user, there := byID[m.CRMUserID]; there && user.CRMUsername != "" {
			if _, err := s.rename(ctx, m, user); err != nil {
				return err
			}
		}
	}
	return nil
}

// show tells the state of a user whom Connect does not know.
func (s *Service) show(ctx context.Context, l link.Link, crmUsername string) (User, error) {
	found, err := s.orgUsers(ctx, l, "Username = "+crm.Literal(crmUsername)+" LIMIT 2")
	if err != nil {
		return User{}, err
	}
	if len(found) != 1 {
		return User{}, fault.New(fault.NotFound, CodeNotFound, "The org has no user %s that the system user may see.", crmUsername)
	}
	integrated, err := s.integrated(ctx, l, engagement.Equals("SalesforceUsername", found[0].CRMUsername))
	if err != nil {
		return User{}, err
	}
	return named(l, found[0], integrated), nil
}
