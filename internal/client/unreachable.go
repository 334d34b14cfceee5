package client

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"syscall"
)

// unreachable says in people's words why no connection stands: what they check next is another thing for each.
func unreachable(err error) string {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		if dns.IsNotFound {
			return "DNS knows no such name; is it written right"
		}
		return "its name could not be looked up in DNS"
	}
	if bad, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		if _, ok := errors.AsType[x509.HostnameError](bad.Err); ok {
			return "its certificate is for another name"
		}
		if invalid, ok := errors.AsType[x509.CertificateInvalidError](bad.Err); ok && invalid.Reason == x509.Expired {
			return "its certificate is expired, or not valid yet by this machine's clock"
		}
		return "its certificate is of nobody whom this machine trusts"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "what answers there speaks no TLS"
	}
	if alert, ok := errors.AsType[tls.AlertError](err); ok {
		return "it ended the TLS handshake: " + Clip(alert.Error(), 80)
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return "nothing answered within " + DialTimeout.String()
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there (connection refused)"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "no way leads there from this machine"
	}
	return "the connection broke before it stood"
}
