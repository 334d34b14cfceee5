package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/fault"
)

// orgAppCmd is Setup > Manage Apps > Connected Apps, and the page OAuth Usage.
type orgAppCmd struct {
	List     orgAppListCmd     `cmd:"" help:"List the connected apps with their policies."`
	Show     orgAppShowCmd     `cmd:"" help:"Show one app."`
	Create   orgAppCreateCmd   `cmd:"" help:"Make an app; its consumer secret is printed this once."`
	Set      orgAppSetCmd      `cmd:"" help:"Change an app's settings: callback URLs, scopes, certificate, secret, flows."`
	Delete   orgAppDeleteCmd   `cmd:"" help:"Delete one of the org's own apps; its tokens die."`
	Policies orgAppPoliciesCmd `cmd:"" help:"Change policies (Edit Policies), and say who loses access."`
	Approve  orgAppApproveCmd  `cmd:"" help:"Let the users of a permission set or profile use an app (Manage Permission Sets)."`
	Withdraw orgAppWithdrawCmd `cmd:"" help:"Take a permission set or profile off an app."`
	Usage    orgAppUsageCmd    `cmd:"" help:"List who uses an app."`
	Revoke   orgAppRevokeCmd   `cmd:"" help:"Take back an app's tokens."`
	Block    orgAppBlockCmd    `cmd:"" help:"Block an app: its tokens die, and nobody gets new ones."`
	Unblock  orgAppUnblockCmd  `cmd:"" help:"Unblock an app."`
}

type orgAppListCmd struct{ orgFlags }

// Run lists the apps.
func (c *orgAppListCmd) Run(ctx context.Context, a *app) error {
	return c.session(ctx, a, func(s *crm.Session) error {
		apps, err := s.Apps(ctx)
		if err != nil {
			return err
		}
		if a.json {
			return a.printJSON(apps)
		}
		var rows [][]string
		for _, p := range apps {
			rows = append(rows, []string{p.FullName, p.Label, permittedUsers(p.AdminApproved), ipLabels[p.IPRelaxation], refreshLabel(p.RefreshTokenPolicy), appState(p)})
		}
		return a.printTable([]string{"name", "label", "permitted users", "ip relaxation", "refresh token policy", "standing"}, rows)
	})
}

// permittedUsers, ipLabels and refreshLabel are the words of Setup.
func permittedUsers(adminApproved bool) string {
	if adminApproved {
		return "Admin approved users are pre-authorized"
	}
	return "All users may self-authorize"
}

var ipLabels = map[string]string{
	"ENFORCE": "Enforce IP restrictions", "BYPASS": "Relax IP restrictions", "BYPASS_2FACTOR": "Relax IP restrictions for activated devices",
	"ENFORCE_RELAXREFRESH": "Enforce IP restrictions, but relax for refresh tokens",
}

func refreshLabel(policy string) string {
	switch policy {
	case "infinite":
		return "Refresh token is valid until revoked"
	case "zero":
		return "Immediately expire refresh token"
	}
	kind, rest, _ := strings.Cut(policy, ":")
	n, unit, _ := strings.Cut(rest, ":")
	if kind == "specific_inactivity" {
		return "Expire refresh token if not used for " + n + " " + strings.ToLower(unit)
	}
	return "Expire refresh token after " + n + " " + strings.ToLower(unit)
}

func appState(p crm.App) string {
	switch {
	case p.Blocked:
		return "blocked"
	case !p.Installed:
		return "not installed"
	}
	return "installed"
}

// appArg names an app.
type appArg struct {
	orgFlags
	App string `arg:"" help:"API name or label of the app, such as Salesforce_Marketing_Cloud."`
}

// session signs in and finds the app first: a label stands for its API name from there on.
func (c *appArg) session(ctx context.Context, a *app, do func(*crm.Session) error) error {
	return c.orgFlags.session(ctx, a, func(s *crm.Session) error {
		found, err := findApp(ctx, s, c.App)
		if err != nil {
			return err
		}
		c.App = found.FullName
		return do(s)
	})
}

// findApp finds a connected app by API name, with or without its namespace, or by label.
func findApp(ctx context.Context, s *crm.Session, name string) (crm.App, error) {
	found, err := s.App(ctx, name)
	if fault.CodeOf(err) != client.CodeNotFound {
		return found, err
	}
	all, err := s.Apps(ctx)
	if err != nil {
		return crm.App{}, err
	}
	var of []crm.App
	for _, p := range all {
		if strings.EqualFold(p.Label, name) {
			of = append(of, p)
		}
	}
	switch len(of) {
	case 0:
		return crm.App{}, fmt.Errorf("the org has no connected app %q; 'twinspan org app list' lists them", name)
	case 1:
		return of[0], nil
	}
	return crm.App{}, fmt.Errorf("the org has several connected apps labelled %q; give the API name", name)
}

type orgAppShowCmd struct{ appArg }

// Run shows an app.
func (c *orgAppShowCmd) Run(ctx context.Context, a *app) error {
	return c.session(ctx, a, func(s *crm.Session) error {
		p, err := s.App(ctx, c.App)
		if err != nil {
			return err
		}
		if a.json {
			return a.printJSON(p)
		}
		timeout := "the org's"
		if p.SessionTimeoutMinutes > 0 {
			timeout = strconv.Itoa(p.SessionTimeoutMinutes) + " minutes"
		}
		certificate := "none"
		if p.Certificate {
			certificate = "set"
		}
		secret := "none"
		if p.ConsumerSecret {
			secret = "set"
		}
		rows := [][]string{
			{"name", p.FullName},
			{"label", p.Label},
			{"description", p.Description},
			{"contact email", p.ContactEmail},
			{"start url", p.StartURL},
			{"standing", appState(p)},
			{"permitted users", permittedUsers(p.AdminApproved)},
			{"ip relaxation", ipLabels[p.IPRelaxation]},
			{"refresh token policy", refreshLabel(p.RefreshTokenPolicy)},
			{"session timeout", timeout},
			{"high assurance", p.HighAssurance},
			{"permission sets", strings.Join(p.PermissionSets, ", ")},
			{"profiles", strings.Join(p.Profiles, ", ")},
			{"scopes", strings.Join(p.Scopes, " ")},
			{"callback urls", strings.Join(p.CallbackURLs, " ")},
			{"certificate", certificate},
			{"consumer key", p.ConsumerKey},
			{"consumer secret", secret},
			{"allow-listed addresses", strings.Join(p.IPRanges, ", ")},
			{"run as", p.RunAs},
		}
		return a.printTable([]string{"setting", "value"}, append(rows, switchRows(p)...))
	})
}

type orgAppPoliciesCmd struct {
	appArg
	PermittedUsers string `help:"admin-approved or self-authorize." enum:"admin-approved,self-authorize," default:"" env:"-"`
	IPRelaxation   string `name:"ip-relaxation" help:"enforce, relax, relax-activated or enforce-relax-refresh." enum:"enforce,relax,relax-activated,enforce-relax-refresh," default:"" env:"-"`
	RefreshToken   string `help:"until-revoked, immediately, unused:N:UNIT or after:N:UNIT, with a UNIT of hours, days or months." placeholder:"POLICY" env:"-"`
	Timeout        *int   `help:"Minutes that a session lives unused; 0 is the org's setting." placeholder:"MINUTES" env:"-"`
	HighAssurance  string `help:"none, block or raise: what to do with a session of standard level." enum:"none,block,raise," default:"" env:"-"`
	DryRun         bool   `help:"Only say who would lose access." env:"-"`
}

// Run changes the policies that are named.
func (c *orgAppPoliciesCmd) Run(ctx context.Context, a *app) error {
	change, err := c.change()
	if err != nil {
		return err
	}
	return c.session(ctx, a, func(s *crm.Session) error {
		access, err := s.ChangeApp(ctx, c.App, change)
		if err != nil {
			return err
		}
		if a.json {
			return a.printJSON(access)
		}
		if access.Warning != "" {
			a.errorf("warning: %s", oneLine(access.Warning))
		}
		done := "saved"
		if !access.Saved {
			done = "not saved (dry run)"
		}
		return a.print(fmt.Sprintf("%s: %d active users may use the app, %d lose access\n", done, access.Allowed, len(access.Losing)))
	})
}

func (c *orgAppPoliciesCmd) change() (map[string]any, error) {
	m := map[string]any{}
	if c.PermittedUsers != "" {
		m["adminApproved"] = c.PermittedUsers == "admin-approved"
	}
	if c.IPRelaxation != "" {
		m["ipRelaxation"] = map[string]string{
			"enforce": "ENFORCE", "relax": "BYPASS", "relax-activated": "BYPASS_2FACTOR", "enforce-relax-refresh": "ENFORCE_RELAXREFRESH",
		}[c.IPRelaxation]
	}
	if c.RefreshToken != "" {
		policy, err := refreshPolicy(c.RefreshToken)
		if err != nil {
			return nil, err
		}
		m["refreshTokenPolicy"] = policy
	}
	if c.Timeout != nil {
		m["sessionTimeoutMinutes"] = *c.Timeout
	}
	if c.HighAssurance != "" {
		m["highAssurance"] = map[string]string{"none": "", "block": "Block", "raise": "RaiseSessionLevel"}[c.HighAssurance]
	}
	if len(m) == 0 {
		return nil, usagef("name a policy to change, such as --permitted-users admin-approved")
	}
	if c.DryRun {
		m["dryRun"] = true
	}
	return m, nil
}

// refreshPolicy turns a policy as this command takes it into the Metadata API's word; the org checks the rest.
func refreshPolicy(s string) (string, error) {
	switch s {
	case "until-revoked":
		return "infinite", nil
	case "immediately":
		return "zero", nil
	}
	kind, period, _ := strings.Cut(s, ":")
	word, ok := map[string]string{"unused": "specific_inactivity", "after": "specific_lifetime"}[kind]
	if !ok || period == "" {
		return "", usagef("--refresh-token: %q is none of until-revoked, immediately, unused:N:UNIT and after:N:UNIT", s)
	}
	n, unit, _ := strings.Cut(period, ":")
	if count, err := strconv.Atoi(n); err != nil || count < 1 || !contains([]string{"hours", "days", "months"}, strings.ToLower(unit)) {
		return "", usagef("--refresh-token: %q is no period: want N:UNIT with a UNIT of hours, days or months, such as 7:days", period)
	}
	return word + ":" + strings.ToUpper(period), nil
}

type orgAppApproveCmd struct {
	appArg
	Permset string `help:"API name or label of a permission set." placeholder:"NAME" env:"-" xor:"carrier" required:""`
	Profile string `help:"Name of a profile." placeholder:"NAME" env:"-" xor:"carrier" required:""`
}

// Run attaches a permission set or a profile to the app.
func (c *orgAppApproveCmd) Run(ctx context.Context, a *app) error {
	return c.session(ctx, a, func(s *crm.Session) error { return attach(ctx, a, s, c.App, c.Permset, c.Profile) })
}

type orgAppWithdrawCmd struct {
	orgAppApproveCmd
	losing
}

// Run takes a permission set or a profile off the app.
func (c *orgAppWithdrawCmd) Run(ctx context.Context, a *app) error {
	err := c.session(ctx, a, func(s *crm.Session) error { return detach(ctx, c.telling(a, s), c.App, c.Permset, c.Profile) })
	if err != nil {
		return err
	}
	return c.done(a, "saved")
}

type orgAppUsageCmd struct{ appArg }

// Run lists the users of an app.
func (c *orgAppUsageCmd) Run(ctx context.Context, a *app) error {
	return c.session(ctx, a, func(s *crm.Session) error {
		users, err := s.AppUsage(ctx, c.App)
		if err != nil {
			return err
		}
		if a.json {
			return a.printJSON(users)
		}
		var rows [][]string
		for _, u := range users {
			rows = append(rows, []string{
				u.Username, strconv.Itoa(u.Tokens), strconv.Itoa(u.Sessions), strconv.Itoa(u.UseCount), u.Last.Format(time.RFC3339),
			})
		}
		return a.printTable([]string{"user", "tokens", "sessions", "refreshes", "last used"}, rows)
	})
}

type orgAppRevokeCmd struct {
	appArg
	User string `help:"User name of whose tokens are taken back." placeholder:"USERNAME" env:"-" xor:"whose" required:""`
	All  bool   `help:"Everybody's." env:"-" xor:"whose" required:""`
}

// Run takes back tokens.
func (c *orgAppRevokeCmd) Run(ctx context.Context, a *app) error {
	return c.session(ctx, a, func(s *crm.Session) error {
		tokens, sessions, err := inUse(ctx, s, c.App, c.User)
		if err != nil {
			return err
		}
		if err := s.RevokeApp(ctx, c.App, c.User); err != nil {
			return err
		}
		return a.printDone(tokens+sessions > 0, map[string]any{"tokens": tokens, "sessions": sessions}, "revoked: %d tokens and %d sessions ended", tokens, sessions)
	})
}

type orgAppBlockCmd struct{ appArg }

// Run blocks an app.
func (c *orgAppBlockCmd) Run(ctx context.Context, a *app) error { return c.set(ctx, a, true) }

type orgAppUnblockCmd struct{ appArg }

// Run unblocks an app.
func (c *orgAppUnblockCmd) Run(ctx context.Context, a *app) error { return c.set(ctx, a, false) }

func (c *appArg) set(ctx context.Context, a *app, blocked bool) error {
	return c.session(ctx, a, func(s *crm.Session) error {
		p, err := s.App(ctx, c.App)
		if err != nil {
			return err
		}
		tokens, sessions, err := inUse(ctx, s, c.App, "")
		if err != nil {
			return err
		}
		if _, err := s.ChangeApp(ctx, c.App, map[string]any{"blocked": blocked}); err != nil {
			return err
		}
		changed := p.Blocked != blocked
		switch {
		case !changed:
			return a.printDone(false, map[string]any{"blocked": blocked}, "%s is %s already", p.FullName, map[bool]string{true: "blocked", false: "not blocked"}[blocked])
		case !blocked:
			return a.printDone(true, map[string]any{"blocked": false}, "%s is blocked no longer; who used it signs in again", p.FullName)
		}
		return a.printDone(true, map[string]any{"blocked": true, "tokens": tokens, "sessions": sessions}, "%s is blocked: %d tokens and %d sessions ended", p.FullName, tokens, sessions)
	})
}

// inUse counts the tokens and sessions of an app that live: a user's, or everybody's where the user name is "".
func inUse(ctx context.Context, s *crm.Session, app, username string) (tokens, sessions int, err error) {
	users, err := s.AppUsage(ctx, app)
	for _, u := range users {
		if username == "" || strings.EqualFold(u.Username, username) {
			tokens, sessions = tokens+u.Tokens, sessions+u.Sessions
		}
	}
	return tokens, sessions, err
}
