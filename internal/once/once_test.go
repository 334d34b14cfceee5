package once_test

import (
	"context"
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/once"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
	"github.com/twinspan/twinspan/internal/ui"
)

// TestDo: of a form's key and fields the first is done; one that was refused or failed may come again.
func TestDo(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, []sqldb.Migrations{once.Migrations}, func(t *testing.T, db *sqldb.DB) {
		now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
		machine := func() time.Time { return now }
		for name, forms := range map[string]once.Forms{"stored": once.Stored{DB: db, Now: machine}, "held": once.NewHeld(machine)} {
			form := func(key, text string) url.Values { return url.Values{ui.KeyField: {key}, "name": {text}} }
			failed := errors.New("failed")
			for i, c := range []struct {
				path    string
				form    url.Values
				more    string
				refused bool
				err     error
				later   time.Duration
				done    bool
			}{
				{path: "/a", form: form("k1", "x"), done: true},
				{path: "/a", form: form("k1", "x"), done: false},
				{path: "/a", form: form("k1", "y"), done: true}, // went back and changed it
				{path: "/b", form: form("k1", "x"), done: true},
				{path: "/a", form: form("k1", "x"), more: "a file", done: true},
				{path: "/a", form: form("k2", "x"), done: true},
				{path: "/a", form: form("k3", "x"), refused: true, done: true},
				{path: "/a", form: form("k3", "x"), err: failed, done: true},
				{path: "/a", form: form("k3", "x"), done: true},
				{path: "/a", form: form("k3", "x"), done: false},
				{path: "/a", form: form("", "x"), done: true},
				{path: "/a", form: form("", "x"), done: true},
				{path: "/a", form: form("k3", "x"), later: 25 * time.Hour, done: true}, // as old as no page is
			} {
				now = now.Add(c.later)
				done := false
				err := once.Do(context.Background(), forms, c.path, c.form, []byte(c.more), func() (bool, error) {
					done = true
					return c.refused, c.err
				})
				if twice := fault.CodeOf(err) == once.CodeSentTwice; done != c.done || twice == c.done || !twice && !errors.Is(err, c.err) {
					t.Errorf("%s %d: done %v, %v", name, i, done, err)
				}
			}
		}
	})
}
