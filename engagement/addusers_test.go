package engagement_test

import (
	"strings"
	"testing"

	"github.com/twinspan/twinspan/engagement"
	"github.com/twinspan/twinspan/engagement/internal/tenanttest"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// Users are added all or none, each as if he had signed in through the connect package. Adding one again gives him another
// sign-in and leaves him as he is.
func TestAddUsers(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := start(t, sqldbtest.DSN(t, kind))
			h, other := spec(), spec()
			for _, h := range []tenanttest.House{h, other} {
				if err := s.CreateTenant(t.Context(), h.Spec); err != nil {
					t.Fatal(err)
				}
			}
			slug := h.Spec.Subdomain
			user := func(name string) engagement.UserSpec {
				return engagement.UserSpec{Username: name + "." + slug, Email: name + "@many.example", PasswordHash: "$hash", Roles: []string{"Content Creator"}, SalesforceStatus: name + "@org.example"}
			}
			add := func(a engagement.Approval, users ...engagement.UserSpec) ([]engagement.AddedUser, error) {
				return s.AddUsers(t.Context(), h.Spec.EID, users, a)
			}
			signedIn := engagement.Approval{ClientID: h.Connect, SignedIn: true}
			first, err := add(signedIn, user("one"), user("two"))
			if err != nil {
				t.Fatal(err)
			}
			again, err := add(signedIn, user("TWO"), user("three"))
			if err != nil || again[0].ID != first[1].ID || again[1].ID == first[0].ID {
				t.Fatalf("%+v after %+v, %v", again, first, err)
			}
			granted, err := add(engagement.Approval{ClientID: h.Connect}, user("three"), user("four"))
			if err != nil || granted[1].RefreshToken != "" || granted[0].ID != again[1].ID {
				t.Fatalf("%+v, %v", granted, err)
			}
			for name, u := range map[string]engagement.AddedUser{"one": first[0], "two": first[1], "two again": again[0], "three": again[1]} {
				status, a := call(t, "POST", s.url+"/v2/token", "", map[string]any{"grant_type": "refresh_token", "client_id": h.Connect, "refresh_token": u.RefreshToken.Reveal()})
				token, _ := a["access_token"].(string)
				if status != 200 || !s.alive(t, token) {
					t.Fatalf("%s: %d %v", name, status, a)
				}
				_, who := call(t, "GET", s.url+"/v2/userinfo", token, nil)
				info, _ := who["user"].(map[string]any)
				if got, _ := info["preferred_username"].(string); !strings.HasPrefix(got, strings.Fields(name)[0]+".") {
					t.Errorf("%s is signed in as %v", name, who)
				}
			}
			bare := user("bare")
			bare.PasswordHash = ""
			foreign := user("foreign")
			foreign.Username = other.Spec.Users[0].Username
			role := user("role")
			role.Roles = []string{"Flyer"}
			for name, users := range map[string][]engagement.UserSpec{
				"without a hash":    {user("five"), bare},
				"another tenant's":  {user("five"), foreign},
				"no such role":      {user("five"), role},
				"more than at once": make([]engagement.UserSpec, engagement.MaxAdded+1),
			} {
				if _, err := add(signedIn, users...); err == nil {
					t.Errorf("%s: accepted", name)
				}
			}
			if _, err := add(engagement.Approval{ClientID: other.Connect}, user("five")); err == nil {
				t.Error("another tenant's package is accepted")
			}
			if none, err := add(signedIn); err != nil || len(none) != 0 {
				t.Errorf("nobody: %+v, %v", none, err)
			}
		})
	}
}
