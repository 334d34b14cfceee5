package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/twinspan/twinspan"
	"github.com/twinspan/twinspan/internal/journey"
	"github.com/twinspan/twinspan/internal/vault"
)

// legacyDemo is the pair of May 2016 that documents 003 and 002 upgrade: a program of its own, because its clock is another.
type legacyDemo struct {
	program *twinspan.Program
	journey *journey.Journey
	folder  string // with its ready file
}

func (l *legacyDemo) close() error {
	if l == nil {
		return nil
	}
	if l.journey != nil {
		l.journey.Close()
	}
	var err error
	if l.program != nil {
		err = l.program.Close()
	}
	return errors.Join(err, os.RemoveAll(l.folder))
}

// remap is document 000: a mapping is cleared, and made again.
func (d *demo) remap(ctx context.Context) (string, error) {
	m := d.pair.Members[0]
	v, err := d.journey.Remap(ctx, m, "his permissions in Engagement changed")
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s was asked for his Engagement credentials again: %d forms; then connected as %s", m.Org.Username, v.TenantForms, m.Tenant.Username), nil
}

// integration is document 004: an integration user with password and security token.
func (d *demo) integration(ctx context.Context) (string, error) {
	r := d.program.Ready()
	app := r.CRM.ConnectedApps["Integration Test"]
	name := "integration." + d.pair.SystemUser.Username
	u, err := d.journey.IntegrationUser(ctx, name, journey.Client{ID: app.ClientID, Secret: vault.Secret(app.ClientSecret)})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s is %s, by the security token that the org mailed", u.Username, u.State), nil
}

// startLegacy starts the pair that is to be upgraded.
func (d *demo) startLegacy(ctx context.Context) (string, error) {
	folder, err := os.MkdirTemp("", "twinspan-demo-")
	if err != nil {
		return "", err
	}
	d.legacy = &legacyDemo{folder: folder}
	free := twinspan.HouseConfig{Addr: "127.0.0.1:0"}
	d.legacy.program, err = twinspan.New(ctx, twinspan.Config{
		Ephemeral: true, Fixture: twinspan.FixtureLegacy, CRM: free, Engagement: free, Connect: free, ControlAddr: "127.0.0.1:0", Log: d.config.Log,
		ReadyFile: filepath.Join(folder, "ready.json"),
	})
	if err != nil {
		return "", err
	}
	r := d.legacy.program.Ready()
	pair := pairOf(r)
	pair.Members = append(pair.Members, journey.Member{Org: pair.Outsider, Tenant: journey.Person{Username: r.Engagement.Users[len(r.Engagement.Users)-1].Username}})
	if d.legacy.journey, err = journey.New(pair); err != nil {
		return "", err
	}
	return fmt.Sprintf("2 May 2016, managed package 219, both spans by stored passwords, %d mapped users", len(r.CRM.Users)), nil
}

// upgrade runs `twinspan upgrade start` as both admins, and has a mapped user visit afterwards, whom Engagement may ask nothing.
func (d *demo) upgrade(kind string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		var out, errs bytes.Buffer
		quiet := &app{Env: Env{Stdout: &out, Stderr: &errs, Stdin: bytes.NewReader(nil), Lookup: func(string) (string, bool) { return "", false }}}
		cmd := upgradeStartCmd{As: asBoth, Yes: true, By: "demo"}
		cmd.ReadyFile, cmd.Kind, cmd.VerifyDefinition = filepath.Join(d.legacy.folder, "ready.json"), kind, "welcome"
		if err := cmd.Run(ctx, quiet); err != nil {
			return "", fmt.Errorf("%w: %s%s", err, oneLine(out.String()), oneLine(errs.String()))
		}
		u := pairOf(d.legacy.program.Ready()).Members[0]
		if err := d.legacy.journey.Traveller(u).VisitMapped(ctx); err != nil {
			return "", err
		}
		if kind == "tenant-oauth" {
			return "package 220, endpoints enabled, the API user by key and his password forgotten; users go on unasked", nil
		}
		return "policies, permission set and users reconnected by key, no password asked; users go on unasked", nil
	}
}
