package sqldb_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// op is what one caller does: insert the rows and then end in one of the ways.
type op struct {
	keys []int
	end  string
}

var errMine = errors.New("mine")

// do performs the op and reports whether it was answered as stored.
func (o op) do(ctx context.Context, db *sqldb.DB, table *sqldb.Append, n int) (stored bool, err error) {
	if o.end == "append" {
		rows := make([][]any, len(o.keys))
		for i, k := range o.keys {
			rows[i] = []any{fmt.Sprint(k), n}
		}
		err := db.Append(ctx, table, rows...)
		return err == nil, err
	}
	defer func() {
		if p := recover(); p != nil {
			stored, err = false, errMine
		}
	}()
	if o.end == "cancelled" {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		cancel()
	}
	err = db.Write(ctx, func(tx *sqldb.Tx) error {
		for _, k := range o.keys {
			if err := insert(fmt.Sprint(k), n)(tx); err != nil && o.end != "swallow" {
				return err
			}
		}
		switch o.end {
		case "error":
			return errMine
		case "panic":
			panic("mine")
		}
		return nil
	})
	return err == nil, err
}

// Whatever the callers do at the same time, the effect of each is there if and only if it was told so, whole.
func TestEachIsStoredIfAndOnlyIfAnswered(t *testing.T) {
	t.Parallel()
	table := sqldb.NewAppend("thing", "id", "n")
	sqldbtest.Each(t, thing(), func(t *testing.T, db *sqldb.DB) {
		rapid.Check(t, func(rt *rapid.T) {
			ops := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) op {
				return op{
					keys: rapid.SliceOfN(rapid.IntRange(0, 40), 1, 4).Draw(rt, "keys"),
					end:  rapid.SampledFrom([]string{"return", "return", "append", "append", "error", "panic", "swallow", "cancelled"}).Draw(rt, "end"),
				}
			}), 1, 24).Draw(rt, "ops")
			err := db.Write(context.Background(), func(tx *sqldb.Tx) error {
				_, err := tx.Exec("DELETE FROM thing")
				return err
			})
			if err != nil {
				rt.Fatal(err)
			}
			answered := make([]bool, len(ops))
			var wg sync.WaitGroup
			for i, o := range ops {
				wg.Go(func() {
					stored, err := o.do(context.Background(), db, table, i)
					if !stored && err == nil || !stored && !sqldb.IsUnique(err) && !errors.Is(err, errMine) && !errors.Is(err, context.Canceled) {
						rt.Errorf("op %d %+v: %v", i, o, err)
					}
					answered[i] = stored
				})
			}
			wg.Wait()
			want := map[string]int{}
			for i, o := range ops {
				if answered[i] {
					for _, k := range o.keys {
						if other, taken := want[fmt.Sprint(k)]; taken {
							rt.Errorf("ops %d and %d were both told that they have key %d", other, i, k)
						}
						want[fmt.Sprint(k)] = i
					}
				}
			}
			if got := things(t, db); fmt.Sprint(got) != fmt.Sprint(want) {
				rt.Errorf("stored %v, answered %v", got, want)
			}
		})
	})
}
