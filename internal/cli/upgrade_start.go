package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/oauth"
)

// Roles in which a person takes part in an upgrade.
const (
	asEngagementAdmin = "engagement-admin"
	asCRMAdmin        = "crm-admin"
	asBoth            = "both"
)

// plays reports whether whoever takes part as a role does the steps of an owner, as the API names it.
func plays(role, owner string) bool {
	return role == asBoth || strings.ReplaceAll(role, "-", "_") == owner
}

// upgradeStartCmd begins an upgrade, or goes on with it.
type upgradeStartCmd struct {
	connectFlags
	As     string        `help:"Whose steps to do: engagement-admin, crm-admin, both." enum:"engagement-admin,crm-admin,both" default:"engagement-admin" env:"-"`
	Order  string        `help:"safe: users are approved before anything depends on it. documented: as document 003 has it." enum:"safe,documented" default:"safe" env:"-"`
	Mode   string        `help:"What becomes of sends meanwhile. hold: they wait and go out afterwards in their order. fail: they fail, as documented." enum:"hold,fail" default:"hold" env:"-"`
	Window time.Duration `help:"How long the outage is booked for." default:"2h" env:"-"`
	Yes    bool          `help:"The warnings are read, and the changes acknowledged." env:"-"`
	By     string        `help:"Who asks; kept on record. The user of this computer, where not given." placeholder:"NAME" env:"-"`
}

// Help is what `twinspan upgrade start --help` says beneath the flags' summary.
func (*upgradeStartCmd) Help() string {
	return `The upgrade is a job of Connect's that goes on whether this command runs or not. This command does the steps of --as, each in that person's own session, and returns when it is somebody
else's turn (exit code 3, with what he has to do) or the upgrade is closed. Given again, it goes on.`
}

// warnings are document 003's before Connect Account.
const warnings = `During this process the system automatically connects to any active Salesforce session.
  Log out of any active Sales or Service Cloud sessions other than the system user's for this process.
  Closing the tab does not end an active session.
  Where your login URL is company-specific, such as https://mycompany.my.salesforce.com, log in to the org there as the system user first.
The connection is unavailable while the outage is open: pause all Marketing Cloud Connect activities.
`

// Run begins or goes on.
func (c *upgradeStartCmd) Run(ctx context.Context, a *app) error {
	if c.Window < time.Minute || c.Window > 72*time.Hour {
		return usagef("--window is from one minute to 72 hours")
	}
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	u, err := cl.Upgrade(ctx)
	if err != nil {
		return err
	}
	if u == nil || u.Closed() || u.State == "booked" {
		if !plays(c.As, "engagement_admin") {
			return usagef("no upgrade is under way: the Engagement admin begins it")
		}
		if err := c.acknowledged(a); err != nil {
			return err
		}
		r := connect.UpgradeStart{Acknowledged: true, By: a.who(c.By)}
		if u == nil || u.Closed() { // what is booked has its order, mode and window
			r.Order, r.Mode, r.WindowMinutes = c.Order, c.Mode, int(c.Window/time.Minute)
		}
		if u, err = cl.StartUpgrade(ctx, r, oauth.NewToken(24)); err != nil {
			return err
		}
	}
	return c.play(ctx, a, cl, u)
}

// acknowledged shows the warnings, and refuses to go on where nobody said that they are read.
func (c *upgradeStartCmd) acknowledged(a *app) error {
	if c.Yes {
		return nil
	}
	if !a.json {
		if err := a.print(warnings); err != nil {
			return err
		}
	}
	return usagef("nothing was done; say --yes when the warnings are read")
}

// play does what is this person's to do, until it is somebody else's turn.
func (c *upgradeStartCmd) play(ctx context.Context, a *app, cl *connect.Client, u *connect.Upgrade) error {
	told := "" // what was told already: the answer takes a moment
	p := &upgradePrinter{a: a}
	err := a.watchUpgrade(ctx, cl, u, p, func(u *connect.Upgrade) (bool, error) {
		w := u.Waiting
		switch {
		case u.Closed():
			return true, nil
		case w == nil || w.For == "connect":
			return false, nil
		case !plays(c.As, w.For):
			return true, nil
		}
		turn := w.Step + w.Have + w.Since.String()
		if turn == told {
			return false, nil
		}
		told = turn
		if w.Step == "acknowledge" {
			if err := c.acknowledged(a); err != nil {
				return true, err
			}
		}
		_, err := cl.TellUpgrade(ctx, w.Step, a.who(c.By), false, oauth.NewToken(24))
		return false, err
	})
	return err
}

// watchUpgrade looks at an upgrade again and again, prints what is news, and asks turn after each look whether that is enough.
// Exit code 3 where it is enough and the upgrade is not closed.
func (a *app) watchUpgrade(ctx context.Context, cl *connect.Client, u *connect.Upgrade, p *upgradePrinter, turn func(*connect.Upgrade) (bool, error)) error {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		if err := p.show(u); err != nil {
			return err
		}
		enough, err := turn(u)
		if err != nil {
			return err
		}
		if enough {
			if err := p.last(u); err != nil {
				return err
			}
			if !u.Closed() || u.State == "cancelled" {
				return errNo
			}
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the upgrade goes on without this command; `twinspan upgrade watch` picks it up: %w", ctx.Err())
		case <-tick.C:
		}
		if u, err = cl.Upgrade(ctx); err != nil {
			return err
		}
		if u == nil {
			return fmt.Errorf("the upgrade is gone, and the connection with it")
		}
	}
}

// upgradeWatchCmd watches.
type upgradeWatchCmd struct {
	connectFlags
}

// Run watches until the upgrade is over; exit code 3 where there is none, or it was cancelled.
func (c *upgradeWatchCmd) Run(ctx context.Context, a *app) error {
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	u, err := cl.Upgrade(ctx)
	if err != nil {
		return err
	}
	if u == nil {
		return a.noUpgrade()
	}
	return a.watchUpgrade(ctx, cl, u, &upgradePrinter{a: a}, func(u *connect.Upgrade) (bool, error) { return u.Closed(), nil })
}

func (a *app) noUpgrade() error {
	if a.json {
		if err := a.printJSON(nil); err != nil {
			return err
		}
	}
	return errNo
}

// upgradeCancelCmd cancels.
type upgradeCancelCmd struct {
	connectFlags
	whyFlags
}

// Run cancels, and waits until Connect's own steps are undone.
func (c *upgradeCancelCmd) Run(ctx context.Context, a *app) error {
	if c.Reason == "" {
		return usagef("--reason is missing: say why, it is kept on record")
	}
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	u, err := cl.CancelUpgrade(ctx, c.Reason, c.by(a), oauth.NewToken(24))
	if err != nil {
		return err
	}
	err = a.watchUpgrade(ctx, cl, u, &upgradePrinter{a: a}, func(u *connect.Upgrade) (bool, error) {
		return u.Closed() || u.Waiting != nil && u.Waiting.For != "connect", nil
	})
	if err == errNo {
		if u, lookErr := cl.Upgrade(ctx); lookErr == nil && u != nil && u.State == "cancelled" {
			return nil
		}
	}
	return err
}

// upgradePrinter prints an upgrade as it goes: a line for each thing that is news.
type upgradePrinter struct {
	a    *app
	seen map[string]bool
}

func (p *upgradePrinter) show(u *connect.Upgrade) error {
	if p.a.json {
		return nil
	}
	if p.seen == nil {
		p.seen = map[string]bool{}
	}
	var b strings.Builder
	for _, s := range u.Steps {
		if s.Status != "done" && s.Status != "undone" {
			continue
		}
		p.news(&b, fmt.Sprintf("%-7s %s: %s", s.Status, oneLine(s.Title), oneLine(s.Have)))
	}
	if u.Failure != "" {
		p.news(&b, "again   "+oneLine(u.Step)+": "+oneLine(u.Failure))
	}
	return p.a.print(b.String())
}

func (p *upgradePrinter) news(b *strings.Builder, line string) {
	if !p.seen[line] {
		p.seen[line] = true
		b.WriteString(line + "\n")
	}
}

// last prints how the upgrade stands when nothing more is to be watched.
func (p *upgradePrinter) last(u *connect.Upgrade) error {
	if p.a.json {
		return p.a.printJSON(u)
	}
	return p.a.print(describeUpgrade(u))
}

func describeUpgrade(u *connect.Upgrade) string {
	var b strings.Builder
	fmt.Fprintf(&b, "upgrade  %s, %s\n", oneLine(words(u.Kind)), oneLine(u.State))
	if w := u.Waiting; w != nil && !u.Closed() {
		fmt.Fprintf(&b, "waits    for %s\n", oneLine(waitsFor(w)))
		for _, l := range [][2]string{{"read", w.Have}, {"wanted", w.Want}, {"click", w.Click}, {"or", w.Command}} {
			if l[1] != "" {
				fmt.Fprintf(&b, "%-8s %s\n", l[0], oneLine(l[1]))
			}
		}
	}
	for _, f := range u.Findings {
		fmt.Fprintf(&b, "found    %s\n", oneLine(f.Message))
	}
	return b.String()
}

func waitsFor(w *connect.UpgradeWaiting) string {
	switch w.For {
	case "time":
		return w.Until.Format(time.RFC3339)
	case "engagement_admin":
		return "the Engagement admin, at " + w.Step
	case "crm_admin":
		return "the CRM admin, at " + w.Step
	}
	return words(w.For) + ", at " + w.Step
}
