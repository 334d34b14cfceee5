package twinspan_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinspan/twinspan"
	"github.com/twinspan/twinspan/internal/client/control"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/test/spawn"
)

// kills is how often one run kills the process.
const kills = 4

// A process that is killed at any moment keeps what it acknowledged: records written over REST are there after the next
// start, and so are the connection and the mappings. Keys are rotated all the while.
func TestKillKeepsWhatWasAcknowledged(t *testing.T) {
	t.Parallel()
	for _, kind := range spawn.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			args := []string{"--data", t.TempDir(), "--log-level", "error"}
			if dsn := spawn.DSN(t, kind); dsn != "" {
				args = append(args, "--db", dsn)
			}
			acknowledged := map[string]bool{} // addresses of contacts
			for round := range kills {
				server := spawn.Up(t, args...)
				r, err := twinspan.ReadReady(server.ReadyFile)
				if err != nil {
					t.Fatal(err)
				}
				checkContacts(t, r, acknowledged)
				for _, address := range writeUntilKilled(t, server, r, round) {
					acknowledged[address] = true
				}
			}
			server := spawn.Up(t, args...)
			r, err := twinspan.ReadReady(server.ReadyFile)
			if err != nil {
				t.Fatal(err)
			}
			checkContacts(t, r, acknowledged)
			if s, users := status(t, r); s.State != "connected" || len(users) != 3 {
				t.Errorf("after %d kills: %s with %d users", kills, s.State, len(users))
			}
			if len(acknowledged) == 0 {
				t.Error("no write was acknowledged: nothing was tested")
			}
			t.Logf("%d contacts over %d kills", len(acknowledged), kills)
		})
	}
}

// writeUntilKilled creates contacts from several callers at once, kills the process at a random moment, and returns the
// addresses that the org acknowledged.
func writeUntilKilled(t *testing.T, server *spawn.Server, r twinspan.Ready, round int) []string {
	t.Helper()
	org := signIn(t, r, r.CRM.Admin)
	ctx, cancel := context.WithCancel(bounded(t))
	defer cancel()
	var mu sync.Mutex
	var done []string
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				address := fmt.Sprintf("r%d.w%d.n%d@crash.example", round, w, i)
				if _, err := org.CreateRecord(ctx, "Contact", map[string]any{"LastName": "Crash", "Email": address}); err != nil {
					return // killed meanwhile: this one was not acknowledged
				}
				mu.Lock()
				done = append(done, address)
				mu.Unlock()
			}
		})
	}
	keys, err := control.New(r.Control.URL, vault.Secret(r.Control.Token), nil)
	if err != nil {
		t.Fatal(err)
	}
	writers.Go(func() { // whatever of a rotation is done when the end comes, every secret opens afterwards
		for ctx.Err() == nil {
			if _, err := keys.RotateKeys(ctx); err != nil && fault.CodeOf(err) != twinspan.CodeRotating {
				return
			}
		}
	})
	select {
	case <-time.After(time.Duration(20+rand.IntN(300)) * time.Millisecond): // the moment of the kill, not a wait for anything
	case <-ctx.Done():
	}
	server.Kill(t)
	cancel()
	writers.Wait()
	return done
}

// checkContacts fails where an acknowledged contact is missing.
func checkContacts(t *testing.T, r twinspan.Ready, acknowledged map[string]bool) {
	t.Helper()
	if len(acknowledged) == 0 {
		return
	}
	records, err := signIn(t, r, r.CRM.Admin).Query(bounded(t), "SELECT Email FROM Contact WHERE LastName = 'Crash'")
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, rec := range records {
		have[rec.String("Email")] = true
	}
	missing := 0
	for address := range acknowledged {
		if !have[address] {
			missing++
		}
	}
	if missing > 0 {
		t.Errorf("%d of %d acknowledged contacts are gone", missing, len(acknowledged))
	}
}

// The demo, killed right after it said that a step is done: the next start has what the step did, and the demo goes
// through on the same folder.
func TestKillDuringTheDemo(t *testing.T) {
	t.Parallel()
	for _, kind := range spawn.Kinds {
		for step := 2; step <= 5; step++ {
			t.Run(fmt.Sprintf("%s/step %d", kind, step), func(t *testing.T) {
				t.Parallel()
				args := []string{"--data", t.TempDir(), "--log-level", "error"}
				if dsn := spawn.DSN(t, kind); dsn != "" {
					args = append(args, "--db", dsn)
				}
				demoUntil(t, step, append([]string{"demo", "--keep"}, args...))
				server := spawn.Up(t, args...)
				r, err := twinspan.ReadReady(server.ReadyFile)
				if err != nil {
					t.Fatal(err)
				}
				checkSteps(t, r, step)
				server.Stop(t)
				out, err := exec.CommandContext(bounded(t), spawn.Binary(t), append([]string{"demo"}, args...)...).CombinedOutput()
				if err != nil {
					t.Errorf("the demo afterwards: %v\n%s", err, out)
				}
			})
		}
	}
}

// demoUntil runs the command and kills it when it has printed that the step is done.
func demoUntil(t *testing.T, step int, args []string) {
	t.Helper()
	cmd := exec.CommandContext(bounded(t), spawn.Binary(t), args...)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines, reached := bufio.NewScanner(stdout), false
	for !reached && lines.Scan() {
		reached = strings.HasPrefix(lines.Text(), fmt.Sprintf("%d ", step))
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // killed: it says so
	if !reached {
		t.Fatalf("the demo ended before step %d", step)
	}
}

// checkSteps looks for what the demo's steps up to one leave behind.
func checkSteps(t *testing.T, r twinspan.Ready, step int) {
	t.Helper()
	org := signIn(t, r, r.CRM.Admin)
	apps, err := org.ReadConnectedApps(bounded(t), "et4ae5__Salesforce_Marketing_Cloud")
	if err != nil || len(apps) != 1 || !apps[0].AdminApproved || len(apps[0].PermissionSets) != 1 {
		t.Errorf("step 2: %+v, %v", apps, err)
	}
	s, users := status(t, r)
	if step >= 3 && s.State != "connected" {
		t.Errorf("step 3: %+v", s)
	}
	if step >= 4 && len(users) != 1 {
		t.Errorf("step 4: %+v", users)
	}
	if step >= 5 {
		mails, err := controlOf(t, r).Mails(bounded(t), control.MailQuery{To: "ada.lindqvist@customer.example"})
		if err != nil || len(mails) != 1 {
			t.Errorf("step 5: %+v, %v", mails, err)
		}
	}
}
