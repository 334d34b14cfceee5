package doctor_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/connect/internal/doctor"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/mapping"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/client/engagement"
)

// ownLink is a look at an own link in which nothing is wrong: an org without the package, an external client app that no API
// shows, a package of the customer's that works as itself.
func ownLink() *doctor.Look {
	l := well()
	l.Link.Standing, l.Link.Tenant.Driver, l.Link.Tenant.Username = link.OwnLink, link.WebApp, "app user of the package"
	const unseen = "Neither SOQL nor the Metadata API's ConnectedApp tells of an external client app."
	l.Package = doctor.Got(link.Package{})
	l.App, l.AppOfOrg, l.Carriers = doctor.Lost[doctor.App](unseen), doctor.Lost[crm.App](unseen), doctor.Lost[[]doctor.Carrier](unseen)
	s, m := systemUser(), maya()
	s.User, s.Admin, m.User, m.Token = false, false, false, "" // boxes of the package
	l.SystemUser, l.SystemSets, l.People = doctor.Got(s), doctor.Got([]string{}), people(s, m)
	l.OrgUnits, l.PackageConf = doctor.Lost[[]doctor.OrgUnit]("no package"), doctor.Lost[doctor.PackageConf]("no package")
	l.APIUser, l.Members = doctor.Lost[engagement.UserDetails]("no API user"), doctor.Got([]doctor.Member{})
	l.Grants, l.Packages, l.Tenant = doctor.Lost[map[string]engagement.Grant]("kept"), doctor.Lost[[]engagement.Package]("refused"), doctor.Lost[map[string]any]("refused")
	return l
}

// besidePackage is a look through lent sessions beside a package with which nothing is wrong.
func besidePackage() *doctor.Look {
	l := well()
	l.Link.Standing, l.Link.Org, l.Link.Tenant = link.BesidePackage, link.OrgSpan{State: link.SpanDown}, link.TenantSpan{State: link.SpanDown}
	l.Link.ConsumerKey, l.Callbacks = "", doctor.Callbacks{Org: "https://elsewhere/org", Tenant: "https://elsewhere/tenant"}
	l.SystemName, l.APIName, l.Mappings = "system@org", "api", doctor.Got([]mapping.Mapping{})
	l.AppOfOrg = doctor.Lost[crm.App]("No API of a real org tells it.")
	return l
}

// TestHealthyInEveryStanding: what is healthy has no finding, whatever the standing, and no check speaks of what is not there.
func TestHealthyInEveryStanding(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		look    *doctor.Look
		without []string // checks that are not for the standing
		unseen  []string // that cannot be made, and say so
		passes  []string
	}{
		"own link":           {ownLink(), []string{"D12", "D13", "D14", "D15", "D16", "D17", "D18", "D19", "D20", "D21", "D27", "D28", "D32", "D39", "D40", "T15"}, []string{"D02", "D05", "D06", "D31", "D33"}, []string{"T01", "D08", "D09", "D10", "D22", "D35"}},
		"beside the package": {besidePackage(), []string{"D39", "T15"}, []string{"D21", "D26", "D27", "D28", "D29", "D30", "D33", "D35"}, []string{"T01", "D02", "D05", "D06", "D08", "D12", "D13", "D17", "D18", "D19", "D22"}},
	} {
		r := doctor.Examine(c.look, doctor.Checks())
		if len(r.Findings) > 0 {
			t.Errorf("%s: %+v", name, r.Findings)
		}
		var unseen []string
		for _, u := range r.Unchecked {
			if unseen = append(unseen, u.Check); u.Because == "" {
				t.Errorf("%s: %s says not why", name, u.Check)
			}
		}
		for _, id := range c.without {
			if slices.Contains(r.Passed, id) || slices.Contains(unseen, id) {
				t.Errorf("%s: %s is for other standings", name, id)
			}
			if o := c.look.Judge(id); len(o.Found) > 0 || o.Unread != "" {
				t.Errorf("%s: %s: %+v", name, id, o)
			}
		}
		for _, id := range c.unseen {
			if !slices.Contains(unseen, id) {
				t.Errorf("%s: %s is not said to be unseen: %v", name, id, unseen)
			}
		}
		for _, id := range c.passes {
			if !slices.Contains(r.Passed, id) {
				t.Errorf("%s: %s does not pass", name, id)
			}
		}
	}
}

// TestBrokenInOtherStandings: what is broken beside the package is found there, with the names that were given; a refusal of
// Connect's own reader is no fault of the package's app; what an own link needs is told in its words.
func TestBrokenInOtherStandings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		want, name, says string
		look             *doctor.Look
		how              func(*doctor.Look)
	}{
		{"D06", "the package's system user is not assigned", "twinspan org permset assign 'Marketing Cloud Connected App' system@org", besidePackage(), change(systemOf, func(u *doctor.OrgUser) { u.Approved = false })},
		{"D13", "his box is off", "et4ae5__ExactTargetForAppExchangeAdmin__c=true", besidePackage(), change(systemOf, func(u *doctor.OrgUser) { u.Admin = false })},
		{"D08", "nobody has the name", "system@org", besidePackage(), change(systemOf, func(u *doctor.OrgUser) { *u = doctor.OrgUser{} })},
		{"D18", "the API user is none", "api", besidePackage(), change(apiOf, func(u *engagement.UserDetails) { u.APIUser = false })},
		{"T01", "the reader is refused", "not admin approved", besidePackage(), func(l *doctor.Look) {
			l.Link.Org = link.OrgSpan{State: link.SpanBroken, Username: "reader@org", Cause: link.Cause{Code: "invalid_app_access", Text: "user is not admin approved to access this app"}}
		}},
		{"D01", "nothing lets the own link in", "twinspan connect --plan", ownLink(), func(l *doctor.Look) { l.App = doctor.Got(doctor.App{}) }},
		{"D08", "the own link's system user is inactive", "twinspan org user activate system@org", ownLink(), change(systemOf, func(u *doctor.OrgUser) { u.Active = false })},
		{"T11", "a mapped user is called otherwise now", "maya.weber@org", ownLink(), func(l *doctor.Look) {
			u := maya()
			u.User, u.Token, u.Username = false, "", "maya.weber@org"
			l.People = people(systemUser(), u)
		}},
		{"D22", "the own package is refused", "credentials_refused", ownLink(), func(l *doctor.Look) {
			l.Link.Tenant.State, l.Link.Tenant.Cause = link.SpanBroken, link.Cause{Code: string(link.CodeCredentialsRefused), Text: "refused"}
		}},
	} {
		c.how(c.look)
		r := doctor.Examine(c.look, doctor.Checks())
		if got := checksFound(r); !slices.Equal(got, []string{c.want}) {
			t.Errorf("%s: found %v, want %s: %+v", c.name, got, c.want, r.Findings)
			continue
		}
		f := r.Findings[0]
		if !strings.Contains(f.Subject+f.Seen+f.Command+f.See+f.Click, c.says) {
			t.Errorf("%s: %+v, without %q", c.name, f, c.says)
		}
		// Engagement's administration is by click alone there, and the org's commands have to be told which org.
		if strings.HasPrefix(f.Command, "twinspan tenant") || strings.HasPrefix(f.Command, "twinspan org") != strings.HasSuffix(f.Command, " --org-url https://org.example") {
			t.Errorf("%s: %q", c.name, f.Command)
		}
	}
}
