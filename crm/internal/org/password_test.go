package org_test

import (
	"context"
	"sync"
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

// Logins of one user are decided one at a time; who comes into a flood of them is told to come again.
func TestLoginsOfAUserDoNotPileUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := stuck{release: make(chan struct{})}
		d := &directory{user: org.User{Org: "o", ID: "u"}}
		p := org.NewPasswords(known(d, time.Now), store, clock.NewDomain(nil))
		var wg sync.WaitGroup
		var mu sync.Mutex
		busy := 0
		for range 50 {
			wg.Go(func() {
				_, err := p.Check(t.Context(), org.Attempt{Username: "u@o.example", Given: "wrong"})
				mu.Lock()
				defer mu.Unlock()
				if fault.KindOf(err) == fault.Unavailable {
					busy++
				}
			})
		}
		<-time.After(5 * time.Second) // of the bubble's own time
		synctest.Wait()
		mu.Lock()
		if busy != 49 {
			t.Errorf("%d of 49 who waited were told", busy)
		}
		mu.Unlock()
		close(store.release)
		wg.Wait()
	})
}
