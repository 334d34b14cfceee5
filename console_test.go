package twinspan_test

import (
	"strings"
	"testing"

	"github.com/twinspan/twinspan"
	"github.com/twinspan/twinspan/internal/client/browser"
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
			if page.Status != 200 || page.Title != "The bridge | Twinspan Connect" || !strings.Contains(page.Text, c.want) {
				t.Errorf("status %d, %q, want %q: %s", page.Status, page.Title, c.want, page.Text)
			}
		})
	}
}
