package connect_test

import (
	"testing"

	"github.com/twinspan/twinspan/connect/internal/linktest"
)

// TestOutageKeepsMappings: in an outage nobody's mapping is made or cleared, neither on demand nor by the look through all;
// afterwards what was blanked meanwhile is found.
func TestOutageKeepsMappings(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.org.Install(5, 400)
		w.connectBoth(t)
		w.mapUser(t, ann, annMC)
		w.wantCall(t, "/api/v1/outage", "", map[string]any{"mode": "hold", "minutes": 60, "reason": "upgrade", "by": "olga"}, 200, "outage.by", "API: olga")
		w.org.SetField(ann.ID, "")
		for path, body := range map[string]map[string]any{
			"/api/v1/users/check":    {},
			"/api/v1/users/clear":    {"users": []string{ann.Username}, "reason": "why"},
			"/api/v1/users/map":      {"crm_username": bob.Username, "engagement_username": bobMC.Username},
			"/api/v1/business-units": {"account_ids": []int64{linktest.EID}, "enabled": false},
		} {
			w.wantCall(t, path, "", body, 503, "error.code", "connection_unavailable")
		}
		if !w.tenant.Granted(annMC.Username) {
			t.Error("the grant was ended")
		}
		w.wantCall(t, "/api/v1/outage/end", "", map[string]any{"by": "olga"}, 200, "outage", "")
		w.wantChecked(t, 1, 0, 0, 1)
		w.wantUsers(t, "", ann.Username, "cleared")
	})
}
