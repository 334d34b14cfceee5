package sender_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/sender"
	"github.com/twinspan/twinspan/engagement/internal/sender/sendertest"
	"github.com/twinspan/twinspan/engagement/internal/sqlstore"
	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/mail"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/sqldb/sqldbtest"
)

// Variables by which TestKilledSender tells its child process what to be.
const (
	envPoint = "TWINSPAN_TEST_SENDER_POINT"
	envDSN   = "TWINSPAN_TEST_SENDER_DSN"
	envSMTP  = "TWINSPAN_TEST_SENDER_SMTP"
)

// TestKilledSender kills a process that delivers with SIGKILL, at three points, and has another one go on.
func TestKilledSender(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		point string
		want  tenant.MessageState
		mails int
	}{
		{"before", tenant.MessageSent, 1},    // nothing had begun: the message goes out, once
		{"during", tenant.MessageInDoubt, 0}, // handing over had begun: it is not tried again
		{"after", tenant.MessageInDoubt, 1},  // the server has it and nobody wrote that down: it is not sent twice
	} {
		for _, kind := range sqldbtest.Kinds {
			t.Run(c.point+"/"+kind, func(t *testing.T) {
				t.Parallel()
				dsn := sqldbtest.DSN(t, kind)
				acceptOne(t, dsn)
				// The inbox outlives both processes.
				db := sqldbtest.Open(t, sqldbtest.DSN(t, "sqlite"), sendertest.Migrations())
				inbox := sendertest.New(t, db, sendertest.Options{Idle: true}).Inbox
				killAt(t, c.point, dsn, inbox.URL())

				smtp, err := mail.NewSender(inbox.URL())
				if err != nil {
					t.Fatal(err)
				}
				k := sendertest.New(t, sqldbtest.Open(t, dsn, sendertest.Migrations()), sendertest.Options{Kept: true, RealTime: true, Mail: smtp})
				k.AwaitState(sendertest.Top, "crash", c.want)
				if got := inbox.List(mail.Filter{}); len(got) != c.mails {
					t.Errorf("%d mails arrived, want %d", len(got), c.mails)
				}
			})
		}
	}
}

// acceptOne makes the tenant and one accepted message, and closes the database.
func acceptOne(t *testing.T, dsn string) {
	t.Helper()
	db := open(t, dsn)
	defer closing(t, db)
	sendertest.Seed(t, db)
	store := sqlstore.NewSending(db, jobs.New(db, jobs.Options{}))
	sends := tenant.Sends{Store: store, Now: func(tenant.EID) time.Time { return time.Now() }}
	if _, err := sends.Accept(t.Context(), sendertest.Principal(sendertest.Top), tenant.SendRequest{
		DefinitionKey: "welcome",
		Recipients:    []tenant.Recipient{{MessageKey: "crash", ContactKey: "c", To: "c@example.com"}},
	}); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, dsn string) *sqldb.DB {
	t.Helper()
	db, err := sqldb.Open(t.Context(), sqldb.Options{DSN: dsn, Migrations: sendertest.Migrations()})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func closing(t *testing.T, db *sqldb.DB) {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

// killAt runs a child that delivers up to the point, and kills it there.
func killAt(t *testing.T, point, dsn, smtp string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	child := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestChild$")
	child.Env = append(os.Environ(), envPoint+"="+point, envDSN+"="+dsn, envSMTP+"="+smtp)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var said []string
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if said = append(said, lines.Text()); lines.Text() == "here" {
			break
		}
	}
	if err := child.Process.Kill(); err != nil {
		t.Error(err)
	}
	if err := child.Wait(); err == nil || len(said) == 0 || said[len(said)-1] != "here" {
		t.Fatalf("the child did not reach its point: %v\n%s", err, strings.Join(said, "\n"))
	}
}

// TestChild is the process that TestKilledSender kills; by itself it does nothing.
func TestChild(t *testing.T) {
	point := os.Getenv(envPoint)
	if point == "" {
		t.Skip("this is the child process of TestKilledSender")
	}
	db := open(t, os.Getenv(envDSN))
	queue := jobs.New(db, jobs.Options{Lease: 600 * time.Millisecond})
	smtp, err := mail.NewSender(os.Getenv(envSMTP))
	if err != nil {
		t.Fatal(err)
	}
	s, err := sender.New(sender.Options{
		Queue: queue, Now: func(tenant.EID) time.Time { return time.Now() },
		Store: stoppingStore{sqlstore.NewSending(db, queue), point}, Mail: stoppingMail{smtp, point},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start(t.Context())
	select {}
}

// reached tells the parent and waits to be killed.
func reached() {
	fmt.Println("here")
	select {}
}

type stoppingStore struct {
	tenant.DeliveryStore
	point string
}

func (s stoppingStore) BeginAttempt(ctx context.Context, eid tenant.EID, id string) (int, bool, error) {
	if s.point == "before" {
		reached()
	}
	return s.DeliveryStore.BeginAttempt(ctx, eid, id)
}

type stoppingMail struct {
	mail.Sender
	point string
}

func (s stoppingMail) Send(ctx context.Context, m mail.Message) error {
	if s.point == "during" {
		reached()
	}
	if err := s.Sender.Send(ctx, m); err != nil {
		fmt.Println("sending failed:", err)
		os.Exit(1)
	}
	reached()
	return nil
}
