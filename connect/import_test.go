package connect_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect"
	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/internal/client/browser"
)

// crowdWorld is a world with n further users in both clouds, integrated.
func crowdWorld(t *testing.T, kind string, n int) (w *world, list string) {
	t.Helper()
	org, tenant := []linktest.Person{system, ann, bob}, []linktest.Person{apiUser, annMC, bobMC}
	var b strings.Builder
	b.WriteString("crm_username,engagement_username\n")
	for i := range n {
		org = append(org, linktest.Person{ID: fmt.Sprintf("0050000000%05dAAA", 10_000+i), Username: fmt.Sprintf("u%d@org.example", i), Name: "U"})
		tenant = append(tenant, linktest.Person{ID: fmt.Sprint(800_000 + i), Username: fmt.Sprintf("u%d.mc", i), Name: "U"})
		fmt.Fprintf(&b, "u%d@org.example,u%d.mc\n", i, i)
	}
	w = newWorldOf(t, kind, org, tenant)
	for i := range n {
		w.tenant.Integrate(fmt.Sprintf("u%d.mc", i), fmt.Sprintf("u%d@org.example", i))
	}
	w.connectBoth(t)
	return w, b.String()
}

// await asks for an import until it is as wanted.
func (w *world) await(t *testing.T, id string, until func(state string, mapped float64) bool) map[string]any {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 3000 {
		status, a := w.call(t, "/api/v1/imports/"+id, "", nil)
		mapped, _ := a["mapped"].(float64)
		if status != 200 {
			t.Fatalf("import: %d %v", status, a)
		}
		if until(linktest.Text(a, "state"), mapped) {
			return a
		}
		<-tick.C
	}
	t.Fatal("the import does not end")
	return nil
}

// TestImportGoesOnAfterARestart: Connect ends in the middle of an import, and the next one finishes it; nobody is mapped
// twice or left with a grant alone.
func TestImportGoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			const n = 230
			w, list := crowdWorld(t, kind, n)
			var mu sync.Mutex
			grants := 0
			reached := make(chan struct{})
			w.tenant.Before(func(_ http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodPost && r.URL.Path == "/v2/grants" {
					mu.Lock()
					defer mu.Unlock()
					if grants++; grants == 80 { // in the second batch
						close(reached)
					}
				}
				return false
			})
			id := linktest.Text(w.wantCall(t, "/api/v1/imports", "", map[string]any{"csv": list}, 200, "error", ""), "id")
			<-reached
			if err := w.bridge.Close(); err != nil {
				t.Fatal(err)
			}
			w.open(t)
			a := w.await(t, id, func(state string, _ float64) bool { return state == "done" || state == "stopped" })
			if a["state"] != "done" || a["mapped"] != float64(n) || a["failed"] != 0.0 {
				t.Fatalf("import: %v", a)
			}
			_, page := w.call(t, "/api/v1/users?state=mapped&limit=1000", "", nil)
			if users := page["users"].([]any); len(users) != n {
				t.Fatalf("%d users are mapped", len(users))
			}
			w.wantCall(t, "/api/v1/audit/verify", "", nil, 200, "problem", "")
		})
	}
}

// TestSweepRunsByItself: what was cleared in the org is found without anybody asking.
func TestSweepRunsByItself(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.org.Install(5, 400)
		w.connectBoth(t)
		w.mapUser(t, ann, annMC)
		if err := w.bridge.Close(); err != nil {
			t.Fatal(err)
		}
		w.openWith(t, connect.Options{SweepEvery: 30 * time.Millisecond})
		w.org.SetField(ann.ID, "")
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for range 1500 {
			_, a := w.call(t, "/api/v1/users", "", nil)
			if users := a["users"].([]any); users[0].(map[string]any)["state"] == "cleared" {
				wantPage(t, w.visit(t, browser.New(nil), w.url+"/marketing-cloud", ann, annMC), 200, "Connected as ann.mc.")
				return
			}
			<-tick.C
		}
		t.Fatal("the cleared mapping was not found")
	})
}

// TestImportInOutage: an import that an outage interrupts goes back into the queue, where it holds no worker, and goes on
// when the outage has ended; nobody is mapped meanwhile.
func TestImportInOutage(t *testing.T) {
	t.Parallel()
	w, list := crowdWorld(t, "sqlite", 60) // more than a batch
	arrived, leave := make(chan struct{}), make(chan struct{})
	var once sync.Once
	w.tenant.Before(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost && r.URL.Path == "/v2/grants" {
			once.Do(func() {
				close(arrived)
				<-leave
			})
		}
		return false
	})
	id := linktest.Text(w.wantCall(t, "/api/v1/imports", "", map[string]any{"csv": list}, 200, "error", ""), "id")
	<-arrived // the first batch is at it
	w.wantCall(t, "/api/v1/outage", "", map[string]any{"mode": "hold", "minutes": 60, "reason": "upgrade"}, 200, "error", "")
	close(leave)
	a := w.await(t, id, func(state string, _ float64) bool { return state == "queued" })
	before := a["mapped"]
	if before == 60.0 {
		t.Fatalf("mapped in the outage: %v", a)
	}
	if a = w.await(t, id, func(string, float64) bool { return true }); a["mapped"] != before {
		t.Errorf("mapped in the outage: %v", a)
	}
	w.wantCall(t, "/api/v1/outage/end", "", map[string]any{}, 200, "outage", "")
	if a = w.await(t, id, func(state string, _ float64) bool { return state != "queued" && state != "running" }); a["state"] != "done" || a["mapped"] != 60.0 {
		t.Errorf("import: %v", a)
	}
}
