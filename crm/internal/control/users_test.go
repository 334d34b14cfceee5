package control_test

import (
	"testing"

	"github.com/twinspan/twinspan/crm/internal/control"
	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/orgtest"
)

// Users are added all or none, once, and only as they are described fully.
func TestAddUsers(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		ctl := h.Control
		ctl.Changes = silent{}
		mine, other := orgtest.Spec("mine"), orgtest.Spec("other")
		for _, s := range []org.Spec{mine, other} {
			if err := ctl.CreateOrg(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
		user := func(name string) org.UserSpec {
			return org.UserSpec{Username: name, LastName: "Many", Profile: org.StandardUserProfile, PasswordHash: "$hash", SecurityToken: "token"}
		}
		add := func(users ...org.UserSpec) ([]org.ID, error) {
			return ctl.AddUsers(t.Context(), org.ID(mine.ID), control.Added{Users: users, Sets: []string{mine.PermissionSets[0].Label}, Seats: 2000})
		}
		first, err := add(user("one@many.example"), user("two@many.example"))
		if err != nil {
			t.Fatal(err)
		}
		again, err := add(user("TWO@many.example"), user("three@many.example"))
		if err != nil || again[0] != first[1] || again[1] == first[0] {
			t.Fatalf("%v after %v, %v", again, first, err)
		}
		if c, err := h.Store.Credential(t.Context(), org.ID(mine.ID), first[0]); err != nil || c.PasswordHash != "$hash" || c.SecurityTokenLength != 5 {
			t.Errorf("the credential is %+v, %v", c, err)
		}
		if u, err := h.Store.UserByUsername(t.Context(), "three@many.example"); err != nil || !u.Active || u.ProfileName != org.StandardUserProfile {
			t.Errorf("the user is %+v, %v", u, err)
		}
		bare := user("bare@many.example")
		bare.PasswordHash, bare.Password = "", "secret"
		boss := user("boss@many.example")
		boss.Profile = "Boss"
		for name, users := range map[string][]org.UserSpec{
			"without its hash":  {bare},
			"one twice":         {user("a@many.example"), user("A@many.example")},
			"another org's":     {user("a@many.example"), user(other.Users[0].Username)},
			"no such profile":   {user("a@many.example"), boss},
			"no user name":      {user("a@many.example"), user("nobody")},
			"more than at once": make([]org.UserSpec, control.MaxAdded+1),
		} {
			if _, err := add(users...); err == nil {
				t.Errorf("%s: accepted", name)
			}
		}
		if _, err := h.Store.UserByUsername(t.Context(), "a@many.example"); err == nil {
			t.Error("a user was added with others who were refused")
		}
		if _, err := ctl.AddUsers(t.Context(), org.ID(mine.ID), control.Added{Users: []org.UserSpec{user("set@many.example")}, Sets: []string{"none"}}); err != nil {
			t.Errorf("a permission set that is not there: %v", err)
		}
	})
}
