package login_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/tenanttest"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// The grants and the look-up of a token, without a network, on SQLite without fsync: what they cost in CPU.

func benchmark(b *testing.B) *house {
	b.Helper()
	h := newHouse(b, sqldbtest.DSN(b, "sqlite"), tenanttest.Spec())
	h.make(h.House)
	return h
}

func (h *house) run(b *testing.B, request func(i int) *http.Request) {
	b.Helper()
	requests := make(chan *http.Request, b.N)
	for i := range b.N {
		requests <- request(i)
	}
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			w := httptest.NewRecorder()
			if h.handler.ServeHTTP(w, <-requests); w.Code != http.StatusOK {
				b.Errorf("%d %s", w.Code, w.Body)
				return
			}
		}
	})
}

func post(body string) *http.Request {
	r := httptest.NewRequest("POST", "/v2/token", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return r
}

func BenchmarkJWTBearer(b *testing.B) {
	h := benchmark(b)
	h.sign(h.Connect, h.Sender)
	bodies := make([]string, b.N)
	for i := range bodies {
		bodies[i] = h.json(h.assert(h.Sender, func(c *oauth.Claims) { c.Expires = h.clock.Now(h.EID).Add(5 * time.Minute) }))
	}
	h.run(b, func(i int) *http.Request { return post(bodies[i]) })
}

func BenchmarkClientCredentials(b *testing.B) {
	h := benchmark(b)
	body := h.json(h.server(nil))
	h.run(b, func(int) *http.Request { return post(body) })
}

func BenchmarkAuthenticate(b *testing.B) {
	h := benchmark(b)
	h.sign(h.Connect, h.Sender)
	token := h.granted(h.token(h.assert(h.Sender, nil)))
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		if _, err := h.auth.Token(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}
