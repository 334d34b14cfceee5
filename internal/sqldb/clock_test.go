package sqldb_test

import (
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// TestClock: machines whose clocks are minutes apart agree on the time of the server that they share.
func TestClock(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, nil, func(t *testing.T, db *sqldb.DB) {
		wrong := 30 * time.Second
		machine := func() time.Time { return time.Now().Add(wrong) }
		c, err := db.Clock(t.Context(), machine)
		if err != nil {
			t.Fatal(err)
		}
		off := time.Until(c.Now())
		switch {
		case db.Postgres() && off.Abs() > 5*time.Second:
			t.Errorf("the shared time is %v off", off)
		case !db.Postgres() && (off > wrong || off < wrong-5*time.Second):
			t.Errorf("the machine's own time is %v off", off)
		}
		wrong = -time.Hour // it drifts, and is measured anew
		if err := c.Measure(t.Context()); err != nil {
			t.Fatal(err)
		}
		if off := time.Until(c.Now()); db.Postgres() && off.Abs() > 5*time.Second {
			t.Errorf("the shared time is %v off", off)
		}
	})
}
