package guide

import (
	"slices"

	"github.com/twinspan/twinspan/connect/internal/link"
)

// Why steps are not needed under an own link (docs/real-clouds.md).
const (
	noPackage  = "not needed: under an own link there is no managed package"
	noField    = "not needed: under an own link there is no such field; clear the mapping: twinspan users clear"
	asItself   = "not needed: under an own link the installed package of your own signs in as itself, and there is no API user"
	fromTheDay = "not needed: an own link is by key from its first day, and stores no password of a user's"
)

// spare are the steps that belong to the vendor's package, or to an upgrade that an own link never needs: by row, why.
var spare = []struct {
	why  string
	rows []string
}{
	{noPackage, []string{"S001-02", "S001-25", "S001-26", "S001-27", "S002-27", "S002-34", "S002-35"}},
	{asItself, []string{"S001-46", "S001-48", "S001-50", "S001-51"}},
	{noField, []string{"S000-18", "S000-20", "S000-21", "S000-22", "S000-23", "S000-24", "S000-25", "S000-28", "S000-29", "S000-30", "S000-31", "S000-32"}},
	{fromTheDay, []string{"S002-24", "S002-25", "S002-26", "S002-28", "S002-29", "S002-30", "S002-31", "S002-32", "S002-36"}},
}

// spared is how a step stands that its standing does not need, whatever can be read.
func spared(l link.Link, name string, s Step) (reading, bool) {
	if l.Standing != link.OwnLink {
		return reading{}, false
	}
	if name == "003" {
		return done(fromTheDay), true
	}
	for _, one := range spare {
		if slices.Contains(one.rows, s.ID()) {
			return done(one.why), true
		}
	}
	return reading{}, false
}

// policiesRows are the steps of document 001 that are done in the policies of the customer's external client app, which no API shows
// or sets: what is chosen there, "" where the step only leads to one.
var policiesRows = map[string]string{
	"S001-08": "", "S001-09": "", "S001-10": "", "S001-11": "", "S001-13": "", "S001-16": "", "S001-39": "", "S001-40": "", "S001-41": "", "S001-42": "", "S001-44": "",
	"S001-12": ": Permitted Users", "S001-14": ": IP Relaxation", "S001-15": ": Refresh Token Policy", "S001-43": ": Select Permission Sets",
}

// underOwnLink puts into the guide of document 001 what is otherwise under an own link: the app is an external client app of the
// customer's, its calls count, and the way into Engagement is a package of his own.
func underOwnLink(g *Guide, l link.Link) {
	for i, n := range g.Purpose {
		if slices.Contains(n.Rows, "S001-05") {
			g.Purpose[i].Text = "Under an own link SOAP and REST API calls count against the rolling 24-hour limit, as those of every app of your own do: twinspan usage says how many they are."
		}
	}
	for i := range g.Sections {
		for j := range g.Sections[i].Steps {
			step := &g.Sections[i].Steps[j]
			if what, ok := policiesRows[step.ID()]; ok {
				step.Click, step.Page, step.Command = "Setup > External Client App Manager > "+l.Names().App+" > Policies"+what, "", ""
			}
			if step.ID() == "S001-49" {
				step.Text = "Connect Engagement by the installed package of your own."
				step.Click, step.Page = "", ""
				step.Command = "twinspan connect --package-client-id ID --web-client-id ID --apply"
			}
		}
	}
}
