// Package browser is a small user agent for pages that work without script: it follows redirects, keeps cookies,
// and fills and sends forms as a person would. Connect's rehearsals and the demo walk login and consent pages with
// it, so that what they show is what a browser meets. It knows HTML alone, and no cloud.
package browser

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"
)

const (
	// maxPage bounds the bytes of a page that are read.
	maxPage = 2 << 20
	// timeout bounds one page, its redirects included.
	timeout = 30 * time.Second
)

// Browser is one person's browser: its cookies are its own. It is not safe for concurrent use, as a person's is not.
type Browser struct {
	http *http.Client
	// Forms counts the forms sent since it was made, by scheme://host of the address they went to.
	Forms map[string]int

	stop string
}

// New returns a browser without cookies that uses transport, http.DefaultTransport where it is nil.
func New(transport http.RoundTripper) *Browser {
	jar, _ := cookiejar.New(nil) // never fails without options
	b := &Browser{http: &http.Client{Transport: transport, Jar: jar, Timeout: timeout}, Forms: map[string]int{}}
	b.http.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		switch {
		case b.stops(req.URL):
			return http.ErrUseLastResponse
		case len(via) >= maxRedirects:
			return errors.New("too many redirects")
		}
		return nil
	}
	return b
}

// maxRedirects bounds the redirects that are followed for one page.
const maxRedirects = 10

// StopAt has the browser stop where it is sent to an address, whatever its query, and not go there: a program that signs
// somebody in takes what the address was to be told. The page is then that address, without a text.
func (b *Browser) StopAt(address string) { b.stop = address }

func (b *Browser) stops(u *url.URL) bool {
	bare := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	return b.stop != "" && bare.String() == b.stop
}

// Sent is how many forms this browser sent in all.
func (b *Browser) Sent() int {
	n := 0
	for _, c := range b.Forms {
		n += c
	}
	return n
}

// Open gets a page, following redirects.
func (b *Browser) Open(ctx context.Context, address string) (*Page, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	return b.do(req)
}

// Send sends the page's form with the values of its fields replaced by values, as pressing button would; a nil
// button presses the first, as the Enter key does. A name that the form has no field for is an error.
func (b *Browser) Send(ctx context.Context, f *Form, values url.Values, button *Field) (*Page, error) {
	body, err := f.encode(values, button)
	if err != nil {
		return nil, err
	}
	target := *f.Action
	var req *http.Request
	if f.Method == http.MethodPost {
		req, err = http.NewRequestWithContext(ctx, http.MethodPost, target.String(), strings.NewReader(body.Encode()))
	} else {
		target.RawQuery = body.Encode()
		req, err = http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	}
	if err != nil {
		return nil, err
	}
	if f.Method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", Origin(f.page))
		req.Header.Set("Referer", f.page.String())
		req.Header.Set("Sec-Fetch-Site", fetchSite(f.page, f.Action))
	}
	b.Forms[Origin(f.Action)]++
	return b.do(req)
}

func (b *Browser) do(req *http.Request) (*Page, error) {
	req.Header.Set("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.1")
	req.Header.Set("Accept-Language", "en")
	req.Header.Set("User-Agent", "Mozilla/5.0 (compatible; Twinspan)")
	resp, err := b.http.Do(req)
	if err != nil {
		return nil, withoutQuery(err)
	}
	defer resp.Body.Close()
	if to, err := resp.Location(); err == nil && b.stops(to) {
		return &Page{URL: to, Status: resp.StatusCode}, nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxPage+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", Origin(resp.Request.URL)+resp.Request.URL.Path, err)
	}
	if len(body) > maxPage {
		return nil, fmt.Errorf("%s is larger than %d bytes", Origin(resp.Request.URL)+resp.Request.URL.Path, maxPage)
	}
	return parse(resp.Request.URL, resp.StatusCode, resp.Header.Get("Content-Type"), bytes.NewReader(body))
}

// withoutQuery takes the query out of the address in a transport's error: it may carry a code or a state.
func withoutQuery(err error) error {
	if e, ok := err.(*url.Error); ok { //nolint:errorlint // the client returns exactly this type
		if u, perr := url.Parse(e.URL); perr == nil {
			u.RawQuery, u.Fragment = "", ""
			return &url.Error{Op: e.Op, URL: u.String(), Err: e.Err}
		}
	}
	return err
}

// Origin is the scheme://host[:port] of an address.
func Origin(u *url.URL) string { return u.Scheme + "://" + u.Host }

func fetchSite(from, to *url.URL) string {
	switch {
	case Origin(from) == Origin(to):
		return "same-origin"
	case from.Hostname() == to.Hostname():
		return "same-site"
	default:
		return "cross-site"
	}
}
