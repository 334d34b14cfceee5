package integration

import (
	"context"
	"strings"
	"time"

	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/vault"
)

// Service connects and checks integration users. It is safe for concurrent use.
type Service struct {
	store Store
	links *link.Service
	vault *vault.Vault
}

// NewService wires the service.
func NewService(store Store, links *link.Service, v *vault.Vault) *Service {
	return &Service{store: store, links: links, vault: v}
}

// Account reads the link's integration user; a NotFound fault where it has none.
func (s *Service) Account(ctx context.Context, l link.Link) (Account, error) {
	a, _, err := s.store.Account(ctx, l.Pair)
	return a, err
}

// Connect signs the user in by the username-password flow, reads back who he is, and keeps his credentials sealed. What the
// org refuses is explained, and leaves everything as it was.
func (s *Service) Connect(ctx context.Context, l link.Link, c Credentials, actor string) (Account, error) {
	if err := c.check(); err != nil {
		return Account{}, err
	}
	if link.SameUsername(c.Username, l.Org.Username) {
		return Account{}, fault.New(fault.Conflict, CodeSystemUser, "%s is this connection's system user. The integration user is an account of its own.", c.Username).In("username")
	}
	return s.connect(ctx, l, c, Account{Pair: l.Pair, Username: c.Username, ClientID: c.ClientID}, actor)
}

// Renew takes a new password and security token of the user who is connected.
func (s *Service) Renew(ctx context.Context, l link.Link, password, token vault.Secret, actor string) (Account, error) {
	a, secrets, err := s.store.Account(ctx, l.Pair)
	if err != nil {
		return Account{}, err
	}
	c, err := open(s.vault, a, l, secrets)
	if err != nil {
		return Account{}, err
	}
	c.Password, c.SecurityToken = password, token
	if err := c.check(); err != nil {
		return Account{}, err
	}
	return s.connect(ctx, l, c, Account{Pair: l.Pair, Username: a.Username, UserID: a.UserID, ClientID: a.ClientID}, actor)
}

func (s *Service) connect(ctx context.Context, l link.Link, c Credentials, a Account, actor string) (Account, error) {
	_, id, err := s.signIn(ctx, l, c)
	if err != nil {
		return Account{}, s.refused(ctx, l, a, err)
	}
	if l.Org.OrgID != "" && id.OrgID != l.Org.OrgID {
		return Account{}, fault.New(fault.Denied, link.CodeWrongAccount, "%s belongs to org %s; this connection belongs to org %s.", id.Username, id.OrgID, l.Org.OrgID)
	}
	now := s.links.Now(l)
	a.Username, a.UserID, a.OrgID, a.State, a.ConnectedAt, a.CheckedAt, a.Origin = id.Username, id.UserID, id.OrgID, link.SpanUp, now, now, l.CRMURL
	secrets, err := c.seal(s.vault, a)
	if err != nil {
		return Account{}, err
	}
	return s.store.PutAccount(ctx, a, secrets, audit.Change{At: now, Actor: actor, Action: audit.IntegrationChanged, Subject: a.Username})
}

func (s *Service) signIn(ctx context.Context, l link.Link, c Credentials) (*crm.Session, crm.Identity, error) {
	org, err := s.links.OrgClient(l)
	if err != nil {
		return nil, crm.Identity{}, err
	}
	token, err := org.Password(ctx, crm.PasswordGrant{ClientID: c.ClientID, Secret: c.ClientSecret, Username: c.Username, Password: c.Password + c.SecurityToken})
	if err != nil {
		return nil, crm.Identity{}, err
	}
	session := org.Session(token)
	id, err := session.UserInfo(ctx)
	return session, id, err
}

// refused is why the org refuses a sign-in, as a fault; err itself where the org did not refuse.
func (s *Service) refused(ctx context.Context, l link.Link, a Account, err error) error {
	if fault.CodeOf(err) != client.CodeRefused {
		return err
	}
	cause := s.explain(ctx, l, a, err)
	return fault.New(fault.Denied, fault.Code(cause.Code), "%s", cause.Text)
}

// explain tells why the org refuses the user, to whom it says one thing for all: the system user may look.
func (s *Service) explain(ctx context.Context, l link.Link, a Account, refusal error) link.Cause {
	if r := client.Remote(refusal); r != nil && r.Code != "invalid_grant" {
		cause := link.Cause{Code: r.Code, Text: r.Description}
		if r.Code == "invalid_app_access" && strings.Contains(r.Description, "not admin approved") {
			cause.Text += ": neither a permission set nor the profile of " + a.Username + " carries the connected app whose consumer key is used. " +
				"'twinspan org app show APP' tells which do, 'twinspan org permset assign SET USER' gives him one"
		}
		return cause
	}
	who := link.Holder{Title: "The integration user", Username: a.Username, Since: a.ConnectedAt, Now: s.links.Now(l), Renew: "connect renew"}
	var cause link.Cause
	err := s.links.CallOrg(ctx, l, func(org *crm.Session) (err error) {
		cause, err = who.Explain(ctx, org)
		return err
	})
	if err != nil || cause == (link.Cause{}) { // he is refused, whatever keeps the reason from being read
		return link.Cause{Code: string(CodeRefused), Text: "The org refuses the integration user's credentials, and does not say why: " +
			"\"Allow OAuth Username-Password Flows\" may be off (Setup > Identity > OAuth and OpenID Connect Settings), his security token reset, his password changed or expired, or he is locked out. " +
			"His Login History in Setup says more; where a system user is connected, Connect reads it."}
	}
	return cause
}

func day(t time.Time) string { return t.Format("2 January 2006, 15:04 MST") }

// tryEvery is how often an account that works is tried unasked.
const tryEvery = 15 * time.Minute

// Keep tries the link's integration user, where he works and was not tried for a while, so that the status says by itself
// when he no longer does.
func (s *Service) Keep(ctx context.Context, l link.Link) error {
	a, err := s.Account(ctx, l)
	if fault.CodeOf(err) == CodeNotFound || err == nil && (a.State != link.SpanUp || s.links.Now(l).Sub(a.CheckedAt) < tryEvery) {
		return nil
	}
	if err == nil {
		_, err = s.Check(ctx, l, false)
	}
	return err
}

// Remove forgets the integration user, with his password and security token. In the org he stays as he is.
func (s *Service) Remove(ctx context.Context, l link.Link, actor string) error {
	a, err := s.Account(ctx, l)
	if err != nil {
		return err
	}
	return s.store.RemoveAccount(ctx, l.Pair, audit.Change{At: s.links.Now(l), Actor: actor, Action: audit.IntegrationChanged, Subject: a.Username, Reason: "removed"})
}

// Finding is one thing that a check looked at.
type Finding struct {
	Name string // "licence"
	Want string
	Got  string
	OK   bool
}

// Report is what a check found.
type Report struct {
	Account  Account
	Findings []Finding // of an account that signs in
}

// Check signs the user in, and looks whether he is what document 004 asks for: licence Salesforce, profile System
// Administrator, an account of its own. A refusal marks the connection broken, with its cause; so repeated checks of a
// broken one do not lock the user out, it is tried again only where again says so.
func (s *Service) Check(ctx context.Context, l link.Link, again bool) (Report, error) {
	a, secrets, err := s.store.Account(ctx, l.Pair)
	if err != nil {
		return Report{}, err
	}
	// At another address he is not tried, and back at his own he is: neither can lock him out.
	if moved := a.elsewhere(l); moved != nil {
		a.State, a.Cause, a.CheckedAt = link.SpanBroken, link.Cause{Code: string(link.CodeAddressChanged), Text: fault.Of(moved).Message}, s.links.Now(l)
		return Report{Account: a}, s.store.MarkAccount(ctx, a)
	}
	if a.State == link.SpanBroken && !again && a.Cause.Code != string(link.CodeAddressChanged) {
		return Report{Account: a}, nil
	}
	c, err := open(s.vault, a, l, secrets)
	if err != nil {
		return Report{}, err
	}
	session, id, err := s.signIn(ctx, l, c)
	switch {
	case fault.CodeOf(err) == client.CodeRefused:
		a.State, a.Cause, a.CheckedAt = link.SpanBroken, s.explain(ctx, l, a, err), s.links.Now(l)
		return Report{Account: a}, s.store.MarkAccount(ctx, a)
	case err != nil:
		return Report{}, err
	}
	a.State, a.Cause, a.CheckedAt = link.SpanUp, link.Cause{}, s.links.Now(l)
	if err := s.store.MarkAccount(ctx, a); err != nil {
		return Report{}, err
	}
	findings, err := s.look(ctx, l, session, id)
	return Report{Account: a, Findings: findings}, err
}

func (s *Service) look(ctx context.Context, l link.Link, session *crm.Session, id crm.Identity) ([]Finding, error) {
	users, err := session.Query(ctx, "SELECT Id, Profile.Name, Profile.UserLicense.Name FROM User WHERE Id = "+crm.Literal(id.UserID))
	if err != nil {
		return nil, err
	}
	if len(users) != 1 {
		return nil, fault.New(fault.Unavailable, client.CodeProtocol, "The org does not show the integration user to himself.")
	}
	profile := users[0].Related("Profile")
	finding := func(name, want, got string) Finding { return Finding{name, want, got, want == got} }
	own := "an account of its own"
	switch {
	case link.SameUsername(id.Username, l.Org.Username):
		own = "Connect's system user"
	default:
		pages, err := session.Query(ctx, "SELECT LoginTime, LoginType FROM LoginHistory WHERE UserId = "+crm.Literal(id.UserID)+" ORDER BY LoginTime DESC LIMIT 200")
		if err != nil {
			return nil, err
		}
		for _, p := range pages {
			if p.String("LoginType") == "Application" { // somebody at a page
				own = "somebody logged in with it on a page on " + day(p.Time("LoginTime"))
				break
			}
		}
	}
	return []Finding{
		finding("licence", "Salesforce", profile.Related("UserLicense").String("Name")),
		finding("profile", "System Administrator", profile.String("Name")),
		finding("dedicated", "an account of its own", own),
	}, nil
}
