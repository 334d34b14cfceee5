package guide

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/connect/internal/link"
)

// places are where the steps of a connection are done: what things are called, and the addresses of pages. Real clouds have
// pages of their own, whose addresses no reference tells: there the way through them is said, and no address.
type places struct {
	names       link.Names
	org, tenant string // base URLs of embedded clouds; "" for real ones
	connect     string
	system, api string // user names as commands take them, or what stands for them
}

func placesOf(l link.Link, base, system string) places {
	p := places{names: l.Names(), connect: base, system: word(system, "SYSTEM-USER"), api: word(l.Tenant.Username, "API-USER")}
	if l.Standing == link.Embedded {
		p.org, p.tenant = l.CRMURL, l.AuthURL
	}
	return p
}

// Pages of the embedded org's Setup.
const (
	setupHome      = "/setup"
	usersPage      = "/setup/users"
	packagesPage   = "/setup/installed-packages"
	oauthPage      = "/setup/oauth-and-openid-connect-settings"
	loginAccess    = "/setup/login-access-policies"
	resetTokenPage = "/_ui/system/security/ResetApiTokenConfirm"
	appsPage       = "/setup/connected-apps"
	setsPage       = "/setup/permission-sets"
	layoutsPage    = "/setup/page-layouts"
)

// Pages of the embedded tenant: Email Studio > Admin > Salesforce Integration, which leads to Connect's.
const (
	emailStudio      = "/cloud/email"
	emailAdmin       = emailStudio + "/admin"
	emailIntegration = emailAdmin + "/salesforce-integration"
	tenantLogout     = "/v2/logout"
)

// Pages of Connect.
const (
	tabPage          = "/marketing-cloud"
	integrationPage  = "/salesforce-integration"
	upgradePage      = "/upgrade"
	troubleshootPage = "/troubleshoot-connected-app"
	settingsPage     = "/console/settings"
	unitsPage        = "/console/business-units"
	testSendsPage    = "/console/test-sends"
)

// pageNames are what the pages are called, by path.
var pageNames = map[string]string{
	setupHome: "Setup", usersPage: "Setup: Users", packagesPage: "Setup: Installed Packages", oauthPage: "Setup: OAuth and OpenID Connect Settings", loginAccess: "Setup: Login Access Policies",
	resetTokenPage: "Reset My Security Token", appsPage: "Setup: Connected Apps", setsPage: "Setup: Permission Sets", layoutsPage: "Setup: Page Layouts",
	emailStudio: "Email Studio", emailAdmin: "Email Studio: Admin", emailIntegration: "Email Studio: Salesforce Integration", tenantLogout: "Engagement: Log Out",
	tabPage: "Marketing Cloud tab", integrationPage: "Salesforce Integration", upgradePage: "Upgrade", troubleshootPage: "Troubleshoot Connected App",
	settingsPage: "Configuration Settings", unitsPage: "Manage Business Units", testSendsPage: "Test sends",
}

// PageName is what a step's page is called; "" where it has no name of its own.
func PageName(page string) string {
	u, err := url.Parse(page)
	if err != nil {
		return ""
	}
	return pageNames[u.Path]
}

// at is a page of a base URL; "" where there is none.
func at(base, path string) string {
	if base == "" {
		return ""
	}
	return base + path
}

// word is a name as a shell takes it, or what stands for it.
func word(name, standsFor string) string {
	if name == "" {
		return standsFor
	}
	return quoted(name)
}

// quoted is a word of a command, in quotes where it needs them.
func quoted(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !strings.ContainsRune(".@-_+", r) && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// number is a count with its noun.
func number(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// guidePath is the page of a guide.
func guidePath(name string) string { return "/guides/" + name }
