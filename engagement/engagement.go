// Package engagement is the house of Marketing Cloud Engagement tenants: any number of them on one set of URLs, with the
// real wire protocols on the outside (auth host, REST and SOAP API) and one database underneath. This file is its only
// door; everything else is internal (DESIGN 3).
package engagement

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/twinspan/twinspan/engagement/internal/control"
	"github.com/twinspan/twinspan/engagement/internal/dataload"
	"github.com/twinspan/twinspan/engagement/internal/login"
	"github.com/twinspan/twinspan/engagement/internal/pages"
	"github.com/twinspan/twinspan/engagement/internal/rest"
	"github.com/twinspan/twinspan/engagement/internal/sender"
	"github.com/twinspan/twinspan/engagement/internal/soapapi"
	"github.com/twinspan/twinspan/engagement/internal/sqlstore"
	"github.com/twinspan/twinspan/engagement/internal/tenant"
	"github.com/twinspan/twinspan/engagement/internal/track"
	"github.com/twinspan/twinspan/internal/background"
	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/mail"
	"github.com/twinspan/twinspan/internal/once"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/internal/vault/datakeys"
	"github.com/twinspan/twinspan/internal/web"
)

// The parts of a tenant's description. See [tenant.Spec] for what each field holds.
type (
	// TenantSpec describes a tenant to be made.
	TenantSpec = tenant.Spec
	// BusinessUnitSpec describes a child business unit.
	BusinessUnitSpec = tenant.BusinessUnitSpec
	// UserSpec describes a user.
	UserSpec = tenant.UserSpec
	// PackageSpec describes an installed package.
	PackageSpec = tenant.PackageSpec
	// EmailSpec describes an email.
	EmailSpec = tenant.EmailSpec
	// DefinitionSpec describes a triggered send definition.
	DefinitionSpec = tenant.DefinitionSpec
	// AccountType is the edition of a tenant.
	AccountType = tenant.AccountType
)

// The editions of a tenant. Only the first has business units.
const (
	Enterprise2 = tenant.Enterprise2
	Core        = tenant.Core
	LockPublish = tenant.LockPublish
)

// NewEID returns a random enterprise id, which is also the MID of the top business unit. It serves for other MIDs too.
func NewEID() int64 { return int64(tenant.NewEID()) }

// NewSubdomain returns a random subdomain of 28 characters.
func NewSubdomain() string { return tenant.NewSubdomain() }

// Options say what the house stands on.
type Options struct {
	// DSN is an SQLite file or a PostgreSQL URL; there the tables live in the schema "engagement".
	DSN string
	// Relaxed gives up durability for speed (SQLite synchronous=OFF).
	Relaxed bool
	// BaseURL is the public URL without trailing slash. Clients are told it, with a slash, as auth, REST and SOAP URL.
	BaseURL string
	// Mail sends what the tenants send.
	Mail mail.Sender
	// Bounces says that mail to any address comes to this program and is given to TakeMail, so that bounces can have an
	// address for each message.
	Bounces bool
	// BounceDomain is the domain of those addresses; "" for the domain of each From address.
	BounceDomain string
	// Resolver answers for the DNS when a domain is verified; the system's where nil.
	Resolver tenant.Resolver
	// Vault seals the key of the links in messages. Without one they work as long as the house runs.
	Vault   *vault.Vault
	Log     *slog.Logger  // nil discards
	Machine clock.Machine // time.Now where nil
}

// Cloud is the running house.
type Cloud struct {
	store    *sqlstore.Store
	queue    *jobs.Queue
	registry *tenant.Registry
	keys     *datakeys.Keyring // nil without a vault
	tracking *tenant.Tracking
	sender   *sender.Sender
	control  *control.Control
	handler  http.Handler
	// measuring compares this machine's clock with the database's, by which messages are leased.
	measuring background.Work
	once      sync.Once
	closed    error
}

// sendWorkers is how many messages are handed over at the same time, and so how many a crash may leave in doubt. More
// share each commit; mail servers allow one client a few dozen connections.
const (
	sendWorkers = 16
	// sendLease is how long the messages of a process that is gone wait for another one on the same server. Handing over
	// takes milliseconds, and a process that was merely slow may still say how its attempt ended.
	sendLease = 15 * time.Second
)

// New opens the database and starts the house. Call Close when done.
func New(ctx context.Context, o Options) (*Cloud, error) {
	if o.Mail == nil {
		return nil, errors.New("engagement: no mail sender")
	}
	o.BaseURL = strings.TrimRight(o.BaseURL, "/")
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Machine == nil {
		o.Machine = time.Now
	}
	if o.Resolver == nil {
		o.Resolver = net.DefaultResolver
	}
	store, err := sqlstore.Open(ctx, sqlstore.Options{DSN: o.DSN, Relaxed: o.Relaxed, More: []sqldb.Migrations{jobs.Migrations, datakeys.Migrations, once.Migrations}, Log: o.Log, Machine: o.Machine})
	if err != nil {
		return nil, fmt.Errorf("engagement: %w", err)
	}
	shared, err := store.DB().Clock(ctx, o.Machine) // messages' leases are compared by every process on the database
	if err != nil {
		return nil, errors.Join(fmt.Errorf("engagement: %w", err), store.Close())
	}
	c := &Cloud{store: store, queue: jobs.New(store.DB(), jobs.Options{Log: o.Log, Machine: shared.Now, Workers: sendWorkers, Lease: sendLease})}
	c.measuring.Every(ctx, time.Minute, o.Log, "the database's clock cannot be read", shared.Measure)
	if err := c.wire(ctx, o); err != nil {
		return nil, errors.Join(fmt.Errorf("engagement: %w", err), c.Close())
	}
	return c, nil
}

// wire is the one place where the rooms of the house meet.
func (c *Cloud) wire(ctx context.Context, o Options) error {
	clk := tenant.Clock{Domain: clock.NewDomain(o.Machine)}
	serials := tenant.NewSerials(o.Machine)
	c.registry = tenant.NewRegistry(c.store, c.store, c.store, o.Machine)
	signIns := tenant.NewSignIns(c.registry, c.store, c.store, clk)
	auth := &tenant.Authentication{Registry: c.registry, SignIns: signIns, Clock: clk, Meter: tenant.NewMeter(o.Machine, time.Minute)}
	var err error
	if c.control, err = control.Start(ctx, control.Options{Store: c.store, Registry: c.registry, Clock: clk, Serials: serials, Log: o.Log}); err != nil {
		return err
	}

	sending := sqlstore.NewSending(c.store.DB(), c.queue)
	rows := sqlstore.NewData(c.store.DB(), c.queue)
	data := &tenant.DataExtensions{Store: rows, Now: clk.Now, Serials: serials}
	dataload.Handle(c.queue, data, rows)
	sends := &tenant.Sends{Store: sending, Policy: c.registry.SenderPolicy, Now: clk.Now}
	emailSends := &tenant.EmailSends{Store: sending, Emails: sending, Lists: sending, Setup: sending, Data: rows, Sends: sends, Now: clk.Now}
	links, err := c.links(ctx, o)
	if err != nil {
		return err
	}
	c.tracking = &tenant.Tracking{Store: sending, Links: links, Now: clk.Now}
	verification := &tenant.Verification{
		Store: sending, Registry: c.registry, Links: links, DNS: o.Resolver, Mail: sender.VerificationMail(o.Mail, o.BaseURL), Now: clk.Now,
	}
	if c.sender, err = sender.New(sender.Options{Store: sending, Forsaken: sending, EmailSends: emailSends, Links: links, Policy: c.registry.SenderPolicy, Mail: o.Mail, Queue: c.queue, Now: clk.Now, Log: o.Log}); err != nil {
		return err
	}

	sessions := &tenant.Sessions{Store: c.store, Registry: c.registry, Serials: serials, Clock: clk}
	setup := &tenant.Setup{Registry: c.registry, Directory: c.store, Store: c.store, Sessions: sessions, Serials: serials, Clock: clk}
	users := &tenant.Users{Registry: c.registry, Directory: c.store, Store: c.store, Clock: clk}
	people := &tenant.People{Registry: c.registry, Directory: c.store, Store: c.store}
	roles := &tenant.Roles{Registry: c.registry, Directory: c.store, Store: c.store, Clock: clk}
	unitRoles := &tenant.UnitRoles{Registry: c.registry, Directory: c.store, Store: c.store}
	vouching := &tenant.Vouching{Registry: c.registry, Grants: c.store, Serials: serials, Clock: clk}
	documents := &tenant.Documents{Registry: c.registry, Store: c.store, Clock: clk}
	loginServer, err := login.New(login.Options{
		BaseURL: o.BaseURL, Registry: c.registry, SignIns: signIns, Auth: auth, Clock: clk, Log: o.Log,
		Issuer:    &tenant.Issuer{Registry: c.registry, Tokens: c.store, Grants: c.store, Serials: serials, Clock: clk},
		Sessions:  sessions,
		Setup:     setup,
		UnitRoles: unitRoles,
		Documents: documents,
		Requests:  tenant.TokenRequests{Registry: c.registry, Meter: auth.Meter, Budget: tenant.NewMeter(o.Machine, tenant.TokenBudgetWindow), Failures: tenant.NewFailures(o.Machine)},
		Vouching:  vouching,
	})
	if err != nil {
		return err
	}
	definitions, emails := &tenant.Definitions{Store: sending, Now: clk.Now}, &tenant.Emails{Store: sending, Now: clk.Now}
	queues, subscribers := &tenant.DefinitionQueues{Definitions: definitions, Store: sending}, &tenant.Subscribers{Store: sending, Now: clk.Now}
	retrieves, sendSetup := &tenant.Retrieves{Store: sending, Now: clk.Now, Data: data}, &tenant.SendSetup{Store: sending, Now: clk.Now}
	pageServer, err := pages.New(pages.Options{
		BaseURL: o.BaseURL, Sessions: sessions, People: people, Users: users, Setup: setup, Roles: roles, UnitRoles: unitRoles, Vouching: vouching,
		Logins:  &tenant.LoginHistory{People: people, Store: c.store},
		Reports: &tenant.Reports{Store: sending, Now: clk.Now}, Definitions: definitions, Queues: queues, Subscribers: subscribers, Retrieves: retrieves, Data: data,
		SendSetup: sendSetup, Verification: verification, Documents: documents, Forms: once.Stored{DB: c.store.DB(), Now: o.Machine}, Log: o.Log,
	})
	if err != nil {
		return err
	}
	restServer, err := rest.New(rest.Options{Auth: auth, Sends: sends, Definitions: definitions, Registry: c.registry, Queues: queues, Senders: sending, Data: data, Emails: emails, Subscribers: subscribers, Verification: verification, Decisions: &tenant.Decisions{Store: sending, Now: clk.Now}, BaseURL: o.BaseURL, Log: o.Log})
	if err != nil {
		return err
	}
	soapServer, err := soapapi.New(soapapi.Options{
		Auth: auth, Sends: sends, Retrieves: retrieves, Data: data,
		Lists: &tenant.Lists{Store: sending, Now: clk.Now}, Emails: emails, SendSetup: sendSetup, Definitions: definitions,
		Subscribers: subscribers, EmailSends: emailSends,
		EmailSendDefinitions: &tenant.EmailSendDefinitions{Store: sending, Sends: emailSends, Now: clk.Now}, Results: &tenant.RequestResults{Store: sending, Now: clk.Now},
		Users: users, Roles: roles,
		BaseURL: o.BaseURL, Machine: o.Machine, Log: o.Log,
	})
	if err != nil {
		return err
	}
	trackServer, err := track.New(track.Options{Tracking: c.tracking, Verification: verification, Log: o.Log})
	if err != nil {
		return err
	}
	mux := web.NewMux()
	mux.IgnoreCase = true
	ui.Mount(mux)
	loginServer.Mount(mux)
	restServer.Mount(mux)
	soapServer.Mount(mux)
	trackServer.Mount(mux)
	pageServer.Mount(mux)
	mux.NotFound, mux.MethodNotAllowed = http.HandlerFunc(restServer.NotFound), http.HandlerFunc(restServer.MethodNotAllowed)
	c.handler = login.Callers(login.TokenPaths(mux))
	// Delivery lasts until Close, whatever becomes of the context of the start.
	c.sender.Start(context.WithoutCancel(ctx))
	return nil
}

// links makes the house's links of messages, signed with a key that is kept sealed.
func (c *Cloud) links(ctx context.Context, o Options) (tenant.Links, error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails: crypto/rand ends the program instead
	if o.Vault != nil {
		var err error
		if c.keys, err = datakeys.Open(ctx, c.store.DB(), o.Vault, o.Machine, sqlstore.Sealed()...); err != nil {
			return tenant.Links{}, err
		}
		if key, err = c.store.HouseKey(ctx, c.keys.Vault(), "links", key); err != nil {
			return tenant.Links{}, err
		}
	}
	return tenant.Links{Base: o.BaseURL, Key: key, Returns: o.Bounces, ReturnDomain: o.BounceDomain}, nil
}

// TakeMail looks at a mail that came in, as it was received: one that tells of a failed delivery, at an address that a
// message had for its bounces, is noted with the message. Other mails are none of the tenants' business.
func (c *Cloud) TakeMail(ctx context.Context, to []string, data []byte) error {
	report, ok := mail.ParseReport(data)
	if !ok {
		return nil
	}
	for _, address := range to {
		if _, err := c.tracking.Returned(ctx, address, tenant.BounceOf(report.Code, report.Reason)); err != nil {
			return err
		}
	}
	return nil
}

// DataKeys are the keys under which the house's secrets are sealed in its database; nil without a vault.
func (c *Cloud) DataKeys() *datakeys.Keyring { return c.keys }

// Handler serves the auth host, REST and SOAP on one listener: paths have no case and tolerate repeated slashes.
func (c *Cloud) Handler() http.Handler { return c.handler }

// CreateTenant makes a tenant, in one transaction. A tenant whose EID is there already is left as it is.
func (c *Cloud) CreateTenant(ctx context.Context, spec TenantSpec) error {
	return c.control.Create(ctx, spec)
}

// MaxAdded is how many users AddUsers takes at once.
const MaxAdded = control.MaxAdded

// AddedUser is a user whom AddUsers added, or found.
type AddedUser = control.AddedUser

// Approval says what users who are added have let a connect package do.
type Approval struct {
	ClientID string // of the package; "" for none
	// SignedIn gives each a new sign-in through it, whose refresh token AddUsers returns; else he has a grant alone.
	SignedIn bool
}

// AddUsers adds users to a tenant that is there, below its APIs and in one transaction. Who is there already stays as he is,
// and keeps his grant. It returns them in order.
func (c *Cloud) AddUsers(ctx context.Context, eid int64, users []UserSpec, a Approval) ([]AddedUser, error) {
	return c.control.AddUsers(ctx, tenant.Seeding{EID: tenant.EID(eid), Users: users, ClientID: a.ClientID, SignedIn: a.SignedIn})
}

// DeleteTenant takes a tenant away with everything in it; one that is not there already is none. Mail of it that is on
// its way may still go out.
func (c *Cloud) DeleteTenant(ctx context.Context, eid int64) error {
	return c.control.Delete(ctx, tenant.EID(eid))
}

// SetClock moves the domain time of the tenant to machine time plus offset. Other processes on the same database follow
// within a second.
func (c *Cloud) SetClock(ctx context.Context, eid int64, offset time.Duration) error {
	return c.control.SetClock(ctx, tenant.EID(eid), offset)
}

// Clock is how far the tenant's domain time is ahead of machine time.
func (c *Cloud) Clock(eid int64) time.Duration { return c.control.Offset(tenant.EID(eid)) }

// drainTime bounds how long Close waits for messages that are being handed over.
const drainTime = 20 * time.Second

// Close lets running jobs end, keeps what is queued, and closes the database. A second Close does nothing.
func (c *Cloud) Close() error {
	c.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), drainTime)
		defer cancel()
		if c.sender != nil {
			c.closed = c.sender.Stop(ctx)
		}
		if c.control != nil {
			c.control.Stop()
		}
		c.measuring.Stop()
		c.closed = errors.Join(c.closed, c.store.Close())
	})
	return c.closed
}
