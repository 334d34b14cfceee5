package connect_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/linktest"
)

// While an upgrade is under way, the migration that is a step of it is neither ended nor proven by hand: its users are to have an
// outcome each when the upgrade is closed. Before and after that it may be.
func TestMigrationOfAnUpgradeIsItsOwn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.upgraded(t)
		w.tamper(t, `UPDATE link SET engagement_driver = 'password', revision = revision + 1`)
		w.wantCall(t, schedulePath, "", map[string]any{"kind": "tenant_oauth", "at": w.now().Add(72 * time.Hour), "engagement_admins": []string{"e@x.example"}, "crm_admins": []string{"c@x.example"}}, 200, "schedule.upgrade.state", "booked")
		id := linktest.Text(w.migrate(t, "", "waiting"), "id")
		state := func(to string) {
			w.tamper(t, `UPDATE migration_run SET upgrade_id = (SELECT upgrade_id FROM upgrade)`, `UPDATE upgrade SET state = '`+to+`', revision = revision + 1`)
		}
		state("waiting")
		for _, change := range []string{"cancel", "prove"} {
			w.wantCall(t, "/api/v1/upgrade/migrations/"+id+"/"+change, "", map[string]any{}, 409, "error.code", "upgrade_running")
		}
		w.wantCall(t, "/api/v1/upgrade/migrations/"+id, "", nil, 200, "state", "waiting")
		// Who failed is tried again: the upgrade's users are all of them, each as he stands last.
		state("done")
		w.tamper(t, `UPDATE link SET engagement_driver = 'jwt', revision = revision + 1`, `UPDATE upgrade SET kind = 'connected_app'`, `UPDATE upgrade_step SET step = 'migrate' WHERE position = 3`)
		w.org.Approve(ann.Username, true)
		w.migrate(t, "/"+id+"/prove", "done")
		users := func(reconnected, failed float64) {
			t.Helper()
			_, u := w.call(t, "/api/v1/upgrade", "", nil)
			if p := u["upgrade"].(map[string]any)["progress"].(map[string]any); p["users"] != 2.0 || p["reconnected"] != reconnected || p["failed"] != failed {
				t.Errorf("the upgrade's users: %v, want %v reconnected, %v failed", p, reconnected, failed)
			}
		}
		users(1, 1)
		w.migrate(t, "/retry", "done")
		users(1, 1)
		w.org.Approve(bob.Username, true)
		id = linktest.Text(w.migrate(t, "/retry", "done"), "id")
		users(2, 0)
		a := w.admin(t)
		a.wants(a.open("/upgrade/report"), 200, "Users 2 Reconnected 2 Waiting for approval 0 Failed 0", "Migrations of the upgrade", id)
		a.wants(a.open("/upgrade/report?run="+id), 200, "Migration "+id, "Users 1 Reconnected 1")
		a.wants(a.open("/upgrade/report?run=none"), 404)
		for query, want := range map[string][]string{"?report=success": {ann.Username, bob.Username}, "?report=failures": nil, "?report=success&run=" + id: {bob.Username}} {
			text := a.open("/upgrade/report" + query).Text
			for _, one := range []string{ann.Username, bob.Username} {
				if strings.Count(text, one) != map[bool]int{true: 1}[slices.Contains(want, one)] {
					t.Errorf("%s: %s", query, text)
				}
			}
		}
		state("cancelled")
		w.wantCall(t, "/api/v1/upgrade/migrations/"+id+"/cancel", "", map[string]any{}, 200, "id", id)
		w.awaitMigration(t, id, "done") // it is over, and stays so
	})
}
