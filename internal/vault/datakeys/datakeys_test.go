package datakeys_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/internal/vault/datakeys"
)

var things = sqldb.Migrations{Name: "things", FS: fstest.MapFS{"00001_thing.sql": {Data: []byte(`-- +goose Up
CREATE TABLE thing (owner TEXT NOT NULL, hash BYTEA NOT NULL, place TEXT NOT NULL, sealed BYTEA, PRIMARY KEY (owner, hash));
-- +goose Down
DROP TABLE thing;
`)}}}

var place = datakeys.Place{
	Table: "thing", Column: "sealed", Key: []string{"owner", "hash"}, More: []string{"t.place"},
	AAD: func(r []any) []byte { return fmt.Appendf(nil, "%s|%x|%s", r[0], r[1], r[2]) },
}

type world struct {
	db   *sqldb.DB
	file vault.KeyFile
	now  time.Time
}

func each(t *testing.T, test func(t *testing.T, w *world)) {
	sqldbtest.Each(t, []sqldb.Migrations{datakeys.Migrations, things}, func(t *testing.T, db *sqldb.DB) {
		test(t, &world{db, vault.KeyFile(filepath.Join(t.TempDir(), "key")), time.Now()})
	})
}

// open is a process that starts.
func (w *world) open(t *testing.T, master vault.Master) *datakeys.Keyring {
	t.Helper()
	v, err := vault.Open(string(w.file))
	if err == nil && master != nil {
		v = vault.OpenMaster(master)
	}
	if err != nil {
		t.Fatal(err)
	}
	k, err := datakeys.Open(t.Context(), w.db, v, func() time.Time { return w.now }, place)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func secret(i int) []byte { return fmt.Appendf(nil, "secret number %d", i) }

func (w *world) put(t *testing.T, v *vault.Vault, i int) {
	t.Helper()
	owner, hash := fmt.Sprintf("owner %d", i%3), fmt.Appendf(nil, "hash %04d", i)
	sealed, err := v.Seal(secret(i), place.AAD([]any{owner, hash, "here"}))
	if err != nil {
		t.Fatal(err)
	}
	err = w.db.Write(t.Context(), func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`INSERT INTO thing (owner, hash, place, sealed) VALUES ($1, $2, 'here', $3)`, owner, hash, sealed)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// sealed reads a value, and opens it.
func (w *world) get(t *testing.T, v *vault.Vault, i int) []byte {
	t.Helper()
	owner, hash := fmt.Sprintf("owner %d", i%3), fmt.Appendf(nil, "hash %04d", i)
	var sealed []byte
	if err := w.db.QueryRow(t.Context(), `SELECT sealed FROM thing WHERE owner = $1 AND hash = $2`, owner, hash).Scan(&sealed); err != nil {
		t.Fatal(err)
	}
	plain, err := v.Open(sealed, place.AAD([]any{owner, hash, "here"}))
	if err != nil || !bytes.Equal(plain, secret(i)) {
		t.Fatalf("value %d opens as %q: %v", i, plain, err)
	}
	return sealed
}

// TestRotation follows values through a rotation: from under the key file itself, as before there were data keys, under
// data keys, and under newer ones, while another process reads and writes.
func TestRotation(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		const many = 250 // three pages
		before, err := vault.Open(string(w.file))
		if err != nil {
			t.Fatal(err)
		}
		w.put(t, before, 0)
		one := w.open(t, nil)
		other := one
		if w.db.Shared() {
			other = w.open(t, nil)
		}
		for i := 1; i < many; i++ {
			w.put(t, one.Vault(), i)
		}
		w.put(t, other.Vault(), many)
		old := w.get(t, one.Vault(), 7)
		if err := w.file.Renew(); err != nil {
			t.Fatal(err)
		}
		out, err := one.Rotate(t.Context())
		if err != nil || out.Values != many+1 || out.Corrupt != 0 {
			t.Fatalf("rotated: %+v %v", out, err)
		}
		if err := w.file.Settle(); err != nil {
			t.Fatal(err)
		}
		if fresh := w.get(t, one.Vault(), 7); bytes.Equal(fresh[:5], old[:5]) {
			t.Error("a value is under the former key still")
		}
		w.get(t, other.Vault(), 0) // which has not heard of the new key
		if pending, err := one.Pending(t.Context()); err != nil || pending {
			t.Errorf("pending: %v %v", pending, err)
		}
		started := w.open(t, nil)
		for _, i := range []int{0, 1, many} {
			w.get(t, started.Vault(), i)
		}
		// What was under way opens for a day, and is then forgotten by whoever starts.
		if _, err := started.Vault().Open(old, place.AAD([]any{"owner 1", []byte("hash 0007"), "here"})); err != nil {
			t.Errorf("what was under way: %v", err)
		}
		w.now = w.now.Add(26 * time.Hour)
		started = w.open(t, nil)
		if _, err := started.Vault().Open(old, place.AAD([]any{"owner 1", []byte("hash 0007"), "here"})); !errors.Is(err, vault.ErrSealed) {
			t.Errorf("the former key is not forgotten: %v", err)
		}
		for i := range many + 1 {
			w.get(t, started.Vault(), i)
		}
	})
}

// failing is a master that fails from its nth call to Wrap on, as a process that ends then.
type failing struct {
	vault.Master
	left atomic.Int32
}

func (f *failing) Wrap(ctx context.Context, plain, aad []byte) ([]byte, error) {
	if f.left.Add(-1) < 0 {
		return nil, errors.New("the end")
	}
	return f.Master.Wrap(ctx, plain, aad)
}

// TestARotationThatBreaksOffGoesOn breaks a rotation off before, between and after its steps, and has another process
// go on with it.
func TestARotationThatBreaksOffGoesOn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		one := w.open(t, nil)
		for i := range 20 {
			w.put(t, one.Vault(), i)
		}
		for calls := range 3 {
			broken := &failing{Master: w.file}
			broken.left.Store(int32(calls))
			k := w.open(t, broken)
			_, err := k.Rotate(t.Context())
			if pending, pendingErr := k.Pending(t.Context()); (err == nil) != (calls == 2) || pendingErr != nil || pending != (calls == 1) {
				t.Fatalf("after %d calls: %v, pending %v %v", calls, err, pending, pendingErr)
			}
			for i := range 20 {
				w.get(t, w.open(t, nil).Vault(), i)
			}
		}
		out, err := w.open(t, nil).Rotate(t.Context())
		if err != nil || out.Values != 20 {
			t.Fatalf("gone on: %+v %v", out, err)
		}
		// A value of somebody else is left alone and told of, and does not keep the others from it.
		err = w.db.Write(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.Exec(`UPDATE thing SET place = 'moved' WHERE hash = $1`, []byte("hash 0003"))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if out, err = w.open(t, nil).Rotate(t.Context()); err != nil || out.Values != 19 || out.Corrupt != 1 {
			t.Errorf("one moved: %+v %v", out, err)
		}
	})
}

func TestAnotherMasterOpensNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.open(t, nil)
		other, err := vault.Open(filepath.Join(t.TempDir(), "other"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := datakeys.Open(t.Context(), w.db, other, nil, place); !errors.Is(err, datakeys.ErrMaster) {
			t.Errorf("opened under another key: %v", err)
		}
	})
}
