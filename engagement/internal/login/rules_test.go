package login_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenanttest"
)

// settings stores the tenant's settings.
func (h *house) settings(json string) {
	h.Helper()
	h.sql(`UPDATE tenant SET settings = $2 WHERE eid = $1`, int64(h.EID), json)
}

// TestPasswordExpiry: an expired password opens nothing but the form that changes it.
func TestPasswordExpiry(t *testing.T) {
	each(t, func(h *house) {
		h.settings(`{"password_days":90}`)
		h.advance(91 * 24 * time.Hour)
		f, b := h.flow(h.Public), h.browser()
		page := b.get(f.path())
		a := b.post(f.path(), url.Values{"form_token": {b.formToken(page)}, "username": {h.Sender}, "password": {tenanttest.Password}})
		if a.status != 200 || !strings.Contains(a.text, "Choose a new password") {
			t.Fatalf("an expired password: %d %s", a.status, a.text)
		}
		a = b.post(f.path(), url.Values{
			"form_token": {b.formToken(a)}, "username": {h.Sender}, "password": {tenanttest.Password},
			"new_password": {"another password 1"}, "new_password_again": {"another password 1"},
		})
		h.granted(h.token(h.exchange(f, b.back(f, a).Get("code"))))
		// API users are excluded unless the switch says so.
		h.sign(h.Public, h.API)
	})
}

// TestLoginExpiry: who has not signed in for too long gets no tokens by assertion until he signs in on the page.
func TestLoginExpiry(t *testing.T) {
	each(t, func(h *house) {
		h.sign(h.Connect, h.API)
		kept := h.sign(h.Public, h.Sender)
		h.settings(`{"inactive_days":30}`)
		h.advance(29 * 24 * time.Hour)
		h.granted(h.token(h.assert(h.API, nil)))
		kept = h.refresh(h.Public, kept)
		h.granted(kept)
		h.advance(2 * 24 * time.Hour)
		h.refused(h.refresh(h.Public, kept), 400, "invalid_grant")
		h.refused(h.token(h.assert(h.API, nil)), 400, "invalid_grant")
		h.granted(h.token(h.server(nil))) // a package's own user never signs in
		h.sign(h.Public, h.API)
		h.granted(h.token(h.assert(h.API, nil)))
	})
}

// TestLockoutChoices: three wrong passwords lock where Setup says three.
func TestLockoutChoices(t *testing.T) {
	each(t, func(h *house) {
		h.settings(`{"lockout_after":3}`)
		f, b := h.flow(h.Public), h.browser()
		for range 3 {
			page := b.get(f.path())
			b.post(f.path(), url.Values{"form_token": {b.formToken(page)}, "username": {h.Sender}, "password": {"wrong password"}})
		}
		if h.user(h.Sender).Locked.IsZero() {
			t.Error("three wrong passwords did not lock")
		}
	})
}

// TestSessionsAndOffline: an administrator lists and ends a user's sessions; tokens issued without offline end with
// them, others do not (engagement-wire 2.1).
func TestSessionsAndOffline(t *testing.T) {
	each(t, func(h *house) {
		h.sql(`UPDATE installed_package SET scopes = $2 WHERE client_id = $1`, h.Server, `["users_read","users_write"]`)
		admin := h.granted(h.token(h.server(nil)))
		b := h.browser()
		on := h.flow(h.Public)
		on.extra = url.Values{"scope": {"email_read"}}
		online := h.token(h.exchange(on, b.signIn(on, h.Sender, tenanttest.Password).Get("code")))
		off := h.flow(h.Public)
		a := b.get(off.path()) // the session is there: no form
		offline := h.token(h.exchange(off, b.back(off, a).Get("code")))
		if !h.alive(h.granted(online)) || !h.alive(h.granted(offline)) {
			t.Fatal("fresh tokens are not honoured")
		}
		list := h.get("/v2/sessions?username="+url.QueryEscape(h.Sender), admin)
		items, _ := list.body["items"].([]any)
		if list.status != 200 || len(items) != 1 {
			t.Fatalf("sessions: %d %s", list.status, list.text)
		}
		id := items[0].(m)["id"].(string)
		for i, want := range []int{204, 404} {
			if got := h.call("DELETE", "/v2/sessions/"+id, admin, ""); got.status != want {
				t.Errorf("ending it, time %d: %d %s", i+1, got.status, got.text)
			}
		}
		if h.alive(online.str("access_token")) || !h.alive(offline.str("access_token")) {
			t.Error("tokens without offline end with the session, others do not")
		}
		if page := b.get(h.flow(h.Public).path()); page.status != 200 {
			t.Errorf("the browser is still signed in: %d", page.status)
		}
		for path, want := range map[string]int{"/v2/sessions": 400, "/v2/sessions?username=nobody": 404} {
			if got := h.get(path, admin); got.status != want {
				t.Errorf("%s: %d %s", path, got.status, got.text)
			}
		}
	})
}
