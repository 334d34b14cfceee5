package org_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
)

// stuck is a credential store that does not answer.
type stuck struct {
	org.CredentialStore
	release chan struct{}
}

func (s stuck) Credential(context.Context, org.ID, org.ID) (org.Credential, error) {
	<-s.release
	return org.Credential{}, fault.New(fault.NotFound, org.CodeNotFound, "none")
}

func (stuck) CountNobody(context.Context, time.Time) error { return nil }

// nowhere is a directory without users, which holds its answers back.
type nowhere struct {
	*directory
	release chan struct{}
}

func (n nowhere) UserByUsername(context.Context, string) (org.User, error) {
	<-n.release
	return org.User{}, fault.New(fault.NotFound, org.CodeNotFound, "none")
}

// Logins of one name are decided one at a time, whether anybody has it or not; who comes into a flood of them is told to
// come again, and cannot tell from that who exists (security LG-08, LG-10).
func TestLoginsOfANameDoNotPileUp(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"somebody", "nobody"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := stuck{release: make(chan struct{})}
				var dir org.Directory = &directory{user: org.User{Org: "o", ID: "u"}}
				if name == "nobody" {
					dir = nowhere{&directory{}, store.release}
				}
				p := org.NewPasswords(org.NewKnown(dir, noGrants{}, time.Now, nil), store, clock.NewDomain(nil))
				var wg sync.WaitGroup
				var busy atomic.Int64
				for i := range 50 {
					wg.Go(func() {
						checked, err := p.Check(t.Context(), org.Attempt{Username: []string{"u@o.example", "U@O.example"}[i%2], Given: "wrong"})
						if fault.KindOf(err) == fault.Unavailable && checked.User.ID == "" && checked.Status == "" {
							busy.Add(1)
						}
					})
				}
				<-time.After(5 * time.Second) // of the bubble's own time
				synctest.Wait()
				if busy.Load() != 49 {
					t.Errorf("%d of 49 who waited were told", busy.Load())
				}
				close(store.release)
				wg.Wait()
			})
		})
	}
}
