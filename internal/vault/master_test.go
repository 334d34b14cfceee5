package vault_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/vault"
)

func TestAKeyFileIsRenewedInTwoSteps(t *testing.T) {
	t.Parallel()
	ctx, path := t.Context(), filepath.Join(t.TempDir(), "vault.key")
	if _, err := vault.Open(path); err != nil {
		t.Fatal(err)
	}
	file := vault.KeyFile(path)
	old, err := file.Wrap(ctx, []byte("data key"), []byte("place"))
	if err != nil {
		t.Fatal(err)
	}
	if unsettled, err := file.Unsettled(); err != nil || unsettled {
		t.Fatalf("before: %v %v", unsettled, err)
	}
	for range 2 { // the second adds nothing: a rotation that broke off goes on
		if err := file.Renew(); err != nil {
			t.Fatal(err)
		}
	}
	if plain, err := file.Unwrap(ctx, old, []byte("place")); err != nil || string(plain) != "data key" {
		t.Errorf("between: %q %v", plain, err)
	}
	fresh, err := file.Wrap(ctx, []byte("data key"), []byte("place"))
	if err != nil || bytes.Equal(fresh[:5], old[:5]) {
		t.Errorf("wrapped under the former key: %v", err)
	}
	if unsettled, err := file.Unsettled(); err != nil || !unsettled {
		t.Errorf("between: %v %v", unsettled, err)
	}
	for range 2 {
		if err := file.Settle(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := file.Unwrap(ctx, old, []byte("place")); !errors.Is(err, vault.ErrSealed) {
		t.Errorf("the former key still opens: %v", err)
	}
	if plain, err := file.Unwrap(ctx, fresh, []byte("place")); err != nil || string(plain) != "data key" {
		t.Errorf("after: %q %v", plain, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v %v", info, err)
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("beside the file: %v %v", left, err)
	}
}

func keyText() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	return base64.StdEncoding.EncodeToString(key)
}

func TestKeysOfTheEnvironment(t *testing.T) {
	t.Parallel()
	ctx, former, present := t.Context(), keyText(), keyText()
	masters := map[string]vault.Master{}
	for name, text := range map[string]string{"former": former, "both": present + ", " + former, "present": present} {
		m, err := vault.KeyText(vault.Secret(text))
		if err != nil {
			t.Fatal(err)
		}
		masters[name] = m
	}
	old, err := masters["former"].Wrap(ctx, []byte("data key"), []byte("place"))
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := masters["both"].Wrap(ctx, []byte("data key"), []byte("place"))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		master  string
		wrapped []byte
		aad     string
		want    error
	}{
		{"both", old, "place", nil},
		{"both", fresh, "place", nil},
		{"present", fresh, "place", nil},
		{"present", old, "place", vault.ErrSealed},
		{"both", old, "elsewhere", vault.ErrSealed},
	} {
		if _, err := masters[test.master].Unwrap(ctx, test.wrapped, []byte(test.aad)); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.master, err, test.want)
		}
	}
	for _, text := range []string{"", "hunter2", former + ",", base64.StdEncoding.EncodeToString([]byte("short"))} {
		if _, err := vault.KeyText(vault.Secret(text)); !errors.Is(err, vault.ErrKey) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// kms is a key command that "encrypts" by writing the binding beside the data.
const kms = `#!/bin/sh
read -r data; read -r aad
case $1 in
wrap) printf '%s:%s' "$data" "$aad" | base64 | tr -d '\n' ;;
unwrap) plain=$(printf %s "$data" | base64 -d); [ "${plain#*:}" = "$aad" ] || { echo "bound elsewhere" >&2; exit 1; }; echo "${plain%%:*}" ;;

esac
`

func TestAKeyCommand(t *testing.T) {
	t.Parallel()
	ctx, path := t.Context(), filepath.Join(t.TempDir(), "kms")
	if err := os.WriteFile(path, []byte(kms), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	command := vault.KeyCommand(path)
	wrapped, err := command.Wrap(ctx, []byte("data key"), []byte("place"))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := command.Unwrap(ctx, wrapped, []byte("place")); err != nil || string(plain) != "data key" {
		t.Errorf("unwrapped %q: %v", plain, err)
	}
	if _, err := command.Unwrap(ctx, wrapped, []byte("elsewhere")); err == nil || !strings.Contains(err.Error(), "bound elsewhere") {
		t.Errorf("bound elsewhere: %v", err)
	}
	if _, err := vault.KeyCommand("/bin/cat").Wrap(ctx, []byte("x"), nil); err == nil {
		t.Error("a command that answers nothing of use")
	}
	if _, err := vault.KeyCommand(path+"-missing").Wrap(ctx, []byte("x"), nil); err == nil {
		t.Error("a command that is not there")
	}
	if _, err := vault.OpenMaster(command).Seal([]byte("x"), nil); err == nil {
		t.Error("a vault without data keys sealed")
	}
}
