package connect_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/internal/client/browser"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// upgraded is a world whose users ann and bob were mapped while the connection into the org was by password, and which
// was upgraded since.
func (w *world) upgraded(t *testing.T) {
	t.Helper()
	w.at(t, lastDay)
	w.org.SetSecurityToken(system.Username, orgToken)
	w.connectOrg(t, 200, "org.auth", "password")
	w.wantCall(t, "/api/v1/connection/engagement", "", map[string]any{"api_user": apiUser.Username}, 200, "connected", "")
	w.tenant.Grant(apiUser.Username, true)
	w.wantCall(t, "/api/v1/connection/engagement", "", map[string]any{"api_user": apiUser.Username}, 200, "engagement.state", "connected")
	wantPage(t, w.visit(t, browser.New(nil), w.url+"/marketing-cloud", ann, annMC), 200, "Connected as ann.mc.")
	wantPage(t, w.visit(t, browser.New(nil), w.url+"/marketing-cloud", bob, bobMC), 200, "Connected as bob.mc.")
	w.wantCall(t, "/api/v1/upgrade/migrations", "", nil, 200, "offer.code", "not_upgraded")
	w.advance(t, time.Hour)
	w.wantCall(t, "/api/v1/connection/org", "", map[string]any{"system_user": system.Username, "auth": "jwt"}, 200, "org.auth", "jwt")
}

// upgradedAt is when Connect Account succeeded.
func (w *world) upgradedAt(t *testing.T) time.Time {
	t.Helper()
	_, o := w.call(t, "/api/v1/upgrade/migrations", "", nil)
	when, err := time.Parse(time.RFC3339Nano, linktest.Text(o, "offer.upgraded_at"))
	if err != nil {
		t.Fatal(err)
	}
	return when
}

// earlier makes all mappings ones from before an upgrade, as it stands in the database, of a moment ago.
func (w *world) earlier(t *testing.T) {
	t.Helper()
	w.tamper(t, `UPDATE user_mapping SET made_by = 'password'`, fmt.Sprintf(`UPDATE link SET upgraded_at = %d, revision = revision + 1`, w.now().UnixMilli()))
}

// finding is the text of the status's finding with the code; "" where there is none.
func (w *world) finding(t *testing.T, code string) string {
	t.Helper()
	_, s := w.call(t, "/api/v1/status", "", nil)
	found, _ := s["findings"].([]any)
	for _, f := range found {
		if one := f.(map[string]any); one["code"] == code {
			return one["message"].(string)
		}
	}
	return ""
}

// Who was mapped under the password is not used after the upgrade before he is reconnected; it says so wherever he is looked
// for, and he may integrate anew. After 14 days that alone is left.
//
// seed:api S003-30 S003-32
func TestEarlierMappings(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.upgraded(t)
		w.wantCall(t, "/api/v1/users/"+ann.Username, "", nil, 200, "state", "not_reconnected")
		_, list := w.call(t, "/api/v1/users?state=not_reconnected", "", nil)
		if all, _ := list["users"].([]any); len(all) != 2 {
			t.Fatalf("not reconnected: %v", list)
		}
		w.wantCall(t, "/api/v1/sends/test", "", map[string]any{"as": ann.Username, "to": "x@y.example", "definition_key": "welcome"}, 409, "error.code", "not_reconnected")
		offer := w.wantCall(t, "/api/v1/upgrade/migrations", "", nil, 200, "offer.code", "")
		if linktest.Text(offer, "offer.until") != w.upgradedAt(t).Add(14*24*time.Hour).Format(time.RFC3339Nano) {
			t.Errorf("the offer: %v", offer)
		}
		if text := w.finding(t, "not_reconnected"); text == "" {
			t.Error("the status does not tell")
		}
		// A visit asks him to integrate anew, which reconnects him.
		b := browser.New(nil)
		wantPage(t, w.visit(t, b, w.url+"/marketing-cloud", ann, annMC), 200, "Connected as ann.mc.")
		w.wantCall(t, "/api/v1/users/"+ann.Username, "", nil, 200, "state", "mapped")
		// So does an administrator, whom Salesforce.com Status is proof for.
		w.tenant.Integrate(bobMC.Username, bob.Username)
		w.wantCall(t, "/api/v1/users/map", "", map[string]any{"crm_username": bob.Username, "engagement_username": bobMC.Username}, 200, "state", "mapped")
		w.wantCall(t, "/api/v1/upgrade/migrations", "", nil, 200, "offer.code", "nobody_to_migrate")
		if text := w.finding(t, "not_reconnected"); text != "" {
			t.Errorf("nobody is left, and the status says %s", text)
		}
	})
}

// When the 14 days are over the option is gone, and it says when they ended.
//
// seed:api S003-32
func TestMigrationIsOver(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.upgraded(t)
		until := w.upgradedAt(t).Add(14 * 24 * time.Hour)
		w.at(t, until.Add(-time.Minute))
		w.wantCall(t, "/api/v1/upgrade/migrations", "", nil, 200, "offer.code", "")
		w.at(t, until.Add(2*time.Second))
		o := w.wantCall(t, "/api/v1/upgrade/migrations", "", nil, 200, "offer.code", "migration_over")
		want := "Auto-connection is available for 14 days after the upgrade; it ended at " + until.Format(time.RFC3339) + ". Users integrate anew on the Marketing Cloud tab."
		if linktest.Text(o, "offer.message") != want {
			t.Errorf("it says %v", o)
		}
	})
}

// migrate makes a call that starts work on a migration, and waits for its end.
func (w *world) migrate(t *testing.T, path, state string) map[string]any {
	t.Helper()
	m := w.wantCall(t, "/api/v1/upgrade/migrations"+path, "", map[string]any{"by": "olga"}, 200, "started_by", "API: olga")
	return w.awaitMigration(t, linktest.Text(m, "id"), state)
}

// awaitMigration waits until nothing happens any more, and wants a state.
func (w *world) awaitMigration(t *testing.T, id, state string) map[string]any {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 3000 {
		m := w.wantCall(t, "/api/v1/upgrade/migrations/"+id, "", nil, 200, "id", id)
		if now := linktest.Text(m, "state"); now != "queued" && now != "running" {
			if now != state {
				t.Fatalf("the migration is %v, want %s", m, state)
			}
			return m
		}
		<-tick.C
	}
	t.Fatal("the migration does not end")
	return nil
}

// results are what became of a migration's users: "ann@org.example reconnected ".
func (w *world) results(t *testing.T, id string) []string {
	t.Helper()
	_, page := w.call(t, "/api/v1/upgrade/migrations/"+id+"/users", "", nil)
	users, _ := page["users"].([]any)
	all := make([]string, 0, len(users))
	for _, u := range users {
		one := u.(map[string]any)
		all = append(all, strings.TrimSpace(linktest.Text(one, "crm_username")+" "+linktest.Text(one, "result")+" "+linktest.Text(one, "code")))
	}
	return all
}

func (w *world) wantResults(t *testing.T, m map[string]any, want ...string) {
	t.Helper()
	if got := w.results(t, linktest.Text(m, "id")); !slices.Equal(got, want) {
		t.Fatalf("the results are %q, want %q", got, want)
	}
}

// The documented order: users are migrated before anybody is approved. They wait, are proven once they are approved, and who
// was left out has failed. Who failed is put right and tried again, within the 14 days. Each is reconnected once, without a password, and the
// record of changes has the digest of what became of them.
//
// seed:api S003-30 S003-31 S003-33 S003-34
func TestMigration(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.at(t, lastDay)
		w.wantCall(t, "/api/v1/upgrade/migrations", "", map[string]any{}, 409, "error.code", "not_upgraded")
		w.wantCall(t, "/api/v1/upgrade/migrations/retry", "", map[string]any{}, 404, "error.code", "not_found")
		w.upgraded(t)
		m := w.migrate(t, "", "waiting")
		id := linktest.Text(m, "id")
		w.wantResults(t, m, "ann@org.example waiting not_approved", "bob@org.example waiting not_approved")
		if m["total"] != 2.0 || m["waiting"] != 2.0 || m["percent"] != 100.0 {
			t.Errorf("the results window: %v", m)
		}
		w.wantUsers(t, "?state=not_reconnected", ann.Username, "not_reconnected", bob.Username, "not_reconnected")
		w.wantCall(t, "/api/v1/upgrade/migrations", "", map[string]any{}, 409, "error.code", "migration_waiting")

		w.org.Approve(ann.Username, true)
		w.migrate(t, "/"+id+"/prove", "done")
		w.wantResults(t, m, "ann@org.example reconnected", "bob@org.example failed not_approved")
		w.wantCall(t, "/api/v1/users/"+ann.Username, "", nil, 200, "state", "mapped")
		w.wantCall(t, "/api/v1/users/"+bob.Username, "", nil, 200, "state", "not_reconnected")
		w.wantCall(t, "/api/v1/upgrade/migrations/"+id+"/prove", "", map[string]any{}, 409, "error.code", "nobody_waiting")

		// Approved, and refused by Engagement; then put right there too.
		w.org.Approve(bob.Username, true)
		w.tenant.Grant(bobMC.Username, false)
		m = w.migrate(t, "/retry", "done")
		w.wantResults(t, m, "bob@org.example failed invalid_grant")
		w.tenant.Grant(bobMC.Username, true)
		m = w.migrate(t, "/retry", "done")
		w.wantResults(t, m, "bob@org.example reconnected")
		w.wantCall(t, "/api/v1/users/"+bob.Username, "", nil, 200, "state", "mapped")
		w.wantCall(t, "/api/v1/upgrade/migrations/retry", "", map[string]any{}, 409, "error.code", "nobody_to_migrate")
		w.wantCall(t, "/api/v1/audit/verify", "", nil, 200, "problem", "")
		reconnected := 0
		for _, e := range w.entries(t) {
			if strings.HasPrefix(e, "API: olga users.reconnected ") {
				reconnected++
			}
		}
		if reconnected != 3 {
			t.Errorf("%d entries about outcomes, want 3: %v", reconnected, w.entries(t))
		}
		w.noSecrets(t, orgToken, "session-")
	})
}

// Who was renamed in the org is found by his id and reconnected under his name of today; who is gone has failed for that.
// After the 14 days nobody is retried.
func TestMigrationOfRenamedUsers(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.upgraded(t)
		w.org.Approve("anna@org.example", true)
		w.org.Rename(ann.ID, "anna@org.example")
		w.org.Rename(bob.ID, "bob@gone.example")
		w.org.Forget("bob@gone.example")
		m := w.migrate(t, "", "done")
		w.wantResults(t, m, "anna@org.example reconnected", "bob@org.example failed crm_user_not_found")
		w.wantCall(t, "/api/v1/audit/verify", "", nil, 200, "problem", "")
		w.at(t, w.upgradedAt(t).Add(14*24*time.Hour+2*time.Second))
		w.wantCall(t, "/api/v1/upgrade/migrations/retry", "", map[string]any{}, 409, "error.code", "migration_over")
	})
}

// Connect ends in the middle of a migration whose clouds spoil every fourth call, and the next one finishes it: everybody is
// reconnected once.
func TestMigrationGoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			const n = 230
			w, list := crowdWorld(t, kind, n) // mapped by key
			id := linktest.Text(w.wantCall(t, "/api/v1/imports", "", map[string]any{"csv": list}, 200, "error", ""), "id")
			w.await(t, id, func(state string, _ float64) bool { return state == "done" })
			w.earlier(t)
			var mu sync.Mutex
			tries, tokens, reached := 0, 0, make(chan struct{})
			w.org.Before(func(rw http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != "/services/oauth2/token" {
					return false
				}
				mu.Lock()
				defer mu.Unlock()
				if tries++; tries == 80 {
					close(reached)
				}
				if tries%4 != 0 {
					tokens++
					return false
				}
				http.Error(rw, "no", []int{500, 503, 429}[tries/4%3])
				return true
			})
			for i := range n {
				w.org.Approve(fmt.Sprintf("u%d@org.example", i), true)
			}
			id = linktest.Text(w.wantCall(t, "/api/v1/upgrade/migrations", "", map[string]any{"by": "olga"}, 200, "error", ""), "id")
			<-reached
			if err := w.bridge.Close(); err != nil {
				t.Fatal(err)
			}
			w.open(t)
			m := w.awaitMigration(t, id, "done")
			if m["reconnected"] != float64(n) || m["failed"] != 0.0 {
				t.Errorf("at the end: %v", m)
			}
			w.wantCall(t, "/api/v1/upgrade/migrations", "", nil, 200, "offer.code", "nobody_to_migrate")
			w.wantCall(t, "/api/v1/audit/verify", "", nil, 200, "problem", "")
		})
	}
}
