package doctor

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/mapping"
	"github.com/twinspan/twinspan/internal/client/engagement"
)

// mappingChecks look at who is mapped to whom, and whether it still holds.
func mappingChecks() []Check {
	all := checksOfMappings()
	for i := range all {
		look := all[i].Look
		all[i].Look = func(l *Look) Outcome {
			o := look(l)
			if l.MappingsCut && o.Unread == "" {
				o.Unread = "There are more mappings than are looked at in one go; those beyond were not."
			}
			return o
		}
	}
	return all
}

func checksOfMappings() []Check {
	return []Check{
		{
			ID: "D26", Name: "Who is mapped to the API user", Severity: Error, Wants: "the system user alone",
			Why:   "A person who is mapped to the API user sends with the API user's permissions, which is the usual mistake at the first visit.",
			Click: "{clear}", Command: "twinspan users reset {user}", Document: docToken,
			Look: func(l *Look) Outcome {
				if l.Link.Standing == link.BesidePackage {
					return unread(besides)
				}
				var out Outcome
				for _, m := range l.mapped() {
					switch mapping.Notice(l.Link, m) {
					case mapping.CodeAPIUser:
						out.Found = append(out.Found, Found{Subject: m.CRMUsername, Seen: "mapped to the API user " + m.EngagementUser, Expected: "mapped to an Engagement user of his own"})
					case mapping.CodeSystemUser:
						out.Found = append(out.Found, Found{Subject: m.CRMUsername, Seen: "the system user, mapped to " + m.EngagementUser, Expected: "mapped to the API user, or to nobody", Severity: Warning})
					}
				}
				return out
			},
		},
		{
			ID: "D27", Name: "Salesforce.com Status", Severity: Warning, In: withPackage, Wants: "each user's Engagement user names him",
			Why:   "Without it the user is not integrated: his permission to send is not looked up, and he cannot be mapped again.",
			Click: "Email Studio > Admin > My Users > {subject} > Salesforce.com Status > Integrate", Command: "twinspan tenant user update {subject} --crm-username {value}", Document: docManage,
			Mend: Mend{By: EngagementAdmin, Effect: "Integrates the Engagement user with the CRM user who is mapped to him; where somebody took his status away on purpose, clear the mapping instead."},
			Look: func(l *Look) Outcome {
				if l.Link.Standing == link.BesidePackage {
					return unread(besides)
				}
				members, why := l.Members.Get()
				if why != "" {
					return unread(why)
				}
				people, _ := l.People.Get()
				status := make(map[string]Member, len(members))
				for _, m := range members {
					status[fold(m.Username)] = m
				}
				var out Outcome
				mapped := map[string]bool{}
				for _, m := range l.mapped() {
					mapped[fold(m.EngagementUser)] = true
					if link.SameUsername(m.EngagementUser, l.Link.Tenant.Username) {
						continue // D26's business
					}
					is := or(people.ByID[m.CRMUserID].Username, m.CRMUsername) // who was renamed has another than his mapping says
					found := Found{Subject: m.EngagementUser, Value: is, Expected: is}
					switch e, there := status[fold(m.EngagementUser)]; {
					case !there:
						found.Seen = "not integrated"
					case !link.SameUsername(is, m.CRMUsername) && link.SameUsername(e.SalesforceUsername, m.CRMUsername):
						found.Seen = m.CRMUsername + ", who is called " + is + " now"
					case !link.SameUsername(e.SalesforceUsername, is):
						found.Seen, found.ByHand = e.SalesforceUsername, true // who is right, a person knows
					case !e.Active:
						found.Seen, found.Expected = "the Engagement user is disabled", "active"
						found.Command, found.Click = "twinspan tenant user update {subject} --active", clickMCUser
					case e.Locked:
						found.Seen, found.Expected = "the Engagement user is locked after too many wrong passwords", "not locked"
						found.Command, found.Click = "twinspan tenant user update {subject} --unlock", clickMCUser
					default:
						continue
					}
					if l.administers(m.EngagementUser) {
						found.Command = or(found.Command, "twinspan tenant user update {subject} --crm-username {value}") + " --as " + quote(l.Link.Tenant.Username)
					}
					out.Found = append(out.Found, found)
				}
				out.Found = append(out.Found, l.unintegrated(people, members)...)
				named, why := l.Nobody.Get()
				for _, m := range members {
					if !mapped[fold(m.Username)] && slices.Contains(named, fold(m.SalesforceUsername)) {
						out.Found = append(out.Found, Found{
							Subject: m.Username, Seen: m.SalesforceUsername + ", and the org has no such user", Expected: "the user name of a user of the org, or empty", Command: "twinspan tenant user show {subject}",
						})
					}
				}
				out.Unread = why
				return out
			},
		},
		{
			ID: "D28", Name: "Business units of mappings", Severity: Error, In: withPackage, Wants: "each mapped user works in a business unit of this org",
			Why:   "Where an enterprise has several orgs, a user belongs to an org only in the business units that are connected to it.",
			Click: "Marketing Cloud tab > Manage Business Units", Command: "twinspan users reset {user}", Document: docMultiOrg,
			Look: func(l *Look) Outcome {
				if l.Link.Standing == link.BesidePackage {
					return unread(besides)
				}
				units, why := l.Units.Get()
				if why != "" {
					return unread(why)
				}
				if _, why := l.OrgUnits.Get(); why != "" {
					return unread(why)
				}
				enabled := l.enabledUnits()
				var out Outcome
				for _, m := range l.mapped() {
					exists := slices.ContainsFunc(units, func(u engagement.BusinessUnit) bool { return u.MID == m.MID && u.Active })
					switch {
					case l.MultiOrg && len(enabled) > 0 && !slices.Contains(enabled, m.MID):
						out.Found = append(out.Found, Found{Subject: m.CRMUsername, Seen: fmt.Sprintf("mapped in %d, which is no business unit of this org", m.MID)})
					case !exists && !slices.Contains(enabled, m.MID):
						out.Found = append(out.Found, Found{Subject: m.CRMUsername, Seen: fmt.Sprintf("mapped in %d, which is no active business unit that the API user reaches", m.MID), Severity: Warning})
					}
				}
				return out
			},
		},
		{
			ID: "D29", Name: "Permissions in tokens", Severity: Warning, Wants: "each token carries the permissions that its user has now",
			Why:   "A token keeps the permissions of the moment when it was made; a role that was given since is not seen before it is cleared.",
			Click: "{clear}", Command: "twinspan users reset {user}", Document: docToken,
			Look: func(l *Look) Outcome {
				if l.Link.Standing == link.BesidePackage {
					return unread(besides)
				}
				grants, why := l.Grants.Get()
				if why != "" {
					return unread(why)
				}
				var out Outcome
				for _, m := range l.mapped() {
					g, there := grants[fold(m.EngagementUser)]
					if !there {
						out.Unread = "Engagement has no token of " + m.EngagementUser + " (D30), so nobody knows what it carries."
					}
					if g.Stale && mapping.Notice(l.Link, m) != mapping.CodeAPIUser { // which D26 has reset anyway
						out.Found = append(out.Found, Found{Subject: m.CRMUsername, Seen: "the permissions of " + m.EngagementUser + " have changed since " + day(g.MadeAt)})
					}
				}
				return out
			},
		},
		{
			ID: "D30", Name: "Tokens that are taken", Severity: Error, Wants: "Engagement takes the token of everybody who is mapped",
			Why:   "A user with a token that is refused is asked for his credentials, and correct ones get \"login denied\".",
			Click: "{clear}", Command: "twinspan users reset {user}", Document: docToken,
			Look: func(l *Look) Outcome {
				if l.Link.Standing == link.BesidePackage {
					return unread(besides)
				}
				grants, why := l.Grants.Get()
				var out Outcome
				for _, m := range l.mapped() {
					_, granted := grants[fold(m.EngagementUser)]
					if why == "" && !granted || why != "" && !m.BrokenAt.IsZero() {
						out.Found = append(out.Found, Found{Subject: m.CRMUsername, Seen: "Engagement refuses the token stored for " + m.EngagementUser})
					}
				}
				if len(out.Found) == 0 {
					out.Unread = why
				}
				return out
			},
		},
		{
			ID: "D39", Name: "Migrate Existing Users", Severity: Warning, In: ours, Wants: "everybody who was mapped before the upgrade is reconnected",
			Why:   "It can be selected for 14 days after the upgrade; after that each user integrates by himself.",
			Click: "Email Studio > Admin > Salesforce Integration > Migrate Existing Users", Command: "twinspan upgrade migrate", Document: docUpgrade,
			Look: func(l *Look) Outcome {
				o, why := l.Migration.Get()
				switch {
				case why != "":
					return unread(why)
				case o.Users == 0:
					return Outcome{}
				case o.Code != "":
					return Outcome{Found: []Found{{
						Seen: count(o.Users, "mapped before the upgrade of "+day(o.UpgradedAt)+" and not reconnected; the 14 days are over"), Command: "twinspan users list --state not_reconnected",
						Click: "each user's next visit to the Marketing Cloud tab",
					}}}
				}
				return found(count(o.Users, "mapped before the upgrade and not reconnected; it can be selected until "+day(o.Until)))
			},
		},
		{
			ID: "T11", Name: "Mapping drift", Severity: Warning, Wants: "each mapping names the users whom it was made for, and where the package keeps the token on the user, what Connect left there still stands",
			Why:   "A mapping goes by ids: where a name is somebody else's now, or the field was blanked or changed, it ends or is another's at the user's next visit.",
			Click: "User record > Additional Information > {token_label}", Command: "twinspan users check", Document: docToken,
			Look: func(l *Look) Outcome {
				if l.Link.Standing == link.BesidePackage {
					return unread(besides)
				}
				people, why := l.People.Get()
				if why != "" {
					return unread(why)
				}
				out := l.renamed(people)
				out.Unread = cut(people)
				if l.Link.Standing == link.OwnLink || !l.release().TokenInField() {
					return out
				}
				others := map[mapping.Handle]bool{}
				for _, m := range l.mapped() {
					others[m.Handle] = true
				}
				for _, m := range l.mapped() {
					u, there := people.ByID[m.CRMUserID]
					if !there || m.Handle == (mapping.Handle{}) {
						continue
					}
					switch is := mapping.Handle(sha256.Sum256([]byte(u.Token))); {
					case u.Token == "":
						out.Found = append(out.Found, Found{Subject: m.CRMUsername, Seen: l.Link.Names().TokenLabel + " was blanked"})
					case is == m.Handle || strings.Trim(u.Token, "*") == "": // who may not view encrypted data sees asterisks
					case len(u.Token) == mapping.HandleLength && !others[is]: // may be an earlier one of his, which the sweep tells apart
					default:
						out.Found = append(out.Found, Found{Subject: m.CRMUsername, Seen: l.Link.Names().TokenLabel + " was changed"})
					}
				}
				return out
			},
		},
	}
}

// administers reports whether an Engagement user has what only another administrator may change: not the package as which commands act.
func (l *Look) administers(username string) bool {
	members, _ := l.Members.Get()
	unnamed, _ := l.Unnamed.Get()
	admin := func(name string, roles []string) bool {
		return link.SameUsername(name, username) && (slices.Contains(roles, "Administrator") || slices.Contains(roles, "Marketing Cloud Administrator"))
	}
	return slices.ContainsFunc(members, func(m Member) bool { return admin(m.Username, m.Roles) }) ||
		slices.ContainsFunc(unnamed, func(u engagement.UserDetails) bool { return admin(u.Username, u.Roles) })
}

// unintegrated are the findings about users of the package who are nobody in Engagement: with its User box, and neither mapped nor
// named by a Salesforce.com Status. Who has the Admin box too may be one who sets things up alone.
func (l *Look) unintegrated(people People, members []Member) []Found {
	somebody := map[string]bool{l.systemID(): true}
	for _, m := range l.mapped() {
		somebody[m.CRMUserID] = true
	}
	for _, m := range members {
		somebody[fold(m.SalesforceUsername)] = true
	}
	var out []Found
	for id, u := range people.ByID {
		if u.Active && u.User && !u.Admin && !somebody[id] && !somebody[fold(u.Username)] && !l.asked(u) {
			out = append(out, Found{
				Subject: u.Username, Seen: "ticked for " + l.Link.Names().UserBoxLabel + ", and no Engagement user's Salesforce.com Status names him",
				Expected: "an Engagement user who names him; or, where he is not to be one, the box off", Command: "twinspan tenant user list",
				Click: "Email Studio > Admin > My Users > his Engagement user > Salesforce.com Status > Integrate",
			})
		}
	}
	sortFound(out)
	return out
}

// asked reports whether a look is about a user: U02 says of him whether he is integrated.
func (l *Look) asked(u OrgUser) bool {
	if l.Patient == nil {
		return false
	}
	one, why := l.Patient.User.Get()
	return why == "" && one.ID == u.ID
}

// renamed are the mappings of users who have another name now: in the org, where no Salesforce.com Status says it (D27), and in
// Engagement, where the name of the mapping is another user's.
func (l *Look) renamed(people People) Outcome {
	members, _ := l.Members.Get()
	ids := make(map[string]string, len(members))
	for _, m := range members {
		ids[fold(m.Username)] = strconv.FormatInt(m.ID, 10)
	}
	var out Outcome
	for _, m := range l.mapped() {
		u, id := people.ByID[m.CRMUserID], ids[fold(m.EngagementUser)]
		switch {
		case id != "" && m.EngagementUserID != "" && id != m.EngagementUserID:
			out.Found = append(out.Found, Found{
				Subject: m.CRMUsername, Seen: "mapped to the Engagement user " + m.EngagementUser + " with number " + m.EngagementUserID + ", and another user (" + id + ") has that name now",
				Expected: "mapped to who has the name", Click: "{clear}", Command: "twinspan users reset {user}",
			})
		case l.Link.Standing == link.OwnLink && u.Username != "" && !link.SameUsername(u.Username, m.CRMUsername):
			out.Found = append(out.Found, Found{Subject: m.CRMUsername, Seen: "called " + u.Username + " in the org now", Expected: "the name that the org has", Click: "Setup > Users > Users"})
		}
	}
	return out
}
