package pages

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/twinspan/twinspan/connect/internal/access"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/tenantoauth"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
)

// Forms of the package's part of Configuration Settings.
const (
	packageSettingsPath  = settingsPath + "/package"
	settingsConnectPath  = settingsPath + "/connect-to-marketing-cloud"
	settingsTimeout      = 20 * time.Second
	labelOAuthEndpoints  = "Enable tenant-specific OAuth Endpoints"
	labelForgetPassword  = "Delete the API user’s password that the settings keep"
	labelConnectToEngage = "Connect to Marketing Cloud"
)

// oauthBlocks are document 002's: whether the org uses tenant-specific OAuth endpoints, which, and what switches them. typed is what a
// refused form had, wrong why it was refused; both nil for none.
func (s *Server) oauthBlocks(ctx context.Context, v stay, typed url.Values, wrong error) []ui.Block {
	l := v.link
	facts := ui.Definitions{
		{Name: "Authentication base URI", Value: l.AuthURL},
		{Name: "Authentication", Value: authentication(l.Tenant)},
		{Name: "Managed package", Value: orNone(l.Package.String())},
		{Name: "Org", Value: l.CRMURL},
	}
	blocks := []ui.Block{ui.Heading{Text: "Marketing Cloud Configuration Settings", ID: "package"}}
	switch {
	case l.Org.Username == "":
		return append(blocks, facts, ui.Text("The org is not connected yet, so its settings cannot be read."))
	case l.Standing != link.Embedded:
		return append(blocks, facts, ui.Text("These settings are the package’s: Marketing Cloud tab > Configuration Settings, in Salesforce."))
	}
	ctx, cancel := context.WithTimeout(ctx, settingsTimeout)
	defer cancel()
	set, err := s.Configurer.Read(ctx, l)
	if err != nil {
		return append(blocks, facts, ui.Text("The org’s settings cannot be read: "+fault.Of(err).Message))
	}
	facts[2].Value = orNone(set.Package.String()) // as it is now
	if set.Package.Before(link.TenantOAuthSince) {
		facts = append(ui.Definitions{{Name: "Tenant-specific OAuth Endpoints", Value: "not there below package " + link.TenantOAuthSince.String() + ": install the newer managed package first"}}, facts...)
		return append(blocks, facts)
	}
	facts = append(ui.Definitions{
		{Name: "Tenant-specific OAuth Endpoints", Value: map[bool]string{true: "enabled", false: "not enabled"}[set.On]},
		{Name: "API user’s password in the org", Value: map[bool]string{true: "kept", false: "none"}[set.Stored]},
	}, facts...)
	blocks = append(blocks, facts)
	if !v.Role.May() {
		return blocks
	}
	on := set.On
	if typed != nil {
		on = typed.Get("tenant_oauth") != ""
	}
	f := ui.Form{Action: packageSettingsPath, Submits: []ui.Submit{{Label: "Save the Configuration Settings"}}, Fields: []ui.Field{
		{Type: ui.CheckboxField, Name: "tenant_oauth", Label: labelOAuthEndpoints, Checked: on, Hint: "Kept in the org, with the endpoints of this tenant. The API user then connects by a key; no Engagement user’s password is stored."},
	}}
	if set.Stored {
		f.Fields = append(f.Fields, ui.Field{Type: ui.CheckboxField, Name: "forget", Label: labelForgetPassword, Checked: typed.Get("forget") != ""})
	}
	if wrong != nil {
		fieldError(&f, wrong)
	}
	blocks = append(blocks, v.form(f))
	if set.On && l.Tenant.Driver == link.Password && l.Tenant.Username != "" {
		blocks = append(blocks, ui.Heading{Text: labelConnectToEngage},
			ui.Text("The Marketing Cloud Connect API user "+l.Tenant.Username+" still signs in by the stored name and password. Log out of all active Engagement sessions, then connect: enter the API user’s credentials on Engagement’s page, and click Log-in. "+
				"Who was found is named and asked about. The wizard Upgrade does the same with an outage and a way back."),
			v.form(ui.Form{Action: settingsConnectPath, Submits: []ui.Submit{{Label: labelConnectToEngage}}}))
	}
	return blocks
}

// savePackageSettings switches tenant-specific OAuth endpoints in the org.
func (s *Server) savePackageSettings(w http.ResponseWriter, r *http.Request, v stay, form url.Values) {
	if _, err := s.Configurer.Set(r.Context(), v.link, form.Get("tenant_oauth") != "", form.Get("forget") != "", v.actor()); err != nil {
		s.showSettings(w, r, v, settingsShown{pack: form, err: err})
		return
	}
	redirect(w, r, settingsPath+"?saved=package")
}

// settingsConnect sends an administrator's browser to where the API user gives his credentials (document 002, sixth to eighth bullet).
func (s *Server) settingsConnect(w http.ResponseWriter, r *http.Request, v stay, _ url.Values) {
	err := s.Links.MaySignInTenant(r.Context(), v.link, v.link.Tenant.Username)
	location := ""
	if err == nil {
		location, err = s.Signins.OfferAPIUser(r.Context(), v.link, v.link.Tenant.Username, v.link.Tenant.MID)
	}
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	s.leave(w, r, location)
}

// verifyTimeout bounds what the page of the verification reads.
const verifyTimeout = 30 * time.Second

// verifyPath is the page on which document 002's upgrade is verified.
const verifyPath = settingsPath + "/tenant-oauth"

// verification shows what document 002 asks for before the upgrade to tenant-specific OAuth and has verified after it, as both
// clouds tell it now.
func (s *Server) verification(w http.ResponseWriter, r *http.Request, v stay) {
	ctx, cancel := context.WithTimeout(r.Context(), verifyTimeout)
	defer cancel()
	state, err := s.TenantOAuth.Look(ctx, v.link)
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	p := ui.Page{Title: "Verify tenant-specific OAuth", Crumbs: []ui.Link{{Text: "Configuration Settings", Href: settingsPath}}}
	p.Current = settingsPath
	switch {
	case state.Done():
		p.Alerts = append(p.Alerts, ui.Alert{Kind: ui.Success, Title: "The upgrade is verified"})
	case state.Ready():
		p.Alerts = append(p.Alerts, ui.Alert{Kind: ui.Notice, Title: "Everything is there that the upgrade needs"})
	}
	p.Blocks = append(p.Blocks, ui.Heading{Text: "Before the upgrade"}, checkSteps(state.Before), ui.Heading{Text: "After it"}, checkSteps(state.After), ui.Links{
		{Text: "Look again", Href: verifyPath},
		{Text: "Manage Business Units", Href: unitsPath},
		{Text: "Test sends", Href: tryPath},
		{Text: "Marketing Cloud tab", Href: TabPath},
		{Text: "Guide: Authentication Between Clouds", Href: GuidesPath + "/002"},
	})
	s.show(w, r, http.StatusOK, v, p)
}

// checkSteps are checks as steps of their owners.
func checkSteps(all []tenantoauth.Check) ui.Steps {
	steps := make(ui.Steps, 0, len(all))
	for _, c := range all {
		step := ui.Step{Text: c.Text, State: ui.StepDone, Word: "as it should be", Details: ui.Definitions{{Name: "Read", Value: c.Got}}}
		if !c.OK {
			step.State, step.Word, step.Command = ui.StepOpen, "to do", c.Command
			if c.Advice {
				step.Word = "advised"
			}
			step.Who = map[tenantoauth.Owner]string{tenantoauth.CRMAdmin: "Sales or Service Cloud admin", tenantoauth.EngagementAdmin: "Engagement admin", tenantoauth.Connect: "Connect"}[c.Owner]
			if c.Click != "" {
				step.Details = append(step.Details, ui.Definition{Name: "Click", Value: c.Click})
			}
		}
		steps = append(steps, step)
	}
	return steps
}

// mountOAuth registers the package's part of Configuration Settings.
func (s *Server) mountOAuth(handle func(pattern string, h http.Handler)) {
	handle("POST "+packageSettingsPath, s.act(s.savePackageSettings))
	handle("POST "+settingsConnectPath, s.act(s.settingsConnect))
	handle("GET "+verifyPath, s.inside(s.verification, access.Engagement))
	handle("GET "+tryPath, s.inside(s.trySends, access.Engagement))
	handle("POST "+tryPath, s.act(s.trySend, access.Engagement))
	handle("GET "+tryPath+"/{message_key}", s.inside(s.tried, access.Engagement))
}
