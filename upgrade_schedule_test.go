package twinspan_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan"
	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/client/control"
	"github.com/twinspan/twinspan/internal/oauth"
)

// An outage is booked for an hour that is proposed, waits for the sends that are scheduled, opens once they have completed,
// and both admins, as the clouds name them, are told when it opens and when it is over.
//
// seed:api S002-24 S002-26 S003-07 S003-08
func TestUpgradeSchedule(t *testing.T) {
	t.Parallel()
	c := freePorts(t.TempDir())
	c.Fixture = twinspan.FixtureLegacy
	e := &endurance{Program: start(t, c)}
	r, cl := e.Ready(), e.connect(t)
	proposed, err := cl.UpgradeSchedule(bounded(t), 0)
	noError(t, err)
	p := proposed.Proposal
	var calls int64
	for _, h := range p.Hours {
		calls += h.Calls
	}
	if proposed.Schedule != nil || len(p.Hours) != 24 || calls == 0 || p.Calls != 0 || p.Until.Sub(p.At) != 2*time.Hour || !p.At.After(e.now(t)) {
		t.Fatalf("proposed: %+v", p)
	}

	// A send is scheduled inside: an outage in which it would fail is refused, unless it waits.
	due := p.At.Add(30 * time.Minute)
	m, err := cl.StartMailing(bounded(t), connect.MailingRequest{Kind: "contact", IDs: e.contacts(t), DefinitionKey: "welcome", As: r.CRM.Users[0].Username, At: &due}, oauth.NewToken(16))
	noError(t, err)
	book := connect.ScheduleRequest{At: &p.At, Mode: "fail", By: "olga"}
	if _, err := cl.ScheduleUpgrade(bounded(t), book, oauth.NewToken(16)); err == nil || !strings.Contains(err.Error(), "sends_inside_window") {
		t.Errorf("with a send inside: %v", err)
	}
	if moved, err := cl.UpgradeSchedule(bounded(t), 0); err != nil || moved.Proposal.At.Equal(p.At) || moved.Proposal.Inside != 0 {
		t.Errorf("proposed with a send inside: %+v, %v", moved.Proposal, err)
	}
	yes := true
	book.Mode, book.AfterSends = "", &yes
	booked, err := cl.ScheduleUpgrade(bounded(t), book, oauth.NewToken(16))
	noError(t, err)
	s := booked.Schedule
	if s == nil || s.Upgrade.State != "booked" || s.Upgrade.Kind != "connected_app" || s.Upgrade.Mode != "hold" || len(booked.Inside) != 1 || booked.Inside[0].ID != m.ID ||
		!slices.Equal(s.CRMAdmins, []string{r.CRM.Admin.Username}) || !slices.Equal(s.EngagementAdmins, []string{"alma.admin@tenant.example"}) {
		t.Fatalf("booked: %+v of %+v", booked, s)
	}
	told := func(what string) {
		t.Helper()
		for _, to := range append(s.CRMAdmins, s.EngagementAdmins...) {
			e.mailed(t, to, what)
		}
	}
	told("Booked: outage")

	// Acknowledged, it waits for its hour, and then for the send.
	if _, err := cl.StartUpgrade(bounded(t), connect.UpgradeStart{Acknowledged: true, By: "eve"}, oauth.NewToken(16)); err != nil {
		t.Fatal(err)
	}
	e.waits(t, "not open")
	_, err = e.control(t).SetClock(bounded(t), p.At.Add(time.Minute))
	noError(t, err)
	e.waits(t, "1 send has not completed")
	if o, err := cl.Outage(bounded(t)); err != nil || o != nil {
		t.Errorf("the outage is open before the send has completed: %+v, %v", o, err)
	}
	_, err = e.control(t).SetClock(bounded(t), due.Add(time.Minute))
	noError(t, err)
	told("Open: outage")
	if got, err := cl.Mailing(bounded(t), m.ID); err != nil || got.State != "completed" {
		t.Errorf("the send: %+v, %v", got, err)
	}
	if o, err := cl.Outage(bounded(t)); err != nil || o == nil || !o.Open || o.Mode != "hold" {
		t.Errorf("the outage: %+v, %v", o, err)
	}
	if _, err := cl.WithdrawUpgrade(bounded(t), "olga", "", oauth.NewToken(16)); err == nil || !strings.Contains(err.Error(), "upgrade_over") {
		t.Errorf("withdrawn in the middle: %v", err)
	}
	if plan := e.plan(t, connect.UpgradeRequest{}); !plan.Blocked || !slices.Contains(levels(plan), "blocks upgrade_running") {
		t.Errorf("a plan in the middle: %v", levels(plan))
	}
	_, err = cl.CancelUpgrade(bounded(t), "not today", "eve", oauth.NewToken(16))
	noError(t, err)
	told("Over: outage")
	if o, err := cl.Outage(bounded(t)); err != nil || o != nil {
		t.Errorf("the outage goes on: %+v, %v", o, err)
	}
	for _, to := range append(s.CRMAdmins, s.EngagementAdmins...) {
		mails, err := e.control(t).Mails(bounded(t), control.MailQuery{To: to})
		noError(t, err)
		outages := slices.DeleteFunc(mails, func(m control.Mail) bool { return !strings.Contains(m.Subject, "outage for the upgrade") })
		if len(outages) != 3 {
			t.Errorf("%s was told %d times: %+v", to, len(outages), outages)
		}
	}
}

// mailed waits until somebody is told of something.
func (e *endurance) mailed(t *testing.T, to, subject string) {
	t.Helper()
	for after := ""; ; {
		mails, err := e.control(t).Mails(bounded(t), control.MailQuery{To: to, After: after, Wait: 30 * time.Second})
		noError(t, err)
		if len(mails) == 0 {
			t.Fatalf("%s is not told %q", to, subject)
		}
		if slices.ContainsFunc(mails, func(m control.Mail) bool { return strings.HasPrefix(m.Subject, subject) }) {
			return
		}
		after = mails[len(mails)-1].ID
	}
}

// waits waits until the upgrade says what it waits for.
func (e *endurance) waits(t *testing.T, have string) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for ctx := bounded(t); ; {
		u, err := e.connect(t).Upgrade(ctx)
		noError(t, err)
		if u != nil && u.Waiting != nil && u.Waiting.For == "time" && u.Waiting.Have == have {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("the upgrade is %+v, waiting for %+v", u, u.Waiting)
		}
	}
}
