package org

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/clock"
	"github.com/twinspan/twinspan/internal/fault"
)

// UserLayout is the full name of the one page layout of users, as the Metadata API calls it: the object, a hyphen and the
// layout's name.
const UserLayout = "User-User Layout"

// AdditionalInformation is the section that document 000 looks for the package's token field in.
const AdditionalInformation = "Additional Information"

const typeLayout = "Layout"

// Layout says which fields the pages of an object's records show, and where. It hides a field from pages and from nobody
// else.
type Layout struct {
	Stamp    `json:"-"`
	Sections []LayoutSection `json:"sections"`
}

// LayoutSection is one block of a page.
type LayoutSection struct {
	Label                      string
	CustomLabel                bool
	DetailHeading, EditHeading bool
	Style                      string // spelled as the enum LayoutSectionStyle
	Columns                    [][]LayoutItem
}

// LayoutItem is one field in a section.
type LayoutItem struct {
	Field    string // API name
	Behavior string // Edit, Readonly or Required
}

// layoutColumns are the section styles with their number of columns; custom links hold no fields.
var layoutColumns = map[string]int{"TwoColumnsTopToBottom": 2, "TwoColumnsLeftToRight": 2, "OneColumn": 1, "CustomLinks": 3}

// Bounds of a layout.
const (
	maxSections     = 50
	maxSectionLabel = 80
)

// LayoutStore keeps the layouts that somebody changed.
type LayoutStore interface {
	// LayoutByName reads one; false where nobody has changed it.
	LayoutByName(ctx context.Context, org ID, name string) (Layout, bool, error)
}

// Layouts reads and changes page layouts.
type Layouts struct {
	Store LayoutStore
	Clock *clock.Domain
}

// List tells the names of the layouts.
func (l *Layouts) List(s Session) ([]string, error) {
	return []string{UserLayout}, MayUseMetadata(s)
}

// Find finds a layout by full name.
func (l *Layouts) Find(ctx context.Context, s Session, name string) (Layout, error) {
	if err := MayUseMetadata(s); err != nil {
		return Layout{}, err
	}
	if !strings.EqualFold(name, UserLayout) {
		return Layout{}, noSuchComponent(typeLayout, name)
	}
	found, ok, err := l.Store.LayoutByName(ctx, s.Org, UserLayout)
	if err != nil {
		return Layout{}, err
	}
	return shownLayout(found, ok, s), nil
}

// OfPages is the layout of users that pages are shown by, to whoever looks at one.
func (l *Layouts) OfPages(ctx context.Context, s Session) (Layout, error) {
	found, ok, err := l.Store.LayoutByName(ctx, s.Org, UserLayout)
	if err != nil {
		return Layout{}, err
	}
	return shownLayout(found, ok, s), nil
}

// shownLayout is what is left of a kept layout in the org of now, whose package may have gone with its fields; where
// nothing is kept, it is a new org's.
func shownLayout(kept Layout, ok bool, s Session) Layout {
	if !ok {
		kept = Layout{Stamp: zeroStamp, Sections: newUserLayout()}
	}
	o := s.Schema().must(ObjectUser)
	for i, section := range kept.Sections {
		for j, column := range section.Columns {
			kept.Sections[i].Columns[j] = slices.DeleteFunc(column, func(item LayoutItem) bool { return o.Field(item.Field) == nil })
		}
	}
	return kept
}

// newUserLayout is the layout of a new org. It shows no field of the package: an administrator puts them there, as
// document 000 has it done for the token (connect-facts 1.3).
func newUserLayout() []LayoutSection {
	section := func(label string, left, right []string) LayoutSection {
		items := func(names []string) []LayoutItem {
			out := []LayoutItem{}
			for _, n := range names {
				item := LayoutItem{n, "Edit"}
				if f := StandardSchema().must(ObjectUser).Field(n); f.Required() {
					item.Behavior = "Required"
				} else if !f.Updateable {
					item.Behavior = "Readonly"
				}
				out = append(out, item)
			}
			return out
		}
		return LayoutSection{Label: label, DetailHeading: true, EditHeading: true, Style: "TwoColumnsTopToBottom", Columns: [][]LayoutItem{items(left), items(right)}}
	}
	more := section(AdditionalInformation, []string{"EmployeeNumber"}, []string{"FederationIdentifier"})
	more.CustomLabel = true
	return []LayoutSection{
		section("General Information", []string{"FirstName", "LastName", "Alias", "Email", "Username", "CommunityNickname", "Title", "CompanyName", "Department"},
			[]string{"ProfileId", "IsActive", "UserPermissionsMarketingUser"}),
		section("Address Information", []string{"Street", "City", "State"}, []string{"PostalCode", "Country"}),
		section("Contact Information", []string{"Phone"}, []string{"MobilePhone"}),
		section("Locale Settings", []string{"TimeZoneSidKey", "LocaleSidKey"}, []string{"LanguageLocaleKey", "EmailEncodingKey"}),
		more,
	}
}

// SaveIn changes a layout as one of the works of a transaction: its sections replace those it had; nil leaves them.
func (l *Layouts) SaveIn(tx SetupTx, s Session, name string, verb Verb, sections []LayoutSection) (Saved, error) {
	if err := MayUseMetadata(s); err != nil {
		return Saved{}, err
	}
	if !needSetup.MetBy(s.Permissions) {
		return Saved{}, insufficientAccess("")
	}
	switch known := strings.EqualFold(name, UserLayout); {
	case known && verb == VerbCreate:
		return Saved{}, fault.New(fault.Invalid, CodeDuplicateValue, "duplicate value found: fullName %s is there already", UserLayout).In("fullName")
	case !known && verb == VerbUpdate:
		return Saved{}, noSuchComponent(typeLayout, name)
	case !known:
		return Saved{}, fault.New(fault.Invalid, CodeNotForOperation, "this org makes no layouts; it has %s", UserLayout)
	}
	kept, ok, err := tx.Layout(s.Org, UserLayout)
	if err != nil || sections == nil {
		return Saved{ID: kept.ID}, err
	}
	if s, err = customized(tx, s); err != nil {
		return Saved{}, err
	}
	o := s.Schema().must(ObjectUser)
	if err := checkSections(o, sections); err != nil {
		return Saved{}, err
	}
	shown := shownLayout(kept, ok, s)
	came, went := fieldsOf(sections), fieldsOf(shown.Sections)
	if slices.EqualFunc(sections, shown.Sections, LayoutSection.equal) {
		return Saved{ID: kept.ID}, nil
	}
	at := l.Clock.Now(string(s.Org))
	id, err := tx.PutLayout(s.Org, s.User, at, UserLayout, Layout{Sections: sections})
	if err != nil {
		return Saved{}, err
	}
	var parts []string
	for _, part := range []struct {
		verb        string
		these, less []string
	}{{"added", came, went}, {"removed", went, came}} {
		names := slices.DeleteFunc(slices.Clone(part.these), func(n string) bool { return slices.Contains(part.less, n) })
		if len(names) > 0 {
			parts = append(parts, part.verb+" "+strings.Join(names, ", "))
		}
	}
	display := "Changed page layout " + UserLayout
	if len(parts) > 0 {
		display += ": " + strings.Join(parts, "; ")
	}
	return Saved{ID: id, Changed: true}, Audit(tx, s, at, "changedlayout", "Page Layouts", display)
}

func (a LayoutSection) equal(b LayoutSection) bool {
	return a.Label == b.Label && a.CustomLabel == b.CustomLabel && a.DetailHeading == b.DetailHeading && a.EditHeading == b.EditHeading && a.Style == b.Style &&
		slices.EqualFunc(a.Columns, b.Columns, func(x, y []LayoutItem) bool { return slices.Equal(x, y) })
}

func fieldsOf(sections []LayoutSection) []string {
	var out []string
	for _, s := range sections {
		for _, c := range s.Columns {
			for _, i := range c {
				out = append(out, i.Field)
			}
		}
	}
	return out
}

// checkSections refuses a layout with what is not there, with a field twice, or without one that every new record needs.
// It gives fields their own spelling.
func checkSections(o *Object, sections []LayoutSection) error {
	bad := func(field, format string, args ...any) error {
		return fault.New(fault.Invalid, CodeInvalidValue, format, args...).In(field)
	}
	if len(sections) > maxSections {
		return bad("layoutSections", "A layout has at most %d sections", maxSections)
	}
	placed := map[string]bool{}
	for _, s := range sections {
		if len([]rune(s.Label)) > maxSectionLabel {
			return bad("label", "label: data value too large (max length=%d)", maxSectionLabel)
		}
		n, ok := layoutColumns[s.Style]
		if !ok {
			return bad("style", "'%s' is not a valid value for the enum 'LayoutSectionStyle'", clip(s.Style))
		}
		if len(s.Columns) > n {
			return bad("layoutColumns", "The section %s has %d columns, and its style %d", clip(s.Label), len(s.Columns), n)
		}
		for _, column := range s.Columns {
			for i, item := range column {
				f := o.Field(item.Field)
				if f == nil {
					return fault.New(fault.Invalid, CodeInvalidReference, "In field: field - no CustomField named %s.%s found", o.Name, clip(item.Field)).In("field")
				}
				if placed[f.Name] {
					return bad("field", "The field %s is on the layout twice", f.Name)
				}
				if !slices.Contains([]string{"Edit", "Readonly", "Required"}, item.Behavior) {
					return bad("behavior", "'%s' is not a valid value for the enum 'UiBehavior'", clip(item.Behavior))
				}
				placed[f.Name], column[i].Field = true, f.Name
			}
		}
	}
	for _, f := range o.Fields {
		if f.Required() && !placed[f.Name] {
			return bad("layoutItems", "Layout must contain an item for required layout field: %s", f.Name)
		}
	}
	return nil
}

// PrefixLayout is the key prefix of layouts.
const PrefixLayout = "00h"

// zeroStamp is that of a layout that nobody has changed.
var zeroStamp = Stamp{Created: time.Unix(0, 0).UTC(), Modified: time.Unix(0, 0).UTC()}
