package cli

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/oauth"
)

// statusCmd says how the connection stands.
type statusCmd struct {
	connectFlags
	Check bool `help:"Ask both clouds now. Otherwise it is what they answered last, up to a minute ago." env:"-"`
}

// Run prints the status; exit code 3 where the clouds are not connected.
func (c *statusCmd) Run(ctx context.Context, a *app) error {
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	var s connect.Status
	if c.Check {
		s, err = cl.CheckStatus(ctx, oauth.NewToken(24))
	} else {
		s, err = cl.Status(ctx)
	}
	if err != nil {
		return err
	}
	if a.json {
		err = a.printJSON(s)
	} else {
		asked := "as the clouds answered last, up to a minute ago; --check asks them now"
		if c.Check {
			asked = "now"
		}
		err = a.print(describe(s) + "checked          " + asked + "\n")
	}
	if err == nil && s.State != connect.StateConnected {
		err = errNo
	}
	return err
}

// describe says a status in lines.
func describe(s connect.Status) string {
	var b strings.Builder
	fmt.Fprintf(&b, "standing         %s\n", oneLine(words(s.Standing)))
	fmt.Fprintf(&b, "connection       %s\n", oneLine(words(s.State)))
	span := func(title string, sp connect.Span, user, where string) {
		fmt.Fprintf(&b, "%-16s %s", title, oneLine(words(sp.State)))
		if user != "" {
			fmt.Fprintf(&b, " as %s", oneLine(user))
		}
		if sp.ConnectedAt != nil {
			fmt.Fprintf(&b, " since %s", sp.ConnectedAt.Format(time.RFC3339))
		}
		if where != "" {
			fmt.Fprintf(&b, ", %s", oneLine(where))
		}
		b.WriteByte('\n')
		if sp.State != "not_connected" && sp.Auth != "jwt" {
			fmt.Fprintf(&b, "                 by %s\n", oneLine(authWords(sp.Auth)))
		}
		if sp.Cause != nil {
			fmt.Fprintf(&b, "                 %s: %s\n", oneLine(sp.Cause.Code), oneLine(sp.Cause.Message))
		}
	}
	span("into the org", s.Org, s.Org.SystemUser, s.Org.URL)
	if s.Org.PackageVersion != "" {
		fmt.Fprintf(&b, "managed package  %s\n", oneLine(s.Org.PackageVersion))
	}
	span("into Engagement", s.Engagement, s.Engagement.APIUser, s.Engagement.AuthURL)
	for _, f := range s.Findings {
		fmt.Fprintf(&b, "finding          %s: %s\n", oneLine(f.Code), oneLine(f.Message))
	}
	if s.State == "broken" {
		b.WriteString("why              `twinspan doctor` names the cause and what mends it\n")
	}
	if o := s.Outage; o != nil {
		fmt.Fprintf(&b, "outage           %s\n", outageLine(*o))
	}
	if u := s.IntegrationUser; u != nil {
		fmt.Fprintf(&b, "integration user %s as %s\n", oneLine(words(u.State)), oneLine(u.Username))
		if u.Cause != nil {
			fmt.Fprintf(&b, "                 %s: %s\n", oneLine(u.Cause.Code), oneLine(u.Cause.Message))
		}
		fmt.Fprintf(&b, "better           %s\n", oneLine(u.Advice))
	}
	return b.String()
}

// words is a state for people.
func words(state string) string { return strings.ReplaceAll(cmp.Or(state, "unknown"), "_", " ") }
