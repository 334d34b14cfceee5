package setup

import (
	"slices"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
)

var nodeLayouts = node{
	Path: below("page-layouts"), Label: "Page Layouts", Classic: []string{"Build", "Customize", "Users"}, Lightning: []string{"Object Manager", "User"},
	Words: []string{"User Layout", tokenLabel, "OAuth Token", "ExactTarget"}, Need: viewer,
}

// changeLayouts is what saving a layout takes.
var changeLayouts = org.Need{{org.PermCustomizeApplication}, {org.PermModifyAllData, org.PermModifyMetadata}}

// Fields of the form of a layout, and what its buttons do.
const (
	fieldState   = "state"   // what is where, before it is saved
	fieldPicked  = "field"   // the field that a button is about
	fieldSection = "section" // number of the section that it goes to
	fieldBefore  = "before"  // the field that it comes before; "" for the end

	doMove   = "move"
	doUp     = "up"
	doDown   = "down"
	doRemove = "remove"
)

func (s *Server) mountLayouts(on func(node) routes) {
	layouts := on(nodeLayouts)
	layouts.get("", viewer, func(v *visit) {
		v.show(nodeLayouts.Label, nil, ui.Table{Caption: "User Page Layouts", Columns: []string{"Page Layout Name", "Action"}, Rows: [][]ui.Cell{
			{{Text: "User Layout"}, {Links: []ui.Link{{Text: "Edit", Href: nodeLayouts.Path + "/user-layout"}}}},
		}})
	})
	layouts.get("/user-layout", changeLayouts, func(v *visit) {
		if l, err := v.s.Layouts.OfPages(v.ctx(), v.Session); err != nil {
			v.fail(err)
		} else {
			showLayout(v, l, "", nil)
		}
	})
	layouts.post("/user-layout", changeLayouts, changeLayout)
}

// stateOf writes which fields are in which column of which section: "FirstName,LastName|ProfileId;Street|Country".
func stateOf(l org.Layout) string {
	sections := make([]string, len(l.Sections))
	for i, s := range l.Sections {
		columns := make([]string, len(s.Columns))
		for j, c := range s.Columns {
			names := make([]string, len(c))
			for k, item := range c {
				names[k] = item.Field
			}
			columns[j] = strings.Join(names, ",")
		}
		sections[i] = strings.Join(columns, "|")
	}
	return strings.Join(sections, ";")
}

// arranged is the layout with its fields where the state says. Its sections stay as they are; one that another administrator
// changed meanwhile no longer fits.
func arranged(l org.Layout, state string, o *org.Object) (org.Layout, error) {
	stale := fault.New(fault.Conflict, "layout_changed", "The layout was changed meanwhile. Start again.")
	items := map[string]org.LayoutItem{}
	for _, s := range l.Sections {
		for _, c := range s.Columns {
			for _, item := range c {
				items[item.Field] = item
			}
		}
	}
	sections := strings.Split(state, ";")
	if len(sections) != len(l.Sections) {
		return l, stale
	}
	out := org.Layout{Sections: slices.Clone(l.Sections)}
	for i, text := range sections {
		columns := strings.Split(text, "|")
		if len(columns) != len(l.Sections[i].Columns) && (len(columns) != 1 || columns[0] != "") {
			return l, stale
		}
		out.Sections[i].Columns = make([][]org.LayoutItem, len(l.Sections[i].Columns))
		for j := range out.Sections[i].Columns {
			out.Sections[i].Columns[j] = []org.LayoutItem{}
			for name := range strings.SplitSeq(columns[j], ",") {
				if name == "" {
					continue
				}
				f := o.Field(name)
				if f == nil {
					return l, stale
				}
				item, ok := items[f.Name]
				if !ok {
					item = org.LayoutItem{Field: f.Name, Behavior: "Edit"}
					if !f.Updateable {
						item.Behavior = "Readonly"
					}
				}
				out.Sections[i].Columns[j] = append(out.Sections[i].Columns[j], item)
			}
		}
	}
	return out, nil
}

// place is where a field is on a layout.
type place struct{ section, column, at int }

func placeOf(l org.Layout, name string) (place, bool) {
	for i, s := range l.Sections {
		for j, c := range s.Columns {
			for k, item := range c {
				if item.Field == name {
					return place{i, j, k}, true
				}
			}
		}
	}
	return place{}, false
}

// move does what a button says about a field; it tells what there is to be told. Into a section it comes before a field there,
// or at the end of the first column.
func move(l *org.Layout, do string, f *org.Field, section int, before string) string {
	at, there := placeOf(*l, f.Name)
	column := func(p place) *[]org.LayoutItem { return &l.Sections[p.section].Columns[p.column] }
	switch {
	case do == doMove && section >= 0 && section < len(l.Sections) && len(l.Sections[section].Columns) > 0:
		item := org.LayoutItem{Field: f.Name, Behavior: "Edit"}
		if !f.Updateable {
			item.Behavior = "Readonly"
		}
		if there {
			item = (*column(at))[at.at]
			*column(at) = slices.Delete(*column(at), at.at, at.at+1)
		}
		next, ok := placeOf(*l, before)
		if !ok || next.section != section {
			next = place{section: section, at: len(*column(place{section: section}))}
		}
		to := column(next)
		*to = slices.Insert(*to, next.at, item)
		return f.Label + " is in the section " + l.Sections[section].Label + " now. Nothing is saved yet."
	case !there:
		return f.Label + " is not on the layout."
	case do == doRemove:
		*column(at) = slices.Delete(*column(at), at.at, at.at+1)
		return f.Label + " is off the layout now. Nothing is saved yet."
	case do == doUp && at.at > 0:
		c := *column(at)
		c[at.at-1], c[at.at] = c[at.at], c[at.at-1]
	case do == doDown && at.at < len(*column(at))-1:
		c := *column(at)
		c[at.at+1], c[at.at] = c[at.at], c[at.at+1]
	}
	return f.Label + " is moved. Nothing is saved yet."
}

// showLayout is the layout's editor: what is where, and one form that moves a field, by keyboard as well, which dragging sends.
// picked is the field that was moved last.
func showLayout(v *visit, l org.Layout, picked string, alerts []ui.Alert) {
	o := v.Session.Seen().Object(org.ObjectUser, nil)
	choose := ui.Field{Type: ui.SelectField, Name: fieldPicked, Label: "Field", Required: true, Value: picked}
	to := ui.Field{Type: ui.SelectField, Name: fieldSection, Label: "Section", Required: true}
	board := ui.Board{Pick: fieldPicked, To: fieldSection, Before: fieldBefore, Move: doMove, Off: doRemove, Columns: []string{"Field", "Column", "Behavior"}, Rest: ui.Rest{Label: "Not on the layout"}}
	for i, s := range l.Sections {
		to.Options = append(to.Options, ui.Option{Value: strconv.Itoa(i), Label: s.Label})
		if s.Label == org.AdditionalInformation {
			to.Value = strconv.Itoa(i)
		}
		lane := ui.Lane{Label: s.Label, Value: strconv.Itoa(i)}
		for j, c := range s.Columns {
			for _, item := range c {
				label := item.Field
				if f := o.Field(item.Field); f != nil {
					label = f.Label
				}
				lane.Pieces = append(lane.Pieces, ui.Piece{Value: item.Field, Cells: ui.Row(label, strconv.Itoa(j+1), item.Behavior)})
			}
		}
		board.Lanes = append(board.Lanes, lane)
	}
	for _, f := range o.Fields {
		if f.Hidden || f.Absent || f.Type == org.TypeID {
			continue
		}
		if _, there := placeOf(l, f.Name); !there {
			board.Rest.Pieces = append(board.Rest.Pieces, ui.Option{Value: f.Name, Label: f.Label})
		}
		choose.Options = append(choose.Options, ui.Option{Value: f.Name, Label: f.Label})
	}
	for _, options := range [][]ui.Option{choose.Options, board.Rest.Pieces} {
		slices.SortStableFunc(options, func(a, b ui.Option) int { return strings.Compare(a.Label, b.Label) })
	}
	button := func(label, do string) ui.Submit {
		return ui.Submit{Label: label, Name: fieldDo, Value: do, Secondary: true}
	}
	form := ui.Form{
		Action: nodeLayouts.Path + "/user-layout", Legend: "Move a field", Fields: []ui.Field{hidden(fieldState, stateOf(l)), hidden(fieldBefore, ""), choose, to},
		Submits: []ui.Submit{
			button("Move to Section", doMove), button("Move Up", doUp), button("Move Down", doDown), button("Remove from Layout", doRemove),
			{Label: "Save", Name: fieldDo, Value: doSave},
		},
	}
	v.showUnder("Edit User Layout", []ui.Link{{Text: nodeLayouts.Label, Href: nodeLayouts.Path}}, alerts,
		ui.Text("Choose a field and the section that it goes to, and click Move to Section; or drag the field there. Nothing is saved before you click Save."), form, ui.Heading{Text: "On the layout"}, board)
}

// changeLayout moves a field, or saves what was moved.
func changeLayout(v *visit) {
	f, ok := v.form()
	if !ok {
		return
	}
	now, err := v.s.Layouts.OfPages(v.ctx(), v.Session)
	if err != nil {
		v.fail(err)
		return
	}
	o := v.Session.Seen().Object(org.ObjectUser, nil)
	l, err := arranged(now, f.Get(fieldState), o)
	if err != nil {
		showLayout(v, now, "", notSaved(fault.Of(err).Message))
		return
	}
	picked := f.Get(fieldPicked)
	if do := f.Get(fieldDo); do != doSave {
		field := o.Field(picked)
		if field == nil {
			showLayout(v, l, "", notSaved("Choose a field."))
			return
		}
		section, err := strconv.Atoi(f.Get(fieldSection))
		if err != nil {
			section = -1
		}
		showLayout(v, l, picked, []ui.Alert{{Kind: ui.Notice, Text: move(&l, do, field, section, f.Get(fieldBefore))}})
		return
	}
	work := func(tx org.SetupTx) (org.Saved, error) {
		return v.s.Layouts.SaveIn(tx, v.Session, org.UserLayout, org.VerbUpdate, l.Sections)
	}
	results, err := v.s.Setup.Run(v.ctx(), v.Session, []org.Work{work}, org.RunOptions{AllOrNone: true})
	if err == nil {
		err = results[0].Err
	}
	switch said := refused(err); {
	case said != "":
		showLayout(v, l, picked, notSaved(said))
	case err != nil:
		v.fail(err)
	default:
		showLayout(v, l, picked, saved("The layout is saved."))
	}
}
