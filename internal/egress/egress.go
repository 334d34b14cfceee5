// Package egress judges where a program may connect to when somebody else configured the address: public addresses alone, at
// port 443 and by https, and those that the operator listed. An address is judged when it is saved, and again at every
// connection, after names were resolved, so that no name leads into the operator's own network (security SF-01 to SF-06).
package egress

import (
	"context"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
)

// Guard judges addresses. It is safe for concurrent use.
type Guard struct {
	what    string
	code    fault.Code
	lists   string // how further addresses are listed, "" where they are not
	allowed []netip.AddrPort
	local   bool
	dialer  net.Dialer // to what may be connected to
	own     net.Dialer // to this machine
}

// Options make a [Guard].
type Options struct {
	// What the addresses are, at the beginning of a sentence: "A webhook".
	What string
	// Code of the faults.
	Code fault.Code
	// Lists is how the operator lists further addresses, for refusals: "`up --webhook-to`"; "" where he does not.
	Lists string
	// Allowed are addresses, "10.1.2.3:8443", that may be connected to although they are not public, also by plain HTTP.
	Allowed []string
	// Local lets this machine be named, as localhost, a name under it, or a loopback address, at any port and by plain HTTP too.
	// Another name that resolves to such an address is refused all the same.
	Local bool
	// Timeout bounds one connection; 0 is ten seconds.
	Timeout time.Duration
	// Resolver finds addresses; nil is the system's.
	Resolver *net.Resolver
}

// New makes a guard. An address in Allowed that is none is an Invalid fault with the guard's code.
func New(o Options) (*Guard, error) {
	g := &Guard{what: o.What, code: o.Code, lists: o.Lists, local: o.Local}
	for _, text := range o.Allowed {
		a, err := netip.ParseAddrPort(text)
		if err != nil {
			return nil, fault.Wrap(err, fault.Invalid, o.Code, "%q is no address with a port, such as 10.1.2.3:8443.", text)
		}
		g.allowed = append(g.allowed, netip.AddrPortFrom(a.Addr().Unmap(), a.Port()))
	}
	timeout := o.Timeout
	if timeout == 0 {
		timeout = 10 * time.Second
	}
	judge := func(may func(netip.AddrPort) bool) func(context.Context, string, string, syscall.RawConn) error {
		return func(_ context.Context, network, address string, _ syscall.RawConn) error {
			a, err := netip.ParseAddrPort(address)
			if err != nil || !strings.HasPrefix(network, "tcp") || !may(a) {
				return fault.New(fault.Denied, g.code, "%s may not be at %s.", g.what, address)
			}
			return nil
		}
	}
	g.dialer = net.Dialer{Timeout: timeout, KeepAlive: 30 * time.Second, Resolver: o.Resolver, ControlContext: judge(g.may)}
	g.own = net.Dialer{Timeout: timeout, KeepAlive: 30 * time.Second, ControlContext: judge(func(a netip.AddrPort) bool { return a.Addr().Unmap().IsLoopback() })}
	return g, nil
}

// DialContext connects, and judges the address right before it does. It is for http.Transport.
func (g *Guard) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err == nil && g.local && Local(host) {
		if _, err := netip.ParseAddr(host); err != nil { // every name under .localhost is this machine (RFC 6761 section 6.3)
			address = net.JoinHostPort("localhost", port)
		}
		return g.own.DialContext(ctx, network, address)
	}
	return g.dialer.DialContext(ctx, network, address)
}

// Local reports whether a URL's host names this machine: localhost, a name under it, or a loopback address.
func Local(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Zone() == "" && a.Unmap().IsLoopback()
}

func (g *Guard) listed(a netip.Addr, port uint16) bool {
	return slices.Contains(g.allowed, netip.AddrPortFrom(a.Unmap(), port))
}

func (g *Guard) may(a netip.AddrPort) bool {
	return a.Addr().Zone() == "" && (g.listed(a.Addr(), a.Port()) || a.Port() == 443 && Public(a.Addr()))
}

// special are networks that are not public and that netip does not tell (IANA special-purpose registries): shared, protocol
// assignments, documentation, 6to4 and benchmark nets of IPv4, "this" net, reserved; NAT64, discard, Teredo and ORCHID,
// documentation and 6to4 of IPv6, which carry or hide addresses of IPv4.
var special = func() (all []netip.Prefix) {
	for _, text := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "::/96", "fec0::/10",
	} {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}()

// Public reports whether an address is one of the open internet.
func Public(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsValid() && a.IsGlobalUnicast() && !a.IsPrivate() && !a.IsLoopback() && !a.IsLinkLocalUnicast() && !a.IsMulticast() && !a.IsUnspecified() &&
		!slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(a) })
}

// clip cuts what stands in a refusal.
func clip(s string) string {
	const most = 200
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strings.ToValidUTF8(s, "?")
}

// Check refuses a URL that cannot be connected to, as far as that shows without asking anybody.
func (g *Guard) Check(address string) error {
	u, err := url.Parse(address)
	bad := func(want string) error {
		if err != nil || u.Host == "" { // what stands there may be anything, a secret too
			return fault.New(fault.Invalid, g.code, "%s is %s.", g.what, want)
		}
		return fault.New(fault.Invalid, g.code, "%s is %s; %s is none.", g.what, want, clip(u.Scheme+"://"+u.Host))
	}
	others := ""
	if g.lists != "" {
		others = ", or one that the operator lists with " + g.lists
	}
	switch {
	case err != nil || len(address) > 2000 || u.Host == "" || u.Opaque != "":
		return bad("an https address")
	case u.User != nil || u.Fragment != "" || strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r > '~' }):
		return bad("an https address of plain ASCII without a user and a fragment")
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return bad("an https address")
	}
	if g.local && Local(u.Hostname()) && (u.Scheme == "http" || u.Scheme == "https") {
		return nil
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	if a, err := netip.ParseAddr(host); err == nil {
		if !g.may(netip.AddrPortFrom(a, uint16(n))) || u.Scheme != "https" && (u.Scheme != "http" || !g.listed(a, uint16(n))) {
			return bad("an https address of the open internet at port 443" + others)
		}
		return nil
	}
	labels := strings.Split(host, ".")
	last := labels[len(labels)-1]
	switch {
	case u.Scheme != "https":
		return bad("an https address")
	case len(labels) < 2, slices.Contains(labels, ""), last == "localhost", last == "local", last == "internal", last == "localdomain", last[0] >= '0' && last[0] <= '9':
		return bad("an https address with the full name of a host of the open internet")
	}
	if n != 443 && !slices.ContainsFunc(g.allowed, func(a netip.AddrPort) bool { return uint64(a.Port()) == n }) {
		return bad("an https address at port 443" + others)
	}
	return nil
}
