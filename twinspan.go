// Package twinspan is the whole program as a value: an org, a tenant and Connect between them, each on its own listener, with a
// control API beside. It is the one package that knows all three houses.
//
//	p, err := twinspan.New(ctx, twinspan.Config{Ephemeral: true})
//	…
//	defer p.Close()
//	fmt.Println(p.Ready().CRM.URL)
//
// New returns when everything answers. Run waits until its context ends or a part fails, and closes.
package twinspan

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"

	"github.com/twinspan/twinspan/connect"
	"github.com/twinspan/twinspan/crm"
	"github.com/twinspan/twinspan/engagement"
	"github.com/twinspan/twinspan/internal/journey"
	"github.com/twinspan/twinspan/internal/mail"
	"github.com/twinspan/twinspan/internal/probe"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/internal/vault/datakeys"
	"github.com/twinspan/twinspan/internal/web"
	"github.com/twinspan/twinspan/internal/workbench"
)

// Program is a running org, tenant, Connect and control API; with CloudsNone the last two alone.
type Program struct {
	config Config
	log    *slog.Logger
	folder *folder
	seed   *seed // of the first pair
	first  bool  // whether this is the start that makes it
	pairs  pairs
	ready  Ready
	sites  *sites
	vault  *vault.Vault

	org      *crm.Cloud        // nil where the clouds are elsewhere
	tenant   *engagement.Cloud // likewise
	bridge   *connect.Bridge
	inbox    *mail.Inbox     // nil where the mail goes elsewhere
	bounces  *mail.Inbox     // nil where delivery reports do not come here, or come to the inbox
	recorder *probe.Recorder // nil where recording is off
	faults   *probe.Faults
	bench    *workbench.Server
	clock    sync.Mutex // held while a clock moves in all three houses
	rotating sync.Mutex // held while keys are rotated

	closers   []func() error // in the order of opening
	failed    chan error     // gets the error of a part that stopped by itself
	closeOnce sync.Once
	closeErr  error
}

// New starts everything and returns when every listener answers and the ready file stands; ctx bounds the start
// alone. It listens first: a port in use is reported before anything else is touched.
func New(ctx context.Context, c Config) (*Program, error) {
	c, err := c.resolve()
	if err != nil {
		return nil, err
	}
	p := &Program{config: c, log: c.Log, failed: make(chan error, 1)}
	for _, doubt := range c.doubts() {
		p.log.Warn(doubt)
	}
	if err := p.start(ctx); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// start is the wiring, from top to bottom. What it opened stands in closers when it fails.
func (p *Program) start(ctx context.Context) error {
	c := p.config
	var err error
	if p.sites, err = listen(c); err != nil {
		return err
	}
	p.onClose(p.sites.Close)
	if p.folder, err = openFolder(c); err != nil {
		return err
	}
	p.onClose(p.folder.Close)
	if err := p.checkReadyFile(ctx); err != nil {
		return err
	}
	if p.seed, err = loadSeed(p.folder, c.pairKind()); err != nil {
		return err
	}
	p.first = !p.seed.Complete
	if err := p.loadPairs(); err != nil {
		return err
	}
	if err := removeStale(c.ReadyFile); err != nil { // only now: a start that its settings already refuse takes nothing away
		return err
	}
	if p.vault, err = p.openVault(); err != nil {
		return err
	}
	sender, err := p.openMail()
	if err != nil {
		return err
	}
	if err := p.openHouses(ctx, p.vault, sender); err != nil {
		return err
	}
	if p.ready, err = p.makeReady(); err != nil {
		return err
	}
	p.serve()
	if err := p.fill(ctx); err != nil {
		return err
	}
	if err := p.resumeRotation(ctx); err != nil {
		return err
	}
	if c.ReadyFile == "" {
		return nil
	}
	p.onClose(func() error { return removeOwn(c.ReadyFile, p.ready) })
	return writeReady(c.ReadyFile, p.ready)
}

func (p *Program) onClose(f func() error) { p.closers = append(p.closers, f) }

// openMail opens the built-in inbox, or the way to the server that takes its place.
func (p *Program) openMail() (mail.Sender, error) {
	if p.config.SMTP != "" {
		sender, err := mail.NewSender(p.config.SMTP)
		if err != nil {
			return nil, fmt.Errorf("--smtp: %w", err)
		}
		p.onClose(sender.Close)
		return sender, p.openBounces()
	}
	inbox, err := mail.OpenInbox(mail.InboxOptions{Dir: p.folder.file("mail"), Listener: p.sites.smtp, Log: p.log})
	if err != nil {
		return nil, fmt.Errorf("the built-in inbox: %w", err)
	}
	p.inbox = inbox
	p.onClose(inbox.Close)
	sender, err := mail.NewSender(inbox.URL())
	if err != nil {
		return nil, err
	}
	p.onClose(sender.Close)
	return sender, nil
}

// Bounds of the mails that are kept of those that came to --bounce-addr: they are read when they come, and kept for people
// to look at.
const (
	maxBounces     = 1000
	maxBounceBytes = 32 << 20
	maxBounceSize  = 1 << 20
)

// openBounces opens the mailbox for delivery reports, where there is one.
func (p *Program) openBounces() (err error) {
	if p.sites.bounces == nil {
		return nil
	}
	p.bounces, err = mail.OpenInbox(mail.InboxOptions{
		Dir: p.folder.file("bounces"), Listener: p.sites.bounces, Log: p.log, MaxMessages: maxBounces, MaxTotal: maxBounceBytes, MaxMessage: maxBounceSize,
		Accepts: func(recipient string) bool {
			_, domain, _ := strings.Cut(recipient, "@")
			return strings.EqualFold(domain, p.config.BounceDomain)
		},
	})
	if err != nil {
		return fmt.Errorf("the mailbox for bounces: %w", err)
	}
	p.onClose(p.bounces.Close)
	return nil
}

// openHouses opens the three and joins, for each pair, what they have to know of each other: the org's connected app and
// the tenant's package hold Connect's two certificates, and Connect knows where the clouds answer and as which clients it
// is known there.
func (p *Program) openHouses(ctx context.Context, v *vault.Vault, sender mail.Sender) (err error) {
	c := p.config
	relaxed := c.Ephemeral
	p.bridge, err = connect.New(ctx, connect.Options{
		DSN: p.dsn("connect"), Relaxed: relaxed, BaseURL: p.sites.connect.url, WorkbenchURL: p.sites.control.url + workbench.Path, Vault: v, Log: p.log.With("house", "connect"), Machine: c.Machine, Mail: sender,
		WebhookTo: c.WebhookTo, CloudsAt: c.CloudsAt,
	})
	if c.alone() && p.first && c.KeyFile == "" && errors.Is(err, datakeys.ErrMaster) { // sealed under the key of another folder
		return p.otherFolder()
	}
	if err != nil {
		return fmt.Errorf("opening Connect: %w", err)
	}
	p.onClose(p.bridge.Close)
	if c.alone() {
		return p.open(ctx, p.seed)
	}
	p.org, err = crm.New(ctx, crm.Options{
		DSN: p.dsn("crm"), Relaxed: relaxed, BaseURL: p.sites.crm.url, Vault: v, Mail: sender, Log: p.log.With("house", "crm"), Machine: c.Machine,
	})
	if err != nil {
		return fmt.Errorf("opening the org: %w", err)
	}
	p.onClose(p.org.Close)
	p.tenant, err = engagement.New(ctx, engagement.Options{
		DSN: p.dsn("engagement"), Relaxed: relaxed, BaseURL: p.sites.engagement.url, Vault: v, Mail: sender, Bounces: p.inbox != nil || p.bounces != nil, BounceDomain: c.BounceDomain,
		Log: p.log.With("house", "engagement"), Machine: c.Machine,
	})
	if err != nil {
		return fmt.Errorf("opening the tenant: %w", err)
	}
	p.onClose(p.tenant.Close)
	for _, box := range []*mail.Inbox{p.inbox, p.bounces} {
		if box != nil {
			box.ReadWith(p.tenant.TakeMail)
			p.onClose(func() error { box.ReadWith(nil); return nil })
		}
	}
	for _, s := range p.pairs.all() {
		if s.Deleting {
			if err := p.raze(ctx, s); err != nil {
				return err
			}
			continue
		}
		if err := p.raise(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// dsn is one house's database: a file of the data folder, or the one PostgreSQL database, in which the house has the
// schema of its name.
func (p *Program) dsn(house string) string {
	if p.config.DB != "" {
		return p.config.DB
	}
	return p.folder.file(house + ".db")
}

// serve answers on every listener until Close.
func (p *Program) serve() {
	if p.config.Record > 0 {
		p.recorder = probe.NewRecorder(p.config.Record)
	}
	ctx, stop := context.WithCancel(context.Background())
	p.faults = probe.NewFaults(houses)
	p.bench = p.newWorkbench(ctx)
	var running sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	type served struct {
		*site
		handler http.Handler
	}
	all := []served{{p.sites.connect, p.watched("connect", p.bridge.Handler())}, {p.sites.control, newControl(ctx, p)}}
	if !p.config.alone() {
		all = append(all, served{p.sites.crm, p.watched("crm", p.org.Handler())}, served{p.sites.engagement, p.watched("engagement", p.tenant.Handler())})
	}
	for _, s := range all {
		running.Go(func() {
			err := web.Serve(ctx, s.listeners, s.handler, web.ServeOptions{Log: p.log, House: s.name, TrustedProxies: p.config.proxies})
			if err == nil {
				return
			}
			mu.Lock()
			errs = append(errs, err)
			mu.Unlock()
			select {
			case p.failed <- err:
			default: // one is enough to stop for
			}
		})
	}
	p.onClose(func() error {
		stop()
		running.Wait()
		return errors.Join(errs...)
	})
}

// watched is a house's handler behind the faults that are set, and before these the recording, which sees what they do.
func (p *Program) watched(house string, h http.Handler) http.Handler {
	return p.recorder.Wrap(house, p.faults.Wrap(house, h))
}

// fill completes the fixtures of pairs whose making broke off, and of a new folder's first one.
func (p *Program) fill(ctx context.Context) error {
	if p.config.alone() {
		return nil
	}
	for i, s := range p.pairs.all() {
		r := p.ready
		if i > 0 {
			r = p.readyOf(s, "")
		}
		if err := p.complete(ctx, s, r); err != nil {
			return err
		}
	}
	return nil
}

func (p *Program) join(ctx context.Context, pair journey.Pair) error {
	j, err := journey.New(pair)
	if err != nil {
		return err
	}
	defer j.Close()
	if err := j.SetUpOrg(ctx, journey.OrgSetup{}); err != nil {
		return err
	}
	if err := j.Connect(ctx); err != nil {
		return err
	}
	for _, m := range pair.Members {
		if _, err := j.Traveller(m).Visit(ctx); err != nil {
			return fmt.Errorf("mapping %s: %w", m.Org.Username, err)
		}
	}
	return nil
}

// Ready is what the ready file says.
func (p *Program) Ready() Ready { return p.ready }

// FirstStart reports whether this start made what the program has; a later one finds it.
func (p *Program) FirstStart() bool { return p.first }

// ConsoleLink makes the one-time link by which whoever has it opens Connect's console as an administrator of the first pair's
// connection. The one that was made before works no more.
func (p *Program) ConsoleLink(ctx context.Context) (string, error) {
	return p.bridge.ConsoleLink(ctx, p.seed.PairID)
}

// WorkbenchLink makes the one-time link by which whoever has it opens the pages of the control surface as the operator. The one
// that was made before works no more.
func (p *Program) WorkbenchLink() string { return p.bench.Link() }

// Run waits until ctx ends, which is no error, or a part fails, and closes.
func (p *Program) Run(ctx context.Context) error {
	var err error
	select {
	case <-ctx.Done():
	case err = <-p.failed:
	}
	return errors.Join(err, p.Close())
}

// Close stops accepting, lets requests in flight and work under way finish, and closes the houses; what is queued stays
// queued. Closing again returns the first answer.
func (p *Program) Close() error {
	p.closeOnce.Do(func() {
		for i := len(p.closers) - 1; i >= 0; i-- {
			p.closeErr = errors.Join(p.closeErr, p.closers[i]())
		}
	})
	return p.closeErr
}
