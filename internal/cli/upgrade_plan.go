package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/client/connect"
)

// upgradePlanCmd shows what an upgrade would do.
type upgradePlanCmd struct {
	connectFlags
	outageFlags
	LeaveOut []string `help:"Salesforce users who are not to be assigned to the connected app; may be repeated." placeholder:"NAME" env:"-" sep:"none"`
}

// Run prints the plan; exit code 3 where something blocks the upgrade.
func (c *upgradePlanCmd) Run(ctx context.Context, a *app) error {
	at, err := c.at()
	if err != nil {
		return err
	}
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	p, err := cl.UpgradePlan(ctx, connect.UpgradeRequest{Kind: strings.ReplaceAll(c.Kind, "-", "_"), Order: c.Order, Mode: c.Mode, At: at, Window: c.Window, LeaveOut: c.LeaveOut})
	if err != nil {
		return err
	}
	if a.json {
		err = a.printJSON(p)
	} else {
		err = a.print(planOfUpgrade(p))
	}
	if err == nil && p.Blocked {
		err = errNo
	}
	return err
}

// titles are what an upgrade is called, by kind.
var titles = map[string]string{"connected_app": "Upgrade to Connected App (document 003)", "tenant_oauth": "tenant-specific OAuth (document 002)"}

func planOfUpgrade(p connect.UpgradePlan) string {
	var b strings.Builder
	line := func(title, format string, args ...any) {
		fmt.Fprintf(&b, "%-16s %s\n", title, oneLine(fmt.Sprintf(format, args...)))
	}
	line("upgrade", "%s, order %s", titles[p.Kind], p.Order)
	line("outage", "%s to %s", p.From.UTC().Format(time.RFC3339), p.Until.UTC().Format(time.RFC3339))
	line("mode", "%s", p.ModeSays)
	for _, c := range p.Credentials {
		line(map[bool]string{true: "ok", false: "not ok"}[c.OK], "%s signs in %s by %s: %s", c.User, map[string]string{"org": "to the org", "engagement": "to Engagement"}[c.Span], words(c.Auth), c.Text)
	}
	for _, c := range p.Changes {
		if c.Now == c.Then {
			line("stands", "%s: %s: %s", words(c.Area), c.Name, c.Now)
			continue
		}
		line("changes", "%s: %s (by: %s)", words(c.Area), c.Name, words(c.Who))
		line("  now", "%s", c.Now)
		line("  then", "%s", c.Then)
	}
	line("mapped users", "%d; looked at %d, will fail %d", p.Users.Mapped, p.Users.Looked, p.Users.Failing)
	for _, u := range p.Users.Told {
		line(map[bool]string{true: "  will fail", false: "  note"}[u.Fails], "%s (%s): %s", u.CRMUsername, u.EngagementUser, u.Reason)
	}
	if e := p.Estimate; e.Rate > 0 {
		takes := max(time.Duration(e.Seconds*float64(time.Second)).Round(time.Second), time.Second)
		line("takes", "about %s for the users: %s", takes, e.How)
	} else {
		line("takes", "%s", e.How)
	}
	for _, s := range p.Sends {
		line("scheduled send", "%s to %s, due %s, by %s", s.ID, words(s.Kind), s.DueAt.UTC().Format(time.RFC3339), s.User)
	}
	for _, s := range p.Sessions {
		line("other session", "%s, %s, since %s%s", s.Username, s.Type, s.Since.UTC().Format(time.RFC3339), map[bool]string{true: ", from " + s.SourceIP}[s.SourceIP != ""])
	}
	for _, f := range p.Findings {
		line(f.Level, "%s: %s", f.Code, f.Text)
	}
	return b.String()
}
