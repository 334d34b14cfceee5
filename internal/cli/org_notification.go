package cli

import (
	"context"
	"strconv"

	"github.com/twinspan/twinspan/internal/client/crm"
)

// orgNotificationCmd is Setup > API Usage Notifications.
type orgNotificationCmd struct {
	List   orgNotificationListCmd   `cmd:"" help:"List who is mailed, and when that was last."`
	Add    orgNotificationAddCmd    `cmd:"" help:"Mail a user when the API requests of the last 24 hours reach a part of the limit."`
	Remove orgNotificationRemoveCmd `cmd:"" help:"Mail a user no more."`
}

type orgNotificationListCmd struct{ orgFlags }

// Run lists them.
func (c *orgNotificationListCmd) Run(ctx context.Context, a *app) error {
	return c.session(ctx, a, func(s *crm.Session) error {
		all, err := s.UsageNotices(ctx)
		if err != nil {
			return err
		}
		return list(a, all, []string{"user", "threshold", "at most every", "last mail"}, func(n crm.UsageNotice) []string {
			last := ""
			if n.LastSent != nil {
				last = n.LastSent.Format("2006-01-02 15:04:05Z07:00")
			}
			return []string{n.Username, strconv.Itoa(n.Threshold) + "%", strconv.Itoa(n.IntervalHours) + "h", last}
		})
	})
}

type orgNotificationAddCmd struct {
	orgFlags
	Username  string `arg:"" help:"User name."`
	Threshold int    `required:"" help:"Percentage of the limit, 0 to 100." env:"-"`
	Interval  int    `help:"At most one mail in so many hours, 1 to 24." default:"24" env:"-"`
}

// Run keeps it.
func (c *orgNotificationAddCmd) Run(ctx context.Context, a *app) error {
	if c.Interval < 1 || c.Interval > 24 {
		return usagef("--interval: %d is not from 1 to 24", c.Interval)
	}
	return c.session(ctx, a, func(s *crm.Session) error {
		if err := s.PutUsageNotice(ctx, c.Username, c.Threshold, c.Interval); err != nil {
			return err
		}
		return a.printDone(true, map[string]any{"username": c.Username, "threshold": c.Threshold}, "%s is mailed at %d%%, at most every %d hours", c.Username, c.Threshold, c.Interval)
	})
}

type orgNotificationRemoveCmd struct {
	orgFlags
	Username  string `arg:"" help:"User name."`
	Threshold int    `required:"" help:"Percentage that it was made for." env:"-"`
}

// Run removes it.
func (c *orgNotificationRemoveCmd) Run(ctx context.Context, a *app) error {
	return c.session(ctx, a, func(s *crm.Session) error {
		if err := s.DeleteUsageNotice(ctx, c.Username, c.Threshold); err != nil {
			return err
		}
		return a.printDone(true, map[string]any{"username": c.Username, "threshold": c.Threshold}, "%s is mailed at %d%% no more", c.Username, c.Threshold)
	})
}
