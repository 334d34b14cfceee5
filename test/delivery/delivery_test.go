package delivery_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinspan/twinspan"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/test/delivery"
	"github.com/twinspan/twinspan/test/spawn"
)

const (
	// inFlight is how many messages the tenant hands over at the same time (engagement's sendWorkers), so how many one
	// kill may leave in doubt.
	inFlight = 16
	// callers post messages at the same time.
	callers = 16
	// patience is how long one database's run may take for each 10,000 messages.
	patience = 4 * time.Minute
)

// mails is how many messages a run sends: 10,000, or what TWINSPAN_TEST_MAILS says.
func mails(t *testing.T) int {
	t.Helper()
	text := os.Getenv("TWINSPAN_TEST_MAILS")
	if text == "" {
		return 10_000
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 100 {
		t.Fatalf("TWINSPAN_TEST_MAILS=%q is not a number from 100", text)
	}
	return n
}

// No acknowledged message is lost when the process is killed in the middle of accepting and delivering: each arrives
// once, or is listed in doubt, and in doubt are at most those that were being handed over. The judge is a ledger of what
// was acknowledged, and the files of a mail server that is not ours.
func TestKillLosesNoMessage(t *testing.T) {
	for _, kind := range spawn.Kinds { // one after the other: each is to have the machine's throughput
		t.Run(kind, func(t *testing.T) {
			n := mails(t)
			ctx, cancel := context.WithTimeout(t.Context(), patience*time.Duration(1+n/10_000))
			defer cancel()
			sink := delivery.NewServer(t)
			args := []string{"--data", t.TempDir(), "--log-level", "error", "--smtp", sink.URL, "--record", "off"}
			if dsn := spawn.DSN(t, kind); dsn != "" {
				args = append(args, "--db", dsn)
			}
			began := time.Now()
			l := &ledger{acknowledged: map[int]bool{}, n: n}

			server := spawn.Up(t, args...)
			// Most are posted at once; the last tenth follows when a third has arrived, so that the kill meets both.
			if err := l.post(ctx, session(ctx, t, server), n-n/10); err != nil {
				t.Fatal(err)
			}
			await(ctx, t, func() bool { return sink.Count(t) >= n/3 })
			posting, stop := context.WithCancel(ctx)
			posted := make(chan struct{})
			last := session(ctx, t, server)
			before := l.count()
			go func() {
				defer close(posted)
				_ = l.post(posting, last, n) // cut off by the kill: what was not acknowledged is posted again below
			}()
			await(ctx, t, func() bool { return l.count() > before })
			server.Kill(t)
			stop()
			<-posted
			arrived, survived := sink.Count(t), l.count()
			t.Logf("killed after %.1f s: %d acknowledged, %d arrived", time.Since(began).Seconds(), survived, arrived)
			if arrived >= survived {
				t.Error("the kill came after the last delivery: nothing was tested")
			}

			server = spawn.Up(t, args...)
			s := session(ctx, t, server)
			if err := l.post(ctx, s, n); err != nil {
				t.Fatal(err)
			}
			doubtful := l.settle(ctx, t, s, sink)
			if len(doubtful) > inFlight {
				t.Errorf("%d messages are in doubt after one kill; %d can have been in flight", len(doubtful), inFlight)
			}
			server.Stop(t)
			l.check(t, sink, doubtful)
			took := time.Since(began)
			t.Logf("%d messages in %.1f s, %.0f a second; %d in doubt", n, took.Seconds(), float64(n)/took.Seconds(), len(doubtful))
		})
	}
}

// ledger is the judge's memory of what the tenant has acknowledged. Message i has the key and recipient of its number.
type ledger struct {
	n            int
	mu           sync.Mutex
	acknowledged map[int]bool
}

func key(i int) string { return fmt.Sprintf("delivery-%07d", i) }

func address(i int) string { return fmt.Sprintf("r%07d@delivery.example", i) }

// number is the message whose recipient has the address.
func number(to string) (int, error) {
	local, domain, _ := strings.Cut(to, "@")
	if domain != "delivery.example" || !strings.HasPrefix(local, "r") {
		return 0, fmt.Errorf("%q got mail and was sent none", to)
	}
	return strconv.Atoi(local[1:])
}

func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acknowledged)
}

// post sends the messages up to the number that are not acknowledged yet, from several callers, and returns the first
// failure.
func (l *ledger) post(ctx context.Context, s *engagement.Session, until int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	open := make(chan int)
	var posting sync.WaitGroup
	for range callers {
		posting.Go(func() {
			for i := range open {
				_, err := s.SendMessage(ctx, key(i), engagement.Message{
					DefinitionKey: "welcome", ContactKey: key(i), To: address(i), Attributes: map[string]string{"First Name": "Reader"},
				})
				if err != nil && ctx.Err() == nil { // what arrived before the kill unacknowledged is refused now: its key is used
					if _, unknown := s.MessageStatus(ctx, key(i)); unknown == nil {
						err = nil
					}
				}
				if err != nil {
					cancel(err)
					return
				}
				l.mu.Lock()
				l.acknowledged[i] = true
				l.mu.Unlock()
			}
		})
	}
	for i := range until {
		l.mu.Lock()
		done := l.acknowledged[i]
		l.mu.Unlock()
		if done {
			continue
		}
		select {
		case open <- i:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
	}
	close(open)
	posting.Wait()
	return context.Cause(ctx)
}

// settle waits until each message has arrived or is listed in doubt, and returns those listed.
func (l *ledger) settle(ctx context.Context, t *testing.T, s *engagement.Session, sink *delivery.Server) map[int]bool {
	t.Helper()
	doubtful := map[int]bool{}
	await(ctx, t, func() bool { return sink.Count(t) >= l.n-inFlight })
	await(ctx, t, func() bool {
		list, err := s.Sends(ctx, "in_doubt", l.n)
		if err != nil {
			t.Fatal(err)
		}
		clear(doubtful)
		for _, m := range list {
			i, err := number(m.To)
			if err != nil {
				t.Fatal(err)
			}
			doubtful[i] = true
		}
		have := arrivals(t, sink)
		for i := range l.n {
			if have[i] == 0 && !doubtful[i] {
				return false
			}
		}
		waiting, err := s.Sends(ctx, "sending", inFlight)
		if err != nil {
			t.Fatal(err)
		}
		return len(waiting) == 0 // what had arrived before the kill is in doubt too, once its lease has run out
	})
	return doubtful
}

// check holds the storage against the ledger.
func (l *ledger) check(t *testing.T, sink *delivery.Server, doubtful map[int]bool) {
	t.Helper()
	ids := map[string]int{}
	for _, m := range sink.Mails(t) {
		ids[m.MessageID]++
	}
	have := arrivals(t, sink)
	lost, twice := 0, 0
	for i := range l.n {
		switch {
		case have[i] > 1:
			twice++
		case have[i] == 0 && !doubtful[i]:
			lost++
		}
	}
	if len(l.acknowledged) != l.n || lost > 0 {
		t.Errorf("%d of %d acknowledged messages neither arrived nor are in doubt", lost, len(l.acknowledged))
	}
	if twice > 0 || len(ids) != sink.Count(t) {
		t.Errorf("%d recipients got their message twice; %d mails have %d Message-IDs", twice, sink.Count(t), len(ids))
	}
}

// arrivals counts the mails of each message.
func arrivals(t *testing.T, sink *delivery.Server) map[int]int {
	t.Helper()
	have := map[int]int{}
	for _, m := range sink.Mails(t) {
		i, err := number(m.To)
		if err != nil {
			t.Fatal(err)
		}
		have[i]++
	}
	return have
}

// await looks at another process's doings until they are as wanted.
func await(ctx context.Context, t *testing.T, done func() bool) {
	t.Helper()
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for !done() {
		select {
		case <-look.C:
		case <-ctx.Done():
			t.Fatalf("it did not come to that: %v", ctx.Err())
		}
	}
}

// session signs the fixture's server package in.
func session(ctx context.Context, t *testing.T, server *spawn.Server) *engagement.Session {
	t.Helper()
	r, err := twinspan.ReadReady(server.ReadyFile)
	if err != nil {
		t.Fatal(err)
	}
	c, err := engagement.New(engagement.Options{AuthURL: r.Engagement.AuthURL})
	if err != nil {
		t.Fatal(err)
	}
	p := r.Engagement.InstalledPackage
	token, err := c.ClientCredentials(ctx, engagement.ClientCredentialsGrant{ClientID: p.ClientID, Secret: vault.Secret(p.ClientSecret), MID: p.AccountID})
	if err != nil {
		t.Fatal(fault.Of(err))
	}
	return c.Session(token)
}
