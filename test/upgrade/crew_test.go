package upgrade_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinspan/twinspan"
	"github.com/twinspan/twinspan/internal/cli"
	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/test/spawn"
)

// people are the users of the pair, mapped before its upgrade, beside the fixture's three; recipients the contacts who are
// sent to.
const (
	people     = 30
	recipients = 120
)

// stage is a pair of May 2016 whose clouds run in this process and whose Connect runs in one that is killed.
type stage struct {
	data, db   string
	ready      twinspan.Ready
	readyFile  string
	connect    *connect.Client
	contacts   []string          // ids
	addresses  map[string]string // of contacts, by id
	verify     string            // id of one who is sent to for the verification alone
	leftOut    string            // user who is not to be approved
	inactive   string            // user whom the org does not know any more
	org        *cloud
	tenant     *cloud
	ledger     *ledger
	ended      []*connect.Upgrade // closed or cancelled, as they stood then
	keeper     *keeper
	keeperDone chan error
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// dsn is the database of a house.
func (s *stage) dsn(house string) string {
	if s.db != "" {
		return s.db
	}
	return s.data + "/" + house + ".db"
}

// newStage is newPair with Connect in a process that a keeper kills and starts again.
func newStage(t *testing.T, kind, accountType string) *stage {
	t.Helper()
	s := newPair(t, kind, accountType)
	s.keeper, s.keeperDone = &keeper{stage: s, points: t.TempDir()}, make(chan error, 1)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	go func() { s.keeperDone <- s.keeper.run(ctx) }()
	t.Cleanup(func() {
		stop()
		noError(t, <-s.keeperDone)
	})
	return s
}

// newPair makes the pair with the whole program, closes that, and opens the clouds here. Connect is not running then.
func newPair(t *testing.T, kind, accountType string) *stage {
	t.Helper()
	s := &stage{data: t.TempDir(), db: spawn.DSN(t, kind), readyFile: t.TempDir() + "/ready.json", addresses: map[string]string{}, ledger: newLedger()}
	free := twinspan.HouseConfig{Addr: "127.0.0.1:0"}
	program, err := twinspan.New(bounded(t), twinspan.Config{
		DataDir: s.data, DB: s.db, Fixture: twinspan.FixtureLegacy, FixtureUsers: people, AccountType: accountType, CRM: free, Engagement: free, Connect: free, ControlAddr: "127.0.0.1:0", ReadyFile: s.readyFile, Record: -1,
	})
	noError(t, err)
	s.ready = program.Ready()
	text, err := os.ReadFile(s.readyFile)
	noError(t, err)
	s.fill(t)
	noError(t, program.Close())
	noError(t, os.WriteFile(s.readyFile, text, 0o600))
	s.connect, err = connect.New(s.ready.Connect.URL, vault.Secret(s.ready.Connect.APIToken), nil)
	noError(t, err)
	s.org, s.tenant = openClouds(t, s, s.ledger)
	return s
}

// address is that of a contact; of the last one, whom the verifications are sent to, it is none of the crowd's.
func address(i int) string {
	if i == recipients {
		return "verify@judge.example"
	}
	return fmt.Sprintf("r%03d@crowd.example", i)
}

// fill makes the contacts, and takes a mapped user away from the org.
func (s *stage) fill(t *testing.T) {
	t.Helper()
	admin := s.admin(t)
	var records []map[string]any
	for i := range recipients + 1 {
		records = append(records, map[string]any{"LastName": fmt.Sprintf("R%03d", i), "Email": address(i)})
	}
	saved, err := admin.CreateRecords(bounded(t), "Contact", records)
	noError(t, err)
	for i, one := range saved {
		noError(t, one.Err)
		s.contacts = append(s.contacts, one.ID)
		s.addresses[one.ID] = address(i)
	}
	s.verify, s.contacts = s.contacts[recipients], s.contacts[:recipients]
	if code, out := s.command("tenant", "settings", "my_documents=true"); code != 0 {
		t.Fatal(out)
	}
	_, host, _ := strings.Cut(s.ready.CRM.Admin.Username, "@")
	s.leftOut, s.inactive = "user-000007@"+host, "user-000011@"+host
	found, err := admin.Query(bounded(t), "SELECT Id FROM User WHERE Username = "+crm.Literal(s.inactive))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: %v, %v", s.inactive, found, err)
	}
	noError(t, admin.UpdateRecord(bounded(t), "User", found[0].String("Id"), map[string]any{"IsActive": false}))
}

// admin is the CRM admin's session.
func (s *stage) admin(t *testing.T) *crm.Session {
	t.Helper()
	org, err := crm.New(crm.Options{BaseURL: s.ready.CRM.URL})
	noError(t, err)
	a := s.ready.CRM.Admin
	token, err := org.Login(bounded(t), a.Username, vault.Secret(a.Password+a.SecurityToken))
	noError(t, err)
	return org.Session(token)
}

// command runs a command as an admin would, and returns its exit code and what it printed.
func (s *stage) command(args ...string) (int, string) {
	var out bytes.Buffer
	code := cli.Main(append(args, "--ready-file", s.readyFile), cli.Env{Stdout: &out, Stderr: &out, Lookup: func(string) (string, bool) { return "", false }})
	return code, out.String()
}

// upgrade asks Connect how the upgrade stands, however often it is dead.
func (s *stage) upgrade(ctx context.Context, t *testing.T) *connect.Upgrade {
	t.Helper()
	var u *connect.Upgrade
	s.persist(ctx, t, "asking for the upgrade", func() (err error) {
		u, err = s.connect.Upgrade(ctx)
		return err
	})
	return u
}

// persist calls again until it is answered: Connect may be dead.
func (s *stage) persist(ctx context.Context, t *testing.T, what string, call func() error) {
	t.Helper()
	tick := time.NewTicker(30 * time.Millisecond)
	defer tick.Stop()
	for {
		err := call()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, err)
		}
	}
}

// play has both admins do their parts by command, again and again, until the upgrade is in one of the states or ok says that it
// is enough.
func (s *stage) play(ctx context.Context, t *testing.T, args []string, ok func(*connect.Upgrade) bool) *connect.Upgrade {
	t.Helper()
	for {
		code, out := s.command(append([]string{"upgrade"}, args...)...)
		u := s.upgrade(bounded(t), t)
		switch {
		case u != nil && ok(u):
			return u
		case ctx.Err() != nil:
			t.Fatalf("%v ended with %d, and the upgrade is %s at %s, waits %+v, %s\n%s", args, code, u.State, u.Step, u.Waiting, u.Failure, out)
		}
	}
}

// sender sends to contact after contact, and asks again with the same key until Connect says yes. What it said yes
// to is kept.
type sender struct {
	*stage
	next       int // index of a contact
	mu         sync.Mutex
	acked      map[string]string // contact's id by message key
	held       int               // of those, how many were held
	jobs       []string          // ids of mailings
	unanswered []string          // what nobody said yes to, and the last error
}

// run sends until ctx ends, or nobody is left. What was begun is asked for until it is answered: Connect may have taken it when the
// answer was cut off. A send that a process died with nobody takes over for a minute and a half; the next ones do not wait for it.
func (s *sender) run(ctx context.Context) {
	begun, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	defer giveUp()
	var all sync.WaitGroup
	tick, late := time.NewTicker(100*time.Millisecond), time.NewTimer(0)
	defer tick.Stop()
	defer late.Stop()
	for i, mailing, left := s.turn(); left && ctx.Err() == nil; i, mailing, left = s.turn() {
		answered := make(chan struct{})
		all.Go(func() {
			defer close(answered)
			s.one(begun, i, mailing)
		})
		late.Reset(2 * time.Second)
		select {
		case <-answered:
		case <-late.C:
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	end := time.AfterFunc(3*time.Minute, giveUp)
	defer end.Stop()
	all.Wait()
}

// turn is the next contact, and, every eighth time, the one after for a mailing to both. It reports whether anybody is left.
func (s *sender) turn() (i int, mailing, left bool) {
	i = s.next
	s.next++
	if mailing = i%8 == 5 && i+1 < len(s.contacts); mailing {
		s.next++
	}
	return i, mailing, i < len(s.contacts)
}

// one sends to the contact, or a mailing to him and the next, and keeps what was acknowledged, or that nothing was until ctx ended.
func (s *sender) one(ctx context.Context, i int, mailing bool) {
	key := fmt.Sprintf("crowd-%03d-%d", i, rand.Uint64())
	retry := time.NewTicker(50 * time.Millisecond)
	defer retry.Stop()
	var last error
	for {
		err := s.ask(ctx, i, mailing, key)
		if err == nil {
			return
		}
		if ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			s.mu.Lock()
			s.unanswered = append(s.unanswered, fmt.Sprintf("%s: %v", key, last))
			s.mu.Unlock()
			return
		case <-retry.C:
		}
	}
}

// ask asks Connect once.
func (s *sender) ask(ctx context.Context, i int, mailing bool, key string) error {
	if mailing {
		m, err := s.connect.StartMailing(ctx, connect.MailingRequest{Kind: "contact", IDs: s.contacts[i : i+2], DefinitionKey: "welcome", As: s.ready.CRM.Users[0].Username}, key)
		if err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.jobs = append(s.jobs, m.ID)
		return nil
	}
	sent, err := s.connect.SendTriggered(ctx, s.contacts[i], "welcome", key)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.acked[sent.MessageKey] = s.contacts[i]
	if sent.Status == "held" {
		s.held++
	}
	return nil
}

// handedOver is how many messages a tenant hands to its mail server at the same time, and so how many a restart may leave it in doubt about.
const handedOver = 16

// settled waits until everything that was acknowledged has an end, and checks it against the ledgers: each message that Connect
// said yes to left the tenant once, or is listed in doubt and left it once at most; nothing else was sent to anybody.
//
// How many may be in doubt is argued, not guessed. A kill adds none: what is sent is written down before the tenant gets it, and whoever
// takes it up asks the tenant for its key first. Connect itself doubts only where the front kept the answer to a message from it: each
// such doubt has its own line in the front's ledger, under its key, so they are at most as many as the messages whose answers were
// spoilt. The tenant doubts what it was handing over when it was restarted, at most as many as it hands over at once.
func (s *sender) settled(ctx context.Context, t *testing.T) {
	t.Helper()
	doubtful, expected := map[string]bool{}, map[string]bool{}
	atTenant := 0
	doubt := func(key, to string, why *connect.Cause) {
		doubtful[to] = true
		switch {
		case why != nil && why.Code == "delivery_in_doubt":
			atTenant++
		case s.ledger.of(s.ledger.silent)[key] == 0:
			t.Errorf("the send to %s is in doubt, %+v, and no answer of the tenant's to its message was kept back", to, why)
		}
	}
	for key, contact := range s.acked {
		s.persist(ctx, t, "a send", func() error {
			one, err := s.connect.Send(ctx, key)
			if err == nil && one.Status != "sent" && one.Status != "in_doubt" {
				err = fmt.Errorf("the send to %s is %s: %+v", s.addresses[contact], one.Status, one.Reason)
			}
			if err == nil && one.Status == "in_doubt" {
				doubt(key, s.addresses[contact], one.Reason)
			}
			return err
		})
		expected[s.addresses[contact]] = true
	}
	for _, id := range s.jobs {
		var m connect.Mailing
		s.persist(ctx, t, "a mailing", func() (err error) {
			if m, err = s.connect.Mailing(ctx, id); err == nil && !m.Over() {
				err = fmt.Errorf("mailing %s is %s", id, m.State)
			}
			return err
		})
		if m.State != "completed" || m.Counts.Recipients != 2 || m.Counts.Sent+m.Counts.Accepted+m.Counts.InDoubt != 2 {
			t.Errorf("the mailing to %v is %+v", m.IDs, m)
		}
		s.persist(ctx, t, "its recipients", func() error {
			return s.connect.MailingRecipients(ctx, id, func(page []connect.Recipient) error {
				for _, r := range page {
					expected[r.Recipient] = true
					if r.Status == "in_doubt" && !doubtful[r.Recipient] {
						doubt(r.MessageKey, r.Recipient, r.Reason)
					}
				}
				return nil
			})
		})
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for lost := 1; lost > 0 && ctx.Err() == nil; { // what the tenant took goes on to the mail server
		lost = 0
		mails := s.ledger.of(s.ledger.mails)
		for to := range expected {
			if mails[to] == 0 && !doubtful[to] {
				lost++
			}
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	mails, taken, unheard := s.ledger.of(s.ledger.mails), s.ledger.of(s.ledger.messages), s.ledger.of(s.ledger.unheard)
	for to, n := range mails {
		if strings.HasSuffix(to, "@crowd.example") && (n != 1 || !expected[to]) {
			t.Errorf("%s got %d mails, expected %v", to, n, expected[to])
		}
	}
	for to := range expected {
		if mails[to] == 0 && !doubtful[to] {
			t.Errorf("the send to %s is lost", to)
		}
	}
	for key, n := range taken {
		if n != 1 {
			t.Errorf("the tenant took message %s %d times", key, n)
		}
	}
	for key, contact := range s.acked {
		if taken[key] == 0 && unheard[key] == 0 && !doubtful[s.addresses[contact]] {
			t.Errorf("the tenant has no message %s", key)
		}
	}
	if restarts := s.ledger.of(s.ledger.faults)["tenant restarted"]; atTenant > handedOver*restarts {
		t.Errorf("the tenant cannot tell of %d messages, and was restarted %d times", atTenant, restarts)
	}
	for _, one := range s.unanswered {
		t.Errorf("nobody said yes to %s", one)
	}
	if s.held == 0 {
		t.Error("nothing was held: nothing was tested")
	}
	t.Logf("%d sends acknowledged, %d of them held, and %d mailings; %d in doubt, %d of them at the tenant", len(s.acked), s.held, len(s.jobs), len(doubtful), atTenant)
	t.Logf("%d answers to messages were kept back", len(s.ledger.of(s.ledger.silent)))
}
