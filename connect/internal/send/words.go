package send

import (
	"fmt"

	"github.com/twinspan/twinspan/internal/client"
)

// noReference is the tenant's code for a request that names a thing which is not there (engagement-wire 4).
const noReference = "30003"

// Words are code and text of a cloud's refusal; ok is false where err is none. definition is the one by which a message was to go
// out, "" for a refusal of something else. The cloud's own text stands first; Engagement does not say which definition it did
// not find, so that this follows, and what to do.
func Words(err error, definition string) (code, reason string, ok bool) {
	r := client.Remote(err)
	if r == nil || r.Code == "" {
		return "", "", false
	}
	if r.Code != noReference || definition == "" {
		return r.Code, r.Description, true
	}
	return r.Code, fmt.Sprintf("%s It was looked for by the external key %q in the sender's business unit: send by another (`--definition KEY`), or make it in Engagement; "+
		"in the built-in one by `twinspan tenant definition create %s --email KEY`.", r.Description, definition, definition), true
}
