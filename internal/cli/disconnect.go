package cli

import (
	"context"
	"fmt"

	"github.com/twinspan/twinspan/internal/oauth"
)

// disconnectCmd takes the connection down.
type disconnectCmd struct {
	connectFlags
	whyFlags
	Yes bool `help:"Do it." env:"-"`
}

// effects are what disconnecting does, as the vendor documents it.
const effects = `Disconnecting
  removes the link between the two accounts, and whom Connect signs in with in both
  removes all user mappings and ends their grants in Engagement
  makes scheduled sends to reports, campaigns, contacts, leads and Salesforce data extensions fail
  suspends triggered sends, and what they were about to send fails; they are resumed once the clouds are connected anew
  leaves what was sent and tracked in Engagement; tracking of earlier sends is never pushed to the org again
  leaves the certificates in both clouds, and an integration user
Connecting again means mapping all users again.
`

// Run says what will be lost, and disconnects where --yes was given.
func (c *disconnectCmd) Run(ctx context.Context, a *app) error {
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	if !c.Yes {
		if err := a.print(effects); err != nil {
			return err
		}
		return usagef("nothing was done; say --yes and --reason")
	}
	if c.Reason == "" {
		return usagef("--reason is missing: say why, it is kept on record")
	}
	cleared, failed, after := 0, 0, ""
	for {
		d, err := cl.Disconnect(ctx, after, c.by(a), c.Reason, oauth.NewToken(24))
		if err != nil {
			return err
		}
		cleared, failed, after = cleared+d.Cleared, failed+len(d.Failed), d.Next
		for _, f := range d.Failed {
			a.errorf("%s: %s", oneLine(f.CRMUsername), oneLine(f.Error.Message))
		}
		if d.Disconnected {
			break
		}
		if after == "" {
			return fmt.Errorf("%d mappings could not be cleared, so the connection stands; run it again", failed)
		}
	}
	if a.json {
		return a.printJSON(map[string]any{"disconnected": true, "cleared": cleared})
	}
	return a.print(fmt.Sprintf("disconnected; %d mappings were cleared\n", cleared))
}
