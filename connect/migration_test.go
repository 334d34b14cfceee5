package connect_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/internal/client/browser"
	connectclient "github.com/twinspan/twinspan/internal/client/connect"
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

// Who was renamed in the org is found by his id and reconnected under his name of today, also where the org ends one token after the
// other while it is asked for him; who is gone has failed for that. After the 14 days nobody is retried.
func TestMigrationOfRenamedUsers(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.upgraded(t)
		w.org.Approve("anna@org.example", true)
		w.org.Rename(ann.ID, "anna@org.example")
		w.org.Rename(bob.ID, "bob@gone.example")
		w.org.Forget("bob@gone.example")
		var asked atomic.Int32 // for who they are; a refused token is replaced once
		w.org.Before(func(rw http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, "/query") || !strings.Contains(r.URL.Query().Get("q"), "AND Id IN (") || asked.Add(1) > 2 {
				return false
			}
			linktest.Answer(rw, http.StatusUnauthorized, []map[string]any{{"errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid"}})
			return true
		})
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

// Reports are made from the outcomes: two files in My Documents, named with the date in the tenant's time zone, both always
// written, once, whatever fails on the way; a second pair of the day has -2, and nobody's file is overwritten. Who waits is in none before he is
// proven. A value that begins like a formula is none for a spreadsheet. Where My Documents is off, the report has it all the same.
//
// seed:api S003-04 S003-05 S003-06
func TestMigrationReports(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.upgraded(t)
		w.at(t, time.Date(2016, time.June, 2, 3, 30, 0, 0, time.UTC)) // 1 June in Chicago
		id := linktest.Text(w.migrate(t, "", "waiting"), "id")
		if got := w.tenant.Documents(); len(got) != 0 {
			t.Fatalf("all wait, and there are files: %v", got)
		}
		var mu sync.Mutex
		failures := 1
		w.tenant.Before(func(rw http.ResponseWriter, r *http.Request) bool {
			mu.Lock()
			defer mu.Unlock()
			if r.Method != http.MethodPut || failures == 0 {
				return false
			}
			failures-- // after it was written, as when the answer is lost
			w.tenant.PutDocument(strings.TrimPrefix(r.URL.Path, "/v2/documents/"), "half")
			http.Error(rw, "no", http.StatusServiceUnavailable)
			return true
		})
		w.org.Approve(ann.Username, true)
		w.org.Rename(bob.ID, "=cmd@org.example")
		m := w.migrate(t, "/"+id+"/prove", "done")
		const head = "date,engagement_user,crm_username,crm_user_id,business_unit,result,reason\n"
		files := w.tenant.Documents()
		success := files["2016-06-01migrationsuccess.csv"]
		if len(files) != 2 || !strings.HasPrefix(success, head+"2016-06-01T22:30:0") || !strings.HasSuffix(success, "-05:00,ann.mc,ann@org.example,"+ann.ID+",7000001,reconnected,\n") {
			t.Errorf("the files: %q", files)
		}
		failed := "-05:00,bob.mc,'=cmd@org.example," + bob.ID + ",7000001,failed,not approved: user is not admin approved to access this app\n"
		if text := files["2016-06-01migrationfailures.csv"]; !strings.HasSuffix(text, failed) {
			t.Errorf("the failures: %q", text)
		}
		if firstFile(m, "state") != "written" || firstFile(m, "success") != "2016-06-01migrationsuccess.csv" {
			t.Errorf("it tells %v", m["files"])
		}
		if text := w.report(t, id, "success"); text != success {
			t.Errorf("the report: %q", text)
		}
		// Another one on that day. Somebody has files of the next name.
		w.tenant.PutDocument("2016-06-01-2MigrationSuccess.csv", "mine")
		m = w.migrate(t, "/retry", "done")
		after := w.tenant.Documents()
		if after["2016-06-01-3migrationsuccess.csv"] != head || !strings.HasSuffix(after["2016-06-01-3migrationfailures.csv"], failed) || len(after) != 5 {
			t.Errorf("a second run's files: %q", after)
		}
		for name, text := range files {
			if after[name] != text {
				t.Errorf("%s was overwritten: %q", name, after[name])
			}
		}
		if firstFile(m, "success") != "2016-06-01-3migrationsuccess.csv" {
			t.Errorf("it tells %v", m["files"])
		}
		w.tenant.EnableDocuments(false)
		w.org.Approve("=cmd@org.example", true)
		m = w.migrate(t, "/retry", "done")
		if firstFile(m, "state") != "off" || len(w.tenant.Documents()) != 5 {
			t.Errorf("without My Documents: %v", m)
		}
		if text := w.report(t, linktest.Text(m, "id"), "success"); !strings.HasSuffix(text, "-05:00,bob.mc,'=cmd@org.example,"+bob.ID+",7000001,reconnected,\n") {
			t.Errorf("its report: %q", text)
		}
		w.wantCall(t, "/api/v1/upgrade/migrations/"+id+"/report?report=all", "", nil, 400, "error.field", "report")
	})
}

// firstFile is a member of a migration's first pair of files.
func firstFile(m map[string]any, member string) string {
	files, _ := m["files"].([]any)
	if len(files) == 0 {
		return ""
	}
	one, _ := files[0].(map[string]any)
	return linktest.Text(one, member)
}

// report reads a report.
func (w *world) report(t *testing.T, id, report string) string {
	t.Helper()
	cl, err := connectclient.New(w.url, apiToken, nil)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := cl.MigrationReport(t.Context(), id, report, &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
