package twinspan_test

import (
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan"
	"github.com/twinspan/twinspan/internal/client/browser"
	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/client/control"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/vault"
)

// The system user's password is changed, his security token is reset, a year passes in which passwords expire, and the
// program is started again: both spans and every mapping go on, and a mapped user is asked by Engagement for nothing. An
// integration user, made as document 004 says, who signs in by password, breaks each time with that cause named, and is
// renewed by the token that was mailed to him. For each release of the package at which something changes.
//
// seed:api S004-01 S004-03 S004-06 S004-08 S004-09 S004-11 S004-12 S004-13 S004-14 S004-15 S004-16 S004-17
// seed:api S004-19 S004-20 S004-21 S004-22 S004-23 S004-25 S004-28 S004-29
func TestSpansOutlivePasswords(t *testing.T) {
	t.Parallel()
	for _, release := range []string{"5.400", "5.493", "219", "220"} {
		t.Run(release, func(t *testing.T) {
			t.Parallel()
			c := freePorts(t.TempDir())
			c.Package = release
			e := &endurance{Program: start(t, c)}
			e.makeRobot(t)
			e.goesOn(t, "at first")

			ids := e.ids(t)
			e.breaks(t, "security_token_reset", func() {
				for _, id := range ids {
					e.resetToken(t, id)
				}
			})
			e.goesOn(t, "with the security tokens reset")
			e.breaks(t, "password_changed", func() {
				for _, id := range ids {
					noError(t, e.admin(t).SetUserPassword(bounded(t), id, "Another-pass-1"))
				}
			})
			e.goesOn(t, "with the passwords changed")
			e.renew(t, "Another-pass-1")
			e.breaks(t, "password_expired", func() { e.advance(t, 365*24*time.Hour) })
			e.goesOn(t, "a year later")

			noError(t, e.Close())
			e.Program = start(t, c)
			e.goesOn(t, "after a restart")
			e.visit(t)
		})
	}
}

// endurance is a program with an integration user.
type endurance struct {
	*twinspan.Program
	robot string // the integration user's name in the org
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (e *endurance) connect(t *testing.T) *connect.Client {
	t.Helper()
	r := e.Ready()
	c, err := connect.New(r.Connect.URL, vault.Secret(r.Connect.APIToken), nil)
	noError(t, err)
	return c
}

// admin signs the administrator in by key, which no password's end prevents.
func (e *endurance) admin(t *testing.T) *crm.Session {
	t.Helper()
	r := e.Ready()
	app := r.CRM.ConnectedApps["Integration Test"]
	text, err := os.ReadFile(app.PrivateKeyFile)
	noError(t, err)
	key, err := oauth.ParseKey(text)
	noError(t, err)
	org, err := crm.New(crm.Options{BaseURL: r.CRM.URL})
	noError(t, err)
	token, err := org.JWTBearer(bounded(t), crm.JWTGrant{ConsumerKey: app.ClientID, Username: r.CRM.Admin.Username, Key: key, Now: e.now(t)})
	noError(t, err)
	return org.Session(token)
}

// begin connects the last of the demo's people as the integration user.
func (e *endurance) begin(t *testing.T) {
	t.Helper()
	e.letAdminsLogIn(t)
	robot := e.Ready().CRM.Users[2]
	e.robot = robot.Username
	_, err := e.giveRobot(t, vault.Secret(robot.Password), vault.Secret(robot.SecurityToken))
	noError(t, err)
}

// giveRobot gives Connect the integration user's credentials.
func (e *endurance) giveRobot(t *testing.T, password, token vault.Secret) (connect.IntegrationUser, error) {
	t.Helper()
	app := e.Ready().CRM.ConnectedApps["Integration Test"]
	return e.connect(t).ConnectIntegrationUser(bounded(t), connect.IntegrationCredentials{
		Username: e.robot, Password: password, SecurityToken: token, ClientID: app.ClientID, ClientSecret: vault.Secret(app.ClientSecret),
	})
}

// makeRobot makes the integration user as document 004 says: an account of his own, made by an administrator; his password, set by
// the link that is mailed to him; the flow, which is off, is refused by name and then allowed; and he is connected with user
// name, password and the security token that was mailed.
func (e *endurance) makeRobot(t *testing.T) {
	t.Helper()
	e.robot = "robot@integration.example"
	admin := e.admin(t)
	noError(t, admin.UpdateSettings(bounded(t), []crm.Setting{e.setting(t, "blockOAuthUnPwFlow", "true")}))
	profiles, err := admin.Query(bounded(t), "SELECT Id FROM Profile WHERE Name = 'System Administrator' AND UserLicense.Name = 'Salesforce'")
	noError(t, err)
	id, err := admin.CreateRecord(bounded(t), "User", map[string]any{
		"Username": e.robot, "LastName": "Salesforce Connector", "Email": "robot@mail.example", "Alias": "robot", "TimeZoneSidKey": "America/Los_Angeles",
		"LocaleSidKey": "en_US", "EmailEncodingKey": "UTF-8", "LanguageLocaleKey": "en_US", "ProfileId": profiles[0].String("Id"),
	})
	noError(t, err)
	sets, err := admin.Query(bounded(t), "SELECT Id FROM PermissionSet WHERE Label = 'Integration Test Users'")
	noError(t, err)
	_, err = admin.CreateRecord(bounded(t), "PermissionSetAssignment", map[string]any{"PermissionSetId": sets[0].String("Id"), "AssigneeId": id})
	noError(t, err)
	e.setByLink(t, "robot@mail.example", "robot-pass-1")

	e.withMailedToken(t, e.robot, func(token vault.Secret) error {
		_, err := e.giveRobot(t, "robot-pass-1", token)
		wantRefused(t, err, "username_password_flow_off")
		noError(t, admin.UpdateSettings(bounded(t), []crm.Setting{e.setting(t, "blockOAuthUnPwFlow", "false")}))
		_, err = e.giveRobot(t, "robot-pass-1", token)
		return err
	})
	u, err := e.connect(t).CheckIntegrationUser(bounded(t), false)
	noError(t, err)
	if u.State != "connected" || len(u.Findings) < 3 {
		t.Errorf("the integration user is %+v", u)
	}
	for _, f := range u.Findings { // licence, profile, an account of his own
		if !f.OK {
			t.Errorf("%s: %s, want %s", f.Name, f.Got, f.Want)
		}
	}

	// Nobody logs in as him before the policy allows it.
	b, err := e.admin(t).Browser(bounded(t))
	noError(t, err)
	if err := b.LoginAs(bounded(t), id); err == nil {
		t.Error("an administrator logged in as another user while the policy was off")
	}
	e.letAdminsLogIn(t)
}

// setByLink sets a password on the page whose link the org mailed to the address.
func (e *endurance) setByLink(t *testing.T, address, password string) {
	t.Helper()
	mails, err := e.control(t).Mails(bounded(t), control.MailQuery{To: address, Wait: 20 * time.Second})
	noError(t, err)
	if len(mails) != 1 {
		t.Fatalf("%d letters to %s", len(mails), address)
	}
	letter, err := e.control(t).Mail(bounded(t), mails[0].ID)
	noError(t, err)
	b := browser.New(nil)
	page, err := b.Open(bounded(t), e.Ready().CRM.URL+mailedLink.FindString(letter.Text))
	noError(t, err)
	if len(page.Forms) != 1 {
		t.Fatalf("the link leads to %d %s", page.Status, page.Text)
	}
	page, err = b.Send(bounded(t), page.Forms[0], url.Values{"new_password": {password}, "confirm_password": {password}}, nil)
	noError(t, err)
	if page.Status != 200 || !strings.Contains(page.Text, "Your password is set") {
		t.Fatalf("setting the password: %d %s", page.Status, page.Text)
	}
}

// ids are those of the system user and of the integration user.
func (e *endurance) ids(t *testing.T) []string {
	t.Helper()
	var ids []string
	for _, name := range []string{e.Ready().CRM.SystemUser.Username, e.robot} {
		users, err := e.admin(t).Query(bounded(t), "SELECT Id FROM User WHERE Username = '"+name+"'")
		if err != nil || len(users) != 1 {
			t.Fatalf("%s: %v %v", name, users, err)
		}
		ids = append(ids, users[0].String("Id"))
	}
	return ids
}

func (e *endurance) resetToken(t *testing.T, id string) {
	t.Helper()
	b, err := e.admin(t).Browser(bounded(t))
	noError(t, err)
	noError(t, b.LoginAs(bounded(t), id))
	noError(t, b.ResetSecurityToken(bounded(t)))
	noError(t, b.Logout(bounded(t)))
}

func (e *endurance) control(t *testing.T) *control.Client {
	t.Helper()
	c, err := control.New(e.Ready().Control.URL, vault.Secret(e.Ready().Control.Token), nil)
	noError(t, err)
	return c
}

func (e *endurance) advance(t *testing.T, d time.Duration) {
	t.Helper()
	_, err := e.control(t).Advance(bounded(t), d)
	noError(t, err)
}

// breaks does what breaks the integration user, and looks which cause is named.
func (e *endurance) breaks(t *testing.T, cause string, do func()) {
	t.Helper()
	e.advance(t, time.Hour)
	do()
	u, err := e.connect(t).CheckIntegrationUser(bounded(t), true)
	noError(t, err)
	if u.State != "broken" || u.Cause == nil || u.Cause.Code != cause {
		t.Errorf("the integration user is %s, %+v; want %s", u.State, u.Cause, cause)
	}
	s, _ := status(t, e.Ready())
	if s.IntegrationUser == nil || s.IntegrationUser.Cause == nil || s.IntegrationUser.Cause.Code != cause {
		t.Errorf("the status says %+v, want %s", s.IntegrationUser, cause)
	}
}

var (
	mailedToken = regexp.MustCompile(`Security token \(case-sensitive\): (\w+)`)
	mailedLink  = regexp.MustCompile(`/secur/setpassword\.jsp\?code=\S+`)
)

// renew gives the integration user's new password, with the token that was mailed last.
func (e *endurance) renew(t *testing.T, password vault.Secret) {
	t.Helper()
	e.withMailedToken(t, e.robot, func(token vault.Secret) error {
		_, err := e.connect(t).RenewIntegrationUser(bounded(t), password, token, "test")
		return err
	})
}

// withMailedToken gives security tokens that were mailed to a user to a function until it takes one.
func (e *endurance) withMailedToken(t *testing.T, username string, take func(vault.Secret) error) {
	t.Helper()
	users, err := e.admin(t).Query(bounded(t), "SELECT Email FROM User WHERE Username = '"+username+"'")
	noError(t, err)
	e.advance(t, time.Hour)
	for after := ""; ; { // a mail that is not there yet comes
		mails, err := e.control(t).Mails(bounded(t), control.MailQuery{To: users[0].String("Email"), After: after, Wait: 20 * time.Second})
		noError(t, err)
		if len(mails) == 0 {
			t.Fatal("no mailed token works")
		}
		for _, m := range mails {
			full, err := e.control(t).Mail(bounded(t), m.ID)
			noError(t, err)
			found := mailedToken.FindStringSubmatch(full.Text)
			if found == nil {
				continue
			}
			if take(vault.Secret(found[1])) == nil {
				return
			}
		}
		after = mails[0].ID
	}
}

// goesOn checks both spans, every mapping, and a message that a mapped user sends.
func (e *endurance) goesOn(t *testing.T, when string) {
	t.Helper()
	c := e.connect(t)
	noError(t, c.ConnectOrg(bounded(t), e.Ready().CRM.SystemUser.Username, "test", oauth.NewToken(16)))
	s, users := status(t, e.Ready())
	if s.State != "connected" || len(users) != 3 {
		t.Fatalf("%s: %s with %d users", when, s.State, len(users))
	}
	for _, u := range users {
		if one, err := c.User(bounded(t), u.CRMUsername); err != nil || one.State != "mapped" {
			t.Errorf("%s: %s is %s (%v)", when, u.CRMUsername, one.State, err)
		}
	}
	sent, err := c.SendTest(bounded(t), users[0].CRMUsername, "reader@customer.example", "welcome", oauth.NewToken(16))
	if err != nil || sent.Status != "accepted" && sent.Status != "sent" {
		t.Errorf("%s: the send is %+v (%v)", when, sent, err)
	}
}

// visit opens the tab as a mapped person. The org may ask who it is; Engagement, for which no credentials are at hand, may
// ask for nothing.
func (e *endurance) visit(t *testing.T) {
	t.Helper()
	r := e.Ready()
	person, engagement := r.CRM.Users[0], r.Engagement.Users[0]
	users, err := e.admin(t).Query(bounded(t), "SELECT Id FROM User WHERE Username = '"+person.Username+"'")
	noError(t, err)
	noError(t, e.admin(t).SetUserPassword(bounded(t), users[0].String("Id"), "Mine-again-1")) // the org's own has expired too
	page, err := browser.New(nil).Visit(bounded(t), r.Connect.URL+"/marketing-cloud", browser.Errand{
		Logins: map[string]browser.Credentials{r.CRM.URL: {Username: person.Username, Password: "Mine-again-1"}}, Press: []string{"Allow"},
	})
	if err != nil || page.Status != 200 || !strings.Contains(page.Text, "Connected as "+engagement.Username) {
		t.Errorf("the visit: %+v %v", page, err)
	}
}
