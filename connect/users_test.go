package connect_test

import (
	"net/http"
	"testing"

	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/internal/client/browser"
)

// wantUsers checks names and states of a page of users, in order.
func (w *world) wantUsers(t *testing.T, query string, want ...string) map[string]any {
	t.Helper()
	status, answer := w.call(t, "/api/v1/users"+query, "", nil)
	users, _ := answer["users"].([]any)
	if status != 200 || len(users)*2 != len(want) {
		t.Fatalf("users%s: %d %v, want %v", query, status, answer, want)
	}
	for i, u := range users {
		u := u.(map[string]any)
		if u["crm_username"] != want[2*i] || u["state"] != want[2*i+1] {
			t.Fatalf("users%s: %v, want %v", query, users, want)
		}
	}
	return answer
}

// mapUser maps a user as he would himself.
func (w *world) mapUser(t *testing.T, org, tenant linktest.Person) {
	t.Helper()
	wantPage(t, w.visit(t, browser.New(nil), w.url+"/marketing-cloud", org, tenant), 200, "Connected as "+tenant.Username+".")
}

// TestUserStates: the API tells each state, in pages.
//
// seed:api S000-13 S000-14 S000-22
func TestUserStates(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.connectBoth(t)
		w.wantUsers(t, "")
		w.mapUser(t, ann, annMC)
		w.mapUser(t, bob, bobMC)
		w.wantUsers(t, "", ann.Username, "mapped", bob.Username, "mapped")
		w.wantCall(t, "/api/v1/users/"+ann.Username, "", nil, 200, "state", "mapped")

		w.tenant.ChangeRoles(annMC.Username)
		w.wantUsers(t, "?state=stale", ann.Username, "stale")
		w.wantCall(t, "/api/v1/users/"+ann.Username, "", nil, 200, "state", "stale")

		w.tenant.Grant(bobMC.Username, false)
		w.tenant.DropTokens()
		w.wantUsers(t, "?state=broken", bob.Username, "broken")
		w.wantUsers(t, "?state=mapped")
		broken := w.wantCall(t, "/api/v1/users/"+bob.Username, "", nil, 200, "state", "broken")
		if linktest.Text(broken, "cause.message") != "login denied" {
			t.Errorf("broken: %v", broken)
		}
		// Where Engagement honours the token again, it is well again.
		w.tenant.Grant(bobMC.Username, true)
		w.wantCall(t, "/api/v1/users/"+bob.Username, "", nil, 200, "state", "mapped")

		// Pages follow one another by user name, and a filter that few match is still a page.
		page := w.wantUsers(t, "?limit=1", ann.Username, "stale")
		w.wantUsers(t, "?limit=1&after="+linktest.Text(page, "next"), bob.Username, "mapped")
		w.wantUsers(t, "?limit=1&state=mapped", bob.Username, "mapped")
		w.wantCall(t, "/api/v1/users?state=ill", "", nil, 400, "error.code", "invalid_state")

		// Without Engagement the list is what Connect last knew, and says so.
		w.tenant.Before(func(rw http.ResponseWriter, _ *http.Request) bool {
			linktest.Answer(rw, http.StatusServiceUnavailable, map[string]any{})
			return true
		})
		answer := w.wantUsers(t, "", ann.Username, "mapped", bob.Username, "mapped")
		if answer["users"].([]any)[0].(map[string]any)["checked"] != false {
			t.Errorf("unasked: %v", answer)
		}
		w.wantCall(t, "/api/v1/users?state=stale", "", nil, 502, "error.cloud", "")
		w.noSecrets(t)
	})
}
