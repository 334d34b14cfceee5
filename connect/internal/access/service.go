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
	machine clock.Machine
}

// NewService wires the service; machine is machine time as all processes have it.
func NewService(store Store, links *link.Service, machine clock.Machine) *Service {
	return &Service{store: store, links: links, machine: machine}
}

// RoleInOrg reads which of the package's two boxes a user of the org has (connect-facts 1.4), as the system user. The box
// Admin counts alone, too. Who is deactivated or frozen there is nobody: the org would not let him in either.
func (s *Service) RoleInOrg(ctx context.Context, l link.Link, userID string) (Role, error) {
	role, names := Nobody, l.Names()
	err := s.links.CallOrg(ctx, l, func(org *crm.Session) error {
		record, err := org.GetRecord(ctx, "User", userID, "Id", "IsActive", names.AdminBoxName(), names.UserBoxName())
		switch {
		case err != nil:
			return err
		case !record.Bool("IsActive"):
			return nil
		case record.Bool(names.AdminBoxName()):
			role = Admin
		case record.Bool(names.UserBoxName()):
			role = User
		default:
			return nil
		}
		logins, err := org.Query(ctx, "SELECT IsFrozen FROM UserLogin WHERE UserId = "+crm.Literal(userID))
		if fault.CodeOf(err) == client.CodeRefused { // a system user without Manage Users is not told who is frozen
			return nil
		}
		if len(logins) > 0 && logins[0].Bool("IsFrozen") {
			role = Nobody
		}
		return err
	})
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
// gives no role: why is returned beside the session, for the log.
func (s *Service) Enter(ctx context.Context, l link.Link, p Person, own *engagement.Session) (cookie string, session Session, why, err error) {
	role := Nobody
	if p.Cloud == ByEngagement {
		role, why = s.RoleInEngagement(ctx, l, p.Username, own)
	} else {
		role, why = s.RoleInOrg(ctx, l, p.UserID)
	}
	if why != nil {
		role = Nobody
	}
	cookie, session, err = s.begin(ctx, l, audit.Change{}, p, role)
	return cookie, session, why, err
}

func (s *Service) begin(ctx context.Context, l link.Link, why audit.Change, p Person, role Role) (string, Session, error) {
	cookie, now := oauth.NewToken(secretBytes), s.machine()
	session := Session{
		Token: vault.HashToken(cookie), Pair: l.Pair, Person: p, Role: role, Expires: s.links.Now(l).Add(SessionLife), Seen: now, RoleAt: now,
	}
	return cookie, session, s.store.AddConsoleSession(ctx, why, session)
}

// Session finds the session of a cookie, and reads its role again where that is due: a box that was taken away takes the
// console away within RoleLife. A cloud that cannot be asked leaves the role, because an administrator is needed to mend
// it. What has no session is an Unauthenticated fault.
func (s *Service) Session(ctx context.Context, cookie string) (Session, link.Link, error) {
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
	if found.Person.Cloud != ByLink && now.Sub(found.RoleAt).Abs() >= RoleLife {
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

// readAgain is a person's role as it is now; ok is false where his cloud does not tell.
func (s *Service) readAgain(ctx context.Context, l link.Link, p Person) (role Role, ok bool) {
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
	cookie, _, err = s.begin(ctx, l, why, operator, Admin)
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
