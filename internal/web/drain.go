package web

import (
	"io"
	"net/http"
)

// maxDrain is how much of a body that nobody read is taken off the wire, in bytes.
const maxDrain = 8 << 20

// drain returns h so that a request refused before its body was read is still heard. Many clients write all of a body
// before they read; a connection that closes on them meanwhile is reset, and the 413 or 415 that was sent is lost with
// it. net/http takes 256 KB of such a body; this takes what an honest mistake has, within the time to read a request.
func drain(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := r.Body
		h.ServeHTTP(w, r)
		// Who waits for "100 Continue" has sent no body, and reading would ask him for it.
		if body == nil || body == http.NoBody || r.Header.Get("Expect") != "" {
			return
		}
		_, _ = io.CopyN(io.Discard, body, maxDrain) // the answer stands; whether its reader still writes is his affair
	})
}
