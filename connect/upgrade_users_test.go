package connect_test

import (
	"testing"
	"time"
)

// While an upgrade is under way the users whose credentials are the way back stay who they are; their secrets may be renewed.
func TestUsersOfAnUpgradeStay(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.at(t, lastDay)
		w.org.SetSecurityToken(system.Username, orgToken)
		w.connectOrg(t, 200, "org.auth", "password")
		w.tenant.Grant(apiUser.Username, true)
		w.wantCall(t, "/api/v1/connection/engagement", "", map[string]any{"api_user": apiUser.Username}, 200, "engagement.state", "connected")
		w.wantCall(t, "/api/v1/upgrade", "", map[string]any{"kind": "connected_app", "acknowledged": true, "by": "olga"}, 200, "error", "")
		const running = "upgrade_running"
		other := map[string]any{"system_user": ann.Username, "password": "pw", "security_token": "token"}
		w.wantCall(t, "/api/v1/connection/org/password", "", other, 409, "error.code", running)
		w.wantCall(t, "/api/v1/connection/org", "", map[string]any{"system_user": ann.Username}, 409, "error.code", running)
		w.wantCall(t, "/api/v1/connection/org", "", map[string]any{"system_user": ann.Username, "sign_in": true}, 409, "error.code", running)
		for _, to := range []map[string]any{{"api_user": annMC.Username}, {"api_user": annMC.Username, "sign_in": true}, {"api_user": apiUser.Username, "account_id": 4711}} {
			w.wantCall(t, "/api/v1/connection/engagement", "", to, 409, "error.code", running)
		}
		w.wantCall(t, "/api/v1/connection/engagement/password", "", map[string]any{"api_user": annMC.Username, "password": "pw"}, 409, "error.code", running)
		w.wantCall(t, "/api/v1/api-user/change/resume", "", map[string]any{"api_user": annMC.Username}, 409, "error.code", running)
		w.connectOrg(t, 200, "org.auth", "password")
		w.wantCall(t, "/api/v1/connection/engagement", "", map[string]any{"api_user": apiUser.Username}, 200, "engagement.state", "connected")
	})
}

// A run that stopped while those who waited were proven goes on where somebody has them proven again; and once the 14 days are over
// those who wait still have failed for that, without a call to any cloud. Nobody is left without an outcome, or out of the files.
//
// seed:api S003-32 S003-33
func TestProvingEnds(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.upgraded(t)
		m := w.migrate(t, "", "waiting")
		id := m["id"].(string)
		w.tamper(t, `UPDATE migration_user SET status = 'intended'`, `UPDATE migration_run SET phase = 'proving', pass = 2, final = 1, waiting = 0`, `DELETE FROM job`)
		w.wantCall(t, "/api/v1/upgrade/migrations/"+id, "", nil, 200, "state", "stopped")
		w.org.Approve(ann.Username, true)
		w.migrate(t, "/"+id+"/prove", "done")
		w.wantResults(t, m, "ann@org.example reconnected", "bob@org.example failed not_approved")

		// The same again, and nobody is proven in time.
		w.tamper(t, `UPDATE user_mapping SET made_by = 'password'`, `UPDATE migration_user SET status = 'waiting'`, `UPDATE migration_run SET phase = 'over', pass = 1, final = 0, reconnected = 0, failed = 0, waiting = 2`)
		w.at(t, w.upgradedAt(t).Add(14*24*time.Hour+2*time.Second))
		w.migrate(t, "/"+id+"/prove", "done")
		w.wantResults(t, m, "ann@org.example failed migration_over", "bob@org.example failed migration_over")

		// A run that an upgrade begins so late plans everybody, and tells of each.
		w.tamper(t, `DELETE FROM migration_user`, `UPDATE migration_run SET phase = 'planning', pass = 1, planned_after = '', total = 0, reconnected = 0, failed = 0, waiting = 0`, `DELETE FROM migration_file`, `DELETE FROM job`)
		w.migrate(t, "", "done")
		w.wantResults(t, m, "ann@org.example failed migration_over", "bob@org.example failed migration_over")
		w.wantCall(t, "/api/v1/users/"+ann.Username, "", nil, 200, "state", "not_reconnected")
	})
}
