// Command floor is the least that migrating users can take: for each mapped user it signs the two assertions that prove
// him, one for the org and one for the tenant, with the keys of Connect's own database, exchanges both, and stores nothing.
// The benchmark prints Connect's figures beside it (docs/testing.md).
//
//	floor -dsn DSN -key-file keys.json [-skip N] [-users N] [-workers 16]
//
// It prints one JSON object on standard output.
package main

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/mapping"
	"github.com/twinspan/twinspan/connect/internal/sqlstore"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/vault"
)

type options struct {
	dsn, keyFile         string
	skip, users, workers int
}

// figures are what is printed.
type figures struct {
	Users   int     `json:"users"`
	Seconds float64 `json:"seconds"` // of the exchanges alone
}

func main() {
	var o options
	flag.StringVar(&o.dsn, "dsn", "", "Connect's database: an SQLite file or a postgres:// URL")
	flag.StringVar(&o.keyFile, "key-file", "", "the key file under which its secrets are sealed")
	flag.IntVar(&o.skip, "skip", 0, "mapped users to pass over, by user name")
	flag.IntVar(&o.users, "users", 1000, "mapped users to exchange assertions for")
	flag.IntVar(&o.workers, "workers", 16, "users under way")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	f, err := run(ctx, o)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(f)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (f figures, err error) {
	store, err := sqlstore.Open(ctx, sqlstore.Options{DSN: o.dsn})
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	v, err := vault.Open(o.keyFile)
	if err != nil {
		return f, err
	}
	keys, err := store.DataKeys(ctx, v, time.Now)
	if err != nil {
		return f, err
	}
	ring := link.NewKeyring(store, keys.Vault())
	l, err := store.FirstLink(ctx)
	if err != nil {
		return f, err
	}
	users, err := mapped(ctx, store, l.Pair, o)
	if err != nil {
		return f, err
	}
	e, err := newExchange(ctx, ring, l)
	if err != nil {
		return f, err
	}
	defer e.transport.CloseIdleConnections()
	began := time.Now()
	next := make(chan mapping.Mapping)
	g, ctx := errgroup.WithContext(ctx)
	for range o.workers {
		g.Go(func() error {
			for m := range next {
				if err := e.exchange(ctx, m); err != nil {
					return fmt.Errorf("%s: %w", m.CRMUsername, err)
				}
			}
			return nil
		})
	}
	g.Go(func() error {
		defer close(next)
		for _, m := range users {
			select {
			case next <- m:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	err = g.Wait()
	return figures{Users: len(users), Seconds: time.Since(began).Seconds()}, err
}

// mapped reads the users' names before the clock starts.
func mapped(ctx context.Context, store *sqlstore.Store, pair string, o options) ([]mapping.Mapping, error) {
	const page = 1000
	var all []mapping.Mapping
	for after, skip := "", o.skip; len(all) < o.users; {
		known, err := store.Known(ctx, pair, after, page)
		if err != nil {
			return nil, err
		}
		if len(known) == 0 {
			return nil, fmt.Errorf("there are %d mapped users after the first %d, fewer than %d", len(all), o.skip, o.users)
		}
		for _, k := range known {
			after = k.Mapping.CRMUsername
			switch {
			case !k.Clear.At.IsZero():
			case skip > 0:
				skip--
			case len(all) < o.users:
				all = append(all, k.Mapping)
			}
		}
	}
	return all, nil
}

// exchange has all that a user's two exchanges need.
type exchange struct {
	link           link.Link
	org            *crm.Client
	tenant         *engagement.Client
	orgKey         *rsa.PrivateKey
	tenantKey      *rsa.PrivateKey
	transport      *http.Transport
	clockIsAheadBy time.Duration
}

func newExchange(ctx context.Context, ring *link.Keyring, l link.Link) (*exchange, error) {
	e := &exchange{link: l, transport: client.NewTransport(), clockIsAheadBy: l.ClockOffset}
	var err error
	if e.orgKey, err = ring.Private(ctx, l.Pair, link.IntoOrg, time.Now()); err != nil {
		return nil, err
	}
	if e.tenantKey, err = ring.Private(ctx, l.Pair, link.IntoTenant, time.Now()); err != nil {
		return nil, err
	}
	hc := &http.Client{Transport: e.transport, Timeout: time.Minute}
	if e.org, err = crm.New(crm.Options{BaseURL: l.CRMURL, HTTP: hc}); err != nil {
		return nil, err
	}
	e.tenant, err = engagement.New(engagement.Options{AuthURL: l.AuthURL, HTTP: hc})
	return e, err
}

func (e *exchange) exchange(ctx context.Context, m mapping.Mapping) error {
	now := time.Now().Add(e.clockIsAheadBy)
	if _, err := e.org.JWTBearer(ctx, crm.JWTGrant{ConsumerKey: e.link.ConsumerKey, Username: m.CRMUsername, Key: e.orgKey, Now: now}); err != nil {
		return err
	}
	_, err := e.tenant.JWTBearer(ctx, engagement.JWTGrant{ClientID: e.link.PackageClientID, Username: m.EngagementUser, Key: e.tenantKey, MID: m.MID, Now: now})
	return err
}
