package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/engagement"
	"github.com/twinspan/twinspan/internal/vault"
)

// tenantCmd administers the tenant over its public APIs.
type tenantCmd struct {
	User       userCmd             `cmd:"" help:"Users: list, show, create, update."`
	Role       roleCmd             `cmd:"" help:"Roles: list, and give them in a business unit."`
	BU         buCmd               `cmd:"" name:"bu" help:"List the business units."`
	Package    packageCmd          `cmd:"" help:"Installed packages: list, create, change, disable, uninstall, rotate the client secret."`
	Session    sessionCmd          `cmd:"" help:"Browser sessions: list, end."`
	Grant      grantCmd            `cmd:"" help:"Standing grants for Connect: list, clear."`
	Domain     domainCmd           `cmd:"" help:"Addresses and domains to send from: list, add, verify, delete."`
	Email      tenantEmailCmd      `cmd:"" help:"Emails: list, create."`
	Definition tenantDefinitionCmd `cmd:"" help:"Triggered send definitions: list, create, start, pause."`
	Send       tenantSendCmd       `cmd:"" help:"Messages: list, and decide about those in doubt."`
	Document   documentCmd         `cmd:"" help:"My Documents: list, get, put, delete."`
	Settings   settingsCmd         `cmd:"" help:"Show or change the security settings."`
}

// tenant signs the ready file's server-to-server package in.
func (f *clientFlags) tenant(ctx context.Context) (*engagement.Session, error) {
	return f.tenantIn(ctx, 0)
}

// unitFlags is how commands sign in that work in one business unit.
type unitFlags struct {
	clientFlags
	BU int64 `name:"bu" help:"MID of the business unit to look in; the top one where not given." placeholder:"MID" env:"-"`
}

func (f *unitFlags) session(ctx context.Context) (*engagement.Session, error) {
	return f.tenantIn(ctx, f.BU)
}

// tenantIn is tenant in a business unit, 0 for the one in which the package was made.
func (f *clientFlags) tenantIn(ctx context.Context, mid int64) (*engagement.Session, error) {
	r, err := f.withClouds()
	if err != nil {
		return nil, err
	}
	c, err := engagement.New(engagement.Options{AuthURL: r.Engagement.AuthURL})
	if err != nil {
		return nil, err
	}
	p := r.Engagement.InstalledPackage
	token, err := c.ClientCredentials(ctx, engagement.ClientCredentialsGrant{ClientID: p.ClientID, Secret: vault.Secret(p.ClientSecret), MID: cmp.Or(mid, p.AccountID)})
	if err != nil {
		return nil, fmt.Errorf("signing in to the tenant: %w", err)
	}
	return c.Session(token), nil
}

// administering is how the commands that change users sign in: as the package, or by name and password as an API user who
// may change what the package may not.
type administering struct {
	clientFlags
	As string `name:"as" help:"Act as this API user of the tenant and not as the installed package, with his permissions: the package may not change administrators. His password is read from TWINSPAN_AS_PASSWORD; that of the ready file's api_user is known." placeholder:"USER" env:"-"`
}

func (f *administering) session(ctx context.Context, a *app) (*engagement.Session, error) {
	if f.As == "" {
		return f.tenant(ctx)
	}
	r, err := f.withClouds()
	if err != nil {
		return nil, err
	}
	password, _ := a.Lookup("TWINSPAN_AS_PASSWORD")
	if known := r.Engagement.APIUser; password == "" && strings.EqualFold(known.Username, f.As) {
		password = known.Password
	}
	if password == "" {
		return nil, usagef("--as %s: put the password into TWINSPAN_AS_PASSWORD", f.As)
	}
	c, err := engagement.New(engagement.Options{AuthURL: r.Engagement.AuthURL})
	if err != nil {
		return nil, err
	}
	return c.ByPassword(r.Engagement.SOAPURL, f.As, vault.Secret(password))
}

// codeMayNot is SOAP's AuthorizationFailure (engagement-wire 3).
const codeMayNot = "11"

// explain adds to a refusal for want of rights who has them.
func (f *administering) explain(err error) error {
	remote := client.Remote(err)
	if f.As != "" || remote == nil || remote.Code != codeMayNot {
		return err
	}
	user := "USER"
	if r, failed := f.ready(); failed == nil {
		user = r.Engagement.APIUser.Username
	}
	return fmt.Errorf("%w The command acts as the installed package, which may not give or change what administrators have; `--as %s` acts as the API user", err, user)
}

// list prints rows under a head, or the values as JSON.
func list[T any](a *app, values []T, head []string, row func(T) []string) error {
	if a.json {
		return a.printJSON(values)
	}
	rows := make([][]string, len(values))
	for i, v := range values {
		rows[i] = row(v)
	}
	return a.printTable(head, rows)
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

type userCmd struct {
	List   userListCmd   `cmd:"" default:"1" help:"List the users."`
	Show   userShowCmd   `cmd:"" help:"Show a user with his roles."`
	Create userCreateCmd `cmd:"" help:"Make a user. His password is read from TWINSPAN_PASSWORD."`
	Update userUpdateCmd `cmd:"" help:"Change a user. A new password is read from TWINSPAN_PASSWORD where that is set."`
}

type userListCmd struct{ clientFlags }

// Run lists the users.
func (c *userListCmd) Run(ctx context.Context, a *app) error {
	s, err := c.tenant(ctx)
	if err != nil {
		return err
	}
	users, err := s.AccountUsers(ctx, nil)
	if err != nil {
		return err
	}
	units, err := hasUnits(ctx, s)
	if err != nil {
		return err
	}
	head := []string{"user", "name", "email", "active", "API user"}
	if units {
		head = append(head, "default BU")
	}
	return list(a, users, head, func(u engagement.AccountUser) []string {
		row := []string{u.Username, u.Name, u.Email, yes(u.Active), yes(u.APIUser)}
		if units {
			row = append(row, strconv.FormatInt(u.DefaultMID, 10))
		}
		return row
	})
}

// hasUnits tells whether the tenant has business units: those of other editions than Enterprise 2.0 show none, not even
// the top one.
func hasUnits(ctx context.Context, s *engagement.Session) (bool, error) {
	units, err := s.BusinessUnits(ctx)
	return len(units) > 0, err
}

type userShowCmd struct {
	clientFlags
	Username string `arg:"" help:"User name."`
}

// Run shows one user.
func (c *userShowCmd) Run(ctx context.Context, a *app) error {
	s, err := c.tenant(ctx)
	if err != nil {
		return err
	}
	u, err := s.UserDetails(ctx, c.Username)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(u)
	}
	units, err := hasUnits(ctx, s)
	if err != nil {
		return err
	}
	rows := [][]string{
		{"user", u.Username},
		{"number", strconv.FormatInt(u.ID, 10)},
		{"name", u.Name},
		{"email", u.Email},
		{"active", yes(u.Active)},
		{"locked", yes(u.Locked)},
		{"temporary password", yes(u.MustChange)},
		{"API user", yes(u.APIUser)},
		{"default BU", strconv.FormatInt(u.DefaultMID, 10)},
		{"Salesforce.com Status", u.SalesforceUsername},
		{"roles", strings.Join(u.Roles, ", ")},
	}
	if !units {
		rows = slices.DeleteFunc(rows, func(row []string) bool { return row[0] == "default BU" })
	}
	return a.printTable([]string{"field", "value"}, rows)
}

// userFields are what Create and Update share.
type userFields struct {
	Username    string   `arg:"" help:"User name."`
	Name        string   `help:"Full name." env:"-"`
	Email       string   `help:"Email address." env:"-"`
	APIUser     *bool    `name:"api-user" negatable:"" help:"Make him an API user, or an ordinary one." env:"-"`
	DefaultBU   int64    `name:"default-bu" help:"MID of the business unit in which his calls run." env:"-"`
	Role        []string `help:"Role to give, by name or key; may be repeated." env:"-"`
	CRMUsername *string  `name:"crm-username" help:"CRM user name for Salesforce.com Status; empty clears it." env:"-"`
}

func (f userFields) write(ctx context.Context, a *app, s *engagement.Session) (engagement.UserWrite, error) {
	password, _ := a.Lookup("TWINSPAN_PASSWORD")
	u := engagement.UserWrite{
		Username: f.Username, Name: f.Name, Email: f.Email, Password: vault.Secret(password), APIUser: f.APIUser, DefaultMID: f.DefaultBU,
		SalesforceUsername: f.CRMUsername,
	}
	if f.DefaultBU != 0 {
		units, err := hasUnits(ctx, s)
		if err != nil {
			return u, err
		}
		if !units {
			return u, usagef("--default-bu: the tenant has no business units; only those of Enterprise 2.0 have")
		}
	}
	var err error
	u.AddRoles, err = roleKeys(ctx, s, f.Role)
	return u, err
}

// roleKeys turns names and keys of roles into keys.
func roleKeys(ctx context.Context, s *engagement.Session, names []string) ([]string, error) {
	if len(names) == 0 {
		return nil, nil
	}
	roles, err := s.Roles(ctx)
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, name := range names {
		i := slices.IndexFunc(roles, func(r engagement.Role) bool { return strings.EqualFold(r.Name, name) || strings.EqualFold(r.Key, name) })
		if i < 0 {
			return nil, usagef("there is no role %q; `twinspan tenant role` lists them", name)
		}
		keys = append(keys, roles[i].Key)
	}
	return keys, nil
}

type userCreateCmd struct {
	administering
	userFields
}

// Run makes a user.
func (c *userCreateCmd) Run(ctx context.Context, a *app) error {
	if password, _ := a.Lookup("TWINSPAN_PASSWORD"); password == "" {
		return usagef("the user needs a password: put it in TWINSPAN_PASSWORD")
	}
	s, err := c.session(ctx, a)
	if err != nil {
		return err
	}
	u, err := c.write(ctx, a, s)
	if err != nil {
		return err
	}
	if err := s.CreateUser(ctx, u); err != nil {
		return c.explain(err)
	}
	return a.print("made " + oneLine(c.Username) + "\n")
}

type userUpdateCmd struct {
	administering
	userFields
	RemoveRole []string `help:"Role to take back, by name or key; may be repeated." env:"-"`
	Active     *bool    `negatable:"" help:"Enable or disable him." env:"-"`
	Unlock     bool     `help:"Let him try again after too many wrong passwords." env:"-"`
}

// Run changes a user.
func (c *userUpdateCmd) Run(ctx context.Context, a *app) error {
	s, err := c.session(ctx, a)
	if err != nil {
		return err
	}
	if _, err := s.UserDetails(ctx, c.Username); err != nil { // an update of nobody would make somebody
		return err
	}
	u, err := c.write(ctx, a, s)
	if err != nil {
		return err
	}
	if u.RemoveRoles, err = roleKeys(ctx, s, c.RemoveRole); err != nil {
		return err
	}
	u.Active, u.Unlock = c.Active, c.Unlock
	if err := s.UpdateUser(ctx, u); err != nil {
		return c.explain(err)
	}
	return a.print("changed " + oneLine(c.Username) + "\n")
}

type roleCmd struct {
	List  roleListCmd  `cmd:"" default:"1" help:"List the roles."`
	Units roleUnitsCmd `cmd:"" help:"List the roles that are given in a business unit."`
	Give  roleGiveCmd  `cmd:"" help:"Give a role in a business unit, to one user or to everybody in it."`
	Take  roleTakeCmd  `cmd:"" help:"Take a role of a business unit back."`
}

type roleListCmd struct{ administering }

// Run lists the roles.
func (c *roleListCmd) Run(ctx context.Context, a *app) error {
	s, err := c.session(ctx, a)
	if err != nil {
		return err
	}
	roles, err := s.Roles(ctx)
	if err != nil {
		return err
	}
	return list(a, roles, []string{"key", "name", "description"}, func(r engagement.Role) []string { return []string{r.Key, r.Name, r.Description} })
}

type buCmd struct{ clientFlags }

// Run lists the business units.
func (c *buCmd) Run(ctx context.Context, a *app) error {
	s, err := c.tenant(ctx)
	if err != nil {
		return err
	}
	units, err := s.BusinessUnits(ctx)
	if err != nil {
		return err
	}
	return list(a, units, []string{"MID", "name", "parent", "active"}, func(u engagement.BusinessUnit) []string {
		return []string{strconv.FormatInt(u.MID, 10), u.Name, strconv.FormatInt(u.ParentMID, 10), yes(u.Active)}
	})
}

type settingsCmd struct {
	clientFlags
	Set []string `arg:"" optional:"" help:"Settings to change, as NAME=JSON: lockout_after=3, ui_addresses=[\"203.0.113.0/24\"]."`
}

// Run shows the settings, after changing those named.
func (c *settingsCmd) Run(ctx context.Context, a *app) error {
	change := map[string]any{}
	for _, one := range c.Set {
		name, text, ok := strings.Cut(one, "=")
		var value any
		if !ok || json.Unmarshal([]byte(text), &value) != nil {
			return usagef("%q is not NAME=JSON such as lockout_after=3 or my_documents=true", one)
		}
		change[name] = value
	}
	s, err := c.tenant(ctx)
	if err != nil {
		return err
	}
	var all map[string]any
	if len(change) > 0 {
		all, err = s.ChangeSettings(ctx, change)
	} else {
		all, err = s.Settings(ctx)
	}
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(all)
	}
	var rows [][]string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		value, err := json.Marshal(all[name])
		if err != nil {
			return err
		}
		rows = append(rows, []string{name, string(value)})
	}
	return a.printTable([]string{"setting", "value"}, rows)
}
