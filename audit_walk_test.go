package twinspan_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/vault"
)

// change is a call that changes something, and what the record says of it.
type change struct {
	path string // as openapi.yaml has it
	body map[string]any
	ids  []string // in the place of the path's parameters
	// action is that of the call's one entry, "" for none; before and after say whether it has them.
	action        string
	before, after bool
	// beside are actions of entries that come with it: of what it changes as well.
	beside []string
	keep   string // member of the answer that later calls need, by its path
}

// notChanges are calls that change nothing of the connection, or whose changes are told elsewhere.
var notChanges = map[string]string{
	"/api/v1/status/check":                   "looks",
	"/api/v1/users/check":                    "looks; what it finds cleared in the org is told as such",
	"/api/v1/integration-user/check":         "looks",
	"/api/v1/doctor":                         "looks",
	"/api/v1/doctor/rounds":                  "looks",
	"/api/v1/guides/{guide}":                 "looks",
	"/api/v1/connection/standing":            "connect.TestOwnLink: of a Connect without clouds of its own",
	"/api/v1/console-link":                   "an administrator makes it; who comes in by it is on record as the operator",
	"/api/v1/tracking/pull":                  "reads both clouds",
	"/api/v1/sends/triggered":                "a message, with a record of its own",
	"/api/v1/sends/test":                     "a message, with a record of its own",
	"/api/v1/imports/{import_id}/cancel":     "test/contract.TestImport: only one that is under way is cancelled",
	"/api/v1/connection/engagement":          "connect.TestAudit: the API user has to sign in",
	"/api/v1/connection/engagement/web-app":  "with the upgrade to tenant-specific OAuth",
	"/api/v1/connection/org/password":        "connect.TestPasswordIntoOrg: before 1 June 2016",
	"/api/v1/connection/engagement/password": "connect.TestPasswordIntoEngagement: with packages before 220",
}

// TestEveryChangeIsOnRecord walks the calls of openapi.yaml that change something: each leaves one entry with who asked, what
// was before and what is after, and the chain holds. A call that is new needs a line here.
func TestEveryChangeIsOnRecord(t *testing.T) {
	t.Parallel()
	c := freePorts("")
	c.Ephemeral = true
	h := openHouse(t, c)
	robot, child := h.ready.CRM.Users[2], h.ready.Engagement.BusinessUnits[1].MID
	app := h.ready.CRM.ConnectedApps["Integration Test"]
	ann := h.person(t, "Contact", "Walk", nil)
	tenantUser := ""
	for _, u := range must[[]connect.User](t)(h.connect.Users(bounded(t), "mapped")) {
		if u.CRMUsername == h.user {
			tenantUser = u.EngagementUsername
		}
	}
	credentials := map[string]any{"password": robot.Password, "security_token": robot.SecurityToken}
	integration := map[string]any{"username": robot.Username, "client_id": app.ClientID, "client_secret": app.ClientSecret, "password": robot.Password, "security_token": robot.SecurityToken}
	walk := []change{
		{path: "/api/v1/connection/settings", body: map[string]any{"legacy": "warn"}, action: "connection.settings", before: true, after: true},
		{path: "/api/v1/users/clear", body: map[string]any{"users": []string{h.user}, "reason": "walk"}, action: "user.cleared", before: true},
		{path: "/api/v1/users/map", body: map[string]any{"crm_username": h.user, "engagement_username": tenantUser}, action: "user.mapped", after: true},
		{path: "/api/v1/imports", body: map[string]any{"csv": "crm_username,engagement_username\nnobody@nowhere.example,nobody.mc\n"}, action: "import.started", after: true, beside: []string{"users.imported"}},
		{path: "/api/v1/business-units", body: map[string]any{"account_ids": []int64{child}, "enabled": true}, action: "business_unit.changed", before: true, after: true},
		{path: "/api/v1/notifications", body: map[string]any{"recipients": []string{"olga@admin.example"}}, action: "notifications.set", before: true, after: true},
		{path: "/api/v1/doctor/watch", body: map[string]any{"every_minutes": 15, "webhook": "https://hooks.example.com/x", "webhook_secret": "a secret of sixteen"}, action: "doctor.watch", before: true, after: true},
		{path: "/api/v1/doctor/fixes", body: map[string]any{"mends": []map[string]any{{"check": "D03", "command": "twinspan org app policies"}}}, action: "doctor.fix", after: true, keep: "id"},
		{path: "/api/v1/doctor/fixes/{fix_id}/end", body: map[string]any{}, ids: []string{"id"}, action: "doctor.fixed", after: true},
		{path: "/api/v1/tokens", body: map[string]any{"name": "walk", "role": "reader"}, action: "api_token.created", after: true, keep: "token.id"},
		{path: "/api/v1/tokens/{token_id}/revoke", body: map[string]any{}, ids: []string{"token.id"}, action: "api_token.revoked", before: true, after: true},
		{path: "/api/v1/usage/alerts", body: map[string]any{"percents": []int{50}}, action: "usage.alerts", before: true, after: true},
		{path: "/api/v1/api-user/change/pause", body: map[string]any{}, action: "api_user.paused", before: true, after: true},
		{path: "/api/v1/api-user/change/resume", body: map[string]any{}, action: "api_user.resumed", before: true, after: true},
		{path: "/api/v1/api-user/change/pause", body: map[string]any{}, action: "api_user.paused", before: true, after: true},
		{path: "/api/v1/api-user/change/cancel", body: map[string]any{}, action: "api_user.cancelled", before: true, after: true},
		{path: "/api/v1/integration-user", body: integration, action: "connection.integration_user", after: true},
		{path: "/api/v1/integration-user/renew", body: credentials, action: "connection.integration_user", before: true, after: true},
		{path: "/api/v1/integration-user/remove", body: map[string]any{}, action: "connection.integration_user", before: true},
		{path: "/api/v1/send-settings", body: map[string]any{"scope_by_user": true}, action: "send.settings", before: true, after: true},
		{
			path: "/api/v1/mailings", body: map[string]any{"kind": "contact", "ids": []string{ann}, "definition_key": "welcome", "as": h.user, "at": time.Now().Add(time.Hour).Format(time.RFC3339)},
			action: "send.asked", after: true, keep: "id",
		},
		{path: "/api/v1/mailings/{mailing_id}/cancel", body: map[string]any{}, ids: []string{"id"}, action: "send.cancelled", before: true, after: true},
		{path: "/api/v1/outage", body: map[string]any{"mode": "hold", "minutes": 60, "reason": "walk"}, action: "outage.set", before: true, after: true},
		{path: "/api/v1/outage/end", body: map[string]any{}, action: "outage.ended", before: true, after: true},
		{path: "/api/v1/triggers", body: map[string]any{"name": "Walk", "object": "Contact", "on": "insert", "definition_key": "welcome"}, action: "trigger.added", after: true, keep: "id"},
		{path: "/api/v1/triggers/{trigger_id}/active", body: map[string]any{"active": false}, ids: []string{"id"}, action: "trigger.changed", before: true, after: true},
		{path: "/api/v1/triggers/{trigger_id}/remove", body: map[string]any{}, ids: []string{"id"}, action: "trigger.removed", before: true},
		{path: "/api/v1/connection/disconnect", body: map[string]any{"reason": "walk"}, action: "connection.disconnected", before: true, after: true, beside: []string{"user.cleared"}},
		{path: "/api/v1/connection/org", body: map[string]any{"system_user": h.ready.CRM.SystemUser.Username}, action: "connection.org", before: true, after: true},
	}
	h.described(t, walk)

	var entries []map[string]any
	fresh := func() []map[string]any {
		t.Helper()
		all := h.ask(t, http.MethodGet, fmt.Sprintf("/api/v1/audit?limit=1000&after=%d", len(entries)), nil)["entries"].([]any)
		var added []map[string]any
		for _, e := range all {
			added = append(added, e.(map[string]any))
		}
		entries = append(entries, added...)
		return added
	}
	fresh()
	kept := map[string]string{}
	for _, step := range walk {
		path := step.path
		for _, id := range step.ids {
			begin, end := strings.IndexByte(path, '{'), strings.IndexByte(path, '}')
			path = path[:begin] + kept[id] + path[end+1:]
		}
		if step.body["by"] = "olga"; step.path == "/api/v1/imports" {
			h.wait(t, h.ask(t, http.MethodPost, path, step.body)["id"].(string))
		} else if answer := h.ask(t, http.MethodPost, path, step.body); step.keep != "" {
			for _, name := range strings.Split(step.keep, ".") {
				kept[step.keep], _ = answer[name].(string)
				answer, _ = answer[name].(map[string]any)
			}
		}
		found := 0
		for _, e := range fresh() {
			if e["action"] != step.action {
				if !slices.Contains(step.beside, e["action"].(string)) {
					t.Errorf("%s has an entry %v", step.path, e)
				}
				continue
			}
			found++
			if e["actor"] != "API: olga" || (e["before"] != nil) != step.before || (e["after"] != nil) != step.after || step.before && step.after && fmt.Sprint(e["before"]) == fmt.Sprint(e["after"]) {
				t.Errorf("%s: %v", step.path, e)
			}
		}
		if found != 1 {
			t.Errorf("%s has %d entries %s", step.path, found, step.action)
		}
		if strings.HasPrefix(step.path, "/api/v1/connection/settings") { // said again, nothing changes
			h.ask(t, http.MethodPost, path, step.body)
			if again := fresh(); len(again) > 0 {
				t.Errorf("%s, said again: %v", step.path, again)
			}
		}
	}
	verdict := h.ask(t, http.MethodGet, "/api/v1/audit/verify", nil)
	if verdict["ok"] != true || verdict["entries"] != float64(len(entries)) {
		t.Errorf("the chain of %d entries: %v", len(entries), verdict)
	}
	text, err := json.Marshal(entries)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{robot.Password, robot.SecurityToken, app.ClientSecret, h.ready.Connect.APIToken} {
		if bytes.Contains(text, []byte(secret)) {
			t.Error("the record holds a secret")
		}
	}
}

// described holds the walk to the description of the API: every POST is in it, or said not to be. Upgrades keep a record of
// their own steps.
func (h *house) described(t *testing.T, walk []change) {
	t.Helper()
	text, err := os.ReadFile("connect/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	path, n := "", 0
	for line := range strings.Lines(string(text)) {
		switch line = strings.TrimRight(line, "\n"); {
		case strings.HasPrefix(line, "  /api/"):
			path = strings.TrimSuffix(strings.TrimSpace(line), ":")
		case line == "    post:":
			n++
			_, no := notChanges[path]
			if !no && !strings.HasPrefix(path, "/api/v1/upgrade") && !slices.ContainsFunc(walk, func(c change) bool { return c.path == path }) {
				t.Errorf("%s: no change is known of it", path)
			}
		}
	}
	if n < len(walk) {
		t.Fatalf("%d calls in the description", n)
	}
}

// ask calls Connect's API and gives the answer, which is no refusal.
func (h *house) ask(t *testing.T, method, path string, body any) map[string]any {
	t.Helper()
	var reader io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		reader = bytes.NewReader(data)
	}
	req := must[*http.Request](t)(http.NewRequestWithContext(bounded(t), method, h.ready.Connect.URL+path, reader))
	req.Header.Set("Authorization", "Bearer "+vault.Secret(h.ready.Connect.APIToken).Reveal())
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp := must[*http.Response](t)(http.DefaultClient.Do(req))
	defer func() { _ = resp.Body.Close() }() // read below
	var answer map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %d %v, %v", method, path, resp.StatusCode, answer, err)
	}
	return answer
}

// wait waits until an import is over.
func (h *house) wait(t *testing.T, id string) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 3000 {
		if i := must[connect.Import](t)(h.connect.Import(bounded(t), id)); i.Over() {
			return
		}
		<-tick.C
	}
	t.Fatal("the import does not end")
}
