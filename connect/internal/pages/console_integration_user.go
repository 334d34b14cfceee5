package pages

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/twinspan/twinspan/connect/internal/integration"
	"github.com/twinspan/twinspan/connect/internal/link"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/ui"
	"github.com/twinspan/twinspan/internal/vault"
)

// Paths of the integration user of document 004.
const (
	robotPath       = ConsolePath + "/integration-user"
	robotRenewPath  = robotPath + "/renew"
	robotCheckPath  = robotPath + "/check"
	robotRemovePath = robotPath + "/remove"
)

// robotShown is what a form of the page led to.
type robotShown struct {
	typed  url.Values // of a refused form; what is secret is never shown again
	action string     // of that form
	err    error
	report *integration.Report
}

// robot is the page Salesforce Integration User: who he is, whether he signs in, and what renews him.
func (s *Server) robot(w http.ResponseWriter, r *http.Request, v stay) {
	s.showRobot(w, r, v, robotShown{})
}

func secretFields() []ui.Field {
	return []ui.Field{
		{Type: ui.PasswordField, Name: "password", Label: "Password", Required: true, MaxLength: 1000, Autocomplete: "new-password"},
		{Type: ui.PasswordField, Name: "security_token", Label: "Security token", MaxLength: 1000, Autocomplete: "new-password", Hint: "Of the letter of Reset My Security Token; empty where the org trusts Connect’s address."},
	}
}

// robotForm asks for all that the user signs in with.
func robotForm(typed url.Values) ui.Form {
	return ui.Form{Action: robotPath, Legend: "Connect the integration user", Submits: []ui.Submit{{Label: "Connect the integration user"}}, Fields: append(append(
		[]ui.Field{{Name: "username", Label: "User name", Value: typed.Get("username"), Required: true, MaxLength: 255, Autocomplete: "off"}}, secretFields()...),
		ui.Field{Name: "client_id", Label: "Consumer Key", Value: typed.Get("client_id"), Required: true, MaxLength: 1000, Autocomplete: "off", Hint: "Of the connected app that he signs in through."},
		ui.Field{Type: ui.PasswordField, Name: "client_secret", Label: "Consumer Secret", MaxLength: 1000, Autocomplete: "new-password", Hint: "Empty where the app needs none."})}
}

func robotRenewForm() ui.Form {
	return ui.Form{Action: robotRenewPath, Legend: "New password or security token", Fields: secretFields(), Submits: []ui.Submit{{Label: "Renew"}}}
}

func (s *Server) showRobot(w http.ResponseWriter, r *http.Request, v stay, in robotShown) {
	a, err := s.Integration.Account(r.Context(), v.link)
	there := err == nil
	if err != nil && fault.CodeOf(err) != integration.CodeNotFound {
		s.sorry(w, r, v, err)
		return
	}
	p := ui.Page{Title: "Salesforce Integration User"}
	status := http.StatusOK
	forms := []ui.Form{robotForm(in.typed)}
	if there {
		forms = []ui.Form{robotRenewForm(), robotForm(in.typed)}
	}
	if in.err != nil {
		var text string
		if status, text = s.refusal(r, in.err); status == 0 {
			return
		}
		marked := false
		for i := range forms {
			marked = marked || forms[i].Action == in.action && fieldError(&forms[i], in.err)
		}
		if !marked {
			p.Alerts = append(p.Alerts, ui.Alert{Kind: ui.Error, Title: "That did not work", Text: text})
		}
	}
	p.Blocks = append(p.Blocks, ui.Text("A dedicated user of the org as whom a connector of another vendor signs in, by user name, password and security token (document 004). He is not Connect’s system user. Better is JWT bearer, which has no password to expire: the system user’s way."))
	if there {
		p.Blocks = append(p.Blocks, robotFacts(a), v.form(ui.Form{Action: robotCheckPath, Submits: []ui.Submit{{Label: "Check now"}}}))
	}
	if in.report != nil {
		t := ui.Table{Caption: "What the check found", Columns: []string{"What", "Wanted", "Found", "Result"}, Empty: "the org refuses him"}
		for _, f := range in.report.Findings {
			t.Rows = append(t.Rows, ui.Row(f.Name, f.Want, f.Got, map[bool]string{true: "as it should be", false: "not as it should be"}[f.OK]))
		}
		p.Blocks = append(p.Blocks, t)
	}
	for _, f := range forms {
		p.Blocks = append(p.Blocks, v.form(f))
	}
	p.Blocks = append(p.Blocks, ui.Heading{Text: "In the org"}, robotClicks(v.link), ui.Links{{Text: "Guide: About the Salesforce Integration User", Href: GuidesPath + "/004"}})
	if there {
		p.Blocks = append(p.Blocks, v.form(ui.Form{Action: robotRemovePath, Submits: []ui.Submit{{Label: "Forget the integration user", Secondary: true}}}))
	}
	s.show(w, r, status, v, p)
}

func robotFacts(a integration.Account) ui.Definitions {
	d := ui.Definitions{
		{Name: "User name", Value: a.Username}, {Name: "State", Value: spanText(a.State)}, {Name: "Org ID", Value: a.OrgID}, {Name: "Consumer Key", Value: a.ClientID}, {Name: "Credentials given", Value: stamp(a.ConnectedAt)}, {Name: "Last tried", Value: stamp(a.CheckedAt)},
	}
	return withCause(d, a.Cause)
}

// robotClicks are document 004's steps in the org, with their pages where these are known.
func robotClicks(l link.Link) ui.Steps {
	at := func(path string) string {
		if l.Standing != link.Embedded {
			return ""
		}
		return l.CRMURL + path
	}
	return ui.Steps{
		{Text: "Allow OAuth Username-Password Flows.", State: ui.StepUnknown, Href: at("/setup/oauth-and-openid-connect-settings"), Link: "Setup > Identity > OAuth and OpenID Connect Settings"},
		{Text: "Create the user: User License Salesforce, Profile System Administrator.", State: ui.StepUnknown, Href: at("/setup/users"), Link: "Setup > Users > New User"},
		{Text: "Let administrators log in as any user.", State: ui.StepUnknown, Href: at("/setup/login-access-policies"), Link: "Setup > Security > Login Access Policies"},
		{Text: "Log in as the user, and reset his security token: it is mailed to his address.", State: ui.StepUnknown, Href: at("/setup/users"), Link: "Setup > Users > Login, then Settings > Reset My Security Token", Command: "twinspan integration-user reset-token"},
	}
}

func (s *Server) connectRobot(w http.ResponseWriter, r *http.Request, v stay, form url.Values) {
	_, err := s.Integration.Connect(r.Context(), v.link, integration.Credentials{
		Username: strings.TrimSpace(form.Get("username")), Password: vault.Secret(form.Get("password")), SecurityToken: vault.Secret(strings.TrimSpace(form.Get("security_token"))),
		ClientID: strings.TrimSpace(form.Get("client_id")), ClientSecret: vault.Secret(strings.TrimSpace(form.Get("client_secret"))),
	}, v.actor())
	s.afterRobot(w, r, v, robotShown{typed: form, action: robotPath, err: err})
}

func (s *Server) renewRobot(w http.ResponseWriter, r *http.Request, v stay, form url.Values) {
	_, err := s.Integration.Renew(r.Context(), v.link, vault.Secret(form.Get("password")), vault.Secret(strings.TrimSpace(form.Get("security_token"))), v.actor())
	s.afterRobot(w, r, v, robotShown{action: robotRenewPath, err: err})
}

func (s *Server) removeRobot(w http.ResponseWriter, r *http.Request, v stay, _ url.Values) {
	s.afterRobot(w, r, v, robotShown{err: s.Integration.Remove(r.Context(), v.link, v.actor())})
}

func (s *Server) afterRobot(w http.ResponseWriter, r *http.Request, v stay, in robotShown) {
	if in.err != nil {
		s.showRobot(w, r, v, in)
		return
	}
	redirect(w, r, robotPath)
}

// checkRobot signs the user in, also one who is known to be refused: a person asked for it.
func (s *Server) checkRobot(w http.ResponseWriter, r *http.Request, v stay, _ url.Values) {
	report, err := s.Integration.Check(r.Context(), v.link, true)
	if err != nil {
		s.showRobot(w, r, v, robotShown{err: err})
		return
	}
	s.showRobot(w, r, v, robotShown{report: &report})
}
