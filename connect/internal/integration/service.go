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
	c, err := open(s.vault, a, l.CRMURL, secrets)
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
	a.Username, a.UserID, a.OrgID, a.State, a.ConnectedAt, a.CheckedAt = id.Username, id.UserID, id.OrgID, link.SpanUp, now, now
	secrets, err := c.seal(s.vault, a, l.CRMURL)
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

// texts say what a status of the Login History means (connect-facts 5.4; document 004).
var texts = map[string]link.Cause{
	"Username-Password Flow Disabled": {Code: string(CodeFlowOff), Text: "The org does not allow the username-password flow: an administrator switches on " +
		"\"Allow OAuth Username-Password Flows\" under Setup > Identity > OAuth and OpenID Connect Settings."},
	"Password Expired":                    {Code: string(CodePasswordExpired), Text: "The integration user's password has expired: give him a new one, and give that with its new security token to `connect renew`."},
	"Password Lockout":                    {Code: string(CodeLocked), Text: "The integration user is locked out after too many wrong passwords: wait, or have an administrator unlock him."},
	"User is Inactive":                    {Code: string(CodeInactive), Text: "The integration user is not active in the org."},
	"User Is Frozen":                      {Code: string(CodeInactive), Text: "The integration user is frozen in the org."},
	"Failed: API security token required": {Code: string(CodeTokenRequired), Text: "The org wants the security token of the integration user, which was mailed to him; resetting it mails another."},
}

// explain tells why the org refuses the user. To him it says one thing for all; the system user may read his Login History,
// when his password was changed, and the Setup Audit Trail.
func (s *Service) explain(ctx context.Context, l link.Link, a Account, refusal error) link.Cause {
	unknown := link.Cause{Code: string(CodeRefused), Text: "The org refuses the integration user's credentials. His Login History in Setup says more."}
	if r := client.Remote(refusal); r != nil && r.Code != "invalid_grant" {
		return link.Cause{Code: r.Code, Text: r.Description}
	}
	var cause link.Cause
	err := s.links.CallOrg(ctx, l, func(org *crm.Session) error {
		users, err := org.Query(ctx, "SELECT Id, LastPasswordChangeDate FROM User WHERE Username = "+crm.Literal(a.Username)+" LIMIT 1")
		if err != nil || len(users) == 0 {
			return err
		}
		logins, err := org.Query(ctx, "SELECT Status FROM LoginHistory WHERE UserId = "+crm.Literal(users[0].String("Id"))+" ORDER BY LoginTime DESC LIMIT 1")
		if err != nil || len(logins) == 0 {
			return err
		}
		if known, ok := texts[logins[0].String("Status")]; ok {
			cause = known
			return nil
		}
		if logins[0].String("Status") != "Invalid Password" || a.ConnectedAt.IsZero() {
			return nil
		}
		if changed := users[0].Time("LastPasswordChangeDate"); changed.After(a.ConnectedAt) {
			cause = link.Cause{Code: string(CodePasswordChanged), Text: "The integration user's password was changed on " + day(changed) +
				", and his security token with it: give both to `connect renew`."}
			return nil
		}
		trail, err := org.Query(ctx, "SELECT Action, Display, CreatedDate FROM SetupAuditTrail ORDER BY CreatedDate DESC LIMIT 200")
		for _, r := range trail {
			if strings.EqualFold(r.String("Action"), "resetsecuritytoken") && strings.Contains(r.String("Display"), a.Username) && r.Time("CreatedDate").After(a.ConnectedAt) {
				cause = link.Cause{Code: string(CodeTokenReset), Text: "The integration user's security token was reset on " + day(r.Time("CreatedDate")) +
					"; the new one was mailed to him: give it with his password to `connect renew`."}
				return nil
			}
		}
		return err
	})
	if err != nil || cause == (link.Cause{}) {
		return unknown // it is refused, whatever keeps the reason from being read
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
	if a.State == link.SpanBroken && !again {
		return Report{Account: a}, nil
	}
	c, err := open(s.vault, a, l.CRMURL, secrets)
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
