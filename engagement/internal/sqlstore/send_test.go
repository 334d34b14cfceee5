package sqlstore_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/sender/sendertest"
	"github.com/twinspan/twinspan/engagement/internal/sqlstore"
	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// sending runs a test on both databases with a tenant that sends and whose sender stands still.
func sending(t *testing.T, test func(*testing.T, *sendertest.Kit)) {
	t.Helper()
	sqldbtest.Each(t, sendertest.Migrations(), func(t *testing.T, db *sqldb.DB) {
		test(t, sendertest.New(t, db, sendertest.Options{Idle: true}))
	})
}

func TestAMessageMovesOneWay(t *testing.T) {
	t.Parallel()
	sending(t, func(t *testing.T, k *sendertest.Kit) {
		ctx, now := t.Context(), k.Time.Now()
		m := k.Send("k", "c", "c@example.com", nil).Results[0].Message
		settle := func(attempt int, state tenant.MessageState, code tenant.SendCode) bool {
			t.Helper()
			ok, err := k.Store.Settle(ctx, sendertest.EID, m.ID, attempt, tenant.Outcome{State: state, Code: code, Text: "text"}, now.Add(time.Minute))
			if err != nil {
				t.Fatal(err)
			}
			return ok
		}
		begin := func() int {
			t.Helper()
			attempt, ok, err := k.Store.BeginAttempt(ctx, sendertest.EID, m.ID)
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				return 0
			}
			return attempt
		}
		if settle(0, tenant.MessageSent, 0) {
			t.Error("a message is sent before an attempt began")
		}
		if begin() != 1 || begin() != 0 {
			t.Error("two attempts run at once")
		}
		if ok, err := k.Store.Refuse(ctx, sendertest.EID, m.ID, tenant.Refusal{Code: 1}, now); ok || err != nil {
			t.Errorf("a message is refused while it is handed over: %v", err)
		}
		if settle(2, tenant.MessageSent, 0) {
			t.Error("an attempt that never began settles")
		}
		if !settle(1, tenant.MessageQueued, 0) || settle(1, tenant.MessageSent, 0) {
			t.Error("an attempt that was put back settles again")
		}
		if begin() != 2 || !settle(2, tenant.MessageInDoubt, 0) || settle(2, tenant.MessageQueued, 0) || settle(2, tenant.MessageInDoubt, 0) {
			t.Error("a message in doubt goes back to the queue")
		}
		if begin() != 0 {
			t.Error("a message in doubt is tried again")
		}
		if settle(1, tenant.MessageSent, 0) {
			t.Error("an older attempt settles a newer one")
		}
		if !settle(2, tenant.MessageSent, 0) {
			t.Error("the attempt itself cannot tell how it ended")
		}
		if settle(2, tenant.MessageNotSent, tenant.SendUnspecified) || begin() != 0 {
			t.Error("a sent message moves")
		}
		got, err := k.Store.MessageByKey(ctx, sendertest.EID, sendertest.Top, "K")
		if err != nil || got.State != tenant.MessageSent || got.Attempt != 2 || !got.Changed.Equal(now.Add(time.Minute)) || got.EventID != 0 {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

func TestNotSentEventsAreNumberedInOrder(t *testing.T) {
	t.Parallel()
	sending(t, func(t *testing.T, k *sendertest.Kit) {
		const n = 20
		ids := make([]string, n)
		for i := range ids {
			ids[i] = k.Send(fmt.Sprint("k", i), fmt.Sprint("c", i), "c@example.com", nil).Results[0].Message.ID
		}
		var wg sync.WaitGroup
		for _, id := range ids {
			wg.Go(func() {
				if ok, err := k.Store.Refuse(t.Context(), sendertest.EID, id, tenant.Refusal{Code: tenant.SendHeld, Text: "x"}, k.Time.Now()); !ok || err != nil {
					t.Errorf("%v, %v", ok, err)
				}
			})
		}
		wg.Wait()
		var after int64
		for range n / 4 {
			list, err := k.Store.NotSent(t.Context(), sendertest.EID, sendertest.Top, after, 4)
			if err != nil || len(list) != 4 {
				t.Fatalf("%d, %v", len(list), err)
			}
			for _, m := range list {
				if after++; m.EventID != after {
					t.Errorf("event %d stands where %d should", m.EventID, after)
				}
			}
		}
	})
}

func TestHeldMessages(t *testing.T) {
	t.Parallel()
	sending(t, func(t *testing.T, k *sendertest.Kit) {
		ctx := t.Context()
		d, err := k.Store.DefinitionByKey(ctx, sendertest.EID, sendertest.Top, "welcome")
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for i := range 5 {
			ids = append(ids, k.Send(fmt.Sprint("k", i), "c", "c@example.com", nil).Results[0].Message.ID)
		}
		hold := func(id string) bool {
			t.Helper()
			ok, err := k.Store.Hold(ctx, sendertest.EID, id, d.ID)
			if err != nil {
				t.Fatal(err)
			}
			return ok
		}
		if hold(ids[0]) {
			t.Error("a message waits for an active definition")
		}
		was := d.Modified
		d.Status, d.Modified = tenant.DefinitionInactive, was.Add(time.Second)
		if err := k.Store.UpdateDefinition(ctx, d, was); err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			for range 2 {
				if !hold(id) {
					t.Error("a message is not held")
				}
			}
			// The second time found it waiting already.
			if d, err := k.Store.LoadDelivery(ctx, sendertest.EID, id); err != nil || d.Message.Holds != 1 {
				t.Errorf("held %d times, %v", d.Message.Holds, err)
			}
		}
		for _, want := range []int{2, 2, 1, 0} {
			if n, err := k.Store.ReleaseHeld(ctx, sendertest.EID, d.ID, 2); n != want || err != nil {
				t.Errorf("released %d, %v; want %d", n, err, want)
			}
		}
		var queued int
		if err := k.DB.QueryRow(ctx, `SELECT COUNT(*) FROM job WHERE kind = $1`, sqlstore.JobDeliver).Scan(&queued); err != nil || queued != 10 {
			t.Errorf("%d jobs, %v", queued, err)
		}
	})
}

func TestAcceptanceIsWholeOrNothing(t *testing.T) {
	t.Parallel()
	sending(t, func(t *testing.T, k *sendertest.Kit) {
		d, err := k.Store.DefinitionByKey(t.Context(), sendertest.EID, sendertest.Top, "welcome")
		if err != nil {
			t.Fatal(err)
		}
		good := tenant.Message{Tenant: sendertest.EID, MID: sendertest.Top, ID: tenant.NewGUID(), Key: "good", DefinitionID: d.ID, SubscriberKey: "c", To: "c@example.com", State: tenant.MessageQueued}
		twin := good
		twin.Key = "other" // the same id: a broken key, which no request can bring about
		if _, err := k.Store.AcceptMessages(t.Context(), d, []tenant.Message{good, twin}); !sqldb.IsUnique(err) {
			t.Fatalf("the second message: %v", err)
		}
		for _, table := range []string{"message", "subscriber", "job"} {
			var n int
			if err := k.DB.QueryRow(t.Context(), `SELECT COUNT(*) FROM `+table).Scan(&n); err != nil || n != 0 {
				t.Errorf("%s holds %d rows of a transaction that failed (%v)", table, n, err)
			}
		}
	})
}

func TestDefinitionsAreKept(t *testing.T) {
	t.Parallel()
	sending(t, func(t *testing.T, k *sendertest.Kit) {
		ctx := t.Context()
		d := tenant.Definition{
			Tenant: sendertest.EID, MID: sendertest.Top, ID: tenant.NewGUID(), Key: "Key", Name: "N", Description: "D", Classification: tenant.ClassificationCommercial,
			Status: tenant.DefinitionNew, EmailKey: "welcome-email", ListKey: tenant.AllSubscribers, FromName: "F", FromAddress: "f@example.com", AutoAdd: true, TrackLinks: true,
			Created: k.Time.Now(), Modified: k.Time.Now(),
		}
		if err := k.Store.CreateDefinition(ctx, d); err != nil {
			t.Fatal(err)
		}
		if got, err := k.Store.DefinitionByKey(ctx, sendertest.EID, sendertest.Top, "kEY"); err != nil || got != d {
			t.Errorf("%+v, %v\nwant %+v", got, err, d)
		}
		if got, err := k.Store.DefinitionByID(ctx, sendertest.EID, sendertest.Top, d.ID); err != nil || got != d {
			t.Errorf("%+v, %v", got, err)
		}
		for name, err := range map[string]error{
			"another unit": second(k.Store.DefinitionByKey(ctx, sendertest.EID, sendertest.Child, "Key")), "another tenant": second(k.Store.DefinitionByKey(ctx, 1, sendertest.Top, "Key")),
			"another unit, by id": second(k.Store.DefinitionByID(ctx, sendertest.EID, sendertest.Child, d.ID)),
		} {
			if fault.CodeOf(err) != tenant.CodeNoDefinition {
				t.Errorf("%s: %v", name, err)
			}
		}
		twin := d
		twin.ID, twin.Key = tenant.NewGUID(), "KEY"
		if err := k.Store.CreateDefinition(ctx, twin); fault.CodeOf(err) != tenant.CodeDefinitionExists {
			t.Errorf("the same key: %v", err)
		}
		fresh := d
		fresh.Name, fresh.Modified = "M", d.Modified.Add(time.Second)
		if err := k.Store.UpdateDefinition(ctx, fresh, d.Modified); err != nil {
			t.Fatal(err)
		}
		if err := k.Store.UpdateDefinition(ctx, fresh, d.Modified); fault.KindOf(err) != fault.Conflict {
			t.Errorf("an update of an older state: %v", err)
		}
		fresh.EmailKey = "none"
		if err := k.Store.UpdateDefinition(ctx, fresh, fresh.Modified); fault.CodeOf(err) != tenant.CodeInvalidDefinition {
			t.Errorf("an email that is not there: %v", err)
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestPutIsRepeatable(t *testing.T) {
	t.Parallel()
	sending(t, func(t *testing.T, k *sendertest.Kit) {
		ctx := t.Context()
		before, err := k.Store.DefinitionByKey(ctx, sendertest.EID, sendertest.Top, "welcome")
		if err != nil {
			t.Fatal(err)
		}
		err = k.DB.Write(ctx, func(tx *sqldb.Tx) error {
			return sendertest.Put(tx, sendertest.EID, []tenant.EmailSpec{{CustomerKey: "WELCOME-EMAIL", Subject: "New", Text: "t"}},
				[]tenant.DefinitionSpec{
					{Key: "Welcome", Name: "Other", EmailKey: "welcome-email", FromName: "X", FromAddress: sendertest.From},
					{Key: "second", EmailKey: "welcome-email", FromAddress: "second@example.com"},
				}, k.Time.Now())
		})
		if err != nil {
			t.Fatal(err)
		}
		after, err := k.Store.DefinitionByKey(ctx, sendertest.EID, sendertest.Top, "welcome")
		if err != nil || after.ID != before.ID || after.Name != "Other" {
			t.Errorf("%+v, %v", after, err)
		}
		m := k.Send("k", "c", "c@example.com", nil).Results[0].Message
		d, err := k.Store.LoadDelivery(ctx, sendertest.EID, m.ID)
		if err != nil || d.Email.Subject != "New" || !d.HasEmail || !d.HasEntry || len(d.Senders) != 1 || !d.Senders[0].Default {
			t.Errorf("%+v, %v", d, err)
		}
		for name, put := range map[string]func(*sqldb.Tx) error{
			"email":            func(tx *sqldb.Tx) error { return sqlstore.PutEmail(tx, tenant.Email{}) },
			"definition":       func(tx *sqldb.Tx) error { return sqlstore.PutDefinition(tx, tenant.Definition{}) },
			"without an email": func(tx *sqldb.Tx) error { d := before; d.EmailKey = "none"; return sqlstore.PutDefinition(tx, d) },
		} {
			if err := k.DB.Write(ctx, put); fault.KindOf(err) != fault.Invalid {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestSubscribersAreKept(t *testing.T) {
	t.Parallel()
	sending(t, func(t *testing.T, k *sendertest.Kit) {
		ctx := t.Context()
		s := tenant.Subscriber{
			Tenant: sendertest.EID, Key: "003a", Address: "a@example.com", Status: tenant.SubscriberActive, Attributes: map[string]string{"First Name": "Ä%_'"},
			Created: k.Time.Now(), Modified: k.Time.Now(),
		}
		stored, err := k.Store.CreateSubscriber(ctx, s)
		if err != nil || stored.ID < 100_000_000 || stored.ID > 999_999_999 {
			t.Fatalf("%+v, %v", stored, err)
		}
		if _, err := k.Store.CreateSubscriber(ctx, s); fault.CodeOf(err) != tenant.CodeSubscriberExists {
			t.Errorf("twice: %v", err)
		}
		other := s
		other.Key = "003A" // 15-character record ids differ in case alone
		if _, err := k.Store.CreateSubscriber(ctx, other); err != nil {
			t.Errorf("a key in another case: %v", err)
		}
		got, err := k.Store.SubscriberByKey(ctx, sendertest.EID, "003a")
		if err != nil || got.ID != stored.ID || got.Attributes["First Name"] != "Ä%_'" || !got.Unsubscribed.IsZero() {
			t.Errorf("%+v, %v", got, err)
		}
		fresh := got
		fresh.Status, fresh.Modified, fresh.Unsubscribed = tenant.SubscriberUnsubscribed, got.Modified.Add(1e6), got.Modified.Add(1e6)
		if err := k.Store.UpdateSubscriber(ctx, fresh, got.Modified); err != nil {
			t.Fatal(err)
		}
		if err := k.Store.UpdateSubscriber(ctx, fresh, got.Modified); fault.KindOf(err) != fault.Conflict {
			t.Errorf("an update of an older state: %v", err)
		}
		// A message gives the subscriber its address and the attributes that he has, and leaves his status.
		k.Send("k", "003a", "new@example.com", map[string]string{"first name": "B", "Code": "123456"})
		got, err = k.Store.SubscriberByKey(ctx, sendertest.EID, "003a")
		if err != nil || got.Address != "new@example.com" || got.Status != tenant.SubscriberUnsubscribed || got.Attributes["First Name"] != "B" || len(got.Attributes) != 1 {
			t.Errorf("%+v, %v", got, err)
		}
		if err := k.Store.DeleteSubscriber(ctx, sendertest.EID, "003a"); err != nil {
			t.Fatal(err)
		}
		if err := k.Store.DeleteSubscriber(ctx, sendertest.EID, "003a"); fault.CodeOf(err) != tenant.CodeNoSubscriber {
			t.Errorf("deleted twice: %v", err)
		}
	})
}

func TestCursorsExpire(t *testing.T) {
	t.Parallel()
	sending(t, func(t *testing.T, k *sendertest.Kit) {
		ctx, now := t.Context(), k.Time.Now()
		c := tenant.Cursor{
			ID: tenant.NewGUID(), Tenant: sendertest.EID, MID: sendertest.Top, UserID: 7, ClientID: "x", Expires: now.Add(time.Hour),
			Next: tenant.Retrieval{
				Object: "Subscriber", Properties: []string{"ID"}, Accounts: []tenant.MID{1}, After: "5",
				Filter: &tenant.Filter{Or: true, Left: &tenant.Filter{Property: "ID", Operator: tenant.OpIsNull}, Right: &tenant.Filter{Property: "ID", Operator: tenant.OpEquals, Values: []string{"1"}}},
			},
		}
		if err := k.Store.PutCursor(ctx, c, now); err != nil {
			t.Fatal(err)
		}
		got, err := k.Store.Cursor(ctx, sendertest.EID, c.ID, now)
		if err != nil || got.Next.Filter == nil || got.Next.Filter.Right.Values[0] != "1" || got.Next.After != "5" || got.UserID != 7 {
			t.Errorf("%+v, %v", got, err)
		}
		for name, err := range map[string]error{"expired": second(k.Store.Cursor(ctx, sendertest.EID, c.ID, c.Expires)), "another tenant": second(k.Store.Cursor(ctx, 1, c.ID, now))} {
			if fault.CodeOf(err) != tenant.CodeNoCursor {
				t.Errorf("%s: %v", name, err)
			}
		}
		d := c
		d.ID = tenant.NewGUID()
		if err := k.Store.PutCursor(ctx, d, c.Expires); err != nil {
			t.Fatal(err)
		}
		var n int
		if err := k.DB.QueryRow(ctx, `SELECT COUNT(*) FROM retrieve_cursor`).Scan(&n); err != nil || n != 1 {
			t.Errorf("%d cursors are kept, %v", n, err)
		}
	})
}

func TestAPageEndsWhenItIsLong(t *testing.T) {
	t.Parallel()
	sending(t, func(t *testing.T, k *sendertest.Kit) {
		err := k.DB.Write(t.Context(), func(tx *sqldb.Tx) error {
			for i := range 10 {
				if err := sqlstore.PutEmail(tx, tenant.Email{Tenant: sendertest.EID, MID: sendertest.Child, CustomerKey: fmt.Sprint("e", i), Name: "n", Subject: "s", HTML: strings.Repeat("x", tenant.MaxEmailBody)}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		ask := tenant.Retrieval{Object: "Email", Properties: []string{"HTMLBody"}, Accounts: []tenant.MID{sendertest.Child}, Limit: 100}
		first, err := k.Store.Retrieve(t.Context(), sendertest.EID, ask)
		if err != nil || !first.More || len(first.Values) != 9 {
			t.Fatalf("%d emails of 1 MB each, more %v, %v", len(first.Values), first.More, err)
		}
		ask.After = first.Last
		if rest, err := k.Store.Retrieve(t.Context(), sendertest.EID, ask); err != nil || rest.More || len(rest.Values) != 1 {
			t.Errorf("then %d, more %v, %v", len(rest.Values), rest.More, err)
		}
	})
}

func TestRetrieveRefusesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	sending(t, func(t *testing.T, k *sendertest.Kit) {
		if _, err := k.Store.Retrieve(t.Context(), sendertest.EID, tenant.Retrieval{Object: "Widget"}); fault.CodeOf(err) != tenant.CodeInvalidRetrieve {
			t.Errorf("%v", err)
		}
		if _, err := k.Store.Retrieve(t.Context(), sendertest.EID, tenant.Retrieval{Object: "Role", Properties: []string{"Password"}, Limit: 1}); fault.CodeOf(err) != tenant.CodeInvalidRetrieve {
			t.Errorf("%v", err)
		}
		if _, err := k.Store.MessageByKey(t.Context(), sendertest.EID, sendertest.Top, "none"); fault.CodeOf(err) != tenant.CodeNoMessage {
			t.Errorf("%v", err)
		}
		if _, err := k.Store.LoadDelivery(t.Context(), sendertest.EID, "none"); !errors.Is(err, fault.New(fault.NotFound, tenant.CodeNoMessage, "")) {
			t.Errorf("%v", err)
		}
	})
}
