package sqlstore_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/crm/internal/org"
)

// names are the last names on all pages of a list, in order, and how many pages those were.
func (d *desk) names(f org.UserFilter) (names []string, pages int) {
	d.Helper()
	for pages = 1; pages < 100; pages++ {
		page, err := d.house.Store.UserList(d.Context(), d.org.ID, f)
		if err != nil {
			d.Fatal(err)
		}
		if len(page.Users) > f.Limit || page.Short && !page.More {
			d.Fatalf("%+v: %+v", f, page)
		}
		for _, u := range page.Users {
			names = append(names, u.LastName)
		}
		if !page.More {
			return names, pages
		}
		f.AfterName, f.AfterID = page.NextName, page.NextID
	}
	d.Fatalf("%+v has no end", f)
	return nil, 0
}

func TestUserList(t *testing.T) {
	desks(t, func(d desk) {
		profile := profileOf(d.T, d.house, d.org, org.StandardUserProfile)
		set := d.make("PermissionSet", map[string]any{"Label": "Wanted"})
		var all, have []string
		for i := range 12 {
			in := newUser(fmt.Sprintf("u%02d@list.example", i), profile)
			in["LastName"] = fmt.Sprintf("%c%02d", "aB"[i%2], i)
			if i >= 10 {
				in["LastName"] = "Same"
			}
			id := d.make("User", in)
			all = append(all, in["LastName"].(string))
			if i < 9 {
				d.make("PermissionSetAssignment", map[string]any{"PermissionSetId": set, "AssigneeId": id})
				have = append(have, in["LastName"].(string))
			}
		}
		all = append(all, "Admin", "Normal")
		fold := func(names []string) []string {
			slices.SortFunc(names, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
			return names
		}
		lack := slices.DeleteFunc(slices.Clone(all), func(n string) bool { return slices.Contains(have, n) })
		for _, c := range []struct {
			name  string
			f     org.UserFilter
			want  []string
			pages int // 0 for any
		}{
			{"all", org.UserFilter{Limit: 5}, fold(slices.Clone(all)), 3},
			{"one page", org.UserFilter{Limit: 14}, fold(slices.Clone(all)), 1},
			{"active", org.UserFilter{Limit: 5, Active: true}, fold(slices.Clone(all)), 3},
			{"a letter", org.UserFilter{Limit: 5, Letter: "B"}, []string{"B01", "B03", "B05", "B07", "B09"}, 1},
			{"with the set", org.UserFilter{Limit: 4, Set: org.ID(set)}, fold(slices.Clone(have)), 3},
			{"with the set, found", org.UserFilter{Limit: 4, Set: org.ID(set), Text: "U02@"}, []string{"a02"}, 1},
			{"without", org.UserFilter{Limit: 2, Set: org.ID(set), Without: true, Active: true}, fold(slices.Clone(lack)), 3},
			{"without, looking at three at a time", org.UserFilter{Limit: 2, Set: org.ID(set), Without: true, Active: true, Reach: 3}, fold(slices.Clone(lack)), 0},
			{"without, looking at one at a time", org.UserFilter{Limit: 2, Set: org.ID(set), Without: true, Reach: 1}, fold(slices.Clone(lack)), 14},
			{"without, found one at a time", org.UserFilter{Limit: 2, Set: org.ID(set), Without: true, Reach: 1, Text: "list.example"}, fold([]string{"B09", "Same", "Same"}), 12},
			{"without, one letter", org.UserFilter{Limit: 2, Set: org.ID(set), Without: true, Reach: 2, Letter: "S"}, []string{"Same", "Same"}, 1},
		} {
			got, pages := d.names(c.f)
			if !slices.Equal(got, c.want) || c.pages != 0 && pages != c.pages {
				t.Errorf("%s: %q on %d pages, want %q on %d", c.name, got, pages, c.want, c.pages)
			}
		}
	})
}

// Who has a set is found by the set, in the order of ids, however many they are, and who has it of some by their own ids.
func TestPlansOfAssignments(t *testing.T) {
	desks(t, func(d desk) {
		set := d.set("Everybody's", d.org.Spec.Users[1].Username)
		d.make("PermissionSetAssignment", map[string]any{"PermissionSetId": set, "AssigneeId": string(d.org.Admin.User)})
		d.asks("SELECT COUNT() FROM PermissionSetAssignment WHERE PermissionSetId = '"+set+"'", "2")
		d.asks("SELECT Assignee.LastName FROM PermissionSetAssignment WHERE PermissionSetId = '"+set+"' AND Assignee.IsActive = TRUE ORDER BY Assignee.LastName LIMIT 1", "Admin")
		d.asks("SELECT PermissionSet.Label FROM PermissionSetAssignment WHERE AssigneeId = '"+string(d.org.Admin.User)+"' AND PermissionSet.IsOwnedByProfile = FALSE", "Everybody's")
		d.asks("SELECT UsedLicenses FROM UserLicense WHERE Name = 'Salesforce'", "2")
	})
}
