package upgrade_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/internal/web"
)

// childVariable tells the test's own binary to be Connect: its value is a child in JSON.
const childVariable = "TWINSPAN_TEST_CONNECT"

// child is a process of Connect.
type child struct {
	Address string        // where it answers
	Base    string        // where browsers reach it
	DSN     string        // its database
	Keys    string        // the file of its keys
	Points  string        // folder in which it notes the points at which it has killed itself; "" for never
	Stops   string        // folder of files that are named for points at which it is to stop; "" for nowhere
	Lease   time.Duration // how long its work stays with it where it gives no sign of life; 0 for the default
}

// start runs the child until somebody kills it; ready receives whether it answers, once.
func (c child) start(stderr io.Writer) (cmd *exec.Cmd, ready <-chan bool, err error) {
	text, err := json.Marshal(c)
	if err != nil {
		return nil, nil, err
	}
	cmd = exec.Command(os.Args[0]) //nolint:gosec // the test's own binary
	cmd.Env = append(os.Environ(), childVariable+"="+string(text))
	cmd.Stderr = stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	answers := make(chan bool, 1)
	go func() { answers <- bufio.NewScanner(out).Scan() }()
	return cmd, answers, nil
}

func TestMain(m *testing.M) {
	if text := os.Getenv(childVariable); text != "" {
		var c child
		err := json.Unmarshal([]byte(text), &c)
		if err == nil {
			err = c.be()
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// look is how often an upgrade looks at what it waits for, in the process that is killed.
const look = 40 * time.Millisecond

// be serves Connect until it is killed, and says when it answers.
func (c child) be() error {
	sealing, err := vault.Open(c.Keys)
	if err != nil {
		return err
	}
	b, err := connect.New(context.Background(), connect.Options{
		DSN: c.DSN, Relaxed: true, BaseURL: c.Base, Vault: sealing, TickEvery: 50 * time.Millisecond, UpgradeLook: look, SweepEvery: -1, LookEvery: -1, TrackEvery: -1, Lease: c.Lease,
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Fail: func(_ context.Context, point string) error {
			name := strings.ReplaceAll(point, " ", "-")
			return errors.Join(stopOnce(c.Stops, name), dieOnce(c.Points, name))
		},
	})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", c.Address)
	if err != nil {
		return errors.Join(err, b.Close())
	}
	fmt.Println("ready")
	return (&http.Server{Handler: web.Front(b.Handler(), slog.New(slog.DiscardHandler), "connect"), ReadHeaderTimeout: time.Minute}).Serve(l)
}

// dieOnce kills this process with -9 where it comes to a point for the first time.
func dieOnce(points, point string) error {
	if points == "" {
		return nil
	}
	f, err := os.OpenFile(filepath.Join(points, point), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
		return err
	}
	select {} // it is dead
}

// keeper keeps a process of Connect running, which kills itself at points and is killed at random moments.
type keeper struct {
	stage  *stage
	points string // folder

	mu     sync.Mutex
	kills  int // at random moments
	target int // how often it may be killed at random moments by now
}

// allow lets so many more kills happen.
func (k *keeper) allow(n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.target += n
}

// spent reports whether all kills that were allowed have happened.
func (k *keeper) spent() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.kills >= k.target
}

func (k *keeper) killed() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.kills
}

// run keeps it running until ctx ends. It returns what went wrong beside the killing.
func (k *keeper) run(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := k.life(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		if err := k.stage.freeLeases(context.WithoutCancel(ctx)); err != nil {
			return err
		}
	}
	return nil
}

// life is one process, from its start to its end.
func (k *keeper) life(ctx context.Context) error {
	address, err := url.Parse(k.stage.ready.Connect.URL)
	if err != nil {
		return err
	}
	one := child{
		Address: address.Host, Base: k.stage.ready.Connect.URL, DSN: k.stage.dsn("connect"), Keys: filepath.Join(k.stage.data, "keys.json"), Points: k.points,
	}
	cmd, ready, err := one.start(nil)
	if err != nil {
		return err
	}
	// It may come to a point before it answers, and be dead.
	answers := <-ready
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var moment <-chan time.Time
	if answers && !k.spent() {
		moment = time.After(time.Duration(rand.IntN(1200)) * time.Millisecond) // the moment of the kill, not a wait for anything
	}
	select {
	case err := <-ended:
		if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGKILL {
			return nil // at a point
		}
		return fmt.Errorf("Connect ended: %w", err)
	case <-moment:
		k.mu.Lock()
		k.kills++
		k.mu.Unlock()
	case <-ctx.Done():
	}
	_ = cmd.Process.Kill() // it may be dead already
	<-ended
	return nil
}

// freeLeases ends the leases of a process that was killed, for which the next one would wait half a minute or more.
func (s *stage) freeLeases(ctx context.Context) error {
	db, err := sqldb.Open(ctx, sqldb.Options{DSN: s.dsn("connect"), Schema: "connect", Relaxed: true})
	if err != nil {
		return err
	}
	err = db.Write(ctx, func(tx *sqldb.Tx) error {
		for _, table := range []string{"job", "send", "idempotent_call", "user_token", "shared_token"} {
			if _, err := tx.Exec("UPDATE " + table + " SET lease_until = 0 WHERE lease_until > 0"); err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(err, db.Close())
}
