// Package sendertest builds a tenant that sends, for tests: a database with one enterprise of two business units, its
// services, a queue, a sender and a real inbox at the other end of SMTP.
package sendertest

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/dataload"
	"github.com/twinspan/twinspan/engagement/internal/sender"
	"github.com/twinspan/twinspan/engagement/internal/sqlstore"
	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/mail"
	"github.com/twinspan/twinspan/internal/sqldb"
)

// The tenant that New makes.
const (
	EID   tenant.EID = 510000001
	Top   tenant.MID = 510000001
	Child tenant.MID = 510000002
	// From is the address of the definition "welcome" and the default sender.
	From = "hello@news.example.com"
	// Password opens the user APIUser, an API user with both administrator roles.
	APIUser  = "api.user"
	Password = "correct horse 7"
)

// Migrations are those of the house and of its queue.
func Migrations() []sqldb.Migrations {
	return []sqldb.Migrations{sqlstore.Migrations(), jobs.Migrations}
}

// Time is machine time that a test moves. It is safe for concurrent use.
type Time struct {
	mu  sync.Mutex
	now time.Time
}

// Now is the time.
func (c *Time) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the time on.
func (c *Time) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Kit is a tenant that sends.
type Kit struct {
	DB          *sqldb.DB
	Store       *sqlstore.Sending
	Sends       *tenant.Sends
	Definitions *tenant.Definitions
	Subscribers *tenant.Subscribers
	Retrieves   *tenant.Retrieves
	Data        *tenant.DataExtensions
	Lists       *tenant.Lists
	Emails      *tenant.Emails
	SendSetup   *tenant.SendSetup
	EmailSends  *tenant.EmailSends
	Users       *tenant.Users
	Roles       *tenant.Roles
	Tracking    *tenant.Tracking
	// Verification finds no records in the DNS until a test gives it a resolver.
	Verification *tenant.Verification
	Registry     *tenant.Registry
	Auth         *Auth
	Time         *Time
	Clock        tenant.Clock
	Queue        *jobs.Queue
	Inbox        *mail.Inbox

	t       testing.TB
	mu      sync.Mutex
	changed chan struct{}
}

// Options change what New builds.
type Options struct {
	// Mail takes the messages; the kit's inbox where nil.
	Mail mail.Sender
	// Links are how messages report back; the zero value for not at all.
	Links tenant.Links
	// Idle leaves the sender stopped: the test starts it with Start.
	Idle bool
	// Kept says that the database has the tenant already.
	Kept bool
	// Store stands between the sender and its store; the store itself where nil.
	Store func(tenant.DeliveryStore) tenant.DeliveryStore
	// RealTime runs the queue on time.Now, with short leases.
	RealTime bool
}

// New builds the kit on a database with Migrations.
func New(t testing.TB, db *sqldb.DB, o Options) *Kit {
	t.Helper()
	k := &Kit{DB: db, t: t, Time: &Time{now: epoch}, changed: make(chan struct{})}
	var machine clock.Machine = k.Time.Now
	lease := time.Duration(0)
	if o.RealTime {
		machine, lease = time.Now, 600*time.Millisecond
	}
	k.Clock = tenant.Clock{Domain: clock.NewDomain(machine)}
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	k.Queue = jobs.New(db, jobs.Options{Machine: machine, Lease: lease, Poll: 50 * time.Millisecond, Log: log, OnChange: func(jobs.Change) { k.notify() }})
	k.Store = sqlstore.NewSending(db, k.Queue)
	k.Sends = &tenant.Sends{Store: k.Store, Now: k.Clock.Now}
	k.Definitions = &tenant.Definitions{Store: k.Store, Now: k.Clock.Now}
	k.Subscribers = &tenant.Subscribers{Store: k.Store, Now: k.Clock.Now}
	k.Tracking = &tenant.Tracking{Store: k.Store, Links: o.Links, Now: k.Clock.Now}
	rows := sqlstore.NewData(db, k.Queue)
	k.Data = &tenant.DataExtensions{Store: rows, Now: k.Clock.Now, Serials: tenant.NewSerials(machine)}
	dataload.Handle(k.Queue, k.Data, rows)
	k.Retrieves = &tenant.Retrieves{Store: k.Store, Now: k.Clock.Now, Data: k.Data}
	k.Lists, k.Emails = &tenant.Lists{Store: k.Store, Now: k.Clock.Now}, &tenant.Emails{Store: k.Store, Now: k.Clock.Now}
	k.SendSetup = &tenant.SendSetup{Store: k.Store, Now: k.Clock.Now}
	k.EmailSends = &tenant.EmailSends{Store: k.Store, Emails: k.Store, Lists: k.Store, Setup: k.Store, Data: rows, Sends: k.Sends, Now: k.Clock.Now}
	people, err := sqlstore.New(t.Context(), db, machine)
	if err != nil {
		t.Fatal(err)
	}
	k.Registry = tenant.NewRegistry(people, people, people, machine)
	k.Users = &tenant.Users{Registry: k.Registry, Directory: people, Store: people, Clock: k.Clock}
	k.Roles = &tenant.Roles{Registry: k.Registry, Directory: people, Store: people, Clock: k.Clock}
	k.Sends.Policy = k.Registry.SenderPolicy
	k.Auth = NewAuth()
	k.Inbox = inbox(t, log)
	if o.Mail == nil {
		smtp, err := mail.NewSender(k.Inbox.URL())
		if err != nil {
			t.Fatal(err)
		}
		o.Mail = smtp
	}
	k.Verification = &tenant.Verification{
		Store: k.Store, Registry: k.Registry, Links: o.Links, DNS: NoDNS{}, Mail: sender.VerificationMail(o.Mail, o.Links.Base), Now: k.Clock.Now,
	}
	var deliveries tenant.DeliveryStore = k.Store
	if o.Store != nil {
		deliveries = o.Store(k.Store)
	}
	s, err := sender.New(sender.Options{Store: deliveries, Forsaken: k.Store, LookEvery: 50 * time.Millisecond, EmailSends: k.EmailSends, Queue: k.Queue, Mail: o.Mail, Links: o.Links, Policy: k.Registry.SenderPolicy, Now: k.Clock.Now, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	if !o.Kept {
		Seed(t, db)
	}
	if !o.Idle {
		s.Start(context.Background())
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Errorf("stopping the sender: %v", err)
		}
	})
	return k
}

// NoDNS is a resolver that knows no name.
type NoDNS struct{}

// LookupTXT implements tenant.Resolver.
func (NoDNS) LookupTXT(context.Context, string) ([]string, error) { return nil, nil }

// epoch is when the tenant was made, and where a kit's time begins.
var epoch = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// blueprint plans the tenant once for all tests of a process: its passwords are hashed slowly.
var blueprint = sync.OnceValues(func() (tenant.Blueprint, error) {
	return tenant.Plan(context.Background(), tenant.Spec{
		EID: int64(EID), Name: "Northern Trail", BusinessUnits: []tenant.BusinessUnitSpec{{MID: int64(Child), Name: "Trail Europe"}},
		Users: []tenant.UserSpec{
			{Username: APIUser, Name: "API User", Email: "api@example.com", Password: Password, APIUser: true, Roles: []string{"Administrator", "Marketing Cloud Administrator"}},
			{Username: "europe.only", Name: "Björk <Europe> & Co", Email: "europe@example.com", Password: Password, DefaultMID: int64(Child), Roles: []string{"Content Creator"}},
		},
		Packages: []tenant.PackageSpec{{
			Name: "Test", Type: tenant.ServerIntegration, ClientID: "clientidclientidclientid", Secret: "secretsecretsecretsecret",
			Scopes: []string{"email_send"},
		}},
	}, epoch)
})

// Seed stores the tenant.
func Seed(t testing.TB, db *sqldb.DB) {
	t.Helper()
	ctx := context.Background()
	plan, err := blueprint()
	if err != nil {
		t.Fatal(err)
	}
	store, err := sqlstore.New(ctx, db, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := store.InsertTenant(tx, plan); err != nil {
			return err
		}
		return Put(tx, EID, []tenant.EmailSpec{
			{CustomerKey: "welcome-email", Name: "Welcome", Subject: "Welcome, %%First Name%%", HTML: "<html><body><p>Hello %%First Name%%</p></body></html>", Text: "Hello %%First Name%%"},
		}, []tenant.DefinitionSpec{{Key: "welcome", Name: "Welcome", EmailKey: "welcome-email", FromName: "Northern Trail", FromAddress: From}}, epoch)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func inbox(t testing.TB, log *slog.Logger) *mail.Inbox {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b, err := mail.OpenInbox(mail.InboxOptions{Dir: t.TempDir(), Listener: l, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("closing the inbox: %v", err)
		}
	})
	return b
}

func (k *Kit) notify() {
	k.mu.Lock()
	defer k.mu.Unlock()
	close(k.changed)
	k.changed = make(chan struct{})
}

// Await waits until the message with the key passes the test, looking again whenever a job has changed.
func (k *Kit) Await(mid tenant.MID, key string, pass func(tenant.Message) bool) tenant.Message {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		k.mu.Lock()
		changed := k.changed
		k.mu.Unlock()
		m, err := k.Store.MessageByKey(ctx, EID, mid, key)
		if err != nil && ctx.Err() == nil {
			k.t.Fatal(err)
		}
		if err == nil && pass(m) {
			return m
		}
		select {
		case <-changed:
		case <-ctx.Done():
			k.t.Fatalf("message %s is still %s (%s)", key, m.State, m.Text)
		}
	}
}

// AwaitState waits until the message is in the state.
func (k *Kit) AwaitState(mid tenant.MID, key string, state tenant.MessageState) tenant.Message {
	k.t.Helper()
	return k.Await(mid, key, func(m tenant.Message) bool { return m.State == state })
}

// Send accepts one message of the definition "welcome" and fails the test when that is refused.
func (k *Kit) Send(key, contact, to string, attributes map[string]string) tenant.Receipt {
	k.t.Helper()
	r, err := k.Sends.Accept(context.Background(), Principal(Top), tenant.SendRequest{
		DefinitionKey: "welcome", QueueInactive: true,
		Recipients: []tenant.Recipient{{MessageKey: key, ContactKey: contact, To: to, Attributes: attributes}},
	})
	if err == nil && r.Results[0].Err != nil {
		err = r.Results[0].Err
	}
	if err != nil {
		k.t.Fatal(err)
	}
	return r
}

// Mails waits for the mail to the address and returns all that are there then.
func (k *Kit) Mails(to string) []mail.Mail {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if _, err := k.Inbox.Wait(ctx, func(m mail.Mail) bool { return m.EnvelopeTo[0] == to }); err != nil {
		k.t.Fatalf("no mail to %s: %v", to, err)
	}
	return k.Inbox.List(mail.Filter{To: to})
}

// Principal may do everything in the business unit.
func Principal(mid tenant.MID) tenant.Principal {
	permissions := []string{
		tenant.PermEmailRead, tenant.PermEmailWrite, tenant.PermEmailSend, tenant.PermListsRead, tenant.PermListsWrite,
		tenant.PermDataExtensionsRead, tenant.PermDataExtensionsWrite, tenant.PermUsersRead, tenant.PermAccountsRead, tenant.PermWebServices,
	}
	return tenant.Principal{
		Tenant: EID, MID: mid, ClientID: "clientidclientidclientid", UserID: 10000001, Username: "app",
		Scopes:      []string{"email_read", "email_write", "email_send", "list_and_subscribers_read", "list_and_subscribers_write", "data_extensions_read", "data_extensions_write", "users_read", "accounts_read"},
		Permissions: permissions, Snapshot: tenant.Snapshot{Base: permissions},
	}
}

// Auth is an authenticator that knows the tokens and passwords a test gives it.
type Auth struct {
	mu        sync.Mutex
	tokens    map[string]tenant.Principal
	passwords map[string]tenant.Principal // by name and password
}

// NewAuth knows the token "good" of Principal(Top), "child" of Principal(Child), and the API user's password.
func NewAuth() *Auth {
	user := Principal(Top)
	user.ClientID, user.Scopes, user.Username = "", nil, APIUser
	return &Auth{
		tokens:    map[string]tenant.Principal{"good": Principal(Top), "child": Principal(Child)},
		passwords: map[string]tenant.Principal{APIUser + "\x00" + Password: user},
	}
}

// Put makes the token one of the principal.
func (a *Auth) Put(token string, p tenant.Principal) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tokens[token] = p
}

// PutPassword makes the name and password open the principal.
func (a *Auth) PutPassword(username, password string, p tenant.Principal) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.passwords[username+"\x00"+password] = p
}

// Token implements tenant.Authenticator. The token "broken" fails as a database does.
func (a *Auth) Token(_ context.Context, token string) (tenant.Principal, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if token == "broken" {
		return tenant.Principal{}, errors.New("reading /var/lib/secret: disk on fire")
	}
	p, ok := a.tokens[token]
	if !ok {
		return p, fault.New(fault.Unauthenticated, tenant.CodeInvalidToken, "The access token is not valid.")
	}
	return p, nil
}

// Password implements tenant.Authenticator.
func (a *Auth) Password(_ context.Context, username, password string) (tenant.Principal, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p, ok := a.passwords[username+"\x00"+password]
	if !ok {
		return p, fault.New(fault.Unauthenticated, tenant.CodeLoginFailed, "The login failed.")
	}
	return p, nil
}
