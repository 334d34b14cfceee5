package twinspan_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan"
	"github.com/twinspan/twinspan/internal/cli"
	"github.com/twinspan/twinspan/internal/client/browser"
	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/client/control"
	"github.com/twinspan/twinspan/internal/oauth"
)

// admins are the people of an upgrade of a legacy pair, each with his own means: the Engagement admin Connect's API, the system
// user a browser, the CRM admin the command line.
type admins struct {
	*endurance
	ready string // file
}

func newAdmins(t *testing.T) *admins {
	t.Helper()
	c := freePorts(t.TempDir())
	c.Fixture, c.ReadyFile = twinspan.FixtureLegacy, filepath.Join(t.TempDir(), "ready.json")
	return &admins{&endurance{Program: start(t, c)}, c.ReadyFile}
}

// command runs a command of the CRM admin's.
func (a *admins) command(t *testing.T, code int, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	got := cli.Main(append(args, "--ready-file", a.ready), cli.Env{Stdout: &out, Stderr: &errs, Lookup: func(string) (string, bool) { return "", false }})
	if got != code {
		t.Fatalf("%v ended with %d, want %d:\n%s%s", args, got, code, out.String(), errs.String())
	}
	return out.String()
}

func (a *admins) upgrade(t *testing.T) *connect.Upgrade {
	t.Helper()
	u, err := a.connect(t).Upgrade(bounded(t))
	noError(t, err)
	return u
}

// await waits until the upgrade is as it should be.
func (a *admins) await(t *testing.T, what string, ok func(*connect.Upgrade) bool) *connect.Upgrade {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		u := a.upgrade(t)
		if ok(u) {
			return u
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: it is %s at %s, waits %+v, %s", what, u.State, u.Step, u.Waiting, u.Failure)
		}
	}
}

// settled reports whether a step came to its end.
func settled(u *connect.Upgrade, step, status string) bool {
	for _, s := range u.Steps {
		if s.Step == step {
			return s.Status == status
		}
	}
	return false
}

// waits reports whether it is an admin's turn at a step.
func waits(u *connect.Upgrade, step string) bool {
	return u.Waiting != nil && u.Waiting.Step == step && u.Waiting.For != "connect" && u.State == "waiting"
}

func (a *admins) tell(t *testing.T, step string) {
	t.Helper()
	_, err := a.connect(t).TellUpgrade(bounded(t), step, connect.UpgradeTelling{By: "olga"}, oauth.NewToken(16))
	noError(t, err)
}

// until does every step up to one, as whoever has to.
func (a *admins) until(t *testing.T, steps []string, last string) {
	t.Helper()
	for _, step := range steps {
		u := a.await(t, step, func(u *connect.Upgrade) bool { return waits(u, step) || settled(u, step, "done") })
		if !settled(u, step, "done") {
			switch u.Waiting.For {
			case "crm_admin":
				if !strings.Contains(u.Waiting.Command, "--as crm-admin") || u.Waiting.Click == "" {
					t.Errorf("%s: how it is done: %+v", step, u.Waiting)
				}
				a.crm(t, step)
			default:
				a.tell(t, step)
			}
			if step == "connect_account" {
				u = a.await(t, "the org's answer", func(u *connect.Upgrade) bool {
					return settled(u, step, "done") || u.Waiting != nil && strings.Contains(u.Waiting.Have, "hasn't approved")
				})
				if !settled(u, step, "done") {
					a.allow(t)
				}
			}
			a.await(t, step+" done", func(u *connect.Upgrade) bool { return settled(u, step, "done") })
		}
		if step == last {
			return
		}
	}
}

// crm does a step of the CRM admin in his own session, by click as it were: Connect sees it without being told.
func (a *admins) crm(t *testing.T, step string) {
	t.Helper()
	args := map[string][]string{
		"permission_set": {"org", "permset", "create", "Marketing Cloud Connected App"},
		"attach":         {"org", "permset", "attach", "Marketing_Cloud_Connected_App", "Salesforce_Marketing_Cloud"},
		"policies": {
			"org", "app", "policies", "Salesforce_Marketing_Cloud", "--permitted-users", "admin-approved", "--ip-relaxation", "relax", "--refresh-token", "immediately",
		},
	}[step]
	if step == "assignments" {
		r := a.Ready()
		for _, u := range append([]twinspan.Login{r.CRM.SystemUser}, r.CRM.Users...) {
			a.command(t, 0, "org", "permset", "assign", "Marketing_Cloud_Connected_App", u.Username)
		}
	} else {
		a.command(t, 0, args...)
	}
	a.tell(t, step)
}

// allow is Connect Account: the system user logs in to the org and allows the app.
func (a *admins) allow(t *testing.T) {
	t.Helper()
	address, err := a.connect(t).UpgradeAccount(bounded(t), "olga", oauth.NewToken(16))
	noError(t, err)
	org, err := url.Parse(a.Ready().CRM.URL)
	noError(t, err)
	user := a.Ready().CRM.SystemUser
	page, err := browser.New(nil).Visit(bounded(t), address, browser.Errand{
		Logins: map[string]browser.Credentials{browser.Origin(org): {Username: user.Username, Password: user.Password}}, Press: []string{"Allow", "Yes, connect"},
	})
	noError(t, err)
	if page.Status != http.StatusOK || !strings.Contains(page.Text, "The upgrade goes on") {
		t.Fatalf("Connect Account ended with %d: %s", page.Status, page.Text)
	}
}

// orgAs is what an upgrade changes in the org.
func (a *admins) orgAs(t *testing.T) string {
	t.Helper()
	apps, err := a.admin(t).ReadConnectedApps(bounded(t), "et4ae5__Salesforce_Marketing_Cloud")
	noError(t, err)
	text, err := json.Marshal([]any{
		apps[0].AdminApproved, apps[0].IPRelaxation, apps[0].RefreshTokenPolicy, a.count(t, "SELECT Id FROM PermissionSet"), a.count(t, "SELECT Id FROM PermissionSetAssignment"),
		a.count(t, "SELECT Id FROM SetupEntityAccess"),
	})
	noError(t, err)
	return string(text)
}

var orders = map[string][]string{
	"safe":       {"acknowledge", "open_outage", "permission_set", "assignments", "attach", "connect_account", "policies", "migrate", "prove", "verify"},
	"documented": {"acknowledge", "open_outage", "connect_account", "migrate", "policies", "permission_set", "assignments", "attach", "prove", "verify"},
}

// An upgrade that is cancelled after whatever step leaves nothing behind: the connection works by the old credentials again,
// with the users who were mapped, the outage is over, and the org has the policies, permission sets, assignments and attachments
// that it had, and sends go out. The CRM admin puts back his own by one command.
//
// seed:api S003-16 S003-17 S003-20 S003-21 S003-26 S003-27 S003-28 S003-29
func TestUpgradeIsCancelled(t *testing.T) {
	t.Parallel()
	for order, steps := range orders {
		t.Run(order, func(t *testing.T) {
			t.Parallel()
			a := newAdmins(t)
			before := a.orgAs(t)
			contact := a.contacts(t)[0]
			for i, last := range steps {
				if order == "documented" && i < 2 {
					continue // they are the same
				}
				u, err := a.connect(t).StartUpgrade(bounded(t), connect.UpgradeStart{Order: order, By: "olga"}, oauth.NewToken(16))
				noError(t, err)
				if u.Steps[0].Owner != "engagement_admin" {
					t.Fatalf("the first step is of %s", u.Steps[0].Owner)
				}
				if last == "verify" { // told, it would go through to the end
					a.until(t, steps, steps[i-1])
					a.await(t, "its verification", func(u *connect.Upgrade) bool { return waits(u, last) })
				} else {
					a.until(t, steps, last)
				}
				a.command(t, 0, "upgrade", "cancel", "--as", "both", "--reason", "after "+last)
				s, err := a.connect(t).CheckStatus(bounded(t), oauth.NewToken(16))
				noError(t, err)
				if s.State != "connected" || s.Org.Auth != "password" || s.Outage != nil {
					t.Fatalf("cancelled after %s: %s by %s, outage %+v", last, s.State, s.Org.Auth, s.Outage)
				}
				a.stands(t, 3, "")
				if sent, err := a.connect(t).SendTriggered(bounded(t), contact, "welcome", "after-"+last); err != nil || sent.Status != "accepted" && sent.Status != "sent" {
					t.Fatalf("cancelled after %s: a send is %+v, %v", last, sent, err)
				}
				if after := a.orgAs(t); after != before {
					t.Fatalf("cancelled after %s: the org has %s, had %s", last, after, before)
				}
			}
		})
	}
}

// Document 003 word by word takes longer than its window: it says by how much, the outage stays, and it does not stop halfway. What is sent
// meanwhile is held and goes out afterwards in the order in which it was asked for.
//
// seed:api S003-08
func TestUpgradeTakesLonger(t *testing.T) {
	t.Parallel()
	a := newAdmins(t)
	cl := a.connect(t)
	found, err := a.admin(t).Query(bounded(t), "SELECT Id FROM Contact WHERE Email != null LIMIT 2")
	noError(t, err)
	contacts := []string{found[0].String("Id"), found[1].String("Id")}
	_, err = cl.StartUpgrade(bounded(t), connect.UpgradeStart{Order: "documented", WindowMinutes: 60, Acknowledged: true, By: "olga"}, oauth.NewToken(16))
	noError(t, err)
	watched := make(chan string, 1)
	go func() {
		var out bytes.Buffer
		cli.Main([]string{"upgrade", "watch", "--ready-file", a.ready}, cli.Env{Stdout: &out, Stderr: &out, Lookup: func(string) (string, bool) { return "", false }})
		watched <- out.String()
	}()
	var held []string // keys of messages, in the order in which they were asked for
	hold := func(key string) {
		t.Helper()
		sent, err := cl.SendTriggered(bounded(t), contacts[len(held)%len(contacts)], "welcome", key)
		if err != nil || sent.Status != "held" {
			t.Fatalf("a send in the outage is %+v, %v", sent, err)
		}
		held = append(held, sent.MessageKey)
	}
	steps := orders["documented"]
	a.until(t, steps, "connect_account")
	hold("one")
	a.until(t, steps, "attach")
	hold("two")
	m, err := cl.StartMailing(bounded(t), connect.MailingRequest{Kind: "contact", IDs: contacts[:2], DefinitionKey: "welcome", As: a.Ready().CRM.Users[0].Username}, oauth.NewToken(16))
	if err != nil || m.State != "held" {
		t.Fatalf("a mailing in the outage is %+v, %v", m, err)
	}
	a.advance(t, 90*time.Minute)
	u := a.await(t, "its verification", func(u *connect.Upgrade) bool { return waits(u, "verify") })
	if left := time.Duration(u.Progress.WindowSeconds) * time.Second; left > -30*time.Minute || left < -40*time.Minute {
		t.Errorf("the window is over by %v", -left)
	}
	if out := a.command(t, 3, "upgrade", "start"); !regexp.MustCompile(`(?m)^window   3\dm\d+s over: the outage goes on until the upgrade is closed or cancelled$`).MatchString(out) {
		t.Errorf("the command says\n%s", out)
	}
	if o, err := cl.Outage(bounded(t)); err != nil || o == nil || !o.Open {
		t.Errorf("the outage is %+v, %v", o, err)
	}
	hold("three")
	a.tell(t, "verify")
	u = a.await(t, "closed", func(u *connect.Upgrade) bool { return u.State == "watching" })
	for _, s := range u.Steps {
		if s.Step == "close" && !strings.Contains(s.Have, "later than booked") {
			t.Errorf("closed: %s", s.Have)
		}
	}
	if len(u.Findings) != 1 || u.Findings[0].Code != "not_verified_by_sends" {
		t.Errorf("found: %+v", u.Findings)
	}
	a.released(t, held, m.ID)
	out := a.command(t, 0, "upgrade", "report")
	for _, want := range []string{
		`(?m)^upgrade +connected app, order documented, watching; begun by API: olga at 2016-05-02T`,
		`(?m)^outage +from 2016-.*, planned until .*, ended .*, 3\dm\d+s later$`,
		`(?m)^sends +3 in the outage: 3 sent, 0 failed, 0 in doubt, 0 held$`, `(?m)^mailings +1 in the outage: 1 sent, `,
		`(?m)^users +3: 3 reconnected`, `(?m)^Connect Account +engagement admin +system.user@.* +done +2016-.*by JWT bearer`, `(?m)^Policies of the connected app +crm admin .*done`,
		`(?m) reconnected *$`,
	} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("the report has no %s:\n%s", want, out)
		}
	}
	out = <-watched
	for _, want := range []string{`(?m)^waits   for .*: .*$`, `(?m)^done    Connect Account: `, `(?m), \d+m0s over the window$`, `(?m)^done    Close: ended .* later than booked$`, `(?m)^upgrade  connected app, watching$`} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("who watched was told no %s:\n%s", want, out)
		}
	}
	// Both admins are told, though nobody has booked anything.
	for _, to := range []string{a.Ready().CRM.Admin.Username, "alma.admin@tenant.example"} {
		a.mailed(t, to, "Open: outage")
		a.mailed(t, to, "Over: outage")
	}
}

// released waits until what was held has gone out, and checks the order in which the tenant was given it.
func (a *admins) released(t *testing.T, held []string, mailing string) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(2 * time.Minute); ; {
		m, err := a.connect(t).Mailing(bounded(t), mailing)
		noError(t, err)
		done := m.State == "completed" && m.Counts.Recipients == 2
		sends := make([]connect.Send, len(held))
		for i, key := range held {
			sends[i], err = a.connect(t).Send(bounded(t), key)
			noError(t, err)
			done = done && sends[i].Status == "sent"
		}
		if done {
			break
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("the mailing is %+v, the sends are %+v", m, sends)
		}
	}
	requests, err := a.control(t).Requests(bounded(t), control.Filter{House: "engagement"})
	noError(t, err)
	var given []string
	for _, r := range requests {
		if key := r.Path[strings.LastIndexByte(r.Path, '/')+1:]; r.Method == http.MethodPost && slices.Contains(held, key) {
			given = append(given, key)
		}
	}
	if !slices.Equal(given, held) {
		t.Errorf("the tenant was given %v, asked for were %v", given, held)
	}
}

// The upgrade of document 003 comes to its end: the users are reconnected, a test email and a triggered send go out, the outage ends
// early, the old credentials are gone, and the API usage is looked at an hour and a day later. Its events tell of each step.
//
// seed:api S003-60 S003-61 S003-62
func TestUpgrade(t *testing.T) {
	t.Parallel()
	a := newAdmins(t)
	contacts := a.contacts(t)
	cl := a.connect(t)
	_, err := cl.StartUpgrade(bounded(t), connect.UpgradeStart{
		Order: "safe", By: "olga", Verify: connect.UpgradeVerification{Definition: "welcome", Contact: contacts[0]},
	}, oauth.NewToken(16))
	noError(t, err)
	events := a.events(t)
	a.until(t, orders["safe"], "verify")
	u := a.await(t, "closed", func(u *connect.Upgrade) bool { return u.State == "watching" })
	if u.Progress.Percent != 100 || u.Progress.Reconnected != 3 || u.Progress.Failed != 0 {
		t.Errorf("progress: %+v", u.Progress)
	}
	for _, s := range u.Steps {
		if s.Step == "verify" && (!strings.Contains(s.Have, "the test email to") || !strings.Contains(s.Have, "the triggered send to")) {
			t.Errorf("verified: %s", s.Have)
		}
		if s.Step == "close" && !strings.Contains(s.Have, "before its time") {
			t.Errorf("closed: %s", s.Have)
		}
	}
	s, err := cl.CheckStatus(bounded(t), oauth.NewToken(16))
	noError(t, err)
	if s.State != "connected" || s.Org.Auth != "jwt" || s.Outage != nil || s.Org.GivenAt != nil {
		t.Errorf("afterwards: %+v", s)
	}
	a.stands(t, 3, "")
	if _, err := cl.CancelUpgrade(bounded(t), "too late", "olga", oauth.NewToken(16)); err == nil || !strings.Contains(err.Error(), "upgrade_over") {
		t.Errorf("cancelled after its end: %v", err)
	}
	for _, want := range []string{`"state":"waiting"`, `"step":"policies"`, `"state":"watching"`} {
		if text := <-events; !strings.Contains(text, want) {
			t.Errorf("the events have no %s", want)
		} else {
			events <- text
		}
	}
	a.advance(t, 26*time.Hour)
	u = a.await(t, "looked at a day later", func(u *connect.Upgrade) bool { return u.State == "done" })
	codes := ""
	for _, f := range u.Findings {
		codes += f.Code + " "
	}
	if codes != "api_usage_hour api_usage_day " {
		t.Errorf("found: %s%+v", codes, u.Findings)
	}
}

// events reads the upgrade's events to their end.
func (a *admins) events(t *testing.T) chan string {
	t.Helper()
	r := a.Ready()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.Connect.URL+"/api/v1/upgrade/events", nil)
	noError(t, err)
	req.Header.Set("Authorization", "Bearer "+r.Connect.APIToken)
	answer, err := http.DefaultClient.Do(req)
	noError(t, err)
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("events: %d %s", answer.StatusCode, answer.Header.Get("Content-Type"))
	}
	all := make(chan string, 1)
	go func() {
		text, _ := io.ReadAll(answer.Body) // what there is tells
		_ = answer.Body.Close()
		all <- string(text)
	}()
	return all
}
