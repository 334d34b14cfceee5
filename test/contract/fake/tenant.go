package fake

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Package is an installed package of the tenant.
type Package struct {
	ClientID, Secret string // no secret: a package that signs users in by key
	Certificate      string // PEM
	Redirect         string
}

// TenantUser is a user of the tenant.
type TenantUser struct {
	Person
	APIUser        bool
	MaySend        bool
	SalesforceUser string // whom Salesforce.com Status names

	id    int64
	roles int // grows with each change of what he may
}

// Tenant is an Enterprise 2.0 tenant with one business unit.
type Tenant struct {
	URL      string
	EID      int64
	Packages []Package
	Active   string // key of the definition that there is

	door
	data     sync.Mutex
	users    []*TenantUser
	grants   map[string]*grant // by client id and user
	messages map[string]*message
	refresh  map[string]visit // refresh tokens, each good once
}

type grant struct {
	id, client, madeBy string
	user               *TenantUser
	madeAt             time.Time
	maySend            bool // as he might when it was made
	roles              int
}

type message struct {
	to, contact string
	asked       int
}

// NewTenant makes a tenant at the URL.
func NewTenant(url string, eid int64, packages []Package, definition string, users ...TenantUser) *Tenant {
	t := &Tenant{URL: url, EID: eid, Packages: packages, Active: definition, door: newDoor(), grants: map[string]*grant{}, messages: map[string]*message{}, refresh: map[string]visit{}}
	for n := range users {
		u := users[n]
		u.id = int64(730_000_000 + 17*n)
		t.users = append(t.users, &u)
	}
	return t
}

// Handler serves the tenant.
func (t *Tenant) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v2/token", t.token)
	mux.HandleFunc("/v2/authorize", func(w http.ResponseWriter, r *http.Request) {
		t.authorize(w, r, func(name, password string) bool {
			u := t.user(name)
			return u != nil && u.Password == password
		}, func(client, redirect string) bool {
			p := t.pkg(client)
			return p != nil && p.Redirect == redirect
		})
	})
	mux.HandleFunc("GET /v2/userinfo", t.userinfo)
	mux.HandleFunc("GET /v2/grants", t.listGrants)
	mux.HandleFunc("POST /v2/grants", t.makeGrant)
	mux.HandleFunc("DELETE /v2/grants/{user}", t.clearGrant)
	mux.HandleFunc("POST /soap/Service.asmx", t.soap)
	mux.HandleFunc("GET /rest/messaging/v1/email/definitions", t.definitions)
	mux.HandleFunc("/rest/messaging/v1/email/messages/{key}", t.message)
	return mux
}

func (t *Tenant) user(name string) *TenantUser {
	t.data.Lock()
	defer t.data.Unlock()
	return t.find(name)
}

func (t *Tenant) find(name string) *TenantUser {
	for _, u := range t.users {
		if strings.EqualFold(u.Username, name) {
			return u
		}
	}
	return nil
}

func (t *Tenant) pkg(client string) *Package {
	for i := range t.Packages {
		if t.Packages[i].ClientID == client {
			return &t.Packages[i]
		}
	}
	return nil
}

func grantKey(client, user string) string { return client + "|" + strings.ToLower(user) }

// give makes a grant with what the user may now; one that there is stays unless anew.
func (t *Tenant) give(client string, u *TenantUser, by string, anew bool) *grant {
	key := grantKey(client, u.Username)
	if g := t.grants[key]; g != nil && !anew {
		return g
	}
	g := &grant{guid(), client, by, u, now(), u.MaySend, u.roles}
	t.grants[key] = g
	return g
}

// take ends a grant and what was issued on it.
func (t *Tenant) take(client, user string) bool {
	key := grantKey(client, user)
	_, there := t.grants[key]
	delete(t.grants, key)
	t.mu.Lock()
	defer t.mu.Unlock()
	for token, v := range t.tokens {
		if v.client == client && strings.EqualFold(v.user, user) {
			delete(t.tokens, token)
		}
	}
	return there
}

// token is /v2/token (engagement-wire 2.1; the assertion: DESIGN 5.2).
func (t *Tenant) token(w http.ResponseWriter, r *http.Request) {
	refuse := func(status int, code, text string) {
		writeJSON(w, status, map[string]string{"error": code, "error_uri": "https://developer.salesforce.com/docs", "error_description": text})
	}
	var in struct {
		Type      string `json:"grant_type"`
		Client    string `json:"client_id"`
		Secret    string `json:"client_secret"`
		Code      string `json:"code"`
		Redirect  string `json:"redirect_uri"`
		Verifier  string `json:"code_verifier"`
		Assertion string `json:"assertion"`
		Refresh   string `json:"refresh_token"`
		Account   int64  `json:"account_id"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		refuse(http.StatusBadRequest, "invalid_request", "no JSON")
		return
	}
	c, _ := unverified(in.Assertion)
	if in.Client == "" {
		in.Client = c.Issuer
	}
	p := t.pkg(in.Client)
	if p == nil {
		refuse(http.StatusUnauthorized, "invalid_client", "Invalid client ID. Use the client ID in Marketing Cloud Installed Packages.")
		return
	}
	if in.Account != 0 && in.Account != t.EID {
		refuse(http.StatusBadRequest, "invalid_request", "The account_id is no business unit of the package.")
		return
	}
	v := visit{client: p.ClientID, scope: "email_send"}
	again := ""
	if p.Certificate == "" && in.Secret != p.Secret {
		refuse(http.StatusUnauthorized, "invalid_client", "Client authentication failed. Make sure that the client ID and client secret are valid and that the package is installed and enabled.")
		return
	}
	switch in.Type {
	case "client_credentials":
		if p.Secret == "" || p.Redirect != "" {
			refuse(http.StatusBadRequest, "unauthorized_client", "The package does not sign itself in.")
			return
		}
	case "refresh_token":
		t.data.Lock()
		held, ok := t.refresh[in.Refresh]
		delete(t.refresh, in.Refresh)
		t.data.Unlock()
		if !ok || held.client != p.ClientID {
			refuse(http.StatusBadRequest, "invalid_grant", "The refresh token is gone.")
			return
		}
		v.user, again = held.user, random()
	case "authorization_code":
		if p.Redirect == "" {
			refuse(http.StatusBadRequest, "unauthorized_client", "Nobody signs in through the package.")
			return
		}
		done, ok := t.spend(in.Code, in.Client, in.Redirect, in.Verifier)
		if !ok {
			refuse(http.StatusBadRequest, "invalid_grant", "The authorization code is invalid or expired.")
			return
		}
		v.user, again = done.user, random()
		t.data.Lock()
		t.give(p.ClientID, t.find(v.user), v.user, true)
		t.data.Unlock()
	case "urn:ietf:params:oauth:grant-type:jwt-bearer":
		switch {
		case p.Certificate == "":
			refuse(http.StatusBadRequest, "unauthorized_client", "The package does not sign users in by key.")
			return
		case !signed(in.Assertion, p.Certificate) || c.Audience != t.URL+"/" || c.Expires < now().Unix():
			refuse(http.StatusBadRequest, "invalid_grant", "The assertion is not valid.")
			return
		}
		t.data.Lock()
		_, ok := t.grants[grantKey(p.ClientID, c.Subject)]
		t.data.Unlock()
		if !ok {
			refuse(http.StatusBadRequest, "invalid_grant", "The user has no grant for the package.")
			return
		}
		v.user = c.Subject
	default:
		refuse(http.StatusBadRequest, "unsupported_grant_type", "The grant type is not supported.")
		return
	}
	answer := map[string]any{
		"token_type": "Bearer", "expires_in": 1079, "scope": v.scope, "soap_instance_url": t.URL + "/soap/", "rest_instance_url": t.URL + "/rest/", "access_token": t.issue(v),
	}
	if again != "" {
		t.data.Lock()
		t.refresh[again] = v
		t.data.Unlock()
		answer["refresh_token"] = again
	}
	writeJSON(w, http.StatusOK, answer)
}

// caller is who calls the REST API or the auth host; without a live token the answer is given.
func (t *Tenant) caller(w http.ResponseWriter, r *http.Request) (visit, bool) {
	v, _, ok := t.bearer(r)
	if !ok {
		w.Header().Set("WWW-Authenticate", "Bearer")
		restError(w, http.StatusUnauthorized, 0, "Not Authorized")
	}
	return v, ok
}

func restError(w http.ResponseWriter, status, code int, text string) {
	writeJSON(w, status, map[string]any{"documentation": "", "errorcode": code, "message": text})
}

func (t *Tenant) userinfo(w http.ResponseWriter, r *http.Request) {
	v, ok := t.caller(w, r)
	if !ok {
		return
	}
	sub, name := "729999999", v.client+" app user"
	if u := t.user(v.user); u != nil {
		sub, name = strconv.FormatInt(u.id, 10), u.Username
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"user":         map[string]any{"sub": sub, "preferred_username": name, "name": "Mx " + name, "email": "x@y.example", "locale": "en-GB", "zoneinfo": "Europe/London"},
		"organization": map[string]any{"member_id": t.EID, "enterprise_id": t.EID, "enterprise_name": "E", "account_type": "enterprise", "stack_key": "S1", "region": "NA1"},
		"rest":         map[string]string{"rest_instance_url": t.URL + "/rest/"}, "application": map[string]string{"name": "A"}, "permissions": []any{},
	})
}

func (g *grant) shown() map[string]any {
	return map[string]any{
		"stale": g.roles != g.user.roles, "made_at": g.madeAt.Format(time.RFC3339), "made_by": g.madeBy, "client_id": g.client, "username": g.user.Username, "id": g.id, "permissions": []string{},
	}
}

func (t *Tenant) listGrants(w http.ResponseWriter, r *http.Request) {
	v, ok := t.caller(w, r)
	if !ok {
		return
	}
	t.data.Lock()
	defer t.data.Unlock()
	items := []map[string]any{}
	for _, name := range r.URL.Query()["username"] {
		if g := t.grants[grantKey(v.client, name)]; g != nil {
			items = append(items, g.shown())
		}
	}
	writeJSON(w, http.StatusOK, map[string]any{"items": items, "next": ""})
}

func (t *Tenant) makeGrant(w http.ResponseWriter, r *http.Request) {
	v, ok := t.caller(w, r)
	if !ok {
		return
	}
	var in struct {
		Username string `json:"username"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		restError(w, http.StatusBadRequest, 10001, "no JSON")
		return
	}
	t.data.Lock()
	defer t.data.Unlock()
	by, u := t.find(v.user), t.find(in.Username)
	switch {
	case u == nil:
		restError(w, http.StatusNotFound, 404, "no such user")
	case by == nil || !by.APIUser || u.SalesforceUser == "":
		restError(w, http.StatusForbidden, 403, "The user's Salesforce.com Status is not set.")
	default:
		writeJSON(w, http.StatusCreated, t.give(v.client, u, by.Username, false).shown())
	}
}

func (t *Tenant) clearGrant(w http.ResponseWriter, r *http.Request) {
	v, ok := t.caller(w, r)
	if !ok {
		return
	}
	t.data.Lock()
	defer t.data.Unlock()
	if !t.take(v.client, r.PathValue("user")) {
		restError(w, http.StatusNotFound, 404, "no such grant")
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (t *Tenant) definitions(w http.ResponseWriter, r *http.Request) {
	if _, ok := t.caller(w, r); !ok {
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"pageSize": 50, "page": 1, "count": 2, "requestId": guid(),
		"definitions": []map[string]string{
			{"status": "Inactive", "name": "Other", "definitionKey": "other", "definitionId": guid()},
			{"status": "Active", "name": "It", "definitionKey": t.Active, "definitionId": guid(), "createdDate": "2026-01-01T00:00:00Z"},
		},
	})
}

// message takes a message under its key, or tells how far it is: queued at the first question, sent from the second on
// (engagement-wire 4).
func (t *Tenant) message(w http.ResponseWriter, r *http.Request) {
	v, ok := t.caller(w, r)
	if !ok {
		return
	}
	t.data.Lock()
	defer t.data.Unlock()
	key := strings.ToLower(r.PathValue("key"))
	m := t.messages[key]
	switch r.Method {
	case http.MethodGet:
		if m == nil {
			restError(w, http.StatusNotFound, 50002, "Message not found.")
			return
		}
		event := "TransactionalSendEvents.EmailQueued"
		if m.asked++; m.asked > 1 {
			event = "TransactionalSendEvents.EmailSent"
		}
		writeJSON(w, http.StatusOK, map[string]any{
			"requestId": guid(), "eventCategoryType": event, "timestamp": now().Format("2006-01-02T15:04:05.000"), "compositeId": "c",
			"info": map[string]any{"messageKey": r.PathValue("key"), "contactKey": m.contact, "to": m.to},
		})
	case http.MethodPost:
		var in struct {
			Definition string `json:"definitionKey"`
			Recipient  struct {
				Contact string `json:"contactKey"`
				To      string `json:"to"`
			} `json:"recipient"`
		}
		err := json.NewDecoder(r.Body).Decode(&in)
		g := t.grants[grantKey(v.client, v.user)]
		switch {
		case err != nil || in.Recipient.To == "":
			restError(w, http.StatusBadRequest, 10001, "no recipient")
		case v.user != "" && (g == nil || !g.maySend && !g.user.APIUser):
			restError(w, http.StatusForbidden, 20002, "Insufficient permission.")
		case in.Definition != t.Active:
			restError(w, http.StatusNotFound, 30003, "Unable to find definition.")
		case m != nil:
			restError(w, http.StatusBadRequest, 40002, "The messageKey is in use.")
		default:
			t.messages[key] = &message{to: in.Recipient.To, contact: in.Recipient.Contact}
			writeJSON(w, http.StatusAccepted, map[string]any{"responses": []map[string]string{{"messageKey": r.PathValue("key")}}, "errorcode": 0, "requestId": guid()})
		}
	default:
		restError(w, http.StatusMethodNotAllowed, 0, "Method not allowed")
	}
}

// changed lets a user's grants fall behind what he may now.
func (u *TenantUser) changed() { u.roles++ }

func (t *Tenant) endGrantsOf(u *TenantUser) {
	for _, p := range slices.Clone(t.Packages) {
		t.take(p.ClientID, u.Username)
	}
}
