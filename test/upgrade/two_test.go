package upgrade_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/client/connect"
)

// stopOnce stops this process, or kills it, where the folder has a file "stop-POINT" or "kill-POINT": the file gets the process's id
// and another name, so that of several processes one stops, once. It returns when somebody lets the process go on.
func stopOnce(folder, point string) error {
	if folder == "" {
		return nil
	}
	for what, signal := range map[string]syscall.Signal{"stop-": syscall.SIGSTOP, "kill-": syscall.SIGKILL} {
		err := os.Rename(filepath.Join(folder, what+point), filepath.Join(folder, "at-"+what+point+"."+strconv.Itoa(os.Getpid())))
		switch {
		case errors.Is(err, os.ErrNotExist):
		case err != nil:
			return err
		default:
			if err := syscall.Kill(os.Getpid(), signal); err != nil {
				return err
			}
		}
	}
	return nil
}

// replica is one of the processes of Connect.
type replica struct {
	child
	cmd   *exec.Cmd
	said  lockedText
	proxy http.Handler
}

// lockedText is what a process says.
type lockedText struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write keeps what is said.
func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// begin starts the process, and waits until it answers.
func (r *replica) begin() error {
	cmd, ready, err := r.start(&r.said)
	if err != nil {
		return err
	}
	r.cmd = cmd
	if !<-ready {
		return fmt.Errorf("Connect does not answer: %s", r.said.String())
	}
	return nil
}

// end kills the process, which may be stopped, or dead.
func (r *replica) end() {
	if r.cmd != nil {
		_ = r.cmd.Process.Kill()
		_ = r.cmd.Wait()
	}
}

// openReplicas runs two processes of Connect on the pair's database, behind a front that leads to the one that front names.
func (s *stage) openReplicas(t *testing.T, stops string) (both [2]*replica, front *atomic.Pointer[replica]) {
	t.Helper()
	front = &atomic.Pointer[replica]{}
	dsn, err := url.Parse(s.dsn("connect"))
	noError(t, err)
	q := dsn.Query()
	q.Set("idle_in_transaction_session_timeout", "1000") // so long one that is stopped in a transaction keeps its rows locked
	dsn.RawQuery = q.Encode()
	for i := range both {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		noError(t, err)
		address := l.Addr().String()
		noError(t, l.Close())
		both[i] = &replica{
			child: child{Address: address, Base: s.ready.Connect.URL, DSN: dsn.String(), Keys: filepath.Join(s.data, "keys.json"), Stops: stops, Lease: 1500 * time.Millisecond},
			proxy: httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: address}),
		}
		t.Cleanup(both[i].end)
		noError(t, both[i].begin())
	}
	front.Store(both[0])
	base, err := url.Parse(s.ready.Connect.URL)
	noError(t, err)
	l, err := net.Listen("tcp", base.Host)
	noError(t, err)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { front.Load().proxy.ServeHTTP(w, r) }))
	noError(t, srv.Listener.Close())
	srv.Listener = l
	srv.Start()
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
	})
	return both, front
}

// TestTwoConnectsOnOneUpgrade: two processes of Connect on one PostgreSQL bring on the same upgrade, in mode hold, while sends arrive. One after the
// other is stopped in the middle of a step, for longer than its lease: the other takes the step over and brings it to its end; then the
// first one goes on where it stood, and what it has to say counts no more. One is killed with -9 there, and started again. Every
// user is reconnected once or reported failed, in one line of the files; every step ended once; every send went out once.
func TestTwoConnectsOnOneUpgrade(t *testing.T) {
	t.Parallel()
	s := newPair(t, "postgres", "core")
	stops := t.TempDir()
	for _, point := range []string{
		"stop-open_outage-did", "kill-connect_account-did", "stop-migration-intended", "stop-migration-tried", "stop-migration-named", "stop-migration-uploaded", "stop-prove-did", "stop-close-intended",
	} {
		noError(t, os.WriteFile(filepath.Join(stops, point), nil, 0o600))
	}
	both, front := s.openReplicas(t, stops)
	sends := &sender{stage: s, acked: map[string]string{}}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	sending, stop := context.WithCancel(ctx)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		sends.run(sending)
	}()
	over := make(chan struct{})
	var troubled sync.WaitGroup
	troubled.Go(func() { s.trouble(ctx, t, stops, both, front, over) })
	u := s.play(ctx, t, append(s.begin([]string{"--order", "documented"}), "--verify-definition", "welcome", "--verify-contact", s.verify, "--verify-to", "olga@judge.example"),
		func(u *connect.Upgrade) bool { return u.Closed() && u.State != "cancelled" })
	s.ended = append(s.ended, u)
	close(over)
	troubled.Wait()
	stop()
	<-sent

	left, err := filepath.Glob(filepath.Join(stops, "[ks]*"))
	noError(t, err)
	if len(left) > 0 {
		t.Errorf("nobody came to %v", left)
	}
	if lost := strings.Count(both[0].said.String()+both[1].said.String(), "a lease was lost"); lost < 5 {
		t.Errorf("%d leases were lost: the processes did not take over from each other\n%s%s", lost, both[0].said.String(), both[1].said.String())
	}
	s.migrated(t, u)
	s.outcomes(t)
	s.chain(t)
	ending, done := context.WithTimeout(t.Context(), time.Minute)
	defer done()
	sends.settled(ending, t)
}

// trouble lets each process that has stopped go on, once the other one has taken its work over; one that was killed is started again then.
func (s *stage) trouble(ctx context.Context, t *testing.T, stops string, both [2]*replica, front *atomic.Pointer[replica], over <-chan struct{}) {
	seen := map[string]bool{}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		for _, name := range stopped(t, stops) {
			if !seen[name] {
				seen[name] = true
				if err := s.overtaken(ctx, t, stops, name, both, front); err != nil {
					t.Error(err)
				}
			}
		}
		select {
		case <-tick.C:
		case <-over:
			return
		case <-ctx.Done():
			return
		}
	}
}

// stopped are the files of the points at which processes have stopped.
func stopped(t *testing.T, stops string) []string {
	t.Helper()
	at, err := filepath.Glob(filepath.Join(stops, "at-*"))
	if err != nil {
		t.Error(err)
	}
	return at
}

// overtaken waits until the other process has brought the step to its end in which one has stopped, or has come to a further point of it,
// and brings the one back.
func (s *stage) overtaken(ctx context.Context, t *testing.T, stops, name string, both [2]*replica, front *atomic.Pointer[replica]) error {
	point, pid, _ := strings.Cut(strings.TrimPrefix(filepath.Base(name), "at-"), ".")
	down, other := both[0], both[1]
	if strconv.Itoa(down.cmd.Process.Pid) != pid {
		down, other = other, down
	}
	front.Store(other)
	what, step, _ := strings.Cut(point, "-")
	if step, _, _ = strings.Cut(step, "-"); step == "migration" {
		step = "migrate"
	}
	before := len(stopped(t, stops))
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	u := &connect.Upgrade{}
	for by := "ended by the other"; ; {
		asked, cancel := context.WithTimeout(ctx, 2*time.Second)
		now, err := s.connect.Upgrade(asked)
		cancel()
		if err == nil && now != nil {
			u = now
		}
		further := len(stopped(t, stops)) > before
		if further {
			by = "carried on by the other, which stopped too"
		}
		if further || settledStep(u, step) {
			t.Logf("%s: %s", point, by)
			break
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("at %s nobody takes over: %+v, waits %+v, %w", point, u, u.Waiting, err)
		}
	}
	if what == "kill" {
		down.end()
		return down.begin()
	}
	return down.cmd.Process.Signal(syscall.SIGCONT)
}

// settledStep reports whether a step came to its end.
func settledStep(u *connect.Upgrade, step string) bool {
	for _, one := range u.Steps {
		if one.Step == step {
			return one.Status == "done"
		}
	}
	return false
}

// outcomes checks that the record of changes has as many outcomes of users as there are users.
func (s *stage) outcomes(t *testing.T) {
	t.Helper()
	n := 0
	noError(t, s.connect.Audit(bounded(t), 0, func(page []connect.AuditEntry) error {
		for _, e := range page {
			if e.Action != "users.reconnected" {
				continue
			}
			var b struct{ Reconnected, Failed int }
			if err := json.Unmarshal(e.After, &b); err != nil {
				return err
			}
			n += b.Reconnected + b.Failed
		}
		return nil
	}))
	if want := people + len(s.ready.CRM.Users); n != want {
		t.Errorf("%d outcomes are on record, of %d users", n, want)
	}
}
