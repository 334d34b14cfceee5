package api

import (
	"net/http"

	"github.com/twinspan/twinspan/connect/internal/access"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
)

// FormTokenHeader carries the token of the console's session on calls that change something: no other site's page knows it.
const FormTokenHeader = "X-Form-Token"

// ownMapping are the routes of somebody's own mapping, engagementSteps those of what is done in Engagement. All else is for
// administrators; a reader reads everything.
var (
	ownMapping      = map[string]bool{"GET /api/v1/users/{crm_username}": true}
	engagementSteps = map[string]bool{
		"GET /api/v1/status": true, "POST /api/v1/status/check": true, "GET /api/v1/business-units": true,
		"POST /api/v1/connection/engagement": true, "POST /api/v1/connection/disconnect": true, "GET /api/v1/connection/settings": true,
		"GET /api/v1/upgrade": true, "GET /api/v1/upgrade/events": true, "GET /api/v1/upgrade/plan": true, "GET /api/v1/upgrade/schedule": true,
		"GET /api/v1/upgrade/tenant-oauth": true, "POST /api/v1/upgrade/steps/{step}": true,
		// Document 003: "The Engagement admin completes steps 1-11", which begin the upgrade and migrate its users; the wizard has him
		// book and cancel, too.
		"POST /api/v1/upgrade": true, "POST /api/v1/upgrade/cancel": true, "POST /api/v1/upgrade/schedule": true, "POST /api/v1/upgrade/schedule/withdraw": true,
		"POST /api/v1/upgrade/connect-account": true, "POST /api/v1/upgrade/tenant-oauth/test": true, "GET /api/v1/upgrade/report": true,
		"GET /api/v1/upgrade/migrations": true, "POST /api/v1/upgrade/migrations": true, "POST /api/v1/upgrade/migrations/retry": true,
		"GET /api/v1/upgrade/migrations/{migration_id}": true, "GET /api/v1/upgrade/migrations/{migration_id}/users": true, "GET /api/v1/upgrade/migrations/{migration_id}/report": true,
		"POST /api/v1/upgrade/migrations/{migration_id}/prove": true, "POST /api/v1/upgrade/migrations/{migration_id}/cancel": true,
		"GET /api/v1/sends/{message_key}": true, // whether the triggered send test completed
	}
)

// roles are those that may use a route, besides administrators.
func (r Route) roles() []access.Role {
	var roles []access.Role
	name := r.Method + " " + r.Path
	if ownMapping[name] {
		roles = append(roles, access.User)
	}
	if engagementSteps[name] {
		roles = append(roles, access.Engagement)
	}
	if r.Method == http.MethodGet && !r.secret {
		roles = append(roles, access.Reader)
	}
	return roles
}

// caller finds who calls and for which connection: by a bearer token, or by the console's session where there is none. A
// session's calls that change something carry its token, so that no other site's page makes them.
func (s *Server) caller(r *http.Request) (access.Caller, link.Link, error) {
	if token, ok := oauth.Bearer(r); ok {
		who, l, err := s.Access.Authenticate(r.Context(), token)
		if fault.CodeOf(err) == access.CodeNotFound {
			err = fault.New(fault.Unauthenticated, CodeUnauthorized, "The API token is not known.")
		}
		return who, l, err
	}
	cookie, err := r.Cookie(access.CookieName(s.Secure))
	if err != nil {
		return access.Caller{}, link.Link{}, fault.New(fault.Unauthenticated, CodeUnauthorized, "Send the API token as a bearer token.")
	}
	find := s.Access.Session
	if r.Method != http.MethodGet {
		find = s.Access.Acting
	}
	session, l, err := find(r.Context(), cookie.Value)
	if err == nil && r.Method != http.MethodGet {
		err = access.CheckForm(cookie.Value, r.Header.Get(FormTokenHeader))
	}
	who := access.Caller{Role: session.Role, Actor: session.Person.Actor()}
	if session.Person.Cloud == access.ByOrg {
		who.Username = session.Person.Username
	}
	return who, l, err
}

// permit refuses a caller whose role does not reach the route, and one who asks for another's mapping than his own.
func (route Route) permit(who access.Caller, l link.Link, username string) error {
	if err := who.Role.Require(l, route.roles()...); err != nil {
		return err
	}
	if who.Role == access.User && !link.SameUsername(who.Username, username) {
		return fault.New(fault.Denied, access.CodeRoleRequired, "This reaches the mapping of %s alone.", who.Username)
	}
	return nil
}
