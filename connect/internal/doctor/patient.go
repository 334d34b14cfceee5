package doctor

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/mapping"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/explain"
	"github.com/twinspan/twinspan/internal/fault"
)

// Patient is the one user whom a look is about.
type Patient struct {
	Username   string // in the org, as it was asked for
	User       Read[OrgUser]
	Logins     Read[[]LoginRow] // the newest first
	Rules      Read[crm.LoginRules]
	Engagement Read[engagement.UserDetails] // his Engagement user; the zero value where he has none
}

// mapping is the patient's mapping, and whether he has one.
func (l *Look) patientMapping() (mapping.Mapping, bool) {
	all, _ := l.Mappings.Get()
	u, _ := l.Patient.User.Get()
	i := slices.IndexFunc(all, func(m mapping.Mapping) bool {
		return u.ID != "" && m.CRMUserID == u.ID || link.SameUsername(m.CRMUsername, l.Patient.Username)
	})
	if i < 0 {
		return mapping.Mapping{}, false
	}
	return all[i], true
}

// patientIn reads the patient in the org, and adds him to the people.
func (r *reader) patientIn(ctx context.Context, org *crm.Session, p *People) error {
	one := r.look.Patient
	if one == nil {
		return nil
	}
	fetch(&one.User, func() (OrgUser, error) {
		rows, err := org.Query(ctx, "SELECT "+r.userFields()+" FROM User WHERE Username = "+crm.Literal(one.Username)+" LIMIT 1")
		if err != nil || len(rows) == 0 {
			return OrgUser{}, err
		}
		return r.orgUser(rows[0]), nil
	})
	if u, why := one.User.Get(); why == "" && u.ID != "" {
		if _, there := p.ByID[u.ID]; !there {
			p.ByID[u.ID] = u
		}
	}
	return nil
}

// patientLogins reads when he tried to log in, and what his profile says about that.
func (r *reader) patientLogins(ctx context.Context, org *crm.Session, read func(rest string) ([]LoginRow, error)) {
	one := r.look.Patient
	if one == nil {
		return
	}
	u, why := one.User.Get()
	if why != "" || u.ID == "" {
		lose(&one.Logins, or(why, "The org has no such user."))
		lose(&one.Rules, or(why, "The org has no such user."))
		return
	}
	fetch(&one.Logins, func() ([]LoginRow, error) {
		return read("WHERE UserId = " + crm.Literal(u.ID) + " ORDER BY LoginTime DESC LIMIT 20")
	})
	fetch(&one.Rules, func() (crm.LoginRules, error) { return org.ProfileLogin(ctx, u.Profile) })
}

// patientOut reads his Engagement user: the one he is mapped to, else the one whose Salesforce.com Status names him.
func (r *reader) patientOut(ctx context.Context, tenant *engagement.Session) {
	one := r.look.Patient
	if one == nil {
		return
	}
	fetch(&one.Engagement, func() (engagement.UserDetails, error) {
		name := ""
		if m, mapped := r.look.patientMapping(); mapped {
			name = m.EngagementUser
		} else if members, why := r.look.Members.Get(); why == "" {
			for _, m := range members {
				if link.SameUsername(m.SalesforceUsername, one.Username) {
					name = m.Username
				}
			}
		}
		if name == "" {
			return engagement.UserDetails{}, nil
		}
		d, err := tenant.UserDetails(ctx, name)
		if fault.CodeOf(err) == client.CodeNotFound {
			return engagement.UserDetails{}, nil
		}
		return d, err
	})
}

// userChecks are made for one user alone, beside those of [Checks] that are about him or about everybody.
func userChecks() []Check {
	return []Check{
		{
			ID: "U01", Name: "The org has the user", Severity: Error, Wants: "a user of that name",
			Why: "A name that the org does not know signs nobody in.", Click: "Setup > Users > Users", Command: "twinspan org user list", Document: docInitial,
			Look: func(l *Look) Outcome {
				u, why := l.Patient.User.Get()
				switch {
				case why != "":
					return unread(why)
				case u.ID == "":
					return foundAt(l.Patient.Username, "the org has no such user")
				}
				return Outcome{}
			},
		},
		{
			ID: "U02", Name: "The user is integrated", Severity: Error, In: withPackage, Wants: "an Engagement user whose Salesforce.com Status names him",
			Why:   "Without it he has nobody to be in Engagement.",
			Click: "Email Studio > Admin > My Users > his Engagement user > Salesforce.com Status > Integrate", Command: "twinspan tenant user update ENGAGEMENT-USER --crm-username {user}", Document: docManage,
			Look: func(l *Look) Outcome {
				e, why := l.Patient.Engagement.Get()
				switch u, _ := l.Patient.User.Get(); {
				case why != "":
					return unread(why)
				case e.Username == "" && u.ID != "" && u.ID != l.systemID(): // who is to be nobody there, or the API user: D26
					return foundAt(l.Patient.Username, "no Engagement user's Salesforce.com Status names him, and he is not mapped")
				}
				return Outcome{}
			},
		},
		{
			ID: "U03", Name: "The user is mapped", Severity: Error, In: connected, Wants: "mapped to his Engagement user",
			Why:   "Until he has signed in to Engagement once at the Marketing Cloud tab, he can neither open it nor send.",
			Click: "log in as the user > Marketing Cloud tab", Command: "twinspan users map {user} {value}", Document: docAuth,
			Look: func(l *Look) Outcome {
				m, mapped := l.patientMapping()
				e, _ := l.Patient.Engagement.Get()
				if u, _ := l.Patient.User.Get(); u.ID != "" && u.ID == l.systemID() {
					return Outcome{} // as U02
				}
				switch {
				case mapped && m.Earlier(l.Link):
					return Outcome{Found: []Found{{Subject: l.Patient.Username, Seen: "mapped before the upgrade and not reconnected", Command: "twinspan users list --state not_reconnected", Value: m.EngagementUser}}}
				case !mapped && l.Link.Standing == link.OwnLink: // a real tenant tells nobody's Salesforce.com Status
					if u, _ := l.Patient.User.Get(); u.ID == "" {
						return Outcome{} // U01 says so
					}
					return Outcome{Found: []Found{{Subject: l.Patient.Username, Seen: "not mapped", Command: "twinspan users visit {user}", Click: "log in as the user > Connect's page /marketing-cloud"}}}
				case !mapped && e.Username != "":
					return Outcome{Found: []Found{{Subject: l.Patient.Username, Seen: "integrated with " + e.Username + ", and not mapped", Value: e.Username}}}
				}
				return Outcome{}
			},
		},
		{
			ID: "U04", Name: "His Engagement user can log in", Severity: Error, Wants: "active, not locked, no temporary password",
			Why: "Engagement lets nobody else in.", Click: clickMCUser, Command: "twinspan tenant user show {subject}", Document: docManage,
			Look: func(l *Look) Outcome {
				e, why := l.Patient.Engagement.Get()
				switch {
				case why != "":
					return unread(why)
				case e.Username == "":
					return Outcome{}
				case !e.Active:
					return Outcome{Found: []Found{{Subject: e.Username, Seen: "disabled", Command: "twinspan tenant user update {subject} --active"}}}
				case e.Locked:
					return Outcome{Found: []Found{{Subject: e.Username, Seen: "locked after too many wrong passwords", Command: "twinspan tenant user update {subject} --unlock"}}}
				case e.MustChange:
					return Outcome{Found: []Found{{Subject: e.Username, Seen: "his password is temporary", Severity: Warning, Expected: "he signs in once and sets his own"}}}
				}
				return Outcome{}
			},
		},
		{
			ID: "U05", Name: "His last login", Severity: Warning, Wants: "Success",
			Why:   "Login History is the one place where the org says what it keeps from whoever tries.",
			Click: "Setup > Identity > Login History", Command: "twinspan org logins --user {user}", Document: docApproval,
			Look: func(l *Look) Outcome {
				rows, why := l.Patient.Logins.Get()
				u, userWhy := l.Patient.User.Get()
				switch {
				case userWhy == "" && u.ID == "":
					return Outcome{} // U01 says so
				case why != "":
					return unread(why)
				case len(rows) == 0 || rows[0].Status == "Success":
					return Outcome{}
				}
				last := rows[0]
				seen := last.Status + " on " + day(last.At) + ", by " + or(last.Application, last.Type) + " from " + last.Address
				if means := explain.Find(last.Status); len(means) > 0 {
					seen += ": " + means[0].Cause
				}
				f := Found{Subject: l.Patient.Username, Seen: seen}
				if last.Status == notApproved && userWhy == "" && u.Approved && u.Active && l.Carriers.read { // D36, of him
					f.Seen += " He is approved now, and has not tried again."
					f.Severity = Notice
				}
				return Outcome{Found: []Found{f}}
			},
		},
		{
			ID: "U06", Name: "Login hours and ranges of his profile", Severity: Notice, Wants: "none, or such as let him in",
			Why: "Outside of them he is refused, whatever else is right.", Click: "Setup > Users > Profiles > {value}", Command: "twinspan org profile show {value}", Document: docIP,
			Look: func(l *Look) Outcome {
				rules, why := l.Patient.Rules.Get()
				u, userWhy := l.Patient.User.Get()
				switch {
				case userWhy == "" && u.ID == "":
					return Outcome{}
				case why != "":
					return unread(why)
				case len(rules.Hours)+len(rules.Ranges) > 0:
					return Outcome{Found: []Found{{Subject: l.Patient.Username, Value: u.Profile, Seen: fmt.Sprintf("%s has login hours for %d days and %d login IP ranges", u.Profile, len(rules.Hours), len(rules.Ranges))}}}
				}
				return Outcome{}
			},
		},
	}
}

// User tells why a user cannot sign in or send: what is wrong with him, and with what everybody needs.
func (s *Service) User(ctx context.Context, l link.Link, eyes Eyes, username string) (Report, error) {
	if err := link.CheckUsername(username); err != nil {
		return Report{}, err
	}
	look, err := s.read(ctx, l, eyes, &Patient{Username: username})
	if err != nil {
		return Report{}, err
	}
	return look.forPatient(), nil
}

// ofPeople are the checks with a finding for each user: of those the patient's own count, and those of the users by whom the
// spans work.
var ofPeople = []string{"D07", "D08", "D11", "D12", "D26", "D27", "D28", "D29", "D30", "D31", "D36", "T11"}

// beside are checks of lesser findings that may be what is in his way; an error of the connection always may.
var beside = []string{"T01", "T02", "T03", "T16", "D02", "D05", "D10", "D13", "D14", "D17", "D18", "D19", "D20", "D21", "D22", "D23", "D24", "D25", "D35", "D37"}

// forPatient makes the checks and keeps what is about the patient, or about what everybody needs.
func (l *Look) forPatient() Report {
	// None of many subjects is left out: the patient may be the last of them.
	r := examine(l, slices.Concat(Checks(), userChecks()), math.MaxInt)
	e, _ := l.Patient.Engagement.Get()
	r.Findings = slices.DeleteFunc(r.Findings, func(f Finding) bool {
		switch {
		case strings.HasPrefix(f.Check, "U"):
			return false
		case f.Check == "D36" && link.SameUsername(f.Subject, l.Patient.Username):
			return true // U05 has the same row
		case f.Check == "D27" && e.Username != "" && link.SameUsername(f.Subject, e.Username) && (!e.Active || e.Locked):
			return true // U04 says so
		case slices.Contains(ofPeople, f.Check):
			return !slices.ContainsFunc([]string{l.Patient.Username, e.Username, l.systemUsername(), l.Link.Tenant.Username}, func(name string) bool {
				return name != "" && link.SameUsername(f.Subject, name)
			})
		}
		return f.Severity != Error && !slices.Contains(beside, f.Check)
	})
	return r
}
