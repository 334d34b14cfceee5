package ui_test

import (
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/twinspan/twinspan/internal/ui"
)

func TestSelectionsAndSections(t *testing.T) {
	t.Parallel()
	w, doc := render(t, ui.Page{Title: "t", Blocks: []ui.Block{
		ui.Selection{
			Action: "/assign", Name: "user", Caption: "Users" + payload, Columns: []string{"Full Name", "Username", "Action"},
			Rows: []ui.Choice{
				{Value: "1", Label: "Ann" + payload, Cells: []ui.Cell{{Text: "ann"}, {Links: []ui.Link{{Text: "Edit", Href: "/1"}, {Text: "View", Href: "/2"}}}}},
				{Value: "2", Label: "Bob", Checked: true, Cells: ui.Row("bob", "")},
			},
			Hidden: []ui.Field{{Name: "do", Value: "add" + payload}}, Submits: []ui.Submit{{Label: "Assign"}, {Label: "Cancel", Secondary: true}},
		},
		ui.Selection{Caption: "None", Empty: "nobody is left"},
		ui.Form{
			Fields: []ui.Field{{Name: "a", Label: "A"}},
			Sections: []ui.Section{{Legend: "Additional Information" + payload, Fields: []ui.Field{
				{Name: "b", Label: "B", Error: "B is wrong."}, {Type: ui.StaticField, Label: "C", Value: "c" + payload, Href: "/c", Hint: "only shown"},
			}}},
			Submits: []ui.Submit{{Label: "Save"}},
		},
	}})
	body := w.Body.String()
	if strings.Contains(body, "<script") {
		t.Error("a text became markup")
	}
	var boxes, checked, labelled int
	walk(doc, func(n *html.Node) {
		if n.Type != html.ElementNode {
			return
		}
		for _, a := range n.Attr {
			if n.Data == "input" && a.Key == "type" && a.Val == "checkbox" {
				boxes++
				if n.Parent.Data == "label" {
					labelled++
				}
			}
			if n.Data == "input" && a.Key == "checked" {
				checked++
			}
		}
	})
	if boxes != 2 || checked != 1 || labelled != 2 {
		t.Errorf("%d boxes, %d checked, %d with labels", boxes, checked, labelled)
	}
	for _, want := range []string{
		`<a href="/1">Edit</a> | <a href="/2">View</a>`, "nobody is left", "<legend>Additional Information", `<a href="/c">c`, "only shown",
		`href="#f1-b"`, `id="f1-b"`, `id="f1-a"`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
}
