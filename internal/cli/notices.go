package cli

import (
	"context"
	"strings"

	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/oauth"
)

// connectNotifyCmd says who is mailed when the connection breaks.
type connectNotifyCmd struct {
	connectFlags
	To   []string `help:"Addresses that are mailed; those before are replaced." placeholder:"ADDRESS" env:"-"`
	None bool     `help:"Mail nobody." env:"-"`
	By   string   `help:"Who asks; kept on record. The user of this computer, where not given." placeholder:"NAME" env:"-"`
}

// Run shows who is told, after changing it where asked.
func (c *connectNotifyCmd) Run(ctx context.Context, a *app) error {
	if c.None && len(c.To) > 0 {
		return usagef("--to and --none cannot go together")
	}
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	var n connect.Notices
	if c.None || len(c.To) > 0 {
		n, err = cl.SetNotices(ctx, c.To, a.who(c.By), oauth.NewToken(24))
	} else {
		n, err = cl.Notices(ctx)
	}
	switch {
	case err != nil:
		return err
	case a.json:
		return a.printJSON(n)
	case len(n.Recipients) == 0:
		return a.print("nobody is mailed when the connection breaks; --to ADDRESS names somebody\n")
	}
	return a.print("mailed once for each cause: " + oneLine(strings.Join(n.Recipients, ", ")) + "\n")
}
