package connect_test

import (
	"strings"
	"testing"

	"github.com/twinspan/twinspan/connect"
	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/internal/client/browser"
	"github.com/twinspan/twinspan/internal/vault"
)

const secondOrg = "00D000000000002EAA"

// join makes the connection of another org, for which that org holds the certificate, and tells it to connect.
func (w *world) join(t *testing.T, o *linktest.Org, pair string, eid int64) (int, map[string]any) {
	t.Helper()
	cert, _, err := w.bridge.Certificates(t.Context(), pair)
	if err != nil {
		t.Fatal(err)
	}
	o.Certificate, o.ConsumerKey = cert, "consumer-"+pair
	err = w.bridge.PutLink(t.Context(), connect.LinkSpec{
		Standing: "embedded", PairID: pair, CRMURL: o.URL, ConnectedApp: "Salesforce Marketing Cloud", ConsumerKey: o.ConsumerKey, ConsoleClientID: "console",
		EngagementAuthURL: w.tenant.URL, PackageClientID: "package-" + pair, EID: eid, APIToken: vault.Secret("token-" + pair),
	})
	if err != nil {
		t.Fatal(err)
	}
	return linktest.Call(t, w.url, "token-"+pair, "/api/v1/connection/org", "", map[string]any{"system_user": system.Username})
}

// Several orgs on one enterprise (connect-facts 3.6): what may be connected, and who may be mapped.
func TestSeveralOrgs(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.connectBoth(t)
		other := linktest.NewOrg(t, []linktest.Person{system, ann}, system.Username)
		other.Now = w.now
		other.Copy(secondOrg)
		other.Install(5, 493)
		if status, a := w.join(t, other, "pair-2", linktest.EID); status != 409 || linktest.Text(a, "error.code") != "package_too_old" {
			t.Fatalf("a second org below 5.494: %d %v", status, a)
		}
		other.Install(5, 494)
		if status, a := w.join(t, other, "pair-2", linktest.EID); status != 200 {
			t.Fatalf("a second org: %d %v", status, a)
		}
		if status, a := w.join(t, other, "pair-3", linktest.EID+1); status != 409 || linktest.Text(a, "error.code") != "org_of_other_enterprise" {
			t.Fatalf("an org of another enterprise: %d %v", status, a)
		}
		// A person who is signed in to a business unit of another org is not mapped in this one.
		w.org.EnableUnits(linktest.EID + 9)
		page := w.visit(t, browser.New(nil), w.url+"/marketing-cloud", ann, annMC)
		if page.Status == 200 || !strings.Contains(page.Text, "switch to a business unit of this one") {
			t.Errorf("mapped from elsewhere: %d %s", page.Status, page.Text)
		}
		w.wantUsers(t, "")
	})
}

// With one org, a person who reaches none of its business units is not mapped; who works in one of them is.
func TestBusinessUnitsOfAPerson(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.connectBoth(t)
		w.org.EnableUnits(linktest.EID + 9)
		page := w.visit(t, browser.New(nil), w.url+"/marketing-cloud", ann, annMC)
		if page.Status == 200 || !strings.Contains(page.Text, "reaches none of the business units") {
			t.Errorf("mapped without a business unit: %d %s", page.Status, page.Text)
		}
		w.org.EnableUnits(linktest.EID, linktest.EID+9)
		if err := w.bridge.Close(); err != nil { // what it remembers is a minute old at most; a start remembers nothing
			t.Fatal(err)
		}
		w.open(t)
		w.mapUser(t, ann, annMC)
	})
}
