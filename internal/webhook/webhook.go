// Package webhook posts signed events to an address that somebody configured, within the bounds of package egress.
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
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/egress"
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
	guard   *egress.Guard
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
	var err error
	if s.guard, err = egress.New(egress.Options{What: "A webhook", Code: CodeAddress, Lists: "`up --webhook-to ADDRESS:PORT`", Allowed: o.Allowed, Timeout: timeout / 2, Resolver: o.Resolver}); err != nil {
		return nil, err
	}
	s.hc = &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{DialContext: s.guard.DialContext, TLSHandshakeTimeout: timeout / 2, ResponseHeaderTimeout: timeout, MaxResponseHeaderBytes: 32 << 10, DisableKeepAlives: true, Proxy: nil},
	}
	return s, nil
}

// Check refuses addresses that events cannot be posted to, as far as that shows without asking anybody.
func (s *Sender) Check(address string) error {
	if err := s.guard.Check(address); err != nil {
		return fault.Of(err).In("webhook")
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
