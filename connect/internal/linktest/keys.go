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
	vault   *vault.Vault
	keys    []link.SealedKey
	signing oauth.SigningKey
}

var shared = sync.OnceValues(func() (made, error) {
	var m made
	dir, err := os.MkdirTemp("", "linktest")
	if err != nil {
		return m, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // the vault keeps its key in memory
	if m.vault, err = vault.Open(filepath.Join(dir, "key")); err != nil {
		return m, err
	}
	store := keep{}
	ring := link.NewKeyring(store, m.vault)
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
	return m.vault
}

func signingKey(t testing.TB) oauth.SigningKey {
	t.Helper()
	m, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return m.signing
}
