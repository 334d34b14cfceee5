package tenant_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
)

func TestTakeSnapshot(t *testing.T) {
	t.Parallel()
	roles := []tenant.Role{
		{ID: "reader", Allow: []string{"Email.Read"}},
		{ID: "sender", Allow: []string{"Email.Send", "Email.Read"}},
		{ID: "no-send", Deny: []string{"Email.Send"}},
		{ID: "nothing", Deny: []string{tenant.AllowAll}},
		{ID: "all", Allow: []string{tenant.AllowAll}},
	}
	give := func(user int64, mid tenant.MID, role string) tenant.Assignment {
		return tenant.Assignment{UserID: user, MID: mid, RoleID: role}
	}
	for name, c := range map[string]struct {
		given             []tenant.Assignment
		top, north, south []string
	}{
		"nothing given":       {nil, nil, nil, nil},
		"one role":            {[]tenant.Assignment{give(7, 0, "reader")}, []string{"Email.Read"}, []string{"Email.Read"}, []string{"Email.Read"}},
		"another's":           {[]tenant.Assignment{give(8, 0, "reader")}, nil, nil, nil},
		"unknown role":        {[]tenant.Assignment{give(7, 0, "gone")}, nil, nil, nil},
		"two roles":           {[]tenant.Assignment{give(7, 0, "reader"), give(7, 0, "sender")}, []string{"Email.Read", "Email.Send"}, []string{"Email.Read", "Email.Send"}, []string{"Email.Read", "Email.Send"}},
		"deny wins":           {[]tenant.Assignment{give(7, 0, "no-send"), give(7, 0, "sender")}, []string{"Email.Read"}, []string{"Email.Read"}, []string{"Email.Read"}},
		"deny over all":       {[]tenant.Assignment{give(7, 0, "all"), give(7, 0, "nothing")}, nil, nil, nil},
		"user in a unit":      {[]tenant.Assignment{give(7, 0, "reader"), give(7, 101, "sender")}, []string{"Email.Read"}, []string{"Email.Read", "Email.Send"}, []string{"Email.Read"}},
		"everybody in a unit": {[]tenant.Assignment{give(7, 0, "reader"), give(0, 101, "sender")}, []string{"Email.Read"}, []string{"Email.Read", "Email.Send"}, []string{"Email.Read"}},
		"unit denies":         {[]tenant.Assignment{give(7, 0, "sender"), give(0, 101, "no-send")}, []string{"Email.Read", "Email.Send"}, []string{"Email.Read"}, []string{"Email.Read", "Email.Send"}},
		"another in a unit":   {[]tenant.Assignment{give(8, 101, "sender")}, nil, nil, nil},
		// Nobody is "everybody in the enterprise".
		"everybody everywhere": {[]tenant.Assignment{give(0, 0, "sender")}, nil, nil, nil},
	} {
		s := tenant.TakeSnapshot(7, roles, c.given)
		for mid, want := range map[tenant.MID][]string{100: c.top, 101: c.north, 102: c.south} {
			if got := s.At(mid); !slices.Equal(got, want) {
				t.Errorf("%s: at %d %v, want %v", name, mid, got, want)
			}
		}
	}
	all := tenant.TakeSnapshot(7, roles, []tenant.Assignment{give(7, 0, "all")})
	if d := cmp.Diff(tenant.AllPermissions(), all.Base); d != "" {
		t.Error(d)
	}
	if all.Equal(tenant.TakeSnapshot(7, roles, []tenant.Assignment{give(7, 0, "reader")})) || !all.Equal(all) {
		t.Error("Equal")
	}
}

// A snapshot holds the roles that its user had everywhere; roles in one unit, of another user or unknown ones do not count.
func TestSnapshotHoldsRoles(t *testing.T) {
	t.Parallel()
	roles := []tenant.Role{{ID: "1", CustomerKey: "a"}, {ID: "2", CustomerKey: "b"}, {ID: "3", CustomerKey: "own", Private: true}}
	given := []tenant.Assignment{{UserID: 7, RoleID: "1"}, {UserID: 7, RoleID: "3"}, {UserID: 7, RoleID: "2", MID: 101}, {UserID: 8, RoleID: "2"}}
	s := tenant.TakeSnapshot(7, roles, given)
	if !s.Holds("a") || s.Holds("a", "b") || s.Holds("own") || s.Holds("c") || tenant.TakeSnapshot(9, roles, given).Roles == nil {
		t.Errorf("%+v", s)
	}
	old := tenant.Snapshot{Base: s.Base, ByMID: s.ByMID} // as earlier versions kept it
	without := tenant.TakeSnapshot(7, roles, given[1:])
	if !s.Equal(old) || !old.Equal(s) || s.Equal(without) {
		t.Errorf("%+v, %+v, %+v", s, old, without)
	}
}

func TestPermissionForScope(t *testing.T) {
	t.Parallel()
	for scope, want := range map[string]string{
		"email_send": tenant.PermEmailSend, "list_and_subscribers_read": tenant.PermListsRead, "data_extensions_write": tenant.PermDataExtensionsWrite,
		"marketing_cloud_connect_send": tenant.PermConnectSend, "contact_bu_mapping_create": "ContactBuMapping.Create", "offline": "", "openid": "", "x": "",
	} {
		if got := tenant.PermissionForScope(scope); got != want {
			t.Errorf("%s: %q, want %q", scope, got, want)
		}
	}
	ids := map[int]string{}
	for _, name := range tenant.AllPermissions() {
		p := tenant.PermissionByName(name)
		if p.Name() != name || p.ID == 0 || ids[p.ID] != "" {
			t.Errorf("%s has id %d, like %q", name, p.ID, ids[p.ID])
		}
		ids[p.ID] = name
	}
	if tenant.KnownPermission("Email.Fly") || !tenant.KnownPermission("Email.Send") || tenant.KnownScope("email_fly") || !tenant.KnownScope("offline") {
		t.Error("what is known")
	}
}
