package upgrade

import "strings"

// unapproved stands in what Connect Account reads where the org wants the system user himself to allow the connected app.
const unapproved = "hasn't approved the connected app"

// NeedsAllow reports whether the upgrade waits for the system user to log in to the org and allow the connected app
// (document 003, steps 7 and 8).
func (u Upgrade) NeedsAllow() bool {
	w := u.Waiting
	return w != nil && w.Step == ConnectAccount && !w.Undoing && strings.Contains(w.Have, unapproved)
}
