// Package spawn runs the twinspan binary for tests that want a process of its own: it builds the binary once, starts
// a server on free loopback ports, waits for its ready file, and ends it by the process id that it started.
package spawn

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Kinds are the databases that a server is tested on.
var Kinds = []string{"sqlite", "postgres"}

// DSN returns the --db argument for a server of the kind: "" for SQLite, and for PostgreSQL the URL of a database
// made for this test on the server that TWINSPAN_TEST_POSTGRES names. Absent PostgreSQL fails the test.
func DSN(t testing.TB, kind string) string {
	t.Helper()
	if kind == "sqlite" {
		return ""
	}
	url := os.Getenv("TWINSPAN_TEST_POSTGRES")
	if url == "" {
		t.Fatal("TWINSPAN_TEST_POSTGRES is not set: run the tests with make test, or under test/postgres/run.sh")
	}
	return newDatabase(t, url)
}

var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "twinspan-spawn")
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "twinspan")
	out, err := exec.Command("go", "build", "-o", bin, "github.com/twinspan/twinspan/cmd/twinspan").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return bin, nil
})

// Binary is the path of the built command. The first call builds it.
func Binary(t testing.TB) string {
	t.Helper()
	bin, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// Server is a running twinspan process.
type Server struct {
	ReadyFile string
	cmd       *exec.Cmd
	stderr    *lockedBuffer
	done      chan struct{}
	err       error
}

// Up starts `twinspan up` with free ports and the arguments, and returns once its ready file stands. The server is
// stopped when the test ends.
func Up(t testing.TB, args ...string) *Server {
	t.Helper()
	s, err := start(t, append([]string{
		"up",
		"--crm-addr", "127.0.0.1:0", "--engagement-addr", "127.0.0.1:0", "--connect-addr", "127.0.0.1:0", "--control-addr", "127.0.0.1:0",
	}, args...))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func start(t testing.TB, args []string) (*Server, error) {
	t.Helper()
	s := &Server{ReadyFile: filepath.Join(t.TempDir(), "ready.json"), stderr: &lockedBuffer{}, done: make(chan struct{})}
	s.cmd = exec.Command(Binary(t), append(args, "--ready-file", s.ReadyFile)...)
	s.cmd.Stderr = s.stderr
	s.cmd.Stdout = s.stderr
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.done)
	}()
	t.Cleanup(func() { s.Stop(t) })
	for deadline := time.After(60 * time.Second); ; {
		if text, err := os.ReadFile(s.ReadyFile); err == nil && json.Valid(text) {
			return s, nil
		}
		select {
		case <-s.done:
			return nil, fmt.Errorf("twinspan %v ended before it was ready: %w\n%s", args, s.err, s.stderr)
		case <-deadline:
			return nil, fmt.Errorf("twinspan %v was not ready after a minute\n%s", args, s.stderr)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// PID is the number of the process.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Kill ends the process as kill -9 does and waits until it is gone.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	if err := s.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
	<-s.done
}

// Stop asks the process to end and waits for it; one that does not end within half a minute is killed and fails the
// test. Stopping twice is no error.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	select {
	case <-s.done:
		return
	default:
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	select {
	case <-s.done:
		if s.err != nil {
			t.Errorf("twinspan ended with %v\n%s", s.err, s.stderr)
		}
	case <-ctx.Done():
		s.Kill(t)
		t.Errorf("twinspan did not stop within 30 s\n%s", s.stderr)
	}
}

// Log is what the process has written to standard error and output so far.
func (s *Server) Log() string { return s.stderr.String() }

// lockedBuffer is a buffer that a process writes while a test reads.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
