package doctor_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/doctor"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/mailing"
	"github.com/twinspan/twinspan/connect/internal/mapping"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/client/engagement"
)

// about is a look at one user of a connection in which nothing is wrong.
func about(name string) *doctor.Look {
	l := well()
	l.Sends, l.Calls = doctor.Got([]mailing.Mailing{}), doctor.Got(doctor.Calls{})
	l.Patient = &doctor.Patient{
		Username: name, User: doctor.Got(maya()), Logins: doctor.Got([]doctor.LoginRow{{Status: "Success"}}), Rules: doctor.Got(crm.LoginRules{}),
		Engagement: doctor.Got(engagement.UserDetails{AccountUser: mayaMC().AccountUser, Roles: mayaMC().Roles}),
	}
	return l
}

// engagementIs changes the patient's Engagement user.
func engagementIs(how func(*engagement.UserDetails)) func(*doctor.Look) {
	return func(l *doctor.Look) {
		e, _ := l.Patient.Engagement.Get()
		how(&e)
		l.Patient.Engagement = doctor.Got(e)
	}
}

// TestWhyAUserCannot: what is wrong with one user is found under its name, and what is wrong with others is not.
func TestWhyAUserCannot(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		how  func(*doctor.Look)
		want []string
	}{
		{"nothing", func(*doctor.Look) {}, nil},
		{"there is no such user", func(l *doctor.Look) {
			l.Patient.User, l.Patient.Engagement = doctor.Got(doctor.OrgUser{}), doctor.Got(engagement.UserDetails{})
			l.Mappings = doctor.Got([]mapping.Mapping{})
		}, []string{"U01"}},
		{"not integrated", func(l *doctor.Look) {
			l.Patient.Engagement, l.Mappings = doctor.Got(engagement.UserDetails{}), doctor.Got([]mapping.Mapping{})
		}, []string{"U02"}},
		{"not mapped", func(l *doctor.Look) { l.Mappings = doctor.Got([]mapping.Mapping{}) }, []string{"U03"}},
		{"not reconnected", func(l *doctor.Look) {
			m := theMapping()
			m.Era = link.Password
			l.Mappings = doctor.Got([]mapping.Mapping{m})
		}, []string{"U03"}},
		{"disabled in Engagement", engagementIs(func(e *engagement.UserDetails) { e.Active = false }), []string{"U04"}},
		{"locked in Engagement", engagementIs(func(e *engagement.UserDetails) { e.Locked = true }), []string{"U04"}},
		{"temporary password", engagementIs(func(e *engagement.UserDetails) { e.MustChange = true }), []string{"U04"}},
		{"refused last", func(l *doctor.Look) {
			l.Patient.Logins = doctor.Got([]doctor.LoginRow{{Status: "Failed: Not approved for access", At: noon, Application: appLabel, Address: "10.0.0.1"}, {Status: "Success"}})
		}, []string{"U05"}},
		{"login hours", func(l *doctor.Look) {
			l.Patient.Rules = doctor.Got(crm.LoginRules{Ranges: []crm.IPRange{{Start: "10.0.0.1", End: "10.0.0.9"}}})
		}, []string{"U06"}},
		{"not assigned", mayaIs(func(u *doctor.OrgUser) { u.Approved = false }), []string{"D07"}},
		{"a box", mayaIs(func(u *doctor.OrgUser) { u.User = false }), []string{"D12"}},
		{"no grant", func(l *doctor.Look) { l.Grants = doctor.Got(map[string]engagement.Grant{}) }, []string{"D30"}},
		{"a role", func(l *doctor.Look) {
			m := mayaMC()
			m.Roles = nil
			l.Members = doctor.Got([]doctor.Member{m})
		}, []string{"D31"}},
		{"the whole connection", orgRefuses("invalid_app_access", "user is not admin approved to access this app"), []string{"D06"}},
		{"the system user's ranges", orgRefuses("invalid_grant", "ip restricted"), []string{"D25"}},
		{"the last of many", func(l *doctor.Look) {
			all, mapped := []doctor.OrgUser{systemUser()}, []mapping.Mapping{}
			for i := range 120 {
				u, m := maya(), theMapping()
				if i > 0 {
					u.ID, u.Username = fmt.Sprintf("0059000000%05dAAA", i), fmt.Sprintf("ann%d@org", i)
					m.CRMUserID, m.CRMUsername, m.EngagementUser = u.ID, u.Username, u.Username
				}
				u.Approved = false
				all, mapped = append(all, u), append(mapped, m)
			}
			l.People, l.Mappings = people(all...), doctor.Got(mapped)
		}, []string{"D07"}},
		{"somebody else", func(l *doctor.Look) {
			u := maya()
			u.ID, u.Username, u.Approved = "005000000000003AAA", "jonas@org", false
			m := theMapping()
			m.CRMUserID, m.CRMUsername, m.EngagementUser, m.EngagementUserID = u.ID, u.Username, "jonas", "3"
			l.People, l.Mappings = people(systemUser(), maya(), u), doctor.Got([]mapping.Mapping{theMapping(), m})
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := about("Maya@org")
			c.how(l)
			r := doctor.ForPatient(l)
			if got := checksFound(r); !slices.Equal(got, c.want) {
				t.Errorf("found %v, want %v: %+v", got, c.want, r.Findings)
			}
		})
	}
}

// TestWhoIsAskedAboutIsNotMeant: what a user lacks who has nothing to do with Marketing Cloud is told, and is given to him by no
// fix: whether he is to use it a person decides. Who is mapped or integrated is meant.
func TestWhoIsAskedAboutIsNotMeant(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		how  func(l *doctor.Look)
		safe bool
	}{
		"nobody said so": {func(l *doctor.Look) {
			l.Mappings, l.Members, l.Patient.Engagement = doctor.Got([]mapping.Mapping{}), doctor.Got([]doctor.Member{}), doctor.Got(engagement.UserDetails{})
		}, false},
		"integrated": {func(l *doctor.Look) { l.Mappings = doctor.Got([]mapping.Mapping{}) }, true},
		"mapped":     {func(*doctor.Look) {}, true},
	} {
		l := about("maya@org")
		c.how(l)
		bare := maya()
		bare.Approved, bare.Marketing, bare.User = false, false, false
		l.Patient.User, l.People = doctor.Got(bare), people(systemUser(), bare)
		r := doctor.ForPatient(l)
		if got := checksFound(r); !slices.Contains(got, "D07") || !slices.Contains(got, "D11") || !slices.Contains(got, "D12") {
			t.Errorf("%s: found %v", name, got)
		}
		for _, f := range r.Findings {
			if slices.Contains([]string{"D07", "D11", "D12"}, f.Check) && f.Mend.Safe() != c.safe {
				t.Errorf("%s: %s: mended by a fix: %v", name, f.Check, f.Mend.Safe())
			}
		}
	}
}

// TestTheSystemUserIsNobodysIntegratedUser: he is mapped to the API user or to nobody (D26), and lacks nothing for it.
func TestTheSystemUserIsNobodysIntegratedUser(t *testing.T) {
	t.Parallel()
	for _, l := range []*doctor.Look{about("system@org"), ownLink()} {
		l.Patient = about("system@org").Patient
		l.Patient.User, l.Patient.Engagement = doctor.Got(systemUser()), doctor.Got(engagement.UserDetails{})
		if l.Link.Standing == link.OwnLink {
			u, _ := l.SystemUser.Get()
			l.Patient.User = doctor.Got(u)
		}
		if r := doctor.ForPatient(l); len(r.Findings) > 0 {
			t.Errorf("%s: %+v", l.Link.Standing, r.Findings)
		}
	}
}

// TestBeforeAChange: each change has checks of its own.
func TestBeforeAChange(t *testing.T) {
	t.Parallel()
	quiet := func(l *doctor.Look) {
		l.Triggers, l.Definitions, l.Mappings = doctor.Got(well().Triggers.Must()[:0]), doctor.Got([]doctor.Definition{{Key: "welcome", Status: "Inactive"}}), doctor.Got([]mapping.Mapping{})
	}
	send := func(state mailing.State) func(*doctor.Look) {
		return func(l *doctor.Look) {
			l.Sends = doctor.Got([]mailing.Mailing{{ID: "m1", State: state, DueAt: noon.Add(time.Hour)}})
		}
	}
	for _, c := range []struct {
		change doctor.Change
		name   string
		how    func(*doctor.Look)
		want   []string
	}{
		{doctor.BeforeConnect, "all is well", func(*doctor.Look) {}, nil},
		{doctor.BeforeConnect, "a policy", change(theAppOf, func(a *doctor.App) { a.IPRelaxation = "ENFORCE" }), []string{"D03"}},
		{doctor.BeforeAPIUser, "all is paused", func(*doctor.Look) {}, nil},
		{doctor.BeforeAPIUser, "a send is scheduled", send(mailing.Scheduled), []string{"B01"}},
		{doctor.BeforeAPIUser, "a send has ended", send(mailing.Completed), nil},
		{doctor.BeforeAPIUser, "a definition is active", func(l *doctor.Look) {
			l.Definitions = doctor.Got([]doctor.Definition{{Key: "welcome", Status: "Active"}})
		}, []string{"B02"}},
		{doctor.BeforeAPIUser, "he cannot log in", change(apiOf, func(u *engagement.UserDetails) { u.Locked = true }), []string{"D22"}},
		{doctor.BeforeAPIUser, "a busy hour", func(l *doctor.Look) { l.Calls = doctor.Got(doctor.Calls{Now: 1000, Usual: 90}) }, []string{"B05"}},
		{doctor.BeforeDisconnect, "nobody is mapped", func(*doctor.Look) {}, nil},
		{doctor.BeforeDisconnect, "users are mapped", func(l *doctor.Look) { l.Mappings = doctor.Got([]mapping.Mapping{theMapping()}) }, []string{"B04"}},
		{doctor.BeforeDisconnect, "an old package", func(l *doctor.Look) { l.Package = doctor.Got(link.Package{Major: 5, Minor: 492}) }, []string{"D14"}},
		{doctor.BeforeUpgrade, "there is nothing to do", func(*doctor.Look) {}, []string{"B06"}},
		{doctor.BeforeUpgrade, "a password", func(l *doctor.Look) { l.Link.Org.Driver = link.Password }, nil},
		{doctor.BeforeSandbox, "connected", func(*doctor.Look) {}, []string{"B07"}},
	} {
		t.Run(string(c.change)+" "+c.name, func(t *testing.T) {
			t.Parallel()
			l := about("maya@org")
			l.Patient = nil
			quiet(l)
			c.how(l)
			r := l.Before(c.change)
			if got := checksFound(r); !slices.Equal(got, c.want) {
				t.Errorf("found %v, want %v: %+v", got, c.want, r.Findings)
			}
			if c.change == doctor.BeforeAPIUser && !slices.ContainsFunc(r.Unchecked, func(u doctor.Unchecked) bool { return u.Check == "B03" }) {
				t.Error("journeys are not said to be unknown")
			}
		})
	}
	for _, bad := range []string{"", "lunch"} {
		if _, err := doctor.ParseChange(bad); err == nil {
			t.Errorf("before %q", bad)
		}
	}
}
