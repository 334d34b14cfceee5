package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/standing"
	"github.com/twinspan/twinspan/internal/vault"
)

// authJWT and authPassword are how a span signs in.
const (
	authJWT      = "jwt"
	authPassword = "password"
)

// Names of the secrets of stored credentials.
const systemPassword, systemToken, apiUserPassword = "system_user_password", "system_user_security_token", "api_user_password"

// gather reads, or asks for, every secret that the command will need: whoever lacks one, or stops at a question, has changed
// nothing yet, in Connect or in a cloud.
func (c *connectUpCmd) gather(ctx context.Context, a *app, cl *connect.Client) error {
	if c.OrgAuth == authPassword || c.TenantAuth == authPassword {
		if _, err := c.spanSecrets(ctx, a); err != nil {
			return err
		}
	}
	ownPackage := c.TenantAuth == authWebApp && (c.PackageClientID != "" || c.stands == string(standing.Embedded))
	if !ownPackage && !c.SignIn {
		return nil
	}
	s, err := cl.Status(ctx)
	if err != nil {
		return err
	}
	if ownPackage {
		_, err = c.packageClient(ctx, a, s.Engagement)
	} else if c.signInPassword == "" && (s.Engagement.State != connect.StateConnected || s.Engagement.Auth == authPassword && c.TenantAuth == authJWT) {
		var given secrets
		given, err = c.read(ctx, a, "password")
		if c.signInPassword = given["password"]; err == nil && c.signInPassword == "" && a.person() != nil {
			return usagef("%s", noSignIn)
		}
	}
	return err
}

// intoOrg raises the span into the org as it was asked for.
func (c *connectUpCmd) intoOrg(ctx context.Context, a *app, cl *connect.Client, by string) error {
	switch c.OrgAuth {
	case authPassword:
	case authJWT:
		return cl.ConnectOrgByKey(ctx, c.SystemUser, by, oauth.NewToken(24))
	default:
		return cl.ConnectOrg(ctx, c.SystemUser, by, oauth.NewToken(24))
	}
	s, err := c.spanSecrets(ctx, a)
	if err != nil {
		return err
	}
	if s[systemPassword] == "" {
		return usagef("the system user's password is missing: put it in TWINSPAN_SYSTEM_USER_PASSWORD, or as system_user_password in a --secrets-file")
	}
	return cl.ConnectOrgByPassword(ctx, c.SystemUser, s[systemPassword], s[systemToken], by)
}

// intoEngagement raises the span into Engagement as it was asked for.
func (c *connectUpCmd) intoEngagement(ctx context.Context, a *app, cl *connect.Client, by string) (connect.EngagementAnswer, error) {
	switch c.TenantAuth {
	case authPassword:
	case authWebApp:
		return c.byPackage(ctx, a, cl, by)
	case authJWT:
		if s, err := cl.Status(ctx); err != nil || c.SignIn && s.Engagement.Auth == authPassword {
			if err != nil {
				return connect.EngagementAnswer{}, err
			}
			return cl.OfferEngagementSignIn(ctx, c.APIUser, c.MID, by, oauth.NewToken(24)) // "Connect to Marketing Cloud": he gives his credentials
		}
		return cl.ConnectEngagementByKey(ctx, c.APIUser, c.MID, by, oauth.NewToken(24))
	default:
		return cl.ConnectEngagement(ctx, c.APIUser, c.MID, by, oauth.NewToken(24))
	}
	s, err := c.spanSecrets(ctx, a)
	if err != nil {
		return connect.EngagementAnswer{}, err
	}
	if s[apiUserPassword] == "" {
		return connect.EngagementAnswer{}, usagef("the API user's password is missing: put it in TWINSPAN_API_USER_PASSWORD, or as api_user_password in a --secrets-file")
	}
	return cl.ConnectEngagementByPassword(ctx, c.APIUser, c.MID, s[apiUserPassword], by)
}

// spanSecrets reads what is asked for, once: a file that is standard input can be read no second time. What is given
// nowhere is the ready file's, where it is of the same user, and asked for at a prompt last.
func (c *connectUpCmd) spanSecrets(ctx context.Context, a *app) (secrets, error) {
	if c.given != nil {
		return c.given, nil
	}
	var names []string
	if c.OrgAuth == authPassword {
		names = append(names, systemPassword, systemToken)
	}
	if c.TenantAuth == authPassword {
		names = append(names, apiUserPassword)
	}
	known := names
	if c.TenantAuth == authWebApp && c.SecretsFile != "" { // the same file may hold the package's
		known = append(known[:len(known):len(known)], packageSecret, webSecret)
	}
	unasked := *a
	unasked.Terminal = false
	s, err := c.read(ctx, &unasked, known...)
	if err != nil {
		return nil, err
	}
	if c.URL == "" {
		r, err := c.ready()
		if err != nil {
			return nil, err
		}
		if u := r.CRM.SystemUser; s[systemPassword] == "" && strings.EqualFold(u.Username, c.SystemUser) {
			s[systemPassword], s[systemToken] = vault.Secret(u.Password), cmp.Or(s[systemToken], vault.Secret(u.SecurityToken))
		}
		if u := r.Engagement.APIUser; s[apiUserPassword] == "" && strings.EqualFold(u.Username, c.APIUser) {
			s[apiUserPassword] = vault.Secret(u.Password)
		}
	}
	var missing []string
	for _, name := range names {
		if s[name] == "" && (name != systemToken || s[systemPassword] == "") {
			missing = append(missing, name)
		}
	}
	if c.SecretsFile == "" && len(missing) > 0 {
		asked, err := c.read(ctx, a, missing...)
		if err != nil {
			return nil, err
		}
		maps.Copy(s, asked)
	}
	c.given = s
	return s, nil
}

// ways says by what the spans sign in, or will, and why.
func (c *connectUpCmd) ways(ctx context.Context, cl *connect.Client) (string, error) {
	s, err := cl.Status(ctx)
	if err != nil {
		return "", err
	}
	way := func(asked string, sp connect.Span) string {
		if asked != "" && asked != sp.Auth {
			return authWords(asked) + ": asked for with this command; " + authWords(sp.Auth) + " otherwise"
		}
		return authWords(sp.Auth) + ": " + sp.AuthWhy
	}
	return "into the org     " + oneLine(way(c.OrgAuth, s.Org)) + "\ninto Engagement  " + oneLine(way(c.TenantAuth, s.Engagement)) + "\n", nil
}

// authWords is how a span signs in, for people.
func authWords(auth string) string {
	switch auth {
	case authJWT:
		return "JWT bearer"
	case authWebApp:
		return "your installed package"
	}
	return words(auth)
}

// connectSettingsCmd shows and changes the connection's settings.
type connectSettingsCmd struct {
	connectFlags
	Legacy     string            `help:"New password connections into the org from 1 June 2016 on, by the pair's clock. refuse: none is made. warn: it is made, and has a finding." enum:"refuse,warn," default:"" placeholder:"HOW" env:"-"`
	TenantAuth string            `name:"engagement-auth" help:"By what the next connection into Engagement is made, where the command does not say: jwt, password, web_app." enum:"jwt,password,web_app," default:"" placeholder:"HOW" env:"-"`
	Names      map[string]string `name:"name" help:"What something is called in the org, KEY=VALUE, once for each: namespace, connected_app, approval_set, connector_set, connector_admin_set, system_user_set, console_admin_set, console_user_set, token_field, token_label, user_box, user_box_label, admin_box, admin_box_label, configuration_object. KEY= takes the default again." placeholder:"KEY=VALUE" env:"-" mapsep:"none"`
	By         string            `help:"Who asks; kept on record. The user of this computer, where not given." placeholder:"NAME" env:"-"`
}

// Run prints the settings as they are, or are now.
func (c *connectSettingsCmd) Run(ctx context.Context, a *app) error {
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	s, err := cl.Settings(ctx)
	change := connect.Settings{Legacy: c.Legacy, EngagementAuth: c.TenantAuth, Names: c.Names}
	if err == nil && (change.Legacy != "" || change.EngagementAuth != "" || len(change.Names) > 0) {
		s, err = cl.SetSettings(ctx, change, a.who(c.By), oauth.NewToken(24))
	}
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(s)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "legacy           %s\nengagement auth  %s\n", oneLine(s.Legacy), oneLine(authWords(s.EngagementAuth)))
	for _, key := range slices.Sorted(maps.Keys(s.Names)) {
		fmt.Fprintf(&b, "name             %s=%s\n", oneLine(key), oneLine(s.Names[key]))
	}
	return a.print(b.String())
}
