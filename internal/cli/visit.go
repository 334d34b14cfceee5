package cli

import (
	"context"
	"fmt"
	"net/url"

	"github.com/twinspan/twinspan/internal/client/browser"
	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/vault"
)

// signIn opens an address in a browser of its own, without any session, and signs somebody in on the clouds' own pages:
// Connect sees no password. secrets are by origin.
func signIn(ctx context.Context, address string, who map[string]browser.Credentials, press ...string) (*browser.Page, error) {
	return browser.New(nil).Visit(ctx, address, browser.Errand{Logins: who, Press: append(press, "Allow")})
}

func credentials(username string, password vault.Secret) browser.Credentials {
	return browser.Credentials{Username: username, Password: password.Reveal()}
}

// originOf is a URL's origin.
func originOf(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", fmt.Errorf("%q is no URL", raw)
	}
	return browser.Origin(u), nil
}

// usersVisitCmd opens the tab as a user.
type usersVisitCmd struct {
	connectFlags
	secretFlags
	User           string `arg:"" help:"User name in the org."`
	EngagementUser string `help:"User name in Engagement; needed where the user is not mapped." placeholder:"NAME" env:"-"`
	ForAPIUser     bool   `name:"for-api-user" help:"As an administrator whom the tab asks for the API user's credentials (document 002): give them. --engagement-user is the API user." env:"-"`
	Yes            bool   `help:"Be mapped to the Marketing Cloud Connect API user all the same, where the tab asks whether he is meant." env:"-"`
}

// Help is what `twinspan users visit --help` says beneath the flags' summary.
func (*usersVisitCmd) Help() string {
	return `Signs in to the org as that user, opens the Marketing Cloud tab and, where it asks, gives the user's Engagement credentials: documents 000 and 001, as a person does them
in a browser. The passwords are user_password and engagement_password of --secrets-file, TWINSPAN_USER_PASSWORD and TWINSPAN_ENGAGEMENT_PASSWORD, or a prompt; they go to the clouds' own pages.`
}

// Run visits, and prints how the user stands then; exit code 3 where he is not mapped.
func (c *usersVisitCmd) Run(ctx context.Context, a *app) error {
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	s, err := cl.Status(ctx)
	if err != nil {
		return err
	}
	if c.EngagementUser == "" {
		if err := c.needsNoUser(ctx, cl); err != nil {
			return err
		}
	}
	names := []string{"user_password"}
	if c.EngagementUser != "" {
		names = append(names, "engagement_password")
	}
	given, err := c.read(ctx, a, names...)
	if err != nil {
		return err
	}
	logins := map[string]browser.Credentials{}
	org, err := originOf(s.Org.URL)
	if err != nil {
		return err
	}
	logins[org] = credentials(c.User, given["user_password"])
	if c.EngagementUser != "" {
		tenant, err := originOf(s.Engagement.AuthURL)
		if err != nil {
			return err
		}
		logins[tenant] = credentials(c.EngagementUser, given["engagement_password"])
	}
	press := []string{"Connect to Marketing Cloud", "Yes, connect me"}
	if c.Yes {
		press = append([]string{"Map me to " + c.EngagementUser + " all the same"}, press...)
	}
	if c.ForAPIUser {
		press = []string{"Log in as the API user", "Yes, connect"}
	}
	page, err := signIn(ctx, cl.BaseURL()+"/marketing-cloud?pair="+url.QueryEscape(s.Pair), logins, press...)
	if err != nil {
		return err
	}
	if c.ForAPIUser {
		if err := a.print("the tab says     " + oneLine(page.Text) + "\n"); err != nil {
			return err
		}
		return a.printStatus(ctx, cl)
	}
	u, err := cl.User(ctx, c.User)
	if err != nil {
		return err
	}
	if a.json {
		err = a.printJSON(map[string]any{"status": page.Status, "page": page.Text, "user": u})
	} else {
		err = a.print("the tab says     " + oneLine(page.Text) + "\n" + describeUser(u))
	}
	if err == nil && (page.Status != 200 || u.State != "mapped") {
		err = errNo
	}
	return err
}

// needsNoUser refuses a visit that would end at Engagement's sign-in without anybody who signs in there.
func (c *usersVisitCmd) needsNoUser(ctx context.Context, cl *connect.Client) error {
	if c.ForAPIUser {
		return usagef("--engagement-user is missing: user name in Engagement of the API user, whose credentials the tab asks for")
	}
	u, err := cl.User(ctx, c.User)
	if err == nil && u.State != "mapped" && u.State != "stale" {
		err = usagef("--engagement-user is missing: %s is %s, so the tab asks for his user name and password in Engagement", oneLine(c.User), words(u.State))
	}
	return err
}

// noSignIn is what is told where --sign-in has no password.
const noSignIn = "--sign-in: the API user's password is missing: put it in TWINSPAN_PASSWORD, or in a --secrets-file"

// signInAPIUser signs the API user in where Connect offered it, and asks again whether the span stands.
func (c *connectUpCmd) signInAPIUser(ctx context.Context, a *app, cl *connect.Client, offer connect.EngagementAnswer, authURL string) error {
	password := c.signInPassword
	if password == "" {
		given, err := c.read(ctx, a, "password")
		if err != nil {
			return err
		}
		password = given["password"]
	}
	if password == "" {
		return usagef("%s", noSignIn)
	}
	origin, err := originOf(authURL)
	if err != nil {
		return err
	}
	page, err := signIn(ctx, offer.AuthorizeURL, map[string]browser.Credentials{origin: credentials(c.APIUser, password)}, "Yes, connect")
	if err != nil {
		return err
	}
	if page.Status != 200 {
		return fmt.Errorf("signing in as %s: %s", c.APIUser, oneLine(page.Text))
	}
	return nil
}
