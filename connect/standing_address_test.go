package connect_test

import (
	"strings"
	"testing"

	"github.com/twinspan/twinspan/connect"
	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/connect/internal/sqlstore"
)

// Where real clouds are somebody says, and Connect sends signed assertions, codes and secrets there: addresses inside its own
// network are refused when they are said and when they are dialled, and stored credentials follow no change of address
// (security SF-01, SF-04, SF-06, SF-07; SF-02 is shown in internal/egress).
func TestCloudAddresses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		reopen := func(o connect.Options) {
			t.Helper()
			w.stored(t, func(*sqlstore.Store) error { return nil }) // closes it
			o.SweepEvery, o.TickEvery, o.LookEvery, o.TrackEvery, o.ExamineEvery = -1, -1, -1, -1, -1
			w.openWith(t, o)
		}
		call := w.real(t)
		said := func(org, auth string) map[string]any {
			return map[string]any{"standing": "own_link", "org_url": org, "engagement_auth_url": auth, "consumer_key": "own-key", "by": "olga"}
		}
		for _, bad := range []string{
			"http://acme.my.salesforce.com", "https://acme.my.salesforce.com:25", "http://169.254.169.254", "http://127.1:8080", "https://0177.0.0.1", "https://2130706433", "https://10.0.0.1", "https://[fe80::1%25eth0]", "https://intranet",
		} {
			if a := call(standingPath, said(bad, w.tenant.URL), 400, "error.field", "org_url"); linktest.Text(a, "error.code") != "cloud_address" {
				t.Errorf("%s: %v", bad, a)
			}
			call(standingPath, said(w.org.URL, bad), 400, "error.field", "engagement_auth_url")
		}
		call("/api/v1/status", nil, 200, "standing", "unset")

		// A Connect that is on this machine alone, as for a rehearsal, has clouds on it too.
		a := call(standingPath, said(w.org.URL, w.tenant.URL), 200, "org_url", w.org.URL)
		w.org.ConsumerKey, w.org.Certificate = "own-key", linktest.Text(a, "org_certificate")
		w.tenant.Server, w.tenant.Web, w.tenant.AppUser = linktest.Client{ID: "server-id", Secret: serverKey}, linktest.Client{ID: "web-id", Secret: webKey}, apiUser.Username
		call("/api/v1/connection/org", map[string]any{"system_user": system.Username}, 200, "org.state", "connected")
		call(tenantWebApp, map[string]any{"client_id": "server-id", "client_secret": serverKey, "web_client_id": "web-id", "web_client_secret": webKey}, 200, "engagement.state", "connected")

		// The package's secrets were given for one address.
		moved := call(standingPath, said(w.org.URL, "https://other.auth.marketingcloudapis.com"), 409, "error.code", "address_changed")
		if linktest.Text(moved, "error.field") != "engagement_auth_url" || strings.Contains(linktest.Text(moved, "error.message"), serverKey) {
			t.Errorf("another address for stored secrets: %v", moved)
		}
		call(standingPath, said("", ""), 200, "engagement_auth_url", w.tenant.URL) // not said anew, they stay

		// Once other machines are told where Connect is, this one's own addresses are not for clouds: at no dial, whatever is stored.
		reopen(connect.Options{BaseURL: "https://connect.example"})
		call(standingPath, said(w.org.URL, w.tenant.URL), 400, "error.code", "cloud_address")
		if a := call("/api/v1/connection/org", map[string]any{"system_user": system.Username}, 502, "error.code", "cloud_unreachable"); !strings.Contains(linktest.Text(a, "error.message"), "A cloud's address may not be at 127.0.0.1") {
			t.Errorf("at the dial: %v", a)
		}
		// What the operator listed is reached, and nothing beside it.
		reopen(connect.Options{BaseURL: "https://connect.example", CloudsAt: []string{strings.TrimPrefix(w.org.URL, "http://")}})
		call("/api/v1/connection/org", map[string]any{"system_user": system.Username}, 200, "org.state", "connected")
		call(tenantWebApp, map[string]any{"client_id": "server-id", "client_secret": serverKey}, 502, "error.code", "cloud_unreachable")
		w.noSecrets(t, serverKey, webKey)
	})
}
