package web

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// ParseProxies reads the addresses and networks (CIDR) of trusted proxies. A network that holds every address is refused:
// whoever calls would say himself where he comes from.
func ParseProxies(texts []string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, text := range texts {
		text = strings.TrimSpace(text)
		p, err := netip.ParsePrefix(text)
		if a, aerr := netip.ParseAddr(text); err != nil && aerr == nil && a.Zone() == "" {
			a = a.Unmap()
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		switch {
		case err != nil, p.Addr().Is4In6():
			return nil, fmt.Errorf("%q is no IP address and no network such as 10.0.0.0/8", text)
		case p.Bits() == 0:
			return nil, fmt.Errorf("%s is everybody, who would then choose his own address", text)
		}
		all = append(all, p.Masked())
	}
	return all, nil
}

// BehindProxies returns h for which a request's RemoteAddr is the caller's own address: the rightmost one in
// X-Forwarded-For that is no trusted proxy's, when, and only when, the peer is one. What stands further left anybody can
// have written. No other forwarding header is read: scheme and host of links, issuers and cookies are the configured
// ones, whatever a request says (security AZ-24).
func BehindProxies(proxies []netip.Prefix, h http.Handler) http.Handler {
	if len(proxies) == 0 {
		return h
	}
	trusted := func(a netip.Addr) bool {
		return slices.ContainsFunc(proxies, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		if from := plainAddr(peer.Addr()); err == nil && trusted(from) {
			if caller := callerBehind(from, r.Header.Values("X-Forwarded-For"), trusted); caller != from {
				r = r.WithContext(r.Context()) // a copy: what the server handed over stays as it was
				r.RemoteAddr = netip.AddrPortFrom(caller, 0).String()
			}
		}
		h.ServeHTTP(w, r)
	})
}

// callerBehind goes from the peer towards the caller, as far as proxies are trusted. A hop that is no address ends the way
// at the last one that is known.
func callerBehind(peer netip.Addr, forwarded []string, trusted func(netip.Addr) bool) netip.Addr {
	at := peer
	hops := strings.Split(strings.Join(forwarded, ","), ",")
	for _, hop := range slices.Backward(hops) {
		hop = strings.TrimSpace(hop)
		if hop == "" {
			continue
		}
		next, err := parseHop(hop)
		if err != nil {
			return at
		}
		if at = next; !trusted(at) {
			return at
		}
	}
	return at
}

// parseHop reads an address as proxies write it: bare, in brackets, or with a port.
func parseHop(hop string) (netip.Addr, error) {
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(hop, "["), "]"))
	if err != nil {
		var p netip.AddrPort
		p, err = netip.ParseAddrPort(hop)
		a = p.Addr()
	}
	return plainAddr(a), err
}

func plainAddr(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// RemoteIP is the address of the caller without its port: the peer's, or, behind the proxies of [ServeOptions], the one
// that they name.
func RemoteIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
