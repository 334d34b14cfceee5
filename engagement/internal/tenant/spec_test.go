package tenant_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/engagement/internal/tenanttest"
	"github.com/twinspan/twinspan/internal/fault"
)

func TestPlan(t *testing.T) {
	t.Parallel()
	h := tenanttest.Spec()
	plan, err := tenant.Plan(t.Context(), h.Spec, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Units) != 3 || len(plan.Users) != 7 || len(plan.Packages) != 4 || !tenant.ValidSubdomain(plan.Tenant.Subdomain) || plan.Tenant.Type != tenant.Enterprise2 {
		t.Fatalf("%d units, %d users, %d packages, %+v", len(plan.Units), len(plan.Users), len(plan.Packages), plan.Tenant)
	}
	ids := map[int64]bool{}
	for _, u := range plan.Users {
		if ids[u.ID] || u.ID < 10_000_000 || u.ID > 99_999_999 {
			t.Errorf("user id %d", u.ID)
		}
		ids[u.ID] = true
		switch {
		case u.Username == h.Local && (u.MayUse(h.South) || !u.MayUse(h.North)):
			t.Errorf("a user of North may use %v", u.MIDs)
		case u.Username == h.Sender && !u.MayUse(h.South):
			t.Errorf("a user of the top unit may use %v", u.MIDs)
		case u.IsApp() && (u.Name != "Server app user" || u.Email != ""):
			t.Errorf("app user: %+v", u)
		}
	}
	for _, p := range plan.Packages {
		if (p.AppUser != 0) != (p.Type == tenant.ServerIntegration) || (len(p.SecretHash) == 32) != p.NeedsSecret() || p.SecretExpires.IsZero() == p.NeedsSecret() {
			t.Errorf("package %+v", p)
		}
	}
	for days, want := range map[int]int{0: 180, 90: 90} {
		h.Spec.Settings.SecretDays = days
		now := time.Now()
		if plan, err = tenant.Plan(t.Context(), h.Spec, now); err != nil || !plan.Packages[0].SecretExpires.Equal(now.Add(time.Duration(want)*24*time.Hour)) {
			t.Errorf("%d: secret expires %v, %v", days, plan.Packages[0].SecretExpires, err)
		}
	}
}

// Roles of a unit, and of a user in one, count there alone.
func TestPlanRolesInUnits(t *testing.T) {
	t.Parallel()
	h := tenanttest.Spec()
	h.Spec.BusinessUnits[0].Roles = []string{"Analyst"}
	h.Spec.Users[5].UnitRoles = map[int64][]string{int64(h.North): {"SYS_DEF_DATA"}} // a Content Creator
	plan, err := tenant.Plan(t.Context(), h.Spec, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	snapshot := tenant.TakeSnapshot(plan.Users[5].ID, plan.Roles, plan.Assignments)
	for _, c := range []struct {
		mid  tenant.MID
		name string
		want bool
	}{
		{h.North, tenant.PermTrackingRead, true},
		{h.North, tenant.PermListsWrite, true},
		{h.North, tenant.PermEmailWrite, true},
		{h.South, tenant.PermTrackingRead, false},
		{h.South, tenant.PermListsWrite, false},
		{h.South, tenant.PermEmailWrite, true},
	} {
		if got := slices.Contains(snapshot.At(c.mid), c.name); got != c.want {
			t.Errorf("%s in %d: %v", c.name, c.mid, got)
		}
	}
	h.Spec.Users[5].UnitRoles[1] = []string{"Emperor"}
	if _, err = tenant.Plan(t.Context(), h.Spec, time.Now()); err == nil || !strings.Contains(err.Error(), "unit 1") || !strings.Contains(err.Error(), "Emperor") {
		t.Errorf("unknown unit and role: %v", err)
	}
}

func TestPlanRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*tenant.Spec)
		says   string
	}{
		"EID":               {func(s *tenant.Spec) { s.EID = 17 }, "EID"},
		"name":              {func(s *tenant.Spec) { s.Name = "" }, "name"},
		"subdomain":         {func(s *tenant.Spec) { s.Subdomain = "mc-too-short" }, "subdomain"},
		"account type":      {func(s *tenant.Spec) { s.AccountType = "HUGE" }, "account type"},
		"units of Core":     {func(s *tenant.Spec) { s.AccountType = tenant.Core }, "business units"},
		"unit's MID":        {func(s *tenant.Spec) { s.BusinessUnits[0].MID = 5 }, "MID"},
		"unit twice":        {func(s *tenant.Spec) { s.BusinessUnits[1].MID = s.BusinessUnits[0].MID }, "twice"},
		"unit's name":       {func(s *tenant.Spec) { s.BusinessUnits[0].Name = "" }, "name"},
		"user name":         {func(s *tenant.Spec) { s.Users[0].Username = "a b" }, "user name"},
		"email":             {func(s *tenant.Spec) { s.Users[0].Email = "none" }, "email"},
		"weak password":     {func(s *tenant.Spec) { s.Users[0].PasswordHash, s.Users[0].Password = "", "short" }, "8 characters"},
		"role":              {func(s *tenant.Spec) { s.Users[0].Roles = []string{"Emperor"} }, "Emperor"},
		"default unit":      {func(s *tenant.Spec) { s.Users[0].DefaultMID = 123456789 }, "123456789"},
		"default not his":   {func(s *tenant.Spec) { s.Users[0].MIDs = []int64{s.BusinessUnits[0].MID} }, "default business unit"},
		"client id":         {func(s *tenant.Spec) { s.Packages[0].ClientID = "a b c d e f" }, "client id"},
		"type":              {func(s *tenant.Spec) { s.Packages[0].Type = "magic" }, "magic"},
		"scope":             {func(s *tenant.Spec) { s.Packages[0].Scopes = []string{"email_fly"} }, "email_fly"},
		"short secret":      {func(s *tenant.Spec) { s.Packages[0].Secret = "short" }, "secret"},
		"no secret":         {func(s *tenant.Spec) { s.Packages[1].Secret = "" }, "secret"},
		"needless secret":   {func(s *tenant.Spec) { s.Packages[2].Secret = "0123456789abcdef" }, "no secret"},
		"server's redirect": {func(s *tenant.Spec) { s.Packages[0].RedirectURIs = []string{"https://x.example/"} }, "redirect"},
		"no redirect":       {func(s *tenant.Spec) { s.Packages[1].RedirectURIs = nil }, "redirect"},
		"wildcard":          {func(s *tenant.Spec) { s.Packages[1].RedirectURIs = []string{"https://x.example/*"} }, "redirect"},
		"plain http":        {func(s *tenant.Spec) { s.Packages[1].RedirectURIs = []string{"http://x.example/"} }, "loopback"},
		"script":            {func(s *tenant.Spec) { s.Packages[1].RedirectURIs = []string{"javascript:alert(1)"} }, "redirect"},
		"certificate":       {func(s *tenant.Spec) { s.Packages[3].Certificate = "none" }, "certificate"},
		"web certificate":   {func(s *tenant.Spec) { s.Packages[1].Certificate = s.Packages[3].Certificate }, "certificate"},
		"package's unit":    {func(s *tenant.Spec) { s.Packages[0].MID = 123456789 }, "123456789"},
		"package's name":    {func(s *tenant.Spec) { s.Packages[0].Name = "" }, "name"},
	} {
		h := tenanttest.Spec()
		c.change(&h.Spec)
		_, err := tenant.Plan(t.Context(), h.Spec, time.Now())
		if fault.CodeOf(err) != tenant.CodeInvalidSpec || fault.KindOf(err) != fault.Invalid || !strings.Contains(fault.Of(err).Message, c.says) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), tenanttest.ServerSecret) {
			t.Errorf("%s: the error holds a secret", name)
		}
	}
}

func TestNewNumbersAndNames(t *testing.T) {
	t.Parallel()
	for range 200 {
		if e := tenant.NewEID(); e < 100_000_000 || e > 999_999_999 {
			t.Fatal(e)
		}
		if s := tenant.NewSubdomain(); !tenant.ValidSubdomain(s) {
			t.Fatal(s)
		}
	}
}

func TestNarrowScopes(t *testing.T) {
	t.Parallel()
	have := []string{"email_read", "email_send"}
	text := func(s string) *string { return &s }
	for name, c := range map[string]struct {
		asked *string
		want  string
		ok    bool
	}{
		"absent": {nil, "email_read email_send", true}, "empty": {text(""), "", true}, "blanks": {text("  "), "", true}, "one": {text("email_send"), "email_send", true},
		"order": {text("email_send email_read"), "email_send email_read", true}, "twice": {text("email_send email_send"), "email_send", true},
		"unknown": {text("fly"), "", false}, "one too many": {text("email_read users_read"), "", false}, "in case": {text("Email_Read"), "", false},
		"comma": {text("email_read,email_send"), "", false}, "long": {text(strings.Repeat("email_read ", 1000)), "", false},
	} {
		got, err := tenant.NarrowScopes(c.asked, have)
		if (err == nil) != c.ok || strings.Join(got, " ") != c.want || err != nil && fault.CodeOf(err) != tenant.CodeInvalidScope {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
}

// Outside Enterprise 2.0 the role Marketing Cloud Administrator is all that a connection's API user has, so it reads and
// sends; what another role denies, it does not allow.
func TestTheAdministratorsRoleByEdition(t *testing.T) {
	t.Parallel()
	for edition, reads := range map[tenant.AccountType]bool{tenant.Enterprise2: false, tenant.Core: true, tenant.LockPublish: true} {
		plan, err := tenant.Plan(t.Context(), tenant.Spec{EID: 510000001, Name: "N", AccountType: edition}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(plan.Roles, func(r tenant.Role) bool { return r.CustomerKey == tenant.RoleMarketingCloudAdministrator })
		deny := tenant.Role{ID: "deny", Deny: []string{tenant.PermDataExtensionsRead}}
		given := []tenant.Assignment{{UserID: 1, RoleID: plan.Roles[i].ID}, {UserID: 1, RoleID: "deny"}}
		may := tenant.TakeSnapshot(1, append(plan.Roles, deny), given).Base
		if slices.Contains(may, tenant.PermEmailRead) != reads || slices.Contains(may, tenant.PermDataExtensionsRead) || slices.Contains(may, tenant.PermEmailSend) != reads {
			t.Errorf("%s: %v", edition, may)
		}
	}
}
