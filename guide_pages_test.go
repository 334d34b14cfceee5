package twinspan_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/twinspan/twinspan"
	"github.com/twinspan/twinspan/internal/client/browser"
	"github.com/twinspan/twinspan/internal/client/connect"
)

// The five guides on the pages of a new org, opened by the one-time link: what the documents say beside their steps stands there in
// words, with their titles, the article's number, a breadcrumb and a way to print; what is next is on top. A step says what was
// read, and a filled-in name is kept.
//
// seed:page S000-01 S000-02 S000-03 S000-04 S000-05 S000-06 S000-08 S000-09 S000-10 S000-12 S000-13 S000-16 S000-19 S000-27 S000-33 S000-34 S000-35 S000-36 S000-37
// seed:page S001-01 S001-02 S001-03 S001-04 S001-05 S001-06 S001-17 S001-28 S001-45 S001-46 S001-47
// seed:page S002-02 S002-04 S002-07 S002-08 S002-09 S002-10 S002-11 S002-12 S002-13 S002-14 S002-15 S002-16 S002-17 S002-18 S002-19 S002-20 S002-21 S002-22 S002-23
// seed:page S002-37 S002-38 S002-39 S003-01 S003-04 S003-05 S003-06 S003-45 S004-01 S004-02 S004-04 S004-07 S004-17 S004-18 S004-19 S004-20 S004-21
func TestGuidesOnThePages(t *testing.T) {
	t.Parallel()
	c := freePorts(t.TempDir())
	c.Fixture = twinspan.FixtureNewOrg
	p := start(t, c)
	r := p.Ready()
	me := houseConsole{t, r, browser.New(nil)}
	link, err := p.ConsoleLink(bounded(t))
	noError(t, err)
	sees(t, me.visit(link, twinspan.Login{}, twinspan.Login{}, "Open the console"), 200, "The bridge at a glance")
	api := (&endurance{Program: p}).connect(t)
	all, err := api.Guides(bounded(t))
	noError(t, err)
	if len(all) != 5 {
		t.Fatalf("%d guides", len(all))
	}
	list, pages := me.at("/guides"), map[string]bool{}
	for _, title := range all {
		sees(t, list, 200, title.Title)
		g, err := api.Guide(bounded(t), title.Name, connect.GuideQuestion{})
		noError(t, err)
		page := me.at("/guides/" + title.Name)
		words := []string{title.Title, title.Article, "Connect Guides " + title.Title, "Print this page", "Next step"}
		for _, n := range g.Purpose {
			words = append(words, n.Text)
		}
		for _, s := range g.Sections {
			words = append(words, s.Title)
			for _, n := range s.Notes {
				words = append(words, n.Text)
			}
			for _, one := range s.Steps {
				words = append(words, one.Text, one.Warning, one.Why)
				if one.Page != "" {
					pages[one.Page] = true
				}
			}
		}
		for _, w := range words {
			sees(t, page, 200, strings.Join(strings.Fields(w), " "))
		}
		printed := sees(t, me.at("/guides/"+title.Name+"?print=1"), 200, title.Title, "Next step")
		if len(printed.Forms) != 0 {
			t.Errorf("%s: what is printed has forms", title.Name)
		}
	}
	for address := range pages { // each leads somewhere, for whoever may
		if page := me.visit(address, r.CRM.Admin, r.Engagement.Admin, "Allow"); page.Status != http.StatusOK {
			t.Errorf("a guide leads to %s, which answers %d: %s", address, page.Status, page.Text)
		}
	}
	sees(t, me.at("/guides/005"), http.StatusNotFound, "There is no guide of that name.")
	sees(t, me.at("/guides/001?system_user="+url.QueryEscape(r.CRM.SystemUser.Username)), 200, "there is no system user to look as", "Steps 0 done")
}

// Salesforce Integration as Engagement's administrator has it: what disconnecting does is listed before it is done, and Connect
// Account names both identities and connects the system user alone.
//
// seed:page S003-20 S003-26
func TestSalesforceIntegrationPage(t *testing.T) {
	t.Parallel()
	p := start(t, freePorts(t.TempDir()))
	r := p.Ready()
	me := houseConsole{t, r, browser.New(nil)}
	from := func() *browser.Page {
		t.Helper()
		return me.visit(r.Engagement.AuthURL+"/cloud/email/admin/salesforce-integration", twinspan.Login{}, r.Engagement.Admin, "Allow")
	}
	page := sees(t, from(), 200, "Salesforce Integration", "Both clouds are connected", "Salesforce system user "+r.CRM.SystemUser.Username, "Signed in as "+r.Engagement.Admin.Username+" of Engagement")
	if strings.Contains(page.Text, "Upgrade to Connected App Your account") {
		t.Error("an upgrade is offered where nothing is to be upgraded")
	}
	asked := sees(t, me.at("/salesforce-integration/disconnect"), 200, "All user mappings are removed", "Both spans are taken down", r.Engagement.APIUser.Username)
	sees(t, me.sendForm(asked, "Disconnect", nil), http.StatusUnprocessableEntity, "Error: Say why.")
	sees(t, me.sendForm(asked, "Disconnect", url.Values{"reason": {"moving away"}}), 200, "Both spans are down", "3 mappings were cleared.")
	sees(t, from(), 200, "Not connected", "Connect Account")

	asked = sees(t, me.at("/salesforce-integration/connect-account"), 200, "log out of any active Sales or Service Cloud sessions", "You "+r.Engagement.Admin.Username+" of Engagement")
	sees(t, me.sendForm(asked, "Connect Account", nil), http.StatusUnprocessableEntity, "Error: Give the user name")
	login := me.sendForm(asked, "Connect Account", url.Values{"system_user": {r.CRM.SystemUser.Username}})
	sees(t, me.visit(login.URL.String(), r.CRM.SystemUser, twinspan.Login{}, "Allow", "Yes, connect"), 200, "Engagement is connected to the org", r.CRM.SystemUser.Username)
	sees(t, from(), 200, "Engagement is connected to the org; the org is not connected to Engagement")
}
