package twinspan_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twinspan/twinspan"
	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/test/spawn"
)

// bulkUser is the user name that the number-th of a fixture's many users has in the org.
func bulkUser(r twinspan.Ready, number int) string {
	_, host, _ := strings.Cut(r.CRM.Admin.Username, "@")
	return fmt.Sprintf("user-%06d@%s", number, host)
}

// mapped checks that so many users are mapped, and that the mappings of the numbered ones work.
func mapped(t *testing.T, r twinspan.Ready, want int, numbers ...int) {
	t.Helper()
	if _, users := status(t, r); len(users) != want {
		t.Errorf("%d users are known, want %d", len(users), want)
	}
	c, err := connect.New(r.Connect.URL, vault.Secret(r.Connect.APIToken), nil)
	noError(t, err)
	for _, n := range numbers {
		if u, err := c.User(bounded(t), bulkUser(r, n)); err != nil || u.State != "mapped" {
			t.Errorf("user %d: %+v, %v", n, u, err)
		}
	}
}

// A fixture has as many users as are wanted. What a start did not come to is made by the next one, and nobody twice.
func TestFixtureUsers(t *testing.T) {
	t.Parallel()
	for _, kind := range spawn.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			c := freePorts(t.TempDir())
			c.DB, c.FixtureUsers = spawn.DSN(t, kind), 250
			p := start(t, c)
			mapped(t, p.Ready(), 253, 1, 200, 250)
			noError(t, p.Close())

			// As if it had been killed before it noted how far it had come.
			seed := filepath.Join(c.DataDir, "seed.json")
			text, err := os.ReadFile(seed)
			noError(t, err)
			var kept map[string]any
			noError(t, json.Unmarshal(text, &kept))
			bulk := kept["bulk_users"].(map[string]any)
			bulk["made"] = 0
			text, err = json.Marshal(kept)
			noError(t, err)
			noError(t, os.WriteFile(seed, text, 0o600))
			c.FixtureUsers = 430
			p = start(t, c)
			r := p.Ready()
			mapped(t, r, 433, 1, 250, 251, 430)

			admin := signIn(t, r, r.CRM.Admin)
			found, err := admin.Query(bounded(t), "SELECT Id FROM PermissionSetAssignment WHERE PermissionSet.Label = 'Marketing Cloud Connected App' AND Assignee.Username LIKE 'user-%'")
			if err != nil || len(found) != 430 {
				t.Errorf("%d users may use the app, %v", len(found), err)
			}
			if _, err := admin.CreateRecord(bounded(t), "User", map[string]any{
				"Username": "one.more@bridge.example", "Email": "one.more@bridge.example", "LastName": "More", "Alias": "more", "ProfileId": profileOf(t, admin, bulkUser(r, 1)),
				"TimeZoneSidKey": "America/Los_Angeles", "LocaleSidKey": "en_US", "LanguageLocaleKey": "en_US", "EmailEncodingKey": "UTF-8",
			}); err != nil {
				t.Errorf("no seat is left for a user more: %v", err)
			}
			// All sign in with one password.
			login, _ := bulk["login"].(map[string]any)
			org, err := crm.New(crm.Options{BaseURL: r.CRM.URL})
			noError(t, err)
			if _, err := org.Login(bounded(t), bulkUser(r, 430), vault.Secret(fmt.Sprint(login["password"], login["security_token"]))); err != nil {
				t.Errorf("signing in as one of many: %v", err)
			}

			for body, want := range map[string]int{`{"users":435}`: http.StatusOK, `{"users":3}`: http.StatusOK, `{"users":-1}`: http.StatusBadRequest, `{"users":1000001}`: http.StatusBadRequest} {
				if code, text := raw(t, r, r.Control.Token, http.MethodPost, "/fixtures", "application/json", body); code != want {
					t.Errorf("POST /fixtures %s: %d %s", body, code, text)
				}
			}
			mapped(t, r, 438, 435)
		})
	}
}

func profileOf(t *testing.T, admin *crm.Session, username string) string {
	t.Helper()
	found, err := admin.Query(bounded(t), "SELECT ProfileId FROM User WHERE Username = '"+username+"'")
	noError(t, err)
	return found[0].String("ProfileId")
}

// Under stored passwords users are mapped by refresh tokens of their own where the managed package is older than 220, and
// by grants from there on.
func TestLegacyFixtureUsers(t *testing.T) {
	t.Parallel()
	r := start(t, func() twinspan.Config { c := freePorts(t.TempDir()); c.Fixture = twinspan.FixtureNewOrg; return c }()).Ready()
	for release, tenant := range map[string]string{"219": "password", "220": "jwt"} {
		p := makePair(t, r, fmt.Sprintf(`{"fixture":"legacy","fixture_users":7,"package":%q}`, release))
		mapped(t, p.Ready, 10, 1, 7)
		if s, _ := status(t, p.Ready); s.Org.Auth != "password" || s.Engagement.Auth != tenant {
			t.Errorf("%s: into the org by %s, into Engagement by %s", release, s.Org.Auth, s.Engagement.Auth)
		}
		// Nobody may use the connected app yet: that is what an upgrade changes.
		admin := signIn(t, p.Ready, p.CRM.Admin)
		if found, err := admin.Query(bounded(t), "SELECT Id FROM PermissionSet WHERE Label = 'Marketing Cloud Connected App'"); err != nil || len(found) != 0 {
			t.Errorf("%s: %d permission sets, %v", release, len(found), err)
		}
	}
	if code, text := raw(t, r, r.Control.Token, http.MethodPost, "/pairs", "application/json", `{"fixture":"new-org","fixture_users":1}`); code != http.StatusBadRequest || !strings.Contains(text, "fixture_users") {
		t.Errorf("users without a connection: %d %s", code, text)
	}
}
