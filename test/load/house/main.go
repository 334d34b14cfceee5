// Command house runs Connect alone, or the org and the tenant alone, on a data folder that `twinspan up` has filled, so that
// a benchmark can say what each costs. It prints a line when it answers, and runs until it is asked to stop.
//
//	house -house connect|clouds -data DIR [-db DSN] -crm-addr A -engagement-addr A -connect-addr A
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/twinspan/twinspan/connect"
	"github.com/twinspan/twinspan/crm"
	"github.com/twinspan/twinspan/engagement"
	"github.com/twinspan/twinspan/internal/mail"
	"github.com/twinspan/twinspan/internal/vault"
	"github.com/twinspan/twinspan/internal/web"
)

type options struct {
	house, data, db          string
	crm, engagement, connect string // addresses
}

func main() {
	var o options
	flag.StringVar(&o.house, "house", "", "connect or clouds")
	flag.StringVar(&o.data, "data", "", "the data folder")
	flag.StringVar(&o.db, "db", "", "a postgres:// URL, where the databases are not in the folder")
	flag.StringVar(&o.crm, "crm-addr", "", "where the org answers")
	flag.StringVar(&o.engagement, "engagement-addr", "", "where the tenant answers")
	flag.StringVar(&o.connect, "connect-addr", "", "where Connect answers")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "house:", err)
		os.Exit(1)
	}
}

// discard takes every mail and keeps none.
type discard struct{}

func (discard) Send(context.Context, mail.Message) error { return nil }

func run(ctx context.Context, o options) (err error) {
	v, err := vault.Open(filepath.Join(o.data, "keys.json"))
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	dsn := func(house string) string {
		if o.db != "" {
			return o.db
		}
		return filepath.Join(o.data, house+".db")
	}
	var open []site
	if o.house == "connect" {
		b, err := connect.New(ctx, connect.Options{DSN: dsn("connect"), BaseURL: "http://" + o.connect, Vault: v, Log: log})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, b.Close()) }()
		open = append(open, site{"connect", o.connect, b.Handler()})
	} else {
		c, err := crm.New(ctx, crm.Options{DSN: dsn("crm"), BaseURL: "http://" + o.crm, Vault: v, Log: log})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, c.Close()) }()
		e, err := engagement.New(ctx, engagement.Options{DSN: dsn("engagement"), BaseURL: "http://" + o.engagement, Vault: v, Mail: discard{}, Log: log})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, e.Close()) }()
		open = append(open, site{"crm", o.crm, c.Handler()}, site{"engagement", o.engagement, e.Handler()})
	}
	return serve(ctx, open, log)
}

// site is a handler and where it answers.
type site struct {
	name, addr string
	handler    http.Handler
}

func serve(ctx context.Context, open []site, log *slog.Logger) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, s := range open {
		l, err := net.Listen("tcp", s.addr)
		if err != nil {
			return err
		}
		g.Go(func() error {
			return web.Serve(ctx, []net.Listener{l}, s.handler, web.ServeOptions{Log: log, House: s.name})
		})
	}
	fmt.Println("ready")
	return g.Wait()
}
