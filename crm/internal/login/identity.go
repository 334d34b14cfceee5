package login

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/web"
)

// Errors of userinfo and the identity URL are plain texts with status 403 (crm-wire 1.7, 0.8); jsforce fetches a new
// token when it reads Bad_OAuth_Token.
const (
	textMissingToken = "Missing_OAuth_Token"
	textBadToken     = "Bad_OAuth_Token"
	textWrongOrg     = "Wrong_Org"
	textBadID        = "Bad_Id"
)

var htmlType = []string{"text/html; charset=UTF-8"}

func identityError(w http.ResponseWriter, text string) {
	writeBody(w, http.StatusForbidden, htmlType, []byte(text))
}

// bearer finds the access token of an identity request: in the header, or in the parameter that the client's library
// uses. Two that differ are none.
func bearer(r *http.Request, form url.Values) (string, error) {
	token, _ := oauth.Bearer(r, "OAuth")
	for _, name := range []string{"oauth_token", "access_token"} {
		given := form.Get(name)
		if given == "" {
			continue
		}
		if token != "" && token != given {
			return "", errors.New("two tokens")
		}
		token = given
	}
	return token, nil
}

// identitySession authenticates an identity request; ok is false where it has been answered.
func (s *Server) identitySession(w http.ResponseWriter, r *http.Request) (org.Session, org.User, url.Values, bool) {
	form, err := web.Query(r)
	if err == nil && r.Method == http.MethodPost && r.ContentLength != 0 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		var body url.Values
		if body, err = web.ReadForm(w, r, maxSmallBody); err == nil {
			for name, values := range body {
				form[name] = values
			}
		}
	}
	if err != nil {
		http.Error(w, "Bad Request", fault.KindOf(err).HTTPStatus())
		return org.Session{}, org.User{}, nil, false
	}
	token, err := bearer(r, form)
	if err != nil {
		http.Error(w, "Bad Request", http.StatusBadRequest)
		return org.Session{}, org.User{}, nil, false
	}
	if token == "" {
		identityError(w, textMissingToken)
		return org.Session{}, org.User{}, nil, false
	}
	session, user, err := s.sessions.Use(r.Context(), token, originOf(r))
	switch {
	case fault.CodeOf(err) == org.CodeInvalidSession:
		identityError(w, textBadToken)
	case err != nil:
		s.tokenError(w, r, err)
	}
	return session, user, form, err == nil
}

// serviceURLs are the urls of userinfo and the identity URL; {version} stays literal unless the caller names one.
type serviceURLs struct {
	Enterprise   string `json:"enterprise"`
	Metadata     string `json:"metadata"`
	Partner      string `json:"partner"`
	REST         string `json:"rest"`
	SObjects     string `json:"sobjects"`
	Search       string `json:"search"`
	Query        string `json:"query"`
	Recent       string `json:"recent"`
	ToolingSOAP  string `json:"tooling_soap"`
	ToolingREST  string `json:"tooling_rest"`
	Profile      string `json:"profile"`
	Feeds        string `json:"feeds"`
	Groups       string `json:"groups"`
	Users        string `json:"users"`
	FeedItems    string `json:"feed_items"`
	FeedElements string `json:"feed_elements"`
	CustomDomain string `json:"custom_domain"`
}

func (s *Server) urls(o org.Org, u org.User, version string) serviceURLs {
	soap := func(api string) string {
		return s.base + "/services/Soap/" + api + "/" + version + "/" + u.Org.Short()
	}
	rest := s.base + "/services/data/v" + version + "/"
	return serviceURLs{
		Enterprise: soap("c"), Metadata: soap("m"), Partner: soap("u"), REST: rest, SObjects: rest + "sobjects/", Search: rest + "search/",
		Query: rest + "query/", Recent: rest + "recent/", ToolingSOAP: soap("T"), ToolingREST: rest + "tooling/", Profile: s.base + "/" + string(u.ID),
		Feeds: rest + "chatter/feeds", Groups: rest + "chatter/groups", Users: rest + "chatter/users", FeedItems: rest + "chatter/feed-items",
		FeedElements: rest + "chatter/feed-elements", CustomDomain: s.customDomain(o),
	}
}

type photos struct {
	Picture   string `json:"picture"`
	Thumbnail string `json:"thumbnail"`
}

func (s *Server) photos() photos {
	return photos{Picture: s.base + "/profilephoto/005/F", Thumbnail: s.base + "/profilephoto/005/T"}
}

// utcOffset is the user's time zone's standard offset from UTC in milliseconds.
func utcOffset(zone string) int {
	at, err := time.LoadLocation(zone)
	if err != nil {
		return 0
	}
	// Of the two halves of a year one is standard time, which is behind the other.
	_, january := time.Date(2026, 1, 1, 0, 0, 0, 0, at).Zone()
	_, july := time.Date(2026, 7, 1, 0, 0, 0, 0, at).Zone()
	return min(january, july) * 1000
}

type oidcAddress struct {
	Street   string `json:"street_address,omitempty"`
	Locality string `json:"locality,omitempty"`
	Region   string `json:"region,omitempty"`
	Postal   string `json:"postal_code,omitempty"`
	Country  string `json:"country,omitempty"`
}

// userinfo is the answer of the userinfo endpoint (crm-wire 1.7). What a scope opens is a pointer, absent without it.
type userinfo struct {
	Sub            string `json:"sub"`
	UserID         org.ID `json:"user_id"`
	OrganizationID org.ID `json:"organization_id"`
	*userinfoProfile
	*userinfoEmail
	Address *oidcAddress `json:"address,omitempty"`
	Phone   string       `json:"phone_number,omitempty"`
}

type userinfoEmail struct {
	Email         string `json:"email"`
	EmailVerified bool   `json:"email_verified"`
}

type userinfoProfile struct {
	PreferredUsername string      `json:"preferred_username"`
	Nickname          string      `json:"nickname"`
	Name              string      `json:"name"`
	GivenName         string      `json:"given_name,omitempty"`
	FamilyName        string      `json:"family_name"`
	ZoneInfo          string      `json:"zoneinfo"`
	Photos            photos      `json:"photos"`
	Profile           string      `json:"profile"`
	Picture           string      `json:"picture"`
	Integration       bool        `json:"is_salesforce_integration_user"`
	URLs              serviceURLs `json:"urls"`
	Active            bool        `json:"active"`
	UserType          string      `json:"user_type"`
	Language          string      `json:"language"`
	Locale            string      `json:"locale"`
	UTCOffset         int         `json:"utcOffset"`
	UpdatedAt         string      `json:"updated_at"`
	AppInstalled      bool        `json:"is_app_installed"`
}

// reachOf decides what of a user a session's scopes reach; api, full and web reach everything, since with them the user can
// be read anyway, and id is profile, email, address and phone together (crm-wire 1.14).
func reachOf(session org.Session) func(scope string) bool {
	return func(scope string) bool {
		return hasAny(session.Scopes, scope, org.ScopeID, org.ScopeAPI, org.ScopeFull, org.ScopeWeb)
	}
}

// serveUserinfo tells who the session's user is, as far as its scopes reach.
func (s *Server) serveUserinfo(w http.ResponseWriter, r *http.Request) {
	session, u, _, ok := s.identitySession(w, r)
	if !ok {
		return
	}
	reach := reachOf(session)
	info := userinfo{Sub: s.idURL(u.Org, u.ID), UserID: u.ID, OrganizationID: u.Org}
	if reach(org.ScopeProfile) {
		o, err := s.known.OrgByID(r.Context(), u.Org)
		if err != nil {
			s.tokenError(w, r, err)
			return
		}
		p := s.photos()
		info.userinfoProfile = &userinfoProfile{
			PreferredUsername: u.Username, Nickname: u.Nickname, Name: u.Name, GivenName: u.FirstName, FamilyName: u.LastName, ZoneInfo: u.TimeZone,
			Photos: p, Profile: s.base + "/" + string(u.ID), Picture: p.Picture, Integration: u.License == org.IntegrationLicense, URLs: s.urls(o, u, "{version}"), Active: u.Active,
			UserType: strings.ToUpper(u.UserType), Language: u.Language, Locale: u.Locale, UTCOffset: utcOffset(u.TimeZone),
			UpdatedAt: u.LastModifiedDate.UTC().Format("2006-01-02T15:04:05Z"), AppInstalled: true,
		}
	}
	if reach(org.ScopeEmail) {
		info.userinfoEmail = &userinfoEmail{Email: u.Email, EmailVerified: u.EmailVerified}
	}
	if reach(org.ScopeAddress) {
		info.Address = &oidcAddress{Street: u.Street, Locality: u.City, Region: u.State, Postal: u.PostalCode, Country: u.Country}
	}
	if reach(org.ScopePhone) {
		info.Phone = u.Phone
	}
	writeJSON(w, http.StatusOK, info)
}

// identity is the answer of the identity URL (crm-wire 1.8). What a scope opens is a pointer, absent without it.
type identity struct {
	ID             string `json:"id"`
	Asserted       bool   `json:"asserted_user"`
	UserID         org.ID `json:"user_id"`
	OrganizationID org.ID `json:"organization_id"`
	*identityProfile
	*userinfoEmail
	*identityAddress
	*identityPhone
}

type identityProfile struct {
	Username       string         `json:"username"`
	NickName       string         `json:"nick_name"`
	DisplayName    string         `json:"display_name"`
	FirstName      *string        `json:"first_name"`
	LastName       string         `json:"last_name"`
	TimeZone       string         `json:"timezone"`
	Photos         photos         `json:"photos"`
	LightningLogin bool           `json:"is_lightning_login_user"`
	Status         identityStatus `json:"status"`
	URLs           serviceURLs    `json:"urls"`
	Active         bool           `json:"active"`
	UserType       string         `json:"user_type"`
	Language       string         `json:"language"`
	Locale         string         `json:"locale"`
	UTCOffset      int            `json:"utcOffset"`
	LastModified   string         `json:"last_modified_date"`
	AppInstalled   bool           `json:"is_app_installed"`
}

type identityAddress struct {
	Street  *string `json:"addr_street"`
	City    *string `json:"addr_city"`
	State   *string `json:"addr_state"`
	Country *string `json:"addr_country"`
	Zip     *string `json:"addr_zip"`
}

type identityPhone struct {
	MobilePhone    *string `json:"mobile_phone"`
	MobileVerified bool    `json:"mobile_phone_verified"`
}

type identityStatus struct {
	Created *string `json:"created_date"`
	Body    *string `json:"body"`
}

// serveIdentity is the identity URL: who the user in the path is, to himself as far as the session's scopes reach, and with
// api or full and API access to others of his org.
func (s *Server) serveIdentity(w http.ResponseWriter, r *http.Request) {
	session, u, form, ok := s.identitySession(w, r)
	if !ok {
		return
	}
	orgID, err := org.ParseID(r.PathValue("org"))
	if err != nil || orgID.Prefix() != org.PrefixOrganization {
		identityError(w, textBadID)
		return
	}
	if orgID != session.Org {
		identityError(w, textWrongOrg)
		return
	}
	who, err := org.ParseID(r.PathValue("user"))
	if err != nil || who.Prefix() != org.PrefixUser {
		identityError(w, textBadID)
		return
	}
	if who != u.ID {
		if !session.HasScope(org.ScopeAPI, org.ScopeFull) || !session.Permissions[org.PermAPIEnabled] {
			identityError(w, textBadID)
			return
		}
		if u, err = s.known.UserByID(r.Context(), session.Org, who); err != nil {
			if fault.KindOf(err) == fault.NotFound {
				identityError(w, textBadID)
			} else {
				s.tokenError(w, r, err)
			}
			return
		}
	}
	o, err := s.known.OrgByID(r.Context(), u.Org)
	if err != nil {
		s.tokenError(w, r, err)
		return
	}
	version := "{version}"
	switch v := form.Get("version"); {
	case v == "latest":
		version = strconv.Itoa(org.LastAPIVersion) + ".0"
	case parseVersion(v) > 0:
		version = v
	}
	reach := reachOf(session)
	answer := identity{ID: s.idURL(u.Org, u.ID), Asserted: true, UserID: u.ID, OrganizationID: u.Org}
	if reach(org.ScopeProfile) {
		answer.identityProfile = &identityProfile{
			Username: u.Username, NickName: u.Nickname, DisplayName: u.Name, FirstName: orNil(u.FirstName), LastName: u.LastName, TimeZone: u.TimeZone,
			Photos: s.photos(), URLs: s.urls(o, u, version), Active: u.Active, UserType: strings.ToUpper(u.UserType), Language: u.Language, Locale: u.Locale,
			UTCOffset: utcOffset(u.TimeZone), LastModified: u.LastModifiedDate.UTC().Format("2006-01-02T15:04:05Z"), AppInstalled: true,
		}
	}
	if reach(org.ScopeEmail) {
		answer.userinfoEmail = &userinfoEmail{Email: u.Email, EmailVerified: u.EmailVerified}
	}
	if reach(org.ScopeAddress) {
		answer.identityAddress = &identityAddress{Street: orNil(u.Street), City: orNil(u.City), State: orNil(u.State), Country: orNil(u.Country), Zip: orNil(u.PostalCode)}
	}
	if reach(org.ScopePhone) {
		answer.identityPhone = &identityPhone{}
	}
	writeJSON(w, http.StatusOK, answer)
}

func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// parseVersion reads an API version, "50.0" as 50; 0 for anything else.
func parseVersion(s string) int {
	whole, rest, _ := strings.Cut(s, ".")
	if rest != "0" || len(whole) != 2 || whole[0] < '1' || whole[0] > '9' || whole[1] < '0' || whole[1] > '9' {
		return 0
	}
	return int(whole[0]-'0')*10 + int(whole[1]-'0')
}
