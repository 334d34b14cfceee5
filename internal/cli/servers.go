package cli

import (
	"cmp"
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/twinspan/twinspan"
	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/client/control"
	"github.com/twinspan/twinspan/internal/vault"
)

// clientFlags say which running program a command talks to.
type clientFlags struct {
	ReadyFile string `help:"Ready file of the running program; ${default_ready} where it exists." placeholder:"PATH"`
}

// ready reads the ready file.
func (f *clientFlags) ready() (twinspan.Ready, error) {
	path := cmp.Or(f.ReadyFile, filepath.Join(defaultData, "ready.json"))
	r, err := twinspan.ReadReady(path)
	if errors.Is(err, fs.ErrNotExist) {
		if f.ReadyFile == "" {
			return r, usagef("which program? name its ready file with --ready-file or TWINSPAN_READY_FILE")
		}
		return r, usagef("--ready-file: %s does not exist: is the program running?", path)
	}
	if err != nil {
		return r, usageError{err}
	}
	return r, nil
}

// withClouds reads the ready file of a program that has an org and a tenant of its own.
func (f *clientFlags) withClouds() (twinspan.Ready, error) {
	r, err := f.ready()
	if err == nil && r.CRM.URL == "" {
		err = usagef("the program of this ready file runs with --clouds none: this command is for one with an org and a tenant of its own")
	}
	return r, err
}

// control is a client of the program's control API.
func (f *clientFlags) control() (*control.Client, error) {
	r, err := f.ready()
	if err != nil {
		return nil, err
	}
	return control.New(r.Control.URL, vault.Secret(r.Control.Token), nil)
}

// connectFlags say which Connect a command talks to: that of a ready file, or the one at TWINSPAN_URL with the token
// in TWINSPAN_TOKEN.
type connectFlags struct {
	clientFlags
	URL string `name:"url" help:"Base URL of Connect, with its API token in TWINSPAN_TOKEN; instead of a ready file." placeholder:"URL"`
}

// connect is a client of Connect's API.
func (f *connectFlags) connect(a *app) (*connect.Client, error) {
	if f.URL != "" {
		token, _ := a.Lookup("TWINSPAN_TOKEN")
		if token == "" {
			return nil, usagef("--url: the API token is missing; put it in TWINSPAN_TOKEN")
		}
		return connect.New(f.URL, vault.Secret(token), nil)
	}
	r, err := f.ready()
	if err != nil {
		return nil, err
	}
	return connect.New(r.Connect.URL, vault.Secret(r.Connect.APIToken), nil)
}
