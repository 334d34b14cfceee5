package ui_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/twinspan/twinspan/internal/ui"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func TestBlocks(t *testing.T) {
	t.Parallel()
	w, doc := render(t, ui.Page{Title: "x", Actions: ui.Actions{{Text: "New" + payload, Href: "/new"}}, Blocks: []ui.Block{
		ui.Badges{{Text: "fine" + payload, Kind: ui.BadgeGood}},
		ui.Table{Columns: []string{"a", "b"}, Rows: [][]ui.Cell{{{Text: "u"}, {Text: "Broken" + payload, Badge: ui.BadgeBad}}}},
		ui.Confirm{
			Action: "/save", Texts: []string{"Sure?" + payload}, LoseTitle: "They lose access" + payload, Lose: []string{"ann" + payload}, Hidden: []ui.Field{{Name: "n", Value: "v" + payload}},
			Submits: []ui.Submit{{Label: "OK", Danger: true}}, Cancel: ui.Link{Text: "Cancel", Href: "/back"},
		},
		ui.Countdown{Label: "Outage" + payload, Now: noon, Until: noon.Add(90 * time.Minute), After: "Over" + payload, Hint: "h" + payload},
		ui.Progress{Label: "Upgrade" + payload, Done: 42, Total: 100, Text: "42" + payload, Live: "/e?x=" + payload, Reload: "javascript:alert(1)"},
		ui.Chart{Title: "API usage" + payload, By: "Hour" + payload, Unit: "Requests", Points: []ui.Point{{Label: "01" + payload, Value: 5}, {Label: "02", Value: 1500}}, Limit: 15000, Of: "limit" + payload},
		ui.Form{Inline: true, Fields: []ui.Field{
			{Type: ui.TextareaField, Name: "t", Label: "Text", Value: "</textarea>" + payload, Error: "Too long.", MaxLength: 10},
			{Type: ui.RadioField, Name: "r", Label: "Radio" + payload, Value: "2", Error: "Choose.", Options: []ui.Option{{Value: "1", Label: "One" + payload}, {Value: "2", Label: "Two"}}},
			{Type: ui.CheckboxesField, Name: "c", Label: "Boxes", Options: []ui.Option{{Name: "c1", Value: "1", Label: "One", Checked: true}, {Name: "c2", Value: "1", Label: "Two"}}},
			{Type: ui.DateTimeField, Name: "d", Label: "When", Value: "2026-11-22T12:00"},
		}},
	}})
	body := w.Body.String()
	ids := map[string]bool{}
	names := map[string]string{}
	walk(doc, func(n *html.Node) {
		if n.Type != html.ElementNode {
			return
		}
		if id, ok := attr(n, "id"); ok {
			if ids[id] {
				t.Errorf("id %q twice", id)
			}
			ids[id] = true
		}
		for _, a := range n.Attr {
			if a.Key == "style" || strings.HasPrefix(a.Key, "on") || a.Key == "href" && strings.HasPrefix(a.Val, "javascript:") {
				t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
			}
			if a.Key == "checked" {
				name, _ := attr(n, "name")
				value, _ := attr(n, "value")
				names[name] = value
			}
		}
	})
	if strings.Count(body, "<script") != 1 {
		t.Error("a text became markup")
	}
	if len(names) != 2 || names["r"] != "2" || names["c1"] != "1" {
		t.Errorf("checked: %v", names)
	}
	for _, want := range []string{
		"1 hour, 30 minutes left", `datetime="2026-11-22T13:30:00Z"`, "22 November 2026, 13:30 UTC", `data-left="5400"`, `aria-valuenow="42"`, `<rect width="42"`, "15,000", `role="radiogroup"`,
		`href="#f1-r"`, `href="#f1-t"`, `type="datetime-local"`, `class="slds-badge bad"`, `slds-button_destructive`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	for _, id := range []string{"f1-r", "f1-t"} {
		if !ids[id] {
			t.Errorf("an error leads to %s, which is not there", id)
		}
	}
}

func TestCountdownsSayWhatIsLeft(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		left time.Duration
		want string
	}{
		{14 * 24 * time.Hour, "14 days left"},
		{24*time.Hour + time.Hour + time.Minute, "1 day, 1 hour left"},
		{2 * time.Hour, "2 hours left"},
		{61 * time.Second, "1 minute, 1 second left"},
		{30*time.Second + 900*time.Millisecond, "30 seconds left"},
		{0, "Over"},
		{-time.Hour, "Over"},
	} {
		if got := (ui.Countdown{Now: noon, Until: noon.Add(c.left)}).Left(); got != c.want {
			t.Errorf("%v: %q, want %q", c.left, got, c.want)
		}
	}
}

func TestProgressIsNeverAheadOfItself(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ done, total, want int64 }{{0, 0, 0}, {5, 0, 0}, {999, 1000, 99}, {1000, 1000, 100}, {7, 3, 100}, {-1, 3, 0}} {
		if got := (ui.Progress{Done: c.done, Total: c.total}).Percent(); got != c.want {
			t.Errorf("%d of %d: %d, want %d", c.done, c.total, got, c.want)
		}
	}
}

func TestChartsOfAnyNumbers(t *testing.T) {
	t.Parallel()
	for _, points := range [][]ui.Point{nil, {{"a", 0}}, {{"a", -5}, {"b", 3}}, {{"a", math.MaxInt64}}, make([]ui.Point, 168)} {
		w, _ := render(t, ui.Page{Title: "x", Blocks: []ui.Block{ui.Chart{Title: "c", Points: points}}})
		if body := w.Body.String(); strings.Contains(body, "NaN") || strings.Contains(body, "Inf") || strings.Contains(body, `height="-`) {
			t.Errorf("%d points: %s", len(points), body)
		}
	}
}

// TestChartsAreToScale reads the bars as they are drawn: half of the axis's end is half as high, nothing is no bar, the limit's line
// is where its number belongs; and whoever does not see them has the same numbers in a table.
func TestChartsAreToScale(t *testing.T) {
	t.Parallel()
	_, doc := render(t, ui.Page{Title: "x", Blocks: []ui.Block{ui.Chart{
		Title: "Last 24 hours", By: "Hour", Unit: "API requests", Limit: 15, Of: "the org's limit",
		Points: []ui.Point{{Label: "09:00", Value: 20}, {Label: "10:00", Value: 0}, {Label: "11:00", Value: 10}, {Label: "12:00", Value: 5}},
	}}})
	var heights, feet, labels, cells []string
	var limit, hidden string
	walk(doc, func(n *html.Node) {
		attrs := map[string]string{}
		for _, a := range n.Attr {
			attrs[a.Key] = a.Val
		}
		switch {
		case n.Data == "svg":
			hidden = attrs["aria-hidden"]
		case n.Data == "rect":
			heights, feet = append(heights, attrs["height"]), append(feet, attrs["y"])
		case n.Data == "line" && attrs["class"] == "limit":
			limit = attrs["y1"]
		case n.Data == "text" && attrs["text-anchor"] == "middle":
			labels = append(labels, n.FirstChild.Data)
		case (n.Data == "th" && attrs["scope"] == "row" || n.Data == "td") && n.FirstChild != nil:
			cells = append(cells, n.FirstChild.Data)
		}
	})
	for what, c := range map[string]struct {
		got  []string
		want string
	}{
		"heights":    {heights, "186.0 0.0 93.0 46.5"}, // of 186, which are 20
		"upper ends": {feet, "10.0 196.0 103.0 149.5"},
		"the limit":  {[]string{limit}, "56"},
		"labels":     {labels, "09:00 10:00 11:00 12:00"},
		"the table":  {cells, "09:00 20 10:00 0 11:00 10 12:00 5"},
		"hidden":     {[]string{hidden}, "true"},
	} {
		if got := strings.Join(c.got, " "); got != c.want {
			t.Errorf("%s: %q, want %q", what, got, c.want)
		}
	}
}
