package twinspan_test

import (
	"testing"
	"time"

	"github.com/twinspan/twinspan"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/vault"
)

// What a span of keys outlives (TestSpansOutlivePasswords) breaks a connection of stored passwords, with that cause named:
// the system user's security token is reset, his password is changed, it expires. The new ones are given, and it goes on,
// with the mappings under it. By key, which every version of the package has, nothing breaks it any more.
//
// seed:api S002-17
func TestPasswordConnectionsBreak(t *testing.T) {
	t.Parallel()
	for _, release := range []string{"5.400", "5.493", "219", "220"} {
		t.Run(release, func(t *testing.T) {
			t.Parallel()
			c := freePorts(t.TempDir())
			c.Package, c.Fixture = release, twinspan.FixtureLegacy
			users := 3
			if release == "220" { // from there on the way into Engagement is by key, and into the org it may be by password still
				c.Fixture, users = twinspan.FixtureNewOrg, 0
			}
			e := &endurance{Program: start(t, c)}
			system := e.Ready().CRM.SystemUser
			if release == "220" {
				_, err := e.control(t).SetClock(bounded(t), twinspan.LegacyStart)
				noError(t, err)
				noError(t, e.connect(t).ConnectOrgByPassword(bounded(t), system.Username, vault.Secret(system.Password), vault.Secret(system.SecurityToken), "test"))
			}
			e.stands(t, users, "")
			ids, err := e.admin(t).Query(bounded(t), "SELECT Id FROM User WHERE Username = '"+system.Username+"'")
			noError(t, err)
			id := ids[0].String("Id")
			e.letAdminsLogIn(t)
			renew := func(password vault.Secret) {
				t.Helper()
				e.withMailedToken(t, system.Username, func(token vault.Secret) error {
					return e.connect(t).ConnectOrgByPassword(bounded(t), "", password, token, "test")
				})
				e.stands(t, users, "")
			}

			e.advance(t, time.Hour)
			e.resetToken(t, id)
			e.stands(t, users, "security_token_reset")
			renew(vault.Secret(system.Password))
			noError(t, e.admin(t).SetUserPassword(bounded(t), id, "Another-pass-1"))
			e.stands(t, users, "password_changed")
			renew("Another-pass-1")
			e.advance(t, 120*24*time.Hour) // past 1 June 2016, too: what is there already goes on
			e.stands(t, users, "password_expired")
			users = 0 // nobody has come for longer than his refresh token lives
			noError(t, e.admin(t).SetUserPassword(bounded(t), id, "Another-pass-2"))
			renew("Another-pass-2")

			e.approve(t, id)
			noError(t, e.connect(t).ConnectOrgByKey(bounded(t), system.Username, "test", oauth.NewToken(16)))
			e.advance(t, time.Hour)
			noError(t, e.admin(t).SetUserPassword(bounded(t), id, "Another-pass-3"))
			e.stands(t, users, "")
		})
	}
}

// stands checks how the span into the org stands, and, where it does, who is mapped.
func (e *endurance) stands(t *testing.T, users int, cause string) {
	t.Helper()
	s, err := e.connect(t).CheckStatus(bounded(t), oauth.NewToken(16))
	noError(t, err)
	got := ""
	if s.Org.Cause != nil {
		got = s.Org.Cause.Code
	}
	if got != cause || (s.Org.State == "connected") != (cause == "") {
		t.Fatalf("the span into the org is %s by %+v, want cause %q", s.Org.State, s.Org.Cause, cause)
	}
	if cause != "" {
		return
	}
	all, err := e.connect(t).Users(bounded(t), "")
	noError(t, err)
	mapped := 0
	for _, u := range all {
		if one, err := e.connect(t).User(bounded(t), u.CRMUsername); err == nil && one.State == "mapped" {
			mapped++
		}
	}
	if mapped != users {
		t.Fatalf("%d users are mapped, want %d: %+v", mapped, users, all)
	}
}

// letAdminsLogIn lets administrators log in as any user.
func (e *endurance) letAdminsLogIn(t *testing.T) {
	t.Helper()
	noError(t, e.admin(t).UpdateSettings(bounded(t), []crm.Setting{e.setting(t, "enableAdminLoginAsAnyUser", "true")}))
}

// approve assigns the connected app to the system user, as document 003 has it.
func (e *endurance) approve(t *testing.T, userID string) {
	t.Helper()
	admin := e.admin(t)
	set, err := admin.CreateRecord(bounded(t), "PermissionSet", map[string]any{"Label": "Marketing Cloud Connected App"})
	noError(t, err)
	_, err = admin.CreateRecord(bounded(t), "PermissionSetAssignment", map[string]any{"PermissionSetId": set, "AssigneeId": userID})
	noError(t, err)
	apps, err := admin.Query(bounded(t), "SELECT Id FROM ConnectedApplication WHERE Name = 'Salesforce Marketing Cloud'")
	noError(t, err)
	_, err = admin.CreateRecord(bounded(t), "SetupEntityAccess", map[string]any{"ParentId": set, "SetupEntityId": apps[0].String("Id")})
	noError(t, err)
	all, err := admin.ReadConnectedApps(bounded(t), "et4ae5__Salesforce_Marketing_Cloud")
	noError(t, err)
	all[0].AdminApproved = true
	noError(t, admin.UpdateConnectedApp(bounded(t), all[0]))
}

// setting is a setting of the org with another value.
func (e *endurance) setting(t *testing.T, name, value string) crm.Setting {
	t.Helper()
	all, err := e.admin(t).ReadSettings(bounded(t))
	noError(t, err)
	for _, s := range all {
		if len(s.Path) >= len(name) && s.Path[len(s.Path)-len(name):] == name {
			s.Value = value
			return s
		}
	}
	t.Fatalf("the org has no setting %s", name)
	return crm.Setting{}
}

// now is the pair's domain time.
func (e *endurance) now(t *testing.T) time.Time {
	t.Helper()
	c, err := e.control(t).Clock(bounded(t))
	noError(t, err)
	return c.Now
}
