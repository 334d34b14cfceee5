package connect_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

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

// TestClear: one, many and all that match are cleared with their grants; the reason stays on record, and the tab asks to
// integrate again at the next visit.
//
// seed:api S000-17 S000-26
// seed:page S000-15 S000-17 S000-26 S000-38 S000-39
func TestClear(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.connectBoth(t)
		w.mapUser(t, bob, bobMC)
		b := browser.New(nil)
		tab := w.url + "/marketing-cloud"
		wantPage(t, w.visit(t, b, tab, ann, annMC), 200, "Connected as ann.mc.")

		clearing := func(body map[string]any, cleared, failed int) map[string]any {
			t.Helper()
			status, answer := w.call(t, "/api/v1/users/clear", "", body)
			c, _ := answer["cleared"].([]any)
			f, _ := answer["failed"].([]any)
			if status != 200 || len(c) != cleared || len(f) != failed {
				t.Fatalf("clear %v: %d %v", body, status, answer)
			}
			return answer
		}
		for _, body := range []map[string]any{
			{"users": []string{ann.Username}},
			{"users": []string{ann.Username}, "all": true, "reason": "r"},
			{"reason": "r"},
			{"all": true, "state": "cleared", "reason": "r"},
			{"users": []string{ann.Username}, "state": "stale", "reason": "r"},
			{"users": []string{ann.Username}, "reason": "a\nb"},
		} {
			w.wantCall(t, "/api/v1/users/clear", "", body, 400, "error.code", "invalid_clear")
		}
		clearing(map[string]any{"users": []string{strings.ToUpper(ann.Username), "nobody@org.example"}, "by": "olga", "reason": "wrong password typed"}, 1, 1)
		if w.tenant.Granted(annMC.Username) || !w.tenant.Granted(bobMC.Username) {
			t.Fatal("clearing took another grant, or none")
		}
		answer := w.wantCall(t, "/api/v1/users/"+ann.Username, "", nil, 200, "state", "cleared")
		if linktest.Text(answer, "cleared_by") != "API: olga" || linktest.Text(answer, "reason") != "wrong password typed" {
			t.Fatalf("on record: %v", answer)
		}
		clearing(map[string]any{"users": []string{ann.Username}, "reason": "again"}, 0, 1)
		page, err := b.Open(t.Context(), tab)
		if err != nil {
			t.Fatal(err)
		}
		wantPage(t, page, 200, "Connect to Marketing Cloud", "Sign in once with your own Engagement user")
		wantPage(t, w.visit(t, b, tab, linktest.Person{}, annMC), 200, "Connected as ann.mc.")

		// All that match, and nobody else.
		w.tenant.ChangeRoles(bobMC.Username)
		clearing(map[string]any{"all": true, "state": "stale", "reason": "roles"}, 1, 0)
		w.wantUsers(t, "", ann.Username, "mapped", bob.Username, "cleared")
		// A broken one is cleared though there is no grant left to clear.
		w.tenant.Grant(annMC.Username, false)
		w.tenant.DropTokens()
		clearing(map[string]any{"all": true, "state": "broken", "reason": "login denied"}, 1, 0)
		// While Engagement does not answer nothing is half cleared.
		w.mapUser(t, bob, bobMC)
		w.tenant.Before(func(rw http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodDelete {
				return false
			}
			linktest.Answer(rw, http.StatusServiceUnavailable, map[string]any{})
			return true
		})
		clearing(map[string]any{"all": true, "reason": "r"}, 0, 1)
		w.tenant.Before(nil)
		w.wantUsers(t, "?state=mapped", bob.Username, "mapped")

		// By page, the user gives his credentials again.
		b = browser.New(nil)
		wantPage(t, w.visit(t, b, tab, bob, bobMC), 200, "Connected as bob.mc.", "Reset my mapping")
		page, err = b.Visit(t.Context(), tab, browser.Errand{Press: []string{"Reset my mapping"}})
		if err != nil {
			t.Fatal(err)
		}
		wantPage(t, page, 200, "Sign in once with your own Engagement user")
		w.wantUsers(t, "?state=cleared", ann.Username, "cleared", bob.Username, "cleared")
		wantPage(t, w.visit(t, b, tab, linktest.Person{}, bobMC), 200, "Connected as bob.mc.")
		if !w.tenant.Granted(apiUser.Username) {
			t.Fatal("the API user's grant was cleared")
		}
		w.noSecrets(t)
	})
}

// TestLoginDeniedStory is the third case of document 000, from symptom to cure: a token is stored, the tab prompts, the
// right password is answered "login denied", the mapping is cleared on the org's side, mapped again, and a send goes out.
//
// seed:api S000-15
// seed:page S000-13 S000-14 S000-15
func TestLoginDeniedStory(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.connectBoth(t)
		tab, b := w.url+"/marketing-cloud", browser.New(nil)
		wantPage(t, w.visit(t, b, tab, ann, annMC), 200, "Connected as ann.mc.")
		test := map[string]any{"as": ann.Username, "to": "ann@org.example", "definition_key": "welcome"}
		w.wantCall(t, "/api/v1/sends/test", "before", map[string]any{"as": "ANN@Org.Example", "to": "ann@org.example", "definition_key": "welcome"}, 200, "status", "accepted")

		w.tenant.Grant(annMC.Username, false)
		w.tenant.DropTokens()
		w.wantCall(t, "/api/v1/sends/test", "", test, 403, "error.code", "invalid_grant")
		page, err := b.Open(t.Context(), tab)
		if err != nil {
			t.Fatal(err)
		}
		wantPage(t, page, 200, "Engagement refuses the stored token", "Connect to Marketing Cloud")
		wantPage(t, w.visit(t, b, tab, linktest.Person{}, annMC), 403, "login denied", "right password")

		w.wantCall(t, "/api/v1/users/clear", "", map[string]any{"users": []string{ann.Username}, "reason": "login denied"}, 200, "next", "")
		wantPage(t, w.visit(t, b, tab, linktest.Person{}, annMC), 200, "Connected as ann.mc.")
		sent := w.wantCall(t, "/api/v1/sends/test", "after", test, 200, "status", "accepted")
		again := w.wantCall(t, "/api/v1/sends/test", "after", test, 200, "status", "accepted")
		if sent["message_key"] != again["message_key"] || len(w.tenant.Messages()) != 2 {
			t.Fatalf("%v, then %v: %d messages", sent, again, len(w.tenant.Messages()))
		}
		if m := w.tenant.Messages()[0]; m.To != "ann@org.example" || m.ContactKey != ann.ID {
			t.Errorf("message: %+v", m)
		}
		w.tenant.SetEvent(linktest.Text(sent, "message_key"), "EmailSent")
		w.wantCall(t, "/api/v1/sends/"+linktest.Text(sent, "message_key"), "", nil, 200, "status", "sent")
		for _, bad := range []string{"", "no address", "Ann <ann@org.example>", "a@b.example\r\nBcc: c@d.example"} {
			w.wantCall(t, "/api/v1/sends/test", "", map[string]any{"as": ann.Username, "to": bad, "definition_key": "welcome"}, 400, "error.code", "invalid_address")
		}
		w.wantCall(t, "/api/v1/sends/test", "", map[string]any{"as": bob.Username, "to": "x@y.example", "definition_key": "welcome"}, 409, "error.code", "not_mapped")
	})
}

// TestDisconnect: the mappings go with their grants, then the spans; while one cannot be cleared the connection stands.
func TestDisconnect(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.connectBoth(t)
		w.mapUser(t, ann, annMC)
		w.mapUser(t, bob, bobMC)
		disconnect := func(want bool, cleared, failed int) {
			t.Helper()
			status, a := w.call(t, "/api/v1/connection/disconnect", "", map[string]any{"reason": "moving away", "by": "olga"})
			f, _ := a["failed"].([]any)
			if status != 200 || a["disconnected"] != want || a["cleared"] != float64(cleared) || len(f) != failed {
				t.Fatalf("disconnecting: %d %v", status, a)
			}
		}
		w.wantCall(t, "/api/v1/connection/disconnect", "", map[string]any{"reason": ""}, 400, "error.code", "invalid_clear")
		w.tenant.Before(func(rw http.ResponseWriter, r *http.Request) bool {
			bad := r.Method == http.MethodDelete && r.URL.Path == "/v2/grants/"+bobMC.Username
			if bad {
				linktest.Answer(rw, http.StatusServiceUnavailable, map[string]any{})
			}
			return bad
		})
		disconnect(false, 1, 1)
		w.wantCall(t, "/api/v1/status", "", nil, 200, "state", "connected")
		w.tenant.Before(nil)
		disconnect(true, 1, 0)
		w.wantCall(t, "/api/v1/status", "", nil, 200, "state", "not_connected")
		if w.tenant.Granted(annMC.Username) || w.tenant.Granted(bobMC.Username) || w.tenant.Granted(apiUser.Username) {
			t.Fatal("a grant is left that nobody sees")
		}
		w.wantCall(t, "/api/v1/sends/triggered", "", map[string]any{"contact_id": contact, "definition_key": "welcome"}, 409, "error.code", "not_connected")
		entries := w.entries(t)
		if last := entries[len(entries)-1]; last != "API: olga connection.disconnected" {
			t.Errorf("last entry: %s", last)
		}
		disconnect(true, 0, 0) // again changes nothing
		if n := len(w.entries(t)); n != len(entries) {
			t.Errorf("%d entries after %d", n, len(entries))
		}
		w.connectBoth(t)
		w.mapUser(t, ann, annMC)
		// Below 5.493 the documents know no way.
		w.org.Install(5, 400)
		w.wantCall(t, "/api/v1/users/check", "", map[string]any{}, 200, "package_version", "5.400")
		w.wantCall(t, "/api/v1/connection/disconnect", "", map[string]any{"reason": "r"}, 409, "error.code", "package_too_old")
		w.wantUsers(t, "?state=mapped", ann.Username, "mapped")
	})
}

// TestBrokenGrantIsNoticed: a user who is mapped already, and whose grant Engagement has ended meanwhile, is not reported as
// mapped: by name or by list he is refused with the reason.
func TestBrokenGrantIsNoticed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.org.Install(220, 0)
		w.connectBoth(t)
		w.tenant.Integrate(bobMC.Username, bob.Username)
		body := map[string]any{"crm_username": bob.Username, "engagement_username": bobMC.Username}
		list := map[string]any{"csv": "crm_username,engagement_username\n" + bob.Username + "," + bobMC.Username + "\n"}
		imported := func() map[string]any {
			t.Helper()
			status, a := w.call(t, "/api/v1/imports", "", list)
			for tick := time.NewTicker(20 * time.Millisecond); status == 409 && t.Context().Err() == nil; <-tick.C { // the job of the one before ends
				status, a = w.call(t, "/api/v1/imports", "", list)
			}
			id := linktest.Text(a, "id")
			w.await(t, id, func(state string, _ float64) bool { return state == "done" })
			_, a = w.call(t, "/api/v1/imports/"+id+"/lines", "", nil)
			return a["lines"].([]any)[0].(map[string]any)
		}
		w.wantCall(t, "/api/v1/users/map", "", body, 200, "state", "mapped")
		if line := imported(); line["status"] != "done" || line["code"] != "mapped_before" {
			t.Errorf("a mapping that works: %v", line)
		}
		w.tenant.Grant(bobMC.Username, false)
		w.tenant.DropTokens()
		if line := imported(); line["status"] != "failed" || line["code"] != "login_denied" {
			t.Errorf("a mapping that Engagement refuses: %v", line)
		}
		w.wantCall(t, "/api/v1/users/map", "", body, 403, "error.code", "login_denied")
		w.wantUsers(t, "", bob.Username, "broken")
	})
}

// TestLeftoverGrants: a grant that nothing works with is found and ended, once no sign-in can be about it any more; those of
// the API user and of mappings stay.
func TestLeftoverGrants(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.org.Install(220, 0)
		w.connectBoth(t)
		w.mapUser(t, bob, bobMC)
		page, err := browser.New(nil).Visit(t.Context(), w.url+"/marketing-cloud", browser.Errand{Press: []string{"Connect to Marketing Cloud"}, Logins: map[string]browser.Credentials{
			w.org.URL: {Username: ann.Username, Password: ann.Password}, w.tenant.URL: {Username: annMC.Username, Password: annMC.Password},
		}})
		if err != nil {
			t.Fatal(err)
		}
		wantPage(t, page, 200, "Connect as this user?") // and nobody answers
		check := func() []any {
			t.Helper()
			a := w.wantCall(t, "/api/v1/users/check", "", map[string]any{}, 200, "error", "")
			ended, _ := a["grants_ended"].([]any)
			return ended
		}
		if ended := check(); len(ended) != 0 || !w.tenant.Granted(annMC.Username) {
			t.Fatalf("ended while it may be answered: %v", ended)
		}
		w.advance(t, 12*time.Minute)
		if ended := check(); len(ended) != 1 || ended[0] != annMC.Username {
			t.Errorf("ended: %v", ended)
		}
		if w.tenant.Granted(annMC.Username) || !w.tenant.Granted(bobMC.Username) || !w.tenant.Granted(apiUser.Username) {
			t.Error("the wrong grants were ended")
		}
		_, a := w.call(t, "/api/v1/audit", "", nil)
		entries := a["entries"].([]any)
		if last := entries[len(entries)-1].(map[string]any); last["action"] != "grant.ended" || last["subject"] != annMC.Username {
			t.Errorf("the record's last entry: %v", last)
		}
		if ended := check(); len(ended) != 0 {
			t.Errorf("ended again: %v", ended)
		}
	})
}

// TestSweepPassesWhoIsRefused: one user whose field the org does not let be written keeps nobody else from being looked at.
func TestSweepPassesWhoIsRefused(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.org.Install(220, 0)
		w.connectBoth(t)
		w.mapUser(t, ann, annMC)
		w.mapUser(t, bob, bobMC)
		w.org.Install(5, 400) // from now on mappings need a handle
		w.org.Before(func(rw http.ResponseWriter, r *http.Request) bool {
			locked := r.Method == http.MethodPatch && strings.HasSuffix(r.URL.Path, ann.ID)
			if locked {
				linktest.Answer(rw, http.StatusBadRequest, []map[string]string{{"errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "Not so."}})
			}
			return locked
		})
		a := w.wantCall(t, "/api/v1/users/check", "", map[string]any{}, 200, "error", "")
		failed, _ := a["failed"].([]any)
		if len(failed) != 1 || failed[0].(map[string]any)["crm_username"] != ann.Username || a["given"] != 1.0 || w.org.Field(bob.ID) == "" {
			t.Errorf("checked: %v", a)
		}
	})
}

// TestRenamedUser: who a user is says his id. One who was renamed in the org stays mapped under his new name, and whoever got
// his old one is nobody's mapping.
func TestRenamedUser(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.org.Install(220, 0)
		w.connectBoth(t)
		w.mapUser(t, bob, bobMC)
		const renamed = "robert@org.example"
		w.org.Rename(bob.ID, renamed)
		w.org.Rename(ann.ID, bob.Username)
		sent := func(as string) map[string]any {
			return map[string]any{"as": as, "to": "x@x.example", "definition_key": "welcome"}
		}
		w.wantCall(t, "/api/v1/sends/test", "", sent(bob.Username), 409, "error.code", "not_mapped")
		w.wantCall(t, "/api/v1/users/"+bob.Username, "", nil, 200, "state", "not_integrated")
		a := w.wantCall(t, "/api/v1/users/clear", "", map[string]any{"users": []string{bob.Username}, "reason": "r"}, 200, "next", "")
		if failed := a["failed"].([]any); len(failed) != 1 {
			t.Errorf("cleared by a name that is another's: %v", a)
		}
		w.wantCall(t, "/api/v1/users/check", "", map[string]any{}, 200, "error", "")
		w.wantUsers(t, "", renamed, "mapped")
		w.wantCall(t, "/api/v1/sends/test", "", sent(renamed), 200, "status", "accepted")
		// Cleared and mapped again, he is listed once.
		w.wantCall(t, "/api/v1/users/clear", "", map[string]any{"users": []string{renamed}, "reason": "r"}, 200, "next", "")
		w.org.Rename(bob.ID, "rob@org.example")
		w.tenant.Integrate(bobMC.Username, "rob@org.example")
		w.wantCall(t, "/api/v1/users/map", "", map[string]any{"crm_username": "rob@org.example", "engagement_username": bobMC.Username}, 200, "state", "mapped")
		w.wantUsers(t, "", "rob@org.example", "mapped")
		// His name passes to another who is mapped: until the org is asked about him two have it, and no page leaves one of them out.
		w.tenant.Integrate(annMC.Username, bob.Username)
		w.wantCall(t, "/api/v1/users/map", "", map[string]any{"crm_username": bob.Username, "engagement_username": annMC.Username}, 200, "state", "mapped")
		w.org.Rename(bob.ID, renamed)
		w.org.Rename(ann.ID, "rob@org.example")
		w.wantCall(t, "/api/v1/users/rob@org.example", "", nil, 200, "state", "mapped")
		w.wantUsers(t, "?limit=1", "rob@org.example", "mapped", "rob@org.example", "mapped")
	})
}
