package sqlstore_test

import (
	"strings"
	"testing"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/orgtest"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/vault"
)

func TestDirectory(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		ctx := t.Context()
		o := h.MakeOrg(t, "dir")
		other := h.MakeOrg(t, "other")

		u, err := h.Store.UserByUsername(ctx, "ADMIN@dir.Example")
		if err != nil {
			t.Fatal(err)
		}
		if u.Org != o.ID || u.ProfileName != org.AdministratorProfile || !u.Active || u.Name != "Ada Admin" || u.UserType != "Standard" {
			t.Errorf("user = %+v", u)
		}
		if !u.Permissions[org.PermModifyAllData] || u.Permissions["ApiUserOnly"] {
			t.Errorf("an administrator's permissions: %v", u.Permissions)
		}
		normal, err := h.Store.UserByID(ctx, o.ID, o.Normal.User)
		if err != nil || !normal.Permissions[org.PermAPIEnabled] || normal.Permissions[org.PermViewSetup] {
			t.Fatalf("standard user: %v, %v", normal.Permissions, err)
		}
		if _, err := h.Store.UserByID(ctx, other.ID, o.Normal.User); fault.CodeOf(err) != org.CodeNotFound {
			t.Errorf("a user read through another org: %v", err)
		}
		if _, err := h.Store.AppByID(ctx, other.ID, o.App); fault.CodeOf(err) != org.CodeNotFound {
			t.Errorf("an app read through another org: %v", err)
		}
		if _, err := h.Store.AppByConsumerKey(ctx, strings.ToUpper(o.Spec.ConnectedApps[0].ConsumerKey)); fault.CodeOf(err) != org.CodeNotFound {
			t.Errorf("a consumer key in other case: %v", err)
		}
		app, err := h.Store.AppByID(ctx, o.ID, o.App)
		if err != nil || app.DeveloperName != "Salesforce_Marketing_Cloud" || len(app.CallbackURLs) != 2 || len(app.Scopes) != 2 ||
			string(app.SecretHash) != string(vault.HashToken("app secret of dir")) {
			t.Errorf("app = %+v, %v", app, err)
		}
		found, err := h.Store.OrgByID(ctx, o.ID)
		if err != nil || found.Name != "Org dir" || found.Settings.AllowUsernamePasswordFlow {
			t.Errorf("org = %+v, %v", found, err)
		}
	})
}

// The union of permissions and the way from user to app lead over the profile's set and over assigned ones alike.
func TestPermissionSetsGrant(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		ctx := t.Context()
		o := h.MakeOrg(t, "grants")
		approved := func() bool {
			t.Helper()
			ok, err := h.Store.AdminApproved(ctx, o.ID, o.Normal.User, o.App)
			if err != nil {
				t.Fatal(err)
			}
			return ok
		}
		create := func(object string, in map[string]any) string {
			t.Helper()
			id, err := h.Records.Create(ctx, o.Admin, object, in)
			if err != nil {
				t.Fatal(err)
			}
			return string(id)
		}
		set := create("PermissionSet", map[string]any{"Label": "Marketing Cloud Connected App", "PermissionsResetPasswords": true})
		create("SetupEntityAccess", map[string]any{"ParentId": set, "SetupEntityId": string(o.App)})
		if approved() {
			t.Fatal("approved before the assignment")
		}
		assignment := create("PermissionSetAssignment", map[string]any{"PermissionSetId": set, "AssigneeId": string(o.Normal.User)})
		if !approved() || !h.SessionOf(t, "user@grants.example").Permissions[org.PermResetPasswords] {
			t.Fatal("the assigned set gives nothing")
		}
		if err := h.Records.Update(ctx, o.Admin, "PermissionSet", set, map[string]any{"HasActivationRequired": true}); err != nil {
			t.Fatal(err)
		}
		if approved() {
			t.Error("a set that wants activation works without it")
		}
		if err := h.Records.Update(ctx, o.Admin, "PermissionSet", set, map[string]any{"HasActivationRequired": false}); err != nil {
			t.Fatal(err)
		}
		if err := h.Records.Delete(ctx, o.Admin, "PermissionSetAssignment", assignment); err != nil {
			t.Fatal(err)
		}
		if approved() {
			t.Error("approved after the assignment was taken away")
		}
	})
}
