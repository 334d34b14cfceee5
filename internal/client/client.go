// Package client holds what every call to a cloud's public API has in common, whichever cloud answers: a base URL, an
// http.Client, bounded answers, timeouts, no redirects, and one way to keep the cloud's own words when it refuses.
//
// A remote is never trusted. Its answers are cut at a fixed size and time, a redirect is an error because following it
// would carry credentials elsewhere, and URLs that it names for later calls must belong to the site that was
// configured (see [SameSite]).
package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twinspan/twinspan/internal/fault"
)

// Codes of the faults that clients return. The remote's own code and text are in the [RemoteError] inside.
const (
	// CodeRefused: the cloud understood and said no.
	CodeRefused fault.Code = "cloud_refused"
	// CodeUnauthorized: the cloud no longer takes the access token; a fresh one would help.
	CodeUnauthorized fault.Code = "cloud_unauthorized"
	// CodeNotFound: the cloud has no such thing.
	CodeNotFound fault.Code = "cloud_not_found"
	// CodeLimited: the cloud asks to come back later.
	CodeLimited fault.Code = "cloud_limited"
	// CodeFailed: the cloud failed (5xx) after it had the request; whether it acted is not known.
	CodeFailed fault.Code = "cloud_failed"
	// CodeUnsendable: a value cannot be sent as a header. The cloud was not asked.
	CodeUnsendable fault.Code = "unsendable_header"
	// CodeUnreachable: no connection came about, so the cloud never saw the request.
	CodeUnreachable fault.Code = "cloud_unreachable"
	// CodeNoAnswer: the request may have reached the cloud, and no whole answer came back.
	CodeNoAnswer fault.Code = "cloud_no_answer"
	// CodeProtocol: the answer is not what the API promises: another content type, broken JSON, a missing value, a
	// redirect, an answer over the size limit. The cloud may have acted.
	CodeProtocol fault.Code = "cloud_protocol"
)

// RemoteError is what a cloud said when it refused: its HTTP status, and its code and text as it wrote them (crm-wire
// 1.6, 3.3; engagement-wire 2.1, 4). It is the cause inside the *fault.Error that a client returns.
type RemoteError struct {
	Cloud       string // "org" or "tenant"
	Status      int    // HTTP status, 0 where none came
	Code        string // "invalid_app_access", "INVALID_SESSION_ID", "20002"; "" where the answer had none
	Description string // the cloud's sentence, cut at 1,000 bytes
}

// Error gives status, code and text in one line.
func (e *RemoteError) Error() string {
	return fmt.Sprintf("%s answered %d %s: %s", e.Cloud, e.Status, e.Code, e.Description)
}

// Remote finds the RemoteError inside err; nil where no cloud spoke.
func Remote(err error) *RemoteError {
	if e, ok := errors.AsType[*RemoteError](err); ok {
		return e
	}
	return nil
}

// Said gives the code and the sentence with which err was refused: a cloud's where a cloud said no, else ours.
func Said(err error) (code, text string) {
	f := fault.Of(err)
	if f == nil {
		return "", ""
	}
	if r := Remote(f); r != nil && r.Code != "" && (f.Code == CodeRefused || f.Code == CodeNotFound) {
		return r.Code, r.Description
	}
	return string(f.Code), f.Message
}

// Unknown reports whether err leaves open that the cloud acted on the request (security 0.1, finding 3): no whole
// answer, an answer that makes no sense, or a failure on the cloud's side.
func Unknown(err error) bool {
	switch fault.CodeOf(err) {
	case CodeNoAnswer, CodeProtocol, CodeFailed:
		return true
	}
	return false
}

// Limits of every call. A remote that sends more or takes longer is cut off.
const (
	MaxAnswer   = 10 << 20         // bytes of one answer, after decompression
	DialTimeout = 10 * time.Second // until a connection stands
	CallTimeout = 60 * time.Second // for the whole call

	MaxDownload     = 1 << 30          // bytes of an answer that goes to Request.To
	DownloadTimeout = 15 * time.Minute // for such a call
)

// Caller makes bounded calls to one cloud. Make it with [NewCaller]; it is safe for concurrent use.
type Caller struct {
	cloud   string
	http    *http.Client
	limit   int64
	timeout time.Duration
}

// NewCaller returns a Caller that names the cloud in its errors ("org", "tenant"). It uses the transport of hc, or a
// plain one that reads no proxy settings where hc is nil. Redirects and cookies of hc are not used.
func NewCaller(cloud string, hc *http.Client) *Caller {
	c := &Caller{cloud: cloud, limit: MaxAnswer, timeout: CallTimeout}
	own := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if hc != nil {
		own.Transport = hc.Transport
		if hc.Timeout > 0 {
			c.timeout = hc.Timeout
		}
	}
	if own.Transport == nil {
		own.Transport = NewTransport()
	}
	c.http = own
	return c
}

// NewTransport returns an http.Transport with the limits of this package. Make one and share it: each holds its own
// connections.
func NewTransport() *http.Transport {
	return &http.Transport{
		DialContext:            dial,
		TLSHandshakeTimeout:    DialTimeout,
		ResponseHeaderTimeout:  30 * time.Second,
		ExpectContinueTimeout:  time.Second,
		IdleConnTimeout:        90 * time.Second,
		MaxIdleConns:           200,
		MaxIdleConnsPerHost:    64,
		MaxResponseHeaderBytes: 64 << 10,
		ForceAttemptHTTP2:      true,
	}
}

// dial connects. Every name under .localhost is this machine (RFC 6761 section 6.3), also where the system's resolver does not
// say so: My Domains of an org on this machine are such names.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: DialTimeout, KeepAlive: 30 * time.Second}
	if name, port, err := net.SplitHostPort(address); err == nil && strings.HasSuffix(strings.ToLower(strings.TrimSuffix(name, ".")), ".localhost") {
		address = net.JoinHostPort("localhost", port)
	}
	return d.DialContext(ctx, network, address)
}

// Request is one call. Body is sent as it is; ContentType is set when there is a body.
type Request struct {
	Method      string
	URL         string
	Header      http.Header
	ContentType string
	Body        []byte
	// Secrets are what the request carries that must not come back in an error's text; the bearer token is one anyway.
	Secrets []string
	// To, where it is not nil, takes the body of an answer of 2xx as it comes; Answer.Body is empty then. What goes wrong may
	// leave a part of it there.
	To io.Writer
}

// Answer is a whole answer within the limits. Redirects never come as an Answer.
type Answer struct {
	Status int
	Header http.Header
	Type   string // media type in lower case, without parameters
	Body   []byte

	secrets []string // of the request
}

// unsendable reports whether a header cannot hold the value (RFC 9110 section 5.5).
func unsendable(value string) bool {
	return strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f })
}

// Do makes the call. It fails with CodeUnsendable, CodeUnreachable, CodeNoAnswer or CodeProtocol; an answer of any status but 3xx is
// returned for the caller to judge.
func (c *Caller) Do(ctx context.Context, r Request) (*Answer, error) {
	timeout := c.timeout
	if r.To != nil {
		timeout = DownloadTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
	req, err := http.NewRequestWithContext(ctx, r.Method, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, CodeUnreachable, "The %s's address is no URL.", c.cloud)
	}
	for name, values := range r.Header {
		if slices.ContainsFunc(values, unsendable) {
			return nil, fault.New(fault.Invalid, CodeUnsendable, "What is to be sent to the %s as %s holds a line break or another control character; is there one in a token or key that was given?", c.cloud, name)
		}
		req.Header[name] = values
	}
	if len(r.Body) > 0 {
		req.Header.Set("Content-Type", r.ContentType)
	}
	req.Header.Set("User-Agent", "twinspan")
	resp, err := c.http.Do(req)
	if err != nil {
		err = withoutURL(err)
		if !connected.Load() && ctx.Err() != nil {
			return nil, fault.Wrap(err, fault.Unavailable, CodeUnreachable, "The time for the call was over before the %s at %s was reached.", c.cloud, host(r.URL))
		}
		if why, ok := errors.AsType[*fault.Error](err); ok && !connected.Load() { // the transport does not go there
			return nil, fault.Wrap(err, fault.Unavailable, CodeUnreachable, "The %s at %s cannot be reached: %s", c.cloud, host(r.URL), why.Message)
		}
		if !connected.Load() {
			return nil, fault.Wrap(err, fault.Unavailable, CodeUnreachable, "The %s at %s cannot be reached: %s.", c.cloud, host(r.URL), unreachable(err))
		}
		return nil, c.noAnswer(err, r.URL)
	}
	defer func() { _ = resp.Body.Close() }() // the body has been read as far as anybody wants it
	body, err := c.body(r, resp)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		return nil, c.Protocol(resp.StatusCode, "it redirects where the API answers, which is not followed")
	}
	media, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil {
		media = "" // absent or malformed: equal to no type for whoever insists on one
	}
	secrets := r.Secrets
	if _, token, ok := strings.Cut(req.Header.Get("Authorization"), " "); ok {
		secrets = append(slices.Clone(secrets), token)
	}
	return &Answer{Status: resp.StatusCode, Header: resp.Header, Type: media, Body: body, secrets: secrets}, nil
}

// body reads the answer's body, or writes it where the request wants it.
func (c *Caller) body(r Request, resp *http.Response) ([]byte, error) {
	limit, to := c.limit, io.Writer(&bytes.Buffer{})
	if r.To != nil && resp.StatusCode/100 == 2 {
		limit, to = MaxDownload, r.To
	}
	n, err := io.Copy(to, io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, c.noAnswer(withoutURL(err), r.URL)
	}
	if n > limit {
		return nil, c.Protocol(resp.StatusCode, "its answer is over %d bytes", limit)
	}
	if b, whole := to.(*bytes.Buffer); whole && to != r.To {
		return b.Bytes(), nil
	}
	return nil, nil
}

// scrub takes the request's secrets out of a text of the remote: one that echoes them must not get them into errors,
// logs and databases (security SE-05).
func (a *Answer) scrub(text string) string {
	for _, s := range a.secrets {
		if len(s) >= 4 { // shorter ones are no secrets, and would garble any text
			text = strings.ReplaceAll(text, s, "***")
		}
	}
	return text
}

// Refused is [Caller.Refusal] in the words of an answer, without the request's secrets. status is the answer's own,
// except where the API says it otherwise.
func (c *Caller) Refused(a *Answer, status int, code, text string) error {
	return c.Refusal(status, a.scrub(code), a.scrub(text))
}

func (c *Caller) noAnswer(err error, rawURL string) error {
	return fault.Wrap(err, fault.Unavailable, CodeNoAnswer, "The %s at %s gave no whole answer.", c.cloud, host(rawURL))
}

// Protocol is the fault for an answer that breaks the API's promises; the format finishes "… because ".
func (c *Caller) Protocol(status int, format string, args ...any) error {
	what := fmt.Sprintf(format, args...)
	return fault.Wrap(&RemoteError{Cloud: c.cloud, Status: status, Description: what}, fault.Unavailable, CodeProtocol,
		"The %s's answer was not understood: %s.", c.cloud, what)
}

// Refusal is the fault for an answer that says no: its kind follows the status, and code and text stay as the cloud
// wrote them.
func (c *Caller) Refusal(status int, code, text string) error {
	remote := &RemoteError{Cloud: c.cloud, Status: status, Code: Clip(code, 100), Description: Clip(text, 1000)}
	kind, fc := fault.Denied, CodeRefused
	switch {
	case status == http.StatusUnauthorized:
		kind, fc = fault.Unauthenticated, CodeUnauthorized
	case status == http.StatusNotFound:
		kind, fc = fault.NotFound, CodeNotFound
	case status == http.StatusTooManyRequests:
		kind, fc = fault.Limited, CodeLimited
	case status >= 500:
		kind, fc = fault.Unavailable, CodeFailed
	}
	return fault.Wrap(remote, kind, fc, "The %s refused: %s.", c.cloud, strings.TrimSuffix(sentence(remote), "."))
}

func sentence(e *RemoteError) string {
	switch {
	case e.Code != "" && e.Description != "":
		return e.Code + ": " + e.Description
	case e.Code+e.Description != "":
		return e.Code + e.Description
	}
	return fmt.Sprintf("HTTP status %d", e.Status)
}

// Clip cuts s to n bytes at a rune's edge and takes out control characters, so that a remote's text can be stored and
// logged on one line.
func Clip(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	if len(s) <= n {
		return s
	}
	cut := 0
	for i := range s {
		if i > n {
			break
		}
		cut = i
	}
	return s[:cut]
}

// withoutURL takes the request's URL out of err: it may carry a query with a secret.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

func host(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "its address"
	}
	return u.Host
}

// ParseBase checks a configured base URL and returns it without a trailing slash. It must be http or https with a
// host, and have no user, query or fragment; anything else is an Invalid fault with code "invalid_url".
func ParseBase(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Hostname() == "" ||
		u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Opaque != "" {
		return "", fault.New(fault.Invalid, "invalid_url", "%q is no base URL: write scheme, host and port, as https://host or http://127.0.0.1:8080.", Clip(withoutUser(raw), 200))
	}
	return strings.TrimRight(u.Scheme+"://"+u.Host+u.Path, "/"), nil
}

// withoutUser is a URL, or what was taken for one, without the password that somebody wrote into it.
func withoutUser(raw string) string {
	at := strings.LastIndexByte(raw, '@')
	if at < 0 {
		return raw
	}
	scheme, _, ok := strings.Cut(raw[:at], "://")
	if !ok {
		return "***" + raw[at:]
	}
	return scheme + "://***" + raw[at:]
}

// sites are the vendor's domains under which one cloud spreads its hosts (crm-wire 1.4, engagement-wire 1).
var sites = []string{".salesforce.com", ".force.com", ".marketingcloudapis.com"}

// SameSite reports whether a URL that a remote names for later calls (instance_url, rest_instance_url) may be called
// with the credentials meant for base: the same origin; two https hosts under one of the vendor's domains; or two
// names of the loopback host with the same port. Anything else would let a lying remote send tokens elsewhere.
func SameSite(base, other string) bool {
	b, err1 := url.Parse(base)
	o, err2 := url.Parse(other)
	if err1 != nil || err2 != nil || o.Host == "" || o.User != nil || b.Scheme != o.Scheme {
		return false
	}
	bh, oh := strings.ToLower(b.Hostname()), strings.ToLower(o.Hostname())
	if b.Port() == o.Port() && (bh == oh || loopback(bh) && loopback(oh)) {
		return true
	}
	if b.Scheme != "https" || b.Port() != "" || o.Port() != "" {
		return false
	}
	for _, s := range sites {
		if strings.HasSuffix(bh, s) && strings.HasSuffix(oh, s) {
			return true
		}
	}
	return false
}

func loopback(h string) bool {
	if h == "localhost" || strings.HasSuffix(h, ".localhost") {
		return true
	}
	ip := net.ParseIP(h)
	return ip != nil && ip.IsLoopback()
}
