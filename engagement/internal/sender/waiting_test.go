package sender_test

import (
	"context"
	"testing"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/sender/sendertest"
	"github.com/twinspan/twinspan/engagement/internal/sqlstore"
	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// The end of a job leaves no message without an end: whatever the message was in the middle of, a program that starts
// finds it.
func TestMessagesWithoutAJobAreFound(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		idle := sendertest.New(t, db, sendertest.Options{Idle: true})
		queued := idle.Send("queued", "c1", "c1@example.com", nil).Results[0].Message
		sending := idle.Send("sending", "c2", "c2@example.com", nil).Results[0].Message
		stranded := idle.Send("stranded", "c3", "c3@example.com", nil).Results[0].Message
		if _, begun, err := idle.Store.BeginAttempt(t.Context(), sendertest.EID, sending.ID); !begun || err != nil {
			t.Fatal(begun, err)
		}
		// What a killed worker's last attempt and a release that failed for good leave behind.
		if err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			if _, err := tx.Exec(`UPDATE message SET is_held = 1, holds = 1 WHERE id = $1`, stranded.ID); err != nil {
				return err
			}
			_, err := tx.Exec(`UPDATE job SET state = 'failed', finished_at = 1 WHERE kind = $1`, sqlstore.JobDeliver)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		idle.Send("in hand", "c4", "c4@example.com", nil)

		k := sendertest.New(t, db, sendertest.Options{Kept: true})
		k.AwaitState(sendertest.Top, "queued", tenant.MessageSent)
		k.AwaitState(sendertest.Top, "sending", tenant.MessageInDoubt)
		k.AwaitState(sendertest.Top, "stranded", tenant.MessageSent)
		k.AwaitState(sendertest.Top, "in hand", tenant.MessageSent)
		var jobs int
		if err := db.QueryRow(t.Context(), `SELECT COUNT(*) FROM job WHERE kind = $1 AND payload LIKE '%' || $2 || '%'`, sqlstore.JobDeliver, queued.ID).Scan(&jobs); err != nil || jobs != 2 {
			t.Errorf("the message had %d jobs, %v", jobs, err)
		}
		if n, err := k.Store.Revive(t.Context()); n != 0 || err != nil {
			t.Errorf("%d messages have no job still, %v", n, err)
		}
	})
}

// switching is a store in which the definition is switched on, each time somebody wants to let a message wait for it.
type switching struct {
	tenant.DeliveryStore
	holds chan struct{}
}

func (s switching) Hold(ctx context.Context, eid tenant.EID, messageID, definitionID string) (bool, error) {
	select {
	case s.holds <- struct{}{}:
		return false, nil
	default:
		return s.DeliveryStore.Hold(ctx, eid, messageID, definitionID)
	}
}

func TestAMessageThatNobodyCouldDecideAboutIsLookedAtAgain(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		holds := make(chan struct{}, 3) // as often as one run looks
		k := sendertest.New(t, db, sendertest.Options{Store: func(s tenant.DeliveryStore) tenant.DeliveryStore { return switching{s, holds} }})
		if _, err := k.Definitions.Update(t.Context(), sendertest.Principal(sendertest.Top), "welcome", func(d *tenant.Definition) error {
			d.Status = tenant.DefinitionInactive
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		k.Send("m", "c", "c@example.com", nil)
		for range cap(holds) {
			<-holds
			holds <- struct{}{}
		}
		awaitQueued(t, k)
		k.Time.Advance(time.Minute)
		k.Queue.Wake()
		k.Await(sendertest.Top, "m", func(m tenant.Message) bool { return m.Holds == 1 })
	})
}

// The queue of a definition is looked at, and emptied while the definition is inactive: what waited has an end.
func TestTheQueueOfADefinition(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		k := sendertest.New(t, db, sendertest.Options{})
		p, ctx := sendertest.Principal(sendertest.Top), t.Context()
		queues := &tenant.DefinitionQueues{Definitions: k.Definitions, Store: k.Store}
		if q, err := queues.Get(ctx, p, "WELCOME"); err != nil || q != (tenant.DefinitionQueue{}) {
			t.Errorf("before anything was sent: %+v, %v", q, err)
		}
		if err := queues.Discard(ctx, p, "welcome"); fault.CodeOf(err) != tenant.CodeQueueInUse {
			t.Errorf("the queue of an active definition: %v", err)
		}
		if _, err := k.Definitions.Update(ctx, p, "welcome", func(d *tenant.Definition) error { d.Status = tenant.DefinitionInactive; return nil }); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"a", "b"} {
			k.Send(key, key, key+"@example.com", nil)
			k.Await(sendertest.Top, key, func(m tenant.Message) bool { return m.Holds == 1 })
			k.Time.Advance(time.Minute)
		}
		if q, err := queues.Get(ctx, p, "welcome"); err != nil || q != (tenant.DefinitionQueue{Count: 2, Age: 2 * time.Minute}) {
			t.Errorf("with two that wait: %+v, %v", q, err)
		}
		reader := p
		reader.Scopes = []string{tenant.ScopeEmailRead}
		if err := queues.Discard(ctx, reader, "welcome"); fault.CodeOf(err) != tenant.CodeInsufficientPrivileges {
			t.Errorf("by a reader: %v", err)
		}
		if err := queues.Discard(ctx, p, "welcome"); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"a", "b"} {
			if m := k.AwaitState(sendertest.Top, key, tenant.MessageNotSent); m.Code != tenant.SendUnspecified || m.EventID == 0 {
				t.Errorf("%+v", m)
			}
		}
		k.Time.Advance(time.Second)
		k.Send("later", "c", "c@example.com", nil)
		k.Await(sendertest.Top, "later", func(m tenant.Message) bool { return m.Holds == 1 })
		if q, err := queues.Get(ctx, p, "welcome"); err != nil || q.Count != 1 {
			t.Errorf("afterwards: %+v, %v", q, err)
		}
	})
}
