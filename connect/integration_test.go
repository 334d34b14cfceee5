package connect_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect"
	"github.com/twinspan/twinspan/connect/internal/linktest"
)

// TestIntegrationUserAlone: document 004's user is a connection of his own: without a system user he is tried all the same,
// his refusal is told with what may be its cause, and mailed.
func TestIntegrationUserAlone(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		var refused atomic.Bool
		w.org.Before(func(rw http.ResponseWriter, r *http.Request) bool {
			switch {
			case r.URL.Path == "/services/oauth2/token" && refused.Load():
				linktest.Answer(rw, http.StatusBadRequest, map[string]string{"error": "invalid_grant", "error_description": "authentication failure"})
			case r.URL.Path == "/services/oauth2/token":
				linktest.Answer(rw, http.StatusOK, map[string]string{"access_token": "robot-token", "instance_url": w.org.URL, "token_type": "Bearer", "id": w.org.URL + "/id/" + linktest.OrgID + "/005000000000009AAA"})
			case r.URL.Path == "/services/oauth2/userinfo":
				linktest.Answer(rw, http.StatusOK, map[string]string{"user_id": "005000000000009AAA", "organization_id": linktest.OrgID, "preferred_username": "robot@org.example", "name": "Robot"})
			default:
				return false
			}
			return true
		})
		w.wantCall(t, "/api/v1/notifications", "", map[string]any{"recipients": []string{"olga@admin.example"}}, 200, "error", "")
		w.wantCall(t, "/api/v1/integration-user", "", map[string]any{"username": "robot@org.example", "password": "canary-robot", "client_id": "app"}, 200, "state", "connected")
		refused.Store(true)
		// The doctor tries him, and does not go by what he was when his credentials were given.
		_, d := w.call(t, "/api/v1/doctor", "", nil)
		found := false
		for _, f := range d["findings"].([]any) {
			found = found || linktest.Text(f.(map[string]any), "check") == "T06" && linktest.Text(f.(map[string]any), "subject") == "robot@org.example"
		}
		if !found {
			t.Errorf("the doctor does not find that the integration user is refused: %v", d)
		}
		w.advance(t, 20*time.Minute)
		if err := w.bridge.Close(); err != nil {
			t.Fatal(err)
		}
		p := &post{came: make(chan struct{}, 100)}
		w.openWith(t, connect.Options{SweepEvery: 20 * time.Millisecond, Mail: p})
		p.wait(t)
		_, s := w.call(t, "/api/v1/status", "", nil)
		if linktest.Text(s, "integration_user.state") != "broken" || linktest.Text(s, "integration_user.cause.code") != "credentials_refused" {
			t.Errorf("status: %v", s)
		}
	})
}
