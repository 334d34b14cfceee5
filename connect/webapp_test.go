package connect_test

import (
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/internal/client/browser"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

const (
	tenantWebApp         = "/api/v1/connection/engagement/web-app"
	serverKey, serverPut = "canary-server-Kp9", "canary-server-Vn3"
	webKey               = "canary-web-Zt4"
)

var appUser = linktest.Person{ID: "700090", Username: "Bridge app user", Name: "Bridge app user"}

// A real tenant has no package of Connect's and makes no grants: the customer's own package does the API user's work as
// itself, and each user signs in through its web app once (DESIGN 5.2).
//
// seed:api S002-12 S002-21
func TestWebAppIntoEngagement(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorldOf(t, kind, []linktest.Person{system, ann, bob}, []linktest.Person{apiUser, annMC, bobMC, appUser})
			w.tenant.Server, w.tenant.Web, w.tenant.AppUser = linktest.Client{ID: "server-id", Secret: serverKey}, linktest.Client{ID: "web-id", Secret: webKey}, appUser.Username
			w.wantCall(t, "/api/v1/connection/org", "", map[string]any{"system_user": system.Username}, 200, "org.auth", "jwt")
			w.wantCall(t, "/api/v1/connection/settings", "", map[string]any{"engagement_auth": "perhaps"}, 400, "error.field", "engagement_auth")
			w.wantCall(t, "/api/v1/connection/settings", "", map[string]any{"engagement_auth": "web_app", "by": "olga"}, 200, "engagement_auth", "web_app")
			w.wantCall(t, "/api/v1/status", "", nil, 200, "engagement.auth", "web_app")
			w.wantCall(t, "/api/v1/connection/engagement", "", map[string]any{"api_user": ""}, 400, "error.field", "client_id")
			body := func(change map[string]any) map[string]any {
				all := map[string]any{"client_id": "server-id", "client_secret": serverKey, "web_client_id": "web-id", "web_client_secret": webKey, "account_id": linktest.EID, "by": "olga"}
				for name, value := range change {
					all[name] = value
				}
				return all
			}
			for _, c := range []struct {
				change      map[string]any
				status      int
				field, code string
			}{
				{map[string]any{"client_secret": ""}, 400, "client_secret", "credentials_required"},
				{map[string]any{"web_client_secret": ""}, 400, "web_client_secret", "credentials_required"},
				{map[string]any{"client_secret": "wrong"}, 403, "", "package_client_refused"},
				{map[string]any{"web_client_secret": "wrong"}, 403, "", "package_client_refused"},
				{map[string]any{"web_client_id": ""}, 403, "", "package_client_refused"}, // users cannot sign in through Server-to-Server
				{map[string]any{"account_id": 5}, 403, "", "invalid_request"},
				{map[string]any{"api_user": apiUser.Username}, 403, "", "wrong_user"},
			} {
				a := w.wantCall(t, tenantWebApp, "", body(c.change), c.status, "error.code", c.code)
				if linktest.Text(a, "error.field") != c.field {
					t.Errorf("%v: %v", c.change, a)
				}
			}
			w.wantCall(t, "/api/v1/status", "", nil, 200, "engagement.state", "not_connected")
			s := w.wantCall(t, tenantWebApp, "", body(nil), 200, "engagement.auth", "web_app")
			if linktest.Text(s, "engagement.api_user") != appUser.Username || linktest.Text(s, "engagement.web_client_id") != "web-id" || linktest.Text(s, "engagement.credentials_given_at") == "" {
				t.Fatalf("connected: %v", s)
			}
			w.wantCall(t, "/api/v1/connection/engagement", "", map[string]any{"api_user": ""}, 200, "engagement.auth", "web_app")
			w.wantEntries(t, "API connection.org", "API: olga connection.settings", "API: olga connection.engagement")

			// One sign-in, then none: his refresh token is spent with each use, and a month later it is there still.
			b := browser.New(nil)
			wantPage(t, w.visit(t, b, w.url+"/marketing-cloud", ann, annMC), 200, "Connected as ann.mc.")
			forms := b.Sent()
			for range 3 {
				w.advance(t, 10*24*time.Hour)
				w.wantCall(t, "/api/v1/users/"+ann.Username, "", nil, 200, "state", "mapped")
			}
			wantPage(t, w.visit(t, b, w.url+"/marketing-cloud", ann, linktest.Person{}), 200, "Connected as ann.mc.")
			if n := b.Sent() - forms; n > 1 { // the org's own sign-in, where its session has ended
				t.Errorf("%d forms a month later", n)
			}
			w.wantCall(t, "/api/v1/users?state=mapped", "", nil, 200, "next", "")
			w.wantCall(t, "/api/v1/sends/triggered", "k-1", map[string]any{"contact_id": contact, "definition_key": "welcome"}, 200, "status", "accepted")

			// Nobody is vouched for, and nothing asks for grants that there are not.
			w.tenant.Integrate(bobMC.Username, bob.Username)
			w.wantCall(t, "/api/v1/users/map", "", map[string]any{"crm_username": bob.Username, "engagement_username": bobMC.Username}, 409, "error.code", "tenant_oauth_required")

			// A new secret: the span breaks by name, and the secret alone mends it.
			w.tenant.SetPackage(linktest.Client{ID: "server-id", Secret: serverPut}, w.tenant.Web)
			if state, cause := w.use(t, "engagement"); state != "broken" || cause != "package_client_refused" {
				t.Errorf("by a secret that was changed the span is %s by %s", state, cause)
			}
			w.wantCall(t, tenantWebApp, "", map[string]any{"client_secret": serverPut}, 200, "engagement.state", "connected")
			w.wantCall(t, "/api/v1/users/"+ann.Username, "", nil, 200, "state", "mapped")

			// Another web app can do nothing with his token: he is asked once, and is not told of a login that was denied.
			w.tenant.SetPackage(w.tenant.Server, linktest.Client{ID: "web-2", Secret: webKey})
			w.wantCall(t, tenantWebApp, "", map[string]any{"web_client_id": "web-2", "web_client_secret": webKey}, 200, "engagement.web_client_id", "web-2")
			w.wantCall(t, "/api/v1/users/"+ann.Username, "", nil, 200, "cause.code", "sign_in_required")
			wantPage(t, w.visit(t, b, w.url+"/marketing-cloud", ann, annMC), 200, "Connected as ann.mc.")
			w.wantCall(t, "/api/v1/users/"+ann.Username, "", nil, 200, "state", "mapped")

			// His password changed: Engagement refuses the token, and that is the third case of document 000.
			w.advance(t, time.Hour)
			w.tenant.SetPassword(annMC.Username, annMC.Password)
			w.wantCall(t, "/api/v1/users/"+ann.Username, "", nil, 200, "cause.code", "login_denied")
			w.wantCall(t, "/api/v1/users/clear", "", map[string]any{"users": []string{ann.Username}, "reason": "why not"}, 200, "next", "")
			wantPage(t, w.visit(t, b, w.url+"/marketing-cloud", ann, annMC), 200, "Connected as ann.mc.")

			if n := w.tenant.Calls("GET /v2/grants") + w.tenant.Calls("POST /v2/grants") + w.tenant.Calls("DELETE /v2/grants/"+annMC.Username); n != 0 {
				t.Errorf("%d calls for grants, which no real tenant has", n)
			}
			// By key again: what was kept for the package goes.
			w.tenant.Grant(apiUser.Username, true)
			w.wantCall(t, "/api/v1/connection/engagement", "", map[string]any{"api_user": apiUser.Username, "auth": "jwt"}, 200, "engagement.auth", "jwt")
			w.wantCall(t, tenantWebApp, "", map[string]any{"client_id": "server-id"}, 400, "error.field", "client_secret")
			w.noSecrets(t, serverKey, serverPut, webKey)
		})
	}
}
