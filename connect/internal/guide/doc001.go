package guide

import "github.com/twinspan/twinspan/connect/internal/link"

// Texts that documents 001 and 003 share.
const (
	permitted = "Under Permitted Users, select Admin approved users are pre-authorized."
	relaxIP   = "Under IP Relaxation, select Relax IP restrictions."
	expire    = "Under Refresh Token Policy, select Immediately expire refresh token."
)

// policies are the command lines for the policies of the app.
func (p places) policies(flags string) string {
	return "twinspan org app policies " + quoted(p.names.App) + " " + flags
}

func (p places) assign(label, who string) string {
	return "twinspan org permset assign " + quoted(label) + " " + who
}

// setUp is document 001.
func setUp(p places) Guide {
	create := "twinspan org permset create " + quoted(p.names.ApprovalSet)
	attach := "twinspan org permset attach " + quoted(p.names.ApprovalSet) + " " + quoted(p.names.App)
	apps, sets, people := at(p.org, appsPage), at(p.org, setsPage), at(p.org, usersPage)
	// Page Users > the user > Edit Assignments gives several permission sets at once.
	onUser := "Setup > Users > the Salesforce system user > Edit Assignments"
	app := at(p.org, appsPage)
	return Guide{
		Title: "Set Up Connected App Authentication",
		Purpose: []Note{
			{[]string{"S001-02", "S001-03"}, "Set up connected app authentication for Marketing Cloud Connect: it authenticates between Sales Cloud, Service Cloud and Engagement."},
			{[]string{"S001-04"}, "No passwords have to be stored in Engagement."},
			{[]string{"S001-05", "S001-06"}, "SOAP and REST API calls of Marketing Cloud Connect do not count against the rolling 24-hour limit."},
		},
		Sections: []Section{
			{
				Title: "Before you begin", Steps: []Step{{
					Rows: []string{"S001-02"}, Text: "Install the managed package Marketing Cloud Connect: the connected app and three of the permission sets come with it.", Whose: CRMAdmin,
					Click: "Setup > Installed Packages", Page: at(p.org, packagesPage), Command: "twinspan package install", look: installed,
				}},
			},
			{
				Title: "Policies of the connected app",
				Notes: []Note{{[]string{"S001-17"}, "The document saves the policies before any permission set is attached: in between nobody is approved. twinspan connect --apply approves first."}},
				Steps: []Step{
					{Rows: []string{"S001-07"}, Number: "1", Text: "In the Sales or Service Cloud, click Setup.", Whose: CRMAdmin, Page: at(p.org, setupHome), look: permittedUsers},
					{Rows: []string{"S001-08"}, Number: "2", Text: "Under Administer, click Manage Apps.", Whose: CRMAdmin, Click: "Setup > Administer > Manage Apps", Page: apps, look: permittedUsers},
					{Rows: []string{"S001-09"}, Number: "3", Text: "Click Connected Apps.", Whose: CRMAdmin, Page: apps, look: permittedUsers},
					{Rows: []string{"S001-10"}, Number: "4", Text: "Click " + p.names.App + ".", Whose: CRMAdmin, Page: app, look: permittedUsers},
					{Rows: []string{"S001-11"}, Number: "5", Text: "Click Edit Policies.", Whose: CRMAdmin, Page: app, look: permittedUsers},
					{Rows: []string{"S001-12"}, Number: "6", Text: permitted, Whose: CRMAdmin, Page: app, Command: p.policies("--permitted-users admin-approved"), look: permittedUsers},
					{Rows: []string{"S001-13"}, Number: "7", Text: "If a warning message appears, click OK. In this org it appears on Save, after steps 8 and 9, and lists who loses access; OK saves.", Whose: CRMAdmin, Page: app, look: permittedUsers},
					{Rows: []string{"S001-14"}, Number: "8", Text: relaxIP, Whose: CRMAdmin, Page: app, Command: p.policies("--ip-relaxation relax"), look: ipRelaxation},
					{Rows: []string{"S001-15"}, Number: "9", Text: expire, Whose: CRMAdmin, Page: app, Command: p.policies("--refresh-token immediately"), look: refreshToken},
					{Rows: []string{"S001-16"}, Number: "10", Text: "Save changes.", Whose: CRMAdmin, Page: app, look: policiesSaved},
				},
			},
			{
				Title: "The permission set", Steps: []Step{
					{Rows: []string{"S001-18"}, Number: "11", Text: "From Setup, click Manage Users under Administer.", Whose: CRMAdmin, Click: "Setup > Administer > Manage Users", Page: sets, look: setMade},
					{Rows: []string{"S001-19"}, Number: "12", Text: "Click Permission Sets.", Whose: CRMAdmin, Page: sets, look: setMade},
					{Rows: []string{"S001-20"}, Number: "13", Text: "Click New.", Whose: CRMAdmin, Page: sets, look: setMade},
					{Rows: []string{"S001-21"}, Number: "14", Text: "Give the permission set a memorable name, for example " + p.names.ApprovalSet + ".", Whose: CRMAdmin, Page: sets, Command: create, look: setMade},
					{Rows: []string{"S001-22"}, Number: "15", Text: "Validate the generated API name.", Whose: CRMAdmin, Page: sets, Command: "twinspan org permset show " + quoted(p.names.ApprovalSet), look: apiName},
					{Rows: []string{"S001-23"}, Number: "16", Text: "Save the permission set.", Whose: CRMAdmin, Page: sets, look: setMade},
				},
			},
			{
				Title: "Permission sets of the API User",
				Notes: []Note{{[]string{"S001-28"}, "Permission sets are there in the org alone: \"API User\" is the Salesforce system user here, not Engagement's API user."}},
				Steps: []Step{
					{Rows: []string{"S001-24"}, Text: "Apply " + p.names.ApprovalSet + " to the API User, which here is the Salesforce system user.", Whose: CRMAdmin, Click: onUser, Page: people, Command: p.assign(p.names.ApprovalSet, p.system), look: systemHas(func(n link.Names) string { return n.ApprovalSet })},
					{Rows: []string{"S001-25"}, Text: "Apply " + p.names.ConnectorSet + " to it.", Whose: CRMAdmin, Click: onUser, Page: people, Command: p.assign(p.names.ConnectorSet, p.system), look: systemHas(func(n link.Names) string { return n.ConnectorSet })},
					{Rows: []string{"S001-26"}, Text: "Apply " + p.names.ConnectorAdminSet + " to it.", Whose: CRMAdmin, Click: onUser, Page: people, Command: p.assign(p.names.ConnectorAdminSet, p.system), look: systemHas(func(n link.Names) string { return n.ConnectorAdminSet })},
					{Rows: []string{"S001-27"}, Text: "Apply " + p.names.SystemUserSet + " to it.", Whose: CRMAdmin, Click: onUser, Page: people, Command: p.assign(p.names.SystemUserSet, p.system), look: systemHas(func(n link.Names) string { return n.SystemUserSet })},
				},
			},
			{
				Title: "Users who need the connected app", Steps: []Step{
					{Rows: []string{"S001-29"}, Number: "17", Text: "From Setup, click Manage Users under Administer.", Whose: CRMAdmin, Click: "Setup > Administer > Manage Users", Page: sets, look: assigned},
					{Rows: []string{"S001-30"}, Number: "18", Text: "Click Permission Sets.", Whose: CRMAdmin, Page: sets, look: assigned},
					{Rows: []string{"S001-31"}, Number: "19", Text: "Click the name of the new permission set.", Whose: CRMAdmin, Page: sets, look: assigned},
					{Rows: []string{"S001-32"}, Number: "20", Text: "Click Manage Assignments.", Whose: CRMAdmin, Page: sets, look: assigned},
					{Rows: []string{"S001-33"}, Number: "21", Text: "Click Add Assignments.", Whose: CRMAdmin, Page: sets, look: assigned},
					{Rows: []string{"S001-34"}, Number: "22", Text: "Select the users who need the connected app, typically those who use Marketing Cloud Connect.", Whose: CRMAdmin, Page: sets, Command: p.assign(p.names.ApprovalSet, "USER..."), look: assigned},
					{Rows: []string{"S001-35"}, Number: "23", Text: "Make sure that the Salesforce system user is selected.", Whose: CRMAdmin, Page: sets, Command: p.assign(p.names.ApprovalSet, p.system), look: systemAmong},
					{Rows: []string{"S001-36"}, Number: "24", Text: "Click Assign.", Whose: CRMAdmin, Page: sets, look: systemAmong},
					{Rows: []string{"S001-37"}, Number: "25", Text: "Click Done.", Whose: CRMAdmin, Page: sets, look: systemAmong},
				},
			},
			{
				Title: "The permission set on the app", Steps: []Step{
					{Rows: []string{"S001-38"}, Number: "26", Text: "In the Sales or Service Cloud, click Setup.", Whose: CRMAdmin, Page: at(p.org, setupHome), look: attached},
					{Rows: []string{"S001-39"}, Number: "27", Text: "Under Administer, click Manage Apps.", Whose: CRMAdmin, Click: "Setup > Administer > Manage Apps", Page: apps, look: attached},
					{Rows: []string{"S001-40"}, Number: "28", Text: "Click Connected Apps.", Whose: CRMAdmin, Page: apps, look: attached},
					{Rows: []string{"S001-41"}, Number: "29", Text: "Click " + p.names.App + ".", Whose: CRMAdmin, Page: app, look: attached},
					{Rows: []string{"S001-42"}, Number: "30", Text: "Click Manage Permission Sets.", Whose: CRMAdmin, Page: app, look: attached},
					{Rows: []string{"S001-43"}, Number: "31", Text: "Select the new permission set.", Whose: CRMAdmin, Page: app, Command: attach, look: attached},
					{Rows: []string{"S001-44"}, Number: "32", Text: "Save changes.", Whose: CRMAdmin, Page: app, look: attached},
				},
			},
			{
				Title: "Connect to Marketing Cloud", Steps: []Step{
					{
						Rows: []string{"S001-46", "S001-45", "S001-47"}, Text: "Log out of all active Engagement sessions.", Whose: CRMAdmin, Click: "Engagement > Log Out, once in each browser in which somebody is signed in", Page: at(p.tenant, tenantLogout),
						Warning: "During this process, the system connects to any active Engagement session to establish the Marketing Cloud Connect API user. To prevent an incorrect connection, log out of all active Engagement sessions. Closing the tab doesn't end an active session.",
						look:    signedOut,
					},
					{Rows: []string{"S001-48"}, Number: "33", Text: "In Sales or Service Cloud, go to the Marketing Cloud tab, as the Salesforce system user.", Whose: CRMAdmin, Page: p.connect + tabPage, look: tenantUp},
					{Rows: []string{"S001-49"}, Number: "34", Text: "Click Connect to Marketing Cloud.", Whose: CRMAdmin, Page: p.connect + tabPage, Command: "twinspan connect --sign-in", look: tenantUp},
					{Rows: []string{"S001-50"}, Number: "35", Text: "Enter the username and password of the Marketing Cloud Connect API User.", Whose: CRMAdmin, look: tenantUp},
					{Rows: []string{"S001-51"}, Number: "36", Text: "Click Login.", Whose: CRMAdmin, look: tenantUp},
					{
						Rows: []string{"S001-52"}, Text: "The clouds are connected, and no further password is needed: Connect signs the system user in by key, too.", Whose: CRMAdmin, Command: "twinspan status --check",
						look: all(orgUp, tenantUp),
					},
				},
			},
		},
	}
}

// signedOut cannot be read.
func signedOut(*sight) reading {
	return unseen("Which sessions are open in Engagement no public API tells. Connect asks for a fresh sign-in, names whom it found, and connects nobody else than the API user.")
}
