package sqldb_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// session is a table as the org's sessions are: a hash and a packed record, appended for each token.
func session() []sqldb.Migrations {
	return []sqldb.Migrations{{Name: "session", FS: fstest.MapFS{"00001_session.sql": {Data: []byte(
		"-- +goose Up\nCREATE TABLE session (hash BYTEA NOT NULL, org_id TEXT NOT NULL, user_id TEXT NOT NULL, created BIGINT NOT NULL, expires BIGINT NOT NULL, data TEXT NOT NULL);\n" +
			"CREATE TABLE point (id TEXT PRIMARY KEY, body TEXT NOT NULL);\n")}}}}
}

// callers runs op from n goroutines and reports the CPU of the whole process per operation.
func callers(b *testing.B, db *sqldb.DB, n int, op func(ctx context.Context, i int64) error) {
	b.Helper()
	var next atomic.Int64
	ctx, cancel := context.WithCancel(b.Context()) // as a request's is: it can end
	defer cancel()
	groups := sqldb.Groups(db)
	cpu := cpuTime(b)
	b.ResetTimer()
	done := make(chan error, n)
	for range n {
		go func() {
			for {
				i := next.Add(1)
				if i > int64(b.N) {
					done <- nil
					return
				}
				if err := op(ctx, i); err != nil {
					done <- err
					return
				}
			}
		}()
	}
	for range n {
		if err := <-done; err != nil {
			b.Error(err)
		}
	}
	if groups = sqldb.Groups(db) - groups; groups > 0 {
		b.ReportMetric(float64(b.N)/float64(groups), "writes/commit")
	}
	b.ReportMetric(float64((cpuTime(b)-cpu).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// open opens a database as the program does: with every commit on the disk.
func open(b *testing.B, kind string) *sqldb.DB {
	b.Helper()
	db, err := sqldb.Open(b.Context(), sqldb.Options{DSN: sqldbtest.DSN(b, kind), Migrations: session()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	})
	return db
}

func BenchmarkAppend(b *testing.B) {
	table := sqldb.NewAppend("session", "hash", "org_id", "user_id", "created", "expires", "data")
	for _, kind := range sqldbtest.Kinds {
		for _, n := range []int{1, 32, 128} {
			b.Run(fmt.Sprintf("%s/callers=%d", kind, n), func(b *testing.B) {
				db := open(b, kind)
				callers(b, db, n, func(ctx context.Context, i int64) error {
					hash := make([]byte, 32)
					_, _ = rand.Read(hash)
					return db.Append(ctx, table, []any{hash, "00D000000000001AAA", "005000000000001AAA", i, i + 7200000, `{"scopes":"api web","app":"3MVG9"}`})
				})
			})
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	for _, kind := range sqldbtest.Kinds {
		for _, n := range []int{1, 32, 128} {
			b.Run(fmt.Sprintf("%s/callers=%d", kind, n), func(b *testing.B) {
				db := open(b, kind)
				callers(b, db, n, func(ctx context.Context, i int64) error {
					hash := make([]byte, 32)
					_, _ = rand.Read(hash)
					return db.Write(ctx, func(tx *sqldb.Tx) error {
						_, err := tx.Exec("INSERT INTO session (hash, org_id, user_id, created, expires, data) VALUES ($1, $2, $3, $4, $5, $6)",
							hash, "00D000000000001AAA", "005000000000001AAA", i, i+7200000, `{"scopes":"api web","app":"3MVG9"}`)
						return err
					})
				})
			})
		}
	}
}

func BenchmarkQueryRow(b *testing.B) {
	for _, kind := range sqldbtest.Kinds {
		b.Run(kind, func(b *testing.B) {
			db := open(b, kind)
			err := db.Write(b.Context(), func(tx *sqldb.Tx) error {
				for i := range 1000 {
					if _, err := tx.Exec("INSERT INTO point (id, body) VALUES ($1, $2)", fmt.Sprintf("%018d", i), "a body of some forty characters, more or less"); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
			callers(b, db, 4, func(ctx context.Context, i int64) error {
				var body string
				return db.QueryRow(ctx, "SELECT body FROM point WHERE id = $1", fmt.Sprintf("%018d", i%1000)).Scan(&body)
			})
		})
	}
}
