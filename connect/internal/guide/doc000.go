package guide

import (
	"strings"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/mapping"
)

// clearMappings is document 000.
func clearMappings(p places) Guide {
	users, layouts := at(p.org, usersPage), at(p.org, layoutsPage)
	tab := p.connect + tabPage
	field := p.names.TokenLabel
	return Guide{
		Title: "Clear out User Mappings in MC Connect", Article: "000214335",
		Purpose: []Note{
			{[]string{"S000-02", "S000-04"}, "Remove the mapping between a Marketing Cloud User and a Salesforce User. Three scenarios make it necessary."},
			{[]string{"S000-03"}, "Knowledge Article Number 000214335."},
			{[]string{"S000-06"}, "This applies to V5 only."},
			{[]string{"S000-05"}, "Words: MC Connect (ET, ExactTarget), Salesforce (SF), the ExactTarget User record, which is the user's record in Engagement, and the API/Tracking User, whom Connect calls the API user and the system user."},
		},
		Sections: []Section{
			{
				Title: "When to clear a mapping",
				Notes: []Note{
					{[]string{"S000-07", "S000-08"}, "1. At the first mapping the User entered the wrong username and password: usually those of the API/Tracking User, who is there beside the person's own user when the connection is set up."},
					{[]string{"S000-09", "S000-10"}, "2. The client changes a User's permissions in Marketing Cloud: a fully integrated User lacked the permission to send, and cannot send through the integration."},
					{[]string{"S000-11", "S000-12"}, "Granting it later does not help: the old context is cached in the token until it is cleared. Mapped again, the User sends. twinspan users stale finds such mappings."},
					{[]string{"S000-13", "S000-14", "S000-15"}, "3. A token is stored, yet the Marketing Cloud tab asks for Username and Password, and the right ones give the error \"login denied\". Clearing the token in Salesforce cures it."},
				},
			},
			{
				Title: "Remove the OAuth token from the Salesforce User (below version 5.493)",
				Notes: []Note{
					{[]string{"S000-16", "S000-17"}, "Afterwards the User is prompted to integrate again when he next opens the Marketing Cloud tabs."},
					{[]string{"S000-19"}, "Signing in may need a user with elevated permissions."},
				},
				Steps: []Step{
					{Rows: []string{"S000-18"}, Number: "1", Text: "Sign into Salesforce.", Whose: CRMAdmin, Page: at(p.org, "/"), look: tokenCleared},
					{Rows: []string{"S000-20"}, Number: "2", Text: "Click Setup.", Whose: CRMAdmin, Page: at(p.org, setupHome), look: tokenCleared},
					{Rows: []string{"S000-21"}, Number: "3", Text: "Under Administer | Manage Users, click Users.", Whose: CRMAdmin, Click: "Setup > Administer > Manage Users > Users", Page: users, look: tokenCleared},
					{Rows: []string{"S000-22"}, Number: "4", Text: "Locate the User to reset.", Whose: CRMAdmin, Page: users, Command: "twinspan users list", look: tokenCleared},
					{Rows: []string{"S000-23"}, Number: "5", Text: "Under \"Additional Information\" locate the " + field + " field.", Whose: CRMAdmin, Page: users, Command: "twinspan org user field USER " + quoted(field), look: tokenCleared},
					{Rows: []string{"S000-24"}, Number: "6", Text: "Highlight and delete its value.", Whose: CRMAdmin, Page: users, Command: "twinspan org user field USER " + quoted(field) + " --blank", look: tokenCleared},
					{Rows: []string{"S000-25"}, Number: "7", Text: "Click Save.", Whose: CRMAdmin, Page: users, look: tokenCleared},
					{Rows: []string{"S000-26"}, Number: "8", Text: "Log in to Salesforce as the User who was reset and access the Marketing Cloud tab.", Whose: User, Page: tab, Command: "twinspan users visit USER", look: mappedAgain},
				},
			},
			{
				Title: "Where the field is not visible",
				Notes: []Note{{[]string{"S000-27"}, "The " + field + " field may not be visible: put it on the page layout. Commands reach it without."}},
				Steps: []Step{
					{Rows: []string{"S000-28"}, Number: "1", Text: "Go to Setup, Build, Customize, Users.", Whose: CRMAdmin, Click: "Setup > Build > Customize > Users", Page: layouts, look: fieldShown},
					{Rows: []string{"S000-29"}, Number: "2", Text: "Click Page Layouts.", Whose: CRMAdmin, Page: layouts, look: fieldShown},
					{Rows: []string{"S000-30"}, Number: "3", Text: "Edit the User Layout.", Whose: CRMAdmin, Page: layouts, look: fieldShown},
					{Rows: []string{"S000-31"}, Number: "4", Text: "Drag the \"" + field + "\" field down to the Additional Information Section.", Whose: CRMAdmin, Page: layouts, Command: "twinspan org layout add " + p.names.TokenFieldName(), look: fieldShown},
					{Rows: []string{"S000-32"}, Number: "5", Text: "Click Save.", Whose: CRMAdmin, Page: layouts, look: fieldShown},
				},
			},
			{
				Title: "Version 5.493 or later",
				Notes: []Note{
					{[]string{"S000-33", "S000-34"}, "Important: as of the release of Version 5.493, which is the first, the OAuth token is used in the same way and contained within a protected field."},
					{[]string{"S000-35"}, "From then on editing the User record does not clear the mapping."},
					{[]string{"S000-36"}, "Tokens that were stored before go on working."},
				},
				Steps: []Step{
					{Rows: []string{"S000-37"}, Text: "The Salesforce user navigates to the Marketing Cloud tab and clicks Reset my mapping. (The document lost the name of its page; this one is ours.)", Whose: User, Page: tab, Command: "twinspan users reset USER", look: resetByUser},
					{Rows: []string{"S000-38", "S000-39"}, Text: "He specifies the MC User credentials: this resets the token in the protected custom setting.", Whose: User, Page: tab, look: resetByUser},
				},
			},
		},
	}
}

// ofUser is how a user's mapping stands, by fn; not visible where nobody was named.
func (s *sight) ofUser(fn func(mapping.User) reading) reading {
	if s.userWhy != "" {
		return unseen(s.userWhy)
	}
	return fn(s.user)
}

// mappedTo says how a mapping that is there stands.
func mappedTo(u mapping.User) string {
	return u.CRMUsername + " is mapped to " + u.EngagementUser + " (" + strings.ReplaceAll(string(u.State), "_", " ") + ")"
}

// clearedAt says when a mapping was cleared.
func clearedAt(u mapping.User) string {
	if u.State == mapping.Cleared {
		return "cleared " + u.Clear.At.UTC().Format(time.RFC3339) + " by " + u.Clear.Actor
	}
	return u.CRMUsername + " is not mapped"
}

func mapped(u mapping.User) bool {
	return u.State == mapping.Mapped || u.State == mapping.Stale || u.State == mapping.Broken || u.State == mapping.NotReconnected
}

// protected reports whether the package keeps the token in the protected setting; why is why nobody knows.
func (s *sight) protected() (is bool, version, why string) {
	p, why := s.look.Package.Get()
	if why != "" {
		p = s.link.Package
	}
	if p == (link.Package{}) {
		return false, "", why
	}
	return !p.Before(link.ProtectedSince), p.String(), ""
}

// tokenCleared are the steps that blank the field.
func tokenCleared(s *sight) reading {
	is, version, why := s.protected()
	switch {
	case is:
		return unseen("Version " + version + " keeps the token in a protected field: go on with \"Version 5.493 or later\".")
	case version == "" && why != "":
		return unseen(why)
	}
	return s.ofUser(func(u mapping.User) reading {
		if mapped(u) {
			return open(mappedTo(u))
		}
		return done(clearedAt(u))
	})
}

// mappedAgain is the visit of the user.
func mappedAgain(s *sight) reading {
	if r := tokenCleared(s); r.state == NotVisible {
		return r
	}
	return s.ofUser(func(u mapping.User) reading {
		if mapped(u) {
			return open(mappedTo(u) + "; clear the mapping first")
		}
		return open("not mapped again yet")
	})
}

// fieldShown: the layout shows the field.
func fieldShown(s *sight) reading {
	if is, version, _ := s.protected(); is {
		return unseen("Version " + version + " keeps the token in a protected field, which stands on no page.")
	}
	section, why := s.look.TokenSection.Get()
	switch {
	case why != "":
		return unseen(why)
	case section == "":
		return open("the page layout hides it")
	}
	return done("in " + section)
}

// resetByUser is the way from 5.493 on.
func resetByUser(s *sight) reading {
	is, version, why := s.protected()
	switch {
	case version == "" && why != "":
		return unseen(why)
	case !is:
		return unseen("The package is older: blank the field on the user.")
	}
	return s.ofUser(func(u mapping.User) reading {
		if u.State == mapping.Mapped {
			return done(mappedTo(u))
		}
		if mapped(u) {
			return open(mappedTo(u))
		}
		return open(clearedAt(u))
	})
}
