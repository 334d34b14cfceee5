package link_test

import (
	"testing"

	"github.com/twinspan/twinspan/connect/internal/link"
)

// TestTyped: beside real clouds a command of the org names its address, and one that only the built-in tenant takes is none.
func TestTyped(t *testing.T) {
	t.Parallel()
	var own, ours link.Link
	own.Standing, own.CRMURL, ours.Standing = link.OwnLink, "https://acme.my.salesforce.com", link.Embedded
	for _, one := range []struct {
		l             link.Link
		command, want string
	}{
		{own, "twinspan org permset assign Set olga", "twinspan org permset assign Set olga --org-url https://acme.my.salesforce.com"},
		{own, "twinspan package install", "twinspan package install --org-url https://acme.my.salesforce.com"},
		{own, "twinspan tenant user update ann --unlock", ""},
		{own, "twinspan connect --plan", "twinspan connect --plan"},
		{own, "", ""},
		{ours, "twinspan org user list", "twinspan org user list"},
		{ours, "twinspan tenant user list", "twinspan tenant user list"},
	} {
		if got := one.l.Typed(one.command); got != one.want {
			t.Errorf("%s: %q is typed %q, want %q", one.l.Standing, one.command, got, one.want)
		}
	}
}
