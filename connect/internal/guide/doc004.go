package guide

import (
	"github.com/twinspan/twinspan/connect/internal/doctor"
	"github.com/twinspan/twinspan/connect/internal/integration"
	"github.com/twinspan/twinspan/connect/internal/link"
)

// integrationUser is document 004.
func integrationUser(p places) Guide {
	users := at(p.org, usersPage)
	create := "twinspan integration-user create USER --email ADDRESS"
	reset := "twinspan integration-user reset-token USER"
	exists := person(func(doctor.OrgUser) (bool, string) { return true, "the org has the user" })
	return Guide{
		Title: "About the Salesforce Integration User",
		Purpose: []Note{
			{[]string{"S004-01", "S004-02"}, "An integration user is an account in Salesforce that is dedicated to Salesforce Connector. It is a connection of its own kind, not Connect's system user."},
			{[]string{"S004-07"}, "The instructions are here for your convenience; https://help.salesforce.com/ says more."},
		},
		Sections: []Section{
			{
				Title: "OAuth Username-Password Flows", Steps: []Step{
					{
						Rows: []string{"S004-06", "S004-03", "S004-04", "S004-05"}, Text: "As an administrator, enable Allow OAuth Username-Password Flows.", Whose: CRMAdmin, Click: "gear icon (Setup) > Identity > OAuth and OpenID Connect Settings",
						Page: at(p.org, oauthPage), Command: "twinspan org settings set blockOAuthUnPwFlow=false",
						look: setting("OauthOidcSettings.blockOAuthUnPwFlow", "false", "Allow OAuth Username-Password Flows is on", "Allow OAuth Username-Password Flows is off"),
					},
				},
			},
			{
				Title: "Creating the Integration User in Salesforce",
				Steps: []Step{
					{Rows: []string{"S004-08"}, Number: "1", Text: "Log in to your Salesforce account.", Whose: CRMAdmin, Page: at(p.org, "/"), look: exists},
					{Rows: []string{"S004-09"}, Number: "2", Text: "Create a new user.", Whose: CRMAdmin, Page: users, Command: create, look: exists},
					{Rows: []string{"S004-10"}, Number: "2a", Text: "Go to Setup > Users > Users.", Whose: CRMAdmin, Click: "Setup > Users > Users", Page: users, look: exists},
					{Rows: []string{"S004-11"}, Number: "2b", Text: "On the Setup Users page, click New User.", Whose: CRMAdmin, Page: users, look: exists},
					{Rows: []string{"S004-12"}, Number: "2c", Text: "Complete the General Information fields as needed.", Whose: CRMAdmin, Page: users, look: exists},
					{Rows: []string{"S004-13"}, Number: "2d", Text: "In User License, select Salesforce.", Whose: CRMAdmin, Page: users, look: person(func(u doctor.OrgUser) (bool, string) { return u.Licence == "Salesforce", "User License " + u.Licence })},
					{Rows: []string{"S004-14"}, Number: "2e", Text: "In Profile, select System Administrator.", Whose: CRMAdmin, Page: users, look: person(func(u doctor.OrgUser) (bool, string) {
						return u.Profile == "System Administrator", "Profile " + u.Profile
					})},
					{Rows: []string{"S004-15"}, Number: "2f", Text: "Click Save.", Whose: CRMAdmin, Page: users, look: exists},
					{Rows: []string{"S004-16"}, Text: "Follow the link in the email from Salesforce, which verifies the account and sets the password.", Whose: CRMAdmin, Click: "the link in the email", look: person(func(u doctor.OrgUser) (bool, string) {
						if u.LastPasswordChange.IsZero() {
							return false, "no password yet"
						}
						return true, "the password was set"
					})},
					{Rows: []string{"S004-17"}, Text: "Create the connection with the user name, password and security token of the integration user.", Whose: CRMAdmin, Command: "twinspan connect --kind integration-user --user USER", look: accountUp},
				},
			},
			{
				Title: "Resetting the Security Token of the Integration User",
				Notes: []Note{
					{[]string{"S004-18"}, "In some instances the security token may have to be reset: twinspan integration-user check says when."},
					{[]string{"S004-19", "S004-20"}, "The security token is linked to the email address and password of the integration user."},
					{[]string{"S004-21"}, "There are two ways: reset the security token, or change the password."},
				},
				Steps: []Step{
					{
						Rows: []string{"S004-22"}, Text: "To log in as the integration user, enable Administrators Can Log in as Any User.", Whose: CRMAdmin, Click: "Setup > Security > Login Access Policies", Page: at(p.org, loginAccess),
						Command: "twinspan org settings set enableAdminLoginAsAnyUser=true",
						look:    setting("SecuritySettings.enableAdminLoginAsAnyUser", "true", "Administrators Can Log in as Any User is on", "Administrators Can Log in as Any User is off"),
					},
					{Rows: []string{"S004-23"}, Number: "1", Text: "Log in as the integration user.", Whose: CRMAdmin, Page: users, Command: "twinspan org login-as USER", look: tokenTaken},
					{Rows: []string{"S004-24"}, Number: "1a", Text: "Go to Setup > Users > Users.", Whose: CRMAdmin, Page: users, look: tokenTaken},
					{Rows: []string{"S004-25"}, Number: "1b", Text: "Click Login under the Action column of the integration user.", Whose: CRMAdmin, Page: users, look: tokenTaken},
					{Rows: []string{"S004-26", "S004-27"}, Number: "2a", Text: "Go to Reset My Security Token in Profile > Settings, or by Quick Find to Reset Security Token.", Whose: CRMAdmin, Page: at(p.org, resetTokenPage), look: tokenTaken},
					{Rows: []string{"S004-28", "S004-29"}, Number: "2b", Text: "Click Reset Security Token. The security token is sent to the registered email address.", Whose: CRMAdmin, Page: at(p.org, resetTokenPage), Command: reset, look: tokenTaken},
				},
			},
		},
	}
}

// person is about the integration user: the one who was named, or who is connected.
func person(fn func(doctor.OrgUser) (bool, string)) func(*sight) reading {
	return func(s *sight) reading {
		account, why := s.look.Integration.Get()
		if s.look.Patient == nil {
			switch {
			case why != "":
				return unseen(why)
			case account.Username == "":
				return unseen("Name the integration user to see how he stands: none is connected yet.")
			}
			return done(account.Username + " is connected")
		}
		u, why := s.look.Patient.User.Get()
		switch {
		case why != "":
			return unseen(why)
		case u.ID == "":
			return open("the org has no user " + s.look.Patient.Username)
		}
		ok, seen := fn(u)
		return is(ok, seen)
	}
}

// accountUp: the integration user is connected.
func accountUp(s *sight) reading {
	return s.account(func(a integration.Account) reading {
		switch {
		case a.Username == "":
			return open("no integration user is connected")
		case a.State == link.SpanBroken:
			return open("the org refuses " + a.Username + ": " + a.Cause.Code)
		}
		return done("connected as " + a.Username)
	})
}

// tokenTaken: a reset is open where the org refuses the credentials; otherwise nothing asks for one.
func tokenTaken(s *sight) reading {
	return s.account(func(a integration.Account) reading {
		if a.State == link.SpanBroken {
			return open("the org refuses " + a.Username + ": " + a.Cause.Code)
		}
		return unseen("Needed where the org refuses the security token alone: nothing asks for it now, and no public API tells when it was reset.")
	})
}

func (s *sight) account(fn func(integration.Account) reading) reading {
	a, why := s.look.Integration.Get()
	if why != "" {
		return unseen(why)
	}
	return fn(a)
}
