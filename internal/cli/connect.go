package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/standing"
	"github.com/twinspan/twinspan/internal/vault"
)

// connectCmd raises the connection.
type connectCmd struct {
	Up          connectUpCmd          `cmd:"" default:"withargs" help:"Connect both clouds, by key and without passwords; or, with --kind integration-user, an integration user by the OAuth username-password flow."`
	Notify      connectNotifyCmd      `cmd:"" help:"Who is mailed when the connection breaks: who, what, and once for each cause."`
	Settings    connectSettingsCmd    `cmd:"" help:"The settings of the connection: what becomes of new password connections once Connected App authentication is required."`
	Standing    connectStandingCmd    `cmd:"" help:"Whose clouds the connection stands between, and how each thing is done there: by command, by click, or not, and why."`
	Certificate connectCertificateCmd `cmd:"" help:"Print the certificate that the app in the org holds, PEM."`
	Renew       connectRenewCmd       `cmd:"" help:"Give new credentials in place of stored ones: the integration user's or the system user's password and security token, the API user's password."`
}

// Help is what `twinspan connect --help` says beneath the flags' summary.
func (*connectUpCmd) Help() string {
	return `With --org-auth password the secrets are system_user_password and system_user_security_token of --secrets-file, TWINSPAN_SYSTEM_USER_PASSWORD and
TWINSPAN_SYSTEM_USER_SECURITY_TOKEN, a prompt, or the ready file's; with --engagement-auth password likewise api_user_password, and with web_app
package_client_secret and web_client_secret. The package's web app needs the scope offline and the redirect URI /oauth/engagement/callback of Connect's address.`
}

// connectUpCmd connects.
type connectUpCmd struct {
	connectFlags
	secretFlags
	standingFlags
	Kind            string `help:"spans: from Engagement into the org and back, by key. integration-user: document 004." enum:"spans,integration-user" default:"spans" placeholder:"KIND" env:"-"`
	SystemUser      string `help:"User name in the org of the Salesforce system user; the ready file's where not given." placeholder:"NAME" env:"-"`
	APIUser         string `name:"api-user" help:"User name in Engagement of the Marketing Cloud Connect API user; the ready file's where not given." placeholder:"NAME" env:"-"`
	MID             int64  `name:"mid" help:"Business unit in which the API user works; his default where not given." placeholder:"MID" env:"-"`
	Plan            bool   `help:"Print every step and what is left of it, and change nothing; exit code 3 where something is left." env:"-"`
	Apply           bool   `help:"Do what public APIs allow, read each step back, and print the rest as clicks; doing it again changes nothing." env:"-"`
	OrgURL          string `help:"With --plan, --apply and --standing: URL of the org, with an administrator's access token in TWINSPAN_ORG_TOKEN, as org_token in --secrets-file, or at a prompt; instead of a ready file." placeholder:"URL"`
	OrgAuth         string `help:"How Connect signs in to the org. jwt: by key, Connected App authentication. password: by the system user's password and security token, as before; from 1 June 2016 on no new connection is made so. Kept as it is where not given, jwt where nothing is connected." enum:"jwt,password," default:"" placeholder:"HOW" env:"-"`
	Account         bool   `name:"connect-account" help:"From Engagement, in the browser (Connect Account): print an address at which the Salesforce system user signs in himself, is shown who was found, and says yes." env:"-"`
	TenantAuth      string `name:"engagement-auth" help:"How Connect signs in to Engagement. jwt: by key, tenant-specific OAuth. password: by the API user's password, as managed packages before 220 have it. web_app: by your own installed package, as in a real tenant: client credentials for the API user's work, one sign-in of each user. Kept as it is, or as the settings say, where not given, jwt where nothing is connected." enum:"jwt,password,web_app," default:"" placeholder:"HOW" env:"-"`
	PackageClientID string `name:"package-client-id" help:"With --engagement-auth web_app: client id of your installed package's API integration Server-to-Server; its secret is never on the command line. The ready file's where not given and nothing is stored." placeholder:"ID" env:"-"`
	WebClientID     string `name:"web-client-id" help:"With --engagement-auth web_app: client id of the API integration Web App, through which users sign in; --package-client-id's where not given." placeholder:"ID" env:"-"`
	Whoever         bool   `help:"With built-in clouds alone: print an address that binds whoever has an Engagement session in the browser that opens it, as documents 001 and 003 warn: a rehearsal of that mistake." env:"-"`
	SignIn          bool   `help:"Sign the API user in here, on Engagement's own page and without any other session, where he has to; his password comes from TWINSPAN_PASSWORD, --secrets-file or a prompt, and Connect never sees it." env:"-"`
	User            string `help:"With --kind integration-user: user name in the org." placeholder:"NAME" env:"-"`
	ClientID        string `help:"With --kind integration-user: consumer key of a connected app that allows the flow; the ready file's app \"Integration Test\" where not given." placeholder:"KEY" env:"-"`
	By              string `help:"Who asks; kept on record. The user of this computer, where not given." placeholder:"NAME" env:"-"`

	names orgNames // what things are called in the org, by key
	given secrets  // of stored credentials; nil before they are read

	signInPassword vault.Secret // of the API user, where it was asked for before it was needed

	own *connect.PackageClient // the package of one's own; nil before it is gathered

	stands string                 // the standing that the connection has, or is to have
	has    connect.Standing       // as Connect has it; the zero value for embedded clouds
	say    connect.StandingChange // what --standing says
}

// Run connects; exit code 3 where the API user has to sign in first.
func (c *connectUpCmd) Run(ctx context.Context, a *app) error {
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	if c.Kind == "integration-user" {
		return c.integrationUser(ctx, a, cl)
	}
	if said, err := c.stand(ctx, a, cl); err != nil || said {
		return err
	}
	if c.TenantAuth == "" && c.APIUser == "" {
		set, err := cl.Settings(ctx)
		if err != nil {
			return err
		}
		if set.EngagementAuth == authWebApp {
			c.TenantAuth = authWebApp
		}
	}
	if c.SystemUser == "" || c.APIUser == "" && c.TenantAuth != authWebApp {
		if c.URL != "" {
			return usagef("--system-user and --api-user are missing")
		}
		r, err := c.ready()
		if err != nil {
			return err
		}
		if c.SystemUser = cmp.Or(c.SystemUser, r.CRM.SystemUser.Username); c.TenantAuth != authWebApp {
			c.APIUser = cmp.Or(c.APIUser, r.Engagement.APIUser.Username)
		}
	}
	if c.Account {
		address, err := cl.OfferConnectAccount(ctx, c.SystemUser, a.who(c.By), oauth.NewToken(24))
		if err != nil {
			return err
		}
		if a.json {
			return a.printJSON(map[string]string{"authorize_url": address})
		}
		return a.print("next             " + oneLine(c.SystemUser) + " signs in to the org within ten minutes, and says yes: " + oneLine(address) + "\n")
	}
	if c.Whoever {
		offer, err := cl.OfferWhoever(ctx, a.who(c.By), oauth.NewToken(24))
		if err != nil {
			return err
		}
		if a.json {
			return a.printJSON(offer)
		}
		return a.print("warning          " + oneLine(offer.Warning) + "\nnext             whoever is signed in there is bound, unasked: " + oneLine(offer.AuthorizeURL) + "\n")
	}
	if !c.Plan {
		if err := c.gather(ctx, a, cl); err != nil {
			return err
		}
	}
	if c.Plan || c.Apply {
		return c.plan(ctx, a, cl)
	}
	by := a.who(c.By)
	if err := c.intoOrg(ctx, a, cl, by); err != nil {
		err = fmt.Errorf("from Engagement into the org, as %s: %w", c.SystemUser, err)
		if r := client.Remote(err); r != nil && r.Code == codeNoSuchApp && c.stands != string(standing.Embedded) {
			a.errorf("%v", forPeople(err))
			return errors.New(noSuchApp)
		}
		return err
	}
	if c.stands == string(standing.BesidePackage) && c.PackageClientID == "" { // Engagement is read by a package of the customer's alone
		return a.printStatus(ctx, cl)
	}
	answer, err := c.intoEngagement(ctx, a, cl, by)
	if err != nil {
		return fmt.Errorf("from the org into Engagement, as %s: %w", cmp.Or(c.APIUser, "the installed package"), err)
	}
	s, err := cl.Status(ctx)
	if err != nil {
		return err
	}
	if c.SignIn && !answer.Connected {
		if err := c.signInAPIUser(ctx, a, cl, answer, s.Engagement.AuthURL); err != nil {
			return err
		}
		if answer, err = cl.ConnectEngagement(ctx, c.APIUser, c.MID, by, oauth.NewToken(24)); err != nil {
			return err
		}
		if s, err = cl.Status(ctx); err != nil {
			return err
		}
	}
	if a.json {
		if err := a.printJSON(map[string]any{"status": s, "authorize_url": answer.AuthorizeURL}); err != nil {
			return err
		}
	} else if err := a.print(describe(s)); err != nil {
		return err
	}
	if answer.Connected {
		return nil
	}
	if !a.json {
		text := "warning          " + oneLine(answer.Warning) + "\n" +
			"next             " + oneLine(c.APIUser) + " signs in once, within ten minutes: " + oneLine(answer.AuthorizeURL) + "\n"
		if err := a.print(text); err != nil {
			return err
		}
	}
	return errNo
}

func (c *connectUpCmd) integrationUser(ctx context.Context, a *app, cl *connect.Client) error {
	if c.User == "" {
		return usagef("--user is missing: the integration user's name in the org")
	}
	names := []string{"password", "security_token"}
	var appSecret vault.Secret
	if c.ClientID == "" {
		r, err := c.ready()
		if err != nil {
			return err
		}
		test := r.CRM.ConnectedApps["Integration Test"]
		c.ClientID, appSecret = test.ClientID, vault.Secret(test.ClientSecret)
	} else {
		names = append(names, "client_secret")
	}
	s, err := c.read(ctx, a, names...)
	if err != nil {
		return err
	}
	if s["password"] == "" {
		return usagef("the password is missing: put it in TWINSPAN_PASSWORD, or in a --secrets-file")
	}
	u, err := cl.ConnectIntegrationUser(ctx, connect.IntegrationCredentials{
		Username: c.User, Password: s["password"], SecurityToken: s["security_token"], ClientID: c.ClientID, ClientSecret: cmp.Or(s["client_secret"], appSecret), By: a.who(c.By),
	})
	if err != nil {
		return err
	}
	return a.printIntegrationUser(u)
}

// connectRenewCmd renews the credentials.
type connectRenewCmd struct {
	connectFlags
	secretFlags
	Kind string `help:"Whose: integration-user, org (the system user's password and security token), engagement (the API user's password, or the secrets of your installed package). Not needed where one alone is stored, or broken." enum:"integration-user,org,engagement," default:"" placeholder:"KIND" env:"-"`
	By   string `help:"Who asks; kept on record. The user of this computer, where not given." placeholder:"NAME" env:"-"`
}

// Run gives the new credentials, which are tried before they take the place of the old ones.
func (c *connectRenewCmd) Run(ctx context.Context, a *app) error {
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	if c.Kind == "" {
		if c.Kind, err = renewable(ctx, cl); err != nil {
			return err
		}
	}
	names := []string{"password", "security_token"}
	if c.Kind == "engagement" {
		names = names[:1]
		now, err := cl.Status(ctx)
		if err != nil {
			return err
		}
		if now.Engagement.ClientID == "" && now.Engagement.Auth != authPassword {
			return usagef("--kind engagement: Connect keeps no credentials for Engagement; \"twinspan connect\" connects it")
		}
		if now.Engagement.ClientID != "" {
			if err := c.renewPackage(ctx, a, cl, now.Engagement); err != nil {
				return err
			}
			return a.printStatus(ctx, cl)
		}
	}
	s, err := c.read(ctx, a, names...)
	if err != nil {
		return err
	}
	if s["password"] == "" {
		return usagef("the password is missing: put it in TWINSPAN_PASSWORD, or in a --secrets-file")
	}
	if c.Kind == "integration-user" {
		u, err := cl.RenewIntegrationUser(ctx, s["password"], s["security_token"], a.who(c.By))
		if err != nil {
			return err
		}
		return a.printIntegrationUser(u)
	}
	if c.Kind == "engagement" {
		_, err = cl.ConnectEngagementByPassword(ctx, "", 0, s["password"], a.who(c.By))
	} else {
		err = cl.ConnectOrgByPassword(ctx, "", s["password"], s["security_token"], a.who(c.By))
	}
	if err != nil {
		return err
	}
	return a.printStatus(ctx, cl)
}

// renewable is whose credentials are stored, or broken, where that is one alone.
func renewable(ctx context.Context, cl *connect.Client) (string, error) {
	s, err := cl.Status(ctx)
	if err != nil {
		return "", err
	}
	var kinds, broken []string
	note := func(kind, state string) {
		kinds = append(kinds, kind)
		if state == "broken" {
			broken = append(broken, kind)
		}
	}
	if s.IntegrationUser != nil {
		note("integration-user", s.IntegrationUser.State)
	}
	if s.Org.Auth == authPassword {
		note("org", s.Org.State)
	}
	if s.Engagement.Auth == authPassword || s.Engagement.ClientID != "" {
		note("engagement", s.Engagement.State)
	}
	switch {
	case len(kinds) == 0:
		return "integration-user", nil // who is not there is told
	case len(kinds) == 1:
		return kinds[0], nil
	case len(broken) == 1:
		return broken[0], nil
	}
	return "", usagef("say whose credentials with --kind: %s", strings.Join(kinds, ", "))
}

// printStatus prints how the connection stands; errNo where it is not connected.
func (a *app) printStatus(ctx context.Context, cl *connect.Client) error {
	s, err := cl.Status(ctx)
	if err != nil {
		return err
	}
	if a.json {
		err = a.printJSON(s)
	} else {
		err = a.print(describe(s))
	}
	if err == nil && s.State != connect.StateConnected {
		err = errNo
	}
	return err
}

// integrationUserCmd is document 004 by command.
type integrationUserCmd struct {
	Create     integrationCreateCmd     `cmd:"" help:"Create the integration user in the org: licence Salesforce, profile System Administrator; and allow the flow with --allow-flow."`
	Check      integrationCheckCmd      `cmd:"" help:"Sign the connected integration user in, and say what he is and why he does not work; exit code 3 where he does not."`
	ResetToken integrationResetTokenCmd `cmd:"" help:"Have the org mail him a new security token, by logging in as him."`
	Remove     integrationRemoveCmd     `cmd:"" help:"Have Connect forget him, with his password and security token; in the org he stays as he is."`
}

// Help is what `twinspan integration-user create --help` says beneath the flags' summary.
func (*integrationCreateCmd) Help() string {
	return `Document 004, by command, for convenience; https://help.salesforce.com/ says more about creating a user. The org mails him a link to verify the account and
set his password. Give user name, password and security token to "twinspan connect --kind integration-user".`
}

// integrationCreateCmd creates the user.
type integrationCreateCmd struct {
	orgFlags
	Username  string `arg:"" help:"User name, in the form of an e-mail address; unique on the server."`
	Email     string `required:"" help:"Address that the link to the first password goes to." placeholder:"ADDRESS" env:"-"`
	LastName  string `help:"Last name." default:"Salesforce Connector" placeholder:"NAME" env:"-"`
	AllowFlow bool   `help:"Also switch on Allow OAuth Username-Password Flows (Setup > Identity > OAuth and OpenID Connect Settings)." env:"-"`
}

// Run creates the user.
func (c *integrationCreateCmd) Run(ctx context.Context, a *app) error {
	if c.AllowFlow {
		set := orgSettingsSetCmd{orgFlags: c.orgFlags, Settings: []string{"blockOAuthUnPwFlow=false"}}
		quiet := *a
		quiet.Stdout = &strings.Builder{}
		if err := set.Run(ctx, &quiet); err != nil {
			return err
		}
	}
	create := orgUserCreateCmd{orgFlags: c.orgFlags, Username: c.Username, Email: c.Email, LastName: c.LastName, Profile: "System Administrator", License: "Salesforce"}
	return create.Run(ctx, a)
}

// integrationResetTokenCmd resets the security token of the integration user.
type integrationResetTokenCmd struct {
	orgFlags
	Username string `arg:"" optional:"" help:"User name; the integration user who is connected where absent."`
}

// Run finds out who the integration user is before it resets anything: without a name the org's own command would reset
// the token of the administrator who calls, and so shut out the commands themselves. On a real org no API resets a security
// token: the clicks are told, and the exit code is 3.
func (c *integrationResetTokenCmd) Run(ctx context.Context, a *app) error {
	cl, err := (&connectFlags{clientFlags: c.clientFlags}).connect(a)
	if err != nil {
		return err
	}
	s, err := cl.Status(ctx)
	if err != nil {
		return err
	}
	if c.Username == "" {
		if s.IntegrationUser == nil || s.IntegrationUser.Username == "" {
			return usagef("no integration user is connected; name the user whose token is to be reset")
		}
		c.Username = s.IntegrationUser.Username
	}
	if s.Standing != "embedded" {
		return c.clicks(a)
	}
	reset := orgTokenResetCmd{orgFlags: c.orgFlags, Username: c.Username}
	return reset.Run(ctx, a)
}

// clicks tells how a person resets the token (document 004; its two ways, and what must be on for the first step).
func (c *integrationResetTokenCmd) clicks(a *app) error {
	clicks := []string{
		"Setup > Security > Login Access Policies: Administrators Can Log in as Any User must be on",
		"Setup > Users > Users: Login under the Action column, in the row of " + c.Username,
		"Profile > Settings > Reset My Security Token, or Quick Find: Reset Security Token",
		"Reset Security Token: the org mails the new one to the address of " + c.Username,
		"log out, and give Connect the new token: twinspan connect renew",
	}
	var err error
	if a.json {
		err = a.printJSON(map[string]any{"username": c.Username, "reset": false, "clicks": clicks})
	} else {
		var b strings.Builder
		b.WriteString("no API of a real org resets a security token; in a browser, as an administrator:\n")
		for n, click := range clicks {
			fmt.Fprintf(&b, "%d. %s\n", n+1, oneLine(click))
		}
		b.WriteString("A new password of his brings a new token too.\n")
		err = a.print(b.String())
	}
	if err != nil {
		return err
	}
	return errNo
}

// integrationRemoveCmd forgets the user.
type integrationRemoveCmd struct {
	connectFlags
	Yes bool   `help:"Do it: his password and security token are gone for good." env:"-"`
	By  string `help:"Who asks; kept on record. The user of this computer, where not given." placeholder:"NAME" env:"-"`
}

// Run removes him.
func (c *integrationRemoveCmd) Run(ctx context.Context, a *app) error {
	if !c.Yes {
		return usagef("his password and security token are forgotten for good; say --yes")
	}
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	err = cl.RemoveIntegrationUser(ctx, a.who(c.By), oauth.NewToken(24))
	if r := client.Remote(err); r != nil && r.Status == 404 {
		return fmt.Errorf("no integration user is connected")
	}
	if err != nil {
		return err
	}
	return a.print("the integration user is forgotten, with his password and security token; in the org he stays as he is\n")
}

// integrationCheckCmd checks the user.
type integrationCheckCmd struct {
	connectFlags
	Again bool `help:"Try also one who is broken; wrong passwords lock a user out." env:"-"`
}

// Run prints what was found.
func (c *integrationCheckCmd) Run(ctx context.Context, a *app) error {
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	u, err := cl.CheckIntegrationUser(ctx, c.Again)
	if r := client.Remote(err); r != nil && r.Status == 404 {
		return fmt.Errorf("no integration user is connected; `twinspan connect --kind integration-user` connects one")
	}
	if err != nil {
		return err
	}
	if u.State != connect.StateConnected && !c.Again {
		a.errorf("note: one who is broken is not tried each time, for wrong passwords lock a user out; once the cause is gone, 'twinspan integration-user check --again' signs him in")
	}
	return a.printIntegrationUser(u)
}

// printIntegrationUser prints him; errNo where he does not work or is not what he should be.
func (a *app) printIntegrationUser(u connect.IntegrationUser) error {
	ok := u.State == connect.StateConnected
	var b strings.Builder
	fmt.Fprintf(&b, "integration user %s\nstate            %s\n", oneLine(u.Username), oneLine(words(u.State)))
	if u.Cause != nil {
		fmt.Fprintf(&b, "cause            %s: %s\n", oneLine(u.Cause.Code), oneLine(u.Cause.Message))
	}
	for _, f := range u.Findings {
		verdict := "ok"
		if !f.OK {
			ok, verdict = false, "want "+f.Want
		}
		fmt.Fprintf(&b, "%-16s %s, %s\n", oneLine(f.Name), oneLine(f.Got), oneLine(verdict))
	}
	fmt.Fprintf(&b, "better           %s\n", oneLine(u.Advice))
	var err error
	if a.json {
		err = a.printJSON(u)
	} else {
		err = a.print(b.String())
	}
	if err == nil && !ok {
		err = errNo
	}
	return err
}
