package clients_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/test/spawn"
)

// TestGoSalesforce drives github.com/k-capehart/go-salesforce, unmodified (clients 3.6): three ways in, single records,
// collections, composites and bulk jobs, with packed bodies.
func TestGoSalesforce(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "gosalesforce")
	build := exec.Command("go", "build", "-C", "testdata/gosalesforce", "-o", program, ".")
	build.Env = append(os.Environ(), "GOFLAGS=-mod=readonly", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	for _, kind := range spawn.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			args := []string{"--data", t.TempDir()}
			if dsn := spawn.DSN(t, kind); dsn != "" {
				args = append(args, "--db", dsn)
			}
			server := spawn.Up(t, args...)
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, program)
			cmd.Env = append(os.Environ(), "TWINSPAN_READY_FILE="+server.ReadyFile, "http_proxy=", "https_proxy=", "HTTP_PROXY=", "HTTPS_PROXY=")
			out, err := cmd.CombinedOutput()
			if err != nil || strings.Count(string(out), "ok: ") != 7 {
				t.Fatalf("%v\n%s\nserver:\n%s", err, out, server.Log())
			}
		})
	}
}
