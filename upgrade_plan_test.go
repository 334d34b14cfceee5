package twinspan_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan"
	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/vault"
)

// levels are the findings of a plan, as "level code".
func levels(p connect.UpgradePlan) []string {
	var all []string
	for _, f := range p.Findings {
		all = append(all, f.Level+" "+f.Code)
	}
	return all
}

func (e *endurance) plan(t *testing.T, r connect.UpgradeRequest) connect.UpgradePlan {
	t.Helper()
	p, err := e.connect(t).UpgradePlan(bounded(t), r)
	noError(t, err)
	return p
}

// count runs a query that counts.
func (e *endurance) count(t *testing.T, soql string) int {
	t.Helper()
	rows, err := e.admin(t).Query(bounded(t), soql)
	noError(t, err)
	return len(rows)
}

// Before an upgrade both clouds are read: what will change, who will fail and why, what is scheduled, who else is signed in,
// whether both users' credentials are good, and what the documents warn of. Nothing is changed by it.
//
// seed:api S002-24 S002-25 S002-26 S003-07 S003-08 S003-09 S003-22 S003-23 S003-24 S003-25
func TestUpgradePlan(t *testing.T) {
	t.Parallel()
	c := freePorts(t.TempDir())
	c.Fixture = twinspan.FixtureLegacy
	e := &endurance{Program: start(t, c)}
	r := e.Ready()
	id := func(username string) string {
		found, err := e.admin(t).Query(bounded(t), "SELECT Id FROM User WHERE Username = '"+username+"'")
		if err != nil || len(found) != 1 {
			t.Fatalf("%s: %v %v", username, found, err)
		}
		return found[0].String("Id")
	}
	state := func() string { // what a plan could change in Connect and in the org
		s, users := status(t, r)
		entries := 0
		noError(t, e.connect(t).Audit(bounded(t), 0, func(some []connect.AuditEntry) error { entries += len(some); return nil }))
		text, err := json.Marshal([]any{
			s, users, entries, e.count(t, "SELECT Id FROM SetupAuditTrail"), e.count(t, "SELECT Id FROM PermissionSet"), e.count(t, "SELECT Id FROM SetupEntityAccess"),
			e.count(t, "SELECT Id FROM PermissionSetAssignment"),
		})
		noError(t, err)
		return string(text)
	}
	before := state()
	p := e.plan(t, connect.UpgradeRequest{})
	if p.Blocked || p.Kind != "connected_app" || p.Order != "safe" || p.Mode != "hold" || p.Until.Sub(p.From) != 2*time.Hour || !strings.Contains(p.ModeSays, "document 003") {
		t.Errorf("the plan is %+v", p)
	}
	changes := map[string]connect.UpgradeChange{}
	for _, c := range p.Changes {
		changes[c.Area+" "+c.Name] = c
	}
	for name, want := range map[string][2]string{
		"policy Permitted Users":                                                  {"All users may self-authorize", "Admin approved users are pre-authorized"},
		"policy IP Relaxation":                                                    {"Enforce IP restrictions", "Relax IP restrictions"},
		"policy Refresh Token Policy":                                             {"Refresh token is valid until revoked", "Immediately expire refresh token"},
		"permission_set Marketing Cloud Connected App":                            {"not there", "there; it ties users to the app and can remain empty"},
		"attachment Salesforce Marketing Cloud":                                   {"carried by no permission set", "carried by Marketing Cloud Connected App"},
		"credentials Password and security token of " + r.CRM.SystemUser.Username: {"stored, sealed given on 2 May 2016", "removed when the upgrade is closed"},
	} {
		if got := changes[name]; got.Now != want[0] || got.Then != want[1] {
			t.Errorf("%s: %q, then %q", name, got.Now, got.Then)
		}
	}
	if len(p.Credentials) != 2 || !p.Credentials[0].OK || !p.Credentials[1].OK || p.Credentials[0].User != r.CRM.SystemUser.Username || p.Credentials[1].User != r.Engagement.APIUser.Username {
		t.Errorf("credentials: %+v", p.Credentials)
	}
	if p.Users.Mapped != 3 || p.Users.Looked != 3 || p.Users.Failing != 0 || p.Estimate.Users != 3 || p.Estimate.Rate <= 0 || p.Estimate.Rate > 100 || !p.Estimate.Within || !strings.Contains(p.Estimate.How, "one call took") {
		t.Errorf("users %+v, estimate %+v", p.Users, p.Estimate)
	}
	if p.Live == 0 || len(p.Sessions) != p.Live || slices.ContainsFunc(p.Sessions, func(s connect.UpgradeSession) bool { return s.Username == r.CRM.SystemUser.Username }) {
		t.Errorf("%d sessions: %+v", p.Live, p.Sessions)
	}
	for _, want := range []string{"warns outage", "warns pause_activities", "warns off_peak", "warns other_sessions", "warns closing_the_tab"} {
		if !slices.Contains(levels(p), want) {
			t.Errorf("no %s in %v", want, levels(p))
		}
	}
	if after := state(); after != before {
		t.Errorf("planning changed something:\n%s\n%s", before, after)
	}

	// Who will fail, and why. Users come by name: jonas, maya, priya.
	jonas, maya, priya := r.CRM.Users[1].Username, r.CRM.Users[0].Username, r.CRM.Users[2].Username
	admin := e.admin(t)
	noError(t, admin.UpdateRecord(bounded(t), "User", id(jonas), map[string]any{"IsActive": false}))
	logins, err := admin.Query(bounded(t), "SELECT Id FROM UserLogin WHERE UserId = '"+id(maya)+"'")
	noError(t, err)
	noError(t, admin.UpdateRecord(bounded(t), "UserLogin", logins[0].String("Id"), map[string]any{"IsFrozen": true}))
	e.wantAffected(t, e.plan(t, connect.UpgradeRequest{LeaveOut: []string{strings.ToUpper(priya)}, Order: "documented", Mode: "fail"}), 3,
		jonas, "crm_user_inactive", maya, "crm_user_frozen", priya, "left_out")
	noError(t, admin.UpdateRecord(bounded(t), "User", id(jonas), map[string]any{"IsActive": true}))
	noError(t, admin.UpdateRecord(bounded(t), "UserLogin", logins[0].String("Id"), map[string]any{"IsFrozen": false}))

	tenant := e.tenantAdmin(t)
	no := false
	noError(t, tenant.UpdateUser(bounded(t), engagement.UserWrite{Username: r.Engagement.Users[1].Username, Active: &no}))
	noError(t, tenant.ClearPackageGrant(bounded(t), e.connectPackage(t), r.Engagement.Users[0].Username))
	e.wantAffected(t, e.plan(t, connect.UpgradeRequest{Kind: "tenant_oauth"}), 2, jonas, "engagement_user_disabled", maya, "mapping_broken")

	// A send inside the window is named, with what becomes of it; one after it is not.
	now := e.now(t)
	at := now.Add(24 * time.Hour).Truncate(time.Second)
	for _, due := range []time.Time{at.Add(time.Hour), at.Add(3 * time.Hour)} {
		_, err := e.connect(t).StartMailing(bounded(t), connect.MailingRequest{Kind: "contact", IDs: e.contacts(t), DefinitionKey: "welcome", As: priya, At: &due}, oauth.NewToken(16))
		noError(t, err)
	}
	p = e.plan(t, connect.UpgradeRequest{At: at, Mode: "fail"})
	if len(p.Sends) != 1 || !p.Sends[0].DueAt.Equal(at.Add(time.Hour)) || !slices.Contains(levels(p), "warns sends_inside_window") || !slices.Contains(levels(p), "notes mode_fail") {
		t.Errorf("sends %+v of %v", p.Sends, levels(p))
	}

	// Credentials that are refused block it; they are not tried for long, and the span's state is left as it was.
	noError(t, e.admin(t).SetUserPassword(bounded(t), id(r.CRM.SystemUser.Username), "Another-pass-1"))
	p = e.plan(t, connect.UpgradeRequest{})
	if !p.Blocked || !slices.Contains(levels(p), "blocks system_user_refused") || p.Credentials[0].OK || p.Users.Mapped != 3 || p.Users.Looked != 0 {
		t.Errorf("with another password: %+v", p)
	}
	if s, _ := status(t, r); s.Org.State != "connected" {
		t.Errorf("the plan changed the span: %s", s.Org.State)
	}
}

// wantAffected checks who is told, as names and codes in order of names.
func (e *endurance) wantAffected(t *testing.T, p connect.UpgradePlan, failing int, want ...string) {
	t.Helper()
	var got []string
	for _, u := range p.Users.Told {
		got = append(got, u.CRMUsername, u.Code)
	}
	if !slices.Equal(got, want) || p.Users.Failing != failing || p.Blocked {
		t.Errorf("%d fail: %q, want %d: %q; %v", p.Users.Failing, got, failing, want, levels(p))
	}
}

func (e *endurance) contacts(t *testing.T) []string {
	t.Helper()
	found, err := e.admin(t).Query(bounded(t), "SELECT Id FROM Contact LIMIT 1")
	noError(t, err)
	return []string{found[0].String("Id")}
}

// tenantAdmin is a session that may write users and packages.
func (e *endurance) tenantAdmin(t *testing.T) *engagement.Session {
	t.Helper()
	r := e.Ready().Engagement
	tenant, err := engagement.New(engagement.Options{AuthURL: r.AuthURL})
	noError(t, err)
	token, err := tenant.ClientCredentials(bounded(t), engagement.ClientCredentialsGrant{ClientID: r.InstalledPackage.ClientID, Secret: vault.Secret(r.InstalledPackage.ClientSecret), MID: r.EID})
	noError(t, err)
	return tenant.Session(token)
}

// connectPackage is the client id of the package that Connect signs in by.
func (e *endurance) connectPackage(t *testing.T) string {
	t.Helper()
	all, err := e.tenantAdmin(t).Packages(bounded(t))
	noError(t, err)
	i := slices.IndexFunc(all, func(p engagement.Package) bool { return p.Type == "connect" })
	if i < 0 {
		t.Fatalf("packages: %+v", all)
	}
	return all[i].ClientID
}
