package engagement_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinspan/twinspan/engagement"
	"github.com/twinspan/twinspan/internal/mail"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// held hands over nothing before it is let go.
type held struct {
	once    *sync.Once
	arrived chan struct{}
	leave   chan struct{}
}

func (h held) Send(context.Context, mail.Message) error {
	h.once.Do(func() { close(h.arrived) })
	<-h.leave
	return nil
}

// notes is a log that two may write at once.
type notes struct {
	mu   sync.Mutex
	text strings.Builder
}

func (n *notes) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.Write(p)
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.String()
}

// A process whose clock is an hour ahead takes nothing from another one on the same database that is handing it over: leases
// go by the database's time.
func TestAnotherProcessClock(t *testing.T) {
	t.Parallel()
	dsn := sqldbtest.DSN(t, "postgres")
	slow := held{&sync.Once{}, make(chan struct{}), make(chan struct{})}
	a := startWith(t, engagement.Options{DSN: dsn, Mail: slow})
	t.Cleanup(func() { close(slow.leave) })
	h := spec()
	if err := a.CreateTenant(t.Context(), h.Spec); err != nil {
		t.Fatal(err)
	}
	send := func(s site, key, to string) {
		t.Helper()
		status, answer := call(t, "POST", s.url+"/messaging/v1/email/messages/"+key, s.token(t, h),
			map[string]any{"definitionKey": "welcome", "recipient": map[string]any{"contactKey": key, "to": to, "attributes": map[string]string{"First Name": "Ann"}}})
		if status != 202 {
			t.Fatalf("sending: %d %v", status, answer)
		}
	}
	send(a, "first", "first@example.com")
	<-slow.arrived
	log := &notes{}
	ahead := startWith(t, engagement.Options{DSN: dsn, Log: slog.New(slog.NewTextHandler(log, nil)), Machine: func() time.Time { return time.Now().Add(time.Hour) }})
	// Each is found by a look into the queue, which puts back what was leased for too long.
	for _, key := range []string{"second", "third", "fourth"} {
		send(ahead, key, key+"@example.com")
		select {
		case m := <-ahead.mail:
			if m.To.Email != key+"@example.com" {
				t.Fatalf("the process that is ahead handed over %s", m.To.Email)
			}
		case <-time.After(30 * time.Second):
			t.Fatal("no mail")
		}
	}
	if strings.Contains(log.String(), "a worker is gone") {
		t.Errorf("the first message was taken away from whoever hands it over:\n%s", log)
	}
}
