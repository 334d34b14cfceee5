package doctor_test

import (
	"strings"
	"testing"

	"github.com/twinspan/twinspan/connect/internal/doctor"
	"github.com/twinspan/twinspan/connect/internal/integration"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/client/crm"
)

// TestWhatIsSafeToMend: a finding has a mend only with its check's own command, and none where a person has to decide.
func TestWhatIsSafeToMend(t *testing.T) {
	t.Parallel()
	safe := map[string]int{}
	for _, b := range broken() {
		l := well()
		b.how(l)
		for _, f := range doctor.Examine(l, doctor.Checks()).Findings {
			if f.Mend.Safe() {
				safe[f.Check]++
				if f.Command == "" || f.Mend.Effect == "" {
					t.Errorf("%s %s: a mend without a command or an effect: %+v", b.want, b.name, f)
				}
			}
		}
	}
	for _, id := range []string{"D02", "D03", "D04", "D05", "D06", "D07", "D11", "D12", "D13", "D17", "D27"} {
		if safe[id] == 0 {
			t.Errorf("%s is mended by nothing", id)
		}
		delete(safe, id)
	}
	if len(safe) > 0 {
		t.Errorf("mended besides: %v", safe)
	}
	// What would end another client's refresh token is no matter of a command either, nor a set that may give more than the app.
	for _, c := range []struct {
		check string
		how   func(*doctor.Look)
	}{
		{"D04", change(theAppOf, func(a *doctor.App) { a.RefreshTokenPolicy = "infinite" })},
		{"D02", func(l *doctor.Look) {
			change(theAppOf, func(a *doctor.App) { a.AdminApproved = false })(l)
			l.SelfAuthorized = doctor.Got([]string{"ann@org"})
		}},
		{"D02", func(l *doctor.Look) {
			change(theAppOf, func(a *doctor.App) { a.AdminApproved = false })(l)
			l.SelfAuthorized = doctor.Lost[[]string]("More users than are looked at.")
		}},
		{"D07", func(l *doctor.Look) {
			mayaIs(func(u *doctor.OrgUser) { u.Approved = false })(l)
			l.Carriers = doctor.Got([]doctor.Carrier{{SetID: "0PS2", Label: "A Power Set"}})
		}},
	} {
		l := well()
		l.Holders = doctor.Got([]string{"005000000000099AAA"})
		c.how(l)
		found := false
		for _, f := range doctor.Examine(l, doctor.Checks()).Findings {
			if found = found || f.Check == c.check; f.Check == c.check && f.Mend.Safe() {
				t.Errorf("%s would be mended by %s", c.check, f.Command)
			}
		}
		if !found {
			t.Errorf("%s is not found", c.check)
		}
	}
	// Of several that carry the app the one that was made for it is proposed.
	two := well()
	mayaIs(func(u *doctor.OrgUser) { u.Approved = false })(two)
	two.Carriers = doctor.Got([]doctor.Carrier{{SetID: "0PS2", Label: "A Power Set"}, {SetID: "0PS1", Label: setLabel}})
	if f := doctor.Examine(two, doctor.Checks()).Findings[0]; f.Check != "D07" || !strings.Contains(f.Command, setLabel) || !f.Mend.Safe() {
		t.Errorf("%+v", f)
	}
	// A refresh policy that would cut what else uses the app is no matter of a command.
	l := well()
	change(theAppOf, func(a *doctor.App) { a.RefreshTokenPolicy = "infinite" })(l)
	account(integration.Account{Username: "suite@org", State: link.SpanUp, ClientID: key})(l)
	for _, f := range doctor.Examine(l, doctor.Checks()).Findings {
		if f.Check == "D04" && f.Mend.Safe() {
			t.Error("the refresh policy would be mended although the integration user lives on it")
		}
	}
}

// TestWhatBecameOfMends: a mend is judged by what is found afterwards alone.
func TestWhatBecameOfMends(t *testing.T) {
	t.Parallel()
	l := well()
	l.People = people(systemUser(), func() doctor.OrgUser { u := maya(); u.Approved = false; return u }())
	change(limitsOf, func(x *crm.Limits) { x.DailyAPIRequests.Remaining = 0 })(l)
	l.OrgUnits = doctor.Lost[[]doctor.OrgUnit]("no such object")
	mends := []doctor.Mending{{Check: "D03", Subject: appLabel}, {Check: "D07", Subject: "maya@org"}, {Check: "D07", Subject: "jonas@org"}, {Check: "D32", Subject: "101"}, {Check: "D06", Subject: "system@org"}}
	failed := []doctor.Unmended{{Check: "D06", Subject: "system@org", Why: "mended by somebody else meanwhile"}}
	want := []doctor.MendState{doctor.Mended, doctor.Left, doctor.Mended, doctor.Unknown, doctor.Mended}
	for i, m := range doctor.Judge(mends, l, failed) {
		if m.State != want[i] || (m.State == doctor.Mended) != (m.Why == "") {
			t.Errorf("%s %s: %s %q, want %s", m.Check, m.Subject, m.State, m.Why, want[i])
		}
	}
	failed = []doctor.Unmended{{Check: "D07", Subject: "maya@org", Why: "refused\n at once"}}
	if m := doctor.Judge(mends[1:2], l, failed)[0]; m.State != doctor.Failed || m.Why != "refused at once" {
		t.Errorf("%+v", m)
	}
}
