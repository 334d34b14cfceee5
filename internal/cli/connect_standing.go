package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/fault"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/standing"
)

// orgToken is the name of an administrator's access token among the secrets.
const orgToken = "org_token"

// standingFlags say where real clouds are, and who joins them.
type standingFlags struct {
	Standing          string   `help:"own-link: a real org and tenant, joined under an app and an installed package of your own. beside-package: joined by the vendor's managed package; Connect reads, checks and guides. With a Connect of --clouds none." enum:"own-link,beside-package," default:"" placeholder:"STANDING" env:"-"`
	EngagementAuthURL string   `name:"engagement-auth-url" help:"With --standing: the tenant's authentication base URL, such as https://SUBDOMAIN.auth.marketingcloudapis.com/." placeholder:"URL"`
	ConsumerKey       string   `help:"With --standing: consumer key of your external client app in the org, which holds the certificate of 'twinspan connect certificate'. Beside the package it is for reading, and may be absent." placeholder:"KEY" env:"-"`
	ConsoleClientID   string   `name:"console-client-id" help:"With --standing: consumer key of the app through which people sign in to Connect's pages; --consumer-key's where not given." placeholder:"KEY" env:"-"`
	App               string   `help:"With --standing: label of that app in the org; Twinspan where not given." placeholder:"LABEL" env:"-"`
	LetIn             []string `name:"let-in" help:"With --plan and --apply under an own link: user names in the org of people who sign in to Connect. Each gets the permission set that the app admits, and the one of Connect's users." placeholder:"NAME" env:"-"`
	Admins            []string `name:"admins" help:"With --plan and --apply under an own link: likewise of those who administer the connection in Connect's console." placeholder:"NAME" env:"-"`
	EID               int64    `name:"eid" help:"With --standing: enterprise id of the tenant; the first sign-in there tells it where not given." placeholder:"EID" env:"-"`
}

// wanted is the standing as Connect's API names it; "" where none is asked for.
func (f standingFlags) wanted() string {
	return map[string]string{"own-link": string(standing.OwnLink), "beside-package": string(standing.BesidePackage)}[f.Standing]
}

// change is what is to be said, with what a person at a terminal is asked for.
func (c *connectUpCmd) change(ctx context.Context, a *app, has connect.Standing) (connect.StandingChange, error) {
	s := connect.StandingChange{
		Standing: c.wanted(), OrgURL: c.OrgURL, EngagementAuthURL: c.EngagementAuthURL, App: c.App, ConsumerKey: c.ConsumerKey, ConsoleClientID: c.ConsoleClientID, EID: c.EID,
		By: a.who(c.By),
	}
	for _, one := range []struct {
		at        *string
		has, flag string
	}{{&s.OrgURL, has.OrgURL, "--org-url"}, {&s.EngagementAuthURL, has.EngagementAuthURL, "--engagement-auth-url"}} {
		if *one.at != "" || one.has != "" {
			continue
		}
		var err error
		if *one.at, err = a.askFor(ctx, strings.ReplaceAll(strings.TrimPrefix(one.flag, "--"), "-", " ")); err != nil {
			return s, err
		}
		if *one.at == "" {
			return s, usagef("%s is missing: where the real cloud is", one.flag)
		}
	}
	c.OrgURL = cmp.Or(s.OrgURL, has.OrgURL)
	return s, nil
}

// readSecrets reads a secrets file once, for everything that a real cloud may need.
func (c *connectUpCmd) readSecrets(ctx context.Context, a *app) error {
	if c.SecretsFile == "" {
		return nil
	}
	unasked := *a
	unasked.Terminal = false
	var err error
	c.given, err = c.read(ctx, &unasked, orgToken, packageSecret, webSecret, systemPassword, systemToken)
	return err
}

// orgSession is a session in the org in which the plan looks: the ready file's administrator's; for real clouds by an
// administrator's access token, from a file, the environment or a prompt.
func (c *connectUpCmd) orgSession(ctx context.Context, a *app, do func(*crm.Session) error) error {
	if c.stands == string(standing.Embedded) {
		org := orgFlags{clientFlags: c.clientFlags, OrgURL: c.OrgURL}
		return org.session(ctx, a, do)
	}
	o, err := a.lend(c.OrgURL)
	if err != nil {
		return err
	}
	token, from := c.given[orgToken], orgToken+" of --secrets-file"
	if token == "" {
		from = "TWINSPAN_ORG_TOKEN"
		s, err := (&secretFlags{}).read(ctx, a, orgToken)
		if err != nil {
			return err
		}
		token = s[orgToken]
	}
	if token == "" {
		return usagef("the org is looked at as an administrator: put his access token in TWINSPAN_ORG_TOKEN, or as %s in a --secrets-file", orgToken)
	}
	return o.as(token, from, do)
}

// stand prepares the command for the standing that the connection has, or is to have, and says it where something is to be
// done. It reports whether that is all there is to do.
func (c *connectUpCmd) stand(ctx context.Context, a *app, cl *connect.Client) (said bool, err error) {
	has, err := cl.Standing(ctx)
	if err != nil {
		return false, err
	}
	if c.wanted() != "" && has.Standing == string(standing.Embedded) { // nothing is planned, and nobody's token asked for, that Connect will refuse
		return false, standing.Fixed()
	}
	c.stands = cmp.Or(c.wanted(), has.Standing)
	if c.stands != string(standing.OwnLink) && len(c.LetIn)+len(c.Admins) > 0 {
		return false, usagef("--let-in and --admins are for an own link: with the package the boxes on the User record say who may what")
	}
	if c.stands == string(standing.Unset) {
		return false, usagef("--standing is missing: own-link or beside-package, with --org-url and --engagement-auth-url, says whose clouds they are")
	}
	if c.stands == string(standing.Embedded) {
		return false, nil
	}
	if c.has = has; c.stands != has.Standing { // the app was the former standing's
		c.has.App, c.has.ConsumerKey, c.has.ConsoleClientID = "", "", ""
	}
	if c.wanted() == "" {
		c.OrgURL = cmp.Or(c.OrgURL, has.OrgURL)
	} else if c.say, err = c.change(ctx, a, has); err != nil {
		return false, err
	}
	if err := c.readSecrets(ctx, a); err != nil {
		return false, err
	}
	if c.TenantAuth == "" {
		c.TenantAuth = authWebApp
	}
	if c.SystemUser == "" {
		s, err := cl.Status(ctx)
		if err != nil {
			return false, err
		}
		if c.SystemUser = s.Org.SystemUser; c.SystemUser == "" {
			if c.SystemUser, err = a.askFor(ctx, "system user"); err != nil {
				return false, err
			}
		}
		if c.SystemUser == "" {
			return false, usagef("--system-user is missing: user name in the org of the Salesforce system user")
		}
	}
	if c.Plan || c.Apply || c.wanted() == "" {
		return false, nil
	}
	if err := c.gather(ctx, a, cl); err != nil {
		return false, err
	}
	if c.has, err = cl.SetStanding(ctx, c.say, oauth.NewToken(24)); err != nil {
		return false, err
	}
	if c.stands == string(standing.OwnLink) {
		return false, nil
	}
	if c.has.ConsumerKey == "" { // nothing to connect by: what can be done is told
		return true, a.printStanding(c.has)
	}
	return false, nil
}

// standingStep says the standing, where it is not said so.
func (c *connectUpCmd) standingStep(cl *connect.Client) planStep {
	// What nobody gave a value for and what follows from something else is left out.
	describe := func(s connect.Standing) string {
		text := words(s.Standing) + ", org " + strings.TrimRight(s.OrgURL, "/") + ", Engagement " + strings.TrimRight(s.EngagementAuthURL, "/")
		if s.ConsumerKey != "" {
			text += ", app " + s.ConsumerKey
		}
		if c.say.App != "" {
			text += " (" + s.App + ")"
		}
		if s.ConsoleClientID != "" && s.ConsoleClientID != s.ConsumerKey {
			text += ", signing in through " + s.ConsoleClientID
		}
		if c.say.EID != 0 {
			text += ", enterprise " + strconv.FormatInt(s.EID, 10)
		}
		return text
	}
	key, console := cmp.Or(c.say.ConsumerKey, c.has.ConsumerKey), c.has.ConsoleClientID
	if console == c.has.ConsumerKey { // nobody named another app: it goes with the key
		console = key
	}
	want := describe(connect.Standing{
		Standing: c.stands, OrgURL: cmp.Or(c.say.OrgURL, c.has.OrgURL), EngagementAuthURL: cmp.Or(c.say.EngagementAuthURL, c.has.EngagementAuthURL),
		App: c.say.App, ConsumerKey: key, ConsoleClientID: cmp.Or(c.say.ConsoleClientID, console), EID: c.say.EID,
	})
	st := planStep{
		Title: "standing", Want: want,
		look: func(ctx context.Context) (string, error) {
			s, err := cl.Standing(ctx)
			if err != nil || s.Standing == string(standing.Unset) {
				return "not said", err
			}
			return describe(s), nil
		},
		do: func(ctx context.Context) error {
			_, err := cl.SetStanding(ctx, c.say, oauth.NewToken(24))
			return err
		},
	}
	if c.stands == string(standing.OwnLink) && key == "" {
		st.Want, st.do = want+", app KEY", nil
		st.Click = "Setup > External Client App Manager > New External Client App: " + registered(cl) + "; then again with --consumer-key KEY"
	}
	return st
}

// registered is how the customer's app is registered in the org.
func registered(cl *connect.Client) string {
	return "Enable OAuth; Callback URL " + cl.BaseURL() + "/oauth/crm/callback; scopes api, refresh_token, openid, id; Enable JWT Bearer Flow with the certificate that `twinspan connect certificate` prints; " +
		"untick Require secret for Web Server Flow: people sign in with PKCE, and Connect keeps no secret of the app"
}

// ownSteps are what an own link wants of the org: the permission set that carries users to the customer's app, the two that the
// roles of Connect's pages come from, and who has them.
func (c *connectUpCmd) ownSteps(s *crm.Session, cl *connect.Client) []planStep {
	n := c.names
	steps := []planStep{approvalSet(s, n), assignedTo(s, n["approval_set"], c.SystemUser)}
	roles := []planStep{setThere(s, n["console_admin_set"]), setThere(s, n["console_user_set"])}
	for _, one := range []struct {
		users []string
		set   string
	}{{c.Admins, n["console_admin_set"]}, {c.LetIn, n["console_user_set"]}} {
		for _, user := range one.users {
			steps, roles = append(steps, assignedTo(s, n["approval_set"], user)), append(roles, assignedTo(s, one.set, user))
		}
	}
	at := "Setup > External Client App Manager > " + n["connected_app"] + " > Policies: "
	steps = append(append(steps, roles...),
		c.byEffect(cl, attached(s, n), at+"Select Permission Sets: "+n["approval_set"]),
		c.byEffect(cl, policies(s, n), at+"Permitted Users: Admin approved users are pre-authorized; IP Relaxation: Relax IP restrictions; Refresh Token Policy: Immediately expire"))
	return steps
}

// byEffect is a step about the customer's app. A connected app, which an org may have from before Spring '26, is read and set by
// API; of an external client app SOQL and the Metadata API's ConnectedApp tell nothing: a person sets it, and that Connect's
// sign-in as the system user is let in is all that shows of it.
func (c *connectUpCmd) byEffect(cl *connect.Client, st planStep, click string) planStep {
	look, do := st.look, st.do
	lets := "lets " + c.SystemUser + " in by key; the rest is not to be read by API"
	st.Click = click
	st.look = func(ctx context.Context) (string, error) {
		have, err := look(ctx)
		if !errors.Is(err, errWaits) {
			return have, err
		}
		status, err := cl.Status(ctx)
		if err == nil && status.Org.State == connect.StateConnected && strings.EqualFold(status.Org.SystemUser, c.SystemUser) {
			return lets, nil
		}
		return unseen, err
	}
	st.unread = func(have string) bool { return have == lets }
	st.do = func(ctx context.Context) error {
		if _, err := look(ctx); errors.Is(err, errWaits) {
			return errClick
		}
		return do(ctx)
	}
	return st
}

// ownSpan is the span into the org under an own link. It is tried as soon as the app's key is known; what the org refuses, a
// person allows in the app first.
func ownSpan(st planStep) planStep {
	do := st.do
	st.do = func(ctx context.Context) error {
		err := do(ctx)
		if client.Remote(err) != nil && fault.CodeOf(err) == client.CodeRefused {
			return errors.Join(errClick, err)
		}
		return err
	}
	return st
}

// reads is a span by which Connect reads beside the package. Nobody is shut out by it, so it waits for no other step.
func reads(st planStep, title, click string) planStep {
	st = ownSpan(st)
	st.Title, st.Click, st.after = title, click, false
	return st
}

// vendorSteps are what the vendor's package does itself. The span into the org is read back by what it left in Login History;
// of the other one no API tells.
func (c *connectUpCmd) vendorSteps(s *crm.Session) []planStep {
	app := c.names["connected_app"]
	in := planStep{
		Title: "the package's own connection into the org", Want: c.SystemUser + " signed in through " + app,
		Click: "Engagement: Setup > Salesforce Integration > Connect Account, as " + c.SystemUser,
	}
	in.look = func(ctx context.Context) (string, error) {
		user, err := found(ctx, s, "SELECT Id FROM User WHERE Username = "+crm.Literal(c.SystemUser))
		if err != nil || user == "" {
			return "no such user", err
		}
		rows, err := s.Query(ctx, "SELECT Application, Status, LoginTime FROM LoginHistory WHERE UserId = "+crm.Literal(user)+" ORDER BY LoginTime DESC LIMIT 2000") // Application cannot be asked for
		for _, row := range rows {                                                                                                                                   // the newest tells how it stands
			switch {
			case row.String("Application") != app:
			case row.String("Status") == "Success":
				return "last signed in on " + row.String("LoginTime") + "; whether it was disconnected since is not to be read by API", nil
			default:
				return "last refused on " + row.String("LoginTime") + ": " + row.String("Status"), nil
			}
		}
		return "no such sign-in in Login History", err
	}
	in.unread = func(have string) bool { return strings.HasPrefix(have, "last signed in") }
	const kept = "kept in the package's protected setting, which no API shows"
	out := planStep{
		Title: "the package's own connection into Engagement", Want: "the API user connected",
		Click:  "log out of all active Engagement sessions (closing the tab does not end one); Marketing Cloud tab > Connect to Marketing Cloud, as the API user; the tab says as whom it is connected",
		look:   func(context.Context) (string, error) { return kept, nil },
		unread: func(string) bool { return true },
	}
	return []planStep{in, out}
}

// vendorsApp is the label of the vendor's connected app (document 001).
const vendorsApp = "Salesforce Marketing Cloud"

// steps are those of the standing.
func (c *connectUpCmd) steps(a *app, s *crm.Session, cl *connect.Client) []planStep {
	switch c.stands {
	case string(standing.OwnLink):
		c.names["connected_app"] = cmp.Or(c.App, c.has.App, "Twinspan")
		steps := append([]planStep{c.standingStep(cl)}, c.ownSteps(s, cl)...)
		spans := c.spanSteps(a, cl)
		spans[0] = ownSpan(spans[0])
		return append(steps, spans...)
	case string(standing.BesidePackage):
		if app := cmp.Or(c.App, c.has.App); app != "" || c.say.Standing != "" {
			c.names["connected_app"] = cmp.Or(app, vendorsApp)
		}
		steps := append([]planStep{c.standingStep(cl)}, c.orgSteps(s)...)
		steps = append(steps, c.vendorSteps(s)...)
		spans := c.spanSteps(a, cl) // Connect's own reading, where there is something to read by
		if cmp.Or(c.say.ConsumerKey, c.has.ConsumerKey) != "" {
			steps = append(steps, reads(spans[0], "Connect reads the org", "Setup > External Client App Manager > your app > Policies: Admin approved users are pre-authorized, with a permission set that "+c.SystemUser+" has; the app itself: "+registered(cl)))
		}
		if c.PackageClientID != "" {
			steps = append(steps, reads(spans[1], "Connect reads Engagement", spans[1].Click))
		}
		return steps
	}
	return append(append(c.orgSteps(s), c.tenantSteps()...), c.spanSteps(a, cl)...)
}

// printStanding prints where the clouds are and what can be done there.
func (a *app) printStanding(s connect.Standing) error {
	if a.json {
		return a.printJSON(s)
	}
	head := fmt.Sprintf("standing         %s\norg              %s\nEngagement       %s\n", oneLine(s.Said), oneLine(s.OrgURL), oneLine(s.EngagementAuthURL))
	if s.ConsumerKey != "" {
		head += fmt.Sprintf("app              %s, consumer key %s\n", oneLine(s.App), oneLine(s.ConsumerKey))
	}
	if err := a.print(head); err != nil || len(s.Rows) == 0 {
		return err
	}
	rows := make([][]string, len(s.Rows))
	for i, r := range s.Rows {
		text := r.Text
		if r.Instead != "" {
			text += "; instead " + r.Instead
		}
		rows[i] = []string{r.Document, r.What, r.How, text}
	}
	return a.printTable([]string{"document", "what", "how", "by what, or why not"}, rows)
}

// connectStandingCmd says whose clouds they are and what can be done there.
type connectStandingCmd struct{ connectFlags }

// Run prints the standing; exit code 3 where nobody has said it.
func (c *connectStandingCmd) Run(ctx context.Context, a *app) error {
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	s, err := cl.Standing(ctx)
	if err != nil {
		return err
	}
	if err := a.printStanding(s); err != nil {
		return err
	}
	if s.Standing == string(standing.Unset) {
		return errNo
	}
	return nil
}

// connectCertificateCmd prints Connect's certificate for the org.
type connectCertificateCmd struct{ connectFlags }

// Run prints PEM.
func (c *connectCertificateCmd) Run(ctx context.Context, a *app) error {
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	s, err := cl.Standing(ctx)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]string{"org_certificate": s.OrgCertificate})
	}
	return a.print(s.OrgCertificate)
}
