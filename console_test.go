package twinspan_test

import (
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/twinspan/twinspan"
	"github.com/twinspan/twinspan/internal/client/browser"
	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/vault"
)

// houseConsole is a person in Connect's console of a running program.
type houseConsole struct {
	t *testing.T
	r twinspan.Ready
	*browser.Browser
}

// visit opens an address of Connect as a person with these logins, pressing what is named on the way.
func (c houseConsole) visit(address string, org, tenant twinspan.Login, press ...string) *browser.Page {
	c.t.Helper()
	page, err := c.Visit(bounded(c.t), address, browser.Errand{
		Logins: map[string]browser.Credentials{
			c.r.CRM.URL: {Username: org.Username, Password: org.Password},
			strings.TrimSuffix(c.r.Engagement.AuthURL, "/"): {Username: tenant.Username, Password: tenant.Password},
		}, Press: press,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return page
}

// TestConsoleOfBothClouds: the built-in clouds say who is an administrator of the connection, and of Engagement; signing in
// to the console through Engagement leaves no grant (DESIGN 5.11).
func TestConsoleOfBothClouds(t *testing.T) {
	t.Parallel()
	p := start(t, freePorts(t.TempDir()))
	r := p.Ready()
	as := func() houseConsole { return houseConsole{t, r, browser.New(nil)} }
	nobody := twinspan.Login{}
	base := r.Connect.URL + "/console/sign-in/"
	link, err := p.ConsoleLink(bounded(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		address     string
		org, tenant twinspan.Login
		press, want string
	}{
		"system user":             {base + "salesforce", r.CRM.SystemUser, nobody, "Allow", "(Marketing Cloud for AppExchange Admin)"},
		"user":                    {base + "salesforce", r.CRM.Users[0], nobody, "Allow", "(Marketing Cloud for AppExchange User)"},
		"Engagement's own":        {base + "engagement", nobody, r.Engagement.Admin, "Allow", r.Engagement.Admin.Username + " of Engagement (Marketing Cloud Administrator)"},
		"Engagement's sender":     {base + "engagement", nobody, r.Engagement.Users[0], "Allow", "(no role)"},
		"whoever has the address": {link, nobody, nobody, "Open the console", "operator, by the one-time link"},
	} {
		t.Run(name, func(t *testing.T) {
			page := as().visit(c.address, c.org, c.tenant, c.press)
			if page.Status != 200 || page.Title != "The bridge at a glance | Twinspan Connect" || !strings.Contains(page.Text, c.want) {
				t.Errorf("status %d, %q, want %q: %s", page.Status, page.Title, c.want, page.Text)
			}
		})
	}
	t.Run("business units", func(t *testing.T) { businessUnitsOnAPage(t, houseConsole{t, r, browser.New(nil)}) })
}

// businessUnitsOnAPage is Manage Business Units as document 002 has it after the upgrade: whether those that were active are
// active, those that are needed added and saved. Who works in one that is removed is asked to integrate again, after a word.
//
// seed:page S002-34 S002-35
func businessUnitsOnAPage(t *testing.T, c houseConsole) {
	mid := strconv.FormatInt(c.r.Engagement.BusinessUnits[0].MID, 10)
	cl, err := connect.New(c.r.Connect.URL, vault.Secret(c.r.Connect.APIToken), nil)
	if err != nil {
		t.Fatal(err)
	}
	enabled := func(want bool) {
		t.Helper()
		all, err := cl.BusinessUnits(bounded(t))
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range all {
			if strconv.FormatInt(u.AccountID, 10) == mid && u.Enabled != want {
				t.Errorf("the business unit is enabled: %t", u.Enabled)
			}
		}
	}
	send := func(p *browser.Page, button string, values url.Values, texts ...string) *browser.Page {
		t.Helper()
		for _, f := range p.Forms {
			if at := f.Button(button); at != nil {
				next, err := c.Send(bounded(t), f, values, at)
				if err != nil {
					t.Fatal(err)
				}
				for _, text := range texts {
					if !strings.Contains(next.Text, text) {
						t.Fatalf("the page lacks %q: %s", text, next.Text)
					}
				}
				return next
			}
		}
		t.Fatalf("the page has no button %q: %s", button, p.Text)
		return nil
	}
	page := c.visit(c.r.Connect.URL+"/console/sign-in/salesforce?return=%2Fconsole%2Fbusiness-units", c.r.CRM.SystemUser, twinspan.Login{}, "Allow")
	chosen := url.Values{"chosen": {mid}}
	send(page, "Add and save", url.Values{}, "Choose at least one business unit.")
	page = send(page, "Add and save", chosen, "The business units are saved", mid+" enabled reached")
	enabled(true)
	page = send(page, "Remove and save", chosen, "Remove "+mid+"?", "The mappings of the users who work there are cleared")
	enabled(true)
	page = send(page, "Remove", nil, mid+" not enabled reached")
	enabled(false)
	send(page, "Add and save", chosen, mid+" enabled reached")
	enabled(true)
}
