package crm

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/soap"
)

// Layout is a page layout as the Metadata API gives it.
type Layout struct {
	FullName string // "User-User Layout"
	Sections []LayoutSection

	tree *soap.Element
}

// LayoutSection is a part of a page layout.
type LayoutSection struct {
	Label  string   // "Additional Information"
	Fields []string // API names
}

// Shows tells the section on which a field stands; "" where the layout hides it.
func (l Layout) Shows(field string) string {
	for _, s := range l.Sections {
		if slices.ContainsFunc(s.Fields, func(f string) bool { return strings.EqualFold(f, field) }) {
			return s.Label
		}
	}
	return ""
}

// ReadLayout reads a page layout; one that is not there is a NotFound fault.
func (s *Session) ReadLayout(ctx context.Context, fullName string) (Layout, error) {
	op, err := s.metadata(ctx, "readMetadata", func(w *soap.Writer) {
		w.Text("type", "Layout")
		w.Text("fullNames", fullName)
	})
	if err != nil {
		return Layout{}, err
	}
	e := op.Find("result", "records")
	if e == nil || e.Value("fullName") == "" {
		return Layout{}, s.c.call.Refusal(http.StatusNotFound, "not_found", "there is no page layout "+client.Clip(fullName, 80))
	}
	l := Layout{FullName: e.Value("fullName"), tree: e}
	for _, section := range e.All("layoutSections") {
		one := LayoutSection{Label: section.Value("label")}
		for _, column := range section.All("layoutColumns") {
			for _, item := range column.All("layoutItems") {
				if field := item.Value("field"); field != "" {
					one.Fields = append(one.Fields, field)
				}
			}
		}
		l.Sections = append(l.Sections, one)
	}
	return l, nil
}

// PutOnLayout puts a field into a section of a layout that was read, and writes it. A field that is on it stays where it
// is, and nothing is written.
func (s *Session) PutOnLayout(ctx context.Context, l Layout, section, field string) error {
	if l.tree == nil {
		return s.c.call.Refusal(http.StatusBadRequest, "NOT_READ", "read the page layout before updating it")
	}
	if l.Shows(field) != "" {
		return nil
	}
	tree := clone(l.tree)
	i := slices.IndexFunc(tree.Children, func(e *soap.Element) bool {
		return e.Local == "layoutSections" && strings.EqualFold(e.Value("label"), section) && e.Find("layoutColumns") != nil
	})
	if i < 0 {
		return s.c.call.Refusal(http.StatusNotFound, "not_found", "the page layout has no section "+client.Clip(section, 80))
	}
	column := tree.Children[i].Find("layoutColumns")
	item := &soap.Element{Space: tree.Space, Local: "layoutItems", Children: []*soap.Element{
		{Space: tree.Space, Local: "behavior", Text: "Edit"}, {Space: tree.Space, Local: "field", Text: field},
	}}
	column.Children = slices.Insert(column.Children, 0, item)
	return s.updateMetadata(ctx, "Layout", tree)
}
