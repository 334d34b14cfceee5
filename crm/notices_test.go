package crm_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

const notifications = data + "/limits/apiUsage/notifications"

// Whoever is named is mailed once when use reaches a part of the limit, and again only after it was below and the
// interval is over (connect-facts 6).
func TestAWarningIsMailedAtTheThreshold(t *testing.T) {
	t.Parallel()
	const limit = 50
	eachMetered(t, limit, func(t *testing.T, h *house) {
		connector, admin, user := h.appToken(t, 0), h.spec.Users[0].Username, h.spec.Users[1].Username
		put := func(who string, threshold, hours any) (int, string) {
			return h.call(t, connector, "POST", notifications, map[string]any{"username": who, "threshold": threshold, "intervalHours": hours})
		}
		for _, c := range []struct {
			who                 string
			threshold, interval any
			status              int
			says                string
		}{
			{admin, 80, nil, 204, ""},
			{user, 100, 1, 204, ""},
			{strings.ToUpper(user), 20, 2, 204, ""},
			{"nobody@nowhere.example", 20, 2, 400, "INVALID_CROSS_REFERENCE_KEY"},
			{user, 101, 2, 400, `"fields":["threshold"]`},
			{user, 20, 25, 400, `"fields":["intervalHours"]`},
			{user, nil, 2, 400, "REQUIRED_FIELD_MISSING"},
		} {
			if status, answer := put(c.who, c.threshold, c.interval); status != c.status || !strings.Contains(answer, c.says) {
				t.Errorf("%v: %d %s", c, status, answer)
			}
		}
		if status, answer := h.call(t, h.user, "GET", notifications, nil); status != 403 || !strings.Contains(answer, "INSUFFICIENT_ACCESS_OR_READONLY") {
			t.Errorf("without Modify All Data: %d %s", status, answer)
		}
		if status, _ := h.call(t, connector, "DELETE", notifications+"/"+user+"/20", nil); status != 204 {
			t.Errorf("deleting: %d", status)
		}
		if status, _ := h.call(t, connector, "DELETE", notifications+"/"+user+"/20", nil); status != 404 {
			t.Errorf("deleting again: %d", status)
		}

		used, _ := h.counted(t, connector)
		mails := func(who string, want int) {
			t.Helper()
			h.counted(t, connector) // what is not called is not looked at
			if err := h.cloud.MeterTick(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := h.mails.to(who); len(got) != want {
				t.Fatalf("with %d used %s has %d mails, want %d", used, who, len(got), want)
			}
		}
		call := func(until int) {
			t.Helper()
			for used < until {
				used, _ = h.counted(t, h.user)
			}
		}
		call(limit*80/100 - 1)
		mails(admin, 0)
		call(limit * 80 / 100)
		mails(admin, 1)
		m := h.mails.to(admin)[0]
		if !strings.Contains(m.Subject, "has reached 80% of its API requests") || !strings.Contains(m.Text, "has made 40 of its 50 API requests") || !strings.Contains(m.Text, "10 are left") {
			t.Errorf("%s\n%s", m.Subject, m.Text)
		}
		mails(user, 0)
		call(limit)
		mails(admin, 1)
		mails(user, 1)
		if status, _ := h.call(t, h.user, "GET", data, nil); status != 403 {
			t.Errorf("past the limit: %d", status)
		}
		mails(user, 1)

		// A day later nothing is used; a session lives two hours unused.
		at := func(hours int) {
			t.Helper()
			if err := h.cloud.SetClock(t.Context(), h.spec.ID, time.Duration(hours)*time.Hour); err != nil {
				t.Fatal(err)
			}
		}
		for hours := 1; hours <= 24; hours++ {
			at(hours)
			h.counted(t, connector)
		}
		h.user = h.login(t, user, "user-pw-1TOKEN")
		used, _ = h.counted(t, connector)
		if used != 0 {
			t.Fatalf("a day later %d are used", used)
		}
		mails(admin, 1)
		call(limit)
		mails(admin, 2)
		mails(user, 2)
		_, answer := h.call(t, connector, "GET", notifications, nil)
		var list []map[string]any
		if err := json.Unmarshal([]byte(answer), &list); err != nil {
			t.Fatal(err)
		}
		if len(list) != 2 || list[0]["username"] != admin || list[0]["threshold"] != 80.0 || list[0]["intervalHours"] != 24.0 || list[0]["lastSent"] == nil {
			t.Errorf("%s", answer)
		}
		if _, trail := h.query(t, connector, "SELECT Display FROM SetupAuditTrail WHERE Section = 'API Usage Notifications'"); len(trail) != 4 {
			t.Errorf("the trail: %v", trail)
		}
	})
}
