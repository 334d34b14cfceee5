package sqldb_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/lossyfs"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// asOpened leaves synchronous as Open sets it for a house's data, so that these tests are about that and not about FULL.
const asOpened = ""

// lossy opens a database on a file layer that forgets what is not synced. It moves its log into the file every 40 pages,
// so that the power also fails in the middle of that.
func lossy(t *testing.T, synchronous string) (*sqldb.DB, *lossyfs.FS) {
	t.Helper()
	layer, err := lossyfs.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := layer.Close(); err != nil {
			t.Error(err)
		}
	})
	db, err := sqldb.OpenOn(t.Context(), filepath.Join(t.TempDir(), "house.db"), layer.Name(), synchronous, 40, sqldb.Options{Migrations: thing()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db, layer
}

// ledger is what callers have been told, kept outside of the database.
type ledger struct {
	mu    sync.Mutex
	acked map[string]int
}

func (l *ledger) ack(id string, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acked[id] = n
}

func (l *ledger) copy() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.acked)
}

// cut is a power cut: what had been acknowledged before it, and the folder with what the disk holds after it.
type cut struct {
	acked  map[string]int
	folder string
}

func cutPower(t *testing.T, l *ledger, layer *lossyfs.FS, folder string, seed uint64) cut {
	c := cut{l.copy(), folder} // first the ledger: what is acknowledged from here on need not be there
	if err := layer.PowerCut(folder, rand.New(rand.NewPCG(seed, 1))); err != nil {
		t.Error(err)
	}
	return c
}

// lost opens what a cut has left and counts the acknowledged writes that are not there. It fails the test for a
// database that does not open, is damaged, or holds something that nobody wrote or half of something.
func (c cut) lost(t *testing.T) int {
	t.Helper()
	db, err := sqldb.Open(t.Context(), sqldb.Options{DSN: filepath.Join(c.folder, "house.db"), Migrations: thing(), Relaxed: true})
	if err != nil {
		t.Errorf("opening after the cut: %v", err)
		return 0
	}
	defer db.Close()
	var integrity string
	if err := db.QueryRow(t.Context(), "PRAGMA integrity_check").Scan(&integrity); err != nil || integrity != "ok" {
		t.Errorf("after the cut: %s %v", integrity, err)
	}
	stored := things(t, db)
	lost := 0
	for id, n := range c.acked {
		if got, there := stored[id]; !there {
			lost++
		} else if got != n {
			t.Errorf("%s is %d, not %d", id, got, n)
		}
	}
	for id := range stored {
		if whole, twin := strings.CutSuffix(id, "/twin"); twin {
			if _, there := stored[whole]; !there {
				t.Errorf("half of %s is there", whole)
			}
		} else if _, there := stored[id+"/twin"]; !there {
			t.Errorf("half of %s is there", id)
		}
	}
	return lost
}

// storeTwins stores two rows that belong together, by Write or by Append.
func storeTwins(t *testing.T, db *sqldb.DB, l *ledger, r *rand.Rand, id string, n int) {
	body := make([]byte, r.IntN(2000))
	var err error
	if r.IntN(2) == 0 {
		err = db.Append(t.Context(), twins, []any{id, n, body}, []any{id + "/twin", n, nil})
	} else {
		err = db.Write(t.Context(), func(tx *sqldb.Tx) error {
			for _, id := range []string{id, id + "/twin"} {
				if _, err := tx.Exec("INSERT INTO thing (id, n, body) VALUES ($1, $2, $3)", id, n, body); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		t.Error(err)
		return
	}
	l.ack(id, n)
	l.ack(id+"/twin", n)
}

var twins = sqldb.NewAppend("thing", "id", "n", "body")

// cutsUnderLoad has writers at work and cuts the power at random moments.
func cutsUnderLoad(t *testing.T, synchronous string, writers, each, cuts int) []cut {
	t.Helper()
	db, layer := lossy(t, synchronous)
	l := &ledger{acked: map[string]int{}}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	folders := make(chan string, cuts)
	for range cuts {
		folders <- t.TempDir()
	}
	close(folders)
	var mu sync.Mutex
	var done []cut
	var ops atomic.Int64
	var wg sync.WaitGroup
	for g := range writers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(g)))
			for i := range each {
				storeTwins(t, db, l, r, fmt.Sprintf("%d-%d", g, i), i)
				if ops.Add(1)%int64(writers*each/cuts) == 0 { // while the others are in the middle of whatever they do
					if folder, more := <-folders; more {
						c := cutPower(t, l, layer, folder, r.Uint64())
						mu.Lock()
						done = append(done, c)
						mu.Unlock()
					}
				}
			}
		})
	}
	wg.Wait()
	if len(done) != cuts {
		t.Fatalf("%d cuts, not %d", len(done), cuts)
	}
	return done
}

func TestNoAcknowledgedWriteIsLostInAPowerCut(t *testing.T) {
	t.Parallel()
	acked := 0
	cuts := cutsUnderLoad(t, asOpened, 8, 200, 40)
	for _, c := range cuts {
		acked = max(acked, len(c.acked))
		if n := c.lost(t); n > 0 {
			t.Errorf("%d of %d acknowledged writes are lost", n, len(c.acked))
		}
	}
	t.Logf("%d cuts, up to %d acknowledged rows, none lost", len(cuts), acked)
}

// The same test on a database that does not sync each commit: it must see the loss, or it is worth nothing.
func TestThePowerCutSeesLossWithoutSync(t *testing.T) {
	t.Parallel()
	acked, lost := 0, 0
	cuts := cutsUnderLoad(t, "NORMAL", 8, 60, 12)
	for _, c := range cuts {
		acked += len(c.acked)
		lost += c.lost(t)
	}
	if lost == 0 {
		t.Errorf("%d cuts at NORMAL lost nothing of %d", len(cuts), acked)
	}
	t.Logf("%d cuts lost %d of %d acknowledged rows", len(cuts), lost, acked)
}

// Every moment of a short history: the power is cut after each single write and sync that SQLite does.
func TestAPowerCutAfterEveryStep(t *testing.T) {
	t.Parallel()
	db, layer := lossy(t, asOpened)
	l := &ledger{acked: map[string]int{}}
	r := rand.New(rand.NewPCG(1, 2))
	var cuts []cut
	layer.OnEvent(func() { // called by the one writer, so by one goroutine
		cuts = append(cuts, cutPower(t, l, layer, t.TempDir(), uint64(len(cuts))))
	})
	for i := range 14 {
		storeTwins(t, db, l, r, fmt.Sprint(i), i)
	}
	layer.OnEvent(nil)
	if len(cuts) < 60 {
		t.Fatalf("only %d steps", len(cuts))
	}
	for i, c := range cuts {
		if n := c.lost(t); n > 0 {
			t.Errorf("after step %d of %d: %d of %d acknowledged writes are lost", i, len(cuts), n, len(c.acked))
		}
	}
	t.Logf("%d steps", len(cuts))
}

func TestWritingStopsWhenASyncFails(t *testing.T) {
	t.Parallel()
	db, layer := lossy(t, asOpened)
	if err := db.Write(t.Context(), insert("before", 1)); err != nil {
		t.Fatal(err)
	}
	layer.FailSyncs(true)
	if err := db.Write(t.Context(), insert("during", 1)); !errors.Is(err, sqldb.ErrUnknownOutcome) || !errors.Is(err, sqldb.ErrStopped) {
		t.Errorf("the write whose sync failed: %v", err)
	}
	layer.FailSyncs(false)
	ran := false
	if err := db.Write(t.Context(), func(*sqldb.Tx) error { ran = true; return nil }); !errors.Is(err, sqldb.ErrStopped) || ran {
		t.Errorf("the next write: %v, ran %v", err, ran)
	}
	if err := db.Append(t.Context(), twins, []any{"after", 1, nil}); !errors.Is(err, sqldb.ErrStopped) {
		t.Errorf("the next append: %v", err)
	}
	if got := things(t, db); got["before"] != 1 {
		t.Errorf("reading: %v", got)
	}
}

// A full disk is no broken one: the writes that meet it fail, and when there is room again writing goes on.
func TestAFullDisk(t *testing.T) {
	t.Parallel()
	db, layer := lossy(t, asOpened)
	if err := db.Write(t.Context(), insert("before", 1)); err != nil {
		t.Fatal(err)
	}
	layer.FillDisk(true)
	var wg sync.WaitGroup
	for i := range 5 {
		wg.Go(func() {
			if err := db.Write(t.Context(), insert(fmt.Sprint("during", i), 1)); !errors.Is(err, sqldb.ErrUnknownOutcome) {
				t.Errorf("a write: %v", err)
			}
		})
	}
	wg.Wait()
	err := db.Write(t.Context(), func(tx *sqldb.Tx) error { // more than the cache holds, so that a statement meets the full disk
		for i := range 30 {
			if _, err := tx.Exec("INSERT INTO thing (id, n, body) VALUES ($1, 1, $2)", fmt.Sprint("big", i), make([]byte, 1<<20)); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil || errors.Is(err, sqldb.ErrUnknownOutcome) || errors.Is(err, sqldb.ErrStopped) {
		t.Errorf("a big write: %v", err)
	}
	layer.FillDisk(false)
	if err := db.Write(t.Context(), insert("after", 1)); err != nil {
		t.Errorf("when there is room again: %v", err)
	}
	got := things(t, db)
	if got["before"] != 1 || got["after"] != 1 || got["big0"] != 0 {
		t.Errorf("stored: %v", got)
	}
}

// A statement can make SQLite undo the whole transaction; the others of its group then run again, alone.
func TestALostGroupHurtsOnlyTheGuilty(t *testing.T) {
	t.Parallel()
	db := sqldbtest.Open(t, sqldbtest.DSN(t, "sqlite"), thing())
	if err := db.Write(t.Context(), insert("taken", 0)); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	const n = 200
	for i := range n {
		wg.Go(func() {
			var err error
			switch i % 20 {
			case 7:
				err = db.Write(t.Context(), func(tx *sqldb.Tx) error {
					_, err := tx.Exec("INSERT OR ROLLBACK INTO thing (id, n) VALUES ('taken', 1)")
					return err
				})
				if !sqldb.IsUnique(err) {
					t.Errorf("the guilty one: %v", err)
				}
				return
			case 3, 4, 5:
				err = db.Append(t.Context(), twins, []any{fmt.Sprint(i), i, nil})
			default:
				err = db.Write(t.Context(), insert(fmt.Sprint(i), i))
			}
			if err != nil {
				t.Errorf("caller %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	if got := len(things(t, db)); got != 1+n-n/20 {
		t.Errorf("%d rows", got)
	}
}

func TestTransactionsAreNotForTheFunctionToEnd(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, thing(), func(t *testing.T, db *sqldb.DB) {
		for _, text := range []string{"COMMIT", " rollback to one", "\nBEGIN;", "SAVEPOINT two", "end", "RELEASE one", "abort", "START TRANSACTION"} {
			err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
				_ = insert("a", 1)(tx)
				_, err := tx.Exec(text)
				return err
			})
			if err == nil {
				t.Errorf("%s is accepted", text)
			}
		}
		if got := things(t, db); len(got) != 0 {
			t.Errorf("stored: %v", got)
		}
	})
}
