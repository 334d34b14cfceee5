package cli

import (
	"context"
	"time"

	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/oauth"
)

// tokensCmd holds the commands about API tokens.
type tokensCmd struct {
	Create tokensCreateCmd `cmd:"" help:"Make an API token with a role; its value is printed once and kept nowhere."`
	List   tokensListCmd   `cmd:"" help:"List the API tokens, never their values; exit code 3 where there are none."`
	Revoke tokensRevokeCmd `cmd:"" help:"End an API token at once."`
	Link   tokensLinkCmd   `cmd:"" help:"Print a one-time link that opens Connect's console as an administrator, as twinspan up does when it starts."`
}

// tokensCreateCmd makes a token.
type tokensCreateCmd struct {
	connectFlags
	Name string `arg:"" help:"What the token is for; each name once."`
	Role string `help:"admin: everything. reader: read everything, change nothing. engagement: the steps that are done in Engagement. user: one CRM user's own mapping, with --user." enum:"admin,reader,engagement,user" required:"" placeholder:"ROLE" env:"-"`
	User string `help:"With --role user: CRM user name." placeholder:"NAME" env:"-"`
	Days int    `help:"How long it works, in days of the pair's clock, at most 366." default:"90" placeholder:"DAYS" env:"-"`
	By   string `help:"Who asks; kept on record. The user of this computer, where not given." placeholder:"NAME" env:"-"`
}

// Run prints the value alone, so that it can be captured; what it is goes with --json.
func (c *tokensCreateCmd) Run(ctx context.Context, a *app) error {
	switch {
	case c.Days < 1 || c.Days > 366:
		return usagef("--days: a token works for 1 to 366 days")
	case (c.Role == "user") != (c.User != ""):
		return usagef("--user goes with --role user, and --role user with it")
	}
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	t, value, err := cl.CreateToken(ctx, connect.TokenSpec{Name: c.Name, Role: c.Role, User: c.User, Days: c.Days, By: a.who(c.By)})
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(struct {
			connect.Token
			Value string `json:"value"`
		}{t, value.Reveal()})
	}
	return a.print(value.Reveal() + "\n")
}

// tokensListCmd lists tokens.
type tokensListCmd struct {
	connectFlags
	All bool `help:"Those that were revoked too." env:"-"`
}

// Run prints a line a token.
func (c *tokensListCmd) Run(ctx context.Context, a *app) error {
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	found, err := cl.Tokens(ctx)
	if err != nil {
		return err
	}
	all := []connect.Token{}
	for _, t := range found {
		if c.All || t.RevokedAt == nil {
			all = append(all, t)
		}
	}
	if a.json {
		err = a.printJSON(all)
	} else if len(all) > 0 {
		rows := make([][]string, len(all))
		for i, t := range all {
			rows[i] = []string{t.ID, t.Name, t.Role, t.User, t.ExpiresAt.Format(time.RFC3339), moment(t.UsedAt, "never"), moment(t.RevokedAt, ""), t.CreatedBy}
		}
		err = a.printTable([]string{"id", "name", "role", "user", "expires", "used", "revoked", "made by"}, rows)
	}
	if err == nil && len(all) == 0 {
		err = errNo
	}
	return err
}

// moment is a time that may be none.
func moment(t *time.Time, none string) string {
	if t == nil {
		return none
	}
	return t.Format(time.RFC3339)
}

// tokensRevokeCmd ends a token.
type tokensRevokeCmd struct {
	connectFlags
	ID string `arg:"" help:"Of the token, as tokens list prints it."`
	By string `help:"Who asks; kept on record. The user of this computer, where not given." placeholder:"NAME" env:"-"`
}

// Run says which one works no more.
func (c *tokensRevokeCmd) Run(ctx context.Context, a *app) error {
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	t, err := cl.RevokeToken(ctx, c.ID, a.who(c.By), oauth.NewToken(24))
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(t)
	}
	return a.print("revoked      " + oneLine(t.Name) + "\n")
}

// tokensLinkCmd makes the console's link.
type tokensLinkCmd struct {
	connectFlags
	By string `help:"Who asks. The user of this computer, where not given." placeholder:"NAME" env:"-"`
}

// Run prints the link alone.
func (c *tokensLinkCmd) Run(ctx context.Context, a *app) error {
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	link, err := cl.ConsoleLink(ctx, a.who(c.By))
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]string{"url": link})
	}
	return a.print(oneLine(link) + "\n")
}
