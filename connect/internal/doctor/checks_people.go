package doctor

import (
	"maps"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/mapping"
	"github.com/twinspan/twinspan/internal/client/crm"
)

const clickUser = "Setup > Users > Users > {user} > Edit"

// ofSystem makes a check of the system user's record.
func ofSystem(id string, judge func(*Look, OrgUser) []Found) func(*Look) Outcome {
	return func(l *Look) Outcome {
		u, why := l.SystemUser.Get()
		if why != "" {
			return l.orUnread(id, why)
		}
		if u.ID == "" {
			return Outcome{} // D08 says that he is gone
		}
		return Outcome{Found: judge(l, u)}
	}
}

// ofEverybody makes a check of the system user and of all who are mapped.
func ofEverybody(id string, judge func(l *Look, u OrgUser, system bool) (Found, bool)) func(*Look) Outcome {
	return func(l *Look) Outcome {
		var out Outcome
		system, why := l.SystemUser.Get()
		if why != "" {
			return l.orUnread(id, why)
		}
		if system.ID != "" {
			if f, bad := judge(l, system, true); bad {
				out.Found = append(out.Found, named(f, system))
			}
		}
		people, why := l.People.Get()
		if why != "" {
			out.Unread = why
			return out
		}
		for _, id := range l.impacted() {
			if u, there := people.ByID[id]; there && u.ID != system.ID {
				if f, bad := judge(l, u, false); bad {
					f.ByHand = f.ByHand || l.stranger(u)
					out.Found = append(out.Found, named(f, u))
				}
			}
		}
		out.Unread = cut(people)
		return out
	}
}

func named(f Found, u OrgUser) Found {
	if f.Subject == "" {
		f.Subject = u.Username
	}
	return f
}

// cut is what a check of all people says where there were too many.
func cut(p People) string {
	if p.Cut {
		return "There are more users than are looked at in one go; those beyond were not."
	}
	return ""
}

// mapped are the mappings that are used, by user name: not those from before an upgrade, which are D39's business.
func (l *Look) mapped() []mapping.Mapping {
	all, _ := l.Mappings.Get()
	return slices.DeleteFunc(slices.Clone(all), func(m mapping.Mapping) bool { return m.Earlier(l.Link) })
}

// impacted are the ids of the users who are mapped, and of the one whom the look is about.
func (l *Look) impacted() []string {
	var ids []string
	for _, m := range l.mapped() {
		ids = append(ids, m.CRMUserID)
	}
	if l.Patient != nil {
		if u, why := l.Patient.User.Get(); why == "" && !slices.Contains(ids, u.ID) {
			ids = append(ids, u.ID)
		}
	}
	return ids
}

// stranger reports whether a user is looked at for no other reason than that somebody asked about him: neither mapped nor
// integrated. What he lacks is told, and no fix gives it to him.
func (l *Look) stranger(u OrgUser) bool {
	if l.Patient == nil || u.ID == l.systemID() {
		return false
	}
	one, why := l.Patient.User.Get()
	if why != "" || one.ID != u.ID {
		return false
	}
	members, _ := l.Members.Get()
	return !slices.ContainsFunc(l.mapped(), func(m mapping.Mapping) bool { return m.CRMUserID == u.ID }) &&
		!slices.ContainsFunc(members, func(m Member) bool { return link.SameUsername(m.SalesforceUsername, u.Username) })
}

// peopleChecks look at the system user and at those who are mapped: document 001 steps 11 to 32.
func peopleChecks() []Check {
	const click = clickSets + " > {set} > Manage Assignments"
	return []Check{
		{
			ID: "D06", Name: "The system user is assigned", Severity: Error, Wants: "the system user has a permission set or profile that carries the app",
			Why:   "The org does not let him in otherwise, and nothing goes from Engagement into the org.",
			Click: click, Command: "twinspan org permset assign {set} {user}", Document: docInitial + "; " + docApproval,
			Mend: Mend{By: OrgAdmin, Effect: "Lets the system user in through the app."},
			Look: func(l *Look) Outcome {
				u, why := l.SystemUser.Get()
				carriers, carriersWhy := l.Carriers.Get()
				switch {
				case why != "" || carriersWhy != "":
					out := l.orUnread("D06", or(why, carriersWhy))
					for i := range out.Found { // nobody looked
						out.Found[i].Seen += " (said alike where nothing carries the app: D05)"
					}
					return out
				case u.ID == "":
					return Outcome{} // D08 says that he is gone
				case len(carriers) == 0:
					return unread(noCarrier)
				case !u.Approved:
					return Outcome{Found: []Found{unassigned(l, u, carriers)}}
				}
				return Outcome{}
			},
		},
		{
			ID: "D07", Name: "Every impacted user is assigned", Severity: Error, Wants: "everybody who is mapped or integrated has a permission set or profile that carries the app",
			Why:   "Who is not assigned gets \"user is not admin approved to access this app\", and his sends fail.",
			Click: click, Command: "twinspan org permset assign {set} {user}", Document: docInitial + "; " + docUpgrade,
			Mend: Mend{By: OrgAdmin, Effect: "Lets the user in through the app."},
			Look: func(l *Look) Outcome {
				people, why := l.People.Get()
				carriers, carriersWhy := l.Carriers.Get()
				switch {
				case why != "" || carriersWhy != "":
					return unread(or(why, carriersWhy))
				case len(carriers) == 0:
					return unread(noCarrier)
				}
				integrated := map[string]bool{}
				members, _ := l.Members.Get()
				for _, m := range members {
					integrated[fold(m.SalesforceUsername)] = true
				}
				isMapped := map[string]bool{}
				for _, id := range l.impacted() {
					isMapped[id] = true
				}
				var out Outcome
				for id, u := range people.ByID {
					if u.Active && !u.Approved && id != l.systemID() && (isMapped[id] || integrated[fold(u.Username)]) {
						out.Found = append(out.Found, unassigned(l, u, carriers))
					}
				}
				sortFound(out.Found)
				out.Unread = cut(people)
				return out
			},
		},
		{
			ID: "D08", Name: "Users are active", Severity: Error, Wants: "active, not frozen, not locked",
			Why:   "An inactive or frozen user is not signed in, whatever is assigned to him.",
			Click: clickUser + " > Active", Command: "twinspan org user activate {user}", Document: docInitial,
			Look: func(l *Look) Outcome {
				if system, why := l.SystemUser.Get(); why == "" && system.ID == "" {
					return Outcome{Found: []Found{{Subject: l.systemUsername(), Seen: "the org has no such user", Click: "Setup > Users > Users", Command: "twinspan org user list"}}}
				}
				out := ofEverybody("D08", func(_ *Look, u OrgUser, system bool) (Found, bool) {
					switch {
					case !u.Active && !system:
						return Found{Seen: "inactive, and mapped", Expected: "active; or, where he has left, mapped no more: twinspan users clear USER"}, true
					case !u.Active:
						return Found{Seen: "inactive"}, true
					case u.Frozen:
						return Found{Seen: "frozen", Command: "twinspan org user unfreeze {user}", Click: "Setup > Users > Users > {user} > Unfreeze"}, true
					case u.Locked:
						return Found{Seen: "locked after too many wrong passwords", Command: "twinspan org user unlock {user}", Click: "Setup > Users > Users > {user} > Unlock", Severity: Warning}, true
					}
					return Found{}, false
				})(l)
				people, _ := l.People.Get()
				for _, m := range l.mapped() {
					if people.Gone[m.CRMUserID] {
						out.Found = append(out.Found, Found{Subject: m.CRMUsername, Seen: "the org has no such user any more", Severity: Warning, Command: "twinspan users clear {user}"})
					}
				}
				return out
			},
		},
		{
			ID: "D09", Name: "Licence of the system user", Severity: Error, Wants: "Salesforce",
			Why:   "Integration and platform licences do not reach what Marketing Cloud Connect writes.",
			Click: clickUser + " > User License: Salesforce, and with it Profile: System Administrator", Document: docInitial,
			Look: func(l *Look) Outcome {
				u, why := l.systemProfile()
				switch {
				case why != "":
					return l.orUnread("D09", why)
				case u.Username == "" || u.Licence == licence:
					return Outcome{}
				}
				return foundAt(u.Username, or(u.Licence, "not shown"))
			},
		},
		{
			ID: "D10", Name: "Profile of the system user", Severity: Error, Wants: "System Administrator",
			Why:   "Another profile hides objects and fields from tracking and imports.",
			Click: clickUser + " > Profile", Document: docInitial,
			Look: func(l *Look) Outcome {
				u, why := l.systemProfile()
				switch {
				case why != "":
					return l.orUnread("D10", why)
				case u.Username == "" || u.Profile == systemAdministrator:
					return Outcome{}
				case u.Licence != "" && u.Licence != licence:
					return Outcome{} // D09: the licence decides which profiles there are
				}
				return foundAt(u.Username, or(u.Profile, "not shown"))
			},
		},
		{
			ID: "D11", Name: "Marketing User", Severity: Warning, Wants: "ticked",
			Why:   "Without the box a user cannot make campaigns and their members.",
			Click: clickUser + " > Marketing User", Command: "twinspan org user update {user} UserPermissionsMarketingUser=true", Document: docInitial,
			Mend: Mend{By: OrgAdmin, Effect: "Lets the user make campaigns; it takes one of the org's Marketing User licences."},
			Look: ofEverybody("D11", func(_ *Look, u OrgUser, _ bool) (Found, bool) {
				return Found{Seen: yes(false)}, u.Active && !u.Marketing
			}),
		},
		{
			ID: "D12", Name: "Marketing Cloud for AppExchange User", Severity: Error, In: withPackage, Wants: "ticked",
			Why:   "Without it the package's Marketing Cloud tab says \"Insufficient User Permissions. You have not been designated as an integrated Marketing Cloud user\", also to who has the Admin box; Connect's own page maps him all the same, and refuses his sends to people of the org with these words.",
			Click: clickUser + " > Additional Information > {user_box_label}", Command: "twinspan org user update {user} {user_box}=true", Document: docInitial + "; " + docSetup,
			Mend: Mend{By: OrgAdmin, Effect: "Opens the Marketing Cloud tab and the package's pages to the user."},
			Look: ofEverybody("D12", func(_ *Look, u OrgUser, _ bool) (Found, bool) { return Found{Seen: yes(false)}, u.Active && !u.User }),
		},
		{
			ID: "D13", Name: "Marketing Cloud for AppExchange Admin", Severity: Error, In: withPackage, Wants: "ticked on the system user; on others as needed",
			Why:   "Without it the system user sees only his own records, and sends reach nobody.",
			Click: clickUser + " > Additional Information > {admin_box_label}", Command: "twinspan org user update {user} {admin_box}=true", Document: docInitial + "; " + docSetup,
			Mend: Mend{By: OrgAdmin, Effect: "Lets the system user see everybody's records and the package's settings."},
			Look: ofSystem("D13", func(_ *Look, u OrgUser) []Found {
				if !u.Admin {
					return []Found{{Subject: u.Username, Seen: yes(false)}}
				}
				return nil
			}),
		},
		{
			ID: "D17", Name: "Permission sets of the system user", Severity: Error, In: withPackage, Wants: "{package_sets}, and the one that carries the app",
			Why:   "Each of the package's sets opens something else: its objects, its settings, tracking.",
			Click: clickSets + " > {subject} > Manage Assignments", Command: "twinspan org permset assign {value} {system}", Document: docSetup,
			Mend: Mend{By: OrgAdmin, Effect: "Gives the system user what the set permits."},
			Look: func(l *Look) Outcome {
				sets, why := l.SystemSets.Get()
				if why != "" {
					return unread(why)
				}
				if u, why := l.SystemUser.Get(); why == "" && u.ID == "" {
					return Outcome{}
				}
				if p, why := l.Package.Get(); why == "" && p == (link.Package{}) {
					return unread("The managed package, whose sets they are, is not installed (D14).")
				}
				var out Outcome
				for _, label := range l.Link.Names().PackageSets() {
					if !slices.Contains(sets, label) {
						f := Found{Subject: label, Value: or(l.SetNames[label], label), Seen: "not assigned to " + l.systemUsername(), Expected: "assigned"}
						if slices.Contains(l.Namesakes, label) {
							f.Seen += ", who has another set of the same label, which is not the package's"
						}
						out.Found = append(out.Found, f)
					}
				}
				return out
			},
		},
		{
			ID: "D25", Name: "Login IP Ranges and Login Hours", Severity: Error, Wants: "the system user's profile has none that shut Connect out",
			Why:   "A sign-in by key keeps to the profile's ranges whatever the app's IP Relaxation says.",
			Click: "from an address inside the ranges, within the hours: Setup > Users > Profiles > {value} > Login IP Ranges", Command: "twinspan org profile set {value} loginIpRanges=", Document: docIP,
			Look: func(l *Look) Outcome {
				system, _ := l.SystemUser.Get()
				if l.blame() == "D25" {
					out := l.orUnread("D25", "")
					out.Found[0].Value = or(system.Profile, "System Administrator")
					return out
				}
				rules, why := l.LoginRules.Get()
				switch {
				case why != "" && l.orgIn():
					return Outcome{} // he was just let in
				case why != "":
					return unread(why)
				case len(rules.Hours) > 0:
					return Outcome{Found: []Found{{
						Subject: system.Profile, Value: system.Profile, Seen: "has login hours: outside of them the system user is not let in", Expected: "no login hours", Severity: Warning,
						Click: "Setup > Users > Profiles > {value} > Login Hours", Command: "twinspan org profile set {value}" + always(rules.Hours),
					}}}
				}
				return Outcome{}
			},
		},
		{
			ID: "D36", Name: "Login History", Severity: Warning, Wants: "no \"Failed: Not approved for access\" that is anybody's last word",
			Why:   "Such a row says whom the org turned away; it can take a while until a new assignment is in force.",
			Click: "Setup > Identity > Login History", Command: "twinspan org logins", Document: docApproval,
			Look: func(l *Look) Outcome {
				rows, why := l.Day.Get()
				if why != "" {
					return unread(why)
				}
				people, why := l.People.Get()
				if why != "" {
					return unread(why) // nobody knows whether they are approved by now
				}
				var out Outcome
				newest := map[string]bool{}
				for _, row := range rows {
					if !row.app(l.Link) || newest[row.UserID] { // each user's last word alone
						continue
					}
					newest[row.UserID] = true
					u, known := people.ByID[row.UserID]
					if row.Status != notApproved || !known || !u.Approved || !u.Active || u.ID == l.Link.Org.UserID {
						continue // a stranger, or another check names the cause; whom Connect works as has just been tried
					}
					out.Found = append(out.Found, Found{Subject: u.Username, Seen: row.Status + " on " + day(row.At) + "; he is approved now, and has not tried again", Severity: Notice})
				}
				out.Unread = l.dayCut()
				return out
			},
		},
	}
}

// dayCut is what a check of the last day's logins says where there were too many.
func (l *Look) dayCut() string {
	if l.DayCut {
		return "There were more logins in the last day than are looked at in one go; the older were not."
	}
	return ""
}

// always are the words that take login hours away, each day's.
func always(hours map[string]crm.Hours) string {
	text := ""
	for _, day := range slices.Sorted(maps.Keys(hours)) {
		text += " " + day + "=always"
	}
	return text
}

// licence is the user licence that the documents ask for.
const licence = "Salesforce"

// systemProfile is the system user with his profile and its licence, which are told also of one who is shown nothing else of himself.
func (l *Look) systemProfile() (OrgUser, string) {
	u, why := l.SystemUser.Get()
	if why != "" && l.SystemProfile != "" {
		return OrgUser{Username: l.systemUsername(), Profile: l.SystemProfile, Licence: l.SystemLicence}, ""
	}
	return u, why
}

// systemAdministrator is the name of the profile that sees everything.
const systemAdministrator = "System Administrator"

// noCarrier is why nobody knows who is approved.
const noCarrier = "No permission set and no profile carries the app (D05), so nobody can be assigned to one."

// unassigned is the finding that a user has none of what carries the app. Where that is no permission set made for it, what
// else it would give him is for a person to see.
func unassigned(l *Look, u OrgUser, carriers []Carrier) Found {
	_, plain := l.approvalSet()
	return Found{Subject: u.Username, Seen: "assigned to none of " + carrierNames(carriers), ByHand: !plain || l.stranger(u)}
}

func carrierNames(all []Carrier) string {
	labels := make([]string, len(all))
	for i, c := range all {
		labels[i] = c.Label
	}
	slices.Sort(labels)
	return names(labels)
}

func sortFound(all []Found) {
	slices.SortFunc(all, func(a, b Found) int { return strings.Compare(fold(a.Subject), fold(b.Subject)) })
}
