// Package upgrade_test kills Connect with -9 in the middle of whole upgrades and looks what became of users and sends. The clouds
// run in the test's process, behind a front that spoils calls and keeps a ledger of what they did; the admins work by the
// command line, and give their commands again where Connect was dead.
package upgrade_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/test/spawn"
)

// points are where Connect kills itself, once at each: between what is written down and what is done, of every step that it does
// itself, of the way back, and of the migration of users.
var points = func() (all []string) {
	for _, step := range []string{"open_outage", "connect_account", "migrate", "prove", "verify", "close", "move_users"} {
		all = append(all, step+"-intended", step+"-did")
	}
	for _, step := range []string{
		"open_outage", "permission_set", "assignments", "attach", "connect_account", "policies", "migrate", "package", "tenant_oauth_setting", "connect_marketing_cloud", "move_users",
	} {
		all = append(all, step+"-undoing", step+"-undid")
	}
	for _, point := range []string{"planned", "intended", "tried", "settled", "named", "uploaded"} {
		all = append(all, "migration-"+point)
	}
	return all
}()

// patience bounds one upgrade, there or back, on a machine that has much else to do.
const patience = 4 * time.Minute

// TestUpgradeIsKilled: a pair goes from stored passwords to keys, by both kinds of upgrade, forth and back and forth again, in mode
// hold, while sends arrive all the time, both clouds answer slowly, 5xx, 429, not at all or not after they acted, and are
// restarted; and Connect is killed with -9, once at every failpoint and at random moments beside. Every user ends reconnected once or reported
// failed, every step came to its end once, what was cancelled is as it was before, and every send that was acknowledged went out once. It is known by four records that
// no killing reaches: what Connect acknowledged, kept by this process; the front's ledger of sign-ins and messages; the mail server's
// of mails; and the files in My Documents. TWINSPAN_TEST_KILLS is how often it is killed at random moments (10).
func TestUpgradeIsKilled(t *testing.T) {
	t.Parallel()
	kills := 10
	if v := os.Getenv("TWINSPAN_TEST_KILLS"); v != "" {
		var err error
		kills, err = strconv.Atoi(v)
		noError(t, err)
	}
	for i, kind := range spawn.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			s := newStage(t, kind, []string{"core", "lock-publish"}[i%2])
			sends := &sender{stage: s, acked: map[string]string{}}
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				sends.run(ctx)
			}()
			s.org.still(false)
			s.tenant.still(false)
			orders := []string{"safe", "documented"}
			if i%2 == 1 {
				slices.Reverse(orders)
			}
			before := s.stands(t, "password", "password")

			s.keeper.allow(kills * 2 / 5)
			for n := 0; n == 0 || !s.keeper.spent(); n++ {
				s.cancelled(t, []string{"--kind", "connected-app", "--order", orders[n%2]}, n)
				if now := s.stands(t, "password", "password"); now != before {
					t.Fatalf("cancelled, it is %s, was %s", now, before)
				}
			}
			s.keeper.allow(kills / 5)
			u := s.closed(t, []string{"--kind", "connected-app", "--order", orders[1]})
			s.migrated(t, u)
			before = s.stands(t, "jwt", "password")

			s.keeper.allow(kills - kills*2/5 - kills/5)
			for n := 0; n == 0 || !s.keeper.spent(); n++ {
				s.cancelled(t, []string{"--kind", "tenant-oauth", "--anyway"}, n)
				if now := s.stands(t, "jwt", "password"); now != before {
					t.Fatalf("cancelled, it is %s, was %s", now, before)
				}
			}
			s.keeper.allow(2)
			s.closed(t, []string{"--kind", "tenant-oauth", "--anyway"})
			s.stands(t, "jwt", "jwt")

			s.org.still(true)
			s.tenant.still(true)
			stop()
			<-sent
			s.chain(t)
			ending, done := context.WithTimeout(t.Context(), time.Minute)
			defer done()
			sends.settled(ending, t)
			s.pointsPassed(t)
			t.Logf("%d kills at random moments and %d at points; spoilt: %v; %.1f s", s.keeper.killed(), len(points), s.ledger.of(s.ledger.faults), time.Since(began).Seconds())
		})
	}
}

// begin gives the admins' command until nobody is in the way any more: without a verification it stops at that step.
func (s *stage) begin(args []string) []string {
	return append([]string{"start", "--as", "both", "--yes", "--leave-out", s.leftOut, "--by", "olga"}, args...)
}

// cancelled begins an upgrade and cancels it: the first time at its last step, then at a random moment.
func (s *stage) cancelled(t *testing.T, args []string, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	before := s.upgrade(ctx, t)
	fresh := func(u *connect.Upgrade) bool { return before == nil || u.ID != before.ID }
	var said atomic.Pointer[string] // what the admins' command said last
	said.Store(new(string))
	over := make(chan struct{})
	stop := make(chan struct{})
	go func() {
		defer close(over)
		for {
			_, out := s.command(append([]string{"upgrade"}, s.begin(args)...)...)
			said.Store(&out)
			u, err := s.connect.Upgrade(ctx)
			if err == nil && u != nil && fresh(u) && (u.State == "cancelling" || u.State == "cancelled") || ctx.Err() != nil {
				return
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	steps := rand.IntN(10)
	var u *connect.Upgrade
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if now, err := s.connect.Upgrade(ctx); err == nil {
			u = now
		}
		if u != nil && fresh(u) && (u.Step == "verify" || n > 0 && u.Progress.Done >= steps) {
			break
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("the upgrade does not come to be verified: it is %s at %s, waits %+v, %s\n%s", u.State, u.Step, u.Waiting, u.Failure, *said.Load())
		}
	}
	close(stop)
	if rand.IntN(2) == 0 {
		noError(t, []*cloud{s.org, s.tenant}[rand.IntN(2)].restart())
	}
	u = s.play(ctx, t, []string{"cancel", "--as", "both", "--reason", "another day", "--by", "olga"}, func(u *connect.Upgrade) bool { return u.State == "cancelled" })
	<-over
	s.ended = append(s.ended, u)
	for _, step := range u.Steps {
		if step.Status != "undone" && step.Status != "planned" {
			t.Errorf("cancelled, %s is %s", step.Step, step.Status)
		}
	}
}

// closed begins an upgrade, or goes on with it, until it is closed.
func (s *stage) closed(t *testing.T, args []string) *connect.Upgrade {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	learnt := s.learn(ctx, t)
	restart := time.AfterFunc(time.Duration(500+rand.IntN(1500))*time.Millisecond, func() { // a moment, not a wait for anything
		if err := s.tenant.restart(); err != nil {
			t.Error(err)
		}
	})
	defer restart.Stop()
	u := s.play(ctx, t, append(s.begin(args), "--verify-definition", "welcome", "--verify-contact", s.verify, "--verify-to", "olga@judge.example"),
		func(u *connect.Upgrade) bool { return u.Closed() && u.State != "cancelled" })
	cancel()
	s.ended = append(s.ended, u)
	learnt(u)
	return u
}

// learn keeps which outcomes Connect told of users; the function that it returns, called in the end, checks that they are the same.
func (s *stage) learn(ctx context.Context, t *testing.T) func(*connect.Upgrade) {
	t.Helper()
	told := map[string]connect.MigratedUser{}
	read := func(ctx context.Context, m connect.Migration, each func(connect.MigratedUser)) error {
		return s.connect.MigratedUsers(ctx, m.ID, "", func(page []connect.MigratedUser) error {
			for _, u := range page {
				if u.Result == "reconnected" || u.Result == "failed" {
					each(u)
				}
			}
			return nil
		})
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			if _, all, err := s.connect.Migrations(ctx); err == nil {
				for _, m := range all {
					if m.State != "undone" {
						_ = read(ctx, m, func(u connect.MigratedUser) { told[m.ID+u.CRMUsername] = u }) // what it told before it was killed counts
					}
				}
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	}()
	return func(u *connect.Upgrade) {
		<-over
		ctx := bounded(t)
		s.persist(ctx, t, "the outcomes", func() error {
			_, all, err := s.connect.Migrations(ctx)
			for _, m := range all {
				if err == nil && m.Upgrade == u.ID {
					err = read(ctx, m, func(now connect.MigratedUser) {
						if was, known := told[m.ID+now.CRMUsername]; known && (was.Result != now.Result || !was.At.Equal(*now.At)) {
							t.Errorf("%s was told as %s at %v, and is %s at %v", now.CRMUsername, was.Result, was.At, now.Result, now.At)
						}
					})
				}
			}
			return err
		})
		t.Logf("%s %s: %d outcomes were told before its end", u.Kind, u.Order, len(told))
	}
}

// migrated checks what became of the users: reconnected once, let in by the org, or failed for a reason, in the report as in the
// files.
func (s *stage) migrated(t *testing.T, u *connect.Upgrade) {
	t.Helper()
	ctx := bounded(t)
	var m connect.Migration
	s.persist(ctx, t, "the migration", func() error {
		_, all, err := s.connect.Migrations(ctx)
		for _, one := range all {
			if one.Upgrade == u.ID && one.State != "undone" {
				m = one
			}
		}
		return err
	})
	ended := map[string]connect.MigratedUser{}
	s.persist(ctx, t, "its users", func() error {
		return s.connect.MigratedUsers(ctx, m.ID, "", func(page []connect.MigratedUser) error {
			for _, u := range page {
				ended[u.CRMUsername] = u
			}
			return nil
		})
	})
	total := people + len(s.ready.CRM.Users)
	if m.State != "done" || m.Total != total || m.Reconnected+m.Failed != total || len(ended) != total || len(m.Files) == 0 {
		t.Fatalf("migrated: %+v", m)
	}
	signedIn := s.ledger.of(s.ledger.signedIn)
	for name, u := range ended {
		switch {
		case name == s.leftOut || name == s.inactive:
			if u.Result != "failed" || u.Code == "" || u.Reason == "" {
				t.Errorf("%s is %s: %s %s", name, u.Result, u.Code, u.Reason)
			}
		case u.Result == "failed" && u.Reason == "":
			t.Errorf("%s failed, and nobody says why", name)
		case u.Result == "reconnected" && signedIn["org "+name] == 0:
			t.Errorf("%s is reconnected, and the org never let him in", name)
		}
	}
	lines := map[string]int{}
	for name, text := range s.documents(t) {
		all, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		noError(t, err)
		for _, f := range m.Files {
			if name != f.Success && name != f.Failures {
				continue
			}
			for _, line := range all[1:] {
				if lines[line[2]]++; ended[line[2]].Result != line[5] {
					t.Errorf("%s has %v, and it is %s", name, line, ended[line[2]].Result)
				}
			}
		}
	}
	for name := range ended {
		if lines[name] != 1 {
			t.Errorf("%s has %d lines in the files %+v", name, lines[name], m.Files)
		}
	}
	t.Logf("%d users reconnected, %d failed", m.Reconnected, m.Failed)
}

// documents are the files of My Documents, read past the spoiling.
func (s *stage) documents(t *testing.T) map[string]string {
	t.Helper()
	s.tenant.still(true)
	defer s.tenant.still(false)
	cl, err := engagement.New(engagement.Options{AuthURL: s.ready.Engagement.AuthURL})
	noError(t, err)
	p := s.ready.Engagement.InstalledPackage
	token, err := cl.ClientCredentials(bounded(t), engagement.ClientCredentialsGrant{ClientID: p.ClientID, Secret: vault.Secret(p.ClientSecret), MID: p.AccountID})
	noError(t, err)
	tenant := cl.Session(token)
	all, err := tenant.Documents(bounded(t))
	noError(t, err)
	texts := map[string]string{}
	for _, d := range all {
		text, err := tenant.ReadDocument(bounded(t), d.Name)
		noError(t, err)
		texts[d.Name] = string(text)
	}
	return texts
}

// stands checks how the spans sign in, that there is no outage, and who is mapped, and says what the upgrades change in the org.
func (s *stage) stands(t *testing.T, org, tenant string) string {
	t.Helper()
	ctx := bounded(t)
	s.persist(ctx, t, "the status", func() error {
		st, err := s.connect.CheckStatus(ctx, oauth.NewToken(16))
		if err == nil && (st.State != "connected" || st.Org.Auth != org || st.Engagement.Auth != tenant || st.Outage != nil) {
			err = fmt.Errorf("the connection is %s by %s and %s, outage %+v, want %s and %s", st.State, st.Org.Auth, st.Engagement.Auth, st.Outage, org, tenant)
		}
		return err
	})
	s.org.still(true)
	defer s.org.still(false)
	admin := s.admin(t)
	apps, err := admin.ReadConnectedApps(ctx, "et4ae5__Salesforce_Marketing_Cloud")
	noError(t, err)
	facts := []any{apps[0].AdminApproved, apps[0].IPRelaxation, apps[0].RefreshTokenPolicy}
	for _, object := range []string{"PermissionSet", "PermissionSetAssignment", "SetupEntityAccess"} {
		found, err := admin.Query(ctx, "SELECT Id FROM "+object)
		noError(t, err)
		facts = append(facts, len(found))
	}
	text, err := json.Marshal(facts)
	noError(t, err)
	return string(text)
}

// chain checks that the record of changes is whole, and that it has the end of each step once, neither twice nor never, and likewise of
// what was taken back.
func (s *stage) chain(t *testing.T) {
	t.Helper()
	ctx := bounded(t)
	s.persist(ctx, t, "the audit chain", func() error {
		verdict, err := s.connect.VerifyAudit(ctx, "")
		if err == nil && !verdict.OK {
			t.Errorf("the audit chain: %+v", verdict)
		}
		return err
	})
	ends := map[string]int{}
	s.persist(ctx, t, "its entries", func() error {
		clear(ends)
		return s.connect.Audit(ctx, 0, func(page []connect.AuditEntry) error {
			for _, e := range page {
				if strings.HasPrefix(e.Action, "upgrade.") && e.Action != "upgrade.told" && e.Action != "upgrade.started" {
					ends[strings.Join([]string{e.Subject, e.Action, e.Reason}, " ")]++
				}
			}
			return nil
		})
	})
	for _, u := range s.ended {
		for _, step := range u.Steps {
			if action := map[string]string{"done": "upgrade.step", "undone": "upgrade.undone"}[step.Status]; action != "" && ends[u.ID+" "+action+" "+step.Step] == 0 {
				t.Errorf("%s is %s, and no entry says so", step.Step, step.Status)
			}
		}
		if u.State == "cancelled" && ends[u.ID+" upgrade.ended "] == 0 {
			t.Errorf("upgrade %s was cancelled, and no entry says so", u.ID)
		}
	}
	for what, n := range ends {
		if n != 1 {
			t.Errorf("%s is recorded %d times", what, n)
		}
	}
}

// pointsPassed checks that Connect killed itself at every point.
func (s *stage) pointsPassed(t *testing.T) {
	t.Helper()
	entries, err := os.ReadDir(s.keeper.points)
	noError(t, err)
	var passed []string
	for _, e := range entries {
		passed = append(passed, e.Name())
	}
	for _, point := range points {
		if !slices.Contains(passed, point) {
			t.Errorf("Connect never came to %s", point)
		}
	}
	for _, point := range passed {
		if !slices.Contains(points, point) {
			t.Errorf("Connect came to %s, which the test does not know", point)
		}
	}
}
