package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/client/browser"
	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/journey"
	"github.com/twinspan/twinspan/internal/oauth"
	"github.com/twinspan/twinspan/internal/vault"
)

// kindTenantOAuth is the API's name of document 002's upgrade.
const kindTenantOAuth = "tenant_oauth"

// tenantWarnings are those of documents 001 and 002 before Connect to Marketing Cloud.
const tenantWarnings = `Allow all scheduled sends to complete before starting the upgrade, if possible, and start it in off-peak hours.
During this process the system connects to any active Engagement session.
  Log out of all active Engagement sessions. Closing the tab does not end an active session.
The connection is unavailable while the outage is open, which is from Connect to Marketing Cloud until the upgrade is verified.
`

// actPatience is how long the upgrade may take to see what this command did.
const actPatience = time.Minute

// doubtPatience is how long Connect may ask the tenant what became of a test send whose answer was lost.
const doubtPatience = 5 * time.Second

// playTenantOAuth does what is this person's to do of document 002, each thing once, until it is somebody else's turn. A triggered
// send test that does not complete ends the command: given again, it sends another.
func (c *upgradeStartCmd) playTenantOAuth(ctx context.Context, a *app, cl *connect.Client, u *connect.Upgrade) error {
	acted := map[string]time.Time{}
	var hour hourCome
	var test connect.Send
	return a.watchUpgrade(ctx, cl, u, &upgradePrinter{a: a}, func(u *connect.Upgrade) (bool, error) {
		w := u.Waiting
		switch {
		case u.Closed():
			return true, nil
		case w == nil || w.For == "connect" || w.For == "time" && plays(c.As, "engagement_admin") && u.At.IsZero():
			return false, nil
		case hour.opens(u):
			return false, nil
		case !plays(c.As, w.For) || w.Undoing: // `upgrade cancel` puts back
			return true, nil
		}
		if at, done := acted[w.Step]; done {
			if w.Step == "verify" && test.MessageKey != "" {
				if failed, err := a.testFailed(ctx, cl, test.MessageKey, time.Since(at)); failed || err != nil {
					return true, err
				}
			}
			return time.Since(at) > actPatience, nil
		}
		acted[w.Step] = time.Now()
		can, err := c.act(ctx, a, cl, w.Step, &test)
		if err != nil || !can {
			return true, err
		}
		_, err = cl.TellUpgrade(ctx, w.Step, connect.UpgradeTelling{By: a.who(c.By), Anyway: c.Anyway}, oauth.NewToken(24))
		return false, err
	})
}

// testFailed looks at a triggered send test that was asked for so long ago, and reports, here and to the person, that it will not
// complete.
func (a *app) testFailed(ctx context.Context, cl *connect.Client, key string, after time.Duration) (bool, error) {
	s, err := cl.Send(ctx, key)
	if err != nil {
		return false, err
	}
	if s.Status != "not_sent" && s.Status != "refused" && (s.Status != "in_doubt" || after < doubtPatience) {
		return false, nil
	}
	why := ""
	if s.Reason != nil {
		why = ": " + strings.TrimSuffix(s.Reason.Message, ".")
	}
	a.errorf("the triggered send test to %s is %s%s; the same command sends another", oneLine(s.Recipient), oneLine(words(s.Status)), oneLine(why))
	return true, nil
}

// act does a step in the session of whose it is; false where it is not for a command. The triggered send test that it asked for
// goes to test.
func (c *upgradeStartCmd) act(ctx context.Context, a *app, cl *connect.Client, step string, test *connect.Send) (bool, error) {
	org := orgFlags{clientFlags: c.clientFlags, OrgURL: c.OrgURL, OrgUser: c.OrgUser}
	switch step {
	case "acknowledge":
		return true, c.acknowledged(ctx, a, kindTenantOAuth)
	case "scheduled_sends":
		return c.Anyway, nil
	case "package":
		return true, org.session(ctx, a, func(s *crm.Session) error { return installNewest(ctx, s) })
	case "tenant_oauth_setting":
		set := packageSettingsCmd{orgFlags: org, TenantOAuth: "on"}
		return true, org.session(ctx, a, func(s *crm.Session) error {
			have, err := journey.ReadConfiguration(ctx, s)
			if err == nil {
				_, err = set.write(ctx, s, have)
			}
			return err
		})
	case "connect_marketing_cloud":
		return c.signInForUpgrade(ctx, a, cl)
	case "verify":
		return c.confirmUpgrade(ctx, a, cl, test)
	}
	return false, nil
}

// installNewest brings the managed package to the newest version that the org offers.
func installNewest(ctx context.Context, s *crm.Session) error {
	all, err := installable(ctx, s)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return fmt.Errorf("the org does not list the versions of packages: `twinspan package upgrade 04t…` installs one by its id")
	}
	return s.InstallPackage(ctx, all[len(all)-1].ID, crm.AdminsOnly)
}

// signInForUpgrade gives the API user's credentials on Engagement's own page, where they are known; else it prints where he
// gives them himself.
func (c *upgradeStartCmd) signInForUpgrade(ctx context.Context, a *app, cl *connect.Client) (bool, error) {
	s, err := cl.Status(ctx)
	if err != nil {
		return false, err
	}
	user := s.Engagement.APIUser
	unasked := *a
	unasked.Terminal = false
	given, err := c.read(ctx, &unasked, "password")
	if err != nil {
		return false, err
	}
	password := given["password"]
	if password == "" && c.URL == "" {
		if r, err := c.ready(); err == nil && strings.EqualFold(r.Engagement.APIUser.Username, user) {
			password = vault.Secret(r.Engagement.APIUser.Password)
		}
	}
	if password == "" && a.Terminal {
		if given, err = c.read(ctx, a, "password"); err != nil {
			return false, err
		}
		password = given["password"]
	}
	offer, err := cl.OfferEngagementSignIn(ctx, user, s.Engagement.AccountID, a.who(c.By), oauth.NewToken(24))
	if err != nil {
		return false, err
	}
	if password == "" {
		return false, a.print("warning  " + oneLine(offer.Warning) + "\nnext     " + oneLine(user) + " signs in within ten minutes: " + oneLine(offer.AuthorizeURL) + "\n")
	}
	origin, err := originOf(s.Engagement.AuthURL)
	if err != nil {
		return false, err
	}
	page, err := signIn(ctx, offer.AuthorizeURL, map[string]browser.Credentials{origin: credentials(user, password)}, "Yes, connect")
	if err == nil && page.Status != 200 {
		err = fmt.Errorf("signing in as %s: %s", user, oneLine(page.Text))
	}
	return err == nil, err
}

// confirmUpgrade does what confirms the upgrade: in Enterprise 2.0 the business units that were active are added again, elsewhere
// a triggered send is sent, and goes to test.
func (c *upgradeStartCmd) confirmUpgrade(ctx context.Context, a *app, cl *connect.Client, test *connect.Send) (bool, error) {
	state, err := cl.TenantOAuth(ctx)
	if err != nil {
		return false, err
	}
	if state.AccountType == "enterprise" || state.AccountType == "" {
		var missing []int64
		for _, u := range state.BusinessUnits {
			if !u.Enabled && u.Reached {
				missing = append(missing, u.AccountID)
			}
		}
		if len(missing) == 0 { // what Engagement does not have any more cannot be added
			return c.Anyway, nil
		}
		_, err := cl.SetBusinessUnits(ctx, missing, true, "", a.who(c.By), oauth.NewToken(24))
		return true, err
	}
	if c.VerifyContact == "" || c.VerifyDefinition == "" {
		return false, a.print("next     --verify-contact ID --verify-definition KEY: a triggered send test confirms the upgrade\n")
	}
	*test, err = cl.TestTenantOAuth(ctx, c.VerifyContact, c.VerifyDefinition, oauth.NewToken(24))
	return true, err
}
