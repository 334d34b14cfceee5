package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/client/connect"
)

// usersCmd holds the commands about mappings of users (document 000).
type usersCmd struct {
	List usersListCmd `cmd:"" help:"List users and how they stand: mapped, stale, broken, cleared; or those not mapped yet."`
	Show usersShowCmd `cmd:"" help:"Try one user's mapping and say how it stands; exit code 3 where it does not work."`
}

// states is the flag's list of states.
const states = ",not_integrated,integrated,mapped,stale,broken,cleared"

// usersListCmd lists users.
type usersListCmd struct {
	connectFlags
	State string `help:"Only users in this state: not_integrated, integrated, mapped, stale, broken or cleared." enum:"${user_states}" default:"" placeholder:"STATE" env:"-"`
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
		"not_integrated": "an Engagement administrator sets Salesforce.com Status on the user's page, which then names this user",
		"integrated":     "the user opens the Marketing Cloud tab and connects",
		"stale":          "clear the mapping, so that the new permissions are taken at the next visit",
		"broken":         "clear the mapping; the right password is answered \"login denied\" until then",
		"cleared":        "the user opens the Marketing Cloud tab and connects",
	}[u.State])
	return b.String()
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
