// Package datakeys is the inner half of envelope encryption: the keys that seal the values of one database, kept in that
// database wrapped by a [vault.Master] that is not in it. They are shared by all processes on the database, and rotated
// while those go on.
package datakeys

import (
	"bytes"
	"context"
	"database/sql"
	"embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/vault"
)

//go:embed migrations/*.sql
var files embed.FS

// Migrations make the table of the data keys; a house adds them to its own.
var Migrations = sqldb.Migrations{Name: "vault", FS: migrations()}

func migrations() fs.FS {
	sub, err := fs.Sub(files, "migrations")
	if err != nil { // the folder is embedded above
		panic(err)
	}
	return sub
}

// ErrMaster: the data keys do not open under this master key.
var ErrMaster error = fault.New(fault.Internal, "credential_corrupt", "The data keys of the database do not open under this key: it is another one than theirs, or the database was changed. "+
	"Start with the key that they are wrapped under, by --key-file, TWINSPAN_KEY or --key-command, whichever it was.")

// errChanged: another process changed the data keys at the same moment.
var errChanged = errors.New("datakeys: changed meanwhile")

// staleAfter is how long a process goes on with the data keys that it has read where others may change them.
const staleAfter = time.Second

// Former data keys open values for this long after a rotation: what was under way then, as a letter in a queue, a
// browser's trip or another process that had not seen the new one yet. After that they are forgotten.
const former = 25 * time.Hour

// ioTimeout bounds a look at the database that a caller without a context of its own makes.
const ioTimeout = 10 * time.Second

// Keyring is the data keys of one database. It is safe for concurrent use.
type Keyring struct {
	db      *sqldb.DB
	outer   *vault.Vault
	machine clock.Machine
	places  []Place

	mu   sync.Mutex
	have state
	read time.Time // when have was read
}

// state is the row of the table, opened.
type state struct {
	handle   *keyset.Handle
	aead     tink.AEAD
	revision int64
	pending  bool
	renewed  time.Time
}

// Open reads the database's data keys, or makes them. places are all columns in which values are sealed under them.
// A rotation of long ago is brought to its end: its former keys are forgotten once nothing in places is under them.
func Open(ctx context.Context, db *sqldb.DB, outer *vault.Vault, machine clock.Machine, places ...Place) (*Keyring, error) {
	if machine == nil {
		machine = time.Now
	}
	k := &Keyring{db: db, outer: outer, machine: machine, places: places}
	s, err := k.load(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		if err := k.make(ctx); err != nil {
			return nil, err
		}
		s, err = k.load(ctx)
	}
	if err != nil {
		return nil, err
	}
	k.keep(s)
	if s.handle.Len() > 1 && !s.pending && machine().Sub(s.renewed) > former {
		if err := k.forget(ctx); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// Vault seals with the data keys, and opens what lies under them or, from before there were any, under the master's file.
func (k *Keyring) Vault() *vault.Vault { return k.outer.With(k) }

func aad(revision int64) []byte { return fmt.Appendf(nil, "vault_keyset:wrapped:%d", revision) }

// load reads the row and unwraps the keys where they are not those that are known.
func (k *Keyring) load(ctx context.Context) (state, error) {
	var s state
	var wrapped []byte
	var pending int
	var renewed int64
	err := k.db.QueryRow(ctx, `SELECT wrapped, revision, pending, renewed_at FROM vault_keyset WHERE one = 1`).Scan(&wrapped, &s.revision, &pending, &renewed)
	if err != nil {
		return s, err
	}
	s.pending, s.renewed = pending == 1, time.UnixMilli(renewed)
	k.mu.Lock()
	known := k.have
	k.mu.Unlock()
	if known.revision == s.revision {
		s.handle, s.aead = known.handle, known.aead
		return s, nil
	}
	plain, err := k.outer.Master().Unwrap(ctx, wrapped, aad(s.revision))
	if errors.Is(err, vault.ErrSealed) {
		return s, ErrMaster
	}
	if err != nil {
		return s, err
	}
	defer clear(plain)
	if s.handle, err = insecurecleartextkeyset.Read(keyset.NewBinaryReader(bytes.NewReader(plain))); err != nil {
		return s, ErrMaster // the cause could quote a key
	}
	s.aead, err = aead.New(s.handle)
	return s, err
}

func (k *Keyring) keep(s state) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if s.revision >= k.have.revision {
		k.have, k.read = s, k.machine()
	}
}

func (k *Keyring) wrap(ctx context.Context, handle *keyset.Handle, revision int64) ([]byte, error) {
	var plain bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewBinaryWriter(&plain)); err != nil {
		return nil, err
	}
	defer clear(plain.Bytes())
	return k.outer.Master().Wrap(ctx, plain.Bytes(), aad(revision))
}

// make stores the first data key, unless another process was quicker.
func (k *Keyring) make(ctx context.Context) error {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return err
	}
	wrapped, err := k.wrap(ctx, handle, 1)
	if err != nil {
		return err
	}
	return k.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`INSERT INTO vault_keyset (one, wrapped, revision, pending, renewed_at) VALUES (1, $1, 1, 0, $2) ON CONFLICT DO NOTHING`, wrapped, k.machine().UnixMilli())
		return err
	})
}

// put stores another key set in place of s, and errChanged where that is no longer the one there is.
func (k *Keyring) put(ctx context.Context, s state, handle *keyset.Handle, pending bool, renewed time.Time) (state, error) {
	next := state{handle: handle, revision: s.revision + 1, pending: pending, renewed: renewed}
	var err error
	if next.aead, err = aead.New(handle); err != nil {
		return s, err
	}
	wrapped, err := k.wrap(ctx, handle, next.revision)
	if err != nil {
		return s, err
	}
	err = k.db.Write(ctx, func(tx *sqldb.Tx) error {
		flag := 0
		if pending {
			flag = 1
		}
		res, err := tx.Exec(`UPDATE vault_keyset SET wrapped = $1, revision = $2, pending = $3, renewed_at = $4 WHERE one = 1 AND revision = $5`,
			wrapped, next.revision, flag, renewed.UnixMilli(), s.revision)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, errChanged)
		}
		return nil
	})
	if err != nil {
		return s, err
	}
	k.keep(next)
	return next, nil
}

// AEAD implements vault.Keys.
func (k *Keyring) AEAD(sealed []byte) (tink.AEAD, error) {
	k.mu.Lock()
	have, age := k.have, k.machine().Sub(k.read)
	k.mu.Unlock()
	stale := k.db.Shared() && (age > staleAfter || age < 0)
	if !stale && (sealed == nil || !k.db.Shared() || knows(have.handle, sealed)) {
		return have.aead, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), ioTimeout)
	defer cancel()
	s, err := k.load(ctx)
	if err != nil {
		return nil, err
	}
	k.keep(s)
	return s.aead, nil
}

// knows reports whether the key set has the key whose id a sealed value begins with.
func knows(handle *keyset.Handle, sealed []byte) bool {
	return len(sealed) > prefixSize && slices.ContainsFunc(keyIDs(handle), func(id uint32) bool { return bytes.HasPrefix(sealed, prefix(id)) })
}

func keyIDs(handle *keyset.Handle) []uint32 {
	var ids []uint32
	for _, info := range handle.KeysetInfo().GetKeyInfo() {
		ids = append(ids, info.GetKeyId())
	}
	return ids
}

// prefixSize is what Tink writes before each value: one byte of version, four of the key's id.
const prefixSize = 5

func prefix(id uint32) []byte { return binary.BigEndian.AppendUint32([]byte{1}, id) }
