// Package crm is a Sales or Service Cloud org, or many, in one process: users, permission sets, connected apps, OAuth
// and SOAP logins, the REST data API and the Metadata API on one http.Handler. All orgs of a Cloud share its URL; an
// org is found by token, consumer key, user name or cookie (DESIGN 5.6).
//
// This package is the only door of the house. What speaks to an org otherwise speaks HTTP.
package crm

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/twinspan/twinspan/crm/internal/bulk"
	"github.com/twinspan/twinspan/crm/internal/control"
	"github.com/twinspan/twinspan/crm/internal/login"
	"github.com/twinspan/twinspan/crm/internal/metadata"
	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/pages/setup"
	"github.com/twinspan/twinspan/crm/internal/rest"
	"github.com/twinspan/twinspan/crm/internal/sfdx"
	"github.com/twinspan/twinspan/crm/internal/soql"
	"github.com/twinspan/twinspan/crm/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/background"
	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/jobs"
	"github.com/twinspan/twinspan/internal/mail"
	"github.com/twinspan/twinspan/internal/sqldb"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/internal/vault/datakeys"
	"github.com/twinspan/twinspan/internal/web"
)

// Options say where a Cloud keeps its data and how it is reached.
type Options struct {
	DSN     string // SQLite file path, or postgres://…
	Schema  string // of a PostgreSQL database; "crm" where it is ""
	Relaxed bool   // SQLite without fsync, for data that nobody will miss
	BaseURL string // where clients reach the handler, without a trailing slash; also the OpenID issuer
	Log     *slog.Logger
	Machine clock.Machine // time.Now where nil
	Mail    mail.Sender   // carries links and security tokens to users; nil where no mail leaves
	// DNS proves whose a domain is that an org wants to mail from; the machine's own resolver where nil.
	DNS   Resolver
	Vault *vault.Vault // seals the key that signs id_tokens, and what browsers carry between two pages
}

// Resolver reads TXT records of DNS; *net.Resolver is one.
type Resolver = org.Resolver

// What orgs are made of.
type (
	// OrgSpec describes a new org.
	OrgSpec = org.Spec
	// UserSpec describes a user of a new org.
	UserSpec = org.UserSpec
	// PermissionSetSpec describes a permission set of a new org.
	PermissionSetSpec = org.PermissionSetSpec
	// ConnectedAppSpec describes a connected app of a new org.
	ConnectedAppSpec = org.ConnectedAppSpec
	// ContactSpec describes a contact of a new org.
	ContactSpec = org.ContactSpec
)

// NewOrgID returns a random org id of 18 characters.
func NewOrgID() string { return string(org.NewID(org.PrefixOrganization)) }

// Cloud is the house, open.
type Cloud struct {
	store   *sqlstore.Store
	clock   *clock.Domain
	control *control.Control
	meter   *org.Meter
	logins  *login.Server
	queue   *jobs.Queue
	long    *jobs.Queue // of work without a bound
	handler http.Handler
	keys    *datakeys.Keyring
	// measuring compares this machine's clock with the database's, by which jobs are leased.
	measuring background.Work
}

// New opens the house: its database, brought up to date, and everything that serves it.
func New(ctx context.Context, o Options) (*Cloud, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	store, err := sqlstore.Open(ctx, sqlstore.Options{DSN: o.DSN, Schema: o.Schema, Relaxed: o.Relaxed, Log: o.Log})
	if err != nil {
		return nil, err
	}
	c, err := assemble(ctx, o, store)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return c, nil
}

func assemble(ctx context.Context, o Options, store *sqlstore.Store) (*Cloud, error) {
	if o.DNS == nil {
		o.DNS = net.DefaultResolver
	}
	domain := clock.NewDomain(o.Machine)
	store.UseClock(domain)
	shared, err := store.DB().Clock(ctx, o.Machine) // jobs' leases are compared by every process on the database
	if err != nil {
		return nil, err
	}
	queue := jobs.New(store.DB(), jobs.Options{Log: o.Log, Machine: shared.Now})
	// Loads and what follows a delete take as long as they are large; letters and deployments do not wait behind them.
	long := jobs.New(store.DB(), jobs.Options{Log: o.Log, Machine: shared.Now})
	store.UseQueue(queue)
	meter := org.NewMeter(store, domain, o.Log)
	var keys *datakeys.Keyring
	if o.Vault != nil {
		if keys, err = datakeys.Open(ctx, store.DB(), o.Vault, o.Machine, sqlstore.Sealed(login.SigningKeyAAD)...); err != nil {
			return nil, err
		}
		o.Vault = keys.Vault()
	}
	logins, err := login.New(login.Options{BaseURL: o.BaseURL, Directory: store, Store: store, Clock: domain, Vault: o.Vault, Mail: o.Mail, Records: store, DNS: o.DNS, Meter: meter, Log: o.Log})
	if err != nil {
		return nil, err
	}
	records := logins.Records()
	records.CheckQuery = func(s org.Session, query string) error {
		p, err := soql.Parse(query, records.Schema(s), s.Permissions)
		if err == nil && p.HasChildren() {
			return fault.New(fault.Invalid, soql.CodeMalformedQuery, "A report has no child queries.").In("Query")
		}
		return err
	}
	ctl := &control.Control{Store: store, Records: records, Clock: domain, Changes: logins, Log: o.Log}
	if err := ctl.Start(ctx); err != nil {
		return nil, err
	}
	notices := logins.Notices(store)
	meter.Watch = notices.Check
	apps := &org.Apps{Store: store, Uses: store, Users: store, Clock: domain, Changes: logins}
	data := &rest.Server{
		BaseURL: o.BaseURL, Auth: logins, Records: records, Accounts: logins.Accounts(), Senders: logins.Deliverability(), Apps: apps, Meter: meter, Notices: notices, Log: o.Log,
		Queries:      &soql.Runner{Source: store, Locators: store, Schema: records.Schema, Clock: domain},
		Transactions: transactions{store},
	}
	deployments := &org.Deployments{Store: sqlstore.NewDeployments(store, queue, o.Vault), Users: store, Clock: domain, Changes: logins}
	meta := &metadata.Server{
		Auth: logins, Meter: meter, Apps: apps, Settings: logins.Settings(), Profiles: &org.Profiles{Store: store, Clock: domain, Changes: logins},
		RemoteSites:    &org.RemoteSites{Records: records},
		PermissionSets: &org.PermissionSets{Store: store, Records: records}, Layouts: &org.Layouts{Store: store, Clock: domain},
		Customizer: &org.Customizer{Store: store, Clock: domain, Changes: logins}, Setup: &org.Setup{Store: store, Changes: logins}, Deployments: deployments, Log: o.Log,
	}
	queue.Handle(sqlstore.JobDeploy, deploy(deployments, meta))
	long.Handle(sqlstore.JobBin, store.FollowBins(records))

	loads := bulk.Options{
		Edge: rest.Edge{Server: data}, Store: sqlstore.NewBulk(store, long), Records: records, Queries: data.Queries, Meter: meter, Clock: domain, Log: o.Log,
		Session: func(ctx context.Context, j org.BulkJob) (org.Session, error) {
			return org.JobSession(ctx, store, org.Session{Org: j.Org, User: j.User, App: j.App, Delegate: j.Delegate})
		},
	}
	long.Handle(sqlstore.JobBulk, (&bulk.Worker{Options: loads}).Run)

	mux := web.NewMux()
	mux.NotFound = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isData(r.URL.Path) {
			data.NotFound(w, r)
			return
		}
		page(w, r, o.Log, http.StatusNotFound, "Page not found", "URL No Longer Exists. You have attempted to reach a page that does not exist in this org.")
	})
	mux.MethodNotAllowed = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isData(r.URL.Path) {
			data.MethodNotAllowed(w, r)
			return
		}
		page(w, r, o.Log, http.StatusMethodNotAllowed, "Method not allowed", "This address exists, but not for the method of your request.")
	})
	ui.Mount(mux)
	logins.Mount(mux)
	pages := setup.Server{Options: setup.Options{
		Door: logins, Records: records, Queries: data.Queries, Accounts: logins.Accounts(), Senders: logins.Deliverability(), Settings: logins.Settings(), Apps: apps,
		Layouts: meta.Layouts, Setup: meta.Setup, Meter: meter, Users: store,
	}}
	pages.Mount(mux)
	data.Mount(mux)
	(&bulk.Server{Options: loads}).Mount(mux)
	meta.Mount(mux)
	meter.Start(ctx)
	logins.Start(ctx)
	queue.Handle(sqlstore.JobLetter, logins.Deliver)
	queue.Start(context.WithoutCancel(ctx)) // Close stops them
	long.Start(context.WithoutCancel(ctx))
	c := &Cloud{
		store: store, clock: domain, control: ctl, meter: meter, logins: logins, queue: queue, long: long, keys: keys,
		handler: web.SecurityHeaders(web.CleanPath(mux)),
	}
	c.measuring.Every(ctx, time.Minute, o.Log, "the database's clock cannot be read", shared.Measure)
	return c, nil
}

// Analyze tells the database, also of the other houses that share it, that a bulk of rows was stored.
func (c *Cloud) Analyze(ctx context.Context) error { return c.store.Analyze(ctx) }

// DataKeys are the keys under which the house's secrets are sealed in its database; nil without a vault.
func (c *Cloud) DataKeys() *datakeys.Keyring { return c.keys }

// transactions are the store's, as the REST API asks for them.
type transactions struct{ store *sqlstore.Store }

// InTransaction implements rest.Transactions.
func (t transactions) InTransaction(ctx context.Context, fn func(rest.Transaction) error) error {
	return t.store.InTransaction(ctx, func(_ *sqldb.Tx, tx sqlstore.Transaction) error { return fn(tx) })
}

// deploy is the queue's handler of deployments. The last attempt only says that the others failed.
func deploy(d *org.Deployments, meta *metadata.Server) jobs.Handler {
	return func(ctx context.Context, r *jobs.Run) error {
		var p sqlstore.DeployPayload
		if err := json.Unmarshal(r.Payload, &p); err != nil {
			return jobs.Permanent(err)
		}
		var err error
		if r.Attempt >= r.MaxAttempts {
			err = d.Abandon(ctx, p.Org, p.ID)
		} else {
			err = d.Perform(ctx, p.Org, p.ID, meta.Plan)
		}
		if fault.CodeOf(err) == org.CodeNotFound { // its org is gone
			return jobs.Permanent(err)
		}
		return err
	}
}

func isData(path string) bool {
	return path == "/services/data" || strings.HasPrefix(path, "/services/data/")
}

func page(w http.ResponseWriter, r *http.Request, log *slog.Logger, status int, title, text string) {
	err := ui.Render(w, status, ui.Page{Title: title, Brand: "Twinspan Org", Narrow: true, Blocks: []ui.Block{ui.Text(text)}})
	if err != nil && r.Context().Err() == nil {
		log.ErrorContext(r.Context(), "a page could not be shown", "path", r.URL.Path, "error", err)
	}
}

// Handler serves everything at BaseURL.
func (c *Cloud) Handler() http.Handler { return c.handler }

// CreateOrg makes an org, in one transaction; passwords are hashed before it. An org whose id exists is left as it is.
func (c *Cloud) CreateOrg(ctx context.Context, spec OrgSpec) error {
	return c.control.CreateOrg(ctx, spec)
}

// MaxAdded is how many users AddUsers takes at once.
const MaxAdded = control.MaxAdded

// AddUsers adds users to an org that is there, below its APIs and in one transaction, each assigned those permission
// sets of the labels that it has; the org has at least seats licences then. Users whose names it has are left as they are. It returns their ids,
// in order.
func (c *Cloud) AddUsers(ctx context.Context, orgID string, users []UserSpec, sets []string, seats int) ([]string, error) {
	id, err := org.ParseID(orgID)
	if err != nil {
		return nil, err
	}
	made, err := c.control.AddUsers(ctx, id, control.Added{Users: users, Sets: sets, Seats: int64(seats)})
	ids := make([]string, len(made))
	for i, u := range made {
		ids[i] = string(u)
	}
	return ids, err
}

// DeleteOrg takes an org away with everything in it; one that is not there already is none.
func (c *Cloud) DeleteOrg(ctx context.Context, orgID string) error {
	id, err := org.ParseID(orgID)
	if err != nil {
		return err
	}
	return c.control.DeleteOrg(ctx, id)
}

// What imports take and answer.
type (
	// ProjectFile is a file of an sfdx project, by its path in it.
	ProjectFile = sfdx.File
	// Imported says what an import did.
	Imported = control.Imported
)

// Import makes the custom objects and fields that files of an sfdx project describe, all or none of them.
func (c *Cloud) Import(ctx context.Context, orgID string, files []ProjectFile) (Imported, error) {
	id, err := org.ParseID(orgID)
	if err != nil {
		return Imported{}, err
	}
	return c.control.Import(ctx, id, files)
}

// SetClock puts the org's domain time ahead of machine time by the offset; other processes follow within a second.
func (c *Cloud) SetClock(ctx context.Context, orgID string, offset time.Duration) error {
	id, err := org.ParseID(orgID)
	if err != nil {
		return err
	}
	return c.control.SetClock(ctx, id, offset)
}

// Clock is how far the org's domain time is ahead of machine time.
func (c *Cloud) Clock(orgID string) time.Duration {
	id, err := org.ParseID(orgID)
	if err != nil {
		return 0
	}
	return c.clock.Offset(string(id))
}

// stopJobs is how long jobs in the background may run on after a stop, so that a letter is not left in doubt.
const stopJobs = 2 * time.Second

// Close ends the house's own work and closes its database. Stop serving its Handler first.
func (c *Cloud) Close() error {
	c.control.Stop()
	c.measuring.Stop()
	// A job that runs goes on from its last step when the program is started again.
	ctx, cancel := context.WithTimeout(context.Background(), stopJobs)
	defer cancel()
	var failed error
	for _, q := range []*jobs.Queue{c.queue, c.long} {
		if err := q.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) { // then they were put back
			failed = errors.Join(failed, err)
		}
	}
	return errors.Join(failed, c.meter.Stop(), c.logins.Stop(), c.store.Close())
}
