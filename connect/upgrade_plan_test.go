package connect_test

import (
	"testing"

	"github.com/twinspan/twinspan/connect/internal/linktest"
)

// A plan is refused where it cannot be meant, with the parameter at fault, and says where there is nothing to upgrade.
func TestUpgradePlanRequests(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		plan := func(query string) (int, map[string]any, string) {
			status, answer := w.call(t, "/api/v1/upgrade/plan"+query, "", nil)
			findings, _ := answer["findings"].([]any)
			if len(findings) == 0 {
				return status, answer, linktest.Text(answer, "error.field")
			}
			return status, answer, linktest.Text(findings[0].(map[string]any), "code")
		}
		if status, answer, code := plan(""); status != 200 || code != "not_connected" || answer["blocked"] != true {
			t.Errorf("not connected: %d %v", status, answer)
		}
		w.connectBoth(t)
		for query, field := range map[string]string{
			"?kind=both": "kind", "?order=random": "order", "?mode=perhaps": "mode", "?at=soon": "at", "?at=2199-01-01T00:00:00Z": "at", "?minutes=0": "minutes", "?minutes=4321": "minutes",
			"?leave_out=": "leave_out",
		} {
			if status, answer, code := plan(query); status != 400 || code != field {
				t.Errorf("%s: %d %v", query, status, answer)
			}
		}
		for _, kind := range []string{"connected_app", "tenant_oauth"} {
			if status, answer, code := plan("?kind=" + kind); status != 200 || code != "nothing_to_upgrade" || answer["blocked"] != true || answer["kind"] != kind {
				t.Errorf("%s by key already: %d %v", kind, status, answer)
			}
		}
	})
}
