// Package once has a form do its work once, however often it is sent: each rendering of a form that makes something carries a key
// (ui.Form.Once), and of those that come with the same key and the same fields the first is done. What was sent is remembered in
// the house's database, so that processes that share it agree.
package once

import (
	"context"
	"crypto/sha256"
	"embed"
	"io/fs"
	"net/url"
	"sync"
	"time"

	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/ui"
)

// CodeSentTwice: a form came again as it was.
const CodeSentTwice fault.Code = "form_sent_twice"

// kept is how long a form that was sent is remembered, in machine time.
const kept = 24 * time.Hour

//go:embed migrations/*.sql
var files embed.FS

// Migrations make the table of the forms; a house adds them to its own.
var Migrations = sqldb.Migrations{Name: "once", FS: migrations()}

func migrations() fs.FS {
	sub, err := fs.Sub(files, "migrations")
	if err != nil { // the folder is embedded above
		panic(err)
	}
	return sub
}

// Forms remember which forms were sent.
type Forms interface {
	// Take remembers a form, and reports whether it is seen for the first time.
	Take(ctx context.Context, form [32]byte) (first bool, err error)
	// Forget lets a form be sent once more: nothing came of it.
	Forget(ctx context.Context, form [32]byte) error
}

// Do does what a form was sent for, and refuses one that came before. A form without a key is done each time. do reports whether it
// refused: then the form may come again as it is. more is what was sent beside the fields, a file.
func Do(ctx context.Context, forms Forms, path string, form url.Values, more []byte, do func() (refused bool, err error)) error {
	if form.Get(ui.KeyField) == "" {
		_, err := do()
		return err
	}
	sum := sha256.New()
	for _, part := range [][]byte{[]byte(path), []byte(form.Encode()), more} {
		one := sha256.Sum256(part)
		sum.Write(one[:])
	}
	id := [32]byte(sum.Sum(nil))
	first, err := forms.Take(ctx, id)
	if err != nil {
		return err
	}
	if !first {
		return fault.New(fault.Conflict, CodeSentTwice,
			"This form was sent before, and is done once: nothing was done now. What it made stands in the list. If it is not there, or a secret was shown that you did not see, open the form again.")
	}
	refused, err := do()
	if refused || err != nil {
		if bad := forms.Forget(context.WithoutCancel(ctx), id); err == nil {
			err = bad
		}
	}
	return err
}

// Stored are Forms in a database that has the tables of [Migrations].
type Stored struct {
	DB  *sqldb.DB
	Now clock.Machine
}

// Take implements [Forms].
func (f Stored) Take(ctx context.Context, form [32]byte) (first bool, err error) {
	err = f.DB.Write(ctx, func(tx *sqldb.Tx) error {
		now := f.Now()
		if _, err := tx.Exec(`DELETE FROM form_sent WHERE sent_at < $1`, now.Add(-kept).UnixMilli()); err != nil {
			return err
		}
		res, err := tx.Exec(`INSERT INTO form_sent (form_hash, sent_at) VALUES ($1, $2) ON CONFLICT DO NOTHING`, form[:], now.UnixMilli())
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		first = n == 1
		return err
	})
	return first, err
}

// Forget implements [Forms].
func (f Stored) Forget(ctx context.Context, form [32]byte) error {
	return f.DB.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`DELETE FROM form_sent WHERE form_hash = $1`, form[:])
		return err
	})
}

// Held are Forms of a program that keeps its sessions in memory: a form of another process is of no session here.
type Held struct {
	now  clock.Machine
	mu   sync.Mutex
	sent map[[32]byte]time.Time
}

// NewHeld returns Forms in memory.
func NewHeld(now clock.Machine) *Held { return &Held{now: now, sent: map[[32]byte]time.Time{}} }

// Take implements [Forms].
func (f *Held) Take(_ context.Context, form [32]byte) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	for one, at := range f.sent {
		if now.Sub(at) > kept {
			delete(f.sent, one)
		}
	}
	_, there := f.sent[form]
	if !there {
		f.sent[form] = now
	}
	return !there, nil
}

// Forget implements [Forms].
func (f *Held) Forget(_ context.Context, form [32]byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.sent, form)
	return nil
}
