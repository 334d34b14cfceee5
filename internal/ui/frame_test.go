package ui_test

import (
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/twinspan/twinspan/internal/ui"
)

func TestFrame(t *testing.T) {
	t.Parallel()
	w, doc := render(t, ui.Page{
		Title: "Users", Brand: "Org", User: "Ann" + payload,
		Frame: ui.Frame{
			Where: "Acme" + payload, Menu: []ui.Link{{Text: "Home" + payload, Href: "/"}, {Text: "Marketing Cloud", Href: "/mc"}}, Gear: ui.Link{Text: "Setup", Href: "/setup"},
			SignOut: ui.Form{Action: "/out", Submits: []ui.Submit{{Label: "Log out", Secondary: true}}}, Find: ui.Find{Action: "/find", Value: "x" + payload}, Current: "/users",
			Tree: ui.Tree{Label: "Setup" + payload, Nodes: []ui.Node{
				{Text: "Administer" + payload, Nodes: []ui.Node{{Text: "Manage Users", Nodes: []ui.Node{{Text: "Users", Href: "/users"}, {Text: "Permission Sets", Href: "/ps"}}}}},
				{Text: "Build", Nodes: []ui.Node{{Text: "Layouts", Href: "/layouts"}}},
			}},
		},
		Blocks: []ui.Block{
			ui.Tabs{Label: "Views", Current: "/b", Items: []ui.Link{{Text: "A" + payload, Href: "/a"}, {Text: "B", Href: "/b"}}},
			ui.Actions{{Text: "New" + payload, Href: "javascript:alert(1)"}},
			ui.Pagination{Label: "Users", Text: "1 to 50" + payload, Next: "?after=x"},
			ui.Index{Label: "Users by letter", Items: []ui.Link{{Text: "A", Href: "?letter=A"}}},
		},
	})
	open := map[string]bool{}
	var current []string
	walk(doc, func(n *html.Node) {
		if n.Type != html.ElementNode {
			return
		}
		switch _, is := attr(n, "aria-current"); {
		case n.Data == "script":
			t.Error("a text became markup")
		case n.Data == "details":
			_, is := attr(n, "open")
			open[n.FirstChild.FirstChild.Data] = is
		case n.Data == "a" && is:
			href, _ := attr(n, "href")
			current = append(current, href)
		}
		if href, _ := attr(n, "href"); strings.HasPrefix(href, "javascript:") {
			t.Error("a script address got onto the page")
		}
	})
	if !open["Administer"+payload] || !open["Manage Users"] || open["Build"] {
		t.Errorf("unfolded: %v, want what is around the page that is shown", open)
	}
	if got := strings.Join(current, " "); got != "/b /users" {
		t.Errorf("shown as current: %s", got)
	}
	body := w.Body.String()
	for _, want := range []string{"Log out", `name="q"`, "Quick Find", `rel="next"`, `<span aria-disabled="true">Previous</span>`, "Signed in as Ann", `<nav aria-label="Users by letter"><ul`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
}

func TestTheTreeOfOnePageIsNotAnothers(t *testing.T) {
	t.Parallel()
	frame := ui.Frame{Current: "/a", Tree: ui.Tree{Nodes: []ui.Node{{Text: "F", Nodes: []ui.Node{{Text: "A", Href: "/a"}}}}}}
	render(t, ui.Page{Title: "A", Frame: frame})
	if n := frame.Tree.Nodes[0]; n.Open || n.Nodes[0].Current {
		t.Error("rendering changed the tree that was given")
	}
}
