// Package connect is a client of Connect's own API (connect/openapi.yaml): the connection, its users and its sends. It
// knows a base URL and a token.
package connect

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/vault"
)

// Client calls one Connect. It is safe for concurrent use.
type Client struct {
	base  string
	token vault.Secret
	call  *client.Caller
}

// BaseURL is where this Connect answers, without a trailing slash.
func (c *Client) BaseURL() string { return c.base }

// New returns a client of the Connect at a base URL, with an API token. hc gives the transport; nil takes the defaults
// of client.
func New(baseURL string, token vault.Secret, hc *http.Client) (*Client, error) {
	base, err := client.ParseBase(baseURL)
	if err != nil {
		return nil, err
	}
	return &Client{base: base, token: token, call: client.NewCaller("Connect server", hc)}, nil
}

// do makes a call. key is the idempotency key of a mutating one: the same key twice acts once.
func (c *Client) do(ctx context.Context, method, path, key string, in, out any) error {
	r := client.Request{Method: method, URL: c.base + path, Header: http.Header{"Authorization": {"Bearer " + c.token.Reveal()}}}
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	if in != nil {
		body, err := json.Marshal(in)
		if err != nil {
			return err
		}
		r.Body, r.ContentType = body, "application/json"
	}
	a, err := c.call.Do(ctx, r)
	if err != nil {
		return err
	}
	if a.Status/100 != 2 {
		return c.refusal(a)
	}
	return c.call.JSON(a, out)
}

// refusal keeps the code and text of an error answer, and says whose words they are: Connect's own or a cloud's.
func (c *Client) refusal(a *client.Answer) error {
	var w struct {
		Error struct{ Code, Message, Cloud string }
	}
	if a.Type == "application/json" {
		_ = json.Unmarshal(a.Body, &w) // an answer of another shape keeps its status alone
	}
	e := w.Error
	if e.Cloud == "" {
		return c.call.Refusal(a.Status, e.Code, e.Message)
	}
	remote := &client.RemoteError{Cloud: client.Clip(e.Cloud, 20), Status: a.Status, Code: client.Clip(e.Code, 100), Description: client.Clip(e.Message, 1000)}
	return fault.Wrap(remote, fault.Denied, client.CodeRefused, "The %s refused: %s: %s.", remote.Cloud, remote.Code, strings.TrimSuffix(remote.Description, "."))
}

// Span is how one direction of the connection stands.
type Span struct {
	State        string `json:"state"` // "not_connected", "connected", "broken"
	URL          string `json:"url,omitempty"`
	AuthURL      string `json:"auth_url,omitempty"`
	ConnectedApp string `json:"connected_app,omitempty"`
	SystemUser   string `json:"system_user,omitempty"`
	OrgID        string `json:"org_id,omitempty"`
	APIUser      string `json:"api_user,omitempty"`
	EID          int64  `json:"eid,omitempty"`
	AccountID    int64  `json:"account_id,omitempty"`
	// PackageVersion is of the managed package in the org.
	PackageVersion string     `json:"package_version,omitempty"`
	ConnectedAt    *time.Time `json:"connected_at,omitempty"`
	// Cause is why the span is broken, in the refusing cloud's words.
	Cause *Cause `json:"cause,omitempty"`
	// Auth is by what Connect signs in, or would: "jwt", "password" or "web_app"; AuthWhy says why so.
	Auth    string `json:"auth"`
	AuthWhy string `json:"auth_why"`
	// GivenAt is when the credentials were given that are stored; nil where none are.
	GivenAt *time.Time `json:"credentials_given_at,omitempty"`
	// ClientID and WebClientID are the customer's installed package, where the span into Engagement stands on it.
	ClientID    string `json:"client_id,omitempty"`
	WebClientID string `json:"web_client_id,omitempty"`
	// UpgradedAt is when the span came from stored credentials to a key; nil where it never did.
	UpgradedAt *time.Time `json:"upgraded_at,omitempty"`
}

// Cause is why something is broken, in the refuser's words.
type Cause struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Status is how the connection of a pair stands.
type Status struct {
	Pair       string `json:"pair"`
	Standing   string `json:"standing"` // "embedded", "own_link" or "beside_the_package"
	State      string `json:"state"`    // "connected" where both spans are up
	Org        Span   `json:"org"`      // from Engagement into the org
	Engagement Span   `json:"engagement"`
	// Findings stand against the connection as it is, though it works.
	Findings []Cause `json:"findings,omitempty"`
	// IntegrationUser is nil where there is none.
	IntegrationUser *IntegrationUser `json:"integration_user,omitempty"`
	// Outage is nil where none is booked.
	Outage *Outage `json:"outage,omitempty"`
}

// StateConnected is the State of a connection whose spans are both up.
const StateConnected = "connected"

// Status asks how the connection stands.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var out Status
	err := c.do(ctx, http.MethodGet, "/api/v1/status", "", nil, &out)
	return out, err
}

// CheckStatus has Connect ask both clouds first; Status says what they answered last. The same key twice asks once.
func (c *Client) CheckStatus(ctx context.Context, key string) (Status, error) {
	var out Status
	err := c.do(ctx, http.MethodPost, "/api/v1/status/check", key, struct{}{}, &out)
	return out, err
}

// ConnectOrg brings up the span into the org: Connect signs the system user in with its own key and reads back who he
// is. A refusal carries the org's own code and text. by is who asks, key makes a repeat of the call the same call.
func (c *Client) ConnectOrg(ctx context.Context, systemUser, by, key string) error {
	var out json.RawMessage
	return c.do(ctx, http.MethodPost, "/api/v1/connection/org", key, map[string]string{"system_user": systemUser, "by": by}, &out)
}

// OfferConnectAccount gives the address at which the system user signs in to the org himself, is shown who was found, and
// connects it with a yes; within ten minutes.
func (c *Client) OfferConnectAccount(ctx context.Context, systemUser, by, key string) (authorizeURL string, err error) {
	var out struct {
		AuthorizeURL string `json:"authorize_url"`
	}
	err = c.do(ctx, http.MethodPost, "/api/v1/connection/org", key, map[string]any{"system_user": systemUser, "sign_in": true, "by": by}, &out)
	return out.AuthorizeURL, err
}

// ConnectOrgByKey is ConnectOrg by key in any case: a span that is connected by password comes to be connected by key, and
// forgets the password.
func (c *Client) ConnectOrgByKey(ctx context.Context, systemUser, by, key string) error {
	var out json.RawMessage
	return c.do(ctx, http.MethodPost, "/api/v1/connection/org", key, map[string]string{"system_user": systemUser, "auth": "jwt", "by": by}, &out)
}

// ConnectOrgByPassword brings up the span into the org by the system user's password and security token, which are kept
// sealed. Without systemUser it renews those of the user who is connected.
func (c *Client) ConnectOrgByPassword(ctx context.Context, systemUser string, password, securityToken vault.Secret, by string) error {
	var out json.RawMessage
	return c.do(ctx, http.MethodPost, "/api/v1/connection/org/password", "", map[string]string{
		"system_user": systemUser, "password": password.Reveal(), "security_token": securityToken.Reveal(), "by": by,
	}, &out)
}

// Settings are the settings of the connection.
type Settings struct {
	Legacy string `json:"legacy,omitempty"` // "refuse" or "warn": new password connections into the org from 1 June 2016 on
	// EngagementAuth is by what the span into Engagement is connected next: "jwt", "password" or "web_app".
	EngagementAuth string `json:"engagement_auth,omitempty"`
	// Names are what things are called in the org, by key: "namespace", "connected_app", …; in a change "" takes the default.
	Names map[string]string `json:"names,omitempty"`
}

// Settings reads them.
func (c *Client) Settings(ctx context.Context) (Settings, error) {
	var out Settings
	err := c.do(ctx, http.MethodGet, "/api/v1/connection/settings", "", nil, &out)
	return out, err
}

// SetSettings changes them; what is empty stays as it is.
func (c *Client) SetSettings(ctx context.Context, s Settings, by, key string) (Settings, error) {
	var out Settings
	err := c.do(ctx, http.MethodPost, "/api/v1/connection/settings", key, struct {
		Settings
		By string `json:"by"`
	}{s, by}, &out)
	return out, err
}

// EngagementAnswer says whether the span into Engagement is up, or where its API user has to sign in once.
type EngagementAnswer struct {
	Connected    bool   `json:"connected"`
	AuthorizeURL string `json:"authorize_url"`
	Warning      string `json:"warning"` // to know before opening it
}

// Disconnected is how far one call to disconnect came.
type Disconnected struct {
	Disconnected bool           `json:"disconnected"`
	Cleared      int            `json:"cleared"` // mappings
	Failed       []ClearFailure `json:"failed"`
	Next         string         `json:"next,omitempty"` // after of the next call
}

// Disconnect clears up to 100 mappings, and takes the connection down when none is left.
func (c *Client) Disconnect(ctx context.Context, after, by, reason, key string) (Disconnected, error) {
	var out Disconnected
	err := c.do(ctx, http.MethodPost, "/api/v1/connection/disconnect", key, map[string]string{"after": after, "by": by, "reason": reason}, &out)
	return out, err
}

// ConnectEngagement brings up the span into Engagement for the API user, who works in the business unit mid.
func (c *Client) ConnectEngagement(ctx context.Context, apiUser string, mid int64, by, key string) (EngagementAnswer, error) {
	var out EngagementAnswer
	err := c.do(ctx, http.MethodPost, "/api/v1/connection/engagement", key, map[string]any{"api_user": apiUser, "account_id": mid, "by": by}, &out)
	return out, err
}

// ConnectEngagementByKey is ConnectEngagement by key in any case: a span that is connected by password comes to be
// connected by key, and forgets the password.
func (c *Client) ConnectEngagementByKey(ctx context.Context, apiUser string, mid int64, by, key string) (EngagementAnswer, error) {
	var out EngagementAnswer
	err := c.do(ctx, http.MethodPost, "/api/v1/connection/engagement", key, map[string]any{"api_user": apiUser, "account_id": mid, "auth": "jwt", "by": by}, &out)
	return out, err
}

// ConnectEngagementByPassword brings up the span into Engagement by the API user's password, which is kept sealed. Without
// apiUser it renews that of the user who is connected.
func (c *Client) ConnectEngagementByPassword(ctx context.Context, apiUser string, mid int64, password vault.Secret, by string) (EngagementAnswer, error) {
	var out EngagementAnswer
	err := c.do(ctx, http.MethodPost, "/api/v1/connection/engagement/password", "", map[string]any{"api_user": apiUser, "account_id": mid, "password": password.Reveal(), "by": by}, &out)
	return out, err
}

// PackageClient is the customer's own installed package: client id and secret of the API integration that works as itself,
// and of the one through which users sign in; "" for the second is the first.
type PackageClient struct {
	ID, WebID         string
	Secret, WebSecret vault.Secret
}

// ConnectEngagementByPackage brings up the span into Engagement by the customer's own package, whose secrets are kept
// sealed. What is empty is as it is stored: so the secrets are renewed. apiUser "" takes whoever the package is.
func (c *Client) ConnectEngagementByPackage(ctx context.Context, apiUser string, mid int64, p PackageClient, by string) (EngagementAnswer, error) {
	var out EngagementAnswer
	err := c.do(ctx, http.MethodPost, "/api/v1/connection/engagement/web-app", "", map[string]any{
		"api_user": apiUser, "account_id": mid, "client_id": p.ID, "client_secret": p.Secret.Reveal(), "web_client_id": p.WebID, "web_client_secret": p.WebSecret.Reveal(), "by": by,
	}, &out)
	return out, err
}

// OfferWhoever offers to bind whoever has a session in the browser that opens the answer's address: the mistake of which
// documents 001 and 003 warn, to be rehearsed with built-in clouds.
func (c *Client) OfferWhoever(ctx context.Context, by, key string) (EngagementAnswer, error) {
	var out EngagementAnswer
	err := c.do(ctx, http.MethodPost, "/api/v1/connection/engagement", key, map[string]any{"whoever": true, "by": by}, &out)
	return out, err
}

// Send is a triggered send.
type Send struct {
	MessageKey string `json:"message_key"`
	Recipient  string `json:"recipient"`
	Status     string `json:"status"` // "held", "queueing", "accepted", "sent", "not_sent", "in_doubt" or "refused"
	Reason     *Cause `json:"reason,omitempty"`
	// NextTry is when a held send is tried again that could not be handed over after the outage.
	NextTry *time.Time `json:"next_try,omitempty"`
}

// SendTriggered fires a definition for a contact of the org.
func (c *Client) SendTriggered(ctx context.Context, contactID, definitionKey, key string) (Send, error) {
	var out Send
	err := c.do(ctx, http.MethodPost, "/api/v1/sends/triggered", key, map[string]string{"contact_id": contactID, "definition_key": definitionKey}, &out)
	return out, err
}

// SendTest sends one message as a mapped user, with the permissions that his token carries.
func (c *Client) SendTest(ctx context.Context, as, to, definitionKey, key string) (Send, error) {
	var out Send
	err := c.do(ctx, http.MethodPost, "/api/v1/sends/test", key, map[string]string{"as": as, "to": to, "definition_key": definitionKey}, &out)
	return out, err
}

// Send reads how a send went.
func (c *Client) Send(ctx context.Context, messageKey string) (Send, error) {
	var out Send
	err := c.do(ctx, http.MethodGet, "/api/v1/sends/"+url.PathEscape(messageKey), "", nil, &out)
	return out, err
}
