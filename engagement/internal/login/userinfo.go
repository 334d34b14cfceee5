package login

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // userinfo names offsets of IANA zones wherever the program runs

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
)

// userinfoAnswer is the documented shape (engagement-wire 2.3); CumulusCI reads rest, application, permissions and
// organization.stack_key.
type userinfoAnswer struct {
	Expires      int64                `json:"exp"`
	Issuer       string               `json:"iss"`
	User         userinfoUser         `json:"user"`
	Organization userinfoOrganization `json:"organization"`
	REST         userinfoREST         `json:"rest"`
	Application  userinfoApplication  `json:"application"`
	Permissions  []userinfoPermission `json:"permissions"`
}

type userinfoUser struct {
	Subject   string   `json:"sub"`
	Name      string   `json:"name"`
	Preferred string   `json:"preferred_username"`
	Email     string   `json:"email"`
	Locale    string   `json:"locale"`
	Zone      string   `json:"zoneinfo"`
	TimeZone  timezone `json:"timezone"`
}

type userinfoOrganization struct {
	MemberID       int64    `json:"member_id"`
	EnterpriseID   int64    `json:"enterprise_id"`
	EnterpriseName string   `json:"enterprise_name"`
	AccountType    string   `json:"account_type"`
	StackKey       string   `json:"stack_key"`
	Region         string   `json:"region"`
	Locale         string   `json:"locale"`
	Zone           string   `json:"zoneinfo"`
	TimeZone       timezone `json:"timezone"`
}

type userinfoREST struct {
	REST string `json:"rest_instance_url"`
	SOAP string `json:"soap_instance_url"`
}

type userinfoApplication struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Redirect []string `json:"redirectUrl"`
	Scopes   []string `json:"appScopes"`
}

type userinfoPermission struct {
	Object    string `json:"objectTypeName"`
	Operation string `json:"operationName"`
	Name      string `json:"name"`
	ID        int    `json:"id"`
}

type timezone struct {
	Long   string  `json:"longName"`
	Short  string  `json:"shortName"`
	Offset float64 `json:"offset"` // hours, standard time
	DST    bool    `json:"dst"`
}

// The stack and region of every tenant here: clients look for the keys and branch on nothing in them.
const (
	stackKey   = "S1"
	regionName = "NA1"
	orgLocale  = "en-US"
	orgZone    = "America/Chicago"
)

// userinfo answers GET /v2/userinfo. It needs no permission; with view=oidc the subject is a URI.
func (s *Server) userinfo(w http.ResponseWriter, r *http.Request) {
	p, err := s.bearer(r)
	if err != nil {
		s.restFault(w, r, err)
		return
	}
	ctx := r.Context()
	user, err := s.o.Registry.User(ctx, p.Tenant, p.UserID)
	if err != nil {
		s.restFault(w, r, err)
		return
	}
	t, err := s.o.Registry.Tenant(ctx, p.Tenant)
	if err != nil {
		s.restFault(w, r, err)
		return
	}
	pkg, err := s.o.Registry.Package(ctx, p.ClientID)
	if err != nil {
		s.restFault(w, r, err)
		return
	}
	info := userinfoAnswer{
		Expires: p.Expires.Unix(), Issuer: s.o.BaseURL,
		User: userinfoUser{
			Subject: strconv.FormatInt(user.ID, 10), Name: user.Name, Preferred: user.Username, Email: user.Email,
			Locale: user.Locale, Zone: user.TimeZone, TimeZone: zone(user.TimeZone),
		},
		Organization: userinfoOrganization{
			MemberID: int64(p.MID), EnterpriseID: int64(t.EID), EnterpriseName: t.Name,
			AccountType: accountTypes[t.Type], StackKey: stackKey, Region: regionName, Locale: orgLocale, Zone: orgZone, TimeZone: zone(orgZone),
		},
		REST:        userinfoREST{REST: s.o.BaseURL + "/", SOAP: s.o.BaseURL + "/"},
		Application: userinfoApplication{ID: pkg.ApplicationID, Name: pkg.Name, Redirect: noNil(pkg.RedirectURIs), Scopes: noNil(pkg.Scopes)},
		Permissions: []userinfoPermission{},
	}
	if r.URL.Query().Get("view") == "oidc" {
		info.User.Subject = s.o.BaseURL + "/uid/" + info.User.Subject
	}
	for _, name := range p.Permissions {
		one := tenant.PermissionByName(name)
		info.Permissions = append(info.Permissions, userinfoPermission{Object: one.Object, Operation: one.Operation, Name: one.Operation, ID: one.ID})
	}
	s.writeJSON(w, r, http.StatusOK, info)
}

// accountTypes are userinfo's words for the editions; the sample has "enterprise".
var accountTypes = map[tenant.AccountType]string{tenant.Enterprise2: "enterprise", tenant.Core: "core", tenant.LockPublish: "lock_publish"}

// bearer finds the principal of the request's access token.
func (s *Server) bearer(r *http.Request) (tenant.Principal, error) {
	token, ok := oauth.Bearer(r)
	if !ok {
		return tenant.Principal{}, fault.New(fault.Unauthenticated, tenant.CodeInvalidToken, "There is no access token in the Authorization header.")
	}
	return s.o.Auth.Token(r.Context(), token)
}

// zone describes an IANA zone by its standard time, as the tenant's time zones do.
func zone(name string) timezone {
	loc, err := time.LoadLocation(name)
	if err != nil {
		loc, name = time.UTC, "UTC"
	}
	_, winter := time.Date(2024, time.January, 1, 12, 0, 0, 0, loc).Zone()
	_, summer := time.Date(2024, time.July, 1, 12, 0, 0, 0, loc).Zone()
	standard := min(winter, summer)
	sign, minutes := "+", standard/60
	if minutes < 0 {
		sign, minutes = "-", -minutes
	}
	z := timezone{
		Offset: float64(standard) / 3600, DST: winter != summer, Short: "GMT" + sign + strconv.Itoa(minutes/60),
		Long: fmt.Sprintf("(GMT%s%02d:%02d) %s", sign, minutes/60, minutes%60, strings.ReplaceAll(name, "_", " ")),
	}
	if z.DST {
		z.Long += " *"
	}
	return z
}

func noNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
