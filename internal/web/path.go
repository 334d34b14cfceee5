package web

import (
	"net/http"
	"net/url"
	"strings"
)

// CleanPath returns h behind a filter that tidies the URL path in place: runs of slashes become one, "." and ".."
// segments are resolved, an empty path is "/". It never redirects (crm-wire 0.1, engagement-wire 0.1), it leaves the
// query and percent-encoded bytes alone, and a trailing slash stays for [Mux] to tolerate.
func CleanPath(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if escaped := r.URL.EscapedPath(); !isClean(escaped) {
			r2 := new(http.Request)
			*r2 = *r
			u := *r.URL
			u.RawPath = cleanEscaped(escaped)
			path, err := url.PathUnescape(u.RawPath)
			if err != nil { // EscapedPath gives valid escapes only
				http.Error(w, "Bad Request", http.StatusBadRequest)
				return
			}
			u.Path = path
			r2.URL = &u
			r = r2
		}
		h.ServeHTTP(w, r)
	})
}

// isClean reports whether cleanEscaped would leave path as it is.
func isClean(path string) bool {
	if path == "" || path[0] != '/' {
		return false
	}
	for i := 1; i < len(path); i++ {
		if path[i-1] != '/' {
			continue
		}
		if path[i] == '/' || path[i] == '.' {
			return false // ".hidden" takes the slow way, which leaves it alone
		}
	}
	return true
}

// cleanEscaped tidies an escaped path. Escaped slashes and dots are data, not structure, and stay.
func cleanEscaped(path string) string {
	var out []string
	for seg := range strings.SplitSeq(path, "/") {
		switch seg {
		case "", ".":
		case "..":
			if len(out) > 0 {
				out = out[:len(out)-1]
			}
		default:
			out = append(out, seg)
		}
	}
	clean := "/" + strings.Join(out, "/")
	if len(out) > 0 && strings.HasSuffix(path, "/") {
		clean += "/"
	}
	return clean
}
