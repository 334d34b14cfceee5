package ui_test

import (
	"encoding/json"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/twinspan/twinspan/internal/ui"
)

// Text as it came stays what it was, lines and all, and is no markup.
func TestSource(t *testing.T) {
	t.Parallel()
	text := "\n  first\n\tsecond </pre><script>alert(1)</script>"
	_, doc := render(t, ui.Page{Title: "x", Blocks: []ui.Block{
		ui.Source{Label: "Text" + payload, Text: text}, ui.Source{Label: "Headers", Text: "a: b", Folded: true}, ui.Source{Label: "Body", Empty: "none came"},
	}})
	var shown []string
	folded := 0
	walk(doc, func(n *html.Node) {
		switch {
		case n.Type == html.ElementNode && n.Data == "pre":
			shown = append(shown, n.FirstChild.Data)
			if focus, _ := attr(n, "tabindex"); focus != "0" {
				t.Error("who has no mouse cannot scroll it")
			}
		case n.Type == html.ElementNode && n.Data == "details":
			folded++
		case n.Type == html.ElementNode && n.Data == "script":
			t.Error("a text became markup")
		}
	})
	if len(shown) != 2 || shown[0] != text || folded != 1 {
		t.Errorf("%d folded, shown %q", folded, shown)
	}
}

// A table that goes on by script says so to the script, and has its rows without.
func TestFeed(t *testing.T) {
	t.Parallel()
	row := ui.FeedRow{Cells: []ui.FeedCell{{Text: "GET /a" + payload, Href: "/requests/1"}, {Text: "500", Badge: ui.BadgeBad}}}
	w, doc := render(t, ui.Page{Title: "x", Blocks: []ui.Block{ui.Feed{Table: ui.Table{Caption: "Requests", Columns: []string{"Request", "Status"}, Rows: [][]ui.Cell{row.Row()}}, Live: "/events?house=crm"}}})
	live, rows := "", 0
	walk(doc, func(n *html.Node) {
		if v, ok := attr(n, "data-feed"); ok {
			live = v
		}
		if n.Type == html.ElementNode && n.Data == "td" {
			rows++
		}
	})
	if live != "/events?house=crm" || rows != 1 || strings.Count(w.Body.String(), "<script") != 1 || !strings.Contains(w.Header().Get("Content-Security-Policy"), "connect-src 'self'") {
		t.Errorf("events at %q, %d rows, policy %s\n%s", live, rows, w.Header().Get("Content-Security-Policy"), w.Body)
	}
	if text, err := json.Marshal(row); err != nil || !strings.Contains(string(text), `"href":"/requests/1"`) {
		t.Errorf("%s, %v", text, err)
	}
	w, _ = render(t, ui.Page{Title: "x", Blocks: []ui.Block{ui.Feed{Table: ui.Table{Columns: []string{"a"}, Empty: "none came"}}}})
	if strings.Contains(w.Body.String(), "<script") || !strings.Contains(w.Body.String(), "none came") {
		t.Errorf("a table that does not move: %s", w.Body)
	}
}
