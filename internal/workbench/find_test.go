package workbench_test

import "testing"

// TestQuickFind finds pages by their names, by what is done there and in spite of a slip, and none that the visitor may not open.
func TestQuickFind(t *testing.T) {
	t.Parallel()
	b := signedIn(t)
	b.Open("/workbench").Fill("Quick Find", "letters").Press("Find").Click("Inbox").Sees("Search letters")
	b.Fill("Quick Find", "fautls").Press("Find").Sees("Pages for “fautls”").SeesNot("No page")
	if b.Value("Quick Find") != "fautls" {
		t.Errorf("%q stays", b.Value("Quick Find"))
	}
	pair := newBench(t)
	pair.Open("/workbench/clock").Fill("Control token", pairToken).Press("Sign in")
	pair.Fill("Quick Find", "inbox").Press("Find").SeesNot("Inbox")
	pair.Fill("Quick Find", "advance").Press("Find").Sees("Clock")
}
