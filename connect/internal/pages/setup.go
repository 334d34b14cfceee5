package pages

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/twinspan/twinspan/connect/internal/guide"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/connect/internal/signin"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
)

// otherUserPath is the button of a visitor who wants to be somebody else in the org.
const otherUserPath = TabPath + "/other-user"

// setUpGuide is the document whose end the tab of an unconnected org is.
const setUpGuide = "001"

// toBeSetUp reports whether the tab is where the clouds are connected (document 001, steps 33 to 36): one of the built-in clouds
// is not connected, and the way there is a key. Elsewhere the console and the command say what connects them.
func toBeSetUp(l link.Link) bool {
	return l.Standing == link.Embedded && (l.Org.Username == "" || l.Tenant.Username == "") && (l.TenantAuth == "" || l.TenantAuth == link.JWT) && l.Tenant.Driver != link.Password
}

// landing is what stands at the server's address: the tab, and before the clouds are connected what has to be done for that.
func (s *Server) landing(w http.ResponseWriter, r *http.Request) {
	l, err := s.Links.First(r.Context())
	if err != nil || !toBeSetUp(l) {
		redirect(w, r, TabPath)
		return
	}
	guides := make(ui.Links, 0, len(guide.Names()))
	for _, name := range guide.Names() {
		g, err := s.Guides.Text(l, name)
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		guides = append(guides, ui.Link{Text: g.Title, Href: GuidesPath + "/" + name})
	}
	s.render(w, r, http.StatusOK, ui.Page{
		Title: "Connect Salesforce and Marketing Cloud Engagement", Brand: brand,
		Blocks: []ui.Block{
			ui.Text(stateText(l.State()) + "."),
			ui.Heading{Text: "What comes next"},
			ui.Text("Open the guide Set Up Connected App Authentication. It asks you to sign in with Salesforce, as an administrator of the org; from then on it says which step is next, on which page it is done, and sees when it is done."),
			ui.Actions{{Text: "Set Up Connected App Authentication", Href: GuidesPath + "/" + setUpGuide}},
			ui.Heading{Text: "All guides"},
			guides,
			ui.Links{{Text: "Marketing Cloud tab", Href: TabPath}, {Text: "Troubleshoot Connected App", Href: TroubleshootPath}},
		},
	})
}

// setUp is the tab of an org that is not connected: who is here, and the button that connects the clouds. alert, where it has a
// title, says why that did not work.
func setUp(v signin.Visitor, l link.Link, alert ui.Alert) ui.Page {
	p := ui.Page{Title: "Connect to Marketing Cloud", Brand: brand, User: v.Username, FormAction: slices.Concat(tenantSource(l), formSource(l.CRMURL))}
	if alert.Title != "" {
		p.Alerts = append(p.Alerts, alert)
	}
	p.Alerts = append(p.Alerts, ui.Alert{
		Kind: ui.Warning, Title: "Log out of Engagement first",
		Text: "During this process, the system connects to any active Engagement session to establish the Marketing Cloud Connect API user. To prevent an incorrect connection, " +
			"log out of all active Engagement sessions. Closing the tab doesn’t end an active session.",
	})
	who := "This is done as the Salesforce system user: the one to whom the permission sets of the guide are assigned, " + l.Names().SystemUserSet + " among them. If that is not " + v.Username + ", press Sign in as another Salesforce user first."
	if l.Org.Username != "" {
		who = "The Salesforce system user is " + l.Org.Username + "."
		if link.SameUsername(l.Org.Username, v.Username) {
			who += " That is you."
		} else {
			who += " That is not you: press Sign in as another Salesforce user first."
		}
	}
	p.Blocks = []ui.Block{
		ui.Text(stateText(l.State()) + "."),
		ui.Definitions{{Name: "You are signed in to Salesforce as", Value: v.Username}, {Name: "Marketing Cloud Connect API user", Value: orNone(l.Tenant.Username)}},
		ui.Heading{Text: "What comes next"},
		ui.Text(who),
		ui.Text("Connect to Marketing Cloud leads to Engagement’s login page. Enter the user name and password of the Marketing Cloud Connect API User there, not your own, and log in. Who was found is named and asked about before anything is connected."),
		ui.Form{Action: connectPath, Submits: []ui.Submit{{Label: "Connect to Marketing Cloud"}}},
		otherUserForm(),
		ui.Heading{Text: "Before it"},
		ui.Text("The steps before this one are done in the org’s Setup. The guide says which are left."),
		ui.Links{{Text: "Guide: Set Up Connected App Authentication", Href: GuidesPath + "/" + setUpGuide}, {Text: "Troubleshoot Connected App", Href: TroubleshootPath}},
		signOutForm(),
	}
	return p
}

// otherUser sends a visitor to the org, which asks who he is.
func (s *Server) otherUser(w http.ResponseWriter, r *http.Request) {
	_, l, err := s.session(r)
	if fault.KindOf(err) == fault.Unauthenticated {
		l, err = s.Links.First(r.Context())
	}
	if err == nil {
		err = s.admits(r.Context(), l)
	}
	location := ""
	if err == nil {
		location, err = s.Signins.BeginVisitAnew(r.Context(), l, s.cookies.browser(w, r))
	}
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.leave(w, r, location)
}

// mayBeSetUpBy refuses a visitor who may not connect the clouds: he is to be the system user, or runs the connection already.
func (s *Server) mayBeSetUpBy(r *http.Request, l link.Link, v signin.Visitor) error {
	switch {
	case l.Org.Username == "":
		return s.Links.ProveSystemUser(r.Context(), l, v.Username)
	case link.SameUsername(l.Org.Username, v.Username):
		return nil
	}
	admin, err := s.isAdmin(r.Context(), l, v)
	if err == nil && !admin {
		err = fault.New(fault.Denied, CodeNotAdmin, "The clouds are connected by the Salesforce system user, %s, or by a %s; you are neither.", l.Org.Username, l.Names().AdminBoxLabel)
	}
	return err
}

// beginSetUp is the button Connect to Marketing Cloud of an org that is not connected.
func (s *Server) beginSetUp(w http.ResponseWriter, r *http.Request, l link.Link, v signin.Visitor) {
	err := s.mayBeSetUpBy(r, l, v)
	if err == nil && l.Tenant.Username != "" { // the one that is left
		if l, err = s.Links.ConnectOrg(r.Context(), l.Pair, v.Username, v.Username); err == nil {
			s.render(w, r, http.StatusOK, setUpDone(l, v.Username))
			return
		}
	}
	location := ""
	if err == nil {
		location, err = s.Signins.BeginSetUp(r.Context(), l, v, s.cookies.browser(w, r))
	}
	if err == nil {
		s.leave(w, r, location)
		return
	}
	status, text := s.refusal(r, err)
	if status == 0 {
		return
	}
	s.render(w, r, status, setUp(v, l, notLetIn(l, v, err, text)))
}

// notLetIn says why a visitor could not connect the clouds, and what comes next.
func notLetIn(l link.Link, v signin.Visitor, err error, text string) ui.Alert {
	a := ui.Alert{Kind: ui.Error, Title: "Nothing was connected", Text: text}
	switch {
	case fault.CodeOf(err) == link.CodeNotSystemUser:
		a.Text += " Sign in as the one who has it, or assign it to " + v.Username + " first: the guide has it under Permission sets of the API User."
	case fault.CodeOf(err) == client.CodeRefused:
		a.Text += " The org does not let " + v.Username + " in through " + l.Names().App + " yet. Either the steps of the guide before this one are not done, or " + v.Username + " is not the system user: sign in as him."
	default:
		return a
	}
	a.Links = []ui.Link{{Text: "Guide: Set Up Connected App Authentication", Href: GuidesPath + "/" + setUpGuide}}
	return a
}

// askSetUp names both identities and asks whether they are meant. The API user's record is read in his own session: whoever is
// no API user was most likely signed in by mistake.
func (s *Server) askSetUp(w http.ResponseWriter, r *http.Request, a signin.Arrival) {
	if err := a.Link.CheckAPIUser(a.User.Username, a.User); err != nil {
		s.giveBack(r, a)
		s.refuse(w, r, err)
		return
	}
	p := ui.Page{
		Title: "Connect the clouds?", User: a.Flow.Visitor.Username,
		Blocks: []ui.Block{
			ui.Text("These two users were found. Connect works as them from now on."),
			ui.Definitions{
				{Name: "Salesforce system user", Value: a.Flow.Visitor.Username},
				{Name: "Org", Value: a.Link.CRMURL},
				{Name: "Marketing Cloud Connect API user", Value: named(a.User)},
				{Name: "Enterprise (EID)", Value: strconv.FormatInt(a.User.EID, 10)},
				{Name: "Business unit (MID)", Value: strconv.FormatInt(a.User.MID, 10)},
			},
			ui.Text("Nothing is connected yet."),
		},
	}
	d, err := a.Own().UserDetails(r.Context(), a.User.Username)
	switch {
	case err != nil: // an API user reads his own record; one who may not is asked about all the same
		s.log(r, http.StatusOK, err)
	case !d.APIUser:
		p.Alerts = []ui.Alert{{Kind: ui.Warning, Title: a.User.Username + " is no API User", Text: "In Engagement, " + a.User.Username + " is not marked as API User. Was this session still open? Log out of Engagement and begin again."}}
	}
	unusual := len(p.Alerts) > 0
	flow := signin.Flow{Purpose: signin.ConfirmSetUp, Username: a.User.Username, MID: 0, Visitor: a.Flow.Visitor}
	if !s.ask(w, r, a.Link, flow, func(handle string) ui.Page { return asking(p, handle, "No, connect nothing", yesConnect, unusual) }) {
		s.giveBack(r, a)
	}
}

// notSetUp is where a no leads.
func notSetUp() ui.Page {
	return ui.Page{Title: "Nothing was connected", Brand: brand, Narrow: true, Blocks: []ui.Block{
		ui.Heading{Text: "What comes next"},
		ui.Text("Log out of Engagement, then begin again: press Connect to Marketing Cloud on the Marketing Cloud tab, and log in as the Marketing Cloud Connect API User."),
		ui.Links{{Text: "Marketing Cloud tab", Href: TabPath}},
	}}
}

// connectBoth puts up the spans that are not there.
func (s *Server) connectBoth(r *http.Request, l link.Link, f signin.Flow) (link.Link, error) {
	err := s.mayBeSetUpBy(r, l, f.Visitor)
	if err == nil && l.Org.Username == "" {
		l, err = s.Links.ConnectOrg(r.Context(), l.Pair, f.Visitor.Username, f.Visitor.Username)
	}
	if err == nil {
		l, err = s.Links.ConnectTenantSignedIn(r.Context(), l.Pair, f.Username, f.MID, f.Visitor.Username)
	}
	return l, err
}

// setUpDone is the end of document 001.
func setUpDone(l link.Link, visitor string) ui.Page {
	return ui.Page{
		Title: "Connected", Brand: brand, User: visitor,
		Alerts: []ui.Alert{{
			Kind: ui.Success, Title: stateText(l.State()),
			Text: "Engagement works in the org as the Salesforce system user " + l.Org.Username + ", the org in Engagement as the Marketing Cloud Connect API user " + l.Tenant.Username + ". No further password is needed.",
		}},
		Blocks: []ui.Block{
			ui.Heading{Text: "What comes next"},
			ui.Text("The set-up is finished: this was the last step of Set Up Connected App Authentication. Log out of Engagement, where the API user is still signed in; the connection stays."),
			ui.Text("Every user then opens the Marketing Cloud tab once and connects with his own Engagement user."),
			ui.Links{{Text: "See in the guide that every step is done", Href: GuidesPath + "/" + setUpGuide}, {Text: "Marketing Cloud tab", Href: TabPath}},
		},
	}
}
