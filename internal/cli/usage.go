package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/twinspan/twinspan/internal/client/crm"
	"github.com/twinspan/twinspan/internal/vault"
)

// usageCmd is about what the org's API is used for.
type usageCmd struct {
	Show   usageShowCmd   `cmd:"" default:"withargs" help:"Show how much of the org's API was used, and by whom."`
	Alerts usageAlertsCmd `cmd:"" help:"Show or change at which use people are mailed."`
}

// usageShowCmd shows what the org's API was used for.
type usageShowCmd struct {
	connectFlags
	Hourly    bool `help:"One line for each hour." env:"-"`
	Connect   bool `help:"What Connect's own calls cost in each cloud, and whether they count." env:"-"`
	Threshold int  `help:"With --connect: exit code 3 where so many percent of the org's limit are used." placeholder:"PERCENT" env:"-"`
}

// Run prints how the rolling 24 hours stand, and who called in the last seven days.
func (c *usageShowCmd) Run(ctx context.Context, a *app) error {
	if c.Connect {
		return c.connectUsage(ctx, a)
	}
	r, err := c.withClouds()
	if err != nil {
		return err
	}
	cl, err := crm.New(crm.Options{BaseURL: r.CRM.URL})
	if err != nil {
		return err
	}
	// login and revoke do not count; the one call between them does, and tells so.
	token, err := cl.Login(ctx, r.CRM.Admin.Username, vault.Secret(r.CRM.Admin.Password+r.CRM.Admin.SecurityToken))
	if err != nil {
		return err
	}
	u, err := cl.Session(token).Usage(ctx)
	if e := cl.Revoke(ctx, token.AccessToken); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(u)
	}
	if err := a.print(fmt.Sprintf("%d of %d API requests in the last 24 hours, %d left\n\n", u.Used, u.Max, u.Remaining)); err != nil {
		return err
	}
	return a.printTable(usageTable(u.Hours, c.Hourly))
}

// usageTable has a line for each app and user, or for each of their hours.
func usageTable(hours []crm.UsageHour, hourly bool) (head []string, rows [][]string) {
	head = []string{"app", "user", "counted", "not counted"}
	if hourly {
		head = append([]string{"hour"}, head...)
	} else {
		hours = slices.Clone(hours)
		at := map[[2]string]int{}
		sums := hours[:0]
		for _, h := range hours {
			key := [2]string{h.AppID, h.UserID}
			i, seen := at[key]
			if !seen {
				at[key] = len(sums)
				sums = append(sums, h)
				continue
			}
			sums[i].Counted += h.Counted
			sums[i].Exempt += h.Exempt
		}
		hours = sums
	}
	for _, h := range hours {
		app := h.App
		switch {
		case app == "" && h.AppID == "":
			app = "(no app)"
		case app == "":
			app = h.AppID
		}
		row := []string{app, h.User, strconv.FormatInt(h.Counted, 10), strconv.FormatInt(h.Exempt, 10)}
		if hourly {
			row = append([]string{h.Hour}, row...)
		}
		rows = append(rows, row)
	}
	return head, rows
}
