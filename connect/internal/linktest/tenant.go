package linktest

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/oauth"
)

// EID is the enterprise id of the test tenant and the MID of its only business unit.
const EID = 7000001

// Message is a message that the test tenant took.
type Message struct {
	Key, DefinitionKey, ContactKey, To string
	Attributes                         map[string]string
	Event                              string // "EmailQueued", "EmailSent", "EmailNotSent"; "InDoubt" is a queued one of which the tenant cannot tell
}

// Tenant is a test tenant: token endpoint (JWT bearer and code with PKCE), a sign-in form that makes grants, userinfo,
// grants, and transactional messages.
type Tenant struct {
	cloud
	// Certificate is the installed package's; ClientID its client id.
	Certificate, ClientID string
	// APIUser may clear the grants of others.
	APIUser string
	// Server and Web are the clients of a customer's own package: one that takes client credentials and works as AppUser, and
	// one that users sign in through.
	Server, Web Client
	AppUser     string

	grants map[string]bool
	made   map[string]time.Time // when grants were made
	stale  map[string]bool      // grants whose user's permissions have changed since
	// integrated is Salesforce.com Status: CRM user names by user name.
	integrated map[string]string
	spent      map[string]bool
	messages   map[string]Message
	passwords  passwords
	documents  documents
	roles      map[string][]string // by user name
}

// Client is an API integration with a secret.
type Client struct{ ID, Secret string }

// NewTenant starts a tenant with people, none of whom has a grant.
func NewTenant(t testing.TB, people []Person) *Tenant {
	t.Helper()
	v := &Tenant{grants: map[string]bool{}, made: map[string]time.Time{}, stale: map[string]bool{}, integrated: map[string]string{}, spent: map[string]bool{}, messages: map[string]Message{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v2/token", v.token)
	mux.HandleFunc("/v2/authorize", func(w http.ResponseWriter, r *http.Request) {
		if v.keepsOut(w, r) {
			return
		}
		v.authorize(w, r, func(username string) {
			if r.URL.Query().Get("client_id") == v.ClientID { // another package makes no grants
				v.Grant(username, true)
			}
		})
	})
	mux.HandleFunc("GET /v2/userinfo", v.userinfo)
	mux.HandleFunc("GET /v2/grants", v.listGrants)
	mux.HandleFunc("POST /v2/grants", v.makeGrant)
	mux.HandleFunc("POST /Service.asmx", v.retrieve)
	mux.HandleFunc("DELETE /v2/grants/{username}", v.clearGrant)
	mux.HandleFunc("POST /messaging/v1/email/messages/{key}", v.send)
	mux.HandleFunc("GET /messaging/v1/email/messages/{key}", v.status)
	mux.HandleFunc("GET /v2/documents", v.listDocuments)
	mux.HandleFunc("PUT /v2/documents/{name}", v.putDocument)
	v.start(t, "tenant_sid", mux, people)
	return v
}

// Grant gives a user a grant, or takes it.
func (v *Tenant) Grant(username string, yes bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.grants[username], v.made[username] = yes, v.now()
	delete(v.stale, username)
}

// ChangeRoles makes the user's grant stale.
func (v *Tenant) ChangeRoles(username string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.stale[username] = true
}

// Granted reports whether the user has a grant.
func (v *Tenant) Granted(username string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.grants[username]
}

// Messages are the messages taken so far.
func (v *Tenant) Messages() []Message {
	v.mu.Lock()
	defer v.mu.Unlock()
	all := make([]Message, 0, len(v.messages))
	for _, m := range v.messages {
		all = append(all, m)
	}
	return all
}

// SetEvent moves a message on: "EmailSent", "EmailNotSent".
func (v *Tenant) SetEvent(key, event string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	m := v.messages[key]
	m.Event = event
	v.messages[key] = m
}

func (v *Tenant) token(w http.ResponseWriter, r *http.Request) {
	var in struct {
		GrantType    string `json:"grant_type"`
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
		Code         string `json:"code"`
		RedirectURI  string `json:"redirect_uri"`
		CodeVerifier string `json:"code_verifier"`
		Assertion    string `json:"assertion"`
		RefreshToken string `json:"refresh_token"`
		AccountID    int64  `json:"account_id"`
	}
	refuse := func(code, text string) {
		Answer(w, http.StatusBadRequest, map[string]string{"error": code, "error_description": text})
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		refuse("invalid_request", "no JSON")
		return
	}
	v.mu.Lock()
	server, web := v.Server, v.Web
	v.mu.Unlock()
	known := map[string]string{v.ClientID: "", server.ID: server.Secret, web.ID: web.Secret}
	if secret, there := known[in.ClientID]; in.GrantType != oauth.GrantJWTBearer && (!there || secret != in.ClientSecret) {
		Answer(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client", "error_description": "Invalid client ID. Use the client ID in Marketing Cloud Installed Packages."})
		return
	}
	if (in.GrantType == "client_credentials") != (in.ClientID == server.ID && server.ID != "") {
		refuse("unauthorized_client", "The client is not authorized to request a token using this method.")
		return
	}
	var g grant
	body := map[string]any{"token_type": "Bearer", "expires_in": 1079, "scope": "email_send", "rest_instance_url": v.URL + "/", "soap_instance_url": v.URL + "/"}
	switch in.GrantType {
	case oauth.GrantJWTBearer:
		subject, why := v.assertion(in.Assertion, v.Certificate, v.ClientID, v.URL+"/")
		if why != "" || in.AccountID != 0 && in.AccountID != EID {
			refuse("invalid_grant", "The assertion is invalid.")
			return
		}
		v.mu.Lock()
		granted, replayed := v.grants[subject], v.spent[in.Assertion]
		v.spent[in.Assertion] = true
		v.mu.Unlock()
		if !granted || replayed {
			refuse("invalid_grant", "There is no grant of this user.")
			return
		}
		g = grant{username: subject}
	case "client_credentials":
		if in.AccountID != 0 && in.AccountID != EID {
			refuse("invalid_request", "The account_id is invalid.")
			return
		}
		g = grant{username: v.AppUser}
	case oauth.GrantAuthorizationCode:
		var known bool
		if g, known = v.spend(in.Code, in.ClientID, in.RedirectURI, in.CodeVerifier); !known {
			refuse("invalid_grant", "The code is invalid.")
			return
		}
		body["refresh_token"] = v.RefreshTokenOf(in.ClientID, g.username)
	case "refresh_token":
		v.mu.Lock()
		held, known := v.passwords.refresh[in.RefreshToken]
		delete(v.passwords.refresh, in.RefreshToken) // it works once
		known = known && (v.grants[held.username] || held.client != v.ClientID)
		v.mu.Unlock()
		if !known || in.ClientID != held.client {
			refuse("invalid_grant", "The refresh token is invalid, expired, or revoked.")
			return
		}
		g = grant{username: held.username}
		body["refresh_token"] = v.RefreshTokenOf(held.client, held.username)
	default:
		refuse("unsupported_grant_type", "no")
		return
	}
	body["access_token"] = v.issue(g, "mce-token-")
	Answer(w, http.StatusOK, body)
}

func (v *Tenant) dead(w http.ResponseWriter) {
	w.Header().Set("WWW-Authenticate", `Bearer realm="x", error="invalid_token"`)
	Answer(w, http.StatusUnauthorized, map[string]any{"errorcode": 0, "message": "Not Authorized", "documentation": ""})
}

func (v *Tenant) userinfo(w http.ResponseWriter, r *http.Request) {
	p, live := v.bearer(r)
	if !live {
		v.dead(w)
		return
	}
	Answer(w, http.StatusOK, map[string]any{
		"user":         map[string]any{"sub": p.ID, "preferred_username": p.Username, "name": p.Name, "email": "x@x.example"},
		"organization": map[string]any{"member_id": EID, "enterprise_id": EID, "zoneinfo": "America/Chicago"},
		"permissions":  []map[string]any{{"objectTypeName": "Email", "operationName": "Send", "id": 9}},
	})
}

// listGrants answers with the grants of the users named, or all, whoever asks.
func (v *Tenant) listGrants(w http.ResponseWriter, r *http.Request) {
	if _, live := v.bearer(r); !live {
		v.dead(w)
		return
	}
	v.mu.Lock()
	items := []map[string]any{}
	names, named := r.URL.Query()["username"]
	if !named {
		names = slices.Sorted(maps.Keys(v.grants))
	}
	for _, name := range names {
		if v.grants[name] {
			items = append(items, map[string]any{"id": "1", "username": name, "client_id": v.ClientID, "made_by": name, "made_at": v.made[name].UTC().Format(time.RFC3339), "stale": v.stale[name]})
		}
	}
	v.mu.Unlock()
	Answer(w, http.StatusOK, map[string]any{"items": items})
}

func (v *Tenant) clearGrant(w http.ResponseWriter, r *http.Request) {
	p, live := v.bearer(r)
	if !live {
		v.dead(w)
		return
	}
	name := r.PathValue("username")
	if p.Username != name && p.Username != v.APIUser {
		Answer(w, http.StatusForbidden, map[string]any{"errorcode": 20002, "message": "Insufficient Privileges"})
		return
	}
	if !v.Granted(name) {
		Answer(w, http.StatusNotFound, map[string]any{"errorcode": 10003, "message": "There is no such grant."})
		return
	}
	v.Grant(name, false)
	v.mu.Lock()
	maps.DeleteFunc(v.tokens, func(_ string, g grant) bool { return g.username == name })
	v.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

func (v *Tenant) send(w http.ResponseWriter, r *http.Request) {
	if _, live := v.bearer(r); !live {
		v.dead(w)
		return
	}
	switch key := v.Accept(r); key {
	case "":
		Answer(w, http.StatusNotFound, map[string]any{"errorcode": 30003, "message": "The definition does not exist."})
	case "used":
		Answer(w, http.StatusConflict, map[string]any{"errorcode": 30004, "message": "The message key was used."})
	default:
		Answer(w, http.StatusAccepted, map[string]any{"requestId": "req-1", "errorcode": 0, "responses": []map[string]string{{"messageKey": key}}})
	}
}

// Accept takes the message of a request without answering it, and returns its key; "" for an unknown definition, "used"
// for a key that was used.
func (v *Tenant) Accept(r *http.Request) string {
	var in struct {
		DefinitionKey string `json:"definitionKey"`
		Recipient     struct {
			ContactKey string            `json:"contactKey"`
			To         string            `json:"to"`
			Attributes map[string]string `json:"attributes"`
		} `json:"recipient"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || !strings.EqualFold(in.DefinitionKey, "welcome") {
		return ""
	}
	key := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, twice := v.messages[key]; twice {
		return "used"
	}
	v.messages[key] = Message{Key: key, DefinitionKey: in.DefinitionKey, ContactKey: in.Recipient.ContactKey, To: in.Recipient.To, Attributes: in.Recipient.Attributes, Event: "EmailQueued"}
	return key
}

func (v *Tenant) status(w http.ResponseWriter, r *http.Request) {
	if _, live := v.bearer(r); !live {
		v.dead(w)
		return
	}
	v.mu.Lock()
	m, known := v.messages[r.PathValue("key")]
	v.mu.Unlock()
	if !known {
		Answer(w, http.StatusNotFound, map[string]any{"errorcode": 30003, "message": "No message exists for the key."})
		return
	}
	info := map[string]any{"messageKey": m.Key, "contactKey": m.ContactKey, "to": m.To}
	switch m.Event {
	case "EmailNotSent":
		info["statusCode"], info["statusMessage"] = 24, "ListDetectiveExclusion"
	case "InDoubt":
		m.Event, info["statusMessage"] = "EmailQueued", m.Event
	}
	Answer(w, http.StatusOK, map[string]any{
		"requestId": "req-2", "eventCategoryType": "TransactionalSendEvents." + m.Event,
		"timestamp": v.now().UTC().Format(time.RFC3339), "info": info,
	})
}

// Forget makes a message one that never arrived.
func (v *Tenant) Forget(key string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.messages, key)
}
