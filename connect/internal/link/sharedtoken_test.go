package link_test

import (
	"crypto/sha256"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/linktest"
	"github.com/twinspan/twinspan/connect/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// replicas are processes on one PostgreSQL database, each with a connection pool and a memory of its own.
func (w *legacyWorld) replicas(t *testing.T, dsn string, n int) []*link.Service {
	t.Helper()
	all := make([]*link.Service, n)
	for i := range all {
		store, err := sqlstore.Open(t.Context(), sqlstore.Options{DSN: dsn})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := store.Close(); err != nil {
				t.Error(err)
			}
		})
		tr := client.NewTransport()
		t.Cleanup(tr.CloseIdleConnections)
		all[i] = link.NewService(store, link.NewKeyring(store, w.vault), &http.Client{Transport: tr, Timeout: time.Minute}, nil)
		all[i].SignInReturn("http://connect.example/callback")
	}
	return all
}

// Many callers in several processes fetch the token of a span's own user once, and once more where the cloud no longer takes
// it. A process that died while it fetched is waited for until its lease is over, and no longer.
func TestTokensAreShared(t *testing.T) {
	t.Parallel()
	dsn := sqldbtest.DSN(t, "postgres")
	w := newLegacyWorldAt(t, dsn)
	l := w.link(t)
	const login, token = "POST /services/Soap/u/65.0", "POST /v2/token"
	logins, pages := w.org.Calls(login), w.tenant.Calls(token)
	want := func(when string, more int) {
		t.Helper()
		logins, pages = logins+more, pages+more
		if o, p := w.org.Calls(login), w.tenant.Calls(token); o != logins || p != pages {
			t.Errorf("%s: %d logins into the org and %d into the tenant, want %d and %d", when, o, p, logins, pages)
		}
	}
	calls := func(services []*link.Service) {
		t.Helper()
		var wg sync.WaitGroup
		for n := range 12 {
			s := services[n%len(services)]
			wg.Go(func() {
				if err := s.CallOrg(t.Context(), l, func(org *crm.Session) error { _, err := org.UserInfo(t.Context()); return err }); err != nil {
					t.Errorf("into the org: %v", err)
				}
			})
			wg.Go(func() {
				if err := s.CallTenant(t.Context(), l, func(tenant *engagement.Session) error { _, err := tenant.UserInfo(t.Context()); return err }); err != nil {
					t.Errorf("into the tenant: %v", err)
				}
			})
		}
		wg.Wait()
	}
	three := w.replicas(t, dsn, 3)
	calls(three)
	want("at first", 1)
	calls(append(w.replicas(t, dsn, 1), three...))
	want("with one process more", 0)

	w.org.DropTokens()
	calls(three)
	w.tenant.DropTokens()
	calls(three)
	want("when they are no longer taken", 1)

	// A check asks the clouds anew, whatever anybody remembers.
	if _, err := three[0].Check(t.Context(), linktest.Pair); err != nil {
		t.Fatal(err)
	}
	if o := w.org.Calls(login); o != logins+1 {
		t.Errorf("a check logged in %d times", o-logins)
	}
	logins, pages = w.org.Calls(login), w.tenant.Calls(token)
	calls(w.replicas(t, dsn, 1))
	want("after a check", 0)
}

// A lease keeps others from fetching until it is over or settled, and nobody settles another's.
func TestSharedTokenLeases(t *testing.T) {
	t.Parallel()
	for _, kind := range sqldbtest.Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			store := newLegacyWorld(t, kind).store
			ctx, now := t.Context(), time.Now()
			one, two := sha256.Sum256([]byte("one")), sha256.Sum256([]byte("two"))
			lease := func(key [32]byte, after time.Duration) (int64, bool) {
				t.Helper()
				at := now.Add(after)
				revision, ok, err := store.LeaseSharedToken(ctx, linktest.Pair, link.IntoOrg, key[:], link.LeaseTimes{Now: at, Until: at.Add(time.Minute), Domain: at})
				if err != nil {
					t.Fatal(err)
				}
				return revision, ok
			}
			settle := func(key [32]byte, revision int64, token string) {
				t.Helper()
				s := link.SharedToken{Pair: linktest.Pair, Direction: link.IntoOrg, Key: key[:], Revision: revision}
				if token != "" {
					hash := sha256.Sum256([]byte(token))
					s.Sealed, s.Hash, s.Expires = []byte(token), hash[:], now.Add(time.Hour)
				}
				if err := store.SettleSharedToken(ctx, s); err != nil {
					t.Fatal(err)
				}
			}
			stored := func(key [32]byte, token string) {
				t.Helper()
				s, err := store.SharedToken(ctx, linktest.Pair, link.IntoOrg, key[:])
				if err != nil || string(s.Sealed) != token {
					t.Errorf("%q is stored, %v; want %q", s.Sealed, err, token)
				}
			}
			dead, ok := lease(one, 0)
			if !ok {
				t.Fatal("no lease at first")
			}
			if _, ok := lease(one, 59*time.Second); ok {
				t.Error("two leases at a time")
			}
			second, ok := lease(one, time.Minute)
			if !ok {
				t.Fatal("a lease does not end")
			}
			settle(one, dead, "late")
			stored(one, "")
			settle(one, second, "good")
			stored(one, "good")
			if _, ok := lease(one, 59*time.Minute); ok {
				t.Error("a token that is good is fetched anew")
			}
			if third, ok := lease(one, time.Hour); !ok {
				t.Error("a token that has expired is not fetched anew")
			} else {
				settle(one, third, "") // the cloud did not answer
			}
			fourth, ok := lease(one, time.Hour)
			if !ok {
				t.Fatal("a lease that was given back is held")
			}
			other, ok := lease(two, time.Hour) // another user was connected meanwhile
			if !ok {
				t.Fatal("a lease for another user's token")
			}
			settle(one, fourth, "of before")
			settle(two, other, "his")
			stored(one, "")
			stored(two, "his")
			wrong, right := sha256.Sum256([]byte("another")), sha256.Sum256([]byte("his"))
			for _, c := range []struct {
				hash []byte
				left string
			}{{wrong[:], "his"}, {right[:], ""}, {nil, ""}} {
				if err := store.DropSharedToken(ctx, linktest.Pair, link.IntoOrg, c.hash); err != nil {
					t.Fatal(err)
				}
				stored(two, c.left)
			}
		})
	}
}
