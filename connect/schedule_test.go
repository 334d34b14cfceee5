package connect_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect"
	"github.com/twinspan/twinspan/connect/internal/linktest"
)

const schedulePath = "/api/v1/upgrade/schedule"

// subjects are what was mailed to somebody, in order.
func (p *post) subjects(to string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []string
	for _, m := range p.took {
		if m.To.Email == to {
			all = append(all, m.Subject)
		}
	}
	return all
}

// An outage is booked, moved and withdrawn; both admins are told of each, and a day before it, once: also where the program
// was stopped, and where the mail server takes nothing for a while.
func TestScheduleIsTold(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.wantCall(t, schedulePath, "", map[string]any{"at": w.now().Add(time.Hour)}, 409, "error.code", "not_connected")
		w.connectBoth(t)
		w.wantCall(t, schedulePath, "", map[string]any{"at": w.now().Add(time.Hour)}, 409, "error.code", "nothing_to_upgrade")
		w.at(t, lastDay.Add(-30*24*time.Hour))
		w.org.SetSecurityToken(system.Username, orgToken)
		w.connectOrg(t, 200, "org.auth", "password")
		w.wantCall(t, schedulePath, "", nil, 200, "schedule", "")
		if err := w.bridge.Close(); err != nil {
			t.Fatal(err)
		}
		p := &post{down: true, came: make(chan struct{}, 100)}
		w.openWith(t, connect.Options{SweepEvery: -1, TrackEvery: -1, TickEvery: 10 * time.Millisecond, Mail: p})

		at := w.now().Add(72 * time.Hour).UTC().Truncate(time.Minute)
		book := map[string]any{"at": at, "engagement_admins": []string{"eve@admin.example"}, "crm_admins": []string{"carl@admin.example"}, "by": "olga"}
		for field, value := range map[string]any{"at": w.now().Add(-time.Minute), "window_minutes": 5000, "engagement_admins": []string{"Eve <eve@admin.example>"}, "crm_admins": []string{""}} {
			bad := map[string]any{}
			for k, v := range book {
				bad[k] = v
			}
			bad[field] = value
			w.wantCall(t, schedulePath, "", bad, 400, "error.field", field)
		}
		w.wantCall(t, schedulePath, "", map[string]any{"by": "olga"}, 400, "error.field", "at")
		s := w.wantCall(t, schedulePath, "", book, 200, "schedule.upgrade.state", "booked")
		if linktest.Text(s, "schedule.upgrade.at") != at.Format(time.RFC3339) || linktest.Text(s, "schedule.upgrade.mode") != "hold" || linktest.Text(s, "schedule.upgrade.order") != "safe" {
			t.Fatalf("booked: %v", s)
		}
		w.wantCall(t, "/api/v1/outage", "", nil, 200, "outage", "")
		if again := w.wantCall(t, schedulePath, "", nil, 200, "schedule.upgrade.id", linktest.Text(s, "schedule.upgrade.id")); again["proposal"] == nil {
			t.Errorf("what is booked: %v", again)
		}
		// The plan is of what is booked.
		if plan := w.wantCall(t, "/api/v1/upgrade/plan", "", nil, 200, "from", at.Format(time.RFC3339)); plan["kind"] != "connected_app" {
			t.Errorf("the plan: %v", plan)
		}

		// The mail server takes nothing, and the program is stopped: nothing is lost by it, and nothing told twice.
		until := func(what string, done func() bool) {
			t.Helper()
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			for range 6000 {
				if done() {
					return
				}
				<-tick.C
			}
			t.Fatalf("%s does not come about: %v", what, p.subjects("eve@admin.example"))
		}
		until("a try", func() bool { return p.tries() > 1 })
		if err := w.bridge.Close(); err != nil {
			t.Fatal(err)
		}
		p.mu.Lock()
		p.down = false
		p.mu.Unlock()
		w.openWith(t, connect.Options{SweepEvery: -1, TrackEvery: -1, TickEvery: 10 * time.Millisecond, UpgradeLook: 10 * time.Millisecond, Mail: p})
		const outage = "outage for the upgrade to Connected App authentication"
		const booked, soon, missed, withdrawn = "Booked: " + outage, "Tomorrow: " + outage, "Not opened: " + outage, "Withdrawn: " + outage
		told := func(want ...string) {
			t.Helper()
			for _, to := range []string{"eve@admin.example", "carl@admin.example"} {
				until("the mail to "+to, func() bool { return len(p.subjects(to)) >= len(want) })
				if got := p.subjects(to); !slices.Equal(got, want) {
					t.Errorf("%s was told %q, want %q", to, got, want)
				}
			}
		}
		told(booked)
		// Moved, its new hour is told; the addresses stay.
		at = at.Add(24 * time.Hour)
		s = w.wantCall(t, schedulePath, "", map[string]any{"at": at, "mode": "fail", "after_sends": true, "by": "olga"}, 200, "schedule.upgrade.mode", "fail")
		if admins := s["schedule"].(map[string]any)["crm_admins"].([]any); len(admins) != 1 || admins[0] != "carl@admin.example" {
			t.Errorf("moved: %v", s)
		}
		told(booked, booked)
		p.mu.Lock()
		text := p.took[len(p.took)-1].Text
		p.mu.Unlock()
		if !strings.Contains(text, "from "+at.Format("2006-01-02 15:04 UTC")) || !strings.Contains(text, "once the sends have completed") || !strings.Contains(text, "document 003") {
			t.Errorf("the mail says %s", text)
		}
		w.at(t, at.Add(-23*time.Hour))
		told(booked, booked, soon)
		// Its hour comes, and nobody has acknowledged: nothing opens, both are told, and it says so. Another hour can be booked.
		passed := func() bool {
			_, u := w.call(t, "/api/v1/upgrade", "", nil)
			found, _ := u["upgrade"].(map[string]any)["findings"].([]any)
			return len(found) == 1 && found[0].(map[string]any)["code"] == "hour_passed"
		}
		w.at(t, at.Add(time.Minute))
		told(booked, booked, soon, missed)
		until("the finding", passed)
		w.wantCall(t, "/api/v1/outage", "", nil, 200, "outage", "")
		w.wantCall(t, schedulePath, "", map[string]any{"at": at.Add(5 * time.Hour), "by": "olga"}, 200, "schedule.upgrade.state", "booked")
		told(booked, booked, soon, missed, booked)
		if passed() {
			t.Error("the hour of another day has passed")
		}
		w.wantCall(t, schedulePath+"/withdraw", "", map[string]any{"by": "olga", "reason": "not this week"}, 200, "upgrade.id", linktest.Text(s, "schedule.upgrade.id"))
		told(booked, booked, soon, missed, booked, withdrawn)
		w.wantCall(t, schedulePath+"/withdraw", "", map[string]any{"by": "olga"}, 404, "error.code", "not_booked")
		w.wantCall(t, schedulePath, "", nil, 200, "schedule", "")
		ids := map[string]bool{}
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, m := range p.took {
			if ids[m.MessageID] {
				t.Errorf("two mails have one Message-ID: %+v", m)
			}
			ids[m.MessageID] = true
		}
	})
}
