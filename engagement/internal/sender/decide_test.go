package sender_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/twinspan/twinspan/engagement/internal/sender/sendertest"
	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/mail"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// doubtful leaves doubt about the first messages, and takes the others.
type doubtful struct {
	left atomic.Int32
	ids  chan string
}

func (d *doubtful) Send(_ context.Context, m mail.Message) error {
	d.ids <- m.MessageID
	if d.left.Add(-1) >= 0 {
		return fault.New(fault.Unavailable, mail.CodeInDoubt, "The connection broke.")
	}
	return nil
}

// People say what became of a message in doubt: it was sent, or it goes out again under the same Message-ID.
func TestPeopleDecideAboutDoubt(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		out := &doubtful{ids: make(chan string, 10)}
		out.left.Store(2)
		k := sendertest.New(t, db, sendertest.Options{Mail: out})
		decisions := &tenant.Decisions{Store: k.Store, Now: k.Clock.Now}
		p := sendertest.Principal(sendertest.Top)
		for _, key := range []string{"a", "b"} {
			k.Send(key, key, key+"@example.com", nil)
			k.AwaitState(sendertest.Top, key, tenant.MessageInDoubt)
		}
		k.Send("c", "c", "c@example.com", nil)
		k.AwaitState(sendertest.Top, "c", tenant.MessageSent)

		first, err := decisions.List(t.Context(), p, "", "", 1)
		if err != nil || len(first) != 1 {
			t.Fatalf("%+v, %v", first, err)
		}
		rest, err := decisions.List(t.Context(), p, tenant.MessageInDoubt, first[0].ID, 10)
		if err != nil || len(rest) != 1 || rest[0].Key == first[0].Key {
			t.Fatalf("%+v, %v", rest, err)
		}
		if sent, err := decisions.List(t.Context(), p, tenant.MessageSent, "", 10); err != nil || len(sent) != 1 || sent[0].Key != "c" {
			t.Errorf("sent: %+v, %v", sent, err)
		}
		if _, err := decisions.List(t.Context(), p, "lost", "", 10); fault.CodeOf(err) != tenant.CodeInvalidState {
			t.Errorf("no state: %v", err)
		}
		if list, err := decisions.List(t.Context(), sendertest.Principal(sendertest.Child), "", "", 10); err != nil || len(list) != 0 {
			t.Errorf("another unit sees %+v, %v", list, err)
		}

		if err := decisions.Decide(t.Context(), p, "A", false); err != nil {
			t.Fatal(err)
		}
		k.AwaitState(sendertest.Top, "a", tenant.MessageSent)
		if err := decisions.Decide(t.Context(), p, "b", true); err != nil {
			t.Fatal(err)
		}
		if m := k.AwaitState(sendertest.Top, "b", tenant.MessageSent); m.Attempt != 2 {
			t.Errorf("%+v", m)
		}
		seen := map[string]int{}
		for range 4 {
			seen[<-out.ids]++
		}
		if len(seen) != 3 {
			t.Errorf("Message-IDs %v: the second attempt must have the first one's", seen)
		}
		for _, key := range []string{"a", "b", "c"} {
			if err := decisions.Decide(t.Context(), p, key, true); fault.CodeOf(err) != tenant.CodeNotInDoubt {
				t.Errorf("%s is not in doubt: %v", key, err)
			}
		}
		if err := decisions.Decide(t.Context(), p, "nobody", false); fault.CodeOf(err) != tenant.CodeNoMessage {
			t.Errorf("no such message: %v", err)
		}
		reader := p
		reader.Scopes = []string{"email_read"}
		if err := decisions.Decide(t.Context(), reader, "a", false); fault.CodeOf(err) != tenant.CodeInsufficientPrivileges {
			t.Errorf("a reader decides: %v", err)
		}
		page, err := k.Retrieves.Retrieve(t.Context(), p, tenant.RetrieveRequest{Object: "SentEvent", Properties: []string{"SubscriberKey"}})
		if err != nil || len(page.Rows.Values) != 3 {
			t.Errorf("sent events: %+v, %v", page.Rows.Values, err)
		}
	})
}
