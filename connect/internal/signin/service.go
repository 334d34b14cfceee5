package signin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/standing"
	"github.com/twinspan/twinspan/internal/vault"
)

// Paths of Connect that the clouds and people come to. The redirect paths are registered with the clouds.
const (
	OrgCallbackPath    = "/oauth/crm/callback"
	TenantCallbackPath = "/oauth/engagement/callback"
	TenantStartPath    = "/oauth/engagement/start"
	OrgStartPath       = "/oauth/crm/start"
)

// tokenBytes is the size of handles, states, nonces and cookies: 256 bits.
const tokenBytes = 32

// Service begins and ends trips to the clouds. It is safe for concurrent use.
type Service struct {
	store Store
	links *link.Service
	vault *vault.Vault
	base  string
}

// NewService wires the service; base is Connect's base URL without trailing slash.
func NewService(store Store, links *link.Service, v *vault.Vault, base string) *Service {
	return &Service{store: store, links: links, vault: v, base: base}
}

// secrets are what a trip must not lose and nobody may read.
type secrets struct {
	Verifier string `json:"verifier"`
	Nonce    string `json:"nonce,omitempty"`
}

// FlowAAD binds a flow's sealed secrets to the flow.
func FlowAAD(key []byte) []byte { return fmt.Appendf(nil, "connect/flow/v1|%x", key) }

// NewCookie returns a value for a browser or session cookie.
func NewCookie() string { return oauth.NewToken(tokenBytes) }

// BeginVisit sends a browser to the org, to its My Domain where it has one, to learn who the visitor is.
func (s *Service) BeginVisit(ctx context.Context, l link.Link, browser string) (location string, err error) {
	return s.toOrg(ctx, l, Flow{Pair: l.Pair, Purpose: Visit}, browser, "")
}

// BeginVisitAnew is BeginVisit for a visitor who wants to be somebody else: the org asks who he is, whatever session is there.
func (s *Service) BeginVisitAnew(ctx context.Context, l link.Link, browser string) (location string, err error) {
	return s.toOrg(ctx, l, Flow{Pair: l.Pair, Purpose: Visit}, browser, "login")
}

// BeginSetUp sends a visitor's browser to the tenant, where the API user gives his grant: the visitor connects the clouds, as
// their system user.
func (s *Service) BeginSetUp(ctx context.Context, l link.Link, v Visitor, browser string) (location string, err error) {
	if err := l.May(standing.ConnectAPIUser); err != nil {
		return "", err
	}
	return s.toTenant(ctx, l, Flow{Pair: l.Pair, Purpose: SetUp, Visitor: v}, browser)
}

// BeginConsole sends a browser to the org, or to the tenant, to learn who wants to use the console. back is the path of this
// server that he comes back to.
func (s *Service) BeginConsole(ctx context.Context, l link.Link, p Purpose, back, browser string) (location string, err error) {
	f := Flow{Pair: l.Pair, Purpose: p, Return: back}
	if p == ConsoleTenant {
		if err := l.MaySignInByTenant(); err != nil {
			return "", err
		}
		return s.toTenant(ctx, l, f, browser)
	}
	if err := l.MaySignIn(); err != nil {
		return "", err
	}
	return s.toOrg(ctx, l, f, browser, "")
}

// lends reports whether who comes back from the trip lends his session: Connect has no user in the embedded org yet with whom it
// could look how far document 001 has come. Apps of other standings are the customer's, and allow no more than saying who
// somebody is.
func (f Flow) lends(l link.Link) bool {
	return f.Purpose == Console && l.Org.Username == "" && l.Standing == link.Embedded
}

func (s *Service) toOrg(ctx context.Context, l link.Link, f Flow, browser, prompt string) (string, error) {
	org, err := s.links.SignInClient(ctx, l)
	if err != nil {
		return "", err
	}
	state, sec, err := s.leave(ctx, l, f, browser)
	if err != nil {
		return "", err
	}
	if f.Purpose == Account {
		return org.AuthorizeURL(crm.AuthorizeRequest{
			ClientID: l.ConsumerKey, RedirectURI: s.base + OrgCallbackPath, Scopes: []string{"api", "refresh_token", "web"}, State: state, Challenge: oauth.Challenge(sec.Verifier),
			Prompt: "login", LoginHint: f.Username,
		}), nil
	}
	r := crm.AuthorizeRequest{
		ClientID: l.Console(), RedirectURI: s.base + OrgCallbackPath,
		Scopes: []string{"openid", "id"}, State: state, Nonce: sec.Nonce, Challenge: oauth.Challenge(sec.Verifier), Prompt: prompt,
	}
	if f.lends(l) {
		r.Scopes = append(r.Scopes, "api")
	}
	if f.Purpose == SystemUser { // whoever has a session there is not taken for him
		r.Prompt, r.LoginHint = "login", f.Username
	}
	return org.AuthorizeURL(r), nil
}

// BeginMapping sends a visitor's browser to the tenant, to learn which Engagement user he is.
func (s *Service) BeginMapping(ctx context.Context, l link.Link, v Visitor, browser string) (location string, err error) {
	if err := l.May(standing.SignInUsers); err != nil {
		return "", err
	}
	return s.toTenant(ctx, l, Flow{Pair: l.Pair, Purpose: MapUser, Visitor: v}, browser)
}

// OfferAPIUser makes the link under which the API user gives his grant, in whatever browser opens it first. username ""
// takes whoever has a session there, unasked, as documents 001 and 003 warn: a rehearsal of that mistake.
func (s *Service) OfferAPIUser(ctx context.Context, l link.Link, username string, mid int64) (startURL string, err error) {
	if err := l.May(standing.ConnectAPIUser); err != nil {
		return "", err
	}
	handle := oauth.NewToken(tokenBytes)
	err = s.store.AddFlow(ctx, Flow{
		Key: vault.HashToken(handle), Pair: l.Pair, Purpose: APIUser, Step: Offered,
		Expires: s.links.Now(l).Add(FlowLife), Username: username, MID: mid,
	})
	return s.base + TenantStartPath + "?flow=" + url.QueryEscape(handle), err
}

// OfferSystemUser makes the link under which the system user connects the account (document 001), in whatever browser
// opens it first.
func (s *Service) OfferSystemUser(ctx context.Context, l link.Link, username string) (startURL string, err error) {
	return s.offerOrg(ctx, l, SystemUser, username)
}

// OfferAccount makes the link under which the system user allows the connected app, in whatever browser opens it first.
func (s *Service) OfferAccount(ctx context.Context, l link.Link) (startURL string, err error) {
	return s.offerOrg(ctx, l, Account, l.Org.Username)
}

func (s *Service) offerOrg(ctx context.Context, l link.Link, p Purpose, username string) (startURL string, err error) {
	if err := l.May(standing.ConnectAccount); err != nil {
		return "", err
	}
	if err := link.CheckUsername(username); err != nil {
		return "", fault.Of(err).In("system_user")
	}
	handle := oauth.NewToken(tokenBytes)
	err = s.store.AddFlow(ctx, Flow{
		Key: vault.HashToken(handle), Pair: l.Pair, Purpose: p, Step: Offered, Expires: s.links.Now(l).Add(FlowLife), Username: username,
	})
	return s.base + OrgStartPath + "?flow=" + url.QueryEscape(handle), err
}

// Start takes up an offer and sends the browser to the cloud that it is for.
func (s *Service) Start(ctx context.Context, handle, browser string) (location string, err error) {
	f, l, err := s.take(ctx, handle, Offered, "")
	if err != nil {
		return "", err
	}
	if f.Purpose == SystemUser || f.Purpose == Account {
		return s.toOrg(ctx, l, Flow{Pair: l.Pair, Purpose: f.Purpose, Username: f.Username}, browser, "")
	}
	return s.toTenant(ctx, l, Flow{Pair: l.Pair, Purpose: APIUser, Username: f.Username, MID: f.MID}, browser)
}

func (s *Service) toTenant(ctx context.Context, l link.Link, f Flow, browser string) (string, error) {
	tenant, err := s.links.TenantClient(l)
	if err != nil {
		return "", err
	}
	state, sec, err := s.leave(ctx, l, f, browser)
	if err != nil {
		return "", err
	}
	prompt := "login"
	if f.Purpose == APIUser && f.Username == "" || f.Purpose == ConsoleTenant { // whoever is signed in there is meant
		prompt = ""
	}
	return tenant.AuthorizeURL(engagement.AuthorizeRequest{
		ClientID: l.UserClientID(), RedirectURI: s.base + TenantCallbackPath,
		State: state, Challenge: oauth.Challenge(sec.Verifier), Prompt: prompt, LoginHint: f.Username,
	}), nil
}

// leave stores a flow in step Away and returns its state parameter and secrets.
func (s *Service) leave(ctx context.Context, l link.Link, f Flow, browser string) (string, secrets, error) {
	sec := secrets{Verifier: oauth.NewVerifier(), Nonce: oauth.NewToken(tokenBytes)}
	plain, err := json.Marshal(sec)
	if err != nil {
		return "", sec, err
	}
	state := oauth.NewToken(tokenBytes)
	f.Key, f.Step, f.Expires = vault.HashToken(state), Away, s.links.Now(l).Add(FlowLife)
	f.Browser = vault.HashToken(browser)
	if f.Secrets, err = s.vault.Seal(plain, FlowAAD(f.Key)); err != nil {
		return "", sec, err
	}
	return state, sec, s.store.AddFlow(ctx, f)
}

// take ends the flow's stay in the store, where it is in the step and belongs to the browser.
func (s *Service) take(ctx context.Context, token string, step Step, browser string) (Flow, link.Link, error) {
	if token == "" || len(token) > 200 {
		return Flow{}, link.Link{}, Unknown()
	}
	key := vault.HashToken(token)
	f, err := s.store.Flow(ctx, key)
	if err != nil {
		return Flow{}, link.Link{}, err
	}
	l, err := s.links.Link(ctx, f.Pair)
	if err != nil {
		return Flow{}, link.Link{}, err
	}
	var hash []byte
	if browser != "" {
		hash = vault.HashToken(browser)
	}
	if err := f.Accept(step, hash, s.links.Now(l)); err != nil {
		return Flow{}, l, err
	}
	return f, l, s.store.TakeFlow(ctx, key)
}

// Return is what a cloud sent the browser back with.
type Return struct {
	State            string
	Code             vault.Secret
	Error            string // the cloud's own word, "access_denied"; "" where it sent a code
	ErrorDescription string
}

// notApproved is the org's word for a user whom an admin-approved app does not admit (crm-wire 1.7).
const notApproved = "OAUTH_APP_ACCESS_DENIED"

// check refuses a return without a code, in the cloud's own words.
func (r Return) check(cloud string, l link.Link) error {
	switch {
	case r.Error != "":
		remote := &client.RemoteError{Cloud: cloud, Code: client.Clip(r.Error, 100), Description: client.Clip(r.ErrorDescription, 500)}
		if l.Standing == link.OwnLink && r.Error == notApproved {
			return fault.Wrap(remote, fault.Denied, CodeSignInRefused, "The %s refused the sign-in: %s: %s. An administrator gives you the permission set %s, which the app admits: `twinspan connect --let-in` with your user name and --apply.",
				cloud, remote.Code, remote.Description, l.Names().ApprovalSet)
		}
		if l.Standing == link.BesidePackage && r.Error == notApproved {
			return fault.Wrap(remote, fault.Denied, CodeSignInRefused, "The %s refused the sign-in: %s: %s. An administrator of the org gives you a permission set that your own external client app admits: Setup > External Client App Manager > your app > Policies: Select Permission Sets.",
				cloud, remote.Code, remote.Description)
		}
		return fault.Wrap(remote, fault.Denied, CodeSignInRefused, "The %s refused the sign-in: %s: %s", cloud, remote.Code, remote.Description)
	case r.Code == "" || len(r.Code) > 2048:
		return fault.New(fault.Invalid, CodeSignInRefused, "The %s sent no code back.", cloud)
	}
	return nil
}

// open takes the flow of a return and its secrets.
func (s *Service) open(ctx context.Context, cloud string, r Return, browser string) (Flow, link.Link, secrets, error) {
	var sec secrets
	f, l, err := s.take(ctx, r.State, Away, browser)
	if err != nil {
		return f, l, sec, err
	}
	if err := r.check(cloud, l); err != nil {
		return f, l, sec, err
	}
	plain, err := s.vault.Open(f.Secrets, FlowAAD(f.Key))
	if err != nil {
		return f, l, sec, fault.Wrap(err, fault.Internal, link.CodeCredentialCorrupt, "The sign-in cannot be continued.")
	}
	return f, l, sec, json.Unmarshal(plain, &sec)
}

// EndOrg finishes a trip to the org: it proves by id_token and userinfo who came back, and for what.
func (s *Service) EndOrg(ctx context.Context, r Return, browser string) (Visitor, Flow, link.Link, error) {
	f, l, sec, err := s.open(ctx, "org", r, browser)
	if err == nil && f.Purpose != Visit && f.Purpose != SystemUser && f.Purpose != Account && f.Purpose != Console {
		err = Unknown()
	}
	if err != nil {
		return Visitor{}, f, l, err
	}
	if f.Purpose == Account {
		u, err := s.links.AllowedApp(ctx, l, f.Username, crm.CodeGrant{Code: r.Code, RedirectURI: s.base + OrgCallbackPath, Verifier: vault.Secret(sec.Verifier)})
		return Visitor{Pair: l.Pair, OrgID: u.OrgID, UserID: u.UserID, Username: u.Username, Name: u.Name}, f, l, err
	}
	v, token, err := s.visitor(ctx, l, r, sec)
	if err == nil && f.lends(l) {
		f.Lent = token
	}
	return v, f, l, err
}

// Stay begins the session of a visitor; cookie is its value for the browser.
func (s *Service) Stay(ctx context.Context, l link.Link, v Visitor) (cookie string, err error) {
	cookie = NewCookie()
	return cookie, s.store.AddSession(ctx, Session{Token: vault.HashToken(cookie), Visitor: v, Expires: s.links.Now(l).Add(SessionLife)})
}

func (s *Service) visitor(ctx context.Context, l link.Link, r Return, sec secrets) (v Visitor, own vault.Secret, err error) {
	org, err := s.links.OrgClient(l)
	if err != nil {
		return v, "", err
	}
	token, err := org.ExchangeCode(ctx, crm.CodeGrant{
		ClientID: l.Console(), Code: r.Code, RedirectURI: s.base + OrgCallbackPath,
		Verifier: vault.Secret(sec.Verifier),
	})
	if err != nil {
		return v, "", err
	}
	proof, err := org.VerifyIDToken(ctx, token.IDToken, l.Console(), sec.Nonce, s.links.Now(l))
	if err != nil {
		return v, "", err
	}
	id, err := org.Session(token).UserInfo(ctx)
	if err != nil {
		return v, "", err
	}
	if id.UserID != proof.UserID || id.OrgID != proof.OrgID {
		return v, "", fault.New(fault.Denied, link.CodeWrongUser, "The org's id_token and userinfo name different users.")
	}
	if l.Org.OrgID != "" && id.OrgID != l.Org.OrgID {
		return v, "", link.WrongOrg(link.OrgName(id.OrgID, id.URLs.CustomDomain), link.OrgName(l.Org.OrgID, s.links.SignInURL(ctx, l)))
	}
	return Visitor{Pair: l.Pair, OrgID: id.OrgID, UserID: id.UserID, Username: id.Username, Name: id.Name}, token.AccessToken, nil
}

// Arrival is who came back from the tenant, and for what.
type Arrival struct {
	Link    link.Link
	Flow    Flow
	User    link.TenantUser
	Purpose Purpose

	refresh vault.Secret
	session *engagement.Session
	links   *link.Service
}

// Own is the session of who came back, with his own token.
func (a Arrival) Own() *engagement.Session { return a.session }

// Keep keeps the refresh token of who came back: Connect may act for him.
func (a Arrival) Keep(ctx context.Context) error {
	return a.links.KeepUser(ctx, a.Link, a.User.Username, a.refresh)
}

// Question is the flow that asks whether who came back is to be mapped. Until the answer his refresh token lies in it alone.
func (a Arrival) Question() Flow {
	return Flow{Purpose: Confirm, Visitor: a.Flow.Visitor, Username: a.User.Username, MID: a.User.MID, Refresh: a.refresh, UserID: a.User.UserID}
}

// GiveBack clears the grant that signing in made, with the arrived user's own token, and forgets his refresh token: he was
// not the one who was meant, and Connect shall not be able to act for him.
func (a Arrival) GiveBack(ctx context.Context) error {
	var err error
	if a.Link.HasGrants() {
		err = a.session.ClearGrant(ctx, a.User.Username)
	}
	return errors.Join(err, a.links.ForgetUser(ctx, a.Link, a.User.Username))
}

// EndTenant finishes a trip to the tenant and learns who came back; what follows from it is for the caller. By key the
// tokens of the exchange are not needed: signing in made the grant, and the span's key works from there. Otherwise the
// arrival of who came to be mapped has his refresh token; nothing is kept yet.
func (s *Service) EndTenant(ctx context.Context, r Return, browser string) (Arrival, error) {
	f, l, sec, err := s.open(ctx, "tenant", r, browser)
	a := Arrival{Link: l, Flow: f, Purpose: f.Purpose, links: s.links}
	if err != nil {
		return a, err
	}
	if f.Purpose != MapUser && f.Purpose != APIUser && f.Purpose != ConsoleTenant && f.Purpose != SetUp {
		return a, Unknown()
	}
	tenant, err := s.links.TenantClient(l)
	if err != nil {
		return a, err
	}
	secret, err := s.links.UserClientSecret(ctx, l)
	if err != nil {
		return a, err
	}
	token, err := tenant.ExchangeCode(ctx, engagement.CodeGrant{
		ClientID: l.UserClientID(), Secret: secret, Code: r.Code, RedirectURI: s.base + TenantCallbackPath,
		Verifier: vault.Secret(sec.Verifier),
	})
	if err != nil {
		return a, err
	}
	a.session = tenant.Session(token)
	id, err := a.session.UserInfo(ctx)
	if err != nil {
		return a, err
	}
	a.User = link.TenantUser{EID: id.EID, MID: id.MID, UserID: id.UserID, Username: id.Username, Name: id.Name}
	if f.Purpose == MapUser && l.ActsByToken(id.Username) {
		a.refresh, err = token.RefreshToken, l.MayKeep(id.Username, token.RefreshToken)
	}
	return a, err
}

// held is a refresh token that waits for its user's yes.
type held struct {
	Refresh string `json:"refresh"`
	Origin  string `json:"origin"`  // address of the tenant that gave it
	UserID  string `json:"user_id"` // whose it is
}

// Ask keeps who was found until somebody has said whether he is meant: f has the purpose, and who. handle goes into the
// form that asks; it works once, in this browser.
func (s *Service) Ask(ctx context.Context, l link.Link, f Flow, browser string) (handle string, err error) {
	handle = oauth.NewToken(tokenBytes)
	f.Key, f.Pair, f.Step, f.Browser, f.Secrets, f.Expires = vault.HashToken(handle), l.Pair, Away, vault.HashToken(browser), nil, s.links.Now(l).Add(FlowLife)
	if f.Refresh != "" {
		plain, err := json.Marshal(held{f.Refresh.Reveal(), l.AuthURL, f.UserID})
		if err != nil {
			return "", err
		}
		defer clear(plain)
		if f.Secrets, err = s.vault.Seal(plain, FlowAAD(f.Key)); err != nil {
			return "", err
		}
	}
	return handle, s.store.AddFlow(ctx, f)
}

// Answered takes what was asked about.
func (s *Service) Answered(ctx context.Context, handle, browser string) (Flow, link.Link, error) {
	f, l, err := s.take(ctx, handle, Away, browser)
	if err == nil && !f.Purpose.asks() {
		err = Unknown()
	}
	if err != nil || len(f.Secrets) == 0 {
		return f, l, err
	}
	plain, err := s.vault.Open(f.Secrets, FlowAAD(f.Key))
	if err != nil {
		return f, l, fault.Wrap(err, fault.Internal, link.CodeCredentialCorrupt, "The sign-in cannot be continued.")
	}
	defer clear(plain)
	var h held
	if err = json.Unmarshal(plain, &h); err == nil && h.Origin == l.AuthURL { // it is sent nowhere else
		f.Refresh, f.UserID = vault.Secret(h.Refresh), h.UserID
	}
	return f, l, err
}

// Forget takes what expired sign-ins kept secret out of the store: nobody can go on with it.
func (s *Service) Forget(ctx context.Context, l link.Link) error {
	return s.store.ForgetSecrets(ctx, l.Pair, s.links.Now(l))
}

// Session finds the session of a cookie. An unknown or expired one is an Unauthenticated fault.
func (s *Service) Session(ctx context.Context, cookie string) (Session, link.Link, error) {
	none := fault.New(fault.Unauthenticated, CodeNotFound, "Not signed in.")
	if cookie == "" || len(cookie) > 200 {
		return Session{}, link.Link{}, none
	}
	found, err := s.store.Session(ctx, vault.HashToken(cookie))
	if fault.CodeOf(err) == CodeNotFound {
		return Session{}, link.Link{}, none
	}
	if err != nil {
		return Session{}, link.Link{}, err
	}
	l, err := s.links.Link(ctx, found.Visitor.Pair)
	if err != nil {
		return Session{}, link.Link{}, err
	}
	if !s.links.Now(l).Before(found.Expires) || l.Org.OrgID != "" && l.Org.OrgID != found.Visitor.OrgID {
		return Session{}, link.Link{}, none
	}
	return found, l, nil
}

// EndSession signs a visitor out of Connect.
func (s *Service) EndSession(ctx context.Context, cookie string) error {
	return s.store.EndSession(ctx, vault.HashToken(cookie))
}
