package web

import (
	"net/http"
	"strings"

	"github.com/twinspan/twinspan/internal/fault"
)

// SecurityHeaders returns h with the headers that fit every answer of every house: no sniffing of content types, no
// Referer to anybody.
func SecurityHeaders(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secure(w.Header())
		h.ServeHTTP(w, r)
	})
}

func secure(h http.Header) {
	h["X-Content-Type-Options"] = nosniff
	h["Referrer-Policy"] = noReferrer
}

// Shared header values; http.Header.Set on the same key makes a new slice, so nobody writes into these.
var (
	nosniff    = []string{"nosniff"}
	noReferrer = []string{"no-referrer"}
)

// NoStore marks an answer that carries tokens, codes or session data: no cache may keep it (RFC 6749 section 5.1,
// values as in crm-wire 1.4).
func NoStore(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-cache, no-store")
	w.Header().Set("Pragma", "no-cache")
}

// PagePolicy is the content security policy of one HTML page. The zero value allows one thing only: forms that post to
// the page's own origin.
type PagePolicy struct {
	// StyleSources are CSP sources of style sheets: "'self'" or a hash "'sha256-…'".
	StyleSources []string
	// Script is the CSP source of the page's script, and lets it read from the page's own origin; "" for no script.
	Script string
	// FormAction are further CSP sources that a form's answer may lead to. Browsers apply form-action to the redirects
	// that follow a form post too, so a login or consent page names the origin of the client's redirect URI here; make
	// it with [CSPSource].
	FormAction []string
	// FrameAncestors are the origins that may frame the page; none where empty.
	FrameAncestors []string
}

// PageHeaders sets the headers of an HTML page that shows personal or session data: the policy, no caching, no framing
// except by the ancestors allowed, no opener.
func PageHeaders(w http.ResponseWriter, p PagePolicy) {
	var b strings.Builder
	b.WriteString("default-src 'none'; base-uri 'none'; img-src 'self' data:")
	if len(p.StyleSources) > 0 {
		b.WriteString("; style-src " + strings.Join(p.StyleSources, " "))
	}
	if p.Script != "" {
		b.WriteString("; script-src " + p.Script + "; connect-src 'self'")
	}
	b.WriteString("; form-action 'self'")
	for _, s := range p.FormAction {
		b.WriteString(" " + s)
	}
	h := w.Header()
	if len(p.FrameAncestors) == 0 {
		b.WriteString("; frame-ancestors 'none'")
		h.Set("X-Frame-Options", "DENY")
	} else {
		b.WriteString("; frame-ancestors " + strings.Join(p.FrameAncestors, " "))
	}
	secure(h)
	h.Set("Content-Security-Policy", b.String())
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
}

// CSPSource gives the content-security-policy source of a URI's origin: "https://host:port", "http://localhost:1717",
// or "scheme:" for a private-use scheme. A URI whose origin cannot stand in a policy is an Invalid fault.
func CSPSource(uri string) (string, error) {
	bad := func() (string, error) {
		return "", fault.New(fault.Invalid, "malformed_uri", "The URI has no origin that a page policy can name.")
	}
	scheme, rest, ok := strings.Cut(uri, ":")
	if !ok || scheme == "" || strings.ContainsFunc(scheme, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("+-.", c)
	}) {
		return bad()
	}
	scheme = strings.ToLower(scheme)
	if scheme != "http" && scheme != "https" {
		return scheme + ":", nil
	}
	rest, ok = strings.CutPrefix(rest, "//")
	if !ok {
		return bad()
	}
	host := rest
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		host = rest[:i]
	}
	if host == "" || strings.ContainsFunc(host, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("-._:[]", c)
	}) {
		return bad()
	}
	return scheme + "://" + host, nil
}

// ProtectForms returns h, a handler of pages that know their visitor by a cookie, behind the cross-origin check of
// net/http: an unsafe method sent by another site's page is answered by denied and never reaches h. Clients that send
// neither Sec-Fetch-Site nor Origin pass, for they carry no cookie of a browser. GET and HEAD pass always, so they must
// not change state. APIs that are called with tokens stay outside.
func ProtectForms(h, denied http.Handler) http.Handler {
	guard := http.NewCrossOriginProtection()
	if denied != nil {
		guard.SetDenyHandler(denied)
	}
	return guard.Handler(h)
}

// Warning is the value of a Warning header with a text for whoever made the request. RFC 9111 section 5.5 has retired
// the header, and clients show it all the same.
func Warning(text string) string {
	return `299 - "` + strings.Map(func(r rune) rune {
		switch {
		case r == '"' || r == '\\':
			return '\''
		case r < ' ' || r > '~':
			return '?'
		}
		return r
	}, text) + `"`
}
