// Package twinspantest gives Go tests an org, a tenant and Connect of their own, in the test's process and on free
// loopback ports:
//
//	pair := twinspantest.Start(t, twinspantest.Options{})
//	conn := yourClient(pair.CRM.URL, pair.CRM.Users[0].Username)
//	pair.Advance(t, 3*time.Hour) // sessions expire without waiting
package twinspantest

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/twinspan/twinspan"
	"github.com/twinspan/twinspan/internal/client/control"
	"github.com/twinspan/twinspan/internal/vault"
)

// patience bounds a start, a stop and a control call.
const patience = time.Minute

// Options say what kind of pair a test wants. The zero value is a connected one on embedded databases.
type Options struct {
	// Fixture is twinspan.FixtureDemo, which "" means too, or twinspan.FixtureNewOrg.
	Fixture string
	// AccountType is the tenant's edition: twinspan.AccountEnterprise2, which "" means too, twinspan.AccountCore or
	// twinspan.AccountLockPublish.
	AccountType string
	// DB is a postgres:// URL of a database that the test may fill; "" is SQLite in a temporary folder.
	DB string
}

// Pair is a running org, tenant and Connect. Ready has the addresses and credentials.
type Pair struct {
	twinspan.Ready
	control *control.Client
}

// Start starts a pair for the test and stops it when the test ends. A pair that does not start fails the test.
func Start(t testing.TB, o Options) *Pair {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	free := twinspan.HouseConfig{Addr: "127.0.0.1:0"}
	p, err := twinspan.New(ctx, twinspan.Config{
		Ephemeral: true, DB: o.DB, Fixture: o.Fixture, AccountType: o.AccountType, CRM: free, Engagement: free, Connect: free, ControlAddr: "127.0.0.1:0",
		Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		t.Fatalf("starting Twinspan: %v", err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("stopping Twinspan: %v", err)
		}
	})
	c, err := control.New(p.Ready().Control.URL, vault.Secret(p.Ready().Control.Token), nil)
	if err != nil {
		t.Fatal(err)
	}
	return &Pair{Ready: p.Ready(), control: c}
}

// Advance moves the pair's domain time on: tokens, sessions and schedules see it at once.
func (p *Pair) Advance(t testing.TB, by time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := p.control.Advance(ctx, by); err != nil {
		t.Fatalf("moving the clock: %v", err)
	}
}

// Mail is a message that the tenant sent.
type Mail struct {
	From, Subject, Text, HTML string
}

// AwaitMail waits for the first message to an address and returns it. None within a minute fails the test.
func (p *Pair) AwaitMail(t testing.TB, to string) Mail {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		list, err := p.control.Mails(ctx, control.MailQuery{To: to, Wait: patience})
		if err != nil {
			t.Fatalf("waiting for mail to %s: %v", to, err)
		}
		if len(list) == 0 {
			continue // the server waits less long than we do
		}
		m, err := p.control.Mail(ctx, list[len(list)-1].ID)
		if err != nil {
			t.Fatalf("reading the mail to %s: %v", to, err)
		}
		return Mail{From: m.From, Subject: m.Subject, Text: m.Text, HTML: m.HTML}
	}
}
