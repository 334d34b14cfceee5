package connect_test

import (
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/internal/client/browser"
)

// upgraded is a world whose users ann and bob were mapped while the connection into the org was by password, and which
// was upgraded since.
func (w *world) upgraded(t *testing.T) {
	t.Helper()
	w.at(t, lastDay)
	w.org.SetSecurityToken(system.Username, orgToken)
	w.connectOrg(t, 200, "org.auth", "password")
	w.wantCall(t, "/api/v1/connection/engagement", "", map[string]any{"api_user": apiUser.Username}, 200, "connected", "")
	w.tenant.Grant(apiUser.Username, true)
	w.wantCall(t, "/api/v1/connection/engagement", "", map[string]any{"api_user": apiUser.Username}, 200, "engagement.state", "connected")
	wantPage(t, w.visit(t, browser.New(nil), w.url+"/marketing-cloud", ann, annMC), 200, "Connected as ann.mc.")
	wantPage(t, w.visit(t, browser.New(nil), w.url+"/marketing-cloud", bob, bobMC), 200, "Connected as bob.mc.")
	w.wantCall(t, "/api/v1/upgrade/migrations", "", nil, 200, "offer.code", "not_upgraded")
	w.advance(t, time.Hour)
	w.wantCall(t, "/api/v1/connection/org", "", map[string]any{"system_user": system.Username, "auth": "jwt"}, 200, "org.auth", "jwt")
}

// upgradedAt is when Connect Account succeeded.
func (w *world) upgradedAt(t *testing.T) time.Time {
	t.Helper()
	_, o := w.call(t, "/api/v1/upgrade/migrations", "", nil)
	when, err := time.Parse(time.RFC3339Nano, linktest.Text(o, "offer.upgraded_at"))
	if err != nil {
		t.Fatal(err)
	}
	return when
}

// finding is the text of the status's finding with the code; "" where there is none.
func (w *world) finding(t *testing.T, code string) string {
	t.Helper()
	_, s := w.call(t, "/api/v1/status", "", nil)
	found, _ := s["findings"].([]any)
	for _, f := range found {
		if one := f.(map[string]any); one["code"] == code {
			return one["message"].(string)
		}
	}
	return ""
}

// Who was mapped under the password is not used after the upgrade before he is reconnected; it says so wherever he is looked
// for, and he may integrate anew. After 14 days that alone is left.
//
// seed:api S003-30 S003-32
func TestEarlierMappings(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.upgraded(t)
		w.wantCall(t, "/api/v1/users/"+ann.Username, "", nil, 200, "state", "not_reconnected")
		_, list := w.call(t, "/api/v1/users?state=not_reconnected", "", nil)
		if all, _ := list["users"].([]any); len(all) != 2 {
			t.Fatalf("not reconnected: %v", list)
		}
		w.wantCall(t, "/api/v1/sends/test", "", map[string]any{"as": ann.Username, "to": "x@y.example", "definition_key": "welcome"}, 409, "error.code", "not_reconnected")
		offer := w.wantCall(t, "/api/v1/upgrade/migrations", "", nil, 200, "offer.code", "")
		if linktest.Text(offer, "offer.until") != w.upgradedAt(t).Add(14*24*time.Hour).Format(time.RFC3339Nano) {
			t.Errorf("the offer: %v", offer)
		}
		if text := w.finding(t, "not_reconnected"); text == "" {
			t.Error("the status does not tell")
		}
		// A visit asks him to integrate anew, which reconnects him.
		b := browser.New(nil)
		wantPage(t, w.visit(t, b, w.url+"/marketing-cloud", ann, annMC), 200, "Connected as ann.mc.")
		w.wantCall(t, "/api/v1/users/"+ann.Username, "", nil, 200, "state", "mapped")
		// So does an administrator, whom Salesforce.com Status is proof for.
		w.tenant.Integrate(bobMC.Username, bob.Username)
		w.wantCall(t, "/api/v1/users/map", "", map[string]any{"crm_username": bob.Username, "engagement_username": bobMC.Username}, 200, "state", "mapped")
		w.wantCall(t, "/api/v1/upgrade/migrations", "", nil, 200, "offer.code", "nobody_to_migrate")
		if text := w.finding(t, "not_reconnected"); text != "" {
			t.Errorf("nobody is left, and the status says %s", text)
		}
	})
}

// When the 14 days are over the option is gone, and it says when they ended.
//
// seed:api S003-32
func TestMigrationIsOver(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.upgraded(t)
		until := w.upgradedAt(t).Add(14 * 24 * time.Hour)
		w.at(t, until.Add(-time.Minute))
		w.wantCall(t, "/api/v1/upgrade/migrations", "", nil, 200, "offer.code", "")
		w.at(t, until.Add(2*time.Second))
		o := w.wantCall(t, "/api/v1/upgrade/migrations", "", nil, 200, "offer.code", "migration_over")
		want := "Auto-connection is available for 14 days after the upgrade; it ended at " + until.Format(time.RFC3339) + ". Users integrate anew on the Marketing Cloud tab."
		if linktest.Text(o, "offer.message") != want {
			t.Errorf("it says %v", o)
		}
	})
}
