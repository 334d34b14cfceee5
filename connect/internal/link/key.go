package link

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/vault"
)

// keyBits is the size that both clouds take everywhere.
const keyBits = 2048

// certificateYears: neither cloud looks at a certificate's expiry here (crm-wire 1.5); keys are replaced by rotation.
const certificateYears = 10

// KeyAAD binds a sealed key to its pair and direction, so that a value moved to another row does not open.
func KeyAAD(pair string, d Direction) []byte {
	return fmt.Appendf(nil, "connect/key/v1|%s|%s", pair, d)
}

// Keyring makes, seals and opens the spans' keys. An opened key stays in memory: opening costs more than signing.
type Keyring struct {
	store Keys
	vault *vault.Vault
	open  *cache[*rsa.PrivateKey]
}

// NewKeyring returns a keyring on the store.
func NewKeyring(store Keys, v *vault.Vault) *Keyring {
	return &Keyring{store: store, vault: v, open: newCache[*rsa.PrivateKey](1000)}
}

// Certificate returns the PEM certificate of a span's key, and makes the key on the first call for that span. A key that
// is there must open: a certificate is of no use to whoever has lost the key file.
func (k *Keyring) Certificate(ctx context.Context, pair string, d Direction, now time.Time) (string, error) {
	stored, err := k.store.Key(ctx, pair, d)
	if fault.CodeOf(err) == CodeNotFound {
		if stored, err = k.generate(pair, d, now); err != nil {
			return "", err
		}
		stored, err = k.store.AddKey(ctx, stored)
	}
	if err != nil {
		return "", err
	}
	_, err = k.Private(ctx, pair, d, now)
	return stored.Certificate, err
}

func (k *Keyring) generate(pair string, d Direction, now time.Time) (SealedKey, error) {
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return SealedKey{}, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return SealedKey{}, err
	}
	sealed, err := k.vault.Seal(der, KeyAAD(pair, d))
	clear(der)
	if err != nil {
		return SealedKey{}, err
	}
	cert, err := oauth.NewCertificate("Twinspan Connect "+string(d), key, now.Add(-time.Hour), now.AddDate(certificateYears, 0, 0))
	if err != nil {
		return SealedKey{}, err
	}
	return SealedKey{Pair: pair, Direction: d, Sealed: sealed, Certificate: cert, CreatedAt: now}, nil
}

// forget drops the opened keys of a pair that is gone.
func (k *Keyring) forget(pair string) {
	for _, d := range []Direction{IntoOrg, IntoTenant} {
		k.open.drop(pair+"|"+string(d), func(*rsa.PrivateKey) bool { return true })
	}
}

// Private opens the private key of a span.
func (k *Keyring) Private(ctx context.Context, pair string, d Direction, now time.Time) (*rsa.PrivateKey, error) {
	return k.open.get(ctx, pair+"|"+string(d), now, func(ctx context.Context) (*rsa.PrivateKey, time.Time, error) {
		stored, err := k.store.Key(ctx, pair, d)
		if err != nil {
			return nil, time.Time{}, err
		}
		der, err := k.vault.Open(stored.Sealed, KeyAAD(pair, d))
		if err != nil {
			return nil, time.Time{}, fault.Wrap(err, fault.Internal, CodeCredentialCorrupt,
				"The key of the connection cannot be opened: the key file is another one, or the database was changed.")
		}
		defer clear(der)
		parsed, err := x509.ParsePKCS8PrivateKey(der)
		key, ok := parsed.(*rsa.PrivateKey)
		if err != nil || !ok {
			return nil, time.Time{}, fault.Wrap(err, fault.Internal, CodeCredentialCorrupt, "The key of the connection is no RSA key.")
		}
		return key, now.Add(time.Minute), nil // another process may replace the key: look again now and then
	})
}
