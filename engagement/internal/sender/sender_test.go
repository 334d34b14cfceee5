package sender_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/sender/sendertest"
	"github.com/twinspan/twinspan/engagement/internal/sqlstore"
	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/mail"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

func each(t *testing.T, test func(*testing.T, *sqldb.DB)) {
	sqldbtest.Each(t, sendertest.Migrations(), test)
}

func TestASendArrivesPersonalised(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		k := sendertest.New(t, db, sendertest.Options{})
		k.Send("key-1", "003A", "ada@example.com", map[string]string{"First Name": "Ada <&> Lovelace"})
		m := k.AwaitState(sendertest.Top, "KEY-1", tenant.MessageSent)
		mails := k.Mails("ada@example.com")
		if len(mails) != 1 {
			t.Fatalf("%d mails arrived", len(mails))
		}
		got, err := k.Inbox.Get(mails[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		if got.Subject != "Welcome, Ada <&> Lovelace" || !strings.Contains(got.HTML, "Hello Ada &lt;&amp;&gt; Lovelace") || strings.TrimSpace(got.Text) != "Hello Ada <&> Lovelace" {
			t.Errorf("subject %q, HTML %q, text %q", got.Subject, got.HTML, got.Text)
		}
		if got.MessageID != m.ID+"@news.example.com" || !strings.Contains(got.From, sendertest.From) || !strings.Contains(got.From, "Northern Trail") {
			t.Errorf("Message-ID %q, From %q", got.MessageID, got.From)
		}
		sub, err := k.Store.SubscriberByKey(t.Context(), sendertest.EID, "003A")
		if err != nil || sub.Address != "ada@example.com" || sub.Status != tenant.SubscriberActive || len(sub.Attributes) != 0 {
			t.Errorf("subscriber %+v, %v", sub, err)
		}
	})
}

func TestTheSameKeyIsSentOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		k := sendertest.New(t, db, sendertest.Options{Idle: true})
		var wg sync.WaitGroup
		var taken, refused atomic.Int32
		for range 8 {
			wg.Go(func() {
				switch _, err := accept(t, k, tenant.Recipient{MessageKey: "Order-1", ContactKey: "003A", To: "ada@example.com"}); fault.CodeOf(err) {
				case "":
					taken.Add(1)
				case tenant.CodeMessageKeyTaken:
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if taken.Load() != 1 || refused.Load() != 7 {
			t.Errorf("of 8 requests with one key %d were taken and %d refused", taken.Load(), refused.Load())
		}
		var queued int
		if err := db.QueryRow(t.Context(), `SELECT COUNT(*) FROM job WHERE kind = $1`, sqlstore.JobDeliver).Scan(&queued); err != nil || queued != 1 {
			t.Errorf("%d jobs, %v", queued, err)
		}
		if _, err := accept(t, k, tenant.Recipient{MessageKey: "ORDER-1", ContactKey: "003b", To: "bob@example.com"}); fault.CodeOf(err) != tenant.CodeMessageKeyTaken {
			t.Errorf("another contact under the same key: %v", err)
		}
	})
}

func accept(t *testing.T, k *sendertest.Kit, r tenant.Recipient) (tenant.Message, error) {
	t.Helper()
	receipt, err := k.Sends.Accept(t.Context(), sendertest.Principal(sendertest.Top), tenant.SendRequest{DefinitionKey: "WELCOME", Recipients: []tenant.Recipient{r}})
	if err != nil {
		return tenant.Message{}, err
	}
	if f := receipt.Results[0].Err; f != nil {
		return tenant.Message{}, f
	}
	return receipt.Results[0].Message, nil
}

func TestWhoMustNotGetMailGetsNone(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		k := sendertest.New(t, db, sendertest.Options{})
		p := sendertest.Principal(sendertest.Top)
		for key, status := range map[string]tenant.SubscriberStatus{"gone": tenant.SubscriberUnsubscribed, "held": tenant.SubscriberHeld} {
			if _, err := k.Subscribers.Create(t.Context(), p, tenant.SubscriberChange{Key: key, Address: key + "@example.com", Status: status}); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range []struct {
			contact, to string
			code        tenant.SendCode
		}{
			{"gone", "gone@example.com", tenant.SendUnsubscribed},
			{"held", "held@example.com", tenant.SendHeld},
			{"bad", "not an address", tenant.SendInvalidAddress},
			{"two", "a@example.com,b@example.com", tenant.SendInvalidAddress},
		} {
			k.Send("m-"+c.contact, c.contact, c.to, nil)
			if m := k.AwaitState(sendertest.Top, "m-"+c.contact, tenant.MessageNotSent); m.Code != c.code || m.EventID == 0 {
				t.Errorf("%s: code %v, event %d, want %v", c.contact, m.Code, m.EventID, c.code)
			}
		}
		list, err := k.Sends.NotSent(t.Context(), p, 0, 3)
		if err != nil || len(list) != 3 {
			t.Fatalf("not sent: %d, %v", len(list), err)
		}
		rest, err := k.Sends.NotSent(t.Context(), p, list[2].EventID, 10)
		if err != nil || len(rest) != 1 || rest[0].EventID != 4 {
			t.Errorf("after the third event: %+v, %v", rest, err)
		}
		if len(k.Inbox.List(mail.Filter{})) != 0 {
			t.Error("somebody got mail")
		}
		if sub, err := k.Store.SubscriberByKey(t.Context(), sendertest.EID, "gone"); err != nil || sub.Status != tenant.SubscriberUnsubscribed {
			t.Errorf("a send changed a status: %+v, %v", sub, err)
		}
	})
}

// script is a mail server whose answers a test writes. It keeps the Message-IDs it was given.
type script struct {
	mu      sync.Mutex
	answers []error
	ids     []string
	given   chan struct{}
}

func (s *script) Send(_ context.Context, m mail.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids = append(s.ids, m.MessageID)
	s.given <- struct{}{}
	if len(s.answers) == 0 {
		return nil
	}
	answer := s.answers[0]
	s.answers = s.answers[1:]
	return answer
}

func TestAnswersOfTheMailServer(t *testing.T) {
	t.Parallel()
	deferred := fault.New(fault.Unavailable, mail.CodeDeferred, "451 later")
	for name, c := range map[string]struct {
		answers []error
		want    tenant.MessageState
		code    tenant.SendCode
		tries   int
	}{
		"taken":                  {nil, tenant.MessageSent, 0, 1},
		"refused":                {[]error{fault.New(fault.Invalid, mail.CodeRefused, "550 no")}, tenant.MessageNotSent, tenant.SendUnspecified, 1},
		"malformed":              {[]error{fault.New(fault.Invalid, mail.CodeMalformed, "no")}, tenant.MessageNotSent, tenant.SendInvalidFieldValue, 1},
		"in doubt":               {[]error{fault.New(fault.Unavailable, mail.CodeInDoubt, "lost")}, tenant.MessageInDoubt, 0, 1},
		"unknown":                {[]error{errors.New("strange")}, tenant.MessageInDoubt, 0, 1},
		"later, then taken":      {[]error{deferred, deferred}, tenant.MessageSent, 0, 3},
		"later, then in doubt":   {[]error{deferred, fault.New(fault.Unavailable, mail.CodeInDoubt, "lost")}, tenant.MessageInDoubt, 0, 2},
		"later, to the very end": {repeat(deferred, 100), tenant.MessageNotSent, tenant.SendUnspecified, 100},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := sqldbtest.Open(t, sqldbtest.DSN(t, "sqlite"), sendertest.Migrations())
			server := &script{answers: c.answers, given: make(chan struct{}, 200)}
			k := sendertest.New(t, db, sendertest.Options{Mail: server})
			k.Send("m", "c", "c@example.com", nil)
			for try := 1; try < c.tries; try++ {
				<-server.given
				k.Await(sendertest.Top, "m", func(m tenant.Message) bool { return m.State == tenant.MessageQueued && m.Attempt == try })
				awaitQueued(t, k)
				k.Time.Advance(11 * time.Minute)
				k.Queue.Wake()
			}
			m := k.AwaitState(sendertest.Top, "m", c.want)
			if m.Code != c.code || m.Attempt != c.tries {
				t.Errorf("code %v after %d attempts", m.Code, m.Attempt)
			}
			server.mu.Lock()
			defer server.mu.Unlock()
			for _, id := range server.ids {
				if id != server.ids[0] {
					t.Error("a later attempt has another Message-ID")
				}
			}
		})
	}
}

func repeat(err error, n int) []error {
	list := make([]error, n)
	for i := range list {
		list[i] = err
	}
	return list
}

// awaitQueued waits until the job has been put back, so that moving the time makes it due.
func awaitQueued(t *testing.T, k *sendertest.Kit) {
	t.Helper()
	k.Await(sendertest.Top, "m", func(tenant.Message) bool {
		var n int
		if err := k.DB.QueryRow(t.Context(), `SELECT COUNT(*) FROM job WHERE state = 'queued'`).Scan(&n); err != nil {
			t.Error(err)
		}
		return n == 1
	})
}

func TestMessagesWaitForAnInactiveDefinition(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		k := sendertest.New(t, db, sendertest.Options{})
		p := sendertest.Principal(sendertest.Top)
		set := func(s tenant.DefinitionStatus) {
			t.Helper()
			if _, err := k.Definitions.Update(t.Context(), p, "welcome", func(d *tenant.Definition) error { d.Status = s; return nil }); err != nil {
				t.Fatal(err)
			}
		}
		set(tenant.DefinitionInactive)
		for i := range 3 {
			k.Send(fmt.Sprintf("w%d", i), fmt.Sprintf("c%d", i), fmt.Sprintf("c%d@example.com", i), nil)
		}
		for i := range 3 {
			k.Await(sendertest.Top, fmt.Sprintf("w%d", i), func(m tenant.Message) bool { return m.Holds == 1 })
		}
		if n := len(k.Inbox.List(mail.Filter{})); n != 0 {
			t.Fatalf("%d messages of an inactive definition went out", n)
		}
		set(tenant.DefinitionActive)
		for i := range 3 {
			k.AwaitState(sendertest.Top, fmt.Sprintf("w%d", i), tenant.MessageSent)
		}
		set(tenant.DefinitionInactive)
		k.Send("old", "c9", "c9@example.com", nil)
		k.Await(sendertest.Top, "old", func(m tenant.Message) bool { return m.Holds == 1 })
		k.Time.Advance(72 * time.Hour)
		k.Send("young", "c9", "c9@example.com", nil)
		k.Await(sendertest.Top, "young", func(m tenant.Message) bool { return m.Holds == 1 })
		k.Time.Advance(time.Hour)
		// Nobody switches the definition on: three days are the end by themselves.
		if m := k.AwaitState(sendertest.Top, "old", tenant.MessageNotSent); m.Code != tenant.SendUnspecified || m.EventID == 0 {
			t.Errorf("a message that waited for more than three days: %+v", m)
		}
		if m, err := k.Store.MessageByKey(t.Context(), sendertest.EID, sendertest.Top, "young"); err != nil || m.State != tenant.MessageQueued {
			t.Errorf("a message that waited for an hour: %+v, %v", m, err)
		}
		k.Send("doomed", "c8", "c8@example.com", nil)
		k.Await(sendertest.Top, "doomed", func(m tenant.Message) bool { return m.Holds == 1 })
		if _, err := k.Definitions.Delete(t.Context(), p, "welcome"); err != nil {
			t.Fatal(err)
		}
		k.AwaitState(sendertest.Top, "doomed", tenant.MessageNotSent)
	})
}

func TestOnlyVerifiedSendersSend(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		k := sendertest.New(t, db, sendertest.Options{Idle: true})
		if _, err := accept(t, k, tenant.Recipient{ContactKey: "c", To: "c@example.com", FromAddress: "evil@elsewhere.example"}); fault.CodeOf(err) != tenant.CodeUnverifiedSender {
			t.Errorf("an unverified From: %v", err)
		}
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			return sqlstore.PutSender(tx, tenant.VerifiedSender{Tenant: sendertest.EID, Kind: tenant.SenderPrivate, Domain: "Shop.example", Sendable: true})
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := accept(t, k, tenant.Recipient{ContactKey: "c", To: "c@example.com", FromAddress: "anyone@shop.example"}); err != nil {
			t.Errorf("an address of a private domain: %v", err)
		}
		if _, err := accept(t, k, tenant.Recipient{ContactKey: "c", To: "c@example.com", FromAddress: "anyone@sub.shop.example"}); fault.CodeOf(err) != tenant.CodeUnverifiedSender {
			t.Errorf("an address of its subdomain: %v", err)
		}
	})
}

func TestAcceptingNeedsScopeAndPermission(t *testing.T) {
	t.Parallel()
	db := sqldbtest.Open(t, sqldbtest.DSN(t, "sqlite"), sendertest.Migrations())
	k := sendertest.New(t, db, sendertest.Options{Idle: true})
	request := tenant.SendRequest{DefinitionKey: "welcome", Recipients: []tenant.Recipient{{ContactKey: "c", To: "c@example.com"}}}
	for name, change := range map[string]func(*tenant.Principal){
		"no scope":      func(p *tenant.Principal) { p.Scopes = []string{"email_read"} },
		"no permission": func(p *tenant.Principal) { p.Permissions = []string{tenant.PermEmailRead} },
	} {
		p := sendertest.Principal(sendertest.Top)
		change(&p)
		if _, err := k.Sends.Accept(t.Context(), p, request); fault.CodeOf(err) != tenant.CodeInsufficientPrivileges {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := k.Sends.Accept(t.Context(), sendertest.Principal(sendertest.Child), request); fault.CodeOf(err) != tenant.CodeNoDefinition {
		t.Errorf("another business unit's definition: %v", err)
	}
}

func TestManyRecipients(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		k := sendertest.New(t, db, sendertest.Options{Idle: true})
		var rcpts []tenant.Recipient
		for i := range 120 {
			rcpts = append(rcpts, tenant.Recipient{ContactKey: fmt.Sprint("c", i), To: fmt.Sprintf("c%d@example.com", i)})
		}
		rcpts[60].To = ""
		rcpts[61].ContactKey = ""
		receipt, err := k.Sends.Accept(t.Context(), sendertest.Principal(sendertest.Top), tenant.SendRequest{DefinitionKey: "welcome", Recipients: rcpts})
		if err != nil || receipt.Failed() != 2 {
			t.Fatalf("failed %d, %v", receipt.Failed(), err)
		}
		if fault.CodeOf(receipt.Results[60].Err) != tenant.CodeMissingTo || fault.CodeOf(receipt.Results[61].Err) != tenant.CodeMissingContactKey {
			t.Errorf("%v, %v", receipt.Results[60].Err, receipt.Results[61].Err)
		}
		var n int
		if err := db.QueryRow(t.Context(), `SELECT COUNT(*) FROM message`).Scan(&n); err != nil || n != 118 {
			t.Errorf("%d messages, %v", n, err)
		}
		_, err = k.Sends.Accept(t.Context(), sendertest.Principal(sendertest.Top), tenant.SendRequest{DefinitionKey: "welcome", Recipients: make([]tenant.Recipient, tenant.MaxRecipients+1)})
		if fault.CodeOf(err) != tenant.CodeTooManyRecipients {
			t.Errorf("too many: %v", err)
		}
	})
}
