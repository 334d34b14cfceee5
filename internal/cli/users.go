package cli

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/client"
	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/oauth"
)

// usersCmd holds the commands about mappings of users (document 000).
type usersCmd struct {
	List   usersListCmd   `cmd:"" help:"List users and how they stand: mapped, stale, broken, not reconnected, cleared; or those not mapped yet."`
	Show   usersShowCmd   `cmd:"" help:"Try one user's mapping and say how it stands; exit code 3 where it does not work."`
	Import usersImportCmd `cmd:"" help:"Map the users of a list, in the background."`
	Map    usersMapCmd    `cmd:"" help:"Map a user whose Salesforce.com Status is set, without his password."`
	Visit  usersVisitCmd  `cmd:"" help:"Open the Marketing Cloud tab as a user, signing in on the clouds' own pages; exit code 3 where he is not mapped then."`
	Clear  usersClearCmd  `cmd:"" help:"Clear mappings and their grants; at the next visit the users are asked to integrate again."`
	Reset  usersResetCmd  `cmd:"" help:"Clear one user's mapping and say where he gives his Engagement credentials again."`
	Check  usersCheckCmd  `cmd:"" help:"Look for mappings that were cleared in the org, by blanking Marketing Cloud OAuth Token on the user."`
	Stale  usersStaleCmd  `cmd:"" help:"List mappings whose Engagement permissions have changed since, and clear them; exit code 3 where there are none."`
}

// states is the flag's list of states.
const states = ",not_integrated,integrated,not_mapped,mapped,stale,broken,not_reconnected,cleared"

// usersListCmd lists users.
type usersListCmd struct {
	connectFlags
	State string `help:"Only users in this state: not_integrated, integrated, not_mapped (under an own link), mapped, stale, broken, not_reconnected or cleared." enum:"${user_states}" default:"" placeholder:"STATE" env:"-"`
}

// Run prints a line a user; exit code 3 where there are none.
func (c *usersListCmd) Run(ctx context.Context, a *app) error {
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	users, err := cl.Users(ctx, c.State)
	if err != nil {
		return err
	}
	if a.json {
		if users == nil {
			users = []connect.User{}
		}
		err = a.printJSON(users)
	} else if len(users) > 0 {
		rows := make([][]string, len(users))
		for i, u := range users {
			rows[i] = []string{u.CRMUsername, words(u.State), u.EngagementUsername, unit(u.AccountID), date(u.MappedAt), u.Reason}
		}
		err = a.printTable([]string{"salesforce user", "state", "engagement user", "business unit", "mapped", "cleared because"}, rows)
	}
	if err == nil && len(users) == 0 {
		err = errNo
	}
	return err
}

// usersShowCmd tries one user.
type usersShowCmd struct {
	connectFlags
	User string `arg:"" help:"User name in the org."`
}

// Run prints the user.
func (c *usersShowCmd) Run(ctx context.Context, a *app) error {
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	u, err := cl.User(ctx, c.User)
	if err != nil {
		return err
	}
	if a.json {
		err = a.printJSON(u)
	} else {
		err = a.print(describeUser(u))
	}
	if err == nil && u.State != "mapped" && u.State != "stale" {
		err = errNo
	}
	return err
}

// describeUser says in lines how a user stands and what is next.
func describeUser(u connect.User) string {
	var b strings.Builder
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-16s %s\n", name, oneLine(value))
		}
	}
	line("salesforce user", u.CRMUsername)
	line("engagement user", u.EngagementUsername)
	line("business unit", unit(u.AccountID))
	line("state", words(u.State))
	line("token in", map[string]string{
		"user_field":        "the User field Marketing Cloud OAuth Token; blanking it clears the mapping",
		"protected_setting": "the protected setting; blanking the User field changes nothing",
		"vault":             "Connect's vault; `twinspan users clear` ends the mapping",
	}[u.TokenStore])
	line("notice", map[string]string{
		connect.CodeAPIUserNamed:    "mapped to the API user; clear the mapping and map the user's own",
		connect.CodeSystemUserNamed: "the Salesforce system user, mapped to a person; his is the API user",
	}[u.Notice])
	line("mapped", date(u.MappedAt))
	line("permissions of", date(u.GrantedAt))
	line("granted by", u.GrantedBy)
	line("cleared", date(u.ClearedAt))
	line("cleared by", u.ClearedBy)
	line("because", u.Reason)
	if u.Cause != nil {
		line("cause", u.Cause.Code+": "+u.Cause.Message)
	}
	line("next", map[string]string{
		"not_integrated":  "the user opens the Marketing Cloud tab and connects, with his own Engagement credentials; or an Engagement administrator sets Salesforce.com Status on the user's page, with which `twinspan users map` maps him without them",
		"not_mapped":      "the user opens Connect's page /marketing-cloud, or `twinspan users visit` does it for him, and connects; the app lets him in where `twinspan connect --let-in` named him",
		"integrated":      "the user opens the Marketing Cloud tab and connects",
		"stale":           "clear the mapping, so that the new permissions are taken at the next visit",
		"broken":          "clear the mapping; the right password is answered \"login denied\" until then",
		"not_reconnected": "`upgrade migrate` reconnects users who were mapped before the upgrade; or the user opens the Marketing Cloud tab and connects anew",
		"cleared":         "the user opens the Marketing Cloud tab, which is Connect's page /marketing-cloud, and connects",
	}[u.State])
	return b.String()
}

// usersMapCmd maps one user.
type usersMapCmd struct {
	connectFlags
	User           string `arg:"" help:"User name in the org."`
	EngagementUser string `arg:"" help:"User name in Engagement, whose Salesforce.com Status names the user."`
	MID            int64  `name:"mid" help:"Business unit to work in; the Engagement user's default where not given." placeholder:"MID" env:"-"`
	Yes            bool   `help:"Map also the API user to a person, or a person to the system user." env:"-"`
	By             string `help:"Who asks; kept on record. The user of this computer, where not given." placeholder:"NAME" env:"-"`
}

// Run maps and prints the user; exit code 3 where it has to be said first that the mapping is meant.
func (c *usersMapCmd) Run(ctx context.Context, a *app) error {
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	u, err := cl.MapUser(ctx, connect.MapRequest{CRMUsername: c.User, EngagementUsername: c.EngagementUser, AccountID: c.MID, Meant: c.Yes, By: a.who(c.By)}, oauth.NewToken(24))
	if r := client.Remote(err); r != nil && (r.Code == connect.CodeAPIUserNamed || r.Code == connect.CodeSystemUserNamed) {
		a.errorf("%s", oneLine(r.Description))
		a.errorf("nothing was mapped; --yes maps all the same")
		return errNo
	}
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(u)
	}
	return a.print(describeUser(u))
}

func unit(mid int64) string {
	if mid == 0 {
		return ""
	}
	return strconv.FormatInt(mid, 10)
}

func date(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Format(time.RFC3339)
}

// whyFlags say who asks for a change and why.
type whyFlags struct {
	Reason string `help:"Why; kept on record." placeholder:"TEXT" env:"-"`
	By     string `help:"Who asks; kept on record. The user of this computer, where not given." placeholder:"NAME" env:"-"`
}

func (f *whyFlags) by(a *app) string { return a.who(f.By) }

// who is the name that was given for who asks, else the user of this computer.
func (a *app) who(given string) string {
	user, _ := a.Lookup("USER")
	return cmp.Or(given, user)
}

// usersClearCmd clears mappings.
type usersClearCmd struct {
	connectFlags
	whyFlags
	Users []string `arg:"" optional:"" name:"user" help:"User names in the org."`
	All   bool     `help:"All mapped users, or those in --state." env:"-"`
	State string   `help:"With --all: only mapped, stale, broken or not reconnected users." enum:",mapped,stale,broken,not_reconnected" default:"" placeholder:"STATE" env:"-"`
}

// Run clears and prints a line a user; exit code 1 where one could not be cleared.
func (c *usersClearCmd) Run(ctx context.Context, a *app) error {
	switch {
	case c.All == (len(c.Users) > 0):
		return usagef("name users, or say --all")
	case c.State != "" && !c.All:
		return usagef("--state goes with --all")
	case c.Reason == "":
		return usagef("--reason is missing: say why, it is kept on record")
	}
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	return a.clearUsers(ctx, cl, connect.ClearRequest{Users: c.Users, All: c.All, State: c.State, By: c.by(a), Reason: c.Reason})
}

// clearUsers makes as many calls as it takes, and prints what came of them.
func (a *app) clearUsers(ctx context.Context, cl *connect.Client, r connect.ClearRequest) error {
	const atOnce = 100
	var done connect.Cleared
	rest := r.Users
	for {
		r.Users, rest = rest[:min(len(rest), atOnce)], rest[min(len(rest), atOnce):]
		page, err := cl.ClearUsers(ctx, r, oauth.NewToken(24))
		if err != nil {
			return err
		}
		done.Cleared, done.Failed = append(done.Cleared, page.Cleared...), append(done.Failed, page.Failed...)
		r.After = page.Next
		if r.After == "" && len(rest) == 0 {
			break
		}
	}
	if a.json {
		if err := a.printJSON(done); err != nil {
			return err
		}
	} else {
		var b strings.Builder
		for _, u := range done.Cleared {
			fmt.Fprintf(&b, "cleared  %s, who was mapped to %s\n", oneLine(u.CRMUsername), oneLine(u.EngagementUsername))
		}
		for _, f := range done.Failed {
			fmt.Fprintf(&b, "failed   %s: %s\n", oneLine(f.CRMUsername), oneLine(f.Error.Message))
		}
		if err := a.print(b.String()); err != nil {
			return err
		}
	}
	switch {
	case len(done.Failed) > 0:
		return fmt.Errorf("%d of %d mappings could not be cleared", len(done.Failed), len(done.Failed)+len(done.Cleared))
	case len(done.Cleared) == 0:
		return errNo
	}
	return nil
}

// usersResetCmd lets one user begin again.
type usersResetCmd struct {
	connectFlags
	whyFlags
	User string `arg:"" help:"User name in the org."`
}

// Run clears the mapping and prints where the user goes.
func (c *usersResetCmd) Run(ctx context.Context, a *app) error {
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	r := connect.ClearRequest{Users: []string{c.User}, By: c.by(a), Reason: cmp.Or(c.Reason, "The user gives the Engagement credentials again.")}
	if err := a.clearUsers(ctx, cl, r); err != nil || a.json {
		return err
	}
	return a.print("next     " + oneLine(c.User) + " signs in to Engagement once at " + cl.TabURL() + "\n")
}

// usersCheckCmd looks through all mappings now.
type usersCheckCmd struct {
	connectFlags
}

// Run prints what was found.
func (c *usersCheckCmd) Run(ctx context.Context, a *app) error {
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	found, err := cl.CheckUsers(ctx, oauth.NewToken(24))
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(found)
	}
	var b strings.Builder
	for _, u := range found.Cleared {
		fmt.Fprintf(&b, "cleared  %s: %s\n", oneLine(u.CRMUsername), oneLine(u.Reason))
	}
	fmt.Fprintf(&b, "package %s: %d looked at, %d cleared in the org, %d moved to the protected setting\n",
		cmp.Or(oneLine(found.PackageVersion), "not installed"), found.Looked, len(found.Cleared), found.Moved)
	return a.print(b.String())
}

// usersStaleCmd shows and clears stale mappings.
type usersStaleCmd struct {
	connectFlags
	whyFlags
	Clear bool `help:"Clear them." env:"-"`
}

// Run lists or clears.
func (c *usersStaleCmd) Run(ctx context.Context, a *app) error {
	if !c.Clear {
		list := usersListCmd{connectFlags: c.connectFlags, State: "stale"}
		return list.Run(ctx, a)
	}
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	return a.clearUsers(ctx, cl, connect.ClearRequest{All: true, State: "stale", By: c.by(a), Reason: cmp.Or(c.Reason, "The user's permissions in Engagement have changed.")})
}
