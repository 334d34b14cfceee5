package audit

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/vault"
)

// KeyAAD binds a sealed key to its pair.
func KeyAAD(pair string) []byte { return fmt.Appendf(nil, "connect/audit/v1|%s", pair) }

// Keyring makes and opens the keys of chains. It is safe for concurrent use.
type Keyring struct {
	store Keys
	vault *vault.Vault

	mu   sync.Mutex
	open map[string][]byte
}

// NewKeyring returns a keyring on the store.
func NewKeyring(store Keys, v *vault.Vault) *Keyring {
	return &Keyring{store: store, vault: v, open: map[string][]byte{}}
}

// Key gives the key of a pair's chain, and makes it at its first use.
func (k *Keyring) Key(ctx context.Context, pair string) ([]byte, error) {
	k.mu.Lock()
	key := k.open[pair]
	k.mu.Unlock()
	if key != nil {
		return key, nil
	}
	sealed, err := k.store.AuditKey(ctx, pair)
	if fault.KindOf(err) == fault.NotFound {
		if _, sealed, err = k.Fresh(pair); err == nil {
			sealed, err = k.store.AddAuditKey(ctx, pair, sealed)
		}
	}
	if err != nil {
		return nil, err
	}
	if key, err = k.vault.Open(sealed, KeyAAD(pair)); err != nil {
		return nil, fault.Wrap(err, fault.Internal, CodeKeyCorrupt, "The key of the audit chain cannot be opened: the key file is another one, or the database was changed.")
	}
	k.mu.Lock()
	k.open[pair] = key
	k.mu.Unlock()
	return key, nil
}

// Fresh makes a key for a pair that has none, and seals it; who stores it stores the chain's first entry with it.
func (k *Keyring) Fresh(pair string) (key, sealed []byte, err error) {
	k.mu.Lock()
	delete(k.open, pair) // of a pair of that name that was taken away
	k.mu.Unlock()
	key = make([]byte, 32)
	_, _ = rand.Read(key) // never fails (crypto/rand)
	sealed, err = k.vault.Seal(key, KeyAAD(pair))
	return key, sealed, err
}

// Service lists and verifies chains. It is safe for concurrent use.
type Service struct {
	store Store
	keys  *Keyring
}

// NewService wires the service.
func NewService(store Store, keys *Keyring) *Service { return &Service{store: store, keys: keys} }

// List lists a pair's entries after a number, in order.
func (s *Service) List(ctx context.Context, pair string, after int64, limit int) ([]Entry, error) {
	return s.store.Entries(ctx, pair, after, limit)
}

// Head is where a pair's chain ends.
func (s *Service) Head(ctx context.Context, pair string) (Head, error) {
	return s.store.ChainHead(ctx, pair)
}

// Verdict is what verifying a chain found.
type Verdict struct {
	Entries int64
	Head    Head
	// Seq and Problem are the first entry that is not as it was written, and what is wrong with it; Problem is "" where
	// all is well.
	Seq     int64
	Problem string
}

// verifyPage is how many entries are read at once.
const verifyPage = 500

// Verify recomputes a pair's chain from its first entry, and the digests that its entries hold. noted is a head that was
// printed before, which the chain must have passed through; the zero Head is none.
func (s *Service) Verify(ctx context.Context, pair string, noted Head) (Verdict, error) {
	key, err := s.keys.Key(ctx, pair)
	if err != nil {
		return Verdict{}, err
	}
	var v Verdict
	wrong := func(seq int64, format string, args ...any) (Verdict, error) {
		v.Seq, v.Problem = seq, fmt.Sprintf(format, args...)
		return v, nil
	}
	// The end first: what is added while this reads is of the next verification.
	end, err := s.store.ChainHead(ctx, pair)
	if err != nil {
		return v, err
	}
	for v.Head.Seq < end.Seq {
		page, err := s.store.Entries(ctx, pair, v.Head.Seq, verifyPage)
		if err != nil {
			return v, err
		}
		if len(page) == 0 {
			return wrong(v.Head.Seq+1, "the entry is missing, and so are all after it up to %d", end.Seq)
		}
		for _, e := range page {
			if e.Seq > end.Seq {
				break
			}
			if e.Seq != v.Head.Seq+1 {
				return wrong(v.Head.Seq+1, "the entry is missing; the next one there is has number %d", e.Seq)
			}
			if subtle.ConstantTimeCompare(e.Sign(key, v.Head.Signature), e.Signature) != 1 {
				return wrong(e.Seq, "the entry is not as it was written, or the one before it is another")
			}
			if e.Action == UsersImported || e.Action == UsersReconnected {
				if problem, err := s.digest(ctx, e); problem != "" || err != nil {
					v.Seq, v.Problem = e.Seq, problem
					return v, err
				}
			}
			v.Entries++
			v.Head = Head{e.Seq, e.Signature}
			if e.Seq == noted.Seq && !bytes.Equal(e.Signature, noted.Signature) {
				return wrong(e.Seq, "the entry is another one than when its head was noted")
			}
		}
	}
	if !bytes.Equal(v.Head.Signature, end.Signature) {
		return wrong(end.Seq, "the chain's end is another one than its last entry")
	}
	if noted.Seq > end.Seq {
		return wrong(end.Seq+1, "entries up to %d, whose head was noted, are missing", noted.Seq)
	}
	return v, nil
}

// digest checks that what the entry of a batch is about still has the outcome that the entry says.
func (s *Service) digest(ctx context.Context, e Entry) (problem string, err error) {
	var b Batch
	if err := json.Unmarshal([]byte(e.After), &b); err != nil {
		return "the entry's digest cannot be read", nil
	}
	items, err := s.store.Items(ctx, e.Pair, e.Subject, e.Seq)
	if err != nil {
		return "", err
	}
	if Digest(items) != b.Digest {
		return fmt.Sprintf("the outcomes of %s that the entry is about are not as they were", e.Subject), nil
	}
	return "", nil
}
