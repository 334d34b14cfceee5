package cli

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/twinspan/twinspan/internal/client/connect"
)

// connectUsage prints what Connect's calls cost; errNo where the org's limit is used up to the threshold.
func (c *usageCmd) connectUsage(ctx context.Context, a *app) error {
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
