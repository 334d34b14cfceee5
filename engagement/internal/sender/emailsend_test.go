package sender_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/twinspan/twinspan/engagement/internal/sender/sendertest"
	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// A send spreads over more than one part of its lists; whoever spreads it beside others, or again, makes no second message.
// Where a list is taken away meanwhile, the send says so.
func TestSpreadingIsDoneOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		k := sendertest.New(t, db, sendertest.Options{Idle: true})
		p := sendertest.Principal(sendertest.Top)
		lists := make([]tenant.List, 2)
		for i := range lists {
			var err error
			if lists[i], err = k.Lists.Create(t.Context(), p, tenant.List{Name: "List"}); err != nil {
				t.Fatal(err)
			}
		}
		const members = 90
		for i := range members {
			sub, err := k.Subscribers.Create(t.Context(), p, tenant.SubscriberChange{Address: fmt.Sprintf("s%d@example.com", i)})
			if err != nil {
				t.Fatal(err)
			}
			on := []tenant.MemberChange{{List: lists[0].ID, Status: tenant.SubscriberActive}}
			if i%2 == 0 {
				on = append(on, tenant.MemberChange{List: lists[1].ID, Status: tenant.SubscriberActive})
			}
			if err := k.Lists.SetMembers(t.Context(), p, sub.ID, on); err != nil {
				t.Fatal(err)
			}
		}
		start := func() tenant.EmailSend {
			t.Helper()
			send, err := k.EmailSends.Start(t.Context(), p, tenant.EmailSendRequest{
				Email: tenant.EmailRef{Key: "welcome-email"}, Audience: tenant.Audience{Sources: []tenant.AudienceSource{{List: lists[0].ID}, {List: lists[1].ID}}},
			})
			if err != nil {
				t.Fatal(err)
			}
			return send
		}
		send := start()
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() {
				if err := k.EmailSends.Spread(t.Context(), sendertest.EID, send.ID); err != nil {
					t.Error(err)
				}
			})
		}
		both.Wait()
		count := func(id int64) (n int) {
			t.Helper()
			if err := db.QueryRow(t.Context(), `SELECT COUNT(*) FROM message WHERE send_id = $1`, id).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		if n := count(send.ID); n != members {
			t.Errorf("%d messages", n)
		}
		if got, err := k.Store.EmailSend(t.Context(), sendertest.EID, send.ID); err != nil || got.State != tenant.EmailSendSpread {
			t.Errorf("%+v, %v", got, err)
		}
		if err := k.Store.SpreadEmailSend(t.Context(), send, tenant.SpreadPage{State: tenant.EmailSendSpread}); fault.CodeOf(err) != tenant.CodeChangedMeanwhile {
			t.Errorf("a part that is done: %v", err)
		}

		second := start()
		if _, err := k.Lists.Delete(t.Context(), p, tenant.ListRef{ID: lists[1].ID}); err != nil {
			t.Fatal(err)
		}
		if err := k.EmailSends.Spread(t.Context(), sendertest.EID, second.ID); err != nil {
			t.Fatal(err)
		}
		if got, err := k.Store.EmailSend(t.Context(), sendertest.EID, second.ID); err != nil || got.State != tenant.EmailSendFailed || got.Text == "" || count(second.ID) != members {
			t.Errorf("%s %q, %v", got.State, got.Text, err)
		}
	})
}
