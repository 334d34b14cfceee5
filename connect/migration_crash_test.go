package connect_test

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect"
	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/connect/internal/migration"
	connectclient "github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/internal/web"
)

// bridgeVariable tells the test's own binary to be Connect, in a process that can be killed: its value is the database, and
// keyVariable the file that opens the secrets in it.
const bridgeVariable, keyVariable = "TWINSPAN_TEST_BRIDGE", "TWINSPAN_TEST_BRIDGE_KEY"

func TestMain(m *testing.M) {
	if dsn := os.Getenv(bridgeVariable); dsn != "" {
		fmt.Fprintln(os.Stderr, beConnect(dsn, os.Getenv(keyVariable)))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// beConnect serves Connect until it is killed, and prints where.
func beConnect(dsn, key string) error {
	sealing, err := vault.Open(key)
	if err != nil {
		return err
	}
	b, err := connect.New(context.Background(), connect.Options{DSN: dsn, BaseURL: "http://connect.example", Vault: sealing, SweepEvery: -1, TickEvery: -1, LookEvery: -1, TrackEvery: -1})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(err, b.Close())
	}
	fmt.Println("http://" + l.Addr().String())
	return (&http.Server{Handler: web.Front(b.Handler(), slog.New(slog.DiscardHandler), "connect"), ReadHeaderTimeout: time.Minute}).Serve(l)
}

// connectProcess is Connect in a process of its own.
type connectProcess struct {
	cmd *exec.Cmd
	*connectclient.Client
}

func (w *world) spawn(t *testing.T, key string) *connectProcess {
	t.Helper()
	p := &connectProcess{cmd: exec.CommandContext(t.Context(), os.Args[0])} //nolint:gosec // the test's own binary
	p.cmd.Env = append(os.Environ(), bridgeVariable+"="+w.dsn, keyVariable+"="+key)
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatal("Connect's process says nothing")
	}
	if p.Client, err = connectclient.New(lines.Text(), apiToken, nil); err != nil {
		t.Fatal(err)
	}
	return p
}

// kill ends the process as kill -9 does.
func (p *connectProcess) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait() // killed: it says so
}

// spoil answers slowly, and one call in ten not as it should: 5xx, 429, or not at all.
func spoil(w http.ResponseWriter, r *http.Request) bool {
	t := time.NewTimer(time.Duration(rand.IntN(10)) * time.Millisecond)
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.Context().Done():
		return true
	}
	switch rand.IntN(40) {
	case 0:
		http.Error(w, "no", http.StatusServiceUnavailable)
	case 1:
		http.Error(w, "no", http.StatusInternalServerError)
	case 2:
		http.Error(w, "later", http.StatusTooManyRequests)
	case 3:
		panic(http.ErrAbortHandler)
	default:
		return false
	}
	return true
}

// lose has one request in thirty done and not answered.
func lose(*http.Request) bool { return rand.IntN(30) == 0 }

// TestMigrationIsKilled: Connect is killed with -9 at random moments while it migrates users and clouds spoil calls. However often
// that happens, every user ends reconnected once or reported failed, and the reports are complete. It is known by three records: the outcomes that
// Connect told before it was killed, none of which may change; the audit chain, which has each outcome once; and the clouds' own, which let in everybody who is
// reconnected and nobody whom they refuse. TWINSPAN_TEST_KILLS is how often it is killed (10).
func TestMigrationIsKilled(t *testing.T) {
	t.Parallel()
	kills := 10
	if v := os.Getenv("TWINSPAN_TEST_KILLS"); v != "" {
		var err error
		if kills, err = strconv.Atoi(v); err != nil {
			t.Fatal(err)
		}
	}
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			users := 80 * kills
			w, refused := crowdOf2016(t, kind, users)
			key := linktest.KeyFile(t)
			if err := w.bridge.Close(); err != nil {
				t.Fatal(err)
			}
			for _, c := range []interface {
				Before(func(http.ResponseWriter, *http.Request) bool)
				Lose(func(*http.Request) bool)
			}{w.org, w.tenant} {
				c.Before(spoil)
				c.Lose(lose)
			}
			acknowledged := map[string]connectclient.MigratedUser{}
			p := w.spawn(t, key)
			m, err := p.StartMigration(t.Context(), "olga", oauth.NewToken(16))
			if err != nil {
				t.Fatal(err)
			}
			killed := 0
			for m.Working() && killed < kills {
				if killed%3 == 2 { // some right after an outcome was told
					for before := len(acknowledged); len(acknowledged) == before && m.Working(); {
						learn(t, p.Client, m.ID, acknowledged)
						if m, err = p.Migration(t.Context(), m.ID); err != nil {
							t.Fatal(err)
						}
					}
				}
				moment := time.NewTimer(time.Duration(rand.IntN(600)) * time.Millisecond) // the moment of the kill, not a wait for anything
				for waiting := true; waiting; {
					select {
					case <-moment.C:
						waiting = false
					default:
						learn(t, p.Client, m.ID, acknowledged)
					}
				}
				p.kill()
				killed++
				w.freeLeases(t)
				p = w.spawn(t, key)
				if m, err = p.Migration(t.Context(), m.ID); err != nil {
					t.Fatal(err)
				}
			}
			before := len(acknowledged)
			m = awaitEnd(t, p.Client, m.ID)
			if m.State != "done" || m.Total != users || m.Reconnected+m.Failed != users || m.Failed < len(refused) {
				t.Fatalf("after %d kills: %+v", killed, m)
			}
			ended := map[string]connectclient.MigratedUser{}
			learn(t, p.Client, m.ID, acknowledged)
			err = p.MigratedUsers(t.Context(), m.ID, "", func(page []connectclient.MigratedUser) error {
				for _, u := range page {
					ended[u.CRMUsername] = u
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			for name, u := range acknowledged {
				if now := ended[name]; now.Result != u.Result || !now.At.Equal(*u.At) {
					t.Errorf("%s was told as %s at %v, and is %s at %v", name, u.Result, u.At, now.Result, now.At)
				}
			}
			w.checkEnd(t, p.Client, m, ended, refused)
			if killed < min(kills, 3) {
				t.Errorf("it was over after %d kills", killed)
			}
			p.kill()
			w.open(t)
			t.Logf("%d users, %d kills, %d outcomes told before one of them, %d failed", users, killed, before, m.Failed)
		})
	}
}

// crowdOf2016 is a world of n users who were mapped before an upgrade; every tenth is refused by the org or by the tenant.
func crowdOf2016(t *testing.T, kind string, n int) (w *world, refused map[string]bool) {
	t.Helper()
	org, tenant := []linktest.Person{system}, []linktest.Person{apiUser}
	rows := make([]string, n)
	people := func(i int) (linktest.Person, linktest.Person) {
		return linktest.Person{ID: fmt.Sprintf("0050000000%05dAAA", 10_000+i), Username: fmt.Sprintf("u%d@org.example", i), Name: "U"},
			linktest.Person{ID: strconv.Itoa(800_000 + i), Username: fmt.Sprintf("u%d.mc", i), Name: "U"}
	}
	for i := range n {
		o, e := people(i)
		org, tenant = append(org, o), append(tenant, e)
		rows[i] = fmt.Sprintf("('%s', '%s', '%s', 'U', '%s', '%s', 'U', %d, 1462190400000, 'password')", linktest.Pair, o.ID, o.Username, e.ID, e.Username, linktest.EID)
	}
	w = newWorldOf(t, kind, org, tenant)
	w.connectBoth(t)
	refused = map[string]bool{}
	for i := range n {
		o, e := people(i)
		w.org.Approve(o.Username, true)
		w.tenant.Grant(e.Username, i%10 != 3)
		if i%10 == 7 {
			w.org.Forget(o.Username)
		}
		refused[o.Username] = i%10 == 3 || i%10 == 7
		if !refused[o.Username] {
			delete(refused, o.Username)
		}
	}
	w.tamper(t, `INSERT INTO user_mapping (pair_id, crm_user_id, crm_username, crm_name, engagement_user_id, engagement_username, engagement_name, engagement_mid, created_at, made_by) VALUES `+strings.Join(rows, ", "),
		fmt.Sprintf(`UPDATE link SET upgraded_at = %d, revision = revision + 1`, w.now().UnixMilli()))
	return w, refused
}

// freeLeases ends the leases of a process that was killed, which others sharing its database else wait for.
func (w *world) freeLeases(t *testing.T) {
	t.Helper()
	if !strings.HasPrefix(w.dsn, "postgres") {
		return // the next process knows that it is alone
	}
	w.tamper(t, `UPDATE job SET lease_until = 0 WHERE state = 'running'`)
}

// learn reads which outcomes Connect tells, until it does not answer.
func learn(t *testing.T, cl *connectclient.Client, id string, told map[string]connectclient.MigratedUser) {
	t.Helper()
	for _, result := range []string{"reconnected", "failed"} {
		_ = cl.MigratedUsers(t.Context(), id, result, func(page []connectclient.MigratedUser) error { // what it told before it was killed counts
			for _, u := range page {
				if before, known := told[u.CRMUsername]; known && (before.Result != u.Result || !before.At.Equal(*u.At)) {
					t.Errorf("%s was told as %s at %v, and then as %s at %v", u.CRMUsername, before.Result, before.At, u.Result, u.At)
				}
				told[u.CRMUsername] = u
			}
			return nil
		})
	}
}

func awaitEnd(t *testing.T, cl *connectclient.Client, id string) connectclient.Migration {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 6000 {
		m, err := cl.Migration(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if !m.Working() {
			return m
		}
		<-tick.C
	}
	t.Fatal("the migration does not end")
	return connectclient.Migration{}
}

// checkEnd holds what Connect says in the end to the audit chain, the files and the clouds.
func (w *world) checkEnd(t *testing.T, cl *connectclient.Client, m connectclient.Migration, ended map[string]connectclient.MigratedUser, refused map[string]bool) {
	t.Helper()
	for name, u := range ended {
		switch {
		case u.Result != "reconnected" && u.Result != "failed":
			t.Errorf("%s is %s", name, u.Result)
		case u.Result == "failed" && (u.Code == "" || u.Reason == ""):
			t.Errorf("%s failed, and nobody says why", name)
		case u.Result == "reconnected" && refused[name]:
			t.Errorf("%s is reconnected, and a cloud refuses him", name)
		case u.Result == "failed" && !refused[name] && u.Attempts != 8:
			t.Errorf("%s failed after %d attempts: %s %s", name, u.Attempts, u.Code, u.Reason)
		}
	}
	verdict, err := cl.VerifyAudit(t.Context(), "")
	if err != nil || verdict.Problem != "" {
		t.Errorf("the audit chain: %+v, %v", verdict, err)
	}
	var reconnected, failed int
	err = cl.Audit(t.Context(), 0, func(page []connectclient.AuditEntry) error {
		for _, e := range page {
			var b migration.Batch
			if e.Action == audit.UsersReconnected && json.Unmarshal(e.After, &b) == nil {
				reconnected, failed = reconnected+b.Reconnected, failed+b.Failed
			}
		}
		return nil
	})
	if err != nil || reconnected != m.Reconnected || failed != m.Failed {
		t.Errorf("the chain has %d and %d outcomes, want %d and %d: %v", reconnected, failed, m.Reconnected, m.Failed, err)
	}
	o, _, err := cl.Migrations(t.Context())
	if err != nil || o.Users != m.Failed {
		t.Errorf("%d mappings are from before the upgrade, want those of the %d who failed: %v", o.Users, m.Failed, err)
	}
	// Whom the clouds let in, by their own records.
	for name, u := range ended {
		if u.Result == "reconnected" && (w.org.SignedIn(name) == 0 || w.tenant.SignedIn(u.EngagementUsername) == 0) {
			t.Errorf("%s is reconnected, and the org let him in %d times, the tenant %d", name, w.org.SignedIn(name), w.tenant.SignedIn(u.EngagementUsername))
		}
	}
	documents := w.tenant.Documents()
	if len(documents) != 2 || len(m.Files) != 1 {
		t.Fatalf("the files are %v, of which it tells %v", documents, m.Files)
	}
	lines := map[string]int{}
	for _, name := range []string{m.Files[0].Success, m.Files[0].Failures} {
		all, err := csv.NewReader(strings.NewReader(documents[name])).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range all[1:] {
			if lines[line[2]]++; ended[line[2]].Result != line[5] {
				t.Errorf("%s has %v, and it is %s", name, line, ended[line[2]].Result)
			}
		}
	}
	for name := range ended {
		if lines[name] != 1 {
			t.Errorf("%s has %d lines in the files", name, lines[name])
		}
	}
}
