package fake

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// App is a connected app of the org.
type App struct {
	ConsumerKey string
	FullName    string // as the Metadata API names it
	Certificate string // PEM; "" for none
	Redirect    string
	Approved    []string // user names, of an admin-approved app
}

// Org is an org with a version 220 of the managed package.
type Org struct {
	URL  string
	Apps []App

	door
	id       string
	key      *rsa.PrivateKey
	people   map[string]Person
	records  map[string][]record // by object
	policies map[string][]string // ipRelaxation, refreshTokenPolicy by app
	locators map[string]map[string]any
	data     sync.Mutex
	made     int
}

// tokenField is Marketing Cloud OAuth Token of a user (connect-facts 1.7).
const tokenField = "et4ae5__ExactTarget_OAuth_Token__c"

// NewOrg makes an org at the URL. The first of the people is its administrator.
func NewOrg(url string, apps []App, people ...Person) (*Org, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	o := &Org{
		URL: url, Apps: apps, door: newDoor(), id: salesforceID("00D", 0xF00D), key: key, people: map[string]Person{}, records: map[string][]record{},
		policies: map[string][]string{}, locators: map[string]map[string]any{},
	}
	for n, p := range people {
		o.people[strings.ToLower(p.Username)] = p
		profile := "Standard User"
		if n == 0 {
			profile = "System Administrator"
		}
		o.records["User"] = append(o.records["User"], record{
			"Id": salesforceID("005", n+0xABC), "Username": p.Username, "Name": "Person " + strconv.Itoa(n), "FirstName": "Person", "LastName": strconv.Itoa(n),
			"Email": p.Username, "IsActive": true, tokenField: nil, "Profile": record{"Name": profile},
		})
	}
	o.records["InstalledSubscriberPackage"] = []record{{
		"Id": salesforceID("0A3", 1), "SubscriberPackageId": salesforceID("033", 1), "SubscriberPackage": record{"Name": "Marketing Cloud", "NamespacePrefix": "et4ae5"},
		"SubscriberPackageVersion": record{"Id": salesforceID("04t", 1), "Name": "Any", "MajorVersion": 219, "MinorVersion": 0},
	}}
	for _, a := range apps {
		o.policies[a.FullName] = []string{"ENFORCE", "infinite"}
	}
	return o, nil
}

// Handler serves the org.
func (o *Org) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /services/oauth2/token", o.token)
	mux.HandleFunc("POST /services/oauth2/revoke", func(_ http.ResponseWriter, r *http.Request) { o.end(r.PostFormValue("token")) })
	mux.HandleFunc("/services/oauth2/authorize", func(w http.ResponseWriter, r *http.Request) {
		o.authorize(w, r, func(name, password string) bool {
			p, ok := o.people[strings.ToLower(name)]
			return ok && p.Password == password
		}, o.allowed)
	})
	mux.HandleFunc("GET /services/oauth2/userinfo", o.userinfo)
	mux.HandleFunc("GET /id/keys", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &o.key.PublicKey, KeyID: "2091", Algorithm: "RS256", Use: "sig"}}})
	})
	mux.HandleFunc("POST /services/Soap/u/{version}", o.partner)
	mux.HandleFunc("POST /services/Soap/m/{version}", o.metadata)
	mux.HandleFunc("GET /services/data/{version}/query", o.query)
	mux.HandleFunc("GET /services/data/{version}/tooling/query", o.query)
	mux.HandleFunc("GET /services/data/{version}/query/{locator}", o.more)
	mux.HandleFunc("POST /services/data/{version}/sobjects/{object}", o.create)
	mux.HandleFunc("/services/data/{version}/sobjects/{object}/{id}", o.one)
	return mux
}

func (o *Org) allowed(client, redirect string) bool {
	return slices.ContainsFunc(o.Apps, func(a App) bool { return a.ConsumerKey == client && sameRedirect(a.Redirect, redirect) })
}

// sameRedirect compares redirect URIs; one of a loopback host may have any port (RFC 8252 section 7.3).
func sameRedirect(registered, given string) bool {
	a, err1 := url.Parse(registered)
	b, err2 := url.Parse(given)
	if err1 != nil || err2 != nil {
		return false
	}
	if a.Hostname() == "localhost" {
		return a.Scheme == b.Scheme && a.Path == b.Path && (b.Hostname() == "localhost" || b.Hostname() == "127.0.0.1")
	}
	return registered == given
}

func (o *Org) user(name string) record {
	o.data.Lock()
	defer o.data.Unlock()
	for _, r := range o.records["User"] {
		if strings.EqualFold(r["Username"].(string), name) {
			return r
		}
	}
	return nil
}

// token is the token endpoint (crm-wire 1.3 to 1.6).
func (o *Org) token(w http.ResponseWriter, r *http.Request) {
	refuse := func(code, text string) {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error_description": text, "error": code})
	}
	var v visit
	switch r.PostFormValue("grant_type") {
	case "urn:ietf:params:oauth:grant-type:jwt-bearer":
		c, ok := unverified(r.PostFormValue("assertion"))
		at := slices.IndexFunc(o.Apps, func(a App) bool { return a.ConsumerKey == c.Issuer })
		switch {
		case !ok:
			refuse("invalid_grant", "invalid assertion")
			return
		case at < 0:
			refuse("invalid_client_id", "client identifier invalid")
			return
		case !signed(r.PostFormValue("assertion"), o.Apps[at].Certificate):
			refuse("invalid_grant", "invalid assertion")
			return
		case c.Audience != o.URL:
			refuse("invalid_grant", "audience is invalid")
			return
		case c.Expires < now().Unix():
			refuse("invalid_grant", "expired authorization code")
			return
		case !slices.ContainsFunc(o.Apps[at].Approved, func(name string) bool { return strings.EqualFold(name, c.Subject) }):
			refuse("invalid_app_access", "user is not admin approved to access this app")
			return
		}
		v = visit{user: c.Subject, client: c.Issuer, scope: "api web refresh_token"}
	case "authorization_code":
		var ok bool
		if v, ok = o.spend(r.PostFormValue("code"), r.PostFormValue("client_id"), r.PostFormValue("redirect_uri"), r.PostFormValue("code_verifier")); !ok {
			refuse("invalid_grant", "invalid authorization code")
			return
		}
	default:
		refuse("unsupported_grant_type", "grant type not supported")
		return
	}
	answer := map[string]string{
		"token_type": "bearer", "signature": "c2lnbmF0dXJl", "sfdc_community_url": "", "instance_url": o.URL, "id": o.identity(v.user), "scope": v.scope,
		"issued_at": strconv.FormatInt(now().UnixMilli(), 10), "access_token": o.issue(v),
	}
	if slices.Contains(strings.Fields(v.scope), "openid") {
		id, err := o.idToken(v)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		answer["id_token"] = id
	}
	writeJSON(w, http.StatusOK, answer)
}

func (o *Org) identity(user string) string {
	return o.URL + "/id/" + o.id + "/" + o.user(user)["Id"].(string)
}

func (o *Org) idToken(v visit) (string, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: o.key, KeyID: "2091"}}, nil)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(map[string]any{
		"aud": []string{v.client}, "exp": now().Add(2 * time.Minute).Unix(), "iat": now().Unix(), "iss": o.URL, "nonce": v.nonce, "sub": o.identity(v.user), "at_hash": "unread",
	})
	if err != nil {
		return "", err
	}
	sig, err := signer.Sign(text)
	if err != nil {
		return "", err
	}
	return sig.CompactSerialize()
}

func (o *Org) userinfo(w http.ResponseWriter, r *http.Request) {
	v, _, ok := o.bearer(r)
	if !ok {
		http.Error(w, "Bad_OAuth_Token", http.StatusForbidden)
		return
	}
	u := o.user(v.user)
	writeJSON(w, http.StatusOK, map[string]any{
		"user_id": u["Id"], "organization_id": o.id, "preferred_username": u["Username"], "nickname": "n", "name": u["Name"], "email": u["Email"],
		"sub": o.identity(v.user), "active": true, "zoneinfo": "Asia/Kathmandu", "urls": map[string]string{"rest": o.URL + "/services/data/v{version}/"}, "updated_at": "2026-01-01T00:00:00Z",
	})
}

// partner is the partner API's login and logout (crm-wire 2).
func (o *Org) partner(w http.ResponseWriter, r *http.Request) {
	header, op, ok := envelope(r)
	if !ok {
		soapFault(w, "UNKNOWN_EXCEPTION", "no envelope")
		return
	}
	switch op.XMLName.Local {
	case "login":
		p, known := o.people[strings.ToLower(op.text("username"))]
		if !known || op.text("password") != p.Password+p.SecurityToken {
			o.fault(w, "INVALID_LOGIN", "Invalid username, password, security token; or user locked out.")
			return
		}
		writeSOAP(w, http.StatusOK, fmt.Sprintf(`<p:loginResponse xmlns:p="urn:partner.soap.sforce.com"><p:result><p:metadataServerUrl>%[1]s/services/Soap/m/62.0/x</p:metadataServerUrl>`+
			`<p:passwordExpired>false</p:passwordExpired><p:sandbox>false</p:sandbox><p:serverUrl>%[1]s/services/Soap/u/62.0/x</p:serverUrl><p:sessionId>%[2]s</p:sessionId><p:userId>%[3]s</p:userId>`+
			`<p:userInfo><p:organizationId>%[4]s</p:organizationId><p:userName>%[5]s</p:userName></p:userInfo></p:result></p:loginResponse>`,
			o.URL, o.issue(visit{user: p.Username}), o.user(p.Username)["Id"], o.id, xmlText(p.Username)))
	case "logout":
		session := header.text("SessionHeader", "sessionId")
		if _, live := o.live(session); !live {
			o.fault(w, "INVALID_SESSION_ID", "Invalid Session ID found in SessionHeader: Illegal Session")
			return
		}
		o.end(session)
		writeSOAP(w, http.StatusOK, `<p:logoutResponse xmlns:p="urn:partner.soap.sforce.com"/>`)
	default:
		soapFault(w, "INVALID_TYPE", "no such operation")
	}
}

// fault is a fault of the partner API, whose text begins with its code, and whose detail says both apart (crm-wire 2.4).
func (o *Org) fault(w http.ResponseWriter, code, text string) {
	writeSOAP(w, http.StatusInternalServerError, "<S:Fault><faultcode>f:"+code+"</faultcode><faultstring>"+code+": "+xmlText(text)+"</faultstring><detail><f:ApiFault xmlns:f=\"urn:fault.partner.soap.sforce.com\">"+
		"<f:exceptionCode>"+code+"</f:exceptionCode><f:exceptionMessage>"+xmlText(text)+"</f:exceptionMessage></f:ApiFault></detail></S:Fault>")
}

// metadata reads and updates connected apps (crm-wire 5.4).
func (o *Org) metadata(w http.ResponseWriter, r *http.Request) {
	header, op, ok := envelope(r)
	if !ok {
		soapFault(w, "UNKNOWN_EXCEPTION", "no envelope")
		return
	}
	if _, live := o.live(header.text("SessionHeader", "sessionId")); !live {
		soapFault(w, "INVALID_SESSION_ID", "INVALID_SESSION_ID: Invalid Session ID found in SessionHeader")
		return
	}
	o.data.Lock()
	defer o.data.Unlock()
	const space = `xmlns:m="http://soap.sforce.com/2006/04/metadata"`
	switch op.XMLName.Local {
	case "readMetadata":
		var b strings.Builder
		b.WriteString("<m:readMetadataResponse " + space + "><m:result>")
		for _, name := range op.texts("fullNames") {
			at := slices.IndexFunc(o.Apps, func(a App) bool { return a.FullName == name })
			if at < 0 {
				b.WriteString(`<m:records i:nil="true"/>`)
				continue
			}
			b.WriteString(`<m:records i:type="m:ConnectedApp"><m:fullName>` + xmlText(name) + `</m:fullName><m:contactEmail>a@b.example</m:contactEmail><m:label>Any</m:label>` +
				`<m:oauthConfig><m:callbackUrl>` + xmlText(o.Apps[at].Redirect) + `</m:callbackUrl><m:consumerKey>` + xmlText(o.Apps[at].ConsumerKey) + `</m:consumerKey>` +
				`<m:isAdminApproved>` + strconv.FormatBool(o.Apps[at].Approved != nil) + `</m:isAdminApproved><m:scopes>Api</m:scopes></m:oauthConfig>` +
				`<m:oauthPolicy><m:ipRelaxation>` + o.policies[name][0] + `</m:ipRelaxation><m:refreshTokenPolicy>` + o.policies[name][1] + `</m:refreshTokenPolicy></m:oauthPolicy>` +
				`<m:permissionSetName>Any_Set</m:permissionSetName></m:records>`)
		}
		writeSOAP(w, http.StatusOK, b.String()+"</m:result></m:readMetadataResponse>")
	case "updateMetadata":
		name, ip := op.text("metadata", "fullName"), op.text("metadata", "oauthPolicy", "ipRelaxation")
		result := "<m:fullName>" + xmlText(name) + "</m:fullName><m:success>true</m:success>"
		if slices.Contains([]string{"ENFORCE", "BYPASS", "BYPASS_2FACTOR", "ENFORCE_RELAXREFRESH"}, ip) {
			o.policies[name] = []string{ip, op.text("metadata", "oauthPolicy", "refreshTokenPolicy")}
		} else {
			result = "<m:errors><m:message>bad value for restricted picklist field</m:message><m:statusCode>INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST</m:statusCode></m:errors><m:success>false</m:success>"
		}
		writeSOAP(w, http.StatusOK, "<m:updateMetadataResponse "+space+"><m:result>"+result+"</m:result></m:updateMetadataResponse>")
	default:
		soapFault(w, "INVALID_TYPE", "no such operation")
	}
}
