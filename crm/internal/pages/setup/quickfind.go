package setup

import (
	"strings"

	"github.com/twinspan/twinspan/crm/internal/login"
	"github.com/twinspan/twinspan/crm/internal/org"
	"github.com/twinspan/twinspan/internal/quickfind"
)

// findPath is where Quick Find leads.
const findPath = login.SetupPath + "/find"

// What is searched for, by Quick Find and in lists: the parameter's name, and its bound in characters.
const (
	fieldQuery = quickfind.Name
	maxQuery   = quickfind.MaxQuery
)

// find looks for pages that the user may see by label, by other names and by words, the best first.
func find(query string, p org.Permissions) []quickfind.Page {
	var pages []quickfind.Page
	for _, n := range nodes() {
		if n.Need.MetBy(p) {
			pages = append(pages, quickfind.Page{Label: n.Label, Also: n.Also, Href: n.Path, Words: n.Words})
		}
	}
	return quickfind.Find(query, pages)
}

// anchor is the id of a heading.
func anchor(path []string) string { return strings.Join(quickfind.Fold(strings.Join(path, " ")), "-") }
