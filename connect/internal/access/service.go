package access

import (
	"context"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/vault"
)

const (
	// secretBytes is the size of cookies, tokens and links: 256 bits.
	secretBytes = 32
	// tokenPrefix lets scanners find tokens that were lost.
	tokenPrefix = "tsa_"
	// seenEvery is how exactly a session's last use is kept, usedEvery a token's.
	seenEvery = time.Minute
	usedEvery = time.Hour
	// maxTokens bounds the tokens of a pair that work.
	maxTokens = 200
)

// Service lets people and tokens in. It is safe for concurrent use.
type Service struct {
	store   Store
	links   *link.Service
	vault   *vault.Vault
	machine clock.Machine
}

// NewService wires the service; v seals what people lend, machine is machine time as all processes have it.
func NewService(store Store, links *link.Service, v *vault.Vault, machine clock.Machine) *Service {
	return &Service{store: store, links: links, vault: v, machine: machine}
}

// RoleInOrg reads, as the system user, which of the package's two boxes a user of the org has (connect-facts 1.4); under an own
// link, where there is no package, which of two permission sets. The one that makes an administrator counts alone, too. Who is
// deactivated or frozen there is nobody: the org would not let him in either.
func (s *Service) RoleInOrg(ctx context.Context, l link.Link, userID string) (Role, error) {
	role := Nobody
	err := s.links.CallOrg(ctx, l, func(org *crm.Session) (err error) {
		role, err = roleOf(ctx, org, l, userID)
		return err
	})
	return role, err
}

// roleOf is what a user's boxes or permission sets make him, as the session's user sees them.
func roleOf(ctx context.Context, org *crm.Session, l link.Link, userID string) (Role, error) {
	has := roleByBox
	if l.RolesBySet() {
		has = roleBySet
	}
	role, err := has(ctx, org, l.Names(), userID)
	if err != nil || role == Nobody {
		return Nobody, err
	}
	logins, err := org.Query(ctx, "SELECT IsFrozen FROM UserLogin WHERE UserId = "+crm.Literal(userID))
	if fault.CodeOf(err) == client.CodeRefused { // one without Manage Users is not told who is frozen
		return role, nil
	}
	if len(logins) > 0 && logins[0].Bool("IsFrozen") {
		role = Nobody
	}
	return role, err
}

// roleByBox is what the boxes on an active user's record make him.
func roleByBox(ctx context.Context, org *crm.Session, n link.Names, userID string) (Role, error) {
	record, err := org.GetRecord(ctx, "User", userID, "Id", "IsActive", n.AdminBoxName(), n.UserBoxName())
	switch {
	case err != nil || !record.Bool("IsActive"):
		return Nobody, err
	case record.Bool(n.AdminBoxName()):
		return Admin, nil
	case record.Bool(n.UserBoxName()):
		return User, nil
	}
	return Nobody, nil
}

// roleBySet is what the permission sets of an active user make him.
func roleBySet(ctx context.Context, org *crm.Session, n link.Names, userID string) (Role, error) {
	record, err := org.GetRecord(ctx, "User", userID, "Id", "IsActive")
	if err != nil || !record.Bool("IsActive") {
		return Nobody, err
	}
	rows, err := org.Query(ctx, "SELECT PermissionSet.Label FROM PermissionSetAssignment WHERE AssigneeId = "+crm.Literal(userID)+
		" AND PermissionSet.Label IN ("+crm.Literal(n.ConsoleAdminSet)+", "+crm.Literal(n.ConsoleUserSet)+")")
	role := Nobody
	for _, row := range rows {
		switch label := row.Related("PermissionSet").String("Label"); { // which the org compares without regard to case
		case strings.EqualFold(label, n.ConsoleAdminSet):
			return Admin, err
		case strings.EqualFold(label, n.ConsoleUserSet):
			role = User
		}
	}
	return role, err
}

// Roles in Engagement that administer it (connect-facts 1.5).
var administers = []string{"Administrator", "Marketing Cloud Administrator"}

// RoleInEngagement reads whether an Engagement user administers it, as the API user; own is the session of the user himself,
// who is asked where the connection is not there yet. nil is none.
func (s *Service) RoleInEngagement(ctx context.Context, l link.Link, username string, own *engagement.Session) (Role, error) {
	role := Nobody
	read := func(tenant *engagement.Session) error {
		d, err := tenant.UserDetails(ctx, username)
		if err == nil && d.Active && slices.ContainsFunc(d.Roles, func(r string) bool { return slices.Contains(administers, r) }) {
			role = Engagement
		}
		return err
	}
	if l.Tenant.Username == "" && own != nil {
		err := read(own)
		return role, err
	}
	err := s.links.CallTenant(ctx, l, read)
	return role, err
}

// Enter begins the session of a person whom a cloud signed in. A cloud that refuses to tell of him, or is not connected,
// gives no role: why is returned beside the session, for the log. lent is the access token of a person of the org who lends
// his session for as long as this one lasts, so that an org without a system user can be looked at; "" for none.
func (s *Service) Enter(ctx context.Context, l link.Link, p Person, own *engagement.Session, lent vault.Secret) (cookie string, session Session, why, err error) {
	role := Nobody
	switch {
	case p.Cloud == ByEngagement:
		role, why = s.RoleInEngagement(ctx, l, p.Username, own)
	case lent != "" && l.Org.Username == "":
		role, why = s.roleOfLender(ctx, l, p, lent)
	default:
		role, why = s.RoleInOrg(ctx, l, p.UserID)
	}
	if why != nil {
		role = Nobody
	}
	cookie, session, err = s.begin(ctx, l, audit.Change{}, p, role, lent)
	return cookie, session, why, err
}

// roleOfLender reads a person's boxes in his own session.
func (s *Service) roleOfLender(ctx context.Context, l link.Link, p Person, lent vault.Secret) (Role, error) {
	org, err := s.links.OrgClient(l)
	if err != nil {
		return Nobody, err
	}
	return roleOf(ctx, org.Session(crm.Token{AccessToken: lent, InstanceURL: l.CRMURL}), l, p.UserID)
}

// Eyes is the access token of the org that the session's person lent; "" for none.
func (s *Service) Eyes(session Session) (vault.Secret, error) {
	if len(session.Eyes) == 0 {
		return "", nil
	}
	plain, err := s.vault.Open(session.Eyes, EyesAAD(session.Token))
	if err != nil {
		return "", fault.Wrap(err, fault.Internal, link.CodeCredentialCorrupt, "The session that you lent cannot be opened. Sign in again.")
	}
	return vault.Secret(plain), nil
}

func (s *Service) begin(ctx context.Context, l link.Link, why audit.Change, p Person, role Role, lent vault.Secret) (string, Session, error) {
	cookie, now := oauth.NewToken(secretBytes), s.machine()
	session := Session{
		Token: vault.HashToken(cookie), Pair: l.Pair, Person: p, Role: role, Expires: s.links.Now(l).Add(SessionLife), Seen: now, RoleAt: now,
	}
	if lent != "" {
		var err error
		if session.Eyes, err = s.vault.Seal([]byte(lent.Reveal()), EyesAAD(session.Token)); err != nil {
			return "", session, err
		}
	}
	return cookie, session, s.store.AddConsoleSession(ctx, why, session)
}

// Session finds the session of a cookie, and reads its role again where that is due: a box that was taken away takes the
// console away within RoleLife. A cloud that cannot be asked leaves the role, because an administrator is needed to mend
// it. What has no session is an Unauthenticated fault.
func (s *Service) Session(ctx context.Context, cookie string) (Session, link.Link, error) {
	return s.session(ctx, cookie, RoleLife)
}

// Acting is Session for what changes something: the role is not older than ActLife, so that who was shut out of his cloud or
// lost his box changes nothing more.
func (s *Service) Acting(ctx context.Context, cookie string) (Session, link.Link, error) {
	return s.session(ctx, cookie, ActLife)
}

// session is Session with a role that is at most so old.
func (s *Service) session(ctx context.Context, cookie string, roleLife time.Duration) (Session, link.Link, error) {
	if cookie == "" || len(cookie) > 200 {
		return Session{}, link.Link{}, SignedOut()
	}
	found, err := s.store.ConsoleSession(ctx, vault.HashToken(cookie))
	if fault.CodeOf(err) == CodeNotFound {
		return Session{}, link.Link{}, SignedOut()
	}
	if err != nil {
		return Session{}, link.Link{}, err
	}
	l, err := s.links.Link(ctx, found.Pair)
	if err != nil {
		return Session{}, link.Link{}, err
	}
	now := s.machine()
	if err := found.Accept(s.links.Now(l), now, l.Org.OrgID); err != nil {
		return Session{}, l, err
	}
	stale := now.Sub(found.Seen).Abs() >= seenEvery
	if found.Person.Cloud != ByLink && now.Sub(found.RoleAt).Abs() >= roleLife {
		if role, ok := s.readAgain(ctx, l, found.Person); ok {
			found.Role = role
		}
		found.RoleAt, stale = now, true
	}
	if stale {
		found.Seen = now
		err = s.store.KeepConsoleSession(ctx, found)
	}
	return found, l, err
}

// readAgainFor is how long a cloud has to tell of a role. One that hangs must not keep the person from what mends it.
const readAgainFor = 5 * time.Second

// readAgain is a person's role as it is now; ok is false where his cloud does not tell.
func (s *Service) readAgain(ctx context.Context, l link.Link, p Person) (role Role, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, readAgainFor)
	defer cancel()
	var err error
	if p.Cloud == ByEngagement {
		role, err = s.RoleInEngagement(ctx, l, p.Username, nil)
	} else {
		role, err = s.RoleInOrg(ctx, l, p.UserID)
	}
	if r := client.Remote(err); r != nil && fault.CodeOf(err) == client.CodeNotFound { // he is no more
		return Nobody, true
	}
	return role, err == nil
}

// Leave ends the session of a cookie.
func (s *Service) Leave(ctx context.Context, cookie string) error {
	return s.store.EndConsoleSession(ctx, vault.HashToken(cookie))
}

// OfferLink makes the one-time link of a pair: whoever has it is an administrator of the connection. It takes the place of
// the one before.
func (s *Service) OfferLink(ctx context.Context, pair string) (token string, err error) {
	l, err := s.links.Link(ctx, pair)
	if err != nil {
		return "", err
	}
	token = oauth.NewToken(secretBytes)
	return token, s.store.PutConsoleLink(ctx, pair, vault.HashToken(token), s.links.Now(l).Add(LinkLife))
}

// EnterByLink takes the one-time link and begins its bearer's session.
func (s *Service) EnterByLink(ctx context.Context, token string) (cookie string, err error) {
	used := fault.New(fault.Invalid, CodeLinkUsed, "This link was used already, is too old, or a newer one was made. Restart twinspan up, or run twinspan tokens link, for another.")
	if token == "" || len(token) > 200 {
		return "", used
	}
	pair, expires, err := s.store.TakeConsoleLink(ctx, vault.HashToken(token))
	if fault.CodeOf(err) == CodeNotFound {
		return "", used
	}
	if err != nil {
		return "", err
	}
	l, err := s.links.Link(ctx, pair)
	if err != nil {
		return "", err
	}
	if !s.links.Now(l).Before(expires) {
		return "", used
	}
	operator := Person{Cloud: ByLink, Username: "operator"}
	why := audit.Change{At: s.links.Now(l), Actor: operator.Actor(), Action: audit.ConsoleLinkTaken}
	cookie, _, err = s.begin(ctx, l, why, operator, Admin, "")
	return cookie, err
}

// Caller is whom a bearer token speaks for.
type Caller struct {
	Role     Role
	Username string // CRM user name of role User
	Actor    string // as the audit chain names him: "API", "API token nightly"
}

// Authenticate finds the connection and the role that a bearer token speaks for: the pair's own token is an Admin's. An
// unknown one is a NotFound fault.
func (s *Service) Authenticate(ctx context.Context, token string) (Caller, link.Link, error) {
	hash := vault.HashToken(token)
	l, err := s.links.Authenticate(ctx, hash)
	if err == nil {
		return Caller{Role: Admin, Actor: "API"}, l, nil
	}
	if fault.CodeOf(err) != link.CodeNotFound || !strings.HasPrefix(token, tokenPrefix) {
		return Caller{}, link.Link{}, err
	}
	t, err := s.store.TokenByHash(ctx, hash)
	if err != nil {
		return Caller{}, link.Link{}, err
	}
	if l, err = s.links.Link(ctx, t.Pair); err != nil {
		return Caller{}, link.Link{}, err
	}
	if err := t.Accept(s.links.Now(l)); err != nil {
		return Caller{}, link.Link{}, err
	}
	if now := s.machine(); now.Sub(t.Used).Abs() >= usedEvery {
		err = s.store.UseToken(ctx, t.Pair, t.ID, now)
	}
	return Caller{Role: t.Role, Username: t.Username, Actor: "API token " + t.Name}, l, err
}

// CreateToken makes an API token. Its value is returned and kept nowhere; the name is taken until the token is revoked, so
// that a call that is repeated makes no second one.
func (s *Service) CreateToken(ctx context.Context, l link.Link, spec Spec, by string) (Token, vault.Secret, error) {
	if err := spec.check(); err != nil {
		return Token{}, "", err
	}
	have, err := s.store.Tokens(ctx, l.Pair)
	if err != nil {
		return Token{}, "", err
	}
	now, work := s.links.Now(l), 0
	for _, t := range have {
		if t.Accept(now) == nil {
			work++
		}
	}
	if work >= maxTokens {
		return Token{}, "", fault.New(fault.Conflict, CodeInvalidToken, "The connection has %d API tokens; revoke some first.", work)
	}
	if spec.Life == 0 {
		spec.Life = DefaultTokenLife
	}
	value := tokenPrefix + oauth.NewToken(secretBytes)
	t := Token{
		Pair: l.Pair, ID: hex.EncodeToString(vault.HashToken(value)[:6]), Hash: vault.HashToken(value), Name: spec.Name, Role: spec.Role, Username: spec.Username, By: by,
		Created: now, Expires: now.Add(spec.Life),
	}
	err = s.store.AddToken(ctx, audit.Change{At: now, Actor: by, Action: audit.TokenCreated, Subject: t.Name}, t)
	return t, vault.Secret(value), err
}

// Tokens lists the API tokens of a connection.
func (s *Service) Tokens(ctx context.Context, l link.Link) ([]Token, error) {
	return s.store.Tokens(ctx, l.Pair)
}

// RevokeToken ends an API token at once.
func (s *Service) RevokeToken(ctx context.Context, l link.Link, id, by string) (Token, error) {
	return s.store.RevokeToken(ctx, audit.Change{At: s.links.Now(l), Actor: by, Action: audit.TokenRevoked}, l.Pair, id)
}
