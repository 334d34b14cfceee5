package sqlstore_test

import (
	"sync"
	"testing"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/orgtest"
	"github.com/twinspan/twinspan/crm/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

func TestCredentialsCountEveryFailure(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		o := h.MakeOrg(t, "acme")
		s, ctx := h.Store, t.Context()
		if _, err := s.Credential(ctx, o.ID, o.Normal.User); fault.KindOf(err) != fault.NotFound {
			t.Errorf("a user without a password: %v", err)
		}
		put := func(c org.Credential) {
			t.Helper()
			if err := s.DB().Write(ctx, func(tx *sqldb.Tx) error { return sqlstore.PutCredential(tx, c) }); err != nil {
				t.Fatal(err)
			}
		}
		read := func() org.Credential {
			t.Helper()
			c, err := s.Credential(ctx, o.ID, o.Normal.User)
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		c := org.Credential{Org: o.ID, User: o.Normal.User, PasswordHash: "hash", SecurityTokenHash: []byte{1, 2}, SecurityTokenLength: 24, PasswordChanged: orgtest.Start}
		put(c)
		if got := read(); got.PasswordHash != "hash" || string(got.SecurityTokenHash) != "\x01\x02" || got.SecurityTokenLength != 24 || !got.LockedUntil.IsZero() || got.Failures != 0 {
			t.Errorf("credential %+v", got)
		}
		now, until := orgtest.Start, orgtest.Start.Add(15*time.Minute)
		fail := func(n int, now, until time.Time) {
			t.Helper()
			var wg sync.WaitGroup
			for range n {
				wg.Go(func() {
					if err := s.CountFailure(ctx, o.ID, o.Normal.User, 10, now, until); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
		}
		fail(9, now, until)
		if got := read(); got.Failures != 9 || !got.LockedUntil.IsZero() {
			t.Errorf("after nine: %+v", got)
		}
		fail(3, now, until) // two of them meet the lock
		if got := read(); got.Failures != 0 || !got.LockedUntil.Equal(until) {
			t.Errorf("after ten: %+v", got)
		}
		fail(1, until, until.Add(time.Hour)) // the lock is over: the first of a new count
		if got := read(); got.Failures != 1 || !got.LockedUntil.IsZero() {
			t.Errorf("after the lock: %+v", got)
		}
		if err := s.ClearFailures(ctx, o.ID, o.Normal.User); err != nil || read().Failures != 0 {
			t.Errorf("cleared: %v", err)
		}
		fail(10, now, until)
		c.PasswordHash = "new"
		put(c)
		if got := read(); got.PasswordHash != "new" || !got.LockedUntil.IsZero() {
			t.Errorf("a new password leaves the lock: %+v", got)
		}
	})
}

func TestOneSigningKey(t *testing.T) {
	t.Parallel()
	orgtest.Each(t, func(t *testing.T, h *orgtest.House) {
		s, ctx := h.Store, t.Context()
		if _, err := s.SigningKey(ctx); fault.KindOf(err) != fault.NotFound {
			t.Errorf("before: %v", err)
		}
		for _, id := range []string{"first", "second"} {
			k, err := s.AddSigningKey(ctx, org.SigningKey{KeyID: id, Sealed: []byte(id)})
			if err != nil || k.KeyID != "first" || string(k.Sealed) != "first" {
				t.Errorf("adding %s gave %+v, %v", id, k, err)
			}
		}
	})
}
