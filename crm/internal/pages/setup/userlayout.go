package setup

import (
	"slices"

	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/crm/internal/org/packages"
	"github.com/twinspan/twinspan/internal/ui"
)

// tokenField is where package versions below 5.493 keep what a user's mapping hangs on (document 000).
const tokenField = packages.Namespace + "__ExactTarget_OAuth_Token__c"

// tokenLabel is what document 000 calls it.
const tokenLabel = "Marketing Cloud OAuth Token"

// protectedSince is the version from which on the token sits in a protected setting, that version included (document 000).
const protectedSince = "5.493"

// tokenIsProtected reports whether blanking the field on the User record clears nothing any more.
func tokenIsProtected(version string) bool {
	now, ok := packages.Find(version)
	since, known := packages.Find(protectedSince)
	return ok && known && !since.NewerThan(now)
}

// tokenCaution is what stands in the place of the token from then on. Document 000 lost the path of the page; it is My
// Credentials on the Marketing Cloud tab here (docs/divergences.md).
func (v *visit) tokenCaution() (ui.Field, error) {
	address, err := v.tabAddress()
	return ui.Field{
		Type: ui.StaticField, Label: tokenLabel, Value: "Marketing Cloud tab > My Credentials", Href: address,
		Hint: "Caution: from version " + protectedSince + " of Marketing Cloud Connect the token is kept in a protected setting, and nothing on this page clears it. " +
			"The user goes to My Credentials on the Marketing Cloud tab and gives the credentials of his Marketing Cloud user there.",
	}, err
}

// tabAddress is where the package's tab leads: the start URL of its app, which Connect sets. "" where nobody has.
func (v *visit) tabAddress() (string, error) {
	rows, err := v.rows("SELECT StartUrl FROM ConnectedApplication WHERE Name = " + literal(packages.ConnectedApp().Name))
	if err != nil || len(rows) == 0 {
		return "", err
	}
	return rows[0].text(0), nil
}

// layoutFields are the names of the fields on a layout that the visitor may see, in order.
func layoutFields(l org.Layout, o *org.Object) []string {
	var out []string
	for _, s := range l.Sections {
		for _, c := range s.Columns {
			for _, item := range c {
				if o.Field(item.Field) != nil {
					out = append(out, item.Field)
				}
			}
		}
	}
	return out
}

// userSections are the sections of the page layout, each field made by one; in the place of the token stands the caution
// where it applies.
func (v *visit) userSections(l org.Layout, o *org.Object, one func(*org.Field, org.LayoutItem) ui.Field) ([]ui.Section, error) {
	protected := tokenIsProtected(v.Session.Package)
	var out []ui.Section
	for _, s := range l.Sections {
		section := ui.Section{Legend: s.Label}
		for _, column := range s.Columns {
			for _, item := range column {
				f := o.Field(item.Field)
				if f == nil || protected && f.Name == tokenField {
					continue
				}
				section.Fields = append(section.Fields, one(f, item))
			}
		}
		if protected && s.Label == org.AdditionalInformation {
			caution, err := v.tokenCaution()
			if err != nil {
				return nil, err
			}
			section.Fields = append(section.Fields, caution)
		}
		if len(section.Fields) > 0 {
			out = append(out, section)
		}
	}
	return out, nil
}

// without takes a name out of names.
func without(names []string, gone ...string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return slices.Contains(gone, n) })
}
