package metadata

import (
	"context"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/soap"
)

const typeLayout = "Layout"

// layouts is the type Layout: the page layout of users.
func (s *Server) layouts() componentType {
	return componentType{
		name: typeLayout, folder: "layouts", suffix: "layout",
		list: func(ctx context.Context, session org.Session) ([]fileProperties, error) {
			names, err := s.Layouts.List(session)
			if err != nil {
				return nil, err
			}
			var out []fileProperties
			for _, n := range names {
				l, err := s.Layouts.Find(ctx, session, n)
				if err != nil {
					return nil, err
				}
				out = append(out, fileProperties{Stamp: l.Stamp, name: n})
			}
			return out, nil
		},
		read: func(ctx context.Context, session org.Session, name string) (func(*soap.Writer), error) {
			l, err := s.Layouts.Find(ctx, session, name)
			return func(x *soap.Writer) { writeLayout(x, l) }, err
		},
		save: func(c *call, name string, verb org.Verb, e *soap.Element) (org.Work, error) {
			sections, err := readLayout(e)
			return func(tx org.SetupTx) (org.Saved, error) { return s.Layouts.SaveIn(tx, c.session, name, verb, sections) }, err
		},
	}
}

func writeLayout(x *soap.Writer, l org.Layout) {
	flag := func(name string, v bool) { x.Text(name, strconv.FormatBool(v)) }
	x.Text("fullName", org.UserLayout)
	for _, section := range l.Sections {
		x.Open("layoutSections")
		flag("customLabel", section.CustomLabel)
		flag("detailHeading", section.DetailHeading)
		flag("editHeading", section.EditHeading)
		x.Text("label", section.Label)
		for _, column := range section.Columns {
			x.Open("layoutColumns")
			for _, item := range column {
				x.Open("layoutItems")
				x.Text("behavior", item.Behavior)
				x.Text("field", item.Field)
				x.Close()
			}
			x.Close()
		}
		x.Text("style", section.Style)
		x.Close()
	}
	for _, name := range layoutSwitches {
		flag(name, false)
	}
}

// layoutSwitches are what a layout says beside its fields; no page here has any of it, so each is off.
var layoutSwitches = []string{"showEmailCheckbox", "showHighlightsPanel", "showInteractionLogPanel", "showRunAssignmentRulesCheckbox", "showSubmitAndAttachButton"}

// readLayout reads the sections of a Layout; nil where it names none.
func readLayout(e *soap.Element) ([]org.LayoutSection, error) {
	var r reader
	var out []org.LayoutSection
	r.once(e, "layoutSections")
	for _, el := range e.Children {
		switch el.Local {
		case "fullName":
		case "layoutSections":
			out = append(out, r.section(el))
		case "showEmailCheckbox", "showHighlightsPanel", "showInteractionLogPanel", "showRunAssignmentRulesCheckbox", "showSubmitAndAttachButton":
			if *r.flag(el) {
				r.unknown(typeLayout, el.Local)
			}
		default:
			r.unknown(typeLayout, el.Local)
		}
	}
	return out, r.err
}

func (r *reader) section(e *soap.Element) org.LayoutSection {
	out := org.LayoutSection{Style: "TwoColumnsTopToBottom", Columns: [][]org.LayoutItem{}}
	r.once(e, "layoutColumns")
	for _, el := range e.Children {
		switch el.Local {
		case "label":
			out.Label = strings.TrimSpace(el.Text)
		case "customLabel":
			out.CustomLabel = *r.flag(el)
		case "detailHeading":
			out.DetailHeading = *r.flag(el)
		case "editHeading":
			out.EditHeading = *r.flag(el)
		case "style":
			out.Style = strings.TrimSpace(el.Text)
		case "layoutColumns":
			column := []org.LayoutItem{}
			for _, item := range el.Children {
				if item.Local != "layoutItems" {
					r.unknown(typeLayout, "layoutColumns."+item.Local)
					continue
				}
				if one, ok := r.item(item); ok {
					column = append(column, one)
				}
			}
			out.Columns = append(out.Columns, column)
		default:
			r.unknown(typeLayout, "layoutSections."+el.Local)
		}
	}
	return out
}

// item reads one field of a column; false for a blank space.
func (r *reader) item(e *soap.Element) (org.LayoutItem, bool) {
	out := org.LayoutItem{Behavior: "Edit"}
	r.once(e)
	for _, el := range e.Children {
		switch el.Local {
		case "field":
			out.Field = strings.TrimSpace(el.Text)
		case "behavior":
			out.Behavior = strings.TrimSpace(el.Text)
		case "emptySpace":
			return out, !*r.flag(el)
		default:
			r.unknown(typeLayout, "layoutItems."+el.Local)
		}
	}
	return out, true
}
