package twinspan_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twinspan/twinspan"
	"github.com/twinspan/twinspan/internal/client/control"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/vault"
)

// Keys are rotated while everything goes on; the former key file opens nothing then, a rotation that broke off is
// finished by the next start, and a stolen database file, of any house and any moment, reveals no secret and no token.
func TestKeysAreRotatedAndDatabasesRevealNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, freePorts(dir))
	r := p.Ready()
	secrets := secretsOf(t, r)
	former, err := os.ReadFile(filepath.Join(dir, "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	if s, _ := status(t, r); s.State != "connected" {
		t.Fatalf("before: %s", s.State)
	}
	revealNothing(t, dir, secrets)

	c, err := control.New(r.Control.URL, vault.Secret(r.Control.Token), nil)
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.RotateKeys(bounded(t))
	if err != nil || !out.KeyFile || out.Corrupt != 0 || out.Values < 4 { // two span keys, a chain's key, the key of links
		t.Fatalf("rotated: %+v %v", out, err)
	}
	present, err := os.ReadFile(filepath.Join(dir, "keys.json"))
	if err != nil || bytes.Equal(present, former) {
		t.Fatalf("the key file is the former one (%v)", err)
	}
	if s, users := status(t, r); s.State != "connected" || len(users) != 3 {
		t.Errorf("after: %s with %d users", s.State, len(users))
	}
	revealNothing(t, dir, append(secrets, secretsOf(t, r)...))
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}

	// A process that was killed after the key file had got its new key.
	file := vault.KeyFile(filepath.Join(dir, "keys.json"))
	if err := file.Renew(); err != nil {
		t.Fatal(err)
	}
	rotated := make(chan struct{}, 1)
	c2 := freePorts(dir)
	c2.Log = slog.New(saying{slog.DiscardHandler, "keys rotated, after the rotation had broken off", rotated})
	again := start(t, c2)
	if s, _ := status(t, again.Ready()); s.State != "connected" {
		t.Errorf("after a start: %s", s.State)
	}
	select {
	case <-rotated:
	case <-bounded(t).Done():
		t.Fatal("nobody goes on with the rotation")
	}
	if unsettled, err := file.Unsettled(); err != nil || unsettled {
		t.Errorf("unsettled: %v %v", unsettled, err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "keys.json"), former, 0o600); err != nil {
		t.Fatal(err)
	}
	if p, err := twinspan.New(bounded(t), freePorts(dir)); err == nil || !strings.Contains(err.Error(), "do not open under this key") {
		t.Errorf("the former key file opens the databases: %v %v", err, p != nil && p.Close() != nil)
	}
}

// saying is a log that signals one message.
type saying struct {
	slog.Handler
	message string
	said    chan<- struct{}
}

func (s saying) Enabled(context.Context, slog.Level) bool { return true }

func (s saying) WithAttrs([]slog.Attr) slog.Handler { return s }

func (s saying) Handle(_ context.Context, r slog.Record) error {
	if r.Message == s.message {
		s.said <- struct{}{}
	}
	return nil
}

// secretsOf are the pair's passwords, secrets and security tokens, and tokens that the two clouds give out now.
func secretsOf(t *testing.T, r twinspan.Ready) []string {
	t.Helper()
	all := []string{r.Connect.APIToken, r.Control.Token, r.Engagement.InstalledPackage.ClientSecret, r.Engagement.WebAppPackage.ClientSecret}
	for _, u := range append([]twinspan.Login{r.CRM.Admin, r.CRM.SystemUser, r.Engagement.Admin, r.Engagement.APIUser}, append(r.CRM.Users, r.Engagement.Users...)...) {
		all = append(all, u.Password, u.SecurityToken)
	}
	for _, a := range r.CRM.ConnectedApps {
		all = append(all, a.ClientSecret)
	}
	org, err := crm.New(crm.Options{BaseURL: r.CRM.URL})
	if err != nil {
		t.Fatal(err)
	}
	test := r.CRM.ConnectedApps["Integration Test"]
	token, err := org.Password(bounded(t), crm.PasswordGrant{
		ClientID: test.ClientID, Secret: vault.Secret(test.ClientSecret), Username: r.CRM.Admin.Username, Password: vault.Secret(r.CRM.Admin.Password + r.CRM.Admin.SecurityToken),
	})
	if err != nil {
		t.Fatal(err)
	}
	tenant, err := engagement.New(engagement.Options{AuthURL: r.Engagement.AuthURL})
	if err != nil {
		t.Fatal(err)
	}
	server := r.Engagement.InstalledPackage
	granted, err := tenant.ClientCredentials(bounded(t), engagement.ClientCredentialsGrant{ClientID: server.ClientID, Secret: vault.Secret(server.ClientSecret)})
	if err != nil {
		t.Fatal(err)
	}
	return append(all, token.AccessToken.Reveal(), granted.AccessToken.Reveal())
}

// revealNothing greps the databases of all houses for the secrets, as they are and as JSON and hexadecimal columns hold
// them.
func revealNothing(t *testing.T, dir string, secrets []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.db*"))
	if err != nil || len(files) < 6 { // and their logs
		t.Fatalf("databases: %v %v", files, err)
	}
	for _, path := range files {
		stored, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range secrets {
			if len(secret) < 12 {
				continue // none of a user without a security token
			}
			for _, form := range []string{secret, hex.EncodeToString([]byte(secret)), strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(secret)), "=")} {
				if bytes.Contains(stored, []byte(form)) {
					t.Errorf("%s holds the secret %s…", filepath.Base(path), secret[:6])
				}
			}
		}
		for _, mark := range []string{"PRIVATE KEY", `"keyMaterialType"`} {
			if bytes.Contains(stored, []byte(mark)) {
				t.Errorf("%s holds a key in clear (%s)", filepath.Base(path), mark)
			}
		}
	}
}
