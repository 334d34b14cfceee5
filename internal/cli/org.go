package cli

import (
	"context"
	"fmt"

	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/vault"
)

// orgCmd is what an administrator of the org does in Setup.
type orgCmd struct {
	User         orgUserCmd         `cmd:"" help:"Users: list, create, show, update, activate, deactivate, freeze, unfreeze, unlock, reset-password."`
	Settings     orgSettingsCmd     `cmd:"" help:"Settings of the org: show, set."`
	Email        orgEmailCmd        `cmd:"" help:"What the org mails from: its address, its domains, and whether they are verified."`
	Site         orgSiteCmd         `cmd:"" help:"Remote Site Settings: list, add, remove."`
	Notification orgNotificationCmd `cmd:"" help:"API usage notifications: list, add, remove."`
	Token        orgTokenCmd        `cmd:"" help:"Security tokens: reset."`
	LoginAs      orgLoginAsCmd      `cmd:"" help:"Log in as another user, and out again; the org's policy must allow it."`
	Session      orgSessionCmd      `cmd:"" help:"Sessions: list, revoke."`
	Logins       orgLoginsCmd       `cmd:"" help:"Login History: who tried to log in, from where, and what came of it."`
	Trail        orgTrailCmd        `cmd:"" help:"Setup Audit Trail: who changed what."`
	App          orgAppCmd          `cmd:"" help:"Connected apps: policies, who may use them, who does."`
	Permset      orgPermsetCmd      `cmd:"" help:"Permission sets: create, assign, attach to an app."`
	Profile      orgProfileCmd      `cmd:"" help:"Profiles."`
}

// orgFlags say which org a command talks to: that of a ready file, as its administrator, or the one at --org-url with
// the access token in TWINSPAN_ORG_TOKEN.
type orgFlags struct {
	clientFlags
	OrgURL string `help:"URL of the org, with an administrator's access token in TWINSPAN_ORG_TOKEN; instead of a ready file." placeholder:"URL"`
}

// session signs in, runs do, and logs out again where it signed in itself.
func (f *orgFlags) session(ctx context.Context, a *app, do func(*crm.Session) error) error {
	if f.OrgURL != "" {
		token, _ := a.Lookup("TWINSPAN_ORG_TOKEN")
		if token == "" {
			return usagef("--org-url: the access token is missing; put it in TWINSPAN_ORG_TOKEN")
		}
		c, err := crm.New(crm.Options{BaseURL: f.OrgURL})
		if err != nil {
			return err
		}
		return do(c.Session(crm.Token{AccessToken: vault.Secret(token), InstanceURL: c.BaseURL()}))
	}
	r, err := f.ready()
	if err != nil {
		return err
	}
	c, err := crm.New(crm.Options{BaseURL: r.CRM.URL})
	if err != nil {
		return err
	}
	admin := r.CRM.Admin
	token, err := c.Login(ctx, admin.Username, vault.Secret(admin.Password+admin.SecurityToken))
	if err != nil {
		return fmt.Errorf("signing in as %s: %w", admin.Username, err)
	}
	s := c.Session(token)
	defer func() { _ = s.Logout(context.WithoutCancel(ctx)) }() // a session left behind expires by itself
	return do(s)
}
