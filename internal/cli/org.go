package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/twinspan/twinspan"
	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/vault"
)

// orgCmd is what an administrator of the org does in Setup.
type orgCmd struct {
	User         orgUserCmd         `cmd:"" help:"Users: list, create, show, update, activate, deactivate, freeze, unfreeze, unlock, reset-password."`
	Settings     orgSettingsCmd     `cmd:"" help:"Settings of the org: show, set."`
	Email        orgEmailCmd        `cmd:"" help:"What the org mails from: its address, its domains, and whether they are verified."`
	Site         orgSiteCmd         `cmd:"" help:"Remote Site Settings: list, add, activate, deactivate, remove."`
	Notification orgNotificationCmd `cmd:"" help:"API usage notifications: list, add, remove."`
	Token        orgTokenCmd        `cmd:"" help:"Security tokens: reset."`
	LoginAs      orgLoginAsCmd      `cmd:"" help:"Log in as another user, and out again; the org's policy must allow it."`
	Session      orgSessionCmd      `cmd:"" help:"Sessions: list, revoke."`
	Logins       orgLoginsCmd       `cmd:"" help:"Login History: who tried to log in, from where, and what came of it."`
	Trail        orgTrailCmd        `cmd:"" help:"Setup Audit Trail: who changed what."`
	App          orgAppCmd          `cmd:"" help:"Connected apps: policies, who may use them, who does."`
	Permset      orgPermsetCmd      `cmd:"" help:"Permission sets: create, assign, attach to an app."`
	Layout       orgLayoutCmd       `cmd:"" help:"The page layout of users: show, add."`
	Profile      orgProfileCmd      `cmd:"" help:"Profiles."`
	Record       orgRecordCmd       `cmd:"" help:"Records of any object: create."`
}

// orgFlags say which org a command talks to: that of a ready file, as its administrator, or the one at --org-url with
// the access token in TWINSPAN_ORG_TOKEN. Who the commands sign in as can be told anew, because a program's ready file does
// not follow what is changed in the org.
type orgFlags struct {
	clientFlags
	OrgURL  string `help:"URL of the org, with an administrator's access token in TWINSPAN_ORG_TOKEN; instead of a ready file. Without the token: another address of the ready file's org, such as its My Domain." placeholder:"URL"`
	OrgUser string `help:"User name to sign in with instead of the ready file's administrator. TWINSPAN_ORG_PASSWORD and TWINSPAN_ORG_SECURITY_TOKEN take the place of the ready file's, too." placeholder:"USERNAME"`
}

// session signs in, runs do, and logs out again where it signed in itself.
func (f *orgFlags) session(ctx context.Context, a *app, do func(*crm.Session) error) error {
	if token, _ := a.Lookup("TWINSPAN_ORG_TOKEN"); f.OrgURL != "" && token != "" {
		o, err := a.lend(f.OrgURL)
		if err != nil {
			return err
		}
		return o.as(vault.Secret(token), "TWINSPAN_ORG_TOKEN", do)
	}
	c, token, err := f.signIn(ctx, a)
	if err != nil {
		return err
	}
	s := c.Session(token)
	defer func() { _ = s.Logout(context.WithoutCancel(ctx)) }() // a session left behind expires by itself
	return do(s)
}

// signIn signs in by name and password.
func (f *orgFlags) signIn(ctx context.Context, a *app) (*crm.Client, crm.Token, error) {
	base, login, err := f.login(a)
	if err != nil {
		return nil, crm.Token{}, err
	}
	c, err := f.client(a, base)
	if err != nil {
		return nil, crm.Token{}, err
	}
	token, err := c.Login(ctx, login.Username, vault.Secret(login.Password+login.SecurityToken))
	if err != nil {
		err = fmt.Errorf("signing in as %s: %w", login.Username, err)
		if r := client.Remote(err); r != nil && r.Code == "INVALID_LOGIN" {
			a.errorf("%v", forPeople(err))
			err = errors.New(staleLogin)
		}
	}
	return c, token, err
}

// client is a client of the org that login found, to which a password goes.
func (f *orgFlags) client(a *app, base string) (*crm.Client, error) {
	if f.OrgURL == "" { // where the program itself says that its org is
		return crm.New(crm.Options{BaseURL: base})
	}
	o, err := a.lend(base)
	if err != nil {
		return nil, err
	}
	return o.Client, nil
}

// staleLogin is what to do when the ready file's administrator is not let in any more.
const staleLogin = "the ready file has what was true when the program started. Where it was changed since, say what is true now: --org-user for the user name, " +
	"TWINSPAN_ORG_PASSWORD and TWINSPAN_ORG_SECURITY_TOKEN for the secrets ('twinspan mail' has what the org mailed), --org-url http://NAME.my.localhost:PORT where " +
	"the org asks for its My Domain. Do not just try again: wrong logins lock the user out"

// login is where and as whom the commands sign in.
func (f *orgFlags) login(a *app) (base string, l twinspan.Login, err error) {
	r, err := f.ready()
	if f.OrgURL != "" && (err != nil || !client.SameSite(r.CRM.URL, f.OrgURL)) { // the ready file's password goes to its own org alone
		if _, bad := client.ParseBase(f.OrgURL); bad != nil {
			return "", l, usageError{forPeople(bad)}
		}
		return "", l, usagef("--org-url: the access token is missing; put it in TWINSPAN_ORG_TOKEN")
	}
	if err != nil {
		return "", l, err
	}
	if r.CRM.URL == "" {
		return "", l, usagef("the org is not this program's own: name it with --org-url, with an administrator's access token in TWINSPAN_ORG_TOKEN")
	}
	l = r.CRM.Admin
	if f.OrgUser != "" && !strings.EqualFold(f.OrgUser, l.Username) {
		i := slices.IndexFunc(r.CRM.Users, func(u twinspan.Login) bool { return strings.EqualFold(u.Username, f.OrgUser) })
		switch {
		case strings.EqualFold(r.CRM.SystemUser.Username, f.OrgUser):
			l = r.CRM.SystemUser
		case i >= 0:
			l = r.CRM.Users[i]
		default:
			l.Username = f.OrgUser // the administrator under another name, or a user who came later with secrets of his own
		}
	}
	if v, set := a.Lookup("TWINSPAN_ORG_PASSWORD"); set {
		l.Password, l.SecurityToken = v, ""
	}
	if v, set := a.Lookup("TWINSPAN_ORG_SECURITY_TOKEN"); set {
		l.SecurityToken = v
	}
	return cmp.Or(f.OrgURL, r.CRM.URL), l, nil
}

// warnIfOwn says that a command has just changed what the commands themselves sign in with, before the next one finds out.
func (f *orgFlags) warnIfOwn(a *app, username, cure string) {
	if token, _ := a.Lookup("TWINSPAN_ORG_TOKEN"); f.OrgURL != "" && token != "" {
		return
	}
	if _, l, err := f.login(a); err == nil && strings.EqualFold(l.Username, username) {
		a.errorf("note: the org commands sign in as this user, and what the ready file has of him is out of date now: %s", cure)
	}
}
