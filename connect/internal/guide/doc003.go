package guide

import (
	"slices"
	"strings"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/upgrade"
	"github.com/twinspan/twinspan/internal/fault"
)

// upgradeApp is document 003.
func upgradeApp(p places) Guide {
	begin := "twinspan upgrade start --as engagement-admin"
	crm := "twinspan upgrade start --as crm-admin"
	apps, sets, app := at(p.org, appsPage), at(p.org, setsPage), at(p.org, appsPage)
	integration, wizard := p.connect+integrationPage, p.connect+upgradePage
	acknowledged, account, users := upgraded(upgrade.Acknowledge, nil), upgraded(upgrade.ConnectAccount, nil), upgraded(upgrade.Migrate, migrated)
	policies, made, assigns, carries := upgraded(upgrade.Policies, policiesSaved), upgraded(upgrade.PermissionSet, setMade), upgraded(upgrade.Assignments, systemAmong), upgraded(upgrade.Attach, attached)
	return Guide{
		Title: "Upgrade to Connected App",
		Purpose: []Note{
			{[]string{"S003-02", "S003-03"}, "Upgrade the account to Connected App Authentication, which is required for all Marketing Cloud Connect accounts as of June 1, 2016."},
			{[]string{"S003-04", "S003-05", "S003-06"}, "Where \"My Documents in Content\" is enabled, the details of the migration are in files named with the date and migrationsuccess.csv or migrationfailures.csv."},
			{[]string{"S003-16", "S003-17"}, "The Engagement admin completes steps 1 to 11. The Sales or Service Cloud admin completes the remaining steps."},
		},
		Sections: []Section{
			{
				Title: "The outage",
				Notes: []Note{
					{[]string{"S003-08"}, "The connection between Sales, Service and Marketing Cloud Engagement isn't available during the upgrade."},
					{[]string{"S003-10", "S003-11", "S003-12", "S003-13", "S003-14"}, "All sends to reports, campaigns, contacts, leads and Salesforce data extensions fail; by the mode hold, which is ours, they wait and go out afterwards."},
					{[]string{"S003-15"}, "Engagement sends that do not involve Marketing Cloud Connect aren't affected."},
				},
				Steps: []Step{
					{Rows: []string{"S003-07"}, Text: "Schedule a 2-hour sending outage for the upgrade.", Whose: EngagementAdmin, Page: wizard, Command: "twinspan upgrade schedule", look: outageBooked},
					{Rows: []string{"S003-09"}, Text: "Make sure that all Marketing Cloud Connect activities are paused.", Whose: EngagementAdmin, Click: "Journey Builder, Automation Studio and Email Studio: pause what uses Salesforce data", look: paused},
				},
			},
			{
				Title: "The Engagement admin", Steps: []Step{
					{Rows: []string{"S003-18"}, Number: "1", Text: "In the Marketing Cloud, navigate to Email Studio.", Whose: EngagementAdmin, Page: at(p.tenant, emailStudio), look: acknowledged},
					{Rows: []string{"S003-19"}, Number: "2", Text: "Click Admin.", Whose: EngagementAdmin, Page: at(p.tenant, emailAdmin), look: acknowledged},
					{Rows: []string{"S003-20"}, Number: "3", Text: "Click Salesforce Integration.", Whose: EngagementAdmin, Page: at(p.tenant, emailIntegration), look: acknowledged},
					{Rows: []string{"S003-21"}, Number: "4", Text: "Click Upgrade to Connected App.", Whose: EngagementAdmin, Page: integration, Command: begin + " --yes", look: acknowledged},
					{
						Rows: []string{"S003-26", "S003-22", "S003-23", "S003-24", "S003-25"}, Number: "5", Text: "Click Connect Account.", Whose: EngagementAdmin, Page: wizard, Command: begin,
						Warning: "During this process, the system automatically connects to any active Salesforce session. To prevent incorrect connection, log out of any active Sales or Service Cloud sessions, other than the Salesforce system user session for this process. Closing the tab doesn't end an active session. If you are using a company-specific login URL, such as https://mycompany.my.salesforce.com, log in to that org as the Salesforce system user before connecting.",
						look:    account,
					},
					{Rows: []string{"S003-27"}, Number: "6", Text: "Acknowledge the changes to your account and begin the upgrade process.", Whose: EngagementAdmin, Page: wizard, Command: begin + " --yes", look: acknowledged},
					{Rows: []string{"S003-28"}, Number: "7", Text: "Log in to your Sales or Service Cloud org as the Salesforce system user if prompted.", Whose: EngagementAdmin, Page: wizard, look: account},
					{Rows: []string{"S003-29"}, Number: "8", Text: "Allow the " + p.names.App + " Connected App to access your data if prompted.", Whose: EngagementAdmin, Page: wizard, look: account},
					{Rows: []string{"S003-30", "S003-31", "S003-32"}, Number: "9", Text: "Select Migrate Existing Users, if available, to reconnect previously connected users. Auto-connection is available for 14 days after the upgrade.", Whose: EngagementAdmin, Page: integration, Command: "twinspan upgrade migrate", look: users},
					{Rows: []string{"S003-33"}, Number: "10", Text: "To begin the auto-connection process, click Connect.", Whose: EngagementAdmin, Page: integration, look: users},
					{Rows: []string{"S003-34"}, Number: "11", Text: "To close the auto-connection results window, click OK.", Whose: EngagementAdmin, Page: integration, Command: "twinspan upgrade report", look: users},
				},
			},
			{
				Title: "The Sales or Service Cloud admin: policies", Steps: []Step{
					{Rows: []string{"S003-35"}, Number: "12", Text: "In the Sales or Service Cloud, click Setup.", Whose: CRMAdmin, Page: at(p.org, setupHome), look: policies},
					{Rows: []string{"S003-36"}, Number: "13", Text: "Search for Connected Apps in the Quick Find box and click Connected Apps.", Whose: CRMAdmin, Page: apps, look: policies},
					{Rows: []string{"S003-37"}, Number: "14", Text: "Click " + p.names.App + ".", Whose: CRMAdmin, Page: app, look: policies},
					{Rows: []string{"S003-38"}, Number: "15", Text: "Click Edit.", Whose: CRMAdmin, Page: app, Command: crm, look: policies},
					{Rows: []string{"S003-39"}, Number: "16", Text: permitted, Whose: CRMAdmin, Page: app, Command: p.policies("--permitted-users admin-approved"), look: upgraded(upgrade.Policies, permittedUsers)},
					{Rows: []string{"S003-40"}, Number: "17", Text: relaxIP, Whose: CRMAdmin, Page: app, Command: p.policies("--ip-relaxation relax"), look: upgraded(upgrade.Policies, ipRelaxation)},
					{Rows: []string{"S003-41"}, Number: "18", Text: expire, Whose: CRMAdmin, Page: app, Command: p.policies("--refresh-token immediately"), look: upgraded(upgrade.Policies, refreshToken)},
					{Rows: []string{"S003-42"}, Number: "19", Text: "Click Save.", Whose: CRMAdmin, Page: app, look: policies},
				},
			},
			{
				Title: "The Sales or Service Cloud admin: the permission set",
				Notes: []Note{{[]string{"S003-45"}, "This permission set is used to associate users to the " + p.names.App + " Connected App and can remain empty."}},
				Steps: []Step{
					{Rows: []string{"S003-43"}, Number: "20", Text: "From Setup, search for Permission Sets in the Quick Find box and click Permission Sets.", Whose: CRMAdmin, Page: sets, look: made},
					{Rows: []string{"S003-44"}, Number: "21", Text: "Create a new permission set.", Whose: CRMAdmin, Page: sets, Command: "twinspan org permset create " + quoted(p.names.ApprovalSet), look: made},
					{Rows: []string{"S003-46"}, Number: "22", Text: "Name the permission set, for example, " + p.names.ApprovalSet + ".", Whose: CRMAdmin, Page: sets, look: made},
					{Rows: []string{"S003-47"}, Number: "23", Text: "Validate the API name, which is generated from the name.", Whose: CRMAdmin, Page: sets, look: upgraded(upgrade.PermissionSet, apiName)},
					{Rows: []string{"S003-48"}, Number: "24", Text: "Save the changes.", Whose: CRMAdmin, Page: sets, look: made},
					{Rows: []string{"S003-49"}, Number: "25", Text: "Click the name of the new permission set.", Whose: CRMAdmin, Page: sets, look: assigns},
					{Rows: []string{"S003-50"}, Number: "26", Text: "Click Manage Assignments.", Whose: CRMAdmin, Page: sets, look: assigns},
					{Rows: []string{"S003-51"}, Number: "27", Text: "Click Add Assignments.", Whose: CRMAdmin, Page: sets, look: assigns},
					{Rows: []string{"S003-52"}, Number: "28", Text: "Select the users who need access to the Connected App, typically all users with access to Marketing Cloud Connect; the system user is one of them.", Whose: CRMAdmin, Page: sets, Command: p.assign(p.names.ApprovalSet, p.system+" USER..."), look: assigns},
					{Rows: []string{"S003-53"}, Number: "29", Text: "Click Assign.", Whose: CRMAdmin, Page: sets, look: assigns},
					{Rows: []string{"S003-54"}, Number: "30", Text: "Click Done.", Whose: CRMAdmin, Page: sets, look: assigns},
				},
			},
			{
				Title: "The Sales or Service Cloud admin: the permission set on the app", Steps: []Step{
					{Rows: []string{"S003-55"}, Number: "31", Text: "From Setup, search for Connected Apps in the Quick Find box and click Connected Apps.", Whose: CRMAdmin, Page: apps, look: carries},
					{Rows: []string{"S003-56"}, Number: "32", Text: "Click " + p.names.App + ".", Whose: CRMAdmin, Page: app, look: carries},
					{Rows: []string{"S003-57"}, Number: "33", Text: "Click Manage Permission Sets.", Whose: CRMAdmin, Page: app, look: carries},
					{Rows: []string{"S003-58"}, Number: "34", Text: "Select the new permission set.", Whose: CRMAdmin, Page: app, Command: "twinspan org permset attach " + quoted(p.names.ApprovalSet) + " " + quoted(p.names.App), look: carries},
					{Rows: []string{"S003-59"}, Number: "35", Text: "Click Save.", Whose: CRMAdmin, Page: app, look: carries},
				},
			},
			{
				Title: "Afterwards", Steps: []Step{
					{Rows: []string{"S003-61"}, Text: "Send a test email to yourself to validate the connection.", Whose: EngagementAdmin, Page: wizard, Command: begin + " --verify-definition KEY", look: verified},
					{Rows: []string{"S003-60"}, Text: "The Connected App authentication upgrade is complete: the outage is over, and the old credentials are gone.", Whose: EngagementAdmin, Page: wizard, Command: "twinspan upgrade watch", look: completed},
					{Rows: []string{"S003-62"}, Text: "Monitor your API usage.", Whose: EngagementAdmin, Command: "twinspan usage --connect", look: monitored},
				},
			},
		},
	}
}

// course is the upgrade to Connected App that was started last, where it says how steps stand: one that was booked alone, or
// cancelled, does not.
func (s *sight) course() *upgrade.Upgrade {
	if s.last == nil || s.last.Kind != upgrade.ConnectedApp || s.last.State == upgrade.Booked || s.last.State == upgrade.Cancelled {
		return nil
	}
	return s.last
}

// byKey says that there is nothing to upgrade.
const byKey = "the connection into the org is by key: there is nothing to upgrade"

// nothingThere says that there is nothing to upgrade from.
const nothingThere = "The clouds are not connected: there is nothing to upgrade. Document 001 connects them."

// upgraded is how a step of the upgrade stands: by its record while the upgrade goes on, by live otherwise. A step without
// live is done where the span is by key.
func upgraded(n upgrade.Name, live func(*sight) reading) func(*sight) reading {
	return func(s *sight) reading {
		u := s.course()
		if u != nil && (u.Live() || live == nil) {
			return recorded(u, n)
		}
		switch {
		case live != nil:
			return live(s)
		case s.link.Org.Driver == link.JWT:
			return done(byKey)
		case s.link.Org.Username == "":
			return unseen(nothingThere)
		}
		return open("no upgrade is under way; Connect signs in to the org by " + s.link.Org.Driver.String())
	}
}

// recorded is how an upgrade's record has a step.
func recorded(u *upgrade.Upgrade, n upgrade.Name) reading {
	r := u.Record(n)
	switch {
	case r == nil:
		return unseen("The upgrade that is under way has no such step.")
	case r.Status == upgrade.Finished:
		return done(r.Have)
	case u.State == upgrade.Cancelling:
		return open("the upgrade is being cancelled")
	case u.Waiting != nil && u.Waiting.Step == n:
		return open(u.Waiting.Have)
	}
	return open(r.Have)
}

// migrated: nobody is left who could be reconnected.
func migrated(s *sight) reading {
	offer, why := s.look.Migration.Get()
	switch {
	case why != "":
		return unseen(why)
	case offer.Available():
		return open("available until " + offer.Until.Format(time.RFC3339) + " for " + number(offer.Users, "user", "users"))
	case s.link.Org.Username == "":
		return unseen(nothingThere)
	case s.link.Org.Driver != link.JWT:
		return open("available once the account is connected")
	}
	return done(strings.TrimSuffix(fault.Of(offer.Refusal()).Message, "."))
}

// outageBooked: an upgrade has its hour, or its outage was open.
func outageBooked(s *sight) reading {
	u := s.last
	switch {
	case u != nil && u.Kind == upgrade.ConnectedApp && u.State == upgrade.Booked && !u.At.IsZero():
		return done("booked for " + u.At.Format(time.RFC3339) + ", " + u.Window.String())
	case u != nil && u.Kind == upgrade.ConnectedApp && u.State != upgrade.Cancelled && !u.OpenedAt.IsZero():
		return done("opened at " + u.OpenedAt.Format(time.RFC3339) + ", " + u.Window.String())
	case u != nil && s.underWay(upgrade.ConnectedApp):
		return done("opens as soon as the changes are acknowledged, " + u.Window.String())
	case s.link.Org.Driver == link.JWT:
		return done(byKey)
	case s.link.Org.Username == "":
		return unseen(nothingThere)
	}
	return open("nothing is booked")
}

// paused tells what Connect itself does; what else uses the connection it cannot see.
func paused(s *sight) reading {
	switch {
	case s.course() == nil && s.link.Org.Driver == link.JWT:
		return done(byKey)
	case s.link.Outage.Open(s.look.Now):
		return unseen("Connect's own sends " + map[link.OutageMode]string{link.Hold: "wait", link.Fail: "fail"}[s.link.Outage.Mode] + " until the outage is over. Which journeys and automations are paused in Engagement no public API tells.")
	}
	return unseen("Which journeys and automations are paused in Engagement no public API tells.")
}

func verified(s *sight) reading {
	if u := s.course(); u != nil {
		return recorded(u, upgrade.Verify)
	}
	return upgraded(upgrade.CloseDown, nil)(s)
}

func completed(s *sight) reading {
	switch u := s.course(); {
	case u != nil && !u.Live():
		return done("closed")
	case u != nil:
		return open("the upgrade is " + string(u.State))
	}
	return upgraded(upgrade.CloseDown, nil)(s)
}

// monitored: Connect looks at the usage an hour and a day after the closing.
func monitored(s *sight) reading {
	u := s.course()
	switch {
	case u == nil:
		return unseen("Advice: nothing of it is left behind to be read.")
	case u.State == upgrade.Done:
		i := slices.IndexFunc(u.Findings, func(f link.Finding) bool { return strings.Contains(f.Text, "24 hours") })
		if i >= 0 {
			return done(strings.TrimSuffix(u.Findings[i].Text, "."))
		}
		return done("looked at a day after the closing")
	case u.State == upgrade.Watching:
		return open("Connect looks at it an hour and a day after the closing")
	}
	return open("the upgrade is not closed yet")
}
