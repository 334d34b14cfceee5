package sqlstore_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/orgtest"
	"github.com/twinspan/twinspan/crm/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

func newUser(name, profile string) map[string]any {
	return map[string]any{
		"Username": name, "LastName": "New", "Email": "new@x.example", "Alias": "new", "TimeZoneSidKey": "Europe/Berlin", "LocaleSidKey": "de_DE",
		"LanguageLocaleKey": "de", "EmailEncodingKey": "UTF-8", "ProfileId": profile,
	}
}

// profileOf finds a profile of the org by name.
func profileOf(t *testing.T, h *orgtest.House, o orgtest.Org, name string) string {
	t.Helper()
	var id string
	err := h.Store.Write(t.Context(), func(tx org.RecordTx) error {
		found, err := tx.Find(org.WholeSchema().Object(org.ObjectProfile, nil), o.ID, org.Values{"Name": name}, 1)
		if err == nil {
			id = found[0].Text("Id")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestUsersLive(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		ctx := t.Context()
		o := h.MakeOrg(t, "users")
		h.MakeOrg(t, "elsewhere")
		standard, admin := profileOf(t, h, o, org.StandardUserProfile), profileOf(t, h, o, org.AdministratorProfile)
		id, err := h.Records.Create(ctx, o.Admin, "User", newUser("new@users.example", standard))
		if err != nil {
			t.Fatal(err)
		}
		if n := len(h.Changed.Orgs); h.Changed.Orgs[n-1] != o.ID {
			t.Errorf("caches were told of %v", h.Changed.Orgs)
		}
		u, err := h.Store.UserByUsername(ctx, "NEW@users.example")
		if err != nil || u.ID != id || !u.Active || u.Nickname == "" || u.Name != "New" || !u.Permissions[org.PermAPIEnabled] || u.Permissions[org.PermViewSetup] {
			t.Fatalf("%+v, %v", u, err)
		}
		for name, c := range map[string]struct {
			in   map[string]any
			code fault.Code
		}{
			"a user name of this org":     {newUser("USER@users.example", standard), org.CodeDuplicateUsername},
			"a user name of another org":  {newUser("user@elsewhere.example", standard), org.CodeDuplicateUsername},
			"a user name that is no mail": {newUser("nobody", standard), org.CodeInvalidEmail},
			"a profile of another kind":   {newUser("x@users.example", string(o.App)), org.CodeInvalidValue},
			"a profile that is not there": {newUser("x@users.example", "00e000000000001AAA"), org.CodeInvalidReference},
			"a nickname that is taken":    {with(newUser("x@users.example", standard), "CommunityNickname", strings.ToUpper(u.Nickname)), org.CodeDuplicateNickname},
			"an alias that is too long":   {with(newUser("x@users.example", standard), "Alias", "123456789"), org.CodeStringTooLong},
			"no alias":                    {with(newUser("x@users.example", standard), "Alias", nil), org.CodeRequiredFieldMissing},
		} {
			if _, err := h.Records.Create(ctx, o.Admin, "User", c.in); fault.CodeOf(err) != c.code || fault.KindOf(err) != fault.Invalid {
				t.Errorf("%s: %v, want %s", name, err, c.code)
			}
		}
		// Another profile brings its permissions, and takes the old one's away.
		change := func(s org.Session, user org.ID, in map[string]any) error {
			return h.Records.Update(ctx, s, "User", string(user), in)
		}
		if err := change(o.Admin, id, map[string]any{"ProfileId": admin}); err != nil {
			t.Fatal(err)
		}
		if p := h.SessionOf(t, "new@users.example").Permissions; !p[org.PermModifyAllData] {
			t.Errorf("an administrator's permissions: %v", p)
		}
		if err := change(o.Admin, id, map[string]any{"ProfileId": standard}); err != nil {
			t.Fatal(err)
		}
		if p := h.SessionOf(t, "new@users.example").Permissions; p[org.PermModifyAllData] {
			t.Error("a standard user kept an administrator's permissions")
		}
		// Everybody keeps his own record, and nobody else's.
		if err := change(o.Normal, o.Normal.User, map[string]any{"Phone": "1", "TimeZoneSidKey": "GMT"}); err != nil {
			t.Errorf("own phone: %v", err)
		}
		if err := change(o.Normal, id, map[string]any{"Phone": "1"}); fault.CodeOf(err) != org.CodeInsufficientAccess {
			t.Errorf("another's phone: %v", err)
		}
		for _, field := range []string{"IsActive", "UserPermissionsMarketingUser"} {
			if err := change(o.Normal, o.Normal.User, map[string]any{field: false}); fault.CodeOf(err) != org.CodeFieldNotWriteable {
				t.Errorf("own %s: %v", field, err)
			}
		}
		if err := change(o.Normal, o.Normal.User, map[string]any{"et4ae5__ExactTarget_OAuth_Token__c": "x"}); fault.CodeOf(err) != org.CodeFieldNotWriteable {
			t.Errorf("own package field: %v", err)
		}
	})
}

func with(m map[string]any, name string, value any) map[string]any {
	m[name] = value
	return m
}

// Two administrators who put each other out at the same moment leave one; and nobody puts himself out.
func TestTheLastAdministratorStays(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		o := h.MakeOrg(t, "last")
		ids := []org.ID{o.Admin.User}
		for i := range 3 {
			id, err := h.Records.Create(t.Context(), o.Admin, "User", newUser(fmt.Sprintf("admin%d@last.example", i), profileOf(t, h, o, org.AdministratorProfile)))
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
		}
		err := h.Records.Update(t.Context(), o.Admin, "User", string(o.Admin.User), map[string]any{"IsActive": false})
		if fault.CodeOf(err) != org.CodeDeactivateSelf {
			t.Errorf("deactivating oneself beside other administrators: %v", err)
		}
		records := &org.Records{Store: h.Store, Clock: h.Clock, Changes: quiet{}}
		var wg sync.WaitGroup
		errs := make([]error, len(ids))
		for i, id := range ids {
			wg.Go(func() {
				other := o.Admin
				other.User = ids[(i+1)%len(ids)]
				errs[i] = records.Update(t.Context(), other, "User", string(id), map[string]any{"IsActive": false})
			})
		}
		wg.Wait()
		refused := 0
		for _, err := range errs {
			if fault.CodeOf(err) == org.CodeLastAdmin {
				refused++
			} else if err != nil {
				t.Error(err)
			}
		}
		if refused != 1 {
			t.Errorf("%d of %d were refused", refused, len(ids))
		}
	})
}

// An administrator who is frozen cannot put anything right: beside him the last one who can is neither frozen nor put out, by
// whoever manages users.
func TestTheLastAdministratorWhoIsNotFrozenStays(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		o := h.MakeOrg(t, "frozen")
		ctx, admin, standard := t.Context(), profileOf(t, h, o, org.AdministratorProfile), profileOf(t, h, o, "Standard User")
		second, err := h.Records.Create(ctx, o.Admin, "User", newUser("second@frozen.example", admin))
		if err != nil {
			t.Fatal(err)
		}
		manager := o.Admin // of users, without being an administrator
		if manager.User, err = h.Records.Create(ctx, o.Admin, "User", newUser("manager@frozen.example", standard)); err != nil {
			t.Fatal(err)
		}
		freeze := func(user org.ID, on bool) error {
			id := "0Yw" + user.Short()[3:]
			return h.Records.Update(ctx, manager, org.ObjectUserLogin, id, map[string]any{"IsFrozen": on})
		}
		set := func(user org.ID, field string, value any) error {
			return h.Records.Update(ctx, manager, "User", string(user), map[string]any{field: value})
		}
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		last := func(what string, err error) {
			t.Helper()
			if fault.CodeOf(err) != org.CodeLastAdmin {
				t.Errorf("%s: %v", what, err)
			}
		}
		must(freeze(second, true))
		last("freezing beside a frozen one", freeze(o.Admin.User, true))
		last("deactivating beside a frozen one", set(o.Admin.User, "IsActive", false))
		last("another profile beside a frozen one", set(o.Admin.User, "ProfileId", standard))
		must(freeze(second, false))
		must(freeze(o.Admin.User, true))
		must(freeze(o.Admin.User, true)) // again changes nothing
		last("the other way round", set(second, "IsActive", false))
		must(freeze(o.Admin.User, false))
		must(set(second, "IsActive", false))
		must(freeze(second, true)) // he is no administrator any more
	})
}

// Of many who want the same name, one gets it and the others are told so in words.
func TestRacesForAName(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		o := h.MakeOrg(t, "race")
		records := &org.Records{Store: h.Store, Clock: h.Clock, Changes: quiet{}}
		var wg sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			wg.Go(func() {
				_, errs[i] = records.Create(t.Context(), o.Admin, "PermissionSet", map[string]any{"Label": "Same Name"})
			})
		}
		wg.Wait()
		made := 0
		for _, err := range errs {
			if err == nil {
				made++
			} else if fault.CodeOf(err) != org.CodeDuplicateValue || !strings.Contains(fault.Of(err).Message, "duplicates value on record with id: 0PS") {
				t.Errorf("%v", err)
			}
		}
		if made != 1 {
			t.Errorf("%d sets of one name", made)
		}
		// Concurrent changes of different permissions of one set are all kept: they share a column.
		set, err := records.Create(t.Context(), o.Admin, "PermissionSet", map[string]any{"Label": "Shared"})
		if err != nil {
			t.Fatal(err)
		}
		names := org.StandardUserPermissions()
		for _, n := range names {
			wg.Go(func() {
				if err := records.Update(t.Context(), o.Admin, "PermissionSet", string(set), map[string]any{"Permissions" + n: true}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		rec, err := records.Read(t.Context(), o.Admin, "PermissionSet", string(set), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range names {
			if !rec.Values.Flag("Permissions" + n) {
				t.Errorf("%s is lost", n)
			}
		}
	})
}

type quiet struct{}

func (quiet) SetupChanged(org.ID) {}

func TestDeactivationEndsSessions(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		ctx := t.Context()
		o := h.MakeOrg(t, "deactivate")
		id := org.NewNumbers(h.Clock.Machine).Next()
		session := org.StoredSession{Session: org.Session{
			ID: id, Org: o.ID, User: o.Normal.User, Type: "API", Created: orgtest.Start, Expires: orgtest.Start.Add(time.Hour), Timeout: time.Hour,
		}}
		event := org.LoginEvent{ID: org.NumberID(org.PrefixLoginHistory, id), Org: o.ID, User: o.Normal.User, Time: orgtest.Start, Status: "Success"}
		if err := h.Store.AddSession(ctx, session, event); err != nil {
			t.Fatal(err)
		}
		if err := h.Records.Update(ctx, o.Admin, "User", string(o.Normal.User), map[string]any{"IsActive": false}); err != nil {
			t.Fatal(err)
		}
		got, err := h.Store.SessionByID(ctx, id)
		if err != nil || !got.Ended {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

func TestLicencesRunOut(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		ctx := t.Context()
		o := h.MakeOrg(t, "licences")
		err := h.Store.WriteTx(ctx, func(tx *sqldb.Tx, _ org.RecordTx) error {
			_, err := tx.Exec(`UPDATE user_license SET total_licenses = 3 WHERE org_id = $1`, string(o.ID))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		standard := profileOf(t, h, o, org.StandardUserProfile)
		third, err := h.Records.Create(ctx, o.Admin, "User", newUser("third@licences.example", standard))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.Records.Create(ctx, o.Admin, "User", newUser("fourth@licences.example", standard)); fault.CodeOf(err) != org.CodeLicenseLimit {
			t.Errorf("a fourth user: %v", err)
		}
		inactive, err := h.Records.Create(ctx, o.Admin, "User", with(newUser("fourth@licences.example", standard), "IsActive", false))
		if err != nil {
			t.Fatalf("an inactive one: %v", err)
		}
		activate := func(id org.ID, on bool) error {
			return h.Records.Update(ctx, o.Admin, "User", string(id), map[string]any{"IsActive": on})
		}
		if err := activate(inactive, true); fault.CodeOf(err) != org.CodeLicenseLimit {
			t.Errorf("activating him: %v", err)
		}
		if err := errors.Join(activate(third, false), activate(inactive, true)); err != nil {
			t.Errorf("in the place of another: %v", err)
		}
	})
}

func TestPermissionSetsGoWithWhatTheyCarry(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		ctx := t.Context()
		o := h.MakeOrg(t, "sets")
		create := func(object string, in map[string]any) string {
			t.Helper()
			id, err := h.Records.Create(ctx, o.Admin, object, in)
			if err != nil {
				t.Fatal(err)
			}
			return string(id)
		}
		set := create("PermissionSet", map[string]any{"Label": "Temporary"})
		access := create("SetupEntityAccess", map[string]any{"ParentId": set, "SetupEntityId": string(o.App)})
		assignment := create("PermissionSetAssignment", map[string]any{"PermissionSetId": set, "AssigneeId": string(o.Normal.User)})
		if err := h.Records.Delete(ctx, o.Admin, "PermissionSet", set); fault.CodeOf(err) != org.CodeInUse {
			t.Errorf("deleting an assigned set: %v", err)
		}
		if err := errors.Join(h.Records.Delete(ctx, o.Admin, "PermissionSetAssignment", assignment), h.Records.Delete(ctx, o.Admin, "PermissionSet", set)); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Records.Read(ctx, o.Admin, "SetupEntityAccess", access, nil); fault.CodeOf(err) != org.CodeNotFound {
			t.Errorf("the set's access is left: %v", err)
		}
		// A package's set keeps its name, and stays.
		var managed string
		err := h.Store.Write(ctx, func(tx org.RecordTx) error {
			found, err := tx.Find(org.WholeSchema().Object(org.ObjectPermissionSet, nil), o.ID, org.Values{"NamespacePrefix": "et4ae5"}, 1)
			if err == nil {
				managed = found[0].Text("Id")
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Records.Update(ctx, o.Admin, "PermissionSet", managed, map[string]any{"Name": "Other"}); fault.CodeOf(err) != org.CodeInsufficientAccess {
			t.Errorf("renaming a package's set: %v", err)
		}
		if err := h.Records.Delete(ctx, o.Admin, "PermissionSet", managed); fault.CodeOf(err) != org.CodeInsufficientAccess {
			t.Errorf("deleting a package's set: %v", err)
		}
		// The org may have a set of the same name.
		create("PermissionSet", map[string]any{"Label": "Marketing Cloud Connector"})
	})
}

func TestMigrationsAreNamed(t *testing.T) {
	t.Parallel()
	if m := sqlstore.Migrations(); m.Name != "org" || m.FS == nil {
		t.Errorf("%+v", m)
	}
}
