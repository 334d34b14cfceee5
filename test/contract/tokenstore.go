package contract

import (
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/client/browser"
	"github.com/twinspan/twinspan/internal/client/crm"
)

// tokenField is the User field "Marketing Cloud OAuth Token" (document 000, step 5).
const tokenField = "et4ae5__ExactTarget_OAuth_Token__c"

// RunTokenStore follows the mapping's token through the releases of the package, from the one that the org has: in the
// User field below 5.493, in the protected setting from there on (document 000). The org's administrator installs the
// newer ones. At the first release the three stories are played before that, and where the deployment takes the API user's
// password, over that span once more.
func RunTokenStore(t *testing.T, d Deployment, release string) {
	s, err := newSuite(d)
	ok(t, err)
	t.Cleanup(s.http.CloseIdleConnections)
	s.orgConnectedApp(t)
	s.orgSpan(t)
	s.calls.want(t, "GET", "/api/v1/status", nil, 200, "org.package_version", release)
	s.tenantSpan(t)
	b := s.map1(t, browser.New(s.http.Transport))
	s.byField = newer("5.493", release)
	s.stories(t)
	s.visitUnasked(t, s.map1(t, b))
	if s.byField {
		s.clearedInOrg(t, b)
		s.byField = false
		s.passesTheBoundary(t, b)
		release = "5.493"
	}
	s.protected(t, b, release)
	if s.TenantPasswords { // only while the package is older than 220
		s.retell = true
		s.drivers(t)
	}
}

// map1 maps the member in a browser and returns it.
func (s *suite) map1(t *testing.T, b *browser.Browser) *browser.Browser {
	t.Helper()
	page := s.visit(t, b, s.tab(), s.Member, s.TenantMember)
	if page.Status != 200 || !strings.Contains(page.Text, "Connected as "+s.TenantMember.Username) {
		t.Fatalf("the visit got %d: %s", page.Status, page.Text)
	}
	return b
}

// visitUnasked visits in the browser; nothing may be asked.
func (s *suite) visitUnasked(t *testing.T, b *browser.Browser) {
	t.Helper()
	forms := b.Sent()
	page := s.visit(t, b, s.tab(), Person{}, Person{})
	if page.Status != 200 || b.Sent() != forms || !strings.Contains(page.Text, "Connected as "+s.TenantMember.Username) {
		t.Fatalf("the visit got %d after %d forms: %s", page.Status, b.Sent()-forms, page.Text)
	}
}

// field finds somebody's record, as document 000 locates the user, and reads the field.
func (s *suite) field(t *testing.T, session *crm.Session, who Person) (id, value string) {
	t.Helper()
	users, err := session.Query(bounded(t), "SELECT Id, "+tokenField+" FROM User WHERE Username = '"+who.Username+"'")
	ok(t, err)
	if len(users) != 1 {
		t.Fatalf("users: %v", users)
	}
	return users[0].String("Id"), users[0].String(tokenField)
}

// setField edits a user's record and saves it.
func (s *suite) setField(t *testing.T, session *crm.Session, id string, value any) {
	t.Helper()
	ok(t, session.UpdateRecord(bounded(t), "User", id, map[string]any{tokenField: value}))
}

// sendAs sends a test as the member and waits until it has left.
func (s *suite) sendAs(t *testing.T) {
	t.Helper()
	sent := s.calls.want(t, "POST", "/api/v1/sends/test", map[string]any{"as": s.Member.Username, "to": "member@customer.example", "definition_key": s.Definition}, 200, "status", "accepted")
	s.awaitSent(t, sent.text("message_key"))
}

// clearedInOrg: below 5.493 the mapping hangs on the field; blanked or changed, it is cleared.
func (s *suite) clearedInOrg(t *testing.T, b *browser.Browser) {
	ctx := bounded(t)
	user := "/api/v1/users/" + s.Member.Username
	s.calls.want(t, "GET", user, nil, 200, "token_store", "user_field")
	admin := s.admin(t)
	id, handle := s.field(t, admin, s.Member)
	if len(handle) != 40 {
		t.Fatalf("the field holds %q, want 40 characters", handle)
	}
	// A user without elevated permissions cannot do it (step 1).
	token, err := s.org.Login(ctx, s.Outsider.Username, s.Outsider.Password+s.Outsider.SecurityToken)
	ok(t, err)
	if err := s.org.Session(token).UpdateRecord(ctx, "User", id, map[string]any{tokenField: nil}); err == nil {
		t.Fatal("an ordinary user edited another's record")
	}
	s.calls.want(t, "GET", user, nil, 200, "state", "mapped")
	s.visitUnasked(t, b)

	s.setField(t, admin, id, nil)
	page, err := b.Open(ctx, s.tab())
	ok(t, err)
	if strings.Contains(page.Text, "Connected as") {
		t.Fatalf("a cleared user is not asked: %s", page.Text)
	}
	a := s.calls.want(t, "GET", user, nil, 200, "state", "cleared")
	if a.text("cleared_by") != "org" || !strings.Contains(a.text("reason"), "blanked") {
		t.Errorf("on record: %v", a)
	}
	s.calls.want(t, "POST", "/api/v1/sends/test", map[string]any{"as": s.Member.Username, "to": "x@customer.example", "definition_key": s.Definition}, 409, "error.code", "not_mapped")
	s.map1(t, b)
	// An administrator without View Encrypted Data sees asterisks, one for each character.
	if _, again := s.field(t, admin, s.Member); len(again) != 40 || again == handle && strings.Trim(again, "*") != "" {
		t.Fatalf("mapped again, the field holds %q after %q", again, handle)
	}
	s.sendAs(t)
	// A look through all finds a field that was changed.
	if _, found := s.calls.do(t, "POST", "/api/v1/users/check", "k1", map[string]any{}); len(found["cleared"].([]any)) != 0 || found["looked"] != 2.0 { // the outsider is mapped since his story
		t.Fatalf("nothing was changed: %v", found)
	}
	s.setField(t, admin, id, "something else")
	if _, found := s.calls.do(t, "POST", "/api/v1/users/check", "k2", map[string]any{}); len(found["cleared"].([]any)) != 1 {
		t.Fatalf("a changed field: %v", found)
	}
	s.calls.want(t, "GET", user, nil, 200, "state", "cleared")
	s.map1(t, b)
	// Cleared in Connect, the field is blank.
	s.calls.want(t, "POST", "/api/v1/users/clear", map[string]any{"users": []string{s.Member.Username}, "reason": "test"}, 200, "next", "")
	if _, value := s.field(t, admin, s.Member); value != "" {
		t.Fatalf("cleared in Connect, the field holds %q", value)
	}
	s.map1(t, b)
}

// passesTheBoundary: 5.493 itself belongs to the new way, and passing it asks nobody for anything.
func (s *suite) passesTheBoundary(t *testing.T, b *browser.Browser) {
	s.upgrade(t, "5.493")
	// Seen on a visit, before anything else has noticed that the package is a new one: blanking no longer clears.
	admin := s.admin(t)
	id, _ := s.field(t, admin, s.Member)
	s.setField(t, admin, id, nil)
	s.visitUnasked(t, b)
	s.sendAs(t)
	s.calls.want(t, "GET", "/api/v1/users/"+s.Member.Username, nil, 200, "token_store", "protected_setting")
}

// upgrade installs a release.
func (s *suite) upgrade(t *testing.T, release string) {
	t.Helper()
	ctx := bounded(t)
	admin := s.admin(t)
	versions, err := admin.PackageVersions(ctx)
	ok(t, err)
	for _, v := range versions {
		if v.Name == release {
			ok(t, admin.InstallPackage(ctx, v.ID, crm.AdminsOnly))
			return
		}
	}
	t.Fatalf("no release %s in %v", release, versions)
}

// protected: from 5.493 on the field stays empty, blanking it changes nothing, and the user resets the mapping by giving
// his Engagement credentials again.
func (s *suite) protected(t *testing.T, b *browser.Browser, release string) {
	admin := s.admin(t)
	user := "/api/v1/users/" + s.Member.Username
	check := func() {
		t.Helper()
		if _, found := s.calls.do(t, "POST", "/api/v1/users/check", release, map[string]any{}); found["package_version"] != release {
			t.Fatalf("looked through: %v", found)
		}
		id, value := s.field(t, admin, s.Member)
		if value != "" {
			t.Fatalf("%s: the field holds %q", release, value)
		}
		s.setField(t, admin, id, "typed by somebody")
		s.setField(t, admin, id, nil)
		a := s.calls.want(t, "GET", user, nil, 200, "state", "mapped")
		if a.text("token_store") != "protected_setting" {
			t.Fatalf("%s: %v", release, a)
		}
		s.visitUnasked(t, b)
	}
	check()
	page, err := b.Visit(bounded(t), s.tab(), browser.Errand{Press: []string{"Reset my mapping"}})
	ok(t, err)
	if strings.Contains(page.Text, "Connected as") {
		t.Fatalf("reset and not asked: %s", page.Text)
	}
	s.calls.want(t, "GET", user, nil, 200, "state", "cleared")
	s.map1(t, b)
	s.sendAs(t)
	for _, next := range []string{"5.494", "219", "220"} {
		if next == release {
			break
		}
		if newer(next, release) {
			release = next
			s.upgrade(t, release)
			check()
		}
	}
}

// newer orders the releases of the suite.
func newer(a, b string) bool {
	const order = "5.400 5.493 5.494 219 220"
	return strings.Index(order, a) > strings.Index(order, b)
}
