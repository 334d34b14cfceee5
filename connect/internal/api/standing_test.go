package api_test

import (
	"net/http"
	"testing"

	"github.com/twinspan/twinspan/connect/internal/api"
)

// everywhere are the routes that change something and are possible in every standing, with why.
var everywhere = map[string]string{
	"/api/v1/connection/standing":                      "it says the standing",
	"/api/v1/connection/settings":                      "it is Connect's own",
	"/api/v1/connection/disconnect":                    "it ends what Connect has, which may be nothing",
	"/api/v1/status/check":                             "it asks what there is",
	"/api/v1/notifications":                            "it is Connect's own",
	"/api/v1/usage/alerts":                             "it is Connect's own",
	"/api/v1/send-settings":                            "it is Connect's own, and a send asks for itself",
	"/api/v1/tokens":                                   "it is Connect's own",
	"/api/v1/tokens/{token_id}/revoke":                 "it is Connect's own",
	"/api/v1/console-link":                             "it is Connect's own",
	"/api/v1/doctor":                                   "it looks; each check knows its standings",
	"/api/v1/doctor/watch":                             "it is Connect's own",
	"/api/v1/doctor/rounds":                            "it looks",
	"/api/v1/doctor/fixes/{fix_id}/end":                "it ends what was begun where that was possible",
	"/api/v1/guides/{guide}":                           "it looks; the guide knows the standings",
	"/api/v1/imports/{import_id}/cancel":               "it ends what was begun where that was possible",
	"/api/v1/mailings/{mailing_id}/cancel":             "it ends what was begun where that was possible",
	"/api/v1/triggers/{trigger_id}/active":             "it suspends in every standing; its service refuses to resume where nothing fires",
	"/api/v1/triggers/{trigger_id}/remove":             "it takes away what was made where that was possible",
	"/api/v1/integration-user/renew":                   "it is of one who was connected where that was possible",
	"/api/v1/integration-user/check":                   "it is of one who was connected where that was possible",
	"/api/v1/integration-user/remove":                  "it forgets one who was connected where that was possible",
	"/api/v1/outage/end":                               "it ends what was begun where that was possible",
	"/api/v1/api-user/change/cancel":                   "it ends what was begun where that was possible",
	"/api/v1/upgrade/cancel":                           "it ends what was begun where that was possible",
	"/api/v1/upgrade/schedule/withdraw":                "it takes back what was booked where that was possible",
	"/api/v1/upgrade/migrations/{migration_id}/cancel": "it ends what was begun where that was possible",
}

// TestEveryChangeKnowsItsStandings: each route that changes something says which operation of the table it does, or is known to be
// possible everywhere; and no operation is said of a route that there is not.
func TestEveryChangeKnowsItsStandings(t *testing.T) {
	t.Parallel()
	routes := map[string]bool{}
	for _, r := range api.Routes() {
		routes[r.Method+" "+r.Path] = true
		if r.Method == http.MethodGet {
			continue
		}
		if _, free := everywhere[r.Path]; free == (r.Need() != "") {
			t.Errorf("%s %s: its operation is %q, and that it is possible everywhere is said: %v", r.Method, r.Path, r.Need(), free)
		}
	}
	for name := range api.Needs() {
		if !routes[name] {
			t.Errorf("there is no route %s", name)
		}
	}
	for path := range everywhere {
		if !routes["POST "+path] {
			t.Errorf("there is no route POST %s", path)
		}
	}
}
