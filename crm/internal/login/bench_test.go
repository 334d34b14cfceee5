package login_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// benchHouse is a house on a durable SQLite file.
func benchHouse(b *testing.B) *house {
	b.Helper()
	db, err := sqldb.Open(b.Context(), sqldb.Options{
		DSN: filepath.Join(b.TempDir(), "bench.db"), Migrations: []sqldb.Migrations{sqlstore.Migrations()},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	return newHouse(b, db)
}

// parallel runs 64 callers on each core, as 128 connections would, and reports CPU time per operation.
func parallel(b *testing.B, fn func() int, want int) {
	b.Helper()
	b.SetParallelism(64)
	before := cpu()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if got := fn(); got != want {
				b.Errorf("status %d", got)
				return
			}
		}
	})
	b.StopTimer()
	b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-us/op")
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func tokenCall(h http.Handler, body string) int {
	r := httptest.NewRequest(http.MethodPost, "/services/oauth2/token", strings.NewReader(body))
	r.Header.Set("Content-Type", formContent)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}

// BenchmarkJWTBearer is the whole grant through the handler. Compare with BenchmarkFloor in the same run.
func BenchmarkJWTBearer(b *testing.B) {
	h := benchHouse(b)
	body := form("grant_type", jwtBearer, "assertion", h.assertion(nil)).Encode()
	handler := h.handler
	parallel(b, func() int { return tokenCall(handler, body) }, 200)
}

// BenchmarkJWTBearerOnce is the grant with assertions that are good once, which costs a transaction each.
func BenchmarkJWTBearerOnce(b *testing.B) {
	h := benchHouse(b)
	bodies := make([]string, 2000)
	for i := range bodies {
		bodies[i] = form("grant_type", jwtBearer, "assertion", h.assertion(func(c *oauth.Claims) { c.ID = oauth.NewToken(16) })).Encode()
	}
	handler := h.handler
	var n atomic.Int64
	b.SetParallelism(64)
	before := cpu()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := int(n.Add(1)) - 1
			if got := tokenCall(handler, bodies[i%len(bodies)]); got != 200 && i < len(bodies) {
				b.Errorf("status %d", got)
				return
			}
		}
	})
	b.StopTimer()
	b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-us/op")
}

// BenchmarkFloor is the least that a grant can be: read the form, verify one RSA-2048 signature, keep one row.
func BenchmarkFloor(b *testing.B) {
	h := benchHouse(b)
	if err := h.store.DB().Write(b.Context(), func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`CREATE TABLE floor (id BIGINT PRIMARY KEY, hash BYTEA NOT NULL)`)
		return err
	}); err != nil {
		b.Fatal(err)
	}
	var n atomic.Int64
	rows := sqldb.NewAppend("floor", "id", "hash")
	key := &h.org.key.PublicKey
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(500)
			return
		}
		values, err := url.ParseQuery(string(body))
		if err != nil {
			w.WriteHeader(500)
			return
		}
		compact := values.Get("assertion")
		end := strings.LastIndexByte(compact, '.')
		sum := sha256.Sum256([]byte(compact[:end]))
		sig, err := base64.RawURLEncoding.DecodeString(compact[end+1:])
		if err != nil || rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], sig) != nil {
			w.WriteHeader(500)
			return
		}
		if err := h.store.DB().Append(r.Context(), rows, []any{n.Add(1), sum[:]}); err != nil {
			w.WriteHeader(500)
			return
		}
		_, _ = w.Write([]byte(`{"access_token":"x"}`))
	})
	body := form("grant_type", jwtBearer, "assertion", h.assertion(nil)).Encode()
	parallel(b, func() int { return tokenCall(handler, body) }, 200)
}

// BenchmarkAuthenticate is finding the session of an access token.
func BenchmarkAuthenticate(b *testing.B) {
	h := benchHouse(b)
	token := h.bearerToken()
	parallel(b, func() int {
		if _, err := h.login.Authenticate(b.Context(), token, here); err != nil {
			return 401
		}
		return 200
	}, 200)
}
