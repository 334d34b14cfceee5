package connect_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect"
	"github.com/twinspan/twinspan/connect/internal/linktest"
)

// TestUsageAlerts: thresholds are set and told with what is reached of them; who is told of exceptions is mailed.
func TestUsageAlerts(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.connectBoth(t)
		var left atomic.Int64
		left.Store(150)
		w.org.Before(func(rw http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, "/limits") && !strings.HasSuffix(r.URL.Path, "/limits/") {
				return false
			}
			linktest.Answer(rw, http.StatusOK, map[string]any{"DailyApiRequests": map[string]any{"Max": 1000, "Remaining": left.Load()}})
			return true
		})
		reached := func(a map[string]any) (all []string) {
			for _, c := range a["alerts"].(map[string]any)["reached"].([]any) {
				all = append(all, linktest.Text(c.(map[string]any), "of"))
			}
			return all
		}
		a := w.wantCall(t, "/api/v1/usage", "", nil, 200, "error", "")
		if got := reached(a); len(got) != 1 || got[0] != "org_limit" || a["org_used_percent"] != 85.0 || len(a["alerts"].(map[string]any)["percents"].([]any)) != 2 {
			t.Fatalf("usage: %v", a)
		}
		for field, body := range map[string]map[string]any{
			"percents": {"percents": []int{101}}, "counted": {"counted": -1},
		} {
			w.wantCall(t, "/api/v1/usage/alerts", "", body, 400, "error.field", field)
		}
		w.wantCall(t, "/api/v1/usage/alerts", "", map[string]any{"percents": []int{1, 2, 3, 4, 5, 6}}, 400, "error.code", "invalid_alerts")
		a = w.wantCall(t, "/api/v1/usage/alerts", "", map[string]any{"percents": []int{99, 90, 90}, "counted": 100_000, "by": "olga"}, 200, "error", "")
		if len(reached(a)) != 0 || len(a["alerts"].(map[string]any)["percents"].([]any)) != 2 {
			t.Errorf("set: %v", a)
		}
		if e := w.entries(t); e[len(e)-1] != "API: olga usage.alerts" {
			t.Errorf("the record: %v", e)
		}
		w.wantCall(t, "/api/v1/notifications", "", map[string]any{"recipients": []string{"olga@admin.example"}}, 200, "error", "")
		left.Store(20)
		if err := w.bridge.Close(); err != nil {
			t.Fatal(err)
		}
		p := &post{came: make(chan struct{}, 100)}
		w.openWith(t, connect.Options{SweepEvery: 20 * time.Millisecond, Mail: p})
		if m := p.wait(t); m.To.Email != "olga@admin.example" || m.Subject != "The org has used 90% of its API requests" || !strings.Contains(m.Text, "980 of 1000 requests") {
			t.Errorf("mailed: %+v", m)
		}
	})
}
