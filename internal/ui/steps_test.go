package ui_test

import (
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/twinspan/twinspan/internal/ui"
)

// TestSteps: a step says its state in words, the next one is marked, a warning stands above what it warns of, and nothing
// breaks out.
func TestSteps(t *testing.T) {
	t.Parallel()
	w, doc := render(t, ui.Page{Title: "Guide", Blocks: []ui.Block{ui.Steps{
		{ID: "a" + payload, Number: "1", Text: "Click Setup" + payload, State: ui.StepDone, Word: "done", Who: "admin" + payload, Href: "javascript:alert(1)", Link: "Setup" + payload, Command: "twinspan " + payload},
		{Text: "Log out", State: ui.StepUnknown, Word: "not visible", Warning: "First log out" + payload, Details: ui.Definitions{{Name: "Because" + payload, Value: "no API" + payload}}, Current: true},
		{Text: "Bare"},
	}}})
	if strings.Contains(w.Body.String(), "<script>alert") || strings.Contains(w.Body.String(), `href="javascript`) {
		t.Errorf("a text broke out: %s", w.Body)
	}
	var items, current, notes int
	walk(doc, func(n *html.Node) {
		if n.Type != html.ElementNode {
			return
		}
		for _, a := range n.Attr {
			if a.Key == "aria-current" && a.Val == "step" {
				current++
			}
			if a.Key == "role" && a.Val == "note" {
				notes++
			}
		}
		if n.Data == "li" {
			items++
		}
	})
	if items != 3 || current != 1 || notes != 1 {
		t.Errorf("%d items, %d current, %d notes", items, current, notes)
	}
	body := w.Body.String()
	for _, want := range []string{"<strong>done:</strong> 1. Click Setup", "<strong>not visible:</strong> Log out", "<dt>Whose</dt>", "<code>twinspan "} {
		if !strings.Contains(body, want) {
			t.Errorf("the page has no %s", want)
		}
	}
	if at := strings.Index(body, "First log out"); at < 0 || at > strings.Index(body, "Log out<") && strings.Contains(body, "Log out<") {
		t.Error("the warning does not stand above its step")
	}
}
