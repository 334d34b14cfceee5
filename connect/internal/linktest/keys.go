package linktest

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/vault"
)

// Pair is the pair whose keys [PutKeys] gives.
const Pair = "pair-1"

// made are things that cost a second or so and that all tests of a process may share.
type made struct {
	file    []byte // the key file
	keys    []link.SealedKey
	signing oauth.SigningKey
}

var shared = sync.OnceValues(func() (made, error) {
	var m made
	dir, err := os.MkdirTemp("", "linktest")
	if err != nil {
		return m, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // each test gets a file of its own
	path := filepath.Join(dir, "key")
	v, err := vault.Open(path)
	if err != nil {
		return m, err
	}
	if m.file, err = os.ReadFile(path); err != nil {
		return m, err
	}
	store := keep{}
	ring := link.NewKeyring(store, v)
	for _, d := range []link.Direction{link.IntoOrg, link.IntoTenant} {
		if _, err := ring.Certificate(context.Background(), Pair, d, time.Now()); err != nil {
			return m, err
		}
		m.keys = append(m.keys, store[d])
	}
	m.signing, err = oauth.NewSigningKey()
	return m, err
})

// keep is a link.Keys for one pair.
type keep map[link.Direction]link.SealedKey

func (k keep) Key(_ context.Context, _ string, d link.Direction) (link.SealedKey, error) {
	if s, ok := k[d]; ok {
		return s, nil
	}
	return link.SealedKey{}, fault.New(fault.NotFound, link.CodeNotFound, "There is no key yet.")
}

func (k keep) AddKey(_ context.Context, s link.SealedKey) (link.SealedKey, error) {
	k[s.Direction] = s
	return s, nil
}

// PutKeys stores keys for Pair that were made once for all tests, and returns the vault that opens them.
func PutKeys(t testing.TB, store link.Keys) *vault.Vault {
	t.Helper()
	m, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range m.keys {
		if _, err := store.AddKey(t.Context(), k); err != nil {
			t.Fatal(err)
		}
	}
	v, err := vault.Open(KeyFile(t))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// KeyFile writes the file that opens what PutKeys stored, for another process.
func KeyFile(t testing.TB) string {
	t.Helper()
	m, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, m.file, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func signingKey(t testing.TB) oauth.SigningKey {
	t.Helper()
	m, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return m.signing
}
