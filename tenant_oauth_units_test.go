package twinspan_test

import (
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/journey"
)

// A business unit that was active before the upgrade and is not at its verification is named, and holds it up until it is added again, or
// somebody says that the upgrade goes on without it: units are added "if needed". What is not as before is on record.
//
// seed:api S002-34 S002-35
func TestTenantOAuthWithoutAUnit(t *testing.T) {
	t.Parallel()
	l := openLegacy(t, "sqlite", "")
	ctx := bounded(t)
	units := []int64{l.ready.Engagement.BusinessUnits[0].MID, l.ready.Engagement.BusinessUnits[1].MID}
	must[connect.BusinessUnits](t)(l.connect.SetBusinessUnits(ctx, units, true, "test", "", l.key()))
	must[*connect.Upgrade](t)(l.connect.StartUpgrade(ctx, connect.UpgradeStart{Kind: "tenant_oauth", Acknowledged: true, By: "test"}, l.key()))
	l.at(t, "package")
	must[connect.BusinessUnits](t)(l.connect.SetBusinessUnits(ctx, units[1:], false, "test", "", l.key()))
	l.upgradePackage(t, "220")
	l.tell(t, "package", false, "tenant_oauth_setting")
	l.configure(t, journey.Configuration{TenantOAuth: true, AuthURL: l.ready.Engagement.AuthURL})
	l.tell(t, "tenant_oauth_setting", false, "connect_marketing_cloud")
	l.signInByTab(t)
	u := l.tell(t, "connect_marketing_cloud", false, "verify")
	const missing = "Newsletter: not active"
	if !strings.Contains(u.Waiting.Have, missing) {
		t.Fatalf("to be verified: %+v", u.Waiting)
	}
	l.tell(t, "verify", false, "verify")
	u = l.tell(t, "verify", true, "done")
	for _, s := range u.Steps {
		if s.Step == "verify" && (!strings.HasPrefix(s.Have, "going on without what is not as before: ") || !strings.Contains(s.Have, missing)) {
			t.Errorf("verified: %s", s.Have)
		}
	}
}
