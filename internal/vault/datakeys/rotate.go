package datakeys

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/vault"
)

// Place is a column whose values are sealed.
type Place struct {
	Table, Column string
	Key           []string // columns of the primary key, of type TEXT or BYTEA
	More          []string // further expressions over the row, t, that AAD needs
	// AAD is what a row's value is bound to, by the values of Key and More in their order: strings and []byte.
	AAD func(row []any) []byte
}

// Rotated is what a rotation did in one database.
type Rotated struct {
	Values  int // sealed anew
	Corrupt int // opened under no key, and left as they are
}

// maxSwaps bounds the attempts of one change of the keys while other processes change them.
const maxSwaps = 10

// Pending reports whether a rotation was begun and has not come to its end.
func (k *Keyring) Pending(ctx context.Context) (bool, error) {
	s, err := k.load(ctx)
	return s.pending, err
}

// Rotate makes a new data key, wraps all under the master's present key, and seals every value anew. Others
// read and write meanwhile. Broken off at any moment, by an error or the end of the process, it goes on where it was
// with the next call. Former keys still open what is under way, and are forgotten after 25 hours.
func (k *Keyring) Rotate(ctx context.Context) (Rotated, error) {
	var out Rotated
	err := k.change(ctx, func(s state) (state, error) {
		handle := s.handle
		if s.pending { // under whatever the master now is
			return k.put(ctx, s, handle, true, s.renewed)
		}
		handle, err := vault.WithNewKey(handle)
		if err != nil {
			return s, err
		}
		return k.put(ctx, s, handle, true, k.machine())
	})
	if err != nil {
		return out, err
	}
	if out, err = k.reseal(ctx); err != nil {
		return out, err
	}
	return out, k.change(ctx, func(s state) (state, error) { return k.put(ctx, s, s.handle, false, s.renewed) })
}

// change reads the keys and changes them, again where another process was quicker.
func (k *Keyring) change(ctx context.Context, f func(state) (state, error)) error {
	err := errChanged
	for try := 0; try < maxSwaps && errors.Is(err, errChanged); try++ {
		var s state
		if s, err = k.load(ctx); err != nil {
			return err
		}
		k.keep(s)
		_, err = f(s)
	}
	return err
}

// forget drops former keys, once nothing is under them.
func (k *Keyring) forget(ctx context.Context) error {
	out, err := k.reseal(ctx)
	if err != nil || out.Corrupt > 0 {
		return err
	}
	return k.change(ctx, func(s state) (state, error) {
		handle, err := vault.OnlyPrimary(s.handle)
		if err != nil || s.pending {
			return s, err
		}
		return k.put(ctx, s, handle, false, s.renewed)
	})
}

// page is how many rows one transaction seals anew.
const page = 100

func (k *Keyring) reseal(ctx context.Context) (Rotated, error) {
	var out Rotated
	v := k.Vault()
	k.mu.Lock()
	primary := prefix(k.have.handle.KeysetInfo().GetPrimaryKeyId())
	k.mu.Unlock()
	for _, p := range k.places {
		var after []any
		for {
			rows, err := p.read(ctx, k.db, primary, after)
			if err != nil {
				return out, fmt.Errorf("%s.%s: %w", p.Table, p.Column, err)
			}
			if len(rows) == 0 {
				break
			}
			n, err := p.swap(ctx, k.db, v, rows)
			if err != nil {
				return out, fmt.Errorf("%s.%s: %w", p.Table, p.Column, err)
			}
			out.Values, out.Corrupt = out.Values+n.Values, out.Corrupt+n.Corrupt
			after = rows[len(rows)-1].values[:len(p.Key)]
		}
	}
	return out, nil
}

type row struct {
	values []any // of Key and More
	sealed []byte
}

// read reads the next rows that are not under the present key.
func (p Place) read(ctx context.Context, db *sqldb.DB, primary []byte, after []any) ([]row, error) {
	keys := make([]string, len(p.Key))
	for i, c := range p.Key {
		keys[i] = "t." + c
	}
	order := strings.Join(keys, ", ")
	columns := strings.Join(append(slices.Clone(keys), p.More...), ", ")
	args := []any{primary}
	where := "t." + p.Column + " IS NOT NULL AND substr(t." + p.Column + ", 1, " + strconv.Itoa(prefixSize) + ") <> $1"
	if after != nil {
		marks := make([]string, len(after))
		for i := range after {
			marks[i] = "$" + strconv.Itoa(i+2)
		}
		where += " AND (" + order + ") > (" + strings.Join(marks, ", ") + ")"
		args = append(args, after...)
	}
	found, err := db.Query(ctx, "SELECT "+columns+", t."+p.Column+" FROM "+p.Table+" t WHERE "+where+" ORDER BY "+order+" LIMIT "+strconv.Itoa(page), args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = found.Close() }() // Err below tells what went wrong
	var rows []row
	for found.Next() {
		r := row{values: make([]any, len(p.Key)+len(p.More))}
		into := make([]any, 0, len(r.values)+1)
		for i := range r.values {
			into = append(into, &r.values[i])
		}
		if err := found.Scan(append(into, &r.sealed)...); err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	return rows, found.Err()
}

// swap seals the rows anew, each that is still as it was read.
func (p Place) swap(ctx context.Context, db *sqldb.DB, v *vault.Vault, rows []row) (Rotated, error) {
	var out Rotated
	fresh := make([][]byte, len(rows))
	for i, r := range rows {
		plain, err := v.Open(r.sealed, p.AAD(r.values))
		if errors.Is(err, vault.ErrSealed) {
			out.Corrupt++
			continue
		}
		if err != nil {
			return out, err
		}
		fresh[i], err = v.Seal(plain, p.AAD(r.values))
		clear(plain)
		if err != nil {
			return out, err
		}
	}
	where := p.Column + " = $2"
	for i, c := range p.Key {
		where += " AND " + c + " = $" + strconv.Itoa(i+3)
	}
	statement := "UPDATE " + p.Table + " SET " + p.Column + " = $1 WHERE " + where
	var changed int
	err := db.Write(ctx, func(tx *sqldb.Tx) error {
		changed = 0
		for i, r := range rows {
			if fresh[i] == nil {
				continue
			}
			res, err := tx.Exec(statement, append([]any{fresh[i], r.sealed}, r.values[:len(p.Key)]...)...)
			if err != nil {
				return err
			}
			n, err := res.RowsAffected()
			if err != nil {
				return err
			}
			changed += int(n)
		}
		return nil
	})
	out.Values = changed
	return out, err
}
