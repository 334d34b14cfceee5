package contract

import (
	"net/http"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/client/browser"
	"github.com/twinspan/twinspan/internal/client/engagement"
)

// RunSeveralOrgs connects two orgs to one enterprise, the second one into a business unit of its own, and maps one
// Engagement user to a user of each (connect-facts 3.6): what ends in one leaves the other as it is.
func RunSeveralOrgs(t *testing.T, first, second Deployment) {
	one, err := newSuite(first)
	ok(t, err)
	t.Cleanup(one.http.CloseIdleConnections)
	two, err := newSuite(second)
	ok(t, err)
	t.Cleanup(two.http.CloseIdleConnections)
	for _, s := range []*suite{one, two} {
		s.orgSpan(t)
		s.tenantSpan(t)
	}
	orgs, err := two.admin(t).Query(bounded(t), "SELECT Id, IsSandbox FROM Organization")
	ok(t, err)
	if len(orgs) != 1 || !orgs[0].Bool("IsSandbox") {
		t.Fatalf("the second org is no sandbox: %v", orgs)
	}
	ok(t, two.defineInUnit(t))

	// A business unit goes to one org; from within one, no other is reached.
	one.enable(t, one.unit(), 200, "")
	two.enable(t, two.unit(), 200, "")
	one.enable(t, two.unit(), 409, "business_unit_taken")
	two.enable(t, one.unit(), 404, "business_unit_unknown")

	// He is mapped in the first org, and in the second only while he is signed in to its business unit.
	b := one.map1(t, browser.New(one.http.Transport))
	page := two.visit(t, browser.New(two.http.Transport), two.tab(), two.Member, two.TenantMember)
	if page.Status == http.StatusOK || !strings.Contains(page.Text, "switch to a business unit of this one") {
		t.Fatalf("mapped from the other org's business unit: %d %s", page.Status, page.Text)
	}
	ok(t, two.server(t).UpdateUser(bounded(t), engagement.UserWrite{Username: two.TenantMember.Username, DefaultMID: two.unit()}))
	two.map1(t, browser.New(two.http.Transport))
	one.mappedIn(t)
	two.mappedIn(t)
	one.visitUnasked(t, b)
	one.sendAs(t)
	two.sendAs(t)

	// In one org he is one user's.
	page = two.visit(t, browser.New(two.http.Transport), two.tab(), two.Outsider, two.TenantMember)
	if page.Status == http.StatusOK || !strings.Contains(page.Text, "can be mapped to one user of an org") {
		t.Fatalf("mapped to two users of one org: %d %s", page.Status, page.Text)
	}

	// Cleared in the second, he works on in the first; mapped again, and cleared in the first, in the second.
	two.clear(t, two.Member, "", "another one")
	one.visitUnasked(t, b)
	one.sendAs(t)
	two.map1(t, browser.New(two.http.Transport))
	one.clear(t, one.Member, "", "another one")
	two.mappedIn(t)
	two.sendAs(t)

	// The first org is taken off the enterprise, and the second stays.
	one.disconnect(t)
	two.calls.want(t, "POST", "/api/v1/status/check", map[string]any{}, 200, "state", "connected")
	two.mappedIn(t)
	two.sendAs(t)
}

// mappedIn checks that the member is mapped in the business unit of the org's connection.
func (s *suite) mappedIn(t *testing.T) {
	t.Helper()
	a := s.calls.want(t, "GET", "/api/v1/users/"+s.Member.Username, nil, 200, "state", "mapped")
	if a["account_id"] != float64(s.unit()) || a.text("engagement_username") != s.TenantMember.Username {
		t.Fatalf("mapped: %v, want %s in business unit %d", a, s.TenantMember.Username, s.unit())
	}
}

// enable lets the org's users work in a business unit.
func (s *suite) enable(t *testing.T, mid int64, status int, code string) {
	t.Helper()
	s.calls.want(t, "POST", "/api/v1/business-units", map[string]any{"account_ids": []int64{mid}, "enabled": true}, status, "error.code", code)
}

// defineInUnit makes the definition of sends, with its email, in the connection's business unit.
func (s *suite) defineInUnit(t *testing.T) error {
	t.Helper()
	token, err := s.tenant.ClientCredentials(bounded(t), engagement.ClientCredentialsGrant{ClientID: s.ServerPackage, Secret: s.ServerSecret, MID: s.unit()})
	if err != nil {
		return err
	}
	session := s.tenant.Session(token)
	if err := session.CreateEmail(bounded(t), engagement.NewEmail{Key: "trials-email", Name: "Trials", Subject: "Trials", Text: "Trials"}); err != nil {
		return err
	}
	_, err = session.CreateDefinition(bounded(t), engagement.NewDefinition{Key: s.Definition, Name: "Contract", EmailKey: "trials-email"})
	return err
}
