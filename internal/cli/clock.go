package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/twinspan/twinspan/internal/client/control"
)

// clockCmd shows or moves domain time.
type clockCmd struct {
	clientFlags
	Advance time.Duration `help:"Move it on by a duration such as 336h." placeholder:"DURATION" env:"-"`
	Set     string        `help:"Set it: an RFC 3339 time such as 2026-12-24T18:00:00Z, or now." placeholder:"TIME" env:"-"`
}

// Run shows the clock, after moving it where asked.
func (c *clockCmd) Run(ctx context.Context, a *app) error {
	if c.Advance != 0 && c.Set != "" {
		return usagef("--advance and --set cannot go together")
	}
	cl, err := c.control()
	if err != nil {
		return err
	}
	var clock control.Clock
	switch {
	case c.Advance != 0:
		clock, err = cl.Advance(ctx, c.Advance)
	case c.Set != "":
		at := time.Now()
		if c.Set != "now" {
			if at, err = time.Parse(time.RFC3339, c.Set); err != nil {
				return usagef("--set: %q is no time such as 2026-12-24T18:00:00Z", c.Set)
			}
		}
		clock, err = cl.SetClock(ctx, at)
	default:
		clock, err = cl.Clock(ctx)
	}
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(clock)
	}
	return a.print(fmt.Sprintf("%s  %s ahead\n", clock.Now.Format(time.RFC3339), clock.Offset))
}
