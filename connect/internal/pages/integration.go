package pages

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/twinspan/twinspan/connect/internal/access"
	"github.com/twinspan/twinspan/connect/internal/audit"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/mapping"
	"github.com/twinspan/twinspan/connect/internal/migration"
	"github.com/twinspan/twinspan/connect/internal/upgrade"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
)

// IntegrationPath is the page that the tenant's Email Studio > Admin > Salesforce Integration leads to (DESIGN 5.10).
const IntegrationPath = "/salesforce-integration"

const (
	connectAccountPath = IntegrationPath + "/connect-account"
	migratePath        = IntegrationPath + "/migrate"
	migrateResultsPath = migratePath + "/results"
	disconnectPath     = IntegrationPath + "/disconnect"
)

// sessionWarning is document 003's above Connect Account.
const sessionWarning = "During this process, the system automatically connects to any active Salesforce session. To prevent incorrect connection, log out of any active Sales or Service Cloud sessions, " +
	"other than the Salesforce system user session for this process. Closing the tab doesn’t end an active session."

// companyLogin is what it says of company-specific login URLs.
const companyLogin = "If you are using a company-specific login URL, such as https://mycompany.my.salesforce.com, log in to the org that you’re connecting to using the Salesforce system user credentials before connecting your accounts."

// mountIntegration registers the page and its forms, which are the Engagement admin's.
func (s *Server) mountIntegration(handle func(pattern string, h http.Handler)) {
	handle("GET "+IntegrationPath, s.arriving(signInTenantPath, IntegrationPath, true, s.inside(s.integration, access.Engagement)))
	handle("GET "+connectAccountPath, s.inside(s.askConnectAccount, access.Engagement))
	handle("POST "+connectAccountPath, s.act(s.connectAccount, access.Engagement))
	handle("POST "+migratePath, s.act(s.migrate, access.Engagement))
	handle("GET "+migrateResultsPath, s.inside(s.migrateResults, access.Engagement))
	handle("GET "+disconnectPath, s.inside(s.askDisconnect, access.Engagement))
	handle("POST "+disconnectPath, s.act(s.disconnect, access.Engagement))
}

// integration shows the connection as Engagement's administrator sees it, and what he can do with it now.
func (s *Server) integration(w http.ResponseWriter, r *http.Request, v stay) {
	l := v.link
	offer, err := s.Migrations.Offer(r.Context(), l)
	var u upgrade.Upgrade
	if err == nil {
		u, err = s.underWayOf(r.Context(), l)
	}
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	p := ui.Page{Title: "Salesforce Integration", Blocks: []ui.Block{
		ui.Definitions{
			{Name: "Connection", Value: stateText(l.State())},
			{Name: "Salesforce system user", Value: orNone(l.Org.Username)},
			{Name: "Org", Value: orNone(l.Org.OrgID)},
			{Name: "Signs in to the org by", Value: driverText(l.Org.Driver)},
			{Name: "Marketing Cloud Connect API user", Value: orNone(l.Tenant.Username)},
		},
	}}
	p.Blocks = append(p.Blocks, s.outageBlocks(l)...)
	switch {
	case u.UnderWay():
		p.Blocks = append(p.Blocks, ui.Heading{Text: kindText(u.Kind)}, ui.Text("The upgrade is under way."), ui.Links{{Text: "Go on with the upgrade", Href: UpgradePath}})
	case l.Org.Driver == link.Password: // offered where there is something to upgrade alone
		p.Blocks = append(p.Blocks, ui.Heading{Text: "Upgrade to Connected App"},
			ui.Text("Your account signs in to the org by a stored password. Connected App Authentication is required for all Marketing Cloud Connect accounts as of June 1, 2016."),
			ui.Links{{Text: "Upgrade to Connected App", Href: UpgradePath + "?kind=" + string(upgrade.ConnectedApp)}})
	}
	if l.Org.State != link.SpanUp {
		p.Blocks = append(p.Blocks, ui.Heading{Text: "Connect Account"}, ui.Text("Engagement works in the org as the Salesforce system user."), ui.Links{{Text: "Connect Account", Href: connectAccountPath}})
	}
	p.Blocks = append(p.Blocks, s.migrateBlocks(v, offer, u)...)
	if l.Org.Username != "" || l.Tenant.Username != "" {
		p.Blocks = append(p.Blocks, ui.Heading{Text: "Disconnect"}, ui.Links{{Text: "Disconnect", Href: disconnectPath}})
	}
	p.Blocks = append(p.Blocks, ui.Links{{Text: "Guide: Upgrade to Connected App", Href: GuidesPath + "/003"}})
	s.show(w, r, http.StatusOK, v, p)
}

func driverText(d link.Driver) string {
	if d == "" {
		return "nothing yet"
	}
	return d.String()
}

// underWayOf is the upgrade that is under way, the zero Upgrade where none is.
func (s *Server) underWayOf(ctx context.Context, l link.Link) (upgrade.Upgrade, error) {
	u, err := s.Upgrades.Last(ctx, l)
	if fault.CodeOf(err) == upgrade.CodeNotFound || err == nil && !u.UnderWay() {
		return upgrade.Upgrade{}, nil
	}
	return u, err
}

// atMigration reports whether the upgrade waits for Migrate Existing Users.
func atMigration(u upgrade.Upgrade) bool {
	return u.UnderWay() && u.Waiting != nil && u.Waiting.Step == upgrade.Migrate && !u.Waiting.Undoing && u.Waiting.For == upgrade.EngagementAdmin
}

// migrateBlocks offer Migrate Existing Users, while that is available. In an upgrade it is one of its steps: u is the one that is
// under way, the zero Upgrade for none.
func (s *Server) migrateBlocks(v stay, offer migration.Offer, u upgrade.Upgrade) []ui.Block {
	if offer.UpgradedAt.IsZero() && !offer.Available() {
		return nil
	}
	blocks := []ui.Block{ui.Heading{Text: "Migrate Existing Users"}}
	if !offer.Available() {
		return append(blocks, ui.Text(fault.Of(offer.Refusal()).Message), ui.Links{{Text: "Results", Href: migrateResultsPath}})
	}
	blocks = append(blocks, s.countdown(v.link, "Auto-connection is available for 14 days after the upgrade", offer.Until),
		ui.Text(fmt.Sprintf("%d users were connected before the upgrade and are not reconnected. They are reconnected without a password.", offer.Users)))
	if u.UnderWay() && !atMigration(u) {
		return append(blocks, ui.Text("The upgrade that is under way comes to this step by itself."))
	}
	return append(blocks, v.form(ui.Form{Action: migratePath, Submits: []ui.Submit{{Label: "Connect"}}}))
}

// askConnectAccount names whom the connection will be, and who asks, before anything is connected.
func (s *Server) askConnectAccount(w http.ResponseWriter, r *http.Request, v stay) {
	s.showConnectAccount(w, r, v, v.link.Org.Username, "", http.StatusOK)
}

func (s *Server) showConnectAccount(w http.ResponseWriter, r *http.Request, v stay, name, wrong string, status int) {
	s.show(w, r, status, v, ui.Page{
		Title: "Connect Account", Crumbs: []ui.Link{{Text: "Salesforce Integration", Href: IntegrationPath}}, FormAction: s.orgSource(r.Context(), v.link),
		Alerts: []ui.Alert{{Kind: ui.Warning, Title: "Warning", Text: sessionWarning + " " + companyLogin}},
		Blocks: []ui.Block{
			ui.Definitions{{Name: "You", Value: v.Person.Shown()}, {Name: "Enterprise", Value: fmt.Sprint(v.link.EID)}, {Name: "Org", Value: s.Links.SignInURL(r.Context(), v.link)}},
			ui.Text("Next you log in to the org as the Salesforce system user. Who was found is named and asked about before anything is connected."),
			v.form(ui.Form{
				Action: connectAccountPath, Fields: []ui.Field{{Name: "system_user", Label: "Salesforce system user", Value: name, Error: wrong, Required: true, MaxLength: 255, Autocomplete: "off"}},
				Submits: []ui.Submit{{Label: "Connect Account"}},
			}),
		},
	})
}

func (s *Server) connectAccount(w http.ResponseWriter, r *http.Request, v stay, form url.Values) {
	name := strings.TrimSpace(form.Get("system_user"))
	err := s.Upgrades.Undisturbed(r.Context(), v.link)
	location := ""
	if err == nil {
		location, err = s.Signins.OfferSystemUser(r.Context(), v.link, name)
	}
	switch {
	case fault.CodeOf(err) == link.CodeUserRequired:
		s.showConnectAccount(w, r, v, name, fault.Of(err).Message, http.StatusUnprocessableEntity)
	case err != nil:
		s.sorry(w, r, v, err)
	default:
		s.leave(w, r, location)
	}
}

// migrate begins auto-connection: the button Connect. An upgrade that waits for it is told, and begins it.
func (s *Server) migrate(w http.ResponseWriter, r *http.Request, v stay, _ url.Values) {
	u, err := s.underWayOf(r.Context(), v.link)
	switch {
	case err != nil:
	case atMigration(u):
		if err = v.ours(u.Waiting.For); err == nil {
			_, err = s.Upgrades.Tell(r.Context(), v.link, upgrade.Migrate, upgrade.Telling{By: v.actor()})
		}
	default:
		_, err = s.Migrations.Start(r.Context(), v.link, "", v.actor())
	}
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	redirect(w, r, migrateResultsPath)
}

// migrateResults is the results window, with its OK, which leads back to where the step was begun.
func (s *Server) migrateResults(w http.ResponseWriter, r *http.Request, v stay) {
	u, err := s.underWayOf(r.Context(), v.link)
	var run migration.Run
	if err == nil {
		run, err = s.Migrations.Status(r.Context(), v.link, "")
	}
	begins := err == nil && u.UnderWay() && u.Step == upgrade.Migrate && run.Upgrade != u.ID
	if fault.CodeOf(err) == migration.CodeNotFound && u.UnderWay() {
		begins, err = true, nil
	}
	p := ui.Page{Title: "Auto-connection results", Crumbs: []ui.Link{{Text: "Salesforce Integration", Href: IntegrationPath}}}
	switch {
	case err != nil:
	case begins:
		p.Blocks = []ui.Block{ui.Text("Auto-connection begins.")}
	default:
		p.Blocks, err = s.runBlocks(r.Context(), v, migration.Whole{run}, "")
	}
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	if begins || run.State == migration.Queued || run.State == migration.Running {
		p.Blocks = append(p.Blocks, ui.Links{{Text: "Look again", Href: migrateResultsPath}})
	}
	back := IntegrationPath
	if u.UnderWay() {
		back = UpgradePath
	}
	p.Blocks = append(p.Blocks, ui.Form{Get: true, Action: back, Submits: []ui.Submit{{Label: "OK"}}})
	s.show(w, r, http.StatusOK, v, p)
}

// disconnectEffects are what disconnecting does (connect-facts 3.5).
func disconnectEffects(mapped bool) []string {
	effects := []string{
		"Both spans are taken down: nothing goes from Engagement into the org, nor from the org into Engagement.",
		"All user mappings are removed, and the grants behind them: every user integrates again after you connect anew.",
		"Scheduled sends to reports, campaigns, contacts, leads and Salesforce data extensions fail.",
		"Triggered sends are suspended, and what they were about to send fails; Resume starts them again after you connect anew.",
		"The connected app, the permission sets and the installed package stay in both clouds.",
	}
	if !mapped {
		effects[1] = "Nobody is mapped."
	}
	return effects
}

func (s *Server) askDisconnect(w http.ResponseWriter, r *http.Request, v stay) {
	s.showDisconnect(w, r, v, "", "", http.StatusOK)
}

func (s *Server) showDisconnect(w http.ResponseWriter, r *http.Request, v stay, reason, wrong string, status int) {
	mapped, err := s.Mappings.Any(r.Context(), v.link)
	if err == nil {
		err = v.link.MayDisconnect()
	}
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	s.show(w, r, status, v, ui.Page{
		Title: "Disconnect", Crumbs: []ui.Link{{Text: "Salesforce Integration", Href: IntegrationPath}},
		Alerts: []ui.Alert{{Kind: ui.Warning, Title: "This takes the connection down"}},
		Blocks: []ui.Block{
			ui.Definitions{{Name: "Salesforce system user", Value: orNone(v.link.Org.Username)}, {Name: "Marketing Cloud Connect API user", Value: orNone(v.link.Tenant.Username)}},
			ui.List(disconnectEffects(mapped)),
			v.form(ui.Form{Action: disconnectPath, Fields: []ui.Field{{Name: "reason", Label: "Why; kept on record", Value: reason, Error: wrong, Required: true, MaxLength: 500}}, Submits: []ui.Submit{{Label: "Disconnect"}}}),
			ui.Links{{Text: "Cancel", Href: IntegrationPath}},
		},
	})
}

// disconnectFor is how long one press of the button works; thousands of mappings take several.
const disconnectFor = 20 * time.Second

// disconnect clears all mappings with their grants, then takes the spans down.
func (s *Server) disconnect(w http.ResponseWriter, r *http.Request, v stay, form url.Values) {
	reason := strings.TrimSpace(form.Get("reason"))
	if reason == "" {
		s.showDisconnect(w, r, v, "", "Say why.", http.StatusUnprocessableEntity)
		return
	}
	cleared, more, err := s.clearAll(r.Context(), v, reason, time.Now().Add(disconnectFor))
	if err == nil && more {
		s.showDisconnect(w, r, v, reason, fmt.Sprintf("%d mappings are cleared, and more are left: press Disconnect again.", cleared), http.StatusOK)
		return
	}
	if err == nil {
		_, err = s.Links.Disconnect(r.Context(), v.link, audit.Change{Actor: v.actor(), Reason: reason})
	}
	if err != nil {
		s.sorry(w, r, v, err)
		return
	}
	s.show(w, r, http.StatusOK, v, ui.Page{
		Title: "Disconnected", Crumbs: []ui.Link{{Text: "Salesforce Integration", Href: IntegrationPath}},
		Alerts: []ui.Alert{{Kind: ui.Success, Title: "Both spans are down", Text: fmt.Sprintf("%d mappings were cleared.", cleared)}},
		Blocks: []ui.Block{ui.Text("Sessions in both clouds go on until they are logged out there."), ui.Links{{Text: "OK", Href: IntegrationPath}}},
	})
}

// clearAll clears mappings until none is left, or its time is over, by the machine's clock. One that cannot be cleared ends it.
func (s *Server) clearAll(ctx context.Context, v stay, reason string, until time.Time) (cleared int, more bool, err error) {
	if err := v.link.MayDisconnect(); err != nil {
		return 0, false, err
	}
	if err := s.Upgrades.Undisturbed(ctx, v.link); err != nil {
		return 0, false, err
	}
	for after := ""; ; {
		done, err := s.Mappings.Clear(ctx, v.link, mapping.ClearRequest{All: true, After: after, Actor: v.actor(), Reason: reason})
		cleared += len(done.Cleared)
		switch {
		case err != nil:
			return cleared, true, err
		case len(done.Failed) > 0:
			return cleared, true, done.Failed[0].Err
		case done.Next == "":
			return cleared, false, nil
		case time.Now().After(until):
			return cleared, true, nil
		}
		after = done.Next
	}
}
