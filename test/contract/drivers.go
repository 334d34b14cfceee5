package contract

import (
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/client/browser"
	"github.com/twinspan/twinspan/internal/client/engagement"
)

// way is how both spans are raised.
type way struct {
	name              string
	orgAuth, mceAuth  string
	org, mce          func(t *testing.T)
	needs             bool   // the deployment can do it
	orgWrong          string // code of the refusal of wrong credentials; "" where there are none to give
	mceWrong, mceUser string // likewise, and who works in Engagement then; "" for whoever the package is
}

const (
	intoOrg, intoMCE = "/api/v1/connection/org", "/api/v1/connection/engagement"
	viaPassword      = "/password"
	viaPackage       = "/web-app"
)

func (s *suite) ways() []way {
	byKey := func(t *testing.T) {
		s.calls.want(t, "POST", intoOrg, map[string]any{"system_user": s.SystemUser.Username, "auth": "jwt"}, 200, "org.auth", "jwt")
	}
	byGrant := func(t *testing.T) {
		a := s.calls.want(t, "POST", intoMCE, map[string]any{"api_user": s.APIUser.Username, "account_id": s.EID, "auth": "jwt"}, 200, "engagement.state", "")
		if page := s.visit(t, browser.New(s.http.Transport), a.text("authorize_url"), Person{}, s.APIUser); page.Status != 200 {
			t.Fatalf("the API user got %d: %s", page.Status, page.Text)
		}
	}
	return []way{
		{name: "jwt and jwt", orgAuth: "jwt", mceAuth: "jwt", org: byKey, mce: byGrant, mceUser: s.APIUser.Username, needs: true},
		{
			name: "jwt and web app", orgAuth: "jwt", mceAuth: "web_app", org: byKey, needs: s.WebPackage != "", mceWrong: "package_client_refused",
			mce: func(t *testing.T) { s.byPackage(t, s.ServerSecret.Reveal(), 200, "engagement.auth", "web_app") },
		},
		{
			name: "password and jwt", orgAuth: "password", mceAuth: "jwt", org: s.byPassword, mce: byGrant, mceUser: s.APIUser.Username, needs: s.OrgPasswords, orgWrong: "INVALID_LOGIN",
		},
		{
			name: "password and password", orgAuth: "password", mceAuth: "password", org: s.byPassword, needs: s.OrgPasswords && s.TenantPasswords, orgWrong: "INVALID_LOGIN",
			mceWrong: "credentials_refused", mceUser: s.APIUser.Username,
			mce: func(t *testing.T) {
				s.calls.want(t, "POST", intoMCE+viaPassword, map[string]any{"api_user": s.APIUser.Username, "account_id": s.EID, "password": s.APIUser.Password.Reveal()}, 200, "engagement.auth", "password")
			},
		},
	}
}

func (s *suite) byPackage(t *testing.T, secret string, status int, member, text string) {
	t.Helper()
	s.calls.want(t, "POST", intoMCE+viaPackage, map[string]any{
		"account_id": s.EID, "client_id": s.ServerPackage, "client_secret": secret, "web_client_id": s.WebPackage, "web_client_secret": s.WebSecret.Reveal(),
	}, status, member, text)
}

func (s *suite) byPassword(t *testing.T) {
	s.calls.want(t, "POST", "/api/v1/connection/settings", map[string]any{"legacy": "warn"}, 200, "legacy", "warn")
	s.calls.want(t, "POST", intoOrg+viaPassword, map[string]any{
		"system_user": s.SystemUser.Username, "password": s.SystemUser.Password.Reveal(), "security_token": s.SystemUser.SecurityToken.Reveal(),
	}, 200, "org.auth", "password")
	s.calls.want(t, "POST", "/api/v1/connection/settings", map[string]any{"legacy": "refuse"}, 200, "legacy", "refuse")
}

// drivers joins the pair by one driver after the other that the deployment can do (DESIGN 5.2), each from nothing, and walks
// over it: what works by one works by all, and what it signs in with is refused where it is wrong. The pair may be connected.
func (s *suite) drivers(t *testing.T) {
	for _, w := range s.ways() {
		if !w.needs {
			continue
		}
		if !t.Run(w.name, func(t *testing.T) { s.walk(t, w) }) {
			return
		}
	}
}

func (s *suite) walk(t *testing.T, w way) {
	s.disconnect(t)
	if w.orgWrong != "" {
		s.calls.want(t, "POST", "/api/v1/connection/settings", map[string]any{"legacy": "warn"}, 200, "legacy", "warn")
		s.calls.want(t, "POST", intoOrg+viaPassword, map[string]any{"system_user": s.SystemUser.Username, "password": "wrong-" + s.SystemUser.Password.Reveal()}, 403, "error.code", w.orgWrong)
		s.calls.want(t, "POST", "/api/v1/connection/settings", map[string]any{"legacy": "refuse"}, 200, "legacy", "refuse")
	}
	s.calls.want(t, "GET", "/api/v1/status", nil, 200, "org.state", "not_connected")
	w.org(t)
	switch w.mceAuth {
	case "web_app":
		s.byPackage(t, "wrong-"+s.ServerSecret.Reveal(), 403, "error.code", w.mceWrong)
	case "password":
		s.calls.want(t, "POST", intoMCE+viaPassword, map[string]any{"api_user": s.APIUser.Username, "password": "wrong-" + s.APIUser.Password.Reveal()}, 403, "error.code", w.mceWrong)
	}
	s.calls.want(t, "GET", "/api/v1/status", nil, 200, "engagement.state", "not_connected")
	w.mce(t)
	a := s.calls.want(t, "POST", "/api/v1/status/check", map[string]any{}, 200, "state", "connected")
	if a.text("org.auth") != w.orgAuth || a.text("engagement.auth") != w.mceAuth || w.mceUser != "" && a.text("engagement.api_user") != w.mceUser || a.text("engagement.api_user") == "" {
		t.Fatalf("joined: %v", a)
	}
	// Asked for again by nobody in particular, it stays as it is.
	s.calls.want(t, "POST", intoOrg, map[string]any{"system_user": s.SystemUser.Username}, 200, "org.auth", w.orgAuth)
	s.calls.want(t, "POST", intoMCE, map[string]any{"api_user": a.text("engagement.api_user")}, 200, "engagement.auth", w.mceAuth)

	b := s.map1(t, browser.New(s.http.Transport))
	s.visitUnasked(t, b)
	user := "/api/v1/users/" + s.Member.Username
	s.calls.want(t, "GET", user, nil, 200, "state", "mapped")
	s.sendAs(t)
	s.send(t)
	if s.retell && w.mceAuth == "password" { // how the vendor's own did it when document 000 was written
		ok(t, s.tenantAdmin(t).UpdateUser(bounded(t), engagement.UserWrite{Username: s.TenantOther.Username, RemoveRoles: []string{mayPublish}}))
		s.stories(t)
	}
	s.calls.want(t, "POST", "/api/v1/users/clear", map[string]any{"users": []string{s.Member.Username}, "reason": "begin again"}, 200, "next", "")
	s.calls.want(t, "GET", user, nil, 200, "state", "cleared")
	page, err := b.Open(bounded(t), s.tab())
	ok(t, err)
	if !strings.Contains(page.Text, "Connect to Marketing Cloud") || strings.Contains(page.Text, "Connected as ") {
		t.Errorf("cleared, the visit got %d: %s", page.Status, page.Text)
	}
	s.map1(t, b)
	s.disconnect(t)
	if a := s.calls.want(t, "GET", "/api/v1/status", nil, 200, "state", "not_connected"); a.text("org.credentials_given_at") != "" || a.text("engagement.credentials_given_at") != "" {
		t.Errorf("disconnected, credentials are kept: %v", a)
	}
}

// disconnect clears all mappings and takes both spans down.
func (s *suite) disconnect(t *testing.T) {
	t.Helper()
	for range 10 {
		a := s.calls.want(t, "POST", "/api/v1/connection/disconnect", map[string]any{"by": "contract", "reason": "by another driver"}, 200, "error.code", "")
		if done, _ := a["disconnected"].(bool); done {
			return
		}
	}
	t.Fatal("the connection cannot be taken down")
}
