package connect_test

import (
	"net/url"
	"strings"
	"testing"
)

// TestConsoleSendsAndOutage: a send asked for on a page goes out once, and waits while an outage is open, which counts down
// and is ended by a button.
func TestConsoleSendsAndOutage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	w.mapped(t)
	a := w.admin(t)
	a.wants(a.open("/console/sends"), 200, "nothing was sent yet")
	a.wants(a.open("/console/triggers"), 200, "there is none")
	outage := a.wants(a.open("/console/outage"), 200, "the connection is available")
	bad := a.wants(a.press(outage, "Open the outage", url.Values{"minutes": {"9999999"}, "reason": {"the upgrade"}}), 400, "An outage lasts from 1 to 4320 minutes.")
	if got := field(t, bad, "reason"); got != "the upgrade" {
		t.Errorf("typed was %q", got)
	}
	outage = a.wants(a.press(bad, "Open the outage", url.Values{"minutes": {"120"}}), 200, "The connection is unavailable", "The outage ends", "left", "the upgrade")

	form := a.open("/console/sends/new")
	bad = a.wants(a.press(form, "Send", url.Values{"ids": {"nonsense"}, "definition_key": {"welcome"}, "as": {ann.Username}}), 400, "There is a problem")
	if got := field(t, bad, "definition_key"); got != "welcome" {
		t.Errorf("typed was %q", got)
	}
	values := url.Values{"ids": {contact}, "definition_key": {"welcome"}, "as": {ann.Username}}
	held := a.wants(a.press(form, "Send", values), 200, "Send of welcome", "State held", "ann@org.example")
	if again := a.press(form, "Send", values); again.URL.Path != held.URL.Path {
		t.Errorf("the form sent twice makes %s and %s", held.URL, again.URL)
	}
	a.wants(a.press(held, "Cancel the send", nil), 200, "State cancelled")
	a.wants(a.press(outage, "End the outage", nil), 200, "the connection is available")
	if list := a.open("/console/sends"); strings.Count(list.Text, "welcome") != 1 {
		t.Errorf("the list has %s", list.Text)
	}
}
