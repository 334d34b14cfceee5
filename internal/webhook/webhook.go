// Package webhook posts signed events to an address that somebody configured. It goes to public addresses alone, and to
// those that the operator listed: the address is judged when it is saved and again at every connection, after names were
// resolved, so that no name leads into the operator's own network.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/vault"
)

// Codes of the faults of this package.
const (
	// CodeAddress: an address that events may not be posted to.
	CodeAddress fault.Code = "webhook_address"
	// CodeRefused: the receiver refused for good; the event is not to be posted again.
	CodeRefused fault.Code = "webhook_refused"
	// CodeDeferred: the receiver cannot be reached, or cannot take the event now; the same one may be posted again.
	CodeDeferred fault.Code = "webhook_deferred"
)

// SignatureHeader has "t=SECONDS,v1=HEX": when the event was signed, in seconds since 1970, and the HMAC-SHA256, under the
// shared secret, of the seconds, a full stop and the body.
const SignatureHeader = "Twinspan-Signature"

// IDHeader has the event's id, which is the same at each attempt.
const IDHeader = "Twinspan-Event-Id"

// Bounds of one attempt.
const (
	timeout   = 20 * time.Second
	maxAnswer = 64 << 10 // bytes that are read of an answer
)

// Sender posts events. It is safe for concurrent use.
type Sender struct {
	hc      *http.Client
	allowed []netip.AddrPort
	machine clock.Machine
}

// Options make a [Sender].
type Options struct {
	// Allowed are addresses, "10.1.2.3:8443", that may be posted to although they are not public, also by plain HTTP.
	Allowed []string
	// Machine is machine time; nil is time.Now.
	Machine clock.Machine
	// Resolver finds addresses; nil is the system's.
	Resolver *net.Resolver
}

// New makes a sender.
func New(o Options) (*Sender, error) {
	s := &Sender{machine: o.Machine}
	if s.machine == nil {
		s.machine = time.Now
	}
	for _, text := range o.Allowed {
		a, err := netip.ParseAddrPort(text)
		if err != nil {
			return nil, fault.Wrap(err, fault.Invalid, CodeAddress, "%q is no address with a port, such as 10.1.2.3:8443.", text)
		}
		s.allowed = append(s.allowed, netip.AddrPortFrom(a.Addr().Unmap(), a.Port()))
	}
	dialer := &net.Dialer{Timeout: timeout / 2, Resolver: o.Resolver, ControlContext: s.control}
	s.hc = &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{DialContext: dialer.DialContext, TLSHandshakeTimeout: timeout / 2, ResponseHeaderTimeout: timeout, MaxResponseHeaderBytes: 32 << 10, DisableKeepAlives: true, Proxy: nil},
	}
	return s, nil
}

// control judges an address right before it is connected to.
func (s *Sender) control(_ context.Context, network, address string, _ syscall.RawConn) error {
	a, err := netip.ParseAddrPort(address)
	if err != nil || !strings.HasPrefix(network, "tcp") || !s.may(a) {
		return fault.New(fault.Denied, CodeAddress, "Events are not posted to %s.", address)
	}
	return nil
}

func (s *Sender) may(a netip.AddrPort) bool {
	addr := a.Addr().Unmap()
	return a.Addr().Zone() == "" && (slices.Contains(s.allowed, netip.AddrPortFrom(addr, a.Port())) || a.Port() == 443 && Public(addr))
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

// Check refuses addresses that events cannot be posted to, as far as that shows without asking anybody.
func (s *Sender) Check(address string) error {
	bad := func(want string) error {
		return fault.New(fault.Invalid, CodeAddress, "A webhook is %s.", want).In("webhook")
	}
	u, err := url.Parse(address)
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
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	if a, err := netip.ParseAddr(host); err == nil {
		if !s.may(netip.AddrPortFrom(a, uint16(n))) || u.Scheme == "http" && !slices.Contains(s.allowed, netip.AddrPortFrom(a.Unmap(), uint16(n))) {
			return bad("an https address of the open internet at port 443; the operator may list others")
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
	if n != 443 && !slices.ContainsFunc(s.allowed, func(a netip.AddrPort) bool { return uint64(a.Port()) == n }) {
		return bad("an https address at port 443; the operator may list others")
	}
	return nil
}

// Origin is what of an address a secret is bound to: scheme, host and port.
func Origin(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Scheme + "://" + u.Host)
}

// Sign is the value of SignatureHeader.
func Sign(secret vault.Secret, at time.Time, body []byte) string {
	t := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	mac.Write([]byte(t + "."))
	mac.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// Send posts an event, a JSON text, once. Its faults have the codes of this package; only after CodeDeferred it may be
// posted again.
func (s *Sender) Send(ctx context.Context, address string, secret vault.Secret, id string, body []byte) error {
	if err := s.Check(address); err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return fault.Wrap(err, fault.Invalid, CodeAddress, "A webhook is an https address.")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "twinspan")
	req.Header.Set(IDHeader, id)
	req.Header.Set(SignatureHeader, Sign(secret, s.machine(), body))
	resp, err := s.hc.Do(req)
	if err != nil {
		if f, ok := errors.AsType[*fault.Error](err); ok && f.Code == CodeAddress {
			return f
		}
		return fault.Wrap(err, fault.Unavailable, CodeDeferred, "%s does not answer.", req.URL.Host)
	}
	defer func() { _ = resp.Body.Close() }()                         // nothing of it is needed
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer)) // so that the receiver sees it taken
	switch status := resp.StatusCode; {
	case status/100 == 2:
		return nil
	case status >= 500, status == http.StatusTooManyRequests, status == http.StatusRequestTimeout:
		return fault.New(fault.Unavailable, CodeDeferred, "%s", said(req.URL.Host, status))
	default: // redirects are not followed
		return fault.New(fault.Denied, CodeRefused, "%s", said(req.URL.Host, status))
	}
}

func said(host string, status int) string {
	return fmt.Sprintf("%s answered with status %d.", host, status)
}
