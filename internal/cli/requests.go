package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/twinspan/twinspan/internal/client/control"
)

// requestsCmd shows recorded requests.
type requestsCmd struct {
	clientFlags
	House  string `help:"Only requests to crm, engagement or connect." enum:",crm,engagement,connect" default:"" placeholder:"HOUSE" env:"-"`
	Path   string `help:"Only requests whose path has this part." placeholder:"PART" env:"-"`
	Status string `help:"Only requests that were answered so: 404, 4xx, failed (4xx and 5xx), or none." placeholder:"STATUS" env:"-"`
	Who    string `help:"Only requests of the user or app whose name or client id has this part." placeholder:"PART" env:"-"`
	Since  int64  `help:"Only requests after this id." placeholder:"ID" env:"-"`
	Follow bool   `help:"Go on as requests come, until interrupted." env:"-"`
}

// Run prints one line a request; with --json whole requests, one a line.
func (c *requestsCmd) Run(ctx context.Context, a *app) error {
	cl, err := c.control()
	if err != nil {
		return err
	}
	which := control.Filter{House: c.House, Path: c.Path, Status: c.Status, Who: c.Who, Since: c.Since}
	if c.Follow {
		return cl.Follow(ctx, which, a.printRequest)
	}
	list, err := cl.Requests(ctx, which)
	if err != nil {
		return err
	}
	for _, r := range list {
		if err := a.printRequest(r); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) printRequest(r control.Request) error {
	if a.json {
		line, err := json.Marshal(r)
		if err != nil {
			return err
		}
		return a.print(string(line) + "\n")
	}
	return a.print(fmt.Sprintf("%d %s %-10s %d %6.1f ms  %s %s\n", r.ID, r.Time.Format(time.TimeOnly), r.House, r.Status, r.Millis, r.Method, oneLine(r.Path)))
}
