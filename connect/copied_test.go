package connect_test

import (
	"strings"
	"testing"

	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/internal/client/browser"
)

// A connection that was copied into another org, as by refreshing a sandbox, runs nothing there and says what the vendor's
// package needs; once its own org answers again, it goes on. Disconnecting the copy touches neither cloud.
func TestACopiedConnectionRefusesToRun(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.connectBoth(t)
		w.mapUser(t, ann, annMC)
		body := map[string]any{"contact_id": contact, "definition_key": "welcome"}
		w.wantCall(t, "/api/v1/sends/triggered", "", body, 200, "status", "accepted")
		before := len(w.tenant.Messages())

		w.org.Copy("00D000000000009EAA")
		w.org.DropTokens()
		a := w.wantCall(t, "/api/v1/sends/triggered", "k1", body, 403, "error.code", "connection_copied")
		if text := linktest.Text(a, "error.message"); !strings.Contains(text, "et4ae5.SupportUtilities.resetConfiguration();") || !strings.Contains(text, linktest.OrgID) {
			t.Errorf("refused with %q", text)
		}
		w.wantCall(t, "/api/v1/status", "", nil, 200, "state", "broken")
		w.wantCall(t, "/api/v1/status", "", nil, 200, "org.cause.code", "connection_copied")
		w.wantCall(t, "/api/v1/connection/org", "", map[string]any{"system_user": system.Username}, 403, "error.code", "connection_copied")
		w.wantCall(t, "/api/v1/users/map", "", map[string]any{"crm_username": bob.Username, "engagement_username": bobMC.Username}, 403, "error.code", "connection_copied")
		page := w.visit(t, browser.New(nil), w.url+"/marketing-cloud", bob, bobMC)
		if page.Status == 200 || w.tenant.Granted(bobMC.Username) && strings.Contains(page.Text, "Connected as") {
			t.Errorf("the tab of the copy answers %d: %s", page.Status, page.Text)
		}
		if n := len(w.tenant.Messages()); n != before {
			t.Errorf("%d messages went out of the copy", n-before)
		}

		w.org.Copy("")
		w.wantCall(t, "/api/v1/sends/triggered", "k2", body, 200, "status", "accepted")
		w.wantCall(t, "/api/v1/status", "", nil, 200, "state", "connected")

		// What the copy remembers is forgotten there; the original's grants stay.
		w.org.Copy("00D000000000009EAA")
		w.org.DropTokens()
		w.wantCall(t, "/api/v1/sends/triggered", "k3", body, 403, "error.code", "connection_copied")
		w.org.Approve(system.Username, false) // the copy's admin has begun to tidy up
		w.wantCall(t, "/api/v1/sends/triggered", "k4", body, 403, "error.code", "invalid_app_access")
		w.wantCall(t, "/api/v1/status", "", nil, 200, "org.cause.code", "connection_copied")
		if a := w.wantCall(t, "/api/v1/connection/disconnect", "", map[string]any{"reason": "a copy"}, 200, "next", ""); a["disconnected"] != true || a["cleared"] != 1.0 {
			t.Errorf("disconnected: %v", a)
		}
		if !w.tenant.Granted(annMC.Username) || !w.tenant.Granted(apiUser.Username) {
			t.Error("disconnecting the copy has ended grants of the original")
		}
	})
}
