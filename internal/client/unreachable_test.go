package client_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/fault"
)

type failing struct{ err error }

func (f failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, f.err }

// TestUnreachableSaysWhy: why no connection stands is said, for what is checked next is another thing for each cause.
func TestUnreachableSaysWhy(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"DNS knows no such name":                   &net.DNSError{Err: "no such host", Name: "nosuch.invalid", IsNotFound: true},
		"could not be looked up in DNS":            &net.DNSError{Err: "server misbehaving", Name: "x.example"},
		"nothing listens there":                    &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)},
		"no way leads there":                       &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ENETUNREACH)},
		"its certificate is for another name":      &tls.CertificateVerificationError{Err: x509.HostnameError{Certificate: &x509.Certificate{}, Host: "x.example"}},
		"its certificate is expired":               &tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Reason: x509.Expired}},
		"of nobody whom this machine trusts":       &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}},
		"speaks no TLS":                            tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"},
		"it ended the TLS handshake":               tls.AlertError(40),
		"nothing answered within":                  &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded},
		"the connection broke before it stood":     errors.New("something else"),
		"cannot be reached: The org may not be at": fault.New(fault.Denied, "guarded", "The org may not be at 10.0.0.1:443."),
	} {
		c := client.NewCaller("org", &http.Client{Transport: failing{err}})
		_, got := c.Do(context.Background(), client.Request{Method: http.MethodGet, URL: "https://x.example/secret?token=s3cret"})
		if fault.CodeOf(got) != client.CodeUnreachable || !strings.Contains(fault.Of(got).Message, want) || strings.Contains(got.Error(), "s3cret") {
			t.Errorf("%s: %v", want, got)
		}
	}
}
