package twinspan

import (
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/twinspan/twinspan/internal/web"
)

// site is one part's listeners and the base URL that it gives itself.
type site struct {
	name      string
	listeners []net.Listener
	url       string // no trailing slash
	tlsURL    string // "" where TLS is off
}

// sites are all listeners of a program.
type sites struct {
	crm, engagement, connect, control *site        // the first two are nil where the clouds are elsewhere
	smtp                              net.Listener // nil where the mail goes elsewhere
	bounces                           net.Listener // nil where none come back
}

// listen opens every listener or none.
func listen(c Config) (*sites, error) {
	s := &sites{}
	err := func() (err error) {
		if !c.alone() {
			if s.crm, err = listenHouse(c, house{"crm", c.CRM}); err != nil {
				return err
			}
			if s.engagement, err = listenHouse(c, house{"engagement", c.Engagement}); err != nil {
				return err
			}
		}
		if s.connect, err = listenHouse(c, house{"connect", c.Connect}); err != nil {
			return err
		}
		if s.control, err = listenHouse(c, house{"control", HouseConfig{Addr: c.ControlAddr}}); err != nil {
			return err
		}
		if c.SMTP == "" {
			if s.smtp, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
				return fmt.Errorf("listening for the built-in inbox: %w", err)
			}
		}
		if c.BounceAddr != "" {
			if s.bounces, err = listenOn("--bounce-addr", c.BounceAddr); err != nil {
				return err
			}
		}
		return nil
	}()
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func listenHouse(c Config, h house) (*site, error) {
	s := &site{name: h.name, url: h.URL}
	plain, err := listenOn(h.addrFlag(), h.Addr)
	if err != nil {
		return nil, err
	}
	s.listeners = append(s.listeners, plain)
	if s.url == "" {
		s.url = "http://" + reachable(plain.Addr())
	}
	if h.TLSAddr == "" {
		return s, nil
	}
	raw, err := listenOn(h.tlsAddrFlag(), h.TLSAddr)
	if err == nil {
		var secure net.Listener
		if secure, err = web.ListenTLS(raw, c.TLSCert, c.TLSKey); err == nil {
			s.listeners = append(s.listeners, secure)
			s.tlsURL = "https://" + reachable(raw.Addr())
			return s, nil
		}
		err = errors.Join(&ConfigError{Flag: "--tls-cert", Err: err}, raw.Close())
	}
	return nil, errors.Join(err, s.close())
}

// listenOn names the address and the flag where it fails.
func listenOn(flag, addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s is in use by another program; give another address with %s (port 0 picks a free one)", addr, flag)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("%s: no permission to listen on %s; ports below 1024 are the system's", flag, addr)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	return l, nil
}

// reachable is the host:port under which this machine reaches a listener: one on all interfaces is reached by loopback.
func reachable(a net.Addr) string {
	host, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

func (s *site) close() error {
	if s == nil {
		return nil
	}
	var err error
	for _, l := range s.listeners {
		err = errors.Join(err, closeListener(l))
	}
	return err
}

// Close closes the listeners that are still open: a server closes those that it serves.
func (s *sites) Close() error {
	err := errors.Join(s.crm.close(), s.engagement.close(), s.connect.close(), s.control.close())
	for _, l := range []net.Listener{s.smtp, s.bounces} {
		if l != nil {
			err = errors.Join(err, closeListener(l))
		}
	}
	return err
}

func closeListener(l net.Listener) error {
	if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
