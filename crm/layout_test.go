package crm_test

import (
	"strings"
	"testing"
)

const readLayout = "<readMetadata><type>Layout</type><fullNames>User-User Layout</fullNames></readMetadata>"

// sections are the layout's sections as readMetadata writes them.
func (h *house) sections(t *testing.T) string {
	t.Helper()
	_, answer := h.metadata(t, h.admin, readLayout)
	from, to := strings.Index(answer, "<layoutSections>"), strings.LastIndex(answer, "</layoutSections>")
	if from < 0 {
		t.Fatalf("the layout: %s", answer)
	}
	return answer[from : to+len("</layoutSections>")]
}

// section is the part of sections that the label names.
func section(sections, label string) string {
	for _, s := range strings.SplitAfter(sections, "</layoutSections>") {
		if strings.Contains(s, "<label>"+label+"</label>") {
			return s
		}
	}
	return ""
}

// seed:api S000-27 S000-29 S000-30 S000-31 S000-32
func TestTheTokenFieldIsPutOnTheUserLayout(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, h *house) {
		const token = "et4ae5__ExactTarget_OAuth_Token__c"
		_, listed := h.metadata(t, h.admin, "<listMetadata><queries><type>Layout</type></queries></listMetadata>")
		wantIn(t, "page layouts", listed, "<fileName>layouts/User-User Layout.layout</fileName><fullName>User-User Layout</fullName>")
		before := h.sections(t)
		if strings.Contains(before, "et4ae5__") || section(before, "Additional Information") == "" {
			t.Fatalf("a new org's layout: %s", before)
		}
		// The field is there, and only pages hide it.
		h.query(t, h.admin, "SELECT Id, "+token+" FROM User")

		dragged := strings.Replace(section(before, "Additional Information"), "<layoutColumns>", "<layoutColumns><layoutItems><behavior>Edit</behavior><field>"+strings.ToLower(token)+"</field></layoutItems>", 1)
		layout := strings.Replace(before, section(before, "Additional Information"), dragged, 1)
		h.wantChange(t, "updateMetadata", component("Layout", "User-User Layout", layout))
		after := h.sections(t)
		if !strings.Contains(section(after, "Additional Information"), "<behavior>Edit</behavior><field>"+token+"</field>") || strings.Count(after, token) != 1 {
			t.Errorf("after saving: %s", after)
		}
		if got := strings.ReplaceAll(after, token, strings.ToLower(token)); got != layout {
			t.Errorf("the rest changed:\n%s\n%s", layout, got)
		}
		trail := h.ids(t, "SELECT Id FROM SetupAuditTrail WHERE Section = 'Page Layouts' AND Display LIKE '%User-User Layout: added "+token+"%'")
		if len(trail) != 1 {
			t.Errorf("the audit trail: %v", trail)
		}
		// The same once more changes nothing, by a deployment either.
		pack := zipOf(t, "package.xml", packageOf("Layout", "User-User Layout"), "layouts/User-User Layout.layout", fileOf("Layout", after))
		wantIn(t, "deployed again", h.deployed(t, pack, ""), "<changed>false</changed><componentType>Layout</componentType>", "<status>Succeeded<")
		// What a package brought goes with it.
		const uninstall = "/services/data/v65.0/tooling/sobjects/SubscriberPackageVersionUninstallRequest"
		_, answer := h.call(t, h.admin, "GET", "/services/data/v65.0/tooling/query?q=SELECT+SubscriberPackageVersionId+FROM+InstalledSubscriberPackage", nil)
		version := between(answer, `"SubscriberPackageVersionId":"`, `"`)
		if status, answer := h.call(t, h.admin, "POST", uninstall, map[string]any{"SubscriberPackageVersionId": version}); status != 201 {
			t.Fatalf("uninstalling: %d %s", status, answer)
		}
		if gone := h.sections(t); strings.Contains(gone, "et4ae5__") {
			t.Errorf("without the package: %s", gone)
		}
	})
}

func TestLayoutsAreRefused(t *testing.T) {
	t.Parallel()
	h := open(t, "sqlite")
	good := h.sections(t)
	item := func(field string) string {
		return strings.Replace(good, "<layoutColumns>", "<layoutColumns><layoutItems><behavior>Edit</behavior><field>"+field+"</field></layoutItems>", 1)
	}
	for _, c := range []struct{ name, operation, components, want string }{
		{"no such field", "updateMetadata", component("Layout", "User-User Layout", item("Fly__c")), "In field: field - no CustomField named User.Fly__c found"},
		{"a field twice", "updateMetadata", component("Layout", "User-User Layout", item("Phone")), "The field Phone is on the layout twice"},
		{"a required field gone", "updateMetadata", component("Layout", "User-User Layout", strings.Replace(good, "<layoutItems><behavior>Required</behavior><field>LastName</field></layoutItems>", "", 1)), "Layout must contain an item for required layout field: LastName"},
		{"a behaviour", "updateMetadata", component("Layout", "User-User Layout", strings.Replace(good, "<behavior>Edit", "<behavior>Fly", 1)), "UiBehavior"},
		{"a style", "updateMetadata", component("Layout", "User-User Layout", strings.Replace(good, "<style>TwoColumns", "<style>Nine", 1)), "LayoutSectionStyle"},
		{"three columns", "updateMetadata", component("Layout", "User-User Layout", strings.Replace(good, "<style>", "<layoutColumns/><style>", 1)), "has 3 columns, and its style 2"},
		{"a long label", "updateMetadata", component("Layout", "User-User Layout", strings.Replace(good, "<label>", "<label>"+strings.Repeat("x", 90), 1)), "data value too large"},
		{"a part that is not kept", "updateMetadata", component("Layout", "User-User Layout", good+"<relatedLists/>"), "relatedLists"},
		{"a panel", "updateMetadata", component("Layout", "User-User Layout", good+"<showHighlightsPanel>true</showHighlightsPanel>"), "showHighlightsPanel"},
		{"another layout", "updateMetadata", component("Layout", "Account-Account Layout", good), "no Layout named Account-Account Layout found"},
		{"a new layout", "upsertMetadata", component("Layout", "User-Other Layout", good), "this org makes no layouts"},
		{"the layout anew", "createMetadata", component("Layout", "User-User Layout", good), "DUPLICATE_VALUE"},
	} {
		wantIn(t, c.name, h.change(t, h.admin, c.operation, c.components), "<success>false</success>", c.want)
	}
	if after := h.sections(t); after != good {
		t.Errorf("a refused change changed the layout: %s", after)
	}
	if answer := h.change(t, h.user, "updateMetadata", component("Layout", "User-User Layout", good)); !strings.Contains(answer, "INSUFFICIENT_ACCESS") {
		t.Errorf("a standard user: %s", answer)
	}
	blank := strings.Replace(good, "<layoutColumns>", "<layoutColumns><layoutItems><emptySpace>true</emptySpace></layoutItems>", 1)
	h.wantChange(t, "updateMetadata", component("Layout", "User-User Layout", blank+"<showHighlightsPanel>false</showHighlightsPanel>"))
}
