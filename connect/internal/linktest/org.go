package linktest

import (
	"cmp"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/oauth"
)

// OrgID is the id of the test org.
const OrgID = "00D000000000001EAA"

// Org is a test org: token endpoint (JWT bearer and code with PKCE), a sign-in form, userinfo, keys, and Contacts.
type Org struct {
	cloud
	// Certificate is the connected app's; ConsumerKey its client id.
	Certificate, ConsumerKey string

	approved map[string]bool
	contacts map[string]map[string]any
	release  [2]int // of the managed package; zero for none
	masked   bool
	fields   map[string]string // Marketing Cloud OAuth Token by user id
	domain   string            // that userinfo names
	copied   string            // the org's id where it is a copy
	logins   logins
	boxes    map[string][2]bool // by user id: the package's two boxes, User and Admin
	inactive map[string]bool    // by user id
	frozen   map[string]bool    // by user id
	units    []int64            // business units enabled for the org's users
	key      oauth.SigningKey
}

// NewOrg starts an org with people; those approved may sign in by JWT.
func NewOrg(t testing.TB, people []Person, approved ...string) *Org {
	t.Helper()
	o := &Org{approved: map[string]bool{}, contacts: map[string]map[string]any{}, fields: map[string]string{}, key: signingKey(t)}
	for _, name := range approved {
		o.approved[name] = true
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /services/oauth2/token", o.token)
	mux.HandleFunc("/services/oauth2/authorize", func(w http.ResponseWriter, r *http.Request) { o.authorize(w, r, nil) })
	mux.HandleFunc("GET /services/oauth2/userinfo", o.userinfo)
	mux.HandleFunc("GET /id/keys", func(w http.ResponseWriter, _ *http.Request) {
		set, err := oauth.JWKS(o.key)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(set)
	})
	mux.HandleFunc("GET /services/data/{version}/sobjects/Contact/{id}", o.contact)
	mux.HandleFunc("GET /services/data/{version}/tooling/query", o.installed)
	mux.HandleFunc("GET /services/data/{version}/query", o.users)
	mux.HandleFunc("PATCH /services/data/{version}/sobjects/User/{id}", o.setField)
	mux.HandleFunc("GET /services/data/{version}/sobjects/User/{id}", o.boxesOf)
	mux.HandleFunc("POST /services/Soap/u/{version}", o.login)
	o.start(t, "org_sid", mux, people)
	return o
}

// Approve lets a user in by JWT, or no longer.
func (o *Org) Approve(username string, yes bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.approved[username] = yes
}

// PutContact stores a contact under its id of 18 characters.
func (o *Org) PutContact(id, email string, optedOut bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	stamp := strconv.Itoa(100 + len(o.contacts))
	c := map[string]any{
		"Id": id, "FirstName": "Ann", "LastName": "Lee", "Name": "Ann Lee", "Email": email, "HasOptedOutOfEmail": optedOut,
		"SystemModstamp": "2026-01-02T03:04:05." + stamp + "+0000",
	}
	if email == "" {
		c["Email"] = nil
	}
	o.contacts[id] = c
}

// SetMyDomain has the org name an address at which its users sign in.
func (o *Org) SetMyDomain(url string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.domain = url
}

// EnableUnits says which business units are enabled for the org's users.
func (o *Org) EnableUnits(mids ...int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.units = mids
}

// Copy has the org answer as another one with the same users and settings, as a refreshed sandbox; "" undoes it.
func (o *Org) Copy(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.copied = id
}

func (o *Org) orgOf(p Person) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return cmp.Or(p.Org, o.copied, OrgID)
}

func (o *Org) identity(p Person) string { return o.URL + "/id/" + o.orgOf(p) + "/" + p.ID }

func (o *Org) token(w http.ResponseWriter, r *http.Request) {
	refuse := func(code, text string) {
		Answer(w, http.StatusBadRequest, map[string]string{"error": code, "error_description": text})
	}
	var g grant
	switch r.PostFormValue("grant_type") {
	case oauth.GrantJWTBearer:
		subject, why := o.assertion(r.PostFormValue("assertion"), o.Certificate, o.ConsumerKey, o.URL)
		if why != "" {
			refuse("invalid_grant", "invalid assertion")
			return
		}
		o.mu.Lock()
		approved := o.approved[subject]
		_, known := o.people[subject]
		o.mu.Unlock()
		if !known { // crm-wire 1.5: as for one who never approved the app
			refuse("invalid_grant", "user hasn't approved this consumer")
			return
		}
		if !approved {
			refuse("invalid_app_access", "user is not admin approved to access this app")
			return
		}
		g = grant{username: subject, client: o.ConsumerKey, scope: "api"}
	case oauth.GrantAuthorizationCode:
		var known bool
		if g, known = o.spend(r.PostFormValue("code"), r.PostFormValue("client_id"), r.PostFormValue("redirect_uri"), r.PostFormValue("code_verifier")); !known {
			refuse("invalid_grant", "invalid authorization code")
			return
		}
	default:
		refuse("unsupported_grant_type", "grant type not supported")
		return
	}
	o.mu.Lock()
	p := o.people[g.username]
	o.mu.Unlock()
	body := map[string]string{
		"access_token": o.issue(g, OrgID[:15]+"!"), "instance_url": o.URL, "id": o.identity(p), "token_type": "Bearer",
		"issued_at": strconv.FormatInt(o.now().UnixMilli(), 10), "scope": g.scope,
	}
	if strings.Contains(g.scope, "openid") {
		id, err := oauth.SignIDToken(o.key, oauth.IDToken{Issuer: o.URL, Subject: o.identity(p), Audience: g.client, Nonce: g.nonce, IssuedAt: o.now(), Expires: o.now().Add(2 * time.Minute)})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		body["id_token"] = id
	}
	Answer(w, http.StatusOK, body)
}

func (o *Org) userinfo(w http.ResponseWriter, r *http.Request) {
	p, live := o.bearer(r)
	if !live {
		http.Error(w, "Bad_OAuth_Token", http.StatusForbidden)
		return
	}
	o.mu.Lock()
	domain := o.domain
	o.mu.Unlock()
	if p.Org != "" {
		domain = "https://" + p.Org + ".example"
	}
	Answer(w, http.StatusOK, map[string]any{
		"sub": o.identity(p), "user_id": p.ID, "organization_id": o.orgOf(p), "preferred_username": p.Username, "name": p.Name, "active": true,
		"urls": map[string]any{"custom_domain": domain},
	})
}

func (o *Org) contact(w http.ResponseWriter, r *http.Request) {
	if _, live := o.bearer(r); !live {
		Answer(w, http.StatusUnauthorized, []map[string]string{{"errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid"}})
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for id, c := range o.contacts {
		if want := r.PathValue("id"); want == id || want == id[:15] {
			Answer(w, http.StatusOK, c)
			return
		}
	}
	Answer(w, http.StatusNotFound, []map[string]string{{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}})
}

// Install gives the org a release of the managed package, numbered as the org numbers it; zero takes it away.
func (o *Org) Install(major, minor int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.release = [2]int{major, minor}
}

// Rename gives a user another user name.
func (o *Org) Rename(id, username string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for name, p := range o.people {
		if p.ID == id {
			delete(o.people, name)
			p.Username = username
			o.people[username] = p
			return
		}
	}
}

// Forget takes a user away.
func (o *Org) Forget(username string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.people, username)
}

// Mask has the org show the system user asterisks in place of encrypted values.
func (o *Org) Mask(yes bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.masked = yes
}

// Field is Marketing Cloud OAuth Token of a user.
func (o *Org) Field(userID string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.fields[userID]
}

// SetField edits Marketing Cloud OAuth Token of a user.
func (o *Org) SetField(userID, value string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.fields[userID] = value
}

func (o *Org) lives(w http.ResponseWriter, r *http.Request) bool {
	if _, live := o.bearer(r); !live {
		Answer(w, http.StatusUnauthorized, []map[string]string{{"errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid"}})
		return false
	}
	return true
}

// installed answers the Tooling API's question for installed packages.
func (o *Org) installed(w http.ResponseWriter, r *http.Request) {
	if !o.lives(w, r) {
		return
	}
	o.mu.Lock()
	release := o.release
	o.mu.Unlock()
	records := []map[string]any{}
	if release[0] != 0 {
		records = append(records, map[string]any{
			"SubscriberPackage":        map[string]any{"Name": "Marketing Cloud", "NamespacePrefix": "et4ae5"},
			"SubscriberPackageVersion": map[string]any{"MajorVersion": release[0], "MinorVersion": release[1]},
		})
	}
	Answer(w, http.StatusOK, map[string]any{"totalSize": len(records), "done": true, "records": records})
}

// users answers a query for users by user name, or for the field of users by id.
func (o *Org) users(w http.ResponseWriter, r *http.Request) {
	if !o.lives(w, r) {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	query := r.URL.Query().Get("q")
	if records, ok := o.logins.query(query, o.people); ok {
		Answer(w, http.StatusOK, map[string]any{"totalSize": len(records), "done": true, "records": records})
		return
	}
	if strings.Contains(query, "FROM UserLogin") {
		records := o.frozenOf(query)
		Answer(w, http.StatusOK, map[string]any{"totalSize": len(records), "done": true, "records": records})
		return
	}
	if strings.Contains(query, "Username") && !strings.Contains(query, "OAuth_Token") {
		records := []map[string]any{}
		for _, p := range o.people {
			if strings.Contains(strings.ToLower(query), "'"+strings.ToLower(p.Username)+"'") || strings.Contains(query, "'"+p.ID+"'") {
				records = append(records, map[string]any{"Id": p.ID, "Username": p.Username, "Name": p.Name})
			}
		}
		Answer(w, http.StatusOK, map[string]any{"totalSize": len(records), "done": true, "records": records})
		return
	}
	if strings.Contains(query, "FROM et4ae5__Business_Unit__c") && len(o.units) > 0 {
		records := []map[string]any{}
		for _, mid := range o.units {
			records = append(records, map[string]any{"et4ae5__Business_Unit_ID__c": strconv.FormatInt(mid, 10), "et4ae5__Enabled__c": true})
		}
		Answer(w, http.StatusOK, map[string]any{"totalSize": len(records), "done": true, "records": records})
		return
	}
	if o.release[0] == 0 {
		Answer(w, http.StatusBadRequest, []map[string]string{{"errorCode": "INVALID_FIELD", "message": "No such column on entity 'User'."}})
		return
	}
	records := []map[string]any{}
	for _, p := range o.people {
		if strings.Contains(query, "'"+p.ID+"'") {
			record := map[string]any{"Id": p.ID, "Username": p.Username, "et4ae5__ExactTarget_OAuth_Token__c": nil}
			if value := o.fields[p.ID]; value != "" {
				if record["et4ae5__ExactTarget_OAuth_Token__c"] = value; o.masked {
					record["et4ae5__ExactTarget_OAuth_Token__c"] = strings.Repeat("*", len(value))
				}
			}
			records = append(records, record)
		}
	}
	Answer(w, http.StatusOK, map[string]any{"totalSize": len(records), "done": true, "records": records})
}

// setField answers a change of the field.
func (o *Org) setField(w http.ResponseWriter, r *http.Request) {
	if !o.lives(w, r) {
		return
	}
	var in map[string]*string
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || len(in) != 1 {
		Answer(w, http.StatusBadRequest, []map[string]string{{"errorCode": "JSON_PARSER_ERROR", "message": "no"}})
		return
	}
	for _, value := range in {
		if value == nil {
			value = new(string)
		}
		o.SetField(r.PathValue("id"), *value)
	}
	w.WriteHeader(http.StatusNoContent)
}
