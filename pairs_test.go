package twinspan_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/test/spawn"
)

// newPair is a pair made by the control API.
type newPair struct {
	ID string `json:"id"`
	twinspan.Ready
}

func makePair(t *testing.T, r twinspan.Ready, body string) newPair {
	t.Helper()
	code, text := raw(t, r, r.Control.Token, http.MethodPost, "/pairs", "application/json", body)
	if code != http.StatusCreated {
		t.Fatalf("POST /pairs %s: %d %s", body, code, text)
	}
	var p newPair
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// marketer signs the pair's server package in.
func marketer(t *testing.T, r twinspan.Ready) *engagement.Session {
	t.Helper()
	c, err := engagement.New(engagement.Options{AuthURL: r.Engagement.AuthURL})
	if err != nil {
		t.Fatal(err)
	}
	p := r.Engagement.InstalledPackage
	token, err := c.ClientCredentials(bounded(t), engagement.ClientCredentialsGrant{ClientID: p.ClientID, Secret: vault.Secret(p.ClientSecret), MID: p.AccountID})
	if err != nil {
		t.Fatal(err)
	}
	return c.Session(token)
}

// A pair made beside the first one is connected, has its own secrets and clock, sees nothing of the other, and is there
// after a restart.
func TestPairsAreIsolated(t *testing.T) {
	t.Parallel()
	conf := freePorts(t.TempDir())
	p := start(t, conf)
	first := p.Ready()
	began := time.Now()
	second := makePair(t, first, "")
	t.Logf("a pair took %v", time.Since(began))
	if second.ID == "" || second.CRM.OrgID == first.CRM.OrgID || second.Engagement.EID == first.Engagement.EID || second.Connect.APIToken == first.Connect.APIToken ||
		second.Control.Token == first.Control.Token || second.CRM.URL != first.CRM.URL {
		t.Fatalf("%+v", second)
	}
	if app := second.CRM.ConnectedApps["Integration Test"]; app.PrivateKeyFile != "" || !strings.Contains(app.PrivateKey, "PRIVATE KEY") {
		t.Error("the test app's key is not in the answer")
	}
	for name, r := range map[string]twinspan.Ready{"first": first, "second": second.Ready} {
		s, users := status(t, r)
		if s.State != "connected" || len(users) != 3 {
			t.Errorf("%s: %s with %d users", name, s.State, len(users))
		}
		records, err := signIn(t, r, r.CRM.Admin).Query(bounded(t), "SELECT Username FROM User")
		if err != nil {
			t.Fatal(err)
		}
		names := []string{}
		for _, rec := range records {
			names = append(names, rec.String("Username"))
		}
		mine := []string{r.CRM.Admin.Username, r.CRM.SystemUser.Username}
		for _, u := range r.CRM.Users {
			mine = append(mine, u.Username)
		}
		slices.Sort(names)
		slices.Sort(mine)
		if !slices.Equal(names, mine) {
			t.Errorf("%s sees %v, not %v", name, names, mine)
		}
		found, err := marketer(t, r).AccountUsers(bounded(t), nil)
		if err != nil || slices.ContainsFunc(found, func(u engagement.AccountUser) bool {
			return u.Username == first.Engagement.Admin.Username && name != "first" || u.Username == second.Engagement.Admin.Username && name == "first"
		}) {
			t.Errorf("%s: %+v, %v", name, found, err)
		}
	}

	// Each has its own clock; the pair's token reaches that alone.
	if code, text := raw(t, first, second.Control.Token, http.MethodPost, "/clock", "application/json", `{"advance":"100h"}`); code != 200 || !strings.Contains(text, "100h0m0s") {
		t.Errorf("its own clock: %d %s", code, text)
	}
	if clock, err := controlOf(t, first).Clock(bounded(t)); err != nil || clock.Offset != "0s" {
		t.Errorf("the first pair's clock: %+v, %v", clock, err)
	}
	if code, text := raw(t, first, first.Control.Token, http.MethodGet, "/clock?pair="+second.ID, "", ""); code != 200 || !strings.Contains(text, "100h0m0s") {
		t.Errorf("the program's token at the second clock: %d %s", code, text)
	}
	for _, path := range []string{"/mail", "/requests", "/pairs", "/clock?pair=" + pairsOf(t, first)[0]} {
		if code, text := raw(t, first, second.Control.Token, http.MethodGet, path, "", ""); code != http.StatusForbidden {
			t.Errorf("a pair's token at %s: %d %s", path, code, text)
		}
	}
	for bad, want := range map[string]string{
		`{"fixture":"none"}`: `"field":"fixture"`, `{"account_type":"pro"}`: `"field":"account_type"`, `{"package":"1"}`: `"code"`, `{"other":1}`: `The member \"other\" is not known here`, `[]`: `"code"`,
	} {
		if code, text := raw(t, first, first.Control.Token, http.MethodPost, "/pairs", "application/json", bad); code != http.StatusBadRequest || !strings.Contains(text, want) || strings.Contains(text, "--") {
			t.Errorf("POST /pairs %s: %d %s", bad, code, text)
		}
	}
	// Its org can be filled with its own token, and no other is; what is one for all pairs takes no pair.
	const object = `{"files":[{"path":"objects/Second__c/Second__c.object-meta.xml","text":"<CustomObject><label>Second</label><pluralLabel>Seconds</pluralLabel><nameField><label>Name</label><type>Text</type></nameField></CustomObject>"}]}`
	if code, text := raw(t, first, second.Control.Token, http.MethodPost, "/fixtures", "application/json", object); code != 200 || !strings.Contains(text, `"objects":1`) {
		t.Errorf("fixtures: %d %s", code, text)
	}
	if _, err := signIn(t, second.Ready, second.CRM.Admin).Query(bounded(t), "SELECT Id FROM Second__c"); err != nil {
		t.Error(err)
	}
	if _, err := signIn(t, first, first.CRM.Admin).Query(bounded(t), "SELECT Id FROM Second__c"); err == nil {
		t.Error("the first pair's org has the second's object")
	}
	for _, path := range []string{"/mail?pair=" + second.ID, "/requests?pair=" + second.ID, "/requests?house=hall", "/mail?wait=abc"} {
		if code, text := raw(t, first, first.Control.Token, http.MethodGet, path, "", ""); code != http.StatusBadRequest || !strings.Contains(text, `"field"`) {
			t.Errorf("%s: %d %s", path, code, text)
		}
	}

	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	again := start(t, conf).Ready()
	if got := pairsOf(t, again); len(got) != 2 || got[1] != second.ID {
		t.Errorf("after a restart: %v", got)
	}
	moved := second.Ready // the addresses are new
	moved.CRM.URL, moved.Connect.URL, moved.Engagement.AuthURL = again.CRM.URL, again.Connect.URL, again.Engagement.AuthURL
	if s, users := status(t, moved); s.State != "connected" || len(users) != 3 {
		t.Errorf("the second pair after a restart: %+v, %d users", s, len(users))
	}
}

// A pair that is deleted is gone from the list, and none of its tokens and passwords opens anything any more, now or after
// a restart; the others stay.
func TestPairsAreDeleted(t *testing.T) {
	t.Parallel()
	for _, kind := range spawn.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			conf := freePorts(t.TempDir())
			conf.DB = spawn.DSN(t, kind)
			p := start(t, conf)
			first := p.Ready()
			gone := makePair(t, first, "")
			session := marketer(t, gone.Ready)
			org := signIn(t, gone.Ready, gone.CRM.Admin)
			del := func(id, token string, want int) {
				t.Helper()
				if code, text := raw(t, first, token, http.MethodDelete, "/pairs/"+id, "", ""); code != want {
					t.Errorf("DELETE /pairs/%s: %d %s", id, code, text)
				}
			}
			del(gone.ID, gone.Control.Token, http.StatusForbidden)
			del("nobody", first.Control.Token, http.StatusNotFound)
			del(pairsOf(t, first)[0], first.Control.Token, http.StatusConflict)
			del(gone.ID, first.Control.Token, http.StatusNoContent)
			del(gone.ID, first.Control.Token, http.StatusNotFound)
			if got := pairsOf(t, first); len(got) != 1 || got[0] == gone.ID {
				t.Errorf("pairs %v", got)
			}
			opens := func(name string, err error) {
				t.Helper()
				if err == nil {
					t.Errorf("%s still opens", name)
				}
			}
			_, err := session.AccountUsers(bounded(t), nil)
			opens("the tenant's token", err)
			_, err = org.Query(bounded(t), "SELECT Id FROM User")
			opens("the org's session", err)
			if code, _ := raw(t, first, gone.Control.Token, http.MethodGet, "/clock", "", ""); code != http.StatusUnauthorized {
				t.Errorf("its control token: %d", code)
			}
			if s, users := status(t, first); s.State != "connected" || len(users) != 3 {
				t.Errorf("the first pair: %s with %d users", s.State, len(users))
			}
			again := makePair(t, first, `{"fixture":"new-org"}`)
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			if got := pairsOf(t, start(t, conf).Ready()); len(got) != 2 || got[1] != again.ID {
				t.Errorf("after a restart: %v", got)
			}
		})
	}
}

func pairsOf(t *testing.T, r twinspan.Ready) []string {
	t.Helper()
	_, text := raw(t, r, r.Control.Token, http.MethodGet, "/pairs", "", "")
	var list struct {
		Pairs []struct {
			ID string `json:"id"`
		} `json:"pairs"`
	}
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, p := range list.Pairs {
		ids = append(ids, p.ID)
	}
	return ids
}

// Tenants of each account type connect and send; only Enterprise 2.0 shows business units.
func TestAccountTypes(t *testing.T) {
	t.Parallel()
	r := start(t, freePorts(t.TempDir())).Ready()
	for kind, units := range map[string]int{twinspan.AccountEnterprise2: 2, twinspan.AccountCore: 0, twinspan.AccountLockPublish: 0} {
		p := makePair(t, r, fmt.Sprintf(`{"account_type":%q}`, kind))
		if len(p.Engagement.BusinessUnits) != units {
			t.Errorf("%s: the answer has business units %v", kind, p.Engagement.BusinessUnits)
		}
		if s, users := status(t, p.Ready); s.State != "connected" || len(users) != 3 {
			t.Errorf("%s: %s with %d users", kind, s.State, len(users))
		}
		m := marketer(t, p.Ready)
		found, err := m.BusinessUnits(bounded(t))
		if err != nil || len(found) != units {
			t.Errorf("%s: business units %v, %v", kind, found, err)
		}
		if _, err := m.SendMessage(bounded(t), "m-"+kind, engagement.Message{DefinitionKey: "welcome", ContactKey: "c", To: "c@customer.example"}); err != nil {
			t.Errorf("%s: sending: %v", kind, err)
		}
	}
	conf := freePorts(t.TempDir())
	conf.AccountType = twinspan.AccountCore
	p := start(t, conf)
	if n := len(p.Ready().Engagement.BusinessUnits); n != 0 {
		t.Errorf("a first pair of type core has %d business units", n)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	conf.AccountType = twinspan.AccountLockPublish
	if _, err := twinspan.New(bounded(t), conf); err == nil || !strings.Contains(err.Error(), "--account-type") {
		t.Errorf("another type on the same folder: %v", err)
	}
}
