package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
)

// CodeTLS: the cloud's certificate is not taken.
const CodeTLS fault.Code = "tls_refused"

// Knocker asks front doors by HTTP.
type Knocker struct {
	by      func(link.Link) http.RoundTripper
	machine clock.Machine
}

// NewKnocker wires it; by is what the clouds of a link are reached through, machine time what their clocks are compared with.
func NewKnocker(by func(link.Link) http.RoundTripper, machine clock.Machine) *Knocker {
	if machine == nil {
		machine = time.Now
	}
	return &Knocker{by, machine}
}

// knockTimeout bounds one question.
const knockTimeout = 10 * time.Second

// Ping asks for the list of API versions, which an org tells everybody, and takes whatever a tenant answers: what counts
// is the clock and the certificate.
func (k *Knocker) Ping(ctx context.Context, l link.Link, baseURL string) (Door, error) {
	ctx, cancel := context.WithTimeout(ctx, knockTimeout)
	defer cancel()
	u, err := url.Parse(baseURL)
	if err != nil {
		return Door{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, baseURL+"/services/data/", nil)
	if err != nil {
		return Door{}, err
	}
	began := k.machine()
	hc := http.Client{Transport: k.by(l), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := hc.Do(req)
	if err != nil {
		return Door{}, unreachable(err, u.Host)
	}
	defer func() { _ = resp.Body.Close() }()                      // nothing of it is needed
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
	ended := k.machine()
	d := Door{Plain: u.Scheme == "http" && !client.SameSite(baseURL, "http://localhost:"+u.Port())}
	if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		// The header has whole seconds and was written some time between asking and the answer.
		d.Skew = at.Add(500 * time.Millisecond).Sub(began.Add(ended.Sub(began) / 2))
	}
	if resp.TLS != nil && len(resp.TLS.PeerCertificates) > 0 {
		d.Expires = resp.TLS.PeerCertificates[0].NotAfter
	}
	return d, nil
}

// unreachable says why there was no answer; where the certificate is the reason, in the verifier's words.
func unreachable(err error, host string) error {
	if why := certificateTrouble(err); why != "" {
		return fault.Wrap(err, fault.Unavailable, CodeTLS, "The certificate of %s is not taken: %s.", host, why)
	}
	return fault.Wrap(err, fault.Unavailable, client.CodeUnreachable, "%s does not answer.", host)
}

func certificateTrouble(err error) string {
	var verify *tls.CertificateVerificationError
	var expired x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	switch {
	case errors.As(err, &expired):
		return expired.Error()
	case errors.As(err, &unknown):
		return unknown.Error()
	case errors.As(err, &name):
		return name.Error()
	case errors.As(err, &verify):
		return "it cannot be verified"
	}
	return ""
}
