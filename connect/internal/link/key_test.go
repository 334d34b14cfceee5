package link_test

import (
	"bytes"
	"context"
	"path/filepath"
	"sync"
	"testing"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/vault"
)

// keys is a link.Keys in memory.
type keys struct {
	mu  sync.Mutex
	all map[string]link.SealedKey
}

func (k *keys) Key(_ context.Context, pair string, d link.Direction) (link.SealedKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if s, ok := k.all[pair+string(d)]; ok {
		return s, nil
	}
	return link.SealedKey{}, fault.New(fault.NotFound, link.CodeNotFound, "no key")
}

func (k *keys) AddKey(_ context.Context, s link.SealedKey) (link.SealedKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if have, ok := k.all[s.Pair+string(s.Direction)]; ok {
		return have, nil
	}
	k.all[s.Pair+string(s.Direction)] = s
	return s, nil
}

func newVault(t *testing.T) *vault.Vault {
	t.Helper()
	v, err := vault.Open(filepath.Join(t.TempDir(), "key"))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestKeyring(t *testing.T) {
	t.Parallel()
	ctx, v := t.Context(), newVault(t)
	store := &keys{all: map[string]link.SealedKey{}}
	ring := link.NewKeyring(store, v)
	orgPEM, err := ring.Certificate(ctx, "p", link.IntoOrg, now)
	if err != nil {
		t.Fatal(err)
	}
	again, err := link.NewKeyring(store, v).Certificate(ctx, "p", link.IntoOrg, now)
	if err != nil || again != orgPEM {
		t.Fatalf("the certificate changed: %v", err)
	}
	tenantPEM, err := ring.Certificate(ctx, "p", link.IntoTenant, now)
	if err != nil || tenantPEM == orgPEM {
		t.Fatalf("both directions have one key: %v", err)
	}
	key, err := ring.Private(ctx, "p", link.IntoOrg, now)
	if err != nil {
		t.Fatal(err)
	}
	public, err := oauth.ParseCertificate(orgPEM)
	if err != nil || !public.Equal(&key.PublicKey) || key.N.BitLen() != 2048 {
		t.Fatalf("the certificate is another key's: %v", err)
	}
	if _, err := ring.Private(ctx, "other", link.IntoOrg, now); fault.CodeOf(err) != link.CodeNotFound {
		t.Errorf("a key that was never made: %v", err)
	}
	sealed := store.all["p"+string(link.IntoOrg)]
	if bytes.Contains(sealed.Sealed, []byte("PRIVATE KEY")) || bytes.Contains(sealed.Sealed, key.D.Bytes()) {
		t.Error("the key is stored in the clear")
	}
}

// TestSealedKeyBelongsToItsRow: a sealed key that was moved, changed, or sealed under another key file does not open.
func TestSealedKeyBelongsToItsRow(t *testing.T) {
	t.Parallel()
	ctx, v := t.Context(), newVault(t)
	store := &keys{all: map[string]link.SealedKey{}}
	if _, err := link.NewKeyring(store, v).Certificate(ctx, "p", link.IntoOrg, now); err != nil {
		t.Fatal(err)
	}
	good := store.all["p"+string(link.IntoOrg)]
	put := func(pair string, d link.Direction, sealed []byte) {
		store.all[pair+string(d)] = link.SealedKey{Pair: pair, Direction: d, Sealed: sealed, Certificate: good.Certificate}
	}
	corrupt := func(name string, v *vault.Vault, pair string, d link.Direction) {
		t.Helper()
		if _, err := link.NewKeyring(store, v).Private(ctx, pair, d, now); fault.CodeOf(err) != link.CodeCredentialCorrupt {
			t.Errorf("%s: %v", name, err)
		}
	}
	put("p", link.IntoTenant, good.Sealed)
	corrupt("another direction", v, "p", link.IntoTenant)
	put("q", link.IntoOrg, good.Sealed)
	corrupt("another pair", v, "q", link.IntoOrg)
	corrupt("another key file", newVault(t), "p", link.IntoOrg)
	for _, i := range []int{0, 5, len(good.Sealed) / 2, len(good.Sealed) - 1} {
		flipped := bytes.Clone(good.Sealed)
		flipped[i] ^= 1
		put("p", link.IntoOrg, flipped)
		corrupt("a flipped bit", v, "p", link.IntoOrg)
	}
	put("p", link.IntoOrg, nil)
	corrupt("nothing", v, "p", link.IntoOrg)
	put("p", link.IntoOrg, good.Sealed)
	if _, err := link.NewKeyring(store, v).Private(ctx, "p", link.IntoOrg, now); err != nil {
		t.Errorf("the key itself: %v", err)
	}
}
