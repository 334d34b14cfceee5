package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"golang.org/x/sync/errgroup"
)

// Limits of what is read before a handler runs, in bytes.
const (
	// MaxURL is the longest request target; a longer one is answered 414.
	MaxURL = 16 << 10
	// MaxHead is the longest request target plus headers; more is answered 431 (crm-wire and the real org: 16,384).
	MaxHead = 16 << 10
	// hardHead is where the server stops reading. It is over MaxHead so that a long URL can be told apart from long
	// headers; Go adds 4 KB to it.
	hardHead = 28 << 10
)

// ServeOptions are the settings of [Serve]. Zero durations mean the defaults given.
type ServeOptions struct {
	Log   *slog.Logger // slog.Default where nil
	House string       // name in the request log: "crm"
	// TrustedProxies may say by X-Forwarded-For whom they call for; see [ParseProxies].
	TrustedProxies []netip.Prefix

	ReadHeader time.Duration // to get a request's headers, default 5 s
	Read       time.Duration // to get a whole request, default 30 s; an upload may move it by http.ResponseController
	Write      time.Duration // from the headers to the answer's end, default 60 s; a stream may move it likewise
	Idle       time.Duration // a connection may wait for its next request, default 60 s
	Drain      time.Duration // requests in flight may run on after a stop, default 10 s
}

// ErrDrain says that Serve stopped with requests still running when Drain was over; they were cut off.
var ErrDrain = errors.New("web: requests still ran when the time to drain was over; they were cut off")

// Serve answers on all listeners with h behind [Front] until ctx ends or a listener fails. Then it stops accepting and
// lets requests in flight finish within Drain; their contexts end only when that time is over. Handlers that stream
// without end must watch the program's own context. A clean stop returns nil. The listeners are closed in every case.
// Use [ListenTLS] for https.
func Serve(ctx context.Context, listeners []net.Listener, h http.Handler, o ServeOptions) error {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	running, cancelRunning := context.WithCancel(context.WithoutCancel(ctx))
	defer cancelRunning()
	srv := &http.Server{
		Handler:           BehindProxies(o.TrustedProxies, Front(h, o.Log, o.House)),
		ReadHeaderTimeout: or(o.ReadHeader, 5*time.Second),
		ReadTimeout:       or(o.Read, 30*time.Second),
		WriteTimeout:      or(o.Write, 60*time.Second),
		IdleTimeout:       or(o.Idle, 60*time.Second),
		MaxHeaderBytes:    hardHead,
		ErrorLog:          slog.NewLogLogger(o.Log.With("house", o.House).Handler(), slog.LevelDebug),
		BaseContext:       func(net.Listener) context.Context { return running },
		TLSNextProto:      map[string]func(*http.Server, *tls.Conn, http.Handler){}, // HTTP/1.1 alone
	}
	group, stop := errgroup.WithContext(ctx)
	for _, l := range listeners {
		group.Go(func() error {
			if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serving %s on %s: %w", o.House, l.Addr(), err)
			}
			return nil
		})
	}
	group.Go(func() error {
		<-stop.Done()
		bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), or(o.Drain, 10*time.Second))
		defer cancel()
		err := srv.Shutdown(bound)
		if errors.Is(err, context.DeadlineExceeded) {
			cancelRunning()
			return errors.Join(ErrDrain, srv.Close())
		}
		return err
	})
	return group.Wait()
}

func or(d, standard time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return standard
}

// ListenTLS wraps l so that it speaks TLS 1.2 or newer with the certificate and key in the two PEM files. HTTP/2 is not
// offered: none of the clients needs it, and its frame floods need no answer then.
func ListenTLS(l net.Listener, certFile, keyFile string) (net.Listener, error) {
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("loading the TLS certificate %s and key %s: %w", certFile, keyFile, err)
	}
	return tls.NewListener(l, &tls.Config{
		Certificates: []tls.Certificate{cert},
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"http/1.1"},
	}), nil
}

// Front returns h behind everything that comes before a house: request id and log, security headers, the limits on URL
// and headers, unread bodies, clean paths. [Serve] applies it; tests that use another server call it themselves.
func Front(h http.Handler, log *slog.Logger, house string) http.Handler {
	return RequestID(RequestLog(log, house, SecurityHeaders(limitHead(drain(CleanPath(h))))))
}

// limitHead answers 414 to a long URL and 431 to long headers.
func limitHead(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		size := len(r.RequestURI)
		if size > MaxURL {
			refuseHead(w, http.StatusRequestURITooLong)
			return
		}
		for name, values := range r.Header {
			for _, v := range values {
				size += len(name) + len(v) + 4 // ": " and CRLF
			}
		}
		if size > MaxHead {
			refuseHead(w, http.StatusRequestHeaderFieldsTooLarge)
			return
		}
		h.ServeHTTP(w, r)
	})
}

func refuseHead(w http.ResponseWriter, status int) {
	w.Header().Set("Connection", "close")
	http.Error(w, http.StatusText(status), status)
}
