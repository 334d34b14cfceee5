package twinspan_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/client/control"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/test/spawn"
)

// Connect runs alone: its ready file has its own address and tokens and no cloud's, nothing is connected before somebody says
// where the clouds are, and what is an org's or a tenant's of the program's own is refused by name. It starts again as it was.
func TestCloudsNone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	alone := freePorts(dir)
	alone.Clouds = twinspan.CloudsNone
	p, err := twinspan.New(bounded(t), alone)
	if err != nil {
		t.Fatal(err)
	}
	r := p.Ready()
	if r.CRM.URL != "" || r.Engagement.AuthURL != "" || r.Connect.URL == "" || r.Connect.APIToken == "" || r.Control.URL == "" || r.Control.Token == "" {
		t.Errorf("ready: %+v", r)
	}
	ctx := bounded(t)
	c, err := connect.New(r.Connect.URL, vault.Secret(r.Connect.APIToken), nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.Status(ctx)
	if err != nil || s.Standing != "unset" || s.State != "not_connected" {
		t.Errorf("status %+v, %v", s, err)
	}
	if s, err = c.CheckStatus(ctx, "check-1"); err != nil || s.State != "not_connected" {
		t.Errorf("asked now: %+v, %v", s, err)
	}
	for name, call := range map[string]func() error{
		"connect": func() error { return c.ConnectOrg(ctx, "system@org.example", "test", "key-1") },
		"users":   func() error { _, err := c.Users(ctx, ""); return err },
	} {
		if refused := client.Remote(call()); refused == nil || refused.Status != 409 || refused.Code != "standing_not_said" || !strings.Contains(refused.Description, "twinspan connect --standing") {
			t.Errorf("%s: %v", name, refused)
		}
	}
	st, err := c.SetStanding(ctx, connect.StandingChange{
		Standing: "own_link", OrgURL: "https://acme.my.salesforce.example/", EngagementAuthURL: "https://mc.auth.example/", ConsumerKey: "3MVG9", By: "olga",
	}, "key-2")
	if err != nil || st.Standing != "own_link" || st.OrgURL != "https://acme.my.salesforce.example" || st.App != "Twinspan" || !strings.Contains(st.OrgCertificate, "BEGIN CERTIFICATE") {
		t.Errorf("standing %+v, %v", st, err)
	}

	ctl, err := control.New(r.Control.URL, vault.Secret(r.Control.Token), nil)
	if err != nil {
		t.Fatal(err)
	}
	if now, err := ctl.Clock(ctx); err != nil || time.Since(now.Now).Abs() > time.Minute {
		t.Errorf("the time is %v, %v", now, err)
	}
	_, err = ctl.Advance(ctx, time.Hour)
	if refused := client.Remote(err); refused == nil || refused.Code != "no_clouds_here" {
		t.Errorf("the clock was moved: %v", err)
	}
	if out, err := p.RotateKeys(ctx); err != nil || out.Values == 0 || out.Corrupt != 0 {
		t.Errorf("keys: %+v, %v", out, err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}

	again := start(t, alone)
	if got := again.Ready().Connect.APIToken; got != r.Connect.APIToken {
		t.Error("another API token after a new start")
	}
	if c, err = connect.New(again.Ready().Connect.URL, vault.Secret(r.Connect.APIToken), nil); err != nil {
		t.Fatal(err)
	}
	if now, err := c.Standing(ctx); err != nil || now.Standing != st.Standing || now.OrgURL != st.OrgURL || now.OrgCertificate != st.OrgCertificate || len(now.Rows) < 30 {
		t.Errorf("after a new start %+v, %v", now, err)
	}
}

// A folder is of one kind of clouds, and settings of clouds that are not there are refused.
func TestCloudsOfAFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	alone := freePorts(dir)
	alone.Clouds = twinspan.CloudsNone
	p, err := twinspan.New(bounded(t), alone)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	with := func(change func(*twinspan.Config)) twinspan.Config {
		c := alone
		change(&c)
		return c
	}
	for flag, c := range map[string]twinspan.Config{
		"--clouds":       freePorts(dir),
		"--fixture":      with(func(c *twinspan.Config) { c.Fixture = twinspan.FixtureDemo }),
		"--package":      with(func(c *twinspan.Config) { c.Package = "219" }),
		"--account-type": with(func(c *twinspan.Config) { c.AccountType = twinspan.AccountCore }),
		"--connect-url":  with(func(c *twinspan.Config) { c.Connect.URL = "ftp://connect" }),
	} {
		_, err := twinspan.New(bounded(t), c)
		bad, ok := errors.AsType[*twinspan.ConfigError](err)
		if !ok || bad.Flag != flag {
			t.Errorf("%s: %v", flag, err)
		}
	}
}

// Processes on one database have one folder's secrets: another folder is refused, and made good by copying two files.
func TestCloudsNoneOnOneDatabase(t *testing.T) {
	t.Parallel()
	dsn := spawn.DSN(t, "postgres")
	lone := func() twinspan.Config {
		c := freePorts(t.TempDir())
		c.Clouds, c.DB = twinspan.CloudsNone, dsn
		return c
	}
	one, two := lone(), lone()
	p := start(t, one)
	if !p.FirstStart() {
		t.Error("the first start is none")
	}
	for name, keyFile := range map[string]string{"keys and seed of its own": "", "the same keys": filepath.Join(one.DataDir, "keys.json")} {
		c := two
		c.KeyFile = keyFile
		_, err := twinspan.New(bounded(t), c)
		if bad, ok := errors.AsType[*twinspan.ConfigError](err); !ok || bad.Flag != "--data" || !strings.Contains(err.Error(), "the same seed.json and keys.json") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, file := range []string{"seed.json", "keys.json"} {
		text, err := os.ReadFile(filepath.Join(one.DataDir, file))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(two.DataDir, file), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	replica := start(t, two)
	if replica.FirstStart() || replica.Ready().Connect.APIToken != p.Ready().Connect.APIToken {
		t.Error("the second process is not one of the same connection")
	}
}
