package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/vault"
)

// orgUserCmd is Setup > Users > Users.
type orgUserCmd struct {
	List          orgUserListCmd   `cmd:"" help:"List the users and how they stand."`
	Create        orgUserCreateCmd `cmd:"" help:"Create a user; the org mails him the link to his first password."`
	Show          orgUserShowCmd   `cmd:"" help:"Show a user's record, with the fields of Additional Information."`
	Update        orgUserUpdateCmd `cmd:"" help:"Change fields of a user's record, or delete their values."`
	Activate      orgUserActiveOn  `cmd:"" help:"Activate a user."`
	Deactivate    orgUserActiveOff `cmd:"" help:"Deactivate a user; his sessions and grants end."`
	Freeze        orgUserFreezeCmd `cmd:"" help:"Freeze a user: nothing of his works until he is unfrozen."`
	Unfreeze      orgUserThawCmd   `cmd:"" help:"Unfreeze a user."`
	Unlock        orgUserUnlockCmd `cmd:"" help:"Unlock a user who gave too many wrong passwords."`
	Field         orgUserFieldCmd  `cmd:"" help:"Show or edit one field of a user's record."`
	ResetPassword orgUserResetCmd  `cmd:"" help:"Give a user a temporary password, which the org mails to him; or one from TWINSPAN_NEW_PASSWORD or standard input."`
}

// orgUser is a user as the commands show him.
type orgUser struct {
	ID       string `json:"id"`
	Username string `json:"username"`
	Name     string `json:"name"`
	Email    string `json:"email"`
	Profile  string `json:"profile"`
	Active   bool   `json:"active"`
	Frozen   bool   `json:"frozen"`
	Locked   bool   `json:"locked"`
	login    string // id of the UserLogin record
}

func (u orgUser) state() string {
	switch {
	case !u.Active:
		return "inactive"
	case u.Frozen:
		return "frozen"
	case u.Locked:
		return "locked"
	}
	return "active"
}

// orgUsers reads the users; where names one by user name, "" all.
func orgUsers(ctx context.Context, s *crm.Session, username string) ([]orgUser, error) {
	where := ""
	if username != "" {
		where = " WHERE Username = " + crm.Literal(username)
	}
	records, err := s.Query(ctx, "SELECT Id, Username, Name, Email, IsActive, Profile.Name FROM User"+where+" ORDER BY Username")
	if err != nil {
		return nil, err
	}
	logins, err := s.Query(ctx, "SELECT Id, UserId, IsFrozen, IsPasswordLocked FROM UserLogin")
	if err != nil {
		return nil, err
	}
	by := map[string]crm.Record{}
	for _, l := range logins {
		by[l.String("UserId")] = l
	}
	out := make([]orgUser, len(records))
	for i, r := range records {
		l := by[r.String("Id")]
		out[i] = orgUser{
			ID: r.String("Id"), Username: r.String("Username"), Name: r.String("Name"), Email: r.String("Email"), Profile: r.Related("Profile").String("Name"),
			Active: r.Bool("IsActive"), Frozen: l.Bool("IsFrozen"), Locked: l.Bool("IsPasswordLocked"), login: l.String("Id"),
		}
	}
	return out, nil
}

func oneOrgUser(ctx context.Context, s *crm.Session, username string) (orgUser, error) {
	list, err := orgUsers(ctx, s, username)
	if err != nil {
		return orgUser{}, err
	}
	if len(list) == 0 {
		return orgUser{}, fmt.Errorf("no user is called %s", username)
	}
	return list[0], nil
}

type orgUserListCmd struct{ orgFlags }

// Run lists the users.
func (c *orgUserListCmd) Run(ctx context.Context, a *app) error {
	return c.session(ctx, a, func(s *crm.Session) error {
		list, err := orgUsers(ctx, s, "")
		if err != nil {
			return err
		}
		if a.json {
			return a.printJSON(list)
		}
		rows := make([][]string, len(list))
		for i, u := range list {
			rows[i] = []string{u.Username, u.Name, u.Profile, u.state(), u.Email}
		}
		return a.printTable([]string{"username", "name", "profile", "state", "email"}, rows)
	})
}

type orgUserCreateCmd struct {
	orgFlags
	Username  string `arg:"" help:"User name, in the form of an e-mail address; unique on the server."`
	Email     string `required:"" help:"Address that the link to the first password goes to." placeholder:"ADDRESS" env:"-"`
	LastName  string `required:"" help:"Last name." placeholder:"NAME" env:"-"`
	FirstName string `help:"First name." placeholder:"NAME" env:"-"`
	Profile   string `help:"Profile." default:"Standard User" placeholder:"NAME" env:"-"`
	License   string `help:"User licence." default:"Salesforce" placeholder:"NAME" env:"-"`
}

// Run creates the user with General Information as the org's own.
func (c *orgUserCreateCmd) Run(ctx context.Context, a *app) error {
	return c.session(ctx, a, func(s *crm.Session) error {
		profiles, err := s.Query(ctx, "SELECT Id FROM Profile WHERE Name = "+crm.Literal(c.Profile)+" AND UserLicense.Name = "+crm.Literal(c.License))
		if err != nil {
			return err
		}
		if len(profiles) == 0 {
			return fmt.Errorf("no profile %s has the licence %s; 'twinspan org profile list' lists profiles with their licences", c.Profile, c.License)
		}
		alias := []rune(strings.ToLower(c.LastName))
		id, err := s.CreateRecord(ctx, "User", map[string]any{
			"Username": c.Username, "Email": c.Email, "LastName": c.LastName, "FirstName": c.FirstName, "Alias": string(alias[:min(len(alias), 8)]),
			"ProfileId": profiles[0].String("Id"), "TimeZoneSidKey": "America/Los_Angeles", "LocaleSidKey": "en_US", "LanguageLocaleKey": "en_US",
			"EmailEncodingKey": "UTF-8",
		})
		if err != nil {
			return err
		}
		if a.json {
			return a.printJSON(map[string]string{"id": id, "username": c.Username, "mailed": c.Email})
		}
		return a.print(fmt.Sprintf("created %s (%s); the link to the first password is mailed to %s\n", oneLine(c.Username), id, oneLine(c.Email)))
	})
}

// orgUserArg names the user that a command is about.
type orgUserArg struct {
	orgFlags
	Username string `arg:"" help:"User name."`
}

// change finds the user, has do change him, and says what he is then.
func (c *orgUserArg) change(ctx context.Context, a *app, do func(*crm.Session, orgUser) error) error {
	return c.session(ctx, a, func(s *crm.Session) error {
		u, err := oneOrgUser(ctx, s, c.Username)
		if err == nil {
			err = do(s, u)
		}
		if err == nil {
			u, err = oneOrgUser(ctx, s, c.Username)
		}
		if err != nil {
			return err
		}
		if a.json {
			return a.printJSON(u)
		}
		return a.print(oneLine(u.Username) + " is " + u.state() + "\n")
	})
}

func (c *orgUserArg) setActive(ctx context.Context, a *app, on bool) error {
	return c.change(ctx, a, func(s *crm.Session, u orgUser) error {
		return s.UpdateRecord(ctx, "User", u.ID, map[string]any{"IsActive": on})
	})
}

func (c *orgUserArg) setLogin(ctx context.Context, a *app, field string, on bool) error {
	return c.change(ctx, a, func(s *crm.Session, u orgUser) error {
		return s.UpdateRecord(ctx, "UserLogin", u.login, map[string]any{field: on})
	})
}

type (
	orgUserActiveOn  struct{ orgUserArg }
	orgUserActiveOff struct{ orgUserArg }
	orgUserFreezeCmd struct{ orgUserArg }
	orgUserThawCmd   struct{ orgUserArg }
	orgUserUnlockCmd struct{ orgUserArg }
)

// Run activates the user.
func (c *orgUserActiveOn) Run(ctx context.Context, a *app) error { return c.setActive(ctx, a, true) }

// Run deactivates the user.
func (c *orgUserActiveOff) Run(ctx context.Context, a *app) error { return c.setActive(ctx, a, false) }

// Run freezes the user.
func (c *orgUserFreezeCmd) Run(ctx context.Context, a *app) error {
	return c.setLogin(ctx, a, "IsFrozen", true)
}

// Run unfreezes the user.
func (c *orgUserThawCmd) Run(ctx context.Context, a *app) error {
	return c.setLogin(ctx, a, "IsFrozen", false)
}

// Run unlocks the user.
func (c *orgUserUnlockCmd) Run(ctx context.Context, a *app) error {
	return c.setLogin(ctx, a, "IsPasswordLocked", false)
}

type orgUserResetCmd struct {
	orgUserArg
	Stdin bool `help:"Set the password that standard input holds, instead of a temporary one." env:"-"`
}

// maxPasswordLine bounds a password that is read.
const maxPasswordLine = 1024

// Run resets the password, or sets the given one. No password is printed.
func (c *orgUserResetCmd) Run(ctx context.Context, a *app) error {
	given, _ := a.Lookup("TWINSPAN_NEW_PASSWORD")
	if c.Stdin {
		text, err := io.ReadAll(io.LimitReader(a.stdin(), maxPasswordLine))
		if err != nil {
			return fmt.Errorf("reading the password: %w", err)
		}
		if given = strings.TrimRight(string(text), "\r\n"); given == "" {
			return usagef("--stdin: there is no password on standard input")
		}
	}
	return c.session(ctx, a, func(s *crm.Session) error {
		u, err := oneOrgUser(ctx, s, c.Username)
		if err != nil {
			return err
		}
		done := "a temporary password is mailed to " + u.Email
		if given == "" {
			err = s.ResetUserPassword(ctx, u.ID)
		} else {
			err, done = s.SetUserPassword(ctx, u.ID, vault.Secret(given)), "the password is set"
		}
		if err != nil {
			return err
		}
		if given == "" {
			c.warnIfOwn(a, u.Username, "choose a password on the org's page of login with the temporary one, then put it into TWINSPAN_ORG_PASSWORD and the security token that is mailed into TWINSPAN_ORG_SECURITY_TOKEN")
		} else {
			c.warnIfOwn(a, u.Username, "put the new password into TWINSPAN_ORG_PASSWORD and the security token that 'twinspan mail' shows into TWINSPAN_ORG_SECURITY_TOKEN")
		}
		if a.json {
			return a.printJSON(map[string]any{"username": u.Username, "temporary": given == "", "mailed": u.Email})
		}
		return a.print(oneLine(u.Username) + ": " + oneLine(done) + "\n")
	})
}

// orgTokenCmd is Reset My Security Token.
type orgTokenCmd struct {
	Reset orgTokenResetCmd `cmd:"" help:"Have the org mail a new security token: the administrator's own, or a user's by logging in as him."`
}

// ownTokenCure is what an administrator does after the security token was reset that the commands sign in with.
const ownTokenCure = "put the security token that 'twinspan mail' shows into TWINSPAN_ORG_SECURITY_TOKEN"

type orgTokenResetCmd struct {
	orgFlags
	Username string `arg:"" optional:"" help:"User name; the administrator himself where absent."`
}

// Run resets the token; it is mailed and never shown.
func (c *orgTokenResetCmd) Run(ctx context.Context, a *app) error {
	return c.session(ctx, a, func(s *crm.Session) error {
		me, err := s.UserInfo(ctx)
		if err != nil {
			return err
		}
		u := orgUser{ID: me.UserID, Username: me.Username, Email: me.Email}
		if c.Username != "" {
			if u, err = oneOrgUser(ctx, s, c.Username); err != nil {
				return err
			}
		}
		err = actAs(ctx, s, me.UserID, u, func(b *crm.Browser) error { return b.ResetSecurityToken(ctx) })
		if err != nil {
			return err
		}
		c.warnIfOwn(a, u.Username, ownTokenCure)
		if a.json {
			return a.printJSON(map[string]string{"username": u.Username, "mailed": u.Email})
		}
		return a.print(fmt.Sprintf("the new security token of %s is mailed to %s; the old one no longer works\n", oneLine(u.Username), oneLine(u.Email)))
	})
}

// actAs opens the org's pages, logs in as the user where he is another, acts, and logs out of all of it.
func actAs(ctx context.Context, s *crm.Session, me string, u orgUser, do func(*crm.Browser) error) error {
	b, err := s.Browser(ctx)
	if err != nil {
		return fmt.Errorf("opening the org's pages: %w", err)
	}
	defer func() { _ = b.Logout(context.WithoutCancel(ctx)) }() // a session left behind expires by itself
	if u.ID != me {
		if err := b.LoginAs(ctx, u.ID); err != nil {
			return fmt.Errorf("logging in as %s: %w", u.Username, err)
		}
		defer func() { _ = b.Logout(context.WithoutCancel(ctx)) }() // back to oneself
	}
	return do(b)
}

type orgLoginAsCmd struct {
	orgFlags
	Username   string `arg:"" help:"User name."`
	ResetToken bool   `help:"Have the org mail that user a new security token." env:"-"`
}

// Run logs in as the user and out again.
func (c *orgLoginAsCmd) Run(ctx context.Context, a *app) error {
	return c.session(ctx, a, func(s *crm.Session) error {
		me, err := s.UserInfo(ctx)
		if err != nil {
			return err
		}
		u, err := oneOrgUser(ctx, s, c.Username)
		if err != nil {
			return err
		}
		err = actAs(ctx, s, me.UserID, u, func(b *crm.Browser) error {
			if c.ResetToken {
				return b.ResetSecurityToken(ctx)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if a.json {
			return a.printJSON(map[string]any{"username": u.Username, "by": me.Username, "token_mailed": c.ResetToken})
		}
		text := fmt.Sprintf("%s was logged in as %s, and is logged out again\n", oneLine(me.Username), oneLine(u.Username))
		if c.ResetToken {
			text += "the new security token is mailed to " + oneLine(u.Email) + "\n"
		}
		return a.print(text)
	})
}
