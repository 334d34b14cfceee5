package guide

import (
	"slices"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/tenantoauth"
	"github.com/twinspan/twinspan/connect/internal/upgrade"
)

// betweenClouds is document 002.
func betweenClouds(p places) Guide {
	tab := p.connect + tabPage
	converted := asked(tenantoauth.Converted)
	return Guide{
		Title: "Authentication Between Clouds",
		Purpose: []Note{
			{[]string{"S002-04"}, "Using Cross-Cloud Products with Marketing Cloud Engagement."},
			{[]string{"S002-02"}, "Salesforce now sends email only from verified domains."},
			{[]string{"S002-07", "S002-08"}, "Connected App Authentication is the secure way in which Marketing Cloud Connect connects from Engagement to Sales or Service Cloud."},
			{[]string{"S002-09", "S002-10"}, "Users are authenticated automatically between the clouds, without Sales or Service Cloud password management."},
			{[]string{"S002-11", "S002-12"}, "Salesforce admins complete the initial setup; then users log in once and are automatically authenticated in the future."},
		},
		Sections: []Section{
			{
				Title: "From Engagement into the Sales and Service Clouds",
				Notes: []Note{
					{[]string{"S002-13", "S002-15"}, "SOAP and REST API limits do not apply to Marketing Cloud Connect, and calls into Engagement don't count against the daily limit."},
					{[]string{"S002-14"}, "Connected App Authentication doesn't lift Bulk API limits."},
					{[]string{"S002-16"}, "It is required for all Marketing Cloud Connect customers as of June 1, 2016."},
					{[]string{"S002-17"}, "It's available with all versions of Marketing Cloud Connect."},
				},
				Steps: []Step{
					{
						Rows: []string{"S002-18", "S002-19", "S002-37", "S002-38"}, Text: "New customers complete document 001. Existing customers with an older managed package complete Upgrade to Connected App, document 003.", Whose: CRMAdmin,
						Page: p.connect + guidePath("003"), Command: "twinspan guide 003", look: connectedByKey,
					},
					{Rows: []string{"S002-39"}, Text: "Where it does not work, follow Troubleshoot Connected App.", Whose: CRMAdmin, Page: p.connect + troubleshootPage, Command: "twinspan doctor", look: never("A page to read: nothing of it is left behind.")},
				},
			},
			{
				Title: "From the Sales and Service Cloud into Engagement",
				Notes: []Note{
					{[]string{"S002-20", "S002-21"}, "Tenant-specific OAuth Authentication uses the JWT bearer token flow and access tokens, without storing Engagement user passwords within Sales and Service Clouds."},
					{[]string{"S002-22"}, "It is available with the 220 or newer managed package release."},
					{[]string{"S002-23"}, "To reduce downtime, follow these steps when you upgrade from an older version of the managed package."},
				},
				Steps: []Step{
					{Rows: []string{"S002-24"}, Number: "1", Text: "Allow all scheduled sends to complete before starting the upgrade, if possible.", Whose: EngagementAdmin, Page: p.connect + upgradePage + "?kind=tenant_oauth", Command: "twinspan send scheduled", look: asked(tenantoauth.ScheduledSends)},
					{Rows: []string{"S002-25"}, Number: "2", Text: "Ensure that you can log in to Engagement using the current API user credentials.", Whose: EngagementAdmin, Page: at(p.tenant, "/"), Command: "twinspan status --check", look: asked(tenantoauth.APIUser)},
					{Rows: []string{"S002-26"}, Number: "3", Text: "Schedule the upgrade during off-peak hours, to minimize downtime if an unexpected error occurs.", Whose: EngagementAdmin, Page: p.connect + upgradePage, Command: "twinspan upgrade schedule --kind tenant-oauth", look: offPeak},
					{Rows: []string{"S002-27"}, Number: "4", Text: "Install the managed package.", Whose: CRMAdmin, Click: "Setup > Installed Packages", Page: at(p.org, packagesPage), Command: "twinspan package upgrade 220", look: asked(tenantoauth.PackageVersion)},
					{Rows: []string{"S002-28"}, Number: "5", Text: "In the Marketing Cloud Configuration Settings, enable tenant-specific OAuth Endpoints.", Whose: CRMAdmin, Click: "Marketing Cloud tab > Configuration Settings", Page: p.connect + settingsPage, Command: "twinspan package settings --tenant-oauth on", look: asked(tenantoauth.Setting)},
					{Rows: []string{"S002-29"}, Number: "6", Text: "Click Connect to Marketing Cloud.", Whose: CRMAdmin, Page: p.connect + settingsPage, Command: "twinspan upgrade start --kind tenant-oauth", look: converted},
					{Rows: []string{"S002-30"}, Number: "7", Text: "Enter the API user credentials.", Whose: CRMAdmin, look: converted},
					{Rows: []string{"S002-31"}, Number: "8", Text: "Click Log-in.", Whose: CRMAdmin, Command: "twinspan connect --engagement-auth jwt --sign-in", look: converted},
				},
			},
			{
				Title: "When the upgrade completes", Steps: []Step{
					{Rows: []string{"S002-32", "S002-33"}, Text: "Verify that the API user credentials converted, by navigating to the Marketing Cloud tab: if the API user didn't migrate, you're prompted to enter them.", Whose: CRMAdmin, Page: tab, Command: "twinspan status --check", look: converted},
					{Rows: []string{"S002-34"}, Text: "Enterprise 2.0 account: click Manage Business Units and confirm that previously active business units are active.", Whose: CRMAdmin, Click: "Marketing Cloud tab > Manage Business Units", Page: p.connect + unitsPage, Command: "twinspan business-units check", look: ofEdition(tenantoauth.BusinessUnits, "the account is not of Enterprise 2.0")},
					{Rows: []string{"S002-35"}, Text: "Add business units if needed and save.", Whose: CRMAdmin, Page: p.connect + unitsPage, Command: "twinspan business-units add MID", look: ofEdition(tenantoauth.BusinessUnits, "the account is not of Enterprise 2.0")},
					{Rows: []string{"S002-36"}, Text: "Another account: confirm the API user migration by completing a triggered send test.", Whose: EngagementAdmin, Page: p.connect + testSendsPage, Command: "twinspan send contact ID --as USER --definition KEY", look: ofEdition(tenantoauth.TriggeredSend, "asked of accounts that are not Enterprise 2.0")},
				},
			},
		},
	}
}

// asked is how a check of the upgrade to tenant-specific OAuth stands.
func asked(name string) func(*sight) reading {
	return func(s *sight) reading {
		if s.oauthWhy != "" {
			return unseen(s.oauthWhy)
		}
		for _, c := range slices.Concat(s.oauth.Before, s.oauth.After) {
			if c.Name == name {
				return is(c.OK, c.Got)
			}
		}
		return unseen("It was not looked at.")
	}
}

// ofEdition is asked, for a check that is made for one kind of account alone; otherwise is said of the other kind.
func ofEdition(name, otherwise string) func(*sight) reading {
	return func(s *sight) reading {
		there := slices.ContainsFunc(s.oauth.After, func(c tenantoauth.Check) bool { return c.Name == name })
		if s.oauthWhy == "" && !there {
			return done("not needed: " + otherwise)
		}
		return asked(name)(s)
	}
}

// connectedByKey: the span into the org is up, by key.
func connectedByKey(s *sight) reading {
	r := orgUp(s)
	if r.state == Done && s.link.Org.Driver == link.Password {
		return open(r.seen + ", by a stored password")
	}
	return r
}

// offPeak: the upgrade has its hour.
func offPeak(s *sight) reading {
	u := s.last
	switch {
	case u != nil && u.Kind == upgrade.TenantOAuth && u.State != upgrade.Cancelled && !u.At.IsZero():
		return done("booked for " + u.At.Format(time.RFC3339))
	case u != nil && u.Kind == upgrade.TenantOAuth && u.State != upgrade.Cancelled && !u.OpenedAt.IsZero():
		return done("opened at " + u.OpenedAt.Format(time.RFC3339))
	case s.link.Tenant.Driver == link.Password:
		return open("nothing is booked")
	case s.link.Tenant.Username == "":
		return unseen("The clouds are not connected: there is nothing to upgrade.")
	}
	return done("Connect keeps no password of the API user: there is nothing to upgrade")
}
