package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/oauth"
)

// upgradeScheduleCmd books the outage of an upgrade.
type upgradeScheduleCmd struct {
	connectFlags
	outageFlags
	AfterSends      *bool    `help:"The outage opens only once the sends have completed that are due before it would end; --no-after-sends takes that back." negatable:"" env:"-"`
	Anyway          bool     `help:"With --mode fail: also where sends are scheduled inside, which fail." env:"-"`
	EngagementAdmin []string `help:"Address of the Engagement administrator, who is told by mail; may be repeated. Whom the tenant names, where not given." placeholder:"EMAIL" env:"-" sep:"none"`
	CRMAdmin        []string `name:"crm-admin" help:"Address of the Sales or Service Cloud administrator; likewise." placeholder:"EMAIL" env:"-" sep:"none"`
	Withdraw        bool     `help:"Take the booking back." env:"-"`
	Reason          string   `help:"With --withdraw: why." placeholder:"TEXT" env:"-"`
	By              string   `help:"Who asks; kept on record. The user of this computer, where not given." placeholder:"NAME" env:"-"`
}

// Help is what `twinspan upgrade schedule --help` says beneath the flags' summary.
func (*upgradeScheduleCmd) Help() string {
	return `Without --at it books nothing: it shows what is booked, what was sent and called in each hour of the last seven days, and the hour of the next seven at which an outage disturbs least. Given again with another
--at, it moves the outage. Both administrators are told by mail when it is booked or moved, a day before it opens, when it opens and when it is over.`
}

// Run books, moves, withdraws or proposes.
func (c *upgradeScheduleCmd) Run(ctx context.Context, a *app) error {
	at, err := c.at()
	if err != nil {
		return err
	}
	if c.Withdraw && (c.At != "" || c.AfterSends != nil) {
		return usagef("--withdraw takes a booking back: --at and --after-sends make one")
	}
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	switch {
	case c.Withdraw:
		u, err := cl.WithdrawUpgrade(ctx, a.who(c.By), c.Reason, oauth.NewToken(24))
		if err != nil {
			return err
		}
		if a.json {
			return a.printJSON(u)
		}
		return a.print("withdrawn\n")
	case c.At == "" && c.AfterSends == nil:
		s, err := cl.UpgradeSchedule(ctx, c.Window)
		if err != nil {
			return err
		}
		if a.json {
			return a.printJSON(s)
		}
		return a.print(scheduled(s) + proposed(s.Proposal))
	}
	r := connect.ScheduleRequest{
		Kind: strings.ReplaceAll(c.Kind, "-", "_"), Order: c.Order, Mode: c.Mode, WindowMinutes: int((c.Window + time.Minute - 1) / time.Minute), AfterSends: c.AfterSends, Anyway: c.Anyway,
		EngagementAdmins: c.EngagementAdmin, CRMAdmins: c.CRMAdmin, By: a.who(c.By),
	}
	if !at.IsZero() {
		r.At = &at
	}
	s, err := cl.ScheduleUpgrade(ctx, r, oauth.NewToken(24))
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(s)
	}
	return a.print(scheduled(s) + "next             twinspan upgrade start --yes: the Engagement administrator acknowledges the changes; nothing opens before that\n")
}

// scheduled is what is booked.
func scheduled(s connect.ScheduleAnswer) string {
	if s.Schedule == nil || s.Schedule.Upgrade == nil {
		return "booked           nothing\n"
	}
	b, u := s.Schedule, s.Schedule.Upgrade
	var out strings.Builder
	line := func(title, format string, args ...any) {
		fmt.Fprintf(&out, "%-16s %s\n", title, oneLine(fmt.Sprintf(format, args...)))
	}
	when := "as soon as it is begun"
	if !u.At.IsZero() {
		when = u.At.UTC().Format(time.RFC3339)
	}
	if b.AfterSends {
		when += ", once the sends have completed that are due before its end"
	}
	line("booked", "%s, order %s, %s", titles[u.Kind], u.Order, words(u.State))
	line("outage", "%s, for %d minutes, %s", when, u.WindowMinutes, map[string]string{"hold": "sends wait", "fail": "sends fail"}[u.Mode])
	line("told", "Engagement: %s", strings.Join(b.EngagementAdmins, ", "))
	line("told", "CRM: %s", strings.Join(b.CRMAdmins, ", "))
	for _, m := range s.Inside {
		line("warns", "scheduled inside: %s to %s, due %s, by %s", m.ID, words(m.Kind), m.DueAt.UTC().Format(time.RFC3339), m.User)
	}
	return out.String()
}

// proposed is what was sent and called in each hour of the day, and the quietest hour.
func proposed(p *connect.Proposal) string {
	if p == nil {
		return ""
	}
	var out strings.Builder
	out.WriteString("\nhour (UTC)       sends       calls   of the last seven days\n")
	for _, h := range p.Hours {
		mark := ""
		if inHours(p, h.Hour) {
			mark = "   proposed"
		}
		fmt.Fprintf(&out, "%02d:00      %12d%12d%s\n", h.Hour, h.Sends, h.Calls, mark)
	}
	fmt.Fprintf(&out, "\nproposed         twinspan upgrade schedule --at %s --window %s\n", p.At.UTC().Format(time.RFC3339), p.Until.Sub(p.At))
	if p.Inside > 0 {
		fmt.Fprintf(&out, "                 %d sends are scheduled inside\n", p.Inside)
	}
	return out.String()
}

// inHours reports whether a proposal reaches into an hour of the day.
func inHours(p *connect.Proposal, hour int) bool {
	for at := p.At.UTC(); at.Before(p.Until); at = at.Add(time.Hour) {
		if at.Hour() == hour {
			return true
		}
	}
	return false
}
