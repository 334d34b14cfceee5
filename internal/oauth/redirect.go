package oauth

import (
	"net/url"
	"strings"

	"github.com/twinspan/twinspan/internal/fault"
)

// maxRedirect bounds a redirect URI, in bytes.
const maxRedirect = 2000

// MatchRedirect reports whether got is one of the registered redirect URIs. They are compared as texts, byte by byte
// (RFC 9700 section 2.1). One thing may differ: the port, where the registered URI is plain http on localhost, 127.0.0.1
// or [::1] (RFC 8252 section 7.3). A URI with user info or a fragment never matches.
func MatchRedirect(registered []string, got string) bool {
	if got == "" || len(got) > maxRedirect || strings.IndexByte(got, '#') >= 0 || hasUserinfo(got) {
		return false
	}
	host, rest, loopback := splitLoopback(got)
	for _, r := range registered {
		if r == got {
			return true
		}
		if !loopback {
			continue
		}
		if h, p, ok := splitLoopback(r); ok && h == host && p == rest {
			return true
		}
	}
	return false
}

// splitLoopback takes a plain-http loopback URI apart without a URL parser, so that no two readings of it can exist:
// the host, and all that follows the optional port. ok is false for every other URI.
func splitLoopback(uri string) (host, rest string, ok bool) {
	after, ok := strings.CutPrefix(uri, "http://")
	if !ok {
		return "", "", false
	}
	for _, host := range []string{"localhost", "127.0.0.1", "[::1]"} {
		rest, found := strings.CutPrefix(after, host)
		if !found {
			continue
		}
		if port, found := strings.CutPrefix(rest, ":"); found {
			n := 0
			for n < len(port) && port[n] >= '0' && port[n] <= '9' {
				n++
			}
			if n == 0 || n > 5 || port[0] == '0' || n == 5 && port[:n] > "65535" {
				return "", "", false
			}
			rest = port[n:]
		}
		if rest == "" || rest[0] == '/' || rest[0] == '?' {
			return host, rest, true
		}
	}
	return "", "", false
}

// hasUserinfo reports an @ in what some parser might take for the authority.
func hasUserinfo(uri string) bool {
	_, after, found := strings.Cut(uri, "://")
	if !found {
		return false
	}
	if i := strings.IndexAny(after, "/?#"); i >= 0 {
		after = after[:i]
	}
	return strings.IndexByte(after, '@') >= 0
}

// CheckRedirect judges a URI before it is registered: https, or http on a loopback host, or a private-use scheme with a
// dot in it (RFC 8252 section 7.1); absolute, of printable ASCII, without user info, fragment or wildcard.
func CheckRedirect(uri string) error {
	bad := func(why string) error {
		return fault.New(fault.Invalid, CodeInvalidRedirect, "The redirect URI %s.", why)
	}
	if uri == "" || len(uri) > maxRedirect {
		return bad("is empty or over 2,000 bytes")
	}
	for i := 0; i < len(uri); i++ {
		if c := uri[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}*", c) >= 0 {
			return bad("holds a character that a URI cannot, or a wildcard")
		}
	}
	u, err := url.Parse(uri)
	switch {
	case err != nil || !u.IsAbs():
		return bad("is not absolute")
	case strings.IndexByte(uri, '#') >= 0:
		return bad("has a fragment")
	case u.User != nil || hasUserinfo(uri):
		return bad("has user info")
	case u.Scheme == "https" && u.Hostname() != "":
		return nil
	case u.Scheme == "http":
		if _, _, ok := splitLoopback(uri); ok {
			return nil
		}
		return bad("is plain http and not on a loopback host")
	case strings.Contains(u.Scheme, "."):
		return nil
	}
	return bad("has a scheme that is not taken")
}

// AppendQuery adds values to the query of a redirect URI, which keeps what it has (RFC 6749 section 4.1.2).
func AppendQuery(redirect string, values url.Values) string {
	encoded := values.Encode()
	if encoded == "" {
		return redirect
	}
	switch {
	case !strings.Contains(redirect, "?"):
		return redirect + "?" + encoded
	case strings.HasSuffix(redirect, "?") || strings.HasSuffix(redirect, "&"):
		return redirect + encoded
	default:
		return redirect + "&" + encoded
	}
}

// AppendFragment puts values into the fragment of a redirect URI, which has none (RFC 6749 section 4.2.2).
func AppendFragment(redirect string, values url.Values) string {
	return redirect + "#" + values.Encode()
}
