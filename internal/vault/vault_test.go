package vault_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/vault"
)

func open(t testing.TB) *vault.Vault {
	t.Helper()
	v, err := vault.Open(filepath.Join(t.TempDir(), "vault.key"))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestSealAndOpen(t *testing.T) {
	t.Parallel()
	v := open(t)
	rapid.Check(t, func(rt *rapid.T) {
		plain := rapid.SliceOf(rapid.Byte()).Draw(rt, "plain")
		aad := rapid.SliceOf(rapid.Byte()).Draw(rt, "aad")
		sealed, err := v.Seal(plain, aad)
		if err != nil {
			rt.Fatal(err)
		}
		if len(plain) >= 8 && bytes.Contains(sealed, plain) {
			rt.Error("the sealed value shows the plain one")
		}
		if again, err := v.Seal(plain, aad); err != nil || bytes.Equal(again, sealed) {
			rt.Errorf("sealed twice the same (%v)", err)
		}
		if got, err := v.Open(sealed, aad); err != nil || !bytes.Equal(got, plain) {
			rt.Errorf("opened %q: %v", got, err)
		}
		elsewhere := append(append([]byte(nil), aad...), 'x')
		if _, err := v.Open(sealed, elsewhere); !errors.Is(err, vault.ErrSealed) {
			rt.Errorf("moved elsewhere it opens: %v", err)
		}
	})
}

func TestAnyChangeShows(t *testing.T) {
	t.Parallel()
	v := open(t)
	sealed, err := v.Seal([]byte("a refresh token"), []byte("link:token:1"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		if _, err := v.Open(changed, []byte("link:token:1")); !errors.Is(err, vault.ErrSealed) {
			t.Errorf("byte %d changed: %v", i, err)
		}
		if _, err := v.Open(sealed[:i], []byte("link:token:1")); !errors.Is(err, vault.ErrSealed) {
			t.Errorf("cut to %d bytes: %v", i, err)
		}
	}
	if _, err := open(t).Open(sealed, []byte("link:token:1")); !errors.Is(err, vault.ErrSealed) {
		t.Errorf("under another key: %v", err)
	}
}

func TestTheKeyFileStays(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "made", "vault.key")
	first, err := vault.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the key file: %v %v", info, err)
	}
	sealed, err := first.Seal([]byte("plain"), nil)
	if err != nil {
		t.Fatal(err)
	}
	second, err := vault.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := second.Open(sealed, nil); err != nil || string(plain) != "plain" {
		t.Errorf("opened again: %q %v", plain, err)
	}
	entries, err := os.ReadDir(filepath.Dir(file))
	if err != nil || len(entries) != 1 {
		t.Errorf("beside the key: %v %v", entries, err)
	}
}

func TestTwoWhoMakeTheKeyFileShareIt(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "vault.key")
	vaults := make([]*vault.Vault, 8)
	var wg sync.WaitGroup
	for i := range vaults {
		wg.Go(func() {
			v, err := vault.Open(file)
			if err != nil {
				t.Error(err)
			}
			vaults[i] = v
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	sealed, err := vaults[0].Seal([]byte("plain"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range vaults {
		if _, err := v.Open(sealed, nil); err != nil {
			t.Errorf("number %d has another key: %v", i, err)
		}
	}
}

func TestKeyFilesThatAreRefused(t *testing.T) {
	t.Parallel()
	good := filepath.Join(t.TempDir(), "good.key")
	if _, err := vault.Open(good); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		content []byte
		mode    os.FileMode
	}{
		"others may read it":    {text, 0o644},
		"the group may read it": {text, 0o640},
		"others may write it":   {text, 0o602},
		"empty":                 {nil, 0o600},
		"short":                 {text[:len(text)/2], 0o600},
		"no keyset":             {[]byte(`{"key":[]}`), 0o600},
		"no JSON":               {[]byte("hunter2 is my key"), 0o600},
		"huge":                  {bytes.Repeat([]byte(" "), 1<<17), 0o600},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "vault.key")
			if err := os.WriteFile(file, test.content, test.mode); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(file, test.mode); err != nil {
				t.Fatal(err)
			}
			_, err := vault.Open(file)
			if !errors.Is(err, vault.ErrKeyFile) || !strings.Contains(err.Error(), file) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("error: %v", err)
			}
			if after, err := os.ReadFile(file); err != nil || !bytes.Equal(after, test.content) {
				t.Errorf("the file was changed (%v)", err)
			}
		})
	}
	if _, err := vault.Open(t.TempDir()); !errors.Is(err, vault.ErrKeyFile) {
		t.Errorf("a folder: %v", err)
	}
	if _, err := vault.Open(filepath.Join(good, "under a file")); !errors.Is(err, vault.ErrKeyFile) {
		t.Errorf("no folder: %v", err)
	}
}

func TestASecretDoesNotShow(t *testing.T) {
	t.Parallel()
	s := vault.Secret("hunter2")
	type credentials struct {
		User   string       `xml:"user"`
		Secret vault.Secret `xml:"secret"`
	}
	holder := credentials{"ann", s}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("signing in", "password", s, "all", holder)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("signing in", "password", s, "all", holder)
	asJSON, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	asXML, err := xml.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"log": log.String(), "json": string(asJSON), "xml": string(asXML),
		"s": fmt.Sprintf("%s %v %+v %#v %q %x", s, s, s, s, s, s), "struct": fmt.Sprintf("%v %+v %#v", holder, holder, holder),
		"pointer": fmt.Sprintf("%v %+v", &holder, &holder), "error": fmt.Errorf("no: %v", s).Error(),
	} {
		if strings.Contains(text, "hunter2") || strings.Contains(text, "68756e74657232") {
			t.Errorf("%s: %s", name, text)
		}
	}
	if s.Reveal() != "hunter2" || vault.Secret("").String() != "" {
		t.Error("Reveal or the empty secret")
	}
	var back vault.Secret
	if err := json.Unmarshal([]byte(`"hunter2"`), &back); err != nil || back != s {
		t.Errorf("unmarshalled %q: %v", back.Reveal(), err)
	}
}

func TestPasswords(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	hash, err := vault.HashPassword(ctx, "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hash %s", hash)
	}
	if again, err := vault.HashPassword(ctx, "correct horse"); err != nil || again == hash {
		t.Errorf("hashed twice the same (%v)", err)
	}
	for password, want := range map[vault.Secret]bool{
		"correct horse": true, "correct hors": false, "": false, "Correct horse": false,
		vault.Secret(strings.Repeat("x", 5000)): false,
	} {
		if ok, err := vault.VerifyPassword(ctx, hash, password); ok != want || err != nil {
			t.Errorf("%q: %v %v", password.Reveal(), ok, err)
		}
	}
	if err := vault.DummyVerify(ctx, "correct horse"); err != nil {
		t.Error(err)
	}
	if err := vault.DummyVerify(ctx, vault.Secret(strings.Repeat("x", 5000))); err != nil {
		t.Error(err)
	}
	if _, err := vault.HashPassword(ctx, vault.Secret(strings.Repeat("x", 5000))); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a long password: %v", err)
	}
}

// A generated password has a cheap hash; a wrong one takes as long as anywhere, and a short one is none.
func TestGeneratedPasswords(t *testing.T) {
	t.Parallel()
	password := vault.Secret("Tw1-" + strings.ToLower(rand.Text()))
	hash, err := vault.HashGenerated(password)
	if err != nil || !strings.HasPrefix(hash, "$argon2id$v=19$m=64,t=1,p=1$") {
		t.Fatalf("%s, %v", hash, err)
	}
	for given, want := range map[vault.Secret]bool{password: true, password + "x": false, "": false} {
		if ok, err := vault.VerifyPassword(t.Context(), hash, given); ok != want || err != nil {
			t.Errorf("%q: %v, %v", given.Reveal(), ok, err)
		}
	}
	for _, bad := range []vault.Secret{"correct horse", vault.Secret(strings.Repeat("x", 5000))} {
		if hash, err := vault.HashGenerated(bad); hash != "" || fault.KindOf(err) != fault.Invalid {
			t.Errorf("%.20q: %s, %v", bad.Reveal(), hash, err)
		}
	}
}

// The hash of another program: the reference implementation's argon2(1) with other costs.
func TestAHashFromElsewhere(t *testing.T) {
	t.Parallel()
	// Test vector of the reference implementation, phc-winner-argon2/src/test.c: version 0x13, t=2, m=2^16, p=1.
	const hash = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	if ok, err := vault.VerifyPassword(t.Context(), hash, "password"); !ok || err != nil {
		t.Errorf("%v %v", ok, err)
	}
}

var badHashes = []string{
	"", "$", "$$$$$", "plain", "$2a$10$abcdefghijklmnopqrstuv",
	"$argon2i$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
	"$argon2id$v=16$m=19456,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
	"$argon2id$v=19$m=99999999,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
	"$argon2id$v=19$m=19456,t=99999,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
	"$argon2id$v=19$m=19456,t=0,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
	"$argon2id$v=19$m=19456,t=2,p=0$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
	"$argon2id$v=19$m=19456,t=2,p=1,x=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
	"$argon2id$v=19$m=-1,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
	"$argon2id$v=19$m=19456,t=2,p=1$$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
	"$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$",
	"$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$CTFh!",
	"$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc$more",
	"$argon2id$v=19$m=19456,t=2,p=1$" + strings.Repeat("c29tZXNhbHQ", 50) + "$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
}

func TestUnreadableHashes(t *testing.T) {
	t.Parallel()
	for _, hash := range badHashes {
		if ok, err := vault.VerifyPassword(t.Context(), hash, "password"); ok || !errors.Is(err, vault.ErrHash) {
			t.Errorf("%q: %v %v", hash, ok, err)
		}
	}
}

func FuzzParseHash(f *testing.F) {
	for _, hash := range badHashes {
		f.Add(hash)
	}
	f.Add("$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	f.Fuzz(func(t *testing.T, hash string) {
		memory, time, ok := vault.ParseCost(hash)
		if ok && (memory > 256*1024 || time > 16 || len(hash) > 256) {
			t.Errorf("%q may cost %d KiB and %d passes", hash, memory, time)
		}
	})
}

func TestHashesWaitForASlot(t *testing.T) {
	// Not parallel: it takes all the slots of the process.
	release := vault.TakeSlots()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := vault.HashPassword(ended, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
	waits, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- vault.DummyVerify(waits, "x") }()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("a context that ends while it waits: %v", err)
	}
	restore := vault.ShortWait()
	if err := vault.DummyVerify(t.Context(), "x"); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("no slot: %v", err)
	}
	generated := vault.Secret(strings.Repeat("g", 26))
	hash, err := vault.HashGenerated(generated)
	if err != nil {
		t.Fatal(err)
	}
	if right, err := vault.VerifyPassword(t.Context(), hash, generated); !right || err != nil {
		t.Errorf("what costs next to nothing waits for a slot: %v, %v", right, err)
	}
	restore()
	go func() { done <- vault.DummyVerify(t.Context(), "x") }()
	release()
	if err := <-done; err != nil {
		t.Errorf("when a slot is free: %v", err)
	}
	if n := vault.Slots(); n != max(1, runtime.NumCPU()/2) {
		t.Errorf("%d slots", n)
	}
}

func TestHashToken(t *testing.T) {
	t.Parallel()
	if got := fmt.Sprintf("%x", vault.HashToken("abc")); got != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
		t.Errorf("SHA-256 of abc is %s", got) // FIPS 180-4, example B.1
	}
}
