package api

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/mapping"
	"github.com/twinspan/twinspan/connect/internal/send"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/standing"
	"github.com/twinspan/twinspan/internal/vault"
)

type statusBody struct {
	Pair       string         `json:"pair"`
	Standing   link.Standing  `json:"standing"`
	State      link.State     `json:"state"`
	Org        orgBody        `json:"org"`
	Engagement engagementBody `json:"engagement"`
	// Findings stand against the connection as it is, though it works.
	Findings []againstBody `json:"findings,omitempty"`
	// IntegrationUser is absent where there is none.
	IntegrationUser *integrationBody `json:"integration_user,omitempty"`
	// Outage is absent where none is booked.
	Outage *outageBody `json:"outage,omitempty"`
}

type orgBody struct {
	State        link.SpanState `json:"state"`
	URL          string         `json:"url"`
	ConnectedApp string         `json:"connected_app"`
	SystemUser   string         `json:"system_user,omitempty"`
	OrgID        string         `json:"org_id,omitempty"`
	UserID       string         `json:"user_id,omitempty"`
	// PackageVersion is of the managed package, as the org told it last.
	PackageVersion string     `json:"package_version,omitempty"`
	ConnectedAt    *time.Time `json:"connected_at,omitempty"`
	Cause          *causeBody `json:"cause,omitempty"`
	// Auth is by what the span signs in, or would, and AuthWhy why so. GivenAt is when the credentials were given that are
	// stored; absent where none are.
	Auth    link.Driver `json:"auth"`
	AuthWhy string      `json:"auth_why"`
	GivenAt *time.Time  `json:"credentials_given_at,omitempty"`
}

// againstBody is what stands against a connection that works.
type againstBody struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

type engagementBody struct {
	State       link.SpanState `json:"state"`
	AuthURL     string         `json:"auth_url"`
	EID         int64          `json:"eid"`
	APIUser     string         `json:"api_user,omitempty"`
	UserID      string         `json:"user_id,omitempty"`
	AccountID   int64          `json:"account_id,omitempty"`
	ConnectedAt *time.Time     `json:"connected_at,omitempty"`
	Cause       *causeBody     `json:"cause,omitempty"`
	Auth        link.Driver    `json:"auth"` // as orgBody's
	AuthWhy     string         `json:"auth_why"`
	GivenAt     *time.Time     `json:"credentials_given_at,omitempty"`
	// ClientID and WebClientID are the customer's installed package; absent where the span stands on something else.
	ClientID    string `json:"client_id,omitempty"`
	WebClientID string `json:"web_client_id,omitempty"`
	// UpgradedAt is when the span came from stored credentials to a key; absent where it never did.
	UpgradedAt *time.Time `json:"upgraded_at,omitempty"`
}

type causeBody struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func cause(c link.Cause) *causeBody {
	if c == (link.Cause{}) {
		return nil
	}
	return &causeBody{c.Code, c.Text}
}

func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func orgOf(l link.Link) orgBody {
	return orgBody{
		State: l.Org.State, URL: l.CRMURL, ConnectedApp: l.Names().App, SystemUser: l.Org.Username, OrgID: l.Org.OrgID,
		UserID: l.Org.UserID, PackageVersion: l.Package.String(), ConnectedAt: when(l.Org.ConnectedAt), Cause: cause(l.Org.Cause), Auth: l.OrgChoice().Driver, AuthWhy: l.OrgChoice().Why, GivenAt: when(l.Org.GivenAt),
	}
}

func engagementOf(l link.Link) engagementBody {
	return engagementBody{
		State: l.Tenant.State, AuthURL: l.AuthURL, EID: l.EID, APIUser: l.Tenant.Username, UserID: l.Tenant.UserID,
		AccountID: l.Tenant.MID, ConnectedAt: when(l.Tenant.ConnectedAt), Cause: cause(l.Tenant.Cause), Auth: l.TenantChoice().Driver, AuthWhy: l.TenantChoice().Why, GivenAt: when(l.Tenant.GivenAt),
		ClientID: l.Tenant.ClientID, WebClientID: l.Tenant.UserClientID,
		UpgradedAt: when(l.Tenant.UpgradedAt),
	}
}

// checkStatus asks both clouds first.
func (s *Server) checkStatus(ctx context.Context, c call) (any, error) {
	var in struct{}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	var err error
	if c.link, err = s.Links.Check(ctx, c.link.Pair); err != nil {
		return nil, err
	}
	return s.status(ctx, c)
}

func (s *Server) status(ctx context.Context, c call) (any, error) {
	i, err := s.integrationUser(ctx, c.link)
	body := statusBody{Pair: c.link.Pair, Standing: c.link.Standing, State: c.link.State(), Org: orgOf(c.link), Engagement: engagementOf(c.link), IntegrationUser: i, Outage: s.outageOf(c.link)}
	for _, f := range c.link.Findings(s.Links.Now(c.link)) {
		body.Findings = append(body.Findings, againstBody{f.Code, f.Text})
	}
	earlier, earlierErr := s.earlierOf(ctx, c.link)
	if earlier != nil {
		body.Findings = append(body.Findings, *earlier)
	}
	return body, errors.Join(err, earlierErr)
}

type connectedOrgBody struct {
	Connected bool    `json:"connected"`
	Org       orgBody `json:"org"`
	// AuthorizeURL is where the system user signs in himself; absent where the span is up.
	AuthorizeURL string `json:"authorize_url,omitempty"`
}

func (s *Server) connectOrg(ctx context.Context, c call) (any, error) {
	var in struct {
		SystemUser string `json:"system_user"`
		Auth       string `json:"auth"`
		SignIn     bool   `json:"sign_in"`
		By         string `json:"by"`
	}
	if err := c.decodeChange(&in, &in.By); err != nil {
		return nil, err
	}
	if err := s.Upgrades.KeepsSystemUser(ctx, c.link, in.SystemUser); err != nil {
		return nil, err
	}
	if in.SignIn { // nothing is connected before he has said yes
		if err := maySignIn(c.link, standing.ConnectAccount); err != nil {
			return nil, err
		}
		url, err := s.Signins.OfferSystemUser(ctx, c.link, in.SystemUser)
		return connectedOrgBody{Org: orgOf(c.link), AuthorizeURL: url}, err
	}
	if in.Auth != "" && in.Auth != string(link.JWT) {
		return nil, fault.New(fault.Invalid, link.CodeInvalidDriver, "Here auth is jwt or absent; credentials go to /api/v1/connection/org/password.").In("auth")
	}
	return s.connectedOrg(ctx, c, link.OrgRequest{Username: in.SystemUser, Driver: link.Driver(in.Auth), Actor: in.By})
}

// connectOrgPassword connects by the system user's credentials, or renews them.
func (s *Server) connectOrgPassword(ctx context.Context, c call) (any, error) {
	var in struct {
		SystemUser    string `json:"system_user"`
		Password      string `json:"password"`
		SecurityToken string `json:"security_token"`
		By            string `json:"by"`
	}
	if err := c.decodeChange(&in, &in.By); err != nil {
		return nil, err
	}
	if in.Password == "" {
		return nil, fault.New(fault.Invalid, link.CodeCredentialsRequired, "The password is missing.").In("password")
	}
	return s.connectedOrg(ctx, c, link.OrgRequest{
		Username: in.SystemUser, Driver: link.Password, Password: vault.Secret(in.Password), SecurityToken: vault.Secret(in.SecurityToken), Actor: in.By,
	})
}

func (s *Server) connectedOrg(ctx context.Context, c call, r link.OrgRequest) (any, error) {
	if err := s.Upgrades.KeepsSystemUser(ctx, c.link, r.Username); err != nil {
		return nil, err
	}
	if r.Driver != "" && r.Driver != c.link.Org.Driver { // credentials may be renewed, the way in is the upgrade's to change
		if err := s.Upgrades.Undisturbed(ctx, c.link); err != nil {
			return nil, err
		}
	}
	l, err := s.Links.ConnectOrgBy(ctx, c.link.Pair, r)
	if err != nil {
		return nil, err
	}
	return connectedOrgBody{Connected: true, Org: orgOf(l)}, nil
}

// sessionWarning is document 001's, before its step 33.
const sessionWarning = "During this process, the system connects to any active Engagement session to establish the Marketing Cloud Connect API user. To prevent an incorrect connection, " +
	"log out of all active Engagement sessions. Closing the tab doesn't end an active session."

// CodeRehearsal: a mistake that may be rehearsed on built-in clouds alone.
const CodeRehearsal fault.Code = "rehearsal_only"

type connectedEngagementBody struct {
	Connected    bool   `json:"connected"`
	AuthorizeURL string `json:"authorize_url,omitempty"`
	// Warning is what whoever opens AuthorizeURL has to know first (document 001).
	Warning    string          `json:"warning,omitempty"`
	Engagement *engagementBody `json:"engagement,omitempty"`
}

func (s *Server) connectEngagement(ctx context.Context, c call) (any, error) {
	var in struct {
		APIUser   string `json:"api_user"`
		AccountID int64  `json:"account_id"`
		Whoever   bool   `json:"whoever"`
		SignIn    bool   `json:"sign_in"`
		Auth      string `json:"auth"`
		By        string `json:"by"`
	}
	if err := c.decodeChange(&in, &in.By); err != nil {
		return nil, err
	}
	if in.Whoever {
		if c.link.Standing != link.Embedded || in.APIUser != "" {
			return nil, fault.New(fault.Invalid, CodeRehearsal, "Binding whoever is signed in is a rehearsal for built-in clouds, and names nobody.").In("whoever")
		}
		url, err := s.Signins.OfferAPIUser(ctx, c.link, "", in.AccountID)
		return connectedEngagementBody{AuthorizeURL: url, Warning: sessionWarning}, err
	}
	if in.AccountID < 0 {
		return nil, fault.New(fault.Invalid, CodeInvalidAccountID, "account_id is the MID of a business unit.").In("account_id")
	}
	if in.Auth != "" && in.Auth != string(link.JWT) {
		return nil, fault.New(fault.Invalid, link.CodeInvalidDriver, "Here auth is jwt or absent; a password goes to /api/v1/connection/engagement/password, the customer's package to /api/v1/connection/engagement/web-app.").In("auth")
	}
	if err := s.Upgrades.KeepsAPIUser(ctx, c.link, in.APIUser, in.AccountID); err != nil {
		return nil, err
	}
	if in.SignIn { // "Connect to Marketing Cloud": he gives his credentials, whatever is stored or granted
		if err := maySignIn(c.link, standing.ConnectAPIUser); err != nil {
			return nil, err
		}
		if err := s.Links.MaySignInTenant(ctx, c.link, in.APIUser); err != nil {
			return nil, err
		}
		url, err := s.Signins.OfferAPIUser(ctx, c.link, in.APIUser, in.AccountID)
		return connectedEngagementBody{AuthorizeURL: url, Warning: sessionWarning}, err
	}
	l, err := s.Links.ConnectTenantBy(ctx, c.link.Pair, link.TenantRequest{Username: in.APIUser, MID: in.AccountID, Driver: link.Driver(in.Auth), Actor: in.By})
	if link.NeedsGrant(err) {
		url, err := s.Signins.OfferAPIUser(ctx, c.link, in.APIUser, in.AccountID)
		return connectedEngagementBody{AuthorizeURL: url, Warning: sessionWarning}, err
	}
	if err != nil {
		return nil, err
	}
	body := engagementOf(l)
	return connectedEngagementBody{Connected: true, Engagement: &body}, nil
}

// connectEngagementPassword connects by the API user's password, or renews it.
func (s *Server) connectEngagementPassword(ctx context.Context, c call) (any, error) {
	var in struct {
		APIUser   string `json:"api_user"`
		AccountID int64  `json:"account_id"`
		Password  string `json:"password"`
		By        string `json:"by"`
	}
	if err := c.decodeChange(&in, &in.By); err != nil {
		return nil, err
	}
	switch {
	case in.AccountID < 0:
		return nil, fault.New(fault.Invalid, CodeInvalidAccountID, "account_id is the MID of a business unit.").In("account_id")
	case in.Password == "":
		return nil, fault.New(fault.Invalid, link.CodeCredentialsRequired, "The password is missing.").In("password")
	}
	return s.connectedEngagement(ctx, c, link.TenantRequest{Username: in.APIUser, MID: in.AccountID, Driver: link.Password, Password: vault.Secret(in.Password), Actor: in.By})
}

// connectedEngagement connects by secrets of a driver, or renews them.
func (s *Server) connectedEngagement(ctx context.Context, c call, r link.TenantRequest) (any, error) {
	if err := s.Upgrades.KeepsAPIUser(ctx, c.link, r.Username, r.MID); err != nil {
		return nil, err
	}
	if r.Driver != c.link.Tenant.Driver { // as for the org
		if err := s.Upgrades.Undisturbed(ctx, c.link); err != nil {
			return nil, err
		}
	}
	l, err := s.Links.ConnectTenantBy(ctx, c.link.Pair, r)
	if err != nil {
		return nil, err
	}
	body := engagementOf(l)
	return connectedEngagementBody{Connected: true, Engagement: &body}, nil
}

// connectEngagementWebApp connects by the customer's own installed package, or renews its secrets.
func (s *Server) connectEngagementWebApp(ctx context.Context, c call) (any, error) {
	var in struct {
		APIUser         string `json:"api_user"`
		AccountID       int64  `json:"account_id"`
		ClientID        string `json:"client_id"`
		ClientSecret    string `json:"client_secret"`
		WebClientID     string `json:"web_client_id"`
		WebClientSecret string `json:"web_client_secret"`
		By              string `json:"by"`
	}
	if err := c.decodeChange(&in, &in.By); err != nil {
		return nil, err
	}
	if in.AccountID < 0 {
		return nil, fault.New(fault.Invalid, CodeInvalidAccountID, "account_id is the MID of a business unit.").In("account_id")
	}
	return s.connectedEngagement(ctx, c, link.TenantRequest{
		Username: in.APIUser, MID: in.AccountID, Driver: link.WebApp, Actor: in.By,
		Package: link.PackageClient{ID: in.ClientID, Secret: vault.Secret(in.ClientSecret), UserID: in.WebClientID, UserSecret: vault.Secret(in.WebClientSecret)},
	})
}

type usersBody struct {
	Users []userBody `json:"users"`
	// Next is the value of "after" for the next page; absent on the last.
	Next string `json:"next,omitempty"`
}

type userBody struct {
	State              mapping.State `json:"state"`
	Checked            bool          `json:"checked"`
	CRMUserID          string        `json:"crm_user_id"`
	CRMUsername        string        `json:"crm_username"`
	EngagementUserID   string        `json:"engagement_user_id,omitempty"`
	EngagementUsername string        `json:"engagement_username,omitempty"`
	AccountID          int64         `json:"account_id,omitempty"`
	TokenStore         string        `json:"token_store,omitempty"`
	MappedAt           *time.Time    `json:"mapped_at,omitempty"`
	GrantedAt          *time.Time    `json:"granted_at,omitempty"`
	GrantedBy          string        `json:"granted_by,omitempty"`
	ClearedAt          *time.Time    `json:"cleared_at,omitempty"`
	ClearedBy          string        `json:"cleared_by,omitempty"`
	Reason             string        `json:"reason,omitempty"`
	// Notice is what is unusual in the mapping: the code with which it was refused before somebody said that it is meant.
	Notice string     `json:"notice,omitempty"`
	Cause  *causeBody `json:"cause,omitempty"`
}

func userOf(l link.Link, u mapping.User) userBody {
	b := userBody{
		State: u.State, Checked: u.Checked, CRMUserID: u.CRMUserID, CRMUsername: u.CRMUsername, EngagementUserID: u.EngagementUserID,
		EngagementUsername: u.EngagementUser, AccountID: u.MID, MappedAt: when(u.CreatedAt), GrantedAt: when(u.GrantedAt), GrantedBy: u.GrantedBy,
		ClearedAt: when(u.Clear.At), ClearedBy: u.Clear.Actor, Reason: u.Clear.Reason,
	}
	if !u.CreatedAt.IsZero() && u.State != mapping.Cleared {
		b.Notice = string(mapping.Notice(l, u.Mapping))
	}
	switch {
	case u.CreatedAt.IsZero() || u.State == mapping.Cleared:
	case l.Standing == link.OwnLink: // there is no package, and so neither of its places
		b.TokenStore = "vault"
	case u.Handle == mapping.Handle{}:
		b.TokenStore = "protected_setting"
	default:
		b.TokenStore = "user_field"
	}
	if u.State == mapping.Broken {
		b.Cause = cmp.Or(cause(u.Cause), &causeBody{string(mapping.CodeLoginDenied), "login denied"})
	}
	return b
}

func (s *Server) users(ctx context.Context, c call) (any, error) {
	state, err := mapping.ParseState(c.state)
	if err != nil {
		return nil, err
	}
	found, next, err := s.Mappings.List(ctx, c.link, mapping.Filter{State: state, After: c.after, Limit: c.limit})
	if err != nil {
		return nil, err
	}
	body := usersBody{Users: make([]userBody, 0, len(found)), Next: next}
	for _, u := range found {
		body.Users = append(body.Users, userOf(c.link, u))
	}
	return body, nil
}

func (s *Server) user(ctx context.Context, c call) (any, error) {
	u, err := s.Mappings.Show(ctx, c.link, c.value)
	if err != nil {
		return nil, err
	}
	return userOf(c.link, u), nil
}

type sendBody struct {
	MessageKey    string      `json:"message_key"`
	DefinitionKey string      `json:"definition_key"`
	ContactID     string      `json:"contact_id"`
	Recipient     string      `json:"recipient"`
	Status        send.Status `json:"status"`
	Reason        *causeBody  `json:"reason,omitempty"`
	NextTry       *time.Time  `json:"next_try,omitempty"` // of a held one that could not be handed over; machine time
	CreatedAt     time.Time   `json:"created_at"`
	UpdatedAt     time.Time   `json:"updated_at"`
}

func sendOf(v send.Send) sendBody {
	b := sendBody{
		MessageKey: v.MessageKey, DefinitionKey: v.DefinitionKey, ContactID: v.ContactID, Recipient: v.Recipient,
		Status: v.Status, CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt,
	}
	if v.ReasonCode != "" {
		b.Reason = &causeBody{v.ReasonCode, v.Reason}
	}
	if !v.NextTry.IsZero() {
		b.NextTry = &v.NextTry
	}
	return b
}

func (s *Server) sendTriggered(ctx context.Context, c call) (any, error) {
	var in struct {
		ContactID     string `json:"contact_id"`
		DefinitionKey string `json:"definition_key"`
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	v, err := s.Sends.Trigger(ctx, c.link, send.Request{ContactID: in.ContactID, DefinitionKey: in.DefinitionKey, IdempotencyKey: c.key})
	if err != nil {
		return nil, err
	}
	return sendOf(v), nil
}

func (s *Server) send(ctx context.Context, c call) (any, error) {
	v, err := s.Sends.Status(ctx, c.link, c.value)
	if err != nil && v.MessageKey == "" {
		return nil, err
	}
	if err != nil { // the tenant could not be asked: the record stands, and says when it was made
		s.Log.LogAttrs(ctx, slog.LevelInfo, "status of a send not refreshed", slog.String("message_key", v.MessageKey), slog.String("error", err.Error()))
	}
	return sendOf(v), nil
}
