package twinspan

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/twinspan/twinspan/internal/client"
	remote "github.com/twinspan/twinspan/internal/client/control"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/vault"
)

// othersPatience is how long the program of a ready file that was found has to answer, in machine time.
const othersPatience = 5 * time.Second

// checkReadyFile refuses the ready file of another program that runs: with it would go the only copy of what a temporary
// folder's users sign in with. One whose program is gone is stale.
func (p *Program) checkReadyFile(ctx context.Context) error {
	if p.config.ReadyFile == "" {
		return nil
	}
	r, err := ReadReady(p.config.ReadyFile)
	if err != nil { // absent, or nothing that a program wrote
		return nil
	}
	if r.Control.URL == p.sites.control.url { // whoever answered there is gone: this program listens there
		return nil
	}
	if !alive(ctx, r) {
		return nil
	}
	return &ConfigError{Flag: "--ready-file", Err: fmt.Errorf(
		"%s belongs to another program, which answers at %s; stop that one, or give this one a file of its own", p.config.ReadyFile, r.Control.URL)}
}

// alive reports whether the program that wrote the ready file answers at its control API. One that takes the connection and says
// nothing in time is taken for a busy one.
func alive(ctx context.Context, r Ready) bool {
	c, err := remote.New(r.Control.URL, vault.Secret(r.Control.Token), nil)
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, othersPatience)
	defer cancel()
	_, err = c.Clock(ctx)
	return err == nil || fault.CodeOf(err) == client.CodeNoAnswer
}

// removeStale removes a ready file: where it stands, everything answers.
func removeStale(path string) error {
	if path == "" {
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("--ready-file: %w", err)
	}
	return nil
}

// removeOwn removes the ready file unless another program's has taken its place.
func removeOwn(path string, own Ready) error {
	found, err := ReadReady(path)
	if err == nil && found.Control != own.Control {
		return nil
	}
	return removeStale(path)
}
