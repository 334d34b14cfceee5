// Package mapping holds the rules by which users of the org and of the tenant belong together: one Engagement user for
// each CRM user of an org, and one CRM user of an org for each Engagement user (connect-facts 1.1, 3.6). A mapping is
// made when the CRM user signs in to Engagement once; after that nothing is asked of him (document 002).
package mapping

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/signin"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
)

// Codes of the faults that this package returns.
const (
	CodeNotFound fault.Code = "not_found"
	// CodeAPIUser: the Engagement user is the API user, and the CRM user a person (document 000: the usual mistake). It is
	// mapped where somebody says that this is meant.
	CodeAPIUser fault.Code = "api_user_named"
	// CodeSystemUser: the CRM user is the Salesforce system user, and the Engagement user a person: likewise.
	CodeSystemUser fault.Code = "system_user_named"
	// CodeTaken: the Engagement user is mapped to another user of the org.
	CodeTaken fault.Code = "engagement_user_taken"
	// CodeLoginDenied: the CRM user has a token that Engagement refuses, and no other may be put in its place before it
	// is cleared (document 000: "login denied", though the password was right).
	CodeLoginDenied fault.Code = "login_denied"
	// CodeWrongEnterprise: the Engagement user belongs to another enterprise than the connection.
	CodeWrongEnterprise fault.Code = "wrong_enterprise"
	// CodeNotReconnected: the mapping is from before the connection's upgrade to Connected App authentication, and its user
	// was not reconnected since (document 003).
	CodeNotReconnected fault.Code = "not_reconnected"
)

// Mapping joins a CRM user and an Engagement user.
type Mapping struct {
	Pair             string
	CRMUserID        string // 18 characters
	CRMUsername      string
	CRMName          string
	EngagementUserID string // AccountUserID in decimal
	EngagementUser   string // user name
	EngagementName   string
	MID              int64 // business unit in which the user works
	CreatedAt        time.Time
	BrokenAt         time.Time // when Engagement was first found to refuse the user; zero while it does not
	Handle           Handle    // of what stands in the User field; zero where nothing does
	// Era is the driver of the org span under which the mapping was made: Password or JWT.
	Era link.Driver
}

// Store keeps mappings and what became of them.
type Store interface {
	// Mapping reads the mapping of a CRM user; a missing one is a NotFound fault with CodeNotFound.
	Mapping(ctx context.Context, pair, crmUserID string) (Mapping, error)
	// AnyMapping reports whether anybody is mapped.
	AnyMapping(ctx context.Context, pair string) (bool, error)
	// Known lists users who are mapped or whose mapping was cleared, by CRM user name, at most limit of them after the
	// user name given, and whoever else has the last one's name: until the org is asked again, a name that passed to another
	// user stands in two records.
	Known(ctx context.Context, pair, after string, limit int) ([]Known, error)
	// KnownUser reads one of them by CRM user name, in letters of any case; a missing one is a NotFound fault with CodeNotFound.
	KnownUser(ctx context.Context, pair, crmUsername string) (Known, error)
	// MappingTo reads the mapping to an Engagement user; a missing one is a NotFound fault with CodeNotFound.
	MappingTo(ctx context.Context, pair, engagementUserID string) (Mapping, error)
	// PutMapping stores the mapping in place of the CRM user's former one, and why in the audit chain. Where the former one
	// is to the same Engagement user in the same business unit, nothing is stored, and it is the one returned. An
	// Engagement user who is mapped to another CRM user is a Conflict fault with CodeTaken. former is the one in whose place it
	// came; the zero Mapping where there was none.
	PutMapping(ctx context.Context, m Mapping, why audit.Change) (stored, former Mapping, err error)
	// RenameUser stores how the org calls the mapping's CRM user now.
	RenameUser(ctx context.Context, m Mapping) error
	// MarkMapping stores since when Engagement refuses the mapped user, zero where it does not, if the mapping still is
	// to this Engagement user.
	MarkMapping(ctx context.Context, m Mapping, brokenAt time.Time) error
	// SetHandle stores the handle that stands for the mapping in the User field, zero for none, if the mapping is there
	// still.
	SetHandle(ctx context.Context, m Mapping, h Handle) error
	// ClearMapping removes, with an entry in the audit chain, the mapping of c if it still is that one, by CRM user, Engagement user and time of making, and
	// keeps c. cleared reports whether it was there.
	ClearMapping(ctx context.Context, c Clear) (cleared bool, err error)
}

// Decide says whether a visitor may be mapped to the Engagement user who signed in, and how the mapping reads. Who is
// recognised as somebody who hardly can be meant is refused with CodeAPIUser or CodeSystemUser, unless somebody was asked
// and said that he is meant.
func Decide(l link.Link, v signin.Visitor, found link.TenantUser, meant bool, now time.Time) (Mapping, error) {
	if found.EID != l.EID {
		return Mapping{}, link.WrongEnterprise(CodeWrongEnterprise, l, found)
	}
	m := Mapping{
		Pair: l.Pair, CRMUserID: v.UserID, CRMUsername: v.Username, CRMName: v.Name,
		EngagementUserID: found.UserID, EngagementUser: found.Username, EngagementName: found.Name, MID: found.MID, CreatedAt: now, Era: l.OrgChoice().Driver,
	}
	switch code := Notice(l, m); {
	case meant || code == "":
		return m, nil
	case code == CodeAPIUser:
		return Mapping{}, fault.New(fault.Conflict, CodeAPIUser,
			"%s is the Marketing Cloud Connect API user. A person's sends and permissions are to be the person's own: sign in with your own Engagement user.", found.Username)
	}
	return Mapping{}, fault.New(fault.Conflict, CodeSystemUser,
		"%s is the Salesforce system user of this connection, and %s a person: log in to Salesforce as yourself.", v.Username, found.Username)
}

// Notice is what is unusual in a mapping: CodeAPIUser or CodeSystemUser, "" where nothing is. The system user's own
// Engagement user is the API user.
func Notice(l link.Link, m Mapping) fault.Code {
	api := link.SameUsername(m.EngagementUser, l.Tenant.Username) || m.EngagementUserID == l.Tenant.UserID
	system := m.CRMUserID == l.Org.UserID
	switch {
	case api == system:
		return ""
	case api:
		return CodeAPIUser
	}
	return CodeSystemUser
}

// Unusual reports whether err is the refusal of a mapping that is made once somebody says that it is meant.
func Unusual(err error) bool {
	code := fault.CodeOf(err)
	return code == CodeAPIUser || code == CodeSystemUser
}

// Taken is the refusal of an Engagement user who is mapped already. It does not say to whom: the visitor may be a
// stranger to that user.
func Taken(username string) error {
	return fault.New(fault.Conflict, CodeTaken,
		"The Engagement user %s is mapped to another user of this org. An Engagement user can be mapped to one user of an org.", username)
}

// Service makes and checks mappings. It is safe for concurrent use.
type Service struct {
	store Store
	links *link.Service
	keys  Keys
}

// NewService wires the service.
func NewService(store Store, links *link.Service, keys Keys) *Service {
	return &Service{store: store, links: links, keys: keys}
}

// Consider says what would come of mapping a visitor to the Engagement user who signed in, and stores nothing: Connect
// signs that user in by its own key, for a mapping that does not work is none. Where it acts by refresh tokens his is spent with
// the first use, and own, the session of his sign-in, does instead. What is refused needs no question; what is
// unusual is the refusal of which Unusual tells, and is asked about; nil is asked about too. A visitor whose stored token is
// refused is refused himself until it is cleared: somebody may have ended it on purpose.
func (s *Service) Consider(ctx context.Context, l link.Link, v signin.Visitor, found link.TenantUser, own *engagement.Session) error {
	if err := s.links.Interrupted(l); err != nil {
		return err
	}
	m, err := Decide(l, v, found, true, s.links.Now(l))
	if err != nil {
		return err
	}
	as := s.as(l, m)
	if l.ActsByToken(m.EngagementUser) {
		as = func(_ context.Context, fn func(*engagement.Session) error) error { return fn(own) }
	} else if err := s.try(ctx, l, m); err != nil {
		return err
	}
	if _, err := s.admit(ctx, l, m, as); err != nil {
		return err
	}
	_, err = Decide(l, v, found, false, m.CreatedAt)
	return err
}

// put stores a mapping that was settled. Where somebody else has stored the same at the same moment, his stays; a handle
// that only this one left in the User field becomes its. Of two that shut each other out one stays, and nothing of the other.
func (s *Service) put(ctx context.Context, l link.Link, m Mapping, actor string) (Mapping, error) {
	stored, former, err := s.store.PutMapping(ctx, m, audit.Change{At: m.CreatedAt, Actor: actor, Action: audit.UserMapped, Subject: m.CRMUsername})
	switch {
	case fault.CodeOf(err) == CodeTaken:
		s.release(ctx, l, m)
	case err == nil && former.EngagementUserID != "" && former.EngagementUserID != stored.EngagementUserID:
		s.release(ctx, l, former)
	}
	if err != nil || stored.Handle != (Handle{}) || m.Handle == (Handle{}) {
		return stored, err
	}
	stored.Handle = m.Handle
	return stored, s.store.SetHandle(ctx, stored, m.Handle)
}

// release takes back what was made for a mapping that is none, as far as nothing else works with it: the grant, and the handle in the User
// field. What it cannot take back now harms nobody: Leftovers end the grant, and a handle without a mapping means nothing.
func (s *Service) release(ctx context.Context, l link.Link, m Mapping) {
	_ = s.GiveBack(ctx, l, m.EngagementUser)
	_ = s.takeBack(ctx, l, m.CRMUserID)
}

// Facts are what the audit chain keeps of a mapping before and after a change.
type Facts struct {
	CRMUserID          string `json:"crm_user_id"`
	EngagementUserID   string `json:"engagement_user_id"`
	EngagementUsername string `json:"engagement_username"`
	AccountID          int64  `json:"account_id"`
}

// Facts gives them; nil for the zero Mapping.
func (m Mapping) Facts() *Facts {
	if m.CRMUserID == "" {
		return nil
	}
	return &Facts{m.CRMUserID, m.EngagementUserID, m.EngagementUser, m.MID}
}

// settle takes away what stands in the way of a mapping that works, and leaves its handle in the org; its record is all
// that is missing then.
func (s *Service) settle(ctx context.Context, l link.Link, m Mapping) (Mapping, error) {
	old, err := s.admit(ctx, l, m, s.as(l, m))
	if err != nil {
		return Mapping{}, err
	}
	if m.Handle, err = s.handleFor(ctx, l, m.CRMUserID, old); err != nil {
		return Mapping{}, err
	}
	// The former user's grant ends before the mapping passes on: nobody would see it afterwards.
	if old.EngagementUserID != "" && old.EngagementUserID != m.EngagementUserID {
		if err := s.endGrant(ctx, l, old); err != nil {
			return Mapping{}, err
		}
	}
	return m, nil
}

// asUser runs fn with a session of a mapping's Engagement user.
type asUser func(ctx context.Context, fn func(*engagement.Session) error) error

// as gives the sessions that Connect makes itself.
func (s *Service) as(l link.Link, m Mapping) asUser {
	return func(ctx context.Context, fn func(*engagement.Session) error) error {
		return s.links.CallTenantAs(ctx, l, m.EngagementUser, m.MID, fn)
	}
}

// admit refuses a mapping that cannot be made, and gives the one in whose place it is to come.
func (s *Service) admit(ctx context.Context, l link.Link, m Mapping, as asUser) (old Mapping, err error) {
	if err := s.inUnit(ctx, l, m, as); err != nil {
		return Mapping{}, err
	}
	if old, err = s.former(ctx, l, m); err != nil {
		return Mapping{}, err
	}
	if !old.BrokenAt.IsZero() {
		return Mapping{}, fault.New(fault.Denied, CodeLoginDenied,
			"login denied: the token stored for %s is refused by Engagement, and the right password cannot replace it. Clear the mapping, then connect again.", m.CRMUsername)
	}
	return old, nil
}

// free refuses an Engagement user who is mapped to another CRM user.
func (s *Service) free(ctx context.Context, l link.Link, crmUserID, engagementUserID, username string) error {
	to, err := s.store.MappingTo(ctx, l.Pair, engagementUserID)
	switch {
	case fault.CodeOf(err) == CodeNotFound, err == nil && to.CRMUserID == crmUserID:
		return nil
	case err == nil:
		return Taken(username)
	}
	return err
}

// former reads the mapping in whose place m is to come; the zero Mapping where there is none. One that was cleared by way
// of the org is cleared now; the grant that the visitor has made by signing in a moment ago stays. An Engagement user who
// is mapped to somebody else is refused before anything is touched.
func (s *Service) former(ctx context.Context, l link.Link, m Mapping) (Mapping, error) {
	if err := s.free(ctx, l, m.CRMUserID, m.EngagementUserID, m.EngagementUser); err != nil {
		return Mapping{}, err
	}
	old, err := s.store.Mapping(ctx, l.Pair, m.CRMUserID)
	if fault.CodeOf(err) == CodeNotFound {
		return Mapping{}, nil
	}
	if err != nil {
		return Mapping{}, err
	}
	gone, value, err := s.goneInOrg(ctx, l, &old)
	if err != nil || !gone {
		return old, err
	}
	if old.EngagementUserID != m.EngagementUserID {
		if err := s.endGrant(ctx, l, old); err != nil {
			return Mapping{}, err
		}
	}
	_, err = s.store.ClearMapping(ctx, Clear{ID: oauth.NewToken(16), Mapping: old, Actor: byOrg, Reason: ended(l, value), At: s.links.Now(l)})
	return Mapping{}, err
}

// try signs the mapping's Engagement user in by key and reads back who he is.
func (s *Service) try(ctx context.Context, l link.Link, m Mapping) error {
	return s.as(l, m)(ctx, func(tenant *engagement.Session) error {
		id, err := tenant.UserInfo(ctx)
		if err == nil && id.UserID != m.EngagementUserID {
			err = fault.New(fault.Denied, link.CodeWrongUser, "Engagement signed in %s where %s was named.", id.Username, m.EngagementUser)
		}
		return err
	})
}

// Needs reports whether the connection works with the Engagement user's grant: he is its API user, or mapped and not
// refused.
func (s *Service) Needs(ctx context.Context, l link.Link, u link.TenantUser) (bool, error) {
	if u.UserID == l.Tenant.UserID || link.SameUsername(u.Username, l.Tenant.Username) {
		return true, nil
	}
	m, err := s.store.MappingTo(ctx, l.Pair, u.UserID)
	if fault.CodeOf(err) == CodeNotFound {
		return false, nil
	}
	return err == nil && m.BrokenAt.IsZero(), err
}

// Check reads a CRM user's mapping and tries it: Connect signs the Engagement user in by key. A mapping whose grant the
// tenant no longer has stays, is marked broken, and comes back with CodeLoginDenied (document 000, the third case). One
// that was cleared by way of the org is cleared, a NotFound fault. One that cannot be tried now, because the tenant does
// not answer, is returned with that error; where the org does not answer, which alone could say that it is there still,
// the error comes without it. One from before an upgrade is returned, untried, with CodeNotReconnected.
// One of whose user Connect keeps no token comes with link.CodeNeedsSignIn: he is asked once.
func (s *Service) Check(ctx context.Context, l link.Link, crmUserID string) (Mapping, error) {
	m, err := s.store.Mapping(ctx, l.Pair, crmUserID)
	if err != nil {
		return Mapping{}, err
	}
	return s.check(ctx, l, m)
}

func (s *Service) check(ctx context.Context, l link.Link, m Mapping) (Mapping, error) {
	if m.Earlier(l) {
		return m, notReconnected(m)
	}
	gone, err := s.clearedInOrg(ctx, l, &m)
	if err != nil {
		return Mapping{}, err
	}
	if gone {
		return Mapping{}, fault.New(fault.NotFound, CodeNotFound, "The mapping of %s was cleared in the org.", m.CRMUsername)
	}
	err = s.try(ctx, l, m)
	if fault.CodeOf(err) == link.CodeNeedsSignIn { // nothing refuses it: he signs in once, and it works
		if !m.BrokenAt.IsZero() {
			m.BrokenAt = time.Time{}
			if markErr := s.store.MarkMapping(ctx, m, m.BrokenAt); markErr != nil {
				return m, markErr
			}
		}
		return m, err
	}
	refused := link.NeedsGrant(err)
	if err != nil && !refused || refused == !m.BrokenAt.IsZero() {
		if refused {
			err = denied(m)
		}
		return m, err
	}
	m.BrokenAt = time.Time{}
	if refused {
		m.BrokenAt, err = s.links.Now(l), denied(m)
	}
	if markErr := s.store.MarkMapping(ctx, m, m.BrokenAt); markErr != nil {
		return m, markErr
	}
	return m, err
}

// Earlier reports whether the mapping is from before the upgrade of the connection to a key, its user not reconnected since:
// it is not used.
func (m Mapping) Earlier(l link.Link) bool { return m.Era == link.Password && l.Org.Driver == link.JWT }

func notReconnected(m Mapping) error {
	return fault.New(fault.Conflict, CodeNotReconnected,
		"%s was mapped before the upgrade to Connected App authentication and is not reconnected: migrate existing users, or he integrates anew on the Marketing Cloud tab.", m.CRMUsername)
}

func denied(m Mapping) error {
	return fault.New(fault.Denied, CodeLoginDenied, "login denied: Engagement refuses the token stored for %s.", m.EngagementUser)
}
