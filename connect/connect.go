// Package connect is the bridge between an org and a tenant. It reaches both only through their public HTTP APIs, by
// base URL: into the org as the system user, into Engagement as the API user and as every mapped user, by keys of its
// own whose certificates the two clouds hold. It keeps no password of either.
package connect

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/twinspan/twinspan/connect/internal/access"
	"github.com/twinspan/twinspan/connect/internal/api"
	"github.com/twinspan/twinspan/connect/internal/apiuser"
	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/doctor"
	"github.com/twinspan/twinspan/connect/internal/guide"
	"github.com/twinspan/twinspan/connect/internal/integration"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/mailing"
	"github.com/twinspan/twinspan/connect/internal/mapping"
	"github.com/twinspan/twinspan/connect/internal/migration"
	"github.com/twinspan/twinspan/connect/internal/notice"
	"github.com/twinspan/twinspan/connect/internal/pages"
	"github.com/twinspan/twinspan/connect/internal/send"
	"github.com/twinspan/twinspan/connect/internal/signin"
	"github.com/twinspan/twinspan/connect/internal/sqlstore"
	"github.com/twinspan/twinspan/connect/internal/tenantoauth"
	"github.com/twinspan/twinspan/connect/internal/tracking"
	"github.com/twinspan/twinspan/connect/internal/trigger"
	"github.com/twinspan/twinspan/connect/internal/units"
	"github.com/twinspan/twinspan/connect/internal/upgrade"
	"github.com/twinspan/twinspan/connect/internal/usage"
	"github.com/twinspan/twinspan/internal/background"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/egress"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/mail"
	"github.com/twinspan/twinspan/internal/standing"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/internal/vault/datakeys"
	"github.com/twinspan/twinspan/internal/web"
	"github.com/twinspan/twinspan/internal/webhook"
)

// Options make a [Bridge].
type Options struct {
	// DSN is the path of an SQLite file or a postgres:// URL, whose schema "connect" is used.
	DSN string
	// Relaxed does without waiting for the disk.
	Relaxed bool
	// BaseURL is where browsers reach this Connect, without trailing slash. The clouds hold it in redirect URIs.
	BaseURL string
	// WorkbenchURL leads administrators in the console to the control surface's pages; "" for none.
	WorkbenchURL string
	// Vault seals keys and other secrets at rest.
	Vault *vault.Vault
	// Log gets refusals and failures; nil discards it.
	Log *slog.Logger
	// Machine is machine time; nil is time.Now.
	Machine clock.Machine
	// Mail carries notices of what is broken; nil tells nobody.
	Mail mail.Sender
	// SweepEvery is how often the mappings are looked through for what was cleared in the org; 0 is a minute, less than 0
	// never.
	SweepEvery time.Duration
	// TickEvery is how often is looked whether the time of a send has come; 0 is a second, less than 0 never.
	TickEvery time.Duration
	// LookEvery is how often the org is asked which records changed, where a triggered send waits for any; 0 is 5 seconds,
	// less than 0 never (DESIGN 5.9).
	LookEvery time.Duration
	// TrackEvery is how often both clouds are read for what became of messages, and for opt-outs; 0 is a minute, less than
	// 0 never.
	TrackEvery time.Duration
	// UpgradeLook is the shortest pause between two looks at what an upgrade waits for; 0 is two seconds.
	UpgradeLook time.Duration
	// Lease is how long background work stays with a process that gives no sign of life; 0 is 30 seconds.
	Lease time.Duration
	// Fail is asked at each point of an upgrade and of a migration of users that lies between what is written down and what is
	// done; its error breaks the work off there as a crash would. nil for none. For tests.
	Fail func(ctx context.Context, point string) error
	// ExamineEvery is how often is looked whether a connection's next round of the doctor has come; 0 is 15 seconds, less than 0
	// never.
	ExamineEvery time.Duration
	// Patience is how long a cloud may take to let Connect in when the doctor looks; 0 is 8 seconds.
	Patience time.Duration
	// WebhookTo are addresses with a port, "10.1.2.3:8443", that webhooks may go to although they are not public.
	WebhookTo []string
	// CloudsAt are addresses with a port, "10.1.2.3:8443", at which real clouds may be although they are not public.
	CloudsAt []string
	// SignInsPerMinute bounds the sign-ins to Connect's pages that one network begins, ten times as many for loopback; 0 is 300.
	SignInsPerMinute int
	// HTTP gives the transport of calls to the clouds; nil takes one with the limits of client.
	HTTP *http.Client
}

// Bridge is Connect, running. It is safe for concurrent use.
type Bridge struct {
	store     *sqlstore.Store
	links     *link.Service
	mappings  *mapping.Service
	leftovers *mapping.Leftovers
	signins   *signin.Service
	accounts  *integration.Service
	mailer    *mailing.Worker
	sends     *send.Service
	tracked   *tracking.Service
	triggers  *trigger.Service
	spent     *usage.Service
	queue     *jobs.Queue
	handler   http.Handler
	own       *http.Transport // of calls to the clouds, where it is the bridge's own
	guarded   *http.Transport // of calls to clouds whose addresses somebody named
	log       *slog.Logger
	keys      *datakeys.Keyring
	units     *units.Service
	// configurer changes the org's Marketing Cloud Configuration Settings.
	configurer *tenantoauth.Configurer
	notices    *notice.Service
	rounds     *doctor.Rounds
	schedule   *upgrade.Scheduler
	sweeping   background.Work
	access     *access.Service
	base       string // where browsers reach it
}

// LinkSpec are the public parameters of a pair and the secret of its API.
type LinkSpec struct {
	PairID            string
	Standing          string       // "embedded", "own_link" or "beside_the_package" (DESIGN 2)
	CRMURL            string       // the org's base URL
	ConnectedApp      string       // label of the connected app: "Salesforce Marketing Cloud"
	ConsumerKey       string       // of that app, which holds the org certificate of Certificates
	ConsoleClientID   string       // consumer key of the org's app of API name Twinspan_Console
	EngagementAuthURL string       // the tenant's authentication base URL
	PackageClientID   string       // of the installed package that holds the tenant certificate of Certificates
	EID               int64        // the tenant's enterprise id
	APIToken          vault.Secret // bearer token of Connect's API for this pair; its hash is kept
}

// New opens Connect's database, brings its tables up to date, and wires the parts.
func New(ctx context.Context, o Options) (*Bridge, error) {
	base, err := client.ParseBase(o.BaseURL)
	if err != nil {
		return nil, err
	}
	if o.Vault == nil {
		return nil, errors.New("connect: no vault")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Machine == nil {
		o.Machine = time.Now
	}
	hooks, err := webhook.New(webhook.Options{Allowed: o.WebhookTo, Machine: o.Machine})
	if err != nil {
		return nil, err
	}
	guard, err := guardClouds(base, o.CloudsAt)
	if err != nil {
		return nil, err
	}
	b := &Bridge{log: o.Log}
	if o.HTTP == nil {
		b.own = client.NewTransport()
		o.HTTP = &http.Client{Transport: b.own}
	}
	b.guarded = client.NewTransport()
	b.guarded.DialContext = guard.DialContext
	if b.store, err = sqlstore.Open(ctx, sqlstore.Options{DSN: o.DSN, Relaxed: o.Relaxed, Log: o.Log}); err != nil {
		return nil, err
	}
	if b.keys, err = b.store.DataKeys(ctx, o.Vault, o.Machine); err != nil {
		return nil, errors.Join(err, b.store.Close())
	}
	sealing := b.keys.Vault()
	chains := audit.NewKeyring(b.store, sealing)
	b.store.Signing(chains)
	b.links = link.NewService(b.store, link.NewKeyring(b.store, sealing), o.HTTP, o.Machine)
	b.links.Guarded(&http.Client{Transport: b.guarded}, guard.Check)
	shared, err := b.store.Clock(ctx, o.Machine)
	if err != nil {
		return nil, errors.Join(err, b.store.Close())
	}
	leases := clock.Machine(shared.Now)
	b.links.Leasing(leases)
	b.links.SignInReturn(base + signin.TenantCallbackPath)
	meter := usage.NewMeter()
	b.links.Metered(meter)
	b.spent = usage.NewService(b.store, meter, b.links)
	b.access = access.NewService(b.store, b.links, sealing, leases)
	b.base = base
	signins := signin.NewService(b.store, b.links, sealing, base)
	b.signins = signins
	b.mappings = mapping.NewService(b.store, b.links, chains)
	b.queue = b.store.Queue(jobs.Options{Log: o.Log, Machine: leases, Workers: workers, Lease: o.Lease})
	b.accounts = integration.NewService(b.store, b.links, sealing)
	imported := sqlstore.NewImports(b.store, b.queue)
	imports := mapping.NewImporter(imported, b.mappings, b.links, b.queue)
	b.leftovers = mapping.NewLeftovers(b.store, imported, b.links, leases)
	sends := send.NewService(b.store, b.links, leases)
	b.sends = sends
	kept := sqlstore.NewMailings(b.store, b.queue)
	fired := sqlstore.NewTriggers(b.store)
	b.triggers = trigger.NewService(fired, fired, b.links, sends, leases)
	reported := sqlstore.NewTracking(b.store)
	b.tracked = tracking.NewService(reported, reported, b.links, leases)
	mailings := mailing.NewService(kept, b.links, b.mappings)
	b.mailer = mailing.NewWorker(kept, kept, mailings, b.links, b.mappings, b.queue, leases)

	migrated := sqlstore.NewMigrationRuns(b.store, b.queue)
	migration.NewWorker(migrated, migrated, b.links, b.queue, o.Machine).Failing(o.Fail)
	migrations := migration.NewService(migrated, b.links, o.Machine)
	users := upgrade.Reconnect(migrations)
	b.units = units.NewService(b.links, b.store)
	apiUsers := apiuser.NewService(b.store, b.links, b.units)
	tenantOAuth := tenantoauth.NewService(b.links, apiUsers, b.units, kept, b.store, sends)
	b.configurer = tenantoauth.NewConfigurer(b.links, b.store)
	upgraded := sqlstore.NewUpgrades(b.store, b.queue)
	b.schedule = upgrade.NewScheduler(upgrade.SchedulerOptions{Store: upgraded, Links: b.links, Mailings: kept, Flush: b.spent.Flush, Sender: o.Mail, Machine: leases, Base: base, Retry: 30 * cmp.Or(max(o.TickEvery, 0), time.Second)})
	upgrades := upgrade.NewService(upgrade.Options{
		Users: users, Tallies: upgraded, Store: upgraded, Links: b.links, Queue: b.queue, Log: o.Log, Look: o.UpgradeLook, Fail: o.Fail,
		Courses: map[upgrade.Kind]upgrade.Course{
			upgrade.ConnectedApp: b.schedule.Wait(upgrade.NewConnectedApp(upgrade.Parts{Links: b.links, Mapped: b.store, Sends: sends, Usage: b.spent, Users: users})),
			upgrade.TenantOAuth:  b.schedule.Wait(upgrade.NewTenantOAuth(b.links, tenantOAuth)),
		},
	})
	b.schedule.Upgrades = upgrades
	b.notices = notice.NewService(notice.Options{Store: b.store, Links: b.links, Accounts: b.accounts, Spent: b.spent, Sender: o.Mail, BaseURL: base, Machine: o.Machine})
	examining := doctor.NewService(
		b.links, doctor.Own{Mappings: b.store, Triggers: b.triggers, Integration: b.accounts, Migrations: migrations, Sends: mailings, Calls: b.store, Fixes: b.store, Rounds: b.store}, doctor.NewKnocker(b.links.Transport, o.Machine),
		doctor.Callbacks{Org: base + signin.OrgCallbackPath, Tenant: base + signin.TenantCallbackPath},
	)
	if o.Patience > 0 {
		examining = examining.Within(o.Patience)
	}
	guides := guide.NewService(guide.Sources{Doctor: examining, Upgrades: upgrades, TenantOAuth: tenantOAuth, Users: b.mappings, Now: b.links.Now, Base: base})
	b.rounds = doctor.NewRounds(doctor.RoundOptions{Store: b.store, Doctor: examining, Links: b.links, Post: b.notices, Hooks: hooks, Vault: sealing, Base: base, Log: o.Log, Machine: leases})
	planner := upgrade.NewPlanner(upgrade.Sources{Links: b.links, Users: b.mappings, Counts: b.store, Mailings: kept, Triggers: b.triggers, Upgrades: upgrades, Machine: o.Machine})
	records := audit.NewService(b.store, chains)
	calls := api.New(api.Options{
		Doctor: examining, Rounds: b.rounds, Guides: guides,
		Access: b.access, Secure: strings.HasPrefix(base, "https://"), ConsoleLink: b.ConsoleLink,
		Links: b.links, Signins: signins, Mappings: b.mappings, Leftovers: b.leftovers, Imports: imports, Sends: sends, Mailings: mailings, Tracking: b.tracked, Triggers: b.triggers, Usage: b.spent, Audit: records,
		Integration: b.accounts, Units: b.units, Notices: b.notices, APIUser: apiUsers,
		Migrations:  migrations,
		UpgradePlan: planner,
		Upgrades:    upgrades,
		Schedule:    b.schedule,
		TenantOAuth: tenantOAuth,
		Calls:       b.store, Vault: sealing, Log: o.Log, Machine: leases,
	})
	views := pages.New(pages.Options{Sends: sends, Notices: b.notices, APIUser: apiUsers, Integration: b.accounts, Configurer: b.configurer, TenantOAuth: tenantOAuth, Links: b.links, Signins: signins, Access: b.access, Mappings: b.mappings, Imports: imports, Mailings: mailings, Triggers: b.triggers, Units: b.units, Usage: b.spent, Audit: records, Upgrades: upgrades, Guides: guides, Planner: planner, Schedule: b.schedule, Migrations: migrations, Doctor: examining, Rounds: b.rounds, Forms: b.store.Forms(shared.Now), BaseURL: base, WorkbenchURL: o.WorkbenchURL, Log: o.Log, SignInsPerMinute: o.SignInsPerMinute, Machine: o.Machine})
	mux := web.NewMux()
	mux.NotFound = byPrefix(calls.NotFound, views.NotFound)
	mux.MethodNotAllowed = byPrefix(calls.MethodNotAllowed, views.MethodNotAllowed)
	ui.Mount(mux)
	calls.Mount(mux)
	views.Mount(mux)
	b.handler = mux
	b.queue.Start(context.WithoutCancel(ctx)) // until Close, whatever becomes of the context of the start
	if o.SweepEvery >= 0 {
		every := cmp.Or(o.SweepEvery, time.Minute)
		b.sweeping.Every(ctx, every, b.log, "connections to look through cannot be found", func(ctx context.Context) error { return b.sweep(ctx, every) })
	}
	if o.TickEvery >= 0 {
		b.sweeping.Every(ctx, cmp.Or(o.TickEvery, time.Second), b.log, "sends cannot be brought on", b.tick)
	}
	b.sweeping.Every(ctx, time.Minute, b.log, "the database's clock cannot be read", shared.Measure)
	b.sweeping.Every(ctx, flushEvery, b.log, "calls cannot be counted", b.spent.Flush)
	if o.LookEvery >= 0 {
		b.sweeping.Every(ctx, cmp.Or(o.LookEvery, 5*time.Second), b.log, "records cannot be looked at", b.triggers.Look)
	}
	if o.ExamineEvery >= 0 {
		b.sweeping.Every(ctx, cmp.Or(o.ExamineEvery, 15*time.Second), b.log, "connections cannot be examined", b.rounds.Tick)
	}
	if o.TrackEvery >= 0 {
		every := cmp.Or(o.TrackEvery, time.Minute)
		b.sweeping.Every(ctx, min(every, trackLook), b.log, "connections to track cannot be found", func(ctx context.Context) error { return b.track(ctx, every) })
	}
	return b, nil
}

// workers is how many jobs run at the same time: each is one import or lane of a pair, and mostly waits for a cloud.
const workers = 16

// flushEvery is how often calls that were counted are stored; a crash loses those of that time.
const flushEvery = 10 * time.Second

// trackLook is how often is looked whether a pair is due to be read: the processes that share a database take turns.
const trackLook = 15 * time.Second

// track reads the clouds of all pairs, each by one process of those that share the database.
func (b *Bridge) track(ctx context.Context, every time.Duration) error {
	links, err := b.tracked.Claim(ctx, every)
	for _, l := range links {
		done, err := b.tracked.Pull(ctx, l)
		if err != nil && ctx.Err() == nil && fault.CodeOf(err) != tracking.CodeReading {
			b.log.Warn("results and opt-outs not brought back to the end", "pair", l.Pair, "error", err)
		}
		if done.Any() {
			b.log.Info("results and opt-outs brought back", "pair", l.Pair, "events", done.Events, "written", done.Written, "opted_out", done.OptedOut, "unsubscribed", done.Unsubscribed,
				"refused", done.Refused)
		}
	}
	return err
}

// tickTimeout bounds what one tick does; what is left is the next one's.
const tickTimeout = time.Minute

// tick brings on what waits for its time.
func (b *Bridge) tick(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, tickTimeout)
	defer cancel()
	return errors.Join(b.sends.Release(ctx), b.mailer.Tick(ctx), b.schedule.Tell(ctx))
}

// sweepTimeout bounds one look through the mappings of a pair; what is left is the next one's.
const sweepTimeout = 5 * time.Minute

// sweep looks through the mappings of all pairs, each by one process of those that share the database.
func (b *Bridge) sweep(ctx context.Context, every time.Duration) error {
	links, err := b.links.ClaimSweep(ctx, every*9/10) // ticks come a little early at times
	if err != nil {
		return err
	}
	for _, l := range links {
		var err error
		one, cancel := context.WithTimeout(ctx, sweepTimeout)
		var swept mapping.Swept
		var ended []string
		does := func(op standing.Operation, work func(context.Context, link.Link) error) error {
			if l.May(op) != nil {
				return nil
			}
			return work(one, l)
		}
		open := b.links.Interrupted(l) == nil // in an outage nobody's mapping is touched, and nobody told what he knows
		if l.Org.Username != "" && open && l.May(standing.SweepMappings) == nil {
			var lookErr error
			swept, err = b.mappings.Sweep(one, l)
			ended, lookErr = b.leftovers.Look(one, l)
			err = errors.Join(err, lookErr)
			if b.links.Available(l) == nil {
				err = errors.Join(err, does(standing.SettleUnits, b.units.Settle), does(standing.SettleUnits, b.configurer.Settle))
			}
		}
		strangers, tokenErr := b.links.ForgetStrangers(one, l)
		err = errors.Join(err, tokenErr, b.signins.Forget(one, l))
		// An integration user is a connection of his own: he is watched whether the spans are there or not.
		err = errors.Join(err, does(standing.WatchIntegrationUser, b.accounts.Keep), does(standing.RenewTokens, b.links.RenewIdle), does(standing.MoveTokens, b.moveUsers))
		if open {
			err = errors.Join(err, b.notices.Look(one, l))
		}
		cancel()
		for _, f := range swept.Failed {
			b.log.Warn("mapping not looked at", "pair", l.Pair, "user", f.CRMUsername, "error", f.Err)
		}
		if len(ended) > 0 {
			b.log.Warn("grants ended that nothing worked with", "pair", l.Pair, "users", ended)
		}
		if len(strangers) > 0 {
			b.log.Warn("refresh tokens forgotten that nothing worked with", "pair", l.Pair, "users", strangers)
		}
		if err != nil && ctx.Err() == nil {
			b.log.Warn("connection not looked through to the end", "pair", l.Pair, "error", err)
		}
		if len(swept.Cleared) > 0 || swept.Moved > 0 {
			b.log.Info("mappings looked through", "pair", l.Pair, "package", swept.Package.String(), "cleared", len(swept.Cleared), "moved", swept.Moved)
		}
	}
	return nil
}

// moveUsers brings users' refresh tokens to grants where the span has gone to a key.
func (b *Bridge) moveUsers(ctx context.Context, l link.Link) error {
	for more := true; more; {
		var err error
		if _, more, err = b.links.MoveUsers(ctx, l); err != nil {
			return err
		}
	}
	return nil
}

// byPrefix lets the API answer for its paths and the pages for all others.
func byPrefix(calls, views http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, api.Prefix) {
			calls(w, r)
			return
		}
		views(w, r)
	})
}

// WriteMetrics writes how the doctor last found each connection, in Prometheus' text format.
func (b *Bridge) WriteMetrics(ctx context.Context, w io.Writer) error {
	return b.rounds.WriteMetrics(ctx, w)
}

// Handler answers the API under /api/v1 and the pages.
func (b *Bridge) Handler() http.Handler { return b.handler }

// DataKeys are the keys under which Connect's secrets are sealed in its database.
func (b *Bridge) DataKeys() *datakeys.Keyring { return b.keys }

// Certificates returns the PEM certificates that the two clouds must hold for the pair: the org's connected app and the
// tenant's installed package. The first call makes the keys; the private halves stay sealed in Connect's database.
func (b *Bridge) Certificates(ctx context.Context, pairID string) (orgPEM, tenantPEM string, err error) {
	return b.links.Certificates(ctx, pairID)
}

// PutLink makes the connection of a pair, or changes its parameters. New addresses keep the connection; a new consumer
// key, package or enterprise takes the span concerned down.
func (b *Bridge) PutLink(ctx context.Context, s LinkSpec) error {
	if s.APIToken == "" {
		return fault.New(fault.Invalid, link.CodeInvalidLink, "The pair needs an API token.").In("api_token")
	}
	return b.links.Put(ctx, s.PairID, vault.HashToken(s.APIToken.Reveal()), link.Params{
		Standing: link.Standing(s.Standing), CRMURL: s.CRMURL, ConnectedApp: s.ConnectedApp, ConsumerKey: s.ConsumerKey, ConsoleClientID: s.ConsoleClientID,
		AuthURL: s.EngagementAuthURL, PackageClientID: s.PackageClientID, EID: s.EID,
	})
}

// guardClouds says where real clouds may be: at public addresses, at those that the operator listed, and on this machine while
// nobody else is told where Connect is.
func guardClouds(base string, listed []string) (*egress.Guard, error) {
	at, err := url.Parse(base)
	if err != nil {
		return nil, err
	}
	return egress.New(egress.Options{What: "A cloud's address", Code: link.CodeCloudAddress, Lists: "`up --clouds-at ADDRESS:PORT`", Allowed: listed, Local: egress.Local(at.Hostname()), Timeout: client.DialTimeout})
}

// OpenLink makes a connection of which nobody has said yet where its clouds are, reachable by its API token; one that is there
// stays as it is, and takes the token.
func (b *Bridge) OpenLink(ctx context.Context, pairID string, apiToken vault.Secret) error {
	if apiToken == "" {
		return fault.New(fault.Invalid, link.CodeInvalidLink, "The pair needs an API token.").In("api_token")
	}
	return b.links.Open(ctx, pairID, vault.HashToken(apiToken.Reveal()))
}

// FirstPair is the pair whose connection was made first; "" where there is none.
func (b *Bridge) FirstPair(ctx context.Context) (string, error) {
	l, err := b.links.First(ctx)
	if fault.CodeOf(err) == link.CodeNotFound {
		return "", nil
	}
	return l.Pair, err
}

// ConsoleLink makes the one-time link by which whoever has it opens the console as an administrator of the pair's connection:
// for its first use, before a cloud can say who is one. The one that was made before works no more.
func (b *Bridge) ConsoleLink(ctx context.Context, pairID string) (string, error) {
	token, err := b.access.OfferLink(ctx, pairID)
	return b.base + pages.FirstPath + "?token=" + token, err
}

// DriverJWT is how a span signs in by key; see Drivers.
const DriverJWT = string(link.JWT)

// Drivers are how a pair's spans sign in, into the org and into Engagement; "" for one that is not connected.
func (b *Bridge) Drivers(ctx context.Context, pairID string) (org, tenant string, err error) {
	l, err := b.links.Link(ctx, pairID)
	return string(l.Org.Driver), string(l.Tenant.Driver), err
}

// MaxAdded is how many mappings AddMappings takes at once.
const MaxAdded = 200

// AddedMapping is a mapping that whoever made the users of both clouds tells Connect of.
type AddedMapping struct {
	CRMUserID, CRMUsername, CRMName    string
	EngagementUserID                   int64
	EngagementUsername, EngagementName string
	MID                                int64        // business unit in which the user works
	RefreshToken                       vault.Secret // of a sign-in through Connect's package; "" for none
}

// AddMappings stores mappings as if their users had signed in at both clouds, in one transaction, and asks neither. It is
// for fixtures. Who is mapped like this already stays so.
func (b *Bridge) AddMappings(ctx context.Context, pairID string, users []AddedMapping) error {
	l, err := b.links.Link(ctx, pairID)
	if err != nil {
		return err
	}
	all := make([]mapping.Given, 0, len(users))
	for _, u := range users {
		all = append(all, mapping.Given{
			Visitor:      signin.Visitor{UserID: u.CRMUserID, Username: u.CRMUsername, Name: u.CRMName},
			Tenant:       link.TenantUser{MID: u.MID, UserID: mapping.EngagementUserID(u.EngagementUserID), Username: u.EngagementUsername, Name: u.EngagementName},
			RefreshToken: u.RefreshToken,
		})
	}
	return b.mappings.Seed(ctx, b.store, l, all, "fixture")
}

// Mapped counts those of the CRM users who are mapped.
func (b *Bridge) Mapped(ctx context.Context, pairID string, crmUserIDs []string) (int, error) {
	return b.store.MappedOf(ctx, pairID, crmUserIDs)
}

// DeleteLink takes the connection of a pair away, with its keys, mappings, sends and record of changes, and tells neither
// cloud: it is for pairs whose clouds go too. One that is not there already is none.
func (b *Bridge) DeleteLink(ctx context.Context, pairID string) error {
	return b.links.Delete(ctx, pairID)
}

// SetClock moves the domain time of a pair to machine time plus offset.
func (b *Bridge) SetClock(ctx context.Context, pairID string, offset time.Duration) error {
	return b.links.SetClock(ctx, pairID, offset)
}

// Close ends the work in the background and closes the database and idle connections. Stop serving the handler first.
func (b *Bridge) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	b.sweeping.Stop()
	stopped := b.queue.Stop(ctx)
	if errors.Is(stopped, context.DeadlineExceeded) {
		stopped = nil // what was under way is queued again and goes on with the next start
	}
	if b.own != nil {
		b.own.CloseIdleConnections()
	}
	b.guarded.CloseIdleConnections()
	// What was under way may have taken all of that time.
	last, cancelLast := context.WithTimeout(context.Background(), drainTime)
	defer cancelLast()
	return errors.Join(stopped, b.spent.Flush(last), b.store.Close())
}

// drainTime is how long Close lets a batch of work come to its end.
const drainTime = 5 * time.Second
