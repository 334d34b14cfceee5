package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/client/connect"
	"github.com/twinspan/twinspan/internal/oauth"
)

// connectUsage prints what Connect's calls cost; errNo where the org's limit is used up to the threshold.
func (c *usageShowCmd) connectUsage(ctx context.Context, a *app) error {
	if c.Threshold < 0 || c.Threshold > 100 {
		return usagef("--threshold: a number of percent from 1 to 100")
	}
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	u, err := cl.Usage(ctx)
	if err != nil {
		return err
	}
	if a.json {
		err = a.printJSON(u)
	} else {
		err = a.printConnectUsage(u, c.Hourly)
	}
	if err == nil && c.Threshold > 0 && u.OrgUsedPercent >= float64(c.Threshold) {
		err = errNo
	}
	return err
}

func (a *app) printConnectUsage(u connect.Usage, hourly bool) error {
	text := fmt.Sprintf("%d calls of Connect in the last 24 hours, %d of them count against the org's limit\n", u.Calls, u.Counted)
	if u.OrgMax > 0 {
		text += fmt.Sprintf("the org: %.1f %% of %d requests used by all, %d left\n", u.OrgUsedPercent, u.OrgMax, u.OrgRemaining)
	}
	if u.OrgCause != nil {
		text += "the org does not tell: " + oneLine(u.OrgCause.Code+": "+u.OrgCause.Message) + "\n"
	}
	for _, c := range u.Alerts.Reached {
		text += "reached: " + threshold(c.Of, c.Threshold) + "\n"
	}
	if err := a.print(text + "\n"); err != nil {
		return err
	}
	head := []string{"cloud", "api", "calls", "counted"}
	if hourly {
		head = append([]string{"hour"}, head...)
	}
	type key struct{ hour, cloud, api string }
	sums, order := map[key]int64{}, []key{}
	counts := map[key]bool{}
	for _, h := range u.Hours {
		k := key{cloud: h.Cloud, api: h.API}
		if hourly {
			k.hour = h.Hour.Format(time.RFC3339)
		}
		if _, seen := sums[k]; !seen {
			order = append(order, k)
		}
		sums[k] += h.Calls
		counts[k] = h.Counted
	}
	rows := make([][]string, len(order))
	for i, k := range order {
		row := []string{k.cloud, k.api, strconv.FormatInt(sums[k], 10), map[bool]string{true: "yes", false: "no"}[counts[k]]}
		if hourly {
			row = append([]string{k.hour}, row...)
		}
		rows[i] = row
	}
	return a.printTable(head, rows)
}

// usageAlertsCmd is about the thresholds at which the recipients of notifications are mailed.
type usageAlertsCmd struct {
	connectFlags
	Percent []int  `help:"Percent of the org's rolling 24-hour limit, as all its callers use it; several by commas." placeholder:"PERCENT" env:"-"`
	Counted *int64 `help:"Connect's own calls in 24 hours that count against that limit; 0 for none." placeholder:"CALLS" env:"-"`
	Off     bool   `help:"Tell nobody." env:"-"`
	By      string `help:"Who asks; kept on record. The user of this computer, where not given." placeholder:"NAME" env:"-"`
}

// Run shows the thresholds, after changing those that are given.
func (c *usageAlertsCmd) Run(ctx context.Context, a *app) error {
	if c.Off && (c.Percent != nil || c.Counted != nil) {
		return usagef("--off goes with no threshold")
	}
	cl, err := c.connect(a)
	if err != nil {
		return err
	}
	u, err := cl.Usage(ctx)
	if err != nil {
		return err
	}
	if want := u.Alerts; c.Off || c.Percent != nil || c.Counted != nil {
		switch {
		case c.Off:
			want = connect.UsageAlerts{}
		default:
			if c.Percent != nil {
				want.Percents = c.Percent
			}
			if c.Counted != nil {
				want.Counted = *c.Counted
			}
		}
		if u, err = cl.SetUsageAlerts(ctx, want.Percents, want.Counted, a.who(c.By), oauth.NewToken(24)); err != nil {
			return err
		}
	}
	if a.json {
		return a.printJSON(u.Alerts)
	}
	var b strings.Builder
	for _, p := range u.Alerts.Percents {
		fmt.Fprintf(&b, "mail at %s\n", threshold("org_limit", int64(p)))
	}
	if u.Alerts.Counted > 0 {
		fmt.Fprintf(&b, "mail at %s\n", threshold("connect_calls", u.Alerts.Counted))
	}
	if b.Len() == 0 {
		b.WriteString("nobody is mailed\n")
	}
	for _, r := range u.Alerts.Reached {
		fmt.Fprintf(&b, "reached: %s, %d now\n", threshold(r.Of, r.Threshold), r.Used)
	}
	return a.print(b.String())
}

// threshold is one in words.
func threshold(of string, n int64) string {
	if of == "org_limit" {
		return fmt.Sprintf("%d %% of the org's requests in 24 hours", n)
	}
	return fmt.Sprintf("%d calls of Connect that count in 24 hours", n)
}
