package crm_test

import (
	"strings"
	"testing"
	"time"
)

// resetPassword gives a user a temporary password, as an administrator does.
func (h *house) resetPassword(t *testing.T, id string) string {
	t.Helper()
	_, body := h.soapCall(t, h.admin, `<resetPassword xmlns="urn:partner.soap.sforce.com"><userId>`+id+`</userId></resetPassword>`)
	password := between(body, "<password>", "</password>")
	if password == "" {
		t.Fatalf("no temporary password: %s", body)
	}
	return password
}

// TestTheProofOfAnExpiredPassword is good for the password that was shown alone, and for nobody who may not log in.
func TestTheProofOfAnExpiredPassword(t *testing.T) {
	t.Parallel()
	h := open(t, "sqlite")
	username := h.spec.Users[1].Username
	id := h.findID(t, "SELECT Id FROM User WHERE Username = '"+username+"'")
	login := h.findID(t, "SELECT Id FROM UserLogin WHERE UserId = '"+id+"'")
	// shown is the page that asks for another password.
	shown := func(password string) (*person, string) {
		p := h.person(t)
		_, page := p.signIn(t, username, password)
		if !strings.Contains(page, "has expired") {
			t.Fatalf("the page: %s", page)
		}
		return p, between(page, `name="tx" value="`, `"`)
	}
	choose := func(p *person, tx, password string) (int, string) {
		return p.post(t, "/secur/expiredpassword.jsp", "tx", tx, "new_password", password, "confirm_password", password)
	}
	first := h.resetPassword(t, id)
	thief, tx := shown(first)
	second := h.resetPassword(t, id)
	if status, page := choose(thief, tx, "stolen-pass-1"); status != 410 || strings.Contains(page, username) {
		t.Errorf("the proof of a password that an administrator replaced: %d", status)
	}
	user, tx := shown(second)
	freeze := func(on bool) {
		if status, body := h.call(t, h.admin, "PATCH", data+"/sobjects/UserLogin/"+login, map[string]any{"IsFrozen": on}); status != 204 {
			t.Fatalf("freezing: %d %s", status, body)
		}
	}
	freeze(true)
	if status, _ := choose(user, tx, "frozen-pass-1"); status != 403 {
		t.Errorf("a frozen user: %d", status)
	}
	freeze(false)
	h.set(t, "SecuritySettings", "<passwordPolicies><maxLoginAttempts>ThreeAttempts</maxLoginAttempts></passwordPolicies>")
	for range 3 {
		h.wantLogin(t, username, "wrong", "INVALID_LOGIN")
	}
	if status, _ := choose(user, tx, "locked-pass-1"); status != 410 {
		t.Errorf("a user who is locked out: %d", status)
	}
	if status, body := h.call(t, h.admin, "PATCH", data+"/sobjects/UserLogin/"+login, map[string]any{"IsPasswordLocked": false}); status != 204 {
		t.Fatalf("unlocking: %d %s", status, body)
	}
	if status, page := choose(user, tx, "of-my-own-1"); status != 200 || !strings.Contains(page, username) {
		t.Errorf("the user himself: %d", status)
	}
	if status, _ := choose(user, tx, "of-my-own-2"); status != 410 {
		t.Errorf("the same proof again: %d", status)
	}
}

// TestAnExpiredPasswordChangesNobodyElses: the session of an administrator whose password has expired is limited to his own
// (crm-wire 2.3, security PW-06).
func TestAnExpiredPasswordChangesNobodyElses(t *testing.T) {
	t.Parallel()
	h := open(t, "sqlite")
	user := h.findID(t, "SELECT Id FROM User WHERE Username = '"+h.spec.Users[1].Username+"'")
	admin := h.findID(t, "SELECT Id FROM User WHERE Username = '"+h.spec.Users[0].Username+"'")
	if err := h.cloud.SetClock(t.Context(), h.spec.ID, 91*24*time.Hour); err != nil {
		t.Fatal(err)
	}
	session, fault := h.tryLogin(t, h.spec.Users[0].Username, "admin-pw-1TOKEN")
	if fault != "expired" {
		t.Fatalf("after 91 days: %q", fault)
	}
	set := func(id string) string {
		_, body := h.soapCall(t, session, `<setPassword xmlns="urn:partner.soap.sforce.com"><userId>`+id+`</userId><password>of-my-own-1</password></setPassword>`)
		return body
	}
	if got := set(user); !strings.Contains(got, "INVALID_OPERATION_WITH_EXPIRED_PASSWORD") {
		t.Errorf("another's: %s", got)
	}
	if got := set(admin); !strings.Contains(got, "setPasswordResponse") {
		t.Errorf("his own: %s", got)
	}
}
