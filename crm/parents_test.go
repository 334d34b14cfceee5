package crm_test

import (
	"net/http"
	"strings"
	"testing"
)

// A parent may be named by another field that finds it, as loaders do: in the relationship's place stands an object.
func TestParentsByAnotherField(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		owner := map[string]any{"Username": h.spec.Users[1].Username}
		boss := h.create(t, "Contact", map[string]any{"LastName": "Boss", "Email": "boss@parents.example"})
		byMail := map[string]any{"attributes": map[string]any{"type": "Contact"}, "Email": "BOSS@parents.example"}
		id := h.create(t, "Contact", map[string]any{"LastName": "Made", "ReportsTo": byMail, "Owner": owner})
		reports := func(id, want string) {
			t.Helper()
			if status, answer := h.call(t, h.user, "GET", data+"/sobjects/Contact/"+id+"?fields=ReportsToId", nil); status != 200 || field(t, answer, "ReportsToId") != any(want) {
				t.Errorf("%d %s, want %s", status, answer, want)
			}
		}
		reports(id, boss)

		other := h.create(t, "Contact", map[string]any{"LastName": "Other", "Email": "other@parents.example"})
		if status, answer := h.call(t, h.user, "PATCH", data+"/sobjects/Contact/"+id, map[string]any{"ReportsTo": map[string]any{"Email": "other@parents.example"}}); status != 204 {
			t.Errorf("%d %s", status, answer)
		}
		reports(id, other)
		if status, answer := h.call(t, h.user, "PATCH", data+"/sobjects/Contact/Email/upped%40parents.example", map[string]any{"LastName": "U", "ReportsTo": byMail}); status != 201 {
			t.Errorf("%d %s", status, answer)
		} else {
			reports(field(t, answer, "id").(string), boss)
		}
		reporting := func(name, address string) map[string]any {
			return map[string]any{"attributes": map[string]any{"type": "Contact"}, "LastName": name, "ReportsTo": map[string]any{"Email": address}}
		}
		got := h.many(t, h.user, "POST", "/composite/sobjects", map[string]any{"records": []any{
			record("Contact", "LastName", "First", "Email", "first@parents.example"),
			reporting("Second", "first@parents.example"), reporting("Third", "nobody@parents.example"),
		}})
		if s := got.String(); s != "ok ok INVALID_FIELD" {
			t.Fatalf("%s: %+v", s, got)
		}
		reports(got[1].ID, got[0].ID)

		for name, c := range map[string]struct {
			in   map[string]any
			want string
		}{
			"nobody has it":      {map[string]any{"ReportsTo": map[string]any{"Email": "no@parents.example"}}, `Foreign key external ID: no@parents.example not found for field Email in entity Contact`},
			"a field that finds": {map[string]any{"ReportsTo": map[string]any{"Title": "T"}}, `Title does not match an External ID, Salesforce Id, or indexed field for Contact`},
			"two fields":         {map[string]any{"ReportsTo": map[string]any{"Email": "x", "Title": "T"}}, `More than 1 field provided in an external foreign key reference in entity: Contact`},
			"both":               {map[string]any{"ReportsToId": boss, "ReportsTo": byMail}, `cannot specify both an external ID reference ReportsTo and a salesforce id, ReportsToId`},
			"no value":           {map[string]any{"ReportsTo": map[string]any{"Email": nil}}, `Email not specified`},
			"empty":              {map[string]any{"ReportsTo": map[string]any{}}, `does not match an External ID`},
			"no relationship":    {map[string]any{"Friend": byMail}, `No such column 'Friend' on sobject of type Contact`},
		} {
			c.in["LastName"] = "Refused"
			if status, answer := h.call(t, h.user, "POST", data+"/sobjects/Contact", c.in); status != http.StatusBadRequest || !strings.Contains(answer, c.want) {
				t.Errorf("%s: %d %s", name, status, answer)
			}
		}
	})
}

// No record is its own parent, near or far; and where a change is only to change, none is made.
func TestHierarchiesHaveNoCircles(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		var ids []string
		for _, name := range []string{"Top", "Middle", "Below"} {
			in := map[string]any{"Name": name}
			if len(ids) > 0 {
				in["ParentId"] = ids[len(ids)-1]
			}
			ids = append(ids, h.create(t, "Account", in))
		}
		for parent, want := range map[string]int{ids[0]: 400, ids[1]: 400, ids[2]: 400, h.create(t, "Account", map[string]any{"Name": "Apart"}): 204} {
			status, answer := h.call(t, h.user, "PATCH", data+"/sobjects/Account/"+ids[0], map[string]any{"ParentId": parent})
			if status != want || want == 400 && !strings.Contains(answer, `"errorCode":"CIRCULAR_DEPENDENCY","fields":["ParentId"]`) {
				t.Errorf("%s: %d %s", parent, status, answer)
			}
		}

		at := data + "/sobjects/Contact/Email/only%40update.example?updateOnly="
		if status, answer := h.call(t, h.user, "PATCH", at+"true", map[string]any{"LastName": "None"}); status != 404 || !strings.Contains(answer, `"NOT_FOUND"`) {
			t.Errorf("%d %s", status, answer)
		}
		if status, answer := h.call(t, h.user, "PATCH", at+"perhaps", map[string]any{"LastName": "None"}); status != 400 {
			t.Errorf("%d %s", status, answer)
		}
		if status, answer := h.call(t, h.user, "PATCH", at+"false", map[string]any{"LastName": "Made"}); status != 201 {
			t.Errorf("%d %s", status, answer)
		}
		if status, answer := h.call(t, h.user, "PATCH", at+"true", map[string]any{"LastName": "Changed"}); status != 200 {
			t.Errorf("%d %s", status, answer)
		}
	})
}
